/* The prompt: reading lines with history. What a line means is decided in stdlib/repl.lua. readline is GPL
 * and linked into the program only. */
#include "repl.h"
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>
#include <readline/history.h>
#include <readline/readline.h>

enum { HISTORY_LINES = 5000, PATH_BYTES = 4096 };

static volatile sig_atomic_t line_dropped;

static void on_prompt_sigint(int signal_number) {
    (void)signal_number;
    line_dropped = 1;
}

/* What readline hands over when a line is complete: NULL at the end of input. */
static char *complete_line;
static bool is_complete;

static void on_line(char *line) {
    complete_line = line;
    is_complete = true;
    rl_callback_handler_remove();
}

static char *drop_line(void) {
    rl_callback_sigcleanup();
    rl_callback_handler_remove();
    putchar('\n');
    return strdup("");
}

/* Reads with editing. readline() itself would not return on Ctrl-C, so this waits for keys in its place;
 * SIGINT is let in only while it waits. "" with line_dropped set on Ctrl-C. */
static char *edit_line(const char *prompt) {
    sigset_t sigint, before;
    sigemptyset(&sigint);
    sigaddset(&sigint, SIGINT);
    is_complete = false;
    rl_callback_handler_install(prompt, on_line);
    sigprocmask(SIG_BLOCK, &sigint, &before);
    while (!is_complete && !line_dropped) {
        fd_set keys;
        FD_ZERO(&keys);
        FD_SET(STDIN_FILENO, &keys);
        int ready = pselect(STDIN_FILENO + 1, &keys, NULL, NULL, NULL, &before);
        if (ready > 0) {
            rl_callback_read_char();
        } else if (errno == EINTR) { /* readline caught a signal and passes it on now */
            sigprocmask(SIG_SETMASK, &before, NULL);
            rl_check_signals();
            sigprocmask(SIG_BLOCK, &sigint, NULL);
        } else {
            on_line(NULL);
        }
    }
    char *line = is_complete ? complete_line : drop_line();
    sigprocmask(SIG_SETMASK, &before, NULL);
    return line;
}

static bool history_path(char path[PATH_BYTES]) {
    const char *given = getenv("APSIS_HISTORY"), *home = getenv("HOME");
    if (given) return *given && snprintf(path, PATH_BYTES, "%s", given) < PATH_BYTES;
    return home && snprintf(path, PATH_BYTES, "%s/.apsis_history", home) < PATH_BYTES;
}

/* One line without its newline, malloc'd; NULL at the end of input. */
static char *read_line(const char *prompt) {
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) return edit_line(prompt);
    fputs(prompt, stdout);
    fflush(stdout);
    char *line = NULL;
    size_t room = 0;
    ssize_t n = getline(&line, &room, stdin);
    if (n < 0) {
        free(line);
        return NULL;
    }
    if (n > 0 && line[n - 1] == '\n') line[n - 1] = '\0';
    return line;
}

/* Hands the line to Lua; true where the statement needs more lines. */
static bool feed(Apsis *a, const char *line, void (*on_sigint)(int)) {
    ApsisValue text = apsis_bytes(line, strlen(line)), more = apsis_nil();
    set_sigint(on_sigint);
    int status = apsis_call(a, "apsis.repl.feed", &text, 1, &more, 1);
    set_sigint(on_prompt_sigint);
    if (status == APSIS_OK) return more.type == APSIS_BOOLEAN && more.as.boolean;
    fflush(stdout);
    fprintf(stderr, "%s\n", apsis_error(a));
    return false;
}

int repl_run(Apsis *a, void (*on_sigint)(int)) {
    char path[PATH_BYTES];
    bool keep = history_path(path) && isatty(STDIN_FILENO), more = false;
    if (apsis_run_string(a, "require 'apsis.repl'.open()", "=(prompt)") != APSIS_OK) {
        fprintf(stderr, "apsis: %s\n", apsis_traceback(a));
        return EXIT_FAILURE;
    }
    setlocale(LC_CTYPE, ""); /* readline edits characters, not bytes */
    rl_readline_name = "apsis";
    if (keep) read_history(path);
    set_sigint(on_prompt_sigint);
    for (char *line; (line = read_line(more ? ">> " : "> ")) != NULL; free(line)) {
        if (line_dropped) {
            line_dropped = 0;
            more = false;
            apsis_call(a, "apsis.repl.reset", NULL, 0, NULL, 0);
            continue;
        }
        if (*line) add_history(line);
        more = feed(a, line, on_sigint);
    }
    set_sigint(SIG_DFL);
    if (isatty(STDIN_FILENO)) putchar('\n');
    if (keep) {
        stifle_history(HISTORY_LINES);
        write_history(path);
    }
    return EXIT_SUCCESS;
}
