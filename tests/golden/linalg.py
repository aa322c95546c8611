"""Golden values for tests/linalg_test.lua and tests/einsum_test.lua, from PyTorch (CPU): python3 tests/golden/linalg.py
Inputs are NAME/in1, in2, ...; outputs NAME/out1, ...; gradients of the sum of all outputs times cos(1), cos(2), ...
NAME/grad1, ... Vectors whose sign is arbitrary are stored by their size. Pivots count from 1 in both."""
import torch
from common import save

torch.manual_seed(11)
D = torch.float64
L = torch.linalg
out = {}


def weights(y):
    return torch.arange(1, y.numel() + 1, dtype=D).cos().reshape(y.shape)


def case(name, f, *inputs):
    inputs = [x.clone().to(D).requires_grad_() for x in inputs]
    results = f(*inputs)
    if isinstance(results, torch.Tensor):
        results = (results,)
    total = 0
    for i, x in enumerate(inputs):
        out[f"{name}/in{i + 1}"] = x
    for i, y in enumerate(results):
        out[f"{name}/out{i + 1}"] = y
        if y.is_floating_point() and y.requires_grad:
            total = total + (y * weights(y)).sum()
    if not isinstance(total, torch.Tensor):
        return
    grads = torch.autograd.grad(total, inputs, allow_unused=True)
    for i, (x, g) in enumerate(zip(inputs, grads)):
        out[f"{name}/grad{i + 1}"] = torch.zeros_like(x) if g is None else g


def rand(*size):
    return torch.randn(size, dtype=D)


def sym(a):
    return (a + a.mT) / 2


def spd(*size):
    a = rand(*size)
    return a @ a.mT + torch.eye(size[-1], dtype=D)


A, W, H = rand(2, 4, 4), rand(2, 3, 5), rand(2, 5, 3)
S, P = rand(2, 4, 4), spd(2, 4, 4)
singular = rand(3, 3)
singular[2] = singular[0] + singular[1]

case("solve", L.solve, A, rand(2, 4, 3))
case("solve_vector", L.solve, A, rand(2, 4))
case("solve_broadcast", L.solve, A, rand(4, 2))
case("solve_right", lambda a, b: L.solve(a, b, left=False), A, rand(2, 3, 4))
for upper in (False, True):
    for unit in (False, True):
        for left in (False, True):
            case(f"solve_triangular_{upper}_{unit}_{left}".lower(),
                 lambda a, b: L.solve_triangular(a, b, upper=upper, unitriangular=unit, left=left),
                 A, rand(2, 4, 3) if left else rand(2, 3, 4))
case("inv", L.inv, A)
case("det", L.det, A)
case("det_singular", L.det, singular)
# PyTorch's LU of this matrix leaves no exact zero, and its gradient divides by what is left: by cofactors instead.
u, s, vh = L.svd(singular)
others = torch.tensor([s[1] * s[2], s[0] * s[2], s[0] * s[1]], dtype=D)
out["det_singular/grad1"] = L.det(u) * L.det(vh) * (u * others) @ vh * torch.tensor(1.0, dtype=D).cos()
case("slogdet", L.slogdet, A)
case("logdet", torch.logdet, P)
for name, a in (("square", A), ("wide", W), ("tall", H)):
    case("lu_" + name, L.lu, a)
    case("lu_factor_" + name, L.lu_factor, a)
lu, pivots = L.lu_factor(A)
for adjoint in (False, True):
    for left in (False, True):
        case(f"lu_solve_{adjoint}_{left}".lower(),
             lambda f, b: L.lu_solve(f, pivots, b, adjoint=adjoint, left=left), lu, rand(2, 4, 3) if left else rand(2, 3, 4))
out["lu_solve/pivots"] = pivots
case("cholesky", lambda a: L.cholesky(sym(a)), P)
case("cholesky_upper", lambda a: L.cholesky(sym(a), upper=True), P)
chol = L.cholesky(P)
case("cholesky_solve", lambda b, l: torch.cholesky_solve(b, l.tril()), rand(2, 4, 3), chol)
case("cholesky_inverse", lambda l: torch.cholesky_inverse(l.tril()), chol)

for name, a in (("square", A), ("wide", W), ("tall", H)):
    case("qr_" + name, lambda x: tuple(y.abs() for y in L.qr(x)), a)
    case("svd_" + name, lambda x: tuple(y.abs() for y in L.svd(x, full_matrices=False)), a)
    case("svdvals_" + name, L.svdvals, a)
    case("pinv_" + name, L.pinv, a)
case("qr_complete", lambda x: tuple(y.abs() for y in L.qr(x, mode="complete")), W)
case("pinv_hermitian", lambda x: L.pinv(sym(x), hermitian=True), S)
case("eigh", lambda x: tuple(y.abs() for y in L.eigh(sym(x))), S)
case("eigvalsh", lambda x: L.eigvalsh(sym(x), UPLO="U"), S)


def ordered(w):
    return torch.argsort(w.real.detach() + 0.1 * w.imag.detach(), -1)


def eig(a):
    w, v = L.eig(a)
    order = ordered(w)
    v = v.gather(-1, order.unsqueeze(-2).expand_as(v))
    return torch.view_as_real(w.gather(-1, order)), (v * v.conj()).real


def eigvals(a):
    w = L.eigvals(a)
    return torch.view_as_real(w.gather(-1, ordered(w)))


case("eig", eig, S)
case("eigvals", eigvals, S)
for name, a in (("square", A), ("tall", H)):
    case("lstsq_" + name, lambda x, b: L.lstsq(x, b).solution, a, rand(2, a.shape[-2], 2))
case("lstsq_wide", lambda x, b: L.lstsq(x, b).solution, W, rand(2, 3, 2))
out["lstsq_tall/residuals"] = L.lstsq(H, out["lstsq_tall/in2"].detach(), driver="gelsd").residuals

for p in ("fro", "nuc", float("inf"), -float("inf"), 1, -1, 2, -2):
    case(f"matrix_norm_{p}", lambda x: L.matrix_norm(x, p), W)
    case(f"matrix_norm_{p}_dims", lambda x: L.matrix_norm(x, p, dim=(0, 2), keepdim=True), W)
    if p in (2, -2):
        case(f"cond_{p}", lambda x: L.cond(x, p), A)
    else:  # the gradient of PyTorch's cond fails on an in-place change of its own
        case(f"cond_{p}", lambda x: L.matrix_norm(x, p) * L.matrix_norm(L.inv(x), p), A)
case("norm_none", L.norm, W)
case("norm_matrix_1", lambda x: L.norm(x, 1), W[0])
case("norm_vector_3", lambda x: L.norm(x, 3, dim=1), W)
case("vector_norm", lambda x: L.vector_norm(x, 1.5, dim=(0, 2), keepdim=True), W)
for n in (-3, -1, 0, 1, 2, 5):
    case(f"matrix_power_{n}", lambda x: L.matrix_power(x, n), A)
case("matrix_exp", L.matrix_exp, torch.stack([A[0] * 0.01, A[1] * 6, torch.zeros(4, 4, dtype=D)]))
case("multi_dot", lambda *x: L.multi_dot(x), rand(3), rand(3, 5), rand(5, 2), rand(2, 4), rand(4))
case("chain_matmul", lambda *x: torch.chain_matmul(*x), rand(2, 6), rand(6, 3), rand(3, 4))
case("cross", L.cross, rand(4, 3), rand(1, 3))
case("cross_dim", lambda a, b: L.cross(a, b, dim=0), rand(3, 2), rand(3, 2))
case("vecdot", L.vecdot, rand(2, 4), rand(4))
case("vander", lambda x: L.vander(x, N=4), rand(2, 3))
case("tensorinv", L.tensorinv, rand(2, 3, 6))
case("tensorsolve", L.tensorsolve, rand(2, 3, 6), rand(2, 3))

case("tensordot", lambda a, b: torch.tensordot(a, b, 2), rand(2, 3, 4), rand(3, 4, 2))
case("tensordot_lists", lambda a, b: torch.tensordot(a, b, ([2, 0], [1, 2])), rand(2, 3, 4), rand(3, 4, 2))
case("tensordot_0", lambda a, b: torch.tensordot(a, b, 0), rand(2, 3), rand(2))
case("kron", torch.kron, rand(2, 3), rand(2, 2))
case("kron_uneven", torch.kron, rand(2, 1, 2), rand(3))
case("inner", torch.inner, rand(2, 3), rand(4, 3))
case("inner_scalar", torch.inner, rand(2, 3), rand(1)[0])
case("vdot", torch.vdot, rand(4), rand(4))
case("trace", torch.trace, rand(3, 4))
case("addr", lambda m, a, b: torch.addr(m, a, b, alpha=2, beta=0.5), rand(3, 4), rand(3), rand(4))
case("addbmm", lambda m, a, b: torch.addbmm(m, a, b, alpha=2, beta=0.5), rand(3, 4), rand(2, 3, 5), rand(2, 5, 4))
case("addmm", lambda m, a, b: torch.addmm(m, a, b, alpha=2, beta=0.5), rand(4), rand(3, 5), rand(5, 4))
case("addmv", lambda m, a, b: torch.addmv(m, a, b, alpha=2, beta=0.5), rand(3), rand(3, 5), rand(5))
case("baddbmm", lambda m, a, b: torch.baddbmm(m, a, b, alpha=2, beta=0.5), rand(3, 4), rand(2, 3, 5), rand(2, 5, 4))
points = rand(2, 4, 3)
others = rand(5, 3)
others[1] = points[0, 2]  # a distance of 0
for p in (0, 0.5, 1, 1.5, 2, 3, float("inf")):
    case(f"cdist_{p}", lambda a, b: torch.cdist(a, b, p), points, others)
case("cdist_products", torch.cdist, rand(3, 4), rand(27, 4))

expressions = {
    "transpose": "ij->ji", "sum_all": "ij->", "sum_rows": "ij->j", "diagonal": "ii->i", "trace": "ii", "product": "ij,jk",
    "product_t": "ij,kj->ik", "batch": "bij,bjk->bik", "hadamard": "ij,ij->ij", "outer": "i,j->ij", "dot": "i,i",
    "bilinear": "bi,oij,bj->bo", "ellipsis": "...ij,...jk->...ik", "ellipsis_one": "...i,i", "ellipsis_inside": "i...j,j->...i",
    "ellipsis_implied": "...ij,jk", "ellipsis_dropped": "...i,i->", "repeated_many": "iij,jk->ik", "three": "ij,jk,kl->il", "chain": "ab,bc,cd,de->ae",
    "shared": "ij,ik,il->jkl", "broadcast": "ij,ij->ij", "capitals": "bA,Ab", "spaces": " i j , j k -> k i ",
    "sum_one_side": "ij,k->k", "attention": "bhqd,bhkd->bhqk", "seven": "ab,bc,cd,de,ef,fg,gh->ah", "diagonals": "ijij->ji",
    "scalar": ",i->i", "permuted_batch": "bij,kjb->bki",
}
shapes = {
    "transpose": [(2, 3)], "sum_all": [(2, 3)], "sum_rows": [(2, 3)], "diagonal": [(3, 3)], "trace": [(3, 3)],
    "product": [(2, 3), (3, 4)], "product_t": [(2, 3), (4, 3)], "batch": [(2, 3, 4), (2, 4, 2)], "hadamard": [(2, 3), (2, 3)],
    "outer": [(2,), (3,)], "dot": [(3,), (3,)], "bilinear": [(2, 3), (4, 3, 2), (2, 2)], "ellipsis": [(2, 1, 3, 4), (5, 4, 2)],
    "ellipsis_one": [(2, 3, 4), (4,)], "ellipsis_inside": [(2, 3, 4), (4,)], "ellipsis_implied": [(2, 3, 4), (4, 2)],
    "ellipsis_dropped": [(2, 3), (3,)], "repeated_many": [(3, 3, 2), (2, 4)], "three": [(2, 3), (3, 4), (4, 2)],
    "chain": [(2, 5), (5, 3), (3, 4), (4, 2)], "shared": [(2, 3), (2, 4), (2, 2)], "broadcast": [(2, 3), (1, 3)],
    "capitals": [(2, 3), (3, 2)], "spaces": [(2, 3), (3, 4)], "sum_one_side": [(2, 3), (4,)],
    "attention": [(2, 2, 3, 4), (2, 2, 5, 4)], "seven": [(2, 3)] + [(3, 2), (2, 3)] * 3,
    "diagonals": [(2, 3, 2, 3)], "scalar": [(), (3,)], "permuted_batch": [(2, 3, 4), (5, 4, 2)],
}
for name, equation in expressions.items():
    case("einsum_" + name, lambda *x: torch.einsum(equation, *x), *[rand(*s) for s in shapes[name]])

save(out)
