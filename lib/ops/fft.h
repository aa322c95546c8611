/* Fourier transforms. There is no complex dtype: complex numbers are pairs (real, imaginary) in a last
 * dimension of size 2, which `dim` and `mask` do not count. Results are scaled by `scale` alone; `inverse` is
 * the sign of the exponent. Floating dtypes stay, others become f32. */
#ifndef APSIS_OPS_FFT_H
#define APSIS_OPS_FFT_H

#include "core/tensor.h"

/* Pairs to pairs along the dimensions in mask: sum over j of x[j] exp(-+ 2 pi i j k / n). */
bool op_fft_c2c(Ctx *c, Tensor *out, const Tensor *x, uint32_t mask, bool inverse, double scale);
/* Real numbers to the first n / 2 + 1 pairs of their transform along dim. */
bool op_fft_r2c(Ctx *c, Tensor *out, const Tensor *x, int dim, bool inverse, double scale);
/* n / 2 + 1 pairs, the first half of a Hermitian sequence, to its transform, n real numbers, along dim. */
bool op_fft_c2r(Ctx *c, Tensor *out, const Tensor *x, int dim, int64_t n, bool inverse, double scale);
/* Products of pairs, broadcast; of a and the conjugate of b where `conj`. */
bool op_cmul(Ctx *c, Tensor *out, const Tensor *a, const Tensor *b, bool conj);

#endif
