/* Small matrix products and products with a vector, a vector of the instruction set's at a time. */
#include "cpu/kernels_gemm.h"

/* Sums of products may use the fused instruction here: nobody compares their last bits with another device's.
 */
#if defined(__clang__)
#pragma clang fp contract(fast)
#else
#pragma GCC optimize("fp-contract=fast")
#endif

enum { ROWS = 4 };

#define T     float
#define FN(f) f##_f32
typedef float VectorF32 __attribute__((vector_size(GEMM_VECTOR), aligned(4), may_alias));
#define V VectorF32
#include "cpu/gemm_type.h"
#undef T
#undef FN
#undef V

#define T     double
#define FN(f) f##_f64
typedef double VectorF64 __attribute__((vector_size(GEMM_VECTOR), aligned(8), may_alias));
#define V VectorF64
#include "cpu/gemm_type.h"

const GemmTable ISA_NAME(gemm_kernels) = {
    .type = {{small_f32, pack_f32, dots_f32, columns_f32}, {small_f64, pack_f64, dots_f64, columns_f64}}};
