/* Platforms and devices: found once a process; and what a Ctx keeps of each that it opened. */
#include "cl/runtime.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- process-wide --------------------------------------------------------------------------------------- */

static struct {
    pthread_mutex_t lock;
    bool searched;
    const char *why; /* there is no device */
    int count;
    ClDevice device[CL_MAX_DEVICES];
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

void cl_lock(void) {
    pthread_mutex_lock(&all.lock);
}

void cl_unlock(void) {
    pthread_mutex_unlock(&all.lock);
}

static int64_t query_number(cl_device_id id, cl_device_info what) {
    cl_ulong value =
        0; /* 4-byte answers fill the low half on the little-endian machines that OpenCL runs on */
    if (cl_api.GetDeviceInfo(id, what, sizeof value, &value, NULL) != CL_SUCCESS) return 0;
    return (int64_t)value;
}

static void query_text(cl_device_id id, cl_device_info what, char *text, size_t room) {
    if (cl_api.GetDeviceInfo(id, what, room - 1, text, NULL) != CL_SUCCESS) text[0] = '\0';
}

static char *query_extensions(cl_device_id id) {
    size_t size = 0;
    if (cl_api.GetDeviceInfo(id, CL_DEVICE_EXTENSIONS, 0, NULL, &size) != CL_SUCCESS) return NULL;
    char *text = calloc(size + 1, 1);
    if (text) cl_api.GetDeviceInfo(id, CL_DEVICE_EXTENSIONS, size, text, NULL);
    return text;
}

/* APSIS_CL_TUNE=gpu|cpu|nofp64|mma|nomma, joined by commas: what a device is taken for. Tests reach the
 * kernels for GPUs, for tensor cores (emulated) and for devices without double on PoCL with it. */
static bool tuned(const char *as) {
    const char *tune = getenv("APSIS_CL_TUNE");
    return tune && strstr(tune, as);
}

/* The instructions that the kernel uses came with compute capability 8.0. */
static bool has_tensor_cores(const ClDevice *d, const char *extensions) {
    enum { COMPUTE_CAPABILITY_MAJOR_NV = 0x4000, FIRST_MAJOR = 8 };
    return strstr(extensions, "cl_nv_device_attribute_query") &&
           query_number(d->id, COMPUTE_CAPABILITY_MAJOR_NV) >= FIRST_MAJOR && !tuned("nomma");
}

static void describe(ClDevice *d) {
    ClDeviceInfo *info = &d->info;
    cl_api.GetPlatformInfo(d->platform, CL_PLATFORM_NAME, sizeof info->platform - 1, info->platform, NULL);
    query_text(d->id, CL_DEVICE_NAME, info->name, sizeof info->name);
    query_text(d->id, CL_DEVICE_VENDOR, info->vendor, sizeof info->vendor);
    query_text(d->id, CL_DEVICE_VERSION, info->version, sizeof info->version);
    query_text(d->id, CL_DRIVER_VERSION, info->driver, sizeof info->driver);
    info->extensions = query_extensions(d->id);
    const char *extensions = info->extensions ? info->extensions : "";
    int64_t type = query_number(d->id, CL_DEVICE_TYPE);
    info->is_gpu = type & CL_DEVICE_TYPE_GPU;
    info->is_cpu = type & CL_DEVICE_TYPE_CPU;
    info->fp64 = query_number(d->id, CL_DEVICE_DOUBLE_FP_CONFIG) != 0 || strstr(extensions, "cl_khr_fp64");
    if (tuned("nofp64")) info->fp64 = false;
    info->fp16 = strstr(extensions, "cl_khr_fp16") != NULL;
    info->exact_divide =
        query_number(d->id, CL_DEVICE_SINGLE_FP_CONFIG) & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT;
    info->unified_memory = query_number(d->id, CL_DEVICE_HOST_UNIFIED_MEMORY) != 0;
    info->compute_units = query_number(d->id, CL_DEVICE_MAX_COMPUTE_UNITS);
    info->local_memory = query_number(d->id, CL_DEVICE_LOCAL_MEM_SIZE);
    info->global_memory = query_number(d->id, CL_DEVICE_GLOBAL_MEM_SIZE);
    info->max_allocation = query_number(d->id, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
    info->clock_mhz = query_number(d->id, CL_DEVICE_MAX_CLOCK_FREQUENCY);
    size_t group = 0;
    cl_api.GetDeviceInfo(d->id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof group, &group, NULL);
    info->max_work_group = (int64_t)group;
    d->emulates_mma = tuned("mma") && !tuned("nomma") && !info->is_gpu;
    info->tensor_cores = d->emulates_mma || has_tensor_cores(d, extensions);
    d->as_gpu = tuned("gpu") || (!info->is_cpu && !tuned("cpu"));
    snprintf(d->identity, sizeof d->identity, "%s|%s|%s|%s|%s", info->platform, info->vendor, info->name,
             info->version, info->driver);
}

static void add_devices(cl_platform_id platform, bool gpus) {
    cl_device_id ids[CL_MAX_DEVICES];
    cl_uint n = 0;
    if (cl_api.GetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, CL_MAX_DEVICES, ids, &n) != CL_SUCCESS) return;
    if (n > CL_MAX_DEVICES) n = CL_MAX_DEVICES;
    for (cl_uint i = 0; i < n && all.count < CL_MAX_DEVICES; i++) {
        bool is_gpu = query_number(ids[i], CL_DEVICE_TYPE) & CL_DEVICE_TYPE_GPU;
        if (is_gpu != gpus || !query_number(ids[i], CL_DEVICE_COMPILER_AVAILABLE)) continue;
        ClDevice *d = &all.device[all.count++];
        *d = (ClDevice){.platform = platform, .id = ids[i]};
        describe(d);
    }
}

static void search(void) {
    cl_platform_id platforms[CL_MAX_DEVICES];
    cl_uint n = 0;
    if (all.searched) return;
    all.searched = true;
    if (!cl_load(&all.why)) return;
    if (cl_api.GetPlatformIDs(CL_MAX_DEVICES, platforms, &n) != CL_SUCCESS) n = 0;
    if (n > CL_MAX_DEVICES) n = CL_MAX_DEVICES;
    for (int gpus = 1; gpus >= 0; gpus--)
        for (cl_uint i = 0; i < n; i++) add_devices(platforms[i], gpus);
    if (all.count == 0)
        all.why =
            n ? "OpenCL is installed, but its platforms have no device that compiles kernels"
              : "OpenCL is installed, but no driver for a device (on Debian: pocl-opencl-icd for the CPU, "
                "or the GPU vendor's)";
}

int cl_device_count(const char **why) {
    cl_lock();
    search();
    if (why) *why = all.why;
    cl_unlock();
    return all.count;
}

ClDevice *cl_device(Device device) {
    return device >= 1 && device <= all.count ? &all.device[device - 1] : NULL;
}

const ClDeviceInfo *cl_describe(Device device) {
    const ClDevice *d = cl_device(device);
    return d ? &d->info : NULL;
}

/* Devices share no context, so that one of them in trouble leaves the others alone. */
static bool open_context(ClDevice *d, cl_int *error) {
    cl_lock();
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)d->platform, 0};
    if (!d->context) d->context = cl_api.CreateContext(properties, 1, &d->id, NULL, NULL, error);
    cl_unlock();
    return d->context != NULL;
}

/* --- the default ---------------------------------------------------------------------------------------- */

static Device by_name(const char *name) {
    for (int i = 0; i < all.count; i++)
        if (strcasestr(all.device[i].info.name, name) || strcasestr(all.device[i].info.platform, name))
            return (Device)(i + 1);
    return 0;
}

static bool default_device(Ctx *c, const char *op, Device *device) {
    const char *wanted = getenv("APSIS_CL_DEVICE");
    *device = 1;
    if (!wanted || !*wanted) return true;
    char *end;
    long number = strtol(wanted, &end, 10);
    *device = *end == '\0' && number >= 1 && number <= all.count ? (Device)number : by_name(wanted);
    REQUIRE(c, *device,
            "%s: APSIS_CL_DEVICE is '%s': no device has that number or name (ap.cl.devices() lists them)", op,
            wanted);
    return true;
}

/* --- per Ctx -------------------------------------------------------------------------------------------- */

static void close_queue(ClQueue *q) {
    if (!q) return;
    if (q->queue) cl_api.Finish(q->queue);
    cl_release_kernels(q);
    cl_trim_queue(q, 0);
    cl_close_stages(q);
    cl_close_faults(q);
    if (q->fence) cl_api.ReleaseEvent(q->fence);
    if (q->queue) cl_api.ReleaseCommandQueue(q->queue);
    free(q);
}

static void close_all(Ctx *c) {
    ClState *state = c->cl;
    if (!state) return;
    for (int i = 1; i <= CL_MAX_DEVICES; i++) close_queue(state->queue[i]);
    free(state);
    c->cl = NULL;
}

static void trim_all(Ctx *c, int64_t keep) {
    ClState *state = c->cl;
    for (int i = 1; state && i <= CL_MAX_DEVICES; i++)
        if (state->queue[i]) cl_trim_queue(state->queue[i], keep);
}

static void settle_all(Ctx *c) {
    ClState *state = c->cl;
    for (int i = 1; state && i <= CL_MAX_DEVICES; i++)
        if (state->queue[i]) cl_settle_queue(state->queue[i]);
}

bool cl_fail(Ctx *c, const ClQueue *q, const char *op, const char *what, cl_int error) {
    if (error == CL_INTERRUPTED) return ctx_interrupted(c);
    return ctx_fail(c, "%s: %s on cl:%d (%s): %s", op, what, q->number, q->device->info.name,
                    cl_error_name(error));
}

/* A GPU's own memory is the tensors', but for what other programs there want. */
static int64_t most_spare(const ClDeviceInfo *info) {
    const int64_t quarter = info->global_memory / 4;
    return info->is_gpu && !info->unified_memory && quarter > BLOCKS_SPARE ? quarter : BLOCKS_SPARE;
}

static bool open_queue(Ctx *c, const char *op, Device number) {
    ClState *state = c->cl;
    if (!state) {
        state = c->cl = calloc(1, sizeof *state);
        REQUIRE(c, state, "%s: out of memory", op);
        c->device_alloc = cl_alloc;
        c->device_settle = settle_all;
        c->device_trim = trim_all;
        c->device_close = close_all;
    }
    if (state->queue[number]) return true;
    cl_int error = CL_SUCCESS;
    ClQueue *q = calloc(1, sizeof *q);
    REQUIRE(c, q, "%s: out of memory", op);
    q->number = number;
    q->device = cl_device(number);
    q->blocks.most_spare = most_spare(&q->device->info);
    if (open_context(q->device, &error))
        q->queue = cl_api.CreateCommandQueue(q->device->context, q->device->id, 0, &error);
    if (!q->queue) {
        cl_fail(c, q, op, "cannot open the device", error);
        close_queue(q);
        return false;
    }
    state->queue[number] = q;
    return true;
}

bool cl_open(Ctx *c, const char *op, Device number, Device *device) {
    const char *why;
    int count = cl_device_count(&why);
    REQUIRE(c, count > 0, "%s: no device 'cl': %s", op, why);
    REQUIRE(c, number <= count, "%s: no device 'cl:%d': the last one is 'cl:%d' (ap.cl.devices() lists them)",
            op, number, count);
    *device = number;
    if (number == 0 && !default_device(c, op, device)) return false;
    return open_queue(c, op, *device);
}

ClQueue *cl_queue(Ctx *c, Device device) {
    const ClState *state = c->cl;
    ClQueue *q = state && device >= 1 && device <= CL_MAX_DEVICES ? state->queue[device] : NULL;
    if (!q) ctx_fail(c, "no device cl:%d is open", device);
    return q;
}

bool cl_require_dtype(Ctx *c, const char *op, Device device, DType dtype) {
    const ClDeviceInfo *info = cl_describe(device);
    REQUIRE(c, dtype != F64 || !info || info->fp64, "%s: cl:%d (%s) has no f64; use f32: x:to(\"f32\")", op,
            device, info->name);
    return true;
}

bool cl_synchronize(Ctx *c, Device device) {
    const ClState *state = c->cl;
    for (int i = 1; state && i <= CL_MAX_DEVICES; i++) {
        ClQueue *q = state->queue[i];
        if (!q || (device && device != i)) continue;
        cl_int error = cl_finish(c, q);
        if (error) return cl_fail(c, q, "synchronize", "waiting failed", error);
        if (!cl_check_faults(c, q)) return false;
    }
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}

bool cl_is_open(const Ctx *c, Device device) {
    const ClState *state = c->cl;
    return state && device >= 1 && device <= CL_MAX_DEVICES && state->queue[device];
}

const Blocks *cl_memory(const Ctx *c, Device device) {
    return cl_is_open(c, device) ? &((const ClState *)c->cl)->queue[device]->blocks : NULL;
}
