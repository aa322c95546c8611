/* The CPU's reduction kernels, as tables of functions: one table an instruction set (kernels_reduce.c). What
 * walks a whole tensor with them is cpu/reduce.c. Strides are in elements. */
#ifndef APSIS_CPU_KERNELS_REDUCE_H
#define APSIS_CPU_KERNELS_REDUCE_H

#include "core/dtype.h"

enum {
#define REDUCE(name, ...) REDUCE_##name,
#include "ops/reduce.def"
    REDUCE_COUNT
};
typedef int ReduceOp; /* REDUCE_sum, REDUCE_prod, ... */

/* The element types that kernels exist for; the others are converted first. */
enum { KIND_F32, KIND_F64, KIND_I64, KIND_I32, KIND_U8, KIND_COUNT };

/* An accumulator array has `w` slots of at most 8 bytes each. Functions are NULL where the op has no such
 * type. */
typedef struct ReduceKernel {
    void (*start)(void *acc, int64_t w);
    /* acc[j] takes in x[r * row_stride + j * col_stride] for every r < rows, j < w. */
    void (*cols)(void *acc, const void *x, int64_t rows, int64_t row_stride, int64_t w, int64_t col_stride,
                 const double *q, double p);
    /* acc[k] takes in x[k * kept_stride + i * stride] for every i < n, k < count: n is the long side. */
    void (*rows)(void *acc, const void *x, int64_t count, int64_t kept_stride, int64_t n, int64_t stride,
                 const double *q, double p);
    void (*merge)(void *acc, const void *later, int64_t w);
    /* out[j * out_stride] = the result of acc[j]. */
    void (*finish)(void *out, int64_t out_stride, const void *acc, int64_t w, const double *q, double n,
                   double p);
} ReduceKernel;

/* Two results of one reading: an extreme and its position (int64, counted from `first`), or the smallest and
 * the largest. Ties go to the first; a NaN wins. */
typedef struct PairKernel {
    /* For each of `count` rows of n elements: value[k], second[k]. */
    void (*rows)(void *value, void *second, const void *x, int64_t count, int64_t kept_stride, int64_t n,
                 int64_t stride, int64_t first);
    /* For each of w columns. */
    void (*cols)(void *value, void *second, const void *x, int64_t rows, int64_t row_stride, int64_t w,
                 int64_t col_stride, int64_t first);
    /* Joins results of later elements into (value, second). */
    void (*merge)(void *value, void *second, const void *later, const void *later_second, int64_t w);
} PairKernel;

/* y and x contiguous (rows, w): along the rows, each column on its own; backwards where `reverse`. */
typedef void (*ScanKernel)(void *y, const void *x, int64_t rows, int64_t w, bool reverse);
enum { SCAN_sum, SCAN_prod, SCAN_logsumexp, SCAN_COUNT };
/* The extreme so far, and which row (from 1) it stands in. */
typedef void (*ExtremeScanKernel)(void *y, int64_t *index, const void *x, int64_t rows, int64_t w);

typedef struct ReduceKernels {
    ReduceKernel reduce[REDUCE_COUNT][KIND_COUNT];
    PairKernel extreme[2][KIND_COUNT]; /* 0: the largest, 1: the smallest; with their positions */
    PairKernel aminmax[KIND_COUNT];    /* the smallest, the largest */
    ScanKernel scan[SCAN_COUNT][KIND_COUNT];
    ExtremeScanKernel extreme_scan[2][KIND_COUNT]; /* as extreme */
} ReduceKernels;

/* The table for the instruction set that this machine runs. */
const ReduceKernels *cpu_reduce_kernels(void);

#endif
