/* The reduction and scan kernels of one element type: included by kernels_reduce.c with SRC, WIDE,
 * WIDE_OR_SRC, TAG, FLOATING, LOWEST and HIGHEST defined. No include guard: it is included once a type. */
#if FLOATING
#define IS_NAN(v) ((v) != (v))
#else
#define IS_NAN(v) 0
#endif

/* How four elements x0..x3 go into an accumulator together: one after the other; in a sum, added in their own
 * type before they are widened, NaNs left out or not; in a product, multiplied among themselves; as an
 * extreme, with one look for NaNs at two of them. */
enum JOIN(group, TAG) {
    JOIN(IN_TURN, TAG),
    JOIN(SUM, TAG),
    JOIN(NANSUM, TAG),
    JOIN(PRODUCT, TAG),
    JOIN(LARGEST, TAG),
    JOIN(SMALLEST, TAG)
};
#define GROUP(how) JOIN(how, TAG)
#if FLOATING
#define UNORDERED(x, y) __builtin_isunordered(x, y)
#define NOT_A_NUMBER    NAN
#else
#define UNORDERED(x, y) 0
#define NOT_A_NUMBER    0
#endif
#define NUMBER(x)   (IS_NAN(x) ? (SRC)0 : (x))
#define IS_SUM(how) ((how) == GROUP(SUM) || (how) == GROUP(NANSUM))
#define SUM_OF_FOUR(HOW, x0, x1, x2, x3)                                                                     \
    (HOW == GROUP(SUM) ? (x0 + x1) + (x2 + x3) : (NUMBER(x0) + NUMBER(x1)) + (NUMBER(x2) + NUMBER(x3)))
#define FOUR_STEPS(to, ACC, STEP, HOW)                                                                       \
    if (IS_SUM(HOW)) {                                                                                       \
        to = a + (ACC)SUM_OF_FOUR(HOW, x0, x1, x2, x3);                                                      \
    } else if (HOW == GROUP(PRODUCT)) {                                                                      \
        to = a * (((ACC)x0 * (ACC)x1) * ((ACC)x2 * (ACC)x3));                                                \
    } else if (HOW == GROUP(LARGEST) || HOW == GROUP(SMALLEST)) {                                            \
        const bool up = HOW == GROUP(LARGEST);                                                               \
        const SRC y0 = (up ? x0 > x1 : x0 < x1) ? x0 : x1, y1 = (up ? x2 > x3 : x2 < x3) ? x2 : x3;          \
        const SRC y = (up ? y0 > y1 : y0 < y1) ? y0 : y1;                                                    \
        const ACC best = (up ? y > (SRC)a : y < (SRC)a) ? (ACC)y : a;                                        \
        to = UNORDERED(x0, x1) | UNORDERED(x2, x3) ? (ACC)NOT_A_NUMBER : best;                               \
    } else {                                                                                                 \
        SRC x = x0;                                                                                          \
        a = (ACC)(STEP);                                                                                     \
        x = x1;                                                                                              \
        a = (ACC)(STEP);                                                                                     \
        x = x2;                                                                                              \
        a = (ACC)(STEP);                                                                                     \
        x = x3;                                                                                              \
        to = (ACC)(STEP);                                                                                    \
    }

/* One op: STEP and MERGE see x, a, b, q, p as reduce.def says. HOW: of FOUR_STEPS. */
#define KERNEL(HOW, NAME, ACC, OUT, START, STEP, MERGE, FINISH)                                              \
    static void JOIN(start_##NAME, TAG)(void *acc_, int64_t w) {                                             \
        ACC *acc = acc_;                                                                                     \
        for (int64_t j = 0; j < w; j++) acc[j] = (ACC)START;                                                 \
    }                                                                                                        \
    static void JOIN(merge_##NAME, TAG)(void *acc_, const void *later_, int64_t w) {                         \
        ACC *restrict acc = acc_;                                                                            \
        const ACC *restrict later = later_;                                                                  \
        for (int64_t j = 0; j < w; j++) {                                                                    \
            const ACC a = acc[j], b = later[j];                                                              \
            acc[j] = (ACC)(MERGE);                                                                           \
        }                                                                                                    \
    }                                                                                                        \
    /* Four rows at a time: the accumulators are read and written a quarter as often. */                     \
    static inline __attribute__((always_inline)) void JOIN(step_##NAME, TAG)(                                \
        ACC *restrict acc, const SRC *restrict x0, int64_t rows, int64_t row_stride, int64_t w,              \
        int64_t col_stride, const double *restrict qs, double p) {                                           \
        (void)p;                                                                                             \
        (void)qs;                                                                                            \
        int64_t r = 0;                                                                                       \
        for (; r + 4 <= rows; r += 4) {                                                                      \
            const SRC *restrict y = x0 + r * row_stride;                                                     \
            for (int64_t j = 0; j < w; j++) {                                                                \
                ACC a = acc[j];                                                                              \
                const double q = qs[j];                                                                      \
                (void)q;                                                                                     \
                const SRC x0 = y[j * col_stride], x1 = y[row_stride + j * col_stride],                       \
                          x2 = y[2 * row_stride + j * col_stride], x3 = y[3 * row_stride + j * col_stride];  \
                FOUR_STEPS(acc[j], ACC, STEP, HOW)                                                           \
            }                                                                                                \
        }                                                                                                    \
        for (; r < rows; r++)                                                                                \
            for (int64_t j = 0; j < w; j++) {                                                                \
                const ACC a = acc[j];                                                                        \
                const double q = qs[j];                                                                      \
                (void)q;                                                                                     \
                const SRC x = x0[r * row_stride + j * col_stride];                                           \
                acc[j] = (ACC)(STEP);                                                                        \
            }                                                                                                \
    }                                                                                                        \
    static __attribute__((noinline)) void JOIN(unit_##NAME, TAG)(                                            \
        ACC * acc, const SRC *x, int64_t rows, int64_t row_stride, int64_t w, const double *qs, double p) {  \
        JOIN(step_##NAME, TAG)(acc, x, rows, row_stride, w, 1, qs, p);                                       \
    }                                                                                                        \
    static __attribute__((noinline)) void JOIN(strided_##NAME, TAG)(                                         \
        ACC * acc, const SRC *x, int64_t rows, int64_t row_stride, int64_t w, int64_t col_stride,            \
        const double *qs, double p) {                                                                        \
        JOIN(step_##NAME, TAG)(acc, x, rows, row_stride, w, col_stride, qs, p);                              \
    }                                                                                                        \
    static void JOIN(cols_##NAME, TAG)(void *acc_, const void *x_, int64_t rows, int64_t row_stride,         \
                                       int64_t w, int64_t col_stride, const double *qs, double p) {          \
        ACC *acc = acc_;                                                                                     \
        const SRC *x = x_;                                                                                   \
        int64_t side = w <= NARROW ? LANES / w : 1; /* rows taken side by side */                            \
        if (col_stride == 1 && row_stride == w && rows >= 4 * side && side > 1) {                            \
            ACC lane[LANES];                                                                                 \
            double lane_q[LANES];                                                                            \
            for (int64_t j = 0; j < side * w; j++) lane_q[j] = qs[j % w];                                    \
            JOIN(start_##NAME, TAG)(lane, side * w);                                                         \
            JOIN(unit_##NAME, TAG)(lane, x, rows / side, side * w, side * w, lane_q, p);                     \
            for (int64_t s = 0; s < side; s++) JOIN(merge_##NAME, TAG)(acc, lane + s * w, w);                \
            x += rows / side * side * w;                                                                     \
            rows %= side;                                                                                    \
        }                                                                                                    \
        if (col_stride == 1)                                                                                 \
            JOIN(unit_##NAME, TAG)(acc, x, rows, row_stride, w, qs, p);                                      \
        else                                                                                                 \
            JOIN(strided_##NAME, TAG)(acc, x, rows, row_stride, w, col_stride, qs, p);                       \
    }                                                                                                        \
    /* lane[0..n) takes in the next n; a constant where this is inlined. */                                  \
    static inline __attribute__((always_inline)) void JOIN(join_lanes_##NAME, TAG)(ACC * lane,               \
                                                                                   const int n) {            \
        _Pragma("omp simd") for (int j = 0; j < n; j++) {                                                    \
            const ACC a = lane[j], b = lane[j + n];                                                          \
            lane[j] = (ACC)(MERGE);                                                                          \
        }                                                                                                    \
    }                                                                                                        \
    /* One contiguous row on `lanes` accumulators, a constant where this is inlined. */                      \
    static inline __attribute__((always_inline)) ACC JOIN(row_##NAME, TAG)(                                  \
        const SRC *restrict y, int64_t n, const int lanes, const double q, double p) {                       \
        ACC lane[LANES];                                                                                     \
        int64_t i = 0;                                                                                       \
        (void)q;                                                                                             \
        (void)p;                                                                                             \
        _Pragma("omp simd") for (int j = 0; j < lanes; j++) lane[j] = (ACC)START;                            \
        for (; i + 4 * lanes <= n; i += 4 * lanes) _Pragma("omp simd") for (int j = 0; j < lanes; j++) {     \
                ACC a = lane[j];                                                                             \
                const SRC x0 = y[i + j], x1 = y[i + lanes + j], x2 = y[i + 2 * lanes + j],                   \
                          x3 = y[i + 3 * lanes + j];                                                         \
                FOUR_STEPS(lane[j], ACC, STEP, HOW)                                                          \
            }                                                                                                \
        for (; i + lanes <= n; i += lanes) _Pragma("omp simd") for (int j = 0; j < lanes; j++) {             \
                const ACC a = lane[j];                                                                       \
                const SRC x = y[i + j];                                                                      \
                lane[j] = (ACC)(STEP);                                                                       \
            }                                                                                                \
        for (; lanes > FEW_LANES && i + FEW_LANES <= n; i += FEW_LANES)                                      \
            _Pragma("omp simd") for (int j = 0; j < FEW_LANES; j++) {                                        \
                const ACC a = lane[j];                                                                       \
                const SRC x = y[i + j];                                                                      \
                lane[j] = (ACC)(STEP);                                                                       \
            }                                                                                                \
        /* The rest on its own, so that the lanes stay in registers. */                                      \
        ACC rest = (ACC)START;                                                                               \
        for (; i < n; i++) {                                                                                 \
            const ACC a = rest;                                                                              \
            const SRC x = y[i];                                                                              \
            rest = (ACC)(STEP);                                                                              \
        }                                                                                                    \
        /* With constants for widths the lanes join in registers too. */                                     \
        JOIN(join_lanes_##NAME, TAG)(lane, lanes > 32 ? 32 : 0);                                             \
        JOIN(join_lanes_##NAME, TAG)(lane, lanes > 16 ? 16 : 0);                                             \
        JOIN(join_lanes_##NAME, TAG)(lane, lanes > 8 ? 8 : 0);                                               \
        JOIN(join_lanes_##NAME, TAG)(lane, 4);                                                               \
        JOIN(join_lanes_##NAME, TAG)(lane, 2);                                                               \
        ACC a = lane[0], b = lane[1];                                                                        \
        a = (ACC)(MERGE);                                                                                    \
        b = rest;                                                                                            \
        return (ACC)(MERGE);                                                                                 \
    }                                                                                                        \
    static void JOIN(rows_##NAME, TAG)(void *acc_, const void *x_, int64_t count, int64_t kept_stride,       \
                                       int64_t n, int64_t stride, const double *qs, double p) {              \
        ACC *acc = acc_;                                                                                     \
        for (int64_t k = 0; k < count; k++) {                                                                \
            const SRC *x = (const SRC *)x_ + k * kept_stride;                                                \
            const ACC a = acc[k];                                                                            \
            ACC b;                                                                                           \
            if (stride != 1) {                                                                               \
                ACC lane[FEW_LANES];                                                                         \
                double lane_q[FEW_LANES];                                                                    \
                int64_t full = n / FEW_LANES;                                                                \
                for (int j = 0; j < FEW_LANES; j++) lane_q[j] = qs[k];                                       \
                JOIN(start_##NAME, TAG)(lane, FEW_LANES);                                                    \
                JOIN(strided_##NAME, TAG)(lane, x, full, FEW_LANES * stride, FEW_LANES, stride, lane_q, p);  \
                JOIN(strided_##NAME, TAG)                                                                    \
                (lane, x + full * FEW_LANES * stride, 1, 0, n % FEW_LANES, stride, lane_q, p);               \
                for (int j = 1; j < FEW_LANES; j++) JOIN(merge_##NAME, TAG)(lane, lane + j, 1);              \
                b = lane[0];                                                                                 \
            } else if (HOW == GROUP(PRODUCT)) {                                                              \
                b = JOIN(row_##NAME, TAG)(x, n, FEW_LANES / 2, qs[k], p);                                    \
            } else if (n < LONG_ROW || IS_SUM(HOW) || (HOW != GROUP(IN_TURN) && n >= VERY_LONG_ROW)) {       \
                b = JOIN(row_##NAME, TAG)(x, n, FEW_LANES, qs[k], p);                                        \
            } else {                                                                                         \
                b = JOIN(row_##NAME, TAG)(x, n, LANES, qs[k], p);                                            \
            }                                                                                                \
            acc[k] = (ACC)(MERGE);                                                                           \
        }                                                                                                    \
    }                                                                                                        \
    static void JOIN(finish_##NAME, TAG)(void *out_, int64_t out_stride, const void *acc_, int64_t w,        \
                                         const double *qs, double n, double p) {                             \
        OUT *restrict out = out_;                                                                            \
        const ACC *restrict acc = acc_;                                                                      \
        (void)n;                                                                                             \
        (void)p;                                                                                             \
        for (int64_t j = 0; j < w; j++) {                                                                    \
            const ACC a = acc[j];                                                                            \
            const double q = qs[j];                                                                          \
            (void)q;                                                                                         \
            out[j * out_stride] = (OUT)(FINISH);                                                             \
        }                                                                                                    \
    }
#define SUM_GROUP                  (FLOATING && sizeof(SRC) < sizeof(WIDE) ? GROUP(SUM) : GROUP(IN_TURN))
#define NANSUM_GROUP               (FLOATING && sizeof(SRC) < sizeof(WIDE) ? GROUP(NANSUM) : GROUP(IN_TURN))
#define PRODUCT_GROUP              (sizeof(SRC) < sizeof(WIDE) ? GROUP(PRODUCT) : GROUP(IN_TURN))
#define REDUCE(...)                KERNEL(GROUP(IN_TURN), __VA_ARGS__)
#define REDUCE_NANSUM(NAME, ...)   KERNEL(NANSUM_GROUP, NAME, __VA_ARGS__)
#define REDUCE_PROD(NAME, ...)     KERNEL(PRODUCT_GROUP, NAME, __VA_ARGS__)
#define REDUCE_SUM(NAME, ...)      KERNEL(SUM_GROUP, NAME, __VA_ARGS__)
#define REDUCE_LARGEST(NAME, ...)  KERNEL(GROUP(LARGEST), NAME, __VA_ARGS__)
#define REDUCE_SMALLEST(NAME, ...) KERNEL(GROUP(SMALLEST), NAME, __VA_ARGS__)
#if FLOATING
#define REDUCE_FLOAT(...)     KERNEL(GROUP(IN_TURN), __VA_ARGS__)
#define REDUCE_FLOAT_SUM(...) KERNEL(SUM_GROUP, __VA_ARGS__)
#else
#define REDUCE_FLOAT(...)
#define REDUCE_FLOAT_SUM(...)
#endif
#include "ops/reduce.def"
#undef KERNEL
#undef SUM_GROUP
#undef NANSUM_GROUP
#undef PRODUCT_GROUP

/* --- extremes with their positions: BEATS(x, a) is true where x replaces the earlier a
 * ----------------------------- */
static int64_t JOIN(position, TAG)(const SRC *x, int64_t n, int64_t stride, SRC value) {
    int64_t i = 0;
    if (IS_NAN(value)) {
        while (!IS_NAN(x[i * stride])) i++;
        return i;
    }
    if (stride == 1)
        for (; i + SEARCH_RUN <= n; i += SEARCH_RUN) {
            int found = 0;
            for (int j = 0; j < SEARCH_RUN; j++) found |= x[i + j] == value;
            if (found) break;
        }
    while (x[i * stride] != value) i++;
    return i;
}

#define EXTREME_KERNEL(NAME, REDUCTION, BEATS)                                                               \
    static void JOIN(rows_##NAME, TAG)(void *value_, void *index_, const void *x_, int64_t count,            \
                                       int64_t kept_stride, int64_t n, int64_t stride, int64_t first) {      \
        SRC *value = value_;                                                                                 \
        int64_t *index = index_;                                                                             \
        const double none = 0;                                                                               \
        for (int64_t k = 0; k < count; k++) {                                                                \
            const SRC *x = (const SRC *)x_ + k * kept_stride;                                                \
            value[k] = x[0];                                                                                 \
            JOIN(rows_##REDUCTION, TAG)(value + k, x, 1, 0, n, stride, &none, 0);                            \
            index[k] = first + JOIN(position, TAG)(x, n, stride, value[k]);                                  \
        }                                                                                                    \
    }                                                                                                        \
    static void JOIN(cols_##NAME, TAG)(void *value_, void *index_, const void *x_, int64_t rows,             \
                                       int64_t row_stride, int64_t w, int64_t col_stride, int64_t first) {   \
        SRC *restrict value = value_;                                                                        \
        int64_t *restrict index = index_;                                                                    \
        const SRC *restrict x0 = x_;                                                                         \
        for (int64_t j = 0; j < w; j++) {                                                                    \
            value[j] = x0[j * col_stride];                                                                   \
            index[j] = first;                                                                                \
        }                                                                                                    \
        for (int64_t r = 1; r < rows; r++)                                                                   \
            for (int64_t j = 0; j < w; j++) {                                                                \
                const SRC x = x0[r * row_stride + j * col_stride], a = value[j];                             \
                const int better = BEATS;                                                                    \
                value[j] = better ? x : a;                                                                   \
                index[j] = better ? first + r : index[j];                                                    \
            }                                                                                                \
    }                                                                                                        \
    static void JOIN(merge_##NAME, TAG)(void *value_, void *index_, const void *later_,                      \
                                        const void *later_index_, int64_t w) {                               \
        SRC *value = value_;                                                                                 \
        int64_t *index = index_;                                                                             \
        const int64_t *later_index = later_index_;                                                           \
        const SRC *later = later_;                                                                           \
        for (int64_t j = 0; j < w; j++) {                                                                    \
            const SRC x = later[j], a = value[j];                                                            \
            if (BEATS) {                                                                                     \
                value[j] = x;                                                                                \
                index[j] = later_index[j];                                                                   \
            }                                                                                                \
        }                                                                                                    \
    }
EXTREME_KERNEL(largest, amax, (x > a) | (IS_NAN(x) & !IS_NAN(a)))
EXTREME_KERNEL(smallest, amin, (x < a) | (IS_NAN(x) & !IS_NAN(a)))
#undef EXTREME_KERNEL

#define LESSER(a, x)  (((x) < (a)) | IS_NAN(x) ? (x) : (a))
#define GREATER(a, x) (((x) > (a)) | IS_NAN(x) ? (x) : (a))
/* low[j], high[j] take in x[r * row_stride + j * col_stride] for every r < rows, j < w. */
static inline __attribute__((always_inline)) void
JOIN(range_steps, TAG)(SRC *restrict low, SRC *restrict high, const SRC *restrict x, int64_t rows,
                       int64_t row_stride, int64_t w, int64_t col_stride) {
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * row_stride) _Pragma("omp simd") for (int64_t j = 0; j < w; j++) {
            const SRC *restrict y = x + j * col_stride;
            const SRC x0 = y[0], x1 = y[row_stride], x2 = y[2 * row_stride], x3 = y[3 * row_stride];
            SRC a = low[j];
            FOUR_STEPS(low[j], SRC, LESSER(a, x), GROUP(SMALLEST))
            a = high[j];
            FOUR_STEPS(high[j], SRC, GREATER(a, x), GROUP(LARGEST))
        }
    for (; r < rows; r++, x += row_stride) _Pragma("omp simd") for (int64_t j = 0; j < w; j++) {
            const SRC y = x[j * col_stride];
            low[j] = LESSER(low[j], y);
            high[j] = GREATER(high[j], y);
        }
}

static inline void JOIN(range_start, TAG)(SRC *low, SRC *high, int64_t w) {
    for (int64_t j = 0; j < w; j++) {
        low[j] = HIGHEST;
        high[j] = LOWEST;
    }
}

static void JOIN(cols_aminmax, TAG)(void *low_, void *high_, const void *x_, int64_t rows, int64_t row_stride,
                                    int64_t w, int64_t col_stride, int64_t first) {
    SRC *low = low_, *high = high_;
    (void)first;
    JOIN(range_start, TAG)(low, high, w);
    if (col_stride == 1)
        JOIN(range_steps, TAG)(low, high, x_, rows, row_stride, w, 1);
    else
        JOIN(range_steps, TAG)(low, high, x_, rows, row_stride, w, col_stride);
}

static void JOIN(merge_aminmax, TAG)(void *low_, void *high_, const void *later_low, const void *later_high,
                                     int64_t w) {
    SRC *low = low_, *high = high_;
    const SRC *lower = later_low, *higher = later_high;
    for (int64_t j = 0; j < w; j++) {
        low[j] = LESSER(low[j], lower[j]);
        high[j] = GREATER(high[j], higher[j]);
    }
}

static void JOIN(rows_aminmax, TAG)(void *low_, void *high_, const void *x_, int64_t count,
                                    int64_t kept_stride, int64_t n, int64_t stride, int64_t first) {
    const int64_t full = n / FEW_LANES, rest = n % FEW_LANES;
    (void)first;
    for (int64_t k = 0; k < count; k++) {
        const SRC *x = (const SRC *)x_ + k * kept_stride;
        SRC low[FEW_LANES], high[FEW_LANES];
        JOIN(range_start, TAG)(low, high, FEW_LANES);
        if (stride == 1)
            JOIN(range_steps, TAG)(low, high, x, full, FEW_LANES, FEW_LANES, 1);
        else
            JOIN(range_steps, TAG)(low, high, x, full, FEW_LANES * stride, FEW_LANES, stride);
        JOIN(range_steps, TAG)(low, high, x + full * FEW_LANES * stride, 1, 0, rest, stride);
        for (int j = 1; j < FEW_LANES; j++) JOIN(merge_aminmax, TAG)(low, high, low + j, high + j, 1);
        ((SRC *)low_)[k] = low[0];
        ((SRC *)high_)[k] = high[0];
    }
}
#undef LESSER
#undef GREATER
#undef FOUR_STEPS
#undef UNORDERED
#undef NOT_A_NUMBER
#undef NUMBER
#undef IS_SUM
#undef SUM_OF_FOUR
#undef GROUP

/* --- scans
 * ------------------------------------------------------------------------------------------------------------
 */
/* Columns are taken SCAN_BLOCK at a time, so that the running values stay in the first cache. A single column
 * goes by four rows: their sums among themselves (products, ...) do not wait for those before. That needs a
 * wider accumulator: the order of additions must not decide about overflow. */
#define SCAN_BLOCK 256
#define BY_FOUR    (!FLOATING || sizeof(SRC) < sizeof(WIDE))
#define SCAN_KERNEL(NAME, START, STEP, IN_GROUPS)                                                            \
    static inline WIDE JOIN(join_##NAME, TAG)(WIDE a, WIDE x) {                                              \
        return STEP;                                                                                         \
    }                                                                                                        \
    static void JOIN(scan_column_##NAME, TAG)(WIDE_OR_SRC *restrict y, const SRC *restrict x, int64_t rows,  \
                                              int64_t step) {                                                \
        WIDE a = START;                                                                                      \
        int64_t i = 0, at = step < 0 ? rows - 1 : 0;                                                         \
        for (; (IN_GROUPS) && i + 4 <= rows; i += 4, at += 4 * step) {                                       \
            const WIDE x0 = x[at], x1 = x[at + step], x2 = x[at + 2 * step], x3 = x[at + 3 * step];          \
            const WIDE x01 = JOIN(join_##NAME, TAG)(x0, x1), x23 = JOIN(join_##NAME, TAG)(x2, x3);           \
            y[at] = (WIDE_OR_SRC)JOIN(join_##NAME, TAG)(a, x0);                                              \
            y[at + step] = (WIDE_OR_SRC)JOIN(join_##NAME, TAG)(a, x01);                                      \
            y[at + 2 * step] = (WIDE_OR_SRC)JOIN(join_##NAME, TAG)(a, JOIN(join_##NAME, TAG)(x01, x2));      \
            a = JOIN(join_##NAME, TAG)(a, JOIN(join_##NAME, TAG)(x01, x23));                                 \
            y[at + 3 * step] = (WIDE_OR_SRC)a;                                                               \
        }                                                                                                    \
        for (; i < rows; i++, at += step) {                                                                  \
            a = JOIN(join_##NAME, TAG)(a, (WIDE)x[at]);                                                      \
            y[at] = (WIDE_OR_SRC)a;                                                                          \
        }                                                                                                    \
    }                                                                                                        \
    static void JOIN(scan_##NAME, TAG)(void *y_, const void *x_, int64_t rows, int64_t w, bool reverse) {    \
        if (w == 1) {                                                                                        \
            JOIN(scan_column_##NAME, TAG)(y_, x_, rows, reverse ? -1 : 1);                                   \
            return;                                                                                          \
        }                                                                                                    \
        for (int64_t from = 0; from < w; from += SCAN_BLOCK) {                                               \
            const int64_t block = w - from < SCAN_BLOCK ? w - from : SCAN_BLOCK;                             \
            const SRC *restrict xs = (const SRC *)x_ + from;                                                 \
            WIDE_OR_SRC *restrict ys = (WIDE_OR_SRC *)y_ + from;                                             \
            WIDE acc[SCAN_BLOCK];                                                                            \
            for (int64_t j = 0; j < block; j++) acc[j] = START;                                              \
            for (int64_t i = 0; i < rows; i++) {                                                             \
                const int64_t at = (reverse ? rows - 1 - i : i) * w;                                         \
                for (int64_t j = 0; j < block; j++) {                                                        \
                    acc[j] = JOIN(join_##NAME, TAG)(acc[j], (WIDE)xs[at + j]);                               \
                    ys[at + j] = (WIDE_OR_SRC)acc[j];                                                        \
                }                                                                                            \
            }                                                                                                \
        }                                                                                                    \
    }
SCAN_KERNEL(sum, 0, a + x, BY_FOUR)
SCAN_KERNEL(prod, 1, a *x, BY_FOUR)
#if FLOATING
static inline double JOIN(log_add_exp, TAG)(double a, double x) {
    double high = a > x || IS_NAN(a) ? a : x, low = a > x || IS_NAN(a) ? x : a;
    return high == low && isinf(high) ? high : high + log1p(exp(low - high));
}
SCAN_KERNEL(logsumexp, -(double)INFINITY, JOIN(log_add_exp, TAG)(a, x), 0)
#endif
#undef SCAN_KERNEL
#undef BY_FOUR

/* The latest among equals, and a NaN is followed by later NaNs alone. */
#define EXTREME_SCAN(NAME, START, BEATS)                                                                     \
    static void JOIN(scan_##NAME, TAG)(void *y_, int64_t *index_, const void *x_, int64_t rows, int64_t w) { \
        if (w == 1) {                                                                                        \
            const SRC *restrict xs = x_;                                                                     \
            SRC a = START, *restrict ys = y_;                                                                \
            int64_t last = 1;                                                                                \
            for (int64_t i = 0; i < rows; i++) {                                                             \
                const SRC x = xs[i];                                                                         \
                if (BEATS) {                                                                                 \
                    a = x;                                                                                   \
                    last = i + 1;                                                                            \
                }                                                                                            \
                ys[i] = a;                                                                                   \
                index_[i] = last;                                                                            \
            }                                                                                                \
            return;                                                                                          \
        }                                                                                                    \
        for (int64_t from = 0; from < w; from += SCAN_BLOCK) {                                               \
            const int64_t block = w - from < SCAN_BLOCK ? w - from : SCAN_BLOCK;                             \
            const SRC *restrict xs = (const SRC *)x_ + from;                                                 \
            SRC *restrict ys = (SRC *)y_ + from;                                                             \
            int64_t *restrict index = index_ + from;                                                         \
            SRC acc[SCAN_BLOCK];                                                                             \
            int64_t at[SCAN_BLOCK];                                                                          \
            for (int64_t j = 0; j < block; j++) {                                                            \
                acc[j] = START;                                                                              \
                at[j] = 1;                                                                                   \
            }                                                                                                \
            for (int64_t i = 0; i < rows; i++)                                                               \
                for (int64_t j = 0; j < block; j++) {                                                        \
                    const SRC x = xs[i * w + j], a = acc[j];                                                 \
                    const int better = BEATS;                                                                \
                    ys[i * w + j] = acc[j] = better ? x : a;                                                 \
                    index[i * w + j] = at[j] = better ? i + 1 : at[j];                                       \
                }                                                                                            \
        }                                                                                                    \
    }
EXTREME_SCAN(largest, LOWEST, (x >= a) | IS_NAN(x))
EXTREME_SCAN(smallest, HIGHEST, (x <= a) | IS_NAN(x))
#undef EXTREME_SCAN
#undef SCAN_BLOCK

#undef SRC
#undef WIDE
#undef WIDE_OR_SRC
#undef TAG
#undef FLOATING
#undef LOWEST
#undef HIGHEST
#undef IS_NAN
