/* The kernels of kernels_gemm.c for one type: T the element, V a vector of VECTOR bytes, FN(f) the names. */

enum {
    FN(LANES) = VECTOR / sizeof(T),
    FN(WIDTH) = WIDE * FN(LANES),                          /* columns of a tile of C */
    FN(DEPTH) = PANEL_BYTES / (FN(WIDTH) * (int)sizeof(T)) /* of k in one block */
};

static inline V FN(load)(const T *p) {
    return *(const V *)p;
}

/* --- packing -----------------------------------------------------------------------------------------------
 */

/* panel[p * ld + j] = b[p + j * cs] for p < k, j < n: contiguous columns become rows. Zeros beyond n, up to
 * whole vectors. */
static void FN(pack_columns)(T *panel, int64_t ld, const T *b, int64_t k, int64_t n, int64_t cs) {
    for (int64_t j = 0; j < n; j += FN(LANES), b += FN(LANES) * cs) {
        int64_t cols = n - j < FN(LANES) ? n - j : FN(LANES), p = k < FN(LANES) ? k : 0;
        while (p < k) {
            V v[FN(LANES)];
            if (p > k - FN(LANES)) p = k - FN(LANES); /* the last block overlaps the one before */
            for (int i = 0; i < FN(LANES); i++) v[i] = i < cols ? FN(load)(b + p + i * cs) : (V){0};
            FN(transpose)(v);
            for (int i = 0; i < FN(LANES); i++, p++) *(V *)(panel + p * ld + j) = v[i];
        }
        for (p = 0; k < FN(LANES) && p < k; p++) {
            V v = {0};
            for (int i = 0; i < cols; i++) v[i] = b[p + i * cs];
            *(V *)(panel + p * ld + j) = v;
        }
    }
}

/* panel[p * ld + j] = b[p * rs + j * cs] for p < k, j < n. Zeros beyond n, up to whole vectors. */
static void FN(pack)(T *panel, int64_t ld, const T *b, int64_t k, int64_t n, int64_t rs, int64_t cs) {
    if (rs == 1 && cs != 1) {
        FN(pack_columns)(panel, ld, b, k, n, cs);
        return;
    }
    for (int64_t p = 0; p < k; p++, b += rs, panel += ld) {
        int64_t j = 0, whole = cs == 1 ? n / FN(LANES) * FN(LANES) : 0;
        for (; j < whole; j += FN(LANES)) *(V *)(panel + j) = FN(load)(b + j);
        for (; j < n; j++) panel[j] = b[j * cs];
        for (; j % FN(LANES); j++) panel[j] = 0;
    }
}

/* --- tiles -------------------------------------------------------------------------------------------------
 */

static inline void FN(store)(T *c, V sum, double beta, int64_t cols) {
    if (cols >= FN(LANES)) {
        if (beta != 0) sum += (T)beta * FN(load)(c);
        *(V *)c = sum;
        return;
    }
    for (int64_t j = 0; j < cols; j++) c[j] = beta == 0 ? sum[j] : sum[j] + (T)beta * c[j];
}

/* `rows` rows of C, `wide` vectors across, kept in registers over all of k. Inlined where both are known. */
static inline __attribute__((always_inline)) void FN(tile)(int rows, int wide, int64_t k, const T *a,
                                                           int64_t rsa, int64_t csa, const T *b, int64_t ldb,
                                                           double beta, T *c, int64_t ldc, int64_t cols) {
    V sum[ROWS][WIDE] = {{{0}}};
    const T *row[ROWS];
    for (int r = 0; r < rows; r++) {
        row[r] = a + r * rsa;
        __builtin_prefetch(c + r * ldc, 1);
        if (wide > 1 && VECTOR == 64) __builtin_prefetch(c + r * ldc + FN(LANES), 1);
    }
    for (int64_t p = 0, at = 0; p < k; p++, at += csa, b += ldb) {
        V right[WIDE];
        for (int v = 0; v < wide; v++) right[v] = FN(load)(b + v * FN(LANES));
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < wide; v++) sum[r][v] += row[r][at] * right[v];
    }
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < wide; v++)
            FN(store)(c + r * ldc + v * FN(LANES), sum[r][v], beta, cols - v * FN(LANES));
}

/* A column of tiles: all rows of C, at most WIDTH columns. */
static void FN(tiles)(int64_t m, int64_t k, const T *a, int64_t rsa, int64_t csa, const T *b, int64_t ldb,
                      double beta, T *c, int64_t ldc, int64_t cols) {
#define TILE(rows, wide) FN(tile)(rows, wide, k, a, rsa, csa, b, ldb, beta, c, ldc, cols)
#define REST(rows)                                                                                           \
    case rows:                                                                                               \
        if (cols > FN(LANES))                                                                                \
            TILE(rows, WIDE);                                                                                \
        else                                                                                                 \
            TILE(rows, 1);                                                                                   \
        break
    for (; m >= ROWS; m -= ROWS, a += ROWS * rsa, c += ROWS * ldc) {
        if (cols > FN(LANES))
            TILE(ROWS, WIDE);
        else
            TILE(ROWS, 1);
    }
    switch (m) {
        REST(1);
        REST(2);
        REST(3);
        REST(4);
        REST(5);
#if REGISTERS == 32
        REST(6);
        REST(7);
#endif
    }
#undef REST
#undef TILE
}

static void FN(product)(int64_t m, int64_t n, int64_t k, const void *ap, int64_t rsa, int64_t csa,
                        const void *bp, int64_t rsb, int64_t csb, double beta, void *cp, int64_t ldc) {
    _Alignas(VECTOR) T panel[FN(DEPTH) * FN(WIDTH)];
    const T *a = ap, *b = bp;
    T *c = cp;
    for (int64_t p = 0; p < k || p == 0; p += FN(DEPTH), beta = 1) {
        int64_t depth = k - p < FN(DEPTH) ? k - p : FN(DEPTH);
        for (int64_t j = 0; j < n; j += FN(WIDTH)) {
            int64_t cols = n - j < FN(WIDTH) ? n - j : FN(WIDTH);
            const T *from = b + p * rsb + j * csb;
            int64_t ld = rsb;
            if (csb != 1 || cols % FN(LANES) || m > UNPACKED_ROWS) {
                ld = cols > FN(LANES) ? FN(WIDTH) : FN(LANES);
                FN(pack)(panel, ld, from, depth, cols, rsb, csb);
                from = panel;
            }
            FN(tiles)(m, depth, a + p * csa, rsa, csa, from, ld, beta, c + j, ldc, cols);
        }
    }
}

/* --- few columns -------------------------------------------------------------------------------------------
 */

/* Sums each of `count` vectors over its lanes, a power of two and at least LANES of them: pairs of vectors
 * become one of half sums until sum i * (count / LANES) + j is lane i of vector j. */
static inline __attribute__((always_inline)) void FN(total)(int count, V *v) {
    for (int lanes = FN(LANES); lanes > 1; lanes /= 2) {
        count /= 2;
        for (int i = 0; i < count; i++) v[i] = ZIP_LOW(v[i], v[i + count]) + ZIP_HIGH(v[i], v[i + count]);
    }
}

static inline T FN(total_of)(V v) {
    for (int lanes = FN(LANES); lanes > 1; lanes /= 2) v = ZIP_LOW(v, v) + ZIP_HIGH(v, v);
    return v[0];
}

/* rows x cols inner products over whole vectors of k; the rest of k is added one by one. */
static inline __attribute__((always_inline)) void FN(dot_tile)(int rows, int cols, int64_t k, const T *a,
                                                               int64_t lda, const T *b, int64_t ldb,
                                                               double beta, T *c, int64_t rsc, int64_t csc) {
    V sum[DOT_ROWS * DOT_COLS] = {{0}};
    int64_t p = 0;
    for (; p + FN(LANES) <= k; p += FN(LANES)) {
        V right[DOT_COLS];
        for (int j = 0; j < cols; j++) right[j] = FN(load)(b + j * ldb + p);
        for (int i = 0; i < rows; i++) {
            V left = FN(load)(a + i * lda + p);
            for (int j = 0; j < cols; j++) sum[i * cols + j] += left * right[j];
        }
    }
    int vectors = rows * cols / FN(LANES); /* 0: a tile too small for `total` */
    if (vectors) FN(total)(rows * cols, sum);
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < cols; j++) {
            int at = i * cols + j;
            T s = vectors ? sum[at % vectors][at / vectors] : FN(total_of)(sum[at]),
              *y = c + i * rsc + j * csc;
            for (int64_t q = p; q < k; q++) s += a[i * lda + q] * b[j * ldb + q];
            *y = beta == 0 ? s : (T)beta * *y + s;
        }
    }
}

static void FN(dots)(int64_t m, int64_t n, int64_t k, const void *ap, int64_t lda, const void *bp,
                     int64_t ldb, double beta, void *cp, int64_t rsc, int64_t csc) {
    const T *a = ap, *b = bp;
    T *c = cp;
    for (int64_t i = 0; i < m; i += DOT_ROWS) {
        int64_t rows = m - i < DOT_ROWS ? m - i : DOT_ROWS, j = 0;
#define DOTS(rows, cols)                                                                                     \
    FN(dot_tile)(rows, cols, k, a + i * lda, lda, b + j * ldb, ldb, beta, c + i * rsc + j * csc, rsc, csc)
        for (; rows == DOT_ROWS && j + DOT_COLS <= n; j += DOT_COLS) DOTS(DOT_ROWS, DOT_COLS);
        for (; rows == DOT_ROWS && j < n; j++) DOTS(DOT_ROWS, 1);
        for (; j < n; j++)
            for (int64_t r = 0; r < rows; r++) FN(dot_tile)
        (1, 1, k, a + (i + r) * lda, lda, b + j * ldb, ldb, beta, c + (i + r) * rsc + j * csc, rsc, csc);
#undef DOTS
    }
}

static inline __attribute__((always_inline)) void
FN(column_strip)(int wide, int64_t k, const T *a, int64_t lda, const T *x, int64_t incx, double beta, T *y) {
    V sum[COLUMN_WIDE] = {{0}};
    for (int64_t p = 0; p < k; p++)
        for (int v = 0; v < wide; v++) sum[v] += x[p * incx] * FN(load)(a + p * lda + v * FN(LANES));
    for (int v = 0; v < wide; v++) FN(store)(y + v * FN(LANES), sum[v], beta, FN(LANES));
}

static void FN(columns)(int64_t m, int64_t k, const void *ap, int64_t lda, const void *xp, int64_t incx,
                        double beta, void *yp) {
    const T *a = ap, *x = xp;
    T *y = yp;
    int64_t i = 0;
    for (; i + COLUMN_WIDE * FN(LANES) <= m; i += COLUMN_WIDE * FN(LANES))
        FN(column_strip)(COLUMN_WIDE, k, a + i, lda, x, incx, beta, y + i);
    for (; i + FN(LANES) <= m; i += FN(LANES)) FN(column_strip)(1, k, a + i, lda, x, incx, beta, y + i);
    for (; i < m; i++) {
        T s = 0;
        for (int64_t p = 0; p < k; p++) s += x[p * incx] * a[p * lda + i];
        y[i] = beta == 0 ? s : (T)beta * y[i] + s;
    }
}
