/* Sorting by unsigned 64-bit keys that carry the order of every element type: least-significant-digit radix
 * sort for long rows, insertion sort for short ones; quickselect where only some are wanted. Keys whose order
 * needs 32 bits carry the position in the other 32, so that one word moves; the others travel beside their
 * position. */
#include "cpu/sort.h"
#include <string.h>

enum {
    SHORT = 48,     /* rows below this are sorted by insertion */
    DIGIT_BITS = 8, /* of one radix pass: its 256 counters stay in the first cache */
    DIGITS = 1 << DIGIT_BITS,
    HELD = 512,      /* candidates that a selection holds at least */
    LONG = 4096,     /* rows from here on are thinned out by their leading bits before a selection */
    LEADING = 11,    /* of them: 2^11 counters of 4 bytes stay in the first cache */
    MAX_ROUNDS = 100 /* of a selection: far above what 2^32 elements with fair pivots need */
};

typedef struct Item {
    uint64_t key, position;
} Item;

int64_t cpu_sort_scratch(int64_t n) {
    return 2 * (n + 1) * (int64_t)sizeof(Item);
}

/* Ordered as the float is, -0 equal to 0, every NaN last. */
static inline uint32_t key_f32(float v) {
    uint32_t bits;
    if (v != v) return UINT32_MAX;
    v += 0.0f;
    memcpy(&bits, &v, sizeof bits);
    return bits >> 31 ? ~bits : bits | 1u << 31;
}

static inline uint64_t key_f64(double v) {
    uint64_t bits;
    if (v != v) return UINT64_MAX;
    v += 0.0;
    memcpy(&bits, &v, sizeof bits);
    return bits >> 63 ? ~bits : bits | 1ull << 63;
}

/* The key of element i; `flip` is all ones where the order descends. */
static inline uint64_t key_at(const void *x, DType t, int64_t i, uint64_t flip) {
    switch (t) {
    case F32:
        return key_f32(((const float *)x)[i]) ^ (uint32_t)flip;
    case I32:
        return ((uint32_t)((const int32_t *)x)[i] ^ 1u << 31) ^ (uint32_t)flip;
    case F64:
        return key_f64(((const double *)x)[i]) ^ flip;
    case I64:
        return ((uint64_t)((const int64_t *)x)[i] ^ 1ull << 63) ^ flip;
    default:
        return ((const uint8_t *)x)[i] ^ (uint32_t)flip;
    }
}

static inline uint64_t make_words(uint64_t key, int64_t i) {
    return key << 32 | (uint64_t)i;
}
static inline Item make_items(uint64_t key, int64_t i) {
    return (Item){key, (uint64_t)i};
}

/* Insertion and radix sort of one element type: KEY(e) is the 64-bit key. Digits from bit `low` on; a pass
 * whose digit is the same everywhere is skipped. Returns where the sorted elements are: `a` or `b`. */
#define SORT(TYPE, NAME, KEY)                                                                                \
    static void insertion_##NAME(TYPE *a, int64_t n) {                                                       \
        for (int64_t i = 1; i < n; i++) {                                                                    \
            const TYPE e = a[i];                                                                             \
            int64_t j = i;                                                                                   \
            for (; j > 0 && LESS(e, a[j - 1]); j--) a[j] = a[j - 1];                                         \
            a[j] = e;                                                                                        \
        }                                                                                                    \
    }                                                                                                        \
    static TYPE *sort_##NAME(TYPE *a, TYPE *b, int64_t n, int low) {                                         \
        if (n < SHORT) {                                                                                     \
            insertion_##NAME(a, n);                                                                          \
            return a;                                                                                        \
        }                                                                                                    \
        int64_t count[64 / DIGIT_BITS][DIGITS];                                                              \
        memset(count[low / DIGIT_BITS], 0, (size_t)(64 - low) / DIGIT_BITS * sizeof count[0]);               \
        for (int64_t i = 0; i < n; i++)                                                                      \
            for (int d = low / DIGIT_BITS; d < 64 / DIGIT_BITS; d++)                                         \
                count[d][KEY(a[i]) >> d * DIGIT_BITS & (DIGITS - 1)]++;                                      \
        for (int d = low / DIGIT_BITS; d < 64 / DIGIT_BITS; d++) {                                           \
            if (count[d][KEY(a[0]) >> d * DIGIT_BITS & (DIGITS - 1)] == n) continue;                         \
            for (int64_t k = 0, at = 0; k < DIGITS; k++) {                                                   \
                int64_t here = count[d][k];                                                                  \
                count[d][k] = at;                                                                            \
                at += here;                                                                                  \
            }                                                                                                \
            for (int64_t i = 0; i < n; i++)                                                                  \
                b[count[d][KEY(a[i]) >> d * DIGIT_BITS & (DIGITS - 1)]++] = a[i];                            \
            TYPE *swap = a;                                                                                  \
            a = b;                                                                                           \
            b = swap;                                                                                        \
        }                                                                                                    \
        return a;                                                                                            \
    }

/* Selection. select puts the k smallest into a[0..k), in any order: quickselect, its pivot the median of
 * three; false where the pivots were too poor to end in time: a is then only permuted. fill writes the keys
 * of a row. choose writes only candidates for the k first, at least k of them, and returns how many: a few
 * are held at a time, and what comes after the k best of them is passed over. A later element never beats an
 * equal earlier one. */
#define SELECT(TYPE, NAME)                                                                                   \
    static bool select_##NAME(TYPE *a, int64_t n, int64_t k) {                                               \
        int64_t low = 0, high = n - 1;                                                                       \
        for (int round = 0; high - low >= SHORT; round++) {                                                  \
            if (round == MAX_ROUNDS) return false;                                                           \
            TYPE u = a[low], v = a[low + (high - low) / 2], w = a[high];                                     \
            TYPE pivot = LESS(u, v) ? (LESS(v, w)   ? v                                                      \
                                       : LESS(u, w) ? w                                                      \
                                                    : u)                                                     \
                                    : (LESS(u, w)   ? u                                                      \
                                       : LESS(v, w) ? w                                                      \
                                                    : v);                                                    \
            int64_t i = low, j = high;                                                                       \
            while (i <= j) {                                                                                 \
                while (LESS(a[i], pivot)) i++;                                                               \
                while (LESS(pivot, a[j])) j--;                                                               \
                if (i <= j) {                                                                                \
                    TYPE swap = a[i];                                                                        \
                    a[i++] = a[j];                                                                           \
                    a[j--] = swap;                                                                           \
                }                                                                                            \
            }                                                                                                \
            if (k - 1 <= j)                                                                                  \
                high = j;                                                                                    \
            else if (k - 1 >= i)                                                                             \
                low = i;                                                                                     \
            else                                                                                             \
                return true;                                                                                 \
        }                                                                                                    \
        insertion_##NAME(a + low, high - low + 1);                                                           \
        return true;                                                                                         \
    }                                                                                                        \
    static inline void fill_##NAME(TYPE *a, const void *x, DType t, int64_t n, int64_t stride,               \
                                   uint64_t flip) {                                                          \
        for (int64_t i = 0; i < n; i++) a[i] = make_##NAME(key_at(x, t, i * stride, flip), i);               \
    }                                                                                                        \
    static inline int64_t choose_##NAME(TYPE *a, const void *x, DType t, int64_t n, int64_t stride,          \
                                        uint64_t flip, int64_t k) {                                          \
        const int64_t held = 4 * k > HELD ? 4 * k : HELD;                                                    \
        int64_t count = held;                                                                                \
        fill_##NAME(a, x, t, n < 2 * held ? n : held, stride, flip);                                         \
        if (n < 2 * held) return n;                                                                          \
        TYPE worst = a[0];                                                                                   \
        for (int64_t i = held; i <= n; i++) {                                                                \
            if (count == held) {                                                                             \
                if (!select_##NAME(a, held, k)) {                                                            \
                    fill_##NAME(a, x, t, n, stride, flip);                                                   \
                    return n;                                                                                \
                }                                                                                            \
                count = k;                                                                                   \
                worst = a[0];                                                                                \
                for (int64_t j = 1; j < k; j++)                                                              \
                    if (LESS(worst, a[j])) worst = a[j];                                                     \
            }                                                                                                \
            if (i == n) break;                                                                               \
            const TYPE e = make_##NAME(key_at(x, t, i * stride, flip), i);                                   \
            if (LESS(e, worst)) a[count++] = e;                                                              \
        }                                                                                                    \
        return count;                                                                                        \
    }

#define WORD_KEY(e) (e)
#define LESS(u, v)  ((u) < (v))
SORT(uint64_t, words, WORD_KEY)
SELECT(uint64_t, words)
#undef LESS
#define ITEM_KEY(e)      ((e).key)
#define ITEM_POSITION(e) ((e).position)
#define LESS(u, v)       ((u).key < (v).key || ((u).key == (v).key && (u).position < (v).position))
SORT(Item, items, ITEM_KEY)
SELECT(Item, items)
#undef LESS
#define LESS(u, v) ((u).position < (v).position)
SORT(Item, positions, ITEM_POSITION)

/* For a type known at compile time: the loops over keys have no branch on it. */
static inline __attribute__((always_inline)) void first_words(int64_t *index, const void *x, DType t,
                                                              int64_t n, int64_t stride, int64_t k,
                                                              uint64_t flip, void *scratch) {
    uint64_t *a = scratch;
    int64_t count = n;
    if (k < n)
        count = choose_words(a, x, t, n, stride, flip, k);
    else
        fill_words(a, x, t, n, stride, flip);
    bool mixed = k < n; /* a selection mixes positions: they are sorted with the keys */
    if (k < count && select_words(a, count, k)) count = k;
    a = sort_words(a, a + count, count, mixed ? 0 : 32);
    for (int64_t i = 0; i < k; i++) index[i] = (int64_t)(a[i] & UINT32_MAX);
}

static inline __attribute__((always_inline)) void first_items(int64_t *index, const void *x, DType t,
                                                              int64_t n, int64_t stride, int64_t k,
                                                              uint64_t flip, void *scratch) {
    Item *a = scratch, *b = a + n;
    int64_t count = n;
    if (k < n)
        count = choose_items(a, x, t, n, stride, flip, k);
    else
        fill_items(a, x, t, n, stride, flip);
    if (k < count && select_items(a, count, k)) count = k;
    if (k < n) {
        Item *by_position = sort_positions(a, b, count, 0);
        b = by_position == a ? b : a;
        a = by_position;
    }
    a = sort_items(a, b, count, 0);
    for (int64_t i = 0; i < k; i++) index[i] = (int64_t)a[i].position;
}

void cpu_sort_row(int64_t *index, const void *x, DType dtype, int64_t n, int64_t stride, bool descending,
                  void *scratch) {
    cpu_topk_row(index, x, dtype, n, stride, n, descending, scratch);
}

void cpu_topk_row(int64_t *index, const void *x, DType dtype, int64_t n, int64_t stride, int64_t k,
                  bool descending, void *scratch) {
    const uint64_t flip = descending ? UINT64_MAX : 0;
    if (k == 0) return;
    switch (dtype) {
    case F32:
        first_words(index, x, F32, n, stride, k, flip, scratch);
        break;
    case I32:
        first_words(index, x, I32, n, stride, k, flip, scratch);
        break;
    case F64:
        first_items(index, x, F64, n, stride, k, flip, scratch);
        break;
    case I64:
        first_items(index, x, I64, n, stride, k, flip, scratch);
        break;
    default:
        first_words(index, x, U8, n, stride, k, flip, scratch);
    }
}

/* --- the k-th element
 * ------------------------------------------------------------------------------------------ */

static uint64_t *order_words(uint64_t *a, int64_t n) {
    return sort_words(a, a + n, n, 0);
}
static Item *order_items(Item *a, int64_t n) {
    Item *by_position = sort_positions(a, a + n, n, 0);
    return sort_items(by_position, by_position == a ? a + n : a, n, 0);
}

/* thin writes what shares the leading bits of the k-th element, which becomes the *k-th of those, and returns
 * how many they are. It may write one past them. */
#define KTH(TYPE, NAME, POSITION)                                                                            \
    static inline __attribute__((always_inline))                                                             \
    int64_t thin_##NAME(TYPE *a, const void *x, DType t, int64_t n, int64_t stride, int bits, int64_t *k) {  \
        uint32_t count[1 << LEADING] = {0}, bucket = 0;                                                      \
        const int shift = bits > LEADING ? bits - LEADING : 0;                                               \
        int64_t kept = 0;                                                                                    \
        for (int64_t i = 0; i < n; i++) count[key_at(x, t, i * stride, 0) >> shift]++;                       \
        while (*k > count[bucket]) *k -= count[bucket++];                                                    \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            const uint64_t key = key_at(x, t, i * stride, 0);                                                \
            a[kept] = make_##NAME(key, i);                                                                   \
            kept += key >> shift == bucket;                                                                  \
        }                                                                                                    \
        return kept;                                                                                         \
    }                                                                                                        \
    static inline __attribute__((always_inline)) int64_t kth_##NAME(                                         \
        const void *x, DType t, int64_t n, int64_t stride, int64_t k, int bits, void *scratch) {             \
        TYPE *a = scratch;                                                                                   \
        int64_t kept = n;                                                                                    \
        if (n < LONG)                                                                                        \
            fill_##NAME(a, x, t, n, stride, 0);                                                              \
        else                                                                                                 \
            kept = thin_##NAME(a, x, t, n, stride, bits, &k);                                                \
        if (!select_##NAME(a, kept, k)) a = order_##NAME(a, kept);                                           \
        return (int64_t)POSITION(a[k - 1]);                                                                  \
    }
#define WORD_POSITION(e) ((e)&UINT32_MAX)
KTH(uint64_t, words, WORD_POSITION)
KTH(Item, items, ITEM_POSITION)

int64_t cpu_kth_of_row(const void *x, DType dtype, int64_t n, int64_t stride, int64_t k, void *scratch) {
    switch (dtype) {
    case F32:
        return kth_words(x, F32, n, stride, k, 32, scratch);
    case I32:
        return kth_words(x, I32, n, stride, k, 32, scratch);
    case F64:
        return kth_items(x, F64, n, stride, k, 64, scratch);
    case I64:
        return kth_items(x, I64, n, stride, k, 64, scratch);
    default:
        return kth_words(x, U8, n, stride, k, 8, scratch);
    }
}

#define COUNT_NAN(T)                                                                                         \
    {                                                                                                        \
        const T *row = x;                                                                                    \
        int64_t count = 0;                                                                                   \
        for (int64_t i = 0; i < n; i++) count += row[i * stride] != row[i * stride];                         \
        for (*first = 0; count && row[*first * stride] == row[*first * stride];) ++*first;                   \
        return count;                                                                                        \
    }

int64_t cpu_count_nan(const void *x, DType dtype, int64_t n, int64_t stride, int64_t *first) {
    *first = 0;
    if (dtype == F32) COUNT_NAN(float)
    if (dtype == F64) COUNT_NAN(double)
    return 0;
}
