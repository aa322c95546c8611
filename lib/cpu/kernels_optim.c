/* Optimiser steps, each one pass over its arrays. The arithmetic and its order are those of PyTorch's unfused
 * optimisers (torch/optim/sgd.py, adam.py), so that weights agree to the last bits. */
#include "cpu/kernels_optim.h"
#include "cpu/isa.h"
#include <math.h>
#include <stddef.h>

#define STEPS(T, tag, root)                                                                                  \
    static void sgd_plain_##tag(T *restrict p, const T *restrict g, int64_t n, T lr, T decay) {              \
        for (int64_t i = 0; i < n; i++) p[i] -= lr * (g[i] + decay * p[i]);                                  \
    }                                                                                                        \
    static void sgd_momentum_##tag(T *restrict p, const T *restrict g, T *restrict b, int64_t n, T lr,       \
                                   T decay, T keep, T take, T ahead, T behind) {                             \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            T d = g[i] + decay * p[i];                                                                       \
            b[i] = keep * b[i] + take * d;                                                                   \
            p[i] -= lr * (ahead * d + behind * b[i]);                                                        \
        }                                                                                                    \
    }                                                                                                        \
    static void sgd_##tag(void *p, const void *g, void *b, int64_t n, const SgdStep *s) {                    \
        T lr = (T)s->lr, decay = (T)s->weight_decay;                                                         \
        if (!b) {                                                                                            \
            sgd_plain_##tag(p, g, n, lr, decay);                                                             \
            return;                                                                                          \
        }                                                                                                    \
        sgd_momentum_##tag(p, g, b, n, lr, decay, s->first ? 0 : (T)s->momentum,                             \
                           s->first ? 1 : (T)(1 - s->dampening), s->nesterov ? 1 : 0,                        \
                           s->nesterov ? (T)s->momentum : 1);                                                \
    }                                                                                                        \
    static void adam_##tag(void *param, const void *gradient, void *mean, void *square, void *peak,          \
                           int64_t n, const AdamStep *s) {                                                   \
        T *restrict p = param, *restrict m = mean, *restrict v = square, *restrict top = peak;               \
        const T *restrict g = gradient;                                                                      \
        T shrink = (T)(s->decoupled ? 1 - s->lr * s->weight_decay : 1);                                      \
        T decay = (T)(s->decoupled ? 0 : s->weight_decay), sign = s->maximize ? -1 : 1;                      \
        T take1 = (T)(1 - s->beta1), keep2 = (T)s->beta2, take2 = (T)(1 - s->beta2), eps = (T)s->eps;        \
        T rate = (T)(s->lr / (1 - pow(s->beta1, (double)s->step)));                                          \
        T scale = (T)sqrt(1 - pow(s->beta2, (double)s->step));                                               \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            T d = sign * g[i] + decay * p[i];                                                                \
            m[i] += take1 * (d - m[i]);                                                                      \
            v[i] = keep2 * v[i] + take2 * d * d;                                                             \
        }                                                                                                    \
        if (top)                                                                                             \
            for (int64_t i = 0; i < n; i++) top[i] = top[i] > v[i] ? top[i] : v[i];                          \
        const T *restrict w = top ? top : v;                                                                 \
        for (int64_t i = 0; i < n; i++) p[i] = shrink * p[i] - rate * m[i] / (root(w[i]) / scale + eps);     \
    }

STEPS(float, f32, sqrtf)
STEPS(double, f64, sqrt)

extern const OptimKernels ISA_NAME(optim_kernels);
const OptimKernels ISA_NAME(optim_kernels) = {.sgd = {sgd_f32, sgd_f64}, .adam = {adam_f32, adam_f64}};
