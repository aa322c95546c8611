/* Storages and the block cache under them. A block holds the Storage header and its data, so that one tensor
 * costs one block; freed blocks wait in a list per size class, four classes a power of two. */
#include "core/tensor.h"
#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

enum {
    HEADER = 64,       /* room for a Storage, and the alignment of the data */
    SMALLEST_LOG2 = 7, /* the first class: 128 bytes with the header */
    STEPS = 4,         /* classes a power of two: at most 1/5 of a block is wasted */
    CREST_DECAY = 8,   /* allocating so many bytes lowers the crest by one */
    HUGE_PAGE = 2 << 20,
    HUGE_FROM = 2 * HUGE_PAGE /* blocks that are worth them */
};
static const int64_t CACHE_FLOOR = 64 << 20; /* always worth keeping */
static const int64_t CREST_MOST = 1 << 30;   /* worth keeping for a loop; the system may want the rest */

_Static_assert(sizeof(Storage) <= HEADER, "the storage header must fit before the data");

int storage_class(int64_t bytes, int64_t *block) {
    if (bytes <= 1 << SMALLEST_LOG2) {
        *block = 1 << SMALLEST_LOG2;
        return 0;
    }
    int log2 = 63 - __builtin_clzll((unsigned long long)(bytes - 1));
    int64_t step = (int64_t)1 << (log2 - 2);
    int64_t steps = (bytes - ((int64_t)1 << log2) + step - 1) / step; /* 1..STEPS */
    int class = (log2 - SMALLEST_LOG2) * STEPS + (int)steps;
    if (class >= CACHE_CLASSES) {
        *block = bytes;
        return UNCACHED;
    }
    *block = ((int64_t)1 << log2) + steps * step;
    return class;
}

int64_t storage_class_bytes(int class) {
    int log2 = SMALLEST_LOG2 + (class - 1) / STEPS, steps = (class - 1) % STEPS + 1;
    if (class == 0) return 1 << SMALLEST_LOG2;
    return ((int64_t)1 << log2) + steps * ((int64_t)1 << (log2 - 2));
}

/* A quarter of what is live; and as much as was live of late beyond it: a loop's temporaries come again, and
 * the process has had that much memory already. */
static int64_t cache_cap(const Memory *m) {
    int64_t quarter = m->live_bytes / 4, crest = m->crest_bytes - m->live_bytes;
    if (crest > CREST_MOST) crest = CREST_MOST;
    int64_t most = quarter > crest ? quarter : crest;
    return most > CACHE_FLOOR ? most : CACHE_FLOOR;
}

/* Gives cached blocks back until at most `most` bytes are left, the largest first; those of class `kept`
 * stay: what was freed last is asked for next. */
static void shrink_cache(Memory *m, int64_t most, int kept) {
    for (int i = CACHE_CLASSES - 1; i >= 0 && m->cached_bytes > most; i--) {
        while (i != kept && m->cache[i] && m->cached_bytes > most) {
            void *block = m->cache[i];
            m->cache[i] = *(void **)block;
            m->cached_bytes -= storage_class_bytes(i);
            free(block);
        }
    }
}

void memory_settle(Ctx *c) {
    Memory *m = &c->mem;
    m->crest_bytes -= m->bytes_since_gc / CREST_DECAY;
    if (m->crest_bytes < m->live_bytes) m->crest_bytes = m->live_bytes;
    if (m->crest_bytes > m->live_bytes + CREST_MOST) m->crest_bytes = m->live_bytes + CREST_MOST;
    m->bytes_since_gc = 0;
    if (m->cached_bytes > CACHE_FLOOR) shrink_cache(m, cache_cap(m), UNCACHED);
}

void memory_trim(Ctx *c) {
    if (c->fft) c->fft_trim(c);
    shrink_cache(&c->mem, 0, UNCACHED);
    if (c->device_trim) c->device_trim(c);
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
    Memory *m = &c->mem;
    if (class != UNCACHED && m->cache[class]) {
        void *p = m->cache[class];
        m->cache[class] = *(void **)p;
        m->cached_bytes -= block;
        return p;
    }
    int64_t limit = memory_limit(m);
    if (limit && m->live_bytes + m->cached_bytes + block > limit) {
        memory_trim(c);
        if (m->live_bytes + block > limit) return NULL;
    }
    return fresh_block(block);
}

Storage *storage_new(Ctx *c, int64_t nbytes) {
    int64_t block;
    if (nbytes < 0 || nbytes > INT64_MAX / 4) {
        ctx_fail(c, "out of memory: a tensor of %lld bytes", (long long)nbytes);
        return NULL;
    }
    int class = storage_class(nbytes + HEADER, &block);
    Storage *s = try_block(c, class, block);
    if (!s) {
        if (c->reclaim) c->reclaim(c->reclaim_arg);
        memory_trim(c);
        s = try_block(c, class, block);
    }
    if (!s) {
        ctx_fail(c, "out of memory: %lld bytes asked for, %lld bytes of tensors live", (long long)nbytes,
                 (long long)c->mem.live_bytes);
        return NULL;
    }
    *s = (Storage){.data = (char *)s + HEADER, .nbytes = nbytes, .ctx = c, .size_class = (int16_t) class};
    atomic_init(&s->refs, 1);
    c->mem.live_bytes += block;
    c->mem.bytes_since_gc += block;
    if (c->mem.live_bytes > c->mem.crest_bytes) c->mem.crest_bytes = c->mem.live_bytes;
    if (c->mem.live_bytes > c->mem.peak_bytes) c->mem.peak_bytes = c->mem.live_bytes;
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
    Memory *m = &s->ctx->mem;
    int class = s->size_class;
    int64_t block = class == UNCACHED ? s->nbytes + HEADER : storage_class_bytes(class);
    m->live_bytes -= block;
    const int64_t room = class == UNCACHED ? -1 : cache_cap(m) - block;
    if (room >= 0) shrink_cache(m, room, class);
    if (m->cached_bytes > room) {
        free(s);
        return;
    }
    *(void **)s = m->cache[class];
    m->cache[class] = s;
    m->cached_bytes += block;
}

void *ctx_scratch(Ctx *c, int64_t bytes) {
    Storage *s = storage_new(c, bytes);
    return s ? s->data : NULL;
}

void ctx_scratch_free(Ctx *c, void *p) {
    (void)c;
    if (p) storage_release((Storage *)((char *)p - HEADER));
}
