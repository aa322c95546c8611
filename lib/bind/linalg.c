/* Bindings of linear algebra: the primitives that stdlib/ops/linalg.lua makes ap.linalg of. They are named
 * linalg.NAME, in messages and in core["linalg.NAME"], and take their arguments by position. */
#include "bind/bind.h"
#include "ops/linalg.h"
#include <string.h>

/* lu_factor(a) -> LU, pivots */
static int l_lu_factor(lua_State *L) {
    const Tensor *a = check_tensor(L, 1);
    Tensor *lu = new_tensor(L), *pivots = new_tensor(L);
    return results(L, op_lu_factor(ctx(L), lu, pivots, a, op_name(L)), 2);
}

/* lu_solve(lu, pivots, b, adjoint) -> x */
static int l_lu_solve(lua_State *L) {
    const Tensor *lu = check_tensor(L, 1), *pivots = check_tensor(L, 2), *b = check_tensor(L, 3);
    bool adjoint = opt_bool(L, 4, false);
    return result(L, op_lu_solve(ctx(L), new_tensor(L), NULL, lu, pivots, b, adjoint, op_name(L)));
}

/* lu_rows(pivots, m) -> positions */
static int l_lu_rows(lua_State *L) {
    const Tensor *pivots = check_tensor(L, 1);
    int64_t m = check_int(L, 2);
    return result(L, op_lu_rows(ctx(L), new_tensor(L), pivots, m, op_name(L)));
}

/* solve(a, b) -> x, LU, pivots */
static int l_solve(lua_State *L) {
    const Tensor *a = check_tensor(L, 1), *b = check_tensor(L, 2);
    Tensor *x = new_tensor(L), *lu = new_tensor(L), *pivots = new_tensor(L);
    bool ok = op_lu_factor(ctx(L), lu, pivots, a, op_name(L)) &&
              op_lu_solve(ctx(L), x, NULL, lu, pivots, b, false, op_name(L));
    return results(L, ok, 3);
}

/* solve_ex(a, b) -> x, LU, pivots, info */
static int l_solve_ex(lua_State *L) {
    const Tensor *a = check_tensor(L, 1), *b = check_tensor(L, 2);
    Tensor *x = new_tensor(L), *lu = new_tensor(L), *pivots = new_tensor(L), *info = new_tensor(L);
    bool ok = op_lu_factor(ctx(L), lu, pivots, a, op_name(L)) &&
              op_lu_solve(ctx(L), x, info, lu, pivots, b, false, op_name(L));
    return results(L, ok, 4);
}

/* The inverse of a, and the info where wanted; the factors leave the stack. */
static int inverse(lua_State *L, bool with_info) {
    const Tensor *a = check_tensor(L, 1);
    const int factors = lua_gettop(L) + 1;
    Tensor *lu = new_tensor(L), *pivots = new_tensor(L);
    Tensor *out = new_tensor(L), *info = with_info ? new_tensor(L) : NULL;
    bool ok = op_lu_factor(ctx(L), lu, pivots, a, op_name(L)) &&
              op_lu_inv(ctx(L), out, info, lu, pivots, op_name(L));
    lua_remove(L, factors);
    lua_remove(L, factors);
    return results(L, ok, with_info ? 2 : 1);
}

/* inv(a) -> its inverse */
static int l_inv(lua_State *L) {
    return inverse(L, false);
}

/* inv_ex(a) -> its inverse, info */
static int l_inv_ex(lua_State *L) {
    return inverse(L, true);
}

/* det(a) -> det, LU, pivots */
static int l_det(lua_State *L) {
    const Tensor *a = check_tensor(L, 1);
    Tensor *det = new_tensor(L), *lu = new_tensor(L), *pivots = new_tensor(L);
    bool ok =
        op_lu_factor(ctx(L), lu, pivots, a, op_name(L)) && op_lu_det(ctx(L), det, lu, pivots, op_name(L));
    return results(L, ok, 3);
}

/* slogdet(a) -> sign, logabsdet, LU, pivots */
static int l_slogdet(lua_State *L) {
    const Tensor *a = check_tensor(L, 1);
    Tensor *sign = new_tensor(L), *logabsdet = new_tensor(L), *lu = new_tensor(L), *pivots = new_tensor(L);
    bool ok = op_lu_factor(ctx(L), lu, pivots, a, op_name(L)) &&
              op_lu_slogdet(ctx(L), sign, logabsdet, lu, pivots, op_name(L));
    return results(L, ok, 4);
}

/* cholesky(a, upper) */
static int l_cholesky(lua_State *L) {
    const Tensor *a = check_tensor(L, 1);
    bool upper = opt_bool(L, 2, false);
    return result(L, op_cholesky(ctx(L), new_tensor(L), NULL, a, upper, op_name(L)));
}

/* cholesky_ex(a, upper) -> L, info */
static int l_cholesky_ex(lua_State *L) {
    const Tensor *a = check_tensor(L, 1);
    bool upper = opt_bool(L, 2, false);
    Tensor *out = new_tensor(L), *info = new_tensor(L);
    return results(L, op_cholesky(ctx(L), out, info, a, upper, op_name(L)), 2);
}

/* solve_triangular(a, b, upper, unitriangular) -> x with a x = b */
static int l_solve_triangular(lua_State *L) {
    const Tensor *a = check_tensor(L, 1), *b = check_tensor(L, 2);
    bool upper = opt_bool(L, 3, false), unit = opt_bool(L, 4, false);
    return result(L, op_solve_triangular(ctx(L), new_tensor(L), a, b, upper, unit));
}

/* qr(a, mode) -> Q, R; mode "r": R alone */
static int l_qr(lua_State *L) {
    const Tensor *a = check_tensor(L, 1);
    const char *mode = lua_isnoneornil(L, 2) ? "reduced" : check_string(L, 2);
    if (strcmp(mode, "r") == 0) return result(L, op_qr(ctx(L), NULL, new_tensor(L), a, QR_R, op_name(L)));
    bool complete = strcmp(mode, "complete") == 0;
    if (!complete && strcmp(mode, "reduced") != 0)
        raise(L, "%s: mode '%s': expected reduced, complete or r", op_name(L), mode);
    Tensor *q = new_tensor(L), *r = new_tensor(L);
    return results(L, op_qr(ctx(L), q, r, a, complete ? QR_COMPLETE : QR_REDUCED, op_name(L)), 2);
}

/* svd(a, full_matrices) -> U, S, Vh */
static int l_svd(lua_State *L) {
    const Tensor *a = check_tensor(L, 1);
    bool full = opt_bool(L, 2, true);
    Tensor *u = new_tensor(L), *s = new_tensor(L), *vh = new_tensor(L);
    return results(L, op_svd(ctx(L), u, s, vh, a, full, op_name(L)), 3);
}

/* svdvals(a) -> S */
static int l_svdvals(lua_State *L) {
    const Tensor *a = check_tensor(L, 1);
    return result(L, op_svd(ctx(L), NULL, new_tensor(L), NULL, a, false, op_name(L)));
}

/* eigh(a, upper) -> values, vectors */
static int l_eigh(lua_State *L) {
    const Tensor *a = check_tensor(L, 1);
    bool upper = opt_bool(L, 2, false);
    Tensor *values = new_tensor(L), *vectors = new_tensor(L);
    return results(L, op_eigh(ctx(L), values, vectors, a, upper, op_name(L)), 2);
}

/* eigvalsh(a, upper) -> values */
static int l_eigvalsh(lua_State *L) {
    const Tensor *a = check_tensor(L, 1);
    bool upper = opt_bool(L, 2, false);
    return result(L, op_eigh(ctx(L), new_tensor(L), NULL, a, upper, op_name(L)));
}

/* eig(a) -> values, vectors, as pairs of real and imaginary part */
static int l_eig(lua_State *L) {
    const Tensor *a = check_tensor(L, 1);
    Tensor *values = new_tensor(L), *vectors = new_tensor(L);
    return results(L, op_eig(ctx(L), values, vectors, a, op_name(L)), 2);
}

/* eigvals(a) -> values */
static int l_eigvals(lua_State *L) {
    const Tensor *a = check_tensor(L, 1);
    return result(L, op_eig(ctx(L), new_tensor(L), NULL, a, op_name(L)));
}

/* lstsq(a, b, rcond, driver) -> x, rank, singular values */
static int l_lstsq(lua_State *L) {
    const Tensor *a = check_tensor(L, 1), *b = check_tensor(L, 2);
    double rcond = opt_number(L, 3, -1);
    const char *driver = lua_isnoneornil(L, 4) ? "gelsy" : check_string(L, 4);
    Tensor *x = new_tensor(L), *rank = new_tensor(L), *singular = new_tensor(L);
    return results(L, op_lstsq(ctx(L), x, rank, singular, a, b, rcond, driver), 3);
}

/* geqrf(a) -> packed factors, tau */
static int l_geqrf(lua_State *L) {
    const Tensor *a = check_tensor(L, 1);
    Tensor *out = new_tensor(L), *tau = new_tensor(L);
    return results(L, op_geqrf(ctx(L), out, tau, a, op_name(L)), 2);
}

/* ldl_factor_ex(a) -> LD, pivots, info */
static int l_ldl_factor_ex(lua_State *L) {
    const Tensor *a = check_tensor(L, 1);
    Tensor *ld = new_tensor(L), *pivots = new_tensor(L), *info = new_tensor(L);
    return results(L, op_ldl_factor(ctx(L), ld, pivots, info, a, op_name(L)), 3);
}

/* ldl_solve(ld, pivots, b) -> x */
static int l_ldl_solve(lua_State *L) {
    const Tensor *ld = check_tensor(L, 1), *pivots = check_tensor(L, 2), *b = check_tensor(L, 3);
    return result(L, op_ldl_solve(ctx(L), new_tensor(L), ld, pivots, b, op_name(L)));
}

void open_linalg(lua_State *L) {
    static const OpReg ops[] = {
        {"linalg.lu_factor", l_lu_factor, 1},
        {"linalg.lu_solve", l_lu_solve, 4},
        {"linalg.lu_rows", l_lu_rows, 2},
        {"linalg.solve", l_solve, 2},
        {"linalg.solve_ex", l_solve_ex, 2},
        {"linalg.inv", l_inv, 1},
        {"linalg.inv_ex", l_inv_ex, 1},
        {"linalg.det", l_det, 1},
        {"linalg.slogdet", l_slogdet, 1},
        {"linalg.cholesky", l_cholesky, 2},
        {"linalg.cholesky_ex", l_cholesky_ex, 2},
        {"linalg.solve_triangular", l_solve_triangular, 4},
        {"linalg.qr", l_qr, 2},
        {"linalg.svd", l_svd, 2},
        {"linalg.svdvals", l_svdvals, 1},
        {"linalg.eigh", l_eigh, 2},
        {"linalg.eigvalsh", l_eigvalsh, 2},
        {"linalg.eig", l_eig, 1},
        {"linalg.eigvals", l_eigvals, 1},
        {"linalg.lstsq", l_lstsq, 4},
        {"linalg.geqrf", l_geqrf, 1},
        {"linalg.ldl_factor_ex", l_ldl_factor_ex, 1},
        {"linalg.ldl_solve", l_ldl_solve, 3},
        {0},
    };
    register_ops(L, ops);
}
