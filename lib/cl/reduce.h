/* Reductions on a device: what lib/ops/reduce.c calls. */
#ifndef APSIS_CL_REDUCE_H
#define APSIS_CL_REDUCE_H

#include "core/tensor.h"

/* out = the reduction of x over the dimensions in mask. out is contiguous, of the op's result dtype, made by
 * the caller. table_op: a name of ops/reduce.def, or "largest", "smallest" (it must live on); then position
 * receives 1-based positions (i64) along the reduced dimension, or in the flat tensor, and out may be NULL.
 * q: a value per result of cl_real_dtype from an earlier pass, or NULL. `op` is for errors. */
bool cl_reduce(Ctx *c, const char *op, const char *table_op, const Tensor *out, const Tensor *position,
               const Tensor *x, uint32_t mask, const Tensor *q, double p);
/* The widest float of the device: F64 or F32. */
DType cl_real_dtype(Device device);

#endif
