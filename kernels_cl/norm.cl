/* Normalisations and their gradients, over contiguous arrays.
 *   X           dtype in memory of the input, its gradient and the results
 *   W           dtype of weight and bias
 *   COMPUTE     f32 or f64: what elements are computed in; statistics are REAL
 *   LANES       work-items that share a row or a part of a channel (lanes.h)
 *   CENTRE      1: about the mean; 0: by the root mean square
 *   BY_CHANNEL  norm_rows, 1: a row is a group of channels, which have one weight each; 0: each of its elements has
 *   GRADIENT    channel_sums, finish_channels, channel_map: 1: of the gradient */
#include "common.h"
#include "lanes.h"

typedef COMPUTED(COMPUTE) T;
#define LOAD(x, i)     ((T)DECODE(X, AT(x, i)))
#define STORE(x, i, v) (AT(x, i) = ENCODE(X, T, v))
#define AFFINE(w, i)   ((T)DECODE(W, AT(w, i)))

/* --- moments: number, mean and sum of squared distances from it -------------------------------------------- */

typedef struct Moments {
    REAL n, mean, m2;
} Moments;

/* a and then b (Chan, Golub, LeVeque 1983). */
static inline Moments merge_moments(Moments a, Moments b) {
    if (b.n == 0) return a;
    const REAL n = a.n + b.n, step = b.mean - a.mean;
    Moments m;
    m.n = n;
    m.mean = a.mean + step * (b.n / n);
    m.m2 = a.m2 + b.m2 + step * step * (a.n * b.n / n);
    return m;
}

/* Of n elements from sums of their distances from `near`, one of them. */
static inline Moments moments_of(REAL n, REAL near, REAL sum, REAL squares) {
    const REAL m2 = squares - sum * (sum / n);
    Moments m;
    m.n = n;
    m.mean = n > 0 ? near + sum / n : 0;
    m.m2 = n == 0 || m2 < 0 ? 0 : m2;
    return m;
}

/* --- rows: each of `rows` rows of n elements on its own ----------------------------------------------------- */

/* As in lib/cl/norm.c. groups, run: with BY_CHANNEL row r has the channels from r % groups * (n / run) on, `run`
 * elements each. */
typedef struct Rows {
    long rows, n, groups, run;
} Rows;

#if BY_CHANNEL
#define WEIGHT_AT(row, i) ((row) % r.groups * (r.n / r.run) + (i) / r.run)
#else
#define WEIGHT_AT(row, i) (i)
#endif

#if defined KERNEL_norm_rows || defined KERNEL_norm_rows_grad
/* The mean (0 unless CENTRE) and 1 / sqrt(variance + eps) of the row that begins at x. */
static inline void row_statistics(__global const X *x, long n, REAL eps, REAL *mean, REAL *scale
#if LANES > 1
                                  ,
                                  __local REAL *room
#endif
) {
    /* Distances from the first element keep a large mean from swallowing them. */
    const REAL near = CENTRE ? (REAL)DECODE(X, x[0]) : 0;
    REAL sum = 0, squares = 0;
    EACH_LANE(i, n) {
        const REAL d = (REAL)DECODE(X, x[i]) - near;
        sum += d;
        squares += d * d;
    }
    squares = SUM_LANES(room, squares);
#if CENTRE
    const Moments m = moments_of((REAL)n, near, SUM_LANES(room, sum), squares);
    *mean = m.mean;
    *scale = 1 / sqrt(m.m2 / (REAL)n + eps);
#else
    *mean = 0;
    *scale = 1 / sqrt(squares / (REAL)n + eps);
#endif
}
#if LANES > 1
#define STATISTICS(at) row_statistics(&AT(x, at), r.n, eps, &mean, &scale, room)
#else
#define STATISTICS(at) row_statistics(&AT(x, at), r.n, eps, &mean, &scale)
#endif
#endif

#ifdef KERNEL_norm_rows
/* y = (x - mean) scale w + b; w and b may be NULL. */
__kernel GROUPED void norm_rows(TENSOR(X, y), TENSOR(const X, x), TENSOR(const W, w), TENSOR(const W, b),
                                const REAL eps, const Rows r) {
    LANE_ROOM(room);
    const long row = TASK, at = row * r.n;
    if (NO_TASK(row, r.rows)) return;
    REAL mean, scale;
    STATISTICS(at);
    EACH_LANE(i, r.n) {
        const T hat = (T)(((REAL)LOAD(x, at + i) - mean) * scale);
        const T slope = w ? AFFINE(w, WEIGHT_AT(row, i)) : (T)1, shift = b ? AFFINE(b, WEIGHT_AT(row, i)) : (T)0;
        STORE(y, at + i, hat * slope + shift);
    }
}
#endif

#ifdef KERNEL_norm_rows_grad
/* gx, and the rows' statistics (mean, scale) where they are wanted. With h = g w:
 * gx = scale (h - mean(h) - x_hat mean(h x_hat)), without the first mean unless CENTRE. */
__kernel GROUPED void norm_rows_grad(TENSOR(X, gx), __global REAL *restrict statistics, TENSOR(const X, g),
                                     TENSOR(const X, x), TENSOR(const W, w), const REAL eps, const Rows r) {
    LANE_ROOM(room);
    const long row = TASK, at = row * r.n;
    if (NO_TASK(row, r.rows)) return;
    REAL mean, scale, sum = 0, product = 0;
    STATISTICS(at);
    EACH_LANE(i, r.n) {
        const REAL h = (REAL)LOAD(g, at + i) * (w ? (REAL)AFFINE(w, WEIGHT_AT(row, i)) : (REAL)1);
        sum += h;
        product += h * (((REAL)LOAD(x, at + i) - mean) * scale);
    }
    product = SUM_LANES(room, product) / (REAL)r.n;
    sum = CENTRE ? SUM_LANES(room, sum) / (REAL)r.n : 0;
    EACH_LANE(i, r.n) {
        const REAL h = (REAL)LOAD(g, at + i) * (w ? (REAL)AFFINE(w, WEIGHT_AT(row, i)) : (REAL)1);
        const REAL hat = ((REAL)LOAD(x, at + i) - mean) * scale;
        STORE(gx, at + i, (T)(scale * (h - sum - hat * product)));
    }
    if (statistics && LANE == 0) {
        statistics[2 * row] = mean;
        statistics[2 * row + 1] = scale;
    }
}
#endif

/* --- channels: of x (n, c, s), each over n and s ------------------------------------------------------------ */

/* As in lib/cl/norm.c. A channel's n * s elements are cut into chunks. Sample i and channel k have the statistics
 * at (i * per_sample + k / per_statistic). */
typedef struct Channels {
    long n, c, s, chunks, chunk, per_sample, per_statistic;
} Channels;

#ifdef KERNEL_channel_sums
/* partial (chunks, c, 3): the moments of x; or (GRADIENT) the sums of g and of g x_hat, by statistics (mean,
 * scale). */
__kernel GROUPED void channel_sums(__global REAL *restrict partial, TENSOR(const X, x), TENSOR(const X, g),
                                   __global const REAL *restrict statistics, const Channels v) {
    LANE_ROOM(room);
    const long task = TASK;
    if (NO_TASK(task, v.c * v.chunks)) return;
    const long chunk = task / v.c, channel = task - chunk * v.c;
    const long from = chunk * v.chunk, to = min(from + v.chunk, v.n * v.s);
    REAL a = 0, b = 0;
#if !GRADIENT
    const REAL near = from < to ? (REAL)LOAD(x, (from / v.s * v.c + channel) * v.s + from % v.s) : 0;
#endif
    long sample = (from + LANE) / v.s, position = (from + LANE) % v.s;
    for (long e_0 = from, e = from + LANE; e_0 < to; e_0 += LANES, e += LANES) {
        const long at = (sample * v.c + channel) * v.s + position;
        if (e < to) {
#if GRADIENT
            const long own = 2 * (sample * v.per_sample + channel / v.per_statistic);
            const REAL slope = (REAL)LOAD(g, at);
            a += slope;
            b += slope * (((REAL)LOAD(x, at) - statistics[own]) * statistics[own + 1]);
#else
            const REAL d = (REAL)LOAD(x, at) - near;
            a += d;
            b += d * d;
#endif
        }
        position += LANES;
        if (position >= v.s) {
            sample += position / v.s;
            position %= v.s;
        }
    }
    a = SUM_LANES(room, a);
    b = SUM_LANES(room, b);
    if (LANE) return;
    __global REAL *to_sums = partial + 3 * task;
#if GRADIENT
    to_sums[0] = a;
    to_sums[1] = b;
#else
    const Moments m = moments_of((REAL)(to - from), near, a, b);
    to_sums[0] = m.n;
    to_sums[1] = m.mean;
    to_sums[2] = m.m2;
#endif
}
#endif

#ifdef KERNEL_finish_channels
#if GRADIENT
/* The gradients of weight and bias (c), and where `slopes` is not NULL, for batch normalisation the coefficients
 * (c, 3) of gx = [0] g + [1] (x - mean) + [2]. */
__kernel void finish_channels(TENSOR(X, gw), TENSOR(X, gb), __global REAL *restrict slopes,
                              __global const REAL *restrict partial, __global const REAL *restrict statistics,
                              TENSOR(const W, w), const Channels v) {
    const long channel = (long)get_global_id(0);
    if (channel >= v.c) return;
    REAL sum = 0, product = 0;
    for (long chunk = 0; chunk < v.chunks; chunk++) {
        sum += partial[3 * (chunk * v.c + channel)];
        product += partial[3 * (chunk * v.c + channel) + 1];
    }
    if (gw) STORE(gw, channel, (T)product);
    if (gb) STORE(gb, channel, (T)sum);
    if (slopes) {
        const REAL count = (REAL)v.n * (REAL)v.s, scale = statistics[2 * channel + 1];
        const REAL slope = scale * (w ? (REAL)AFFINE(w, channel) : (REAL)1);
        slopes[3 * channel] = slope;
        slopes[3 * channel + 1] = -slope * scale * product / count;
        slopes[3 * channel + 2] = -slope * sum / count;
    }
}
#else
/* statistics (c, 2): mean and 1 / sqrt(variance + eps) from the moments. Where running_mean or running_var (each
 * `stride` apart) is not NULL it moves by momentum towards the mean, or towards the variance over count - 1. */
__kernel void finish_channels(__global REAL *restrict statistics, __global const REAL *restrict partial,
                              TENSOR(W, running_mean), const long mean_stride, TENSOR(W, running_var),
                              const long var_stride, const REAL momentum, const REAL eps, const Channels v) {
    const long channel = (long)get_global_id(0);
    if (channel >= v.c) return;
    Moments m = {0, 0, 0};
    for (long chunk = 0; chunk < v.chunks; chunk++) {
        __global const REAL *p = partial + 3 * (chunk * v.c + channel);
        const Moments part = {p[0], p[1], p[2]};
        m = chunk ? merge_moments(m, part) : part;
    }
    statistics[2 * channel] = m.mean;
    statistics[2 * channel + 1] = 1 / sqrt(m.m2 / m.n + eps);
    if (running_mean) {
        const REAL old = (REAL)AFFINE(running_mean, channel * mean_stride);
        AT(running_mean, channel * mean_stride) = ENCODE(W, REAL, (T)(old + momentum * (m.mean - old)));
    }
    if (running_var) {
        const REAL old = (REAL)AFFINE(running_var, channel * var_stride);
        AT(running_var, channel * var_stride) = ENCODE(W, REAL, (T)(old + momentum * (m.m2 / (m.n - 1) - old)));
    }
}
#endif
#endif

#ifdef KERNEL_given_statistics
/* statistics (c, 2) from a given mean and variance. */
__kernel void given_statistics(__global REAL *restrict statistics, TENSOR(const W, mean), TENSOR(const W, var),
                               const REAL eps, const long c) {
    const long channel = (long)get_global_id(0);
    if (channel >= c) return;
    statistics[2 * channel] = (REAL)DECODE(W, AT(mean, channel));
    statistics[2 * channel + 1] = 1 / sqrt((REAL)DECODE(W, AT(var, channel)) + eps);
}
#endif

#ifdef KERNEL_channel_map
/* y = (x - mean) scale w + b; or (GRADIENT) gx from g by the slopes of finish_channels. */
__kernel void channel_map(TENSOR(X, y), TENSOR(const X, x), TENSOR(const X, g),
                          __global const REAL *restrict statistics, __global const REAL *restrict slopes,
                          TENSOR(const W, w), TENSOR(const W, b), const Channels v) {
    const long id = (long)get_global_id(0);
    if (id >= v.n * v.c * v.s) return;
    const long channel = id / v.s % v.c;
    const REAL distance = (REAL)LOAD(x, id) - statistics[2 * channel];
#if GRADIENT
    __global const REAL *own = slopes + 3 * channel;
    STORE(y, id, (T)(own[0] * (REAL)LOAD(g, id) + own[1] * distance + own[2]));
#else
    const REAL slope = statistics[2 * channel + 1] * (w ? (REAL)AFFINE(w, channel) : (REAL)1);
    STORE(y, id, (T)(distance * slope + (b ? (REAL)AFFINE(b, channel) : (REAL)0)));
#endif
}
#endif
