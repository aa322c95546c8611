/* Bindings of softmax and the normalisations. The gradients are plain functions: stdlib/ops/norm.lua calls
 * them where nothing is recorded. */
#include "ops/norm.h"
#include "bind/bind.h"
#include "ops/softmax.h"
#include <math.h>

/* NAME(x, dim, dtype) */
static int softmax(lua_State *L, const char *name, SoftmaxForm form) {
    const Tensor *x = check_tensor(L, 1);
    options(L, 2, "dim", "dtype", NULL);
    int dim = check_dim(L, 2, x);
    DType dtype = opt_dtype(L, 3, (DType)x->dtype);
    return result(L, op_softmax(ctx(L), new_tensor(L), x, name, dim, dtype, form));
}
static int l_softmax(lua_State *L) {
    return softmax(L, "softmax", FORM_SOFTMAX);
}
static int l_log_softmax(lua_State *L) {
    return softmax(L, "log_softmax", FORM_LOG_SOFTMAX);
}

/* NAME(g, y, dim) */
static int l_softmax_grad(lua_State *L) {
    const Tensor *g = check_tensor(L, 1), *y = check_tensor(L, 2);
    int dim = check_dim(L, 3, y);
    return result(L, op_softmax_grad(ctx(L), new_tensor(L), g, y, "softmax", dim, FORM_SOFTMAX));
}
static int l_log_softmax_grad(lua_State *L) {
    const Tensor *g = check_tensor(L, 1), *y = check_tensor(L, 2);
    int dim = check_dim(L, 3, y);
    return result(L, op_softmax_grad(ctx(L), new_tensor(L), g, y, "log_softmax", dim, FORM_LOG_SOFTMAX));
}

/* An integer or a table of them. */
static int check_sizes(lua_State *L, int arg, int64_t *size) {
    if (lua_istable(L, arg)) return check_shape(L, arg, size);
    size[0] = check_int(L, arg);
    return 1;
}

/* layer_norm(x, normalized_shape, weight, bias, eps) */
static int l_layer_norm(lua_State *L) {
    int64_t size[MAX_DIMS];
    const Tensor *x = check_tensor(L, 1);
    options(L, 2, "normalized_shape", "weight", "bias", "eps", NULL);
    const Tensor *weight = opt_tensor(L, 3), *bias = opt_tensor(L, 4);
    const RowNorm r = {.name = "layer_norm",
                       .ndim = check_sizes(L, 2, size),
                       .size = size,
                       .eps = opt_number(L, 5, 1e-5),
                       .centre = true};
    return result(L, op_row_norm(ctx(L), new_tensor(L), x, weight, bias, &r));
}

/* rms_norm(x, normalized_shape, weight, eps) */
static int l_rms_norm(lua_State *L) {
    int64_t size[MAX_DIMS];
    const Tensor *x = check_tensor(L, 1);
    options(L, 2, "normalized_shape", "weight", "eps", NULL);
    const Tensor *weight = opt_tensor(L, 3);
    const RowNorm r = {
        .name = "rms_norm", .ndim = check_sizes(L, 2, size), .size = size, .eps = opt_number(L, 4, NAN)};
    return result(L, op_row_norm(ctx(L), new_tensor(L), x, weight, NULL, &r));
}

/* An empty tensor where argument `arg` is true, else nil: both stand on the stack as a result. */
static Tensor *wanted(lua_State *L, int arg) {
    if (lua_toboolean(L, arg)) return new_tensor(L);
    lua_pushnil(L);
    return NULL;
}

/* layer_norm_grad(g, x, normalized_shape, weight, eps, want_weight, want_bias) -> gx, gw, gb */
static int l_layer_norm_grad(lua_State *L) {
    int64_t size[MAX_DIMS];
    const Tensor *g = check_tensor(L, 1), *x = check_tensor(L, 2), *weight = opt_tensor(L, 4);
    const RowNorm r = {.name = "layer_norm",
                       .ndim = check_sizes(L, 3, size),
                       .size = size,
                       .eps = opt_number(L, 5, 1e-5),
                       .centre = true};
    Tensor *gx = new_tensor(L), *gw = wanted(L, 6), *gb = wanted(L, 7);
    return results(L, op_row_norm_grad(ctx(L), gx, gw, gb, g, x, weight, &r), 3);
}

/* rms_norm_grad(g, x, normalized_shape, weight, eps, want_weight) -> gx, gw */
static int l_rms_norm_grad(lua_State *L) {
    int64_t size[MAX_DIMS];
    const Tensor *g = check_tensor(L, 1), *x = check_tensor(L, 2), *weight = opt_tensor(L, 4);
    const RowNorm r = {
        .name = "rms_norm", .ndim = check_sizes(L, 3, size), .size = size, .eps = opt_number(L, 5, NAN)};
    Tensor *gx = new_tensor(L), *gw = wanted(L, 6);
    return results(L, op_row_norm_grad(ctx(L), gx, gw, NULL, g, x, weight, &r), 2);
}

/* batch_norm_train(x, weight, bias, running_mean, running_var, momentum, eps) */
static int l_batch_norm_train(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *weight = opt_tensor(L, 2), *bias = opt_tensor(L, 3);
    Tensor *mean = opt_tensor(L, 4), *var = opt_tensor(L, 5);
    double momentum = opt_number(L, 6, 0.1), eps = opt_number(L, 7, 1e-5);
    return result(L, op_batch_norm_train(ctx(L), new_tensor(L), x, weight, bias, mean, var, momentum, eps));
}

/* batch_norm_train_grad(g, x, weight, eps, want_weight, want_bias) -> gx, gw, gb */
static int l_batch_norm_train_grad(lua_State *L) {
    const Tensor *g = check_tensor(L, 1), *x = check_tensor(L, 2), *weight = opt_tensor(L, 3);
    double eps = opt_number(L, 4, 1e-5);
    Tensor *gx = new_tensor(L), *gw = wanted(L, 5), *gb = wanted(L, 6);
    return results(L, op_batch_norm_train_grad(ctx(L), gx, gw, gb, g, x, weight, eps), 3);
}

/* batch_norm_eval(x, mean, var, weight, bias, eps) */
static int l_batch_norm_eval(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *mean = check_tensor(L, 2), *var = check_tensor(L, 3);
    const Tensor *weight = opt_tensor(L, 4), *bias = opt_tensor(L, 5);
    double eps = opt_number(L, 6, 1e-5);
    return result(L, op_batch_norm_eval(ctx(L), new_tensor(L), x, mean, var, weight, bias, eps));
}

/* group_norm(x, num_groups, weight, bias, eps) */
static int l_group_norm(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    options(L, 2, "num_groups", "weight", "bias", "eps", NULL);
    int64_t groups = check_int(L, 2);
    const Tensor *weight = opt_tensor(L, 3), *bias = opt_tensor(L, 4);
    double eps = opt_number(L, 5, 1e-5);
    return result(L, op_group_norm(ctx(L), new_tensor(L), x, groups, weight, bias, eps));
}

/* group_norm_grad(g, x, num_groups, weight, eps, want_weight, want_bias) -> gx, gw, gb */
static int l_group_norm_grad(lua_State *L) {
    const Tensor *g = check_tensor(L, 1), *x = check_tensor(L, 2), *weight = opt_tensor(L, 4);
    int64_t groups = check_int(L, 3);
    double eps = opt_number(L, 5, 1e-5);
    Tensor *gx = new_tensor(L), *gw = wanted(L, 6), *gb = wanted(L, 7);
    return results(L, op_group_norm_grad(ctx(L), gx, gw, gb, g, x, groups, weight, eps), 3);
}

void open_norm(lua_State *L) {
    static const OpReg ops[] = {
        {"softmax", l_softmax, 3 | NAMED},           {"log_softmax", l_log_softmax, 3 | NAMED},
        {"layer_norm", l_layer_norm, 5 | NAMED},     {"rms_norm", l_rms_norm, 4 | NAMED},
        {"batch_norm_train", l_batch_norm_train, 7}, {"batch_norm_eval", l_batch_norm_eval, 6},
        {"group_norm", l_group_norm, 5 | NAMED},     {0}};
    static const OpReg gradients[] = {{"softmax_grad", l_softmax_grad, 3},
                                      {"log_softmax_grad", l_log_softmax_grad, 3},
                                      {"layer_norm_grad", l_layer_norm_grad, 7},
                                      {"rms_norm_grad", l_rms_norm_grad, 6},
                                      {"batch_norm_train_grad", l_batch_norm_train_grad, 6},
                                      {"group_norm_grad", l_group_norm_grad, 7},
                                      {0}};
    register_ops(L, ops);
    register_functions(L, gradients);
}
