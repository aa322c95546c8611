/* Convolution (cross-correlation) over images, and the two products that are its gradients. Each is linear in
 * both of its tensors, so the gradients of all three are the other two. Shapes: x (N, C, H, W), weight (O, C
 * / groups, KH, KW), y (N, O, OH, OW). */
#ifndef APSIS_OPS_CONV_H
#define APSIS_OPS_CONV_H

#include "core/tensor.h"

typedef struct ConvOptions {
    int64_t stride[2], padding[2], dilation[2]; /* down, across */
    bool same;                                  /* padding is what keeps the size; `padding` is not read */
    int64_t groups;
} ConvOptions;

/* bias (O) or NULL. */
bool op_conv2d(Ctx *c, Tensor *out, const Tensor *x, const Tensor *weight, const Tensor *bias,
               const ConvOptions *o);
/* The gradient of x of size (h, w), from g, that of y. Also the transposed convolution of g. */
bool op_conv2d_input_grad(Ctx *c, Tensor *out, const Tensor *g, const Tensor *weight, int64_t h, int64_t w,
                          const ConvOptions *o);
/* The gradient of a weight with kernels (kh, kw). */
bool op_conv2d_weight_grad(Ctx *c, Tensor *out, const Tensor *x, const Tensor *g, int64_t kh, int64_t kw,
                           const ConvOptions *o);

#endif
