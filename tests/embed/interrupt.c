/* Stopping a running instance from another thread and from a signal handler; instances in many threads. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static const char endless[] = "while true do end";
static const char stubborn[] = "while true do pcall(function() while true do end end) end";
static const char coroutines[] = "local function f() while true do end end\n"
                                 "while true do coroutine.resume(coroutine.create(f)) end";
static const char matmuls[] = "local a = ap.ones(400, 400) while true do a:matmul(a) end";
static const char tensor_ops[] =
    "local a = ap.ones(4000, 1000) while true do pcall(function() return a:exp() end) end";

static Apsis *running;

static void pause_ms(long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

/* --- from another thread ------------------------------------------------------------------------------- */

static void *interrupt_soon(void *instance) {
    pause_ms(50);
    apsis_interrupt((Apsis *)instance);
    return NULL;
}

static void stop_by_thread(Apsis *a, const char *code) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, interrupt_soon, a) == 0);
    STATUS(a, apsis_run_string(a, code, "=loop"), APSIS_ERROR_INTERRUPTED);
    CONTAINS(apsis_error(a), "interrupted!");
    pthread_join(thread, NULL);
    OK(a, apsis_run_string(a, "local n = 0 for i = 1, 300000 do n = n + i end", NULL)); /* and goes on */
}

/* --- from a signal handler ----------------------------------------------------------------------------- */

static void on_alarm(int signal_number) {
    (void)signal_number;
    apsis_interrupt(running);
}

static void stop_by_signal(Apsis *a, const char *code) {
    struct itimerval soon = {{0, 0}, {0, 50000}};
    running = a;
    setitimer(ITIMER_REAL, &soon, NULL);
    STATUS(a, apsis_run_string(a, code, "=loop"), APSIS_ERROR_INTERRUPTED);
    CONTAINS(apsis_error(a), "interrupted!");
    OK(a, apsis_run_string(a, "local n = 0 for i = 1, 300000 do n = n + i end", NULL));
}

static void test_stopping(void (*stop)(Apsis *, const char *), int check_every) {
    ApsisOptions o = APSIS_OPTIONS_INIT;
    o.check_every = check_every;
    Apsis *a = apsis_create(&o);
    OK(a, apsis_run_string(a, "ap = require 'apsis'", NULL));
    stop(a, endless);
    stop(a, stubborn);
    stop(a, coroutines);
    stop(a, "coroutine.wrap(function() while true do end end)()");
    stop(a, matmuls);
    stop(a, tensor_ops);
    stop(a, "local t <close> = setmetatable({}, {__close = function() closed = true end}) while true do end");
    OK(a, apsis_run_string(a, "assert(closed)", NULL));
    /* A script may catch the first one, and end in peace. */
    OK(a, apsis_run_string(a, "ok = true", NULL));
    apsis_interrupt(a); /* nothing runs: nothing happens */
    OK(a, apsis_run_string(a, "for i = 1, 100000 do end", NULL));
    apsis_close(a);
}

static void *interrupt_later(void *instance) {
    for (int i = 0; i < 200; i++) {
        apsis_interrupt((Apsis *)instance);
        pause_ms(1);
    }
    return NULL;
}

/* Interrupts at any moment, between calls too: every call ends, either way. */
static void test_storm(void) {
    Apsis *a = apsis_create(NULL);
    pthread_t thread;
    int stopped = 0;
    OK(a, apsis_run_string(a, "ap = require 'apsis' x = ap.ones(100, 100)", NULL));
    CHECK(pthread_create(&thread, NULL, interrupt_later, a) == 0);
    for (int i = 0; i < 40; i++) {
        int status = apsis_run_string(a, "for i = 1, 200 do local y = x:matmul(x) + x end", NULL);
        CHECK(status == APSIS_OK || status == APSIS_ERROR_INTERRUPTED);
        stopped += status != APSIS_OK;
    }
    pthread_join(thread, NULL);
    CHECK(stopped > 0);
    OK(a, apsis_run_string(a, "assert(x:sum():item() == 10000)", NULL));
    apsis_close(a);
}

/* --- many threads -------------------------------------------------------------------------------------- */

static void *create_run_close(void *failures) {
    for (int i = 0; i < 10; i++) {
        ApsisOptions o = APSIS_OPTIONS_INIT;
        o.threads = 1;
        Apsis *a = apsis_create(&o);
        int status = a ? apsis_run_string(a,
                                          "local ap = require 'apsis'\n"
                                          "local nn = require 'apsis.nn'\n"
                                          "ap.manual_seed(3)\n"
                                          "local w = ap.randn({20, 30}, {requires_grad = true})\n"
                                          "local y = (ap.ones(5, 20):matmul(w)):tanh():sum()\n"
                                          "y:backward()\n"
                                          "result = w.grad:sum():item()\n",
                                          NULL)
                       : APSIS_ERROR_MEMORY;
        ApsisValue v;
        if (status == APSIS_OK) status = apsis_get(a, "result", &v);
        if (status != APSIS_OK || v.type != APSIS_NUMBER) ++*(int *)failures;
        apsis_close(a);
    }
    return NULL;
}

static void test_threads(void) {
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    int failures[THREADS] = {0};
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, create_run_close, &failures[i]) == 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        CHECK(failures[i] == 0);
    }
}

/* An instance may move from thread to thread, as long as one uses it at a time. */
static void *run_once(void *instance) {
    Apsis *a = (Apsis *)instance;
    OK(a, apsis_run_string(
              a, "n = (n or 0) + 1; ap = require 'apsis'; x = ap.ones(600, 600):matmul(ap.ones(600, 600))",
              NULL));
    return NULL;
}

static void test_moving(void) {
    Apsis *a = apsis_create(NULL);
    pthread_t thread;
    run_once(a);
    for (int i = 0; i < 3; i++) {
        int failure = pthread_create(&thread, NULL, run_once, a);
        pthread_join(thread, NULL);
        CHECK(failure == 0);
    }
    stop_by_signal(a, endless);
    OK(a, apsis_run_string(a, "assert(n == 4)", NULL));
    apsis_close(a);
}

int main(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, NULL);
    test_stopping(stop_by_thread, 1000);
    test_stopping(stop_by_signal, 1000);
    test_stopping(stop_by_signal, 0);
    test_storm();
    test_threads();
    test_moving();
    apsis_interrupt(NULL);
    return finish("interrupt");
}
