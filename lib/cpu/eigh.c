/* Symmetric eigenvalues: scaling, the QL sweeps, order; the loops over rows are in kernels_reflect.c. The
 * tridiagonal matrix is kept in double for f32 too: nothing over- or underflows there. */
#include "cpu/eigh.h"
#include "cpu/kernels_reflect.h"
#include "cpu/lapack.h"
#include "cpu/reflect.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum {
    DIVIDED = 144, /* from this order on, LAPACK's divide and conquer is faster than QL with vectors */
    SWEEPS = 30,   /* an eigenvalue, on average, at most: LAPACK's limit; two are usual */
    CHUNK = 32,    /* steps of the reduction between two looks for an interrupt */
};

/* One matrix on its way. */
typedef struct Eigh {
    const Ctx *c;
    DType type;
    const ReflectKernels *kernels;
    int64_t n, ld;
    double *d, *e, *tau; /* the tridiagonal matrix; e[i] lies between d[i] and d[i + 1] */
    double *cosines, *sines;
    int64_t *order;
    void *work, *a, *q; /* rows are ld apart: a few; A and its reflectors; the vectors so far, or NULL */
    int64_t sweeps;     /* that may still come */
    void *v, *products; /* where LAPACK divides: reflectors in rows of ld, and room to multiply by them */
    LapackWork lapack;
} Eigh;

bool cpu_eigh_calls_lapack(bool vectors, int64_t n) {
    return vectors && n >= DIVIDED && !lapack_missing();
}

/* Takes `bytes` off the scratch memory, or only counts them where there is none yet. */
static void *take(char **scratch, int64_t *count, int64_t bytes) {
    void *p = *scratch;
    *count += ctx_scratch_part(bytes);
    if (p) *scratch += ctx_scratch_part(bytes);
    return p;
}

/* Lays out j in the scratch memory; returns how much that is. */
static int64_t lay_out(Eigh *j, DType t, bool vectors, int64_t n, char *scratch) {
    const int64_t size = (int64_t)dtype_size(t), doubles = n * (int64_t)sizeof(double);
    int64_t count = 0;
    j->type = t;
    j->kernels = &ISA_SELECT(reflect_kernels)->type[t == F64];
    j->n = n;
    j->ld = reflect_padded(j->kernels, n);
    j->d = take(&scratch, &count, doubles);
    j->e = take(&scratch, &count, doubles);
    j->tau = take(&scratch, &count, doubles);
    j->cosines = take(&scratch, &count, doubles);
    j->sines = take(&scratch, &count, doubles);
    j->order = take(&scratch, &count, n * (int64_t)sizeof *j->order);
    j->work = take(&scratch, &count, 4 * j->ld * size);
    j->a = take(&scratch, &count, n * j->ld * size);
    if (!cpu_eigh_calls_lapack(vectors, n)) {
        j->q = vectors ? take(&scratch, &count, n * j->ld * size) : NULL;
        return count;
    }
    j->v = take(&scratch, &count, REFLECTORS * j->ld * size);
    j->products = take(&scratch, &count, cpu_reflect_scratch(t, n));
    j->lapack.data = NULL;
    lapack_stedc(t, n, NULL, NULL, NULL, &j->lapack);
    const int64_t bytes = j->lapack.bytes;
    if (bytes < 0) return -1;
    j->lapack.data = take(&scratch, &count, bytes);
    return count;
}

int64_t cpu_eigh_scratch(DType t, bool vectors, int64_t n) {
    Eigh j;
    return lay_out(&j, t, vectors, n, NULL);
}

/* --- scaling -----------------------------------------------------------------------------------------------
 */

/* For each type: the largest element of the lower triangle; and j->a = 2^-exponent A, with the squares on its
 * diagonal filled from below it. */
#define COPY(T, suffix)                                                                                      \
    static double most_##suffix(int64_t n, const T *a) {                                                     \
        T most = 0;                                                                                          \
        for (int64_t i = 0; i < n; i++)                                                                      \
            for (int64_t k = 0; k <= i; k++) {                                                               \
                const T x = a[i * n + k] < 0 ? -a[i * n + k] : a[i * n + k];                                 \
                most = x > most ? x : most;                                                                  \
            }                                                                                                \
        return (double)most;                                                                                 \
    }                                                                                                        \
    static void copy_##suffix(const Eigh *j, const T *a, int exponent) {                                     \
        const int64_t n = j->n, ld = j->ld, block = j->kernels->block;                                       \
        const T half = (T)ldexp(1, -exponent / 2), rest = (T)ldexp(1, exponent / 2 - exponent);              \
        T *to = j->a;                                                                                        \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            const int64_t first = i / block * block;                                                         \
            for (int64_t k = 0; k <= i; k++) to[i * ld + k] = a[i * n + k] * half * rest;                    \
            for (int64_t k = first; k < i; k++) to[k * ld + i] = to[i * ld + k];                             \
            for (int64_t k = n; k < ld && i >= n / block * block; k++) to[i * ld + k] = 0;                   \
        }                                                                                                    \
    }
COPY(float, f32)
COPY(double, f64)
#undef COPY

/* Copies A, scaled so that its largest element is between 1/2 and 1; returns the exponent. */
static int copy_scaled(const Eigh *j, const void *a) {
    int exponent;
    const double most = j->type == F64 ? most_f64(j->n, a) : most_f32(j->n, a);
    (void)frexp(most, &exponent);
    if (j->type == F64)
        copy_f64(j, a, exponent);
    else
        copy_f32(j, a, exponent);
    return exponent;
}

/* --- QL ----------------------------------------------------------------------------------------------------
 */

/* A stretch of the tridiagonal matrix, from its first element up or from its last one down: d[i * step],
 * e[i * step] and the rows of q that go with it. */
typedef struct Stretch {
    double *d, *e;
    int64_t step, length;
    char *q;
    int64_t row; /* bytes from row to row */
} Stretch;

/* As LAPACK decides it. */
static bool negligible(double e, double d, double next, double epsilon) {
    return e * e <= epsilon * epsilon * fabs(d) * fabs(next) + DBL_MIN;
}

static double epsilon_of(const Eigh *j) {
    return j->type == F64 ? DBL_EPSILON / 2 : (double)FLT_EPSILON / 2;
}

/* From first: where the matrix falls apart next, at an element beside the diagonal that is set to 0. The
 * second of them: of elements whose squares are kept. */
static int64_t end_of_block(double *d, double *e, int64_t step, int64_t first, int64_t length,
                            double epsilon) {
    int64_t m = first;
    while (m < length - 1 && !negligible(e[m * step], d[m * step], d[(m + 1) * step], epsilon)) m++;
    if (m < length - 1) e[m * step] = 0;
    return m;
}

static int64_t end_of_squares(double *d, double *e, int64_t step, int64_t first, int64_t length,
                              double epsilon) {
    int64_t m = first;
    while (m < length - 1 &&
           e[m * step] > epsilon * epsilon * fabs(d[m * step]) * fabs(d[(m + 1) * step]) + DBL_MIN)
        m++;
    if (m < length - 1) e[m * step] = 0;
    return m;
}

/* x + sign(x) sqrt(x^2 + 1), without overflow: 1 over it is the smaller root t of t^2 + 2 x t = 1. */
static double away(double x) {
    const double size = fabs(x) < 1e150 ? sqrt(x * x + 1) : fabs(x);
    return x + copysign(size, x);
}

/* One sweep from m down to l, with the shift that is the eigenvalue of the 2x2 matrix at l nearer to d[l].
 * Source: Dubrulle, Martin and Wilkinson, "The implicit QL algorithm", 1968. */
static void ql_sweep(const Eigh *j, const Stretch *x, int64_t l, int64_t m) {
    double *d = x->d, *e = x->e;
    const int64_t step = x->step;
    double g = (d[(l + 1) * step] - d[l * step]) / (2 * e[l * step]);
    g = d[m * step] - d[l * step] + e[l * step] / away(g);
    double s = 1, cosine = 1, p = 0;
    for (int64_t i = m - 1; i >= l; i--) {
        const double f = s * e[i * step], b = cosine * e[i * step], square = f * f + g * g;
        const double r = square > 1e-280 ? sqrt(square) : hypot(f, g);
        if (i < m - 1) e[(i + 1) * step] = r;
        s = r == 0 ? 0 : f / r;
        cosine = r == 0 ? 1 : g / r;
        g = d[(i + 1) * step] - p;
        const double t = (d[i * step] - g) * s + 2 * cosine * b;
        p = s * t;
        d[(i + 1) * step] = g + p;
        g = cosine * t - b;
        j->cosines[m - 1 - i] = cosine;
        j->sines[m - 1 - i] = s;
    }
    d[l * step] -= p;
    e[l * step] = g;
    const int64_t row = x->row / (int64_t)dtype_size(j->type);
    j->kernels->rotate(j->ld, m - l, j->cosines, j->sines, x->q + m * x->row, -row);
}

/* The same for eigenvalues alone, without square roots; e holds squares. Source: Parlett, "The symmetric
 * eigenvalue problem", 8.15 (Pal, Walker and Kahan). */
static void pwk_sweep(double *d, double *e, int64_t step, int64_t l, int64_t m) {
    const double root = sqrt(e[l * step]), half = (d[(l + 1) * step] - d[l * step]) / (2 * root);
    const double sigma = d[l * step] - root / away(half);
    double cosine = 1, s = 0, gamma = d[m * step] - sigma, p = gamma * gamma;
    for (int64_t i = m - 1; i >= l; i--) {
        const double b = e[i * step], r = p + b, before = cosine, inverse = r / p;
        if (i < m - 1) e[(i + 1) * step] = s * r;
        cosine = p / r;
        s = b / r;
        const double old = gamma, alpha = d[i * step];
        gamma = cosine * (alpha - sigma) - s * old;
        d[(i + 1) * step] = old + (alpha - gamma);
        p = cosine != 0 ? gamma * gamma * inverse : before * b;
    }
    e[l * step] = s * p;
    d[l * step] = sigma + gamma;
}

static bool ql(Eigh *j, const Stretch *x) {
    const double epsilon = epsilon_of(j);
    for (int64_t l = 0; l < x->length; l++) {
        for (int64_t m; (m = end_of_block(x->d, x->e, x->step, l, x->length, epsilon)) > l;) {
            if (j->sweeps-- == 0 || ctx_stopping(j->c)) return false;
            ql_sweep(j, x, l, m);
        }
    }
    return true;
}

/* Both ways: from the end where the smaller elements are, which keeps their digits. */
static Stretch stretch(const Eigh *j, int64_t first, int64_t last) {
    const int64_t row = j->ld * (int64_t)dtype_size(j->type);
    const bool down = fabs(j->d[last]) < fabs(j->d[first]);
    return (Stretch){.d = j->d + (down ? last : first),
                     .e = j->e + (down ? last - 1 : first),
                     .step = down ? -1 : 1,
                     .length = last - first + 1,
                     .q = (char *)j->q + (down ? last : first) * row,
                     .row = down ? -row : row};
}

/* The sweeps over all of it; the rows of q follow. */
static bool all_vectors(Eigh *j) {
    const double epsilon = epsilon_of(j);
    for (int64_t first = 0, last; first < j->n; first = last + 1) {
        last = end_of_block(j->d, j->e, 1, first, j->n, epsilon);
        const Stretch x = stretch(j, first, last);
        if (!ql(j, &x)) return false;
    }
    return true;
}

static bool all_values(Eigh *j) {
    const double epsilon = epsilon_of(j);
    double *d = j->d, *e = j->e;
    for (int64_t i = 0; i < j->n - 1; i++) e[i] *= e[i];
    for (int64_t first = 0, last; first < j->n; first = last + 1) {
        last = end_of_squares(d, e, 1, first, j->n, epsilon);
        const Stretch x = stretch(j, first, last);
        for (int64_t l = 0; l < x.length; l++) {
            for (int64_t m; (m = end_of_squares(x.d, x.e, x.step, l, x.length, epsilon)) > l;) {
                if (j->sweeps-- == 0 || ctx_stopping(j->c)) return false;
                pwk_sweep(x.d, x.e, x.step, l, m);
            }
        }
    }
    return true;
}

/* Ascending d; order[i]: where value i was. */
static void sort_values(const Eigh *j) {
    for (int64_t i = 0; i < j->n; i++) {
        const double value = j->d[i];
        int64_t k = i;
        for (; k > 0 && j->d[k - 1] > value; k--) {
            j->d[k] = j->d[k - 1];
            j->order[k] = j->order[k - 1];
        }
        j->d[k] = value;
        j->order[k] = i;
    }
}

static void take_vectors(const Eigh *j, char *a) {
    const size_t size = dtype_size(j->type), row = (size_t)j->n * size;
    for (int64_t i = 0; i < j->n; i++)
        memcpy(a + (size_t)i * row, (char *)j->q + (size_t)(j->order[i] * j->ld) * size, row);
}

/* --- divide and conquer ------------------------------------------------------------------------------------
 */

/* The rows of z (n, n) are multiplied by H_first ... H_{first + count - 1}. */
static void reflect_rows(const Eigh *j, int64_t first, int64_t count, void *z, int threads) {
    const int64_t size = (int64_t)dtype_size(j->type), row = j->ld * size;
    memset(j->v, 0, (size_t)(count * row));
    for (int64_t r = 0, k = first; r < count; r++, k++)
        if (j->tau[k] != 0) memcpy((char *)j->v + r * row, (char *)j->a + k * row, (size_t)(k * size));
    cpu_reflect_rows(j->c, j->type, count, j->n, first + count - 1, j->v, j->ld, z, j->n, false, j->products,
                     threads);
}

static int64_t divide(Eigh *j, void *a, void *values, int threads) {
    for (int64_t i = 0; i < j->n; i++) {
        put_real(j->type, values, i, j->d[i]);
        put_real(j->type, j->work, i, i < j->n - 1 ? j->e[i] : 0);
    }
    const int64_t info = lapack_stedc(j->type, j->n, values, j->work, a, &j->lapack);
    if (j->n < REFLECT_THREADED) threads = 1;
    for (int64_t k = 1; k < j->n && !info; k += REFLECTORS)
        reflect_rows(j, k, j->n - k < REFLECTORS ? j->n - k : REFLECTORS, a, threads);
    for (int64_t i = 0; i < j->n; i++) j->d[i] = get_real(j->type, values, i);
    return info;
}

int64_t cpu_eigh(const Ctx *c, DType t, bool vectors, int64_t n, void *a, void *values, void *scratch,
                 int threads) {
    Eigh j = {.c = c, .sweeps = SWEEPS * n};
    lay_out(&j, t, vectors, n, scratch);
    const int exponent = copy_scaled(&j, a);
    memset(j.work, 0, (size_t)(4 * j.ld) * dtype_size(t));
    for (int64_t k = n - 1; k >= 0; k -= CHUNK) {
        if (ctx_stopping(c)) return 0;
        j.kernels->tridiagonalise(k, k > CHUNK ? k - CHUNK : 0, j.a, j.ld, j.d, j.e, j.tau, j.work);
        if (k <= CHUNK) break;
    }
    int64_t info = 0;
    if (cpu_eigh_calls_lapack(vectors, n)) {
        info = divide(&j, a, values, threads);
    } else if (vectors) {
        j.kernels->product(n, j.a, j.ld, j.tau, j.q, j.work);
        if (!all_vectors(&j)) info = 1;
        sort_values(&j);
        take_vectors(&j, a);
    } else {
        if (!all_values(&j)) info = 1;
        sort_values(&j);
    }
    for (int64_t i = 0; i < n; i++) put_real(t, values, i, ldexp(j.d[i], exponent));
    return ctx_stopping(c) ? 0 : info;
}
