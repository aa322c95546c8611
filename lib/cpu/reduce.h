/* Walking a strided tensor with the reduction kernels: dimensions are merged first, then the work is cut into
 * tasks by its shape alone, so that the result is the same for any number of threads. */
#ifndef APSIS_CPU_REDUCE_H
#define APSIS_CPU_REDUCE_H

#include "core/tensor.h"
#include "cpu/kernels_reduce.h"

typedef struct ReduceDim {
    int64_t size, in, out; /* strides in the input and in the result, in elements */
} ReduceDim;

typedef struct ReducePlan {
    int kept, reduced;
    ReduceDim k[MAX_DIMS], r[MAX_DIMS]; /* by falling input stride */
    int64_t outputs, n;                 /* results; elements per result */
    bool rows;                          /* the innermost reduced dimension is walked by the rows kernel */
} ReducePlan;

/* How x is reduced over the dimensions whose bit is set in `mask`, into a contiguous result. */
void cpu_reduce_plan(ReducePlan *plan, const Tensor *x, uint32_t mask);
/* out[...] = op over x. q: one double per result from an earlier pass, or NULL. */
bool cpu_reduce(Ctx *c, const ReducePlan *plan, const ReduceKernel *kernel, size_t x_size, const void *x,
                size_t out_size, void *out, const double *q, double p);
/* Both results of a kernel that has two, positions 1-based. The plan has one reduced dimension. `value` is of
 * x's type, `second` of second_size bytes an element. */
bool cpu_reduce_pair(Ctx *c, const ReducePlan *plan, const PairKernel *kernel, size_t x_size, const void *x,
                     void *value, size_t second_size, void *second);

#endif
