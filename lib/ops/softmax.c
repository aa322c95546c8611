/* softmax and log_softmax: shape and dtype rules, then cpu/softmax.c. */
#include "ops/softmax.h"
#include "ops/float_operand.h"

SoftmaxView softmax_view(const Tensor *x, int dim) {
    SoftmaxView v = {1, x->ndim ? x->size[dim] : 1, 1};
    for (int d = 0; d < dim; d++) v.outer *= x->size[d];
    for (int d = dim + 1; d < x->ndim; d++) v.inner *= x->size[d];
    return v;
}

bool op_softmax(Ctx *c, Tensor *out, const Tensor *x, const char *name, int dim, DType dtype,
                SoftmaxForm form) {
    Tensor dense, wide;
    out->storage = NULL;
    REQUIRE(c, dtype_is_float(dtype),
            "%s: expected a floating-point tensor, got %s; convert it: x:to(\"f32\"), or give a dtype", name,
            dtype_name(dtype));
    if (!require_cpu(c, name, x)) return false;
    const DType compute = compute_dtype(dtype);
    if (!op_contiguous(c, &dense, x, compute)) return false;
    bool ok = tensor_new_like(c, &wide, compute, x);
    if (ok &&
        !cpu_softmax(c, tensor_data(&wide), tensor_data(&dense), compute, softmax_view(x, dim), NULL, form)) {
        tensor_release(&wide);
        ok = false;
    }
    tensor_release(&dense);
    return ok && give_as(c, out, &wide, dtype);
}

bool op_softmax_grad(Ctx *c, Tensor *gx, const Tensor *g, const Tensor *y, const char *name, int dim,
                     SoftmaxForm form) {
    Tensor dense_g = {0}, dense_y = {0}, wide = {0};
    gx->storage = NULL;
    if (!require_floating(c, name, y) || !require_same_device(c, name, g, y) || !require_cpu(c, name, y))
        return false;
    REQUIRE(c, tensor_same_shape(g, y), "%s: expected a gradient of shape (%s), got (%s)", name, SHAPE(y),
            SHAPE(g));
    const DType compute = compute_dtype((DType)y->dtype);
    bool ok = op_contiguous(c, &dense_g, g, compute) && op_contiguous(c, &dense_y, y, compute) &&
              tensor_new_like(c, &wide, compute, y) &&
              cpu_softmax_grad(c, tensor_data(&wide), tensor_data(&dense_g), tensor_data(&dense_y), compute,
                               softmax_view(y, dim), form);
    release_if_any(&dense_g);
    release_if_any(&dense_y);
    if (ok) return give_as(c, gx, &wide, (DType)y->dtype);
    release_if_any(&wide);
    return false;
}
