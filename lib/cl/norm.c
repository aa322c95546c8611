/* Launches of kernels_cl/norm.cl. */
#include "cl/norm.h"
#include "cl/reduce.h"
#include "cl/rows.h"

enum {
    TASKS_A_UNIT = 8,   /* groups, or on a CPU work-items, that keep a compute unit busy */
    LEAST_CHUNK = 4096, /* elements that one of them takes at least */
    LEAST_COLUMN = 64,  /* the same where a work-item takes a column */
    COLUMNS_A_UNIT = 2048,
    MAX_CHUNKS = 512
};

#define ROW_MACROS                                                                                           \
    3, {                                                                                                     \
        "X", "W", "COMPUTE", "LANES", "CENTRE", "BY_CHANNEL"                                                 \
    }
static const ClSpec norm_rows = {"norm.cl", "norm_rows", ROW_MACROS};
static const ClSpec norm_rows_grad = {"norm.cl", "norm_rows_grad", ROW_MACROS};
#define CHANNEL_MACROS                                                                                       \
    3, {                                                                                                     \
        "X", "W", "COMPUTE", "LANES", "GRADIENT"                                                             \
    }
static const ClSpec channel_sums = {"norm.cl", "channel_sums", CHANNEL_MACROS};
static const ClSpec finish_channels = {"norm.cl", "finish_channels", CHANNEL_MACROS};
static const ClSpec given_statistics = {"norm.cl", "given_statistics", CHANNEL_MACROS};
static const ClSpec channel_map = {"norm.cl", "channel_map", CHANNEL_MACROS};

/* As in kernels_cl/norm.cl. */
typedef struct Rows {
    int64_t rows, n, groups, run;
} Rows;
typedef struct Channels {
    int64_t n, c, s, chunks, chunk, per_sample, per_statistic;
} Channels;

/* The dtype of the first of two tensors that is there; without any it does not matter. */
static int dtype_of(const Tensor *a, const Tensor *b, const Tensor *x) {
    return a ? a->dtype : b ? b->dtype : x->dtype;
}

static Storage *new_reals(Ctx *c, Device device, int64_t count) {
    return storage_new_on(c, device, (count ? count : 1) * (int64_t)dtype_size(cl_real_dtype(device)));
}

static void release(Storage *s) {
    if (s) storage_release(s);
}

/* --- channels ------------------------------------------------------------------------------------------- */

static Channels channels(int64_t n, int64_t count, int64_t s) {
    return (Channels){.n = n, .c = count, .s = s, .chunks = 1, .chunk = n * s, .per_statistic = 1};
}

/* Cuts the channels so that there is enough to do. */
static void cut(Ctx *c, Device device, Channels *v, int lanes) {
    const ClQueue *q = cl_queue(c, device);
    const bool columns = lanes == 1 && q->device->as_gpu;
    const int64_t wanted =
        q->device->info.compute_units * (columns ? COLUMNS_A_UNIT : TASKS_A_UNIT) / (v->c ? v->c : 1);
    const int64_t possible = v->n * v->s / (columns ? LEAST_COLUMN : LEAST_CHUNK);
    v->chunks = wanted < possible ? wanted : possible;
    if (v->chunks > MAX_CHUNKS) v->chunks = MAX_CHUNKS;
    if (v->chunks < 1) v->chunks = 1;
    v->chunk = (v->n * v->s + v->chunks - 1) / v->chunks;
    if (v->chunk) v->chunks = (v->n * v->s + v->chunk - 1) / v->chunk;
}

static ClKernel *kernel(Ctx *c, const char *op, const ClSpec *spec, const Tensor *x, int w, int lanes,
                        bool gradient) {
    return cl_get_kernel(c, op, x->device, spec, NULL,
                         (int[]){x->dtype, w, (int)cl_compute_dtype(x->dtype), lanes, gradient});
}

/* The sums of every channel's chunks; v is cut up. NULL on failure. statistics NULL: moments of x. */
static Storage *sum_channels(Ctx *c, const char *op, Channels *v, const Tensor *x, const Tensor *g,
                             const Storage *statistics) {
    const int lanes = cl_row_lanes(c, x->device, v->s == 1 ? 1 : v->n * v->s, 1);
    ClKernel *k = lanes ? kernel(c, op, &channel_sums, x, x->dtype, lanes, statistics != NULL) : NULL;
    if (!k) return NULL;
    cut(c, x->device, v, lanes);
    Storage *partial = new_reals(c, x->device, 3 * v->c * v->chunks);
    if (partial && cl_launch_rows(c, k, v->c * v->chunks, lanes,
                                  CL_ARGS(arg_storage(partial), arg_tensor(x), arg_tensor(g),
                                          arg_storage(statistics), arg_struct(v, sizeof *v))))
        return partial;
    release(partial);
    return NULL;
}

/* --- rows ----------------------------------------------------------------------------------------------- */

static ClKernel *row_kernel(Ctx *c, const ClRowNorm *r, const ClSpec *spec, const Tensor *x, int w,
                            int lanes) {
    return cl_get_kernel(
        c, r->op, x->device, spec, NULL,
        (int[]){x->dtype, w, (int)cl_compute_dtype(x->dtype), lanes, r->centre, r->groups != 0});
}

bool cl_row_norm(Ctx *c, const ClRowNorm *r, const Tensor *y, const Tensor *x, const Tensor *w,
                 const Tensor *b) {
    const Rows rows = {r->rows, r->n, r->groups, r->run};
    const int lanes = cl_row_lanes(c, x->device, r->n, 1);
    ClKernel *k = lanes ? row_kernel(c, r, &norm_rows, x, dtype_of(w, b, x), lanes) : NULL;
    return k && cl_launch_rows(c, k, r->rows, lanes,
                               CL_ARGS(arg_tensor(y), arg_tensor(x), arg_tensor(w), arg_tensor(b),
                                       arg_real(x->device, r->eps), arg_struct(&rows, sizeof rows)));
}

/* The rows' elements are the channels here: a row of weights over all rows, or the channels of groups. */
static Channels weight_channels(const ClRowNorm *r) {
    if (!r->groups) {
        Channels v = channels(r->rows, r->n, 1);
        v.per_sample = 1;
        v.per_statistic = r->n;
        return v;
    }
    const int64_t each = r->n / r->run;
    Channels v = channels(r->rows / r->groups, each * r->groups, r->run);
    v.per_sample = r->groups;
    v.per_statistic = each;
    return v;
}

static bool weight_grads(Ctx *c, const ClRowNorm *r, const Tensor *gw, const Tensor *gb, const Tensor *g,
                         const Tensor *x, const Storage *statistics) {
    Channels v = weight_channels(r);
    Storage *partial = sum_channels(c, r->op, &v, x, g, statistics);
    ClKernel *k = partial ? kernel(c, r->op, &finish_channels, x, x->dtype, 1, true) : NULL;
    bool ok =
        k && cl_launch_flat(c, k, v.c,
                            CL_ARGS(arg_tensor(gw), arg_tensor(gb), arg_storage(NULL), arg_storage(partial),
                                    arg_storage(statistics), arg_tensor(NULL), arg_struct(&v, sizeof v)));
    release(partial);
    return ok;
}

bool cl_row_norm_grad(Ctx *c, const ClRowNorm *r, const Tensor *gx, const Tensor *gw, const Tensor *gb,
                      const Tensor *g, const Tensor *x, const Tensor *w) {
    const Rows rows = {r->rows, r->n, r->groups, r->run};
    const int lanes = cl_row_lanes(c, x->device, r->n, 1);
    ClKernel *k = lanes ? row_kernel(c, r, &norm_rows_grad, x, dtype_of(w, NULL, x), lanes) : NULL;
    Storage *statistics = NULL;
    if (!k || ((gw || gb) && !(statistics = new_reals(c, x->device, 2 * r->rows)))) return false;
    bool ok =
        cl_launch_rows(c, k, r->rows, lanes,
                       CL_ARGS(arg_tensor(gx), arg_storage(statistics), arg_tensor(g), arg_tensor(x),
                               arg_tensor(w), arg_real(x->device, r->eps), arg_struct(&rows, sizeof rows))) &&
        (!statistics || weight_grads(c, r, gw, gb, g, x, statistics));
    release(statistics);
    return ok;
}

/* --- batch normalisation -------------------------------------------------------------------------------- */

static const char batch_norm[] = "batch_norm";

static bool map_channels(Ctx *c, const Channels *v, const Tensor *y, const Tensor *x, const Tensor *g,
                         const Storage *statistics, const Storage *slopes, const Tensor *w, const Tensor *b) {
    ClKernel *k = kernel(c, batch_norm, &channel_map, x, dtype_of(w, b, x), 1, slopes != NULL);
    return k && cl_launch_flat(c, k, v->n * v->c * v->s,
                               CL_ARGS(arg_tensor(y), arg_tensor(x), arg_tensor(g), arg_storage(statistics),
                                       arg_storage(slopes), arg_tensor(w), arg_tensor(b),
                                       arg_struct(v, sizeof *v)));
}

/* (mean, scale) of each channel of this batch; NULL on failure. */
static Storage *batch_statistics(Ctx *c, const ClBatchNorm *o, const Tensor *x, const Tensor *running_mean,
                                 const Tensor *running_var) {
    Channels v = channels(o->n, o->c, o->s);
    const Device d = x->device;
    Storage *statistics = new_reals(c, d, 2 * o->c), *partial = NULL;
    ClKernel *k = NULL;
    if (statistics) partial = sum_channels(c, batch_norm, &v, x, NULL, NULL);
    if (partial)
        k = kernel(c, batch_norm, &finish_channels, x, dtype_of(running_mean, running_var, x), 1, false);
    bool ok = k && cl_launch_flat(
                       c, k, o->c,
                       CL_ARGS(arg_storage(statistics), arg_storage(partial), arg_tensor(running_mean),
                               arg_int64(running_mean ? running_mean->stride[0] : 0), arg_tensor(running_var),
                               arg_int64(running_var ? running_var->stride[0] : 0), arg_real(d, o->momentum),
                               arg_real(d, o->eps), arg_struct(&v, sizeof v)));
    release(partial);
    if (ok) return statistics;
    release(statistics);
    return NULL;
}

bool cl_batch_norm(Ctx *c, const ClBatchNorm *o, const Tensor *y, const Tensor *x, const Tensor *w,
                   const Tensor *b, Tensor *running_mean, Tensor *running_var) {
    const Channels v = channels(o->n, o->c, o->s);
    Storage *statistics = batch_statistics(c, o, x, running_mean, running_var);
    bool ok = statistics && map_channels(c, &v, y, x, NULL, statistics, NULL, w, b);
    release(statistics);
    return ok;
}

bool cl_batch_norm_given(Ctx *c, const ClBatchNorm *o, const Tensor *y, const Tensor *x, const Tensor *mean,
                         const Tensor *var, const Tensor *w, const Tensor *b) {
    const Channels v = channels(o->n, o->c, o->s);
    Storage *statistics = new_reals(c, x->device, 2 * o->c);
    ClKernel *k = statistics ? kernel(c, batch_norm, &given_statistics, x, mean->dtype, 1, false) : NULL;
    bool ok = k &&
              cl_launch_flat(c, k, o->c,
                             CL_ARGS(arg_storage(statistics), arg_tensor(mean), arg_tensor(var),
                                     arg_real(x->device, o->eps), arg_int64(o->c))) &&
              map_channels(c, &v, y, x, NULL, statistics, NULL, w, b);
    release(statistics);
    return ok;
}

bool cl_batch_norm_grad(Ctx *c, const ClBatchNorm *o, const Tensor *gx, const Tensor *gw, const Tensor *gb,
                        const Tensor *g, const Tensor *x, const Tensor *w) {
    Channels v = channels(o->n, o->c, o->s);
    Storage *statistics = batch_statistics(c, o, x, NULL, NULL), *slopes = NULL, *partial = NULL;
    ClKernel *k = NULL;
    if (statistics) slopes = new_reals(c, x->device, 3 * o->c);
    if (slopes) partial = sum_channels(c, batch_norm, &v, x, g, statistics);
    if (partial) k = kernel(c, batch_norm, &finish_channels, x, dtype_of(w, NULL, x), 1, true);
    bool ok =
        k &&
        cl_launch_flat(c, k, o->c,
                       CL_ARGS(arg_tensor(gw), arg_tensor(gb), arg_storage(slopes), arg_storage(partial),
                               arg_storage(statistics), arg_tensor(w), arg_struct(&v, sizeof v))) &&
        map_channels(c, &v, gx, x, g, statistics, slopes, w, NULL);
    release(partial);
    release(slopes);
    release(statistics);
    return ok;
}
