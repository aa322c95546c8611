/* Arguments and errors: every message names the op, the argument, what was expected and what came. */
#include "bind/state.h"
#include "cl/device.h"
#include "ops/ops.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>

/* --- errors ------------------------------------------------------------------------------------------------
 */

/* Pushes the name of the class that the frame makes an object of (construct(class, ...) of
 * stdlib/class.lua), or nil. */
static void push_class_name(lua_State *L, lua_Debug *frame) {
    lua_pushnil(L);
    if (!lua_getlocal(L, frame, 1)) return;
    if (lua_istable(L, -1)) {
        lua_pushliteral(L, "__name");
        lua_rawget(L, -2);
        if (lua_type(L, -1) == LUA_TSTRING) lua_copy(L, -1, -3);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Does the text say whose error it is: "NAME: ..." or "io.NAME: ..."? */
static bool names(const char *text, const char *name) {
    size_t head = strcspn(text, ":"), length = strlen(name);
    if (head < length || strncmp(text + head - length, name, length) != 0) return false;
    return head == length || text[head - length - 1] == '.';
}

/* Pushes what the innermost Lua frame outside the standard library called, or nil where that has no name;
 * sets `where` to "script.lua:12: ", kept on the stack below it. */
static const char *push_called(lua_State *L, const char **where) {
    lua_Debug ar, lua_frame = {0};
    const char *entry = NULL;
    *where = lua_pushliteral(L, "");
    for (int level = 0; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.currentline <= 0) {
            const char *name = entry_name(L, &ar);
            if (name) entry = name;
        } else if (strncmp(ar.source, "=apsis/", 7) == 0) {
            lua_frame = ar;
            entry = NULL;
        } else {
            *where = lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
            break;
        }
    }
    if (entry)
        lua_pushstring(L, entry);
    else if (lua_frame.source)
        push_class_name(L, &lua_frame);
    else
        lua_pushnil(L);
    return lua_tostring(L, -1);
}

/* Whether the text is of the function that `name` is the in-place form of: "exp: ..." and "exp_". */
static bool names_plain_form(const char *text, const char *name) {
    size_t head = strcspn(text, ":");
    return text[head] == ':' && strlen(name) == head + 1 && name[head] == '_' &&
           strncmp(text, name, head) == 0;
}

/* What the metamethods of tensors are called: t[0] is no call of a function with a name. */
#define UNNAMED "tensor"

/* Raises the text of the op (NULL: it is no op's), after the position in the script. Where that called a
 * function that the library composes of ops, its name comes first: whoever called glu did not call size. */
static int raise_text(lua_State *L, const char *op, const char *text) {
    const char *where;
    luaL_checkstack(L, 10, text);
    const char *name = push_called(L, &where);
    if (!name) name = op && strcmp(op, UNNAMED) != 0 ? op : "";
    if (names_plain_form(text, name))
        lua_pushfstring(L, "%s%s%s", where, name, strchr(text, ':'));
    else if (*name && !names(text, name))
        lua_pushfstring(L, "%s%s: %s", where, name, text);
    else
        lua_pushfstring(L, "%s%s", where, text);
    return lua_error(L);
}

int raise_error(lua_State *L) {
    /* An allocator or a shape does not know whose it is: its message starts with no name. */
    const char *text = ctx(L)->error, *end = text;
    while (*end == '_' || *end == '.' || isalnum((unsigned char)*end)) end++;
    if (*end != ':') return raise(L, "%s: %s", op_name(L), text);
    return raise_text(L, op_name(L), text);
}

int raise(lua_State *L, const char *format, ...) {
    char text[CTX_ERROR_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return raise_text(L, op_name(L), text);
}

int l_fail(lua_State *L) {
    return raise_text(L, NULL, luaL_checkstring(L, 1));
}

const char *op_name(lua_State *L) {
    const OpState *op = lua_touserdata(L, lua_upvalueindex(1));
    return op ? op->name : UNNAMED;
}

/* What stands at an argument, for messages: "a f32 tensor (2x3)", "nil", "the string 'abc'". */
static void describe(lua_State *L, int arg, char *text, size_t room) {
    const Tensor *t = to_tensor(L, arg);
    if (t)
        snprintf(text, room, "a %s tensor (%s)", DTYPE(t), SHAPE(t));
    else if (lua_type(L, arg) == LUA_TNUMBER)
        snprintf(text, room, "the number %.14g", lua_tonumber(L, arg));
    else if (lua_type(L, arg) == LUA_TSTRING)
        snprintf(text, room, "the string '%.40s'", lua_tostring(L, arg));
    else if (lua_isnoneornil(L, arg))
        snprintf(text, room, "%s", lua_isnone(L, arg) ? "nothing" : "nil");
    else
        snprintf(text, room, "a %s", luaL_typename(L, arg));
}

int bad_argument(lua_State *L, int arg, const char *expected) {
    char got[SHAPE_TEXT + 64];
    describe(L, arg, got, sizeof got);
    return raise(L, "%s: argument %d: expected %s, got %s", op_name(L), arg, expected, got);
}

/* --- how many
 * -------------------------------------------------------------------------------------------------- */

/* The last of the arguments 1..n that is not nil. */
static int last_given(lua_State *L, int n) {
    while (n > 0 && lua_isnil(L, n)) n--;
    return n;
}

static void refuse(lua_State *L, const char *name, int most, int given) {
    if (given <= most) return;
    if (most == 0) raise(L, "%s: expected no arguments, got %d", name, given);
    raise(L, "%s: expected at most %d argument%s, got %d", name, most, most == 1 ? "" : "s", given);
}

void refuse_more_than(lua_State *L, const char *name, int most) {
    refuse(L, name, most, last_given(L, lua_gettop(L)));
}

void refuse_more_arguments(lua_State *L, const OpState *op) {
    int n = last_given(L, lua_gettop(L));
    const bool options = op->takes_named && lua_type(L, n) == LUA_TTABLE && lua_rawlen(L, n) == 0;
    if (options) n = last_given(L, n - 1);
    if (!op->is_list || lua_type(L, op->most) != LUA_TNUMBER) {
        refuse(L, op->name, op->most, n);
        return;
    }
    for (int i = op->most + 1; i <= n; i++)
        if (lua_type(L, i) != LUA_TNUMBER) bad_argument(L, i, "an integer");
}

/* --- values
 * --------------------------------------------------------------------------------------------------- */

Tensor *to_tensor(lua_State *L, int arg) {
    void *p = lua_touserdata(L, arg);
    if (!p || !lua_getmetatable(L, arg)) return NULL;
    bool same = lua_topointer(L, -1) == bind_state(L)->tensor_meta_pointer;
    lua_pop(L, 1);
    return same ? p : NULL;
}

Tensor *check_tensor(lua_State *L, int arg) {
    Tensor *t = to_tensor(L, arg);
    if (!t) bad_argument(L, arg, "a tensor");
    if (!t->storage)
        raise(L, "%s: argument %d is a shape-only tensor: the gradient rule did not keep its data",
              op_name(L), arg);
    return t;
}

Tensor *opt_tensor(lua_State *L, int arg) {
    return lua_isnoneornil(L, arg) ? NULL : check_tensor(L, arg);
}

int64_t check_int(lua_State *L, int arg) {
    int ok;
    if (lua_type(L, arg) != LUA_TNUMBER) bad_argument(L, arg, "an integer");
    lua_Integer value = lua_tointegerx(L, arg, &ok);
    if (!ok) bad_argument(L, arg, "an integer");
    return value;
}

int64_t opt_int(lua_State *L, int arg, int64_t otherwise) {
    return lua_isnoneornil(L, arg) ? otherwise : check_int(L, arg);
}

double check_number(lua_State *L, int arg) {
    if (lua_type(L, arg) != LUA_TNUMBER) bad_argument(L, arg, "a number");
    return lua_tonumber(L, arg);
}

double opt_number(lua_State *L, int arg, double otherwise) {
    return lua_isnoneornil(L, arg) ? otherwise : check_number(L, arg);
}

bool opt_bool(lua_State *L, int arg, bool otherwise) {
    if (lua_isnoneornil(L, arg)) return otherwise;
    if (!lua_isboolean(L, arg)) bad_argument(L, arg, "true or false");
    return lua_toboolean(L, arg);
}

const char *check_string(lua_State *L, int arg) {
    if (lua_type(L, arg) != LUA_TSTRING) bad_argument(L, arg, "a string");
    return lua_tostring(L, arg);
}

static int dim_from(lua_State *L, int arg, int64_t dim, int ndim) {
    int n = ndim > 0 ? ndim : 1;
    int64_t given = dim;
    if (dim < 0) dim += n + 1;
    if (dim < 1 || dim > n)
        raise(L, "%s: argument %d: dimension %lld does not exist: dimensions run 1..%d (or -%d..-1)",
              op_name(L), arg, (long long)given, n, n);
    return (int)dim - 1;
}

int check_dim(lua_State *L, int arg, const Tensor *x) {
    return dim_from(L, arg, check_int(L, arg), x->ndim);
}

int check_dim_of(lua_State *L, int arg, int ndim) {
    return dim_from(L, arg, check_int(L, arg), ndim);
}

int check_dims(lua_State *L, int arg, const Tensor *x, int *dims) {
    bool used[MAX_DIMS] = {false};
    int n = 0;
    if (lua_isnoneornil(L, arg)) {
        for (int d = 0; d < x->ndim; d++) dims[d] = d;
        return x->ndim;
    }
    if (lua_type(L, arg) == LUA_TNUMBER) {
        dims[0] = check_dim(L, arg, x);
        return x->ndim ? 1 : 0;
    }
    if (!lua_istable(L, arg)) bad_argument(L, arg, "a dimension or a table of dimensions");
    int count = (int)lua_rawlen(L, arg);
    for (int i = 1; i <= count; i++) {
        int ok;
        lua_rawgeti(L, arg, i);
        lua_Integer value = lua_tointegerx(L, -1, &ok);
        lua_pop(L, 1);
        if (!ok) bad_argument(L, arg, "a table of integers");
        int d = dim_from(L, arg, value, x->ndim);
        if (used[d]) raise(L, "%s: argument %d: dimension %d is given twice", op_name(L), arg, d + 1);
        used[d] = true;
    }
    for (int d = 0; d < x->ndim; d++)
        if (used[d]) dims[n++] = d;
    return n;
}

int check_shape(lua_State *L, int arg, int64_t *size) {
    int n = 0;
    if (lua_istable(L, arg)) {
        n = (int)lua_rawlen(L, arg);
        if (n > MAX_DIMS) raise(L, "%s: a tensor has at most %d dimensions, got %d", op_name(L), MAX_DIMS, n);
        for (int i = 0; i < n; i++) {
            int ok;
            lua_rawgeti(L, arg, i + 1);
            size[i] = lua_tointegerx(L, -1, &ok);
            if (!ok || lua_type(L, -1) != LUA_TNUMBER)
                raise(L, "%s: argument %d: size %d is not an integer but a %s", op_name(L), arg, i + 1,
                      luaL_typename(L, -1));
            lua_pop(L, 1);
        }
        return n;
    }
    for (int top = lua_gettop(L); arg + n <= top && lua_type(L, arg + n) == LUA_TNUMBER; n++) {
        if (n == MAX_DIMS) raise(L, "%s: a tensor has at most %d dimensions", op_name(L), MAX_DIMS);
        size[n] = check_int(L, arg + n);
    }
    if (n == 0 && !lua_isnoneornil(L, arg)) bad_argument(L, arg, "a shape (integers or a table of them)");
    return n;
}

void check_ints(lua_State *L, int arg, int n, int64_t *out, int64_t otherwise) {
    if (!lua_istable(L, arg)) {
        int64_t value = opt_int(L, arg, otherwise);
        for (int i = 0; i < n; i++) out[i] = value;
        return;
    }
    int count = (int)lua_rawlen(L, arg);
    if (count != n && count != 1)
        raise(L, "%s: argument %d: expected one integer or a table of %d, got a table of %d", op_name(L), arg,
              n, count);
    for (int i = 0; i < n; i++) {
        int ok;
        lua_rawgeti(L, arg, count == 1 ? 1 : i + 1);
        out[i] = lua_tointegerx(L, -1, &ok);
        lua_pop(L, 1);
        if (!ok) bad_argument(L, arg, "a table of integers");
    }
}

DType check_dtype(lua_State *L, int arg) {
    DType t;
    const char *name = check_string(L, arg);
    if (!dtype_parse(name, &t))
        raise(L, "%s: argument %d: no dtype '%s': f32, f64, f16, bf16, i8, u8, i16, i32, i64, bool",
              op_name(L), arg, name);
    return t;
}

DType opt_dtype(lua_State *L, int arg, DType otherwise) {
    return lua_isnoneornil(L, arg) ? otherwise : check_dtype(L, arg);
}

bool to_device(lua_State *L, const char *name, Device *device) {
    char *end;
    *device = CPU;
    if (strcmp(name, "cpu") == 0) return true;
    if (strncmp(name, "cl", 2) != 0 || (name[2] != '\0' && name[2] != ':')) return false;
    long number = 0;
    if (name[2] == ':') {
        number = strtol(name + 3, &end, 10);
        if (end == name + 3 || *end != '\0' || number < 1 || number > INT16_MAX)
            raise(L, "%s: no device '%s': devices are 'cpu', 'cl', 'cl:1', 'cl:2', ...", op_name(L), name);
    }
    if (!cl_open(ctx(L), op_name(L), (Device)number, device)) raise_error(L);
    return true;
}

Device opt_device(lua_State *L, int arg, Device otherwise) {
    Device device = otherwise;
    if (lua_isnoneornil(L, arg)) return otherwise;
    if (!to_device(L, check_string(L, arg), &device))
        raise(L, "%s: no device '%s': devices are 'cpu', 'cl', 'cl:2', ...", op_name(L),
              lua_tostring(L, arg));
    return device;
}

const Tensor *push_host(lua_State *L, const Tensor *t) {
    if (t->device == CPU) return t;
    Tensor *host = new_tensor(L);
    if (!op_to(ctx(L), host, t, CPU, (DType)t->dtype)) raise_error(L);
    return host;
}

/* --- keyword arguments
 * ------------------------------------------------------------------------------------------- */

/* A table whose keys are strings (its first key is one). */
static bool is_options(lua_State *L, int arg) {
    if (lua_type(L, arg) != LUA_TTABLE) return false;
    lua_pushnil(L);
    if (!lua_next(L, arg)) return false;
    bool named = lua_type(L, -2) == LUA_TSTRING;
    lua_pop(L, 2);
    return named;
}

static void reject_unknown_fields(lua_State *L, int table, va_list names) {
    lua_pushnil(L);
    while (lua_next(L, table)) {
        bool known = false;
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
        va_list again;
        va_copy(again, names);
        luaL_Buffer list;
        luaL_buffinit(L, &list);
        for (const char *name; (name = va_arg(again, const char *));) {
            if (key && strcmp(name, key) == 0) known = true;
            luaL_addstring(&list, " ");
            luaL_addstring(&list, name);
        }
        va_end(again);
        luaL_pushresult(&list);
        if (!known)
            raise(L, "%s: unknown option '%s'; options:%s", op_name(L), key ? key : "(a position)",
                  lua_tostring(L, -1));
        lua_pop(L, 2);
    }
}

void options(lua_State *L, int first, ...) {
    int table = lua_gettop(L);
    if (table < first || !is_options(L, table)) return;
    va_list names;
    va_start(names, first);
    reject_unknown_fields(L, table, names);
    va_end(names);

    lua_pushvalue(L, table);
    lua_pushnil(L);
    lua_replace(L, table);
    int slot = first;
    va_start(names, first);
    for (const char *name; (name = va_arg(names, const char *)); slot++) {
        if (slot > table && slot >= lua_gettop(L)) {
            lua_pushnil(L);
            lua_insert(L, -2);
        }
        lua_getfield(L, -1, name);
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            continue;
        }
        if (!lua_isnil(L, slot)) {
            va_end(names);
            raise(L, "%s: '%s' is given twice, by position and by name", op_name(L), name);
        }
        lua_replace(L, slot);
    }
    va_end(names);
    lua_pop(L, 1);
}
