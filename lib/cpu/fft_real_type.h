/* What real transforms need beside the kernels of fft_type.h, and copies of lines; for one type, as there. */

/* --- real transforms ------------------------------------------------------------------------------------ */

/* X[k] = E + w O and X[h - k] = conj(E - w O), with E = (Z[k] + conj Z[h - k]) / 2, O = (Z[k] - conj Z[h -
 * k]) / 2i. */
static void FN(unfold)(void *row, const void *roots, int64_t h, bool conj) {
    T *z = row;
    const T *w = roots, sign = conj ? -1 : 1, half = (T)0.5;
    const T re = z[0], im = z[1];
    z[0] = re + im;
    z[2 * h] = re - im;
    z[1] = z[2 * h + 1] = 0;
    int64_t k = 1;
    for (; 2 * k + 2 * LANES - 2 < h; k += LANES) {
        T *far = z + 2 * (h - k - LANES + 1);
        const C a = FN(load_pairs)(z + 2 * k), b = FN(reversed)(FN(load_pairs)(far));
        const C e = {(a.re + b.re) * half, (a.im - b.im) * half},
                o = {(a.im + b.im) * half, (b.re - a.re) * half};
        const C wo = FN(product)(o, FN(load_pairs)(w + 2 * k));
        FN(store_pairs)(z + 2 * k, (C){e.re + wo.re, (e.im + wo.im) * sign});
        FN(store_pairs)(far, FN(reversed)((C){e.re - wo.re, (wo.im - e.im) * sign}));
    }
    for (; 2 * k <= h; k++) {
        T *a = z + 2 * k, *b = z + 2 * (h - k);
        const T er = (a[0] + b[0]) * half, ei = (a[1] - b[1]) * half;
        const T or = (a[1] + b[1]) * half, oi = (b[0] - a[0]) * half;
        const T wr = or *w[2 * k] - oi * w[2 * k + 1], wi = oi * w[2 * k] + or *w[2 * k + 1];
        b[0] = er - wr;
        b[1] = (wi - ei) * sign;
        a[0] = er + wr;
        a[1] = (ei + wi) * sign;
    }
}

/* 2 Z[k] = E + i O and 2 Z[h - k] = conj(E) + i conj(O), with E = X[k] + conj X[h - k], O = conj(w) (X[k] -
 * conj X[h - k]). */
static void FN(fold)(void *to, const void *from, const void *roots, int64_t h, bool conj) {
    T *z = to;
    const T *x = from, *w = roots, sign = conj ? -1 : 1;
    z[0] = x[0] + x[2 * h];
    z[1] = x[0] - x[2 * h];
    int64_t k = 1;
    for (; 2 * k + 2 * LANES - 2 < h; k += LANES) {
        const int64_t far = 2 * (h - k - LANES + 1);
        const C a = FN(load_pairs)(x + 2 * k), b = FN(reversed)(FN(load_pairs)(x + far));
        const C u = FN(load_pairs)(w + 2 * k), e = {a.re + b.re, (a.im - b.im) * sign};
        const C o = FN(product)((C){a.re - b.re, (a.im + b.im) * sign}, (C){u.re, -u.im});
        FN(store_pairs)(z + 2 * k, FN(plus_i)(e, o));
        FN(store_pairs)(z + far, FN(reversed)((C){e.re + o.im, o.re - e.im}));
    }
    for (; 2 * k <= h; k++) {
        const T *a = x + 2 * k, *b = x + 2 * (h - k);
        const T er = a[0] + b[0], ei = (a[1] - b[1]) * sign, dr = a[0] - b[0], di = (a[1] + b[1]) * sign;
        const T or = dr * w[2 * k] + di * w[2 * k + 1], oi = di * w[2 * k] - dr * w[2 * k + 1];
        z[2 * (h - k)] = er + oi;
        z[2 * (h - k) + 1] = or -ei;
        z[2 * k] = er - oi;
        z[2 * k + 1] = ei + or ;
    }
}

/* Both in lanes. z has h + 1 elements. */
static void FN(unfold_lanes)(T *z, const T *w, int64_t h, T sign) {
    const C first = FN(load)(PLANAR, z, 0, 0);
    FN(store)(PLANAR, z, 0, 0, (C){first.re + first.im, (V){0}}, 1);
    FN(store)(PLANAR, z, h, 0, (C){first.re - first.im, (V){0}}, 1);
    const T half = (T)0.5;
    for (int64_t k = 1; 2 * k <= h; k++) {
        const C a = FN(load)(PLANAR, z, k, 0), b = FN(load)(PLANAR, z, h - k, 0);
        const C e = {(a.re + b.re) * half, (a.im - b.im) * half};
        const C wo = FN(times)((C){(a.im + b.im) * half, (b.re - a.re) * half}, w[2 * k], w[2 * k + 1]);
        FN(store)(PLANAR, z, h - k, 0, (C){e.re - wo.re, (wo.im - e.im) * sign}, 1);
        FN(store)(PLANAR, z, k, 0, (C){e.re + wo.re, (e.im + wo.im) * sign}, 1);
    }
}
/* Real and imaginary parts come out exchanged: what follows is the inverse. */
static void FN(fold_lanes)(T *z, const T *w, int64_t h, T sign) {
    const V a0 = FN(get)(z), b0 = FN(get)(z + 2 * LANES * h);
    FN(store)(PLANAR, z, 0, 0, (C){a0 - b0, a0 + b0}, 1);
    for (int64_t k = 1; 2 * k <= h; k++) {
        const C a = FN(load)(PLANAR, z, k, 0), b = FN(load)(PLANAR, z, h - k, 0);
        const C e = {a.re + b.re, (a.im - b.im) * sign};
        const C o = FN(times)((C){a.re - b.re, (a.im + b.im) * sign}, w[2 * k], -w[2 * k + 1]);
        FN(store)(PLANAR, z, h - k, 0, (C){o.re - e.im, e.re + o.im}, 1);
        FN(store)(PLANAR, z, k, 0, (C){e.im + o.re, e.re - o.im}, 1);
    }
}

static void FN(real_rows)(const FftLanes *plan, const void *roots, const void *const *in, void *const *out,
                          int count, bool conj, double scale, void *work) {
    FN(enter)(work, (const T *const *)in, 2 * plan->n, false);
    T *z = FN(run)(plan, PLANAR, PLANAR, &(FN(Side)){.x = NULL}, work);
    FN(unfold_lanes)(z, roots, plan->n, conj ? -1 : 1);
    FN(leave)((T *const *)out, z, 2 * plan->n + 2, count, false, (T)scale);
}

static void FN(half_rows)(const FftLanes *plan, const void *roots, const void *const *in, void *const *out,
                          int count, bool conj, double scale, void *work) {
    FN(enter)(work, (const T *const *)in, 2 * plan->n + 2, false);
    FN(fold_lanes)(work, roots, plan->n, conj ? -1 : 1);
    const T *z = FN(run)(plan, PLANAR, PLANAR, &(FN(Side)){.x = NULL}, work);
    FN(leave)((T *const *)out, z, 2 * plan->n, count, true, (T)scale);
}

static void FN(join)(void *to, const void *a, const void *b, int64_t n) {
    T *z = to;
    const T *x = a, *y = b;
    for (int64_t j = 0; j < n; j++) {
        z[2 * j] = x[j];
        z[2 * j + 1] = y ? y[j] : 0;
    }
}

static void FN(take)(void *a, void *b, const void *from, int64_t n) {
    T *x = a, *y = b;
    const T *z = from;
    for (int64_t j = 0; j < n; j++) x[j] = z[2 * j];
    for (int64_t j = 0; y && j < n; j++) y[j] = z[2 * j + 1];
}

/* A[k] = (Z[k] + conj Z[n - k]) / 2, B[k] = (Z[k] - conj Z[n - k]) / 2i */
static void FN(part)(void *a, void *b, const void *from, int64_t n, bool conj) {
    T *x = a, *y = b;
    const T *z = from, half = (T)0.5, sign = conj ? (T)-0.5 : (T)0.5;
    for (int64_t k = 0; k <= n / 2; k++) {
        const T *u = z + 2 * k, *v = z + (k ? 2 * (n - k) : 0);
        x[2 * k] = (u[0] + v[0]) * half;
        x[2 * k + 1] = (u[1] - v[1]) * sign;
        if (!y) continue;
        y[2 * k] = (u[1] + v[1]) * half;
        y[2 * k + 1] = (v[0] - u[0]) * sign;
    }
}

/* Z[k] = A[k] + i B[k], Z[n - k] = conj(A[k]) + i conj(B[k]) */
static void FN(join_half)(void *to, const void *a, const void *b, int64_t n, bool conj) {
    T *z = to;
    const T *x = a, *y = b, sign = conj ? -1 : 1;
    z[0] = x[0];
    z[1] = y ? y[0] : 0;
    for (int64_t k = 1; k <= n / 2; k++) {
        const T ar = x[2 * k], ai = x[2 * k + 1] * sign;
        const T br = y ? y[2 * k] : 0, bi = y ? y[2 * k + 1] * sign : 0;
        z[2 * k] = ar - bi;
        z[2 * k + 1] = ai + br;
        z[2 * (n - k)] = ar + bi;
        z[2 * (n - k) + 1] = br - ai;
    }
}

/* --- products of pairs ---------------------------------------------------------------------------------- */

INLINE C FN(pair_product)(C a, C b, bool conj) {
    return FN(product)(a, conj ? (C){b.re, -b.im} : b);
}

static void FN(pairs)(void *to, int64_t y_step, const void *from, int64_t a_step, const void *by,
                      int64_t b_step, int64_t n, bool conj) {
    T *y = to;
    const T *a = from, *b = by, sign = conj ? -1 : 1;
    int64_t j = 0;
    const bool dense = y_step == 2 && a_step == 2 && b_step == 2;
    for (; dense && j + LANES <= n; j += LANES) {
        const C v = FN(pair_product)(FN(load_pairs)(a + 2 * j), FN(load_pairs)(b + 2 * j), conj);
        FN(store_pairs)(y + 2 * j, v);
    }
    for (; j < n; j++) {
        const T re = a[j * a_step], im = a[j * a_step + 1], c = b[j * b_step], s = b[j * b_step + 1] * sign;
        y[j * y_step] = re * c - im * s;
        y[j * y_step + 1] = im * c + re * s;
    }
}

/* --- copies --------------------------------------------------------------------------------------------- */

/* By tiles: where lines lie beside each other, what one of them brought into the cache serves the next. */
INLINE void FN(copy_lines)(bool out, T *const *to, const T *const *from, int count, int64_t n, int64_t step,
                           int width) {
    const int64_t tile = 16, to_step = out ? step : width, from_step = out ? width : step;
    for (int64_t first = 0; first < n; first += tile) {
        const int64_t end = first + tile < n ? first + tile : n;
        for (int r = 0; r < count; r++) {
            T *z = to[r];
            const T *x = from[r];
            for (int64_t j = first; j < end; j++)
                memcpy(z + j * to_step, x + j * from_step, (size_t)width * sizeof(T));
        }
    }
}

static void FN(gather)(void *const *to, const void *const *from, int count, int64_t n, int64_t step,
                       int width) {
    if (width == 2)
        FN(copy_lines)(false, (T *const *)to, (const T *const *)from, count, n, step, 2);
    else
        FN(copy_lines)(false, (T *const *)to, (const T *const *)from, count, n, step, 1);
}

static void FN(scatter)(void *const *to, const void *const *from, int count, int64_t n, int64_t step,
                        int width) {
    if (width == 2)
        FN(copy_lines)(true, (T *const *)to, (const T *const *)from, count, n, step, 2);
    else
        FN(copy_lines)(true, (T *const *)to, (const T *const *)from, count, n, step, 1);
}

#undef C
