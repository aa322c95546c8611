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
#define ROW_START(row) (inner == 1 ? (row) * n : (row) / inner * n * inner + (row) % inner)

#ifdef KERNEL_softmax
__kernel GROUPED void softmax(TENSOR(X, y), TENSOR(const X, x), const long rows, const long n,
                              const long inner) {
    LANE_ROOM(room);
    const long row = TASK;
    if (row >= rows) return;
    const long first = ROW_START(row) + LANE * inner, end = ROW_START(row) + n * inner, step = LANES * inner;
    T most = -INFINITY; /* NaN is passed over here: it reaches every result through the sum */
    for (long i = first; i < end; i += step) {
        const T v = LOAD(x, i);
        most = v > most ? v : most;
    }
    most = (T)MAX_LANES(room, (REAL)most);
    REAL sum = 0;
    for (long i = first; i < end; i += step) sum += exp(LOAD(x, i) - most);
    sum = SUM_LANES(room, sum);
#if LOGARITHM
    const T shift = (T)log(sum);
    for (long i = first; i < end; i += step) STORE(y, i, (LOAD(x, i) - most) - shift);
#else
    const T scale = (T)(1 / sum);
    for (long i = first; i < end; i += step) STORE(y, i, exp(LOAD(x, i) - most) * scale);
#endif
}
#endif

#ifdef KERNEL_softmax_grad
/* softmax: gx = y (g - sum(g y)); its logarithm: gx = g - exp(y) sum(g). */
__kernel GROUPED void softmax_grad(TENSOR(X, gx), TENSOR(const X, g), TENSOR(const X, y), const long rows,
                                   const long n, const long inner) {
    LANE_ROOM(room);
    const long row = TASK;
    if (row >= rows) return;
    const long first = ROW_START(row) + LANE * inner, end = ROW_START(row) + n * inner, step = LANES * inner;
    REAL sum = 0;
#if LOGARITHM
    for (long i = first; i < end; i += step) sum += LOAD(g, i);
    const T s = (T)SUM_LANES(room, sum);
    for (long i = first; i < end; i += step) STORE(gx, i, LOAD(g, i) - exp(LOAD(y, i)) * s);
#else
    for (long i = first; i < end; i += step) sum += (REAL)LOAD(g, i) * (REAL)LOAD(y, i);
    const T s = (T)SUM_LANES(room, sum);
    for (long i = first; i < end; i += step) STORE(gx, i, LOAD(y, i) * (LOAD(g, i) - s));
#endif
}
#endif
