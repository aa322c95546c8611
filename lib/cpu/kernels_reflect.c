/* Reflectors and rotations: see kernels_reflect.h. */
#include "cpu/kernels_reflect.h"
#include <math.h>
#include <string.h>
#include "cpu/shuffle.h"
#include "cpu/fused.h"

#define INLINE inline __attribute__((always_inline))
enum {
    ROWS = 4,  /* taken at once: what they have in common is loaded once */
    STRIP = 4, /* vectors of a row that a sweep of rotations keeps in registers */
};

#define T              float
#define FN(f)          f##_f32
#define V              VectorF32
#define SAFE           1e-20 /* squares within it and its reciprocal have all digits */
#define ZIP_LOW(a, b)  ZIP_LOW_F32(a, b)
#define ZIP_HIGH(a, b) ZIP_HIGH_F32(a, b)
#include "cpu/reflect_type.h"
#undef T
#undef FN
#undef V
#undef ZIP_LOW
#undef ZIP_HIGH
#undef SAFE

#define T              double
#define FN(f)          f##_f64
#define V              VectorF64
#define SAFE           1e-280
#define ZIP_LOW(a, b)  ZIP_LOW_F64(a, b)
#define ZIP_HIGH(a, b) ZIP_HIGH_F64(a, b)
#include "cpu/reflect_type.h"

const ReflectTable ISA_NAME(reflect_kernels) = {
    .type = {
        {BLOCK_f32, tridiagonalise_f32, product_f32, rotate_f32, qr_f32, bidiagonalise_f32, qr_product_f32},
        {BLOCK_f64, tridiagonalise_f64, product_f64, rotate_f64, qr_f64, bidiagonalise_f64, qr_product_f64}}};
