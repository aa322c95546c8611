/* The main thread: the user's interpreter, which runs what the socket thread hands over. */
#include "kernel.h"
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The module of stdlib/jupyter/kernel.lua under a name that no global shadows. */
#define FRONT "(kernel)."

static Kernel *kernel;
static Apsis *user;

/* --- asking the socket thread --------------------------------------------------------------------------- */

enum { ANSWER_PARTS = 3 };

typedef struct Answer {
    zmq_msg_t parts[ANSWER_PARTS];
    int count;
} Answer;

static Text part_of(Answer *a, int i) {
    if (i >= a->count) return (Text){"", 0};
    return (Text){zmq_msg_data(&a->parts[i]), zmq_msg_size(&a->parts[i])};
}

static void answer_free(Answer *a) {
    for (int i = 0; i < a->count; i++) zmq_msg_close(&a->parts[i]);
    a->count = 0;
}

static bool is(Text t, const char *word) {
    return t.length == strlen(word) && memcmp(t.data, word, t.length) == 0;
}

/* Sends a question of n parts and waits for the answer. Interrupts do not end the wait: the socket thread
 * knows of them. False where the other side is gone. */
static bool ask(const Text *question, int n, Answer *answer) {
    answer->count = 0;
    for (int i = 0; i < n; i++) {
        int sent, flags = i < n - 1 ? ZMQ_SNDMORE : 0;
        do sent = zmq_send(kernel->asking, question[i].data, question[i].length, flags);
        while (sent < 0 && errno == EINTR);
        if (sent < 0) return false;
    }
    for (bool more = true; more && answer->count < ANSWER_PARTS;) {
        zmq_msg_t *part = &answer->parts[answer->count];
        zmq_msg_init(part);
        int got;
        do got = zmq_msg_recv(part, kernel->asking, 0);
        while (got < 0 && errno == EINTR);
        if (got < 0) return false;
        answer->count++;
        more = zmq_msg_more(part);
    }
    return true;
}

/* A line for io.read. */
static ssize_t read_line(void *payload, char *buffer, size_t size) {
    static char *line;
    static size_t length, at;
    (void)payload;
    if (at == length) {
        Answer answer;
        fflush(stdout);
        if (!ask(&(Text){"input", 5}, 1, &answer)) return errno = EIO, -1;
        Text how = part_of(&answer, 0), text = part_of(&answer, 1);
        free(line);
        length = at = 0;
        line = is(how, "line") ? malloc(text.length + 1) : NULL;
        if (line) {
            memcpy(line, text.data, text.length);
            line[text.length] = '\n';
            length = text.length + 1;
        }
        bool refused = is(how, "refused");
        answer_free(&answer);
        if (!line) return errno = refused ? ENOTSUP : EINTR, -1;
    }
    size_t n = length - at < size ? length - at : size;
    memcpy(buffer, line + at, n);
    at += n;
    return (ssize_t)n;
}

/* --- functions for Lua ---------------------------------------------------------------------------------- */

static Text text_of(const ApsisValue *args, int nargs, int i) {
    if (i >= nargs || args[i].type != APSIS_STRING) return (Text){"", 0};
    return (Text){args[i].as.string.data, args[i].as.string.length};
}

/* publish(type, content): a message to all front ends, after the output written so far; returns once it is
 * sent, so that what is written next comes after it. */
static int l_publish(Apsis *a, const ApsisValue *args, int nargs, ApsisValue *result, void *payload) {
    (void)result, (void)payload;
    Text question[] = {{"publish", 7}, text_of(args, nargs, 0), text_of(args, nargs, 1)};
    Answer answer;
    fflush(stdout);
    bool ok = ask(question, 3, &answer);
    answer_free(&answer);
    return ok ? APSIS_OK : apsis_fail(a, "publish: the kernel is ending");
}

/* base64(bytes) -> text */
static int l_base64(Apsis *a, const ApsisValue *args, int nargs, ApsisValue *result, void *payload) {
    static char *text; /* results are copied after the function returns */
    (void)payload;
    Text bytes = text_of(args, nargs, 0);
    size_t size = sodium_base64_encoded_len(bytes.length, sodium_base64_VARIANT_ORIGINAL);
    free(text);
    text = malloc(size);
    if (!text) return apsis_fail(a, "base64: not enough memory");
    sodium_bin2base64(text, size, (const unsigned char *)bytes.data, bytes.length,
                      sodium_base64_VARIANT_ORIGINAL);
    *result = apsis_bytes(text, size - 1);
    return APSIS_OK;
}

/* Appends an entry's name, with a slash behind folders. */
static bool add_name(char **list, size_t *n, int folder_fd, const char *name) {
    struct stat info;
    bool folder = fstatat(folder_fd, name, &info, 0) == 0 && S_ISDIR(info.st_mode);
    size_t length = strlen(name);
    char *longer = realloc(*list, *n + length + 2);
    if (!longer) return false;
    *list = longer;
    memcpy(longer + *n, name, length);
    *n += length;
    if (folder) longer[(*n)++] = '/';
    longer[(*n)++] = '\n';
    return true;
}

/* entries(folder) -> the names of what is in it, one a line, folders with a slash behind; "" where it cannot
 * be read */
static int l_entries(Apsis *a, const ApsisValue *args, int nargs, ApsisValue *result, void *payload) {
    static char *list;
    (void)a, (void)payload;
    size_t n = 0;
    DIR *folder = opendir(text_of(args, nargs, 0).data);
    free(list);
    list = NULL;
    for (struct dirent *e; folder && (e = readdir(folder));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || strchr(e->d_name, '\n')) continue;
        if (!add_name(&list, &n, dirfd(folder), e->d_name)) break;
    }
    if (folder) closedir(folder);
    *result = apsis_bytes(list ? list : "", n);
    return APSIS_OK;
}

/* What print and io.write produce; a line at least is with the socket thread at once. */
static int write_out(const char *text, size_t length, void *payload) {
    (void)payload;
    if (fwrite(text, 1, length, stdout) == length && fflush(stdout) == 0) return 0;
    clearerr(stdout); /* an interrupt while the pipe was full: the next cell may write again */
    return -1;
}

/* --- interrupts ----------------------------------------------------------------------------------------- */

static void on_interrupt(int signal_number) {
    int before = errno;
    (void)signal_number;
    if (atomic_exchange(&kernel->interrupt, false)) apsis_interrupt(user);
    errno = before;
}

/* Ctrl-C in a terminal; our own to the commands of a cell reaches us too. */
static void on_sigint(int signal_number, siginfo_t *info, void *context) {
    int before = errno;
    (void)signal_number, (void)context;
    if (info->si_pid != getpid()) {
        atomic_store(&kernel->interrupt, true);
        pthread_kill(kernel->main_thread, INTERRUPT_SIGNAL);
    }
    errno = before;
}

/* The other threads were started with SIGINT blocked. */
static void allow_signals(int how) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, INTERRUPT_SIGNAL);
    pthread_sigmask(how, &set, NULL);
}

/* No SA_RESTART: a read that waits ends. */
static void take_signals(void) {
    struct sigaction interrupt = {.sa_handler = on_interrupt};
    struct sigaction sigint = {.sa_sigaction = on_sigint, .sa_flags = SA_SIGINFO};
    sigemptyset(&interrupt.sa_mask);
    sigemptyset(&sigint.sa_mask);
    sigaction(INTERRUPT_SIGNAL, &interrupt, NULL);
    sigaction(SIGINT, &sigint, NULL);
    allow_signals(SIG_UNBLOCK);
}

/* --- work ----------------------------------------------------------------------------------------------- */

static Apsis *create(void) {
    ApsisOptions options = APSIS_OPTIONS_INIT;
    options.script = "apsis-kernel";
    options.print = write_out;
    options.check_every = 0; /* interrupts arrive as a signal on this thread */
    Apsis *a = apsis_create(&options);
    if (!a) return NULL;
    if (apsis_function(a, "(host).publish", l_publish, NULL) == APSIS_OK &&
        apsis_function(a, "(host).base64", l_base64, NULL) == APSIS_OK &&
        apsis_function(a, "(host).entries", l_entries, NULL) == APSIS_OK &&
        apsis_run_string(a, "package.loaded['(kernel)'] = require 'apsis.jupyter.kernel'", "=(kernel)") ==
            APSIS_OK)
        return a;
    kernel_log(kernel, "%s", apsis_traceback(a));
    apsis_close(a);
    return NULL;
}

/* What handle and failed answer: the reply's content, and whether the requests that wait are to be aborted.
 */
enum { REPLY, ABORT, RESULTS };

/* Runs one request; the results are the caller's to release. */
static void handle(Text type, Text content, ApsisValue results[RESULTS]) {
    ApsisValue args[] = {apsis_bytes(type.data, type.length), apsis_bytes(content.data, content.length)};
    int status = apsis_call(user, FRONT "handle", args, 2, results, RESULTS);
    if (status != APSIS_OK) { /* an interrupt outside of the cell's own code, no memory, a fault of ours */
        const char *message = apsis_error(user);
        ApsisValue more[] = {args[0], args[1], apsis_bytes(message, strlen(message))};
        if (status != APSIS_ERROR_INTERRUPTED) kernel_log(kernel, "%s", apsis_traceback(user));
        apsis_call(user, FRONT "failed", more, 3, results, RESULTS);
    }
    fflush(stdout);
}

/* Where not even the text of the error can be made. */
static const char no_reply[] =
    "{\"status\": \"error\", \"ename\": \"Error\", \"evalue\": \"the kernel failed\", \"traceback\": []}";

int work(Kernel *k) {
    kernel = k;
    input_open(read_line, NULL);
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* io.stdout:write: a line is seen when it ends */
    user = create();
    if (!user) kernel_log(k, "cannot create the interpreter");
    take_signals();
    ApsisValue results[RESULTS] = {apsis_nil(), apsis_nil()};
    Answer answer;
    Text question[] = {{"ready", 5}, {"", 0}, {"", 0}};
    while (user && ask(question, 3, &answer)) {
        apsis_release_values(user, results, RESULTS);
        if (is(part_of(&answer, 0), "end")) break;
        handle(part_of(&answer, 0), part_of(&answer, 1), results);
        bool replied = results[REPLY].type == APSIS_STRING;
        question[0] = (Text){"done", 4};
        question[1] = replied ? text_of(results, RESULTS, REPLY) : (Text){no_reply, sizeof no_reply - 1};
        bool abort = results[ABORT].type == APSIS_BOOLEAN && results[ABORT].as.boolean;
        question[2] = (Text){"abort", abort ? 5 : 0};
        answer_free(&answer);
    }
    answer_free(&answer);
    bool created = user != NULL;
    apsis_release_values(user, results, RESULTS);
    allow_signals(SIG_BLOCK); /* there is nothing left to interrupt */
    apsis_close(user);
    return created ? EXIT_SUCCESS : EXIT_FAILURE;
}
