/* flip, roll, tile, repeat_interleave, tril and triu: views with other strides where one describes the
 * result, and the common copy. */
#include "ops/rearrange.h"
#include "cl/index.h"
#include "core/parallel.h"
#include "ops/index.h"
#include "ops/index_loop.h"
#include "ops/ops.h"
#include <string.h>

bool op_flip(Ctx *c, Tensor *out, const Tensor *x, int n, const int *dims) {
    Tensor view = *x;
    out->storage = NULL;
    for (int i = 0; i < n; i++) {
        int d = dims[i];
        if (x->size[d] > 0) view.offset += (x->size[d] - 1) * x->stride[d];
        view.stride[d] = -x->stride[d];
    }
    return op_to_dtype(c, out, &view, (DType)x->dtype);
}

/* --- roll
 * ------------------------------------------------------------------------------------------------------ */

static int64_t modulo(int64_t a, int64_t n) {
    int64_t r = a % n;
    return r < 0 ? r + n : r;
}

/* out = x moved by shift[d] (0..size-1) along each dimension: one copy for every combination of the two
 * pieces that a dimension falls into. */
static bool roll_pieces(Ctx *c, Tensor *out, const Tensor *x, const int64_t *shift, int d) {
    if (d == x->ndim) return op_copy_(c, out, x);
    if (shift[d] == 0) return roll_pieces(c, out, x, shift, d + 1);
    int64_t size = x->size[d], from[] = {0, size - shift[d]}, to[] = {shift[d], 0},
            length[] = {size - shift[d], shift[d]};
    for (int piece = 0; piece < 2; piece++) {
        Tensor source = *x, target = *out;
        source.offset += from[piece] * x->stride[d];
        target.offset += to[piece] * out->stride[d];
        source.size[d] = target.size[d] = length[piece];
        if (!roll_pieces(c, &target, &source, shift, d + 1)) return false;
    }
    return true;
}

bool op_roll(Ctx *c, Tensor *out, const Tensor *x, const int64_t *shifts, int n, const int *dims) {
    int64_t shift[MAX_DIMS] = {0}, numel = tensor_numel(x);
    out->storage = NULL;
    if (n == 0 && x->ndim != 1) {
        static const int first = 0;
        Tensor flat, rolled;
        if (!op_reshape(c, &flat, x, 1, &numel)) return false;
        bool ok = op_roll(c, &rolled, &flat, shifts, 1, &first);
        tensor_release(&flat);
        if (!ok) return false;
        ok = op_reshape(c, out, &rolled, x->ndim, x->size);
        tensor_release(&rolled);
        if (ok) out->is_view = false;
        return ok;
    }
    for (int i = 0; i < (n ? n : 1); i++) {
        int d = n ? dims[i] : 0;
        if (x->ndim && x->size[d] > 0)
            shift[d] = modulo(shift[d] + modulo(shifts[i], x->size[d]), x->size[d]);
    }
    if (!tensor_new_like(c, out, (DType)x->dtype, x)) return false;
    if (numel == 0 || roll_pieces(c, out, x, shift, 0)) return true;
    tensor_release(out);
    return false;
}

/* --- repeating
 * ------------------------------------------------------------------------------------------------- */

/* out (outer, times, inner), contiguous, from x (outer, inner): each row `times` times. */
static bool repeat_rows(Ctx *c, Tensor *out, const Tensor *x, int64_t outer, int64_t times, int64_t inner) {
    const int64_t size[] = {outer, times, inner};
    Tensor from = index_view(x, 3, size, (int64_t[]){inner, 0, 1});
    return tensor_new_on(c, out, x->device, (DType)x->dtype, 3, size) &&
           (op_copy_(c, out, &from) || (tensor_release(out), false));
}

/* The product of sizes, which a later allocation checks for overflow as a whole. */
static int64_t product(const int64_t *size, int from, int to) {
    int64_t n = 1;
    for (int d = from; d < to; d++) n *= size[d];
    return n;
}

static bool checked_size(Ctx *c, const char *name, int64_t *size, int64_t times) {
    REQUIRE(c, times >= 0, "%s: expected a number of times of at least 0, got %lld", name, (long long)times);
    REQUIRE(c, !__builtin_mul_overflow(*size, times, size), "%s: out of memory: %lld times is too often",
            name, (long long)times);
    return true;
}

bool op_tile(Ctx *c, Tensor *out, const Tensor *x, int n, const int64_t *times) {
    int ndim = n > x->ndim ? n : x->ndim;
    int64_t from[MAX_DIMS], size[MAX_DIMS];
    Tensor now, next, probe;
    out->storage = NULL;
    for (int d = 0; d < ndim; d++) {
        int in = d - (ndim - x->ndim), t = d - (ndim - n);
        from[d] = size[d] = in < 0 ? 1 : x->size[in];
        if (t >= 0 && !checked_size(c, "tile", &size[d], times[t])) return false;
    }
    /* Fails before any work where the result is too large. */
    if (!tensor_new_on(c, &probe, x->device, (DType)x->dtype, ndim, size)) return false;
    tensor_release(&probe);
    if (tensor_numel(&probe) == 0) return tensor_new_on(c, out, x->device, (DType)x->dtype, ndim, size);
    if (!op_to_dtype(c, &now, x, (DType)x->dtype)) return false;
    /* From the last dimension on: each step repeats blocks that are contiguous already. */
    for (int d = ndim - 1; d >= 0; d--) {
        if (size[d] == from[d]) continue;
        bool ok = repeat_rows(c, &next, &now, product(from, 0, d), size[d] / from[d],
                              from[d] * product(size, d + 1, ndim));
        tensor_release(&now);
        if (!ok) return false;
        now = next;
    }
    *out = now;
    out->ndim = (int8_t)ndim;
    memcpy(out->size, size, sizeof *size * (size_t)ndim);
    contiguous_strides(ndim, out->size, out->stride);
    return true;
}

bool op_repeat_interleave(Ctx *c, Tensor *out, const Tensor *x, int64_t times, int dim) {
    Tensor xs = index_at_least_1d(x), dense;
    int64_t size[MAX_DIMS];
    out->storage = NULL;
    memcpy(size, xs.size, sizeof size);
    if (!checked_size(c, "repeat_interleave", &size[dim], times)) return false;
    if (!op_contiguous(c, &dense, &xs, (DType)x->dtype)) return false;
    bool ok =
        repeat_rows(c, out, &dense, product(xs.size, 0, dim + 1), times, product(xs.size, dim + 1, xs.ndim));
    tensor_release(&dense);
    if (!ok) return false;
    out->ndim = xs.ndim;
    memcpy(out->size, size, sizeof *size * (size_t)xs.ndim);
    contiguous_strides(xs.ndim, out->size, out->stride);
    return true;
}

/* The positions i, count[i] times each, from contiguous counts on the CPU; their sum is checked here. */
static bool list_repeats(Ctx *c, Tensor *out, const Tensor *counts) {
    const int64_t *count = tensor_data(counts);
    int64_t n = tensor_numel(counts), total = 0;
    for (int64_t i = 0; i < n; i++)
        REQUIRE(c, count[i] >= 0 && !__builtin_add_overflow(total, count[i], &total),
                "repeat_interleave: count %lld at position %lld is negative or too large",
                (long long)count[i], (long long)i + 1);
    if (!tensor_new(c, out, I64, 1, &total)) return false;
    int64_t *to = tensor_data(out);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < count[i]; k++) *to++ = i + 1;
    return true;
}

bool op_repeat_positions(Ctx *c, Tensor *out, const Tensor *counts) {
    Tensor held, near, list;
    out->storage = NULL;
    REQUIRE(c, counts->ndim == 1, "repeat_interleave: expected a vector of counts, got (%s)", SHAPE(counts));
    if (!index_hold(c, "repeat_interleave", &held, counts, NULL)) return false;
    /* The host must know their sum in any case. */
    bool ok = op_to(c, &near, &held, CPU, I64);
    tensor_release(&held);
    if (!ok) return false;
    ok = list_repeats(c, &list, &near);
    tensor_release(&near);
    if (!ok) return false;
    ok = op_to(c, out, &list, counts->device, I64);
    if (ok) out->is_view = false;
    tensor_release(&list);
    return ok;
}

/* --- triangles
 * ------------------------------------------------------------------------------------------------- */

/* The columns first..last-1 of row r that belong to the triangle. */
static void kept_columns(bool upper, int64_t diagonal, int64_t r, int64_t columns, int64_t *first,
                         int64_t *last) {
    int64_t edge = diagonal > columns ? columns : diagonal < -r - 1 ? -r - 1 : diagonal;
    edge += r; /* the column on the diagonal */
    *first = upper ? edge : 0;
    *last = upper ? columns : edge + 1;
    if (*first < 0) *first = 0;
    if (*first > columns) *first = columns;
    if (*last > columns) *last = columns;
    if (*last < *first) *last = *first;
}

/* Zeroes what lies outside the triangle of every matrix of y, which is contiguous. */
static bool zero_outside(Ctx *c, const char *name, Tensor *y, bool upper, int64_t diagonal) {
    if (tensor_numel(y) == 0) return true;
    if (y->device != CPU) return cl_triangle(c, name, y, upper, diagonal);
    int64_t rows = y->size[y->ndim - 2], columns = y->size[y->ndim - 1], numel = tensor_numel(y);
    int64_t all = numel / columns;
    size_t bytes = dtype_size((DType)y->dtype);
    char *data = tensor_data(y);
    int threads = ctx_threads(c, numel / 4);
    PARALLEL_FOR(threads, i, all, {
        int64_t first, last;
        char *row = data + (size_t)(i * columns) * bytes;
        kept_columns(upper, diagonal, i % rows, columns, &first, &last);
        memset(row, 0, (size_t)first * bytes);
        memset(row + (size_t)last * bytes, 0, (size_t)(columns - last) * bytes);
    });
    return true;
}

static bool triangle(Ctx *c, Tensor *out, const char *name, const Tensor *x, bool upper, int64_t diagonal) {
    out->storage = NULL;
    REQUIRE(c, x->ndim >= 2, "%s: expected at least 2 dimensions, got (%s)", name, SHAPE(x));
    if (!op_to_dtype(c, out, x, (DType)x->dtype)) return false;
    if (zero_outside(c, name, out, upper, diagonal)) return true;
    tensor_release(out);
    return false;
}

static bool triangle_(Ctx *c, const char *name, Tensor *x, bool upper, int64_t diagonal) {
    Tensor y;
    if (!require_writable(c, name, x)) return false;
    if (x->ndim >= 2 && tensor_is_contiguous(x)) return zero_outside(c, name, x, upper, diagonal);
    if (!triangle(c, &y, name, x, upper, diagonal)) return false;
    bool ok = op_copy_(c, x, &y);
    tensor_release(&y);
    return ok;
}

bool op_tril(Ctx *c, Tensor *out, const Tensor *x, int64_t diagonal) {
    return triangle(c, out, "tril", x, false, diagonal);
}
bool op_triu(Ctx *c, Tensor *out, const Tensor *x, int64_t diagonal) {
    return triangle(c, out, "triu", x, true, diagonal);
}
bool op_tril_(Ctx *c, Tensor *x, int64_t diagonal) {
    return triangle_(c, "tril_", x, false, diagonal);
}
bool op_triu_(Ctx *c, Tensor *x, int64_t diagonal) {
    return triangle_(c, "triu_", x, true, diagonal);
}

bool op_triangle_indices(Ctx *c, Tensor *out, const char *name, bool upper, int64_t rows, int64_t columns,
                         int64_t offset) {
    int64_t count = 0, first, last;
    out->storage = NULL;
    REQUIRE(c, rows >= 0 && columns >= 0, "%s: expected sizes of at least 0, got %lld and %lld", name,
            (long long)rows, (long long)columns);
    REQUIRE(c, rows < INT32_MAX && columns < INT32_MAX, "%s: out of memory: %lld x %lld is too large", name,
            (long long)rows, (long long)columns);
    for (int64_t r = 0; r < rows; r++) {
        kept_columns(upper, offset, r, columns, &first, &last);
        count += last - first;
    }
    if (!tensor_new(c, out, I64, 2, (int64_t[]){2, count})) return false;
    int64_t *row = tensor_data(out), *column = row + count;
    for (int64_t r = 0; r < rows; r++) {
        kept_columns(upper, offset, r, columns, &first, &last);
        for (int64_t k = first; k < last; k++) {
            *row++ = r + 1;
            *column++ = k + 1;
        }
    }
    return true;
}
