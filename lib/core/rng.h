/* Philox 4x32-10: a counter-based generator, so that element i of a draw is a pure function of (seed, offset,
 * i): the same numbers on any device and any number of threads. Source: Salmon, Moraes, Dror, Shaw, "Parallel
 * random numbers: as easy as 1, 2, 3", SC 2011. */
#ifndef APSIS_CORE_RNG_H
#define APSIS_CORE_RNG_H

#include <stdint.h>

typedef struct Rng {
    uint64_t seed;
    uint64_t offset; /* blocks of four 32-bit numbers used so far */
} Rng;

/* Four 32-bit numbers for block `counter` under `seed`; `stream` separates uses that must not overlap. */
void philox4x32(uint64_t seed, uint64_t counter, uint64_t stream, uint32_t out[4]);

/* Takes `blocks` blocks from the generator and returns the first one's counter. */
uint64_t rng_take(Rng *r, uint64_t blocks);

#endif
