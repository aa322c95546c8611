/* Launches of kernels_cl/matmul.cl: which kernel, which tile, and cutting k where m and n alone would leave
 * most of the device idle. */
#include "cl/matmul.h"
#include "cl/reduce.h"
#include "cl/runtime.h"
#include <string.h>

enum { BLOCK_M = 4, BLOCK_N = 16, MAX_SLICES = 64, SLICE_DEPTH = 512, SMALL_SIDE = 64 };

static const ClSpec gemm_tiled = {
    "matmul.cl",
    "gemm_tiled",
    2,
    {"X", "ACC", "TILE_M", "TILE_N", "TILE_K", "ROWS", "COLS", "A_ALONG_K", "B_ALONG_N", "SLICES"}};
static const ClSpec gemm_rows = {"matmul.cl", "gemm_rows", 2, {"X", "ACC", "BLOCK_M", "BLOCK_N"}};

static const ClSpec gemm_mma = {"matmul_mma.cl", "gemm_mma", 1, {"X", "A_LOADS", "B_LOADS", "EMULATED"}};

/* As in kernels_cl/product.h. */
typedef struct Product {
    int64_t m, n, k;
    int64_t a_row, a_col, b_row, b_col, y_row, y_batch;
    int64_t batch_dims, batch_size[MAX_DIMS], batch_a[MAX_DIMS], batch_b[MAX_DIMS];
} Product;

typedef struct Tile {
    int m, n, k, rows, cols;
} Tile;

static DType sum_dtype(DType t) {
    return t == F64 ? F64 : dtype_is_float(t) ? F32 : I64;
}

static Product product_of(const Tensor *a, const Tensor *b, const Batch *batch) {
    Product p = {.m = a->size[a->ndim - 2],
                 .n = b->size[b->ndim - 1],
                 .k = a->size[a->ndim - 1],
                 .a_row = a->stride[a->ndim - 2],
                 .a_col = a->stride[a->ndim - 1],
                 .b_row = b->stride[b->ndim - 2],
                 .b_col = b->stride[b->ndim - 1],
                 .batch_dims = batch->ndim};
    p.y_row = p.n;
    p.y_batch = p.m * p.n;
    memcpy(p.batch_size, batch->size, sizeof p.batch_size);
    memcpy(p.batch_a, batch->stride_a, sizeof p.batch_a);
    memcpy(p.batch_b, batch->stride_b, sizeof p.batch_b);
    return p;
}

static int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* --- GPUs --------------------------------------------------------------------------------------------------
 */

/* Large tiles reuse more; small products need many groups. Eight-byte sums take twice the registers. */
static Tile choose_tile(const Product *p, DType acc) {
    if (p->m <= SMALL_SIDE || p->n <= SMALL_SIDE || acc != F32) return (Tile){64, 64, 16, 16, 16};
    return (Tile){128, 128, 16, 16, 16};
}

/* Slices of k so that there are about two groups a compute unit; 1 where m and n give enough. */
static int choose_slices(const Product *p, Tile t, int64_t count, int units) {
    int64_t groups = ceil_div(p->m, t.m) * ceil_div(p->n, t.n) * count;
    int64_t slices = 1;
    while (groups * slices < 2 * units && slices < MAX_SLICES && p->k / (slices * 2) >= SLICE_DEPTH)
        slices *= 2;
    return (int)slices;
}

static bool launch_tiled(Ctx *c, const char *op, const Tensor *y, const Tensor *a, const Tensor *b,
                         Product *p, int64_t count, double beta, Tile t, int slices) {
    DType acc = sum_dtype((DType)y->dtype);
    bool along_k = p->a_col == 1 || p->a_row != 1, along_n = p->b_col == 1 || p->b_row != 1;
    ClKernel *k =
        cl_get_kernel(c, op, y->device, &gemm_tiled, NULL,
                      (int[]){y->dtype, (int)acc, t.m, t.n, t.k, t.rows, t.cols, along_k, along_n, slices});
    if (!k) return false;
    ClGrid grid = {
        3, {ceil_div(p->n, t.n) * t.cols, ceil_div(p->m, t.m) * t.rows, count * slices}, {t.cols, t.rows, 1}};
    return cl_launch(c, k, &grid,
                     CL_ARGS(arg_tensor(a), arg_tensor(b), arg_tensor(y), arg_number(acc, beta),
                             arg_struct(p, sizeof *p)));
}

/* The slices' partial products, then their sum. In a fixed order: the same bits every time. */
static bool launch_sliced(Ctx *c, const char *op, const Tensor *y, const Tensor *a, const Tensor *b,
                          Product *p, int64_t count, Tile t, int slices) {
    Tensor partial, flat = *y;
    const int64_t size[3] = {count, slices, p->m * p->n};
    if (!tensor_new_on(c, &partial, y->device, (DType)y->dtype, 3, size)) return false;
    flat.ndim = 2;
    flat.size[0] = count, flat.size[1] = p->m * p->n;
    contiguous_strides(2, flat.size, flat.stride);
    bool ok = launch_tiled(c, op, &partial, a, b, p, count, 0, t, slices) &&
              cl_reduce(c, op, "sum", &flat, NULL, &partial, 1u << 1, NULL, 0);
    tensor_release(&partial);
    return ok;
}

/* --- tensor cores ------------------------------------------------------------------------------------------
 */

enum { MMA_TILE = 128, MMA_ITEMS = 256, MMA_LEAST = 32 };
enum { ONE_BY_ONE, ALONG_K, ACROSS }; /* as in kernels_cl/matmul_mma.cl */

static bool all_divide(int64_t unit, const Tensor *t, int64_t stride, const Batch *batch,
                       const int64_t *steps) {
    bool ok = t->offset % unit == 0 && stride % unit == 0;
    for (int d = 0; d < batch->ndim; d++) ok = ok && steps[d] % unit == 0;
    return ok;
}

/* How tiles of an operand are read: its strides between lines (rows of a, columns of b) and along k. */
static int choose_loads(const Tensor *t, int64_t line, int64_t along_k, const Batch *batch,
                        const int64_t *steps) {
    if (along_k == 1 && all_divide(16 / dtype_size((DType)t->dtype), t, line, batch, steps)) return ALONG_K;
    if (line == 1 && all_divide(2, t, along_k, batch, steps)) return ACROSS;
    return ONE_BY_ONE;
}

/* Small products would leave most of a tile idle. */
static bool wants_tensor_cores(const Ctx *c, const ClDevice *d, const Tensor *y, const Product *p) {
    bool dtype = y->dtype == F16 || y->dtype == BF16 || (y->dtype == F32 && c->allow_tf32);
    return d->info.tensor_cores && dtype && p->m >= MMA_LEAST && p->n >= MMA_LEAST;
}

static bool launch_mma(Ctx *c, const char *op, const ClDevice *d, const Tensor *y, const Tensor *a,
                       const Tensor *b, Product *p, const Batch *batch, double beta) {
    int a_loads = choose_loads(a, p->a_row, p->a_col, batch, batch->stride_a);
    int b_loads = choose_loads(b, p->b_col, p->b_row, batch, batch->stride_b);
    ClKernel *k = cl_get_kernel(c, op, y->device, &gemm_mma, NULL,
                                (int[]){y->dtype, a_loads, b_loads, d->emulates_mma});
    ClGrid grid = {
        3, {ceil_div(p->n, MMA_TILE) * MMA_ITEMS, ceil_div(p->m, MMA_TILE), batch->count}, {MMA_ITEMS, 1, 1}};
    return k && cl_launch(c, k, &grid,
                          CL_ARGS(arg_tensor(a), arg_tensor(b), arg_tensor(y), arg_float((float)beta),
                                  arg_struct(p, sizeof *p)));
}

/* --- CPUs --------------------------------------------------------------------------------------------------
 */

static bool launch_rows(Ctx *c, const char *op, const Tensor *y, const Tensor *a, const Tensor *b, Product *p,
                        int64_t count, double beta) {
    DType acc = sum_dtype((DType)y->dtype);
    ClKernel *k =
        cl_get_kernel(c, op, y->device, &gemm_rows, NULL, (int[]){y->dtype, (int)acc, BLOCK_M, BLOCK_N});
    if (!k) return false;
    ClGrid grid = {3, {ceil_div(p->n, BLOCK_N), ceil_div(p->m, BLOCK_M), count}, {0}};
    return cl_launch(c, k, &grid,
                     CL_ARGS(arg_tensor(a), arg_tensor(b), arg_tensor(y), arg_number(acc, beta),
                             arg_struct(p, sizeof *p)));
}

bool cl_matmul(Ctx *c, const char *op, const Tensor *y, const Tensor *a, const Tensor *b, const Batch *batch,
               double beta) {
    ClQueue *q = cl_queue(c, y->device);
    if (!q) return false;
    Product p = product_of(a, b, batch);
    if (wants_tensor_cores(c, q->device, y, &p))
        return launch_mma(c, op, q->device, y, a, b, &p, batch, beta);
    if (!q->device->as_gpu && p.b_col == 1) return launch_rows(c, op, y, a, b, &p, batch->count, beta);
    Tile t = choose_tile(&p, sum_dtype((DType)y->dtype));
    int slices = (y->dtype == F32 || y->dtype == F64) && beta == 0
                     ? choose_slices(&p, t, batch->count, q->device->info.compute_units)
                     : 1;
    if (slices > 1) return launch_sliced(c, op, y, a, b, &p, batch->count, t, slices);
    return launch_tiled(c, op, y, a, b, &p, batch->count, beta, t, 1);
}
