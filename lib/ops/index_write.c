/* Writes through positions along one dimension: scatter and its reductions, index_add, index_copy, put_. */
#include "ops/index.h"
#include "ops/index_loop.h"
#include "ops/ops.h"
#include <string.h>

static bool check_operands(Ctx *c, const char *name, const Tensor *x, const Tensor *index,
                           const Tensor *src) {
    if (!require_same_device(c, name, x, index) || !require_same_device(c, name, x, src) ||
        !require_cpu(c, name, x) || !index_require_writable(c, name, x))
        return false;
    REQUIRE(c, x->dtype == src->dtype, "%s: the source is %s and the target %s; convert it: src:to(\"%s\")",
            name, DTYPE(src), DTYPE(x), DTYPE(x));
    return true;
}

/* Positions ready to use, and the source free of the target's memory. */
static bool hold(Ctx *c, const char *name, Tensor *held, Tensor *copy, const Tensor *index,
                 const Tensor **src, const Tensor *x, int dim, int64_t size) {
    copy->storage = NULL;
    if (!index_hold(c, name, held, index, x)) return false;
    if (index_check(c, name, held, dim, size) && index_unalias(c, copy, src, x)) return true;
    tensor_release(held);
    return false;
}

/* src is a 0-dim tensor (one value for all) or at least as large as index. */
static bool check_scatter(Ctx *c, const char *name, const Tensor *x, int dim, const Tensor *index,
                          const Tensor *src) {
    REQUIRE(c, index->ndim == x->ndim, "%s: the index (%s) must have as many dimensions as the target (%s)",
            name, SHAPE(index), SHAPE(x));
    REQUIRE(c, src->ndim == 0 || src->ndim == x->ndim,
            "%s: the source (%s) must have as many dimensions as the target (%s)", name, SHAPE(src),
            SHAPE(x));
    for (int d = 0; d < x->ndim; d++) {
        REQUIRE(c, d == dim || index->size[d] <= x->size[d],
                "%s: the index (%s) is larger than the target (%s) in dimension %d", name, SHAPE(index),
                SHAPE(x), d + 1);
        REQUIRE(c, src->ndim == 0 || index->size[d] <= src->size[d],
                "%s: the index (%s) is larger than the source (%s) in dimension %d", name, SHAPE(index),
                SHAPE(src), d + 1);
    }
    return true;
}

bool op_scatter_(Ctx *c, const char *name, Tensor *x, int dim, const Tensor *index, const Tensor *src,
                 WriteOp op) {
    static const int64_t repeat[MAX_DIMS] = {0};
    Tensor held, copy;
    if (!check_operands(c, name, x, index, src)) return false;
    if (tensor_numel(index) == 0) return true;
    Tensor xs = index_at_least_1d(x), is = index_at_least_1d(index), ss = *src;
    if (x->ndim == 0) ss = index_at_least_1d(&ss);
    if (!check_scatter(c, name, &xs, dim, &is, &ss)) return false;
    const Tensor *from = &ss;
    if (!hold(c, name, &held, &copy, index, &from, x, dim, xs.size[dim])) return false;
    int ndim = xs.ndim;
    Tensor at = index_at_least_1d(&held), to = index_view(&xs, ndim, is.size, xs.stride),
           dense = index_view(from, ndim, is.size, from->ndim ? from->stride : repeat);
    to.stride[dim] = 0;
    bool ok = index_write(c, &to, &at, &dense, xs.stride[dim], op);
    tensor_release(&held);
    tensor_release(&copy);
    return ok;
}

bool op_index_write_(Ctx *c, const char *name, Tensor *x, int dim, const Tensor *index, const Tensor *src,
                     WriteOp op) {
    static const int64_t repeat[MAX_DIMS] = {0};
    int64_t stride[MAX_DIMS] = {0}, size[MAX_DIMS], n = tensor_numel(index);
    Tensor held, copy;
    if (!check_operands(c, name, x, index, src)) return false;
    REQUIRE(c, index->ndim <= 1, "%s: expected a vector of positions, got (%s)", name, SHAPE(index));
    Tensor xs = index_at_least_1d(x), ss = x->ndim ? *src : index_at_least_1d(src);
    memcpy(size, xs.size, sizeof size);
    size[dim] = n;
    bool fits = ss.ndim == 0 || ss.ndim == xs.ndim;
    for (int d = 0; fits && ss.ndim && d < xs.ndim; d++) fits = ss.size[d] == size[d];
    REQUIRE(c, fits,
            "%s: expected a source of shape (%s) for %lld positions in dimension %d of (%s), got (%s)", name,
            SIZES(xs.ndim, size), (long long)n, dim + 1, SHAPE(x), SHAPE(src));
    const Tensor *from = &ss;
    if (!hold(c, name, &held, &copy, index, &from, x, dim, xs.size[dim])) return false;
    stride[dim] = 1;
    Tensor at = index_view(&held, xs.ndim, size, stride), to = index_view(&xs, xs.ndim, size, xs.stride),
           dense = index_view(from, xs.ndim, size, from->ndim ? from->stride : repeat);
    to.stride[dim] = 0;
    bool ok = index_write(c, &to, &at, &dense, xs.stride[dim], op);
    tensor_release(&held);
    tensor_release(&copy);
    return ok;
}

bool op_put_(Ctx *c, Tensor *x, const Tensor *index, const Tensor *src, bool accumulate) {
    int64_t n = tensor_numel(x);
    Tensor flat, held, values;
    if (!check_operands(c, "put_", x, index, src)) return false;
    REQUIRE(c, index->dtype != BOOL, "put_: expected positions of dtype i64 or i32, got bool");
    REQUIRE(c, tensor_numel(index) == tensor_numel(src),
            "put_: as many positions as source elements are needed, got (%s) and (%s)", SHAPE(index),
            SHAPE(src));
    int64_t count = tensor_numel(index);
    if (!op_reshape(c, &flat, x, 1, &n)) return false;
    bool ok = op_reshape(c, &held, index, 1, &count);
    if (ok) {
        ok = op_reshape(c, &values, src, 1, &count);
        if (ok) {
            const Tensor *const item[] = {&held};
            ok = op_index_put_(c, "put_", &flat, 1, item, &values, accumulate);
            tensor_release(&values);
        }
        tensor_release(&held);
    }
    /* Where the strides of x allowed no flat view, what was written is a copy. */
    if (ok && flat.storage != x->storage) {
        Tensor shaped;
        ok = op_reshape(c, &shaped, &flat, x->ndim, x->size);
        if (ok) {
            ok = op_copy_(c, x, &shaped);
            tensor_release(&shaped);
        }
    }
    tensor_release(&flat);
    return ok;
}
