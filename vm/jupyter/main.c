/* apsis-kernel: Apsis for Jupyter. A program of its own, so that the main program does not need libzmq. This
 * file reads the connection file, opens the sockets and starts the threads. */
#include "kernel.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] = "usage: apsis-kernel CONNECTION_FILE\n"
                            "Serves Jupyter front ends, which write the connection file and start this "
                            "program: `apsis kernel install`\n"
                            "tells them how. What some put behind the file's name is ignored.\n";

void kernel_log(const Kernel *k, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    dprintf(k->log, "apsis-kernel: %s\n", text);
}

static bool fail(const Kernel *k, const char *what, const char *why) {
    kernel_log(k, "%s: %s", what, why);
    return false;
}

/* The file's bytes, zero-terminated; NULL with errno. */
static char *read_file(const char *path, size_t *length) {
    enum { STEP = 4096 };
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t n = 0, got = file ? 1 : 0;
    while (got > 0) {
        char *longer = realloc(text, n + STEP + 1);
        if (!longer) break;
        text = longer;
        n += got = fread(text + n, 1, STEP, file);
        text[n] = 0;
    }
    if (file) fclose(file);
    *length = n;
    return text;
}

/* --- sockets -------------------------------------------------------------------------------------------- */

static bool set_option(void *socket, int option, int value) {
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

static void *bound_socket(const Kernel *k, int kind, const char *address) {
    static const int64_t most_bytes = WIRE_MOST_BYTES;
    void *s = zmq_socket(k->zmq, kind);
    if (!s) return NULL;
    bool ok = set_option(s, ZMQ_LINGER, LINGER_MS) && set_option(s, ZMQ_SNDHWM, 0) &&
              zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &most_bytes, sizeof most_bytes) == 0;
    /* A front end that comes back under its old name takes over from what it was. */
    if (kind == ZMQ_ROUTER) ok = ok && set_option(s, ZMQ_ROUTER_HANDOVER, 1);
    /* Every subscription is told, also a second one to the same topic: each is welcomed. */
    if (kind == ZMQ_XPUB) ok = ok && set_option(s, ZMQ_XPUB_VERBOSE, 1);
    if (ok && zmq_bind(s, address) == 0) return s;
    fail(k, address, zmq_strerror(errno));
    zmq_close(s);
    return NULL;
}

/* Addresses and key, as open in stdlib/jupyter/protocol.lua answers them. */
static bool open_sockets(Kernel *k, const ApsisValue results[SOCKETS + 1]) {
    static const int kinds[SOCKETS] = {ZMQ_ROUTER, ZMQ_ROUTER, ZMQ_ROUTER, ZMQ_XPUB, ZMQ_ROUTER};
    for (int i = 0; i < SOCKETS; i++)
        if (!(k->sockets[i] = bound_socket(k, kinds[i], results[i].as.string.data))) return false;
    k->asking = zmq_socket(k->zmq, ZMQ_PAIR);
    k->answering = zmq_socket(k->zmq, ZMQ_PAIR);
    static const char name[] = "inproc://work";
    if (!k->asking || !k->answering || zmq_bind(k->answering, name) != 0 || zmq_connect(k->asking, name) != 0)
        return fail(k, name, zmq_strerror(errno));
    const ApsisValue *key = &results[SOCKETS];
    if (!wire_init(&k->wire, (Text){key->as.string.data, key->as.string.length}))
        return fail(k, "the key", "not enough memory");
    return true;
}

static bool connect_as(Kernel *k, const char *path) {
    size_t length;
    char *text = read_file(path, &length);
    if (!text) return fail(k, path, strerror(errno));
    ApsisValue given = apsis_bytes(text, length), results[SOCKETS + 1];
    int status = apsis_call(k->protocol, "(protocol).open", &given, 1, results, SOCKETS + 1);
    bool ok = status == APSIS_OK ? open_sockets(k, results) : fail(k, path, apsis_error(k->protocol));
    apsis_release_values(k->protocol, results, SOCKETS + 1);
    free(text);
    return ok;
}

/* --- starting ------------------------------------------------------------------------------------------- */

static void nothing(int signal_number) {
    (void)signal_number;
}

/* The threads that are started from here on leave SIGINT to the main thread. */
static void set_signals(void) {
    struct sigaction action = {.sa_handler =
                                   nothing}; /* not SIG_IGN, which the commands of cells would inherit */
    sigset_t set;
    sigemptyset(&action.sa_mask);
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(INTERRUPT_SIGNAL, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static bool create_protocol(Kernel *k) {
    ApsisOptions options = APSIS_OPTIONS_INIT;
    options.flags = APSIS_NO_SYSTEM;
    options.check_every = 0;
    k->protocol = apsis_create(&options);
    if (!k->protocol) return fail(k, "the interpreter", "not enough memory");
    return serve_open(k) || fail(k, "the protocol", apsis_error(k->protocol));
}

static bool start(Kernel *k, const char *path) {
    k->main_thread = pthread_self();
    k->log = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (k->log < 0) k->log = STDERR_FILENO;
    set_signals();
    if (sodium_init() < 0) return fail(k, "libsodium", "cannot be initialized");
    if (!(k->zmq = zmq_ctx_new())) return fail(k, "ZeroMQ", zmq_strerror(errno));
    if (!create_protocol(k) || !connect_as(k, path)) return false;
    if (!stream_open(&k->streams[STDOUT], "stdout", STDOUT_FILENO) ||
        !stream_open(&k->streams[STDERR], "stderr", STDERR_FILENO))
        return fail(k, "pipe", strerror(errno));
    int status = pthread_create(&k->socket_thread, NULL, serve, k);
    if (status == 0) status = pthread_create(&k->heartbeat_thread, NULL, echo_heartbeats, k);
    return status == 0 || fail(k, "a thread", strerror(status));
}

int main(int argc, char **argv) {
    static Kernel kernel;
    Kernel *k = &kernel;
    if (argc < 2 || argv[1][0] == '-') {
        bool asked = argc > 1 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0);
        fputs(usage, asked ? stdout : stderr);
        return asked ? EXIT_SUCCESS : 2;
    }
    if (!start(k, argv[1])) return EXIT_FAILURE;
    int status = work(k);
    if (status != EXIT_SUCCESS) return status; /* the other threads are still at work */
    pthread_join(k->socket_thread, NULL);
    zmq_close(k->asking);
    zmq_ctx_shutdown(k->zmq); /* ends the heartbeats */
    pthread_join(k->heartbeat_thread, NULL);
    zmq_ctx_term(k->zmq);
    apsis_close(k->protocol);
    wire_free(&k->wire);
    return EXIT_SUCCESS;
}
