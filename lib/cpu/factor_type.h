/* The kernels of kernels_factor.c for one type: T the element, FN(f) the names. */

/* y -= factor x */
static inline void FN(subtract)(int64_t n, T factor, const T *restrict x, T *restrict y) {
    for (int64_t j = 0; j < n; j++) y[j] -= factor * x[j];
}

static void FN(swap)(int64_t n, T *restrict x, T *restrict y) {
    for (int64_t j = 0; j < n; j++) {
        T t = x[j];
        x[j] = y[j];
        y[j] = t;
    }
}

/* The row from j on with the largest element in column j; a nan counts as the largest, so that it shows in
 * the result. */
static int64_t FN(pivot)(int64_t m, const T *a, int64_t lda, int64_t j) {
    int64_t best = j;
    T most = ABS(a[j * lda + j]);
    for (int64_t i = j + 1; i < m && most == most; i++) {
        T value = ABS(a[i * lda + j]);
        if (value <= most) continue;
        most = value;
        best = i;
    }
    return best;
}

static void FN(lu)(int64_t m, int64_t n, void *matrix, int64_t lda, int32_t *pivots) {
    T *a = matrix;
    for (int64_t j = 0; j < n && j < m; j++) {
        int64_t p = FN(pivot)(m, a, lda, j);
        pivots[j] = (int32_t)p + 1;
        if (p != j) FN(swap)(n, a + p * lda, a + j * lda);
        T top = a[j * lda + j];
        if (top == 0) continue;
        for (int64_t i = j + 1; i < m; i++) {
            T factor = a[i * lda + j] /= top;
            FN(subtract)(n - j - 1, factor, a + j * lda + j + 1, a + i * lda + j + 1);
        }
    }
}

static int64_t FN(cholesky)(int64_t n, void *matrix, int64_t lda) {
    T *a = matrix;
    for (int64_t j = 0; j < n; j++) {
        T *row = a + j * lda;
        if (!(row[j] > 0)) return j + 1;
        T root = SQRT(row[j]);
        for (int64_t i = j; i < n; i++) row[i] /= root;
        for (int64_t i = j + 1; i < n; i++) FN(subtract)(n - i, row[i], row + i, a + i * lda + i);
    }
    return 0;
}

/* One right side: inner products where the rows of A are contiguous, else column by column. */
static void FN(solve_vector)(int64_t n, const T *a, int64_t rs, int64_t cs, int upper, int unit, T *b) {
    for (int64_t s = 0; s < n; s++) {
        int64_t i = upper ? n - 1 - s : s, from = upper ? i + 1 : 0, to = upper ? n : i;
        T x = b[i];
        if (cs == 1)
            for (int64_t j = from; j < to; j++) x -= a[i * rs + j] * b[j];
        if (!unit) x /= a[i * rs + i * cs];
        b[i] = x;
        if (cs == 1) continue;
        int64_t first = upper ? 0 : i + 1, last = upper ? i : n;
        if (rs == 1) {
            FN(subtract)(last - first, x, a + first + i * cs, b + first);
        } else {
            for (int64_t j = first; j < last; j++) b[j] -= a[j * rs + i * cs] * x;
        }
    }
}

static void FN(solve)(int64_t n, int64_t k, const void *matrix, int64_t rs, int64_t cs, int upper, int unit,
                      void *side, int64_t ldb) {
    const T *a = matrix;
    T *b = side;
    if (k == 1 && ldb == 1) {
        FN(solve_vector)(n, a, rs, cs, upper, unit, b);
        return;
    }
    for (int64_t s = 0; s < n; s++) {
        int64_t i = upper ? n - 1 - s : s, from = upper ? i + 1 : 0, to = upper ? n : i;
        T *row = b + i * ldb;
        for (int64_t j = from; j < to; j++) FN(subtract)(k, a[i * rs + j * cs], b + j * ldb, row);
        if (unit) continue;
        T diagonal = a[i * rs + i * cs];
        for (int64_t j = 0; j < k; j++) row[j] /= diagonal;
    }
}

static void FN(negate)(int64_t n, const void *from, void *to) {
    const T *restrict x = from;
    T *restrict y = to;
    for (int64_t j = 0; j < n; j++) y[j] = -x[j];
}
