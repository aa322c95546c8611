-- Linear algebra against PyTorch's values (tests/golden/linalg.py) in every layout, gradients of gradients against
-- finite differences, and input that has no answer.
local ap = require "apsis"
local device = require "support.device"
local linalg, gradcheck, gradgradcheck = ap.linalg, ap.autograd.gradcheck, ap.autograd.gradgradcheck

local CLOSE = {rtol = 1e-9, atol = 1e-10}
local F64 = {dtype = "f64"}

local function t(x) return x:transpose(-2, -1) end
local function sym(x) return (x + t(x)) / 2 end

-- The same values through other memory.
local LAYOUTS = require "support.layouts".pick("contiguous", "columns", "strided", "batch_last")

local function weights(y) return ap.arange(1, y:numel()):to(y.dtype):to(y.device):cos():reshape(y:size()) end

-- Values and gradients of f at the golden inputs of that name, in each layout.
local function agrees(name, f, options)
  local g = golden "linalg"
  for layout, make in pairs(LAYOUTS) do
    local inputs = {}
    while g[("%s/in%d"):format(name, #inputs + 1)] do
      inputs[#inputs + 1] = make(g[("%s/in%d"):format(name, #inputs + 1)]):requires_grad_()
    end
    truth(#inputs > 0, "no golden values of " .. name)
    local results, total = table.pack(f(table.unpack(inputs))), nil
    for i = 1, results.n do
      local y = results[i]
      close(y:detach(), g[("%s/out%d"):format(name, i)],
        {rtol = CLOSE.rtol, atol = CLOSE.atol, what = ("%s, %s, result %d"):format(name, layout, i)})
      if y.requires_grad then
        local sum = (y * weights(y)):sum()
        total = total and total + sum or sum
      end
    end
    if total and g[name .. "/grad1"] then
      local grads = ap.autograd.grad({total}, inputs, {allow_unused = true})
      for i, x in ipairs(inputs) do
        close(grads[i] or ap.zeros_like(x:detach()), g[("%s/grad%d"):format(name, i)],
          {rtol = 1e-7, atol = 1e-8, what = ("%s, %s, gradient %d"):format(name, layout, i)})
      end
    end
    if options and options.once then break end
  end
end

-- Absolute values of all results.
local function sizes_of(f)
  return function(...)
    local results = table.pack(f(...))
    for i = 1, results.n do results[i] = results[i]:abs() end
    return table.unpack(results, 1, results.n)
  end
end

-- Eigenvalues (and the sizes of the vectors' elements) in the order that the golden script gives them.
local function ordered(w)
  return (w:select(-1, 1) + w:select(-1, 2) * 0.1):detach():argsort(-1)
end
local function eig_ordered(a)
  local w, v = linalg.eig(a)
  local order, n = ordered(w), a:size(-1)
  local size, pair = a:size(), w:size()
  local lengths = v:select(-1, 1) ^ 2 + v:select(-1, 2) ^ 2
  return w:gather(-2, order:unsqueeze(-1):expand(pair)),
    lengths:gather(-1, order:unsqueeze(-2):expand(size)), n
end

-- Those that factor: on the CPU alone.
local FACTORS = {
  solve = linalg.solve,
  solve_vector = linalg.solve,
  solve_broadcast = linalg.solve,
  solve_right = function(a, b) return linalg.solve(a, b, {left = false}) end,
  inv = linalg.inv,
  det = linalg.det,
  det_singular = linalg.det,
  slogdet = linalg.slogdet,
  logdet = ap.logdet,
  cholesky = function(a) return linalg.cholesky(sym(a)) end,
  cholesky_upper = function(a) return linalg.cholesky(sym(a), {upper = true}) end,
  cholesky_solve = function(b, l) return ap.cholesky_solve(b, l) end,
  cholesky_inverse = function(l) return ap.cholesky_inverse(l) end,
  qr_complete = sizes_of(function(a) return linalg.qr(a, "complete") end),
  pinv_hermitian = function(a) return linalg.pinv(sym(a), {hermitian = true}) end,
  eigh = sizes_of(function(a) return linalg.eigh(sym(a)) end),
  eigvalsh = function(a) return linalg.eigvalsh(sym(a), {UPLO = "U"}) end,
  eig = function(a)
    local w, v = eig_ordered(a)
    return w, v
  end,
  eigvals = function(a)
    local w = linalg.eigvals(a)
    return w:gather(-2, ordered(w):unsqueeze(-1):expand(w:size()))
  end,
  lstsq_square = function(a, b) return (linalg.lstsq(a, b)) end,
  lstsq_tall = function(a, b) return (linalg.lstsq(a, b)) end,
  lstsq_wide = function(a, b) return (linalg.lstsq(a, b, {driver = "gelsd"})) end,
  tensorinv = linalg.tensorinv,
  tensorsolve = linalg.tensorsolve,
}
for _, upper in ipairs {false, true} do
  for _, unit in ipairs {false, true} do
    for _, left in ipairs {false, true} do
      FACTORS[("solve_triangular_%s_%s_%s"):format(upper, unit, left)] = function(a, b)
        return linalg.solve_triangular(a, b, {upper = upper, unitriangular = unit, left = left})
      end
    end
  end
end
for _, adjoint in ipairs {false, true} do
  for _, left in ipairs {false, true} do
    FACTORS[("lu_solve_%s_%s"):format(adjoint, left)] = function(lu, b)
      return linalg.lu_solve(lu, golden("linalg")["lu_solve/pivots"], b, {adjoint = adjoint, left = left})
    end
  end
end
for _, form in ipairs {"square", "wide", "tall"} do
  FACTORS["lu_" .. form] = linalg.lu
  FACTORS["lu_factor_" .. form] = linalg.lu_factor
  FACTORS["qr_" .. form] = sizes_of(linalg.qr)
  FACTORS["svd_" .. form] = sizes_of(function(a) return linalg.svd(a, {full_matrices = false}) end)
  FACTORS["svdvals_" .. form] = linalg.svdvals
  FACTORS["pinv_" .. form] = linalg.pinv
end

-- Compositions: on every device.
local EVERYWHERE = {
  norm_none = linalg.norm,
  norm_matrix_1 = function(x) return linalg.norm(x, 1) end,
  norm_vector_3 = function(x) return linalg.norm(x, {ord = 3, dim = 2}) end,
  vector_norm = function(x) return linalg.vector_norm(x, {ord = 1.5, dim = {1, 3}, keepdim = true}) end,
  matrix_exp = linalg.matrix_exp,
  multi_dot = function(...) return linalg.multi_dot {...} end,
  chain_matmul = ap.chain_matmul,
  cross = linalg.cross,
  cross_dim = function(a, b) return linalg.cross(a, b, {dim = 1}) end,
  vecdot = linalg.vecdot,
  vander = function(x) return linalg.vander(x, {N = 4}) end,
  tensordot = function(a, b) return ap.tensordot(a, b, 2) end,
  tensordot_lists = function(a, b) return ap.tensordot(a, b, {{3, 1}, {2, 3}}) end,
  tensordot_0 = function(a, b) return ap.tensordot(a, b, {dims = 0}) end,
  kron = ap.kron,
  kron_uneven = ap.kron,
  inner = ap.inner,
  inner_scalar = ap.inner,
  vdot = ap.vdot,
  trace = ap.trace,
  cdist_products = ap.cdist,
}
for _, name in ipairs {"addr", "addbmm", "addmm", "addmv", "baddbmm"} do
  EVERYWHERE[name] = function(m, a, b) return ap[name](m, a, b, {alpha = 2, beta = 0.5}) end
end
for name, p in pairs {["0"] = 0, ["0.5"] = 0.5, ["1"] = 1, ["1.5"] = 1.5, ["2"] = 2, ["3"] = 3, inf = math.huge} do
  EVERYWHERE["cdist_" .. name] = function(a, b) return ap.cdist(a, b, p) end
end
for _, n in ipairs {0, 1, 2, 5} do
  EVERYWHERE["matrix_power_" .. n] = function(a) return linalg.matrix_power(a, n) end
end
for _, n in ipairs {-3, -1} do
  FACTORS["matrix_power_" .. n] = function(a) return linalg.matrix_power(a, n) end
end
for name, ord in pairs {fro = "fro", nuc = "nuc", inf = math.huge, ["-inf"] = -math.huge, ["1"] = 1, ["-1"] = -1,
                        ["2"] = 2, ["-2"] = -2} do
  local group = (name == "nuc" or name == "2" or name == "-2") and FACTORS or EVERYWHERE
  group["matrix_norm_" .. name] = function(a) return linalg.matrix_norm(a, ord) end
  group[("matrix_norm_%s_dims"):format(name)] = function(a)
    return linalg.matrix_norm(a, {ord = ord, dim = {1, 3}, keepdim = true})
  end
  FACTORS["cond_" .. name] = function(a) return linalg.cond(a, ord) end
end

for name, f in pairs(EVERYWHERE) do
  test(name .. ": values and gradients agree with PyTorch in every layout", function() agrees(name, f) end)
end

if device.name then
  test("what factors says on a device that it stays on the CPU", function()
    raises("linalg.solve: .*cpu", function() linalg.solve(ap.eye(2), ap.ones(2)) end)
    raises("linalg.svd: .*cpu", function() linalg.svd(ap.eye(2)) end)
    raises("linalg.cholesky: .*cpu", function() linalg.cholesky(ap.eye(2)) end)
    raises("linalg.inv: .*cpu", function() linalg.matrix_power(ap.eye(2), -1) end)
  end)
  return
end

for name, f in pairs(FACTORS) do
  test(name .. ": values and gradients agree with PyTorch in every layout", function() agrees(name, f) end)
end

-- --- what must hold, at sizes that take every road ------------------------------------------------------------------

local SIZES = {1, 2, 3, 15, 16, 17, 31, 33, 48, 64, 65, 130}

local function identity(n, dtype) return ap.eye(n, {dtype = dtype}) end

test("solve, inv, lu and det hold at every size, in f32 and f64", function()
  ap.manual_seed(3)
  for _, dtype in ipairs {"f64", "f32"} do
    local small = dtype == "f64" and 1e-9 or 2e-2
    for _, n in ipairs(SIZES) do
      local a = ap.randn(n, n, F64):to(dtype) + identity(n, dtype) * 3
      local b = ap.randn(n, 5, F64):to(dtype)
      local what = ("%s, %d"):format(dtype, n)
      close(a:matmul(linalg.solve(a, b)), b, {atol = small, what = what})
      close(t(a):matmul(linalg.solve(t(a), b)), b, {atol = small, what = what .. ", transposed"})
      close(a:matmul(linalg.solve(a, b:select(2, 1))), b:select(2, 1), {atol = small, what = what .. ", a vector"})
      close(linalg.inv(a):matmul(a), identity(n, dtype), {atol = small, what = what .. ", inverse"})
      local p, l, u = linalg.lu(a)
      close(p:matmul(l):matmul(u), a, {atol = small, what = what .. ", P L U"})
      local lu, pivots = linalg.lu_factor(a)
      close(t(a):matmul(linalg.lu_solve(lu, pivots, b, {adjoint = true})), b, {atol = small, what = what})
      local sign, logabsdet = linalg.slogdet(a)
      truth(sign:abs():item() == 1)
      close(logabsdet, u:diagonal():abs():log():sum(), {rtol = 1e-4, atol = 1e-4, what = what .. ", determinant"})
    end
  end
end)

test("lu of wide and tall matrices holds at every size", function()
  ap.manual_seed(4)
  for _, m in ipairs {1, 5, 16, 17, 40, 70} do
    for _, n in ipairs {1, 5, 16, 17, 40, 70} do
      local a = ap.randn(2, m, n, F64)
      local p, l, u = linalg.lu(a)
      close(p:matmul(l):matmul(u), a, {atol = 1e-11, what = ("%dx%d"):format(m, n)})
      truth(l:abs():amax():item() <= 1, "pivoting keeps L small")
    end
  end
end)

test("cholesky and triangular systems hold at every size, in f32 and f64, from both triangles", function()
  ap.manual_seed(5)
  for _, dtype in ipairs {"f64", "f32"} do
    local small = dtype == "f64" and 1e-9 or 1e-3
    for _, n in ipairs(SIZES) do
      local x = ap.randn(n, n, F64):to(dtype) / math.sqrt(n)
      local a = x:matmul(t(x)) + identity(n, dtype)
      local what = ("%s, %d"):format(dtype, n)
      local l, u = linalg.cholesky(a:tril()), linalg.cholesky(a:triu(), {upper = true})
      close(l:matmul(t(l)), a, {atol = small, what = what})
      close(u, t(l), {atol = small, what = what .. ", upper"})
      for _, k in ipairs {1, 7, 40} do
        local b = ap.randn(n, k, F64):to(dtype)
        local triangles = {{l, false}, {u, true}, {t(l), true}, {t(u), false}}
        for i, pair in ipairs(triangles) do
          local solved = linalg.solve_triangular(pair[1], b, {upper = pair[2]})
          close(pair[1]:matmul(solved), b, {atol = small, what = ("%s, triangle %d, %d sides"):format(what, i, k)})
        end
      end
    end
  end
end)

test("decompositions put the matrix together again, with orthogonal factors", function()
  ap.manual_seed(6)
  for _, dtype in ipairs {"f64", "f32"} do
    local small = {atol = dtype == "f64" and 1e-11 or 1e-4}
    for _, size in ipairs {{1, 1}, {3, 3}, {5, 2}, {2, 5}, {20, 30}, {30, 20}} do
      local m, n = size[1], size[2]
      local a = ap.randn(3, m, n, F64):to(dtype)
      local k = math.min(m, n)
      for _, mode in ipairs {"reduced", "complete"} do
        local q, r = linalg.qr(a, mode)
        close(q:matmul(r), a, small)
        close(t(q):matmul(q), identity(q:size(-1), dtype):expand(3, q:size(-1), q:size(-1)), small)
        equal(r:triu(), r)
      end
      equal(linalg.qr(a, {mode = "r"}):numel(), 0)
      close(select(2, linalg.qr(a, "r")), select(2, linalg.qr(a)), small)
      for _, full in ipairs {true, false} do
        local u, s, vh = linalg.svd(a, full)
        close((u:narrow(-1, 1, k) * s:unsqueeze(-2)):matmul(vh:narrow(-2, 1, k)), a, small)
        close(t(u):matmul(u), identity(u:size(-1), dtype):expand(3, u:size(-1), u:size(-1)), small)
        close(vh:matmul(t(vh)), identity(vh:size(-2), dtype):expand(3, vh:size(-2), vh:size(-2)), small)
        close(linalg.svdvals(a), s, small)
      end
      local square = a:matmul(t(a))
      local w, v = linalg.eigh(square)
      close(square:matmul(v), v * w:unsqueeze(-2), {atol = small.atol * 50})
      close(linalg.eigvalsh(square), w, {atol = small.atol * 50})
      local l, c = linalg.eig(square)
      local re, im = c:select(-1, 1), c:select(-1, 2)
      close(square:matmul(re), re * l:select(-1, 1):unsqueeze(-2) - im * l:select(-1, 2):unsqueeze(-2),
        {atol = small.atol * 50})
    end
  end
end)

test("eig: complex pairs come as real and imaginary parts", function()
  local w, v = linalg.eig(ap.tensor({{0, 1}, {-1, 0}}, F64))
  close(w, {{0, 1}, {0, -1}}, {atol = 1e-15})
  local h = math.sqrt(0.5)
  close(v:select(-1, 1):abs() + v:select(-1, 2):abs(), {{h, h}, {h, h}}, {atol = 1e-15})
  -- A v = w v, in complex numbers
  ap.manual_seed(8)
  local a = ap.randn(4, 7, 7, F64)
  w, v = linalg.eig(a)
  local re, im, x, y = v:select(-1, 1), v:select(-1, 2), w:select(-1, 1):unsqueeze(-2), w:select(-1, 2):unsqueeze(-2)
  truth(y:abs():amax():item() > 0.1, "some are complex")
  close(a:matmul(re), re * x - im * y, {atol = 1e-12})
  close(a:matmul(im), re * y + im * x, {atol = 1e-12})
  close(linalg.eigvals(a):sum(-2):select(-1, 1), a:diagonal(0, -2, -1):sum(-1), {atol = 1e-12})
end)

test("lstsq: residuals, rank and singular values, by every driver", function()
  local g = golden "linalg"
  local a, b = g["lstsq_tall/in1"], g["lstsq_tall/in2"]
  for _, driver in ipairs {"gels", "gelsy", "gelsd", "gelss"} do
    local x, residuals, rank, singular = linalg.lstsq(a, b, {driver = driver})
    close(x, g["lstsq_tall/out1"], CLOSE)
    close(residuals, g["lstsq_tall/residuals"], CLOSE)
    equal(rank, ap.tensor({3, 3}, {dtype = "i64"}))
    if driver == "gelsd" or driver == "gelss" then
      close(singular, linalg.svdvals(a), CLOSE)
    else
      equal(singular:numel(), 0)
    end
  end
  local deficient = ap.ones(4, 2, F64)
  local x, residuals, rank = linalg.lstsq(deficient, ap.ones(4, F64))
  close(x, {0.5, 0.5}, {atol = 1e-12})
  equal(rank:item(), 1)
  equal(residuals:numel(), 0)
  raises("linalg.lstsq: .*full rank", function()
    linalg.lstsq(ap.tensor({{1, 0}, {1, 0}, {1, 0}}, F64), ap.ones(3, 1, F64), {driver = "gels"})
  end)
  raises("driver 'x'", function() linalg.lstsq(a, b, {driver = "x"}) end)
  equal(linalg.lstsq(a, ap.ones(5, 1, F64)):size(), {2, 3, 1})
end)

test("matrix_rank counts by tolerances; pinv leaves out what is below them", function()
  local d = ap.tensor({{3, 0, 0}, {0, 1e-3, 0}, {0, 0, 1e-20}}, F64)
  equal(linalg.matrix_rank(d):item(), 2)
  equal(linalg.matrix_rank(d, {atol = 0.01}):item(), 1)
  equal(linalg.matrix_rank(d, {rtol = 1e-30}):item(), 3)
  equal(linalg.matrix_rank(-d, {hermitian = true}):item(), 2)
  equal(linalg.matrix_rank(d:expand(2, 3, 3)):size(), {2})
  close(linalg.pinv(d, {atol = 0.01}), {{1 / 3, 0, 0}, {0, 0, 0}, {0, 0, 0}}, {atol = 1e-15})
  equal(linalg.matrix_rank(ap.zeros(2, 0, 3)), ap.tensor({0, 0}, {dtype = "i64"}))
end)

-- --- gradients of gradients --------------------------------------------------------------------------------------

local function matrix(n, m, seed)
  ap.manual_seed(seed or 20)
  return (ap.randn(n, m or n, F64) + (n == (m or n) and identity(n, "f64") * 2 or 0)):requires_grad_()
end

local SECOND = {
  solve = {function(a, b) return linalg.solve(a, b) end, matrix(3), matrix(3, 2, 21)},
  solve_triangular = {function(a, b) return linalg.solve_triangular(a, b, {upper = true}) end, matrix(3),
    matrix(3, 2, 22)},
  inv = {linalg.inv, matrix(3)},
  det = {linalg.det, matrix(3)},
  slogdet = {function(a) return select(2, linalg.slogdet(a)) end, matrix(3)},
  cholesky = {function(a) return linalg.cholesky(a:matmul(t(a)) + identity(3, "f64")) end, matrix(3)},
  lu = {function(a) return select(2, linalg.lu(a)), select(3, linalg.lu(a)) end, matrix(3)},
  lu_wide = {function(a) return select(2, linalg.lu(a)), select(3, linalg.lu(a)) end, matrix(2, 4)},
  lu_tall = {function(a) return select(2, linalg.lu(a)), select(3, linalg.lu(a)) end, matrix(4, 2)},
  qr = {linalg.qr, matrix(4, 3)},
  qr_wide = {linalg.qr, matrix(3, 4)},
  svd = {function(a) return linalg.svd(a, false) end, matrix(4, 3)},
  svd_wide = {function(a) return linalg.svd(a, false) end, matrix(3, 4)},
  svdvals = {linalg.svdvals, matrix(3, 4)},
  eigh = {function(a) return linalg.eigh(sym(a)) end, matrix(3)},
  eigvalsh = {function(a) return linalg.eigvalsh(sym(a)) end, matrix(3)},
  eig = {function(a)
    local w, v = linalg.eig(a)
    return w, v:select(-1, 1) ^ 2 + v:select(-1, 2) ^ 2
  end, matrix(3, 3, 24)},
  pinv = {linalg.pinv, matrix(4, 3)},
  pinv_wide = {linalg.pinv, matrix(3, 4)},
  lstsq = {function(a, b) return (linalg.lstsq(a, b)) end, matrix(4, 3), matrix(4, 2, 23)},
  matrix_exp = {linalg.matrix_exp, matrix(3)},
  nuclear = {function(a) return linalg.matrix_norm(a, "nuc") end, matrix(3, 4)},
  cond = {linalg.cond, matrix(3)},
  cdist = {ap.cdist, matrix(3, 2), matrix(4, 2, 25)},
  cdist_3 = {function(a, b) return ap.cdist(a, b, 3) end, matrix(3, 2), matrix(4, 2, 25)},
}
for name, case in pairs(SECOND) do
  test(name .. ": first and second derivatives agree with finite differences", function()
    local inputs = {table.unpack(case, 2)}
    gradcheck(case[1], inputs)
    gradgradcheck(case[1], inputs)
  end)
end

test("full_matrices: gradients flow through the part of U and Vh that is determined", function()
  local a = matrix(4, 2)
  local g = golden "linalg"
  truth(g ~= nil)
  gradcheck(function(x)
    local u, s, vh = linalg.svd(x)
    return u:narrow(-1, 1, 2) * s, vh
  end, {a})
end)

-- --- input without an answer -------------------------------------------------------------------------------------

test("singular matrices: the error names the function and the matrix", function()
  local batch = ap.eye(3, F64):expand(2, 2, 3, 3):clone()
  batch[{2, 1, 3, 3}] = 0
  raises("linalg.solve: matrix %[2, 1%] of the batch is singular", function()
    linalg.solve(batch, ap.ones(3, 1, F64))
  end)
  raises("linalg.inv: matrix %[2, 1%] of the batch is singular", function() linalg.inv(batch) end)
  raises("linalg.inv: the matrix is singular", function() linalg.inv(ap.zeros(2, 2)) end)
  close(linalg.det(batch), {{1, 1}, {0, 1}})
  local sign, logabsdet = linalg.slogdet(batch)
  close(sign, {{1, 1}, {0, 1}})
  equal(logabsdet[{2, 1}]:item(), -math.huge)
  close(linalg.cond(batch, 1), {{1, 1}, {math.huge, 1}})
end)

test("the functions named _ex say where they failed instead", function()
  local batch = ap.eye(3, F64):expand(2, 3, 3):clone()
  batch[{2, 2, 2}] = 0
  local failed = ap.tensor({0, 2}, {dtype = "i32"})
  local x, info = linalg.inv_ex(batch)
  equal(info, failed)
  close(x[1], ap.eye(3, F64))
  truth(not x[2]:isfinite():all():item())
  x, info = linalg.solve_ex(batch, ap.ones(3, 1, F64))
  equal(info, failed)
  close(x[1], ap.ones(3, 1, F64))
  x, info = linalg.cholesky_ex(batch)
  equal(info, failed)
  close(x[1], ap.eye(3, F64))
  for _, name in ipairs {"inv_ex", "cholesky_ex"} do
    raises("linalg." .. name .. ": a matrix is", function() linalg[name](batch, {check_errors = true}) end)
  end
  raises("linalg.solve_ex: a matrix is singular", function()
    linalg.solve_ex(batch, ap.ones(3, F64), {check_errors = true})
  end)
end)

test("matrices that are not positive definite: the error names the first", function()
  local batch = ap.eye(20, F64):expand(3, 20, 20):clone()
  batch[{2, 18, 18}] = -1
  raises("linalg.cholesky: matrix %[2%] of the batch is not positive definite %(its leading block of 18", function()
    linalg.cholesky(batch)
  end)
  raises("cholesky: the matrix is not positive", function() linalg.cholesky(ap.full({2, 2}, 0 / 0)) end)
end)

test("nan and infinity: an error where LAPACK would not end well, nan elsewhere", function()
  local bad = ap.tensor({{1, 2}, {0 / 0, 4}}, F64)
  local infinite = ap.tensor({{1, 2}, {math.huge, 4}}, F64):expand(3, 2, 2)
  for _, name in ipairs {"svd", "svdvals", "eigh", "eigvalsh", "eig", "eigvals", "pinv", "matrix_rank"} do
    raises("linalg.%w+: the matrix contains nan", function() linalg[name](bad) end)
    raises("linalg.%w+: matrix %[1%] of the batch contains nan", function() linalg[name](infinite) end)
  end
  raises("linalg.lstsq: .*nan", function() linalg.lstsq(bad, ap.ones(2, 1, F64)) end)
  raises("linalg.lstsq: .*nan", function() linalg.lstsq(ap.eye(2, F64), bad) end)
  for _, y in ipairs {linalg.solve(bad, ap.ones(2, F64)), linalg.inv(bad), linalg.det(bad), linalg.matrix_exp(bad),
                      linalg.qr(bad)} do
    truth(y:isnan():any():item())
  end
end)

test("wrong shapes and dtypes: the error says what was expected", function()
  local a, b = ap.ones(2, 3), ap.ones(3)
  for _, name in ipairs {"inv", "det", "slogdet", "cholesky", "eigh", "eig", "matrix_exp"} do
    raises("linalg." .. name .. ": .*square", function() linalg[name](a) end)
    raises("linalg." .. name .. ": ", function() linalg[name](b) end)
    raises("linalg." .. name .. ": ", function() linalg[name](nil) end)
    raises("linalg." .. name .. ": expected f32 or f64, got i64", function()
      linalg[name](ap.ones({2, 2}, {dtype = "i64"}))
    end)
    raises("linalg." .. name .. ": expected f32 or f64, got f16", function()
      linalg[name](ap.ones({2, 2}, {dtype = "f16"}))
    end)
  end
  raises("linalg.solve: .*3 rows", function() linalg.solve(ap.eye(3), ap.ones(2, 2)) end)
  raises("linalg.solve: .*one dtype", function() linalg.solve(ap.eye(3), ap.ones(3, F64)) end)
  raises("linalg.solve: .*broadcast", function() linalg.solve(ap.eye(3):expand(2, 3, 3), ap.ones(4, 3, 1)) end)
  raises("linalg.solve_triangular: .*upper", function() linalg.solve_triangular(ap.eye(3), ap.ones(3, 1)) end)
  raises("unknown option 'uper'", function() linalg.solve_triangular(ap.eye(3), ap.ones(3, 1), {uper = true}) end)
  raises("linalg.qr: mode 'x'", function() linalg.qr(a, "x") end)
  raises("linalg.eigh: UPLO", function() linalg.eigh(ap.eye(2), {UPLO = "X"}) end)
  raises("linalg.matrix_norm: ord 3", function() linalg.matrix_norm(a, 3) end)
  raises("linalg.matrix_norm: dimension 3", function() linalg.matrix_norm(a, {dim = {1, 3}}) end)
  raises("linalg.multi_dot: tensors 1 and 2: inner sizes 3 and 2", function() linalg.multi_dot {a, a} end)
  raises("linalg.cross: .*size 3", function() linalg.cross(ap.ones(2), ap.ones(2)) end)
  raises("linalg.matrix_power: .*integer", function() linalg.matrix_power(ap.eye(2), 1.5) end)
  raises("linalg.lu_solve: pivot 9", function()
    linalg.lu_solve(ap.eye(2), ap.tensor({9, 1}, {dtype = "i32"}), ap.ones(2, 1))
  end)
  raises("linalg.lu_solve: pivots", function()
    linalg.lu_solve(ap.eye(2), ap.tensor({1, 1, 1}, {dtype = "i32"}), ap.ones(2, 1))
  end)
  raises("linalg.qr: no gradient with mode 'r'", function()
    select(2, linalg.qr(ap.eye(2):requires_grad_(), "r")):sum():backward()
  end)
  raises("kron: ", function() ap.kron(ap.ones(1, 1, 1, 1, 1), ap.ones(1)) end)
  raises("tensordot: dim 2 of %(2x3%)", function() ap.tensordot(a, a, {{2}, {1}}) end)
  raises("tensordot: dimension 3", function() ap.tensordot(a, a, {{3}, {1}}) end)
  raises("tensordot: .*cannot", function() ap.tensordot(a, a, 3) end)
  raises("cdist: p", function() ap.cdist(a, a, -1) end)
  raises("trace: expected a matrix", function() ap.trace(b) end)
end)

test("wrong arguments of whatever kind give an error of the function's, or a result", function()
  local names = {"addbmm", "addmm", "addmv", "addr", "baddbmm", "cdist", "chain_matmul", "cholesky",
    "cholesky_inverse", "cholesky_solve", "cross", "einsum", "inner", "kron", "logdet", "lu_solve", "matrix_exp",
    "matrix_power", "pinverse", "qr", "svd", "tensordot", "trace", "vdot"}
  local functions = {}
  for _, name in ipairs(names) do functions[name] = ap[name] end
  truth(linalg.norm)
  for name, f in pairs(linalg) do functions["linalg." .. name] = f end
  local values = {false, true, 0, -1, 2, 1.5, 0 / 0, 1 / 0, 2 ^ 53, math.mininteger, "", "fro", "ij,jk", {}, {0},
    {1, 2}, {{}}, print, io.stdout, ap.ones(2, 3), ap.ones(3), ap.ones({}), ap.zeros(0), ap.zeros(2, 0, 0),
    ap.ones(4, 5, 2), ap.eye(3, F64), ap.full({3, 3}, 0 / 0), ap.ones({2, 3}, {dtype = "i64"}),
    ap.ones({3}, {dtype = "bool"}), ap.ones({2, 2}, {dtype = "f16"}), ap.ones(1, 3):expand(2, 3), {ap.ones(2), 3},
    {dim = 3}, {ord = 2}, {upper = true}, {left = false}, {alpha = "x"}, {dims = {{1}, {2}}}, {driver = 3},
    {atol = "x"}, {UPLO = "L"}}
  math.randomseed(5)
  for name, f in pairs(functions) do
    local function try(...)
      local ok, message = pcall(f, ...)
      truth(ok or type(message) == "string", name)
      truth(ok or not message:find "attempt to" and not message:find "bad argument", name .. ": " .. tostring(message))
    end
    for _, v in ipairs(values) do
      try(v)
      try(ap.eye(3), v)
      try(ap.eye(3), ap.eye(3), v)
    end
    for _ = 1, 100 do
      local given = {}
      for k = 1, math.random(4) do given[k] = values[math.random(#values)] end
      try(table.unpack(given, 1, 4))
    end
  end
end)

test("addmm and its like: input broadcasts to the product, never the other way round", function()
  local a, b = ap.ones(2, 3), ap.ones(3, 4)
  close(ap.addmm(ap.full({2, 4}, 0 / 0), a, b, {beta = 0}), ap.full({2, 4}, 3.0))
  raises("addmm: input %(3x2x4%) does not broadcast", function() ap.addmm(ap.ones(3, 2, 4), a, b) end)
  raises("addmm: input %(3%) does not broadcast", function() ap.addmm(ap.ones(3), a, b) end)
  raises("addmm: .*inner sizes 3 and 2", function() ap.addmm(a, a, a) end)
  raises("addmm: unknown option 'gamma'", function() ap.addmm(a, a, b, {gamma = 1}) end)
end)

test("empty matrices and batches have results of their shape", function()
  local none, empty = ap.zeros(0, 3, 3), ap.zeros(2, 0, 0)
  equal(linalg.inv(none):size(), {0, 3, 3})
  equal(linalg.inv(empty):size(), {2, 0, 0})
  close(linalg.det(empty), {1, 1})
  equal(linalg.solve(empty, ap.zeros(2, 0, 4)):size(), {2, 0, 4})
  equal(linalg.solve(ap.eye(3), ap.zeros(3, 0)):size(), {3, 0})
  equal(linalg.cholesky(none):size(), {0, 3, 3})
  for _, size in ipairs {{0, 3}, {3, 0}, {0, 0}} do
    local a = ap.zeros(size)
    local k = math.min(size[1], size[2])
    local u, s, vh = linalg.svd(a)
    equal(s:size(), {k})
    equal(u, ap.eye(size[1]))
    equal(vh, ap.eye(size[2]))
    local q, r = linalg.qr(a, "complete")
    equal(q, ap.eye(size[1]))
    equal(r:size(), size)
    equal(linalg.qr(a):size(), {size[1], k})
    equal(linalg.pinv(a):size(), {size[2], size[1]})
    equal(linalg.lstsq(a, ap.zeros(size[1], 2)), ap.zeros(size[2], 2))
    equal(linalg.lu_factor(a):size(), size)
  end
  local w, v = linalg.eigh(empty)
  equal(w:size(), {2, 0})
  equal(v:size(), {2, 0, 0})
  w, v = linalg.eig(none)
  equal(w:size(), {0, 3, 2})
  equal(v:size(), {0, 3, 3, 2})
  equal(linalg.matrix_exp(empty):size(), {2, 0, 0})
  equal(linalg.matrix_power(empty, 3):size(), {2, 0, 0})
  equal(ap.cdist(ap.zeros(0, 3), ap.zeros(2, 3)):size(), {0, 2})
  equal(ap.cdist(ap.zeros(4, 0), ap.zeros(2, 0)), ap.zeros(4, 2))
  equal(ap.kron(ap.zeros(0, 2), ap.ones(2, 2)):size(), {0, 4})
end)

test("results do not depend on the number of threads", function()
  ap.manual_seed(9)
  local before = ap.get_num_threads()
  local many, large = ap.randn(600, 12, 12), ap.randn(300, 300)
  local results = {}
  for _, threads in ipairs {1, 3} do
    ap.set_num_threads(threads)
    results[threads] = {linalg.inv(many), (linalg.eigh(many)), linalg.svdvals(many), linalg.solve(large, large)}
  end
  ap.set_num_threads(before)
  for i = 1, 3 do equal(results[1][i], results[3][i]) end
  close(results[1][4], results[3][4], {atol = 1e-3})
end)

test("arguments stay as they were", function()
  local a = ap.randn(3, 4, 4, F64)
  local kept, b = a:clone(), ap.ones(3, 4, 1, F64)
  for _, name in ipairs {"inv", "det", "slogdet", "qr", "svd", "svdvals", "eigh", "eig", "lu", "pinv", "matrix_exp"} do
    linalg[name](a)
    equal(a, kept)
  end
  linalg.solve(a, b)
  linalg.lstsq(a, b)
  equal(a, kept)
  equal(b, ap.ones(3, 4, 1, F64))
end)

test("lu_unpack takes the factors of lu_factor apart", function()
  for _, size in ipairs {{3, 3}, {4, 2}, {2, 2, 4}} do
    local A = ap.rand(size, {dtype = "f64"})
    local LU, pivots = ap.linalg.lu_factor(A)
    local P, L, U = ap.lu_unpack(LU, pivots)
    close(P:matmul(L):matmul(U), A, {rtol = 1e-12})
    local none, L2, U2 = ap.lu_unpack(LU, pivots, {unpack_pivots = false})
    truth(none == nil, "no P")
    equal(L2, L)
    equal(U2, U)
    local P2, nothing = ap.lu_unpack(LU, pivots, false)
    equal(P2, P)
    truth(nothing == nil, "no L")
  end
end)

test("nuclear_norm and frobenius_norm are linalg's norms", function()
  local A = ap.rand({2, 3, 4}, {dtype = "f64"})
  close(ap.nuclear_norm(A), ap.linalg.svdvals(A):sum(-1))
  close(A:nuclear_norm({1, 3}, true), ap.linalg.matrix_norm(A, "nuc", {1, 3}, true))
  close(ap.frobenius_norm(A), (A * A):sum():sqrt())
  close(A:frobenius_norm({1, 2}), (A * A):sum({1, 2}):sqrt())
end)

test("householder_product: orthonormal columns, and ormqr multiplies by all of Q", function()
  local A = ap.rand({5, 3}, {dtype = "f64"})
  local v = A:tril(-1) + ap.eye(5, 3, {dtype = "f64"})
  local tau = 2 / (v * v):sum(1)
  local Q = ap.linalg.householder_product(A, tau)
  close(Q:t():matmul(Q), ap.eye(3, {dtype = "f64"}), {atol = 1e-12})
  local C = ap.rand({5, 2}, {dtype = "f64"})
  local full = ap.ormqr(A, tau, ap.eye(5, {dtype = "f64"}))
  close(full:narrow(2, 1, 3), Q, {atol = 1e-12})
  close(ap.ormqr(A, tau, C, {transpose = true}), full:t():matmul(C), {atol = 1e-12})
  close(ap.ormqr(A, tau, C:t(), {left = false}), C:t():matmul(full), {atol = 1e-12})
  close(ap.ormqr(A, tau, C:t(), {left = false, transpose = true}), C:t():matmul(full:t()), {atol = 1e-12})
  raises("householder_product: expected at least as many rows", ap.linalg.householder_product, A:t(), tau)
  raises("ormqr: .*the sizes 5 and 2 differ", ap.ormqr, A, tau, C:t())
end)

test("svd_lowrank and pca_lowrank find what a matrix of low rank holds", function()
  local A = ap.rand({20, 3}, {dtype = "f64"}):matmul(ap.rand({3, 12}, {dtype = "f64"}))
  for _, x in ipairs {A, A:t()} do
    local U, S, V = ap.svd_lowrank(x, 5)
    close((U * S):matmul(V:t()), x, {atol = 1e-10})
    close(S:narrow(1, 1, 3), ap.linalg.svdvals(x):narrow(1, 1, 3), {rtol = 1e-9})
  end
  local U, S, V = ap.pca_lowrank(A, {q = 3})
  close((U * S):matmul(V:t()) + A:mean(1, true), A, {atol = 1e-10})
  raises("pca_lowrank: q: expected an integer from 0 to 12, got 13", ap.pca_lowrank, A, 13)
end)

test("addmm_, addmv_, addbmm_, baddbmm_ and addr_ write over their tensor", function()
  local a, b, v = ap.rand(2, 3), ap.rand(3, 2), ap.rand(3)
  local x = ap.rand(2, 2)
  close(x:clone():addmm_(a, b, {beta = 0.5, alpha = 2}), x * 0.5 + a:matmul(b) * 2)
  close(ap.ones(2):addmv_(a, v), a:matmul(v) + 1)
  close(x:clone():addr_(ap.ones(2), ap.ones(2)), x + 1)
  local many = a:unsqueeze(1)
  close(x:clone():addbmm_(many, b:unsqueeze(1)), x + a:matmul(b))
  close(x:unsqueeze(1):clone():baddbmm_(many, b:unsqueeze(1)), (x + a:matmul(b)):unsqueeze(1))
end)
