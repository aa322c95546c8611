/* The reductions of lib/ops/reduce.def, and extremes with their position, over any set of dimensions.
 *   OP        op_ and the reduction's name in the table; op_largest or op_smallest for extremes
 *   X, Y      dtypes in memory of the input and the result
 *   COMPUTE   f32, f64 or i64: the type of an element in the expressions (SRC there)
 *   WITH_Q    1: a REAL per result comes from an earlier pass
 *   WIDE_AT   1: positions need 64 bits
 *   FLAT      1: one dimension stays and one is reduced (after merging)
 *   SIDE      reduce_groups has groups of SIDE * SIDE work-items
 * Each result's elements are cut into chunks by the shape alone; a chunk's accumulator is computed by one
 * work-item (reduce_items) or by one group (reduce_groups); where there are several chunks, join merges them
 * in order. So sums do not depend on timing. */
#include "common.h"

#define GROUP (SIDE * SIDE)

#define T    COMPUTED(COMPUTE)
#define SRC  T
#define FLAG uchar
#define COUNT long
#define FLOATS_i64 0
#define FLOATS_f32 1
#define FLOATS_f64 1
#if JOIN(FLOATS_, COMPUTE)
#define WIDE     REAL
#define RESULT   REAL
#define LOWEST   (-INFINITY)
#define HIGHEST  INFINITY
#define IS_NAN(v) ((v) != (v))
#else
#define WIDE     ulong
#define RESULT   long
#define LOWEST   LONG_MIN
#define HIGHEST  LONG_MAX
#define IS_NAN(v) 0
#endif

/* --- accumulators: Acc, start, step, merge, finish --------------------------------------------------------- */
#define FUNCTIONS(name, ACC, OUT, START, STEP, MERGE, FINISH)                                                \
    typedef ACC acc_##name;                                                                                  \
    typedef OUT out_##name;                                                                                  \
    static inline ACC start_##name(void) {                                                                   \
        return (ACC)(START);                                                                                 \
    }                                                                                                        \
    static inline ACC step_##name(ACC a, SRC x, long at, REAL q, REAL p) {                                   \
        return (ACC)(STEP);                                                                                  \
    }                                                                                                        \
    static inline ACC merge_##name(ACC a, ACC b) {                                                           \
        return (ACC)(MERGE);                                                                                 \
    }                                                                                                        \
    static inline OUT finish_##name(ACC a, REAL n, REAL q, REAL p) {                                         \
        return (OUT)(FINISH);                                                                                \
    }                                                                                                        \
    static inline long position_##name(ACC a) {                                                              \
        return 0;                                                                                            \
    }
#define REDUCE(name, ...) FUNCTIONS(op_##name, __VA_ARGS__)
#if JOIN(FLOATS_, COMPUTE)
#define REDUCE_FLOAT(name, ...) FUNCTIONS(op_##name, __VA_ARGS__)
#else
#define REDUCE_FLOAT(...)
#endif
#include "ops/reduce.def"

/* An extreme and where it is; at -1 nothing was seen yet. Ties go to the first, a NaN wins. */
typedef struct Extreme {
    SRC value;
    long at;
} Extreme;
#define EXTREME(name, OPERATOR)                                                                              \
    typedef Extreme acc_##name;                                                                              \
    typedef SRC out_##name;                                                                                  \
    static inline Extreme start_##name(void) {                                                               \
        Extreme none = {0, -1};                                                                              \
        return none;                                                                                         \
    }                                                                                                        \
    static inline Extreme merge_##name(Extreme a, Extreme b) {                                               \
        if (a.at < 0 || b.at < 0) return a.at < 0 ? b : a;                                                   \
        if (IS_NAN(a.value) || IS_NAN(b.value)) {                                                            \
            if (IS_NAN(a.value) && IS_NAN(b.value)) return a.at < b.at ? a : b;                              \
            return IS_NAN(a.value) ? a : b;                                                                  \
        }                                                                                                    \
        if (a.value == b.value) return a.at < b.at ? a : b;                                                  \
        return b.value OPERATOR a.value ? b : a;                                                             \
    }                                                                                                        \
    static inline Extreme step_##name(Extreme a, SRC x, long at, REAL q, REAL p) {                           \
        Extreme b = {x, at};                                                                                 \
        return merge_##name(a, b);                                                                           \
    }                                                                                                        \
    static inline SRC finish_##name(Extreme a, REAL n, REAL q, REAL p) {                                     \
        return a.value;                                                                                      \
    }                                                                                                        \
    static inline long position_##name(Extreme a) {                                                          \
        return a.at + 1;                                                                                     \
    }
EXTREME(op_largest, >)
EXTREME(op_smallest, <)

typedef JOIN(acc_, OP) Acc;
typedef JOIN(out_, OP) Out;
#define START_ACC JOIN(start_, OP)()
#define STEP_ACC  JOIN(step_, OP)
#define MERGE_ACC JOIN(merge_, OP)

/* --- walking --------------------------------------------------------------------------------------------- */
/* As in lib/cl/reduce.c: the dimensions that stay and those that are reduced, innermost last. */
typedef struct Walk {
    long outputs, n, chunks, chunk; /* results; elements, chunks and elements a chunk of each */
    long kept, reduced;
    long kept_size[8], kept_stride[8], kept_out[8];
    long reduced_size[8], reduced_stride[8];
} Walk;
#if WIDE_AT
typedef long Position;
typedef ulong Count;
#else
typedef int Position;
typedef uint Count;
#endif

#if FLAT
#define POSITION_OF(i, ndim, size, stride) ((Position)(i) * (Position)(stride)[0])
#else
#define POSITION_OF(i, ndim, size, stride) position_of((Count)(i), ndim, size, stride)
#endif
static inline Position position_of(Count rest, long ndim, const long *size, const long *stride) {
    Position at = 0;
    for (int d = (int)ndim - 1; d >= 0; d--) {
        const Count next = d ? rest / (Count)size[d] : 0;
        at += (Position)(rest - next * (Count)size[d]) * (Position)stride[d];
        rest = next;
    }
    return at;
}

/* acc takes in the elements from, from + by, ... below `to` of the result whose first element is at x. Without
 * double, partial sums of BLOCK elements keep rounding errors from growing with n. */
#ifdef HAVE_FP64
#define BLOCK LONG_MAX
#else
#define BLOCK 64
#endif
static inline Acc take_in(__global const X *x, const Walk *w, long from, long to, long by, REAL q, REAL p) {
    Acc total = START_ACC, acc = START_ACC;
    long taken = 0;
    for (long r = from; r < to; r += by) {
        const Position at = POSITION_OF(r, w->reduced, w->reduced_size, w->reduced_stride);
        acc = STEP_ACC(acc, (SRC)DECODE(X, x[at]), r, q, p);
        if (++taken == BLOCK) {
            total = MERGE_ACC(total, acc);
            acc = START_ACC;
            taken = 0;
        }
    }
    return MERGE_ACC(total, acc);
}

#if WITH_Q
#define Q(i) q[i]
#else
#define Q(i) 0
#endif

/* Integer results come from integers, so the kind is always long; floats ignore it. */
static inline void put(__global Y *y, __global long *position, long i, Acc a, REAL n, REAL q, REAL p) {
    const Out value = JOIN(finish_, OP)(a, n, q, p);
    if (y) y[i] = ENCODE(Y, long, value);
    if (position) position[i] = JOIN(position_, OP)(a);
}

#define PARAMETERS                                                                                           \
    SHARED(Y, y), SHARED(long, position), __global const X *x, const long x_at, __global const REAL *q,      \
        __global Acc *partial, const REAL p, const Walk w

#ifdef KERNEL_reduce_items
/* One work-item for each (chunk, result): neighbours take neighbouring results. */
__kernel void reduce_items(PARAMETERS) {
    const long id = (long)get_global_id(0);
    if (id >= w.outputs * w.chunks) return;
    const long chunk = id / w.outputs, i = id - chunk * w.outputs;
    const long out = POSITION_OF(i, w.kept, w.kept_size, w.kept_out);
    const long from = chunk * w.chunk, to = min(from + w.chunk, w.n);
    const Acc a = take_in(&AT(x, POSITION_OF(i, w.kept, w.kept_size, w.kept_stride)), &w, from, to, 1,
                          Q(out), p);
    if (partial)
        partial[chunk * w.outputs + out] = a;
    else
        put(y + y_at, position + position_at, out, a, (REAL)w.n, Q(out), p);
}
#endif

#ifdef KERNEL_reduce_groups
/* One group for each (chunk, result): neighbours take neighbouring elements. */
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void reduce_groups(PARAMETERS) {
    __local Acc lane[GROUP];
    const int me = (int)get_local_id(0);
    const long id = (long)get_group_id(0), chunk = id / w.outputs, i = id - chunk * w.outputs;
    const long out = POSITION_OF(i, w.kept, w.kept_size, w.kept_out);
    const long from = chunk * w.chunk, to = min(from + w.chunk, w.n);
    lane[me] = take_in(&AT(x, POSITION_OF(i, w.kept, w.kept_size, w.kept_stride)), &w, from + me, to, GROUP,
                       Q(out), p);
    /* Two steps of SIDE lanes each: as quick as a tree, with two barriers, which are what compilers for CPUs
     * labour at. */
    for (int step = 1; step < GROUP; step *= SIDE) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (me < GROUP / (step * SIDE)) {
            Acc a = lane[me * step * SIDE];
            for (int k = 1; k < SIDE; k++) a = MERGE_ACC(a, lane[(me * SIDE + k) * step]);
            lane[me * step * SIDE] = a;
        }
    }
    if (me) return;
    if (partial)
        partial[chunk * w.outputs + out] = lane[0];
    else
        put(y + y_at, position + position_at, out, lane[0], (REAL)w.n, Q(out), p);
}
#endif

#ifdef KERNEL_join_chunks
/* One work-item for each result: merges its chunks. */
__kernel void join_chunks(PARAMETERS) {
    const long out = (long)get_global_id(0);
    if (out >= w.outputs) return;
    Acc a = partial[out];
    for (long chunk = 1; chunk < w.chunks; chunk++) a = MERGE_ACC(a, partial[chunk * w.outputs + out]);
    put(y + y_at, position + position_at, out, a, (REAL)w.n, Q(out), p);
}
#endif
