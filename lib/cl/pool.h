/* Pooling on a device: contiguous tensors (N, C, H, W) of one floating dtype, made by the op. */
#ifndef APSIS_CL_POOL_H
#define APSIS_CL_POOL_H

#include "core/pool_window.h"
#include "core/tensor.h"

/* `planes` of (h, w) into (oh, ow): windows of kh x kw elements, dh, dw apart, that start at (i * sh - ph,
 * j * sw - pw). */
typedef struct ClMaxPool {
    int64_t planes, h, w, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw;
} ClMaxPool;

/* y: what v holds where x has its maxima; v NULL: these; y of i64: their places in the plane, from 1. */
bool cl_max_pool(Ctx *c, const char *op, const Tensor *y, const Tensor *x, const Tensor *v,
                 const ClMaxPool *p);
/* gx from g, the gradient of the maxima. */
bool cl_max_pool_grad(Ctx *c, const char *op, const Tensor *gx, const Tensor *x, const Tensor *g,
                      const ClMaxPool *p);

/* y: the means of x over the windows times scale; or (gradient) the gradient of x from that of the means. */
bool cl_avg_pool(Ctx *c, const char *op, const Tensor *y, const Tensor *x, bool gradient,
                 const PoolAxis *rows, const PoolAxis *cols, double scale);

#endif
