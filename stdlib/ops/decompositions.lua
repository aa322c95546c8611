--- ap.linalg, part 2: QR, SVD, eigenvalues, pseudoinverse and least squares: f32 and f64, on the CPU alone. LAPACK
--- computes them, where it is installed (it is opened when it is first needed); qr, eigh and the svd of small matrices
--- do without it, except that the vectors of large symmetric matrices come faster with it. NaN and infinities are an
--- error that names the matrix (except in qr), and so is a matrix on which an iteration did not converge. A batch is
--- spread over threads, one matrix is not; Ctrl-C waits for the matrix at hand.
---
--- There is no complex dtype: what is complex (eig, eigvals) comes in PyTorch's view_as_real layout, a last dimension
--- of two, real and imaginary part.
local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"
local autograd = require "apsis.autograd"
local rule, rule_joint, define = core.rule, core.rule_joint, core.define
local named, fail, check_matrix, shape = arguments.named, arguments.fail, arguments.matrices, arguments.shape
local linalg = core.linalg

local qr, svd, svdvals = core["linalg.qr"], core["linalg.svd"], core["linalg.svdvals"]
local eigh, eigvalsh = core["linalg.eigh"], core["linalg.eigvalsh"]
local eig, eigvals = core["linalg.eig"], core["linalg.eigvals"]
local lstsq, solve, solve_triangular = core["linalg.lstsq"], core["linalg.solve"], core["linalg.solve_triangular"]

local function t(x) return x:transpose(-2, -1) end

-- A matrix with x on its diagonal.
local function embed(x)
  return x:unsqueeze(-1) * core.eye(x:size(-1), {dtype = x.dtype, device = x.device})
end

local function zeros_of(a, g) return core.zeros(a:size(), {dtype = a.dtype, device = g.device}) end

-- --- QR ---------------------------------------------------------------------------------------------------------

-- Liao, Liu, Wang, Xiang 2019, "Differentiable programming tensor networks": A has full rank and at least as many rows
-- as columns.
local function qr_gradient(gq, gr, q, r)
  local m
  if gr then m = r:matmul(t(gr)) end
  if gq then m = m and m - t(gq):matmul(q) or -t(gq):matmul(q) end
  local right = q:matmul(m:tril() + t(m:tril(-1)))
  if gq then right = right + gq end
  return t(solve_triangular(r, t(right), true, false))
end

rule("linalg.qr", "1y", function(g, y, a, mode)
  if mode == "r" then
    fail("linalg.qr: no gradient with mode 'r': it needs Q; use reduced")
  end
  local m, n = a:size(-2), a:size(-1)
  if mode == "complete" and m > n then
    fail("linalg.qr: no gradient with mode 'complete' for more rows than columns; use reduced")
  end
  local gq, gr, q, r = g[1], g[2], y[1], y[2]
  if a:numel() == 0 then return zeros_of(a, gq or gr) end
  if m >= n then return qr_gradient(gq, gr, q, r) end
  -- A = [X Y], R = [U V]: X = Q U, and Y = Q V follows.
  local beside
  local gu = gr and gr:narrow(-1, 1, m)
  if gr then
    local gv = gr:narrow(-1, m + 1, n - m)
    beside = q:matmul(gv)
    local of_q = a:narrow(-1, m + 1, n - m):matmul(t(gv))
    gq = gq and gq + of_q or of_q
  end
  local gx = qr_gradient(gq, gu, q, r:narrow(-1, 1, m))
  return core.cat({gx, beside or core.zeros_like(a:narrow(-1, m + 1, n - m))}, -1)
end)

--- qr: A = Q R, Q orthogonal, R upper triangular.
---@param A Tensor shape (..., M, N)
---@param mode string|nil "reduced" (default): Q (..., M, K), R (..., K, N) with K = min(M, N); "complete": (..., M, M)
---       and (..., M, N); "r": Q is empty
---@return Tensor Q
---@return Tensor R
--- Gradients: of full-rank matrices; not with mode "r", nor "complete" where M > N.
--- Source: torch.linalg.qr.
function linalg.qr(A, ...)
  check_matrix("linalg.qr", A)
  local mode = named("linalg.qr", {"mode"}, ...)
  if mode == "r" then return core.zeros({0}, {dtype = A.dtype, device = A.device}), (qr(A, mode)) end
  return qr(A, mode)
end

-- --- SVD --------------------------------------------------------------------------------------------------------

-- D divided by the differences s_j^2 - s_i^2 (or s_j - s_i) off the diagonal; the diagonal as it is.
local function over_differences(d, s)
  local difference = s:unsqueeze(-2) - s:unsqueeze(-1)
  return d / (difference + core.eye(s:size(-1), {dtype = s.dtype, device = s.device}))
end

local function skew(x) return x - t(x) end

-- Townsend 2016, "Differentiating the singular value decomposition".
rule("linalg.svd", "y", function(g, y, a)
  local s = y[2]
  local m, n, k = a:size(-2), a:size(-1), s:size(-1)
  local gu, gs, gvh = g[1], g[2], g[3]
  if k == 0 then return zeros_of(a, gu or gs or gvh) end
  -- What full_matrices adds to U and Vh is arbitrary and has no gradient.
  local u, vh = y[1]:narrow(-1, 1, k), y[3]:narrow(-2, 1, k)
  gu, gvh = gu and gu:narrow(-1, 1, k), gvh and gvh:narrow(-2, 1, k)
  if not gu and not gvh then return (u * gs:unsqueeze(-2)):matmul(vh) end
  local middle, s2 = nil, s * s
  if gu then middle = over_differences(skew(t(u):matmul(gu)), s2) * s:unsqueeze(-2) end
  if gvh then
    local of_v = s:unsqueeze(-1) * over_differences(skew(vh:matmul(t(gvh))), s2)
    middle = middle and middle + of_v or of_v
  end
  if gs then middle = middle + embed(gs) end
  local ga = u:matmul(middle):matmul(vh)
  if gu and m > k then
    local scaled = gu / s:unsqueeze(-2)
    ga = ga + (scaled - u:matmul(t(u):matmul(scaled))):matmul(vh)
  end
  if gvh and n > k then
    local scaled = gvh / s:unsqueeze(-1)
    ga = ga + u:matmul(scaled - scaled:matmul(t(vh)):matmul(vh))
  end
  return ga
end)

rule("linalg.svdvals", "1", function(g, _, a)
  if a:numel() == 0 then return zeros_of(a, g) end
  local u, _, vh = svd(a, false)
  return (u * g:unsqueeze(-2)):matmul(vh)
end)

--- svd: A = U diag(S) Vh.
---@param A Tensor shape (..., M, N)
---@param options {full_matrices: boolean}|nil default true: square U and Vh; false: only the first K = min(M, N)
---       columns and rows
---@return Tensor U shape (..., M, M) or (..., M, K)
---@return Tensor S shape (..., K), from the largest down
---@return Tensor Vh shape (..., N, N) or (..., K, N)
--- The gradients of U and Vh exist where no two singular values are equal, and mean something only for functions that
--- do not change with the signs of the singular vectors. Those of S alone always exist.
--- Source: torch.linalg.svd.  Example: local U, S, Vh = ap.linalg.svd(A, {full_matrices = false})
function linalg.svd(A, ...)
  check_matrix("linalg.svd", A)
  local full = named("linalg.svd", {"full_matrices"}, ...)
  return svd(A, full ~= false)
end

--- svdvals: the singular values, from the largest down.
---@param A Tensor shape (..., M, N)
---@return Tensor shape (..., min(M, N))
--- Source: torch.linalg.svdvals.
function linalg.svdvals(A)
  check_matrix("linalg.svdvals", A)
  return svdvals(A)
end

--- svd: A = U diag(S) V^T, as torch.svd gives it: V, not Vh, and reduced by default.
---@param A Tensor shape (..., M, N)
---@param some boolean|nil default true: only the first min(M, N) columns
---@return Tensor U
---@return Tensor S
---@return Tensor V
--- Source: torch.svd; new code uses linalg.svd.
define("svd", function(A, ...)
  check_matrix("svd", A)
  local some = named("svd", {"some"}, ...)
  local u, s, vh = svd(A, some == false)
  return u, s, t(vh)
end)
--- qr: A = Q R, as linalg.qr.
---@param A Tensor shape (..., M, N)
---@param mode string|nil as of linalg.qr
---@return Tensor Q
---@return Tensor R
--- Source: torch.qr; new code uses linalg.qr.
define("qr", function(A, ...)
  check_matrix("qr", A)
  return linalg.qr(A, ...)
end)

-- --- symmetric eigenvalues --------------------------------------------------------------------------------------

rule("linalg.eigh", "y", function(g, y, a)
  local gl, gv, l, v = g[1], g[2], y[1], y[2]
  if a:numel() == 0 then return zeros_of(a, gl or gv) end
  if not gv then return (v * gl:unsqueeze(-2)):matmul(t(v)) end
  local middle = over_differences(skew(t(v):matmul(gv)) * 0.5, l)
  if gl then middle = middle + embed(gl) end
  return v:matmul(middle):matmul(t(v))
end)

rule("linalg.eigvalsh", "1", function(g, _, a, upper)
  if a:numel() == 0 then return zeros_of(a, g) end
  local _, v = eigh(a, upper)
  return (v * g:unsqueeze(-2)):matmul(t(v))
end)

local function is_upper(op, UPLO)
  if UPLO == nil or UPLO == "L" then return false end
  if UPLO == "U" then return true end
  fail("%s: UPLO: expected 'L' or 'U', got %s", op, tostring(UPLO))
end

--- eigh: eigenvalues and eigenvectors of symmetric matrices, of which one triangle is read.
---@param A Tensor shape (..., N, N)
---@param options {UPLO: string}|nil "L" (default) or "U": the triangle
---@return Tensor L shape (..., N), ascending
---@return Tensor Q shape (..., N, N): the eigenvectors are its columns
--- The gradient of Q exists where no two eigenvalues are equal, and means something only for functions that do not
--- change with the signs of the eigenvectors. Gradients are symmetric.
--- Source: torch.linalg.eigh.  Example: (ap.linalg.eigh(ap.tensor{{2.0, 1}, {1, 2}})) --> [1, 3]
function linalg.eigh(A, ...)
  check_matrix("linalg.eigh", A)
  local UPLO = named("linalg.eigh", {"UPLO"}, ...)
  return eigh(A, is_upper("linalg.eigh", UPLO))
end

--- eigvalsh: the eigenvalues of symmetric matrices, ascending.
---@param A Tensor shape (..., N, N)
---@param options {UPLO: string}|nil "L" (default) or "U": the triangle that is read
---@return Tensor shape (..., N)
--- Source: torch.linalg.eigvalsh.
function linalg.eigvalsh(A, ...)
  check_matrix("linalg.eigvalsh", A)
  local UPLO = named("linalg.eigvalsh", {"UPLO"}, ...)
  return eigvalsh(A, is_upper("linalg.eigvalsh", UPLO))
end

-- --- general eigenvalues: complex numbers as {re, im} ------------------------------------------------------------

local function parts(x) return {x:select(-1, 1), x:select(-1, 2)} end

local function c_matmul(a, b)
  return {a[1]:matmul(b[1]) - a[2]:matmul(b[2]), a[1]:matmul(b[2]) + a[2]:matmul(b[1])}
end

local function adjoint(a) return {t(a[1]), -t(a[2])} end

-- inverse(A) B: [Re A, -Im A; Im A, Re A] [Re X; Im X] = [Re B; Im B].
local function c_solve(a, b)
  local n = a[1]:size(-1)
  local block = core.cat({core.cat({a[1], -a[2]}, -1), core.cat({a[2], a[1]}, -1)}, -2)
  local x = solve(block, core.cat({b[1], b[2]}, -2))
  return {x:narrow(-2, 1, n), x:narrow(-2, n + 1, n)}
end

-- Boeddeker et al. 2017, "On the computation of complex-valued gradients": inverse(V)^H (diag(gl) + (V^H gV - V^H V
-- diag(Re V^H gV)) / E) V^H, where E_ij is the conjugate of l_j - l_i.
local function eig_gradient(gl, gv, l, v)
  local vh, middle = adjoint(v), nil
  if gv then
    local d = c_matmul(vh, gv)
    local real = d[1]:diagonal(0, -2, -1):unsqueeze(-2)
    local fixed = c_matmul(vh, {v[1] * real, v[2] * real})
    local re, im = d[1] - fixed[1], d[2] - fixed[2]
    local e_re = l[1]:unsqueeze(-2) - l[1]:unsqueeze(-1)
    local e_im = l[2]:unsqueeze(-1) - l[2]:unsqueeze(-2) -- conjugated
    e_re = e_re + core.eye(l[1]:size(-1), {dtype = e_re.dtype, device = e_re.device})
    local size = e_re * e_re + e_im * e_im
    middle = {(re * e_re + im * e_im) / size, (im * e_re - re * e_im) / size}
    -- The diagonal: a change of length or phase, which normalisation undoes.
    local off = 1 - core.eye(l[1]:size(-1), {dtype = e_re.dtype, device = e_re.device})
    middle = {middle[1] * off, middle[2] * off}
  end
  if gl then
    local d = {embed(gl[1]), embed(gl[2])}
    middle = middle and {middle[1] + d[1], middle[2] + d[2]} or d
  end
  return c_solve(vh, c_matmul(middle, vh))[1] -- A is real
end

rule("linalg.eig", "y", function(g, y, a)
  if a:numel() == 0 then return zeros_of(a, g[1] or g[2]) end
  return eig_gradient(g[1] and parts(g[1]), g[2] and parts(g[2]), parts(y[1]), parts(y[2]))
end)

rule("linalg.eigvals", "1", function(g, _, a)
  if a:numel() == 0 then return zeros_of(a, g) end
  local l, v = eig(a)
  return eig_gradient(parts(g), nil, parts(l), parts(v))
end)

--- eig: eigenvalues and eigenvectors of square matrices. They are complex: a last dimension of 2 holds real and
--- imaginary part, as torch.view_as_real lays them out.
---@param A Tensor shape (..., N, N)
---@return Tensor L shape (..., N, 2), in no order
---@return Tensor V shape (..., N, N, 2): the eigenvectors are its columns, of length 1
--- The gradient of V exists where the eigenvalues differ, and means something only for functions that do not change
--- with the phases of the eigenvectors.
--- Source: torch.linalg.eig.
function linalg.eig(A)
  check_matrix("linalg.eig", A)
  return eig(A)
end

--- eigvals: the eigenvalues of square matrices, as eig gives them.
---@param A Tensor shape (..., N, N)
---@return Tensor shape (..., N, 2): real and imaginary part
--- Source: torch.linalg.eigvals.
function linalg.eigvals(A)
  check_matrix("linalg.eigvals", A)
  return eigvals(A)
end

-- --- pseudoinverse and least squares ------------------------------------------------------------------------------

-- Golub and Pereyra 1973: the gradient of P = pinv(A), where A keeps its rank.
local function pinv_gradient(g, p, a)
  local gt, pt = t(g), t(p)
  if a:size(-2) <= a:size(-1) then
    local k = gt:matmul(p)
    local kpt = k:matmul(pt)
    return -t(p:matmul(k)) + kpt - a:matmul(p):matmul(kpt) + pt:matmul(p):matmul(gt - k:matmul(a))
  end
  local k = p:matmul(gt)
  local ptk = pt:matmul(k)
  return -t(k:matmul(p)) + (gt - a:matmul(k)):matmul(p):matmul(pt) + ptk - ptk:matmul(p):matmul(a)
end

-- atol and rtol are numbers, or tensors that broadcast to the batch.
local function check_tolerance(op, name, given)
  if given ~= nil and type(given) ~= "number" and not core.is_tensor(given) then
    fail("%s: %s: expected a number or a tensor, got a %s", op, name, type(given))
  end
  return core.is_tensor(given) and given:unsqueeze(-1) or given
end

-- The singular values up to this count as 0: PyTorch's default, the larger of atol and rtol times the largest.
local function tolerance(a, largest, atol, rtol)
  local eps = a.dtype == "f64" and 2.220446049250313e-16 or 1.1920928955078125e-07
  if rtol == nil then
    local given = atol ~= nil and (core.is_tensor(atol) or atol > 0)
    rtol = given and 0 or math.max(a:size(-2), a:size(-1)) * eps
  end
  return core.maximum(largest * rtol, core.is_tensor(atol) and atol or core.full_like(largest, atol or 0))
end

local function pseudoinverse(a, atol, rtol, hermitian)
  if a:numel() == 0 then return core.zeros_like(t(a)) end
  local u, s, vh
  if hermitian then
    u, s = eigh(a, false)
    u, s, vh = s, u, t(s)
  else
    u, s, vh = svd(a, false)
  end
  local size = s:abs()
  local keep = size:gt(tolerance(a, size:amax(-1, true), atol, rtol))
  local reciprocal = core.where(keep, 1 / core.where(keep, s, 1), 0)
  return (t(vh) * reciprocal:unsqueeze(-2)):matmul(t(u))
end

local pinv = autograd.Function {
  forward = function(ctx, a, atol, rtol, hermitian)
    local p = pseudoinverse(a, atol, rtol, hermitian)
    ctx:save(a, p)
    return p
  end,
  backward = function(ctx, g)
    local a, p = ctx:saved()
    return pinv_gradient(g, p, a)
  end,
}

--- pinv: the Moore-Penrose pseudoinverse.
---@param A Tensor shape (..., M, N)
---@param options {atol: number|Tensor|nil, rtol: number|Tensor|nil, hermitian: boolean?}|nil singular values up to
---       max(atol, rtol times the largest) count as 0; rtol: max(M, N) times the dtype's epsilon, or 0 where atol is
---       given; hermitian: A is symmetric
---@return Tensor shape (..., N, M)
--- Its gradient exists where the rank does not change.
--- Source: torch.linalg.pinv.
function linalg.pinv(A, ...)
  check_matrix("linalg.pinv", A)
  local atol, rtol, hermitian = named("linalg.pinv", {"atol", "rtol", "hermitian"}, ...)
  atol, rtol = check_tolerance("linalg.pinv", "atol", atol), check_tolerance("linalg.pinv", "rtol", rtol)
  return (pinv(A, atol, rtol, hermitian))
end

--- pinverse: pinv under its older name and with its older parameter.
---@param A Tensor shape (..., M, N)
---@param rcond number|nil singular values up to rcond times the largest count as 0; default 1e-15
---@return Tensor shape (..., N, M)
--- Source: torch.pinverse.
define("pinverse", function(A, rcond)
  check_matrix("pinverse", A)
  return (pinv(A, nil, check_tolerance("pinverse", "rcond", rcond)))
end)

--- matrix_rank: how many singular values count as more than 0.
---@param A Tensor shape (..., M, N)
---@param options {atol: number?, rtol: number?, hermitian: boolean?}|nil as for pinv
---@return Tensor i64, shape (...)
--- Source: torch.linalg.matrix_rank.
function linalg.matrix_rank(A, ...)
  check_matrix("linalg.matrix_rank", A)
  local atol, rtol, hermitian = named("linalg.matrix_rank", {"atol", "rtol", "hermitian"}, ...)
  atol, rtol = check_tolerance("linalg.matrix_rank", "atol", atol), check_tolerance("linalg.matrix_rank", "rtol", rtol)
  return core.no_grad(function()
    local s = hermitian and eigvalsh(A, false):abs() or svdvals(A)
    if s:numel() == 0 then return s:sum(-1):to("i64") end
    return s:gt(tolerance(A, s:amax(-1, true), atol, rtol)):sum(-1)
  end)
end

rule_joint("linalg.lstsq", "12y", function(needs, g, _, a, b)
  if not g[1] then return nil end
  local p = pinv(a)
  return needs[1] and pinv_gradient(g[1]:matmul(t(b)), p, a) or nil, needs[2] and t(p):matmul(g[1]) or nil
end)

local function expand_batch(x, batch)
  local size = {table.unpack(batch)}
  size[#size + 1], size[#size + 2] = x:size(-2), x:size(-1)
  return x:expand(size)
end

local function batch_of(op, a, b)
  local size, d_a, d_b = {}, a.ndim - 2, b.ndim - 2
  local n = math.max(d_a, d_b)
  for d = 1, n do
    local i, j = d - n + d_a, d - n + d_b
    local p, q = i >= 1 and a:size(i) or 1, j >= 1 and b:size(j) or 1
    if p ~= q and p ~= 1 and q ~= 1 then
      fail("%s: %s and %s: batch sizes %d and %d do not broadcast", op, shape(a), shape(b), p, q)
    end
    size[d] = p == 1 and q or p
  end
  return size
end

--- lstsq: the X that makes |A X - B| least, and of those the one of least norm.
---@param A Tensor shape (..., M, N)
---@param B Tensor shape (..., M, K), or (M) or (..., M) of A's batch: vectors
---@param options {rcond: number?, driver: string?}|nil driver: "gelsy" (default; a pivoted QR), "gelsd" or "gelss" (by
---       SVD), "gels" (a QR that expects full rank); singular values below rcond times the largest count as 0 (default:
---       max(M, N) times the dtype's epsilon)
---@return Tensor solution shape (..., N, K), or of vectors
---@return Tensor residuals shape (..., K): the sums of squares, where M > N and all matrices have full rank; else
---       empty
---@return Tensor rank i64, shape (...): as the driver sees it
---@return Tensor singular_values shape (..., min(M, N)) with gelsd and gelss; else empty
--- Gradients: of the solution, where A has full rank.
--- Source: torch.linalg.lstsq.
function linalg.lstsq(A, B, ...)
  local op = "linalg.lstsq"
  check_matrix(op, A)
  arguments.tensors(op, A, B)
  local rcond, driver = named(op, {"rcond", "driver"}, ...)
  local vector = arguments.is_vectors(A, B)
  local b = vector and B:unsqueeze(-1) or B
  check_matrix(op, b)
  local batch = batch_of(op, A, b)
  A, b = expand_batch(A, batch), expand_batch(b, batch)
  local eps = A.dtype == "f64" and 2.220446049250313e-16 or 1.1920928955078125e-07
  local m, n = A:size(-2), A:size(-1)
  local x, rank, singular = lstsq(A, b, rcond or math.max(m, n) * eps, driver)
  local residuals = core.zeros({0}, {dtype = A.dtype, device = A.device})
  if m > n and rank:eq(n):all():item() then
    local r = A:matmul(x) - b
    residuals = (r * r):sum(-2)
  end
  if vector then x = x:squeeze(-1) end
  return x, residuals, rank, singular
end

return core.define_module(linalg)
