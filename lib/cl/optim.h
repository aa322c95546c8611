/* Optimiser steps on a device: contiguous tensors of one shape and dtype, f32 or f64. */
#ifndef APSIS_CL_OPTIM_H
#define APSIS_CL_OPTIM_H

#include "core/optim_step.h"
#include "core/tensor.h"

/* b may be NULL. */
bool cl_sgd(Ctx *c, const Tensor *p, const Tensor *g, const Tensor *b, const SgdStep *s);
/* peak may be NULL. */
bool cl_adam(Ctx *c, const Tensor *p, const Tensor *g, const Tensor *m, const Tensor *v, const Tensor *peak,
             const AdamStep *s);

#endif
