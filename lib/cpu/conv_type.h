/* The kernels of kernels_conv.c for one type: T the element, FN(f) the names. */

/* How many of `left` output positions lie in one row, from position `first` of it on. */
static inline int64_t FN(run_length)(const ConvShape *s, int64_t first, int64_t left) {
    return s->ow - first < left ? s->ow - first : left;
}

/* Positions first..first+length of an output row that fall inside an input row: begin..end of them. `shift`
 * is the input position of output position 0. */
static inline void FN(inside)(int64_t first, int64_t length, int64_t stride, int64_t shift, int64_t width,
                              int64_t *begin, int64_t *end) {
    int64_t x = first * stride + shift;
    int64_t skip = x >= 0 ? 0 : (-x + stride - 1) / stride;
    int64_t upto = x >= width ? 0 : (width - x + stride - 1) / stride;
    *begin = skip < length ? skip : length;
    *end = upto < length ? upto : length;
    if (*end < *begin) *end = *begin;
}

static inline void FN(gather_run)(T *restrict to, const T *restrict line, int64_t first, int64_t length,
                                  int64_t stride, int64_t shift, int64_t width) {
    int64_t begin, end;
    FN(inside)(first, length, stride, shift, width, &begin, &end);
    for (int64_t i = 0; i < begin; i++) to[i] = 0;
    const T *x = line + first * stride + shift;
    if (stride == 1)
        for (int64_t i = begin; i < end; i++) to[i] = x[i];
    else
        for (int64_t i = begin; i < end; i++) to[i] = x[i * stride];
    for (int64_t i = end; i < length; i++) to[i] = 0;
}

/* One row of the column matrix: what kernel element (kh, kw) sees. */
static void FN(gather)(const ConvShape *s, int64_t from, int64_t count, const T *plane, int64_t kh,
                       int64_t kw, T *to) {
    int64_t length;
    for (int64_t row = from / s->ow, first = from % s->ow; count > 0;
         row++, first = 0, to += length, count -= length) {
        length = FN(run_length)(s, first, count);
        int64_t line = row * s->sh + kh * s->dh - s->ph;
        if (line >= 0 && line < s->h)
            FN(gather_run)(to, plane + line * s->w, first, length, s->sw, kw * s->dw - s->pw, s->w);
        else
            for (int64_t i = 0; i < length; i++) to[i] = 0;
    }
}

static void FN(im2col)(const ConvShape *s, int64_t channels, int64_t from, int64_t count, const void *image,
                       void *cols) {
    T *to = cols;
    for (int64_t c = 0; c < channels; c++)
        for (int64_t kh = 0; kh < s->kh; kh++)
            for (int64_t kw = 0; kw < s->kw; kw++, to += count)
                FN(gather)(s, from, count, (const T *)image + c * s->h * s->w, kh, kw, to);
}

/* The same row added back. */
static void FN(scatter)(const ConvShape *s, int64_t from, int64_t count, T *plane, int64_t kh, int64_t kw,
                        const T *col) {
    int64_t length, begin, end;
    for (int64_t row = from / s->ow, first = from % s->ow; count > 0;
         row++, first = 0, col += length, count -= length) {
        length = FN(run_length)(s, first, count);
        int64_t line = row * s->sh + kh * s->dh - s->ph, shift = kw * s->dw - s->pw;
        if (line < 0 || line >= s->h) continue;
        FN(inside)(first, length, s->sw, shift, s->w, &begin, &end);
        T *restrict x = plane + line * s->w + first * s->sw + shift;
        const T *restrict g = col;
        if (s->sw == 1)
            for (int64_t i = begin; i < end; i++) x[i] += g[i];
        else
            for (int64_t i = begin; i < end; i++) x[i * s->sw] += g[i];
    }
}

static void FN(col2im)(const ConvShape *s, int64_t channels, int64_t from, int64_t count, const void *cols,
                       void *image) {
    const T *col = cols;
    for (int64_t c = 0; c < channels; c++)
        for (int64_t kh = 0; kh < s->kh; kh++)
            for (int64_t kw = 0; kw < s->kw; kw++, col += count)
                FN(scatter)(s, from, count, (T *)image + c * s->h * s->w, kh, kw, col);
}

static void FN(fill_rows)(int64_t rows, int64_t count, int64_t stride, const void *value, void *y) {
    for (int64_t i = 0; i < rows; i++) {
        T *restrict to = (T *)y + i * stride;
        const T v = ((const T *)value)[i];
        for (int64_t j = 0; j < count; j++) to[j] = v;
    }
}

static void FN(add)(int64_t n, void *y, const void *x) {
    T *restrict to = y;
    const T *restrict from = x;
    for (int64_t i = 0; i < n; i++) to[i] += from[i];
}
