/* Matrix products below what BLIS is worth, and products with few rows, columns or a vector. One thread;
 * strides are in elements; A is (m, k), B (k, n), C (m, n); beta 0 ignores what C held. */
#ifndef APSIS_CPU_KERNELS_GEMM_H
#define APSIS_CPU_KERNELS_GEMM_H

#include "cpu/isa.h"
#include <stdint.h>

typedef struct GemmKernels {
    /* C = A B + beta C, any strides of A and B; the rows of C are contiguous, `ldc` apart. */
    void (*product)(int64_t m, int64_t n, int64_t k, const void *a, int64_t rsa, int64_t csa, const void *b,
                    int64_t rsb, int64_t csb, double beta, void *c, int64_t ldc);
    /* C[i * rsc + j * csc] = the inner products of the rows of A with the contiguous columns of B, both read
     * where they lie: for few columns. */
    void (*dots)(int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, const void *b, int64_t ldb,
                 double beta, void *c, int64_t rsc, int64_t csc);
    /* y = A x + beta y over contiguous columns of A, `lda` apart. */
    void (*columns)(int64_t m, int64_t k, const void *a, int64_t lda, const void *x, int64_t incx,
                    double beta, void *y);
} GemmKernels;

/* [0]: f32, [1]: f64 */
typedef struct GemmTable {
    GemmKernels type[2];
} GemmTable;
ISA_DECLARE(GemmTable, gemm_kernels);

#endif
