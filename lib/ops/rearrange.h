/* Ops that copy elements into another order or repeat them, and triangular parts. Dimensions are 0-based. */
#ifndef APSIS_OPS_REARRANGE_H
#define APSIS_OPS_REARRANGE_H

#include "core/tensor.h"

/* Backwards along the dims. */
bool op_flip(Ctx *c, Tensor *out, const Tensor *x, int n, const int *dims);
/* Moved by shifts[i] along dims[i]; what leaves at one end comes in at the other. n 0: as one flat row, by
 * shifts[0]. */
bool op_roll(Ctx *c, Tensor *out, const Tensor *x, const int64_t *shifts, int n, const int *dims);
/* x side by side `times` along each dimension; where n is not x's ndim, the shorter is led by ones. */
bool op_tile(Ctx *c, Tensor *out, const Tensor *x, int n, const int64_t *times);
/* Every slice along dim `times` times in a row. */
bool op_repeat_interleave(Ctx *c, Tensor *out, const Tensor *x, int64_t times, int dim);
/* Position i (from 1) counts[i] times in a row: what index_select takes to repeat slices. */
bool op_repeat_positions(Ctx *c, Tensor *out, const Tensor *counts);

/* The matrix's elements on and below (above) a diagonal, 0 elsewhere; x has 2 dimensions or more. */
bool op_tril(Ctx *c, Tensor *out, const Tensor *x, int64_t diagonal);
bool op_triu(Ctx *c, Tensor *out, const Tensor *x, int64_t diagonal);
bool op_tril_(Ctx *c, Tensor *x, int64_t diagonal);
bool op_triu_(Ctx *c, Tensor *x, int64_t diagonal);
/* The positions (2, N) of those elements in a (rows, columns) matrix, row by row. */
bool op_triangle_indices(Ctx *c, Tensor *out, const char *name, bool upper, int64_t rows, int64_t columns,
                         int64_t offset);

#endif
