/* Faults: what kernels find wrong with their input. Asking after every launch would make the host wait for
 * each, so they are looked at when something is read anyway. */
#include "cl/runtime.h"

/* As in kernels_cl/fault.h. */
typedef struct Fault {
    int32_t kind, unused;
    int64_t found, last, op;
} Fault;

static cl_int clear(ClQueue *q) {
    static const Fault none;
    /* Without a wait: `none` stays, and what is launched later comes later. */
    return cl_api.EnqueueWriteBuffer(q->queue, q->faults, CL_FALSE, 0, sizeof none, &none, 0, NULL, NULL);
}

bool cl_open_faults(Ctx *c, const char *op, Device device, ClFaults *faults) {
    ClQueue *q = cl_queue(c, device);
    cl_int error = CL_SUCCESS;
    if (!q) return false;
    if (!q->faults) {
        q->faults = cl_api.CreateBuffer(q->device->context, CL_MEM_READ_WRITE, sizeof(Fault), NULL, &error);
        if (!error) error = clear(q);
        if (error) return cl_fail(c, q, op, "cannot make the buffer for faults", error);
    }
    q->may_fault = true;
    *faults = (ClFaults){q->faults, op};
    return true;
}

/* The texts are those of the CPU's checks. */
static bool fail(Ctx *c, const ClQueue *q, const Fault *f) {
    const char *op = (const char *)(uintptr_t)f->op;
    const long long found = f->found, last = f->last;
    const char *usual = found == 0 ? "; add 1 to 0-based labels" : "";
    if (f->kind == CL_FAULT_CLASS)
        return ctx_fail(c, "%s: class %lld: classes run 1..%lld%s (seen on cl:%d when a result was read)", op,
                        found, last, usual, q->number);
    return ctx_fail(c, "%s: index %lld: indices run 1..%lld (seen on cl:%d when a result was read)", op,
                    found, last, q->number);
}

bool cl_check_faults(Ctx *c, ClQueue *q) {
    Fault f;
    if (!q->may_fault) return true;
    q->may_fault = false;
    cl_int error = cl_api.EnqueueReadBuffer(q->queue, q->faults, CL_TRUE, 0, sizeof f, &f, 0, NULL, NULL);
    if (!error && f.kind == 0) return true;
    if (!error) error = clear(q);
    return error ? cl_fail(c, q, "to", "the transfer from the device failed", error) : fail(c, q, &f);
}

void cl_close_faults(ClQueue *q) {
    if (q->faults) cl_api.ReleaseMemObject(q->faults);
    q->faults = NULL;
}
