/* BLIS: start, choice of kernels, and the road each product takes. */
#include "cpu/blas.h"
#include "core/parallel.h"
#include "cpu/kernels_gemm.h"
#include <blis.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

enum {
    BLIS_ROWS =
        512, /* Fewer rows of the result, columns or depth than these (BLIS's own thresholds on Zen 3 for */
    BLIS_COLUMNS =
        200, /* its kernels of small products) go to our kernels: theirs are quicker by a tenth at best and */
    BLIS_DEPTH =
        240,       /* take twice the time where B lies in columns, as the weights of every linear layer do. */
    DOT_SIDE = 16, /* rows or columns up to which inner products beat tiles of C ... */
    DOT_DEPTH = 256, /* ... where they are at least this long */
    SPLIT_STEP = 96, /* a product is split at whole tiles of the kernels */
    ROW_STEP = 12,
    COLUMN_STEP = 32,                /* and so are the parts of threads, of which there are more */
    PACKING = 16,                    /* multiplications in the time of packing one element */
    FMA_PER_OPERATION = 8,           /* multiplications in the time of one elementary operation ... */
    FMA_PER_OPERATION_OF_VECTOR = 4, /* ... where every element comes from memory for one of them */
    DEEP = 4096,                     /* of k, where threads share it for want of rows and columns */
    BLIS_BYTES = 24 << 20,           /* more than a thread of BLIS packs into */
    LAST_AMD_FAMILY_OF_BLIS = 0x19,  /* Zen 4; BLIS 0.9 takes later families for unknown */
};
/* Multiplications up to which our kernels are at least as fast as BLIS's: 200 x 200 x 200. Measured on one
 * core of family 0x1A, in GFLOP/s of ours and of BLIS's zen3 kernels, A B and A B^T: 1024x64x192 96, 96 and
 * 113, 67; 256x1024x256 108, 108 and 109, 62; 400x1024x1024 100, 102 and 69, 64; 600x600x600 96, 103 and 106,
 * 106. */
static const double OWN_WORK = 1 << 23;
/* Multiplications between two looks for an interrupt: less than 0.1 s. */
static const double SPLIT_WORK = 4e9;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *chosen_by = "blis";

#ifdef __x86_64__
/* BLIS 0.9 recognises Intel's chips and AMD's up to family 0x19 by their names; on any other it runs its
 * generic kernels, at a fifth of the speed (80 GFLOP/s against 411 on 2 cores of family 0x1A). */
static bool blis_would_choose_generic(void) {
    unsigned highest, b, c, d, a;
    char vendor[12];
    if (!__get_cpuid(0, &highest, &b, &c, &d)) return false;
    memcpy(vendor, &b, 4);
    memcpy(vendor + 4, &d, 4);
    memcpy(vendor + 8, &c, 4);
    if (memcmp(vendor, "GenuineIntel", 12) == 0) return false;
    if (memcmp(vendor, "AuthenticAMD", 12) != 0) return true;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return false;
    unsigned family = a >> 8 & 0xf;
    if (family == 0xf) family += a >> 20 & 0xff;
    return family > LAST_AMD_FAMILY_OF_BLIS;
}

/* The number of the best configuration that this machine runs; -1 leaves the choice to BLIS. */
static int choose(void) {
    if (getenv("BLIS_ARCH_TYPE") || !blis_would_choose_generic()) return -1;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        return BLIS_ARCH_SKX;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return BLIS_ARCH_HASWELL;
    return -1;
}
#else
static int choose(void) {
    return -1;
}
#endif

static void start(void) {
    int arch = choose();
    if (getenv("BLIS_ARCH_TYPE")) chosen_by = "user";
    if (arch >= 0) {
        chosen_by = "apsis";
        char number[12];
        snprintf(number, sizeof number, "%d", arch);
        setenv("BLIS_ARCH_TYPE", number, 1);
    }
    bli_init();
    bli_thread_set_num_threads(1); /* of the calls that LAPACK makes; why not more: see blis() */
    bli_error_checking_level_set(BLIS_NO_ERROR_CHECKING); /* its errors abort; ours come before the call */
    if (arch >= 0) unsetenv("BLIS_ARCH_TYPE");            /* a child process chooses for itself */
}

const char *cpu_blas_kernels(void) {
    pthread_once(&once, start);
    return bli_arch_string(bli_arch_query_id());
}

const char *cpu_blas_chosen_by(void) {
    pthread_once(&once, start);
    return chosen_by;
}

const char *cpu_blas_version(void) {
    return bli_info_get_version_str();
}

/* --- one thread --------------------------------------------------------------------------------------------
 */

/* out (m, n) = A (m, k) B (k, n) + beta out */
typedef struct Product {
    DType dtype;
    int64_t m, n, k;
    Matrix a, b, out;
    double beta;
} Product;

static void *at(Matrix x, DType dtype, int64_t i, int64_t j) {
    return (char *)x.data + (i * x.rs + j * x.cs) * (int64_t)dtype_size(dtype);
}

static Matrix part_of(Matrix x, DType dtype, int64_t i, int64_t j) {
    return (Matrix){at(x, dtype, i, j), x.rs, x.cs};
}

static Matrix transposed(Matrix x) {
    return (Matrix){x.data, x.cs, x.rs};
}

/* out^T = B^T A^T */
static Product transposed_product(const Product *p) {
    return (Product){p->dtype,           p->n,   p->m, p->k, transposed(p->b), transposed(p->a),
                     transposed(p->out), p->beta};
}

/* Rows, columns and depth of the part that starts at (i, j) and takes in the inner elements from `from` on.
 */
static Product part(const Product *p, int64_t i, int64_t j, int64_t from, int64_t m, int64_t n, int64_t k) {
    return (Product){p->dtype,
                     m,
                     n,
                     k,
                     part_of(p->a, p->dtype, i, from),
                     part_of(p->b, p->dtype, from, j),
                     part_of(p->out, p->dtype, i, j),
                     from ? 1 : p->beta};
}

/* A stride that no element uses may be 0 or anything; BLIS wants it plausible. */
static Matrix with_strides(Matrix x, int64_t rows, int64_t cols) {
    if (rows == 1) x.rs = x.cs == 1 ? cols : 1;
    if (cols == 1) x.cs = x.rs == 1 ? rows : 1;
    return x;
}

static _Atomic int inside, provided; /* threads in BLIS now, and the most that it has had memory for */

/* BLIS packs into memory that it takes on the first call of a thread more than ever before and keeps for
 * good; where there is none, it writes to address 0. So that a process at its limit does not end there, ask
 * first. False: BLIS must not be called. */
bool cpu_blas_enter(void) {
    int now = atomic_fetch_add(&inside, 1) + 1;
    if (now > atomic_load(&provided)) {
        void *probe = mmap(NULL, BLIS_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (probe == MAP_FAILED) {
            atomic_fetch_sub(&inside, 1);
            return false;
        }
        munmap(probe, BLIS_BYTES);
        atomic_store(&provided, now);
    }
    pthread_once(&once, start);
    return true;
}

void cpu_blas_leave(void) {
    atomic_fetch_sub(&inside, 1);
}

/* BLIS's own threads are not used: they wait for each other in loops that never sleep, several times a
 * product, and where another process holds a core each wait lasts a time slice (a 64x784x128 product took 36
 * ms instead of 0.1 beside one busy process). */
static bool blis(const Product *p) {
    if (!cpu_blas_enter()) return false;
    rntm_t runtime = BLIS_RNTM_INITIALIZER;
    bli_rntm_set_num_threads(1, &runtime);
    Matrix a = with_strides(p->a, p->m, p->k), b = with_strides(p->b, p->k, p->n),
           out = with_strides(p->out, p->m, p->n);
    if (p->dtype == F64) {
        double one = 1, beta = p->beta;
        bli_dgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, p->m, p->n, p->k, &one, a.data, a.rs, a.cs, b.data,
                     b.rs, b.cs, &beta, out.data, out.rs, out.cs, NULL, &runtime);
    } else {
        float one = 1, beta = (float)p->beta;
        bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, p->m, p->n, p->k, &one, a.data, a.rs, a.cs, b.data,
                     b.rs, b.cs, &beta, out.data, out.rs, out.cs, NULL, &runtime);
    }
    cpu_blas_leave();
    return true;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* A row times a matrix of contiguous rows. */
static bool by_columns(const GemmKernels *kernels, const Product *p) {
    if (p->m != 1 || (p->b.cs != 1 && p->n > 1) || (p->out.cs != 1 && p->n > 1)) return false;
    kernels->columns(p->n, p->k, p->b.data, p->b.rs, p->a.data, p->a.cs, p->beta, p->out.data);
    return true;
}

/* Few rows or columns, and both operands contiguous along k. */
static bool by_dots(const GemmKernels *kernels, const Product *p) {
    if (p->k > 1 && (p->a.cs != 1 || p->b.rs != 1)) return false;
    int64_t few = smaller(p->m, p->n);
    if (few > 1 && (few > DOT_SIDE || p->k < DOT_DEPTH)) return false;
    kernels->dots(p->m, p->n, p->k, p->a.data, p->a.rs, p->b.data, p->b.cs, p->beta, p->out.data, p->out.rs,
                  p->out.cs);
    return true;
}

static bool by_tiles(const GemmKernels *kernels, const Product *p) {
    if (p->out.cs != 1 && p->n > 1) return false;
    kernels->product(p->m, p->n, p->k, p->a.data, p->a.rs, p->a.cs, p->b.data, p->b.rs, p->b.cs, p->beta,
                     p->out.data, p->out.rs);
    return true;
}

/* The road that is fastest for the shape and strides. */
static void multiply(const Product *p) {
    const GemmKernels *kernels = &ISA_SELECT(gemm_kernels)->type[p->dtype == F64];
    Product t = transposed_product(p);
    if (by_dots(kernels, p->m < p->n ? &t : p) || by_columns(kernels, p) || by_columns(kernels, &t)) return;
    double work = (double)p->m * (double)p->n * (double)p->k;
    const Product *q = p->out.cs != 1 && p->n > 1 ? &t : p;
    bool own = work <= OWN_WORK || q->m < BLIS_ROWS || q->n < BLIS_COLUMNS || q->k < BLIS_DEPTH;
    if (own && (by_tiles(kernels, p) || by_tiles(kernels, &t))) return;
    if (blis(p) || by_tiles(kernels, p) || by_tiles(kernels, &t)) return;
    for (int64_t j = 0; j < p->n; j++) { /* no memory, and a result whose rows and columns both have gaps */
        Product column = part(p, 0, j, 0, p->m, 1, p->k);
        by_tiles(kernels, &column);
    }
}

static int64_t half(int64_t size) {
    return (size / 2 + SPLIT_STEP - 1) / SPLIT_STEP * SPLIT_STEP;
}

/* Halves what would take too long between two looks for an interrupt; along k, where out is taken up again,
 * only when that is the longest by far. */
static void multiply_split(const Ctx *c, const Product *p) {
    if (ctx_stopping(c)) return;
    int64_t m = p->m, n = p->n, k = p->k, i = half(m), j = half(n), l = half(k);
    if ((double)m * (double)n * (double)k <= SPLIT_WORK) {
        multiply(p);
        return;
    }
    Product first = *p, second;
    if (k / 4 > m && k / 4 > n) {
        first.k = l;
        second = part(p, 0, 0, l, m, n, k - l);
    } else if (m > n) {
        first.m = i;
        second = part(p, i, 0, 0, m - i, n, k);
    } else {
        first.n = j;
        second = part(p, 0, j, 0, m, n - j, k);
    }
    multiply_split(c, &first);
    multiply_split(c, &second);
}

/* --- threads -----------------------------------------------------------------------------------------------
 */

/* The cut of out into parts, one a thread: `down` times `across`. */
typedef struct Cut {
    int down, across;
    int64_t rows, cols; /* of one part; the last may be smaller, or empty */
} Cut;

static int64_t part_size(int64_t size, int parts, int64_t step) {
    int64_t share = (size + parts - 1) / parts;
    if (parts > 1) share = (share + step - 1) / step * step;
    return smaller(share, size);
}

/* Each thread multiplies its part and packs the rows and columns that it takes. */
static Cut cut(int64_t m, int64_t n, int threads) {
    Cut best = {0};
    double least = 0;
    for (int down = 1; down <= threads; down++) {
        if (threads % down) continue;
        Cut c = {down, threads / down, part_size(m, down, ROW_STEP),
                 part_size(n, threads / down, COLUMN_STEP)};
        double cost = (double)c.rows * (double)c.cols + PACKING * ((double)c.rows + (double)c.cols);
        if (best.down && cost >= least) continue;
        least = cost;
        best = c;
    }
    return best;
}

static void parallel(const Ctx *c, const Product *p, Cut parts) {
    int threads = parts.down * parts.across;
    PARALLEL_FOR(threads, t, threads, {
        int64_t i = t / parts.across * parts.rows, j = t % parts.across * parts.cols;
        if (i >= p->m || j >= p->n) continue;
        Product mine = part(p, i, j, 0, smaller(p->m - i, parts.rows), smaller(p->n - j, parts.cols), p->k);
        multiply_split(c, &mine);
    });
}

/* Threads share k: each sums its stretch on its own, and the sums are added in order. False where there is no
 * memory. */
static bool parallel_deep(const Ctx *c, const Product *p, int threads) {
    int64_t size = p->m * p->n, depth = (p->k + threads - 1) / threads;
    char *sums = malloc((size_t)size * dtype_size(p->dtype) * (size_t)threads);
    if (!sums) return false;
    PARALLEL_FOR(threads, t, threads, {
        int64_t from = smaller(t * depth, p->k);
        Product mine = part(p, 0, 0, from, p->m, p->n, smaller(p->k - from, depth));
        mine.out = (Matrix){sums + t * size * (int64_t)dtype_size(p->dtype), p->n, 1};
        mine.beta = 0;
        multiply_split(c, &mine);
    });
    for (int64_t e = 0; e < size; e++) {
        void *to = at(p->out, p->dtype, e / p->n, e % p->n);
        if (p->dtype == F64) {
            double sum = p->beta == 0 ? 0 : p->beta * *(double *)to;
            for (int t = 0; t < threads; t++) sum += ((double *)sums)[t * size + e];
            *(double *)to = sum;
        } else {
            float sum = p->beta == 0 ? 0 : (float)p->beta * *(float *)to;
            for (int t = 0; t < threads; t++) sum += ((float *)sums)[t * size + e];
            *(float *)to = sum;
        }
    }
    free(sums);
    return true;
}

void cpu_gemm(const Ctx *c, DType dtype, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, double beta,
              Matrix out, int threads) {
    if (m == 0 || n == 0) return;
    Product p = {dtype, m, n, k, a, b, out, beta};
    double work = (double)m * (double)n * (double)k;
    if (threads == 0) {
        double operations = work / (m == 1 || n == 1 ? FMA_PER_OPERATION_OF_VECTOR : FMA_PER_OPERATION);
        threads = ctx_threads(c, operations < 1e18 ? (int64_t)operations : (int64_t)1e18);
    }
    if (threads > 1) {
        Cut parts = cut(m, n, threads);
        bool shared = parts.rows < m || parts.cols < n;
        if (!shared && k >= DEEP && parallel_deep(c, &p, threads)) return;
        if (shared) {
            parallel(c, &p, parts);
            return;
        }
    }
    multiply_split(c, &p);
}
