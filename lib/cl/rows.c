/* Rows shared by work-items: see rows.h. */
#include "cl/rows.h"

enum {
    SHORT_ROW = 32,  /* elements below which a row is one work-item's */
    LONG_ROW = 1024, /* elements from which on it is a large group's */
    SMALL_GROUP = 64,
    LARGE_GROUP = 256
};

int cl_row_lanes(Ctx *c, Device device, int64_t n, int64_t step) {
    const ClQueue *q = cl_queue(c, device);
    if (!q) return 0;
    const int64_t room = q->device->info.max_work_group;
    /* Where elements of neighbouring rows are neighbours, so are work-items of their own; and a CPU's cores
     * share nothing worth a barrier. */
    if (!q->device->as_gpu || step != 1 || n < SHORT_ROW || room < SMALL_GROUP) return 1;
    return n < LONG_ROW || room < LARGE_GROUP ? SMALL_GROUP : LARGE_GROUP;
}

bool cl_launch_rows(Ctx *c, ClKernel *k, int64_t rows, int lanes, int count, const ClArg *args) {
    if (lanes == 1) return cl_launch_flat(c, k, rows, count, args);
    return cl_launch(c, k, &(ClGrid){1, {rows * lanes}, {lanes}}, count, args);
}
