/* Launches of kernels_cl/scan.cl: cutting rows into chunks, and scanning those chunks' totals likewise. */
#include "cl/scan.h"
#include "cl/reduce.h"
#include "cl/runtime.h"

enum {
    GPU_CHUNK = 32,         /* rows that a work-item takes where there are few lanes */
    GPU_ITEMS_A_UNIT = 512, /* lanes a unit from which on each is one work-item's */
    CPU_CHUNK = 1 << 14,
    CPU_ITEMS_A_UNIT = 4
};

#define MACROS                                                                                               \
    3, {                                                                                                     \
        "X", "Y", "ACC", "SCAN"                                                                              \
    }
static const ClSpec scan_chunks = {"scan.cl", "scan_chunks", MACROS};
static const ClSpec scan_rows = {"scan.cl", "scan_rows", MACROS};

/* As in kernels_cl/scan.cl. */
typedef struct Scan {
    int64_t outer, rows, w, chunks, chunk, reverse;
} Scan;

static int64_t work_items(const Scan *s) {
    return s->outer * s->chunks * s->w;
}

static bool scan(Ctx *c, const char *op, const Tensor *y, const Tensor *x, DType acc, int kind, Scan s) {
    const ClQueue *q = cl_queue(c, x->device);
    if (!q) return false;
    const bool gpu = q->device->as_gpu;
    const int64_t enough = q->device->info.compute_units * (gpu ? GPU_ITEMS_A_UNIT : CPU_ITEMS_A_UNIT);
    s.chunk = gpu ? GPU_CHUNK : CPU_CHUNK;
    if (s.outer * s.w >= enough || s.rows <= 2 * s.chunk) s.chunk = s.rows;
    s.chunks = (s.rows + s.chunk - 1) / s.chunk;
    const int values[] = {x->dtype, y->dtype, (int)acc, kind};
    Tensor totals = {.storage = NULL};
    bool ok = true;
    if (s.chunks > 1) {
        const int64_t size[] = {s.outer, s.chunks, s.w};
        if (!tensor_new_on(c, &totals, x->device, acc, 3, size)) return false;
        ClKernel *k = cl_get_kernel(c, op, x->device, &scan_chunks, NULL, values);
        ok = k && cl_launch_flat(c, k, work_items(&s),
                                 CL_ARGS(arg_tensor(&totals), arg_tensor(x), arg_struct(&s, sizeof s)));
        ok = ok &&
             scan(c, op, &totals, &totals, acc, kind, (Scan){.outer = s.outer, .rows = s.chunks, .w = s.w});
    }
    if (ok) {
        ClKernel *k = cl_get_kernel(c, op, x->device, &scan_rows, NULL, values);
        ok = k &&
             cl_launch_flat(c, k, work_items(&s),
                            CL_ARGS(arg_tensor(y), arg_tensor(x), arg_tensor(totals.storage ? &totals : NULL),
                                    arg_struct(&s, sizeof s)));
    }
    if (totals.storage) tensor_release(&totals);
    return ok;
}

bool cl_scan(Ctx *c, const char *op, const Tensor *y, const Tensor *x, int kind, int dim, bool reverse) {
    Scan s = {.outer = 1, .rows = x->ndim ? x->size[dim] : 1, .w = 1, .reverse = reverse};
    if (tensor_numel(x) == 0) return true;
    for (int d = 0; d < dim; d++) s.outer *= x->size[d];
    for (int d = dim + 1; d < x->ndim; d++) s.w *= x->size[d];
    return scan(c, op, y, x, dtype_is_float((DType)x->dtype) ? cl_real_dtype(x->device) : I64, kind, s);
}
