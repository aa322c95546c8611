/* The CPU's inner loops that move elements: reading and writing them through positions, copying between
 * strides, choosing between two operands. One table an instruction set (kernels_index.c); ops/index_loop.c
 * walks whole tensors with them.
 */
#ifndef APSIS_CPU_KERNELS_INDEX_H
#define APSIS_CPU_KERNELS_INDEX_H

#include "core/dtype.h"

/* Two dimensions of a walk, the inner one last. Strides are in elements. Side `a` is dense (the result of a
 * read, the source of a write); `x` is addressed: its element is at x[i * x_stride + (position - 1) * scale].
 */
typedef struct IndexBlock {
    int64_t n[2], a[2], index[2], x[2], scale;
} IndexBlock;

typedef void (*IndexRead)(const IndexBlock *b, void *a, const int64_t *index, const void *x);
typedef void (*IndexWrite)(const IndexBlock *b, const void *a, const int64_t *index, void *x);

/* y[i] = c[i] ? a[i] : b[i] */
typedef void (*Choose)(int64_t n, void *y, int64_t y_stride, const uint8_t *c, int64_t c_stride,
                       const void *a, int64_t a_stride, const void *b, int64_t b_stride);

/* to[i]: the position (from 1) before which values[i] belongs in row (n), ascending; `right`: after equals.
 */
typedef void (*SearchSorted)(int64_t *to, const void *row, int64_t n, const void *values, int64_t count,
                             bool right);

/* What a write does with the element that is there: x = a, x + a, x * a, the larger, the smaller (a nan
 * wins). */
typedef enum { WRITE_SET, WRITE_ADD, WRITE_MUL, WRITE_MAX, WRITE_MIN, WRITE_COUNT } WriteOp;

enum { SIZE_CLASSES = 4 }; /* elements of 1, 2, 4 and 8 bytes: moving needs no more */

typedef struct IndexKernels {
    IndexRead read[SIZE_CLASSES];
    IndexRead copy[SIZE_CLASSES]; /* reads without positions: x[i * x_stride] */
    IndexWrite set[SIZE_CLASSES];
    IndexWrite write[WRITE_COUNT][DTYPE_COUNT]; /* not WRITE_SET: that is `set` */
    Choose choose[SIZE_CLASSES];
    SearchSorted search[DTYPE_COUNT]; /* of F32, F64 and I64 */
    /* Every position lies in low..high, and none is 0. */
    bool (*in_range)(const int64_t *index, int64_t n, int64_t low, int64_t high);
    /* to[i]: the offset of a position in a dimension of that size and stride, plus bias; negative positions
     * count from the end. */
    void (*offsets)(int64_t *to, const int64_t *index, int64_t n, int64_t size, int64_t stride, int64_t bias);
} IndexKernels;

const IndexKernels *cpu_index_kernels(void);

/* 0..3 for elements of 1, 2, 4, 8 bytes. */
static inline int size_class(DType t) {
    return __builtin_ctz((unsigned)dtype_size(t));
}

#endif
