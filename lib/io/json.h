/* A strict JSON reader (RFC 8259), one token at a time, for text that nobody vouches for: valid UTF-8, no
 * duplicate keys, no numbers out of range, no lone surrogates, bounded depth. Strings are decoded in place,
 * so the text is changed and stays the caller's until json_free.
 *
 *   JsonReader r;
 *   if (!json_begin(c, &r, text, length)) ...
 *   while (json_next(&r) > JSON_END) ...            // JSON_END after the value, JSON_ERROR with r.error set
 *   json_free(&r); */
#ifndef APSIS_IO_JSON_H
#define APSIS_IO_JSON_H

#include "io/buffer.h"

enum { JSON_DEPTH = 128 /* serde_json's limit */, JSON_ERROR_TEXT = 256 };

typedef enum {
    JSON_ERROR,
    JSON_END,
    JSON_OBJECT,     /* { : then JSON_KEY and a value each, then JSON_OBJECT_END */
    JSON_OBJECT_END, /* } : here its keys have been compared */
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY,     /* text, length */
    JSON_STRING,  /* text, length: decoded; may hold zero bytes */
    JSON_INTEGER, /* integer, real: written as an integer and fits in 64 bits */
    JSON_REAL,    /* real */
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL
} JsonType;

typedef struct JsonReader {
    /* The token just read. */
    JsonType type;
    const char *text;
    int64_t length;
    int64_t integer;
    double real;
    char error[JSON_ERROR_TEXT]; /* "line 1, column 7: expected ':' after a key, got '}'" */
    /* Private. */
    char *at, *end, *line_start;
    int64_t line;
    int expect, depth;
    char container[JSON_DEPTH];
    int64_t first_key[JSON_DEPTH]; /* where the keys of an open object begin in `keys` */
    Buffer keys;
} JsonReader;

/* text[length] must be a zero byte. Checks the UTF-8; false with r->error set where it is wrong. */
bool json_begin(Ctx *c, JsonReader *r, char *text, int64_t length);
/* Reads the next token and returns its type. After an error it stays an error. */
JsonType json_next(JsonReader *r);
/* Reads on past the value whose first token was just read; false on an error. */
bool json_skip(JsonReader *r);
void json_free(JsonReader *r);
/* The name of a type, for messages: "an object", "the string 'abc'". */
const char *json_describe(const JsonReader *r, char out[JSON_ERROR_TEXT]);
/* Appends text as a JSON string, escaped as serde_json does. The text must be valid UTF-8. */
bool json_add_string(Buffer *b, const char *text, int64_t length);

#endif
