/* Functions of the library that are written in Lua, as users meet them: each stands behind a closure of C
 * that knows its name. So it takes {out = t} as the ops in C do, and an error, however deep in it and past
 * whatever tail call, can name what the user called. */
#include "bind/state.h"
#include <limits.h>
#include <string.h>

enum { ENTRY_NAME = 1, ENTRY_FUNCTION, ENTRY_TAKES_OUT, ENTRY_MOST, ENTRY_UPVALUES = ENTRY_MOST };

static int returned(lua_State *L, int status, lua_KContext unused) {
    (void)status, (void)unused;
    return lua_gettop(L);
}

static int call_entry(lua_State *L) {
    const int top = lua_gettop(L);
    if (has_out(L, top) && !lua_toboolean(L, lua_upvalueindex(ENTRY_TAKES_OUT))) {
        const char *name = lua_tostring(L, lua_upvalueindex(ENTRY_NAME));
        if (name[strlen(name) - 1] == '_') raise(L, "%s: works in place: it takes no out", name);
        lua_pushvalue(L, lua_upvalueindex(ENTRY_FUNCTION));
        return call_function_with_out(L, name);
    }
    const int most = (int)lua_tointeger(L, lua_upvalueindex(ENTRY_MOST));
    if (top > most) refuse_more_than(L, lua_tostring(L, lua_upvalueindex(ENTRY_NAME)), most);
    lua_pushvalue(L, lua_upvalueindex(ENTRY_FUNCTION));
    lua_insert(L, 1);
    lua_callk(L, top, LUA_MULTRET, 0, returned);
    return returned(L, LUA_OK, 0);
}

/* The name of the entry on top; NULL where that is none. */
static const char *name_of(lua_State *L) {
    if (lua_tocfunction(L, -1) != call_entry || !lua_getupvalue(L, -1, ENTRY_NAME)) return NULL;
    const char *name = lua_tostring(L, -1); /* the closure keeps it */
    lua_pop(L, 1);
    return name;
}

const char *entry_name(lua_State *L, lua_Debug *frame) {
    lua_getinfo(L, "f", frame);
    const char *name = name_of(L);
    lua_pop(L, 1);
    return name;
}

/* entry_name(f) -> the name that it was defined by, or nil where it is no function of the library in Lua */
static int l_entry_name(lua_State *L) {
    lua_settop(L, 1);
    lua_pushstring(L, name_of(L));
    return 1;
}

/* How many arguments the function at `index` takes; fills `ar` with what "S" and "u" tell of it. */
static int parameters(lua_State *L, int index, lua_Debug *ar) {
    lua_pushvalue(L, index);
    lua_getinfo(L, ">Su", ar);
    return ar->isvararg ? INT_MAX : ar->nparams;
}

/* parameters(f) -> how many a function of the library in Lua has; nil where it takes any number, and for
 * users' functions, of which Lua drops the arguments that they do not take */
static int l_parameters(lua_State *L) {
    lua_Debug ar;
    if (!lua_isfunction(L, 1)) bad_argument(L, 1, "a function");
    const int n = parameters(L, 1, &ar);
    if (n == INT_MAX || strncmp(ar.source, "=apsis/", 7) != 0) return 0;
    lua_pushinteger(L, n);
    return 1;
}

/* Replaces the function on top by its entry; one in C (an op, an entry: a second name) stays what it is. */
static void make_entry(lua_State *L, const char *name, bool takes_out) {
    if (lua_iscfunction(L, -1)) return;
    lua_pushstring(L, name);
    lua_insert(L, -2);
    lua_pushboolean(L, takes_out);
    lua_pushinteger(L, parameters(L, -2, &(lua_Debug){0}));
    lua_pushcclosure(L, call_entry, ENTRY_UPVALUES);
}

/* entry(name, f, takes_out) -> f behind an entry; takes_out: what it is given as `out` is left to f */
static int l_entry(lua_State *L) {
    luaL_checktype(L, 2, LUA_TFUNCTION);
    bool takes_out = lua_toboolean(L, 3);
    lua_settop(L, 2);
    make_entry(L, luaL_checkstring(L, 1), takes_out);
    return 1;
}

/* define(name, f): a function joins the core functions and the tensors' methods. */
static int l_define(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    make_entry(L, name, false);
    const int tables[] = {bind_state(L)->core, bind_state(L)->methods};
    for (int i = 0; i < 2; i++) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, tables[i]);
        lua_pushvalue(L, 2);
        lua_setfield(L, -2, name);
        lua_pop(L, 1);
    }
    return 0;
}

/* define_module(t) -> t, its functions in Lua behind entries of their names */
static int l_define_module(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        if (lua_isfunction(L, -1) && lua_type(L, -2) == LUA_TSTRING) {
            make_entry(L, lua_tostring(L, -2), false);
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            lua_rawset(L, 1);
        } else {
            lua_pop(L, 1);
        }
    }
    return 1;
}

void open_define(lua_State *L) {
    static const OpReg functions[] = {
        {"entry", l_entry, 3},   {"entry_name", l_entry_name, 1},       {"parameters", l_parameters, 1},
        {"define", l_define, 2}, {"define_module", l_define_module, 1}, {0}};
    register_functions(L, functions);
}
