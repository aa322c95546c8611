/* Fourier transforms on a device: what lib/ops/fft.c calls. */
#ifndef APSIS_CL_FFT_H
#define APSIS_CL_FFT_H

#include "core/tensor.h"
#include "cpu/fft.h"

/* As cpu_fft; f->x and f->y are not set, the elements are those of the tensors. */
bool cl_fft(Ctx *c, const char *op, const FftLines *f, const Tensor *y, const Tensor *x);
/* As cpu_pairs. */
bool cl_pairs(Ctx *c, const char *op, const Loop *pairs, const Tensor *y, const Tensor *a, const Tensor *b,
              bool conj);

#endif
