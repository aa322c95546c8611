/* Matrices of geometry, TINY_LANES of them at once, for one type: T the element, FN(f) the names. Element e
 * of matrix l is x[e][l]: every loop over l is one or two instructions. The orders are constants where these
 * are inlined. */

/* Lanes beyond `count` repeat the first matrix. */
static INLINE void FN(tiny_load)(int count, int elements, const T *a, T x[][TINY_LANES]) {
    for (int l = 0; l < TINY_LANES; l++)
        for (int e = 0; e < elements; e++) x[e][l] = a[(l < count ? l : 0) * elements + e];
}

static INLINE void FN(tiny_store)(int count, int elements, T *a, T x[][TINY_LANES]) {
    for (int l = 0; l < count; l++)
        for (int e = 0; e < elements; e++) a[l * elements + e] = x[e][l];
}

/* Rows j and i (n elements) change places in the lanes where at[l] is i. */
static INLINE void FN(tiny_swap)(int n, T x[][TINY_LANES], int j, int i, const int32_t at[TINY_LANES]) {
    for (int k = 0; k < n; k++) {
        for (int l = 0; l < TINY_LANES; l++) {
            const T upper = x[j * n + k][l], lower = x[i * n + k][l];
            x[j * n + k][l] = at[l] == i ? lower : upper;
            x[i * n + k][l] = at[l] == i ? upper : lower;
        }
    }
}

/* As `lu`, nan included. */
static INLINE void FN(tiny_lu_of)(int n, T x[][TINY_LANES], int32_t pivots[][TINY_LANES]) {
    for (int j = 0; j < n; j++) {
        T most[TINY_LANES], factor[TINY_LANES];
        int32_t at[TINY_LANES];
        for (int l = 0; l < TINY_LANES; l++) {
            most[l] = ABS(x[j * n + j][l]);
            at[l] = j;
        }
        for (int i = j + 1; i < n; i++) {
            for (int l = 0; l < TINY_LANES; l++) {
                const T value = ABS(x[i * n + j][l]);
                const int keep = value <= most[l] || most[l] != most[l];
                at[l] = keep ? at[l] : i;
                most[l] = keep ? most[l] : value;
            }
        }
        for (int i = j + 1; i < n; i++) FN(tiny_swap)(n, x, j, i, at);
        for (int l = 0; l < TINY_LANES; l++) pivots[j][l] = at[l] + 1;
        for (int i = j + 1; i < n; i++) {
            for (int l = 0; l < TINY_LANES; l++) {
                const T top = x[j * n + j][l], value = x[i * n + j][l], quotient = value / top;
                factor[l] = top == 0 ? 0 : quotient;
                x[i * n + j][l] = top == 0 ? value : quotient;
            }
            for (int k = j + 1; k < n; k++)
                for (int l = 0; l < TINY_LANES; l++) x[i * n + k][l] -= factor[l] * x[j * n + k][l];
        }
    }
}

static INLINE void FN(tiny_lu_all)(int n, int64_t count, T *a, int32_t *pivots) {
    T x[TINY * TINY][TINY_LANES];
    int32_t p[TINY][TINY_LANES];
    for (int64_t i = 0; i < count; i += TINY_LANES, a += TINY_LANES * n * n, pivots += TINY_LANES * n) {
        const int lanes = count - i < TINY_LANES ? (int)(count - i) : TINY_LANES;
        FN(tiny_load)(lanes, n * n, a, x);
        FN(tiny_lu_of)(n, x, p);
        FN(tiny_store)(lanes, n * n, a, x);
        for (int l = 0; l < lanes; l++)
            for (int j = 0; j < n; j++) pivots[l * n + j] = p[j][l];
    }
}

/* X (n, k) of L U X = P^T B. */
static INLINE void FN(tiny_solve_of)(int n, int k, T lu[][TINY_LANES], int32_t pivots[][TINY_LANES],
                                     T x[][TINY_LANES]) {
    for (int j = 0; j < n; j++) {
        int32_t at[TINY_LANES];
        for (int l = 0; l < TINY_LANES; l++) at[l] = pivots[j][l] - 1;
        for (int i = j + 1; i < n; i++) FN(tiny_swap)(k, x, j, i, at);
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            for (int c = 0; c < k; c++)
                for (int l = 0; l < TINY_LANES; l++) x[i * k + c][l] -= lu[i * n + j][l] * x[j * k + c][l];
    for (int i = n - 1; i >= 0; i--) {
        for (int j = i + 1; j < n; j++)
            for (int c = 0; c < k; c++)
                for (int l = 0; l < TINY_LANES; l++) x[i * k + c][l] -= lu[i * n + j][l] * x[j * k + c][l];
        for (int c = 0; c < k; c++)
            for (int l = 0; l < TINY_LANES; l++) x[i * k + c][l] /= lu[i * n + i][l];
    }
}

static INLINE void FN(tiny_solve_all)(int n, int k, int64_t count, const T *lu, const int32_t *pivots, T *b) {
    T factors[TINY * TINY][TINY_LANES], x[TINY * TINY][TINY_LANES];
    int32_t p[TINY][TINY_LANES];
    for (int64_t i = 0; i < count; i += TINY_LANES) {
        const int lanes = count - i < TINY_LANES ? (int)(count - i) : TINY_LANES;
        FN(tiny_load)(lanes, n * n, lu + i * n * n, factors);
        FN(tiny_load)(lanes, n * k, b + i * n * k, x);
        for (int l = 0; l < TINY_LANES; l++)
            for (int j = 0; j < n; j++) p[j][l] = pivots[(i + (l < lanes ? l : 0)) * n + j];
        FN(tiny_solve_of)(n, k, factors, p, x);
        FN(tiny_store)(lanes, n * k, b + i * n * k, x);
    }
}

/* The upper triangle; info[l] as `cholesky` returns it. A lane that fails goes on, with nan. */
static INLINE void FN(tiny_cholesky_of)(int n, T x[][TINY_LANES], int32_t info[TINY_LANES]) {
    for (int l = 0; l < TINY_LANES; l++) info[l] = 0;
    for (int j = 0; j < n; j++) {
        T root[TINY_LANES];
        for (int l = 0; l < TINY_LANES; l++) {
            const int failed = !(x[j * n + j][l] > 0) && info[l] == 0;
            info[l] = failed ? j + 1 : info[l];
            root[l] = SQRT(x[j * n + j][l]);
        }
        for (int k = j; k < n; k++)
            for (int l = 0; l < TINY_LANES; l++) x[j * n + k][l] /= root[l];
        for (int i = j + 1; i < n; i++)
            for (int k = i; k < n; k++)
                for (int l = 0; l < TINY_LANES; l++) x[i * n + k][l] -= x[j * n + i][l] * x[j * n + k][l];
    }
}

static INLINE void FN(tiny_cholesky_all)(int n, int64_t count, T *a, int32_t *info) {
    T x[TINY * TINY][TINY_LANES];
    int32_t failed[TINY_LANES];
    for (int64_t i = 0; i < count; i += TINY_LANES) {
        const int lanes = count - i < TINY_LANES ? (int)(count - i) : TINY_LANES;
        FN(tiny_load)(lanes, n * n, a + i * n * n, x);
        FN(tiny_cholesky_of)(n, x, failed);
        for (int l = 0; l < lanes; l++) {
            T *matrix = a + (i + l) * n * n;
            info[i + l] = failed[l];
            if (failed[l]) {
                FN(cholesky)(n, matrix, n); /* leaves what it leaves */
                continue;
            }
            for (int r = 0; r < n; r++)
                for (int k = r; k < n; k++) matrix[r * n + k] = x[r * n + k][l];
        }
    }
}

/* --- the orders as constants -------------------------------------------------------------------------------
 */

static void FN(tiny_lu)(int64_t n, int64_t count, void *a, int32_t *pivots) {
    if (n == 4) FN(tiny_lu_all)(4, count, a, pivots);
    if (n == 3) FN(tiny_lu_all)(3, count, a, pivots);
    if (n == 2) FN(tiny_lu_all)(2, count, a, pivots);
}

static void FN(tiny_solve)(int64_t n, int64_t k, int64_t count, const void *lu, const int32_t *pivots,
                           void *b) {
    if (n == 4 && k == 4) FN(tiny_solve_all)(4, 4, count, lu, pivots, b);
    if (n == 4 && k == 1) FN(tiny_solve_all)(4, 1, count, lu, pivots, b);
    if (n == 3 && k == 3) FN(tiny_solve_all)(3, 3, count, lu, pivots, b);
    if (n == 3 && k == 1) FN(tiny_solve_all)(3, 1, count, lu, pivots, b);
    if (n == 2 && k == 2) FN(tiny_solve_all)(2, 2, count, lu, pivots, b);
    if (n == 2 && k == 1) FN(tiny_solve_all)(2, 1, count, lu, pivots, b);
}

static void FN(tiny_cholesky)(int64_t n, int64_t count, void *a, int32_t *info) {
    if (n == 4) FN(tiny_cholesky_all)(4, count, a, info);
    if (n == 3) FN(tiny_cholesky_all)(3, count, a, info);
    if (n == 2) FN(tiny_cholesky_all)(2, count, a, info);
}
