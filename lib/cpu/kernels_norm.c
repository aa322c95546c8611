/* Normalisation kernels for f32 and f64; compiled once an instruction set. */
#include "cpu/kernels_norm.h"
#include "cpu/isa.h"
#include <math.h>
#include <stddef.h>

enum {
    BLOCK = 4096,   /* elements that are summed in their own type */
    ROW_BLOCK = 32, /* rows that are */
#if defined __AVX512F__
    LANE_BYTES = 64 /* of a vector */
#elif defined __AVX__
    LANE_BYTES = 32
#else
    LANE_BYTES = 16
#endif
};

#define T     float
#define FN(f) f##_f32
#include "cpu/norm_type.h"
#undef T
#undef FN

#define T     double
#define FN(f) f##_f64
#include "cpu/norm_type.h"

#define KERNELS(tag)                                                                                         \
    {                                                                                                        \
        sum_##tag, distances_##tag, affine_##tag, grad_sums_##tag, grad_affine_##tag, column_sum_##tag,      \
            column_squares_##tag, column_affine_##tag, column_grad_sums_##tag, column_grad_affine_##tag,     \
            rows_##tag, rows_grad_##tag                                                                      \
    }

extern const NormKernels ISA_NAME(norm_kernels);
const NormKernels ISA_NAME(norm_kernels) = {.f32 = KERNELS(f32), .f64 = KERNELS(f64)};
