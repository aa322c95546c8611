/* The function table of libOpenCL, filled by dlopen; names of errors. APSIS_CL_LIBRARY names another library:
 * a phone's, say, that lies outside the linker's path. */
#include "cl/api.h"
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

ClApi cl_api;

bool cl_load(const char **why) {
    static const char *const libraries[] = {"libOpenCL.so.1", "libOpenCL.so",
                                            "/System/Library/Frameworks/OpenCL.framework/OpenCL"};
    const char *chosen = getenv("APSIS_CL_LIBRARY");
    void *library = NULL;
    if (chosen && *chosen) {
        static char text[256];
        library = dlopen(chosen, RTLD_NOW | RTLD_LOCAL);
        snprintf(text, sizeof text, "APSIS_CL_LIBRARY is '%s', which cannot be opened", chosen);
        *why = text;
        if (!library) return false;
    }
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries && !library; i++)
        library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        *why = "no OpenCL is installed here (libOpenCL.so.1 is missing: the package ocl-icd-libopencl1 and a "
               "driver for the device)";
        return false;
    }
    bool complete = true;
#define FIND(name)                                                                                           \
    *(void **)&cl_api.name = dlsym(library, "cl" #name);                                                     \
    complete = complete && cl_api.name;
    CL_FUNCTIONS(FIND)
#undef FIND
    if (!complete) *why = "the OpenCL installed here is older than version 1.2";
    return complete;
}

const char *cl_error_name(cl_int error) {
    switch (error) {
#define NAME(e)                                                                                              \
    case e:                                                                                                  \
        return #e;
        NAME(CL_SUCCESS)
        NAME(CL_DEVICE_NOT_FOUND)
        NAME(CL_DEVICE_NOT_AVAILABLE)
        NAME(CL_COMPILER_NOT_AVAILABLE)
        NAME(CL_MEM_OBJECT_ALLOCATION_FAILURE)
        NAME(CL_OUT_OF_RESOURCES)
        NAME(CL_OUT_OF_HOST_MEMORY)
        NAME(CL_MEM_COPY_OVERLAP)
        NAME(CL_BUILD_PROGRAM_FAILURE)
        NAME(CL_MAP_FAILURE)
        NAME(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST)
        NAME(CL_INVALID_VALUE)
        NAME(CL_INVALID_DEVICE)
        NAME(CL_INVALID_CONTEXT)
        NAME(CL_INVALID_COMMAND_QUEUE)
        NAME(CL_INVALID_MEM_OBJECT)
        NAME(CL_INVALID_BINARY)
        NAME(CL_INVALID_BUILD_OPTIONS)
        NAME(CL_INVALID_PROGRAM)
        NAME(CL_INVALID_PROGRAM_EXECUTABLE)
        NAME(CL_INVALID_KERNEL_NAME)
        NAME(CL_INVALID_KERNEL)
        NAME(CL_INVALID_ARG_INDEX)
        NAME(CL_INVALID_ARG_VALUE)
        NAME(CL_INVALID_ARG_SIZE)
        NAME(CL_INVALID_KERNEL_ARGS)
        NAME(CL_INVALID_WORK_DIMENSION)
        NAME(CL_INVALID_WORK_GROUP_SIZE)
        NAME(CL_INVALID_WORK_ITEM_SIZE)
        NAME(CL_INVALID_GLOBAL_OFFSET)
        NAME(CL_INVALID_EVENT)
        NAME(CL_INVALID_OPERATION)
        NAME(CL_INVALID_BUFFER_SIZE)
        NAME(CL_INVALID_GLOBAL_WORK_SIZE)
#undef NAME
    case -1001: /* the ICD loader's */
        return "CL_PLATFORM_NOT_FOUND_KHR";
    default:
        return "an unknown OpenCL error";
    }
}
