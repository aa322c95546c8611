/* safetensors: a length, a JSON header, the tensors' bytes. The reader holds a file to every rule of the
 * format (https://github.com/huggingface/safetensors#format) before it allocates or reads a tensor. */
#ifndef APSIS_IO_SAFETENSORS_H
#define APSIS_IO_SAFETENSORS_H

#include "core/tensor.h"
#include "io/buffer.h"
#include "io/file.h"

enum { SAFETENSORS_HEADER = 100000000 /* the format's limit, in bytes */, SAFETENSORS_TYPE_NAME = 16 };

typedef struct SafetensorsText {
    const char *text;
    int64_t length;
} SafetensorsText;

typedef struct SafetensorsEntry {
    SafetensorsText name;
    int8_t type; /* row of the table of the format's dtypes */
    int8_t ndim;
    int64_t size[MAX_DIMS];
    int64_t begin, end; /* bytes, from the first one after the header */
} SafetensorsEntry;

typedef struct SafetensorsPair {
    SafetensorsText key, value;
} SafetensorsPair;

typedef struct Safetensors {
    File file;
    Buffer text, entries, metadata; /* the header; SafetensorsEntry by rising `begin`; SafetensorsPair */
    int64_t data;                   /* where the tensors' bytes begin in the file */
} Safetensors;

/* Opens a file and checks all of its header. On failure nothing is left open. */
bool safetensors_open(Ctx *c, Safetensors *s, const char *op, const char *path);
void safetensors_close(Safetensors *s);
static inline int64_t safetensors_count(const Safetensors *s) {
    return s->entries.size / (int64_t)sizeof(SafetensorsEntry);
}
static inline const SafetensorsEntry *safetensors_entry(const Safetensors *s, int64_t i) {
    return (const SafetensorsEntry *)s->entries.data + i;
}
/* The dtype as the format calls it: "F32". */
const char *safetensors_type_name(const SafetensorsEntry *e);
/* Reads tensor i. U16 and U32 become i32 and i64, U64 i64 where it fits; false for other foreign dtypes. */
bool safetensors_read(const Safetensors *s, int64_t i, Tensor *out);

typedef struct SafetensorsItem {
    SafetensorsText name;
    const Tensor *tensor; /* on the CPU, any strides */
} SafetensorsItem;

/* Writes a file, atomically. Sorts `items` (by dtype, then name, as the format's own library does) and the
 * metadata (by key). Needs no more memory than a copy of the largest tensor that is not contiguous. */
bool safetensors_save(Ctx *c, const char *op, const char *path, SafetensorsItem *items, int64_t n,
                      SafetensorsPair *metadata, int64_t m);

#endif
