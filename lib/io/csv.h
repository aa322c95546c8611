/* CSV (RFC 4180): quoted fields with doubled quotes, line breaks and delimiters; LF or CRLF; a header or
 * none.
 *
 * csv_open reads the file, checks that every row has as many fields and finds the header; then the caller
 * says which columns it wants, csv_parse reads their numbers and settles what each column is, and the values
 * are taken out: csv_store for numbers, csv_next_row and csv_text for text. */
#ifndef APSIS_IO_CSV_H
#define APSIS_IO_CSV_H

#include "core/tensor.h"
#include "io/buffer.h"
#include "io/file.h"

/* In the order in which a column turns from one into the other as its values are read. */
typedef enum { CSV_INTEGER, CSV_REAL, CSV_TEXT } CsvKind;

typedef enum { CSV_HEADER_AUTO, CSV_HEADER_YES, CSV_HEADER_NO } CsvHeader;

typedef union CsvValue {
    int64_t integer;
    double real;
} CsvValue;

typedef struct CsvField {
    char *begin, *end;    /* without quotes */
    bool quoted, escaped; /* escaped: it holds doubled quotes */
} CsvField;

typedef struct CsvColumn {
    /* Set by the caller before csv_parse. */
    bool wanted, text; /* text: as text whatever is in it */
    bool has_dtype;
    DType dtype;
    /* Set by csv_parse. */
    CsvKind kind;
    int64_t text_line; /* of the first value that is no number */
    CsvField text_value;
    CsvValue *values; /* a row each; NULL for text */
} CsvColumn;

typedef struct CsvMissing {
    const char *const *words; /* fields that count as missing */
    int count;
    bool numbers;  /* some of the words may be numbers */
    bool refuse;   /* a missing number is an error */
    CsvKind kind;  /* of `fill` */
    CsvValue fill; /* what it becomes */
} CsvMissing;

typedef struct CsvCursor {
    char *at;
    int64_t line;
} CsvCursor;

typedef struct Csv {
    File file;
    Buffer text, fields, column, scratch; /* the file; CsvField of a row; CsvColumn; an unescaped field */
    char delimiter;
    bool has_header;
    int64_t columns, rows;
    CsvCursor header, first, cursor; /* the rows: the header's, the first of the data, the next to read */
} Csv;

/* On failure nothing is left open. The delimiter must be no letter, digit, quote, sign, point or line break.
 */
bool csv_open(Ctx *c, Csv *csv, const char *op, const char *path, char delimiter, CsvHeader header);
void csv_close(Csv *csv);
static inline CsvColumn *csv_column(const Csv *csv, int64_t i) {
    return (CsvColumn *)csv->column.data + i;
}
bool csv_delimiter_ok(char delimiter);

/* Goes back to a row, then reads it and the ones after it into `fields`; false at the end of the file. */
void csv_rewind(Csv *csv, CsvCursor to);
bool csv_next_row(Csv *csv);
/* The text of field i of the row that was read; NULL with the error set where memory is out. */
const char *csv_text(Csv *csv, int64_t i, int64_t *length);

/* Reads the numbers of the wanted columns. */
bool csv_parse(Csv *csv, const CsvMissing *missing);
/* Writes column i (no text) to out[:] or, where out has two dimensions, to out[:, j]; out is contiguous. */
void csv_store(const Csv *csv, int64_t i, Tensor *out, int64_t j);

#endif
