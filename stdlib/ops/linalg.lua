--- ap.linalg, part 1: linear systems, LU, Cholesky, determinants and inverses, with their gradients.
--- Part 2 is decompositions.lua (QR, SVD, eigenvalues, least squares, by LAPACK), part 3 matrix_functions.lua (norms,
--- powers, exponential), part 4 packed_factors.lua (L D L^T, reflectors, square roots, a few eigenvalues). All take
--- batches: the last two dimensions are a matrix, those before it broadcast. What works on factors computes in f32 or
--- f64 and on the CPU; a tensor of another dtype or device is an error that says so. Errors on values (a singular
--- matrix, one that is not positive definite) name the function and the matrix.
local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"
local rule, rule_joint, no_gradient, define = core.rule, core.rule_joint, core.no_gradient, core.define
local named, fail, recording = arguments.named, arguments.fail, core.is_grad_enabled
local check_tensors, check_matrix = arguments.tensors, arguments.matrices

local linalg = {}
core.linalg = linalg

-- The primitives (lib/bind/linalg.c).
local lu_factor, lu_solve, lu_rows = core["linalg.lu_factor"], core["linalg.lu_solve"], core["linalg.lu_rows"]
local solve, inv, det, slogdet = core["linalg.solve"], core["linalg.inv"], core["linalg.det"], core["linalg.slogdet"]
local cholesky, solve_triangular = core["linalg.cholesky"], core["linalg.solve_triangular"]

local function t(x) return x:transpose(-2, -1) end

local function eye_like(x, n) return core.eye(n, {dtype = x.dtype, device = x.device}) end

-- --- triangular systems -----------------------------------------------------------------------------------------

rule_joint("linalg.solve_triangular", "1y", function(needs, g, x, a, _, upper, unit)
  local w = solve_triangular(t(a), g, not upper, unit)
  if not needs[1] then return nil, w end
  local ga = -w:matmul(t(x))
  if upper then return ga:triu(unit and 1 or 0), w end
  return ga:tril(unit and -1 or 0), w
end)

--- solve_triangular: the X with A X = B for a triangular A, of which only that triangle is read. A zero on its diagonal
--- gives infinities, as in PyTorch.
---@param A Tensor shape (..., N, N)
---@param B Tensor shape (..., N, K)
---@param options {upper: boolean, left: boolean?, unitriangular: boolean?} upper: which triangle (required); left:
---       default true, false solves X A = B for B (..., K, N); unitriangular: ones are taken for the diagonal
---@return Tensor shape of B, broadcast
--- Source: torch.linalg.solve_triangular.  Example: ap.linalg.solve_triangular(L, b, {upper = false})
function linalg.solve_triangular(A, B, ...)
  local op = "linalg.solve_triangular"
  check_matrix(op, A)
  check_matrix(op, B)
  local upper, left, unit = named(op, {"upper", "left", "unitriangular"}, ...)
  if type(upper) ~= "boolean" then
    fail("%s: expected upper = true or false: which triangle of A counts", op)
  end
  unit = unit or false
  if left ~= false then return solve_triangular(A, B, upper, unit) end
  return t(solve_triangular(t(A), t(B), not upper, unit))
end

-- X inverse(A), for a triangular A.
local function right_solve(x, a, upper, unit)
  return t(solve_triangular(t(a), t(x), not upper, unit))
end

-- --- LU ---------------------------------------------------------------------------------------------------------

no_gradient("linalg.lu_rows")
-- Their functions refuse what requires a gradient (packed_factors.lua).
for _, name in ipairs {"geqrf", "ldl_factor_ex", "ldl_solve"} do no_gradient("linalg." .. name) end

-- P^T x and P x, for the P of P L U.
local function rows_to_lu(x, pivots)
  return x:take_along_dim(lu_rows(pivots, x:size(-2)):unsqueeze(-1), -2)
end
local function rows_from_lu(x, pivots)
  return x:take_along_dim(lu_rows(pivots, x:size(-2)):argsort(-1):unsqueeze(-1), -2)
end

-- The gradient of A = P L U, from those of L and U packed as lu is.
rule("linalg.lu_factor", "y", function(g, y, a)
  local lu, pivots = y[1], y[2]
  local m, n = a:size(-2), a:size(-1)
  local k = math.min(m, n)
  local function rest(x, dim) return x:narrow(dim, k + 1, (dim == -2 and m or n) - k) end
  local square = lu:narrow(-2, 1, k):narrow(-1, 1, k)
  local gl = g[1]:narrow(-2, 1, k):narrow(-1, 1, k):tril(-1)
  local gu = g[1]:narrow(-2, 1, k):narrow(-1, 1, k):triu()
  local lower, upper = square:tril(-1) + eye_like(a, k), square:triu()
  local beside
  if m > n then
    beside = right_solve(rest(g[1], -2), t(upper), false, false)
    gu = gu - t(rest(lu, -2)):matmul(beside):triu()
  elseif n > m then
    beside = solve_triangular(t(lower), rest(g[1], -1), true, true)
    gl = gl - beside:matmul(t(rest(lu, -1))):tril(-1)
  end
  local middle = t(lower):matmul(gl):tril(-1) + gu:matmul(t(upper)):triu()
  local ga = right_solve(solve_triangular(t(lower), middle, true, true), t(upper), false, false)
  if beside then ga = core.cat({ga, beside}, m > n and -2 or -1) end
  return rows_from_lu(ga, pivots)
end)

--- lu_factor: A = P L U by partial pivoting, L and U in one matrix.
---@param A Tensor shape (..., M, N)
---@return Tensor LU shape (..., M, N): U on and above the diagonal, L below it (its diagonal of ones is left out)
---@return Tensor pivots i32, shape (..., min(M, N)): row i changed places with row pivots[i], from 1, as LAPACK counts
--- A singular A is no error here; the solvers that take LU say so.
--- Source: torch.linalg.lu_factor.  Example: local LU, pivots = ap.linalg.lu_factor(A)
function linalg.lu_factor(A)
  check_matrix("linalg.lu_factor", A)
  return lu_factor(A)
end

--- lu: the factors P, L and U of A = P L U as matrices.
---@param A Tensor shape (..., M, N)
---@return Tensor P shape (..., M, M)
---@return Tensor L shape (..., M, K), K = min(M, N)
---@return Tensor U shape (..., K, N)
--- Source: torch.linalg.lu.
function linalg.lu(A)
  check_matrix("linalg.lu", A)
  return core.lu_unpack(lu_factor(A))
end

--- lu_unpack: the factors P, L and U as matrices, from those that lu_factor packs.
---@param LU Tensor shape (..., M, N), from linalg.lu_factor
---@param pivots Tensor i32, shape (..., min(M, N)), from linalg.lu_factor
---@param unpack_data? boolean default true; false: no L and U, nil in their places
---@param unpack_pivots? boolean default true; false: no P
---@return Tensor P shape (..., M, M)
---@return Tensor L shape (..., M, K), K = min(M, N)
---@return Tensor U shape (..., K, N)
--- Source: torch.lu_unpack.  Example: local P, L, U = ap.lu_unpack(ap.linalg.lu_factor(A))
define("lu_unpack", function(LU, pivots, ...)
  check_matrix("lu_unpack", LU)
  check_tensors("lu_unpack", LU, pivots)
  local unpack_data, unpack_pivots = named("lu_unpack", {"unpack_data", "unpack_pivots"}, ...)
  local m, n = LU:size(-2), LU:size(-1)
  local k, p, lower, upper = math.min(m, n), nil, nil, nil
  if unpack_pivots ~= false then
    local size = LU:size()
    size[#size] = m
    p = core.zeros(size, {dtype = LU.dtype, device = LU.device})
    if m > 0 then p = p:scatter(-2, lu_rows(pivots, m):unsqueeze(-2), 1) end
  end
  if unpack_data ~= false then
    lower = LU:narrow(-1, 1, k):tril(-1) + core.eye(m, k, {dtype = LU.dtype, device = LU.device})
    upper = LU:narrow(-2, 1, k):triu()
  end
  return p, lower, upper
end)

-- d/dA of X = inverse(A) B is -inverse(A)^T g X^T; A's factors get what is theirs of it.
rule("linalg.lu_solve", {"123y", "", "12"},
  function(g, x, lu, pivots, _, adjoint)
    local w = lu_solve(lu, pivots, g, not adjoint)
    local ga = adjoint and -x:matmul(t(w)) or -w:matmul(t(x))
    local upper, lower = lu:triu(), lu:tril(-1) + eye_like(lu, lu:size(-1))
    ga = rows_to_lu(ga, pivots)
    return ga:matmul(t(upper)):tril(-1) + t(lower):matmul(ga):triu()
  end,
  nil,
  function(g, _, lu, pivots, _, adjoint) return lu_solve(lu, pivots, g, not adjoint) end)

--- lu_solve: the X with A X = B, from the factors of A.
---@param LU Tensor shape (..., N, N), from lu_factor
---@param pivots Tensor i32, shape (..., N), from lu_factor
---@param B Tensor shape (..., N, K)
---@param options {left: boolean?, adjoint: boolean?}|nil left: default true, false solves X A = B; adjoint: A^T for A
---@return Tensor shape of B, broadcast
--- Errors: A is singular; the pivots belong to other factors.
--- Source: torch.linalg.lu_solve.
function linalg.lu_solve(LU, pivots, B, ...)
  local op = "linalg.lu_solve"
  check_tensors(op, LU, pivots, B)
  if B.ndim < 2 then fail("%s: expected a matrix or a batch of them for B", op) end
  local left, adjoint = named(op, {"left", "adjoint"}, ...)
  adjoint = adjoint or false
  if left ~= false then return lu_solve(LU, pivots, B, adjoint) end
  return t(lu_solve(LU, pivots, t(B), not adjoint))
end

-- --- general systems --------------------------------------------------------------------------------------------

local function solve_gradient(needs, g, y, a)
  local w
  if recording() then
    w = solve(t(a), g[1]) -- differentiable in A
  else
    w = lu_solve(y[2], y[3], g[1], true)
  end
  return needs[1] and -w:matmul(t(y[1])) or nil, w
end
rule_joint("linalg.solve", "1y", solve_gradient)
rule_joint("linalg.solve_ex", "1y", solve_gradient)

-- What solve and solve_ex share: f is their primitive.
local function solve_with(op, f, A, B, left)
  check_tensors(op, A, B)
  if A.ndim >= 2 and arguments.is_vectors(A, B) then
    if left == false then fail("%s: left = false needs a matrix B, got a vector", op) end
    local x, _, _, info = f(A, B:unsqueeze(-1))
    return x:squeeze(-1), info
  end
  if left ~= false then
    local x, _, _, info = f(A, B)
    return x, info
  end
  if A.ndim < 2 or B.ndim < 2 then fail("%s: expected matrices", op) end
  local x, _, _, info = f(t(A), t(B))
  return t(x), info
end

-- What the functions named *_ex do with check_errors = true.
local function check_info(op, info, what)
  if info:ne(0):any():item() then fail("%s: a matrix is %s: its info is not 0", op, what) end
end

--- solve: the X with A X = B.
---@param A Tensor shape (..., N, N)
---@param B Tensor shape (..., N, K); or (N), or A's shape without the last dimension: vectors
---@param options {left: boolean}|nil default true; false solves X A = B for B (..., K, N)
---@return Tensor shape of B, broadcast
--- Errors: a matrix is singular.
--- Source: torch.linalg.solve.  Example: ap.linalg.solve(ap.tensor{{2.0, 0}, {0, 4}}, ap.tensor{2.0, 2}) --> [1, 0.5]
function linalg.solve(A, B, ...)
  return (solve_with("linalg.solve", solve, A, B, (named("linalg.solve", {"left"}, ...))))
end

--- solve_ex: solve, with infinities or nan where a matrix is singular.
---@param A Tensor shape (..., N, N)
---@param B Tensor as for solve
---@param options {left: boolean?, check_errors: boolean?}|nil check_errors: singular matrices are an error after all
---@return Tensor X
---@return Tensor info i32, shape (...) of A: 0, or which element of U's diagonal is 0, from 1
--- Source: torch.linalg.solve_ex.
function linalg.solve_ex(A, B, ...)
  local left, check = named("linalg.solve_ex", {"left", "check_errors"}, ...)
  local x, info = solve_with("linalg.solve_ex", core["linalg.solve_ex"], A, B, left)
  if check then check_info("linalg.solve_ex", info, "singular") end
  return x, info
end

-- --- inverse and determinants -----------------------------------------------------------------------------------

rule("linalg.inv", "y", function(g, y) return -t(y):matmul(g):matmul(t(y)) end)

--- inv: the inverse. To multiply by it, solve is faster and more accurate.
---@param A Tensor shape (..., N, N)
---@return Tensor same shape
--- Errors: a matrix is singular.
--- Source: torch.linalg.inv.  Example: ap.linalg.inv(ap.tensor{{2.0, 0}, {0, 4}}) --> [[0.5, 0], [0, 0.25]]
function linalg.inv(A)
  check_tensors("linalg.inv", A)
  return inv(A)
end

rule("linalg.inv_ex", "y", function(g, y) return -t(y[1]):matmul(g[1]):matmul(t(y[1])) end)

--- inv_ex: inv, with infinities or nan where a matrix is singular.
---@param A Tensor shape (..., N, N)
---@param options {check_errors: boolean}|nil true: singular matrices are an error after all
---@return Tensor inverse
---@return Tensor info i32, shape (...): 0, or which element of U's diagonal is 0, from 1
--- Source: torch.linalg.inv_ex.
function linalg.inv_ex(A, ...)
  check_tensors("linalg.inv_ex", A)
  local check = named("linalg.inv_ex", {"check_errors"}, ...)
  local inverse, info = core["linalg.inv_ex"](A)
  if check then check_info("linalg.inv_ex", info, "singular") end
  return inverse, info
end

-- The product of all other elements along the last dimension.
local function product_of_others(s)
  local n = s:size(-1)
  local one = core.ones_like(s:narrow(-1, 1, 1))
  if n == 1 then return one end
  return core.cat({one, s:narrow(-1, 1, n - 1):cumprod(-1)}, -1) *
    core.cat({s:narrow(-1, 2, n - 1):cumprod(-1, true), one}, -1)
end

-- inverse(A)^T from the factors that the forward pass left, or from A where that must be differentiable.
local function inverse_transposed(a, lu, pivots)
  if recording() then return t(inv(a)) end
  return lu_solve(lu, pivots, eye_like(a, a:size(-1)), true)
end

-- d det / dA is the matrix of cofactors, det(A) inverse(A)^T; where A has no inverse, from its singular values.
rule("linalg.det", "1y", function(g, y, a)
  if a:numel() == 0 then return core.zeros(a:size(), {dtype = g[1].dtype, device = g[1].device}) end
  local factor = g[1]:unsqueeze(-1):unsqueeze(-1)
  local d = y[1]:unsqueeze(-1):unsqueeze(-1)
  if d:ne(0):all():item() then return factor * d * inverse_transposed(a, y[2], y[3]) end
  local u, s, vh = core["linalg.svd"](a, false)
  local sign = (det(u) * det(vh)):unsqueeze(-1):unsqueeze(-1)
  return factor * sign * (u * product_of_others(s):unsqueeze(-2)):matmul(vh)
end)

--- det: the determinant. Its gradient exists for singular matrices too; their second derivative, by way of the SVD,
--- only where no two singular values are equal.
---@param A Tensor shape (..., N, N)
---@return Tensor shape (...)
--- Source: torch.linalg.det.  Example: ap.linalg.det(ap.tensor{{1.0, 2}, {3, 4}}):item() --> -2.0
function linalg.det(A)
  check_tensors("linalg.det", A)
  return (det(A))
end

rule("linalg.slogdet", "1y", function(g, y, a)
  if not g[2] then return nil end
  return g[2]:unsqueeze(-1):unsqueeze(-1) * inverse_transposed(a, y[3], y[4])
end)

--- slogdet: the determinant as its sign and the logarithm of its size, which do not overflow.
---@param A Tensor shape (..., N, N)
---@return Tensor sign shape (...): -1, 0 or 1
---@return Tensor logabsdet shape (...): -inf for a singular matrix, whose gradient is an error
--- Source: torch.linalg.slogdet.
function linalg.slogdet(A)
  check_tensors("linalg.slogdet", A)
  local sign, logabsdet = slogdet(A)
  return sign, logabsdet
end

--- logdet: the logarithm of the determinant: -inf where that is 0, nan where it is negative.
---@param A Tensor shape (..., N, N)
---@return Tensor shape (...)
--- Source: torch.logdet.
define("logdet", function(A)
  check_tensors("logdet", A)
  local sign, logabsdet = slogdet(A)
  return core.where(sign:lt(0), 0 / 0, logabsdet)
end)

-- --- Cholesky ---------------------------------------------------------------------------------------------------

-- Murray 2016, "Differentiation of the Cholesky decomposition"; symmetric, as A is.
local function cholesky_gradient(g, y, upper)
  local l, gl = y, g
  if upper then l, gl = t(y), t(g) end
  local phi = t(l):matmul(gl)
  local half = (phi:tril() + t(phi:tril(-1))) * 0.5
  local left = solve_triangular(t(l), half, true, false)
  return t(solve_triangular(t(l), t(left), true, false))
end
rule("linalg.cholesky", "y", function(g, y, _, upper) return cholesky_gradient(g, y, upper) end)
rule("linalg.cholesky_ex", "y", function(g, y, _, upper) return cholesky_gradient(g[1], y[1], upper) end)

--- cholesky: the lower triangular L with A = L L^T, of a symmetric positive definite A, whose lower triangle alone is
--- read. Its gradient is symmetric.
---@param A Tensor shape (..., N, N)
---@param options {upper: boolean}|nil true: U with A = U^T U, from the upper triangle
---@return Tensor same shape
--- Errors: a matrix is not positive definite.
--- Source: torch.linalg.cholesky.  Example: ap.linalg.cholesky(ap.tensor{{4.0, 2}, {2, 5}}) --> [[2, 0], [1, 2]]
function linalg.cholesky(A, ...)
  check_tensors("linalg.cholesky", A)
  return cholesky(A, named("linalg.cholesky", {"upper"}, ...) or false)
end

--- cholesky_ex: cholesky, without an error where a matrix is not positive definite: its L is then unspecified.
---@param A Tensor shape (..., N, N)
---@param options {upper: boolean?, check_errors: boolean?}|nil check_errors: an error after all
---@return Tensor L
---@return Tensor info i32, shape (...): 0, or the order of the leading block that is not positive definite
--- Source: torch.linalg.cholesky_ex.
function linalg.cholesky_ex(A, ...)
  check_tensors("linalg.cholesky_ex", A)
  local upper, check = named("linalg.cholesky_ex", {"upper", "check_errors"}, ...)
  local l, info = core["linalg.cholesky_ex"](A, upper or false)
  if check then check_info("linalg.cholesky_ex", info, "not positive definite") end
  return l, info
end

--- cholesky: see linalg.cholesky.
---@param A Tensor shape (..., N, N)
---@param options {upper: boolean}|nil
---@return Tensor
define("cholesky", function(A, ...)
  check_tensors("cholesky", A)
  return cholesky(A, named("cholesky", {"upper"}, ...) or false)
end)

-- The factor that cholesky gave.
local function check_factor(op, L)
  check_matrix(op, L)
  if L:size(-1) ~= L:size(-2) then fail("%s: expected square factors, got %s", op, arguments.shape(L)) end
  if L.dtype ~= "f32" and L.dtype ~= "f64" then fail("%s: expected f32 or f64, got %s", op, L.dtype) end
end

-- The X with (L L^T) X = B, or (U^T U) X = B.
local function by_cholesky(B, L, upper)
  if upper then L = t(L) end
  return solve_triangular(t(L), solve_triangular(L, B, false, false), true, false)
end

--- cholesky_solve: the X with A X = B, from the Cholesky factor of A.
---@param B Tensor shape (..., N, K)
---@param L Tensor shape (..., N, N)
---@param options {upper: boolean}|nil true: L is the upper factor
---@return Tensor shape of B, broadcast
--- Source: torch.cholesky_solve.
define("cholesky_solve", function(B, L, ...)
  check_matrix("cholesky_solve", B)
  check_factor("cholesky_solve", L)
  if B:size(-2) ~= L:size(-1) or B.dtype ~= L.dtype then
    fail("cholesky_solve: expected a right side of %d rows and of %s, got %s, %s", L:size(-1), L.dtype,
      arguments.shape(B), B.dtype)
  end
  return by_cholesky(B, L, named("cholesky_solve", {"upper"}, ...))
end)
linalg.cholesky_solve = core.cholesky_solve

--- cholesky_inverse: the inverse of A from its Cholesky factor.
---@param L Tensor shape (..., N, N)
---@param options {upper: boolean}|nil true: L is the upper factor
---@return Tensor same shape
--- Source: torch.cholesky_inverse.
define("cholesky_inverse", function(L, ...)
  check_factor("cholesky_inverse", L)
  local upper = named("cholesky_inverse", {"upper"}, ...)
  return by_cholesky(eye_like(L, L:size(-1)), L, upper)
end)

-- The rest of linalg needs no rules and is read when it is first asked for.
setmetatable(linalg, {__index = function(_, name)
  setmetatable(linalg, nil)
  require "apsis.ops.matrix_functions"
  require "apsis.ops.packed_factors"
  return linalg[name]
end})

--- det: linalg.det: the determinant.
---@param A Tensor shape (..., N, N)
---@return Tensor shape (...)
--- Source: torch.det.  Example: ap.tensor{{1.0, 2}, {3, 4}}:det() --> -2
define("det", linalg.det)

--- slogdet: linalg.slogdet: the determinant as its sign and the logarithm of its size.
---@param A Tensor shape (..., N, N)
---@return Tensor sign shape (...)
---@return Tensor logabsdet shape (...)
--- Source: torch.slogdet.
define("slogdet", linalg.slogdet)

--- inverse: linalg.inv: the inverse of a matrix.
---@param A Tensor shape (..., N, N)
---@return Tensor same shape
--- Source: torch.inverse.  Example: ap.tensor{{2.0, 0}, {0, 4}}:inverse() --> [[0.5, 0], [0, 0.25]]
define("inverse", linalg.inv)

--- lu_solve: linalg.lu_solve with its arguments in another order.
---@param B Tensor shape (..., N, K)
---@param LU Tensor shape (..., N, N)
---@param pivots Tensor i32, shape (..., N)
---@return Tensor shape of B, broadcast
--- Source: torch.lu_solve.
define("lu_solve", function(B, LU, pivots) return linalg.lu_solve(LU, pivots, B) end)

return core.define_module(linalg)
