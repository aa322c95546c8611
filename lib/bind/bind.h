/* The only place in lib/ that knows Lua. A binding checks its arguments, calls the op and returns the result;
 * it holds no arithmetic and no shape logic. Families register their bindings in a table of OpReg.
 *
 *   static int l_cumsum(lua_State *L) {
 *       const Tensor *x = check_tensor(L, 1);
 *       int dim = check_dim(L, 2, x);
 *       return result(L, op_cumsum(ctx(L), new_tensor(L), x, dim));   // see `result` below
 *   }
 *
 * Rules that the tape (bind/tape.c) relies on: a binding leaves its arguments where they are (no lua_settop
 * below their number, no lua_replace or lua_remove on them) and returns its results on top of the stack. */
#ifndef APSIS_BIND_BIND_H
#define APSIS_BIND_BIND_H

#include "core/tensor.h"
#include <lauxlib.h>
#include <lua.h>

/* The instance's context: one load from the state's extra space. */
static inline Ctx *ctx(lua_State *L) {
    return *(Ctx **)lua_getextraspace(L);
}

/* --- errors
 * ------------------------------------------------------------------------------------------------- */
/* Raises ctx->error as a Lua error, with the position of the first frame outside the standard library. */
int raise_error(lua_State *L);
/* Raises a formatted error likewise. For the linker it has another name: the C library has a raise too. */
int raise(lua_State *L, const char *format, ...) __asm__("bind_raise") __attribute__((format(printf, 2, 3)));
/* The name of the running op, for messages ("conv2d"). */
const char *op_name(lua_State *L);
/* Raises "NAME: argument N (WHAT): expected EXPECTED, got <type of the value there>". */
int bad_argument(lua_State *L, int arg, const char *expected);

/* --- arguments: errors name the op, the argument, what was expected and what came
 * -------------------------------- */
Tensor *to_tensor(lua_State *L, int arg); /* NULL if it is not one */
Tensor *check_tensor(lua_State *L, int arg);
Tensor *opt_tensor(lua_State *L, int arg); /* NULL for nil or none */
int64_t check_int(lua_State *L, int arg);  /* also a float with an integer value */
int64_t opt_int(lua_State *L, int arg, int64_t otherwise);
double check_number(lua_State *L, int arg);
double opt_number(lua_State *L, int arg, double otherwise);
bool opt_bool(lua_State *L, int arg, bool otherwise);
const char *check_string(lua_State *L, int arg);
/* A 1-based (or negative) dimension of x, as 0-based. Counts as 1 dimension where x has none. */
int check_dim(lua_State *L, int arg, const Tensor *x);
/* The same for a number of dimensions (unsqueeze takes ndim + 1). */
int check_dim_of(lua_State *L, int arg, int ndim);
/* A dimension, a table of dimensions or nil/none (all): fills dims[MAX_DIMS], sorted and unique, returns how
 * many. */
int check_dims(lua_State *L, int arg, const Tensor *x, int *dims);
/* A shape, given as a table {2, 3} or as trailing integers f(x, 2, 3); fills size[MAX_DIMS], returns ndim. */
int check_shape(lua_State *L, int arg, int64_t *size);
/* One integer for all or a table of n: kernel sizes, strides, padding. */
void check_ints(lua_State *L, int arg, int n, int64_t *out, int64_t otherwise);
DType check_dtype(lua_State *L, int arg);
DType opt_dtype(lua_State *L, int arg, DType otherwise);
/* "cpu", "cl" (the default device) or "cl:2"; opens the device. False, with nothing raised, for another text.
 */
bool to_device(lua_State *L, const char *name, Device *device);
Device opt_device(lua_State *L, int arg, Device otherwise);
/* The tensor itself where it lies on the CPU, else a copy there, as a new tensor on the stack. */
const Tensor *push_host(lua_State *L, const Tensor *t);

/* Keyword arguments: when the LAST argument is a table with string keys, `options` spreads the named fields
 * onto positional slots `first`, first+1, ... (where the slot is nil) so that the rest of the binding sees
 * positions only: options(L, 2, "dim", "keepdim", NULL);      // x:sum{dim = 2, keepdim = true} becomes
 * sum(x, 2, true) An unknown field is an error that lists the known ones. */
void options(lua_State *L, int first, ...);

/* --- results
 * -------------------------------------------------------------------------------------------------------- */
/* Pushes an empty tensor (no storage yet) for an op to fill. May run the collector first (bind/pace.c). */
Tensor *new_tensor(lua_State *L);
/* Returns 1 (the tensor on top) when ok, raises ctx->error when not. `results` for n tensors on top. */
static inline int result(lua_State *L, bool ok) {
    return ok ? 1 : raise_error(L);
}
static inline int results(lua_State *L, bool ok, int n) {
    return ok ? n : raise_error(L);
}

/* --- registration
 * --------------------------------------------------------------------------------------------------- */
typedef struct OpReg {
    const char *name; /* PyTorch's; a name that ends in _ works in place on its first argument */
    lua_CFunction call;
    int takes; /* how many arguments: one more is an error, before `call` sees any of them */
} OpReg;
/* For `takes`: 4 (by position), or */
enum {
    NAMED = 1 << 8,    /* 4 | NAMED: a last table of options may follow them (`options`, `take_options`) */
    LIST = 1 << 9,     /* LIST_FROM(2): from the 2nd on integers, any number of them, or one table of them */
    ANY_NUMBER = 0x7f, /* whatever comes */
    COUNT_MASK = 0x7f
};
#define LIST_FROM(first) (LIST | (first))
/* Puts every op of the table (ended by {0}) into `core.NAME` and, as a method, into the tensors' methods. The
 * op records itself on the tape where an argument needs a gradient and a rule is registered for its name. */
void register_ops(lua_State *L, const OpReg *ops);
/* Plain functions of `core` that take no part in autograd (manual_seed, save, cpu_info). */
void register_functions(lua_State *L, const OpReg *functions);
/* Functions that make tensors from nothing and end with take_options: they take {out = t} too. */
void register_creators(lua_State *L, const OpReg *functions);
/* The same in a table of their own, `core.NAME`. */
void register_module(lua_State *L, const char *name, const OpReg *functions);

/* One opener a family, called in this order by luaopen_apsis_core (bind/core.c). */
void open_tensor(lua_State *L);      /* the userdata: fields, methods, metamethods, indexing */
void open_creation(lua_State *L);    /* tensors from nothing and from Lua values */
void open_bytes(lua_State *L);       /* tensors from strings of bytes, and back */
void open_tape(lua_State *L);        /* recording, and nodes */
void open_rules(lua_State *L);       /* gradients of ops */
void open_define(lua_State *L);      /* functions in Lua */
void open_shape(lua_State *L);       /* views, reshape, ... */
void open_reshape(lua_State *L);     /* sizes and memory exchanged in place */
void open_join(lua_State *L);        /* cat, stack */
void open_elementwise(lua_State *L); /* from ops/elementwise.def */
void open_reduce(lua_State *L);
void open_index(lua_State *L);     /* gather, scatter_add, index_select, where, embedding, ... */
void open_rearrange(lua_State *L); /* flip, roll, tile, tril, ... */
void open_search(lua_State *L);    /* searchsorted, unique, bincount, ... */
void open_matmul(lua_State *L);
void open_linalg(lua_State *L); /* factorisations, solvers, eigenvalues */
void open_pool(lua_State *L);
void open_conv(lua_State *L); /* convolution */
void open_norm(lua_State *L); /* softmax, layer_norm, batch_norm */
void open_loss(lua_State *L);
void open_fft(lua_State *L);   /* Fourier transforms */
void open_optim(lua_State *L); /* fused optimiser steps, gradient norm */
void open_random(lua_State *L);
void open_io(lua_State *L);       /* safetensors, IDX, CSV, npy, files */
void open_system(lua_State *L);   /* clock, cpu_info, threads */
void open_terminal(lua_State *L); /* isatty, window_size, ask_terminal */
void open_cl(lua_State *L);       /* OpenCL devices */

int luaopen_apsis_core(lua_State *L);

#endif
