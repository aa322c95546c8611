/* Normalisations on a device: contiguous tensors made by the op, x, g and the results of one floating dtype;
 * none of them is empty. Weight
 * and bias have one floating dtype and may be NULL; the statistics have one. */
#ifndef APSIS_CL_NORM_H
#define APSIS_CL_NORM_H

#include "core/tensor.h"

/* Rows of x, `n` elements each. groups 0: weight and bias have n elements (centre: about the mean). Else a
 * row is one of `groups` groups of channels, `run` elements a channel, and weight and bias have one a
 * channel. */
typedef struct ClRowNorm {
    const char *op;
    int64_t rows, n, groups, run;
    bool centre;
    double eps;
} ClRowNorm;
bool cl_row_norm(Ctx *c, const ClRowNorm *r, const Tensor *y, const Tensor *x, const Tensor *w,
                 const Tensor *b);
/* gw and gb may be NULL. */
bool cl_row_norm_grad(Ctx *c, const ClRowNorm *r, const Tensor *gx, const Tensor *gw, const Tensor *gb,
                      const Tensor *g, const Tensor *x, const Tensor *w);

/* x (n, c, s), each channel over n and s. */
typedef struct ClBatchNorm {
    int64_t n, c, s;
    double eps, momentum;
} ClBatchNorm;
/* running_mean and running_var (may be strided) move in place. */
bool cl_batch_norm(Ctx *c, const ClBatchNorm *o, const Tensor *y, const Tensor *x, const Tensor *w,
                   const Tensor *b, Tensor *running_mean, Tensor *running_var);
/* By given statistics. */
bool cl_batch_norm_given(Ctx *c, const ClBatchNorm *o, const Tensor *y, const Tensor *x, const Tensor *mean,
                         const Tensor *var, const Tensor *w, const Tensor *b);
bool cl_batch_norm_grad(Ctx *c, const ClBatchNorm *o, const Tensor *gx, const Tensor *gw, const Tensor *gb,
                        const Tensor *g, const Tensor *x, const Tensor *w);

#endif
