/* Launches of kernels_cl/optim.cl. */
#include "cl/optim.h"
#include "cl/runtime.h"
#include <math.h>

static const ClSpec sgd = {"optim.cl", "sgd", 1, {"P"}};
static const ClSpec adam = {"optim.cl", "adam", 1, {"P"}};

bool cl_sgd(Ctx *c, const Tensor *p, const Tensor *g, const Tensor *b, const SgdStep *s) {
    const DType t = (DType)p->dtype;
    const int64_t n = tensor_numel(p);
    ClKernel *k = cl_get_kernel(c, "sgd_steps_", p->device, &sgd, NULL, (int[]){t});
    return k &&
           cl_launch_flat(
               c, k, n,
               CL_ARGS(arg_int64(n), arg_tensor(p), arg_tensor(g), arg_tensor(b), arg_number(t, s->lr),
                       arg_number(t, s->weight_decay), arg_number(t, s->first ? 0 : s->momentum),
                       arg_number(t, s->first ? 1 : 1 - s->dampening), arg_number(t, s->nesterov ? 1 : 0),
                       arg_number(t, s->nesterov ? s->momentum : 1)));
}

bool cl_adam(Ctx *c, const Tensor *p, const Tensor *g, const Tensor *m, const Tensor *v, const Tensor *peak,
             const AdamStep *s) {
    const DType t = (DType)p->dtype;
    const int64_t n = tensor_numel(p);
    const double rate = s->lr / (1 - pow(s->beta1, (double)s->step));
    const double scale = sqrt(1 - pow(s->beta2, (double)s->step));
    ClKernel *k = cl_get_kernel(c, "adam_steps_", p->device, &adam, NULL, (int[]){t});
    return k && cl_launch_flat(c, k, n,
                               CL_ARGS(arg_int64(n), arg_tensor(p), arg_tensor(g), arg_tensor(m),
                                       arg_tensor(v), arg_tensor(peak), arg_number(t, s->maximize ? -1 : 1),
                                       arg_number(t, s->decoupled ? 1 - s->lr * s->weight_decay : 1),
                                       arg_number(t, s->decoupled ? 0 : s->weight_decay),
                                       arg_number(t, 1 - s->beta1), arg_number(t, s->beta2),
                                       arg_number(t, 1 - s->beta2), arg_number(t, rate), arg_number(t, scale),
                                       arg_number(t, s->eps)));
}
