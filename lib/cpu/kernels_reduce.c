/* Reduction kernels, generated from ops/reduce.def for each element type; compiled once an instruction set.
 * The accumulators lie side by side in memory and every inner loop runs over them, so that plain loops become
 * vector code without reordering any sum by compiler flags: a row of n elements is taken as n / LANES rows of
 * LANES columns. Sums of f32 run in double, plain ones after sums of four elements in f32. */
#include "cpu/kernels_reduce.h"
#include "cpu/isa.h"
#include <math.h>
#include "cpu/vecmath.h"
#include <tgmath.h>

enum {
    LANES = 64,           /* accumulators of one long row */
    FEW_LANES = 16,       /* and of a short one, */
    LONG_ROW = 512,       /* which has fewer elements than this */
    VERY_LONG_ROW = 4096, /* comes from main memory, whose lines few lanes read in order */
    NARROW = 32,          /* columns below which several rows are taken side by side */
    SEARCH_RUN = 256      /* elements looked at together in the search for an extreme's position */
};

#define JOIN_(a, b) a##_##b
#define JOIN(a, b)  JOIN_(a, b)
#define RESULT      WIDE_OR_SRC
#define COUNT       int64_t
#define FLAG        uint8_t

#define SRC         float
#define WIDE        double
#define WIDE_OR_SRC float
#define TAG         f32
#define FLOATING    1
#define LOWEST      (-INFINITY)
#define HIGHEST     INFINITY
#include "cpu/reduce_type.h"

#define SRC         double
#define WIDE        double
#define WIDE_OR_SRC double
#define TAG         f64
#define FLOATING    1
#define LOWEST      (-(double)INFINITY)
#define HIGHEST     ((double)INFINITY)
#include "cpu/reduce_type.h"

#define SRC         int64_t
#define WIDE        uint64_t /* wraps, as the result does */
#define WIDE_OR_SRC int64_t
#define TAG         i64
#define FLOATING    0
#define LOWEST      INT64_MIN
#define HIGHEST     INT64_MAX
#include "cpu/reduce_type.h"

#define SRC         int32_t
#define WIDE        uint64_t /* wraps, as the result does */
#define WIDE_OR_SRC int64_t
#define TAG         i32
#define FLOATING    0
#define LOWEST      INT32_MIN
#define HIGHEST     INT32_MAX
#include "cpu/reduce_type.h"

#define SRC         uint8_t
#define WIDE        uint64_t /* wraps, as the result does */
#define WIDE_OR_SRC int64_t
#define TAG         u8
#define FLOATING    0
#define LOWEST      0
#define HIGHEST     UINT8_MAX
#include "cpu/reduce_type.h"

#define ENTRY(name, tag)                                                                                     \
    {                                                                                                        \
        start_##name##_##tag, cols_##name##_##tag, rows_##name##_##tag, merge_##name##_##tag,                \
            finish_##name##_##tag                                                                            \
    }
#define PAIR(name, tag)                                                                                      \
    { rows_##name##_##tag, cols_##name##_##tag, merge_##name##_##tag }

const ReduceKernels ISA_NAME(reduce_kernels) = {
    .reduce =
        {
#define REDUCE(name, ...)                                                                                    \
    [REDUCE_##                                                                                               \
        name] = {ENTRY(name, f32), ENTRY(name, f64), ENTRY(name, i64), ENTRY(name, i32), ENTRY(name, u8)},
#define REDUCE_FLOAT(name, ...) [REDUCE_##name] = {ENTRY(name, f32), ENTRY(name, f64)},
#include "ops/reduce.def"
        },
    .extreme =
        {
            {PAIR(largest, f32), PAIR(largest, f64), PAIR(largest, i64), PAIR(largest, i32),
             PAIR(largest, u8)},
            {PAIR(smallest, f32), PAIR(smallest, f64), PAIR(smallest, i64), PAIR(smallest, i32),
             PAIR(smallest, u8)},
        },
    .aminmax = {PAIR(aminmax, f32), PAIR(aminmax, f64), PAIR(aminmax, i64), PAIR(aminmax, i32),
                PAIR(aminmax, u8)},
    .scan =
        {
            {scan_sum_f32, scan_sum_f64, scan_sum_i64, scan_sum_i32, scan_sum_u8},
            {scan_prod_f32, scan_prod_f64, scan_prod_i64, scan_prod_i32, scan_prod_u8},
            {scan_logsumexp_f32, scan_logsumexp_f64},
        },
    .extreme_scan =
        {
            {scan_largest_f32, scan_largest_f64, scan_largest_i64, scan_largest_i32, scan_largest_u8},
            {scan_smallest_f32, scan_smallest_f64, scan_smallest_i64, scan_smallest_i32, scan_smallest_u8},
        },
};
