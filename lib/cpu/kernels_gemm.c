/* Matrix products below what BLIS is worth: tiles of C that stay in registers, with B packed a panel at a
 * time into the first cache (Goto and van de Geijn 2008, without the outer levels). */
#include "cpu/kernels_gemm.h"
#include "cpu/vector.h"

/* Sums of products may use the fused instruction here: nobody compares their last bits with another device's.
 */
#if defined(__clang__)
#pragma clang fp contract(fast)
#else
#pragma GCC optimize("fp-contract=fast")
#endif

enum {
    ROWS = REGISTERS == 32 ? 8 : 6, /* of a tile: with WIDE vectors a row, the sums fill the registers */
    WIDE = 2,
    PANEL_BYTES = 24 << 10,    /* of packed B: within the first cache */
    UNPACKED_ROWS = 16 * ROWS, /* so few read B where it lies */
    DOT_ROWS = 4,
    DOT_COLS = REGISTERS == 32 ? 4 : 2, /* of a tile of inner products */
    COLUMN_WIDE = 8                     /* vectors of y that a pass over x sums */
};

#ifdef __clang__
#define SHUFFLE(a, b, index, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, index, ...) __builtin_shuffle(a, b, (index){__VA_ARGS__})
#endif

/* The lower, or upper, halves of two vectors, element by element in turn. */
#if VECTOR == 64
#define LOW_F32(i)  0 + i, 16 + i, 1 + i, 17 + i, 2 + i, 18 + i, 3 + i, 19 + i
#define HALF_F32(i) LOW_F32(i), LOW_F32(i + 4)
#define HALF_F64(i) 0 + i, 8 + i, 1 + i, 9 + i, 2 + i, 10 + i, 3 + i, 11 + i
#elif VECTOR == 32
#define HALF_F32(i) 0 + i, 8 + i, 1 + i, 9 + i, 2 + i, 10 + i, 3 + i, 11 + i
#define HALF_F64(i) 0 + i, 4 + i, 1 + i, 5 + i
#else
#define HALF_F32(i) 0 + i, 4 + i, 1 + i, 5 + i
#define HALF_F64(i) 0 + i, 2 + i
#endif

#define T              float
#define FN(f)          f##_f32
#define V              VectorF32
#define ZIP_LOW(a, b)  SHUFFLE(a, b, IndexF32, HALF_F32(0))
#define ZIP_HIGH(a, b) SHUFFLE(a, b, IndexF32, HALF_F32(VECTOR / 8))
typedef int32_t IndexF32 __attribute__((vector_size(VECTOR)));
typedef float VectorF32 __attribute__((vector_size(VECTOR), aligned(4), may_alias));
#include "cpu/gemm_type.h"
#undef T
#undef FN
#undef V
#undef ZIP_LOW
#undef ZIP_HIGH

#define T              double
#define FN(f)          f##_f64
#define V              VectorF64
#define ZIP_LOW(a, b)  SHUFFLE(a, b, IndexF64, HALF_F64(0))
#define ZIP_HIGH(a, b) SHUFFLE(a, b, IndexF64, HALF_F64(VECTOR / 16))
typedef int64_t IndexF64 __attribute__((vector_size(VECTOR)));
typedef double VectorF64 __attribute__((vector_size(VECTOR), aligned(8), may_alias));
#include "cpu/gemm_type.h"

const GemmTable ISA_NAME(gemm_kernels) = {
    .type = {{product_f32, dots_f32, columns_f32}, {product_f64, dots_f64, columns_f64}}};
