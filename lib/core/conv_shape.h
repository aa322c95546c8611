/* The sizes of one convolution, worked out by lib/ops and read by the kernels. Pairs are down, across. */
#ifndef APSIS_CORE_CONV_SHAPE_H
#define APSIS_CORE_CONV_SHAPE_H

#include <stdint.h>

typedef struct ConvShape {
    int64_t n, c, o, groups; /* images; channels of the input and of the output, multiples of groups */
    int64_t in[2], out[2], kernel[2], stride[2], dilation[2];
    int64_t before[2]; /* padding at the top and left; below and right it is what `out` reads */
} ConvShape;

#endif
