/* LU, Cholesky and triangular systems by recursion on halves (Toledo 1997): nearly all work is matrix
 * products, on our own kernels or BLIS, on threads, and interruptible. Row after row in memory, f32 or f64.
 * `threads` as in cpu_gemm: 0 as many as the work is worth, 1 inside an OpenMP region. Each stops half-way
 * when the instance is interrupted: the caller looks at ctx_stopping. */
#ifndef APSIS_CPU_FACTOR_H
#define APSIS_CPU_FACTOR_H

#include "cpu/blas.h"

/* Elements of scratch memory that a call needs: for an A of n rows or columns, whichever is more, and k right
 * sides. */
int64_t cpu_factor_scratch(int64_t n, int64_t k);

/* A (m, n), rows `lda` apart, becomes L and U of P L U; row i changed places with row pivots[i], from 1. */
void cpu_lu(const Ctx *c, DType t, int64_t m, int64_t n, void *a, int64_t lda, int32_t *pivots, void *scratch,
            int threads);
/* The rows of B (., k) change places as pivots[0..count) say, or back again. */
void cpu_swap_rows(DType t, int64_t k, void *b, int64_t ldb, const int32_t *pivots, int64_t count, bool back);
/* The upper triangle of A (n, n) becomes U with A = U^T U. Returns 0, or which leading block (from 1) is not
 * positive definite. */
int64_t cpu_cholesky(const Ctx *c, DType t, int64_t n, void *a, int64_t lda, void *scratch, int threads);
/* B (n, k), rows `ldb` apart, becomes X with A X = B, where one triangle of A (n, n) counts. */
void cpu_solve_triangular(const Ctx *c, DType t, int64_t n, int64_t k, Matrix a, bool upper, bool unit,
                          void *b, int64_t ldb, void *scratch, int threads);

/* Whether there are kernels for many matrices (n, n) at once, here for k right sides (0: for the factors). */
bool cpu_is_tiny(int64_t n, int64_t k);
/* As above, for `count` such matrices without gaps: LU; B (n, k) becomes X from the factors; Cholesky, with
 * what it returns in info. One thread. */
void cpu_tiny_lu(DType t, int64_t n, int64_t count, void *a, int32_t *pivots);
void cpu_tiny_solve(DType t, int64_t n, int64_t k, int64_t count, const void *lu, const int32_t *pivots,
                    void *b);
void cpu_tiny_cholesky(DType t, int64_t n, int64_t count, void *a, int32_t *info);

#endif
