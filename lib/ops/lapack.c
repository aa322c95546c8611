/* QR, SVD, eigenvalues and least squares: checks and shapes here, the arithmetic is in cpu/qr.c, svd.c and
 * eigh.c, and for what those are not for LAPACK's (cpu/lapack.c). */
#include "cpu/eigh.h"
#include "cpu/lapack.h"
#include "cpu/qr.h"
#include "cpu/svd.h"
#include "ops/linalg.h"
#include "ops/linalg_batch.h"
#include <float.h>
#include <math.h>
#include <string.h>

typedef struct Job {
    const Ctx *c;
    DType dtype;
    int64_t m, n, k; /* k: the smaller of m and n, or the number of right sides */
    const Tensor *a, *s, *u, *v, *b;
    char letter; /* LAPACK's: what to compute, or which triangle */
    int64_t columns;
    LeastSquares driver;
    double rcond;
    int64_t main_bytes, extra_bytes; /* of scratch memory: of the first call, and what comes before it */
} Job;

static void *within(const Tensor *t, int64_t offset) {
    return t ? element(t, offset) : NULL;
}

static int64_t element_bytes(const Job *j, int64_t count) {
    return ctx_scratch_part(count * (int64_t)dtype_size(j->dtype));
}

static bool not_converged(Ctx *c, const char *op, const Tensor *a, const MatrixLoop *loop) {
    return ctx_fail(c, "%s: did not converge on %s (info %lld)", op, WHICH(a, loop->failed),
                    (long long)loop->info);
}

/* --- QR --------------------------------------------------------------------------------------------------
 */

static int64_t qr_step(const void *job, int64_t i, void *scratch, int threads) {
    const Job *j = job;
    const int64_t rows = matrix_rows(j->v);
    cpu_qr(j->c, j->dtype, j->m, j->n, element(j->a, i * j->m * j->n), j->columns,
           within(j->u, i * j->m * j->columns), rows, element(j->v, i * rows * j->n), scratch, threads);
    return 0;
}

static bool qr_all(Ctx *c, const Job *j, const Tensor *a) {
    const double m = (double)j->m, n = (double)j->n, k = (double)j->k;
    MatrixLoop loop = {.count = matrix_count(a),
                       .work = 2 * m * n * k + 200 * k, /* a reflector takes 50 cycles beside its products */
                       .scratch_bytes = cpu_qr_scratch(j->dtype, j->m, j->n, j->u ? j->columns : 0),
                       .inner_threads = true};
    return each_matrix(c, &loop, qr_step, j);
}

static void set_identity(const Tensor *x) {
    const int64_t n = matrix_rows(x);
    for (int64_t i = 0, count = matrix_count(x) * n * n; i < count; i++) {
        put_real((DType)x->dtype, tensor_data(x), i, i % (n * n) % (n + 1) == 0);
    }
}

bool op_qr(Ctx *c, Tensor *q, Tensor *r, const Tensor *a, QrMode mode, const char *op) {
    Tensor factored = {0};
    r->storage = NULL;
    if (q) q->storage = NULL;
    if (!check_matrices(c, op, a)) return false;
    const int64_t m = matrix_rows(a), n = matrix_cols(a), k = m < n ? m : n;
    const int64_t inner = mode == QR_COMPLETE ? m : k;
    bool ok = new_columns(c, &factored, a, m, n) && new_columns(c, r, a, inner, n) &&
              (!q || new_columns(c, q, a, m, inner));
    if (ok && k > 0) {
        const Job j = {.c = c,
                       .dtype = (DType)a->dtype,
                       .m = m,
                       .n = n,
                       .k = k,
                       .a = &factored,
                       .u = q,
                       .v = r,
                       .columns = inner};
        ok = op_copy_(c, &factored, a) && qr_all(c, &j, a);
    } else if (ok && q && tensor_numel(q)) {
        set_identity(q);
    }
    tensor_release(&factored);
    if (ok) return true;
    tensor_release(r);
    tensor_release(q);
    return false;
}

/* --- SVD -------------------------------------------------------------------------------------------------
 */

/* Rows of A are columns of its transpose: LAPACK decomposes A^T = V S U^T, and V and U^T lie in memory as the
 * rows of Vh and U. */
static int64_t small_svd_step(const void *job, int64_t i, void *scratch, int threads) {
    const Job *j = job;
    const bool full = j->letter == 'A';
    return cpu_svd(j->c, j->dtype, j->m, j->n, element(j->a, i * j->m * j->n), full,
                   within(j->u, i * j->m * (full ? j->m : j->k)), element(j->s, i * j->k),
                   within(j->v, i * j->n * (full ? j->n : j->k)), scratch, threads);
}

static int64_t svd_step(const void *job, int64_t i, void *scratch, int threads) {
    const Job *j = job;
    (void)threads;
    LapackWork w = {scratch, j->main_bytes};
    const int64_t size_u = j->letter == 'A' ? j->m * j->m : j->m * j->k,
                  size_v = j->letter == 'A' ? j->n * j->n : j->k * j->n;
    return lapack_gesdd(j->dtype, j->letter, j->n, j->m, element(j->a, i * j->m * j->n),
                        element(j->s, i * j->k), within(j->v, i * size_v), within(j->u, i * size_u), &w);
}

static bool small_svd_all(Ctx *c, const Job *j, const Tensor *a, const char *op) {
    const double m = (double)j->m, n = (double)j->n, k = (double)j->k;
    MatrixLoop loop = {.count = matrix_count(a),
                       .work = 8 * m * n * k + 1000 * k * k, /* a step of a sweep takes 100 cycles */
                       .scratch_bytes = cpu_svd_scratch(j->dtype, j->m, j->n, j->letter == 'A', j->u != NULL),
                       .inner_threads = true};
    if (!require_finite(c, op, j->a, a) || !each_matrix(c, &loop, small_svd_step, j)) return false;
    return !loop.info || not_converged(c, op, a, &loop);
}

static bool svd_all(Ctx *c, const Job *given, const Tensor *a, const char *op) {
    Job j = *given;
    LapackWork w = {0};
    if (cpu_svd_is_small(j.m, j.n, j.u != NULL)) return small_svd_all(c, given, a, op);
    if (!require_lapack(c, op)) return false;
    lapack_gesdd(j.dtype, j.letter, j.n, j.m, NULL, NULL, NULL, NULL, &w);
    if (!require_finite(c, op, j.a, a) || !fits_lapack(c, op, a, &w)) return false;
    j.main_bytes = w.bytes;
    MatrixLoop loop = lapack_loop(a, 8.0 * (double)j.m * (double)j.n * (double)j.k, w.bytes);
    if (!each_matrix(c, &loop, svd_step, &j)) return false;
    return !loop.info || not_converged(c, op, a, &loop);
}

bool op_svd(Ctx *c, Tensor *u, Tensor *s, Tensor *vh, const Tensor *a, bool full, const char *op) {
    Tensor work = {0};
    s->storage = NULL;
    if (u) u->storage = vh->storage = NULL;
    if (!check_matrices(c, op, a)) return false;
    const int64_t m = matrix_rows(a), n = matrix_cols(a), k = m < n ? m : n;
    bool ok = new_vectors(c, s, a, (DType)a->dtype, k) &&
              (!u || (new_matrices(c, u, a, m, full ? m : k) && new_matrices(c, vh, a, full ? n : k, n)));
    if (ok && k > 0) {
        const char letter = !u ? 'N' : full ? 'A' : 'S';
        const Job j = {.c = c,
                       .dtype = (DType)a->dtype,
                       .m = m,
                       .n = n,
                       .k = k,
                       .a = &work,
                       .s = s,
                       .u = u,
                       .v = vh,
                       .letter = letter};
        ok = op_to_dtype(c, &work, a, (DType)a->dtype) && svd_all(c, &j, a, op);
    } else if (ok && u && full) {
        if (tensor_numel(u)) set_identity(u);
        if (tensor_numel(vh)) set_identity(vh);
    }
    tensor_release(&work);
    if (ok) return true;
    tensor_release(u);
    tensor_release(s);
    tensor_release(vh);
    return false;
}

/* --- symmetric eigenvalues -------------------------------------------------------------------------------
 */

static int64_t eigh_step(const void *job, int64_t i, void *scratch, int threads) {
    const Job *j = job;
    return cpu_eigh(j->c, j->dtype, j->v != NULL, j->n, element(j->a, i * j->n * j->n),
                    element(j->s, i * j->n), scratch, threads);
}

static bool eigh_all(Ctx *c, const Job *j, const Tensor *a, const char *op) {
    const bool vectors = j->v != NULL;
    const double n = (double)j->n;
    MatrixLoop loop = {.count = matrix_count(a),
                       .work = n * n * ((vectors ? 4 : 1) * n + 500), /* a step of a sweep takes 50 cycles */
                       .scratch_bytes = cpu_eigh_scratch(j->dtype, vectors, j->n),
                       .inner_threads = true,
                       .calls_blis = cpu_eigh_calls_lapack(vectors, j->n)};
    const LapackWork w = {.bytes = loop.scratch_bytes};
    if (!require_finite(c, op, j->a, a) || !fits_lapack(c, op, a, &w)) return false;
    if (!each_matrix(c, &loop, eigh_step, j)) return false;
    return !loop.info || not_converged(c, op, a, &loop);
}

/* The rows that cpu_eigh reads the lower triangle of are those of A, or, for the upper one, its columns. */
bool op_eigh(Ctx *c, Tensor *values, Tensor *vectors, const Tensor *a, bool upper, const char *op) {
    Tensor work = {0};
    values->storage = NULL;
    if (vectors) vectors->storage = NULL;
    if (!check_square(c, op, a)) return false;
    const int64_t n = matrix_rows(a);
    bool ok = new_vectors(c, values, a, (DType)a->dtype, n) &&
              (upper ? new_columns(c, &work, a, n, n) : new_matrices(c, &work, a, n, n)) &&
              op_copy_(c, &work, a);
    if (ok && n > 0) {
        const Job j = {.c = c, .dtype = (DType)a->dtype, .n = n, .a = &work, .s = values, .v = vectors};
        ok = eigh_all(c, &j, a, op);
    }
    if (ok && vectors) { /* which came out as rows */
        tensor_alias(vectors, &work);
        vectors->stride[vectors->ndim - 2] = 1;
        vectors->stride[vectors->ndim - 1] = n > 1 ? n : 1;
    }
    tensor_release(&work);
    if (!ok) tensor_release(values);
    return ok;
}

/* --- general eigenvalues ---------------------------------------------------------------------------------
 */

/* LAPACK keeps the eigenvectors of a conjugate pair as two columns, real and imaginary part of the first. */
static void unpack_vectors(const Job *j, const void *packed, const void *imaginary, void *out) {
    const int64_t n = j->n;
    for (int64_t col = 0; col < n; col++) {
        const double im = get_real(j->dtype, imaginary, col);
        const int64_t re_col = im < 0 ? col - 1 : col, im_col = re_col + 1;
        for (int64_t row = 0; row < n; row++) {
            const int64_t to = 2 * (row * n + col);
            const double part = im == 0 ? 0 : get_real(j->dtype, packed, im_col * n + row);
            put_real(j->dtype, out, to, get_real(j->dtype, packed, re_col * n + row));
            put_real(j->dtype, out, to + 1, im == 0 ? 0 : im < 0 ? 0 - part : part);
        }
    }
}

static int64_t eig_step(const void *job, int64_t i, void *scratch, int threads) {
    const Job *j = job;
    (void)threads;
    const int64_t n = j->n;
    char *real = scratch, *imaginary = real + element_bytes(j, n), *packed = imaginary + element_bytes(j, n);
    LapackWork w = {packed + element_bytes(j, j->v ? n * n : 1), j->main_bytes};
    int64_t info =
        lapack_geev(j->dtype, n, element(j->a, i * n * n), real, imaginary, j->v ? packed : NULL, &w);
    if (info) return info;
    void *values = element(j->s, 2 * i * n);
    for (int64_t k = 0; k < n; k++) {
        put_real(j->dtype, values, 2 * k, get_real(j->dtype, real, k));
        put_real(j->dtype, values, 2 * k + 1, get_real(j->dtype, imaginary, k));
    }
    if (j->v) unpack_vectors(j, packed, imaginary, element(j->v, 2 * i * n * n));
    return 0;
}

static bool eig_all(Ctx *c, const Job *given, const Tensor *a, const char *op) {
    Job j = *given;
    LapackWork w = {0};
    lapack_geev(j.dtype, j.n, NULL, NULL, NULL, j.v ? (void *)&w : NULL, &w);
    if (!require_finite(c, op, j.a, a) || !fits_lapack(c, op, a, &w)) return false;
    j.main_bytes = w.bytes;
    const int64_t extra = 2 * element_bytes(&j, j.n) + element_bytes(&j, j.v ? j.n * j.n : 1);
    MatrixLoop loop = lapack_loop(a, 12.0 * (double)j.n * (double)j.n * (double)j.n, extra + w.bytes);
    if (!each_matrix(c, &loop, eig_step, &j)) return false;
    return !loop.info || not_converged(c, op, a, &loop);
}

bool op_eig(Ctx *c, Tensor *values, Tensor *vectors, const Tensor *a, const char *op) {
    Tensor work = {0};
    values->storage = NULL;
    if (vectors) vectors->storage = NULL;
    if (!check_square(c, op, a) || !require_lapack(c, op)) return false;
    REQUIRE(c, a->ndim < MAX_DIMS, "%s: (%s): at most %d dimensions: the result has one more", op, SHAPE(a),
            MAX_DIMS - 1);
    int64_t size[MAX_DIMS];
    memcpy(size, a->size, sizeof size);
    size[a->ndim] = 2;
    const int64_t n = matrix_rows(a);
    bool ok = !vectors || tensor_new(c, vectors, (DType)a->dtype, a->ndim + 1, size);
    size[a->ndim - 1] = 2;
    ok = ok && tensor_new(c, values, (DType)a->dtype, a->ndim, size) && new_columns(c, &work, a, n, n) &&
         op_copy_(c, &work, a);
    if (ok && n > 0) {
        const Job j = {.dtype = (DType)a->dtype, .n = n, .a = &work, .s = values, .v = vectors};
        ok = eig_all(c, &j, a, op);
    }
    tensor_release(&work);
    if (ok) return true;
    tensor_release(values);
    tensor_release(vectors);
    return false;
}

/* --- least squares ---------------------------------------------------------------------------------------
 */

/* Whether our own QR may solve it: the pivots of gelsy are for what lacks rank, the others give singular
 * values. */
static bool by_qr(const Job *j) {
    return j->m >= j->n && (j->driver == GELSY || j->driver == GELS);
}

/* Where the condition number is far from 1 / rcond, every driver finds full rank, and then all solutions are
 * one. */
static double safe_condition(const Job *j) {
    const double epsilon = j->dtype == F64 ? DBL_EPSILON : (double)FLT_EPSILON;
    return 0.5 / (j->rcond > epsilon ? j->rcond : epsilon);
}

static int64_t lstsq_step(const void *job, int64_t i, void *scratch, int threads) {
    const Job *j = job;
    if (by_qr(j) && cpu_least_squares(j->c, j->dtype, j->m, j->n, j->k, element(j->a, i * j->m * j->n),
                                      element(j->b, i * j->m * j->k), safe_condition(j), scratch, threads)) {
        ((int64_t *)tensor_data(j->v))[i] = j->n;
        return 0;
    }
    const int64_t rows = j->m > j->n ? j->m : j->n, few = j->m < j->n ? j->m : j->n;
    int32_t rank = (int32_t)few;
    char *unused = scratch;
    LapackWork w = {unused + element_bytes(j, few), j->main_bytes};
    void *s = j->s ? element(j->s, i * few) : unused;
    int64_t info = lapack_least_squares(j->dtype, j->driver, j->m, j->n, j->k, element(j->a, i * j->m * j->n),
                                        element(j->b, i * rows * j->k), s, j->rcond, &rank, &w);
    ((int64_t *)tensor_data(j->v))[i] = rank;
    return info;
}

static bool lstsq_all(Ctx *c, const Job *given, const Tensor *a) {
    const char *op = "linalg.lstsq";
    Job j = *given;
    LapackWork w = {0};
    int32_t rank;
    lapack_least_squares(j.dtype, j.driver, j.m, j.n, j.k, NULL, NULL, NULL, j.rcond, &rank, &w);
    if (!require_finite(c, op, j.a, a) || !require_finite(c, op, j.b, j.b)) return false;
    if (!fits_lapack(c, op, a, &w)) return false;
    j.main_bytes = w.bytes;
    const int64_t few = j.m < j.n ? j.m : j.n;
    const int64_t lapack = element_bytes(&j, few) + w.bytes,
                  own = by_qr(&j) ? cpu_least_squares_scratch(j.dtype, j.m, j.n, j.k) : 0;
    MatrixLoop loop =
        lapack_loop(a, 4.0 * (double)j.m * (double)j.n * (double)(few + j.k), lapack > own ? lapack : own);
    loop.inner_threads = by_qr(&j);
    if (!each_matrix(c, &loop, lstsq_step, &j)) return false;
    if (!loop.info) return true;
    REQUIRE(c, j.driver != GELS, "%s: %s does not have full rank, as the driver gels expects; use gelsy", op,
            WHICH(a, loop.failed));
    return not_converged(c, op, a, &loop);
}

static bool driver_of(Ctx *c, const char *name, LeastSquares *driver) {
    static const char *const names[] = {
        [GELS] = "gels", [GELSY] = "gelsy", [GELSD] = "gelsd", [GELSS] = "gelss"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(name, names[i])) continue;
        *driver = (LeastSquares)i;
        return true;
    }
    return ctx_fail(c, "linalg.lstsq: driver '%s': expected gels, gelsy, gelsd or gelss", name);
}

static bool check_lstsq(Ctx *c, const Tensor *a, const Tensor *b) {
    const char *op = "linalg.lstsq";
    if (!check_matrices(c, op, a) || !require_same_device(c, op, a, b)) return false;
    if (!require_lapack(c, op)) return false;
    REQUIRE(c, a->dtype == b->dtype, "%s: expected operands of one dtype, got %s and %s", op, DTYPE(a),
            DTYPE(b));
    bool fits = a->ndim == b->ndim && matrix_rows(a) == matrix_rows(b);
    for (int d = 0; fits && d < a->ndim - 2; d++) fits = a->size[d] == b->size[d];
    REQUIRE(c, fits, "%s: (%s) and (%s): expected a right side of as many rows, in the same batch", op,
            SHAPE(a), SHAPE(b));
    return true;
}

bool op_lstsq(Ctx *c, Tensor *x, Tensor *rank, Tensor *singular, const Tensor *a, const Tensor *b,
              double rcond, const char *driver) {
    Tensor factored = {0}, sides = {0}, top;
    LeastSquares kind = GELSY;
    x->storage = rank->storage = singular->storage = NULL;
    if (!driver_of(c, driver, &kind) || !check_lstsq(c, a, b)) return false;
    const int64_t m = matrix_rows(a), n = matrix_cols(a), k = matrix_cols(b), none = 0;
    const bool has_s = kind == GELSD || kind == GELSS, empty = m == 0 || n == 0 || k == 0;
    bool ok = new_columns(c, &factored, a, m, n) && new_columns(c, &sides, a, m > n ? m : n, k) &&
              new_scalars(c, rank, a, I64) &&
              (has_s ? new_vectors(c, singular, a, (DType)a->dtype, m < n ? m : n)
                     : tensor_new(c, singular, (DType)a->dtype, 1, &none)) &&
              op_copy_(c, &factored, a) && op_fill_(c, &sides, 0) && op_fill_(c, rank, 0) &&
              op_fill_(c, singular, 0);
    if (ok) {
        tensor_narrow(&top, &sides, sides.ndim - 2, 0, m, 1);
        ok = op_copy_(c, &top, b);
        tensor_release(&top);
    }
    if (ok && !empty) {
        const Job j = {.c = c,
                       .dtype = (DType)a->dtype,
                       .m = m,
                       .n = n,
                       .k = k,
                       .a = &factored,
                       .b = &sides,
                       .s = has_s ? singular : NULL,
                       .v = rank,
                       .driver = kind,
                       .rcond = rcond};
        ok = lstsq_all(c, &j, a);
    }
    if (ok) {
        tensor_narrow(&top, &sides, sides.ndim - 2, 0, n, 1);
        ok = op_to_dtype(c, x, &top, (DType)a->dtype);
        tensor_release(&top);
    }
    tensor_release(&factored);
    tensor_release(&sides);
    if (ok) return true;
    tensor_release(rank);
    tensor_release(singular);
    return false;
}
