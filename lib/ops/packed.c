/* Factors that stay packed as LAPACK packs them: reflectors (geqrf), and L D L^T of symmetric matrices. */
#include "cpu/lapack.h"
#include "ops/linalg.h"
#include "ops/linalg_batch.h"

typedef struct Job {
    DType dtype;
    int64_t m, n; /* the matrices'; for a solution n right sides */
    const Tensor *a, *other, *info;
    int64_t bytes; /* of LAPACK's scratch memory */
} Job;

static bool run(Ctx *c, const Tensor *a, double work, MatrixStep step, Job *job) {
    MatrixLoop loop = lapack_loop(a, work, job->bytes);
    return each_matrix(c, &loop, step, job);
}

/* --- geqrf -----------------------------------------------------------------------------------------------
 */

static int64_t geqrf_step(const void *job, int64_t i, void *scratch, int threads) {
    const Job *j = job;
    (void)threads;
    LapackWork w = {scratch, j->bytes};
    const int64_t k = j->m < j->n ? j->m : j->n;
    return lapack_geqrf(j->dtype, j->m, j->n, element(j->a, i * j->m * j->n), element(j->other, i * k), &w);
}

bool op_geqrf(Ctx *c, Tensor *out, Tensor *tau, const Tensor *a, const char *op) {
    out->storage = tau->storage = NULL;
    if (!check_matrices(c, op, a) || !require_lapack(c, op)) return false;
    const int64_t m = matrix_rows(a), n = matrix_cols(a), k = m < n ? m : n;
    LapackWork w = {0};
    bool ok =
        new_columns(c, out, a, m, n) && new_vectors(c, tau, a, (DType)a->dtype, k) && op_copy_(c, out, a);
    if (ok && k > 0) {
        lapack_geqrf((DType)a->dtype, m, n, NULL, NULL, &w);
        Job j = {.dtype = (DType)a->dtype, .m = m, .n = n, .a = out, .other = tau, .bytes = w.bytes};
        ok = fits_lapack(c, op, a, &w) && run(c, a, 2.0 * (double)m * (double)n * (double)k, geqrf_step, &j);
    }
    if (ok) return true;
    tensor_release(out);
    tensor_release(tau);
    return false;
}

/* --- L D L^T ---------------------------------------------------------------------------------------------
 */

static int64_t ldl_step(const void *job, int64_t i, void *scratch, int threads) {
    const Job *j = job;
    (void)threads;
    LapackWork w = {scratch, j->bytes};
    int32_t *pivots = element(j->other, i * j->n);
    ((int32_t *)tensor_data(j->info))[i] =
        lapack_sytrf(j->dtype, j->n, element(j->a, i * j->n * j->n), pivots, &w);
    return 0;
}

bool op_ldl_factor(Ctx *c, Tensor *ld, Tensor *pivots, Tensor *info, const Tensor *a, const char *op) {
    Tensor work = {0};
    ld->storage = pivots->storage = info->storage = NULL;
    if (!check_square(c, op, a) || !require_lapack(c, op)) return false;
    const int64_t n = matrix_rows(a);
    LapackWork w = {0};
    bool ok = new_columns(c, &work, a, n, n) && new_vectors(c, pivots, a, I32, n) &&
              new_scalars(c, info, a, I32) && op_copy_(c, &work, a) && op_fill_int_(c, info, 0);
    if (ok && n > 0) {
        lapack_sytrf((DType)a->dtype, n, NULL, NULL, &w);
        Job j = {
            .dtype = (DType)a->dtype, .n = n, .a = &work, .other = pivots, .info = info, .bytes = w.bytes};
        ok = fits_lapack(c, op, a, &w) && require_finite(c, op, &work, a) &&
             run(c, a, (double)n * (double)n * (double)n / 3, ldl_step, &j);
    }
    if (ok) tensor_alias(ld, &work);
    if (ok) ld->is_view = false;
    tensor_release(&work);
    if (ok) return true;
    tensor_release(pivots);
    tensor_release(info);
    return false;
}

/* Exchanges as sytrf writes them for lower triangles: a row further down, or twice the same for a block of
 * two, negated. LAPACK trusts them. */
static bool valid_pivots(const int32_t *p, int64_t n) {
    for (int64_t k = 0; k < n; k++) {
        if (p[k] > 0) {
            if (p[k] < k + 1 || p[k] > n) return false;
            continue;
        }
        if (k + 1 == n || p[k] != p[k + 1] || p[k] < -n || p[k] > -(k + 2)) return false;
        k++;
    }
    return true;
}

static bool check_ldl(Ctx *c, const char *op, const Tensor *ld, const Tensor *pivots, const Tensor *b) {
    if (!check_square(c, op, ld) || !check_matrices(c, op, b) || !require_lapack(c, op)) return false;
    REQUIRE(c, ld->dtype == b->dtype, "%s: expected operands of one dtype, got %s and %s", op, DTYPE(ld),
            DTYPE(b));
    REQUIRE(c, pivots->dtype == I32 && pivots->device == CPU, "%s: expected pivots from ldl_factor, got %s",
            op, DTYPE(pivots));
    bool fits = ld->ndim == b->ndim && pivots->ndim == ld->ndim - 1 && matrix_rows(ld) == matrix_rows(b);
    for (int d = 0; fits && d < ld->ndim - 2; d++) fits = ld->size[d] == b->size[d];
    for (int d = 0; fits && d < pivots->ndim; d++) fits = ld->size[d] == pivots->size[d];
    REQUIRE(c, fits, "%s: (%s), pivots (%s) and (%s): expected a right side of as many rows, in one batch",
            op, SHAPE(ld), SHAPE(pivots), SHAPE(b));
    return true;
}

static int64_t ldl_solve_step(const void *job, int64_t i, void *scratch, int threads) {
    const Job *j = job;
    (void)scratch, (void)threads;
    return lapack_sytrs(j->dtype, j->m, j->n, element(j->a, i * j->m * j->m), element(j->other, i * j->m),
                        element(j->info, i * j->m * j->n));
}

bool op_ldl_solve(Ctx *c, Tensor *x, const Tensor *ld, const Tensor *pivots, const Tensor *b,
                  const char *op) {
    Tensor factors = {0}, dense = {0};
    x->storage = NULL;
    if (!check_ldl(c, op, ld, pivots, b)) return false;
    const int64_t n = matrix_rows(ld), k = matrix_cols(b);
    bool ok = new_columns(c, x, b, n, k) && op_copy_(c, x, b) && new_columns(c, &factors, ld, n, n) &&
              op_copy_(c, &factors, ld) && op_contiguous(c, &dense, pivots, I32);
    for (int64_t i = 0, count = matrix_count(ld); ok && i < count; i++)
        if (!valid_pivots(element(&dense, i * n), n))
            ok = ctx_fail(c, "%s: the pivots of %s are none of ldl_factor", op, WHICH(ld, i));
    if (ok && n > 0 && k > 0) {
        Job j = {.dtype = (DType)ld->dtype, .m = n, .n = k, .a = &factors, .other = &dense, .info = x};
        ok = run(c, ld, 2.0 * (double)n * (double)n * (double)k, ldl_solve_step, &j);
    }
    tensor_release(&factors);
    tensor_release(&dense);
    if (!ok) tensor_release(x);
    return ok;
}
