/* Every function of apsis.h but interruption (interrupt.c): results, wrong use, failures. */
#include "check.h"
#include <stdlib.h>

/* --- running and errors -------------------------------------------------------------------------------- */

static void test_running(Apsis *a) {
    OK(a, apsis_run_string(a, "x = 1 + 1", "=demo"));
    OK(a, apsis_run_string(a, "assert(x == 2)", NULL));
    OK(a, apsis_run_string(a, "", "=empty"));

    STATUS(a, apsis_run_string(a, "\nerror('boom')", "=demo"), APSIS_ERROR);
    CHECK(strcmp(apsis_error(a), "demo:2: boom") == 0);
    CONTAINS(apsis_traceback(a), "demo:2: boom\nstack traceback:");
    CONTAINS(apsis_traceback(a), "in main chunk");
    STATUS(a, apsis_run_string(a, "x = = 1", "=demo"), APSIS_ERROR_SYNTAX);
    CONTAINS(apsis_error(a), "demo:1: unexpected symbol near '='");
    STATUS(a, apsis_run_string(a, "\x1bLua", "=bytecode"), APSIS_ERROR_SYNTAX);
    CONTAINS(apsis_error(a), "attempt to load a binary chunk");

    STATUS(a, apsis_run_string(a, "error({code = 7})", NULL), APSIS_ERROR);
    CONTAINS(apsis_error(a), "error object is a table value");
    STATUS(a,
           apsis_run_string(a, "error(setmetatable({}, {__tostring = function() return 'shown' end}))", NULL),
           APSIS_ERROR);
    CHECK(strcmp(apsis_error(a), "shown") == 0);
    STATUS(a, apsis_run_string(a, "error()", NULL), APSIS_ERROR);
    CONTAINS(apsis_error(a), "error object is a nil value");
    STATUS(a, apsis_run_string(a, "local function f() return f() + 1 end f()", NULL), APSIS_ERROR);
    CONTAINS(apsis_error(a), "stack overflow");
    STATUS(a, apsis_run_string(a, "os.exit(3)", NULL), APSIS_ERROR);
    CONTAINS(apsis_error(a), "the host program does not allow it");
    STATUS(a, apsis_run_string(a, "local ap = require 'apsis'; ap.ones(3, 4):matmul(ap.ones(5, 6))", "=demo"),
           APSIS_ERROR);
    CONTAINS(apsis_error(a), "demo:1: matmul: ");

    /* A failure leaves the instance as good as it was; its text stays through successes. */
    OK(a, apsis_run_string(a, "assert(x == 2)", NULL));
    CONTAINS(apsis_error(a), "matmul");

    STATUS(a, apsis_run_string(a, NULL, NULL), APSIS_ERROR_ARGUMENT);
    CHECK(apsis_run_string(NULL, "x = 1", NULL) == APSIS_ERROR_ARGUMENT);
    CHECK(strcmp(apsis_error(NULL), "no instance") == 0);
    CHECK(strcmp(apsis_traceback(NULL), "no instance") == 0);
}

static void test_files(Apsis *a) {
    const char *path = "apsis_api_test.lua";
    FILE *f = fopen(path, "w");
    CHECK(f != NULL);
    if (!f) return;
    fputs("#!/usr/bin/env apsis\nfrom_file = ...\nerror('line 3')\n", f);
    fclose(f);
    STATUS(a, apsis_run_file(a, path), APSIS_ERROR);
    CHECK(strcmp(apsis_error(a), "apsis_api_test.lua:3: line 3") == 0);
    CHECK(remove(path) == 0);
    STATUS(a, apsis_run_file(a, path), APSIS_ERROR_FILE);
    CONTAINS(apsis_error(a), "apsis_api_test.lua");
    STATUS(a, apsis_run_file(a, "."), APSIS_ERROR_FILE);
    CHECK(apsis_run_file(NULL, path) == APSIS_ERROR_ARGUMENT);

    ApsisValue v;
    OK(a, apsis_get(a, "from_file", &v)); /* the instance's first argument */
    CHECK(v.type == APSIS_STRING && strcmp(v.as.string.data, "first") == 0);
    apsis_release_values(a, &v, 1);
}

static void test_arguments(Apsis *a) {
    OK(a, apsis_run_string(a, "assert(arg[0] == 'host' and arg[1] == 'first' and arg[2] == 'second')", NULL));
    OK(a, apsis_run_string(a, "assert(#arg == 2 and select('#', ...) == 2 and ... == 'first')", NULL));
}

/* --- values -------------------------------------------------------------------------------------------- */

static void test_values(Apsis *a) {
    ApsisValue args[6], results[6];
    OK(a,
       apsis_run_string(
           a, "function echo(...) return ... end nested = {f = {g = function(x) return x * 2 end}}", NULL));
    args[0] = apsis_nil();
    args[1] = apsis_boolean(5);
    args[2] = apsis_integer(INT64_MIN);
    args[3] = apsis_number(0.1);
    args[4] = apsis_bytes("a\0b", 3);
    args[5] = apsis_bytes(NULL, 0);
    OK(a, apsis_call(a, "echo", args, 6, results, 6));
    CHECK(results[0].type == APSIS_NIL);
    CHECK(results[1].type == APSIS_BOOLEAN && results[1].as.boolean == 1);
    CHECK(results[2].type == APSIS_INTEGER && results[2].as.integer == INT64_MIN);
    CHECK(results[3].type == APSIS_NUMBER && results[3].as.number == 0.1);
    CHECK(results[4].type == APSIS_STRING && results[4].as.string.length == 3);
    CHECK(memcmp(results[4].as.string.data, "a\0b", 4) == 0);
    CHECK(results[5].type == APSIS_STRING && results[5].as.string.length == 0);
    apsis_release_values(a, results, 6);
    CHECK(results[4].type == APSIS_NIL);
    apsis_release_values(a, results, 6); /* again: nothing to do */
    apsis_release_values(a, NULL, 3);

    OK(a, apsis_call(a, "echo", args + 1, 1, results, 3)); /* fewer than asked for */
    CHECK(results[0].type == APSIS_BOOLEAN && results[1].type == APSIS_NIL && results[2].type == APSIS_NIL);
    OK(a, apsis_call(a, "echo", args, 6, NULL, 0)); /* more */
    OK(a, apsis_call(a, "collectgarbage", NULL, 0, NULL, 0));

    args[0] = apsis_integer(21);
    OK(a, apsis_call(a, "nested.f.g", args, 1, results, 1));
    CHECK(results[0].type == APSIS_INTEGER && results[0].as.integer == 42);
    OK(a, apsis_call(a, "string.rep", (args[0] = apsis_bytes("ab", 2), args[1] = apsis_integer(2), args), 2,
                     results, 1));
    CHECK(results[0].type == APSIS_STRING && strcmp(results[0].as.string.data, "abab") == 0);
    apsis_release_values(a, results, 1);
    OK(a, apsis_run_string(a, "require 'apsis.nn'", NULL));
    args[0] = apsis_integer(3), args[1] = apsis_integer(2);
    OK(a, apsis_call(a, "apsis.nn.Linear", args, 2, results, 1));
    CHECK(results[0].type == APSIS_OTHER);
    apsis_release_values(a, results, 1);
}

static void test_wrong_values(Apsis *a) {
    ApsisValue arg = apsis_tensor(NULL), result = apsis_integer(1);
    STATUS(a, apsis_call(a, "echo", &arg, 1, &result, 1), APSIS_ERROR_ARGUMENT);
    CHECK(result.type == APSIS_NIL); /* also where the call was refused */
    arg = apsis_bytes(NULL, 4);
    STATUS(a, apsis_call(a, "echo", &arg, 1, NULL, 0), APSIS_ERROR_ARGUMENT);
    arg.type = APSIS_OTHER;
    STATUS(a, apsis_call(a, "echo", &arg, 1, NULL, 0), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_set(a, "x", arg), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_call(a, NULL, NULL, 0, NULL, 0), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_call(a, "echo", NULL, 1, NULL, 0), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_call(a, "echo", NULL, 0, NULL, 1), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_call(a, "echo", NULL, -1, NULL, 0), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_call(a, "echo", NULL, 0, &result, -1), APSIS_ERROR_ARGUMENT);
    CHECK(apsis_call(NULL, "echo", NULL, 0, &result, 1) == APSIS_ERROR_ARGUMENT);

    STATUS(a, apsis_call(a, "no_such", NULL, 0, &result, 1), APSIS_ERROR);
    CONTAINS(apsis_error(a), "there is no function 'no_such'");
    STATUS(a, apsis_call(a, "", NULL, 0, NULL, 0), APSIS_ERROR);
    STATUS(a, apsis_call(a, "nested.f.h.i.j", NULL, 0, NULL, 0), APSIS_ERROR);
    STATUS(a, apsis_call(a, "x.y.z", NULL, 0, NULL, 0), APSIS_ERROR);
    CONTAINS(apsis_error(a), "attempt to index a number value");
    STATUS(a, apsis_call(a, "nested", NULL, 0, NULL, 0), APSIS_ERROR);
    CONTAINS(apsis_error(a), "attempt to call a table value");
    STATUS(a, apsis_call(a, "error", (arg = apsis_bytes("raised", 6), &arg), 1, &result, 1), APSIS_ERROR);
    CHECK(result.type == APSIS_NIL && strcmp(apsis_error(a), "raised") == 0);
}

static void test_names(Apsis *a) {
    ApsisValue v;
    OK(a, apsis_set(a, "config.rate", apsis_number(0.5)));
    OK(a, apsis_set(a, "config.sizes.2", apsis_integer(20)));
    OK(a, apsis_set(a, "config.sizes.-1", apsis_integer(9)));
    OK(a, apsis_set(a, "config.names.2x", apsis_integer(8)));
    OK(a, apsis_run_string(
              a, "assert(config.rate == 0.5 and config.sizes[2] == 20 and config.sizes[-1] == 9)", NULL));
    OK(a, apsis_run_string(a, "assert(config.names['2x'] == 8)", NULL));
    OK(a, apsis_get(a, "config.sizes.2", &v));
    CHECK(v.type == APSIS_INTEGER && v.as.integer == 20);
    OK(a, apsis_get(a, "config", &v));
    CHECK(v.type == APSIS_OTHER);
    OK(a, apsis_get(a, "no.such.thing", &v));
    CHECK(v.type == APSIS_NIL);
    OK(a, apsis_set(a, "config", apsis_nil()));
    OK(a, apsis_run_string(a, "assert(config == nil)", NULL));
    STATUS(a, apsis_set(a, "x.y", apsis_nil()), APSIS_ERROR); /* x is a number */
    STATUS(a, apsis_set(a, "", apsis_nil()), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_set(a, NULL, apsis_nil()), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_set(a, "t", apsis_tensor(NULL)), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_get(a, NULL, &v), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_get(a, "x", NULL), APSIS_ERROR_ARGUMENT);
    CHECK(apsis_set(NULL, "x", apsis_nil()) == APSIS_ERROR_ARGUMENT);
    CHECK(apsis_get(NULL, "x", &v) == APSIS_ERROR_ARGUMENT && v.type == APSIS_NIL);
    OK(a,
       apsis_run_string(a, "hostile = setmetatable({}, {__index = function() error 'no index' end})", NULL));
    STATUS(a, apsis_get(a, "hostile.x", &v), APSIS_ERROR);
    CONTAINS(apsis_error(a), "no index");
}

/* --- host functions ------------------------------------------------------------------------------------ */

static int add_up(Apsis *a, const ApsisValue *args, int nargs, ApsisValue *result, void *payload) {
    double sum = *(double *)payload;
    for (int i = 0; i < nargs; i++) {
        if (args[i].type == APSIS_INTEGER)
            sum += (double)args[i].as.integer;
        else if (args[i].type == APSIS_NUMBER)
            sum += args[i].as.number;
        else
            return apsis_fail(a, "add_up: expected numbers");
    }
    *result = apsis_number(sum);
    return APSIS_OK;
}

static int pass_through(Apsis *a, const ApsisValue *args, int nargs, ApsisValue *result, void *payload) {
    (void)a;
    (void)payload;
    if (nargs > 0) *result = args[0];
    return APSIS_OK;
}

static int fail_silently(Apsis *a, const ApsisValue *args, int nargs, ApsisValue *result, void *payload) {
    (void)a, (void)args, (void)nargs, (void)result, (void)payload;
    return -77;
}

static int fail_again(Apsis *a, const ApsisValue *args, int nargs, ApsisValue *result, void *payload) {
    (void)args, (void)nargs, (void)result, (void)payload;
    return apsis_fail(a, apsis_error(a)); /* the text that the instance holds itself */
}

static int bad_result(Apsis *a, const ApsisValue *args, int nargs, ApsisValue *result, void *payload) {
    (void)a, (void)args, (void)nargs, (void)payload;
    *result = apsis_tensor(NULL);
    return APSIS_OK;
}

/* Calls back into Lua from inside a call from Lua; the close must do nothing. */
static int reenter(Apsis *a, const ApsisValue *args, int nargs, ApsisValue *result, void *payload) {
    (void)payload;
    apsis_close(a);
    return apsis_call(a, "called_back", args, nargs, result, 1);
}

/* A tensor of the host's own as the result. */
static int make_tensor(Apsis *a, const ApsisValue *args, int nargs, ApsisValue *result, void *payload) {
    static const float data[] = {1, 2, 3};
    static const int64_t shape[] = {3};
    ApsisTensor *t;
    (void)args, (void)nargs, (void)payload;
    int status = apsis_tensor_copy(a, data, APSIS_F32, 1, shape, &t);
    if (status == APSIS_OK) *result = apsis_tensor(t);
    return status;
}

static void test_functions(Apsis *a) {
    double start = 100;
    OK(a, apsis_function(a, "host.add", add_up, &start));
    OK(a, apsis_function(a, "host.pass", pass_through, NULL));
    OK(a, apsis_function(a, "host.silent", fail_silently, NULL));
    OK(a, apsis_function(a, "host.again", fail_again, NULL));
    OK(a, apsis_function(a, "host.bad", bad_result, NULL));
    OK(a, apsis_function(a, "host.reenter", reenter, NULL));
    OK(a, apsis_function(a, "host.make", make_tensor, NULL));
    OK(a, apsis_run_string(a, "assert(host.add(1, 2, 0.5) == 103.5 and host.add() == 100)", NULL));
    STATUS(a, apsis_run_string(a, "\nhost.add {}", "=demo"), APSIS_ERROR);
    CHECK(strcmp(apsis_error(a), "demo:2: add_up: expected numbers") == 0);
    OK(a, apsis_run_string(
              a, "local ok, e = pcall(host.add, 'x'); assert(not ok and e:find 'expected numbers')", NULL));
    OK(a, apsis_run_string(a, "local ok, e = pcall(host.silent); assert(e:find 'the host function failed')",
                           NULL));
    OK(a, apsis_run_string(a, "local ok, e = pcall(host.again); assert(e:find 'the host function failed')",
                           NULL));
    OK(a,
       apsis_run_string(a, "local ok, e = pcall(host.bad); assert(not ok and e:find 'NULL tensor')", NULL));
    OK(a, apsis_run_string(a, "assert(host.pass('text') == 'text' and host.pass() == nil)", NULL));
    OK(a,
       apsis_run_string(a, "local t = host.make(); assert(t:sum():item() == 6 and t.shape[1] == 3)", NULL));

    OK(a,
       apsis_run_string(a, "function called_back(x) if x == 0 then error 'deep' end return x + 1 end", NULL));
    OK(a, apsis_run_string(a, "assert(host.reenter(1) == 2)", NULL));
    STATUS(a, apsis_run_string(a, "host.reenter(0)", "=demo"), APSIS_ERROR);
    CONTAINS(apsis_error(a), "deep");
    /* From inside a coroutine, and recursively. */
    OK(a, apsis_run_string(
              a,
              "local co = coroutine.wrap(function() coroutine.yield(host.reenter(5)) return 7 end)\n"
              "assert(co() == 6 and co() == 7)\n"
              "function called_back(n) return n == 0 and 0 or 1 + host.reenter(n - 1) end\n"
              "assert(host.reenter(20) == 20)\n"
              "function called_back(n) return host.reenter(n) end\n"
              "assert(not pcall(host.reenter, 1))\n", /* without end: an error, not a crash */
              NULL));

    STATUS(a, apsis_function(a, "host.f", NULL, NULL), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_function(a, "", add_up, NULL), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_function(a, NULL, add_up, NULL), APSIS_ERROR_ARGUMENT);
    CHECK(apsis_function(NULL, "f", add_up, NULL) == APSIS_ERROR_ARGUMENT);
    CHECK(apsis_fail(NULL, "x") == APSIS_ERROR);
    CHECK(apsis_fail(a, NULL) == APSIS_ERROR);
    CONTAINS(apsis_error(a), "unknown error");
}

/* --- output -------------------------------------------------------------------------------------------- */

typedef struct Sink {
    char text[256];
    size_t length;
    int refuse;
} Sink;

static int collect(const char *text, size_t length, void *payload) {
    Sink *s = (Sink *)payload;
    if (s->refuse || s->length + length >= sizeof s->text) return 1;
    memcpy(s->text + s->length, text, length);
    s->length += length;
    s->text[s->length] = '\0';
    return 0;
}

static void test_print(void) {
    Sink sink = {{0}, 0, 0};
    ApsisOptions o = APSIS_OPTIONS_INIT;
    o.print = collect;
    o.print_payload = &sink;
    Apsis *a = apsis_create(&o);
    CHECK(a != NULL);
    OK(a, apsis_run_string(a, "print('a', 1, nil, true) io.write('b', 2, '\\n', 'a\\0b')", NULL));
    CHECK(sink.length == 19 && memcmp(sink.text, "a\t1\tnil\ttrue\nb2\na\0b", 19) == 0);
    OK(a, apsis_run_string(a, "assert(io.write('') == io.stdout)", NULL));
    sink.length = 0;
    STATUS(
        a,
        apsis_run_string(a, "print(setmetatable({}, {__tostring = function() error 'no text' end}))", NULL),
        APSIS_ERROR);
    CHECK(sink.length == 0);
    sink.refuse = 1;
    STATUS(a, apsis_run_string(a, "print 'x'", NULL), APSIS_ERROR);
    CONTAINS(apsis_error(a), "print: cannot write the output");
    STATUS(a, apsis_run_string(a, "io.write 'x'", NULL), APSIS_ERROR);
    CONTAINS(apsis_error(a), "io.write: cannot write the output");
    apsis_close(a);
}

/* --- instances ----------------------------------------------------------------------------------------- */

static void test_options(void) {
    ApsisOptions o = APSIS_OPTIONS_INIT;
    o.size = 3;
    CHECK(apsis_create(&o) == NULL);
    o.size = sizeof o + 1;
    CHECK(apsis_create(&o) == NULL);
    o.size = offsetof(ApsisOptions, threads); /* an older host: the rest are defaults */
    o.limit_bytes = 1;
    Apsis *a = apsis_create(&o);
    CHECK(a != NULL);
    apsis_close(a);
    ApsisOptions p = APSIS_OPTIONS_INIT;
    p.argc = 2;
    CHECK(apsis_create(&p) == NULL); /* argv is NULL */
    p.argc = -1;
    CHECK(apsis_create(&p) == NULL);
    apsis_close(NULL);
    CHECK(strcmp(apsis_version(), APSIS_VERSION) == 0);

    ApsisOptions q = APSIS_OPTIONS_INIT;
    q.flags = APSIS_NO_SYSTEM;
    a = apsis_create(&q);
    OK(a, apsis_run_string(a,
                           "assert(not io and not debug and not dofile and not loadfile and not os.execute)\n"
                           "assert(not os.getenv and not package.loadlib and os.time and string.rep)\n"
                           "assert(not pcall(require, 'io') and not pcall(require, 'no_such_module'))\n"
                           "print = nil\n"
                           "assert(require 'apsis'.ones(2):sum():item() == 2)\n",
                           NULL));
    apsis_close(a);

    a = apsis_create(NULL); /* and instances share nothing */
    Apsis *b = apsis_create(NULL);
    OK(a, apsis_run_string(a, "x = 1", NULL));
    OK(b, apsis_run_string(b, "assert(x == nil)", NULL));
    STATUS(a, apsis_run_string(a, "error 'only here'", NULL), APSIS_ERROR);
    CHECK(apsis_error(b)[0] == '\0' && apsis_traceback(b)[0] == '\0');
    apsis_close(a);
    OK(b, apsis_run_string(b, "require 'apsis'.ones(3)", NULL));
    apsis_close(b);
}

static void test_limits(void) {
    ApsisOptions o = APSIS_OPTIONS_INIT;
    o.limit_bytes = 1000;
    CHECK(apsis_create(&o) == NULL); /* less than an empty interpreter takes */
    o.limit_bytes = 16 << 20;
    Apsis *a = apsis_create(&o);
    CHECK(a != NULL);
    OK(a, apsis_run_string(a, "ap = require 'apsis'", NULL));
    int64_t before = apsis_memory(a);
    CHECK(before > 0 && before < o.limit_bytes);
    STATUS(a, apsis_run_string(a, "local t = {} for i = 1, 1e8 do t[i] = {} end", NULL), APSIS_ERROR_MEMORY);
    STATUS(a, apsis_run_string(a, "s = string.rep('x', 1 << 30)", NULL), APSIS_ERROR_MEMORY);
    OK(a, apsis_run_string(a, "collectgarbage() collectgarbage()", NULL));
    STATUS(a, apsis_run_string(a, "x = ap.zeros(1024, 1024, 8)", NULL), APSIS_ERROR_MEMORY);
    CONTAINS(apsis_error(a), "out of memory");
    STATUS(a, apsis_run_string(a, "x = ap.zeros(1 << 40, 1 << 20)", NULL), APSIS_ERROR_MEMORY);
    OK(a, apsis_run_string(a, "x = ap.zeros(1024, 1024)", NULL)); /* 4 MiB: it fits */
    CHECK(apsis_memory(a) >= before + (4 << 20) && apsis_memory(a) <= o.limit_bytes);
    /* Garbage is collected before an allocation fails. */
    OK(a, apsis_run_string(a, "for i = 1, 100 do x = ap.zeros(1024, 1024) end", NULL));
    apsis_set_limit(a, 1); /* what is in use stays, nothing can be added */
    STATUS(a, apsis_run_string(a, "y = ap.zeros(1024, 64)", NULL), APSIS_ERROR_MEMORY);
    STATUS(a, apsis_call(a, "string.rep", NULL, 0, NULL, 0), APSIS_ERROR_MEMORY);
    apsis_set_limit(a, 0);
    OK(a, apsis_run_string(a, "x = ap.zeros(1024, 1024, 8)", NULL));
    apsis_set_limit(NULL, 5);
    CHECK(apsis_memory(NULL) == 0);
    apsis_close(a);
}

int main(void) {
    char first[] = "first", second[] = "second";
    char *arguments[] = {first, second};
    ApsisOptions o = APSIS_OPTIONS_INIT;
    o.script = "host";
    o.argc = 2;
    o.argv = arguments;
    Apsis *a = apsis_create(&o);
    CHECK(a != NULL);
    if (!a) return finish("api");
    CHECK(apsis_error(a)[0] == '\0');
    test_running(a);
    test_arguments(a);
    test_files(a);
    test_values(a);
    test_wrong_values(a);
    test_names(a);
    test_functions(a);
    apsis_close(a);
    test_print();
    test_options();
    test_limits();
    return finish("api");
}
