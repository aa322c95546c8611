/* Launches of kernels_cl/softmax.cl. */
#include "cl/softmax.h"
#include "cl/rows.h"

#define MACROS                                                                                               \
    2, {                                                                                                     \
        "X", "COMPUTE", "LANES", "LOGARITHM"                                                                 \
    }
static const ClSpec softmax = {"softmax.cl", "softmax", MACROS};
static const ClSpec softmax_grad = {"softmax.cl", "softmax_grad", MACROS};

/* x as (outer, n, inner); rows: outer * inner. */
typedef struct View {
    int64_t rows, n, inner;
} View;

static View view_of(const Tensor *x, int dim) {
    View v = {1, x->ndim ? x->size[dim] : 1, 1};
    for (int d = 0; d < x->ndim; d++) {
        if (d != dim) v.rows *= x->size[d];
        if (d > dim) v.inner *= x->size[d];
    }
    return v;
}

/* The kernel's tensors: the result, then one or two operands. */
static bool launch(Ctx *c, const char *op, const ClSpec *spec, const Tensor *const *t, int tensors, int dim,
                   bool logarithm) {
    const View v = view_of(t[0], dim);
    const int lanes = cl_row_lanes(c, t[0]->device, v.n, v.inner), dtype = t[0]->dtype;
    if (!lanes) return false;
    ClKernel *k = cl_get_kernel(c, op, t[0]->device, spec, NULL,
                                (int[]){dtype, (int)cl_compute_dtype(dtype), lanes, logarithm});
    ClArg args[6];
    int count = 0;
    for (int i = 0; i < tensors; i++) args[count++] = arg_tensor(t[i]);
    args[count++] = arg_int64(v.rows);
    args[count++] = arg_int64(v.n);
    args[count++] = arg_int64(v.inner);
    return k && (v.n == 0 || cl_launch_rows(c, k, v.rows, lanes, count, args));
}

bool cl_softmax(Ctx *c, const char *op, const Tensor *y, const Tensor *x, int dim, bool logarithm) {
    return launch(c, op, &softmax, (const Tensor *const[]){y, x}, 2, dim, logarithm);
}

bool cl_softmax_grad(Ctx *c, const char *op, const Tensor *gx, const Tensor *g, const Tensor *y, int dim,
                     bool logarithm) {
    return launch(c, op, &softmax_grad, (const Tensor *const[]){gx, g, y}, 3, dim, logarithm);
}
