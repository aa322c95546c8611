/* Streams of bytes in files, and turning them into elements. */
#include "io/source.h"
#include "io/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

/* Deflate makes at most 258 bytes of 2 bits, and zlib holds back less than SLACK bytes of output. */
enum { MOST_RATIO = 1032, SLACK = 1 << 16, INPUT = 64 << 10, SUM_CHUNK = 1 << 20 };

/* --- CRC-32 --------------------------------------------------------------------------------------------- */

#ifdef HAVE_ZLIB
uint32_t crc32_update(uint32_t crc, const void *data, int64_t n) {
    return (uint32_t)crc32_z(crc, data, (size_t)n);
}
#else
uint32_t crc32_update(uint32_t crc, const void *data, int64_t n) {
    const uint8_t *p = data;
    uint32_t table[256];
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int k = 0; k < 8; k++) table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
    }
    crc = ~crc;
    for (int64_t i = 0; i < n; i++) crc = crc >> 8 ^ table[(crc ^ p[i]) & 255];
    return ~crc;
}
#endif

bool source_fail(const Source *s, const char *format, ...) {
    char text[CTX_ERROR_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!s->entry) return file_fail(s->file, "%s", text);
    return file_fail(s->file, "%s: %s", QUOTE(s->entry, s->entry_length), text);
}

#define SOURCE_REQUIRE(s, condition, ...)                                                                    \
    do {                                                                                                     \
        if (!(condition)) return source_fail((s), __VA_ARGS__);                                              \
    } while (0)

/* --- inflating ------------------------------------------------------------------------------------------ */

bool source_is_gzip(const File *f) {
    unsigned char magic[2] = {0};
    return f->size >= 2 && file_read(f, magic, 0, 2) && magic[0] == 0x1f && magic[1] == 0x8b;
}

#ifdef HAVE_ZLIB
typedef struct Inflater {
    z_stream z;
    bool ended; /* the stream's end was seen, its checksum right */
    unsigned char input[INPUT];
} Inflater;

static bool inflater_open(Source *s) {
    Inflater *i = calloc(1, sizeof *i);
    if (!i) return ctx_fail(s->file->ctx, "out of memory");
    if (inflateInit2(&i->z, s->kind == SOURCE_GZIP ? 16 + MAX_WBITS : -MAX_WBITS) != Z_OK) {
        free(i);
        return ctx_fail(s->file->ctx, "out of memory");
    }
    s->inflater = i;
    return true;
}

static void inflater_close(Source *s) {
    if (!s->inflater) return;
    inflateEnd(&s->inflater->z);
    free(s->inflater);
    s->inflater = NULL;
}

static bool refill(Source *s) {
    Inflater *i = s->inflater;
    int64_t n = s->end - s->at < INPUT ? s->end - s->at : INPUT;
    if (i->z.avail_in > 0 || n == 0) return true;
    if (!file_read(s->file, i->input, s->at, n)) return false;
    s->at += n;
    i->z.next_in = i->input;
    i->z.avail_in = (uInt)n;
    return true;
}

/* A gzip file may be several streams one after the other. */
static bool next_member(Source *s) {
    Inflater *i = s->inflater;
    if (!refill(s)) return false;
    if (s->kind != SOURCE_GZIP || i->z.avail_in == 0 || i->z.next_in[0] != 0x1f) return true;
    i->ended = false;
    inflateReset(&i->z);
    return true;
}

/* Inflates up to n bytes; *got is less only where the data ends. */
static bool inflate_some(Source *s, char *to, int64_t n, int64_t *got) {
    Inflater *i = s->inflater;
    for (*got = 0; *got < n && !i->ended;) {
        int64_t room = n - *got < SUM_CHUNK ? n - *got : SUM_CHUNK;
        if (ctx_stopping(s->file->ctx)) return ctx_interrupted(s->file->ctx);
        if (!refill(s)) return false;
        i->z.next_out = (Bytef *)to + *got;
        i->z.avail_out = (uInt)room;
        int status = inflate(&i->z, Z_NO_FLUSH);
        *got += room - (int64_t)i->z.avail_out;
        if (status == Z_STREAM_END) {
            i->ended = true;
            if (!next_member(s)) return false;
        } else if (status == Z_BUF_ERROR ||
                   (status == Z_OK && i->z.avail_in == 0 && s->at == s->end && *got < n)) {
            return true; /* cut off */
        } else if (status != Z_OK) {
            return source_fail(s, "the compressed data is damaged: %s", i->z.msg ? i->z.msg : "zlib error");
        }
    }
    return true;
}

static int64_t inflater_waiting(const Source *s) {
    return s->inflater->z.avail_in;
}

static bool inflater_finish(Source *s) {
    char more;
    int64_t got;
    if (!s->inflater->ended && !inflate_some(s, &more, 1, &got)) return false;
    if (!s->inflater->ended && got == 0) return source_fail(s, "the compressed data is cut off");
    SOURCE_REQUIRE(s, s->inflater->ended && s->inflater->z.avail_in == 0 && s->at == s->end,
                   "bytes are left over after the data");
    return true;
}
#else
static bool inflater_open(Source *s) {
    return source_fail(s, "it is compressed, and this Apsis was built without zlib: install zlib1g-dev "
                          "(`make deps`) and build again");
}
static void inflater_close(Source *s) {
    (void)s;
}
static bool inflate_some(Source *s, char *to, int64_t n, int64_t *got) {
    (void)to, (void)n;
    *got = 0;
    return inflater_open(s);
}
static int64_t inflater_waiting(const Source *s) {
    (void)s;
    return 0;
}
static bool inflater_finish(Source *s) {
    return inflater_open(s);
}
#endif

/* --- sources -------------------------------------------------------------------------------------------- */

bool source_open(Source *s, const File *f, SourceKind kind, int64_t offset, int64_t length) {
    *s = (Source){.file = f, .kind = kind, .at = offset, .end = offset + length};
    return kind == SOURCE_PLAIN || inflater_open(s);
}

void source_close(Source *s) {
    if (s->kind != SOURCE_PLAIN) inflater_close(s);
}

int64_t source_most(const Source *s) {
    int64_t rest = s->end - s->at;
    if (s->kind == SOURCE_PLAIN) return rest;
    rest += inflater_waiting(s);
    return rest > (INT64_MAX - SLACK) / MOST_RATIO ? INT64_MAX : rest * MOST_RATIO + SLACK;
}

/* In chunks where the CRC is wanted, so that it reads what is in the processor's cache still. */
static bool read_plain(Source *s, char *to, int64_t n) {
    while (n > 0) {
        int64_t step = s->sum && n > SUM_CHUNK ? SUM_CHUNK : n;
        if (!file_read(s->file, to, s->at, step)) return false;
        if (s->sum) s->crc = crc32_update(s->crc, to, step);
        s->at += step;
        s->given += step;
        to += step;
        n -= step;
    }
    return true;
}

bool source_read(Source *s, void *to, int64_t n, const char *what) {
    int64_t got = s->end - s->at;
    if (s->kind == SOURCE_PLAIN) {
        if (n <= got) return read_plain(s, to, n);
    } else {
        if (!inflate_some(s, to, n, &got)) return false;
        if (s->sum) s->crc = crc32_update(s->crc, to, got);
        s->given += got;
    }
    SOURCE_REQUIRE(s, got >= n, "cut off: %s takes %lld bytes, but only %lld are left", what, (long long)n,
                   (long long)got);
    return true;
}

bool source_finish(Source *s) {
    if (s->kind != SOURCE_PLAIN) return inflater_finish(s);
    SOURCE_REQUIRE(s, s->at == s->end, "%lld bytes are left over after the data",
                   (long long)(s->end - s->at));
    return true;
}

/* --- elements ------------------------------------------------------------------------------------------- */

void swap_bytes(void *data, int64_t n, size_t size) {
    uint16_t *p2 = data;
    uint32_t *p4 = data;
    uint64_t *p8 = data;
    switch (size) {
    case 2:
        for (int64_t i = 0; i < n; i++) p2[i] = __builtin_bswap16(p2[i]);
        break;
    case 4:
        for (int64_t i = 0; i < n; i++) p4[i] = __builtin_bswap32(p4[i]);
        break;
    case 8:
        for (int64_t i = 0; i < n; i++) p8[i] = __builtin_bswap64(p8[i]);
        break;
    }
}

/* u16 -> i32 or u32 -> i64, front to back: element i lies at or after where its wide form goes. */
static void widen(void *to, const void *from, int64_t n, size_t size) {
    for (int64_t i = 0; i < n; i++) {
        if (size == 2) {
            uint16_t v;
            memcpy(&v, (const char *)from + i * 2, 2);
            ((int32_t *)to)[i] = v;
        } else {
            uint32_t v;
            memcpy(&v, (const char *)from + i * 4, 4);
            ((int64_t *)to)[i] = v;
        }
    }
}

bool source_read_elements(Source *s, Tensor *t, FileType type, const char *what) {
    int64_t n = tensor_numel(t);
    size_t wide = dtype_size(type.dtype);
    char *data = tensor_data(t), *raw = data + n * (int64_t)(wide - type.size);
    if (!source_read(s, raw, n * type.size, what)) return false;
    if (type.swap) swap_bytes(raw, n, type.size);
    if (type.dtype == BOOL) /* kernels rely on 0 and 1 */
        for (int64_t i = 0; i < n; i++) data[i] = data[i] != 0;
    if (!type.is_unsigned) return true;
    if ((size_t)type.size < wide) {
        widen(data, raw, n, type.size);
        return true;
    }
    for (int64_t i = 0; i < n; i++)
        SOURCE_REQUIRE(s, ((const int64_t *)data)[i] >= 0,
                       "%s: element %lld is %llu, too large for i64 (there is no u64)", what,
                       (long long)i + 1, (unsigned long long)((const int64_t *)data)[i]);
    return true;
}
