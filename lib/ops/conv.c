/* Convolution: shapes and dtypes; the work is in cpu/conv.c and cl/conv.c. */
#include "ops/conv.h"
#include "cl/conv.h"
#include "cpu/conv.h"
#include "ops/float_operand.h"
#include <string.h>

/* --- shapes ------------------------------------------------------------------------------------------------
 */

static bool check_options(Ctx *c, const char *op, const ConvOptions *o) {
    for (int i = 0; i < 2; i++) {
        REQUIRE(c, o->stride[i] >= 1 && o->dilation[i] >= 1,
                "%s: expected stride and dilation of at least 1, got %lld, %lld", op, (long long)o->stride[i],
                (long long)o->dilation[i]);
        REQUIRE(c, o->padding[i] >= 0, "%s: expected padding of at least 0, got %lld", op,
                (long long)o->padding[i]);
        REQUIRE(c, o->stride[i] <= INT32_MAX && o->dilation[i] <= INT32_MAX && o->padding[i] <= INT32_MAX,
                "%s: stride, dilation and padding are at most %d, got %lld, %lld, %lld", op, INT32_MAX,
                (long long)o->stride[i], (long long)o->dilation[i], (long long)o->padding[i]);
        REQUIRE(c, !o->same || o->stride[i] == 1, "%s: padding 'same' goes with stride 1, got %lld", op,
                (long long)o->stride[i]);
    }
    REQUIRE(c, o->groups >= 1 && o->groups <= INT32_MAX, "%s: expected at least 1 group, got %lld", op,
            (long long)o->groups);
    return true;
}

static bool check_image(Ctx *c, const char *op, const char *what, const Tensor *x) {
    REQUIRE(c, x->ndim == 4, "%s: expected %s of 4 dimensions, got (%s)", op, what, SHAPE(x));
    for (int d = 0; d < 4; d++)
        REQUIRE(c, x->size[d] <= INT32_MAX, "%s: expected sizes of at most %d, got (%s)", op, INT32_MAX,
                SHAPE(x));
    return require_floating(c, op, x);
}

/* Padding before the first position, and how many positions a kernel has in a padded size. */
static int64_t outputs(const ConvOptions *o, int d, int64_t size, int64_t kernel, int64_t *before) {
    int64_t span = o->dilation[d] * (kernel - 1);
    *before = o->same ? span / 2 : o->padding[d];
    if (o->same) return size;
    int64_t room = size + 2 * o->padding[d] - span - 1;
    return room < 0 ? 0 : room / o->stride[d] + 1;
}

/* Fills the sizes of the kernel, the output and the options; n, c, in and o are there. */
static bool complete(Ctx *c, const char *op, ConvShape *s, int64_t kh, int64_t kw, const ConvOptions *o) {
    s->kernel[0] = kh, s->kernel[1] = kw;
    s->groups = o->groups;
    REQUIRE(c, kh >= 1 && kw >= 1 && kh <= INT32_MAX && kw <= INT32_MAX,
            "%s: expected a kernel of at least 1x1, got %lldx%lld", op, (long long)kh, (long long)kw);
    for (int d = 0; d < 2; d++) {
        s->dilation[d] = o->dilation[d];
        s->out[d] = outputs(o, d, s->in[d], s->kernel[d], &s->before[d]);
        s->stride[d] = s->out[d] > 1 ? o->stride[d] : 1; /* without a second output any stride is the same */
    }
    REQUIRE(c, s->out[0] > 0 && s->out[1] > 0,
            "%s: the kernel (%lldx%lld, dilation %lldx%lld) is larger than the padded input (%lldx%lld)", op,
            (long long)kh, (long long)kw, (long long)s->dilation[0], (long long)s->dilation[1],
            (long long)(s->in[0] + 2 * s->before[0]), (long long)(s->in[1] + 2 * s->before[1]));
    REQUIRE(c, s->c % s->groups == 0 && s->o % s->groups == 0,
            "%s: expected channels that are multiples of groups (%lld), got %lld in and %lld out", op,
            (long long)s->groups, (long long)s->c, (long long)s->o);
    return true;
}

static bool check_pair(Ctx *c, const char *op, const Tensor *a, const Tensor *b) {
    if (!require_same_device(c, op, a, b)) return false;
    REQUIRE(c, a->dtype == b->dtype, "%s: expected tensors of one dtype, got %s and %s", op, DTYPE(a),
            DTYPE(b));
    return true;
}

/* --- operands: contiguous, in the compute dtype ------------------------------------------------------------
 */

/* Makes both operands and the result; on failure nothing is held. */
static bool open_operands(Ctx *c, Tensor *a, Tensor *b, Tensor *y, const Tensor *from_a, const Tensor *from_b,
                          int ndim, const int64_t *size) {
    DType dtype = compute_dtype((DType)from_a->dtype);
    a->storage = b->storage = y->storage = NULL;
    if (op_contiguous(c, a, from_a, dtype) && op_contiguous(c, b, from_b, dtype) &&
        tensor_new_on(c, y, from_a->device, dtype, ndim, size))
        return true;
    tensor_release(a);
    tensor_release(b);
    return false;
}

static bool close_operands(Ctx *c, Tensor *out, Tensor *a, Tensor *b, Tensor *y, DType dtype, bool ok) {
    tensor_release(a);
    tensor_release(b);
    if (ok) return give_as(c, out, y, dtype);
    tensor_release(y);
    return false;
}

static bool is_empty(const ConvShape *s) {
    return s->n == 0 || s->c == 0 || s->o == 0;
}

/* y = bias, for a convolution to be added. */
static bool spread_bias(Ctx *c, Tensor *y, const Tensor *bias) {
    Tensor column = *bias; /* (O, 1, 1) */
    column.ndim = 3;
    column.size[1] = column.size[2] = 1;
    column.stride[1] = column.stride[2] = 0;
    return op_copy_(c, y, &column);
}

/* y, of the convolution of a and b; shift is NULL or the bias. */
static bool convolve(Ctx *c, const ConvShape *s, Tensor *y, const Tensor *a, const Tensor *b,
                     const Tensor *shift) {
    if (y->device != CPU)
        return (!shift || spread_bias(c, y, shift)) && cl_conv2d(c, s, y, a, b, shift != NULL);
    return cpu_conv2d(c, s, (DType)a->dtype, tensor_data(y), tensor_data(a), tensor_data(b),
                      shift ? tensor_data(shift) : NULL);
}

static bool input_grad(Ctx *c, const ConvShape *s, const Tensor *y, const Tensor *g, const Tensor *w) {
    if (y->device != CPU) return cl_conv2d_input_grad(c, s, y, g, w);
    return cpu_conv2d_input_grad(c, s, (DType)g->dtype, tensor_data(y), tensor_data(g), tensor_data(w));
}

static bool weight_grad(Ctx *c, const ConvShape *s, const Tensor *y, const Tensor *x, const Tensor *g) {
    if (y->device != CPU) return cl_conv2d_weight_grad(c, s, y, x, g);
    return cpu_conv2d_weight_grad(c, s, (DType)x->dtype, tensor_data(y), tensor_data(x), tensor_data(g));
}

/* --- the ops -----------------------------------------------------------------------------------------------
 */

bool op_conv2d(Ctx *c, Tensor *out, const Tensor *x, const Tensor *weight, const Tensor *bias,
               const ConvOptions *o) {
    static const char op[] = "conv2d";
    Tensor a, b, y, shift = {0};
    out->storage = NULL;
    if (!check_image(c, op, "an input (N, C, H, W)", x) ||
        !check_image(c, op, "a weight (O, C / groups, KH, KW)", weight) || !check_pair(c, op, x, weight) ||
        !check_options(c, op, o))
        return false;
    ConvShape s = {.n = x->size[0], .c = x->size[1], .in = {x->size[2], x->size[3]}, .o = weight->size[0]};
    REQUIRE(c, weight->size[1] * o->groups == s.c,
            "%s: the weight (%s) takes %lld input channels in %lld group%s, the input (%s) has %lld", op,
            SHAPE(weight), (long long)(weight->size[1] * o->groups), (long long)o->groups,
            o->groups == 1 ? "" : "s", SHAPE(x), (long long)s.c);
    REQUIRE(c, !bias || (bias->ndim == 1 && bias->size[0] == s.o && bias->dtype == weight->dtype),
            "%s: expected a bias of %lld %s elements, got %s (%s)", op, (long long)s.o, DTYPE(weight),
            DTYPE(bias), SHAPE(bias));
    if ((bias && !require_same_device(c, op, x, bias)) ||
        !complete(c, op, &s, weight->size[2], weight->size[3], o))
        return false;
    const int64_t size[4] = {s.n, s.o, s.out[0], s.out[1]};
    if (!open_operands(c, &a, &b, &y, x, weight, 4, size)) return false;
    bool ok = !bias || op_contiguous(c, &shift, bias, (DType)a.dtype);
    if (ok && s.c == 0)
        ok = op_fill_(c, &y, 0);
    else if (ok && !is_empty(&s))
        ok = convolve(c, &s, &y, &a, &b, bias ? &shift : NULL);
    tensor_release(&shift);
    return close_operands(c, out, &a, &b, &y, (DType)x->dtype, ok);
}

bool op_conv2d_input_grad(Ctx *c, Tensor *out, const Tensor *g, const Tensor *weight, int64_t h, int64_t w,
                          const ConvOptions *o) {
    static const char op[] = "conv2d_input_grad";
    Tensor a, b, y;
    out->storage = NULL;
    if (!check_image(c, op, "an output (N, O, OH, OW)", g) ||
        !check_image(c, op, "a weight (O, C / groups, KH, KW)", weight) || !check_pair(c, op, g, weight) ||
        !check_options(c, op, o))
        return false;
    ConvShape s = {.n = g->size[0], .c = weight->size[1] * o->groups, .in = {h, w}, .o = weight->size[0]};
    REQUIRE(c, h >= 0 && w >= 0 && h <= INT32_MAX && w <= INT32_MAX,
            "%s: expected sizes from 0, got %lldx%lld", op, (long long)h, (long long)w);
    if (!complete(c, op, &s, weight->size[2], weight->size[3], o)) return false;
    REQUIRE(c, g->size[1] == s.o && g->size[2] == s.out[0] && g->size[3] == s.out[1],
            "%s: expected an output of shape (%lldx%lldx%lldx%lld), got (%s)", op, (long long)s.n,
            (long long)s.o, (long long)s.out[0], (long long)s.out[1], SHAPE(g));
    const int64_t size[4] = {s.n, s.c, s.in[0], s.in[1]};
    if (!open_operands(c, &a, &b, &y, g, weight, 4, size)) return false;
    bool ok = s.o == 0 ? op_fill_(c, &y, 0) : is_empty(&s) || input_grad(c, &s, &y, &a, &b);
    return close_operands(c, out, &a, &b, &y, (DType)g->dtype, ok);
}

bool op_conv2d_weight_grad(Ctx *c, Tensor *out, const Tensor *x, const Tensor *g, int64_t kh, int64_t kw,
                           const ConvOptions *o) {
    static const char op[] = "conv2d_weight_grad";
    Tensor a, b, y;
    out->storage = NULL;
    if (!check_image(c, op, "an input (N, C, H, W)", x) ||
        !check_image(c, op, "an output (N, O, OH, OW)", g) || !check_pair(c, op, x, g) ||
        !check_options(c, op, o))
        return false;
    ConvShape s = {.n = x->size[0], .c = x->size[1], .in = {x->size[2], x->size[3]}, .o = g->size[1]};
    if (!complete(c, op, &s, kh, kw, o)) return false;
    REQUIRE(c, g->size[0] == s.n && g->size[2] == s.out[0] && g->size[3] == s.out[1],
            "%s: expected an output of shape (%lldx%lldx%lldx%lld), got (%s)", op, (long long)s.n,
            (long long)s.o, (long long)s.out[0], (long long)s.out[1], SHAPE(g));
    const int64_t size[4] = {s.o, s.c / s.groups, kh, kw};
    if (!open_operands(c, &a, &b, &y, x, g, 4, size)) return false;
    bool ok = s.n == 0 ? op_fill_(c, &y, 0) : is_empty(&s) || weight_grad(c, &s, &y, &a, &b);
    return close_operands(c, out, &a, &b, &y, (DType)x->dtype, ok);
}
