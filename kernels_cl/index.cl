/* Indexing: reads and writes through positions (which count from 1), choices by masks, triangles.
 *   X        dtype in memory of the elements; where they are only moved, an integer of their size
 *   COMPUTE  f32, f64 or i64: what they are compared and reduced in
 *   WRITE    what a write does, as WriteOp in lib/cpu/kernels_index.h: 0 set, 1 add, 2 multiply, 3 the larger,
 *            4 the smaller (a NaN wins)
 *   SIDES    operands of a walk; WIDE_AT as in walk.h
 * Where positions repeat, what they write comes in the order of the index, as on the CPU: the same bits every
 * time. For that a work-item takes all positions that could meet (index_write), or the last one is found first
 * (index_claim, index_settle), or positions are sorted by where they write (write_keys, write_segments). */
#include "common.h"

#define T COMPUTED(COMPUTE)
#define FLOATS_i64 0
#define FLOATS_f32 1
#define FLOATS_f64 1
#if JOIN(FLOATS_, COMPUTE)
#define WRAPPING T
#else
#define WRAPPING ulong /* overflow is defined */
#endif
#include "walk.h"

enum { DENSE, INDEX, ADDRESSED };

static inline X written(X old, X given) {
#if WRITE == 0
    return given;
#else
    const T x = (T)DECODE(X, old), a = (T)DECODE(X, given);
#if WRITE == 1
    const T y = (T)((WRAPPING)x + (WRAPPING)a);
#elif WRITE == 2
    const T y = (T)((WRAPPING)x * (WRAPPING)a);
#elif WRITE == 3
    const T y = x > a || x != x ? x : a;
#else
    const T y = x < a || x != x ? x : a;
#endif
    return ENCODE(X, T, y);
#endif
}

/* --- reads and choices ------------------------------------------------------------------------------------- */

#ifdef KERNEL_index_read
__kernel void index_read(const long n, TENSOR(X, y), TENSOR(const long, index), TENSOR(const X, x), const long scale,
                         const Walk w) {
    const long i = (long)get_global_id(0);
    if (i >= n) return;
    Place at[SIDES] = {0};
    walk_to(&w, (Count)i, at);
    AT(y, at[DENSE]) = AT(x, at[ADDRESSED] + (AT(index, at[INDEX]) - 1) * scale);
}
#endif

#ifdef KERNEL_choose
/* y = mask ? yes : no. y may be one of the two. */
__kernel void choose(const long n, SHARED(X, y), TENSOR(const boolean, mask), SHARED(const X, yes), SHARED(const X, no),
                     const Walk w) {
    const long i = (long)get_global_id(0);
    if (i >= n) return;
    Place at[SIDES] = {0};
    walk_to(&w, (Count)i, at);
    AT(y, at[0]) = AT(mask, at[1]) ? AT(yes, at[2]) : AT(no, at[3]);
}
#endif

/* --- writes ------------------------------------------------------------------------------------------------ */

#ifdef KERNEL_index_write
/* A work-item for each place of `across`, where no two meet; it takes the `again` positions of `along` in order. */
__kernel void index_write(const long n, const long again, TENSOR(const X, dense), TENSOR(const long, index),
                          TENSOR(X, x), const long scale, const Walk across, const Walk along) {
    const long i = (long)get_global_id(0);
    if (i >= n) return;
    Place first[SIDES] = {0};
    walk_to(&across, (Count)i, first);
    for (long k = 0; k < again; k++) {
        Place at[SIDES];
        for (int side = 0; side < SIDES; side++) at[side] = first[side];
        walk_to(&along, (Count)k, at);
        const long to = at[ADDRESSED] + (AT(index, at[INDEX]) - 1) * scale;
        AT(x, to) = written(AT(x, to), AT(dense, at[DENSE]));
    }
}
#endif

/* The place in x that element i of the walk writes, counted from the lowest that x has. */
#define TARGET(at) (at[ADDRESSED] + (AT(index, at[INDEX]) - 1) * scale - low)

#ifdef KERNEL_index_claim
/* claims[place] = 1 + the last element that writes there. */
__kernel void index_claim(const long n, TENSOR(const long, index), __global int *claims, const long scale,
                          const long low, const Walk w) {
    const long i = (long)get_global_id(0);
    if (i >= n) return;
    Place at[SIDES] = {0};
    walk_to(&w, (Count)i, at);
    atomic_max(&claims[TARGET(at)], (int)i + 1);
}
#endif

#ifdef KERNEL_index_settle
__kernel void index_settle(const long n, TENSOR(const X, dense), TENSOR(const long, index), TENSOR(X, x),
                           __global const int *claims, const long scale, const long low, const Walk w) {
    const long i = (long)get_global_id(0);
    if (i >= n) return;
    Place at[SIDES] = {0};
    walk_to(&w, (Count)i, at);
    const long target = TARGET(at);
    if (claims[target] == (int)i + 1) AT(x, target + low) = AT(dense, at[DENSE]);
}
#endif

#ifdef KERNEL_write_keys
__kernel void write_keys(const long n, TENSOR(const long, index), __global int *keys, const long scale,
                         const long low, const Walk w) {
    const long i = (long)get_global_id(0);
    if (i >= n) return;
    Place at[SIDES] = {0};
    walk_to(&w, (Count)i, at);
    keys[i] = (int)TARGET(at);
}
#endif

#ifdef KERNEL_write_segments
/* words: the keys in order, each with the number of its element in the lower half (see sort.cl). A work-item for
 * each (first of a run of equal keys, place of `across`) adds up its run: the others have nothing to do. */
#define KEY(i) (words[i] >> 32)
__kernel void write_segments(const long n, const long width, __global const ulong *words, TENSOR(const X, dense),
                             TENSOR(X, x), const long low, const Walk along, const Walk across) {
    const long id = (long)get_global_id(0), first = id / width;
    if (first >= n || (first > 0 && KEY(first - 1) == KEY(first))) return;
    Place at[SIDES] = {0};
    walk_to(&across, (Count)(id - first * width), at);
    const long to = at[ADDRESSED] + (long)(int)((uint)KEY(first) ^ 0x80000000u) + low;
    X value = AT(x, to);
    for (long i = first; i < n && KEY(i) == KEY(first); i++) {
        Place from[SIDES];
        for (int side = 0; side < SIDES; side++) from[side] = at[side];
        walk_to(&along, (Count)(words[i] & 0xffffffff), from);
        value = written(value, AT(dense, from[DENSE]));
    }
    AT(x, to) = value;
}
#endif

/* --- positions --------------------------------------------------------------------------------------------- */

#ifdef KERNEL_find_outside
/* *found = 1 where a value is not in low..high, or is 0 and that is a hole. */
__kernel void find_outside(const long n, TENSOR(const X, x), const T low, const T high, const int hole,
                           __global int *found) {
    int outside = 0;
    for (long i = (long)get_global_id(0); i < n; i += (long)get_global_size(0)) {
        const T v = (T)DECODE(X, AT(x, i));
        outside |= !(v >= low && v <= high) || (hole && v == 0);
    }
    if (outside) atomic_or(found, 1);
}
#endif

#ifdef KERNEL_key_offsets
/* Positions from 1, or from the end where negative, as offsets plus bias. */
__kernel void key_offsets(const long n, TENSOR(long, y), TENSOR(const long, index), const long size,
                          const long stride, const long bias) {
    const long i = (long)get_global_id(0);
    if (i >= n) return;
    const long at = AT(index, i);
    AT(y, i) = (at < 0 ? at + size : at - 1) * stride + bias;
}
#endif

#ifdef KERNEL_true_places
/* counts: how many flags are true up to each one. The true ones' positions (N, columns), or where `columns` is 0
 * their offsets by the strides in w, plus bias. */
__kernel void true_places(const long n, TENSOR(const boolean, flags), TENSOR(const X, counts), TENSOR(long, y),
                          const long columns, const long bias, const Walk w) {
    const long i = (long)get_global_id(0);
    if (i >= n || !AT(flags, i)) return;
    const long row = (long)AT(counts, i) - 1;
    Count rest = (Count)i;
    long offset = bias;
    for (int d = (int)w.ndim - 1; d >= 0; d--) {
        const Count next = d ? rest / (Count)w.size[d] : 0;
        const long at = (long)(rest - next * (Count)w.size[d]);
        if (columns) AT(y, row * columns + d) = at + 1;
        offset += at * w.stride[0][d];
        rest = next;
    }
    if (!columns) AT(y, row) = offset;
}
#endif

#ifdef KERNEL_triangle
/* Zeroes what lies outside the triangle: below (upper) or above row + diagonal. */
__kernel void triangle(const long n, TENSOR(X, y), const long rows, const long columns, const long diagonal,
                       const int upper) {
    const long i = (long)get_global_id(0);
    if (i >= n) return;
    const Count row = (Count)i / (Count)columns;
    const long column = i - (long)row * columns, edge = (long)(row % (Count)rows) + diagonal;
    if (upper ? column < edge : column > edge) AT(y, i) = 0;
}
#endif
