/* Normalisations. Weights and biases may be NULL. In the gradients gw and gb may be NULL where they are not
 * wanted; what they hold has the dtype of x. */
#ifndef APSIS_OPS_NORM_H
#define APSIS_OPS_NORM_H

#include "core/tensor.h"

/* Over the last `ndim` dimensions, which must have the sizes `size`; weight and bias have that shape.
 * `centre`: layer_norm, about the mean; else rms_norm, by the root mean square. An eps of NAN stands for
 * that of the dtype. */
typedef struct RowNorm {
    const char *name;
    int ndim;
    const int64_t *size;
    double eps;
    bool centre;
} RowNorm;
bool op_row_norm(Ctx *c, Tensor *out, const Tensor *x, const Tensor *weight, const Tensor *bias,
                 const RowNorm *r);
bool op_row_norm_grad(Ctx *c, Tensor *gx, Tensor *gw, Tensor *gb, const Tensor *g, const Tensor *x,
                      const Tensor *weight, const RowNorm *r);

/* Each channel of x (N, C, ...) over all else, by the statistics of this batch. The running statistics (C),
 * where they are given, move towards it by `momentum`, in place. */
bool op_batch_norm_train(Ctx *c, Tensor *out, const Tensor *x, const Tensor *weight, const Tensor *bias,
                         Tensor *running_mean, Tensor *running_var, double momentum, double eps);
bool op_batch_norm_train_grad(Ctx *c, Tensor *gx, Tensor *gw, Tensor *gb, const Tensor *g, const Tensor *x,
                              const Tensor *weight, double eps);
/* The same by given statistics (C). */
bool op_batch_norm_eval(Ctx *c, Tensor *out, const Tensor *x, const Tensor *mean, const Tensor *var,
                        const Tensor *weight, const Tensor *bias, double eps);

/* Each sample's C channels in `groups` groups. */
bool op_group_norm(Ctx *c, Tensor *out, const Tensor *x, int64_t groups, const Tensor *weight,
                   const Tensor *bias, double eps);
bool op_group_norm_grad(Ctx *c, Tensor *gx, Tensor *gw, Tensor *gb, const Tensor *g, const Tensor *x,
                        int64_t groups, const Tensor *weight, double eps);

#endif
