/* softmax and log_softmax: shape and dtype rules, then cpu/softmax.c or cl/softmax.c. */
#include "ops/softmax.h"
#include "cl/softmax.h"
#include "ops/float_operand.h"

SoftmaxView softmax_view(const Tensor *x, int dim) {
    SoftmaxView v = {1, x->ndim ? x->size[dim] : 1, 1};
    for (int d = 0; d < dim; d++) v.outer *= x->size[d];
    for (int d = dim + 1; d < x->ndim; d++) v.inner *= x->size[d];
    return v;
}

static bool compute(Ctx *c, const char *name, const Tensor *y, const Tensor *x, int dim, SoftmaxForm form) {
    if (y->device != CPU) return cl_softmax(c, name, y, x, dim, form == FORM_LOG_SOFTMAX);
    return cpu_softmax(c, tensor_data(y), tensor_data(x), (DType)y->dtype, softmax_view(x, dim), NULL, form);
}

static bool compute_grad(Ctx *c, const char *name, const Tensor *gx, const Tensor *g, const Tensor *y,
                         int dim, SoftmaxForm form) {
    if (y->device != CPU) return cl_softmax_grad(c, name, gx, g, y, dim, form == FORM_LOG_SOFTMAX);
    return cpu_softmax_grad(c, tensor_data(gx), tensor_data(g), tensor_data(y), (DType)y->dtype,
                            softmax_view(y, dim), form);
}

bool op_softmax(Ctx *c, Tensor *out, const Tensor *x, const char *name, int dim, DType dtype,
                SoftmaxForm form) {
    Tensor dense = {0}, wide = {0};
    out->storage = NULL;
    REQUIRE(c, dtype_is_float(dtype),
            "%s: expected a floating-point tensor, got %s; convert it: x:to(\"f32\"), or give a dtype", name,
            dtype_name(dtype));
    const DType t = operand_dtype(x, dtype);
    bool ok = op_contiguous(c, &dense, x, t) && tensor_new_like(c, &wide, t, x) &&
              compute(c, name, &wide, &dense, dim, form);
    tensor_release(&dense);
    if (ok) return give_as(c, out, &wide, dtype);
    tensor_release(&wide);
    return false;
}

bool op_softmax_grad(Ctx *c, Tensor *gx, const Tensor *g, const Tensor *y, const char *name, int dim,
                     SoftmaxForm form) {
    Tensor dense_g = {0}, dense_y = {0}, wide = {0};
    gx->storage = NULL;
    if (!require_floating(c, name, y) || !require_same_device(c, name, g, y)) return false;
    REQUIRE(c, tensor_same_shape(g, y), "%s: expected a gradient of shape (%s), got (%s)", name, SHAPE(y),
            SHAPE(g));
    const DType t = operand_dtype(y, (DType)y->dtype);
    bool ok = op_contiguous(c, &dense_g, g, t) && op_contiguous(c, &dense_y, y, t) &&
              tensor_new_like(c, &wide, t, y) && compute_grad(c, name, &wide, &dense_g, &dense_y, dim, form);
    tensor_release(&dense_g);
    tensor_release(&dense_y);
    if (ok) return give_as(c, gx, &wide, (DType)y->dtype);
    tensor_release(&wide);
    return false;
}
