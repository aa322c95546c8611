/* Kernels by their macros, their arguments, and launches. */
#include "cl/runtime.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FLAT_GROUP = 256,  /* one size everywhere: some drivers compile anew for each */
    FENCE_EVERY = 256, /* launches that the host may run ahead, twice */
    FLUSH_EVERY = 32,
    FIRST_KERNELS = 256 /* room of the table; a power of two */
};

struct ClKernel {
    const ClSpec *spec;
    const char *table_op;
    int values[CL_MACROS];
    uint64_t hash;
    cl_kernel kernel;
    ClQueue *queue;
    const char *op; /* the caller, for errors */
    int64_t max_group;
};

/* --- finding ---------------------------------------------------------------------------------------------
 */

static int macro_count(const ClSpec *spec) {
    int n = 0;
    while (n < CL_MACROS && spec->macros[n]) n++;
    return n;
}

static uint64_t hash_key(const ClSpec *spec, const char *table_op, int n, const int *values) {
    uint64_t h = (uint64_t)(uintptr_t)spec ^ (uint64_t)(uintptr_t)table_op << 17;
    for (int i = 0; i < n; i++) h = (h ^ (uint64_t)(uint32_t)values[i]) * 0x9e3779b97f4a7c15;
    return h ^ h >> 29;
}

/* The place of the key in the table: its kernel, or the empty slot for it. */
static ClKernel **slot(const ClQueue *q, uint64_t hash, const ClSpec *spec, const char *table_op, int n,
                       const int *values) {
    for (uint64_t i = hash;; i++) {
        ClKernel **at = &q->kernels[i & (uint64_t)(q->kernel_room - 1)], *k = *at;
        if (!k || (k->hash == hash && k->spec == spec && k->table_op == table_op &&
                   memcmp(k->values, values, sizeof *values * (size_t)n) == 0))
            return at;
    }
}

static bool grow(ClQueue *q) {
    if (q->kernel_count * 2 < q->kernel_room) return true;
    int room = q->kernel_room ? q->kernel_room * 2 : FIRST_KERNELS;
    ClKernel **table = calloc((size_t)room, sizeof *table);
    if (!table) return false;
    ClQueue grown = {.kernels = table, .kernel_room = room};
    for (int i = 0; i < q->kernel_room; i++) {
        ClKernel *k = q->kernels[i];
        if (k) *slot(&grown, k->hash, k->spec, k->table_op, macro_count(k->spec), k->values) = k;
    }
    free(q->kernels);
    q->kernels = table;
    q->kernel_room = room;
    return true;
}

static const char *dtype_macro(DType t) {
    return t == BOOL ? "boolean" : dtype_name(t); /* bool is a keyword there */
}

static bool write_options(Ctx *c, const char *op, Device device, const ClSpec *spec, const char *table_op,
                          const int *values, char *options, size_t room) {
    size_t at = (size_t)snprintf(options, room, "-D KERNEL_%s=1", spec->kernel);
    if (table_op) at += (size_t)snprintf(options + at, room - at, " -D OP=op_%s", table_op);
    for (int i = 0; i < macro_count(spec) && at < room; i++) {
        const char *name = spec->macros[i];
        if (i >= spec->dtypes) {
            at += (size_t)snprintf(options + at, room - at, " -D %s=%d", name, values[i]);
            continue;
        }
        if (!cl_require_dtype(c, op, device, (DType)values[i])) return false;
        at += (size_t)snprintf(options + at, room - at, " -D %s=%s", name, dtype_macro((DType)values[i]));
    }
    REQUIRE(c, at < room, "internal: the macros of %s are too long", spec->kernel);
    return true;
}

static ClKernel *make(Ctx *c, ClQueue *q, const char *op, const ClSpec *spec, const char *table_op,
                      const int *values) {
    char options[768];
    if (!write_options(c, op, q->number, spec, table_op, values, options, sizeof options)) return NULL;
    cl_program program = cl_build(c, op, q->device, q->number, spec->file, options);
    if (!program) return NULL;
    cl_int error;
    cl_kernel kernel = cl_api.CreateKernel(program, spec->kernel, &error);
    if (!kernel) {
        cl_fail(c, q, op, spec->kernel, error);
        return NULL;
    }
    ClKernel *k = calloc(1, sizeof *k);
    if (!k) {
        cl_api.ReleaseKernel(kernel);
        ctx_fail(c, "%s: out of memory", op);
        return NULL;
    }
    *k = (ClKernel){.spec = spec, .table_op = table_op, .kernel = kernel, .queue = q};
    memcpy(k->values, values, sizeof *values * (size_t)macro_count(spec));
    size_t group = 0;
    cl_api.GetKernelWorkGroupInfo(kernel, q->device->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof group, &group,
                                  NULL);
    k->max_group = group ? (int64_t)group : q->device->info.max_work_group;
    return k;
}

ClKernel *cl_get_kernel(Ctx *c, const char *op, Device device, const ClSpec *spec, const char *table_op,
                        const int *values) {
    ClQueue *q = cl_queue(c, device);
    if (!q) return NULL;
    if (!grow(q)) {
        ctx_fail(c, "%s: out of memory", op);
        return NULL;
    }
    int n = macro_count(spec);
    uint64_t hash = hash_key(spec, table_op, n, values);
    ClKernel **at = slot(q, hash, spec, table_op, n, values);
    if (!*at) {
        ClKernel *k = make(c, q, op, spec, table_op, values);
        if (!k) return NULL;
        k->hash = hash;
        *at = k;
        q->kernel_count++;
    }
    (*at)->op = op;
    return *at;
}

int64_t cl_kernel_max_group(const ClKernel *k) {
    return k->max_group;
}

void cl_release_kernels(ClQueue *q) {
    for (int i = 0; i < q->kernel_room; i++) {
        if (!q->kernels[i]) continue;
        cl_api.ReleaseKernel(q->kernels[i]->kernel);
        free(q->kernels[i]);
    }
    free(q->kernels);
    q->kernels = NULL;
    q->kernel_count = q->kernel_room = 0;
}

/* --- arguments -------------------------------------------------------------------------------------------
 */

ClArg arg_number(DType compute, double v) {
    if (compute == F32) return arg_float((float)v);
    if (compute == F64) return arg_double(v);
    return arg_int64(v >= 0x1p63 ? INT64_MAX : v >= -0x1p63 ? (int64_t)v : INT64_MIN);
}

ClArg arg_real(Device device, double v) {
    return cl_describe(device)->fp64 ? arg_double(v) : arg_float((float)v);
}

static cl_int set_arg(cl_kernel kernel, cl_uint *index, const ClArg *a) {
    const Tensor *t = a->kind == CL_ARG_TENSOR ? a->p : NULL;
    const Storage *s = t ? t->storage : a->kind == CL_ARG_STORAGE ? a->p : NULL;
    cl_mem buffer = s ? s->data : NULL;
    cl_long offset = t ? t->offset : 0;
    cl_int error;
    switch (a->kind) {
    case CL_ARG_TENSOR:
        error = cl_api.SetKernelArg(kernel, (*index)++, sizeof buffer, &buffer);
        return error ? error : cl_api.SetKernelArg(kernel, (*index)++, sizeof offset, &offset);
    case CL_ARG_STORAGE:
        return cl_api.SetKernelArg(kernel, (*index)++, sizeof buffer, &buffer);
    case CL_ARG_BYTES:
        return cl_api.SetKernelArg(kernel, (*index)++, (size_t)a->size, a->p ? a->p : &a->value);
    default:
        return cl_api.SetKernelArg(kernel, (*index)++, (size_t)a->size, NULL);
    }
}

static bool fail_kernel(Ctx *c, const ClKernel *k, const char *what, cl_int error) {
    char text[160];
    snprintf(text, sizeof text, "the kernel %s of %s %s", k->spec->kernel, k->spec->file, what);
    return cl_fail(c, k->queue, k->op, text, error);
}

/* --- launches --------------------------------------------------------------------------------------------
 */

/* Every FENCE_EVERY launches: waits for the ones before the last fence. So the work that is queued stays
 * bounded, and with it the time until Ctrl-C is noticed. */
static cl_int fence(Ctx *c, ClQueue *q) {
    q->launches++;
    if (q->launches % FLUSH_EVERY == 0) cl_api.Flush(q->queue);
    if (q->launches < FENCE_EVERY) return CL_SUCCESS;
    cl_int error = CL_SUCCESS;
    if (q->fence) {
        error = cl_await(c, q, q->fence);
        if (error == CL_INTERRUPTED) return error; /* the next launch waits again */
        cl_api.ReleaseEvent(q->fence);
        q->fence = NULL;
    }
    q->launches = 0;
    cl_int marked = cl_api.EnqueueMarkerWithWaitList(q->queue, 0, NULL, &q->fence);
    if (marked) q->fence = NULL;
    return error ? error : marked;
}

static bool wants_memory(cl_int error) {
    return error == CL_MEM_OBJECT_ALLOCATION_FAILURE || error == CL_OUT_OF_RESOURCES ||
           error == CL_OUT_OF_HOST_MEMORY;
}

bool cl_launch(Ctx *c, ClKernel *k, const ClGrid *grid, int count, const ClArg *args) {
    ClQueue *q = k->queue;
    size_t global[3], group[3];
    for (int d = 0; d < grid->dims; d++) {
        group[d] = (size_t)grid->group[d];
        global[d] = (size_t)grid->global[d];
        if (global[d] == 0) return true;
        if (group[d] > 1) global[d] = (global[d] + group[d] - 1) / group[d] * group[d];
    }
    cl_uint index = 0;
    for (int i = 0; i < count; i++) {
        cl_int error = set_arg(k->kernel, &index, &args[i]);
        if (error) return fail_kernel(c, k, "refused an argument", error);
    }
    cl_int error = CL_SUCCESS;
    for (int attempt = 0; attempt < 2; attempt++) {
        error = cl_api.EnqueueNDRangeKernel(q->queue, k->kernel, (cl_uint)grid->dims, NULL, global,
                                            group[0] ? group : NULL, 0, NULL, NULL);
        if (!wants_memory(error)) break;
        /* Drivers that allocate late report it here: make room, once. */
        cl_int waited = cl_finish(c, q);
        if (waited == CL_INTERRUPTED) return fail_kernel(c, k, "", waited);
        if (c->reclaim && attempt == 0) c->reclaim(c->reclaim_arg);
        cl_trim_queue(q, 0);
    }
    if (error) return fail_kernel(c, k, "could not be launched", error);
    error = fence(c, q);
    if (error) return fail_kernel(c, k, "or one before it failed", error);
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}

bool cl_launch_flat(Ctx *c, ClKernel *k, int64_t n, int count, const ClArg *args) {
    int64_t group = k->max_group < FLAT_GROUP ? k->max_group : FLAT_GROUP;
    return cl_launch(c, k, &(ClGrid){1, {n}, {group}}, count, args);
}
