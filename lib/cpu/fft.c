/* Walking a tensor's lines with the Fourier kernels.
 *
 * Lines that lie beside each other run in lanes straight from memory and back. Other lines are taken in
 * groups: rows of pairs as they are, anything else copied to such rows first. A real line of even length n is
 * n / 2 pairs, transformed as such and then unfolded; of odd length, two real lines are the parts of one row
 * of pairs. */
#include "cpu/fft.h"
#include "core/parallel.h"
#include "cpu/fft_plan.h"
#include <omp.h>

enum {
    COLUMNS_BYTES = 1 << 20, /* what columns in lanes may work in: beyond, single rows stay nearer */
    GROUP = FFT_MOST_LANES,
    PAIRS = 4096, /* that a task multiplies */
    PAIR_WORK = 4 /* elementary operations of a product */
};

typedef struct Job {
    const FftLines *f;
    const FftKernels *kernels;
    FftPlan *plan, *halves;                  /* halves: of real lines of even length */
    int64_t size;                            /* bytes of a number */
    int64_t length;                          /* pairs of a row that is transformed */
    int64_t x_room, y_room;                  /* numbers in a line of x, of y */
    int x_width, y_width;                    /* numbers of an element: 1 real, 2 a pair */
    bool columns;                            /* lanes straight from memory */
    bool joined;                             /* two real lines a row */
    bool gathers, scatters;                  /* lines of x, of y go through rows of their own */
    bool own_rows;                           /* the rows that are transformed are neither x's nor y's */
    int64_t lines, group;                    /* lines in all, in a task */
    int threads, row_threads;                /* that take tasks; that share each row */
    int64_t x_at, y_at, rows_at, work_bytes; /* where in a thread's work these rows begin */
} Job;

/* --- rows ----------------------------------------------------------------------------------------------- */

static void transform(const Job *j, const void *const *in, void *const *out, int count, bool inverse,
                      double scale, void *work) {
    if (j->plan->method == FFT_LANES) {
        const void *from[GROUP];
        for (int i = 0; i < GROUP; i++) from[i] = in[i < count ? i : 0];
        j->kernels->rows(&j->plan->u.lanes, from, out, count, inverse, scale, work);
    } else {
        for (int i = 0; i < count; i++) fft_row(j->plan, in[i], out[i], inverse, scale, work, j->row_threads);
    }
}

/* Real lines of even length, in lanes all the way. */
static void run_real_lanes(const Job *j, const char **x, char **y, int count, void *work) {
    const FftLines *f = j->f;
    const FftLanes *lanes = &j->plan->u.lanes;
    const void *from[GROUP];
    for (int i = 0; i < GROUP; i++) from[i] = x[i < count ? i : 0];
    if (f->kind == FFT_R2C)
        j->kernels->real_rows(lanes, j->halves->u.roots, from, (void *const *)y, count, f->inverse, f->scale,
                              work);
    else
        j->kernels->half_rows(lanes, j->halves->u.roots, from, (void *const *)y, count, !f->inverse, f->scale,
                              work);
}

/* Real lines of odd length, two a row. */
static void run_joined(const Job *j, const char **x, char **y, int count, void **rows, void *work) {
    const FftLines *f = j->f;
    const int pairs = (count + 1) / 2;
    for (int i = 0; i < pairs; i++) {
        const char *second = 2 * i + 1 < count ? x[2 * i + 1] : NULL;
        if (f->kind == FFT_R2C)
            j->kernels->join(rows[i], x[2 * i], second, f->n);
        else
            j->kernels->join_half(rows[i], x[2 * i], second, f->n, !f->inverse);
    }
    transform(j, (const void *const *)rows, rows, pairs, f->kind == FFT_C2R, f->scale, work);
    for (int i = 0; i < pairs; i++) {
        char *second = 2 * i + 1 < count ? y[2 * i + 1] : NULL;
        if (f->kind == FFT_R2C)
            j->kernels->part(y[2 * i], second, rows[i], f->n, f->inverse);
        else
            j->kernels->take(y[2 * i], second, rows[i], f->n);
    }
}

static void run_rows(const Job *j, const char **x, char **y, int count, void **rows, void *work) {
    const FftLines *f = j->f;
    if (f->kind != FFT_C2C && j->plan->method == FFT_LANES) {
        run_real_lanes(j, x, y, count, work);
    } else if (f->kind == FFT_C2C) {
        transform(j, (const void *const *)x, (void *const *)y, count, f->inverse, f->scale, work);
    } else if (f->kind == FFT_R2C) {
        transform(j, (const void *const *)x, (void *const *)y, count, false, f->scale, work);
        for (int i = 0; i < count; i++) j->kernels->unfold(y[i], j->halves->u.roots, j->length, f->inverse);
    } else {
        for (int i = 0; i < count; i++)
            j->kernels->fold(rows[i], x[i], j->halves->u.roots, j->length, !f->inverse);
        transform(j, (const void *const *)rows, (void *const *)y, count, true, f->scale, work);
    }
}

/* The places of line `i` in y (0) or x (1). */
static int64_t line_offset(const Loop *lines, int operand, int64_t i) {
    int64_t coordinate[MAX_DIMS];
    return lines->ndim == 1 ? i * lines->stride[operand][0] : loop_offset(lines, operand, i, coordinate);
}

static void run_group(const Job *j, int64_t task, char *work) {
    const FftLines *f = j->f;
    const char *x[2 * GROUP] = {0};
    char *y[2 * GROUP] = {0}, *result[2 * GROUP];
    void *rows[GROUP];
    const int64_t first = task * j->group, left = j->lines - first;
    const int count = (int)(left < j->group ? left : j->group);
    for (int i = 0; i < count; i++) {
        x[i] = (const char *)f->x + line_offset(&f->lines, 1, first + i) * j->size;
        y[i] = (char *)f->y + line_offset(&f->lines, 0, first + i) * j->size;
        result[i] = j->scatters ? work + j->y_at + i * j->y_room * j->size : y[i];
    }
    if (j->gathers) {
        char *dense[2 * GROUP] = {0};
        for (int i = 0; i < count; i++) dense[i] = work + j->x_at + i * j->x_room * j->size;
        j->kernels->gather((void *const *)dense, (const void *const *)x, count, j->x_room / j->x_width,
                           f->x_step, j->x_width);
        for (int i = 0; i < count; i++) x[i] = dense[i];
    }
    for (int i = 0; i < GROUP; i++) rows[i] = work + j->rows_at + i * 2 * j->length * j->size;
    if (j->joined)
        run_joined(j, x, result, count, rows, work);
    else
        run_rows(j, x, result, count, rows, work);
    if (j->scatters)
        j->kernels->scatter((void *const *)y, (const void *const *)result, count, j->y_room / j->y_width,
                            f->y_step, j->y_width);
}

/* --- columns -------------------------------------------------------------------------------------------- */

/* Tasks of an inner run of lines. */
static int64_t column_groups(const Job *j) {
    return (j->f->lines.size[j->f->lines.ndim - 1] + j->kernels->lanes - 1) / j->kernels->lanes;
}

static void run_columns(const Job *j, int64_t task, char *work) {
    const FftLines *f = j->f;
    const int last = f->lines.ndim - 1;
    const int64_t groups = column_groups(j), run = f->lines.size[last];
    const int64_t from = task % groups * j->kernels->lanes, line = task / groups * run + from;
    const int count = (int)(run - from < j->kernels->lanes ? run - from : j->kernels->lanes);
    const char *x = (const char *)f->x + line_offset(&f->lines, 1, line) * j->size;
    char *y = (char *)f->y + line_offset(&f->lines, 0, line) * j->size;
    j->kernels->columns(&j->plan->u.lanes, x, f->x_step, f->lines.stride[1][last], y, f->y_step,
                        f->lines.stride[0][last], count, f->inverse, f->scale, work);
}

/* --- the choice of a plan ------------------------------------------------------------------------------- */

/* Lanes take the lines as they lie where these are no rows of pairs and stay in the nearer caches. */
static bool takes_columns(const Job *j) {
    const FftLines *f = j->f;
    return f->kind == FFT_C2C && j->gathers && fft_is_smooth(j->length, FFT_LARGEST_RADIX) &&
           4 * j->length * j->kernels->lanes * j->size <= COLUMNS_BYTES;
}

static bool plan_job(Ctx *c, Job *j, const FftLines *f) {
    const bool odd = f->n % 2 != 0;
    *j = (Job){.f = f, .kernels = fft_kernels(f->dtype), .size = (int64_t)dtype_size(f->dtype)};
    j->x_width = f->kind == FFT_R2C ? 1 : 2;
    j->y_width = f->kind == FFT_C2R ? 1 : 2;
    j->x_room = f->kind == FFT_C2C ? 2 * f->n : f->kind == FFT_R2C ? f->n : 2 * (f->n / 2 + 1);
    j->y_room = f->kind == FFT_C2C ? 2 * f->n : f->kind == FFT_C2R ? f->n : 2 * (f->n / 2 + 1);
    j->joined = f->kind != FFT_C2C && odd;
    j->length = f->kind == FFT_C2C || odd ? f->n : f->n / 2;
    j->gathers = f->x_step != j->x_width;
    j->scatters = f->y_step != j->y_width;
    j->lines = f->lines.numel;
    j->columns = takes_columns(j);
    const FftMethod method = j->columns ? FFT_LANES : fft_method(f->dtype, j->length);
    j->plan = fft_plan(c, method, f->dtype, j->length);
    if (!j->plan) return false;
    if (f->kind == FFT_C2C || odd) return true;
    j->halves = fft_plan(c, FFT_HALVES, f->dtype, f->n);
    return j->halves != NULL;
}

static int64_t tasks_of(const Job *j) {
    if (!j->columns) return (j->lines + j->group - 1) / j->group;
    return j->lines / j->f->lines.size[j->f->lines.ndim - 1] * column_groups(j);
}

/* How many lines a task takes and how many threads there are. Threads share rows where these are too few. */
static void share_out(const Ctx *c, Job *j) {
    int64_t bits = 1;
    while (j->length >> bits) bits++;
    const int threads = ctx_threads(c, j->lines * j->length * bits);
    const bool lanes = j->plan->method == FFT_LANES;
    j->group = lanes ? j->kernels->lanes : j->lines < 4 * GROUP * threads && !j->gathers ? 1 : GROUP;
    if (j->joined) j->group *= 2;
    const int64_t tasks = tasks_of(j);
    const bool shared = tasks < threads && j->plan->method == FFT_STEPS;
    j->row_threads = shared ? threads : 1;
    j->threads = shared ? 1 : tasks < threads ? (int)tasks : threads;
}

/* What a thread works in. */
static void lay_out(Job *j) {
    const bool own_rows = j->joined || j->f->kind == FFT_C2R;
    const int64_t line = 64;
    int64_t at = (fft_row_work(j->plan, j->row_threads) * j->size + line - 1) / line * line;
    j->rows_at = at;
    if (own_rows) at += GROUP * 2 * j->length * j->size;
    j->x_at = at;
    if (j->gathers && !j->columns) at += j->group * j->x_room * j->size;
    j->y_at = at;
    if (j->scatters && !j->columns) at += j->group * j->y_room * j->size;
    j->work_bytes = (at + line - 1) / line * line;
}

static void run_task(const Job *j, int64_t task, char *work) {
    if (j->columns)
        run_columns(j, task, work);
    else
        run_group(j, task, work);
}

static bool run_tasks(Ctx *c, const Job *j) {
    const int64_t tasks = tasks_of(j);
    char *work = ctx_scratch(c, j->threads * j->work_bytes);
    if (!work) return false;
    PARALLEL_FOR(j->threads, t, tasks, {
        if (!ctx_stopping(c)) run_task(j, t, work + omp_get_thread_num() * j->work_bytes);
    });
    ctx_scratch_free(c, work);
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}

bool cpu_fft(Ctx *c, const FftLines *f) {
    Job j;
    if (f->lines.numel == 0) return true;
    bool ok = plan_job(c, &j, f);
    if (ok) {
        share_out(c, &j);
        lay_out(&j);
        ok = run_tasks(c, &j);
    }
    fft_plan_done(c, j.halves);
    fft_plan_done(c, j.plan);
    return ok;
}

/* --- products ------------------------------------------------------------------------------------------- */

typedef struct Product {
    const FftKernels *kernels;
    const Loop *pairs;
    int64_t size, pieces; /* bytes of a number; tasks of an inner run */
    char *y;
    const char *a, *b;
    bool conj;
} Product;

static void run_product(const Product *p, int64_t task) {
    const int last = p->pairs->ndim - 1;
    const int64_t run = p->pairs->size[last], from = task % p->pieces * PAIRS;
    const int64_t first = task / p->pieces * run + from;
    p->kernels->pairs(p->y + line_offset(p->pairs, 0, first) * p->size, p->pairs->stride[0][last],
                      p->a + line_offset(p->pairs, 1, first) * p->size, p->pairs->stride[1][last],
                      p->b + line_offset(p->pairs, 2, first) * p->size, p->pairs->stride[2][last],
                      run - from < PAIRS ? run - from : PAIRS, p->conj);
}

bool cpu_pairs(Ctx *c, DType dtype, const Loop *pairs, void *y, const void *a, const void *b, bool conj) {
    if (pairs->numel == 0) return true;
    const int64_t run = pairs->size[pairs->ndim - 1], pieces = (run + PAIRS - 1) / PAIRS;
    const Product p = {fft_kernels(dtype), pairs, (int64_t)dtype_size(dtype), pieces, y, a, b, conj};
    const int64_t tasks = pairs->numel / run * pieces;
    const int threads = ctx_threads(c, pairs->numel * PAIR_WORK);
    PARALLEL_FOR(threads, t, tasks, {
        if (!ctx_stopping(c)) run_product(&p, t);
    });
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}
