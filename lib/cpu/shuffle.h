/* Registers as vectors of elements, and the shuffle that transposes and sums need. */
#ifndef APSIS_CPU_SHUFFLE_H
#define APSIS_CPU_SHUFFLE_H

#include "cpu/vector.h"
#include <stdint.h>

/* A register of elements, anywhere in memory. */
typedef float VectorF32 __attribute__((vector_size(VECTOR), aligned(4), may_alias));
typedef double VectorF64 __attribute__((vector_size(VECTOR), aligned(8), may_alias));
typedef int32_t IndexF32 __attribute__((vector_size(VECTOR)));
typedef int64_t IndexF64 __attribute__((vector_size(VECTOR)));

#ifdef __clang__
#define SHUFFLE(a, b, index, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, index, ...) __builtin_shuffle(a, b, (index){__VA_ARGS__})
#endif

/* The lower, or upper, halves of two vectors, element by element in turn. */
#if VECTOR == 64
#define LOW_F32(i)  0 + i, 16 + i, 1 + i, 17 + i, 2 + i, 18 + i, 3 + i, 19 + i
#define HALF_F32(i) LOW_F32(i), LOW_F32(i + 4)
#define HALF_F64(i) 0 + i, 8 + i, 1 + i, 9 + i, 2 + i, 10 + i, 3 + i, 11 + i
#elif VECTOR == 32
#define HALF_F32(i) 0 + i, 8 + i, 1 + i, 9 + i, 2 + i, 10 + i, 3 + i, 11 + i
#define HALF_F64(i) 0 + i, 4 + i, 1 + i, 5 + i
#else
#define HALF_F32(i) 0 + i, 4 + i, 1 + i, 5 + i
#define HALF_F64(i) 0 + i, 2 + i
#endif
#define ZIP_LOW_F32(a, b)  SHUFFLE(a, b, IndexF32, HALF_F32(0))
#define ZIP_HIGH_F32(a, b) SHUFFLE(a, b, IndexF32, HALF_F32(VECTOR / 8))
#define ZIP_LOW_F64(a, b)  SHUFFLE(a, b, IndexF64, HALF_F64(0))
#define ZIP_HIGH_F64(a, b) SHUFFLE(a, b, IndexF64, HALF_F64(VECTOR / 16))

/* As many vectors as one has elements, taken as the rows of a square, become its columns: one perfect shuffle
 * for each bit of that number. */
#define TRANSPOSE(suffix, V, ZIP_LOW, ZIP_HIGH, LANES)                                                       \
    static inline __attribute__((always_inline)) void transpose_##suffix(V v[LANES]) {                       \
        V w[LANES];                                                                                          \
        _Pragma("GCC unroll 16") for (int step = 1; step < (LANES); step *= 2) {                             \
            _Pragma("GCC unroll 16") for (int i = 0; i < (LANES) / 2; i++) {                                 \
                w[2 * i] = ZIP_LOW(v[i], v[i + (LANES) / 2]);                                                \
                w[2 * i + 1] = ZIP_HIGH(v[i], v[i + (LANES) / 2]);                                           \
            }                                                                                                \
            _Pragma("GCC unroll 16") for (int i = 0; i < (LANES); i++) v[i] = w[i];                          \
        }                                                                                                    \
    }
TRANSPOSE(f32, VectorF32, ZIP_LOW_F32, ZIP_HIGH_F32, VECTOR / 4)
TRANSPOSE(f64, VectorF64, ZIP_LOW_F64, ZIP_HIGH_F64, VECTOR / 8)
#undef TRANSPOSE

#endif
