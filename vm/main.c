/* The command line, built on apsis.h alone. */
#include "apsis.h"
#include "kernel_command.h"
#include "repl.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* Each collection frees the handles of a few thousand tensors, which the next ops ask for again. By default
 * glibc gives 128 KB at the heap's end back to the system at once: a recorded a + b took 0.9 us with that,
 * 0.6 without. The program alone sets this: in a host it is the host's to decide. */
static void keep_freed_handles(void) {
#ifdef __GLIBC__
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
#endif
}

static const char usage[] =
    "usage: apsis [options] [script [arguments]]\n"
    "  -e CODE     run CODE\n"
    "  -l MOD      require MOD and name it by its last part: -l apsis.nn gives nn; -l ap=apsis gives ap\n"
    "  -i          the prompt, after what the other options ask for\n"
    "  -           run standard input\n"
    "  -q          no greeting at the prompt\n"
    "  --no-init   the prompt does not read ~/.config/apsis/init.lua\n"
    "  -v, --version  versions of Apsis, Lua, BLIS and OpenCL, and the threads in use\n"
    "  -h, --help  this text\n"
    "apsis kernel install: Apsis in Jupyter's notebooks; `apsis kernel --help` tells more.\n"
    "A script finds its arguments in `...` and in the table `arg`. Without options and script: the prompt, "
    "or\n"
    "standard input where that is no terminal. APSIS_PATH=DIR reads the standard library from DIR.\n";

/* Written by Lua so that it tells what a script would see. */
static const char version_code[] =
    "local info = require('apsis.core').cpu_info()\n"
    "local opencl = package.loadlib('libOpenCL.so.1', '*') and 'loader found' or 'no loader "
    "(libOpenCL.so.1)'\n"
    "local by = ({apsis = ' (chosen by Apsis)', user = ' (BLIS_ARCH_TYPE)'})[info.blis_chosen_by] or ''\n"
    "print('Lua      ' .. _VERSION)\n"
    "print('BLIS     ' .. info.blis_version .. ', kernels ' .. info.blis_kernels .. by)\n"
    "print('OpenCL   ' .. opencl)\n"
    "print('CPU      ' .. info.model .. ', kernels ' .. info.isa)\n"
    "print('threads  ' .. info.threads)\n";

typedef struct Line {
    int code_end;     /* argv[1 .. code_end-1]: options */
    bool interactive; /* -i */
    bool has_code;    /* -e, -l or --version: no prompt by default */
    bool version;
    bool quiet, no_init; /* -q, --no-init */
} Line;

static Apsis *instance;
static pthread_t main_thread;
static bool interrupted; /* the last run was */

static void on_sigint(int signal_number) {
    if (!pthread_equal(pthread_self(), main_thread)) { /* a worker of OpenMP or OpenCL */
        pthread_kill(main_thread, signal_number);
        return;
    }
    set_sigint(SIG_DFL); /* a second one kills */
    apsis_interrupt(instance);
}

void set_sigint(void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler}; /* no SA_RESTART: a read that waits ends */
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

/* A failed write ends the program at the next check, not in an endless loop of failing prints. One that
 * Ctrl-C broke off is no failure of the file. */
static int write_out(const char *text, size_t length, void *payload) {
    (void)payload;
    errno = 0;
    int status = fwrite(text, 1, length, stdout) != length ? -1 : 0;
    if (!status && length && text[length - 1] == '\n') status = fflush(stdout);
    if (status && errno == EINTR) clearerr(stdout);
    return status;
}

/* Prints what went wrong; returns the exit status. */
static int report(int status) {
    interrupted = status == APSIS_ERROR_INTERRUPTED;
    if (status == APSIS_OK) return EXIT_SUCCESS;
    fflush(stdout);
    fprintf(stderr, "apsis: %s\n", interrupted ? apsis_error(instance) : apsis_traceback(instance));
    return EXIT_FAILURE;
}

static int run_string(const char *code, const char *name) {
    set_sigint(on_sigint);
    int status = report(apsis_run_string(instance, code, name));
    set_sigint(SIG_DFL);
    return status;
}

static int run_file(const char *path) {
    set_sigint(on_sigint);
    int status = report(apsis_run_file(instance, path));
    set_sigint(SIG_DFL);
    return status;
}

/* -l [name=]module */
static int load_module(const char *what) {
    char code[1024];
    if (strpbrk(what, "\"\\\n")) {
        fprintf(stderr, "apsis: -l: '%s' is not the name of a module\n", what);
        return EXIT_FAILURE;
    }
    const char *equals = strchr(what, '='), *module = equals ? equals + 1 : what;
    const char *dot = strrchr(module, '.'), *name = equals ? what : dot ? dot + 1 : module;
    int length = equals ? (int)(equals - what) : (int)strlen(name);
    if ((size_t)snprintf(code, sizeof code, "_G[\"%.*s\"] = require \"%s\"", length, name, module) >=
        sizeof code) {
        fprintf(stderr, "apsis: -l: the name is too long\n");
        return EXIT_FAILURE;
    }
    return run_string(code, "=(command line)");
}

/* arg[-1], arg[-2], ...: the command line before the script, down to the program. */
static int set_negative_args(char **argv, int script) {
    for (int i = 0; i < script; i++) {
        char name[32];
        snprintf(name, sizeof name, "arg.%d", i - script);
        int status = apsis_set(instance, name, apsis_bytes(argv[i], strlen(argv[i])));
        if (status != APSIS_OK) return report(status);
    }
    return EXIT_SUCCESS;
}

static int bad_usage(const char *what, const char *option) {
    fprintf(stderr, "apsis: %s '%s'\n%s", what, option, usage);
    return 2;
}

/* Finds where the options end; false with *status set where there is nothing more to do. */
static bool parse(int argc, char **argv, Line *line, int *status) {
    int i = 1;
    for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
        const char *o = argv[i];
        if (strcmp(o, "--") == 0) {
            i++;
            break;
        }
        if (strcmp(o, "-h") == 0 || strcmp(o, "--help") == 0) {
            fputs(usage, stdout);
            *status = EXIT_SUCCESS;
            return false;
        }
        if (strcmp(o, "-i") == 0) {
            line->interactive = true;
        } else if (strcmp(o, "-q") == 0) {
            line->quiet = true;
        } else if (strcmp(o, "--no-init") == 0) {
            line->no_init = true;
        } else if (strcmp(o, "-v") == 0 || strcmp(o, "--version") == 0) {
            line->has_code = line->version = true;
        } else if (o[1] == 'e' || o[1] == 'l') {
            line->has_code = true;
            if (!o[2] && ++i >= argc) {
                *status = bad_usage("a value is missing after", o);
                return false;
            }
        } else {
            *status = bad_usage("unknown option", o);
            return false;
        }
    }
    line->code_end = i;
    return true;
}

/* Runs -e and -l in their order. */
static int run_options(char **argv, int end) {
    for (int i = 1; i < end; i++) {
        char kind = argv[i][1];
        if (argv[i][0] != '-' || (kind != 'e' && kind != 'l')) continue;
        const char *value = argv[i][2] ? argv[i] + 2 : argv[++i];
        int status = kind == 'e' ? run_string(value, "=(command line)") : load_module(value);
        if (status != EXIT_SUCCESS) return status;
    }
    return EXIT_SUCCESS;
}

static int run_all(int argc, char **argv, const Line *line) {
    if (line->version) {
        printf("Apsis    %s\n", apsis_version());
        int status = run_string(version_code, "=version");
        if (status != EXIT_SUCCESS) return status;
    }
    int status = run_options(argv, line->code_end);
    if (status == EXIT_SUCCESS && line->code_end < argc) status = run_file(argv[line->code_end]);
    bool all_done = status != EXIT_SUCCESS || line->has_code || line->code_end < argc;
    if (!line->interactive && all_done) return status;
    if (!line->interactive && !isatty(STDIN_FILENO)) return run_file(NULL);
    interrupted = false; /* what came before the prompt is no reason for how it ends */
    char options[32];
    snprintf(options, sizeof options, "%s%s", line->quiet ? " quiet" : "", line->no_init ? " no-init" : "");
    return repl_run(instance, options, on_sigint);
}

int main(int argc, char **argv) {
    Line line = {0};
    int status = EXIT_SUCCESS;
    main_thread = pthread_self();
    keep_freed_handles();
    signal(SIGPIPE, SIG_DFL); /* a reader that went away ends us quietly, whatever we inherited */
    if (argc > 1 && strcmp(argv[1], "kernel") == 0) return kernel_command(argc - 2, argv + 2);
    if (parse(argc, argv, &line, &status)) {
        ApsisOptions options = APSIS_OPTIONS_INIT;
        bool script = line.code_end < argc;
        options.flags = APSIS_ALLOW_EXIT | APSIS_EXPLAIN;
        options.script = script ? argv[line.code_end] : argv[0];
        options.argc = script ? argc - line.code_end - 1 : 0;
        options.argv = argv + (script ? line.code_end + 1 : argc);
        options.print = write_out;
        options.check_every = 0; /* Ctrl-C arrives as a signal on this thread */
        instance = apsis_create(&options);
        if (!instance) {
            fputs("apsis: cannot create the interpreter: not enough memory\n", stderr);
            return EXIT_FAILURE;
        }
        status = set_negative_args(argv, script ? line.code_end : 0);
        if (status == EXIT_SUCCESS) status = run_all(argc, argv, &line);
        apsis_close(instance);
    }
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "apsis: cannot write to standard output%s%s\n", errno ? ": " : "",
                errno ? strerror(errno) : "");
        return EXIT_FAILURE;
    }
    if (interrupted) raise(SIGINT); /* tells a shell that runs us in a loop to stop as well: status 130 */
    return status;
}
