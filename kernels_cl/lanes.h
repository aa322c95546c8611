/* Rows that LANES work-items share: 1, a work-item a row; or the square of SIDE, a work-group a row. TASK is the
 * row, LANE the work-item's place in it; it takes the elements LANE, LANE + LANES, ... What the lanes found is
 * joined in a fixed order, so results do not depend on timing.
 *   __kernel GROUPED void f(...) { LANE_ROOM(room); const long row = TASK; if (row >= rows) return; ... } */
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

/* Two steps of SIDE: as quick as a tree, with fewer barriers, which are what compilers for CPUs labour at. */
#define JOIN_LANES(name, JOINED)                                                                             \
    static inline REAL name(__local REAL *room, REAL a) {                                                    \
        const int me = LANE;                                                                                 \
        barrier(CLK_LOCAL_MEM_FENCE);                                                                        \
        room[me] = a;                                                                                        \
        barrier(CLK_LOCAL_MEM_FENCE);                                                                        \
        if (me < SIDE) {                                                                                     \
            for (int k = 1; k < SIDE; k++) {                                                                 \
                const REAL b = room[me + k * SIDE];                                                          \
                a = JOINED;                                                                                  \
            }                                                                                                \
            room[me] = a;                                                                                    \
        }                                                                                                    \
        barrier(CLK_LOCAL_MEM_FENCE);                                                                        \
        a = room[0];                                                                                         \
        for (int k = 1; k < SIDE; k++) {                                                                     \
            const REAL b = room[k];                                                                          \
            a = JOINED;                                                                                      \
        }                                                                                                    \
        return a;                                                                                            \
    }
JOIN_LANES(sum_lanes, a + b)
JOIN_LANES(max_lanes, b > a ? b : a)
#endif
