/* QR by Householder's reflectors: blocks of columns by our own kernels, the rest by products of matrices.
 * f32 or f64. */
#ifndef APSIS_CPU_QR_H
#define APSIS_CPU_QR_H

#include "cpu/blas.h"

/* Bytes of scratch memory, aligned to 64, of one call. */
int64_t cpu_qr_scratch(DType t, int64_t m, int64_t n, int64_t columns);
/* A (m, n) = Q R, all column after column without gaps: the first `columns` columns of Q (m, columns), at
 * most m of them, or none where q is NULL, and as many rows of R (r_rows, n). `threads` as in cpu_gemm. Stops
 * half-way when the instance is interrupted: the caller looks at ctx_stopping. */
void cpu_qr(const Ctx *c, DType t, int64_t m, int64_t n, const void *a, int64_t columns, void *q,
            int64_t r_rows, void *r, void *scratch, int threads);

int64_t cpu_least_squares_scratch(DType t, int64_t m, int64_t n, int64_t k);
/* The X (n, k) that makes |A X - B| least, for an A (m, n), m >= n, that has full rank beyond doubt: where
 * the Frobenius norms of R and of its inverse have a product of at most `most`. False, and nothing is
 * written, where that is not so. B (m, k) becomes X in its first rows; both lie column after column without
 * gaps. */
bool cpu_least_squares(const Ctx *c, DType t, int64_t m, int64_t n, int64_t k, const void *a, void *b,
                       double most, void *scratch, int threads);

#endif
