/* The prompt. */
#ifndef APSIS_VM_REPL_H
#define APSIS_VM_REPL_H

#include "apsis.h"

/* Reads lines and runs them until the end of input; on_sigint is installed while code runs. Returns the exit
 * status. */
int repl_run(Apsis *a, void (*on_sigint)(int));
/* Installs a handler for Ctrl-C, or SIG_DFL (main.c). */
void set_sigint(void (*handler)(int));

#endif
