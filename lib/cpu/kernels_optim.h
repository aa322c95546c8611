/* The CPU's optimiser steps over contiguous runs of n elements: one table an instruction set
 * (kernels_optim.c). */
#ifndef APSIS_CPU_KERNELS_OPTIM_H
#define APSIS_CPU_KERNELS_OPTIM_H

#include <stdbool.h>
#include <stdint.h>

/* p: parameter; g: gradient; b: momentum buffer (NULL where momentum is 0). */
typedef struct SgdStep {
    double lr, momentum, dampening, weight_decay;
    bool nesterov;
    bool first; /* b is zeros: it becomes the gradient, whatever the dampening */
} SgdStep;

/* m, v: running means of the gradient and of its square; peak: the largest v so far (NULL without amsgrad).
 */
typedef struct AdamStep {
    double lr, beta1, beta2, eps, weight_decay;
    int64_t step;   /* counts from 1 */
    bool decoupled; /* AdamW: the decay acts on the parameter, not through the gradient */
    bool maximize;
} AdamStep;

/* [0] f32, [1] f64 */
typedef struct OptimKernels {
    void (*sgd[2])(void *p, const void *g, void *b, int64_t n, const SgdStep *s);
    void (*adam[2])(void *p, const void *g, void *m, void *v, void *peak, int64_t n, const AdamStep *s);
} OptimKernels;

#endif
