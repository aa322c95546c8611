/* Ranges: arange and linspace. Y is the result's dtype, COMPUTE what positions are worked out in. */
#include "common.h"

#define KIND COMPUTED(COMPUTE)

/* y[i] = first + i * step; with `ends`, counted from `last` in the second half, so that the range ends there
 * exactly. */
#ifdef KERNEL_range
__kernel void range(const long n, TENSOR(Y, y), const KIND first, const KIND step, const KIND last, const int ends) {
    const long i = (long)get_global_id(0);
    if (i >= n) return;
    const KIND value = ends && i >= n / 2 && n > 1 ? last - (KIND)(n - 1 - i) * step : first + (KIND)i * step;
    AT(y, i) = ENCODE(Y, KIND, value);
}
#endif
