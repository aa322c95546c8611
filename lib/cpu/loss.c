/* Walks of the losses; the arithmetic of the elementwise ones is in kernels_loss.c. */
#include "cpu/loss.h"
#include "core/parallel.h"
#include "cpu/isa.h"
#include "cpu/kernels_loss.h"
#include <string.h>

enum {
    CHUNK = 1 << 14,   /* elements of one chunk of an elementwise loss */
    SAMPLES = 1 << 12, /* samples of one chunk of a loss over classes */
    EXP_COST = 16,     /* elementary operations: of a logarithm and an exponential, */
    SAMPLE_COST = 8    /* and of finding a sample's class and score */
};

ISA_DECLARE(LossKernels, loss_kernels);

static const LossKernel *kernel(DType t) {
    const LossKernels *k = ISA_SELECT(loss_kernels);
    return t == F64 ? &k->f64 : &k->f32;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static bool finished(Ctx *c) {
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}

static void *at(const void *p, int64_t bytes) {
    return p ? (char *)p + bytes : NULL;
}

static inline double get(const void *p, DType t, int64_t i) {
    return t == F64 ? ((const double *)p)[i] : (double)((const float *)p)[i];
}

/* --- elementwise ---------------------------------------------------------------------------------------- */

static double pair_chunk(const PairLoss *p, void *out, int64_t from) {
    const LossKernel *k = kernel(p->dtype);
    const int64_t b = from * (int64_t)dtype_size(p->dtype), n = least(CHUNK, p->n - from);
    if (p->kind == PAIR_SQUARED) return k->mse(at(out, b), at(p->x, b), at(p->t, b), n);
    return k->bce(at(out, b), at(p->x, b), at(p->t, b), at(p->w, b), at(p->pos, b), n,
                  p->kind == PAIR_LOGITS);
}

bool cpu_pair_loss(Ctx *c, const PairLoss *p, void *out, double *sum) {
    const int64_t chunks = (p->n + CHUNK - 1) / CHUNK;
    *sum = 0;
    if (chunks <= 1) {
        if (chunks) *sum = pair_chunk(p, out, 0);
        return true;
    }
    double *partial = ctx_scratch(c, chunks * (int64_t)sizeof *partial);
    if (!partial) return false;
    int threads = ctx_threads(c, (p->kind == PAIR_SQUARED ? 1 : EXP_COST) * p->n);
    PARALLEL_FOR(threads, i, chunks, {
        if (!ctx_stopping(c)) partial[i] = pair_chunk(p, out, i * CHUNK);
    });
    for (int64_t i = 0; i < chunks && !ctx_stopping(c); i++) *sum += partial[i];
    ctx_scratch_free(c, partial);
    return finished(c);
}

static void pair_grad_chunk(const PairLoss *p, void *gx, const void *g, double factor, int64_t from) {
    const LossKernel *k = kernel(p->dtype);
    const int64_t b = from * (int64_t)dtype_size(p->dtype), n = least(CHUNK, p->n - from);
    if (p->kind == PAIR_SQUARED)
        k->mse_grad(at(gx, b), at(g, b), at(p->x, b), at(p->t, b), n, 2 * factor);
    else
        k->bce_grad(at(gx, b), at(g, b), at(p->x, b), at(p->t, b), at(p->w, b), at(p->pos, b), n, factor,
                    p->kind == PAIR_LOGITS);
}

bool cpu_pair_loss_grad(Ctx *c, const PairLoss *p, void *gx, const void *g, double factor) {
    const int64_t chunks = (p->n + CHUNK - 1) / CHUNK;
    int threads = chunks > 1 ? ctx_threads(c, (p->kind == PAIR_SQUARED ? 1 : EXP_COST) * p->n) : 1;
    PARALLEL_FOR(threads, i, chunks, {
        if (!ctx_stopping(c)) pair_grad_chunk(p, gx, g, factor, i * CHUNK);
    });
    return finished(c);
}

bool cpu_are_probabilities(const PairLoss *p) {
    for (int64_t i = 0; i < p->n; i++) {
        const double x = get(p->x, p->dtype, i);
        if (!(x >= 0 && x <= 1)) return false;
    }
    return true;
}

/* --- over classes --------------------------------------------------------------------------------------- */

static inline void put(void *p, DType t, int64_t i, double value) {
    if (t == F64)
        ((double *)p)[i] = value;
    else
        ((float *)p)[i] = (float)value;
}

static inline double weight_of(const ClassLoss *l, int64_t class) {
    return l->w ? l->w[class] : 1;
}

int64_t cpu_find_bad_class(const ClassLoss *l) {
    for (int64_t s = 0, n = l->v.outer * l->v.inner; s < n; s++)
        if (l->classes[s] != l->ignore_index && (l->classes[s] < 1 || l->classes[s] > l->v.n)) return s;
    return -1;
}

/* Where the scores of a sample begin; the next class is `inner` further on. */
static inline int64_t scores_of(const ClassLoss *l, int64_t sample) {
    if (l->v.inner == 1) return sample * l->v.n; /* divisions cost more than the rest of a loss */
    return sample / l->v.inner * l->v.n * l->v.inner + sample % l->v.inner;
}

static inline bool ignored(const ClassLoss *l, int64_t sample) {
    return l->classes && l->classes[sample] == l->ignore_index;
}

/* What a sample adds to the divisor of the mean: the weight of its class. */
static inline double sample_weight(const ClassLoss *l, int64_t sample) {
    if (!l->classes) return 1;
    return ignored(l, sample) ? 0 : weight_of(l, l->classes[sample] - 1);
}

double cpu_class_weight(const ClassLoss *l) {
    double sum = 0;
    for (int64_t s = 0, n = l->v.outer * l->v.inner; s < n; s++) sum += sample_weight(l, s);
    return sum;
}

/* Does a sample's distribution give every class something? Else only its own. */
static inline bool is_spread(const ClassLoss *l) {
    return !l->classes || l->smoothing != 0;
}

/* The weighted probability that a sample gives to `class`, in a spread distribution. */
static inline double share(const ClassLoss *l, int64_t sample, int64_t scores, int64_t class) {
    const double given = l->classes ? l->classes[sample] - 1 == class
                                    : get(l->probabilities, l->dtype, scores + class * l->v.inner);
    return weight_of(l, class) * (given * (1 - l->smoothing) + l->smoothing / (double)l->v.n);
}

/* The loss of a sample; top: the logarithm of the sum of its exp(scores), 0 where they are normalised. */
static double sample_loss(const ClassLoss *l, int64_t sample, double top) {
    if (ignored(l, sample)) return 0;
    const int64_t scores = scores_of(l, sample), step = l->v.inner;
    if (!is_spread(l)) {
        const int64_t class = l->classes[sample] - 1;
        return weight_of(l, class) * (top - get(l->x, l->dtype, scores + class * step));
    }
    double sum = 0;
    for (int64_t k = 0; k < l->v.n; k++)
        sum += share(l, sample, scores, k) * (top - get(l->x, l->dtype, scores + k * step));
    return sum;
}

static void loss_chunk(const ClassLoss *l, void *each, const double *top, int64_t from, double sums[2]) {
    const int64_t to = from + least(SAMPLES, l->v.outer * l->v.inner - from);
    sums[0] = sums[1] = 0;
    for (int64_t s = from; s < to; s++) {
        const double loss = sample_loss(l, s, top ? top[s] : 0);
        if (each) put(each, l->dtype, s, loss);
        sums[0] += loss;
        sums[1] += sample_weight(l, s);
    }
}

static int class_threads(const Ctx *c, const ClassLoss *l) {
    const int64_t samples = l->v.outer * l->v.inner;
    return ctx_threads(c, samples * (is_spread(l) ? SAMPLE_COST * l->v.n : SAMPLE_COST));
}

bool cpu_class_loss(Ctx *c, const ClassLoss *l, void *each, double *sum, double *weight) {
    const int64_t samples = l->v.outer * l->v.inner, chunks = (samples + SAMPLES - 1) / SAMPLES;
    *sum = *weight = 0;
    if (!samples) return true;
    double *partial = ctx_scratch(c, (2 * chunks + (l->normalised ? 0 : samples)) * (int64_t)sizeof *partial);
    if (!partial) return false;
    double *top = l->normalised ? NULL : partial + 2 * chunks;
    if (top && !cpu_softmax(c, top, l->x, l->dtype, l->v, NULL, FORM_LOGSUMEXP)) {
        ctx_scratch_free(c, partial);
        return false;
    }
    int threads = class_threads(c, l);
    PARALLEL_FOR(threads, i, chunks, { loss_chunk(l, each, top, i * SAMPLES, partial + 2 * i); });
    for (int64_t i = 0; i < chunks; i++) {
        *sum += partial[2 * i];
        *weight += partial[2 * i + 1];
    }
    ctx_scratch_free(c, partial);
    return finished(c);
}

/* The sum of a sample's shares: what its softmax is multiplied by. */
static double share_sum(const ClassLoss *l, int64_t sample) {
    if (ignored(l, sample)) return 0;
    if (!is_spread(l)) return weight_of(l, l->classes[sample] - 1);
    const int64_t scores = scores_of(l, sample);
    double sum = 0;
    for (int64_t k = 0; k < l->v.n; k++) sum += share(l, sample, scores, k);
    return sum;
}

/* gx -= g times the shares. */
static void subtract_shares(const ClassLoss *l, void *gx, int64_t sample, double g) {
    if (ignored(l, sample)) return;
    const int64_t scores = scores_of(l, sample), step = l->v.inner;
    const int64_t own = is_spread(l) ? 0 : l->classes[sample] - 1, end = is_spread(l) ? l->v.n : own + 1;
    for (int64_t k = own; k < end; k++) {
        const double part = is_spread(l) ? share(l, sample, scores, k) : weight_of(l, k);
        put(gx, l->dtype, scores + k * step, get(gx, l->dtype, scores + k * step) - g * part);
    }
}

static inline double sample_gradient(const ClassLoss *l, const void *g, double factor, int64_t sample) {
    return g ? factor * get(g, l->dtype, sample) : factor;
}

bool cpu_class_loss_grad(Ctx *c, const ClassLoss *l, void *gx, const void *g, double factor) {
    const int64_t samples = l->v.outer * l->v.inner;
    int threads = class_threads(c, l);
    if (l->normalised) {
        memset(gx, 0, (size_t)(samples * l->v.n) * dtype_size(l->dtype));
    } else if (samples) {
        double *scale = ctx_scratch(c, samples * (int64_t)sizeof *scale);
        if (!scale) return false;
        for (int64_t s = 0; s < samples; s++) {
            const double sum = share_sum(l, s);
            scale[s] = sum == 0 ? 0 : sample_gradient(l, g, factor, s) * sum;
        }
        bool ok = cpu_softmax(c, gx, l->x, l->dtype, l->v, scale, FORM_SOFTMAX);
        ctx_scratch_free(c, scale);
        if (!ok) return false;
    }
    PARALLEL_FOR(threads, s, samples, { subtract_shares(l, gx, s, sample_gradient(l, g, factor, s)); });
    return finished(c);
}
