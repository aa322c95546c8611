/* IDX, the format of the MNIST files (http://yann.lecun.com/exdb/mnist/): plain or in gzip. */
#ifndef APSIS_IO_IDX_H
#define APSIS_IO_IDX_H

#include "core/tensor.h"

/* Reads a file as a tensor of the dtype and shape that it gives. */
bool idx_read(Ctx *c, Tensor *out, const char *op, const char *path);

#endif
