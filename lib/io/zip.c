/* Zip files. Every number is held against the bytes of the file before it is used. */
#include "io/zip.h"
#include "io/text.h"
#include <stdlib.h>
#include <string.h>

enum {
    LOCAL = 30,     /* bytes of a local header without its name */
    CENTRAL = 46,   /* of an entry of the directory */
    END = 22,       /* of the end record */
    END64 = 56,     /* of zip64's */
    LOCATOR64 = 20, /* of the record that tells where END64 is */
    COMMENT = 65535,
    EXTRA64 = 1, /* the extra field with 64-bit sizes */
    STORED = 0,
    DEFLATED = 8,
    ENCRYPTED = 1, /* bit of the flags */
    UTF8_NAME = 1 << 11,
    VERSION = 45,           /* 4.5: zip64 */
    DATE_1980 = 1 << 5 | 1, /* 1980-01-01: the same tensors give the same file */
};
static const uint32_t WIDE = 0xffffffff; /* the value is in a zip64 field */

static int64_t get(const void *p, int bytes) {
    uint64_t n = 0;
    for (int i = bytes - 1; i >= 0; i--) n = n << 8 | ((const uint8_t *)p)[i];
    return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

static bool is(const char *p, const char *signature) {
    return memcmp(p, signature, 4) == 0;
}

/* --- the end records ------------------------------------------------------------------------------------ */

/* Where the directory lies and how many entries it says it has. */
typedef struct Place {
    int64_t at, size, count, end; /* end: where the end records begin */
} Place;

/* zip64's end record, where the locator in front of the plain one says. */
static bool read_end64(const File *f, int64_t end, Place *p) {
    char locator[LOCATOR64], record[END64];
    if (end < LOCATOR64) return true;
    if (!file_read(f, locator, end - LOCATOR64, LOCATOR64)) return false;
    if (!is(locator, "PK\6\7")) return true;
    int64_t at = get(locator + 8, 8);
    FILE_REQUIRE(f, at <= end - LOCATOR64 - END64,
                 "damaged zip: its zip64 record would begin at byte %lld of %lld", (long long)at,
                 (long long)f->size);
    if (!file_read(f, record, at, END64)) return false;
    FILE_REQUIRE(f, is(record, "PK\6\6"), "damaged zip: no zip64 record at byte %lld", (long long)at);
    *p = (Place){
        .count = get(record + 32, 8), .size = get(record + 40, 8), .at = get(record + 48, 8), .end = at};
    return true;
}

/* The end record is the last thing in the file but for a comment, whose length it gives. */
static bool find_end(const File *f, Buffer *tail, Place *p) {
    int64_t n = f->size < END + COMMENT ? f->size : END + COMMENT, first = f->size - n;
    FILE_REQUIRE(f, n >= END, "no zip file: it has only %lld bytes", (long long)f->size);
    if (!buffer_reserve(tail, n) || !file_read(f, tail->data, first, n)) return false;
    int64_t i = n - END;
    while (i >= 0 && !(is(tail->data + i, "PK\5\6") && get(tail->data + i + 20, 2) == n - END - i)) i--;
    FILE_REQUIRE(f, i >= 0, "no zip file, or one that is cut off: it has no directory at its end");
    const char *r = tail->data + i;
    FILE_REQUIRE(f, get(r + 4, 2) == 0 || get(r + 4, 2) == 0xffff, "a zip of several parts, expected one");
    *p = (Place){.count = get(r + 10, 2), .size = get(r + 12, 4), .at = get(r + 16, 4), .end = first + i};
    return read_end64(f, first + i, p);
}

static bool find_directory(Ctx *c, const File *f, Place *p) {
    Buffer tail;
    buffer_init(&tail, c);
    bool ok = find_end(f, &tail, p);
    buffer_free(&tail);
    if (!ok) return false;
    FILE_REQUIRE(f, p->at <= p->end && p->size <= p->end - p->at,
                 "damaged zip: a directory of %lld bytes at byte %lld does not fit before byte %lld",
                 (long long)p->size, (long long)p->at, (long long)p->end);
    FILE_REQUIRE(f, p->count <= p->size / CENTRAL,
                 "damaged zip: %lld entries do not fit a directory of %lld bytes", (long long)p->count,
                 (long long)p->size);
    return true;
}

/* --- the directory -------------------------------------------------------------------------------------- */

/* Takes the next of the values that stood as WIDE from the zip64 field. */
static bool take_wide(const char **field, const char *end, int64_t *value) {
    if (*value != WIDE) return true;
    if (end - *field < 8) return false;
    *value = get(*field, 8);
    *field += 8;
    return true;
}

static bool read_extra(const char *p, const char *end, ZipEntry *e) {
    while (end - p >= 4) {
        int64_t id = get(p, 2), n = get(p + 2, 2);
        p += 4;
        if (n > end - p) return false;
        if (id == EXTRA64) {
            const char *field = p;
            return take_wide(&field, p + n, &e->unpacked) && take_wide(&field, p + n, &e->packed) &&
                   take_wide(&field, p + n, &e->header);
        }
        p += n;
    }
    return e->unpacked != WIDE && e->packed != WIDE && e->header != WIDE;
}

static bool check_entry(const Zip *z, const ZipEntry *e, int64_t flags, int64_t method) {
    const File *f = &z->file;
    const char *name = QUOTE(e->name, e->length);
    FILE_REQUIRE(f, !(flags & ENCRYPTED), "%s: it is encrypted", name);
    FILE_REQUIRE(f, method == STORED || method == DEFLATED,
                 "%s: packed by method %lld, expected 0 (stored) or 8 (deflate)", name, (long long)method);
    FILE_REQUIRE(f, e->header <= z->directory_at - LOCAL && e->packed <= z->directory_at - LOCAL - e->header,
                 "%s: damaged zip: %lld bytes at byte %lld do not fit before the directory", name,
                 (long long)e->packed, (long long)e->header);
    FILE_REQUIRE(f, e->deflated || e->packed == e->unpacked,
                 "%s: damaged zip: stored, but its sizes %lld and %lld differ", name, (long long)e->packed,
                 (long long)e->unpacked);
    return true;
}

static bool parse_directory(Zip *z, int64_t count) {
    const char *p = z->directory.data, *end = p + z->directory.size;
    for (int64_t i = 0; i < count; i++) {
        FILE_REQUIRE(&z->file, end - p >= CENTRAL && is(p, "PK\1\2"),
                     "damaged zip: entry %lld of %lld is no directory entry", (long long)i + 1,
                     (long long)count);
        int64_t name = get(p + 28, 2), extra = get(p + 30, 2), comment = get(p + 32, 2);
        FILE_REQUIRE(&z->file, name + extra + comment <= end - p - CENTRAL,
                     "damaged zip: entry %lld reaches past the directory", (long long)i + 1);
        ZipEntry e = {.name = p + CENTRAL,
                      .length = name,
                      .crc = (uint32_t)get(p + 16, 4),
                      .packed = get(p + 20, 4),
                      .unpacked = get(p + 24, 4),
                      .header = get(p + 42, 4),
                      .deflated = get(p + 10, 2) == DEFLATED};
        FILE_REQUIRE(&z->file, read_extra(p + CENTRAL + name, p + CENTRAL + name + extra, &e),
                     "%s: damaged zip: its extra fields are cut off", QUOTE(e.name, e.length));
        if (!check_entry(z, &e, get(p + 8, 2), get(p + 10, 2)) || !buffer_add(&z->entries, &e, sizeof e))
            return false;
        p += CENTRAL + name + extra + comment;
    }
    FILE_REQUIRE(&z->file, p == end, "damaged zip: %lld bytes of its directory are left over",
                 (long long)(end - p));
    return true;
}

static int by_header(const void *a, const void *b) {
    const ZipEntry *x = a, *y = b;
    return x->header < y->header ? -1 : x->header > y->header;
}

static int by_name(const void *a, const void *b) {
    const ZipEntry *x = a, *y = b;
    if (x->length != y->length) return x->length < y->length ? -1 : 1;
    return memcmp(x->name, y->name, (size_t)x->length);
}

static bool check_entries(Zip *z) {
    int64_t n = zip_count(z);
    if (n < 2) return true;
    qsort(z->entries.data, (size_t)n, sizeof(ZipEntry), by_name);
    for (int64_t i = 1; i < n; i++)
        FILE_REQUIRE(&z->file, by_name(zip_entry(z, i - 1), zip_entry(z, i)) != 0,
                     "it has two entries named %s", QUOTE(zip_entry(z, i)->name, zip_entry(z, i)->length));
    qsort(z->entries.data, (size_t)n, sizeof(ZipEntry), by_header);
    for (int64_t i = 1; i < n; i++) {
        const ZipEntry *before = zip_entry(z, i - 1), *e = before + 1;
        /* Entries that share bytes are how a small file unpacks to petabytes. */
        FILE_REQUIRE(&z->file, before->header + LOCAL + before->packed <= e->header,
                     "%s: damaged zip: it overlaps the entry before it", QUOTE(e->name, e->length));
    }
    return true;
}

static bool read_directory(Ctx *c, Zip *z) {
    Place p = {0};
    buffer_init(&z->directory, c);
    buffer_init(&z->entries, c);
    if (!find_directory(c, &z->file, &p)) return false;
    z->directory_at = p.at;
    if (!buffer_reserve(&z->directory, p.size) || !file_read(&z->file, z->directory.data, p.at, p.size))
        return false;
    z->directory.size = p.size;
    return parse_directory(z, p.count) && check_entries(z);
}

bool zip_open(Ctx *c, Zip *z, const char *op, const char *path) {
    memset(z, 0, sizeof *z);
    z->file.fd = -1;
    if (file_open(c, &z->file, op, path) && read_directory(c, z)) return true;
    zip_close(z);
    return false;
}

void zip_close(Zip *z) {
    buffer_free(&z->directory);
    buffer_free(&z->entries);
    file_close(&z->file);
}

/* The local header repeats the directory's entry, with a name and extra fields of its own length. */
bool zip_open_entry(const Zip *z, int64_t i, Source *s) {
    const ZipEntry *e = zip_entry(z, i);
    const File *f = &z->file;
    const char *name = QUOTE(e->name, e->length);
    char local[LOCAL];
    if (!file_read(f, local, e->header, LOCAL)) return false;
    FILE_REQUIRE(f, is(local, "PK\3\4"), "%s: damaged zip: no entry at byte %lld", name,
                 (long long)e->header);
    int64_t at = e->header + LOCAL + get(local + 26, 2) + get(local + 28, 2);
    int64_t end = i + 1 < zip_count(z) ? zip_entry(z, i + 1)->header : z->directory_at;
    FILE_REQUIRE(f, e->packed <= end - at, "%s: damaged zip: it reaches into the next entry", name);
    if (!source_open(s, f, e->deflated ? SOURCE_DEFLATE : SOURCE_PLAIN, at, e->packed)) return false;
    s->sum = true;
    s->entry = e->name;
    s->entry_length = e->length;
    if (e->unpacked <= source_most(s)) return true;
    source_fail(s, "damaged zip: %lld bytes cannot unpack to %lld", (long long)e->packed,
                (long long)e->unpacked);
    source_close(s);
    return false;
}

bool zip_finish_entry(const Zip *z, int64_t i, const Source *s) {
    const ZipEntry *e = zip_entry(z, i);
    if (s->given != e->unpacked)
        return source_fail(s, "damaged zip: it has %lld bytes, its directory says %lld", (long long)s->given,
                           (long long)e->unpacked);
    return s->crc == e->crc ||
           source_fail(s, "its CRC-32 is %08x, expected %08x: the data is damaged", s->crc, e->crc);
}

/* --- writing -------------------------------------------------------------------------------------------- */

static char *put(char *p, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) *p++ = (char)(i < 8 ? value >> 8 * i & 255 : 0);
    return p;
}

static uint64_t narrow(int64_t value) {
    return value < WIDE ? (uint64_t)value : WIDE;
}

void zip_begin(ZipWriter *z, Writer *w) {
    *z = (ZipWriter){.writer = w};
    buffer_init(&z->directory, w->ctx);
}

void zip_free(ZipWriter *z) {
    buffer_free(&z->directory);
}

/* What local header and directory have in common: version to the lengths of name and extra fields. */
static char *put_common(char *p, int64_t n, uint32_t crc, int64_t name, int64_t extra) {
    p = put(p, VERSION, 2);
    p = put(p, UTF8_NAME, 2);
    p = put(p, STORED, 2);
    p = put(p, 0, 2); /* time */
    p = put(p, DATE_1980, 2);
    p = put(p, crc, 4);
    p = put(p, narrow(n), 4);
    p = put(p, narrow(n), 4);
    p = put(p, (uint64_t)name, 2);
    return put(p, (uint64_t)extra, 2);
}

/* An entry of the directory up to its name. */
static bool add_central(ZipWriter *z, int64_t n, uint32_t crc, int64_t name, int64_t extra, int64_t at) {
    char head[CENTRAL];
    char *p = put(put(head, 0x02014b50, 4), VERSION, 2);
    p = put_common(p, n, crc, name, extra);
    p = put(p, 0, 2 + 2 + 2 + 4); /* comment, disk, attributes */
    put(p, narrow(at), 4);
    return buffer_add(&z->directory, head, CENTRAL);
}

static int make_extra(char out[28], int64_t n, bool size, int64_t at, bool place) {
    if (!size && !place) return 0;
    char *p = put(out, EXTRA64, 2);
    p = put(p, (size ? 16u : 0u) + (place ? 8u : 0u), 2);
    if (size) p = put(put(p, (uint64_t)n, 8), (uint64_t)n, 8);
    if (place) p = put(p, (uint64_t)at, 8);
    return (int)(p - out);
}

bool zip_add(ZipWriter *z, const char *name, int64_t length, const char *suffix, int64_t n, uint32_t crc) {
    Writer *w = z->writer;
    char local[LOCAL], extra[28];
    int64_t at = w->written, whole = length + (int64_t)strlen(suffix);
    if (whole > UINT16_MAX)
        return writer_fail(w, "the name %s is too long for a zip file", QUOTE(name, length));
    int extra_n = make_extra(extra, n, n >= WIDE, 0, false);
    put_common(put(local, 0x04034b50, 4), n, crc, whole, extra_n);
    if (!writer_write(w, local, LOCAL) || !writer_write(w, name, length) ||
        !writer_write(w, suffix, whole - length) || !writer_write(w, extra, extra_n))
        return false;
    extra_n = make_extra(extra, n, n >= WIDE, at, at >= WIDE);
    z->count++;
    return add_central(z, n, crc, whole, extra_n, at) && buffer_add(&z->directory, name, length) &&
           buffer_add(&z->directory, suffix, whole - length) && buffer_add(&z->directory, extra, extra_n);
}

bool zip_end(ZipWriter *z) {
    Writer *w = z->writer;
    char record[END64 + LOCATOR64 + END], *p = record;
    int64_t at = w->written, size = z->directory.size;
    if (at >= WIDE || size >= WIDE || z->count >= UINT16_MAX) {
        p = put(put(p, 0x06064b50, 4), END64 - 12, 8);
        p = put(put(p, VERSION, 2), VERSION, 2);
        p = put(p, 0, 8); /* disks */
        p = put(put(p, (uint64_t)z->count, 8), (uint64_t)z->count, 8);
        p = put(put(p, (uint64_t)size, 8), (uint64_t)at, 8);
        p = put(put(p, 0x07064b50, 4), 0, 4);
        p = put(put(p, (uint64_t)(at + size), 8), 1, 4);
    }
    uint64_t count = z->count < UINT16_MAX ? (uint64_t)z->count : UINT16_MAX;
    p = put(put(p, 0x06054b50, 4), 0, 4);
    p = put(put(p, count, 2), count, 2);
    p = put(put(p, narrow(size), 4), narrow(at), 4);
    p = put(p, 0, 2); /* comment */
    return writer_write(w, z->directory.data, size) && writer_write(w, record, p - record);
}
