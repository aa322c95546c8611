--- PyTorch's promotion rules, for every pair of dtypes.

local ap = require "apsis"

local dtypes = {"f32", "f64", "f16", "bf16", "i8", "u8", "i16", "i32", "i64", "bool"}
local values = golden "elementwise"

local function expected(name, i, j)
  local row = values[name][i]
  return dtypes[(j and row[j] or row):item()]
end

local function of(dtype, shape) return ap.ones(shape, {dtype = dtype}) end

test("two tensors promote as in PyTorch, for every pair of dtypes", function()
  for i, a in ipairs(dtypes) do
    for j, b in ipairs(dtypes) do
      truth((of(a, {2}) + of(b, {2})).dtype == expected("promote", i, j), a .. " + " .. b)
      truth(ap.maximum(of(a, {}), of(b, {})).dtype == expected("promote", i, j), "0-dim " .. a .. " with 0-dim " .. b)
    end
  end
end)

test("a 0-dim tensor changes the dtype only where it is of a higher kind", function()
  for i, a in ipairs(dtypes) do
    for j, b in ipairs(dtypes) do
      truth((of(a, {2}) + of(b, {})).dtype == expected("promote_scalar", i, j), a .. " + 0-dim " .. b)
      truth((of(b, {}) * of(a, {2})).dtype == expected("promote_scalar", i, j), "0-dim " .. b .. " * " .. a)
    end
  end
end)

test("a number changes the dtype only where it is of a higher kind", function()
  for i, a in ipairs(dtypes) do
    for what, number in pairs {int = 2, float = 2.5, bool = true} do
      for shape, size in pairs {[""] = {2}, scalar_ = {}} do
        local want = expected("promote_" .. shape .. what, i)
        truth(ap.add(of(a, size), number).dtype == want, ("%s + %s"):format(a, what))
        truth(ap.mul(number, of(a, size)).dtype == want, ("%s * %s"):format(what, a))
      end
    end
  end
end)

test("true division of integers gives f32, of f64 and integers f64", function()
  equal((of("i64", {2}) / of("i32", {2})).dtype, "f32")
  equal((of("u8", {2}) / 2).dtype, "f32")
  equal((of("f64", {2}) / of("i32", {2})).dtype, "f64")
  equal((of("bool", {2}) / of("bool", {2})).dtype, "f32")
end)

test("integers keep all 64 bits", function()
  local big = 2 ^ 53 // 1 | 1
  local x = ap.tensor({big, -big, math.maxinteger, math.mininteger}, {dtype = "i64"})
  equal(x:totable(), {big, -big, math.maxinteger, math.mininteger})
  equal((x + 0):totable(), {big, -big, math.maxinteger, math.mininteger})
  equal((x + 1):totable()[1], big + 1)
  equal(x:clone():totable(), x:totable())
  equal(x:eq(big):totable(), {true, false, false, false})
end)

test("conversion truncates towards zero, and to bool asks for non-zero", function()
  local x = ap.tensor {1.9, -1.9, 0.0, 0.4}
  equal(x:to("i64"):totable(), {1, -1, 0, 0})
  equal(x:to("bool"):totable(), {true, true, false, true})
  equal(ap.tensor({300, -1}, {dtype = "i64"}):to("u8"):totable(), {44, 255})
  equal(ap.tensor {true, false}:to("f64"):totable(), {1.0, 0.0})
end)

test("half precision rounds to nearest even and keeps infinities, nans and denormals", function()
  local x = ap.tensor {1.0, 1.0 + 2.0 ^ -11,
    1.0 + 3 * 2.0 ^ -11, 65504, 65520, 1 / 0, -1 / 0, 2.0 ^ -24, 2.0 ^ -26, 0 / 0}
  close(x:to("f16"):to("f32"), {1.0, 1.0, 1.0 + 2.0 ^ -9, 65504, 1 / 0, 1 / 0, -1 / 0, 2.0 ^ -24, 0.0, 0 / 0},
    {rtol = 0, atol = 0})
  local y = ap.tensor {1.0, 1.0 + 2.0 ^ -8, 1.0 + 3 * 2.0 ^ -8, 3e38, 1 / 0, 0 / 0}
  close(y:to("bf16"):to("f32"), {1.0, 1.0, 1.0 + 2.0 ^ -6, 3e38, 1 / 0, 0 / 0}, {rtol = 2 ^ -8})
end)

test("every dtype converts to every other and back for small values", function()
  for _, a in ipairs(dtypes) do
    for _, b in ipairs(dtypes) do
      local x = ap.tensor({0, 1, 1, 0}, {dtype = a})
      local y = x:to(b)
      equal(y.dtype, b)
      equal(y:to("i64"):totable(), {0, 1, 1, 0})
    end
  end
end)
