/* Ctx: what one interpreter instance shares between its ops: the last error, the memory account, the random
 * generator, the settings. One instance is used by one thread at a time; separate instances share nothing. */
#ifndef APSIS_CORE_CTX_H
#define APSIS_CORE_CTX_H

#include "core/blocks.h"
#include "core/rng.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CTX_ERROR_TEXT = 1024 };

/* The account of tensor memory on the host, and of what drives the collector. */
typedef struct Memory {
    Blocks blocks;
    int64_t limit_bytes;    /* allocation fails beyond this; 0: no limit */
    int64_t script_limit;   /* the same, from the script itself: a host's limit stays what it is */
    int64_t bytes_since_gc; /* allocated since the collector last ran: drives the pacing in bind/pace.c, as */
    int64_t least_bytes;    /* the least live bytes and device_bytes since the last full collection do */
    int64_t device_bytes;  /* in storages on other devices: not limited here, but the collector counts them */
    int64_t tensors;       /* live tensor handles */
    int64_t least_tensors; /* as least_bytes */
    int64_t lua_bytes;     /* of the host language's own objects, after the last full collection */
} Memory;

typedef struct Ctx {
    char error[CTX_ERROR_TEXT];
    Memory mem;
    Rng rng;
    bool grad_enabled;
    uint8_t default_dtype;  /* DType: of numbers that are no integers, where nothing else says */
    int16_t default_device; /* Device: where tensors are made, where nothing else says */
    bool allow_tf32;        /* devices with tensor cores may round the factors of f32 products to tf32 */
    int threads;            /* OpenMP and BLIS threads that one op may use */
    atomic_int interrupt;   /* set from a signal handler or another thread; long loops stop */
    /* Asks the host language to drop garbage; called once before an allocation fails. */
    void (*reclaim)(void *arg);
    void *reclaim_arg;
    /* Memory that the next new tensor of just this dtype, shape and device takes, in place of an allocation;
     * then NULL again. Set by bind/out.c for one op, contiguous. */
    const struct Tensor *destination;
    /* Devices other than the CPU; lib/cl sets these when the first one is opened. */
    struct Storage *(*device_alloc)(struct Ctx *c, int16_t device, int64_t nbytes); /* NULL: error set */
    void (*device_settle)(struct Ctx *c);                                           /* as memory_settle */
    void (*device_trim)(struct Ctx *c, int64_t keep);                               /* as memory_trim */
    void (*device_close)(struct Ctx *c); /* the context goes: everything */
    /* The text of a bundled source file by its path in the tree, NULL where there is none: kernels are
     * compiled from it. */
    const char *(*source)(const char *path);
    /* The path of the i-th bundled file, NULL past the last. */
    const char *(*source_name)(size_t i);
    void *cl;                         /* what lib/cl keeps per instance; nobody else reads it */
    void *fft;                        /* plans of Fourier transforms (cpu/fft_plan.c) */
    void (*fft_trim)(struct Ctx *c);  /* gives those back that nobody uses */
    void (*fft_close)(struct Ctx *c); /* the context goes: all of them */
    void *binding;                    /* what lib/bind keeps per instance; nobody else reads it */
} Ctx;

Ctx *ctx_new(void);
/* Frees the context and its block cache. Every storage must have been released. */
void ctx_free(Ctx *c);

/* Records the error text (printf format) and returns false, so that an op can `return ctx_fail(c, ...)`.
 * Texts read `op: what was expected, what came`. */
bool ctx_fail(Ctx *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Leaves an op that returns bool when a condition on its arguments does not hold. */
#define REQUIRE(c, condition, ...)                                                                           \
    do {                                                                                                     \
        if (!(condition)) return ctx_fail((c), __VA_ARGS__);                                                 \
    } while (0)

/* True when somebody asked the instance to stop; an op that sees it returns ctx_interrupted(). */
static inline bool ctx_stopping(const Ctx *c) {
    return atomic_load_explicit(&c->interrupt, memory_order_relaxed) != 0;
}
/* Fails with "interrupted". */
bool ctx_interrupted(Ctx *c);

/* The most threads an op may be given: a few for each processor. More gain nothing, and where the system
 * refuses one, OpenMP ends the process. */
int ctx_most_threads(void);

/* Threads worth using for `work` elementary operations (an add, a comparison): 1 below the size where
 * starting OpenMP threads costs more than it saves. */
int ctx_threads(const Ctx *c, int64_t work);

/* Scratch memory for one op: from the block cache, counted, aligned to 64 bytes. NULL on failure, error set.
 */
void *ctx_scratch(Ctx *c, int64_t bytes);
void ctx_scratch_free(Ctx *c, void *p);
/* `bytes` so rounded up that what follows them in scratch memory is aligned too. */
static inline int64_t ctx_scratch_part(int64_t bytes) {
    return (bytes + 63) / 64 * 64;
}

#endif
