/* The leading dimensions of a batch of matrix products, and how each operand steps through them. */
#ifndef APSIS_CORE_BATCH_H
#define APSIS_CORE_BATCH_H

#include "core/tensor.h"

typedef struct Batch {
    int ndim;
    int64_t size[MAX_DIMS], count;
    int64_t stride_a[MAX_DIMS], stride_b[MAX_DIMS]; /* in elements; 0 repeats */
} Batch;

#endif
