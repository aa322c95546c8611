/* The loops around core/distribution_functions.h. */
#include "cpu/distributions.h"
#include "core/random_words.h"
#include "core/distribution_functions.h"

enum { PART = 1024, COST = 50 /* of one number, in elementary operations */ };

bool cpu_draw_each(Ctx *c, int which, double *y, const double *a, const double *b, int64_t n, uint64_t seed,
                   uint64_t counter) {
    int threads = ctx_threads(c, n * COST);
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(dynamic)
    for (int64_t from = 0; from < n; from += PART) {
        if (ctx_stopping(c)) continue;
        int64_t to = from + PART < n ? from + PART : n;
        for (int64_t i = from; i < to; i++) {
            uint64_t at = counter + (uint64_t)i;
            y[i] = which == 0   ? gamma_f64(a[i], seed, at)
                   : which == 1 ? poisson_f64(a[i], seed, at)
                                : binomial_f64(a[i], b[i], seed, at);
        }
    }
    return !ctx_stopping(c) || ctx_interrupted(c);
}
