/* Losses over contiguous f32 or f64. Sums run in double over chunks of a fixed size that are joined in order:
 * the same on any number of threads. Functions that return bool fail when interrupted or out of memory. */
#ifndef APSIS_CPU_LOSS_H
#define APSIS_CPU_LOSS_H

#include "cpu/softmax.h"

/* --- elementwise; w and pos: of the cross entropies only */
typedef enum { PAIR_SQUARED, PAIR_LOGITS, PAIR_PROBABILITIES } PairKind;
typedef struct PairLoss {
    DType dtype;
    PairKind kind;
    const void *x, *t, *w, *pos;
    int64_t n;
} PairLoss;

/* out: n losses, or NULL; then *sum is their sum. */
bool cpu_pair_loss(Ctx *c, const PairLoss *p, void *out, double *sum);
/* Is every x in [0, 1]? */
bool cpu_are_probabilities(const PairLoss *p);
/* gx = factor times the derivative, times g where g is not NULL. */
bool cpu_pair_loss_grad(Ctx *c, const PairLoss *p, void *gx, const void *g, double factor);

/* --- over classes: x (outer, C, inner) holds the scores of outer * inner samples. Each has a distribution
 * over the classes, from its class and `smoothing` or given, times w; its loss is -sum of that times log
 * softmax(x) (times x itself where `normalised`: x holds logarithms of probabilities). */
typedef struct ClassLoss {
    DType dtype;
    SoftmaxView v;
    const void *x;
    const int64_t *classes;    /* (outer, inner), from 1; NULL: */
    const void *probabilities; /* (outer, C, inner) */
    const double *w;           /* C, or NULL */
    int64_t ignore_index;      /* a class that counts for nothing */
    double smoothing;
    bool normalised;
} ClassLoss;

/* each: the samples' losses as dtype, or NULL; sum: theirs; weight: what a mean divides by. */
bool cpu_class_loss(Ctx *c, const ClassLoss *l, void *each, double *sum, double *weight);
/* What a mean divides by: the sum of the samples' weights. */
double cpu_class_weight(const ClassLoss *l);
/* gx from g: a gradient for each sample (dtype), or NULL; all times factor. */
bool cpu_class_loss_grad(Ctx *c, const ClassLoss *l, void *gx, const void *g, double factor);
/* The sample (from 0) of the first class outside 1..C that is not to be ignored; -1: none. */
int64_t cpu_find_bad_class(const ClassLoss *l);

#endif
