/* What functions that make tensors from nothing share: their options and their end. */
#ifndef APSIS_BIND_CREATION_H
#define APSIS_BIND_CREATION_H

#include "bind/bind.h"

typedef struct CreationOptions {
    DType dtype;
    Device device;
    bool given_dtype, given_device, requires_grad;
} CreationOptions;

/* What set_default_dtype and set_default_device say. */
static inline DType default_dtype(lua_State *L) {
    return (DType)ctx(L)->default_dtype;
}
static inline Device default_device(lua_State *L) {
    return ctx(L)->default_device;
}
/* Takes {dtype =, requires_grad =, device =} off the end of the arguments, from position `first` on. */
CreationOptions take_options(lua_State *L, int first, DType otherwise, Device device);
/* The contiguous result, contents undefined. */
bool new_here(lua_State *L, Tensor *t, CreationOptions o, int ndim, const int64_t *size);
/* Sets requires_grad and returns the tensor on top, or raises. */
int finish_creation(lua_State *L, Tensor *t, CreationOptions o, bool ok);

#endif
