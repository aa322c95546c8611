/* Launches of kernels_cl/loss.cl. */
#include "cl/loss.h"
#include "cl/reduce.h"
#include "cl/rows.h"

/* Pairs that one row of sum_pairs takes. */
enum { CHUNK = 1 << 12 };

static const ClSpec pair_loss = {"loss.cl", "pair_loss", 3, {"X", "COMPUTE", "Y", "LANES", "KIND"}};
static const ClSpec pair_grad = {"loss.cl", "pair_grad", 3, {"X", "COMPUTE", "Y", "LANES", "KIND"}};
static const ClSpec class_loss = {
    "loss.cl", "class_loss", 3, {"X", "COMPUTE", "TARGET", "LANES", "NORMALISED"}};
static const ClSpec class_grad = {
    "loss.cl", "class_grad", 3, {"X", "COMPUTE", "TARGET", "LANES", "NORMALISED"}};
static const ClSpec class_weights = {"loss.cl", "class_weights", 3, {"X", "COMPUTE", "TARGET", "LANES"}};
static const ClSpec sum_pairs = {"loss.cl", "sum_pairs", 2, {"X", "COMPUTE", "LANES"}};

/* --- elementwise ---------------------------------------------------------------------------------------- */

static ClKernel *pair_kernel(Ctx *c, const ClPairLoss *p, const ClSpec *spec, const Tensor *out) {
    return cl_get_kernel(
        c, p->op, out->device, spec, NULL,
        (int[]){p->x->dtype, (int)cl_compute_dtype(p->x->dtype), out->dtype, 1, (int)p->kind});
}

static bool launch_pair(Ctx *c, const ClPairLoss *p, const Tensor *out) {
    const int64_t n = tensor_numel(out);
    ClKernel *k = pair_kernel(c, p, &pair_loss, out);
    return k && cl_launch_flat(c, k, n,
                               CL_ARGS(arg_int64(n), arg_tensor(out), arg_tensor(p->x), arg_tensor(p->t),
                                       arg_tensor(p->w), arg_tensor(p->pos)));
}

bool cl_pair_loss(Ctx *c, const ClPairLoss *p, const Tensor *out, bool each, bool mean) {
    Tensor losses;
    if (each) return launch_pair(c, p, out);
    if (!tensor_new_like(c, &losses, cl_compute_dtype(p->x->dtype), p->x)) return false;
    bool ok = launch_pair(c, p, &losses) && cl_reduce(c, p->op, mean ? "mean" : "sum", out, NULL, &losses,
                                                      (1u << losses.ndim) - 1, NULL, 0);
    tensor_release(&losses);
    return ok;
}

bool cl_pair_loss_grad(Ctx *c, const ClPairLoss *p, const Tensor *gx, const Tensor *g, bool each,
                       double scale) {
    const int64_t n = tensor_numel(gx);
    ClKernel *k = pair_kernel(c, p, &pair_grad, gx);
    return k && cl_launch_flat(c, k, n,
                               CL_ARGS(arg_int64(n), arg_tensor(gx), arg_tensor(p->x), arg_tensor(p->t),
                                       arg_tensor(p->w), arg_tensor(p->pos), arg_tensor(g), arg_int64(each),
                                       arg_number(cl_compute_dtype(p->x->dtype), scale)));
}

/* --- over classes --------------------------------------------------------------------------------------- */

/* As in kernels_cl/loss.cl. */
typedef struct Classes {
    int64_t samples, n, inner, ignore_index;
} Classes;

#define OPERANDS(l, v)                                                                                       \
    arg_tensor((l)->x), arg_tensor((l)->target), arg_tensor((l)->w),                                         \
        arg_real((l)->target->device, (l)->smoothing), arg_struct(&(v), sizeof(v))

static Classes classes_of(const ClClassLoss *l) {
    return (Classes){l->samples, l->n, l->inner, l->ignore_index};
}

static int lanes_of(Ctx *c, const ClClassLoss *l) {
    return cl_row_lanes(c, l->target->device, l->n, l->inner);
}

static ClKernel *class_kernel(Ctx *c, const ClClassLoss *l, const ClSpec *spec, int lanes) {
    return cl_get_kernel(
        c, l->op, l->target->device, spec, NULL,
        (int[]){(int)l->dtype, (int)cl_compute_dtype((int)l->dtype), l->target->dtype, lanes, l->normalised});
}

static Storage *new_pairs(Ctx *c, Device device, int64_t count) {
    return storage_new_on(c, device, 2 * (count ? count : 1) * (int64_t)dtype_size(cl_real_dtype(device)));
}

/* The sums of `count` pairs: to y (as the kernel says), or where y is NULL to a new storage *sums. `pairs` is
 * released. */
static bool add_up(Ctx *c, const ClClassLoss *l, const Tensor *y, bool mean, Storage *pairs, int64_t count,
                   Storage **sums) {
    const Device device = l->target->device;
    const int lanes = cl_row_lanes(c, device, CHUNK, 1);
    ClKernel *k = lanes ? cl_get_kernel(c, l->op, device, &sum_pairs, NULL,
                                        (int[]){(int)l->dtype, (int)cl_compute_dtype((int)l->dtype), lanes})
                        : NULL;
    bool ok = k != NULL;
    for (bool last = false; ok && !last;) {
        const int64_t rows = count ? (count + CHUNK - 1) / CHUNK : 1;
        last = rows == 1;
        const Tensor *to = last ? y : NULL;
        Storage *next = to ? NULL : new_pairs(c, device, rows);
        ok = (to || next) &&
             cl_launch_rows(c, k, rows, lanes,
                            CL_ARGS(arg_storage(next), arg_tensor(to), arg_storage(pairs), arg_int64(count),
                                    arg_int64(CHUNK), arg_int64(rows), arg_int(mean)));
        storage_release(pairs);
        pairs = next;
        count = rows;
    }
    if (ok && sums)
        *sums = pairs;
    else if (pairs)
        storage_release(pairs);
    return ok;
}

bool cl_class_loss(Ctx *c, const ClClassLoss *l, const Tensor *out, bool each, bool mean) {
    const int lanes = lanes_of(c, l);
    const Classes v = classes_of(l);
    ClKernel *k = lanes ? class_kernel(c, l, &class_loss, lanes) : NULL;
    ClFaults faults;
    if (!cl_open_faults(c, l->op, out->device, &faults)) return false;
    Storage *pairs = !k || each ? NULL : new_pairs(c, out->device, l->samples);
    if (!k || (!each && !pairs)) return false;
    bool ok = cl_launch_rows(
        c, k, l->samples, lanes,
        CL_ARGS(arg_storage(pairs), arg_tensor(each ? out : NULL), ARG_FAULTS(faults), OPERANDS(l, v)));
    if (each) return ok;
    if (ok) return add_up(c, l, out, mean, pairs, l->samples, NULL);
    storage_release(pairs);
    return false;
}

/* What the mean divides by, as the second number of a pair. */
static bool total_weight(Ctx *c, const ClClassLoss *l, Storage **total) {
    const Classes v = classes_of(l);
    ClKernel *k = class_kernel(c, l, &class_weights, 1);
    Storage *pairs = k ? new_pairs(c, l->target->device, l->samples) : NULL;
    if (!pairs) return false;
    if (cl_launch_flat(c, k, l->samples, CL_ARGS(arg_storage(pairs), OPERANDS(l, v))))
        return add_up(c, l, NULL, true, pairs, l->samples, total);
    storage_release(pairs);
    return false;
}

bool cl_class_loss_grad(Ctx *c, const ClClassLoss *l, const Tensor *gx, const Tensor *g, bool each,
                        bool mean) {
    const int lanes = lanes_of(c, l);
    const Classes v = classes_of(l);
    Storage *total = NULL;
    ClKernel *k = lanes ? class_kernel(c, l, &class_grad, lanes) : NULL;
    if (!k || (mean && !total_weight(c, l, &total))) return false;
    bool ok = cl_launch_rows(
        c, k, l->samples, lanes,
        CL_ARGS(arg_tensor(gx), arg_tensor(g), arg_int64(each), arg_storage(total), OPERANDS(l, v)));
    if (total) storage_release(total);
    return ok;
}
