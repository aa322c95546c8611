/* The kernels of kernels_gemm.c for one type: T the element, V a vector of GEMM_VECTOR bytes, FN(f) the
 * names. */

enum { FN(LANES) = GEMM_VECTOR / sizeof(T) };

/* ROWS rows of C, one vector wide, kept in registers over the whole of k. */
static inline void FN(store_rows)(int rows, int64_t cols, const V *sum, double beta, T *c, int64_t ldc) {
    for (int r = 0; r < rows; r++) {
        T *to = c + r * ldc;
        if (beta == 0)
            for (int64_t j = 0; j < cols; j++) to[j] = sum[r][j];
        else
            for (int64_t j = 0; j < cols; j++) to[j] = (T)beta * to[j] + sum[r][j];
    }
}

static void FN(small)(int64_t m, int64_t n, int64_t k, const void *ap, int64_t rsa, int64_t csa,
                      const void *panel, int64_t ldb, double beta, void *cp, int64_t ldc) {
    const T *a = ap;
    T *c = cp;
    for (int64_t j = 0; j < n; j += FN(LANES)) {
        const T *b = (const T *)panel + j;
        int64_t cols = n - j < FN(LANES) ? n - j : FN(LANES), i = 0;
        for (; i + ROWS <= m; i += ROWS) {
            const T *x = a + i * rsa;
            V sum[ROWS] = {{0}};
            for (int64_t p = 0; p < k; p++) {
                V row = *(const V *)(b + p * ldb);
                for (int r = 0; r < ROWS; r++) sum[r] += x[r * rsa + p * csa] * row;
            }
            FN(store_rows)(ROWS, cols, sum, beta, c + i * ldc + j, ldc);
        }
        for (; i < m; i++) {
            const T *x = a + i * rsa;
            V sum = {0};
            for (int64_t p = 0; p < k; p++) sum += x[p * csa] * *(const V *)(b + p * ldb);
            FN(store_rows)(1, cols, &sum, beta, c + i * ldc + j, ldc);
        }
    }
}

static void FN(pack)(void *panel, int64_t ldb, const void *bp, int64_t k, int64_t n, int64_t rs, int64_t cs) {
    const T *b = bp;
    T *to = panel;
    if (cs == 1) {
        for (int64_t i = 0; i < k; i++) {
            for (int64_t j = 0; j < n; j++) to[i * ldb + j] = b[i * rs + j];
            for (int64_t j = n; j < ldb; j++) to[i * ldb + j] = 0;
        }
        return;
    }
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < k; i++) to[i * ldb + j] = b[i * rs + j * cs];
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = n; j < ldb; j++) to[i * ldb + j] = 0;
}

static inline T FN(total)(V v) {
    T sum = 0;
    for (int i = 0; i < FN(LANES); i++) sum += v[i];
    return sum;
}

static inline void FN(put)(T *y, T sum, double beta) {
    *y = beta == 0 ? sum : (T)beta * *y + sum;
}

static void FN(dots)(int64_t m, int64_t k, const void *ap, int64_t lda, const void *xp, double beta, void *yp,
                     int64_t incy) {
    const T *a = ap, *x = xp;
    T *y = yp;
    int64_t i = 0, whole = k / FN(LANES) * FN(LANES);
    for (; i + ROWS <= m; i += ROWS) {
        V sum[ROWS] = {{0}};
        for (int64_t p = 0; p < whole; p += FN(LANES)) {
            V u = *(const V *)(x + p);
            for (int r = 0; r < ROWS; r++) sum[r] += u * *(const V *)(a + (i + r) * lda + p);
        }
        for (int r = 0; r < ROWS; r++) {
            T s = FN(total)(sum[r]);
            for (int64_t p = whole; p < k; p++) s += x[p] * a[(i + r) * lda + p];
            FN(put)(y + (i + r) * incy, s, beta);
        }
    }
    for (; i < m; i++) {
        V sum = {0};
        for (int64_t p = 0; p < whole; p += FN(LANES))
            sum += *(const V *)(x + p) * *(const V *)(a + i * lda + p);
        T s = FN(total)(sum);
        for (int64_t p = whole; p < k; p++) s += x[p] * a[i * lda + p];
        FN(put)(y + i * incy, s, beta);
    }
}

static void FN(columns)(int64_t m, int64_t k, const void *ap, int64_t lda, const void *xp, double beta,
                        void *yp) {
    const T *a = ap, *x = xp;
    T *y = yp;
    int64_t i = 0;
    for (; i + ROWS * FN(LANES) <= m; i += ROWS * FN(LANES)) {
        V sum[ROWS] = {{0}};
        for (int64_t p = 0; p < k; p++)
            for (int r = 0; r < ROWS; r++) sum[r] += x[p] * *(const V *)(a + p * lda + i + r * FN(LANES));
        for (int r = 0; r < ROWS; r++)
            for (int j = 0; j < FN(LANES); j++) FN(put)(y + i + r * FN(LANES) + j, sum[r][j], beta);
    }
    for (; i < m; i++) {
        T s = 0;
        for (int64_t p = 0; p < k; p++) s += x[p] * a[p * lda + i];
        FN(put)(y + i, s, beta);
    }
}
