/* Stable sorting of one row of keys, the choice of its k first, and of the k-th. */
#ifndef APSIS_CPU_SORT_H
#define APSIS_CPU_SORT_H

#include "core/dtype.h"

/* Bytes of scratch that the functions below need for a row of n. */
int64_t cpu_sort_scratch(int64_t n);
/* index[i]: the 0-based position of the element that comes i-th. NaN counts as the largest; equal elements
 * keep their order, descending too. x: element i at x[i * stride]. `dtype` is F32, F64, I64, I32, U8 or BOOL.
 */
void cpu_sort_row(int64_t *index, const void *x, DType dtype, int64_t n, int64_t stride, bool descending,
                  void *scratch);
/* The same for the first k only. */
void cpu_topk_row(int64_t *index, const void *x, DType dtype, int64_t n, int64_t stride, int64_t k,
                  bool descending, void *scratch);
/* The 0-based position of the element that comes k-th (from 1) in ascending order, in linear time. */
int64_t cpu_kth_of_row(const void *x, DType dtype, int64_t n, int64_t stride, int64_t k, void *scratch);
/* How many elements are NaN; *first: the position of the first one. */
int64_t cpu_count_nan(const void *x, DType dtype, int64_t n, int64_t stride, int64_t *first);

#endif
