/* Matrix products: Y (m, n) = A (m, k) B (k, n) + beta Y, one matrix of a batch a third dimension of the grid.
 * Any strides. Macros of both kernels:
 *   X              dtype of A, B and Y
 *   ACC            compute dtype of the sums: f32, f64 or i64
 * gemm_tiled, for GPUs: a work-group stages tiles of A and B in local memory and keeps a tile of Y in registers.
 *   TILE_M TILE_N  the tile of Y that a work-group makes
 *   TILE_K         the depth that is staged at a time
 *   ROWS COLS      work-items of a group down and across; each makes TILE_M / ROWS x TILE_N / COLS elements, in
 *                  runs of RUN, so that it reads local memory in vectors
 *   A_ALONG_K      1: neighbouring work-items load A along k (its rows are contiguous), 0: along m
 *   B_ALONG_N      1: they load B along n (its rows are contiguous), 0: along k
 *   SLICES         k is cut into this many slices, whose partial products go to Y one after the other
 * gemm_rows, for CPUs: a work-item makes BLOCK_M x BLOCK_N elements; B's rows are contiguous. */
#include "common.h"
#include "product.h"

#define T COMPUTED(ACC)
#define SUMS_f32 1
#define SUMS_f64 1
#define SUMS_i64 0
#if JOIN(SUMS_, ACC)
#define MULTIPLY_ADD(a, b, c) fma(a, b, c)
#else
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif

#define LOAD(x, i) ((T)DECODE(X, AT(x, i)))
#define STORE(y, i, sum, beta)                                                                               \
    do {                                                                                                     \
        const T old = (beta) != 0 ? (beta) * LOAD(y, i) : (T)0;                                              \
        AT(y, i) = ENCODE(X, T, old + (sum));                                                                \
    } while (0)

#ifdef KERNEL_gemm_tiled

#define RUN     4
#define ITEMS   (ROWS * COLS)
#define WORK_M  (TILE_M / ROWS)
#define WORK_N  (TILE_N / COLS)
#define LOADS_A (TILE_M * TILE_K / ITEMS)
#define LOADS_B (TILE_N * TILE_K / ITEMS)
#define PAD     4 /* rows of a tile start in different banks */

/* The place in the tile of this work-item's i-th row or column. */
#define PLACE(i, item, items) ((i) / RUN * (items) * RUN + (item) * RUN + (i) % RUN)

/* Which element of the tile the j-th load of a work-item brings. */
#if A_ALONG_K
#define A_K(e) ((e) % TILE_K)
#define A_M(e) ((e) / TILE_K)
#else
#define A_K(e) ((e) / TILE_M)
#define A_M(e) ((e) % TILE_M)
#endif
#if B_ALONG_N
#define B_K(e) ((e) / TILE_N)
#define B_N(e) ((e) % TILE_N)
#else
#define B_K(e) ((e) % TILE_K)
#define B_N(e) ((e) / TILE_K)
#endif

__kernel __attribute__((reqd_work_group_size(COLS, ROWS, 1))) void gemm_tiled(TENSOR(const X, a), TENSOR(const X, b),
                                                                              SHARED(X, y), const T beta,
                                                                              const Product p) {
    __local T tile_a[TILE_K][TILE_M + PAD];
    __local T tile_b[TILE_K][TILE_N + PAD];
    const int col = (int)get_local_id(0), row = (int)get_local_id(1), item = row * COLS + col;
    const long first_m = (long)get_group_id(1) * TILE_M, first_n = (long)get_group_id(0) * TILE_N;
    const long z = (long)get_group_id(2), slice = z % SLICES;
    const long depth = (p.k + SLICES - 1) / SLICES, from_k = slice * depth;
    const long to_k = from_k + depth < p.k ? from_k + depth : p.k;
    long at_a, at_b;
    batch_offsets(&p, z / SLICES, &at_a, &at_b);

    T sum[WORK_M][WORK_N];
    for (int i = 0; i < WORK_M; i++)
        for (int j = 0; j < WORK_N; j++) sum[i][j] = 0;

    T next_a[LOADS_A], next_b[LOADS_B];
    for (long k = from_k - TILE_K; k < to_k; k += TILE_K) {
        /* The next tile comes from memory while this one is multiplied. */
        const long next = k + TILE_K;
        for (int l = 0; l < LOADS_A; l++) {
            const int e = l * ITEMS + item;
            const long m = first_m + A_M(e), kk = next + A_K(e);
            next_a[l] = m < p.m && kk < to_k ? LOAD(a, at_a + m * p.a_row + kk * p.a_col) : (T)0;
        }
        for (int l = 0; l < LOADS_B; l++) {
            const int e = l * ITEMS + item;
            const long n = first_n + B_N(e), kk = next + B_K(e);
            next_b[l] = n < p.n && kk < to_k ? LOAD(b, at_b + kk * p.b_row + n * p.b_col) : (T)0;
        }
        if (k >= from_k) {
            for (int d = 0; d < TILE_K; d++) {
                T left[WORK_M], right[WORK_N];
                for (int i = 0; i < WORK_M; i++) left[i] = tile_a[d][PLACE(i, row, ROWS)];
                for (int j = 0; j < WORK_N; j++) right[j] = tile_b[d][PLACE(j, col, COLS)];
                for (int i = 0; i < WORK_M; i++)
                    for (int j = 0; j < WORK_N; j++) sum[i][j] = MULTIPLY_ADD(left[i], right[j], sum[i][j]);
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int l = 0; l < LOADS_A; l++) tile_a[A_K(l * ITEMS + item)][A_M(l * ITEMS + item)] = next_a[l];
        for (int l = 0; l < LOADS_B; l++) tile_b[B_K(l * ITEMS + item)][B_N(l * ITEMS + item)] = next_b[l];
        barrier(CLK_LOCAL_MEM_FENCE);
    }

    for (int i = 0; i < WORK_M; i++) {
        const long m = first_m + PLACE(i, row, ROWS);
        for (int j = 0; j < WORK_N; j++) {
            const long n = first_n + PLACE(j, col, COLS);
            if (m < p.m && n < p.n) STORE(y, z * p.y_batch + m * p.y_row + n, sum[i][j], beta);
        }
    }
}

#endif
#ifdef KERNEL_gemm_rows

__kernel void gemm_rows(TENSOR(const X, a), TENSOR(const X, b), SHARED(X, y), const T beta, const Product p) {
    const long n = (long)get_global_id(0) * BLOCK_N, m = (long)get_global_id(1) * BLOCK_M;
    const long z = (long)get_global_id(2);
    long at_a, at_b;
    batch_offsets(&p, z, &at_a, &at_b);
    T sum[BLOCK_M][BLOCK_N];
    for (int i = 0; i < BLOCK_M; i++)
        for (int j = 0; j < BLOCK_N; j++) sum[i][j] = 0;
    if (n + BLOCK_N <= p.n && m + BLOCK_M <= p.m) {
        for (long k = 0; k < p.k; k++) {
            T right[BLOCK_N];
            for (int j = 0; j < BLOCK_N; j++) right[j] = LOAD(b, at_b + k * p.b_row + n + j);
            for (int i = 0; i < BLOCK_M; i++) {
                const T left = LOAD(a, at_a + (m + i) * p.a_row + k * p.a_col);
                for (int j = 0; j < BLOCK_N; j++) sum[i][j] = MULTIPLY_ADD(left, right[j], sum[i][j]);
            }
        }
    } else {
        for (int i = 0; i < BLOCK_M && m + i < p.m; i++)
            for (int j = 0; j < BLOCK_N && n + j < p.n; j++)
                for (long k = 0; k < p.k; k++)
                    sum[i][j] = MULTIPLY_ADD(LOAD(a, at_a + (m + i) * p.a_row + k * p.a_col),
                                             LOAD(b, at_b + k * p.b_row + n + j), sum[i][j]);
    }
    for (int i = 0; i < BLOCK_M && m + i < p.m; i++)
        for (int j = 0; j < BLOCK_N && n + j < p.n; j++)
            STORE(y, z * p.y_batch + (m + i) * p.y_row + n + j, sum[i][j], beta);
}

#endif
