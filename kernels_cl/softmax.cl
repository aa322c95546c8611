/* softmax and log_softmax along one dimension of (outer, n, inner), and their gradients.
 *   X          dtype in memory
 *   COMPUTE    f32 or f64: what elements are computed in; sums run in REAL
 *   LANES      work-items that share a row (lanes.h)
 *   LOGARITHM  1: log_softmax */
#include "common.h"
#include "lanes.h"

typedef COMPUTED(COMPUTE) T;
#define LOAD(x, i)     ((T)DECODE(X, AT(x, i)))
#define STORE(x, i, v) (AT(x, i) = ENCODE(X, T, v))

/* Where a row begins; its elements are `inner` apart. */
#define PLACE(i)       (start + (i) * inner)
#define ROW_START(row) (inner == 1 ? (row) * n : (row) / inner * n * inner + (row) % inner)

#ifdef KERNEL_softmax
__kernel GROUPED void softmax(TENSOR(X, y), TENSOR(const X, x), const long rows, const long n,
                              const long inner) {
    LANE_ROOM(room);
    const long row = TASK;
    if (NO_TASK(row, rows)) return;
    const long start = ROW_START(row);
    T most = -INFINITY; /* NaN is passed over here: it reaches every result through the sum */
    EACH_LANE(i, n) {
        const T v = LOAD(x, PLACE(i));
        most = v > most ? v : most;
    }
    most = (T)MAX_LANES(room, (REAL)most);
    REAL sum = 0;
    EACH_LANE(i, n) sum += exp(LOAD(x, PLACE(i)) - most);
    sum = SUM_LANES(room, sum);
#if LOGARITHM
    const T shift = (T)log(sum);
    EACH_LANE(i, n) STORE(y, PLACE(i), (LOAD(x, PLACE(i)) - most) - shift);
#else
    const T scale = (T)(1 / sum);
    EACH_LANE(i, n) STORE(y, PLACE(i), exp(LOAD(x, PLACE(i)) - most) * scale);
#endif
}
#endif

#ifdef KERNEL_softmax_grad
/* softmax: gx = y (g - sum(g y)); its logarithm: gx = g - exp(y) sum(g). */
__kernel GROUPED void softmax_grad(TENSOR(X, gx), TENSOR(const X, g), TENSOR(const X, y), const long rows,
                                   const long n, const long inner) {
    LANE_ROOM(room);
    const long row = TASK;
    if (NO_TASK(row, rows)) return;
    const long start = ROW_START(row);
    REAL sum = 0;
#if LOGARITHM
    EACH_LANE(i, n) sum += LOAD(g, PLACE(i));
    const T s = (T)SUM_LANES(room, sum);
    EACH_LANE(i, n) STORE(gx, PLACE(i), LOAD(g, PLACE(i)) - exp(LOAD(y, PLACE(i))) * s);
#else
    EACH_LANE(i, n) sum += (REAL)LOAD(g, PLACE(i)) * (REAL)LOAD(y, PLACE(i));
    const T s = (T)SUM_LANES(room, sum);
    EACH_LANE(i, n) STORE(gx, PLACE(i), LOAD(y, PLACE(i)) * (LOAD(g, PLACE(i)) - s));
#endif
}
#endif
