--- ap.linalg, part 4: factors that stay packed as LAPACK packs them (L D L^T of symmetric matrices, the reflectors of
--- a QR), infos in place of errors, the square root of a matrix, and a few eigenvalues of a large one. f32 and f64, on
--- the CPU; geqrf and the ldl functions need LAPACK.
local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"
local autograd = require "apsis.autograd"
local define, named, fail = core.define, arguments.named, arguments.fail
local check_tensors, check_matrix, shape = arguments.tensors, arguments.matrices, arguments.shape
local linalg = core.linalg

local geqrf, ldl_factor_ex, ldl_solve = core["linalg.geqrf"], core["linalg.ldl_factor_ex"], core["linalg.ldl_solve"]
local lu_factor, eigh = core["linalg.lu_factor"], core["linalg.eigh"]

local function t(x) return x:transpose(-2, -1) end

local function check_square(op, a)
  check_matrix(op, a)
  if a:size(-1) ~= a:size(-2) then fail("%s: expected square matrices, got %s", op, shape(a)) end
end

-- What has no gradient says so where one would be recorded.
local function refuse_gradient(op, x)
  if x.requires_grad and core.is_grad_enabled() then fail("%s: has no gradient; use it on a detached tensor", op) end
end

-- --- LU, with infos -------------------------------------------------------------------------------------------------

-- Of each matrix: which element of the diagonal of U is the first that is 0, from 1; 0 where none is.
local function first_zero(lu)
  local diagonal = lu:detach():diagonal(0, -2, -1)
  local n = diagonal:size(-1)
  if n == 0 then return core.zeros(diagonal:sum(-1):size(), {dtype = "i32", device = lu.device}) end
  local places = core.arange(1, n, 1, {dtype = "i64", device = lu.device})
  local first = core.where(diagonal:eq(0), places, n + 1):amin(-1)
  return core.where(first:gt(n), 0, first):to("i32")
end

local function check_pivot(op, pivot)
  if pivot == false then fail("%s: pivot = false: there is no LU without pivoting", op) end
end

--- lu_factor_ex: lu_factor, and where U has a zero on its diagonal.
---@param A Tensor shape (..., M, N)
---@param options {pivot: boolean?, check_errors: boolean?}|nil pivot: true, nothing else; check_errors: a zero is an
---       error
---@return Tensor LU shape (..., M, N)
---@return Tensor pivots i32, shape (..., min(M, N)), as of lu_factor
---@return Tensor info i32, shape (...): 0, or which element of U's diagonal is 0, from 1
--- Source: torch.linalg.lu_factor_ex.
function linalg.lu_factor_ex(A, ...)
  local op = "linalg.lu_factor_ex"
  check_matrix(op, A)
  local pivot, check = named(op, {"pivot", "check_errors"}, ...)
  check_pivot(op, pivot)
  local lu, pivots = lu_factor(A)
  local info = first_zero(lu)
  if check and info:ne(0):any():item() then fail("%s: a matrix is singular: its info is not 0", op) end
  return lu, pivots, info
end

--- lu: the packed factors of linalg.lu_factor under their older name.
---@param A Tensor shape (..., M, N)
---@param pivot boolean|nil true, nothing else
---@param get_infos boolean|nil a third result, the info of linalg.lu_factor_ex; default false
---@return Tensor LU
---@return Tensor pivots
---@return Tensor|nil info
--- Source: torch.lu; new code uses linalg.lu_factor, and linalg.lu for the factors as matrices.
define("lu", function(A, ...)
  check_matrix("lu", A)
  local pivot, get_infos = named("lu", {"pivot", "get_infos"}, ...)
  check_pivot("lu", pivot)
  local lu, pivots = lu_factor(A)
  if get_infos then return lu, pivots, first_zero(lu) end
  return lu, pivots
end)

-- --- L D L^T --------------------------------------------------------------------------------------------------------

local function ldl(op, A)
  check_square(op, A)
  refuse_gradient(op, A)
  local ld, pivots, info = ldl_factor_ex(A)
  return ld:tril_(), pivots, info
end

--- ldl_factor_ex: ldl_factor, and where D has a zero.
---@param A Tensor shape (..., N, N), symmetric
---@param options {hermitian: boolean?, check_errors: boolean?}|nil hermitian: nothing to real matrices; check_errors: a
---       zero is an error
---@return Tensor LD shape (..., N, N)
---@return Tensor pivots i32, shape (..., N)
---@return Tensor info i32, shape (...): 0, or which element of D is 0, from 1
--- Errors: A requires a gradient: there is none.
--- Source: torch.linalg.ldl_factor_ex.
function linalg.ldl_factor_ex(A, ...)
  local op = "linalg.ldl_factor_ex"
  local _, check = named(op, {"hermitian", "check_errors"}, ...)
  local ld, pivots, info = ldl(op, A)
  if check and info:ne(0):any():item() then fail("%s: a matrix is singular: its info is not 0", op) end
  return ld, pivots, info
end

--- ldl_factor: A = P L D L^T P^T of a symmetric A, definite or not, whose lower triangle alone is read. D has blocks of
--- one and two elements on its diagonal.
---@param A Tensor shape (..., N, N), symmetric
---@param options {hermitian: boolean}|nil nothing to real matrices
---@return Tensor LD shape (..., N, N): D and L below it; L's diagonal of ones is left out
---@return Tensor pivots i32, shape (..., N), as LAPACK's sytrf counts: an exchange of rows, or twice the same for a
---        block of two, negated
--- Errors: D has a zero; A requires a gradient: there is none.
--- Source: torch.linalg.ldl_factor; Bunch and Kaufman 1977.
--- Example: local LD, pivots = ap.linalg.ldl_factor(A); local x = ap.linalg.ldl_solve(LD, pivots, b)
function linalg.ldl_factor(A, ...)
  local op = "linalg.ldl_factor"
  named(op, {"hermitian"}, ...)
  local ld, pivots, info = ldl(op, A)
  if info:ne(0):any():item() then fail("%s: a matrix is singular: D has a zero", op) end
  return ld, pivots
end

local solve_symmetric
solve_symmetric = autograd.Function {
  forward = function(ctx, b, ld, pivots)
    ctx:save(ld, pivots)
    return ldl_solve(ld, pivots, b)
  end,
  backward = function(ctx, g)
    local ld, pivots = ctx:saved()
    return (solve_symmetric(g, ld, pivots)) -- A is symmetric
  end,
}

local function expanded(x, batch, rank)
  local size = {table.unpack(batch)}
  for d = rank, 1, -1 do size[#size + 1] = x:size(-d) end
  return x:expand(size)
end

local function batch_of(x, rank)
  local size = {}
  for d = 1, x.ndim - rank do size[d] = x:size(d) end
  return size
end

--- ldl_solve: the X with A X = B, from ldl_factor's factors. Its gradient is that of B.
---@param LD Tensor shape (..., N, N)
---@param pivots Tensor i32, shape (..., N)
---@param B Tensor shape (..., N, K), of the same batch or one that broadcasts with it
---@param options {hermitian: boolean}|nil nothing to real matrices
---@return Tensor shape of B, broadcast
--- Errors: pivots that are none of ldl_factor; LD requires a gradient.
--- Source: torch.linalg.ldl_solve.
function linalg.ldl_solve(LD, pivots, B, ...)
  local op = "linalg.ldl_solve"
  named(op, {"hermitian"}, ...)
  check_tensors(op, LD, pivots, B)
  check_square(op, LD)
  check_matrix(op, B)
  if pivots.ndim < 1 then fail("%s: expected pivots (..., N), got %s", op, shape(pivots)) end
  refuse_gradient(op, LD)
  local batch = arguments.broadcast_sizes(op, {batch_of(LD, 2), batch_of(pivots, 1), batch_of(B, 2)})
  return (solve_symmetric(expanded(B, batch, 2), expanded(LD, batch, 2), expanded(pivots, batch, 1)))
end

-- --- reflectors -----------------------------------------------------------------------------------------------------

--- geqrf: A = Q R with Q as Householder's reflectors: what ormqr multiplies by and householder_product forms.
---@param A Tensor shape (..., M, N)
---@return Tensor a shape (..., M, N): R on and above the diagonal, the reflectors below it
---@return Tensor tau shape (..., min(M, N))
--- Errors: A requires a gradient: there is none; use linalg.qr.
--- Source: torch.geqrf.  Example: local a, tau = ap.geqrf(A); local Q = ap.linalg.householder_product(a, tau)
define("geqrf", function(A)
  check_matrix("geqrf", A)
  refuse_gradient("geqrf", A)
  return geqrf(A)
end)

--- triangular_solve: linalg.solve_triangular under its older name, with its arguments in another order.
---@param B Tensor shape (..., N, K)
---@param A Tensor shape (..., N, N), triangular
---@param upper boolean|nil which triangle counts; default true
---@param transpose boolean|nil solve A^T X = B; default false
---@param unitriangular boolean|nil ones are taken for the diagonal; default false
---@return Tensor solution shape of B, broadcast
---@return Tensor cloned_coefficient a copy of A
--- Source: torch.triangular_solve; new code uses linalg.solve_triangular.
define("triangular_solve", function(B, A, ...)
  check_matrix("triangular_solve", B)
  check_matrix("triangular_solve", A)
  local upper, transpose, unit = named("triangular_solve", {"upper", "transpose", "unitriangular"}, ...)
  upper = upper ~= false
  local a = transpose and t(A) or A
  if transpose then upper = not upper end
  return linalg.solve_triangular(a, B, {upper = upper, unitriangular = unit or false}), A:clone()
end)

-- --- the square root ------------------------------------------------------------------------------------------------

-- The W with X W + W X = G, for a symmetric X whose eigenvalues add up to more than 0 in pairs, and a symmetric G.
local sylvester
sylvester = autograd.Function {
  forward = function(ctx, x, g)
    local l, v = eigh(x, false)
    local w = v:matmul(t(v):matmul(g):matmul(v) / (l:unsqueeze(-1) + l:unsqueeze(-2))):matmul(t(v))
    ctx:save(x, w)
    return w
  end,
  backward = function(ctx, gw)
    local x, w = ctx:saved()
    local h = sylvester(x, (gw + t(gw)) * 0.5)
    return -(h:matmul(w) + w:matmul(h)), h
  end,
}

local square_root = autograd.Function {
  forward = function(ctx, a)
    local l, v = eigh(a, false)
    local root = (v * l:clamp(0):sqrt():unsqueeze(-2)):matmul(t(v))
    ctx:save(root)
    return root
  end,
  backward = function(ctx, g) return (sylvester(ctx:saved(), (g + t(g)) * 0.5)) end,
}

--- matrix_sqrth: the symmetric positive definite X with X X = A, of a symmetric positive definite A, whose lower
--- triangle alone is read. Its gradient is symmetric; it is infinite where A is singular. Negative eigenvalues count
--- as 0.
---@param A Tensor shape (..., N, N)
---@return Tensor same shape
--- Source: torch.linalg.matrix_sqrth; the gradient: Lin and Maji, "Improved bilinear pooling with CNNs", 2017.
--- Example: ap.linalg.matrix_sqrth(ap.tensor{{4.0, 0}, {0, 9}}) --> [[2, 0], [0, 3]]
function linalg.matrix_sqrth(A)
  check_square("linalg.matrix_sqrth", A)
  return (square_root(A))
end

-- --- a few eigenvalues of a large matrix ----------------------------------------------------------------------------

-- The columns of S made orthonormal under B (nil: the identity); what depends on others goes. Stathopoulos and Wu 2002.
local function orthonormal(S, B, eps)
  for _ = 1, 2 do
    local l, u = eigh(t(S):matmul(B and B:matmul(S) or S), false)
    local least = eps * S:size(-1) * l:amax():item()
    local kept = l:gt(math.max(least, 0)):nonzero():reshape(-1)
    S = S:matmul(u:index_select(2, kept) / l:index_select(1, kept):sqrt())
  end
  return S
end

local STALLED = 100 -- steps without any gain: rounding allows none

-- One matrix: Knyazev 2001, "Toward the optimal preconditioned eigensolver", with orthonormal bases.
local function lobpcg_of(A, B, X, p)
  local eps = A.dtype == "f64" and 2.0 ^ -52 or 2.0 ^ -23
  local norm_a, norm_b = A:norm():item(), B and B:norm():item() or 1
  local S, E = X, nil
  local best, best_step = math.huge, 0
  for step = 0, p.niter do
    S = orthonormal(S, B, eps)
    if S:size(2) < p.n then fail("lobpcg: the %d vectors to start with depend on one another", p.n) end
    local l, z = eigh(t(S):matmul(A):matmul(S), false)
    if p.largest then l, z = l:flip(1), z:flip(2) end
    E = l:narrow(1, 1, p.n)
    local new = S:matmul(z:narrow(2, 1, p.n))
    -- What the step added to the old vectors.
    local direction = step > 0 and new - X:matmul(t(X):matmul(B and B:matmul(new) or new)) or nil
    X = new
    local residual = A:matmul(X) - (B and B:matmul(X) or X) * E
    local relative = residual:norm(2, 1) / ((norm_a + E:abs() * norm_b) * X:norm(2, 1))
    local most = relative:narrow(1, 1, p.k):amax():item()
    if most < best then best, best_step = most, step end
    if step == p.niter or most <= p.tol or step - best_step > STALLED then break end
    local w = p.iK and p.iK:matmul(residual) or residual
    S = core.cat({X, w / w:norm(2, 1, true):clamp(1e-300)}, 2)
    if direction then S = core.cat({S, direction / direction:norm(2, 1, true):clamp(1e-300)}, 2) end
  end
  return E:narrow(1, 1, p.k), X:narrow(2, 1, p.k)
end

local function item(x, i) return x and x.ndim > 2 and x[i] or x end

local function lobpcg_all(A, B, X, p)
  if A.ndim == 2 then return lobpcg_of(A, B, X, p) end
  local batch, m = batch_of(A, 2), A:size(-1)
  local flat, values, vectors = A:reshape(-1, m, m), {}, {}
  local b = B and B.ndim > 2 and B:reshape(-1, m, m) or B
  local x = expanded(X, X.ndim > 2 and batch_of(X, 2) or batch, 2):reshape(-1, m, X:size(-1))
  if x:size(1) ~= flat:size(1) then fail("lobpcg: X: expected A's batch, got %s", shape(X)) end
  for i = 1, flat:size(1) do values[i], vectors[i] = lobpcg_of(flat[i], item(b, i), x[i], p) end
  local sizes = {table.unpack(batch)}
  sizes[#sizes + 1] = p.k
  local E = core.stack(values, 1):reshape(sizes)
  sizes[#sizes], sizes[#sizes + 1] = m, p.k
  return E, core.stack(vectors, 1):reshape(sizes)
end

-- By all eigenpairs of A, of which these are the first k from above or below.
local function lobpcg_gradient(A, X, gE, gX, largest)
  local l, v = linalg.eigh((A + t(A)) * 0.5)
  if largest then l, v = l:flip(-1), v:flip(-1) end
  local k = X:size(-1)
  local own = v:narrow(-1, 1, k)
  local sign = (own * X):sum(-2, true):detach():sign()
  local eye = core.eye(A:size(-1), k, {dtype = A.dtype})
  local middle
  if gX then
    local differences = l:narrow(-1, 1, k):unsqueeze(-2) - l:unsqueeze(-1)
    middle = t(v):matmul(gX * sign) / (differences + eye) * (1 - eye)
  end
  if gE then middle = middle and middle + eye * gE:unsqueeze(-2) or eye * gE:unsqueeze(-2) end
  local g = v:matmul(middle):matmul(t(own))
  return (g + t(g)) * 0.5
end

local lobpcg = autograd.Function {
  forward = function(ctx, A, B, X, p)
    local E, vectors = lobpcg_all(A, B, X, p)
    ctx:save(A, vectors, p)
    return E, vectors
  end,
  backward = function(ctx, gE, gX)
    local A, vectors, p = ctx:saved()
    return lobpcg_gradient(A, vectors:detach(), gE, gX, p.largest)
  end,
}

local LOBPCG = {"k", "B", "X", "n", "iK", "niter", "tol", "largest", "method"}

local function check_count(name, value, least)
  if math.type(value) ~= "integer" or value < least then
    fail("lobpcg: %s: expected an integer of at least %d, got %s", name, least, tostring(value))
  end
end

-- The parameters with their defaults.
local function lobpcg_parameters(A, k, B, X, n, iK, niter, tol, largest, method)
  for name, x in pairs {B = B, X = X, iK = iK} do
    if not core.is_tensor(x) or x.dtype ~= A.dtype or x.ndim < 2 or x:size(-2) ~= A:size(-2) then
      fail("lobpcg: %s: expected a %s tensor of %d rows, got %s", name, A.dtype, A:size(-2), arguments.got(x))
    end
  end
  for name, x in pairs {B = B, iK = iK} do
    if x:size(-1) ~= A:size(-1) then fail("lobpcg: %s: expected A's shape, got %s", name, shape(x)) end
  end
  if iK and iK.ndim ~= 2 then fail("lobpcg: iK: expected one matrix, got %s", shape(iK)) end
  if method ~= nil and method ~= "ortho" and method ~= "basic" then
    fail("lobpcg: method: expected 'ortho' or 'basic', got '%s'", tostring(method))
  end
  k = k or X and X:size(-1) or 1
  check_count("k", k, 1)
  n = n or X and X:size(-1) or k
  check_count("n", n, k)
  if X and X:size(-1) ~= n then fail("lobpcg: X: expected %d columns, got %s", n, shape(X)) end
  if A:size(-1) < 3 * n then
    fail("lobpcg: A has %d rows, expected at least three times the %d vectors; use linalg.eigh", A:size(-1), n)
  end
  niter = niter or 1000
  check_count("niter", niter, -1)
  tol = tol or (A.dtype == "f64" and 2.0 ^ -26 or 2.0 ^ -11.5)
  arguments.number("lobpcg", "tol", tol)
  return {k = k, n = n, iK = iK, niter = niter < 0 and math.maxinteger or niter, tol = tol, largest = largest ~= false}
end

--- lobpcg: the k largest (or smallest) eigenvalues of a symmetric A and their vectors, by products with A alone: for
--- k far below A's order; A X = B X E with a B.
---@param A Tensor shape (..., M, M), symmetric
---@param k integer|nil how many; default: X's columns, or 1
---@param B Tensor|nil shape (M, M) or A's: symmetric positive definite
---@param X Tensor|nil shape (M, n) or (..., M, n): where to start; default: random numbers
---@param n integer|nil vectors to work with, at least k; default k. M must be 3 n or more
---@param iK Tensor|nil shape (M, M): a preconditioner, about the inverse of A
---@param niter integer|nil steps at most, default 1000; -1: until it has converged
---@param tol number|nil the relative residual to reach; default: the square root of the dtype's epsilon
---@param largest boolean|nil default true; false: the smallest
---@param method string|nil "ortho" (default) or "basic": both keep orthonormal bases here
---@return Tensor E shape (..., k): from the largest down, or from the smallest up
---@return Tensor X shape (..., M, k): the vectors as columns, of length 1 (under B)
--- The gradient exists without B where no eigenvalue is twice there; backward takes all eigenvalues of A for it.
--- Errors: B requires a gradient, or A with a B.
--- Source: torch.lobpcg; Knyazev 2001.  Example: local E, X = ap.lobpcg(A, 3, {largest = false})
define("lobpcg", function(A, ...)
  check_square("lobpcg", A)
  if A.dtype ~= "f32" and A.dtype ~= "f64" then fail("lobpcg: expected f32 or f64, got %s", A.dtype) end
  local k, B, X, n, iK, niter, tol, largest, method = named("lobpcg", LOBPCG, ...)
  local p = lobpcg_parameters(A, k, B, X, n, iK, niter, tol, largest, method)
  if core.is_grad_enabled() and B and (A.requires_grad or B.requires_grad) then
    fail("lobpcg: there is no gradient with B; use linalg.eigh, or detached tensors")
  end
  X = X and X:detach() or core.randn(A:size(-1), p.n, {dtype = A.dtype, device = A.device})
  return lobpcg(A, B and B:detach() or false, X, p)
end)

return core.define_module(linalg)
