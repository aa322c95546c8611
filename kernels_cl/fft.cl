/* Fourier transforms along lines of strided tensors: fft_load brings lines into dense rows of pairs, fft_pass runs one
 * of Stockham's passes over them (as lib/cpu/fft_type.h), fft_store writes the results.
 *   X        f32 or f64
 *   FORM     what goes in and comes out, as below
 *   CHIRP    1: rows hold a convolution of Bluestein's algorithm
 *   RADIX    of a pass
 *   WIDE_AT  1: places need 64 bits
 * All passes are forward ones, exp(-2 pi i j k / n); the inverse swaps real and imaginary parts before and after. */
#include "common.h"
#ifdef KERNEL_cmul
#define SIDES 3
#else
#define SIDES 2
#endif
#include "walk.h"

/* A real line of even length n is n / 2 pairs, transformed as such; of odd length, pairs with imaginary part 0. */
#define C2C      0
#define R2C_EVEN 1
#define R2C_ODD  2
#define C2R_EVEN 3
#define C2R_ODD  4

typedef X T;
#define T2 JOIN(computed_, JOIN(X, 2))
#define computed_f322 float2
#define computed_f642 double2

/* As in lib/cl/fft.c. */
typedef struct Lines {
    long n;              /* elements of the transform (of a real line, real ones) */
    long length, row;    /* pairs that are transformed; of a row: more where CHIRP */
    long lines, first;   /* in the rows; the line of the first row */
    long results;        /* that fft_store writes of a line */
    long x_step, y_step; /* between elements of a line */
    long swap, conj;
    Walk walk; /* places of y, of x */
} Lines;

static inline T2 product(T2 a, T2 b) {
    return (T2)(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}
/* exp(-2 pi i k / n) for 0 <= k <= n: the angle is brought into the first octant by whole numbers. */
static inline T2 root(long k, long n) {
    const bool below = 2 * k > n;
    long a = 4 * (below ? n - k : k);
    const bool left = a > n;
    if (left) a = 2 * n - a;
    const bool high = 2 * a > n;
    if (high) a = n - a;
    const T angle = (T)a / (T)(2 * n), c = cospi(angle), s = sinpi(angle);
    const T re = high ? s : c, im = high ? c : s;
    return (T2)(left ? -re : re, below ? im : -im);
}
/* exp(-pi i j^2 / n) */
static inline T2 chirp(long j, long n) {
    return root(j * j % (2 * n), 2 * n);
}
static inline T2 swapped(T2 v) {
    return (T2)(v.y, v.x);
}
static inline T2 conjugate(T2 v) {
    return (T2)(v.x, -v.y);
}

#ifdef KERNEL_fft_load
static inline T2 pair_at(const __global T *x, Place at, long j, const Lines *f) {
    const __global T *p = x + at + (Place)j * (Place)f->x_step;
    return (T2)(p[0], p[1]);
}
static inline T2 hermitian_at(const __global T *x, Place at, long j, const Lines *f) {
    T2 v = pair_at(x, at, j, f);
    return f->conj ? conjugate(v) : v;
}

static inline T2 element(const __global T *x, Place at, long j, const Lines *f) {
#if FORM == C2C
    const T2 v = pair_at(x, at, j, f);
    return f->swap ? swapped(v) : v;
#elif FORM == R2C_EVEN
    return (T2)(x[at + (Place)(2 * j) * (Place)f->x_step], x[at + (Place)(2 * j + 1) * (Place)f->x_step]);
#elif FORM == R2C_ODD
    return (T2)(x[at + (Place)j * (Place)f->x_step], 0);
#elif FORM == C2R_EVEN
    /* E + i O with E = X[j] + conj X[h - j], O = conj(w) (X[j] - conj X[h - j]) */
    T2 a = hermitian_at(x, at, j, f), b = conjugate(hermitian_at(x, at, f->length - j, f));
    if (j == 0) a.y = b.y = 0;
    const T2 o = product(a - b, conjugate(root(j, f->n)));
    return swapped(a + b + (T2)(-o.y, o.x));
#else
    T2 v = 2 * j <= f->n ? hermitian_at(x, at, j, f) : conjugate(hermitian_at(x, at, f->n - j, f));
    if (j == 0) v.y = 0;
    return swapped(v);
#endif
}

/* rows (lines, row) */
__kernel void fft_load(__global T2 *rows, TENSOR(const T, x), const Lines f) {
    const Count id = (Count)get_global_id(0);
    if (id >= (Count)(f.lines * f.row)) return;
    const Count line = id / (Count)f.row;
    const long j = (long)(id - line * (Count)f.row);
    T2 v = (T2)(0, 0);
    if (j < f.length) {
        Place at[2] = {0, 0};
        walk_to(&f.walk, (Count)f.first + line, at);
        v = element(x + x_at, at[1], j, &f);
#if CHIRP
        v = product(v, chirp(j, f.length));
#endif
    }
    rows[id] = v;
}
#endif

#ifdef KERNEL_fft_store
static inline T2 transformed(const __global T2 *row, long k, const Lines *f) {
#if CHIRP
    return product(swapped(row[k]), chirp(k, f->length));
#else
    return row[k];
#endif
}

/* y: one result of each line at a time; rows (lines, row) */
__kernel void fft_store(TENSOR(T, y), const __global T2 *rows, const Lines f, const REAL scale) {
    const Count id = (Count)get_global_id(0);
    if (id >= (Count)(f.lines * f.results)) return;
    const Count line = id / (Count)f.results;
    const long k = (long)(id - line * (Count)f.results);
    const __global T2 *row = rows + line * (Count)f.row;
    Place at[2] = {0, 0};
    walk_to(&f.walk, (Count)f.first + line, at);
    __global T *to = y + y_at + at[0];
#if FORM == R2C_EVEN
    /* E + w O with E = (Z[k] + conj Z[h - k]) / 2, O = (Z[k] - conj Z[h - k]) / 2i */
    const T2 a = transformed(row, k == f.length ? 0 : k, &f);
    const T2 b = conjugate(transformed(row, k == 0 ? 0 : f.length - k, &f));
    const T2 d = (a - b) * (T)0.5;
    T2 v = (a + b) * (T)0.5 + product((T2)(d.y, -d.x), root(k, f.n));
#else
    T2 v = transformed(row, k, &f);
#endif
    v *= (T)scale;
#if FORM == C2R_EVEN
    to[(Place)(2 * k) * (Place)f.y_step] = v.y;
    to[(Place)(2 * k + 1) * (Place)f.y_step] = v.x;
#elif FORM == C2R_ODD
    to[(Place)k * (Place)f.y_step] = v.y;
#else
    if (f.swap) v = swapped(v);
    if (f.conj) v.y = -v.y;
    to[(Place)k * (Place)f.y_step] = v.x;
    to[(Place)k * (Place)f.y_step + 1] = v.y;
#endif
}
#endif

#ifdef KERNEL_fft_roots
/* roots[k] = exp(-2 pi i k / n) */
__kernel void fft_roots(__global T2 *roots, const long n) {
    const long k = (long)get_global_id(0);
    if (k < n) roots[k] = root(k, n);
}
#endif

#ifdef KERNEL_fft_chirp
/* The sequence that Bluestein's convolution takes: the conjugate chirp of j and of -j around the row, over row. */
__kernel void fft_chirp(__global T2 *y, const long n, const long row) {
    const long j = (long)get_global_id(0);
    if (j >= row) return;
    const long k = j < n ? j : row - j;
    y[j] = k < n ? conjugate(chirp(k, n)) / (T)row : (T2)(0, 0);
}
#endif

#ifdef KERNEL_fft_multiply
/* rows times w, parts swapped: what follows is the inverse transform. */
__kernel void fft_multiply(__global T2 *rows, const __global T2 *w, const long row, const long count) {
    const long id = (long)get_global_id(0);
    if (id < count) rows[id] = swapped(product(rows[id], w[id % row]));
}
#endif

#ifdef KERNEL_fft_pass
static inline T2 turned(T2 v) { /* -i v */
    return (T2)(v.y, -v.x);
}

static inline void butterfly(T2 *v, const __global T2 *roots, Count step) {
#if RADIX == 2
    const T2 a = v[0], b = v[1];
    v[0] = a + b;
    v[1] = a - b;
#elif RADIX == 3
    const T2 sum = v[1] + v[2], mid = v[0] - sum * (T)0.5, turn = turned((v[1] - v[2]) * (T)0.86602540378443864676);
    v[0] += sum;
    v[1] = mid + turn;
    v[2] = mid - turn;
#elif RADIX == 4
    const T2 a = v[0] + v[2], b = v[0] - v[2], c = v[1] + v[3], d = turned(v[1] - v[3]);
    v[0] = a + c;
    v[1] = b + d;
    v[2] = a - c;
    v[3] = b - d;
#elif RADIX == 8
    const T slant = (T)0.70710678118654752440;
    const T2 a0 = v[0] + v[4], a1 = v[0] - v[4], a2 = v[2] + v[6], a3 = turned(v[2] - v[6]);
    const T2 b0 = v[1] + v[5], b1 = v[1] - v[5], b2 = v[3] + v[7], b3 = turned(v[3] - v[7]);
    const T2 c0 = a0 + a2, c1 = a1 + a3, c2 = a0 - a2, c3 = a1 - a3;
    const T2 d0 = b0 + b2, d1 = b1 + b3, d2 = turned(b0 - b2), d3 = b1 - b3;
    const T2 p = (T2)(d1.x + d1.y, d1.y - d1.x) * slant, q = (T2)(d3.y - d3.x, -d3.x - d3.y) * slant;
    v[0] = c0 + d0;
    v[1] = c1 + p;
    v[2] = c2 + d2;
    v[3] = c3 + q;
    v[4] = c0 - d0;
    v[5] = c1 - p;
    v[6] = c2 - d2;
    v[7] = c3 - q;
#else
    /* Any odd radix: roots[step * t] = exp(-2 pi i t / RADIX). */
    T2 sum[RADIX / 2 + 1], d[RADIX / 2 + 1], total = v[0];
    for (int j = 1; j <= RADIX / 2; j++) {
        sum[j] = v[j] + v[RADIX - j];
        d[j] = v[j] - v[RADIX - j];
        total += sum[j];
    }
    for (int t = 1; t <= RADIX / 2; t++) {
        T2 mid = v[0], turn = (T2)(0, 0);
        for (int j = 1, at = t; j <= RADIX / 2; j++, at = (at + t) % RADIX) {
            const T2 w = roots[step * (Count)at];
            mid += sum[j] * w.x;
            turn += d[j] * -w.y;
        }
        v[t] = mid + turned(turn);
        v[RADIX - t] = mid - turned(turn);
    }
    v[0] = total;
#endif
}

/* x, y: (lines, n) with n = RADIX * length * stride; roots (n) */
__kernel void fft_pass(__global T2 *restrict y, const __global T2 *restrict x, const __global T2 *restrict roots,
                       const long length, const long stride, const long lines) {
    const Count id = (Count)get_global_id(0), l = (Count)length, s = (Count)stride;
    if (id >= (Count)lines * l * s) return;
    const Count line = id / (l * s), in = id - line * l * s, p = in / s, q = in - p * s;
    const __global T2 *from = x + line * l * s * RADIX + q + s * p;
    __global T2 *to = y + line * l * s * RADIX + q + s * RADIX * p;
    T2 v[RADIX];
    for (int u = 0; u < RADIX; u++) v[u] = from[s * l * (Count)u];
    butterfly(v, roots, l * s);
    to[0] = v[0];
    for (int t = 1; t < RADIX; t++) to[s * (Count)t] = product(v[t], roots[p * (Count)t * s]);
}
#endif

#ifdef KERNEL_cmul
/* y = a b pair by pair, or a times the conjugate of b. The walk leads to the first number of each pair. */
__kernel void cmul(TENSOR(T, y), TENSOR(const T, a), TENSOR(const T, b), const Walk walk, const long count,
                   const int conj) {
    const Count id = (Count)get_global_id(0);
    if (id >= (Count)count) return;
    Place at[3] = {0, 0, 0};
    walk_to(&walk, id, at);
    const T2 u = (T2)(AT(a, at[1]), AT(a, at[1] + 1)), v = (T2)(AT(b, at[2]), AT(b, at[2] + 1));
    const T2 w = product(u, conj ? conjugate(v) : v);
    AT(y, at[0]) = w.x;
    AT(y, at[0] + 1) = w.y;
}
#endif
