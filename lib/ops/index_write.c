/* Writes through positions along one dimension: scatter and its reductions, index_add, index_copy, put_. */
#include "ops/index.h"
#include "ops/index_loop.h"
#include "ops/ops.h"
#include <math.h>
#include <string.h>

static bool check_operands(Ctx *c, const char *name, const Tensor *x, const Tensor *index,
                           const Tensor *src) {
    if (!require_same_device(c, name, x, index) || !require_same_device(c, name, x, src) ||
        !require_writable(c, name, x))
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

/* A checked write: positions held, the source free of the target's memory, all seen in the index's shape. */
typedef struct Write {
    Tensor held, copy;    /* with references: drop them with end_write */
    Tensor to, at, dense; /* views */
    int dim;
    int64_t scale;
} Write;

static void end_write(Write *w) {
    tensor_release(&w->held);
    tensor_release(&w->copy);
}

/* t with the shape of `like`, elements of size-0 strides where t is one number for all. */
static Tensor spread(const Tensor *t, const Tensor *like) {
    static const int64_t repeat[MAX_DIMS] = {0};
    return index_view(t, like->ndim, like->size, t->ndim ? t->stride : repeat);
}

/* What positions along dim address in x. */
static Tensor addressed(const Tensor *x, const Tensor *at, int dim) {
    Tensor view = index_view(x, at->ndim, at->size, x->stride);
    view.stride[dim] = 0;
    return view;
}

static bool begin_scatter(Ctx *c, const char *name, Write *w, Tensor *x, int dim, const Tensor *index,
                          const Tensor *src) {
    Tensor xs = index_at_least_1d(x), is = index_at_least_1d(index);
    Tensor ss = x->ndim ? *src : index_at_least_1d(src);
    const Tensor *from = &ss;
    if (!check_operands(c, name, x, index, src) || !check_scatter(c, name, &xs, dim, &is, &ss) ||
        !hold(c, name, &w->held, &w->copy, index, &from, x, dim, xs.size[dim]))
        return false;
    w->at = index_at_least_1d(&w->held);
    w->to = addressed(&xs, &w->at, dim);
    w->dense = spread(from, &w->at);
    w->dim = dim;
    w->scale = xs.stride[dim];
    return true;
}

bool op_scatter_(Ctx *c, const char *name, Tensor *x, int dim, const Tensor *index, const Tensor *src,
                 WriteOp op) {
    Write w;
    if (tensor_numel(index) == 0) return check_operands(c, name, x, index, src);
    if (!begin_scatter(c, name, &w, x, dim, index, src)) return false;
    bool ok = index_write(c, name, &w.to, &w.at, &w.dense, w.scale, op);
    end_write(&w);
    return ok;
}

/* --- scatter_reduce
 * ---------------------------------------------------------------------------------------------- */

/* The value that changes nothing when it is reduced with another. */
static bool fill_identity(Ctx *c, Tensor *t, ScatterReduce how) {
    bool floating = dtype_is_float((DType)t->dtype);
    int bits = 8 * (int)dtype_size((DType)t->dtype);
    bool is_signed = t->dtype != U8 && t->dtype != BOOL;
    switch (how) {
    case SCATTER_PROD:
        return op_fill_int_(c, t, 1);
    case SCATTER_AMAX:
        if (floating) return op_fill_(c, t, -INFINITY);
        return op_fill_int_(c, t, is_signed ? INT64_MIN >> (64 - bits) : 0);
    case SCATTER_AMIN:
        if (floating) return op_fill_(c, t, INFINITY);
        return op_fill_int_(c, t, is_signed ? INT64_MAX >> (64 - bits) : t->dtype == BOOL ? 1 : UINT8_MAX);
    default:
        return op_fill_int_(c, t, 0);
    }
}

/* target[...] op= number wherever w writes. */
static bool write_number(Ctx *c, const char *name, Tensor *target, const Write *w, const Tensor *number,
                         WriteOp op) {
    Tensor whole = index_at_least_1d(target), to = addressed(&whole, &w->at, w->dim),
           dense = spread(number, &w->at);
    return index_write(c, name, &to, &w->at, &dense, whole.stride[w->dim], op);
}

static bool write_identity(Ctx *c, const char *name, Tensor *x, const Write *w, ScatterReduce how) {
    Tensor identity;
    if (!tensor_new_on(c, &identity, x->device, (DType)x->dtype, 0, x->size)) return false;
    bool ok = fill_identity(c, &identity, how) && write_number(c, name, x, w, &identity, WRITE_SET);
    tensor_release(&identity);
    return ok;
}

/* x /= how many elements each of x's came from. */
static bool divide_by_counts(Ctx *c, const char *name, Tensor *x, const Write *w, bool include_self) {
    static const double none[2] = {0, 0};
    Tensor counts, number;
    ElementwiseOp divide = dtype_is_float((DType)x->dtype) ? EW_div : EW_floor_divide;
    if (!tensor_new_like(c, &counts, I64, x)) return false;
    bool ok = tensor_new_on(c, &number, x->device, I64, 0, x->size);
    if (ok) {
        ok = op_fill_int_(c, &counts, 1);
        if (!include_self)
            ok = ok && op_fill_int_(c, &number, 0) && write_number(c, name, &counts, w, &number, WRITE_SET);
        ok = ok && op_fill_int_(c, &number, 1) && write_number(c, name, &counts, w, &number, WRITE_ADD) &&
             op_elementwise(c, x, divide, &(Operand){.tensor = x}, &(Operand){.tensor = &counts}, none, true);
        tensor_release(&number);
    }
    tensor_release(&counts);
    return ok;
}

bool op_scatter_reduce_(Ctx *c, const char *name, Tensor *x, int dim, const Tensor *index, const Tensor *src,
                        ScatterReduce how, bool include_self) {
    static const WriteOp writes[] = {[SCATTER_SUM] = WRITE_ADD,
                                     [SCATTER_PROD] = WRITE_MUL,
                                     [SCATTER_MEAN] = WRITE_ADD,
                                     [SCATTER_AMAX] = WRITE_MAX,
                                     [SCATTER_AMIN] = WRITE_MIN};
    Write w;
    REQUIRE(c, how != SCATTER_MEAN || x->dtype != BOOL, "%s: bool has no mean", name);
    if (tensor_numel(index) == 0) return check_operands(c, name, x, index, src);
    if (!begin_scatter(c, name, &w, x, dim, index, src)) return false;
    bool ok = (include_self || write_identity(c, name, x, &w, how)) &&
              index_write(c, name, &w.to, &w.at, &w.dense, w.scale, writes[how]) &&
              (how != SCATTER_MEAN || divide_by_counts(c, name, x, &w, include_self));
    end_write(&w);
    return ok;
}

/* --- whole slices
 * ------------------------------------------------------------------------------------------------ */

bool op_index_write_(Ctx *c, const char *name, Tensor *x, int dim, const Tensor *index, const Tensor *src,
                     WriteOp op) {
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
    Tensor at = index_view(&held, xs.ndim, size, stride), to = addressed(&xs, &at, dim),
           dense = spread(from, &at);
    bool ok = index_write(c, name, &to, &at, &dense, xs.stride[dim], op);
    tensor_release(&held);
    tensor_release(&copy);
    return ok;
}

/* --- positions in the flattened tensor
 * ----------------------------------------------------------------------------------- */

bool op_put_(Ctx *c, const char *name, Tensor *x, const Tensor *index, const Tensor *src, bool accumulate) {
    int64_t n = tensor_numel(x);
    Tensor flat, values;
    if (!check_operands(c, name, x, index, src)) return false;
    REQUIRE(c, index->dtype != BOOL, "%s: expected positions of dtype i64 or i32, got bool", name);
    if (!op_reshape(c, &flat, x, 1, &n)) return false;
    bool ok = tensor_numel(index) == tensor_numel(src)
                  ? op_reshape(c, &values, src, index->ndim, index->size)
                  : tensor_expand(c, &values, src, index->ndim, index->size, name);
    if (ok) {
        const Tensor *const item[] = {index};
        ok = op_index_put_(c, name, &flat, 1, item, &values, accumulate);
        tensor_release(&values);
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
