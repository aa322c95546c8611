/* The kernels of pooling; the code is in pool_type.h. */
#include "cpu/kernels_pool.h"
#include <math.h>

#define T     float
#define FN(f) f##_f32
#include "cpu/pool_type.h"
#undef T
#undef FN

#define T     double
#define FN(f) f##_f64
#include "cpu/pool_type.h"

const PoolTable ISA_NAME(pool_kernels) = {
    .type = {{max_f32, pick_f32, place_f32, max_grad_f32, avg_f32, avg_grad_f32},
             {max_f64, pick_f64, place_f64, max_grad_f64, avg_f64, avg_grad_f64}}};
