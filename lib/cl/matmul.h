/* Matrix products on a device: what lib/ops/matmul.c calls. */
#ifndef APSIS_CL_MATMUL_H
#define APSIS_CL_MATMUL_H

#include "core/batch.h"

/* y = a b + beta y for every matrix of the batch: the last two dimensions of a (m, k) and b (k, n), any
 * strides; y contiguous. All of one dtype but bool; m, n and k at least 1. `op` is for errors. */
bool cl_matmul(Ctx *c, const char *op, const Tensor *y, const Tensor *a, const Tensor *b, const Batch *batch,
               double beta);

#endif
