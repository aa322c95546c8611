/* {out = t}: results written to tensors that are there already, for every op and every function in Lua that
 * gives fresh tensors.
 *
 * The call runs as it would without `out`, and its results are then copied to their places: so all checks of
 * arguments are the op's own, and a dtype is converted as PyTorch converts it. The copy is saved where it can
 * be: an op in C gets the memory of `out` for its first allocation that asks for just that dtype, shape and
 * device (Ctx.destination), unless an argument lies in the same storage. If that allocation was not the
 * result's, nothing is lost: the result is copied over it. */
#include "bind/state.h"
#include "ops/ops.h"
#include <string.h>

bool names_out(lua_State *L, int table) {
    lua_pushliteral(L, "out");
    bool has = lua_rawget(L, table) != LUA_TNIL;
    lua_pop(L, 1);
    return has;
}

/* The tensor at `index`, or one in a table there, lies in that storage. */
static bool lies_in(lua_State *L, int index, const Storage *storage) {
    const Tensor *t = to_tensor(L, index);
    bool found = t && t->storage == storage;
    if (lua_type(L, index) != LUA_TTABLE) return found;
    lua_pushnil(L);
    while (!found && lua_next(L, index)) {
        t = to_tensor(L, -1);
        found = t && t->storage == storage;
        lua_pop(L, 1 + found);
    }
    return found;
}

static bool share_storage(lua_State *L, int arguments, const Storage *storage) {
    for (int i = 1; i <= arguments; i++)
        if (lies_in(L, i, storage)) return true;
    return false;
}

/* Pushes a copy of the options at `table` without `out`; returns whether anything is left. For a function
 * that makes tensors from nothing, dtype and device are out's unless given. */
static bool push_other_options(lua_State *L, int table, const Tensor *like) {
    bool any = false;
    lua_newtable(L);
    int copy = lua_gettop(L);
    if (like) {
        lua_pushstring(L, DTYPE(like));
        lua_setfield(L, copy, "dtype");
        lua_pushstring(L, device_name((char[DEVICE_TEXT]){0}, like->device));
        lua_setfield(L, copy, "device");
        any = true;
    }
    lua_pushnil(L);
    while (lua_next(L, table)) {
        bool is_out = lua_type(L, -2) == LUA_TSTRING && strcmp(lua_tostring(L, -2), "out") == 0;
        if (!is_out) {
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_rawset(L, copy);
            any = true;
        }
        lua_pop(L, 1);
    }
    return any;
}

static void check_target(lua_State *L, const char *name, const Tensor *target) {
    if (!target) raise(L, "%s: out: expected a tensor, or a table of as many as there are results", name);
    if (!target->storage) raise(L, "%s: out is a shape-only tensor", name);
    if (ctx(L)->grad_enabled && target->requires_grad)
        raise(L, "%s: out requires a gradient, and none is recorded through it; use ap.no_grad", name);
}

/* Writes the result at stack index `at` to the target; arguments stand at 1..n. */
static void write_out(lua_State *L, const char *name, Tensor *target, int at, int n) {
    const Tensor *r = to_tensor(L, at);
    Ctx *c = ctx(L);
    if (!r) raise(L, "%s: gives a %s, no tensor: it takes no out", name, luaL_typename(L, at));
    if (r->requires_grad)
        raise(L, "%s: out records no gradient, but an argument requires one; detach it, or use ap.no_grad",
              name);
    if (r->storage != target->storage && share_storage(L, n, r->storage))
        raise(L, "%s: gives a view, no new tensor: it takes no out", name);
    bool same = r->storage == target->storage && r->offset == target->offset && r->dtype == target->dtype &&
                tensor_same_shape(r, target) && tensor_is_contiguous(r) && tensor_is_contiguous(target);
    if (!same) {
        if (!tensor_same_shape(r, target))
            raise(L, "%s: out has the shape (%s), the result (%s): out is not resized", name, SHAPE(target),
                  SHAPE(r));
        if (!dtype_can_cast((DType)r->dtype, (DType)target->dtype))
            raise(L, "%s: a %s result does not fit out, which is %s", name, DTYPE(r), DTYPE(target));
        if (!require_same_device(c, name, r, target) || !op_assign_(c, name, target, r)) raise_error(L);
    }
    target->storage->version++;
}

/* Stack: arguments 1..n, the last of them the table with out; then the function. `direct`: it is an op in C.
 */
static int call_with_out(lua_State *L, const char *name, bool direct, bool creates) {
    int n = lua_gettop(L) - 1, function = n + 1, out = n + 2;
    Ctx *c = ctx(L);
    luaL_checkstack(L, n + 8, name);
    lua_getfield(L, n, "out");
    Tensor *single = to_tensor(L, out);
    bool list = !single && lua_istable(L, out);
    if (!list) check_target(L, name, single);
    bool any = push_other_options(L, n, creates ? single : NULL);
    lua_pushvalue(L, function);
    for (int i = 1; i < n; i++) lua_pushvalue(L, i);
    if (any) lua_pushvalue(L, out + 1);

    if (direct && single && tensor_is_contiguous(single) && !share_storage(L, n - 1, single->storage) &&
        !lies_in(L, out + 1, single->storage))
        c->destination = single;
    int status = lua_pcall(L, n - 1 + any, LUA_MULTRET, 0);
    c->destination = NULL;
    if (status != LUA_OK) return lua_error(L);

    int first = out + 2, results = lua_gettop(L) - first + 1;
    if (!list) {
        if (results != 1)
            raise(L, "%s: gives %d results: out must be a table of as many tensors", name, results);
        write_out(L, name, single, first, n - 1);
        lua_pushvalue(L, out);
        return 1;
    }
    if (results != (int)lua_rawlen(L, out))
        raise(L, "%s: gives %d results, out has %d tensors", name, results, (int)lua_rawlen(L, out));
    luaL_checkstack(L, results, name);
    for (int i = 1; i <= results; i++) {
        lua_rawgeti(L, out, i);
        check_target(L, name, to_tensor(L, -1));
    }
    for (int i = 0; i < results; i++) write_out(L, name, to_tensor(L, first + results + i), first + i, n - 1);
    return results;
}

int call_running_with_out(lua_State *L, bool creates) {
    const OpState *op = lua_touserdata(L, lua_upvalueindex(1));
    if (op->in_place) raise(L, "%s: works in place: it takes no out", op->name);
    lua_Debug running;
    lua_getstack(L, 0, &running);
    lua_getinfo(L, "f", &running);
    return call_with_out(L, op->name, true, creates);
}

int call_function_with_out(lua_State *L, const char *name) {
    return call_with_out(L, name, false, false);
}
