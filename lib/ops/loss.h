/* Losses. Elementwise: squared error and binary cross entropy. Over classes: cross_entropy and
 * nll_loss.
 */
#ifndef APSIS_OPS_LOSS_H
#define APSIS_OPS_LOSS_H

#include "core/tensor.h"

/* Over all samples (of a loss over classes: weighted), their sum, or each one's. */
typedef enum { LOSS_MEAN, LOSS_SUM, LOSS_NONE } Reduction;

/* The squared error of x and a target of the same shape. */
bool op_mse_loss(Ctx *c, Tensor *out, const Tensor *x, const Tensor *target, Reduction r);
bool op_mse_loss_grad(Ctx *c, Tensor *gx, const Tensor *g, const Tensor *x, const Tensor *target,
                      Reduction r);

/* Binary cross entropy of logits (else: probabilities) x and targets of the same shape; weight and, with
 * logits, pos_weight broadcast to it, or are NULL. */
bool op_bce(Ctx *c, Tensor *out, const Tensor *x, const Tensor *target, const Tensor *weight,
            const Tensor *pos_weight, Reduction r, bool logits);
bool op_bce_grad(Ctx *c, Tensor *gx, const Tensor *g, const Tensor *x, const Tensor *target,
                 const Tensor *weight, const Tensor *pos_weight, Reduction r, bool logits);

typedef struct ClassOptions {
    const char *name;
    bool normalised;      /* nll_loss: x holds logarithms of probabilities, and only classes may be targets */
    const Tensor *weight; /* (C), or NULL */
    int64_t ignore_index;
    Reduction reduction;
    double smoothing;
} ClassOptions;

/* Scores x: (N, C), (C) or (N, C, ...). Target: classes from 1, of the shape of x without C; or
 * probabilities, of the shape of x. */
bool op_class_loss(Ctx *c, Tensor *out, const Tensor *x, const Tensor *target, const ClassOptions *o);
/* x may be a shape only where o->normalised. */
bool op_class_loss_grad(Ctx *c, Tensor *gx, const Tensor *g, const Tensor *x, const Tensor *target,
                        const ClassOptions *o);

#endif
