/* Tensors put together along a dimension. */
#ifndef APSIS_OPS_JOIN_H
#define APSIS_OPS_JOIN_H

#include "core/tensor.h"

/* One after the other along dim; the other sizes agree. Dtypes are promoted together. As in PyTorch an empty
 * vector fits anything. */
bool op_cat(Ctx *c, Tensor *out, int n, const Tensor *const *t, int dim);
/* Side by side along a new dimension dim; all of one shape. */
bool op_stack(Ctx *c, Tensor *out, int n, const Tensor *const *t, int dim);

#endif
