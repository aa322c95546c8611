/* Instances: creation, the memory limit, errors, running code, closing. Values and tensors are in value.c,
 * interruption is in interrupt.c. */
#include "instance.h"
#include "bind/bind.h"
#include "bundle.h"
#include "core/tensor.h"
#include <lualib.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- memory: one budget for Lua values and tensors ----------------------------------------------------- */

/* What Lua leaves of the budget is the tensors'. 0 would mean no limit, so nothing left is 1 byte. */
static void share_budget(Apsis *a) {
    if (!a->limit_bytes) return;
    int64_t left = a->limit_bytes - a->lua_bytes;
    a->ctx->mem.limit_bytes = left > 0 ? left : 1;
}

static bool fits(const Apsis *a, int64_t more) {
    const Blocks *b = &a->ctx->mem.blocks;
    return a->lua_bytes + more + b->live_bytes + b->cached_bytes <= a->limit_bytes;
}

static void *allocate(void *instance, void *block, size_t old, size_t new) {
    Apsis *a = instance;
    if (!block) old = 0; /* then it is the type of the object */
    if (new == 0) {
        free(block);
        a->lua_bytes -= (int64_t)old;
        share_budget(a);
        return NULL;
    }
    int64_t more = (int64_t) new - (int64_t)old;
    if (a->limit_bytes && more > 0 && !fits(a, more)) {
        memory_trim(a->ctx, 0);
        if (!fits(a, more)) return NULL;
    }
    void *p = realloc(block, new);
    if (!p && more > 0) return NULL;
    if (!p) return block; /* Lua relies on it that shrinking cannot fail */
    a->lua_bytes += more;
    share_budget(a);
    return p;
}

void apsis_set_limit(Apsis *a, int64_t limit_bytes) {
    if (!a) return;
    a->limit_bytes = limit_bytes > 0 ? limit_bytes : 0;
    a->ctx->mem.limit_bytes = 0;
    share_budget(a);
}

int64_t apsis_memory(const Apsis *a) {
    return a ? a->lua_bytes + a->ctx->mem.blocks.live_bytes : 0;
}

/* In the registry where errors are to be explained. */
#define EXPLAIN "apsis.explain"

/* --- errors -------------------------------------------------------------------------------------------- */

void set_error(Apsis *a, const char *message, const char *traceback) {
    /* The texts may be the ones of the last error. */
    char *m = strdup(message), *t = strdup(traceback ? traceback : message);
    if (!m && message != a->fixed) snprintf(a->fixed, sizeof a->fixed, "%s", message);
    free(a->message);
    free(a->traceback);
    a->message = m;
    a->traceback = t;
    a->errors++;
    a->error = m ? m : a->fixed;
    a->error_traceback = t ? t : a->error;
}

const char *apsis_error(const Apsis *a) {
    return a ? a->error : "no instance";
}

const char *apsis_traceback(const Apsis *a) {
    return a ? a->error_traceback : "no instance";
}

int apsis_fail(Apsis *a, const char *message) {
    if (a) set_error(a, message ? message : "unknown error", NULL);
    return APSIS_ERROR;
}

int fail_argument(Apsis *a, const char *message) {
    if (a) set_error(a, message, NULL);
    return APSIS_ERROR_ARGUMENT;
}

/* Pushes what the prompt shows of an error with the message at `at`, and returns true; false where the host
 * does not want that, or it fails in its turn: without stack, memory or the debug library. Called by a
 * message handler only: apsis.repl.errors counts levels from there. */
static bool push_explained(lua_State *L, int at) {
    const int top = lua_gettop(L);
    const bool wanted = lua_getfield(L, LUA_REGISTRYINDEX, EXPLAIN) == LUA_TBOOLEAN;
    lua_pushglobaltable(L);
    lua_pushliteral(L, "require");
    lua_rawget(L, -2);
    lua_pushliteral(L, "apsis.repl.errors");
    if (wanted && lua_pcall(L, 1, 1, 0) == LUA_OK && lua_type(L, -1) == LUA_TTABLE &&
        lua_getfield(L, -1, "trace") == LUA_TFUNCTION) {
        lua_pushvalue(L, at);
        if (lua_pcall(L, 1, 1, 0) == LUA_OK && lua_type(L, -1) == LUA_TSTRING) return true;
    }
    lua_settop(L, top);
    return false;
}

/* The error value becomes {message, traceback}, so that both reach the host. Runs where the error was. */
static int on_error(lua_State *L) {
    if (lua_type(L, 1) == LUA_TTABLE && lua_getmetatable(L, 1)) {
        luaL_getmetatable(L, "apsis.traced");
        if (lua_rawequal(L, -1, -2)) {
            lua_settop(L, 1);
            return 1;
        }
        lua_settop(L, 1);
    }
    if (lua_type(L, 1) != LUA_TSTRING && !luaL_callmeta(L, 1, "__tostring"))
        lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
    const char *message = luaL_tolstring(L, -1, NULL);
    const int text = lua_gettop(L);
    lua_newtable(L);
    lua_pushvalue(L, text);
    lua_rawseti(L, -2, 1);
    if (!push_explained(L, text)) luaL_traceback(L, L, message, 1);
    lua_rawseti(L, text + 1, 2);
    lua_settop(L, text + 1);
    luaL_setmetatable(L, "apsis.traced");
    return 1;
}

void call_traced(lua_State *L, Apsis *a, int nargs, int nresults) {
    (void)a;
    int at = lua_absindex(L, -nargs - 1);
    lua_pushcfunction(L, on_error);
    lua_insert(L, at);
    int status = lua_pcall(L, nargs, nresults, at);
    if (status != LUA_OK) lua_error(L);
    lua_remove(L, at);
}

static bool mentions_memory(const char *message) {
    return strstr(message, "not enough memory") || strstr(message, "out of memory");
}

/* Takes the error on top of the stack; must not allocate in Lua. */
static int take_error(Apsis *a, lua_State *L, int status) {
    const char *message = NULL, *traceback = NULL;
    int syntax = 0;
    if (status == LUA_ERRMEM) {
        message = "not enough memory";
    } else if (lua_type(L, -1) == LUA_TTABLE) {
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        lua_rawgeti(L, -3, 3);
        if (lua_type(L, -3) == LUA_TSTRING) message = lua_tostring(L, -3);
        if (lua_type(L, -2) == LUA_TSTRING) traceback = lua_tostring(L, -2);
        if (lua_isinteger(L, -1)) syntax = (int)lua_tointeger(L, -1);
    } else if (lua_type(L, -1) == LUA_TSTRING) {
        message = lua_tostring(L, -1);
    }
    if (!message) message = "unknown error";
    set_error(a, message, traceback);
    if (a->state != RUNNING || ctx_stopping(a->ctx)) return APSIS_ERROR_INTERRUPTED;
    if (syntax) return syntax;
    return status == LUA_ERRMEM || mentions_memory(message) ? APSIS_ERROR_MEMORY : APSIS_ERROR;
}

int protected_call(Apsis *a, lua_CFunction f, void *argument) {
    lua_State *L = a->L;
    int top = lua_gettop(L);
    if (!lua_checkstack(L, LUA_MINSTACK)) {
        set_error(a, "stack overflow", NULL);
        return APSIS_ERROR_MEMORY;
    }
    interrupt_enter(a);
    lua_pushcfunction(L, f);
    lua_pushlightuserdata(L, argument);
    int status = lua_pcall(L, 1, 0, 0), result = APSIS_OK;
    if (status != LUA_OK) result = take_error(a, L, status);
    lua_settop(L, top);
    interrupt_leave(a);
    return result;
}

enum { PRINT_PIECE = 16384 }; /* bytes */

/* --- creation ------------------------------------------------------------------------------------------ */

static Apsis *self(lua_State *L) {
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* Piece by piece, for whoever reads it may be slow, and Ctrl-C does not wait for him. */
static void emit(lua_State *L, const char *name, const char *text, size_t length) {
    const Apsis *a = self(L);
    do {
        size_t n = length < PRINT_PIECE ? length : PRINT_PIECE;
        int failure = a->print(text, n, a->print_payload);
        if (ctx_stopping(a->ctx)) raise(L, "interrupted!");
        if (failure) luaL_error(L, "%s: cannot write the output", name);
        text += n;
        length -= n;
    } while (length > 0);
}

static int l_print(lua_State *L) {
    int n = lua_gettop(L);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (int i = 1; i <= n; i++) {
        if (i > 1) luaL_addchar(&b, '\t');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&b);
    }
    luaL_addchar(&b, '\n');
    luaL_pushresult(&b);
    size_t length;
    const char *text = lua_tolstring(L, -1, &length);
    emit(L, "print", text, length);
    return 0;
}

/* io.write; upvalue 2 is the original, 3 io.output, 4 io.stdout: a redirected default output stays so. */
static int l_write(lua_State *L) {
    int n = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(3));
    lua_call(L, 0, 1);
    if (!lua_rawequal(L, -1, lua_upvalueindex(4))) {
        lua_pop(L, 1);
        lua_pushvalue(L, lua_upvalueindex(2));
        lua_insert(L, 1);
        lua_call(L, n, LUA_MULTRET);
        return lua_gettop(L);
    }
    for (int i = 1; i <= n; i++) {
        size_t length;
        const char *text = luaL_checklstring(L, i, &length);
        emit(L, "io.write", text, length);
    }
    return 1;
}

static void redirect_output(lua_State *L, Apsis *a) {
    lua_pushlightuserdata(L, a);
    lua_pushcclosure(L, l_print, 1);
    lua_setglobal(L, "print");
    if (lua_getglobal(L, "io") == LUA_TTABLE) {
        lua_pushlightuserdata(L, a);
        lua_getfield(L, -2, "write");
        lua_getfield(L, -3, "output");
        lua_getfield(L, -4, "stdout");
        lua_pushcclosure(L, l_write, 4);
        lua_setfield(L, -2, "write");
    }
    lua_pop(L, 1);
}

static int l_no_exit(lua_State *L) {
    return luaL_error(L, "os.exit: the host program does not allow it");
}

static void clear_fields(lua_State *L, const char *table, const char *const *names) {
    lua_getglobal(L, table);
    for (; *names; names++) {
        lua_pushnil(L);
        lua_setfield(L, -2, *names);
    }
    lua_pop(L, 1);
}

static void leave_out_system(lua_State *L) {
    static const char *const os[] = {"execute", "remove", "rename", "tmpname", "getenv", "setlocale", NULL};
    static const char *const package[] = {"loadlib", "cpath", "path", "searchpath", NULL};
    static const char *const globals[] = {"dofile", "loadfile", "io", "debug", NULL};
    clear_fields(L, "os", os);
    clear_fields(L, "package", package);
    lua_pushglobaltable(L);
    lua_setglobal(L, "_G");
    clear_fields(L, "_G", globals);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    for (int i = 2; globals[i]; i++) {
        lua_pushnil(L);
        lua_setfield(L, -2, globals[i]);
    }
    lua_pop(L, 1);
}

/* package.searchers: preload, ours, then (where files are allowed) Lua's own for files and C libraries. */
static void open_searchers(lua_State *L, const Apsis *a) {
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchers");
    int n = (int)lua_rawlen(L, -1);
    if (a->flags & APSIS_NO_SYSTEM) {
        for (; n > 1; n--) {
            lua_pushnil(L);
            lua_rawseti(L, -2, n);
        }
    }
    for (int i = n; i >= 2; i--) {
        lua_rawgeti(L, -1, i);
        lua_rawseti(L, -2, i + 1);
    }
    lua_pushcfunction(L, bundle_searcher);
    lua_rawseti(L, -2, 2);
    lua_pop(L, 2);
}

static void set_arg(lua_State *L, const ApsisOptions *o) {
    lua_createtable(L, o->argc, 1);
    if (o->script) {
        lua_pushstring(L, o->script);
        lua_rawseti(L, -2, 0);
    }
    for (int i = 0; i < o->argc; i++) {
        lua_pushstring(L, o->argv[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setglobal(L, "arg");
}

typedef struct Setup {
    Apsis *a;
    const ApsisOptions *options;
} Setup;

static int l_setup(lua_State *L) {
    const Setup *s = lua_touserdata(L, 1);
    Apsis *a = s->a;
    luaL_newmetatable(L, "apsis.traced");
    lua_pop(L, 1);
    luaL_openlibs(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, luaopen_apsis_core);
    lua_setfield(L, -2, "apsis.core");
    lua_pop(L, 1);
    open_searchers(L, a);
    if (a->flags & APSIS_EXPLAIN) {
        lua_pushboolean(L, 1);
        lua_setfield(L, LUA_REGISTRYINDEX, EXPLAIN);
    }
    interrupt_open(L, a);
    if (a->print) redirect_output(L, a);
    if (!(a->flags & APSIS_ALLOW_EXIT)) {
        lua_getglobal(L, "os");
        lua_pushcfunction(L, l_no_exit);
        lua_setfield(L, -2, "exit");
        lua_pop(L, 1);
    }
    if (a->flags & APSIS_NO_SYSTEM) leave_out_system(L);
    set_arg(L, s->options);
    return 0;
}

/* Fields beyond what the host knows keep their defaults; NULL where the size makes no sense. */
static bool read_options(ApsisOptions *to, const ApsisOptions *from) {
    *to = (ApsisOptions)APSIS_OPTIONS_INIT;
    if (!from) return true;
    if (from->size < sizeof from->size || from->size > sizeof *to) return false;
    memcpy(to, from, from->size);
    return to->argc >= 0 && (to->argc == 0 || to->argv);
}

static const char *bundled_text(const char *path) {
    const BundleFile *file = bundle_find(path);
    return file ? file->data : NULL;
}

static const char *bundled_name(size_t i) {
    return i < bundle_count ? bundle_files[i].name : NULL;
}

Apsis *apsis_create(const ApsisOptions *options) {
    ApsisOptions o;
    if (!read_options(&o, options)) return NULL;
    Apsis *a = calloc(1, sizeof *a);
    if (!a) return NULL;
    a->error = a->error_traceback = a->fixed;
    a->flags = o.flags;
    a->print = o.print;
    a->print_payload = o.print_payload;
    a->check_every = o.check_every;
    a->ctx = ctx_new();
    if (!a->ctx) goto fail;
    a->ctx->source = bundled_text;
    a->ctx->source_name = bundled_name;
    if (o.threads > 0) a->ctx->threads = o.threads;
    apsis_set_limit(a, o.limit_bytes);
    a->main = a->L = lua_newstate(allocate, a);
    if (!a->main) goto fail;
    atomic_store(&a->running, a->main);
    *(Ctx **)lua_getextraspace(a->main) = a->ctx;
    Setup setup = {a, &o};
    if (protected_call(a, l_setup, &setup) != APSIS_OK) goto fail;
    return a;
fail:
    apsis_close(a);
    return NULL;
}

void apsis_close(Apsis *a) {
    if (!a || atomic_load(&a->depth)) return;
    while (a->tensors) apsis_tensor_release(a, a->tensors);
    if (a->main) lua_close(a->main);
    ctx_free(a->ctx);
    free(a->message);
    free(a->traceback);
    free(a);
}

const char *apsis_version(void) {
    return APSIS_VERSION;
}

/* --- running code -------------------------------------------------------------------------------------- */

typedef struct Source {
    Apsis *a;
    const char *code, *name; /* code NULL: name is a path, or NULL for standard input */
} Source;

/* Raises what on_error makes, with a status of its own: {message, message, status}. */
static int raise_status(lua_State *L, int status) {
    const char *message = lua_tostring(L, -1);
    lua_newtable(L);
    lua_pushstring(L, message ? message : "unknown error");
    lua_rawseti(L, -2, 1);
    lua_pushinteger(L, status);
    lua_rawseti(L, -2, 3);
    return lua_error(L);
}

static int push_arguments(lua_State *L) {
    if (lua_getglobal(L, "arg") != LUA_TTABLE) {
        lua_pop(L, 1);
        return 0;
    }
    int table = lua_gettop(L), n = (int)luaL_len(L, table);
    luaL_checkstack(L, n + 3, "too many arguments to script");
    for (int i = 1; i <= n; i++) lua_rawgeti(L, table, i);
    lua_remove(L, table);
    return n;
}

static int l_run(lua_State *L) {
    const Source *s = lua_touserdata(L, 1);
    int status = s->code ? luaL_loadbufferx(L, s->code, strlen(s->code), s->name, "t")
                         : luaL_loadfilex(L, s->name, "t");
    if (status != LUA_OK)
        return raise_status(L, status == LUA_ERRFILE  ? APSIS_ERROR_FILE
                               : status == LUA_ERRMEM ? APSIS_ERROR_MEMORY
                                                      : APSIS_ERROR_SYNTAX);
    call_traced(L, s->a, push_arguments(L), 0);
    return 0;
}

int apsis_run_string(Apsis *a, const char *code, const char *name) {
    if (!a || !code) return fail_argument(a, "apsis_run_string: no code");
    Source s = {a, code, name ? name : "=host"};
    return protected_call(a, l_run, &s);
}

int apsis_run_file(Apsis *a, const char *path) {
    if (!a) return APSIS_ERROR_ARGUMENT;
    Source s = {a, NULL, path && strcmp(path, "-") != 0 ? path : NULL};
    return protected_call(a, l_run, &s);
}
