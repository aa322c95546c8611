/* Convolution on a device: contiguous tensors of f32 or f64, made by the op, none of them empty. */
#ifndef APSIS_CL_CONV_H
#define APSIS_CL_CONV_H

#include "core/conv_shape.h"
#include "core/tensor.h"

/* y (n, o, oh, ow) += the convolution of x (n, c, h, w) with weight (o, c / groups, kh, kw) where y holds a
 * bias already (add), else =. */
bool cl_conv2d(Ctx *c, const ConvShape *s, const Tensor *y, const Tensor *x, const Tensor *weight, bool add);
/* gx (n, c, h, w) from g, the gradient of y. */
bool cl_conv2d_input_grad(Ctx *c, const ConvShape *s, const Tensor *gx, const Tensor *g,
                          const Tensor *weight);
/* gw (o, c / groups, kh, kw). */
bool cl_conv2d_weight_grad(Ctx *c, const ConvShape *s, const Tensor *gw, const Tensor *x, const Tensor *g);

#endif
