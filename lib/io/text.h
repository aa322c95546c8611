/* Text of files: UTF-8, numbers, and pieces of it for messages. */
#ifndef APSIS_IO_TEXT_H
#define APSIS_IO_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* The position of the first byte that is not part of valid UTF-8; -1 where all is. */
int64_t utf8_error(const char *text, int64_t length);

typedef enum { NOT_A_NUMBER, INTEGER, REAL } NumberKind;
/* Reads the whole of begin..end as a decimal number: sign, digits, fraction, exponent; inf, infinity, nan.
 * INTEGER (with *integer set) where it is written as one and fits; *real is set either way, correctly
 * rounded. The byte at `end` must be readable, and none that goes on a number. The locale has no say. */
NumberKind number_parse(const char *begin, const char *end, int64_t *integer, double *real);

enum { QUOTED_TEXT = 72 };
/* 'text' for a message: cut after some characters, with what does not print as \xNN. Returns `out`. */
const char *quote(char out[QUOTED_TEXT], const char *text, int64_t length);
#define QUOTE(text, length) quote((char[QUOTED_TEXT]){0}, (text), (length))

#endif
