/* Eigenvalues of symmetric matrices: Householder's tridiagonal form, then QL sweeps with implicit shifts; for
 * the vectors of large matrices LAPACK's divide and conquer, where it is installed. f32 or f64. */
#ifndef APSIS_CPU_EIGH_H
#define APSIS_CPU_EIGH_H

#include "cpu/blas.h"

/* Whether cpu_eigh calls LAPACK: it must stand between cpu_blas_enter and cpu_blas_leave then. */
bool cpu_eigh_calls_lapack(bool vectors, int64_t n);
/* Bytes of scratch memory, aligned to 64, that one call needs; -1 where LAPACK cannot count them. */
int64_t cpu_eigh_scratch(DType t, bool vectors, int64_t n);
/* The eigenvalues, ascending, of A (n, n), n > 0, row after row in memory, of which the lower triangle is
 * read and everything is overwritten: where `vectors`, row i becomes the eigenvector of value i. A is finite.
 * `threads` as in cpu_gemm. Returns 0, or a positive number where the sweeps do not converge. Stops half-way
 * when the instance is interrupted: the caller looks at ctx_stopping. */
int64_t cpu_eigh(const Ctx *c, DType t, bool vectors, int64_t n, void *a, void *values, void *scratch,
                 int threads);

#endif
