/* The kernels of pooling; the code is in pool_type.h. */
#include "cpu/kernels_pool.h"
#include "cpu/vector.h"
#include <math.h>
#include <stdbool.h>
#include <string.h>

typedef float VectorF32 __attribute__((vector_size(VECTOR), aligned(4), may_alias));
typedef int32_t MaskF32 __attribute__((vector_size(VECTOR), aligned(4), may_alias));
typedef double VectorF64 __attribute__((vector_size(VECTOR), aligned(8), may_alias));
typedef int64_t MaskF64 __attribute__((vector_size(VECTOR), aligned(8), may_alias));

#define T     float
#define I     int32_t
#define V     VectorF32
#define M     MaskF32
#define FN(f) f##_f32
#include "cpu/pool_type.h"
#undef T
#undef I
#undef V
#undef M
#undef FN

#define T     double
#define I     int64_t
#define V     VectorF64
#define M     MaskF64
#define FN(f) f##_f64
#include "cpu/pool_type.h"

const PoolTable ISA_NAME(pool_kernels) = {
    .type = {{max_f32, pick_f32, place_f32, max_grad_f32, avg_f32, avg_grad_f32},
             {max_f64, pick_f64, place_f64, max_grad_f64, avg_f64, avg_grad_f64}}};
