/* Stopping a running instance. A request sets ctx->interrupt, which long tensor ops read, and a Lua hook
 * raises the error. The hook comes from a signal handler on the running thread (lua_sethook is safe there
 * and nowhere else), or stands all the time and counts instructions (check_every). */
#include "instance.h"
#include <lauxlib.h>

/* After the error was raised once, cleaning up (closers, pcall) may take this many instructions; code that
 * runs on regardless meets the error again. */
enum { GRACE = 100000 };

static Apsis *instance_of(lua_State *L) {
    Apsis *a;
    lua_getallocf(L, (void **)&a); /* the allocator's argument is the instance */
    return a;
}

static void on_hook(lua_State *L, lua_Debug *event);

static void base_hook(lua_State *L, const Apsis *a) {
    if (a->check_every > 0)
        lua_sethook(L, on_hook, LUA_MASKCOUNT, a->check_every);
    else
        lua_sethook(L, NULL, 0, 0);
}

static void on_hook(lua_State *L, lua_Debug *event) {
    (void)event;
    Apsis *a = instance_of(L);
    if (!ctx_stopping(a->ctx) && !a->stopping) {
        base_hook(L, a); /* a coroutine that outlived the interrupt */
        return;
    }
    a->stopping = true;
    atomic_store(&a->ctx->interrupt, 0); /* closers may use tensors */
    lua_sethook(L, on_hook, LUA_MASKCOUNT, GRACE);
    luaL_error(L, "interrupted!");
}

void apsis_interrupt(Apsis *a) {
    if (!a || !atomic_load(&a->depth)) return;
    atomic_store(&a->ctx->interrupt, 1);
    if (pthread_equal(pthread_self(), a->owner))
        lua_sethook(atomic_load(&a->running), on_hook,
                    LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

void interrupt_enter(Apsis *a) {
    if (atomic_load(&a->depth) == 0) a->owner = pthread_self();
    atomic_fetch_add(&a->depth, 1);
}

void interrupt_leave(Apsis *a) {
    if (atomic_fetch_sub(&a->depth, 1) != 1) return;
    if (ctx_stopping(a->ctx) || a->stopping) base_hook(a->main, a);
    a->stopping = false;
    atomic_store(&a->ctx->interrupt, 0);
}

/* Calls the C function below the arguments (upvalue 1) while `co` counts as the running thread. */
static int run_as(lua_State *L, lua_State *co) {
    Apsis *a = instance_of(L);
    lua_State *before = atomic_load(&a->running);
    if (co) atomic_store(&a->running, co);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    atomic_store(&a->running, before);
    if (status != LUA_OK) return lua_error(L);
    /* resume turned the interrupt into a result; this thread must stop too. */
    if (a->stopping && lua_isboolean(L, 1) && !lua_toboolean(L, 1)) return luaL_error(L, "interrupted!");
    return lua_gettop(L);
}

static int resume(lua_State *L) {
    return run_as(L, lua_tothread(L, 1));
}

static int resume_wrapped(lua_State *L) {
    return run_as(L, lua_tothread(L, lua_upvalueindex(2)));
}

/* wrap(f): the original gives a function whose only upvalue is the coroutine. */
static int wrap(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    lua_getupvalue(L, -1, 1);
    lua_pushcclosure(L, resume_wrapped, 2);
    return 1;
}

void interrupt_open(lua_State *L, Apsis *a) {
    lua_getglobal(L, "coroutine");
    lua_getfield(L, -1, "resume");
    lua_pushcclosure(L, resume, 1);
    lua_setfield(L, -2, "resume");
    lua_getfield(L, -1, "wrap");
    lua_pushcclosure(L, wrap, 1);
    lua_setfield(L, -2, "wrap");
    lua_pop(L, 1);
    base_hook(L, a);
}
