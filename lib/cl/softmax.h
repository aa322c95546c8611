/* softmax and log_softmax on a device: contiguous tensors of one floating dtype, made by the op. */
#ifndef APSIS_CL_SOFTMAX_H
#define APSIS_CL_SOFTMAX_H

#include "core/tensor.h"

/* y sums to one along dim. */
bool cl_softmax(Ctx *c, const char *op, const Tensor *y, const Tensor *x, int dim, bool logarithm);
/* gx from the gradient g and the result y. */
bool cl_softmax_grad(Ctx *c, const char *op, const Tensor *gx, const Tensor *g, const Tensor *y, int dim,
                     bool logarithm);

#endif
