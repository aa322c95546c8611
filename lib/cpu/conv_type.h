/* The kernels of kernels_conv.c for one type: T the element, V a vector of VECTOR bytes, FN(f) the names. */

enum { FN(lanes) = VECTOR / sizeof(T) };

/* Short runs of a length that hardly changes from call to call: whole vectors, the last one overlapping. */
ALWAYS_INLINE void FN(copy)(T *to, const T *from, int64_t n) {
    if (n >= FN(lanes)) {
        for (int64_t i = 0; i + FN(lanes) <= n; i += FN(lanes)) *(V *)(to + i) = *(const V *)(from + i);
        *(V *)(to + n - FN(lanes)) = *(const V *)(from + n - FN(lanes));
        return;
    }
    const int64_t bytes = n * (int64_t)sizeof(T);
    char *d = (char *)to;
    const char *s = (const char *)from;
    if (bytes >= 32) {
        memcpy(d, s, 32);
        memcpy(d + bytes - 32, s + bytes - 32, 32);
    } else if (bytes >= 16) {
        memcpy(d, s, 16);
        memcpy(d + bytes - 16, s + bytes - 16, 16);
    } else {
        for (int64_t i = 0; i < n; i++) to[i] = from[i];
    }
}

/* n elements of `from`, `step` apart, with zeros before them and after them up to `total`. */
ALWAYS_INLINE void FN(fill_row)(T *to, int64_t lead, int64_t n, int64_t total, const T *from, int64_t step) {
    for (int64_t i = 0; i < lead; i++) to[i] = 0;
    if (step == 1)
        FN(copy)(to + lead, from, n);
    else if (step == 2)
        for (int64_t i = 0; i < n; i++) to[lead + i] = from[2 * i];
    else
        for (int64_t i = 0; i < n; i++) to[lead + i] = from[i * step];
    for (int64_t i = lead + n; i < total; i++) to[i] = 0;
}

/* How many of the positions x, x + step, ... come before `end`, at most `count`. */
ALWAYS_INLINE int64_t FN(before)(int64_t end, int64_t x, int64_t step, int64_t count) {
    if (x >= end) return 0;
    const int64_t n = (end - x + step - 1) / step;
    return n < count ? n : count;
}

static void FN(fill)(const ConvCopy *c, void *to, const void *from, int64_t y, int64_t x) {
    const int64_t height = c->size[0], width = c->size[1], one = height * width;
    const int64_t pitch = one * c->remainders[0] * c->remainders[1];
    for (int64_t j = 0; j < c->remainders[1]; j++) {
        const int64_t left = x + c->remainder[1][j];
        const int64_t lead = FN(before)(0, left, c->stride[1], width);
        const int64_t n = FN(before)(c->width, left, c->stride[1], width) - lead;
        const int64_t start = left + lead * c->stride[1];
        for (int64_t channel = 0; channel < c->channels; channel++) {
            const T *source = (const T *)from + channel * c->plane + start;
            for (int64_t i = 0; i < c->remainders[0]; i++) {
                T *plane = (T *)to + channel * pitch + (i * c->remainders[1] + j) * one;
                int64_t row = y + c->remainder[0][i];
                for (int64_t u = 0; u < height; u++, row += c->stride[0]) {
                    if (row < 0 || row >= c->height || n == 0)
                        memset(plane + u * width, 0, (size_t)width * sizeof(T));
                    else
                        FN(fill_row)
                    (plane + u * width, lead, n, width, source + row * c->width, c->stride[1]);
                }
            }
        }
    }
}

/* rows and width are constants where this is called. */
ALWAYS_INLINE void FN(sums)(int rows, int width, T *out, const ConvTaps *taps, const T *x, const T *w,
                            const T *bias) {
    V sum[ROWS][CONV_WIDE];
    EACH (r, rows)
        EACH (v, width) sum[r][v] = (V){0} + bias[r];
    for (int64_t channel = 0; channel < taps->channels; channel++, x += taps->pitch) {
        for (int64_t t = 0; t < taps->taps; t++, w += rows) {
            const T *from = x + taps->offset[t];
            V in[CONV_WIDE];
            EACH (v, width) in[v] = *(const V *)(from + v * FN(lanes));
            EACH (r, rows)
                EACH (v, width) sum[r][v] += w[r] * in[v];
        }
    }
    EACH (r, rows)
        EACH (v, width) *(V *)(out + (r * width + v) * FN(lanes)) = sum[r][v];
}

static void FN(block)(int rows, int width, void *out, const ConvTaps *taps, const void *x, const void *w,
                      const void *bias) {
    DISPATCH(FN(sums), out, taps, x, w, bias)
}

static void FN(put)(const ConvPlace *place, void *to, const void *out, int rows, int width, int64_t first,
                    int64_t count) {
    const int64_t ld = width * FN(lanes), end = first + count;
    for (int64_t u = first / place->pitch; u * place->pitch < end; u++) {
        int64_t from = u * place->pitch, last = from + place->width;
        if (from < first) from = first;
        if (last > end) last = end;
        if (from >= last) continue;
        T *d = (T *)to + u * place->row + (from - u * place->pitch) * place->column;
        const T *s = (const T *)out + from - first;
        for (int r = 0; r < rows; r++, d += place->plane, s += ld) {
            if (place->column == 1)
                FN(copy)(d, s, last - from);
            else
                for (int64_t i = 0; i < last - from; i++) d[i * place->column] = s[i];
        }
    }
}

ALWAYS_INLINE void FN(outer_sums)(int rows, int width, T *sum, int64_t ld, const T *const *x, int64_t pitch,
                                  int64_t height, int64_t columns, const T *g) {
    V s[ROWS][CONV_WIDE];
    const T *at[ROWS];
    EACH (i, rows) {
        at[i] = x[i];
        EACH (v, width) s[i][v] = (V){0};
    }
    for (int64_t u = 0; u < height; u++) {
        for (int64_t p = u * pitch; p < u * pitch + columns; p++, g += width * FN(lanes)) {
            V in[CONV_WIDE];
            EACH (v, width) in[v] = *(const V *)(g + v * FN(lanes));
            EACH (i, rows)
                EACH (v, width) s[i][v] += at[i][p] * in[v];
        }
    }
    EACH (i, rows)
        EACH (v, width) *(V *)(sum + i * ld + v * FN(lanes)) += s[i][v];
}

static void FN(outer)(int rows, int width, void *sum, int64_t ld, const void *const *x, int64_t pitch,
                      int64_t height, int64_t columns, const void *g) {
    const T *const *from = (const T *const *)x;
    DISPATCH(FN(outer_sums), sum, ld, from, pitch, height, columns, g)
}

enum { FN(bits) = FN(lanes) == 16 ? 4 : FN(lanes) == 8 ? 3 : FN(lanes) == 4 ? 2 : 1 };

/* A block of rows `plane` apart (the first `rows` of them, zeros for the rest) becomes lanes rows `ld` apart:
 * as many perfect shuffles as its size has bits. */
ALWAYS_INLINE void FN(transpose_block)(T *to, int64_t ld, const T *from, int64_t plane, int64_t rows) {
    V a[FN(lanes)], b[FN(lanes)];
    EACH (r, FN(lanes)) a[r] = r < rows ? *(const V *)(from + r * plane) : (V){0};
    EACH (step, FN(bits)) {
        EACH (r, FN(lanes) / 2) {
            b[2 * r] = SHUFFLE(a[r], a[r + FN(lanes) / 2], IN(LOW));
            b[2 * r + 1] = SHUFFLE(a[r], a[r + FN(lanes) / 2], IN(HIGH));
        }
        EACH (r, FN(lanes)) a[r] = b[r];
    }
    EACH (r, FN(lanes)) *(V *)(to + r * ld) = a[r];
}

static void FN(transpose)(void *to, int64_t ld, const void *from, int64_t plane, int64_t channels,
                          int64_t fill, int64_t n) {
    const T *s = from;
    T *d = to;
    int64_t r = 0;
    for (; r < channels && r + FN(lanes) <= fill; r += FN(lanes)) {
        const int64_t rows = channels - r < FN(lanes) ? channels - r : FN(lanes);
        int64_t i = 0;
        for (; i + FN(lanes) <= n; i += FN(lanes)) {
            if (rows == FN(lanes))
                FN(transpose_block)(d + i * ld + r, ld, s + r * plane + i, plane, FN(lanes));
            else
                FN(transpose_block)(d + i * ld + r, ld, s + r * plane + i, plane, rows);
        }
        for (; i < n; i++)
            for (int64_t k = 0; k < FN(lanes); k++) d[i * ld + r + k] = k < rows ? s[(r + k) * plane + i] : 0;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = r; k < fill; k++) d[i * ld + k] = k < channels ? s[k * plane + i] : 0;
}

static void FN(add)(void *to, const void *from, int64_t n) {
    T *restrict d = to;
    const T *restrict s = from;
    for (int64_t i = 0; i < n; i++) d[i] += s[i];
}

static void FN(spread)(void *to, void *mask, const void *from, int64_t row, int64_t height, int64_t columns,
                       int64_t pitch) {
    const int64_t end = (height * pitch + FN(lanes) - 1) / FN(lanes) * FN(lanes);
    memset(to, 0, (size_t)end * sizeof(T));
    memset(mask, 0, (size_t)end * sizeof(T));
    for (int64_t u = 0; u < height; u++) {
        FN(copy)((T *)to + u * pitch, (const T *)from + u * row, columns);
        memset((T *)mask + u * pitch, 0xff, (size_t)columns * sizeof(T));
    }
}

ALWAYS_INLINE void FN(dot_sums)(int rows, int width, T *sum, int64_t ld, const T *const *x, const T *g,
                                const T *mask, int64_t n) {
    (void)width;
    V s[ROWS];
    const T *at[ROWS];
    EACH (i, rows) {
        at[i] = x[i];
        s[i] = (V){0};
    }
    for (int64_t p = 0; p < n; p += FN(lanes)) {
        const V in = *(const V *)(g + p);
        const M keep = *(const M *)(mask + p);
        EACH (i, rows) s[i] += (V)(*(const M *)(at[i] + p) & keep) * in;
    }
    EACH (i, rows) {
        T total = 0;
        for (int k = 0; k < FN(lanes); k++) total += s[i][k];
        sum[i * ld] += total;
    }
}

static void FN(dots)(int rows, void *sum, int64_t ld, const void *const *x, const void *g, const void *mask,
                     int64_t n) {
    const T *const *from = (const T *const *)x;
    const int width = 1;
    DISPATCH(FN(dot_sums), sum, ld, from, g, mask, n)
}
