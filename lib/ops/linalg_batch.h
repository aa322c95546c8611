/* What the ops of linear algebra share: checks, and the walk over the matrices of a batch. */
#ifndef APSIS_OPS_LINALG_BATCH_H
#define APSIS_OPS_LINALG_BATCH_H

#include "cpu/lapack.h"
#include "ops/ops.h"

enum { WHICH_TEXT = 96 };
/* "the matrix", or "matrix [2, 3] of the batch". Writes into `text` and returns it. */
const char *matrix_text(char text[WHICH_TEXT], const Tensor *a, int64_t i);
#define WHICH(a, i) matrix_text((char[WHICH_TEXT]){0}, (a), (i))

/* f32 or f64, on the CPU, at least 2 dimensions, sizes that 32 bits count. */
bool check_matrices(Ctx *c, const char *op, const Tensor *a);
bool check_square(Ctx *c, const char *op, const Tensor *a);

static inline int64_t matrix_rows(const Tensor *a) {
    return a->size[a->ndim - 2];
}
static inline int64_t matrix_cols(const Tensor *a) {
    return a->size[a->ndim - 1];
}
/* How many matrices a tensor holds. */
int64_t matrix_count(const Tensor *a);
/* The address of element `offset` of a contiguous tensor. */
static inline void *element(const Tensor *t, int64_t offset) {
    return (char *)tensor_data(t) + offset * (int64_t)dtype_size((DType)t->dtype);
}

/* A contiguous tensor of matrices (m, n), with a's batch, dtype and device. */
bool new_matrices(Ctx *c, Tensor *out, const Tensor *a, int64_t m, int64_t n);
/* The same, its matrices column by column in memory: matrix i lies at m * n * i. */
bool new_columns(Ctx *c, Tensor *out, const Tensor *a, int64_t m, int64_t n);
/* A tensor with a's batch alone, or with a last dimension of n. */
bool new_scalars(Ctx *c, Tensor *out, const Tensor *a, DType dtype);
bool new_vectors(Ctx *c, Tensor *out, const Tensor *a, DType dtype, int64_t n);

/* Work on matrix i: 0, or a number that says why it failed. `scratch` holds the bytes asked for. `threads` as
 * in cpu_gemm. */
typedef int64_t (*MatrixStep)(const void *job, int64_t i, void *scratch, int threads);
typedef struct MatrixLoop {
    int64_t count;
    double work;           /* multiplications a matrix */
    int64_t scratch_bytes; /* a step */
    bool inner_threads;    /* a step can use several itself */
    bool calls_blis;       /* LAPACK's do */
    /* set by each_matrix where a step failed: the first such matrix, and what it returned */
    int64_t failed, info;
} MatrixLoop;
/* False, with the error set, where there is no memory or the instance was interrupted. A step that failed
 * leaves info above or below 0 and is no error yet: the caller names it. */
bool each_matrix(Ctx *c, MatrixLoop *loop, MatrixStep step, const void *job);

/* False, with the error set, where LAPACK is missing; where the sizes of `a` are beyond it (after a query of
 * what it needs); where a has an element that is not finite (it may loop or give anything): a is contiguous,
 * or column by column, and `shape` says of what sizes its matrices are. */
bool require_lapack(Ctx *c, const char *op);
bool fits_lapack(Ctx *c, const char *op, const Tensor *a, const LapackWork *w);
bool require_finite(Ctx *c, const char *op, const Tensor *a, const Tensor *shape);
/* A call of LAPACK for each matrix of a. */
MatrixLoop lapack_loop(const Tensor *a, double work, int64_t scratch_bytes);

#endif
