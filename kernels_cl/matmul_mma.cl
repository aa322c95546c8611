/* Matrix products on NVIDIA's tensor cores, by inline PTX: Y (m, n) = A (m, k) B (k, n) + beta Y, one matrix of a batch
 * a third dimension of the grid. A work-group of 8 warps makes TILE x TILE elements; each warp 64 x 32 of them, in
 * mma instructions of 16 x 8 x 8 words. A word is 32 bits along k: two halves, or one float, which is rounded to tf32.
 * Sums are kept in f32.
 *   X                 f16, bf16 or f32: dtype of A, B and Y
 *   A_LOADS, B_LOADS  how a tile comes from memory: ONE_BY_ONE (any strides), ALONG_K (16 bytes at a time; aligned)
 *                     or ACROSS (pairs of neighbouring rows of A or columns of B; aligned)
 *   EMULATED          1: plain C in the place of the instruction, for tests on other devices
 * Fragments lie as the PTX manual says (mma.m16n8k16 and mma.m16n8k8). */
#include "common.h"
#include "product.h"

#define ONE_BY_ONE 0
#define ALONG_K    1
#define ACROSS     2

#define TILE   128
#define WARP_M 64 /* rows and columns of a warp's part: 2 warps down, 4 across */
#define WARP_N 32
#define ITEMS  256
#define WORDS  16          /* of k, staged at a time */
#define STEP   8           /* of k, in one instruction */
#define ROW    (WORDS + 4) /* in local memory; 4 more, so that the rows of a fragment lie in different banks */

#define PER_WORD JOIN(per_word_, X)
#define per_word_f16  2
#define per_word_bf16 2
#define per_word_f32  1

#if PER_WORD == 2
#define ONE_WORD(low, high) ((uint)(low) | (uint)(high) << 16)
#elif EMULATED
static inline uint round_to_tf32(float v) {
    return (as_uint(v) + 0x1000) & 0xffffe000;
}
#define ONE_WORD(v, unused) round_to_tf32(v)
#else
static inline uint round_to_tf32(float v) {
    uint bits;
    __asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(v));
    return bits;
}
#define ONE_WORD(v, unused) round_to_tf32(v)
#endif

/* Sums must be in registers, so no loop over them may stay one. */
#if EMULATED
#define UNROLL
#else
#define UNROLL _Pragma("unroll")
#endif

/* --- tiles: from memory, two runs of four words an item, into local memory -------------------------------- */

/* A rectangle of A or B: TILE rows of A or columns of B (its lines), from position `at` on. */
typedef struct Side {
    long at, line, step; /* strides between lines and along k */
    long lines;          /* that are there */
} Side;

/* The line and the first word of this item's run i. */
#define LINE(loads, item, i)  ((loads) == ACROSS ? (item) % (TILE / 2) * 2 + (i) : ((item) + (i)*ITEMS) / (WORDS / 4))
#define FIRST(loads, item, i) (((loads) == ACROSS ? (item) / (TILE / 2) : ((item) + (i)*ITEMS) % (WORDS / 4)) * 4)

static inline X element(__global const X *x, const Side *s, long line, long k, long end) {
    return line < s->lines && k < end ? x[s->at + line * s->line + k * s->step] : (X)0;
}

static inline void load_one_by_one(uint4 run[2], __global const X *x, const Side *s, int loads, int item, long k,
                                   long end) {
    UNROLL
    for (int i = 0; i < 2; i++) {
        const long line = LINE(loads, item, i);
        uint word[4];
        UNROLL
        for (int w = 0; w < 4; w++) {
            const long from = k + (FIRST(loads, item, i) + w) * PER_WORD;
            word[w] = ONE_WORD(element(x, s, line, from, end), element(x, s, line, from + 1, end));
        }
        run[i] = (uint4)(word[0], word[1], word[2], word[3]);
    }
}

static inline void load_along_k(uint4 run[2], __global const X *x, const Side *s, int item, long k) {
    UNROLL
    for (int i = 0; i < 2; i++) {
        const long from = s->at + LINE(ALONG_K, item, i) * s->line + k + FIRST(ALONG_K, item, i) * PER_WORD;
#if PER_WORD == 2
        run[i] = *(__global const uint4 *)&x[from];
#else
        const float4 v = *(__global const float4 *)&x[from];
        run[i] = (uint4)(ONE_WORD(v.x, 0), ONE_WORD(v.y, 0), ONE_WORD(v.z, 0), ONE_WORD(v.w, 0));
#endif
    }
}

static inline void load_across(uint4 run[2], __global const X *x, const Side *s, int item, long k) {
    const long from = s->at + LINE(ACROSS, item, 0) + (k + FIRST(ACROSS, item, 0) * PER_WORD) * s->step;
    uint word[2][4];
    UNROLL
    for (int w = 0; w < 4; w++) {
#if PER_WORD == 2
        const ushort2 low = *(__global const ushort2 *)&x[from + 2 * w * s->step];
        const ushort2 high = *(__global const ushort2 *)&x[from + (2 * w + 1) * s->step];
        word[0][w] = ONE_WORD(low.x, high.x);
        word[1][w] = ONE_WORD(low.y, high.y);
#else
        const float2 v = *(__global const float2 *)&x[from + w * s->step];
        word[0][w] = ONE_WORD(v.x, 0);
        word[1][w] = ONE_WORD(v.y, 0);
#endif
    }
    UNROLL
    for (int i = 0; i < 2; i++) run[i] = (uint4)(word[i][0], word[i][1], word[i][2], word[i][3]);
}

static inline void load_tile(uint4 run[2], __global const X *x, const Side *s, int loads, int item, long k, long end) {
    const bool whole = s->lines >= TILE && k + WORDS * PER_WORD <= end;
    if (loads == ALONG_K && whole)
        load_along_k(run, x, s, item, k);
    else if (loads == ACROSS && whole)
        load_across(run, x, s, item, k);
    else
        load_one_by_one(run, x, s, loads, item, k, end);
}

static inline void put_tile(__local uint *tile, const uint4 run[2], int loads, int item) {
    UNROLL
    for (int i = 0; i < 2; i++)
        *(__local uint4 *)&tile[LINE(loads, item, i) * ROW + FIRST(loads, item, i)] = run[i];
}

/* --- one instruction: 16 lines of A, 8 of B, STEP words ----------------------------------------------------- */

/* The words that lane `lane` of the warp holds: four of A, two of B. The tiles begin at the warp's part. */
#define A_WORD(a, lane, i) ((a)[((lane) / 4 + (i) % 2 * 8) * ROW + (lane) % 4 + (i) / 2 * 4])
#define B_WORD(b, lane, i) ((b)[(lane) / 4 * ROW + (lane) % 4 + (i)*4])

#if EMULATED
static inline float word_product(uint a, uint b) {
#if PER_WORD == 2
    return DECODE(X, (ushort)a) * DECODE(X, (ushort)b) + DECODE(X, (ushort)(a >> 16)) * DECODE(X, (ushort)(b >> 16));
#else
    return as_float(a) * as_float(b);
#endif
}

/* As the instruction: from what all lanes hold. */
static inline void multiply(float sum[4], __local const uint *a, __local const uint *b, int lane) {
    UNROLL
    for (int e = 0; e < 4; e++)
        for (int w = 0; w < STEP; w++) {
            const int row_lane = lane / 4 * 4 + w % 4, column_lane = (lane % 4 * 2 + e % 2) * 4 + w % 4;
            sum[e] += word_product(A_WORD(a, row_lane, w / 4 * 2 + e / 2), B_WORD(b, column_lane, w / 4));
        }
}
#else
#define PTX_f16  "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32"
#define PTX_bf16 "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"
#define PTX_f32  "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32"
static inline void multiply_words(float sum[4], const uint a[4], const uint b[2]) {
    __asm volatile(JOIN(PTX_, X) " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                   : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#endif

#define PARTS_M (WARP_M / 16)
#define PARTS_N (WARP_N / 8)

static inline void multiply_tiles(float sum[PARTS_M][PARTS_N][4], __local const uint *a, __local const uint *b,
                                  int lane) {
    UNROLL
    for (int s = 0; s < WORDS; s += STEP) {
#if EMULATED
        UNROLL
        for (int i = 0; i < PARTS_M; i++)
            UNROLL
            for (int j = 0; j < PARTS_N; j++) multiply(sum[i][j], a + i * 16 * ROW + s, b + j * 8 * ROW + s, lane);
#else
        uint left[PARTS_M][4], right[PARTS_N][2];
        UNROLL
        for (int i = 0; i < PARTS_M; i++)
            UNROLL
            for (int w = 0; w < 4; w++) left[i][w] = A_WORD(a + i * 16 * ROW + s, lane, w);
        UNROLL
        for (int j = 0; j < PARTS_N; j++)
            UNROLL
            for (int w = 0; w < 2; w++) right[j][w] = B_WORD(b + j * 8 * ROW + s, lane, w);
        UNROLL
        for (int i = 0; i < PARTS_M; i++)
            UNROLL
            for (int j = 0; j < PARTS_N; j++) multiply_words(sum[i][j], left[i], right[j]);
#endif
    }
}

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void gemm_mma(TENSOR(const X, a), TENSOR(const X, b),
                                                                          SHARED(X, y), const float beta,
                                                                          const Product p) {
    __local uint4 tiles[2][2][TILE * ROW / 4]; /* while one pair is multiplied, the next comes */
    const int item = (int)get_local_id(0), warp = item / 32, lane = item % 32;
    const long first_m = (long)get_group_id(1) * TILE, first_n = (long)get_group_id(0) * TILE;
    const long z = (long)get_group_id(2);
    long batch_a, batch_b;
    batch_offsets(&p, z, &batch_a, &batch_b);
    const Side side_a = {a_at + batch_a + first_m * p.a_row, p.a_row, p.a_col, p.m - first_m};
    const Side side_b = {b_at + batch_b + first_n * p.b_col, p.b_col, p.b_row, p.n - first_n};
    const int row = warp / (TILE / WARP_N) * WARP_M, column = warp % (TILE / WARP_N) * WARP_N;

    float sum[PARTS_M][PARTS_N][4];
    UNROLL
    for (int i = 0; i < PARTS_M; i++)
        UNROLL
        for (int j = 0; j < PARTS_N; j++)
            UNROLL
            for (int e = 0; e < 4; e++) sum[i][j][e] = 0;

    uint4 next_a[2], next_b[2];
    int at = 0;
    load_tile(next_a, a, &side_a, A_LOADS, item, 0, p.k);
    load_tile(next_b, b, &side_b, B_LOADS, item, 0, p.k);
    put_tile((__local uint *)tiles[0][0], next_a, A_LOADS, item);
    put_tile((__local uint *)tiles[0][1], next_b, B_LOADS, item);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (long k = WORDS * PER_WORD; k < p.k + WORDS * PER_WORD; k += WORDS * PER_WORD) {
        if (k < p.k) {
            load_tile(next_a, a, &side_a, A_LOADS, item, k, p.k);
            load_tile(next_b, b, &side_b, B_LOADS, item, k, p.k);
        }
        multiply_tiles(sum, (__local const uint *)tiles[at][0] + row * ROW,
                       (__local const uint *)tiles[at][1] + column * ROW, lane);
        at = 1 - at;
        if (k < p.k) {
            put_tile((__local uint *)tiles[at][0], next_a, A_LOADS, item);
            put_tile((__local uint *)tiles[at][1], next_b, B_LOADS, item);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }

    UNROLL
    for (int i = 0; i < PARTS_M; i++)
        UNROLL
        for (int j = 0; j < PARTS_N; j++)
            UNROLL
            for (int e = 0; e < 4; e++) {
                const long m = first_m + row + i * 16 + lane / 4 + e / 2 * 8;
                const long n = first_n + column + j * 8 + lane % 4 * 2 + e % 2;
                if (m >= p.m || n >= p.n) continue;
                const long to = z * p.y_batch + m * p.y_row + n;
                const float old = beta != 0 ? beta * (float)DECODE(X, AT(y, to)) : 0;
                AT(y, to) = ENCODE(X, float, old + sum[i][j][e]);
            }
}
