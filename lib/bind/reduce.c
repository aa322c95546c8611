/* Bindings of reductions, scans and ordering. PyTorch's names and argument order; dims and positions from 1.
 */
#include "ops/reduce.h"
#include "bind/bind.h"
#include <math.h>
#include <string.h>

/* The dims at `arg` (one, a table, nil for all) as a mask. */
static uint32_t check_mask(lua_State *L, int arg, const Tensor *x) {
    int dims[MAX_DIMS];
    if (lua_isnoneornil(L, arg)) return reduce_all(x);
    int count = check_dims(L, arg, x, dims);
    uint32_t mask = 0;
    if (lua_istable(L, arg) && lua_rawlen(L, arg) == 0) return reduce_all(x); /* as PyTorch's dim=() */
    for (int i = 0; i < count; i++) mask |= 1u << dims[i];
    return mask & reduce_all(x);
}

static int dim_or_last(lua_State *L, int arg, const Tensor *x) {
    if (lua_isnoneornil(L, arg)) return x->ndim ? x->ndim - 1 : 0;
    return check_dim(L, arg, x);
}

/* NAME(x, dim, keepdim) */
static int reduce(lua_State *L, ReduceOp op, const char *name) {
    Tensor *x = check_tensor(L, 1);
    options(L, 2, "dim", "keepdim", NULL);
    uint32_t mask = check_mask(L, 2, x);
    bool keepdim = opt_bool(L, 3, false);
    return result(L, op_reduce(ctx(L), new_tensor(L), x, op, name, mask, keepdim));
}

/* NAME(x, dim, keepdim, dtype) */
static int reduce_as(lua_State *L, ReduceOp op, const char *name) {
    Tensor *x = check_tensor(L, 1);
    options(L, 2, "dim", "keepdim", "dtype", NULL);
    uint32_t mask = check_mask(L, 2, x);
    bool keepdim = opt_bool(L, 3, false);
    DType dtype = opt_dtype(L, 4, (DType)x->dtype);
    bool given = !lua_isnoneornil(L, 4);
    Tensor *out = new_tensor(L);
    if (given) return result(L, op_reduce_as(ctx(L), out, x, op, name, mask, keepdim, dtype));
    return result(L, op_reduce(ctx(L), out, x, op, name, mask, keepdim));
}

static int l_sum(lua_State *L) {
    return reduce_as(L, REDUCE_sum, "sum");
}
static int l_nansum(lua_State *L) {
    return reduce_as(L, REDUCE_nansum, "nansum");
}
static int l_prod(lua_State *L) {
    return reduce_as(L, REDUCE_prod, "prod");
}
static int l_mean(lua_State *L) {
    return reduce_as(L, REDUCE_mean, "mean");
}
static int l_amax(lua_State *L) {
    return reduce(L, REDUCE_amax, "amax");
}
static int l_amin(lua_State *L) {
    return reduce(L, REDUCE_amin, "amin");
}
/* aminmax(x, dim, keepdim): both */
static int l_aminmax(lua_State *L) {
    Tensor *x = check_tensor(L, 1);
    options(L, 2, "dim", "keepdim", NULL);
    uint32_t mask = check_mask(L, 2, x);
    bool keepdim = opt_bool(L, 3, false);
    Tensor *low = new_tensor(L), *high = new_tensor(L);
    return results(L, op_aminmax(ctx(L), low, high, x, "aminmax", mask, keepdim), 2);
}
static int l_all(lua_State *L) {
    return reduce(L, REDUCE_all, "all");
}
static int l_any(lua_State *L) {
    return reduce(L, REDUCE_any, "any");
}
static int l_count_nonzero(lua_State *L) {
    return reduce(L, REDUCE_count_nonzero, "count_nonzero");
}

static int l_logsumexp(lua_State *L) {
    Tensor *x = check_tensor(L, 1);
    options(L, 2, "dim", "keepdim", NULL);
    uint32_t mask = check_mask(L, 2, x);
    bool keepdim = opt_bool(L, 3, false);
    return result(L, op_logsumexp(ctx(L), new_tensor(L), x, mask, keepdim));
}

/* norm(x, p, dim, keepdim): p a number, "inf", "fro" or nil (2). */
static int l_norm(lua_State *L) {
    Tensor *x = check_tensor(L, 1);
    options(L, 2, "p", "dim", "keepdim", NULL);
    double p = 2;
    if (lua_type(L, 2) == LUA_TSTRING) {
        const char *name = lua_tostring(L, 2);
        if (strcmp(name, "inf") == 0 || strcmp(name, "-inf") == 0)
            p = *name == '-' ? -INFINITY : INFINITY;
        else if (strcmp(name, "fro") != 0)
            bad_argument(L, 2, "a number, 'fro', 'inf' or '-inf'");
    } else {
        p = opt_number(L, 2, 2);
    }
    uint32_t mask = check_mask(L, 3, x);
    bool keepdim = opt_bool(L, 4, false);
    return result(L, op_norm(ctx(L), new_tensor(L), x, p, mask, keepdim));
}

/* NAME(x, dim, correction, keepdim, unbiased): unbiased false is a correction of 0, PyTorch's older way. */
static int variance(lua_State *L, const char *name, bool root, bool with_mean) {
    Tensor *x = check_tensor(L, 1);
    options(L, 2, "dim", "correction", "keepdim", "unbiased", NULL);
    uint32_t mask = check_mask(L, 2, x);
    if (!lua_isnoneornil(L, 5)) {
        if (!lua_isnil(L, 3)) raise(L, "%s: give correction or unbiased, not both", name);
        lua_pushinteger(L, opt_bool(L, 5, true)); /* the gradient's rule reads it there */
        lua_replace(L, 3);
    }
    double correction = opt_number(L, 3, 1);
    bool keepdim = opt_bool(L, 4, false);
    Tensor *out = new_tensor(L), *mean = with_mean ? new_tensor(L) : NULL;
    bool ok = op_var(ctx(L), out, mean, x, name, mask, correction, keepdim, root);
    return results(L, ok, with_mean ? 2 : 1);
}
static int l_var(lua_State *L) {
    return variance(L, "var", false, false);
}
static int l_std(lua_State *L) {
    return variance(L, "std", true, false);
}
static int l_var_mean(lua_State *L) {
    return variance(L, "var_mean", false, true);
}
static int l_std_mean(lua_State *L) {
    return variance(L, "std_mean", true, true);
}

/* NAME(x, dim, keepdim): the position; over the flat tensor without a dim. */
static int position(lua_State *L, const char *name, bool smallest) {
    Tensor *x = check_tensor(L, 1);
    options(L, 2, "dim", "keepdim", NULL);
    int dim = lua_isnoneornil(L, 2) ? -1 : check_dim(L, 2, x);
    bool keepdim = opt_bool(L, 3, false);
    return result(L, op_extreme(ctx(L), NULL, new_tensor(L), x, name, smallest, dim, keepdim));
}
static int l_argmax(lua_State *L) {
    return position(L, "argmax", false);
}
static int l_argmin(lua_State *L) {
    return position(L, "argmin", true);
}

/* max_dim(x, dim, keepdim) -> values, positions: what max and min are with a dim (stdlib/ops/reduce.lua). */
static int extreme(lua_State *L, const char *name, bool smallest) {
    Tensor *x = check_tensor(L, 1);
    int dim = check_dim(L, 2, x);
    bool keepdim = opt_bool(L, 3, false);
    Tensor *value = new_tensor(L), *index = new_tensor(L);
    return results(L, op_extreme(ctx(L), value, index, x, name, smallest, dim, keepdim), 2);
}
static int l_max_dim(lua_State *L) {
    return extreme(L, "max", false);
}
static int l_min_dim(lua_State *L) {
    return extreme(L, "min", true);
}

static int l_sum_to_size(lua_State *L) {
    Tensor *x = check_tensor(L, 1);
    int64_t size[MAX_DIMS];
    int ndim = check_shape(L, 2, size);
    return result(L, op_sum_to_size(ctx(L), new_tensor(L), x, ndim, size));
}

/* NAME(x, dim, reverse, dtype): reverse sums from the last position back; dtype converts x first. */
static int scan(lua_State *L, int kind, const char *name) {
    Tensor *x = check_tensor(L, 1);
    options(L, 2, "dim", "reverse", "dtype", NULL);
    int dim = check_dim(L, 2, x);
    bool reverse = opt_bool(L, 3, false), given = !lua_isnoneornil(L, 4);
    DType dtype = opt_dtype(L, 4, (DType)x->dtype);
    Tensor *out = new_tensor(L);
    if (given) return result(L, op_scan_as(ctx(L), out, x, kind, name, dim, reverse, dtype));
    return result(L, op_scan(ctx(L), out, x, kind, name, dim, reverse));
}
static int l_cumsum(lua_State *L) {
    return scan(L, SCAN_sum, "cumsum");
}
static int l_cumprod(lua_State *L) {
    return scan(L, SCAN_prod, "cumprod");
}
static int l_logcumsumexp(lua_State *L) {
    return scan(L, SCAN_logsumexp, "logcumsumexp");
}

/* NAME(x, dim) -> values, positions */
static int cumulative_extreme(lua_State *L, const char *name, bool smallest) {
    Tensor *x = check_tensor(L, 1);
    options(L, 2, "dim", NULL);
    int dim = check_dim(L, 2, x);
    Tensor *values = new_tensor(L), *index = new_tensor(L);
    return results(L, op_cumulative_extreme(ctx(L), values, index, x, name, dim, smallest), 2);
}
static int l_cummax(lua_State *L) {
    return cumulative_extreme(L, "cummax", false);
}
static int l_cummin(lua_State *L) {
    return cumulative_extreme(L, "cummin", true);
}

/* sort(x, dim, descending) -> values, positions; argsort -> positions. Always stable. */
static int l_sort(lua_State *L) {
    Tensor *x = check_tensor(L, 1);
    options(L, 2, "dim", "descending", "stable", NULL);
    int dim = dim_or_last(L, 2, x);
    bool descending = opt_bool(L, 3, false);
    Tensor *values = new_tensor(L), *index = new_tensor(L);
    return results(L, op_sort(ctx(L), values, index, x, "sort", dim, descending), 2);
}
static int l_argsort(lua_State *L) {
    Tensor *x = check_tensor(L, 1);
    options(L, 2, "dim", "descending", "stable", NULL);
    int dim = dim_or_last(L, 2, x);
    bool descending = opt_bool(L, 3, false);
    return result(L, op_sort(ctx(L), NULL, new_tensor(L), x, "argsort", dim, descending));
}
/* topk(x, k, dim, largest, sorted) -> values, positions; they come sorted in any case. */
static int l_topk(lua_State *L) {
    Tensor *x = check_tensor(L, 1);
    options(L, 2, "k", "dim", "largest", "sorted", NULL);
    int64_t k = check_int(L, 2);
    int dim = dim_or_last(L, 3, x);
    bool largest = opt_bool(L, 4, true);
    Tensor *values = new_tensor(L), *index = new_tensor(L);
    return results(L, op_topk(ctx(L), values, index, x, k, dim, largest), 2);
}

/* kthvalue(x, k, dim, keepdim) -> values, positions */
static int l_kthvalue(lua_State *L) {
    Tensor *x = check_tensor(L, 1);
    options(L, 2, "k", "dim", "keepdim", NULL);
    int64_t k = check_int(L, 2);
    int dim = dim_or_last(L, 3, x);
    bool keepdim = opt_bool(L, 4, false);
    Tensor *values = new_tensor(L), *index = new_tensor(L);
    return results(L, op_select_rank(ctx(L), values, index, x, "kthvalue", RANK_KTH, k, dim, keepdim), 2);
}

/* NAME_dim(x, dim, keepdim) -> values, positions; NAME_all(x, keepdim) -> the value: what median, nanmedian
 * and mode are with a dim and without (stdlib/ops/statistics.lua). */
static int median_dim(lua_State *L, const char *name, Rank rank) {
    Tensor *x = check_tensor(L, 1);
    int dim = check_dim(L, 2, x);
    bool keepdim = opt_bool(L, 3, false);
    Tensor *values = new_tensor(L), *index = new_tensor(L);
    return results(L, op_select_rank(ctx(L), values, index, x, name, rank, 0, dim, keepdim), 2);
}
static int median_all(lua_State *L, const char *name, Rank rank) {
    Tensor *x = check_tensor(L, 1);
    bool keepdim = opt_bool(L, 2, false);
    return result(L, op_select_rank(ctx(L), new_tensor(L), NULL, x, name, rank, 0, -1, keepdim));
}
static int l_median_dim(lua_State *L) {
    return median_dim(L, "median", RANK_MEDIAN);
}
static int l_nanmedian_dim(lua_State *L) {
    return median_dim(L, "nanmedian", RANK_NANMEDIAN);
}
static int l_mode_dim(lua_State *L) {
    return median_dim(L, "mode", RANK_MODE);
}
static int l_median_all(lua_State *L) {
    return median_all(L, "median", RANK_MEDIAN);
}
static int l_nanmedian_all(lua_State *L) {
    return median_all(L, "nanmedian", RANK_NANMEDIAN);
}

void open_reduce(lua_State *L) {
    static const OpReg ops[] = {
        {"sum", l_sum, 4 | NAMED},
        {"nansum", l_nansum, 4 | NAMED},
        {"prod", l_prod, 4 | NAMED},
        {"mean", l_mean, 4 | NAMED},
        {"amax", l_amax, 3 | NAMED},
        {"amin", l_amin, 3 | NAMED},
        {"aminmax", l_aminmax, 3 | NAMED},
        {"all", l_all, 3 | NAMED},
        {"any", l_any, 3 | NAMED},
        {"count_nonzero", l_count_nonzero, 3 | NAMED},
        {"logsumexp", l_logsumexp, 3 | NAMED},
        {"norm", l_norm, 4 | NAMED},
        {"var", l_var, 5 | NAMED},
        {"std", l_std, 5 | NAMED},
        {"var_mean", l_var_mean, 5 | NAMED},
        {"std_mean", l_std_mean, 5 | NAMED},
        {"argmax", l_argmax, 3 | NAMED},
        {"argmin", l_argmin, 3 | NAMED},
        {"max_dim", l_max_dim, 3},
        {"min_dim", l_min_dim, 3},
        {"sum_to_size", l_sum_to_size, LIST_FROM(2)},
        {"cumsum", l_cumsum, 4 | NAMED},
        {"cumprod", l_cumprod, 4 | NAMED},
        {"logcumsumexp", l_logcumsumexp, 4 | NAMED},
        {"sort", l_sort, 4 | NAMED},
        {"argsort", l_argsort, 4 | NAMED},
        {"topk", l_topk, 5 | NAMED},
        {"cummax", l_cummax, 2 | NAMED},
        {"cummin", l_cummin, 2 | NAMED},
        {"kthvalue", l_kthvalue, 4 | NAMED},
        {"median_dim", l_median_dim, 3},
        {"median_all", l_median_all, 2},
        {"nanmedian_dim", l_nanmedian_dim, 3},
        {"nanmedian_all", l_nanmedian_all, 2},
        {"mode_dim", l_mode_dim, 3},
        {0},
    };
    register_ops(L, ops);
}
