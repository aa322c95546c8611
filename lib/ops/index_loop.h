/* What the indexing ops share: positions made ready and checked, and the walk that reads or writes elements
 * through them. Private to ops/index*.c. */
#ifndef APSIS_OPS_INDEX_LOOP_H
#define APSIS_OPS_INDEX_LOOP_H

#include "core/tensor.h"
#include "cpu/kernels_index.h"

/* Holds the positions of `index` as contiguous i64; drop it with tensor_release. A copy where it would share
 * memory with `target` (which may be NULL), so that a write cannot change positions that are still to be
 * read.
 */
bool index_hold(Ctx *c, const char *op, Tensor *held, const Tensor *index, const Tensor *target);
/* Fails unless every position in `held` lies in 1..size, naming `dim` (0-based). */
bool index_check(Ctx *c, const char *op, const Tensor *held, int dim, int64_t size);
/* Looks for positions that are 0 or lie outside low..high: *found, and then *bad is the first one. False,
 * error set, where the device fails. */
bool index_find_outside(Ctx *c, const char *op, const Tensor *held, int64_t low, int64_t high, bool *found,
                        int64_t *bad);
/* The number in a tensor of one i64, on any device. */
bool index_number(Ctx *c, const Tensor *t, int64_t *value);

/* A tensor seen with other sizes and strides, without a reference of its own: never release it. */
Tensor index_view(const Tensor *t, int ndim, const int64_t *size, const int64_t *stride);
/* The same view with at least one dimension. */
Tensor index_at_least_1d(const Tensor *t);
/* t copied where it shares memory with `target`; *t then points to `copy`, which must be released (it holds
 * nothing otherwise). */
bool index_unalias(Ctx *c, Tensor *copy, const Tensor **t, const Tensor *target);

/* dense[...] = x[... + (index[...] - 1) * scale], over the shape that all three have. Strides of 0 in x mark
 * the dimensions that positions take the place of. Positions are not checked here. */
bool index_read(Ctx *c, const char *op, Tensor *dense, const Tensor *index, const Tensor *x, int64_t scale);
/* dst[...] = x[...], of one shape, dtype and device (the CPU), in separate memory. */
bool strided_copy(Ctx *c, Tensor *dst, const Tensor *x);
/* x[... + (index[...] - 1) * scale] op= dense[...]. Where positions repeat, the writes come in the order of
 * the index: the result is the same on any number of threads. */
bool index_write(Ctx *c, const char *op, Tensor *x, const Tensor *index, const Tensor *dense, int64_t scale,
                 WriteOp how);

#endif
