/* Pooling of planes (h, w) into (oh, ow), over contiguous arrays. Gradients are gathered: a work-item makes one
 * element of the input's gradient from the windows that hold it, so there is nothing to race for.
 *   X        dtype in memory
 *   COMPUTE  f32 or f64
 *   TASK     max_pool, 0: the maximum, 1: what v holds at its place, 2: its place in the plane, from 1 */
#include "common.h"
#include "core/pool_window.h"

typedef COMPUTED(COMPUTE) T;
#define LOAD(x, i) ((T)DECODE(X, AT(x, i)))

/* As in lib/cl/pool.h. */
typedef struct MaxWindows {
    long planes, h, w, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw;
} MaxWindows;
typedef struct MeanWindows {
    long planes;
    PoolAxis rows, cols;
} MeanWindows;

#if defined KERNEL_max_pool || defined KERNEL_max_pool_grad
/* The place of the maximum of the window of output (i, j) in the plane that begins at x: the first of the
 * largest, the last NaN; -1 where the window lies in the padding alone. */
static inline long find(const MaxWindows *p, __global const X *x, long i, long j, T *most) {
    long best = -1;
    *most = -INFINITY;
    for (long a = 0; a < p->kh; a++) {
        const long row = i * p->sh - p->ph + a * p->dh;
        if (row < 0 || row >= p->h) continue;
        for (long b = 0; b < p->kw; b++) {
            const long col = j * p->sw - p->pw + b * p->dw;
            if (col < 0 || col >= p->w) continue;
            const T v = (T)DECODE(X, x[row * p->w + col]);
            if (best < 0 || v > *most || v != v) {
                best = row * p->w + col;
                *most = v;
            }
        }
    }
    return best;
}
#endif

#ifdef KERNEL_max_pool
__kernel void max_pool(__global void *restrict y, const long y_at, TENSOR(const X, x), TENSOR(const X, v),
                       const MaxWindows p) {
    const long id = (long)get_global_id(0);
    if (id >= p.planes * p.oh * p.ow) return;
    const long plane = id / (p.oh * p.ow), at = id - plane * p.oh * p.ow;
    T most;
    const long place = find(&p, &AT(x, plane * p.h * p.w), at / p.ow, at % p.ow, &most);
#if TASK == 0
    ((__global X *)y)[y_at + id] = ENCODE(X, T, most);
#elif TASK == 1
    ((__global X *)y)[y_at + id] = place < 0 ? (X)0 : AT(v, plane * p.h * p.w + place);
#else
    ((__global long *)y)[y_at + id] = place + 1;
#endif
}
#endif

#ifdef KERNEL_max_pool_grad
/* The first window that reaches position `at` (padding counted) with the last of its k taps. */
static inline long first_window(long at, long k, long dilation, long stride) {
    const long behind = at - (k - 1) * dilation;
    return behind <= 0 ? 0 : (behind + stride - 1) / stride;
}

__kernel void max_pool_grad(TENSOR(X, gx), TENSOR(const X, x), TENSOR(const X, g), const MaxWindows p) {
    const long id = (long)get_global_id(0);
    if (id >= p.planes * p.h * p.w) return;
    const long plane = id / (p.h * p.w), at = id - plane * p.h * p.w;
    const long row = at / p.w + p.ph, col = at % p.w + p.pw;
    T sum = 0;
    for (long i = first_window(row, p.kh, p.dh, p.sh); i < p.oh && i * p.sh <= row; i++) {
        if ((row - i * p.sh) % p.dh) continue;
        for (long j = first_window(col, p.kw, p.dw, p.sw); j < p.ow && j * p.sw <= col; j++) {
            T most;
            if ((col - j * p.sw) % p.dw || find(&p, &AT(x, plane * p.h * p.w), i, j, &most) != at) continue;
            sum += LOAD(g, (plane * p.oh + i) * p.ow + j);
        }
    }
    AT(gx, id) = ENCODE(X, T, sum);
}
#endif

#ifdef KERNEL_mean_pool
__kernel void mean_pool(TENSOR(X, y), TENSOR(const X, x), const REAL factor, const MeanWindows p) {
    const long id = (long)get_global_id(0), oh = p.rows.windows, ow = p.cols.windows;
    if (id >= p.planes * oh * ow) return;
    const long plane = id / (oh * ow), at = id - plane * oh * ow;
    const PoolWindow rows = pool_window(&p.rows, at / ow), cols = pool_window(&p.cols, at % ow);
    T sum = 0;
    for (long r = rows.first; r < rows.end; r++)
        for (long c = cols.first; c < cols.end; c++) sum += LOAD(x, (plane * p.rows.size + r) * p.cols.size + c);
    AT(y, id) = ENCODE(X, T, sum * (T)(factor / (REAL)(rows.divisor * cols.divisor)));
}
#endif

#ifdef KERNEL_mean_pool_grad
__kernel void mean_pool_grad(TENSOR(X, gx), TENSOR(const X, g), const REAL factor, const MeanWindows p) {
    const long id = (long)get_global_id(0), h = p.rows.size, w = p.cols.size;
    if (id >= p.planes * h * w) return;
    const long plane = id / (h * w), at = id - plane * h * w, row = at / w, col = at % w;
    T sum = 0;
    for (long i = pool_first_window(&p.rows, row); i < p.rows.windows; i++) {
        const PoolWindow rows = pool_window(&p.rows, i);
        if (rows.first > row) break;
        if (rows.end <= row) continue;
        for (long j = pool_first_window(&p.cols, col); j < p.cols.windows; j++) {
            const PoolWindow cols = pool_window(&p.cols, j);
            if (cols.first > col) break;
            if (cols.end <= col) continue;
            const T scale = (T)(factor / (REAL)(rows.divisor * cols.divisor));
            sum += LOAD(g, (plane * p.rows.windows + i) * p.cols.windows + j) * scale;
        }
    }
    AT(gx, id) = ENCODE(X, T, sum);
}
#endif
