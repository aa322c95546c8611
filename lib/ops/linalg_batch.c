/* Checks of matrices and the walk over a batch of them. */
#include "ops/linalg_batch.h"
#include "cpu/blas.h"
#include <stdio.h>
#include <string.h>

enum { MULTIPLICATIONS_PER_OPERATION = 4 };
/* A matrix worth more than this is shared between threads itself where there are few of them. */
static const double BIG = 1 << 24;

const char *matrix_text(char text[WHICH_TEXT], const Tensor *a, int64_t i) {
    int64_t at[MAX_DIMS];
    if (a->ndim <= 2) return "the matrix";
    for (int d = a->ndim - 3; d >= 0; d--) {
        at[d] = i % a->size[d];
        i /= a->size[d];
    }
    int n = snprintf(text, WHICH_TEXT, "matrix [");
    for (int d = 0; d < a->ndim - 2 && n < WHICH_TEXT; d++)
        n += snprintf(text + n, (size_t)(WHICH_TEXT - n), d ? ", %lld" : "%lld", (long long)at[d] + 1);
    if (n < WHICH_TEXT) snprintf(text + n, (size_t)(WHICH_TEXT - n), "] of the batch");
    return text;
}

bool check_matrices(Ctx *c, const char *op, const Tensor *a) {
    REQUIRE(c, a->dtype == F32 || a->dtype == F64, "%s: expected f32 or f64, got %s; convert: x:to(\"f32\")",
            op, DTYPE(a));
    if (!require_cpu(c, op, a)) return false;
    REQUIRE(c, a->ndim >= 2, "%s: expected a matrix or a batch of them, got (%s)", op, SHAPE(a));
    REQUIRE(c, matrix_rows(a) < INT32_MAX / 8 && matrix_cols(a) < INT32_MAX / 8,
            "%s: (%s): a matrix has too many rows or columns", op, SHAPE(a));
    return true;
}

bool check_square(Ctx *c, const char *op, const Tensor *a) {
    if (!check_matrices(c, op, a)) return false;
    REQUIRE(c, matrix_rows(a) == matrix_cols(a), "%s: expected square matrices, got (%s)", op, SHAPE(a));
    return true;
}

int64_t matrix_count(const Tensor *a) {
    int64_t count = 1;
    for (int d = 0; d < a->ndim - 2; d++) count *= a->size[d];
    return count;
}

bool new_matrices(Ctx *c, Tensor *out, const Tensor *a, int64_t m, int64_t n) {
    int64_t size[MAX_DIMS];
    memcpy(size, a->size, sizeof size);
    size[a->ndim - 2] = m;
    size[a->ndim - 1] = n;
    return tensor_new(c, out, (DType)a->dtype, a->ndim, size);
}

bool new_columns(Ctx *c, Tensor *out, const Tensor *a, int64_t m, int64_t n) {
    if (!new_matrices(c, out, a, n, m)) return false;
    const int rows = out->ndim - 2, cols = out->ndim - 1;
    out->size[rows] = m;
    out->size[cols] = n;
    out->stride[rows] = 1;
    out->stride[cols] = m > 1 ? m : 1;
    return true;
}

bool new_scalars(Ctx *c, Tensor *out, const Tensor *a, DType dtype) {
    return tensor_new(c, out, dtype, a->ndim - 2, a->size);
}

bool new_vectors(Ctx *c, Tensor *out, const Tensor *a, DType dtype, int64_t n) {
    int64_t size[MAX_DIMS];
    memcpy(size, a->size, sizeof size);
    size[a->ndim - 2] = n;
    return tensor_new(c, out, dtype, a->ndim - 1, size);
}

static int threads_for(const Ctx *c, const MatrixLoop *loop) {
    const double work = loop->work * (double)loop->count / MULTIPLICATIONS_PER_OPERATION;
    if (loop->count < 2) return 1;
    int threads = ctx_threads(c, work < 1e18 ? (int64_t)work : (int64_t)1e18);
    if (loop->count >= threads) return threads;
    return loop->inner_threads && loop->work > BIG ? 1 : (int)loop->count;
}

static void note_failure(MatrixLoop *loop, int64_t i, int64_t info) {
#pragma omp critical
    if (loop->info == 0 || i < loop->failed) {
        loop->failed = i;
        loop->info = info;
    }
}

static int64_t call_step(const MatrixLoop *loop, MatrixStep step, const void *job, int64_t i, void *scratch,
                         int threads, bool *refused) {
    if (!loop->calls_blis) return step(job, i, scratch, threads);
    if (!cpu_blas_enter()) {
        *refused = true;
        return 0;
    }
    int64_t info = step(job, i, scratch, threads);
    cpu_blas_leave();
    return info;
}

bool each_matrix(Ctx *c, MatrixLoop *loop, MatrixStep step, const void *job) {
    const int threads = threads_for(c, loop), inner = threads > 1 || !loop->inner_threads ? 1 : 0;
    const int64_t each = ctx_scratch_part(loop->scratch_bytes + 1);
    loop->failed = loop->info = 0;
    if (loop->count == 0) return true;
    char *scratch = ctx_scratch(c, each * threads);
    if (!scratch) return false;
    bool refused = false;
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static, 1) reduction(|| : refused)
    for (int t = 0; t < threads; t++) {
        const int64_t from = loop->count * t / threads, to = loop->count * (t + 1) / threads;
        for (int64_t i = from; i < to && !refused && !ctx_stopping(c); i++) {
            bool no_memory = false;
            int64_t info = call_step(loop, step, job, i, scratch + each * t, inner, &no_memory);
            if (info) note_failure(loop, i, info);
            refused = no_memory;
        }
    }
    ctx_scratch_free(c, scratch);
    REQUIRE(c, !refused, "out of memory: no room for the buffers of matrix products");
    return !ctx_stopping(c) || ctx_interrupted(c);
}

/* --- LAPACK -----------------------------------------------------------------------------------------------
 */

/* What a call of LAPACK takes before it computes, in multiplications: about a microsecond. */
static const double CALL_WORK = 20000;

bool require_lapack(Ctx *c, const char *op) {
    const char *why = lapack_missing();
    REQUIRE(c, !why, "%s: %s", op, why);
    return true;
}

bool fits_lapack(Ctx *c, const char *op, const Tensor *a, const LapackWork *w) {
    REQUIRE(c, w->bytes >= 0, "%s: (%s): too large for LAPACK, which counts in 32 bits", op, SHAPE(a));
    return true;
}

/* LAPACK does not end well on nan: it may loop or give anything. a is contiguous. */
bool require_finite(Ctx *c, const char *op, const Tensor *a, const Tensor *shape) {
    const int64_t n = matrix_rows(shape) * matrix_cols(shape);
    for (int64_t i = 0, count = matrix_count(shape); i < count; i++) {
        double sum = 0; /* of zeros, unless something is not finite */
        if (a->dtype == F64) {
            const double *x = (const double *)tensor_data(a) + i * n;
            for (int64_t j = 0; j < n; j++) sum += x[j] * 0;
        } else {
            const float *x = (const float *)tensor_data(a) + i * n;
            for (int64_t j = 0; j < n; j++) sum += (double)x[j] * 0;
        }
        REQUIRE(c, sum == 0, "%s: %s contains nan or infinity", op, WHICH(shape, i));
    }
    return true;
}

MatrixLoop lapack_loop(const Tensor *a, double work, int64_t scratch_bytes) {
    return (MatrixLoop){.count = matrix_count(a),
                        .work = work + CALL_WORK,
                        .scratch_bytes = scratch_bytes,
                        .calls_blis = true};
}
