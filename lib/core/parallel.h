/* Loops that several threads share. */
#ifndef APSIS_CORE_PARALLEL_H
#define APSIS_CORE_PARALLEL_H

#include <omp.h>
#include <stdint.h>

/* PARALLEL_FOR(threads, i, n, { ... }): the block for i = 0..n-1, in equal parts on that many threads. On one
 * thread without OpenMP: its team of one costs a system call (0.3 us, which is what small ops take).
 * `continue` may leave the block, nothing else. */
#define PARALLEL_FOR(threads, i, n, ...)                                                                     \
    do {                                                                                                     \
        const int64_t parallel_end_ = (n);                                                                   \
        const int parallel_threads_ = (threads);                                                             \
        if (parallel_threads_ > 1) {                                                                         \
            _Pragma(                                                                                         \
                "omp parallel for num_threads(parallel_threads_) schedule(static)") for (int64_t i = 0;      \
                                                                                         i < parallel_end_;  \
                                                                                         i++) __VA_ARGS__    \
        } else {                                                                                             \
            for (int64_t i = 0; i < parallel_end_; i++) __VA_ARGS__                                          \
        }                                                                                                    \
    } while (0)

#endif
