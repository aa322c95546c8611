/* The tensor userdata: life, fields, conversion to Lua values. */
#include "bind/state.h"
#include "bind/creation.h"
#include "cl/device.h"
#include "ops/ops.h"
#include <string.h>

Tensor *new_tensor(lua_State *L) {
    Ctx *c = ctx(L);
    pace_collector(L, c);
    Tensor *t = lua_newuserdatauv(L, sizeof *t, TENSOR_USERVALUES);
    *t = (Tensor){0};
    lua_rawgeti(L, LUA_REGISTRYINDEX, bind_state(L)->tensor_meta);
    lua_setmetatable(L, -2);
    c->mem.tensors++;
    return t;
}

static int tensor_gc(lua_State *L) {
    tensor_release(lua_touserdata(L, 1));
    ctx(L)->mem.tensors--;
    return 0;
}

/* --- reading
 * ------------------------------------------------------------------------------------------------ */

static void push_element(lua_State *L, const Tensor *t, int64_t offset) {
    if (dtype_is_float((DType)t->dtype))
        lua_pushnumber(L, tensor_get_double(t, offset));
    else if (t->dtype == BOOL)
        lua_pushboolean(L, tensor_get_int(t, offset) != 0);
    else
        lua_pushinteger(L, tensor_get_int(t, offset));
}

static int l_item(lua_State *L) {
    const Tensor *t = check_tensor(L, 1);
    if (tensor_numel(t) != 1) raise(L, "item: expected a tensor of one element, got (%s)", SHAPE(t));
    push_element(L, push_host(L, t), 0);
    return 1;
}

static void push_nested(lua_State *L, const Tensor *t, int dim, int64_t offset) {
    if (dim == t->ndim) {
        push_element(L, t, offset);
        return;
    }
    luaL_checkstack(L, 3, "totable");
    lua_createtable(L, t->size[dim] < INT32_MAX ? (int)t->size[dim] : 0, 0);
    for (int64_t i = 0; i < t->size[dim]; i++) {
        push_nested(L, t, dim + 1, offset + i * t->stride[dim]);
        lua_rawseti(L, -2, i + 1);
    }
}

static int l_totable(lua_State *L) {
    push_nested(L, push_host(L, check_tensor(L, 1)), 0, 0);
    return 1;
}

/* A plain list of sizes or strides that prints as {2, 3}. */
static const char SIZES_META[] = "apsis.sizes";

static int sizes_tostring(lua_State *L) {
    luaL_Buffer text;
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_buffinit(L, &text);
    luaL_addchar(&text, '{');
    for (lua_Integer i = 1, n = (lua_Integer)lua_rawlen(L, 1); i <= n; i++) {
        if (i > 1) luaL_addstring(&text, ", ");
        lua_rawgeti(L, 1, i);
        luaL_tolstring(L, -1, NULL);
        lua_remove(L, -2);
        luaL_addvalue(&text);
    }
    luaL_addchar(&text, '}');
    luaL_pushresult(&text);
    return 1;
}

static void push_integers(lua_State *L, int n, const int64_t *values) {
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        lua_pushinteger(L, values[i]);
        lua_rawseti(L, -2, i + 1);
    }
    luaL_setmetatable(L, SIZES_META);
}

const Tensor *check_shaped(lua_State *L, int arg) {
    const Tensor *t = to_tensor(L, arg);
    if (!t) bad_argument(L, arg, "a tensor");
    return t;
}

static int l_size(lua_State *L) {
    const Tensor *t = check_shaped(L, 1);
    if (lua_isnoneornil(L, 2)) {
        push_integers(L, t->ndim, t->size);
    } else {
        if (t->ndim == 0) raise(L, "size: a 0-dim tensor has no dimensions");
        lua_pushinteger(L, t->size[check_dim(L, 2, t)]);
    }
    return 1;
}

static int l_stride(lua_State *L) {
    const Tensor *t = check_shaped(L, 1);
    if (lua_isnoneornil(L, 2))
        push_integers(L, t->ndim, t->stride);
    else
        lua_pushinteger(L, t->stride[check_dim(L, 2, t)]);
    return 1;
}

static int l_numel(lua_State *L) {
    lua_pushinteger(L, tensor_numel(check_shaped(L, 1)));
    return 1;
}

static int l_dim(lua_State *L) {
    lua_pushinteger(L, check_shaped(L, 1)->ndim);
    return 1;
}

static int l_is_contiguous(lua_State *L) {
    lua_pushboolean(L, tensor_is_contiguous(check_shaped(L, 1)));
    return 1;
}

static int l_is_floating_point(lua_State *L) {
    lua_pushboolean(L, dtype_is_float((DType)check_shaped(L, 1)->dtype));
    return 1;
}

static int l_is_tensor(lua_State *L) {
    lua_pushboolean(L, to_tensor(L, 1) != NULL);
    return 1;
}

/* storage_refs(x): handles on x's storage; autograd asks whether a gradient is its own. */
static int l_storage_refs(lua_State *L) {
    lua_pushinteger(L, atomic_load(&check_tensor(L, 1)->storage->refs));
    return 1;
}

static int l_version(lua_State *L) {
    lua_pushinteger(L, check_tensor(L, 1)->storage->version);
    return 1;
}

/* --- fields
 * -------------------------------------------------------------------------------------------------------- */

typedef int (*Field)(lua_State *L, const Tensor *t);

static int field_shape(lua_State *L, const Tensor *t) {
    push_integers(L, t->ndim, t->size);
    return 1;
}
static int field_dtype(lua_State *L, const Tensor *t) {
    lua_pushstring(L, DTYPE(t));
    return 1;
}
static int field_device(lua_State *L, const Tensor *t) {
    lua_pushstring(L, device_name((char[DEVICE_TEXT]){0}, t->device));
    return 1;
}
static int field_ndim(lua_State *L, const Tensor *t) {
    lua_pushinteger(L, t->ndim);
    return 1;
}
static int field_requires_grad(lua_State *L, const Tensor *t) {
    lua_pushboolean(L, t->requires_grad);
    return 1;
}
static int field_is_leaf(lua_State *L, const Tensor *t) {
    lua_pushboolean(L, !t->has_node);
    return 1;
}
static int field_grad(lua_State *L, const Tensor *t) {
    (void)t;
    lua_getiuservalue(L, 1, TENSOR_GRAD);
    return 1;
}
static int field_grad_fn(lua_State *L, const Tensor *t) {
    if (!t->has_node) return 0;
    lua_getiuservalue(L, 1, TENSOR_NODE);
    return 1;
}

/* Calls x:NAME(a, b), so that the transpose is recorded as that call is. */
static int transposed(lua_State *L, const char *name, int a, int b) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, bind_state(L)->methods);
    lua_getfield(L, -1, name);
    lua_pushvalue(L, 1);
    if (a) lua_pushinteger(L, a);
    if (b) lua_pushinteger(L, b);
    lua_call(L, 1 + !!a + !!b, 1);
    return 1;
}
static int field_T(lua_State *L, const Tensor *t) {
    if (t->ndim > 2)
        raise(L, "T: expected at most 2 dimensions, got (%s); x.mT exchanges the last two, x:permute any",
              SHAPE(t));
    return transposed(L, "t", 0, 0);
}
static int field_mT(lua_State *L, const Tensor *t) {
    if (t->ndim < 2) raise(L, "mT: expected at least 2 dimensions, got (%s)", SHAPE(t));
    return transposed(L, "transpose", -2, -1);
}

static const struct {
    const char *name;
    Field get;
} fields[] = {{"shape", field_shape},
              {"dtype", field_dtype},
              {"device", field_device},
              {"ndim", field_ndim},
              {"grad", field_grad},
              {"requires_grad", field_requires_grad},
              {"is_leaf", field_is_leaf},
              {"grad_fn", field_grad_fn},
              {"T", field_T},
              {"mT", field_mT},
              {"H", field_T},
              {"mH", field_mT},
              {NULL, NULL}};

/* Upvalue 2: the methods; upvalue 3: field name -> light userdata of its getter. */
static int meta_index(lua_State *L) {
    if (lua_type(L, 2) == LUA_TSTRING) {
        lua_pushvalue(L, 2);
        if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL) return 1;
        lua_pushvalue(L, 2);
        if (lua_rawget(L, lua_upvalueindex(3)) != LUA_TNIL) {
            int field = (int)lua_tointeger(L, -1);
            return fields[field].get(L, check_shaped(L, 1));
        }
        lua_settop(L, 2);
    }
    return tensor_index(L);
}

static int set_requires_grad(lua_State *L, Tensor *t, bool value) {
    if (value && !dtype_is_float((DType)t->dtype))
        raise(L, "requires_grad: only floating tensors can require a gradient, this one is %s", DTYPE(t));
    if (!value && t->has_node)
        raise(L, "requires_grad: only a leaf can stop requiring a gradient; use x:detach()");
    if (value != t->requires_grad) t->requires_grad = value;
    return 0;
}

static int set_grad(lua_State *L, Tensor *t, int value) {
    const Tensor *g = lua_isnil(L, value) ? NULL : check_tensor(L, value);
    if (g && !tensor_same_shape(g, t))
        raise(L, "grad: expected a gradient of shape (%s), got (%s)", SHAPE(t), SHAPE(g));
    if (g && g->dtype != t->dtype) raise(L, "grad: expected a %s gradient, got %s", DTYPE(t), DTYPE(g));
    lua_pushvalue(L, value);
    lua_setiuservalue(L, 1, TENSOR_GRAD);
    return 0;
}

static int meta_newindex(lua_State *L) {
    if (lua_type(L, 2) == LUA_TSTRING) {
        const char *name = lua_tostring(L, 2);
        Tensor *t = check_tensor(L, 1);
        if (strcmp(name, "grad") == 0) return set_grad(L, t, 3);
        if (strcmp(name, "requires_grad") == 0) return set_requires_grad(L, t, opt_bool(L, 3, false));
        for (int i = 0; fields[i].name; i++)
            if (strcmp(name, fields[i].name) == 0) raise(L, "tensor: the field '%s' cannot be set", name);
    }
    return tensor_newindex(L);
}

static int l_requires_grad_(lua_State *L) {
    set_requires_grad(L, check_tensor(L, 1), opt_bool(L, 2, true));
    lua_settop(L, 1);
    return 1;
}

static int meta_len(lua_State *L) {
    const Tensor *t = check_shaped(L, 1);
    if (t->ndim == 0) raise(L, "#: a 0-dim tensor has no length; use x:item()");
    lua_pushinteger(L, t->size[0]);
    return 1;
}

/* --- accounts
 * ------------------------------------------------------------------------------------------------------------
 */

/* memory() -> {live =, cached =, peak =, tensors =}: bytes on the host, live handles */
static int l_memory(lua_State *L) {
    const Memory *m = &ctx(L)->mem;
    const Blocks *b = &m->blocks;
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, b->live_bytes);
    lua_setfield(L, -2, "live");
    lua_pushinteger(L, b->cached_bytes);
    lua_setfield(L, -2, "cached");
    lua_pushinteger(L, b->peak_bytes);
    lua_setfield(L, -2, "peak");
    lua_pushinteger(L, m->tensors);
    lua_setfield(L, -2, "tensors");
    return 1;
}

/* Bytes that are on the account of tensors, in use or kept, on the host and on devices. */
static int64_t held_bytes(const Ctx *c) {
    int64_t bytes = c->mem.blocks.live_bytes + c->mem.blocks.cached_bytes;
    for (int i = 1; i <= CL_MAX_DEVICES; i++) {
        const Blocks *b = cl_memory(c, (Device)i);
        if (b) bytes += b->live_bytes + b->cached_bytes;
    }
    return bytes;
}

/* empty_cache(keep) -> the bytes given back. Where no more than `keep` is held there is nothing to look for.
 */
static int l_empty_cache(lua_State *L) {
    const int64_t keep = opt_int(L, 1, 0);
    if (keep < 0) bad_argument(L, 1, "how many bytes to keep, from 0");
    const int64_t before = held_bytes(ctx(L));
    if (before > keep) {
        pace_collect_all(L);
        memory_trim(ctx(L), keep);
    }
    lua_pushinteger(L, before - held_bytes(ctx(L)));
    return 1;
}

/* set_memory_limit(bytes); 0: none */
static int l_set_memory_limit(lua_State *L) {
    int64_t bytes = check_int(L, 1);
    if (bytes < 0) raise(L, "%s: expected bytes, or 0 for no limit, got %lld", op_name(L), (long long)bytes);
    ctx(L)->mem.script_limit = bytes;
    return 0;
}

void open_tensor(lua_State *L) {
    BindState *b = bind_state(L);
    lua_newtable(L);
    b->methods = luaL_ref(L, LUA_REGISTRYINDEX);

    lua_newtable(L);
    b->tensor_meta_pointer = lua_topointer(L, -1);
    lua_pushvalue(L, -1);
    b->tensor_meta = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushliteral(L, "tensor");
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");

    luaL_newmetatable(L, SIZES_META);
    lua_pushcfunction(L, sizes_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);

    static const luaL_Reg metamethods[] = {{"__gc", tensor_gc},
                                           {"__index", meta_index},
                                           {"__newindex", meta_newindex},
                                           {"__len", meta_len},
                                           {NULL, NULL}};
    for (const luaL_Reg *m = metamethods; m->name; m++) {
        new_op_state(L, &(OpReg){"tensor", m->func, 0});
        lua_rawgeti(L, LUA_REGISTRYINDEX, b->methods);
        lua_newtable(L);
        for (int i = 0; fields[i].name; i++) {
            lua_pushinteger(L, i);
            lua_setfield(L, -2, fields[i].name);
        }
        lua_pushcclosure(L, m->func, 3);
        lua_setfield(L, -2, m->name);
    }
    lua_pop(L, 1);

    static const OpReg methods[] = {{"item", l_item, 1},
                                    {"totable", l_totable, 1},
                                    {"size", l_size, 2},
                                    {"stride", l_stride, 2},
                                    {"numel", l_numel, 1},
                                    {"dim", l_dim, 1},
                                    {"is_contiguous", l_is_contiguous, 1},
                                    {"is_floating_point", l_is_floating_point, 1},
                                    {"requires_grad_", l_requires_grad_, 2},
                                    {0}};
    lua_rawgeti(L, LUA_REGISTRYINDEX, b->methods);
    set_functions(L, methods);
    lua_pop(L, 1);
    register_functions(L, methods);

    static const OpReg functions[] = {{"is_tensor", l_is_tensor, 1},
                                      {"storage_refs", l_storage_refs, 1},
                                      {"version", l_version, 1},
                                      {"memory", l_memory, 0},
                                      {"empty_cache", l_empty_cache, 1},
                                      {"set_memory_limit", l_set_memory_limit, 1},
                                      {0}};
    register_functions(L, functions);
    lua_rawgeti(L, LUA_REGISTRYINDEX, b->core);
    lua_rawgeti(L, LUA_REGISTRYINDEX, b->tensor_meta);
    lua_setfield(L, -2, "tensor_meta"); /* the standard library adds __tostring and the operators */
    lua_pop(L, 1);
}
