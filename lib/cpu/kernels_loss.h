/* The CPU's kernels of elementwise losses over contiguous f32 or f64: one table an instruction set
 * (kernels_loss.c). Forward, `out` receives every element's loss and 0 is returned; or out is NULL and their
 * sum is returned. Backward, each gradient is multiplied by `factor`, and by its element of g where g is not
 * NULL. */
#ifndef APSIS_CPU_KERNELS_LOSS_H
#define APSIS_CPU_KERNELS_LOSS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct LossKernel {
    /* (x - t)^2 */
    double (*mse)(void *out, const void *x, const void *t, int64_t n);
    void (*mse_grad)(void *gx, const void *g, const void *x, const void *t, int64_t n, double factor);
    /* Binary cross entropy: w (t pos f(p) + (1 - t) f(1 - p)), f = -log, of logits x: p = sigmoid(x); or of
     * probabilities x = p, without pos and with f at most 100. w, pos: NULL for ones. */
    double (*bce)(void *out, const void *x, const void *t, const void *w, const void *pos, int64_t n,
                  bool logits);
    void (*bce_grad)(void *gx, const void *g, const void *x, const void *t, const void *w, const void *pos,
                     int64_t n, double factor, bool logits);
} LossKernel;

typedef struct LossKernels {
    LossKernel f32, f64;
} LossKernels;

#endif
