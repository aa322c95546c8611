/* The parts of the kernel program and what they share. Two threads and two interpreters:
 *
 *   main thread      the user's interpreter: runs cells, completes, inspects (stdlib/jupyter/kernel.lua). It
 * asks the other for work and waits (work.c). socket thread    ZeroMQ, the pipes of standard output and
 * error, and an interpreter of its own for the protocol (stdlib/jupyter/protocol.lua). It answers on the
 * control channel while a cell runs (serve.c).
 *
 * A third thread echoes heartbeats. The threads talk through one inproc socket, in strict turns: the main
 * thread asks, the socket thread answers. */
#ifndef APSIS_JUPYTER_KERNEL_H
#define APSIS_JUPYTER_KERNEL_H

#include "apsis.h"
#include "capture.h"
#include "wire.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

enum { SHELL, CONTROL, INPUT, IOPUB, HEARTBEAT, SOCKETS };
enum { STDOUT, STDERR, STREAMS };
/* To the main thread; not SIGINT, which system() ignores while a command runs. */
enum { INTERRUPT_SIGNAL = SIGUSR1 };
enum { LINGER_MS = 500 /* that messages may take to leave at the end */ };

typedef struct Kernel {
    void *zmq;
    void *sockets[SOCKETS];
    void *asking, *answering; /* the main thread's end of the inproc socket and the socket thread's */
    Wire wire;
    Apsis *protocol;
    Stream streams[STREAMS];
    pthread_t main_thread, socket_thread, heartbeat_thread;
    int log; /* the standard error that the program was started with */

    /* The socket thread's. */
    bool asked;            /* the main thread waits for an answer */
    bool ending, ended;    /* a shutdown was requested; the main thread was told */
    int64_t end_ms;        /* when it must be over */
    atomic_bool interrupt; /* the main thread's handler has not taken the last one yet */
    int64_t interrupt_ms;  /* when it was sent */
    int64_t parent_ms;     /* when the parent was looked for */
} Kernel;

/* A line on the standard error that the program was started with. */
void kernel_log(const Kernel *k, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* serve.c: what the socket thread and the heartbeat's run. */
void *serve(void *kernel);
void *echo_heartbeats(void *kernel);
/* Gives the protocol's interpreter its functions. */
bool serve_open(Kernel *k);

/* work.c: runs the user's interpreter until there is no more work. Returns the exit status. */
int work(Kernel *k);

#endif
