/* cat and stack: the result is made once, and every part is copied into its place. */
#include "ops/join.h"
#include "ops/ops.h"
#include <string.h>

static bool is_empty_vector(const Tensor *t) {
    return t->ndim == 1 && t->size[0] == 0;
}

/* The dtype of all parts together; all on one device. */
static bool common_dtype(Ctx *c, const char *op, int n, const Tensor *const *t, DType *dtype) {
    *dtype = (DType)t[0]->dtype;
    for (int i = 1; i < n; i++) {
        if (!require_same_device(c, op, t[0], t[i])) return false;
        *dtype = dtype_promote(*dtype, (DType)t[i]->dtype);
    }
    return true;
}

static bool copy_part(Ctx *c, const Tensor *out, const Tensor *part, int dim, int64_t at, int64_t length) {
    Tensor place;
    tensor_narrow(&place, out, dim, at, length, 1);
    bool ok = op_copy_(c, &place, part);
    tensor_release(&place);
    return ok;
}

bool op_cat(Ctx *c, Tensor *out, int n, const Tensor *const *t, int dim) {
    const Tensor *like = t[0];
    int64_t size[MAX_DIMS], total = 0, at = 0;
    DType dtype;
    out->storage = NULL;
    for (int i = 0; i < n && is_empty_vector(like); i++) like = t[i];
    REQUIRE(c, like->ndim > 0, "cat: expected tensors of at least one dimension; use stack for 0-dim ones");
    if (!common_dtype(c, "cat", n, t, &dtype)) return false;
    for (int i = 0; i < n; i++) {
        if (is_empty_vector(t[i])) continue;
        bool fits = t[i]->ndim == like->ndim;
        for (int d = 0; d < like->ndim && fits; d++) fits = d == dim || t[i]->size[d] == like->size[d];
        REQUIRE(c, fits,
                "cat: tensor %d (%s) does not fit the first (%s): sizes other than dimension %d differ",
                i + 1, SHAPE(t[i]), SHAPE(like), dim + 1);
        total += t[i]->size[dim];
    }
    memcpy(size, like->size, sizeof size);
    size[dim] = total;
    if (!tensor_new_on(c, out, like->device, dtype, like->ndim, size)) return false;
    for (int i = 0; i < n; i++) {
        if (is_empty_vector(t[i])) continue;
        if (!copy_part(c, out, t[i], dim, at, t[i]->size[dim])) {
            tensor_release(out);
            return false;
        }
        at += t[i]->size[dim];
    }
    return true;
}

bool op_stack(Ctx *c, Tensor *out, int n, const Tensor *const *t, int dim) {
    int64_t size[MAX_DIMS];
    DType dtype;
    int ndim = t[0]->ndim;
    out->storage = NULL;
    REQUIRE(c, ndim < MAX_DIMS, "stack: a tensor has at most %d dimensions", MAX_DIMS);
    if (!common_dtype(c, "stack", n, t, &dtype)) return false;
    for (int i = 1; i < n; i++)
        REQUIRE(c, tensor_same_shape(t[i], t[0]),
                "stack: expected tensors of one shape, got (%s) and, as number %d, (%s)", SHAPE(t[0]), i + 1,
                SHAPE(t[i]));
    for (int d = 0, from = 0; d <= ndim; d++) size[d] = d == dim ? n : t[0]->size[from++];
    if (!tensor_new_on(c, out, t[0]->device, dtype, ndim + 1, size)) return false;
    for (int i = 0; i < n; i++) {
        Tensor part;
        tensor_unsqueeze(&part, t[i], dim);
        bool ok = copy_part(c, out, &part, dim, i, 1);
        tensor_release(&part);
        if (!ok) {
            tensor_release(out);
            return false;
        }
    }
    return true;
}
