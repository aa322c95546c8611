/* Random numbers: which kernel, how many words an element takes, and the split over threads. */
#include "ops/random.h"
#include "cl/index.h"
#include "cl/random.h"
#include "core/parallel.h"
#include "cpu/isa.h"
#include "cpu/kernels_random.h"
#include "ops/float_operand.h"
#include <float.h>
#include <math.h>
#include <string.h>

ISA_DECLARE(RandomKernels, random_kernels);

enum {
    CHUNK = 1024, /* elements at a time: a whole number of groups of blocks with one or two words each */
    WORDS = 2 * CHUNK,
    NUMBER_COST = 8 /* of one number, in elementary operations */
};

/* One draw: which it is (as cl_draw takes it) and in what numbers are made; the CPU's kernel, words an
 * element, bytes of what goes in and comes out. */
typedef struct Draw {
    int which;
    DType compute;
    RandomKernel kernel;
    RandomParams params;
    int words;
    int64_t in_bytes, out_bytes;
} Draw;

static const RandomKernels *kernels(void) {
    return ISA_SELECT(random_kernels);
}

/* Kernels write whole blocks: the last ones of a draw go through a buffer. */
static void run_chunk(const Draw *d, char *y, const char *x, int64_t from, int64_t n, uint64_t seed,
                      uint64_t offset) {
    _Alignas(64) uint32_t words[WORDS];
    _Alignas(64) char out[CHUNK * sizeof(double)];
    int64_t first = from * d->words, blocks = (n * d->words + 3) / 4;
    kernels()->words(words, blocks, seed, offset + (uint64_t)first / 4, 0);
    char *to = n == CHUNK ? y + from * d->out_bytes : out;
    d->kernel(to, x ? x + from * d->in_bytes : NULL, words, n, &d->params);
    if (to == out) memcpy(y + from * d->out_bytes, out, (size_t)(n * d->out_bytes));
}

/* y (n elements) from blocks `offset` on. x: the kernel's input, or NULL. */
static bool run(Ctx *c, const Draw *d, void *y, const void *x, int64_t n, uint64_t seed, uint64_t offset) {
    int threads = ctx_threads(c, n * NUMBER_COST);
    PARALLEL_FOR(threads, chunk, (n + CHUNK - 1) / CHUNK, {
        const int64_t from = chunk * CHUNK;
        if (ctx_stopping(c)) continue;
        run_chunk(d, y, x, from, n - from < CHUNK ? n - from : CHUNK, seed, offset);
    });
    return !ctx_stopping(c) || ctx_interrupted(c);
}

/* Draws into t on its device, through a dense tensor where t is not one. x as for run. */
static bool draw_on_device(Ctx *c, const char *op, Tensor *t, const Draw *d, const Tensor *x,
                           uint64_t offset) {
    Tensor dense;
    bool direct = tensor_is_contiguous(t);
    if (direct)
        tensor_alias(&dense, t);
    else if (!tensor_new_like(c, &dense, (DType)t->dtype, t))
        return false;
    bool ok = cl_draw(c, op, &dense, x, d->which, d->compute, &d->params, c->rng.seed, offset) &&
              (direct || op_copy_(c, t, &dense));
    tensor_release(&dense);
    return ok;
}

/* Draws into t, through a dense tensor of `dtype` where t is not one. x as for run. */
static bool draw_into(Ctx *c, const char *op, Tensor *t, DType dtype, const Draw *d, const Tensor *x) {
    Tensor dense;
    REQUIRE(c, !tensor_overlaps_itself(t),
            "%s: elements of the tensor share memory (it was expanded); clone it first", op);
    int64_t n = tensor_numel(t);
    uint64_t offset = rng_take(&c->rng, random_blocks(n * d->words));
    if (t->device != CPU) return draw_on_device(c, op, t, d, x, offset);
    bool direct = t->dtype == dtype && tensor_is_contiguous(t);
    if (direct)
        tensor_alias(&dense, t);
    else if (!tensor_new(c, &dense, dtype, t->ndim, t->size))
        return false;
    bool ok = run(c, d, tensor_data(&dense), x ? tensor_data(x) : NULL, n, c->rng.seed, offset) &&
              (direct || op_copy_(c, t, &dense));
    tensor_release(&dense);
    return ok;
}

static Draw real_draw(RandomReal which, DType dtype, RandomParams params) {
    bool wide = dtype == F64;
    return (Draw){.which = (int)which,
                  .compute = dtype,
                  .kernel = kernels()->real[which][wide],
                  .params = params,
                  .words = wide ? 2 : 1,
                  .out_bytes = wide ? sizeof(double) : sizeof(float)};
}

static Draw whole_draw(RandomWhole which, int words, int64_t out_bytes, RandomParams params) {
    return (Draw){.which = RANDOM_REAL_COUNT + (int)which,
                  .compute = I64,
                  .kernel = kernels()->whole[which],
                  .params = params,
                  .words = words,
                  .out_bytes = out_bytes};
}

static DType real_dtype(const Tensor *t) {
    return t->dtype == F64 ? F64 : F32;
}

/* The largest number below x in a dtype: draws from [from, x) may round up to x, but not beyond. */
static double below(double x, DType dtype) {
    uint16_t half = dtype == F16 ? f32_to_f16((float)x) : f32_to_bf16((float)x);
    switch (dtype) {
    case F64:
        return nextafter(x, -INFINITY);
    case F32:
        return nextafterf((float)x, -INFINITY);
    default:
        if (x == 0) return -(double)(dtype == F16 ? f16_to_f32(1) : bf16_to_f32(1));
        half = (uint16_t)(x > 0 ? half - 1 : half + 1);
        return dtype == F16 ? f16_to_f32(half) : bf16_to_f32(half);
    }
}

bool op_uniform_(Ctx *c, Tensor *t, double from, double to, const char *op) {
    if (!require_floating(c, op, t)) return false;
    double widest = t->dtype == F64 ? DBL_MAX : FLT_MAX;
    REQUIRE(c, from <= to && to - from <= widest,
            "%s: expected limits from low to high, not further apart than %g, got %g, %g", op, widest, from,
            to);
    static const int drops[] = {[F32] = 8, [F64] = 8, [F16] = 21, [BF16] = 24};
    Draw d = real_draw(RANDOM_UNIFORM, real_dtype(t),
                       (RandomParams){.a = from,
                                      .b = to - from,
                                      .top = from < to ? fmax(below(to, (DType)t->dtype), from) : from,
                                      .drop = drops[t->dtype]});
    return draw_into(c, op, t, real_dtype(t), &d, NULL);
}

bool op_normal_(Ctx *c, Tensor *t, double mean, double std, const char *op) {
    if (!require_floating(c, op, t)) return false;
    REQUIRE(c, std >= 0, "%s: expected a deviation of at least 0, got %g", op, std);
    Draw d = real_draw(RANDOM_NORMAL, real_dtype(t), (RandomParams){.a = mean, .b = std});
    return draw_into(c, op, t, real_dtype(t), &d, NULL);
}

bool op_exponential_(Ctx *c, Tensor *t, double rate) {
    if (!require_floating(c, "exponential_", t)) return false;
    REQUIRE(c, rate > 0, "exponential_: expected a rate above 0, got %g", rate);
    Draw d = real_draw(RANDOM_EXPONENTIAL, real_dtype(t), (RandomParams){.a = 1 / rate});
    return draw_into(c, "exponential_", t, real_dtype(t), &d, NULL);
}

/* Integers that a dtype holds without gaps: -2^bits .. 2^bits, without the ends that an integer lacks. */
static bool require_range(Ctx *c, const char *op, DType t, int64_t low, int64_t high) {
    static const int bits[DTYPE_COUNT] = {[F32] = 24, [F64] = 53, [F16] = 11, [BF16] = 8, [I8] = 7,
                                          [U8] = 8,   [I16] = 15, [I32] = 31, [I64] = 63, [BOOL] = 1};
    int64_t most = (int64_t)((UINT64_C(1) << bits[t]) - !dtype_is_float(t));
    int64_t least = t == U8 || t == BOOL ? 0 : dtype_is_float(t) ? -most : -most - 1;
    REQUIRE(c, low >= least && high <= most, "%s: %lld to %lld is beyond %s, which holds %lld to %lld", op,
            (long long)low, (long long)high, dtype_name(t), (long long)least, (long long)most);
    return true;
}

bool op_randint_(Ctx *c, Tensor *t, int64_t low, int64_t high, const char *op) {
    REQUIRE(c, low <= high, "%s: expected a range from low to high, got %lld, %lld", op, (long long)low,
            (long long)high);
    if (!require_range(c, op, (DType)t->dtype, low, high)) return false;
    uint64_t range = (uint64_t)high - (uint64_t)low + 1;
    bool small = range && range <= 1 << 16;
    Draw d = whole_draw(small ? RANDOM_SMALL : RANDOM_LARGE, small ? 1 : 2, sizeof(int64_t),
                        (RandomParams){.low = (uint64_t)low, .range = range});
    return draw_into(c, op, t, I64, &d, NULL);
}

static uint64_t threshold_of(double p) {
    return (uint64_t)(p * 0x1p32 + 0.5);
}

bool op_bernoulli_(Ctx *c, Tensor *t, double p) {
    REQUIRE(c, p >= 0 && p <= 1, "bernoulli_: expected a probability from 0 to 1, got %g", p);
    Draw d = whole_draw(RANDOM_EVENT, 1, 1, (RandomParams){.threshold = threshold_of(p)});
    return draw_into(c, "bernoulli_", t, BOOL, &d, NULL);
}

static bool require_probabilities(Ctx *c, const Tensor *p) {
    bool outside = false;
    if (p->device != CPU && !cl_any_outside(c, "bernoulli", p, 0, 1, &outside)) return false;
    for (int64_t i = 0, n = p->device == CPU ? tensor_numel(p) : 0; i < n; i++) {
        double v = tensor_get_double(p, i);
        outside |= !(v >= 0 && v <= 1);
    }
    REQUIRE(c, !outside, "bernoulli: expected probabilities from 0 to 1, got others");
    return true;
}

bool op_bernoulli_each_(Ctx *c, Tensor *t, const Tensor *p) {
    Tensor view, dense;
    if (!require_floating(c, "bernoulli", p) || !require_same_device(c, "bernoulli", t, p)) return false;
    if (!tensor_expand(c, &view, p, t->ndim, t->size, "bernoulli")) return false;
    DType dtype = real_dtype(p);
    bool ok = op_contiguous(c, &dense, &view, dtype);
    tensor_release(&view);
    if (!ok) return false;
    Draw d = real_draw(RANDOM_BERNOULLI, dtype, (RandomParams){0});
    d.in_bytes = (int64_t)dtype_size(dtype);
    d.out_bytes = 1;
    ok = require_probabilities(c, &dense) && draw_into(c, "bernoulli", t, BOOL, &d, &dense);
    tensor_release(&dense);
    return ok;
}

bool op_randperm(Ctx *c, Tensor *out, int64_t n, DType dtype) {
    Tensor order, draws;
    out->storage = NULL;
    REQUIRE(c, n >= 0, "randperm: expected at least 0, got %lld", (long long)n);
    if (!require_range(c, "randperm", dtype, 0, n)) return false;
    if (!tensor_new(c, &order, I64, 1, &n)) return false;
    if (!tensor_new(c, &draws, I64, 1, &n)) {
        tensor_release(&order);
        return false;
    }
    /* 64 random bits a position; its remainder is off by less than n / 2^64. */
    const Draw d = whole_draw(RANDOM_LARGE, 2, sizeof(int64_t), (RandomParams){0});
    bool ok = draw_into(c, "randperm", &draws, I64, &d, NULL);
    if (ok) {
        int64_t *at = tensor_data(&order);
        const uint64_t *bits = tensor_data(&draws);
        for (int64_t i = 0; i < n; i++) { /* Durstenfeld 1964, inside out */
            int64_t j = (int64_t)(bits[i] % ((uint64_t)i + 1));
            at[i] = at[j];
            at[j] = i + 1;
        }
        ok = op_to_dtype(c, out, &order, dtype);
    }
    tensor_release(&order);
    tensor_release(&draws);
    return ok;
}

static bool dropout_on_device(Ctx *c, Tensor *out, const Tensor *x, const Draw *d, uint64_t seed,
                              uint64_t offset) {
    Tensor dense;
    if (!op_contiguous(c, &dense, x, (DType)x->dtype)) return false;
    bool ok = tensor_new_like(c, out, (DType)x->dtype, x);
    if (ok && !cl_draw(c, "dropout", out, &dense, d->which, d->compute, &d->params, seed, offset)) {
        tensor_release(out);
        ok = false;
    }
    tensor_release(&dense);
    return ok;
}

bool op_dropout(Ctx *c, Tensor *out, const Tensor *x, double p, uint64_t seed, uint64_t offset) {
    Tensor dense, y;
    out->storage = NULL;
    DType dtype = real_dtype(x);
    if (!require_floating(c, "dropout", x)) return false;
    REQUIRE(c, p >= 0 && p < 1, "dropout: expected a probability from 0 to below 1, got %g", p);
    Draw d = real_draw(RANDOM_DROPOUT, dtype, (RandomParams){.threshold = threshold_of(p), .b = 1 / (1 - p)});
    d.words = 1;
    d.in_bytes = (int64_t)dtype_size(dtype);
    if (x->device != CPU) return dropout_on_device(c, out, x, &d, seed, offset);
    if (!op_contiguous(c, &dense, x, dtype)) return false;
    bool ok = tensor_new_like(c, &y, dtype, &dense);
    if (ok) {
        ok = run(c, &d, tensor_data(&y), tensor_data(&dense), tensor_numel(x), seed, offset) &&
             op_contiguous(c, out, &y, (DType)x->dtype);
        if (ok) out->is_view = false;
        tensor_release(&y);
    }
    tensor_release(&dense);
    return ok;
}
