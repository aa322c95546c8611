/* Walks of kernels over strided operands (kernels_cl/walk.h): from loops, with a part of their dimensions. */
#ifndef APSIS_CL_WALK_H
#define APSIS_CL_WALK_H

#include "core/loop.h"

/* A walk of up to LOOP_OPERANDS operands. A kernel's has SIDES of them, so it takes the first bytes. */
typedef struct Walk {
    int64_t ndim, size[MAX_DIMS], stride[LOOP_OPERANDS][MAX_DIMS];
} Walk;

static inline int64_t walk_bytes(int sides) {
    return (int64_t)(sizeof(int64_t) * (size_t)(1 + MAX_DIMS + sides * MAX_DIMS));
}

/* Puts dimension d of the loop inside those that are there already. */
static inline void walk_add(Walk *w, const Loop *l, int d) {
    w->size[w->ndim] = l->size[d];
    for (int k = 0; k < l->operands; k++) w->stride[k][w->ndim] = l->stride[k][d];
    w->ndim++;
}

static inline Walk walk_of(const Loop *l) {
    Walk w = {0};
    for (int d = 0; d < l->ndim; d++) walk_add(&w, l, d);
    return w;
}

/* Some place in the loop needs 64 bits. */
static inline bool walk_is_wide(const Loop *l) {
    if (l->numel >= INT32_MAX) return true;
    for (int k = 0; k < l->operands; k++) {
        int64_t reach = 0;
        for (int d = 0; d < l->ndim; d++)
            reach += (l->size[d] - 1) * (l->stride[k][d] < 0 ? -l->stride[k][d] : l->stride[k][d]);
        if (reach >= INT32_MAX) return true;
    }
    return false;
}

#endif
