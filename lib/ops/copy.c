/* Copies, conversion between dtypes and devices, fills and ranges; and the checks that come before everything
 * else. */
#include "cl/device.h"
#include "cl/elementwise.h"
#include "ops/elementwise_loop.h"
#include "ops/index_loop.h"
#include "ops/ops.h"
#include <math.h>
#include <string.h>

/* --- checks --------------------------------------------------------------------------------------------- */

bool require_same_device(Ctx *c, const char *op, const Tensor *a, const Tensor *b) {
    if (a->device == b->device) return true;
    char a_name[DEVICE_TEXT], b_name[DEVICE_TEXT];
    device_name(a_name, a->device);
    device_name(b_name, b->device);
    return ctx_fail(c, "%s: tensors on %s and %s; move one with x:to(\"%s\")", op, a_name, b_name,
                    a->device == CPU ? b_name : a_name);
}

bool require_cpu(Ctx *c, const char *op, const Tensor *x) {
    REQUIRE(c, x->device == CPU, "%s: has no kernel for %s on cl:%d; move the tensor: x:to(\"cpu\")", op,
            DTYPE(x), x->device);
    return true;
}

bool require_writable(Ctx *c, const char *op, const Tensor *x) {
    REQUIRE(c, !tensor_overlaps_itself(x),
            "%s: elements of the target share memory (it was expanded); clone it first", op);
    return true;
}

/* --- copy and conversion -------------------------------------------------------------------------------- */

/* Same dtype, both dense in the same order: one memcpy. */
static bool copy_bytes(Tensor *dst, const Tensor *x) {
    if (dst->device != CPU || dst->dtype != x->dtype || !tensor_same_shape(dst, x) ||
        !tensor_is_contiguous(dst) || !tensor_is_contiguous(x))
        return false;
    int64_t n = tensor_numel(x);
    if (n) memmove(tensor_data(dst), tensor_data(x), (size_t)n * dtype_size((DType)x->dtype));
    return true;
}

bool op_copy_(Ctx *c, Tensor *dst, const Tensor *x) {
    return op_assign_(c, "copy_", dst, x);
}

bool op_assign_(Ctx *c, const char *name, Tensor *dst, const Tensor *x) {
    if (!require_writable(c, name, dst)) return false;
    if (dst->device != x->device) {
        Tensor near;
        if (!op_to(c, &near, x, dst->device, (DType)dst->dtype)) return false;
        bool ok = op_assign_(c, name, dst, &near);
        tensor_release(&near);
        return ok;
    }
    Tensor view = *x;
    /* Leading dimensions of size 1 that the target lacks may go: t[1] = a (1, n) matrix. */
    while (view.ndim > dst->ndim && view.size[0] == 1) {
        memmove(view.size, view.size + 1, sizeof view.size - sizeof *view.size);
        memmove(view.stride, view.stride + 1, sizeof view.stride - sizeof *view.stride);
        view.ndim--;
    }
    if (copy_bytes(dst, &view)) return true;
    Tensor expanded, copy;
    const Tensor *from = &view;
    if (!unalias(c, &copy, &from, dst)) return false;
    bool ok = tensor_expand(c, &expanded, from, dst->ndim, dst->size, name);
    if (ok) {
        atomic_fetch_sub_explicit(&from->storage->refs, 1, memory_order_relaxed);
        const Tensor *const operands[2] = {dst, &expanded};
        if (dst->device == CPU && dst->dtype == x->dtype)
            ok = strided_copy(c, dst, &expanded);
        else
            ok = elementwise_loop(c, 2, operands, compute_of((DType)x->dtype), -1, NULL);
    }
    tensor_release(&copy);
    return ok;
}

bool op_to_dtype(Ctx *c, Tensor *out, const Tensor *x, DType dtype) {
    if (!tensor_new_like(c, out, dtype, x)) return false;
    if (op_copy_(c, out, x)) return true;
    tensor_release(out);
    return false;
}

bool give_as(Ctx *c, Tensor *out, Tensor *wide, DType dtype) {
    if ((DType)wide->dtype == dtype) {
        *out = *wide;
        return true;
    }
    bool ok = op_to_dtype(c, out, wide, dtype);
    tensor_release(wide);
    return ok;
}

/* Conversions happen on the CPU's side: a device need not have the dtype that is left behind. */
bool op_to(Ctx *c, Tensor *out, const Tensor *x, Device device, DType dtype) {
    out->storage = NULL;
    if (device == x->device) return op_contiguous(c, out, x, dtype);
    Tensor dense, host = {0};
    int64_t item = (int64_t)dtype_size((DType)x->dtype);
    if (x->device != CPU) {
        if (!op_contiguous(c, &dense, x, (DType)x->dtype)) return false;
        bool ok =
            tensor_new(c, &host, (DType)x->dtype, x->ndim, x->size) &&
            cl_download(c, tensor_data(&host), dense.storage, dense.offset * item, tensor_numel(x) * item);
        tensor_release(&dense);
        ok = ok && op_to(c, out, &host, device, dtype);
        if (ok && out->storage == host.storage) out->is_view = false;
        tensor_release(&host);
        return ok;
    }
    if (!cl_require_dtype(c, "to", device, dtype)) return false;
    if (!op_contiguous(c, &dense, x, dtype)) return false;
    item = (int64_t)dtype_size(dtype);
    bool ok = tensor_new_on(c, out, device, dtype, x->ndim, x->size) &&
              cl_upload(c, out->storage, 0, tensor_data(&dense), tensor_numel(&dense) * item);
    tensor_release(&dense);
    if (!ok) tensor_release(out);
    return ok;
}

bool op_contiguous(Ctx *c, Tensor *out, const Tensor *x, DType dtype) {
    if (x->dtype != dtype || !tensor_is_contiguous(x)) return op_to_dtype(c, out, x, dtype);
    tensor_alias(out, x);
    return true;
}

bool op_reshape(Ctx *c, Tensor *out, const Tensor *x, int ndim, const int64_t *size) {
    if (tensor_view(out, x, ndim, size)) return true;
    Tensor dense;
    if (!op_to_dtype(c, &dense, x, (DType)x->dtype)) return false;
    tensor_view(out, &dense, ndim, size);
    tensor_release(&dense);
    out->is_view = false;
    return true;
}

static bool fill_operand(Ctx *c, Tensor *dst, const Operand *value) {
    Tensor number, expanded;
    NumberRoom room;
    number_tensor(&number, &room, value);
    if (!require_writable(c, "fill_", dst)) return false;
    if (!tensor_expand(c, &expanded, &number, dst->ndim, dst->size, "fill_")) return false;
    const Tensor *const operands[2] = {dst, &expanded};
    return elementwise_loop(c, 2, operands, compute_of((DType)number.dtype), -1, NULL);
}

bool op_fill_(Ctx *c, Tensor *dst, double value) {
    return fill_operand(c, dst, &(Operand){.number = value});
}

bool op_fill_int_(Ctx *c, Tensor *dst, int64_t value) {
    return fill_operand(c, dst, &(Operand){.integer = value, .is_integer = true});
}

/* --- ranges
 * -------------------------------------------------------------------------------------------------------------
 */

/* out[i] = first + i * step, in f64 (exact integers up to 2^53), then converted. */
static bool fill_range(Ctx *c, Tensor *out, Device device, double first, double step, int64_t n, double last,
                       DType dtype) {
    if (device != CPU) {
        if (!tensor_new_on(c, out, device, dtype, 1, &n)) return false;
        if (cl_range(c, out, first, step, last)) return true;
        tensor_release(out);
        return false;
    }
    Tensor wide;
    if (!tensor_new(c, &wide, F64, 1, &n)) return false;
    double *values = tensor_data(&wide);
    /* From the nearer end, so that linspace ends exactly at `last`. */
    for (int64_t i = 0; i < n; i++)
        values[i] =
            isnan(last) || i < n / 2 || n == 1 ? first + (double)i * step : last - (double)(n - 1 - i) * step;
    return give_as(c, out, &wide, dtype);
}

bool op_arange(Ctx *c, Tensor *out, Device device, double first, double last, double step, DType dtype) {
    out->storage = NULL;
    REQUIRE(c, step != 0 && isfinite(first) && isfinite(last) && isfinite(step),
            "arange: expected finite numbers and a step other than 0, got %g, %g, %g", first, last, step);
    double count = floor((last - first) / step * (1 + 1e-12)) + 1;
    REQUIRE(c, count < 0x1p53, "arange: %g elements are too many", count);
    return fill_range(c, out, device, first, step, count > 0 ? (int64_t)count : 0, NAN, dtype);
}

bool op_linspace(Ctx *c, Tensor *out, Device device, double first, double last, int64_t steps, DType dtype) {
    out->storage = NULL;
    REQUIRE(c, steps >= 0, "linspace: expected at least 0 steps, got %lld", (long long)steps);
    return fill_range(c, out, device, first, steps > 1 ? (last - first) / (double)(steps - 1) : 0, steps,
                      last, dtype);
}

bool op_resize(Ctx *c, Tensor *out, const Tensor *x, int ndim, const int64_t *size) {
    const DType dtype = (DType)x->dtype;
    Tensor shape = {.ndim = (int8_t)ndim}, old, start;
    out->storage = NULL;
    for (int d = 0; d < ndim; d++)
        REQUIRE(c, size[d] >= 0, "resize_: negative size %lld in shape (%s)", (long long)size[d],
                SIZES(ndim, size));
    REQUIRE(c, shape_fits(ndim, size), "resize_: the shape (%s) has too many elements", SIZES(ndim, size));
    memcpy(shape.size, size, sizeof *size * (size_t)ndim);
    const int64_t numel = tensor_numel(&shape), all = x->storage->nbytes / (int64_t)dtype_size(dtype);
    const int64_t room = all > x->offset ? all - x->offset : 0;
    if (numel > room && !tensor_new_on(c, out, x->device, dtype, ndim, size)) return false;
    if (numel <= room) {
        tensor_alias(out, x);
        out->ndim = (int8_t)ndim;
        memcpy(out->size, size, sizeof *size * (size_t)ndim);
        contiguous_strides(ndim, out->size, out->stride);
        return true;
    }
    old = *x;
    old.ndim = 1;
    old.size[0] = room;
    old.stride[0] = 1;
    start = *out;
    start.ndim = 1;
    start.size[0] = room;
    start.stride[0] = 1;
    if (op_fill_int_(c, out, 0) && op_copy_(c, &start, &old)) return true;
    tensor_release(out);
    return false;
}
