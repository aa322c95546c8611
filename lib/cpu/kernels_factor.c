/* Leaves of LU, Cholesky and triangular solves: see kernels_factor.h. */
#include "cpu/kernels_factor.h"

/* As in kernels_gemm.c: nobody compares last bits. */
#if defined(__clang__)
#pragma clang fp contract(fast)
#else
#pragma GCC optimize("fp-contract=fast")
#endif

#define T     float
#define FN(f) f##_f32
#define SQRT  __builtin_sqrtf
#define ABS   __builtin_fabsf
#include "cpu/factor_type.h"
#undef T
#undef FN
#undef SQRT
#undef ABS

#define T     double
#define FN(f) f##_f64
#define SQRT  __builtin_sqrt
#define ABS   __builtin_fabs
#include "cpu/factor_type.h"

const FactorTable ISA_NAME(factor_kernels) = {
    .type = {{lu_f32, cholesky_f32, solve_f32, negate_f32}, {lu_f64, cholesky_f64, solve_f64, negate_f64}}};
