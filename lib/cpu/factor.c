/* Recursion on halves; the leaves are in kernels_factor.c. */
#include "cpu/factor.h"
#include "cpu/kernels_factor.h"
#include <string.h>

static const FactorKernels *kernels(DType t) {
    return &ISA_SELECT(factor_kernels)->type[t == F64];
}

static void *at(const void *a, DType t, int64_t offset) {
    return (char *)a + offset * (int64_t)dtype_size(t);
}

/* The first half: whole leaves. */
static int64_t half(int64_t n) {
    return (n / 2 + FACTOR_LEAF - 1) / FACTOR_LEAF * FACTOR_LEAF;
}

int64_t cpu_factor_scratch(int64_t n, int64_t k) {
    return n <= FACTOR_LEAF ? 1 : half(n) * (n > k ? n : k);
}

/* Multiplications from which a product of the recursion is worth several threads. One factorisation has many
 * products, and where another process holds a core each shared one waits for it: Cholesky of 512 took 8 to 20
 * ms on two threads, 0.9 on one. */
static const double SHARED_WORK = 1 << 25;

/* cpu_gemm, on as many threads as that allows. */
static void multiply(const Ctx *c, DType t, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, double beta,
                     Matrix out, int threads) {
    const bool shared = (double)m * (double)n * (double)k >= SHARED_WORK;
    cpu_gemm(c, t, m, n, k, a, b, beta, out, shared ? threads : 1);
}

/* scratch (m, n) = -x, whose rows are ldx apart */
static Matrix negated(DType t, int64_t m, int64_t n, const void *x, int64_t ldx, void *scratch) {
    for (int64_t i = 0; i < m; i++) kernels(t)->negate(n, at(x, t, i * ldx), at(scratch, t, i * n));
    return (Matrix){scratch, n, 1};
}

/* x and y (bytes) change places, piece by piece; most rows of small matrices are one piece. */
static void swap_bytes(char *x, char *y, size_t bytes) {
    enum { PIECE = 256 };
    char kept[PIECE];
    for (size_t done = 0; done < bytes; done += PIECE) {
        const size_t n = bytes - done < PIECE ? bytes - done : PIECE;
        memcpy(kept, x + done, n);
        memcpy(x + done, y + done, n);
        memcpy(y + done, kept, n);
    }
}

void cpu_swap_rows(DType t, int64_t k, void *b, int64_t ldb, const int32_t *pivots, int64_t count,
                   bool back) {
    const size_t row = (size_t)k * dtype_size(t);
    for (int64_t s = 0; s < count; s++) {
        const int64_t i = back ? count - 1 - s : s;
        if (pivots[i] == i + 1) continue;
        char *x = at(b, t, i * ldb), *y = at(b, t, (pivots[i] - 1) * ldb);
        if (row == 16)
            swap_bytes(x, y, 16);
        else if (row == 4)
            swap_bytes(x, y, 4);
        else
            swap_bytes(x, y, row);
    }
}

void cpu_solve_triangular(const Ctx *c, DType t, int64_t n, int64_t k, Matrix a, bool upper, bool unit,
                          void *b, int64_t ldb, void *scratch, int threads) {
    if (n <= FACTOR_LEAF || (n <= SOLVE_LEAF && k <= SOLVE_SIDES)) {
        kernels(t)->solve(n, k, a.data, a.rs, a.cs, upper, unit, b, ldb);
        return;
    }
    if (ctx_stopping(c)) return;
    const int64_t n1 = half(n), n2 = n - n1;
    const Matrix a11 = a, a22 = {at(a.data, t, n1 * (a.rs + a.cs)), a.rs, a.cs};
    void *b1 = b, *b2 = at(b, t, n1 * ldb);
    if (upper) {
        const Matrix a12 = {at(a.data, t, n1 * a.cs), a.rs, a.cs};
        cpu_solve_triangular(c, t, n2, k, a22, upper, unit, b2, ldb, scratch, threads);
        multiply(c, t, n1, k, n2, a12, negated(t, n2, k, b2, ldb, scratch), 1, (Matrix){b1, ldb, 1}, threads);
        cpu_solve_triangular(c, t, n1, k, a11, upper, unit, b1, ldb, scratch, threads);
    } else {
        const Matrix a21 = {at(a.data, t, n1 * a.rs), a.rs, a.cs};
        cpu_solve_triangular(c, t, n1, k, a11, upper, unit, b1, ldb, scratch, threads);
        multiply(c, t, n2, k, n1, a21, negated(t, n1, k, b1, ldb, scratch), 1, (Matrix){b2, ldb, 1}, threads);
        cpu_solve_triangular(c, t, n2, k, a22, upper, unit, b2, ldb, scratch, threads);
    }
}

void cpu_lu(const Ctx *c, DType t, int64_t m, int64_t n, void *a, int64_t lda, int32_t *pivots, void *scratch,
            int threads) {
    const int64_t k = m < n ? m : n;
    if (n <= FACTOR_LEAF) {
        kernels(t)->lu(m, n, a, lda, pivots);
        return;
    }
    if (ctx_stopping(c)) return;
    /* A wide matrix: the square in front first; nothing is left below it. */
    const int64_t n1 = m <= FACTOR_LEAF ? m : half(k), n2 = n - n1;
    void *a12 = at(a, t, n1), *a21 = at(a, t, n1 * lda), *a22 = at(a, t, n1 * lda + n1);
    cpu_lu(c, t, m, n1, a, lda, pivots, scratch, threads);
    cpu_swap_rows(t, n2, a12, lda, pivots, n1, false);
    cpu_solve_triangular(c, t, n1, n2, (Matrix){a, lda, 1}, false, true, a12, lda, scratch, threads);
    if (m == n1) return;
    multiply(c, t, m - n1, n2, n1, (Matrix){a21, lda, 1}, negated(t, n1, n2, a12, lda, scratch), 1,
             (Matrix){a22, lda, 1}, threads);
    cpu_lu(c, t, m - n1, n2, a22, lda, pivots + n1, scratch, threads);
    cpu_swap_rows(t, n1, a21, lda, pivots + n1, k - n1, false);
    for (int64_t i = n1; i < k; i++) pivots[i] += (int32_t)n1;
}

/* The upper triangle of C (n, n) -= X^T X for X (k, n); -X is given too. Blocks below the diagonal are left
 * out. */
static void subtract_square(const Ctx *c, DType t, int64_t n, int64_t k, Matrix x, Matrix minus, void *out,
                            int64_t ldc, int threads) {
    enum { SQUARE = 128 };
    for (int64_t i = 0; i < n && !ctx_stopping(c); i += SQUARE) {
        const int64_t rows = n - i < SQUARE ? n - i : SQUARE;
        const Matrix left = {at(x.data, t, i * x.cs), x.cs, x.rs},
                     right = {at(minus.data, t, i * minus.cs), minus.rs, minus.cs};
        multiply(c, t, rows, n - i, k, left, right, 1, (Matrix){at(out, t, i * ldc + i), ldc, 1}, threads);
    }
}

int64_t cpu_cholesky(const Ctx *c, DType t, int64_t n, void *a, int64_t lda, void *scratch, int threads) {
    if (n <= FACTOR_LEAF) return kernels(t)->cholesky(n, a, lda);
    if (ctx_stopping(c)) return 0;
    const int64_t n1 = half(n), n2 = n - n1;
    void *a12 = at(a, t, n1), *a22 = at(a, t, n1 * lda + n1);
    int64_t failed = cpu_cholesky(c, t, n1, a, lda, scratch, threads);
    if (failed) return failed;
    cpu_solve_triangular(c, t, n1, n2, (Matrix){a, 1, lda}, false, false, a12, lda, scratch, threads);
    const Matrix minus = negated(t, n1, n2, a12, lda, scratch);
    subtract_square(c, t, n2, n1, (Matrix){a12, lda, 1}, minus, a22, lda, threads);
    failed = cpu_cholesky(c, t, n2, a22, lda, scratch, threads);
    return failed ? failed + n1 : 0;
}

/* --- many tiny matrices ------------------------------------------------------------------------------------
 */

bool cpu_is_tiny(int64_t n, int64_t k) {
    return n >= 2 && n <= TINY && (k == 0 || k == 1 || k == n);
}

void cpu_tiny_lu(DType t, int64_t n, int64_t count, void *a, int32_t *pivots) {
    kernels(t)->tiny_lu(n, count, a, pivots);
}

void cpu_tiny_solve(DType t, int64_t n, int64_t k, int64_t count, const void *lu, const int32_t *pivots,
                    void *b) {
    kernels(t)->tiny_solve(n, k, count, lu, pivots, b);
}

void cpu_tiny_cholesky(DType t, int64_t n, int64_t count, void *a, int32_t *info) {
    kernels(t)->tiny_cholesky(n, count, a, info);
}
