/* Random numbers on a device: what lib/ops/random.c calls. */
#ifndef APSIS_CL_RANDOM_H
#define APSIS_CL_RANDOM_H

#include "core/tensor.h"
#include "cpu/kernels_random.h"

/* y (contiguous, any dtype) from the blocks `counter` on under `seed`. draw: a RandomReal, or
 * RANDOM_REAL_COUNT and a RandomWhole; compute: F32 or F64 for the first, I64 for the others. x: the input
 * (contiguous, y's shape), or NULL. */
bool cl_draw(Ctx *c, const char *op, const Tensor *y, const Tensor *x, int draw, DType compute,
             const RandomParams *params, uint64_t seed, uint64_t counter);
/* y[i] from the distribution `which` (as cpu_draw_each) with parameters a[i], b[i]: f64, contiguous, on a
 * device that has f64. b: NULL where there is one parameter. */
bool cl_draw_each(Ctx *c, const char *op, const Tensor *y, int which, const Tensor *a, const Tensor *b,
                  uint64_t seed, uint64_t counter);

#endif
