-- Decompositions and least squares at every size that takes another road (lib/cpu/eigh.c, svd.c, qr.c), over hard
-- matrices: residual, orthogonality and order, within a small multiple of what rounding makes inevitable.
local ap = require "apsis"
local linalg = ap.linalg

local F64 = {dtype = "f64"}
local EPSILON = {f32 = 2 ^ -23, f64 = 2 ^ -52}
local SIZES = {1, 2, 3, 4, 7, 16, 17, 33, 64, 143, 144, 200} -- from 144 on by LAPACK's divide and conquer

local function powers(n, last) return (ap.linspace(0, last, n, F64) * math.log(10)):exp() end

local function tridiagonal(diagonal, beside)
  local n = #diagonal
  local off = ap.full({n - 1}, beside, F64)
  return ap.tensor(diagonal, F64):diag() + off:diag(1) + off:diag(-1)
end

-- name -> the matrix of order n > 1
local function matrices(n)
  local a = ap.randn(n, n, F64)
  local s, q, half = a + a:t(), linalg.qr(a), n // 2
  local function with(values) return q:matmul(values:unsqueeze(-1) * q:t()) end
  local laplace, wilkinson = {}, {}
  for i = 1, n do laplace[i], wilkinson[i] = 2, math.abs(i - (n + 1) / 2) end
  local graded = powers(n, -14)
  return {
    random = s, huge = s * 1e36, tiny = s * 1e-36, zero = s * 0, identity = ap.eye(n, F64), ones = ap.ones(n, n, F64),
    ["of rank 1"] = a:narrow(2, 1, 1):matmul(a:narrow(2, 1, 1):t()), ["graded spectrum"] = with(powers(n, -14)),
    ["clustered spectrum"] = with(ap.cat {ap.ones(half, F64), ap.full({n - half}, 2, F64)} + 1e-13 * ap.randn(n, F64)),
    ["graded downwards"] = s * graded:unsqueeze(-1) * graded, ["Laplace's"] = tridiagonal(laplace, -1),
    ["graded upwards"] = s * graded:flip(1):unsqueeze(-1) * graded:flip(1), ["Wilkinson's"] = tridiagonal(wilkinson, 1),
    ["graded steeply"] = s * powers(n, -150):unsqueeze(-1) * powers(n, -150),
    ["tiny blocks"] = ap.block_diag(table.unpack({ap.ones(1, 1, F64), ap.ones(n - 1, n - 1, F64) * 1e-20})),
  }
end

local function check(name, given, dtype)
  local a, n = given:to(dtype), given:size(-1)
  local values, vectors = linalg.eigh(a)
  local alone = linalg.eigvalsh(a)
  local what = ("%s matrix of order %d, %s: "):format(name, n, dtype)
  truth(n == 1 or values:diff():ge(0):all():item(), what .. "values ascend")
  local most = a:abs():amax():item()
  local x, w, v = a:to "f64" / (most > 0 and most or 1), values:to "f64" / (most > 0 and most or 1), vectors:to "f64"
  local unit = EPSILON[dtype] * math.max(n, 4) * math.max(x:norm():item(), 1e-300)
  truth((x:matmul(v) - v * w):norm():item() <= 2 * unit, what .. "A V = V diag(values)")
  truth((v:t():matmul(v) - ap.eye(n, F64)):norm():item() <= 4 * EPSILON[dtype] * n, what .. "V is orthogonal")
  truth((alone:to "f64" / (most > 0 and most or 1) - w):abs():amax():item() <= 2 * unit, what .. "the values alone")
end

for _, dtype in ipairs {"f64", "f32"} do
  test("eigh: residuals and orthogonality at every size and spectrum, " .. dtype, function()
    ap.manual_seed(11)
    for _, n in ipairs(SIZES) do
      if n == 1 then
        check("single", ap.full({1, 1}, -3, F64), dtype)
      else
        for name, a in pairs(matrices(n)) do check(name, a, dtype) end
      end
    end
  end)
end

test("eigh: elements at the ends of the range of f64", function()
  for _, scale in ipairs {1e307, 1e-300, 5e-324} do
    local a = ap.tensor({{2, 1, 0}, {1, 2, 1}, {0, 1, 2}}, F64) * scale
    close(linalg.eigh(a) / scale, {2 - math.sqrt(2), 2, 2 + math.sqrt(2)}, {atol = scale < 1e-310 and 1 or 1e-14})
  end
end)

test("eigh: tiny blocks keep their own accuracy", function()
  local a = ap.block_diag(ap.ones(1, 1, F64), ap.tensor({{2, 1}, {1, 2}}, F64) * 1e-30)
  close(linalg.eigh(a) * ap.tensor({1e30, 1e30, 1}, F64), {1, 3, 1}, {rtol = 1e-14})
  close(linalg.eigvalsh(a) * ap.tensor({1e30, 1e30, 1}, F64), {1, 3, 1}, {rtol = 1e-14})
end)

test("eigh: only one triangle is read", function()
  ap.manual_seed(3)
  for _, n in ipairs {5, 40, 150} do
    local a = ap.randn(2, n, n, F64)
    for uplo, triangle in pairs {L = a:tril(), U = a:triu()} do
      local full = triangle + triangle:transpose(-2, -1) * (1 - ap.eye(n, F64))
      equal(linalg.eigvalsh(a, {UPLO = uplo}), linalg.eigvalsh(full))
      local w, v = linalg.eigh(a, {UPLO = uplo})
      close(full:matmul(v), v * w:unsqueeze(-2), {atol = 1e-11})
    end
  end
end)

-- --- QR ---------------------------------------------------------------------------------------------------------

local function check_qr(name, given, dtype)
  local a, m, n = given:to(dtype), given:size(1), given:size(2)
  local what = ("%s matrix (%dx%d), %s: "):format(name, m, n, dtype)
  for _, mode in ipairs {"reduced", "complete"} do
    local q, r = linalg.qr(a, mode)
    local most = math.max(a:abs():amax():item(), 2 ^ -1070)
    local x, wide = a:to "f64" / most, q:to "f64"
    local apart = wide:matmul(r:to "f64" / most) - x
    local unit = EPSILON[dtype] * math.max(m, n)
    local lost = name == "denormal" and 1 or 0 -- such elements have few digits
    truth((apart:norm(2, 1) - (2 * unit + lost) * x:norm(2, 1)):amax():item() <= 0, what .. "Q R = A, column by column")
    truth((wide:t():matmul(wide) - ap.eye(q:size(2), F64)):norm():item() <= 20 * unit, what .. "Q is orthogonal")
    equal(r:triu(), r)
    if mode == "reduced" then equal(select(2, linalg.qr(a, "r")), r) end
  end
end

for _, dtype in ipairs {"f64", "f32"} do
  test("qr: residuals and orthogonality at every shape and scale, " .. dtype, function()
    ap.manual_seed(12)
    local sizes = {{1, 1}, {2, 1}, {1, 2}, {5, 3}, {3, 5}, {17, 16}, {96, 96}, {100, 97}, {97, 150}, {200, 160}}
    for _, size in ipairs(sizes) do
      local m, n = size[1], size[2]
      local a = ap.randn(m, n, F64)
      local edge = dtype == "f64" and 1e306 or 1e37
      for name, x in pairs {
        random = a, zero = a * 0, huge = a * edge, tiny = a / edge, identity = ap.eye(m, n, F64), upper = a:triu(),
        ones = ap.ones(m, n, F64), denormal = a * (edge > 1e300 and 1e-320 or 1e-42),
        ["graded by columns"] = a * powers(n, -30),
        ["graded by rows"] = a * powers(m, -30):unsqueeze(-1),
      } do
        check_qr(name, x, dtype)
      end
    end
  end)
end

test("qr: nan and infinity show in the result", function()
  for _, bad in ipairs {0 / 0, math.huge} do
    local a = ap.randn(4, 4)
    a[{3, 2}] = bad
    truth(linalg.qr(a):isnan():any():item())
  end
end)

-- --- singular values --------------------------------------------------------------------------------------------

local function check_svd(name, given, dtype)
  local a, m, n = given:to(dtype), given:size(1), given:size(2)
  local what, k = ("%s matrix (%dx%d), %s: "):format(name, m, n, dtype), math.min(m, n)
  local most = math.max(a:abs():amax():item(), 2 ^ -1070)
  local alone = linalg.svdvals(a):to "f64" / most
  for _, full in ipairs {true, false} do
    local u, s, vh = linalg.svd(a, full)
    local x, values, left, right = a:to "f64" / most, s:to "f64" / most, u:to "f64", vh:to "f64"
    local unit = EPSILON[dtype] * math.max(m, n) * math.max(x:norm():item(), 1e-300)
    local again = (left:narrow(2, 1, k) * values):matmul(right:narrow(1, 1, k))
    truth((again - x):norm():item() <= 4 * unit, what .. "U diag(S) Vh = A")
    truth(s:ge(0):all():item() and (k == 1 or s:diff():le(0):all():item()), what .. "values descend to 0")
    truth((values - alone):abs():amax():item() <= 4 * unit, what .. "the values alone")
    for _, q in ipairs {left, right:t()} do
      local apart = (q:t():matmul(q) - ap.eye(q:size(2), F64)):norm():item()
      truth(apart <= 10 * EPSILON[dtype] * math.max(m, n), what .. "orthogonal vectors")
    end
  end
end

for _, dtype in ipairs {"f64", "f32"} do
  test("svd: residuals, orthogonality and order at every shape and spectrum, " .. dtype, function()
    ap.manual_seed(15)
    local sizes = {{1, 1}, {2, 1}, {1, 2}, {3, 3}, {5, 3}, {3, 5}, {17, 17}, {16, 20}, {33, 32}, {70, 70}, {160, 162}}
    for _, size in ipairs(sizes) do
      local m, n = size[1], size[2]
      local k, a = math.min(m, n), ap.randn(m, n, F64)
      local left, right = linalg.qr(ap.randn(m, k, F64)), linalg.qr(ap.randn(n, k, F64))
      local function with(values) return (left * values):matmul(right:t()) end
      local edge = dtype == "f64" and 1e306 or 1e36
      for name, x in pairs {
        random = a, zero = a * 0, huge = a * edge, tiny = a / edge, identity = ap.eye(m, n, F64), upper = a:triu(),
        ones = ap.ones(m, n, F64), ["graded by columns"] = a * powers(n, -30), shift = ap.eye(m, n, F64):roll(1, 2),
        ["graded by rows"] = a * powers(m, -30):unsqueeze(-1), ["graded spectrum"] = with(powers(k, -15)),
        ["clustered spectrum"] = with(ap.cat {ap.ones(k // 2, F64), ap.full({k - k // 2}, 0.5, F64)}),
        ["of rank 1"] = a:narrow(2, 1, 1):matmul(a:narrow(1, 1, 1)), nilpotent = ap.ones(m, n, F64):triu(1),
        bidiagonal = ap.eye(m, n, F64) + ap.ones(m, n, F64):triu(1):tril(1),
        ["Kahan's"] = ap.eye(m, n, F64) - 0.3 * ap.ones(m, n, F64):triu(1),
      } do
        check_svd(name, x, dtype)
      end
    end
  end)
end

test("svd: small values of a bidiagonal matrix keep their digits", function()
  local a = ap.tensor({1, 1e-10, 1e-20, 1e-30}, F64):diag() + ap.tensor({1, 1e-10, 1e-20}, F64):diag(1)
  local product = linalg.svdvals(a):log():sum():item()
  close(product, -60 * math.log(10), {rtol = 1e-14})
end)

-- --- least squares ----------------------------------------------------------------------------------------------

test("lstsq: the residual is orthogonal to the columns of A, on either side of full rank", function()
  ap.manual_seed(13)
  for _, dtype in ipairs {"f64", "f32"} do
    for _, size in ipairs {{1, 1, 1}, {3, 3, 2}, {6, 4, 1}, {40, 17, 20}, {120, 100, 3}} do
      local m, n, k = table.unpack(size)
      local b = ap.randn(2, m, k, F64):to(dtype)
      for _, lost in ipairs {0, -2, -5, -12, -30} do -- digits
        local a = (linalg.qr(ap.randn(2, m, n, F64)) * powers(n, n > 1 and lost or 0)):to(dtype)
        local x, _, rank = linalg.lstsq(a, b)
        local wide = a:to "f64"
        local rest = wide:transpose(-2, -1):matmul(wide:matmul(x:to "f64") - b:to "f64")
        local bound = 8 * EPSILON[dtype] * math.max(m, n) * math.sqrt(n) * (1 + x:to "f64":norm():item())
        truth(rest:abs():amax():item() <= bound, ("%dx%d, %s, 1e%d: orthogonal"):format(m, n, dtype, lost))
        local y, _, other = linalg.lstsq(a, b, {driver = "gelsd"})
        if lost >= -2 then
          equal(rank, other)
          close(x, y, {rtol = EPSILON[dtype] * 1e5, atol = EPSILON[dtype] * 1e5})
        end
      end
    end
  end
end)

-- --- many tiny matrices -----------------------------------------------------------------------------------------

-- What f gives for each matrix of the batch on its own, put together.
local function one_by_one(f, a, b)
  local results = {}
  for i = 1, a:size(1) do
    for k, y in ipairs {f(a[i], b and b[i])} do
      results[k] = results[k] or {}
      results[k][i] = y
    end
  end
  for k, list in ipairs(results) do results[k] = ap.stack(list) end
  return table.unpack(results)
end

test("batches of tiny matrices give what each gives on its own, singular and nan too", function()
  ap.manual_seed(14)
  for _, dtype in ipairs {"f64", "f32"} do
    local near = {rtol = 2000 * EPSILON[dtype], atol = 2000 * EPSILON[dtype]}
    for n = 2, 4 do
      for _, count in ipairs {4, 17, 70} do
        local a = ap.randn(count, n, n, F64):to(dtype)
        a[2] = 0
        a[{3, {}, 1}] = 0
        a[4] = ap.ones(n, n)
        local bad = a:clone()
        bad[{1, n, 1}] = 0 / 0
        for _, x in ipairs {a, bad} do
          local lu, pivots = linalg.lu_factor(x)
          local lu_one, pivots_one = one_by_one(linalg.lu_factor, x)
          close(lu, lu_one, near)
          equal(pivots, pivots_one)
          close(linalg.det(x), (one_by_one(linalg.det, x)), near)
          for _, k in ipairs {1, n} do
            local b = ap.randn(count, n, k, F64):to(dtype)
            local solved, info = linalg.solve_ex(x, b)
            local solved_one, info_one = one_by_one(linalg.solve_ex, x, b)
            equal(info, info_one)
            local small = 1e4 * EPSILON[dtype] * (1 + solved:abs():amax(-2, true))
            local right = (x:matmul(solved) - b):abs():le(small)
            local hopeless = info:ne(0):logical_or(x:isnan():any(-1):any(-1)):unsqueeze(-1):unsqueeze(-1)
            truth(right:logical_or(hopeless):all():item(), "A X = B")
            equal(solved:isnan():any(-1):any(-1), solved_one:isnan():any(-1):any(-1))
          end
        end
        local positive = a:matmul(a:transpose(-2, -1)) + ap.eye(n, {dtype = dtype})
        positive[{2, n, n}] = -1
        positive[{4, 1, 1}] = 0 / 0
        for _, upper in ipairs {false, true} do
          local l, info = linalg.cholesky_ex(positive, {upper = upper})
          local l_one, info_one = one_by_one(function(x) return linalg.cholesky_ex(x, {upper = upper}) end, positive)
          close(l, l_one, near)
          equal(info, info_one)
        end
        raises("cholesky: matrix %[2%] of the batch is not positive definite", function() linalg.cholesky(positive) end)
        raises("solve: matrix %[2%] of the batch is singular", function() linalg.solve(a, a) end)
      end
    end
  end
end)
