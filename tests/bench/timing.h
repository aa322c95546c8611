/* What the benchmarks in C share. Each takes the median of RUNS runs of SECONDS_A_RUN, as bench.lua does. */
#include <stdlib.h>
#include <time.h>

enum { RUNS = 5 };
static const double SECONDS_A_RUN = 0.2;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *seconds) {
    qsort(seconds, RUNS, sizeof *seconds, by_size);
    return seconds[RUNS / 2];
}
