/* The tall one of A and its transpose is W (length, k) = X diag(s) Y^T; where it is not square, that of R in
 * W = Q R. Vectors are kept as rows. The bidiagonal matrix is in double for f32 too. */
#include "cpu/svd.h"
#include "cpu/kernels_reflect.h"
#include "cpu/qr.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum {
    SMALL = 160,       /* singular values up to which QR sweeps are faster than divide and conquer ... */
    SMALL_VALUES = 32, /* ... and than LAPACK's qd, for the values alone */
    SWEEPS = 30,       /* a value, on average, at most: two are usual */
};

/* One matrix on its way. */
typedef struct Svd {
    const Ctx *c;
    DType type;
    const ReflectKernels *kernels;
    int64_t size, length, k, ld; /* bytes of an element; the sides of W; columns and vectors lie ld apart */
    int64_t q_columns;
    double *d, *e, *tau_left, *tau_right; /* the bidiagonal matrix: e[i] beside d[i]; its reflectors */
    double *cosines, *sines;              /* of a sweep, twice k: on the right, on the left */
    int64_t *order;
    char *w, *q, *r, *a, *right, *x, *y, *work, *sorted;
    void *qr;
    bool vectors;
} Svd;

bool cpu_svd_is_small(int64_t m, int64_t n, bool vectors) {
    return (m < n ? m : n) <= (vectors ? SMALL : SMALL_VALUES);
}

/* Lays out j in the scratch memory; returns how much that is. */
static int64_t lay_out(Svd *j, DType t, int64_t m, int64_t n, bool full, bool vectors, char *scratch) {
    const int64_t doubles = (int64_t)sizeof(double);
    j->type = t;
    j->size = (int64_t)dtype_size(t);
    j->kernels = &ISA_SELECT(reflect_kernels)->type[t == F64];
    j->length = m > n ? m : n;
    j->k = m > n ? n : m;
    j->ld = reflect_padded(j->kernels, j->k);
    j->vectors = vectors;
    j->q_columns = full ? j->length : j->k;
    const bool tall = j->length > j->k;
    const int64_t k = j->k, square = k * j->ld * j->size, q = tall && j->vectors ? j->q_columns : 0;
    struct {
        void *place;
        int64_t bytes;
    } parts[] = {{&j->d, k * doubles},
                 {&j->e, k * doubles},
                 {&j->tau_left, k * doubles},
                 {&j->tau_right, k * doubles},
                 {&j->cosines, 2 * k * doubles},
                 {&j->sines, 2 * k * doubles},
                 {&j->order, k * (int64_t)sizeof *j->order},
                 {&j->w, j->length * k * j->size},
                 {&j->q, q * j->length * j->size},
                 {&j->r, tall ? k * k * j->size : 0},
                 {&j->a, square},
                 {&j->right, square},
                 {&j->x, square},
                 {&j->y, square},
                 {&j->work, 3 * j->ld * j->size},
                 {&j->sorted, k * k * j->size},
                 {&j->qr, tall ? cpu_qr_scratch(t, j->length, k, q) : 0}};
    int64_t total = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        *(void **)parts[i].place = scratch ? scratch + total : NULL;
        total += ctx_scratch_part(parts[i].bytes);
    }
    return total;
}

int64_t cpu_svd_scratch(DType t, int64_t m, int64_t n, bool full, bool vectors) {
    Svd j;
    return lay_out(&j, t, m, n, full, vectors, NULL);
}

/* --- copies ------------------------------------------------------------------------------------------------
 */

/* For each type: the largest element; the columns of W = 2^-exponent A, or A^T; vectors as the columns of a
 * matrix in rows; a change of sign. */
#define COPIES(T, suffix)                                                                                    \
    static double largest_##suffix(int64_t count, const T *a) {                                              \
        T most = 0;                                                                                          \
        for (int64_t i = 0; i < count; i++) {                                                                \
            const T x = a[i] < 0 ? -a[i] : a[i];                                                             \
            most = x > most ? x : most;                                                                      \
        }                                                                                                    \
        return (double)most;                                                                                 \
    }                                                                                                        \
    static void take_##suffix(int64_t length, int64_t k, bool tall, const T *a, int exponent, T *w) {        \
        const T half = (T)ldexp(1, -exponent / 2), rest = (T)ldexp(1, exponent / 2 - exponent);              \
        for (int64_t i = 0; i < k; i++)                                                                      \
            for (int64_t r = 0; r < length; r++)                                                             \
                w[i * length + r] = (tall ? a[r * k + i] : a[i * length + r]) * half * rest;                 \
    }                                                                                                        \
    static void spread_##suffix(int64_t count, int64_t length, const T *vectors, T *to, int64_t columns) {   \
        for (int64_t r = 0; r < length; r++)                                                                 \
            for (int64_t i = 0; i < count; i++) to[r * columns + i] = vectors[i * length + r];               \
    }                                                                                                        \
    static void negate_##suffix(int64_t count, T *x) {                                                       \
        for (int64_t i = 0; i < count; i++) x[i] = -x[i];                                                    \
    }
COPIES(float, f32)
COPIES(double, f64)
#undef COPIES

static int take_scaled(const Svd *j, bool tall, const void *a) {
    int exponent;
    const int64_t count = j->length * j->k;
    (void)frexp(j->type == F64 ? largest_f64(count, a) : largest_f32(count, a), &exponent);
    if (j->type == F64)
        take_f64(j->length, j->k, tall, a, exponent, (double *)j->w);
    else
        take_f32(j->length, j->k, tall, a, exponent, (float *)j->w);
    return exponent;
}

static void spread(const Svd *j, int64_t count, int64_t length, const char *vectors, char *to,
                   int64_t columns) {
    if (j->type == F64)
        spread_f64(count, length, (const double *)vectors, (double *)to, columns);
    else
        spread_f32(count, length, (const float *)vectors, (float *)to, columns);
}

/* The square to be decomposed, in columns ld apart with zeros in the gaps. */
static void fill_square(const Svd *j, const char *from) {
    const int64_t row = j->k * j->size, to = j->ld * j->size;
    for (int64_t i = 0; i < j->k; i++) {
        memcpy(j->a + i * to, from + i * row, (size_t)row);
        memset(j->a + i * to + row, 0, (size_t)(to - row));
    }
}

static void identity(const Svd *j, char *x) {
    memset(x, 0, (size_t)(j->k * j->ld * j->size));
    for (int64_t i = 0; i < j->k; i++) put_real(j->type, x, i * (j->ld + 1), 1);
}

/* --- QR sweeps, as in LAPACK's bdsqr -----------------------------------------------------------------------
 * Source: Demmel and Kahan, "Accurate singular values of bidiagonal matrices", 1990. */

/* A block of the bidiagonal matrix, from its first element down or from its last one up, which is the
 * transpose: d[i * step], e[i * step], and the vectors of its right and left side. */
typedef struct Block {
    double *d, *e;
    int64_t step, length;
    char *right, *left;
} Block;

/* (f, g) = r (cosine, sine) */
static double rotation(double f, double g, double *cosine, double *sine) {
    const double square = f * f + g * g, r = square > 1e-280 ? sqrt(square) : hypot(f, g);
    *cosine = r == 0 ? 1 : f / r;
    *sine = r == 0 ? 0 : g / r;
    return r;
}

/* The smaller singular value of [f g; 0 h]. */
static double smaller_value(double f, double g, double h) {
    const double low = fmin(fabs(f), fabs(h)), high = fmax(fabs(f), fabs(h)), beside = fabs(g);
    if (low == 0) return 0;
    const double sum = 1 + low / high, apart = (high - low) / high;
    if (beside < high) {
        const double square = (beside / high) * (beside / high);
        return low * (2 / (sqrt(sum * sum + square) + sqrt(apart * apart + square)));
    }
    const double ratio = high / beside;
    if (ratio == 0) return low * high / beside;
    return low * ratio * 2 / (sqrt(1 + sum * ratio * sum * ratio) + sqrt(1 + apart * ratio * apart * ratio));
}

static void rotate_vectors(const Svd *j, const Block *b) {
    if (!j->vectors) return;
    const int64_t count = b->length - 1, step = b->step * j->ld;
    j->kernels->rotate(j->ld, count, j->cosines, j->sines, b->right, step);
    j->kernels->rotate(j->ld, count, j->cosines + j->k, j->sines + j->k, b->left, step);
}

/* Without a shift: small values keep their digits. */
static void sweep_unshifted(const Svd *j, const Block *b) {
    double *d = b->d, *e = b->e, cosine = 1, sine, old_cosine = 1, old_sine = 0;
    const int64_t step = b->step, last = b->length - 1;
    for (int64_t i = 0; i < last; i++) {
        const double r = rotation(d[i * step] * cosine, e[i * step], &cosine, &sine);
        if (i > 0) e[(i - 1) * step] = old_sine * r;
        d[i * step] = rotation(old_cosine * r, d[(i + 1) * step] * sine, &old_cosine, &old_sine);
        j->cosines[i] = cosine;
        j->sines[i] = sine;
        j->cosines[j->k + i] = old_cosine;
        j->sines[j->k + i] = old_sine;
    }
    const double h = d[last * step] * cosine;
    d[last * step] = h * old_cosine;
    e[(last - 1) * step] = h * old_sine;
}

static void sweep_shifted(const Svd *j, const Block *b, double shift) {
    double *d = b->d, *e = b->e, cosine, sine;
    const int64_t step = b->step, last = b->length - 1;
    double f = (fabs(d[0]) - shift) * (copysign(1, d[0]) + shift / d[0]), g = e[0];
    for (int64_t i = 0; i < last; i++) {
        double *di = d + i * step, *ei = e + i * step, *next = di + step;
        const double r = rotation(f, g, &cosine, &sine);
        if (i > 0) ei[-step] = r;
        f = cosine * *di + sine * *ei;
        *ei = cosine * *ei - sine * *di;
        g = sine * *next;
        *next *= cosine;
        j->cosines[i] = cosine;
        j->sines[i] = sine;
        *di = rotation(f, g, &cosine, &sine);
        f = cosine * *ei + sine * *next;
        *next = cosine * *next - sine * *ei;
        if (i < last - 1) {
            g = sine * ei[step];
            ei[step] *= cosine;
        }
        j->cosines[j->k + i] = cosine;
        j->sines[j->k + i] = sine;
    }
    e[(last - 1) * step] = f;
}

/* Sets an element beside the diagonal to 0 where that changes no singular value by more than `tolerance` of
 * itself: true. Else *least: a lower bound of the values. */
static bool splits(const Block *b, double tolerance, double *least) {
    double mu = fabs(b->d[0]);
    const int64_t step = b->step, last = b->length - 1;
    *least = mu;
    if (fabs(b->e[(last - 1) * step]) <= tolerance * fabs(b->d[last * step])) {
        b->e[(last - 1) * step] = 0;
        return true;
    }
    for (int64_t i = 0; i < last; i++) {
        const double beside = fabs(b->e[i * step]);
        if (beside <= tolerance * mu) {
            b->e[i * step] = 0;
            return true;
        }
        mu = fabs(b->d[(i + 1) * step]) * (mu / (mu + beside));
        *least = fmin(*least, mu);
    }
    return false;
}

static void sweep(const Svd *j, const Block *b, double least, double most, double tolerance, double epsilon) {
    const int64_t step = b->step, last = b->length - 1;
    double shift = 0;
    if ((double)j->k * tolerance * (least / most) > fmax(epsilon, 0.01 * tolerance)) {
        shift = smaller_value(b->d[(last - 1) * step], b->e[(last - 1) * step], b->d[last * step]);
        const double ratio = shift / b->d[0];
        if (ratio * ratio < epsilon) shift = 0;
    }
    if (shift == 0)
        sweep_unshifted(j, b);
    else
        sweep_shifted(j, b, shift);
    rotate_vectors(j, b);
}

/* d[first..last], from its first element or its last. */
static Block block(const Svd *j, int64_t first, int64_t last, bool down) {
    const int64_t row = j->ld * j->size;
    if (down)
        return (Block){j->d + first,     j->e + first,       1,
                       last - first + 1, j->y + first * row, j->x + first * row};
    return (Block){j->d + last, j->e + last - 1, -1, last - first + 1, j->x + last * row, j->y + last * row};
}

/* Below it an element counts as 0. */
static double threshold(const Svd *j, double tolerance) {
    double mu = fabs(j->d[0]), least = mu;
    for (int64_t i = 1; i < j->k && least > 0; i++) {
        mu = fabs(j->d[i]) * (mu / (mu + fabs(j->e[i - 1])));
        least = fmin(least, mu);
    }
    return fmax(tolerance * least / sqrt((double)j->k), (double)(SWEEPS * j->k * j->k) * DBL_MIN);
}

static bool diagonalise(const Svd *j) {
    const double epsilon = j->type == F64 ? DBL_EPSILON / 2 : (double)FLT_EPSILON / 2,
                 tolerance = 10 * epsilon, nothing = threshold(j, tolerance);
    int64_t sweeps = SWEEPS * j->k, old_first = j->k, old_last = -1;
    bool down = true;
    for (int64_t last = j->k - 1; last > 0;) {
        double least, most = fabs(j->d[last]);
        int64_t first = last;
        for (; first > 0; first--) {
            if (fabs(j->d[first - 1]) <= nothing) j->d[first - 1] = 0;
            if (fabs(j->e[first - 1]) <= nothing) j->e[first - 1] = 0;
            if (j->e[first - 1] == 0) break;
            most = fmax(most, fmax(fabs(j->d[first - 1]), fabs(j->e[first - 1])));
        }
        if (first == last) {
            last--;
            continue;
        }
        if (sweeps-- == 0 || ctx_stopping(j->c)) return false;
        /* A block is gone through from the end where it is larger at first. */
        if (first > old_last || last < old_first) down = fabs(j->d[first]) >= fabs(j->d[last]);
        old_first = first;
        old_last = last;
        const Block b = block(j, first, last, down);
        if (!splits(&b, tolerance, &least)) sweep(j, &b, least, most, tolerance, epsilon);
    }
    return true;
}

/* --- all of it ---------------------------------------------------------------------------------------------
 */

/* Values that are not negative, in descending order; order[i]: where value i was. */
static void sort_values(const Svd *j) {
    for (int64_t i = 0; i < j->k; i++) {
        if (j->d[i] < 0 && j->vectors) {
            void *y = j->y + i * j->ld * j->size;
            if (j->type == F64)
                negate_f64(j->k, y);
            else
                negate_f32(j->k, y);
        }
        const double value = fabs(j->d[i]);
        int64_t at = i;
        for (; at > 0 && j->d[at - 1] < value; at--) {
            j->d[at] = j->d[at - 1];
            j->order[at] = j->order[at - 1];
        }
        j->d[at] = value;
        j->order[at] = i;
    }
}

/* The vectors of one side in the order of the values, without gaps. */
static void sort_vectors(const Svd *j, const char *vectors, char *to) {
    const int64_t row = j->k * j->size;
    for (int64_t i = 0; i < j->k; i++)
        memcpy(to + i * row, vectors + j->order[i] * j->ld * j->size, (size_t)row);
}

/* The k long vectors, and what makes their basis complete where that is wanted: as the columns of U, or, for
 * a wide A, as the rows of Vh. */
static void put_long(const Svd *j, bool tall, char *to, int threads) {
    const int64_t k = j->k, length = j->length, columns = j->q_columns;
    sort_vectors(j, j->x, j->sorted);
    if (length == k && tall) {
        spread(j, k, k, j->sorted, to, k);
    } else if (length == k) {
        memcpy(to, j->sorted, (size_t)(k * k * j->size));
    } else if (tall) {
        spread(j, columns, length, j->q, to, columns);
        cpu_gemm(j->c, j->type, length, k, k, (Matrix){j->q, 1, length}, (Matrix){j->sorted, 1, k}, 0,
                 (Matrix){to, columns, 1}, threads);
    } else {
        memcpy(to, j->q, (size_t)(columns * length * j->size));
        cpu_gemm(j->c, j->type, k, length, k, (Matrix){j->sorted, k, 1}, (Matrix){j->q, length, 1}, 0,
                 (Matrix){to, length, 1}, threads);
    }
}

static void put_short(const Svd *j, bool tall, char *to) {
    sort_vectors(j, j->y, tall ? to : j->sorted);
    if (!tall) spread(j, j->k, j->k, j->sorted, to, j->k);
}

int64_t cpu_svd(const Ctx *c, DType t, int64_t m, int64_t n, const void *a, bool full, void *u, void *s,
                void *vh, void *scratch, int threads) {
    Svd j = {.c = c};
    const bool tall = m >= n;
    lay_out(&j, t, m, n, full, u != NULL, scratch);
    const int exponent = take_scaled(&j, tall, a);
    if (j.length > j.k) {
        cpu_qr(c, t, j.length, j.k, j.w, j.q_columns, u ? j.q : NULL, j.k, j.r, j.qr, threads);
        fill_square(&j, j.r);
    } else {
        fill_square(&j, j.w);
    }
    j.kernels->bidiagonalise(j.k, j.a, j.ld, j.right, j.d, j.e, j.tau_left, j.tau_right, j.work);
    if (j.vectors) {
        identity(&j, j.x);
        identity(&j, j.y);
        j.kernels->qr_product(j.k, j.k, j.a, j.ld, j.tau_left, j.k, j.x, j.work);
        j.kernels->qr_product(j.k, j.k, j.right, j.ld, j.tau_right, j.k, j.y, j.work);
    }
    const bool converged = diagonalise(&j);
    sort_values(&j);
    for (int64_t i = 0; i < j.k; i++) put_real(t, s, i, ldexp(j.d[i], exponent));
    if (j.vectors) {
        put_long(&j, tall, tall ? u : vh, threads);
        put_short(&j, tall, tall ? vh : u);
    }
    return converged || ctx_stopping(c) ? 0 : 1;
}
