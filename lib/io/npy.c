/* npy: magic, version, the length of a header, the header (a Python dict), the data. The header is parsed
 * here and never evaluated. */
#include "io/npy.h"
#include "io/buffer.h"
#include "io/text.h"
#include "ops/ops.h"
#include <stdio.h>
#include <string.h>

enum {
    MAGIC = 6,
    HEADER = 10000, /* NumPy's own limit */
    ALIGN = 64,
    DIM_DIGITS = 21, /* NumPy leaves room for the first size to grow in place */
    DESCR_TEXT = 32,
    /* Magic and version, length, the longest dict of MAX_DIMS sizes, padding. */
    MADE_HEADER = 512
};

/* --- reading the header --------------------------------------------------------------------------------- */

typedef struct Header {
    const Source *source;
    const char *at;
    char descr[DESCR_TEXT];
    bool fortran_order;
    int ndim;
    int64_t size[MAX_DIMS];
    bool has_descr, has_order, has_shape;
} Header;

#define fail(h, ...) source_fail((h)->source, __VA_ARGS__)

/* What stands at the current position, for messages. */
static const char *here(const Header *h, char out[QUOTED_TEXT]) {
    enum { SHOWN = 12 };
    return *h->at ? quote(out, h->at, (int64_t)strnlen(h->at, SHOWN)) : "the end";
}
#define HERE(h) here((h), (char[QUOTED_TEXT]){0})

static void skip_space(Header *h) {
    while (*h->at == ' ' || *h->at == '\t' || *h->at == '\n' || *h->at == '\r') h->at++;
}

static bool expect(Header *h, char c) {
    skip_space(h);
    if (*h->at != c) return fail(h, "the header: expected '%c', got %s", c, HERE(h));
    h->at++;
    return true;
}

/* A string of Python without escapes, cut to `room`. */
static bool parse_string(Header *h, char *out, int room) {
    skip_space(h);
    char mark = *h->at;
    if (mark != '\'' && mark != '"') return fail(h, "the header: expected a string, got %s", HERE(h));
    const char *begin = ++h->at;
    while (*h->at && *h->at != mark && *h->at != '\\') h->at++;
    if (*h->at != mark) return fail(h, "the header: a string does not end");
    if (h->at - begin >= room)
        return fail(h, "the header: expected a short string, got %s", QUOTE(begin, h->at - begin));
    memcpy(out, begin, (size_t)(h->at - begin));
    out[h->at++ - begin] = '\0';
    return true;
}

static bool parse_bool(Header *h, bool *out) {
    skip_space(h);
    bool yes = strncmp(h->at, "True", 4) == 0;
    if (!yes && strncmp(h->at, "False", 5) != 0)
        return fail(h, "the header: fortran_order: expected True or False");
    h->at += yes ? 4 : 5;
    *out = yes;
    return true;
}

/* (), (3,), (3, 4) or (3, 4,); Python 2 wrote 3L. */
static bool parse_shape(Header *h) {
    if (!expect(h, '(')) return false;
    for (skip_space(h); *h->at != ')'; skip_space(h)) {
        const char *begin = h->at;
        double unused;
        while (*h->at >= '0' && *h->at <= '9') h->at++;
        if (h->ndim == MAX_DIMS) return fail(h, "the shape has more than %d dimensions", MAX_DIMS);
        if (number_parse(begin, h->at, &h->size[h->ndim], &unused) != INTEGER) {
            h->at = begin;
            return fail(h, "the header: shape: expected sizes from 0 to 2^63 - 1, got %s", HERE(h));
        }
        h->ndim++;
        if (*h->at == 'L') h->at++;
        skip_space(h);
        if (*h->at != ')' && !expect(h, ',')) return false;
    }
    h->at++;
    return true;
}

static bool parse_field(Header *h, const char *key) {
    bool *seen = strcmp(key, "descr") == 0           ? &h->has_descr
                 : strcmp(key, "fortran_order") == 0 ? &h->has_order
                 : strcmp(key, "shape") == 0         ? &h->has_shape
                                                     : NULL;
    if (!seen)
        return fail(h, "the header: expected descr, fortran_order and shape, got %s",
                    QUOTE(key, (int64_t)strlen(key)));
    if (*seen) return fail(h, "the header has %s twice", key);
    *seen = true;
    if (seen == &h->has_order) return parse_bool(h, &h->fortran_order);
    if (seen == &h->has_shape) return parse_shape(h);
    skip_space(h);
    if (*h->at == '[' || *h->at == '(')
        return fail(h, "its elements are records of several fields, which no dtype here is");
    return parse_string(h, h->descr, DESCR_TEXT);
}

static bool parse_dict(Header *h) {
    char key[DESCR_TEXT];
    if (!expect(h, '{')) return false;
    for (skip_space(h); *h->at != '}'; skip_space(h)) {
        if (!parse_string(h, key, DESCR_TEXT) || !expect(h, ':') || !parse_field(h, key)) return false;
        skip_space(h);
        if (*h->at != '}' && !expect(h, ',')) return false;
    }
    h->at++;
    skip_space(h);
    if (*h->at) return fail(h, "the header: expected the end, got %s", HERE(h));
    if (!h->has_descr || !h->has_order || !h->has_shape)
        return fail(h, "the header has no %s",
                    !h->has_descr   ? "descr"
                    : !h->has_order ? "fortran_order"
                                    : "shape");
    return true;
}

/* --- dtypes --------------------------------------------------------------------------------------------- */

static const struct {
    const char *code;
    DType dtype;
    uint8_t size;
    bool is_unsigned; /* of a kind that has no dtype here */
} types[] = {{"f4", F32, 4, false},  {"f8", F64, 8, false}, {"f2", F16, 2, false}, {"i1", I8, 1, false},
             {"u1", U8, 1, false},   {"i2", I16, 2, false}, {"i4", I32, 4, false}, {"i8", I64, 8, false},
             {"b1", BOOL, 1, false}, {"u2", I32, 2, true},  {"u4", I64, 4, true},  {"u8", I64, 8, true}};
enum { TYPES = sizeof types / sizeof *types };

static bool parse_descr(const Header *h, FileType *type) {
    char order = h->descr[0];
    if (order == '|' || order == '<' || order == '>' || order == '=') {
        for (int i = 0; i < TYPES; i++) {
            if (strcmp(types[i].code, h->descr + 1) != 0) continue;
            bool little = order == '<' || (order != '>' && little_endian());
            *type =
                (FileType){types[i].dtype, types[i].size, types[i].is_unsigned, little != little_endian()};
            return true;
        }
    }
    const char *kind = strchr(h->descr, 'O')   ? " (objects are pickled code, which is not run here)"
                       : strchr(h->descr, 'c') ? " (complex numbers)"
                       : strchr(h->descr, 'U') || strchr(h->descr, 'S') ? " (strings)"
                       : strchr(h->descr, 'V')                          ? " (raw bytes or records)"
                       : strchr(h->descr, 'M') || strchr(h->descr, 'm') ? " (dates)"
                                                                        : "";
    return fail(h, "no dtype here is %s%s", QUOTE(h->descr, (int64_t)strlen(h->descr)), kind);
}

/* --- reading -------------------------------------------------------------------------------------------- */

/* Magic, version and the header's text, which is held against the limit before it is read. */
static bool read_header(Source *s, Header *h, char text[HEADER + 1]) {
    unsigned char bytes[MAGIC + 2 + 4];
    if (!source_read(s, bytes, MAGIC + 2, "the magic number")) return false;
    if (memcmp(bytes, "\x93NUMPY", MAGIC) != 0)
        return fail(h, "no npy file: it does not start with \\x93NUMPY");
    int major = bytes[MAGIC], minor = bytes[MAGIC + 1];
    if (major < 1 || major > 3 || minor != 0)
        return fail(h, "version %d.%d of npy, expected 1.0, 2.0 or 3.0", major, minor);
    int width = major == 1 ? 2 : 4;
    int64_t length = 0;
    if (!source_read(s, bytes, width, "the header's length")) return false;
    for (int i = width - 1; i >= 0; i--) length = length << 8 | bytes[i];
    if (length > HEADER)
        return fail(h, "the header's length is given as %lld bytes, expected at most %d", (long long)length,
                    HEADER);
    if (!source_read(s, text, length, "the header")) return false;
    text[length] = '\0';
    h->at = text;
    if (memchr(text, '\0', (size_t)length)) return fail(h, "the header holds a zero byte");
    return parse_dict(h);
}

/* The bytes of the data, held against what can come. */
static bool check_size(const Source *s, const Header *h, FileType type) {
    int64_t total = type.size, most = source_most(s);
    bool empty = false;
    for (int d = 0; d < h->ndim; d++) {
        empty |= h->size[d] == 0;
        if (__builtin_mul_overflow(total, h->size[d] ? h->size[d] : 1, &total))
            return fail(h, "the shape (%s) has too many elements", SIZES(h->ndim, h->size));
    }
    if (empty) total = 0;
    if (total > most)
        return fail(h, "cut off: shape (%s) of '%s' takes %lld bytes, but %s %lld follow",
                    SIZES(h->ndim, h->size), h->descr, (long long)total,
                    s->kind == SOURCE_PLAIN ? "only" : "at most", (long long)most);
    return true;
}

/* An array in Fortran order: the strides grow from the first dimension on. */
static void fortran_strides(Tensor *t) {
    int64_t step = 1;
    for (int d = 0; d < t->ndim; d++) {
        t->stride[d] = step;
        step *= t->size[d] > 1 ? t->size[d] : 1;
    }
}

static bool read_array(Source *s, Tensor *out) {
    Header h = {.source = s};
    char text[HEADER + 1];
    FileType type;
    if (!read_header(s, &h, text) || !parse_descr(&h, &type) || !check_size(s, &h, type)) return false;
    if (!tensor_new(s->file->ctx, out, type.dtype, h.ndim, h.size)) return false;
    if (source_read_elements(s, out, type, "the data") && source_finish(s)) {
        if (h.fortran_order) fortran_strides(out);
        return true;
    }
    tensor_release(out);
    return false;
}

bool npy_read(Ctx *c, Tensor *out, const char *op, const char *path) {
    File f;
    Source s;
    out->storage = NULL;
    if (!file_open(c, &f, op, path)) return false;
    bool ok = source_open(&s, &f, SOURCE_PLAIN, 0, f.size) && read_array(&s, out);
    file_close(&f);
    return ok;
}

bool npz_read(const Zip *z, int64_t i, Tensor *out) {
    Source s;
    out->storage = NULL;
    if (!zip_open_entry(z, i, &s)) return false;
    bool read = read_array(&s, out), ok = read && zip_finish_entry(z, i, &s);
    source_close(&s);
    if (read && !ok) tensor_release(out);
    return ok;
}

/* --- writing -------------------------------------------------------------------------------------------- */

/* The header of t as NumPy writes it, byte for byte; its length, or -1 with the error set. */
static int make_header(Ctx *c, const char *op, const Tensor *t, char out[MADE_HEADER]) {
    enum { PREFIX = MAGIC + 4, DICT = MADE_HEADER - PREFIX };
    char *dict = out + PREFIX;
    int type = 0, n;
    while (type < TYPES && (types[type].dtype != t->dtype || types[type].is_unsigned)) type++;
    if (type == TYPES)
        return ctx_fail(c, "%s: npy has no %s; convert the tensor to f32 first", op, DTYPE(t)), -1;
    char order = types[type].size == 1 ? '|' : little_endian() ? '<' : '>';
    n = snprintf(dict, DICT, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", order, types[type].code);
    for (int d = 0; d < t->ndim; d++)
        n += snprintf(dict + n, (size_t)(DICT - n), d ? ", %lld" : "%lld", (long long)t->size[d]);
    n += snprintf(dict + n, (size_t)(DICT - n), "%s), }", t->ndim == 1 ? "," : "");
    int digits = t->ndim ? snprintf(NULL, 0, "%lld", (long long)t->size[0]) : DIM_DIGITS;
    for (; digits < DIM_DIGITS; digits++) dict[n++] = ' ';
    do dict[n++] = ' ';
    while ((PREFIX + n + 1) % ALIGN);
    dict[n++] = '\n';
    memcpy(out, "\x93NUMPY\1\0", MAGIC + 2);
    out[MAGIC + 2] = (char)(n & 255);
    out[MAGIC + 3] = (char)(n >> 8);
    return PREFIX + n;
}

static int64_t data_bytes(const Tensor *t) {
    return tensor_numel(t) * (int64_t)dtype_size((DType)t->dtype);
}

bool npy_save(Ctx *c, const char *op, const char *path, const Tensor *t) {
    char header[MADE_HEADER];
    Tensor flat;
    Writer w;
    int n = make_header(c, op, t, header);
    if (n < 0 || !op_to(c, &flat, t, CPU, (DType)t->dtype)) return false;
    bool ok = writer_open(c, &w, op, path);
    if (ok) {
        ok = writer_write(&w, header, n) && writer_write(&w, tensor_data(&flat), data_bytes(&flat)) &&
             writer_commit(&w);
        if (!ok) writer_abort(&w);
    }
    tensor_release(&flat);
    return ok;
}

static bool write_entry(ZipWriter *z, Writer *w, const NpzItem *item) {
    char header[MADE_HEADER];
    Tensor flat;
    int n = make_header(w->ctx, w->op, item->tensor, header);
    if (n < 0 || !op_to(w->ctx, &flat, item->tensor, CPU, (DType)item->tensor->dtype)) return false;
    uint32_t crc = crc32_update(0, header, n);
    crc = crc32_update(crc, tensor_data(&flat), data_bytes(&flat));
    bool ok = zip_add(z, item->name, item->length, ".npy", n + data_bytes(&flat), crc) &&
              writer_write(w, header, n) && writer_write(w, tensor_data(&flat), data_bytes(&flat));
    tensor_release(&flat);
    return ok;
}

static bool write_entries(ZipWriter *z, Writer *w, const NpzItem *items, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (!write_entry(z, w, &items[i])) return false;
    return zip_end(z);
}

bool npz_save(Ctx *c, const char *op, const char *path, const NpzItem *items, int64_t n) {
    Writer w;
    ZipWriter z;
    if (!writer_open(c, &w, op, path)) return false;
    zip_begin(&z, &w);
    bool ok = write_entries(&z, &w, items, n) && writer_commit(&w);
    if (!ok) writer_abort(&w);
    zip_free(&z);
    return ok;
}
