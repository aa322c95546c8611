/* The walk of softmax over rows or blocks of columns; the arithmetic is in kernels_softmax.c. */
#include "cpu/softmax.h"
#include "core/parallel.h"
#include "cpu/isa.h"

enum {
    ROWS_WORK = 1 << 14, /* elements of the rows that one task takes */
    EXP_COST = 8         /* elementary operations that one element costs */
};

ISA_DECLARE(SoftmaxKernels, softmax_kernels);

static const SoftmaxKernel *kernel(DType t) {
    const SoftmaxKernels *k = ISA_SELECT(softmax_kernels);
    return t == F64 ? &k->f64 : &k->f32;
}

/* The tasks of a view: `count` of them, each `rows` whole rows, or a block of columns. */
typedef struct Tasks {
    int64_t count, rows, blocks;
    int threads;
} Tasks;

static Tasks cut(const Ctx *c, SoftmaxView v) {
    Tasks t = {.rows = 1, .blocks = 1};
    if (v.outer * v.n * v.inner == 0) return t;
    if (v.inner == 1) {
        t.rows = v.n < ROWS_WORK ? ROWS_WORK / v.n : 1;
        t.count = (v.outer + t.rows - 1) / t.rows;
    } else {
        t.blocks = (v.inner + SOFTMAX_COLUMNS - 1) / SOFTMAX_COLUMNS;
        t.count = v.outer * t.blocks;
    }
    t.threads = t.count > 1 ? ctx_threads(c, EXP_COST * v.outer * v.n * v.inner) : 1;
    return t;
}

/* Where a task begins and how much it is: rows from `row`, or `w` columns from `column` of slice `outer`. */
typedef struct Place {
    int64_t offset, result, rows, w;
} Place;

static Place place(SoftmaxView v, const Tasks *t, int64_t task) {
    if (v.inner == 1) {
        int64_t row = task * t->rows, rows = v.outer - row < t->rows ? v.outer - row : t->rows;
        return (Place){row * v.n, row, rows, 1};
    }
    int64_t outer = task / t->blocks, column = task % t->blocks * SOFTMAX_COLUMNS;
    int64_t w = v.inner - column < SOFTMAX_COLUMNS ? v.inner - column : SOFTMAX_COLUMNS;
    return (Place){outer * v.n * v.inner + column, outer * v.inner + column, 1, w};
}

/* One call: what every task of it reads. g is NULL in the forward direction. */
typedef struct Job {
    const SoftmaxKernel *kernel;
    SoftmaxView v;
    Tasks t;
    SoftmaxForm form;
    int64_t size, result_size; /* bytes of an element, and of one of the result */
    char *out;
    const char *x, *g; /* backwards x is the result y */
    const double *scale;
} Job;

static void run_task(const Job *job, int64_t task) {
    const SoftmaxKernel *k = job->kernel;
    const SoftmaxView v = job->v;
    const Place p = place(v, &job->t, task);
    const char *x = job->x + p.offset * job->size;
    const double *scale = job->scale ? job->scale + p.result : NULL;
    char *out = job->out + (job->form == FORM_LOGSUMEXP ? p.result : p.offset) * job->result_size;
    if (job->g) {
        const char *g = job->g + p.offset * job->size;
        if (v.inner == 1)
            k->grad_rows(out, g, x, p.rows, v.n, job->form);
        else
            k->grad_columns(out, g, x, v.n, v.inner, p.w, job->form);
    } else if (v.inner == 1) {
        k->rows(out, x, p.rows, v.n, scale, job->form);
    } else {
        k->columns(out, x, v.n, v.inner, p.w, scale, job->form);
    }
}

static bool run(Ctx *c, const Job *job) {
    PARALLEL_FOR(job->t.threads, task, job->t.count, {
        if (!ctx_stopping(c)) run_task(job, task);
    });
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}

bool cpu_softmax(Ctx *c, void *y, const void *x, DType dtype, SoftmaxView v, const double *scale,
                 SoftmaxForm form) {
    const int64_t size = (int64_t)dtype_size(dtype);
    const Job job = {.kernel = kernel(dtype),
                     .v = v,
                     .t = cut(c, v),
                     .form = form,
                     .size = size,
                     .result_size = form == FORM_LOGSUMEXP ? (int64_t)sizeof(double) : size,
                     .out = y,
                     .x = x,
                     .scale = scale};
    return run(c, &job);
}

bool cpu_softmax_grad(Ctx *c, void *gx, const void *g, const void *y, DType dtype, SoftmaxView v,
                      SoftmaxForm form) {
    const int64_t size = (int64_t)dtype_size(dtype);
    const Job job = {.kernel = kernel(dtype),
                     .v = v,
                     .t = cut(c, v),
                     .form = form,
                     .size = size,
                     .result_size = size,
                     .out = gx,
                     .x = y,
                     .g = g};
    return run(c, &job);
}
