/* Leaves of LU, Cholesky and triangular solves: see kernels_factor.h. */
#include "cpu/kernels_factor.h"
#include "cpu/shuffle.h"
#include "cpu/fused.h"

#define INLINE inline __attribute__((always_inline))
enum {
    SOLVE_BLOCK = 8, /* rows that are solved at once */
    TINY_LANES = 16  /* matrices */
};

#define T     float
#define V     VectorF32
#define LANES (VECTOR / 4)
#define FN(f) f##_f32
#define SQRT  __builtin_sqrtf
#define ABS   __builtin_fabsf
#include "cpu/factor_type.h"
#include "cpu/tiny_type.h"
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
#include "cpu/tiny_type.h"

#define KERNELS(type)                                                                                        \
    {                                                                                                        \
        lu_##type, cholesky_##type, solve_##type, negate_##type, tiny_lu_##type, tiny_solve_##type,          \
            tiny_cholesky_##type                                                                             \
    }
const FactorTable ISA_NAME(factor_kernels) = {.type = {KERNELS(f32), KERNELS(f64)}};
