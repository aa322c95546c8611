/* Bindings of the op table: one function for all unary ops, one for all binary ops; the op is upvalue data.
 */
#include "bind/state.h"
#include "ops/elementwise.h"

/* The op of the running call: its name without the _ of the in-place form, looked up once in
 * open_elementwise. */
static ElementwiseOp running_op(lua_State *L, bool *in_place) {
    const OpState *op = lua_touserdata(L, lua_upvalueindex(1));
    *in_place = op->in_place;
    return (ElementwiseOp)op->data;
}

static Operand check_operand(lua_State *L, int arg) {
    const Tensor *t = to_tensor(L, arg);
    if (t) return (Operand){.tensor = check_tensor(L, arg)};
    if (lua_isinteger(L, arg))
        return (Operand){
            .is_integer = true, .integer = lua_tointeger(L, arg), .number = lua_tonumber(L, arg)};
    if (lua_type(L, arg) == LUA_TNUMBER) return (Operand){.number = lua_tonumber(L, arg)};
    if (lua_isboolean(L, arg)) return (Operand){.is_boolean = true, .integer = lua_toboolean(L, arg)};
    bad_argument(L, arg, "a tensor or a number");
    return (Operand){0};
}

static int call(lua_State *L, ElementwiseOp op, bool in_place, const Operand *const *operands,
                const double *p) {
    if (!in_place) return result(L, op_elementwise_of(ctx(L), new_tensor(L), op, operands, p, false));
    Tensor *dst = check_tensor(L, 1);
    if (!op_elementwise_of(ctx(L), dst, op, operands, p, true)) return raise_error(L);
    lua_pushvalue(L, 1);
    return 1;
}

/* Numbers after the tensors, by position or by name. */
static void check_params(lua_State *L, int first, const ElementwiseInfo *info, double p[2]) {
    if (lua_gettop(L) >= first) options(L, first, info->param[0].name, info->param[1].name, NULL);
    for (int i = 0; i < 2; i++)
        p[i] = i < info->params ? opt_number(L, first + i, info->param[i].otherwise) : 0;
}

static int l_unary(lua_State *L) {
    bool in_place;
    ElementwiseOp op = running_op(L, &in_place);
    double p[2];
    Operand x = {.tensor = check_tensor(L, 1)};
    check_params(L, 2, &elementwise_info[op], p);
    return call(L, op, in_place, (const Operand *const[]){&x}, p);
}

static int l_binary(lua_State *L) {
    bool in_place;
    ElementwiseOp op = running_op(L, &in_place);
    double p[2];
    Operand a = check_operand(L, 1), b = check_operand(L, 2);
    if (!a.tensor && !b.tensor) bad_argument(L, 2, "at least one tensor");
    check_params(L, 3, &elementwise_info[op], p);
    return call(L, op, in_place, (const Operand *const[]){&a, &b}, p);
}

static int l_ternary(lua_State *L) {
    bool in_place;
    ElementwiseOp op = running_op(L, &in_place);
    double p[2];
    Operand a = check_operand(L, 1), b = check_operand(L, 2), c = check_operand(L, 3);
    if (!a.tensor && !b.tensor && !c.tensor) bad_argument(L, 1, "at least one tensor");
    check_params(L, 4, &elementwise_info[op], p);
    return call(L, op, in_place, (const Operand *const[]){&a, &b, &c}, p);
}

/* elementwise_ops() -> {{name =, arity =, rule =, params = {{name, default}, ...}}, ...} */
static int l_elementwise_ops(lua_State *L) {
    static const char *const rules[] = {"floating", "numeric", "arithmetic", "predicate", "bitwise"};
    lua_createtable(L, EW_COUNT, 0);
    for (int op = 0; op < EW_COUNT; op++) {
        const ElementwiseInfo *info = &elementwise_info[op];
        lua_createtable(L, 0, 4);
        lua_pushstring(L, info->name);
        lua_setfield(L, -2, "name");
        lua_pushinteger(L, info->arity);
        lua_setfield(L, -2, "arity");
        lua_pushstring(L, rules[info->rule]);
        lua_setfield(L, -2, "rule");
        lua_createtable(L, info->params, 0);
        for (int i = 0; i < info->params; i++) {
            lua_createtable(L, 2, 0);
            lua_pushstring(L, info->param[i].name);
            lua_rawseti(L, -2, 1);
            lua_pushnumber(L, info->param[i].otherwise);
            lua_rawseti(L, -2, 2);
            lua_rawseti(L, -2, i + 1);
        }
        lua_setfield(L, -2, "params");
        lua_rawseti(L, -2, op + 1);
    }
    return 1;
}

/* promote_types(dtype, dtype) -> the dtype that holds both */
static int l_promote_types(lua_State *L) {
    lua_pushstring(L, dtype_name(dtype_promote(check_dtype(L, 1), check_dtype(L, 2))));
    return 1;
}

/* can_cast(from, to) -> whether results of dtype `from` may be written to a tensor of dtype `to` */
static int l_can_cast(lua_State *L) {
    lua_pushboolean(L, dtype_can_cast(check_dtype(L, 1), check_dtype(L, 2)));
    return 1;
}

/* result_type(a, b) -> the dtype of what an op computes from two tensors or numbers */
static int l_result_type(lua_State *L) {
    Operand a = check_operand(L, 1), b = check_operand(L, 2);
    const Operand *const operands[] = {&a, &b};
    lua_pushstring(L, dtype_name(operands_dtype(ctx(L), 2, operands)));
    return 1;
}

static void set_data(lua_State *L, const char *name, int data) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, bind_state(L)->ops);
    lua_getfield(L, -1, name);
    ((OpState *)lua_touserdata(L, -1))->data = data;
    lua_pop(L, 2);
}

void open_elementwise(lua_State *L) {
#define UNARY(name, ...)   #name "_",
#define BINARY(name, ...)  #name "_",
#define TERNARY(name, ...) #name "_",
    static const char *const in_place_names[EW_COUNT] = {
#include "ops/elementwise.def"
    };
    for (int op = 0; op < EW_COUNT; op++) {
        const ElementwiseInfo *info = &elementwise_info[op];
        lua_CFunction f = info->arity == 1 ? l_unary : info->arity == 2 ? l_binary : l_ternary;
        const int takes = info->arity + info->params + (info->params ? NAMED : 0);
        register_ops(L, (const OpReg[]){{info->name, f, takes}, {in_place_names[op], f, takes}, {0}});
        set_data(L, info->name, op);
        set_data(L, in_place_names[op], op);
    }
    static const OpReg functions[] = {{"elementwise_ops", l_elementwise_ops, 0},
                                      {"promote_types", l_promote_types, 2},
                                      {"can_cast", l_can_cast, 2},
                                      {"result_type", l_result_type, 2},
                                      {0}};
    register_functions(L, functions);
}
