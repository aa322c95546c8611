/* The strict JSON reader: a state machine without recursion. */
#include "io/json.h"
#include "io/text.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE, FIRST_VALUE /* or ] */, FIRST_KEY /* or } */, KEY, AFTER_VALUE, DONE, FAILED };

typedef struct Key {
    const char *text;
    int64_t length;
} Key;

static JsonType fail(JsonReader *r, const char *format, ...) {
    char text[JSON_ERROR_TEXT - 48];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(r->error, sizeof r->error, "line %lld, column %lld: %s", (long long)r->line,
             (long long)(r->at - r->line_start + 1), text);
    r->expect = FAILED;
    return r->type = JSON_ERROR;
}

/* What stands at the current position, for messages. */
static const char *here(const JsonReader *r, char out[QUOTED_TEXT]) {
    if (r->at == r->end) return "the end";
    return quote(out, r->at, 1);
}
#define HERE(r) here((r), (char[QUOTED_TEXT]){0})

bool json_begin(Ctx *c, JsonReader *r, char *text, int64_t length) {
    *r = (JsonReader){.at = text, .end = text + length, .line_start = text, .line = 1, .expect = VALUE};
    buffer_init(&r->keys, c);
    int64_t bad = utf8_error(text, length);
    if (bad < 0) return true;
    for (int64_t i = 0; i < bad; i++) {
        if (text[i] != '\n') continue;
        r->line++;
        r->line_start = text + i + 1;
    }
    r->at = text + bad;
    fail(r, "the text is not valid UTF-8 (byte 0x%02x)", (unsigned char)text[bad]);
    return false;
}

void json_free(JsonReader *r) {
    buffer_free(&r->keys);
}

static void skip_space(JsonReader *r) {
    for (;; r->at++) {
        if (*r->at == '\n') {
            r->line++;
            r->line_start = r->at + 1;
        } else if (*r->at != ' ' && *r->at != '\t' && *r->at != '\r') {
            return;
        }
    }
}

/* --- strings -------------------------------------------------------------------------------------------- */

/* Four hexadecimal digits; -1 where they are none. The text ends in a zero byte, so this stops there. */
static int hex4(const char *p) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

static char *put_utf8(char *to, int code) {
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 63));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 63));
        *to++ = (char)(0x80 | (code & 63));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 63));
        *to++ = (char)(0x80 | (code >> 6 & 63));
        *to++ = (char)(0x80 | (code & 63));
    }
    return to;
}

/* The code point of \uXXXX (at the u), with its second half where it has one; -1 and the error set. */
static int unicode_escape(JsonReader *r) {
    int code = hex4(r->at + 1);
    if (code < 0) return fail(r, "expected four hexadecimal digits after \\u"), -1;
    if (code >= 0xdc00 && code <= 0xdfff)
        return fail(r, "the second half of a surrogate pair stands alone"), -1;
    r->at += 5;
    if (code < 0xd800 || code > 0xdbff) return code;
    int low = r->at[0] == '\\' && r->at[1] == 'u' ? hex4(r->at + 2) : -1;
    if (low < 0xdc00 || low > 0xdfff) return fail(r, "the first half of a surrogate pair stands alone"), -1;
    r->at += 6;
    return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
}

/* Decodes the escape after a backslash to `to`; NULL with the error set. */
static char *escape(JsonReader *r, char *to) {
    static const char from[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
    const char *which = *r->at ? strchr(from, *r->at) : NULL;
    if (which) {
        r->at++;
        *to = plain[which - from];
        return to + 1;
    }
    if (*r->at != 'u') return fail(r, "no escape \\ with %s", HERE(r)), NULL;
    int code = unicode_escape(r);
    return code < 0 ? NULL : put_utf8(to, code);
}

/* Reads a string from its opening quote; the decoded form is never longer than the written one. */
static bool read_string(JsonReader *r) {
    char *begin = ++r->at, *to = begin;
    while (*r->at != '"') {
        if ((unsigned char)*r->at < 0x20) {
            if (r->at == r->end)
                fail(r, "the text ends inside a string");
            else
                fail(r, "a control character (byte 0x%02x) inside a string", (unsigned char)*r->at);
            return false;
        }
        if (*r->at == '\\') {
            r->at++;
            to = escape(r, to);
            if (!to) return false;
        } else {
            *to++ = *r->at++;
        }
    }
    r->at++;
    r->text = begin;
    r->length = to - begin;
    return true;
}

/* --- objects and arrays --------------------------------------------------------------------------------- */

static int compare_keys(const void *a, const void *b) {
    const Key *x = a, *y = b;
    if (x->length != y->length) return x->length < y->length ? -1 : 1;
    return memcmp(x->text, y->text, (size_t)x->length);
}

/* Sorting finds duplicates in O(n log n) whatever the file holds, which hashing would not. */
static bool keys_differ(JsonReader *r, Key *keys, int64_t n) {
    qsort(keys, (size_t)n, sizeof *keys, compare_keys);
    for (int64_t i = 1; i < n; i++) {
        if (compare_keys(&keys[i - 1], &keys[i]) != 0) continue;
        fail(r, "the object that ends here has the key %s twice", QUOTE(keys[i].text, keys[i].length));
        return false;
    }
    return true;
}

static JsonType open_container(JsonReader *r, char kind) {
    if (r->depth == JSON_DEPTH) return fail(r, "nested deeper than %d levels", JSON_DEPTH);
    r->container[r->depth] = kind;
    r->first_key[r->depth++] = r->keys.size;
    r->at++;
    r->expect = kind == '{' ? FIRST_KEY : FIRST_VALUE;
    return r->type = kind == '{' ? JSON_OBJECT : JSON_ARRAY;
}

static JsonType close_container(JsonReader *r) {
    r->depth--;
    int64_t first = r->first_key[r->depth], bytes = r->keys.size - first;
    if (bytes > 0 && !keys_differ(r, (Key *)(r->keys.data + first), bytes / (int64_t)sizeof(Key)))
        return JSON_ERROR;
    r->keys.size = first;
    r->at++;
    r->expect = r->depth ? AFTER_VALUE : DONE;
    return r->type = r->container[r->depth] == '{' ? JSON_OBJECT_END : JSON_ARRAY_END;
}

static JsonType read_key(JsonReader *r) {
    if (*r->at != '"')
        return fail(r,
                    r->expect == FIRST_KEY ? "expected a key in quotes or '}', got %s"
                                           : "expected a key in quotes, got %s",
                    HERE(r));
    if (!read_string(r)) return JSON_ERROR;
    Key key = {r->text, r->length};
    if (!buffer_add(&r->keys, &key, sizeof key)) return fail(r, "out of memory");
    skip_space(r);
    if (*r->at != ':') return fail(r, "expected ':' after a key, got %s", HERE(r));
    r->at++;
    r->expect = VALUE;
    return r->type = JSON_KEY;
}

/* --- scalars -------------------------------------------------------------------------------------------- */

static const char *digits(const char *p) {
    while (*p >= '0' && *p <= '9') p++;
    return p;
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? ; NULL with the error set. */
static const char *number_end(JsonReader *r) {
    const char *p = r->at, *q;
    if (*p == '-') p++;
    q = digits(p);
    if (q == p) return fail(r, "expected a digit after '-'"), NULL;
    if (*p == '0' && q > p + 1) return fail(r, "a number starts with 0"), NULL;
    if (*q == '.') {
        p = q + 1;
        q = digits(p);
        if (q == p) return fail(r, "expected a digit after the point of a number"), NULL;
    }
    if (*q == 'e' || *q == 'E') {
        p = q + 1;
        if (*p == '+' || *p == '-') p++;
        q = digits(p);
        if (q == p) return fail(r, "expected a digit in the exponent of a number"), NULL;
    }
    return q;
}

static JsonType read_number(JsonReader *r) {
    const char *end = number_end(r);
    if (!end) return JSON_ERROR;
    NumberKind kind = number_parse(r->at, end, &r->integer, &r->real);
    if (!isfinite(r->real)) return fail(r, "a number is out of range");
    if (kind == INTEGER && *r->at == '-' && r->integer == 0) kind = REAL; /* -0 */
    r->at += end - r->at;
    r->expect = r->depth ? AFTER_VALUE : DONE;
    return r->type = kind == INTEGER ? JSON_INTEGER : JSON_REAL;
}

static JsonType read_word(JsonReader *r) {
    static const struct {
        const char *word;
        int length;
        JsonType type;
    } words[] = {{"true", 4, JSON_TRUE}, {"false", 5, JSON_FALSE}, {"null", 4, JSON_NULL}};
    for (int i = 0; i < 3; i++) {
        if (r->end - r->at < words[i].length || memcmp(r->at, words[i].word, (size_t)words[i].length) != 0)
            continue;
        r->at += words[i].length;
        r->expect = r->depth ? AFTER_VALUE : DONE;
        return r->type = words[i].type;
    }
    return fail(r, "expected a value, got %s", HERE(r));
}

static JsonType read_value(JsonReader *r) {
    char c = *r->at;
    if (c == '{' || c == '[') return open_container(r, c);
    if (c == '-' || (c >= '0' && c <= '9')) return read_number(r);
    if (c != '"') return read_word(r);
    if (!read_string(r)) return JSON_ERROR;
    r->expect = r->depth ? AFTER_VALUE : DONE;
    return r->type = JSON_STRING;
}

/* After a value: a comma and what follows it, or the end of the container. */
static JsonType read_after(JsonReader *r) {
    bool object = r->container[r->depth - 1] == '{';
    if (*r->at == (object ? '}' : ']')) return close_container(r);
    if (*r->at != ',') return fail(r, "expected ',' or '%c', got %s", object ? '}' : ']', HERE(r));
    r->at++;
    skip_space(r);
    r->expect = object ? KEY : VALUE;
    return object ? read_key(r) : read_value(r);
}

JsonType json_next(JsonReader *r) {
    if (r->expect == FAILED) return JSON_ERROR;
    skip_space(r);
    switch (r->expect) {
    case DONE:
        if (r->at < r->end) return fail(r, "expected the end after the value, got %s", HERE(r));
        return r->type = JSON_END;
    case AFTER_VALUE:
        return read_after(r);
    case FIRST_KEY:
        return *r->at == '}' ? close_container(r) : read_key(r);
    case FIRST_VALUE:
        return *r->at == ']' ? close_container(r) : read_value(r);
    case KEY:
        return read_key(r);
    default:
        return read_value(r);
    }
}

bool json_skip(JsonReader *r) {
    if (r->type != JSON_OBJECT && r->type != JSON_ARRAY) return r->type != JSON_ERROR;
    for (int depth = r->depth - 1; r->depth > depth;)
        if (json_next(r) == JSON_ERROR) return false;
    return true;
}

const char *json_describe(const JsonReader *r, char out[JSON_ERROR_TEXT]) {
    static const char *const names[] = {
        [JSON_ERROR] = "an error", [JSON_END] = "the end",    [JSON_OBJECT] = "an object",
        [JSON_OBJECT_END] = "'}'", [JSON_ARRAY] = "an array", [JSON_ARRAY_END] = "']'",
        [JSON_TRUE] = "true",      [JSON_FALSE] = "false",    [JSON_NULL] = "null",
    };
    switch (r->type) {
    case JSON_KEY:
        snprintf(out, JSON_ERROR_TEXT, "the key %s", QUOTE(r->text, r->length));
        return out;
    case JSON_STRING:
        snprintf(out, JSON_ERROR_TEXT, "the string %s", QUOTE(r->text, r->length));
        return out;
    case JSON_INTEGER:
        snprintf(out, JSON_ERROR_TEXT, "the number %lld", (long long)r->integer);
        return out;
    case JSON_REAL:
        snprintf(out, JSON_ERROR_TEXT, "the number %.17g", r->real);
        return out;
    default:
        return names[r->type];
    }
}

bool json_add_string(Buffer *b, const char *text, int64_t length) {
    static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
    if (!buffer_add(b, "\"", 1)) return false;
    for (int64_t i = 0, run = 0; i <= length; i++) {
        unsigned char c = i < length ? (unsigned char)text[i] : 0;
        if (i < length && c >= 0x20 && c != '"' && c != '\\') continue;
        if (!buffer_add(b, text + run, i - run)) return false;
        run = i + 1;
        if (i == length) break;
        const char *which = c ? strchr(plain, c) : NULL;
        bool ok = which ? buffer_printf(b, "\\%c", letter[which - plain]) : buffer_printf(b, "\\u%04x", c);
        if (!ok) return false;
    }
    return buffer_add(b, "\"", 1);
}
