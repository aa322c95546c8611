/* The socket thread: what comes from front ends, from the pipes and from the main thread goes to the
 * protocol's functions in stdlib/jupyter/protocol.lua; what those decide is carried out here. */
#include "kernel.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The module under a name that no global shadows. */
#define FRONT "(protocol)."

enum {
    GATHER_MS = 10,   /* that output waits for more of it */
    AGAIN_MS = 50,    /* between two interrupts at the end */
    END_MS = 2000,    /* that a cell may take to stop at a shutdown */
    PARENT_MS = 1000, /* between two looks whether the program that started this one still runs */
    MOST_AT_ONCE = 64 /* messages taken from a socket before the others have their turn */
};

/* What the thread waits for. */
enum { POLL_OUTPUT = HEARTBEAT, POLL_WORK = POLL_OUTPUT + STREAMS, POLLED };

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A fault in the protocol's functions must not end the thread. */
static void call(Kernel *k, const char *function, const ApsisValue *args, int nargs) {
    if (apsis_call(k->protocol, function, args, nargs, NULL, 0) != APSIS_OK)
        kernel_log(k, "%s", apsis_traceback(k->protocol));
}

static ApsisValue value(Text t) {
    return apsis_bytes(t.data, t.length);
}

/* --- functions for Lua ---------------------------------------------------------------------------------- */

static Text text_of(const ApsisValue *args, int nargs, int i) {
    if (i >= nargs || args[i].type != APSIS_STRING) return (Text){"", 0};
    return (Text){args[i].as.string.data, args[i].as.string.length};
}

/* send(channel, identities, header, parent, metadata, content) */
static int l_send(Apsis *a, const ApsisValue *args, int nargs, ApsisValue *result, void *payload) {
    Kernel *k = payload;
    (void)result;
    Text parts[PARTS];
    if (nargs < 2 || args[0].type != APSIS_INTEGER || args[0].as.integer < 0 || args[0].as.integer > IOPUB)
        return apsis_fail(a, "send: no such channel");
    for (int i = 0; i < PARTS; i++) parts[i] = text_of(args, nargs, 2 + i);
    if (!wire_send(&k->wire, k->sockets[args[0].as.integer], text_of(args, nargs, 1), parts))
        kernel_log(k, "a message could not be sent: %s",
                   zmq_strerror(errno)); /* a front end that went away */
    return APSIS_OK;
}

/* answer(kind, text): what the main thread waits for; "end" ends both threads */
static int l_answer(Apsis *a, const ApsisValue *args, int nargs, ApsisValue *result, void *payload) {
    Kernel *k = payload;
    (void)result;
    Text kind = text_of(args, nargs, 0);
    if (!k->asked) return apsis_fail(a, "answer: nothing was asked");
    k->asked = false;
    for (int i = 0; i < 2; i++) {
        Text t = text_of(args, nargs, i);
        if (zmq_send(k->answering, t.data, t.length, i == 0 ? ZMQ_SNDMORE : 0) < 0)
            return apsis_fail(a, zmq_strerror(errno));
    }
    k->ended = kind.length == 3 && memcmp(kind.data, "end", 3) == 0;
    return APSIS_OK;
}

static void send_interrupt(Kernel *k) {
    k->interrupt_ms = now_ms();
    atomic_store(&k->interrupt, true);
    pthread_kill(k->main_thread, INTERRUPT_SIGNAL);
}

/* interrupt(): stops the cell that runs, and the commands that it waits for where they are ours to stop */
static int l_interrupt(Apsis *a, const ApsisValue *args, int nargs, ApsisValue *result, void *payload) {
    (void)a, (void)args, (void)nargs, (void)result;
    send_interrupt(payload);
    if (getpgrp() == getpid()) kill(0, SIGINT);
    return APSIS_OK;
}

/* shutdown(): ends the program, a cell that runs being stopped */
static int l_shutdown(Apsis *a, const ApsisValue *args, int nargs, ApsisValue *result, void *payload) {
    Kernel *k = payload;
    if (!k->ending) k->end_ms = now_ms() + END_MS;
    k->ending = true;
    return k->asked ? APSIS_OK : l_interrupt(a, args, nargs, result, payload);
}

/* now() -> the time as ISO 8601 has it, in UTC */
static int l_now(Apsis *a, const ApsisValue *args, int nargs, ApsisValue *result, void *payload) {
    static char text[64];
    struct timespec t;
    struct tm parts;
    (void)a, (void)args, (void)nargs, (void)payload;
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &parts);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    n += (size_t)snprintf(text + n, sizeof text - n, ".%06ldZ", t.tv_nsec / 1000);
    *result = apsis_bytes(text, n);
    return APSIS_OK;
}

/* log(text) */
static int l_log(Apsis *a, const ApsisValue *args, int nargs, ApsisValue *result, void *payload) {
    (void)a, (void)result;
    kernel_log(payload, "%s", text_of(args, nargs, 0).data);
    return APSIS_OK;
}

bool serve_open(Kernel *k) {
    static const struct {
        const char *name;
        ApsisFunction f;
    } functions[] = {
        {"(host).send", l_send},         {"(host).answer", l_answer}, {"(host).interrupt", l_interrupt},
        {"(host).shutdown", l_shutdown}, {"(host).now", l_now},       {"(host).log", l_log}};
    char session[2 * crypto_auth_hmacsha256_KEYBYTES + 1];
    unsigned char random[crypto_auth_hmacsha256_KEYBYTES];
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(session, sizeof session, random, sizeof random);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (apsis_function(k->protocol, functions[i].name, functions[i].f, k) != APSIS_OK) return false;
    return apsis_set(k->protocol, "(host).session", apsis_bytes(session, strlen(session))) == APSIS_OK &&
           apsis_set(k->protocol, "(host).version", apsis_bytes(APSIS_VERSION, strlen(APSIS_VERSION))) ==
               APSIS_OK &&
           apsis_run_string(k->protocol, "package.loaded['(protocol)'] = require 'apsis.jupyter.protocol'",
                            "=(protocol)") == APSIS_OK;
}

/* --- what comes in -------------------------------------------------------------------------------------- */

static void take_message(Kernel *k, int channel, const Message *m) {
    char *identities;
    size_t length;
    if (!message_identities(m, &identities, &length)) {
        kernel_log(k, "a message was dropped: not enough memory");
        return;
    }
    ApsisValue args[2 + PARTS] = {apsis_integer(channel), apsis_bytes(identities, length)};
    for (int i = 0; i < PARTS; i++) args[2 + i] = value(message_part(m, i));
    call(k, FRONT "received", args, 2 + PARTS);
    free(identities);
}

static void take_messages(Kernel *k, int channel) {
    Message m;
    const char *problem;
    for (int i = 0; i < MOST_AT_ONCE && wire_receive(&k->wire, k->sockets[channel], &m, &problem); i++) {
        if (problem)
            kernel_log(k, "a message was ignored: %s", problem);
        else
            take_message(k, channel, &m);
        message_free(&m);
    }
}

/* A subscription is one frame: 1 and the topic; 0 ends one. */
static void take_subscriptions(Kernel *k) {
    char frame[256];
    for (int n; (n = zmq_recv(k->sockets[IOPUB], frame, sizeof frame, ZMQ_DONTWAIT)) >= 0;) {
        if (n < 1 || n > (int)sizeof frame || frame[0] != 1) continue;
        ApsisValue topic = apsis_bytes(frame + 1, (size_t)n - 1);
        call(k, FRONT "subscribed", &topic, 1);
    }
}

/* --- output --------------------------------------------------------------------------------------------- */

/* Passes on what was gathered; a character that is not whole yet waits, unless all is wanted. */
static void pass_on(Kernel *k, Stream *s, bool all) {
    size_t n = all ? s->used : stream_whole(s);
    if (n == 0) return;
    ApsisValue args[] = {apsis_bytes(s->name, strlen(s->name)), apsis_bytes(s->bytes, n)};
    call(k, FRONT "wrote", args, 2);
    stream_drop(s, n);
    s->since_ms = now_ms();
}

static size_t gather(Kernel *k, Stream *s) {
    size_t n = stream_fill(s, now_ms());
    if (s->used == sizeof s->bytes) pass_on(k, s, false);
    return n;
}

/* All that was written before the main thread asked: at most what a pipe holds, for others may write on. */
static void drain(Kernel *k) {
    enum { MOST_BYTES = 4 << 20 };
    for (int i = 0; i < STREAMS; i++) {
        size_t taken = 0, n;
        while (taken < MOST_BYTES && (n = gather(k, &k->streams[i])) > 0) taken += n;
        pass_on(k, &k->streams[i], true);
    }
}

/* --- the main thread's questions ------------------------------------------------------------------------ */

enum { QUESTION_PARTS = 3 };

static void take_question(Kernel *k) {
    zmq_msg_t parts[QUESTION_PARTS];
    ApsisValue args[QUESTION_PARTS];
    int n = 0;
    for (bool more = true; more && n < QUESTION_PARTS; n++) {
        zmq_msg_init(&parts[n]);
        if (zmq_msg_recv(&parts[n], k->answering, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&parts[n]);
            break;
        }
        args[n] = apsis_bytes(zmq_msg_data(&parts[n]), zmq_msg_size(&parts[n]));
        more = zmq_msg_more(&parts[n]);
    }
    if (n > 0) {
        k->asked = true;
        drain(k);
        call(k, FRONT "asked", args, n);
    }
    for (int i = 0; i < n; i++) zmq_msg_close(&parts[i]);
}

/* --- the loop ------------------------------------------------------------------------------------------- */

static bool parent_is_gone(void) {
    static long parent = -1;
    if (parent < 0) {
        const char *given = getenv("JPY_PARENT_PID"); /* jupyter_client sets it */
        parent = given ? atol(given) : 0;
    }
    return parent > 1 && getppid() != (pid_t)parent;
}

/* Milliseconds until something is due. */
static long wait_ms(const Kernel *k, int64_t now) {
    int64_t due = now + PARENT_MS;
    for (int i = 0; i < STREAMS; i++)
        if (k->streams[i].used && k->streams[i].since_ms + GATHER_MS < due)
            due = k->streams[i].since_ms + GATHER_MS;
    if (k->ending && now + AGAIN_MS < due) due = now + AGAIN_MS;
    return due > now ? (long)(due - now) : 0;
}

static void wait_for_events(const Kernel *k, zmq_pollitem_t items[POLLED]) {
    for (int i = 0; i < HEARTBEAT; i++)
        items[i] = (zmq_pollitem_t){.socket = k->sockets[i], .events = ZMQ_POLLIN};
    for (int i = 0; i < STREAMS; i++)
        items[POLL_OUTPUT + i] = (zmq_pollitem_t){.fd = k->streams[i].fd, .events = ZMQ_POLLIN};
    items[POLL_WORK] = (zmq_pollitem_t){.socket = k->answering, .events = ZMQ_POLLIN};
    if (zmq_poll(items, POLLED, wait_ms(k, now_ms())) < 0)
        for (int i = 0; i < POLLED; i++) items[i].revents = 0;
}

static void take_events(Kernel *k, const zmq_pollitem_t items[POLLED]) {
    if (items[CONTROL].revents) take_messages(k, CONTROL);
    if (items[INPUT].revents) take_messages(k, INPUT);
    if (items[IOPUB].revents) take_subscriptions(k);
    if (items[SHELL].revents) take_messages(k, SHELL);
    for (int i = 0; i < STREAMS; i++) {
        Stream *s = &k->streams[i];
        if (items[POLL_OUTPUT + i].revents) gather(k, s);
        if (s->used && now_ms() - s->since_ms >= GATHER_MS) pass_on(k, s, false);
    }
    if (items[POLL_WORK].revents) take_question(k);
}

/* At the end, a cell that caught the interrupt gets another. */
static void insist(Kernel *k) {
    if (k->asked)
        atomic_store(&k->interrupt, false);
    else if (k->ending && !k->ended && now_ms() - k->interrupt_ms >= AGAIN_MS)
        send_interrupt(k);
}

static void look_for_parent(Kernel *k) {
    int64_t now = now_ms();
    if (k->ending || now - k->parent_ms < PARENT_MS) return;
    k->parent_ms = now;
    if (parent_is_gone()) call(k, FRONT "leave", NULL, 0);
}

void *serve(void *kernel) {
    Kernel *k = kernel;
    zmq_pollitem_t items[POLLED];
    while (!k->ended && !(k->ending && now_ms() >= k->end_ms)) {
        wait_for_events(k, items);
        take_events(k, items);
        insist(k);
        look_for_parent(k);
    }
    for (int i = 0; i < HEARTBEAT; i++) zmq_close(k->sockets[i]);
    for (int i = 0; i < STREAMS; i++)
        close(k->streams[i].fd); /* what is written now is lost, and waits for nobody */
    if (!k->ended) {
        kernel_log(k, "what runs does not stop: ending without it");
        poll(NULL, 0, LINGER_MS); /* the last messages are on their way */
        _exit(EXIT_FAILURE);
    }
    zmq_close(k->answering);
    return NULL;
}

void *echo_heartbeats(void *kernel) {
    Kernel *k = kernel;
    void *socket = k->sockets[HEARTBEAT];
    for (;;) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        int got = zmq_msg_recv(&frame, socket, 0), more = got >= 0 && zmq_msg_more(&frame);
        bool sent = got >= 0 && zmq_msg_send(&frame, socket, more ? ZMQ_SNDMORE : 0) >= 0;
        zmq_msg_close(&frame);
        if (!sent && errno == ETERM) break;
    }
    zmq_close(socket);
    return NULL;
}
