/* Building the common loop of a set of operands. */
#include "core/loop.h"
#include <string.h>

static int64_t magnitude(int64_t stride) {
    return stride < 0 ? -stride : stride;
}

/* Does dimension a of the tensors belong outside b? By the first operand whose strides tell. */
static bool belongs_outside(int operands, const Tensor *const *t, int a, int b) {
    for (int k = 0; k < operands; k++) {
        int64_t sa = magnitude(t[k]->stride[a]), sb = magnitude(t[k]->stride[b]);
        if (sa != sb && sa != 0 && sb != 0) return sa > sb;
    }
    return a < b;
}

void loop_build(Loop *l, int operands, const Tensor *const *t) {
    int order[MAX_DIMS], n = 0;
    l->operands = operands;
    l->numel = tensor_numel(t[0]);
    for (int d = 0; d < t[0]->ndim; d++) {
        if (t[0]->size[d] == 1) continue;
        int i = n++;
        for (; i > 0 && belongs_outside(operands, t, d, order[i - 1]); i--) order[i] = order[i - 1];
        order[i] = d;
    }
    l->ndim = 0;
    for (int i = 0; i < n; i++) {
        int d = order[i], last = l->ndim - 1;
        bool merges = last >= 0;
        for (int k = 0; k < operands && merges; k++)
            merges = l->stride[k][last] == t[k]->stride[d] * t[0]->size[d];
        int at = merges ? last : l->ndim++;
        l->size[at] = merges ? l->size[at] * t[0]->size[d] : t[0]->size[d];
        for (int k = 0; k < operands; k++) l->stride[k][at] = t[k]->stride[d];
    }
    if (l->ndim == 0) {
        l->ndim = 1;
        l->size[0] = 1;
        for (int k = 0; k < operands; k++) l->stride[k][0] = 1;
    }
}

bool loop_is_linear(const Loop *l, int operand) {
    int64_t step = 1;
    for (int d = l->ndim - 1; d >= 0; d--) {
        if (l->stride[operand][d] != step) return false;
        step *= l->size[d];
    }
    return true;
}

bool loop_is_constant(const Loop *l, int operand) {
    for (int d = 0; d < l->ndim; d++)
        if (l->stride[operand][d] != 0) return false;
    return true;
}

bool loop_repeats_rows(const Loop *l, int operand) {
    for (int d = 0; d < l->ndim - 1; d++)
        if (l->stride[operand][d] != 0) return false;
    return true;
}

int64_t loop_offset(const Loop *l, int operand, int64_t position, int64_t *coordinate) {
    int64_t offset = 0;
    for (int d = l->ndim - 1; d >= 0; d--) {
        coordinate[d] = position % l->size[d];
        position /= l->size[d];
        offset += coordinate[d] * l->stride[operand][d];
    }
    return offset;
}
