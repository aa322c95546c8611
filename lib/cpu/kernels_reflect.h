/* Householder's reflectors 1 - tau v v^T and plane rotations, for symmetric eigenvalues (eigh.c) and QR
 * (qr.c). One thread. Matrices are rows, or columns, `ld` elements apart, a whole number of blocks, whose
 * gaps are finite and the kernels' own. Memory is aligned to 64 bytes. */
#ifndef APSIS_CPU_KERNELS_REFLECT_H
#define APSIS_CPU_KERNELS_REFLECT_H

#include "cpu/isa.h"
#include <stdint.h>

typedef struct ReflectKernels {
    int64_t block; /* elements */
    /* A symmetric, row after row. Steps from..to+1 of n-1..1: step k takes e[k-1] and the reflector that
     * makes the rest of row k zero, leaves v in that row's first k elements (the last of them 1), and puts
     * d[k] aside. Reads the lower triangle and the squares of a block's size on the diagonal. d, e, tau: n.
     * work: 4 rows, kept from call to call, zeros at first. */
    void (*tridiagonalise)(int64_t from, int64_t to, void *a, int64_t ld, double *d, double *e, double *tau,
                           void *work);
    /* q (n, n) = H_1 H_2 ... H_{n-1}, of those reflectors: A = q^T T q. work: a row. */
    void (*product)(int64_t n, const void *a, int64_t ld, const double *tau, void *q, void *work);
    /* Rows of `width` elements, whole blocks: rotation i of `count` takes row i and the one after it, `step`
     * elements on, to (s next + c row) and (c next - s row). */
    void (*rotate)(int64_t width, int64_t count, const double *c, const double *s, void *row, int64_t step);
    /* A (m, columns), column after column, zeros in the gaps: its first `count` columns, at most m, become R,
     * and below the diagonal the reflectors of Q = H_0 H_1 ...: their v from element k + 1 on, element k
     * being
     * 1. The other columns are multiplied by Q^T. work: a column. */
    void (*qr)(int64_t m, int64_t count, int64_t columns, void *a, int64_t ld, double *tau, void *work);
    /* A (n, n), column after column, zeros in the gaps, = Q B P^T with B upper bidiagonal: d (n) on its
     * diagonal, e (n - 1) beside it. The reflectors of Q stay below the diagonal, those of P come to stand in
     * `right` in the same way, both with their tau (n), for qr_product. work: three columns. */
    void (*bidiagonalise)(int64_t n, void *a, int64_t ld, void *right, double *d, double *e, double *tau_left,
                          double *tau_right, void *work);
    /* The `columns` of q from k on are multiplied by H_k, for k = count-1..0, in columns like those of A. */
    void (*qr_product)(int64_t m, int64_t count, const void *a, int64_t ld, const double *tau,
                       int64_t columns, void *q, void *work);
} ReflectKernels;

/* [0]: f32, [1]: f64 */
typedef struct ReflectTable {
    ReflectKernels type[2];
} ReflectTable;
ISA_DECLARE(ReflectTable, reflect_kernels);

/* ld for rows, or columns, of n elements. */
static inline int64_t reflect_padded(const ReflectKernels *k, int64_t n) {
    return (n + k->block - 1) / k->block * k->block;
}

#endif
