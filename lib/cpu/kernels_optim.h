/* The CPU's optimiser steps over contiguous runs of n elements: one table an instruction set
 * (kernels_optim.c). */
#ifndef APSIS_CPU_KERNELS_OPTIM_H
#define APSIS_CPU_KERNELS_OPTIM_H

#include "core/optim_step.h"

/* [0] f32, [1] f64 */
typedef struct OptimKernels {
    void (*sgd[2])(void *p, const void *g, void *b, int64_t n, const SgdStep *s);
    void (*adam[2])(void *p, const void *g, void *m, void *v, void *peak, int64_t n, const AdamStep *s);
} OptimKernels;

#endif
