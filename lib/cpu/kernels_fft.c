/* The Fourier kernels of both types, with the vectors of the instruction set. */
#include "cpu/kernels_fft.h"
#include "cpu/vector.h"
#include <string.h>
#include "cpu/fused.h"

/* A loop over a butterfly: only unrolled are its elements registers from the start. */
#if defined(__clang__)
#define UNROLLED _Pragma("unroll")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif
#define EACH(i, n) UNROLLED for (int i = 0; i < (n); i++)
#define INLINE     static inline __attribute__((always_inline))

/* Elements of two vectors: the lower halves in turn, the upper halves in turn, those at even places, at odd
 * places; of one vector backwards. */
#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (M){__VA_ARGS__})
#endif
#define LOW_2     0, 2
#define HIGH_2    1, 3
#define EVEN_2    0, 2
#define ODD_2     1, 3
#define REVERSE_2 1, 0
#define LOW_4     0, 4, 1, 5
#define HIGH_4    2, 6, 3, 7
#define EVEN_4    0, 2, 4, 6
#define ODD_4     1, 3, 5, 7
#define REVERSE_4 3, 2, 1, 0
#define LOW_8     0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_8    4, 12, 5, 13, 6, 14, 7, 15
#define EVEN_8    0, 2, 4, 6, 8, 10, 12, 14
#define ODD_8     1, 3, 5, 7, 9, 11, 13, 15
#define REVERSE_8 7, 6, 5, 4, 3, 2, 1, 0

/* How an element of the lanes lies in memory: planar, or LANES pairs (their parts swapped). */
enum { PLANAR, PAIRS, SWAPPED };

/* At most 8 lanes: a butterfly across them has that radix, and its elements must fit the registers. */
#define PASTE_(a, b) a##_##b
#define PASTE(a, b)  PASTE_(a, b)
#define IN(part)     PASTE(part, LANES)

#if VECTOR >= 32
#define LANES 8
typedef float VectorF32 __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t MaskF32 __attribute__((vector_size(32), aligned(4), may_alias));
#else
#define LANES 4
typedef float VectorF32 __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t MaskF32 __attribute__((vector_size(16), aligned(4), may_alias));
#endif
#define T     float
#define V     VectorF32
#define M     MaskF32
#define FN(f) f##_f32
#include "cpu/fft_type.h"
#include "cpu/fft_real_type.h"
#undef LANES
#undef T
#undef V
#undef M
#undef FN

#if VECTOR == 64
#define LANES 8
#elif VECTOR == 32
#define LANES 4
#else
#define LANES 2
#endif
typedef double VectorF64 __attribute__((vector_size(VECTOR), aligned(8), may_alias));
typedef int64_t MaskF64 __attribute__((vector_size(VECTOR), aligned(8), may_alias));
#define T     double
#define V     VectorF64
#define M     MaskF64
#define FN(f) f##_f64
#include "cpu/fft_type.h"
#include "cpu/fft_real_type.h"

#define KERNELS(tag)                                                                                         \
    {                                                                                                        \
        lanes_##tag, rows_##tag, columns_##tag, real_rows_##tag, half_rows_##tag, split_##tag,               \
            first_step_##tag, second_step_##tag, multiply_##tag, pairs_##tag, unfold_##tag, fold_##tag,      \
            join_##tag, part_##tag, join_half_##tag, take_##tag, gather_##tag, scatter_##tag                 \
    }
const FftTable ISA_NAME(fft_kernels) = {.type = {KERNELS(f32), KERNELS(f64)}};
