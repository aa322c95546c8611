/* Launches of kernels_cl/pool.cl. */
#include "cl/pool.h"
#include "cl/rows.h"

static const ClSpec max_pool = {"pool.cl", "max_pool", 2, {"X", "COMPUTE", "TASK"}};
static const ClSpec max_pool_grad = {"pool.cl", "max_pool_grad", 2, {"X", "COMPUTE"}};
static const ClSpec mean_pool = {"pool.cl", "mean_pool", 2, {"X", "COMPUTE"}};
static const ClSpec mean_pool_grad = {"pool.cl", "mean_pool_grad", 2, {"X", "COMPUTE"}};

/* TASK in the kernel. */
enum { MAXIMUM, PICK, PLACE };

/* As in kernels_cl/pool.cl. */
typedef struct MeanWindows {
    int64_t planes;
    PoolAxis rows, cols;
} MeanWindows;

bool cl_max_pool(Ctx *c, const char *op, const Tensor *y, const Tensor *x, const Tensor *v,
                 const ClMaxPool *p) {
    const int task = v ? PICK : y->dtype == I64 ? PLACE : MAXIMUM;
    ClKernel *k = cl_get_kernel(c, op, y->device, &max_pool, NULL,
                                (int[]){x->dtype, (int)cl_compute_dtype(x->dtype), task});
    return k &&
           cl_launch_flat(c, k, p->planes * p->oh * p->ow,
                          CL_ARGS(arg_tensor(y), arg_tensor(x), arg_tensor(v), arg_struct(p, sizeof *p)));
}

bool cl_max_pool_grad(Ctx *c, const char *op, const Tensor *gx, const Tensor *x, const Tensor *g,
                      const ClMaxPool *p) {
    ClKernel *k = cl_get_kernel(c, op, gx->device, &max_pool_grad, NULL,
                                (int[]){x->dtype, (int)cl_compute_dtype(x->dtype)});
    return k &&
           cl_launch_flat(c, k, p->planes * p->h * p->w,
                          CL_ARGS(arg_tensor(gx), arg_tensor(x), arg_tensor(g), arg_struct(p, sizeof *p)));
}

bool cl_avg_pool(Ctx *c, const char *op, const Tensor *y, const Tensor *x, bool gradient,
                 const PoolAxis *rows, const PoolAxis *cols, double scale) {
    const MeanWindows p = {y->size[0] * y->size[1], *rows, *cols};
    ClKernel *k = cl_get_kernel(c, op, y->device, gradient ? &mean_pool_grad : &mean_pool, NULL,
                                (int[]){x->dtype, (int)cl_compute_dtype(x->dtype)});
    return k && cl_launch_flat(c, k, tensor_numel(y),
                               CL_ARGS(arg_tensor(y), arg_tensor(x), arg_real(y->device, scale),
                                       arg_struct(&p, sizeof p)));
}
