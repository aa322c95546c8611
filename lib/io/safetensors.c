/* safetensors files. No number of a file is used in an allocation, a loop or a product before it is known to
 * fit the bytes that the file has. */
#include "io/safetensors.h"
#include "io/json.h"
#include "io/source.h"
#include "io/text.h"
#include "io/writer.h"
#include "ops/ops.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH = 8 /* bytes of the header's length */, FOREIGN = DTYPE_COUNT };

/* The format's dtypes; those that we write come in the order in which they are laid out. */
static const struct {
    const char *name;
    int16_t bits;
    uint8_t dtype; /* of the tensor that it becomes; FOREIGN: none */
    bool is_unsigned;
} types[] = {
    {"I64", 64, I64, false},        {"F64", 64, F64, false},        {"F32", 32, F32, false},
    {"I32", 32, I32, false},        {"BF16", 16, BF16, false},      {"F16", 16, F16, false},
    {"I16", 16, I16, false},        {"I8", 8, I8, false},           {"U8", 8, U8, false},
    {"BOOL", 8, BOOL, false},       {"U16", 16, I32, true},         {"U32", 32, I64, true},
    {"U64", 64, I64, true},         {"F8_E5M2", 8, FOREIGN, false}, {"F8_E4M3", 8, FOREIGN, false},
    {"F8_E8M0", 8, FOREIGN, false}, {"F4", 4, FOREIGN, false},      {"F6_E2M3", 6, FOREIGN, false},
    {"F6_E3M2", 6, FOREIGN, false}, {"C64", 64, FOREIGN, false},
};
enum { TYPES = sizeof types / sizeof *types };

const char *safetensors_type_name(const SafetensorsEntry *e) {
    return types[e->type].name;
}

/* --- reading the header --------------------------------------------------------------------------------- */

#define NAME(e) QUOTE((e)->name.text, (e)->name.length)

static uint64_t read_length(const unsigned char bytes[LENGTH]) {
    uint64_t n = 0;
    for (int i = LENGTH - 1; i >= 0; i--) n = n << 8 | bytes[i];
    return n;
}

/* A file of another kind that people try: say what it is. */
static const char *other_format(const unsigned char *bytes) {
    if (memcmp(bytes, "\x93NUMPY", 6) == 0) return "it is an npy file: use io.load_npy";
    if (memcmp(bytes, "PK\3\4", 4) == 0)
        return "it is a zip file: for npz use io.load_npz; a PyTorch .pt file holds pickled code and is not "
               "read here, "
               "save it with safetensors.torch.save_file";
    if (bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5)
        return "it is a Python pickle, which can run code and is not read here; save it with "
               "safetensors.torch.save_file";
    if (memcmp(bytes, "GGUF", 4) == 0) return "it is a GGUF file, which is not read here";
    return NULL;
}

static bool read_header(Ctx *c, Safetensors *s) {
    const File *f = &s->file;
    unsigned char bytes[LENGTH];
    FILE_REQUIRE(f, f->size >= LENGTH,
                 "the file has %" PRId64 " bytes, too short for the %d bytes of the header's length", f->size,
                 LENGTH);
    if (!file_read(f, bytes, 0, LENGTH)) return false;
    uint64_t length = read_length(bytes);
    bool fits = length <= SAFETENSORS_HEADER && (int64_t)length <= f->size - LENGTH;
    const char *other = fits ? NULL : other_format(bytes);
    FILE_REQUIRE(f, !other, "no safetensors file: %s", other);
    FILE_REQUIRE(f, length <= SAFETENSORS_HEADER,
                 "the header's length is given as %" PRIu64
                 " bytes, expected at most %d: no safetensors file",
                 length, SAFETENSORS_HEADER);
    FILE_REQUIRE(f, (int64_t)length <= f->size - LENGTH,
                 "the header's length is given as %" PRIu64 " bytes, but only %" PRId64
                 " follow: the file is cut off",
                 length, f->size - LENGTH);
    FILE_REQUIRE(f, length >= 2,
                 "the header's length is given as %" PRIu64 " bytes, expected at least 2 for {}", length);
    buffer_init(&s->text, c);
    if (!buffer_reserve(&s->text, (int64_t)length + 1)) return false;
    if (!file_read(f, s->text.data, LENGTH, (int64_t)length)) return false;
    s->text.size = (int64_t)length;
    s->text.data[length] = '\0';
    s->data = LENGTH + (int64_t)length;
    FILE_REQUIRE(f, s->text.data[0] == '{', "the header starts with %s, expected '{'",
                 QUOTE(s->text.data, 1));
    return true;
}

/* --- the entries ---------------------------------------------------------------------------------------- */

/* Everything that the parsing of the header passes around. */
typedef struct Parse {
    Safetensors *s;
    JsonReader json;
    SafetensorsEntry entry;
    bool has_type, has_shape, has_offsets;
    bool has_metadata;
} Parse;

static bool json_fail(const Parse *p) {
    return file_fail(&p->s->file, "the header is not what JSON allows: %s", p->json.error);
}

/* "'weight': shape: expected WHAT, got X". */
static bool unexpected(const Parse *p, const char *field, const char *expected) {
    if (p->json.type == JSON_ERROR) return json_fail(p);
    return file_fail(&p->s->file, "tensor %s: %s: expected %s, got %s", NAME(&p->entry), field, expected,
                     json_describe(&p->json, (char[JSON_ERROR_TEXT]){0}));
}

static bool parse_type(Parse *p) {
    JsonReader *r = &p->json;
    if (json_next(r) != JSON_STRING) return unexpected(p, "dtype", "a string");
    for (int t = 0; t < TYPES; t++) {
        if (strlen(types[t].name) != (size_t)r->length ||
            memcmp(types[t].name, r->text, (size_t)r->length) != 0)
            continue;
        p->entry.type = (int8_t)t;
        return p->has_type = true;
    }
    return unexpected(p, "dtype", "one of the format's (F32, I64, BOOL, ...)");
}

static bool parse_shape(Parse *p) {
    JsonReader *r = &p->json;
    SafetensorsEntry *e = &p->entry;
    if (json_next(r) != JSON_ARRAY) return unexpected(p, "shape", "an array");
    while (json_next(r) != JSON_ARRAY_END) {
        if (r->type != JSON_INTEGER || r->integer < 0)
            return unexpected(p, "shape", "integers from 0 to 2^63 - 1");
        FILE_REQUIRE(&p->s->file, e->ndim < MAX_DIMS,
                     "tensor %s: shape: a tensor has at most %d dimensions here", NAME(e), MAX_DIMS);
        e->size[e->ndim++] = r->integer;
    }
    return p->has_shape = true;
}

static bool parse_offset(Parse *p, int64_t *offset) {
    if (json_next(&p->json) != JSON_INTEGER || p->json.integer < 0)
        return unexpected(p, "data_offsets", "two integers from 0 to 2^63 - 1");
    *offset = p->json.integer;
    return true;
}

static bool parse_offsets(Parse *p) {
    if (json_next(&p->json) != JSON_ARRAY) return unexpected(p, "data_offsets", "an array");
    if (!parse_offset(p, &p->entry.begin) || !parse_offset(p, &p->entry.end)) return false;
    if (json_next(&p->json) != JSON_ARRAY_END)
        return unexpected(p, "data_offsets", "two integers and no more");
    return p->has_offsets = true;
}

static bool key_is(const JsonReader *r, const char *name) {
    return r->length == (int64_t)strlen(name) && memcmp(r->text, name, strlen(name)) == 0;
}

/* A field given twice is caught at the end of the object; until then the first one's dims must not add up. */
static bool parse_field(Parse *p) {
    JsonReader *r = &p->json;
    bool type = key_is(r, "dtype"), shape = key_is(r, "shape"), offsets = key_is(r, "data_offsets");
    FILE_REQUIRE(&p->s->file,
                 !((type && p->has_type) || (shape && p->has_shape) || (offsets && p->has_offsets)),
                 "tensor %s: %s is given twice", NAME(&p->entry),
                 type    ? "dtype"
                 : shape ? "shape"
                         : "data_offsets");
    if (type) return parse_type(p);
    if (shape) return parse_shape(p);
    if (offsets) return parse_offsets(p);
    json_next(r); /* fields of a later version of the format */
    return json_skip(r) || json_fail(p);
}

/* end - begin is what the shape and the dtype take, and no more than the file has. */
static bool check_extent(const Parse *p) {
    const SafetensorsEntry *e = &p->entry;
    const File *f = &p->s->file;
    int64_t room = f->size - p->s->data, bits = types[e->type].bits;
    bool empty = false;
    FILE_REQUIRE(f, e->begin <= e->end,
                 "tensor %s: data_offsets [%" PRId64 ", %" PRId64 "] end before they begin", NAME(e),
                 e->begin, e->end);
    FILE_REQUIRE(f, e->end <= room,
                 "tensor %s: data_offsets [%" PRId64 ", %" PRId64
                 "] reach past the end of the file, which has %" PRId64 " bytes of data",
                 NAME(e), e->begin, e->end, room);
    for (int d = 0; d < e->ndim; d++) {
        empty |= e->size[d] == 0;
        FILE_REQUIRE(f, !__builtin_mul_overflow(bits, e->size[d] ? e->size[d] : 1, &bits),
                     "tensor %s: the shape (%s) has too many elements", NAME(e), SIZES(e->ndim, e->size));
    }
    if (empty) bits = 0;
    FILE_REQUIRE(f, bits % 8 == 0, "tensor %s: shape (%s) of %s takes no whole number of bytes", NAME(e),
                 SIZES(e->ndim, e->size), types[e->type].name);
    FILE_REQUIRE(f, bits / 8 == e->end - e->begin,
                 "tensor %s: shape (%s) of %s takes %" PRId64 " bytes, but data_offsets [%" PRId64
                 ", %" PRId64 "] have %" PRId64,
                 NAME(e), SIZES(e->ndim, e->size), types[e->type].name, bits / 8, e->begin, e->end,
                 e->end - e->begin);
    return true;
}

static bool parse_entry(Parse *p) {
    JsonReader *r = &p->json;
    p->entry = (SafetensorsEntry){.name = {r->text, r->length}};
    p->has_type = p->has_shape = p->has_offsets = false;
    if (json_next(r) != JSON_OBJECT) return unexpected(p, "its entry", "an object");
    while (json_next(r) == JSON_KEY)
        if (!parse_field(p)) return false;
    if (r->type != JSON_OBJECT_END) return json_fail(p);
    FILE_REQUIRE(&p->s->file, p->has_type && p->has_shape && p->has_offsets, "tensor %s: its entry has no %s",
                 NAME(&p->entry),
                 !p->has_type    ? "dtype"
                 : !p->has_shape ? "shape"
                                 : "data_offsets");
    return check_extent(p) && buffer_add(&p->s->entries, &p->entry, sizeof p->entry);
}

static bool parse_metadata(Parse *p) {
    JsonReader *r = &p->json;
    const File *f = &p->s->file;
    char got[JSON_ERROR_TEXT];
    FILE_REQUIRE(f, !p->has_metadata, "__metadata__ is given twice");
    p->has_metadata = true;
    if (json_next(r) == JSON_ERROR) return json_fail(p);
    FILE_REQUIRE(f, r->type == JSON_OBJECT, "__metadata__: expected an object, got %s",
                 json_describe(r, got));
    while (json_next(r) == JSON_KEY) {
        SafetensorsPair pair = {.key = {r->text, r->length}};
        if (json_next(r) == JSON_ERROR) return json_fail(p);
        FILE_REQUIRE(f, r->type == JSON_STRING, "__metadata__: %s: expected a string, got %s",
                     QUOTE(pair.key.text, pair.key.length), json_describe(r, got));
        pair.value = (SafetensorsText){r->text, r->length};
        if (!buffer_add(&p->s->metadata, &pair, sizeof pair)) return false;
    }
    return r->type == JSON_OBJECT_END || json_fail(p);
}

static bool parse_entries(Parse *p) {
    JsonReader *r = &p->json;
    if (json_next(r) != JSON_OBJECT) return json_fail(p);
    while (json_next(r) == JSON_KEY)
        if (!(key_is(r, "__metadata__") ? parse_metadata(p) : parse_entry(p))) return false;
    return (r->type == JSON_OBJECT_END && json_next(r) == JSON_END) || json_fail(p);
}

static bool parse_header(Ctx *c, Safetensors *s) {
    Parse p = {.s = s};
    buffer_init(&s->entries, c);
    buffer_init(&s->metadata, c);
    bool ok = json_begin(c, &p.json, s->text.data, s->text.size) ? parse_entries(&p) : json_fail(&p);
    json_free(&p.json);
    return ok;
}

/* --- the whole file ------------------------------------------------------------------------------------- */

static int by_begin(const void *a, const void *b) {
    const SafetensorsEntry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* The tensors must cover the data one after the other: what no tensor covers could hide anything. */
static bool check_cover(Safetensors *s) {
    const File *f = &s->file;
    int64_t n = safetensors_count(s), at = 0, room = f->size - s->data;
    if (n > 1) qsort(s->entries.data, (size_t)n, sizeof(SafetensorsEntry), by_begin);
    for (int64_t i = 0; i < n; i++) {
        const SafetensorsEntry *e = safetensors_entry(s, i);
        FILE_REQUIRE(f, e->begin <= at,
                     "tensor %s: its data begins at %" PRId64 ", expected %" PRId64
                     ": there is a hole before it",
                     NAME(e), e->begin, at);
        FILE_REQUIRE(f, e->begin >= at,
                     "tensor %s: its data begins at %" PRId64 ", expected %" PRId64 ": it overlaps tensor %s",
                     NAME(e), e->begin, at, NAME(e - 1));
        at = e->end;
    }
    FILE_REQUIRE(f, at == room,
                 "the tensors take %" PRId64 " bytes, but %" PRId64 " follow the header: bytes are left over",
                 at, room);
    return true;
}

bool safetensors_open(Ctx *c, Safetensors *s, const char *op, const char *path) {
    memset(s, 0, sizeof *s);
    s->file.fd = -1;
    if (file_open(c, &s->file, op, path) && read_header(c, s) && parse_header(c, s) && check_cover(s))
        return true;
    safetensors_close(s);
    return false;
}

void safetensors_close(Safetensors *s) {
    buffer_free(&s->text);
    buffer_free(&s->entries);
    buffer_free(&s->metadata);
    file_close(&s->file);
}

bool safetensors_read(const Safetensors *s, int64_t i, Tensor *out) {
    const SafetensorsEntry *e = safetensors_entry(s, i);
    const File *f = &s->file;
    DType dtype = (DType)types[e->type].dtype;
    out->storage = NULL;
    FILE_REQUIRE(f, types[e->type].dtype != FOREIGN, "tensor %s: no dtype here is %s", NAME(e),
                 types[e->type].name);
    FileType type = {dtype, (uint8_t)(types[e->type].bits / 8), types[e->type].is_unsigned, !little_endian()};
    Source source;
    if (!source_open(&source, f, SOURCE_PLAIN, s->data + e->begin, e->end - e->begin)) return false;
    if (!tensor_new(f->ctx, out, dtype, e->ndim, e->size)) return false;
    if (source_read_elements(&source, out, type, NAME(e))) return true;
    tensor_release(out);
    return false;
}

/* --- writing -------------------------------------------------------------------------------------------- */

static int type_of(const Tensor *t) {
    int type = 0;
    while (types[type].dtype != t->dtype) type++;
    return type;
}

static int compare_texts(SafetensorsText a, SafetensorsText b) {
    int order = memcmp(a.text, b.text, (size_t)(a.length < b.length ? a.length : b.length));
    return order ? order : a.length < b.length ? -1 : a.length > b.length;
}

static int by_type_and_name(const void *a, const void *b) {
    const SafetensorsItem *x = a, *y = b;
    int order = type_of(x->tensor) - type_of(y->tensor);
    return order ? order : compare_texts(x->name, y->name);
}

static int by_key(const void *a, const void *b) {
    return compare_texts(((const SafetensorsPair *)a)->key, ((const SafetensorsPair *)b)->key);
}

static bool add_text(Buffer *b, const char *op, const char *path, SafetensorsText t) {
    REQUIRE(b->ctx, utf8_error(t.text, t.length) < 0,
            "%s: %.400s: the name or metadata %s is not valid UTF-8", op, path, QUOTE(t.text, t.length));
    return json_add_string(b, t.text, t.length);
}

static bool add_entry(Buffer *b, const SafetensorsItem *item, int64_t *at) {
    const Tensor *t = item->tensor;
    int64_t end = *at + tensor_numel(t) * (int64_t)dtype_size((DType)t->dtype);
    bool ok = buffer_printf(b, ":{\"dtype\":\"%s\",\"shape\":[", types[type_of(t)].name);
    for (int d = 0; d < t->ndim && ok; d++) ok = buffer_printf(b, d ? ",%" PRId64 : "%" PRId64, t->size[d]);
    ok = ok && buffer_printf(b, "],\"data_offsets\":[%" PRId64 ",%" PRId64 "]}", *at, end);
    *at = end;
    return ok;
}

static bool add_metadata(Buffer *b, const char *op, const char *path, const SafetensorsPair *metadata,
                         int64_t m) {
    if (!buffer_printf(b, "\"__metadata__\":{")) return false;
    for (int64_t i = 0; i < m; i++) {
        if (i && !buffer_add(b, ",", 1)) return false;
        if (!add_text(b, op, path, metadata[i].key) || !buffer_add(b, ":", 1) ||
            !add_text(b, op, path, metadata[i].value))
            return false;
    }
    return buffer_add(b, "}", 1);
}

/* Length and header, padded with spaces so that the data begins at a multiple of 8. */
static bool make_header(Buffer *b, const char *op, const char *path, const SafetensorsItem *items, int64_t n,
                        const SafetensorsPair *metadata, int64_t m) {
    int64_t at = 0;
    if (!buffer_add(b, "\0\0\0\0\0\0\0\0{", LENGTH + 1)) return false;
    if (m && !add_metadata(b, op, path, metadata, m)) return false;
    for (int64_t i = 0; i < n; i++) {
        if ((i || m) && !buffer_add(b, ",", 1)) return false;
        if (!add_text(b, op, path, items[i].name) || !add_entry(b, &items[i], &at)) return false;
    }
    if (!buffer_add(b, "}", 1)) return false;
    while (b->size % 8)
        if (!buffer_add(b, " ", 1)) return false;
    int64_t length = b->size - LENGTH;
    REQUIRE(b->ctx, length <= SAFETENSORS_HEADER,
            "%s: %.400s: the header takes %" PRId64 " bytes, the format allows %d", op, path, length,
            SAFETENSORS_HEADER);
    for (int i = 0; i < LENGTH; i++) b->data[i] = (char)(length >> 8 * i & 255);
    return true;
}

static bool write_tensor(Writer *w, const Tensor *t) {
    Tensor flat;
    if (!op_to(w->ctx, &flat, t, CPU, (DType)t->dtype)) return false;
    int64_t n = tensor_numel(&flat), size = (int64_t)dtype_size((DType)t->dtype);
    bool ok = true;
    if (little_endian()) {
        ok = writer_write(w, tensor_data(&flat), n * size);
    } else {
        for (int64_t i = 0; i < n && ok; i++) {
            char element[8];
            memcpy(element, (char *)tensor_data(&flat) + i * size, (size_t)size);
            swap_bytes(element, 1, (size_t)size);
            ok = writer_write(w, element, size);
        }
    }
    tensor_release(&flat);
    return ok;
}

static bool write_all(Writer *w, const Buffer *header, const SafetensorsItem *items, int64_t n) {
    if (!writer_write(w, header->data, header->size)) return false;
    for (int64_t i = 0; i < n; i++)
        if (!write_tensor(w, items[i].tensor)) return false;
    return true;
}

bool safetensors_save(Ctx *c, const char *op, const char *path, SafetensorsItem *items, int64_t n,
                      SafetensorsPair *metadata, int64_t m) {
    Buffer header;
    Writer w;
    buffer_init(&header, c);
    if (n) qsort(items, (size_t)n, sizeof *items, by_type_and_name);
    if (m) qsort(metadata, (size_t)m, sizeof *metadata, by_key);
    bool ok = make_header(&header, op, path, items, n, metadata, m) && writer_open(c, &w, op, path);
    if (ok) {
        ok = write_all(&w, &header, items, n) && writer_commit(&w);
        if (!ok) writer_abort(&w);
    }
    buffer_free(&header);
    return ok;
}
