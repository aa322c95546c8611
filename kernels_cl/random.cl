/* Random numbers: the CPU's, bit for bit (core/random_functions.h has the arithmetic, lib/cpu/kernels_random.h says
 * which word makes which element). A work-item makes one block of four words and the elements that come from it.
 *   Y           dtype in memory of the result
 *   X           dtype in memory of the input, of draws that have one
 *   COMPUTE     f32, f64 or i64: what a number is made in
 *   DRAW        as ClDraw in lib/cl/random.h: 0 uniform, 1 normal, 2 exponential, 3 bernoulli with a probability
 *               for each element, 4 dropout, 5 and 6 integers from one or two words, 7 an event
 *   EXACT_SQRT  1: the device rounds sqrt of a float correctly */
#include "common.h"
#include "random_words.h"

#define T COMPUTED(COMPUTE)
#define WIDE_f32 0
#define WIDE_f64 1
#define WIDE_i64 0
#define WIDE_REAL JOIN(WIDE_, COMPUTE)
#if DRAW == 6 || (WIDE_REAL && DRAW < 4)
#define WORDS 2
#else
#define WORDS 1
#endif
#define ELEMENTS (4 / WORDS)

typedef struct Params {
    ulong seed, counter, threshold, low, range;
} Params;

/* Numbers to memory: those of `kind`, T or long. */
#define PUT(kind, i, value)                                                                                  \
    do {                                                                                                     \
        if (first + (i) < n) {                                                                               \
            const kind number = (value);                                                                     \
            AT(y, first + (i)) = ENCODE(Y, kind, number);                                                    \
        }                                                                                                    \
    } while (0)
#define INPUT(i) (first + (i) < n ? (T)DECODE(X, AT(x, first + (i))) : (T)0)
#define LEAST(v, w) ((v) < (w) ? (v) : (w))

#ifdef KERNEL_draw
__kernel void draw(const long n, SHARED(Y, y), SHARED(const X, x), const Params p, const T a, const T b, const T top,
                   const int drop, const float scale) {
    const long block = (long)get_global_id(0), first = block * ELEMENTS;
    if (first >= n) return;
    const ulong at = p.counter + (ulong)block;
    word w[4] = {(word)at, (word)(at >> 32), 0, 0};
    philox_rounds(w, (word)p.seed, (word)(p.seed >> 32));
#if DRAW == 1
    for (int k = 0; k < ELEMENTS; k += 2) {
        T one, two;
#if WIDE_REAL
        normal_f64(w, &one, &two);
#else
        normal_f32(w[k], w[k + 1], &one, &two);
#endif
        PUT(T, k, a + one * b);
        PUT(T, k + 1, a + two * b);
    }
#else
    for (int k = 0; k < ELEMENTS; k++) {
#if DRAW == 0 && WIDE_REAL
        const T v = a + uniform_f64(w[2 * k], w[2 * k + 1]) * b;
        PUT(T, k, LEAST(v, top));
#elif DRAW == 0
        const T v = a + uniform_f32(w[k], drop, scale) * b;
        PUT(T, k, LEAST(v, top));
#elif DRAW == 2 && WIDE_REAL
        PUT(T, k, exponential_f64(w[2 * k], w[2 * k + 1]) * a);
#elif DRAW == 2
        PUT(T, k, exponential_f32(w[k]) * a);
#elif DRAW == 3 && WIDE_REAL
        PUT(long, k, uniform_f64(w[2 * k], w[2 * k + 1]) < INPUT(k));
#elif DRAW == 3
        PUT(long, k, uniform_f32(w[k], 8, 0x1p-24f) < INPUT(k));
#elif DRAW == 4
        PUT(T, k, INPUT(k) * (w[k] < p.threshold ? (T)0 : b));
#elif DRAW == 5
        PUT(long, k, (long)(p.low + below_small(w[k], (word)p.range)));
#elif DRAW == 6
        PUT(long, k, (long)(p.low + below_large(w[2 * k], w[2 * k + 1], p.range)));
#else
        PUT(long, k, w[k] < p.threshold);
#endif
    }
#endif
}
#endif
