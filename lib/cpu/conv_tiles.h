/* How convolutions are cut into tiles: what cpu/conv.c and cpu/conv_weight.c share, and nobody else. */
#ifndef APSIS_CPU_CONV_TILES_H
#define APSIS_CPU_CONV_TILES_H

#include "cpu/conv.h"
#include "cpu/kernels_conv.h"

enum { MOST_ROWS = 8, MOST_LANES = 16 /* of a block, of a vector, on any machine */ };

/* How the results of one axis read the source. Results first, first + step, ... form a pass: `count` of them,
 * numbered m from 0. Result m reads, by each of its taps, the source at m * stride + shift. In the copy
 * (kernels_conv.h) that is plane `slot`, position m + quotient. */
typedef struct Tap {
    int64_t index; /* in the kernel */
    int64_t shift, quotient, slot;
} Tap;
typedef struct Pass {
    int64_t first, step, count, taps;
    Tap *tap;
} Pass;

typedef struct Axis {
    int64_t stride, passes, most; /* most: the largest count of a pass */
    int64_t base, span;           /* the smallest shift; the largest quotient */
    int64_t remainders;
    Pass *pass;
    int64_t *remainder; /* that shifts leave, counted from base, by the stride */
} Axis;

/* The cut of two axes into tiles of size[0] x size[1] results (of each pass), and the copies they need. */
typedef struct Tiles {
    Axis axis[2];
    int64_t size[2], count[2];
    ConvCopy copy;
    int64_t pitch, bytes; /* elements of one channel's copy; bytes of the copy */
    int64_t *offset;      /* of the taps of all passes, in their order */
} Tiles;

/* Tiles of the output, reading the input, or (backward) of the input's gradient, reading the output's.
 * `channels` of the source are copied; `more` bytes are needed beside the copy for each result; tiles are
 * walked `units` times. t is zeroed before; tiles_close frees what was opened, also after a failure. */
bool tiles_open(Ctx *c, Tiles *t, const ConvShape *s, bool backward, int64_t channels, int64_t size,
                int64_t more, int64_t units, int threads);
void tiles_close(Ctx *c, Tiles *t);
/* Copies the tile (ty, tx) of `source`. */
void tiles_fill(const Tiles *t, const ConvKernels *k, void *copy, const void *source, int64_t ty, int64_t tx);

const ConvKernels *conv_kernels_of(DType dtype);
/* Work of a convolution in elementary operations, for ctx_threads. */
int64_t conv_work(const ConvShape *s);

static inline int64_t ceil_div(int64_t a, int64_t b) {
    return a > 0 ? (a + b - 1) / b : -(-a / b);
}
static inline int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static inline int64_t whole_lines(int64_t bytes) {
    return (bytes + 63) / 64 * 64;
}

/* Rows of the next block where `left` remain. */
static inline int block_rows(const ConvKernels *k, int64_t left) {
    int rows = k->rows;
    while (rows > left) rows /= 2;
    return rows;
}

/* Vectors of the next block where `left` remain: nearly equal blocks. */
static inline int block_width(int64_t left) {
    return (int)ceil_div(left, ceil_div(left, CONV_WIDE));
}

#endif
