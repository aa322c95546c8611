/* Stable sorting of the lanes of (outer, n, w) along the middle, and search in sorted rows.
 *   X     dtype in memory
 *   WIDE  1: keys of 64 bits, which travel beside their position; 0: keys of 32 bits, with the position in the
 *         other half of one word
 * Words are all different, so any merge is stable. sort_runs makes runs of RUN words in registers, merge_runs
 * merges pairs of runs: each work-item finds where its CHUNK results start by a binary search along a diagonal
 * (Green, McColl, Bader 2012) and merges from there. Where only the k first are wanted, runs are cut to `keep`
 * of them, a power of two and a multiple of CHUNK. */
#include "common.h"

#define RUN   8
#define CHUNK RUN

#if WIDE
typedef struct Word {
    ulong key, position;
} Word;
typedef ulong Key;
#define LAST          ((Word){ULONG_MAX, ULONG_MAX})
#define LESS(a, b)    ((a).key < (b).key || ((a).key == (b).key && (a).position < (b).position))
#define POSITION(a)   ((long)(a).position)
#define MAKE(key, at) ((Word){key, (ulong)(at)})
#else
typedef ulong Word;
typedef uint Key;
#define LAST          ULONG_MAX
#define LESS(a, b)    ((a) < (b))
#define POSITION(a)   ((long)((a) & 0xffffffff))
#define MAKE(key, at) ((Word)(key) << 32 | (ulong)(at))
#endif

/* Ordered as the value is, -0 equal to 0, every NaN last: as in lib/cpu/sort.c. */
static inline uint key_float(float v) {
    if (v != v) return UINT_MAX;
    const uint bits = v == 0 ? 0 : as_uint(v);
    return bits >> 31 ? ~bits : bits | 1u << 31;
}
#ifdef HAVE_FP64
static inline ulong key_double(double v) {
    if (v != v) return ULONG_MAX;
    const ulong bits = v == 0 ? 0 : as_ulong(v);
    return bits >> 63 ? ~bits : bits | 1ul << 63;
}
#endif
#define key_long(v)    ((uint)(int)(v) ^ 1u << 31)
#define key_of_f32(b)  key_float(b)
#define key_of_f16(b)  key_float(DECODE(f16, b))
#define key_of_bf16(b) key_float(DECODE(bf16, b))
#define key_of_f64(b)  key_double(b)
#define key_of_i64(b)  ((ulong)(b) ^ 1ul << 63)
#define key_of_i32(b)  key_long(b)
#define key_of_i16(b)  key_long(b)
#define key_of_i8(b)   key_long(b)
#define key_of_u8(b)   key_long(b)
#define key_of_boolean(b) key_long(b)

/* As in lib/cl/sort.c. */
typedef struct Lanes {
    long lanes, n, w, runs;
} Lanes;

#ifdef KERNEL_sort_runs
/* words (lanes, n). flip: all ones where the order descends. */
__kernel void sort_runs(__global Word *words, TENSOR(const X, x), const Lanes l, const ulong flip) {
    const long id = (long)get_global_id(0);
    if (id >= l.lanes * l.runs) return;
    const long lane = id / l.runs, from = (id - lane * l.runs) * RUN, outer = lane / l.w;
    const long first = outer * l.n * l.w + (lane - outer * l.w);
    Word word[RUN];
#pragma unroll
    for (int i = 0; i < RUN; i++) {
        const long at = from + i;
        word[i] = at < l.n ? MAKE((Key)(JOIN(key_of_, X)(AT(x, first + at * l.w)) ^ (Key)flip), at) : LAST;
    }
#pragma unroll
    for (int round = 0; round < RUN; round++)
#pragma unroll
        for (int i = round & 1; i + 1 < RUN; i += 2) {
            const Word a = word[i], b = word[i + 1];
            const int swap = LESS(b, a);
            word[i] = swap ? b : a;
            word[i + 1] = swap ? a : b;
        }
    __global Word *to = words + lane * l.n + from;
#pragma unroll
    for (int i = 0; i < RUN; i++)
        if (from + i < l.n) to[i] = word[i];
}
#endif

#ifdef KERNEL_merge_runs
/* to (lanes, to_n) in runs of `merged` from `from` (lanes, from_n) in runs of `run`. */
__kernel void merge_runs(__global Word *restrict to, __global const Word *restrict from, const long lanes,
                         const long from_n, const long to_n, const long run, const long merged) {
    const long chunks = (to_n + CHUNK - 1) / CHUNK, id = (long)get_global_id(0), lane = id / chunks;
    if (lane >= lanes) return;
    const long out = (id - lane * chunks) * CHUNK, pair = out / merged, skip = out - pair * merged;
    const long start = pair * 2 * run, na = min(run, from_n - start);
    const long nb = max(min(run, from_n - start - run), 0l);
    __global const Word *a = from + lane * from_n + start, *b = a + run;
    long low = max(0l, skip - nb), high = min(skip, na);
    while (low < high) {
        const long i = (low + high) / 2;
        if (LESS(b[skip - 1 - i], a[i]))
            high = i;
        else
            low = i + 1;
    }
    long i = low, j = skip - low;
    const long count = min(min((long)CHUNK, min(merged, na + nb) - skip), to_n - out);
    for (long k = 0; k < count; k++) {
        const int second = i >= na || (j < nb && LESS(b[j], a[i]));
        to[lane * to_n + out + k] = second ? b[j] : a[i];
        i += !second;
        j += second;
    }
}
#endif

#ifdef KERNEL_sort_finish
/* index and values (outer, k, w) from words (lanes, sorted). values may be NULL. */
__kernel void sort_finish(TENSOR(X, values), TENSOR(long, index), TENSOR(const X, x), __global const Word *words,
                          const Lanes l, const long k, const long sorted) {
    const long id = (long)get_global_id(0);
    if (id >= l.lanes * k) return;
    const long inner = id % l.w, rank = id / l.w % k, outer = id / l.w / k;
    const long at = POSITION(words[(outer * l.w + inner) * sorted + rank]);
    AT(index, id) = at + 1;
    if (values) AT(values, id) = AT(x, (outer * l.n + at) * l.w + inner);
}
#endif

#ifdef KERNEL_pick_rank
enum { RANK_KTH, RANK_MEDIAN, RANK_NANMEDIAN }; /* as in lib/ops/reduce.h */
/* values and index (lanes) from sorted and order (outer, n, w). index may be NULL. */
__kernel void pick_rank(TENSOR(X, values), TENSOR(long, index), TENSOR(const X, sorted), TENSOR(const long, order),
                        const Lanes l, const int rank, const long kth) {
    const long lane = (long)get_global_id(0);
    if (lane >= l.lanes) return;
    const long first = lane / l.w * l.n * l.w + lane % l.w;
    long k = kth;
    if (rank != RANK_KTH) {
        long low = 0, high = l.n; /* how many are not NaN */
        while (low < high) {
            const long middle = low + (high - low) / 2;
            if (IS_NAN_AS(X, AT(sorted, first + middle * l.w)))
                high = middle;
            else
                low = middle + 1;
        }
        k = low == 0 || (low < l.n && rank == RANK_MEDIAN) ? low + 1 : (low + 1) / 2;
    }
    AT(values, lane) = AT(sorted, first + (k - 1) * l.w);
    if (index) AT(index, lane) = AT(order, first + (k - 1) * l.w);
}
#endif

/* How many of the n elements come before v, or before and at it where `right`. */
static inline long rank_of(__global const X *row, long n, X v, int right) {
    long low = 0, high = n;
    while (low < high) {
        const long middle = low + (high - low) / 2;
        if (right ? row[middle] > v : row[middle] >= v)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

#ifdef KERNEL_search_sorted
/* y[i]: 1 + the rank of value i in the sorted row of n elements that it belongs to; `row` values share one (0: all). */
__kernel void search_sorted(const long count, TENSOR(long, y), TENSOR(const X, sorted), TENSOR(const X, values),
                            const long n, const long row, const int right) {
    const long i = (long)get_global_id(0);
    if (i >= count) return;
    const long first = row ? i / row * n : 0;
    AT(y, i) = rank_of(&AT(sorted, first), n, AT(values, i), right) + 1;
}
#endif

#ifdef KERNEL_is_member
/* y[i]: value i is in the sorted row (is not, where `invert`). */
__kernel void is_member(const long count, TENSOR(boolean, y), TENSOR(const X, sorted), TENSOR(const X, values),
                        const long n, const int invert) {
    const long i = (long)get_global_id(0);
    if (i >= count) return;
    const long at = rank_of(&AT(sorted, 0), n, AT(values, i), 0);
    AT(y, i) = (at < n && AT(sorted, at) == AT(values, i)) != invert;
}
#endif
