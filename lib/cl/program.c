/* Programs: source with its includes, built for one device and one set of flags, cached in memory and on
 * disk. Process-wide: a program that one instance built serves all. */
#include "cl/cache.h"
#include "cl/runtime.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INCLUDES = 8, LOG_ROOM = 700 };

struct ClProgram {
    char *name; /* file and options */
    cl_program program;
    ClProgram *next;
};

/* --- source ----------------------------------------------------------------------------------------------
 */

typedef struct Text {
    char *data;
    size_t size, room;
    bool failed;
} Text;

static void append(Text *t, const char *data, size_t n) {
    if (t->size + n + 1 > t->room) {
        size_t room = (t->size + n + 1) * 2;
        char *grown = realloc(t->data, room);
        t->failed = t->failed || !grown;
        if (!grown) return;
        t->data = grown;
        t->room = room;
    }
    memcpy(t->data + t->size, data, n);
    t->size += n;
    t->data[t->size] = '\0';
}

/* The name in a line `#include "NAME"`, or false. */
static bool included_name(const char *line, size_t n, char *name, size_t room) {
    static const char directive[] = "#include \"";
    if (n < sizeof directive || memcmp(line, directive, sizeof directive - 1) != 0) return false;
    const char *start = line + sizeof directive - 1, *end = memchr(start, '"', (size_t)(line + n - start));
    if (!end || (size_t)(end - start) >= room) return false;
    memcpy(name, start, (size_t)(end - start));
    name[end - start] = '\0';
    return true;
}

/* Appends the bundled file with its includes in their place: drivers find no files of ours. A name is looked
 * up in kernels_cl/, then in lib/. */
static bool append_file(Ctx *c, Text *t, const char *name, int depth) {
    char path[256], inner[128], mark[160];
    const char *text = NULL;
    snprintf(path, sizeof path, "kernels_cl/%s", name);
    if (c->source) text = c->source(path);
    snprintf(path, sizeof path, "lib/%s", name);
    if (!text && c->source) text = c->source(path);
    REQUIRE(c, text && depth < MAX_INCLUDES, "internal: the kernel source %s is not in the program", name);
    int line = 1;
    append(t, mark, (size_t)snprintf(mark, sizeof mark, "#line 1 \"%s\"\n", name));
    while (*text) {
        const char *end = strchr(text, '\n');
        size_t n = end ? (size_t)(end - text + 1) : strlen(text);
        line++;
        if (included_name(text, n, inner, sizeof inner)) {
            if (!append_file(c, t, inner, depth + 1)) return false;
            append(t, mark, (size_t)snprintf(mark, sizeof mark, "#line %d \"%s\"\n", line, name));
        } else {
            append(t, text, n);
        }
        text += n;
    }
    REQUIRE(c, !t->failed, "out of memory");
    return true;
}

/* --- building --------------------------------------------------------------------------------------------
 */

/* What every program is built with, before its own macros. */
static void common_options(char *options, size_t room, const ClDevice *d, const char *own) {
    const char *extra = getenv("APSIS_CL_FLAGS"); /* for looking into a compiler */
    snprintf(options, room, "-cl-std=CL1.2%s%s%s%s%s %s %s",
             d->info.exact_divide ? " -cl-fp32-correctly-rounded-divide-sqrt" : "",
             d->info.fp64 ? " -D HAVE_FP64=1" : "", d->info.fp16 ? " -D HAVE_FP16=1" : "",
             d->as_gpu ? " -D ON_GPU=1" : "", strstr(d->info.vendor, "NVIDIA") ? " -D ON_NVIDIA=1" : "", own,
             extra ? extra : "");
}

static cl_program from_binary(const ClDevice *d, CacheKey key, const char *options) {
    size_t size;
    unsigned char *data = cache_read(key, &size);
    if (!data) return NULL;
    cl_int status = CL_SUCCESS, error;
    cl_program p = cl_api.CreateProgramWithBinary(d->context, 1, &d->id, &size,
                                                  (const unsigned char *[]){data}, &status, &error);
    free(data);
    if (p && !status && cl_api.BuildProgram(p, 1, &d->id, options, NULL, NULL) == CL_SUCCESS) return p;
    if (p) cl_api.ReleaseProgram(p);
    cache_remove(key);
    return NULL;
}

static void keep_binary(cl_program p, CacheKey key) {
    size_t size = 0;
    if (cl_api.GetProgramInfo(p, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL) || size == 0) return;
    unsigned char *data = malloc(size);
    if (data && cl_api.GetProgramInfo(p, CL_PROGRAM_BINARIES, sizeof data, &data, NULL) == CL_SUCCESS)
        cache_write(key, data, size);
    free(data);
}

static bool fail_build(Ctx *c, const char *op, const ClDevice *d, Device number, const char *file,
                       const char *options, cl_program p, cl_int error) {
    size_t size = 0;
    char *log = NULL;
    if (p) cl_api.GetProgramBuildInfo(p, d->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
    if (size) log = calloc(size + 1, 1);
    if (log) cl_api.GetProgramBuildInfo(p, d->id, CL_PROGRAM_BUILD_LOG, size, log, NULL);
    ctx_fail(c, "%s: %s did not compile on cl:%d (%s): %s\n%.*s\nflags: %s", op, file, number, d->info.name,
             cl_error_name(error), LOG_ROOM, log ? log : "(no log)", options);
    free(log);
    return false;
}

static cl_program from_source(Ctx *c, const char *op, const ClDevice *d, Device number, const char *file,
                              const char *source, const char *options) {
    cl_int error;
    cl_program p = cl_api.CreateProgramWithSource(d->context, 1, &source, NULL, &error);
    if (p) error = cl_api.BuildProgram(p, 1, &d->id, options, NULL, NULL);
    if (p && !error) return p;
    fail_build(c, op, d, number, file, options, p, error);
    if (p) cl_api.ReleaseProgram(p);
    return NULL;
}

static cl_program build(Ctx *c, const char *op, const ClDevice *d, Device number, const char *file,
                        const char *options) {
    Text source = {0};
    cl_program p = NULL;
    if (append_file(c, &source, file, 0)) {
        CacheKey key = cache_key(3, (const char *const[]){d->identity, options, source.data});
        p = from_binary(d, key, options);
        if (!p) {
            p = from_source(c, op, d, number, file, source.data, options);
            if (p) keep_binary(p, key);
        }
    }
    free(source.data);
    return p;
}

/* The lock is held while a program builds: another instance that wants it then finds it. */
static cl_program find_or_build(Ctx *c, const char *op, ClDevice *d, Device number, const char *file,
                                const char *options) {
    char name[2048];
    snprintf(name, sizeof name, "%s %s", file, options);
    for (ClProgram *p = d->programs; p; p = p->next)
        if (strcmp(p->name, name) == 0) return p->program;
    ClProgram *p = calloc(1, sizeof *p);
    if (p) p->name = strdup(name);
    if (p && p->name) {
        p->program = build(c, op, d, number, file, options);
    } else {
        ctx_fail(c, "%s: out of memory", op);
    }
    if (p && p->program) {
        p->next = d->programs;
        d->programs = p;
        return p->program;
    }
    if (p) free(p->name);
    free(p);
    return NULL;
}

cl_program cl_build(Ctx *c, const char *op, ClDevice *d, Device number, const char *file,
                    const char *own_options) {
    char options[1024];
    common_options(options, sizeof options, d, own_options);
    cl_lock();
    cl_program p = find_or_build(c, op, d, number, file, options);
    cl_unlock();
    return p;
}
