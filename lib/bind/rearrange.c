/* Bindings of ops that move or repeat elements, and of triangular parts. */
#include "ops/rearrange.h"
#include "bind/creation.h"
#include "bind/state.h"
#include "ops/index.h"
#include "ops/ops.h"

/* Dimensions as a table or as trailing integers; fills dims[MAX_DIMS], returns how many. */
static int check_dim_list(lua_State *L, int arg, const Tensor *x, int *dims) {
    if (lua_isnoneornil(L, arg)) bad_argument(L, arg, "dimensions (integers or a table of them)");
    if (lua_istable(L, arg)) return check_dims(L, arg, x, dims);
    int n = 0;
    for (int i = arg; i <= lua_gettop(L); i++) {
        int d = check_dim(L, i, x);
        for (int k = 0; k < n; k++)
            if (dims[k] == d) raise(L, "%s: dimension %d is given twice", op_name(L), d + 1);
        dims[n++] = d;
    }
    return x->ndim ? n : 0;
}

static int l_flip(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    options(L, 2, "dims", NULL);
    int dims[MAX_DIMS], n = check_dim_list(L, 2, x, dims);
    return result(L, op_flip(ctx(L), new_tensor(L), x, n, dims));
}

/* roll(x, shifts, dims): one of each, or tables of as many */
static int l_roll(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    options(L, 2, "shifts", "dims", NULL);
    int64_t shifts[MAX_DIMS], dim[MAX_DIMS];
    int dims[MAX_DIMS], n = 1;
    if (lua_istable(L, 2))
        n = check_shape(L, 2, shifts);
    else
        shifts[0] = check_int(L, 2);
    bool flat = lua_isnoneornil(L, 3);
    int given = flat ? 1 : lua_istable(L, 3) ? (int)lua_rawlen(L, 3) : 1;
    if (n != given || n < 1)
        raise(L, "roll: expected as many shifts as dims, got %d and %d", n, flat ? 0 : given);
    if (!flat) check_ints(L, 3, n, dim, 0);
    for (int i = 0; i < n && !flat; i++) {
        int64_t d = dim[i] < 0 ? dim[i] + (x->ndim ? x->ndim : 1) : dim[i] - 1;
        if (dim[i] == 0 || d < 0 || d >= (x->ndim ? x->ndim : 1))
            raise(L, "roll: dimension %lld does not exist: dimensions run 1..%d", (long long)dim[i], x->ndim);
        dims[i] = (int)d;
    }
    return result(L, op_roll(ctx(L), new_tensor(L), x, shifts, flat ? 0 : n, dims));
}

/* tile(x, times...) */
static int l_tile(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    int64_t times[MAX_DIMS];
    int n = check_shape(L, 2, times);
    return result(L, op_tile(ctx(L), new_tensor(L), x, n, times));
}

/* repeat_interleave(x, times, dim): times an integer, or a vector with one for each slice; without a dim: of
 * the flattened x */
static int l_repeat_interleave(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    options(L, 2, "repeats", "dim", NULL);
    const Tensor *counts = to_tensor(L, 2) ? check_tensor(L, 2) : NULL;
    int64_t times = counts ? 0 : check_int(L, 2), numel = tensor_numel(x);
    bool flat = lua_isnoneornil(L, 3);
    int dim = flat ? 0 : check_dim(L, 3, x);
    Tensor *out = new_tensor(L), rows = {0}, positions;
    Ctx *c = ctx(L);
    bool ok = true;
    if (flat)
        ok = op_reshape(c, &rows, x, 1, &numel);
    else
        tensor_alias(&rows, x);
    if (ok && !counts) ok = op_repeat_interleave(c, out, &rows, times, dim);
    if (ok && counts) {
        ok = (rows.ndim > 0 && counts->ndim == 1 && counts->size[0] == rows.size[dim]) ||
             ctx_fail(c, "repeat_interleave: expected one count for each of the slices of (%s), got (%s)",
                      SHAPE(&rows), SHAPE(counts));
        ok = ok && op_repeat_positions(c, &positions, counts);
        if (ok) {
            ok = op_index_select(c, out, &rows, dim, &positions);
            tensor_release(&positions);
        }
    }
    tensor_release(&rows);
    return result(L, ok);
}

/* repeat_positions(counts): position i counts[i] times */
static int l_repeat_positions(lua_State *L) {
    const Tensor *counts = check_tensor(L, 1);
    return result(L, op_repeat_positions(ctx(L), new_tensor(L), counts));
}

static int triangle(lua_State *L, bool (*op)(Ctx *, Tensor *, const Tensor *, int64_t)) {
    const Tensor *x = check_tensor(L, 1);
    options(L, 2, "diagonal", NULL);
    int64_t diagonal = opt_int(L, 2, 0);
    return result(L, op(ctx(L), new_tensor(L), x, diagonal));
}
static int triangle_in_place(lua_State *L, bool (*op)(Ctx *, Tensor *, int64_t)) {
    Tensor *x = check_tensor(L, 1);
    options(L, 2, "diagonal", NULL);
    if (!op(ctx(L), x, opt_int(L, 2, 0))) return raise_error(L);
    lua_pushvalue(L, 1);
    return 1;
}
static int l_tril(lua_State *L) {
    return triangle(L, op_tril);
}
static int l_triu(lua_State *L) {
    return triangle(L, op_triu);
}
static int l_tril_(lua_State *L) {
    return triangle_in_place(L, op_tril_);
}
static int l_triu_(lua_State *L) {
    return triangle_in_place(L, op_triu_);
}

/* NAME(rows, columns, offset, dtype, device): made on the CPU */
static int triangle_indices(lua_State *L, bool upper) {
    options(L, 3, "offset", "dtype", "device", NULL);
    int64_t rows = check_int(L, 1), columns = check_int(L, 2), offset = opt_int(L, 3, 0);
    const DType dtype = opt_dtype(L, 4, I64);
    const Device device = opt_device(L, 5, default_device(L));
    Tensor *t = new_tensor(L), host;
    if (!op_triangle_indices(ctx(L), &host, op_name(L), upper, rows, columns, offset)) return raise_error(L);
    bool ok = op_to(ctx(L), t, &host, device, dtype);
    tensor_release(&host);
    t->is_view = false;
    return result(L, ok);
}
static int l_tril_indices(lua_State *L) {
    return triangle_indices(L, false);
}
static int l_triu_indices(lua_State *L) {
    return triangle_indices(L, true);
}

void open_rearrange(lua_State *L) {
    static const OpReg ops[] = {{"flip", l_flip, LIST_FROM(2) | NAMED},
                                {"roll", l_roll, 3 | NAMED},
                                {"tile", l_tile, LIST_FROM(2)},
                                {"repeat_interleave", l_repeat_interleave, 3 | NAMED},
                                {"tril", l_tril, 2 | NAMED},
                                {"tril_", l_tril_, 2 | NAMED},
                                {"triu", l_triu, 2 | NAMED},
                                {"triu_", l_triu_, 2 | NAMED},
                                {0}};
    static const OpReg functions[] = {{"tril_indices", l_tril_indices, 5 | NAMED},
                                      {"triu_indices", l_triu_indices, 5 | NAMED},
                                      {"repeat_positions", l_repeat_positions, 1},
                                      {0}};
    register_ops(L, ops);
    register_functions(L, functions);
}
