/* The CPU's softmax kernels over contiguous f32 or f64: one table an instruction set (kernels_softmax.c). */
#ifndef APSIS_CPU_KERNELS_SOFTMAX_H
#define APSIS_CPU_KERNELS_SOFTMAX_H

#include <stdint.h>

/* What is written: softmax; its logarithm; or only the logarithm of the sum of exp, one double a result. */
typedef enum { FORM_SOFTMAX, FORM_LOG_SOFTMAX, FORM_LOGSUMEXP } SoftmaxForm;

enum { SOFTMAX_COLUMNS = 128 }; /* the most columns that one call of a `columns` kernel takes */

/* A row is what sums to one. `scale`: NULL, or a factor for each row's softmax. */
typedef struct SoftmaxKernel {
    /* x (rows, n). */
    void (*rows)(void *y, const void *x, int64_t rows, int64_t n, const double *scale, SoftmaxForm form);
    /* w neighbouring columns of x (n, stride), each summing to one along n. */
    void (*columns)(void *y, const void *x, int64_t n, int64_t stride, int64_t w, const double *scale,
                    SoftmaxForm form);
    /* gx from the gradient g and the result y of FORM_SOFTMAX or FORM_LOG_SOFTMAX. */
    void (*grad_rows)(void *gx, const void *g, const void *y, int64_t rows, int64_t n, SoftmaxForm form);
    void (*grad_columns)(void *gx, const void *g, const void *y, int64_t n, int64_t stride, int64_t w,
                         SoftmaxForm form);
} SoftmaxKernel;

typedef struct SoftmaxKernels {
    SoftmaxKernel f32, f64;
} SoftmaxKernels;

#endif
