/* Matrix products: shapes and dtypes first, then one call of the kernel a matrix, or one for the whole batch
 * where its rows lie evenly. */
#include "ops/matmul.h"
#include "cl/matmul.h"
#include "core/batch.h"
#include "core/parallel.h"
#include "cpu/blas.h"
#include "ops/ops.h"
#include <string.h>

/* Multiplications up to which a batch is spread over threads matrix by matrix. */
static const double BATCH_WORK = 1 << 21;

/* --- one matrix --------------------------------------------------------------------------------------------
 */

/* The last two dimensions of t at a batch offset (in elements). */
static Matrix matrix(const Tensor *t, int64_t offset) {
    return (Matrix){(char *)tensor_data(t) + offset * (int64_t)dtype_size((DType)t->dtype),
                    t->stride[t->ndim - 2], t->stride[t->ndim - 1]};
}

/* Integers: wraps as the additions of its dtype do, for it narrows the sum modulo 2^64. */
static void gemm_i64(const Ctx *c, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, Matrix out) {
    const uint64_t *x = a.data, *y = b.data;
    uint64_t *z = out.data;
    for (int64_t i = 0; i < m && !ctx_stopping(c); i++) {
        for (int64_t j = 0; j < n; j++) z[i * out.rs + j * out.cs] = 0;
        for (int64_t p = 0; p < k; p++) {
            uint64_t left = x[i * a.rs + p * a.cs];
            for (int64_t j = 0; j < n; j++) z[i * out.rs + j * out.cs] += left * y[p * b.rs + j * b.cs];
        }
    }
}

static void gemm(const Ctx *c, DType dtype, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, double beta,
                 Matrix out, int threads) {
    if (dtype == I64)
        gemm_i64(c, m, n, k, a, b, out);
    else
        cpu_gemm(c, dtype, m, n, k, a, b, beta, out, threads);
}

/* --- operands ----------------------------------------------------------------------------------------------
 */

/* What it is multiplied in; devices convert element by element as they load. */
static DType compute_dtype(const Tensor *x) {
    DType t = (DType)x->dtype;
    if (x->device != CPU) return t;
    if (t == F16 || t == BF16) return F32;
    return dtype_is_float(t) ? t : I64;
}

/* Rows that repeat or overlap (expanded, unfolded) must be copied: BLIS wants real strides. */
static bool is_plain_matrix(const Tensor *t) {
    int64_t rows = t->size[t->ndim - 2], cols = t->size[t->ndim - 1];
    int64_t rs = t->stride[t->ndim - 2], cs = t->stride[t->ndim - 1];
    if (rows <= 1 || cols <= 1) return (rows <= 1 || rs > 0) && (cols <= 1 || cs > 0);
    return (cs > 0 && rs >= cs * cols) || (rs > 0 && cs >= rs * rows);
}

/* The operand as a batch of matrices of the compute dtype: `out` holds a reference. */
static bool prepare(Ctx *c, Tensor *out, const Tensor *x, bool column) {
    Tensor view;
    if (x->ndim == 1)
        tensor_unsqueeze(&view, x, column ? 1 : 0);
    else
        tensor_alias(&view, x);
    DType dtype = compute_dtype(x);
    bool ok = true;
    if (x->dtype == dtype && (x->device != CPU || is_plain_matrix(&view)))
        tensor_alias(out, &view);
    else
        ok = op_to_dtype(c, out, &view, dtype);
    tensor_release(&view);
    return ok;
}

static bool check_operands(Ctx *c, const char *op, const Tensor *a, const Tensor *b) {
    if (!require_same_device(c, op, a, b)) return false;
    REQUIRE(c, a->ndim >= 1 && b->ndim >= 1, "%s: expected at least one dimension each, got (%s) and (%s)",
            op, SHAPE(a), SHAPE(b));
    REQUIRE(c, a->dtype == b->dtype,
            "%s: expected operands of one dtype, got %s and %s; convert one: x:to(\"%s\")", op, DTYPE(a),
            DTYPE(b), dtype_name(dtype_promote((DType)a->dtype, (DType)b->dtype)));
    REQUIRE(c, a->dtype != BOOL, "%s: not defined for bool; convert: x:to(\"f32\")", op);
    int64_t inner_a = a->size[a->ndim - 1], inner_b = b->size[b->ndim == 1 ? 0 : b->ndim - 2];
    REQUIRE(c, inner_a == inner_b, "%s: (%s) and (%s): inner sizes %lld and %lld differ", op, SHAPE(a),
            SHAPE(b), (long long)inner_a, (long long)inner_b);
    return true;
}

/* --- batches -----------------------------------------------------------------------------------------------
 */

static bool batch_of(Ctx *c, const char *op, Batch *batch, const Tensor *a, const Tensor *b) {
    Tensor x = *a, y = *b;
    x.ndim -= 2;
    y.ndim -= 2;
    int n = x.ndim > y.ndim ? x.ndim : y.ndim;
    batch->ndim = n;
    batch->count = 1;
    for (int d = 0; d < n; d++) {
        int i = d - (n - x.ndim), j = d - (n - y.ndim);
        int64_t s = i < 0 ? 1 : x.size[i], t = j < 0 ? 1 : y.size[j];
        REQUIRE(c, s == t || s == 1 || t == 1,
                "%s: (%s) and (%s): batch sizes %lld and %lld do not broadcast", op, SHAPE(a), SHAPE(b),
                (long long)s, (long long)t);
        batch->size[d] = s == 1 ? t : s;
        batch->stride_a[d] = s == 1 ? 0 : x.stride[i];
        batch->stride_b[d] = t == 1 ? 0 : y.stride[j];
        batch->count *= batch->size[d];
    }
    return true;
}

static void offsets(const Batch *batch, int64_t i, int64_t *a, int64_t *b) {
    *a = *b = 0;
    for (int d = batch->ndim - 1; d >= 0; d--) {
        int64_t at = i % batch->size[d];
        i /= batch->size[d];
        *a += at * batch->stride_a[d];
        *b += at * batch->stride_b[d];
    }
}

/* One right matrix for all, and the rows of the left ones evenly spaced: one tall product. */
static bool is_tall(const Batch *batch, const Tensor *a) {
    int64_t step = a->stride[a->ndim - 2] * a->size[a->ndim - 2];
    for (int d = batch->ndim - 1; d >= 0; d--) {
        if (batch->stride_b[d] != 0 && batch->size[d] > 1) return false;
        if (batch->size[d] == 1) continue;
        if (batch->stride_a[d] != step) return false;
        step *= batch->size[d];
    }
    return true;
}

static void multiply(const Ctx *c, const Batch *batch, const Tensor *a, const Tensor *b, const Tensor *out,
                     int64_t m, int64_t n, int64_t k, double beta) {
    DType dtype = (DType)out->dtype;
    if (is_tall(batch, a)) {
        Matrix x = matrix(a, 0), y = {tensor_data(out), n, 1};
        /* A single row a matrix has a stride that is never used: the next matrix's is the row's. */
        if (m == 1 && batch->count > 1) x.rs = batch->stride_a[batch->ndim - 1];
        gemm(c, dtype, m * batch->count, n, k, x, matrix(b, 0), beta, y, 0);
        return;
    }
    double work = (double)m * (double)n * (double)k;
    int threads = work <= BATCH_WORK ? ctx_threads(c, (int64_t)(work * (double)batch->count / 8)) : 1;
    int each = threads > 1 ? 1 : 0;
    PARALLEL_FOR(threads, i, batch->count, {
        int64_t at_a, at_b;
        if (ctx_stopping(c)) continue;
        offsets(batch, i, &at_a, &at_b);
        Matrix y = {(char *)tensor_data(out) + i * m * n * (int64_t)dtype_size(dtype), n, 1};
        gemm(c, dtype, m, n, k, matrix(a, at_a), matrix(b, at_b), beta, y, each);
    });
}

/* --- the ops -----------------------------------------------------------------------------------------------
 */

/* The shape of the result: a vector's own dimension is left out. */
static int result_shape(const Batch *batch, const Tensor *a, const Tensor *b, int64_t m, int64_t n,
                        int64_t *size) {
    int ndim = batch->ndim;
    memcpy(size, batch->size, sizeof *size * (size_t)ndim);
    if (a->ndim > 1) size[ndim++] = m;
    if (b->ndim > 1) size[ndim++] = n;
    return ndim;
}

/* A tall product is one for the device too. */
static bool device_product(Ctx *c, const Tensor *y, const Batch *batch, const Tensor *a, const Tensor *b,
                           double beta, const char *op) {
    Tensor x = *a;
    const Batch single = {.count = 1};
    if (!is_tall(batch, a)) return cl_matmul(c, op, y, a, b, batch, beta);
    int64_t rows = a->size[a->ndim - 2];
    if (rows == 1 && batch->count > 1) x.stride[x.ndim - 2] = batch->stride_a[batch->ndim - 1];
    x.size[x.ndim - 2] = rows * batch->count;
    return cl_matmul(c, op, y, &x, b, &single, beta);
}

/* All dimensions of out have their sizes; those of size 0 in the sum leave zeros. */
static bool product(Ctx *c, Tensor *y, const Batch *batch, const Tensor *a, const Tensor *b, double beta,
                    const char *op) {
    int64_t m = a->size[a->ndim - 2], n = b->size[b->ndim - 1], k = a->size[a->ndim - 1];
    if (tensor_numel(y) == 0) return true;
    if (k == 0) return beta != 0 || op_fill_(c, y, 0);
    if (y->device != CPU) return device_product(c, y, batch, a, b, beta, op);
    multiply(c, batch, a, b, y, m, n, k, beta);
    return !ctx_stopping(c) || ctx_interrupted(c);
}

bool op_matmul(Ctx *c, Tensor *out, const Tensor *a, const Tensor *b, const char *op) {
    Tensor x = {0}, w = {0}, y = {0};
    Batch batch;
    int64_t size[MAX_DIMS];
    out->storage = NULL;
    if (!check_operands(c, op, a, b)) return false;
    bool ok = prepare(c, &x, a, false) && prepare(c, &w, b, true) && batch_of(c, op, &batch, &x, &w);
    if (ok) {
        int64_t m = x.size[x.ndim - 2], n = w.size[w.ndim - 1];
        int ndim = result_shape(&batch, a, b, m, n, size);
        ok = tensor_new_on(c, &y, a->device, (DType)x.dtype, ndim, size) &&
             product(c, &y, &batch, &x, &w, 0, op);
    }
    tensor_release(&x);
    tensor_release(&w);
    if (ok) return give_as(c, out, &y, (DType)a->dtype);
    tensor_release(&y);
    return false;
}

bool op_linear(Ctx *c, Tensor *out, const Tensor *x, const Tensor *w, const Tensor *bias) {
    Tensor a = {0}, b = {0}, y = {0};
    Batch batch;
    out->storage = NULL;
    REQUIRE(c, w->ndim == 2, "linear: expected a weight (out, in), got (%s)", SHAPE(w));
    Tensor transposed = *w;
    transposed.size[0] = w->size[1], transposed.size[1] = w->size[0];
    transposed.stride[0] = w->stride[1], transposed.stride[1] = w->stride[0];
    REQUIRE(c, x->ndim >= 1 && x->size[x->ndim - 1] == w->size[1],
            "linear: the weight (%s) takes %lld features, the input (%s) has %lld", SHAPE(w),
            (long long)w->size[1], SHAPE(x), (long long)(x->ndim ? x->size[x->ndim - 1] : 1));
    REQUIRE(c, !bias || (bias->ndim == 1 && bias->size[0] == w->size[0]),
            "linear: expected a bias of %lld elements, got (%s)", (long long)w->size[0], SHAPE(bias));
    if (!check_operands(c, "linear", x, &transposed)) return false;
    REQUIRE(c, !bias || (bias->dtype == w->dtype && bias->device == w->device),
            "linear: expected a bias of the weight's dtype %s and device, got %s", DTYPE(w), DTYPE(bias));
    int64_t size[MAX_DIMS];
    memcpy(size, x->size, sizeof *size * (size_t)x->ndim);
    size[x->ndim - 1] = w->size[0];
    bool ok = prepare(c, &a, x, false) && prepare(c, &b, &transposed, true) &&
              batch_of(c, "linear", &batch, &a, &b) &&
              tensor_new_on(c, &y, x->device, (DType)a.dtype, x->ndim, size) &&
              (!bias || op_copy_(c, &y, bias)) && product(c, &y, &batch, &a, &b, bias ? 1 : 0, "linear");
    tensor_release(&a);
    tensor_release(&b);
    if (ok) return give_as(c, out, &y, (DType)x->dtype);
    tensor_release(&y);
    return false;
}
