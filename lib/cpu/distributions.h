/* Draws from the gamma, Poisson and binomial distributions: core/distribution_functions.h over arrays. */
#ifndef APSIS_CPU_DISTRIBUTIONS_H
#define APSIS_CPU_DISTRIBUTIONS_H

#include "core/ctx.h"

/* y[i] with parameters a[i], b[i] (b unused but by binomial) from counter + i under `seed`. which: 0 gamma, 1
 * Poisson, 2 binomial. False where interrupted. */
bool cpu_draw_each(Ctx *c, int which, double *y, const double *a, const double *b, int64_t n, uint64_t seed,
                   uint64_t counter);

#endif
