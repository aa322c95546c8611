/* Convolution by im2col in tiles. Tasks are (image, group) pairs, or tiles of one where there are few of
 * them; a task multiplies on its own thread. */
#include "cpu/conv.h"
#include "cpu/blas.h"
#include "cpu/kernels_conv.h"
#include <omp.h>
#include <string.h>

enum {
    TILE_BYTES = 256 << 10, /* of a column matrix: half of a second-level cache */
    LEAST_TILE = 64,        /* columns: below it products are thin */
    FMA_PER_OPERATION = 8   /* multiplications in the time of one elementary operation (ctx_threads) */
};

/* What every task reads. k: rows of the column matrix (channels of a group times kernel); pixels: its
 * columns. */
typedef struct Plan {
    const ConvShape *s;
    const ConvKernels *kernels;
    DType dtype;
    int64_t size; /* bytes of an element */
    int64_t cg, og, k, pixels;
    int64_t tile;   /* columns at a time */
    bool pointwise; /* the image is its own column matrix */
    int threads;
} Plan;

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static Plan plan_of(const Ctx *c, const ConvShape *s, DType dtype) {
    Plan p = {.s = s,
              .kernels = &ISA_SELECT(conv_kernels)->type[dtype == F64],
              .dtype = dtype,
              .size = (int64_t)dtype_size(dtype),
              .cg = s->c / s->groups,
              .og = s->o / s->groups,
              .pixels = s->oh * s->ow};
    p.k = p.cg * s->kh * s->kw;
    p.pointwise = s->kh == 1 && s->kw == 1 && s->sh == 1 && s->sw == 1 && s->ph == 0 && s->pw == 0 &&
                  s->oh == s->h && s->ow == s->w;
    p.tile = TILE_BYTES / (p.size * (p.k ? p.k : 1));
    if (p.tile < LEAST_TILE) p.tile = LEAST_TILE;
    /* Whole output rows: im2col then copies runs. */
    if (p.tile > s->ow) p.tile -= p.tile % s->ow;
    p.tile = smaller(p.tile, p.pixels);
    double work =
        (double)s->n * (double)s->groups * (double)p.og * (double)p.k * (double)p.pixels / FMA_PER_OPERATION;
    p.threads = ctx_threads(c, work < 1e18 ? (int64_t)work : (int64_t)1e18);
    return p;
}

static char *at(const void *base, int64_t elements, const Plan *p) {
    return (char *)base + elements * p->size;
}

/* The column matrix (k, count) of columns from..from+count of one image and group; `ld` receives its row
 * length. */
static const void *columns(const Plan *p, const void *image, int64_t from, int64_t count, void *room,
                           int64_t *ld) {
    if (p->pointwise) {
        *ld = p->pixels;
        return at(image, from, p);
    }
    *ld = count;
    p->kernels->im2col(p->s, p->cg, from, count, image, room);
    return room;
}

/* One piece of scratch a thread. NULL with the error set. */
static char *scratch(Ctx *c, const Plan *p, int64_t elements) {
    return ctx_scratch(c, (elements * p->size + 63) / 64 * 64 * p->threads);
}

static bool finish(Ctx *c, void *room) {
    ctx_scratch_free(c, room);
    return !ctx_stopping(c) || ctx_interrupted(c);
}

/* --- forward -----------------------------------------------------------------------------------------------
 */

static void forward_tile(const Ctx *c, const Plan *p, void *y, const void *x, const void *weight,
                         const void *bias, int64_t image, int64_t group, int64_t from, void *room,
                         int threads) {
    const ConvShape *s = p->s;
    int64_t count = smaller(p->tile, p->pixels - from), ld;
    const void *source = at(x, (image * s->c + group * p->cg) * s->h * s->w, p);
    const void *cols = columns(p, source, from, count, room, &ld);
    void *to = at(y, (image * s->o + group * p->og) * p->pixels + from, p);
    if (bias) p->kernels->fill_rows(p->og, count, p->pixels, at(bias, group * p->og, p), to);
    cpu_gemm(c, p->dtype, p->og, count, p->k, (Matrix){at(weight, group * p->og * p->k, p), p->k, 1},
             (Matrix){(void *)cols, ld, 1}, bias ? 1 : 0, (Matrix){to, p->pixels, 1}, threads);
}

bool cpu_conv2d(Ctx *c, const ConvShape *s, DType dtype, void *y, const void *x, const void *weight,
                const void *bias) {
    Plan p = plan_of(c, s, dtype);
    int64_t tiles = (p.pixels + p.tile - 1) / p.tile, tasks = s->n * s->groups * tiles;
    if (tasks < p.threads) p.threads = (int)tasks;
    char *room = scratch(c, &p, p.k * p.tile);
    if (!room) return false;
    int64_t piece = (p.k * p.tile * p.size + 63) / 64 * 64;
#pragma omp parallel for num_threads(p.threads) if (p.threads > 1) schedule(static)
    for (int64_t t = 0; t < tasks; t++) {
        if (ctx_stopping(c)) continue;
        forward_tile(c, &p, y, x, weight, bias, t / tiles / s->groups, t / tiles % s->groups,
                     t % tiles * p.tile, room + omp_get_thread_num() * piece, p.threads > 1 ? 1 : 0);
    }
    return finish(c, room);
}

/* --- gradient of the input ---------------------------------------------------------------------------------
 */

static void input_grad_image(const Ctx *c, const Plan *p, void *gx, const void *g, const void *weight,
                             int64_t image, int64_t group, void *room, int threads) {
    const ConvShape *s = p->s;
    Matrix w = {at(weight, group * p->og * p->k, p), 1, p->k}; /* transposed */
    void *to = at(gx, (image * s->c + group * p->cg) * s->h * s->w, p);
    const void *from = at(g, (image * s->o + group * p->og) * p->pixels, p);
    if (p->pointwise) {
        cpu_gemm(c, p->dtype, p->k, p->pixels, p->og, w, (Matrix){(void *)from, p->pixels, 1}, 0,
                 (Matrix){to, p->pixels, 1}, threads);
        return;
    }
    memset(to, 0, (size_t)(p->cg * s->h * s->w * p->size));
    for (int64_t first = 0; first < p->pixels; first += p->tile) {
        int64_t count = smaller(p->tile, p->pixels - first);
        cpu_gemm(c, p->dtype, p->k, count, p->og, w, (Matrix){at(from, first, p), p->pixels, 1}, 0,
                 (Matrix){room, count, 1}, threads);
        p->kernels->col2im(s, p->cg, first, count, room, to);
    }
}

bool cpu_conv2d_input_grad(Ctx *c, const ConvShape *s, DType dtype, void *gx, const void *g,
                           const void *weight) {
    Plan p = plan_of(c, s, dtype);
    int64_t tasks = s->n * s->groups;
    if (tasks < p.threads) p.threads = (int)tasks;
    char *room = scratch(c, &p, p.k * p.tile);
    if (!room) return false;
    int64_t piece = (p.k * p.tile * p.size + 63) / 64 * 64;
#pragma omp parallel for num_threads(p.threads) if (p.threads > 1) schedule(static)
    for (int64_t t = 0; t < tasks; t++) {
        if (ctx_stopping(c)) continue;
        input_grad_image(c, &p, gx, g, weight, t / s->groups, t % s->groups,
                         room + omp_get_thread_num() * piece, p.threads > 1 ? 1 : 0);
    }
    return finish(c, room);
}

/* --- gradient of the weight --------------------------------------------------------------------------------
 */

/* sum (o, k) takes in images from..to. */
static void weight_grad_images(const Ctx *c, const Plan *p, void *sum, const void *x, const void *g,
                               int64_t from, int64_t to, void *room, int threads) {
    const ConvShape *s = p->s;
    for (int64_t t = from * s->groups; t < to * s->groups && !ctx_stopping(c); t++) {
        int64_t image = t / s->groups, group = t % s->groups;
        const void *source = at(x, (image * s->c + group * p->cg) * s->h * s->w, p);
        for (int64_t first = 0; first < p->pixels; first += p->tile) {
            int64_t count = smaller(p->tile, p->pixels - first), ld;
            const void *cols = columns(p, source, first, count, room, &ld);
            const void *gradient = at(g, (image * s->o + group * p->og) * p->pixels + first, p);
            cpu_gemm(c, p->dtype, p->og, p->k, count, (Matrix){(void *)gradient, p->pixels, 1},
                     (Matrix){(void *)cols, 1, ld}, image > from || first > 0 ? 1 : 0,
                     (Matrix){at(sum, group * p->og * p->k, p), p->k, 1}, threads);
        }
    }
}

bool cpu_conv2d_weight_grad(Ctx *c, const ConvShape *s, DType dtype, void *gw, const void *x, const void *g) {
    Plan p = plan_of(c, s, dtype);
    if (s->n < p.threads) p.threads = (int)s->n;
    int64_t weights = s->o * p.k, piece = (p.k * p.tile * p.size + 63) / 64 * 64;
    char *room = scratch(c, &p, p.k * p.tile);
    char *sums = room ? ctx_scratch(c, weights * p.size * p.threads) : NULL; /* the first thread's is gw */
    if (!sums) {
        ctx_scratch_free(c, room);
        return false;
    }
#pragma omp parallel for num_threads(p.threads) if (p.threads > 1) schedule(static)
    for (int t = 0; t < p.threads; t++)
        weight_grad_images(c, &p, t ? at(sums, weights * t, &p) : gw, x, g, s->n * t / p.threads,
                           s->n * (t + 1) / p.threads, room + t * piece, p.threads > 1 ? 1 : 0);
    for (int t = 1; t < p.threads; t++) p.kernels->add(weights, gw, at(sums, weights * t, &p));
    ctx_scratch_free(c, sums);
    return finish(c, room);
}
