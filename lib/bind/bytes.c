/* Tensors from the bytes of Lua strings, and back. */
#include "bind/creation.h"
#include "bind/state.h"
#include "ops/ops.h"
#include <string.h>

/* from_bytes(text, dtype, shape, {device =, requires_grad =}): the elements as they lie in memory on this
 * machine */
static int l_from_bytes(lua_State *L) {
    DType dtype = U8;
    bool by_position = lua_type(L, 2) == LUA_TSTRING;
    if (by_position) dtype = check_dtype(L, 2);
    CreationOptions o = take_options(L, 2, dtype, CPU);
    if (by_position && o.given_dtype) raise(L, "from_bytes: 'dtype' is given twice, by position and by name");
    size_t length;
    if (lua_type(L, 1) != LUA_TSTRING) bad_argument(L, 1, "a string");
    const char *bytes = lua_tolstring(L, 1, &length);
    int64_t item = (int64_t)dtype_size(o.dtype), size[MAX_DIMS] = {(int64_t)length / item}, numel = 1;
    int ndim = 1, shape = by_position ? 3 : 2;
    if ((int64_t)length % item)
        raise(L, "from_bytes: %lld bytes are no whole number of %s elements of %lld bytes", (long long)length,
              dtype_name(o.dtype), (long long)item);
    if (!lua_isnoneornil(L, shape)) ndim = check_shape(L, shape, size);
    for (int d = 0; d < ndim; d++)
        if (size[d] < 0 || __builtin_mul_overflow(numel, size[d], &numel)) numel = -1;
    if (numel != (int64_t)length / item)
        raise(L, "from_bytes: %lld bytes hold %lld %s elements, not (%s)", (long long)length,
              (long long)length / item, dtype_name(o.dtype), SIZES(ndim, size));
    Tensor *t = new_tensor(L), host;
    if (!tensor_new(ctx(L), &host, o.dtype, ndim, size)) return raise_error(L);
    uint8_t *to = tensor_data(&host);
    if (length) memcpy(to, bytes, length);
    if (o.dtype == BOOL)
        for (size_t i = 0; i < length; i++) to[i] = to[i] != 0;
    bool ok = op_to(ctx(L), t, &host, o.device, o.dtype);
    tensor_release(&host);
    t->is_view = false;
    return finish_creation(L, t, o, ok);
}

/* bytes(x): the elements in order, as they lie in memory on this machine */
static int l_bytes(lua_State *L) {
    const Tensor *x = push_host(L, check_tensor(L, 1));
    Tensor dense;
    if (!op_contiguous(ctx(L), &dense, x, (DType)x->dtype)) return raise_error(L);
    lua_pushlstring(L, tensor_data(&dense), (size_t)tensor_numel(&dense) * dtype_size((DType)dense.dtype));
    tensor_release(&dense);
    return 1;
}

void open_bytes(lua_State *L) {
    static const OpReg functions[] = {{"from_bytes", l_from_bytes, 3 | NAMED}, {"bytes", l_bytes, 1}, {0}};
    register_functions(L, functions);
    lua_rawgeti(L, LUA_REGISTRYINDEX, bind_state(L)->core);
    lua_rawgeti(L, LUA_REGISTRYINDEX, bind_state(L)->methods);
    lua_getfield(L, -2, "bytes");
    lua_setfield(L, -2, "bytes");
    lua_pop(L, 2);
}
