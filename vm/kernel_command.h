/* `apsis kernel ...`: installs and starts the Jupyter kernel, a program of its own (vm/jupyter). */
#ifndef APSIS_VM_KERNEL_COMMAND_H
#define APSIS_VM_KERNEL_COMMAND_H

/* argv[0] is the first word after `kernel`. Returns the exit status; `run` returns only where it failed. */
int kernel_command(int argc, char **argv);

#endif
