/* Kernels of the fast Fourier transform: one table an instruction set (kernels_fft.c). What plans a transform
 * and walks a tensor with them is cpu/fft_plan.c and cpu/fft.c.
 *
 * Several transforms run side by side, one in each lane of a vector, so that a radix-r butterfly is a row of
 * plain vector operations and no vector is ever rearranged inside a pass. In between, an element of the
 * `lanes` transforms is planar: LANES real parts, then LANES imaginary ones. The passes are Stockham's (Van
 * Loan 1992, section 1.7): they leave the result in order. A single transform of n = m LANES elements runs in
 * lanes too: LANES interleaved transforms of m elements, then one pass of radix LANES across them.
 *
 * Pairs are (real, imaginary) beside each other in memory. All transforms are forward ones, exp(-2 pi i j k /
 * n); the inverse swaps real and imaginary parts on the way in and on the way out (`swap`). Steps are in real
 * elements.
 */
#ifndef APSIS_CPU_KERNELS_FFT_H
#define APSIS_CPU_KERNELS_FFT_H

#include "cpu/isa.h"
#include <stdbool.h>
#include <stdint.h>

enum { FFT_PASSES = 48, FFT_MOST_LANES = 8, FFT_LARGEST_RADIX = 31 };

/* One pass: butterflies of `radix` on elements length * stride apart, `stride` of them with the same
 * twiddles. */
typedef struct FftPass {
    int radix;
    int64_t length, stride;
    const void *twiddle; /* pairs [length][radix - 1]: exp(-2 pi i p t / (radix * length)) */
    const void
        *roots; /* pairs [radix]: cos and sin of 2 pi j / radix; of radices without code of their own */
} FftPass;

/* Transforms of n elements in lanes. */
typedef struct FftLanes {
    int64_t n;
    int passes;
    FftPass pass[FFT_PASSES];
} FftLanes;

/* One transform of lanes.n * LANES elements. */
typedef struct FftSplit {
    FftLanes lanes;
    const void *spread; /* [lanes.n][2][LANES]: exp(-2 pi i k v / n) */
} FftSplit;

/* One long transform of columns.n * rows.n elements in two steps (Bailey 1990): columns of the matrix that
 * its elements are row by row, then, times the twiddles, its rows. The twiddle of row k = a LANES + i and
 * column j is far[a][j] near[i][j]. Each step takes LANES columns or rows at a time, so that it stays in the
 * nearer caches. */
typedef struct FftSteps {
    FftLanes columns, rows;
    const void *near; /* [blocks of columns][LANES][2][LANES]: exp(-2 pi i j i / n) */
    const void *far;  /* [blocks of rows][blocks of columns][2][LANES]: exp(-2 pi i j a LANES / n) */
} FftSteps;

typedef struct FftKernels {
    int lanes;
    /* `count` <= lanes transforms, each a row of pairs; in[count..lanes) must be readable too. work: 4 n
     * lanes elements. in may be out. */
    void (*rows)(const FftLanes *plan, const void *const *in, void *const *out, int count, bool swap,
                 double scale, void *work);
    /* `count` <= lanes transforms, their elements x_step apart, the first of each x_lane apart. work as
     * above. */
    void (*columns)(const FftLanes *plan, const void *x, int64_t x_step, int64_t x_lane, void *y,
                    int64_t y_step, int64_t y_lane, int count, bool swap, double scale, void *work);
    /* Real rows of 2 n elements to n + 1 pairs each, and back (without a factor of 1 / 2n): as unfold and
     * fold below, in lanes. work: 2 lanes more. */
    void (*real_rows)(const FftLanes *plan, const void *roots, const void *const *in, void *const *out,
                      int count, bool conj, double scale, void *work);
    void (*half_rows)(const FftLanes *plan, const void *roots, const void *const *in, void *const *out,
                      int count, bool conj, double scale, void *work);
    /* One row of pairs. work: 4 n elements. in may be out. */
    void (*split)(const FftSplit *plan, const void *in, void *out, bool swap, double scale, void *work);
    /* Block `block` of a transform's columns into `between`, then of its rows from there. between: 2 elements
     * for each place of the matrix, its rows rounded up to whole lanes. work: 4 columns.n lanes, 4 rows.n
     * lanes. */
    void (*first_step)(const FftSteps *plan, const void *x, int64_t block, bool swap, void *between,
                       void *work);
    void (*second_step)(const FftSteps *plan, const void *between, int64_t block, void *y, bool swap,
                        double scale, void *work);
    /* to[j] = from[j] w[j] scale over n pairs; the parts of from, of to are swapped where asked for. */
    void (*multiply)(void *to, const void *from, const void *w, int64_t n, bool swap_from, bool swap_to,
                     double scale);
    /* y = a b, or a times the conjugate of b, over n pairs; steps in numbers. */
    void (*pairs)(void *y, int64_t y_step, const void *a, int64_t a_step, const void *b, int64_t b_step,
                  int64_t n, bool conj);
    /* The transform of 2 h real elements from that of h pairs of them: row[0..h] from row[0..h), in place.
     * w: pairs exp(-2 pi i k / 2h), k <= h / 2. conj: its conjugate. */
    void (*unfold)(void *row, const void *w, int64_t h, bool conj);
    /* The way back: to[0..h) from from[0..h], times 2. conj: from is conjugated first. */
    void (*fold)(void *to, const void *from, const void *w, int64_t h, bool conj);
    /* Two real rows of n elements as the parts of one row of pairs; b may be NULL. And their transforms, n /
     * 2 + 1 pairs each, from that row's. */
    void (*join)(void *to, const void *a, const void *b, int64_t n);
    void (*part)(void *a, void *b, const void *from, int64_t n, bool conj);
    /* The way back: the row whose transform gives the two, and its parts. */
    void (*join_half)(void *to, const void *a, const void *b, int64_t n, bool conj);
    void (*take)(void *a, void *b, const void *from, int64_t n);
    /* n items of `width` (1 or 2) elements, `step` apart, to a dense row and back: of `count` rows together,
     * since they often lie beside each other. */
    void (*gather)(void *const *to, const void *const *from, int count, int64_t n, int64_t step, int width);
    void (*scatter)(void *const *to, const void *const *from, int count, int64_t n, int64_t step, int width);
} FftKernels;

/* [0]: f32, [1]: f64 */
typedef struct FftTable {
    FftKernels type[2];
} FftTable;
ISA_DECLARE(FftTable, fft_kernels);

#endif
