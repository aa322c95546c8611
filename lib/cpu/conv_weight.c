/* The gradient of a convolution's weights: sums over all images and positions. Every item of work has sums of
 * its own: it covers one group, some of the input channels (where threads have too few images, or sums are
 * large) and some of the tiles. The sums of the parts are added in their order. */
#include "cpu/conv_point.h"
#include "cpu/conv_tiles.h"
#include <string.h>
#include <omp.h>

enum { PARTS_BYTES = 16 << 20 /* that the sums of all parts take at most */ };

typedef struct Sums {
    const ConvKernels *k;
    const ConvShape *s;
    Tiles tiles;
    int64_t size, in, made, taps; /* of an element; channels of one group; taps of a channel */
    bool dots;                    /* few output channels: vectors run along positions, not channels */
    int64_t ld, units;            /* `made`, in whole vectors unless dots; images x tiles */
    int64_t parts, chunks;        /* of the units; of the input channels */
    char *sum;                    /* [part][group][channel][tap][ld] */
    const char *x, *g;
} Sums;

static char *sums_of(const Sums *k, int64_t part, int64_t group, int64_t tap) {
    return k->sum + (((part * k->s->groups + group) * k->in * k->taps) + tap) * k->ld * k->size;
}

/* What one item reads of a tile: `taps` counts over its channels. */
typedef struct Part {
    const char *copy, *g;
    int64_t taps, rows, columns;
    char *sum, *room; /* room: for the gradient in another layout */
} Part;

/* Where taps i.. of a part lie in the copy. */
static void find_taps(const Sums *k, const Part *p, int64_t i, int n, const void **at) {
    for (int r = 0; r < n; r++, i++)
        at[r] = p->copy + (i / k->taps * k->tiles.pitch + k->tiles.offset[i % k->taps]) * k->size;
}

/* The gradient of `channels` channels from v on, positions by channels: a panel [position][ld]. */
static void transpose_panel(const Sums *k, const Part *p, int64_t v, int64_t ld) {
    const int64_t width = k->s->out[1], plane = k->s->out[0] * width, channels = min64(ld, k->made - v);
    const char *g = p->g + v * plane * k->size;
    if (p->columns == width) {
        k->k->transpose(p->room, ld, g, plane, channels, ld, p->rows * width);
        return;
    }
    for (int64_t u = 0; u < p->rows; u++)
        k->k->transpose(p->room + u * p->columns * ld * k->size, ld, g + u * width * k->size, plane, channels,
                        ld, p->columns);
}

/* Adds a tile's products, vectors of output channels at a time. */
static void add_outer(const Sums *k, const Part *p) {
    const int64_t lanes = k->k->lanes;
    const void *at[MOST_ROWS];
    for (int64_t v = 0; v < k->ld;) {
        const int width = block_width((k->ld - v) / lanes);
        transpose_panel(k, p, v, width * lanes);
        for (int64_t i = 0; i < p->taps;) {
            const int n = block_rows(k->k, p->taps - i);
            find_taps(k, p, i, n, at);
            k->k->outer(n, width, p->sum + (i * k->ld + v) * k->size, k->ld, at, k->tiles.copy.size[1],
                        p->rows, p->columns, p->room);
            i += n;
        }
        v += width * lanes;
    }
}

/* The same, vectors of positions at a time. */
static void add_dots(const Sums *k, const Part *p) {
    const int64_t width = k->s->out[1], pitch = k->tiles.copy.size[1], n = (p->rows - 1) * pitch + p->columns;
    char *mask = p->room + (k->tiles.size[0] * pitch + MOST_LANES) * k->size;
    const void *at[MOST_ROWS];
    for (int64_t m = 0; m < k->made; m++) {
        k->k->spread(p->room, mask, p->g + m * k->s->out[0] * width * k->size, width, p->rows, p->columns,
                     pitch);
        for (int64_t i = 0; i < p->taps;) {
            const int rows = block_rows(k->k, p->taps - i);
            find_taps(k, p, i, rows, at);
            k->k->dots(rows, p->sum + (i * k->ld + m) * k->size, k->ld, at, p->room, mask, n);
            i += rows;
        }
    }
}

static void run_item(Ctx *c, const Sums *k, int64_t item, char *copy, char *room) {
    const ConvShape *s = k->s;
    const int64_t part = item % k->parts, chunk = item / k->parts % k->chunks,
                  group = item / k->parts / k->chunks;
    const int64_t first = chunk * k->in / k->chunks, end = (chunk + 1) * k->in / k->chunks;
    const int64_t in_plane = s->in[0] * s->in[1], out_plane = s->out[0] * s->out[1];
    Tiles t = k->tiles;
    t.copy.channels = end - first;
    Part p = {.copy = copy, .room = room, .taps = (end - first) * k->taps};
    p.sum = sums_of(k, part, group, first * k->taps);
    memset(p.sum, 0, (size_t)(p.taps * k->ld * k->size));
    for (int64_t unit = part * k->units / k->parts; unit < (part + 1) * k->units / k->parts; unit++) {
        if (ctx_stopping(c)) return;
        const int64_t tx = unit % t.count[1], ty = unit / t.count[1] % t.count[0];
        const int64_t plane = unit / t.count[1] / t.count[0] * s->groups + group; /* image and group */
        const int64_t top = ty * t.size[0], left = tx * t.size[1];
        p.rows = min64(t.size[0], s->out[0] - top);
        p.columns = min64(t.size[1], s->out[1] - left);
        p.g = k->g + (plane * k->made * out_plane + top * s->out[1] + left) * k->size;
        tiles_fill(&t, k->k, copy, k->x + (plane * k->in + first) * in_plane * k->size, ty, tx);
        (k->dots ? add_dots : add_outer)(k, &p);
    }
}

/* A share of one group's gw [made][channel][tap] = the sums of the parts. */
static void gather(const Sums *k, char *gw, int64_t group, int64_t share, int64_t shares) {
    const int64_t depth = k->in * k->taps, first = share * depth / shares, end = (share + 1) * depth / shares;
    char *sum = sums_of(k, 0, group, first);
    for (int64_t part = 1; part < k->parts; part++)
        k->k->add(sum, sums_of(k, part, group, first), (end - first) * k->ld);
    k->k->transpose(gw + (group * k->made * depth + first) * k->size, depth, sum, k->ld, end - first,
                    end - first, k->made);
}

/* How the work is shared: by tiles as long as the sums of all parts stay small, else by input channels. */
static void share(Sums *k, int threads) {
    const int64_t group = k->in * k->taps * k->ld * k->size, wanted = ceil_div(threads, k->s->groups);
    k->parts = min64(wanted, k->units);
    while (k->parts > 1 && k->parts * group > PARTS_BYTES) k->parts--;
    k->chunks = min64(ceil_div(wanted, k->parts), k->in);
}

static bool sum_up(Ctx *c, Sums *k, void *gw, int threads) {
    const int64_t copy = whole_lines(k->tiles.bytes), items = k->parts * k->chunks * k->s->groups;
    const int64_t *tile = k->tiles.size;
    const int64_t results = k->dots ? 2 * (tile[0] * k->tiles.copy.size[1] + MOST_LANES)
                                    : tile[0] * tile[1] * min64(k->ld, CONV_WIDE * k->k->lanes);
    const int64_t mine = copy + whole_lines(results * k->size);
    k->sum = ctx_scratch(c, k->parts * k->s->groups * k->in * k->taps * k->ld * k->size);
    if (!k->sum) return false;
    char *room = ctx_scratch(c, mine * threads);
    if (room) {
#pragma omp parallel num_threads(threads) if (threads > 1)
        {
            char *here = room + mine * omp_get_thread_num();
#pragma omp for schedule(dynamic)
            for (int64_t item = 0; item < items; item++) run_item(c, k, item, here, here + copy);
#pragma omp for schedule(static)
            for (int64_t i = 0; i < k->s->groups * threads; i++)
                gather(k, gw, i / threads, i % threads, threads);
        }
    }
    ctx_scratch_free(c, room);
    ctx_scratch_free(c, k->sum);
    if (!room) return false;
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}

bool cpu_conv2d_weight_grad(Ctx *c, const ConvShape *s, DType dtype, void *gw, const void *x, const void *g) {
    Sums k = {.k = conv_kernels_of(dtype), .s = s, .size = (int64_t)dtype_size(dtype), .x = x, .g = g};
    k.in = s->c / s->groups;
    k.made = s->o / s->groups;
    k.taps = s->kernel[0] * s->kernel[1];
    if (s->o * k.in * k.taps == 0) return true;
    if (s->n * s->out[0] * s->out[1] == 0) {
        memset(gw, 0, (size_t)(s->o * k.in * k.taps * k.size));
        return true;
    }
    if (conv_is_pointwise(s)) return point_weight_grad(c, s, dtype, gw, x, g);
    k.dots = 2 * k.made <= k.k->lanes;
    k.ld = k.dots ? k.made : ceil_div(k.made, k.k->lanes) * k.k->lanes;
    const int threads = ctx_threads(c, conv_work(s));
    const int64_t beside = (k.dots ? 2 : min64(k.ld, CONV_WIDE * k.k->lanes)) * k.size;
    bool ok = tiles_open(c, &k.tiles, s, false, k.in, k.size, beside, s->n * s->groups, threads);
    k.units = s->n * k.tiles.count[0] * k.tiles.count[1];
    if (ok) share(&k, threads);
    ok = ok && sum_up(c, &k, gw, threads);
    tiles_close(c, &k.tiles);
    return ok;
}
