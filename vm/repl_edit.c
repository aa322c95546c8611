/* Editing a line with readline: keys, completion, Ctrl-C. What completes and how lines are indented is
 * decided in stdlib/repl. */
#include "repl.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>
#include <readline/readline.h>

/* readline's hooks carry no pointer of ours. */
static Apsis *host;

/* --- the start of a line, and its end ------------------------------------------------------------------- */

static const char *typed_in; /* by us, before the user types */

static int type_in(void) {
    if (!*typed_in) return 0;
    rl_insert_text(typed_in);
    typed_in = "";
    return 0;
}

/* Enter: a line that closes a block moves to the left of what it closes. */
static int accept(int count, int key) {
    ApsisValue line = apsis_bytes(rl_line_buffer, (size_t)rl_end), better;
    if (apsis_call(host, "(prompt).outdent", &line, 1, &better, 1) == APSIS_OK &&
        better.type == APSIS_STRING) {
        rl_replace_line(better.as.string.data, 0);
        rl_point = rl_end;
        rl_redisplay();
    }
    apsis_release_values(host, &better, 1);
    return rl_newline(count, key);
}

/* --- completion ----------------------------------------------------------------------------------------- */

enum { BREAKS, MATCHES, SUFFIX, FOUND };
static ApsisValue found[FOUND];

/* Asks Lua what could stand at the cursor; answers with the characters that end a word there. */
static char *look(void) {
    ApsisValue line = apsis_bytes(rl_line_buffer, (size_t)rl_point);
    apsis_release_values(host, found, FOUND);
    if (apsis_call(host, "(prompt).complete", &line, 1, found, FOUND) != APSIS_OK) return NULL;
    return found[BREAKS].type == APSIS_STRING ? (char *)found[BREAKS].as.string.data : NULL;
}

/* The lines of MATCHES that begin with text, one a call. */
static const char *rest_of_matches;

static char *next_match(const char *text, int state) {
    if (!state) rest_of_matches = found[MATCHES].as.string.data;
    size_t wanted = strlen(text);
    while (*rest_of_matches) {
        const char *match = rest_of_matches;
        size_t n = strcspn(match, "\n");
        rest_of_matches += n + (match[n] == '\n');
        if (n >= wanted && strncmp(match, text, wanted) == 0) return strndup(match, n);
    }
    return NULL;
}

/* MATCHES is a list, or `true` where file names are wanted. */
static char **complete(const char *text, int start, int end) {
    (void)start, (void)end;
    rl_attempted_completion_over = 1; /* no file names where Lua knows nothing */
    rl_completion_append_character =
        found[SUFFIX].type == APSIS_STRING ? *found[SUFFIX].as.string.data : '\0';
    if (found[MATCHES].type == APSIS_STRING) return rl_completion_matches(text, next_match);
    if (found[MATCHES].type != APSIS_BOOLEAN) return NULL;
    rl_filename_completion_desired = 1;
    return rl_completion_matches(text, rl_filename_completion_function);
}

/* --- setting up ----------------------------------------------------------------------------------------- */

/* Before readline reads the user's inputrc, which therefore wins. */
static void bind_keys(Keymap map) {
    rl_bind_keyseq_in_map("\033[A", rl_history_search_backward, map);
    rl_bind_keyseq_in_map("\033[B", rl_history_search_forward, map);
    rl_bind_keyseq_in_map("\033OA", rl_history_search_backward, map);
    rl_bind_keyseq_in_map("\033OB", rl_history_search_forward, map);
    rl_bind_keyseq_in_map("\r", accept, map);
    rl_bind_keyseq_in_map("\n", accept, map);
}

void edit_open(Apsis *a) {
    host = a;
    rl_readline_name = "apsis"; /* for inputrc's $if */
    rl_add_defun("apsis-accept-line", accept, -1);
    bind_keys(emacs_standard_keymap);
    bind_keys(vi_insertion_keymap);
    rl_startup_hook = type_in;
    rl_completion_word_break_hook = look;
    rl_attempted_completion_function = complete;
    rl_initialize();
}

/* --- reading -------------------------------------------------------------------------------------------- */

/* What was typed while Lua asked the terminal something (terminal.keep_typed), from its first byte on that is
 * not yet with readline. */
static ApsisValue typed_ahead;
static size_t typed_used;

static void take_typed(void) {
    if (typed_ahead.type == APSIS_STRING && typed_used < typed_ahead.as.string.length) return;
    apsis_release_values(host, &typed_ahead, 1);
    typed_used = 0;
    if (apsis_call(host, "(prompt).typed", NULL, 0, &typed_ahead, 1) != APSIS_OK)
        apsis_release_values(host, &typed_ahead, 1);
}

/* Gives readline what was typed up to the end of a line, as if the keys were pressed now. */
static void replay_typed(void) {
    take_typed();
    if (typed_ahead.type != APSIS_STRING) return;
    const char *bytes = typed_ahead.as.string.data;
    size_t end = typed_ahead.as.string.length, first = typed_used;
    bool line_ends = false;
    while (typed_used < end && !line_ends && rl_stuff_char((unsigned char)bytes[typed_used]))
        line_ends = bytes[typed_used] == '\r' || bytes[typed_used] == '\n', typed_used++;
    if (typed_used > first) rl_callback_read_char();
}

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

/* Waits for a key; SIGINT is let in only meanwhile. */
static void wait_for_key(const sigset_t *sigint, const sigset_t *before) {
    fd_set keys;
    FD_ZERO(&keys);
    FD_SET(STDIN_FILENO, &keys);
    int ready = pselect(STDIN_FILENO + 1, &keys, NULL, NULL, NULL, before);
    if (ready > 0) {
        rl_callback_read_char();
    } else if (errno == EINTR) { /* readline caught a signal and passes it on now */
        sigprocmask(SIG_SETMASK, before, NULL);
        rl_check_signals();
        sigprocmask(SIG_BLOCK, sigint, NULL);
    } else {
        on_line(NULL);
    }
}

/* Nothing is typed yet: the time to tidy up. The prompt is on the screen already. */
static void rest(void) {
    struct pollfd keys = {.fd = STDIN_FILENO, .events = POLLIN};
    if (!is_complete && poll(&keys, 1, 0) == 0) apsis_call(host, "(prompt).rest", NULL, 0, NULL, 0);
}

/* readline() itself would not return on Ctrl-C, so this waits for keys in its place. */
char *edit_line(const char *prompt, const char *prefill, bool *dropped) {
    sigset_t sigint, before;
    sigemptyset(&sigint);
    sigaddset(&sigint, SIGINT);
    line_dropped = 0;
    set_sigint(on_prompt_sigint);
    is_complete = false;
    typed_in = prefill;
    rl_callback_handler_install(prompt, on_line);
    replay_typed();
    rest();
    sigprocmask(SIG_BLOCK, &sigint, &before);
    while (!is_complete && !line_dropped) wait_for_key(&sigint, &before);
    *dropped = !is_complete;
    char *line = is_complete ? complete_line : drop_line();
    sigprocmask(SIG_SETMASK, &before, NULL);
    set_sigint(SIG_DFL);
    return line;
}
