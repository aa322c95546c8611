/* The generator's blocks one at a time, and its counter. Arrays of them are made in cpu/kernels_random.c. */
#include "core/rng.h"
#include "core/random_words.h"

void philox4x32(uint64_t seed, uint64_t counter, uint64_t stream, uint32_t out[4]) {
    out[0] = (uint32_t)counter;
    out[1] = (uint32_t)(counter >> 32);
    out[2] = (uint32_t)stream;
    out[3] = (uint32_t)(stream >> 32);
    philox_rounds(out, (uint32_t)seed, (uint32_t)(seed >> 32));
}

uint64_t rng_take(Rng *r, uint64_t blocks) {
    uint64_t first = r->offset;
    r->offset += blocks;
    return first;
}
