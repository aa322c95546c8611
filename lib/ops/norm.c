/* Normalisations: shape and dtype rules, then cpu/norm.c or cl/norm.c. */
#include "ops/norm.h"
#include "cl/norm.h"
#include "cpu/norm.h"
#include "ops/float_operand.h"
#include <float.h>
#include <math.h>

static bool check_gradient(Ctx *c, const char *name, const Tensor *g, const Tensor *x) {
    if (!require_floating(c, name, x) || !require_same_device(c, name, g, x)) return false;
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
        if (ok && r[i].out)
            ok = give_as(c, r[i].out, &r[i].wide, dtype);
        else
            tensor_release(&r[i].wide);
    }
    for (int i = 0; i < count && !ok; i++) tensor_release(r[i].out);
    return ok;
}

/* The gradient of a weight: doubles on the CPU, which sums in them. */
static bool new_weight_grad(Ctx *c, Result *r, const Tensor *x, int ndim, const int64_t *size) {
    if (!r->out) return true;
    return tensor_new_on(c, &r->wide, x->device, x->device == CPU ? F64 : (DType)x->dtype, ndim, size);
}

/* The dtype in which weight and bias go to the kernels: a device's take any one. */
static DType affine_dtype(const Tensor *x, const Tensor *weight, const Tensor *bias) {
    const Tensor *t = weight ? weight : bias;
    if (x->device != CPU && t && dtype_is_float((DType)t->dtype)) return (DType)t->dtype;
    return compute_dtype((DType)x->dtype);
}

/* Weight and bias, contiguous and of that dtype; either may be NULL, and then holds nothing. */
static bool open_affine(Ctx *c, Tensor *w, Tensor *b, const Tensor *x, const Tensor *weight,
                        const Tensor *bias) {
    const DType dtype = affine_dtype(x, weight, bias);
    return (!weight || op_contiguous(c, w, weight, dtype)) && (!bias || op_contiguous(c, b, bias, dtype));
}

static const Tensor *if_any(const Tensor *t) {
    return t->storage ? t : NULL;
}

static bool fill_zero(Ctx *c, Tensor *t) {
    return !t->storage || op_fill_(c, t, 0);
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
    return !isnan(r->eps) ? r->eps : compute == F64 ? DBL_EPSILON : (double)FLT_EPSILON;
}

static ClRowNorm device_rows(const RowNorm *r, int64_t rows, int64_t n, DType dtype) {
    return (ClRowNorm){.op = r->name, .rows = rows, .n = n, .centre = r->centre, .eps = row_eps(r, dtype)};
}

static bool normalise_rows(Ctx *c, const Tensor *y, const Tensor *x, const Tensor *w, const Tensor *b,
                           int64_t rows, int64_t n, const RowNorm *r) {
    const DType dtype = (DType)x->dtype;
    if (rows * n == 0) return true;
    if (x->device != CPU) {
        const ClRowNorm d = device_rows(r, rows, n, dtype);
        return cl_row_norm(c, &d, y, x, if_any(w), if_any(b));
    }
    return cpu_row_norm(c, tensor_data(y), tensor_data(x), dtype, rows, n, data_of(w), data_of(b),
                        row_eps(r, dtype), r->centre);
}

/* result: gx, gw, gb. */
static bool rows_grad(Ctx *c, Result *result, const Tensor *g, const Tensor *x, const Tensor *w, int64_t rows,
                      int64_t n, const RowNorm *r) {
    const DType dtype = (DType)x->dtype;
    Tensor *gx = &result[0].wide, *gw = &result[1].wide, *gb = &result[2].wide;
    if (rows * n == 0) return fill_zero(c, gw) && fill_zero(c, gb);
    if (x->device != CPU) {
        const ClRowNorm d = device_rows(r, rows, n, dtype);
        return cl_row_norm_grad(c, &d, gx, if_any(gw), if_any(gb), g, x, if_any(w));
    }
    return cpu_row_norm_grad(c, tensor_data(gx), data_of(gw), data_of(gb), tensor_data(g), tensor_data(x),
                             dtype, rows, n, data_of(w), row_eps(r, dtype), r->centre);
}

bool op_row_norm(Ctx *c, Tensor *out, const Tensor *x, const Tensor *weight, const Tensor *bias,
                 const RowNorm *r) {
    int64_t rows, n;
    Tensor dense = {0}, w = {0}, b = {0};
    Result y = {out, {0}};
    out->storage = NULL;
    if (!require_floating(c, r->name, x) || !check_rows(c, x, weight, bias, r, &rows, &n)) return false;
    const DType t = operand_dtype(x, (DType)x->dtype);
    bool ok = op_contiguous(c, &dense, x, t) && open_affine(c, &w, &b, x, weight, bias) &&
              tensor_new_like(c, &y.wide, t, x) && normalise_rows(c, &y.wide, &dense, &w, &b, rows, n, r);
    tensor_release(&dense);
    tensor_release(&w);
    tensor_release(&b);
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
    const DType t = operand_dtype(x, (DType)x->dtype);
    bool ok = op_contiguous(c, &dense_g, g, t) && op_contiguous(c, &dense_x, x, t) &&
              open_affine(c, &w, NULL, x, weight, NULL) && tensor_new_like(c, &result[0].wide, t, x) &&
              new_weight_grad(c, &result[1], x, r->ndim, r->size) &&
              new_weight_grad(c, &result[2], x, r->ndim, r->size) &&
              rows_grad(c, result, &dense_g, &dense_x, &w, rows, n, r);
    tensor_release(&dense_g);
    tensor_release(&dense_x);
    tensor_release(&w);
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

static bool check_channel_tensor(Ctx *c, const char *name, const char *what, const Tensor *t,
                                 const Tensor *x) {
    if (!t) return true;
    if (!require_same_device(c, name, t, x)) return false;
    REQUIRE(c, t->ndim == 1 && t->size[0] == x->size[1], "%s: expected a %s of shape (%lld), got (%s)", name,
            what, (long long)x->size[1], SHAPE(t));
    return true;
}

/* The values of a tensor (C), one double a channel, in scratch memory; *values stays NULL where t is. */
static bool channel_values(Ctx *c, const char *name, const char *what, const Tensor *t, const Tensor *x,
                           double **values) {
    const int64_t channels = x->size[1];
    *values = NULL;
    if (!check_channel_tensor(c, name, what, t, x)) return false;
    if (!t) return true;
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

/* --- over channels, on a device */

/* What one call normalises by: the statistics of this batch, which move the running ones; or given ones. */
typedef struct Source {
    Tensor *running_mean, *running_var;
    const Tensor *mean, *var;
    double momentum, eps;
} Source;

static bool device_by_source(Ctx *c, const Tensor *y, const Tensor *x, NormView v, const Tensor *w,
                             const Tensor *b, const Source *s) {
    const ClBatchNorm o = {v.n, v.c, v.s, s->eps, s->momentum};
    Tensor mean = {0}, var = {0};
    if (tensor_numel(x) == 0) return true;
    if (!s->mean) return cl_batch_norm(c, &o, y, x, w, b, s->running_mean, s->running_var);
    const DType t = affine_dtype(x, s->mean, NULL);
    bool ok = op_contiguous(c, &mean, s->mean, t) && op_contiguous(c, &var, s->var, t) &&
              cl_batch_norm_given(c, &o, y, x, &mean, &var, w, b);
    tensor_release(&mean);
    tensor_release(&var);
    return ok;
}

static bool device_batch_norm(Ctx *c, Tensor *out, const Tensor *x, NormView v, const Tensor *weight,
                              const Tensor *bias, const Source *s) {
    static const char name[] = "batch_norm";
    Tensor dense = {0}, w = {0}, b = {0};
    if (!check_channel_tensor(c, name, "weight", weight, x) ||
        !check_channel_tensor(c, name, "bias", bias, x))
        return false;
    bool ok = op_contiguous(c, &dense, x, (DType)x->dtype) && open_affine(c, &w, &b, x, weight, bias) &&
              tensor_new_like(c, out, (DType)x->dtype, x) &&
              device_by_source(c, out, &dense, v, if_any(&w), if_any(&b), s);
    tensor_release(&dense);
    tensor_release(&w);
    tensor_release(&b);
    if (!ok) tensor_release(out);
    return ok;
}

static ClRowNorm device_groups(NormView v, int64_t groups, double eps) {
    return (ClRowNorm){.op = "group_norm",
                       .rows = v.n * groups,
                       .n = v.c / groups * v.s,
                       .groups = groups,
                       .run = v.s,
                       .centre = true,
                       .eps = eps};
}

static bool device_group_norm(Ctx *c, Tensor *out, const Tensor *x, NormView v, int64_t groups,
                              const Tensor *weight, const Tensor *bias, double eps) {
    const ClRowNorm r = device_groups(v, groups, eps);
    Tensor dense = {0}, w = {0}, b = {0};
    if (!check_channel_tensor(c, r.op, "weight", weight, x) ||
        !check_channel_tensor(c, r.op, "bias", bias, x))
        return false;
    bool ok = op_contiguous(c, &dense, x, (DType)x->dtype) && open_affine(c, &w, &b, x, weight, bias) &&
              tensor_new_like(c, out, (DType)x->dtype, x) &&
              (tensor_numel(x) == 0 || cl_row_norm(c, &r, out, &dense, if_any(&w), if_any(&b)));
    tensor_release(&dense);
    tensor_release(&w);
    tensor_release(&b);
    if (!ok) tensor_release(out);
    return ok;
}

/* groups 0: batch normalisation. */
static bool device_channel_grad(Ctx *c, const char *name, Result *r, const Tensor *g, const Tensor *x,
                                NormView v, int64_t groups, const Tensor *weight, double eps) {
    Tensor dense_g = {0}, dense_x = {0}, w = {0};
    Tensor *gx = &r[0].wide, *gw = &r[1].wide, *gb = &r[2].wide;
    bool ok = check_channel_tensor(c, name, "weight", weight, x) &&
              op_contiguous(c, &dense_g, g, (DType)x->dtype) &&
              op_contiguous(c, &dense_x, x, (DType)x->dtype) && open_affine(c, &w, NULL, x, weight, NULL) &&
              tensor_new_like(c, gx, (DType)x->dtype, x) && new_weight_grad(c, &r[1], x, 1, &v.c) &&
              new_weight_grad(c, &r[2], x, 1, &v.c);
    if (ok && tensor_numel(x) == 0) {
        ok = fill_zero(c, gw) && fill_zero(c, gb);
    } else if (ok && groups) {
        const ClRowNorm o = device_groups(v, groups, eps);
        ok = cl_row_norm_grad(c, &o, gx, if_any(gw), if_any(gb), &dense_g, &dense_x, if_any(&w));
    } else if (ok) {
        const ClBatchNorm o = {.n = v.n, .c = v.c, .s = v.s, .eps = eps};
        ok = cl_batch_norm_grad(c, &o, gx, if_any(gw), if_any(gb), &dense_g, &dense_x, if_any(&w));
    }
    tensor_release(&dense_g);
    tensor_release(&dense_x);
    tensor_release(&w);
    return give_all(c, r, 3, (DType)x->dtype, ok);
}

/* --- over channels, on the CPU */

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
    tensor_release(&dense);
    free_values(c, w);
    free_values(c, b);
    return give_all(c, &y, 1, (DType)x->dtype, ok);
}

bool op_batch_norm_train(Ctx *c, Tensor *out, const Tensor *x, const Tensor *weight, const Tensor *bias,
                         Tensor *running_mean, Tensor *running_var, double momentum, double eps) {
    NormView v;
    out->storage = NULL;
    if (!require_floating(c, "batch_norm", x) || !check_channels(c, "batch_norm", x, &v) ||
        !check_running(c, running_mean, "running_mean", x) ||
        !check_running(c, running_var, "running_var", x))
        return false;
    const int64_t count = v.n * v.s;
    REQUIRE(c, count > 1 || v.c == 0,
            "batch_norm: training needs more than one value a channel, got an input of shape (%s)", SHAPE(x));
    if (x->device != CPU) {
        REQUIRE(c, !running_mean || !running_var || running_mean->dtype == running_var->dtype,
                "batch_norm: expected running_mean and running_var of one dtype, got %s and %s",
                DTYPE(running_mean), DTYPE(running_var));
        const Source s = {running_mean, running_var, NULL, NULL, momentum, eps};
        if (!device_batch_norm(c, out, x, v, weight, bias, &s)) return false;
        if (running_mean) running_mean->storage->version++;
        if (running_var) running_var->storage->version++;
        return true;
    }
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
    if (!require_floating(c, "batch_norm", x) || !check_channels(c, "batch_norm", x, &v)) return false;
    if (x->device != CPU) {
        const Source given = {.mean = mean, .var = var, .eps = eps};
        return check_channel_tensor(c, "batch_norm", "running_mean", mean, x) &&
               check_channel_tensor(c, "batch_norm", "running_var", var, x) &&
               device_batch_norm(c, out, x, v, weight, bias, &given);
    }
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
    if (!require_floating(c, "group_norm", x) || !check_channels(c, "group_norm", x, &v) ||
        !check_groups(c, x, groups))
        return false;
    if (x->device != CPU) return device_group_norm(c, out, x, v, groups, weight, bias, eps);
    const DType compute = compute_dtype((DType)x->dtype);
    bool ok = channel_values(c, "group_norm", "weight", weight, x, &w) &&
              channel_values(c, "group_norm", "bias", bias, x, &b) && op_contiguous(c, &dense, x, compute) &&
              tensor_new_like(c, &y.wide, compute, x) &&
              cpu_group_norm(c, tensor_data(&y.wide), tensor_data(&dense), compute, v, groups, w, b, eps);
    tensor_release(&dense);
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
    if (x->device != CPU) return device_channel_grad(c, name, r, g, x, v, groups, weight, eps);
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
    tensor_release(&dense_g);
    tensor_release(&dense_x);
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
