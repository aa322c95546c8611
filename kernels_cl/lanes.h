/* Rows that LANES work-items share: 1, a work-item a row; or the square of SIDE, a work-group a row. TASK is the
 * row, LANE the work-item's place in it. EACH_LANE(i, n) gives it the elements LANE, LANE + LANES, ... of n; all
 * lanes go round that loop equally often, for PoCL 3.1 miscompiles some kernels in which they do not. What the
 * lanes found is joined in a fixed order, so results do not depend on timing.
 *   __kernel GROUPED void f(...) { LANE_ROOM(room); const long row = TASK; if (NO_TASK(row, rows)) return; ... } */
/* Work-items beyond the last row, of a launch that was rounded up. Groups are launched to the number: a way past
 * barriers, even one that is never taken, takes PoCL minutes to compile. */
#define NO_TASK(row, rows) (LANES == 1 && (row) >= (rows))
#define EACH_LANE(i, n)                                                                                      \
    for (long i##_0 = 0, i = LANE; i##_0 < (n); i##_0 += LANES, i += LANES)                                  \
        if (i < (n))

#if LANES == 1
#define GROUPED
#define TASK               ((long)get_global_id(0))
#define LANE               0
#define LANE_ROOM(room)
#define SUM_LANES(room, v) (v)
#define MAX_LANES(room, v) (v)
#else
#define GROUPED            __attribute__((reqd_work_group_size(LANES, 1, 1)))
#define TASK               ((long)get_group_id(0))
#define LANE               ((int)get_local_id(0))
#define LANE_ROOM(room)    __local REAL room[LANES]
#define SUM_LANES(room, v) sum_lanes(room, v)
#define MAX_LANES(room, v) max_lanes(room, v)
#if LANES == 256
#define SIDE 16
#elif LANES == 64
#define SIDE 8
#else
#error LANES is 1, 64 or 256
#endif

/* Two steps of SIDE, with loops that stay loops: compilers for CPUs labour at barriers and at what is unrolled for
 * every work-item. */
#define JOIN_LANES(name, JOINED)                                                                             \
    static inline REAL join_##name(__local const REAL *room, int from, int step) {                           \
        REAL a = room[from];                                                                                 \
        for (int k = 1; k < SIDE; k++) {                                                 \
            const REAL b = room[from + k * step];                                                            \
            a = JOINED;                                                                                      \
        }                                                                                                    \
        return a;                                                                                            \
    }                                                                                                        \
    static inline REAL name(__local REAL *room, REAL a) {                                                    \
        const int me = LANE;                                                                                 \
        barrier(CLK_LOCAL_MEM_FENCE);                                                                        \
        room[me] = a;                                                                                        \
        barrier(CLK_LOCAL_MEM_FENCE);                                                                        \
        if (me < SIDE) room[me] = join_##name(room, me, SIDE);                                               \
        barrier(CLK_LOCAL_MEM_FENCE);                                                                        \
        if (me == 0) room[0] = join_##name(room, 0, 1);                                                      \
        barrier(CLK_LOCAL_MEM_FENCE);                                                                        \
        return room[0];                                                                                      \
    }
JOIN_LANES(sum_lanes, a + b)
JOIN_LANES(max_lanes, b > a ? b : a)
#endif
