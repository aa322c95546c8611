/* Bindings of ops that look values up, compare and count them. */
#include "ops/search.h"
#include "bind/bind.h"
#include "ops/index.h"
#include <string.h>

/* searchsorted(sorted, values, right, side): values a tensor or a number */
static int search(lua_State *L, int sorted_at, int values_at, bool right) {
    const Tensor *sorted = check_tensor(L, sorted_at);
    if (to_tensor(L, values_at)) {
        const Tensor *values = check_tensor(L, values_at);
        return result(L, op_searchsorted(ctx(L), new_tensor(L), op_name(L), sorted, values, right));
    }
    Operand number = {.number = check_number(L, values_at)};
    Tensor *out = new_tensor(L), room;
    bool ok = operand_as(ctx(L), &room, &number, F64, sorted->device);
    if (ok) {
        ok = op_searchsorted(ctx(L), out, op_name(L), sorted, &room, right);
        tensor_release(&room);
    }
    return result(L, ok);
}

static int l_searchsorted(lua_State *L) {
    options(L, 3, "right", "side", NULL);
    bool right = opt_bool(L, 3, false);
    if (!lua_isnoneornil(L, 4)) {
        const char *side = check_string(L, 4);
        if (strcmp(side, "left") != 0 && strcmp(side, "right") != 0)
            raise(L, "searchsorted: side: expected left or right, got '%s'", side);
        right = strcmp(side, "right") == 0;
    }
    return search(L, 1, 2, right);
}

/* bucketize(values, boundaries, right) */
static int l_bucketize(lua_State *L) {
    options(L, 3, "right", NULL);
    bool right = opt_bool(L, 3, false);
    const Tensor *boundaries = check_tensor(L, 2);
    if (boundaries->ndim != 1)
        raise(L, "bucketize: expected a vector of boundaries, got (%s)", SHAPE(boundaries));
    return search(L, 2, 1, right);
}

static int l_isin(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *test = check_tensor(L, 2);
    options(L, 3, "invert", NULL);
    bool invert = opt_bool(L, 3, false);
    return result(L, op_isin(ctx(L), new_tensor(L), x, test, invert));
}

/* -> values[, inverse][, counts] */
static int unique(lua_State *L, int flags_at, bool consecutive) {
    const Tensor *x = check_tensor(L, 1);
    bool with_inverse = opt_bool(L, flags_at, false), with_counts = opt_bool(L, flags_at + 1, false);
    int dim = lua_isnoneornil(L, flags_at + 2) ? -1 : check_dim(L, flags_at + 2, x);
    Tensor *values = new_tensor(L), *inverse = with_inverse ? new_tensor(L) : NULL,
           *counts = with_counts ? new_tensor(L) : NULL;
    bool ok = op_unique(ctx(L), values, inverse, counts, op_name(L), x, dim, consecutive);
    return results(L, ok, 1 + with_inverse + with_counts);
}

/* unique(x, sorted, return_inverse, return_counts, dim): always sorted */
static int l_unique(lua_State *L) {
    check_tensor(L, 1);
    options(L, 2, "sorted", "return_inverse", "return_counts", "dim", NULL);
    opt_bool(L, 2, true);
    return unique(L, 3, false);
}
static int l_unique_consecutive(lua_State *L) {
    check_tensor(L, 1);
    options(L, 2, "return_inverse", "return_counts", "dim", NULL);
    return unique(L, 2, true);
}

/* bincount(x, weights, minlength) */
static int l_bincount(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    options(L, 2, "weights", "minlength", NULL);
    const Tensor *weights = opt_tensor(L, 2);
    int64_t minlength = opt_int(L, 3, 0);
    return result(L, op_bincount(ctx(L), new_tensor(L), x, weights, minlength));
}

static int l_one_hot(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    options(L, 2, "num_classes", NULL);
    int64_t classes = opt_int(L, 2, -1);
    return result(L, op_one_hot(ctx(L), new_tensor(L), x, classes));
}

/* count_bins(x, bins, low, high): what histc is on the CPU (stdlib/ops/statistics.lua) */
static int l_count_bins(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    int64_t bins = check_int(L, 2);
    double low = check_number(L, 3), high = check_number(L, 4);
    return result(L, op_count_bins(ctx(L), new_tensor(L), x, bins, low, high));
}

void open_search(lua_State *L) {
    static const OpReg ops[] = {{"searchsorted", l_searchsorted, 4 | NAMED},
                                {"bucketize", l_bucketize, 3 | NAMED},
                                {"isin", l_isin, 3 | NAMED},
                                {"unique", l_unique, 5 | NAMED},
                                {"unique_consecutive", l_unique_consecutive, 4 | NAMED},
                                {"bincount", l_bincount, 3 | NAMED},
                                {"count_bins", l_count_bins, 4},
                                {"one_hot", l_one_hot, 2 | NAMED},
                                {0}};
    register_ops(L, ops);
}
