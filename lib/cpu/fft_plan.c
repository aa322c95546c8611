/* Planning: factors, twiddle tables (computed in double), and the cache of plans. */
#include "cpu/fft_plan.h"
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum {
    SPLIT_BYTES =
        1 << 20, /* a row that FFT_SPLIT takes at most, so that what it works in stays in the nearer caches */
    STEPS_LENGTH = 1024, /* that FFT_STEPS takes at least */
    CACHED_PLANS = 32,
    CACHED_BYTES = 64 << 20 /* of all plans together; a larger one is used once and dropped */
};

/* ctx->fft */
typedef struct PlanCache {
    FftPlan *plan[CACHED_PLANS];
    int64_t bytes;
    uint64_t clock;
} PlanCache;

const FftKernels *fft_kernels(DType dtype) {
    return &ISA_SELECT(fft_kernels)->type[dtype == F64];
}

bool fft_is_smooth(int64_t n, int largest) {
    for (int p = 2; p <= largest; p++)
        while (n % p == 0) n /= p;
    return n == 1;
}

/* --- roots of unity ------------------------------------------------------------------------------------- */

/* exp(-2 pi i k / n) for 0 <= k < n: the angle is brought into the first octant by whole numbers, so that
 * neither sine nor cosine loses anything to cancellation. */
static void root(int64_t k, int64_t n, double *re, double *im) {
    const bool below = 2 * k > n;        /* the lower half plane of exp(+...) */
    int64_t a = 4 * (below ? n - k : k); /* the angle is 2 pi a / 4n, a <= 2n */
    const bool left = a > n;
    if (left) a = 2 * n - a; /* now a <= n: the first quadrant */
    const bool high = 2 * a > n;
    if (high) a = n - a; /* now the first octant */
    const double angle = M_PI_2 * ((double)a / (double)n), c = cos(angle), s = sin(angle);
    *re = high ? s : c;
    *im = high ? c : s;
    if (left) *re = -*re;
    if (!below) *im = -*im;
}

static void put_pair(DType dtype, void *table, int64_t at, double re, double im) {
    if (dtype == F64) {
        ((double *)table)[2 * at] = re;
        ((double *)table)[2 * at + 1] = im;
    } else {
        ((float *)table)[2 * at] = (float)re;
        ((float *)table)[2 * at + 1] = (float)im;
    }
}

/* --- passes --------------------------------------------------------------------------------------------- */

int fft_factors(int64_t n, int *radix) {
    int count = 0;
    for (int p = FFT_LARGEST_RADIX; p > 2; p--)
        for (; n % p == 0 && p % 2; n /= p) {
            bool prime = true;
            for (int q = 3; q * q <= p; q += 2) prime = prime && p % q;
            if (!prime) break;
            radix[count++] = p;
        }
    int bits = 0;
    for (; n % 2 == 0; n /= 2) bits++;
    /* Eights, with fours in place of a last two: 2^(3 a + 1) is 8^(a - 1) 4 4. */
    while (bits > 4 || bits == 3) {
        radix[count++] = 8;
        bits -= 3;
    }
    for (; bits >= 2; bits -= 2) radix[count++] = 4;
    if (bits) radix[count++] = 2;
    return count;
}

static bool has_code(int radix) {
    return radix <= 5 || radix == 8;
}

/* Elements of the tables of a transform in lanes. */
static int64_t lanes_room(int64_t n) {
    int radix[FFT_PASSES];
    int64_t room = 0;
    const int count = fft_factors(n, radix);
    for (int i = 0; i < count; i++) {
        n /= radix[i];
        room += 2 * (n * (radix[i] - 1) + (has_code(radix[i]) ? 0 : radix[i]));
    }
    return room;
}

static void plan_lanes(FftLanes *lanes, DType dtype, int64_t n, char *table) {
    int radix[FFT_PASSES];
    int64_t length = n, stride = 1;
    *lanes = (FftLanes){.n = n, .passes = fft_factors(n, radix)};
    for (int i = 0; i < lanes->passes; i++) {
        const int r = radix[i];
        const int64_t whole = length;
        length /= r;
        lanes->pass[i] = (FftPass){.radix = r, .length = length, .stride = stride, .twiddle = table};
        for (int64_t p = 0; p < length; p++) {
            for (int t = 1; t < r; t++) {
                double re, im;
                root(p * t, whole, &re, &im);
                put_pair(dtype, table, p * (r - 1) + t - 1, re, im);
            }
        }
        table += 2 * length * (r - 1) * (int64_t)dtype_size(dtype);
        stride *= r;
        if (has_code(r)) continue;
        lanes->pass[i].roots = table;
        for (int j = 0; j < r; j++) {
            double re, im;
            root(j, r, &re, &im);
            put_pair(dtype, table, j, re, -im);
        }
        table += 2 * r * (int64_t)dtype_size(dtype);
    }
}

static void put_planar(DType dtype, void *table, int lanes, int64_t at, double re, double im) {
    at = at / lanes * 2 * lanes + at % lanes;
    if (dtype == F64) {
        ((double *)table)[at] = re;
        ((double *)table)[at + lanes] = im;
    } else {
        ((float *)table)[at] = (float)re;
        ((float *)table)[at + lanes] = (float)im;
    }
}

static void plan_spread(void *table, DType dtype, int64_t n, int lanes) {
    for (int64_t k = 0; k < n / lanes; k++) {
        for (int v = 0; v < lanes; v++) {
            double re, im;
            root(k * v, n, &re, &im);
            put_planar(dtype, table, lanes, k * lanes + v, re, im);
        }
    }
}

/* --- plans ---------------------------------------------------------------------------------------------- */

/* A plan with `elements` of the type behind it. */
static FftPlan *new_plan(Ctx *c, FftMethod method, DType dtype, int64_t n, int64_t elements, char **table) {
    const int64_t header = ((int64_t)sizeof(FftPlan) + 63) / 64 * 64;
    const int64_t bytes = header + elements * (int64_t)dtype_size(dtype);
    FftPlan *plan = ctx_scratch(c, bytes);
    if (!plan) return NULL;
    *plan =
        (FftPlan){.method = method, .dtype = dtype, .n = n, .kernels = fft_kernels(dtype), .bytes = bytes};
    *table = (char *)plan + header;
    return plan;
}

static FftPlan *make_plan(Ctx *c, FftMethod method, DType dtype, int64_t n);

static void free_plan(Ctx *c, FftPlan *plan) {
    if (plan->method == FFT_CHIRP && plan->u.chirp.inner) free_plan(c, plan->u.chirp.inner);
    ctx_scratch_free(c, plan);
}

static FftPlan *make_lanes(Ctx *c, DType dtype, int64_t n) {
    char *table;
    FftPlan *plan = new_plan(c, FFT_LANES, dtype, n, lanes_room(n), &table);
    if (!plan) return NULL;
    plan_lanes(&plan->u.lanes, dtype, n, table);
    plan->work = (4 * n + 2) * plan->kernels->lanes;
    return plan;
}

static FftPlan *make_split(Ctx *c, DType dtype, int64_t n) {
    const int lanes = fft_kernels(dtype)->lanes;
    char *table;
    FftPlan *plan = new_plan(c, FFT_SPLIT, dtype, n, 2 * n + lanes_room(n / lanes), &table);
    if (!plan) return NULL;
    plan_spread(table, dtype, n, lanes);
    plan->u.split.spread = table;
    plan_lanes(&plan->u.split.lanes, dtype, n / lanes, table + 2 * n * (int64_t)dtype_size(dtype));
    plan->work = 4 * n;
    return plan;
}

/* The divisor nearest to the root; 1 for a prime. */
static int64_t middle_factor(int64_t n) {
    int64_t best = 1;
    for (int64_t d = 2; d * d <= n; d++)
        if (n % d == 0) best = d;
    return best;
}

static int64_t blocks_of(int64_t n, int64_t lanes) {
    return (n + lanes - 1) / lanes;
}

/* Of the matrix between the steps: its rows are rounded up to whole lanes. */
static int64_t matrix_room(const FftSteps *s, int64_t lanes) {
    return blocks_of(s->columns.n, lanes) * lanes * s->rows.n * 2;
}

static int64_t step_room(const FftSteps *s, int64_t lanes) {
    const int64_t longer = s->columns.n > s->rows.n ? s->columns.n : s->rows.n;
    return 4 * longer * lanes;
}

/* exp(-2 pi i j k / n) for the columns j of a row k of the matrix. */
static void plan_twiddles(DType dtype, void *table, int64_t n, int64_t row, int64_t columns, int lanes) {
    for (int64_t j = 0; j < columns; j++) {
        double re, im;
        root(row * j % n, n, &re, &im);
        put_planar(dtype, table, lanes, j, re, im);
    }
}

static FftPlan *make_steps(Ctx *c, DType dtype, int64_t n) {
    const int lanes = fft_kernels(dtype)->lanes;
    const int64_t n1 = middle_factor(n), n2 = n / n1, size = (int64_t)dtype_size(dtype);
    const int64_t row = blocks_of(n2, lanes) * 2 * lanes, rows = blocks_of(n1, lanes);
    char *table;
    FftPlan *plan =
        new_plan(c, FFT_STEPS, dtype, n, row * (lanes + rows) + lanes_room(n1) + lanes_room(n2), &table);
    if (!plan) return NULL;
    FftSteps *steps = &plan->u.steps;
    steps->near = table;
    memset(table, 0, (size_t)(row * (lanes + rows) * size));
    for (int64_t j = 0; j < n2; j++) {
        for (int i = 0; i < lanes; i++) {
            double re, im;
            root(j * i, n, &re, &im);
            put_planar(dtype, table, lanes, j / lanes * lanes * lanes + i * lanes + j % lanes, re, im);
        }
    }
    table += row * lanes * size;
    steps->far = table;
    for (int64_t a = 0; a < rows; a++, table += row * size)
        plan_twiddles(dtype, table, n, a * lanes, n2, lanes);
    plan_lanes(&steps->columns, dtype, n1, table);
    plan_lanes(&steps->rows, dtype, n2, table + lanes_room(n1) * size);
    plan->work = matrix_room(steps, lanes) + step_room(steps, lanes);
    return plan;
}

int64_t fft_friendly_length(int64_t least) {
    int64_t best = 64;
    while (best < least) best *= 2;
    for (int64_t five = 64; five < best; five *= 5)
        for (int64_t three = five; three < best; three *= 3) {
            int64_t n = three;
            while (n < least) n *= 2;
            if (n < best) best = n;
        }
    return best;
}

static FftPlan *make_chirp(Ctx *c, DType dtype, int64_t n) {
    char *table;
    const int64_t m = fft_friendly_length(2 * n - 1), size = (int64_t)dtype_size(dtype);
    FftPlan *plan = new_plan(c, FFT_CHIRP, dtype, n, 2 * n + 2 * m, &table);
    if (!plan) return NULL;
    plan->u.chirp.inner = make_plan(c, fft_method(dtype, m), dtype, m);
    void *work = plan->u.chirp.inner ? ctx_scratch(c, plan->u.chirp.inner->work * size) : NULL;
    if (!work) {
        free_plan(c, plan);
        return NULL;
    }
    char *spectrum = table + 2 * n * size;
    memset(spectrum, 0, (size_t)(2 * m * size));
    for (int64_t j = 0, square = 0; j < n; j++) {
        double re, im;
        root(square, 2 * n, &re, &im); /* square is j^2 mod 2n */
        put_pair(dtype, table, j, re, im);
        put_pair(dtype, spectrum, j, re, -im);
        if (j) put_pair(dtype, spectrum, m - j, re, -im);
        square = (square + 2 * j + 1) % (2 * n);
    }
    fft_row(plan->u.chirp.inner, spectrum, spectrum, false, 1.0 / (double)m, work, 1);
    ctx_scratch_free(c, work);
    plan->u.chirp.chirp = table;
    plan->u.chirp.spectrum = spectrum;
    plan->work = 2 * m + plan->u.chirp.inner->work;
    plan->bytes += plan->u.chirp.inner->bytes;
    return plan;
}

static FftPlan *make_halves(Ctx *c, DType dtype, int64_t n) {
    char *table;
    FftPlan *plan = new_plan(c, FFT_HALVES, dtype, n, 2 * (n / 4 + 1), &table);
    if (!plan) return NULL;
    for (int64_t k = 0; k <= n / 4; k++) {
        double re, im;
        root(k, n, &re, &im);
        put_pair(dtype, table, k, re, im);
    }
    plan->u.roots = table;
    return plan;
}

static FftPlan *make_plan(Ctx *c, FftMethod method, DType dtype, int64_t n) {
    switch (method) {
    case FFT_LANES:
        return make_lanes(c, dtype, n);
    case FFT_SPLIT:
        return make_split(c, dtype, n);
    case FFT_STEPS:
        return make_steps(c, dtype, n);
    case FFT_CHIRP:
        return make_chirp(c, dtype, n);
    default:
        return make_halves(c, dtype, n);
    }
}

FftMethod fft_method(DType dtype, int64_t n) {
    const int64_t lanes = fft_kernels(dtype)->lanes, square = lanes * lanes;
    const bool splits = n % square == 0 || (n % lanes == 0 && n > 2 * square);
    if (!fft_is_smooth(n, FFT_LARGEST_RADIX)) return FFT_CHIRP;
    if (splits && 2 * n * (int64_t)dtype_size(dtype) <= SPLIT_BYTES) return FFT_SPLIT;
    if (n >= STEPS_LENGTH && middle_factor(n) >= lanes) return FFT_STEPS;
    return splits ? FFT_SPLIT : FFT_LANES;
}

int64_t fft_row_work(const FftPlan *plan, int threads) {
    const int64_t more = plan->method == FFT_STEPS ? step_room(&plan->u.steps, plan->kernels->lanes) : 0;
    return plan->work + (threads - 1) * more;
}

static void run_steps(const FftPlan *plan, const void *in, void *out, bool inverse, double scale, void *work,
                      int threads) {
    const FftKernels *k = plan->kernels;
    const FftSteps *s = &plan->u.steps;
    const int64_t size = (int64_t)dtype_size(plan->dtype), one = step_room(s, k->lanes) * size;
    const int64_t columns = blocks_of(s->rows.n, k->lanes), rows = blocks_of(s->columns.n, k->lanes);
    char *rest = (char *)work + matrix_room(s, k->lanes) * size;
    if (threads <= 1) {
        for (int64_t b = 0; b < columns; b++) k->first_step(s, in, b, inverse, work, rest);
        for (int64_t b = 0; b < rows; b++) k->second_step(s, work, b, out, inverse, scale, rest);
        return;
    }
#pragma omp parallel num_threads(threads)
    {
        char *own = rest + omp_get_thread_num() * one;
#pragma omp for schedule(static)
        for (int64_t b = 0; b < columns; b++) k->first_step(s, in, b, inverse, work, own);
#pragma omp for schedule(static)
        for (int64_t b = 0; b < rows; b++) k->second_step(s, work, b, out, inverse, scale, own);
    }
}

/* X[k] = c[k] sum of (x[j] c[j]) conj(c[k - j]), with c[j] = exp(-pi i j^2 / n) */
static void run_chirp(const FftPlan *plan, const void *in, void *out, bool inverse, double scale,
                      void *work) {
    const FftKernels *k = plan->kernels;
    const FftPlan *inner = plan->u.chirp.inner;
    const size_t pair = 2 * dtype_size(plan->dtype);
    char *z = work, *rest = z + (size_t)inner->n * pair;
    k->multiply(z, in, plan->u.chirp.chirp, plan->n, inverse, false, 1);
    memset(z + (size_t)plan->n * pair, 0, (size_t)(inner->n - plan->n) * pair);
    fft_row(inner, z, z, false, 1, rest, 1);
    k->multiply(z, z, plan->u.chirp.spectrum, inner->n, false, false, 1);
    fft_row(inner, z, z, true, 1, rest, 1);
    k->multiply(out, z, plan->u.chirp.chirp, plan->n, false, inverse, scale);
}

void fft_row(const FftPlan *plan, const void *in, void *out, bool inverse, double scale, void *work,
             int threads) {
    if (plan->method == FFT_SPLIT)
        plan->kernels->split(&plan->u.split, in, out, inverse, scale, work);
    else if (plan->method == FFT_STEPS)
        run_steps(plan, in, out, inverse, scale, work, threads);
    else
        run_chirp(plan, in, out, inverse, scale, work);
}

/* --- the cache ------------------------------------------------------------------------------------------ */

static void drop(Ctx *c, PlanCache *cache, int i) {
    cache->bytes -= cache->plan[i]->bytes;
    free_plan(c, cache->plan[i]);
    cache->plan[i] = NULL;
}

static void trim_cache(Ctx *c) {
    PlanCache *cache = c->fft;
    for (int i = 0; i < CACHED_PLANS; i++)
        if (cache->plan[i] && !cache->plan[i]->users) drop(c, cache, i);
}

static void close_cache(Ctx *c) {
    trim_cache(c);
    free(c->fft);
    c->fft = NULL;
}

static PlanCache *open_cache(Ctx *c) {
    if (c->fft) return c->fft;
    c->fft = calloc(1, sizeof(PlanCache));
    if (!c->fft) {
        ctx_fail(c, "out of memory: the cache of Fourier plans");
        return NULL;
    }
    c->fft_trim = trim_cache;
    c->fft_close = close_cache;
    return c->fft;
}

/* A free place after the plans that were used longest ago made room for `bytes`; -1 where those in use leave
 * none. */
static int make_room(Ctx *c, PlanCache *cache, int64_t bytes) {
    if (bytes > CACHED_BYTES) return -1;
    for (;;) {
        int place = -1, oldest = -1;
        for (int i = 0; i < CACHED_PLANS; i++) {
            const FftPlan *p = cache->plan[i];
            if (!p)
                place = i;
            else if (!p->users && (oldest < 0 || p->used < cache->plan[oldest]->used))
                oldest = i;
        }
        if (place >= 0 && cache->bytes + bytes <= CACHED_BYTES) return place;
        if (oldest < 0) return -1;
        drop(c, cache, oldest);
    }
}

FftPlan *fft_plan(Ctx *c, FftMethod method, DType dtype, int64_t n) {
    PlanCache *cache = open_cache(c);
    if (!cache) return NULL;
    for (int i = 0; i < CACHED_PLANS; i++) {
        FftPlan *p = cache->plan[i];
        if (!p || p->n != n || p->method != method || p->dtype != dtype) continue;
        p->used = ++cache->clock;
        p->users++;
        return p;
    }
    FftPlan *plan = make_plan(c, method, dtype, n);
    if (!plan) return NULL;
    plan->users = 1;
    plan->used = ++cache->clock;
    const int place = make_room(c, cache, plan->bytes);
    if (place >= 0) {
        cache->plan[place] = plan;
        cache->bytes += plan->bytes;
    }
    return plan;
}

void fft_plan_done(Ctx *c, FftPlan *plan) {
    const PlanCache *cache = c->fft;
    if (!plan) return;
    plan->users--;
    for (int i = 0; i < CACHED_PLANS; i++)
        if (cache->plan[i] == plan) return;
    if (!plan->users) free_plan(c, plan);
}
