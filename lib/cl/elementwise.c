/* Launches of kernels_cl/elementwise.cl. */
#include "cl/elementwise.h"
#include "cl/runtime.h"
#include "core/loop.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VECTOR = 4, ANY_DIMS = 3 /* STRIDED in the kernel: not for a fixed number of dimensions */ };

static const ClSpec elementwise = {"elementwise.cl",
                                   "elementwise",
                                   5,
                                   {"Y", "A", "B", "C", "COMPUTE", "INPUTS", "A_NUMBER", "B_NUMBER",
                                    "C_NUMBER", "STRIDED", "WIDE", "VECTOR"}};
static const ClSpec range = {"range.cl", "range", 2, {"Y", "COMPUTE"}};

/* As in kernels_cl/elementwise.cl. */
typedef struct Walk {
    int64_t ndim, size[MAX_DIMS], stride[4][MAX_DIMS];
} Walk;

/* The last position of an operand, for the choice of 32 or 64 bits. */
static int64_t reach(const Loop *l, int k) {
    int64_t at = 0;
    for (int d = 0; d < l->ndim; d++) at += (l->size[d] - 1) * llabs(l->stride[k][d]);
    return at;
}

static ClArg number_argument(const Tensor *t, DType compute) {
    if (compute == I64) return arg_int64(tensor_get_int(t, 0));
    return arg_number(compute, tensor_get_double(t, 0));
}

/* Whole vectors of every operand start at a multiple of their size. */
static bool is_aligned(int operands, const Tensor *const *t) {
    for (int k = 0; k < operands; k++)
        if (t[k]->device != CPU && t[k]->offset % VECTOR != 0) return false;
    return true;
}

/* STRIDED. Where divisions are cheap beside the rest, on a CPU, one kernel does for any number. */
static int strided_dims(const ClDevice *d, bool strided, int ndim) {
    if (!strided) return 0;
    return d->as_gpu && ndim < ANY_DIMS ? ndim : ANY_DIMS;
}

bool cl_elementwise(Ctx *c, const char *op, int operands, const Tensor *const *t, DType compute,
                    const double *p) {
    Loop loop;
    loop_build(&loop, operands, t);
    if (loop.numel == 0) return true;
    ClQueue *queue = cl_queue(c, t[0]->device);
    if (!queue) return false;

    bool strided = false, wide = loop.numel >= INT32_MAX;
    for (int k = 0; k < operands; k++) {
        if (t[k]->device == CPU) continue;
        strided |= !loop_is_linear(&loop, k);
        wide |= reach(&loop, k) >= INT32_MAX;
    }
    int vector = !strided && queue->device->as_gpu && is_aligned(operands, t) ? VECTOR : 1;
    /* The dtype of what is not in memory does not matter: one value keeps the variants few. */
    int type[LOOP_OPERANDS] = {t[0]->dtype}, is_number[LOOP_OPERANDS] = {0};
    for (int i = 1; i < LOOP_OPERANDS; i++) {
        is_number[i] = i < operands && t[i]->device == CPU;
        type[i] = i >= operands || is_number[i] ? type[i - 1] : t[i]->dtype;
    }
    ClKernel *k = cl_get_kernel(
        c, op, t[0]->device, &elementwise, op,
        (int[]){type[0], type[1], type[2], type[3], (int)compute, operands - 1, is_number[1], is_number[2],
                is_number[3], strided_dims(queue->device, strided, loop.ndim), strided && wide, vector});
    if (!k) return false;

    Walk walk = {.ndim = loop.ndim};
    ClArg args[9];
    int n = 0;
    args[n++] = arg_int64(loop.numel);
    args[n++] = arg_tensor(t[0]);
    for (int i = 1; i < operands; i++)
        args[n++] = is_number[i] ? number_argument(t[i], compute) : arg_tensor(t[i]);
    args[n++] = arg_number(compute, p ? p[0] : 0);
    args[n++] = arg_number(compute, p ? p[1] : 0);
    if (strided) {
        memcpy(walk.size, loop.size, sizeof walk.size);
        for (int i = 0; i < operands; i++) memcpy(walk.stride[i], loop.stride[i], sizeof walk.stride[i]);
        args[n++] = arg_struct(&walk, sizeof walk);
    }
    return cl_launch_flat(c, k, (loop.numel + vector - 1) / vector, n, args);
}

bool cl_range(Ctx *c, Tensor *out, double first, double step, double last) {
    int64_t n = tensor_numel(out);
    if (n == 0) return true;
    bool whole = isnan(last) && first == rint(first) && step == rint(step);
    DType compute = whole ? I64 : cl_describe(out->device)->fp64 ? F64 : F32;
    ClKernel *k = cl_get_kernel(c, "arange", out->device, &range, NULL, (int[]){out->dtype, (int)compute});
    return k && cl_launch_flat(c, k, n,
                               CL_ARGS(arg_int64(n), arg_tensor(out), arg_number(compute, first),
                                       arg_number(compute, step), arg_number(compute, isnan(last) ? 0 : last),
                                       arg_int(!isnan(last))));
}
