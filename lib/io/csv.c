/* CSV: the whole file in memory, one pass over its structure, one over its numbers. */
#include "io/csv.h"
#include "io/text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ROWS_PER_CHECK = 4096, MAX_COLUMNS = 1000000 };

/* --- structure ------------------------------------------------------------------------------------------ */

bool csv_delimiter_ok(char c) {
    bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return c != '\0' && !alphanumeric && !strchr("+-.\"\r\n", c) && (unsigned char)c < 0x80;
}

static char *text_end(const Csv *csv) {
    return csv->text.data + csv->text.size;
}

/* A field in quotes, from the opening one; the terminator after it, or NULL with the error set. */
static char *scan_quoted(Csv *csv, char *p, CsvField *f) {
    char *end = text_end(csv);
    int64_t opened = csv->cursor.line;
    *f = (CsvField){.begin = p + 1, .quoted = true};
    for (p++;; p++) {
        while (*p != '"' && *p != '\n') p++;
        if (p >= end) {
            file_fail(&csv->file, "line %lld: a quote is opened and never closed", (long long)opened);
            return NULL;
        }
        if (*p == '\n') {
            csv->cursor.line++;
        } else if (p[1] == '"') {
            f->escaped = true;
            p++;
        } else {
            break;
        }
    }
    f->end = p++;
    if (*p == '\r' && p[1] == '\n') p++;
    if (*p == csv->delimiter || *p == '\n') return p;
    file_fail(&csv->file,
              "line %lld: expected a delimiter or the end of the line after a closing quote, got %s",
              (long long)csv->cursor.line, QUOTE(p, 1));
    return NULL;
}

/* The field at p and its terminator: a delimiter or a line break (at the latest the one we put at the end).
 */
static inline char *scan_field(Csv *csv, char *p, CsvField *f) {
    if (*p == '"') return scan_quoted(csv, p, f);
    char delimiter = csv->delimiter;
    f->begin = p;
    f->quoted = f->escaped = false;
    while (*p != delimiter && *p != '\n') p++;
    f->end = *p == '\n' && p > f->begin && p[-1] == '\r' ? p - 1 : p;
    return p;
}

/* Past empty lines; false at the end of the file. */
static bool skip_empty(Csv *csv) {
    char *p = csv->cursor.at, *end = text_end(csv);
    while (p < end && (*p == '\n' || (*p == '\r' && p[1] == '\n'))) {
        p += *p == '\r' ? 2 : 1;
        csv->cursor.line++;
    }
    csv->cursor.at = p;
    return p < end;
}

/* The fields of the next row; counts all of them and keeps the first `room`. -1 with the error set. */
static int64_t scan_row(Csv *csv, CsvField *fields, int64_t room) {
    char *p = csv->cursor.at;
    int64_t n = 0;
    CsvField spare;
    for (;; p++) {
        p = scan_field(csv, p, n < room ? &fields[n] : &spare);
        if (!p) return -1;
        n++;
        if (*p == '\n') break;
    }
    csv->cursor.at = p + 1;
    csv->cursor.line++;
    return n;
}

void csv_rewind(Csv *csv, CsvCursor to) {
    csv->cursor = to;
}

bool csv_next_row(Csv *csv) {
    if (!skip_empty(csv)) return false;
    return scan_row(csv, (CsvField *)csv->fields.data, csv->columns) == csv->columns;
}

const char *csv_text(Csv *csv, int64_t i, int64_t *length) {
    const CsvField *f = (const CsvField *)csv->fields.data + i;
    *length = f->end - f->begin;
    if (!f->escaped) return f->begin;
    csv->scratch.size = 0;
    if (!buffer_reserve(&csv->scratch, *length)) return NULL;
    char *to = csv->scratch.data;
    for (const char *p = f->begin; p < f->end; p++) {
        *to++ = *p;
        if (*p == '"') p++;
    }
    *length = to - csv->scratch.data;
    return csv->scratch.data;
}

/* --- opening -------------------------------------------------------------------------------------------- */

static bool read_file(Ctx *c, Csv *csv) {
    const File *f = &csv->file;
    Buffer *t = &csv->text;
    buffer_init(t, c);
    if (!buffer_reserve(t, f->size + 2) || !file_read(f, t->data, 0, f->size)) return false;
    t->size = f->size;
    t->data[t->size] = '\n';
    t->data[t->size + 1] = '\0';
    csv->cursor = (CsvCursor){t->data, 1};
    FILE_REQUIRE(f, memcmp(t->data, "\xff\xfe", 2) != 0 && memcmp(t->data, "\xfe\xff", 2) != 0,
                 "it is UTF-16, expected UTF-8");
    FILE_REQUIRE(f, memcmp(t->data, "\x1f\x8b", 2) != 0, "it is compressed (gzip); unpack it first");
    if (t->size >= 3 && memcmp(t->data, "\xef\xbb\xbf", 3) == 0) csv->cursor.at += 3;
    FILE_REQUIRE(f, skip_empty(csv), "it has no rows");
    return true;
}

/* Makes room for the columns that the first row has. */
static bool count_columns(Ctx *c, Csv *csv) {
    CsvCursor first = csv->cursor;
    csv->columns = scan_row(csv, NULL, 0);
    if (csv->columns < 0) return false;
    FILE_REQUIRE(&csv->file, csv->columns <= MAX_COLUMNS,
                 "its first row has %lld fields, expected at most %d", (long long)csv->columns, MAX_COLUMNS);
    buffer_init(&csv->fields, c);
    buffer_init(&csv->column, c);
    buffer_init(&csv->scratch, c);
    int64_t bytes = csv->columns * (int64_t)sizeof(CsvColumn);
    if (!buffer_reserve(&csv->fields, csv->columns * (int64_t)sizeof(CsvField)) ||
        !buffer_reserve(&csv->column, bytes))
        return false;
    memset(csv->column.data, 0, (size_t)bytes);
    csv_rewind(csv, first);
    return true;
}

static NumberKind parse_field(const CsvField *f, int64_t *integer, double *real) {
    const char *p = f->begin, *end = f->end;
    if (f->escaped) return NOT_A_NUMBER;
    while (p < end && (*p == ' ' || *p == '\t')) p++;
    while (p < end && (end[-1] == ' ' || end[-1] == '\t')) end--;
    return number_parse(p, end, integer, real);
}

/* A row in which something is neither a number nor empty is taken for names. */
static bool looks_like_header(const Csv *csv) {
    const CsvField *f = (const CsvField *)csv->fields.data;
    CsvValue v;
    int64_t numbers = 0;
    for (int64_t i = 0; i < csv->columns; i++) {
        if (f[i].begin == f[i].end) continue;
        if (parse_field(&f[i], &v.integer, &v.real) == NOT_A_NUMBER) return true;
        numbers++;
    }
    return numbers == 0;
}

static bool check_rows(Csv *csv) {
    while (skip_empty(csv)) {
        int64_t line = csv->cursor.line, n = scan_row(csv, NULL, 0);
        if (n < 0) return false;
        FILE_REQUIRE(&csv->file, n == csv->columns, "line %lld: expected %lld fields, got %lld",
                     (long long)line, (long long)csv->columns, (long long)n);
        if (++csv->rows % ROWS_PER_CHECK == 0 && ctx_stopping(csv->file.ctx))
            return ctx_interrupted(csv->file.ctx);
    }
    return true;
}

bool csv_open(Ctx *c, Csv *csv, const char *op, const char *path, char delimiter, CsvHeader header) {
    *csv = (Csv){.delimiter = delimiter, .file.fd = -1};
    bool ok = file_open(c, &csv->file, op, path) && read_file(c, csv) && count_columns(c, csv);
    if (ok) {
        csv->header = csv->cursor;
        csv_next_row(csv);
        csv->has_header = header == CSV_HEADER_YES || (header == CSV_HEADER_AUTO && looks_like_header(csv));
        if (!csv->has_header) csv_rewind(csv, csv->header);
        csv->first = csv->cursor;
        ok = check_rows(csv);
    }
    if (!ok) csv_close(csv);
    return ok;
}

void csv_close(Csv *csv) {
    for (int64_t i = 0; csv->column.data && i < csv->columns; i++)
        ctx_scratch_free(csv->file.ctx, csv_column(csv, i)->values);
    buffer_free(&csv->text);
    buffer_free(&csv->fields);
    buffer_free(&csv->column);
    buffer_free(&csv->scratch);
    file_close(&csv->file);
}

/* --- numbers -------------------------------------------------------------------------------------------- */

/* What the parsing of one field needs to know. */
typedef struct Place {
    Csv *csv;
    const CsvMissing *missing;
    int64_t row, line, index; /* the column's index */
    CsvColumn *column;
    const CsvField *field;
} Place;

/* Records "line 3, column 'age': 'x': text" and returns false. */
static bool fail_at(const Place *at, const char *text) {
    Csv *csv = at->csv;
    const CsvField *f = at->field;
    char value[QUOTED_TEXT], column[QUOTED_TEXT];
    int64_t length;
    quote(value, f->begin, f->end - f->begin);
    snprintf(column, sizeof column, "%lld", (long long)at->index + 1);
    if (csv->has_header) {
        csv_rewind(csv, csv->header);
        const char *name = csv_next_row(csv) ? csv_text(csv, at->index, &length) : NULL;
        if (name) quote(column, name, length);
    }
    return file_fail(&csv->file, "line %lld, column %s: %s: %s", (long long)at->line, column, value, text);
}

static bool is_missing(const CsvField *f, const CsvMissing *m) {
    size_t length = (size_t)(f->end - f->begin);
    for (int i = 0; i < m->count; i++)
        if (strlen(m->words[i]) == length && memcmp(m->words[i], f->begin, length) == 0) return true;
    return false;
}

static void integers_to_reals(CsvColumn *column, int64_t rows) {
    column->kind = CSV_REAL;
    for (int64_t r = 0; r < rows; r++) column->values[r].real = (double)column->values[r].integer;
}

static bool store_value(const Place *at, CsvKind kind, CsvValue v) {
    CsvColumn *column = at->column;
    if (kind == CSV_REAL && column->kind == CSV_INTEGER) {
        if (column->has_dtype) return fail_at(at, "no integer");
        integers_to_reals(column, at->row);
    }
    if (kind == CSV_INTEGER && column->kind == CSV_REAL) v.real = (double)v.integer;
    column->values[at->row] = v;
    return true;
}

static bool store_missing(const Place *at) {
    const CsvMissing *m = at->missing;
    if (m->refuse) return fail_at(at, "a value is missing");
    if (m->kind == CSV_REAL && at->column->has_dtype && at->column->kind == CSV_INTEGER)
        return fail_at(at,
                       "a value is missing, and integers have no nan (missing = NUMBER gives another value)");
    return store_value(at, m->kind, m->fill);
}

static bool integer_fits(DType dtype, int64_t v) {
    switch (dtype) {
    case I8:
        return v >= INT8_MIN && v <= INT8_MAX;
    case U8:
        return v >= 0 && v <= UINT8_MAX;
    case I16:
        return v >= INT16_MIN && v <= INT16_MAX;
    case I32:
        return v >= INT32_MIN && v <= INT32_MAX;
    case BOOL:
        return v == 0 || v == 1;
    default:
        return true;
    }
}

static bool read_word(const CsvField *f, const char *word) {
    return (size_t)(f->end - f->begin) == strlen(word) && strncasecmp(f->begin, word, strlen(word)) == 0;
}

static bool parse_value(const Place *at) {
    CsvColumn *column = at->column;
    CsvValue v;
    int64_t integer;
    double real;
    NumberKind kind = parse_field(at->field, &integer, &real);
    bool may_miss = kind == NOT_A_NUMBER || at->missing->numbers || isnan(real);
    if (may_miss && is_missing(at->field, at->missing)) return store_missing(at);
    if (kind == NOT_A_NUMBER && column->has_dtype && column->dtype == BOOL) {
        integer = read_word(at->field, "true");
        if (integer || read_word(at->field, "false")) kind = INTEGER;
    }
    if (kind == NOT_A_NUMBER) {
        if (column->has_dtype)
            return fail_at(at, column->dtype == BOOL ? "neither true nor false" : "no number");
        column->kind = CSV_TEXT;
        column->text_line = at->line;
        column->text_value = *at->field;
        return true;
    }
    /* 3.0 will do where integers are asked for. */
    if (kind == REAL && column->has_dtype && column->kind == CSV_INTEGER && fabs(real) < 0x1p63 &&
        real == floor(real)) {
        integer = (int64_t)real;
        kind = INTEGER;
    }
    if (kind == INTEGER && column->has_dtype && !integer_fits(column->dtype, integer))
        return fail_at(at, "out of the dtype's range");
    if (kind == INTEGER)
        v.integer = integer;
    else
        v.real = real;
    return store_value(at, kind == INTEGER ? CSV_INTEGER : CSV_REAL, v);
}

/* The columns that are to be read as numbers, with room for their values. */
static bool begin_columns(Csv *csv) {
    for (int64_t i = 0; i < csv->columns; i++) {
        CsvColumn *column = csv_column(csv, i);
        bool real = column->has_dtype && dtype_is_float(column->dtype);
        column->kind = column->text ? CSV_TEXT : real ? CSV_REAL : CSV_INTEGER;
        if (!column->wanted || column->text) continue;
        column->values = ctx_scratch(csv->file.ctx, csv->rows * (int64_t)sizeof(CsvValue));
        if (!column->values) return false;
    }
    return true;
}

bool csv_parse(Csv *csv, const CsvMissing *missing) {
    Place at = {.csv = csv, .missing = missing};
    if (!begin_columns(csv)) return false;
    csv_rewind(csv, csv->first);
    for (at.row = 0; at.row < csv->rows; at.row++) {
        if (at.row % ROWS_PER_CHECK == 0 && ctx_stopping(csv->file.ctx))
            return ctx_interrupted(csv->file.ctx);
        skip_empty(csv);
        at.line = csv->cursor.line;
        if (!csv_next_row(csv)) return false;
        at.field = (const CsvField *)csv->fields.data;
        at.column = csv_column(csv, 0);
        for (at.index = 0; at.index < csv->columns; at.index++, at.column++, at.field++)
            if (at.column->wanted && at.column->kind != CSV_TEXT && !parse_value(&at)) return false;
    }
    return true;
}

/* --- taking them out ------------------------------------------------------------------------------------ */

#define STORE(type, convert)                                                                                 \
    for (int64_t r = 0; r < csv->rows; r++, v++)                                                             \
        ((type *)to)[r * step] = integers ? convert((type)v->integer) : convert((type)v->real);              \
    break
#define STORE_HALF(convert)                                                                                  \
    for (int64_t r = 0; r < csv->rows; r++, v++)                                                             \
        ((uint16_t *)to)[r * step] = convert(integers ? (float)v->integer : (float)v->real);                 \
    break

void csv_store(const Csv *csv, int64_t i, Tensor *out, int64_t j) {
    const CsvColumn *column = csv_column(csv, i);
    const CsvValue *v = column->values;
    bool integers = column->kind == CSV_INTEGER;
    int64_t step = out->ndim == 2 ? out->size[1] : 1;
    char *to = (char *)tensor_data(out) + j * (int64_t)dtype_size((DType)out->dtype);
    switch ((DType)out->dtype) {
    case F32:
        STORE(float, );
    case F64:
        STORE(double, );
    case F16:
        STORE_HALF(f32_to_f16);
    case BF16:
        STORE_HALF(f32_to_bf16);
    case I8:
        STORE(int8_t, );
    case U8:
    case BOOL:
        STORE(uint8_t, );
    case I16:
        STORE(int16_t, );
    case I32:
        STORE(int32_t, );
    default:
        STORE(int64_t, );
    }
}
