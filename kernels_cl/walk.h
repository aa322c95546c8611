/* Walks over strided operands, as core/loop.h makes them: the place of element `i` in each of SIDES operands.
 *   WIDE_AT  1: places need 64 bits */
#if WIDE_AT
typedef long Place;
typedef ulong Count;
#else
typedef int Place;
typedef uint Count;
#endif

/* As in lib/cl/walk.h; the innermost dimension comes last. */
typedef struct Walk {
    long ndim, size[8], stride[SIDES][8];
} Walk;

/* at[k] += the place of element i in operand k. */
static inline void walk_to(const Walk *w, Count i, Place *at) {
    for (int d = (int)w->ndim - 1; d >= 0; d--) {
        const Count next = d ? i / (Count)w->size[d] : 0;
        const Place c = (Place)(i - next * (Count)w->size[d]);
        for (int k = 0; k < SIDES; k++) at[k] += c * (Place)w->stride[k][d];
        i = next;
    }
}
