/* Normalisations: shape and dtype rules, then cpu/norm.c. */
#include "ops/norm.h"
#include "cpu/norm.h"
#include "ops/float_operand.h"
#include <float.h>

static bool check_operand(Ctx *c, const char *name, const Tensor *x) {
    return require_floating(c, name, x) && require_cpu(c, name, x);
}

static bool check_gradient(Ctx *c, const char *name, const Tensor *g, const Tensor *x) {
    if (!check_operand(c, name, x) || !require_same_device(c, name, g, x)) return false;
    REQUIRE(c, tensor_same_shape(g, x), "%s: expected a gradient of shape (%s), got (%s)", name, SHAPE(x),
            SHAPE(g));
    return true;
}

/* A result that is computed as `wide` and given to `out` in the end; NULL where it is not wanted. */
typedef struct Result {
    Tensor *out;
    Tensor wide;
} Result;

/* Gives the results as `dtype` where ok, else frees them. */
static bool give_all(Ctx *c, Result *r, int count, DType dtype, bool ok) {
    for (int i = 0; i < count; i++) {
        if (!r[i].out) {
            release_if_any(&r[i].wide);
        } else if (ok) {
            ok = give_as(c, r[i].out, &r[i].wide, dtype);
        } else {
            release_if_any(&r[i].wide);
        }
    }
    for (int i = 0; i < count && !ok; i++)
        if (r[i].out) release_if_any(r[i].out);
    return ok;
}

static void *data_of(const Tensor *t) {
    return t->storage ? tensor_data(t) : NULL;
}

/* --- over the last dimensions ----------------------------------------------------------------------------
 */

static bool check_rows(Ctx *c, const Tensor *x, const Tensor *weight, const Tensor *bias, const RowNorm *r,
                       int64_t *rows, int64_t *n) {
    const int lead = x->ndim - r->ndim;
    bool fits = r->ndim > 0 && lead >= 0;
    for (int d = 0; fits && d < r->ndim; d++) fits = x->size[lead + d] == r->size[d];
    REQUIRE(c, fits, "%s: expected an input whose last sizes are (%s), got (%s)", r->name,
            SIZES(r->ndim, r->size), SHAPE(x));
    const Tensor *const affine[] = {weight, bias};
    for (int i = 0; i < 2; i++) {
        const Tensor *t = affine[i];
        if (!t) continue;
        if (!require_same_device(c, r->name, t, x)) return false;
        bool same = t->ndim == r->ndim;
        for (int d = 0; same && d < r->ndim; d++) same = t->size[d] == r->size[d];
        REQUIRE(c, same, "%s: expected a %s of shape (%s), got (%s)", r->name, i ? "bias" : "weight",
                SIZES(r->ndim, r->size), SHAPE(t));
    }
    *rows = *n = 1;
    for (int d = 0; d < x->ndim; d++) *(d < lead ? rows : n) *= x->size[d];
    return true;
}

static double row_eps(const RowNorm *r, DType compute) {
    return r->eps >= 0 ? r->eps : compute == F64 ? DBL_EPSILON : (double)FLT_EPSILON;
}

bool op_row_norm(Ctx *c, Tensor *out, const Tensor *x, const Tensor *weight, const Tensor *bias,
                 const RowNorm *r) {
    int64_t rows, n;
    Tensor dense = {0}, w = {0}, b = {0};
    Result y = {out, {0}};
    out->storage = NULL;
    if (!check_operand(c, r->name, x) || !check_rows(c, x, weight, bias, r, &rows, &n)) return false;
    const DType compute = compute_dtype((DType)x->dtype);
    bool ok = op_contiguous(c, &dense, x, compute) && (!weight || op_contiguous(c, &w, weight, compute)) &&
              (!bias || op_contiguous(c, &b, bias, compute)) && tensor_new_like(c, &y.wide, compute, x) &&
              cpu_row_norm(c, tensor_data(&y.wide), tensor_data(&dense), compute, rows, n, data_of(&w),
                           data_of(&b), row_eps(r, compute), r->centre);
    release_if_any(&dense);
    release_if_any(&w);
    release_if_any(&b);
    return give_all(c, &y, 1, (DType)x->dtype, ok);
}

bool op_row_norm_grad(Ctx *c, Tensor *gx, Tensor *gw, Tensor *gb, const Tensor *g, const Tensor *x,
                      const Tensor *weight, const RowNorm *r) {
    int64_t rows, n;
    Tensor dense_g = {0}, dense_x = {0}, w = {0};
    Result result[3] = {{gx, {0}}, {gw, {0}}, {gb, {0}}};
    for (int i = 0; i < 3; i++)
        if (result[i].out) result[i].out->storage = NULL;
    if (!check_gradient(c, r->name, g, x) || !check_rows(c, x, weight, NULL, r, &rows, &n)) return false;
    const DType compute = compute_dtype((DType)x->dtype);
    bool ok = op_contiguous(c, &dense_g, g, compute) && op_contiguous(c, &dense_x, x, compute) &&
              (!weight || op_contiguous(c, &w, weight, compute)) &&
              tensor_new_like(c, &result[0].wide, compute, x) &&
              (!gw || tensor_new(c, &result[1].wide, F64, r->ndim, r->size)) &&
              (!gb || tensor_new(c, &result[2].wide, F64, r->ndim, r->size)) &&
              cpu_row_norm_grad(c, tensor_data(&result[0].wide), data_of(&result[1].wide),
                                data_of(&result[2].wide), tensor_data(&dense_g), tensor_data(&dense_x),
                                compute, rows, n, data_of(&w), row_eps(r, compute), r->centre);
    release_if_any(&dense_g);
    release_if_any(&dense_x);
    release_if_any(&w);
    return give_all(c, result, 3, (DType)x->dtype, ok);
}

/* --- over channels ---------------------------------------------------------------------------------------
 */

static bool check_channels(Ctx *c, const char *name, const Tensor *x, NormView *v) {
    REQUIRE(c, x->ndim >= 2, "%s: expected an input of shape (N, C, ...), got (%s)", name, SHAPE(x));
    *v = (NormView){x->size[0], x->size[1], 1};
    for (int d = 2; d < x->ndim; d++) v->s *= x->size[d];
    return true;
}

/* The values of a tensor (C), one double a channel, in scratch memory; *values stays NULL where t is. */
static bool channel_values(Ctx *c, const char *name, const char *what, const Tensor *t, const Tensor *x,
                           double **values) {
    const int64_t channels = x->size[1];
    *values = NULL;
    if (!t) return true;
    if (!require_same_device(c, name, t, x)) return false;
    REQUIRE(c, t->ndim == 1 && t->size[0] == channels, "%s: expected a %s of shape (%lld), got (%s)", name,
            what, (long long)channels, SHAPE(t));
    *values = ctx_scratch(c, (channels + 1) * (int64_t)sizeof **values);
    if (!*values) return false;
    for (int64_t i = 0; i < channels; i++) (*values)[i] = tensor_get_double(t, i * t->stride[0]);
    return true;
}

static void free_values(Ctx *c, double *values) {
    if (values) ctx_scratch_free(c, values);
}

static bool check_running(Ctx *c, const Tensor *t, const char *what, const Tensor *x) {
    if (!t) return true;
    if (!require_same_device(c, "batch_norm", t, x)) return false;
    REQUIRE(c, t->ndim == 1 && t->size[0] == x->size[1],
            "batch_norm: expected a %s of shape (%lld), got (%s)", what, (long long)x->size[1], SHAPE(t));
    REQUIRE(c, (t->dtype == F32 || t->dtype == F64) && !tensor_overlaps_itself(t),
            "batch_norm: expected a %s of f32 or f64 that can be written, got %s", what, DTYPE(t));
    return true;
}

/* running = (1 - momentum) running + momentum new, where new = values * factor */
static void move_running(Tensor *running, const double *values, double factor, double momentum) {
    if (!running) return;
    for (int64_t i = 0; i < running->size[0]; i++) {
        const double old = tensor_get_double(running, i * running->stride[0]);
        const double moved = old + momentum * (values[i] * factor - old);
        if (running->dtype == F64)
            ((double *)tensor_data(running))[i * running->stride[0]] = moved;
        else
            ((float *)tensor_data(running))[i * running->stride[0]] = (float)moved;
    }
    running->storage->version++;
}

/* mean and var: as cpu_batch_norm takes them. */
static bool batch_norm(Ctx *c, Tensor *out, const Tensor *x, NormView v, double *mean, double *var,
                       bool given, const Tensor *weight, const Tensor *bias, double eps) {
    double *w = NULL, *b = NULL;
    Tensor dense = {0};
    Result y = {out, {0}};
    const DType compute = compute_dtype((DType)x->dtype);
    bool ok =
        channel_values(c, "batch_norm", "weight", weight, x, &w) &&
        channel_values(c, "batch_norm", "bias", bias, x, &b) && op_contiguous(c, &dense, x, compute) &&
        tensor_new_like(c, &y.wide, compute, x) &&
        cpu_batch_norm(c, tensor_data(&y.wide), tensor_data(&dense), compute, v, mean, var, given, w, b, eps);
    release_if_any(&dense);
    free_values(c, w);
    free_values(c, b);
    return give_all(c, &y, 1, (DType)x->dtype, ok);
}

bool op_batch_norm_train(Ctx *c, Tensor *out, const Tensor *x, const Tensor *weight, const Tensor *bias,
                         Tensor *running_mean, Tensor *running_var, double momentum, double eps) {
    NormView v;
    out->storage = NULL;
    if (!check_operand(c, "batch_norm", x) || !check_channels(c, "batch_norm", x, &v) ||
        !check_running(c, running_mean, "running_mean", x) ||
        !check_running(c, running_var, "running_var", x))
        return false;
    const int64_t count = v.n * v.s;
    REQUIRE(c, count > 1 || v.c == 0,
            "batch_norm: training needs more than one value a channel, got an input of shape (%s)", SHAPE(x));
    double *mean = ctx_scratch(c, (2 * v.c + 1) * (int64_t)sizeof *mean);
    if (!mean) return false;
    double *var = mean + v.c;
    bool ok = batch_norm(c, out, x, v, mean, var, false, weight, bias, eps);
    if (ok) {
        move_running(running_mean, mean, 1, momentum);
        move_running(running_var, var, (double)count / (double)(count - 1), momentum);
    }
    ctx_scratch_free(c, mean);
    return ok;
}

bool op_batch_norm_eval(Ctx *c, Tensor *out, const Tensor *x, const Tensor *mean, const Tensor *var,
                        const Tensor *weight, const Tensor *bias, double eps) {
    NormView v;
    double *m = NULL, *s = NULL;
    out->storage = NULL;
    if (!check_operand(c, "batch_norm", x) || !check_channels(c, "batch_norm", x, &v)) return false;
    bool ok = channel_values(c, "batch_norm", "running_mean", mean, x, &m) &&
              channel_values(c, "batch_norm", "running_var", var, x, &s) &&
              batch_norm(c, out, x, v, m, s, true, weight, bias, eps);
    free_values(c, m);
    free_values(c, s);
    return ok;
}

static bool check_groups(Ctx *c, const Tensor *x, int64_t groups) {
    REQUIRE(c, groups > 0 && x->size[1] % groups == 0,
            "group_norm: expected a number of groups that divides the %lld channels, got %lld",
            (long long)x->size[1], (long long)groups);
    return true;
}

bool op_group_norm(Ctx *c, Tensor *out, const Tensor *x, int64_t groups, const Tensor *weight,
                   const Tensor *bias, double eps) {
    NormView v;
    double *w = NULL, *b = NULL;
    Tensor dense = {0};
    Result y = {out, {0}};
    out->storage = NULL;
    if (!check_operand(c, "group_norm", x) || !check_channels(c, "group_norm", x, &v) ||
        !check_groups(c, x, groups))
        return false;
    const DType compute = compute_dtype((DType)x->dtype);
    bool ok = channel_values(c, "group_norm", "weight", weight, x, &w) &&
              channel_values(c, "group_norm", "bias", bias, x, &b) && op_contiguous(c, &dense, x, compute) &&
              tensor_new_like(c, &y.wide, compute, x) &&
              cpu_group_norm(c, tensor_data(&y.wide), tensor_data(&dense), compute, v, groups, w, b, eps);
    release_if_any(&dense);
    free_values(c, w);
    free_values(c, b);
    return give_all(c, &y, 1, (DType)x->dtype, ok);
}

/* groups 0: batch normalisation. */
static bool channel_grad(Ctx *c, const char *name, Tensor *gx, Tensor *gw, Tensor *gb, const Tensor *g,
                         const Tensor *x, int64_t groups, const Tensor *weight, double eps) {
    NormView v;
    double *w = NULL;
    Tensor dense_g = {0}, dense_x = {0};
    Result r[3] = {{gx, {0}}, {gw, {0}}, {gb, {0}}};
    for (int i = 0; i < 3; i++)
        if (r[i].out) r[i].out->storage = NULL;
    if (!check_gradient(c, name, g, x) || !check_channels(c, name, x, &v)) return false;
    if (groups && !check_groups(c, x, groups)) return false;
    const DType compute = compute_dtype((DType)x->dtype);
    bool ok = channel_values(c, name, "weight", weight, x, &w) && op_contiguous(c, &dense_g, g, compute) &&
              op_contiguous(c, &dense_x, x, compute) && tensor_new_like(c, &r[0].wide, compute, x) &&
              tensor_new(c, &r[1].wide, F64, 1, &v.c) && tensor_new(c, &r[2].wide, F64, 1, &v.c);
    if (ok) {
        void *to = tensor_data(&r[0].wide), *to_w = tensor_data(&r[1].wide), *to_b = tensor_data(&r[2].wide);
        const void *from_g = tensor_data(&dense_g), *from_x = tensor_data(&dense_x);
        ok = groups ? cpu_group_norm_grad(c, to, to_w, to_b, from_g, from_x, compute, v, groups, w, eps)
                    : cpu_batch_norm_grad(c, to, to_w, to_b, from_g, from_x, compute, v, w, eps);
    }
    release_if_any(&dense_g);
    release_if_any(&dense_x);
    free_values(c, w);
    return give_all(c, r, 3, (DType)x->dtype, ok);
}

bool op_batch_norm_train_grad(Ctx *c, Tensor *gx, Tensor *gw, Tensor *gb, const Tensor *g, const Tensor *x,
                              const Tensor *weight, double eps) {
    return channel_grad(c, "batch_norm", gx, gw, gb, g, x, 0, weight, eps);
}

bool op_group_norm_grad(Ctx *c, Tensor *gx, Tensor *gw, Tensor *gb, const Tensor *g, const Tensor *x,
                        int64_t groups, const Tensor *weight, double eps) {
    REQUIRE(c, groups > 0, "group_norm: expected a positive number of groups, got %lld", (long long)groups);
    return channel_grad(c, "group_norm", gx, gw, gb, g, x, groups, weight, eps);
}
