/* Matrix products. Large ones run in BLIS; blas.c is the only file that knows it: it starts the library once
 * a process, chooses its kernel set where BLIS would fall back to the generic one, and switches off the
 * checks that would abort. Small ones and vectors run in kernels of our own (kernels_gemm.c), for BLIS takes
 * about 3 us before it begins. */
#ifndef APSIS_CPU_BLAS_H
#define APSIS_CPU_BLAS_H

#include "core/ctx.h"
#include "core/dtype.h"

/* A matrix in memory: element (i, j) lies at data + i * rs + j * cs, in elements. A stride is at least 1
 * where its size is above 1: BLIS takes no repeated rows. */
typedef struct Matrix {
    void *data;
    int64_t rs, cs;
} Matrix;

/* out (m, n) = A (m, k) B (k, n) + beta out, f32 or f64, on at most `threads` threads; beta 0 ignores what
 * out held. threads 0: as many as the work is worth. With threads 1 it may be called inside an OpenMP region.
 * Stops half-way when the instance is interrupted: the caller looks at ctx_stopping. */
void cpu_gemm(const Ctx *c, DType dtype, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, double beta,
              Matrix out, int threads);

/* Around code that calls BLIS itself (LAPACK does): false where it must not, for want of memory. */
bool cpu_blas_enter(void);
void cpu_blas_leave(void);

/* The kernel set in use ("skx", "haswell", "zen3", "generic"), and who chose it: "blis", "apsis", or "user"
 * where BLIS_ARCH_TYPE is set. Both start BLIS. */
const char *cpu_blas_kernels(void);
const char *cpu_blas_chosen_by(void);
/* BLIS's version. */
const char *cpu_blas_version(void);

#endif
