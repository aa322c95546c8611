/* Convolution on the CPU: tiles of the input are laid out as a matrix (im2col) that stays in the cache, and
 * each is multiplied by the weights in one call of cpu_gemm. All arrays contiguous, f32 or f64. */
#ifndef APSIS_CPU_CONV_H
#define APSIS_CPU_CONV_H

#include "core/conv_shape.h"
#include "core/ctx.h"
#include "core/dtype.h"

/* y (n, o, oh, ow) from x (n, c, h, w), weight (o, c / groups, kh, kw); bias (o) or NULL. */
bool cpu_conv2d(Ctx *c, const ConvShape *s, DType dtype, void *y, const void *x, const void *weight,
                const void *bias);
/* gx (n, c, h, w) from g, the gradient of y. */
bool cpu_conv2d_input_grad(Ctx *c, const ConvShape *s, DType dtype, void *gx, const void *g,
                           const void *weight);
/* gw (o, c / groups, kh, kw). The same bits for the same number of threads. */
bool cpu_conv2d_weight_grad(Ctx *c, const ConvShape *s, DType dtype, void *gw, const void *x, const void *g);

#endif
