/* What Lua says of the ops: their gradients' rules, or that they have none. */
#include "bind/state.h"

static uint16_t parse_keep(lua_State *L, const char *text) {
    uint16_t mask = 0;
    for (; *text; text++) {
        if (*text == 'y')
            mask |= KEEP_OUTPUT;
        else if (*text >= '1' && *text <= '9')
            mask |= (uint16_t)(1u << (*text - '0'));
        else
            luaL_error(L, "rule: KEEP is made of digits (arguments) and y (the output), got '%c'", *text);
    }
    return mask;
}

/* The states of `name` and `name_`; NULL where there is no such op. */
static OpState *find_op(lua_State *L, const char *name) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, bind_state(L)->ops);
    lua_getfield(L, -1, name);
    OpState *op = lua_touserdata(L, -1);
    lua_remove(L, -2);
    return op;
}

/* rule(name, keep, f1, f2, ...) and rule_joint(name, keep, f) */
static int add_rule(lua_State *L, bool joint) {
    const char *name = luaL_checkstring(L, 1);
    int functions = lua_gettop(L) - 2;
    if (functions < 1 || functions > MAX_RULES || (joint && functions != 1))
        return luaL_error(L, "rule: %s: wrong number of functions", name);
    bool found = false;
    for (int in_place = 0; in_place < 2; in_place++) {
        OpState *op = find_op(L, in_place ? lua_pushfstring(L, "%s_", name) : name);
        if (!op) continue;
        found = op->documented = true;
        op->joint = joint;
        op->has_rule = 0;
        op->rules = (int8_t)(joint ? 1 : functions);
        lua_createtable(L, functions, 0);
        for (int i = 1; i <= functions; i++) {
            if (lua_isnil(L, 2 + i)) continue;
            luaL_checktype(L, 2 + i, LUA_TFUNCTION);
            op->has_rule |= (uint16_t)(1u << i);
            lua_pushvalue(L, 2 + i);
            lua_rawseti(L, -2, i);
            if (lua_istable(L, 2)) {
                lua_rawgeti(L, 2, i);
                op->keep[i] = parse_keep(L, luaL_checkstring(L, -1));
                lua_pop(L, 1);
            } else {
                op->keep[i] = parse_keep(L, luaL_checkstring(L, 2));
            }
        }
        op->keep[0] = joint ? op->keep[1] : 0;
        lua_setiuservalue(L, -2, 1);
    }
    return found ? 0 : luaL_error(L, "rule: no op '%s'", name);
}

static int l_rule(lua_State *L) {
    return add_rule(L, false);
}

static int l_rule_joint(lua_State *L) {
    return add_rule(L, true);
}

static int l_no_gradient(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    bool found = false;
    for (int in_place = 0; in_place < 2; in_place++) {
        OpState *op = find_op(L, in_place ? lua_pushfstring(L, "%s_", name) : name);
        if (op) found = op->documented = true;
    }
    return found ? 0 : luaL_error(L, "no_gradient: no op '%s'", name);
}

/* ops() -> {name = "rule" | "none" | "unknown"} of every registered op */
static int l_ops(lua_State *L) {
    lua_newtable(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, bind_state(L)->ops);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        const OpState *op = lua_touserdata(L, -1);
        lua_pushstring(L, op->rules ? "rule" : op->documented ? "none" : "unknown");
        lua_setfield(L, -5, op->name);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return 1;
}

void open_rules(lua_State *L) {
    static const OpReg functions[] = {{"rule", l_rule, ANY_NUMBER},
                                      {"rule_joint", l_rule_joint, ANY_NUMBER},
                                      {"no_gradient", l_no_gradient, 1},
                                      {"ops", l_ops, 0},
                                      {0}};
    register_functions(L, functions);
}
