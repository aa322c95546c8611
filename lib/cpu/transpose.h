/* Tiles that turn in registers: TURN(T, n) defines turn_T(y, ys, x, xs), y[i * ys + j] = x[j * xs + i] for i,
 * j < n, where n elements of T fill a vector of TURN_BYTES. The rows of x are exchanged in halves, then in
 * quarters, and so on, until they are its columns. */
#ifndef APSIS_CPU_TRANSPOSE_H
#define APSIS_CPU_TRANSPOSE_H

#include <stdint.h>

#if defined __AVX512F__
enum { TURN_BYTES = 64 };
#define TURN_32(T) TURN(T, 16)
#define TURN_64(T) TURN(T, 8)
#elif defined __AVX2__
enum { TURN_BYTES = 32 };
#define TURN_32(T) TURN(T, 8)
#define TURN_64(T) TURN(T, 4)
#else
enum { TURN_BYTES = 16 };
#define TURN_32(T) TURN(T, 4)
#define TURN_64(T) TURN(T, 2)
#endif

/* Where element e of the lower or upper row of a pair comes from: both rows side by side, halves of d
 * elements exchanged. */
#define TURN_LOW(e, d, n)  ((e) & (d) ? (n) + (e) - (d) : (e))
#define TURN_HIGH(e, d, n) ((e) & (d) ? (n) + (e) : (e) + (d))
#define TURN_MASK_2(F, d)  F(0, d, 2), F(1, d, 2)
#define TURN_MASK_4(F, d)  F(0, d, 4), F(1, d, 4), F(2, d, 4), F(3, d, 4)
#define TURN_MASK_8(F, d)                                                                                    \
    F(0, d, 8), F(1, d, 8), F(2, d, 8), F(3, d, 8), F(4, d, 8), F(5, d, 8), F(6, d, 8), F(7, d, 8)
#define TURN_MASK_16(F, d)                                                                                   \
    F(0, d, 16), F(1, d, 16), F(2, d, 16), F(3, d, 16), F(4, d, 16), F(5, d, 16), F(6, d, 16), F(7, d, 16),  \
        F(8, d, 16), F(9, d, 16), F(10, d, 16), F(11, d, 16), F(12, d, 16), F(13, d, 16), F(14, d, 16),      \
        F(15, d, 16)

#define TURN_EXCHANGE(n, d)                                                                                  \
    if ((d) < (n)) {                                                                                         \
        _Pragma("GCC unroll 16") for (int i = 0; i < (n); i++) {                                             \
            if (i & (d)) continue;                                                                           \
            const Vector low = row[i], high = row[i + (d)];                                                  \
            row[i] = __builtin_shuffle(low, high, (Vector){TURN_MASK_##n(TURN_LOW, (d) % (n))});             \
            row[i + (d)] = __builtin_shuffle(low, high, (Vector){TURN_MASK_##n(TURN_HIGH, (d) % (n))});      \
        }                                                                                                    \
    }

/* T: an unsigned type. */
#define TURN(T, n)                                                                                           \
    static inline __attribute__((always_inline)) void turn_##T(T *y, int64_t ys, const T *x, int64_t xs) {   \
        typedef T Vector __attribute__((vector_size(TURN_BYTES)));                                           \
        typedef T Unaligned __attribute__((vector_size(TURN_BYTES), aligned(sizeof(T)), may_alias));         \
        Vector row[2 * (n)];                                                                                 \
        _Pragma("GCC unroll 16") for (int i = 0; i < (n); i++) row[i] = *(const Unaligned *)(x + i * xs);    \
        TURN_EXCHANGE(n, 8)                                                                                  \
        TURN_EXCHANGE(n, 4)                                                                                  \
        TURN_EXCHANGE(n, 2)                                                                                  \
        TURN_EXCHANGE(n, 1)                                                                                  \
        _Pragma("GCC unroll 16") for (int i = 0; i < (n); i++) * (Unaligned *)(y + i * ys) = row[i];         \
    }

#endif
