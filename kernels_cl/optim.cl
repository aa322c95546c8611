/* Optimiser steps, each one pass over its arrays; the arithmetic and its order are those of
 * lib/cpu/kernels_optim.c.
 *   P  dtype of the parameter, its gradient and its state: f32 or f64 */
#include "common.h"

typedef P T;

#ifdef KERNEL_sgd
/* b: the momentum buffer, or NULL. */
__kernel void sgd(const long n, TENSOR(T, p), TENSOR(const T, g), TENSOR(T, b), const T lr, const T decay,
                  const T keep, const T take, const T ahead, const T behind) {
    const long i = (long)get_global_id(0);
    if (i >= n) return;
    const T old = AT(p, i), d = AT(g, i) + decay * old;
    T move = d;
    if (b) {
        const T mean = keep * AT(b, i) + take * d;
        AT(b, i) = mean;
        move = ahead * d + behind * mean;
    }
    AT(p, i) = old - lr * move;
}
#endif

#ifdef KERNEL_adam
/* m, v: running means of the gradient and of its square; peak: the largest v so far, or NULL. */
__kernel void adam(const long n, TENSOR(T, p), TENSOR(const T, g), TENSOR(T, m), TENSOR(T, v), TENSOR(T, peak),
                   const T sign, const T shrink, const T decay, const T take1, const T keep2, const T take2,
                   const T rate, const T scale, const T eps) {
    const long i = (long)get_global_id(0);
    if (i >= n) return;
    const T old = AT(p, i), d = sign * AT(g, i) + decay * old;
    const T mean = AT(m, i) + take1 * (d - AT(m, i));
    const T square = keep2 * AT(v, i) + take2 * d * d;
    AT(m, i) = mean;
    AT(v, i) = square;
    T size = square;
    if (peak) {
        size = AT(peak, i) > square ? AT(peak, i) : square;
        AT(peak, i) = size;
    }
    AT(p, i) = shrink * old - rate * mean / (sqrt(size) / scale + eps);
}
#endif
