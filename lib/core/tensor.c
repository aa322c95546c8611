/* Tensors: making them, asking about them, and views. */
#include "core/tensor.h"
#include <stdio.h>
#include <string.h>

const char *device_name(char text[DEVICE_TEXT], Device device) {
    if (device == CPU) return strcpy(text, "cpu");
    snprintf(text, DEVICE_TEXT, "cl:%d", device);
    return text;
}

void contiguous_strides(int ndim, const int64_t *size, int64_t *stride) {
    int64_t step = 1;
    for (int d = ndim - 1; d >= 0; d--) {
        stride[d] = step;
        step *= size[d] > 1 ? size[d] : 1;
    }
}

bool shape_fits(int ndim, const int64_t *size) {
    int64_t count = 8; /* bytes of the widest dtype */
    for (int d = 0; d < ndim; d++)
        if (size[d] != 0 && __builtin_mul_overflow(count, size[d], &count)) return false;
    return true;
}

bool tensor_new(Ctx *c, Tensor *out, DType dtype, int ndim, const int64_t *size) {
    return tensor_new_on(c, out, CPU, dtype, ndim, size);
}

static bool take_destination(Ctx *c, Tensor *out, Device device, DType dtype, int ndim, const int64_t *size) {
    const Tensor *d = c->destination;
    if (d->device != device || d->dtype != dtype || d->ndim != ndim) return false;
    if (ndim && memcmp(d->size, size, sizeof *size * (size_t)ndim) != 0) return false;
    c->destination = NULL;
    tensor_alias(out, d);
    out->is_view = false;
    return true;
}

bool tensor_new_on(Ctx *c, Tensor *out, Device device, DType dtype, int ndim, const int64_t *size) {
    int64_t bytes = (int64_t)dtype_size(dtype);
    out->storage = NULL;
    REQUIRE(c, ndim <= MAX_DIMS, "a tensor has at most %d dimensions, got %d", MAX_DIMS, ndim);
    for (int d = 0; d < ndim; d++)
        REQUIRE(c, size[d] >= 0, "negative size %lld in shape (%s)", (long long)size[d], SIZES(ndim, size));
    REQUIRE(c, shape_fits(ndim, size), "out of memory: shape (%s) has too many elements", SIZES(ndim, size));
    for (int d = 0; d < ndim; d++) bytes *= size[d];
    if (c->destination && take_destination(c, out, device, dtype, ndim, size)) return true;
    int64_t sizes[MAX_DIMS];
    if (ndim) memcpy(sizes, size, sizeof *size * (size_t)ndim); /* size may be NULL for none */
    Storage *s = storage_new_on(c, device, bytes);
    if (!s) return false;
    out->storage = s;
    out->offset = 0;
    memcpy(out->size, sizes, sizeof *sizes * (size_t)ndim);
    contiguous_strides(ndim, out->size, out->stride);
    out->ndim = (int8_t)ndim;
    out->dtype = (uint8_t)dtype;
    out->device = device;
    out->requires_grad = out->has_node = out->is_view = false;
    out->out_slot = 0;
    out->reshaped = 0;
    return true;
}

bool tensor_new_like(Ctx *c, Tensor *out, DType dtype, const Tensor *x) {
    return tensor_new_on(c, out, x->device, dtype, x->ndim, x->size);
}

void tensor_alias(Tensor *out, const Tensor *x) {
    if (out != x) *out = *x;
    if (out->storage) storage_retain(out->storage);
    out->requires_grad = out->has_node = false;
    out->is_view = true;
    out->out_slot = 0;
    out->reshaped = 0;
}

void tensor_release(Tensor *t) {
    if (!t) return;
    if (t->storage) storage_release(t->storage);
    t->storage = NULL;
}

int64_t tensor_numel(const Tensor *t) {
    int64_t n = 1;
    for (int d = 0; d < t->ndim; d++) n *= t->size[d];
    return n;
}

bool tensor_is_contiguous(const Tensor *t) {
    int64_t step = 1;
    for (int d = t->ndim - 1; d >= 0; d--) {
        if (t->size[d] == 0) return true;
        if (t->size[d] != 1 && t->stride[d] != step) return false;
        step *= t->size[d];
    }
    return true;
}

bool tensor_same_shape(const Tensor *a, const Tensor *b) {
    return a->ndim == b->ndim && memcmp(a->size, b->size, sizeof *a->size * (size_t)a->ndim) == 0;
}

bool tensor_overlaps_itself(const Tensor *t) {
    /* Sorted by stride, a dimension must step over all that the smaller ones reach. Exact for views that
     * narrow, permute and expand make; as_strided may be refused although it would be fine. */
    int order[MAX_DIMS], n = 0;
    for (int d = 0; d < t->ndim; d++) {
        if (t->size[d] == 0) return false;
        if (t->size[d] == 1) continue;
        int64_t stride = t->stride[d] < 0 ? -t->stride[d] : t->stride[d];
        if (stride == 0) return true;
        int i = n++;
        for (; i > 0 &&
               (t->stride[order[i - 1]] < 0 ? -t->stride[order[i - 1]] : t->stride[order[i - 1]]) > stride;
             i--)
            order[i] = order[i - 1];
        order[i] = d;
    }
    int64_t reach = 0;
    for (int i = 0; i < n; i++) {
        int64_t stride = t->stride[order[i]] < 0 ? -t->stride[order[i]] : t->stride[order[i]];
        if (stride <= reach) return true;
        reach += stride * (t->size[order[i]] - 1);
    }
    return false;
}

double tensor_get_double(const Tensor *t, int64_t offset) {
    const void *p = tensor_data(t);
    switch ((DType)t->dtype) {
    case F32:
        return ((const float *)p)[offset];
    case F64:
        return ((const double *)p)[offset];
    case F16:
        return f16_to_f32(((const uint16_t *)p)[offset]);
    case BF16:
        return bf16_to_f32(((const uint16_t *)p)[offset]);
    default:
        return (double)tensor_get_int(t, offset);
    }
}

int64_t tensor_get_int(const Tensor *t, int64_t offset) {
    const void *p = tensor_data(t);
    switch ((DType)t->dtype) {
    case I8:
        return ((const int8_t *)p)[offset];
    case U8:
    case BOOL:
        return ((const uint8_t *)p)[offset];
    case I16:
        return ((const int16_t *)p)[offset];
    case I32:
        return ((const int32_t *)p)[offset];
    case I64:
        return ((const int64_t *)p)[offset];
    default:
        return (int64_t)tensor_get_double(t, offset);
    }
}

const char *tensor_shape_text(char text[SHAPE_TEXT], int ndim, const int64_t *size) {
    if (ndim == 0) return strcpy(text, "0-dim");
    int at = 0;
    for (int d = 0; d < ndim && at < SHAPE_TEXT; d++)
        at += snprintf(text + at, (size_t)(SHAPE_TEXT - at), d ? "x%lld" : "%lld", (long long)size[d]);
    return text;
}

bool tensor_expand(Ctx *c, Tensor *out, const Tensor *x, int ndim, const int64_t *size, const char *op) {
    int64_t sizes[MAX_DIMS], stride[MAX_DIMS];
    REQUIRE(c, ndim >= x->ndim && ndim <= MAX_DIMS, "%s: cannot broadcast (%s) to (%s)", op, SHAPE(x),
            SIZES(ndim, size));
    for (int d = 0; d < ndim; d++) {
        int from = d - (ndim - x->ndim);
        sizes[d] = size[d];
        if (from < 0) {
            stride[d] = 0;
        } else if (x->size[from] == size[d]) {
            stride[d] = x->stride[from];
        } else {
            REQUIRE(c, x->size[from] == 1, "%s: cannot broadcast (%s) to (%s)", op, SHAPE(x),
                    SIZES(ndim, size));
            stride[d] = 0;
        }
    }
    REQUIRE(c, shape_fits(ndim, sizes), "%s: the shape (%s) has too many elements", op, SIZES(ndim, sizes));
    tensor_alias(out, x);
    out->ndim = (int8_t)ndim;
    memcpy(out->size, sizes, sizeof *sizes * (size_t)ndim);
    memcpy(out->stride, stride, sizeof *stride * (size_t)ndim);
    return true;
}

bool broadcast_shape(Ctx *c, const char *op, const Tensor *a, const Tensor *b, int *ndim, int64_t *size) {
    int n = a->ndim > b->ndim ? a->ndim : b->ndim;
    for (int d = 0; d < n; d++) {
        int i = d - (n - a->ndim), j = d - (n - b->ndim);
        int64_t m = i < 0 ? 1 : a->size[i], k = j < 0 ? 1 : b->size[j];
        REQUIRE(c, m == k || m == 1 || k == 1,
                "%s: (%s) and (%s) do not broadcast: sizes %lld and %lld differ at dimension %d", op,
                SHAPE(a), SHAPE(b), (long long)m, (long long)k, d + 1);
        size[d] = m == 1 ? k : m;
    }
    *ndim = n;
    return true;
}

void tensor_select(Tensor *out, const Tensor *x, int dim, int64_t index) {
    tensor_alias(out, x);
    out->offset = x->offset + index * x->stride[dim];
    for (int d = dim; d + 1 < out->ndim; d++) {
        out->size[d] = out->size[d + 1];
        out->stride[d] = out->stride[d + 1];
    }
    out->ndim--;
}

void tensor_narrow(Tensor *out, const Tensor *x, int dim, int64_t start, int64_t length, int64_t step) {
    tensor_alias(out, x);
    if (length > 0) out->offset = x->offset + start * x->stride[dim];
    out->size[dim] = length;
    if (length > 1) out->stride[dim] = x->stride[dim] * step;
}

void tensor_unsqueeze(Tensor *out, const Tensor *x, int dim) {
    tensor_alias(out, x);
    for (int d = out->ndim; d > dim; d--) {
        out->size[d] = out->size[d - 1];
        out->stride[d] = out->stride[d - 1];
    }
    out->stride[dim] = dim < out->ndim ? out->size[dim] * out->stride[dim] : 1;
    out->size[dim] = 1;
    out->ndim++;
}

void tensor_permute(Tensor *out, const Tensor *x, const int *dims) {
    Tensor from = *x;
    tensor_alias(out, x);
    for (int d = 0; d < from.ndim; d++) {
        out->size[d] = from.size[dims[d]];
        out->stride[d] = from.stride[dims[d]];
    }
}

bool tensor_view(Tensor *out, const Tensor *x, int ndim, const int64_t *size) {
    int64_t stride[MAX_DIMS];
    if (tensor_is_contiguous(x)) {
        contiguous_strides(ndim, size, stride);
    } else {
        /* Walk both shapes from the right: a run of x's dims that steps evenly may be split and merged
         * freely. */
        int64_t chunk = x->stride[x->ndim - 1], old_count = 1, new_count = 1;
        int v = ndim - 1;
        for (int d = x->ndim - 1; d >= 0; d--) {
            old_count *= x->size[d];
            bool run_ends = d == 0 || (x->size[d - 1] != 1 && x->stride[d - 1] != old_count * chunk);
            if (!run_ends) continue;
            while (v >= 0 && (new_count < old_count || size[v] == 1)) {
                stride[v] = new_count * chunk;
                new_count *= size[v];
                v--;
            }
            if (new_count != old_count) return false;
            if (d > 0) {
                chunk = x->stride[d - 1];
                old_count = new_count = 1;
            }
        }
        if (v >= 0) return false;
    }
    int64_t sizes[MAX_DIMS];
    memcpy(sizes, size, sizeof *size * (size_t)ndim);
    tensor_alias(out, x);
    out->ndim = (int8_t)ndim;
    memcpy(out->size, sizes, sizeof *sizes * (size_t)ndim);
    memcpy(out->stride, stride, sizeof *stride * (size_t)ndim);
    return true;
}
