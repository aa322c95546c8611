/* BLIS: start, choice of kernels, and the road each product takes. */
#include "cpu/blas.h"
#include "cpu/kernels_gemm.h"
#include <blis.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

enum {
    SMALL_WORK = 1 << 15,           /* multiplications up to which our kernels beat BLIS */
    PANEL_BYTES = 1 << 15,          /* of a packed B on the stack */
    GEMV_WORK = 16,                 /* what an element of A costs in elementary operations, from memory */
    PART_STEP = 16,                 /* parts of a product end at whole tiles of the kernels */
    LEAST_ROWS = 256,               /* of a slice of a long product: enough for BLIS to run at full speed */
    FMA_PER_OPERATION = 8,          /* multiplications in the time of one elementary operation */
    LAST_AMD_FAMILY_OF_BLIS = 0x19, /* Zen 4; BLIS 0.9 takes later families for unknown */
};
static const int64_t SLICE_WORK =
    (int64_t)4e9; /* multiplications between two looks for an interrupt: < 0.1 s */

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

/* --- products with a vector --------------------------------------------------------------------------------
 */

static char *at(const void *data, int64_t elements, size_t size) {
    return (char *)data + elements * (int64_t)size;
}

/* y (m) = A (m, k) x (k) + beta y, where A has contiguous rows or columns and x and y fit; else false. */
static bool gemv(const Ctx *c, DType dtype, int64_t m, int64_t k, Matrix a, const void *x, int64_t incx,
                 double beta, void *y, int64_t incy, int threads) {
    const GemmKernels *kernels = &ISA_SELECT(gemm_kernels)->type[dtype == F64];
    size_t size = dtype_size(dtype);
    bool rows = a.cs == 1 || k == 1, columns = (a.rs == 1 || m == 1) && incy == 1;
    if ((incx != 1 && k > 1) || !(rows || columns)) return false;
    int64_t lda = rows ? a.rs : a.cs;
    if (threads == 0) threads = ctx_threads(c, m * k / GEMV_WORK * 4);
    if (threads > m) threads = (int)m;
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
    for (int t = 0; t < threads; t++) {
        int64_t from = m * t / threads, count = m * (t + 1) / threads - from;
        if (rows)
            kernels->dots(count, k, at(a.data, from * lda, size), lda, x, beta, at(y, from * incy, size),
                          incy);
        else
            kernels->columns(count, k, at(a.data, from, size), lda, x, beta, at(y, from, size));
    }
    return true;
}

/* --- small products ----------------------------------------------------------------------------------------
 */

static bool small(DType dtype, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, double beta, Matrix out) {
    _Alignas(GEMM_VECTOR) char panel[PANEL_BYTES];
    int64_t lanes = GEMM_VECTOR / (int64_t)dtype_size(dtype), ldb = (n + lanes - 1) / lanes * lanes;
    if (out.cs != 1 && n > 1) return false;
    if (k * ldb * (int64_t)dtype_size(dtype) > PANEL_BYTES) return false;
    const GemmKernels *kernels = &ISA_SELECT(gemm_kernels)->type[dtype == F64];
    kernels->pack(panel, ldb, b.data, k, n, b.rs, b.cs);
    kernels->small(m, n, k, a.data, a.rs, a.cs, panel, ldb, beta, out.data, out.rs);
    return true;
}

/* --- large ones --------------------------------------------------------------------------------------------
 */

/* One product on this thread. BLIS's own threads are not used: they wait for each other in loops that never
 * sleep, several times a product, and where another process holds a core each wait lasts a time slice (a
 * 64x784x128 product took 36 ms instead of 0.1 beside one busy process). */
static void blis(DType dtype, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, double beta, Matrix out) {
    rntm_t runtime = BLIS_RNTM_INITIALIZER;
    bli_rntm_set_num_threads(1, &runtime);
    if (dtype == F64) {
        double one = 1;
        bli_dgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, m, n, k, &one, a.data, a.rs, a.cs, b.data, b.rs,
                     b.cs, &beta, out.data, out.rs, out.cs, NULL, &runtime);
    } else {
        float one = 1, keep = (float)beta;
        bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, m, n, k, &one, a.data, a.rs, a.cs, b.data, b.rs,
                     b.cs, &keep, out.data, out.rs, out.cs, NULL, &runtime);
    }
}

/* The cut of out into parts, one a thread: `down` times `across`. */
typedef struct Cut {
    int down, across;
    int64_t rows, cols; /* of one part; the last may be smaller */
} Cut;

static int64_t part_size(int64_t size, int parts) {
    int64_t part = (size + parts - 1) / parts;
    return (part + PART_STEP - 1) / PART_STEP * PART_STEP;
}

/* Each thread packs the rows and columns of its part: the squarest parts pack least. */
static Cut cut(int64_t m, int64_t n, int threads) {
    Cut best = {1, threads, m, part_size(n, threads)};
    int64_t least = INT64_MAX;
    for (int down = 1; down <= threads; down++) {
        if (threads % down) continue;
        Cut c = {down, threads / down, part_size(m, down), part_size(n, threads / down)};
        if (c.rows + c.cols >= least) continue;
        least = c.rows + c.cols;
        best = c;
    }
    return best;
}

static void blis_parallel(const Ctx *c, DType dtype, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b,
                          double beta, Matrix out, int threads) {
    size_t size = dtype_size(dtype);
    Cut parts = cut(m, n, threads);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int t = 0; t < threads; t++) {
        int64_t i = t / parts.across * parts.rows, j = t % parts.across * parts.cols;
        if (i >= m || j >= n || ctx_stopping(c)) continue;
        int64_t rows = m - i < parts.rows ? m - i : parts.rows,
                cols = n - j < parts.cols ? n - j : parts.cols;
        blis(dtype, rows, cols, k, (Matrix){at(a.data, i * a.rs, size), a.rs, a.cs},
             (Matrix){at(b.data, j * b.cs, size), b.rs, b.cs}, beta,
             (Matrix){at(out.data, i * out.rs + j * out.cs, size), out.rs, out.cs});
    }
}

/* A stride that no element uses may be 0 or anything; BLIS wants it plausible. */
static Matrix with_strides(Matrix x, int64_t rows, int64_t cols) {
    if (rows == 1) x.rs = x.cs == 1 ? cols : 1;
    if (cols == 1) x.cs = x.rs == 1 ? rows : 1;
    return x;
}

void cpu_gemm(const Ctx *c, DType dtype, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, double beta,
              Matrix out, int threads) {
    size_t size = dtype_size(dtype);
    if (m == 0 || n == 0) return;
    if (n == 1 && gemv(c, dtype, m, k, a, b.data, b.rs, beta, out.data, out.rs, threads)) return;
    if (m == 1 &&
        gemv(c, dtype, n, k, (Matrix){b.data, b.cs, b.rs}, a.data, a.cs, beta, out.data, out.cs, threads))
        return;
    double work = (double)m * (double)n * (double)k;
    if (work <= SMALL_WORK) {
        if (small(dtype, m, n, k, a, b, beta, out)) return;
        /* out^T = B^T A^T */
        if (small(dtype, n, m, k, (Matrix){b.data, b.cs, b.rs}, (Matrix){a.data, a.cs, a.rs}, beta,
                  (Matrix){out.data, out.cs, out.rs}))
            return;
    }
    pthread_once(&once, start);
    a = with_strides(a, m, k);
    b = with_strides(b, k, n);
    out = with_strides(out, m, n);
    if (threads == 0) threads = ctx_threads(c, (int64_t)(work < 1e18 ? work : 1e18) / FMA_PER_OPERATION);
    double row = (double)n * (double)k;
    int64_t slice = row * (double)m > (double)SLICE_WORK ? (int64_t)((double)SLICE_WORK / row) : m;
    if (slice < LEAST_ROWS) slice = LEAST_ROWS;
    for (int64_t i = 0; i < m && !ctx_stopping(c); i += slice) {
        int64_t rows = m - i < slice ? m - i : slice;
        Matrix left = {at(a.data, i * a.rs, size), a.rs, a.cs},
               to = {at(out.data, i * out.rs, size), out.rs, out.cs};
        if (threads == 1)
            blis(dtype, rows, n, k, left, b, beta, to);
        else
            blis_parallel(c, dtype, rows, n, k, left, b, beta, to, threads);
    }
}
