/* What the ops with f32 and f64 kernels only share: half precision is computed in f32 and converted back. */
#ifndef APSIS_OPS_FLOAT_OPERAND_H
#define APSIS_OPS_FLOAT_OPERAND_H

#include "ops/ops.h"

static inline bool require_floating(Ctx *c, const char *op, const Tensor *x) {
    REQUIRE(c, dtype_is_float((DType)x->dtype),
            "%s: expected a floating-point tensor, got %s; convert it: x:to(\"f32\")", op, DTYPE(x));
    return true;
}

/* The dtype in which x is computed: f32 or f64. */
static inline DType compute_dtype(DType t) {
    return t == F64 ? F64 : F32;
}

/* The dtype in which x's kernels take elements of dtype t: a device's convert as they load and store. */
static inline DType operand_dtype(const Tensor *x, DType t) {
    return x->device == CPU ? compute_dtype(t) : t;
}

#endif
