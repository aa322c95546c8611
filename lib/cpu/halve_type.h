/* Maximum pooling by 2 x 2 for one type: T the element, I an integer of its size, V and M vectors of them,
 * FN(f) the names. Neighbours in a row are compared first, over as many elements as lie in line, then rows.
 * The first of equals wins, and the last NaN, as in any window. */

enum {
    FN(LANES) = VECTOR / sizeof(T),
    FN(BLOCK) = 4096 / sizeof(T) /* results at a time: all of it stays in the first cache */
};

/* All ones where b is to be taken. */
static inline M FN(takes)(V a, V b) {
    return (b > a) | (b != b);
}
static inline V FN(either)(M second, V a, V b) {
    return (V)(((M)a & ~second) | ((M)b & second));
}
#define SECOND(a, b) (((b) > (a)) | ((b) != (b)))

/* larger[k] of x[2k] and x[2k + 1]. */
static inline void FN(pairs)(T *restrict larger, const T *restrict x, int64_t n) {
    for (int64_t k = 0; k < n; k++) {
        const T a = x[2 * k], b = x[2 * k + 1];
        larger[k] = SECOND(a, b) ? b : a;
    }
}

/* g[k] to the larger of its pair, 0 to the other. */
static inline void FN(spread_pairs)(T *restrict gx, const T *restrict x, const T *restrict g, int64_t n) {
    for (int64_t k = 0; k < n; k++) {
        const I second = SECOND(x[2 * k], x[2 * k + 1]);
        gx[2 * k] = second ? 0 : g[k];
        gx[2 * k + 1] = second ? g[k] : 0;
    }
}
#undef SECOND

/* The larger of two rows of n; reads and writes whole vectors, past n. */
static inline void FN(larger_rows)(T *larger, const T *top, const T *low, int64_t n) {
    for (int64_t j = 0; j < n; j += FN(LANES)) {
        const V a = *(const V *)(top + j), b = *(const V *)(low + j);
        *(V *)(larger + j) = FN(either)(FN(takes)(a, b), a, b);
    }
}

/* g to the row that has the larger; writes whole vectors, past n: the lower row must be written after it. */
static inline void FN(spread_rows)(T *to_top, T *to_low, const T *top, const T *low, const T *g, int64_t n) {
    for (int64_t j = 0; j < n; j += FN(LANES)) {
        const V v = *(const V *)(g + j);
        *(V *)(to_top + j) = FN(either)(FN(takes)(*(const V *)(top + j), *(const V *)(low + j)), v, (V){0});
    }
    for (int64_t j = 0; j < n; j += FN(LANES)) {
        const V v = *(const V *)(g + j);
        *(V *)(to_low + j) = FN(either)(FN(takes)(*(const V *)(top + j), *(const V *)(low + j)), (V){0}, v);
    }
}

/* Rows of results that are worked on together; 0 where this is not what p asks for. */
static inline int64_t FN(halved_rows)(const MaxPool *p) {
    const bool two = p->kh == 2 && p->kw == 2 && p->sh == 2 && p->sw == 2 && p->dh == 1 && p->dw == 1;
    if (!two || p->ph != 0 || p->pw != 0 || p->w != 2 * p->ow || p->h < 2 * p->oh) return 0;
    return FN(BLOCK) / p->ow;
}

static inline void FN(halve)(const MaxPool *p, int64_t block, T *y, const T *x) {
    T larger[2 * FN(BLOCK) + FN(LANES)], result[FN(BLOCK) + FN(LANES)];
    const int64_t n = p->ow;
    for (int64_t i = 0; i < p->oh; i += block) {
        const int64_t rows = p->oh - i < block ? p->oh - i : block;
        FN(pairs)(larger, x + 2 * i * p->w, 2 * rows * n);
        for (int64_t r = 0; r < rows; r++)
            FN(larger_rows)(result + r * n, larger + 2 * r * n, larger + (2 * r + 1) * n, n);
        memcpy(y + i * n, result, (size_t)(rows * n) * sizeof(T));
    }
}

static inline void FN(halve_grad)(const MaxPool *p, int64_t block, T *gx, const T *x, const T *g) {
    T larger[2 * FN(BLOCK) + FN(LANES)], half[2 * FN(BLOCK) + FN(LANES)], from[FN(BLOCK) + FN(LANES)];
    const int64_t n = p->ow;
    for (int64_t i = 0; i < p->oh; i += block) {
        const int64_t rows = p->oh - i < block ? p->oh - i : block;
        FN(pairs)(larger, x + 2 * i * p->w, 2 * rows * n);
        memcpy(from, g + i * n, (size_t)(rows * n) * sizeof(T));
        for (int64_t r = 0; r < rows; r++) {
            T *top = half + 2 * r * n;
            FN(spread_rows)(top, top + n, larger + 2 * r * n, larger + (2 * r + 1) * n, from + r * n, n);
        }
        FN(spread_pairs)(gx + 2 * i * p->w, x + 2 * i * p->w, half, 2 * rows * n);
    }
}
