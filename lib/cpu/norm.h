/* Normalisation over contiguous f32 or f64: the walks over rows, groups and channels. Functions that return
 * bool fail when interrupted or out of memory. */
#ifndef APSIS_CPU_NORM_H
#define APSIS_CPU_NORM_H

#include "core/tensor.h"

/* (N, C, S): samples, channels, positions. */
typedef struct NormView {
    int64_t n, c, s;
} NormView;

/* Layer and root-mean-square normalisation of each row of (rows, n); w, b: n elements, or NULL. */
bool cpu_row_norm(Ctx *c, void *y, const void *x, DType dtype, int64_t rows, int64_t n, const void *w,
                  const void *b, double eps, bool centre);
/* gw, gb: n doubles that receive the gradients of w and b; NULL where they are not wanted. */
bool cpu_row_norm_grad(Ctx *c, void *gx, double *gw, double *gb, const void *g, const void *x, DType dtype,
                       int64_t rows, int64_t n, const void *w, double eps, bool centre);

/* Batch normalisation: each channel over n and s. w, b: c doubles, or NULL. mean, var: c doubles, written; or
 * with `given`, read. */
bool cpu_batch_norm(Ctx *c, void *y, const void *x, DType dtype, NormView v, double *mean, double *var,
                    bool given, const double *w, const double *b, double eps);
/* gw, gb: c doubles, always written. */
bool cpu_batch_norm_grad(Ctx *c, void *gx, double *gw, double *gb, const void *g, const void *x, DType dtype,
                         NormView v, const double *w, double eps);

/* Group normalisation: each sample's channels in `groups` groups of neighbours, over them and s. */
bool cpu_group_norm(Ctx *c, void *y, const void *x, DType dtype, NormView v, int64_t groups, const double *w,
                    const double *b, double eps);
bool cpu_group_norm_grad(Ctx *c, void *gx, double *gw, double *gb, const void *g, const void *x, DType dtype,
                         NormView v, int64_t groups, const double *w, double eps);

#endif
