/* Convolution on the CPU, f32 and f64, all arrays contiguous. It is cut into tiles that fit the cache
 * (kernels_conv.h); memory beside the results is a few hundred KB a thread and a copy of the weights. */
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
