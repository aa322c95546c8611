/* Pooling over the last two dimensions of (N, C, H, W). The maximum is not remembered by the forward pass:
 * what needs its place (the gradient) looks for it again, which costs less than writing and reading
 * positions. */
#ifndef APSIS_OPS_POOL_H
#define APSIS_OPS_POOL_H

#include "core/tensor.h"

typedef struct PoolOptions {
    int64_t kernel[2], stride[2], padding[2], dilation[2];
    bool ceil_mode;         /* a last window that reaches past the padded input counts */
    bool count_include_pad; /* averages divide by the window's size, padding and all */
    double divisor;         /* averages: divide by this; 0: by the number of elements */
} PoolOptions;

/* The largest of each window; the first where they tie, a NaN where there is one. */
bool op_max_pool2d(Ctx *c, Tensor *out, const Tensor *x, const PoolOptions *o);
/* Its place in the image (H * W), from 1. */
bool op_max_pool2d_indices(Ctx *c, Tensor *out, const Tensor *x, const PoolOptions *o);
/* The gradient of x, from g, that of the maxima. */
bool op_max_pool2d_grad(Ctx *c, Tensor *out, const Tensor *g, const Tensor *x, const PoolOptions *o);
/* v (of x's shape) where x has its maxima: the gradient of the gradient. */
bool op_max_pool2d_pick(Ctx *c, Tensor *out, const Tensor *v, const Tensor *x, const PoolOptions *o);

bool op_avg_pool2d(Ctx *c, Tensor *out, const Tensor *x, const PoolOptions *o);
/* The gradient of x of size (h, w). */
bool op_avg_pool2d_grad(Ctx *c, Tensor *out, const Tensor *g, int64_t h, int64_t w, const PoolOptions *o);
/* Means over a grid of (oh, ow) windows that cover the image evenly. */
bool op_adaptive_avg_pool2d(Ctx *c, Tensor *out, const Tensor *x, int64_t oh, int64_t ow);
bool op_adaptive_avg_pool2d_grad(Ctx *c, Tensor *out, const Tensor *g, int64_t h, int64_t w);

#endif
