/* The kernels of kernels_fft.c for one type: T the element, V a vector of LANES of them, M its mask, FN(f)
 * the names. */

enum { FN(lanes) = LANES };

#define C FN(Complex)
typedef struct C {
    V re, im;
} C;

INLINE C FN(plus)(C a, C b) {
    return (C){a.re + b.re, a.im + b.im};
}
INLINE C FN(minus)(C a, C b) {
    return (C){a.re - b.re, a.im - b.im};
}
/* a - i b, a + i b */
INLINE C FN(minus_i)(C a, C b) {
    return (C){a.re + b.im, a.im - b.re};
}
INLINE C FN(plus_i)(C a, C b) {
    return (C){a.re - b.im, a.im + b.re};
}
/* a times the number (re, im) */
INLINE C FN(times)(C a, T re, T im) {
    return (C){a.re * re - a.im * im, a.im * re + a.re * im};
}
/* a times b, lane by lane */
INLINE C FN(product)(C a, C b) {
    return (C){a.re * b.re - a.im * b.im, a.im * b.re + a.re * b.im};
}

/* --- memory --------------------------------------------------------------------------------------------- */

INLINE V FN(get)(const T *x) {
    return *(const V *)x;
}
INLINE void FN(put)(T *x, V v) {
    *(V *)x = v;
}
INLINE C FN(load_pairs)(const T *x) {
    const V a = FN(get)(x), b = FN(get)(x + LANES);
    return (C){SHUFFLE(a, b, IN(EVEN)), SHUFFLE(a, b, IN(ODD))};
}
INLINE void FN(store_pairs)(T *x, C v) {
    FN(put)(x, SHUFFLE(v.re, v.im, IN(LOW)));
    FN(put)(x + LANES, SHUFFLE(v.re, v.im, IN(HIGH)));
}
INLINE C FN(reversed)(C v) {
    return (C){SHUFFLE(v.re, v.re, IN(REVERSE)), SHUFFLE(v.im, v.im, IN(REVERSE))};
}
/* Element e of an array in that form; pairs lie `step` apart. */
INLINE C FN(load)(int form, const T *x, int64_t e, int64_t step) {
    if (form == PLANAR) return (C){FN(get)(x + e * 2 * LANES), FN(get)(x + e * 2 * LANES + LANES)};
    const C v = FN(load_pairs)(x + e * step);
    return form == PAIRS ? v : (C){v.im, v.re};
}
INLINE void FN(store)(int form, T *y, int64_t e, int64_t step, C v, T scale) {
    if (form == PLANAR) {
        FN(put)(y + e * 2 * LANES, v.re);
        FN(put)(y + e * 2 * LANES + LANES, v.im);
    } else {
        const C s = {v.re * scale, v.im * scale};
        FN(store_pairs)(y + e * step, form == PAIRS ? s : (C){s.im, s.re});
    }
}
/* The square of LANES vectors: a perfect shuffle of its elements, as often as LANES has bits. */
INLINE void FN(transpose)(V *a) {
    UNROLLED for (int size = 1; size < LANES; size *= 2) {
        V b[LANES];
        EACH (i, LANES / 2) {
            b[2 * i] = SHUFFLE(a[i], a[i + LANES / 2], IN(LOW));
            b[2 * i + 1] = SHUFFLE(a[i], a[i + LANES / 2], IN(HIGH));
        }
        EACH (i, LANES) a[i] = b[i];
    }
}

/* --- butterflies: v[k] = sum of v[j] exp(-2 pi i j k / radix) ------------------------------------------- */

INLINE void FN(dft2)(C *v) {
    const C a = v[0], b = v[1];
    v[0] = FN(plus)(a, b);
    v[1] = FN(minus)(a, b);
}
INLINE void FN(dft3)(C *v) {
    const T sine = (T)0.86602540378443864676;
    const C sum = FN(plus)(v[1], v[2]), d = FN(minus)(v[1], v[2]);
    const C mid = {v[0].re - (T)0.5 * sum.re, v[0].im - (T)0.5 * sum.im}, turn = {d.re * sine, d.im * sine};
    v[0] = FN(plus)(v[0], sum);
    v[1] = FN(minus_i)(mid, turn);
    v[2] = FN(plus_i)(mid, turn);
}
INLINE void FN(dft4)(C *v) {
    const C a = FN(plus)(v[0], v[2]), b = FN(minus)(v[0], v[2]);
    const C c = FN(plus)(v[1], v[3]), d = FN(minus)(v[1], v[3]);
    v[0] = FN(plus)(a, c);
    v[1] = FN(minus_i)(b, d);
    v[2] = FN(minus)(a, c);
    v[3] = FN(plus_i)(b, d);
}
INLINE void FN(dft5)(C *v) {
    const T c1 = (T)0.30901699437494742410, c2 = (T)-0.80901699437494742410;
    const T s1 = (T)0.95105651629515357212, s2 = (T)0.58778525229247312917;
    const C a = FN(plus)(v[1], v[4]), b = FN(plus)(v[2], v[3]);
    const C d = FN(minus)(v[1], v[4]), e = FN(minus)(v[2], v[3]);
    const C p = {v[0].re + c1 * a.re + c2 * b.re, v[0].im + c1 * a.im + c2 * b.im};
    const C q = {v[0].re + c2 * a.re + c1 * b.re, v[0].im + c2 * a.im + c1 * b.im};
    const C r = {s1 * d.re + s2 * e.re, s1 * d.im + s2 * e.im};
    const C s = {s2 * d.re - s1 * e.re, s2 * d.im - s1 * e.im};
    v[0] = FN(plus)(v[0], FN(plus)(a, b));
    v[1] = FN(minus_i)(p, r);
    v[4] = FN(plus_i)(p, r);
    v[2] = FN(minus_i)(q, s);
    v[3] = FN(plus_i)(q, s);
}
INLINE void FN(dft8)(C *v) {
    const T half = (T)0.70710678118654752440;
    C a[4] = {v[0], v[2], v[4], v[6]}, b[4] = {v[1], v[3], v[5], v[7]};
    FN(dft4)(a);
    FN(dft4)(b);
    /* b[1] (1 - i) / sqrt 2 and b[3] (-1 - i) / sqrt 2 */
    const C p = {(b[1].re + b[1].im) * half, (b[1].im - b[1].re) * half};
    const C q = {(b[3].im - b[3].re) * half, (b[3].re + b[3].im) * -half};
    v[0] = FN(plus)(a[0], b[0]);
    v[4] = FN(minus)(a[0], b[0]);
    v[1] = FN(plus)(a[1], p);
    v[5] = FN(minus)(a[1], p);
    v[2] = FN(minus_i)(a[2], b[2]);
    v[6] = FN(plus_i)(a[2], b[2]);
    v[3] = FN(plus)(a[3], q);
    v[7] = FN(minus)(a[3], q);
}
INLINE void FN(dft)(int radix, C *v) {
    if (radix == 2) FN(dft2)(v);
    if (radix == 3) FN(dft3)(v);
    if (radix == 4) FN(dft4)(v);
    if (radix == 5) FN(dft5)(v);
    if (radix == 8) FN(dft8)(v);
}
/* Any odd radix: elements j and radix - j are taken together. */
static void FN(dft_odd)(int radix, const T *roots, C *v) {
    C sum[FFT_LARGEST_RADIX / 2 + 1], d[FFT_LARGEST_RADIX / 2 + 1];
    C total = v[0];
    for (int j = 1; j <= radix / 2; j++) {
        sum[j] = FN(plus)(v[j], v[radix - j]);
        d[j] = FN(minus)(v[j], v[radix - j]);
        total = FN(plus)(total, sum[j]);
    }
    for (int t = 1; t <= radix / 2; t++) {
        C mid = v[0], turn = {(V){0}, (V){0}};
        for (int j = 1, at = t; j <= radix / 2; j++, at = at + t >= radix ? at + t - radix : at + t) {
            const T cosine = roots[2 * at], sine = roots[2 * at + 1];
            mid = (C){mid.re + sum[j].re * cosine, mid.im + sum[j].im * cosine};
            turn = (C){turn.re + d[j].re * sine, turn.im + d[j].im * sine};
        }
        v[t] = FN(minus_i)(mid, turn);
        v[radix - t] = FN(plus_i)(mid, turn);
    }
    v[0] = total;
}

/* --- passes --------------------------------------------------------------------------------------------- */

typedef struct FN(Side) {
    const T *x;
    T *y;
    int64_t x_step, y_step;
    T scale;
} FN(Side);

/* The butterflies that share the twiddles of place p. In a first pass (the one that takes pairs) it is one.
 */
INLINE void FN(butterflies)(int radix, int in, int out, bool twiddled, const FftPass *pass, int64_t p,
                            const FN(Side) * side) {
    const int64_t s = in == PLANAR ? pass->stride : 1, l = pass->length;
    const T *w = (const T *)pass->twiddle + 2 * (radix - 1) * p;
    for (int64_t q = 0; q < s; q++) {
        C v[8];
        EACH (u, radix) v[u] = FN(load)(in, side->x, q + s * (p + l * u), side->x_step);
        FN(dft)(radix, v);
        EACH (t, radix) {
            if (t && twiddled) v[t] = FN(times)(v[t], w[2 * (t - 1)], w[2 * t - 1]);
            FN(store)(out, side->y, q + s * (radix * p + t), side->y_step, v[t], side->scale);
        }
    }
}

#define PASS(radix, in, out)                                                                                 \
    static void FN(pass_##radix##_##in##_##out)(const FftPass *pass, const FN(Side) * side) {                \
        FN(butterflies)(radix, in, out, false, pass, 0, side);                                               \
        for (int64_t p = 1; p < pass->length; p++) FN(butterflies)(radix, in, out, true, pass, p, side);     \
    }
#define PASSES(radix)                                                                                        \
    PASS(radix, PLANAR, PLANAR)                                                                              \
    PASS(radix, PAIRS, PLANAR)                                                                               \
    PASS(radix, SWAPPED, PLANAR)                                                                             \
    PASS(radix, PLANAR, PAIRS)                                                                               \
    PASS(radix, PLANAR, SWAPPED)
PASSES(2)
PASSES(3)
PASSES(4)
PASSES(5)
PASSES(8)

static void FN(pass_odd)(const FftPass *pass, int in, int out, const FN(Side) * side) {
    const int64_t s = pass->stride, l = pass->length;
    const int radix = pass->radix;
    for (int64_t p = 0; p < l; p++) {
        const T *w = (const T *)pass->twiddle + 2 * (radix - 1) * p;
        for (int64_t q = 0; q < s; q++) {
            C v[FFT_LARGEST_RADIX];
            v[0] = FN(load)(in, side->x, q + s * p, side->x_step);
            for (int u = 1; u < radix; u++) v[u] = FN(load)(in, side->x, q + s * (p + l * u), side->x_step);
            FN(dft_odd)(radix, pass->roots, v);
            for (int t = 0; t < radix; t++) {
                if (t && p) v[t] = FN(times)(v[t], w[2 * (t - 1)], w[2 * t - 1]);
                FN(store)(out, side->y, q + s * (radix * p + t), side->y_step, v[t], side->scale);
            }
        }
    }
}

static void FN(pass)(const FftPass *pass, int in, int out, const FN(Side) * side) {
    typedef void Pass(const FftPass *, const FN(Side) *);
#define FORMS(radix)                                                                                         \
    {                                                                                                        \
        FN(pass_##radix##_PLANAR_PLANAR), FN(pass_##radix##_PAIRS_PLANAR),                                   \
            FN(pass_##radix##_SWAPPED_PLANAR), FN(pass_##radix##_PLANAR_PAIRS),                              \
            FN(pass_##radix##_PLANAR_SWAPPED)                                                                \
    }
    static Pass *const with_code[9][5] = {
        [2] = FORMS(2), [3] = FORMS(3), [4] = FORMS(4), [5] = FORMS(5), [8] = FORMS(8)};
#undef FORMS
    const int form = out == PLANAR ? in : out + 2;
    if (pass->radix <= 8 && with_code[pass->radix][0])
        with_code[pass->radix][form](pass, side);
    else
        FN(pass_odd)(pass, in, out, side);
}

/* All passes, from x in the form `in` (or, where x is NULL, from the first half of work) to y in the form
 * `out` (or, where y is NULL, to a half of work, planar, which is returned). */
static T *FN(run)(const FftLanes *plan, int in, int out, FN(Side) * side, T *work) {
    const int64_t half = plan->n * 2 * LANES;
    T *const y = side->y;
    int to = side->x ? 0 : 1;
    if (!side->x) side->x = work;
    T *result = work;
    for (int i = 0; i < plan->passes; i++, to = 1 - to) {
        const bool last = i == plan->passes - 1;
        result = last && y ? y : work + to * half;
        side->y = result;
        FN(pass)(&plan->pass[i], i ? PLANAR : in, last && y ? out : PLANAR, side);
        side->x = result;
    }
    return result;
}

/* --- drivers -------------------------------------------------------------------------------------------- */

/* `n` numbers of each of LANES rows to lanes; `odd` exchanges neighbours. */
INLINE void FN(enter)(T *z, const T *const *x, int64_t n, bool odd) {
    int64_t j = 0;
    V a[LANES];
    for (; j + LANES <= n; j += LANES) {
        EACH (r, LANES) a[r] = FN(get)(x[r] + j);
        FN(transpose)(a);
        EACH (e, LANES) FN(put)(z + ((j + e) ^ odd) * LANES, a[e]);
    }
    for (; j < n; j++)
        for (int r = 0; r < LANES; r++) z[(j ^ odd) * LANES + r] = x[r][j];
}
/* And back to `count` rows, times a factor. */
INLINE void FN(leave)(T *const *y, const T *z, int64_t n, int count, bool odd, T factor) {
    int64_t j = 0;
    V a[LANES];
    for (; j + LANES <= n; j += LANES) {
        EACH (e, LANES) a[e] = FN(get)(z + ((j + e) ^ odd) * LANES) * factor;
        FN(transpose)(a);
        if (count == LANES)
            EACH (r, LANES) FN(put)(y[r] + j, a[r]);
        else
            for (int r = 0; r < count; r++) memcpy(y[r] + j, &a[r], sizeof(V));
    }
    for (; j < n; j++)
        for (int r = 0; r < count; r++) y[r][j] = z[(j ^ odd) * LANES + r] * factor;
}

static void FN(rows)(const FftLanes *plan, const void *const *in, void *const *out, int count, bool swap,
                     double scale, void *work) {
    FN(enter)(work, (const T *const *)in, 2 * plan->n, swap);
    const T *z = FN(run)(plan, PLANAR, PLANAR, &(FN(Side)){.x = NULL}, work);
    FN(leave)((T *const *)out, z, 2 * plan->n, count, swap, (T)scale);
}

/* `count` columns into lanes and back, element by element. */
static void FN(spread)(const FftLanes *plan, T *z, const T *x, int64_t step, int64_t lane, int count,
                       bool swap) {
    for (int64_t e = 0; e < plan->n; e++, z += 2 * LANES, x += step) {
        for (int r = 0; r < LANES; r++) {
            z[r] = r < count ? x[r * lane + swap] : 0;
            z[LANES + r] = r < count ? x[r * lane + !swap] : 0;
        }
    }
}
static void FN(collect)(const FftLanes *plan, const T *z, T *y, int64_t step, int64_t lane, int count,
                        bool swap, T scale) {
    for (int64_t e = 0; e < plan->n; e++, z += 2 * LANES, y += step) {
        for (int r = 0; r < count; r++) {
            y[r * lane + swap] = z[r] * scale;
            y[r * lane + !swap] = z[LANES + r] * scale;
        }
    }
}

static void FN(columns)(const FftLanes *plan, const void *x, int64_t x_step, int64_t x_lane, void *y,
                        int64_t y_step, int64_t y_lane, int count, bool swap, double scale, void *work) {
    const int form = swap ? SWAPPED : PAIRS;
    const bool apart = plan->passes < 2; /* one pass cannot take pairs and give pairs */
    FN(Side) side = {.x_step = x_step, .y_step = y_step, .scale = (T)scale};
    if (count == LANES && x_lane == 2 && !apart)
        side.x = x;
    else
        FN(spread)(plan, work, x, x_step, x_lane, count, swap);
    const bool whole = count == LANES && y_lane == 2 && !apart;
    if (whole) side.y = y;
    const T *z = FN(run)(plan, side.x ? form : PLANAR, form, &side, work);
    if (!whole) FN(collect)(plan, z, y, y_step, y_lane, count, swap, (T)scale);
}

/* The pass across the lanes: elements k of LANES transforms become elements k, k + m, ... of one. `there` of
 * the LANES elements from z on exist. */
INLINE void FN(across_block)(int form, bool whole, const T *z, const T *w, int64_t there, T *y, int64_t m,
                             T scale) {
    V re[LANES], im[LANES];
    C v[LANES];
    EACH (i, LANES) {
        re[i] = im[i] = (V){0};
        if (!whole && i >= there) continue;
        const C a = FN(product)(FN(load)(PLANAR, z, i, 0), FN(load)(PLANAR, w, i, 0));
        re[i] = a.re;
        im[i] = a.im;
    }
    FN(transpose)(re);
    FN(transpose)(im);
    EACH (i, LANES) v[i] = (C){re[i], im[i]};
    FN(dft)(LANES, v);
    EACH (t, LANES) {
        T last[2 * LANES];
        FN(store)(form, whole ? y + 2 * m * t : last, 0, 0, v[t], scale);
        if (!whole) memcpy(y + 2 * m * t, last, (size_t)(2 * there) * sizeof(T));
    }
}

INLINE void FN(across)(int form, const FftSplit *plan, const T *z, T *y, T scale) {
    const int64_t m = plan->lanes.n;
    const T *w = plan->spread;
    int64_t k = 0;
    for (; k + LANES <= m; k += LANES)
        FN(across_block)(form, true, z + 2 * LANES * k, w + 2 * LANES * k, LANES, y + 2 * k, m, scale);
    if (k < m)
        FN(across_block)(form, false, z + 2 * LANES * k, w + 2 * LANES * k, m - k, y + 2 * k, m, scale);
}

static void FN(split)(const FftSplit *plan, const void *in, void *out, bool swap, double scale, void *work) {
    FN(Side) side = {.x = in, .x_step = 2 * LANES};
    const T *z = FN(run)(&plan->lanes, swap ? SWAPPED : PAIRS, PLANAR, &side, work);
    if (swap)
        FN(across)(SWAPPED, plan, z, out, (T)scale);
    else
        FN(across)(PAIRS, plan, z, out, (T)scale);
}

static void FN(multiply)(void *to, const void *from, const void *w, int64_t n, bool swap_from, bool swap_to,
                         double scale) {
    T *y = to;
    const T *x = from, *f = w, s = (T)scale;
    int64_t j = 0;
    for (; j + LANES <= n; j += LANES) {
        C a = FN(load_pairs)(x + 2 * j);
        if (swap_from) a = (C){a.im, a.re};
        a = FN(product)(a, FN(load_pairs)(f + 2 * j));
        a = (C){a.re * s, a.im * s};
        FN(store_pairs)(y + 2 * j, swap_to ? (C){a.im, a.re} : a);
    }
    for (; j < n; j++) {
        const T re = x[2 * j + swap_from], im = x[2 * j + !swap_from];
        y[2 * j + swap_to] = (re * f[2 * j] - im * f[2 * j + 1]) * s;
        y[2 * j + !swap_to] = (im * f[2 * j] + re * f[2 * j + 1]) * s;
    }
}

/* --- in two steps --------------------------------------------------------------------------------------- */

/* What comes from LANES columns, planar, times its twiddles, to the rows' places: transposed by squares, so
 * that rows are lanes there. */
static void FN(turn)(const FftSteps *plan, const T *z, int64_t block, int count, T *to) {
    const int64_t n1 = plan->columns.n, n2 = plan->rows.n;
    const T *near = (const T *)plan->near + block * LANES * 2 * LANES;
    const T *far = (const T *)plan->far + block * 2 * LANES;
    const int64_t blocks = (n2 + LANES - 1) / LANES;
    V re[LANES], im[LANES];
    for (int64_t k = 0; k < n1; k += LANES, far += blocks * 2 * LANES) {
        const C f = FN(load)(PLANAR, far, 0, 0);
        EACH (i, LANES) {
            re[i] = im[i] = (V){0};
            if (k + i >= n1) continue;
            const C w = FN(product)(FN(load)(PLANAR, near, i, 0), f);
            const C a = FN(product)(FN(load)(PLANAR, z, k + i, 0), w);
            re[i] = a.re;
            im[i] = a.im;
        }
        FN(transpose)(re);
        FN(transpose)(im);
        T *row = to + (k / LANES * n2 + block * LANES) * 2 * LANES;
        EACH (i, LANES)
            if (i < count) FN(store)(PLANAR, row, i, 0, (C){re[i], im[i]}, 1);
    }
}

static void FN(first_step)(const FftSteps *plan, const void *x, int64_t block, bool swap, void *between,
                           void *work) {
    const int64_t n2 = plan->rows.n, left = n2 - block * LANES;
    const int count = left < LANES ? (int)left : LANES;
    const T *from = (const T *)x + 2 * LANES * block;
    FN(Side) side = {.x_step = 2 * n2};
    if (count == LANES) {
        side.x = from;
    } else {
        FN(spread)(&plan->columns, work, from, 2 * n2, 2, count, swap);
    }
    const T *z = FN(run)(&plan->columns, side.x ? swap ? SWAPPED : PAIRS : PLANAR, PLANAR, &side, work);
    FN(turn)(plan, z, block, count, between);
}

static void FN(second_step)(const FftSteps *plan, const void *between, int64_t block, void *y, bool swap,
                            double scale, void *work) {
    const int64_t n1 = plan->columns.n, n2 = plan->rows.n, left = n1 - block * LANES;
    const int count = left < LANES ? (int)left : LANES;
    FN(Side) side = {.x = (const T *)between + block * n2 * 2 * LANES, .y_step = 2 * n1, .scale = (T)scale};
    T *to = (T *)y + 2 * LANES * block;
    const bool whole = count == LANES && plan->rows.passes > 0;
    if (whole) side.y = to;
    const T *z = FN(run)(&plan->rows, PLANAR, swap ? SWAPPED : PAIRS, &side, work);
    if (!whole) FN(collect)(&plan->rows, z, to, 2 * n1, 2, count, swap, (T)scale);
}
