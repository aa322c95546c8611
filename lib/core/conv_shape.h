/* The sizes of one convolution, worked out by lib/ops and read by the kernels. */
#ifndef APSIS_CORE_CONV_SHAPE_H
#define APSIS_CORE_CONV_SHAPE_H

#include <stdint.h>

typedef struct ConvShape {
    int64_t n, c, h, w; /* input */
    int64_t o, oh, ow;  /* output */
    int64_t kh, kw;     /* kernel */
    int64_t groups;     /* c and o are multiples of it */
    int64_t sh, sw, ph, pw, dh, dw;
} ConvShape;

#endif
