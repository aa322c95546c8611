/* What the files of vm/ that implement apsis.h share. Not for the program: that uses apsis.h alone. */
#ifndef APSIS_VM_INSTANCE_H
#define APSIS_VM_INSTANCE_H

#include "apsis.h"
#include "core/ctx.h"
#include <lua.h>
#include <pthread.h>
#include <stdatomic.h>

enum { FIXED_TEXT = 256 };

struct ApsisTensor {
    int ref;                     /* of the tensor's userdata, in the registry: keeps it alive */
    const struct Tensor *tensor; /* that userdata's block, which does not move */
    struct ApsisTensor *next, **link;
};

struct Apsis {
    lua_State *main;
    lua_State *L; /* the Lua thread that host calls run on: main, or the one that called a host function */
    Ctx *ctx;
    int64_t limit_bytes, lua_bytes; /* limit 0: none */
    ApsisPrint print;
    void *print_payload;
    unsigned flags;
    ApsisTensor *tensors; /* the host's handles */

    /* Interruption. depth counts host calls in progress; owner is the thread that runs the outermost. */
    atomic_int depth;
    _Atomic(pthread_t) owner;
    _Atomic(lua_State *) running; /* the Lua thread that executes now */
    int check_every;
    enum { RUNNING, STOPPING, UNWINDING } state; /* of the outermost call; see interrupt.c */
    int64_t deadline_ms;

    /* The last error: heap texts, or `fixed` where they could not be allocated. */
    char *message, *traceback;
    const char *error, *error_traceback;
    unsigned errors; /* how many were set: tells whether a host function explained its failure */
    char fixed[FIXED_TEXT];
};

/* Runs f(L) with `argument` as light userdata 1, in protected mode, and turns its error into a status. */
int protected_call(Apsis *a, lua_CFunction f, void *argument);
/* The same bracket without a call into Lua: for argument errors. */
int fail_argument(Apsis *a, const char *message);
void set_error(Apsis *a, const char *message, const char *traceback);
/* pcall with a traceback; the function and its arguments are on the stack. Raises the error on. */
void call_traced(lua_State *L, Apsis *a, int nargs, int nresults);

/* interrupt.c */
void interrupt_enter(Apsis *a);
void interrupt_leave(Apsis *a);
/* Replaces the functions of coroutine that run one by functions that know which Lua thread runs, and pcall
 * and xpcall by functions that do not catch an interrupt for ever. */
void interrupt_open(lua_State *L, Apsis *a);

#endif
