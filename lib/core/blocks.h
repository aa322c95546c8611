/* Blocks of memory under storages: size classes, the account, and the cache of freed ones. One for the host
 * (core/storage.c) and one for each open device (cl/memory.c); what a block is only they know. The first word
 * of a cached block is the next one of its class. */
#ifndef APSIS_CORE_BLOCKS_H
#define APSIS_CORE_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

enum { BLOCK_CLASSES = 128, UNCACHED = -1 };

typedef struct Blocks {
    int64_t live_bytes;   /* in storages that a tensor holds */
    int64_t cached_bytes; /* in freed blocks kept for reuse */
    int64_t peak_bytes;   /* the largest live_bytes */
    int64_t crest_bytes;  /* the largest of late: sinks towards live_bytes as more is allocated */
    int64_t fresh_bytes;  /* allocated since the crest last sank */
    int64_t most_spare;   /* never keep more for the crest's sake: others may want the memory */
    void *freed[BLOCK_CLASSES];
} Blocks;

/* Gives a block back to the system or the device. */
typedef void DropBlock(void *block);

/* Always worth keeping; and the usual `most_spare`. */
static const int64_t BLOCKS_FLOOR = 64 << 20, BLOCKS_SPARE = 1 << 30;

/* The class whose blocks hold `bytes`, and that block size; UNCACHED and `bytes` past the last one. */
int block_class(int64_t bytes, int64_t *block);
int64_t block_class_bytes(int class);

/* A cached block of the class, or NULL. */
static inline void *blocks_take(Blocks *b, int class, int64_t bytes) {
    if (class == UNCACHED || !b->freed[class]) return NULL;
    void *block = b->freed[class];
    b->freed[class] = *(void **)block;
    b->cached_bytes -= bytes;
    return block;
}

/* A block is in use now. */
static inline void blocks_count(Blocks *b, int64_t bytes) {
    b->live_bytes += bytes;
    b->fresh_bytes += bytes;
    if (b->live_bytes > b->crest_bytes) b->crest_bytes = b->live_bytes;
    if (b->live_bytes > b->peak_bytes) b->peak_bytes = b->live_bytes;
}

/* It no longer is: it is cached, or dropped where that would be too much. */
void blocks_put(Blocks *b, void *block, int class, int64_t bytes, DropBlock *drop);
/* After a collection: what has not been needed for a while goes. */
void blocks_settle(Blocks *b, DropBlock *drop);
/* Drops cached blocks, the largest first, until at most `keep` bytes are left. */
void blocks_trim(Blocks *b, int64_t keep, DropBlock *drop);

#endif
