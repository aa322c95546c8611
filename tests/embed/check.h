/* Checks of the C API's tests: valid C99 and C++17. A failed check prints where and what, and the program
 * goes on; finish() gives the exit status. */
#ifndef APSIS_TESTS_EMBED_CHECK_H
#define APSIS_TESTS_EMBED_CHECK_H

#include <apsis.h>
#include <stdio.h>
#include <string.h>

static int checks_made, checks_failed;

static inline void check_true(int good, const char *what, const char *file, int line) {
    checks_made++;
    if (good) return;
    checks_failed++;
    printf("FAIL %s:%d: %s\n", file, line, what);
}
static inline void check_status(Apsis *a, int status, int expected, const char *what, const char *file,
                                int line) {
    checks_made++;
    if (status == expected) return;
    checks_failed++;
    printf("FAIL %s:%d: %s: expected status %d, got %d (%s)\n", file, line, what, expected, status,
           apsis_error(a));
}
static inline void check_text(const char *text, const char *part, const char *file, int line) {
    checks_made++;
    if (text && strstr(text, part)) return;
    checks_failed++;
    printf("FAIL %s:%d: expected a text with '%s', got '%s'\n", file, line, part, text ? text : "(NULL)");
}

#define CHECK(condition)          check_true(!!(condition), #condition, __FILE__, __LINE__)
#define STATUS(a, call, expected) check_status(a, call, expected, #call, __FILE__, __LINE__)
#define OK(a, call)               STATUS(a, call, APSIS_OK)
#define CONTAINS(text, part)      check_text(text, part, __FILE__, __LINE__)

static inline int finish(const char *name) {
    printf("%s: %d checks, %d failed\n", name, checks_made, checks_failed);
    return checks_failed != 0;
}

#endif
