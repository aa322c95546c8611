/* The kernels of kernels_pool.c for one type: T the element, FN(f) the names. */

/* The place of the maximum of the window of output (i, j): the first of the largest, the last NaN; -1 where
 * the window lies in the padding alone. */
static inline int64_t FN(find)(const MaxPool *p, const T *x, int64_t i, int64_t j) {
    int64_t best = -1;
    T most = 0;
    for (int64_t a = 0; a < p->kh; a++) {
        int64_t row = i * p->sh - p->ph + a * p->dh;
        if (row < 0 || row >= p->h) continue;
        for (int64_t b = 0; b < p->kw; b++) {
            int64_t col = j * p->sw - p->pw + b * p->dw;
            if (col < 0 || col >= p->w) continue;
            T v = x[row * p->w + col];
            if (best < 0 || v > most || v != v) {
                best = row * p->w + col;
                most = v;
            }
        }
    }
    return best;
}

static inline int FN(is_halving)(const MaxPool *p) {
    return p->kh == 2 && p->kw == 2 && p->sh == 2 && p->sw == 2 && p->ph == 0 && p->pw == 0 && p->dh == 1 &&
           p->dw == 1 && p->oh * 2 <= p->h && p->ow * 2 <= p->w;
}

/* The larger one, the second where it is NaN. */
#define LARGER(a, b) ((b) > (a) || (b) != (b) ? (b) : (a))

static void FN(max)(const MaxPool *p, void *yp, const void *xp) {
    const T *x = xp;
    T *y = yp;
    if (FN(is_halving)(p)) {
        for (int64_t i = 0; i < p->oh; i++) {
            const T *restrict top = x + 2 * i * p->w, *restrict low = top + p->w;
            T *restrict to = y + i * p->ow;
            for (int64_t j = 0; j < p->ow; j++) {
                const T a = LARGER(top[2 * j], top[2 * j + 1]);
                const T b = LARGER(a, low[2 * j]);
                to[j] = LARGER(b, low[2 * j + 1]);
            }
        }
        return;
    }
    for (int64_t i = 0; i < p->oh; i++)
        for (int64_t j = 0; j < p->ow; j++) {
            int64_t at = FN(find)(p, x, i, j);
            y[i * p->ow + j] = at < 0 ? (T)-INFINITY : x[at];
        }
}

static void FN(pick)(const MaxPool *p, void *yp, const void *x, const void *v) {
    T *y = yp;
    for (int64_t i = 0; i < p->oh; i++)
        for (int64_t j = 0; j < p->ow; j++) {
            int64_t at = FN(find)(p, x, i, j);
            y[i * p->ow + j] = at < 0 ? 0 : ((const T *)v)[at];
        }
}

static void FN(place)(const MaxPool *p, int64_t *y, const void *x) {
    for (int64_t i = 0; i < p->oh; i++)
        for (int64_t j = 0; j < p->ow; j++) y[i * p->ow + j] = FN(find)(p, x, i, j) + 1;
}

static void FN(max_grad)(const MaxPool *p, void *gxp, const void *xp, const void *gp) {
    const T *x = xp, *g = gp;
    T *gx = gxp;
    if (!FN(is_halving)(p)) {
        for (int64_t i = 0; i < p->oh; i++)
            for (int64_t j = 0; j < p->ow; j++) {
                int64_t at = FN(find)(p, x, i, j);
                if (at >= 0) gx[at] += g[i * p->ow + j];
            }
        return;
    }
    for (int64_t i = 0; i < p->oh; i++) {
        const T *restrict top = x + 2 * i * p->w, *restrict low = top + p->w;
        T *restrict to = gx + 2 * i * p->w, *restrict under = to + p->w;
        for (int64_t j = 0; j < p->ow; j++) {
            const T a = top[2 * j], b = top[2 * j + 1], c = low[2 * j], d = low[2 * j + 1],
                    v = g[i * p->ow + j];
            int take_b = b > a || b != b;
            const T ab = take_b ? b : a;
            int take_c = c > ab || c != c;
            const T abc = take_c ? c : ab;
            int take_d = d > abc || d != d;
            to[2 * j] = !take_b && !take_c && !take_d ? v : 0;
            to[2 * j + 1] = take_b && !take_c && !take_d ? v : 0;
            under[2 * j] = take_c && !take_d ? v : 0;
            under[2 * j + 1] = take_d ? v : 0;
        }
    }
}
#undef LARGER

static void FN(avg)(const AvgPool *p, void *yp, const void *xp) {
    const T *x = xp;
    T *y = yp;
    for (int64_t i = 0; i < p->oh; i++)
        for (int64_t j = 0; j < p->ow; j++) {
            T sum = 0;
            for (int64_t r = p->rows[2 * i]; r < p->rows[2 * i + 1]; r++)
                for (int64_t c = p->cols[2 * j]; c < p->cols[2 * j + 1]; c++) sum += x[r * p->w + c];
            y[i * p->ow + j] = sum * (T)(p->row_scale[i] * p->col_scale[j]);
        }
}

static void FN(avg_grad)(const AvgPool *p, void *gxp, const void *gp) {
    const T *g = gp;
    T *gx = gxp;
    for (int64_t i = 0; i < p->oh; i++)
        for (int64_t j = 0; j < p->ow; j++) {
            const T v = g[i * p->ow + j] * (T)(p->row_scale[i] * p->col_scale[j]);
            for (int64_t r = p->rows[2 * i]; r < p->rows[2 * i + 1]; r++)
                for (int64_t c = p->cols[2 * j]; c < p->cols[2 * j + 1]; c++) gx[r * p->w + c] += v;
        }
}
