/* Random numbers from the context's generator. Element i of a draw depends on the seed, the blocks used
 * before, and i alone: not on threads, nor on the tensor's strides. */
#ifndef APSIS_OPS_RANDOM_H
#define APSIS_OPS_RANDOM_H

#include "core/tensor.h"

/* In place, any strides and device; `op` is the name in errors. Floating tensors: */
bool op_uniform_(Ctx *c, Tensor *t, double from, double to, const char *op);
bool op_normal_(Ctx *c, Tensor *t, double mean, double std, const char *op);
bool op_exponential_(Ctx *c, Tensor *t, double rate);
/* Any dtype: integers from low to high, both included. */
bool op_randint_(Ctx *c, Tensor *t, int64_t low, int64_t high, const char *op);
/* Any dtype: 1 with probability p, else 0. */
bool op_bernoulli_(Ctx *c, Tensor *t, double p);
/* The same with a probability for each element, broadcast to t. */
bool op_bernoulli_each_(Ctx *c, Tensor *t, const Tensor *p);
/* 1..n in random order. */
bool op_randperm(Ctx *c, Tensor *out, int64_t n, DType dtype);
/* x / (1 - p) where an element is kept, 0 with probability p; the draw starts at block `offset` under `seed`,
 * so that the gradient drops the same elements. */
bool op_dropout(Ctx *c, Tensor *out, const Tensor *x, double p, uint64_t seed, uint64_t offset);
/* One number for each element of a, broadcast with b (NULL where a distribution has one parameter), in a's
 * dtype: from the gamma distribution of shape a and scale 1; from Poisson's of rate a; the successes of a
 * tries with probability b. NaN where the parameters are impossible. */
typedef enum { DRAW_GAMMA, DRAW_POISSON, DRAW_BINOMIAL } DrawEach;
bool op_draw_each(Ctx *c, Tensor *out, DrawEach which, const Tensor *a, const Tensor *b);
/* Blocks that a draw of n elements of one word takes. */
static inline uint64_t random_blocks(int64_t n) {
    return ((uint64_t)n + 3) / 4;
}

#endif
