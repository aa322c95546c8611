/* Optimiser steps: checks, contiguous operands, threads. */
#include "ops/optim.h"
#include "cl/optim.h"
#include "core/parallel.h"
#include "cpu/isa.h"
#include "ops/ops.h"

ISA_DECLARE(OptimKernels, optim_kernels);

enum {
    CHUNK = 16384,
    PARTS = 5
}; /* elements that one thread takes at a time; p, g and at most three of state */

/* The arrays of one step: [0] the parameter, [1] its gradient, then the state; t is NULL where there is none.
 */
typedef struct Operands {
    Tensor *t[PARTS];
    Tensor copy[PARTS]; /* contiguous: an alias, or a copy that is written back */
    char *data[PARTS];
} Operands;

static void release(Operands *o) {
    for (int i = 0; i < PARTS; i++) tensor_release(&o->copy[i]);
}

static bool open_operands(Ctx *c, const char *op, Operands *o) {
    const Tensor *p = o->t[0];
    REQUIRE(c, p->dtype == F32 || p->dtype == F64, "%s: expected parameters of dtype f32 or f64, got %s", op,
            DTYPE(p));
    for (int i = 0; i < PARTS; i++) {
        o->copy[i].storage = NULL;
        o->data[i] = NULL;
    }
    for (int i = 0; i < PARTS; i++) {
        const Tensor *t = o->t[i];
        if (!t) continue;
        bool fits = t->storage && t->device == p->device && t->dtype == p->dtype && tensor_same_shape(t, p);
        if (!fits || !op_contiguous(c, &o->copy[i], t, (DType)t->dtype)) {
            if (!fits)
                ctx_fail(c, "%s: expected gradient and state like the parameter (%s, %s), got (%s, %s)", op,
                         SHAPE(p), DTYPE(p), SHAPE(t), DTYPE(t));
            release(o);
            return false;
        }
        if (p->device == CPU) o->data[i] = tensor_data(&o->copy[i]);
    }
    return true;
}

/* Writes what was changed in a copy back where ok, and marks what changed. */
static bool close_operands(Ctx *c, Operands *o, bool ok) {
    for (int i = 0; i < PARTS; i++) {
        if (i == 1 || !o->t[i]) continue;
        if (o->copy[i].storage != o->t[i]->storage) ok = ok && op_copy_(c, o->t[i], &o->copy[i]);
        o->t[i]->storage->version++;
    }
    release(o);
    return ok;
}

/* The contiguous tensor; NULL where there is none. */
static const Tensor *dense(const Operands *o, int i) {
    return o->t[i] ? &o->copy[i] : NULL;
}

/* What lies `offset` bytes on in an array that may be missing. */
static void *at(char *data, int64_t offset) {
    return data ? data + offset : NULL;
}

bool op_sgd_step_(Ctx *c, Tensor *p, const Tensor *g, Tensor *b, const SgdStep *s) {
    Operands o = {.t = {p, (Tensor *)g, b}};
    if (!open_operands(c, "sgd_steps_", &o)) return false;
    if (p->device != CPU)
        return close_operands(c, &o, cl_sgd(c, dense(&o, 0), dense(&o, 1), dense(&o, 2), s));
    void (*step)(void *, const void *, void *, int64_t, const SgdStep *) =
        ISA_SELECT(optim_kernels)->sgd[p->dtype == F64];
    int64_t n = tensor_numel(p), size = (int64_t)dtype_size((DType)p->dtype);
    int threads = ctx_threads(c, 4 * n);
    PARALLEL_FOR(threads, chunk, (n + CHUNK - 1) / CHUNK, {
        const int64_t i = chunk * CHUNK;
        step(at(o.data[0], i * size), at(o.data[1], i * size), at(o.data[2], i * size),
             n - i < CHUNK ? n - i : CHUNK, s);
    });
    return close_operands(c, &o, true);
}

bool op_adam_step_(Ctx *c, Tensor *p, const Tensor *g, Tensor *m, Tensor *v, Tensor *peak,
                   const AdamStep *s) {
    Operands o = {.t = {p, (Tensor *)g, m, v, peak}};
    if (!open_operands(c, "adam_steps_", &o)) return false;
    if (p->device != CPU)
        return close_operands(
            c, &o, cl_adam(c, dense(&o, 0), dense(&o, 1), dense(&o, 2), dense(&o, 3), dense(&o, 4), s));
    void (*step)(void *, const void *, void *, void *, void *, int64_t, const AdamStep *) =
        ISA_SELECT(optim_kernels)->adam[p->dtype == F64];
    int64_t n = tensor_numel(p), size = (int64_t)dtype_size((DType)p->dtype);
    int threads = ctx_threads(c, 16 * n);
    PARALLEL_FOR(threads, chunk, (n + CHUNK - 1) / CHUNK, {
        const int64_t i = chunk * CHUNK;
        step(at(o.data[0], i * size), at(o.data[1], i * size), at(o.data[2], i * size),
             at(o.data[3], i * size), at(o.data[4], i * size), n - i < CHUNK ? n - i : CHUNK, s);
    });
    return close_operands(c, &o, true);
}
