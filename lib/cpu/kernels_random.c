/* Random blocks and what is made of them: the loops around core/random_functions.h. */
#include "cpu/kernels_random.h"
#include "cpu/isa.h"
#include "core/random_words.h"
#ifdef __AVX2__
#include <immintrin.h>
#endif

#if defined(__AVX2__)
/* Blocks side by side, each word in the lower half of a 64-bit lane: the multiplication reads lower halves
 * only, so the upper ones may hold anything. Compilers do not find this from the plain loop. */
#if defined(__AVX512F__)
typedef dword lanes __attribute__((vector_size(64)));
#define MULTIPLY(a, b)  ((lanes)_mm512_mul_epu32((__m512i)(a), (__m512i)(b)))
#define ZIP_LOWER(a, b) __builtin_shuffle(a, b, (lanes){0, 8, 1, 9, 2, 10, 3, 11})
#define ZIP_UPPER(a, b) __builtin_shuffle(a, b, (lanes){4, 12, 5, 13, 6, 14, 7, 15})
#else
typedef dword lanes __attribute__((vector_size(32)));
#define MULTIPLY(a, b)  ((lanes)_mm256_mul_epu32((__m256i)(a), (__m256i)(b)))
#define ZIP_LOWER(a, b) __builtin_shuffle(a, b, (lanes){0, 4, 1, 5})
#define ZIP_UPPER(a, b) __builtin_shuffle(a, b, (lanes){2, 6, 3, 7})
#endif
enum { LANES = sizeof(lanes) / sizeof(dword), UNROLL = 2 }; /* LANES * UNROLL divides RANDOM_BLOCK_GROUP */

static void words(uint32_t *restrict w, int64_t blocks, uint64_t seed, uint64_t counter, uint64_t stream) {
    lanes zero = {0}, number;
    for (int j = 0; j < LANES; j++) number[j] = (dword)j;
    for (int64_t i = 0; i < blocks; i += LANES * UNROLL) {
        lanes x0[UNROLL], x1[UNROLL], x2[UNROLL], x3[UNROLL];
        word k0 = (word)seed, k1 = (word)(seed >> 32);
        for (int u = 0; u < UNROLL; u++) {
            x0[u] = number + (counter + (dword)(i + u * LANES));
            x1[u] = x0[u] >> 32;
            x2[u] = zero + stream;
            x3[u] = zero + (stream >> 32);
        }
#pragma GCC unroll 10
        for (int round = 0; round < 10; round++) {
            for (int u = 0; u < UNROLL; u++) {
                lanes a = MULTIPLY(x0[u], zero + PHILOX_M0), b = MULTIPLY(x2[u], zero + PHILOX_M1);
                x0[u] = b >> 32 ^ x1[u] ^ k0;
                x1[u] = b;
                x2[u] = a >> 32 ^ x3[u] ^ k1;
                x3[u] = a;
            }
            k0 += PHILOX_K0;
            k1 += PHILOX_K1;
        }
        for (int u = 0; u < UNROLL; u++) {
            lanes a = (x0[u] & 0xffffffffu) | x1[u] << 32, b = (x2[u] & 0xffffffffu) | x3[u] << 32;
            lanes block[2] = {ZIP_LOWER(a, b), ZIP_UPPER(a, b)};
            __builtin_memcpy(w + 4 * (i + u * LANES), block, sizeof block);
        }
    }
}
#else
static void words(uint32_t *restrict w, int64_t blocks, uint64_t seed, uint64_t counter, uint64_t stream) {
    for (int64_t i = 0; i < blocks; i++) {
        uint64_t at = counter + (uint64_t)i;
        word x[4] = {(word)at, (word)(at >> 32), (word)stream, (word)(stream >> 32)};
        philox_rounds(x, (word)seed, (word)(seed >> 32));
        for (int k = 0; k < 4; k++) w[4 * i + k] = x[k];
    }
}
#endif

/* A kernel over n elements whose words are w[i] (WORDS 1) or w[2 i], w[2 i + 1]. */
#define EACH(name, Y, X, LOCALS, ...)                                                                        \
    static void name(void *out, const void *in, const uint32_t *restrict w, int64_t n,                       \
                     const RandomParams *p) {                                                                \
        Y *restrict y = out;                                                                                 \
        const X *restrict x = in;                                                                            \
        (void)x;                                                                                             \
        LOCALS;                                                                                              \
        for (int64_t i = 0; i < n; i++) y[i] = (__VA_ARGS__);                                                \
    }
#define AND       ,
#define MIN(v, w) ((v) < (w) ? (v) : (w))

EACH (uniform_1, float, float,
      float a = (float)p->a AND b = (float)p->b AND top = (float)p->top AND scale = (float)ldexp(1, p->drop -
                                                                                                        32);
      int drop = p->drop, MIN(a + uniform_f32(w[i], drop, scale) * b, top))
    EACH (uniform_2, double, double, double a = p->a AND b = p->b AND top = p->top,
          MIN(a + uniform_f64(w[2 * i], w[2 * i + 1]) * b, top))
        EACH (exponential_1, float, float, float a = (float)p->a, exponential_f32(w[i]) * a)
            EACH (exponential_2, double, double, double a = p->a, exponential_f64(w[2 * i], w[2 * i + 1]) * a)
                EACH (bernoulli_1, uint8_t, float, (void)p, uniform_f32(w[i], 8, 0x1p-24f) < x[i])
                    EACH (bernoulli_2, uint8_t, double, (void)p, uniform_f64(w[2 * i], w[2 * i + 1]) < x[i])
                        EACH (dropout_1, float, float, uint64_t threshold = p->threshold;
                              float b = (float)p->b, x[i] * (w[i] < threshold ? 0 : b))
                            EACH (dropout_2, double, double, uint64_t threshold = p->threshold;
                                  double b = p->b, x[i] * (w[i] < threshold ? 0 : b))
                                EACH (event, uint8_t, uint8_t, uint64_t threshold = p->threshold,
                                      w[i] < threshold)
                                    EACH (small, uint64_t, uint64_t, uint64_t low = p->low;
                                          word range = (word)p->range, low + below_small(w[i], range))
                                        EACH (large, uint64_t, uint64_t,
                                              uint64_t low = p->low AND range = p->range,
                                              low + below_large(w[2 * i], w[2 * i + 1], range))

                                            static void normal_1(void *out, const void *in,
                                                                 const uint32_t *restrict w, int64_t n,
                                                                 const RandomParams *p) {
                                                float *restrict y = out, a = (float)p->a, b = (float)p->b;
                                                (void)in;
                                                for (int64_t i = 0; i < (n + 1) / 2; i++) {
                                                    float first, second;
                                                    normal_f32(w[2 * i], w[2 * i + 1], &first, &second);
                                                    y[2 * i] = a + first * b;
                                                    y[2 * i + 1] = a + second * b;
                                                }
                                            }

static void normal_2(void *out, const void *in, const uint32_t *restrict w, int64_t n,
                     const RandomParams *p) {
    double *restrict y = out, a = p->a, b = p->b;
    (void)in;
    for (int64_t i = 0; i < (n + 1) / 2; i++) {
        double first, second;
        normal_f64(w + 4 * i, &first, &second);
        y[2 * i] = a + first * b;
        y[2 * i + 1] = a + second * b;
    }
}

extern const RandomKernels ISA_NAME(random_kernels);
const RandomKernels ISA_NAME(random_kernels) = {
    .words = words,
    .real = {[RANDOM_UNIFORM] = {uniform_1, uniform_2},
             [RANDOM_NORMAL] = {normal_1, normal_2},
             [RANDOM_EXPONENTIAL] = {exponential_1, exponential_2},
             [RANDOM_BERNOULLI] = {bernoulli_1, bernoulli_2},
             [RANDOM_DROPOUT] = {dropout_1, dropout_2}},
    .whole = {[RANDOM_SMALL] = small, [RANDOM_LARGE] = large, [RANDOM_EVENT] = event},
};
