/* Matrix products. f32 and f64 run in cpu/blas.h; f16 and bf16 are converted to f32, integers to i64. */
#ifndef APSIS_OPS_MATMUL_H
#define APSIS_OPS_MATMUL_H

#include "core/tensor.h"

/* The product of NumPy's and PyTorch's matmul: (n, k) x (k, m); a vector is a row on the left and a column on
 * the right, and leaves the result; leading dimensions are a batch and broadcast. `op` names the caller in
 * errors. */
bool op_matmul(Ctx *c, Tensor *out, const Tensor *a, const Tensor *b, const char *op);
/* y (*, out) = x (*, in) w (out, in)^T + bias (out); bias may be NULL. */
bool op_linear(Ctx *c, Tensor *out, const Tensor *x, const Tensor *w, const Tensor *bias);

#endif
