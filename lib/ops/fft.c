/* Fourier transforms: shape and dtype rules, then cpu/fft.c or cl/fft.c, one dimension after the other. */
#include "ops/fft.h"
#include "cl/fft.h"
#include "cpu/fft.h"
#include "ops/ops.h"

static DType transform_dtype(DType t) {
    return t == F64 ? F64 : F32;
}

/* The dtype of a result. */
static DType result_dtype(const Ctx *c, DType t) {
    return dtype_is_float(t) ? t : (DType)c->default_dtype;
}

static bool require_pairs(Ctx *c, const char *name, const Tensor *x) {
    REQUIRE(c, x->ndim >= 1 && x->size[x->ndim - 1] == 2,
            "%s: expected pairs (real, imaginary) in a last dimension of size 2, got shape (%s); real "
            "numbers become "
            "pairs by ap.complex(x)",
            name, SHAPE(x));
    return true;
}

/* One dimension of x to one of y. */
static bool transform(Ctx *c, const char *name, FftKind kind, Tensor *y, const Tensor *x, int dim, int64_t n,
                      bool inverse, double scale) {
    if (n < 1)
        return ctx_fail(c, "%s: expected at least one element along dimension %d, got (%s)", name, dim + 1,
                        SHAPE(x));
    FftLines f = {.kind = kind, .dtype = (DType)y->dtype, .n = n, .inverse = inverse, .scale = scale};
    Tensor to = *y, from = *x; /* one element of each line */
    f.x_step = from.stride[dim];
    f.y_step = to.stride[dim];
    to.size[dim] = from.size[dim] = 1;
    if (kind != FFT_C2R) to.size[--to.ndim] = 1;
    if (kind != FFT_R2C) from.size[--from.ndim] = 1;
    loop_build(&f.lines, 2, (const Tensor *const[]){&to, &from});
    if (x->device != CPU) return cl_fft(c, name, &f, y, x);
    f.x = tensor_data(x);
    f.y = tensor_data(y);
    return cpu_fft(c, &f);
}

/* x in a dtype that kernels run in; its pairs lie together. */
static bool prepare(Ctx *c, Tensor *ready, const Tensor *x, DType dtype, bool pairs) {
    if (x->dtype == dtype && (!pairs || x->stride[x->ndim - 1] == 1)) {
        tensor_alias(ready, x);
        return true;
    }
    return op_to_dtype(c, ready, x, dtype);
}

bool op_fft_c2c(Ctx *c, Tensor *out, const Tensor *x, uint32_t mask, bool inverse, double scale) {
    out->storage = NULL;
    if (!require_pairs(c, "fft_c2c", x)) return false;
    Tensor ready, wide;
    if (!prepare(c, &ready, x, transform_dtype((DType)x->dtype), true)) return false;
    bool ok = tensor_new_on(c, &wide, x->device, (DType)ready.dtype, x->ndim, x->size);
    const Tensor *from = &ready;
    for (int d = x->ndim - 2; ok && d >= 0; d--) {
        if (!(mask >> d & 1)) continue;
        ok = transform(c, "fft_c2c", FFT_C2C, &wide, from, d, x->size[d], inverse, scale);
        from = &wide;
        scale = 1;
    }
    if (ok && from == &ready) ok = op_copy_(c, &wide, &ready); /* no dimensions */
    tensor_release(&ready);
    if (ok) return give_as(c, out, &wide, result_dtype(c, (DType)x->dtype));
    tensor_release(&wide);
    return false;
}

bool op_fft_r2c(Ctx *c, Tensor *out, const Tensor *x, int dim, bool inverse, double scale) {
    out->storage = NULL;
    REQUIRE(c, x->ndim >= 1, "fft_r2c: expected at least one dimension, got a 0-dim tensor");
    REQUIRE(c, x->ndim < MAX_DIMS, "fft_r2c: a tensor has at most %d dimensions, with that of the pairs",
            MAX_DIMS);
    REQUIRE(c, x->size[dim] > 0, "fft_r2c: expected at least one element along dimension %d, got shape (%s)",
            dim + 1, SHAPE(x));
    Tensor ready, wide;
    int64_t size[MAX_DIMS];
    for (int d = 0; d < x->ndim; d++) size[d] = d == dim ? x->size[d] / 2 + 1 : x->size[d];
    size[x->ndim] = 2;
    if (!prepare(c, &ready, x, transform_dtype((DType)x->dtype), false)) return false;
    bool ok = tensor_new_on(c, &wide, x->device, (DType)ready.dtype, x->ndim + 1, size) &&
              transform(c, "fft_r2c", FFT_R2C, &wide, &ready, dim, x->size[dim], inverse, scale);
    tensor_release(&ready);
    if (ok) return give_as(c, out, &wide, result_dtype(c, (DType)x->dtype));
    tensor_release(&wide);
    return false;
}

bool op_fft_c2r(Ctx *c, Tensor *out, const Tensor *x, int dim, int64_t n, bool inverse, double scale) {
    out->storage = NULL;
    if (!require_pairs(c, "fft_c2r", x)) return false;
    REQUIRE(c, x->ndim >= 2 && dim < x->ndim - 1,
            "fft_c2r: expected a dimension before that of the pairs, got shape (%s)", SHAPE(x));
    REQUIRE(c, n >= 1 && x->size[dim] == n / 2 + 1,
            "fft_c2r: %lld real elements have %lld pairs along dimension %d, got shape (%s)", (long long)n,
            (long long)(n / 2 + 1), dim + 1, SHAPE(x));
    Tensor ready, wide;
    int64_t size[MAX_DIMS];
    for (int d = 0; d < x->ndim - 1; d++) size[d] = d == dim ? n : x->size[d];
    if (!prepare(c, &ready, x, transform_dtype((DType)x->dtype), true)) return false;
    bool ok = tensor_new_on(c, &wide, x->device, (DType)ready.dtype, x->ndim - 1, size) &&
              transform(c, "fft_c2r", FFT_C2R, &wide, &ready, dim, n, inverse, scale);
    tensor_release(&ready);
    if (ok) return give_as(c, out, &wide, result_dtype(c, (DType)x->dtype));
    tensor_release(&wide);
    return false;
}

/* y = a b, all of one dtype; the pairs of a and b lie together. */
static bool multiply(Ctx *c, Tensor *y, const Tensor *a, const Tensor *b, bool conj) {
    Tensor to = *y, from, by;
    if (!tensor_expand(c, &from, a, y->ndim, y->size, "cmul")) return false;
    bool ok = tensor_expand(c, &by, b, y->ndim, y->size, "cmul");
    if (ok) {
        Loop pairs;
        Tensor *const one[] = {&to, &from, &by}; /* the first number of each pair */
        for (int i = 0; i < 3; i++) one[i]->ndim--;
        loop_build(&pairs, 3, (const Tensor *const[]){&to, &from, &by});
        ok = y->device == CPU ? cpu_pairs(c, (DType)y->dtype, &pairs, tensor_data(y), tensor_data(&from),
                                          tensor_data(&by), conj)
                              : cl_pairs(c, "cmul", &pairs, y, &from, &by, conj);
        tensor_release(&by);
    }
    tensor_release(&from);
    return ok;
}

bool op_cmul(Ctx *c, Tensor *out, const Tensor *a, const Tensor *b, bool conj) {
    out->storage = NULL;
    if (!require_pairs(c, "cmul", a) || !require_pairs(c, "cmul", b)) return false;
    if (!require_same_device(c, "cmul", a, b)) return false;
    const DType result = result_dtype(c, dtype_promote((DType)a->dtype, (DType)b->dtype));
    int ndim;
    int64_t size[MAX_DIMS];
    Tensor x, w, wide;
    if (!broadcast_shape(c, "cmul", a, b, &ndim, size)) return false;
    if (!prepare(c, &x, a, transform_dtype(result), true)) return false;
    if (!prepare(c, &w, b, transform_dtype(result), true)) {
        tensor_release(&x);
        return false;
    }
    bool ok = tensor_new_on(c, &wide, a->device, transform_dtype(result), ndim, size) &&
              multiply(c, &wide, &x, &w, conj);
    tensor_release(&x);
    tensor_release(&w);
    if (ok) return give_as(c, out, &wide, result);
    tensor_release(&wide);
    return false;
}
