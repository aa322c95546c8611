/* The kernels of kernels_pool.c for one type: T the element, I an integer of its size, V and M vectors of
 * them, FN(f) the names. */

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

#include "cpu/halve_type.h"

static void FN(max)(const MaxPool *p, void *yp, const void *xp) {
    const T *x = xp;
    T *y = yp;
    const int64_t block = FN(halved_rows)(p);
    if (block) {
        FN(halve)(p, block, y, x);
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
    const int64_t block = FN(halved_rows)(p);
    if (block) {
        FN(halve_grad)(p, block, gx, x, g);
        return;
    }
    for (int64_t i = 0; i < p->oh; i++)
        for (int64_t j = 0; j < p->ow; j++) {
            int64_t at = FN(find)(p, x, i, j);
            if (at >= 0) gx[at] += g[i * p->ow + j];
        }
}

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
