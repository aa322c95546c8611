/* One element of a lane by its place in order: kthvalue, median, nanmedian, mode. */
#include "ops/reduce.h"
#include "cl/sort.h"
#include "core/parallel.h"
#include "cpu/sort.h"
#include "ops/ops.h"
#include <math.h>
#include <string.h>

/* What one element costs in a selection, in elementary operations: for the choice of threads. */
enum { SELECT_COST = 8, SORT_COST = 64 };

/* The last position of the most frequent element, the smallest of several; order: room for n positions. */
static int64_t find_mode(const void *row, DType dtype, int64_t n, int64_t stride, int64_t *order,
                         void *scratch) {
    int64_t most = 0, at = 0;
    cpu_sort_row(order, row, dtype, n, stride, false, scratch);
#define LONGEST_RUN(T)                                                                                       \
    for (int64_t i = 0, run = 0; i < n; i++) {                                                               \
        const T *x = row;                                                                                    \
        run = i > 0 && x[order[i] * stride] == x[order[i - 1] * stride] ? run + 1 : 1;                       \
        at = run > most ? order[i] : at;                                                                     \
        most = run > most ? run : most;                                                                      \
    }
    switch (dtype) {
    case F32:
        LONGEST_RUN(float)
        break;
    case F64:
        LONGEST_RUN(double)
        break;
    case I64:
        LONGEST_RUN(int64_t)
        break;
    case I32:
        LONGEST_RUN(int32_t)
        break;
    default:
        LONGEST_RUN(uint8_t)
    }
#undef LONGEST_RUN
    return at;
}

static int64_t scratch_of(Rank rank, int64_t n) {
    return cpu_sort_scratch(n) + (rank == RANK_MODE ? n * (int64_t)sizeof(int64_t) : 0);
}

/* The 0-based position of the element of that rank in a row of n >= 1. */
static int64_t find_rank(const void *row, DType dtype, int64_t n, int64_t stride, Rank rank, int64_t k,
                         void *scratch) {
    if (rank == RANK_MODE)
        return find_mode(row, dtype, n, stride, (int64_t *)((char *)scratch + cpu_sort_scratch(n)), scratch);
    if (rank != RANK_KTH) {
        int64_t first, nans = cpu_count_nan(row, dtype, n, stride, &first);
        if (nans && (rank == RANK_MEDIAN || nans == n)) return first;
        k = (n - nans + 1) / 2;
    }
    return cpu_kth_of_row(row, dtype, n, stride, k, scratch);
}

/* values and index (NULL: not wanted) are contiguous, of x's shape without dim; x has a native dtype. */
static bool select_lanes(Ctx *c, Tensor *values, Tensor *index, const Tensor *x, int dim, Rank rank,
                         int64_t k) {
    int64_t n = x->ndim ? x->size[dim] : 1, stride = x->ndim ? x->stride[dim] : 1;
    const int64_t lanes = tensor_numel(values), need = scratch_of(rank, n);
    if (lanes == 0) return true;
    int threads = lanes > 1 ? ctx_threads(c, lanes * n * (rank == RANK_MODE ? SORT_COST : SELECT_COST)) : 1;
    char *scratch = ctx_scratch(c, need * threads);
    if (!scratch) return false;
    size_t item = dtype_size((DType)x->dtype);
    PARALLEL_FOR(threads, lane, lanes, {
        if (ctx_stopping(c)) continue;
        int64_t in = 0, rest = lane;
        for (int d = x->ndim - 1; d >= 0; d--) {
            if (d == dim) continue;
            in += rest % x->size[d] * x->stride[d];
            rest /= x->size[d];
        }
        const char *row = (const char *)tensor_data(x) + in * (int64_t)item;
        int64_t at =
            find_rank(row, (DType)x->dtype, n, stride, rank, k, scratch + omp_get_thread_num() * need);
        memcpy((char *)tensor_data(values) + lane * (int64_t)item, row + at * stride * (int64_t)item, item);
        if (index) ((int64_t *)tensor_data(index))[lane] = at + 1;
    });
    ctx_scratch_free(c, scratch);
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}

/* On a device every lane is sorted, and one element of each picked. */
static bool select_on_device(Ctx *c, const char *name, Tensor *values, Tensor *index, const Tensor *x,
                             int dim, Rank rank, int64_t k) {
    Tensor sorted, order;
    if (tensor_numel(values) == 0) return true;
    if (!op_sort(c, &sorted, &order, x, name, dim, false)) return false;
    bool ok = cl_pick_rank(c, name, values, index, &sorted, &order, dim, rank, k);
    tensor_release(&sorted);
    tensor_release(&order);
    return ok;
}

/* x of a dtype that has kernels; the shape of the results is given. */
static bool select_shaped(Ctx *c, Tensor *values, Tensor *index, const Tensor *x, const char *name, Rank rank,
                          int64_t k, int dim, int ndim, const int64_t *size) {
    bool ok = tensor_new_on(c, values, x->device, (DType)x->dtype, ndim, size) &&
              (!index || tensor_new_on(c, index, x->device, I64, ndim, size));
    if (ok && x->device != CPU)
        ok = select_on_device(c, name, values, index, x, dim, rank, k);
    else if (ok)
        ok = select_lanes(c, values, index, x, dim, rank, k);
    if (ok) return true;
    tensor_release(values);
    if (index) tensor_release(index);
    return false;
}

bool op_select_rank(Ctx *c, Tensor *values, Tensor *index, const Tensor *x, const char *name, Rank rank,
                    int64_t k, int dim, bool keepdim) {
    Tensor lanes, v;
    values->storage = NULL;
    if (index) index->storage = NULL;
    if (rank == RANK_MODE && !require_cpu(c, name, x)) return false;
    bool flat = dim < 0;
    int64_t size[MAX_DIMS], numel = tensor_numel(x), n = flat ? numel : x->ndim ? x->size[dim] : 1;
    int ndim = 0;
    bool wanted = true; /* a result at all */
    for (int d = 0; d < x->ndim; d++)
        if (!flat && d != dim) {
            size[ndim++] = x->size[d];
            wanted = wanted && x->size[d] > 0;
        } else if (keepdim) {
            size[ndim++] = 1;
        }
    if (flat && n == 0 && dtype_is_float((DType)x->dtype)) /* as PyTorch */
        return tensor_new_on(c, values, x->device, (DType)x->dtype, ndim, size) && op_fill_(c, values, NAN);
    REQUIRE(c, n > 0 || !wanted, "%s: expected at least one element, got shape (%s)", name, SHAPE(x));
    REQUIRE(c, rank != RANK_KTH || n == 0 || (k >= 1 && k <= n),
            "%s: expected k from 1 to the dimension's size %lld, got %lld", name, (long long)n, (long long)k);
    REQUIRE(c, n < UINT32_MAX, "%s: expected fewer than 2^32 elements along the dimension, got %lld", name,
            (long long)n);
    DType from = (DType)x->dtype, native = x->device == CPU ? reduce_native(from) : from;
    Tensor whole;
    if (native == from)
        tensor_alias(&whole, x);
    else if (!op_to_dtype(c, &whole, x, native))
        return false;
    bool ok = flat ? op_reshape(c, &lanes, &whole, 1, &numel) : (tensor_alias(&lanes, &whole), true);
    tensor_release(&whole);
    if (!ok) return false;
    ok = select_shaped(c, &v, index, &lanes, name, rank, k, flat ? 0 : dim, ndim, size);
    tensor_release(&lanes);
    if (!ok || give_as(c, values, &v, from)) return ok;
    tensor_release(index);
    return false;
}
