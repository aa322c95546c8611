/* Bindings of the losses. The gradients are plain functions, except where their own gradient is an op too:
 * stdlib/ops/loss.lua. */
#include "ops/loss.h"
#include "bind/bind.h"
#include <string.h>

enum { IGNORE_INDEX = -100 }; /* PyTorch's default */

static Reduction opt_reduction(lua_State *L, int arg) {
    static const char *const names[] = {"mean", "sum", "none"};
    if (lua_isnoneornil(L, arg)) return LOSS_MEAN;
    if (lua_type(L, arg) == LUA_TSTRING)
        for (int i = 0; i < 3; i++)
            if (strcmp(lua_tostring(L, arg), names[i]) == 0) return (Reduction)i;
    bad_argument(L, arg, "a reduction: 'mean', 'sum' or 'none'");
    return LOSS_MEAN;
}

/* mse_loss(x, target, reduction) */
static int l_mse_loss(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *target = check_tensor(L, 2);
    options(L, 3, "reduction", NULL);
    Reduction r = opt_reduction(L, 3);
    return result(L, op_mse_loss(ctx(L), new_tensor(L), x, target, r));
}

/* mse_loss_grad(g, x, target, reduction) */
static int l_mse_loss_grad(lua_State *L) {
    const Tensor *g = check_tensor(L, 1), *x = check_tensor(L, 2), *target = check_tensor(L, 3);
    Reduction r = opt_reduction(L, 4);
    return result(L, op_mse_loss_grad(ctx(L), new_tensor(L), g, x, target, r));
}

/* binary_cross_entropy_with_logits(x, target, weight, pos_weight, reduction) */
static int l_bce_with_logits(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *target = check_tensor(L, 2);
    options(L, 3, "weight", "pos_weight", "reduction", NULL);
    const Tensor *weight = opt_tensor(L, 3), *positive = opt_tensor(L, 4);
    Reduction r = opt_reduction(L, 5);
    return result(L, op_bce(ctx(L), new_tensor(L), x, target, weight, positive, r, true));
}

/* ..._grad(g, x, target, weight, pos_weight, reduction) */
static int l_bce_with_logits_grad(lua_State *L) {
    const Tensor *g = check_tensor(L, 1), *x = check_tensor(L, 2), *target = check_tensor(L, 3);
    const Tensor *weight = opt_tensor(L, 4), *positive = opt_tensor(L, 5);
    Reduction r = opt_reduction(L, 6);
    return result(L, op_bce_grad(ctx(L), new_tensor(L), g, x, target, weight, positive, r, true));
}

/* binary_cross_entropy(x, target, weight, reduction) */
static int l_bce(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *target = check_tensor(L, 2);
    options(L, 3, "weight", "reduction", NULL);
    const Tensor *weight = opt_tensor(L, 3);
    Reduction r = opt_reduction(L, 4);
    return result(L, op_bce(ctx(L), new_tensor(L), x, target, weight, NULL, r, false));
}

/* binary_cross_entropy_grad(g, x, target, weight, reduction) */
static int l_bce_grad(lua_State *L) {
    const Tensor *g = check_tensor(L, 1), *x = check_tensor(L, 2), *target = check_tensor(L, 3);
    const Tensor *weight = opt_tensor(L, 4);
    Reduction r = opt_reduction(L, 5);
    return result(L, op_bce_grad(ctx(L), new_tensor(L), g, x, target, weight, NULL, r, false));
}

/* weight, ignore_index, reduction and label_smoothing from argument `first` on. */
static ClassOptions class_options(lua_State *L, const char *name, bool normalised, int first) {
    return (ClassOptions){.name = name,
                          .normalised = normalised,
                          .weight = opt_tensor(L, first),
                          .ignore_index = opt_int(L, first + 1, IGNORE_INDEX),
                          .reduction = opt_reduction(L, first + 2),
                          .smoothing = normalised ? 0 : opt_number(L, first + 3, 0)};
}

/* cross_entropy(x, target, weight, ignore_index, reduction, label_smoothing) */
static int l_cross_entropy(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *target = check_tensor(L, 2);
    options(L, 3, "weight", "ignore_index", "reduction", "label_smoothing", NULL);
    const ClassOptions o = class_options(L, "cross_entropy", false, 3);
    return result(L, op_class_loss(ctx(L), new_tensor(L), x, target, &o));
}

/* cross_entropy_grad(g, x, target, weight, ignore_index, reduction, label_smoothing) */
static int l_cross_entropy_grad(lua_State *L) {
    const Tensor *g = check_tensor(L, 1), *x = check_tensor(L, 2), *target = check_tensor(L, 3);
    const ClassOptions o = class_options(L, "cross_entropy", false, 4);
    return result(L, op_class_loss_grad(ctx(L), new_tensor(L), g, x, target, &o));
}

/* nll_loss(x, target, weight, ignore_index, reduction) */
static int l_nll_loss(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *target = check_tensor(L, 2);
    options(L, 3, "weight", "ignore_index", "reduction", NULL);
    const ClassOptions o = class_options(L, "nll_loss", true, 3);
    return result(L, op_class_loss(ctx(L), new_tensor(L), x, target, &o));
}

/* nll_loss_grad(g, x, target, weight, ignore_index, reduction): of x only the shape counts */
static int l_nll_loss_grad(lua_State *L) {
    const Tensor *g = check_tensor(L, 1), *x = to_tensor(L, 2), *target = check_tensor(L, 3);
    if (!x) bad_argument(L, 2, "a tensor");
    const ClassOptions o = class_options(L, "nll_loss_grad", true, 4);
    return result(L, op_class_loss_grad(ctx(L), new_tensor(L), g, x, target, &o));
}

void open_loss(lua_State *L) {
    static const OpReg ops[] = {{"mse_loss", l_mse_loss, 3 | NAMED},
                                {"binary_cross_entropy", l_bce, 4 | NAMED},
                                {"binary_cross_entropy_with_logits", l_bce_with_logits, 5 | NAMED},
                                {"cross_entropy", l_cross_entropy, 6 | NAMED},
                                {"nll_loss", l_nll_loss, 5 | NAMED},
                                {"nll_loss_grad", l_nll_loss_grad, 6},
                                {0}};
    static const OpReg gradients[] = {{"mse_loss_grad", l_mse_loss_grad, 4},
                                      {"binary_cross_entropy_grad", l_bce_grad, 5},
                                      {"binary_cross_entropy_with_logits_grad", l_bce_with_logits_grad, 6},
                                      {"cross_entropy_grad", l_cross_entropy_grad, 7},
                                      {0}};
    register_ops(L, ops);
    register_functions(L, gradients);
}
