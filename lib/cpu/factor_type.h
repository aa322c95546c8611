/* The kernels of kernels_factor.c for one type: T the element, V a vector of LANES, FN(f) the names. The
 * matrices of geometry, up to 4x4, have copies of the loops whose bounds are constants. */

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

static INLINE void FN(lu_of)(int64_t m, int64_t n, T *a, int64_t lda, int32_t *pivots) {
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

static void FN(lu)(int64_t m, int64_t n, void *matrix, int64_t lda, int32_t *pivots) {
    if (m == n && n == lda && n == 2)
        FN(lu_of)(2, 2, matrix, 2, pivots);
    else if (m == n && n == lda && n == 3)
        FN(lu_of)(3, 3, matrix, 3, pivots);
    else if (m == n && n == lda && n == 4)
        FN(lu_of)(4, 4, matrix, 4, pivots);
    else
        FN(lu_of)(m, n, matrix, lda, pivots);
}

static INLINE int64_t FN(cholesky_of)(int64_t n, T *a, int64_t lda) {
    for (int64_t j = 0; j < n; j++) {
        T *row = a + j * lda;
        if (!(row[j] > 0)) return j + 1;
        T root = SQRT(row[j]);
        for (int64_t i = j; i < n; i++) row[i] /= root;
        for (int64_t i = j + 1; i < n; i++) FN(subtract)(n - i, row[i], row + i, a + i * lda + i);
    }
    return 0;
}

static int64_t FN(cholesky)(int64_t n, void *matrix, int64_t lda) {
    if (n == 3 && lda == 3) return FN(cholesky_of)(3, matrix, 3);
    if (n == 4 && lda == 4) return FN(cholesky_of)(4, matrix, 4);
    return FN(cholesky_of)(n, matrix, lda);
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

static INLINE void FN(solve_of)(int64_t n, int64_t k, const T *a, int64_t rs, int64_t cs, int upper, int unit,
                                T *b, int64_t ldb) {
    for (int64_t s = 0; s < n; s++) {
        int64_t i = upper ? n - 1 - s : s, from = upper ? i + 1 : 0, to = upper ? n : i;
        T *row = b + i * ldb;
        for (int64_t j = from; j < to; j++) FN(subtract)(k, a[i * rs + j * cs], b + j * ldb, row);
        if (unit) continue;
        T diagonal = a[i * rs + i * cs];
        for (int64_t j = 0; j < k; j++) row[j] /= diagonal;
    }
}

/* `count` rows from row i on of the lower system A X = B, where the rows before them are solved: x (n,
 * lanes). */
#define SOLVE_ROWS(V, lanes)                                                                                 \
    static INLINE void FN(solve_rows_##lanes)(int count, int64_t i, const T *a, int64_t rs, int64_t cs,      \
                                              int unit, T *x) {                                              \
        V row[SOLVE_BLOCK];                                                                                  \
        a += i * rs;                                                                                         \
        for (int r = 0; r < count; r++) row[r] = *(const V *)(x + (i + r) * (lanes));                        \
        for (int64_t j = 0; j < i; j++) {                                                                    \
            const V xj = *(const V *)(x + j * (lanes));                                                      \
            for (int r = 0; r < count; r++) row[r] -= a[r * rs + j * cs] * xj;                               \
        }                                                                                                    \
        for (int r = 0; r < count; r++) {                                                                    \
            for (int s = 0; s < r; s++) row[r] -= a[r * rs + (i + s) * cs] * row[s];                         \
            if (!unit) row[r] /= a[r * rs + (i + r) * cs];                                                   \
            *(V *)(x + (i + r) * (lanes)) = row[r];                                                          \
        }                                                                                                    \
    }                                                                                                        \
    static void FN(solve_slab_##lanes)(int64_t n, int64_t k, const T *a, int64_t rs, int64_t cs, int unit,   \
                                       T *b, int64_t ldb) {                                                  \
        _Alignas(VECTOR) T x[SOLVE_LEAF * (lanes)];                                                          \
        int64_t i = 0;                                                                                       \
        for (int64_t r = 0; r < n; r++)                                                                      \
            for (int64_t j = 0; j < (lanes); j++) x[r * (lanes) + j] = j < k ? b[r * ldb + j] : 0;           \
        for (; i + SOLVE_BLOCK <= n; i += SOLVE_BLOCK)                                                       \
            FN(solve_rows_##lanes)(SOLVE_BLOCK, i, a, rs, cs, unit, x);                                      \
        for (; i < n; i++) FN(solve_rows_##lanes)(1, i, a, rs, cs, unit, x);                                 \
        for (int64_t r = 0; r < n; r++)                                                                      \
            for (int64_t j = 0; j < k; j++) b[r * ldb + j] = x[r * (lanes) + j];                             \
    }
typedef T FN(Four) __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias));
SOLVE_ROWS(FN(Four), 4)
SOLVE_ROWS(V, LANES)
#undef SOLVE_ROWS

/* Few right sides, a slab of columns at a time. An upper system is a lower one from the end. */
static void FN(solve_few)(int64_t n, int64_t k, const T *a, int64_t rs, int64_t cs, int upper, int unit, T *b,
                          int64_t ldb) {
    if (upper) {
        a += (n - 1) * (rs + cs);
        b += (n - 1) * ldb;
        rs = -rs;
        cs = -cs;
        ldb = -ldb;
    }
    while (k > 4) {
        const int64_t columns = k < LANES ? k : LANES;
        FN(solve_slab_LANES)(n, columns, a, rs, cs, unit, b, ldb);
        b += columns;
        k -= columns;
    }
    if (k > 0) FN(solve_slab_4)(n, k, a, rs, cs, unit, b, ldb);
}

static void FN(solve)(int64_t n, int64_t k, const void *a, int64_t rs, int64_t cs, int upper, int unit,
                      void *b, int64_t ldb) {
    const int rows = cs == 1 && rs == 4 && n == 4 && k == ldb;
    if (rows && k == 4 && upper && !unit)
        FN(solve_of)(4, 4, a, 4, 1, 1, 0, b, 4);
    else if (rows && k == 4 && !upper && unit)
        FN(solve_of)(4, 4, a, 4, 1, 0, 1, b, 4);
    else if (rows && k == 1 && upper && !unit)
        FN(solve_of)(4, 1, a, 4, 1, 1, 0, b, 1);
    else if (rows && k == 1 && !upper && unit)
        FN(solve_of)(4, 1, a, 4, 1, 0, 1, b, 1);
    else if (n > FACTOR_LEAF || (n >= SOLVE_BLOCK && k <= 2 * LANES))
        FN(solve_few)(n, k, a, rs, cs, upper, unit, b, ldb);
    else if (k == 1 && ldb == 1)
        FN(solve_vector)(n, a, rs, cs, upper, unit, b);
    else
        FN(solve_of)(n, k, a, rs, cs, upper, unit, b, ldb);
}

static void FN(negate)(int64_t n, const void *from, void *to) {
    const T *restrict x = from;
    T *restrict y = to;
    for (int64_t j = 0; j < n; j++) y[j] = -x[j];
}
