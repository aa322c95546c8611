/* Plans of Fourier transforms: which passes a length takes, and their tables. An instance keeps the plans
 * that it used last. */
#ifndef APSIS_CPU_FFT_PLAN_H
#define APSIS_CPU_FFT_PLAN_H

#include "core/tensor.h"
#include "cpu/kernels_fft.h"

typedef enum {
    FFT_LANES, /* several transforms side by side in lanes: lengths without a large prime factor */
    FFT_SPLIT, /* one transform over all lanes: multiples of their number */
    FFT_STEPS, /* one long transform, or of an awkward length, as a matrix: products of two lengths */
    FFT_CHIRP, /* Bluestein: as a convolution of a friendlier length; any length */
    FFT_HALVES /* no transform: the roots that real transforms of even length need */
} FftMethod;

typedef struct FftPlan {
    FftMethod method;
    DType dtype; /* F32 or F64 */
    int64_t n;
    const FftKernels *kernels;
    union {
        FftLanes lanes;
        FftSplit split;
        FftSteps steps;
        struct {
            struct FftPlan *inner; /* FFT_SPLIT or FFT_STEPS */
            const void *chirp;     /* pairs [n]: exp(-pi i j^2 / n) */
            const void
                *spectrum; /* pairs [inner->n]: the transform of the chirp's conjugate, over inner->n */
        } chirp;
        const void *roots; /* pairs [n / 4 + 1]: exp(-2 pi i k / n) */
    } u;
    int64_t work; /* elements that its kernel needs to work in */
    int64_t bytes;
    uint64_t used; /* when: the cache drops the least recent */
    int users;
} FftPlan;

/* The length has no prime factor above `largest`. */
bool fft_is_smooth(int64_t n, int largest);
/* The radices of a smooth length, the odd ones first; radix has room for FFT_PASSES. Returns how many. */
int fft_factors(int64_t n, int *radix);
/* The least length of at least `least` that is a multiple of 64 (any lanes' square) and otherwise 5-smooth.
 */
int64_t fft_friendly_length(int64_t least);
const FftKernels *fft_kernels(DType dtype);
/* A plan from the cache, or a new one; NULL with the error set. Give it back with fft_plan_done. */
FftPlan *fft_plan(Ctx *c, FftMethod method, DType dtype, int64_t n);
void fft_plan_done(Ctx *c, FftPlan *plan);
/* How rows of this length are transformed best. */
FftMethod fft_method(DType dtype, int64_t n);
/* One row of pairs by a plan for single ones (FFT_SPLIT, FFT_STEPS, FFT_CHIRP). in may be out. Threads share
 * it where the plan is FFT_STEPS. */
void fft_row(const FftPlan *plan, const void *in, void *out, bool inverse, double scale, void *work,
             int threads);
/* The elements that `threads` need for it to work in (those of any other plan: a task's). */
int64_t fft_row_work(const FftPlan *plan, int threads);

#endif
