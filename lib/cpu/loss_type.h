/* The loss kernels of one element type: included by kernels_loss.c with T and FN defined. No include guard:
 * it is included once a type. */

static double FN(mse)(void *out_, const void *x_, const void *t_, int64_t n) {
    T *restrict out = out_;
    const T *restrict x = x_, *restrict t = t_;
    double s = 0;
    if (out) {
        for (int64_t i = 0; i < n; i++) out[i] = (x[i] - t[i]) * (x[i] - t[i]);
        return 0;
    }
#pragma omp simd reduction(+ : s)
    for (int64_t i = 0; i < n; i++) {
        const T d = x[i] - t[i];
        s += (double)d * (double)d;
    }
    return s;
}

static void FN(mse_grad)(void *gx_, const void *g_, const void *x_, const void *t_, int64_t n,
                         double factor_) {
    T *restrict gx = gx_;
    const T *restrict g = g_, *restrict x = x_, *restrict t = t_, factor = (T)factor_;
    if (g)
        for (int64_t i = 0; i < n; i++) gx[i] = g[i] * (factor * (x[i] - t[i]));
    else
        for (int64_t i = 0; i < n; i++) gx[i] = factor * (x[i] - t[i]);
}

static inline __attribute__((always_inline)) void FN(bce_run)(T *restrict out, const T *restrict x,
                                                              const T *restrict t, const T *restrict w,
                                                              const T *restrict pos, int64_t n, bool logits) {
    for (int64_t i = 0; i < n; i++) {
        T loss;
        if (logits) {
            const T rise = log1p(exp(-fabs(x[i]))) + (x[i] < 0 ? -x[i] : 0); /* log(1 + exp(-x)) */
            loss = (1 - t[i]) * x[i] + (pos ? 1 + (pos[i] - 1) * t[i] : 1) * rise;
        } else {
            const T yes = log(x[i]), no = log1p(-x[i]);
            loss = (t[i] - 1) * (no < -100 ? -100 : no) - t[i] * (yes < -100 ? -100 : yes);
        }
        out[i] = (w ? w[i] : 1) * loss;
    }
}

static inline __attribute__((always_inline)) void FN(bce_grad_run)(T *restrict gx, const T *restrict g,
                                                                   const T *restrict x, const T *restrict t,
                                                                   const T *restrict w, const T *restrict pos,
                                                                   int64_t n, T factor, bool logits) {
    for (int64_t i = 0; i < n; i++) {
        T slope;
        if (logits) {
            const T below = 1 / (1 + exp(x[i])); /* sigmoid(-x) */
            slope = (1 - t[i]) - (pos ? 1 + (pos[i] - 1) * t[i] : 1) * below;
        } else {
            const T spread = (1 - x[i]) * x[i];
            slope = (x[i] - t[i]) / (spread < (T)1e-12 ? (T)1e-12 : spread);
        }
        gx[i] = factor * (g ? g[i] : 1) * (w ? w[i] : 1) * slope;
    }
}

/* n elements in the leading part of a full vector; the rest is a probability that costs nothing special. */
static inline const T *FN(padded)(T *room, const T *p, int64_t n) {
    if (!p) return NULL;
    for (int i = 0; i < VECTOR; i++) room[i] = (T)0.5;
    for (int64_t i = 0; i < n; i++) room[i] = p[i];
    return room;
}

/* The last elements of a row go through a full vector as well. */
static inline __attribute__((always_inline)) void FN(bce_tile)(T *out, const T *x, const T *t, const T *w,
                                                               const T *pos, int64_t n, bool logits) {
    const int64_t whole = n - n % VECTOR, rest = n - whole;
    T last[VECTOR], room[4][VECTOR];
    FN(bce_run)(out, x, t, w, pos, whole, logits);
    if (!rest) return;
    x = FN(padded)(room[0], x + whole, rest);
    t = FN(padded)(room[1], t + whole, rest);
    w = FN(padded)(room[2], w ? w + whole : NULL, rest);
    pos = FN(padded)(room[3], pos ? pos + whole : NULL, rest);
    FN(bce_run)(last, x, t, w, pos, VECTOR, logits);
    for (int64_t i = 0; i < rest; i++) out[whole + i] = last[i];
}

static double FN(bce)(void *out_, const void *x_, const void *t_, const void *w_, const void *pos_, int64_t n,
                      bool logits) {
    T *out = out_, tile[TILE];
    double sum = 0;
    for (int64_t at = 0; at < n; at += TILE) {
        const int64_t length = n - at < TILE ? n - at : TILE;
        const T *x = (const T *)x_ + at, *t = (const T *)t_ + at;
        const T *w = w_ ? (const T *)w_ + at : NULL, *pos = pos_ ? (const T *)pos_ + at : NULL;
        T *to = out ? out + at : tile;
        if (w || pos)
            FN(bce_tile)(to, x, t, w, pos, length, logits);
        else if (logits)
            FN(bce_tile)(to, x, t, NULL, NULL, length, true);
        else
            FN(bce_tile)(to, x, t, NULL, NULL, length, false);
        double s = 0;
#pragma omp simd reduction(+ : s)
        for (int64_t i = 0; i < length; i++) s += (double)to[i];
        sum += s;
    }
    return sum;
}

static void FN(bce_grad)(void *gx, const void *g, const void *x, const void *t, const void *w,
                         const void *pos, int64_t n, double factor, bool logits) {
    if (g || w || pos)
        FN(bce_grad_run)(gx, g, x, t, w, pos, n, (T)factor, logits);
    else if (logits)
        FN(bce_grad_run)(gx, NULL, x, t, NULL, NULL, n, (T)factor, true);
    else
        FN(bce_grad_run)(gx, NULL, x, t, NULL, NULL, n, (T)factor, false);
}
