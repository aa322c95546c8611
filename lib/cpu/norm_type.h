/* The normalisation kernels of one element type: included by kernels_norm.c with T and FN defined. No include
 * guard: it is included once a type. Sums run in T on vector lanes over blocks of BLOCK
 * elements, and in double over the blocks. */

/* Distances from a mean that T cannot hold exactly: first from its nearest T, which loses nothing where x is
 * near, then what is left of it. */
typedef struct {
    T whole, rest;
} FN(Mean);

static inline FN(Mean) FN(mean_of)(double mean) {
    const T whole = (T)mean;
    return (FN(Mean)){whole, (T)(mean - (double)whole)};
}

#define DISTANCE(x, mean) (((x) - (mean).whole) - (mean).rest)

/* A vector of elements, anywhere in memory. */
typedef T FN(Lanes) __attribute__((vector_size(LANE_BYTES), aligned(sizeof(T)), may_alias));

/* Constant widths keep the lanes in registers. */
static inline T FN(sum_lanes)(const FN(Lanes) * v) {
    enum { LANES = LANE_BYTES / sizeof(T) };
    T s[LANES];
    __builtin_memcpy(s, v, sizeof s);
#define HALVE(width)                                                                                         \
    if (LANES > width) _Pragma("omp simd") for (int j = 0; j < width; j++) s[j] += s[j + width];
    HALVE(8)
    HALVE(4)
    HALVE(2)
#undef HALVE
    return s[0] + s[1];
}

/* s[0], s[1] += the sums of two terms over n elements. `loads` takes what the terms see from AT(array), once
 * as vectors, once as single elements: their type is E. */
#define AT(array) (*(const E *)((array) + i))
#define SUM_OF_TWO(n, s, loads, term0, term1)                                                                \
    for (int64_t from = 0; from < (n); from += BLOCK) {                                                      \
        const int64_t lanes = LANE_BYTES / sizeof(T), end = (n)-from < BLOCK ? (n) : from + BLOCK;           \
        int64_t i = from;                                                                                    \
        T s0 = 0, s1 = 0;                                                                                    \
        if (end - from >= lanes) {                                                                           \
            typedef FN(Lanes) E;                                                                             \
            E a0 = {0}, a1 = {0}, b0 = {0}, b1 = {0};                                                        \
            for (; i + 2 * lanes <= end; i += lanes) {                                                       \
                {                                                                                            \
                    loads;                                                                                   \
                    a0 += term0, a1 += term1;                                                                \
                }                                                                                            \
                i += lanes;                                                                                  \
                loads;                                                                                       \
                b0 += term0, b1 += term1;                                                                    \
            }                                                                                                \
            if (i + lanes <= end) {                                                                          \
                loads;                                                                                       \
                a0 += term0, a1 += term1;                                                                    \
                i += lanes;                                                                                  \
            }                                                                                                \
            a0 += b0, a1 += b1;                                                                              \
            s0 = FN(sum_lanes)(&a0), s1 = FN(sum_lanes)(&a1);                                                \
        }                                                                                                    \
        for (; i < end; i++) {                                                                               \
            typedef T E;                                                                                     \
            loads;                                                                                           \
            s0 += term0, s1 += term1;                                                                        \
        }                                                                                                    \
        (s)[0] += (double)s0;                                                                                \
        (s)[1] += (double)s1;                                                                                \
    }

/* --- runs */
static double FN(sum)(const void *x_, int64_t n) {
    const T *x = x_;
    double s[2] = {0, 0};
    SUM_OF_TWO(n, s, const E xi = AT(x), xi, (E){0})
    return s[0];
}

static void FN(distances)(double sums[2], const void *x_, int64_t n, double near_) {
    const T *x = x_, near = (T)near_;
    SUM_OF_TWO(n, sums, const E d = AT(x) - near, d, d * d)
}

static void FN(affine)(void *y_, const void *x_, int64_t n, double mean_, double scale_, double shift_) {
    T *restrict y = y_;
    const T *restrict x = x_;
    const FN(Mean) mean = FN(mean_of)(mean_);
    const T scale = (T)scale_, shift = (T)shift_;
    for (int64_t i = 0; i < n; i++) y[i] = DISTANCE(x[i], mean) * scale + shift;
}

static void FN(grad_sums)(double sums[2], const void *g_, const void *x_, int64_t n, double mean_) {
    const T *g = g_, *x = x_;
    const FN(Mean) mean = FN(mean_of)(mean_);
    SUM_OF_TWO(n, sums, const E gi = AT(g), gi, gi * DISTANCE(AT(x), mean))
}

static void FN(grad_affine)(void *gx_, const void *g_, const void *x_, int64_t n, double mean_,
                            NormSlopes s) {
    T *restrict gx = gx_;
    const T *restrict g = g_, *restrict x = x_;
    const FN(Mean) mean = FN(mean_of)(mean_);
    const T slope = (T)s.slope, tilt = (T)s.tilt, level = (T)s.level;
    for (int64_t i = 0; i < n; i++) gx[i] = slope * g[i] + tilt * DISTANCE(x[i], mean) + level;
}

/* --- columns */
static void FN(column_sum)(double *restrict sum, const void *x_, int64_t rows, int64_t stride, int64_t w) {
    const T *restrict x = x_;
    for (int64_t r = 0; r < rows; r++, x += stride)
        for (int64_t j = 0; j < w; j++) sum[j] += (double)x[j];
}

static void FN(column_squares)(double *restrict sum, const void *x_, int64_t rows, int64_t stride, int64_t w,
                               const double *restrict mean) {
    const T *restrict x = x_;
    for (int64_t r = 0; r < rows; r++, x += stride)
        for (int64_t j = 0; j < w; j++) sum[j] += ((double)x[j] - mean[j]) * ((double)x[j] - mean[j]);
}

static void FN(column_affine)(void *y_, const void *x_, int64_t rows, int64_t stride, int64_t w,
                              const double *restrict mean, const double *restrict scale,
                              const double *restrict shift) {
    T *restrict y = y_;
    const T *restrict x = x_;
    for (int64_t r = 0; r < rows; r++, x += stride, y += stride)
        for (int64_t j = 0; j < w; j++) y[j] = (T)(((double)x[j] - mean[j]) * scale[j] + shift[j]);
}

static void FN(column_grad_sums)(double *restrict g_sum, double *restrict gx_sum, const void *g_,
                                 const void *x_, int64_t rows, int64_t stride, int64_t w,
                                 const double *restrict mean) {
    const T *restrict g = g_, *restrict x = x_;
    for (int64_t r = 0; r < rows; r++, x += stride, g += stride)
        for (int64_t j = 0; j < w; j++) {
            g_sum[j] += (double)g[j];
            gx_sum[j] += (double)g[j] * ((double)x[j] - mean[j]);
        }
}

static void FN(column_grad_affine)(void *gx_, const void *g_, const void *x_, int64_t rows, int64_t stride,
                                   int64_t w, const double *restrict mean, const NormSlopes *restrict s) {
    T *restrict gx = gx_;
    const T *restrict g = g_, *restrict x = x_;
    for (int64_t r = 0; r < rows; r++, x += stride, g += stride, gx += stride)
        for (int64_t j = 0; j < w; j++)
            gx[j] = (T)(s[j].slope * (double)g[j] + s[j].tilt * ((double)x[j] - mean[j]) + s[j].level);
}

/* --- rows */

/* 1 / sqrt(variance + eps), or without `centre` 1 / sqrt(mean square + eps) about *mean = 0. */
static inline double FN(row_scale)(const T *x, int64_t n, double eps, bool centre, double *mean) {
    const double count = (double)n;
    double s[2] = {0, 0};
    const T near = centre ? (T)(FN(sum)(x, n) / count) : 0;
    FN(distances)(s, x, n, (double)near);
    if (!centre) s[0] = 0;
    const double squares = s[1] - s[0] * s[0] / count;
    *mean = (double)near + s[0] / count;
    return 1 / sqrt((squares < 0 ? 0 : squares / count) + eps); /* nan stays */
}

static void FN(rows)(void *y_, const void *x_, int64_t rows, int64_t n, const void *w_, const void *b_,
                     double eps, bool centre) {
    T *restrict y = y_;
    const T *restrict x = x_, *restrict w = w_, *restrict b = b_;
    for (int64_t r = 0; r < rows; r++, x += n, y += n) {
        double exact;
        const T scale = (T)FN(row_scale)(x, n, eps, centre, &exact);
        const FN(Mean) mean = FN(mean_of)(exact);
        if (w && b)
            for (int64_t i = 0; i < n; i++) y[i] = DISTANCE(x[i], mean) * scale * w[i] + b[i];
        else if (w)
            for (int64_t i = 0; i < n; i++) y[i] = DISTANCE(x[i], mean) * scale * w[i];
        else
            for (int64_t i = 0; i < n; i++) y[i] = DISTANCE(x[i], mean) * scale + (b ? b[i] : 0);
    }
}

/* to[i] += from[i], and from is zeros again. */
static void FN(flush)(double *restrict to, T *restrict from, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        to[i] += (double)from[i];
        from[i] = 0;
    }
}

/* One row of gx; and where near_w is not NULL near_w += g x_hat, near_b += g. Inlined with NULL or not. */
static inline __attribute__((always_inline)) void FN(row_gradient)(T *restrict gx, T *restrict near_w,
                                                                   T *restrict near_b, const T *restrict g,
                                                                   const T *restrict x, const T *restrict w,
                                                                   int64_t n, FN(Mean) mean, T scale, T tilt,
                                                                   T level) {
    for (int64_t i = 0; i < n; i++) {
        const T gi = g[i], d = DISTANCE(x[i], mean);
        gx[i] = scale * (w ? gi * w[i] : gi) + tilt * d + level;
        if (near_w) {
            near_w[i] += gi * (d * scale);
            near_b[i] += gi;
        }
    }
}

/* With h = g w and x_hat = (x - mean) scale: gx = scale (h - mean(h) - x_hat mean(h x_hat)). The sums over
 * rows run in T over ROW_BLOCK rows. */
static void FN(rows_grad)(void *gx_, double *gw, double *gb, const void *g_, const void *x_, int64_t rows,
                          int64_t n, const void *w_, double eps, bool centre, void *scratch) {
    T *restrict gx = gx_, *restrict near_w = scratch, *restrict near_b = near_w + n;
    const T *restrict g = g_, *restrict x = x_, *restrict w = w_;
    for (int64_t i = 0; i < 2 * n; i++) near_w[i] = 0;
    for (int64_t r = 0; r < rows; r++, x += n, g += n, gx += n) {
        double exact, h[2] = {0, 0};
        const double scale = FN(row_scale)(x, n, eps, centre, &exact), count = (double)n;
        const FN(Mean) mean = FN(mean_of)(exact);
        if (w)
            SUM_OF_TWO(n, h, const E hi = AT(g) * AT(w), hi, hi * DISTANCE(AT(x), mean))
        else
            SUM_OF_TWO(n, h, const E gi = AT(g), gi, gi * DISTANCE(AT(x), mean))
        const T tilt = (T)(-h[1] / count * scale * scale * scale);
        const T level = (T)(centre ? -h[0] / count * scale : 0);
        if (!gw && !gb)
            FN(row_gradient)(gx, NULL, NULL, g, x, w, n, mean, (T)scale, tilt, level);
        else if (w)
            FN(row_gradient)(gx, near_w, near_b, g, x, w, n, mean, (T)scale, tilt, level);
        else
            FN(row_gradient)(gx, near_w, near_b, g, x, NULL, n, mean, (T)scale, tilt, level);
        if (r % ROW_BLOCK == ROW_BLOCK - 1 || r == rows - 1) {
            if (gw) FN(flush)(gw, near_w, n);
            if (gb) FN(flush)(gb, near_b, n);
        }
    }
}

#undef DISTANCE
#undef SUM_OF_TWO
#undef AT
