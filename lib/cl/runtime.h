/* What a family of OpenCL kernels uses: get a kernel, set arguments, launch. Only files of lib/cl include
 * this; lib/ops sees cl/device.h and one header a family. An example, whole:
 *
 *   // kernels_cl/norm.cl:  #include "common.h"    #ifdef KERNEL_softmax
 *   __kernel void softmax(TENSOR(Y, y), TENSOR(X, x), int n) { ... }     #endif
 *   static const ClSpec softmax = {"norm.cl", "softmax", 2, {"X", "Y", "GROUP"}};   // 2 of them are dtypes
 *
 *   bool cl_softmax(Ctx *c, Tensor *out, const Tensor *x) {               // x contiguous, out made by the op
 *       int64_t n = x->size[x->ndim - 1], rows = tensor_numel(x) / n;
 *       const int group = 256;
 *       ClKernel *k = cl_get_kernel(c, "softmax", x->device, &softmax, NULL, (int[]){x->dtype, out->dtype,
 * group}); return k && cl_launch(c, k, &(ClGrid){1, {rows * group}, {group}}, CL_ARGS(arg_tensor(out),
 * arg_tensor(x), arg_int((int)n)));
 *   }
 *
 * Launches are asynchronous and in order. Temporary device memory: tensor_new_on / storage_new_on, released
 * right after the launch that uses it (the queue keeps the order, so the pool may hand it out again). */
#ifndef APSIS_CL_RUNTIME_H
#define APSIS_CL_RUNTIME_H

#include "cl/api.h"
#include "cl/device.h"
#include "core/tensor.h"

enum { CL_MACROS = 12, CL_STAGES = 4 };

/* --- kernels ------------------------------------------------------------------------------------------- */

/* A kernel that is compiled once for each set of values of its macros. Static: its address is part of the
 * key. The first `dtypes` macros take a DType and become the type's name in common.h (f32, bf16, boolean);
 * the others become integers. Since compiling is what costs (0.2 s a kernel on PoCL), a program holds one
 * kernel: the file puts each between #ifdef KERNEL_name and #endif. Programs also see HAVE_FP64, HAVE_FP16,
 * ON_GPU and ON_NVIDIA where they hold. */
typedef struct ClSpec {
    const char *file;   /* in kernels_cl/ */
    const char *kernel; /* the function */
    int dtypes;
    const char *macros[CL_MACROS]; /* ended by NULL where there are fewer */
} ClSpec;

typedef struct ClKernel ClKernel;

/* The kernel with `values` for its macros; the macro OP is op_NAME of `table_op` where that is not NULL (a
 * string that lives on: a name from an op table. The bare name may be a macro of the driver's). NULL, error
 * set, where a dtype is not supported or the build fails (then with the compiler's log). `op` names the
 * caller in errors. Known kernels cost a hash lookup. */
ClKernel *cl_get_kernel(Ctx *c, const char *op, Device device, const ClSpec *spec, const char *table_op,
                        const int *values);
/* The largest work-group that this kernel can run with. */
int64_t cl_kernel_max_group(const ClKernel *k);

/* --- launches ------------------------------------------------------------------------------------------ */

typedef struct ClArg {
    enum { CL_ARG_TENSOR, CL_ARG_STORAGE, CL_ARG_BYTES, CL_ARG_LOCAL } kind;
    const void *p;
    int64_t size;
    union {
        cl_int i;
        cl_long l;
        cl_float f;
        cl_double d;
    } value;
} ClArg;

/* Fills two parameters, TENSOR(X, x) in the kernel: the buffer, and the offset of the first element. NULL is
 * a null pointer. */
static inline ClArg arg_tensor(const Tensor *t) {
    return (ClArg){.kind = CL_ARG_TENSOR, .p = t};
}
/* One parameter: the buffer alone. NULL is a null pointer. */
static inline ClArg arg_storage(const Storage *s) {
    return (ClArg){.kind = CL_ARG_STORAGE, .p = s};
}
static inline ClArg arg_int(int32_t v) {
    return (ClArg){.kind = CL_ARG_BYTES, .size = sizeof v, .value.i = v};
}
static inline ClArg arg_int64(int64_t v) {
    return (ClArg){.kind = CL_ARG_BYTES, .size = sizeof v, .value.l = v};
}
static inline ClArg arg_float(float v) {
    return (ClArg){.kind = CL_ARG_BYTES, .size = sizeof v, .value.f = v};
}
static inline ClArg arg_double(double v) {
    return (ClArg){.kind = CL_ARG_BYTES, .size = sizeof v, .value.d = v};
}
/* A number as the compute type F32, F64 or I64; infinities become the ends of int64. */
ClArg arg_number(DType compute, double v);
/* A number as the parameter type REAL: double where the device has it, else float. */
ClArg arg_real(Device device, double v);
/* A struct by value. It must live until the launch. */
static inline ClArg arg_struct(const void *p, int64_t size) {
    return (ClArg){.kind = CL_ARG_BYTES, .p = p, .size = size};
}
/* __local memory. */
static inline ClArg arg_local(int64_t bytes) {
    return (ClArg){.kind = CL_ARG_LOCAL, .size = bytes};
}
#define CL_ARGS(...)                                                                                         \
    (int)(sizeof((ClArg[]){__VA_ARGS__}) / sizeof(ClArg)), (ClArg[]) {                                       \
        __VA_ARGS__                                                                                          \
    }

/* Work-items in each dimension and in one work-group. global is rounded up to whole groups, so the kernel
 * checks its bounds; group[0] 0 leaves the choice to the driver (then global is taken as it is). */
typedef struct ClGrid {
    int dims;
    int64_t global[3], group[3];
} ClGrid;

bool cl_launch(Ctx *c, ClKernel *k, const ClGrid *grid, int count, const ClArg *args);
/* The same with the kernel's usual group for one work-item an element: `n` of them. */
bool cl_launch_flat(Ctx *c, ClKernel *k, int64_t n, int count, const ClArg *args);

/* --- faults: what a kernel finds wrong with its input --------------------------------------------------- */

/* A kernel that meets an index out of range notes it (kernels_cl/fault.h) and goes on with something
 * harmless. The next download or synchronize fails with the text. Parameters in the kernel: __global Fault
 * *fault, const long op. */
typedef enum { CL_FAULT_CLASS = 1, CL_FAULT_INDEX } ClFaultKind;
typedef struct ClFaults {
    cl_mem buffer;
    const char *op;
} ClFaults;
/* The queue's faults for one launch; `op` must live on. */
bool cl_open_faults(Ctx *c, const char *op, Device device, ClFaults *faults);
#define ARG_FAULTS(f) arg_struct(&(f).buffer, sizeof(f).buffer), arg_int64((int64_t)(intptr_t)(f).op)

/* All bytes of a device storage become 0; asynchronous. */
bool cl_zero(Ctx *c, const char *op, Storage *s);

/* --- what the files of the runtime share --------------------------------------------------------------- */

typedef struct ClProgram ClProgram;

/* Process-wide. */
typedef struct ClDevice {
    cl_platform_id platform;
    cl_device_id id;
    cl_context context; /* NULL until opened */
    ClDeviceInfo info;
    char identity[640]; /* driver, device and versions: what a binary belongs to */
    bool as_gpu;        /* kernels are tuned for a GPU: it is one, or APSIS_CL_TUNE=gpu */
    bool emulates_mma;  /* APSIS_CL_TUNE=mma: the kernels for tensor cores with plain C in their place */
    ClProgram *programs;
} ClDevice;

/* A freed or live buffer; tensors point at its storage. */
typedef struct ClBlock {
    void *next; /* as core/blocks.h has it */
    Storage storage;
} ClBlock;

/* Transfers go through pinned memory in pieces; a stage is free again when its event has come. */
typedef struct ClStage {
    cl_mem buffer;
    char *host;
    cl_event last; /* NULL: free */
    int64_t used;
} ClStage;

/* One device for one Ctx. */
typedef struct ClQueue {
    Device number;
    ClDevice *device;
    cl_command_queue queue;
    Blocks blocks;
    ClKernel **kernels; /* open addressing */
    int kernel_count, kernel_room;
    int launches;   /* since the last fence */
    cl_event fence; /* limits how far the host runs ahead */
    cl_mem faults;  /* NULL until a kernel wants it */
    bool may_fault; /* such a kernel was launched since they were looked at */
    ClStage stage[CL_STAGES];
    int stage_at;
} ClQueue;

typedef struct ClState {
    ClQueue *queue[CL_MAX_DEVICES + 1];
} ClState;

/* The queue of an open device; NULL with an error if it is not open. */
ClQueue *cl_queue(Ctx *c, Device device);
ClDevice *cl_device(Device device);
/* The lock of what is process-wide. */
void cl_lock(void);
void cl_unlock(void);
/* Records "OP: WHAT on cl:N (NAME): CL_ERROR"; for CL_INTERRUPTED that alone. Returns false. */
bool cl_fail(Ctx *c, const ClQueue *q, const char *op, const char *what, cl_int error);

/* wait.c: for one event; for all that was launched. CL_INTERRUPTED where the context is to stop: then the
 * work goes on, and what it uses must stay. */
enum { CL_INTERRUPTED = 1 }; /* OpenCL's errors are negative */
cl_int cl_await(Ctx *c, ClQueue *q, cl_event event);
cl_int cl_finish(Ctx *c, ClQueue *q);

/* memory.c */
struct Storage *cl_alloc(Ctx *c, Device device, int64_t nbytes);
void cl_trim_queue(ClQueue *q, int64_t keep);
void cl_settle_queue(ClQueue *q);
void cl_close_stages(ClQueue *q);

/* fault.c: fails where a kernel noted a fault. */
bool cl_check_faults(Ctx *c, ClQueue *q);
void cl_close_faults(ClQueue *q);

/* program.c: a built program from the caches or the compiler; process-wide, never released. */
cl_program cl_build(Ctx *c, const char *op, ClDevice *d, Device number, const char *file,
                    const char *options);
void cl_release_kernels(ClQueue *q);

#endif
