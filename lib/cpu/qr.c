/* Panels of columns, and the update of what stands beside them. */
#include "cpu/qr.h"
#include "cpu/factor.h"
#include "cpu/kernels_reflect.h"
#include "cpu/reflect.h"
#include <math.h>
#include <string.h>

enum {
    SMALL = 96, /* columns up to which reflectors one by one are faster */
};

/* One matrix on its way. Columns lie ld elements apart, zeros in the gaps. */
typedef struct Qr {
    const Ctx *c;
    DType type;
    const ReflectKernels *kernels;
    int64_t size, m, n, ld, count; /* bytes of an element; of n columns, `count` are factored */
    double *tau;
    char *a, *q, *v, *work; /* v: the reflectors of a panel */
    void *products;
    int threads;
} Qr;

/* Lays out j in the scratch memory; returns how much that is. */
static int64_t lay_out(Qr *j, DType t, int64_t m, int64_t n, int64_t count, int64_t columns, char *scratch) {
    j->type = t;
    j->size = (int64_t)dtype_size(t);
    j->kernels = &ISA_SELECT(reflect_kernels)->type[t == F64];
    j->m = m;
    j->n = n;
    j->count = count;
    j->ld = reflect_padded(j->kernels, m);
    const int64_t parts[] = {ctx_scratch_part(j->count * (int64_t)sizeof(double)),
                             ctx_scratch_part(n * j->ld * j->size),
                             ctx_scratch_part(columns * j->ld * j->size),
                             j->count > SMALL ? ctx_scratch_part(REFLECTORS * j->ld * j->size) : 0,
                             ctx_scratch_part(j->ld * j->size),
                             j->count > SMALL ? cpu_reflect_scratch(t, n > columns ? n : columns) : 0};
    char *at[6] = {0};
    int64_t total = 0;
    for (int i = 0; i < 6; i++) {
        if (scratch) at[i] = scratch + total;
        total += parts[i];
    }
    j->tau = (double *)at[0];
    j->a = at[1];
    j->q = at[2];
    j->v = at[3];
    j->work = at[4];
    j->products = at[5];
    return total;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t cpu_qr_scratch(DType t, int64_t m, int64_t n, int64_t columns) {
    Qr j;
    return lay_out(&j, t, m, n, smaller(m, n), columns, NULL);
}

static char *element(const Qr *j, char *matrix, int64_t row, int64_t column) {
    return matrix + (column * j->ld + row) * j->size;
}

/* Between matrices of columns with and without gaps. */
static void copy_columns(const Qr *j, int64_t n, char *to, int64_t ld_to, const char *from, int64_t ld_from) {
    for (int64_t k = 0; k < n; k++)
        memcpy(to + k * ld_to * j->size, from + k * ld_from * j->size, (size_t)(j->m * j->size));
}

static void clear_gaps(const Qr *j, int64_t n, char *a) {
    for (int64_t k = 0; k < n; k++) memset(element(j, a, j->m, k), 0, (size_t)((j->ld - j->m) * j->size));
}

/* The reflectors k..k+count-1, as rows of v from element k on. */
static void take_reflectors(const Qr *j, int64_t k, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        char *v = j->v + i * j->ld * j->size;
        memset(v, 0, (size_t)((j->m - k) * j->size));
        if (j->tau[k + i] == 0) continue;
        put_real(j->type, v, i, 1);
        memcpy(v + (i + 1) * j->size, element(j, j->a, k + i + 1, k + i),
               (size_t)((j->m - k - i - 1) * j->size));
    }
}

static int64_t panel(const Qr *j, int64_t k) {
    return j->count - k < REFLECTORS ? j->count - k : REFLECTORS;
}

static void factor(const Qr *j) {
    if (j->count <= SMALL) {
        j->kernels->qr(j->m, j->count, j->n, j->a, j->ld, j->tau, j->work);
        return;
    }
    for (int64_t k = 0; k < j->count && !ctx_stopping(j->c); k += REFLECTORS) {
        const int64_t count = panel(j, k), next = k + count;
        j->kernels->qr(j->m - k, count, count, element(j, j->a, k, k), j->ld, j->tau + k, j->work);
        if (next == j->n) return;
        take_reflectors(j, k, count);
        cpu_reflect_rows(j->c, j->type, count, j->n - next, j->m - k, j->v, j->ld, element(j, j->a, k, next),
                         j->ld, false, j->products, j->threads);
    }
}

/* q = H_0 H_1 ... times the first columns of the identity. */
static void form(const Qr *j, int64_t columns) {
    memset(j->q, 0, (size_t)(columns * j->ld * j->size));
    for (int64_t k = 0; k < columns; k++) put_real(j->type, j->q, k * (j->ld + 1), 1);
    if (j->count <= SMALL) {
        j->kernels->qr_product(j->m, j->count, j->a, j->ld, j->tau, columns, j->q, j->work);
        return;
    }
    for (int64_t k = (j->count - 1) / REFLECTORS * REFLECTORS; k >= 0 && !ctx_stopping(j->c);
         k -= REFLECTORS) {
        take_reflectors(j, k, panel(j, k));
        cpu_reflect_rows(j->c, j->type, panel(j, k), columns - k, j->m - k, j->v, j->ld,
                         element(j, j->q, k, k), j->ld, true, j->products, j->threads);
    }
}

/* The upper triangle of the factored columns, and zeros below it. */
static void take_r(const Qr *j, int64_t rows, char *r) {
    for (int64_t k = 0; k < j->n; k++, r += rows * j->size) {
        const int64_t count = k + 1 < rows ? k + 1 : rows;
        memcpy(r, element(j, j->a, 0, k), (size_t)(count * j->size));
        memset(r + count * j->size, 0, (size_t)((rows - count) * j->size));
    }
}

void cpu_qr(const Ctx *c, DType t, int64_t m, int64_t n, const void *a, int64_t columns, void *q,
            int64_t r_rows, void *r, void *scratch, int threads) {
    Qr j = {.c = c};
    lay_out(&j, t, m, n, smaller(m, n), q ? columns : 0, scratch);
    j.threads = j.count < REFLECT_THREADED ? 1 : threads;
    copy_columns(&j, n, j.a, j.ld, a, m);
    clear_gaps(&j, n, j.a);
    factor(&j);
    take_r(&j, r_rows, r);
    if (!q) return;
    form(&j, columns);
    copy_columns(&j, columns, q, m, j.q, j.ld);
}

/* --- least squares -----------------------------------------------------------------------------------------
 */

/* For each type: the sum of squares of R; of a matrix without gaps; a matrix of columns laid out in rows, and
 * back. */
#define COPIES(T, suffix)                                                                                    \
    static double r_squares_##suffix(int64_t n, const T *r, int64_t ld) {                                    \
        double sum = 0;                                                                                      \
        for (int64_t k = 0; k < n; k++)                                                                      \
            for (int64_t i = 0; i <= k; i++) sum += (double)r[k * ld + i] * (double)r[k * ld + i];           \
        return sum;                                                                                          \
    }                                                                                                        \
    static double squares_##suffix(int64_t count, const T *x) {                                              \
        double sum = 0;                                                                                      \
        for (int64_t i = 0; i < count; i++) sum += (double)x[i] * (double)x[i];                              \
        return sum;                                                                                          \
    }                                                                                                        \
    static void to_rows_##suffix(int64_t n, int64_t k, const T *columns, int64_t ld, T *rows) {              \
        for (int64_t i = 0; i < n; i++)                                                                      \
            for (int64_t c = 0; c < k; c++) rows[i * k + c] = columns[c * ld + i];                           \
    }                                                                                                        \
    static void from_rows_##suffix(int64_t n, int64_t k, T *columns, int64_t ld, const T *rows) {            \
        for (int64_t i = 0; i < n; i++)                                                                      \
            for (int64_t c = 0; c < k; c++) columns[c * ld + i] = rows[i * k + c];                           \
    }
COPIES(float, f32)
COPIES(double, f64)
#undef COPIES

/* What least squares take beside the QR: the inverse of R, or the sides in rows; room to solve for them. */
static int64_t solve_scratch(DType t, int64_t n, int64_t k) {
    const int64_t most = n > k ? n : k, size = (int64_t)dtype_size(t);
    return ctx_scratch_part(n * most * size) + ctx_scratch_part(cpu_factor_scratch(n, most) * size);
}

int64_t cpu_least_squares_scratch(DType t, int64_t m, int64_t n, int64_t k) {
    Qr j;
    return lay_out(&j, t, m, n + k, n, 0, NULL) + solve_scratch(t, n, k);
}

static void solve_r(const Qr *j, int64_t k, void *rows, void *scratch) {
    const int64_t n = j->count;
    cpu_solve_triangular(j->c, j->type, n, k, (Matrix){j->a, 1, j->ld}, true, false, rows, k, scratch,
                         j->threads);
}

/* |R| |R^-1|, at least A's condition number; nan or infinite where R has no inverse. */
static double condition(const Qr *j, char *inverse, void *scratch) {
    const int64_t n = j->count;
    memset(inverse, 0, (size_t)(n * n * j->size));
    for (int64_t i = 0; i < n; i++) put_real(j->type, inverse, i * (n + 1), 1);
    solve_r(j, n, inverse, scratch);
    const double r =
        j->type == F64 ? r_squares_f64(n, (double *)j->a, j->ld) : r_squares_f32(n, (float *)j->a, j->ld);
    const double back =
        j->type == F64 ? squares_f64(n * n, (double *)inverse) : squares_f32(n * n, (float *)inverse);
    return sqrt(r) * sqrt(back);
}

bool cpu_least_squares(const Ctx *c, DType t, int64_t m, int64_t n, int64_t k, const void *a, void *b,
                       double most, void *scratch, int threads) {
    Qr j = {.c = c};
    char *rows = (char *)scratch + lay_out(&j, t, m, n + k, n, 0, scratch);
    char *solving = rows + ctx_scratch_part(n * (n > k ? n : k) * j.size);
    j.threads = n < REFLECT_THREADED ? 1 : threads;
    copy_columns(&j, n, j.a, j.ld, a, m);
    copy_columns(&j, k, element(&j, j.a, 0, n), j.ld, b, m);
    clear_gaps(&j, n + k, j.a);
    factor(&j);
    if (!(condition(&j, rows, solving) <= most)) return false;
    if (t == F64)
        to_rows_f64(n, k, (double *)element(&j, j.a, 0, n), j.ld, (double *)rows);
    else
        to_rows_f32(n, k, (float *)element(&j, j.a, 0, n), j.ld, (float *)rows);
    solve_r(&j, k, rows, solving);
    if (t == F64)
        from_rows_f64(n, k, b, m, (double *)rows);
    else
        from_rows_f32(n, k, b, m, (float *)rows);
    return true;
}
