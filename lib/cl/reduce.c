/* Launches of kernels_cl/reduce.cl: how x is walked, and how the work is cut up. */
#include "cl/reduce.h"
#include "cl/runtime.h"
#include "core/loop.h"
#include <string.h>

enum {
    GPU_SIDE = 16, /* the square root of a group */
    CPU_SIDE = 8,
    ITEMS_A_UNIT = 2048, /* work-items that keep a compute unit busy */
    LEAST_CHUNK = 64,    /* elements that one work-item takes at least where a reduction is cut up */
    MAX_CHUNKS = 1024,
    GROUP_ROW = 32 /* reduced sizes below this are one work-item's */
};

#define MACROS                                                                                               \
    3, {                                                                                                     \
        "X", "Y", "COMPUTE", "WITH_Q", "WIDE_AT", "FLAT", "SIDE"                                             \
    }
static const ClSpec reduce_items = {"reduce.cl", "reduce_items", MACROS};
static const ClSpec reduce_groups = {"reduce.cl", "reduce_groups", MACROS};
static const ClSpec join_chunks = {"reduce.cl", "join_chunks", MACROS};

/* As in kernels_cl/reduce.cl. */
typedef struct Walk {
    int64_t outputs, n, chunks, chunk, kept, reduced;
    int64_t kept_size[MAX_DIMS], kept_stride[MAX_DIMS], kept_out[MAX_DIMS];
    int64_t reduced_size[MAX_DIMS], reduced_stride[MAX_DIMS];
} Walk;

DType cl_real_dtype(Device device) {
    return cl_describe(device)->fp64 ? F64 : F32;
}

/* Dimensions that stay and dimensions that go, merged where their strides allow it. */
static void plan(Walk *w, const Tensor *x, uint32_t mask) {
    Tensor result = *x; /* the strides of the result, 0 where x is reduced */
    int64_t step = 1;
    *w = (Walk){.outputs = 1, .n = 1};
    for (int d = x->ndim - 1; d >= 0; d--) {
        bool reduced = mask >> d & 1;
        *(reduced ? &w->n : &w->outputs) *= x->size[d];
        result.stride[d] = reduced ? 0 : step;
        if (!reduced) step *= x->size[d];
    }
    Loop loop;
    loop_build(&loop, 2, (const Tensor *const[]){&result, x});
    for (int d = 0; d < loop.ndim; d++) {
        if (loop.stride[0][d] == 0) {
            w->reduced_size[w->reduced] = loop.size[d];
            w->reduced_stride[w->reduced++] = loop.stride[1][d];
        } else {
            w->kept_size[w->kept] = loop.size[d];
            w->kept_out[w->kept] = loop.stride[0][d];
            w->kept_stride[w->kept++] = loop.stride[1][d];
        }
    }
    if (!w->kept) w->kept_size[w->kept++] = 1;
    if (!w->reduced) w->reduced_size[w->reduced++] = 1;
}

/* Neighbouring elements of one result lie closer than those of neighbouring results. */
static bool by_groups(const Walk *w) {
    if (w->n < GROUP_ROW) return false;
    int64_t kept = w->kept_stride[w->kept - 1], reduced = w->reduced_stride[w->reduced - 1];
    return w->outputs == 1 || kept == 0 || reduced < kept;
}

static void cut(Walk *w, const ClDevice *d, int64_t items_a_result) {
    int64_t wanted = d->info.compute_units * ITEMS_A_UNIT / items_a_result / w->outputs;
    int64_t possible = w->n / (items_a_result * LEAST_CHUNK);
    w->chunks = wanted < possible ? wanted : possible;
    if (w->chunks > MAX_CHUNKS) w->chunks = MAX_CHUNKS;
    if (w->chunks < 1) w->chunks = 1;
    w->chunk = (w->n + w->chunks - 1) / w->chunks;
    if (w->chunk) w->chunks = (w->n + w->chunk - 1) / w->chunk;
}

static bool needs_64_bits(const Walk *w) {
    int64_t at = 0;
    for (int d = 0; d < w->kept; d++) at += (w->kept_size[d] - 1) * w->kept_stride[d];
    for (int d = 0; d < w->reduced; d++) at += (w->reduced_size[d] - 1) * w->reduced_stride[d];
    return at >= INT32_MAX || w->n >= INT32_MAX || w->outputs >= INT32_MAX;
}

static DType compute_of(DType t) {
    return t == F64 ? F64 : dtype_is_float(t) ? F32 : I64;
}

bool cl_reduce(Ctx *c, const char *op, const char *table_op, const Tensor *out, const Tensor *position,
               const Tensor *x, uint32_t mask, const Tensor *q, double p) {
    enum { LARGEST_ACCUMULATOR = 16 };
    Walk w;
    plan(&w, x, mask);
    if (w.outputs == 0) return true;
    const ClQueue *queue = cl_queue(c, x->device);
    if (!queue) return false;
    bool groups = by_groups(&w);
    int side = queue->device->as_gpu ? GPU_SIDE : CPU_SIDE;
    while (side * side > queue->device->info.max_work_group) side /= 2;
    const int group = side * side;
    cut(&w, queue->device, groups ? group : 1);

    DType from = (DType)x->dtype, to = out ? (DType)out->dtype : from;
    const int values[] = {(int)from, (int)to,           (int)compute_of(from),
                          q != NULL, needs_64_bits(&w), w.kept == 1 && w.reduced == 1,
                          side};
    ClKernel *k = cl_get_kernel(c, op, x->device, groups ? &reduce_groups : &reduce_items, table_op, values);
    if (!k) return false;
    Storage *partial = NULL;
    if (w.chunks > 1) {
        partial = storage_new_on(c, x->device, w.outputs * w.chunks * LARGEST_ACCUMULATOR);
        if (!partial) return false;
    }
    const ClArg args[] = {arg_tensor(out),         arg_tensor(position),
                          arg_tensor(x),           arg_storage(q ? q->storage : NULL),
                          arg_storage(partial),    arg_real(x->device, p),
                          arg_struct(&w, sizeof w)};
    const int count = sizeof args / sizeof *args;
    int64_t tasks = w.outputs * w.chunks;
    bool ok = groups ? cl_launch(c, k, &(ClGrid){1, {tasks * group}, {group}}, count, args)
                     : cl_launch_flat(c, k, tasks, count, args);
    if (ok && partial) {
        k = cl_get_kernel(c, op, x->device, &join_chunks, table_op, values);
        ok = k && cl_launch_flat(c, k, w.outputs, count, args);
    }
    if (partial) storage_release(partial);
    return ok;
}
