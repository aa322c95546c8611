/* Runs a program on a pseudo-terminal and talks to it:
 *
 *   pty SECONDS PROGRAM [ARGUMENT...] <steps
 *
 * Steps are lines: `expect TEXT` waits until TEXT comes after what was expected before, `send TEXT` types it,
 * `within MS TEXT` expects it within so many milliseconds of the last thing typed (on a busy machine: of the
 * program's own time). In all \n \t \e \\ and
 * \xHH stand for bytes. At the end the program may run on until it ends by itself. Prints what the program
 * wrote (of megabytes the last) and, on a last line, `status N`. Exit status 1 where something did not come
 * in time, with a line that says what. */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { OUTPUT_BYTES = 1 << 20, KEPT_BYTES = 1 << 16, LINE_BYTES = 4096, BUSY = 20 };

static char output[OUTPUT_BYTES];
static size_t length, seen; /* received; matched by an expect, or searched in vain */
static int terminal;
static pid_t child;
static double deadline, typed, spent; /* when something was typed, and what the program had spent */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The processor time of the program's threads. */
static double program_time(void) {
    clockid_t clock;
    struct timespec t = {0};
    if (clock_getcpuclockid(child, &clock) == 0) clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void finish(const char *failure, const char *detail) {
    int status = 0;
    if (failure) kill(child, SIGKILL);
    waitpid(child, &status, 0);
    fwrite(output, 1, length, stdout);
    if (failure) printf("\n%s '%s'\n", failure, detail);
    printf("\nstatus %d\n", WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    exit(failure != NULL);
}

/* Makes room: of what was searched already only the end is kept. */
static void forget(void) {
    if (length < sizeof output - LINE_BYTES) return;
    size_t gone = length - KEPT_BYTES;
    memmove(output, output + gone, KEPT_BYTES);
    length = KEPT_BYTES;
    seen = seen > gone ? seen - gone : 0;
}

/* Reads what there is, waiting for it at most until the deadline; 0 at the program's end. */
static int receive(const char *waiting_for) {
    struct pollfd p = {.fd = terminal, .events = POLLIN};
    double left = deadline - now();
    if (left <= 0 || poll(&p, 1, (int)(1000 * left) + 1) <= 0) finish("timeout: waited for", waiting_for);
    forget();
    ssize_t n = read(terminal, output + length, sizeof output - length);
    if (n <= 0) return 0; /* EIO on Linux: nobody has the other end open */
    size_t end = length + (size_t)n;
    for (size_t i = length; i < end; i++)
        if (output[i] != '\r') output[length++] = output[i];
    return 1;
}

static const char *find(const char *text, size_t n) {
    for (; seen + n <= length; seen++)
        if (memcmp(output + seen, text, n) == 0) return output + seen;
    return NULL;
}

static void expect(const char *text, size_t n) {
    const char *at;
    while (!(at = find(text, n)))
        if (!receive(text)) finish("the program ended before", text);
    seen = (size_t)(at - output) + n;
}

/* Replaces escapes in place; returns the length. */
static size_t unescape(char *text) {
    char *to = text, hex[3] = {0};
    for (const char *p = text; *p; p++) {
        if (*p != '\\' || !p[1]) {
            *to++ = *p;
        } else if (*++p == 'x' && p[1] && p[2]) {
            hex[0] = *++p, hex[1] = *++p;
            *to++ = (char)strtol(hex, NULL, 16);
        } else {
            *to++ = (char)(*p == 'n' ? '\n' : *p == 't' ? '\t' : *p == 'e' ? 27 : *p);
        }
    }
    *to = '\0';
    return (size_t)(to - text);
}

static void expect_within(const char *text, size_t n) {
    char *rest;
    double limit = strtod(text, &rest) / 1000;
    n -= (size_t)(++rest - text);
    expect(rest, n);
    double took = now() - typed, own = program_time() - spent;
    char late[64];
    snprintf(late, sizeof late, "after %.0f ms (%.0f of the program) came", 1000 * took, 1000 * own);
    bool busy = own <= limit * (double)sysconf(_SC_NPROCESSORS_ONLN) && took <= BUSY * limit;
    if (took > limit && !busy) finish(late, rest);
}

static void type(const char *text, size_t n) {
    typed = now();
    spent = program_time();
    if (write(terminal, text, n) != (ssize_t)n) finish("cannot type", text);
}

static void start(char **argv) {
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0 || grantpt(terminal) || unlockpt(terminal)) {
        perror("pty");
        exit(2);
    }
    ioctl(terminal, TIOCSWINSZ, &size);
    child = fork();
    if (child) return;
    setsid();
    int end = open(ptsname(terminal), O_RDWR); /* becomes the controlling terminal */
    for (int fd = 0; fd < 3; fd++) dup2(end, fd);
    close(terminal);
    signal(SIGINT, SIG_DFL);
    execvp(*argv, argv);
    perror(*argv);
    _exit(127);
}

int main(int argc, char **argv) {
    char line[LINE_BYTES];
    if (argc < 3) return 2;
    deadline = now() + atof(argv[1]);
    start(argv + 2);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        char *text = strchr(line, ' ');
        if (!text) continue;
        size_t n = unescape(++text);
        if (line[0] == 'e') expect(text, n);
        if (line[0] == 'w') expect_within(text, n);
        if (line[0] == 's') type(text, n);
    }
    while (receive("the end")) {
    }
    finish(NULL, NULL);
}
