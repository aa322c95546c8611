/* Ops that look values up, count and compare them: searchsorted, isin, unique, bincount, one_hot. unique runs
 * on the CPU only. Positions in results count from 1. */
#ifndef APSIS_OPS_SEARCH_H
#define APSIS_OPS_SEARCH_H

#include "core/tensor.h"

/* For each value the position in the row of `sorted` before which it belongs: before equal elements, or after
 * them where `right`. sorted (N) serves all values; (*, N) serves those of its own row. */
bool op_searchsorted(Ctx *c, Tensor *out, const char *name, const Tensor *sorted, const Tensor *values,
                     bool right);
/* True where an element of x is among those of test (is not, where invert). */
bool op_isin(Ctx *c, Tensor *out, const Tensor *x, const Tensor *test, bool invert);

/* The different elements of x (dim -1) or slices along dim, in order; the inverse: which of them each one of
 * x is; the counts. inverse and counts may be NULL. consecutive: runs only, in x's order. */
bool op_unique(Ctx *c, Tensor *values, Tensor *inverse, Tensor *counts, const char *name, const Tensor *x,
               int dim, bool consecutive);

/* How often each of the values 1..max(minlength, largest) occurs in x, or the sum of the weights beside it.
 */
bool op_bincount(Ctx *c, Tensor *out, const Tensor *x, const Tensor *weights, int64_t minlength);
/* count[v - first] for the values v of x (contiguous i64), which all lie in first .. first + slots - 1 (ops/
 * histogram.c). */
bool count_integers(Ctx *c, int64_t *count, const Tensor *x, int64_t first, int64_t slots);
/* i64 (bins): how many elements of x, floats on the CPU, fall into bins of equal width from low to high (ops/
 * histogram.c). Those outside and NaNs count nowhere. */
bool op_count_bins(Ctx *c, Tensor *out, const Tensor *x, int64_t bins, double low, double high);
/* i64 (*, classes): 1 at each class, 0 elsewhere. classes -1: the largest in x. */
bool op_one_hot(Ctx *c, Tensor *out, const Tensor *x, int64_t classes);

#endif
