/* The normalisation kernels of one element type: included by kernels_norm.c with T and FN defined. No include
 * guard: it is included once a type. Sums run in T over blocks of BLOCK elements, on four streams of vector
 * lanes, and in double over the blocks. */

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

/* s[0], s[1] += the sums of two terms that see i, over i in 0..n-1. What it costs to join lanes and streams
 * decides how many there are. */
#define SUM_OF_TWO(n, s, term0, term1)                                                                       \
    for (int64_t from = 0; from < (n); from += BLOCK) {                                                      \
        const int64_t end = (n)-from < BLOCK ? (n) : from + BLOCK;                                           \
        const int64_t quarter = end - from < LONG_ROW ? 0 : (end - from) / (4 * VECTOR) * VECTOR;            \
        T s0 = 0, s1 = 0;                                                                                    \
        if (end - from < SHORT_ROW)                                                                          \
            for (int64_t i = from; i < end; i++) s0 += term0, s1 += term1;                                   \
        else {                                                                                               \
            _Pragma("omp simd reduction(+ : s0, s1)") for (int64_t i = from + 4 * quarter; i < end; i++)     \
                s0 += term0,                                                                                 \
                s1 += term1;                                                                                 \
        }                                                                                                    \
        if (quarter > 0) {                                                                                   \
            T a0 = 0, a1 = 0, b0 = 0, b1 = 0, c0 = 0, c1 = 0, d0 = 0, d1 = 0;                                \
            _Pragma("omp simd reduction(+ : a0, a1, b0, b1, c0, c1, d0, d1)") for (int64_t k = from;         \
                                                                                   k < from + quarter;       \
                                                                                   k++) {                    \
                int64_t i = k;                                                                               \
                a0 += term0, a1 += term1;                                                                    \
                i = k + quarter;                                                                             \
                b0 += term0, b1 += term1;                                                                    \
                i = k + 2 * quarter;                                                                         \
                c0 += term0, c1 += term1;                                                                    \
                i = k + 3 * quarter;                                                                         \
                d0 += term0, d1 += term1;                                                                    \
            }                                                                                                \
            (s)[0] += ((double)a0 + (double)b0) + ((double)c0 + (double)d0);                                 \
            (s)[1] += ((double)a1 + (double)b1) + ((double)c1 + (double)d1);                                 \
        }                                                                                                    \
        (s)[0] += (double)s0;                                                                                \
        (s)[1] += (double)s1;                                                                                \
    }

/* --- runs */
static double FN(sum)(const void *x_, int64_t n) {
    const T *x = x_;
    double s[2] = {0, 0};
    SUM_OF_TWO(n, s, x[i], 0)
    return s[0];
}

static void FN(distances)(double sums[2], const void *x_, int64_t n, double near_) {
    const T *x = x_, near = (T)near_;
    SUM_OF_TWO(n, sums, x[i] - near, (x[i] - near) * (x[i] - near))
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
    SUM_OF_TWO(n, sums, g[i], g[i] * DISTANCE(x[i], mean))
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
    *mean = (double)near + s[0] / count;
    return 1 / sqrt(fmax(s[1] - s[0] * s[0] / count, 0) / count + eps);
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
        const T slope = (T)scale;
        if (w) {
            SUM_OF_TWO(n, h, g[i] * w[i], g[i] * w[i] * DISTANCE(x[i], mean))
        } else {
            SUM_OF_TWO(n, h, g[i], g[i] * DISTANCE(x[i], mean))
        }
        const T tilt = (T)(-h[1] / count * scale * scale * scale),
                level = (T)(centre ? -h[0] / count * scale : 0);
        if (gw)
            for (int64_t i = 0; i < n; i++) near_w[i] += g[i] * (DISTANCE(x[i], mean) * slope);
        if (gb)
            for (int64_t i = 0; i < n; i++) near_b[i] += g[i];
        if (w)
            for (int64_t i = 0; i < n; i++)
                gx[i] = slope * (g[i] * w[i]) + tilt * DISTANCE(x[i], mean) + level;
        else
            for (int64_t i = 0; i < n; i++) gx[i] = slope * g[i] + tilt * DISTANCE(x[i], mean) + level;
        if (r % ROW_BLOCK == ROW_BLOCK - 1 || r == rows - 1) {
            if (gw) FN(flush)(gw, near_w, n);
            if (gb) FN(flush)(gb, near_b, n);
        }
    }
}

#undef DISTANCE
#undef SUM_OF_TWO
