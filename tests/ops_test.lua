--- Every op of lib/ops/elementwise.def, by the list that the program gives of them: every dtype and every layout
--- against PyTorch's values (tests/golden/elementwise.py). An op without golden values fails.

local ap = require "apsis"
local layouts = require "support.layouts"

local dtypes = {"f32", "f64", "i64", "i32", "u8", "bool"}
local values = golden "elementwise"

-- Formulas that cancel: units in the last place of their largest term, not of the small result.
local absolute = {f32 = 2.0 ^ -20, f64 = 2.0 ^ -49}
local cancels = {}
for name in ([[gelu gelu_tanh gelu_grad gelu_tanh_grad silu_grad mish logit tanh_grad sigmoid_grad silu softplus
  tanhshrink lgamma digamma zeta sinc lerp logaddexp logaddexp2 bessel_j0 bessel_j1 bessel_y0 bessel_y1
  airy_ai modified_bessel_k0 modified_bessel_k1 scaled_modified_bessel_k0 scaled_modified_bessel_k1 igamma
  igammac]]):gmatch "%S+" do
  cancels[name] = true
end
for _, op in ipairs(ap.elementwise_ops()) do
  if op.name:find "_polynomial_" then cancels[op.name] = true end
end

local function tolerance(name, dtype, what)
  return {ulp = cancels[name] and 8 or 4, atol = cancels[name] and (absolute[dtype] or absolute.f32) or 0, rtol = 0,
    what = what}
end

-- PyTorch's values for integers are of no use here: see tests/golden/elementwise.py.
local integers_as_floats = {hardtanh = true, softsign = true}

-- The golden calls of an op for a dtype: {second = name or nil, params = {...}, expected = tensor}.
local function cases(name, dtype)
  local found = {}
  for key, expected in pairs(values) do
    local op, rest = key:match("^([%l%d_]+)(.*)%.(%w+)$")
    if op == name and key:match("%.(%w+)$") == dtype then
      local params = {}
      for number in (rest:match("%b()") or ""):gmatch("[-%d.e]+") do params[#params + 1] = tonumber(number) end
      found[#found + 1] = {key = key, second = rest:match(":(%w+)$"), params = params, expected = expected}
    end
  end
  table.sort(found, function(a, b) return a.key < b.key end)
  return found
end

-- PyTorch refuses the dtype: we may refuse it too or give a result (integers as f32), but never crash.
local function refused(expected) return expected.dtype == "u8" and expected:dim() == 1 and expected:numel() == 0 end

-- The key of a binary op's first operand.
local function first_of(op) return op.name:match("_grad$") and "m" or "a" end

local function check_unary(op, dtype, case)
  local x = values["x." .. dtype]
  local f = function(t) return ap[op.name](t, table.unpack(case.params)) end
  local n = x:numel()
  for _, layout in ipairs(layouts.of(x)) do
    local got = f(layout.tensor)
    close(got, layout.expect(case.expected), tolerance(op.name, dtype, case.key .. " " .. layout.name))
  end
  for k = 1, n do
    close(f(x[k]), case.expected[k], tolerance(op.name, dtype, case.key .. " 0-dim"))
  end
end

local function check_binary(op, dtype, case)
  local a, b = values[first_of(op) .. "." .. dtype], values[case.second .. "." .. dtype]
  local n, m = a:numel(), b:numel()
  local f = function(s, t) return ap[op.name](s, t, table.unpack(case.params)) end
  local function agrees(what, got, expected)
    close(got, expected, tolerance(op.name, dtype, case.key .. " " .. what))
  end
  local column, row = a:view(n, 1), b:view(1, m)
  agrees("broadcast (n,1) with (m)", f(column, b), case.expected)
  local s, t = column:expand(n, m), row:expand(n, m)
  agrees("expanded", f(s, t), case.expected)
  local dense_s, dense_t = s:contiguous(), t:contiguous()
  agrees("contiguous", f(dense_s, dense_t), case.expected)
  for _, left in ipairs(layouts.same_shape(dense_s)) do
    agrees(left.name .. " with contiguous", f(left.tensor, dense_t), case.expected)
    agrees("contiguous with " .. left.name, f(dense_s, layouts.named(dense_t, left.name)), case.expected)
    agrees(left.name .. " on both sides", f(left.tensor, layouts.named(dense_t, left.name)), case.expected)
  end
  agrees("zero-size", f(dense_s:narrow(1, 1, 0), b), case.expected:narrow(1, 1, 0))
  agrees("0-dim", f(a[n], b[m]), case.expected[n][m])
  agrees("0-dim with a vector", f(a[1], b), case.expected[1])
  agrees("a vector with 0-dim", f(a, b[1]), case.expected:select(2, 1))
end

-- On a device compiling is what costs (PoCL: 0.3 s a kernel): f32 and one more, in turns; APSIS_TEST_FULL=1 runs all.
-- The polynomials are a few lines of C that all share: f32 alone does.
local every = not require "support.device".name or os.getenv "APSIS_TEST_FULL"
local function dtypes_of(k, op)
  if every then return dtypes end
  return op.name:find "_polynomial_" and {"f32"} or {"f32", dtypes[2 + k % (#dtypes - 1)]}
end

for k, op in ipairs(ap.elementwise_ops()) do
  for _, dtype in ipairs(dtypes_of(k, op)) do
    local found = cases(op.name, dtype)
    local gradient = op.name:match("_grad$") and not dtype:match("^f")
    if not gradient and op.arity < 3 then
      test(("%s of %s agrees with PyTorch in every layout"):format(op.name, dtype), function()
        truth(#found > 0 or integers_as_floats[op.name] and not dtype:match("^f"),
          "no golden values: add the op to tests/golden/elementwise.py")
        for _, case in ipairs(found) do
          if refused(case.expected) then
            local x = values["x." .. dtype]
            local ok, message = pcall(ap[op.name], x, op.arity == 2 and x or nil)
            if not ok then truth(tostring(message):find(op.name, 1, true), "the error names the op: " .. message) end
          elseif op.rule == "numeric" and dtype == "bool" then
            local ok, message = pcall(ap[op.name], values["x.bool"], table.unpack(case.params))
            if not ok then truth(tostring(message):find(op.name .. ".*bool"), "op and dtype: " .. message) end
          elseif op.arity == 1 then
            check_unary(op, dtype, case)
          else
            check_binary(op, dtype, case)
          end
        end
      end)
    end
  end
end

-- --- three operands: what the ops of two say ------------------------------------------------------------------------

local TERNARY = {
  addcmul = {function(a, b, c, value) return ap.add(a, ap.mul(b, c), value) end, {1, -3}},
  addcdiv = {function(a, b, c, value) return ap.add(a, ap.div(b, c), value) end, {1, 0.5}},
  clamp_tensor = {function(a, b, c) return ap.minimum(ap.maximum(a, b), c) end, {false}},
  lerp_tensor = {function(a, b, c) return ap.where(c:abs():lt(0.5), a + (b - a) * c, b - (b - a) * (1 - c)) end,
    {false}},
}

local function check_ternary(op, dtype, reference, value)
  local a, b, c = values["a." .. dtype], values["p." .. dtype], values["b." .. dtype]
  local n, m, k = a:numel(), b:numel(), c:numel()
  a, b, c = a:view(n, 1, 1), b:view(1, m, 1), c:view(1, 1, k)
  if op.name == "lerp_tensor" then a = a:masked_fill(~a:isfinite(), 2):to(a.dtype) end
  local function both(what, x, y, z)
    local given = {x, y, z}
    if value then given[4] = value end
    local got, expected = ap[op.name](table.unpack(given)), reference(x, y, z, value or nil)
    if got.dtype ~= expected.dtype then expected = expected:to(got.dtype) end
    local size = {f32 = 2.0 ^ -20, f64 = 2.0 ^ -49}
    close(got, expected, {ulp = 4, atol = size[dtype] or size.f32, rtol = 0, what = what})
  end
  both("broadcast", a, b, c)
  local x, y, z = a:expand(n, m, k):contiguous(), b:expand(n, m, k):contiguous(), c:expand(n, m, k):contiguous()
  both("contiguous", x, y, z)
  both("rows", x, b, c)
  both("transposed", x:transpose(1, 3), y:transpose(1, 3), z:transpose(1, 3))
  both("strided", x:select(2, 1), y:select(2, 2), z:select(2, 1))
  both("small", x[1][1], y[1][1], z[1][1])
  both("0-dim", a[n][1][1], b[1][m][1], c)
  both("zero-size", x:narrow(1, 1, 0), b, c)
end

for _, op in ipairs(ap.elementwise_ops()) do
  if op.arity == 3 then
    for _, dtype in ipairs(every and {"f32", "f64", "i64", "u8"} or {"f32", "i64"}) do
      test(("%s of %s gives what the ops of two give, in every layout"):format(op.name, dtype), function()
        local reference, calls = table.unpack(TERNARY[op.name])
        local floating = dtype:find "^f"
        for _, value in ipairs(calls) do
          if floating or op.rule ~= "floating" and value ~= 0.5 and not (dtype == "u8" and value == -3) then
            check_ternary(op, dtype, reference, value)
          end
        end
      end)
    end
    test(op.name .. " takes numbers, and writes in place", function()
      local x, y = values["a.f64"]:clamp(-5, 5):nan_to_num(1), ap.tensor(0.75, {dtype = "f64"})
      local reference = TERNARY[op.name][1]
      local expected = reference(x, ap.full_like(x, 0.25), y:expand(x:size()))
      close(ap[op.name](x, 0.25, y), expected, {rtol = 1e-15})
      if op.name ~= "lerp_tensor" then close(ap[op.name](x, 0.25, 0.75), expected, {rtol = 1e-15}) end
      local target = x:clone()
      truth(rawequal(ap[op.name .. "_"](target, 0.25, y), target), "returns its tensor")
      close(target, expected, {rtol = 1e-15})
      raises(op.name .. ".*4 and 3", ap[op.name], ap.ones(4), ap.ones(3), 1.5)
      raises(op.name, ap[op.name .. "_"], ap.ones(1), ap.ones(3), 1.5)
      if op.rule == "floating" then raises(op.name, ap[op.name .. "_"], ap.tensor {1, 2}, 1, ap.tensor {1.5, 2}) end
    end)
  end
end

-- --- in place ----------------------------------------------------------------------------------------------------

-- In place: the same values where the result's kind fits the tensor, an error where it does not.
local kind = {f32 = 2, f64 = 2, i64 = 1, i32 = 1, u8 = 1, bool = 0}

for k, op in ipairs(ap.elementwise_ops()) do
  test(("%s_ changes its tensor as %s computes"):format(op.name, op.name), function()
    for _, dtype in ipairs(dtypes_of(k, op)) do
      for _, case in ipairs(cases(op.name, dtype)) do
        if not refused(case.expected) and not (op.rule == "numeric" and dtype == "bool") then
          local args = {}
          local x = values["x." .. dtype]
          if op.arity == 2 then
            local a, b = values[first_of(op) .. "." .. dtype], values[case.second .. "." .. dtype]
            local n, m = a:numel(), b:numel()
            x = a:view(n, 1):expand(n, m)
            args[1] = b
          end
          for _, p in ipairs(case.params) do args[#args + 1] = p end
          local target = x:contiguous():clone()
          local strided = layouts.named(target, "strided")
          local in_place = ap[op.name .. "_"]
          -- PyTorch's rule is about kinds (float, integer, bool), not widths: i32 takes an i64 result.
          if kind[case.expected.dtype] <= kind[dtype] then
            local expected = case.expected:to(dtype)
            truth(rawequal(in_place(target, table.unpack(args)), target), op.name .. "_ returns its tensor")
            close(target, expected, tolerance(op.name, dtype, case.key .. " in place"))
            in_place(strided, table.unpack(args))
            close(strided, expected, tolerance(op.name, dtype, case.key .. " in place, strided"))
          else
            raises(op.name, in_place, target, table.unpack(args))
            close(target, x:contiguous(), {rtol = 0, atol = 0})
          end
        end
      end
    end
  end)
end

test("elementwise ops give the same at every length and offset around the vector width", function()
  for _, dtype in ipairs {"f32", "f64", "i64", "u8"} do
    local x = values["x." .. dtype]
    local n = x:numel()
    local long = x:view(1, n):expand(200, n):reshape(-1)
    for _, name in ipairs {"exp", "tanh", "relu", "sqrt", "log", "sigmoid"} do
      local short = ap[name](x)
      close(ap[name](long), short:view(1, n):expand(200, n):reshape(-1), {rtol = 0, atol = 0, what = name})
      for first = 1, 3 do
        for length = 0, n - first do
          close(ap[name](x:narrow(1, first, length)), short:narrow(1, first, length), {rtol = 0, atol = 0, what = name})
        end
      end
    end
  end
end)

test("an in-place op whose input is another view of the same memory gives what a copy gives", function()
  local x = ap.arange(1, 16):to("f32"):view(4, 4)
  local expected = x:clone() + x:t():contiguous()
  x:add_(x:t())
  close(x, expected)
  local y = ap.arange(1, 8):to("f32")
  local shifted = y:narrow(1, 2, 7):clone() * y:narrow(1, 1, 7):clone()
  y:narrow(1, 2, 7):mul_(y:narrow(1, 1, 7))
  close(y:narrow(1, 2, 7), shifted)
end)

test("an argument too many is an error; nil is none", function()
  local x = ap.ones(2)
  raises("exp: expected at most 1 argument, got 2$", ap.exp, x, 3)
  raises("add: expected at most 3 arguments, got 4$", ap.add, x, 1, 2, 3)
  equal(ap.exp(x, nil):size(), {2})
end)

-- Sizes around those of the tiles and chunks in which the CPU takes such operands.
local SIDES = {{16, 16}, {15, 70}, {17, 33}, {37, 300}, {300, 18}, {64, 513}}

for _, dtype in ipairs {"f32", "f64", "i64", "u8"} do
  test(dtype .. ": a transposed matrix copies element by element", function()
    for _, side in ipairs(SIDES) do
      local rows, columns = table.unpack(side)
      local x = ap.arange(0, rows * columns - 1):remainder(251):to(dtype):view(rows, columns)
      local flat = ap.arange(0, rows * columns - 1)
      local expected = flat:remainder(rows) * columns + flat:floor_divide(rows)
      equal(x:t():contiguous():view(-1), expected:remainder(251):to(dtype))
    end
  end)
end

for _, dtype in ipairs {"f32", "f64", "i64"} do
  test(dtype .. ": operands across the result's order, and columns, give what their contiguous copies give", function()
    local function draw(...) return (ap.rand(..., {dtype = "f64"}) * 200 - 100):to(dtype) end
    for _, side in ipairs(SIDES) do
      local rows, columns = table.unpack(side)
      local a, b, column = draw {rows, columns}, draw {columns, rows}, draw {rows, 1}
      local turned, spread = b:t():contiguous(), column:expand(rows, columns):contiguous()
      equal(a - b:t(), a - turned)
      equal(b:t() - a, turned - a)
      equal(column - a, spread - a)
      equal(b:t() - column, turned - spread)
      equal(a:lt(b:t()), a:lt(turned))
      equal(a:addcmul(b:t(), column), a:addcmul(turned, spread))
      equal(a:clone():sub_(b:t()), a - turned)
      equal(a:atan2(b:t()), a:atan2(turned))
      local cube, across = draw {3, rows, columns}, draw {columns, 3, rows}
      equal(cube - across:permute(2, 3, 1), cube - across:permute(2, 3, 1):contiguous())
    end
  end)
end
