/* Pooling of one image plane (h, w) into (oh, ow). */
#ifndef APSIS_CPU_KERNELS_POOL_H
#define APSIS_CPU_KERNELS_POOL_H

#include "cpu/isa.h"
#include <stdint.h>

/* Maxima: windows of kh x kw elements, dh, dw apart, that start at (i * sh - ph, j * sw - pw). */
typedef struct MaxPool {
    int64_t h, w, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw;
} MaxPool;

/* Means: the window of output (i, j) is rows[2i]..rows[2i + 1] by cols[2j]..cols[2j + 1], and its sum is
 * multiplied by row_scale[i] * col_scale[j]. */
typedef struct AvgPool {
    int64_t h, w, oh, ow;
    const int64_t *rows, *cols;
    const double *row_scale, *col_scale;
} AvgPool;

typedef struct PoolKernels {
    void (*max)(const MaxPool *p, void *y, const void *x);
    /* y[i] = v at the place of the maximum */
    void (*pick)(const MaxPool *p, void *y, const void *x, const void *v);
    void (*place)(const MaxPool *p, int64_t *y, const void *x);
    /* gx is zeroed first */
    void (*max_grad)(const MaxPool *p, void *gx, const void *x, const void *g);
    void (*avg)(const AvgPool *p, void *y, const void *x);
    void (*avg_grad)(const AvgPool *p, void *gx, const void *g);
} PoolKernels;

/* [0]: f32, [1]: f64 */
typedef struct PoolTable {
    PoolKernels type[2];
} PoolTable;
ISA_DECLARE(PoolTable, pool_kernels);

#endif
