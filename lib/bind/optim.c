/* Optimiser steps over lists of tensors, as stdlib/optim calls them. They are not recorded on the tape. */
#include "bind/bind.h"
#include "ops/optim.h"

static void check_list(lua_State *L, int arg) {
    if (lua_type(L, arg) != LUA_TTABLE) bad_argument(L, arg, "a table of tensors");
}

/* Item i of the list at `arg`; NULL where there is no list. It stays alive by being in the list. */
static Tensor *item(lua_State *L, int arg, lua_Integer i) {
    if (lua_isnoneornil(L, arg)) return NULL;
    check_list(L, arg);
    lua_rawgeti(L, arg, i);
    Tensor *t = to_tensor(L, -1);
    lua_pop(L, 1);
    if (!t) raise(L, "%s: argument %d: expected a tensor at position %d", op_name(L), arg, (int)i);
    return t;
}

/* sgd_steps_(params, grads, bufs or nil, lr, momentum, dampening, weight_decay, nesterov, first) */
static int l_sgd_steps_(lua_State *L) {
    check_list(L, 1);
    const SgdStep s = {.lr = check_number(L, 4),
                       .momentum = opt_number(L, 5, 0),
                       .dampening = opt_number(L, 6, 0),
                       .weight_decay = opt_number(L, 7, 0),
                       .nesterov = opt_bool(L, 8, false),
                       .first = opt_bool(L, 9, false)};
    lua_Integer n = (lua_Integer)lua_rawlen(L, 1);
    for (lua_Integer i = 1; i <= n; i++)
        if (!op_sgd_step_(ctx(L), item(L, 1, i), item(L, 2, i), item(L, 3, i), &s)) return raise_error(L);
    return 0;
}

/* adam_steps_(params, grads, means, squares, peaks or nil, step, lr, beta1, beta2, eps, weight_decay,
 * decoupled, maximize) */
static int l_adam_steps_(lua_State *L) {
    for (int arg = 1; arg <= 4; arg++) check_list(L, arg);
    const AdamStep s = {.step = check_int(L, 6),
                        .lr = check_number(L, 7),
                        .beta1 = check_number(L, 8),
                        .beta2 = check_number(L, 9),
                        .eps = check_number(L, 10),
                        .weight_decay = opt_number(L, 11, 0),
                        .decoupled = opt_bool(L, 12, false),
                        .maximize = opt_bool(L, 13, false)};
    lua_Integer n = (lua_Integer)lua_rawlen(L, 1);
    for (lua_Integer i = 1; i <= n; i++)
        if (!op_adam_step_(ctx(L), item(L, 1, i), item(L, 2, i), item(L, 3, i), item(L, 4, i), item(L, 5, i),
                           &s))
            return raise_error(L);
    return 0;
}

void open_optim(lua_State *L) {
    static const OpReg functions[] = {
        {"sgd_steps_", l_sgd_steps_, 9}, {"adam_steps_", l_adam_steps_, 13}, {0}};
    register_functions(L, functions);
}
