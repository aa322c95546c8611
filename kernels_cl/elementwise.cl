/* The elementwise ops of lib/ops/elementwise.def, and copies with conversion: one kernel, compiled for
 *   OP                op_ and the op's name in the table, or op_copy
 *   Y, A, B, C        dtypes in memory of the result and the operands (the last one's where there are fewer)
 *   COMPUTE           f32, f64 or i64: what the expression runs in
 *   INPUTS            1, 2 or 3 operands
 *   A_NUMBER, B_NUMBER, C_NUMBER  1: the operand is a number, passed as an argument of the compute type
 *   STRIDED           0: all lie element by element; 1 or 2: positions are worked out from sizes and strides
 *                     of that many dimensions; 3: of any number
 *   WIDE              1: positions need 64 bits (only where STRIDED)
 *   VECTOR            elements a work-item takes, aligned (only where not STRIDED): 16-byte loads on GPUs */
#include "common.h"

#define KIND COMPUTED(COMPUTE)
#define T    KIND
#define K(c) ((T)(c))

/* --- the expressions of the table as functions op_NAME ----------------------------------------------------- */
#define UNARY_FUNCTION(name, expression)                                                                     \
    static inline T name(T x, T b, T c, T p, T q) {                                                     \
        return expression;                                                                                   \
    }
#define BINARY_FUNCTION(name, expression)                                                                    \
    static inline T name(T a, T b, T c, T p, T q) {                                                          \
        return expression;                                                                                   \
    }
#define TERNARY_FUNCTION BINARY_FUNCTION
#define NO_FUNCTION(name, expression)
#define FLOATS_i64 0
#define FLOATS_f32 1
#define FLOATS_f64 1
#define FLOATING_TYPE JOIN(FLOATS_, COMPUTE)
#define SPLITTER_f32 4097 /* 2^12 + 1: cuts a float's 24 bits in two halves */
#define SPLITTER_f64 134217729
#define SPLITTER     JOIN(SPLITTER_, COMPUTE)
#if FLOATING_TYPE
#define FN(f)                              f##_float
#define UNARY(name, rule, fx, ix, params)  UNARY_##rule(op_##name, fx)
#define BINARY(name, rule, fx, ix, params) BINARY_##rule(op_##name, fx)
#define TERNARY(name, rule, fx, ix, params) TERNARY_##rule(op_##name, fx)
#define TERNARY_FLOATING                   TERNARY_FUNCTION
#define UNARY_FLOATING                     UNARY_FUNCTION
#define BINARY_FLOATING                    BINARY_FUNCTION
#define UNARY_BITWISE                      NO_FUNCTION
#define BINARY_BITWISE                     NO_FUNCTION
#else
#define FN(f)                              f##_long
#define UNARY(name, rule, fx, ix, params)  UNARY_##rule(op_##name, ix)
#define BINARY(name, rule, fx, ix, params) BINARY_##rule(op_##name, ix)
#define TERNARY(name, rule, fx, ix, params) TERNARY_##rule(op_##name, ix)
#define TERNARY_FLOATING                   NO_FUNCTION
#define UNARY_FLOATING                     NO_FUNCTION
#define BINARY_FLOATING                    NO_FUNCTION
#define UNARY_BITWISE                      UNARY_FUNCTION
#define BINARY_BITWISE                     BINARY_FUNCTION
#endif
#define UNARY_NUMERIC     UNARY_FUNCTION
#define UNARY_ARITHMETIC  UNARY_FUNCTION
#define UNARY_PREDICATE   UNARY_FUNCTION
#define BINARY_ARITHMETIC BINARY_FUNCTION
#define BINARY_PREDICATE  BINARY_FUNCTION
#define TERNARY_ARITHMETIC TERNARY_FUNCTION
/* Some drivers' tanh never reaches 1 (OpenCL allows it 5 ulp), so that 1 + tanh(x) is not 0 far out. TANH_ONE: from
 * there on tanh rounds to 1. */
#if FLOATING_TYPE
#define TANH_ONE (sizeof(T) == 4 ? (T)9.0109f : (T)19.0615)
static inline T tanh_to_one(T x) {
    return fabs(x) > TANH_ONE ? copysign((T)1, x) : tanh(x);
}
#undef tanh /* a macro in PoCL */
#define tanh tanh_to_one
#endif
#include "ops/scalar_functions.h"
#include "ops/elementwise.def"
UNARY_FUNCTION(op_copy, x)

/* --- operands -------------------------------------------------------------------------------------------- */
#if A_NUMBER
#define A_PARAMETER   const T a_value
#define A_VALUE(i)    a_value
#define A_PACKED(v)   a_value
#else
#define A_PARAMETER   __global const A *a, const long a_at
#define A_VALUE(i)    ((T)DECODE(A, AT(a, i)))
#define A_PACKED(v)   ((T)DECODE(A, pack_a.v))
#endif
#if INPUTS < 2
#define B_PARAMETER
#define B_VALUE(i)    0
#define B_PACKED(v)   0
#elif B_NUMBER
#define B_PARAMETER   , const T b_value
#define B_VALUE(i)    b_value
#define B_PACKED(v)   b_value
#else
#define B_PARAMETER   , __global const B *b, const long b_at
#define B_VALUE(i)    ((T)DECODE(B, AT(b, i)))
#define B_PACKED(v)   ((T)DECODE(B, pack_b.v))
#endif
#if INPUTS < 3
#define C_PARAMETER
#define C_VALUE(i)    0
#define C_PACKED(v)   0
#elif C_NUMBER
#define C_PARAMETER   , const T c_value
#define C_VALUE(i)    c_value
#define C_PACKED(v)   c_value
#else
#define C_PARAMETER   , __global const C *c, const long c_at
#define C_VALUE(i)    ((T)DECODE(C, AT(c, i)))
#define C_PACKED(v)   ((T)DECODE(C, pack_c.v))
#endif

static inline Y compute(T a, T b, T c, T p, T q) {
    const T value = OP(a, b, c, p, q);
    return ENCODE(Y, KIND, value);
}

#if STRIDED

/* As in lib/cl/elementwise.c. The innermost dimension comes last. */
typedef struct Walk {
    long ndim, size[8], y[8], a[8], b[8], c[8];
} Walk;
#if WIDE
typedef long Position;
typedef ulong Count;
#else
typedef int Position;
typedef uint Count;
#endif

__kernel void elementwise(const long n, SHARED(Y, y), A_PARAMETER B_PARAMETER C_PARAMETER, const T p, const T q, const Walk w) {
    if (get_global_id(0) >= (size_t)n) return;
    Count rest = (Count)get_global_id(0);
    Position at_y = 0, at_a = 0, at_b = 0, at_c = 0;
    for (int d = (STRIDED < 3 ? STRIDED : (int)w.ndim) - 1; d >= 0; d--) {
        const Count next = d ? rest / (Count)w.size[d] : 0;
        const Position i = (Position)(rest - next * (Count)w.size[d]);
        at_y += i * (Position)w.y[d];
        at_a += i * (Position)w.a[d];
        at_b += i * (Position)w.b[d];
        at_c += i * (Position)w.c[d];
        rest = next;
    }
    AT(y, at_y) = compute(A_VALUE(at_a), B_VALUE(at_b), C_VALUE(at_c), p, q);
}

#elif VECTOR > 1

typedef struct __attribute__((aligned(sizeof(Y) * VECTOR))) PackY { Y v[VECTOR]; } PackY;
typedef struct __attribute__((aligned(sizeof(A) * VECTOR))) PackA { A v[VECTOR]; } PackA;
typedef struct __attribute__((aligned(sizeof(B) * VECTOR))) PackB { B v[VECTOR]; } PackB;
typedef struct __attribute__((aligned(sizeof(C) * VECTOR))) PackC { C v[VECTOR]; } PackC;

__kernel void elementwise(const long n, SHARED(Y, y), A_PARAMETER B_PARAMETER C_PARAMETER, const T p, const T q) {
    const long first = (long)get_global_id(0) * VECTOR;
    if (first + VECTOR <= n) {
        PackY pack_y;
#if !A_NUMBER
        const PackA pack_a = *(__global const PackA *)&AT(a, first);
#endif
#if INPUTS > 1 && !B_NUMBER
        const PackB pack_b = *(__global const PackB *)&AT(b, first);
#endif
#if INPUTS > 2 && !C_NUMBER
        const PackC pack_c = *(__global const PackC *)&AT(c, first);
#endif
        for (int k = 0; k < VECTOR; k++) pack_y.v[k] = compute(A_PACKED(v[k]), B_PACKED(v[k]), C_PACKED(v[k]), p, q);
        *(__global PackY *)&AT(y, first) = pack_y;
    } else {
        for (long i = first; i < n; i++) AT(y, i) = compute(A_VALUE(i), B_VALUE(i), C_VALUE(i), p, q);
    }
}

#else

__kernel void elementwise(const long n, SHARED(Y, y), A_PARAMETER B_PARAMETER C_PARAMETER, const T p, const T q) {
    const long i = (long)get_global_id(0);
    if (i < n) AT(y, i) = compute(A_VALUE(i), B_VALUE(i), C_VALUE(i), p, q);
}

#endif
