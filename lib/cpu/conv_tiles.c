/* Tiles of convolutions: which taps results have, how large tiles are, and where taps lie in their copies. */
#include "cpu/conv_tiles.h"

enum {
    COPY_BYTES = 192 * 1024, /* of a tile's copy: it shares the second cache with the weights */
    NARROW = 64,             /* a tile is not cut narrower than this */
    TASKS_A_THREAD = 4,      /* tiles are made smaller until there are so many */
    PRODUCTS_A_WORK = 16     /* multiplications that take as long as one elementary operation */
};

const ConvKernels *conv_kernels_of(DType dtype) {
    return &ISA_SELECT(conv_kernels)->type[dtype == F64];
}

int64_t conv_work(const ConvShape *s) {
    const double products = (double)s->n * (double)s->o * (double)s->out[0] * (double)s->out[1] *
                            (double)(s->c / s->groups * s->kernel[0] * s->kernel[1]);
    return products < 1e15 ? (int64_t)(products / PRODUCTS_A_WORK) : INT64_MAX / 2;
}

/* --- axes
 */

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
 */

void tiles_close(Ctx *c, Tiles *t) {
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

bool tiles_open(Ctx *c, Tiles *t, const ConvShape *s, bool backward, int64_t channels, int64_t size,
                int64_t more, int64_t units, int threads) {
    for (int d = 0; d < 2; d++)
        if (!(backward ? backward_axis : forward_axis)(c, &t->axis[d], s, d)) return false;
    cut(t, channels, size, more, units, threads);
    return lay_out(c, t, backward ? s->out : s->in, channels, size);
}

void tiles_fill(const Tiles *t, const ConvKernels *k, void *copy, const void *source, int64_t ty,
                int64_t tx) {
    const Axis *y = &t->axis[0], *x = &t->axis[1];
    k->fill(&t->copy, copy, source, y->base + ty * t->size[0] * y->stride,
            x->base + tx * t->size[1] * x->stride);
}
