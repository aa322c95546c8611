/* Matrix products through BLIS. The only file that knows BLIS is blas.c: it starts the library once a process,
 * chooses its kernel set where BLIS would fall back to the generic one, and never lets it abort. */
#ifndef APSIS_CPU_BLAS_H
#define APSIS_CPU_BLAS_H

#include "core/ctx.h"
#include "core/dtype.h"

/* A matrix in memory: element (i, j) lies at data + i * rs + j * cs, in elements. Any strides, 0 included. */
typedef struct Matrix {
    void *data;
    int64_t rs, cs;
} Matrix;

/* C (m, n) = alpha A (m, k) B (k, n) + beta C, f32 or f64, on at most `threads` threads; beta 0 ignores what C
 * held. threads 0: as many as the work is worth. May be called from inside an OpenMP region with threads 1. */
void cpu_gemm(const Ctx *c, DType dtype, int64_t m, int64_t n, int64_t k, double alpha, Matrix a, Matrix b,
              double beta, Matrix out, int threads);

/* The kernel set in use ("skx", "haswell", "zen3", "generic"); and who chose it: "blis" or "apsis". */
const char *cpu_blas_kernels(void);
const char *cpu_blas_chosen_by(void);
/* BLIS's version string. */
const char *cpu_blas_version(void);

#endif
