/* Linear algebra on batches of matrices (f32, f64; CPU): factorisations and what follows from them. The last
 * two dimensions are a matrix, those before it a batch. Errors name the op and the matrix of the batch. */
#ifndef APSIS_OPS_LINALG_H
#define APSIS_OPS_LINALG_H

#include "core/tensor.h"

/* --- LU, Cholesky, triangular systems (linalg.c): no LAPACK needed ----------------------------------------
 */
/* A (..., m, n) = P L U: L (ones on its diagonal are left out) and U in lu (..., m, n), pivots i32
 * (..., min(m, n)): row i changed places with row pivots[i], from 1. A singular A is no error here. */
bool op_lu_factor(Ctx *c, Tensor *lu, Tensor *pivots, const Tensor *a, const char *op);
/* What follows takes `info` i32 (...), which it makes, or NULL: for each matrix 0, or where the work failed,
 * from 1. Without it a failure is an error that names the first such matrix. */

/* x with A x = b, or A^T x = b where `adjoint`, for A (..., n, n) factored and b (..., n, k); batches
 * broadcast. A zero on U's diagonal is a failure. */
bool op_lu_solve(Ctx *c, Tensor *x, Tensor *info, const Tensor *lu, const Tensor *pivots, const Tensor *b,
                 bool adjoint, const char *op);
/* The positions (..., m), from 1, that put A's rows into the order of L U: i64. */
bool op_lu_rows(Ctx *c, Tensor *out, const Tensor *pivots, int64_t m, const char *op);
/* The determinant (...), and its sign and the logarithm of its size. */
bool op_lu_det(Ctx *c, Tensor *det, const Tensor *lu, const Tensor *pivots, const char *op);
bool op_lu_slogdet(Ctx *c, Tensor *sign, Tensor *logabsdet, const Tensor *lu, const Tensor *pivots,
                   const char *op);
/* The inverse of A from its factors. */
bool op_lu_inv(Ctx *c, Tensor *out, Tensor *info, const Tensor *lu, const Tensor *pivots, const char *op);
/* L with A = L L^T (`upper`: U with A = U^T U), of which that triangle of A is read. */
bool op_cholesky(Ctx *c, Tensor *out, Tensor *info, const Tensor *a, bool upper, const char *op);
/* x (..., n, k) with A x = b, where one triangle of A counts; `unit`: its diagonal is taken for ones. */
bool op_solve_triangular(Ctx *c, Tensor *x, const Tensor *a, const Tensor *b, bool upper, bool unit);

/* --- by LAPACK (lapack.c) --------------------------------------------------------------------------------
 */
typedef enum QrMode { QR_REDUCED, QR_COMPLETE, QR_R } QrMode;
/* A (..., m, n) = Q R. With k = min(m, n): q (..., m, k) and r (..., k, n); complete: (..., m, m) and
 * (..., m, n); QR_R: r as reduced, q NULL. */
bool op_qr(Ctx *c, Tensor *q, Tensor *r, const Tensor *a, QrMode mode, const char *op);
/* A = U diag(s) Vh; s descending. `full`: u and vh square. u and vh NULL: s alone. */
bool op_svd(Ctx *c, Tensor *u, Tensor *s, Tensor *vh, const Tensor *a, bool full, const char *op);
/* Eigenvalues (..., n), ascending, and eigenvectors (columns; NULL: none) of symmetric matrices. */
bool op_eigh(Ctx *c, Tensor *values, Tensor *vectors, const Tensor *a, bool upper, const char *op);
/* Eigenvalues (..., n, 2) and eigenvectors (..., n, n, 2) (NULL: none), real and imaginary part last. */
bool op_eig(Ctx *c, Tensor *values, Tensor *vectors, const Tensor *a, const char *op);
/* x (..., n, k) of least squares for A (..., m, n) and b (..., m, k) of one batch; rank i64 (...), singular
 * values (..., min(m, n)), empty (0) where the driver ("gels", "gelsy", "gelsd", "gelss") finds none. */
bool op_lstsq(Ctx *c, Tensor *x, Tensor *rank, Tensor *singular, const Tensor *a, const Tensor *b,
              double rcond, const char *driver);

/* --- factors that stay packed, by LAPACK (packed.c) ------------------------------------------------------
 */
/* A (..., m, n) = Q R: R in the upper triangle of out, Householder's reflectors below it; tau (..., min(m,
 * n)). */
bool op_geqrf(Ctx *c, Tensor *out, Tensor *tau, const Tensor *a, const char *op);
/* A symmetric, its lower triangle read, = P L D L^T P^T (Bunch and Kaufman): D, with blocks of 1 and 2, and L
 * packed in the lower triangle of ld; above it stands what stood in A. pivots i32 (..., n) as LAPACK counts;
 * info i32 (...): 0, or which element of D is 0, from 1. */
bool op_ldl_factor(Ctx *c, Tensor *ld, Tensor *pivots, Tensor *info, const Tensor *a, const char *op);
/* x with A x = b from A's factors, for b (..., n, k) of the same batch. */
bool op_ldl_solve(Ctx *c, Tensor *x, const Tensor *ld, const Tensor *pivots, const Tensor *b, const char *op);

#endif
