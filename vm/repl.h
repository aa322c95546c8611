/* The prompt. repl.c is its loop; repl_edit.c edits lines and repl_history.c keeps them, both with readline,
 * which is GPL and linked into the program only; what a line means is decided in stdlib/repl. */
#ifndef APSIS_VM_REPL_H
#define APSIS_VM_REPL_H

#include "apsis.h"
#include <stdbool.h>

/* Reads lines and runs them until the end of input; on_sigint is installed while code runs. options is handed
 * to repl.open as text: "quiet", "no-init", both or "". Returns the exit status. */
int repl_run(Apsis *a, const char *options, void (*on_sigint)(int));
/* Installs a handler for Ctrl-C, or SIG_DFL (main.c). */
void set_sigint(void (*handler)(int));

/* --- repl_edit.c ---------------------------------------------------------------------------------------- */

/* Sets keys and completion up, once. */
void edit_open(Apsis *a);
/* Reads a line with editing, `prefill` typed in already; malloc'd. NULL at the end of input; "" with *dropped
 * set on Ctrl-C. */
char *edit_line(const char *prompt, const char *prefill, bool *dropped);

/* --- repl_history.c ------------------------------------------------------------------------------------- */

/* Reads the history of earlier sessions; without it there is one of this session alone. */
void past_open(void);
/* An input, of one line or several: it moves to the end if it was there before, and into the file at once. */
void past_add(const char *entry);
/* Takes doubles and the oldest entries out of the file. */
void past_close(void);

#endif
