/* Losses: shape and dtype rules, then cpu/loss.c or cl/loss.c. */
#include "ops/loss.h"
#include "cl/loss.h"
#include "cl/reduce.h"
#include "cpu/loss.h"
#include "ops/float_operand.h"
#include "ops/softmax.h"

/* A 0-dim tensor with that value. */
static bool give_scalar(Ctx *c, Tensor *out, double value, DType dtype) {
    Tensor wide;
    if (!tensor_new(c, &wide, F64, 0, NULL)) return false;
    *(double *)tensor_data(&wide) = value;
    return give_as(c, out, &wide, dtype);
}

/* g holds one element for each loss, or one for all. */
static bool check_gradient(Ctx *c, const char *name, const Tensor *g, int64_t losses, Reduction r) {
    if (r == LOSS_NONE)
        REQUIRE(c, tensor_numel(g) == losses, "%s: expected a gradient of %lld elements, got (%s)", name,
                (long long)losses, SHAPE(g));
    else
        REQUIRE(c, tensor_numel(g) == 1, "%s: expected a gradient of one element, got (%s)", name, SHAPE(g));
    return true;
}

/* Splits g into a factor and, where there is one for each loss, an array (else *each holds nothing). */
static bool open_gradient(Ctx *c, const char *name, const Tensor *g, int64_t losses, Reduction r,
                          DType compute, Tensor *each, double *factor) {
    *factor = 1;
    if (!check_gradient(c, name, g, losses, r)) return false;
    if (r == LOSS_NONE) return op_contiguous(c, each, g, compute);
    *factor = tensor_get_double(g, 0);
    return true;
}

/* --- elementwise ---------------------------------------------------------------------------------------- */

/* The operands of an elementwise loss, contiguous and of one dtype. */
typedef struct Pair {
    Tensor x, t, w, pos;
    DType dtype; /* of the result */
    PairLoss loss;
} Pair;

static void close_pair(Pair *p) {
    Tensor *const operands[] = {&p->x, &p->t, &p->w, &p->pos};
    for (int i = 0; i < 4; i++) tensor_release(operands[i]);
}

static bool open_weight(Ctx *c, const char *name, Tensor *dense, const Tensor *w, const Tensor *x,
                        DType dtype) {
    Tensor expanded;
    if (!w) return true;
    if (!require_same_device(c, name, w, x) || !tensor_expand(c, &expanded, w, x->ndim, x->size, name))
        return false;
    bool ok = op_contiguous(c, dense, &expanded, dtype);
    tensor_release(&expanded);
    return ok;
}

static bool check_pair(Ctx *c, const char *name, const Tensor *x, const Tensor *t, DType *dtype) {
    REQUIRE(c, tensor_same_shape(x, t),
            "%s: expected a target of the input's shape (%s), got (%s): a loss does not broadcast", name,
            SHAPE(x), SHAPE(t));
    *dtype = dtype_promote((DType)x->dtype, (DType)t->dtype);
    REQUIRE(c, dtype_is_float(*dtype), "%s: expected floating-point tensors, got %s and %s", name, DTYPE(x),
            DTYPE(t));
    return require_same_device(c, name, x, t);
}

static bool open_pair(Ctx *c, const char *name, Pair *p, const Tensor *x, const Tensor *t, const Tensor *w,
                      const Tensor *pos, PairKind kind) {
    *p = (Pair){0};
    if (!check_pair(c, name, x, t, &p->dtype)) return false;
    const DType compute = operand_dtype(x, p->dtype);
    if (!op_contiguous(c, &p->x, x, compute) || !op_contiguous(c, &p->t, t, compute) ||
        !open_weight(c, name, &p->w, w, x, compute) || !open_weight(c, name, &p->pos, pos, x, compute)) {
        close_pair(p);
        return false;
    }
    p->loss = (PairLoss){.dtype = compute, .kind = kind, .n = tensor_numel(x)};
    if (x->device == CPU) {
        p->loss.x = tensor_data(&p->x);
        p->loss.t = tensor_data(&p->t);
        p->loss.w = w ? tensor_data(&p->w) : NULL;
        p->loss.pos = pos ? tensor_data(&p->pos) : NULL;
    }
    return true;
}

/* --- elementwise, on a device */

static ClPairLoss device_pair(const char *name, const Pair *p) {
    static const ClPairKind kinds[] = {[PAIR_SQUARED] = CL_PAIR_SQUARED,
                                       [PAIR_LOGITS] = CL_PAIR_LOGITS,
                                       [PAIR_PROBABILITIES] = CL_PAIR_PROBABILITIES};
    return (ClPairLoss){.op = name,
                        .kind = kinds[p->loss.kind],
                        .x = &p->x,
                        .t = &p->t,
                        .w = p->w.storage ? &p->w : NULL,
                        .pos = p->pos.storage ? &p->pos : NULL};
}

static bool device_pair_loss(Ctx *c, const char *name, Tensor *out, const Pair *p, Reduction r) {
    const ClPairLoss loss = device_pair(name, p);
    const bool each = r == LOSS_NONE;
    if (!tensor_new_on(c, out, p->x.device, p->dtype, each ? p->x.ndim : 0, p->x.size)) return false;
    if (cl_pair_loss(c, &loss, out, each, r == LOSS_MEAN)) return true;
    tensor_release(out);
    return false;
}

static bool device_pair_grad(Ctx *c, const char *name, Tensor *gx, const Tensor *g, const Pair *p,
                             Reduction r) {
    const ClPairLoss loss = device_pair(name, p);
    Tensor factor = {0};
    bool ok =
        require_same_device(c, name, g, &p->x) && check_gradient(c, name, g, p->loss.n, r) &&
        op_contiguous(c, &factor, g, p->dtype) && tensor_new_like(c, gx, p->dtype, &p->x) &&
        cl_pair_loss_grad(c, &loss, gx, &factor, r == LOSS_NONE, r == LOSS_MEAN ? 1 / (double)p->loss.n : 1);
    tensor_release(&factor);
    if (!ok) tensor_release(gx);
    return ok;
}

static bool device_are_probabilities(Ctx *c, const char *name, const Pair *p, bool *are) {
    Tensor ends;
    const int64_t two = 2, none = 0;
    double value[2];
    *are = true;
    if (p->loss.n == none) return true;
    if (!tensor_new_on(c, &ends, p->x.device, cl_real_dtype(p->x.device), 1, &two)) return false;
    Tensor last = ends, host = {0};
    last.offset++;
    const uint32_t all = (1u << p->x.ndim) - 1;
    bool ok = cl_reduce(c, name, "amin", &ends, NULL, &p->x, all, NULL, 0) &&
              cl_reduce(c, name, "amax", &last, NULL, &p->x, all, NULL, 0) &&
              op_to(c, &host, &ends, CPU, F64);
    tensor_release(&ends);
    if (!ok) return false;
    for (int i = 0; i < 2; i++) value[i] = tensor_get_double(&host, i);
    tensor_release(&host);
    *are = value[0] >= 0 && value[1] <= 1;
    return true;
}

/* --- elementwise, on the CPU */

/* Both take the opened pair over. */
static bool pair_loss(Ctx *c, const char *name, Tensor *out, Pair *p, Reduction r) {
    Tensor wide = {0};
    double sum;
    if (p->x.device != CPU) {
        bool done = device_pair_loss(c, name, out, p, r);
        close_pair(p);
        return done;
    }
    bool each = r == LOSS_NONE, ok = !each || tensor_new_like(c, &wide, p->loss.dtype, &p->x);
    ok = ok && cpu_pair_loss(c, &p->loss, each ? tensor_data(&wide) : NULL, &sum);
    close_pair(p);
    if (!ok) {
        tensor_release(&wide);
        return false;
    }
    if (each) return give_as(c, out, &wide, p->dtype);
    return give_scalar(c, out, r == LOSS_MEAN ? sum / (double)p->loss.n : sum, p->dtype);
}

static bool pair_loss_grad(Ctx *c, const char *name, Tensor *gx, const Tensor *g, Pair *p, Reduction r) {
    Tensor wide = {0}, each = {0};
    double factor;
    if (p->x.device != CPU) {
        bool done = device_pair_grad(c, name, gx, g, p, r);
        close_pair(p);
        return done;
    }
    bool ok = open_gradient(c, name, g, p->loss.n, r, p->loss.dtype, &each, &factor) &&
              tensor_new_like(c, &wide, p->loss.dtype, &p->x) &&
              cpu_pair_loss_grad(c, &p->loss, tensor_data(&wide), each.storage ? tensor_data(&each) : NULL,
                                 r == LOSS_MEAN ? factor / (double)p->loss.n : factor);
    close_pair(p);
    tensor_release(&each);
    if (ok) return give_as(c, gx, &wide, p->dtype);
    tensor_release(&wide);
    return false;
}

bool op_mse_loss(Ctx *c, Tensor *out, const Tensor *x, const Tensor *target, Reduction r) {
    Pair p;
    out->storage = NULL;
    return open_pair(c, "mse_loss", &p, x, target, NULL, NULL, PAIR_SQUARED) &&
           pair_loss(c, "mse_loss", out, &p, r);
}

bool op_mse_loss_grad(Ctx *c, Tensor *gx, const Tensor *g, const Tensor *x, const Tensor *target,
                      Reduction r) {
    Pair p;
    gx->storage = NULL;
    return open_pair(c, "mse_loss", &p, x, target, NULL, NULL, PAIR_SQUARED) &&
           pair_loss_grad(c, "mse_loss", gx, g, &p, r);
}

static const char *bce_name(bool logits) {
    return logits ? "binary_cross_entropy_with_logits" : "binary_cross_entropy";
}

static bool are_probabilities(Ctx *c, const char *name, const Pair *p, bool *are) {
    if (p->x.device != CPU) return device_are_probabilities(c, name, p, are);
    *are = cpu_are_probabilities(&p->loss);
    return true;
}

bool op_bce(Ctx *c, Tensor *out, const Tensor *x, const Tensor *target, const Tensor *weight,
            const Tensor *pos_weight, Reduction r, bool logits) {
    Pair p;
    out->storage = NULL;
    if (!open_pair(c, bce_name(logits), &p, x, target, weight, pos_weight,
                   logits ? PAIR_LOGITS : PAIR_PROBABILITIES))
        return false;
    bool fits = true, ok = logits || are_probabilities(c, bce_name(logits), &p, &fits);
    if (ok && fits) return pair_loss(c, bce_name(logits), out, &p, r);
    close_pair(&p);
    return ok && ctx_fail(c, "%s: expected probabilities from 0 to 1; for logits there is %s",
                          bce_name(false), bce_name(true));
}

bool op_bce_grad(Ctx *c, Tensor *gx, const Tensor *g, const Tensor *x, const Tensor *target,
                 const Tensor *weight, const Tensor *pos_weight, Reduction r, bool logits) {
    Pair p;
    gx->storage = NULL;
    return open_pair(c, bce_name(logits), &p, x, target, weight, pos_weight,
                     logits ? PAIR_LOGITS : PAIR_PROBABILITIES) &&
           pair_loss_grad(c, bce_name(logits), gx, g, &p, r);
}

/* --- over classes --------------------------------------------------------------------------------------- */

/* The operands of a loss over classes, contiguous and of one dtype. */
typedef struct Classes {
    Tensor x, target;
    Tensor weight; /* on a device; */
    double *w;     /* on the CPU */
    int ndim;      /* of the samples: the shape of x without C */
    int64_t size[MAX_DIMS];
    ClassLoss loss;
} Classes;

static void close_classes(Ctx *c, Classes *k) {
    tensor_release(&k->x);
    tensor_release(&k->target);
    tensor_release(&k->weight);
    if (k->w) ctx_scratch_free(c, k->w);
}

static bool check_target(Ctx *c, const Classes *k, const Tensor *x, const Tensor *target,
                         const ClassOptions *o) {
    bool classes = dtype_is_int((DType)target->dtype), fits = target->ndim == k->ndim;
    if (!o->normalised && dtype_is_float((DType)target->dtype)) {
        REQUIRE(c, tensor_same_shape(target, x),
                "%s: expected probabilities of the scores' shape (%s), got (%s); classes must be integers",
                o->name, SHAPE(x), SHAPE(target));
        return true;
    }
    REQUIRE(c, classes, "%s: expected classes of an integer dtype%s, got %s", o->name,
            o->normalised ? "" : " or floating-point probabilities", DTYPE(target));
    for (int d = 0; fits && d < k->ndim; d++) fits = target->size[d] == k->size[d];
    REQUIRE(c, fits, "%s: scores (%s) need classes of shape (%s), got (%s)", o->name, SHAPE(x),
            SIZES(k->ndim, k->size), SHAPE(target));
    return true;
}

static bool check_classes(Ctx *c, const ClassLoss *l, const char *name) {
    int64_t bad = cpu_find_bad_class(l);
    if (bad < 0) return true;
    long long class = l->classes[bad], last = l->v.n;
    return ctx_fail(c, "%s: class %lld: classes run 1..%lld%s", name, class, last,
                    class == 0 ? "; add 1 to 0-based labels" : "");
}

static bool open_class_weight(Ctx *c, Classes *k, const Tensor *x, const ClassOptions *o) {
    const Tensor *w = o->weight;
    const int64_t count = k->loss.v.n;
    if (!w) return true;
    if (!require_same_device(c, o->name, w, x)) return false;
    REQUIRE(c, w->ndim == 1 && w->size[0] == count,
            "%s: expected a weight for each of %lld classes, got (%s)", o->name, (long long)count, SHAPE(w));
    if (w->device != CPU) return op_contiguous(c, &k->weight, w, k->loss.dtype);
    k->w = ctx_scratch(c, (count + 1) * (int64_t)sizeof *k->w);
    if (!k->w) return false;
    for (int64_t i = 0; i < count; i++) k->w[i] = tensor_get_double(w, i * w->stride[0]);
    k->loss.w = k->w;
    return true;
}

static bool open_classes(Ctx *c, Classes *k, const Tensor *x, const Tensor *target, const ClassOptions *o) {
    const int dim = x->ndim > 1;
    *k = (Classes){
        .loss = {.ignore_index = o->ignore_index, .smoothing = o->smoothing, .normalised = o->normalised}};
    if (!require_floating(c, o->name, x)) return false;
    REQUIRE(c, x->ndim > 0, "%s: expected scores of shape (C), (N, C) or (N, C, ...), got 0-dim", o->name);
    REQUIRE(c, o->smoothing >= 0 && o->smoothing <= 1, "%s: expected label_smoothing from 0 to 1, got %g",
            o->name, o->smoothing);
    for (int d = 0; d < x->ndim; d++)
        if (d != dim) k->size[k->ndim++] = x->size[d];
    k->loss.v = softmax_view(x, dim);
    if (!check_target(c, k, x, target, o)) return false;
    if (x->storage && !require_same_device(c, o->name, x, target)) return false;
    const DType compute = k->loss.dtype = operand_dtype(target, (DType)x->dtype);
    const bool classes = dtype_is_int((DType)target->dtype);
    bool ok = op_contiguous(c, &k->target, target, classes ? I64 : compute) &&
              (!x->storage || op_contiguous(c, &k->x, x, compute)) && open_class_weight(c, k, x, o);
    if (ok && target->device == CPU) {
        k->loss.x = x->storage ? tensor_data(&k->x) : NULL;
        if (classes)
            k->loss.classes = tensor_data(&k->target);
        else
            k->loss.probabilities = tensor_data(&k->target);
        ok = !classes || check_classes(c, &k->loss, o->name);
    }
    if (!ok) close_classes(c, k);
    return ok;
}

static ClClassLoss device_classes(const Classes *k, const char *name) {
    return (ClClassLoss){.op = name,
                         .dtype = k->loss.dtype,
                         .x = k->x.storage ? &k->x : NULL,
                         .target = &k->target,
                         .w = k->weight.storage ? &k->weight : NULL,
                         .samples = k->loss.v.outer * k->loss.v.inner,
                         .n = k->loss.v.n,
                         .inner = k->loss.v.inner,
                         .ignore_index = k->loss.ignore_index,
                         .smoothing = k->loss.smoothing,
                         .normalised = k->loss.normalised};
}

/* Both take the opened operands over. */
static bool device_class_loss(Ctx *c, Tensor *out, Classes *k, const ClassOptions *o) {
    const ClClassLoss loss = device_classes(k, o->name);
    const bool each = o->reduction == LOSS_NONE;
    bool ok = tensor_new_on(c, out, k->target.device, k->loss.dtype, each ? k->ndim : 0, k->size) &&
              cl_class_loss(c, &loss, out, each, o->reduction == LOSS_MEAN);
    close_classes(c, k);
    if (!ok) tensor_release(out);
    return ok;
}

static bool device_class_grad(Ctx *c, Tensor *gx, const Tensor *g, const Tensor *x, Classes *k,
                              const ClassOptions *o) {
    const ClClassLoss loss = device_classes(k, o->name);
    Tensor factor = {0};
    bool ok = require_same_device(c, o->name, g, &k->target) &&
              check_gradient(c, o->name, g, loss.samples, o->reduction) &&
              op_contiguous(c, &factor, g, k->loss.dtype) &&
              tensor_new_on(c, gx, k->target.device, k->loss.dtype, x->ndim, x->size) &&
              cl_class_loss_grad(c, &loss, gx, &factor, o->reduction == LOSS_NONE, o->reduction == LOSS_MEAN);
    tensor_release(&factor);
    close_classes(c, k);
    if (!ok) tensor_release(gx);
    return ok;
}

bool op_class_loss(Ctx *c, Tensor *out, const Tensor *x, const Tensor *target, const ClassOptions *o) {
    Classes k;
    Tensor wide = {0};
    double sum, weight;
    out->storage = NULL;
    if (!open_classes(c, &k, x, target, o)) return false;
    if (target->device != CPU) return device_class_loss(c, out, &k, o);
    const bool each = o->reduction == LOSS_NONE;
    bool ok = (!each || tensor_new(c, &wide, k.loss.dtype, k.ndim, k.size)) &&
              cpu_class_loss(c, &k.loss, each ? tensor_data(&wide) : NULL, &sum, &weight);
    close_classes(c, &k);
    if (!ok) {
        tensor_release(&wide);
        return false;
    }
    if (each) return give_as(c, out, &wide, (DType)x->dtype);
    return give_scalar(c, out, o->reduction == LOSS_MEAN ? sum / weight : sum, (DType)x->dtype);
}

bool op_class_loss_grad(Ctx *c, Tensor *gx, const Tensor *g, const Tensor *x, const Tensor *target,
                        const ClassOptions *o) {
    Classes k;
    Tensor wide = {0}, each = {0};
    double factor;
    gx->storage = NULL;
    if (!open_classes(c, &k, x, target, o)) return false;
    if (target->device != CPU) return device_class_grad(c, gx, g, x, &k, o);
    bool ok = open_gradient(c, o->name, g, k.loss.v.outer * k.loss.v.inner, o->reduction, k.loss.dtype, &each,
                            &factor);
    if (ok && o->reduction == LOSS_MEAN) factor /= cpu_class_weight(&k.loss);
    ok =
        ok && tensor_new_like(c, &wide, k.loss.dtype, x) &&
        cpu_class_loss_grad(c, &k.loss, tensor_data(&wide), each.storage ? tensor_data(&each) : NULL, factor);
    close_classes(c, &k);
    tensor_release(&each);
    if (ok) return give_as(c, gx, &wide, (DType)x->dtype);
    tensor_release(&wide);
    return false;
}
