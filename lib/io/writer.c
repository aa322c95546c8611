/* Atomic writes. A writer holds a lock on its temporary file, so that another process can tell a temporary
 * file that is being written from one whose writer was killed. */
#include "io/writer.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 16 << 20 /* between two looks at ctx_stopping */, TRIES = 100, HEX = 16 };
#define TEMP_PREFIX ".apsis-"
#define TEMP_SUFFIX ".tmp"

bool writer_fail(const Writer *w, const char *format, ...) {
    char text[CTX_ERROR_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ctx_fail(w->ctx, "%s: %.400s: %s", w->op, w->path, text);
}

/* --- temporary files ------------------------------------------------------------------------------------ */

static bool is_temp_name(const char *name) {
    size_t prefix = strlen(TEMP_PREFIX);
    if (strncmp(name, TEMP_PREFIX, prefix) != 0) return false;
    return strspn(name + prefix, "0123456789abcdef") == HEX && strcmp(name + prefix + HEX, TEMP_SUFFIX) == 0;
}

/* Removes a temporary file of ours if nobody holds its lock. */
static void sweep_file(int folder, const char *name) {
    struct stat s;
    int fd = openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    if (fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && s.st_uid == geteuid() &&
        flock(fd, LOCK_EX | LOCK_NB) == 0)
        unlinkat(folder, name, 0);
    close(fd);
}

static void sweep(int folder) {
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d) {
        if (fd >= 0) close(fd);
        return;
    }
    for (const struct dirent *e; (e = readdir(d));)
        if (is_temp_name(e->d_name)) sweep_file(folder, e->d_name);
    closedir(d);
}

static void random_name(char name[TEMP_NAME]) {
    uint64_t r;
    if (getentropy(&r, sizeof r) != 0) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        r = (uint64_t)t.tv_nsec << 32 ^ (uint64_t)t.tv_sec << 16 ^ (uint64_t)getpid();
    }
    snprintf(name, TEMP_NAME, TEMP_PREFIX "%016llx" TEMP_SUFFIX, (unsigned long long)r);
}

/* Creates and locks one. A sweeper may take it between the two: then it has no links any more. */
static bool create_temp(Writer *w, mode_t mode) {
    for (int i = 0; i < TRIES; i++) {
        struct stat s;
        random_name(w->temp);
        w->fd = openat(w->folder, w->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        if (w->fd < 0 && errno == EEXIST) continue;
        if (w->fd < 0) {
            w->temp[0] = '\0';
            return writer_fail(w, "cannot create a file in its folder: %s", strerror(errno));
        }
        /* Where the file system has no locks, nobody can sweep either. */
        if (flock(w->fd, LOCK_EX) != 0 || (fstat(w->fd, &s) == 0 && s.st_nlink > 0)) return true;
        close(w->fd);
        w->fd = -1;
    }
    w->temp[0] = '\0';
    return writer_fail(w, "cannot create a temporary file in its folder");
}

/* --- opening -------------------------------------------------------------------------------------------- */

/* Splits the path and opens its folder. */
static bool open_folder(Writer *w) {
    w->target = realpath(w->path, NULL);
    if (!w->target) {
        struct stat s;
        if (errno != ENOENT || lstat(w->path, &s) == 0) return writer_fail(w, "%s", strerror(errno));
        w->target = strdup(w->path);
        if (!w->target) return writer_fail(w, "out of memory");
    }
    char *slash = strrchr(w->target, '/');
    w->name = slash ? slash + 1 : w->target;
    if (*w->name == '\0') return writer_fail(w, "it is the name of a folder, expected a file");
    if (slash) *slash = '\0';
    w->folder =
        open(slash ? (slash == w->target ? "/" : w->target) : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->folder < 0) return writer_fail(w, "cannot open its folder: %s", strerror(errno));
    return true;
}

static bool open_target(Writer *w) {
    struct stat old = {0};
    if (!open_folder(w)) return false;
    bool exists = fstatat(w->folder, w->name, &old, 0) == 0;
    if (exists && S_ISDIR(old.st_mode)) return writer_fail(w, "it is a folder, expected a file");
    if (exists && !S_ISREG(old.st_mode)) {
        w->fd = openat(w->folder, w->name, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return w->fd >= 0 || writer_fail(w, "%s", strerror(errno));
    }
    /* A file that its owner made read-only is not to be replaced, though the folder would allow it. */
    if (exists && faccessat(w->folder, w->name, W_OK, AT_EACCESS) != 0)
        return writer_fail(w, "%s", strerror(errno));
    sweep(w->folder);
    w->replaces = exists;
    w->mode = old.st_mode & 0777;
    w->owner = old.st_uid;
    w->group = old.st_gid;
    /* Nobody may read what replaces a private file while it is written. */
    return create_temp(w, exists ? 0600 : 0666);
}

bool writer_open(Ctx *c, Writer *w, const char *op, const char *path) {
    *w = (Writer){.ctx = c, .op = op, .path = path, .fd = -1, .folder = -1};
    if (open_target(w)) return true;
    writer_abort(w);
    return false;
}

/* --- writing -------------------------------------------------------------------------------------------- */

/* write() past RLIMIT_FSIZE or into a closed pipe sends a signal that would end the process: here it is an
 * error like a full disk. The signal goes to the thread that writes, so it is enough to hold it back here. */
static ssize_t write_quietly(int fd, const void *data, size_t n) {
    sigset_t ours, before, pending;
    sigemptyset(&ours);
    sigaddset(&ours, SIGXFSZ);
    sigaddset(&ours, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &ours, &before);
    ssize_t written = write(fd, data, n);
    int error = errno;
    if (written < 0 && (error == EFBIG || error == EPIPE)) {
        int signal = error == EFBIG ? SIGXFSZ : SIGPIPE, taken;
        if (sigpending(&pending) == 0 && sigismember(&pending, signal) && !sigismember(&before, signal)) {
            sigemptyset(&ours);
            sigaddset(&ours, signal);
            sigwait(&ours, &taken);
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return written;
}

bool writer_write(Writer *w, const void *data, int64_t n) {
    const char *p = data;
    while (n > 0) {
        if (ctx_stopping(w->ctx)) return ctx_interrupted(w->ctx);
        ssize_t written = write_quietly(w->fd, p, (size_t)(n < CHUNK ? n : CHUNK));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return writer_fail(w, "cannot write: %s", strerror(errno));
        p += written;
        n -= written;
        w->written += written;
    }
    return true;
}

/* --- the end -------------------------------------------------------------------------------------------- */

/* Mode and owner of the file that is replaced; giving files away is for root, so that may fail. */
static bool keep_mode(const Writer *w) {
    bool foreign = w->owner != geteuid() || w->group != getegid();
    if (foreign && fchown(w->fd, w->owner, w->group) != 0) errno = 0;
    return fchmod(w->fd, w->mode) == 0 || writer_fail(w, "cannot set its mode: %s", strerror(errno));
}

static bool commit(Writer *w) {
    if (w->temp[0] == '\0') {
        int fd = w->fd;
        w->fd = -1;
        return close(fd) == 0 || writer_fail(w, "cannot write: %s", strerror(errno));
    }
    if (w->replaces && !keep_mode(w)) return false;
    if (fsync(w->fd) != 0) return writer_fail(w, "cannot write: %s", strerror(errno));
    if (renameat(w->folder, w->temp, w->folder, w->name) != 0)
        return writer_fail(w, "cannot put the new file in its place: %s", strerror(errno));
    w->temp[0] = '\0';
    /* Some file systems cannot sync a folder and say EINVAL. */
    if (fsync(w->folder) != 0 && errno != EINVAL)
        return writer_fail(w, "the file is written, but its folder could not be synced: %s", strerror(errno));
    return true;
}

bool writer_commit(Writer *w) {
    bool ok = commit(w);
    writer_abort(w); /* after a commit there is no temporary file: this closes */
    return ok;
}

void writer_abort(Writer *w) {
    if (w->temp[0]) unlinkat(w->folder, w->temp, 0);
    if (w->fd >= 0) close(w->fd);
    if (w->folder >= 0) close(w->folder);
    free(w->target);
    *w = (Writer){.ctx = w->ctx, .op = w->op, .path = w->path, .fd = -1, .folder = -1};
}
