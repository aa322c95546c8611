/* Element types: their sizes, names and promotion rules (PyTorch's). */
#ifndef APSIS_CORE_DTYPE_H
#define APSIS_CORE_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { F32, F64, F16, BF16, I8, U8, I16, I32, I64, BOOL, DTYPE_COUNT } DType;

/* Bytes of one element. */
size_t dtype_size(DType t);
/* The short name: "f32", "bool". */
const char *dtype_name(DType t);
/* Accepts the short names and PyTorch's ("float32", "float", "long", ...). False if `name` is none of them.
 */
bool dtype_parse(const char *name, DType *out);

bool dtype_is_float(DType t);
/* Integers proper: not bool. */
bool dtype_is_int(DType t);

/* The dtype that holds both, by PyTorch's table: promote(I32, F16) is F16, promote(U8, I8) is I16. */
DType dtype_promote(DType a, DType b);

/* Whether a result of one dtype may be written to a tensor of another: not to a lower kind (float, integer,
 * bool).
 */
bool dtype_can_cast(DType from, DType to);

/* Half-precision conversions, round to nearest even. */
float f16_to_f32(uint16_t h);
uint16_t f32_to_f16(float f);
float bf16_to_f32(uint16_t h);
uint16_t f32_to_bf16(float f);

/* Element i of f32 or f64 as a double. */
static inline double get_real(DType t, const void *x, int64_t i) {
    return t == F64 ? ((const double *)x)[i] : (double)((const float *)x)[i];
}
static inline void put_real(DType t, void *x, int64_t i, double value) {
    if (t == F64)
        ((double *)x)[i] = value;
    else
        ((float *)x)[i] = (float)value;
}

#endif
