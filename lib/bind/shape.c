/* Views and reshapes: the result shares its argument's storage wherever the strides allow it. */
#include "bind/state.h"
#include "ops/ops.h"
#include <string.h>

/* Fills size[] from the arguments at `arg` and works out a -1. */
static int check_reshape(lua_State *L, int arg, const Tensor *x, int64_t *size) {
    int ndim = check_shape(L, arg, size), unknown = -1;
    int64_t known = 1, numel = tensor_numel(x);
    for (int d = 0; d < ndim; d++) {
        if (size[d] == -1) {
            if (unknown >= 0) raise(L, "%s: only one size may be -1", op_name(L));
            unknown = d;
        } else if (size[d] < 0) {
            raise(L, "%s: negative size %lld", op_name(L), (long long)size[d]);
        }
    }
    if (!shape_fits(ndim, size))
        raise(L, "%s: the shape (%s) has too many elements", op_name(L), SIZES(ndim, size));
    for (int d = 0; d < ndim; d++)
        if (d != unknown) known *= size[d];
    if (unknown >= 0) {
        if (known == 0 || numel % known)
            raise(L, "%s: (%s) has %lld elements: no size in place of -1 makes (%s) of them", op_name(L),
                  SHAPE(x), (long long)numel, SIZES(ndim, size));
        size[unknown] = numel / known;
    } else if (known != numel) {
        raise(L, "%s: (%s) has %lld elements, (%s) has %lld", op_name(L), SHAPE(x), (long long)numel,
              SIZES(ndim, size), (long long)known);
    }
    return ndim;
}

/* view(x, dtype): the same bytes as elements of another dtype; the last dimension grows or shrinks. */
static int view_as_dtype(lua_State *L, const Tensor *x) {
    DType dtype = check_dtype(L, 2);
    int64_t from = (int64_t)dtype_size((DType)x->dtype), to = (int64_t)dtype_size(dtype);
    int last = x->ndim - 1;
    if (x->requires_grad)
        raise(L, "view: elements of another dtype have no gradient; use x:detach():view(dtype)");
    if (dtype == BOOL) raise(L, "view: bytes that are not 0 or 1 are no bools; use x:ne(0)");
    Tensor *y = new_tensor(L);
    tensor_alias(y, x);
    y->dtype = (uint8_t)dtype;
    if (from == to) return 1;
    bool fits =
        x->ndim > 0 && x->stride[last] == 1 && x->size[last] * from % to == 0 && x->offset * from % to == 0;
    for (int d = 0; d < last; d++) fits &= x->stride[d] * from % to == 0;
    if (!fits)
        raise(L,
              "view: (%s) of %s cannot be seen as %s: its last dimension must be dense, and all rows a whole "
              "number "
              "of elements",
              SHAPE(x), DTYPE(x), dtype_name(dtype));
    for (int d = 0; d < last; d++) y->stride[d] = x->stride[d] * from / to;
    y->size[last] = x->size[last] * from / to;
    y->offset = x->offset * from / to;
    return 1;
}

static int l_view(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    if (lua_type(L, 2) == LUA_TSTRING) return view_as_dtype(L, x);
    int64_t size[MAX_DIMS];
    int ndim = check_reshape(L, 2, x, size);
    if (!tensor_view(new_tensor(L), x, ndim, size))
        raise(L, "view: the strides of (%s) do not allow a view as (%s) without a copy; use reshape",
              SHAPE(x), SIZES(ndim, size));
    return 1;
}

static int l_reshape(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    int64_t size[MAX_DIMS];
    int ndim = check_reshape(L, 2, x, size);
    return result(L, op_reshape(ctx(L), new_tensor(L), x, ndim, size));
}

static int l_flatten(lua_State *L) {
    options(L, 2, "start_dim", "end_dim", NULL);
    const Tensor *x = check_tensor(L, 1);
    int first = lua_isnoneornil(L, 2) ? 0 : check_dim(L, 2, x);
    int last = lua_isnoneornil(L, 3) ? (x->ndim ? x->ndim - 1 : 0) : check_dim(L, 3, x);
    if (first > last) raise(L, "flatten: start_dim %d comes after end_dim %d", first + 1, last + 1);
    int64_t size[MAX_DIMS];
    int ndim = 0;
    for (int d = 0; d < (x->ndim ? x->ndim : 1); d++) {
        int64_t n = x->ndim ? x->size[d] : 1;
        if (d > first && d <= last)
            size[ndim - 1] *= n;
        else
            size[ndim++] = n;
    }
    return result(L, op_reshape(ctx(L), new_tensor(L), x, ndim, size));
}

static int l_unflatten(lua_State *L) {
    options(L, 2, "dim", "sizes", NULL);
    const Tensor *x = check_tensor(L, 1);
    int dim = check_dim(L, 2, x);
    int64_t parts[MAX_DIMS], size[MAX_DIMS];
    Tensor one = *x;
    one.ndim = 1;
    one.size[0] = x->ndim ? x->size[dim] : 1;
    int n = check_reshape(L, 3, &one, parts), ndim = 0;
    if (x->ndim - 1 + n > MAX_DIMS) raise(L, "unflatten: a tensor has at most %d dimensions", MAX_DIMS);
    for (int d = 0; d < dim; d++) size[ndim++] = x->size[d];
    for (int d = 0; d < n; d++) size[ndim++] = parts[d];
    for (int d = dim + 1; d < x->ndim; d++) size[ndim++] = x->size[d];
    return result(L, op_reshape(ctx(L), new_tensor(L), x, ndim, size));
}

static int l_transpose(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    int a = check_dim(L, 2, x), b = check_dim(L, 3, x), dims[MAX_DIMS];
    for (int d = 0; d < x->ndim; d++) dims[d] = d == a ? b : d == b ? a : d;
    tensor_permute(new_tensor(L), x, dims);
    return 1;
}

static int l_t(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    if (x->ndim > 2)
        raise(L, "t: expected a tensor of at most 2 dimensions, got (%s); use transpose", SHAPE(x));
    const int dims[2] = {x->ndim == 2 ? 1 : 0, 0};
    tensor_permute(new_tensor(L), x, dims);
    return 1;
}

static int l_permute(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    int64_t order[MAX_DIMS];
    int dims[MAX_DIMS], n = check_shape(L, 2, order);
    bool used[MAX_DIMS] = {false};
    if (n != x->ndim) raise(L, "permute: (%s) has %d dimensions, got an order of %d", SHAPE(x), x->ndim, n);
    for (int i = 0; i < n; i++) {
        int64_t d = order[i] < 0 ? order[i] + n : order[i] - 1;
        if (d < 0 || d >= n || order[i] == 0)
            raise(L, "permute: dimension %lld does not exist: dimensions run 1..%d", (long long)order[i], n);
        if (used[d]) raise(L, "permute: dimension %lld is given twice", (long long)d + 1);
        used[d] = true;
        dims[i] = (int)d;
    }
    tensor_permute(new_tensor(L), x, dims);
    return 1;
}

static int l_movedim(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    int from = check_dim(L, 2, x), to = check_dim(L, 3, x), dims[MAX_DIMS], at = 0;
    for (int d = 0; d < x->ndim; d++) {
        if (at == from) at++;
        dims[d] = d == to ? from : at++;
    }
    tensor_permute(new_tensor(L), x, dims);
    return 1;
}

static int l_squeeze(lua_State *L) {
    options(L, 2, "dim", NULL);
    const Tensor *x = check_tensor(L, 1);
    int dims[MAX_DIMS], n = check_dims(L, 2, x, dims), ndim = 0;
    bool drop[MAX_DIMS] = {false};
    for (int i = 0; i < n; i++) drop[dims[i]] = x->size[dims[i]] == 1;
    Tensor *y = new_tensor(L);
    tensor_alias(y, x);
    for (int d = 0; d < x->ndim; d++) {
        if (drop[d]) continue;
        y->size[ndim] = x->size[d];
        y->stride[ndim++] = x->stride[d];
    }
    y->ndim = (int8_t)ndim;
    return 1;
}

static int l_unsqueeze(lua_State *L) {
    options(L, 2, "dim", NULL);
    const Tensor *x = check_tensor(L, 1);
    if (x->ndim == MAX_DIMS) raise(L, "unsqueeze: a tensor has at most %d dimensions", MAX_DIMS);
    int dim = check_dim_of(L, 2, x->ndim + 1);
    tensor_unsqueeze(new_tensor(L), x, dim);
    return 1;
}

static int l_expand(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    int64_t size[MAX_DIMS];
    int ndim = check_shape(L, 2, size);
    for (int d = 0; d < ndim; d++) {
        int from = d - (ndim - x->ndim);
        if (size[d] == -1 && from >= 0) size[d] = x->size[from];
        if (size[d] < 0) raise(L, "expand: size %lld at a new dimension", (long long)size[d]);
    }
    return result(L, tensor_expand(ctx(L), new_tensor(L), x, ndim, size, "expand"));
}

static int l_expand_as(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *other = to_tensor(L, 2);
    if (!other) bad_argument(L, 2, "a tensor");
    return result(L, tensor_expand(ctx(L), new_tensor(L), x, other->ndim, other->size, "expand_as"));
}

/* A 1-based or negative position in a dimension of that size, as 0-based. */
static int64_t check_position(lua_State *L, int64_t given, int64_t size, int dim) {
    int64_t i = given < 0 ? given + size : given - 1;
    if (given == 0 || i < 0 || i >= size)
        raise(L, "%s: index %lld is out of range: positions in dimension %d run 1..%lld%s", op_name(L),
              (long long)given, dim + 1, (long long)size, given == 0 ? "; positions count from 1" : "");
    return i;
}

static int l_select(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    if (x->ndim == 0) raise(L, "select: a 0-dim tensor cannot be indexed; use x:item()");
    int dim = check_dim(L, 2, x);
    int64_t index = check_position(L, check_int(L, 3), x->size[dim], dim);
    tensor_select(new_tensor(L), x, dim, index);
    return 1;
}

/* narrow(x, dim, start, length) */
static int l_narrow(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    if (x->ndim == 0) raise(L, "narrow: a 0-dim tensor has no dimensions");
    int dim = check_dim(L, 2, x);
    int64_t start = check_int(L, 3), length = check_int(L, 4), size = x->size[dim];
    int64_t first = start < 0 ? start + size : start - 1;
    if (start == 0 || first < 0 || length < 0 || length > size - first)
        raise(L, "narrow: %lld positions from %lld do not fit: dimension %d has positions 1..%lld",
              (long long)length, (long long)start, dim + 1, (long long)size);
    tensor_narrow(new_tensor(L), x, dim, first, length, 1);
    return 1;
}

/* unfold(x, dim, size, step): windows along a dimension, as a new last one */
static int l_unfold(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    if (x->ndim == MAX_DIMS) raise(L, "unfold: (%s) cannot be unfolded", SHAPE(x));
    int dim = check_dim(L, 2, x);
    int64_t size = check_int(L, 3), step = check_int(L, 4), all = x->ndim ? x->size[dim] : 1;
    if (size < 0 || size > all || step < 1)
        raise(L, "unfold: windows of %lld by steps of %lld do not fit dimension %d of (%s)", (long long)size,
              (long long)step, dim + 1, SHAPE(x));
    Tensor *y = new_tensor(L);
    tensor_alias(y, x);
    if (x->ndim) {
        y->size[dim] = (all - size) / step + 1;
        if (y->size[dim] > 1) y->stride[dim] = x->stride[dim] * step;
    }
    y->size[y->ndim] = size;
    y->stride[y->ndim++] = x->ndim ? x->stride[dim] : 1;
    if (!shape_fits(y->ndim, y->size)) raise(L, "unfold: (%s) has too many elements", SHAPE(y));
    return 1;
}

/* diagonal(x, offset, dim1, dim2) */
static int l_diagonal(lua_State *L) {
    options(L, 2, "offset", "dim1", "dim2", NULL);
    const Tensor *x = check_tensor(L, 1);
    if (x->ndim < 2) raise(L, "diagonal: expected at least 2 dimensions, got (%s)", SHAPE(x));
    int64_t offset = opt_int(L, 2, 0);
    int a = lua_isnoneornil(L, 3) ? 0 : check_dim(L, 3, x),
        b = lua_isnoneornil(L, 4) ? 1 : check_dim(L, 4, x);
    if (a == b) raise(L, "diagonal: dim1 and dim2 are both %d", a + 1);
    int64_t rows = x->size[a] + (offset < 0 ? offset : 0), columns = x->size[b] - (offset > 0 ? offset : 0);
    int64_t length = rows < columns ? rows : columns, stride = x->stride[a] + x->stride[b];
    Tensor *y = new_tensor(L);
    tensor_alias(y, x);
    if (length <= 0)
        length = 0;
    else
        y->offset += offset > 0 ? offset * x->stride[b] : -offset * x->stride[a];
    int ndim = 0;
    for (int d = 0; d < x->ndim; d++) {
        if (d == a || d == b) continue;
        y->size[ndim] = x->size[d];
        y->stride[ndim++] = x->stride[d];
    }
    y->size[ndim] = length;
    y->stride[ndim++] = stride;
    y->ndim = (int8_t)ndim;
    return 1;
}

static int l_as_strided(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    int64_t size[MAX_DIMS], stride[MAX_DIMS];
    if (!lua_istable(L, 2) || !lua_istable(L, 3))
        bad_argument(L, lua_istable(L, 2) ? 3 : 2, "a table of integers");
    int ndim = check_shape(L, 2, size), n = check_shape(L, 3, stride);
    if (n != ndim) raise(L, "as_strided: %d sizes but %d strides", ndim, n);
    int64_t room = x->storage->nbytes / (int64_t)dtype_size((DType)x->dtype);
    int64_t first = lua_isnoneornil(L, 4) ? x->offset + 1 : check_int(L, 4);
    if (first < 1 || first > room + 1)
        raise(L, "as_strided: argument 4: the storage has elements 1..%lld, got %lld", (long long)room,
              (long long)first);
    int64_t offset = first - 1, last = offset;
    bool empty = false;
    for (int d = 0; d < ndim; d++) {
        int64_t span;
        if (size[d] < 0 || stride[d] < 0) raise(L, "as_strided: sizes and strides must not be negative");
        empty |= size[d] == 0;
        if (__builtin_mul_overflow(size[d] ? size[d] - 1 : 0, stride[d], &span) || span > room ||
            (last += span) > room)
            last = room;
    }
    if (!shape_fits(ndim, size))
        raise(L, "as_strided: the shape (%s) has too many elements", SIZES(ndim, size));
    if (!empty && last >= room)
        raise(L, "as_strided: the view reaches past the %lld elements of the storage", (long long)room);
    Tensor *y = new_tensor(L);
    tensor_alias(y, x);
    y->ndim = (int8_t)ndim;
    y->offset = offset;
    memcpy(y->size, size, sizeof size);
    memcpy(y->stride, stride, sizeof stride);
    return 1;
}

static int l_contiguous(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    return result(L, op_contiguous(ctx(L), new_tensor(L), x, (DType)x->dtype));
}

static int l_clone(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    return result(L, op_to_dtype(ctx(L), new_tensor(L), x, (DType)x->dtype));
}

static int l_detach(lua_State *L) {
    tensor_alias(new_tensor(L), check_tensor(L, 1));
    return 1;
}

/* to(x, dtype, device, or a tensor to be like): x itself where nothing changes */
static int l_to(lua_State *L) {
    options(L, 2, "dtype", "device", NULL);
    const Tensor *x = check_tensor(L, 1);
    DType dtype = (DType)x->dtype;
    Device device = x->device;
    for (int i = 2; i <= 3; i++) {
        if (lua_isnoneornil(L, i)) continue;
        const Tensor *like = to_tensor(L, i);
        if (like) {
            dtype = (DType)like->dtype;
            device = like->device;
        } else if (!dtype_parse(check_string(L, i), &dtype) && !to_device(L, lua_tostring(L, i), &device)) {
            raise(L,
                  "to: no dtype or device '%s': dtypes f32, f64, f16, bf16, i8, u8, i16, i32, i64, bool; "
                  "devices cpu, cl, cl:2",
                  lua_tostring(L, i));
        }
    }
    if (dtype == (DType)x->dtype && device == x->device) {
        lua_pushvalue(L, 1);
        return 1;
    }
    Tensor *y = new_tensor(L);
    return result(L, device == x->device ? op_to_dtype(ctx(L), y, x, dtype)
                                         : op_to(ctx(L), y, x, device, dtype));
}

static int l_copy_(lua_State *L) {
    Tensor *dst = check_tensor(L, 1);
    const Tensor *x = check_tensor(L, 2);
    if (!op_copy_(ctx(L), dst, x)) return raise_error(L);
    lua_pushvalue(L, 1);
    return 1;
}

static int l_fill_(lua_State *L) {
    Tensor *x = check_tensor(L, 1);
    bool ok;
    if (lua_isinteger(L, 2))
        ok = op_fill_int_(ctx(L), x, lua_tointeger(L, 2));
    else if (lua_isboolean(L, 2))
        ok = op_fill_int_(ctx(L), x, lua_toboolean(L, 2));
    else
        ok = op_fill_(ctx(L), x, check_number(L, 2));
    if (!ok) return raise_error(L);
    lua_pushvalue(L, 1);
    return 1;
}

static int l_zero_(lua_State *L) {
    Tensor *x = check_tensor(L, 1);
    if (!require_writable(ctx(L), "zero_", x) || !op_fill_int_(ctx(L), x, 0)) return raise_error(L);
    lua_pushvalue(L, 1);
    return 1;
}

void open_shape(lua_State *L) {
    static const OpReg ops[] = {{"view", l_view, LIST_FROM(2)},
                                {"reshape", l_reshape, LIST_FROM(2)},
                                {"flatten", l_flatten, 3 | NAMED},
                                {"unflatten", l_unflatten, LIST_FROM(3) | NAMED},
                                {"transpose", l_transpose, 3},
                                {"t", l_t, 1},
                                {"permute", l_permute, LIST_FROM(2)},
                                {"movedim", l_movedim, 3},
                                {"squeeze", l_squeeze, 2 | NAMED},
                                {"unsqueeze", l_unsqueeze, 2 | NAMED},
                                {"expand", l_expand, LIST_FROM(2)},
                                {"expand_as", l_expand_as, 2},
                                {"select", l_select, 3},
                                {"narrow", l_narrow, 4},
                                {"unfold", l_unfold, 4},
                                {"diagonal", l_diagonal, 4 | NAMED},
                                {"as_strided", l_as_strided, 4},
                                {"contiguous", l_contiguous, 1},
                                {"clone", l_clone, 1},
                                {"detach", l_detach, 1},
                                {"to", l_to, 3 | NAMED},
                                {"copy_", l_copy_, 2},
                                {"fill_", l_fill_, 2},
                                {"zero_", l_zero_, 1},
                                {"getitem", l_getitem, ANY_NUMBER},
                                {"setitem_", l_setitem_, ANY_NUMBER},
                                {0}};
    register_ops(L, ops);
}
