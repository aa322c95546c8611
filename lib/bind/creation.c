/* Tensors from nothing and from Lua values. */
#include "bind/creation.h"
#include "bind/state.h"
#include "cl/device.h"
#include "ops/ops.h"
#include <string.h>

CreationOptions take_options(lua_State *L, int first, DType otherwise, Device device) {
    CreationOptions o = {.dtype = otherwise, .device = device};
    int top = lua_gettop(L);
    if (top < first || lua_type(L, top) != LUA_TTABLE || lua_rawlen(L, top) > 0) return o;
    options(L, top, "dtype", "requires_grad", "device", NULL);
    if (lua_gettop(L) < top + 2) return o;
    o.given_dtype = !lua_isnil(L, top);
    o.dtype = opt_dtype(L, top, otherwise);
    o.requires_grad = opt_bool(L, top + 1, false);
    o.given_device = !lua_isnil(L, top + 2);
    o.device = opt_device(L, top + 2, device);
    if (o.requires_grad && !dtype_is_float(o.dtype))
        raise(L, "%s: only floating tensors can require a gradient, got dtype %s", op_name(L),
              dtype_name(o.dtype));
    lua_settop(L, top - 1);
    return o;
}

int finish_creation(lua_State *L, Tensor *t, CreationOptions o, bool ok) {
    t->requires_grad = ok && o.requires_grad;
    return result(L, ok);
}

bool new_here(lua_State *L, Tensor *t, CreationOptions o, int ndim, const int64_t *size) {
    return cl_require_dtype(ctx(L), op_name(L), o.device, o.dtype) &&
           tensor_new_on(ctx(L), t, o.device, o.dtype, ndim, size);
}

static int create_filled(lua_State *L, double value, bool fill) {
    int64_t size[MAX_DIMS];
    CreationOptions o = take_options(L, 1, default_dtype(L), default_device(L));
    int ndim = check_shape(L, 1, size);
    Tensor *t = new_tensor(L);
    return finish_creation(L, t, o, new_here(L, t, o, ndim, size) && (!fill || op_fill_(ctx(L), t, value)));
}

static int l_zeros(lua_State *L) {
    return create_filled(L, 0, true);
}
static int l_ones(lua_State *L) {
    return create_filled(L, 1, true);
}
static int l_empty(lua_State *L) {
    return create_filled(L, 0, false);
}

/* empty_strided({size}, {stride}) */
static int l_empty_strided(lua_State *L) {
    int64_t size[MAX_DIMS], stride[MAX_DIMS], last = 0;
    CreationOptions o = take_options(L, 3, default_dtype(L), default_device(L));
    for (int i = 1; i <= 2; i++)
        if (!lua_istable(L, i)) bad_argument(L, i, "a table of integers");
    int ndim = check_shape(L, 1, size), n = check_shape(L, 2, stride);
    if (n != ndim) raise(L, "empty_strided: %d sizes but %d strides", ndim, n);
    if (!shape_fits(ndim, size))
        raise(L, "empty_strided: the shape (%s) has too many elements", SIZES(ndim, size));
    bool empty = false;
    for (int d = 0; d < ndim; d++) {
        int64_t span;
        if (size[d] < 0 || stride[d] < 0) raise(L, "empty_strided: sizes and strides must not be negative");
        empty |= size[d] == 0;
        if (__builtin_mul_overflow(size[d] ? size[d] - 1 : 0, stride[d], &span) ||
            __builtin_add_overflow(last, span, &last) || last > INT64_MAX / 16)
            raise(L, "empty_strided: out of memory: the strides reach too far");
    }
    const int64_t count = empty ? 0 : last + 1;
    Tensor *t = new_tensor(L);
    bool ok = new_here(L, t, o, 1, &count);
    if (ok) {
        t->ndim = (int8_t)ndim;
        memcpy(t->size, size, sizeof size);
        memcpy(t->stride, stride, sizeof stride);
    }
    return finish_creation(L, t, o, ok);
}

/* Fills with the Lua number or boolean at `arg`, exactly. */
static bool fill_from(lua_State *L, Tensor *t, int arg) {
    if (lua_isinteger(L, arg)) return op_fill_int_(ctx(L), t, lua_tointeger(L, arg));
    if (lua_isboolean(L, arg)) return op_fill_int_(ctx(L), t, lua_toboolean(L, arg));
    return op_fill_(ctx(L), t, check_number(L, arg));
}

static int l_full(lua_State *L) {
    int64_t size[MAX_DIMS];
    DType inferred = lua_isinteger(L, 2) ? I64 : lua_isboolean(L, 2) ? BOOL : default_dtype(L);
    CreationOptions o = take_options(L, 3, inferred, default_device(L));
    if (!lua_istable(L, 1)) bad_argument(L, 1, "a shape as a table");
    int ndim = check_shape(L, 1, size);
    Tensor *t = new_tensor(L);
    return finish_creation(L, t, o, new_here(L, t, o, ndim, size) && fill_from(L, t, 2));
}

static int create_like(lua_State *L, double value, bool fill) {
    const Tensor *x = check_shaped(L, 1);
    CreationOptions o = take_options(L, 2, (DType)x->dtype, x->device);
    Tensor *t = new_tensor(L);
    return finish_creation(L, t, o,
                           new_here(L, t, o, x->ndim, x->size) && (!fill || op_fill_(ctx(L), t, value)));
}

static int l_zeros_like(lua_State *L) {
    return create_like(L, 0, true);
}
static int l_ones_like(lua_State *L) {
    return create_like(L, 1, true);
}
static int l_empty_like(lua_State *L) {
    return create_like(L, 0, false);
}

static int l_full_like(lua_State *L) {
    const Tensor *x = check_shaped(L, 1);
    CreationOptions o = take_options(L, 3, (DType)x->dtype, x->device);
    Tensor *t = new_tensor(L);
    return finish_creation(L, t, o, new_here(L, t, o, x->ndim, x->size) && fill_from(L, t, 2));
}

static int l_eye(lua_State *L) {
    CreationOptions o = take_options(L, 2, default_dtype(L), default_device(L));
    int64_t size[2] = {check_int(L, 1), opt_int(L, 2, check_int(L, 1))};
    Tensor *t = new_tensor(L);
    if (!new_here(L, t, o, 2, size) || !op_fill_(ctx(L), t, 0)) return raise_error(L);
    Tensor diagonal = *t;
    diagonal.ndim = 1;
    diagonal.size[0] = size[0] < size[1] ? size[0] : size[1];
    diagonal.stride[0] = size[1] + 1;
    return finish_creation(L, t, o, op_fill_(ctx(L), &diagonal, 1));
}

/* arange(last), arange(first, last, step = 1): both ends included, as Lua's for. */
static int l_arange(lua_State *L) {
    CreationOptions o = take_options(L, 2, I64, default_device(L));
    int n = lua_gettop(L);
    bool integers = true;
    for (int i = 1; i <= n; i++)
        if (!lua_isnil(L, i)) integers &= lua_isinteger(L, i);
    if (!o.given_dtype) o.dtype = integers ? I64 : default_dtype(L);
    bool one = lua_isnoneornil(L, 2);
    double first = one ? 1 : check_number(L, 1), last = check_number(L, one ? 1 : 2),
           step = opt_number(L, 3, 1);
    Tensor *t = new_tensor(L);
    return finish_creation(L, t, o, op_arange(ctx(L), t, o.device, first, last, step, o.dtype));
}

static int l_linspace(lua_State *L) {
    CreationOptions o = take_options(L, 4, default_dtype(L), default_device(L));
    double first = check_number(L, 1), last = check_number(L, 2);
    int64_t steps = check_int(L, 3);
    Tensor *t = new_tensor(L);
    return finish_creation(L, t, o, op_linspace(ctx(L), t, o.device, first, last, steps, o.dtype));
}

/* --- tensor{...}
 * ------------------------------------------------------------------------------------------------------ */

typedef struct Nested {
    int64_t size[MAX_DIMS];
    int ndim;
    bool all_integers, all_booleans;
} Nested;

/* The shape from the first item at each level; the number kinds from all. */
static void survey(lua_State *L, int index, int depth, Nested *n) {
    if (lua_type(L, index) != LUA_TTABLE) {
        bool number = lua_type(L, index) == LUA_TNUMBER;
        if (!number && !lua_isboolean(L, index))
            raise(L, "tensor: expected numbers or booleans in nested tables, got a %s",
                  luaL_typename(L, index));
        if (depth != n->ndim)
            raise(L, "tensor: ragged table: a number stands where a row of the others is a table");
        n->all_integers &= lua_isinteger(L, index);
        n->all_booleans &= lua_isboolean(L, index);
        return;
    }
    int64_t length = (int64_t)lua_rawlen(L, index);
    if (depth == n->ndim) raise(L, "tensor: ragged table: a table stands where other rows have a number");
    if (length != n->size[depth])
        raise(L, "tensor: ragged table: rows of %lld and %lld at depth %d", (long long)n->size[depth],
              (long long)length, depth + 1);
    luaL_checkstack(L, 2, "tensor");
    for (int64_t i = 1; i <= length; i++) {
        lua_rawgeti(L, index, i);
        survey(L, lua_gettop(L), depth + 1, n);
        lua_pop(L, 1);
    }
}

static void fill_nested(lua_State *L, int index, int depth, const Nested *n, char **at, DType dtype) {
    if (depth < n->ndim) {
        for (int64_t i = 1; i <= n->size[depth]; i++) {
            lua_rawgeti(L, index, i);
            fill_nested(L, lua_gettop(L), depth + 1, n, at, dtype);
            lua_pop(L, 1);
        }
        return;
    }
    lua_Integer i = lua_isboolean(L, index) ? lua_toboolean(L, index) : lua_tointeger(L, index);
    double f = lua_isboolean(L, index) ? i : lua_tonumber(L, index);
    if (dtype == F64)
        memcpy(*at, &f, sizeof f);
    else
        memcpy(*at, &i, sizeof i);
    *at += 8;
}

static int l_tensor(lua_State *L) {
    CreationOptions o = take_options(L, 2, default_dtype(L), default_device(L));
    const Tensor *from = to_tensor(L, 1);
    if (from) {
        DType dtype = o.given_dtype ? o.dtype : (DType)from->dtype;
        if (!o.given_device) o.device = from->device;
        Tensor *t = new_tensor(L);
        return finish_creation(L, t, o,
                               o.device == from->device ? op_to_dtype(ctx(L), t, from, dtype)
                                                        : op_to(ctx(L), t, from, o.device, dtype));
    }
    Nested n = {.all_integers = true, .all_booleans = true};
    if (lua_isnone(L, 1)) bad_argument(L, 1, "a number or nested tables of numbers");
    lua_pushvalue(L, 1);
    while (lua_type(L, -1) == LUA_TTABLE) {
        if (n.ndim == MAX_DIMS) raise(L, "tensor: tables nest deeper than %d dimensions", MAX_DIMS);
        n.size[n.ndim++] = (int64_t)lua_rawlen(L, -1);
        lua_rawgeti(L, -1, 1);
        lua_remove(L, -2);
    }
    lua_pop(L, 1);
    survey(L, 1, 0, &n);
    bool empty = n.ndim && n.size[n.ndim - 1] == 0;
    DType exact = !empty && n.all_integers ? I64 : !empty && n.all_booleans ? I64 : F64;
    if (!o.given_dtype)
        o.dtype = empty ? default_dtype(L) : n.all_booleans ? BOOL : n.all_integers ? I64 : default_dtype(L);
    if (o.requires_grad && !dtype_is_float(o.dtype))
        raise(L, "tensor: only floating tensors can require a gradient; these are integers (write 1.0, or "
                 "dtype = 'f32')");

    Tensor *t = new_tensor(L), wide;
    if (!tensor_new(ctx(L), &wide, exact, n.ndim, n.size)) return raise_error(L);
    char *at = tensor_data(&wide);
    fill_nested(L, 1, 0, &n, &at, exact);
    bool ok = op_to(ctx(L), t, &wide, o.device, o.dtype);
    tensor_release(&wide);
    t->is_view = false;
    return finish_creation(L, t, o, ok);
}

/* --- defaults
 * -------------------------------------------------------------------------------------------------------------
 */

static int l_get_default_dtype(lua_State *L) {
    lua_pushstring(L, dtype_name(default_dtype(L)));
    return 1;
}

static int l_set_default_dtype(lua_State *L) {
    const DType dtype = check_dtype(L, 1);
    if (!dtype_is_float(dtype))
        raise(L, "set_default_dtype: expected a floating dtype, f32, f64, f16 or bf16, got %s",
              dtype_name(dtype));
    ctx(L)->default_dtype = (uint8_t)dtype;
    return 0;
}

static int l_get_default_device(lua_State *L) {
    lua_pushstring(L, device_name((char[DEVICE_TEXT]){0}, default_device(L)));
    return 1;
}

static int l_set_default_device(lua_State *L) {
    check_string(L, 1);
    ctx(L)->default_device = opt_device(L, 1, CPU);
    return 0;
}

void open_creation(lua_State *L) {
    static const OpReg creators[] = {{"zeros", l_zeros, LIST_FROM(1) | NAMED},
                                     {"ones", l_ones, LIST_FROM(1) | NAMED},
                                     {"empty", l_empty, LIST_FROM(1) | NAMED},
                                     {"empty_strided", l_empty_strided, 2 | NAMED},
                                     {"full", l_full, 2 | NAMED},
                                     {"zeros_like", l_zeros_like, 1 | NAMED},
                                     {"ones_like", l_ones_like, 1 | NAMED},
                                     {"empty_like", l_empty_like, 1 | NAMED},
                                     {"full_like", l_full_like, 2 | NAMED},
                                     {"eye", l_eye, 2 | NAMED},
                                     {"arange", l_arange, 3 | NAMED},
                                     {"linspace", l_linspace, 3 | NAMED},
                                     {0}};
    register_creators(L, creators);
    static const OpReg functions[] = {{"tensor", l_tensor, 1 | NAMED},
                                      {"get_default_dtype", l_get_default_dtype, 0},
                                      {"set_default_dtype", l_set_default_dtype, 1},
                                      {"get_default_device", l_get_default_device, 0},
                                      {"set_default_device", l_set_default_device, 1},
                                      {0}};
    register_functions(L, functions);
}
