/* Scans along one dimension: cumsum, cumprod, logcumsumexp; cummax and cummin with positions. */
#include "ops/reduce.h"
#include "cl/scan.h"
#include "core/parallel.h"
#include "ops/float_operand.h"
#include "ops/index_loop.h"
#include "ops/ops.h"

enum { FEW_ROWS = 8 }; /* rows below this are not worth a transposed copy */

/* x contiguous and of a native dtype: (outer, rows, w), each outer slice on its own. */
static bool scan_native(Ctx *c, Tensor *out, const Tensor *x, ScanKernel kernel, int dim, bool reverse) {
    int64_t outer = 1, rows = x->ndim ? x->size[dim] : 1, w = 1;
    for (int d = 0; d < dim; d++) outer *= x->size[d];
    for (int d = dim + 1; d < x->ndim; d++) w *= x->size[d];
    DType as = dtype_is_float((DType)x->dtype) ? (DType)x->dtype : I64;
    if (!tensor_new_like(c, out, as, x)) return false;
    if (tensor_numel(x) == 0) return true;
    const char *from = tensor_data(x);
    char *to = tensor_data(out);
    int64_t step_from = rows * w * (int64_t)dtype_size((DType)x->dtype),
            step_to = rows * w * (int64_t)dtype_size(as);
    int threads = outer > 1 ? ctx_threads(c, tensor_numel(x)) : 1;
    PARALLEL_FOR(threads, o, outer, {
        if (!ctx_stopping(c)) kernel(to + o * step_to, from + o * step_from, rows, w, reverse);
    });
    if (!ctx_stopping(c)) return true;
    tensor_release(out);
    return ctx_interrupted(c);
}

/* Rows of logcumsumexp go as the columns of the transposed matrix, whose exponentials fill vectors. */
static bool scan_transposed(Ctx *c, Tensor *out, const Tensor *x, ScanKernel kernel, bool reverse) {
    const int64_t n = x->size[x->ndim - 1], rows = tensor_numel(x) / n;
    const int64_t size[] = {n, rows}, across[] = {1, n}, back[] = {1, rows}, turned[] = {rows, n};
    Tensor view = index_view(x, 2, size, across), columns, scanned;
    if (!op_to_dtype(c, &columns, &view, (DType)x->dtype)) return false;
    bool ok = scan_native(c, &scanned, &columns, kernel, 0, reverse);
    tensor_release(&columns);
    if (!ok) return false;
    ok = tensor_new_like(c, out, (DType)scanned.dtype, x);
    if (ok) {
        Tensor to = index_view(out, 2, turned, (int64_t[]){n, 1}),
               from = index_view(&scanned, 2, turned, back);
        ok = op_copy_(c, &to, &from);
        if (!ok) tensor_release(out);
    }
    tensor_release(&scanned);
    return ok;
}

static bool scan_on_device(Ctx *c, Tensor *out, const Tensor *x, int kind, const char *name, int dim,
                           bool reverse) {
    Tensor dense;
    DType dtype = (DType)x->dtype;
    if (!op_contiguous(c, &dense, x, dtype)) return false;
    bool ok = tensor_new_like(c, out, dtype_is_float(dtype) ? dtype : I64, x);
    if (ok && !cl_scan(c, name, out, &dense, kind, dim, reverse)) {
        tensor_release(out);
        ok = false;
    }
    tensor_release(&dense);
    return ok;
}

bool op_scan(Ctx *c, Tensor *out, const Tensor *x, int kind, const char *name, int dim, bool reverse) {
    Tensor row, wide;
    out->storage = NULL;
    if (kind == SCAN_logsumexp && !require_floating(c, name, x)) return false;
    if (x->device != CPU) return scan_on_device(c, out, x, kind, name, dim, reverse);
    DType from = (DType)x->dtype, native = reduce_native(from);
    if (!op_contiguous(c, &row, x, native)) return false;
    ScanKernel kernel = cpu_reduce_kernels()->scan[kind][reduce_kind(native)];
    Tensor *to = native == from ? out : &wide;
    const bool turn = kind == SCAN_logsumexp && dim == row.ndim - 1 &&
                      tensor_numel(&row) >= FEW_ROWS * row.size[dim] && tensor_numel(&row);
    bool ok =
        turn ? scan_transposed(c, to, &row, kernel, reverse) : scan_native(c, to, &row, kernel, dim, reverse);
    tensor_release(&row);
    if (!ok || native == from) return ok;
    return give_as(c, out, &wide, dtype_is_float(from) ? from : (DType)wide.dtype);
}

bool op_scan_as(Ctx *c, Tensor *out, const Tensor *x, int kind, const char *name, int dim, bool reverse,
                DType dtype) {
    Tensor converted, wide;
    out->storage = NULL;
    if (!op_to_dtype(c, &converted, x, dtype)) return false;
    bool ok = op_scan(c, &wide, &converted, kind, name, dim, reverse);
    tensor_release(&converted);
    return ok && give_as(c, out, &wide, dtype);
}

/* --- cummax, cummin
 * -------------------------------------------------------------------------------------------- */

/* As scan_native. values and index are made by the caller. */
static bool extreme_native(Ctx *c, Tensor *values, Tensor *index, const Tensor *x, int dim, bool smallest) {
    int64_t outer = 1, rows = x->ndim ? x->size[dim] : 1, w = 1;
    for (int d = 0; d < dim; d++) outer *= x->size[d];
    for (int d = dim + 1; d < x->ndim; d++) w *= x->size[d];
    if (tensor_numel(x) == 0) return true;
    ExtremeScanKernel kernel = cpu_reduce_kernels()->extreme_scan[smallest][reduce_kind((DType)x->dtype)];
    const char *from = tensor_data(x);
    char *to = tensor_data(values);
    int64_t *at = tensor_data(index), step = rows * w * (int64_t)dtype_size((DType)x->dtype);
    int threads = outer > 1 ? ctx_threads(c, 2 * tensor_numel(x)) : 1;
    PARALLEL_FOR(threads, o, outer, {
        if (!ctx_stopping(c)) kernel(to + o * step, at + o * rows * w, from + o * step, rows, w);
    });
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}

bool op_cumulative_extreme(Ctx *c, Tensor *values, Tensor *index, const Tensor *x, const char *name, int dim,
                           bool smallest) {
    Tensor dense, wide;
    values->storage = index->storage = wide.storage = NULL;
    bool cpu = x->device == CPU;
    DType from = (DType)x->dtype, native = cpu ? reduce_native(from) : from;
    if (!op_contiguous(c, &dense, x, native)) return false;
    bool ok = tensor_new_like(c, &wide, native, &dense) && tensor_new_like(c, index, I64, &dense) &&
              (cpu ? extreme_native(c, &wide, index, &dense, dim, smallest)
                   : cl_scan_extreme(c, name, &wide, index, &dense, dim, smallest));
    tensor_release(&dense);
    if (ok && give_as(c, values, &wide, from)) return true;
    tensor_release(&wide);
    tensor_release(index);
    return false;
}
