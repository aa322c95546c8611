/* Growing memory: doubles, so that n additions cost O(n). */
#include "io/buffer.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SMALLEST = 1024, LONGEST_PRINTF = 256 };

void buffer_init(Buffer *b, Ctx *c) {
    *b = (Buffer){.ctx = c};
}

void buffer_free(Buffer *b) {
    if (b->data) ctx_scratch_free(b->ctx, b->data);
    *b = (Buffer){.ctx = b->ctx};
}

bool buffer_reserve(Buffer *b, int64_t more) {
    if (more <= b->capacity - b->size) return true;
    REQUIRE(b->ctx, more <= INT64_MAX / 4 - b->size, "out of memory: %lld more bytes", (long long)more);
    int64_t need = b->size + more, capacity = b->capacity ? b->capacity * 2 : SMALLEST;
    if (capacity < need) capacity = need;
    char *data = ctx_scratch(b->ctx, capacity);
    if (!data) return false;
    if (b->data) {
        memcpy(data, b->data, (size_t)b->size);
        ctx_scratch_free(b->ctx, b->data);
    }
    b->data = data;
    b->capacity = capacity;
    return true;
}

bool buffer_add(Buffer *b, const void *data, int64_t n) {
    if (!buffer_reserve(b, n)) return false;
    if (n) memcpy(b->data + b->size, data, (size_t)n);
    b->size += n;
    return true;
}

bool buffer_printf(Buffer *b, const char *format, ...) {
    char text[LONGEST_PRINTF];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    REQUIRE(b->ctx, n >= 0 && n < LONGEST_PRINTF, "buffer_printf: the text is too long");
    return buffer_add(b, text, n);
}
