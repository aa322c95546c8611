--- Packed factors, infos, square roots of matrices and lobpcg (stdlib/ops/packed_factors.lua). PyTorch's own samples
--- are in opinfo_test.lua.

local ap = require "apsis"
local samples = require "support.samples"
local linalg = ap.linalg

if require "support.device".name then return end -- all of it stays on the CPU

local g = golden "channels"

local function symmetric(x) return x + x:transpose(-2, -1) end

test("ldl_factor and ldl_solve agree with PyTorch, batches broadcast, gradients are those of B", function()
  local LD, pivots = linalg.ldl_factor(g.sym)
  close(LD, g.ldl, {rtol = 1e-12, atol = 1e-13})
  equal(pivots, g.ldl_pivots)
  close(linalg.ldl_solve(LD, pivots, g.side), g.ldl_solve, {rtol = 1e-11})
  local two = ap.stack({g.sym, g.sym * 2}, 1)
  local LD2, pivots2, info = linalg.ldl_factor_ex(two, {check_errors = true})
  equal(info:totable(), {0, 0})
  close(two:matmul(linalg.ldl_solve(LD2, pivots2, g.side)), g.side:expand(2, 12, 2), {rtol = 1e-9})
  ap.autograd.gradcheck(function(b) return linalg.ldl_solve(LD, pivots, b) end, {g.side:clone():requires_grad_()})
  ap.autograd.gradgradcheck(function(b) return linalg.ldl_solve(LD, pivots, b):square() end,
    {g.side:narrow(2, 1, 1):clone():requires_grad_()})
end)

test("blocks of two on D's diagonal; singular matrices are an error, or an info", function()
  local A = ap.tensor({{0, 1}, {1, 0}}, {dtype = "f64"})
  local LD, pivots = linalg.ldl_factor(A)
  equal(pivots:totable(), {-2, -2})
  close(linalg.ldl_solve(LD, pivots, ap.tensor({{3}, {5}}, {dtype = "f64"})), {{5}, {3}})
  equal(linalg.ldl_factor(ap.zeros(0, 0)).shape, {0, 0})
  raises("linalg.ldl_factor: a matrix is singular", linalg.ldl_factor, ap.zeros(2, 2))
  equal(select(3, linalg.ldl_factor_ex(ap.zeros(2, 2))):item(), 1)
  raises("linalg.ldl_factor_ex: a matrix is singular", linalg.ldl_factor_ex, ap.zeros(2, 2), {check_errors = true})
  raises("contains nan", linalg.ldl_factor, ap.full({2, 2}, 0 / 0))
  raises("has no gradient", linalg.ldl_factor, ap.eye(2):requires_grad_())
end)

test("ldl_solve refuses pivots that LAPACK would follow out of its memory", function()
  local b = ap.ones(3, 1)
  for _, list in ipairs {{9, 2, 3}, {0, 2, 3}, {1, 1, 3}, {-9, -9, 3}, {1, 2, -3}, {-2, -3, 3}, {-1, -1, 3}} do
    raises("linalg.ldl_solve: the pivots of the matrix are none of ldl_factor", linalg.ldl_solve, ap.eye(3),
      ap.tensor(list, {dtype = "i32"}), b)
  end
  raises("linalg.ldl_solve: expected pivots from ldl_factor, got i64", linalg.ldl_solve, ap.eye(3),
    ap.tensor {1, 2, 3}, b)
  raises("linalg.ldl_solve", linalg.ldl_solve, ap.eye(3), ap.tensor({1, 2}, {dtype = "i32"}), b)
end)

test("geqrf's reflectors form Q, and multiply as Q does", function()
  local A = samples.real(2, 4, 3):detach()
  local packed, tau = ap.geqrf(A)
  local Q, R = linalg.householder_product(packed, tau), packed:narrow(2, 1, 3):triu()
  close(Q:matmul(R), A, {atol = 1e-13})
  close(ap.ormqr(packed, tau, A, {transpose = true}):narrow(2, 1, 3), R, {atol = 1e-13})
  equal({ap.geqrf(ap.zeros(0, 3)).shape, select(2, ap.geqrf(ap.zeros(2, 0))).shape}, {{0, 3}, {0}})
  raises("geqrf: has no gradient", ap.geqrf, ap.ones(2, 2, {requires_grad = true}))
end)

test("lu_factor_ex and lu say where U is 0; their gradient is lu_factor's", function()
  local A = ap.tensor({{{1, 2}, {2, 4}}, {{0, 1}, {1, 0}}, {{0, 0}, {0, 0}}}, {dtype = "f64"})
  local _, pivots, info = linalg.lu_factor_ex(A)
  equal({info:totable(), info.dtype, pivots.dtype}, {{2, 0, 1}, "i32", "i32"})
  equal(select(3, ap.lu(A, true, true)), info)
  equal(#{ap.lu(A)}, 2)
  raises("linalg.lu_factor_ex: a matrix is singular", linalg.lu_factor_ex, A, {check_errors = true})
  raises("there is no LU without pivoting", linalg.lu_factor_ex, A, {pivot = false})
  ap.autograd.gradcheck(function(x) return (linalg.lu_factor_ex(x)) end, {samples.real(3, 3)})
end)

test("triangular_solve: either triangle, transposed, with a diagonal of ones", function()
  local A, b = samples.positive(3, 3):detach(), samples.real(3, 2):detach()
  close(A:triu():matmul((ap.triangular_solve(b, A))), b, {atol = 1e-12})
  close(A:tril():t():matmul((ap.triangular_solve(b, A, false, true))), b, {atol = 1e-12})
  close((A:triu(1) + ap.eye(3, {dtype = "f64"})):matmul((b:triangular_solve(A, {unitriangular = true}))), b,
    {atol = 1e-12})
  ap.autograd.gradcheck(function(x, y) return (ap.triangular_solve(y, x:triu())) end,
    {samples.positive(2, 2), samples.real(2, 1)})
end)

test("matrix_sqrth: its square is the matrix; gradients of both orders, also at equal eigenvalues", function()
  local function definite(x) return x:matmul(x:transpose(-2, -1)) + ap.eye(3, {dtype = "f64"}) end
  local A = definite(samples.real(2, 3, 3):detach())
  local X = linalg.matrix_sqrth(A)
  close(X:matmul(X), A, {rtol = 1e-12})
  local function f(x) return linalg.matrix_sqrth(definite(x)) end
  ap.autograd.gradcheck(f, {samples.real(3, 3)})
  ap.autograd.gradgradcheck(f, {samples.real(3, 3)})
  local eye = ap.eye(3, {dtype = "f64", requires_grad = true})
  ap.autograd.gradcheck(function(x) return linalg.matrix_sqrth(symmetric(x)) end, {eye})
  close(linalg.matrix_sqrth(-ap.eye(2)), ap.zeros(2, 2))
end)

test("lobpcg finds the outermost eigenvalues, with a B and a batch too", function()
  ap.manual_seed(4)
  local E, X = ap.lobpcg(g.sym, 2, {n = 3, tol = 1e-12})
  close(E, g.largest, {rtol = 1e-12})
  close(g.sym:matmul(X), X * E, {atol = 1e-9})
  close((ap.lobpcg(g.sym, {k = 2, largest = false, tol = 1e-12})), g.smallest, {rtol = 1e-12})
  local B = ap.eye(12, {dtype = "f64"}) * 2
  close((ap.lobpcg(g.sym, 2, B, {tol = 1e-12})), g.largest / 2, {rtol = 1e-12})
  local all, vectors = ap.lobpcg(ap.stack({g.sym, g.sym * 3}, 1), 1, {tol = 1e-12})
  close(all, ap.stack({g.largest:narrow(1, 1, 1), g.largest:narrow(1, 1, 1) * 3}, 1), {rtol = 1e-12})
  equal(vectors.shape, {2, 12, 1})
  local single = ap.lobpcg(g.sym:to "f32", 1)
  close(single:to "f64", g.largest:narrow(1, 1, 1), {rtol = 1e-5})
end)

test("lobpcg: gradients of the values and the vectors", function()
  ap.manual_seed(4)
  local X = ap.randn(6, 1, {dtype = "f64"})
  local function f(x)
    local E, V = ap.lobpcg(symmetric(x), 1, {X = X, tol = 1e-14})
    return E, V * V:detach():select(1, 1):sign()
  end
  local A = samples.real(6, 6)
  ap.autograd.gradcheck(f, {A})
  ap.autograd.gradgradcheck(f, {A}, {atol = 1e-4})
end)

test("lobpcg: what it cannot do", function()
  raises("lobpcg: A has 4 rows, expected at least three times the 2 vectors", ap.lobpcg, ap.eye(4), 2)
  raises("lobpcg: k: expected an integer of at least 1, got 0", ap.lobpcg, ap.eye(4), 0)
  raises("lobpcg: the 2 vectors to start with depend on one another", ap.lobpcg, ap.eye(8), 2, {X = ap.ones(8, 2)})
  raises("lobpcg: method: expected 'ortho' or 'basic'", ap.lobpcg, ap.eye(8), {method = "fast"})
  raises("lobpcg: there is no gradient with B", ap.lobpcg, ap.eye(8):requires_grad_(), 1, ap.eye(8))
  raises("lobpcg: expected square matrices", ap.lobpcg, ap.ones(2, 3))
end)
