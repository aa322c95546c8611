/* Waiting for a device. OpenCL's own waits end when the work is done and for no other reason, and what is
 * queued may take minutes; these look at the context's request to stop (Ctrl-C) meanwhile. The work itself
 * goes on: OpenCL cannot take it back. */
#include "cl/runtime.h"
#include <sched.h>
#include <time.h>

enum {
    SPIN_NS = 50000, /* short waits are polled: a sleep would take longer than they do */
    LONGEST_PAUSE_NS = 1000000,
    PAUSE_PART = 16 /* a pause is this part of the time that was waited for so far */
};

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void pause_after(int64_t waited) {
    if (waited < SPIN_NS) {
        sched_yield();
        return;
    }
    int64_t ns = waited / PAUSE_PART < LONGEST_PAUSE_NS ? waited / PAUSE_PART : LONGEST_PAUSE_NS;
    nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

/* Negative states are errors, which the wait proper reports. */
static bool is_pending(cl_event event) {
    cl_int state = CL_COMPLETE;
    cl_int error = cl_api.GetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
    return !error && state > CL_COMPLETE;
}

cl_int cl_await(Ctx *c, ClQueue *q, cl_event event) {
    if (!is_pending(event)) return cl_api.WaitForEvents(1, &event);
    cl_int error = cl_api.Flush(q->queue);
    if (error) return error;
    for (int64_t start = now_ns(); is_pending(event);) {
        if (ctx_stopping(c)) return CL_INTERRUPTED;
        pause_after(now_ns() - start);
    }
    return cl_api.WaitForEvents(1, &event);
}

cl_int cl_finish(Ctx *c, ClQueue *q) {
    cl_event end;
    cl_int error = cl_api.EnqueueMarkerWithWaitList(q->queue, 0, NULL, &end);
    if (error) return error;
    error = cl_await(c, q, end);
    cl_api.ReleaseEvent(end);
    return error ? error : cl_api.Finish(q->queue);
}
