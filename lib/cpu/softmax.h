/* Softmax over contiguous f32 or f64. */
#ifndef APSIS_CPU_SOFTMAX_H
#define APSIS_CPU_SOFTMAX_H

#include "core/tensor.h"
#include "cpu/kernels_softmax.h"

/* A tensor seen as (outer, n, inner): n is the dimension that sums to one. */
typedef struct SoftmaxView {
    int64_t outer, n, inner;
} SoftmaxView;

/* y as the form says; scale: NULL, or a factor for each of the outer * inner results of FORM_SOFTMAX. False
 * when interrupted. */
bool cpu_softmax(Ctx *c, void *y, const void *x, DType dtype, SoftmaxView v, const double *scale,
                 SoftmaxForm form);
/* gx from the gradient g and the result y. */
bool cpu_softmax_grad(Ctx *c, void *gx, const void *g, const void *y, DType dtype, SoftmaxView v,
                      SoftmaxForm form);

#endif
