/* What the kernels of matrix products are told of their operands. */
#ifndef PRODUCT_H
#define PRODUCT_H

/* As in lib/cl/matmul.c. */
typedef struct Product {
    long m, n, k;
    long a_row, a_col, b_row, b_col; /* strides */
    long y_row, y_batch;             /* Y's columns are contiguous */
    long batch_dims, batch_size[8], batch_a[8], batch_b[8];
} Product;

static inline void batch_offsets(const Product *p, long i, long *a, long *b) {
    *a = *b = 0;
    for (int d = (int)p->batch_dims - 1; d >= 0; d--) {
        const long at = i % p->batch_size[d];
        i /= p->batch_size[d];
        *a += at * p->batch_a[d];
        *b += at * p->batch_b[d];
    }
}

#endif
