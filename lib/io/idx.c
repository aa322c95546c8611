/* IDX: two zero bytes, the type, the number of dimensions, their sizes as big-endian 32-bit numbers, data. */
#include "io/idx.h"
#include "io/source.h"

enum { MAGIC = 4 };

static bool parse_type(const File *f, const unsigned char magic[MAGIC], FileType *type) {
    static const struct {
        uint8_t code;
        DType dtype;
    } types[] = {{0x08, U8}, {0x09, I8}, {0x0b, I16}, {0x0c, I32}, {0x0d, F32}, {0x0e, F64}};
    FILE_REQUIRE(f, magic[0] == 0 && magic[1] == 0,
                 "no IDX file: it starts with bytes %02x %02x, expected 00 00", magic[0], magic[1]);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].code != magic[2]) continue;
        *type = (FileType){types[i].dtype, (uint8_t)dtype_size(types[i].dtype), false, little_endian()};
        return true;
    }
    return file_fail(f,
                     "no IDX file: its type is 0x%02x, expected 08 (u8), 09 (i8), 0b (i16), 0c (i32), 0d "
                     "(f32) or 0e (f64)",
                     magic[2]);
}

/* The shape, held against what the file can have. */
static bool parse_sizes(Source *s, int ndim, int64_t *size, FileType type) {
    const File *f = s->file;
    unsigned char bytes[MAX_DIMS * 4];
    int64_t total = type.size;
    if (!source_read(s, bytes, ndim * 4, "the shape")) return false;
    for (int d = 0; d < ndim; d++) {
        const unsigned char *b = bytes + 4 * d;
        size[d] = (int64_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
    }
    bool empty = false;
    for (int d = 0; d < ndim; d++) {
        empty |= size[d] == 0;
        FILE_REQUIRE(f, !__builtin_mul_overflow(total, size[d] ? size[d] : 1, &total),
                     "the shape (%s) has too many elements", SIZES(ndim, size));
    }
    if (empty) total = 0;
    int64_t most = source_most(s);
    FILE_REQUIRE(f, total <= most, "cut off: shape (%s) of %s takes %lld bytes, but %s %lld follow",
                 SIZES(ndim, size), dtype_name(type.dtype), (long long)total,
                 s->kind == SOURCE_PLAIN ? "only" : "at most", (long long)most);
    return true;
}

static bool read_tensor(Source *s, Tensor *out) {
    const File *f = s->file;
    unsigned char magic[MAGIC];
    int64_t size[MAX_DIMS];
    FileType type;
    if (!source_read(s, magic, MAGIC, "the magic number") || !parse_type(f, magic, &type)) return false;
    FILE_REQUIRE(f, magic[3] <= MAX_DIMS, "it has %d dimensions, a tensor has at most %d", magic[3],
                 MAX_DIMS);
    if (!parse_sizes(s, magic[3], size, type) || !tensor_new(f->ctx, out, type.dtype, magic[3], size))
        return false;
    if (source_read_elements(s, out, type, "the data") && source_finish(s)) return true;
    tensor_release(out);
    return false;
}

bool idx_read(Ctx *c, Tensor *out, const char *op, const char *path) {
    File f;
    Source s;
    out->storage = NULL;
    if (!file_open(c, &f, op, path)) return false;
    bool ok = source_open(&s, &f, source_is_gzip(&f) ? SOURCE_GZIP : SOURCE_PLAIN, 0, f.size);
    if (ok) {
        ok = read_tensor(&s, out);
        source_close(&s);
    }
    file_close(&f);
    return ok;
}
