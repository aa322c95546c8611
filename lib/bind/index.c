/* Bindings of indexing ops: PyTorch's names and argument order; dimensions and positions from 1. */
#include "ops/index.h"
#include "bind/state.h"
#include "ops/ops.h"
#include <string.h>

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

/* where(condition, a, b) */
static int l_where(lua_State *L) {
    const Tensor *condition = check_tensor(L, 1);
    if (lua_gettop(L) == 1)
        raise(L, "where: expected a condition and two values; for positions use x:nonzero{as_tuple = true}");
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

/* take_along_dim(x, index, dim); without a dim: of the flattened x */
static int l_take_along_dim(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *index = check_tensor(L, 2);
    options(L, 3, "dim", NULL);
    if (lua_isnoneornil(L, 3)) {
        Tensor row, *out = new_tensor(L);
        if (!op_reshape(ctx(L), &row, index, 1, (const int64_t[]){tensor_numel(index)}))
            return raise_error(L);
        bool ok = op_take(ctx(L), op_name(L), out, x, &row);
        tensor_release(&row);
        return result(L, ok);
    }
    int dim = check_dim(L, 3, x);
    return result(L, op_take_along_dim(ctx(L), new_tensor(L), x, index, dim));
}

static int l_take(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *index = check_tensor(L, 2);
    return result(L, op_take(ctx(L), op_name(L), new_tensor(L), x, index));
}

/* --- writes: NAME gives a changed copy of x, NAME_ changes x
 * ------------------------------------------------------------------------------------------------ */

/* NAME(x, dim, index, src or number) */
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

/* scatter_reduce(x, dim, index, src, reduce, include_self) */
static int l_scatter_reduce(lua_State *L) {
    static const char *const names[] = {"sum", "prod", "mean", "amax", "amin", NULL};
    const Tensor *x = check_tensor(L, 1);
    options(L, 2, "dim", "index", "src", "reduce", "include_self", NULL);
    int dim = check_dim(L, 2, x), how = 0;
    const Tensor *index = check_tensor(L, 3), *src = check_tensor(L, 4);
    const char *name = check_string(L, 5);
    while (names[how] && strcmp(names[how], name) != 0) how++;
    if (!names[how])
        raise(L, "%s: reduce: expected sum, prod, mean, amax or amin, got '%s'", op_name(L), name);
    bool include_self = opt_bool(L, 6, true);
    Tensor *y = target(L);
    return result(
        L, op_scatter_reduce_(ctx(L), op_name(L), y, dim, index, src, (ScatterReduce)how, include_self));
}

/* src * alpha, where that is not src itself. */
static bool scaled(lua_State *L, Tensor *out, const Tensor *src, const Operand *alpha) {
    static const double none[2] = {0, 0};
    out->storage = NULL;
    if (alpha->is_integer && alpha->integer == 1) return true;
    return op_elementwise(ctx(L), out, EW_mul, &(Operand){.tensor = src}, alpha, none, false);
}

/* index_add(x, dim, index, src, alpha): slices of src, times alpha, are added to those of x at the positions
 */
static int l_index_add(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    options(L, 2, "dim", "index", "src", "alpha", NULL);
    int dim = check_dim(L, 2, x);
    const Tensor *index = check_tensor(L, 3), *src = check_tensor(L, 4);
    Operand alpha = {.is_integer = true, .integer = 1, .number = 1};
    if (!lua_isnoneornil(L, 5)) alpha = check_operand(L, 5, "a number");
    if (alpha.tensor) bad_argument(L, 5, "a number");
    Tensor *y = target(L), room;
    bool ok = scaled(L, &room, src, &alpha) &&
              op_index_write_(ctx(L), op_name(L), y, dim, index, room.storage ? &room : src, WRITE_ADD);
    tensor_release(&room);
    return result(L, ok);
}

static int l_index_copy(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    options(L, 2, "dim", "index", "src", NULL);
    int dim = check_dim(L, 2, x);
    const Tensor *index = check_tensor(L, 3), *src = check_tensor(L, 4);
    Tensor *y = target(L);
    return result(L, op_index_write_(ctx(L), op_name(L), y, dim, index, src, WRITE_SET));
}

/* index_fill(x, dim, index, number or 0-dim tensor) */
static int l_index_fill(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    options(L, 2, "dim", "index", "value", NULL);
    int dim = check_dim(L, 2, x);
    const Tensor *index = check_tensor(L, 3);
    Operand from = check_operand(L, 4, "a number or a 0-dim tensor");
    if (from.tensor && from.tensor->ndim) bad_argument(L, 4, "a number or a 0-dim tensor");
    Tensor *y = target(L), room;
    const Tensor *value = source(L, &from, x, &room);
    bool ok = op_index_write_(ctx(L), op_name(L), y, dim, index, value, WRITE_SET);
    tensor_release(&room);
    return result(L, ok);
}

/* put(x, index, src, accumulate) */
static int l_put(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *index = check_tensor(L, 2);
    options(L, 3, "src", "accumulate", NULL);
    Operand from = check_operand(L, 3, "a tensor or a number");
    bool accumulate = opt_bool(L, 4, false);
    Tensor *y = target(L), room;
    const Tensor *src = source(L, &from, x, &room);
    bool ok = op_put_(ctx(L), op_name(L), y, index, src, accumulate);
    tensor_release(&room);
    return result(L, ok);
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
        item[i] = to_tensor(L, -1) ? check_tensor(L, lua_gettop(L)) : NULL;
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
    if (!op_masked_fill_(ctx(L), "masked_fill_", x, mask, &value)) return raise_error(L);
    lua_pushvalue(L, 1);
    return 1;
}

static int l_masked_select(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *mask = check_tensor(L, 2);
    return result(L, op_masked_select(ctx(L), new_tensor(L), x, mask));
}

/* masked_scatter(x, mask, src): x broadcasts with the mask too */
static int l_masked_scatter(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *mask = check_tensor(L, 2), *src = check_tensor(L, 3);
    Tensor *y = new_tensor(L), wide;
    Ctx *c = ctx(L);
    int ndim;
    int64_t size[MAX_DIMS];
    bool ok = broadcast_shape(c, "masked_scatter", x, mask, &ndim, size) &&
              tensor_expand(c, &wide, x, ndim, size, "masked_scatter");
    if (ok) {
        ok = op_to_dtype(c, y, &wide, (DType)x->dtype) &&
             op_masked_scatter_(c, "masked_scatter", y, mask, src);
        tensor_release(&wide);
    }
    return result(L, ok);
}
static int l_masked_scatter_(lua_State *L) {
    Tensor *x = check_tensor(L, 1), *mask = check_tensor(L, 2), *src = check_tensor(L, 3);
    if (!op_masked_scatter_(ctx(L), "masked_scatter_", x, mask, src)) return raise_error(L);
    lua_pushvalue(L, 1);
    return 1;
}

/* Pushes a list with the columns of a matrix. */
static void push_columns(lua_State *L, const Tensor *matrix) {
    lua_createtable(L, (int)matrix->size[1], 0);
    for (int64_t d = 0; d < matrix->size[1]; d++) {
        tensor_select(new_tensor(L), matrix, 1, d);
        lua_rawseti(L, -2, d + 1);
    }
}

/* nonzero(x, as_tuple) */
static int l_nonzero(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    options(L, 2, "as_tuple", NULL);
    bool as_tuple = opt_bool(L, 2, false);
    Tensor *positions = new_tensor(L);
    if (!op_nonzero(ctx(L), positions, x)) return raise_error(L);
    if (as_tuple) push_columns(L, positions);
    if (as_tuple) lua_replace(L, -2);
    return 1;
}

void open_index(lua_State *L) {
    static const OpReg ops[] = {{"where", l_where, 3},
                                {"gather", l_gather, 3 | NAMED},
                                {"take_along_dim", l_take_along_dim, 3 | NAMED},
                                {"take", l_take, 2},
                                {"index_select", l_index_select, 3 | NAMED},
                                {"embedding", l_embedding, 3 | NAMED},
                                {"embedding_backward", l_embedding_backward, 4},
                                {"scatter", l_scatter, 4 | NAMED},
                                {"scatter_", l_scatter, 4 | NAMED},
                                {"scatter_add", l_scatter_add, 4 | NAMED},
                                {"scatter_add_", l_scatter_add, 4 | NAMED},
                                {"scatter_reduce", l_scatter_reduce, 6 | NAMED},
                                {"scatter_reduce_", l_scatter_reduce, 6 | NAMED},
                                {"index_add", l_index_add, 5 | NAMED},
                                {"index_add_", l_index_add, 5 | NAMED},
                                {"index_copy", l_index_copy, 4 | NAMED},
                                {"index_copy_", l_index_copy, 4 | NAMED},
                                {"index_fill", l_index_fill, 4 | NAMED},
                                {"index_fill_", l_index_fill, 4 | NAMED},
                                {"put", l_put, 4 | NAMED},
                                {"put_", l_put, 4 | NAMED},
                                {"index", l_index, 2},
                                {"index_put", l_index_put, 4 | NAMED},
                                {"index_put_", l_index_put, 4 | NAMED},
                                {"masked_fill", l_masked_fill, 3},
                                {"masked_fill_", l_masked_fill_, 3},
                                {"masked_select", l_masked_select, 2},
                                {"masked_scatter", l_masked_scatter, 3},
                                {"masked_scatter_", l_masked_scatter_, 3},
                                {"nonzero", l_nonzero, 2 | NAMED},
                                {0}};
    register_ops(L, ops);
}
