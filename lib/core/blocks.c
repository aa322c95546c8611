/* Size classes, four a power of two, and how much of what was freed is worth keeping. */
#include "core/blocks.h"

enum {
    SMALLEST_LOG2 = 7, /* the first class: 128 bytes */
    STEPS = 4,         /* classes a power of two: at most 1/5 of a block is wasted */
    CREST_DECAY = 8    /* allocating so many bytes lowers the crest by one */
};

int block_class(int64_t bytes, int64_t *block) {
    if (bytes <= 1 << SMALLEST_LOG2) {
        *block = 1 << SMALLEST_LOG2;
        return 0;
    }
    int log2 = 63 - __builtin_clzll((unsigned long long)(bytes - 1));
    int64_t step = (int64_t)1 << (log2 - 2);
    int64_t steps = (bytes - ((int64_t)1 << log2) + step - 1) / step; /* 1..STEPS */
    int class = (log2 - SMALLEST_LOG2) * STEPS + (int)steps;
    if (class >= BLOCK_CLASSES) {
        *block = bytes;
        return UNCACHED;
    }
    *block = ((int64_t)1 << log2) + steps * step;
    return class;
}

int64_t block_class_bytes(int class) {
    int log2 = SMALLEST_LOG2 + (class - 1) / STEPS, steps = (class - 1) % STEPS + 1;
    if (class == 0) return 1 << SMALLEST_LOG2;
    return ((int64_t)1 << log2) + steps * ((int64_t)1 << (log2 - 2));
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* A quarter of what is live; and as much as was live of late beyond it: a loop's temporaries come again, and
 * the process has had that much memory already. */
static int64_t worth_keeping(const Blocks *b) {
    int64_t quarter = b->live_bytes / 4, crest = b->crest_bytes - b->live_bytes;
    if (crest > b->most_spare) crest = b->most_spare;
    return larger(larger(quarter, crest), BLOCKS_FLOOR);
}

/* Those of class `kept` stay: what was freed last is asked for next. */
static void shrink(Blocks *b, int64_t most, int kept, DropBlock *drop) {
    for (int i = BLOCK_CLASSES - 1; i >= 0 && b->cached_bytes > most; i--) {
        while (i != kept && b->freed[i] && b->cached_bytes > most) {
            int64_t bytes = block_class_bytes(i);
            drop(blocks_take(b, i, bytes));
        }
    }
}

void blocks_put(Blocks *b, void *block, int class, int64_t bytes, DropBlock *drop) {
    b->live_bytes -= bytes;
    const int64_t room = class == UNCACHED ? -1 : worth_keeping(b) - bytes;
    if (room >= 0) shrink(b, room, class, drop);
    if (b->cached_bytes > room) {
        drop(block);
        return;
    }
    *(void **)block = b->freed[class];
    b->freed[class] = block;
    b->cached_bytes += bytes;
}

void blocks_settle(Blocks *b, DropBlock *drop) {
    b->crest_bytes = larger(b->crest_bytes - b->fresh_bytes / CREST_DECAY, b->live_bytes);
    if (b->crest_bytes > b->live_bytes + b->most_spare) b->crest_bytes = b->live_bytes + b->most_spare;
    b->fresh_bytes = 0;
    if (b->cached_bytes > BLOCKS_FLOOR) shrink(b, worth_keeping(b), UNCACHED, drop);
}

void blocks_trim(Blocks *b, int64_t keep, DropBlock *drop) {
    shrink(b, keep, UNCACHED, drop);
}
