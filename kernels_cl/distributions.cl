/* Gamma, Poisson and binomial draws: the CPU's, bit for bit (core/distribution_functions.h). A work-item makes one
 * number, in f64.
 *   WHICH   0 gamma, 1 Poisson, 2 binomial */
#include "common.h"
#include "random_words.h"
#include "core/distribution_functions.h"

#ifdef KERNEL_draw_each
__kernel void draw_each(const long n, TENSOR(f64, y), TENSOR(const f64, a), TENSOR(const f64, b), const ulong seed,
                        const ulong counter) {
    const long i = (long)get_global_id(0);
    if (i >= n) return;
    const ulong at = counter + (ulong)i;
#if WHICH == 0
    AT(y, i) = gamma_f64(AT(a, i), seed, at);
#elif WHICH == 1
    AT(y, i) = poisson_f64(AT(a, i), seed, at);
#else
    AT(y, i) = binomial_f64(AT(a, i), AT(b, i), seed, at);
#endif
}
#endif
