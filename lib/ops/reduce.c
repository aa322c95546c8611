/* Reductions: shape and dtype rules (PyTorch's), then cpu/reduce.c. */
#include "ops/reduce.h"
#include "cl/reduce.h"
#include "cpu/reduce.h"
#include "ops/float_operand.h"
#include <math.h>

int reduce_kind(DType t) {
    switch (t) {
    case F32:
        return KIND_F32;
    case F64:
        return KIND_F64;
    case I64:
        return KIND_I64;
    case I32:
        return KIND_I32;
    case U8:
    case BOOL:
        return KIND_U8;
    default:
        return -1;
    }
}

DType reduce_native(DType t) {
    if (t == F16 || t == BF16) return F32;
    return t == I8 || t == I16 ? I32 : t;
}

static int result_shape(const Tensor *x, uint32_t mask, bool keepdim, int64_t *size) {
    int ndim = 0;
    for (int d = 0; d < x->ndim; d++) {
        if (!(mask >> d & 1))
            size[ndim++] = x->size[d];
        else if (keepdim)
            size[ndim++] = 1;
    }
    return ndim;
}

/* The dtype of a result, given x's: what reduce.def calls RESULT, COUNT, FLAG, SRC. */
static DType result_dtype(ReduceOp op, DType x) {
    switch (op) {
    case REDUCE_sum:
    case REDUCE_nansum:
    case REDUCE_prod:
        return dtype_is_float(x) ? x : I64;
    case REDUCE_count_nonzero:
        return I64;
    case REDUCE_all:
    case REDUCE_any:
        return x == U8 ? U8 : BOOL;
    default:
        return x;
    }
}

/* Fails where an op that has no value for no elements would need one. */
static bool require_elements(Ctx *c, const Tensor *x, const char *name, uint32_t mask) {
    bool wanted = true;
    for (int d = 0; d < x->ndim; d++) wanted = wanted && (x->size[d] > 0 || mask >> d & 1);
    for (int d = 0; wanted && d < x->ndim; d++)
        REQUIRE(c, x->size[d] > 0, "%s: expected at least one element to reduce, got shape (%s)", name,
                SHAPE(x));
    return true;
}

/* One pass on a native dtype; out is made here. as: the dtype of out (bool and u8 share kernels). */
static bool pass(Ctx *c, Tensor *out, const Tensor *x, ReduceOp op, uint32_t mask, bool keepdim, DType as,
                 const double *q, double p) {
    int64_t size[MAX_DIMS];
    ReducePlan plan;
    if (!tensor_new(c, out, as, result_shape(x, mask, keepdim, size), size)) return false;
    cpu_reduce_plan(&plan, x, mask);
    const ReduceKernel *kernel = &cpu_reduce_kernels()->reduce[op][reduce_kind((DType)x->dtype)];
    if (cpu_reduce(c, &plan, kernel, dtype_size((DType)x->dtype), tensor_data(x), dtype_size(as),
                   tensor_data(out), q, p))
        return true;
    tensor_release(out);
    return false;
}

/* The lines of reduce.def by name: what the OpenCL kernels are compiled for. */
static const char *const table_name[REDUCE_COUNT] = {
#define REDUCE(name, ...) #name,
#include "ops/reduce.def"
};

/* A reduction on a device, whose kernels convert as they load: every dtype is native there. */
static bool reduce_on_device(Ctx *c, Tensor *out, const Tensor *x, ReduceOp op, ReduceOp q_op,
                             const char *name, uint32_t mask, bool keepdim, double p) {
    int64_t size[MAX_DIMS];
    int ndim = result_shape(x, mask, keepdim, size);
    Tensor q = {0};
    if (!tensor_new_on(c, out, x->device, result_dtype(op, (DType)x->dtype), ndim, size)) return false;
    bool ok = q_op < 0 || (tensor_new_on(c, &q, x->device, cl_real_dtype(x->device), ndim, size) &&
                           cl_reduce(c, name, table_name[q_op], &q, NULL, x, mask, NULL, 0));
    ok = ok && cl_reduce(c, name, table_name[op], out, NULL, x, mask, q_op < 0 ? NULL : &q, p);
    tensor_release(&q);
    if (!ok) tensor_release(out);
    return ok;
}

/* The dispatch of every reduction in the table: the one place that knows devices and dtypes without kernels.
 */
static bool reduce(Ctx *c, Tensor *out, const Tensor *x, ReduceOp op, ReduceOp q_op, const char *name,
                   uint32_t mask, bool keepdim, double p) {
    out->storage = NULL;
    DType from = (DType)x->dtype, native = reduce_native(from), as = result_dtype(op, native);
    if (x->device != CPU) return reduce_on_device(c, out, x, op, q_op, name, mask, keepdim, p);
    if (native != from) {
        Tensor converted, wide;
        if (!op_to_dtype(c, &converted, x, native)) return false;
        bool ok = reduce(c, &wide, &converted, op, q_op, name, mask, keepdim, p);
        tensor_release(&converted);
        return ok && give_as(c, out, &wide, result_dtype(op, from));
    }
    if (q_op < 0) return pass(c, out, x, op, mask, keepdim, as, NULL, p);
    Tensor q;
    if (!pass(c, &q, x, q_op, mask, keepdim, F64, NULL, p)) return false;
    bool ok = pass(c, out, x, op, mask, keepdim, as, tensor_data(&q), p);
    tensor_release(&q);
    return ok;
}

bool op_reduce(Ctx *c, Tensor *out, const Tensor *x, ReduceOp op, const char *name, uint32_t mask,
               bool keepdim) {
    out->storage = NULL;
    if ((op == REDUCE_amax || op == REDUCE_amin) && !require_elements(c, x, name, mask)) return false;
    if (op == REDUCE_mean && !require_floating(c, name, x)) return false;
    return reduce(c, out, x, op, -1, name, mask, keepdim, 0);
}

bool op_reduce_as(Ctx *c, Tensor *out, const Tensor *x, ReduceOp op, const char *name, uint32_t mask,
                  bool keepdim, DType dtype) {
    if (dtype == (DType)x->dtype) return op_reduce(c, out, x, op, name, mask, keepdim);
    Tensor converted, wide;
    out->storage = NULL;
    if (!op_to_dtype(c, &converted, x, dtype)) return false;
    bool ok = op_reduce(c, &wide, &converted, op, name, mask, keepdim);
    tensor_release(&converted);
    return ok && give_as(c, out, &wide, dtype);
}

bool op_norm(Ctx *c, Tensor *out, const Tensor *x, double p, uint32_t mask, bool keepdim) {
    out->storage = NULL;
    if (!require_floating(c, "norm", x)) return false;
    ReduceOp op = REDUCE_norm_p;
    if (p == 2) op = REDUCE_norm_2;
    if (p == 1) op = REDUCE_norm_1;
    if (p == 0) op = REDUCE_norm_0;
    if (isinf(p)) op = p > 0 ? REDUCE_norm_inf : REDUCE_norm_neg_inf;
    if ((p < 0 || isinf(p)) && !require_elements(c, x, "norm", mask)) return false;
    return reduce(c, out, x, op, -1, "norm", mask, keepdim, p);
}

bool op_var(Ctx *c, Tensor *out, Tensor *mean, const Tensor *x, const char *name, uint32_t mask,
            double correction, bool keepdim, bool root) {
    out->storage = NULL;
    if (mean) mean->storage = NULL;
    if (!require_floating(c, name, x)) return false;
    if (!reduce(c, out, x, root ? REDUCE_std : REDUCE_var, REDUCE_wide_mean, name, mask, keepdim, correction))
        return false;
    if (!mean || op_reduce(c, mean, x, REDUCE_mean, name, mask, keepdim)) return true;
    tensor_release(out);
    return false;
}

bool op_logsumexp(Ctx *c, Tensor *out, const Tensor *x, uint32_t mask, bool keepdim) {
    out->storage = NULL;
    if (dtype_is_float((DType)x->dtype))
        return reduce(c, out, x, REDUCE_logsumexp, REDUCE_finite_max, "logsumexp", mask, keepdim, 0);
    Tensor converted;
    if (!op_to_dtype(c, &converted, x, (DType)c->default_dtype)) return false;
    bool ok = op_logsumexp(c, out, &converted, mask, keepdim);
    tensor_release(&converted);
    return ok;
}

static bool extreme_on_device(Ctx *c, Tensor *value, Tensor *index, const Tensor *x, const char *name,
                              bool smallest, uint32_t mask, bool keepdim) {
    int64_t size[MAX_DIMS];
    int ndim = result_shape(x, mask, keepdim, size);
    Tensor row;
    if (__builtin_popcount(mask) <= 1)
        tensor_alias(&row, x);
    else if (!op_contiguous(c, &row, x, (DType)x->dtype)) /* the position is that in the flat tensor */
        return false;
    bool ok = (!value || tensor_new_on(c, value, x->device, (DType)x->dtype, ndim, size)) &&
              (!index || tensor_new_on(c, index, x->device, I64, ndim, size)) &&
              cl_reduce(c, name, smallest ? "smallest" : "largest", value, index, &row, mask, NULL, 0);
    tensor_release(&row);
    if (!ok && value) tensor_release(value);
    if (!ok && index) tensor_release(index);
    return ok;
}

bool op_extreme(Ctx *c, Tensor *value, Tensor *index, const Tensor *x, const char *name, bool smallest,
                int dim, bool keepdim) {
    Tensor row, v, i;
    if (value) value->storage = NULL;
    if (index) index->storage = NULL;
    uint32_t mask = dim < 0 ? reduce_all(x) : x->ndim ? 1u << dim : 0;
    if (!require_elements(c, x, name, mask)) return false;
    if (x->device != CPU) return extreme_on_device(c, value, index, x, name, smallest, mask, keepdim);
    DType from = (DType)x->dtype, native = reduce_native(from);
    /* Over everything the position is that in the flat tensor: one contiguous row. */
    bool flat = dim < 0;
    if (flat || native != from) {
        if (!op_contiguous(c, &row, x, native)) return false;
    } else {
        tensor_alias(&row, x);
    }
    int64_t size[MAX_DIMS];
    int ndim = result_shape(x, mask, keepdim, size);
    ReducePlan plan;
    cpu_reduce_plan(&plan, &row, mask);
    bool ok = tensor_new(c, &v, native, ndim, size);
    if (ok && !tensor_new(c, &i, I64, ndim, size)) {
        tensor_release(&v);
        ok = false;
    }
    if (ok) {
        const PairKernel *kernel = &cpu_reduce_kernels()->extreme[smallest][reduce_kind(native)];
        ok = cpu_reduce_pair(c, &plan, kernel, dtype_size(native), tensor_data(&row), tensor_data(&v),
                             sizeof(int64_t), tensor_data(&i));
        if (ok && value && native != from)
            ok = op_to_dtype(c, value, &v, from);
        else if (ok && value)
            tensor_alias(value, &v);
        if (ok && index) tensor_alias(index, &i);
        tensor_release(&v);
        tensor_release(&i);
    }
    tensor_release(&row);
    return ok;
}

bool op_aminmax(Ctx *c, Tensor *low, Tensor *high, const Tensor *x, const char *name, uint32_t mask,
                bool keepdim) {
    low->storage = high->storage = NULL;
    if (!require_elements(c, x, name, mask)) return false;
    DType dtype = (DType)x->dtype;
    ReducePlan plan;
    int64_t size[MAX_DIMS];
    cpu_reduce_plan(&plan, x, mask);
    bool ok;
    if (x->device != CPU || reduce_native(dtype) != dtype || plan.reduced > 1) {
        ok = op_reduce(c, low, x, REDUCE_amin, name, mask, keepdim) &&
             op_reduce(c, high, x, REDUCE_amax, name, mask, keepdim);
    } else {
        const int ndim = result_shape(x, mask, keepdim, size);
        const PairKernel *kernel = &cpu_reduce_kernels()->aminmax[reduce_kind(dtype)];
        ok = tensor_new(c, low, dtype, ndim, size) && tensor_new(c, high, dtype, ndim, size) &&
             cpu_reduce_pair(c, &plan, kernel, dtype_size(dtype), tensor_data(x), tensor_data(low),
                             dtype_size(dtype), tensor_data(high));
    }
    if (ok) return true;
    tensor_release(low);
    tensor_release(high);
    return false;
}

bool op_sum_to_size(Ctx *c, Tensor *out, const Tensor *x, int ndim, const int64_t *size) {
    out->storage = NULL;
    uint32_t mask = 0;
    bool fits = ndim <= x->ndim;
    for (int d = 0; fits && d < x->ndim; d++) {
        int to = d - (x->ndim - ndim);
        if (to < 0 || (size[to] == 1 && x->size[d] != 1))
            mask |= 1u << d;
        else
            fits = size[to] == x->size[d];
    }
    REQUIRE(c, fits, "sum_to_size: (%s) does not broadcast to (%s)", SIZES(ndim, size), SHAPE(x));
    if (!mask) {
        tensor_alias(out, x);
        return true;
    }
    if (!op_reduce(c, out, x, REDUCE_sum, "sum_to_size", mask, false)) return false;
    out->ndim = (int8_t)ndim;
    for (int d = 0; d < ndim; d++) out->size[d] = size[d];
    contiguous_strides(ndim, out->size, out->stride);
    return true;
}
