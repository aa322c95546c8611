/* The prompt's loop: lines from the terminal or a pipe to repl.feed (stdlib/repl), which answers with the
 * next prompt.
 */
#include "repl.h"
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The functions of stdlib/repl under a name that no global shadows. */
#define FRONT "(prompt)."

/* What feed answers: the next prompt, what is typed in already, and the finished input for the history. */
enum { PROMPT, PREFILL, ENTRY, ANSWERS };

static const char *text_of(const ApsisValue *v, const char *otherwise) {
    return v->type == APSIS_STRING ? v->as.string.data : otherwise;
}

/* Calls one of the front's functions; its error is printed. */
static void ask(Apsis *a, const char *function, const ApsisValue *argument, ApsisValue *answers) {
    apsis_release_values(a, answers, ANSWERS);
    if (apsis_call(a, function, argument, argument != NULL, answers, ANSWERS) == APSIS_OK) return;
    fflush(stdout);
    fprintf(stderr, "%s\n", apsis_error(a));
    apsis_call(a, FRONT "reset", NULL, 0, answers, ANSWERS);
}

static void feed(Apsis *a, const char *line, size_t length, ApsisValue *answers, void (*on_sigint)(int)) {
    ApsisValue text = apsis_bytes(line, length);
    set_sigint(on_sigint);
    ask(a, FRONT "feed", &text, answers);
    set_sigint(SIG_DFL);
}

/* The end of input, Ctrl-D: whether the conversation goes on, since only the debugger was left. */
static bool goes_on(Apsis *a, ApsisValue *answers) {
    ask(a, FRONT "leave", NULL, answers);
    putchar('\n');
    return answers[PROMPT].type == APSIS_STRING;
}

static void converse(Apsis *a, ApsisValue *answers, void (*on_sigint)(int)) {
    bool dropped = false;
    edit_open(a);
    past_open();
    for (;;) {
        char *line = edit_line(text_of(&answers[PROMPT], "> "), text_of(&answers[PREFILL], ""), &dropped);
        if (!line) {
            if (goes_on(a, answers)) continue;
            break;
        }
        if (dropped) {
            ask(a, FRONT "reset", NULL, answers);
        } else {
            feed(a, line, strlen(line), answers, on_sigint);
            past_add(text_of(&answers[ENTRY], ""));
        }
        free(line);
    }
    past_close();
}

static void read_pipe(Apsis *a, ApsisValue *answers, void (*on_sigint)(int)) {
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    while ((n = getline(&line, &room, stdin)) >= 0) {
        if (n > 0 && line[n - 1] == '\n') n--;
        feed(a, line, (size_t)n, answers, on_sigint);
    }
    free(line);
}

int repl_run(Apsis *a, const char *options, void (*on_sigint)(int)) {
    bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    ApsisValue answers[ANSWERS] = {apsis_nil(), apsis_nil(), apsis_nil()};
    char arguments[64];
    snprintf(arguments, sizeof arguments, "%s%s", options, terminal ? "" : " pipe");
    ApsisValue given = apsis_bytes(arguments, strlen(arguments));
    if (apsis_run_string(a, "package.loaded['(prompt)'] = require 'apsis.repl'", "=(prompt)") != APSIS_OK) {
        fprintf(stderr, "apsis: %s\n", apsis_traceback(a));
        return EXIT_FAILURE;
    }
    setlocale(LC_CTYPE, ""); /* readline edits characters, not bytes */
    set_sigint(on_sigint);
    ask(a, FRONT "open", &given, answers);
    set_sigint(SIG_DFL);
    if (terminal)
        converse(a, answers, on_sigint);
    else
        read_pipe(a, answers, on_sigint);
    ask(a, FRONT "close", NULL, answers);
    apsis_release_values(a, answers, ANSWERS);
    return EXIT_SUCCESS;
}
