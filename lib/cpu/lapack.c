/* LAPACK's Fortran routines behind one call each for both dtypes; the library is opened when it is first
 * needed. */
#include "cpu/lapack.h"
#include "core/ctx.h"
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

typedef int32_t Int; /* Fortran's INTEGER */

/* The routines: name, arguments. Arrays are void *: the same type serves both precisions. Fortran passes the
 * length of each string at the end. */
#define ROUTINES(R)                                                                                          \
    R(geqrf, (const Int *m, const Int *n, void *a, const Int *lda, void *tau, void *work, const Int *lwork,  \
              Int *info))                                                                                    \
    R(sytrf, (const char *uplo, const Int *n, void *a, const Int *lda, Int *pivots, void *work,              \
              const Int *lwork, Int *info, size_t))                                                          \
    R(sytrs, (const char *uplo, const Int *n, const Int *k, const void *a, const Int *lda,                   \
              const Int *pivots, void *b, const Int *ldb, Int *info, size_t))                                \
    R(gesdd, (const char *job, const Int *m, const Int *n, void *a, const Int *lda, void *s, void *u,        \
              const Int *ldu, void *vt, const Int *ldvt, void *work, const Int *lwork, Int *iwork,           \
              Int *info, size_t))                                                                            \
    R(stedc, (const char *job, const Int *n, void *d, void *e, void *z, const Int *ldz, void *work,          \
              const Int *lwork, Int *iwork, const Int *liwork, Int *info, size_t))                           \
    R(geev, (const char *left, const char *right, const Int *n, void *a, const Int *lda, void *wr, void *wi, \
             void *vl, const Int *ldvl, void *vr, const Int *ldvr, void *work, const Int *lwork, Int *info,  \
             size_t, size_t))                                                                                \
    R(gels, (const char *trans, const Int *m, const Int *n, const Int *k, void *a, const Int *lda, void *b,  \
             const Int *ldb, void *work, const Int *lwork, Int *info, size_t))                               \
    R(gelsy, (const Int *m, const Int *n, const Int *k, void *a, const Int *lda, void *b, const Int *ldb,    \
              Int *pivots, const void *rcond, Int *rank, void *work, const Int *lwork, Int *info))           \
    R(gelsd, (const Int *m, const Int *n, const Int *k, void *a, const Int *lda, void *b, const Int *ldb,    \
              void *s, const void *rcond, Int *rank, void *work, const Int *lwork, Int *iwork, Int *info))   \
    R(gelss, (const Int *m, const Int *n, const Int *k, void *a, const Int *lda, void *b, const Int *ldb,    \
              void *s, const void *rcond, Int *rank, void *work, const Int *lwork, Int *info))

static struct {
#define MEMBERS(name, arguments)                                                                             \
    void(*s##name) arguments;                                                                                \
    void(*d##name) arguments;
    ROUTINES(MEMBERS)
#undef MEMBERS
} lapack;
static const char *missing; /* why LAPACK cannot be used; NULL where it can */

static void find(void *library, const char *name, void *place) {
    *(void **)place = dlsym(library, name);
    if (!*(void **)place) missing = "the LAPACK installed here is incomplete";
}

static void load(void) {
    static const char *const names[] = {"liblapack.so.3", "liblapack.so",
                                        "/System/Library/Frameworks/Accelerate.framework/Accelerate"};
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        missing = "LAPACK is not installed here (liblapack.so.3: the package liblapack3 or lapack)";
        return;
    }
#define FIND(name, arguments)                                                                                \
    find(library, "s" #name "_", &lapack.s##name);                                                           \
    find(library, "d" #name "_", &lapack.d##name);
    ROUTINES(FIND)
#undef FIND
}

const char *lapack_missing(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return missing;
}

#define CALL(t, name, ...) ((t) == F64 ? lapack.d##name(__VA_ARGS__) : lapack.s##name(__VA_ARGS__))

enum { DIVIDE_LEAF = 25 }; /* gelsd: size of the leaves of its tree, as ilaenv gives it */

static Int at_least_1(int64_t n) {
    return n > 1 ? (Int)n : 1;
}

/* The elements that a query asked for, which it left in the first of them. In f32 a large count was rounded,
 * perhaps down. -1: more than an Int counts. */
static int64_t asked(DType t, const void *first) {
    double n = t == F64 ? *(const double *)first : ceil((double)*(const float *)first * (1 + 1e-6));
    return n >= INT32_MAX ? -1 : n < 1 ? 1 : (int64_t)n;
}

/* What a call needs: integers first, then floating elements. */
static void need(DType t, LapackWork *w, int64_t integers, int64_t elements) {
    w->bytes = elements < 0 || integers >= INT32_MAX
                   ? -1
                   : ctx_scratch_part(integers * (int64_t)sizeof(Int)) + elements * (int64_t)dtype_size(t);
}

/* The floating part of the scratch memory, and how many elements it holds. */
static void *elements(DType t, const LapackWork *w, int64_t integers, Int *count) {
    const int64_t before = ctx_scratch_part(integers * (int64_t)sizeof(Int));
    *count = (Int)((w->bytes - before) / (int64_t)dtype_size(t));
    return (char *)w->data + before;
}

int lapack_geqrf(DType t, int64_t m, int64_t n, void *a, void *tau, LapackWork *w) {
    const Int rows = (Int)m, cols = (Int)n, lda = at_least_1(m);
    Int info = 0, lwork = -1;
    double first = 0;
    if (!w->data) {
        CALL(t, geqrf, &rows, &cols, a, &lda, tau, &first, &lwork, &info);
        need(t, w, 0, asked(t, &first));
        return info;
    }
    void *work = elements(t, w, 0, &lwork);
    CALL(t, geqrf, &rows, &cols, a, &lda, tau, work, &lwork, &info);
    return info;
}

int lapack_sytrf(DType t, int64_t n, void *a, int32_t *pivots, LapackWork *w) {
    const Int order = (Int)n, lda = at_least_1(n);
    Int info = 0, lwork = -1;
    double first = 0;
    if (!w->data) {
        CALL(t, sytrf, "L", &order, a, &lda, pivots, &first, &lwork, &info, 1);
        need(t, w, 0, asked(t, &first));
        return info;
    }
    void *work = elements(t, w, 0, &lwork);
    CALL(t, sytrf, "L", &order, a, &lda, pivots, work, &lwork, &info, 1);
    return info;
}

int lapack_sytrs(DType t, int64_t n, int64_t k, const void *a, const int32_t *pivots, void *b) {
    const Int order = (Int)n, sides = (Int)k, lda = at_least_1(n);
    Int info = 0;
    CALL(t, sytrs, "L", &order, &sides, a, &lda, pivots, b, &lda, &info, 1);
    return info;
}

int lapack_gesdd(DType t, char job, int64_t m, int64_t n, void *a, void *s, void *u, void *vt,
                 LapackWork *w) {
    const int64_t k = m < n ? m : n, integers = 8 * k;
    const Int rows = (Int)m, cols = (Int)n, lda = at_least_1(m), ldu = at_least_1(m),
              ldvt = at_least_1(job == 'A' ? n : k);
    Int info = 0, lwork = -1, unused = 0;
    double first = 0;
    if (!w->data) {
        CALL(t, gesdd, &job, &rows, &cols, a, &lda, s, u, &ldu, vt, &ldvt, &first, &lwork, &unused, &info, 1);
        need(t, w, integers, asked(t, &first));
        return info;
    }
    void *work = elements(t, w, integers, &lwork);
    CALL(t, gesdd, &job, &rows, &cols, a, &lda, s, u, &ldu, vt, &ldvt, work, &lwork, w->data, &info, 1);
    return info;
}

int lapack_stedc(DType t, int64_t n, void *d, void *e, void *z, LapackWork *w) {
    const char job = 'I';
    const Int order = (Int)n, ldz = at_least_1(n);
    Int info = 0, lwork = -1, liwork = -1, integers = 0;
    double first = 0;
    CALL(t, stedc, &job, &order, d, e, z, &ldz, &first, &lwork, &integers, &liwork, &info, 1);
    if (!w->data) {
        need(t, w, integers, asked(t, &first));
        return info;
    }
    void *work = elements(t, w, integers, &lwork);
    liwork = integers;
    CALL(t, stedc, &job, &order, d, e, z, &ldz, work, &lwork, w->data, &liwork, &info, 1);
    return info;
}

int lapack_geev(DType t, int64_t n, void *a, void *real, void *imaginary, void *v, LapackWork *w) {
    const char left = 'N', right = v ? 'V' : 'N';
    const Int order = (Int)n, lda = at_least_1(n), one = 1;
    Int info = 0, lwork = -1;
    double first = 0;
    if (!w->data) {
        CALL(t, geev, &left, &right, &order, a, &lda, real, imaginary, NULL, &one, v, &lda, &first, &lwork,
             &info, 1, 1);
        need(t, w, 0, asked(t, &first));
        return info;
    }
    void *work = elements(t, w, 0, &lwork);
    CALL(t, geev, &left, &right, &order, a, &lda, real, imaginary, NULL, &one, v, &lda, work, &lwork, &info,
         1, 1);
    return info;
}

/* Integers that a driver of least squares works with. */
static int64_t least_squares_integers(LeastSquares driver, int64_t m, int64_t n) {
    const int64_t k = m < n ? m : n;
    if (driver == GELSY) return n;
    if (driver != GELSD) return 0;
    const int levels = (int)fmax(0, log2((double)k / (DIVIDE_LEAF + 1)) + 1) + 1;
    return 3 * k * levels + 11 * k + 1;
}

int lapack_least_squares(DType t, LeastSquares driver, int64_t m, int64_t n, int64_t k, void *a, void *b,
                         void *s, double rcond, int32_t *rank, LapackWork *w) {
    const int64_t integers = least_squares_integers(driver, m, n);
    const Int rows = (Int)m, cols = (Int)n, sides = (Int)k, lda = at_least_1(m),
              ldb = at_least_1(m > n ? m : n);
    const float rcond_f32 = (float)rcond;
    const void *least = t == F64 ? (const void *)&rcond : (const void *)&rcond_f32;
    Int info = 0, lwork = -1, unused = 0;
    double first = 0;
    void *work = &first;
    Int *iwork = &unused;
    if (w->data) {
        work = elements(t, w, integers, &lwork);
        iwork = w->data;
        memset(iwork, 0, (size_t)integers * sizeof *iwork); /* gelsy: no column is kept in front */
    }
    if (driver == GELS)
        CALL(t, gels, "N", &rows, &cols, &sides, a, &lda, b, &ldb, work, &lwork, &info, 1);
    else if (driver == GELSY)
        CALL(t, gelsy, &rows, &cols, &sides, a, &lda, b, &ldb, iwork, least, rank, work, &lwork, &info);
    else if (driver == GELSD)
        CALL(t, gelsd, &rows, &cols, &sides, a, &lda, b, &ldb, s, least, rank, work, &lwork, iwork, &info);
    else
        CALL(t, gelss, &rows, &cols, &sides, a, &lda, b, &ldb, s, least, rank, work, &lwork, &info);
    if (!w->data) need(t, w, integers, asked(t, &first));
    return info;
}
