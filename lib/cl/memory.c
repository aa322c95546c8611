/* Device memory: storages over buffers, whose account and cache are those of core/blocks.h, and transfers
 * through pinned stages. The queue is in order, so a freed buffer may be used again at once. */
#include "cl/runtime.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const int64_t STAGE_BYTES = 1 << 20;

/* --- storages --------------------------------------------------------------------------------------------
 */

static void drop_block(void *block) {
    ClBlock *b = block;
    cl_api.ReleaseMemObject(b->storage.data);
    free(b);
}

void cl_trim_queue(ClQueue *q, int64_t keep) {
    blocks_trim(&q->blocks, keep, drop_block);
}

void cl_settle_queue(ClQueue *q) {
    blocks_settle(&q->blocks, drop_block);
}

static void release(Storage *s) {
    ClBlock *b = (ClBlock *)((char *)s - offsetof(ClBlock, storage));
    Ctx *c = s->ctx;
    ClQueue *q = ((ClState *)c->cl)->queue[s->device];
    int class = s->size_class;
    int64_t bytes = class == UNCACHED ? s->nbytes : block_class_bytes(class);
    c->mem.device_bytes -= bytes;
    blocks_put(&q->blocks, b, class, bytes, drop_block);
}

static ClBlock *try_block(ClQueue *q, int class, int64_t bytes, cl_int *error) {
    ClBlock *b = blocks_take(&q->blocks, class, bytes);
    if (b) return b;
    b = calloc(1, sizeof *b);
    if (!b) return NULL;
    b->storage.data = cl_api.CreateBuffer(q->device->context, CL_MEM_READ_WRITE, (size_t)bytes, NULL, error);
    if (b->storage.data) return b;
    free(b);
    return NULL;
}

Storage *cl_alloc(Ctx *c, Device device, int64_t nbytes) {
    ClQueue *q = cl_queue(c, device);
    if (!q) return NULL;
    int64_t bytes = 1;
    cl_int error = CL_SUCCESS;
    if (nbytes > q->device->info.max_allocation) {
        ctx_fail(c,
                 "out of memory on cl:%d: %lld bytes asked for, the device gives at most %lld in one piece",
                 device, (long long)nbytes, (long long)q->device->info.max_allocation);
        return NULL;
    }
    int class = block_class(nbytes > 0 ? nbytes : 1, &bytes);
    ClBlock *b = try_block(q, class, bytes, &error);
    if (!b) {
        if (c->reclaim) c->reclaim(c->reclaim_arg);
        cl_trim_queue(q, 0);
        /* Drivers keep a buffer until the work that uses it is done. */
        if (cl_finish(c, q) == CL_INTERRUPTED) return ctx_interrupted(c), NULL;
        b = try_block(q, class, bytes, &error);
    }
    if (!b) {
        ctx_fail(c, "out of memory on cl:%d: %lld bytes asked for, %lld bytes of tensors live there (%s)",
                 device, (long long)nbytes, (long long)q->blocks.live_bytes, cl_error_name(error));
        return NULL;
    }
    b->storage = (Storage){.data = b->storage.data,
                           .nbytes = nbytes,
                           .ctx = c,
                           .device = device,
                           .size_class = (int16_t) class,
                           .release = release};
    atomic_init(&b->storage.refs, 1);
    blocks_count(&q->blocks, bytes);
    c->mem.device_bytes += bytes;
    c->mem.bytes_since_gc += bytes;
    return &b->storage;
}

/* --- stages ----------------------------------------------------------------------------------------------
 */

void cl_close_stages(ClQueue *q) {
    for (int i = 0; i < CL_STAGES; i++) {
        ClStage *s = &q->stage[i];
        if (s->last) cl_api.ReleaseEvent(s->last);
        if (s->host) cl_api.EnqueueUnmapMemObject(q->queue, s->buffer, s->host, 0, NULL, NULL);
        if (s->buffer) cl_api.ReleaseMemObject(s->buffer);
        *s = (ClStage){0};
    }
    if (q->queue) cl_api.Finish(q->queue);
}

/* Waits until nothing reads or writes the stage. Interrupted, it leaves the stage as one that is in use. */
static cl_int settle(Ctx *c, ClQueue *q, ClStage *s) {
    cl_int error = s->last ? cl_await(c, q, s->last) : CL_SUCCESS;
    if (error == CL_INTERRUPTED) return error;
    if (s->last) cl_api.ReleaseEvent(s->last);
    s->last = NULL;
    s->used = 0;
    return error;
}

static cl_int open_stage(Ctx *c, ClQueue *q, ClStage *s) {
    cl_int error;
    s->buffer = cl_api.CreateBuffer(q->device->context, CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR,
                                    (size_t)STAGE_BYTES, NULL, &error);
    if (!s->buffer) return error;
    s->host = cl_api.EnqueueMapBuffer(q->queue, s->buffer, CL_FALSE, CL_MAP_READ | CL_MAP_WRITE, 0,
                                      (size_t)STAGE_BYTES, 0, NULL, &s->last, &error);
    if (s->host) {
        s->used = STAGE_BYTES; /* until it is there */
        return settle(c, q, s);
    }
    s->last = NULL;
    cl_api.ReleaseMemObject(s->buffer);
    s->buffer = NULL;
    return error;
}

/* A stage with room for `bytes`: the current one, or the next once it is free. */
static cl_int take_stage(Ctx *c, ClQueue *q, int64_t bytes, ClStage **stage) {
    ClStage *s = &q->stage[q->stage_at];
    if (s->used + bytes > STAGE_BYTES) {
        q->stage_at = (q->stage_at + 1) % CL_STAGES;
        s = &q->stage[q->stage_at];
        cl_int error = settle(c, q, s);
        if (error) return error;
    }
    *stage = s;
    return s->buffer ? CL_SUCCESS : open_stage(c, q, s);
}

bool cl_upload(Ctx *c, Storage *to, int64_t offset, const void *from, int64_t nbytes) {
    ClQueue *q = cl_queue(c, to->device);
    if (!q) return false;
    for (int64_t done = 0; done < nbytes;) {
        int64_t n = nbytes - done < STAGE_BYTES ? nbytes - done : STAGE_BYTES;
        ClStage *s;
        cl_event event;
        cl_int error = take_stage(c, q, n, &s);
        if (!error) {
            memcpy(s->host + s->used, (const char *)from + done, (size_t)n);
            error = cl_api.EnqueueWriteBuffer(q->queue, to->data, CL_FALSE, (size_t)(offset + done),
                                              (size_t)n, s->host + s->used, 0, NULL, &event);
        }
        if (error) return cl_fail(c, q, "to", "the transfer to the device failed", error);
        if (s->last) cl_api.ReleaseEvent(s->last);
        s->last = event;
        s->used += (n + 63) / 64 * 64;
        done += n;
        if (ctx_stopping(c)) return ctx_interrupted(c);
    }
    return true;
}

/* Reads are kept one stage ahead of the host's copies. */
bool cl_download(Ctx *c, void *to, const Storage *from, int64_t offset, int64_t nbytes) {
    ClQueue *q = cl_queue(c, from->device);
    if (!q) return false;
    struct {
        ClStage *stage;
        char *host;
        int64_t at, n;
    } pending = {0};
    cl_int error = CL_SUCCESS;
    for (int64_t asked = 0; !error && (asked < nbytes || pending.n);) {
        ClStage *s = NULL;
        int64_t n = nbytes - asked < STAGE_BYTES ? nbytes - asked : STAGE_BYTES, at = asked;
        if (n) {
            /* A read takes a stage of its own, so that settling it waits for this piece alone. */
            error = take_stage(c, q, STAGE_BYTES, &s);
            cl_event event;
            if (!error)
                error = cl_api.EnqueueReadBuffer(q->queue, from->data, CL_FALSE, (size_t)(offset + at),
                                                 (size_t)n, s->host, 0, NULL, &event);
            if (!error) {
                if (s->last) cl_api.ReleaseEvent(s->last);
                s->last = event;
                s->used = STAGE_BYTES;
                error = cl_api.Flush(q->queue);
            }
            asked += n;
        }
        if (!error && pending.n) {
            error = settle(c, q, pending.stage);
            if (!error) memcpy((char *)to + pending.at, pending.host, (size_t)pending.n);
        }
        pending.n = 0;
        if (!error && s) {
            pending.stage = s;
            pending.host = s->host;
            pending.at = at;
            pending.n = n;
        }
        if (ctx_stopping(c)) return ctx_interrupted(c);
    }
    if (error) return cl_fail(c, q, "to", "the transfer from the device failed", error);
    return cl_check_faults(c, q);
}

bool cl_copy_bytes(Ctx *c, Storage *to, int64_t to_offset, const Storage *from, int64_t from_offset,
                   int64_t nbytes) {
    const ClQueue *q = cl_queue(c, to->device);
    if (!q) return false;
    if (nbytes == 0) return true;
    cl_int error = cl_api.EnqueueCopyBuffer(q->queue, from->data, to->data, (size_t)from_offset,
                                            (size_t)to_offset, (size_t)nbytes, 0, NULL, NULL);
    return error ? cl_fail(c, q, "copy_", "the copy failed", error) : true;
}

bool cl_zero(Ctx *c, const char *op, Storage *s) {
    static const cl_uchar zero = 0;
    const ClQueue *q = cl_queue(c, s->device);
    if (!q) return false;
    cl_int error =
        cl_api.EnqueueFillBuffer(q->queue, s->data, &zero, sizeof zero, 0, (size_t)s->nbytes, 0, NULL, NULL);
    return error ? cl_fail(c, q, op, "the fill failed", error) : true;
}
