/* The ops, by family. Every op checks its arguments (shapes, dtypes, devices), makes its result in `out` and
 * computes it; it returns false with ctx->error set when it cannot, and then `out` holds no storage.
 * `out` is memory for a Tensor that holds nothing yet. Dimensions are 0-based and already non-negative here.
 */
#ifndef APSIS_OPS_OPS_H
#define APSIS_OPS_OPS_H

#include "core/tensor.h"

/* --- copy and conversion (ops/copy.c) ------------------------------------------------------------------- */
/* dst[...] = x[...], converting the dtype, broadcasting x to dst's shape, from any device. dst is written in
 * place. */
bool op_copy_(Ctx *c, Tensor *dst, const Tensor *x);
/* The same for an op of another name, for messages. */
bool op_assign_(Ctx *c, const char *name, Tensor *dst, const Tensor *x);
/* A contiguous copy in another dtype (or the same). */
bool op_to_dtype(Ctx *c, Tensor *out, const Tensor *x, DType dtype);
/* Gives a computed tensor out in the dtype that the op promises; takes `wide` over (it is released or becomes
 * out). */
bool give_as(Ctx *c, Tensor *out, Tensor *wide, DType dtype);
/* x on a device in a dtype: itself (another handle) where nothing changes and it is contiguous, else a copy.
 */
bool op_to(Ctx *c, Tensor *out, const Tensor *x, Device device, DType dtype);
/* x itself (another handle) where it is contiguous and of that dtype, else a contiguous copy. */
bool op_contiguous(Ctx *c, Tensor *out, const Tensor *x, DType dtype);
/* Every element = value. dst is written in place. */
bool op_fill_(Ctx *c, Tensor *dst, double value);
bool op_fill_int_(Ctx *c, Tensor *dst, int64_t value);
/* View where possible, copy where not. */
bool op_reshape(Ctx *c, Tensor *out, const Tensor *x, int ndim, const int64_t *size);

/* x's memory from its first element on in another shape, contiguous: a view where the storage reaches, else a
 * copy in a larger one, zero where x's memory ended. */
bool op_resize(Ctx *c, Tensor *out, const Tensor *x, int ndim, const int64_t *size);

/* first, first + step, ... up to and including last. */
bool op_arange(Ctx *c, Tensor *out, Device device, double first, double last, double step, DType dtype);
/* `steps` values from first to last, evenly spaced. */
bool op_linspace(Ctx *c, Tensor *out, Device device, double first, double last, int64_t steps, DType dtype);

/* Checks that come before everything else. */
bool require_same_device(Ctx *c, const char *op, const Tensor *a, const Tensor *b);
/* x may be written in place: no two of its elements share memory. */
bool require_writable(Ctx *c, const char *op, const Tensor *x);
/* For an op (or a case of it) that has no kernel but the CPU's: the error names op, dtype and device. */
bool require_cpu(Ctx *c, const char *op, const Tensor *x);

#endif
