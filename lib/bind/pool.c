/* Bindings of pooling. */
#include "ops/pool.h"
#include "bind/bind.h"

/* kernel, stride (default: the kernel), padding at `arg` and after; the caller reads the rest. */
static PoolOptions check_window(lua_State *L, int arg) {
    PoolOptions o = {.dilation = {1, 1}, .count_include_pad = true};
    if (lua_isnoneornil(L, arg)) bad_argument(L, arg, "a kernel size");
    check_ints(L, arg, 2, o.kernel, 1);
    o.stride[0] = o.kernel[0], o.stride[1] = o.kernel[1];
    if (!lua_isnoneornil(L, arg + 1)) check_ints(L, arg + 1, 2, o.stride, 1);
    check_ints(L, arg + 2, 2, o.padding, 0);
    return o;
}

/* kernel, stride, padding, dilation, ceil_mode */
static PoolOptions check_max(lua_State *L, int arg) {
    PoolOptions o = check_window(L, arg);
    check_ints(L, arg + 3, 2, o.dilation, 1);
    o.ceil_mode = opt_bool(L, arg + 4, false);
    return o;
}

/* kernel, stride, padding, ceil_mode, count_include_pad, divisor_override */
static PoolOptions check_avg(lua_State *L, int arg) {
    PoolOptions o = check_window(L, arg);
    o.ceil_mode = opt_bool(L, arg + 3, false);
    o.count_include_pad = opt_bool(L, arg + 4, true);
    o.divisor = opt_number(L, arg + 5, 0);
    if (!lua_isnoneornil(L, arg + 5) && o.divisor == 0) bad_argument(L, arg + 5, "a divisor other than 0");
    return o;
}

static int l_max_pool2d(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    PoolOptions o = check_max(L, 2);
    return result(L, op_max_pool2d(ctx(L), new_tensor(L), x, &o));
}

static int l_max_pool2d_indices(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    PoolOptions o = check_max(L, 2);
    return result(L, op_max_pool2d_indices(ctx(L), new_tensor(L), x, &o));
}

/* max_pool2d_grad(g, x, kernel, ...), max_pool2d_pick(v, x, kernel, ...) */
static int l_max_pool2d_grad(lua_State *L) {
    const Tensor *g = check_tensor(L, 1), *x = check_tensor(L, 2);
    PoolOptions o = check_max(L, 3);
    return result(L, op_max_pool2d_grad(ctx(L), new_tensor(L), g, x, &o));
}

static int l_max_pool2d_pick(lua_State *L) {
    const Tensor *v = check_tensor(L, 1), *x = check_tensor(L, 2);
    PoolOptions o = check_max(L, 3);
    return result(L, op_max_pool2d_pick(ctx(L), new_tensor(L), v, x, &o));
}

static int l_avg_pool2d(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    PoolOptions o = check_avg(L, 2);
    return result(L, op_avg_pool2d(ctx(L), new_tensor(L), x, &o));
}

/* avg_pool2d_grad(g, {h, w}, kernel, ...) */
static int l_avg_pool2d_grad(lua_State *L) {
    const Tensor *g = check_tensor(L, 1);
    int64_t size[2];
    check_ints(L, 2, 2, size, 0);
    PoolOptions o = check_avg(L, 3);
    return result(L, op_avg_pool2d_grad(ctx(L), new_tensor(L), g, size[0], size[1], &o));
}

static int l_adaptive_avg_pool2d(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    int64_t size[2];
    if (lua_isnoneornil(L, 2)) bad_argument(L, 2, "an output size");
    check_ints(L, 2, 2, size, 1);
    return result(L, op_adaptive_avg_pool2d(ctx(L), new_tensor(L), x, size[0], size[1]));
}

static int l_adaptive_avg_pool2d_grad(lua_State *L) {
    const Tensor *g = check_tensor(L, 1);
    int64_t size[2];
    check_ints(L, 2, 2, size, 0);
    return result(L, op_adaptive_avg_pool2d_grad(ctx(L), new_tensor(L), g, size[0], size[1]));
}

void open_pool(lua_State *L) {
    static const OpReg ops[] = {{"max_pool2d", l_max_pool2d, 6},
                                {"max_pool2d_indices", l_max_pool2d_indices, 6},
                                {"max_pool2d_grad", l_max_pool2d_grad, 7},
                                {"max_pool2d_pick", l_max_pool2d_pick, 7},
                                {"avg_pool2d", l_avg_pool2d, 7},
                                {"avg_pool2d_grad", l_avg_pool2d_grad, 8},
                                {"adaptive_avg_pool2d", l_adaptive_avg_pool2d, 2},
                                {"adaptive_avg_pool2d_grad", l_adaptive_avg_pool2d_grad, 2},
                                {0}};
    register_ops(L, ops);
}
