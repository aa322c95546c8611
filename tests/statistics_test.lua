-- Order statistics, histograms, covariance, differences and integrals against PyTorch's values
-- (tests/golden/statistics.py), in every layout.
local ap = require "apsis"
local gradcheck, gradgradcheck = ap.autograd.gradcheck, ap.autograd.gradgradcheck

local INPUTS = {"cube", "ties", "row", "scalar", "nans", "int"}
local EXACT = {rtol = 1e-12, atol = 1e-13}
local nan = 0 / 0

local function f32(t) return ap.tensor(t, {dtype = "f32"}) end

local LAYOUTS = require "support.layouts".pick("contiguous", "transposed", "strided")

-- f(x) against the golden value of that name, its positions and its gradient. False: there is none.
local function agrees(g, key, f, x)
  if not g[key] then return false end
  local wants = g[key .. ".grad"] ~= nil
  for name, layout in pairs(LAYOUTS) do
    local leaf = layout(x:detach())
    if wants then leaf = leaf:requires_grad_() end
    local y, positions = f(leaf)
    local options = {rtol = EXACT.rtol, atol = EXACT.atol, what = key .. ", " .. name}
    close(y:detach(), g[key], options)
    if g[key .. ".positions"] then equal(positions, g[key .. ".positions"]) end
    if wants then
      local weights = ap.arange(1, y:numel()):to("f64"):cos():reshape(y:size()):to(y.device)
      local dx = y.requires_grad and ap.autograd.grad({(weights * y):sum()}, {leaf}, {allow_unused = true})[1]
      close(dx or leaf:detach() * 0, g[key .. ".grad"], options)
    end
  end
  return true
end

-- Every golden value INPUT/DIM/keep|drop/NAME and INPUT/all/NAME.
local function agree_everywhere(name, f)
  local g, found = golden "statistics", 0
  for _, input in ipairs(INPUTS) do
    for d = 1, 3 do
      for word, keep in pairs {drop = false, keep = true} do
        local key = ("%s/%d/%s/%s"):format(input, d, word, name)
        if agrees(g, key, function(x) return f(x, d, keep) end, g[input]) then found = found + 1 end
      end
      local key = ("%s/%d/%s"):format(input, d, name)
      if agrees(g, key, function(x) return f(x, d, true) end, g[input]) then found = found + 1 end
    end
    if agrees(g, ("%s/all/%s"):format(input, name), function(x) return f(x) end, g[input]) then found = found + 1 end
  end
  truth(found > 0, "no golden value of " .. name)
end

local METHODS = {"median", "nanmedian", "mode", "nansum", "cummax", "cummin"}
for _, name in ipairs(METHODS) do
  test(name .. ": values, positions and gradients agree with PyTorch in every layout", function()
    agree_everywhere(name, function(x, d, keep)
      if name:find "^cum" then return x[name](x, d) end
      return x[name](x, d, keep)
    end)
  end)
end

test("kthvalue: agrees with PyTorch in every layout", function()
  agree_everywhere("kthvalue", function(x, d, keep) return x:kthvalue(x.ndim == 0 and 1 or 2, d, keep) end)
end)

test("nanmean: agrees with PyTorch", function()
  agree_everywhere("nanmean", function(x, d) return x:nanmean(d) end)
end)

test("aminmax: agrees with PyTorch", function()
  for side = 0, 1 do
    agree_everywhere("aminmax" .. side, function(x, d) return (select(side + 1, x:aminmax(d))) end)
  end
end)

for _, name in ipairs {"quantile", "nanquantile"} do
  for _, how in ipairs {"linear", "lower", "higher", "midpoint", "nearest"} do
    test(("%s: %s interpolation agrees with PyTorch"):format(name, how), function()
      agree_everywhere(name .. "_" .. how, function(x, d, keep)
        if d == nil then return x[name](x, 0.3, {interpolation = how}) end
        local finite = ap.where(x:eq(math.huge), 50, ap.where(x:eq(-math.huge), -50, x))
        return finite[name](finite, {0, 0.25, 0.5, 0.9, 1}, d, keep, how)
      end)
    end)
  end
end

test("norm: any order over any dims agrees with PyTorch", function()
  local g, found = golden "statistics", 0
  for name, p in pairs {["0"] = 0, ["0.5"] = 0.5, ["1"] = 1, ["2"] = 2, ["3.5"] = 3.5, ["-1"] = -1, ["-2.5"] = -2.5,
    inf = math.huge, ["-inf"] = -math.huge} do
    for _, input in ipairs {"cube", "row"} do
      for dname, dims in pairs {all = false, ["13"] = {1, 3}} do
        local key = ("%s/%s/norm%s"):format(input, dname, name)
        if agrees(g, key, function(x) return x:norm(p, dims or nil, dims and true) end, g[input]) then
          found = found + 1
        end
      end
    end
  end
  equal(found, 27)
end)

test("histc: agrees with PyTorch", function()
  local g = golden "statistics"
  equal(g.row:histc(5), g["histc/5"])
  equal(g.row:histc {bins = 7, min = -1, max = 1}, g["histc/range"])
  equal(g.ties:t():histc(4), g["histc/ties"])
end)

test("histc: one value gets a bin around it; NaN counts nowhere; nothing gives zeros", function()
  equal(ap.ones(3):histc(4), f32 {0, 0, 3, 0})
  equal(f32 {1, nan}:histc(4, 0, 2), f32 {0, 0, 1, 0})
  equal(ap.zeros(0):histc(4), ap.zeros(4))
  raises("histc: the data or the range is not finite", function() ap.tensor({1, nan}):histc(4) end)
  raises("histc: the range ends", function() ap.ones(3):histc(4, 3, 1) end)
  raises("histc: expected a number of bins of at least 1, got 0", function() ap.ones(3):histc(0) end)
  raises("histc: expected a floating%-point tensor, got i64", function() ap.tensor({1}, {dtype = "i64"}):histc() end)
end)

test("histogram: counts, weights and densities agree with PyTorch", function()
  local g = golden "statistics"
  for wname, weight in pairs {plain = false, weighted = g["histogram/weights"]} do
    for dname, density in pairs {count = false, density = true} do
      local key = ("histogram/%s/%s/"):format(wname, dname)
      local options = {weight = weight or nil, density = density}
      close(g.row:histogram(g["histogram/edges"], options), g[key .. "edges"], EXACT)
      local hist, edges = g.row:histogram(6, options)
      close(hist, g[key .. "6"], EXACT)
      close(edges, g[key .. "6.edges"], EXACT)
      options.range = {-1, 2}
      close(g.row:histogram(6, options), g[key .. "range"], EXACT)
    end
  end
end)

test("cov and corrcoef agree with PyTorch", function()
  local g = golden "statistics"
  local x = g["cov/x"]
  local weights = {fweights = g["cov/fweights"], aweights = g["cov/aweights"]}
  agrees(g, "cov/plain", function(t) return t:cov() end, x)
  agrees(g, "cov/correction0", function(t) return t:cov {correction = 0} end, x)
  agrees(g, "cov/weights", function(t) return t:cov(weights) end, x)
  agrees(g, "cov/vector", function(t) return t:cov() end, g.row)
  agrees(g, "corrcoef/plain", function(t) return t:corrcoef() end, x)
  close(ap.tensor({1, 2, 4}, {dtype = "i64"}):cov(), ap.tensor(7 / 3))
  truth(ap.tensor(2.0):cov():isnan():item())
end)

test("renorm and dist agree with PyTorch", function()
  local g = golden "statistics"
  for name, p in pairs {["1"] = 1, ["2"] = 2, ["3.5"] = 3.5, inf = math.huge} do
    for d = 1, 3 do
      truth(agrees(g, ("renorm/%s/%d"):format(name, d), function(x) return x:renorm(p, d, 1.5) end, g.cube))
    end
    truth(agrees(g, "dist/" .. name, function(x) return x:dist(x:select(1, 1) * 0.5 + 1, p) end, g.cube))
  end
  local x = g.cube:clone()
  equal(x:renorm_ {p = 2, dim = 1, maxnorm = 1}, g.cube:renorm(2, 1, 1))
  equal(x, g.cube:renorm(2, 1, 1))
end)

test("diff: agrees with PyTorch along every dim, n times, with what comes before and after", function()
  local g = golden "statistics"
  for d = 1, 3 do
    for _, n in ipairs {0, 1, 2, 9} do
      truth(agrees(g, ("diff/%d/%d"):format(d, n), function(x) return x:diff(n, d) end, g.cube))
    end
  end
  agrees(g, "diff/both", function(x)
    return x:diff {dim = 2, prepend = g["diff/prepend"], append = g["diff/append"]}
  end, g.cube)
  equal(ap.tensor {true, false, false}:diff(), ap.tensor {true, false})
end)

for _, name in ipairs {"trapezoid", "cumulative_trapezoid"} do
  test(name .. ": agrees with PyTorch for a step, places and a grid", function()
    local g = golden "statistics"
    for d = 1, 3 do
      truth(agrees(g, ("%s/%d"):format(name, d), function(y) return y[name](y, nil, d) end, g.cube))
      truth(agrees(g, ("%s/%d/grid"):format(name, d), function(y)
        return y[name](y, {x = g["trapezoid/grid"], dim = d})
      end, g.cube))
    end
    agrees(g, name .. "/dx", function(y) return y[name](y, {dx = 0.5}) end, g.cube)
    agrees(g, name .. "/vector", function(y) return y[name](y, g["trapezoid/places"]) end, g.cube)
  end)
end

test("second derivatives: gradgradcheck of what selects, scans, bends or multiplies", function()
  local x = golden "statistics".cube
  local small = golden("statistics")["cov/x"]
  local functions = {
    function(t) return t:median() end,
    function(t) return (t:median(2)) end,
    function(t) return (t:kthvalue(2, 3)) end,
    function(t) return (t:cummax(2)) * t end,
    function(t) return (t:mode(1)) end,
    function(t) return t:quantile({0.2, 0.5}, 2) * t:sum() end,
    function(t) return t:nanmean(1) * t:nansum() end,
    function(t) return t:norm(3.5, {1, 3}) end,
    function(t) return t:renorm(2, 2, 1.5) end,
    function(t) return t:dist(t:select(1, 1) * 0.5, 3) end,
    function(t) return t:diff(2, 2) * t:sum() end,
    function(t) return t:cumulative_trapezoid(t:cumsum(2), 2) end,
  }
  for _, f in ipairs(functions) do
    local leaf = x:narrow(3, 1, 2):clone():requires_grad_()
    truth(gradcheck(f, {leaf}))
    truth(gradgradcheck(f, {leaf}))
  end
  for _, f in ipairs {function(t) return t:cov() end, function(t) return t:corrcoef() end} do
    local leaf = small:clone():requires_grad_()
    truth(gradcheck(f, {leaf}))
    truth(gradgradcheck(f, {leaf}))
  end
end)

test("median of long rows of every dtype is what a sort finds in the middle", function()
  for _, dtype in ipairs {"f32", "f64", "f16", "bf16", "i64", "i32", "i16", "i8", "u8"} do
    for _, n in ipairs {1, 2, 47, 48, 1000, 4097, 10000} do
      local x = ((ap.arange(1, n):to("i64") * 7919 % 1009) % 251 - (dtype == "u8" and 0 or 125)):to(dtype)
      local sorted, order = x:sort()
      for _, k in ipairs {1, (n + 1) // 2, n} do
        local v, i = x:kthvalue(k)
        equal(v:item(), sorted:select(1, k):item())
        equal(i:item(), order:select(1, k):item())
      end
      equal(x:median():item(), sorted:select(1, (n + 1) // 2):item())
      equal(select(2, x:median(1)):item(), order:select(1, (n + 1) // 2):item())
    end
  end
end)

test("kthvalue finds its element in rows made against its pivots, and among equal ones", function()
  local n = 20000
  local same, saw = ap.full({n}, 2.5), ap.arange(1, n):to("f64") % 2
  local pipe = ap.cat({ap.arange(1, n // 2), ap.arange(1, n // 2):flip(1)})
  for _, x in ipairs {same, saw, pipe, pipe:neg()} do
    local sorted, order = x:sort()
    for _, k in ipairs {1, 2, n // 2, n - 1, n} do
      local v, i = x:kthvalue(k)
      equal(v:item(), sorted:select(1, k):item())
      equal(i:item(), order:select(1, k):item())
    end
  end
end)

test("median: NaN wins in median, is left out of nanmedian", function()
  local x = ap.tensor {3, nan, 1, 2}
  truth(x:median():isnan():item())
  local v, i = x:median(1)
  truth(v:isnan():item())
  equal(i:item(), 2)
  v, i = x:nanmedian {dim = 1, keepdim = true}
  equal(v, f32 {2})
  equal(i, ap.tensor({4}, {dtype = "i64"}))
  truth(f32 {nan, nan}:nanmedian():isnan():item())
end)

test("cummax and cummin: the latest of equal ones; a NaN is followed by NaNs", function()
  local v, i = ap.tensor {1, 3, 3, 2}:cummax(1)
  equal(v, ap.tensor {1, 3, 3, 3})
  equal(i, ap.tensor({1, 2, 3, 3}, {dtype = "i64"}))
  v, i = ap.tensor {nan, 1, nan, 0}:cummin(1)
  truth(v:isnan():all():item())
  equal(i, ap.tensor({1, 1, 3, 3}, {dtype = "i64"}))
  v, i = ap.tensor {false, true, false}:cummax(1)
  equal(v, ap.tensor {false, true, true})
  equal(i, ap.tensor({1, 2, 2}, {dtype = "i64"}))
  equal(select(2, ap.tensor({5, 4, 4}, {dtype = "i32"}):cummin(1)), ap.tensor({1, 2, 3}, {dtype = "i64"}))
  local infinite = ap.tensor {-math.huge, -math.huge}
  equal(select(2, infinite:cummax(1)), ap.tensor({1, 2}, {dtype = "i64"}))
end)

test("cummax along rows longer than a device's chunk agrees with running maxima", function()
  local n = 50000
  local x = (ap.arange(1, n):to("i64") * 7919 % 65537):to("f32"):reshape(1, n)
  local v, i = x:cummax(2)
  equal(x:gather(2, i), v)
  truth(v:narrow(2, 2, n - 1):ge(v:narrow(2, 1, n - 1)):all():item())
  truth(v:ge(x):all():item())
  equal(v:select(2, n):item(), x:max():item())
end)

test("quantile: of equal infinities, of NaN, of one element, of what is no fraction", function()
  equal(f32 {math.huge, math.huge, 1}:quantile(0.75):item(), math.huge)
  truth(ap.tensor {1, nan, 0}:quantile(0.5):isnan():item())
  equal(ap.tensor {1, nan, 0}:nanquantile(0.5):item(), 0.5)
  equal(ap.tensor(3.0):quantile(0.3):item(), 3)
  equal(f32 {1, 2, 3}:quantile(f32 {0, 0.5}, 1, true):size(), {2, 1})
  equal(ap.ones(2, 3):quantile {q = 0.5, keepdim = true}:size(), {1, 1})
  equal(ap.ones(2, 3):quantile({0.5}, 1):size(), {1, 3})
  raises("quantile: expected q from 0 to 1, got 1.5", function() ap.ones(3):quantile(1.5) end)
  raises("quantile: expected q as a number", function() ap.ones(3):quantile() end)
  raises("quantile: expected at least one element", function() ap.zeros(0):quantile(0.5) end)
  raises("quantile: interpolation: expected linear", function() ap.ones(3):quantile(0.5, 1, false, "cubic") end)
  raises("nanquantile: expected a floating%-point tensor, got i64", function()
    ap.tensor({1}, {dtype = "i64"}):nanquantile(0.5)
  end)
end)

test("zero-size tensors: nothing along other dims, an error along the empty one", function()
  local x = ap.zeros(3, 0)
  for _, name in ipairs {"median", "nanmedian", "mode"} do
    equal(x[name](x, 1):size(), {0})
    equal(select(2, x[name](x, 1, true)):size(), {1, 0})
    raises("expected at least one element", function() x[name](x, 2) end)
  end
  equal(x:kthvalue(2, 1):size(), {0})
  raises("kthvalue: expected at least one element", function() x:kthvalue(1, 2) end)
  truth(ap.zeros(0):median():isnan():item())
  raises("median: expected at least one element", function() ap.zeros({0}, {dtype = "i64"}):median() end)
  equal(x:cummax(2):size(), {3, 0})
  equal(x:nansum():item(), 0)
  equal(x:trapezoid(), ap.zeros(3))
  equal(x:diff():size(), {3, 0})
  raises("expected at least one element", function() ap.zeros(0):aminmax() end)
end)

test("wrong dims, orders and ranks say so", function()
  local x = ap.ones(2, 3)
  for _, name in ipairs {"median", "nanmedian", "cummax", "cummin", "mode", "nansum"} do
    raises(name .. ".*dimension 3 does not exist: dimensions run 1..2", function() x[name](x, 3) end)
  end
  raises("kthvalue: expected k from 1 to the dimension's size 3, got 4", function() x:kthvalue(4) end)
  raises("kthvalue: expected k from 1 to the dimension's size 3, got 0", function() x:kthvalue(0) end)
  raises("diff: dimension 3 does not exist", function() x:diff(1, 3) end)
  raises("diff: expected 1 dimension or more", function() ap.tensor(1.0):diff() end)
  raises("trapezoid: expected 2 places", function() x:trapezoid(ap.ones(3), 1) end)
  raises("trapezoid: give x or dx", function() x:trapezoid {x = ap.ones(3), dx = 1} end)
  raises("renorm: expected a norm's order above 0, got %-1", function() x:renorm(-1, 1, 1) end)
  raises("renorm: expected at least 2 dimensions, got 1", function() ap.ones(2):renorm(2, 1, 1) end)
  raises("cov: expected at most 2 dimensions, got 3", function() ap.ones(1, 2, 2):cov() end)
  raises("cov: fweights: expected a vector of 3", function() x:cov {fweights = ap.ones(2)} end)
  raises("median: unknown option 'dims'", function() x:median {dims = 1} end)
  raises("mode: argument 1: expected a tensor, got a number", function() ap.mode(3) end)
end)

test("an empty table of dims is all of them, as in PyTorch", function()
  local x = f32 {{1, 2}, {3, 4}}:requires_grad_()
  equal(x:sum({}):item(), 10)
  x:mean({}):backward()
  equal(x.grad, ap.full({2, 2}, 0.25))
end)

test("var and std take unbiased = false for correction = 0, in their gradients too", function()
  local x = ap.tensor({1, 2, 4}, {dtype = "f64"})
  equal(x:var {unbiased = false}, x:var {correction = 0})
  equal(x:std(1, nil, true, true), x:std {dim = 1, keepdim = true})
  truth(gradcheck(function(t) return t:var {unbiased = false} end, {x:clone():requires_grad_()}))
  raises("var: give correction or unbiased", function() x:var {unbiased = true, correction = 1} end)
end)

test("cumsum and cumprod take a dtype; logsumexp of integers is f32", function()
  local x = ap.tensor({1, 2, 3}, {dtype = "i64"})
  equal(x:cumsum {dim = 1, dtype = "f64"}, ap.tensor({1, 3, 6}, {dtype = "f64"}))
  equal(x:cumprod(1, true, "i32"), ap.tensor({6, 6, 3}, {dtype = "i32"}))
  equal(x:logsumexp().dtype, "f32")
  local leaf = f32 {1, 2}:requires_grad_()
  leaf:cumsum {dim = 1, dtype = "f64"}:sum():backward()
  equal(leaf.grad, f32 {2, 1})
end)

test("sum: 2^24 random f32 values stay within 1e-6 in every layout", function()
  local x = ap.rand(4096, 4096) - 0.25
  local exact = x:to("f64"):sum():item()
  local layouts = {x, x:t(), x:narrow(1, 2, 4095), x:reshape(-1), x:reshape(64, 64, 64, 64):permute(4, 2, 3, 1)}
  local wide = ap.zeros(4096, 4096, 2)
  wide:select(3, 1):copy_(x)
  layouts[#layouts + 1] = wide:select(3, 1)
  for i, t in ipairs(layouts) do
    local want = i == 3 and exact - x:select(1, 1):to("f64"):sum():item() or exact
    close(t:sum():item(), want, {rtol = 1e-6})
    close(t:mean():item() * t:numel(), want, {rtol = 1e-6})
    for d = 1, t.ndim do close(t:sum(d):to("f64"):sum():item(), want, {rtol = 1e-6}) end
  end
  close(x:cumsum(1):select(1, 4096):to("f64"):sum():item(), exact, {rtol = 1e-6})
  close(x:reshape(-1):cumsum(1):select(1, 4096 * 4096):item(), exact, {rtol = 1e-6})
end)

test("median and kthvalue of long rows agree with the sorted row, where a sample of it misleads too", function()
  for _, n in ipairs {5120, 200000} do
    local step = n // (n < 131072 and 512 or 8192)
    local x = ap.arange(1, n):mul(7919):remainder(n):to("f32")
    local misled = ap.where(ap.arange(0, n - 1):remainder(step):eq(0), -x - 1, x)
    for _, row in ipairs {x, misled, -misled, x:mul(0), x:to("f64"), misled:to("i64")} do
      local sorted = row:sort()
      for _, k in ipairs {17, n // 3, n - 20, n} do
        local value, at = row:kthvalue(k)
        equal(value:item(), sorted[k]:item())
        equal(row[at:item()]:item(), value:item())
      end
      equal(row:median():item(), sorted[n // 2]:item())
    end
  end
end)

test("histogram: one value makes a range of 1 around it, as in PyTorch", function()
  local hist, edges = ap.ones(3):histogram(2)
  close(hist, {0, 3})
  close(edges, {0.5, 1, 1.5})
end)

test("histogramdd counts points in boxes; its last edges belong to the last boxes", function()
  local x = f32 {{0, 0}, {1, 0.5}, {2, 1}, {2.5, 0}, {nan, 0}}
  local hist, edges = x:histogramdd({2, 2}, {range = {0, 2, 0, 1}})
  close(hist, {{1, 0}, {0, 2}})
  close(edges[1], {0, 1, 2})
  close(edges[2], {0, 0.5, 1})
  close((x:histogramdd({f32 {0, 1, 2}, f32 {0, 1}})), {{1}, {2}})
  close((x:histogramdd(1, {range = {0, 2, 0, 1}, weight = f32 {1, 2, 4, 8, 16}})), {{7}})
  local density, e = ap.rand(50, 2):histogramdd({3, 4}, {density = true})
  close((density * e[1]:diff():unsqueeze(2) * e[2]:diff()):sum(), 1)
end)

test("histogramdd says what is wrong with its arguments", function()
  local x = ap.rand(5, 2)
  raises("histogramdd: expected bins for 2 dimensions, got 3", x.histogramdd, x, {1, 2, 3})
  raises("histogramdd: range: expected 4 numbers", x.histogramdd, x, 3, {range = {0, 1}})
  raises("histogramdd: expected a weight for each of the 5 points", x.histogramdd, x, 3, {weight = ap.ones(4)})
  raises("histogramdd: expected points %(..., D%), got %(5%)", ap.histogramdd, ap.rand(5), 3)
  raises("expected a number of bins of at least 1", x.histogramdd, x, 0)
end)

test("gradient: values that a parabola has, in every spacing and at the ends", function()
  local x = ap.tensor({0, 0.5, 1.5, 3, 3.25}, {dtype = "f64"})
  local y = x * x * 3 - x
  close(y:gradient{spacing = x, edge_order = 2}[1], x * 6 - 1, {rtol = 1e-12})
  close(ap.tensor {1, 4, 9}:gradient()[1], f32 {3, 4, 5})
  local table2 = ap.arange(1, 6):to("f64"):reshape(2, 3)
  local rows, columns = table.unpack(table2:gradient {spacing = {2, 0.5}})
  close(rows, ap.full({2, 3}, 1.5, {dtype = "f64"}))
  close(columns, ap.full({2, 3}, 2, {dtype = "f64"}))
end)

test("gradient: its own gradients are right, and its errors say what is missing", function()
  local x = ap.rand({4, 3}, {dtype = "f64"}):requires_grad_()
  for _, edge_order in ipairs {1, 2} do
    gradcheck(function(v) return v:gradient {dim = {2, 1}, edge_order = edge_order} [1] end, {x})
  end
  gradcheck(function(v) return v:gradient {spacing = ap.tensor({0, 1, 4, 5}, {dtype = "f64"}), dim = 1}[1] end, {x})
  raises("gradient: expected at least 3 values along dimension 2", x.gradient, x:narrow(2, 1, 2), {edge_order = 2})
  raises("gradient: spacing: expected one for each of 2 dimensions, got 3", x.gradient, x, {spacing = {1, 2, 3}})
  raises("gradient: spacing: expected the 4 places of dimension 1", x.gradient, x, {spacing = ap.ones(3), dim = 1})
  raises("gradient: dimension 1 is named twice", x.gradient, x, {dim = {1, -2}})
  raises("gradient: edge_order", x.gradient, x, {edge_order = 3})
end)
