/* Losses: shape and dtype rules, then cpu/loss.c. */
#include "ops/loss.h"
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

/* Splits g into a factor and, where there is one for each loss, an array (else *each holds nothing). */
static bool open_gradient(Ctx *c, const char *name, const Tensor *g, int64_t losses, Reduction r,
                          DType compute, Tensor *each, double *factor) {
    *factor = 1;
    if (r == LOSS_NONE) {
        REQUIRE(c, tensor_numel(g) == losses, "%s: expected a gradient of %lld elements, got (%s)", name,
                (long long)losses, SHAPE(g));
        return op_contiguous(c, each, g, compute);
    }
    REQUIRE(c, tensor_numel(g) == 1, "%s: expected a gradient of one element, got (%s)", name, SHAPE(g));
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
    for (int i = 0; i < 4; i++) release_if_any(operands[i]);
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
    return require_same_device(c, name, x, t) && require_cpu(c, name, x);
}

static bool open_pair(Ctx *c, const char *name, Pair *p, const Tensor *x, const Tensor *t, const Tensor *w,
                      const Tensor *pos, PairKind kind) {
    *p = (Pair){0};
    if (!check_pair(c, name, x, t, &p->dtype)) return false;
    const DType compute = compute_dtype(p->dtype);
    if (!op_contiguous(c, &p->x, x, compute) || !op_contiguous(c, &p->t, t, compute) ||
        !open_weight(c, name, &p->w, w, x, compute) || !open_weight(c, name, &p->pos, pos, x, compute)) {
        close_pair(p);
        return false;
    }
    p->loss = (PairLoss){.dtype = compute,
                         .kind = kind,
                         .x = tensor_data(&p->x),
                         .t = tensor_data(&p->t),
                         .w = w ? tensor_data(&p->w) : NULL,
                         .pos = pos ? tensor_data(&p->pos) : NULL,
                         .n = tensor_numel(x)};
    return true;
}

/* Both take the opened pair over. */
static bool pair_loss(Ctx *c, Tensor *out, Pair *p, Reduction r) {
    Tensor wide = {0};
    double sum;
    bool each = r == LOSS_NONE, ok = !each || tensor_new_like(c, &wide, p->loss.dtype, &p->x);
    ok = ok && cpu_pair_loss(c, &p->loss, each ? tensor_data(&wide) : NULL, &sum);
    close_pair(p);
    if (!ok) {
        release_if_any(&wide);
        return false;
    }
    if (each) return give_as(c, out, &wide, p->dtype);
    return give_scalar(c, out, r == LOSS_MEAN ? sum / (double)p->loss.n : sum, p->dtype);
}

static bool pair_loss_grad(Ctx *c, const char *name, Tensor *gx, const Tensor *g, Pair *p, Reduction r) {
    Tensor wide = {0}, each = {0};
    double factor;
    bool ok = open_gradient(c, name, g, p->loss.n, r, p->loss.dtype, &each, &factor) &&
              tensor_new_like(c, &wide, p->loss.dtype, &p->x) &&
              cpu_pair_loss_grad(c, &p->loss, tensor_data(&wide), each.storage ? tensor_data(&each) : NULL,
                                 r == LOSS_MEAN ? factor / (double)p->loss.n : factor);
    close_pair(p);
    release_if_any(&each);
    if (ok) return give_as(c, gx, &wide, p->dtype);
    release_if_any(&wide);
    return false;
}

bool op_mse_loss(Ctx *c, Tensor *out, const Tensor *x, const Tensor *target, Reduction r) {
    Pair p;
    out->storage = NULL;
    return open_pair(c, "mse_loss", &p, x, target, NULL, NULL, PAIR_SQUARED) && pair_loss(c, out, &p, r);
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

bool op_bce(Ctx *c, Tensor *out, const Tensor *x, const Tensor *target, const Tensor *weight,
            const Tensor *pos_weight, Reduction r, bool logits) {
    Pair p;
    out->storage = NULL;
    if (!open_pair(c, bce_name(logits), &p, x, target, weight, pos_weight,
                   logits ? PAIR_LOGITS : PAIR_PROBABILITIES))
        return false;
    if (logits || cpu_are_probabilities(&p.loss)) return pair_loss(c, out, &p, r);
    close_pair(&p);
    return ctx_fail(c, "%s: expected probabilities from 0 to 1; for logits there is %s", bce_name(false),
                    bce_name(true));
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
    double *w;
    int ndim; /* of the samples: the shape of x without C */
    int64_t size[MAX_DIMS];
    ClassLoss loss;
} Classes;

static void close_classes(Ctx *c, Classes *k) {
    release_if_any(&k->x);
    release_if_any(&k->target);
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
    if (!require_cpu(c, o->name, target) || (x->storage && !require_same_device(c, o->name, x, target)))
        return false;
    const DType compute = k->loss.dtype = compute_dtype((DType)x->dtype);
    const bool classes = dtype_is_int((DType)target->dtype);
    bool ok = op_contiguous(c, &k->target, target, classes ? I64 : compute) &&
              (!x->storage || op_contiguous(c, &k->x, x, compute)) && open_class_weight(c, k, x, o);
    if (ok) {
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

bool op_class_loss(Ctx *c, Tensor *out, const Tensor *x, const Tensor *target, const ClassOptions *o) {
    Classes k;
    Tensor wide = {0};
    double sum, weight;
    out->storage = NULL;
    if (!open_classes(c, &k, x, target, o)) return false;
    const bool each = o->reduction == LOSS_NONE;
    bool ok = (!each || tensor_new(c, &wide, k.loss.dtype, k.ndim, k.size)) &&
              cpu_class_loss(c, &k.loss, each ? tensor_data(&wide) : NULL, &sum, &weight);
    close_classes(c, &k);
    if (!ok) {
        release_if_any(&wide);
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
    bool ok = open_gradient(c, o->name, g, k.loss.v.outer * k.loss.v.inner, o->reduction, k.loss.dtype, &each,
                            &factor);
    if (ok && o->reduction == LOSS_MEAN) factor /= cpu_class_weight(&k.loss);
    ok =
        ok && tensor_new_like(c, &wide, k.loss.dtype, x) &&
        cpu_class_loss_grad(c, &k.loss, tensor_data(&wide), each.storage ? tensor_data(&each) : NULL, factor);
    close_classes(c, &k);
    release_if_any(&each);
    if (ok) return give_as(c, gx, &wide, (DType)x->dtype);
    release_if_any(&wide);
    return false;
}
