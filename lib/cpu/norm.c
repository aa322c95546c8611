/* Walks of the normalisations: what one task takes, and the order in which partial sums are joined. The
 * arithmetic is in kernels_norm.c. */
#include "cpu/norm.h"
#include "core/parallel.h"
#include "cpu/isa.h"
#include "cpu/kernels_norm.h"
#include <math.h>
#include <string.h>

enum {
    ROWS_WORK = 1 << 14, /* elements of the rows that one task takes */
    COLUMNS = 64,        /* columns of one task, where channels lie side by side */
    COST = 4             /* elementary operations that one element costs */
};

ISA_DECLARE(NormKernels, norm_kernels);

static const NormKernel *kernel(DType t) {
    const NormKernels *k = ISA_SELECT(norm_kernels);
    return t == F64 ? &k->f64 : &k->f32;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static bool finished(Ctx *c) {
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}

/* One call: what its tasks read and write. Offsets are in bytes of `size` elements. */
typedef struct Job {
    const NormKernel *k;
    int64_t size, count; /* bytes of an element; how many tasks */
    char *out;
    const char *g, *x;
    NormView v;
    int64_t groups;
    double *mean, *var, *gw, *gb; /* by channel; in group normalisation gw, gb by sample and channel */
    const double *w, *b;
    double eps;
    bool given, centre;
    int64_t rows, n, step; /* of row normalisation; step: rows of one task */
    const void *row_w, *row_b;
    void *scratch; /* 2 n elements for each task of the gradient */
    bool want_w, want_b;
} Job;

static void run(const Ctx *c, const Job *job, void (*task)(const Job *, int64_t), int64_t work) {
    int threads = job->count > 1 ? ctx_threads(c, COST * work) : 1;
    PARALLEL_FOR(threads, t, job->count, {
        if (!ctx_stopping(c)) task(job, t);
    });
}

/* --- rows ------------------------------------------------------------------------------------------------
 */

static void row_task(const Job *j, int64_t t) {
    const int64_t first = t * j->step, at = first * j->n * j->size;
    j->k->rows(j->out + at, j->x + at, least(j->step, j->rows - first), j->n, j->row_w, j->row_b, j->eps,
               j->centre);
}

bool cpu_row_norm(Ctx *c, void *y, const void *x, DType dtype, int64_t rows, int64_t n, const void *w,
                  const void *b, double eps, bool centre) {
    if (rows * n == 0) return true;
    Job job = {.k = kernel(dtype),
               .size = (int64_t)dtype_size(dtype),
               .out = y,
               .x = x,
               .rows = rows,
               .n = n,
               .row_w = w,
               .row_b = b,
               .eps = eps,
               .centre = centre};
    job.step = n < ROWS_WORK ? ROWS_WORK / n : 1;
    job.count = (rows + job.step - 1) / job.step;
    run(c, &job, row_task, rows * n);
    return finished(c);
}

/* gw and gb hold a row of sums for each task. */
static void row_grad_task(const Job *j, int64_t t) {
    const int64_t first = t * j->step, at = first * j->n * j->size;
    j->k->rows_grad(j->out + at, j->want_w ? j->gw + t * j->n : NULL, j->want_b ? j->gb + t * j->n : NULL,
                    j->g + at, j->x + at, least(j->step, j->rows - first), j->n, j->row_w, j->eps, j->centre,
                    (char *)j->scratch + t * 2 * j->n * j->size);
}

bool cpu_row_norm_grad(Ctx *c, void *gx, double *gw, double *gb, const void *g, const void *x, DType dtype,
                       int64_t rows, int64_t n, const void *w, double eps, bool centre) {
    if (gw) memset(gw, 0, (size_t)n * sizeof *gw);
    if (gb) memset(gb, 0, (size_t)n * sizeof *gb);
    if (rows * n == 0) return true;
    Job job = {.k = kernel(dtype),
               .size = (int64_t)dtype_size(dtype),
               .out = gx,
               .g = g,
               .x = x,
               .rows = rows,
               .n = n,
               .row_w = w,
               .eps = eps,
               .centre = centre,
               .want_w = gw,
               .want_b = gb};
    /* As many tasks as threads, each with sums of its own: they are joined in order. */
    job.count = least(rows, ctx_threads(c, COST * rows * n));
    job.step = (rows + job.count - 1) / job.count;
    job.count = (rows + job.step - 1) / job.step;
    const int64_t slots = 2 * job.count * n;
    double *sums = ctx_scratch(c, slots * ((int64_t)sizeof *sums + job.size));
    if (!sums) return false;
    memset(sums, 0, (size_t)slots * sizeof *sums);
    job.gw = sums;
    job.gb = sums + job.count * n;
    job.scratch = sums + slots;
    run(c, &job, row_grad_task, rows * n);
    for (int64_t t = 0; t < job.count; t++)
        for (int64_t i = 0; i < n; i++) {
            if (gw) gw[i] += job.gw[t * n + i];
            if (gb) gb[i] += job.gb[t * n + i];
        }
    ctx_scratch_free(c, sums);
    return finished(c);
}

/* --- channels over the batch --------------------------------------------------------------------------- */

/* A task is one channel; or where each has one position a sample (s = 1), a block of neighbouring columns. */
static int64_t channel_tasks(NormView v) {
    return v.s == 1 ? (v.c + COLUMNS - 1) / COLUMNS : v.c;
}

static double weight_of(const Job *j, int64_t channel) {
    return j->w ? j->w[channel] : 1;
}

/* The element nearest to a mean: what distances are taken from. */
static double nearest(const Job *j, double mean) {
    return j->size == sizeof(double) ? mean : (double)(float)mean;
}

/* Mean and variance from the sums of distances from `near` and of their squares. */
static void mend(const double sums[2], double count, double near, double *mean, double *var) {
    double squares = sums[1] - sums[0] * sums[0] / count;
    *mean = near + sums[0] / count;
    *var = squares < 0 ? 0 : squares / count; /* nan stays */
}

/* Mean and variance of `w` channels from `first` on. */
static void moments(const Job *j, int64_t first, int64_t w, double *mean, double *var) {
    const NormView v = j->v;
    const double count = (double)(v.n * v.s);
    for (int64_t i = 0; i < w; i++) mean[i] = var[i] = 0;
    if (v.s == 1) {
        const char *x = j->x + first * j->size;
        j->k->column_sum(mean, x, v.n, v.c, w);
        for (int64_t i = 0; i < w; i++) mean[i] /= count;
        j->k->column_squares(var, x, v.n, v.c, w, mean);
    } else {
        const char *x = j->x + first * v.s * j->size;
        const int64_t next = v.c * v.s * j->size;
        double sums[2] = {0, 0}, near;
        for (int64_t n = 0; n < v.n; n++) *mean += j->k->sum(x + n * next, v.s);
        near = nearest(j, *mean / count);
        for (int64_t n = 0; n < v.n; n++) j->k->distances(sums, x + n * next, v.s, near);
        mend(sums, count, near, mean, var);
        return;
    }
    for (int64_t i = 0; i < w; i++) var[i] /= count;
}

static void channel_task(const Job *j, int64_t t) {
    const NormView v = j->v;
    const int64_t first = v.s == 1 ? t * COLUMNS : t, w = v.s == 1 ? least(COLUMNS, v.c - first) : 1;
    double *mean = j->mean + first, scale[COLUMNS], shift[COLUMNS];
    if (!j->given) moments(j, first, w, mean, j->var + first);
    for (int64_t i = 0; i < w; i++) {
        scale[i] = weight_of(j, first + i) / sqrt(j->var[first + i] + j->eps);
        shift[i] = j->b ? j->b[first + i] : 0;
    }
    const int64_t at = first * v.s * j->size, next = v.c * v.s * j->size;
    if (v.s == 1)
        j->k->column_affine(j->out + at, j->x + at, v.n, v.c, w, mean, scale, shift);
    else
        for (int64_t n = 0; n < v.n; n++)
            j->k->affine(j->out + at + n * next, j->x + at + n * next, v.s, *mean, *scale, *shift);
}

bool cpu_batch_norm(Ctx *c, void *y, const void *x, DType dtype, NormView v, double *mean, double *var,
                    bool given, const double *w, const double *b, double eps) {
    if (v.n * v.c * v.s == 0) return true;
    const Job job = {.k = kernel(dtype),
                     .size = (int64_t)dtype_size(dtype),
                     .count = channel_tasks(v),
                     .out = y,
                     .x = x,
                     .v = v,
                     .mean = mean,
                     .var = var,
                     .given = given,
                     .w = w,
                     .b = b,
                     .eps = eps};
    run(c, &job, channel_task, v.n * v.c * v.s);
    return finished(c);
}

/* gx = scale w (g - mean(g) - (x - mean) scale^2 mean(g (x - mean))), from the sums of g and g (x - mean)
 * over `count` elements. */
static NormSlopes slopes(double scale, double w, double g, double gx, double count) {
    return (NormSlopes){scale * w, -scale * scale * scale * w * gx / count, -scale * w * g / count};
}

static void channel_grad_task(const Job *j, int64_t t) {
    const NormView v = j->v;
    const int64_t first = v.s == 1 ? t * COLUMNS : t, w = v.s == 1 ? least(COLUMNS, v.c - first) : 1;
    const int64_t at = first * v.s * j->size, next = v.c * v.s * j->size;
    double mean[COLUMNS], var[COLUMNS], sums[2] = {0, 0}, *gb = j->gb + first, *gw = j->gw + first;
    NormSlopes s[COLUMNS];
    moments(j, first, w, mean, var);
    for (int64_t i = 0; i < w; i++) gb[i] = gw[i] = 0;
    if (v.s == 1) {
        j->k->column_grad_sums(gb, gw, j->g + at, j->x + at, v.n, v.c, w, mean);
    } else {
        for (int64_t n = 0; n < v.n; n++)
            j->k->grad_sums(sums, j->g + at + n * next, j->x + at + n * next, v.s, *mean);
        *gb = sums[0];
        *gw = sums[1];
    }
    for (int64_t i = 0; i < w; i++) {
        const double scale = 1 / sqrt(var[i] + j->eps);
        s[i] = slopes(scale, weight_of(j, first + i), gb[i], gw[i], (double)(v.n * v.s));
        gw[i] *= scale;
    }
    if (v.s == 1)
        j->k->column_grad_affine(j->out + at, j->g + at, j->x + at, v.n, v.c, w, mean, s);
    else
        for (int64_t n = 0; n < v.n; n++)
            j->k->grad_affine(j->out + at + n * next, j->g + at + n * next, j->x + at + n * next, v.s, *mean,
                              *s);
}

bool cpu_batch_norm_grad(Ctx *c, void *gx, double *gw, double *gb, const void *g, const void *x, DType dtype,
                         NormView v, const double *w, double eps) {
    if (v.n * v.c * v.s == 0) {
        memset(gw, 0, (size_t)v.c * sizeof *gw);
        memset(gb, 0, (size_t)v.c * sizeof *gb);
        return true;
    }
    const Job job = {.k = kernel(dtype),
                     .size = (int64_t)dtype_size(dtype),
                     .count = channel_tasks(v),
                     .out = gx,
                     .g = g,
                     .x = x,
                     .v = v,
                     .gw = gw,
                     .gb = gb,
                     .w = w,
                     .eps = eps};
    run(c, &job, channel_grad_task, v.n * v.c * v.s);
    return finished(c);
}

/* --- groups of channels of one sample ------------------------------------------------------------------- */

/* A task is one group of one sample: its elements are neighbours. */
static double group_moments(const Job *j, const char *x, int64_t count, double *mean) {
    double sums[2] = {0, 0}, var, near = nearest(j, j->k->sum(x, count) / (double)count);
    j->k->distances(sums, x, count, near);
    mend(sums, (double)count, near, mean, &var);
    return 1 / sqrt(var + j->eps);
}

static void group_task(const Job *j, int64_t t) {
    const int64_t channels = j->v.c / j->groups, first = t % j->groups * channels, s = j->v.s;
    const int64_t next = s * j->size;
    const char *x = j->x + t * channels * next;
    char *y = j->out + t * channels * next;
    double mean, scale = group_moments(j, x, channels * s, &mean);
    for (int64_t i = 0; i < channels; i++)
        j->k->affine(y + i * next, x + i * next, s, mean, scale * weight_of(j, first + i),
                     j->b ? j->b[first + i] : 0);
}

bool cpu_group_norm(Ctx *c, void *y, const void *x, DType dtype, NormView v, int64_t groups, const double *w,
                    const double *b, double eps) {
    if (v.n * v.c * v.s == 0) return true;
    const Job job = {.k = kernel(dtype),
                     .size = (int64_t)dtype_size(dtype),
                     .count = v.n * groups,
                     .out = y,
                     .x = x,
                     .v = v,
                     .groups = groups,
                     .w = w,
                     .b = b,
                     .eps = eps};
    run(c, &job, group_task, v.n * v.c * v.s);
    return finished(c);
}

static void group_grad_task(const Job *j, int64_t t) {
    const int64_t channels = j->v.c / j->groups, first = t % j->groups * channels, s = j->v.s;
    const int64_t next = s * j->size, at = t * channels * next;
    double mean, scale = group_moments(j, j->x + at, channels * s, &mean), h[2] = {0, 0};
    double *gw = j->gw + t * channels, *gb = j->gb + t * channels;
    for (int64_t i = 0; i < channels; i++) {
        double sums[2] = {0, 0}, w = weight_of(j, first + i);
        j->k->grad_sums(sums, j->g + at + i * next, j->x + at + i * next, s, mean);
        gb[i] = sums[0];
        gw[i] = sums[1] * scale;
        h[0] += w * sums[0];
        h[1] += w * sums[1];
    }
    for (int64_t i = 0; i < channels; i++) {
        NormSlopes slope = slopes(scale, 1, h[0], h[1], (double)(channels * s));
        slope.slope *= weight_of(j, first + i);
        j->k->grad_affine(j->out + at + i * next, j->g + at + i * next, j->x + at + i * next, s, mean, slope);
    }
}

bool cpu_group_norm_grad(Ctx *c, void *gx, double *gw, double *gb, const void *g, const void *x, DType dtype,
                         NormView v, int64_t groups, const double *w, double eps) {
    memset(gw, 0, (size_t)v.c * sizeof *gw);
    memset(gb, 0, (size_t)v.c * sizeof *gb);
    if (v.n * v.c * v.s == 0) return true;
    double *sums = ctx_scratch(c, 2 * v.n * v.c * (int64_t)sizeof *sums);
    if (!sums) return false;
    const Job job = {.k = kernel(dtype),
                     .size = (int64_t)dtype_size(dtype),
                     .count = v.n * groups,
                     .out = gx,
                     .g = g,
                     .x = x,
                     .v = v,
                     .groups = groups,
                     .gw = sums,
                     .gb = sums + v.n * v.c,
                     .w = w,
                     .eps = eps};
    run(c, &job, group_grad_task, v.n * v.c * v.s);
    for (int64_t n = 0; n < v.n; n++)
        for (int64_t i = 0; i < v.c; i++) {
            gw[i] += job.gw[n * v.c + i];
            gb[i] += job.gb[n * v.c + i];
        }
    ctx_scratch_free(c, sums);
    return finished(c);
}
