--- Gradients and docs of the elementwise ops (lib/ops/elementwise.def).
--
-- A rule gives the gradient for each argument: f(g, y, x, ...) with g the gradient of the result y. The string after
-- the name says what the tape keeps: argument numbers, and y for the result.

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local rule, no_gradient, define = core.rule, core.no_gradient, core.define

local function zero() return nil end

--- abs: the magnitude of each element.
---@param x Tensor any shape, numeric
---@return Tensor same shape and dtype
--- Source: torch.abs.  Example: ap.tensor{-1.5, 2}:abs() --> 1.5, 2
rule("abs", "1", function(g, _, x) return g * x:sign() end)

--- neg: -x. Also written -x.
---@param x Tensor any shape, numeric
---@return Tensor same shape and dtype
rule("neg", "", function(g) return -g end)

--- sign: -1, 0 or 1 by the sign of each element. Its gradient is zero.
---@param x Tensor any shape
---@return Tensor same shape and dtype
rule("sign", "", zero)

--- ceil: the least integer not below each element. Its gradient is zero.
---@param x Tensor any shape, numeric
---@return Tensor same shape and dtype
rule("ceil", "", zero)

--- floor: the greatest integer not above each element. Its gradient is zero.
---@param x Tensor any shape, numeric
---@return Tensor same shape and dtype
rule("floor", "", zero)

--- round: to the nearest integer, halves to even; or to decimals. Its gradient is zero.
---@param x Tensor any shape, numeric
---@param decimals? integer default 0; below 0 rounds to tens, hundreds, ...
---@return Tensor same shape and dtype
--- Source: torch.round.  Example: ap.tensor{2.345}:round(1) --> 2.3
rule("round", "", zero)

--- trunc: towards zero. Its gradient is zero.
---@param x Tensor any shape, numeric
---@return Tensor same shape and dtype
rule("trunc", "", zero)

--- frac: what trunc takes away.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("frac", "", function(g) return g end)

-- clamp's docs: arithmetic.lua, where limits may be tensors too.
rule("clamp", "1", function(g, _, x, min, max)
  if min then g = g * x:ge(min):to(g.dtype) end
  if max then g = g * x:le(max):to(g.dtype) end
  return g
end)

--- square: x * x.
---@param x Tensor any shape, numeric
---@return Tensor same shape and dtype
rule("square", "1", function(g, _, x) return g * (2 * x) end)

--- sqrt: the square root; nan below zero.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("sqrt", "y", function(g, y) return g / (2 * y) end)

--- rsqrt: 1 / sqrt(x).
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("rsqrt", "y", function(g, y) return g * (-0.5 * y * y * y) end)

--- reciprocal: 1 / x.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("reciprocal", "y", function(g, y) return -g * y * y end)

--- exp: e^x.
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Example: ap.tensor{0.0, 1}:exp() --> 1, 2.7183
rule("exp", "y", function(g, y) return g * y end)

--- exp2: 2^x.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("exp2", "y", function(g, y) return g * y * math.log(2) end)

--- expm1: e^x - 1, exact near zero.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("expm1", "y", function(g, y) return g * (y + 1) end)

--- log: the natural logarithm; nan below zero.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("log", "1", function(g, _, x) return g / x end)

--- log2: the logarithm to base 2.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("log2", "1", function(g, _, x) return g / (x * math.log(2)) end)

--- log10: the logarithm to base 10.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("log10", "1", function(g, _, x) return g / (x * math.log(10)) end)

--- log1p: log(1 + x), exact near zero.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("log1p", "1", function(g, _, x) return g / (x + 1) end)

--- sin: of an angle in radians.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("sin", "1", function(g, _, x) return g * x:cos() end)

--- cos: of an angle in radians.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("cos", "1", function(g, _, x) return -g * x:sin() end)

--- tan: of an angle in radians.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("tan", "y", function(g, y) return g * (1 + y * y) end)

--- asin: the angle in radians, in [-pi/2, pi/2].
---@param x Tensor any shape, floating, in [-1, 1]
---@return Tensor same shape
rule("asin", "1", function(g, _, x) return g * (1 - x * x):rsqrt() end)

--- acos: the angle in radians, in [0, pi].
---@param x Tensor any shape, floating, in [-1, 1]
---@return Tensor same shape
rule("acos", "1", function(g, _, x) return -g * (1 - x * x):rsqrt() end)

--- atan: the angle in radians, in (-pi/2, pi/2).
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("atan", "1", function(g, _, x) return g / (1 + x * x) end)

--- sinh: the hyperbolic sine.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("sinh", "1", function(g, _, x) return g * x:cosh() end)

--- cosh: the hyperbolic cosine.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("cosh", "1", function(g, _, x) return g * x:sinh() end)

--- tanh: the hyperbolic tangent.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("tanh", "y", function(g, y) return core.tanh_grad(g, y) end)

--- asinh: the inverse hyperbolic sine.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("asinh", "1", function(g, _, x) return g * (x * x + 1):rsqrt() end)

--- acosh: the inverse hyperbolic cosine.
---@param x Tensor any shape, floating, at least 1
---@return Tensor same shape
rule("acosh", "1", function(g, _, x) return g * (x * x - 1):rsqrt() end)

--- atanh: the inverse hyperbolic tangent.
---@param x Tensor any shape, floating, in (-1, 1)
---@return Tensor same shape
rule("atanh", "1", function(g, _, x) return g / (1 - x * x) end)

--- erf: the error function.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("erf", "1", function(g, _, x) return g * (2 / math.sqrt(math.pi)) * (-(x * x)):exp() end)

--- erfc: 1 - erf(x), exact for large x.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("erfc", "1", function(g, _, x) return g * (-2 / math.sqrt(math.pi)) * (-(x * x)):exp() end)

--- sigmoid: 1 / (1 + exp(-x)).
---@param x Tensor any shape, floating
---@return Tensor same shape, in (0, 1)
rule("sigmoid", "y", function(g, y) return core.sigmoid_grad(g, y) end)

--- logit: log(x / (1 - x)), the inverse of sigmoid.
---@param x Tensor any shape, floating, in (0, 1)
---@param eps? number x is limited to [eps, 1 - eps] first; default: it is not, and nan outside [0, 1]
---@return Tensor same shape
--- Source: torch.logit.  Example: ap.tensor{0.5}:logit() --> 0
rule("logit", "1", function(g, _, x, eps)
  if eps == nil or eps < 0 then return core.where(x:ge(0) & x:le(1), g / (x * (1 - x)), 0 / 0) end
  return core.where(x:ge(eps) & x:le(1 - eps), g / (x * (1 - x)), 0)
end)

--- relu: max(x, 0).
---@param x Tensor any shape, numeric
---@return Tensor same shape and dtype
--- Source: Nair and Hinton 2010.
rule("relu", "y", function(g, y) return core.relu_grad(g, y) end)

--- relu6: min(max(x, 0), 6).
---@param x Tensor any shape, numeric
---@return Tensor same shape and dtype
rule("relu6", "1", function(g, _, x) return g * (x:gt(0) & x:lt(6)):to(g.dtype) end)

--- leaky_relu: x above zero, negative_slope * x below.
---@param x Tensor any shape, floating
---@param negative_slope number|nil default 0.01
---@return Tensor same shape
--- Source: Maas et al. 2013.
rule("leaky_relu", "1", function(g, _, x, slope) return core.leaky_relu_grad(g, x, slope) end)

--- elu: x above zero, alpha * (exp(x) - 1) below.
---@param x Tensor any shape, floating
---@param alpha number|nil default 1
---@return Tensor same shape
--- Source: Clevert et al. 2015.
rule("elu", "1", function(g, _, x, alpha)
  return core.where(x:gt(0), g, g * ((alpha or 1) * x:clamp(nil, 0):exp()))
end)

--- softplus: log(1 + exp(beta * x)) / beta, a smooth ReLU; x itself where beta * x is above the threshold.
---@param x Tensor any shape, floating
---@param beta number|nil default 1
---@param threshold number|nil default 20
---@return Tensor same shape
--- Source: Dugas et al. 2001.  Example: F.softplus(ap.tensor{0}) --> 0.6931
rule("softplus", "1", function(g, _, x, beta, threshold)
  local z = x * (beta or 1)
  return core.where(z:gt(threshold or 20), g, g * z:sigmoid())
end)

--- logsigmoid: log(sigmoid(x)), exact for very negative x.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("logsigmoid", "1", function(g, _, x) return g * (-x):sigmoid() end)

--- silu: x * sigmoid(x), also called swish.
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: Elfwing et al. 2017.
rule("silu", "1", function(g, _, x) return core.silu_grad(g, x) end)

--- mish: x * tanh(softplus(x)).
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: Misra 2019.
rule("mish", "1", function(g, _, x)
  local t, s = x:softplus():tanh(), x:sigmoid()
  return g * (t + x * s * (1 - t * t))
end)

-- gelu is defined below: it takes `approximate`.

--- gelu_tanh: the tanh approximation of gelu, as GPT-2 uses it.
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: Hendrycks and Gimpel 2016.
rule("gelu_tanh", "1", function(g, _, x) return core.gelu_tanh_grad(g, x) end)

--- hardtanh: each element limited to [min_val, max_val].
---@param x Tensor any shape, floating
---@param min_val number|nil default -1
---@param max_val number|nil default 1
---@return Tensor same shape
rule("hardtanh", "1", function(g, _, x, min, max)
  return g * (x:gt(min or -1) & x:lt(max or 1)):to(g.dtype)
end)

--- hardsigmoid: 0 below -3, 1 above 3, x / 6 + 1/2 between.
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("hardsigmoid", "1", function(g, _, x) return g * (x:gt(-3) & x:lt(3)):to(g.dtype) / 6 end)

--- hardswish: x * hardsigmoid(x).
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: Howard et al. 2019.
rule("hardswish", "1", function(g, _, x)
  local inside = (x:gt(-3) & x:lt(3)):to(g.dtype)
  return g * (inside * (x / 3 + 0.5) + x:ge(3):to(g.dtype))
end)

--- softsign: x / (1 + |x|).
---@param x Tensor any shape, floating
---@return Tensor same shape
rule("softsign", "1", function(g, _, x) return g / (1 + x:abs()):square() end)

--- isnan: true where an element is not a number.
---@param x Tensor any shape
---@return Tensor same shape, bool
no_gradient("isnan")

--- isinf: true where an element is infinite.
---@param x Tensor any shape
---@return Tensor same shape, bool
no_gradient("isinf")

--- isfinite: true where an element is neither infinite nor nan.
---@param x Tensor any shape
---@return Tensor same shape, bool
no_gradient("isfinite")

--- logical_not: true where an element is zero.
---@param x Tensor any shape
---@return Tensor same shape, bool
no_gradient("logical_not")

--- bitwise_not: every bit turned over. Also written ~x.
---@param x Tensor any shape, integers or bool
---@return Tensor same shape and dtype
no_gradient("bitwise_not")

--- add: a + alpha * b, broadcast. Also written a + b.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@param alpha number|nil default 1
---@return Tensor the broadcast shape, promoted dtype
rule("add", "", function(g) return g end, function(g, _, _, _, alpha)
  return (alpha or 1) == 1 and g or g * alpha
end)

--- sub: a - alpha * b, broadcast. Also written a - b.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@param alpha number|nil default 1
---@return Tensor the broadcast shape, promoted dtype
rule("sub", "", function(g) return g end, function(g, _, _, _, alpha)
  return (alpha or 1) == 1 and -g or g * -alpha
end)

--- mul: a * b, elementwise, broadcast. Also written a * b.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, promoted dtype
rule("mul", {"2", "1"}, function(g, _, _, b) return g * b end, function(g, _, a) return g * a end)

-- div's docs: arithmetic.lua, where it takes a rounding_mode.
rule("div", {"2", "12"}, function(g, _, _, b) return g / b end, function(g, _, a, b) return -g * a / (b * b) end)

--- floor_divide: the quotient rounded down, as Lua's //. Its gradient is zero.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a; not zero where both are integers
---@return Tensor the broadcast shape, promoted dtype
rule("floor_divide", "", zero, zero)

--- remainder: a - floor(a / b) * b, with the sign of b, as Lua's %.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a; not zero where both are integers
---@return Tensor the broadcast shape, promoted dtype
rule("remainder", {"", "12"}, function(g) return g end, function(g, _, a, b) return -g * (a / b):floor() end)

--- fmod: a - trunc(a / b) * b, with the sign of a, as C's fmod.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a; not zero where both are integers
---@return Tensor the broadcast shape, promoted dtype
rule("fmod", {"", "12"}, function(g) return g end, function(g, _, a, b) return -g * (a / b):trunc() end)

--- pow: a^b, elementwise, broadcast. Also written a ^ b.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a; not negative where both are integers
---@return Tensor the broadcast shape, promoted dtype
rule("pow", {"12", "12y"}, function(g, _, a, b)
  if not core.is_tensor(b) then
    if b == 0 then return core.zeros_like(g) end
    return g * (b * (b == 2 and a or a ^ (b - 1)))
  end
  return core.where(b:eq(0), 0.0, g * b * a ^ (b - 1))
end, function(g, y, a, b)
  -- 0^b does not change with b for b >= 0, though log 0 is -inf.
  local log = core.is_tensor(a) and a:log() or math.log(a)
  if not core.is_tensor(a) then
    if a == 0 then return core.where(b:ge(0), 0.0, g * y * log) end
    return g * y * log
  end
  return core.where(a:eq(0) & b:ge(0), 0.0, g * y * log)
end)

-- Where both are equal, each gets half, as in PyTorch.
local function share(hidden, g, a, b)
  return g * (1 - hidden(a, b):to(g.dtype) - core.eq(a, b):to(g.dtype) * 0.5)
end

--- maximum: the larger of two elements, broadcast; nan if either is.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, promoted dtype
rule("maximum", "12", function(g, _, a, b) return share(core.lt, g, a, b) end,
  function(g, _, a, b) return share(core.gt, g, a, b) end)

--- minimum: the smaller of two elements, broadcast; nan if either is.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, promoted dtype
rule("minimum", "12", function(g, _, a, b) return share(core.gt, g, a, b) end,
  function(g, _, a, b) return share(core.lt, g, a, b) end)

-- Of a tensor or a number, beside the gradient g.
local function is_nan(b, g)
  if core.is_tensor(b) then return core.isnan(b) end
  return core.full({}, b ~= b, {device = g.device})
end

-- The share of a: all of it where it was chosen or b is nan, half of it among equals.
local function share_number(chosen, g, a, b)
  return (chosen(a, b) | is_nan(b, g)):to(g.dtype) - core.eq(a, b):to(g.dtype) * 0.5
end

--- fmax: the larger of two elements, broadcast; the other one where one is nan.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, promoted dtype
rule("fmax", "12", function(g, _, a, b) return g * share_number(core.ge, g, a, b) end,
  function(g, _, a, b) return g * (1 - share_number(core.ge, g, a, b)) end)

--- fmin: the smaller of two elements, broadcast; the other one where one is nan.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, promoted dtype
rule("fmin", "12", function(g, _, a, b) return g * share_number(core.le, g, a, b) end,
  function(g, _, a, b) return g * (1 - share_number(core.le, g, a, b)) end)

--- atan2: the angle of the point (b, a), in radians, in (-pi, pi].
---@param a Tensor|number the y coordinate
---@param b Tensor|number the x coordinate, broadcasts with a
---@return Tensor the broadcast shape, floating
rule("atan2", "12", function(g, _, a, b) return g * b / (a * a + b * b) end,
  function(g, _, a, b) return -g * a / (a * a + b * b) end)

--- hypot: sqrt(a^2 + b^2) without overflow.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, floating
rule("hypot", {"1y", "2y"}, function(g, y, a) return g * a / y end, function(g, y, _, b) return g * b / y end)

--- xlogy: a * log(b), zero where a is zero.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, floating
rule("xlogy", "12", function(g, _, a, b)
  local d = core.xlogy(g, b)
  if not core.is_tensor(b) then return b <= 0 and d:masked_fill(a:eq(0), 0) or d end
  return d:masked_fill(b:le(0) & (core.is_tensor(a) and a:eq(0) or a == 0), 0)
end, function(g, _, a, b) return g * a / b end)

--- copysign: the magnitude of a with the sign of b.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, floating
rule("copysign", "1y", function(g, y, a) return g * core.where(a:eq(0), 0.0, y:sign() * a:sign()) end, zero)

--- eq: true where a and b are equal; nan equals nothing.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, bool
no_gradient("eq")

--- ne: true where a and b differ; nan differs from everything.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, bool
no_gradient("ne")

--- lt: true where a < b.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, bool
no_gradient("lt")

--- le: true where a <= b.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, bool
no_gradient("le")

--- gt: true where a > b.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, bool
no_gradient("gt")

--- ge: true where a >= b.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, bool
no_gradient("ge")

--- logical_and: true where neither a nor b is zero.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, bool
no_gradient("logical_and")

--- logical_or: true where a or b is not zero.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, bool
no_gradient("logical_or")

--- logical_xor: true where one of a and b is zero and the other is not.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, bool
no_gradient("logical_xor")

--- bitwise_and: the bits that are set in both. Also written a & b.
---@param a Tensor|number integers or bool
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, promoted dtype
no_gradient("bitwise_and")

--- bitwise_or: the bits that are set in either. Also written a | b.
---@param a Tensor|number integers or bool
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, promoted dtype
no_gradient("bitwise_or")

--- bitwise_xor: the bits that are set in one and not in the other. Also written a ~ b.
---@param a Tensor|number integers or bool
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, promoted dtype
no_gradient("bitwise_xor")

-- The fused gradients of activations: g is linear in them, x is where they were taken.

rule("relu_grad", "2", function(g, _, _, y) return core.relu_grad(g, y) end, zero)
rule("leaky_relu_grad", "2", function(g, _, _, x, slope) return core.leaky_relu_grad(g, x, slope) end, zero)
rule("sigmoid_grad", {"2", "12"}, function(g, _, _, y) return core.sigmoid_grad(g, y) end,
  function(g, _, go, y) return g * go * (1 - 2 * y) end)
rule("tanh_grad", {"2", "12"}, function(g, _, _, y) return core.tanh_grad(g, y) end,
  function(g, _, go, y) return g * go * (-2 * y) end)
rule("silu_grad", {"2", "12"}, function(g, _, _, x) return core.silu_grad(g, x) end, function(g, _, go, x)
  local s = x:sigmoid()
  local ds = s * (1 - s)
  return g * go * ds * (2 + x * (1 - 2 * s))
end)
rule("gelu_grad", {"2", "12"}, function(g, _, _, x) return core.gelu_grad(g, x) end, function(g, _, go, x)
  local density = (x * x * -0.5):exp() * (1 / math.sqrt(2 * math.pi))
  return g * go * density * (2 - x * x)
end)
rule("gelu_tanh_grad", {"2", "12"}, function(g, _, _, x) return core.gelu_tanh_grad(g, x) end,
  function(g, _, go, x)
    local k, c = math.sqrt(2 / math.pi), 0.044715
    local t = (k * (x + c * x * x * x)):tanh()
    local dt = (1 - t * t) * (k * (1 + 3 * c * x * x))
    local inner, dinner = k * (1 + 3 * c * x * x), k * 6 * c * x
    return g * go * 0.5 * (dt + (1 - t * t) * inner + x * (-2 * t * dt * inner + (1 - t * t) * dinner))
  end)

rule("gelu", "1", function(g, _, x) return core.gelu_grad(g, x) end)
local exact, approximated = core.gelu, core.gelu_tanh

--- gelu: x * Phi(x), with Phi the normal distribution function.
---@param x Tensor any shape, floating
---@param approximate string|nil "none" (default) or "tanh"
---@return Tensor same shape
--- Source: Hendrycks and Gimpel 2016.
define("gelu", function(x, approximate)
  if type(approximate) == "table" then approximate = arguments.named("gelu", {"approximate"}, approximate) end
  if approximate == nil or approximate == "none" then return exact(x) end
  if approximate == "tanh" then return approximated(x) end
  arguments.fail("gelu: approximate: expected 'none' or 'tanh', got %s",
      type(approximate) == "string" and "'" .. approximate .. "'" or "a " .. type(approximate))
end)
