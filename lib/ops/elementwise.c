/* Elementwise ops: dtype rules, broadcasting and in-place forms before the loop of ops/elementwise_loop.c. */
#include "ops/elementwise_loop.h"
#include "cl/device.h"
#include "ops/ops.h"
#include "ops/reduce.h"
#include <math.h>
#include <string.h>

#define INFO(op, op_rule, op_arity, p1, v1, p2, v2, ...)                                                     \
    {.name = #op,                                                                                            \
     .rule = op_rule,                                                                                        \
     .arity = op_arity,                                                                                      \
     .params = !!(p1) + !!(p2),                                                                              \
     .param = {{p1, v1}, {p2, v2}}},
#define EXPAND(...)                       INFO(__VA_ARGS__)
#define UNARY(op, rule, fx, ix, params)   EXPAND(op, rule, 1, ROW_##params)
#define BINARY(op, rule, fx, ix, params)  EXPAND(op, rule, 2, ROW_##params)
#define TERNARY(op, rule, fx, ix, params) EXPAND(op, rule, 3, ROW_##params)
#define ROW_NONE                          NULL, 0, NULL, 0
#define ROW_P1(name, value)               name, value, NULL, 0
#define ROW_P2(n1, v1, n2, v2)            n1, v1, n2, v2
const ElementwiseInfo elementwise_info[EW_COUNT] = {
#include "ops/elementwise.def"
};
#undef UNARY
#undef BINARY
#undef TERNARY

/* --- dtype rules
 * --------------------------------------------------------------------------------------------------- */

static int category(DType t) {
    return dtype_is_float(t) ? 2 : t == BOOL ? 0 : 1;
}

/* `higher` takes precedence over `lower` unless lower is of a higher kind. DTYPE_COUNT: none. */
static DType combine(DType higher, DType lower) {
    if (higher == DTYPE_COUNT) return lower;
    if (lower == DTYPE_COUNT) return higher;
    return category(lower) > category(higher) ? dtype_promote(higher, lower) : higher;
}

DType operands_dtype(const Ctx *c, int n, const Operand *const *operands) {
    DType shaped = DTYPE_COUNT, scalar = DTYPE_COUNT, number = DTYPE_COUNT;
    for (int i = 0; i < n; i++) {
        const Operand *o = operands[i];
        DType t = o->tensor       ? (DType)o->tensor->dtype
                  : o->is_boolean ? BOOL
                  : o->is_integer ? I64
                                  : (DType)c->default_dtype;
        DType *into = !o->tensor ? &number : o->tensor->ndim ? &shaped : &scalar;
        *into = *into == DTYPE_COUNT ? t : dtype_promote(*into, t);
    }
    return combine(shaped, combine(scalar, number));
}

/* The dtype to compute in (before widening to a compute type), or false with an error. */
static bool input_dtype(Ctx *c, const ElementwiseInfo *info, int n, const Operand *const *operands,
                        const double *p, DType *out) {
    DType t = operands_dtype(c, n, operands);
    if (!dtype_is_float(t) && info->rule == FLOATING) t = (DType)c->default_dtype;
    for (int i = 0; i < info->params && !dtype_is_float(t) && info->rule != FLOATING; i++)
        if (isfinite(p[i]) && p[i] != rint(p[i])) t = (DType)c->default_dtype; /* clamp(int tensor, 0.5) */
    REQUIRE(c, !(info->rule == BITWISE && dtype_is_float(t)), "%s: expected integers or bool, got %s",
            info->name, dtype_name(t));
    REQUIRE(c, !(info->rule == NUMERIC && t == BOOL),
            "%s: not defined for bool; use logical_not, or x:to('i64')", info->name);
    *out = t;
    return true;
}

static bool refuse(Ctx *c, ElementwiseOp op, bool divides) {
    if (divides) return ctx_fail(c, "%s: integer division by zero", elementwise_info[op].name);
    return ctx_fail(c, "pow: an integer to a negative integer power; convert to floats first");
}

/* The look at the divisors or exponents for a tensor on a device: waits for it. */
static bool refuse_on_device(Ctx *c, ElementwiseOp op, const Tensor *b, bool divides) {
    Tensor is_bad = {0}, any = {0};
    uint8_t bad = 0;
    const double p[2] = {0, 0};
    bool ok =
        op_elementwise(c, &is_bad, divides ? EW_eq : EW_lt, &(Operand){.tensor = b},
                       &(Operand){.is_integer = true}, p, false) &&
        op_reduce(c, &any, &is_bad, REDUCE_any, elementwise_info[op].name, reduce_all(&is_bad), false) &&
        cl_download(c, &bad, any.storage, 0, 1);
    tensor_release(&is_bad);
    tensor_release(&any);
    return ok && bad ? refuse(c, op, divides) : ok;
}

static bool refuse_integers(Ctx *c, ElementwiseOp op, const Tensor *b) {
    /* Division by zero and negative powers have no integer result: look before computing. */
    if (tensor_numel(b) == 0) return true;
    Tensor least;
    bool divides = op == EW_floor_divide || op == EW_trunc_divide || op == EW_remainder || op == EW_fmod;
    if (!divides && op != EW_pow) return true;
    if (b->device != CPU) return refuse_on_device(c, op, b, divides);
    if (!op_contiguous(c, &least, b, I64)) return false;
    const int64_t *values = tensor_data(&least);
    bool bad = false;
    for (int64_t i = 0, n = tensor_numel(&least); i < n && !bad; i++)
        bad = divides ? values[i] == 0 : values[i] < 0;
    tensor_release(&least);
    return bad ? refuse(c, op, divides) : true;
}

/* --- the op
 * -----------------------------------------------------------------------------------------------------------
 */

/* Where all operands with more than one element lie in the same permuted order, the result does too, as in
 * PyTorch. */
static void keep_order(Tensor *out, const Tensor *const *in, int n) {
    const Tensor *like = NULL;
    for (int k = 0; k < n; k++) {
        if (in[k]->ndim == 0 || !tensor_same_shape(in[k], out)) continue;
        if (tensor_is_contiguous(in[k])) return;
        if (like && memcmp(like->stride, in[k]->stride, sizeof *like->stride * (size_t)out->ndim) != 0)
            return;
        like = in[k];
    }
    if (!like) return;
    /* Positions of like's dimensions by stride: dense strides in that order. */
    int order[MAX_DIMS], ndim = out->ndim;
    for (int d = 0; d < ndim; d++) {
        if (like->stride[d] == 0 && like->size[d] > 1) return;
        int i = d;
        for (; i > 0 && like->stride[order[i - 1]] < like->stride[d]; i--) order[i] = order[i - 1];
        order[i] = d;
    }
    int64_t step = 1;
    for (int i = ndim - 1; i >= 0; i--) {
        out->stride[order[i]] = step;
        step *= out->size[order[i]] > 1 ? out->size[order[i]] : 1;
    }
}

static bool check_in_place(Ctx *c, const ElementwiseInfo *info, const Tensor *dst, DType result, int ndim,
                           const int64_t *size) {
    DType t = (DType)dst->dtype;
    REQUIRE(c, dtype_can_cast(result, t), "%s_: a %s result does not fit the %s tensor in place", info->name,
            dtype_name(result), dtype_name(t));
    REQUIRE(c, ndim == dst->ndim && memcmp(size, dst->size, sizeof *size * (size_t)ndim) == 0,
            "%s_: the result (%s) does not have the shape of the tensor in place (%s)", info->name,
            SIZES(ndim, size), SHAPE(dst));
    REQUIRE(c, !tensor_overlaps_itself(dst),
            "%s_: elements of the tensor share memory (it was expanded); clone it first", info->name);
    return true;
}

/* The device that the op runs on. As in PyTorch a 0-dim tensor on the CPU goes with tensors elsewhere: it is
 * as good as a number. */
static bool choose_device(Ctx *c, const char *op, int n, const Operand *const *operands, Device *device) {
    const Tensor *first = NULL;
    for (int pass = 0; pass < 2 && !first; pass++)
        for (int k = 0; k < n && !first; k++) {
            const Tensor *t = operands[k]->tensor;
            if (t && (pass == 1 || t->ndim > 0 || t->device != CPU)) first = t;
        }
    *device = first->device;
    for (int k = 0; k < n; k++) {
        const Tensor *t = operands[k]->tensor;
        if (!t || (t->ndim == 0 && t->device == CPU) || t == first) continue;
        if (!require_same_device(c, op, first, t)) return false;
    }
    return true;
}

/* Tensors of the same dtype, shape and density: no loop to build, no broadcasting to work out. */
static bool are_plain(int n, const Operand *const *operands, DType dtype) {
    const Tensor *first = operands[0]->tensor;
    for (int k = 0; k < n; k++) {
        const Tensor *t = operands[k]->tensor;
        if (!t || t->dtype != dtype || !tensor_is_contiguous(t)) return false;
        if (k && !tensor_same_shape(first, t)) return false;
    }
    return true;
}

static bool op_small(Ctx *c, Tensor *out, ElementwiseOp op, Compute compute, DType result, int inputs,
                     const Tensor *const *in, const double *p) {
    if (!tensor_new_like(c, out, result, in[0])) return false;
    const char *data[MOST_OPERANDS] = {NULL};
    for (int k = 0; k < inputs; k++) data[k] = tensor_data(in[k]);
    elementwise_chunk(op, compute, tensor_numel(in[0]), tensor_data(out), inputs, data, p);
    return true;
}

/* The op of one operand that is pow with this number for an exponent, or EW_pow where there is none. What
 * they do at -0 and -inf is what PyTorch does. */
static ElementwiseOp power_of(const Operand *exponent) {
    if (exponent->tensor || exponent->is_boolean) return EW_pow;
    const double e = exponent->is_integer ? (double)exponent->integer : exponent->number;
    return e == 2 ? EW_square : e == 0.5 ? EW_sqrt : e == -1 ? EW_reciprocal : e == -0.5 ? EW_rsqrt : EW_pow;
}

static bool is_cube(ElementwiseOp op, const Operand *const *operands) {
    if (op != EW_pow || operands[1]->tensor || !operands[0]->tensor) return false;
    const DType t = (DType)operands[0]->tensor->dtype;
    return (t == F32 || t == F64) &&
           (operands[1]->is_integer ? operands[1]->integer == 3 : operands[1]->number == 3);
}

/* x x x: forty times as fast as pow. */
static bool op_cube(Ctx *c, Tensor *out, const Operand *x, const double *p) {
    if (!op_elementwise(c, out, EW_square, x, NULL, p, false)) return false;
    if (op_elementwise(c, out, EW_mul, &(Operand){.tensor = out}, x, p, true)) return true;
    tensor_release(out);
    return false;
}

bool op_elementwise_of(Ctx *c, Tensor *out, ElementwiseOp op, const Operand *const *operands, const double *p,
                       bool in_place) {
    const ElementwiseInfo *info = &elementwise_info[op];
    int inputs = info->arity;
    DType dtype = F32;
    if (!in_place && is_cube(op, operands)) return op_cube(c, out, operands[0], p);
    if (!input_dtype(c, info, inputs, operands, p, &dtype)) return false;
    if (op == EW_pow && dtype_is_float(dtype)) {
        op = power_of(operands[1]);
        if (op != EW_pow) inputs = 1;
    }
    /* Bools compute as integers, and ~1 is not 0. */
    if (op == EW_bitwise_not && dtype == BOOL) info = &elementwise_info[op = EW_logical_not];
    DType result = info->rule == PREDICATE ? BOOL : dtype;
    Compute compute = compute_of(dtype);

    Tensor number[MOST_OPERANDS];
    NumberRoom room[MOST_OPERANDS];
    const Tensor *in[MOST_OPERANDS] = {NULL};
    for (int k = 0; k < inputs; k++) {
        in[k] = operands[k]->tensor;
        if (in[k]) continue;
        number_tensor(&number[k], &room[k], operands[k]);
        in[k] = &number[k];
    }
    Device device;
    if (!choose_device(c, info->name, inputs, operands, &device)) return false;
    if (inputs == 2 && compute == COMPUTE_I64 && !refuse_integers(c, op, in[1])) return false;

    if (!in_place && device == CPU && dtype == dtype_of_compute(compute) &&
        are_plain(inputs, operands, dtype) && tensor_numel(in[0]) <= ELEMENTWISE_CHUNK)
        return op_small(c, out, op, compute, result, inputs, in, p);

    int ndim = in[0]->ndim;
    int64_t size[MAX_DIMS];
    memcpy(size, in[0]->size, sizeof size);
    for (int k = 1; k < inputs; k++) {
        /* What the ones before it broadcast to. */
        Tensor before = {.ndim = (uint8_t)ndim};
        memcpy(before.size, size, sizeof size);
        if (!broadcast_shape(c, info->name, k == 1 ? in[0] : &before, in[k], &ndim, size)) return false;
    }

    Tensor expanded[MOST_OPERANDS], copies[MOST_OPERANDS] = {{0}}, dense = {0};
    const Tensor *operand[MOST_OPERANDS + 1] = {out};
    if (in_place) {
        if (!check_in_place(c, info, out, result, ndim, size)) return false;
        REQUIRE(c, out->device == device, "%s_: the tensor in place is on the CPU, the other one is not",
                info->name);
        if (info->rule == PREDICATE) {
            /* Bytes first, then converted into place. */
            if (!tensor_new_on(c, &dense, device, BOOL, ndim, size)) return false;
            operand[0] = &dense;
        }
    } else {
        if (!tensor_new_on(c, out, device, result, ndim, size)) return false;
        if (info->rule != PREDICATE) keep_order(out, in, inputs);
    }
    bool ok = true;
    for (int k = 0; k < inputs && ok; k++) {
        if (in_place && in[k] != &number[k]) ok = unalias(c, &copies[k], &in[k], out);
        if (!ok) break;
        /* A borrowed view: no reference is taken, so none is dropped. */
        ok = tensor_expand(c, &expanded[k], in[k], ndim, size, info->name);
        if (ok) atomic_fetch_sub_explicit(&in[k]->storage->refs, 1, memory_order_relaxed);
        operand[k + 1] = &expanded[k];
    }
    if (ok) ok = elementwise_loop(c, inputs + 1, operand, compute, op, p);
    if (ok && dense.storage) ok = op_copy_(c, out, &dense);
    for (int k = 0; k < inputs; k++) tensor_release(&copies[k]);
    tensor_release(&dense);
    if (!ok && !in_place) tensor_release(out);
    return ok;
}

bool op_elementwise(Ctx *c, Tensor *out, ElementwiseOp op, const Operand *a, const Operand *b,
                    const double *p, bool in_place) {
    return op_elementwise_of(c, out, op, (const Operand *const[]){a, b}, p, in_place);
}

bool op_unary(Ctx *c, Tensor *out, ElementwiseOp op, const Tensor *x) {
    const double p[2] = {elementwise_info[op].param[0].otherwise, elementwise_info[op].param[1].otherwise};
    return op_elementwise(c, out, op, &(Operand){.tensor = x}, NULL, p, false);
}

bool op_binary(Ctx *c, Tensor *out, ElementwiseOp op, const Tensor *a, const Tensor *b) {
    const double p[2] = {elementwise_info[op].param[0].otherwise, elementwise_info[op].param[1].otherwise};
    return op_elementwise(c, out, op, &(Operand){.tensor = a}, &(Operand){.tensor = b}, p, false);
}
