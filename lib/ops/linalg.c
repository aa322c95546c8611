/* LU, Cholesky and triangular systems: checks and shapes here, arithmetic in cpu/factor.c. */
#include "ops/linalg.h"
#include "cpu/factor.h"
#include "ops/linalg_batch.h"
#include <math.h>
#include <string.h>

/* What the steps of this file work on; the strides of a batch are in elements. */
typedef struct Job {
    const Ctx *c;
    DType dtype;
    int64_t m, n, k;
    const Tensor *a, *b; /* a is read or factored; b is the right side and the result */
    const Tensor *pivots;
    int32_t *info; /* of a step for each matrix, or NULL: a failure ends the work */
    bool upper, unit, adjoint;
    int batch_dims; /* of b; a's batch is expanded to it */
    int64_t batch_stride[MAX_DIMS], pivot_stride[MAX_DIMS];
} Job;

static int64_t scratch_bytes(const Job *j) {
    const int64_t n = j->m > j->n ? j->m : j->n;
    return cpu_factor_scratch(n, j->k) * (int64_t)dtype_size(j->dtype);
}

/* --- many tiny matrices ------------------------------------------------------------------------------------
 */

enum { GROUP = 64, WORTH = 4 }; /* tiny matrices of a step; how many are worth it */

/* Steps of GROUP matrices in place of one each, where there are kernels for that: true, and the loop is done,
 * or has failed with *ok false. */
static bool by_groups(Ctx *c, const MatrixLoop *one, MatrixStep step, const Job *j, int64_t sides, bool *ok) {
    if (one->count < WORTH || !cpu_is_tiny(j->n, sides) || j->m != j->n) return false;
    MatrixLoop loop = {.count = (one->count + GROUP - 1) / GROUP, .work = one->work * GROUP / 4};
    *ok = each_matrix(c, &loop, step, j);
    return true;
}

/* How many matrices group i of a tensor of matrices has. */
static int64_t in_group(const Tensor *x, int64_t i) {
    const int64_t rest = matrix_count(x) - i * GROUP;
    return rest < GROUP ? rest : GROUP;
}

static int64_t tiny_lu_step(const void *job, int64_t i, void *scratch, int threads) {
    const Job *j = job;
    const int64_t first = i * GROUP;
    (void)scratch, (void)threads;
    cpu_tiny_lu(j->dtype, j->n, in_group(j->a, i), element(j->a, first * j->n * j->n),
                (int32_t *)tensor_data(j->pivots) + first * j->n);
    return 0;
}

static int64_t tiny_solve_step(const void *job, int64_t i, void *scratch, int threads) {
    const Job *j = job;
    const int64_t first = i * GROUP;
    (void)scratch, (void)threads;
    cpu_tiny_solve(j->dtype, j->n, j->k, in_group(j->b, i), element(j->a, first * j->n * j->n),
                   (const int32_t *)tensor_data(j->pivots) + first * j->n,
                   element(j->b, first * j->n * j->k));
    return 0;
}

/* --- LU --------------------------------------------------------------------------------------------------
 */

static int64_t lu_step(const void *job, int64_t i, void *scratch, int threads) {
    const Job *j = job;
    const int64_t k = j->m < j->n ? j->m : j->n;
    cpu_lu(j->c, j->dtype, j->m, j->n, element(j->a, i * j->m * j->n), j->n,
           (int32_t *)tensor_data(j->pivots) + i * k, scratch, threads);
    return 0;
}

bool op_lu_factor(Ctx *c, Tensor *lu, Tensor *pivots, const Tensor *a, const char *op) {
    lu->storage = pivots->storage = NULL;
    if (!check_matrices(c, op, a)) return false;
    const int64_t m = matrix_rows(a), n = matrix_cols(a), k = m < n ? m : n;
    bool ok = op_to_dtype(c, lu, a, (DType)a->dtype) && new_vectors(c, pivots, a, I32, k);
    if (ok && k > 0) {
        const Job job = {.c = c, .dtype = (DType)a->dtype, .m = m, .n = n, .a = lu, .pivots = pivots};
        MatrixLoop loop = {.count = matrix_count(a),
                           .work = (double)m * (double)n * (double)k / 2,
                           .scratch_bytes = scratch_bytes(&job),
                           .inner_threads = true};
        if (!by_groups(c, &loop, tiny_lu_step, &job, 0, &ok)) ok = each_matrix(c, &loop, lu_step, &job);
    }
    if (ok) return true;
    tensor_release(lu);
    tensor_release(pivots);
    return false;
}

/* What the ops on factors take: lu (..., m, n) and pivots of its batch, i32, within 1..m; contiguous copies.
 */
static bool open_factors(Ctx *c, Tensor *lu_out, Tensor *pivots_out, const Tensor *lu, const Tensor *pivots,
                         const char *op) {
    lu_out->storage = pivots_out->storage = NULL;
    if (!check_square(c, op, lu) || !require_same_device(c, op, lu, pivots)) return false;
    REQUIRE(c, pivots->dtype == I32, "%s: expected pivots of i32, as linalg.lu_factor gives them, got %s", op,
            DTYPE(pivots));
    bool fits = pivots->ndim == lu->ndim - 1 && pivots->size[pivots->ndim - 1] == matrix_rows(lu);
    for (int d = 0; fits && d < pivots->ndim - 1; d++) fits = pivots->size[d] == lu->size[d];
    REQUIRE(c, fits, "%s: pivots (%s) do not belong to factors (%s)", op, SHAPE(pivots), SHAPE(lu));
    if (!op_contiguous(c, lu_out, lu, (DType)lu->dtype)) return false;
    if (!op_contiguous(c, pivots_out, pivots, I32)) goto failed;
    const int32_t *p = tensor_data(pivots_out);
    for (int64_t i = 0, count = tensor_numel(pivots_out); i < count; i++) {
        if (p[i] >= 1 && p[i] <= matrix_rows(lu)) continue;
        ctx_fail(c, "%s: pivot %d: rows run 1..%lld", op, p[i], (long long)matrix_rows(lu));
        goto failed;
    }
    return true;
failed:
    tensor_release(lu_out);
    tensor_release(pivots_out);
    return false;
}

bool op_lu_rows(Ctx *c, Tensor *out, const Tensor *pivots, int64_t m, const char *op) {
    Tensor dense;
    int64_t size[MAX_DIMS];
    out->storage = NULL;
    if (!require_cpu(c, op, pivots)) return false;
    REQUIRE(c, pivots->dtype == I32 && pivots->ndim >= 1, "%s: expected pivots of i32, got %s (%s)", op,
            DTYPE(pivots), SHAPE(pivots));
    const int64_t k = pivots->size[pivots->ndim - 1];
    REQUIRE(c, m >= k && m < INT32_MAX, "%s: %lld pivots do not belong to %lld rows", op, (long long)k,
            (long long)m);
    memcpy(size, pivots->size, sizeof size);
    size[pivots->ndim - 1] = m;
    if (!op_contiguous(c, &dense, pivots, I32)) return false;
    bool ok = tensor_new(c, out, I64, pivots->ndim, size);
    const int32_t *p = tensor_data(&dense);
    const int64_t matrices = ok && m > 0 ? tensor_numel(out) / m : 0;
    for (int64_t i = 0; ok && i < matrices; i++, p += k) {
        int64_t *rows = (int64_t *)tensor_data(out) + i * m;
        for (int64_t j = 0; j < m; j++) rows[j] = j + 1;
        for (int64_t j = 0; ok && j < k; j++) {
            if (p[j] < 1 || p[j] > m) {
                ok = ctx_fail(c, "%s: pivot %d: rows run 1..%lld", op, p[j], (long long)m);
            } else {
                const int64_t row = rows[j];
                rows[j] = rows[p[j] - 1];
                rows[p[j] - 1] = row;
            }
        }
    }
    tensor_release(&dense);
    if (!ok) tensor_release(out);
    return ok;
}

/* The strides with which a batch of `step` elements a matrix is read when expanded to out's. */
static void expand_batch(int64_t *stride, const Tensor *t, int matrix_dims, int64_t step, int batch_dims) {
    const int own = t->ndim - matrix_dims;
    for (int d = batch_dims - 1, i = own - 1; d >= 0; d--, i--) {
        stride[d] = i >= 0 && t->size[i] > 1 ? step : 0;
        if (i >= 0) step *= t->size[i];
    }
}

static int64_t batch_offset(const int64_t *stride, const Tensor *out, int batch_dims, int64_t i) {
    int64_t offset = 0;
    for (int d = batch_dims - 1; d >= 0; d--) {
        offset += i % out->size[d] * stride[d];
        i /= out->size[d];
    }
    return offset;
}

/* x (..., n, k): b expanded to the batch that it and a have together. */
static bool new_sides(Ctx *c, Tensor *x, const Tensor *a, const Tensor *b, const char *op) {
    int64_t size[MAX_DIMS];
    int ndim;
    if (!require_same_device(c, op, a, b)) return false;
    REQUIRE(c, a->dtype == b->dtype, "%s: expected operands of one dtype, got %s and %s", op, DTYPE(a),
            DTYPE(b));
    REQUIRE(c, b->ndim >= 2 && matrix_rows(b) == matrix_cols(a),
            "%s: (%s) and (%s): expected a right side of %lld rows", op, SHAPE(a), SHAPE(b),
            (long long)matrix_cols(a));
    Tensor batch_a = *a, batch_b = *b;
    batch_a.ndim -= 2;
    batch_b.ndim -= 2;
    if (!broadcast_shape(c, op, &batch_a, &batch_b, &ndim, size)) return false;
    size[ndim] = matrix_rows(b);
    size[ndim + 1] = matrix_cols(b);
    if (!tensor_new(c, x, (DType)a->dtype, ndim + 2, size)) return false;
    if (op_copy_(c, x, b)) return true;
    tensor_release(x);
    return false;
}

static void lu_solve(const Job *j, const void *lu, const int32_t *pivots, void *b, void *scratch,
                     int threads) {
    const Matrix rows = {(void *)lu, j->n, 1}, columns = {(void *)lu, 1, j->n};
    if (j->adjoint) {
        cpu_solve_triangular(j->c, j->dtype, j->n, j->k, columns, false, false, b, j->k, scratch, threads);
        cpu_solve_triangular(j->c, j->dtype, j->n, j->k, columns, true, true, b, j->k, scratch, threads);
        cpu_swap_rows(j->dtype, j->k, b, j->k, pivots, j->n, true);
    } else {
        cpu_swap_rows(j->dtype, j->k, b, j->k, pivots, j->n, false);
        cpu_solve_triangular(j->c, j->dtype, j->n, j->k, rows, false, true, b, j->k, scratch, threads);
        cpu_solve_triangular(j->c, j->dtype, j->n, j->k, rows, true, false, b, j->k, scratch, threads);
    }
}

static int64_t lu_solve_step(const void *job, int64_t i, void *scratch, int threads) {
    const Job *j = job;
    const int64_t a = batch_offset(j->batch_stride, j->b, j->batch_dims, i),
                  p = batch_offset(j->pivot_stride, j->b, j->batch_dims, i);
    lu_solve(j, element(j->a, a), (const int32_t *)tensor_data(j->pivots) + p, element(j->b, i * j->n * j->k),
             scratch, threads);
    return 0;
}

/* Element i of U's diagonal in matrix `which`. */
static double diagonal(const Tensor *lu, int64_t which, int64_t i) {
    const int64_t n = matrix_cols(lu), at = which * n * n + i * (n + 1);
    return lu->dtype == F64 ? ((const double *)tensor_data(lu))[at] : ((const float *)tensor_data(lu))[at];
}

/* The first zero on U's diagonal, from 1; 0 where there is none. */
static int64_t singular_at(const Tensor *lu, int64_t which) {
    for (int64_t j = 0; j < matrix_rows(lu); j++)
        if (diagonal(lu, which, j) == 0) return j + 1;
    return 0;
}

static bool check_regular(Ctx *c, const Tensor *lu, Tensor *info, const char *op) {
    if (info && !new_scalars(c, info, lu, I32)) return false;
    for (int64_t i = 0, count = matrix_count(lu); i < count; i++) {
        const int64_t at = singular_at(lu, i);
        if (info) {
            ((int32_t *)tensor_data(info))[i] = (int32_t)at;
            continue;
        }
        REQUIRE(c, at == 0, "%s: %s is singular: U[%lld, %lld] of its LU factors is 0", op, WHICH(lu, i),
                (long long)at, (long long)at);
    }
    return true;
}

static bool solve_all(Ctx *c, const Tensor *x, const Tensor *lu, const Tensor *pivots, bool adjoint) {
    const int64_t n = matrix_rows(lu), k = matrix_cols(x);
    Job job = {.c = c,
               .dtype = (DType)x->dtype,
               .m = n,
               .n = n,
               .k = k,
               .a = lu,
               .b = x,
               .pivots = pivots,
               .adjoint = adjoint,
               .batch_dims = x->ndim - 2};
    expand_batch(job.batch_stride, lu, 2, n * n, job.batch_dims);
    expand_batch(job.pivot_stride, pivots, 1, n, job.batch_dims);
    MatrixLoop loop = {.count = matrix_count(x),
                       .work = (double)n * (double)n * (double)k,
                       .scratch_bytes = scratch_bytes(&job),
                       .inner_threads = true};
    if (tensor_numel(x) == 0) return true;
    bool ok = true, own = matrix_count(lu) == loop.count && !adjoint; /* nothing is broadcast */
    if (own && by_groups(c, &loop, tiny_solve_step, &job, k, &ok)) return ok;
    return each_matrix(c, &loop, lu_solve_step, &job);
}

bool op_lu_solve(Ctx *c, Tensor *x, Tensor *info, const Tensor *lu, const Tensor *pivots, const Tensor *b,
                 bool adjoint, const char *op) {
    Tensor factors, swaps;
    x->storage = NULL;
    if (info) info->storage = NULL;
    if (!open_factors(c, &factors, &swaps, lu, pivots, op)) return false;
    bool ok = check_regular(c, &factors, info, op) && new_sides(c, x, lu, b, op) &&
              solve_all(c, x, &factors, &swaps, adjoint);
    tensor_release(&factors);
    tensor_release(&swaps);
    if (!ok) tensor_release(x);
    if (!ok) tensor_release(info);
    return ok;
}

static void set_identity(const Tensor *x) {
    const int64_t n = matrix_rows(x);
    memset(tensor_data(x), 0, (size_t)tensor_numel(x) * dtype_size((DType)x->dtype));
    for (int64_t i = 0, count = matrix_count(x); i < count; i++) {
        for (int64_t j = 0; j < n; j++) {
            void *at = element(x, i * n * n + j * (n + 1));
            if (x->dtype == F64)
                *(double *)at = 1;
            else
                *(float *)at = 1;
        }
    }
}

bool op_lu_inv(Ctx *c, Tensor *out, Tensor *info, const Tensor *lu, const Tensor *pivots, const char *op) {
    Tensor factors, swaps;
    out->storage = NULL;
    if (info) info->storage = NULL;
    if (!open_factors(c, &factors, &swaps, lu, pivots, op)) return false;
    bool ok =
        check_regular(c, &factors, info, op) && new_matrices(c, out, lu, matrix_rows(lu), matrix_rows(lu));
    if (ok) {
        if (tensor_numel(out)) set_identity(out);
        ok = solve_all(c, out, &factors, &swaps, false);
    }
    tensor_release(&factors);
    tensor_release(&swaps);
    if (!ok) tensor_release(out);
    if (!ok) tensor_release(info);
    return ok;
}

/* --- determinants ----------------------------------------------------------------------------------------
 */

/* -1 for an odd number of exchanges. */
static double sign_of_swaps(const int32_t *pivots, int64_t n) {
    double sign = 1;
    for (int64_t i = 0; i < n; i++)
        if (pivots[i] != i + 1) sign = -sign;
    return sign;
}

bool op_lu_det(Ctx *c, Tensor *det, const Tensor *lu, const Tensor *pivots, const char *op) {
    Tensor factors, swaps;
    det->storage = NULL;
    if (!open_factors(c, &factors, &swaps, lu, pivots, op)) return false;
    const int64_t n = matrix_rows(lu);
    bool ok = new_scalars(c, det, lu, (DType)lu->dtype);
    for (int64_t i = 0; ok && i < matrix_count(lu); i++) {
        double product = sign_of_swaps((const int32_t *)tensor_data(&swaps) + i * n, n);
        for (int64_t j = 0; j < n; j++) product *= diagonal(&factors, i, j);
        put_real((DType)det->dtype, tensor_data(det), i, product);
    }
    tensor_release(&factors);
    tensor_release(&swaps);
    return ok;
}

bool op_lu_slogdet(Ctx *c, Tensor *sign, Tensor *logabsdet, const Tensor *lu, const Tensor *pivots,
                   const char *op) {
    Tensor factors, swaps;
    sign->storage = logabsdet->storage = NULL;
    if (!open_factors(c, &factors, &swaps, lu, pivots, op)) return false;
    const int64_t n = matrix_rows(lu);
    bool ok = new_scalars(c, sign, lu, (DType)lu->dtype) && new_scalars(c, logabsdet, lu, (DType)lu->dtype);
    for (int64_t i = 0; ok && i < matrix_count(lu); i++) {
        double s = sign_of_swaps((const int32_t *)tensor_data(&swaps) + i * n, n), sum = 0;
        for (int64_t j = 0; j < n; j++) {
            const double u = diagonal(&factors, i, j);
            s = u == 0 ? 0 : u < 0 ? -s : u > 0 ? s : u; /* nan stays */
            sum += log(fabs(u));
        }
        put_real((DType)sign->dtype, tensor_data(sign), i, s);
        put_real((DType)logabsdet->dtype, tensor_data(logabsdet), i, sum);
    }
    tensor_release(&factors);
    tensor_release(&swaps);
    if (!ok) tensor_release(sign);
    return ok;
}

/* --- Cholesky --------------------------------------------------------------------------------------------
 */

/* Nothing below the diagonal. */
static void clear_lower(DType t, int64_t n, void *a) {
    const int64_t size = (int64_t)dtype_size(t);
    for (int64_t i = 1; i < n; i++) memset((char *)a + i * n * size, 0, (size_t)(i * size));
}

static int64_t cholesky_step(const void *job, int64_t i, void *scratch, int threads) {
    const Job *j = job;
    void *a = element(j->a, i * j->n * j->n);
    int64_t failed = cpu_cholesky(j->c, j->dtype, j->n, a, j->n, scratch, threads);
    if (!failed || j->info) clear_lower(j->dtype, j->n, a);
    if (!j->info) return failed;
    j->info[i] = (int32_t)failed;
    return 0;
}

static int64_t tiny_cholesky_step(const void *job, int64_t i, void *scratch, int threads) {
    const Job *j = job;
    const int64_t n = j->n, count = in_group(j->a, i);
    (void)scratch, (void)threads;
    cpu_tiny_cholesky(j->dtype, n, count, element(j->a, i * GROUP * n * n), j->info + i * GROUP);
    for (int64_t k = 0; k < count; k++) clear_lower(j->dtype, n, element(j->a, (i * GROUP + k) * n * n));
    return 0;
}

static bool cholesky_all(Ctx *c, const Job *job, MatrixLoop *loop) {
    Job j = *job;
    bool ok = true;
    if (!job->info) j.info = ctx_scratch(c, loop->count * (int64_t)sizeof *j.info);
    if (!j.info) return false;
    const bool grouped = by_groups(c, loop, tiny_cholesky_step, &j, 0, &ok);
    for (int64_t i = 0; grouped && !job->info && ok && i < loop->count && !loop->info; i++) {
        loop->failed = i;
        loop->info = j.info[i];
    }
    if (!job->info) ctx_scratch_free(c, j.info);
    return grouped ? ok : each_matrix(c, loop, cholesky_step, job);
}

/* Works on an upper triangle; where the lower one is wanted, on A's transpose, whose result is seen
 * transposed again. */
bool op_cholesky(Ctx *c, Tensor *out, Tensor *info, const Tensor *a, bool upper, const char *op) {
    out->storage = NULL;
    if (info) info->storage = NULL;
    if (!check_square(c, op, a) || (info && (!new_scalars(c, info, a, I32) || !op_fill_int_(c, info, 0))))
        return false;
    const int64_t n = matrix_rows(a);
    bool ok = upper ? new_matrices(c, out, a, n, n) : new_columns(c, out, a, n, n);
    MatrixLoop loop = {
        .count = matrix_count(a), .work = (double)n * (double)n * (double)n / 3, .inner_threads = true};
    if (ok && tensor_numel(a)) {
        const Job job = {.c = c,
                         .dtype = (DType)a->dtype,
                         .m = n,
                         .n = n,
                         .a = out,
                         .info = info ? tensor_data(info) : NULL};
        loop.scratch_bytes = scratch_bytes(&job);
        ok = op_copy_(c, out, a) && cholesky_all(c, &job, &loop);
    }
    if (ok && loop.info)
        ok = ctx_fail(c, "%s: %s is not positive definite (its leading block of %lld rows is not)", op,
                      WHICH(a, loop.failed), (long long)loop.info);
    if (!ok) tensor_release(out);
    if (!ok) tensor_release(info);
    return ok;
}

/* --- triangular systems ----------------------------------------------------------------------------------
 */

static int64_t triangular_step(const void *job, int64_t i, void *scratch, int threads) {
    const Job *j = job;
    const Matrix a = {element(j->a, batch_offset(j->batch_stride, j->b, j->batch_dims, i)),
                      j->a->stride[j->a->ndim - 2], j->a->stride[j->a->ndim - 1]};
    cpu_solve_triangular(j->c, j->dtype, j->n, j->k, a, j->upper, j->unit, element(j->b, i * j->n * j->k),
                         j->k, scratch, threads);
    return 0;
}

/* Rows or columns contiguous and without overlap: as the products of matrices want them. */
static bool is_plain(const Tensor *a) {
    const int64_t n = matrix_rows(a), rs = a->stride[a->ndim - 2], cs = a->stride[a->ndim - 1];
    return (cs == 1 && rs >= n) || (rs == 1 && cs >= n);
}

bool op_solve_triangular(Ctx *c, Tensor *x, const Tensor *a, const Tensor *b, bool upper, bool unit) {
    const char *op = "linalg.solve_triangular";
    Tensor triangle;
    x->storage = NULL;
    if (!check_square(c, op, a) || !new_sides(c, x, a, b, op)) return false;
    if (is_plain(a))
        tensor_alias(&triangle, a);
    else if (!op_to_dtype(c, &triangle, a, (DType)a->dtype)) {
        tensor_release(x);
        return false;
    }
    const int64_t n = matrix_rows(a), k = matrix_cols(x);
    Job job = {.c = c,
               .dtype = (DType)a->dtype,
               .m = n,
               .n = n,
               .k = k,
               .a = &triangle,
               .b = x,
               .upper = upper,
               .unit = unit,
               .batch_dims = x->ndim - 2};
    for (int d = job.batch_dims - 1, i = a->ndim - 3; d >= 0; d--, i--)
        job.batch_stride[d] = i >= 0 && triangle.size[i] > 1 ? triangle.stride[i] : 0;
    MatrixLoop loop = {.count = matrix_count(x),
                       .work = (double)n * (double)n * (double)k / 2,
                       .scratch_bytes = scratch_bytes(&job),
                       .inner_threads = true};
    bool ok = tensor_numel(x) == 0 || each_matrix(c, &loop, triangular_step, &job);
    tensor_release(&triangle);
    if (!ok) tensor_release(x);
    return ok;
}
