/* `apsis kernel ...`: the words of the command line go to stdlib/jupyter/install.lua; `run` becomes the
 * kernel program, which lies beside this one. */
#include "kernel_command.h"
#include "apsis.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

static const char usage[] =
    "usage: apsis kernel install [--user | --sys-prefix | --prefix DIR] [--name NAME] [--display-name TEXT]\n"
    "       apsis kernel run CONNECTION_FILE\n"
    "install tells Jupyter's front ends of this program:\n"
    "  --user           for you (this is what happens without an option)\n"
    "  --sys-prefix     in the Python environment that is active\n"
    "  --prefix DIR     below DIR/share/jupyter\n"
    "  --name NAME      the kernel's folder (apsis)\n"
    "  --display-name TEXT   what front ends show (Apsis)\n"
    "run serves one; front ends call it. What some put behind the file's name is ignored.\n";

/* The path of the program that runs; false where it cannot be known. */
static int own_path(char path[PATH_MAX]) {
#ifdef __APPLE__
    uint32_t size = PATH_MAX;
    char given[PATH_MAX];
    return _NSGetExecutablePath(given, &size) == 0 && realpath(given, path) != NULL;
#else
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return 1;
#endif
}

/* The kernel program beside this one. */
static int kernel_path(const char *own, char path[PATH_MAX]) {
    const char *slash = strrchr(own, '/');
    int folder = slash ? (int)(slash - own) : 0;
    int n = snprintf(path, PATH_MAX, "%.*s/apsis-kernel", folder, own);
    return n > 0 && n < PATH_MAX && access(path, X_OK) == 0;
}

static int missing(const char *path) {
    fprintf(stderr,
            "apsis kernel: there is no %s: it is built where libzmq and libsodium are (Debian and Ubuntu: "
            "libzmq3-dev "
            "and libsodium-dev; `make deps` installs them), so install those and run make again\n",
            path);
    return EXIT_FAILURE;
}

/* Hands the words and both programs' paths to Lua. */
static int install(int argc, char **argv, const char *own, const char *kernel) {
    ApsisOptions options = APSIS_OPTIONS_INIT;
    char *words[argc + 2];
    words[0] = (char *)own;
    words[1] = (char *)kernel;
    for (int i = 0; i < argc; i++) words[2 + i] = argv[i];
    options.script = "apsis kernel install";
    options.argc = argc + 2;
    options.argv = words;
    Apsis *a = apsis_create(&options);
    if (!a) {
        fputs("apsis: cannot create the interpreter: not enough memory\n", stderr);
        return EXIT_FAILURE;
    }
    int status = apsis_run_string(a, "require 'apsis.jupyter.install'(...)", "=install");
    if (status != APSIS_OK) fprintf(stderr, "apsis kernel install: %s\n", apsis_error(a));
    apsis_close(a);
    return status == APSIS_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int kernel_command(int argc, char **argv) {
    char own[PATH_MAX], kernel[PATH_MAX];
    const char *word = argc > 0 ? argv[0] : "";
    int is_run = strcmp(word, "run") == 0, is_install = strcmp(word, "install") == 0;
    if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
        fputs(usage, stdout);
        return EXIT_SUCCESS;
    }
    if (!is_install && (!is_run || argc < 2)) {
        fputs(usage, stderr);
        return 2;
    }
    if (!own_path(own)) {
        fprintf(stderr, "apsis kernel: cannot find out where this program lies: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    if (!kernel_path(own, kernel)) return missing(kernel);
    if (is_install) return install(argc - 1, argv + 1, own, kernel);
    execv(kernel, (char *[]){kernel, argv[1], NULL});
    fprintf(stderr, "apsis kernel: %s: %s\n", kernel, strerror(errno));
    return EXIT_FAILURE;
}
