/* The softmax kernels of one element type: included by kernels_softmax.c with T and FN defined. No include
 * guard: it is included once a type. */

/* The largest element and the smallest. NaN is passed over here: it reaches every result of the row through
 * the sum. The last vector overlaps the one before it. */
static inline T FN(largest)(const T *x, int64_t n, T *smallest) {
    const int64_t whole = n < VECTOR ? n : n - n % VECTOR;
    T m = -INFINITY, l = INFINITY;
#pragma omp simd reduction(max : m) reduction(min : l)
    for (int64_t i = 0; i < whole; i++) {
        m = x[i] > m ? x[i] : m;
        l = x[i] < l ? x[i] : l;
    }
    if (whole < n) {
#pragma omp simd reduction(max : m) reduction(min : l)
        for (int64_t i = n - VECTOR; i < n; i++) {
            m = x[i] > m ? x[i] : m;
            l = x[i] < l ? x[i] : l;
        }
    }
    *smallest = l;
    return m;
}

static inline double FN(total)(const T *x, int64_t n) {
    double s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t i = 0; i < n; i++) s += (double)x[i];
    return s;
}

/* The same of long rows: four elements of f32 are added before they widen, as a conversion costs two
 * additions. */
static inline double FN(long_total)(const T *x, int64_t n) {
    const int64_t part = sizeof(T) < sizeof(double) ? n / 4 : 0;
    double s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t i = 0; i < part; i++)
        s += (double)((x[i] + x[i + part]) + (x[i + 2 * part] + x[i + 3 * part]));
    return s + FN(total)(x + 4 * part, n - 4 * part);
}

static inline double FN(dot)(const T *a, const T *b, int64_t n) {
    double s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t i = 0; i < n; i++) s += (double)a[i] * (double)b[i];
    return s;
}

/* exp of what is not above 0; where it is `low`, with 0 for what would have no normal value. Masks are full
 * of -inf, and at all such the vector function leaves its fast path, four times as slow. `least` is
 * LEAST_EXPONENT, read from where the compiler cannot know it: it passes d on as it is where it can tell that
 * nothing hangs on it.
 */
static const volatile T FN(least_exponent) = LEAST_EXPONENT;
static inline __attribute__((always_inline)) T FN(exp_below)(T d, T least, bool low) {
    const T e = exp(low && d < least ? least : d);
    return low && e < LEAST_EXP ? 0 : e;
}

static inline __attribute__((always_inline)) void FN(exp_all_of)(T *y, const T *x, int64_t n, T m, bool low) {
    const int64_t whole = n - n % VECTOR;
    const T least = FN(least_exponent);
#pragma omp simd
    for (int64_t i = 0; i < whole; i++) y[i] = FN(exp_below)(x[i] - m, least, low);
    if (whole == n) return;
    if (whole && x != y) {
#pragma omp simd
        for (int64_t i = n - VECTOR; i < n; i++) y[i] = FN(exp_below)(x[i] - m, least, low);
        return;
    }
    T last[VECTOR] = {0};
    for (int64_t i = whole; i < n; i++) last[i - whole] = x[i] - m;
    for (int i = 0; i < VECTOR; i++) last[i] = FN(exp_below)(last[i], least, low);
    for (int64_t i = whole; i < n; i++) y[i] = last[i - whole];
}

/* y = exp(x - m); y may be x. The last few elements go through a full vector too: once more with those before
 * them, or beside zeros where those are overwritten. low: some x - m may be below LEAST_EXPONENT. */
static inline void FN(exp_all)(T *y, const T *x, int64_t n, T m, bool low) {
    if (low)
        FN(exp_all_of)(y, x, n, m, true);
    else
        FN(exp_all_of)(y, x, n, m, false);
}

static inline __attribute__((always_inline)) double FN(exp_total_of)(const T *x, int64_t n, T m, bool low) {
    const int64_t part = n / (4 * VECTOR) * VECTOR, whole = n - n % VECTOR;
    const T least = FN(least_exponent);
    double s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t i = 0; i < part; i++) {
        const T a = FN(exp_below)(x[i] - m, least, low), b = FN(exp_below)(x[i + part] - m, least, low);
        const T c = FN(exp_below)(x[i + 2 * part] - m, least, low),
                d = FN(exp_below)(x[i + 3 * part] - m, least, low);
        s += (double)((a + b) + (c + d));
    }
#pragma omp simd reduction(+ : s)
    for (int64_t i = 4 * part; i < whole; i++) s += (double)FN(exp_below)(x[i] - m, least, low);
    if (whole == n) return s;
    T last[VECTOR];
#pragma omp simd
    for (int i = 0; i < VECTOR; i++) last[i] = FN(exp_below)(x[n - VECTOR + i] - m, least, low);
    for (int64_t i = whole; i < n; i++) s += (double)last[i - n + VECTOR];
    return s;
}

/* The sum of exp(x - m), which is stored nowhere; n is at least VECTOR. */
static inline double FN(exp_total)(const T *x, int64_t n, T m, bool low) {
    return low ? FN(exp_total_of)(x, n, m, true) : FN(exp_total_of)(x, n, m, false);
}

static inline void FN(subtract)(T *restrict e, const T *restrict x, int64_t n, T m) {
    for (int64_t i = 0; i < n; i++) e[i] = x[i] - m;
}

static inline void FN(multiply)(T *e, int64_t n, T factor) {
    for (int64_t i = 0; i < n; i++) e[i] *= factor;
}

/* e = exp(x - m) of k rows, m and s: the largest of each row and the sum of its exp. */
static void FN(exp_tile)(T *e, const T *x, int64_t k, int64_t n, T *m, double *s) {
    bool low = false;
    for (int64_t j = 0; j < k; j++) {
        T smallest;
        m[j] = FN(largest)(x + j * n, n, &smallest);
        low |= smallest - m[j] < LEAST_EXPONENT;
        FN(subtract)(e + j * n, x + j * n, n, m[j]);
    }
    FN(exp_all)(e, e, k * n, 0, low);
    for (int64_t j = 0; j < k; j++) s[j] = FN(total)(e + j * n, n);
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
            FN(exp_all)(e, e, k * w, 0, true);
        else
            for (int64_t i = 0; i < k; i++) FN(exp_all)(e + i * line, e + i * line, w, 0, true);
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

/* m and s of k rows; e: NULL, or room for what exp_tile writes. */
static void FN(sums)(T *e, const T *x, int64_t k, int64_t n, T *m, double *s) {
    if (e && n < MIDDLE_ROW) {
        FN(exp_tile)(e, x, k, n, m, s);
        return;
    }
    for (int64_t j = 0; j < k; j++) {
        T smallest;
        m[j] = FN(largest)(x + j * n, n, &smallest);
        const bool low = smallest - m[j] < LEAST_EXPONENT;
        if (e) {
            FN(exp_all)(e + j * n, x + j * n, n, m[j], low);
            s[j] = FN(long_total)(e + j * n, n);
        } else {
            s[j] = FN(exp_total)(x + j * n, n, m[j], low);
        }
    }
}

static void FN(rows)(void *y_, const void *x_, int64_t rows, int64_t n, const double *scale,
                     SoftmaxForm form) {
    if (n <= SHORT_ROW) {
        FN(short_rows)(y_, x_, rows, n, scale, form);
        return;
    }
    T scratch[TILE], m[TILE_ROWS];
    double s[TILE_ROWS];
    const int64_t step = n > TILE ? 1 : least(TILE / n, TILE_ROWS);
    for (int64_t r = 0; r < rows; r += step) {
        const int64_t k = least(step, rows - r);
        const T *x = (const T *)x_ + r * n;
        T *y = form == FORM_LOGSUMEXP ? NULL : (T *)y_ + r * n;
        FN(sums)(form == FORM_SOFTMAX ? y : n < MIDDLE_ROW ? scratch : NULL, x, k, n, m, s);
        if (form == FORM_SOFTMAX) {
            for (int64_t j = 0; j < k; j++)
                FN(multiply)(y + j * n, n, (T)((scale ? scale[r + j] : 1) / s[j]));
            continue;
        }
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
    const int64_t step = n < MIDDLE_ROW ? TILE / n : 1;
    for (int64_t r = 0; r < rows; r += step) {
        const int64_t k = least(step, rows - r);
        FN(exp_all)(gx, y, k * n, 0, true);
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
            for (int64_t j = 0; j < w; j++) gx[j] = g[j] - exp(y[j]) * sum[j];
    }
}
