/* Counting: floats in bins of equal width, integers one by one. */
#include "ops/search.h"
#include "core/parallel.h"
#include "ops/float_operand.h"
#include <string.h>

enum {
    BLOCK = 256,              /* elements whose bins are computed in one vector loop before any is counted */
    COUNT_COST = 16,          /* of one element, in adds */
    STOP_CHECK = 1 << 12,     /* blocks between looks at ctx_stopping */
    MOST_BINS = INT32_MAX - 1 /* bin numbers are computed in 32 bits */
};

/* count[b] += the elements of bin b; count[bins] takes those outside and the NaNs. As PyTorch's histc: the
 * bin is found by division in the element's own type, and `high` belongs to the last one. */
#define COUNT(T)                                                                                             \
    static void count_##T(int64_t *count, const T *x, int64_t n, T low, T high, int32_t bins) {              \
        int32_t bin[BLOCK];                                                                                  \
        for (int64_t from = 0; from < n; from += BLOCK) {                                                    \
            const int64_t length = n - from < BLOCK ? n - from : BLOCK;                                      \
            for (int64_t i = 0; i < length; i++) {                                                           \
                const T v = x[from + i], place = (v - low) * (T)bins / (high - low);                         \
                const bool inside = (v >= low) & (v <= high);                                                \
                const T last = (T)(bins - 1), kept = place < last ? place : last;                            \
                bin[i] = inside ? (int32_t)(inside ? kept : 0) : bins;                                       \
            }                                                                                                \
            for (int64_t i = 0; i < length; i++) count[bin[i]]++;                                            \
        }                                                                                                    \
    }
COUNT(float)
COUNT(double)

/* What is counted: floats in bins (x contiguous f32 or f64), or integers from `low` on one by one (i64). */
typedef struct Counting {
    const Tensor *x;
    int64_t slots; /* counters, one for what lies outside of all bins among them */
    double low, high;
    int64_t first; /* of the integers */
} Counting;

static void count_part(int64_t *count, const Counting *job, int64_t from, int64_t n) {
    const void *x = tensor_data(job->x);
    const int32_t bins = (int32_t)(job->slots - 1);
    if (job->x->dtype == F32)
        count_float(count, (const float *)x + from, n, (float)job->low, (float)job->high, bins);
    else if (job->x->dtype == F64)
        count_double(count, (const double *)x + from, n, job->low, job->high, bins);
    else
        for (int64_t i = from; i < from + n; i++) count[((const int64_t *)x)[i] - job->first]++;
}

/* count[0..kept) of the job's slots. Each thread has counters of its own. */
static bool count_all(Ctx *c, int64_t *count, int64_t kept, const Counting *job) {
    const int64_t n = tensor_numel(job->x), slots = job->slots, step = (int64_t)STOP_CHECK * BLOCK;
    int threads = ctx_threads(c, n * COUNT_COST);
    if (slots > n / threads) threads = 1;
    if (threads == 1 && kept == slots && n <= step) {
        memset(count, 0, (size_t)slots * sizeof *count);
        count_part(count, job, 0, n);
        return true;
    }
    int64_t *own = ctx_scratch(c, threads * slots * (int64_t)sizeof *own);
    if (!own) return false;
    memset(own, 0, (size_t)(threads * slots) * sizeof *own);
    PARALLEL_FOR(threads, part, (n + step - 1) / step, {
        const int64_t from = part * step;
        if (!ctx_stopping(c))
            count_part(own + omp_get_thread_num() * slots, job, from, n - from < step ? n - from : step);
    });
    for (int64_t b = 0; b < kept; b++) {
        count[b] = 0;
        for (int t = 0; t < threads; t++) count[b] += own[t * slots + b];
    }
    ctx_scratch_free(c, own);
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}

bool count_integers(Ctx *c, int64_t *count, const Tensor *x, int64_t first, int64_t slots) {
    return slots == 0 || count_all(c, count, slots, &(Counting){.x = x, .slots = slots, .first = first});
}

bool op_count_bins(Ctx *c, Tensor *out, const Tensor *x, int64_t bins, double low, double high) {
    Tensor dense;
    out->storage = NULL;
    if (!require_floating(c, "count_bins", x)) return false;
    REQUIRE(c, bins >= 1 && bins <= MOST_BINS, "count_bins: expected from 1 to %d bins, got %lld", MOST_BINS,
            (long long)bins);
    REQUIRE(c, low < high, "count_bins: expected a range that ends after it starts, got %g to %g", low, high);
    if (!require_cpu(c, "count_bins", x)) return false;
    if (!op_contiguous(c, &dense, x, x->dtype == F64 ? F64 : F32)) return false;
    bool ok = tensor_new(c, out, I64, 1, &bins);
    const Counting job = {.x = &dense, .slots = bins + 1, .low = low, .high = high};
    if (ok && !count_all(c, tensor_data(out), bins, &job)) {
        tensor_release(out);
        ok = false;
    }
    tensor_release(&dense);
    return ok;
}
