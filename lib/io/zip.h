/* Zip files as NumPy makes them: the directory, entries that are stored or deflated, zip64. PKWARE's
 * APPNOTE.TXT 6.3; no encryption, no parts on several disks. */
#ifndef APSIS_IO_ZIP_H
#define APSIS_IO_ZIP_H

#include "io/buffer.h"
#include "io/source.h"
#include "io/writer.h"

typedef struct ZipEntry {
    const char *name; /* in the directory */
    int64_t length;
    int64_t header;           /* where its local header begins */
    int64_t packed, unpacked; /* bytes */
    uint32_t crc;
    bool deflated;
} ZipEntry;

typedef struct Zip {
    File file;
    Buffer directory, entries; /* its bytes; ZipEntry by rising `header` */
    int64_t directory_at;
} Zip;

/* Opens a file and checks its directory: sizes within the file, no two entries over the same bytes, no name
 * twice. On failure nothing is left open. */
bool zip_open(Ctx *c, Zip *z, const char *op, const char *path);
void zip_close(Zip *z);
static inline int64_t zip_count(const Zip *z) {
    return z->entries.size / (int64_t)sizeof(ZipEntry);
}
static inline const ZipEntry *zip_entry(const Zip *z, int64_t i) {
    return (const ZipEntry *)z->entries.data + i;
}
/* The bytes of entry i. */
bool zip_open_entry(const Zip *z, int64_t i, Source *s);
/* After all were read: their number and CRC are what the directory says. */
bool zip_finish_entry(const Zip *z, int64_t i, const Source *s);

typedef struct ZipWriter {
    Writer *writer;
    Buffer directory;
    int64_t count;
} ZipWriter;

void zip_begin(ZipWriter *z, Writer *w);
/* Begins the entry NAME + SUFFIX of n bytes, which the caller writes next, stored as they are. */
bool zip_add(ZipWriter *z, const char *name, int64_t length, const char *suffix, int64_t n, uint32_t crc);
/* Writes the directory. */
bool zip_end(ZipWriter *z);
void zip_free(ZipWriter *z);

#endif
