--- Activations beside those of elementwise.lua: gradients, docs and what is composed of ops.

local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"
local rule, define = core.rule, core.define

--- celu: x above zero, alpha * (exp(x / alpha) - 1) below: its slope at 0 is 1 for every alpha.
---@param x Tensor any shape, floating
---@param alpha number|nil default 1; not 0
---@return Tensor same shape
--- Source: Barron 2017; torch.nn.functional.celu.
rule("celu", "1", function(g, _, x, alpha)
  return core.where(x:gt(0), g, g * (x:clamp(nil, 0) / (alpha or 1)):exp())
end)

local scale, scaled_alpha = 1.0507009873554805, 1.0507009873554805 * 1.6732632423543772

--- selu: the exponential linear unit that keeps mean 0 and variance 1 through a deep net.
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: Klambauer et al. 2017; torch.nn.functional.selu.
rule("selu", "1", function(g, _, x)
  return core.where(x:gt(0), g * scale, g * scaled_alpha * x:clamp(nil, 0):exp())
end)

local function outside(g, _, x, lambda) return g * (x:abs():gt(lambda or 0.5)):to(g.dtype) end

--- hardshrink: 0 within lambda of 0, else x.
---@param x Tensor any shape, floating
---@param lambda number|nil default 0.5
---@return Tensor same shape
--- Source: torch.nn.functional.hardshrink.
rule("hardshrink", "1", outside)

--- softshrink: x moved towards 0 by lambda, and 0 within lambda of it.
---@param x Tensor any shape, floating
---@param lambda number|nil default 0.5
---@return Tensor same shape
--- Source: torch.nn.functional.softshrink.
rule("softshrink", "1", outside)

--- tanhshrink: x - tanh(x).
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: torch.nn.functional.tanhshrink.
rule("tanhshrink", "1", function(g, _, x) return g * x:tanh():square() end)

rule("threshold", "1", function(g, _, x, threshold) return core.where(x:le(threshold), 0.0, g) end)

for _, name in ipairs {"threshold", "threshold_"} do
  local op = core[name]
  --- threshold: x where it is above the threshold, else value.
  ---@param x Tensor any shape, numeric
  ---@param threshold number
  ---@param value number
  ---@return Tensor same shape and dtype
  --- Source: torch.nn.functional.threshold.
  define(name, function(x, ...)
    arguments.tensor(name, 1, x)
    local threshold, value = arguments.named(name, {"threshold", "value"}, ...)
    if type(threshold) ~= "number" or type(value) ~= "number" then
      arguments.fail("%s: expected two numbers, got %s and %s", name, type(threshold), type(value))
    end
    return op(x, threshold, value)
  end)
end

--- glu: the first half along dim, times the sigmoid of the second.
---@param x Tensor floating, of even size along dim
---@param dim integer|nil default the last
---@return Tensor half as large along dim
--- Source: Dauphin et al. 2016; torch.nn.functional.glu.
define("glu", function(x, ...)
  arguments.tensor("glu", 1, x)
  local dim = arguments.named("glu", {"dim"}, ...) or -1
  arguments.dim("glu", x.ndim, dim)
  local n = x.ndim > 0 and x:size(dim) or 1
  if n % 2 ~= 0 then
    arguments.fail("glu: expected an even size along dimension %d, got %s", dim, arguments.shape(x))
  end
  return x:narrow(dim, 1, n // 2) * x:narrow(dim, n // 2 + 1, n // 2):sigmoid()
end)

--- prelu: x above zero, weight * x below, where the weight is learnt.
---@param x Tensor floating, (N, C, ...) where the weight has one slope a channel
---@param weight Tensor one element, or (C)
---@return Tensor same shape
--- Source: He et al. 2015; torch.nn.functional.prelu.
define("prelu", function(x, weight)
  arguments.tensor("prelu", 1, x)
  arguments.tensor("prelu", 2, weight)
  if weight:numel() == 1 then
    weight = weight:reshape {}
  else
    local channels = x.ndim > 1 and x:size(2) or 1
    if weight:numel() ~= channels then
      arguments.fail("prelu: expected a weight of one element or of %d channels, got %s", channels,
        arguments.shape(weight))
    end
    local size = {1, -1}
    for d = 3, x.ndim do size[d] = 1 end
    weight = weight:reshape(size)
  end
  return core.where(x:gt(0), x, x * weight)
end)

--- rrelu: leaky_relu whose slope is drawn for each element from [lower, upper) in training, and else is their mean.
---@param x Tensor floating
---@param lower number|nil default 1/8
---@param upper number|nil default 1/3
---@param training boolean|nil default false
---@return Tensor same shape
--- Source: Xu et al. 2015; torch.nn.functional.rrelu.
define("rrelu", function(x, ...)
  arguments.tensor("rrelu", 1, x)
  local lower, upper, training = arguments.named("rrelu", {"lower", "upper", "training"}, ...)
  lower, upper = lower or 1 / 8, upper or 1 / 3
  if type(lower) ~= "number" or type(upper) ~= "number" or lower > upper then
    arguments.fail("rrelu: expected slopes from low to high, got %s, %s", tostring(lower), tostring(upper))
  end
  if not training then return core.leaky_relu(x, (lower + upper) / 2) end
  local slopes = core.empty_like(x:detach()):uniform_(lower, upper)
  return core.where(x:gt(0), x, x * slopes)
end)
require "apsis.ops.in_place" "rrelu"
