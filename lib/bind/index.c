/* Bindings of indexing ops: PyTorch's names and argument order; dimensions and positions from 1. */
#include "ops/index.h"
#include "bind/state.h"
#include "ops/ops.h"

enum { MAX_ITEMS = MAX_DIMS };

static Operand check_operand(lua_State *L, int arg, const char *expected) {
    if (to_tensor(L, arg)) return (Operand){.tensor = check_tensor(L, arg)};
    if (lua_isinteger(L, arg))
        return (Operand){
            .is_integer = true, .integer = lua_tointeger(L, arg), .number = lua_tonumber(L, arg)};
    if (lua_type(L, arg) == LUA_TNUMBER) return (Operand){.number = lua_tonumber(L, arg)};
    if (lua_isboolean(L, arg)) return (Operand){.is_boolean = true, .integer = lua_toboolean(L, arg)};
    bad_argument(L, arg, expected);
    return (Operand){0};
}

/* What an op that has both forms writes to: x itself for NAME_, a copy of it for NAME. Left on the stack. */
static Tensor *target(lua_State *L) {
    Tensor *x = check_tensor(L, 1);
    const OpState *op = lua_touserdata(L, lua_upvalueindex(1));
    if (op->in_place) {
        lua_pushvalue(L, 1);
        return x;
    }
    Tensor *y = new_tensor(L);
    if (!op_to_dtype(ctx(L), y, x, (DType)x->dtype)) raise_error(L);
    return y;
}

/* A tensor or a number at `arg` to write into x: `room` holds a number as a 0-dim tensor. Call it after
 * everything that may raise, and drop `room` with tensor_release. */
static const Tensor *source(lua_State *L, const Operand *o, const Tensor *x, Tensor *room) {
    room->storage = NULL;
    if (o->tensor) return o->tensor;
    if (!operand_as(ctx(L), room, o, (DType)x->dtype, x->device)) raise_error(L);
    return room;
}

/* --- reads
 * ----------------------------------------------------------------------------------------------------- */

static int l_where(lua_State *L) {
    const Tensor *condition = check_tensor(L, 1);
    Operand a = check_operand(L, 2, "a tensor or a number"), b = check_operand(L, 3, "a tensor or a number");
    return result(L, op_where(ctx(L), new_tensor(L), condition, &a, &b));
}

/* gather(x, dim, index) */
static int l_gather(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    options(L, 2, "dim", "index", NULL);
    int dim = check_dim(L, 2, x);
    const Tensor *index = check_tensor(L, 3);
    return result(L, op_gather(ctx(L), new_tensor(L), x, dim, index));
}

static int l_index_select(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    options(L, 2, "dim", "index", NULL);
    int dim = check_dim(L, 2, x);
    const Tensor *index = check_tensor(L, 3);
    return result(L, op_index_select(ctx(L), new_tensor(L), x, dim, index));
}

/* embedding(index, weight, padding_idx): padding_idx matters for the gradient only */
static int l_embedding(lua_State *L) {
    const Tensor *index = check_tensor(L, 1), *weight = check_tensor(L, 2);
    options(L, 3, "padding_idx", NULL);
    int64_t padding = opt_int(L, 3, 1), rows = weight->ndim ? weight->size[0] : 0;
    if (!lua_isnoneornil(L, 3) && (padding < 1 || padding > rows))
        raise(L, "embedding: padding_idx %lld is out of range: ids run 1..%lld", (long long)padding,
              (long long)rows);
    return result(L, op_embedding(ctx(L), new_tensor(L), index, weight));
}

/* embedding_backward(g, index, rows, padding_idx) */
static int l_embedding_backward(lua_State *L) {
    const Tensor *g = check_tensor(L, 1), *index = check_tensor(L, 2);
    int64_t rows = check_int(L, 3), padding = opt_int(L, 4, 0);
    return result(L, op_embedding_backward(ctx(L), new_tensor(L), g, index, rows, padding));
}

/* --- writes
 * ---------------------------------------------------------------------------------------------------- */

/* NAME(x, dim, index, src or number), NAME_ in place */
static int scatter(lua_State *L, WriteOp op) {
    const Tensor *x = check_tensor(L, 1);
    options(L, 2, "dim", "index", "src", NULL);
    int dim = check_dim(L, 2, x);
    const Tensor *index = check_tensor(L, 3);
    Operand from = check_operand(L, 4, "a tensor or a number");
    Tensor *y = target(L), room;
    const Tensor *src = source(L, &from, x, &room);
    bool ok = op_scatter_(ctx(L), op_name(L), y, dim, index, src, op);
    tensor_release(&room);
    return result(L, ok);
}
static int l_scatter(lua_State *L) {
    return scatter(L, WRITE_SET);
}
static int l_scatter_add(lua_State *L) {
    return scatter(L, WRITE_ADD);
}

/* index_add(x, dim, index, src): slices of src are added to those of x at index's positions */
static int l_index_add(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    options(L, 2, "dim", "index", "src", NULL);
    int dim = check_dim(L, 2, x);
    const Tensor *index = check_tensor(L, 3), *src = check_tensor(L, 4);
    Tensor *y = target(L);
    return result(L, op_index_write_(ctx(L), op_name(L), y, dim, index, src, WRITE_ADD));
}

/* --- t[key] with tensors in the key: called by bind/indexing.c
 * --------------------------------------------------- */

/* The list at `arg`: tensors, false for a dimension that is kept whole. */
static int check_items(lua_State *L, int arg, const Tensor **item) {
    if (!lua_istable(L, arg)) bad_argument(L, arg, "a table of tensors (false keeps a dimension whole)");
    int items = (int)lua_rawlen(L, arg);
    if (items > MAX_ITEMS) raise(L, "%s: at most %d items, got %d", op_name(L), MAX_ITEMS, items);
    for (int i = 0; i < items; i++) {
        lua_rawgeti(L, arg, i + 1);
        item[i] = to_tensor(L, -1);
        if (!item[i] && (!lua_isboolean(L, -1) || lua_toboolean(L, -1)))
            raise(L, "%s: item %d of the key is not a tensor but a %s", op_name(L), i + 1,
                  luaL_typename(L, -1));
        lua_pop(L, 1); /* the table keeps it */
    }
    return items;
}

static int l_index(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *item[MAX_ITEMS];
    int items = check_items(L, 2, item);
    return result(L, op_index(ctx(L), "index", new_tensor(L), x, items, item));
}

/* index_put(x, items, value, accumulate) */
static int l_index_put(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *item[MAX_ITEMS];
    int items = check_items(L, 2, item);
    options(L, 3, "value", "accumulate", NULL);
    Operand from = check_operand(L, 3, "a tensor or a number");
    bool accumulate = opt_bool(L, 4, false);
    Tensor *y = target(L), room;
    const Tensor *value = source(L, &from, x, &room);
    bool ok = op_index_put_(ctx(L), op_name(L), y, items, item, value, accumulate);
    tensor_release(&room);
    return result(L, ok);
}

/* --- masks
 * ----------------------------------------------------------------------------------------------------- */

static int l_masked_fill(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *mask = check_tensor(L, 2);
    Operand value = check_operand(L, 3, "a number or a 0-dim tensor");
    return result(L, op_masked_fill(ctx(L), new_tensor(L), x, mask, &value));
}
static int l_masked_fill_(lua_State *L) {
    Tensor *x = check_tensor(L, 1), *mask = check_tensor(L, 2);
    Operand value = check_operand(L, 3, "a number or a 0-dim tensor");
    if (!op_masked_fill_(ctx(L), x, mask, &value)) return raise_error(L);
    lua_pushvalue(L, 1);
    return 1;
}

void open_index(lua_State *L) {
    static const OpReg ops[] = {
        {"where", l_where},
        {"gather", l_gather},
        {"index_select", l_index_select},
        {"embedding", l_embedding},
        {"embedding_backward", l_embedding_backward},
        {"scatter", l_scatter},
        {"scatter_", l_scatter},
        {"scatter_add", l_scatter_add},
        {"scatter_add_", l_scatter_add},
        {"index_add", l_index_add},
        {"index_add_", l_index_add},
        {"index", l_index},
        {"index_put", l_index_put},
        {"index_put_", l_index_put},
        {"masked_fill", l_masked_fill},
        {"masked_fill_", l_masked_fill_},
        {NULL, NULL},
    };
    register_ops(L, ops);
}
