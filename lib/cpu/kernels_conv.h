/* What convolution does besides multiplying matrices: laying images out as columns and adding columns back.
 */
#ifndef APSIS_CPU_KERNELS_CONV_H
#define APSIS_CPU_KERNELS_CONV_H

#include "core/conv_shape.h"
#include "cpu/isa.h"

typedef struct ConvKernels {
    /* cols (channels * kh * kw, count): what output positions from..from+count see of an image (channels, h,
     * w). */
    void (*im2col)(const ConvShape *s, int64_t channels, int64_t from, int64_t count, const void *image,
                   void *cols);
    /* image += cols, back in the places that im2col read. */
    void (*col2im)(const ConvShape *s, int64_t channels, int64_t from, int64_t count, const void *cols,
                   void *image);
    /* y[i * stride + j] = value[i] for i < rows, j < count. */
    void (*fill_rows)(int64_t rows, int64_t count, int64_t stride, const void *value, void *y);
    /* y[i] += x[i] */
    void (*add)(int64_t n, void *y, const void *x);
} ConvKernels;

/* [0]: f32, [1]: f64 */
typedef struct ConvTable {
    ConvKernels type[2];
} ConvTable;
ISA_DECLARE(ConvTable, conv_kernels);

#endif
