/* Values and tensors between the host and Lua: calls, fields, host functions, tensor handles. */
#include "instance.h"
#include "bind/bind.h"
#include "core/tensor.h"
#include "ops/ops.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)APSIS_F32 == (int)F32 && (int)APSIS_BOOL == (int)BOOL, "the dtypes have one numbering");
_Static_assert((int)APSIS_MAX_DIMS == (int)MAX_DIMS, "the dimensions have one limit");

/* --- handles ------------------------------------------------------------------------------------------- */

static void describe(ApsisTensorInfo *info, const Tensor *t) {
    *info = (ApsisTensorInfo){.dtype = (ApsisDtype)t->dtype, .ndim = t->ndim, .numel = tensor_numel(t)};
    if (t->storage && t->device == CPU) info->data = tensor_data(t);
    memcpy(info->shape, t->size, (size_t)t->ndim * sizeof *t->size);
    memcpy(info->stride, t->stride, (size_t)t->ndim * sizeof *t->stride);
}

/* A handle on the tensor at the top of the stack, which it pops. */
static ApsisTensor *handle_of_top(lua_State *L, Apsis *a) {
    ApsisTensor *handle = calloc(1, sizeof *handle);
    if (!handle) luaL_error(L, "not enough memory");
    handle->tensor = to_tensor(L, -1);
    /* In the list with no reference yet, so that nothing leaks where luaL_ref raises an error. */
    handle->ref = LUA_NOREF;
    handle->next = a->tensors;
    handle->link = &a->tensors;
    if (handle->next) handle->next->link = &handle->next;
    a->tensors = handle;
    handle->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return handle;
}

void apsis_tensor_release(Apsis *a, ApsisTensor *t) {
    if (!a || !t) return;
    luaL_unref(a->L, LUA_REGISTRYINDEX, t->ref); /* writes fields that exist: cannot fail */
    *t->link = t->next;
    if (t->next) t->next->link = t->link;
    free(t);
}

int apsis_tensor_info(const ApsisTensor *t, ApsisTensorInfo *info) {
    if (!t || !info) return APSIS_ERROR_ARGUMENT;
    describe(info, t->tensor);
    return APSIS_OK;
}

/* --- values to Lua and back ---------------------------------------------------------------------------- */

/* Neither a NULL tensor or string nor a type that only results have. */
static bool passable(const ApsisValue *v) {
    if (v->type == APSIS_STRING) return v->as.string.data || v->as.string.length == 0;
    if (v->type == APSIS_TENSOR) return v->as.tensor != NULL;
    return (int)v->type >= APSIS_NIL && v->type < APSIS_OTHER;
}

static void push_value(lua_State *L, const ApsisValue *v) {
    switch (v->type) {
    case APSIS_NIL:
        lua_pushnil(L);
        return;
    case APSIS_BOOLEAN:
        lua_pushboolean(L, v->as.boolean);
        return;
    case APSIS_INTEGER:
        lua_pushinteger(L, v->as.integer);
        return;
    case APSIS_NUMBER:
        lua_pushnumber(L, v->as.number);
        return;
    case APSIS_STRING:
        lua_pushlstring(L, v->as.string.length ? v->as.string.data : "", v->as.string.length);
        return;
    case APSIS_TENSOR:
        lua_rawgeti(L, LUA_REGISTRYINDEX, v->as.tensor->ref);
        return;
    case APSIS_OTHER: /* passable() said no */
        lua_pushnil(L);
        return;
    }
}

/* A view of the value at an index: the string stays Lua's. Tensors are left to the caller. */
static ApsisValue peek_value(lua_State *L, int at) {
    ApsisValue v = {.type = APSIS_OTHER, .as.integer = 0};
    switch (lua_type(L, at)) {
    case LUA_TNONE:
    case LUA_TNIL:
        return apsis_nil();
    case LUA_TBOOLEAN:
        return apsis_boolean(lua_toboolean(L, at));
    case LUA_TNUMBER:
        return lua_isinteger(L, at) ? apsis_integer(lua_tointeger(L, at)) : apsis_number(lua_tonumber(L, at));
    case LUA_TSTRING:
        v.type = APSIS_STRING;
        v.as.string.data = lua_tolstring(L, at, &v.as.string.length);
        return v;
    default:
        return v;
    }
}

/* The value at an index as the host's own. */
static void take_value(lua_State *L, Apsis *a, int at, ApsisValue *out) {
    ApsisValue v = peek_value(L, at);
    if (v.type == APSIS_STRING) {
        char *copy = malloc(v.as.string.length + 1);
        if (!copy) luaL_error(L, "not enough memory");
        memcpy(copy, v.as.string.data, v.as.string.length + 1);
        v.as.string.data = copy;
    } else if (v.type == APSIS_OTHER && to_tensor(L, at)) {
        lua_pushvalue(L, at);
        v = apsis_tensor(handle_of_top(L, a));
    }
    *out = v;
}

void apsis_release_values(Apsis *a, ApsisValue *values, int n) {
    for (int i = 0; values && i < n; i++) {
        if (values[i].type == APSIS_STRING) free((char *)values[i].as.string.data);
        if (values[i].type == APSIS_TENSOR) apsis_tensor_release(a, values[i].as.tensor);
        values[i] = apsis_nil();
    }
}

/* --- names --------------------------------------------------------------------------------------------- */

/* Pushes a step of a path: a decimal integer is a position, anything else a name. */
static void push_step(lua_State *L, const char *step, size_t n) {
    lua_pushlstring(L, step, n);
    if (strspn(step, "-0123456789") < n) return;
    int is_integer;
    lua_Integer i = lua_tointegerx(L, -1, &is_integer);
    if (!is_integer) return;
    lua_pop(L, 1);
    lua_pushinteger(L, i);
}

/* Walks fields from the value on top, replacing it; nil where a step has no fields. */
static void walk(lua_State *L, const char *path) {
    while (*path) {
        size_t n = strcspn(path, ".");
        if (lua_isnil(L, -1)) return;
        push_step(L, path, n);
        lua_gettable(L, -2);
        lua_remove(L, -2);
        path += n + (path[n] == '.');
    }
}

/* Pushes what a dotted name stands for: a global and its fields, else a loaded module (the longest name
 * wins) and its fields, else nil. */
static void push_named(lua_State *L, const char *name) {
    size_t head = strcspn(name, ".");
    lua_pushglobaltable(L);
    lua_pushlstring(L, name, head);
    if (lua_gettable(L, -2) != LUA_TNIL) {
        lua_remove(L, -2);
        walk(L, name + head + (name[head] == '.'));
        if (!lua_isnil(L, -1)) return;
        lua_pop(L, 1);
    } else {
        lua_pop(L, 2);
    }
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    for (size_t n = strlen(name);;) {
        lua_pushlstring(L, name, n);
        if (lua_gettable(L, -2) != LUA_TNIL) {
            lua_remove(L, -2);
            walk(L, name + n + (name[n] == '.'));
            return;
        }
        lua_pop(L, 1);
        while (n > 0 && name[n - 1] != '.') n--;
        if (n == 0) break;
        n--;
    }
    lua_pop(L, 1);
    lua_pushnil(L);
}

/* Stores the value on top under a dotted name and pops it. */
static void store_named(lua_State *L, const char *name) {
    lua_pushglobaltable(L);
    for (size_t n; name[n = strcspn(name, ".")] == '.'; name += n + 1) {
        push_step(L, name, n);
        lua_pushvalue(L, -1);
        if (lua_gettable(L, -3) == LUA_TNIL) {
            lua_pop(L, 1);
            lua_newtable(L);
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_settable(L, -5);
        }
        lua_replace(L, -3);
        lua_pop(L, 1);
    }
    push_step(L, name, strlen(name));
    lua_pushvalue(L, -3);
    lua_settable(L, -3);
    lua_pop(L, 2);
}

/* --- calls --------------------------------------------------------------------------------------------- */

typedef struct Call {
    Apsis *a;
    const char *name;
    const ApsisValue *args;
    int nargs;
    ApsisValue *results;
    int nresults;
} Call;

static int l_call(lua_State *L) {
    const Call *c = lua_touserdata(L, 1);
    luaL_checkstack(L, c->nargs + c->nresults + LUA_MINSTACK, "too many arguments");
    push_named(L, c->name);
    if (lua_isnil(L, -1)) return luaL_error(L, "apsis_call: there is no function '%s'", c->name);
    for (int i = 0; i < c->nargs; i++) push_value(L, &c->args[i]);
    call_traced(L, c->a, c->nargs, c->nresults);
    for (int i = 0; i < c->nresults; i++) take_value(L, c->a, i - c->nresults, &c->results[i]);
    return 0;
}

int apsis_call(Apsis *a, const char *function, const ApsisValue *args, int nargs, ApsisValue *results,
               int nresults) {
    if (results)
        for (int i = 0; i < nresults; i++) results[i] = apsis_nil();
    if (!a) return APSIS_ERROR_ARGUMENT;
    if (!function || nargs < 0 || nresults < 0 || (nargs && !args) || (nresults && !results))
        return fail_argument(a, "apsis_call: a function name, arguments and results are needed");
    for (int i = 0; i < nargs; i++)
        if (!passable(&args[i]))
            return fail_argument(a, "apsis_call: an argument is a NULL tensor or string, or no value at all");
    Call c = {a, function, args, nargs, results, nresults};
    int status = protected_call(a, l_call, &c);
    if (status != APSIS_OK) apsis_release_values(a, results, nresults);
    return status;
}

static int l_set(lua_State *L) {
    const Call *c = lua_touserdata(L, 1);
    push_value(L, c->args);
    store_named(L, c->name);
    return 0;
}

int apsis_set(Apsis *a, const char *name, ApsisValue value) {
    if (!a || !name || !*name || !passable(&value))
        return fail_argument(a, "apsis_set: a name and a value are needed");
    Call c = {.a = a, .name = name, .args = &value};
    return protected_call(a, l_set, &c);
}

static int l_get(lua_State *L) {
    const Call *c = lua_touserdata(L, 1);
    push_named(L, c->name);
    take_value(L, c->a, -1, c->results);
    return 0;
}

int apsis_get(Apsis *a, const char *name, ApsisValue *value) {
    if (value) *value = apsis_nil();
    if (!a || !name || !value) return fail_argument(a, "apsis_get: a name and a place are needed");
    Call c = {.a = a, .name = name, .results = value};
    return protected_call(a, l_get, &c);
}

/* --- host functions ------------------------------------------------------------------------------------ */

typedef struct HostFunction {
    Apsis *a;
    ApsisFunction call;
    void *payload;
} HostFunction;

/* Runs the host's code while its calls run on L, the Lua thread that called. */
static int run_host(lua_State *L, const HostFunction *f, const ApsisValue *args, int n, ApsisValue *result) {
    Apsis *a = f->a;
    lua_State *before = a->L;
    unsigned errors = a->errors;
    a->L = L;
    int status = f->call(a, args, n, result, f->payload);
    a->L = before;
    if (status == APSIS_OK && !passable(result))
        return apsis_fail(a, "the host function's result is a NULL tensor or string, or no value at all");
    if (status != APSIS_OK && a->errors == errors) apsis_fail(a, "the host function failed");
    return status;
}

static int call_host(lua_State *L) {
    const HostFunction *f = lua_touserdata(L, lua_upvalueindex(1));
    Apsis *a = f->a;
    int n = lua_gettop(L);
    ApsisValue *args = lua_newuserdatauv(L, ((size_t)n + 1) * sizeof *args, 0), result = apsis_nil();
    for (int i = 0; i < n; i++) args[i] = apsis_nil();
    for (int i = 0; i < n; i++) {
        if (to_tensor(L, i + 1))
            take_value(L, a, i + 1, &args[i]);
        else
            args[i] = peek_value(L, i + 1);
    }
    int status = run_host(L, f, args, n, &result);
    for (int i = 0; i < n; i++)
        if (args[i].type == APSIS_TENSOR) apsis_tensor_release(a, args[i].as.tensor);
    if (status != APSIS_OK) return luaL_error(L, "%s", apsis_error(a));
    push_value(L, &result);
    if (result.type == APSIS_TENSOR) apsis_tensor_release(a, result.as.tensor);
    return 1;
}

static int l_function(lua_State *L) {
    const Call *c = lua_touserdata(L, 1);
    HostFunction *f = lua_newuserdatauv(L, sizeof *f, 0);
    *f = *(const HostFunction *)c->args;
    lua_pushcclosure(L, call_host, 1);
    store_named(L, c->name);
    return 0;
}

int apsis_function(Apsis *a, const char *name, ApsisFunction f, void *payload) {
    if (!a || !name || !*name || !f)
        return fail_argument(a, "apsis_function: a name and a function are needed");
    HostFunction host = {a, f, payload};
    Call c = {.a = a, .name = name, .args = (const ApsisValue *)(const void *)&host};
    return protected_call(a, l_function, &c);
}

/* --- tensors ------------------------------------------------------------------------------------------- */

typedef struct Request {
    Apsis *a;
    const char *name;
    void *data;
    DType dtype;
    int ndim;
    const int64_t *shape;
    int64_t nbytes;
    Storage *storage; /* to be taken over; NULL: a new one, filled from data */
    ApsisTensor *out;
} Request;

/* Tensors are the library's: the host may make one before any script required it. */
static void need_library(lua_State *L, const Ctx *c) {
    if (c->binding) return;
    lua_getglobal(L, "require");
    lua_pushliteral(L, "apsis");
    lua_call(L, 1, 0);
}

static int l_make(lua_State *L) {
    Request *r = lua_touserdata(L, 1);
    need_library(L, r->a->ctx);
    Tensor *t = new_tensor(L);
    if (!tensor_new(r->a->ctx, t, r->dtype, r->ndim, r->shape)) return raise_error(L);
    if (r->data)
        memcpy(tensor_data(t), r->data, (size_t)r->nbytes);
    else
        memset(tensor_data(t), 0, (size_t)r->nbytes);
    r->out = handle_of_top(L, r->a);
    return 0;
}

static int l_borrow(lua_State *L) {
    Request *r = lua_touserdata(L, 1);
    need_library(L, r->a->ctx);
    Tensor *t = new_tensor(L);
    t->dtype = (uint8_t)r->dtype;
    t->ndim = (int8_t)r->ndim;
    for (int i = 0; i < r->ndim; i++) t->size[i] = r->shape[i];
    contiguous_strides(r->ndim, t->size, t->stride);
    t->storage = storage_retain(r->storage);
    r->out = handle_of_top(L, r->a);
    return 0;
}

/* Checks dtype and shape and counts the bytes; false with the error set. */
static int check_request(Request *r, ApsisTensor **out) {
    static const char message[] = "a tensor needs an instance, a dtype, 0 to 8 sizes and a place for it";
    if (out) *out = NULL;
    if (!r->a || !out || (int)r->dtype < 0 || r->dtype >= DTYPE_COUNT || r->ndim < 0 || r->ndim > MAX_DIMS ||
        (r->ndim && !r->shape))
        return fail_argument(r->a, message);
    r->nbytes = (int64_t)dtype_size(r->dtype);
    for (int i = 0; i < r->ndim; i++) {
        if (r->shape[i] < 0) return fail_argument(r->a, "a tensor's sizes cannot be negative");
        if (__builtin_mul_overflow(r->nbytes, r->shape[i], &r->nbytes))
            return fail_argument(r->a, "a tensor of that shape does not fit in memory");
    }
    return APSIS_OK;
}

int apsis_tensor_copy(Apsis *a, const void *data, ApsisDtype dtype, int ndim, const int64_t *shape,
                      ApsisTensor **out) {
    Request r = {.a = a, .data = (void *)data, .dtype = (DType)dtype, .ndim = ndim, .shape = shape};
    int status = check_request(&r, out);
    if (status != APSIS_OK) return status;
    status = protected_call(a, l_make, &r);
    if (status == APSIS_OK) *out = r.out;
    return status;
}

/* A storage over the host's memory. */
typedef struct Borrowed {
    Storage storage;
    void *data; /* the host's, maybe NULL where there are no elements */
    void (*release)(void *data, void *payload);
    void *payload;
} Borrowed;

static void release_borrowed(Storage *s) {
    Borrowed *b = (Borrowed *)s;
    if (b->release) b->release(b->data, b->payload);
    free(b);
}

int apsis_tensor_borrow(Apsis *a, void *data, ApsisDtype dtype, int ndim, const int64_t *shape,
                        void (*release)(void *data, void *payload), void *payload, ApsisTensor **out) {
    Request r = {.a = a, .data = data, .dtype = (DType)dtype, .ndim = ndim, .shape = shape};
    int status = check_request(&r, out);
    if (status != APSIS_OK) return status;
    if ((!data && r.nbytes) || (uintptr_t)data % dtype_size(r.dtype) != 0)
        return fail_argument(a, "apsis_tensor_borrow: data is NULL or not aligned for its dtype");
    Borrowed *b = calloc(1, sizeof *b);
    if (!b) {
        set_error(a, "not enough memory", NULL);
        return APSIS_ERROR_MEMORY;
    }
    b->data = data;
    b->payload = payload;
    b->storage = (Storage){.data = data ? data : b,
                           .nbytes = r.nbytes,
                           .ctx = a->ctx,
                           .size_class = -1,
                           .release = release_borrowed};
    atomic_init(&b->storage.refs, 1);
    r.storage = &b->storage;
    status = protected_call(a, l_borrow, &r);
    /* Where it failed with the tensor made already, the collector drops the last reference: without a
     * callback, for the memory is the host's again. */
    if (status == APSIS_OK) {
        b->release = release;
        *out = r.out;
    }
    storage_release(&b->storage);
    return status;
}

typedef struct Reading {
    Apsis *a;
    const ApsisTensor *t;
    void *buffer;
    DType dtype;
} Reading;

static int l_read(lua_State *L) {
    const Reading *r = lua_touserdata(L, 1);
    Ctx *c = r->a->ctx;
    lua_rawgeti(L, LUA_REGISTRYINDEX, r->t->ref);
    Tensor *x = to_tensor(L, -1), *y = new_tensor(L);
    if (!x || !x->storage) return luaL_error(L, "apsis_tensor_read: the tensor has no data");
    if (!op_to(c, y, x, CPU, r->dtype)) return raise_error(L);
    memcpy(r->buffer, tensor_data(y), (size_t)tensor_numel(y) * dtype_size(r->dtype));
    return 0;
}

int apsis_tensor_read(Apsis *a, const ApsisTensor *t, ApsisDtype dtype, void *buffer, int64_t capacity) {
    if (!a || !t || (!buffer && tensor_numel(t->tensor)) || (int)dtype < 0 || (int)dtype >= DTYPE_COUNT)
        return fail_argument(a, "apsis_tensor_read: a tensor, a dtype and a buffer are needed");
    if (capacity < tensor_numel(t->tensor))
        return fail_argument(a, "apsis_tensor_read: the buffer is too small");
    Reading r = {a, t, buffer, (DType)dtype};
    return protected_call(a, l_read, &r);
}
