-- Matrix products against PyTorch's values (tests/golden/matmul.py), in every layout, and against sums written out.
local ap = require "apsis"

local CASES = {"matrices", "wide", "vectors", "matrix_vector", "vector_matrix", "row", "column", "batch", "batch_left",
  "batch_right", "broadcast", "batch_vector", "vector_batch", "no_inner", "no_rows", "no_batch"}
local CLOSE = {rtol = 1e-12, atol = 1e-12}

local LAYOUTS = require "support.layouts".pick("contiguous", "transposed", "columns", "strided", "inside")

local function weights(y) return ap.arange(1, y:numel()):to(y.dtype):cos():reshape(y:size()) end

for _, name in ipairs(CASES) do
  test("matmul: " .. name .. " agree with PyTorch in every layout, with their gradients", function()
    local g = golden "matmul"
    local a, b = g[name .. ".a"], g[name .. ".b"]
    for layout_a, make_a in pairs(LAYOUTS) do
      for layout_b, make_b in pairs(LAYOUTS) do
        local what = layout_a .. " x " .. layout_b
        local x, y = make_a(a):requires_grad_(), make_b(b):requires_grad_()
        local z = x:matmul(y)
        close(z:detach(), g[name .. ".y"], {rtol = 1e-12, atol = 1e-12, what = what})
        local grads = ap.autograd.grad((z * weights(z)):sum(), {x, y})
        close(grads[1], g[name .. ".ga"], {rtol = 1e-12, atol = 1e-12, what = what .. ", left gradient"})
        close(grads[2], g[name .. ".gb"], {rtol = 1e-12, atol = 1e-12, what = what .. ", right gradient"})
      end
    end
  end)
end

for ndim = 1, 3 do
  test(("linear: an input of %d dimensions agrees with PyTorch, with its gradients"):format(ndim), function()
    local g, name = golden "matmul", "linear" .. ndim
    for _, make in pairs(LAYOUTS) do
      local x, w = make(g[name .. ".x"]):requires_grad_(), make(g[name .. ".w"]):requires_grad_()
      local b = make(g[name .. ".b"]):requires_grad_()
      local y = ap.linear(x, w, b)
      close(y:detach(), g[name .. ".y"], CLOSE)
      local grads = ap.autograd.grad((y * weights(y)):sum(), {x, w, b})
      close(grads[1], g[name .. ".gx"], CLOSE)
      close(grads[2], g[name .. ".gw"], CLOSE)
      close(grads[3], g[name .. ".gb"], CLOSE)
      close(ap.linear(x, w):detach(), g[name .. ".y"] - g[name .. ".b"], CLOSE)
    end
  end)
end

-- The sum written out, in f64, as the reference that owes nothing to the kernels.
local function reference(a, b)
  return (a:to("f64"):unsqueeze(3) * b:to("f64"):unsqueeze(1)):sum(2)
end

test("matmul: every road through the kernels gives the written-out sum, in f32 and f64", function()
  local sizes = {1, 2, 3, 4, 5, 8, 15, 16, 17, 33, 64, 100}
  local function values(n, m, from) return (ap.arange(1, n * m) * from):to("f64"):sin():reshape(n, m) end
  for _, m in ipairs(sizes) do
    for _, n in ipairs {1, 2, 7, 16, 17, 50} do
      for _, k in ipairs {1, 3, 16, 19, 64} do
        local a, b = values(m, k, 3), values(k, n, 7)
        local expected = reference(a, b)
        close(a:matmul(b), expected, {atol = 1e-12, what = ("f64 %dx%dx%d"):format(m, n, k)})
        close(a:to("f32"):matmul(b:to("f32")):to("f64"), expected,
          {atol = 1e-4, what = ("f32 %dx%dx%d"):format(m, n, k)})
      end
    end
  end
end)

-- Blocks of k, rests of rows and columns, few rows, few columns, inner products, threads that share k.
test("matmul: deep, thin and large products give the written-out sum on any number of threads", function()
  local shapes = {{1, 40, 400}, {5, 33, 400}, {16, 17, 300}, {3, 2, 9000}, {40, 3, 9000}, {70, 9, 193}, {13, 65, 191},
    {130, 7, 200}, {200, 210, 230}, {64, 96, 40}, {1, 9000, 3}, {9000, 1, 3}, {2, 3, 4097}}
  local function values(n, m, from) return (ap.arange(1, n * m) * from):to("f64"):sin():reshape(n, m) end
  local before = ap.get_num_threads()
  for _, shape in ipairs(shapes) do
    local m, n, k = shape[1], shape[2], shape[3]
    local a, b = values(m, k, 3), values(k, n, 7)
    local expected = (b:t():unsqueeze(1) * a:unsqueeze(2)):sum(3)
    for _, layout_a in ipairs {"contiguous", "columns", "strided"} do
      for _, layout_b in ipairs {"contiguous", "columns", "strided"} do
        local x, y = LAYOUTS[layout_a](a), LAYOUTS[layout_b](b)
        for _, threads in ipairs {1, 3} do
          ap.set_num_threads(threads)
          local what = ("%dx%dx%d, %s x %s, %d threads"):format(m, n, k, layout_a, layout_b, threads)
          close(x:matmul(y), expected, {atol = 1e-11, what = "f64 " .. what})
          close(x:to("f32"):matmul(y:to("f32")):to("f64"), expected, {atol = 2e-3, what = "f32 " .. what})
        end
      end
    end
  end
  ap.set_num_threads(before)
end)

test("linear: the bias is added once, however the product is cut up", function()
  for _, shape in ipairs {{3, 2, 9000}, {40, 30, 500}, {1, 50, 10}, {300, 300, 300}} do
    local m, n, k = shape[1], shape[2], shape[3]
    local x, w = ap.ones(m, k, {dtype = "f64"}) * 0.5, ap.ones(n, k, {dtype = "f64"})
    close(ap.linear(x, w, ap.arange(1, n):to("f64")), (ap.arange(1, n):to("f64") + k / 2):expand(m, n), CLOSE)
  end
end)

test("matmul: operands that repeat a row (expanded) are multiplied right, large and small", function()
  for _, n in ipairs {3, 200} do
    local row = (ap.arange(n) * 0.3):to("f64"):sin()
    local repeated, other = row:expand(n, n), (ap.arange(n * n) * 0.7):to("f64"):cos():reshape(n, n)
    close(repeated:matmul(other), repeated:contiguous():matmul(other), CLOSE)
    close(other:matmul(repeated:t()), other:matmul(repeated:t():contiguous()), CLOSE)
  end
end)

test("matmul: windows of a signal (overlapping rows) times a matrix", function()
  local signal = (ap.arange(300) * 0.2):to("f32"):sin()
  local windows, w = signal:unfold(1, 20, 1), (ap.arange(20 * 40) * 0.1):to("f32"):cos():reshape(20, 40)
  close(windows:matmul(w), windows:contiguous():matmul(w), {atol = 1e-5})
end)

test("matmul: integers wrap as their dtype does, bool is refused", function()
  for _, dtype in ipairs {"i64", "i32", "u8", "i8", "i16"} do
    local a = ap.tensor({{100, 2}, {3, 4}}, {dtype = dtype})
    equal(a:matmul(a).dtype, dtype)
    local wrapped = ap.tensor {{100 * 100 + 6, 208}, {312, 22}}:to(dtype)
    equal(a:matmul(a):totable(), wrapped:totable())
  end
  raises("matmul: not defined for bool", ap.matmul, ap.ones(2, 2, {dtype = "bool"}), ap.ones(2, 2, {dtype = "bool"}))
end)

test("matmul: f16 and bf16 are summed in f32 and rounded once", function()
  local a = (ap.arange(12) * 0.1):to("f32"):reshape(3, 4)
  for _, dtype in ipairs {"f16", "bf16"} do
    local half = a:to(dtype)
    equal(half:matmul(half:t()).dtype, dtype)
    close(half:matmul(half:t()):to("f32"), half:to("f32"):matmul(half:to("f32"):t()):to(dtype):to("f32"), {atol = 0})
  end
end)

test("matmul: the same bits every time", function()
  local a, b = (ap.arange(300 * 300) * 0.37):to("f32"):sin():reshape(300, 300), ap.ones(300, 300)
  local first = a:matmul(b)
  for _ = 1, 3 do close(a:matmul(b), first, {atol = 0}) end
end)

test("mm, bmm, mv, dot, outer, addmm, addmv, baddbmm: what their names say", function()
  local a, b = ap.arange(6):to("f64"):reshape(2, 3), (ap.arange(12) * 0.5):to("f64"):reshape(3, 4)
  local v, w = ap.tensor({1, -2, 0.5}, {dtype = "f64"}), ap.tensor({2, 3, -1}, {dtype = "f64"})
  close(a:mm(b), a:matmul(b))
  close(a:mv(v), ap.tensor({-1.5, -3}, {dtype = "f64"}))
  equal(v:dot(w):item(), -4.5)
  close(v:outer(w), ap.tensor({{2, 3, -1}, {-4, -6, 2}, {1, 1.5, -0.5}}, {dtype = "f64"}))
  local batch = ap.stack {a, a * 2}
  close(batch:bmm(ap.stack {b, b}), ap.stack {a:matmul(b), a:matmul(b) * 2})
  local base = ap.ones(2, 4, {dtype = "f64"})
  close(base:addmm(a, b, {beta = 3, alpha = 0.5}), a:matmul(b) * 0.5 + 3)
  close(ap.full({2, 4}, 0 / 0, {dtype = "f64"}):addmm(a, b, {beta = 0}), a:matmul(b))
  close(ap.ones(2, {dtype = "f64"}):addmv(a, v), a:mv(v) + 1)
  close(ap.ones(2, 2, 4, {dtype = "f64"}):baddbmm(batch, ap.stack {b, b}), batch:bmm(ap.stack {b, b}) + 1)
end)

test("matmul: second derivatives agree with finite differences", function()
  local function x(...)
    local t = ap.ones(...):to("f64")
    return (ap.arange(1, t:numel()) * 0.7):to("f64"):sin():reshape(t:size()):requires_grad_()
  end
  ap.autograd.gradgradcheck(ap.matmul, {x(2, 3), x(3, 2)})
  ap.autograd.gradgradcheck(ap.matmul, {x(2, 2, 3), x(3)})
  ap.autograd.gradgradcheck(ap.linear, {x(2, 3), x(4, 3), x(4)})
end)

test("matmul: errors name the op, both shapes and the reason", function()
  local a = ap.ones(3, 4)
  raises("matmul: %(3x4%) and %(5x6%): inner sizes 4 and 5 differ", ap.matmul, a, ap.ones(5, 6))
  raises("matmul: %(2x3x4%) and %(3x4x5%): batch sizes 2 and 3 do not broadcast", ap.matmul, ap.ones(2, 3, 4),
    ap.ones(3, 4, 5))
  raises("matmul: expected operands of one dtype, got f32 and f64", ap.matmul, a, ap.ones(4, 2, {dtype = "f64"}))
  raises("matmul: expected at least one dimension each, got %(0%-dim%)", ap.matmul, ap.tensor(1.0), a)
  raises("matmul: argument 2: expected a tensor, got the number 3", ap.matmul, a, 3)
  raises("mm: expected tensors of 2 and 2 dimensions, got %(3x4%) and %(4%)", ap.mm, a, ap.ones(4))
  raises("linear: the weight %(5x6%) takes 6 features, the input %(3x4%) has 4", ap.linear, a, ap.ones(5, 6))
  raises("linear: expected a bias of 5 elements, got %(4%)", ap.linear, a, ap.ones(5, 4), ap.ones(4))
end)

test("matmul: where memory is too short for BLIS, the product is right or an error, never a crash", function()
  -- A checked build needs address space without bounds.
  if require "support.program".sanitize then return end
  local code = "local ap = require(\"apsis\") local a = ap.ones(600, 600) " ..
    "local ok, y = pcall(a.matmul, a, a) assert(not ok or y:sum():item() == 600 ^ 3) os.exit(0)"
  for kilobytes = 20000, 60000, 4000 do
    local command = ("ulimit -v %d; OMP_NUM_THREADS=1 '%s' -e '%s' 2>/dev/null"):format(kilobytes, arg[-1], code)
    local _, how, status = os.execute(command)
    -- Below some limit the program does not load or not start, and says so.
    assert(how == "exit" and status < 128, ("%s %d with %d KB"):format(how, status, kilobytes))
  end
end)
