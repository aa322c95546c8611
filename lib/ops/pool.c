/* Pooling: shapes, dtypes, windows, and one task a plane. */
#include "ops/pool.h"
#include "cl/pool.h"
#include "core/parallel.h"
#include "cpu/kernels_pool.h"
#include "ops/float_operand.h"
#include <string.h>

/* What one element of a window costs, in elementary operations. */
enum { ELEMENT_COST = 2 };

/* --- shapes ------------------------------------------------------------------------------------------------
 */

static bool check_image(Ctx *c, const char *op, const Tensor *x) {
    REQUIRE(c, x->ndim == 4, "%s: expected a tensor (N, C, H, W), got (%s)", op, SHAPE(x));
    return require_floating(c, op, x);
}

/* So that positions of windows can be counted. */
static bool check_sides(Ctx *c, const char *op, int64_t h, int64_t w) {
    REQUIRE(c, h <= INT32_MAX && w <= INT32_MAX, "%s: images are at most %d on a side, got (%lldx%lld)", op,
            INT32_MAX, (long long)h, (long long)w);
    return true;
}

/* The number of windows in a size, as PyTorch counts them: in ceil mode the last must start inside the input
 * or the padding before it. */
static int64_t windows(const PoolOptions *o, int d, int64_t size) {
    int64_t span = o->dilation[d] * (o->kernel[d] - 1) + 1, room = size + 2 * o->padding[d] - span;
    if (room < 0) return 0;
    int64_t n = (o->ceil_mode ? room + o->stride[d] - 1 : room) / o->stride[d] + 1;
    if (o->ceil_mode && (n - 1) * o->stride[d] >= size + o->padding[d]) n--;
    return n;
}

static bool check_options(Ctx *c, const char *op, const PoolOptions *o, int64_t h, int64_t w, int64_t *oh,
                          int64_t *ow) {
    for (int i = 0; i < 2; i++) {
        REQUIRE(c, o->kernel[i] >= 1 && o->stride[i] >= 1 && o->dilation[i] >= 1,
                "%s: expected kernel, stride and dilation of at least 1, got %lld, %lld, %lld", op,
                (long long)o->kernel[i], (long long)o->stride[i], (long long)o->dilation[i]);
        REQUIRE(c, o->kernel[i] <= INT32_MAX && o->stride[i] <= INT32_MAX && o->dilation[i] <= INT32_MAX,
                "%s: kernel, stride and dilation are at most %d, got %lld, %lld, %lld", op, INT32_MAX,
                (long long)o->kernel[i], (long long)o->stride[i], (long long)o->dilation[i]);
        REQUIRE(c, o->padding[i] >= 0 && o->padding[i] <= o->kernel[i] / 2,
                "%s: expected padding from 0 to half of the kernel %lld, got %lld", op,
                (long long)o->kernel[i], (long long)o->padding[i]);
    }
    REQUIRE(c, h >= 1 && w >= 1, "%s: expected an image with elements, got (%lldx%lld)", op, (long long)h,
            (long long)w);
    if (!check_sides(c, op, h, w)) return false;
    *oh = windows(o, 0, h);
    *ow = windows(o, 1, w);
    REQUIRE(c, *oh > 0 && *ow > 0, "%s: the kernel (%lldx%lld) is larger than the padded input (%lldx%lld)",
            op, (long long)o->kernel[0], (long long)o->kernel[1], (long long)(h + 2 * o->padding[0]),
            (long long)(w + 2 * o->padding[1]));
    return true;
}

static bool check_same(Ctx *c, const char *op, const Tensor *t, const Tensor *like, const int64_t *size) {
    REQUIRE(c, t->ndim == 4 && memcmp(t->size, size, 4 * sizeof *size) == 0,
            "%s: expected a tensor (%s), got (%s)", op, SIZES(4, size), SHAPE(t));
    REQUIRE(c, t->dtype == like->dtype, "%s: expected tensors of one dtype, got %s and %s", op, DTYPE(like),
            DTYPE(t));
    return require_same_device(c, op, t, like);
}

static const PoolKernels *kernels_of(DType dtype) {
    return &ISA_SELECT(pool_kernels)->type[dtype == F64];
}

static char *plane(const Tensor *t, int64_t i) {
    return (char *)tensor_data(t) + i * t->size[2] * t->size[3] * (int64_t)dtype_size((DType)t->dtype);
}

static int plane_threads(const Ctx *c, const Tensor *x, int64_t window) {
    return x->size[0] * x->size[1] > 1
               ? ctx_threads(c, tensor_numel(x) * ELEMENT_COST * (window > 4 ? window / 4 : 1))
               : 1;
}

/* --- maxima ------------------------------------------------------------------------------------------------
 */

typedef enum { MAXIMUM, PICK, PLACE, GRADIENT } Task;

/* y from a, and from b: g (GRADIENT) or v (PICK). */
static bool cpu_max_pool(Ctx *c, const Tensor *y, const Tensor *a, const Tensor *b, const MaxPool *p,
                         Task task) {
    const PoolKernels *k = kernels_of((DType)a->dtype);
    int threads = plane_threads(c, a, p->kh * p->kw);
    PARALLEL_FOR(threads, i, a->size[0] * a->size[1], {
        if (ctx_stopping(c)) continue;
        if (task == MAXIMUM) k->max(p, plane(y, i), plane(a, i));
        if (task == PICK) k->pick(p, plane(y, i), plane(a, i), plane(b, i));
        if (task == PLACE) k->place(p, (int64_t *)plane(y, i), plane(a, i));
        if (task == GRADIENT) k->max_grad(p, plane(y, i), plane(a, i), plane(b, i));
    });
    return !ctx_stopping(c) || ctx_interrupted(c);
}

static bool cl_max(Ctx *c, const char *op, const Tensor *y, const Tensor *a, const Tensor *b,
                   const MaxPool *p, Task task) {
    const ClMaxPool windows = {a->size[0] * a->size[1],
                               p->h,
                               p->w,
                               p->oh,
                               p->ow,
                               p->kh,
                               p->kw,
                               p->sh,
                               p->sw,
                               p->ph,
                               p->pw,
                               p->dh,
                               p->dw};
    if (task == GRADIENT) return cl_max_pool_grad(c, op, y, a, b, &windows);
    return cl_max_pool(c, op, y, a, task == PICK ? b : NULL, &windows);
}

/* out from x, and from `other`: g (GRADIENT) or v (PICK). */
static bool max_pool(Ctx *c, const char *op, Tensor *out, const Tensor *x, const Tensor *other,
                     const PoolOptions *o, Task task) {
    Tensor a = {0}, b = {0}, y = {0};
    int64_t oh, ow;
    out->storage = NULL;
    if (!check_image(c, op, x) || !check_options(c, op, o, x->size[2], x->size[3], &oh, &ow)) return false;
    REQUIRE(c, x->size[2] <= INT32_MAX / x->size[3],
            "%s: expected images of at most 2^31 - 1 elements, got (%s)", op, SHAPE(x));
    const int64_t pooled[4] = {x->size[0], x->size[1], oh, ow};
    if (other && !check_same(c, op, other, x, task == GRADIENT ? pooled : x->size)) return false;
    const DType dtype = operand_dtype(x, (DType)x->dtype);
    const MaxPool p = {.h = x->size[2],
                       .w = x->size[3],
                       .oh = oh,
                       .ow = ow,
                       .kh = o->kernel[0],
                       .kw = o->kernel[1],
                       .sh = o->stride[0],
                       .sw = o->stride[1],
                       .ph = o->padding[0],
                       .pw = o->padding[1],
                       .dh = o->dilation[0],
                       .dw = o->dilation[1]};
    bool ok =
        op_contiguous(c, &a, x, dtype) && (!other || op_contiguous(c, &b, other, dtype)) &&
        tensor_new_on(c, &y, x->device, task == PLACE ? I64 : dtype, 4, task == GRADIENT ? x->size : pooled);
    if (ok && y.device != CPU)
        ok = cl_max(c, op, &y, &a, &b, &p, task);
    else if (ok)
        ok = (task != GRADIENT || op_fill_(c, &y, 0)) && cpu_max_pool(c, &y, &a, &b, &p, task);
    tensor_release(&a);
    tensor_release(&b);
    if (ok) return give_as(c, out, &y, task == PLACE ? I64 : (DType)x->dtype);
    tensor_release(&y);
    return false;
}

bool op_max_pool2d(Ctx *c, Tensor *out, const Tensor *x, const PoolOptions *o) {
    return max_pool(c, "max_pool2d", out, x, NULL, o, MAXIMUM);
}

bool op_max_pool2d_indices(Ctx *c, Tensor *out, const Tensor *x, const PoolOptions *o) {
    return max_pool(c, "max_pool2d_indices", out, x, NULL, o, PLACE);
}

bool op_max_pool2d_grad(Ctx *c, Tensor *out, const Tensor *g, const Tensor *x, const PoolOptions *o) {
    return max_pool(c, "max_pool2d_grad", out, x, g, o, GRADIENT);
}

bool op_max_pool2d_pick(Ctx *c, Tensor *out, const Tensor *v, const Tensor *x, const PoolOptions *o) {
    return max_pool(c, "max_pool2d_pick", out, x, v, o, PICK);
}

/* --- means -------------------------------------------------------------------------------------------------
 */

/* The windows along one dimension: `n` pairs of ends, and what each multiplies its sum by. */
typedef struct Axis {
    int64_t n;
    int64_t *ends;
    double *scale;
} Axis;

static Axis axis_in(void *room, int64_t n) {
    return (Axis){n, room, (double *)((int64_t *)room + 2 * n)};
}

/* o NULL: adaptive windows. */
static PoolAxis pool_axis(const PoolOptions *o, int d, int64_t size, int64_t windows) {
    if (!o) return (PoolAxis){.size = size, .windows = windows};
    return (PoolAxis){.size = size,
                      .windows = windows,
                      .span = o->kernel[d],
                      .stride = o->stride[d],
                      .padding = o->padding[d],
                      .counted = o->count_include_pad,
                      .divides = o->divisor == 0};
}

/* scale: what the sums are multiplied by besides. */
static void fill_axis(Axis a, const PoolAxis *p, double scale) {
    for (int64_t i = 0; i < a.n; i++) {
        const PoolWindow w = pool_window(p, i);
        a.ends[2 * i] = w.first, a.ends[2 * i + 1] = w.end;
        a.scale[i] = scale / (double)w.divisor;
    }
}

/* y from a: the pooled image, or its gradient. */
static bool cpu_avg_pool(Ctx *c, const Tensor *y, const Tensor *a, bool gradient, const PoolAxis *down,
                         const PoolAxis *across, double scale) {
    const int64_t oh = down->windows, ow = across->windows, planes = a->size[0] * a->size[1];
    int64_t *room = ctx_scratch(c, (oh + ow) * 3 * (int64_t)sizeof(int64_t));
    if (!room) return false;
    const Axis rows = axis_in(room, oh), cols = axis_in(room + 3 * oh, ow);
    fill_axis(rows, down, scale);
    fill_axis(cols, across, 1);
    const AvgPool p = {down->size, across->size, oh, ow, rows.ends, cols.ends, rows.scale, cols.scale};
    const PoolKernels *k = kernels_of((DType)a->dtype);
    int threads = plane_threads(c, gradient ? y : a, down->span ? down->span * across->span : 1);
    PARALLEL_FOR(threads, i, planes, {
        if (ctx_stopping(c)) continue;
        (gradient ? k->avg_grad : k->avg)(&p, plane(y, i), plane(a, i));
    });
    ctx_scratch_free(c, room);
    return !ctx_stopping(c) || ctx_interrupted(c);
}

/* out from `in`: the pooled image from the image, or (gradient) the image's gradient from the pooled one's. o
 * NULL: adaptive windows. h, w: the image; oh, ow: pooled. */
static bool avg_pool(Ctx *c, const char *op, Tensor *out, const Tensor *in, bool gradient, int64_t h,
                     int64_t w, int64_t oh, int64_t ow, const PoolOptions *o) {
    Tensor a = {0}, y = {0};
    const DType dtype = operand_dtype(in, (DType)in->dtype);
    const int64_t size[4] = {in->size[0], in->size[1], gradient ? h : oh, gradient ? w : ow};
    const PoolAxis rows = pool_axis(o, 0, h, oh), cols = pool_axis(o, 1, w, ow);
    const double scale = o && o->divisor != 0 ? 1 / o->divisor : 1;
    bool ok = op_contiguous(c, &a, in, dtype) && tensor_new_on(c, &y, in->device, dtype, 4, size);
    if (ok && y.device != CPU)
        ok = cl_avg_pool(c, op, &y, &a, gradient, &rows, &cols, scale);
    else if (ok)
        ok = (!gradient || op_fill_(c, &y, 0)) && cpu_avg_pool(c, &y, &a, gradient, &rows, &cols, scale);
    tensor_release(&a);
    if (ok) return give_as(c, out, &y, (DType)in->dtype);
    tensor_release(&y);
    return false;
}

bool op_avg_pool2d(Ctx *c, Tensor *out, const Tensor *x, const PoolOptions *o) {
    int64_t oh, ow;
    out->storage = NULL;
    if (!check_image(c, "avg_pool2d", x) ||
        !check_options(c, "avg_pool2d", o, x->size[2], x->size[3], &oh, &ow))
        return false;
    return avg_pool(c, "avg_pool2d", out, x, false, x->size[2], x->size[3], oh, ow, o);
}

bool op_avg_pool2d_grad(Ctx *c, Tensor *out, const Tensor *g, int64_t h, int64_t w, const PoolOptions *o) {
    int64_t oh, ow;
    out->storage = NULL;
    if (!check_image(c, "avg_pool2d_grad", g) || !check_options(c, "avg_pool2d_grad", o, h, w, &oh, &ow))
        return false;
    const int64_t size[4] = {g->size[0], g->size[1], oh, ow};
    if (!check_same(c, "avg_pool2d_grad", g, g, size)) return false;
    return avg_pool(c, "avg_pool2d_grad", out, g, true, h, w, oh, ow, o);
}

static bool check_grid(Ctx *c, const char *op, int64_t h, int64_t w, int64_t oh, int64_t ow) {
    REQUIRE(c, oh >= 1 && ow >= 1, "%s: expected output sizes of at least 1, got %lldx%lld", op,
            (long long)oh, (long long)ow);
    REQUIRE(c, h >= 1 && w >= 1, "%s: expected an input with elements, got %lldx%lld", op, (long long)h,
            (long long)w);
    return check_sides(c, op, h, w) && check_sides(c, op, oh, ow);
}

bool op_adaptive_avg_pool2d(Ctx *c, Tensor *out, const Tensor *x, int64_t oh, int64_t ow) {
    static const char op[] = "adaptive_avg_pool2d";
    out->storage = NULL;
    if (!check_image(c, op, x) || !check_grid(c, op, x->size[2], x->size[3], oh, ow)) return false;
    return avg_pool(c, op, out, x, false, x->size[2], x->size[3], oh, ow, NULL);
}

bool op_adaptive_avg_pool2d_grad(Ctx *c, Tensor *out, const Tensor *g, int64_t h, int64_t w) {
    static const char op[] = "adaptive_avg_pool2d_grad";
    out->storage = NULL;
    if (!check_image(c, op, g) || !check_grid(c, op, h, w, g->size[2], g->size[3])) return false;
    return avg_pool(c, op, out, g, true, h, w, g->size[2], g->size[3], NULL);
}
