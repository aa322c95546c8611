/* Looking values up by binary search and by sorting; counting them. */
#include "ops/search.h"
#include "cl/sort.h"
#include "core/parallel.h"
#include "cpu/sort.h"
#include "ops/index.h"
#include "ops/index_loop.h"
#include "ops/ops.h"
#include "ops/reduce.h"
#include <string.h>

enum {
    SEARCH_COST = 32,       /* of one binary search, in adds */
    SEARCH_PIECE = 1 << 12, /* values that one task looks up */
    FEW_RANGED = 1 << 8,    /* values whose range needs no tensors to be found */
    FEW_VALUES = 1 << 16    /* a table of so many counters is cheap for any tensor */
};

/* --- binary search
 * --------------------------------------------------------------------------------------------- */

/* How many of the n elements come before v: those that are not >= v, or not > v where `right`. A nan belongs
 * at the end. */
#define SEARCH(T)                                                                                            \
    static int64_t search_##T(const T *row, int64_t n, T v, bool right) {                                    \
        const T *at = row;                                                                                   \
        if (n == 0) return 0;                                                                                \
        /* Without branches: which half a value falls into cannot be guessed. */                             \
        for (; n > 1; n -= n / 2) at += (right ? at[n / 2 - 1] > v : at[n / 2 - 1] >= v) ? 0 : n / 2;        \
        return at - row + !(right ? *at > v : *at >= v);                                                     \
    }
SEARCH(float)
SEARCH(double)
SEARCH(int64_t)

/* Both as contiguous f32 (where both are), f64 (where one is floating) or i64. */
static bool as_comparable(Ctx *c, Tensor *a_out, Tensor *b_out, const Tensor *a, const Tensor *b) {
    bool floating = dtype_is_float((DType)a->dtype) || dtype_is_float((DType)b->dtype);
    DType dtype = a->dtype == F32 && b->dtype == F32 ? F32 : floating ? F64 : I64;
    if (!op_contiguous(c, a_out, a, dtype)) return false;
    if (op_contiguous(c, b_out, b, dtype)) return true;
    tensor_release(a_out);
    return false;
}

static int64_t search_in(const Tensor *sorted, int64_t first, int64_t n, const Tensor *values, int64_t i,
                         bool right) {
    if (sorted->dtype == F32)
        return search_float((const float *)tensor_data(sorted) + first, n,
                            ((const float *)tensor_data(values))[i], right);
    if (sorted->dtype == F64)
        return search_double((const double *)tensor_data(sorted) + first, n,
                             ((const double *)tensor_data(values))[i], right);
    return search_int64_t((const int64_t *)tensor_data(sorted) + first, n,
                          ((const int64_t *)tensor_data(values))[i], right);
}

bool op_searchsorted(Ctx *c, Tensor *out, const char *name, const Tensor *sorted, const Tensor *values,
                     bool right) {
    Tensor rows, sought;
    out->storage = NULL;
    if (!require_same_device(c, name, sorted, values)) return false;
    REQUIRE(c, sorted->ndim >= 1, "%s: expected sorted values of 1 dimension or more, got a 0-dim tensor",
            name);
    bool fits = sorted->ndim == 1 || sorted->ndim == values->ndim;
    for (int d = 0; fits && d < sorted->ndim - 1; d++) fits = sorted->size[d] == values->size[d];
    REQUIRE(
        c, fits,
        "%s: sorted values (%s) serve values of the same sizes but the last, or have 1 dimension; got (%s)",
        name, SHAPE(sorted), SHAPE(values));
    REQUIRE(c, sorted->size[sorted->ndim - 1] <= INT32_MAX, "%s: (%s): a row has too many sorted values",
            name, SHAPE(sorted));
    if (!as_comparable(c, &rows, &sought, sorted, values)) return false;
    bool ok = tensor_new_on(c, out, values->device, I64, values->ndim, values->size);
    if (ok && values->device != CPU) {
        ok = cl_search_sorted(c, name, out, &rows, &sought, right);
        if (!ok) tensor_release(out);
    } else if (ok) {
        int64_t *to = tensor_data(out), n = sorted->size[sorted->ndim - 1], count = tensor_numel(values);
        const bool shared = sorted->ndim == 1 || values->ndim == 0;
        const int64_t each = shared ? SEARCH_PIECE : values->size[values->ndim - 1];
        const int64_t bytes = (int64_t)dtype_size((DType)rows.dtype);
        const char *in = tensor_data(&rows), *v = tensor_data(&sought);
        const SearchSorted search = cpu_index_kernels()->search[rows.dtype];
        int threads = ctx_threads(c, count * SEARCH_COST);
        PARALLEL_FOR(threads, part, each ? (count + each - 1) / each : 0, {
            const int64_t from = part * each, length = count - from < each ? count - from : each;
            if (!ctx_stopping(c))
                search(to + from, in + (shared ? 0 : part * n * bytes), n, v + from * bytes, length, right);
        });
        ok = !ctx_stopping(c) || ctx_interrupted(c);
        if (!ok) tensor_release(out);
    }
    tensor_release(&rows);
    tensor_release(&sought);
    return ok;
}

/* Two rows of w elements differ in some place; a nan differs from everything. */
static bool rows_differ(const char *a, const char *b, int64_t w, DType t) {
#define COMPARE(T)                                                                                           \
    for (int64_t i = 0; i < w; i++)                                                                          \
        if (!(((const T *)a)[i] == ((const T *)b)[i])) return true;                                          \
    return false;
    switch (t) {
    case F32:
        COMPARE(float)
    case F64:
        COMPARE(double)
    case I64:
        COMPARE(int64_t)
    case I32:
        COMPARE(int32_t)
    default:
        COMPARE(uint8_t)
    }
#undef COMPARE
}

/* out[i]: x's element is in the sorted row. */
static bool mark_members(Ctx *c, Tensor *out, const Tensor *x, const Tensor *sorted, bool invert) {
    if (x->device != CPU) return cl_is_member(c, "isin", out, sorted, x, invert);
    int64_t n = tensor_numel(sorted), count = tensor_numel(x);
    int64_t bytes = (int64_t)dtype_size((DType)x->dtype);
    uint8_t *to = tensor_data(out);
    const char *values = tensor_data(x), *data = tensor_data(sorted);
    int threads = ctx_threads(c, count * SEARCH_COST);
    PARALLEL_FOR(threads, i, count, {
        if (ctx_stopping(c)) continue;
        int64_t at = search_in(sorted, 0, n, x, i, false);
        bool found = at < n && !rows_differ(data + at * bytes, values + i * bytes, 1, (DType)x->dtype);
        to[i] = found != invert;
    });
    return !ctx_stopping(c) || ctx_interrupted(c);
}

bool op_isin(Ctx *c, Tensor *out, const Tensor *x, const Tensor *test, bool invert) {
    Tensor xs, ts, flat, sorted, order;
    int64_t n = tensor_numel(test);
    out->storage = NULL;
    if (!require_same_device(c, "isin", x, test)) return false;
    if (!as_comparable(c, &xs, &ts, x, test)) return false;
    bool ok = op_reshape(c, &flat, &ts, 1, &n);
    if (ok) {
        ok = op_sort(c, &sorted, &order, &flat, "isin", 0, false);
        if (ok) {
            ok = tensor_new_on(c, out, x->device, BOOL, x->ndim, x->size) &&
                 mark_members(c, out, &xs, &sorted, invert);
            if (!ok) tensor_release(out);
            tensor_release(&sorted);
            tensor_release(&order);
        }
        tensor_release(&flat);
    }
    tensor_release(&xs);
    tensor_release(&ts);
    return ok;
}

/* --- unique
 * ---------------------------------------------------------------------------------------------------- */

/* order[0..n): the rows of the matrix (n, w) in lexicographic order: stable sorts by each column, from the
 * last to the first. */
static bool sort_rows(Ctx *c, int64_t *order, const char *matrix, DType dtype, int64_t n, int64_t w) {
    int64_t bytes = (int64_t)dtype_size(dtype), ints = n * (int64_t)sizeof(int64_t);
    char *scratch = ctx_scratch(c, 2 * ints + n * bytes + cpu_sort_scratch(n));
    if (!scratch) return false;
    int64_t *by_column = (int64_t *)scratch, *next = by_column + n;
    char *rest = scratch + 2 * ints, *key = rest + cpu_sort_scratch(n);
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (int64_t column = w - 1; column >= 0 && !ctx_stopping(c); column--) {
        for (int64_t i = 0; i < n; i++)
            memcpy(key + i * bytes, matrix + (order[i] * w + column) * bytes, (size_t)bytes);
        cpu_sort_row(by_column, key, dtype, n, 1, false, rest);
        for (int64_t i = 0; i < n; i++) next[i] = order[by_column[i]];
        memcpy(order, next, (size_t)ints);
    }
    ctx_scratch_free(c, scratch);
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}

/* Numbers the groups of equal neighbours in the order: group[row] (from 1), first[g], count[g]. Returns how
 * many. */
static int64_t number_groups(const int64_t *order, const char *matrix, DType dtype, int64_t n, int64_t w,
                             int64_t *group, int64_t *first, int64_t *count) {
    int64_t groups = 0, row = w * (int64_t)dtype_size(dtype);
    for (int64_t i = 0; i < n; i++) {
        if (i == 0 || rows_differ(matrix + order[i - 1] * row, matrix + order[i] * row, w, dtype)) {
            first[groups] = order[i] + 1;
            count[groups++] = 0;
        }
        count[groups - 1]++;
        group[order[i]] = groups;
    }
    return groups;
}

/* x as a matrix (slices along dim, their elements): contiguous, of a dtype that can be sorted. */
static bool matrix_of_slices(Ctx *c, Tensor *out, const Tensor *x, int dim) {
    int order[MAX_DIMS], n = 0;
    Tensor moved;
    order[n++] = dim;
    for (int d = 0; d < x->ndim; d++)
        if (d != dim) order[n++] = d;
    tensor_permute(&moved, x, order);
    bool ok = op_contiguous(c, out, &moved, reduce_native((DType)x->dtype));
    tensor_release(&moved);
    return ok;
}

/* The three results from the groups; `first` is a vector. */
static bool give_groups(Ctx *c, Tensor *values, Tensor *inverse, Tensor *counts, const Tensor *x, int dim,
                        const Tensor *group, Tensor *first, Tensor *count, int64_t groups) {
    first->size[0] = count->size[0] = groups;
    if (!op_index_select(c, values, x, dim, first)) return false;
    if (inverse) {
        tensor_alias(inverse, group);
        inverse->is_view = false;
    }
    if (counts && !op_to_dtype(c, counts, count, I64)) {
        tensor_release(values);
        if (inverse) tensor_release(inverse);
        return false;
    }
    return true;
}

static bool unique_slices(Ctx *c, Tensor *values, Tensor *inverse, Tensor *counts, const Tensor *x, int dim,
                          bool consecutive) {
    Tensor matrix, vector[4] = {{0}, {0}, {0}, {0}}; /* order, group, first, count */
    int64_t n = x->size[dim];
    if (!matrix_of_slices(c, &matrix, x, dim)) return false;
    int64_t w = n ? tensor_numel(x) / n : 0;
    bool ok = true;
    for (int i = 0; i < 4 && ok; i++) ok = tensor_new(c, &vector[i], I64, 1, &n);
    if (ok) {
        int64_t *order = tensor_data(&vector[0]);
        const char *data = tensor_data(&matrix);
        for (int64_t i = 0; i < n; i++) order[i] = i;
        if (!consecutive && n) ok = sort_rows(c, order, data, (DType)matrix.dtype, n, w);
        int64_t groups = ok ? number_groups(order, data, (DType)matrix.dtype, n, w, tensor_data(&vector[1]),
                                            tensor_data(&vector[2]), tensor_data(&vector[3]))
                            : 0;
        ok =
            ok && give_groups(c, values, inverse, counts, x, dim, &vector[1], &vector[2], &vector[3], groups);
    }
    for (int i = 0; i < 4; i++) tensor_release(&vector[i]);
    tensor_release(&matrix);
    return ok;
}

/* The least and the largest of contiguous i64, at least one. */
static bool integer_range(Ctx *c, const char *name, const Tensor *x, int64_t *low, int64_t *high) {
    Tensor least, most;
    const int64_t n = tensor_numel(x);
    if (x->device == CPU && n <= FEW_RANGED) {
        const int64_t *v = tensor_data(x);
        *low = *high = v[0];
        for (int64_t i = 1; i < n; i++) {
            *low = v[i] < *low ? v[i] : *low;
            *high = v[i] > *high ? v[i] : *high;
        }
        return true;
    }
    if (!op_aminmax(c, &least, &most, x, name, reduce_all(x), false)) return false;
    bool ok = index_number(c, &least, low) && index_number(c, &most, high);
    tensor_release(&least);
    tensor_release(&most);
    return ok;
}

/* The results for integers x that lie close together, from a table of how often each value occurs: to[v -
 * low] is that, and then which of the different values v is. */
static bool unique_from_table(Ctx *c, Tensor *values, Tensor *inverse, Tensor *counts, const Tensor *x,
                              int64_t low, int64_t slots, int64_t *to) {
    const int64_t n = tensor_numel(x), *v = tensor_data(x);
    Tensor value, count = {0}, group = {0};
    int64_t groups = 0;
    if (!count_integers(c, to, x, low, slots)) return false;
    for (int64_t i = 0; i < slots; i++) groups += to[i] > 0;
    bool ok = tensor_new(c, &value, I64, 1, &groups) && tensor_new(c, &count, I64, 1, &groups) &&
              (!inverse || tensor_new(c, &group, I64, 1, &n));
    if (ok) {
        int64_t *different = tensor_data(&value), *often = tensor_data(&count), *which = NULL;
        groups = 0;
        for (int64_t i = 0; i < slots; i++) {
            if (!to[i]) continue;
            different[groups] = low + i;
            often[groups] = to[i];
            to[i] = ++groups;
        }
        if (inverse) which = tensor_data(&group);
        PARALLEL_FOR(inverse ? ctx_threads(c, n) : 1, i, inverse ? n : 0, { which[i] = to[v[i] - low]; });
    }
    *values = value;
    if (ok && inverse) *inverse = group;
    if (ok && counts) *counts = count;
    if (!ok) tensor_release(values);
    if (!ok) tensor_release(&group);
    if (!ok || !counts) tensor_release(&count);
    return ok;
}

/* unique of integers by counting, where a table of the range costs less than sorting: *done is false where it
 * does not. x: a vector. */
static bool unique_by_counting(Ctx *c, Tensor *values, Tensor *inverse, Tensor *counts, const Tensor *x,
                               bool *done) {
    Tensor held, wide;
    int64_t low = 0, high = 0;
    *done = false;
    if (!op_contiguous(c, &held, x, I64)) return false;
    bool ok = integer_range(c, "unique", &held, &low, &high);
    const uint64_t slots = (uint64_t)high - (uint64_t)low + 1, n = (uint64_t)tensor_numel(x);
    if (ok && slots != 0 && slots <= 2 * n + FEW_VALUES) {
        int64_t *table = ctx_scratch(c, (int64_t)slots * (int64_t)sizeof *table);
        ok = table && unique_from_table(c, &wide, inverse, counts, &held, low, (int64_t)slots, table);
        if (table) ctx_scratch_free(c, table);
        *done = ok && give_as(c, values, &wide, (DType)x->dtype);
        if (ok && !*done) {
            if (inverse) tensor_release(inverse);
            if (counts) tensor_release(counts);
            ok = false;
        }
    }
    tensor_release(&held);
    return ok;
}

bool op_unique(Ctx *c, Tensor *values, Tensor *inverse, Tensor *counts, const char *name, const Tensor *x,
               int dim, bool consecutive) {
    int64_t n = tensor_numel(x);
    values->storage = NULL;
    if (inverse) inverse->storage = NULL;
    if (counts) counts->storage = NULL;
    if (!require_cpu(c, name, x)) return false;
    REQUIRE(c, dim < 0 || x->ndim > 0, "%s: a 0-dim tensor has no dimensions", name);
    if (dim >= 0) return unique_slices(c, values, inverse, counts, x, dim, consecutive);
    Tensor flat;
    if (!op_reshape(c, &flat, x, 1, &n)) return false;
    bool ok = true, done = false;
    if (n > 0 && !consecutive && !dtype_is_float((DType)x->dtype))
        ok = unique_by_counting(c, values, inverse, counts, &flat, &done);
    if (ok && !done) ok = unique_slices(c, values, inverse, counts, &flat, 0, consecutive);
    tensor_release(&flat);
    if (ok && inverse) {
        inverse->ndim = x->ndim;
        memcpy(inverse->size, x->size, sizeof *x->size * (size_t)x->ndim);
        contiguous_strides(x->ndim, inverse->size, inverse->stride);
    }
    return ok;
}

/* --- counting
 * --------------------------------------------------------------------------------------------------- */

bool op_bincount(Ctx *c, Tensor *out, const Tensor *x, const Tensor *weights, int64_t minlength) {
    Tensor held, add;
    int64_t bad;
    out->storage = NULL;
    if (weights && !require_same_device(c, "bincount", x, weights)) return false;
    REQUIRE(c, x->ndim == 1, "bincount: expected a vector, got (%s)", SHAPE(x));
    REQUIRE(c, !dtype_is_float((DType)x->dtype) && x->dtype != BOOL, "bincount: expected integers, got %s",
            DTYPE(x));
    REQUIRE(c, !weights || tensor_same_shape(weights, x),
            "bincount: expected weights of shape (%s), got (%s)", SHAPE(x), weights ? SHAPE(weights) : "");
    REQUIRE(c, minlength >= 0, "bincount: expected a minlength of at least 0, got %lld",
            (long long)minlength);
    DType dtype = !weights ? I64 : weights->dtype == F32 ? F32 : F64;
    if (!op_contiguous(c, &held, x, I64)) return false;
    bool found = false, ok = true;
    int64_t low = 1, size = 0;
    if (tensor_numel(x)) ok = integer_range(c, "bincount", &held, &low, &size);
    if (ok && low < 1)
        ok = index_find_outside(c, "bincount", &held, 1, INT64_MAX, &found, &bad) &&
             ctx_fail(c, "bincount: value %lld: values run from 1%s", (long long)bad,
                      bad == 0 ? "; add 1 to 0-based ones" : "");
    if (ok && size < minlength) size = minlength;
    ok = ok && tensor_new_on(c, out, x->device, dtype, 1, &size);
    if (ok && x->device == CPU && !weights) {
        ok = count_integers(c, tensor_data(out), &held, 1, size);
        if (!ok) tensor_release(out);
    } else if (ok) {
        const Operand one = {.tensor = weights, .is_integer = true, .integer = 1};
        ok = op_fill_int_(c, out, 0) && operand_as(c, &add, &one, dtype, x->device);
        if (ok) {
            ok = op_scatter_(c, "bincount", out, 0, &held, &add, WRITE_ADD);
            tensor_release(&add);
        }
        if (!ok) tensor_release(out);
    }
    tensor_release(&held);
    return ok;
}

/* out (*, classes) = 1 at each class, 0 elsewhere. */
static bool write_ones(Ctx *c, Tensor *out, const Tensor *held, int64_t classes) {
    const int64_t n = tensor_numel(held), one_each[] = {1}, still[] = {0};
    const Operand number = {.is_integer = true, .integer = 1};
    Tensor one;
    if (!op_fill_int_(c, out, 0) || !operand_as(c, &one, &number, I64, out->device)) return false;
    Tensor to = index_view(out, 1, &n, &classes), at = index_view(held, 1, &n, one_each),
           ones = index_view(&one, 1, &n, still);
    bool ok = index_write(c, "one_hot", &to, &at, &ones, 1, WRITE_SET);
    tensor_release(&one);
    return ok;
}

bool op_one_hot(Ctx *c, Tensor *out, const Tensor *x, int64_t classes) {
    Tensor held;
    int64_t bad, low, size[MAX_DIMS], n = tensor_numel(x);
    out->storage = NULL;
    REQUIRE(c, x->ndim < MAX_DIMS, "one_hot: at most %d dimensions, got (%s)", MAX_DIMS - 1, SHAPE(x));
    REQUIRE(c, classes >= -1, "one_hot: expected a number of classes, got %lld", (long long)classes);
    REQUIRE(c, n > 0 || classes > 0, "one_hot: an empty tensor needs num_classes");
    if (!index_hold(c, "one_hot", &held, x, NULL)) return false;
    bool all = classes < 0;
    bool found = false, ok = !all || integer_range(c, "one_hot", &held, &low, &classes);
    ok = ok && index_find_outside(c, "one_hot", &held, 1, classes, &found, &bad);
    if (ok && found && all)
        ctx_fail(c, "one_hot: class %lld: classes run from 1%s", (long long)bad,
                 bad == 0 ? "; add 1 to 0-based labels" : "");
    else if (ok && found)
        ctx_fail(c, "one_hot: class %lld: classes run 1..%lld%s", (long long)bad, (long long)classes,
                 bad == 0 ? "; add 1 to 0-based labels" : "");
    memcpy(size, x->size, sizeof size);
    size[x->ndim] = classes;
    ok = ok && !found && tensor_new_on(c, out, x->device, I64, x->ndim + 1, size);
    if (ok && !write_ones(c, out, &held, classes)) {
        tensor_release(out);
        ok = false;
    }
    tensor_release(&held);
    return ok;
}
