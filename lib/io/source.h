/* A stream of bytes in a file: as they lie there, or inflated (gzip, or the raw deflate of zip). Before
 * memory is allocated for what a header promises, source_most says how much can still come. */
#ifndef APSIS_IO_SOURCE_H
#define APSIS_IO_SOURCE_H

#include "core/tensor.h"
#include "io/file.h"

typedef enum { SOURCE_PLAIN, SOURCE_GZIP, SOURCE_DEFLATE } SourceKind;

typedef struct Source {
    const File *file;
    SourceKind kind;
    int64_t at, end; /* the part of the file that was not read yet */
    bool sum;        /* keep the CRC of the bytes that were given out */
    uint32_t crc;
    int64_t given;     /* bytes that were given out */
    const char *entry; /* the part's name in the file, for messages; NULL for the file itself */
    int64_t entry_length;
    struct Inflater *inflater;
} Source;

/* Bytes offset .. offset + length of the file, which must lie in it. False with the error set when there is
 * no zlib for the kind, or no memory; then there is nothing to close. */
bool source_open(Source *s, const File *f, SourceKind kind, int64_t offset, int64_t length);
void source_close(Source *s);
/* No more than this many bytes can still come (exact for a plain source). */
int64_t source_most(const Source *s);
/* Exactly n bytes; `what` names them for the error where there are fewer ("the header"). */
bool source_read(Source *s, void *to, int64_t n, const char *what);
/* Nothing may be left, and a checksum at the end must be right. */
bool source_finish(Source *s);
/* Records "OP: PATH: 'ENTRY': text" and returns false. */
bool source_fail(const Source *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Whether the file starts with gzip's magic. */
bool source_is_gzip(const File *f);

/* CRC-32 as of gzip and zip; start with 0. */
uint32_t crc32_update(uint32_t crc, const void *data, int64_t n);

/* --- elements ------------------------------------------------------------------------------------------- */

/* How elements lie in a file. Unsigned integers that we have no dtype for become the next wider one. */
typedef struct FileType {
    DType dtype;      /* of the tensor */
    uint8_t size;     /* bytes an element in the file: dtype_size, or less where it is widened */
    bool is_unsigned; /* u16, u32 or u64 in the file */
    bool swap;        /* in the other byte order than this machine's */
} FileType;

/* Fills t, which is contiguous, with as many elements of that type as it has; false with the error set. */
bool source_read_elements(Source *s, Tensor *t, FileType type, const char *what);

static inline bool little_endian(void) {
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
}
/* Turns the bytes of each of n elements around. */
void swap_bytes(void *data, int64_t n, size_t size);

#endif
