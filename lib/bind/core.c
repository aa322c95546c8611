/* The module apsis.core: registration of ops and functions, and the families' openers. */
#include "bind/state.h"
#include <string.h>

OpState *new_op_state(lua_State *L, const OpReg *reg) {
    OpState *op = lua_newuserdatauv(L, sizeof *op, 1);
    *op = (OpState){.name = reg->name,
                    .call = reg->call,
                    .most = (int8_t)(reg->takes & COUNT_MASK),
                    .is_list = reg->takes & LIST,
                    .takes_named = reg->takes & NAMED};
    size_t n = strlen(op->name);
    op->in_place = n > 1 && op->name[n - 1] == '_' && op->name[n - 2] != '_';
    return op;
}

void register_ops(lua_State *L, const OpReg *list) {
    const BindState *b = bind_state(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, b->core);
    lua_rawgeti(L, LUA_REGISTRYINDEX, b->methods);
    lua_rawgeti(L, LUA_REGISTRYINDEX, b->ops);
    for (; list->name; list++) {
        new_op_state(L, list);
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, list->name);
        lua_pushcclosure(L, op_call, 1);
        lua_pushvalue(L, -1);
        lua_setfield(L, -5, list->name);
        lua_setfield(L, -3, list->name);
    }
    lua_pop(L, 3);
}

static int creator_call(lua_State *L) {
    const OpState *op = lua_touserdata(L, lua_upvalueindex(1));
    const int top = lua_gettop(L);
    if (has_out(L, top)) return call_running_with_out(L, true);
    check_argument_count(L, op, top);
    return op->call(L);
}

static int function_call(lua_State *L) {
    const OpState *op = lua_touserdata(L, lua_upvalueindex(1));
    check_argument_count(L, op, lua_gettop(L));
    return op->call(L);
}

/* Into the table on top of the stack, each behind `call`. */
static void set_all(lua_State *L, const OpReg *functions, lua_CFunction call) {
    for (; functions->name; functions++) {
        new_op_state(L, functions);
        lua_pushcclosure(L, call, 1);
        lua_setfield(L, -2, functions->name);
    }
}

void set_functions(lua_State *L, const OpReg *functions) {
    set_all(L, functions, function_call);
}

void register_creators(lua_State *L, const OpReg *functions) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, bind_state(L)->core);
    set_all(L, functions, creator_call);
    lua_pop(L, 1);
}

void register_functions(lua_State *L, const OpReg *functions) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, bind_state(L)->core);
    set_functions(L, functions);
    lua_pop(L, 1);
}

void register_module(lua_State *L, const char *name, const OpReg *functions) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, bind_state(L)->core);
    lua_newtable(L);
    set_functions(L, functions);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

/* Called before an allocation fails: unreachable tensors go, and their blocks with them. */
static void reclaim(void *state) {
    lua_gc(state, LUA_GCCOLLECT);
}

int luaopen_apsis_core(lua_State *L) {
    Ctx *c = ctx(L);
    BindState *b = lua_newuserdatauv(L, sizeof *b, 0);
    *b = (BindState){0};
    luaL_ref(L, LUA_REGISTRYINDEX); /* keeps it as long as the state */
    c->binding = b;
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    pace_start(L);
    c->reclaim = reclaim;
    c->reclaim_arg = lua_tothread(L, -1);
    lua_pop(L, 1);

    lua_newtable(L);
    lua_pushvalue(L, -1);
    b->core = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    b->ops = luaL_ref(L, LUA_REGISTRYINDEX);

    static void (*const open[])(lua_State *) = {
        open_tensor,    open_creation, open_bytes,  open_define,      open_tape,   open_rules,
        open_shape,     open_reshape,  open_join,   open_elementwise, open_reduce, open_index,
        open_rearrange, open_search,   open_matmul, open_linalg,      open_conv,   open_pool,
        open_norm,      open_loss,     open_fft,    open_optim,       open_random, open_io,
        open_system,    open_terminal, open_cl};
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) open[i](L);
    register_functions(L, (const OpReg[]){{"fail", l_fail, 1}, {0}});
    return 1;
}
