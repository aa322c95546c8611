/* The kernels of kernels_reflect.c for one type: T the element, V a vector of VECTOR bytes, FN(f) the names.
 */

enum { FN(LANES) = VECTOR / sizeof(T), FN(BLOCK) = FN(LANES) < ROWS ? ROWS : FN(LANES) };

static inline V FN(load)(const T *p) {
    return *(const V *)p;
}

static inline void FN(store)(T *p, V v) {
    *(V *)p = v;
}

/* The first index past i where a block ends. */
static inline int64_t FN(block_end)(int64_t i) {
    return i / FN(BLOCK) * FN(BLOCK) + FN(BLOCK);
}

/* The sum of each of ROWS vectors: pairs become one of half sums, until lane i belongs to vector i % ROWS. */
static INLINE void FN(totals)(const V v[ROWS], T total[ROWS]) {
    const V a = ZIP_LOW(v[0], v[2]) + ZIP_HIGH(v[0], v[2]), b = ZIP_LOW(v[1], v[3]) + ZIP_HIGH(v[1], v[3]);
    if (FN(LANES) == 2) {
        for (int r = 0; r < 2; r++) {
            total[2 * r] = a[r];
            total[2 * r + 1] = b[r];
        }
        return;
    }
    V sum = ZIP_LOW(a, b) + ZIP_HIGH(a, b);
    for (int lanes = FN(LANES); lanes > ROWS; lanes /= 2) sum = ZIP_LOW(sum, sum) + ZIP_HIGH(sum, sum);
    for (int r = 0; r < ROWS; r++) total[r] = sum[r * FN(LANES) / ROWS];
}

static INLINE T FN(total)(V v) {
    const V four[ROWS] = {v};
    T total[ROWS];
    FN(totals)(four, total);
    return total[0];
}

/* --- reflectors --------------------------------------------------------------------------------------------
 */

static double FN(largest)(int64_t n, const T *x) {
    double most = 0;
    for (int64_t j = 0; j < n; j++) most = fabs((double)x[j]) > most ? fabs((double)x[j]) : most;
    return most;
}

static T FN(squares)(int64_t n, const T *x) {
    V sums = {0};
    int64_t j = 0;
    for (; j + FN(LANES) <= n; j += FN(LANES)) sums += FN(load)(x + j) * FN(load)(x + j);
    T sum = FN(total)(sums);
    for (; j < n; j++) sum += x[j] * x[j];
    return sum;
}

/* As `reflector`, for squares that over- or underflow: on x * scale, in double. */
static double FN(scaled_reflector)(int64_t n, const T *x, double alpha, T *v, double *beta) {
    const double rest = FN(largest)(n, x), most = fabs(alpha) > rest ? fabs(alpha) : rest;
    int exponent = 0;
    *beta = alpha;
    if (rest == 0) {
        memset(v, 0, (size_t)n * sizeof(T));
        return 0;
    }
    (void)frexp(most, &exponent);
    const double scale = ldexp(1, exponent < -1000 ? 1000 : exponent > 1000 ? -1000 : -exponent);
    double sum = 0;
    for (int64_t j = 0; j < n; j++) sum += ((double)x[j] * scale) * ((double)x[j] * scale);
    alpha *= scale;
    const double last = -copysign(sqrt(alpha * alpha + sum), alpha);
    for (int64_t j = 0; j < n; j++) v[j] = (T)((double)x[j] * scale / (alpha - last));
    *beta = last / scale;
    return (last - alpha) / last;
}

/* The reflector that takes (alpha, x) to (*beta, 0), x of n elements: its v, whose element for alpha is 1,
 * and its tau. */
static double FN(reflector)(int64_t n, const T *x, double alpha, T *v, double *beta) {
    const double rest = (double)FN(squares)(n, x), sum = rest + alpha * alpha;
    if (rest < SAFE || rest > 1 / SAFE || sum > 1 / SAFE) return FN(scaled_reflector)(n, x, alpha, v, beta);
    const double last = -copysign(sqrt(sum), alpha);
    const T scale = (T)(1 / (alpha - last));
    for (int64_t j = 0; j < n; j++) v[j] = x[j] * scale;
    *beta = last;
    return (last - alpha) / last;
}

/* `count` rows of q become q - tau (q . v) v^T, over elements from..to of whole vectors. */
static INLINE void FN(reflect)(int count, int64_t from, int64_t to, T *q, int64_t ld, T tau, const T *v) {
    V sum[ROWS] = {{0}};
    T total[ROWS];
    for (int64_t j = from; j < to; j += FN(LANES))
        for (int r = 0; r < count; r++) sum[r] += FN(load)(q + r * ld + j) * FN(load)(v + j);
    FN(totals)(sum, total);
    for (int r = 0; r < count; r++) total[r] *= tau;
    for (int64_t j = from; j < to; j += FN(LANES))
        for (int r = 0; r < count; r++)
            FN(store)(q + r * ld + j, FN(load)(q + r * ld + j) - total[r] * FN(load)(v + j));
}

static void FN(reflect_all)(int64_t rows, int64_t from, int64_t to, T *q, int64_t ld, T tau, const T *v) {
    int64_t i = 0;
    for (; i + ROWS <= rows; i += ROWS) FN(reflect)(ROWS, from, to, q + i * ld, ld, tau, v);
    for (; i < rows; i++) FN(reflect)(1, from, to, q + i * ld, ld, tau, v);
}

/* --- reduction to a tridiagonal matrix ---------------------------------------------------------------------
 */

/* `count` rows of A from i on get the update that the step before left, A - v w^T - w v^T, and are multiplied
 * by x while they are here: y = A x, of which each element left of the diagonal block counts twice. */
static INLINE void FN(rows)(int count, int64_t i, T *a, int64_t ld, const T *v, const T *w, const T *x,
                            T *y) {
    V sum[ROWS] = {{0}}, vi[ROWS], wi[ROWS], xi[ROWS];
    const int64_t end = FN(block_end)(i), left = end - FN(BLOCK);
    a += i * ld;
    for (int r = 0; r < count; r++) {
        vi[r] = v[i + r] + (V){0};
        wi[r] = w[i + r] + (V){0};
        xi[r] = x[i + r] + (V){0};
    }
    for (int64_t j = 0; j < left; j += FN(LANES)) {
        const V vj = FN(load)(v + j), wj = FN(load)(w + j), xj = FN(load)(x + j);
        V yj = FN(load)(y + j);
        for (int r = 0; r < count; r++) {
            const V z = FN(load)(a + r * ld + j) - vi[r] * wj - wi[r] * vj;
            FN(store)(a + r * ld + j, z);
            sum[r] += z * xj;
            yj += z * xi[r];
        }
        FN(store)(y + j, yj);
    }
    for (int64_t j = left; j < end; j += FN(LANES)) {
        const V vj = FN(load)(v + j), wj = FN(load)(w + j), xj = FN(load)(x + j);
        for (int r = 0; r < count; r++) {
            const V z = FN(load)(a + r * ld + j) - vi[r] * wj - wi[r] * vj;
            FN(store)(a + r * ld + j, z);
            sum[r] += z * xj;
        }
    }
    T total[ROWS];
    FN(totals)(sum, total);
    for (int r = 0; r < count; r++) y[i + r] += total[r];
}

/* w with H A H = A - v w^T - w v^T, from y = A v over k elements: tau y - tau^2 / 2 (y . v) v. */
static void FN(update_vector)(int64_t k, double tau, const T *v, T *y) {
    V sums = {0};
    for (int64_t j = 0; j < k; j += FN(LANES)) sums += FN(load)(y + j) * FN(load)(v + j);
    const T factor = (T)tau, share = (T)(-0.5 * tau * tau) * FN(total)(sums);
    for (int64_t j = 0; j < k; j += FN(LANES))
        FN(store)(y + j, factor * FN(load)(y + j) + share * FN(load)(v + j));
}

static void FN(tridiagonalise)(int64_t from, int64_t to, void *matrix, int64_t ld, double *d, double *e,
                               double *tau, void *work) {
    T *a = matrix, *buffers = work;
    for (int64_t k = from; k > to; k--) {
        const int64_t end = FN(block_end)(k);
        T *row = a + k * ld, *x = buffers + (k & 1) * ld, *y = buffers + (2 + (k & 1)) * ld;
        const T *v = buffers + ((k + 1) & 1) * ld, *w = buffers + (2 + ((k + 1) & 1)) * ld;
        const T vk = v[k], wk = w[k];
        for (int64_t j = 0; j < end; j += FN(LANES))
            FN(store)(row + j, FN(load)(row + j) - vk * FN(load)(w + j) - wk * FN(load)(v + j));
        d[k] = (double)row[k];
        tau[k] = FN(reflector)(k - 1, row, (double)row[k - 1], x, &e[k - 1]);
        x[k - 1] = 1;
        memset(x + k, 0, (size_t)(end - k) * sizeof(T)); /* of two steps ago */
        memset(y, 0, (size_t)end * sizeof(T));
        memcpy(row, x, (size_t)k * sizeof(T));
        int64_t i = 0;
        for (; i + ROWS <= k; i += ROWS) FN(rows)(ROWS, i, a, ld, v, w, x, y);
        for (; i < k; i++) FN(rows)(1, i, a, ld, v, w, x, y);
        FN(update_vector)(k, tau[k], x, y);
    }
    if (to == 0) d[0] = (double)a[0]; /* the last reflector has a factor of 0 */
}

/* Before step k, rows and columns from k - 1 on are those of the identity. */
static void FN(product)(int64_t n, const void *matrix, int64_t ld, const double *tau, void *out, void *work) {
    const T *a = matrix;
    T *q = out, *v = work;
    memset(q, 0, (size_t)(n * ld) * sizeof(T));
    memset(v, 0, (size_t)ld * sizeof(T));
    for (int64_t i = 0; i < n; i++) q[i * (ld + 1)] = 1;
    for (int64_t k = 1; k < n; k++) {
        if (tau[k] == 0) continue;
        memcpy(v, a + k * ld, (size_t)k * sizeof(T));
        FN(reflect_all)(k, 0, k, q, ld, (T)tau[k], v);
    }
}

/* --- QR ----------------------------------------------------------------------------------------------------
 */

static void FN(qr)(int64_t m, int64_t count, int64_t columns, void *matrix, int64_t ld, double *tau,
                   void *work) {
    T *a = matrix, *v = work;
    memset(v, 0, (size_t)ld * sizeof(T));
    for (int64_t k = 0; k < count; k++) {
        T *column = a + k * ld;
        double beta;
        tau[k] = FN(reflector)(m - k - 1, column + k + 1, (double)column[k], v + k + 1, &beta);
        v[k] = 1;
        memcpy(column + k, v + k, (size_t)(m - k) * sizeof(T));
        column[k] = (T)beta;
        if (tau[k] != 0) FN(reflect_all)
        (columns - k - 1, k / FN(LANES) * FN(LANES), m, column + ld, ld, (T)tau[k], v);
        v[k] = 0;
    }
}

static void FN(qr_product)(int64_t m, int64_t count, const void *matrix, int64_t ld, const double *tau,
                           int64_t columns, void *out, void *work) {
    const T *a = matrix;
    T *q = out, *v = work;
    memset(v, 0, (size_t)ld * sizeof(T));
    for (int64_t k = count - 1; k >= 0; k--) {
        if (tau[k] == 0) continue;
        v[k] = 1;
        memcpy(v + k + 1, a + k * ld + k + 1, (size_t)(m - k - 1) * sizeof(T));
        FN(reflect_all)(columns - k, k / FN(LANES) * FN(LANES), m, q + k * ld, ld, (T)tau[k], v);
    }
}

/* --- reduction to a bidiagonal matrix ----------------------------------------------------------------------
 */

/* w += the sum of factor[r] times `count` columns; or those columns -= factor[r] w. */
static INLINE void FN(add_columns)(int count, int64_t from, int64_t to, const T *a, int64_t ld,
                                   const T *factor, T *w) {
    for (int64_t j = from; j < to; j += FN(LANES)) {
        V sum = FN(load)(w + j);
        for (int r = 0; r < count; r++) sum += factor[r] * FN(load)(a + r * ld + j);
        FN(store)(w + j, sum);
    }
}
static INLINE void FN(subtract_from_columns)(int count, int64_t from, int64_t to, T *a, int64_t ld,
                                             const T *factor, const T *w) {
    for (int64_t j = from; j < to; j += FN(LANES)) {
        const V x = FN(load)(w + j);
        for (int r = 0; r < count; r++) FN(store)(a + r * ld + j, FN(load)(a + r * ld + j) - factor[r] * x);
    }
}

/* `columns` of A are multiplied by 1 - tau v v^T from the right, over rows from..to of whole vectors. v is
 * overwritten. */
static void FN(reflect_right)(int64_t columns, int64_t from, int64_t to, T *a, int64_t ld, T tau, T *v,
                              T *w) {
    int64_t k = 0;
    for (int64_t j = from; j < to; j++) w[j] = 0;
    for (; k + ROWS <= columns; k += ROWS) FN(add_columns)(ROWS, from, to, a + k * ld, ld, v + k, w);
    for (; k < columns; k++) FN(add_columns)(1, from, to, a + k * ld, ld, v + k, w);
    for (k = 0; k < columns; k++) v[k] *= tau;
    for (k = 0; k + ROWS <= columns; k += ROWS)
        FN(subtract_from_columns)(ROWS, from, to, a + k * ld, ld, v + k, w);
    for (; k < columns; k++) FN(subtract_from_columns)(1, from, to, a + k * ld, ld, v + k, w);
}

/* What lies above the current row of A is junk. */
static void FN(bidiagonalise)(int64_t n, void *matrix, int64_t ld, void *right, double *d, double *e,
                              double *tau_left, double *tau_right, void *work) {
    T *a = matrix, *v = work, *w = v + ld, *row = w + ld;
    memset(v, 0, (size_t)(2 * ld) * sizeof(T));
    tau_right[0] = 0;
    for (int64_t i = 0; i < n; i++) {
        T *column = a + i * ld, *p = (T *)right + (i + 1) * ld;
        tau_left[i] = FN(reflector)(n - i - 1, column + i + 1, (double)column[i], v + i + 1, &d[i]);
        v[i] = 1;
        memcpy(column + i + 1, v + i + 1, (size_t)(n - i - 1) * sizeof(T));
        if (tau_left[i] != 0) FN(reflect_all)
        (n - i - 1, i / FN(LANES) * FN(LANES), n, column + ld, ld, (T)tau_left[i], v);
        v[i] = 0;
        if (i == n - 1) return;
        for (int64_t j = i + 1; j < n; j++) row[j] = a[j * ld + i];
        tau_right[i + 1] = FN(reflector)(n - i - 2, row + i + 2, (double)row[i + 1], p + i + 2, &e[i]);
        if (tau_right[i + 1] == 0) continue;
        row[i + 1] = 1;
        memcpy(row + i + 2, p + i + 2, (size_t)(n - i - 2) * sizeof(T));
        FN(reflect_right)
        (n - i - 1, (i + 1) / FN(LANES) * FN(LANES), (n + FN(LANES) - 1) / FN(LANES) * FN(LANES), column + ld,
         ld, (T)tau_right[i + 1], row + i + 1, w);
    }
}

/* --- rotations ---------------------------------------------------------------------------------------------
 */

/* A strip of `wide` vectors: the row that goes on to the next rotation stays in registers. */
static INLINE void FN(sweep)(int wide, int64_t count, const double *c, const double *s, T *row,
                             int64_t step) {
    V kept[STRIP];
    for (int i = 0; i < wide; i++) kept[i] = FN(load)(row + i * FN(LANES));
    for (int64_t k = 0; k < count; k++, row += step) {
        const T ck = (T)c[k], sk = (T)s[k];
        for (int i = 0; i < wide; i++) {
            const V next = FN(load)(row + step + i * FN(LANES));
            FN(store)(row + i * FN(LANES), sk * next + ck * kept[i]);
            kept[i] = ck * next - sk * kept[i];
        }
    }
    for (int i = 0; i < wide; i++) FN(store)(row + i * FN(LANES), kept[i]);
}

static void FN(rotate)(int64_t width, int64_t count, const double *c, const double *s, void *first,
                       int64_t step) {
    T *row = first;
    int64_t j = 0;
    for (; j + STRIP * FN(LANES) <= width; j += STRIP * FN(LANES))
        FN(sweep)(STRIP, count, c, s, row + j, step);
    for (; j < width; j += FN(LANES)) FN(sweep)(1, count, c, s, row + j, step);
}
