/* Fused optimiser steps: one pass over a parameter, its gradient and its state, in place. f32 and f64. */
#ifndef APSIS_OPS_OPTIM_H
#define APSIS_OPS_OPTIM_H

#include "core/tensor.h"
#include "cpu/kernels_optim.h"

/* p moves along -g; b is the momentum buffer, NULL where momentum is 0. All of p's shape and dtype. */
bool op_sgd_step_(Ctx *c, Tensor *p, const Tensor *g, Tensor *b, const SgdStep *s);
/* m and v are the running means; peak is amsgrad's, else NULL. All of p's shape and dtype. */
bool op_adam_step_(Ctx *c, Tensor *p, const Tensor *g, Tensor *m, Tensor *v, Tensor *peak, const AdamStep *s);

#endif
