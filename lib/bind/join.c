/* Bindings of cat and stack: a list of tensors and a dimension. */
#include "ops/join.h"
#include "bind/bind.h"

/* The tensors of the list at `arg`, in memory that Lua frees; the list keeps them alive. */
static const Tensor **check_list(lua_State *L, int arg, int *count) {
    if (lua_type(L, arg) != LUA_TTABLE) bad_argument(L, arg, "a table of tensors");
    lua_Integer n = (lua_Integer)lua_rawlen(L, arg);
    if (n == 0)
        raise(L, "%s: argument %d: expected at least one tensor, got an empty table", op_name(L), arg);
    const Tensor **list = lua_newuserdatauv(L, (size_t)n * sizeof *list, 0);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, arg, i);
        list[i - 1] = to_tensor(L, -1);
        if (!list[i - 1])
            raise(L, "%s: argument %d: expected tensors, got a %s at position %d", op_name(L), arg,
                  luaL_typename(L, -1), (int)i);
        if (!list[i - 1]->storage) check_tensor(L, lua_gettop(L));
        lua_pop(L, 1);
    }
    *count = (int)n;
    return list;
}

/* Keyword arguments would be taken from the list itself, were it the last argument. */
static void dim_option(lua_State *L) {
    if (lua_gettop(L) >= 2) options(L, 2, "dim", NULL);
}

/* cat(list, dim = 1) */
static int l_cat(lua_State *L) {
    int n;
    dim_option(L);
    lua_settop(L, 2);
    const Tensor **list = check_list(L, 1, &n);
    const Tensor *like = list[0];
    for (int i = 1; i < n; i++)
        if (list[i]->ndim > like->ndim) like = list[i]; /* past empty vectors */
    int dim = lua_isnil(L, 2) ? 0 : check_dim(L, 2, like);
    Tensor *out = new_tensor(L);
    bool ok = op_cat(ctx(L), out, n, list, dim);
    lua_remove(L, 3);
    return result(L, ok);
}

/* stack(list, dim = 1) */
static int l_stack(lua_State *L) {
    int n;
    dim_option(L);
    lua_settop(L, 2);
    const Tensor **list = check_list(L, 1, &n);
    int dim = lua_isnil(L, 2) ? 0 : check_dim_of(L, 2, list[0]->ndim + 1);
    Tensor *out = new_tensor(L);
    bool ok = op_stack(ctx(L), out, n, list, dim);
    lua_remove(L, 3);
    return result(L, ok);
}

void open_join(lua_State *L) {
    static const OpReg ops[] = {{"cat", l_cat, 2 | NAMED}, {"stack", l_stack, 2 | NAMED}, {0}};
    register_ops(L, ops);
}
