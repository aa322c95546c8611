--- What is composed of elementwise ops: limits, interpolation, rounding division, closeness, aliases, dtypes.
--- Against PyTorch's values (tests/golden/arithmetic.py).

local ap = require "apsis"
local F = require "apsis.nn.functional"
local samples = require "support.samples"

local g = golden "arithmetic"

-- f of the golden inputs of those names agrees with PyTorch, its gradients too, and second derivatives with
-- finite differences where `smooth`.
local function agrees(name, f, inputs, rough)
  test(name .. ": values and gradients agree with PyTorch's", function()
    local leaves, given = {}, {}
    for i, key in ipairs(inputs) do
      local values = g[name .. "_" .. key] or g[key] or g.special
      leaves[i], given[i] = values:clone():requires_grad_(), key
    end
    local y = f(table.unpack(leaves))
    -- PyTorch's trigamma is right to 1e-9.
    local rtol = name == "polygamma1" and 1e-9 or 1e-12
    close(y:detach(), g[name], {rtol = rtol, atol = 1e-14})
    local weights = ap.arange(1, y:numel(), 1, {dtype = "f64", device = y.device}):reshape(y:size());
    (y * weights):sum():backward()
    for i, key in ipairs(given) do
      local grad = leaves[i].grad or ap.zeros_like(leaves[i]:detach())
      close(grad, g[name .. "." .. key], {rtol = 1e-11, atol = 1e-13, what = "gradient of " .. key})
    end
  end)
  if rough then return end
  test(name .. ": second derivatives agree with finite differences", function()
    local list = {}
    for i = 1, #inputs do list[i] = (i == 1 and samples.positive(2, 4) or samples.inner(2, 4)) end
    if name == "prelu" then list[2] = samples.inner(4) end
    ap.autograd.gradcheck(f, list)
    ap.autograd.gradgradcheck(f, list)
  end)
end

agrees("lerp", function(a, b, c) return ap.lerp(a, b, c) end, {"a", "b", "c"})
agrees("addcmul", function(a, b, c) return ap.addcmul(a, b, c, {value = 2.5}) end, {"a", "b", "c"})
agrees("addcdiv", function(a, b, c) return a:addcdiv(b, c, 2.5) end, {"a", "b", "c"})
agrees("clamp_both", function(a, b, c) return a:clamp {min = b, max = c} end, {"a", "b", "c"}, true)
agrees("clamp_min", function(a, b) return a:clamp_min(b) end, {"a", "b"})
agrees("clamp_max", function(a, b) return a:clip(nil, b) end, {"a", "b"})
agrees("glu", function(x) return F.glu(x, 1) end, {"x"})
agrees("prelu", F.prelu, {"x", "w"})
agrees("rrelu", F.rrelu, {"x"})
agrees("polygamma1", function(p) return p:polygamma(1) end, {"p"})
agrees("polygamma3", function(p) return ap.special.polygamma(3, p) end, {"p"})
agrees("mvlgamma", function(p) return ap.special.multigammaln(p + 1, 3) end, {"p"})
agrees("nan_to_num", ap.nan_to_num, {"s"}, true)
agrees("nan_to_num_named", function(s) return s:nan_to_num {nan = 2, posinf = 9} end, {"s"}, true)
agrees("xlogy", ap.xlogy, {"a", "b"}, true)
agrees("float_power", ap.float_power, {"p", "b"})

test("div: rounded down and towards zero, of integers too; by zero says so", function()
  close(g.a:div(g.b, "floor"), g.div_floor)
  close(g.a:div(g.b, {rounding_mode = "trunc"}), g.div_trunc)
  local n = ap.tensor({7, -7, 7, -7}, {dtype = "i32"})
  local d = ap.tensor({2, 2, -2, -2}, {dtype = "i32"})
  equal(n:div(d, "trunc"):totable(), {3, -3, -3, 3})
  equal(n:div(d, "floor"):totable(), {3, -4, -4, 3})
  equal(n:clone():div_(d, "trunc").dtype, "i32")
  close(n / d, {3.5, -3.5, -3.5, 3.5})
  raises("trunc_divide: integer division by zero", function() n:div(0, "trunc") end)
  raises("div: rounding_mode: expected 'floor', 'trunc' or nil, got 'ceil'", function() n:div(d, "ceil") end)
end)

test("clamp: max where min is above it; limits by name; dtypes of numbers as before", function()
  equal(ap.tensor {-5, 5}:clamp {min = 0}:totable(), {0, 5})
  equal(ap.tensor {-5, 5}:clamp_(nil, {max = 0}):totable(), {-5, 0})
  equal(ap.tensor {-5, 5}:clip(-1, {max = 1}):totable(), {-1, 1})
  raises("clamp: unknown option 'low'", ap.clamp, ap.ones(2), {low = 1})
  equal(ap.tensor {0, 5, 2}:clamp(3, 1):totable(), {1, 1, 1})
  local x = ap.tensor({1, 5, 9}, {dtype = "i64"})
  equal(x:clamp(ap.tensor({2, 2, 2}, {dtype = "i64"}), 6):totable(), {2, 5, 6})
  equal(x:clone():clamp_(nil, ap.tensor({0, 7, 7}, {dtype = "i64"})):totable(), {0, 5, 7})
  raises("clamp_: a f32 result does not fit the i64 tensor", function() x:clone():clamp_(ap.tensor {0.5, 0.5, 0.5}) end)
  raises("does not have the shape", function() ap.ones(3):clamp_(ap.zeros(2, 3)) end)
end)

test("in-place forms of composed functions change their tensor, and gradients follow", function()
  local x = ap.tensor({1.0, 2, 3}, {dtype = "f64", requires_grad = true})
  local y = (x * 1):lerp_(ap.tensor({5, 5, 5}, {dtype = "f64"}), ap.tensor({0.25, 0.5, 0.75}, {dtype = "f64"}))
  close(y:detach(), {2, 3.5, 4.5})
  y:sum():backward()
  close(x.grad, {0.75, 0.5, 0.25})
  close(ap.tensor {1.0, 2}:addcmul_(ap.tensor {2.0, 3}, ap.tensor {4.0, 5}, 0.5), {5, 9.5})
  close(ap.tensor {1.0, 2}:lerp_(ap.tensor {3.0, 4}, 0.5), {2, 3})
  close(ap.tensor {1.0}:polygamma_(1), {math.pi ^ 2 / 6})
  close(ap.tensor {-6.0, 1}:rrelu_(0.5, 0.5), {-3, 1})
  raises("lerp: argument 3: expected a floating.point tensor, got i64", ap.lerp, ap.ones(2), ap.ones(2),
    ap.tensor {1, 2})
  local t = ap.tensor {0 / 0, 1.0, 1 / 0}
  truth(rawequal(t:nan_to_num_(7, 8), t))
  equal(t:totable(), {7.0, 1.0, 8.0})
end)

test("pow: exponents with ops of their own agree with the exponent as a tensor, in every dtype and form", function()
  local inf, nan = 1 / 0, 0 / 0
  for _, dtype in ipairs {"f32", "f64", "f16", "i64"} do
    local x = ap.tensor({1, 2, 3, 7, 10}, {dtype = dtype})
    for _, e in ipairs {2, 3, 0.5, -1, -0.5, 2.0} do
      if dtype ~= "i64" or e ~= -1 then
        local y = x ^ e
        local float = dtype == "i64" and "f32" or dtype
        local exponent = ap.full({5}, e, {dtype = math.type(e) == "integer" and dtype or float})
        close(y, x ^ exponent, {rtol = dtype == "f16" and 1e-3 or 1e-6, atol = 0, what = dtype .. " ^ " .. e})
        equal(y.dtype, dtype == "i64" and math.type(e) == "float" and "f32" or dtype)
        if dtype ~= "i64" then close(x:clone():pow_(e), y) end
      end
    end
  end
  local x = ap.tensor {-0.0, -inf, inf, nan, -2}
  close(x ^ 2, {0, inf, inf, nan, 4})
  close(x ^ 3, {-0.0, -inf, inf, nan, -8})
  close(x ^ 0.5, {-0.0, nan, inf, nan, nan}) -- as PyTorch, whose pow is sqrt there
  close(x ^ -1, {-inf, -0.0, 0, nan, -0.5})
  equal((ap.tensor {true, false} ^ 2):totable(), {1, 0})
  local t = ap.tensor({1.0, 2, 4}, {dtype = "f64"})
  for _, e in ipairs {2, 3, 0.5, -1, -0.5, 1} do
    local f = function(v) return v ^ e end
    truth(ap.autograd.gradcheck(f, {t:clone():requires_grad_()}), "gradient of x ^ " .. e)
    truth(ap.autograd.gradgradcheck(f, {t:clone():requires_grad_()}), "second derivative of x ^ " .. e)
  end
  close(ap.ones(3, 2):t() ^ 2, ap.ones(2, 3))
  raises("pow: an integer to a negative integer power", function() return ap.tensor {1, 2} ^ -1 end)
  raises("pow_: elements of the tensor share memory", function() ap.ones(1):expand(3):pow_(2) end)
end)

test("isclose, allclose, equal", function()
  local inf, nan = 1 / 0, 0 / 0
  local a, b = ap.tensor {1.0, inf, nan, 1e-9, 100}, ap.tensor {1.000001, inf, nan, 0, 101}
  equal(ap.isclose(a, b):totable(), {true, true, false, true, false})
  equal(a:isclose(b, {equal_nan = true, rtol = 0.02}):totable(), {true, true, true, true, true})
  truth(not a:allclose(b) and a:allclose(b, 0.02, 1e-8, true))
  truth(ap.isclose(ap.tensor(5), 4, 0.5, 1):item())
  truth(ap.equal(ap.ones(2, 3), ap.ones(2, 3)) and not ap.equal(ap.ones(2, 3), ap.ones(3, 2)))
  truth(not ap.equal(a, a) and ap.equal(ap.ones(0), ap.zeros(0)))
  raises("isclose: unknown option 'tol'", ap.isclose, a, b, {tol = 1})
end)

test("frexp takes numbers apart and ldexp puts them together, over the whole range", function()
  for _, dtype in ipairs {"f32", "f64"} do
    local x = ap.tensor({0, -6.5, 1e-40, 3e38, 0.75, 1 / 0}, {dtype = dtype})
    local m, e = x:frexp()
    equal({m.dtype, e.dtype}, {dtype, "i32"})
    close(ap.ldexp(m, e), x, {rtol = 0, atol = 0})
  end
  equal(ap.tensor {6.0}:frexp():item(), 0.75)
end)

test("shifts by operator; lcm and gcd of mixed signs", function()
  local x = ap.tensor({1, -8, 40}, {dtype = "i32"})
  equal((x << 2):totable(), {4, -32, 160})
  equal((x >> 1):totable(), {0, -4, 20})
  equal((x >> 70):totable(), {0, -1, 0})
  equal((1 << ap.tensor {0, 3}):totable(), {1, 8})
  equal(ap.gcd(ap.tensor {-12, 0, 7}, 18):totable(), {6, 18, 1})
  equal(ap.lcm(ap.tensor {-4, 0, 7}, 6):totable(), {12, 0, 42})
  raises("gcd: expected integers", ap.gcd, ap.tensor {1.5}, 2)
end)

test("nextafter: neighbours, and a refusal of halves", function()
  local x = ap.tensor({1.0, 0, -1}, {dtype = "f32"})
  close(x:nextafter(2), {1 + 2.0 ^ -23, 2.0 ^ -149, -1 + 2.0 ^ -24}, {rtol = 0, atol = 0})
  raises("nextafter: expected f32 or f64, got f16", ap.nextafter, x:to "f16", 1)
end)

test("aliases are the functions that they stand for", function()
  local aliases = require "apsis.ops.alias"
  for name, of in pairs(aliases) do
    truth(ap[name] == ap[of] and ap[name] ~= nil, name)
    truth(ap[of .. "_"] == ap[name .. "_"], name .. "_")
  end
  close(ap.tensor {-1.5}:absolute(), {1.5})
end)

test("finfo, iinfo, promote_types, can_cast, result_type", function()
  equal(ap.finfo().max, 3.4028234663852886e38)
  equal(ap.finfo("f16").eps, 2.0 ^ -10)
  close(ap.tensor({ap.finfo("f64").max}, {dtype = "f64"}) * 2, {1 / 0})
  equal({ap.iinfo("u8").max, ap.iinfo("i16").min, ap.iinfo("i64").max}, {255, -32768, math.maxinteger})
  raises("finfo: expected a floating dtype, got i32", ap.finfo, "i32")
  raises("iinfo: expected an integer dtype, got bool", ap.iinfo, "bool")
  equal({ap.promote_types("u8", "i8"), ap.promote_types("f16", "bf16")}, {"i16", "f32"})
  truth(ap.can_cast("i64", "u8") and ap.can_cast("bool", "f32") and not ap.can_cast("f32", "i64")
    and not ap.can_cast("i32", "bool"))
  equal({ap.result_type(ap.zeros(2, {dtype = "i32"}), 1.5), ap.result_type(ap.zeros(2, {dtype = "u8"}), 7)},
    {"f32", "u8"})
end)

test("zeta: far below zero it neither hangs nor loses its terms", function()
  local z = ap.special.zeta(2, ap.tensor({-1e6 + 0.5, -1e30}, {dtype = "f64"})):totable()
  close(z[1], math.pi ^ 2, {rtol = 1e-5})
  equal(z[2], 1 / 0)
end)

test("round takes decimals, by position and by name, and in place", function()
  local x = ap.tensor({2.346, -17.5, 1234.5}, {dtype = "f64"})
  close(x:round(1), ap.tensor({2.3, -17.5, 1234.5}, {dtype = "f64"}))
  close(x:round {decimals = -2}, ap.tensor({0, -0.0, 1200}, {dtype = "f64"}))
  close(x:clone():round_(2), ap.tensor({2.35, -17.5, 1234.5}, {dtype = "f64"}))
  equal(ap.tensor {15, 25}:round(2), ap.tensor {15, 25})
end)

test("logit limits its argument to [eps, 1 - eps]", function()
  local x = ap.tensor({-1, 0.05, 0.5, 2}, {dtype = "f64"}):requires_grad_()
  local y = x:logit {eps = 0.1}
  local edge = math.log(0.9 / 0.1)
  close(y:detach(), ap.tensor({-edge, -edge, 0, edge}, {dtype = "f64"}))
  y:sum():backward()
  close(x.grad, ap.tensor({0, 0, 4, 0}, {dtype = "f64"}))
end)
