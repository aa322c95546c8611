/* OpenCL's functions, found at run time, so that the program starts where no OpenCL is installed and links
 * no library of it. Call them as cl_api.Finish(queue) once cl_load() said yes. */
#ifndef APSIS_CL_API_H
#define APSIS_CL_API_H

#define CL_TARGET_OPENCL_VERSION 120
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <stdbool.h>

#define CL_FUNCTIONS(F)                                                                                      \
    F(GetPlatformIDs)                                                                                        \
    F(GetPlatformInfo)                                                                                       \
    F(GetDeviceIDs)                                                                                          \
    F(GetDeviceInfo)                                                                                         \
    F(CreateContext)                                                                                         \
    F(CreateCommandQueue)                                                                                    \
    F(ReleaseCommandQueue)                                                                                   \
    F(CreateProgramWithSource)                                                                               \
    F(CreateProgramWithBinary)                                                                               \
    F(BuildProgram)                                                                                          \
    F(GetProgramInfo)                                                                                        \
    F(GetProgramBuildInfo)                                                                                   \
    F(ReleaseProgram)                                                                                        \
    F(CreateKernel)                                                                                          \
    F(GetKernelWorkGroupInfo)                                                                                \
    F(ReleaseKernel)                                                                                         \
    F(SetKernelArg)                                                                                          \
    F(EnqueueNDRangeKernel)                                                                                  \
    F(CreateBuffer)                                                                                          \
    F(ReleaseMemObject)                                                                                      \
    F(EnqueueReadBuffer)                                                                                     \
    F(EnqueueWriteBuffer)                                                                                    \
    F(EnqueueCopyBuffer)                                                                                     \
    F(EnqueueFillBuffer)                                                                                     \
    F(EnqueueMapBuffer)                                                                                      \
    F(EnqueueUnmapMemObject)                                                                                 \
    F(EnqueueMarkerWithWaitList)                                                                             \
    F(GetEventInfo)                                                                                          \
    F(WaitForEvents)                                                                                         \
    F(ReleaseEvent)                                                                                          \
    F(Flush)                                                                                                 \
    F(Finish)

typedef struct ClApi {
#define MEMBER(name) __typeof__(cl##name) *name;
    CL_FUNCTIONS(MEMBER)
#undef MEMBER
} ClApi;

extern ClApi cl_api;

/* Opens libOpenCL. False, and a text that says what is missing, where that fails. Call it under a lock. */
bool cl_load(const char **why);
/* "CL_OUT_OF_RESOURCES" */
const char *cl_error_name(cl_int error);

#endif
