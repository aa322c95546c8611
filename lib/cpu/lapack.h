/* LAPACK, one matrix a call, f32 or f64; lapack.c is the only file that knows it. The library is opened at
 * run time, so that the program starts without it (and without the Fortran runtime): ask lapack_missing()
 * first. Matrices lie column by column without gaps.
 *
 * Every function returns LAPACK's info: 0, or a positive number whose meaning the caller knows. A negative
 * one (an argument that LAPACK refuses) cannot come up where the caller checked sizes and finiteness. Its
 * BLAS is BLIS, which is among the program's libraries before it. */
#ifndef APSIS_CPU_LAPACK_H
#define APSIS_CPU_LAPACK_H

#include "core/dtype.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens LAPACK, once. NULL; or what is missing, and then nothing below may be called. */
const char *lapack_missing(void);

/* Scratch memory of one call: `bytes` at `data`. With data NULL nothing is computed, and bytes says how many
 * are needed, or -1 where LAPACK's 32-bit integers cannot count them. */
typedef struct LapackWork {
    void *data;
    int64_t bytes;
} LapackWork;

/* A (m, n) = U diag(s) Vt. job 'S': U (m, k), Vt (k, n); 'A': square ones; 'N': neither. Overwrites a.
 * Info > 0: not converged. */
int lapack_gesdd(DType t, char job, int64_t m, int64_t n, void *a, void *s, void *u, void *vt, LapackWork *w);
/* The eigenvalues d (n, ascending) and eigenvectors z (n, n) of a symmetric tridiagonal matrix: d, and e (n)
 * beside it, which it overwrites. Info > 0: not converged. */
int lapack_stedc(DType t, int64_t n, void *d, void *e, void *z, LapackWork *w);
/* Real and imaginary parts of the eigenvalues of a, and the right eigenvectors as LAPACK packs them (v NULL:
 * none). Overwrites a. Info > 0: not converged. */
int lapack_geev(DType t, int64_t n, void *a, void *real, void *imaginary, void *v, LapackWork *w);

/* A (m, n) = Q R: R in the upper triangle of a, the reflectors below it, tau (min(m, n)). */
int lapack_geqrf(DType t, int64_t m, int64_t n, void *a, void *tau, LapackWork *w);
/* L D L^T of a symmetric matrix by its lower triangle, packed in it. Info > 0: that element of D is 0. */
int lapack_sytrf(DType t, int64_t n, void *a, int32_t *pivots, LapackWork *w);
/* x from b (n, k), in place, by those factors. The pivots must be sytrf's. */
int lapack_sytrs(DType t, int64_t n, int64_t k, const void *a, const int32_t *pivots, void *b);

typedef enum LeastSquares { GELS, GELSY, GELSD, GELSS } LeastSquares;
/* The x (n, k) of least norm that makes |A x - b| least; b holds max(m, n) rows, and x in the end. gels wants
 * full rank (info > 0: it lacks it); the others take singular values below rcond times the largest for 0 and
 * count the rest in *rank; gelsd and gelss leave the singular values in s. Overwrites a. */
int lapack_least_squares(DType t, LeastSquares driver, int64_t m, int64_t n, int64_t k, void *a, void *b,
                         void *s, double rcond, int32_t *rank, LapackWork *w);

#endif
