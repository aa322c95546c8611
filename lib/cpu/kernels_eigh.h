/* What symmetric eigenvalues take (eigh.c): Householder's reduction to a tridiagonal matrix, the product of
 * its reflectors, and sweeps of plane rotations. One thread. Matrices are symmetric, and stored row after row
 * with gaps: rows `ld` apart, a whole number of blocks; what lies in the gap is theirs. Memory is aligned to
 * 64 bytes. */
#ifndef APSIS_CPU_KERNELS_EIGH_H
#define APSIS_CPU_KERNELS_EIGH_H

#include "cpu/isa.h"
#include <stdint.h>

typedef struct EighKernels {
    int64_t block; /* elements */
    /* Steps from..to+1 of n-1..1: step k takes e[k-1] and the reflector I - tau[k] v v^T that makes the rest
     * of row k zero, leaves v in that row's first k elements (the last of them 1), and puts d[k] aside. Reads
     * the lower triangle and the squares of a block's size on the diagonal. d, e, tau: n. work: 4 rows, kept
     * from call to call, zeros at first. */
    void (*tridiagonalise)(int64_t from, int64_t to, void *a, int64_t ld, double *d, double *e, double *tau,
                           void *work);
    /* q (n, n) = H_1 H_2 ... H_{n-1}, of such reflectors in the rows of a: A = q^T T q. work: a row. */
    void (*product)(int64_t n, const void *a, int64_t ld, const double *tau, void *q, void *work);
    /* Rows of `width` elements, whole blocks: rotation i of `count` takes row i and the one after it, `step`
     * elements on, to (s next + c row) and (c next - s row). */
    void (*rotate)(int64_t width, int64_t count, const double *c, const double *s, void *row, int64_t step);
} EighKernels;

/* [0]: f32, [1]: f64 */
typedef struct EighTable {
    EighKernels type[2];
} EighTable;
ISA_DECLARE(EighTable, eigh_kernels);

#endif
