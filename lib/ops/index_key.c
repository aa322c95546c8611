/* t[key] where the key holds tensors: the positions of all items become one offset an element, and the walk
 * of index_loop.c does the rest. */
#include "ops/index.h"
#include "cl/index.h"
#include "core/parallel.h"
#include "ops/index_loop.h"
#include "core/loop.h"
#include "ops/ops.h"
#include <string.h>

enum { ITEMS = MAX_DIMS };

/* What an item of the key stands for: offsets of its positions, by x's strides. The first item's carry the
 * bias of 1 that the walk expects. */
typedef struct Item {
    Tensor positions; /* i64: offsets in elements of x; (N) for a mask */
    int first, dims;  /* the dimensions of x that it takes */
    int64_t bias;     /* added to its offsets */
} Item;

typedef struct Key {
    const char *name; /* of the op, for messages */
    Device device;
    Item item[ITEMS];
    int items;
    Tensor offset; /* i64: the items' sum, in their broadcast shape */
    /* The result's shape, and the strides over it of x and of `offset`. */
    int ndim;
    int64_t size[MAX_DIMS], x_stride[MAX_DIMS], offset_stride[MAX_DIMS];
} Key;

static void release_key(Key *k) {
    for (int i = 0; i < k->items; i++) tensor_release(&k->item[i].positions);
    tensor_release(&k->offset);
}

/* --- items
 * ----------------------------------------------------------------------------------------------------- */

/* 1-based or negative positions in a dimension of x, as offsets plus bias. */
static bool offsets_of_positions(Ctx *c, const char *name, Item *item, const Tensor *x, const Tensor *index) {
    int64_t bias = item->bias;
    int d = item->first;
    int64_t size = x->size[d], bad;
    Tensor *p = &item->positions, held;
    if (!index_hold(c, name, &held, index, NULL)) return false;
    bool found;
    bool ok = index_find_outside(c, name, &held, size ? -size : 1, size, &found, &bad);
    if (!ok || found) {
        tensor_release(&held);
        if (!ok) return false;
        REQUIRE(c, size > 0, "%s: index %lld is out of range: dimension %d is empty", name, (long long)bad,
                d + 1);
        return ctx_fail(c, "%s: index %lld is out of range: positions in dimension %d run 1..%lld%s", name,
                        (long long)bad, d + 1, (long long)size, bad == 0 ? "; they count from 1" : "");
    }
    ok = tensor_new_like(c, p, I64, &held);
    if (ok && x->device != CPU) {
        ok = cl_key_offsets(c, name, p, &held, size, x->stride[d], bias);
    } else if (ok) {
        enum { CHUNK = 1 << 14 };
        const int64_t *from = tensor_data(&held);
        int64_t *to = tensor_data(p), n = tensor_numel(&held);
        int threads = ctx_threads(c, n);
        PARALLEL_FOR(threads, chunk, (n + CHUNK - 1) / CHUNK, {
            const int64_t i = chunk * CHUNK;
            cpu_index_kernels()->offsets(to + i, from + i, n - i < CHUNK ? n - i : CHUNK, size, x->stride[d],
                                         bias);
        });
    }
    tensor_release(&held);
    return ok;
}

/* Writes the offsets of the true elements of a row, returns how many: branch-free, so it may write one more.
 */
static int64_t offsets_of_row(int64_t *to, const uint8_t *flag, int64_t n, int64_t offset, int64_t stride) {
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        to[count] = offset + i * stride;
        count += flag[i] != 0;
    }
    return count;
}

/* Makes `offsets` (N): those by `stride`, plus bias, of the true flags, which are contiguous. */
static bool list_offsets(Ctx *c, Tensor *offsets, const Tensor *flags, const int64_t *stride, int64_t bias) {
    const int last = flags->ndim - 1;
    const int64_t n = tensor_numel(flags), count = count_true(flags), room = count + 1;
    if (!tensor_new(c, offsets, I64, 1, &room)) return false;
    const uint8_t *flag = tensor_data(flags);
    const int64_t row = flags->size[last];
    int64_t *to = tensor_data(offsets), offset = bias, at[MAX_DIMS] = {0};
    offsets->size[0] = count;
    for (int64_t i = 0; i < n; i += row) {
        to += offsets_of_row(to, flag + i, row, offset, stride[last]);
        for (int d = last - 1; d >= 0; d--) {
            offset += stride[d];
            if (++at[d] < flags->size[d]) break;
            offset -= at[d] * stride[d];
            at[d] = 0;
        }
    }
    return true;
}

/* The offsets of the elements of x where the mask over dimensions first.. is true, in order. */
static bool offsets_of_mask(Ctx *c, const char *name, Item *item, const Tensor *x, const Tensor *mask) {
    Tensor held;
    for (int d = 0; d < item->dims; d++)
        REQUIRE(c, mask->size[d] == x->size[item->first + d],
                "%s: the mask (%s) does not fit (%s): sizes %lld and %lld differ at dimension %d", name,
                SHAPE(mask), SHAPE(x), (long long)mask->size[d], (long long)x->size[item->first + d],
                item->first + d + 1);
    if (!op_contiguous(c, &held, mask, BOOL)) return false;
    const int64_t *stride = x->stride + item->first;
    bool ok = x->device == CPU ? list_offsets(c, &item->positions, &held, stride, item->bias)
                               : cl_true_places(c, name, &item->positions, &held, stride, item->bias);
    tensor_release(&held);
    return ok;
}

static bool read_items(Ctx *c, Key *k, const Tensor *x, int items, const Tensor *const *item) {
    int d = 0;
    for (int i = 0; i < items; i++) {
        const Tensor *t = item[i];
        int dims = t && t->dtype == BOOL ? t->ndim : 1;
        REQUIRE(c, d + dims <= x->ndim, "%s: more indices than the %d dimensions of (%s)", k->name, x->ndim,
                SHAPE(x));
        if (t) {
            Item *it = &k->item[k->items];
            *it = (Item){.first = d, .dims = dims, .bias = k->items == 0};
            REQUIRE(c, dims > 0, "%s: a mask has at least one dimension, got a 0-dim one", k->name);
            if (!require_same_device(c, k->name, x, t)) return false;
            bool ok = t->dtype == BOOL ? offsets_of_mask(c, k->name, it, x, t)
                                       : offsets_of_positions(c, k->name, it, x, t);
            if (!ok) return false;
            k->items++;
        }
        d += dims;
    }
    REQUIRE(c, k->items > 0, "%s: the key holds no tensor", k->name);
    return true;
}

/* --- the key as a whole
 * ---------------------------------------------------------------------------------------- */

/* to += from, broadcast: both small next to what they index. */
static void add_offsets(Tensor *to, const Tensor *from) {
    const Tensor *const sides[] = {to, from};
    Loop l;
    loop_build(&l, 2, sides);
    int64_t *a = tensor_data(to), at[MAX_DIMS], inner = l.size[l.ndim - 1];
    const int64_t *b = tensor_data(from);
    for (int64_t position = 0; position < l.numel; position += inner) {
        int64_t ia = loop_offset(&l, 0, position, at), ib = loop_offset(&l, 1, position, at);
        for (int64_t i = 0; i < inner; i++)
            a[ia + i * l.stride[0][l.ndim - 1]] += b[ib + i * l.stride[1][l.ndim - 1]];
    }
}

static bool sum_items(Ctx *c, Key *k) {
    static const double once[2] = {1, 0}; /* add takes a factor */
    Tensor shape = k->item[0].positions;
    for (int i = 1; i < k->items; i++) {
        int ndim;
        int64_t size[MAX_DIMS];
        if (!broadcast_shape(c, k->name, &shape, &k->item[i].positions, &ndim, size)) return false;
        shape.ndim = (int8_t)ndim;
        memcpy(shape.size, size, sizeof *size * (size_t)ndim);
    }
    if (k->items == 1) {
        tensor_alias(&k->offset, &k->item[0].positions);
        return true;
    }
    if (!tensor_new_on(c, &k->offset, k->device, I64, shape.ndim, shape.size)) return false;
    if (!op_fill_int_(c, &k->offset, 0)) return false;
    for (int i = 0; i < k->items; i++) {
        Tensor wide;
        if (!tensor_expand(c, &wide, &k->item[i].positions, shape.ndim, shape.size, k->name)) return false;
        bool ok = true;
        if (k->device != CPU)
            ok = op_elementwise(c, &k->offset, EW_add, &(Operand){.tensor = &k->offset},
                                &(Operand){.tensor = &wide}, once, true);
        else if (tensor_numel(&wide))
            add_offsets(&k->offset, &wide);
        tensor_release(&wide);
        if (!ok) return false;
    }
    return true;
}

static void append(Key *k, int64_t size, int64_t x_stride, int64_t offset_stride) {
    k->size[k->ndim] = size;
    k->x_stride[k->ndim] = x_stride;
    k->offset_stride[k->ndim++] = offset_stride;
}

static void append_offsets(Key *k) {
    for (int d = 0; d < k->offset.ndim; d++) append(k, k->offset.size[d], 0, k->offset.stride[d]);
}

/* Where the items stand side by side their dimensions take that place, else they come first (NumPy's rule).
 */
static bool shape_result(Ctx *c, Key *k, const Tensor *x) {
    bool taken[MAX_DIMS] = {false}, adjacent = true;
    int kept = x->ndim;
    for (int i = 0; i < k->items; i++) {
        const Item *it = &k->item[i];
        for (int d = 0; d < it->dims; d++) taken[it->first + d] = true;
        kept -= it->dims;
        if (i) adjacent &= it->first == it[-1].first + it[-1].dims;
    }
    REQUIRE(c, kept + k->offset.ndim <= MAX_DIMS, "%s: the result would have %d dimensions, at most %d fit",
            k->name, kept + k->offset.ndim, MAX_DIMS);
    if (!adjacent) append_offsets(k);
    for (int d = 0; d <= x->ndim; d++) {
        if (adjacent && d == k->item[0].first) append_offsets(k);
        if (d < x->ndim && !taken[d]) append(k, x->size[d], x->stride[d], 0);
    }
    return true;
}

static bool read_key(Ctx *c, const char *name, Key *k, const Tensor *x, int items,
                     const Tensor *const *item) {
    *k = (Key){.name = name, .device = x->device};
    if (read_items(c, k, x, items, item) && sum_items(c, k) && shape_result(c, k, x)) return true;
    release_key(k);
    return false;
}

bool op_index(Ctx *c, const char *name, Tensor *out, const Tensor *x, int items, const Tensor *const *item) {
    Key k;
    out->storage = NULL;
    if (!read_key(c, name, &k, x, items, item)) return false;
    bool ok = tensor_new_on(c, out, x->device, (DType)x->dtype, k.ndim, k.size);
    if (ok) {
        Tensor to = index_at_least_1d(out), from = index_view(x, k.ndim, k.size, k.x_stride),
               at = index_view(&k.offset, k.ndim, k.size, k.offset_stride);
        from = index_at_least_1d(&from);
        at = index_at_least_1d(&at);
        ok = index_read(c, name, &to, &at, &from, 1);
    }
    release_key(&k);
    if (!ok) tensor_release(out);
    return ok;
}

bool op_index_put_(Ctx *c, const char *name, Tensor *x, int items, const Tensor *const *item,
                   const Tensor *value, bool accumulate) {
    Key k;
    Tensor same, wide, copy;
    if (!require_same_device(c, name, x, value) || !require_writable(c, name, x)) return false;
    if (items == 1 && item[0] && item[0]->dtype == BOOL && tensor_same_shape(item[0], x) &&
        value->ndim == 0 && value->dtype == x->dtype && !accumulate)
        return op_masked_fill_(c, name, x, item[0], &(Operand){.tensor = value});
    if (!read_key(c, name, &k, x, items, item)) return false;
    bool ok = op_contiguous(c, &same, value, (DType)x->dtype);
    if (ok) {
        const Tensor *from = &same;
        copy.storage = wide.storage = NULL;
        ok = index_unalias(c, &copy, &from, x) && tensor_expand(c, &wide, from, k.ndim, k.size, name);
        if (ok) {
            Tensor to = index_view(x, k.ndim, k.size, k.x_stride),
                   at = index_view(&k.offset, k.ndim, k.size, k.offset_stride);
            Tensor dense = index_at_least_1d(&wide);
            to = index_at_least_1d(&to);
            at = index_at_least_1d(&at);
            ok = index_write(c, name, &to, &at, &dense, 1, accumulate ? WRITE_ADD : WRITE_SET);
            tensor_release(&wide);
        }
        tensor_release(&copy);
        tensor_release(&same);
    }
    release_key(&k);
    return ok;
}
