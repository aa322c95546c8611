/* The walk of the indexing ops: any of them is a read or a write of `x` through positions, over a common
 * shape of dense side, positions and x. Dimensions merge as in elementwise loops (ops/loop.c), the two
 * innermost go to a kernel, and threads divide one dimension of the rest between them. */
#include "ops/index_loop.h"
#include "cl/device.h"
#include "cl/index.h"
#include "core/loop.h"
#include "core/parallel.h"
#include "ops/ops.h"
#include <string.h>

enum { DENSE, INDEX, ADDRESSED, SIDES };

enum {
    ELEMENT_COST = 4,     /* of reading one element through a position, in adds */
    STOP_CHECK = 1 << 20, /* elements between looks at ctx_stopping */
    LINE_BYTES = 64       /* threads that write share no cache line where that can be helped */
};

/* --- positions
 * ------------------------------------------------------------------------------------------------ */

bool index_hold(Ctx *c, const char *op, Tensor *held, const Tensor *index, const Tensor *target) {
    held->storage = NULL;
    REQUIRE(c, index->dtype == I64 || index->dtype == I32,
            "%s: expected positions of dtype i64 or i32, got %s%s", op, DTYPE(index),
            dtype_is_float((DType)index->dtype) ? "; convert them: index:to(\"i64\")" : "");
    if (target && target->storage == index->storage) return op_to_dtype(c, held, index, I64);
    return op_contiguous(c, held, index, I64);
}

static bool find_outside(const Ctx *c, const Tensor *held, int64_t low, int64_t high, int64_t *bad) {
    enum { CHUNK = 1 << 14 };
    const IndexKernels *k = cpu_index_kernels();
    const int64_t *index = tensor_data(held);
    int64_t n = tensor_numel(held);
    bool inside = true;
    int threads = ctx_threads(c, n);
    if (threads <= 1) {
        inside = k->in_range(index, n, low, high);
    } else {
#pragma omp parallel for num_threads(threads) schedule(static) reduction(&& : inside)
        for (int64_t i = 0; i < n; i += CHUNK)
            inside = inside && k->in_range(index + i, n - i < CHUNK ? n - i : CHUNK, low, high);
    }
    if (inside) return false;
    while (*index >= low && *index <= high && *index != 0) index++;
    *bad = *index;
    return true;
}

bool index_find_outside(Ctx *c, const char *op, const Tensor *held, int64_t low, int64_t high, bool *found,
                        int64_t *bad) {
    Tensor near;
    if (held->device == CPU) {
        *found = find_outside(c, held, low, high, bad);
        return true;
    }
    if (!cl_any_position_outside(c, op, held, low, high, found)) return false;
    if (!*found) return true;
    if (!op_to(c, &near, held, CPU, I64)) return false;
    *found = find_outside(c, &near, low, high, bad);
    tensor_release(&near);
    return true;
}

bool index_number(Ctx *c, const Tensor *t, int64_t *value) {
    if (t->device != CPU)
        return cl_download(c, value, t->storage, t->offset * (int64_t)sizeof *value, sizeof *value);
    *value = tensor_get_int(t, 0);
    return true;
}

bool index_check(Ctx *c, const char *op, const Tensor *held, int dim, int64_t size) {
    int64_t bad;
    bool found;
    if (!index_find_outside(c, op, held, 1, size, &found, &bad)) return false;
    if (!found) return true;
    REQUIRE(c, size > 0, "%s: index %lld is out of range: dimension %d is empty", op, (long long)bad,
            dim + 1);
    return ctx_fail(c, "%s: index %lld is out of range: positions in dimension %d run 1..%lld%s", op,
                    (long long)bad, dim + 1, (long long)size, bad == 0 ? "; they count from 1" : "");
}

/* --- views
 * ---------------------------------------------------------------------------------------------------- */

Tensor index_view(const Tensor *t, int ndim, const int64_t *size, const int64_t *stride) {
    Tensor view = *t;
    view.ndim = (int8_t)ndim;
    memcpy(view.size, size, sizeof *size * (size_t)ndim);
    memcpy(view.stride, stride, sizeof *stride * (size_t)ndim);
    return view;
}

Tensor index_at_least_1d(const Tensor *t) {
    const int64_t one = 1;
    return t->ndim ? *t : index_view(t, 1, &one, &one);
}

bool index_unalias(Ctx *c, Tensor *copy, const Tensor **t, const Tensor *target) {
    copy->storage = NULL;
    if ((*t)->storage != target->storage) return true;
    if (!op_to_dtype(c, copy, *t, (DType)(*t)->dtype)) return false;
    *t = copy;
    return true;
}

/* --- the walk
 * -------------------------------------------------------------------------------------------------- */

typedef struct Walk {
    const Ctx *c;
    char *base[SIDES];
    int64_t bytes; /* of an element of the dense side and of x */
    int64_t scale;
    IndexRead read; /* one of the two */
    IndexWrite write;
} Walk;

static void run_block(const Walk *w, const Loop *l, const int64_t *offset, int64_t rows) {
    int last = l->ndim - 1, above = l->ndim > 1 ? last - 1 : -1;
    IndexBlock b = {.n = {rows, l->size[last]}, .scale = w->scale};
    b.a[1] = l->stride[DENSE][last];
    b.index[1] = l->stride[INDEX][last];
    b.x[1] = l->stride[ADDRESSED][last];
    if (above >= 0) {
        b.a[0] = l->stride[DENSE][above];
        b.index[0] = l->stride[INDEX][above];
        b.x[0] = l->stride[ADDRESSED][above];
    }
    char *a = w->base[DENSE] + offset[DENSE] * w->bytes,
         *x = w->base[ADDRESSED] + offset[ADDRESSED] * w->bytes;
    const int64_t *index = (const int64_t *)w->base[INDEX] + offset[INDEX];
    if (w->read)
        w->read(&b, a, index, x);
    else
        w->write(&b, a, index, x);
}

/* The part of the loop whose dimension d runs over first..first+n-1. */
static void run_part(const Walk *w, const Loop *whole, int d, int64_t first, int64_t n) {
    Loop l = *whole;
    int64_t offset[SIDES], at[MAX_DIMS] = {0};
    l.size[d] = n;
    for (int k = 0; k < SIDES; k++) offset[k] = first * l.stride[k][d];
    int row = l.ndim - 2; /* the dimension of rows */
    int64_t rows = row >= 0 ? l.size[row] : 1, inner = l.size[l.ndim - 1];
    int64_t step = inner < STOP_CHECK ? STOP_CHECK / (inner ? inner : 1) : 1;
    for (;;) {
        int64_t from[SIDES];
        memcpy(from, offset, sizeof from);
        for (int64_t r = 0; r < rows; r += step) {
            if (ctx_stopping(w->c)) return;
            run_block(w, &l, from, rows - r < step ? rows - r : step);
            for (int k = 0; row >= 0 && k < SIDES; k++) from[k] += step * l.stride[k][row];
        }
        int i = row - 1;
        for (; i >= 0; i--) {
            at[i]++;
            for (int k = 0; k < SIDES; k++) offset[k] += l.stride[k][i];
            if (at[i] < l.size[i]) break;
            for (int k = 0; k < SIDES; k++) offset[k] -= at[i] * l.stride[k][i];
            at[i] = 0;
        }
        if (i < 0) return;
    }
}

/* The dimension that threads divide between them: the outermost that has enough for all, else the longest.
 * When writing, one along which no two positions of the loop meet in x. -1: there is none. */
static int divided(const Loop *l, bool writing, int threads, int64_t bytes) {
    int best = -1;
    for (int d = 0; d < l->ndim; d++) {
        if (writing && l->stride[ADDRESSED][d] == 0) continue;
        int64_t room = l->size[d];
        if (writing && l->stride[ADDRESSED][d] == 1) room = room * bytes / LINE_BYTES;
        if (room >= threads) return d;
        if (!writing && (best < 0 || l->size[d] > l->size[best])) best = d;
    }
    return best;
}

static bool walk(Ctx *c, Walk *w, const Tensor *dense, const Tensor *index, const Tensor *x) {
    const Tensor *const sides[SIDES] = {dense, index, x};
    Loop l;
    loop_build(&l, SIDES, sides);
    if (l.numel == 0) return true;
    w->c = c;
    w->bytes = (int64_t)dtype_size((DType)x->dtype);
    for (int k = 0; k < SIDES; k++) w->base[k] = tensor_data(sides[k]);
    bool whole_rows = l.stride[INDEX][l.ndim - 1] == 0;
    int threads = ctx_threads(c, l.numel * (whole_rows ? 1 : ELEMENT_COST));
    int d = threads > 1 ? divided(&l, w->write != NULL, threads, w->bytes) : -1;
    if (d < 0) {
        run_part(w, &l, 0, 0, l.size[0]);
    } else {
        /* Cut at multiples of a cache line where the dimension is dense in memory. */
        int64_t unit = l.stride[ADDRESSED][d] == 1 && l.size[d] * w->bytes >= threads * LINE_BYTES
                           ? LINE_BYTES / w->bytes
                           : 1;
        int64_t units = (l.size[d] + unit - 1) / unit;
        PARALLEL_FOR(threads, part, threads, {
            int64_t first = units * part / threads * unit, end = units * (part + 1) / threads * unit;
            if (end > l.size[d]) end = l.size[d];
            if (end > first) run_part(w, &l, d, first, end - first);
        });
    }
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}

bool index_read(Ctx *c, const char *op, Tensor *dense, const Tensor *index, const Tensor *x, int64_t scale) {
    if (x->device != CPU) return cl_index_read(c, op, dense, index, x, scale);
    Walk w = {.scale = scale, .read = cpu_index_kernels()->read[size_class((DType)x->dtype)]};
    return walk(c, &w, dense, index, x);
}

bool strided_copy(Ctx *c, Tensor *dst, const Tensor *x) {
    /* Operand INDEX is there for the walk's sake: one position that never moves and nobody reads. */
    static int64_t first = 1;
    static const int64_t still[MAX_DIMS] = {0};
    Storage storage = {.data = &first};
    Tensor place = index_view(x, x->ndim, x->size, still);
    Walk w = {.read = cpu_index_kernels()->copy[size_class((DType)x->dtype)]};
    place.storage = &storage;
    place.offset = 0;
    place.dtype = I64;
    return walk(c, &w, dst, &place, x);
}

bool index_write(Ctx *c, const char *op, Tensor *x, const Tensor *index, const Tensor *dense, int64_t scale,
                 WriteOp how) {
    if (x->device != CPU) return cl_index_write(c, op, x, index, dense, scale, how);
    const IndexKernels *k = cpu_index_kernels();
    Walk w = {.scale = scale,
              .write = how == WRITE_SET ? k->set[size_class((DType)x->dtype)] : k->write[how][x->dtype]};
    return walk(c, &w, dense, index, x);
}
