/* Standard output, error and input of the cells. */
#include "capture.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { PIPE_BYTES = 1 << 20 }; /* what a cell may write ahead, where the system allows it */

bool stream_open(Stream *s, const char *name, int descriptor) {
    int ends[2];
    s->name = name;
    s->used = 0;
    if (pipe(ends) != 0) return false;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
#ifdef F_SETPIPE_SZ
    fcntl(ends[0], F_SETPIPE_SZ, PIPE_BYTES);
#endif
    s->fd = ends[0];
    bool ok = dup2(ends[1], descriptor) >= 0;
    close(ends[1]);
    return ok;
}

size_t stream_fill(Stream *s, int64_t now_ms) {
    ssize_t n;
    do n = read(s->fd, s->bytes + s->used, sizeof s->bytes - s->used);
    while (n < 0 && errno == EINTR);
    if (n <= 0) return 0;
    if (s->used == 0) s->since_ms = now_ms;
    s->used += (size_t)n;
    return (size_t)n;
}

size_t stream_whole(const Stream *s) {
    enum { LONGEST = 4 };
    for (size_t back = 1; back <= LONGEST && back <= s->used; back++) {
        unsigned char c = (unsigned char)s->bytes[s->used - back];
        if ((c & 0xc0) == 0x80) continue; /* within a sequence */
        size_t needs = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        return needs > back ? s->used - back : s->used;
    }
    return s->used;
}

void stream_drop(Stream *s, size_t n) {
    memmove(s->bytes, s->bytes + n, s->used - n);
    s->used -= n;
}

/* --- standard input ------------------------------------------------------------------------------------- */

#if defined(__GLIBC__)

typedef struct Input {
    ssize_t (*read)(void *payload, char *buffer, size_t size);
    void *payload;
} Input;

static ssize_t read_input(void *cookie, char *buffer, size_t size) {
    const Input *in = cookie;
    return in->read(in->payload, buffer, size);
}

static FILE *input_file(Input *in) {
    return fopencookie(in, "r", (cookie_io_functions_t){.read = read_input});
}

#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__NetBSD__)

typedef struct Input {
    ssize_t (*read)(void *payload, char *buffer, size_t size);
    void *payload;
} Input;

static int read_input(void *cookie, char *buffer, int size) {
    const Input *in = cookie;
    return (int)in->read(in->payload, buffer, (size_t)size);
}

static FILE *input_file(Input *in) {
    return funopen(in, read_input, NULL, NULL, NULL);
}

#else
#define NO_INPUT
#endif

void input_open(ssize_t (*read)(void *payload, char *buffer, size_t size), void *payload) {
    /* For commands that a cell starts: they must not wait for what never comes. */
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing >= 0) {
        dup2(nothing, STDIN_FILENO);
        if (nothing != STDIN_FILENO) close(nothing);
    }
#ifndef NO_INPUT
    static Input in;
    in = (Input){read, payload};
    FILE *file = input_file(&in);
    if (file) stdin = file;
#else
    (void)read;
    (void)payload;
#endif
}
