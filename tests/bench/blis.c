/* What bare BLIS gives: blis N THREADS prints the seconds of an N x N sgemm, the median of several runs of
 * 0.2 s as in bench.lua, with the kernel set that BLIS takes (BLIS_ARCH_TYPE says otherwise). tests/bench/run
 * builds and runs it. */
#include "timing.h"
#include <blis.h>
#include <stdio.h>

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    long n = atol(argv[1]);
    size_t bytes = (size_t)n * (size_t)n * sizeof(float);
    float *a = aligned_alloc(64, bytes), *b = aligned_alloc(64, bytes), *c = aligned_alloc(64, bytes);
    if (!a || !b || !c) return 1;
    for (long i = 0; i < n * n; i++) a[i] = b[i] = (float)(i % 97) * 0.01f, c[i] = 0;
    rntm_t runtime = BLIS_RNTM_INITIALIZER;
    bli_rntm_set_num_threads(atol(argv[2]), &runtime);
    float one = 1, zero = 0;
    double seconds[RUNS];
    for (int run = -1; run < RUNS; run++) { /* the first is a warm-up */
        double start = now(), spent = 0;
        long times = 0;
        for (; spent < SECONDS_A_RUN; times++, spent = now() - start)
            bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, n, n, n, &one, a, n, 1, b, n, 1, &zero, c, n,
                         1, NULL, &runtime);
        if (run >= 0) seconds[run] = spent / (double)times;
    }
    printf("%.6g\n", median(seconds));
    return 0;
}
