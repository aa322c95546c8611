/* Sorting and search on a device: what lib/ops/sort.c, search.c and the sums through positions call. */
#ifndef APSIS_CL_SORT_H
#define APSIS_CL_SORT_H

#include "core/tensor.h"

/* The k first of every lane of x along dim, in order: positions from 1 in index (i64), the elements in values
 * (may be NULL). All contiguous; the results have size k along dim. Stable; NaN counts as the largest. */
bool cl_sort(Ctx *c, const char *op, const Tensor *values, const Tensor *index, const Tensor *x, int dim,
             int64_t k, bool descending);
/* The keys (n) of dtype i32 in order as words: the key with its sign bit flipped in the upper half, its
 * position from 0 in the lower. NULL on failure. */
Storage *cl_sort_keys(Ctx *c, const char *op, const Tensor *keys);
/* values and index (may be NULL): of every lane along dim of `sorted`, in ascending order with NaN last, one
 * element, and what `order` has at its place. rank is a Rank of ops/reduce.h. All contiguous. */
bool cl_pick_rank(Ctx *c, const char *op, const Tensor *values, const Tensor *index, const Tensor *sorted,
                  const Tensor *order, int dim, int rank, int64_t k);
/* out[i]: 1 + how many elements of its sorted row come before values[i] (before and at it where `right`). All
 * contiguous; sorted and values of one dtype: f32, f64 or i64. */
bool cl_search_sorted(Ctx *c, const char *op, const Tensor *out, const Tensor *sorted, const Tensor *values,
                      bool right);
/* out[i] (bool): values[i] is in `sorted`, a vector; is not, where invert. */
bool cl_is_member(Ctx *c, const char *op, const Tensor *out, const Tensor *sorted, const Tensor *values,
                  bool invert);

#endif
