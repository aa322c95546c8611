/* Draws with parameters for each element: gamma, Poisson, binomial. */
#include "cl/device.h"
#include "cl/random.h"
#include "cpu/distributions.h"
#include "ops/float_operand.h"
#include "ops/random.h"

static const char *const names[] = {"standard_gamma", "poisson", "binomial"};

/* x broadcast to a shape, contiguous, in f64, on `device`. */
static bool parameter(Ctx *c, Tensor *out, const Tensor *x, int ndim, const int64_t *size, Device device,
                      const char *op) {
    Tensor near, view;
    out->storage = NULL;
    if (!op_to(c, &near, x, device, (DType)x->dtype)) return false;
    bool ok = tensor_expand(c, &view, &near, ndim, size, op);
    tensor_release(&near);
    if (!ok) return false;
    ok = op_contiguous(c, out, &view, F64);
    tensor_release(&view);
    return ok;
}

bool op_draw_each(Ctx *c, Tensor *out, DrawEach which, const Tensor *a, const Tensor *b) {
    const char *op = names[which];
    int64_t size[MAX_DIMS];
    int ndim = a->ndim;
    for (int d = 0; d < ndim; d++) size[d] = a->size[d];
    out->storage = NULL;
    if (!require_floating(c, op, a)) return false;
    if (b && (!require_same_device(c, op, a, b) || !broadcast_shape(c, op, a, b, &ndim, size))) return false;
    /* Where a device lacks f64, the CPU draws the same numbers. */
    Device device = a->device != CPU && cl_describe(a->device)->fp64 ? a->device : CPU;
    Tensor first, second = {0}, drawn = {0}, narrow = {0};
    bool ok = parameter(c, &first, a, ndim, size, device, op) &&
              (!b || parameter(c, &second, b, ndim, size, device, op)) &&
              tensor_new_on(c, &drawn, device, F64, ndim, size);
    if (ok) {
        int64_t n = tensor_numel(&drawn);
        uint64_t seed = c->rng.seed, counter = rng_take(&c->rng, (uint64_t)n);
        if (device != CPU)
            ok = cl_draw_each(c, op, &drawn, (int)which, &first, b ? &second : NULL, seed, counter);
        else
            ok = cpu_draw_each(c, (int)which, tensor_data(&drawn), tensor_data(&first),
                               b ? tensor_data(&second) : NULL, n, seed, counter);
    }
    ok = ok && op_contiguous(c, &narrow, &drawn, (DType)a->dtype) &&
         op_to(c, out, &narrow, a->device, (DType)a->dtype);
    if (ok) out->is_view = false;
    tensor_release(&first);
    tensor_release(&second);
    tensor_release(&drawn);
    tensor_release(&narrow);
    return ok;
}
