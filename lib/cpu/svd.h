/* Singular values of small matrices, and of long ones with few rows or columns: Householder's bidiagonal
 * form, then QR sweeps. f32 or f64. */
#ifndef APSIS_CPU_SVD_H
#define APSIS_CPU_SVD_H

#include "cpu/blas.h"

/* Whether cpu_svd is for it: elsewhere LAPACK's divide and conquer is faster. */
bool cpu_svd_is_small(int64_t m, int64_t n, bool vectors);
/* Bytes of scratch memory, aligned to 64, of one call. */
int64_t cpu_svd_scratch(DType t, int64_t m, int64_t n, bool full, bool vectors);
/* A (m, n) = U diag(s) Vh, row after row without gaps: s (k), descending; where u and vh are not NULL, U (m,
 * k) and Vh (k, n), or the square ones where `full`. k is the smaller of m and n, at least 1. A is finite.
 * `threads` as in cpu_gemm. Returns 0, or a positive number where the sweeps do not converge. */
int64_t cpu_svd(const Ctx *c, DType t, int64_t m, int64_t n, const void *a, bool full, void *u, void *s,
                void *vh, void *scratch, int threads);

#endif
