/* Vector versions of the C maths functions: declaring them SIMD lets the compiler vectorise plain loops that
 * call them. glibc on x86-64 has them in libmvec (at most 4 ulp off; special values as in libm) since 2.22,
 * all of those below since 2.35. Elsewhere this file declares nothing and such loops stay scalar. Include
 * after math.h. */
#ifndef APSIS_CPU_VECMATH_H
#define APSIS_CPU_VECMATH_H

#include <math.h>

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#if __GLIBC__ > 2 || (__GLIBC__ == 2 && __GLIBC_MINOR__ >= 35)
#define VECTOR_FUNCTION __attribute__((simd("notinbranch")))
#define VECTOR_1(name)                                                                                       \
    VECTOR_FUNCTION double name(double);                                                                     \
    VECTOR_FUNCTION float name##f(float);
#define VECTOR_2(name)                                                                                       \
    VECTOR_FUNCTION double name(double, double);                                                             \
    VECTOR_FUNCTION float name##f(float, float);
VECTOR_1(exp)
VECTOR_1(exp2)
VECTOR_1(expm1)
VECTOR_1(log)
VECTOR_1(log2)
VECTOR_1(log10)
VECTOR_1(log1p)
VECTOR_1(sin)
VECTOR_1(cos)
VECTOR_1(tan)
VECTOR_1(asin)
VECTOR_1(acos)
VECTOR_1(atan)
VECTOR_1(sinh)
VECTOR_1(cosh)
VECTOR_1(tanh)
VECTOR_1(asinh)
VECTOR_1(acosh)
VECTOR_1(atanh)
VECTOR_1(erf)
VECTOR_1(erfc)
VECTOR_1(cbrt)
VECTOR_2(pow)
VECTOR_2(atan2)
VECTOR_2(hypot)
#undef VECTOR_1
#undef VECTOR_2
#undef VECTOR_FUNCTION
#endif
#endif

#endif
