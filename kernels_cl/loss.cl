/* Losses and their gradients.
 *   X        dtype of the scores; COMPUTE f32 or f64: what it is computed in; sums run in REAL
 * pair_loss, pair_grad (elementwise):
 *   Y        dtype of the result
 *   KIND     0: squared error, 1: binary cross entropy of logits, 2: of probabilities
 * class_loss, class_grad (over classes):
 *   TARGET   i64: classes from 1; else probabilities of dtype TARGET
 *   LANES    work-items that share a sample (lanes.h)
 *   NORMALISED 1: the scores are logarithms of probabilities already
 * class_weights: only the samples' weights. sum_pairs: sums (loss, weight). */
#include "common.h"
#include "fault.h"
#include "lanes.h"

typedef COMPUTED(COMPUTE) T;
#define LOAD(x, i) ((T)DECODE(X, AT(x, i)))

/* --- elementwise ------------------------------------------------------------------------------------------ */

#if defined KERNEL_pair_loss || defined KERNEL_pair_grad
#define WEIGHT(i)   (w ? LOAD(w, i) : (T)1)
#define POSITIVE(i) (pos ? 1 + (LOAD(pos, i) - 1) * LOAD(t, i) : (T)1)

static inline T loss_of(T x, T t, T positive) {
#if KIND == 0
    return (x - t) * (x - t);
#elif KIND == 1
    const T rise = log1p(exp(-fabs(x))) + (x < 0 ? -x : 0); /* log(1 + exp(-x)) */
    return (1 - t) * x + positive * rise;
#else
    const T yes = log(x), no = log1p(-x);
    return (t - 1) * (no < -100 ? -100 : no) - t * (yes < -100 ? -100 : yes);
#endif
}

static inline T slope_of(T x, T t, T positive) {
#if KIND == 0
    return 2 * (x - t);
#elif KIND == 1
    return (1 - t) - positive * (1 / (1 + exp(x))); /* sigmoid(-x) */
#else
    const T spread = (1 - x) * x;
    return (x - t) / (spread < (T)1e-12 ? (T)1e-12 : spread);
#endif
}
#endif

#ifdef KERNEL_pair_loss
__kernel void pair_loss(const long n, TENSOR(Y, y), TENSOR(const X, x), TENSOR(const X, t), TENSOR(const X, w),
                        TENSOR(const X, pos)) {
    const long i = (long)get_global_id(0);
    if (i >= n) return;
    AT(y, i) = ENCODE(Y, T, WEIGHT(i) * loss_of(LOAD(x, i), LOAD(t, i), POSITIVE(i)));
}
#endif

#ifdef KERNEL_pair_grad
/* g: an element for each loss (g_step 1), or one for all (0). */
__kernel void pair_grad(const long n, TENSOR(Y, gx), TENSOR(const X, x), TENSOR(const X, t), TENSOR(const X, w),
                        TENSOR(const X, pos), TENSOR(const X, g), const long g_step, const T scale) {
    const long i = (long)get_global_id(0);
    if (i >= n) return;
    const T factor = scale * LOAD(g, i * g_step) * WEIGHT(i);
    AT(gx, i) = ENCODE(Y, T, factor * slope_of(LOAD(x, i), LOAD(t, i), POSITIVE(i)));
}
#endif

/* --- over classes ----------------------------------------------------------------------------------------- */

#if defined KERNEL_class_loss || defined KERNEL_class_grad || defined KERNEL_class_weights
#define CLASSES_i64  1
#define CLASSES_f64  0
#define CLASSES_f32  0
#define CLASSES_f16  0
#define CLASSES_bf16 0
#define BY_CLASS     JOIN(CLASSES_, TARGET)

/* As in lib/cl/loss.c. */
typedef struct Classes {
    long samples, n, inner, ignore_index;
} Classes;
#define OPERANDS                                                                                             \
    TENSOR(const X, x), TENSOR(const TARGET, target), TENSOR(const X, w), const REAL smoothing, const Classes v

#define WEIGHT(class) (w ? (REAL)LOAD(w, class) : (REAL)1)

/* A sample's class from 0, or what it is when it is none of the n. */
enum { IGNORED = -1, INVALID = -2 };
static inline long class_of(TENSOR(const TARGET, target), const long sample, const Classes *v) {
#if BY_CLASS
    const long class = AT(target, sample);
    if (class == v->ignore_index) return IGNORED;
    return class >= 1 && class <= v->n ? class - 1 : INVALID;
#else
    return 0;
#endif
}

/* What a sample adds to the divisor of the mean. */
static inline REAL sample_weight(TENSOR(const X, w), const long own) {
#if BY_CLASS
    return own >= 0 ? WEIGHT(own) : 0;
#else
    return 1;
#endif
}

/* The weighted probability that a sample gives to class k, in a distribution that gives every class something;
 * at: the place of its score. */
#if BY_CLASS
#define GIVEN(k, at) ((REAL)(own == (k)))
#else
#define GIVEN(k, at) ((REAL)DECODE(TARGET, AT(target, at)))
#endif
#define SHARE(k, at) (WEIGHT(k) * (GIVEN(k, at) * (1 - smoothing) + smoothing / (REAL)v.n))
/* Of the score of class k. */
#define PLACE(k)     (start + (k) * v.inner)
#define SPREAD       (!BY_CLASS || smoothing != 0)
#endif

#if defined KERNEL_class_loss || defined KERNEL_class_grad
/* The logarithm of the sum of exp(score - most) over n scores from `start` on, `inner` apart; most: the largest. */
static inline REAL log_sum(TENSOR(const X, x), long start, long n, long inner, T *most
#if LANES > 1
                           ,
                           __local REAL *room
#endif
) {
    T m = -INFINITY;
    EACH_LANE(k, n) {
        const T score = LOAD(x, start + k * inner);
        m = score > m ? score : m;
    }
    m = (T)MAX_LANES(room, (REAL)m);
    REAL sum = 0;
    EACH_LANE(k, n) sum += exp(LOAD(x, start + k * inner) - m);
    *most = m;
    return log(SUM_LANES(room, sum));
}
#if LANES > 1
#define LOG_SUM(most) log_sum(x, x_at, start, v.n, v.inner, most, room)
#else
#define LOG_SUM(most) log_sum(x, x_at, start, v.n, v.inner, most)
#endif
#endif

#ifdef KERNEL_class_loss
/* The samples' losses go to `each`, or as (loss, weight) to `pairs`; one of the two is NULL. */
__kernel GROUPED void class_loss(__global REAL *restrict pairs, TENSOR(X, each), __global Fault *fault,
                                 const long op, OPERANDS) {
    LANE_ROOM(room);
    const long sample = TASK;
    if (NO_TASK(sample, v.samples)) return;
    const long start = sample / v.inner * v.n * v.inner + sample % v.inner;
    const long own = class_of(target, target_at, sample, &v);
    REAL top = 0, loss = 0;
#if !NORMALISED
    T most;
    top = LOG_SUM(&most);
    top += most;
#endif
    if (SPREAD) {
        EACH_LANE(k, v.n) loss += SHARE(k, PLACE(k)) * (top - (REAL)LOAD(x, PLACE(k)));
    } else if (LANE == 0) {
        loss = own >= 0 ? WEIGHT(own) * (top - (REAL)LOAD(x, PLACE(own))) : 0;
    }
    loss = SUM_LANES(room, loss);
    if (LANE) return;
    if (own < 0) loss = own == IGNORED ? 0 : NAN;
#if BY_CLASS
    if (own == INVALID) note_fault(fault, 1, AT(target, sample), v.n, op);
#endif
    if (each) {
        AT(each, sample) = ENCODE(X, T, (T)loss);
    } else {
        pairs[2 * sample] = loss;
        pairs[2 * sample + 1] = sample_weight(w, w_at, own);
    }
}
#endif

#ifdef KERNEL_class_weights
__kernel void class_weights(__global REAL *restrict pairs, OPERANDS) {
    const long sample = (long)get_global_id(0);
    if (sample >= v.samples) return;
    pairs[2 * sample] = 0;
    pairs[2 * sample + 1] = sample_weight(w, w_at, class_of(target, target_at, sample, &v));
}
#endif

#ifdef KERNEL_class_grad
/* total: NULL, or (loss, weight) of all samples: what the mean divides by. g as in pair_grad. */
__kernel GROUPED void class_grad(TENSOR(X, gx), TENSOR(const X, g), const long g_step,
                                 __global const REAL *restrict total, OPERANDS) {
    LANE_ROOM(room);
    const long sample = TASK;
    if (NO_TASK(sample, v.samples)) return;
    const long start = sample / v.inner * v.n * v.inner + sample % v.inner;
    const long own = class_of(target, target_at, sample, &v);
    REAL factor = LOAD(g, sample * g_step), shares = 0;
    if (total) factor /= total[1];
    if (own < 0) factor = own == IGNORED ? 0 : NAN;
#if NORMALISED
    EACH_LANE(k, v.n) {
        const REAL share = SPREAD ? SHARE(k, PLACE(k)) : k == own ? WEIGHT(k) : 0;
        AT(gx, PLACE(k)) = ENCODE(X, T, (T)(share == 0 ? 0 : -factor * share));
    }
#else
    T most;
    const REAL log_total = LOG_SUM(&most);
    if (SPREAD) {
        EACH_LANE(k, v.n) shares += SHARE(k, PLACE(k));
    } else if (LANE == 0) {
        shares = own >= 0 ? WEIGHT(own) : 1;
    }
    shares = SUM_LANES(room, shares);
    const REAL scale = shares == 0 ? 0 : factor * shares;
    const T shift = (T)log_total;
    EACH_LANE(k, v.n) {
        const REAL share = SPREAD ? SHARE(k, PLACE(k)) : k == own ? WEIGHT(k) : 0;
        const REAL probability = exp((LOAD(x, PLACE(k)) - most) - shift);
        AT(gx, PLACE(k)) = ENCODE(X, T, (T)(probability * scale - (share == 0 ? 0 : factor * share)));
    }
#endif
}
#endif

#ifdef KERNEL_sum_pairs
/* The sums of `chunk` pairs a row; they go to `sums`, or, where y is not NULL, as the result to y: the sum of the
 * losses, or with `mean` that divided by the sum of the weights. */
__kernel GROUPED void sum_pairs(__global REAL *restrict sums, TENSOR(X, y), __global const REAL *restrict pairs,
                                const long count, const long chunk, const long rows,
                                const int mean) {
    LANE_ROOM(room);
    const long row = TASK;
    if (NO_TASK(row, rows)) return;
    const long start = row * chunk, end = min(start + chunk, count);
    REAL loss = 0, weight = 0;
    EACH_LANE(k, end - start) {
        loss += pairs[2 * (start + k)];
        weight += pairs[2 * (start + k) + 1];
    }
    loss = SUM_LANES(room, loss);
    weight = SUM_LANES(room, weight);
    if (LANE != 0) return;
    if (y) {
        AT(y, 0) = ENCODE(X, T, (T)(mean ? loss / weight : loss));
    } else {
        sums[2 * row] = loss;
        sums[2 * row + 1] = weight;
    }
}
#endif
