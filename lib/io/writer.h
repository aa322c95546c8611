/* Writing files so that a reader, a crash or a full disk never meets half of one: a temporary file in the
 * same folder, fsync, rename over the old file, fsync of the folder. Devices and pipes are written directly.
 */
#ifndef APSIS_IO_WRITER_H
#define APSIS_IO_WRITER_H

#include "core/ctx.h"

enum { TEMP_NAME = 40 };

typedef struct Writer {
    Ctx *ctx;
    const char *op, *path; /* borrowed, for messages */
    int fd, folder;        /* -1: not open */
    char *target;          /* the path with symbolic links followed; owned */
    const char *name;      /* its last part */
    char temp[TEMP_NAME];  /* the temporary file's name in the folder; "" when there is none */
    bool replaces;         /* there is an old file, with this mode, owner and group */
    unsigned mode, owner, group;
    int64_t written;
} Writer;

/* Begins a file; also removes temporary files in its folder whose writer died. On failure nothing is left. */
bool writer_open(Ctx *c, Writer *w, const char *op, const char *path);
/* Appends. After a failure only writer_abort is left. */
bool writer_write(Writer *w, const void *data, int64_t n);
/* Puts the file in its place, with the mode of the one that was there. On failure the old file stays as it
 * was, and nothing is left of the new one. */
bool writer_commit(Writer *w);
/* Gives up: removes the temporary file. Does nothing after a commit. */
void writer_abort(Writer *w);
/* Records "OP: PATH: text" and returns false. */
bool writer_fail(const Writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
