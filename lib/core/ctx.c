/* The context of one instance: creation, errors, how many threads an op may use. */
#include "core/ctx.h"
#include "core/tensor.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <omp.h>

/* Below this many elementary operations a thread, starting OpenMP threads costs more than it saves:
 * a parallel region costs about 3 us here, an f32 add about 0.1 ns. */
enum { WORK_PER_THREAD = 65536, THREADS_PER_PROCESSOR = 4 };

Ctx *ctx_new(void) {
    Ctx *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->grad_enabled = true;
    c->default_dtype = F32;
    c->default_device = CPU;
    c->threads = omp_get_max_threads();
    c->mem.blocks.most_spare = BLOCKS_SPARE;
    c->rng.seed = 2147483647; /* fixed: runs are reproducible until manual_seed says otherwise */
    return c;
}

void ctx_free(Ctx *c) {
    if (!c) return;
    if (c->fft) c->fft_close(c);
    memory_trim(c, 0);
    if (c->device_close) c->device_close(c);
    free(c);
}

bool ctx_fail(Ctx *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(c->error, sizeof c->error, format, args);
    va_end(args);
    return false;
}

bool ctx_interrupted(Ctx *c) {
    return ctx_fail(c, "interrupted!");
}

int ctx_most_threads(void) {
    int most = THREADS_PER_PROCESSOR * omp_get_num_procs(), asked = omp_get_max_threads();
    return most > asked ? most : asked;
}

int ctx_threads(const Ctx *c, int64_t work) {
    if (work < 2 * WORK_PER_THREAD || c->threads <= 1) return 1;
    int64_t useful = work / WORK_PER_THREAD;
    return useful < c->threads ? (int)useful : c->threads;
}
