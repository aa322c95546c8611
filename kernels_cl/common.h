/* What every kernel file includes: element types, conversions between how elements lie in memory and how they
 * are computed with, tensor parameters.
 *
 * The runtime (lib/cl) defines HAVE_FP64, HAVE_FP16, ON_GPU and ON_NVIDIA where they hold, and gives dtypes by
 * the names below. Includes are put in place by lib/cl/program.c; names are files of kernels_cl/ or lib/. */
#ifndef COMMON_H
#define COMMON_H

#pragma OPENCL FP_CONTRACT OFF /* as the CPU kernels: no fused multiply-add that the source does not ask for */
#ifdef HAVE_FP64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
typedef double REAL; /* the widest float there is */
#else
typedef float REAL;
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

/* Elements in memory. Halves are kept as their bits: a device need not compute with them. */
typedef float f32;
typedef ushort f16;
typedef ushort bf16;
typedef char i8;
typedef uchar u8;
typedef short i16;
typedef int i32;
typedef long i64;
typedef uchar boolean;
#ifdef HAVE_FP64
typedef double f64;
#endif

/* A tensor parameter: the buffer and the position of the first element. AT(x, i) is element i from there. */
#define TENSOR(type, x) __global type *restrict x, const long x##_at
/* For results that may be the same memory as an input (in-place ops). */
#define SHARED(type, x) __global type *x, const long x##_at
#define AT(x, i)        (x)[x##_at + (i)]

/* --- the value of an element: a float, double or long ------------------------------------------------------ */
#define DECODE(type, bits)   JOIN(decode_, type)(bits)
#define decode_f32(b)        (b)
#define decode_f64(b)        (b)
#define decode_i8(b)         ((long)(b))
#define decode_u8(b)         ((long)(b))
#define decode_i16(b)        ((long)(b))
#define decode_i32(b)        ((long)(b))
#define decode_i64(b)        (b)
#define decode_boolean(b)    ((long)(b))
#define decode_bf16(b)       as_float((uint)(b) << 16)
static inline float decode_f16(ushort bits) {
    return vload_half(0, (const __private half *)&bits);
}

/* An element in memory is a NaN. */
#define IS_NAN_AS(type, bits) JOIN(is_nan_, type)(bits)
#define is_nan_f32(b)         ((b) != (b))
#define is_nan_f64(b)         ((b) != (b))
#define is_nan_f16(b)         (((b) & 0x7fff) > 0x7c00)
#define is_nan_bf16(b)        (((b) & 0x7fff) > 0x7f80)
#define is_nan_i8(b)          0
#define is_nan_u8(b)          0
#define is_nan_i16(b)         0
#define is_nan_i32(b)         0
#define is_nan_i64(b)         0
#define is_nan_boolean(b)     0

/* --- an element of a value ------------------------------------------------------------------------------- */
/* A float outside int64 (or NaN) becomes the least integer, as on the CPU; narrower ones wrap from there. */
#define TO_LONG(v) ((v) >= -0x1p63f && (v) < 0x1p63f ? (long)(v) : LONG_MIN)

/* kind: float, double or long, what v is. */
#define ENCODE(type, kind, v) JOIN(encode_, type)(kind, v)
#define WHOLE(kind, v)        JOIN(whole_, kind)(v)
#define whole_long(v)         (v)
#define whole_float(v)        TO_LONG(v)
#define whole_double(v)       TO_LONG(v)
#define encode_f32(kind, v)   ((float)(v))
#define encode_f64(kind, v)   ((double)(v))
#define encode_i8(kind, v)    ((char)WHOLE(kind, v))
#define encode_u8(kind, v)    ((uchar)WHOLE(kind, v))
#define encode_i16(kind, v)   ((short)WHOLE(kind, v))
#define encode_i32(kind, v)   ((int)WHOLE(kind, v))
#define encode_i64(kind, v)   WHOLE(kind, v)
#define encode_boolean(kind, v) ((uchar)((v) != 0))
#define encode_f16(kind, v)   encode_half((float)(v))
#define encode_bf16(kind, v)  encode_brain((float)(v))
static inline ushort encode_half(float v) {
    ushort bits;
    vstore_half_rte(v, 0, (__private half *)&bits);
    return bits;
}
/* Round to nearest even; NaN stays NaN. */
static inline ushort encode_brain(float v) {
    uint bits = as_uint(v);
    if ((bits & 0x7fffffff) > 0x7f800000) return (ushort)(bits >> 16 | 0x40);
    return (ushort)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* The C type of a compute dtype f32, f64, i64. */
#define COMPUTED(type) JOIN(computed_, type)
#define computed_f32   float
#define computed_f64   double
#define computed_i64   long

#endif
