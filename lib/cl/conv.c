/* Convolutions as matrix products over what im2col lays out (kernels_cl/conv.cl), some images at a time so
 * that this stays small beside the tensors. Per image and group, with P positions of the output and K = c /
 * groups * kh * kw taps: y (o / groups, P) = weight (o / groups, K) cols (K, P). */
#include "cl/conv.h"
#include "cl/matmul.h"
#include "cl/reduce.h"
#include "cl/runtime.h"

/* The bytes that one chunk of cols may take. */
static const int64_t COLS_BYTES = 1 << 27;

static const ClSpec im2col = {"conv.cl", "im2col", 1, {"X", "TRANSPOSED"}};
static const ClSpec col2im = {"conv.cl", "col2im", 1, {"X"}};

static int64_t positions(const ConvShape *s) {
    return s->out[0] * s->out[1];
}

static int64_t depth(const ConvShape *s) {
    return s->c / s->groups * s->kernel[0] * s->kernel[1];
}

/* x itself is what im2col would write. */
static bool is_pointwise(const ConvShape *s) {
    for (int d = 0; d < 2; d++)
        if (s->kernel[d] != 1 || s->stride[d] != 1 || s->before[d] != 0 || s->out[d] != s->in[d])
            return false;
    return true;
}

/* Images of one chunk. */
static int64_t chunk_images(const ConvShape *s, DType dtype) {
    const int64_t bytes = s->groups * depth(s) * positions(s) * (int64_t)dtype_size(dtype);
    const int64_t images = bytes ? COLS_BYTES / bytes : s->n;
    return images < 1 ? 1 : images < s->n ? images : s->n;
}

/* A tensor (images, groups, rows, cols) that is a part of another, from element `offset` on. With images 1
 * and image_step 0 it repeats. */
static Tensor matrices(const Tensor *t, int64_t offset, int64_t image_step, int64_t images, int64_t groups,
                       int64_t rows, int64_t cols) {
    Tensor m = *t;
    m.offset += offset;
    m.ndim = 4;
    const int64_t size[4] = {images, groups, rows, cols}, stride[4] = {image_step, rows * cols, cols, 1};
    for (int d = 0; d < 4; d++) m.size[d] = size[d], m.stride[d] = stride[d];
    return m;
}

static Tensor transposed(Tensor m) {
    const int64_t size = m.size[2], stride = m.stride[2];
    m.size[2] = m.size[3], m.stride[2] = m.stride[3];
    m.size[3] = size, m.stride[3] = stride;
    return m;
}

static bool multiply(Ctx *c, const char *op, const Tensor *y, const Tensor *a, const Tensor *b, bool add) {
    Batch batch = {.ndim = 2, .count = 1};
    for (int d = 0; d < 2; d++) {
        batch.size[d] = y->size[d];
        batch.stride_a[d] = a->stride[d];
        batch.stride_b[d] = b->stride[d];
        batch.count *= y->size[d];
    }
    return cl_matmul(c, op, y, a, b, &batch, add ? 1 : 0);
}

/* Images of x from `first` on, as cols (images, groups, K, P), or rows (images, groups, P, K): into `room`.
 */
static bool lay_out(Ctx *c, const char *op, const ConvShape *s, const Tensor *room, const Tensor *x,
                    int64_t first, int64_t images, bool as_rows) {
    Tensor part = *x;
    part.offset += first * s->c * s->in[0] * s->in[1];
    ClKernel *k = cl_get_kernel(c, op, x->device, &im2col, NULL, (int[]){x->dtype, as_rows});
    return k && cl_launch_flat(c, k, images * s->groups * depth(s) * positions(s),
                               CL_ARGS(arg_tensor(room), arg_tensor(&part), arg_int64(images),
                                       arg_struct(s, sizeof *s)));
}

bool cl_conv2d(Ctx *c, const ConvShape *s, const Tensor *y, const Tensor *x, const Tensor *weight, bool add) {
    static const char op[] = "conv2d";
    const int64_t k = depth(s), p = positions(s), g = s->groups, chunk = chunk_images(s, (DType)x->dtype);
    const bool direct = is_pointwise(s);
    const Tensor w = matrices(weight, 0, 0, 1, g, s->o / g, k);
    Tensor cols = {0};
    if (!direct && !tensor_new_on(c, &cols, x->device, (DType)x->dtype, 1, &(int64_t){chunk * g * k * p}))
        return false;
    bool ok = true;
    for (int64_t first = 0; ok && first < s->n; first += chunk) {
        const int64_t images = s->n - first < chunk ? s->n - first : chunk;
        const Tensor b = direct ? matrices(x, first * g * k * p, g * k * p, images, g, k, p)
                                : matrices(&cols, 0, g * k * p, images, g, k, p);
        const Tensor part = matrices(y, first * s->o * p, s->o * p, images, g, s->o / g, p);
        ok = (direct || lay_out(c, op, s, &cols, x, first, images, false)) &&
             multiply(c, op, &part, &w, &b, add);
    }
    tensor_release(&cols);
    return ok;
}

/* cols (K, P) = weight (K, o / groups) g (o / groups, P), and back to the image. */
bool cl_conv2d_input_grad(Ctx *c, const ConvShape *s, const Tensor *gx, const Tensor *g,
                          const Tensor *weight) {
    static const char op[] = "conv2d_input_grad";
    const int64_t k = depth(s), p = positions(s), groups = s->groups,
                  chunk = chunk_images(s, (DType)g->dtype);
    const bool direct = is_pointwise(s);
    const Tensor w = transposed(matrices(weight, 0, 0, 1, groups, s->o / groups, k));
    Tensor cols = {0};
    ClKernel *back = cl_get_kernel(c, op, g->device, &col2im, NULL, (int[]){g->dtype});
    if (!back || (!direct && !tensor_new_on(c, &cols, g->device, (DType)g->dtype, 1,
                                            &(int64_t){chunk * groups * k * p})))
        return false;
    bool ok = true;
    for (int64_t first = 0; ok && first < s->n; first += chunk) {
        const int64_t images = s->n - first < chunk ? s->n - first : chunk,
                      plane = s->c * s->in[0] * s->in[1];
        Tensor image = matrices(gx, first * plane, plane, images, groups, k, p);
        const Tensor part = matrices(g, first * s->o * p, s->o * p, images, groups, s->o / groups, p);
        const Tensor to = direct ? image : matrices(&cols, 0, groups * k * p, images, groups, k, p);
        ok = multiply(c, op, &to, &w, &part, false) &&
             (direct || cl_launch_flat(c, back, images * plane,
                                       CL_ARGS(arg_tensor(&image), arg_tensor(&cols), arg_int64(images),
                                               arg_struct(s, sizeof *s))));
    }
    tensor_release(&cols);
    return ok;
}

/* An image gives g (o / groups, P) times its rows (P, K); these are added up, a chunk after the other. */
bool cl_conv2d_weight_grad(Ctx *c, const ConvShape *s, const Tensor *gw, const Tensor *x, const Tensor *g) {
    static const char op[] = "conv2d_weight_grad";
    const DType dtype = (DType)x->dtype;
    const int64_t k = depth(s), p = positions(s), groups = s->groups, size = s->o * k;
    const int64_t chunk = chunk_images(s, dtype);
    Tensor rows = {0}, each = {0};
    bool ok = tensor_new_on(c, &rows, x->device, dtype, 1, &(int64_t){chunk * groups * k * p}) &&
              tensor_new_on(c, &each, x->device, dtype, 2, (int64_t[]){s->n, size});
    for (int64_t first = 0; ok && first < s->n; first += chunk) {
        const int64_t images = s->n - first < chunk ? s->n - first : chunk;
        const Tensor a = matrices(g, first * s->o * p, s->o * p, images, groups, s->o / groups, p);
        const Tensor b = matrices(&rows, 0, groups * k * p, images, groups, p, k);
        const Tensor y = matrices(&each, first * size, size, images, groups, s->o / groups, k);
        ok = lay_out(c, op, s, &rows, x, first, images, true) && multiply(c, op, &y, &a, &b, false);
    }
    Tensor flat = *gw;
    flat.ndim = 1;
    flat.size[0] = size, flat.stride[0] = 1;
    ok = ok && cl_reduce(c, op, "sum", &flat, NULL, &each, 1u << 0, NULL, 0);
    tensor_release(&rows);
    tensor_release(&each);
    return ok;
}
