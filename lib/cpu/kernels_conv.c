/* Convolution kernels of both types, with the vectors and the number of registers of the instruction set. */
#include "cpu/kernels_conv.h"
#include "cpu/vector.h"
#include <string.h>
#include "cpu/fused.h"

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
#define EACH(i, n) _Pragma("GCC unroll 16") for (int i = 0; i < (n); i++)
#endif
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Elements of two vectors in turn: the lower halves, the upper halves. */
#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (M){__VA_ARGS__})
#endif
#define LOW2   0, 2
#define HIGH2  1, 3
#define LOW4   0, 4, 1, 5
#define HIGH4  2, 6, 3, 7
#define LOW8   0, 8, 1, 9, 2, 10, 3, 11
#define HIGH8  4, 12, 5, 13, 6, 14, 7, 15
#define LOW16  0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31

#if VECTOR == 64
#define IN_F32(part) part##16
#define IN_F64(part) part##8
#elif VECTOR == 32
#define IN_F32(part) part##8
#define IN_F64(part) part##4
#else
#define IN_F32(part) part##4
#define IN_F64(part) part##2
#endif

typedef float VectorF32 __attribute__((vector_size(VECTOR), aligned(4), may_alias));
typedef int32_t MaskF32 __attribute__((vector_size(VECTOR), aligned(4), may_alias));
typedef double VectorF64 __attribute__((vector_size(VECTOR), aligned(8), may_alias));
typedef int64_t MaskF64 __attribute__((vector_size(VECTOR), aligned(8), may_alias));

#define T        float
#define V        VectorF32
#define M        MaskF32
#define IN(part) IN_F32(part)
#define FN(f)    f##_f32
#include "cpu/conv_type.h"
#undef T
#undef V
#undef M
#undef IN
#undef FN

#define T        double
#define V        VectorF64
#define M        MaskF64
#define IN(part) IN_F64(part)
#define FN(f)    f##_f64
#include "cpu/conv_type.h"

#define KERNELS(tag)                                                                                         \
    {                                                                                                        \
        lanes_##tag, ROWS, fill_##tag, block_##tag, put_##tag, outer_##tag, transpose_##tag, add_##tag,      \
            spread_##tag, dots_##tag                                                                         \
    }
const ConvTable ISA_NAME(conv_kernels) = {.type = {KERNELS(f32), KERNELS(f64)}};
