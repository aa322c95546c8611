/* Bindings of the matrix products. mm, bmm, mv and dot are matmul for operands of stated dimensions. */
#include "ops/matmul.h"
#include "bind/bind.h"
#include <string.h>

static int l_matmul(lua_State *L) {
    const Tensor *a = check_tensor(L, 1), *b = check_tensor(L, 2);
    return result(L, op_matmul(ctx(L), new_tensor(L), a, b, "matmul"));
}

static int product_of(lua_State *L, int dims_a, int dims_b) {
    const Tensor *a = check_tensor(L, 1), *b = check_tensor(L, 2);
    const char *name = op_name(L);
    if (a->ndim != dims_a || b->ndim != dims_b)
        raise(L, "%s: expected tensors of %d and %d dimensions, got (%s) and (%s)", name, dims_a, dims_b,
              SHAPE(a), SHAPE(b));
    if (dims_a == 3 && a->size[0] != b->size[0])
        raise(L, "%s: (%s) and (%s): batch sizes %lld and %lld differ", name, SHAPE(a), SHAPE(b),
              (long long)a->size[0], (long long)b->size[0]);
    return result(L, op_matmul(ctx(L), new_tensor(L), a, b, name));
}

static int l_mm(lua_State *L) {
    return product_of(L, 2, 2);
}
static int l_bmm(lua_State *L) {
    return product_of(L, 3, 3);
}
static int l_mv(lua_State *L) {
    return product_of(L, 2, 1);
}
static int l_dot(lua_State *L) {
    return product_of(L, 1, 1);
}

static int l_linear(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *w = check_tensor(L, 2), *bias = opt_tensor(L, 3);
    return result(L, op_linear(ctx(L), new_tensor(L), x, w, bias));
}

/* set_float32_matmul_precision("highest" | "high" | "medium"): the last two allow tf32 */
static int l_set_precision(lua_State *L) {
    static const char *const names[] = {"highest", "high", "medium", NULL};
    const char *name = check_string(L, 1);
    int i = 0;
    while (names[i] && strcmp(names[i], name) != 0) i++;
    if (!names[i]) raise(L, "%s: expected 'highest', 'high' or 'medium', got '%s'", op_name(L), name);
    ctx(L)->allow_tf32 = i > 0;
    return 0;
}

static int l_get_precision(lua_State *L) {
    lua_pushstring(L, ctx(L)->allow_tf32 ? "high" : "highest");
    return 1;
}

void open_matmul(lua_State *L) {
    static const OpReg ops[] = {{"matmul", l_matmul, 2},
                                {"mm", l_mm, 2},
                                {"bmm", l_bmm, 2},
                                {"mv", l_mv, 2},
                                {"dot", l_dot, 2},
                                {"linear", l_linear, 3},
                                {0}};
    static const OpReg global[] = {{"set_float32_matmul_precision", l_set_precision, 1},
                                   {"get_float32_matmul_precision", l_get_precision, 0},
                                   {0}};
    register_ops(L, ops);
    register_functions(L, global);
}
