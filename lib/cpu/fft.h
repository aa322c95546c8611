/* Fourier transforms along one dimension of a strided tensor. */
#ifndef APSIS_CPU_FFT_H
#define APSIS_CPU_FFT_H

#include "core/loop.h"

typedef enum { FFT_C2C, FFT_R2C, FFT_C2R } FftKind;

/* All lines of a tensor along one dimension. Pairs are (real, imaginary) beside each other; of a real line's
 * transform there is the first half, n / 2 + 1 pairs. */
typedef struct FftLines {
    FftKind kind;
    DType dtype; /* F32 or F64 */
    int64_t n;   /* elements of the transform (of a real line, real ones), at least 1 */
    bool inverse;
    double scale;
    const void *x;
    void *y;                /* for FFT_C2C it may be x, with the same strides */
    int64_t x_step, y_step; /* from an element of a line to the next, in numbers */
    Loop lines;             /* operand 0: y, operand 1: x */
} FftLines;

bool cpu_fft(Ctx *c, const FftLines *f);
/* y = a b pair by pair (a times the conjugate of b where `conj`). The loop's operands are y, a, b, of each
 * pair its first number. */
bool cpu_pairs(Ctx *c, DType dtype, const Loop *pairs, void *y, const void *a, const void *b, bool conj);

#endif
