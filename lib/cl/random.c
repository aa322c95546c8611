/* Launches of kernels_cl/random.cl. */
#include "cl/random.h"
#include "cl/runtime.h"
#include <math.h>

static const ClSpec draw_spec = {"random.cl", "draw", 3, {"Y", "X", "COMPUTE", "DRAW", "EXACT_SQRT"}};

/* As in kernels_cl/random.cl. */
typedef struct Params {
    uint64_t seed, counter, threshold, low, range;
} Params;

static int elements_a_block(int draw, DType compute) {
    const bool two_words =
        draw == RANDOM_REAL_COUNT + RANDOM_LARGE || (compute == F64 && draw < RANDOM_DROPOUT);
    return two_words ? 2 : 4;
}

bool cl_draw(Ctx *c, const char *op, const Tensor *y, const Tensor *x, int draw, DType compute,
             const RandomParams *params, uint64_t seed, uint64_t counter) {
    const int64_t n = tensor_numel(y);
    const int elements = elements_a_block(draw, compute);
    const Params p = {seed, counter, params->threshold, params->low, params->range};
    if (n == 0) return true;
    ClKernel *k = cl_get_kernel(
        c, op, y->device, &draw_spec, NULL,
        (int[]){y->dtype, x ? x->dtype : y->dtype, (int)compute, draw, cl_describe(y->device)->exact_divide});
    return k && cl_launch_flat(c, k, (n + elements - 1) / elements,
                               CL_ARGS(arg_int64(n), arg_tensor(y), arg_tensor(x), arg_struct(&p, sizeof p),
                                       arg_number(compute, params->a), arg_number(compute, params->b),
                                       arg_number(compute, params->top), arg_int(params->drop),
                                       arg_float((float)ldexp(1, params->drop - 32))));
}

static const ClSpec draw_each_spec = {"distributions.cl", "draw_each", 0, {"WHICH"}};

bool cl_draw_each(Ctx *c, const char *op, const Tensor *y, int which, const Tensor *a, const Tensor *b,
                  uint64_t seed, uint64_t counter) {
    const int64_t n = tensor_numel(y);
    if (n == 0) return true;
    ClKernel *k = cl_get_kernel(c, op, y->device, &draw_each_spec, NULL, (int[]){which});
    return k && cl_launch_flat(c, k, n,
                               CL_ARGS(arg_int64(n), arg_tensor(y), arg_tensor(a), arg_tensor(b ? b : a),
                                       arg_int64((int64_t)seed), arg_int64((int64_t)counter)));
}
