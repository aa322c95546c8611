/* An OpenCL that fails on demand, between Apsis and the real one: APSIS_CL_LIBRARY names it in
 * tests/cl_fault_test.lua. FAULT="FUNCTION ERROR AFTER COUNT ...": calls number AFTER + 1 to AFTER + COUNT of
 * clFUNCTION give ERROR. What is not wrapped here is found in libOpenCL itself, which this library is linked
 * with. */
#define _GNU_SOURCE
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The error that this call, the *calls-th of the function, shall give; CL_SUCCESS for none. */
static cl_int fault(const char *function, int *calls) {
    const char *plan = getenv("FAULT");
    char name[64];
    int error, after, count, used;
    ++*calls;
    for (; plan && sscanf(plan, "%63s %d %d %d%n", name, &error, &after, &count, &used) == 4; plan += used)
        if (strcmp(name, function) == 0 && *calls > after && *calls <= after + count) return error;
    return CL_SUCCESS;
}

/* A function that returns its error. */
#define WRAP(name, parameters, arguments)                                                                    \
    cl_int cl##name parameters {                                                                             \
        static int calls;                                                                                    \
        static __typeof__(cl##name) *real;                                                                   \
        if (!real) *(void **)&real = dlsym(RTLD_NEXT, "cl" #name);                                           \
        const cl_int error = fault(#name, &calls);                                                           \
        return error ? error : real arguments;                                                               \
    }
/* One that returns an object, and its error through the last parameter. */
#define WRAP_NEW(type, name, parameters, arguments)                                                          \
    type cl##name parameters {                                                                               \
        static int calls;                                                                                    \
        static __typeof__(cl##name) *real;                                                                   \
        if (!real) *(void **)&real = dlsym(RTLD_NEXT, "cl" #name);                                           \
        const cl_int fails = fault(#name, &calls);                                                           \
        if (!fails) return real arguments;                                                                   \
        if (error) *error = fails;                                                                           \
        return NULL;                                                                                         \
    }

WRAP(EnqueueNDRangeKernel,
     (cl_command_queue q, cl_kernel k, cl_uint dims, const size_t *offset, const size_t *global,
      const size_t *group, cl_uint n, const cl_event *wait, cl_event *event),
     (q, k, dims, offset, global, group, n, wait, event))
WRAP(EnqueueReadBuffer,
     (cl_command_queue q, cl_mem m, cl_bool blocking, size_t at, size_t size, void *to, cl_uint n,
      const cl_event *wait, cl_event *event),
     (q, m, blocking, at, size, to, n, wait, event))
WRAP(EnqueueWriteBuffer,
     (cl_command_queue q, cl_mem m, cl_bool blocking, size_t at, size_t size, const void *from, cl_uint n,
      const cl_event *wait, cl_event *event),
     (q, m, blocking, at, size, from, n, wait, event))
WRAP(WaitForEvents, (cl_uint n, const cl_event *events), (n, events))
WRAP(Finish, (cl_command_queue q), (q))
WRAP(Flush, (cl_command_queue q), (q))
WRAP_NEW(cl_mem, CreateBuffer, (cl_context c, cl_mem_flags flags, size_t size, void *host, cl_int *error),
         (c, flags, size, host, error))
WRAP_NEW(void *, EnqueueMapBuffer,
         (cl_command_queue q, cl_mem m, cl_bool blocking, cl_map_flags flags, size_t at, size_t size,
          cl_uint n, const cl_event *wait, cl_event *event, cl_int *error),
         (q, m, blocking, flags, at, size, n, wait, event, error))
WRAP_NEW(cl_kernel, CreateKernel, (cl_program p, const char *name, cl_int *error), (p, name, error))
WRAP_NEW(cl_context, CreateContext,
         (const cl_context_properties *properties, cl_uint n, const cl_device_id *devices,
          void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *user, cl_int *error),
         (properties, n, devices, notify, user, error))
