/* Convolution kernels: one table an instruction set (kernels_conv.c). What cuts a convolution into tiles and
 * walks them is cpu/conv.c.
 *
 * A tile of the source is copied with its padding, and with strides taken apart: of every channel the copy
 * holds one plane for each remainder of a position by the stride, so that whatever the stride, dilation and
 * padding are, a tap of the kernel is an offset into the copy and neighbouring results read neighbouring
 * elements. Results are numbered flat, by the copy's rows: the few that fall between two rows are computed
 * and dropped. Sizes are in elements. */
#ifndef APSIS_CPU_KERNELS_CONV_H
#define APSIS_CPU_KERNELS_CONV_H

#include "cpu/isa.h"
#include <stdint.h>

enum { CONV_WIDE = 3 /* vectors that a block of results is wide at most */ };

/* Where the taps of a result lie: channels `pitch` apart, in each the elements at offset[0..taps). */
typedef struct ConvTaps {
    int64_t channels, pitch, taps;
    const int64_t *offset;
} ConvTaps;

/* The copy of a tile, [channels][remainders of y][remainders of x][size[0]][size[1]]. The source has height x
 * width elements a channel, channels lie `plane` apart. Plane (i, j) of the copy holds the source's elements
 * (y + remainder[0][i] + u * stride[0], x + remainder[1][j] + v * stride[1]), zeros where there are none. */
typedef struct ConvCopy {
    int64_t channels, plane, height, width;
    int64_t stride[2], remainders[2], size[2];
    const int64_t *remainder[2];
} ConvCopy;

/* Where results go: result (u, v) of channel r to r * plane + u * row + v * column; u counts rows of `pitch`
 * flat positions, of which `width` are results. */
typedef struct ConvPlace {
    int64_t plane, row, column, pitch, width;
} ConvPlace;

typedef struct ConvKernels {
    int lanes; /* elements of a vector */
    int rows;  /* rows of a full block; what remains is done in blocks of rows / 2, rows / 4 and 1 */
    void (*fill)(const ConvCopy *c, void *to, const void *from, int64_t y, int64_t x);
    /* out[r][p] = bias[r] + sum of w[channel][tap][r] x[channel * pitch + offset[tap] + p], for r < rows and
     * p < width * lanes. */
    void (*block)(int rows, int width, void *out, const ConvTaps *taps, const void *x, const void *w,
                  const void *bias);
    /* Flat positions first.. first + count of a block's out to their places. */
    void (*put)(const ConvPlace *place, void *to, const void *out, int rows, int width, int64_t first,
                int64_t count);
    /* sum[i][j] += sum of x[i][u * pitch + v] g[u * columns + v][j] over u < rows, v < columns, for i < taps
     * and j < width * lanes. A row of sum has `ld` elements, one of g width * lanes. */
    void (*outer)(int rows, int width, void *sum, int64_t ld, const void *const *x, int64_t pitch,
                  int64_t height, int64_t columns, const void *g);
    /* to[i * ld + r] = from[r * plane + i] for i < n, r < channels; zeros for channels <= r < fill. */
    void (*transpose)(void *to, int64_t ld, const void *from, int64_t plane, int64_t channels, int64_t fill,
                      int64_t n);
    /* to[i] += from[i] */
    void (*add)(void *to, const void *from, int64_t n);
    /* Rows `row` apart into rows of `pitch`, up to a whole vector: zeros elsewhere; mask: all ones in their
     * places. */
    void (*spread)(void *to, void *mask, const void *from, int64_t row, int64_t height, int64_t columns,
                   int64_t pitch);
    /* sum[i * ld] += sum of x[i][p] g[p] over p < n, in whole vectors, where the mask lets x through; i <
     * rows. */
    void (*dots)(int rows, void *sum, int64_t ld, const void *const *x, const void *g, const void *mask,
                 int64_t n);
} ConvKernels;

/* [0]: f32, [1]: f64 */
typedef struct ConvTable {
    ConvKernels type[2];
} ConvTable;
ISA_DECLARE(ConvTable, conv_kernels);

#endif
