/* PNG: a signature, then chunks of length, type, data and CRC: the header, the pixels as one zlib stream, the
 * end. */
#include "io/png.h"
#include "io/source.h"
#include "io/writer.h"
#include <string.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

static char *put32(char *to, uint32_t v) {
    for (int i = 0; i < 4; i++) to[i] = (char)(v >> (24 - 8 * i));
    return to + 4;
}

static bool add_chunk(Buffer *b, const char type[4], const void *data, int64_t n) {
    char head[8], tail[4];
    memcpy(put32(head, (uint32_t)n), type, 4);
    put32(tail, crc32_update(crc32_update(0, type, 4), data, n));
    return buffer_add(b, head, sizeof head) && buffer_add(b, data, n) && buffer_add(b, tail, sizeof tail);
}

/* Appends the rows, each behind the byte that says how it is filtered: not at all, which suits drawings. */
static bool add_rows(Buffer *b, int64_t height, int64_t row, const char *pixels) {
    if (!buffer_reserve(b, height * (row + 1))) return false;
    for (int64_t y = 0; y < height; y++)
        if (!buffer_add(b, "", 1) || !buffer_add(b, pixels + y * row, row)) return false;
    return true;
}

#ifdef HAVE_ZLIB
static bool add_stream(Buffer *to, const Buffer *from) {
    uLong n = compressBound((uLong)from->size);
    if (!buffer_reserve(to, (int64_t)n)) return false;
    if (compress2((Bytef *)to->data + to->size, &n, (const Bytef *)from->data, (uLong)from->size,
                  Z_DEFAULT_COMPRESSION) != Z_OK)
        return ctx_fail(to->ctx, "out of memory");
    to->size += (int64_t)n;
    return true;
}
#else
static uint32_t adler32(const char *data, int64_t n) {
    uint32_t a = 1, b = 0;
    for (int64_t i = 0; i < n; i++) {
        a = (a + (unsigned char)data[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

/* Blocks that are stored as they are: RFC 1950 and 1951. */
static bool add_stream(Buffer *to, const Buffer *from) {
    enum { BLOCK = 65535 };
    char sum[4];
    if (!buffer_add(to, "\x78\x01", 2)) return false;
    for (int64_t at = 0; at < from->size; at += BLOCK) {
        int64_t n = from->size - at < BLOCK ? from->size - at : BLOCK;
        char head[5] = {(char)(at + n == from->size), (char)n, (char)(n >> 8), (char)~n, (char)(~n >> 8)};
        if (!buffer_add(to, head, sizeof head) || !buffer_add(to, from->data + at, n)) return false;
    }
    put32(sum, adler32(from->data, from->size));
    return buffer_add(to, sum, sizeof sum);
}
#endif

bool png_encode(Buffer *to, int64_t width, int64_t height, int channels, const void *pixels) {
    static const char colour_type[] = {0, 4, 2, 6};
    char header[13] = {0};
    Buffer rows, stream;
    put32(put32(header, (uint32_t)width), (uint32_t)height);
    header[8] = 8; /* bits */
    header[9] = colour_type[channels - 1];
    buffer_init(&rows, to->ctx);
    buffer_init(&stream, to->ctx);
    bool ok = add_rows(&rows, height, width * channels, pixels) && add_stream(&stream, &rows) &&
              buffer_add(to, "\x89PNG\r\n\x1a\n", 8) && add_chunk(to, "IHDR", header, 13) &&
              add_chunk(to, "IDAT", stream.data, stream.size) && add_chunk(to, "IEND", "", 0);
    buffer_free(&rows);
    buffer_free(&stream);
    return ok;
}

bool png_save(Ctx *c, const char *op, const char *path, int64_t width, int64_t height, int channels,
              const void *pixels) {
    Buffer image;
    Writer w;
    buffer_init(&image, c);
    bool ok = png_encode(&image, width, height, channels, pixels) && writer_open(c, &w, op, path);
    if (ok && !(ok = writer_write(&w, image.data, image.size) && writer_commit(&w))) writer_abort(&w);
    buffer_free(&image);
    return ok;
}
