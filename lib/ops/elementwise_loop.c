/* The loop that elementwise ops and copies with conversion share: contiguous chunks of a compute type go to
 * the kernels.
 *
 * Operands that are contiguous in the loop and already of the compute type go to the kernel as they are; so
 * do long inner runs, row by row, beside operands that repeat one element over the run; operands that lie
 * across the result's order are turned by tiles; all others are gathered (and converted) into a buffer of
 * CHUNK elements. So each op needs one contiguous kernel a compute type, and strided, broadcast and mixed
 * operands run at nearly its speed. */
#include "ops/elementwise_loop.h"
#include "cl/elementwise.h"
#include "core/loop.h"
#include "core/parallel.h"
#include "cpu/kernels_index.h"
#include "ops/ops.h"
#include <string.h>

enum {
    CHUNK = ELEMENTWISE_CHUNK,
    VECTOR = 16,
    COMPUTE_BYTES = 8,
    REPEATED = CHUNK / 2, /* times that one element is repeated for them */
    TILE_ROWS = 16,       /* of a tile, in which operands across the result's order are turned, */
    TILE_BYTES = 1024,    /* of a row of it */
    LEAST_RUN = 32,
    SHORT_RUN = CHUNK / 2 /* inner runs from here on are worth kernel calls of their own */
};

static const struct ElementwiseKernels *kernels(void) {
    return ISA_SELECT(elementwise_kernels);
}

Compute compute_of(DType t) {
    return t == F64 ? COMPUTE_F64 : dtype_is_float(t) ? COMPUTE_F32 : COMPUTE_I64;
}

DType dtype_of_compute(Compute k) {
    return k == COMPUTE_F32 ? F32 : k == COMPUTE_F64 ? F64 : I64;
}

typedef struct Stream {
    char *base;
    int64_t bytes; /* of one element */
    DType dtype;
    bool native; /* of the type that the kernel takes */
    bool direct; /* and goes to it as it lies in memory */
    bool constant;
    bool spread;    /* one element for each short row: a kernel writes many rows at once */
    bool same_rows; /* the same elements for every position of the outer dimensions: gathered once */
} Stream;

/* How operands that lie across the result's order are turned: by tiles of so many rows and columns at most.
 */
typedef struct Tile {
    int64_t rows, columns;
    int64_t down; /* tiles over the rows of a matrix; the last one takes the rest too */
    bool whole;   /* tiles have whole rows, dense in the result and in what is not turned */
} Tile;

typedef struct Run {
    const Loop *loop;
    ElementwiseKernel kernel; /* NULL: copy operand 1 */
    const double *p;
    Compute compute;
    int64_t chunk; /* elements gathered together: whole inner runs where they are short */
    bool pad;      /* feed whole vectors only, so that an element's value does not depend on its place */
    Stream stream[LOOP_OPERANDS];
    StoreKernel store;
    LoadKernel load[LOOP_OPERANDS];
    SpreadKernel spread;
    Tile tile;
    IndexRead turn; /* the copy of a transposed block */
} Run;

/* To the position after the end of dimension d, where at[d] has come to it. */
static void carry(const Loop *l, int k, int d, int64_t *at, int64_t *offset) {
    for (; d > 0 && at[d] == l->size[d]; d--) {
        *offset += l->stride[k][d - 1] - at[d] * l->stride[k][d];
        at[d] = 0;
        at[d - 1]++;
    }
}

/* Walks `n` positions from `position` in inner runs; calls back with each run of the operand. */
static void gather(const Run *r, int k, int64_t position, int64_t n, char *buffer, int64_t buffer_bytes) {
    const Loop *l = r->loop;
    int64_t at[MAX_DIMS], inner = l->ndim - 1, step = l->stride[k][inner];
    int64_t offset = loop_offset(l, k, position, at);
    const Stream *s = &r->stream[k];
    while (n > 0) {
        int64_t run = l->size[inner] - at[inner];
        if (run > n) run = n;
        if (k == 0)
            r->store(run, s->base + offset * s->bytes, step, buffer);
        else
            r->load[k](run, buffer, s->base + offset * s->bytes, step);
        buffer += run * buffer_bytes;
        n -= run;
        at[inner] += run;
        offset += run * step;
        carry(l, k, (int)inner, at, &offset);
    }
}

/* What gather does for an operand that is one element for each whole row. */
static void spread(const Run *r, int k, int64_t position, int64_t n, char *buffer) {
    const Loop *l = r->loop;
    const int row = l->ndim - 2;
    const int64_t inner = l->size[row + 1];
    const Stream *s = &r->stream[k];
    int64_t at[MAX_DIMS], offset = loop_offset(l, k, position, at);
    for (int64_t left = n / inner; left > 0;) {
        const int64_t rows = l->size[row] - at[row] < left ? l->size[row] - at[row] : left;
        r->spread(rows, buffer, inner, s->base + offset * s->bytes, l->stride[k][row]);
        buffer += rows * inner * s->bytes;
        left -= rows;
        at[row] += rows;
        offset += rows * l->stride[k][row];
        carry(l, k, row, at, &offset);
    }
}

/* y from `inputs` operands, all dense. */
static void call_kernel(const Run *r, int64_t n, char *y, int64_t y_bytes, int inputs,
                        const char *const *in) {
    int64_t whole = r->pad ? n / VECTOR * VECTOR : n, rest = n - whole;
    int64_t bytes = (int64_t)dtype_size(dtype_of_compute(r->compute));
    if (whole) r->kernel(whole, y, (const void *const *)in, r->p);
    if (!rest) return;
    _Alignas(64) char tail[MOST_OPERANDS][VECTOR * COMPUTE_BYTES], y_tail[VECTOR * COMPUTE_BYTES];
    const void *tails[MOST_OPERANDS] = {NULL};
    for (int k = 0; k < inputs; k++) {
        for (int64_t i = 0; i < VECTOR; i++) {
            int64_t from = whole + (i < rest ? i : rest - 1);
            memcpy(tail[k] + i * bytes, in[k] + from * bytes, (size_t)bytes);
        }
        tails[k] = tail[k];
    }
    r->kernel(VECTOR, y_tail, tails, r->p);
    memcpy(y + whole * y_bytes, y_tail, (size_t)(rest * y_bytes));
}

static bool all_direct(const Run *r) {
    bool all = true;
    for (int k = 0; k < r->loop->operands; k++) all &= r->stream[k].direct;
    return all;
}

static void run_range(const Run *r, int64_t begin, int64_t end) {
    _Alignas(64) char buffer[LOOP_OPERANDS][CHUNK * COMPUTE_BYTES + SPREAD_ROOM];
    int operands = r->loop->operands;
    int64_t compute_bytes = (int64_t)dtype_size(dtype_of_compute(r->compute));
    const bool whole = all_direct(r);
    const int64_t most = end - begin < r->chunk ? end - begin : r->chunk;
    for (int k = 1; k < operands; k++) {
        if (r->stream[k].constant) r->load[k](most, buffer[k], r->stream[k].base, 0);
        if (r->stream[k].same_rows) gather(r, k, 0, most, buffer[k], compute_bytes);
    }
    for (int64_t at = begin; at < end;) {
        int64_t n = whole || end - at < r->chunk ? end - at : r->chunk;
        const char *in[LOOP_OPERANDS] = {NULL};
        for (int k = 1; k < operands; k++) {
            const Stream *s = &r->stream[k];
            in[k] = s->direct ? s->base + at * s->bytes : buffer[k];
            if (s->direct || s->constant || s->same_rows) continue;
            if (s->spread)
                spread(r, k, at, n, buffer[k]);
            else
                gather(r, k, at, n, buffer[k], compute_bytes);
        }
        const Stream *y = &r->stream[0];
        char *out = y->direct ? y->base + at * y->bytes : buffer[0];
        if (r->kernel)
            call_kernel(r, n, out, y->direct ? y->bytes : compute_bytes, operands - 1, in + 1);
        else
            out = (char *)in[1];
        if (!y->direct) gather(r, 0, at, n, out, compute_bytes);
        at += n;
    }
}

/* run_range had better be run_rows: every operand is dense along the inner dimension, or one element there.
 * Shorter runs too where everything would be gathered again and again. */
static bool has_long_runs(const Run *r) {
    const Loop *l = r->loop;
    const int inner = l->ndim - 1;
    int64_t least = r->pad ? SHORT_RUN : LEAST_RUN;
    if (!r->kernel) return false;
    for (int k = 0; k < l->operands; k++) {
        const bool dense = r->stream[k].native && l->stride[k][inner] == 1;
        if (!dense && (k == 0 || l->stride[k][inner] != 0)) return false;
        if (!dense || r->stream[k].same_rows) least = SHORT_RUN;
    }
    return l->size[inner] > least;
}

/* One inner run of n elements: y from operands that step by so many bytes an element, 0 where they repeat. */
static void run_row(const Run *r, int64_t n, char *y, const char *const *in, const int64_t *step) {
    const int inputs = r->loop->operands - 1;
    const int64_t y_bytes = r->stream[0].bytes;
    int64_t most = n;
    for (int k = 0; k < inputs; k++)
        if (!step[k]) most = REPEATED;
    for (int64_t i = 0; i < n; i += most) {
        const char *at[MOST_OPERANDS];
        for (int k = 0; k < inputs; k++) at[k] = in[k] + i * step[k];
        call_kernel(r, n - i < most ? n - i : most, y + i * y_bytes, y_bytes, inputs, at);
    }
}

static void run_rows(const Run *r, int64_t begin, int64_t end) {
    _Alignas(64) char buffer[MOST_OPERANDS][REPEATED * COMPUTE_BYTES];
    const Loop *l = r->loop;
    const int inner = l->ndim - 1;
    const int64_t bytes = (int64_t)dtype_size(dtype_of_compute(r->compute));
    int64_t at[MAX_DIMS], offset[LOOP_OPERANDS], step[MOST_OPERANDS] = {0};
    for (int k = 0; k < l->operands; k++) {
        offset[k] = loop_offset(l, k, begin, at);
        if (k > 0) step[k - 1] = l->stride[k][inner] * bytes;
    }
    while (begin < end) {
        const int64_t n = l->size[inner] - at[inner] < end - begin ? l->size[inner] - at[inner] : end - begin;
        const char *in[MOST_OPERANDS] = {NULL};
        for (int k = 1; k < l->operands; k++) {
            const char *from = r->stream[k].base + offset[k] * r->stream[k].bytes;
            in[k - 1] = step[k - 1] ? from : buffer[k - 1];
            if (step[k - 1]) continue;
            r->load[k](n < REPEATED ? n : REPEATED, buffer[k - 1], from, 0);
        }
        run_row(r, n, r->stream[0].base + offset[0] * r->stream[0].bytes, in, step);
        begin += n;
        at[inner] += n;
        for (int k = 0; k < l->operands; k++) offset[k] += n * l->stride[k][inner];
        for (int d = inner; d > 0 && at[d] == l->size[d]; d--) {
            for (int k = 0; k < l->operands; k++) offset[k] += l->stride[k][d - 1] - at[d] * l->stride[k][d];
            at[d] = 0;
            at[d - 1]++;
        }
    }
}

/* The operand lies across the result's order: it is dense along the dimension next to the inner one. */
static bool is_turned(const Loop *l, int k) {
    const int inner = l->ndim - 1;
    return inner > 0 && l->stride[k][inner - 1] == 1 && l->stride[k][inner] > 1;
}

/* Whether run_tile can do it: native operands, some turned, all others dense or one element along the inner
 * dimension. Where those lie dense over whole rows, a tile is one call of the kernel. */
static bool plan_tiles(Run *r) {
    const Loop *l = r->loop;
    const int inner = l->ndim - 1;
    const int64_t columns = l->size[inner],
                  most = TILE_BYTES / (int64_t)dtype_size(dtype_of_compute(r->compute));
    bool any = false, whole = columns <= most;
    if (!r->kernel || inner == 0 || columns < TILE_ROWS || l->size[inner - 1] < TILE_ROWS) return false;
    for (int k = 0; k < l->operands; k++) {
        const bool turned = k > 0 && is_turned(l, k), dense = l->stride[k][inner] == 1;
        if (!r->stream[k].native || (!turned && !dense && (k == 0 || l->stride[k][inner] != 0))) return false;
        any |= turned;
        whole &= turned || (dense && l->stride[k][inner - 1] == columns);
    }
    int64_t rows = TILE_ROWS;
    while (whole && rows * columns <= CHUNK && 2 * rows <= l->size[inner - 1]) rows *= 2;
    r->tile = (Tile){rows, whole ? columns : most, l->size[inner - 1] / rows, whole};
    r->turn = cpu_index_kernels()->copy[size_class(dtype_of_compute(r->compute))];
    return any;
}

/* Tile `task`, counted down the rows of one matrix of the loop after the other. */
static void run_tile(const Run *r, int64_t task) {
    _Alignas(64) char buffer[MOST_OPERANDS][2 * TILE_ROWS * TILE_BYTES];
    const Loop *l = r->loop;
    const int inner = l->ndim - 1, inputs = l->operands - 1;
    const int64_t row = task % r->tile.down * r->tile.rows, size = l->size[inner - 1],
                  columns = l->size[inner];
    const int64_t rows = size - row < 2 * r->tile.rows ? size - row : r->tile.rows;
    const int64_t bytes = (int64_t)dtype_size(dtype_of_compute(r->compute)), y_bytes = r->stream[0].bytes;
    int64_t at[MAX_DIMS];
    char *base[LOOP_OPERANDS];
    for (int k = 0; k < l->operands; k++)
        base[k] = r->stream[k].base +
                  r->stream[k].bytes * loop_offset(l, k, (task / r->tile.down * size + row) * columns, at);
    for (int64_t i = 0; i < columns; i += r->tile.columns) {
        const int64_t n = columns - i < r->tile.columns ? columns - i : r->tile.columns;
        for (int k = 1; k < l->operands; k++) {
            const int64_t step = l->stride[k][inner];
            const IndexBlock block = {.n = {rows, n}, .a = {r->tile.columns, 1}, .x = {1, step}};
            if (is_turned(l, k)) r->turn(&block, buffer[k - 1], NULL, base[k] + i * step * bytes);
        }
        for (int64_t j = 0; j < (r->tile.whole ? 1 : rows); j++) {
            const char *in[MOST_OPERANDS] = {NULL};
            for (int k = 1; k < l->operands; k++) {
                const int64_t step = l->stride[k][inner];
                const char *from = base[k] + (j * l->stride[k][inner - 1] + i * step) * bytes;
                in[k - 1] = step == 1 ? from : buffer[k - 1] + (step ? j * r->tile.columns * bytes : 0);
                if (step == 0) r->load[k](n, buffer[k - 1], from, 0);
            }
            call_kernel(r, r->tile.whole ? rows * n : n,
                        base[0] + (j * l->stride[0][inner - 1] + i) * y_bytes, y_bytes, inputs, in);
        }
    }
}

/* The elements of a chunk of whole rows: of whole vectors too, where that many rows fit. */
static int64_t chunk_of_rows(int64_t row) {
    int64_t even = row;
    while (even % VECTOR) even *= 2;
    return even <= CHUNK ? CHUNK / even * even : CHUNK / row * row;
}

/* Work of one element relative to an add: transcendental functions cost about ten. */
static int64_t cost(ElementwiseOp op) {
    const bool is_plain = op == EW_div || op == EW_addcdiv || op == EW_lerp || op == EW_lerp_tensor;
    return elementwise_info[op].rule == FLOATING && !is_plain ? 8 : 1;
}

bool elementwise_loop(Ctx *c, int operands, const Tensor *const *t, Compute compute, int op,
                      const double *p) {
    if (t[0]->device != CPU)
        return cl_elementwise(c, op < 0 ? "copy" : elementwise_info[op].name, operands, t,
                              dtype_of_compute(compute), p);
    Loop loop;
    loop_build(&loop, operands, t);
    if (loop.numel == 0) return true;
    const struct ElementwiseKernels *table = kernels();
    bool predicate = op >= 0 && elementwise_info[op].rule == PREDICATE;
    Run r = {.loop = &loop,
             .kernel = op >= 0 ? table->op[op][compute] : NULL,
             .p = p,
             .compute = compute,
             .chunk = CHUNK,
             .pad = op >= 0 && elementwise_info[op].rule == FLOATING};
    const int64_t inner = loop.size[loop.ndim - 1];
    if (inner <= SHORT_RUN) r.chunk = chunk_of_rows(inner);
    for (int k = 0; k < operands; k++) {
        DType dtype = (DType)t[k]->dtype;
        DType native = k == 0 && predicate ? BOOL : dtype_of_compute(compute);
        Stream *s = &r.stream[k];
        *s = (Stream){.base = tensor_data(t[k]), .bytes = (int64_t)dtype_size(dtype), .dtype = dtype};
        s->native = dtype == native;
        s->direct = s->native && loop_is_linear(&loop, k);
        s->constant = k > 0 && !s->direct && loop_is_constant(&loop, k);
        s->same_rows =
            k > 0 && !s->direct && !s->constant && inner <= SHORT_RUN && loop_repeats_rows(&loop, k);
        s->spread = k > 0 && s->native && !s->constant && !s->same_rows && loop.ndim > 1 &&
                    inner <= SHORT_RUN && loop.stride[k][loop.ndim - 1] == 0;
        r.load[k] = table->load[dtype][compute];
    }
    if (r.kernel == NULL) r.stream[0].direct = false;
    r.spread = table->spread[compute];
    r.store = table->store[t[0]->dtype][compute];
    /* A predicate's result is bytes: a strided one is stored from bytes, element by element. */
    if (predicate && !r.stream[0].direct)
        return ctx_fail(c, "internal: a predicate writes to a dense result");

    const int threads = ctx_threads(c, loop.numel * (op >= 0 ? cost((ElementwiseOp)op) : 1));
    if (plan_tiles(&r)) {
        const int64_t matrices = loop.numel / loop.size[loop.ndim - 1] / loop.size[loop.ndim - 2];
        PARALLEL_FOR(threads, task, matrices * r.tile.down, { run_tile(&r, task); });
        return true;
    }
    void (*const run)(const Run *, int64_t, int64_t) =
        !all_direct(&r) && has_long_runs(&r) ? run_rows : run_range;
    if (threads == 1) {
        run(&r, 0, loop.numel);
        return true;
    }
    int64_t blocks = (loop.numel + r.chunk - 1) / r.chunk;
    PARALLEL_FOR(threads, part, threads, {
        int64_t begin = blocks * part / threads * r.chunk, end = blocks * (part + 1) / threads * r.chunk;
        run(&r, begin, end < loop.numel ? end : loop.numel);
    });
    return true;
}

void elementwise_chunk(ElementwiseOp op, Compute compute, int64_t n, char *y, int inputs,
                       const char *const *in, const double *p) {
    const bool predicate = elementwise_info[op].rule == PREDICATE;
    Run r = {.kernel = kernels()->op[op][compute],
             .p = p,
             .compute = compute,
             .pad = elementwise_info[op].rule == FLOATING};
    call_kernel(&r, n, y, (int64_t)dtype_size(predicate ? BOOL : dtype_of_compute(compute)), inputs, in);
}

/* --- operands ------------------------------------------------------------------------------------------- */

void number_tensor(Tensor *t, NumberRoom *room, const Operand *o) {
    *t = (Tensor){.storage = &room->storage};
    room->storage.data = &room->value;
    atomic_init(&room->storage.refs, 1);
    if (o->is_integer || o->is_boolean) {
        room->value.i = o->integer;
        t->dtype = I64;
    } else {
        room->value.f = o->number;
        t->dtype = F64;
    }
}

static bool shares_memory(const Tensor *a, const Tensor *b) {
    return a->storage == b->storage;
}

static bool same_view(const Tensor *a, const Tensor *b) {
    return a->offset == b->offset && tensor_same_shape(a, b) &&
           memcmp(a->stride, b->stride, sizeof *a->stride * (size_t)a->ndim) == 0 && a->dtype == b->dtype;
}

bool unalias(Ctx *c, Tensor *copy, const Tensor **input, const Tensor *dst) {
    copy->storage = NULL;
    if (!shares_memory(*input, dst) || same_view(*input, dst)) return true;
    if (!op_to_dtype(c, copy, *input, (DType)(*input)->dtype)) return false;
    *input = copy;
    return true;
}
