/* What a kernel finds wrong with its input (an index out of range): it notes it and goes on with something
 * harmless; the program hears of it when a result is read (lib/cl/fault.c). The first that is noted stays. */
typedef struct Fault {
    int kind, unused;
    long found, last, op;
} Fault;

/* kind: of lib/cl/runtime.h; last: the last one allowed; op: what the host gave. */
static inline void note_fault(__global Fault *fault, int kind, long found, long last, long op) {
    if (atomic_cmpxchg((volatile __global int *)&fault->kind, 0, kind) != 0) return;
    fault->found = found;
    fault->last = last;
    fault->op = op;
}
