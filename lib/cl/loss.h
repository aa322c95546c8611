/* Losses on a device: contiguous tensors, made by the op. */
#ifndef APSIS_CL_LOSS_H
#define APSIS_CL_LOSS_H

#include "core/tensor.h"

/* --- elementwise: operands of one shape and dtype */
typedef enum { CL_PAIR_SQUARED, CL_PAIR_LOGITS, CL_PAIR_PROBABILITIES } ClPairKind;
typedef struct ClPairLoss {
    const char *op;
    ClPairKind kind;
    const Tensor *x, *t, *w, *pos; /* w and pos may be NULL */
} ClPairLoss;

/* out: each loss; or, 0-dim, their sum or (mean) that divided by their number. */
bool cl_pair_loss(Ctx *c, const ClPairLoss *p, const Tensor *out, bool each, bool mean);
/* gx = scale times the derivative times g: an element for each loss, or one for all. */
bool cl_pair_loss_grad(Ctx *c, const ClPairLoss *p, const Tensor *gx, const Tensor *g, bool each,
                       double scale);

/* --- over classes: x (outer, n, inner) holds the scores of outer * inner samples */
typedef struct ClClassLoss {
    const char *op;
    DType dtype;                  /* of x, w, g and the results */
    const Tensor *x, *target, *w; /* target: i64 classes from 1, else probabilities; w (n) may be NULL */
    int64_t samples, n, inner, ignore_index;
    double smoothing;
    bool normalised; /* x holds logarithms of probabilities; the gradient does not read it */
} ClClassLoss;

bool cl_class_loss(Ctx *c, const ClClassLoss *l, const Tensor *out, bool each, bool mean);
bool cl_class_loss_grad(Ctx *c, const ClClassLoss *l, const Tensor *gx, const Tensor *g, bool each,
                        bool mean);

#endif
