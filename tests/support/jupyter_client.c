/* Starts a Jupyter kernel and talks to it as a front end does:
 *
 *   jupyter_client SECONDS KEY PREFIX PROGRAM [ARGUMENT...] <steps
 *
 * The kernel's addresses are ipc://PREFIX-1 ... -5 (shell, control, stdin, iopub, heartbeat). Steps are lines
 * of words with tabs between them:
 *
 *   send CHANNEL TYPE CONTENT     a signed request; the n-th has the id "n"
 *   wait N                        until the reply to request N and its status "idle" are there
 *   expect CHANNEL TYPE TEXT      until a message comes, after what was expected before, whose content has
 * TEXT raw CHANNEL HEX...            frames as they are forge CHANNEL TYPE CONTENT    a request with a wrong
 * signature; resend sends the last request again resend CHANNEL beat TEXT                     a heartbeat,
 * and its echo sleep MS end                           until the kernel has ended by itself
 *
 * Prints every message as a line: milliseconds, channel, type, the id of the request that it belongs to,
 * content; and on a last line `status N`. Exit status 1 where something did not come in time. */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { SHELL, CONTROL, INPUT, IOPUB, HEARTBEAT, CHANNELS };
enum { MOST_REQUESTS = 4096, FRAMES = 16, NAME_BYTES = 64, SIGNATURE_BYTES = crypto_auth_hmacsha256_BYTES };

static const char *const names[CHANNELS] = {"shell", "control", "stdin", "iopub", "hb"};
static void *sockets[CHANNELS];
static const char *key;
static pid_t child;
static double started, deadline;
static int requests;
static char replied[MOST_REQUESTS], idle[MOST_REQUESTS];
static char last_header[256], *last_content; /* of the newest request, for resend */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void finish(const char *failure, const char *detail) {
    int status = 0;
    if (failure) {
        printf("timeout: %s %s\n", failure, detail);
        kill(child, SIGKILL);
    }
    waitpid(child, &status, 0);
    printf("status %d\n", WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    exit(failure != NULL);
}

static int channel_of(const char *name) {
    for (int i = 0; name && i < CHANNELS; i++)
        if (strcmp(name, names[i]) == 0) return i;
    finish("no channel", name ? name : "");
    return 0;
}

/* --- sending
 * -------------------------------------------------------------------------------------------------- */

static void sign(const char *const parts[4], char hex[2 * SIGNATURE_BYTES + 1]) {
    unsigned char signature[SIGNATURE_BYTES];
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)key, strlen(key));
    for (int i = 0; i < 4; i++)
        crypto_auth_hmacsha256_update(&state, (const unsigned char *)parts[i], strlen(parts[i]));
    crypto_auth_hmacsha256_final(&state, signature);
    sodium_bin2hex(hex, 2 * SIGNATURE_BYTES + 1, signature, sizeof signature);
}

static void send_parts(int channel, const char *header, const char *content, int forged) {
    const char *parts[4] = {header, "{}", "{}", content};
    char signature[2 * SIGNATURE_BYTES + 1];
    sign(parts, signature);
    if (forged) signature[0] = signature[0] == '0' ? '1' : '0';
    zmq_send(sockets[channel], "<IDS|MSG>", 9, ZMQ_SNDMORE);
    zmq_send(sockets[channel], signature, strlen(signature), ZMQ_SNDMORE);
    for (int i = 0; i < 4; i++)
        zmq_send(sockets[channel], parts[i], strlen(parts[i]), i < 3 ? ZMQ_SNDMORE : 0);
}

static void send_request(int channel, const char *type, const char *content, int forged) {
    if (++requests == MOST_REQUESTS) finish("too many requests", "");
    snprintf(last_header, sizeof last_header,
             "{\"msg_id\": \"%d\", \"msg_type\": \"%s\", \"session\": \"s\", \"username\": \"u\", \"date\": "
             "\"2026-01-01T00:00:00Z\", \"version\": \"5.3\"}",
             requests, type);
    free(last_content);
    last_content = strdup(content);
    send_parts(channel, last_header, content, forged);
}

static void send_raw(int channel, char *words) {
    char *at = NULL, *hex = strtok_r(words, "\t", &at);
    while (hex) {
        unsigned char bytes[4096];
        size_t n = 0;
        if (strcmp(hex, "-") != 0 &&
            sodium_hex2bin(bytes, sizeof bytes, hex, strlen(hex), NULL, &n, NULL) != 0)
            finish("bad hex", hex);
        hex = strtok_r(NULL, "\t", &at);
        zmq_send(sockets[channel], bytes, n, hex ? ZMQ_SNDMORE : 0);
    }
}

/* --- receiving
 * ------------------------------------------------------------------------------------------------ */

/* The string of a key in a header that the kernel wrote. */
static void field(const char *json, const char *name, char out[NAME_BYTES]) {
    char pattern[NAME_BYTES];
    snprintf(pattern, sizeof pattern, "\"%s\": \"", name);
    const char *at = strstr(json, pattern);
    size_t n = at ? strcspn(at += strlen(pattern), "\"") : 0;
    snprintf(out, NAME_BYTES, "%.*s", (int)n, at ? at : "");
}

static char *frames[FRAMES];

/* Reads one message into `frames`, zero-terminated; how many there were. */
static int read_frames(void *socket) {
    int n = 0, more = 1;
    while (more) {
        zmq_msg_t m;
        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, socket, 0) < 0) break;
        if (n < FRAMES) {
            free(frames[n]);
            frames[n] = calloc(1, zmq_msg_size(&m) + 1);
            memcpy(frames[n++], zmq_msg_data(&m), zmq_msg_size(&m));
        }
        more = zmq_msg_more(&m);
        zmq_msg_close(&m);
    }
    return n;
}

static void note(int channel, const char *type, const char *parent, const char *content) {
    int id = atoi(parent);
    printf("%.0f\t%s\t%s\t%s\t%s\n", 1000 * (now() - started), names[channel], type, parent, content);
    if (id < 1 || id >= MOST_REQUESTS) return;
    size_t n = strlen(type);
    if (channel <= CONTROL && n > 6 && strcmp(type + n - 6, "_reply") == 0) replied[id] = 1;
    if (channel == IOPUB && strcmp(type, "status") == 0 && strstr(content, "idle")) idle[id] = 1;
}

/* Takes one message, waiting for it at most until the deadline: its channel, with type and content. */
static int receive(const char *waiting_for, const char *detail, char type[NAME_BYTES], const char **content) {
    zmq_pollitem_t items[HEARTBEAT];
    for (int i = 0; i < HEARTBEAT; i++)
        items[i] = (zmq_pollitem_t){.socket = sockets[i], .events = ZMQ_POLLIN};
    double left = deadline - now();
    if (left <= 0 || zmq_poll(items, HEARTBEAT, (long)(1000 * left) + 1) <= 0) finish(waiting_for, detail);
    int channel = 0;
    while (!items[channel].revents) channel++;
    int n = read_frames(sockets[channel]), at = 0;
    while (at < n && strcmp(frames[at], "<IDS|MSG>") != 0) at++;
    if (n - at < 6) finish("a message with its frames", "");
    const char *parts[4] = {frames[at + 2], frames[at + 3], frames[at + 4], frames[at + 5]};
    char signature[2 * SIGNATURE_BYTES + 1], parent[NAME_BYTES];
    sign(parts, signature);
    if (strcmp(signature, frames[at + 1]) != 0) finish("a right signature", frames[at + 2]);
    field(parts[0], "msg_type", type);
    field(parts[1], "msg_id", parent);
    note(channel, type, parent, parts[3]);
    *content = parts[3];
    return channel;
}

static void expect(int channel, const char *wanted, const char *text) {
    char type[NAME_BYTES];
    const char *content;
    while (receive("expected", wanted, type, &content) != channel || strcmp(type, wanted) != 0 ||
           !strstr(content, text)) {
    }
}

static void wait_for(int id) {
    char type[NAME_BYTES], detail[NAME_BYTES];
    const char *content;
    snprintf(detail, sizeof detail, "%d", id);
    while (!replied[id] || !idle[id]) receive("the end of request", detail, type, &content);
}

static void beat(const char *text) {
    zmq_pollitem_t item = {.socket = sockets[HEARTBEAT], .events = ZMQ_POLLIN};
    zmq_send(sockets[HEARTBEAT], text, strlen(text), 0);
    if (zmq_poll(&item, 1, (long)(1000 * (deadline - now()))) <= 0) finish("a heartbeat", text);
    int n = read_frames(sockets[HEARTBEAT]);
    printf("%.0f\thb\t%s\n", 1000 * (now() - started), n > 0 ? frames[n - 1] : "");
}

static void pause_ms(long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static void end(void) {
    int status;
    char type[NAME_BYTES];
    const char *content;
    while (waitpid(child, &status, WNOHANG) == 0) {
        zmq_pollitem_t item = {.socket = sockets[CONTROL], .events = ZMQ_POLLIN};
        if (now() > deadline) finish("the end", "");
        if (zmq_poll(&item, 1, 20) > 0) receive("a reply", "", type, &content);
    }
    printf("status %d\n", WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    exit(0);
}

/* --- steps
 * ---------------------------------------------------------------------------------------------------- */

static void step(char *line) {
    char *at = NULL, *word = strtok_r(line, "\t", &at);
    if (!word) return;
    if (strcmp(word, "end") == 0) end();
    if (strcmp(word, "wait") == 0) return wait_for(atoi(at));
    if (strcmp(word, "beat") == 0) return beat(at);
    if (strcmp(word, "sleep") == 0) return pause_ms(atol(at));
    int channel = channel_of(strtok_r(NULL, "\t", &at));
    if (strcmp(word, "raw") == 0) return send_raw(channel, at);
    if (strcmp(word, "resend") == 0) return send_parts(channel, last_header, last_content, 0);
    char *type = strtok_r(NULL, "\t", &at);
    if (strcmp(word, "expect") == 0) return expect(channel, type, at);
    if (strcmp(word, "send") != 0 && strcmp(word, "forge") != 0) finish("no step", word);
    send_request(channel, type, at, strcmp(word, "forge") == 0);
}

/* The heartbeat's is bound last. */
static void wait_for_sockets(const char *prefix) {
    char path[512];
    snprintf(path, sizeof path, "%s-%d", prefix, HEARTBEAT + 1);
    while (access(path, F_OK) != 0) {
        if (now() > deadline || waitpid(child, NULL, WNOHANG) != 0) finish("no kernel at", prefix);
        pause_ms(5);
    }
}

int main(int argc, char **argv) {
    static const int kinds[CHANNELS] = {ZMQ_DEALER, ZMQ_DEALER, ZMQ_DEALER, ZMQ_SUB, ZMQ_REQ};
    if (argc < 5 || sodium_init() < 0) return 2;
    started = now();
    deadline = started + atof(argv[1]);
    key = argv[2];
    child = fork();
    if (child == 0) {
        setpgid(0, 0); /* as front ends do: an interrupt reaches the commands of cells too */
        execvp(argv[4], argv + 4);
        _exit(127);
    }
    wait_for_sockets(argv[3]);
    void *context = zmq_ctx_new();
    for (int i = 0; i < CHANNELS; i++) {
        char address[512];
        snprintf(address, sizeof address, "ipc://%s-%d", argv[3], i + 1);
        sockets[i] = zmq_socket(context, kinds[i]);
        if (i == IOPUB) zmq_setsockopt(sockets[i], ZMQ_SUBSCRIBE, "", 0);
        /* One identity on shell and stdin: requests for input come back to who ran the cell. */
        if (i <= INPUT) zmq_setsockopt(sockets[i], ZMQ_IDENTITY, "client", 6);
        if (zmq_connect(sockets[i], address) != 0) finish("cannot connect to", address);
    }
    expect(IOPUB, "iopub_welcome", ""); /* what the kernel publishes reaches us from here on */
    char *line = NULL;
    size_t room = 0;
    for (ssize_t n; (n = getline(&line, &room, stdin)) > 0;) {
        if (line[n - 1] == '\n') line[n - 1] = 0;
        step(line);
    }
    finish(NULL, NULL);
}
