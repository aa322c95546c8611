/* Growing memory of the formats: counted against the instance's limit like a tensor's. */
#ifndef APSIS_IO_BUFFER_H
#define APSIS_IO_BUFFER_H

#include "core/ctx.h"

typedef struct Buffer {
    Ctx *ctx;
    char *data;
    int64_t size, capacity;
} Buffer;

void buffer_init(Buffer *b, Ctx *c);
void buffer_free(Buffer *b);
/* Makes room for `more` bytes past `size`; false with the error set when there is none. */
bool buffer_reserve(Buffer *b, int64_t more);
bool buffer_add(Buffer *b, const void *data, int64_t n);
bool buffer_printf(Buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
