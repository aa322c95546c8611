/* The numbers of one optimiser step, worked out by lib/bind and read by the kernels. */
#ifndef APSIS_CORE_OPTIM_STEP_H
#define APSIS_CORE_OPTIM_STEP_H

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

#endif
