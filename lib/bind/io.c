/* Files: safetensors, npy, npz, IDX, CSV, JSON, as stdlib/io and stdlib/data call them (core.formats). What
 * stays open between two calls is a userdata that Lua closes. */
#include "bind/state.h"
#include "io/csv.h"
#include "io/idx.h"
#include "io/json.h"
#include "io/npy.h"
#include "io/png.h"
#include "io/safetensors.h"
#include <math.h>
#include <string.h>

static const char *check_path(lua_State *L, int arg) {
    size_t length;
    const char *path = check_string(L, arg);
    lua_tolstring(L, arg, &length);
    if (strlen(path) != length) bad_argument(L, arg, "a path without zero bytes");
    return path;
}

/* A table of n strings or tensors, whose items stay alive by being in it. */
static lua_Integer check_list(lua_State *L, int arg) {
    if (!lua_istable(L, arg)) bad_argument(L, arg, "a table");
    return (lua_Integer)lua_rawlen(L, arg);
}

/* --- open files ----------------------------------------------------------------------------------------- */

/* Pushes a userdata of `size` bytes, zeroed, whose metatable `kind` (see make_kind) knows how to close it. */
static void *push_handle(lua_State *L, const char *kind, size_t size) {
    void *p = memset(lua_newuserdatauv(L, size, 0), 0, size);
    luaL_setmetatable(L, kind);
    return p;
}

static void make_kind(lua_State *L, const char *kind, lua_CFunction close, const luaL_Reg *methods) {
    luaL_newmetatable(L, kind);
    lua_newtable(L);
    for (; methods->name; methods++) {
        new_op_state(L, &(OpReg){methods->name, methods->func, ANY_NUMBER});
        lua_pushcclosure(L, methods->func, 1);
        lua_setfield(L, -2, methods->name);
    }
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, close);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, close);
    lua_setfield(L, -2, "__close");
    lua_pop(L, 1);
}

/* --- safetensors ---------------------------------------------------------------------------------------- */

static const char SAFETENSORS[] = "apsis.safetensors";

static Safetensors *check_safetensors(lua_State *L) {
    Safetensors *s = luaL_checkudata(L, 1, SAFETENSORS);
    if (!s->file.path) raise(L, "%s: the file is closed", op_name(L));
    return s;
}

/* safetensors(path) -> open file */
static int l_safetensors(lua_State *L) {
    const char *path = check_path(L, 1);
    Safetensors *s = push_handle(L, SAFETENSORS, sizeof *s);
    return result(L, safetensors_open(ctx(L), s, op_name(L), path));
}

static int safetensors_gc(lua_State *L) {
    safetensors_close(luaL_checkudata(L, 1, SAFETENSORS));
    return 0;
}

/* file:list() -> {{name =, dtype = "F32", shape = {...}}, ...} in the order of the data */
static int l_safetensors_list(lua_State *L) {
    const Safetensors *s = check_safetensors(L);
    int64_t n = safetensors_count(s);
    lua_createtable(L, (int)n, 0);
    for (int64_t i = 0; i < n; i++) {
        const SafetensorsEntry *e = safetensors_entry(s, i);
        lua_createtable(L, 0, 3);
        lua_pushlstring(L, e->name.text, (size_t)e->name.length);
        lua_setfield(L, -2, "name");
        lua_pushstring(L, safetensors_type_name(e));
        lua_setfield(L, -2, "dtype");
        lua_createtable(L, e->ndim, 0);
        for (int d = 0; d < e->ndim; d++) {
            lua_pushinteger(L, e->size[d]);
            lua_rawseti(L, -2, d + 1);
        }
        lua_setfield(L, -2, "shape");
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* file:metadata() -> {key = value} */
static int l_safetensors_metadata(lua_State *L) {
    const Safetensors *s = check_safetensors(L);
    const SafetensorsPair *pair = (const SafetensorsPair *)s->metadata.data;
    lua_newtable(L);
    for (int64_t n = s->metadata.size / (int64_t)sizeof *pair; n > 0; n--, pair++) {
        lua_pushlstring(L, pair->key.text, (size_t)pair->key.length);
        lua_pushlstring(L, pair->value.text, (size_t)pair->value.length);
        lua_rawset(L, -3);
    }
    return 1;
}

/* file:read(i) -> tensor, i as in list() */
static int l_safetensors_read(lua_State *L) {
    const Safetensors *s = check_safetensors(L);
    int64_t i = check_int(L, 2);
    if (i < 1 || i > safetensors_count(s)) bad_argument(L, 2, "the number of a tensor in the file");
    return result(L, safetensors_read(s, i - 1, new_tensor(L)));
}

static SafetensorsText check_text(lua_State *L, int table, lua_Integer i) {
    SafetensorsText t;
    size_t length;
    lua_rawgeti(L, table, i);
    if (lua_type(L, -1) != LUA_TSTRING) bad_argument(L, table, "a table of strings");
    t.text = lua_tolstring(L, -1, &length);
    t.length = (int64_t)length;
    lua_pop(L, 1);
    return t;
}

/* save(path, names, tensors, keys, values): lists of equal length */
static int l_save(lua_State *L) {
    const char *path = check_path(L, 1);
    lua_Integer n = check_list(L, 2), m = check_list(L, 4);
    if (check_list(L, 3) != n) bad_argument(L, 3, "as many tensors as names");
    if (check_list(L, 5) != m) bad_argument(L, 5, "as many values as keys");
    SafetensorsItem *items = lua_newuserdatauv(L, sizeof *items * (size_t)n + 1, 0);
    SafetensorsPair *metadata = lua_newuserdatauv(L, sizeof *metadata * (size_t)m + 1, 0);
    for (lua_Integer i = 0; i < n; i++) {
        lua_rawgeti(L, 3, i + 1);
        items[i] = (SafetensorsItem){check_text(L, 2, i + 1), check_tensor(L, -1)};
        lua_pop(L, 1);
    }
    for (lua_Integer i = 0; i < m; i++)
        metadata[i] = (SafetensorsPair){check_text(L, 4, i + 1), check_text(L, 5, i + 1)};
    if (!safetensors_save(ctx(L), op_name(L), path, items, n, metadata, m)) return raise_error(L);
    return 0;
}

/* --- npy and npz ---------------------------------------------------------------------------------------- */

/* load_npy(path) -> tensor */
static int l_load_npy(lua_State *L) {
    const char *path = check_path(L, 1);
    return result(L, npy_read(ctx(L), new_tensor(L), op_name(L), path));
}

/* save_npy(path, tensor) */
static int l_save_npy(lua_State *L) {
    if (!npy_save(ctx(L), op_name(L), check_path(L, 1), check_tensor(L, 2))) return raise_error(L);
    return 0;
}

static const char NPZ[] = "apsis.npz";

static Zip *check_npz(lua_State *L) {
    Zip *z = luaL_checkudata(L, 1, NPZ);
    if (!z->file.path) raise(L, "%s: the file is closed", op_name(L));
    return z;
}

/* npz(path) -> open file */
static int l_npz(lua_State *L) {
    const char *path = check_path(L, 1);
    Zip *z = push_handle(L, NPZ, sizeof *z);
    return result(L, zip_open(ctx(L), z, op_name(L), path));
}

static int npz_gc(lua_State *L) {
    zip_close(luaL_checkudata(L, 1, NPZ));
    return 0;
}

/* file:list() -> {name, ...} */
static int l_npz_list(lua_State *L) {
    const Zip *z = check_npz(L);
    lua_createtable(L, (int)zip_count(z), 0);
    for (int64_t i = 0; i < zip_count(z); i++) {
        lua_pushlstring(L, zip_entry(z, i)->name, (size_t)zip_entry(z, i)->length);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* file:read(i) -> tensor */
static int l_npz_read(lua_State *L) {
    const Zip *z = check_npz(L);
    int64_t i = check_int(L, 2);
    if (i < 1 || i > zip_count(z)) bad_argument(L, 2, "the number of an entry of the file");
    return result(L, npz_read(z, i - 1, new_tensor(L)));
}

/* save_npz(path, names, tensors): lists of equal length */
static int l_save_npz(lua_State *L) {
    const char *path = check_path(L, 1);
    lua_Integer n = check_list(L, 2);
    if (check_list(L, 3) != n) bad_argument(L, 3, "as many tensors as names");
    NpzItem *items = lua_newuserdatauv(L, sizeof *items * (size_t)n + 1, 0);
    for (lua_Integer i = 0; i < n; i++) {
        SafetensorsText name = check_text(L, 2, i + 1);
        lua_rawgeti(L, 3, i + 1);
        items[i] = (NpzItem){name.text, name.length, check_tensor(L, -1)};
        lua_pop(L, 1);
    }
    if (!npz_save(ctx(L), op_name(L), path, items, n)) return raise_error(L);
    return 0;
}

/* --- PNG ------------------------------------------------------------------------------------------------ */

typedef struct Picture {
    int64_t width, height, channels;
    const char *pixels;
} Picture;

/* width, height, channels, pixels (a string of bytes, row by row) from an argument on */
static Picture check_picture(lua_State *L, int arg) {
    Picture p = {
        .width = check_int(L, arg), .height = check_int(L, arg + 1), .channels = check_int(L, arg + 2)};
    if (p.width < 1 || p.width > PNG_MOST || p.height < 1 || p.height > PNG_MOST || p.channels < 1 ||
        p.channels > 4)
        raise(L, "%s: expected sizes in 1..%d and 1 to 4 channels", op_name(L), PNG_MOST);
    size_t length;
    p.pixels = luaL_checklstring(L, arg + 3, &length);
    if (length != (size_t)(p.width * p.height * p.channels))
        bad_argument(L, arg + 3, "a byte for each channel of each pixel");
    return p;
}

/* save_png(path, width, height, channels, pixels) */
static int l_save_png(lua_State *L) {
    const char *path = check_path(L, 1);
    Picture p = check_picture(L, 2);
    if (!png_save(ctx(L), op_name(L), path, p.width, p.height, (int)p.channels, p.pixels))
        return raise_error(L);
    return 0;
}

static int push_buffer(lua_State *L) {
    const Buffer *b = lua_touserdata(L, 1);
    lua_pushlstring(L, b->data, (size_t)b->size);
    return 1;
}

/* encode_png(width, height, channels, pixels) -> the file's bytes */
static int l_encode_png(lua_State *L) {
    Picture p = check_picture(L, 1);
    Buffer b;
    buffer_init(&b, ctx(L));
    bool ok = png_encode(&b, p.width, p.height, (int)p.channels, p.pixels);
    lua_pushcfunction(L, push_buffer);
    lua_pushlightuserdata(L, &b);
    int status = ok ? lua_pcall(L, 1, 1, 0) : LUA_OK; /* no memory for the string: the buffer goes first */
    buffer_free(&b);
    if (!ok) return raise_error(L);
    return status == LUA_OK ? 1 : lua_error(L);
}

/* --- CSV ------------------------------------------------------------------------------------------------ */

static const char CSV[] = "apsis.csv";

static Csv *check_csv(lua_State *L) {
    Csv *csv = luaL_checkudata(L, 1, CSV);
    if (!csv->file.path) raise(L, "%s: the file is closed", op_name(L));
    return csv;
}

/* The column at an argument, from 1, as 0-based. */
static int64_t check_column(lua_State *L, int arg, const Csv *csv) {
    int64_t i = check_int(L, arg);
    if (i < 1 || i > csv->columns) bad_argument(L, arg, "the number of a column");
    return i - 1;
}

/* csv(path, delimiter, header) -> open file; header nil: see for yourself */
static int l_csv(lua_State *L) {
    const char *path = check_path(L, 1), *delimiter = check_string(L, 2);
    CsvHeader header = lua_isnoneornil(L, 3)   ? CSV_HEADER_AUTO
                       : opt_bool(L, 3, false) ? CSV_HEADER_YES
                                               : CSV_HEADER_NO;
    if (lua_rawlen(L, 2) != 1 || !csv_delimiter_ok(*delimiter))
        raise(L, "%s: delimiter: expected one character such as ',' or ';' or a tab, got '%s'", op_name(L),
              delimiter);
    Csv *csv = push_handle(L, CSV, sizeof *csv);
    csv->file.fd = -1;
    return result(L, csv_open(ctx(L), csv, op_name(L), path, *delimiter, header));
}

static int csv_gc(lua_State *L) {
    csv_close(luaL_checkudata(L, 1, CSV));
    return 0;
}

/* file:size() -> rows, columns */
static int l_csv_size(lua_State *L) {
    const Csv *csv = check_csv(L);
    lua_pushinteger(L, csv->rows);
    lua_pushinteger(L, csv->columns);
    return 2;
}

static void push_field(lua_State *L, Csv *csv, int64_t i) {
    int64_t length;
    const char *text = csv_text(csv, i, &length);
    if (!text) raise_error(L);
    lua_pushlstring(L, text, (size_t)length);
}

/* file:names() -> {name, ...}, nil without a header */
static int l_csv_names(lua_State *L) {
    Csv *csv = check_csv(L);
    if (!csv->has_header) return 0;
    csv_rewind(csv, csv->header);
    csv_next_row(csv);
    lua_createtable(L, (int)csv->columns, 0);
    for (int64_t i = 0; i < csv->columns; i++) {
        push_field(L, csv, i);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* The words at `arg` and the value at arg + 1: "nan", "error" or a number. */
static CsvMissing check_missing(lua_State *L, int arg) {
    CsvMissing m = {.count = (int)check_list(L, arg), .numbers = true};
    const char **words = lua_newuserdatauv(L, sizeof *words * (size_t)m.count + 1, 0);
    for (int i = 0; i < m.count; i++) words[i] = check_text(L, arg, i + 1).text;
    m.words = words;
    if (lua_isinteger(L, arg + 1)) {
        m.kind = CSV_INTEGER;
        m.fill.integer = lua_tointeger(L, arg + 1);
    } else {
        m.kind = CSV_REAL;
        m.refuse = lua_type(L, arg + 1) == LUA_TSTRING;
        if (!m.refuse) m.fill.real = check_number(L, arg + 1);
        if (isnan(m.fill.real)) m.fill.real = NAN; /* without the sign that 0/0 has */
    }
    return m;
}

/* file:parse({column, ...}, {[column] = dtype or "text"}, {word, ...}, number or "error")
 * -> {[column] = "integer", "real" or "text"} */
static int l_csv_parse(lua_State *L) {
    Csv *csv = check_csv(L);
    lua_Integer n = check_list(L, 2);
    check_list(L, 3);
    CsvMissing missing = check_missing(L, 4);
    for (lua_Integer k = 1; k <= n; k++) {
        lua_rawgeti(L, 2, k);
        CsvColumn *column = csv_column(csv, check_column(L, -1, csv));
        lua_rawget(L, 3);
        if (column->wanted) raise(L, "%s: a column is asked for twice", op_name(L));
        column->wanted = true;
        column->text = lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "text") == 0;
        column->has_dtype = !column->text && !lua_isnil(L, -1);
        if (column->has_dtype && !dtype_parse(check_string(L, -1), &column->dtype))
            raise(L, "%s: dtype: expected a dtype or \"text\", got '%s'", op_name(L), lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    if (!csv_parse(csv, &missing)) return raise_error(L);
    static const char *const kinds[] = {"integer", "real", "text"};
    lua_newtable(L);
    for (int64_t i = 0; i < csv->columns; i++) {
        if (!csv_column(csv, i)->wanted) continue;
        lua_pushstring(L, kinds[csv_column(csv, i)->kind]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* file:store(column, tensor, j): into tensor[:] or tensor[:, j] */
static int l_csv_store(lua_State *L) {
    const Csv *csv = check_csv(L);
    int64_t i = check_column(L, 2, csv), j = opt_int(L, 4, 1) - 1;
    const CsvColumn *column = csv_column(csv, i);
    Tensor *out = check_tensor(L, 3);
    bool fits = out->device == CPU && tensor_is_contiguous(out) && (out->ndim == 1 || out->ndim == 2) &&
                out->size[0] == csv->rows && j >= 0 && j < (out->ndim == 2 ? out->size[1] : 1);
    bool whole = column->kind == CSV_INTEGER || dtype_is_float((DType)out->dtype);
    if (!column->values || column->kind == CSV_TEXT || !fits || !whole)
        raise(L, "%s: column %lld does not fit (%s) of %s", op_name(L), (long long)i + 1, SHAPE(out),
              DTYPE(out));
    csv_store(csv, i, out, j);
    return 0;
}

/* file:texts({column, ...}) -> {{text, ...}, ...} */
static int l_csv_texts(lua_State *L) {
    Csv *csv = check_csv(L);
    int n = (int)check_list(L, 2);
    int64_t *columns = lua_newuserdatauv(L, sizeof *columns * (size_t)n + 1, 0);
    lua_createtable(L, n, 0);
    int all = lua_gettop(L);
    luaL_checkstack(L, 4, "texts");
    for (int k = 0; k < n; k++) {
        lua_rawgeti(L, 2, k + 1);
        columns[k] = check_column(L, -1, csv);
        lua_createtable(L, csv->rows < INT32_MAX ? (int)csv->rows : 0, 0);
        lua_rawseti(L, all, k + 1);
        lua_pop(L, 1);
    }
    csv_rewind(csv, csv->first);
    for (int64_t r = 1; r <= csv->rows; r++) {
        if (!csv_next_row(csv)) return raise_error(L);
        for (int k = 0; k < n; k++) {
            lua_rawgeti(L, all, k + 1);
            push_field(L, csv, columns[k]);
            lua_rawseti(L, -2, r);
            lua_pop(L, 1);
        }
    }
    return 1;
}

/* file:text_at(column) -> line, text of the first value of a text column that is no number */
static int l_csv_text_at(lua_State *L) {
    const Csv *csv = check_csv(L);
    const CsvColumn *column = csv_column(csv, check_column(L, 2, csv));
    lua_pushinteger(L, column->text_line);
    lua_pushlstring(L, column->text_line ? column->text_value.begin : "",
                    column->text_line ? (size_t)(column->text_value.end - column->text_value.begin) : 0);
    return 2;
}

/* --- JSON ----------------------------------------------------------------------------------------------- */

static const char JSON[] = "apsis.json";

static int json_gc(lua_State *L) {
    json_free(luaL_checkudata(L, 1, JSON));
    return 0;
}

static int json_fail(lua_State *L, const JsonReader *r) {
    return raise(L, "%s: %s", op_name(L), r->error);
}

/* Pushes the value whose first token was just read. The reader bounds the depth. */
static void push_json(lua_State *L, JsonReader *r) {
    luaL_checkstack(L, 4, "json");
    switch (r->type) {
    case JSON_OBJECT:
        lua_newtable(L);
        while (json_next(r) == JSON_KEY) {
            lua_pushlstring(L, r->text, (size_t)r->length);
            json_next(r);
            push_json(L, r);
            lua_rawset(L, -3);
        }
        break;
    case JSON_ARRAY:
        lua_newtable(L);
        for (lua_Integer i = 1; json_next(r) > JSON_END && r->type != JSON_ARRAY_END; i++) {
            push_json(L, r);
            lua_rawseti(L, -2, i);
        }
        break;
    case JSON_STRING:
        lua_pushlstring(L, r->text, (size_t)r->length);
        break;
    case JSON_INTEGER:
        lua_pushinteger(L, r->integer);
        break;
    case JSON_REAL:
        lua_pushnumber(L, r->real);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        lua_pushboolean(L, r->type == JSON_TRUE);
        break;
    default:
        lua_pushlightuserdata(L, NULL);
    }
    if (r->type == JSON_ERROR) json_fail(L, r);
}

/* json_decode(text) -> value */
static int l_json_decode(lua_State *L) {
    size_t length;
    check_string(L, 1);
    const char *given = lua_tolstring(L, 1, &length);
    char *text = memcpy(lua_newuserdatauv(L, length + 1, 0), given, length + 1);
    JsonReader *r = push_handle(L, JSON, sizeof *r);
    if (!json_begin(ctx(L), r, text, (int64_t)length) || json_next(r) == JSON_ERROR) return json_fail(L, r);
    push_json(L, r);
    if (json_next(r) == JSON_ERROR) return json_fail(L, r);
    json_free(r);
    return 1;
}

/* --- IDX ------------------------------------------------------------------------------------------------ */

/* read_idx(path) -> tensor */
static int l_read_idx(lua_State *L) {
    const char *path = check_path(L, 1);
    return result(L, idx_read(ctx(L), new_tensor(L), op_name(L), path));
}

void open_io(lua_State *L) {
    static const luaL_Reg safetensors[] = {{"list", l_safetensors_list},
                                           {"metadata", l_safetensors_metadata},
                                           {"read", l_safetensors_read},
                                           {NULL, NULL}};
    static const luaL_Reg npz[] = {{"list", l_npz_list}, {"read", l_npz_read}, {NULL, NULL}};
    static const luaL_Reg csv[] = {{"size", l_csv_size},
                                   {"names", l_csv_names},
                                   {"parse", l_csv_parse},
                                   {"store", l_csv_store},
                                   {"texts", l_csv_texts},
                                   {"text_at", l_csv_text_at},
                                   {NULL, NULL}};
    static const luaL_Reg json[] = {{NULL, NULL}};
    /* The field of core.formats, and the name in messages: what the user calls. */
    static const struct {
        const char *field, *name;
        lua_CFunction call;
    } functions[] = {
        {"fail", "fail", l_fail},
        {"safetensors", "io.load", l_safetensors},
        {"save", "io.save", l_save},
        {"load_npy", "io.load_npy", l_load_npy},
        {"save_npy", "io.save_npy", l_save_npy},
        {"npz", "io.load_npz", l_npz},
        {"save_npz", "io.save_npz", l_save_npz},
        {"save_png", "save", l_save_png},
        {"encode_png", "encode_png", l_encode_png},
        {"json_decode", "io.json_decode", l_json_decode},
        {"read_idx", "read_idx", l_read_idx},
        {"csv", "read_csv", l_csv},
    };
    make_kind(L, SAFETENSORS, safetensors_gc, safetensors);
    make_kind(L, NPZ, npz_gc, npz);
    make_kind(L, CSV, csv_gc, csv);
    make_kind(L, JSON, json_gc, json);
    lua_rawgeti(L, LUA_REGISTRYINDEX, bind_state(L)->core);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        new_op_state(L, &(OpReg){functions[i].name, functions[i].call, ANY_NUMBER});
        lua_pushcclosure(L, functions[i].call, 1);
        lua_setfield(L, -2, functions[i].field);
    }
    lua_pushlightuserdata(L, NULL); /* JSON's null */
    lua_setfield(L, -2, "null");
    lua_setfield(L, -2, "formats");
    lua_pop(L, 1);
}
