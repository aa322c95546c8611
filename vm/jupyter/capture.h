/* Standard output and error as pipes, so that whatever writes there is caught: print, io.write, io.stderr,
 * commands that a cell starts. Standard input as a function that asks for a line. */
#ifndef APSIS_JUPYTER_CAPTURE_H
#define APSIS_JUPYTER_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { STREAM_BYTES = 1 << 16 }; /* that are gathered at most before they are passed on */

typedef struct Stream {
    const char *name; /* "stdout", "stderr" */
    int fd;           /* the pipe's end that is read, without waiting */
    size_t used;
    int64_t since_ms; /* when the first byte of `bytes` came */
    char bytes[STREAM_BYTES];
} Stream;

/* Puts a pipe in the place of a descriptor (1 or 2). */
bool stream_open(Stream *s, const char *name, int descriptor);
/* Reads what there is, as far as there is room; how many bytes came. */
size_t stream_fill(Stream *s, int64_t now_ms);
/* How many of the gathered bytes end with a whole UTF-8 sequence; all of them where none would ever be. */
size_t stream_whole(const Stream *s);
/* Forgets the first n bytes, which were passed on. */
void stream_drop(Stream *s, size_t n);

/* Makes standard input a file whose lines come from `read`: fills the buffer and returns how many bytes, 0 at
 * the end, -1 with errno. Call it before the interpreter is created. Where the C library has no such files,
 * standard input is empty. */
void input_open(ssize_t (*read)(void *payload, char *buffer, size_t size), void *payload);

#endif
