/* Stopping a running instance. A request sets ctx->interrupt, which long tensor ops read, and a Lua hook
 * raises the error. The hook comes from a signal handler on the running thread (lua_sethook is safe there
 * and nowhere else), or stands all the time and counts instructions (check_every).
 *
 * RUNNING -> STOPPING: the error was raised; pcall may catch it, closers clean up.
 * STOPPING -> UNWINDING: the code ran on regardless, or there was a second request; the error is raised again
 * and pcall passes it on. */
#include "instance.h"
#include "bind/bind.h"
#include <time.h>

/* What cleaning up may take after the error was raised (apsis.h tells it), and how many instructions pass
 * between two looks at the clock: few, for each may be a long tensor op. */
enum { GRACE_MS = 500, GRACE_CHECK = 100 };

static Apsis *instance_of(lua_State *L) {
    Apsis *a;
    lua_getallocf(L, (void **)&a); /* the allocator's argument is the instance */
    return a;
}

static void on_hook(lua_State *L, lua_Debug *event);

/* Only where it differs: setting a hook walks the whole call stack. */
static void base_hook(lua_State *L, const Apsis *a) {
    int mask = a->check_every > 0 ? LUA_MASKCOUNT : 0, count = mask ? a->check_every : 0;
    if (lua_gethookmask(L) == mask && lua_gethookcount(L) == count) return;
    lua_sethook(L, mask ? on_hook : NULL, mask, count);
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The error is about to be raised, or an op has raised it. */
static void next_state(lua_State *L, Apsis *a) {
    a->state = a->state == RUNNING ? STOPPING : UNWINDING;
    a->deadline_ms = now_ms() + GRACE_MS;
    atomic_store(&a->ctx->interrupt, 0); /* closers may use tensors */
    lua_sethook(L, on_hook, LUA_MASKCOUNT, GRACE_CHECK);
}

/* Whether the error is due: on a request, and again where cleaning up takes too long. */
static bool is_due(const Apsis *a) {
    return ctx_stopping(a->ctx) || (a->state != RUNNING && now_ms() > a->deadline_ms);
}

static void on_hook(lua_State *L, lua_Debug *event) {
    (void)event;
    Apsis *a = instance_of(L);
    if (is_due(a)) {
        next_state(L, a);
        raise(L, "interrupted!");
    }
    if (a->state == RUNNING) base_hook(L, a); /* nobody asks; or a coroutine that outlived an interrupt */
}

void apsis_interrupt(Apsis *a) {
    if (!a || !atomic_load(&a->depth)) return;
    atomic_store(&a->ctx->interrupt, 1);
    if (pthread_equal(pthread_self(), atomic_load(&a->owner)))
        lua_sethook(atomic_load(&a->running), on_hook,
                    LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

void interrupt_enter(Apsis *a) {
    if (atomic_load(&a->depth) == 0) {
        atomic_store(&a->owner, pthread_self());
        atomic_store(&a->ctx->interrupt, 0); /* one that came too late for the call it was meant for */
    }
    atomic_fetch_add(&a->depth, 1);
}

void interrupt_leave(Apsis *a) {
    if (atomic_fetch_sub(&a->depth, 1) != 1) return;
    if (ctx_stopping(a->ctx) || a->state != RUNNING) base_hook(a->main, a);
    a->state = RUNNING;
    atomic_store(&a->ctx->interrupt, 0);
}

/* --- coroutines: which Lua thread runs ----------------------------------------------------------------- */

/* Calls the C function below the arguments (upvalue 1) while `co` counts as the running thread. */
static int run_as(lua_State *L, lua_State *co) {
    Apsis *a = instance_of(L);
    lua_State *before = atomic_load(&a->running);
    if (co) atomic_store(&a->running, co);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    atomic_store(&a->running, before);
    bool stopped = a->state != RUNNING;
    if (stopped) lua_sethook(L, on_hook, LUA_MASKCOUNT, GRACE_CHECK); /* the hook was the coroutine's */
    if (status != LUA_OK) return lua_error(L);
    /* resume turned the interrupt into a result; this thread must stop too. */
    if (stopped && lua_isboolean(L, 1) && !lua_toboolean(L, 1)) return raise(L, "interrupted!");
    return lua_gettop(L);
}

static int run_argument(lua_State *L) {
    return run_as(L, lua_tothread(L, 1));
}

static int run_wrapped(lua_State *L) {
    return run_as(L, lua_tothread(L, lua_upvalueindex(2)));
}

/* wrap(f): the original gives a function whose only upvalue is the coroutine. */
static int wrap(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    lua_getupvalue(L, -1, 1);
    lua_pushcclosure(L, run_wrapped, 2);
    return 1;
}

/* --- pcall and xpcall, as in lbaselib.c, but for the middle lines of finish ---------------------------- */

/* The end of a protected call, also of one that yielded; `below` values under its results are not its own. */
static int finish(lua_State *L, int status, lua_KContext below) {
    if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - (int)below;
    Apsis *a = instance_of(L);
    if (is_due(a)) next_state(L, a); /* the error is that of a tensor op, or it came too late */
    if (a->state == UNWINDING) return lua_error(L);
    lua_pushboolean(L, 0);
    lua_pushvalue(L, -2);
    return 2;
}

static int protect(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    return finish(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish), 0);
}

static int protect_with_handler(lua_State *L) {
    int n = lua_gettop(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushboolean(L, 1);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2); /* function, handler, true, function, arguments */
    return finish(L, lua_pcallk(L, n - 2, LUA_MULTRET, 2, 2, finish), 2);
}

void interrupt_open(lua_State *L, Apsis *a) {
    static const luaL_Reg wrappers[] = {{"resume", run_argument}, {"close", run_argument}, {"wrap", wrap}};
    lua_getglobal(L, "coroutine");
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) {
        lua_getfield(L, -1, wrappers[i].name);
        lua_pushcclosure(L, wrappers[i].func, 1);
        lua_setfield(L, -2, wrappers[i].name);
    }
    lua_pop(L, 1);
    lua_register(L, "pcall", protect);
    lua_register(L, "xpcall", protect_with_handler);
    base_hook(L, a);
}
