/* Plans and walks of reductions; the arithmetic is in kernels_reduce.c. */
#include "cpu/reduce.h"
#include "core/parallel.h"
#include "cpu/isa.h"
#include <string.h>

enum {
    BLOCK = 1024,             /* results that one task holds in accumulators: they fit the first cache */
    ROW_BLOCK_WORK = 1 << 14, /* elements that one task of the rows kernel takes at least */
    FEW_KEPT = 8,             /* kept neighbours below this are not worth a block */
    SHORT_ROW = 16,           /* reduced sizes below this are walked across results, not along the row */
    CHUNK_WORK = 1 << 15,     /* elements of one chunk, where a long reduction is cut up */
    MAX_CHUNKS = 64,
    TASKS_ENOUGH = 16, /* tasks from which on results alone give every thread work */
    SLOT = 8           /* bytes of one accumulator at most */
};

ISA_DECLARE(ReduceKernels, reduce_kernels);
const ReduceKernels *cpu_reduce_kernels(void) {
    return ISA_SELECT(reduce_kernels);
}

static void insert_by_stride(ReduceDim *dims, int *count, ReduceDim dim) {
    int i = (*count)++;
    for (; i > 0 && dims[i - 1].in < dim.in; i--) dims[i] = dims[i - 1];
    dims[i] = dim;
}

static int merge_dims(ReduceDim *dims, int count) {
    int kept = 0;
    for (int i = 0; i < count; i++) {
        ReduceDim *last = &dims[kept - 1];
        if (kept && last->in == dims[i].in * dims[i].size && last->out == dims[i].out * dims[i].size) {
            last->size *= dims[i].size;
            last->in = dims[i].in;
            last->out = dims[i].out;
        } else {
            dims[kept++] = dims[i];
        }
    }
    return kept;
}

/* A block runs along the innermost dimension: where that has a few elements only, along the longest instead.
 */
static void prefer_long(ReduceDim *dims, int count) {
    int longest = count - 1;
    if (dims[longest].size >= FEW_KEPT) return;
    for (int i = 0; i < count; i++)
        if (dims[i].size > dims[longest].size) longest = i;
    const ReduceDim swap = dims[longest];
    dims[longest] = dims[count - 1];
    dims[count - 1] = swap;
}

void cpu_reduce_plan(ReducePlan *plan, const Tensor *x, uint32_t mask) {
    int64_t out_stride = 1;
    plan->kept = plan->reduced = 0;
    plan->outputs = plan->n = 1;
    for (int d = x->ndim - 1; d >= 0; d--) {
        ReduceDim dim = {x->size[d], x->stride[d], 0};
        if (mask >> d & 1) {
            plan->n *= dim.size;
            if (dim.size != 1) insert_by_stride(plan->r, &plan->reduced, dim);
        } else {
            dim.out = out_stride;
            out_stride *= dim.size;
            plan->outputs *= dim.size;
            if (dim.size != 1) insert_by_stride(plan->k, &plan->kept, dim);
        }
    }
    plan->kept = merge_dims(plan->k, plan->kept);
    plan->reduced = merge_dims(plan->r, plan->reduced);
    if (!plan->kept) plan->k[plan->kept++] = (ReduceDim){1, 0, 0};
    if (!plan->reduced) plan->r[plan->reduced++] = (ReduceDim){1, 0, 0};
    prefer_long(plan->k, plan->kept);
    const ReduceDim *k = &plan->k[plan->kept - 1], *r = &plan->r[plan->reduced - 1];
    plan->rows = k->size == 1 || (r->size >= SHORT_ROW && (r->in < k->in || k->in == 0));
}

/* Offsets of position `at`, counted over all dimensions but the innermost. */
static void outer_offset(const ReduceDim *dims, int count, int64_t at, int64_t *in, int64_t *out) {
    *in = *out = 0;
    for (int d = count - 2; d >= 0; d--) {
        int64_t i = at % dims[d].size;
        at /= dims[d].size;
        *in += i * dims[d].in;
        *out += i * dims[d].out;
    }
}

/* The cut of the work into tasks: `blocks` of at most `width` results along the innermost kept dimension, for
 * each position of the outer ones, times `chunks` of the reduced elements. */
typedef struct Tasks {
    int64_t width, blocks, outer, chunks, chunk;
} Tasks;

static Tasks cut(const ReducePlan *plan) {
    Tasks t = {.width = BLOCK, .chunks = 1, .chunk = plan->n};
    int64_t inner = plan->k[plan->kept - 1].size;
    if (plan->rows) {
        t.width = ROW_BLOCK_WORK / (plan->n ? plan->n : 1);
        t.width = t.width < 1 ? 1 : t.width > BLOCK ? BLOCK : t.width;
    }
    if (t.width > inner) t.width = inner;
    t.blocks = (inner + t.width - 1) / t.width;
    t.outer = plan->outputs / inner;
    int64_t tasks = t.blocks * t.outer, work = plan->outputs * plan->n;
    if (tasks < TASKS_ENOUGH && work >= 2 * CHUNK_WORK) {
        t.chunks = work / CHUNK_WORK;
        if (t.chunks > MAX_CHUNKS / tasks) t.chunks = MAX_CHUNKS / tasks;
        if (t.chunks > plan->n) t.chunks = plan->n;
        t.chunk = (plan->n + t.chunks - 1) / t.chunks;
        t.chunks = (plan->n + t.chunk - 1) / t.chunk;
    }
    return t;
}

typedef struct Walk {
    const ReducePlan *plan;
    const ReduceKernel *kernel;
    Tasks tasks;
    size_t x_size, out_size;
    const char *x;
    char *out, *partial; /* partial: [chunks][outputs] accumulators, where chunks > 1 */
    const double *q;
    double p;
} Walk;

/* acc[0..w) takes in the reduced elements from..to of the results that start at x. */
static void take_in(const Walk *k, void *acc, const char *x, int64_t w, int64_t from, int64_t to,
                    const double *q) {
    const ReducePlan *plan = k->plan;
    const ReduceDim *r = &plan->r[plan->reduced - 1];
    int64_t stride = plan->k[plan->kept - 1].in;
    while (from < to) {
        int64_t in, out, at = from % r->size, length = r->size - at;
        if (length > to - from) length = to - from;
        outer_offset(plan->r, plan->reduced, from / r->size, &in, &out);
        const char *start = x + (in + at * r->in) * (int64_t)k->x_size;
        if (plan->rows)
            k->kernel->rows(acc, start, w, stride, length, r->in, q, k->p);
        else
            k->kernel->cols(acc, start, length, r->in, w, stride, q, k->p);
        from += length;
    }
}

/* The results that a block holds: offsets of the first, how many, and their q. */
typedef struct Block {
    int64_t in, out, w;
    double q[BLOCK];
} Block;

static void find_block(const Walk *k, int64_t block, Block *b) {
    const ReduceDim *inner = &k->plan->k[k->plan->kept - 1];
    int64_t first = block % k->tasks.blocks * k->tasks.width;
    b->w = inner->size - first < k->tasks.width ? inner->size - first : k->tasks.width;
    outer_offset(k->plan->k, k->plan->kept, block / k->tasks.blocks, &b->in, &b->out);
    b->in += first * inner->in;
    b->out += first * inner->out;
    for (int64_t j = 0; j < b->w; j++) b->q[j] = k->q ? k->q[b->out + j * inner->out] : 0;
}

static char *partial(const Walk *k, int64_t chunk, int64_t block) {
    int64_t slots = k->tasks.blocks * k->tasks.outer * k->tasks.width;
    return k->partial + (chunk * slots + block * k->tasks.width) * SLOT;
}

static void finish_block(const Walk *k, const Block *b, const void *acc) {
    k->kernel->finish(k->out + b->out * (int64_t)k->out_size, k->plan->k[k->plan->kept - 1].out, acc, b->w,
                      b->q, (double)k->plan->n, k->p);
}

static void run_task(const Walk *k, int64_t task) {
    Block b;
    int64_t chunk = task % k->tasks.chunks, block = task / k->tasks.chunks;
    int64_t from = chunk * k->tasks.chunk, to = from + k->tasks.chunk;
    double near[BLOCK];
    void *acc = k->tasks.chunks > 1 ? (void *)partial(k, chunk, block) : near;
    find_block(k, block, &b);
    k->kernel->start(acc, b.w);
    take_in(k, acc, k->x + b.in * (int64_t)k->x_size, b.w, from, to < k->plan->n ? to : k->plan->n, b.q);
    if (k->tasks.chunks == 1) finish_block(k, &b, acc);
}

bool cpu_reduce(Ctx *c, const ReducePlan *plan, const ReduceKernel *kernel, size_t x_size, const void *x,
                size_t out_size, void *out, const double *q, double p) {
    if (plan->outputs == 0) return true;
    Walk k = {plan, kernel, cut(plan), x_size, out_size, x, out, NULL, q, p};
    int64_t blocks = k.tasks.blocks * k.tasks.outer, tasks = blocks * k.tasks.chunks;
    if (k.tasks.chunks > 1) {
        k.partial = ctx_scratch(c, tasks * k.tasks.width * SLOT);
        if (!k.partial) return false;
    }
    int threads = tasks > 1 ? ctx_threads(c, plan->outputs * (plan->n + 1)) : 1;
    PARALLEL_FOR(threads, t, tasks, {
        if (!ctx_stopping(c)) run_task(&k, t);
    });
    for (int64_t block = 0; k.tasks.chunks > 1 && block < blocks; block++) {
        Block b;
        find_block(&k, block, &b);
        for (int64_t chunk = 1; chunk < k.tasks.chunks; chunk++)
            kernel->merge(partial(&k, 0, block), partial(&k, chunk, block), b.w);
        finish_block(&k, &b, partial(&k, 0, block));
    }
    if (k.partial) ctx_scratch_free(c, k.partial);
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}

/* --- two results at once: one reduced dimension, always of size 1 or more ------------------------------- */

typedef struct PairWalk {
    Walk walk; /* its partial: as in cpu_reduce; `kernel` is not used */
    const PairKernel *kernel;
    size_t second_size;
    char *second, *partial_second;
} PairWalk;

static void place(char *out, int64_t stride, size_t size, const char *from, int64_t w) {
    for (int64_t j = 0; j < w; j++) memcpy(out + j * stride * (int64_t)size, from + j * (int64_t)size, size);
}

static void place_block(const PairWalk *k, const Block *b, const void *value, const void *second) {
    const int64_t stride = k->walk.plan->k[k->walk.plan->kept - 1].out;
    const size_t size = k->walk.x_size, second_size = k->second_size;
    place(k->walk.out + b->out * (int64_t)size, stride, size, value, b->w);
    place(k->second + b->out * (int64_t)second_size, stride, second_size, second, b->w);
}

static void run_pair(const PairWalk *k, int64_t task) {
    const Walk *walk = &k->walk;
    const Tasks *tasks = &walk->tasks;
    const ReducePlan *plan = walk->plan;
    Block b;
    double near[BLOCK], near_second[BLOCK];
    int64_t chunk = task % tasks->chunks, block = task / tasks->chunks;
    int64_t from = chunk * tasks->chunk, n = plan->n - from < tasks->chunk ? plan->n - from : tasks->chunk;
    void *value = walk->partial ? (void *)partial(walk, chunk, block) : near, *second = near_second;
    if (walk->partial) second = k->partial_second + ((char *)value - walk->partial);
    const ReduceDim *inner = &plan->k[plan->kept - 1], *r = &plan->r[plan->reduced - 1];
    find_block(walk, block, &b);
    const char *x = walk->x + (b.in + from * r->in) * (int64_t)walk->x_size;
    if (plan->rows)
        k->kernel->rows(value, second, x, b.w, inner->in, n, r->in, from + 1);
    else
        k->kernel->cols(value, second, x, n, r->in, b.w, inner->in, from + 1);
    if (!walk->partial) place_block(k, &b, value, second);
}

bool cpu_reduce_pair(Ctx *c, const ReducePlan *plan, const PairKernel *kernel, size_t x_size, const void *x,
                     void *value, size_t second_size, void *second) {
    if (plan->outputs == 0) return true;
    PairWalk k = {{.plan = plan, .tasks = cut(plan), .x_size = x_size, .x = x, .out = value},
                  kernel,
                  second_size,
                  second,
                  NULL};
    Walk *walk = &k.walk;
    int64_t blocks = walk->tasks.blocks * walk->tasks.outer, tasks = blocks * walk->tasks.chunks;
    if (walk->tasks.chunks > 1) {
        walk->partial = ctx_scratch(c, 2 * tasks * walk->tasks.width * SLOT);
        if (!walk->partial) return false;
        k.partial_second = walk->partial + tasks * walk->tasks.width * SLOT;
    }
    int threads = tasks > 1 ? ctx_threads(c, plan->outputs * plan->n) : 1;
    PARALLEL_FOR(threads, t, tasks, {
        if (!ctx_stopping(c)) run_pair(&k, t);
    });
    for (int64_t block = 0; walk->partial && !ctx_stopping(c) && block < blocks; block++) {
        Block b;
        find_block(walk, block, &b);
        char *first = partial(walk, 0, block);
        char *first_second = k.partial_second + (first - walk->partial);
        for (int64_t chunk = 1; chunk < walk->tasks.chunks; chunk++) {
            const char *later = partial(walk, chunk, block);
            kernel->merge(first, first_second, later, k.partial_second + (later - walk->partial), b.w);
        }
        place_block(&k, &b, first, first_second);
    }
    if (walk->partial) ctx_scratch_free(c, walk->partial);
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}
