/* Sorting by unsigned 64-bit keys that carry the order of every element type: least-significant-digit radix
 * sort for long rows, merge sort for short ones; quickselect where only some are wanted. Keys whose order
 * needs 32 bits carry the position in the other 32, so that one word moves; the others travel beside their
 * position. */
#include "cpu/sort.h"
#include <string.h>

enum {
    SHORT = 12,     /* rows below this are sorted by insertion, */
    MEDIUM = 512,   /* and below this by merging, */
    RUN = 8,        /* runs of so many first */
    FEW = 16,       /* up to so many chosen elements are kept in order while the row goes by */
    GLANCE = 16,    /* elements compared together with the worst of them */
    DIGIT_BITS = 8, /* of one radix pass: its 256 counters stay in the first cache */
    DIGITS = 1 << DIGIT_BITS,
    HELD = 512,          /* candidates that a selection holds at least */
    LONG = 4096,         /* rows from here on are thinned out before a selection, */
    VERY_LONG = 1 << 17, /* by a larger sample from here on */
    LEADING = 11,    /* bits of one that does it by them: 2^11 counters of 4 bytes stay in the first cache */
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
    return bits ^ ((uint32_t)((int32_t)bits >> 31) | 1u << 31); /* a branch on signs cannot be guessed */
}

static inline uint64_t key_f64(double v) {
    uint64_t bits;
    if (v != v) return UINT64_MAX;
    v += 0.0;
    memcpy(&bits, &v, sizeof bits);
    return bits ^ ((uint64_t)((int64_t)bits >> 63) | 1ull << 63);
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

/* Merge sort of one element type, whose elements all differ. Nothing but the ends of loops branches: which of
 * two elements comes first cannot be guessed. The runs are sorted by a network of 19 exchanges (Knuth, The
 * Art of Computer Programming 3, 5.3.4). */
#define ORDER(TYPE, i, j)                                                                                    \
    do {                                                                                                     \
        const TYPE u = a[i], v = a[j];                                                                       \
        const bool swap = LESS(v, u);                                                                        \
        a[i] = swap ? v : u;                                                                                 \
        a[j] = swap ? u : v;                                                                                 \
    } while (0)
#define MERGE(TYPE, NAME)                                                                                    \
    static void insertion_##NAME(TYPE *a, int64_t n) {                                                       \
        for (int64_t i = 1; i < n; i++) {                                                                    \
            const TYPE e = a[i];                                                                             \
            int64_t j = i;                                                                                   \
            for (; j > 0 && LESS(e, a[j - 1]); j--) a[j] = a[j - 1];                                         \
            a[j] = e;                                                                                        \
        }                                                                                                    \
    }                                                                                                        \
    static inline void network_##NAME(TYPE *a) {                                                             \
        ORDER(TYPE, 0, 2);                                                                                   \
        ORDER(TYPE, 1, 3);                                                                                   \
        ORDER(TYPE, 4, 6);                                                                                   \
        ORDER(TYPE, 5, 7);                                                                                   \
        ORDER(TYPE, 0, 4);                                                                                   \
        ORDER(TYPE, 1, 5);                                                                                   \
        ORDER(TYPE, 2, 6);                                                                                   \
        ORDER(TYPE, 3, 7);                                                                                   \
        ORDER(TYPE, 0, 1);                                                                                   \
        ORDER(TYPE, 2, 3);                                                                                   \
        ORDER(TYPE, 4, 5);                                                                                   \
        ORDER(TYPE, 6, 7);                                                                                   \
        ORDER(TYPE, 2, 4);                                                                                   \
        ORDER(TYPE, 3, 5);                                                                                   \
        ORDER(TYPE, 1, 4);                                                                                   \
        ORDER(TYPE, 3, 6);                                                                                   \
        ORDER(TYPE, 1, 2);                                                                                   \
        ORDER(TYPE, 3, 4);                                                                                   \
        ORDER(TYPE, 5, 6);                                                                                   \
    }                                                                                                        \
    /* Runs of one length are merged from both ends at once: neither end runs out before half is done. */    \
    static inline void merge_##NAME(TYPE *restrict to, const TYPE *a, int64_t na, const TYPE *b,             \
                                    int64_t nb) {                                                            \
        if (na == nb) {                                                                                      \
            const TYPE *a_end = a + na - 1, *b_end = b + nb - 1;                                             \
            TYPE *end = to + na + nb - 1;                                                                    \
            for (int64_t i = 0; i < na; i++) {                                                               \
                const TYPE u = *a, v = *b, x = *a_end, y = *b_end;                                           \
                const bool second = LESS(v, u), first = LESS(y, x);                                          \
                *to++ = second ? v : u;                                                                      \
                b += second;                                                                                 \
                a += !second;                                                                                \
                *end-- = first ? x : y;                                                                      \
                a_end -= first;                                                                              \
                b_end -= !first;                                                                             \
            }                                                                                                \
            return;                                                                                          \
        }                                                                                                    \
        const TYPE *const a_stop = a + na, *const b_stop = b + nb;                                           \
        while (a < a_stop && b < b_stop) {                                                                   \
            const TYPE u = *a, v = *b;                                                                       \
            const bool second = LESS(v, u);                                                                  \
            *to++ = second ? v : u;                                                                          \
            b += second;                                                                                     \
            a += !second;                                                                                    \
        }                                                                                                    \
        while (a < a_stop) *to++ = *a++;                                                                     \
        while (b < b_stop) *to++ = *b++;                                                                     \
    }                                                                                                        \
    static TYPE *merge_sort_##NAME(TYPE *a, TYPE *b, int64_t n) {                                            \
        int64_t i = 0;                                                                                       \
        for (; i + RUN <= n; i += RUN) network_##NAME(a + i);                                                \
        insertion_##NAME(a + i, n - i);                                                                      \
        for (int64_t run = RUN; run < n; run *= 2) {                                                         \
            for (i = 0; i < n; i += 2 * run) {                                                               \
                const int64_t na = n - i < run ? n - i : run, nb = n - i - na < run ? n - i - na : run;      \
                merge_##NAME(b + i, a + i, na, a + i + na, nb);                                              \
            }                                                                                                \
            TYPE *swap = a;                                                                                  \
            a = b;                                                                                           \
            b = swap;                                                                                        \
        }                                                                                                    \
        return a;                                                                                            \
    }

/* Radix sort of one element type: KEY(e) is the 64-bit key. Digits from bit `low` on; a pass whose digit is
 * the same everywhere is skipped. Returns where the sorted elements are: `a` or `b`. */
#define SORT(TYPE, NAME, KEY)                                                                                \
    static TYPE *sort_##NAME(TYPE *a, TYPE *b, int64_t n, int low) {                                         \
        if (n < SHORT) {                                                                                     \
            insertion_##NAME(a, n);                                                                          \
            return a;                                                                                        \
        }                                                                                                    \
        if (n < MEDIUM) return merge_sort_##NAME(a, b, n);                                                   \
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

/* Selection. select puts the k smallest into a[0..k), the k-th last, the others in any order: quickselect,
 * its pivot the median of three (a[high] between a[low] and a[middle]); false where the pivots were too poor
 * to end in time: a is then only permuted. fill writes the keys of a row. choose writes only candidates for
 * the k first, at least k of them, and returns how many: a few are held at a time, and what comes after the k
 * best of them is passed over. A later element never beats an equal earlier one. */
#define SELECT(TYPE, NAME)                                                                                   \
    static bool select_##NAME(TYPE *a, int64_t n, int64_t k) {                                               \
        int64_t low = 0, high = n - 1;                                                                       \
        for (int round = 0; high - low >= SHORT; round++) {                                                  \
            if (round == MAX_ROUNDS) return false;                                                           \
            const int64_t middle = low + (high - low) / 2;                                                   \
            ORDER(TYPE, low, middle);                                                                        \
            ORDER(TYPE, low, high);                                                                          \
            ORDER(TYPE, high, middle);                                                                       \
            const TYPE pivot = a[high];                                                                      \
            int64_t less = low; /* a[low..less) come before the pivot */                                     \
            for (int64_t i = low; i < high; i++) {                                                           \
                const TYPE e = a[i];                                                                         \
                a[i] = a[less];                                                                              \
                a[less] = e;                                                                                 \
                less += LESS(e, pivot);                                                                      \
            }                                                                                                \
            a[high] = a[less];                                                                               \
            a[less] = pivot;                                                                                 \
            if (k - 1 == less) return true;                                                                  \
            if (k - 1 < less)                                                                                \
                high = less - 1;                                                                             \
            else                                                                                             \
                low = less + 1;                                                                              \
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

/* The k first, k <= FEW, in order: a[0..k). A glance at several elements passes most of them over. */
#define CHOOSE_FEW(TYPE, NAME, KEY)                                                                          \
    static inline __attribute__((always_inline)) void few_##NAME(TYPE *a, const void *x, DType t, int64_t n, \
                                                                 int64_t stride, uint64_t flip, int64_t k) { \
        fill_##NAME(a, x, t, k, stride, flip);                                                               \
        insertion_##NAME(a, k);                                                                              \
        for (int64_t i = k; i < n; i += GLANCE) {                                                            \
            const int64_t end = n - i < GLANCE ? n : i + GLANCE;                                             \
            if (end == i + GLANCE) {                                                                         \
                const uint64_t worst = KEY(a[k - 1]);                                                        \
                int better = 0;                                                                              \
                for (int64_t j = 0; j < GLANCE; j++) better |= key_at(x, t, (i + j) * stride, flip) < worst; \
                if (!better) continue;                                                                       \
            }                                                                                                \
            for (int64_t j = i; j < end; j++) {                                                              \
                const uint64_t key = key_at(x, t, j * stride, flip);                                         \
                int64_t at = k - 1;                                                                          \
                if (key >= KEY(a[at])) continue;                                                             \
                for (; at > 0 && key < KEY(a[at - 1]); at--) a[at] = a[at - 1];                              \
                a[at] = make_##NAME(key, j);                                                                 \
            }                                                                                                \
        }                                                                                                    \
    }

#define WORD_KEY(e) (e)
#define LESS(u, v)  ((u) < (v))
MERGE(uint64_t, words)
SORT(uint64_t, words, WORD_KEY)
SELECT(uint64_t, words)
#define UPPER_HALF(e) ((e) >> 32)
CHOOSE_FEW(uint64_t, words, UPPER_HALF)
#undef LESS
#define ITEM_KEY(e)      ((e).key)
#define ITEM_POSITION(e) ((e).position)
#define LESS(u, v)       (((u).key < (v).key) | (((u).key == (v).key) & ((u).position < (v).position)))
MERGE(Item, items)
SORT(Item, items, ITEM_KEY)
SELECT(Item, items)
CHOOSE_FEW(Item, items, ITEM_KEY)
#undef LESS
#define LESS(u, v) ((u).position < (v).position)
MERGE(Item, positions)
SORT(Item, positions, ITEM_POSITION)

/* For a type known at compile time: the loops over keys have no branch on it. */
static inline __attribute__((always_inline)) void first_words(int64_t *index, const void *x, DType t,
                                                              int64_t n, int64_t stride, int64_t k,
                                                              uint64_t flip, void *scratch) {
    uint64_t *a = scratch;
    int64_t count = n;
    if (k < n && k <= FEW) {
        few_words(a, x, t, n, stride, flip, k);
        for (int64_t i = 0; i < k; i++) index[i] = (int64_t)(a[i] & UINT32_MAX);
        return;
    }
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
    if (k < n && k <= FEW) {
        few_items(a, x, t, n, stride, flip, k);
        for (int64_t i = 0; i < k; i++) index[i] = (int64_t)a[i].position;
        return;
    }
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

/* copy = x as int32, in its order; false where its values lie too far apart. */
static bool narrow(int32_t *copy, const int64_t *x, int64_t n, int64_t stride) {
    int64_t least = x[0], most = x[0];
    for (int64_t i = 1; i < n; i++) {
        const int64_t v = x[i * stride];
        least = v < least ? v : least;
        most = v > most ? v : most;
    }
    if ((uint64_t)most - (uint64_t)least > UINT32_MAX) return false;
    for (int64_t i = 0; i < n; i++)
        copy[i] = (int32_t)((uint32_t)((uint64_t)x[i * stride] - (uint64_t)least) ^ 1u << 31);
    return true;
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
    case I64: {
        /* Most are positions, counts and classes: half the bytes move. */
        int32_t *copy = (int32_t *)((uint64_t *)scratch + 2 * n);
        if (n > SHORT && narrow(copy, x, n, stride))
            first_words(index, copy, I32, n, 1, k, flip, scratch);
        else
            first_items(index, x, I64, n, stride, k, flip, scratch);
        break;
    }
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

/* thin writes candidates for the k-th element, which becomes the *k-th of those, and returns how many they
 * are: what lies between two elements of a sample on either side of it (Floyd and Rivest 1975), in one pass.
 * The sample is taken at equal distances; where it misleads, -1. It may write one past the candidates.
 * thin_by_bits never fails: it writes what shares the leading bits of the k-th element, in two passes. */
#define KTH(TYPE, NAME, POSITION, KEY)                                                                       \
    static inline __attribute__((always_inline))                                                             \
    int64_t thin_##NAME(TYPE *a, const void *x, DType t, int64_t n, int64_t stride, int64_t *k) {            \
        /* The rank in the sample of the element sought has a standard deviation of at most sqrt(sample)     \
         * / 2. */                                                                                           \
        const int64_t sample = n < VERY_LONG ? 512 : 8192, margin = n < VERY_LONG ? 32 : 160;                \
        const int64_t step = n / sample, at = (int64_t)((double)*k / (double)n * (double)sample);            \
        const int64_t low = at > margin ? at - margin : 1,                                                   \
                      high = at + margin < sample ? at + margin : sample;                                    \
        for (int64_t i = 0; i < sample; i++) a[i] = make_##NAME(key_at(x, t, i * step * stride, 0), i);      \
        if (!select_##NAME(a, sample, high) || !select_##NAME(a, high, low)) return -1;                      \
        const uint64_t least = low > 1 ? KEY(a[low - 1]) : 0,                                                \
                       most = high < sample ? KEY(a[high - 1]) : UINT64_MAX;                                 \
        int64_t kept = 0, below = 0;                                                                         \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            const uint64_t key = key_at(x, t, i * stride, 0);                                                \
            a[kept] = make_##NAME(key, i);                                                                   \
            below += key < least;                                                                            \
            kept += key - least <= most - least;                                                             \
        }                                                                                                    \
        *k -= below;                                                                                         \
        return *k >= 1 && *k <= kept ? kept : -1;                                                            \
    }                                                                                                        \
    static inline __attribute__((always_inline)) int64_t thin_by_bits_##NAME(                                \
        TYPE *a, const void *x, DType t, int64_t n, int64_t stride, int bits, int64_t *k) {                  \
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
        if (k <= FEW) {                                                                                      \
            few_##NAME(a, x, t, n, stride, 0, k);                                                            \
            return (int64_t)POSITION(a[k - 1]);                                                              \
        }                                                                                                    \
        if (n < LONG) {                                                                                      \
            fill_##NAME(a, x, t, n, stride, 0);                                                              \
        } else {                                                                                             \
            int64_t rank = k;                                                                                \
            kept = thin_##NAME(a, x, t, n, stride, &rank);                                                   \
            if (kept < 0) {                                                                                  \
                rank = k;                                                                                    \
                kept = thin_by_bits_##NAME(a, x, t, n, stride, bits, &rank);                                 \
            }                                                                                                \
            k = rank;                                                                                        \
        }                                                                                                    \
        if (!select_##NAME(a, kept, k)) a = order_##NAME(a, kept);                                           \
        return (int64_t)POSITION(a[k - 1]);                                                                  \
    }
#define WORD_POSITION(e) ((e)&UINT32_MAX)
KTH(uint64_t, words, WORD_POSITION, UPPER_HALF)
KTH(Item, items, ITEM_POSITION, ITEM_KEY)

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
