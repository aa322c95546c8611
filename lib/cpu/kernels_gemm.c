/* Matrix products below what BLIS is worth: tiles of C that stay in registers, with B packed a panel at a
 * time into the first cache (Goto and van de Geijn 2008, without the outer levels). */
#include "cpu/kernels_gemm.h"
#include "cpu/shuffle.h"
#include "cpu/fused.h"

enum {
    ROWS = REGISTERS == 32 ? 8 : 6, /* of a tile: with WIDE vectors a row, the sums fill the registers */
    WIDE = 2,
    PANEL_BYTES = 24 << 10,    /* of packed B: within the first cache */
    UNPACKED_ROWS = 16 * ROWS, /* so few read B where it lies */
    DOT_ROWS = 4,
    DOT_COLS = REGISTERS == 32 ? 4 : 2, /* of a tile of inner products */
    COLUMN_WIDE = 8                     /* vectors of y that a pass over x sums */
};

#define T              float
#define FN(f)          f##_f32
#define V              VectorF32
#define ZIP_LOW(a, b)  ZIP_LOW_F32(a, b)
#define ZIP_HIGH(a, b) ZIP_HIGH_F32(a, b)
#include "cpu/gemm_type.h"
#undef T
#undef FN
#undef V
#undef ZIP_LOW
#undef ZIP_HIGH

#define T              double
#define FN(f)          f##_f64
#define V              VectorF64
#define ZIP_LOW(a, b)  ZIP_LOW_F64(a, b)
#define ZIP_HIGH(a, b) ZIP_HIGH_F64(a, b)
#include "cpu/gemm_type.h"

const GemmTable ISA_NAME(gemm_kernels) = {
    .type = {{product_f32, dots_f32, columns_f32}, {product_f64, dots_f64, columns_f64}}};
