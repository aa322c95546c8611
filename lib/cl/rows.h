/* Kernels that work row by row (kernels_cl/lanes.h): how many work-items share a row, and the launch. */
#ifndef APSIS_CL_ROWS_H
#define APSIS_CL_ROWS_H

#include "cl/runtime.h"

/* LANES for rows of n elements that lie `step` apart. 0, error set, where the device is not open. */
int cl_row_lanes(Ctx *c, Device device, int64_t n, int64_t step);
bool cl_launch_rows(Ctx *c, ClKernel *k, int64_t rows, int lanes, int count, const ClArg *args);
/* COMPUTE for elements of a floating dtype. */
static inline DType cl_compute_dtype(int dtype) {
    return dtype == F64 ? F64 : F32;
}

#endif
