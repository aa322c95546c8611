/* Scans on a device: what lib/ops/scan.c calls. */
#ifndef APSIS_CL_SCAN_H
#define APSIS_CL_SCAN_H

#include "core/tensor.h"

/* y = the scan of x along dim, from its end where `reverse`; both contiguous, of one shape. kind as in
 * cpu/kernels_reduce.h. */
bool cl_scan(Ctx *c, const char *op, const Tensor *y, const Tensor *x, int kind, int dim, bool reverse);
/* values and index (i64, from 1) of cummax or cummin of x along dim; all contiguous, of one shape. */
bool cl_scan_extreme(Ctx *c, const char *op, const Tensor *values, const Tensor *index, const Tensor *x,
                     int dim, bool smallest);

#endif
