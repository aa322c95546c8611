/* softmax and log_softmax along one dimension. */
#ifndef APSIS_OPS_SOFTMAX_H
#define APSIS_OPS_SOFTMAX_H

#include "cpu/softmax.h"

/* x with its dimension dim between the others; a 0-dim x is (1, 1, 1). */
SoftmaxView softmax_view(const Tensor *x, int dim);

/* FORM_SOFTMAX or FORM_LOG_SOFTMAX along dim, x converted to `dtype` first. */
bool op_softmax(Ctx *c, Tensor *out, const Tensor *x, const char *name, int dim, DType dtype,
                SoftmaxForm form);
/* The gradient of x from that of the result y. */
bool op_softmax_grad(Ctx *c, Tensor *gx, const Tensor *g, const Tensor *y, const char *name, int dim,
                     SoftmaxForm form);

#endif
