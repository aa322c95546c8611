/* The C API of Apsis: run Lua with tensors inside a C or C++ program.
 *
 *   Apsis *a = apsis_create(NULL);
 *   if (apsis_run_string(a, "print(require('apsis').ones(2, 3))", "=demo")) puts(apsis_error(a));
 *   apsis_close(a);
 *
 * Every function that can fail returns a status: APSIS_OK (0) or a negative APSIS_ERROR_*, and then
 * apsis_error() has the text. No Lua error and no longjmp ever crosses into the host.
 * An instance is used by one thread at a time; separate instances share nothing and may run in parallel.
 * Only apsis_interrupt() may be called while another thread runs the instance.
 * Sizes are in elements unless a name says bytes. Text is UTF-8 by convention, any bytes in fact. */
#ifndef APSIS_H
#define APSIS_H

#include <stddef.h>
#include <stdint.h>

#define APSIS_VERSION       "0.1.0"
#define APSIS_VERSION_MAJOR 0
#define APSIS_VERSION_MINOR 1

#if defined(__GNUC__)
#define APSIS_API __attribute__((visibility("default")))
#else
#define APSIS_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* One interpreter with its own globals, tensors, random numbers and memory account. */
typedef struct Apsis Apsis;
/* A reference that the host holds on one tensor of an instance. */
typedef struct ApsisTensor ApsisTensor;

enum {
    APSIS_OK = 0,
    APSIS_ERROR = -1,             /* a Lua error: error(), a wrong shape, a missing field */
    APSIS_ERROR_SYNTAX = -2,      /* the code does not compile */
    APSIS_ERROR_MEMORY = -3,      /* out of memory, or beyond the instance's limit */
    APSIS_ERROR_INTERRUPTED = -4, /* stopped by apsis_interrupt */
    APSIS_ERROR_ARGUMENT = -5,    /* the host passed something wrong: NULL, an unknown dtype, ... */
    APSIS_ERROR_FILE = -6         /* a file cannot be read */
};

/* --- instances ----------------------------------------------------------------------------------------- */

/* Receives what Lua's print and io.write produce, any number of bytes a call. Non-zero makes the writer fail
 * with a Lua error. */
typedef int (*ApsisPrint)(const char *text, size_t length, void *payload);

enum {
    /* Leaves out io, debug, the file, process and environment functions of os, and every loader of Lua files
     * and C libraries. Apsis' own readers and writers of data files stay. A help against mistakes, no sandbox
     * for hostile code. */
    APSIS_NO_SYSTEM = 1,
    /* Lets os.exit end the process. Without it os.exit is an error, for the process is the host's. */
    APSIS_ALLOW_EXIT = 2,
    /* apsis_traceback() shows an error as the prompt does: the script's own frames with their lines of
     * source, what failed in them underlined, and the name that was meant in place of one that does not
     * exist. */
    APSIS_EXPLAIN = 4
};

/* Set up with APSIS_OPTIONS_INIT, then change fields: fields that later versions add keep their defaults. */
typedef struct ApsisOptions {
    size_t size;         /* sizeof(ApsisOptions): says which version the host was compiled with */
    unsigned flags;      /* APSIS_NO_SYSTEM | ... */
    int threads;         /* that one op may use; 0: all processors, or what OMP_NUM_THREADS says */
    int64_t limit_bytes; /* of Lua values and tensors (host memory) together; 0: no limit */
    const char *script;  /* arg[0] in Lua; may be NULL */
    int argc;            /* arg[1..argc], and `...` of apsis_run_string and apsis_run_file */
    char *const *argv;   /* copied */
    ApsisPrint print;    /* NULL: standard output */
    void *print_payload; /* handed to print */
    int check_every;     /* Lua instructions between two looks for apsis_interrupt; 0: see there */
} ApsisOptions;
/* Looks every 1000 instructions: any thread may interrupt. */
#define APSIS_OPTIONS_INIT                                                                                   \
    { sizeof(ApsisOptions), 0, 0, 0, NULL, 0, NULL, NULL, NULL, 1000 }

/* Makes an instance; options may be NULL for the defaults. NULL where memory (or the limit) does not suffice
 * or options->size is unknown. The caller closes it with apsis_close. */
APSIS_API Apsis *apsis_create(const ApsisOptions *options);
/* Closes the instance: runs finalizers, releases borrowed data, invalidates every handle. NULL is allowed.
 * Inside a callback of the same instance it does nothing. */
APSIS_API void apsis_close(Apsis *a);

/* The message of the last failure, "" before the first. Owned by the instance, valid until its next call. */
APSIS_API const char *apsis_error(const Apsis *a);
/* The same followed by the Lua call stack where one was recorded. */
APSIS_API const char *apsis_traceback(const Apsis *a);

/* Changes the memory limit; 0: none. Bytes that are in use already stay. */
APSIS_API void apsis_set_limit(Apsis *a, int64_t limit_bytes);
/* Bytes in use now: Lua values and live tensors. */
APSIS_API int64_t apsis_memory(const Apsis *a);

/* Asks a running call to stop with APSIS_ERROR_INTERRUPTED; nothing happens where none is running. May be
 * called from a signal handler and from any thread. Long tensor ops stop at their next look. Lua code stops
 * at the next instruction when the caller is a signal handler on the thread that runs the instance, within
 * check_every instructions otherwise; with check_every 0 other threads stop tensor ops only. (A check costs
 * plain Lua code some of its speed and tensor code next to nothing.) A script may catch the error and clean
 * up; what runs on for half a second, or is interrupted again, gets it again, and then pcall does not catch
 * it. */
APSIS_API void apsis_interrupt(Apsis *a);

/* --- running ------------------------------------------------------------------------------------------- */

/* Runs Lua source (text only, never bytecode). name appears in messages: "=demo" reads demo:1:, "@f.lua" a
 * file; NULL is "=host". */
APSIS_API int apsis_run_string(Apsis *a, const char *code, const char *name);
/* Runs a file of Lua source; a first line that starts with # is skipped. NULL or "-" reads standard input. */
APSIS_API int apsis_run_file(Apsis *a, const char *path);

/* --- values -------------------------------------------------------------------------------------------- */

typedef enum ApsisType {
    APSIS_NIL,
    APSIS_BOOLEAN,
    APSIS_INTEGER,
    APSIS_NUMBER,
    APSIS_STRING,
    APSIS_TENSOR,
    APSIS_OTHER /* a table, a function, ...: results only */
} ApsisType;

typedef struct ApsisValue {
    ApsisType type;
    union {
        int boolean;
        int64_t integer;
        double number;
        struct {
            const char *data; /* a zero follows the last byte in results */
            size_t length;    /* bytes */
        } string;
        ApsisTensor *tensor;
    } as;
} ApsisValue;

static inline ApsisValue apsis_nil(void) {
    ApsisValue v;
    v.type = APSIS_NIL;
    v.as.integer = 0;
    return v;
}
static inline ApsisValue apsis_boolean(int b) {
    ApsisValue v;
    v.type = APSIS_BOOLEAN;
    v.as.boolean = b != 0;
    return v;
}
static inline ApsisValue apsis_integer(int64_t i) {
    ApsisValue v;
    v.type = APSIS_INTEGER;
    v.as.integer = i;
    return v;
}
static inline ApsisValue apsis_number(double x) {
    ApsisValue v;
    v.type = APSIS_NUMBER;
    v.as.number = x;
    return v;
}
/* Does not copy: data lives until the call that takes the value returns. */
static inline ApsisValue apsis_bytes(const char *data, size_t length) {
    ApsisValue v;
    v.type = APSIS_STRING;
    v.as.string.data = data;
    v.as.string.length = length;
    return v;
}
/* Passes a reference; the handle stays the caller's. */
static inline ApsisValue apsis_tensor(ApsisTensor *t) {
    ApsisValue v;
    v.type = APSIS_TENSOR;
    v.as.tensor = t;
    return v;
}

/* Calls a Lua function. `function` is a global or a path of fields ("model.step"), or a module that has been
 * required and its field ("apsis.nn.Linear"); a decimal integer in a path is a position ("layers.1.forward").
 * Fills results[0..nresults-1]: nil where the function returned
 * fewer, cut where it returned more. Strings and tensors in results are the caller's: give them back with
 * apsis_release_values. On failure all results are nil. */
APSIS_API int apsis_call(Apsis *a, const char *function, const ApsisValue *args, int nargs,
                         ApsisValue *results, int nresults);
/* Releases the strings and tensors among values and makes all nil. */
APSIS_API void apsis_release_values(Apsis *a, ApsisValue *values, int n);

/* Sets a global or a field ("config.rate", "sizes.2"; tables on the way are made) to a value. */
APSIS_API int apsis_set(Apsis *a, const char *name, ApsisValue value);
/* Reads one; nil where there is none. Release it with apsis_release_values(a, value, 1). */
APSIS_API int apsis_get(Apsis *a, const char *name, ApsisValue *value);

/* A host function that Lua calls. args live during the call only. It may set *result (nil at first; strings
 * are copied after it returns; a tensor handle is released then). Non-zero raises a Lua error with the text
 * of apsis_fail, or else of the apsis_* call that failed in it. It may call apsis_* functions on the same
 * instance. It must return: no longjmp and no C++ exception may leave it. */
typedef int (*ApsisFunction)(Apsis *a, const ApsisValue *args, int nargs, ApsisValue *result, void *payload);
/* Makes f callable from Lua under a name ("host.read"). */
APSIS_API int apsis_function(Apsis *a, const char *name, ApsisFunction f, void *payload);
/* Sets the error text (copied) and returns APSIS_ERROR, so that a host function can return apsis_fail(...).
 */
APSIS_API int apsis_fail(Apsis *a, const char *message);

/* --- tensors ------------------------------------------------------------------------------------------- */

typedef enum ApsisDtype {
    APSIS_F32,
    APSIS_F64,
    APSIS_F16,
    APSIS_BF16,
    APSIS_I8,
    APSIS_U8,
    APSIS_I16,
    APSIS_I32,
    APSIS_I64,
    APSIS_BOOL /* one byte, 0 or 1 */
} ApsisDtype;

enum { APSIS_MAX_DIMS = 8 };

typedef struct ApsisTensorInfo {
    void *
        data; /* the first element; NULL where the tensor is not in host memory. Writing changes the tensor */
    ApsisDtype dtype;
    int ndim;
    int64_t shape[APSIS_MAX_DIMS];
    int64_t stride[APSIS_MAX_DIMS]; /* in elements; not always those of a C array: apsis_tensor_read copies */
    int64_t numel;
} ApsisTensorInfo;

/* A new tensor with a copy of data: shape[0] x ... x shape[ndim-1] elements in C order. ndim 0 is a single
 * number. data NULL: zeros. *out is the caller's: apsis_tensor_release. */
APSIS_API int apsis_tensor_copy(Apsis *a, const void *data, ApsisDtype dtype, int ndim, const int64_t *shape,
                                ApsisTensor **out);
/* A tensor over the host's memory without a copy. data must be aligned for its dtype and stay valid until
 * release(data, payload) is called, once, when the last view of it is gone (at the latest in apsis_close).
 * Lua writes into data where the script does. Not called where this function fails. release may be NULL. */
APSIS_API int apsis_tensor_borrow(Apsis *a, void *data, ApsisDtype dtype, int ndim, const int64_t *shape,
                                  void (*release)(void *data, void *payload), void *payload,
                                  ApsisTensor **out);
/* What the tensor is now. data stays valid while the handle lives and Lua does not replace the tensor's
 * storage. */
APSIS_API int apsis_tensor_info(const ApsisTensor *t, ApsisTensorInfo *info);
/* Copies the elements in C order into buffer, converted to dtype. capacity: elements that fit; too few is
 * APSIS_ERROR_ARGUMENT and nothing is written. */
APSIS_API int apsis_tensor_read(Apsis *a, const ApsisTensor *t, ApsisDtype dtype, void *buffer,
                                int64_t capacity);
/* Drops the host's reference. NULL is allowed. */
APSIS_API void apsis_tensor_release(Apsis *a, ApsisTensor *t);

/* The library's version, APSIS_VERSION of when it was built. */
APSIS_API const char *apsis_version(void);

#ifdef __cplusplus
}
#endif
#endif
