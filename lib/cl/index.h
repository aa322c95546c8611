/* Indexing on a device: what lib/ops/index*.c calls. Positions count from 1, are i64 and were checked. Walks
 * over a dense side, positions and x as in ops/index_loop.h. */
#ifndef APSIS_CL_INDEX_H
#define APSIS_CL_INDEX_H

#include "core/tensor.h"
#include "cpu/kernels_index.h"

/* dense[...] = x[... + (index[...] - 1) * scale] */
bool cl_index_read(Ctx *c, const char *op, const Tensor *dense, const Tensor *index, const Tensor *x,
                   int64_t scale);
/* x[... + (index[...] - 1) * scale] op= dense[...], in the order of the index where positions repeat. */
bool cl_index_write(Ctx *c, const char *op, const Tensor *x, const Tensor *index, const Tensor *dense,
                    int64_t scale, WriteOp how);
/* out = mask ? yes : no, all of out's shape; out may be one of them. */
bool cl_choose(Ctx *c, const char *op, const Tensor *out, const Tensor *mask, const Tensor *yes,
               const Tensor *no);

/* Is any position in index (contiguous i64) 0 or outside low..high? Waits. */
bool cl_any_position_outside(Ctx *c, const char *op, const Tensor *index, int64_t low, int64_t high,
                             bool *found);
/* Does any element of x (contiguous f32 or f64) lie outside, or is it NaN? Waits. */
bool cl_any_outside(Ctx *c, const char *op, const Tensor *x, double low, double high, bool *found);
/* y = positions from 1 (or from the end, where negative) in a dimension of that size, times stride, plus
 * bias. Both contiguous. */
bool cl_key_offsets(Ctx *c, const char *op, const Tensor *y, const Tensor *index, int64_t size,
                    int64_t stride, int64_t bias);
/* Makes out (i64): the positions (N, ndim) of the true flags (contiguous), or where stride is not NULL their
 * offsets (N) by those strides, plus bias. Waits. */
bool cl_true_places(Ctx *c, const char *op, Tensor *out, const Tensor *flags, const int64_t *stride,
                    int64_t bias);
/* Zeroes what lies outside the triangles of y, which is contiguous and not empty. */
bool cl_triangle(Ctx *c, const char *op, const Tensor *y, bool upper, int64_t diagonal);

#endif
