/* Reading files: open, exact reads, errors that name the function and the file. */
#ifndef APSIS_IO_FILE_H
#define APSIS_IO_FILE_H

#include "core/ctx.h"

typedef struct File {
    Ctx *ctx;
    const char *op; /* the function that the user called, for messages */
    char *path;     /* owned */
    int fd;         /* -1: closed */
    int64_t size;   /* when it was opened */
} File;

/* Opens a regular file; false with the error set when it cannot, and then `f` holds nothing. */
bool file_open(Ctx *c, File *f, const char *op, const char *path);
/* Closes it; does nothing for a file that is closed already or all zero. */
void file_close(File *f);
/* Exactly n bytes from `offset`; long reads run on several threads and stop when the instance should. */
bool file_read(const File *f, void *to, int64_t offset, int64_t n);
/* Records "OP: PATH: text" and returns false. */
bool file_fail(const File *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define FILE_REQUIRE(f, condition, ...)                                                                      \
    do {                                                                                                     \
        if (!(condition)) return file_fail((f), __VA_ARGS__);                                                \
    } while (0)

#endif
