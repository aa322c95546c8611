/* Softmax kernels for f32 and f64; compiled once an instruction set. Sums run in double; exp runs over whole
 * tiles of rows, so that short rows fill vectors too. */
#include "cpu/kernels_softmax.h"
#include "cpu/isa.h"
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include "cpu/vecmath.h"
#include <tgmath.h>

enum {
    TILE = 4096,      /* elements that are worked on together: they fit the first cache */
    SHORT_ROW = 24,   /* up to here rows go side by side, each in a lane */
    MIDDLE_ROW = 128, /* below this they share the vectors of exp */
    TILE_ROWS = 256,  /* rows of one tile at most */
    VECTOR = 16       /* elements of the widest vector */
};

static inline int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

#define T              float
#define FN(f)          f##_f32
#define LEAST_EXPONENT (-87.3f)
#define LEAST_EXP      1.3e-38f /* a little more than its exp */
#include "cpu/softmax_type.h"
#undef T
#undef FN
#undef LEAST_EXPONENT
#undef LEAST_EXP

#define T              double
#define FN(f)          f##_f64
#define LEAST_EXPONENT (-708.3)
#define LEAST_EXP      2.6e-308
#include "cpu/softmax_type.h"

extern const SoftmaxKernels ISA_NAME(softmax_kernels);
const SoftmaxKernels ISA_NAME(softmax_kernels) = {
    .f32 = {rows_f32, columns_f32, grad_rows_f32, grad_columns_f32},
    .f64 = {rows_f64, columns_f64, grad_rows_f64, grad_columns_f64},
};
