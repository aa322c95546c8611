/* Panels of columns, and the update of what stands beside them. */
#include "cpu/qr.h"
#include "cpu/kernels_reflect.h"
#include "cpu/reflect.h"
#include <string.h>

enum {
    SMALL = 96,      /* columns up to which reflectors one by one are faster */
    THREADED = 1024, /* order from which products of so few reflectors are worth several threads */
    ALIGNED_TO = 64
};

/* One matrix on its way. Columns lie ld elements apart, zeros in the gaps. */
typedef struct Qr {
    const Ctx *c;
    DType type;
    const ReflectKernels *kernels;
    int64_t size, m, n, ld, count; /* bytes of an element; count: reflectors */
    double *tau;
    char *a, *q, *v, *work; /* v: the reflectors of a panel */
    void *products;
    int threads;
} Qr;

static int64_t aligned(int64_t bytes) {
    return (bytes + ALIGNED_TO - 1) / ALIGNED_TO * ALIGNED_TO;
}

/* Lays out j in the scratch memory; returns how much that is. */
static int64_t lay_out(Qr *j, DType t, int64_t m, int64_t n, int64_t columns, char *scratch) {
    j->type = t;
    j->size = (int64_t)dtype_size(t);
    j->kernels = &ISA_SELECT(reflect_kernels)->type[t == F64];
    j->m = m;
    j->n = n;
    j->count = m < n ? m : n;
    j->ld = (m + j->kernels->block - 1) / j->kernels->block * j->kernels->block;
    const int64_t parts[] = {aligned(j->count * (int64_t)sizeof(double)),
                             aligned(n * j->ld * j->size),
                             aligned(columns * j->ld * j->size),
                             j->count > SMALL ? aligned(REFLECTORS * j->ld * j->size) : 0,
                             aligned(j->ld * j->size),
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

int64_t cpu_qr_scratch(DType t, int64_t m, int64_t n, int64_t columns) {
    Qr j;
    return lay_out(&j, t, m, n, columns, NULL);
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

static void put_one(const Qr *j, char *at) {
    if (j->type == F64)
        *(double *)at = 1;
    else
        *(float *)at = 1;
}

/* The reflectors k..k+count-1, as rows of v from element k on. */
static void take_reflectors(const Qr *j, int64_t k, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        char *v = j->v + i * j->ld * j->size;
        memset(v, 0, (size_t)((j->m - k) * j->size));
        if (j->tau[k + i] == 0) continue;
        put_one(j, v + i * j->size);
        memcpy(v + (i + 1) * j->size, element(j, j->a, k + i + 1, k + i),
               (size_t)((j->m - k - i - 1) * j->size));
    }
}

static int64_t panel(const Qr *j, int64_t k) {
    return j->count - k < REFLECTORS ? j->count - k : REFLECTORS;
}

static void factor(const Qr *j) {
    if (j->count <= SMALL) {
        j->kernels->qr(j->m, j->n, j->a, j->ld, j->tau, j->work);
        return;
    }
    for (int64_t k = 0; k < j->count && !ctx_stopping(j->c); k += REFLECTORS) {
        const int64_t count = panel(j, k), next = k + count;
        j->kernels->qr(j->m - k, count, element(j, j->a, k, k), j->ld, j->tau + k, j->work);
        if (next == j->n) return;
        take_reflectors(j, k, count);
        cpu_reflect_rows(j->c, j->type, count, j->n - next, j->m - k, j->v, j->ld, element(j, j->a, k, next),
                         j->ld, false, j->products, j->threads);
    }
}

/* q = H_0 H_1 ... times the first columns of the identity. */
static void form(const Qr *j, int64_t columns) {
    memset(j->q, 0, (size_t)(columns * j->ld * j->size));
    for (int64_t k = 0; k < columns; k++) put_one(j, element(j, j->q, k, k));
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
    lay_out(&j, t, m, n, q ? columns : 0, scratch);
    j.threads = j.count < THREADED ? 1 : threads;
    copy_columns(&j, n, j.a, j.ld, a, m);
    clear_gaps(&j, n, j.a);
    factor(&j);
    take_r(&j, r_rows, r);
    if (!q) return;
    form(&j, columns);
    copy_columns(&j, columns, q, m, j.q, j.ld);
}
