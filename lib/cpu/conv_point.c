/* Convolutions of single pixels. A product is of one image and group, or of a part of its pixels where there
 * are too few images for all threads. */
#include "cpu/conv_point.h"
#include "core/parallel.h"
#include "cpu/blas.h"
#include "cpu/conv_tiles.h"
#include <string.h>
#include <omp.h>

enum { LEAST_PIXELS = 256, PARTS_BYTES = 16 << 20 /* that the sums of all parts take at most */ };

bool conv_is_pointwise(const ConvShape *s) {
    bool is = true;
    for (int d = 0; d < 2; d++)
        is = is && s->kernel[d] == 1 && s->stride[d] == 1 && s->before[d] == 0 && s->out[d] == s->in[d];
    /* Groups of few channels make thin products. */
    return is && s->c / s->groups >= 16 && s->o / s->groups >= 16;
}

/* out[r][i] = value[r] for i < count. */
static void fill_rows(DType dtype, char *out, int64_t rows, int64_t pitch, int64_t count, const char *value) {
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < count; i++) {
            if (dtype == F64)
                ((double *)out)[r * pitch + i] = ((const double *)value)[r];
            else
                ((float *)out)[r * pitch + i] = ((const float *)value)[r];
        }
}

bool point_results(Ctx *c, const ConvShape *s, DType dtype, bool backward, char *out, const char *source,
                   const char *weights, const char *bias) {
    const int64_t size = (int64_t)dtype_size(dtype), pixels = s->in[0] * s->in[1], in = s->c / s->groups;
    const int64_t made = s->o / s->groups, from = backward ? made : in, to = backward ? in : made;
    const int threads = ctx_threads(c, conv_work(s));
    int64_t cuts = ceil_div(4 * threads, s->n * s->groups);
    if (cuts > pixels / LEAST_PIXELS) cuts = pixels / LEAST_PIXELS ? pixels / LEAST_PIXELS : 1;
    if (threads == 1) cuts = 1;
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(dynamic)
    for (int64_t task = 0; task < s->n * s->groups * cuts; task++) {
        if (ctx_stopping(c)) continue;
        const int64_t plane = task / cuts, g = plane % s->groups,
                      cut = task % cuts; /* plane: image and group */
        const int64_t first = cut * pixels / cuts, count = (cut + 1) * pixels / cuts - first;
        const Matrix w = {(char *)weights + g * made * in * size, backward ? 1 : in, backward ? in : 1};
        const Matrix x = {(char *)source + (plane * from * pixels + first) * size, pixels, 1};
        char *y = out + (plane * to * pixels + first) * size;
        if (bias) fill_rows(dtype, y, to, pixels, count, bias + g * to * size);
        cpu_gemm(c, dtype, to, count, from, w, x, bias ? 1 : 0, (Matrix){y, pixels, 1}, 1);
    }
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}

/* sum [group][made][in] of images first..end - 1. */
static void sum_images(const Ctx *c, const ConvShape *s, DType dtype, char *sum, const char *x, const char *g,
                       int64_t first, int64_t end, int threads) {
    const int64_t size = (int64_t)dtype_size(dtype), pixels = s->in[0] * s->in[1], in = s->c / s->groups;
    const int64_t made = s->o / s->groups;
    for (int64_t plane = first * s->groups; plane < end * s->groups && !ctx_stopping(c); plane++)
        cpu_gemm(c, dtype, made, in, pixels, (Matrix){(char *)g + plane * made * pixels * size, pixels, 1},
                 (Matrix){(char *)x + plane * in * pixels * size, 1, pixels},
                 plane / s->groups > first ? 1 : 0,
                 (Matrix){sum + plane % s->groups * made * in * size, in, 1}, threads);
}

bool point_weight_grad(Ctx *c, const ConvShape *s, DType dtype, char *gw, const char *x, const char *g) {
    const int64_t bytes = s->o * (s->c / s->groups) * (int64_t)dtype_size(dtype);
    int parts = ctx_threads(c, conv_work(s));
    if (parts > s->n || parts * bytes > PARTS_BYTES) parts = 1;
    char *sums = ctx_scratch(c, bytes * parts); /* the first part's are gw */
    if (!sums) return false;
    PARALLEL_FOR(parts, part, parts, {
        sum_images(c, s, dtype, part ? sums + part * bytes : gw, x, g, s->n * part / parts,
                   s->n * (part + 1) / parts, parts > 1 ? 1 : 0);
    });
    for (int part = 1; part < parts; part++)
        conv_kernels_of(dtype)->add(gw, sums + part * bytes, bytes / (int64_t)dtype_size(dtype));
    ctx_scratch_free(c, sums);
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}
