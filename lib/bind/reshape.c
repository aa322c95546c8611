/* Tensors that take another shape or other memory in place. A gradient record that kept such a tensor says at
 * backward that it changed (Tensor.reshaped). A tensor whose shape changes while gradients are recorded is
 * the result of a recorded view of what it was. */
#include "bind/state.h"
#include "ops/ops.h"
#include <string.h>

/* x (at index xi) becomes what y is: its shape, memory and, where y is recorded, its place on the tape. */
static void become(lua_State *L, int xi, int yi, bool is_view) {
    Tensor *x = to_tensor(L, xi);
    const Tensor *y = to_tensor(L, yi);
    Storage *before = x->storage;
    x->storage = storage_retain(y->storage);
    storage_release(before);
    x->offset = y->offset;
    x->ndim = y->ndim;
    memcpy(x->size, y->size, sizeof x->size);
    memcpy(x->stride, y->stride, sizeof x->stride);
    x->is_view = is_view;
    x->reshaped++;
    if (!y->has_node) return;
    x->requires_grad = x->has_node = true;
    x->out_slot = y->out_slot;
    lua_getiuservalue(L, yi, TENSOR_NODE);
    lua_setiuservalue(L, xi, TENSOR_NODE);
}

/* Refuses what the tape could not follow, and shapes that a leaf's gradient does not have. */
static void check_may_change(lua_State *L, const Tensor *x) {
    if (x->requires_grad && !x->has_node && ctx(L)->grad_enabled)
        raise(L, "a leaf that requires a gradient cannot be changed in place; do it under ap.no_grad()");
    if (x->has_node && !ctx(L)->grad_enabled)
        raise(L, "a tensor that was computed with a gradient record changes its shape only where that is "
                 "recorded; use it on x:detach()");
    if (lua_getiuservalue(L, 1, TENSOR_GRAD) != LUA_TNIL)
        raise(L, "the tensor has a .grad, which would not fit any more; set x.grad = nil before");
    lua_pop(L, 1);
}

/* become_(x, view): x in the shape of a view of it, recorded as that is. */
static int l_become_(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *y = check_tensor(L, 2);
    if (x->storage != y->storage || x->dtype != y->dtype)
        raise(L, "become_: argument 2: expected a view of the tensor, got a %s tensor (%s)", DTYPE(y),
              SHAPE(y));
    check_may_change(L, x);
    if (y->requires_grad && !x->requires_grad)
        raise(L, "become_: the view requires a gradient, the tensor does not");
    become(L, 1, 2, x->is_view);
    lua_settop(L, 1);
    return 1;
}

/* resize_(x, {size}) */
static int l_resize_(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    int64_t size[MAX_DIMS];
    int ndim = check_shape(L, 2, size);
    if (x->requires_grad)
        raise(L, "resize_: a tensor that requires a gradient cannot be resized; use x:detach():resize_(...)");
    if (ndim == x->ndim && memcmp(size, x->size, sizeof *size * (size_t)ndim) == 0) {
        lua_settop(L, 1); /* its strides stay, too */
        return 1;
    }
    Tensor *y = new_tensor(L);
    if (!op_resize(ctx(L), y, x, ndim, size)) return raise_error(L);
    become(L, 1, lua_gettop(L), x->is_view && y->storage == x->storage);
    lua_settop(L, 1);
    return 1;
}

/* set_(x, source): x is another handle on source's memory. */
static int l_set_(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *y = check_tensor(L, 2);
    if (x->dtype != y->dtype || x->device != y->device)
        raise(L, "set_: expected a source of the tensor's dtype and device, %s on %s, got %s on %s", DTYPE(x),
              device_name((char[DEVICE_TEXT]){0}, x->device), DTYPE(y),
              device_name((char[DEVICE_TEXT]){0}, y->device));
    if (x->has_node || (ctx(L)->grad_enabled && y->requires_grad))
        raise(L, "set_: has no gradient; use it on detached tensors");
    check_may_change(L, x);
    Tensor *alias = new_tensor(L);
    tensor_alias(alias, y);
    become(L, 1, lua_gettop(L), true);
    lua_settop(L, 1);
    return 1;
}

/* detach_(x): x is a leaf that requires no gradient. */
static int l_detach_(lua_State *L) {
    Tensor *x = check_tensor(L, 1);
    if (x->has_node && x->is_view) raise(L, "detach_: a view cannot be detached in place; use x:detach()");
    x->requires_grad = x->has_node = false;
    x->out_slot = 0;
    lua_pushnil(L);
    lua_setiuservalue(L, 1, TENSOR_NODE);
    lua_settop(L, 1);
    return 1;
}

/* is_set_to(x, other): both are the same elements of one memory, in one shape. */
static int l_is_set_to(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *y = check_tensor(L, 2);
    const size_t bytes = sizeof *x->size * (size_t)x->ndim;
    lua_pushboolean(L, x->storage == y->storage && x->offset == y->offset && x->dtype == y->dtype &&
                           tensor_same_shape(x, y) && memcmp(x->stride, y->stride, bytes) == 0);
    return 1;
}

void open_reshape(lua_State *L) {
    static const OpReg functions[] = {{"become_", l_become_, 2},     {"resize_", l_resize_, 2},
                                      {"set_", l_set_, 2},           {"detach_", l_detach_, 1},
                                      {"is_set_to", l_is_set_to, 2}, {0}};
    register_functions(L, functions);
}
