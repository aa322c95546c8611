/* The softmax kernels of one element type: included by kernels_softmax.c with T and FN defined. No include
 * guard: it is included once a type. */

/* NaN is passed over here: it reaches every result of the row through the sum. The last vector overlaps the
 * one before it. */
static inline T FN(largest)(const T *x, int64_t n) {
    const int64_t whole = n < VECTOR ? n : n - n % VECTOR;
    T m = -INFINITY;
#pragma omp simd reduction(max : m)
    for (int64_t i = 0; i < whole; i++) m = x[i] > m ? x[i] : m;
    if (whole < n) {
#pragma omp simd reduction(max : m)
        for (int64_t i = n - VECTOR; i < n; i++) m = x[i] > m ? x[i] : m;
    }
    return m;
}

static inline double FN(total)(const T *x, int64_t n) {
    double s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t i = 0; i < n; i++) s += (double)x[i];
    return s;
}

static inline double FN(dot)(const T *a, const T *b, int64_t n) {
    double s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t i = 0; i < n; i++) s += (double)a[i] * (double)b[i];
    return s;
}

/* e = exp(x - m), stored where `store`; returns the sum. n is at least VECTOR; e may be x, so that the last
 * vector, which overlaps the one before it, is taken first. */
static inline __attribute__((always_inline)) double FN(exp_sum)(T *e, const T *x, int64_t n, T m,
                                                                const bool store) {
    const int known = (int)(-n & (VECTOR - 1)); /* elements of the last vector that are in others too */
    double sum[VECTOR] = {0}, s = 0;
    T last[VECTOR];
    int64_t i = 0;
    if (known) {
#pragma omp simd
        for (int j = 0; j < VECTOR; j++) {
            last[j] = FN(exp_below)(x[n - VECTOR + j] - m);
            sum[j] = j < known ? 0 : (double)last[j];
        }
    }
    for (; i + 4 * VECTOR <= n; i += 4 * VECTOR) {
#pragma omp simd
        for (int j = 0; j < VECTOR; j++) {
            const T *from = x + i + j;
            const T a = FN(exp_below)(from[0] - m), b = FN(exp_below)(from[VECTOR] - m);
            const T c = FN(exp_below)(from[2 * VECTOR] - m), d = FN(exp_below)(from[3 * VECTOR] - m);
            if (store) {
                T *to = e + i + j;
                to[0] = a;
                to[VECTOR] = b;
                to[2 * VECTOR] = c;
                to[3 * VECTOR] = d;
            }
            sum[j] += (double)((a + b) + (c + d));
        }
    }
    for (; i + VECTOR <= n; i += VECTOR) {
#pragma omp simd
        for (int j = 0; j < VECTOR; j++) {
            const T a = FN(exp_below)(x[i + j] - m);
            if (store) e[i + j] = a;
            sum[j] += (double)a;
        }
    }
    if (known && store) memcpy(e + n - VECTOR, last, sizeof last);
#pragma omp simd reduction(+ : s)
    for (int j = 0; j < VECTOR; j++) s += sum[j];
    return s;
}

static inline void FN(exp_all)(T *e, const T *x, int64_t n) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) e[i] = FN(exp_below)(x[i]);
}

static inline void FN(multiply)(T *e, int64_t n, T factor) {
    for (int64_t i = 0; i < n; i++) e[i] *= factor;
}

static inline __attribute__((always_inline)) void FN(columns_body)(void *y_, const void *x_, int64_t n,
                                                                   int64_t stride, int64_t w,
                                                                   const double *scale, SoftmaxForm form) {
    T scratch[TILE], m[SOFTMAX_COLUMNS];
    double s[SOFTMAX_COLUMNS];
    const T *x = x_;
    T *y = y_;
    for (int64_t j = 0; j < w; j++) m[j] = -INFINITY, s[j] = 0;
    for (int64_t r = 0; r < n; r++)
        for (int64_t j = 0; j < w; j++) m[j] = x[r * stride + j] > m[j] ? x[r * stride + j] : m[j];
    const int64_t step = TILE / w;
    for (int64_t r = 0; r < n; r += step) {
        const int64_t k = least(step, n - r), line = form == FORM_SOFTMAX ? stride : w;
        T *e = form == FORM_SOFTMAX ? y + r * stride : scratch;
        for (int64_t i = 0; i < k; i++)
            for (int64_t j = 0; j < w; j++) e[i * line + j] = x[(r + i) * stride + j] - m[j];
        if (line == w)
            FN(exp_all)(e, e, k * w);
        else
            for (int64_t i = 0; i < k; i++) FN(exp_all)(e + i * line, e + i * line, w);
        for (int64_t i = 0; i < k; i++)
            for (int64_t j = 0; j < w; j++) s[j] += (double)e[i * line + j];
    }
    if (form == FORM_SOFTMAX) {
        for (int64_t j = 0; j < w; j++) m[j] = (T)((scale ? scale[j] : 1) / s[j]);
        for (int64_t r = 0; r < n; r++)
            for (int64_t j = 0; j < w; j++) y[r * stride + j] *= m[j];
        return;
    }
    for (int64_t j = 0; j < w; j++) s[j] = log(s[j]);
    if (form == FORM_LOGSUMEXP)
        for (int64_t j = 0; j < w; j++) ((double *)y_)[j] = (double)m[j] + s[j];
    else
        for (int64_t r = 0; r < n; r++)
            for (int64_t j = 0; j < w; j++) y[r * stride + j] = (x[r * stride + j] - m[j]) - (T)s[j];
}

static void FN(columns)(void *y, const void *x, int64_t n, int64_t stride, int64_t w, const double *scale,
                        SoftmaxForm form) {
    FN(columns_body)(y, x, n, stride, w, scale, form);
}

/* Rows too short for vectors: VECTOR of them at a time as the columns of a small matrix. */
static void FN(short_rows)(void *y_, const void *x_, int64_t rows, int64_t n, const double *scale,
                           SoftmaxForm form) {
    T x[SHORT_ROW * VECTOR] = {0}, y[SHORT_ROW * VECTOR];
    double top[VECTOR], factor[VECTOR] = {0};
    for (int64_t r = 0; r < rows; r += VECTOR) {
        const int64_t k = least(VECTOR, rows - r);
        const T *from = (const T *)x_ + r * n;
        for (int64_t j = 0; j < k; j++)
            for (int64_t i = 0; i < n; i++) x[i * VECTOR + j] = from[j * n + i];
        for (int64_t j = 0; scale && j < k; j++) factor[j] = scale[r + j];
        FN(columns_body)
        (form == FORM_LOGSUMEXP ? (void *)top : y, x, n, VECTOR, VECTOR, scale ? factor : NULL, form);
        if (form == FORM_LOGSUMEXP) {
            for (int64_t j = 0; j < k; j++) ((double *)y_)[r + j] = top[j];
        } else {
            T *to = (T *)y_ + r * n;
            for (int64_t j = 0; j < k; j++)
                for (int64_t i = 0; i < n; i++) to[j * n + i] = y[i * VECTOR + j];
        }
    }
}

static void FN(rows)(void *y_, const void *x_, int64_t rows, int64_t n, const double *scale,
                     SoftmaxForm form) {
    if (n <= SHORT_ROW) {
        FN(short_rows)(y_, x_, rows, n, scale, form);
        return;
    }
    T m[TILE_ROWS];
    double s[TILE_ROWS];
    const int64_t step = n > TILE ? 1 : least(TILE / n, TILE_ROWS);
    for (int64_t r = 0; r < rows; r += step) {
        const int64_t k = least(step, rows - r);
        const T *x = (const T *)x_ + r * n;
        T *y = form == FORM_LOGSUMEXP ? NULL : (T *)y_ + r * n;
        for (int64_t j = 0; j < k; j++) m[j] = FN(largest)(x + j * n, n);
        if (form == FORM_SOFTMAX) {
            for (int64_t j = 0; j < k; j++) s[j] = FN(exp_sum)(y + j * n, x + j * n, n, m[j], true);
            for (int64_t j = 0; j < k; j++)
                FN(multiply)(y + j * n, n, (T)((scale ? scale[r + j] : 1) / s[j]));
            continue;
        }
        for (int64_t j = 0; j < k; j++) s[j] = FN(exp_sum)(NULL, x + j * n, n, m[j], false);
        for (int64_t j = 0; j < k; j++) s[j] = log(s[j]);
        if (form == FORM_LOGSUMEXP)
            for (int64_t j = 0; j < k; j++) ((double *)y_)[r + j] = (double)m[j] + s[j];
        else
            for (int64_t j = 0; j < k; j++)
                for (int64_t i = 0; i < n; i++) y[j * n + i] = (x[j * n + i] - m[j]) - (T)s[j];
    }
}

/* softmax: gx = y (g - sum(g y)); its logarithm: gx = g - exp(y) sum(g). */
static void FN(grad_rows)(void *gx_, const void *g_, const void *y_, int64_t rows, int64_t n,
                          SoftmaxForm form) {
    T *restrict gx = gx_;
    const T *restrict g = g_, *restrict y = y_;
    if (form == FORM_SOFTMAX) {
        for (int64_t r = 0; r < rows; r++, gx += n, g += n, y += n) {
            const T s = (T)FN(dot)(g, y, n);
            for (int64_t i = 0; i < n; i++) gx[i] = y[i] * (g[i] - s);
        }
        return;
    }
    const int64_t step = n < TILE ? TILE / n : 1;
    for (int64_t r = 0; r < rows; r += step) {
        const int64_t k = least(step, rows - r);
        FN(exp_all)(gx, y, k * n);
        for (int64_t j = 0; j < k; j++, gx += n, g += n, y += n) {
            const T s = (T)FN(total)(g, n);
            for (int64_t i = 0; i < n; i++) gx[i] = g[i] - gx[i] * s;
        }
    }
}

static void FN(grad_columns)(void *gx_, const void *g_, const void *y_, int64_t n, int64_t stride, int64_t w,
                             SoftmaxForm form) {
    double s[SOFTMAX_COLUMNS] = {0};
    T sum[SOFTMAX_COLUMNS];
    T *restrict gx = gx_;
    const T *restrict g = g_, *restrict y = y_;
    for (int64_t r = 0; r < n; r++)
        for (int64_t j = 0; j < w; j++) {
            const int64_t i = r * stride + j;
            s[j] += form == FORM_SOFTMAX ? (double)g[i] * (double)y[i] : (double)g[i];
        }
    for (int64_t j = 0; j < w; j++) sum[j] = (T)s[j];
    for (int64_t r = 0; r < n; r++, gx += stride, g += stride, y += stride) {
        if (form == FORM_SOFTMAX)
            for (int64_t j = 0; j < w; j++) gx[j] = y[j] * (g[j] - sum[j]);
        else
            for (int64_t j = 0; j < w; j++) gx[j] = g[j] - FN(exp_below)(y[j]) * sum[j];
    }
}
