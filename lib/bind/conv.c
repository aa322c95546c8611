/* Bindings of convolution. stdlib/ops/conv.lua builds the other forms (1-D, transposed, unfold) on these. */
#include "ops/conv.h"
#include "bind/bind.h"
#include <string.h>

/* stride, padding, dilation, groups at `arg` and after: integers or pairs; padding also "same" or "valid". */
static ConvOptions check_options(lua_State *L, int arg) {
    ConvOptions o = {0};
    check_ints(L, arg, 2, o.stride, 1);
    if (lua_type(L, arg + 1) == LUA_TSTRING) {
        const char *text = lua_tostring(L, arg + 1);
        o.same = strcmp(text, "same") == 0;
        if (!o.same && strcmp(text, "valid") != 0)
            bad_argument(L, arg + 1, "a padding: integers, 'same' or 'valid'");
    } else {
        check_ints(L, arg + 1, 2, o.padding, 0);
    }
    check_ints(L, arg + 2, 2, o.dilation, 1);
    o.groups = opt_int(L, arg + 3, 1);
    return o;
}

/* conv2d(x, weight, bias, stride, padding, dilation, groups) */
static int l_conv2d(lua_State *L) {
    options(L, 3, "bias", "stride", "padding", "dilation", "groups", NULL);
    const Tensor *x = check_tensor(L, 1), *weight = check_tensor(L, 2), *bias = opt_tensor(L, 3);
    ConvOptions o = check_options(L, 4);
    return result(L, op_conv2d(ctx(L), new_tensor(L), x, weight, bias, &o));
}

/* conv2d_input_grad(g, weight, {h, w}, stride, padding, dilation, groups) */
static int l_conv2d_input_grad(lua_State *L) {
    const Tensor *g = check_tensor(L, 1), *weight = check_tensor(L, 2);
    int64_t size[2];
    check_ints(L, 3, 2, size, 0);
    ConvOptions o = check_options(L, 4);
    return result(L, op_conv2d_input_grad(ctx(L), new_tensor(L), g, weight, size[0], size[1], &o));
}

/* conv2d_weight_grad(x, g, {kh, kw}, stride, padding, dilation, groups) */
static int l_conv2d_weight_grad(lua_State *L) {
    const Tensor *x = check_tensor(L, 1), *g = check_tensor(L, 2);
    int64_t kernel[2];
    check_ints(L, 3, 2, kernel, 1);
    ConvOptions o = check_options(L, 4);
    return result(L, op_conv2d_weight_grad(ctx(L), new_tensor(L), x, g, kernel[0], kernel[1], &o));
}

void open_conv(lua_State *L) {
    static const OpReg ops[] = {{"conv2d", l_conv2d, 7 | NAMED},
                                {"conv2d_input_grad", l_conv2d_input_grad, 7},
                                {"conv2d_weight_grad", l_conv2d_weight_grad, 7},
                                {0}};
    register_ops(L, ops);
}
