/* The kernels of convolution beside the matrix product; the code is in conv_type.h. */
#include "cpu/kernels_conv.h"

#define T     float
#define FN(f) f##_f32
#include "cpu/conv_type.h"
#undef T
#undef FN

#define T     double
#define FN(f) f##_f64
#include "cpu/conv_type.h"

const ConvTable ISA_NAME(conv_kernels) = {.type = {{im2col_f32, col2im_f32, fill_rows_f32, add_f32},
                                                   {im2col_f64, col2im_f64, fill_rows_f64, add_f64}}};
