/* The leaves of the recursive factorisations (factor.c): blocks of at most FACTOR_LEAF columns, and
 * triangular systems of up to SOLVE_LEAF rows where there are at most SOLVE_SIDES right sides. One thread;
 * strides in elements; rows are contiguous. */
#ifndef APSIS_CPU_KERNELS_FACTOR_H
#define APSIS_CPU_KERNELS_FACTOR_H

#include "cpu/isa.h"
#include <stdint.h>

enum { FACTOR_LEAF = 16, SOLVE_LEAF = 256, SOLVE_SIDES = 64, TINY = 4 };

typedef struct FactorKernels {
    /* A (m, n) = P L U in place, partial pivoting; row i changed places with row pivots[i], counted from 1.
     * A column without a nonzero stays as it is. */
    void (*lu)(int64_t m, int64_t n, void *a, int64_t lda, int32_t *pivots);
    /* A (n, n) = U^T U in place, the upper triangle. Returns 0, or which leading block (from 1) is not
     * positive definite. */
    int64_t (*cholesky)(int64_t n, void *a, int64_t lda);
    /* B (n, k) = the X with A X = B, where one triangle of A counts: element (i, j) lies at i * rs + j * cs.
     */
    void (*solve)(int64_t n, int64_t k, const void *a, int64_t rs, int64_t cs, int upper, int unit, void *b,
                  int64_t ldb);
    /* to[j] = -from[j], n of them */
    void (*negate)(int64_t n, const void *from, void *to);
    /* The same of `count` matrices (n, n) without gaps, n from 2 to TINY, several at once. */
    void (*tiny_lu)(int64_t n, int64_t count, void *a, int32_t *pivots);
    /* B (n, k) = the X with A X = B, from A's factors and pivots; k is n or 1. */
    void (*tiny_solve)(int64_t n, int64_t k, int64_t count, const void *lu, const int32_t *pivots, void *b);
    /* info: what `cholesky` returns, one a matrix. */
    void (*tiny_cholesky)(int64_t n, int64_t count, void *a, int32_t *info);
} FactorKernels;

/* [0]: f32, [1]: f64 */
typedef struct FactorTable {
    FactorKernels type[2];
} FactorTable;
ISA_DECLARE(FactorTable, factor_kernels);

#endif
