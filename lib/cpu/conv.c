/* Convolutions and the gradients of their inputs: the same walk, results that are sums over taps of a source.
 * In a strided convolution's input gradient neighbouring results do not read the same taps: those that do
 * form a pass. The arithmetic is in kernels_conv.c. */
#include "cpu/conv_point.h"
#include "cpu/conv_tiles.h"
#include <string.h>
#include <omp.h>

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
    double block[MOST_ROWS * CONV_WIDE * MOST_LANES];
    const int64_t end = (rows - 1) * place->pitch + place->width, lanes = k->k->lanes;
    const int64_t depth = taps->channels * taps->taps;
    for (int64_t m = 0; m < k->to;) {
        const int r = block_rows(k->k, k->to - m);
        for (int64_t p = 0; p < end;) {
            const int width = block_width(ceil_div(end - p, lanes));
            const int64_t count = min64(width * lanes, end - p);
            k->k->block(r, width, block, taps, copy + p * k->size, weights + m * depth * k->size,
                        bias + m * k->size);
            k->k->put(place, to + m * place->plane * k->size, block, r, width, p, count);
            p += count;
        }
        m += r;
    }
}

static void run_tile(const Walk *k, char *copy, int64_t task) {
    const Tiles *t = &k->tiles;
    const Axis *y = &t->axis[0], *x = &t->axis[1];
    const int64_t tx = task % t->count[1], ty = task / t->count[1] % t->count[0];
    const int64_t plane = task / t->count[1] / t->count[0],
                  g = plane % k->groups; /* plane: image and group */
    const int64_t top = ty * t->size[0], left = tx * t->size[1], result_plane = k->result[0] * k->result[1];
    tiles_fill(t, k->k, copy, k->source + plane * k->from * k->source_plane * k->size, ty, tx);
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

static bool walk(Ctx *c, Walk *k, int64_t images, int threads, const char *weights, const char *bias) {
    const int64_t tasks = images * k->groups * k->tiles.count[0] * k->tiles.count[1];
    const int64_t channels = k->groups * k->to * k->size, copy = whole_lines(k->tiles.bytes);
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
    Walk k = {.k = conv_kernels_of(dtype),
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
    if (conv_is_pointwise(s)) return point_results(c, s, dtype, backward, out, source, weights, bias);
    const int threads = ctx_threads(c, conv_work(s));
    const bool ok = tiles_open(c, &k.tiles, s, backward, k.from, k.size, 0, images * s->groups, threads) &&
                    walk(c, &k, images, threads, weights, bias);
    tiles_close(c, &k.tiles);
    return ok;
}

bool cpu_conv2d(Ctx *c, const ConvShape *s, DType dtype, void *y, const void *x, const void *w,
                const void *bias) {
    return results(c, s, dtype, false, y, x, w, bias);
}

bool cpu_conv2d_input_grad(Ctx *c, const ConvShape *s, DType dtype, void *gx, const void *g, const void *w) {
    return results(c, s, dtype, true, gx, g, w, NULL);
}
