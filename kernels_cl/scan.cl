/* Running sums, products, logarithms of sums of exponentials and extremes, along the middle of (outer, rows, w).
 *   X, Y   dtypes in memory of the input and the result
 *   ACC    f32, f64 or i64: what is accumulated in
 *   SCAN   which, as in lib/cpu/kernels_reduce.h: 0 sum, 1 product, 2 log of sum of exp; 3 the largest, 4 the
 *          smallest, where NaN beats all
 * Long rows are cut into chunks: scan_chunks reduces each, the host scans those totals in the same way, and
 * scan_rows starts each chunk from the total before it. The chunks depend on the shape and device alone. */
#include "common.h"

#define T COMPUTED(ACC)
#define FLOATS_i64 0
#define FLOATS_f32 1
#define FLOATS_f64 1
#if JOIN(FLOATS_, ACC)
#define WRAPPING T
#else
#define WRAPPING ulong
#endif

/* As in lib/cl/scan.c. `reverse`: from the last row on. */
typedef struct Scan {
    long outer, rows, w, chunks, chunk, reverse;
} Scan;

#if SCAN == 0
#define START 0
static inline T joined(T a, T x) {
    return (T)((WRAPPING)a + (WRAPPING)x);
}
#elif SCAN == 1
#define START 1
static inline T joined(T a, T x) {
    return (T)((WRAPPING)a * (WRAPPING)x);
}
#elif SCAN == 3
#if JOIN(FLOATS_, ACC)
#define START (-INFINITY)
#else
#define START LONG_MIN
#endif
static inline T joined(T a, T x) {
    return x > a || IS_NAN_AS(ACC, x) ? x : a;
}
#elif SCAN == 4
#if JOIN(FLOATS_, ACC)
#define START INFINITY
#else
#define START LONG_MAX
#endif
static inline T joined(T a, T x) {
    return x < a || IS_NAN_AS(ACC, x) ? x : a;
}
#else
#define START (-INFINITY)
static inline T joined(T a, T x) {
    const T high = a > x || a != a ? a : x, low = a > x || a != a ? x : a;
    return high == low && isinf(high) ? high : high + log1p(exp(low - high));
}
#endif

/* The element of a lane (outer, inner) at step i. */
#define STEP_AT(s, lane_outer, inner, i)                                                                     \
    (((lane_outer) * (s).rows + ((s).reverse ? (s).rows - 1 - (i) : (i))) * (s).w + (inner))

#ifdef KERNEL_scan_chunks
/* totals (outer, chunks, w) */
__kernel void scan_chunks(TENSOR(T, totals), TENSOR(const X, x), const Scan s) {
    const long id = (long)get_global_id(0);
    if (id >= s.outer * s.chunks * s.w) return;
    const long inner = id % s.w, chunk = id / s.w % s.chunks, outer = id / s.w / s.chunks;
    const long from = chunk * s.chunk, to = min(from + s.chunk, s.rows);
    T a = START;
    for (long i = from; i < to; i++) a = joined(a, (T)DECODE(X, AT(x, STEP_AT(s, outer, inner, i))));
    AT(totals, id) = a;
}
#endif

#ifdef KERNEL_scan_rows
/* totals: the scanned totals, or NULL where there is one chunk. y may be x. */
__kernel void scan_rows(SHARED(Y, y), SHARED(const X, x), TENSOR(const T, totals), const Scan s) {
    const long id = (long)get_global_id(0);
    if (id >= s.outer * s.chunks * s.w) return;
    const long inner = id % s.w, chunk = id / s.w % s.chunks, outer = id / s.w / s.chunks;
    const long from = chunk * s.chunk, to = min(from + s.chunk, s.rows);
    T a = START;
    if (chunk) a = AT(totals, id - s.w);
    for (long i = from; i < to; i++) {
        const long at = STEP_AT(s, outer, inner, i);
        a = joined(a, (T)DECODE(X, AT(x, at)));
        AT(y, at) = ENCODE(Y, T, a);
    }
}
#endif

#ifdef KERNEL_scan_marks
/* marks: the number of the row, from 1, where x is the extreme so far itself; 0 elsewhere. */
__kernel void scan_marks(TENSOR(long, marks), TENSOR(const X, extreme), TENSOR(const X, x), const Scan s) {
    const long id = (long)get_global_id(0);
    if (id >= s.outer * s.w) return;
    for (long i = 0; i < s.rows; i++) {
        const long at = STEP_AT(s, id / s.w, id % s.w, i);
        const int is = DECODE(X, AT(x, at)) == DECODE(X, AT(extreme, at));
        AT(marks, at) = is || IS_NAN_AS(X, AT(x, at)) ? i + 1 : 0;
    }
}
#endif
