/* The CPU's normalisation kernels over contiguous f32 or f64: one table an instruction set (kernels_norm.c).
 * Statistics are doubles and come from two passes: a mean, then the distances from it and their squares,
 * whose sum mends the mean (Chan, Golub, LeVeque 1983: the corrected two-pass algorithm). */
#ifndef APSIS_CPU_KERNELS_NORM_H
#define APSIS_CPU_KERNELS_NORM_H

#include <stdbool.h>
#include <stdint.h>

/* What a gradient kernel writes: gx = slope g + tilt (x - mean) + level. */
typedef struct NormSlopes {
    double slope, tilt, level;
} NormSlopes;

typedef struct NormKernel {
    /* --- runs: n neighbouring elements under the same statistics and weight */
    double (*sum)(const void *x, int64_t n);
    /* sums[0] += sum of x - near, sums[1] += sum of (x - near)^2, for near close to the mean */
    void (*distances)(double sums[2], const void *x, int64_t n, double near);
    /* y = (x - mean) scale + shift */
    void (*affine)(void *y, const void *x, int64_t n, double mean, double scale, double shift);
    /* sums[0] += sum of g, sums[1] += sum of g (x - mean) */
    void (*grad_sums)(double sums[2], const void *g, const void *x, int64_t n, double mean);
    void (*grad_affine)(void *gx, const void *g, const void *x, int64_t n, double mean, NormSlopes s);

    /* --- columns: the same for w neighbouring columns of a matrix of `rows` rows, `stride` apart; statistics
     * and results are arrays of w */
    void (*column_sum)(double *sum, const void *x, int64_t rows, int64_t stride, int64_t w);
    void (*column_squares)(double *sum, const void *x, int64_t rows, int64_t stride, int64_t w,
                           const double *mean);
    void (*column_affine)(void *y, const void *x, int64_t rows, int64_t stride, int64_t w, const double *mean,
                          const double *scale, const double *shift);
    void (*column_grad_sums)(double *g_sum, double *gx_sum, const void *g, const void *x, int64_t rows,
                             int64_t stride, int64_t w, const double *mean);
    void (*column_grad_affine)(void *gx, const void *g, const void *x, int64_t rows, int64_t stride,
                               int64_t w, const double *mean, const NormSlopes *s);

    /* --- rows: each of `rows` rows of n elements is normalised on its own, then y = x_hat w + b with w and b
     * of n elements or NULL; `centre`: about its mean (else by its root mean square) */
    void (*rows)(void *y, const void *x, int64_t rows, int64_t n, const void *w, const void *b, double eps,
                 bool centre);
    /* gx; and gw[i] += g x_hat, gb[i] += g (doubles; NULL where they are not wanted). scratch: 2 n elements.
     */
    void (*rows_grad)(void *gx, double *gw, double *gb, const void *g, const void *x, int64_t rows, int64_t n,
                      const void *w, double eps, bool centre, void *scratch);
} NormKernel;

typedef struct NormKernels {
    NormKernel f32, f64;
} NormKernels;

#endif
