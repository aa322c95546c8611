/* Sorting by unsigned 64-bit keys that carry the order of every element type: least-significant-digit radix
 * sort for long rows, insertion sort for short ones. Keys whose order needs 32 bits carry the position in the
 * other 32, so that one word moves; the others travel beside their position. */
#include "cpu/sort.h"
#include <string.h>

enum {
    SHORT = 48,     /* rows below this are sorted by insertion */
    DIGIT_BITS = 8, /* of one radix pass: its 256 counters stay in the first cache */
    DIGITS = 1 << DIGIT_BITS,
    MAX_ROUNDS = 100 /* of a selection: far above what 2^32 elements with fair pivots need */
};

typedef struct Item {
    uint64_t key, position;
} Item;

int64_t cpu_sort_scratch(int64_t n) {
    return 2 * n * (int64_t)sizeof(Item);
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

static bool is_wide(DType t) {
    return t == F64 || t == I64;
}

/* key << 32 | position, for types whose key has 32 bits. */
static void fill_words(uint64_t *word, const void *x, DType t, int64_t n, int64_t stride, bool descending) {
    const uint32_t flip = descending ? UINT32_MAX : 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t key;
        if (t == F32)
            key = key_f32(((const float *)x)[i * stride]);
        else if (t == I32)
            key = (uint32_t)((const int32_t *)x)[i * stride] ^ 1u << 31;
        else
            key = ((const uint8_t *)x)[i * stride];
        word[i] = (uint64_t)(key ^ flip) << 32 | (uint64_t)i;
    }
}

static void fill_items(Item *item, const void *x, DType t, int64_t n, int64_t stride, bool descending) {
    const uint64_t flip = descending ? UINT64_MAX : 0;
    for (int64_t i = 0; i < n; i++) {
        uint64_t key = t == F64 ? key_f64(((const double *)x)[i * stride])
                                : (uint64_t)((const int64_t *)x)[i * stride] ^ 1ull << 63;
        item[i] = (Item){key ^ flip, (uint64_t)i};
    }
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
    }                                                                                                        \
    /* Puts the k smallest into a[0..k), in any order: quickselect, its pivot the median of three. False     \
       where the pivots were too poor to end in time: a is then only permuted. */                                            \
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
    }

#define WORD_KEY(e) (e)
#define LESS(u, v)  ((u) < (v))
SORT(uint64_t, words, WORD_KEY)
#undef LESS
#define ITEM_KEY(e) ((e).key)
#define LESS(u, v)  ((u).key < (v).key || ((u).key == (v).key && (u).position < (v).position))
SORT(Item, items, ITEM_KEY)

void cpu_sort_row(int64_t *index, const void *x, DType dtype, int64_t n, int64_t stride, bool descending,
                  void *scratch) {
    cpu_topk_row(index, x, dtype, n, stride, n, descending, scratch);
}

void cpu_topk_row(int64_t *index, const void *x, DType dtype, int64_t n, int64_t stride, int64_t k,
                  bool descending, void *scratch) {
    if (k == 0) return;
    if (is_wide(dtype)) {
        Item *a = scratch;
        if (k < SHORT && k < n) fill_items(a, x, dtype, n, stride, descending);
        /* A selection mixes equal keys: only the insertion sort, which looks at positions too, may follow it.
         */
        bool chosen = k < SHORT && k < n && select_items(a, n, k);
        if (chosen) {
            insertion_items(a, k);
        } else {
            fill_items(a, x, dtype, n, stride, descending);
            a = sort_items(a, a + n, n, 0);
        }
        for (int64_t i = 0; i < k; i++) index[i] = (int64_t)a[i].position;
    } else {
        uint64_t *a = scratch;
        fill_words(a, x, dtype, n, stride, descending);
        /* After a selection the positions are mixed and are sorted with the keys. */
        if (k < n)
            a = sort_words(a, a + n, select_words(a, n, k) ? k : n, 0);
        else
            a = sort_words(a, a + n, n, 32);
        for (int64_t i = 0; i < k; i++) index[i] = (int64_t)(a[i] & UINT32_MAX);
    }
}
