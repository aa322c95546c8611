/* Softmax kernels for f32 and f64; compiled once an instruction set. Sums run in double. */
#include "cpu/kernels_softmax.h"
#include "cpu/isa.h"
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include "cpu/vecmath.h"
#include <tgmath.h>

enum {
    TILE = 4096,     /* elements that are worked on together: they fit the first cache */
    SHORT_ROW = 24,  /* up to here rows go side by side, each in a lane */
    TILE_ROWS = 256, /* rows of one tile at most */
    VECTOR = 16      /* elements of the widest vector */
};

static inline int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* exp(d) for d <= 0, NaN for NaN, and 0 where the result would not be normal: at most 1 ulp off, and written
 * out here, as a call of the vector library for every vector costs more than the arithmetic. d is k ln 2 + r
 * with a whole k, which the addition of SHIFT leaves in the last bits of the sum; exp(r) is a Chebyshev fit
 * on |r| <= ln(2) / 2. ln 2 is taken away in two parts, the first so short that its product with k is exact.
 */
#ifdef __FMA__
#define MULTIPLY_ADD(a, b, c) fma(a, b, c)
#else
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif

static inline __attribute__((always_inline)) float exp_below_f32(float d) {
    const float least = -87.3f, shift = 0x1.8p23f;
    const float x = d < least ? least : d;
    const float shifted = MULTIPLY_ADD(x, 1.44269504f, shift), k = shifted - shift;
    const float r = MULTIPLY_ADD(k, 2.12194440e-4f, MULTIPLY_ADD(k, -0.693359375f, x));
    float p = MULTIPLY_ADD(r, 1.3926213e-3f, 8.3632030e-3f);
    p = MULTIPLY_ADD(p, r, 4.1666554e-2f);
    p = MULTIPLY_ADD(p, r, 1.6666577e-1f);
    p = MULTIPLY_ADD(p, r, 0.5f);
    p = MULTIPLY_ADD(p * r, r, r) + 1;
    uint32_t bits;
    float power;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 23) + (127u << 23);
    memcpy(&power, &bits, sizeof power);
    return d < least ? 0 : p * power;
}

static inline __attribute__((always_inline)) double exp_below_f64(double d) {
    const double least = -708.3, shift = 0x1.8p52;
    const double x = d < least ? least : d;
    const double shifted = MULTIPLY_ADD(x, 1.4426950408889634, shift), k = shifted - shift;
    const double r = MULTIPLY_ADD(k, -0x1.a39ef35793c76p-33, MULTIPLY_ADD(k, -0x1.62e42feep-1, x));
    double p = MULTIPLY_ADD(r, 2.5100424157005067e-8, 2.7620138719733996e-7);
    p = MULTIPLY_ADD(p, r, 2.7557268378684193e-6);
    p = MULTIPLY_ADD(p, r, 2.4801521190217728e-5);
    p = MULTIPLY_ADD(p, r, 1.9841269863105969e-4);
    p = MULTIPLY_ADD(p, r, 1.3888888917281793e-3);
    p = MULTIPLY_ADD(p, r, 8.3333333333300513e-3);
    p = MULTIPLY_ADD(p, r, 4.1666666666623992e-2);
    p = MULTIPLY_ADD(p, r, 1.6666666666666667e-1);
    p = MULTIPLY_ADD(p, r, 5.0000000000000010e-1);
    p = MULTIPLY_ADD(p * r, r, r) + 1;
    uint64_t bits;
    double power;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 52) + (1023ull << 52);
    memcpy(&power, &bits, sizeof power);
    return d < least ? 0 : p * power;
}

#define T     float
#define FN(f) f##_f32
#include "cpu/softmax_type.h"
#undef T
#undef FN

#define T     double
#define FN(f) f##_f64
#include "cpu/softmax_type.h"

extern const SoftmaxKernels ISA_NAME(softmax_kernels);
const SoftmaxKernels ISA_NAME(softmax_kernels) = {
    .f32 = {rows_f32, columns_f32, grad_rows_f32, grad_columns_f32},
    .f64 = {rows_f64, columns_f64, grad_rows_f64, grad_columns_f64},
};
