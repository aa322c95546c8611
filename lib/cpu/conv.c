/* Convolutions: how they are cut into tiles. A convolution and the gradient of its input are the same walk:
 * results that are sums over taps of a source. In a strided convolution's input gradient, neighbouring
 * results do not read the same taps: those that do form a pass. The arithmetic is in kernels_conv.c. */
#include "cpu/conv.h"
#include "cpu/kernels_conv.h"
#include <string.h>
#include <omp.h>

enum {
    COPY_BYTES = 192 * 1024, /* of a tile's copy: it shares the second cache with the weights */
    NARROW = 64,             /* a tile is not cut narrower than this */
    TASKS_A_THREAD = 4,      /* tiles are made smaller until there are so many */
    FLOPS_A_WORK = 16,       /* multiplications that take as long as one elementary operation */
    MOST_LANES = 16,
    PARTS_BYTES = 16 << 20 /* that the sums of a weights' gradient take at most over all threads */
};

static int64_t ceil_div(int64_t a, int64_t b) {
    return a > 0 ? (a + b - 1) / b : -(-a / b);
}
static int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static const ConvKernels *kernels(DType dtype) {
    return &ISA_SELECT(conv_kernels)->type[dtype == F64];
}

/* --- axes
 * --------------------------------------------------------------------------------------------------------
 */

/* Results first, first + step, ...: `count` of them, numbered m from 0. Result m reads, by each of its taps,
 * the source at m * stride + shift. In the copy that is plane `slot`, position m + quotient. */
typedef struct Tap {
    int64_t index; /* in the kernel */
    int64_t shift, quotient, slot;
} Tap;
typedef struct Pass {
    int64_t first, step, count, taps;
    Tap *tap;
} Pass;

typedef struct Axis {
    int64_t stride, passes, most; /* most: the largest count of a pass */
    int64_t base, span;           /* the smallest shift; the largest quotient */
    int64_t remainders;
    Pass *pass;
    int64_t *remainder; /* that shifts leave, counted from base, by the stride */
} Axis;

/* Memory for an axis of `kernel` taps. */
static bool open_axis(Ctx *c, Axis *a, int64_t kernel, int64_t stride) {
    const int64_t bytes = kernel * (int64_t)(sizeof(Tap) + sizeof(int64_t)) + stride * (int64_t)sizeof(Pass);
    char *memory = ctx_scratch(c, bytes);
    if (!memory) return false;
    *a = (Axis){.pass = (Pass *)memory};
    Tap *tap = (Tap *)(a->pass + stride);
    a->remainder = (int64_t *)(tap + kernel);
    for (int64_t p = 0; p < stride; p++) a->pass[p].tap = tap;
    return true;
}

/* Finds base, span, the remainders and what follows for every tap. Taps lie in one array over all passes. */
static void settle_axis(Axis *a, int64_t stride) {
    int64_t taps = 0;
    Tap *tap = a->pass[0].tap;
    a->stride = stride;
    for (int64_t p = 0; p < a->passes; p++) {
        taps += a->pass[p].taps;
        if (a->pass[p].count > a->most) a->most = a->pass[p].count;
    }
    a->base = taps ? tap[0].shift : 0;
    for (int64_t t = 1; t < taps; t++) a->base = min64(a->base, tap[t].shift);
    for (int64_t t = 0; t < taps; t++) {
        const int64_t r = (tap[t].shift - a->base) % stride;
        int64_t slot = 0;
        while (slot < a->remainders && a->remainder[slot] != r) slot++;
        if (slot == a->remainders) a->remainder[a->remainders++] = r;
        tap[t].slot = slot;
        tap[t].quotient = (tap[t].shift - a->base) / stride;
        if (tap[t].quotient > a->span) a->span = tap[t].quotient;
    }
}

/* Output positions of a convolution, which read its input. d: 0 down, 1 across. */
static bool forward_axis(Ctx *c, Axis *a, const ConvShape *s, int d) {
    if (!open_axis(c, a, s->kernel[d], s->stride[d])) return false;
    a->passes = 1;
    Pass *p = &a->pass[0];
    p->first = 0;
    p->step = 1;
    p->count = s->out[d];
    p->taps = s->kernel[d];
    for (int64_t k = 0; k < p->taps; k++)
        p->tap[k] = (Tap){.index = k, .shift = k * s->dilation[d] - s->before[d]};
    settle_axis(a, s->stride[d]);
    return true;
}

/* Input positions, whose gradients read the output's: i = o * stride + k * dilation - before, for whole o. */
static bool backward_axis(Ctx *c, Axis *a, const ConvShape *s, int d) {
    const int64_t stride = s->stride[d], before = s->before[d];
    if (!open_axis(c, a, s->kernel[d], stride)) return false;
    Tap *next = a->pass[0].tap;
    for (int64_t rest = 0; rest < stride; rest++) {
        Pass *p = &a->pass[a->passes];
        const int64_t start = ceil_div(before - rest, stride);
        *p = (Pass){.first = start * stride + rest - before, .step = stride, .tap = next};
        p->count = p->first < s->in[d] ? (s->in[d] - 1 - p->first) / stride + 1 : 0;
        if (p->count == 0) continue;
        for (int64_t k = 0; k < s->kernel[d]; k++)
            if (k * s->dilation[d] % stride == rest)
                p->tap[p->taps++] = (Tap){.index = k, .shift = start - k * s->dilation[d] / stride};
        next += p->taps;
        a->passes++;
    }
    settle_axis(a, 1);
    return true;
}

/* --- tiles
 * -------------------------------------------------------------------------------------------------------
 */

/* The cut of an axis pair into tiles of size[0] x size[1] results (of each pass), and the copies they need.
 */
typedef struct Tiles {
    Axis axis[2];
    int64_t size[2], count[2];
    ConvCopy copy;
    int64_t pitch, bytes; /* elements of one channel's copy; bytes of the copy */
    int64_t *offset;      /* of the taps of all passes, in their order */
} Tiles;

static void free_tiles(Ctx *c, Tiles *t) {
    for (int d = 0; d < 2; d++)
        if (t->axis[d].pass) ctx_scratch_free(c, t->axis[d].pass);
    if (t->offset) ctx_scratch_free(c, t->offset);
}

static int64_t copy_elements(const Tiles *t, int64_t channels, int64_t h, int64_t w) {
    const Axis *y = &t->axis[0], *x = &t->axis[1];
    return channels * y->remainders * x->remainders * (h + y->span) * (w + x->span);
}

/* Chooses the size: whole rows where they fit. `more`: bytes that a result needs beside the copy; `units`:
 * how often the tiles are walked. */
static void cut(Tiles *t, int64_t channels, int64_t size, int64_t more, int64_t units, int threads) {
    int64_t h = t->axis[0].most, w = t->axis[1].most;
#define BYTES(h, w) (copy_elements(t, channels, h, w) * size + (h) * (w)*more)
    while (h > 1 && BYTES(h, w) > COPY_BYTES) h = (h + 1) / 2;
    while (w > NARROW && BYTES(h, w) > COPY_BYTES) w = (w + 1) / 2;
    while (h < t->axis[0].most && BYTES(h + 1, w) <= COPY_BYTES) h++;
#undef BYTES
    while (h > 1 && threads > 1 && units * ceil_div(t->axis[0].most, h) < TASKS_A_THREAD * threads)
        h = (h + 1) / 2;
    t->count[0] = ceil_div(t->axis[0].most, h);
    t->count[1] = ceil_div(t->axis[1].most, w);
    t->size[0] = ceil_div(t->axis[0].most, t->count[0]);
    t->size[1] = ceil_div(t->axis[1].most, t->count[1]);
}

/* Describes the copies of tiles of a source of height x width, and where the taps lie in them. */
static bool lay_out(Ctx *c, Tiles *t, const int64_t *source, int64_t channels, int64_t size) {
    const Axis *y = &t->axis[0], *x = &t->axis[1];
    t->copy = (ConvCopy){channels,
                         source[0] * source[1],
                         source[0],
                         source[1],
                         {y->stride, x->stride},
                         {y->remainders, x->remainders},
                         {t->size[0] + y->span, t->size[1] + x->span},
                         {y->remainder, x->remainder}};
    const int64_t row = t->copy.size[1], plane = t->copy.size[0] * row;
    t->pitch = plane * y->remainders * x->remainders;
    /* A block reads whole vectors, past the last result. */
    t->bytes = (channels * t->pitch + CONV_WIDE * MOST_LANES) * size;
    int64_t taps[2] = {0, 0}, n = 0;
    for (int d = 0; d < 2; d++)
        for (int64_t p = 0; p < t->axis[d].passes; p++) taps[d] += t->axis[d].pass[p].taps;
    t->offset = ctx_scratch(c, (taps[0] * taps[1] + 1) * (int64_t)sizeof *t->offset);
    if (!t->offset) return false;
    for (int64_t p = 0; p < y->passes; p++)
        for (int64_t q = 0; q < x->passes; q++)
            for (int64_t i = 0; i < y->pass[p].taps; i++)
                for (int64_t j = 0; j < x->pass[q].taps; j++) {
                    const Tap *u = &y->pass[p].tap[i], *v = &x->pass[q].tap[j];
                    t->offset[n++] =
                        (u->slot * x->remainders + v->slot) * plane + u->quotient * row + v->quotient;
                }
    return true;
}

static void fill_tile(const Tiles *t, const ConvKernels *k, void *copy, const void *source, int64_t ty,
                      int64_t tx) {
    const Axis *y = &t->axis[0], *x = &t->axis[1];
    k->fill(&t->copy, copy, source, y->base + ty * t->size[0] * y->stride,
            x->base + tx * t->size[1] * x->stride);
}

/* Rows of the next block where `left` remain. */
static int block_rows(const ConvKernels *k, int64_t left) {
    int rows = k->rows;
    while (rows > left) rows /= 2;
    return rows;
}

/* Vectors of the next block where `left` remain: nearly equal blocks. */
static int block_width(int64_t left) {
    return (int)ceil_div(left, ceil_div(left, CONV_WIDE));
}

/* --- results from a source: convolution and input gradient
 * -------------------------------------------------------
 */

typedef struct Walk {
    const ConvKernels *k;
    Tiles tiles;
    int64_t size;             /* of an element */
    int64_t groups, from, to; /* channels of one group: of the source, of the results */
    int64_t source_plane, result[2], kernel[2];
    int64_t weight_to, weight_from; /* strides of the weights by channel */
    char *weights, *bias;           /* packed: [group][pass][block of results][channel][tap][row] */
    const char *source;
    char *out;
} Walk;

#define PACK(T)                                                                                              \
    for (int64_t ch = first; ch < end; ch++)                                                                 \
        for (int64_t i = 0; i < y->taps; i++)                                                                \
            for (int64_t j = 0; j < x->taps; j++) {                                                          \
                const T *w = (const T *)from + ch * k->weight_from + y->tap[i].index * k->kernel[1] +        \
                             x->tap[j].index;                                                                \
                for (int r = 0; r < rows; r++) ((T *)to)[r] = w[r * k->weight_to];                           \
                to += rows * (int64_t)sizeof(T);                                                             \
            }

/* The weights of one block of results of one pass, source channels first to end - 1. */
static void pack_block(const Walk *k, char *to, const char *from, const Pass *y, const Pass *x, int rows,
                       int64_t first, int64_t end) {
    to += first * y->taps * x->taps * rows * k->size;
    if (k->size == 4) {
        PACK(float)
    } else {
        PACK(double)
    }
}

static void pack_group(const Walk *k, const char *weights, int64_t g, int64_t first, int64_t end) {
    const Axis *y = &k->tiles.axis[0], *x = &k->tiles.axis[1];
    const int64_t group = k->to * k->from * k->kernel[0] * k->kernel[1] * k->size;
    char *to = k->weights + g * group;
    for (int64_t p = 0; p < y->passes; p++)
        for (int64_t q = 0; q < x->passes; q++) {
            const int64_t depth = k->from * y->pass[p].taps * x->pass[q].taps;
            for (int64_t m = 0; m < k->to;) {
                const int rows = block_rows(k->k, k->to - m);
                pack_block(k, to, weights + g * group + m * k->weight_to * k->size, &y->pass[p], &x->pass[q],
                           rows, first, end);
                to += rows * depth * k->size;
                m += rows;
            }
        }
}

/* The results of one pass in one tile. */
static void run_pass(const Walk *k, const char *copy, const ConvTaps *taps, const ConvPlace *place,
                     int64_t rows, const char *weights, const char *bias, char *to) {
    double block[8 * CONV_WIDE * MOST_LANES];
    const int64_t end = (rows - 1) * place->pitch + place->width, lanes = k->k->lanes;
    const int64_t depth = taps->channels * taps->taps;
    for (int64_t p = 0; p < end;) {
        const int width = block_width(ceil_div(end - p, lanes));
        const int64_t count = min64(width * lanes, end - p);
        for (int64_t m = 0; m < k->to;) {
            const int r = block_rows(k->k, k->to - m);
            k->k->block(r, width, block, taps, copy + p * k->size, weights + m * depth * k->size,
                        bias + m * k->size);
            k->k->put(place, to + m * place->plane * k->size, block, r, width, p, count);
            m += r;
        }
        p += count;
    }
}

static void run_tile(const Walk *k, char *copy, int64_t task) {
    const Tiles *t = &k->tiles;
    const Axis *y = &t->axis[0], *x = &t->axis[1];
    const int64_t tx = task % t->count[1], ty = task / t->count[1] % t->count[0];
    const int64_t plane = task / t->count[1] / t->count[0],
                  g = plane % k->groups; /* plane: image and group */
    const int64_t top = ty * t->size[0], left = tx * t->size[1], result_plane = k->result[0] * k->result[1];
    fill_tile(t, k->k, copy, k->source + plane * k->from * k->source_plane * k->size, ty, tx);
    const int64_t *offset = t->offset;
    const char *weights = k->weights + g * k->to * k->from * k->kernel[0] * k->kernel[1] * k->size;
    for (int64_t i = 0; i < y->passes; i++)
        for (int64_t j = 0; j < x->passes; j++) {
            const Pass *p = &y->pass[i], *q = &x->pass[j];
            const int64_t rows = min64(t->size[0], p->count - top),
                          columns = min64(t->size[1], q->count - left);
            const ConvTaps taps = {k->from, t->pitch, p->taps * q->taps, offset};
            const ConvPlace place = {result_plane, p->step * k->result[1], q->step, t->copy.size[1], columns};
            const int64_t at = (p->first + top * p->step) * k->result[1] + q->first + left * q->step;
            if (rows > 0 && columns > 0)
                run_pass(k, copy, &taps, &place, rows, weights, k->bias + g * k->to * k->size,
                         k->out + (plane * k->to * result_plane + at) * k->size);
            offset += taps.taps;
            weights += k->to * k->from * taps.taps * k->size;
        }
}

/* Work of a convolution in elementary operations. */
static int64_t work_of(const ConvShape *s) {
    const double products = (double)s->n * (double)s->o * (double)s->out[0] * (double)s->out[1] *
                            (double)(s->c / s->groups * s->kernel[0] * s->kernel[1]);
    return products < 1e15 ? (int64_t)(products / FLOPS_A_WORK) : INT64_MAX / 2;
}

static bool walk(Ctx *c, Walk *k, int64_t images, int threads, const char *weights, const char *bias) {
    const int64_t tasks = images * k->groups * k->tiles.count[0] * k->tiles.count[1];
    const int64_t channels = k->groups * k->to * k->size, copy = (k->tiles.bytes + 63) / 64 * 64;
    const int64_t packed = k->groups * k->to * k->from * k->kernel[0] * k->kernel[1] * k->size;
    k->weights = ctx_scratch(c, packed + channels);
    if (!k->weights) return false;
    char *copies = ctx_scratch(c, copy * threads);
    if (copies) {
        k->bias = k->weights + packed;
        if (bias)
            memcpy(k->bias, bias, (size_t)channels);
        else
            memset(k->bias, 0, (size_t)channels);
#pragma omp parallel num_threads(threads) if (threads > 1)
        {
            char *mine = copies + copy * omp_get_thread_num();
#pragma omp for schedule(static)
            for (int64_t i = 0; i < k->groups * threads; i++)
                pack_group(k, weights, i / threads, i % threads * k->from / threads,
                           (i % threads + 1) * k->from / threads);
#pragma omp for schedule(dynamic)
            for (int64_t task = 0; task < tasks; task++)
                if (!ctx_stopping(c)) run_tile(k, mine, task);
        }
    }
    ctx_scratch_free(c, copies);
    ctx_scratch_free(c, k->weights);
    if (!copies) return false;
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}

/* Both directions: `backward` gives the input's gradient from the output's. */
static bool results(Ctx *c, const ConvShape *s, DType dtype, bool backward, char *out, const char *source,
                    const char *weights, const char *bias) {
    const int64_t taps = s->kernel[0] * s->kernel[1], images = s->n;
    const int64_t in = s->c / s->groups, made = s->o / s->groups;
    Walk k = {.k = kernels(dtype),
              .size = (int64_t)dtype_size(dtype),
              .groups = s->groups,
              .source = source,
              .out = out};
    k.from = backward ? made : in;
    k.to = backward ? in : made;
    k.weight_to = backward ? taps : in * taps;
    k.weight_from = backward ? in * taps : taps;
    const int64_t *from = backward ? s->out : s->in, *to = backward ? s->in : s->out;
    k.source_plane = from[0] * from[1];
    memcpy(k.result, to, sizeof k.result);
    memcpy(k.kernel, s->kernel, sizeof k.kernel);
    if (images * s->groups * k.to * to[0] * to[1] == 0) return true;
    const int threads = ctx_threads(c, work_of(s));
    bool ok = true;
    for (int d = 0; d < 2 && ok; d++)
        ok = backward ? backward_axis(c, &k.tiles.axis[d], s, d) : forward_axis(c, &k.tiles.axis[d], s, d);
    if (ok) cut(&k.tiles, k.from, k.size, 0, images * s->groups, threads);
    ok = ok && lay_out(c, &k.tiles, from, k.from, k.size) && walk(c, &k, images, threads, weights, bias);
    free_tiles(c, &k.tiles);
    return ok;
}

bool cpu_conv2d(Ctx *c, const ConvShape *s, DType dtype, void *y, const void *x, const void *w,
                const void *bias) {
    return results(c, s, dtype, false, y, x, w, bias);
}

bool cpu_conv2d_input_grad(Ctx *c, const ConvShape *s, DType dtype, void *gx, const void *g, const void *w) {
    return results(c, s, dtype, true, gx, g, w, NULL);
}

/* --- the weights' gradient
 * --------------------------------------------------------------------------------------
 *
 * Sums over all images and positions. Every item of work has sums of its own: it covers one group, some of
 * the input channels (where threads have too few images, or sums are large) and some of the tiles. The sums
 * of the parts are added in their order. */

typedef struct Sums {
    const ConvKernels *k;
    const ConvShape *s;
    Tiles tiles;
    int64_t size, in, made;          /* of an element; channels of one group */
    int64_t taps, units, lanes_made; /* taps of a channel; images x tiles; `made` in whole vectors */
    int64_t parts, chunks;           /* of the units; of the input channels */
    char *sum;                       /* [part][group][channel][tap][lanes_made] */
    const char *x, *g;
} Sums;

static char *sums_of(const Sums *k, int64_t part, int64_t group, int64_t channel) {
    return k->sum + ((part * k->s->groups + group) * k->in + channel) * k->taps * k->lanes_made * k->size;
}

/* The gradient's tile, positions by channels: for each block of vectors a panel [position][width * lanes]. */
static void transpose_tile(const Sums *k, char *to, const char *g, int64_t rows, int64_t columns) {
    const int64_t lanes = k->k->lanes, width = k->s->out[1], plane = k->s->out[0] * width;
    const bool whole = columns == width;
    for (int64_t v = 0; v < k->lanes_made;) {
        const int64_t ld = block_width((k->lanes_made - v) / lanes) * lanes;
        const int64_t channels = min64(ld, k->made - v), run = whole ? rows * columns : columns;
        for (int64_t u = 0; u < (whole ? 1 : rows); u++, to += run * ld * k->size)
            k->k->transpose(to, ld, g + (v * plane + u * width) * k->size, plane, channels, run);
        v += ld;
    }
}

/* Adds one tile's products to the sums of channels first..end - 1. */
static void add_tile(const Sums *k, char *sum, const char *copy, const char *panels, int64_t channels,
                     int64_t rows, int64_t columns) {
    const int64_t lanes = k->k->lanes, all = channels * k->taps;
    const void *at[8];
    for (int64_t v = 0; v < k->lanes_made;) {
        const int width = block_width((k->lanes_made - v) / lanes);
        for (int64_t i = 0; i < all;) {
            const int n = block_rows(k->k, all - i);
            for (int r = 0; r < n; r++)
                at[r] = copy +
                        ((i + r) / k->taps * k->tiles.pitch + k->tiles.offset[(i + r) % k->taps]) * k->size;
            k->k->outer(n, width, sum + (i * k->lanes_made + v) * k->size, k->lanes_made, at,
                        k->tiles.copy.size[1], rows, columns, panels);
            i += n;
        }
        panels += rows * columns * width * lanes * k->size;
        v += width * lanes;
    }
}

static void run_sums(Ctx *c, const Sums *k, int64_t item, char *copy, char *panels) {
    const Tiles *t = &k->tiles;
    const int64_t part = item % k->parts, chunk = item / k->parts % k->chunks,
                  group = item / k->parts / k->chunks;
    const int64_t first = chunk * k->in / k->chunks, end = (chunk + 1) * k->in / k->chunks;
    const int64_t in_plane = k->s->in[0] * k->s->in[1], out_plane = k->s->out[0] * k->s->out[1];
    Tiles mine = *t;
    mine.copy.channels = end - first;
    char *sum = sums_of(k, part, group, first);
    memset(sum, 0, (size_t)((end - first) * k->taps * k->lanes_made * k->size));
    for (int64_t unit = part * k->units / k->parts; unit < (part + 1) * k->units / k->parts; unit++) {
        if (ctx_stopping(c)) return;
        const int64_t tx = unit % t->count[1], ty = unit / t->count[1] % t->count[0];
        const int64_t image = unit / t->count[1] / t->count[0], top = ty * t->size[0], left = tx * t->size[1];
        const int64_t rows = min64(t->size[0], k->s->out[0] - top),
                      columns = min64(t->size[1], k->s->out[1] - left);
        const int64_t plane = image * k->s->groups + group;
        fill_tile(&mine, k->k, copy, k->x + (plane * k->in + first) * in_plane * k->size, ty, tx);
        transpose_tile(k, panels, k->g + (plane * k->made * out_plane + top * k->s->out[1] + left) * k->size,
                       rows, columns);
        add_tile(k, sum, copy, panels, end - first, rows, columns);
    }
}

/* gw[made][channel][tap] of one group = the sums of its parts. */
#define GATHER(T)                                                                                            \
    for (int64_t m = 0; m < k->made; m++)                                                                    \
        for (int64_t i = 0; i < depth; i++) {                                                                \
            T total = 0;                                                                                     \
            for (int64_t part = 0; part < k->parts; part++)                                                  \
                total += ((const T *)sums_of(k, part, group, 0))[i * k->lanes_made + m];                     \
            ((T *)gw)[(group * k->made + m) * depth + i] = total;                                            \
        }

static void gather_group(const Sums *k, void *gw, int64_t group) {
    const int64_t depth = k->in * k->taps;
    if (k->size == 4) {
        GATHER(float)
    } else {
        GATHER(double)
    }
}

/* How the work is shared: by tiles as long as the sums of all parts stay small, else by input channels. */
static void share(Sums *k, int threads) {
    const int64_t group = k->in * k->taps * k->lanes_made * k->size, wanted = ceil_div(threads, k->s->groups);
    k->parts = min64(wanted, k->units);
    while (k->parts > 1 && k->parts * group > PARTS_BYTES) k->parts--;
    k->chunks = min64(ceil_div(wanted, k->parts), k->in);
}

static bool sum_up(Ctx *c, Sums *k, void *gw, int threads) {
    const int64_t copy = (k->tiles.bytes + 63) / 64 * 64, items = k->parts * k->chunks * k->s->groups;
    const int64_t panels = (k->tiles.size[0] * k->tiles.size[1] * k->lanes_made * k->size + 63) / 64 * 64;
    k->sum = ctx_scratch(c, k->parts * k->s->groups * k->in * k->taps * k->lanes_made * k->size);
    if (!k->sum) return false;
    char *copies = ctx_scratch(c, (copy + panels) * threads);
    if (copies) {
#pragma omp parallel num_threads(threads) if (threads > 1)
        {
            char *mine = copies + (copy + panels) * omp_get_thread_num();
#pragma omp for schedule(dynamic)
            for (int64_t item = 0; item < items; item++) run_sums(c, k, item, mine, mine + copy);
#pragma omp for schedule(static)
            for (int64_t group = 0; group < k->s->groups; group++) gather_group(k, gw, group);
        }
    }
    ctx_scratch_free(c, copies);
    ctx_scratch_free(c, k->sum);
    if (!copies) return false;
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}

bool cpu_conv2d_weight_grad(Ctx *c, const ConvShape *s, DType dtype, void *gw, const void *x, const void *g) {
    Sums k = {.k = kernels(dtype), .s = s, .size = (int64_t)dtype_size(dtype), .x = x, .g = g};
    k.in = s->c / s->groups;
    k.made = s->o / s->groups;
    k.taps = s->kernel[0] * s->kernel[1];
    k.lanes_made = ceil_div(k.made, k.k->lanes) * k.k->lanes;
    if (s->o * k.in * k.taps == 0) return true;
    if (s->n * s->out[0] * s->out[1] == 0) {
        memset(gw, 0, (size_t)(s->o * k.in * k.taps * k.size));
        return true;
    }
    const int threads = ctx_threads(c, work_of(s));
    bool ok = true;
    for (int d = 0; d < 2 && ok; d++) ok = forward_axis(c, &k.tiles.axis[d], s, d);
    if (ok) cut(&k.tiles, k.in, k.size, k.lanes_made * k.size, s->n * s->groups, threads);
    ok = ok && lay_out(c, &k.tiles, s->in, k.in, k.size);
    k.units = s->n * k.tiles.count[0] * k.tiles.count[1];
    share(&k, threads);
    ok = ok && sum_up(c, &k, gw, threads);
    free_tiles(c, &k.tiles);
    return ok;
}
