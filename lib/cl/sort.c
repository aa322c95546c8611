/* Launches of kernels_cl/sort.cl. */
#include "cl/sort.h"
#include "cl/runtime.h"

/* As in kernels_cl/sort.cl. */
enum { RUN = 8, CHUNK = RUN };
typedef struct Lanes {
    int64_t lanes, n, w, runs;
} Lanes;

static const ClSpec sort_runs = {"sort.cl", "sort_runs", 1, {"X", "WIDE"}};
static const ClSpec merge_runs = {"sort.cl", "merge_runs", 1, {"X", "WIDE"}};
static const ClSpec sort_finish = {"sort.cl", "sort_finish", 1, {"X", "WIDE"}};
static const ClSpec pick_rank = {"sort.cl", "pick_rank", 1, {"X", "WIDE"}};
static const ClSpec search_sorted = {"sort.cl", "search_sorted", 1, {"X", "WIDE"}};
static const ClSpec is_member = {"sort.cl", "is_member", 1, {"X", "WIDE"}};

static bool is_wide(int dtype) {
    return dtype_size((DType)dtype) == sizeof(int64_t);
}

static ClKernel *kernel(Ctx *c, const char *op, Device device, const ClSpec *spec, int dtype) {
    return cl_get_kernel(c, op, device, spec, NULL, (int[]){dtype, is_wide(dtype)});
}

static int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* The words of every lane, the first k of each in order. *sorted: words a lane has. NULL on failure. */
static Storage *sort_words(Ctx *c, const char *op, const Tensor *x, Lanes l, int64_t k, bool descending,
                           int64_t *sorted) {
    const int64_t word = is_wide(x->dtype) ? 2 * (int64_t)sizeof(int64_t) : (int64_t)sizeof(int64_t);
    int64_t keep = CHUNK, n = l.n;
    while (keep < k) keep *= 2;
    l.runs = ceil_div(n, RUN);
    /* One kernel merges whatever the words came from. */
    ClKernel *runs = kernel(c, op, x->device, &sort_runs, x->dtype);
    ClKernel *merge = n > RUN ? kernel(c, op, x->device, &merge_runs, is_wide(x->dtype) ? I64 : I32) : runs;
    Storage *words = runs && merge ? storage_new_on(c, x->device, l.lanes * n * word) : NULL;
    if (!words) return NULL;
    bool ok = cl_launch_flat(
        c, runs, l.lanes * l.runs,
        CL_ARGS(arg_storage(words), arg_tensor(x), arg_struct(&l, sizeof l), arg_int64(descending ? -1 : 0)));
    for (int64_t run = RUN; ok && run < n;) {
        const int64_t merged = 2 * run < keep ? 2 * run : keep, pairs = ceil_div(n, 2 * run);
        const int64_t rest = n - (pairs - 1) * 2 * run;
        const int64_t next_n = (pairs - 1) * merged + (rest < merged ? rest : merged);
        Storage *next = storage_new_on(c, x->device, l.lanes * next_n * word);
        ok = next &&
             cl_launch_flat(c, merge, l.lanes * ceil_div(next_n, CHUNK),
                            CL_ARGS(arg_storage(next), arg_storage(words), arg_int64(l.lanes), arg_int64(n),
                                    arg_int64(next_n), arg_int64(run), arg_int64(merged)));
        storage_release(words);
        words = next;
        n = next_n;
        run = merged;
    }
    *sorted = n;
    if (ok) return words;
    if (words) storage_release(words);
    return NULL;
}

static Lanes lanes_of(const Tensor *x, int dim) {
    Lanes l = {.lanes = 1, .n = x->ndim ? x->size[dim] : 1, .w = 1};
    for (int d = 0; d < x->ndim; d++) {
        if (d != dim) l.lanes *= x->size[d];
        if (d > dim) l.w *= x->size[d];
    }
    return l;
}

bool cl_sort(Ctx *c, const char *op, const Tensor *values, const Tensor *index, const Tensor *x, int dim,
             int64_t k, bool descending) {
    Lanes l = lanes_of(x, dim);
    int64_t sorted;
    if (l.lanes == 0 || k == 0) return true;
    ClKernel *finish = kernel(c, op, x->device, &sort_finish, x->dtype);
    Storage *words = finish ? sort_words(c, op, x, l, k, descending, &sorted) : NULL;
    if (!words) return false;
    bool ok = cl_launch_flat(c, finish, l.lanes * k,
                             CL_ARGS(arg_tensor(values), arg_tensor(index), arg_tensor(x), arg_storage(words),
                                     arg_struct(&l, sizeof l), arg_int64(k), arg_int64(sorted)));
    storage_release(words);
    return ok;
}

bool cl_pick_rank(Ctx *c, const char *op, const Tensor *values, const Tensor *index, const Tensor *sorted,
                  const Tensor *order, int dim, int rank, int64_t k) {
    const Lanes l = lanes_of(sorted, dim);
    ClKernel *pick = kernel(c, op, sorted->device, &pick_rank, sorted->dtype);
    return pick &&
           cl_launch_flat(c, pick, l.lanes,
                          CL_ARGS(arg_tensor(values), arg_tensor(index), arg_tensor(sorted),
                                  arg_tensor(order), arg_struct(&l, sizeof l), arg_int(rank), arg_int64(k)));
}

Storage *cl_sort_keys(Ctx *c, const char *op, const Tensor *keys) {
    const int64_t n = tensor_numel(keys);
    int64_t sorted;
    return sort_words(c, op, keys, (Lanes){.lanes = 1, .n = n, .w = 1}, n, false, &sorted);
}

/* --- search --------------------------------------------------------------------------------------------- */

bool cl_search_sorted(Ctx *c, const char *op, const Tensor *out, const Tensor *sorted, const Tensor *values,
                      bool right) {
    const int64_t count = tensor_numel(values), n = sorted->size[sorted->ndim - 1];
    const int64_t row = sorted->ndim > 1 && values->ndim ? values->size[values->ndim - 1] : 0;
    ClKernel *k = kernel(c, op, values->device, &search_sorted, values->dtype);
    return k && cl_launch_flat(c, k, count,
                               CL_ARGS(arg_int64(count), arg_tensor(out), arg_tensor(sorted),
                                       arg_tensor(values), arg_int64(n), arg_int64(row), arg_int(right)));
}

bool cl_is_member(Ctx *c, const char *op, const Tensor *out, const Tensor *sorted, const Tensor *values,
                  bool invert) {
    const int64_t count = tensor_numel(values);
    ClKernel *k = kernel(c, op, values->device, &is_member, values->dtype);
    return k && cl_launch_flat(c, k, count,
                               CL_ARGS(arg_int64(count), arg_tensor(out), arg_tensor(sorted),
                                       arg_tensor(values), arg_int64(tensor_numel(sorted)), arg_int(invert)));
}
