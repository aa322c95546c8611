-- Reductions, scans and ordering against PyTorch's values (tests/golden/reduce.py), in every layout.
local ap = require "apsis"

local INPUTS = {"cube", "ties", "zeros", "row", "scalar"}
local DIMS = {all = false, ["1"] = 1, ["2"] = 2, ["12"] = {1, 2}, last = -1}
local FLOAT = {rtol = 1e-10, atol = 1e-12}

local LAYOUTS = require "support.layouts".pick("contiguous", "transposed", "strided")

-- cos(from), cos(from + 1), ... in the shape of x: the weights of the golden gradients.
local function weights(x, from)
  return ap.arange(from, from + x:numel() - 1):to(x.dtype):cos():reshape(x:size())
end

-- Value, first and second gradient of f at x against the golden values of that name.
local function agrees(g, key, f, x, options)
  options = options or FLOAT
  x = x:detach():requires_grad_()
  local y = f(x)
  close(y:detach(), g[key], options)
  if not y.requires_grad then return end
  local dx = ap.autograd.grad({(weights(y, 1) * y):sum()}, {x}, {create_graph = true})[1]
  close(dx:detach(), g[key .. ".grad"], options)
  if g[key .. ".grad2"] and dx.requires_grad then
    local ddx = ap.autograd.grad({(weights(x, 2) * dx):sum()}, {x}, {allow_unused = true})[1]
    close(ddx or x:detach() * 0, g[key .. ".grad2"], options)
  end
end

local function first(f)
  return function(...) return (f(...)) end
end

-- name in the golden file -> what we call
local REDUCTIONS = {
  sum = function(x, d, keep) return x:sum(d, keep) end,
  mean = function(x, d, keep) return x:mean(d, keep) end,
  prod = function(x, d, keep) return x:prod(d, keep) end,
  amax = function(x, d, keep) return x:amax(d, keep) end,
  amin = function(x, d, keep) return x:amin(d, keep) end,
  logsumexp = function(x, d, keep) return x:logsumexp(d, keep) end,
  var = function(x, d, keep) return x:var(d, 1, keep) end,
  var0 = function(x, d, keep) return x:var{dim = d, correction = 0, keepdim = keep} end,
  std = function(x, d, keep) return x:std(d, nil, keep) end,
  max = first(function(x, d, keep) return x:max(d, keep) end),
  min = first(function(x, d, keep) return x:min(d, keep) end),
  norm1 = function(x, d, keep) return x:norm(1, d, keep) end,
  norm2 = function(x, d, keep) return x:norm(2, d, keep) end,
  ["norm3.5"] = function(x, d, keep) return x:norm(3.5, d, keep) end,
  norminf = function(x, d, keep) return x:norm(math.huge, d, keep) end,
  ["norm-inf"] = function(x, d, keep) return x:norm(-math.huge, d, keep) end,
  norm0 = function(x, d, keep) return x:norm(0, d, keep) end,
}
local POSITIONS = {"argmax", "argmin", "all", "any", "count_nonzero"}
local SCANS = {
  cumsum = function(x, d) return x:cumsum(d) end,
  cumprod = function(x, d) return x:cumprod(d) end,
  logcumsumexp = function(x, d) return x:logcumsumexp(d) end,
  ascending = first(function(x, d) return x:sort(d) end),
  descending = first(function(x, d) return x:sort(d, true) end),
  topk = first(function(x, d) return x:topk(2, d) end),
  bottomk = first(function(x, d) return x:topk(2, d, false) end),
}

for name, f in pairs(REDUCTIONS) do
  test(name .. ": values, gradients and second gradients agree with PyTorch in every layout", function()
    local g, found = golden "reduce", 0
    for _, input in ipairs(INPUTS) do
      for dname, d in pairs(DIMS) do
        for keyword, keep in pairs {drop = false, keep = true} do
          local key = ("%s/%s/%s/%s"):format(input, dname, keyword, name)
          for _, layout in pairs(g[key] and LAYOUTS or {}) do
            agrees(g, key, function(x) return f(x, d or nil, keep) end, layout(g[input]))
            found = found + 1
          end
        end
      end
    end
    assert(found > 0)
  end)
end

for _, name in ipairs(POSITIONS) do
  test(name .. ": agrees with PyTorch in every layout", function()
    local g = golden "reduce"
    for _, input in ipairs(INPUTS) do
      for dname, d in pairs(DIMS) do
        for keyword, keep in pairs {drop = false, keep = true} do
          local want = g[("%s/%s/%s/%s"):format(input, dname, keyword, name)]
          for _, layout in pairs(want and LAYOUTS or {}) do
            equal(layout(g[input])[name](layout(g[input]), d or nil, keep), want)
          end
        end
      end
    end
  end)
end

for name, f in pairs(SCANS) do
  test(name .. ": values, gradients and positions along each dim agree with PyTorch in every layout", function()
    local g = golden "reduce"
    for _, input in ipairs(INPUTS) do
      for d = 1, 3 do
        local key = ("%s/%d/%s"):format(input, d, name)
        for _, layout in pairs(g[key] and LAYOUTS or {}) do
          agrees(g, key, function(x) return f(x, d) end, layout(g[input]))
          local want = g[key .. ".positions"]
          if want then equal(select(2, layout(g[input]):sort(d, name == "descending")), want) end
          if want then equal(layout(g[input]):argsort(d, name == "descending"), want) end
        end
      end
    end
  end)
end

test("sum: integers and bool sum to i64, exactly", function()
  for _, dtype in ipairs {"i64", "i32", "u8", "bool"} do
    local s = ap.ones(1000):to(dtype):sum()
    equal(s.dtype, "i64")
    equal(s:item(), 1000)
  end
  equal(ap.tensor({1 << 40, 1}, {dtype = "i64"}):sum():item(), (1 << 40) + 1)
end)

test("sum and prod of integers keep signs and wrap past 64 bits", function()
  local x = ap.tensor({-3, 1, -5}, {dtype = "i32"})
  equal(x:sum():item(), -7)
  equal(x:prod():item(), 15)
  equal(x:cumsum(1), ap.tensor({-3, -2, -7}, {dtype = "i64"}))
  equal(ap.tensor({math.maxinteger, 1}, {dtype = "i64"}):sum():item(), math.mininteger)
end)

test("sum: dtype converts first; mean of integers says what to do, and takes dtype", function()
  equal(ap.tensor({1, 2}, {dtype = "i32"}):sum{dtype = "f64"}.dtype, "f64")
  raises("mean: expected a floating%-point tensor, got i32", function()
    ap.tensor({1, 2}, {dtype = "i32"}):mean()
  end)
  equal(ap.tensor({1, 2}, {dtype = "i32"}):mean{dtype = "f32"}:item(), 1.5)
end)

test("sum: 2^24 f32 values stay within 1e-6, whole, by rows and by columns", function()
  local x = ap.full({4096, 4096}, 0.1)
  local exact = ap.tensor(0.1):to("f64"):item()
  close(x:sum():item() / 2 ^ 24, exact, {rtol = 1e-6})
  close(x:sum(1):to("f64"):sum():item() / 2 ^ 24, exact, {rtol = 1e-6})
  close(x:sum(2):to("f64"):sum():item() / 2 ^ 24, exact, {rtol = 1e-6})
end)

test("empty tensors: sums are 0, products 1, means nan, extremes an error", function()
  local x = ap.zeros(0, 3)
  equal(x:sum():item(), 0)
  equal(x:prod(1), ap.ones(3))
  equal(x:sum(2):size(), {0})
  equal(x:all():item(), true)
  equal(x:any():item(), false)
  local m = x:mean():item()
  assert(m ~= m)
  raises("amax: expected at least one element", function() x:amax() end)
  raises("argmax: expected at least one element", function() x:argmax(1) end)
  equal(x:amax(2):size(), {0})
end)

test("NaN wins in amax, max, argmax and sorts last", function()
  local nan = 0 / 0
  local x = ap.tensor {1, nan, 3, nan}
  local v, i = x:max(1)
  assert(v:item() ~= v:item())
  equal(i:item(), 2)
  equal(x:argmin():item(), 2)
  equal(x:argsort(), ap.tensor({1, 3, 2, 4}, {dtype = "i64"}))
  equal(x:argsort{descending = true}, ap.tensor({2, 4, 3, 1}, {dtype = "i64"}))
end)

test("max: without a dim the value, with one values and positions, with a tensor elementwise", function()
  local x = ap.tensor {{1, 5}, {3, 4}}
  equal(x:max():item(), 5)
  local v, i = x:max {dim = 2, keepdim = true}
  equal(v, ap.tensor {{5}, {4}})
  equal(i, ap.tensor({{2}, {2}}, {dtype = "i64"}))
  equal(x:max(x:t()), ap.tensor {{1, 5}, {5, 4}})
  equal(x:min():item(), 1)
end)

test("var_mean and std_mean give both, with the gradient of both", function()
  local x = golden("reduce").cube
  local v, m = x:var_mean(2)
  close(v, x:var(2), FLOAT)
  close(m, x:mean(2), FLOAT)
  x = x:detach():requires_grad_()
  local s
  s, m = x:std_mean(2)
  assert(ap.autograd.gradcheck(function(t)
    local a, b = t:std_mean(2)
    return a + b
  end, {x}))
  equal(s:size(), m:size())
end)

test("sum_to_size undoes broadcasting and gives x itself where nothing is to sum", function()
  local x = ap.arange(1, 24):to("f64"):reshape(2, 3, 4)
  close(x:sum_to_size(3, 1), x:sum(1):sum(2, true), FLOAT)
  close(x:sum_to_size({4}), x:sum {dim = {1, 2}}, FLOAT)
  equal(x:sum_to_size(2, 3, 4), x)
  raises("sum_to_size: %(5%) does not broadcast to %(2x3x4%)", function() x:sum_to_size(5) end)
end)

test("scans run backwards with reverse", function()
  equal(ap.tensor {1, 2, 3}:cumsum(1, true), ap.tensor {6, 5, 3})
  equal(ap.tensor {1, 2, 3}:cumprod {dim = 1, reverse = true}, ap.tensor {6, 6, 3})
end)

test("sort, topk and kthvalue agree on rows of every length that a method changes at", function()
  for _, dtype in ipairs {"f32", "f64", "i64", "u8"} do
    for _, n in ipairs {1, 2, 7, 8, 9, 11, 12, 13, 16, 17, 24, 31, 63, 64, 65, 100, 128, 511, 512, 513} do
      local x = (ap.arange(1, n):to("i64") * 7919 % 37):to(dtype)
      local v, i = x:sort()
      local before, at = v:totable(), i:totable()
      for k = 2, n do
        truth(before[k - 1] < before[k] or (before[k - 1] == before[k] and at[k - 1] < at[k]))
      end
      equal(x:gather(1, i), v)
      for _, k in ipairs {1, 5, 16, 17, 40} do
        if k <= n then
          equal(select(2, x:topk(k)), select(2, x:sort(1, true)):narrow(1, 1, k))
          equal(select(2, x:topk(k, 1, false)), i:narrow(1, 1, k))
          equal(select(2, x:kthvalue(k)):item(), at[k])
        end
      end
    end
  end
end)

test("running sums of every length agree with sums of their parts", function()
  for _, dtype in ipairs {"f32", "f64", "i64", "i32"} do
    for n = 1, 13 do
      local x = (ap.arange(1, n):to("i64") * 7 % 5 - 2):to(dtype)
      for _, reverse in ipairs {false, true} do
        local sums, products = x:cumsum(1, reverse), x:cumprod(1, reverse)
        for k = 1, n do
          local part = reverse and x:narrow(1, k, n - k + 1) or x:narrow(1, 1, k)
          equal(sums:select(1, k):item(), part:sum():item())
          equal(products:select(1, k):item(), part:prod():item())
        end
      end
    end
  end
end)

test("sort is stable over long rows of every dtype, and topk takes the first among equals", function()
  for _, dtype in ipairs {"f32", "f64", "i64", "i32", "u8"} do
    local x = (ap.arange(1, 1000):to("i64") * 7919 % 13):to(dtype)
    local v, i = x:sort()
    local before, at = v:totable(), i:totable()
    for k = 2, #before do
      assert(before[k - 1] < before[k] or (before[k - 1] == before[k] and at[k - 1] < at[k]))
    end
    local _, most = x:topk(60)
    equal(most, select(2, x:sort(1, true)):narrow(1, 1, 60))
    _, most = x:topk(5)
    equal(most, select(2, x:sort(1, true)):narrow(1, 1, 5))
  end
  raises("topk: expected k from 0 to the dimension's size 3, got 4", function() ap.ones(3):topk(4) end)
end)

test("cumsum_ and cumprod_ write over their tensor", function()
  local x = ap.tensor {{1, 2}, {3, 4.5}}
  close(x:clone():cumsum_(2), {{1, 3}, {3, 7.5}})
  close(x:clone():cumprod_(1), {{1, 2}, {3, 9}})
  local leaf = ap.tensor({1.0, 2}, {requires_grad = true});
  (leaf * 1):cumsum_(1):sum():backward()
  close(leaf.grad, {2, 1})
end)
