/* Elementwise ops: rules first, then one loop that feeds contiguous chunks of a compute type to the kernels.
 *
 * Operands that are contiguous in the loop and already of the compute type go to the kernel as they are; all
 * others are gathered (and converted) into a buffer of CHUNK elements. So each op needs one contiguous kernel
 * a compute type, and strided, broadcast and mixed operands run at nearly its speed. */
#include "ops/elementwise.h"
#include "cl/device.h"
#include "cl/elementwise.h"
#include "core/loop.h"
#include "ops/index_loop.h"
#include "ops/ops.h"
#include "ops/reduce.h"
#include <math.h>
#include <string.h>

enum { CHUNK = 512, VECTOR = 16, COMPUTE_BYTES = 8 };

#define INFO(op, op_rule, op_arity, p1, v1, p2, v2, ...)                                                     \
    {.name = #op,                                                                                            \
     .rule = op_rule,                                                                                        \
     .arity = op_arity,                                                                                      \
     .params = !!(p1) + !!(p2),                                                                              \
     .param = {{p1, v1}, {p2, v2}}},
#define EXPAND(...)                      INFO(__VA_ARGS__)
#define UNARY(op, rule, fx, ix, params)  EXPAND(op, rule, 1, ROW_##params)
#define BINARY(op, rule, fx, ix, params) EXPAND(op, rule, 2, ROW_##params)
#define ROW_NONE                         NULL, 0, NULL, 0
#define ROW_P1(name, value)              name, value, NULL, 0
#define ROW_P2(n1, v1, n2, v2)           n1, v1, n2, v2
const ElementwiseInfo elementwise_info[EW_COUNT] = {
#include "ops/elementwise.def"
};
#undef UNARY
#undef BINARY

static const struct ElementwiseKernels *kernels(void) {
    return ISA_SELECT(elementwise_kernels);
}

static Compute compute_of(DType t) {
    return t == F64 ? COMPUTE_F64 : dtype_is_float(t) ? COMPUTE_F32 : COMPUTE_I64;
}

static DType dtype_of_compute(Compute k) {
    return k == COMPUTE_F32 ? F32 : k == COMPUTE_F64 ? F64 : I64;
}

/* --- the loop
 * -------------------------------------------------------------------------------------------------- */

typedef struct Stream {
    char *base;
    int64_t bytes; /* of one element */
    DType dtype;
    bool direct; /* goes to the kernel as it lies in memory */
    bool constant;
} Stream;

typedef struct Run {
    const Loop *loop;
    ElementwiseKernel kernel; /* NULL: copy operand 1 */
    const double *p;
    Compute compute;
    bool pad; /* feed whole vectors only, so that an element's value does not depend on its place */
    Stream stream[LOOP_OPERANDS];
    StoreKernel store;
    LoadKernel load[LOOP_OPERANDS];
} Run;

/* The value of `bytes` at `buffer`, `n` times over. */
static void repeat(char *buffer, int64_t bytes, int64_t n) {
    if (bytes == sizeof(uint32_t)) {
        uint32_t *to = (uint32_t *)buffer, value = *to;
        for (int64_t i = 1; i < n; i++) to[i] = value;
    } else {
        uint64_t *to = (uint64_t *)buffer, value = *to;
        for (int64_t i = 1; i < n; i++) to[i] = value;
    }
}

/* Walks `n` positions from `position` in inner runs; calls back with each run of the operand. */
static void gather(const Run *r, int k, int64_t position, int64_t n, char *buffer, int64_t buffer_bytes) {
    const Loop *l = r->loop;
    int64_t at[MAX_DIMS], inner = l->ndim - 1, step = l->stride[k][inner];
    int64_t offset = loop_offset(l, k, position, at);
    const Stream *s = &r->stream[k];
    while (n > 0) {
        int64_t run = l->size[inner] - at[inner];
        if (run > n) run = n;
        if (k == 0)
            r->store(run, s->base + offset * s->bytes, step, buffer);
        else
            r->load[k](step ? run : 1, buffer, s->base + offset * s->bytes, step);
        if (k > 0 && step == 0) repeat(buffer, buffer_bytes, run);
        buffer += run * buffer_bytes;
        n -= run;
        at[inner] += run;
        offset += run * step;
        for (int64_t d = inner; d > 0 && at[d] == l->size[d]; d--) {
            offset += l->stride[k][d - 1] - at[d] * l->stride[k][d];
            at[d] = 0;
            at[d - 1]++;
        }
    }
}

static void call_kernel(const Run *r, int64_t n, char *y, int64_t y_bytes, const char *a, const char *b) {
    int64_t whole = r->pad ? n / VECTOR * VECTOR : n, rest = n - whole;
    int64_t bytes = (int64_t)dtype_size(dtype_of_compute(r->compute));
    if (whole) r->kernel(whole, y, a, b, r->p);
    if (!rest) return;
    _Alignas(64) char a_tail[VECTOR * COMPUTE_BYTES], b_tail[VECTOR * COMPUTE_BYTES],
        y_tail[VECTOR * COMPUTE_BYTES];
    for (int64_t i = 0; i < VECTOR; i++) {
        int64_t from = whole + (i < rest ? i : rest - 1);
        memcpy(a_tail + i * bytes, a + from * bytes, (size_t)bytes);
        if (b) memcpy(b_tail + i * bytes, b + from * bytes, (size_t)bytes);
    }
    r->kernel(VECTOR, y_tail, a_tail, b ? b_tail : NULL, r->p);
    memcpy(y + whole * y_bytes, y_tail, (size_t)(rest * y_bytes));
}

static void run_range(const Run *r, int64_t begin, int64_t end) {
    _Alignas(64) char buffer[3][CHUNK * COMPUTE_BYTES];
    int operands = r->loop->operands;
    int64_t compute_bytes = (int64_t)dtype_size(dtype_of_compute(r->compute));
    bool all_direct = true;
    for (int k = 0; k < operands; k++) all_direct &= r->stream[k].direct;
    for (int k = 1; k < operands; k++)
        if (r->stream[k].constant) r->load[k](CHUNK, buffer[k], r->stream[k].base, 0);

    for (int64_t at = begin; at < end;) {
        int64_t n = all_direct || end - at < CHUNK ? end - at : CHUNK;
        const char *in[3] = {NULL, NULL, NULL};
        for (int k = 1; k < operands; k++) {
            const Stream *s = &r->stream[k];
            in[k] = s->direct ? s->base + at * s->bytes : buffer[k];
            if (!s->direct && !s->constant) gather(r, k, at, n, buffer[k], compute_bytes);
        }
        const Stream *y = &r->stream[0];
        char *out = y->direct ? y->base + at * y->bytes : buffer[0];
        if (r->kernel)
            call_kernel(r, n, out, y->direct ? y->bytes : compute_bytes, in[1], in[2]);
        else
            out = (char *)in[1];
        if (!y->direct) gather(r, 0, at, n, out, compute_bytes);
        at += n;
    }
}

/* Work of one element relative to an add: transcendental functions cost about ten. */
static int64_t cost(ElementwiseOp op) {
    return elementwise_info[op].rule == FLOATING && op != EW_div ? 8 : 1;
}

/* Runs the op (-1: a copy) over operands of one shape; t[0] is the result. On a device, operands that lie on
 * the CPU are numbers. */
static bool run_loop(Ctx *c, int operands, const Tensor *const *t, Compute compute, int op, const double *p) {
    if (t[0]->device != CPU)
        return cl_elementwise(c, op < 0 ? "copy" : elementwise_info[op].name, operands, t,
                              dtype_of_compute(compute), p);
    Loop loop;
    loop_build(&loop, operands, t);
    if (loop.numel == 0) return true;
    const struct ElementwiseKernels *table = kernels();
    bool predicate = op >= 0 && elementwise_info[op].rule == PREDICATE;
    Run r = {.loop = &loop,
             .kernel = op >= 0 ? table->op[op][compute] : NULL,
             .p = p,
             .compute = compute,
             .pad = op >= 0 && elementwise_info[op].rule == FLOATING};
    for (int k = 0; k < operands; k++) {
        DType dtype = (DType)t[k]->dtype;
        DType native = k == 0 && predicate ? BOOL : dtype_of_compute(compute);
        Stream *s = &r.stream[k];
        *s = (Stream){.base = tensor_data(t[k]), .bytes = (int64_t)dtype_size(dtype), .dtype = dtype};
        s->direct = dtype == native && loop_is_linear(&loop, k);
        s->constant = k > 0 && !s->direct && loop_is_constant(&loop, k);
        r.load[k] = table->load[dtype][compute];
    }
    if (r.kernel == NULL) r.stream[0].direct = false;
    r.store = table->store[t[0]->dtype][compute];
    /* A predicate's result is bytes: a strided one is stored from bytes, element by element. */
    if (predicate && !r.stream[0].direct)
        return ctx_fail(c, "internal: a predicate writes to a dense result");

    int threads = ctx_threads(c, loop.numel * (op >= 0 ? cost((ElementwiseOp)op) : 1));
    if (threads == 1) {
        run_range(&r, 0, loop.numel);
        return true;
    }
    int64_t blocks = (loop.numel + CHUNK - 1) / CHUNK;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int part = 0; part < threads; part++) {
        int64_t begin = blocks * part / threads * CHUNK, end = blocks * (part + 1) / threads * CHUNK;
        run_range(&r, begin, end < loop.numel ? end : loop.numel);
    }
    return true;
}

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

DType operands_dtype(int n, const Operand *const *operands) {
    DType shaped = DTYPE_COUNT, scalar = DTYPE_COUNT, number = DTYPE_COUNT;
    for (int i = 0; i < n; i++) {
        const Operand *o = operands[i];
        DType t = o->tensor ? (DType)o->tensor->dtype : o->is_boolean ? BOOL : o->is_integer ? I64 : F32;
        DType *into = !o->tensor ? &number : o->tensor->ndim ? &shaped : &scalar;
        *into = *into == DTYPE_COUNT ? t : dtype_promote(*into, t);
    }
    return combine(shaped, combine(scalar, number));
}

/* The dtype to compute in (before widening to a compute type), or false with an error. */
static bool input_dtype(Ctx *c, const ElementwiseInfo *info, int n, const Operand *const *operands,
                        const double *p, DType *out) {
    DType t = operands_dtype(n, operands);
    if (!dtype_is_float(t) && info->rule == FLOATING) t = F32;
    for (int i = 0; i < info->params && !dtype_is_float(t) && info->rule != FLOATING; i++)
        if (isfinite(p[i]) && p[i] != rint(p[i])) t = F32; /* clamp(int tensor, 0.5) */
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

/* A number as a 0-dim tensor whose storage lives in `room`. */
typedef struct NumberRoom {
    Storage storage;
    union {
        double f;
        int64_t i;
    } value;
} NumberRoom;

static void number_tensor(Tensor *t, NumberRoom *room, const Operand *o) {
    *t = (Tensor){.storage = &room->storage};
    room->storage.data = &room->value;
    atomic_init(&room->storage.refs, 1);
    if (o->is_integer || o->is_boolean) {
        room->value.i = o->integer;
        t->dtype = I64;
    } else {
        room->value.f = o->number;
        t->dtype = F64;
    }
}

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

static bool shares_memory(const Tensor *a, const Tensor *b) {
    return a->storage == b->storage;
}

static bool same_view(const Tensor *a, const Tensor *b) {
    return a->offset == b->offset && tensor_same_shape(a, b) &&
           memcmp(a->stride, b->stride, sizeof *a->stride * (size_t)a->ndim) == 0 && a->dtype == b->dtype;
}

/* An input of an in-place op that overlaps the output in another order must be copied first. */
static bool unalias(Ctx *c, Tensor *copy, const Tensor **input, const Tensor *dst) {
    copy->storage = NULL;
    if (!shares_memory(*input, dst) || same_view(*input, dst)) return true;
    if (!op_to_dtype(c, copy, *input, (DType)(*input)->dtype)) return false;
    *input = copy;
    return true;
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

/* The device that an op on a and b (NULL where they are numbers) runs on. As in PyTorch a 0-dim tensor on the
 * CPU goes with tensors elsewhere: it is as good as a number. */
static bool choose_device(Ctx *c, const char *op, const Tensor *a, const Tensor *b, Device *device) {
    if (a && b && a->device == CPU && a->ndim == 0)
        a = NULL;
    else if (a && b && b->device == CPU && b->ndim == 0)
        b = NULL;
    *device = a ? a->device : b->device;
    return !a || !b || require_same_device(c, op, a, b);
}

/* Same dtype, shape and density: no loop to build, no broadcasting to work out. */
static bool is_plain(const Tensor *a, const Tensor *b, DType dtype) {
    return a->dtype == dtype && tensor_is_contiguous(a) &&
           (!b || (b->dtype == dtype && tensor_same_shape(a, b) && tensor_is_contiguous(b)));
}

bool op_elementwise(Ctx *c, Tensor *out, ElementwiseOp op, const Operand *a, const Operand *b,
                    const double *p, bool in_place) {
    const ElementwiseInfo *info = &elementwise_info[op];
    const Operand *const operands[2] = {a, b};
    int inputs = b ? 2 : 1;
    DType dtype = F32;
    if (!input_dtype(c, info, inputs, operands, p, &dtype)) return false;
    /* Bools compute as integers, and ~1 is not 0. */
    if (op == EW_bitwise_not && dtype == BOOL) info = &elementwise_info[op = EW_logical_not];
    DType result = info->rule == PREDICATE ? BOOL : dtype;
    Compute compute = compute_of(dtype);

    Tensor number[2];
    NumberRoom room[2];
    const Tensor *in[2] = {a->tensor, b ? b->tensor : NULL};
    for (int k = 0; k < inputs; k++) {
        if (in[k]) continue;
        number_tensor(&number[k], &room[k], operands[k]);
        in[k] = &number[k];
    }
    Device device;
    if (!choose_device(c, info->name, a->tensor, b ? b->tensor : NULL, &device)) return false;
    if (b && compute == COMPUTE_I64 && !refuse_integers(c, op, in[1])) return false;

    if (!in_place && device == CPU && dtype == dtype_of_compute(compute) && is_plain(in[0], in[1], dtype) &&
        !(b && (!a->tensor || !b->tensor)) && tensor_numel(in[0]) <= CHUNK) {
        if (!tensor_new_like(c, out, result, in[0])) return false;
        Run r = {
            .kernel = kernels()->op[op][compute], .p = p, .compute = compute, .pad = info->rule == FLOATING};
        int64_t n = tensor_numel(in[0]);
        if (n)
            call_kernel(&r, n, tensor_data(out), (int64_t)dtype_size(result), tensor_data(in[0]),
                        in[1] ? tensor_data(in[1]) : NULL);
        return true;
    }

    int ndim = in[0]->ndim;
    int64_t size[MAX_DIMS];
    memcpy(size, in[0]->size, sizeof size);
    if (b && !broadcast_shape(c, info->name, in[0], in[1], &ndim, size)) return false;

    Tensor expanded[2], copies[2] = {{0}, {0}}, dense = {0};
    const Tensor *operand[3] = {out};
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
    if (ok) ok = run_loop(c, inputs + 1, operand, compute, op, p);
    if (ok && dense.storage) ok = op_copy_(c, out, &dense);
    for (int k = 0; k < 2; k++) tensor_release(&copies[k]);
    tensor_release(&dense);
    if (!ok && !in_place) tensor_release(out);
    return ok;
}

bool op_unary(Ctx *c, Tensor *out, ElementwiseOp op, const Tensor *x) {
    const double p[2] = {elementwise_info[op].param[0].otherwise, elementwise_info[op].param[1].otherwise};
    return op_elementwise(c, out, op, &(Operand){.tensor = x}, NULL, p, false);
}

bool op_binary(Ctx *c, Tensor *out, ElementwiseOp op, const Tensor *a, const Tensor *b) {
    const double p[2] = {elementwise_info[op].param[0].otherwise, elementwise_info[op].param[1].otherwise};
    return op_elementwise(c, out, op, &(Operand){.tensor = a}, &(Operand){.tensor = b}, p, false);
}

/* --- copy and conversion (declared in ops.h)
 * -------------------------------------------------------------------------- */

bool require_same_device(Ctx *c, const char *op, const Tensor *a, const Tensor *b) {
    if (a->device == b->device) return true;
    char a_name[DEVICE_TEXT], b_name[DEVICE_TEXT];
    device_name(a_name, a->device);
    device_name(b_name, b->device);
    return ctx_fail(c, "%s: tensors on %s and %s; move one with x:to(\"%s\")", op, a_name, b_name,
                    a->device == CPU ? b_name : a_name);
}

bool require_cpu(Ctx *c, const char *op, const Tensor *x) {
    REQUIRE(c, x->device == CPU, "%s: has no kernel for %s on cl:%d; move the tensor: x:to(\"cpu\")", op,
            DTYPE(x), x->device);
    return true;
}

bool require_writable(Ctx *c, const char *op, const Tensor *x) {
    REQUIRE(c, !tensor_overlaps_itself(x),
            "%s: elements of the target share memory (it was expanded); clone it first", op);
    return true;
}

/* Same dtype, both dense in the same order: one memcpy. */
static bool copy_bytes(Tensor *dst, const Tensor *x) {
    if (dst->device != CPU || dst->dtype != x->dtype || !tensor_same_shape(dst, x) ||
        !tensor_is_contiguous(dst) || !tensor_is_contiguous(x))
        return false;
    int64_t n = tensor_numel(x);
    if (n) memmove(tensor_data(dst), tensor_data(x), (size_t)n * dtype_size((DType)x->dtype));
    return true;
}

bool op_copy_(Ctx *c, Tensor *dst, const Tensor *x) {
    return op_assign_(c, "copy_", dst, x);
}

bool op_assign_(Ctx *c, const char *name, Tensor *dst, const Tensor *x) {
    if (!require_writable(c, name, dst)) return false;
    if (dst->device != x->device) {
        Tensor near;
        if (!op_to(c, &near, x, dst->device, (DType)dst->dtype)) return false;
        bool ok = op_assign_(c, name, dst, &near);
        tensor_release(&near);
        return ok;
    }
    Tensor view = *x;
    /* Leading dimensions of size 1 that the target lacks may go: t[1] = a (1, n) matrix. */
    while (view.ndim > dst->ndim && view.size[0] == 1) {
        memmove(view.size, view.size + 1, sizeof view.size - sizeof *view.size);
        memmove(view.stride, view.stride + 1, sizeof view.stride - sizeof *view.stride);
        view.ndim--;
    }
    if (copy_bytes(dst, &view)) return true;
    Tensor expanded, copy;
    const Tensor *from = &view;
    if (!unalias(c, &copy, &from, dst)) return false;
    bool ok = tensor_expand(c, &expanded, from, dst->ndim, dst->size, name);
    if (ok) {
        atomic_fetch_sub_explicit(&from->storage->refs, 1, memory_order_relaxed);
        const Tensor *const operands[2] = {dst, &expanded};
        if (dst->device == CPU && dst->dtype == x->dtype)
            ok = strided_copy(c, dst, &expanded);
        else
            ok = run_loop(c, 2, operands, compute_of((DType)x->dtype), -1, NULL);
    }
    tensor_release(&copy);
    return ok;
}

bool op_to_dtype(Ctx *c, Tensor *out, const Tensor *x, DType dtype) {
    if (!tensor_new_like(c, out, dtype, x)) return false;
    if (op_copy_(c, out, x)) return true;
    tensor_release(out);
    return false;
}

bool give_as(Ctx *c, Tensor *out, Tensor *wide, DType dtype) {
    if ((DType)wide->dtype == dtype) {
        *out = *wide;
        return true;
    }
    bool ok = op_to_dtype(c, out, wide, dtype);
    tensor_release(wide);
    return ok;
}

/* Conversions happen on the CPU's side: a device need not have the dtype that is left behind. */
bool op_to(Ctx *c, Tensor *out, const Tensor *x, Device device, DType dtype) {
    out->storage = NULL;
    if (device == x->device) return op_contiguous(c, out, x, dtype);
    Tensor dense, host = {0};
    int64_t item = (int64_t)dtype_size((DType)x->dtype);
    if (x->device != CPU) {
        if (!op_contiguous(c, &dense, x, (DType)x->dtype)) return false;
        bool ok =
            tensor_new(c, &host, (DType)x->dtype, x->ndim, x->size) &&
            cl_download(c, tensor_data(&host), dense.storage, dense.offset * item, tensor_numel(x) * item);
        tensor_release(&dense);
        ok = ok && op_to(c, out, &host, device, dtype);
        if (ok && out->storage == host.storage) out->is_view = false;
        tensor_release(&host);
        return ok;
    }
    if (!cl_require_dtype(c, "to", device, dtype)) return false;
    if (!op_contiguous(c, &dense, x, dtype)) return false;
    item = (int64_t)dtype_size(dtype);
    bool ok = tensor_new_on(c, out, device, dtype, x->ndim, x->size) &&
              cl_upload(c, out->storage, 0, tensor_data(&dense), tensor_numel(&dense) * item);
    tensor_release(&dense);
    if (!ok) tensor_release(out);
    return ok;
}

bool op_contiguous(Ctx *c, Tensor *out, const Tensor *x, DType dtype) {
    if (x->dtype != dtype || !tensor_is_contiguous(x)) return op_to_dtype(c, out, x, dtype);
    tensor_alias(out, x);
    return true;
}

bool op_reshape(Ctx *c, Tensor *out, const Tensor *x, int ndim, const int64_t *size) {
    if (tensor_view(out, x, ndim, size)) return true;
    Tensor dense;
    if (!op_to_dtype(c, &dense, x, (DType)x->dtype)) return false;
    tensor_view(out, &dense, ndim, size);
    tensor_release(&dense);
    out->is_view = false;
    return true;
}

static bool fill_operand(Ctx *c, Tensor *dst, const Operand *value) {
    Tensor number, expanded;
    NumberRoom room;
    number_tensor(&number, &room, value);
    if (!require_writable(c, "fill_", dst)) return false;
    if (!tensor_expand(c, &expanded, &number, dst->ndim, dst->size, "fill_")) return false;
    const Tensor *const operands[2] = {dst, &expanded};
    return run_loop(c, 2, operands, compute_of((DType)number.dtype), -1, NULL);
}

bool op_fill_(Ctx *c, Tensor *dst, double value) {
    return fill_operand(c, dst, &(Operand){.number = value});
}

bool op_fill_int_(Ctx *c, Tensor *dst, int64_t value) {
    return fill_operand(c, dst, &(Operand){.integer = value, .is_integer = true});
}

/* --- ranges
 * -------------------------------------------------------------------------------------------------------------
 */

/* out[i] = first + i * step, in f64 (exact integers up to 2^53), then converted. */
static bool fill_range(Ctx *c, Tensor *out, Device device, double first, double step, int64_t n, double last,
                       DType dtype) {
    if (device != CPU) {
        if (!tensor_new_on(c, out, device, dtype, 1, &n)) return false;
        if (cl_range(c, out, first, step, last)) return true;
        tensor_release(out);
        return false;
    }
    Tensor wide;
    if (!tensor_new(c, &wide, F64, 1, &n)) return false;
    double *values = tensor_data(&wide);
    /* From the nearer end, so that linspace ends exactly at `last`. */
    for (int64_t i = 0; i < n; i++)
        values[i] =
            isnan(last) || i < n / 2 || n == 1 ? first + (double)i * step : last - (double)(n - 1 - i) * step;
    return give_as(c, out, &wide, dtype);
}

bool op_arange(Ctx *c, Tensor *out, Device device, double first, double last, double step, DType dtype) {
    out->storage = NULL;
    REQUIRE(c, step != 0 && isfinite(first) && isfinite(last) && isfinite(step),
            "arange: expected finite numbers and a step other than 0, got %g, %g, %g", first, last, step);
    double count = floor((last - first) / step * (1 + 1e-12)) + 1;
    REQUIRE(c, count < 0x1p53, "arange: %g elements are too many", count);
    return fill_range(c, out, device, first, step, count > 0 ? (int64_t)count : 0, NAN, dtype);
}

bool op_linspace(Ctx *c, Tensor *out, Device device, double first, double last, int64_t steps, DType dtype) {
    out->storage = NULL;
    REQUIRE(c, steps >= 0, "linspace: expected at least 0 steps, got %lld", (long long)steps);
    return fill_range(c, out, device, first, steps > 1 ? (last - first) / (double)(steps - 1) : 0, steps,
                      last, dtype);
}
