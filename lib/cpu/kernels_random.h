/* Random blocks and what is made of them, over arrays. Which word goes where: a block has four words; element
 * i of a draw takes word i of its blocks, laid end to end, or words 2 i and 2 i + 1 where it needs two.
 * Normal numbers 2 i and 2 i + 1 come from the words of both. */
#ifndef APSIS_CPU_KERNELS_RANDOM_H
#define APSIS_CPU_KERNELS_RANDOM_H

#include <stdint.h>

enum { RANDOM_BLOCK_GROUP = 16 }; /* words come in so many blocks at a time */

typedef enum {
    RANDOM_UNIFORM,     /* a + u * b, at most `top` */
    RANDOM_NORMAL,      /* a + z * b */
    RANDOM_EXPONENTIAL, /* e * a */
    RANDOM_BERNOULLI,   /* u8: u < x[i], the probabilities in x */
    RANDOM_DROPOUT,     /* 0 where the word < threshold, else x[i] * b; one word a number in f64 too */
    RANDOM_REAL_COUNT
} RandomReal;

typedef enum {
    RANDOM_SMALL, /* i64: low + one word below range */
    RANDOM_LARGE, /* i64: low + two words below range */
    RANDOM_EVENT, /* u8: the word < threshold */
    RANDOM_WHOLE_COUNT
} RandomWhole;

typedef struct RandomParams {
    double a, b, top;
    int drop;           /* low bits that a uniform f32 leaves out: see uniform_f32 */
    uint64_t threshold; /* 0 .. 2^32 */
    uint64_t low, range;
} RandomParams;

/* y (n elements) from their words; y has room for a whole number of blocks. */
typedef void (*RandomKernel)(void *y, const void *x, const uint32_t *words, int64_t n, const RandomParams *p);

typedef struct RandomKernels {
    /* The words of so many blocks from that counter on; w has room for whole groups. */
    void (*words)(uint32_t *words, int64_t blocks, uint64_t seed, uint64_t counter, uint64_t stream);
    RandomKernel real[RANDOM_REAL_COUNT][2]; /* [1]: f64 */
    RandomKernel whole[RANDOM_WHOLE_COUNT];
} RandomKernels;

#endif
