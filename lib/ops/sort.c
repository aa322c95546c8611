/* sort, argsort, topk along one dimension. */
#include "ops/reduce.h"
#include "cl/sort.h"
#include "core/parallel.h"
#include "cpu/sort.h"
#include "ops/ops.h"
#include <string.h>

/* What one element costs in a sort, in elementary operations: for the choice of threads. */
enum { SORT_COST = 16 };

/* The order of every lane of x along dim; the first k of it. index is contiguous, its size k along dim. */
static bool order(Ctx *c, Tensor *index, Tensor *values, const Tensor *x, int dim, bool descending) {
    int64_t n = x->ndim ? x->size[dim] : 1, k = x->ndim ? index->size[dim] : 1, w = 1;
    int64_t lanes = k ? tensor_numel(index) / k : 0;
    for (int d = dim + 1; d < x->ndim; d++) w *= x->size[d];
    if (lanes == 0) return true;
    int threads = lanes > 1 ? ctx_threads(c, lanes * n * SORT_COST) : 1;
    int64_t need = cpu_sort_scratch(n) + k * (int64_t)sizeof(int64_t);
    char *scratch = ctx_scratch(c, need * threads);
    if (!scratch) return false;
    size_t item = dtype_size((DType)x->dtype);
    int64_t stride = x->ndim ? x->stride[dim] : 1;
    PARALLEL_FOR(threads, lane, lanes, {
        if (ctx_stopping(c)) continue;
        int64_t in = 0, rest = lane, out = lane / w * w * k + lane % w;
        for (int d = x->ndim - 1; d >= 0; d--) {
            if (d == dim) continue;
            in += rest % x->size[d] * x->stride[d];
            rest /= x->size[d];
        }
        char *mine = scratch + omp_get_thread_num() * need;
        int64_t *row = (int64_t *)mine, *to = (int64_t *)tensor_data(index) + out;
        const char *from = (const char *)tensor_data(x) + in * (int64_t)item;
        cpu_topk_row(row, from, (DType)x->dtype, n, stride, k, descending,
                     mine + k * (int64_t)sizeof(int64_t));
        for (int64_t i = 0; i < k; i++) to[i * w] = row[i] + 1;
        if (!values) continue;
        char *value = (char *)tensor_data(values) + out * (int64_t)item;
        if (item == 4)
            for (int64_t i = 0; i < k; i++) memcpy(value + i * w * 4, from + row[i] * stride * 4, 4);
        else if (item == 8)
            for (int64_t i = 0; i < k; i++) memcpy(value + i * w * 8, from + row[i] * stride * 8, 8);
        else
            for (int64_t i = 0; i < k; i++) value[i * w] = from[row[i] * stride];
    });
    ctx_scratch_free(c, scratch);
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}

static bool sorted_on_device(Ctx *c, Tensor *values, Tensor *index, const Tensor *x, const char *name,
                             int64_t k, int dim, bool descending) {
    Tensor dense;
    int64_t size[MAX_DIMS];
    memcpy(size, x->size, sizeof size);
    if (x->ndim) size[dim] = k;
    if (!op_contiguous(c, &dense, x, (DType)x->dtype)) return false;
    bool ok = tensor_new_on(c, index, x->device, I64, x->ndim, size) &&
              (!values || tensor_new_on(c, values, x->device, (DType)x->dtype, x->ndim, size)) &&
              cl_sort(c, name, values, index, &dense, dim, k, descending);
    if (!ok) {
        if (values) tensor_release(values);
        tensor_release(index);
    }
    tensor_release(&dense);
    return ok;
}

static bool sorted(Ctx *c, Tensor *values, Tensor *index, const Tensor *x, const char *name, int64_t k,
                   int dim, bool descending) {
    Tensor native, v, i;
    int64_t size[MAX_DIMS], n = x->ndim ? x->size[dim] : 1;
    if (values) values->storage = NULL;
    index->storage = NULL;
    REQUIRE(c, k >= 0 && k <= n, "%s: expected k from 0 to the dimension's size %lld, got %lld", name,
            (long long)n, (long long)k);
    REQUIRE(c, n < UINT32_MAX, "%s: expected fewer than 2^32 elements along the dimension, got %lld", name,
            (long long)n);
    if (x->device != CPU) return sorted_on_device(c, values, index, x, name, k, dim, descending);
    DType from = (DType)x->dtype, to = reduce_native(from);
    if (to == from)
        tensor_alias(&native, x);
    else if (!op_to_dtype(c, &native, x, to))
        return false;
    memcpy(size, x->size, sizeof *size * (size_t)x->ndim);
    if (x->ndim) size[dim] = k;
    i.storage = v.storage = NULL;
    bool ok = tensor_new(c, &i, I64, x->ndim, size) && (!values || tensor_new(c, &v, to, x->ndim, size)) &&
              order(c, &i, values ? &v : NULL, &native, dim, descending);
    if (ok && values && to != from)
        ok = op_to_dtype(c, values, &v, from);
    else if (ok && values)
        tensor_alias(values, &v);
    if (ok) tensor_alias(index, &i);
    tensor_release(&i);
    tensor_release(&v);
    tensor_release(&native);
    return ok;
}

bool op_sort(Ctx *c, Tensor *values, Tensor *index, const Tensor *x, const char *name, int dim,
             bool descending) {
    return sorted(c, values, index, x, name, x->ndim ? x->size[dim] : 1, dim, descending);
}

bool op_topk(Ctx *c, Tensor *values, Tensor *index, const Tensor *x, int64_t k, int dim, bool largest) {
    return sorted(c, values, index, x, "topk", k, dim, largest);
}
