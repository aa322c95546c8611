/* OpenCL devices as the rest of the program sees them: which there are, opening one, moving bytes, waiting.
 * Needs no OpenCL headers. Devices are numbered from 1, GPUs first; 0 is the CPU (core/tensor.h).
 *
 * Process-wide, behind a lock: the library, the devices, their contexts, compiled programs. Per Ctx: queue,
 * kernels, memory pool, account. */
#ifndef APSIS_CL_DEVICE_H
#define APSIS_CL_DEVICE_H

#include "core/tensor.h"

enum { CL_MAX_DEVICES = 32 };

typedef struct ClDeviceInfo {
    char name[128], vendor[128], platform[128], version[128], driver[64], *extensions;
    bool is_gpu, is_cpu, fp64, fp16, unified_memory, exact_divide;
    bool tensor_cores; /* NVIDIA's mma instructions for f16, bf16 and tf32, by inline PTX */
    int64_t compute_units, max_work_group, local_memory, global_memory, max_allocation, clock_mhz;
} ClDeviceInfo;

/* How many devices there are; 0 where there is no OpenCL, and then `why` (may be NULL) says so. */
int cl_device_count(const char **why);
/* Device 1..count. */
const ClDeviceInfo *cl_describe(Device device);
/* The device of that number, or for 0 the default one: what APSIS_CL_DEVICE names (a number, or a part of a
 * device's name), else the first. Opens it for this Ctx. */
bool cl_open(Ctx *c, const char *op, Device number, Device *device);
/* The device supports the dtype; else the error names op, dtype and device. */
bool cl_require_dtype(Ctx *c, const char *op, Device device, DType dtype);

/* Copies between host memory and a device storage, from `offset` bytes on. Uploads may return before the
 * device has the bytes; `from` may be reused at once. */
bool cl_upload(Ctx *c, Storage *to, int64_t offset, const void *from, int64_t nbytes);
bool cl_download(Ctx *c, void *to, const Storage *from, int64_t offset, int64_t nbytes);
/* Both storages on one device. */
bool cl_copy_bytes(Ctx *c, Storage *to, int64_t to_offset, const Storage *from, int64_t from_offset,
                   int64_t nbytes);
/* Waits for everything launched on the device (0: on every open one). */
bool cl_synchronize(Ctx *c, Device device);
/* Whether this Ctx has opened the device. */
bool cl_is_open(const Ctx *c, Device device);
/* The account of an open device; NULL for one that is not. */
const Blocks *cl_memory(const Ctx *c, Device device);

#endif
