/* The windows of a mean over one dimension: C that is OpenCL C as well. */
#ifndef APSIS_CORE_POOL_WINDOW_H
#define APSIS_CORE_POOL_WINDOW_H

#ifdef __OPENCL_VERSION__
typedef long pool_size;
#else
#include <stdint.h>
typedef int64_t pool_size;
#endif

typedef struct PoolAxis {
    pool_size size, windows; /* positions, and windows over them */
    pool_size span; /* 0: the windows cover the positions evenly (adaptive), and these do not matter: */
    pool_size stride, padding;
    pool_size counted; /* 1: padding counts as elements */
    pool_size divides; /* 0: the mean's divisor is given and has nothing to do with the windows */
} PoolAxis;

/* Positions first..end - 1, and what the sum of their elements is divided by. */
typedef struct PoolWindow {
    pool_size first, end, divisor;
} PoolWindow;

static inline PoolWindow pool_window(const PoolAxis *a, pool_size i) {
    PoolWindow w;
    if (a->span == 0) {
        w.first = i * a->size / a->windows;
        w.end = ((i + 1) * a->size + a->windows - 1) / a->windows;
        w.divisor = w.end - w.first;
        return w;
    }
    const pool_size first = i * a->stride - a->padding, end = first + a->span, padded = a->size + a->padding;
    w.first = first < 0 ? 0 : first;
    w.end = end > a->size ? a->size : end;
    w.divisor = a->counted ? (end < padded ? end : padded) - first : w.end > w.first ? w.end - w.first : 1;
    if (!a->divides) w.divisor = 1;
    return w;
}

/* The first window that ends past position `at`. */
static inline pool_size pool_first_window(const PoolAxis *a, pool_size at) {
    if (a->span == 0) return at * a->windows / a->size;
    const pool_size behind = at + a->padding - (a->span - 1);
    return behind <= 0 ? 0 : (behind + a->stride - 1) / a->stride;
}

#endif
