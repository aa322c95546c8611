/* Reductions over any set of dimensions, and extremes with their positions. `mask` has bit d set for every
 * dimension that is reduced (reduce_all(x) for all of them); with keepdim those stay with size 1. Positions
 * are 1-based. */
#ifndef APSIS_OPS_REDUCE_H
#define APSIS_OPS_REDUCE_H

#include "core/tensor.h"
#include "cpu/kernels_reduce.h"

static inline uint32_t reduce_all(const Tensor *x) {
    return (1u << x->ndim) - 1;
}

/* A line of reduce.def by its number: sum, prod, amax, amin, all, any, count_nonzero, mean. `name` is for
 * errors. */
bool op_reduce(Ctx *c, Tensor *out, const Tensor *x, ReduceOp op, const char *name, uint32_t mask,
               bool keepdim);
/* The same, x converted to `dtype` first. */
bool op_reduce_as(Ctx *c, Tensor *out, const Tensor *x, ReduceOp op, const char *name, uint32_t mask,
                  bool keepdim, DType dtype);
/* The smallest and the largest, in one reading. */
bool op_aminmax(Ctx *c, Tensor *low, Tensor *high, const Tensor *x, const char *name, uint32_t mask,
                bool keepdim);
/* (sum |x|^p)^(1/p); p may be 0 (count), inf (largest), -inf (smallest). */
bool op_norm(Ctx *c, Tensor *out, const Tensor *x, double p, uint32_t mask, bool keepdim);
/* Squared deviation from the mean, over n - correction; its root where `root`. mean: NULL, or receives the
 * mean too. */
bool op_var(Ctx *c, Tensor *out, Tensor *mean, const Tensor *x, const char *name, uint32_t mask,
            double correction, bool keepdim, bool root);
bool op_logsumexp(Ctx *c, Tensor *out, const Tensor *x, uint32_t mask, bool keepdim);
/* The largest (or smallest) along dim and its position; either result may be NULL. dim -1: over all of x,
 * flat. */
bool op_extreme(Ctx *c, Tensor *value, Tensor *index, const Tensor *x, const char *name, bool smallest,
                int dim, bool keepdim);
/* x summed to a shape that broadcasts to x's; x itself where the shapes agree. */
bool op_sum_to_size(Ctx *c, Tensor *out, const Tensor *x, int ndim, const int64_t *size);

/* --- scans (ops/scan.c): kind is SCAN_sum, SCAN_prod or SCAN_logsumexp
 * ---------------------------------------- */
bool op_scan(Ctx *c, Tensor *out, const Tensor *x, int kind, const char *name, int dim, bool reverse);
/* The same, x converted to `dtype` first. */
bool op_scan_as(Ctx *c, Tensor *out, const Tensor *x, int kind, const char *name, int dim, bool reverse,
                DType dtype);
/* The largest (or smallest) element so far along dim and its position: the latest of equal ones. A NaN stays.
 */
bool op_cumulative_extreme(Ctx *c, Tensor *values, Tensor *index, const Tensor *x, const char *name, int dim,
                           bool smallest);

/* --- order (ops/sort.c)
 * ------------------------------------------------------------------------------------------ */
/* Stable; NaN counts as the largest. values may be NULL. */
bool op_sort(Ctx *c, Tensor *values, Tensor *index, const Tensor *x, const char *name, int dim,
             bool descending);
/* The k largest (or smallest), in order, and their positions; ties: the first ones. */
bool op_topk(Ctx *c, Tensor *values, Tensor *index, const Tensor *x, int64_t k, int dim, bool largest);
/* One element of each lane along dim (-1: of all of x, flat) by its place in ascending order, NaN last, and
 * its position, which may be NULL: the k-th from 1; the lower median, or the first NaN where there is one;
 * the lower median of what is not NaN; on the CPU the last of the most frequent (the smallest of such, NaNs
 * all differ). */
typedef enum { RANK_KTH, RANK_MEDIAN, RANK_NANMEDIAN, RANK_MODE } Rank;
bool op_select_rank(Ctx *c, Tensor *values, Tensor *index, const Tensor *x, const char *name, Rank rank,
                    int64_t k, int dim, bool keepdim);

/* The kernel kind of a dtype, -1 where it must be converted first (f16, bf16, i8, i16); and the dtype it
 * becomes. */
int reduce_kind(DType t);
DType reduce_native(DType t);

#endif
