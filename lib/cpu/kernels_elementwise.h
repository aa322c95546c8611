/* Elementwise kernels over contiguous elements of a compute type, and the loads and stores that bring any
 * strided dtype to and from it. Three compute types serve all dtypes: f32 (also f16, bf16), f64, i64 (all
 * integers, bool). */
#ifndef APSIS_CPU_KERNELS_ELEMENTWISE_H
#define APSIS_CPU_KERNELS_ELEMENTWISE_H

#include "core/dtype.h"
#include "cpu/isa.h"

typedef enum { COMPUTE_F32, COMPUTE_F64, COMPUTE_I64, COMPUTE_COUNT } Compute;

#define UNARY(name, ...)   EW_##name,
#define BINARY(name, ...)  EW_##name,
#define TERNARY(name, ...) EW_##name,
typedef enum ElementwiseOp {
#include "ops/elementwise.def"
    EW_COUNT
} ElementwiseOp;
#undef UNARY
#undef BINARY
#undef TERNARY

enum { MOST_OPERANDS = 3 };

/* y[i] = op(in[0][i], in[1][i], ...; p[0], p[1]). y has the compute type, or is bytes (0, 1) for PREDICATE
 * ops. */
typedef void (*ElementwiseKernel)(int64_t n, void *y, const void *const *in, const double *p);
/* dst[i] = (compute type) src[i * stride] */
typedef void (*LoadKernel)(int64_t n, void *dst, const void *src, int64_t stride);
/* dst[i * n ... (i + 1) * n) = src[i * stride], without conversion, for i < rows; dst has SPREAD_ROOM bytes
 * more. */
typedef void (*SpreadKernel)(int64_t rows, void *dst, int64_t n, const void *src, int64_t stride);
enum { SPREAD_ROOM = 64 };
/* dst[i * stride] = (dtype) src[i]; bool gets src[i] != 0, integers wrap */
typedef void (*StoreKernel)(int64_t n, void *dst, int64_t stride, const void *src);

struct ElementwiseKernels {
    ElementwiseKernel op[EW_COUNT][COMPUTE_COUNT]; /* NULL where the op's rule never uses the type */
    LoadKernel load[DTYPE_COUNT][COMPUTE_COUNT];
    StoreKernel store[DTYPE_COUNT][COMPUTE_COUNT];
    SpreadKernel spread[COMPUTE_COUNT];
};
ISA_DECLARE(struct ElementwiseKernels, elementwise_kernels);

#endif
