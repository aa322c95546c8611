/* Storage: reference-counted bytes on one device. Tensor: a strided view over a storage. */
#ifndef APSIS_CORE_TENSOR_H
#define APSIS_CORE_TENSOR_H

#include "core/ctx.h"
#include "core/dtype.h"

enum { MAX_DIMS = 8, SHAPE_TEXT = 200 };

/* 0 is the CPU; n > 0 is OpenCL device n ("cl:n"). */
typedef int16_t Device;
enum { CPU = 0, DEVICE_TEXT = 16 };
/* "cpu", "cl:2". Writes into `text` and returns it. */
const char *device_name(char text[DEVICE_TEXT], Device device);

typedef struct Storage {
    void *data; /* CPU: the bytes, 64-byte aligned. OpenCL: the buffer handle */
    int64_t nbytes;
    Ctx *ctx; /* whose account it is in */
    atomic_int refs;
    uint32_t version; /* bumped by every in-place op; autograd checks it */
    Device device;
    int16_t size_class;                /* of the block cache; -1: not from it */
    void (*release)(struct Storage *); /* NULL: plain host memory */
} Storage;

/* Dimensions and positions count from 0 here; bind/ converts from and to the 1-based world. */
typedef struct Tensor {
    Storage *storage; /* NULL for a shape-only tensor: what autograd passes for an argument it did not keep */
    int64_t offset;   /* of the first element, in elements */
    int64_t size[MAX_DIMS];
    int64_t stride[MAX_DIMS]; /* in elements; 0 repeats (broadcast) */
    int8_t ndim;
    uint8_t dtype; /* DType */
    Device device;
    bool requires_grad; /* a leaf that wants a gradient, or recorded on the tape */
    bool has_node;      /* recorded on the tape (not a leaf) */
    bool is_view;       /* shares another tensor's storage: in-place recording through it is refused */
    uint8_t out_slot;   /* which output of its node */
    uint16_t reshaped;  /* how often its sizes or memory were exchanged: the tape sees that it is not what it
                           kept */
} Tensor;

/* --- storages ------------------------------------------------------------------------------------- */
/* NULL on failure, error set (names the bytes asked for). Contents undefined. One reference. */
Storage *storage_new(Ctx *c, int64_t nbytes);
/* The same on any device. */
Storage *storage_new_on(Ctx *c, Device device, int64_t nbytes);
Storage *storage_retain(Storage *s);
void storage_release(Storage *s);
/* Gives cached free blocks back to the system, and those of devices to them, until each keeps at most `keep`
 * bytes. */
void memory_trim(Ctx *c, int64_t keep);
/* After a collection: the caches give back what has not been needed for a while. */
void memory_settle(Ctx *c);

/* --- making tensors: `out` is uninitialised memory; false on failure, with out->storage NULL ------------ */
/* Contiguous, contents undefined, on the CPU. size may be out->size. Checks for overflow of the byte count.
 */
bool tensor_new(Ctx *c, Tensor *out, DType dtype, int ndim, const int64_t *size);
/* The same on any device: what an op makes its result with, on the device of its operands. */
bool tensor_new_on(Ctx *c, Tensor *out, Device device, DType dtype, int ndim, const int64_t *size);
/* Contiguous, with the shape of x, on its device. */
bool tensor_new_like(Ctx *c, Tensor *out, DType dtype, const Tensor *x);
/* Another handle on the same view: shares the storage; the autograd fields start clean. */
void tensor_alias(Tensor *out, const Tensor *x);
/* Drops the reference on the storage, if there is one. NULL is fine, as for free. */
void tensor_release(Tensor *t);

/* --- reading ---------------------------------------------------------------------------------------- */
int64_t tensor_numel(const Tensor *t);
bool tensor_is_contiguous(const Tensor *t);
bool tensor_same_shape(const Tensor *a, const Tensor *b);
/* Two different elements of t share memory (a stride of 0 over a size above 1): not writable in place. */
bool tensor_overlaps_itself(const Tensor *t);
/* The address of the first element (CPU). */
static inline void *tensor_data(const Tensor *t) {
    return (char *)t->storage->data + t->offset * (int64_t)dtype_size((DType)t->dtype);
}
/* Element at a flat offset from the first element, as double / int64; CPU only. For tests, item and printing.
 */
double tensor_get_double(const Tensor *t, int64_t offset);
int64_t tensor_get_int(const Tensor *t, int64_t offset);

/* Whether a tensor may have these sizes: the product of those that are not 0 stays so small that it, and the
 * bytes, can be counted. Every shape that a user gives passes through here before a tensor has it. */
bool shape_fits(int ndim, const int64_t *size);

/* "3x4", "0-dim". Writes into `text` and returns it. */
const char *tensor_shape_text(char text[SHAPE_TEXT], int ndim, const int64_t *size);
#define SHAPE(t)          tensor_shape_text((char[SHAPE_TEXT]){0}, (t)->ndim, (t)->size)
#define SIZES(ndim, size) tensor_shape_text((char[SHAPE_TEXT]){0}, (ndim), (size))
#define DTYPE(t)          dtype_name((DType)(t)->dtype)

/* --- views (out shares x's storage) ------------------------------------------------------------------ */
/* Fill `stride` as of a contiguous tensor of that size. */
void contiguous_strides(int ndim, const int64_t *size, int64_t *stride);
/* Broadcasts x to `size` (strides of 0). False if the shapes do not fit; `op` names the caller in the error.
 */
bool tensor_expand(Ctx *c, Tensor *out, const Tensor *x, int ndim, const int64_t *size, const char *op);
/* The shape two operands broadcast to. */
bool broadcast_shape(Ctx *c, const char *op, const Tensor *a, const Tensor *b, int *ndim, int64_t *size);
void tensor_select(Tensor *out, const Tensor *x, int dim, int64_t index);
/* `length` positions from `start`, every `step`-th. */
void tensor_narrow(Tensor *out, const Tensor *x, int dim, int64_t start, int64_t length, int64_t step);
/* A new dimension of size 1 before dimension `dim`. */
void tensor_unsqueeze(Tensor *out, const Tensor *x, int dim);
/* dims[i] is the dimension of x that becomes dimension i. */
void tensor_permute(Tensor *out, const Tensor *x, const int *dims);
/* x seen with another shape of the same number of elements, if its strides allow that without a copy;
 * returns false (no error set) if they do not. */
bool tensor_view(Tensor *out, const Tensor *x, int ndim, const int64_t *size);

#endif
