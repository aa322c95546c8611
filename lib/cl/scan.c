/* Launches of kernels_cl/scan.cl: cutting rows into chunks, and scanning those chunks' totals likewise. */
#include "cl/scan.h"
#include "cl/reduce.h"
#include "cl/runtime.h"
#include "cpu/kernels_reduce.h"

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
static const ClSpec scan_marks = {"scan.cl", "scan_marks", MACROS};
enum { SCAN_LARGEST = SCAN_COUNT, SCAN_SMALLEST }; /* as in kernels_cl/scan.cl */

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
    tensor_release(&totals);
    return ok;
}

static Scan scan_of(const Tensor *x, int dim, bool reverse) {
    Scan s = {.outer = 1, .rows = x->ndim ? x->size[dim] : 1, .w = 1, .chunks = 1, .reverse = reverse};
    for (int d = 0; d < dim; d++) s.outer *= x->size[d];
    for (int d = dim + 1; d < x->ndim; d++) s.w *= x->size[d];
    return s;
}

static DType accumulator(const Tensor *x) {
    return dtype_is_float((DType)x->dtype) ? cl_real_dtype(x->device) : I64;
}

bool cl_scan(Ctx *c, const char *op, const Tensor *y, const Tensor *x, int kind, int dim, bool reverse) {
    if (tensor_numel(x) == 0) return true;
    return scan(c, op, y, x, accumulator(x), kind, scan_of(x, dim, reverse));
}

/* The positions are a scan too: of each row's own number where it is the extreme so far, of 0 elsewhere. */
bool cl_scan_extreme(Ctx *c, const char *op, const Tensor *values, const Tensor *index, const Tensor *x,
                     int dim, bool smallest) {
    if (tensor_numel(x) == 0) return true;
    const int kind = smallest ? SCAN_SMALLEST : SCAN_LARGEST;
    const Scan s = scan_of(x, dim, false);
    if (!scan(c, op, values, x, accumulator(x), kind, s)) return false;
    ClKernel *k = cl_get_kernel(c, op, x->device, &scan_marks, NULL, (int[]){x->dtype, x->dtype, I64, kind});
    return k &&
           cl_launch_flat(
               c, k, work_items(&s),
               CL_ARGS(arg_tensor(index), arg_tensor(values), arg_tensor(x), arg_struct(&s, sizeof s))) &&
           scan(c, op, index, index, I64, SCAN_LARGEST, s);
}
