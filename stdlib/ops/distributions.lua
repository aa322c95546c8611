--- Draws from further distributions. gamma, Poisson and binomial draws are C that is OpenCL C as well, the same numbers
--- on every device (lib/core/distribution_functions.h); the others transform uniform, normal or exponential ones by
--- functions that a device may round otherwise in the last place.

local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"
local wrap = require "apsis.ops.generator".wrap

local function define(name, f) core.define(name, wrap(name, f)) end

local function check_number(op, position, x, ok, expected)
  if type(x) ~= "number" or not ok(x) then
    arguments.fail("%s: argument %d: expected %s, got %s", op, position, expected, tostring(x))
  end
end

local function finite(v) return v - v == 0 end
local function above_zero(v) return v > 0 and finite(v) end
local function from_zero(v) return v >= 0 end

--- cauchy_: every element drawn from the Cauchy distribution.
---@param x Tensor floating
---@param median number|nil default 0
---@param sigma number|nil half the width at half height; default 1
---@return Tensor x
--- Source: torch.Tensor.cauchy_.
define("cauchy_", function(x, ...)
  arguments.floating("cauchy_", x)
  local median, sigma = arguments.named("cauchy_", {"median", "sigma"}, ...)
  median, sigma = median or 0, sigma or 1
  check_number("cauchy_", 2, median, finite, "a number")
  check_number("cauchy_", 3, sigma, above_zero, "a number above 0")
  return x:uniform_():sub_(0.5):mul_(math.pi):tan_():mul_(sigma):add_(median)
end)

--- log_normal_: every element e to a normal number.
---@param x Tensor floating
---@param mean number|nil of the normal number; default 1
---@param std number|nil of the normal number; default 2
---@return Tensor x
--- Source: torch.Tensor.log_normal_.
define("log_normal_", function(x, ...)
  arguments.floating("log_normal_", x)
  local mean, std = arguments.named("log_normal_", {"mean", "std"}, ...)
  mean, std = mean or 1, std or 2
  check_number("log_normal_", 2, mean, finite, "a number")
  check_number("log_normal_", 3, std, above_zero, "a number above 0")
  return x:normal_(mean, std):exp_()
end)

--- geometric_: every element the number of the first success among tries of probability p: 1, 2, 3, ...
---@param x Tensor any dtype
---@param p number in (0, 1]
---@return Tensor x
--- Source: torch.Tensor.geometric_.
define("geometric_", function(x, ...)
  arguments.tensor("geometric_", 1, x)
  local p = arguments.named("geometric_", {"p"}, ...)
  check_number("geometric_", 2, p, function(v) return v > 0 and v <= 1 end, "a probability above 0 and up to 1")
  local wide = x.dtype == "f64" or x.device == "cpu" and not x:is_floating_point()
  local rate = -core.log1p(core.tensor(-p, {dtype = "f64", device = "cpu"})):item()
  local tries = core.empty(x:size(), {dtype = wide and "f64" or "f32", device = x.device}):exponential_()
  return x:copy_(tries:div_(rate):floor_():add_(1))
end)

--- standard_gamma: numbers from the gamma distribution, one for each element.
---@param shape Tensor floating, above 0
---@return Tensor same shape and dtype; nan where the shape is negative
--- Errors: a gradient is wanted: there is none.
--- Source: torch.distributions.Gamma; Marsaglia and Tsang 2000.
define("standard_gamma", function(shape)
  arguments.floating("standard_gamma", shape)
  if shape.requires_grad and core.is_grad_enabled() then
    arguments.fail("standard_gamma: has no gradient rule; use it under ap.no_grad() or on a detached tensor")
  end
  return core.draw_each("gamma", shape)
end)

--- gamma_: every element drawn from the gamma distribution.
---@param x Tensor floating
---@param shape number above 0
---@param rate number|nil the inverse of the scale, above 0; default 1
---@return Tensor x
define("gamma_", function(x, ...)
  arguments.floating("gamma_", x)
  local shape, rate = arguments.named("gamma_", {"shape", "rate"}, ...)
  rate = rate or 1
  check_number("gamma_", 2, shape, above_zero, "a number above 0")
  check_number("gamma_", 3, rate, above_zero, "a number above 0")
  local wanted = core.full({}, shape, {dtype = x.dtype, device = x.device}):expand(x:size())
  return x:copy_(core.draw_each("gamma", wanted):div_(rate))
end)

--- dirichlet: points whose coordinates are at least 0 and add up to 1, from the Dirichlet distribution.
---@param concentration Tensor shape (..., K), floating, above 0
---@return Tensor same shape and dtype
--- Source: torch.distributions.Dirichlet.  Example: ap.dirichlet(ap.ones(3)):sum() --> 1
define("dirichlet", function(concentration)
  arguments.floating("dirichlet", concentration)
  if concentration.ndim == 0 then arguments.fail("dirichlet: expected at least 1 dimension, got a 0-dim tensor") end
  local alpha = concentration:detach()
  if alpha.device == "cpu" then alpha = alpha:to("f64") end
  if concentration.requires_grad and core.is_grad_enabled() then
    arguments.fail("dirichlet: has no gradient rule; use it under ap.no_grad() or on a detached tensor")
  end
  local parts = core.draw_each("gamma", alpha):clamp_(core.finfo(alpha.dtype).tiny)
  return parts:div_(parts:sum(-1, true)):to(concentration.dtype)
end)

--- poisson: whole numbers from Poisson's distribution, one for each element.
---@param rate Tensor floating, from 0
---@return Tensor same shape and dtype
--- Errors: a negative rate.
--- Source: torch.poisson; Hörmann 1993.
define("poisson", function(rate)
  arguments.floating("poisson", rate)
  if not rate:detach():ge(0):all():item() then arguments.fail("poisson: expected rates from 0") end
  return core.draw_each("poisson", rate:detach())
end)

--- binomial: the successes of `count` tries, one number for each element.
---@param count Tensor floating, whole numbers from 0
---@param prob Tensor|number in [0, 1]; broadcasts with count
---@return Tensor the broadcast shape, dtype of count
--- Errors: a negative count; a probability outside [0, 1].
--- Source: torch.binomial; Hörmann 1993.
define("binomial", function(count, prob)
  arguments.floating("binomial", count)
  if type(prob) == "number" then prob = core.full({}, prob, {dtype = count.dtype, device = count.device}) end
  arguments.floating("binomial", prob, 2)
  count, prob = count:detach(), prob:detach()
  if not count:ge(0):all():item() then arguments.fail("binomial: expected counts from 0") end
  if not (prob:ge(0) & prob:le(1)):all():item() then
    arguments.fail("binomial: expected probabilities from 0 to 1")
  end
  return core.draw_each("binomial", count, prob)
end)

--- normal: numbers from normal distributions.
---@param mean number|Tensor
---@param std number|Tensor broadcasts with mean
---@param size integer[]|nil where neither is a tensor
---@param options table|nil {dtype =, device =, requires_grad =}, where neither is a tensor
---@return Tensor
--- Source: torch.normal.  Example: ap.normal(0, 0.1, {2, 3})
define("normal", function(mean, std, size, options)
  local like = core.is_tensor(mean) and mean or core.is_tensor(std) and std
  if not like then
    check_number("normal", 1, mean, finite, "a number or a tensor")
    check_number("normal", 2, std, from_zero, "a deviation of at least 0")
    if type(size) ~= "table" then arguments.fail("normal: argument 3: expected a shape as a table") end
    options = arguments.options("normal", 4, options, {"dtype", "device", "requires_grad"})
    local wants = options.requires_grad
    local y = core.empty(size, {dtype = options.dtype, device = options.device}):normal_(mean, std)
    return wants and y:requires_grad_() or y
  end
  if size ~= nil then arguments.fail("normal: a size goes with two numbers; these are tensors") end
  if core.is_tensor(std) and not std:detach():ge(0):all():item() then
    arguments.fail("normal: expected deviations of at least 0")
  end
  local shape = arguments.broadcast("normal", mean, std)
  return core.randn(shape, {dtype = like.dtype, device = like.device}) * std + mean
end)
