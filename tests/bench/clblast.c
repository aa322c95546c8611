/* What CLBlast gives: clblast LARGEST prints "sgemm_N SECONDS WORK" for N = 256, 512, ... LARGEST, as cl.lua
 * does, on the first GPU, or the first device where there is none. tests/bench/run_cl builds and runs it
 * where CLBlast is (libclblast-dev). */
#define CL_TARGET_OPENCL_VERSION 120
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include "timing.h"
#include <CL/cl.h>
#include <clblast_c.h>
#include <stdio.h>

enum { PLATFORMS = 8 };

static cl_device_id first_device(void) {
    cl_platform_id platforms[PLATFORMS];
    cl_device_id device;
    cl_uint n = 0;
    if (clGetPlatformIDs(PLATFORMS, platforms, &n) != CL_SUCCESS) n = 0;
    if (n > PLATFORMS) n = PLATFORMS;
    const cl_device_type types[] = {CL_DEVICE_TYPE_GPU, CL_DEVICE_TYPE_ALL};
    for (int t = 0; t < 2; t++)
        for (cl_uint i = 0; i < n; i++)
            if (clGetDeviceIDs(platforms[i], types[t], 1, &device, NULL) == CL_SUCCESS) return device;
    fprintf(stderr, "no OpenCL device\n");
    exit(1);
}

static double seconds(cl_command_queue queue, size_t n, cl_mem a, cl_mem b, cl_mem c, int times) {
    double start = now();
    for (int i = 0; i < times; i++)
        if (CLBlastSgemm(CLBlastLayoutRowMajor, CLBlastTransposeNo, CLBlastTransposeNo, n, n, n, 1, a, 0, n,
                         b, 0, n, 0, c, 0, n, &queue, NULL) != CLBlastSuccess) {
            fprintf(stderr, "CLBlastSgemm failed at %zu\n", n);
            exit(1);
        }
    clFinish(queue);
    return (now() - start) / times;
}

static cl_mem matrix(cl_context context, cl_command_queue queue, size_t n) {
    const float value = 0.5f;
    cl_mem m = clCreateBuffer(context, CL_MEM_READ_WRITE, n * n * sizeof value, NULL, NULL);
    if (!m || clEnqueueFillBuffer(queue, m, &value, sizeof value, 0, n * n * sizeof value, 0, NULL, NULL)) {
        fprintf(stderr, "no memory for %zu x %zu\n", n, n);
        exit(1);
    }
    return m;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    cl_device_id device = first_device();
    cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, NULL);
    cl_command_queue queue = context ? clCreateCommandQueue(context, device, 0, NULL) : NULL;
    if (!queue) return 1;
    for (size_t n = 256; n <= (size_t)atol(argv[1]); n *= 2) {
        cl_mem a = matrix(context, queue, n), b = matrix(context, queue, n), c = matrix(context, queue, n);
        seconds(queue, n, a, b, c, 2);
        int times = (int)(SECONDS_A_RUN / seconds(queue, n, a, b, c, 3)) + 1;
        double spent[RUNS];
        for (int i = 0; i < RUNS; i++) spent[i] = seconds(queue, n, a, b, c, times);
        printf("sgemm_%zu %.6g %.6g\n", n, median(spent), 2.0 * (double)n * (double)n * (double)n);
        fflush(stdout);
        clReleaseMemObject(a), clReleaseMemObject(b), clReleaseMemObject(c);
    }
    return 0;
}
