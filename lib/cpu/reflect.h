/* Products with many of Householder's reflectors at once, by products of matrices. f32 or f64. */
#ifndef APSIS_CPU_REFLECT_H
#define APSIS_CPU_REFLECT_H

#include "cpu/blas.h"

/* Reflectors that are worth putting together: whole blocks of kernels_reflect.h. */
enum { REFLECTORS = 48 };
/* The order from which products of so few are worth several threads. */
enum { REFLECT_THREADED = 1024 };

/* Bytes of scratch memory, aligned to 64, for `rows` rows and at most REFLECTORS reflectors. */
int64_t cpu_reflect_scratch(DType t, int64_t rows);
/* The rows of z (rows, width), ldz apart, are multiplied by H_1 H_2 ... H_count from the right, or where
 * `backward` by H_count ... H_1. Row i of v (count, width), ldv apart, is that of reflector i; zeros stand
 * for the identity, and tau is 2 over its square. `threads` as in cpu_gemm. */
void cpu_reflect_rows(const Ctx *c, DType t, int64_t count, int64_t rows, int64_t width, const void *v,
                      int64_t ldv, void *z, int64_t ldz, bool backward, void *scratch, int threads);

#endif
