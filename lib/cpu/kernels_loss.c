/* Loss kernels for f32 and f64; compiled once an instruction set. Sums run in double. */
#include "cpu/kernels_loss.h"
#include "cpu/isa.h"
#include <math.h>
#include <stddef.h>
#include "cpu/vecmath.h"
#include <tgmath.h>

enum {
    TILE = 2048, /* elements whose losses are held at once, to be summed */
    VECTOR = 16  /* elements of the widest vector */
};

#define T     float
#define FN(f) f##_f32
#include "cpu/loss_type.h"
#undef T
#undef FN

#define T     double
#define FN(f) f##_f64
#include "cpu/loss_type.h"

extern const LossKernels ISA_NAME(loss_kernels);
const LossKernels ISA_NAME(loss_kernels) = {
    .f32 = {mse_f32, mse_grad_f32, bce_f32, bce_grad_f32},
    .f64 = {mse_f64, mse_grad_f64, bce_f64, bce_grad_f64},
};
