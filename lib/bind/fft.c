/* Bindings of the Fourier transforms that stdlib/ops/fft.lua builds PyTorch's functions on. The dimension of
 * the pairs is not counted. */
#include "ops/fft.h"
#include "bind/bind.h"

/* What a tensor of pairs looks like to `dim`. */
static Tensor without_pairs(lua_State *L, const Tensor *x) {
    if (x->ndim < 1 || x->size[x->ndim - 1] != 2)
        bad_argument(L, 1,
                     "pairs (real, imaginary) in a last dimension of size 2; real numbers become pairs by "
                     "ap.complex(x)");
    Tensor t = *x;
    t.ndim--;
    return t;
}

/* fft_c2c(x, dims, inverse, scale) */
static int l_fft_c2c(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    const Tensor plain = without_pairs(L, x);
    int dims[MAX_DIMS];
    uint32_t mask = 0;
    const int count = check_dims(L, 2, &plain, dims);
    for (int i = 0; i < count; i++) mask |= 1u << dims[i];
    bool inverse = opt_bool(L, 3, false);
    double scale = opt_number(L, 4, 1);
    return result(L, op_fft_c2c(ctx(L), new_tensor(L), x, mask, inverse, scale));
}

/* fft_r2c(x, dim, inverse, scale) */
static int l_fft_r2c(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    int dim = check_dim(L, 2, x);
    bool inverse = opt_bool(L, 3, false);
    double scale = opt_number(L, 4, 1);
    return result(L, op_fft_r2c(ctx(L), new_tensor(L), x, dim, inverse, scale));
}

/* fft_c2r(x, dim, n, inverse, scale) */
static int l_fft_c2r(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    const Tensor plain = without_pairs(L, x);
    int dim = check_dim(L, 2, &plain);
    int64_t n = check_int(L, 3);
    bool inverse = opt_bool(L, 4, true);
    double scale = opt_number(L, 5, 1);
    return result(L, op_fft_c2r(ctx(L), new_tensor(L), x, dim, n, inverse, scale));
}

/* cmul(a, b, conj): conj multiplies by the conjugate of b */
static int l_cmul(lua_State *L) {
    const Tensor *a = check_tensor(L, 1), *b = check_tensor(L, 2);
    bool conj = opt_bool(L, 3, false);
    return result(L, op_cmul(ctx(L), new_tensor(L), a, b, conj));
}

void open_fft(lua_State *L) {
    static const OpReg ops[] = {{"fft_c2c", l_fft_c2c, 4},
                                {"fft_r2c", l_fft_r2c, 4},
                                {"fft_c2r", l_fft_c2r, 5},
                                {"cmul", l_cmul, 3},
                                {0}};
    register_ops(L, ops);
}
