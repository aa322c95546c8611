--- Arithmetic and tests beside those of elementwise.lua: gradients, docs and what is composed of ops.

local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"
local in_place = require "apsis.ops.in_place"
local rule, no_gradient, define, is_tensor = core.rule, core.no_gradient, core.define, core.is_tensor

local function zero() return nil end

-- --- one tensor --------------------------------------------------------------------------------------------------

--- deg2rad: degrees to radians.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("deg2rad", "", function(g) return g * (math.pi / 180) end)

--- rad2deg: radians to degrees.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("rad2deg", "", function(g) return g * (180 / math.pi) end)

--- signbit: true where an element is negative, -0.0 included.
---@param x Tensor any shape
---@return Tensor same shape, bool
no_gradient("signbit")

--- isposinf: true where an element is +inf.
---@param x Tensor any shape
---@return Tensor same shape, bool
no_gradient("isposinf")

--- isneginf: true where an element is -inf.
---@param x Tensor any shape
---@return Tensor same shape, bool
no_gradient("isneginf")

--- isreal: true everywhere: there are no complex dtypes.
---@param x Tensor any shape
---@return Tensor same shape, bool
define("isreal", function(x)
  arguments.tensor("isreal", 1, x)
  return core.ones_like(x, {dtype = "bool"})
end)

--- positive: x itself, as a + before it would be.
---@param x Tensor any shape, numeric
---@return Tensor x
define("positive", function(x)
  arguments.tensor("positive", 1, x)
  if x.dtype == "bool" then arguments.fail("positive: not defined for bool") end
  return x
end)

rule("frexp_mantissa", "1", function(g, _, x) return g / core.frexp_exponent(x):exp2() end)
rule("frexp_exponent", "", zero)

--- frexp: x = mantissa * 2^exponent with the mantissa's magnitude in [1/2, 1); exponent 0 for 0, inf and nan.
---@param x Tensor any shape, floating
---@return Tensor mantissa same shape
---@return Tensor exponent same shape, i32
--- Source: torch.frexp.  Example: ap.tensor{6.0}:frexp() --> [0.75], [3]
define("frexp", function(x)
  arguments.tensor("frexp", 1, x)
  return core.frexp_mantissa(x), core.frexp_exponent(x:detach()):to("i32")
end)

--- nan_to_num: x with numbers in place of nan and the infinities.
---@param x Tensor any shape
---@param nan number|nil default 0
---@param posinf number|nil default the dtype's largest number
---@param neginf number|nil default the dtype's lowest number
---@return Tensor same shape and dtype
--- Source: torch.nan_to_num.  Example: ap.tensor{0/0, 1}:nan_to_num() --> 0, 1
define("nan_to_num", function(x, ...)
  arguments.tensor("nan_to_num", 1, x)
  local nan, posinf, neginf = arguments.named("nan_to_num", {"nan", "posinf", "neginf"}, ...)
  if not x:is_floating_point() then return x:clone() end
  local most = core.finfo(x.dtype).max
  local y
  if posinf or neginf then
    y = core.where(x:isposinf(), posinf or most, x)
    y = core.where(x:isneginf(), neginf or -most, y)
  else
    y = core.clamp(x, -most, most)
  end
  return y:masked_fill(x:isnan(), nan or 0)
end)
in_place "nan_to_num"

-- --- limits --------------------------------------------------------------------------------------------------------

local clamp_numbers, clamp_numbers_ = core.clamp, core.clamp_

-- Whose gradient it is where the larger of a and b was taken: 1 where a is larger, half where both are equal.
local function share(g, a, b)
  return g * core.gt(a, b):to(g.dtype) + g * (core.eq(a, b):to(g.dtype) * 0.5)
end

--- clamp_tensor: clamp with both limits, of which at least one is a tensor. What clamp calls.
---@param x Tensor
---@param min number|Tensor
---@param max number|Tensor
---@return Tensor the broadcast shape
rule("clamp_tensor", "123",
  function(g, _, x, low, high) return share(share(g, high, core.maximum(x, low)), x, low) end,
  function(g, _, x, low, high) return share(share(g, high, core.maximum(x, low)), low, x) end,
  function(g, _, x, low, high) return share(g, core.maximum(x, low), high) end)

local function clamp_tensors(x, min, max)
  arguments.tensor("clamp", 1, x)
  if min == nil then return core.minimum(x, max) end
  if max == nil then return core.maximum(x, min) end
  return core.clamp_tensor(x, min, max)
end

-- The limits, by position or by name, and whether one of them is a tensor.
local function limits(name, min, max)
  if type(min) == "table" then
    min, max = arguments.named(name, {"min", "max"}, min)
  elseif type(max) == "table" then
    min, max = arguments.named(name, {"min", "max"}, min, max)
  end
  return min, max, is_tensor(min) or is_tensor(max)
end

--- clamp: each element limited to [min, max]; max where min is above it. The gradient passes where the element was
--- inside; limits that are tensors get it where it was outside, and half where both are equal.
---@param x Tensor any shape, numeric
---@param min number|Tensor|nil lower limit; a tensor broadcasts
---@param max number|Tensor|nil upper limit
---@return Tensor same shape
--- Source: torch.clamp.  Example: ap.tensor{-2, 0.5, 3}:clamp(0, 1) --> 0, 0.5, 1
define("clamp", function(x, min, max)
  local low, high, tensors = limits("clamp", min, max)
  if tensors then return clamp_tensors(x, low, high) end
  return clamp_numbers(x, low, high)
end)
in_place("clamp", clamp_tensors)
local clamp_one_ = core.clamp_
define("clamp_", function(x, min, max)
  local low, high, tensors = limits("clamp_", min, max)
  if tensors then return (low ~= nil and high ~= nil and core.clamp_tensor_ or clamp_one_)(x, low, high) end
  return clamp_numbers_(x, low, high)
end)

--- clamp_min: each element at least min.
---@param x Tensor any shape, numeric
---@param min number|Tensor
---@return Tensor same shape
define("clamp_min", function(x, min) return core.clamp(x, min) end)
define("clamp_min_", function(x, min) return core.clamp_(x, min) end)

--- clamp_max: each element at most max.
---@param x Tensor any shape, numeric
---@param max number|Tensor
---@return Tensor same shape
define("clamp_max", function(x, max) return core.clamp(x, nil, max) end)
define("clamp_max_", function(x, max) return core.clamp_(x, nil, max) end)

-- --- two tensors ---------------------------------------------------------------------------------------------------

rule("trunc_divide", "", zero, zero)

local true_divide, true_divide_ = core.div, core.div_
local rounded = {floor = {core.floor_divide, core.floor_divide_}, trunc = {core.trunc_divide, core.trunc_divide_}}

local function divider(name, plain, which)
  return function(a, b, mode)
    if mode == nil then return plain(a, b) end
    if type(mode) == "table" then
      mode = arguments.named(name, {"rounding_mode"}, mode)
      if mode == nil then return plain(a, b) end
    end
    local f = rounded[mode]
    if not f then
      arguments.fail("%s: rounding_mode: expected 'floor', 'trunc' or nil, got '%s'", name, tostring(mode))
    end
    return f[which](a, b)
  end
end

--- div: a / b, broadcast: true division, or rounded down or towards zero. Also written a / b.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@param rounding_mode string|nil "floor" or "trunc": the quotient rounded, in the promoted dtype, without a gradient
---@return Tensor the broadcast shape, floating without a rounding_mode
--- Errors: an integer division by zero, with a rounding_mode.
--- Source: torch.div.  Example: ap.tensor{7}:div(-2, {rounding_mode = "trunc"}) --> -3
define("div", divider("div", true_divide, 1))
define("div_", divider("div_", true_divide_, 2))

--- true_divide: a / b, broadcast; what a / b calls.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, floating
core.define("true_divide", true_divide)
core.define("true_divide_", true_divide_)

--- float_power: a^b in f64.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, f64
--- Source: torch.float_power.
define("float_power", function(a, b)
  if is_tensor(a) then a = a:to("f64") end
  if is_tensor(b) then b = b:to("f64") end
  return core.pow(a, b)
end)
in_place "float_power"

--- rsub: b - alpha * a.
---@param a Tensor
---@param b Tensor|number
---@param alpha number|nil default 1
---@return Tensor
define("rsub", function(a, b, alpha) return core.sub(b, a, alpha) end)

--- heaviside: 0 below 0, 1 above 0, and b's element at 0.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, promoted dtype
--- Source: torch.heaviside.
no_gradient("heaviside")

--- ldexp: a * 2^b.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, floating
--- Source: torch.ldexp.  Example: ap.ldexp(ap.tensor{0.75}, 3) --> 6
rule("ldexp", {"2", "y"}, function(g, _, _, b)
  return core.is_tensor(b) and core.ldexp(g, b) or g * 2.0 ^ b
end, function(g, y) return g * y * math.log(2) end)

rule("nextafter", "12", function(g, _, a, b) return g:masked_fill(core.eq(a, b), 0) end, zero)
local next_number = {core.nextafter, core.nextafter_}
for i, name in ipairs {"nextafter", "nextafter_"} do
  --- nextafter: the next number after a towards b.
  ---@param a Tensor|number f32 or f64
  ---@param b Tensor|number broadcasts with a
  ---@return Tensor the broadcast shape
  --- Errors: f16 and bf16, whose next numbers it does not know.
  --- Source: torch.nextafter.
  define(name, function(a, b)
    for _, t in ipairs {a, b} do
      if is_tensor(t) and (t.dtype == "f16" or t.dtype == "bf16") then
        arguments.fail("%s: expected f32 or f64, got %s", name, t.dtype)
      end
    end
    return next_number[i](a, b)
  end)
end

--- gcd: the greatest common divisor, never negative.
---@param a Tensor|number integers
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, promoted dtype
no_gradient("gcd")

--- lcm: the least common multiple, never negative.
---@param a Tensor|number integers
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, promoted dtype
no_gradient("lcm")

--- bitwise_left_shift: a * 2^b: zeros come in; 0 where b is negative or no bit is left. Also written a << b.
---@param a Tensor|number integers
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, promoted dtype
no_gradient("bitwise_left_shift")

--- bitwise_right_shift: a / 2^b rounded down: the sign comes in (Lua's own >> brings in zeros). Also written a >> b.
---@param a Tensor|number integers
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, promoted dtype
no_gradient("bitwise_right_shift")

-- --- comparison ----------------------------------------------------------------------------------------------------

local is_close = core.isclose
no_gradient("isclose")

local function compared(name, a, b, ...)
  local rtol, atol, equal_nan = arguments.named(name, {"rtol", "atol", "equal_nan"}, ...)
  local close = is_close(a, b, rtol, atol)
  if not equal_nan then return close end
  local function nan(v)
    if is_tensor(v) then return v:isnan() end
    return core.full({}, v ~= v, {device = close.device})
  end
  return close | (nan(a) & nan(b))
end

--- isclose: true where |a - b| <= atol + rtol * |b|; infinities are close to themselves.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@param rtol number|nil default 1e-5
---@param atol number|nil default 1e-8
---@param equal_nan boolean|nil nan is close to nan; default false
---@return Tensor the broadcast shape, bool
--- Source: torch.isclose.  Example: ap.isclose(x, y, {atol = 1e-3})
define("isclose", function(a, b, ...) return compared("isclose", a, b, ...) end)

--- allclose: whether isclose holds for all elements.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@param rtol number|nil default 1e-5
---@param atol number|nil default 1e-8
---@param equal_nan boolean|nil default false
---@return boolean
--- Source: torch.allclose.
define("allclose", function(a, b, ...) return compared("allclose", a, b, ...):all():item() end)

--- equal: whether two tensors have the same shape and the same elements. nan equals nothing.
---@param a Tensor
---@param b Tensor on the same device
---@return boolean
--- Source: torch.equal.
define("equal", function(a, b)
  arguments.tensor("equal", 1, a)
  arguments.tensor("equal", 2, b)
  if a.ndim ~= b.ndim then return false end
  for d = 1, a.ndim do
    if a:size(d) ~= b:size(d) then return false end
  end
  return core.eq(a, b):all():item()
end)

-- --- three operands ------------------------------------------------------------------------------------------------

rule("lerp", "", function(g, _, _, _, weight) return g * (1 - weight) end,
  function(g, _, _, _, weight) return g * weight end)

--- lerp_tensor: lerp with a tensor of weights. What lerp calls.
---@param a Tensor floating
---@param b Tensor
---@param weight Tensor
---@return Tensor the broadcast shape
rule("lerp_tensor", {"3", "3", "12"}, function(g, _, _, _, weight) return g * (1 - weight) end,
  function(g, _, _, _, weight) return g * weight end, function(g, _, a, b) return g * (b - a) end)

local lerp_number, lerp_number_ = core.lerp, core.lerp_
local function by_tensor(lerp)
  return function(a, b, weight)
    for i, x in ipairs {a, b, weight} do
      if is_tensor(x) then arguments.floating("lerp", x, i) end
    end
    return lerp(a, b, weight)
  end
end
local lerp_tensor, lerp_tensor_ = by_tensor(core.lerp_tensor), by_tensor(core.lerp_tensor_)

local function mixer(name, by_number, of_tensor)
  return function(a, b, ...)
    local weight = arguments.named(name, {"weight"}, ...)
    if type(weight) == "number" then return by_number(a, b, weight) end
    if not is_tensor(weight) then
      arguments.fail("%s: argument 3: expected a number or a tensor, got %s", name, arguments.got(weight))
    end
    return of_tensor(a, b, weight)
  end
end

--- lerp: a + weight * (b - a); exactly b for weight 1.
---@param a Tensor
---@param b Tensor broadcasts with a
---@param weight number|Tensor
---@return Tensor the broadcast shape
--- Source: torch.lerp.  Example: average:lerp_(parameter, 0.01)
define("lerp", mixer("lerp", lerp_number, lerp_tensor))
define("lerp_", mixer("lerp_", lerp_number_, lerp_tensor_))

--- addcmul: x + value * a * b.
---@param x Tensor
---@param a Tensor|number broadcasts with b and x
---@param b Tensor|number
---@param value number|nil default 1
---@return Tensor the broadcast shape
--- Source: torch.addcmul.  Example: square_average:mul_(0.9):addcmul_(gradient, gradient, {value = 0.1})
rule("addcmul", {"", "3", "2"}, function(g) return g end,
  function(g, _, _, _, b, value) return g * b * (value or 1) end,
  function(g, _, _, a, _, value) return g * a * (value or 1) end)

--- addcdiv: x + value * a / b.
---@param x Tensor
---@param a Tensor|number broadcasts with b and x
---@param b Tensor|number
---@param value number|nil default 1
---@return Tensor the broadcast shape, floating
--- Source: torch.addcdiv.  Example: parameter:addcdiv_(average, deviation, {value = -0.01})
rule("addcdiv", {"", "3", "23"}, function(g) return g end,
  function(g, _, _, _, b, value) return g * (value or 1) / b end,
  function(g, _, _, a, b, value) return g * -(value or 1) * a / (b * b) end)

--- angle: the angle of real numbers on the complex plane: 0, pi where they are negative, nan for nan. Of pairs (real,
--- imaginary): carg.
---@param x Tensor
---@return Tensor same shape, floating; its gradient is 0
--- Source: torch.angle.  Example: ap.angle(ap.tensor{2.0, -1}) --> [0, 3.1416]
core.define("angle", function(x)
  arguments.tensor("angle", 1, x)
  return core.where(core.isnan(x), 0 / 0, x:sign():clamp(-1, 0):abs() * math.pi)
end)
