/* Reads through positions along one dimension: gather, index_select, embedding, take. */
#include "ops/index.h"
#include "ops/index_loop.h"
#include "ops/ops.h"
#include <string.h>

/* x with the stride of dim taken out: what the walk addresses. */
static Tensor without(const Tensor *x, int dim, const int64_t *size) {
    Tensor view = index_view(x, x->ndim, size, x->stride);
    view.stride[dim] = 0;
    return view;
}

static bool gather(Ctx *c, Tensor *out, const char *name, const Tensor *x, int dim, const Tensor *index) {
    Tensor held, xs = index_at_least_1d(x);
    out->storage = NULL;
    if (!require_same_device(c, name, x, index)) return false;
    if (!index_hold(c, name, &held, index, NULL)) return false;
    Tensor is = index_at_least_1d(&held);
    bool ok = tensor_numel(index) == 0 || is.ndim == xs.ndim;
    if (!ok)
        ctx_fail(c, "%s: the index (%s) must have as many dimensions as (%s)", name, SHAPE(index), SHAPE(x));
    for (int d = 0; ok && d < xs.ndim && tensor_numel(index); d++)
        if (d != dim && is.size[d] > xs.size[d])
            ok = ctx_fail(c, "%s: the index (%s) is larger than (%s) in dimension %d", name, SHAPE(index),
                          SHAPE(x), d + 1);
    ok = ok && index_check(c, name, &held, dim, xs.size[dim]) &&
         tensor_new_on(c, out, x->device, (DType)x->dtype, index->ndim, index->size);
    if (ok && tensor_numel(index)) {
        Tensor to = index_at_least_1d(out), from = without(&xs, dim, is.size);
        ok = index_read(c, name, &to, &is, &from, xs.stride[dim]);
    }
    tensor_release(&held);
    if (!ok) tensor_release(out);
    return ok;
}

bool op_gather(Ctx *c, Tensor *out, const Tensor *x, int dim, const Tensor *index) {
    return gather(c, out, "gather", x, dim, index);
}

bool op_take_along_dim(Ctx *c, Tensor *out, const Tensor *x, const Tensor *index, int dim) {
    static const char name[] = "take_along_dim";
    int64_t x_size[MAX_DIMS], index_size[MAX_DIMS], size[MAX_DIMS];
    int ndim;
    out->storage = NULL;
    REQUIRE(c, x->ndim == index->ndim, "%s: the index (%s) must have as many dimensions as (%s)", name,
            SHAPE(index), SHAPE(x));
    if (x->ndim == 0) return gather(c, out, name, x, dim, index);
    Tensor a = *x, b = *index;
    a.size[dim] = b.size[dim] = 1;
    if (!broadcast_shape(c, name, &a, &b, &ndim, size)) return false;
    memcpy(x_size, size, sizeof size);
    memcpy(index_size, size, sizeof size);
    x_size[dim] = x->size[dim];
    index_size[dim] = index->size[dim];
    Tensor wide_x, wide_index;
    if (!tensor_expand(c, &wide_x, x, ndim, x_size, name)) return false;
    bool ok = tensor_expand(c, &wide_index, index, ndim, index_size, name);
    ok = ok && gather(c, out, name, &wide_x, dim, &wide_index);
    tensor_release(&wide_index);
    tensor_release(&wide_x);
    return ok;
}

bool op_index_select(Ctx *c, Tensor *out, const Tensor *x, int dim, const Tensor *index) {
    static const char name[] = "index_select";
    int64_t size[MAX_DIMS], stride[MAX_DIMS] = {0};
    Tensor held, xs = index_at_least_1d(x);
    out->storage = NULL;
    if (!require_same_device(c, name, x, index)) return false;
    REQUIRE(c, index->ndim <= 1, "%s: expected a vector of positions, got (%s)", name, SHAPE(index));
    int64_t n = tensor_numel(index);
    REQUIRE(c, x->ndim > 0 || n == 1, "%s: a 0-dim tensor has 1 position, got %lld", name, (long long)n);
    if (!index_hold(c, name, &held, index, NULL)) return false;
    memcpy(size, xs.size, sizeof size);
    size[dim] = n;
    stride[dim] = 1;
    bool ok = index_check(c, name, &held, dim, xs.size[dim]) &&
              tensor_new_on(c, out, x->device, (DType)x->dtype, x->ndim, size);
    if (ok) {
        Tensor to = index_at_least_1d(out), is = index_view(&held, xs.ndim, size, stride),
               from = without(&xs, dim, size);
        ok = index_read(c, name, &to, &is, &from, xs.stride[dim]);
    }
    tensor_release(&held);
    if (!ok) tensor_release(out);
    return ok;
}

/* --- embedding
 * ------------------------------------------------------------------------------------------------- */

/* Positions as contiguous i64, all of them rows of the table. */
static bool hold_ids(Ctx *c, const char *name, Tensor *held, const Tensor *index, int64_t rows) {
    int64_t bad;
    bool found;
    if (!index_hold(c, name, held, index, NULL)) return false;
    bool ok = index_find_outside(c, name, held, 1, rows, &found, &bad);
    if (ok && !found) return true;
    tensor_release(held);
    if (!ok) return false;
    return ctx_fail(c, "%s: id %lld is out of range: ids run 1..%lld%s", name, (long long)bad,
                    (long long)rows, bad == 0 ? "; add 1 to 0-based ids" : "");
}

/* The ids as (N, D), each the same along D. */
static Tensor ids_of_rows(const Tensor *held, int64_t n, int64_t width) {
    return index_view(held, 2, (int64_t[]){n, width}, (int64_t[]){1, 0});
}

bool op_embedding(Ctx *c, Tensor *out, const Tensor *index, const Tensor *weight) {
    Tensor held;
    int64_t size[MAX_DIMS], n = tensor_numel(index);
    out->storage = NULL;
    if (!require_same_device(c, "embedding", weight, index)) return false;
    REQUIRE(c, weight->ndim == 2, "embedding: expected a weight of shape (V, D), got (%s)", SHAPE(weight));
    REQUIRE(c, index->ndim < MAX_DIMS, "embedding: the index has at most %d dimensions, got (%s)",
            MAX_DIMS - 1, SHAPE(index));
    if (!hold_ids(c, "embedding", &held, index, weight->size[0])) return false;
    int64_t width = weight->size[1];
    memcpy(size, index->size, sizeof size);
    size[index->ndim] = width;
    bool ok = tensor_new_on(c, out, weight->device, (DType)weight->dtype, index->ndim + 1, size);
    if (ok) {
        const int64_t rows[] = {n, width};
        Tensor to = index_view(out, 2, rows, (int64_t[]){width, 1}), is = ids_of_rows(&held, n, width),
               from = index_view(weight, 2, rows, (int64_t[]){0, weight->stride[1]});
        ok = index_read(c, "embedding", &to, &is, &from, weight->stride[0]);
    }
    tensor_release(&held);
    if (!ok) tensor_release(out);
    return ok;
}

bool op_embedding_backward(Ctx *c, Tensor *out, const Tensor *g, const Tensor *index, int64_t rows,
                           int64_t padding) {
    static const char name[] = "embedding_backward";
    Tensor held, dense;
    int64_t n = tensor_numel(index), width = g->ndim ? g->size[g->ndim - 1] : 0;
    out->storage = NULL;
    if (!require_same_device(c, name, g, index)) return false;
    REQUIRE(c, dtype_is_float((DType)g->dtype), "%s: expected a floating gradient, got %s", name, DTYPE(g));
    REQUIRE(c,
            g->ndim == index->ndim + 1 &&
                memcmp(g->size, index->size, sizeof *g->size * (size_t)index->ndim) == 0,
            "%s: a gradient (%s) does not fit ids (%s)", name, SHAPE(g), SHAPE(index));
    REQUIRE(c, rows >= 0, "%s: expected a number of rows, got %lld", name, (long long)rows);
    /* Sums of half-precision rows run in f32. */
    DType dtype = (DType)g->dtype, as = dtype == F64 ? F64 : F32;
    if (!hold_ids(c, name, &held, index, rows)) return false;
    bool ok = op_contiguous(c, &dense, g, as);
    if (ok) {
        Tensor sum;
        ok = tensor_new_on(c, &sum, g->device, as, 2, (int64_t[]){rows, width}) && op_fill_int_(c, &sum, 0);
        if (ok) {
            const int64_t shape[] = {n, width};
            Tensor from = index_view(&dense, 2, shape, (int64_t[]){width, 1}),
                   is = ids_of_rows(&held, n, width), to = index_view(&sum, 2, shape, (int64_t[]){0, 1});
            ok = index_write(c, name, &to, &is, &from, width, WRITE_ADD);
        }
        if (ok && padding >= 1 && padding <= rows) {
            Tensor row;
            tensor_select(&row, &sum, 0, padding - 1);
            ok = op_fill_int_(c, &row, 0);
            tensor_release(&row);
        }
        ok = ok && op_contiguous(c, out, &sum, dtype);
        if (ok) out->is_view = false;
        tensor_release(&sum);
        tensor_release(&dense);
    }
    tensor_release(&held);
    return ok;
}

/* --- take
 * ------------------------------------------------------------------------------------------------------ */

bool op_take(Ctx *c, const char *name, Tensor *out, const Tensor *x, const Tensor *index) {
    Tensor flat;
    const Tensor *const item[] = {index};
    out->storage = NULL;
    REQUIRE(c, index->dtype != BOOL, "%s: expected positions of dtype i64 or i32, got bool", name);
    if (!op_reshape(c, &flat, x, 1, (int64_t[]){tensor_numel(x)})) return false;
    bool ok = op_index(c, name, out, &flat, 1, item);
    tensor_release(&flat);
    return ok;
}
