/* Files: safetensors, npy, npz, IDX, CSV, JSON, as stdlib/io and stdlib/data call them (core.formats). What
 * stays open between two calls is a userdata that Lua closes. */
#include "bind/state.h"
#include "io/idx.h"
#include "io/safetensors.h"
#include <string.h>

static const char *check_path(lua_State *L, int arg) {
    size_t length;
    const char *path = check_string(L, arg);
    lua_tolstring(L, arg, &length);
    if (strlen(path) != length) bad_argument(L, arg, "a path without zero bytes");
    return path;
}

/* A table of n strings or tensors, whose items stay alive by being in it. */
static lua_Integer check_list(lua_State *L, int arg) {
    if (!lua_istable(L, arg)) bad_argument(L, arg, "a table");
    return (lua_Integer)lua_rawlen(L, arg);
}

/* --- open files ----------------------------------------------------------------------------------------- */

/* Pushes a userdata of `size` bytes, zeroed, whose metatable `kind` (see make_kind) knows how to close it. */
static void *push_handle(lua_State *L, const char *kind, size_t size) {
    void *p = memset(lua_newuserdatauv(L, size, 0), 0, size);
    luaL_setmetatable(L, kind);
    return p;
}

static void make_kind(lua_State *L, const char *kind, lua_CFunction close, const luaL_Reg *methods) {
    luaL_newmetatable(L, kind);
    lua_newtable(L);
    for (; methods->name; methods++) {
        new_op_state(L, methods->name, methods->func);
        lua_pushcclosure(L, methods->func, 1);
        lua_setfield(L, -2, methods->name);
    }
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, close);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, close);
    lua_setfield(L, -2, "__close");
    lua_pop(L, 1);
}

/* --- safetensors ---------------------------------------------------------------------------------------- */

static const char SAFETENSORS[] = "apsis.safetensors";

static Safetensors *check_safetensors(lua_State *L) {
    Safetensors *s = luaL_checkudata(L, 1, SAFETENSORS);
    if (!s->file.path) raise(L, "%s: the file is closed", op_name(L));
    return s;
}

/* safetensors(path) -> open file */
static int l_safetensors(lua_State *L) {
    const char *path = check_path(L, 1);
    Safetensors *s = push_handle(L, SAFETENSORS, sizeof *s);
    return result(L, safetensors_open(ctx(L), s, op_name(L), path));
}

static int safetensors_gc(lua_State *L) {
    safetensors_close(luaL_checkudata(L, 1, SAFETENSORS));
    return 0;
}

/* file:list() -> {{name =, dtype = "F32", shape = {...}}, ...} in the order of the data */
static int l_safetensors_list(lua_State *L) {
    const Safetensors *s = check_safetensors(L);
    int64_t n = safetensors_count(s);
    lua_createtable(L, (int)n, 0);
    for (int64_t i = 0; i < n; i++) {
        const SafetensorsEntry *e = safetensors_entry(s, i);
        lua_createtable(L, 0, 3);
        lua_pushlstring(L, e->name.text, (size_t)e->name.length);
        lua_setfield(L, -2, "name");
        lua_pushstring(L, safetensors_type_name(e));
        lua_setfield(L, -2, "dtype");
        lua_createtable(L, e->ndim, 0);
        for (int d = 0; d < e->ndim; d++) {
            lua_pushinteger(L, e->size[d]);
            lua_rawseti(L, -2, d + 1);
        }
        lua_setfield(L, -2, "shape");
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* file:metadata() -> {key = value} */
static int l_safetensors_metadata(lua_State *L) {
    const Safetensors *s = check_safetensors(L);
    const SafetensorsPair *pair = (const SafetensorsPair *)s->metadata.data;
    lua_newtable(L);
    for (int64_t n = s->metadata.size / (int64_t)sizeof *pair; n > 0; n--, pair++) {
        lua_pushlstring(L, pair->key.text, (size_t)pair->key.length);
        lua_pushlstring(L, pair->value.text, (size_t)pair->value.length);
        lua_rawset(L, -3);
    }
    return 1;
}

/* file:read(i) -> tensor, i as in list() */
static int l_safetensors_read(lua_State *L) {
    const Safetensors *s = check_safetensors(L);
    int64_t i = check_int(L, 2);
    if (i < 1 || i > safetensors_count(s)) bad_argument(L, 2, "the number of a tensor in the file");
    return result(L, safetensors_read(s, i - 1, new_tensor(L)));
}

static SafetensorsText check_text(lua_State *L, int table, lua_Integer i) {
    SafetensorsText t;
    size_t length;
    lua_rawgeti(L, table, i);
    if (lua_type(L, -1) != LUA_TSTRING) bad_argument(L, table, "a table of strings");
    t.text = lua_tolstring(L, -1, &length);
    t.length = (int64_t)length;
    lua_pop(L, 1);
    return t;
}

/* save(path, names, tensors, keys, values): lists of equal length */
static int l_save(lua_State *L) {
    const char *path = check_path(L, 1);
    lua_Integer n = check_list(L, 2), m = check_list(L, 4);
    if (check_list(L, 3) != n) bad_argument(L, 3, "as many tensors as names");
    if (check_list(L, 5) != m) bad_argument(L, 5, "as many values as keys");
    SafetensorsItem *items = lua_newuserdatauv(L, sizeof *items * (size_t)n + 1, 0);
    SafetensorsPair *metadata = lua_newuserdatauv(L, sizeof *metadata * (size_t)m + 1, 0);
    for (lua_Integer i = 0; i < n; i++) {
        lua_rawgeti(L, 3, i + 1);
        items[i] = (SafetensorsItem){check_text(L, 2, i + 1), check_tensor(L, -1)};
        lua_pop(L, 1);
    }
    for (lua_Integer i = 0; i < m; i++)
        metadata[i] = (SafetensorsPair){check_text(L, 4, i + 1), check_text(L, 5, i + 1)};
    if (!safetensors_save(ctx(L), op_name(L), path, items, n, metadata, m)) return raise_error(L);
    return 0;
}

/* --- IDX ------------------------------------------------------------------------------------------------ */

/* read_idx(path) -> tensor */
static int l_read_idx(lua_State *L) {
    const char *path = check_path(L, 1);
    return result(L, idx_read(ctx(L), new_tensor(L), op_name(L), path));
}

void open_io(lua_State *L) {
    static const luaL_Reg safetensors[] = {{"list", l_safetensors_list},
                                           {"metadata", l_safetensors_metadata},
                                           {"read", l_safetensors_read},
                                           {NULL, NULL}};
    /* The field of core.formats, and the name in messages: what the user calls. */
    static const struct {
        const char *field, *name;
        lua_CFunction call;
    } functions[] = {
        {"safetensors", "io.load", l_safetensors},
        {"save", "io.save", l_save},
        {"read_idx", "read_idx", l_read_idx},
    };
    make_kind(L, SAFETENSORS, safetensors_gc, safetensors);
    lua_rawgeti(L, LUA_REGISTRYINDEX, bind_state(L)->core);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        new_op_state(L, functions[i].name, functions[i].call);
        lua_pushcclosure(L, functions[i].call, 1);
        lua_setfield(L, -2, functions[i].field);
    }
    lua_setfield(L, -2, "formats");
    lua_pop(L, 1);
}
