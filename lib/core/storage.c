/* Storages on the host. A block holds the Storage header and its data, so that one tensor costs one block. */
#include "core/tensor.h"
#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum {
    HEADER = 64, /* room for a Storage, and the alignment of the data */
    HUGE_PAGE = 2 << 20,
    HUGE_FROM = 2 * HUGE_PAGE, /* blocks that are worth them */
    HEAP_TRIM = 1 << 20        /* so much given back is worth looking through the heap for whole pages */
};

_Static_assert(sizeof(Storage) <= HEADER, "the storage header must fit before the data");

void memory_settle(Ctx *c) {
    c->mem.bytes_since_gc = 0;
    blocks_settle(&c->mem.blocks, free);
    if (c->device_settle) c->device_settle(c);
}

void memory_trim(Ctx *c, int64_t keep) {
    Blocks *b = &c->mem.blocks;
    if (c->fft) c->fft_trim(c);
    const int64_t before = b->cached_bytes;
    blocks_trim(b, keep, free);
#ifdef __GLIBC__
    if (before - b->cached_bytes >= HEAP_TRIM) malloc_trim(0);
#endif
    if (c->device_trim) c->device_trim(c, keep);
}

/* Memory from the system. Pages come when they are first written, zeroed: 40 MB took 22 ms, and 4 ms in huge
 * ones. */
static void *fresh_block(int64_t block) {
    const int64_t unit = block >= HUGE_FROM ? HUGE_PAGE : HEADER;
    void *p = aligned_alloc((size_t)unit, (size_t)((block + unit - 1) / unit * unit));
#ifdef MADV_HUGEPAGE
    if (p && unit == HUGE_PAGE) (void)madvise(p, (size_t)block, MADV_HUGEPAGE);
#endif
    return p;
}

/* The lower of the two limits; 0: none. */
static int64_t memory_limit(const Memory *m) {
    bool by_script = m->script_limit && (!m->limit_bytes || m->script_limit < m->limit_bytes);
    return by_script ? m->script_limit : m->limit_bytes;
}

static void *try_block(Ctx *c, int class, int64_t block) {
    Blocks *b = &c->mem.blocks;
    void *p = blocks_take(b, class, block);
    if (p) return p;
    int64_t limit = memory_limit(&c->mem);
    if (limit && b->live_bytes + b->cached_bytes + block > limit) {
        memory_trim(c, 0);
        if (b->live_bytes + block > limit) return NULL;
    }
    return fresh_block(block);
}

Storage *storage_new(Ctx *c, int64_t nbytes) {
    int64_t block;
    if (nbytes < 0 || nbytes > INT64_MAX / 4) {
        ctx_fail(c, "out of memory: a tensor of %lld bytes", (long long)nbytes);
        return NULL;
    }
    int class = block_class(nbytes + HEADER, &block);
    Storage *s = try_block(c, class, block);
    if (!s) {
        if (c->reclaim) c->reclaim(c->reclaim_arg);
        memory_trim(c, 0);
        s = try_block(c, class, block);
    }
    if (!s) {
        ctx_fail(c, "out of memory: %lld bytes asked for, %lld bytes of tensors live", (long long)nbytes,
                 (long long)c->mem.blocks.live_bytes);
        return NULL;
    }
    *s = (Storage){.data = (char *)s + HEADER, .nbytes = nbytes, .ctx = c, .size_class = (int16_t) class};
    atomic_init(&s->refs, 1);
    blocks_count(&c->mem.blocks, block);
    c->mem.bytes_since_gc += block;
    return s;
}

Storage *storage_new_on(Ctx *c, Device device, int64_t nbytes) {
    if (device == CPU) return storage_new(c, nbytes);
    if (c->device_alloc) return c->device_alloc(c, device, nbytes);
    ctx_fail(c, "no device cl:%d is open", device);
    return NULL;
}

Storage *storage_retain(Storage *s) {
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void storage_release(Storage *s) {
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1) return;
    if (s->release) {
        s->release(s);
        return;
    }
    int class = s->size_class;
    int64_t block = class == UNCACHED ? s->nbytes + HEADER : block_class_bytes(class);
    blocks_put(&s->ctx->mem.blocks, s, class, block, free);
}

void *ctx_scratch(Ctx *c, int64_t bytes) {
    Storage *s = storage_new(c, bytes);
    return s ? s->data : NULL;
}

void ctx_scratch_free(Ctx *c, void *p) {
    (void)c;
    if (p) storage_release((Storage *)((char *)p - HEADER));
}
