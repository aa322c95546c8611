/* Bracket indexing: t[i], t[{i, {2, 3}, {}}], t["1:3, :, -1"], t[mask], t[index], on both sides of `=`.
 *
 * A key becomes a list of items, one a dimension: an integer selects, a table {first, last, step} is a range
 * (both ends included, {} is everything), "..." stands for as many full ranges as are missing, "None" adds a
 * dimension, a tensor indexes. Integers and ranges make a view (getitem); tensors go on to index and
 * index_put. */
#include "bind/state.h"
#include "ops/ops.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ITEMS = 2 * MAX_DIMS };

/* --- basic items
 * ---------------------------------------------------------------------------------------------- */

static int64_t position(lua_State *L, int64_t given, int64_t size, int dim) {
    int64_t i = given < 0 ? given + size : given - 1;
    if (given == 0 || i < 0 || i >= size)
        raise(L, "index %lld is out of range: positions in dimension %d run 1..%lld%s", (long long)given, dim,
              (long long)size, given == 0 ? "; they count from 1" : "");
    return i;
}

static int64_t range_field(lua_State *L, int table, int field, int64_t otherwise) {
    int ok;
    if (lua_rawgeti(L, table, field) == LUA_TNIL) {
        lua_pop(L, 1);
        return otherwise;
    }
    int64_t value = lua_tointegerx(L, -1, &ok);
    if (!ok) raise(L, "index: a range is {first, last, step} in integers, got a %s", luaL_typename(L, -1));
    lua_pop(L, 1);
    return value;
}

/* Narrows dimension d of t by the range table at `item`. As in PyTorch a range that reaches past the end
 * stops there. */
static void apply_range(lua_State *L, int item, Tensor *t, int d) {
    int64_t size = t->size[d];
    int64_t first = range_field(L, item, 1, 1), last = range_field(L, item, 2, size),
            step = range_field(L, item, 3, 1);
    if (first == 0 || (last == 0 && first != 1))
        raise(L, "index: range {%lld, %lld}: positions count from 1", (long long)first, (long long)last);
    if (step < 1) raise(L, "index: the step of a range is at least 1, got %lld; use flip", (long long)step);
    if (first < 0) first = first + size + 1 < 1 ? 1 : first + size + 1;
    if (last < 0) last += size + 1;
    if (last > size) last = size;
    int64_t length = last >= first ? (last - first) / step + 1 : 0;
    if (length > 0) t->offset += (first - 1) * t->stride[d];
    t->size[d] = length;
    if (length > 1) t->stride[d] *= step;
}

static bool is_text(lua_State *L, int index, const char *text) {
    return lua_type(L, index) == LUA_TSTRING && strcmp(lua_tostring(L, index), text) == 0;
}

/* How many dimensions of x an item uses up: a mask uses its own number. */
static int uses(lua_State *L, int index) {
    const Tensor *t = to_tensor(L, index);
    if (t) return t->dtype == BOOL ? t->ndim : 1;
    return is_text(L, index, "None") || is_text(L, index, "...") ? 0 : 1;
}

static void no_such_dimension(lua_State *L, const Tensor *x) {
    raise(L, "index: more indices than the %d dimensions of (%s)", x->ndim, SHAPE(x));
}

/* Applies the items at stack positions first..last to the view `t` (which the caller owns). Tensor items are
 * left for later: their dimension stays and tensors[d] gets their stack position. */
static void apply_items(lua_State *L, Tensor *t, const Tensor *x, int first, int last, int *tensors) {
    int used = 0, d = 0;
    for (int i = first; i <= last; i++) used += uses(L, i);
    if (used > x->ndim) no_such_dimension(L, x);
    for (int i = first; i <= last; i++) {
        const Tensor *index = to_tensor(L, i);
        if (index) {
            if (!tensors) raise(L, "getitem: tensors index through index()");
            if (uses(L, i) == 0) raise(L, "index: a mask has at least one dimension, got a 0-dim one");
            tensors[d] = i;
            d += uses(L, i);
        } else if (lua_type(L, i) == LUA_TNUMBER) {
            int64_t at = position(L, check_int(L, i), t->size[d], d + 1);
            t->offset += at * t->stride[d];
            memmove(t->size + d, t->size + d + 1, sizeof *t->size * (size_t)(MAX_DIMS - d - 1));
            memmove(t->stride + d, t->stride + d + 1, sizeof *t->stride * (size_t)(MAX_DIMS - d - 1));
            t->ndim--;
        } else if (lua_type(L, i) == LUA_TTABLE) {
            apply_range(L, i, t, d++);
        } else if (is_text(L, i, "...")) {
            d += x->ndim - used;
            used = x->ndim;
        } else if (is_text(L, i, "None")) {
            if (t->ndim == MAX_DIMS) raise(L, "index: a tensor has at most %d dimensions", MAX_DIMS);
            Tensor from = *t;
            tensor_unsqueeze(t, &from, d);
            storage_release(from.storage); /* unsqueeze took a reference of its own */
            d++;
        } else {
            raise(L, "index: expected an integer, a range {first, last}, a tensor, '...' or 'None', got a %s",
                  luaL_typename(L, i));
        }
    }
}

/* getitem(x, item, ...): a view */
int l_getitem(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    int items = lua_gettop(L);
    Tensor *y = new_tensor(L);
    tensor_alias(y, x);
    apply_items(L, y, x, 2, items, NULL);
    return 1;
}

/* setitem_(x, value, item, ...): writes a number or a tensor (broadcast) into the view */
int l_setitem_(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    int items = lua_gettop(L);
    Tensor *y = new_tensor(L);
    tensor_alias(y, x);
    apply_items(L, y, x, 3, items, NULL);
    if (!require_writable(ctx(L), "index", y)) return raise_error(L);
    const Tensor *value = to_tensor(L, 2);
    bool ok;
    if (value)
        ok = op_assign_(ctx(L), "index", y, value);
    else if (lua_isinteger(L, 2) || lua_isboolean(L, 2))
        ok = op_fill_int_(ctx(L), y, lua_isboolean(L, 2) ? lua_toboolean(L, 2) : lua_tointeger(L, 2));
    else
        ok = op_fill_(ctx(L), y, check_number(L, 2));
    if (!ok) return raise_error(L);
    lua_pop(L, 1);
    lua_pushvalue(L, 1);
    return 1;
}

/* --- keys
 * ------------------------------------------------------------------------------------------------------- */

/* Pushes the items of a string key such as "1:3, :, -1, ..., None". */
static int push_text_items(lua_State *L, const char *text) {
    int n = 0;
    const char *p = text;
    for (;;) {
        while (isspace((unsigned char)*p)) p++;
        if (++n > MAX_ITEMS) raise(L, "index: too many items in '%s'", text);
        if (strncmp(p, "...", 3) == 0) {
            lua_pushliteral(L, "...");
            p += 3;
        } else if (strncmp(p, "None", 4) == 0) {
            lua_pushliteral(L, "None");
            p += 4;
        } else {
            bool colon = false;
            int field = 1;
            lua_createtable(L, 3, 0);
            for (;; field++) {
                char *end;
                long long value = strtoll(p, &end, 10);
                if (end != p) {
                    lua_pushinteger(L, value);
                    lua_rawseti(L, -2, field);
                    p = end;
                }
                while (isspace((unsigned char)*p)) p++;
                if (*p != ':' || field == 3) break;
                colon = true;
                p++;
            }
            if (!colon) {
                if (lua_rawgeti(L, -1, 1) == LUA_TNIL)
                    raise(L,
                          "a tensor has no field or method '%s' (and as an index it is not of the form '1:3, "
                          ":, -1')",
                          text);
                lua_remove(L, -2);
            }
        }
        while (isspace((unsigned char)*p)) p++;
        if (*p == '\0') return n;
        if (*p++ != ',')
            raise(L,
                  "a tensor has no field or method '%s' (and as an index it is not of the form '1:3, :, -1')",
                  text);
    }
}

/* Pushes the items of the key at `key`, returns how many. */
static int push_items(lua_State *L, int key) {
    luaL_checkstack(L, MAX_ITEMS + 8, "index");
    if (lua_type(L, key) == LUA_TSTRING) return push_text_items(L, lua_tostring(L, key));
    if (lua_type(L, key) != LUA_TTABLE) {
        lua_pushvalue(L, key);
        return 1;
    }
    int n = (int)lua_rawlen(L, key);
    if (n > MAX_ITEMS) raise(L, "index: too many items");
    for (int i = 1; i <= n; i++) {
        lua_rawgeti(L, key, i);
        if (lua_type(L, -1) == LUA_TSTRING && !is_text(L, -1, "...") && !is_text(L, -1, "None")) {
            int before = lua_gettop(L);
            if (push_text_items(L, lua_tostring(L, before)) != 1) raise(L, "index: one item a dimension");
            lua_remove(L, before);
        }
    }
    return n;
}

static void push_core(lua_State *L, const char *name) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, bind_state(L)->core);
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
}

static bool any_tensor(lua_State *L, int first, int last) {
    for (int i = first; i <= last; i++)
        if (to_tensor(L, i)) return true;
    return false;
}

static bool all_tensors(lua_State *L, int first, int last) {
    for (int i = first; i <= last; i++)
        if (!to_tensor(L, i)) return false;
    return true;
}

/* One of the values at the two places is recorded on the tape when it is used. */
static bool wants_gradient(lua_State *L, int a, int b) {
    const Tensor *x = to_tensor(L, a), *y = to_tensor(L, b);
    return ctx(L)->grad_enabled && ((x && x->requires_grad) || (y && y->requires_grad));
}

/* With tensors among the items at first..last: pushes the view that the other items make, recorded, and the
 * list for index(): tensors in place, false where a dimension is kept whole. */
static void push_view_and_list(lua_State *L, int first, int last) {
    Tensor *x = check_tensor(L, 1);
    int tensors[MAX_DIMS] = {0}, base = lua_gettop(L);

    Tensor *shape = new_tensor(L); /* collected if apply_items raises */
    tensor_alias(shape, x);
    apply_items(L, shape, x, first, last, tensors);
    if (all_tensors(L, first, last)) {
        lua_pushvalue(L, 1);
    } else {
        push_core(L, "getitem");
        lua_pushvalue(L, 1);
        int n = 0;
        for (int i = first; i <= last; i++) {
            const Tensor *t = to_tensor(L, i);
            int repeat = t ? uses(L, i) : 1;
            for (int k = 0; k < repeat; k++, n++) {
                if (t)
                    lua_newtable(L);
                else
                    lua_pushvalue(L, i);
            }
        }
        lua_call(L, n + 1, 1);
    }
    int dims = shape->ndim;
    lua_createtable(L, dims, 0);
    int count = 0, last_tensor = 0;
    for (int d = 0; d < dims; d++)
        if (tensors[d]) last_tensor = d;
    for (int d = 0; d <= last_tensor; d++) {
        if (tensors[d]) {
            lua_pushvalue(L, tensors[d]);
            d += uses(L, tensors[d]) - 1;
        } else {
            lua_pushboolean(L, false);
        }
        lua_rawseti(L, -2, ++count);
    }
    lua_remove(L, base + 1);
}

int tensor_index(lua_State *L) {
    check_tensor(L, 1);
    if (lua_isinteger(L, 2)) {
        push_core(L, "select");
        lua_pushvalue(L, 1);
        lua_pushinteger(L, 1);
        lua_pushvalue(L, 2);
        lua_call(L, 3, 1);
        return 1;
    }
    int first = lua_gettop(L) + 1, n = push_items(L, 2);
    if (any_tensor(L, first, first + n - 1)) {
        push_view_and_list(L, first, first + n - 1);
        push_core(L, "index");
        lua_insert(L, -3);
        lua_call(L, 2, 1);
        return 1;
    }
    push_core(L, "getitem");
    lua_pushvalue(L, 1);
    for (int i = 0; i < n; i++) lua_pushvalue(L, first + i);
    lua_call(L, n + 1, 1);
    return 1;
}

int tensor_newindex(lua_State *L) {
    check_tensor(L, 1);
    int first = lua_gettop(L) + 1, n = push_items(L, 2);
    if (any_tensor(L, first, first + n - 1)) {
        if (!all_tensors(L, first, first + n - 1) && wants_gradient(L, 1, 3)) {
            /* A view cannot be written under the tape: the whole tensor is, through flat positions. */
            push_core(L, "put_at_key");
            for (int i = 1; i <= 3; i++) lua_pushvalue(L, i);
            lua_call(L, 3, 0);
            return 0;
        }
        push_view_and_list(L, first, first + n - 1);
        push_core(L, "index_put_");
        lua_insert(L, -3);
        lua_pushvalue(L, 3);
        lua_call(L, 3, 0);
        return 0;
    }
    push_core(L, "setitem_");
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 3);
    for (int i = 0; i < n; i++) lua_pushvalue(L, first + i);
    lua_call(L, n + 2, 0);
    return 0;
}
