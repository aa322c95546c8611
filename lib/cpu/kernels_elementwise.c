/* The CPU side of the op table: every expression of elementwise.def becomes a plain loop a compute type. */
#include "cpu/kernels_elementwise.h"
#include <math.h>
#include "cpu/vecmath.h"
#include <tgmath.h>

#define PARAMETERS                                                                                           \
    const T p = PARAMETER(ps[0]), q = PARAMETER(ps[1]);                                                      \
    (void)p, (void)q
#define K(c) ((T)(c))

/* The type that a rule's loop writes. */
#define RESULT_FLOATING   T
#define RESULT_NUMERIC    T
#define RESULT_ARITHMETIC T
#define RESULT_PREDICATE  uint8_t
#define RESULT_BITWISE    T

#define UNARY_LOOP(name, rule, expression)                                                                   \
    static void FN(name##_loop)(int64_t n, void *yp, const void *const *ops, const double *ps) {             \
        RESULT_##rule *restrict y = yp;                                                                      \
        const T *restrict in = ops[0];                                                                       \
        PARAMETERS;                                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            const T x = in[i];                                                                               \
            (void)x;                                                                                         \
            y[i] = (RESULT_##rule)(expression);                                                              \
        }                                                                                                    \
    }
#define BINARY_LOOP(name, rule, expression)                                                                  \
    static void FN(name##_loop)(int64_t n, void *yp, const void *const *ops, const double *ps) {             \
        RESULT_##rule *restrict y = yp;                                                                      \
        const T *restrict left = ops[0], *restrict right = ops[1];                                           \
        PARAMETERS;                                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            const T a = left[i], b = right[i];                                                               \
            y[i] = (RESULT_##rule)(expression);                                                              \
        }                                                                                                    \
    }
#define TERNARY_LOOP(name, rule, expression)                                                                 \
    static void FN(name##_loop)(int64_t n, void *yp, const void *const *ops, const double *ps) {             \
        RESULT_##rule *restrict y = yp;                                                                      \
        const T *restrict first = ops[0], *restrict second = ops[1], *restrict third = ops[2];               \
        PARAMETERS;                                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            const T a = first[i], b = second[i], c = third[i];                                               \
            y[i] = (RESULT_##rule)(expression);                                                              \
        }                                                                                                    \
    }

/* --- floats
 * ------------------------------------------------------------------------------------------------------ */
#define FLOATING_TYPE 1
#define PARAMETER(d)  ((T)(d))
/* A rule without a float expression makes no float loop. */
#define FLOAT_UNARY_FLOATING   UNARY_LOOP
#define FLOAT_UNARY_NUMERIC    UNARY_LOOP
#define FLOAT_UNARY_ARITHMETIC UNARY_LOOP
#define FLOAT_UNARY_PREDICATE  UNARY_LOOP
#define FLOAT_UNARY_BITWISE(...)
#define FLOAT_BINARY_FLOATING   BINARY_LOOP
#define FLOAT_BINARY_ARITHMETIC BINARY_LOOP
#define FLOAT_BINARY_PREDICATE  BINARY_LOOP
#define FLOAT_BINARY_BITWISE(...)
#define FLOAT_TERNARY_FLOATING              TERNARY_LOOP
#define FLOAT_TERNARY_ARITHMETIC            TERNARY_LOOP
#define TERNARY(name, rule, fx, ix, params) FLOAT_TERNARY_##rule(name, rule, fx)
#define UNARY(name, rule, fx, ix, params)   FLOAT_UNARY_##rule(name, rule, fx)
#define BINARY(name, rule, fx, ix, params)  FLOAT_BINARY_##rule(name, rule, fx)

/* In double the quotient of two floats, as long as it is below 2^28, has the right whole part, and its
 * product with b, and the difference, are exact. */
static inline float fmod_of_floats(float a, float b) {
    const double q = (double)a / (double)b;
    if (!(q > -0x1p28 && q < 0x1p28)) return fmodf(a, b);
    const int32_t whole = (int32_t)q;
    return whole == 0 ? a : copysignf((float)((double)a - whole * (double)b), a);
}

#define T        float
#define FN(f)    f##_f32
#define FMOD     fmod_of_floats
#define SPLITTER 4097 /* 2^12 + 1: cuts a float's 24 bits in two halves */
#include "ops/scalar_functions.h"
#include "ops/elementwise.def"
#undef FMOD
#undef T
#undef FN
#undef SPLITTER

#define T        double
#define FN(f)    f##_f64
#define SPLITTER 134217729 /* 2^27 + 1 */
#include "ops/scalar_functions.h"
#include "ops/elementwise.def"
#undef T
#undef FN
#undef SPLITTER

#undef UNARY
#undef BINARY
#undef TERNARY
#undef FLOATING_TYPE
#undef PARAMETER

/* --- integers
 * ------------------------------------------------------------------------------------------------------- */
#define FLOATING_TYPE 0
#define PARAMETER(d)  ((d) >= 9.2e18 ? INT64_MAX : (d) <= -9.2e18 ? INT64_MIN : (T)(d))
#define INT_UNARY_FLOATING(...)
#define INT_UNARY_NUMERIC    UNARY_LOOP
#define INT_UNARY_ARITHMETIC UNARY_LOOP
#define INT_UNARY_PREDICATE  UNARY_LOOP
#define INT_UNARY_BITWISE    UNARY_LOOP
#define INT_BINARY_FLOATING(...)
#define INT_BINARY_ARITHMETIC BINARY_LOOP
#define INT_BINARY_PREDICATE  BINARY_LOOP
#define INT_BINARY_BITWISE    BINARY_LOOP
#define INT_TERNARY_FLOATING(...)
#define INT_TERNARY_ARITHMETIC              TERNARY_LOOP
#define TERNARY(name, rule, fx, ix, params) INT_TERNARY_##rule(name, rule, ix)
#define UNARY(name, rule, fx, ix, params)   INT_UNARY_##rule(name, rule, ix)
#define BINARY(name, rule, fx, ix, params)  INT_BINARY_##rule(name, rule, ix)

#define T     int64_t
#define FN(f) f##_i64
#include "ops/scalar_functions.h"
#include "ops/elementwise.def"
#undef T
#undef FN
#undef UNARY
#undef BINARY
#undef TERNARY

/* --- loads and stores
 * -------------------------------------------------------------------------------------------------- */
#define SAME(x)    (x)
#define NONZERO(x) ((x) != 0)
#define TO_F16(x)  f32_to_f16((float)(x))
#define TO_BF16(x) f32_to_bf16((float)(x))

#define LOAD_STORE(dtype, type, from, to, compute, ctype)                                                    \
    static void load_##dtype##_##compute(int64_t n, void *dst, const void *src, int64_t stride) {            \
        ctype *restrict d = dst;                                                                             \
        const type *restrict s = src;                                                                        \
        if (stride == 1)                                                                                     \
            for (int64_t i = 0; i < n; i++) d[i] = (ctype)from(s[i]);                                        \
        else if (stride == 0)                                                                                \
            for (int64_t i = 0; i < n; i++) d[i] = (ctype)from(*s);                                          \
        else                                                                                                 \
            for (int64_t i = 0; i < n; i++) d[i] = (ctype)from(s[i * stride]);                               \
    }                                                                                                        \
    static void store_##dtype##_##compute(int64_t n, void *dst, int64_t stride, const void *src) {           \
        type *restrict d = dst;                                                                              \
        const ctype *restrict s = src;                                                                       \
        if (stride == 1)                                                                                     \
            for (int64_t i = 0; i < n; i++) d[i] = (type)to(s[i]);                                           \
        else                                                                                                 \
            for (int64_t i = 0; i < n; i++) d[i * stride] = (type)to(s[i]);                                  \
    }
#define LOAD_STORE_DTYPES(compute, ctype, narrow)                                                            \
    LOAD_STORE(F32, float, SAME, SAME, compute, ctype)                                                       \
    LOAD_STORE(F64, double, SAME, SAME, compute, ctype)                                                      \
    LOAD_STORE(F16, uint16_t, f16_to_f32, TO_F16, compute, ctype)                                            \
    LOAD_STORE(BF16, uint16_t, bf16_to_f32, TO_BF16, compute, ctype)                                         \
    LOAD_STORE(I8, int8_t, SAME, narrow, compute, ctype)                                                     \
    LOAD_STORE(U8, uint8_t, SAME, narrow, compute, ctype)                                                    \
    LOAD_STORE(I16, int16_t, SAME, narrow, compute, ctype)                                                   \
    LOAD_STORE(I32, int32_t, SAME, narrow, compute, ctype)                                                   \
    LOAD_STORE(I64, int64_t, SAME, narrow, compute, ctype)                                                   \
    LOAD_STORE(BOOL, uint8_t, SAME, NONZERO, compute, ctype)
/* A float outside int64 (or NaN) becomes the least integer, as the hardware does; narrower ones wrap from
 * there. */
#define FLOAT_TO_INT(x) ((x) >= -0x1p63f && (x) < 0x1p63f ? (int64_t)(x) : INT64_MIN)
LOAD_STORE_DTYPES(f32, float, FLOAT_TO_INT)
LOAD_STORE_DTYPES(f64, double, FLOAT_TO_INT)
LOAD_STORE_DTYPES(i64, int64_t, SAME)

/* Whole vectors, each row over the end of the one before it. */
#define SPREAD(compute, ctype)                                                                               \
    static void spread_##compute(int64_t rows, void *dst, int64_t n, const void *src, int64_t stride) {      \
        typedef ctype Vector __attribute__((vector_size(SPREAD_ROOM), aligned(sizeof(ctype))));              \
        ctype *restrict d = dst;                                                                             \
        const ctype *restrict s = src;                                                                       \
        enum { LANES = SPREAD_ROOM / sizeof(ctype) };                                                        \
        for (int64_t r = 0; r < rows; r++, d += n) {                                                         \
            const Vector value = s[r * stride] - (Vector){0};                                                \
            for (int64_t i = 0; i < n; i += LANES) *(Vector *)(d + i) = value;                               \
        }                                                                                                    \
    }
SPREAD(f32, float)
SPREAD(f64, double)
SPREAD(i64, int64_t)

/* --- the table
 * -----------------------------------------------------------------------------------------------------------
 */
#define TABLE_FLOATING(name)                                                                                 \
    { name##_loop_f32, name##_loop_f64, 0 }
#define TABLE_NUMERIC(name)                                                                                  \
    { name##_loop_f32, name##_loop_f64, name##_loop_i64 }
#define TABLE_ARITHMETIC(name) TABLE_NUMERIC(name)
#define TABLE_PREDICATE(name)  TABLE_NUMERIC(name)
#define TABLE_BITWISE(name)                                                                                  \
    { 0, 0, name##_loop_i64 }
#define UNARY(name, rule, fx, ix, params)   [EW_##name] = TABLE_##rule(name),
#define BINARY(name, rule, fx, ix, params)  [EW_##name] = TABLE_##rule(name),
#define TERNARY(name, rule, fx, ix, params) [EW_##name] = TABLE_##rule(name),
#define EACH(prefix, dtype)                 [dtype] = {prefix##_##dtype##_f32, prefix##_##dtype##_f64, prefix##_##dtype##_i64}
#define EACH_DTYPE(prefix)                                                                                   \
    EACH (prefix, F32)                                                                                       \
    , EACH (prefix, F64), EACH (prefix, F16), EACH (prefix, BF16), EACH (prefix, I8), EACH (prefix, U8),     \
        EACH (prefix, I16), EACH (prefix, I32), EACH (prefix, I64), EACH (prefix, BOOL)

const struct ElementwiseKernels ISA_NAME(elementwise_kernels) = {
    .op =
        {
#include "ops/elementwise.def"
        },
    .load = {EACH_DTYPE(load)},
    .store = {EACH_DTYPE(store)},
    .spread = {spread_f32, spread_f64, spread_i64},
};
