/* The normalisation kernels of one element type: included by kernels_norm.c with T and FN defined. No include
 * guard: it is included once a type. Differences from the mean are taken in double, so that data far from
 * zero loses nothing; what follows runs in T. */

#define DISTANCE(x, mean) ((T)((double)(x) - (mean)))

/* --- runs */
static double FN(sum)(const void *x_, int64_t n) {
    const T *x = x_;
    double s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t i = 0; i < n; i++) s += (double)x[i];
    return s;
}

static double FN(squares)(const void *x_, int64_t n, double mean) {
    const T *x = x_;
    double s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t i = 0; i < n; i++) s += ((double)x[i] - mean) * ((double)x[i] - mean);
    return s;
}

static void FN(affine)(void *y_, const void *x_, int64_t n, double mean, double scale_, double shift_) {
    T *restrict y = y_;
    const T *restrict x = x_;
    const T scale = (T)scale_, shift = (T)shift_;
    for (int64_t i = 0; i < n; i++) y[i] = DISTANCE(x[i], mean) * scale + shift;
}

static void FN(grad_sums)(double sums[2], const void *g_, const void *x_, int64_t n, double mean) {
    const T *g = g_, *x = x_;
    double s = 0, sx = 0;
#pragma omp simd reduction(+ : s, sx)
    for (int64_t i = 0; i < n; i++) {
        s += (double)g[i];
        sx += (double)g[i] * ((double)x[i] - mean);
    }
    sums[0] += s;
    sums[1] += sx;
}

static void FN(grad_affine)(void *gx_, const void *g_, const void *x_, int64_t n, double mean, NormSlopes s) {
    T *restrict gx = gx_;
    const T *restrict g = g_, *restrict x = x_;
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
static inline double FN(row_moments)(const T *x, int64_t n, double eps, bool centre, double *mean) {
    *mean = centre ? FN(sum)(x, n) / (double)n : 0;
    return 1 / sqrt(FN(squares)(x, n, *mean) / (double)n + eps);
}

static void FN(rows)(void *y_, const void *x_, int64_t rows, int64_t n, const void *w_, const void *b_,
                     double eps, bool centre) {
    T *restrict y = y_;
    const T *restrict x = x_, *restrict w = w_, *restrict b = b_;
    for (int64_t r = 0; r < rows; r++, x += n, y += n) {
        double mean;
        const T scale = (T)FN(row_moments)(x, n, eps, centre, &mean);
        if (w && b)
            for (int64_t i = 0; i < n; i++) y[i] = DISTANCE(x[i], mean) * scale * w[i] + b[i];
        else if (w)
            for (int64_t i = 0; i < n; i++) y[i] = DISTANCE(x[i], mean) * scale * w[i];
        else
            for (int64_t i = 0; i < n; i++) y[i] = DISTANCE(x[i], mean) * scale + (b ? b[i] : 0);
    }
}

/* With h = g w and x_hat = (x - mean) scale: gx = scale (h - mean(h) - x_hat mean(h x_hat)). */
static void FN(rows_grad)(void *gx_, double *restrict gw, double *restrict gb, const void *g_, const void *x_,
                          int64_t rows, int64_t n, const void *w_, double eps, bool centre) {
    T *restrict gx = gx_;
    const T *restrict g = g_, *restrict x = x_, *restrict w = w_;
    for (int64_t r = 0; r < rows; r++, x += n, g += n, gx += n) {
        double mean, h = 0, hx = 0;
        const double scale = FN(row_moments)(x, n, eps, centre, &mean);
        if (w) {
#pragma omp simd reduction(+ : h, hx)
            for (int64_t i = 0; i < n; i++) {
                const double hi = (double)g[i] * (double)w[i];
                h += hi;
                hx += hi * ((double)x[i] - mean);
            }
        } else {
            double sums[2] = {0, 0};
            FN(grad_sums)(sums, g, x, n, mean);
            h = sums[0];
            hx = sums[1];
        }
        if (gw)
            for (int64_t i = 0; i < n; i++) gw[i] += (double)g[i] * (((double)x[i] - mean) * scale);
        if (gb)
            for (int64_t i = 0; i < n; i++) gb[i] += (double)g[i];
        const T slope = (T)scale, tilt = (T)(-hx / (double)n * scale * scale * scale);
        const T level = (T)(centre ? -h / (double)n * scale : 0);
        if (w)
            for (int64_t i = 0; i < n; i++)
                gx[i] = slope * (g[i] * w[i]) + tilt * DISTANCE(x[i], mean) + level;
        else
            for (int64_t i = 0; i < n; i++) gx[i] = slope * g[i] + tilt * DISTANCE(x[i], mean) + level;
    }
}

#undef DISTANCE
