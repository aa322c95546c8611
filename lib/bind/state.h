/* What the bindings keep per Lua state, shared by the files of bind/ and nobody else. */
#ifndef APSIS_BIND_STATE_H
#define APSIS_BIND_STATE_H

#include "bind/bind.h"

/* User values of a tensor. */
enum { TENSOR_NODE = 1, TENSOR_GRAD = 2, TENSOR_USERVALUES = 2 };

enum { MAX_RULES = 10, KEEP_OUTPUT = 1 /* bit i of a keep mask: argument i */ };

/* One op of this state: upvalue 1 of its closure. Its user value is the table of its gradient rules. */
typedef struct OpState {
    const char *name;
    lua_CFunction call;
    int data;    /* for functions that serve several ops */
    int8_t most; /* arguments; of a list the first alone, so that all else is looked at */
    bool is_list, takes_named;
    bool in_place;
    bool documented;   /* rule() or no_gradient() named it: what it does for gradients is settled */
    bool joint;        /* one rule gives all gradients */
    int8_t rules;      /* highest argument with a rule; 0: no gradient */
    uint16_t has_rule; /* bit i: argument i has one */
    uint16_t keep[MAX_RULES + 1]; /* what the rule of argument i reads; [0] is the joint rule's */
} OpState;

/* References into the registry (luaL_ref) and counters of one Lua state. */
typedef struct BindState {
    int tensor_meta, node_meta;
    const void *tensor_meta_pointer, *node_meta_pointer; /* for comparing without a lookup */
    int core;                                            /* the core table */
    int methods;                                         /* the tensors' methods */
    int ops;                                             /* name -> OpState */
    uint64_t sequence;                                   /* of the newest node */
    uint64_t visit;                                      /* of the newest walk over the graph */
} BindState;

static inline BindState *bind_state(lua_State *L) {
    return ctx(L)->binding;
}
/* Pushes it. */
OpState *new_op_state(lua_State *L, const OpReg *op);
/* Functions with their checks of how many arguments come, into the table on top of the stack. */
void set_functions(lua_State *L, const OpReg *functions);

/* tape.c: upvalue 1 is an OpState; calls it and records the call where a gradient is wanted. */
int op_call(lua_State *L);

/* tensor.c: a tensor of which only the shape is asked: its memory may be gone (the tape keeps such). */
const Tensor *check_shaped(lua_State *L, int arg);

/* out.c: whether the last argument is a table with a field `out`; and the running op or (`creates`) function
 * that makes tensors from nothing, with its results written there. */
bool names_out(lua_State *L, int table);
static inline bool has_out(lua_State *L, int top) {
    return top > 0 && lua_type(L, top) == LUA_TTABLE && names_out(L, top);
}
int call_running_with_out(lua_State *L, bool creates);
/* The same for a function in Lua, on top of the stack above its arguments. */
int call_function_with_out(lua_State *L, const char *name);

/* define.c: the name of the library's function in Lua that a frame of C is the entry of, or NULL. */
const char *entry_name(lua_State *L, lua_Debug *frame);

/* args.c: raises where more arguments came than the op takes: an argument that nobody reads is a wrong result
 * that nobody sees. Few calls come past the first line. */
void refuse_more_arguments(lua_State *L, const OpState *op);
static inline void check_argument_count(lua_State *L, const OpState *op, int top) {
    if (top > op->most) refuse_more_arguments(L, op);
}
/* The same for a function in Lua with `most` parameters, behind its entry. */
void refuse_more_than(lua_State *L, const char *name, int most);

/* args.c: fail(text) raises an error as ops do, with the position of the script, wherever in the library it
 * is called. */
int l_fail(lua_State *L);

/* pace.c: sets the pace of Lua's own collector. */
void pace_start(lua_State *L);
/* Runs the collector when enough tensor memory or handles were made since the last time. */
void pace_collector(lua_State *L, Ctx *c);
/* A full collection now. */
void pace_collect_all(lua_State *L);

/* indexing.c: t[key] where key is no field or method, and t[key] = value. */
int tensor_index(lua_State *L);
int tensor_newindex(lua_State *L);
int l_getitem(lua_State *L);
int l_setitem_(lua_State *L);

#endif
