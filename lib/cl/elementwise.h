/* Elementwise ops, copies, fills and ranges on a device: what lib/ops/elementwise_loop.c and copy.c call. */
#ifndef APSIS_CL_ELEMENTWISE_H
#define APSIS_CL_ELEMENTWISE_H

#include "core/tensor.h"

/* t[0] = op(t[1], t[2], ...; p). op: a name of ops/elementwise.def (from its table: it must live on), or
 * "copy". All operands have t[0]->size (expanded). Those on the CPU are one element, passed by value. compute
 * is F32, F64 or I64. p: two numbers, or NULL. */
bool cl_elementwise(Ctx *c, const char *op, int operands, const Tensor *const *t, DType compute,
                    const double *p);
/* out[i] = first + i * step, out contiguous, counted from `last` in its second half unless that is NaN. */
bool cl_range(Ctx *c, Tensor *out, double first, double step, double last);

#endif
