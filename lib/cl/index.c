/* Launches of kernels_cl/index.cl. */
#include "cl/index.h"
#include "cl/runtime.h"
#include "cl/scan.h"
#include "cl/sort.h"
#include "cl/walk.h"
#include "cpu/kernels_reduce.h"

enum {
    DENSE,
    INDEX,
    ADDRESSED,
    WRITE_SIDES,
    CHOOSE_SIDES = 4,
    SERIAL_WRITES = 256,  /* positions up to which a GPU's work-item takes all that may meet */
    CHECKED_AN_ITEM = 16, /* values that a work-item of find_outside takes */
    ITEMS_OF_A_CHECK = 1 << 14
};

#define MACROS                                                                                               \
    2, {                                                                                                     \
        "X", "COMPUTE", "WRITE", "SIDES", "WIDE_AT"                                                          \
    }
static const ClSpec index_read = {"index.cl", "index_read", MACROS};
static const ClSpec choose = {"index.cl", "choose", MACROS};
static const ClSpec index_write = {"index.cl", "index_write", MACROS};
static const ClSpec index_claim = {"index.cl", "index_claim", MACROS};
static const ClSpec index_settle = {"index.cl", "index_settle", MACROS};
static const ClSpec write_keys = {"index.cl", "write_keys", MACROS};
static const ClSpec write_segments = {"index.cl", "write_segments", MACROS};
static const ClSpec find_outside = {"index.cl", "find_outside", MACROS};
static const ClSpec key_offsets = {"index.cl", "key_offsets", MACROS};
static const ClSpec true_places = {"index.cl", "true_places", MACROS};
static const ClSpec triangle = {"index.cl", "triangle", MACROS};

/* Elements that are only moved go as integers of their size. */
static DType moved_as(int dtype) {
    static const DType by_size[SIZE_CLASSES] = {U8, I16, I32, I64};
    return by_size[size_class((DType)dtype)];
}

static DType compute_of(int dtype) {
    return dtype == F64 ? F64 : dtype_is_float((DType)dtype) ? F32 : I64;
}

static ClKernel *kernel(Ctx *c, const char *op, Device device, const ClSpec *spec, DType x, DType compute,
                        WriteOp how, int sides, bool wide) {
    return cl_get_kernel(c, op, device, spec, NULL, (int[]){(int)x, (int)compute, (int)how, sides, wide});
}

static ClKernel *mover(Ctx *c, const char *op, const Tensor *x, const ClSpec *spec, int sides, bool wide) {
    return kernel(c, op, x->device, spec, moved_as(x->dtype), I64, WRITE_SET, sides, wide);
}

#define ARG_WALK(w, sides) arg_struct(&(w), walk_bytes(sides))

/* --- reads and choices ---------------------------------------------------------------------------------- */

bool cl_index_read(Ctx *c, const char *op, const Tensor *dense, const Tensor *index, const Tensor *x,
                   int64_t scale) {
    Loop l;
    loop_build(&l, WRITE_SIDES, (const Tensor *const[]){dense, index, x});
    const Walk w = walk_of(&l);
    ClKernel *k = mover(c, op, x, &index_read, WRITE_SIDES, walk_is_wide(&l));
    return k && cl_launch_flat(c, k, l.numel,
                               CL_ARGS(arg_int64(l.numel), arg_tensor(dense), arg_tensor(index),
                                       arg_tensor(x), arg_int64(scale), ARG_WALK(w, WRITE_SIDES)));
}

bool cl_choose(Ctx *c, const char *op, const Tensor *out, const Tensor *mask, const Tensor *yes,
               const Tensor *no) {
    Loop l;
    loop_build(&l, CHOOSE_SIDES, (const Tensor *const[]){out, mask, yes, no});
    const Walk w = walk_of(&l);
    ClKernel *k = mover(c, op, out, &choose, CHOOSE_SIDES, walk_is_wide(&l));
    return k && cl_launch_flat(c, k, l.numel,
                               CL_ARGS(arg_int64(l.numel), arg_tensor(out), arg_tensor(mask), arg_tensor(yes),
                                       arg_tensor(no), ARG_WALK(w, CHOOSE_SIDES)));
}

/* --- writes --------------------------------------------------------------------------------------------- */

/* A write and its loop. Places in x run from low over `range`. */
typedef struct Write {
    const char *op;
    const Tensor *x, *index, *dense;
    int64_t scale, low, range;
    WriteOp how;
    Loop loop;
    bool wide;
} Write;

static ClKernel *writer(Ctx *c, const Write *w, const ClSpec *spec) {
    if (w->how == WRITE_SET) return mover(c, w->op, w->x, spec, WRITE_SIDES, w->wide);
    return kernel(c, w->op, w->x->device, spec, (DType)w->x->dtype, compute_of(w->x->dtype), w->how,
                  WRITE_SIDES, w->wide);
}

/* A work-item takes, in order, all positions that may meet: those along which x has no dimension. */
static bool write_serially(Ctx *c, const Write *w) {
    Walk across = {0}, along = {0};
    int64_t n = 1, again = 1;
    for (int d = 0; d < w->loop.ndim; d++) {
        const bool meets = w->loop.stride[ADDRESSED][d] == 0;
        walk_add(meets ? &along : &across, &w->loop, d);
        *(meets ? &again : &n) *= w->loop.size[d];
    }
    ClKernel *k = writer(c, w, &index_write);
    return k && cl_launch_flat(c, k, n,
                               CL_ARGS(arg_int64(n), arg_int64(again), arg_tensor(w->dense),
                                       arg_tensor(w->index), arg_tensor(w->x), arg_int64(w->scale),
                                       ARG_WALK(across, WRITE_SIDES), ARG_WALK(along, WRITE_SIDES)));
}

static bool set_claimed(Ctx *c, const Write *w) {
    Tensor claims;
    const int64_t n = w->loop.numel;
    const Walk walk = walk_of(&w->loop);
    ClKernel *claim = writer(c, w, &index_claim), *settle = writer(c, w, &index_settle);
    if (!claim || !settle || !tensor_new_on(c, &claims, w->x->device, I32, 1, &w->range)) return false;
    bool ok = cl_zero(c, w->op, claims.storage) &&
              cl_launch_flat(c, claim, n,
                             CL_ARGS(arg_int64(n), arg_tensor(w->index), arg_storage(claims.storage),
                                     arg_int64(w->scale), arg_int64(w->low), ARG_WALK(walk, WRITE_SIDES))) &&
              cl_launch_flat(c, settle, n,
                             CL_ARGS(arg_int64(n), arg_tensor(w->dense), arg_tensor(w->index),
                                     arg_tensor(w->x), arg_storage(claims.storage), arg_int64(w->scale),
                                     arg_int64(w->low), ARG_WALK(walk, WRITE_SIDES)));
    tensor_release(&claims);
    return ok;
}

/* Rows of elements whose position is the same are written by neighbours; the positions of the rows are sorted
 * by where they write. */
static bool write_sorted(Ctx *c, const Write *w) {
    Walk across = {0}, along = {0};
    Tensor keys;
    int64_t width = 1, n = 1;
    for (int d = 0; d < w->loop.ndim; d++) {
        const bool row = w->loop.stride[INDEX][d] == 0 && w->loop.stride[ADDRESSED][d] != 0;
        walk_add(row ? &across : &along, &w->loop, d);
        *(row ? &width : &n) *= w->loop.size[d];
    }
    ClKernel *key = writer(c, w, &write_keys), *add = writer(c, w, &write_segments);
    if (!key || !add || !tensor_new_on(c, &keys, w->x->device, I32, 1, &n)) return false;
    Storage *words = NULL;
    if (cl_launch_flat(c, key, n,
                       CL_ARGS(arg_int64(n), arg_tensor(w->index), arg_storage(keys.storage),
                               arg_int64(w->scale), arg_int64(w->low), ARG_WALK(along, WRITE_SIDES))))
        words = cl_sort_keys(c, w->op, &keys);
    tensor_release(&keys);
    if (!words) return false;
    /* A row's place in x is counted from the key, so the steps of `along` in x count no more. */
    for (int d = 0; d < along.ndim; d++) along.stride[ADDRESSED][d] = 0;
    bool ok = cl_launch_flat(c, add, n * width,
                             CL_ARGS(arg_int64(n), arg_int64(width), arg_storage(words), arg_tensor(w->dense),
                                     arg_tensor(w->x), arg_int64(w->low), ARG_WALK(along, WRITE_SIDES),
                                     ARG_WALK(across, WRITE_SIDES)));
    storage_release(words);
    return ok;
}

/* How many positions may meet in one place. */
static int64_t meeting(const Loop *l) {
    int64_t n = 1;
    for (int d = 0; d < l->ndim; d++) n *= l->stride[ADDRESSED][d] ? 1 : l->size[d];
    return n;
}

bool cl_index_write(Ctx *c, const char *op, const Tensor *x, const Tensor *index, const Tensor *dense,
                    int64_t scale, WriteOp how) {
    /* Places count from the start of the storage: so many there are. */
    Write w = {.op = op,
               .x = x,
               .index = index,
               .dense = dense,
               .scale = scale,
               .low = -x->offset,
               .range = x->storage->nbytes / (int64_t)dtype_size((DType)x->dtype),
               .how = how};
    const ClQueue *q = cl_queue(c, x->device);
    if (!q) return false;
    loop_build(&w.loop, WRITE_SIDES, (const Tensor *const[]){dense, index, x});
    if (w.loop.numel == 0) return true;
    w.wide = walk_is_wide(&w.loop);
    if (!q->device->as_gpu || w.wide || w.range >= INT32_MAX || meeting(&w.loop) <= SERIAL_WRITES)
        return write_serially(c, &w);
    return how == WRITE_SET ? set_claimed(c, &w) : write_sorted(c, &w);
}

/* --- positions ------------------------------------------------------------------------------------------ */

static bool any_outside(Ctx *c, const char *op, const Tensor *x, ClArg low, ClArg high, bool hole,
                        bool *found) {
    const int64_t n = tensor_numel(x);
    const DType dtype = (DType)x->dtype;
    cl_int flag = 0;
    *found = false;
    if (n == 0) return true;
    ClKernel *k = kernel(c, op, x->device, &find_outside, dtype, dtype, WRITE_SET, 1, false);
    Storage *result = k ? storage_new_on(c, x->device, sizeof flag) : NULL;
    if (!result) return false;
    int64_t items = (n + CHECKED_AN_ITEM - 1) / CHECKED_AN_ITEM;
    if (items > ITEMS_OF_A_CHECK) items = ITEMS_OF_A_CHECK;
    bool ok =
        cl_zero(c, op, result) &&
        cl_launch_flat(c, k, items,
                       CL_ARGS(arg_int64(n), arg_tensor(x), low, high, arg_int(hole), arg_storage(result))) &&
        cl_download(c, &flag, result, 0, sizeof flag);
    storage_release(result);
    *found = flag != 0;
    return ok;
}

bool cl_any_position_outside(Ctx *c, const char *op, const Tensor *index, int64_t low, int64_t high,
                             bool *found) {
    return any_outside(c, op, index, arg_int64(low), arg_int64(high), true, found);
}

bool cl_any_outside(Ctx *c, const char *op, const Tensor *x, double low, double high, bool *found) {
    const DType t = (DType)x->dtype;
    return any_outside(c, op, x, arg_number(t, low), arg_number(t, high), false, found);
}

bool cl_key_offsets(Ctx *c, const char *op, const Tensor *y, const Tensor *index, int64_t size,
                    int64_t stride, int64_t bias) {
    const int64_t n = tensor_numel(y);
    ClKernel *k = mover(c, op, y, &key_offsets, 1, false);
    return k && cl_launch_flat(c, k, n,
                               CL_ARGS(arg_int64(n), arg_tensor(y), arg_tensor(index), arg_int64(size),
                                       arg_int64(stride), arg_int64(bias)));
}

/* out, made here, from flags and how many are true up to each. */
static bool list_places(Ctx *c, const char *op, Tensor *out, const Tensor *flags, const Tensor *counts,
                        const int64_t *stride, int64_t bias) {
    const int64_t n = tensor_numel(flags), item = (int64_t)dtype_size((DType)counts->dtype);
    union {
        int32_t narrow;
        int64_t wide;
    } last = {0};
    if (!cl_download(c, &last, counts->storage, (n - 1) * item, item)) return false;
    const int64_t size[] = {counts->dtype == I32 ? last.narrow : last.wide, flags->ndim};
    if (!tensor_new_on(c, out, flags->device, I64, stride ? 1 : 2, size)) return false;
    if (tensor_numel(out) == 0) return true;
    Walk w = {.ndim = flags->ndim};
    for (int d = 0; d < flags->ndim; d++) {
        w.size[d] = flags->size[d];
        w.stride[0][d] = stride ? stride[d] : 0;
    }
    ClKernel *k = kernel(c, op, flags->device, &true_places, (DType)counts->dtype, I64, WRITE_SET, 1,
                         counts->dtype == I64);
    if (k && cl_launch_flat(c, k, n,
                            CL_ARGS(arg_int64(n), arg_tensor(flags), arg_tensor(counts), arg_tensor(out),
                                    arg_int64(stride ? 0 : flags->ndim), arg_int64(bias), ARG_WALK(w, 1))))
        return true;
    tensor_release(out);
    return false;
}

bool cl_true_places(Ctx *c, const char *op, Tensor *out, const Tensor *flags, const int64_t *stride,
                    int64_t bias) {
    const int64_t n = tensor_numel(flags);
    Tensor counts, row = *flags;
    out->storage = NULL;
    if (n == 0) return tensor_new_on(c, out, flags->device, I64, stride ? 1 : 2, (int64_t[]){0, flags->ndim});
    row.ndim = 1;
    row.size[0] = n;
    row.stride[0] = 1;
    if (!tensor_new_on(c, &counts, flags->device, n < INT32_MAX ? I32 : I64, 1, &n)) return false;
    bool ok = cl_scan(c, op, &counts, &row, SCAN_sum, 0, false) &&
              list_places(c, op, out, flags, &counts, stride, bias);
    tensor_release(&counts);
    return ok;
}

bool cl_triangle(Ctx *c, const char *op, const Tensor *y, bool upper, int64_t diagonal) {
    const int64_t n = tensor_numel(y), rows = y->size[y->ndim - 2], columns = y->size[y->ndim - 1];
    if (diagonal > columns) diagonal = columns;
    if (diagonal < -rows) diagonal = -rows;
    ClKernel *k = mover(c, op, y, &triangle, 1, n >= INT32_MAX);
    return k && cl_launch_flat(c, k, n,
                               CL_ARGS(arg_int64(n), arg_tensor(y), arg_int64(rows), arg_int64(columns),
                                       arg_int64(diagonal), arg_int(upper)));
}
