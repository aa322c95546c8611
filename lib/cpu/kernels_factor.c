/* Leaves of LU, Cholesky and triangular solves: see kernels_factor.h. */
#include "cpu/kernels_factor.h"
#include "cpu/shuffle.h"

/* As in kernels_gemm.c: nobody compares last bits. */
#if defined(__clang__)
#pragma clang fp contract(fast)
#else
#pragma GCC optimize("fp-contract=fast")
#endif

enum { SOLVE_BLOCK = 8 }; /* rows that are solved at once */

#define T     float
#define V     VectorF32
#define LANES (VECTOR / 4)
#define FN(f) f##_f32
#define SQRT  __builtin_sqrtf
#define ABS   __builtin_fabsf
#include "cpu/factor_type.h"
#undef T
#undef V
#undef LANES
#undef FN
#undef SQRT
#undef ABS

#define T     double
#define V     VectorF64
#define LANES (VECTOR / 8)
#define FN(f) f##_f64
#define SQRT  __builtin_sqrt
#define ABS   __builtin_fabs
#include "cpu/factor_type.h"

const FactorTable ISA_NAME(factor_kernels) = {
    .type = {{lu_f32, cholesky_f32, solve_f32, negate_f32}, {lu_f64, cholesky_f64, solve_f64, negate_f64}}};
