/* Convolution kernels of both types, with the vectors and the number of registers of the instruction set. */
#include "cpu/kernels_conv.h"
#include "cpu/vector.h"
#include <string.h>

/* Sums of products may use the fused instruction here: nobody compares their last bits with another device's.
 */
#if defined(__clang__)
#pragma clang fp contract(fast)
#else
#pragma GCC optimize("fp-contract=fast")
#endif

/* ROWS x CONV_WIDE sums and a few operands stay in registers. */
#define ROWS (REGISTERS / 4)

/* Calls f(rows, width, ...) with constants in place of both. */
#define CASE_WIDTH(f, n, ...)                                                                                \
    if (width == 3) f(n, 3, __VA_ARGS__);                                                                    \
    if (width == 2) f(n, 2, __VA_ARGS__);                                                                    \
    if (width == 1) f(n, 1, __VA_ARGS__);                                                                    \
    break
#define DISPATCH(f, ...)                                                                                     \
    switch (rows) {                                                                                          \
    case ROWS:                                                                                               \
        CASE_WIDTH(f, ROWS, __VA_ARGS__);                                                                    \
    case ROWS / 2:                                                                                           \
        CASE_WIDTH(f, ROWS / 2, __VA_ARGS__);                                                                \
    case ROWS / 4:                                                                                           \
        CASE_WIDTH(f, ROWS / 4, __VA_ARGS__);                                                                \
    default:                                                                                                 \
        CASE_WIDTH(f, 1, __VA_ARGS__);                                                                       \
    }

/* A loop over a part of a block: only unrolled are its sums registers from the start. */
#if defined(__clang__)
#define EACH(i, n) _Pragma("unroll") for (int i = 0; i < (n); i++)
#else
#define EACH(i, n) _Pragma("GCC unroll 8") for (int i = 0; i < (n); i++)
#endif
#define ALWAYS_INLINE static inline __attribute__((always_inline))

#define T     float
#define FN(f) f##_f32
typedef float VectorF32 __attribute__((vector_size(VECTOR), aligned(4), may_alias));
#define V VectorF32
#include "cpu/conv_type.h"
#undef T
#undef FN
#undef V

#define T     double
#define FN(f) f##_f64
typedef double VectorF64 __attribute__((vector_size(VECTOR), aligned(8), may_alias));
#define V VectorF64
#include "cpu/conv_type.h"

#define KERNELS(tag)                                                                                         \
    { lanes_##tag, ROWS, fill_##tag, block_##tag, put_##tag, outer_##tag, transpose_##tag, dot_##tag }
const ConvTable ISA_NAME(conv_kernels) = {.type = {KERNELS(f32), KERNELS(f64)}};
