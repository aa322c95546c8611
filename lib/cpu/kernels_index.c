/* Inner loops of indexing, compiled once an instruction set. A row whose position stays the same (a row of an
 * embedding, a slice of index_add) is a plain copy or vector sum; the rest goes element by element. */
#include "cpu/kernels_index.h"
#include "cpu/isa.h"
#include "cpu/shuffle.h"
#include <string.h>

enum {
    SIDE = 32,  /* binary searches that go side by side */
    TILE = 16,  /* 16 rows of 16 elements of 8 bytes: 2 KiB */
    AHEAD = 32, /* columns that a transposed copy asks for before it needs them: they are no stream */
    SHORT = 8   /* columns below which a block is copied down its columns */
};

#define JOIN_(a, b) a##_##b
#define JOIN(a, b)  JOIN_(a, b)

/* Walks a block. ROW(n, a, as, x, xs): one position for the whole row; ONE(a, x): one element. */
#define WALK(T, A, X, ROW, ONE)                                                                              \
    for (int64_t r = 0; r < b->n[0]; r++) {                                                                  \
        A pa = (A)va + r * b->a[0];                                                                          \
        X px = (X)vx + r * b->x[0];                                                                          \
        const int64_t *p = index + r * b->index[0];                                                          \
        int64_t n = b->n[1], as = b->a[1], xs = b->x[1], is = b->index[1], scale = b->scale;                 \
        if (is == 0) {                                                                                       \
            px += (p[0] - 1) * scale;                                                                        \
            ROW(T, n, pa, as, px, xs);                                                                       \
        } else if (as == 1 && is == 1 && xs == 0 && scale == 1) {                                            \
            for (int64_t i = 0; i < n; i++) ONE(T, pa[i], px[p[i] - 1]);                                     \
        } else if (as == 1 && is == 1) {                                                                     \
            for (int64_t i = 0; i < n; i++) ONE(T, pa[i], px[i * xs + (p[i] - 1) * scale]);                  \
        } else {                                                                                             \
            for (int64_t i = 0; i < n; i++) ONE(T, pa[i * as], px[i * xs + (p[i * is] - 1) * scale]);        \
        }                                                                                                    \
    }

#define ROW_READ(T, n, a, as, x, xs)                                                                         \
    if (as == 1 && xs == 1)                                                                                  \
        memcpy(a, x, (size_t)n * sizeof(T));                                                                 \
    else                                                                                                     \
        for (int64_t i = 0; i < n; i++) a[i * as] = x[i * xs];
#define ONE_READ(T, a, x) a = x

#define ROW_SET(T, n, a, as, x, xs)                                                                          \
    if (as == 1 && xs == 1)                                                                                  \
        memcpy(x, a, (size_t)n * sizeof(T));                                                                 \
    else                                                                                                     \
        for (int64_t i = 0; i < n; i++) x[i * xs] = a[i * as];
#define ONE_SET(T, a, x) x = a

/* Source and target never share memory here: the ops copy one that would. */
#define ROW_UPDATE(T, n, a, as, x, xs, F)                                                                    \
    if (as == 1 && xs == 1) {                                                                                \
        const T *restrict from = a;                                                                          \
        T *restrict to = x;                                                                                  \
        for (int64_t i = 0; i < n; i++) to[i] = F(T, to[i], from[i]);                                        \
    } else {                                                                                                 \
        for (int64_t i = 0; i < n; i++) x[i * xs] = F(T, x[i * xs], a[i * as]);                              \
    }

/* at[k * as + j] = from[k + j * xs] for k, j < TILE; in registers where the type allows. */
#define TILE_BY_ROWS(T)                                                                                      \
    static inline void JOIN(copy_tile, T)(T *restrict at, int64_t as, const T *restrict from, int64_t xs) {  \
        for (int64_t k = 0; k < TILE; k++)                                                                   \
            for (int64_t j = 0; j < TILE; j++) at[k * as + j] = from[k + j * xs];                            \
    }
#define TILE_BY_TURNS(T, V, TRANSPOSE)                                                                       \
    static inline void JOIN(copy_tile, T)(T *restrict at, int64_t as, const T *restrict from, int64_t xs) {  \
        enum { SIDE_OF_TURN = VECTOR / sizeof(T) };                                                          \
        for (int64_t k = 0; k < TILE; k += SIDE_OF_TURN)                                                     \
            for (int64_t j = 0; j < TILE; j += SIDE_OF_TURN) {                                               \
                V v[SIDE_OF_TURN];                                                                           \
                for (int i = 0; i < SIDE_OF_TURN; i++) v[i] = *(const V *)(from + k + (j + i) * xs);         \
                TRANSPOSE(v);                                                                                \
                for (int i = 0; i < SIDE_OF_TURN; i++) *(V *)(at + (k + i) * as + j) = v[i];                 \
            }                                                                                                \
    }
TILE_BY_ROWS(uint8_t)
TILE_BY_ROWS(uint16_t)
/* Bits move as they are: nothing is computed with them. */
TILE_BY_TURNS(uint32_t, VectorF32, transpose_f32)
TILE_BY_TURNS(uint64_t, VectorF64, transpose_f64)

/* Copies between strides. A transposed pair goes by tiles that stay in the first cache; rows shorter than the
 * block is high are walked across. */
#define COPY(T)                                                                                              \
    static inline void JOIN(copy_row, T)(int64_t n, T *restrict a, int64_t as, const T *restrict x,          \
                                         int64_t xs) {                                                       \
        if (as == 1 && xs == 1)                                                                              \
            memcpy(a, x, (size_t)n * sizeof(T));                                                             \
        else if (as == 1 && xs == 0)                                                                         \
            for (int64_t i = 0; i < n; i++) a[i] = *x;                                                       \
        else if (as == 1 && xs == -1)                                                                        \
            for (int64_t i = 0; i < n; i++) a[i] = x[-i];                                                    \
        else if (as == 1 && xs == 2)                                                                         \
            for (int64_t i = 0; i < n; i++) a[i] = x[2 * i];                                                 \
        else                                                                                                 \
            for (int64_t i = 0; i < n; i++) a[i * as] = x[i * xs];                                           \
    }                                                                                                        \
    static void JOIN(copy, T)(const IndexBlock *b, void *va, const int64_t *index, const void *vx) {         \
        T *a = va;                                                                                           \
        const T *x = vx;                                                                                     \
        int64_t rows = b->n[0], n = b->n[1];                                                                 \
        (void)index;                                                                                         \
        if (b->x[0] == 1 && b->x[1] != 1 && b->a[1] == 1 && rows >= TILE && n >= TILE) {                     \
            /* The last tiles overlap those before them. */                                                  \
            for (int64_t down = 0; down < rows; down += TILE) {                                              \
                const int64_t r = rows - down < TILE ? rows - TILE : down;                                   \
                for (int64_t across = 0; across < n; across += TILE) {                                       \
                    const int64_t i = n - across < TILE ? n - TILE : across;                                 \
                    for (int64_t j = i + AHEAD; j < i + AHEAD + TILE && j < n; j++)                          \
                        __builtin_prefetch(x + r + j * b->x[1]);                                             \
                    JOIN(copy_tile, T)(a + r * b->a[0] + i, b->a[0], x + r + i * b->x[1], b->x[1]);          \
                }                                                                                            \
            }                                                                                                \
        } else if (n < SHORT && rows > n) {                                                                  \
            for (int64_t i = 0; i < n; i++)                                                                  \
                JOIN(copy_row, T)(rows, a + i * b->a[1], b->a[0], x + i * b->x[1], b->x[0]);                 \
        } else {                                                                                             \
            for (int64_t r = 0; r < rows; r++)                                                               \
                JOIN(copy_row, T)(n, a + r * b->a[0], b->a[1], x + r * b->x[0], b->x[1]);                    \
        }                                                                                                    \
    }

#define MOVES(T)                                                                                             \
    COPY(T)                                                                                                  \
    static void JOIN(read, T)(const IndexBlock *b, void *va, const int64_t *index, const void *vx) {         \
        WALK(T, T *restrict, const T *restrict, ROW_READ, ONE_READ)                                          \
    }                                                                                                        \
    static void JOIN(set, T)(const IndexBlock *b, const void *va, const int64_t *index, void *vx) {          \
        WALK(T, const T *, T *, ROW_SET, ONE_SET)                                                            \
    }                                                                                                        \
    static inline void JOIN(choose_with, T)(int64_t n, T *restrict y, int64_t ys, const uint8_t *c,          \
                                            int64_t cs, const T *a, int64_t as, const T *b, int64_t bs) {    \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            T yes = a[i * as], no = b[i * bs];                                                               \
            y[i * ys] = c[i * cs] ? yes : no;                                                                \
        }                                                                                                    \
    }                                                                                                        \
    static void JOIN(choose, T)(int64_t n, void *y, int64_t ys, const uint8_t *c, int64_t cs, const void *a, \
                                int64_t as, const void *b, int64_t bs) {                                     \
        bool plain = ys == 1 && cs == 1;                                                                     \
        if (plain && as == 1 && bs == 1)                                                                     \
            JOIN(choose_with, T)(n, y, 1, c, 1, a, 1, b, 1);                                                 \
        else if (plain && as == 1 && bs == 0)                                                                \
            JOIN(choose_with, T)(n, y, 1, c, 1, a, 1, b, 0);                                                 \
        else if (plain && as == 0 && bs == 1)                                                                \
            JOIN(choose_with, T)(n, y, 1, c, 1, a, 0, b, 1);                                                 \
        else                                                                                                 \
            JOIN(choose_with, T)(n, y, ys, c, cs, a, as, b, bs);                                             \
    }

MOVES(uint8_t)
MOVES(uint16_t)
MOVES(uint32_t)
MOVES(uint64_t)

#define ADD(T, x, a) (T)((x) + (a))
/* 1u keeps the product of two uint16_t out of signed int. */
#define MUL(T, x, a) (T)(1u * (x) * (a))
#define MAX(T, x, a) ((x) > (a) || (x) != (x) ? (x) : (a))
#define MIN(T, x, a) ((x) < (a) || (x) != (x) ? (x) : (a))
#define OR(T, x, a)  (T)((x) | (a))
#define AND(T, x, a) (T)((x) & (a))

#define WRITE(NAME, T, TAG, F)                                                                               \
    static void JOIN(NAME, TAG)(const IndexBlock *b, const void *va, const int64_t *index, void *vx) {       \
        WALK(T, const T *, T *, JOIN(ROW, F), JOIN(ONE, F))                                                  \
    }
#define ROW_ADD(T, n, a, as, x, xs) ROW_UPDATE(T, n, a, as, x, xs, ADD)
#define ROW_MUL(T, n, a, as, x, xs) ROW_UPDATE(T, n, a, as, x, xs, MUL)
#define ROW_MAX(T, n, a, as, x, xs) ROW_UPDATE(T, n, a, as, x, xs, MAX)
#define ROW_MIN(T, n, a, as, x, xs) ROW_UPDATE(T, n, a, as, x, xs, MIN)
#define ROW_OR(T, n, a, as, x, xs)  ROW_UPDATE(T, n, a, as, x, xs, OR)
#define ROW_AND(T, n, a, as, x, xs) ROW_UPDATE(T, n, a, as, x, xs, AND)
#define ONE_ADD(T, a, x)            x = ADD(T, x, a)
#define ONE_MUL(T, a, x)            x = MUL(T, x, a)
#define ONE_MAX(T, a, x)            x = MAX(T, x, a)
#define ONE_MIN(T, a, x)            x = MIN(T, x, a)
#define ONE_OR(T, a, x)             x = OR(T, x, a)
#define ONE_AND(T, a, x)            x = AND(T, x, a)

/* Integers wrap: sums and products go through the unsigned type. */
#define WRITES(T, WRAP, TAG)                                                                                 \
    WRITE(add, WRAP, TAG, ADD)                                                                               \
    WRITE(mul, WRAP, TAG, MUL)                                                                               \
    WRITE(max, T, TAG, MAX)                                                                                  \
    WRITE(min, T, TAG, MIN)

WRITES(float, float, f32)
WRITES(double, double, f64)
WRITES(int64_t, uint64_t, i64)
WRITES(int32_t, uint32_t, i32)
WRITES(int16_t, uint16_t, i16)
WRITES(int8_t, uint8_t, i8)
WRITES(uint8_t, uint8_t, u8)
WRITE(or, uint8_t, flag, OR)
WRITE(and, uint8_t, flag, AND)

/* Half-precision elements are rounded after every step, as PyTorch does on the CPU. */
#define HALF(t, name, expression)                                                                            \
    static inline uint16_t JOIN(name, t)(uint16_t x_bits, uint16_t a_bits) {                                 \
        float x = t##_to_f32(x_bits), a = t##_to_f32(a_bits);                                                \
        return f32_to_##t(expression);                                                                       \
    }
HALF(f16, half_add, x + a)
HALF(f16, half_mul, x *a)
HALF(f16, half_max, MAX(float, x, a))
HALF(f16, half_min, MIN(float, x, a))
HALF(bf16, half_add, x + a)
HALF(bf16, half_mul, x *a)
HALF(bf16, half_max, MAX(float, x, a))
HALF(bf16, half_min, MIN(float, x, a))

#define ROW_HALF(f, n, a, as, x, xs)                                                                         \
    for (int64_t i = 0; i < n; i++) x[i * xs] = f(x[i * xs], a[i * as]);
#define ONE_HALF(f, a, x) x = f(x, a)
#define WRITE_HALF(NAME, TAG)                                                                                \
    static void JOIN(NAME, TAG)(const IndexBlock *b, const void *va, const int64_t *index, void *vx) {       \
        WALK(JOIN(half_##NAME, TAG), const uint16_t *, uint16_t *, ROW_HALF, ONE_HALF)                       \
    }
WRITE_HALF(add, f16)
WRITE_HALF(mul, f16)
WRITE_HALF(max, f16)
WRITE_HALF(min, f16)
WRITE_HALF(add, bf16)
WRITE_HALF(mul, bf16)
WRITE_HALF(max, bf16)
WRITE_HALF(min, bf16)

/* Binary searches side by side: which half a value falls into cannot be guessed, and each step waits for the
 * load of the one before. A nan belongs at the end. The row is shorter than 2^31. */
#define SEARCH_SIDE(T, TAG, COMES_BEFORE)                                                                    \
    static void JOIN(COMES_BEFORE##_side, TAG)(int32_t *restrict at, const T *row, int32_t n,                \
                                               const T *restrict v) {                                        \
        for (int j = 0; j < SIDE; j++) at[j] = 0;                                                            \
        for (; n > 1; n -= n / 2) {                                                                          \
            const int32_t half = n / 2;                                                                      \
            for (int j = 0; j < SIDE; j++) at[j] += COMES_BEFORE(row[at[j] + half - 1], v[j]) ? half : 0;    \
        }                                                                                                    \
        for (int j = 0; j < SIDE; j++) at[j] += COMES_BEFORE(row[at[j]], v[j]) ? 1 : 0;                      \
    }
#define BEFORE(e, v)     (!((e) >= (v)))
#define NOT_BEHIND(e, v) (!((e) > (v)))
#define SEARCH(T, TAG)                                                                                       \
    SEARCH_SIDE(T, TAG, BEFORE)                                                                              \
    SEARCH_SIDE(T, TAG, NOT_BEHIND)                                                                          \
    static void JOIN(search, TAG)(int64_t * to, const void *row, int64_t n, const void *values,              \
                                  int64_t count, bool right) {                                               \
        int32_t at[SIDE];                                                                                    \
        for (int64_t i = 0; i < count; i += SIDE) {                                                          \
            const int64_t length = count - i < SIDE ? count - i : SIDE;                                      \
            T v[SIDE] = {0};                                                                                 \
            memcpy(v, (const T *)values + i, (size_t)length * sizeof *v);                                    \
            if (n == 0)                                                                                      \
                memset(at, 0, sizeof at);                                                                    \
            else if (right)                                                                                  \
                JOIN(NOT_BEHIND_side, TAG)(at, row, (int32_t)n, v);                                          \
            else                                                                                             \
                JOIN(BEFORE_side, TAG)(at, row, (int32_t)n, v);                                              \
            for (int64_t j = 0; j < length; j++) to[i + j] = at[j] + 1;                                      \
        }                                                                                                    \
    }
SEARCH(float, f32)
SEARCH(double, f64)
SEARCH(int64_t, i64)

static bool in_range(const int64_t *index, int64_t n, int64_t low, int64_t high) {
    int bad = 0;
    for (int64_t i = 0; i < n; i++) bad |= (index[i] < low) | (index[i] > high) | (index[i] == 0);
    return !bad;
}

static void offsets(int64_t *restrict to, const int64_t *restrict index, int64_t n, int64_t size,
                    int64_t stride, int64_t bias) {
    for (int64_t i = 0; i < n; i++) to[i] = (index[i] + (index[i] < 0 ? size : -1)) * stride + bias;
}

#define EACH(NAME, OR_AND)                                                                                   \
    {                                                                                                        \
        [F32] = NAME##_f32, [F16] = NAME##_f16, [BF16] = NAME##_bf16, [F64] = NAME##_f64,                    \
        [I64] = NAME##_i64, [I32] = NAME##_i32, [I16] = NAME##_i16, [I8] = NAME##_i8, [U8] = NAME##_u8,      \
        [BOOL] = OR_AND##_flag                                                                               \
    }
#define SIZES(NAME)                                                                                          \
    { NAME##_uint8_t, NAME##_uint16_t, NAME##_uint32_t, NAME##_uint64_t }

const IndexKernels ISA_NAME(index_kernels) = {
    .read = SIZES(read),
    .copy = SIZES(copy),
    .set = SIZES(set),
    .write = {[WRITE_ADD] = EACH (add, or),
              [WRITE_MUL] = EACH (mul, and),
              [WRITE_MAX] = EACH (max, or),
              [WRITE_MIN] = EACH (min, and)},
    .choose = SIZES(choose),
    .search = {[F32] = search_f32, [F64] = search_f64, [I64] = search_i64},
    .in_range = in_range,
    .offsets = offsets,
};
