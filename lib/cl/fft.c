/* Launches of kernels_cl/fft.cl: lines to dense rows, one launch a pass over all rows, rows to lines. Many
 * lines go in parts, so that the rows between stay within bounds. */
#include "cl/fft.h"
#include "cl/runtime.h"
#include "cl/walk.h"
#include "cpu/fft_plan.h"

enum {
    PART_BYTES = 1 << 28, /* rows of one part at most, and twice that in all */
    LARGEST_RADIX = 13    /* a work-item's registers hold no more; larger primes go by convolution */
};

#define LINE_MACROS                                                                                          \
    1, {                                                                                                     \
        "X", "FORM", "CHIRP", "WIDE_AT"                                                                      \
    }
static const ClSpec fft_load = {"fft.cl", "fft_load", LINE_MACROS};
static const ClSpec fft_store = {"fft.cl", "fft_store", LINE_MACROS};
static const ClSpec fft_roots = {"fft.cl", "fft_roots", 1, {"X", "WIDE_AT"}};
static const ClSpec fft_chirp = {"fft.cl", "fft_chirp", 1, {"X", "WIDE_AT"}};
static const ClSpec fft_multiply = {"fft.cl", "fft_multiply", 1, {"X", "WIDE_AT"}};
static const ClSpec fft_pass = {"fft.cl", "fft_pass", 1, {"X", "RADIX", "WIDE_AT"}};

/* As in kernels_cl/fft.cl. */
enum { C2C, R2C_EVEN, R2C_ODD, C2R_EVEN, C2R_ODD };
typedef struct Lines {
    int64_t n, length, row, lines, first, results, x_step, y_step, swap, conj;
    int64_t ndim, size[MAX_DIMS], stride[2][MAX_DIMS];
} Lines;

typedef struct Run {
    const char *op;
    const FftLines *f;
    const Tensor *x, *y;
    Device device;
    int form;
    bool chirp;
    int wide;
    Lines lines;
    int passes, radix[FFT_PASSES];
    Storage *rows[2], *roots, *spectrum; /* rows: from, and what the next pass writes */
} Run;

static int64_t pair_bytes(const Run *r) {
    return 2 * (int64_t)dtype_size(r->f->dtype);
}

static int form_of(const FftLines *f) {
    const bool odd = f->n % 2;
    if (f->kind == FFT_R2C) return odd ? R2C_ODD : R2C_EVEN;
    if (f->kind == FFT_C2R) return odd ? C2R_ODD : C2R_EVEN;
    return C2C;
}

static int64_t results_of(int form, int64_t n) {
    switch (form) {
    case R2C_EVEN:
    case R2C_ODD:
        return n / 2 + 1;
    case C2R_EVEN:
        return n / 2;
    default:
        return n;
    }
}

static Lines lines_of(const FftLines *f, int form) {
    Lines l = {.n = f->n, .x_step = f->x_step, .y_step = f->y_step};
    l.length = form == R2C_EVEN || form == C2R_EVEN ? f->n / 2 : f->n;
    l.row = fft_is_smooth(l.length, LARGEST_RADIX) ? l.length : fft_friendly_length(2 * l.length - 1);
    l.results = results_of(form, f->n);
    l.swap = f->kind == FFT_C2C && f->inverse;
    l.conj = f->kind == FFT_R2C ? f->inverse : f->kind == FFT_C2R && !f->inverse;
    l.ndim = f->lines.ndim;
    for (int d = 0; d < f->lines.ndim; d++) {
        l.size[d] = f->lines.size[d];
        for (int k = 0; k < 2; k++) l.stride[k][d] = f->lines.stride[k][d];
    }
    return l;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* All passes over `lines` rows in *from; they are in *from again afterwards, and *to is free. */
static bool run_passes(Ctx *c, const Run *r, Storage **from, Storage **to, int64_t lines) {
    int64_t length = r->lines.row, stride = 1;
    for (int i = 0; i < r->passes; i++) {
        length /= r->radix[i];
        const int values[] = {(int)r->f->dtype, r->radix[i], r->wide};
        ClKernel *k = cl_get_kernel(c, r->op, r->device, &fft_pass, NULL, values);
        if (!k || !cl_launch_flat(c, k, lines * length * stride,
                                  CL_ARGS(arg_storage(*to), arg_storage(*from), arg_storage(r->roots),
                                          arg_int64(length), arg_int64(stride), arg_int64(lines))))
            return false;
        stride *= r->radix[i];
        Storage *done = *to;
        *to = *from;
        *from = done;
    }
    return true;
}

/* The roots of all passes and, for a convolution, the transform of its chirp. */
static bool make_tables(Ctx *c, Run *r) {
    const int values[] = {(int)r->f->dtype, r->wide};
    const int64_t row = r->lines.row;
    r->roots = storage_new_on(c, r->device, row * pair_bytes(r));
    if (!r->roots) return false;
    ClKernel *k = cl_get_kernel(c, r->op, r->device, &fft_roots, NULL, values);
    if (!k || !cl_launch_flat(c, k, row, CL_ARGS(arg_storage(r->roots), arg_int64(row)))) return false;
    if (!r->chirp) return true;
    r->spectrum = storage_new_on(c, r->device, row * pair_bytes(r));
    Storage *other = storage_new_on(c, r->device, row * pair_bytes(r));
    k = r->spectrum && other ? cl_get_kernel(c, r->op, r->device, &fft_chirp, NULL, values) : NULL;
    const bool ok =
        k &&
        cl_launch_flat(c, k, row,
                       CL_ARGS(arg_storage(r->spectrum), arg_int64(r->lines.length), arg_int64(row))) &&
        run_passes(c, r, &r->spectrum, &other, 1);
    if (other) storage_release(other);
    return ok;
}

static bool run_part(Ctx *c, Run *r) {
    const int values[] = {(int)r->f->dtype, r->form, r->chirp, r->wide};
    const int64_t count = r->lines.lines * r->lines.row;
    ClKernel *k = cl_get_kernel(c, r->op, r->device, &fft_load, NULL, values);
    if (!k || !cl_launch_flat(
                  c, k, count,
                  CL_ARGS(arg_storage(r->rows[0]), arg_tensor(r->x), arg_struct(&r->lines, sizeof r->lines))))
        return false;
    if (!run_passes(c, r, &r->rows[0], &r->rows[1], r->lines.lines)) return false;
    if (r->chirp) {
        k = cl_get_kernel(c, r->op, r->device, &fft_multiply, NULL, (int[]){(int)r->f->dtype, r->wide});
        if (!k || !cl_launch_flat(c, k, count,
                                  CL_ARGS(arg_storage(r->rows[0]), arg_storage(r->spectrum),
                                          arg_int64(r->lines.row), arg_int64(count))))
            return false;
        if (!run_passes(c, r, &r->rows[0], &r->rows[1], r->lines.lines)) return false;
    }
    k = cl_get_kernel(c, r->op, r->device, &fft_store, NULL, values);
    return k &&
           cl_launch_flat(c, k, r->lines.lines * r->lines.results,
                          CL_ARGS(arg_tensor(r->y), arg_storage(r->rows[0]),
                                  arg_struct(&r->lines, sizeof r->lines), arg_real(r->device, r->f->scale)));
}

bool cl_fft(Ctx *c, const char *op, const FftLines *f, const Tensor *y, const Tensor *x) {
    const int64_t lines = f->lines.numel;
    if (lines == 0) return true;
    Run r = {.op = op, .f = f, .x = x, .y = y, .device = x->device, .form = form_of(f)};
    r.lines = lines_of(f, r.form);
    r.chirp = r.lines.row != r.lines.length;
    r.passes = fft_factors(r.lines.row, r.radix);
    int64_t part = PART_BYTES / (r.lines.row * pair_bytes(&r));
    part = least(part < 1 ? 1 : part, lines);
    /* No place lies outside its storage. */
    const int64_t size = (int64_t)dtype_size(f->dtype);
    r.wide = x->storage->nbytes / size >= INT32_MAX || y->storage->nbytes / size >= INT32_MAX ||
             2 * part * r.lines.row >= INT32_MAX;
    bool ok = true;
    for (int i = 0; i < 2 && ok; i++) {
        r.rows[i] = storage_new_on(c, r.device, part * r.lines.row * pair_bytes(&r));
        ok = r.rows[i] != NULL;
    }
    ok = ok && make_tables(c, &r);
    for (int64_t first = 0; ok && first < lines; first += part) {
        r.lines.first = first;
        r.lines.lines = least(part, lines - first);
        ok = !ctx_stopping(c) ? run_part(c, &r) : ctx_interrupted(c);
    }
    Storage *const temporary[] = {r.rows[0], r.rows[1], r.roots, r.spectrum};
    for (int i = 0; i < 4; i++)
        if (temporary[i]) storage_release(temporary[i]);
    return ok;
}

bool cl_pairs(Ctx *c, const char *op, const Loop *pairs, const Tensor *y, const Tensor *a, const Tensor *b,
              bool conj) {
    static const ClSpec cmul = {"fft.cl", "cmul", 1, {"X", "WIDE_AT"}};
    if (pairs->numel == 0) return true;
    const Walk walk = walk_of(pairs);
    ClKernel *k = cl_get_kernel(c, op, y->device, &cmul, NULL, (int[]){y->dtype, walk_is_wide(pairs)});
    return k &&
           cl_launch_flat(c, k, pairs->numel,
                          CL_ARGS(arg_tensor(y), arg_tensor(a), arg_tensor(b),
                                  arg_struct(&walk, walk_bytes(3)), arg_int64(pairs->numel), arg_int(conj)));
}
