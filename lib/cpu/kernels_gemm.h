/* Matrix products too small for BLIS, and products with a vector. Strides are in elements. */
#ifndef APSIS_CPU_KERNELS_GEMM_H
#define APSIS_CPU_KERNELS_GEMM_H

#include "cpu/isa.h"
#include <stdint.h>

/* The packed B of `small`: rows padded with zeros to whole vectors of this many bytes. */
enum { GEMM_VECTOR = 64 };

typedef struct GemmKernels {
    /* C (m, n) = A B + beta C. A (m, k) with any strides; B packed into `panel`, `ldb` elements a row; C's
     * rows contiguous. */
    void (*small)(int64_t m, int64_t n, int64_t k, const void *a, int64_t rsa, int64_t csa, const void *panel,
                  int64_t ldb, double beta, void *c, int64_t ldc);
    /* panel[i * ldb + j] = b[i * rs + j * cs] for i < k, j < n; zeros up to ldb. */
    void (*pack)(void *panel, int64_t ldb, const void *b, int64_t k, int64_t n, int64_t rs, int64_t cs);
    /* y[i * incy] = sum_j A[i, j] x[j] + beta y[i * incy] over contiguous rows of A, `lda` apart. */
    void (*dots)(int64_t m, int64_t k, const void *a, int64_t lda, const void *x, double beta, void *y,
                 int64_t incy);
    /* The same over contiguous columns of A, y contiguous. */
    void (*columns)(int64_t m, int64_t k, const void *a, int64_t lda, const void *x, double beta, void *y);
} GemmKernels;

/* [0]: f32, [1]: f64 */
typedef struct GemmTable {
    GemmKernels type[2];
} GemmTable;
ISA_DECLARE(GemmTable, gemm_kernels);

#endif
