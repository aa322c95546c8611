/* Scalar helpers of the op table: plain C that is OpenCL C as well. Included once a type, with T the element
 * type, FN(f) its name for that type, K(c) a constant of it, FLOATING_TYPE 1 or 0. */

#if FLOATING_TYPE
#include "ops/special_functions.h"
#include "ops/bessel_functions.h"
#include "ops/gamma_functions.h"
#include "ops/polynomial_functions.h"

#ifndef FMOD /* a faster fmod of T, where there is one */
#define FMOD fmod
#endif

/* minimum(maximum(x, low), high): nan where one of them is. In four selections, which compilers vectorise. */
static inline T FN(clamp)(T x, T low, T high) {
    const T above = x > low ? x : low, y = x != x ? x : above;
    const T below = y < high ? y : high;
    return y != y ? y : below;
}

/* Python's floor division: the quotient that goes with a remainder of b's sign. */
static inline T FN(floor_divide)(T a, T b) {
    T r = FMOD(a, b), q = (a - r) / b;
    if (b == 0) return a / b;
    if (r != 0 && (b < 0) != (r < 0)) q -= 1;
    if (q == 0) return copysign(K(0), a / b);
    T whole = floor(q);
    return q - whole > K(0.5) ? whole + 1 : whole;
}

static inline T FN(remainder)(T a, T b) {
    T r = FMOD(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/* To a number of decimals, not 0; below 0 to tens, hundreds, ... */
static inline T FN(round_at)(T x, T decimals) {
    const T scale = pow(K(10), fabs(decimals));
    return decimals > 0 ? rint(x * scale) / scale : rint(x / scale) * scale;
}

/* logit of x limited to [eps, 1 - eps]. */
static inline T FN(logit_inside)(T x, T eps) {
    const T z = x < eps ? eps : x > 1 - eps ? 1 - eps : x;
    return log(z / (1 - z));
}

static inline T FN(silu_grad)(T g, T x) {
    T s = 1 / (1 + exp(-x));
    return g * s * (1 + x * (1 - s));
}

/* d/dx x * Phi(x) = Phi(x) + x * phi(x) */
static inline T FN(gelu_grad)(T g, T x) {
    T distribution = K(0.5) * (1 + erf(x * K(0.70710678118654752440)));
    T density = K(0.39894228040143267794) * exp(K(-0.5) * x * x);
    return g * (distribution + x * density);
}

static inline T FN(gelu_tanh_grad)(T g, T x) {
    T t = tanh(K(0.79788456080286535588) * (x + K(0.044715) * x * x * x));
    T inner = K(0.79788456080286535588) * (1 + K(3) * K(0.044715) * x * x);
    return g * K(0.5) * (1 + t + x * (1 - t * t) * inner);
}

/* x = mantissa * 2^exponent with the mantissa's magnitude in [1/2, 1). */
static inline T FN(frexp_mantissa)(T x) {
    int exponent;
    return frexp(x, &exponent);
}
static inline T FN(frexp_exponent)(T x) {
    int exponent = 0;
    if (fabs(x) < INFINITY) (void)frexp(x, &exponent);
    return exponent;
}

/* a * 2^b: exactly for a whole b, and without overflow on the way. */
static inline T FN(ldexp)(T a, T b) {
    return b == rint(b) && fabs(b) < 5000 ? ldexp(a, (int)b) : a * exp2(b);
}

#else

static inline T FN(clamp)(T x, T low, T high) {
    const T y = x > low ? x : low;
    return y < high ? y : high;
}

/* Division by zero is refused before the kernel runs; -1 is apart because the least integer has no negative.
 */
static inline T FN(floor_divide)(T a, T b) {
    if (b == 0) return 0;
    if (b == -1) return -a;
    T q = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

static inline T FN(trunc_divide)(T a, T b) {
    return b == 0 ? 0 : b == -1 ? -a : a / b;
}

static inline T FN(remainder)(T a, T b) {
    if (b == 0 || b == -1) return 0;
    T r = a % b;
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static inline T FN(fmod)(T a, T b) {
    return b == 0 || b == -1 ? 0 : a % b;
}

/* a^b by squaring, modulo 2^64; negative exponents are refused before the kernel runs. */
static inline T FN(pow)(T a, T b) {
    T result = 1;
    for (; b > 0; b >>= 1) {
        if (b & 1) result *= a;
        a *= a;
    }
    return result;
}

static inline T FN(gcd)(T a, T b) {
    while (b != 0) {
        const T rest = b == -1 ? 0 : a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

static inline T FN(lcm)(T a, T b) {
    const T divisor = FN(gcd)(a, b), multiple = divisor == 0 ? 0 : a / divisor * b;
    return multiple < 0 ? -multiple : multiple;
}

/* Tolerances that are no whole numbers compare as floats. */
static inline T FN(isclose)(T a, T b, T rtol, T atol) {
    const T apart = a > b ? a - b : b - a, size = b < 0 ? -b : b;
    return a == b || apart <= atol + rtol * size;
}

/* Bits past either end: zeros from the right, the sign from the left. */
static inline T FN(shift_left)(T a, T b) {
    return b < 0 || b > 63 ? 0 : a << b;
}
static inline T FN(shift_right)(T a, T b) {
    return b < 0 || b > 63 ? -(a < 0) : a >> b;
}

#endif
