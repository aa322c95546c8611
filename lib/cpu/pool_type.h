/* The kernels of kernels_pool.c for one type: T the element, I an integer of its size, V and M vectors of
 * them, FN(f) the names. */

/* Results worked on at a time: their maxima and where those lie in the image, -1 where a window lies in the
 * padding alone. The first of the largest counts, or the last NaN. */
enum { FN(RUN) = 256 };
typedef struct FN(Run) {
    T most[FN(RUN)];
    I place[FN(RUN)];
} FN(Run);

/* Takes in one element of each window: x[j * step] of the window of result j, which lies at `at` + j * step.
 */
static inline void FN(take)(FN(Run) *restrict run, int64_t first, int64_t end, const T *restrict x, I at,
                            I step) {
    for (int64_t j = first; j < end; j++) {
        const T v = x[j * step];
        const I better = (v > run->most[j]) | (v != v) | (run->place[j] < 0);
        run->most[j] = better ? v : run->most[j];
        run->place[j] = better ? (I)(at + (I)j * step) : run->place[j];
    }
}

/* Of the results j with 0 <= left + j * step < width: the first, or the first after them. */
static inline int64_t FN(from)(int64_t bound, int64_t left, int64_t step, int64_t count) {
    const int64_t j = left >= bound ? 0 : (bound - left + step - 1) / step;
    return j < count ? j : count;
}

/* Results (i, j).. (i, j + count). */
static void FN(find)(const MaxPool *p, FN(Run) * run, const T *x, int64_t i, int64_t j, int64_t count) {
    for (int64_t k = 0; k < count; k++) run->most[k] = (T)-INFINITY, run->place[k] = -1;
    for (int64_t a = 0; a < p->kh; a++) {
        const int64_t row = i * p->sh - p->ph + a * p->dh;
        if (row < 0 || row >= p->h) continue;
        for (int64_t b = 0; b < p->kw; b++) {
            const int64_t left = j * p->sw - p->pw + b * p->dw, at = row * p->w + left;
            const int64_t first = FN(from)(0, left, p->sw, count), end = FN(from)(p->w, left, p->sw, count);
            if (p->sw == 1)
                FN(take)(run, first, end, x + at, (I)at, 1);
            else if (p->sw == 2)
                FN(take)(run, first, end, x + at, (I)at, 2);
            else
                FN(take)(run, first, end, x + at, (I)at, (I)p->sw);
        }
    }
}

/* Runs `body` for runs of `count` results from (i, j), after finding their maxima. */
#define EACH_RUN(p, x, body)                                                                                 \
    for (int64_t i = 0; i < (p)->oh; i++)                                                                    \
        for (int64_t j = 0, count; j < (p)->ow; j += count) {                                                \
            FN(Run) run;                                                                                     \
            count = (p)->ow - j < FN(RUN) ? (p)->ow - j : FN(RUN);                                           \
            FN(find)(p, &run, x, i, j, count);                                                               \
            for (int64_t k = 0; k < count; k++) {                                                            \
                const int64_t to = i * (p)->ow + j + k, at = run.place[k];                                   \
                body;                                                                                        \
            }                                                                                                \
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
    EACH_RUN(p, x, y[to] = at < 0 ? (T)-INFINITY : run.most[k])
}

static void FN(pick)(const MaxPool *p, void *yp, const void *xp, const void *vp) {
    const T *x = xp, *v = vp;
    T *y = yp;
    EACH_RUN(p, x, y[to] = at < 0 ? 0 : v[at])
}

static void FN(place)(const MaxPool *p, int64_t *y, const void *xp) {
    const T *x = xp;
    EACH_RUN(p, x, y[to] = at + 1)
}

static void FN(max_grad)(const MaxPool *p, void *gxp, const void *xp, const void *gp) {
    const T *x = xp, *g = gp;
    T *gx = gxp;
    const int64_t block = FN(halved_rows)(p);
    if (block) {
        FN(halve_grad)(p, block, gx, x, g);
        return;
    }
    EACH_RUN(p, x, if (at >= 0) gx[at] += g[to])
}
#undef EACH_RUN

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
