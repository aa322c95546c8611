/* Convolutions of single pixels: kernels of 1 x 1 with nothing around them are products of matrices. */
#ifndef APSIS_CPU_CONV_POINT_H
#define APSIS_CPU_CONV_POINT_H

#include "cpu/conv.h"

bool conv_is_pointwise(const ConvShape *s);
/* As cpu_conv2d and (backward) cpu_conv2d_input_grad. */
bool point_results(Ctx *c, const ConvShape *s, DType dtype, bool backward, char *out, const char *source,
                   const char *weights, const char *bias);
bool point_weight_grad(Ctx *c, const ConvShape *s, DType dtype, char *gw, const char *x, const char *g);

#endif
