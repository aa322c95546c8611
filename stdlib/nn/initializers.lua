-- nn.init: fills tensors in place with starting values, outside the tape. Every function returns the tensor.

local arguments = require "apsis.ops.arguments"
local ap = require "apsis"
local core = require "apsis.core"

local init = {}

-- f(t, ...) outside the tape; with `names`, what follows t may be given by name.
local function quietly(name, f, names)
  f = core.entry(name, f)
  return function(t, ...)
    arguments.tensor(name, 1, t)
    local _ <close> = ap.no_grad()
    if names then f(t, arguments.named(name, names, ...)) else f(t, ...) end
    return t
  end
end

-- Inputs and outputs of one unit of a weight (out, in, K...): convolutions count their whole window.
local function fans(t, name)
  arguments.tensor(name, 1, t)
  local size = t:size()
  if #size < 2 then arguments.fail("%s: expected a tensor of 2 dimensions or more, got %s", name, #size) end
  local window = 1
  for d = 3, #size do window = window * size[d] end
  return size[2] * window, size[1] * window
end

local GAIN = {
  linear = 1, identity = 1, conv1d = 1, conv2d = 1, conv3d = 1, sigmoid = 1, tanh = 5 / 3, selu = 0.75,
  relu = math.sqrt(2),
}

--- The factor that keeps the variance through a nonlinearity.
---@param nonlinearity string "linear", "relu", "leaky_relu", "tanh", "sigmoid", "selu", "conv2d", ...
---@param slope? number of leaky_relu; default 0.01
---@return number
--- Source: torch.nn.init.calculate_gain.  Example: nn.init.calculate_gain("tanh") --> 1.6667
function init.calculate_gain(nonlinearity, slope)
  arguments.number("calculate_gain", "slope", slope, true)
  if nonlinearity == "leaky_relu" then return math.sqrt(2 / (1 + (slope or 0.01) ^ 2)) end
  return GAIN[nonlinearity] or arguments.fail("calculate_gain: no such nonlinearity: %s", nonlinearity)
end

--- All elements uniform in [low, high).
---@param t Tensor
---@param low? number default 0
---@param high? number default 1
init.uniform_ = quietly("uniform_", function(t, low, high) t:uniform_(low or 0, high or 1) end,
  {"low", "high"})

--- All elements from the normal distribution.
---@param t Tensor
---@param mean? number default 0
---@param std? number default 1
init.normal_ = quietly("normal_", function(t, mean, std) t:normal_(mean or 0, std or 1) end, {"mean", "std"})

--- All elements = value.
---@param t Tensor
---@param value number
init.constant_ = quietly("constant_", function(t, value) t:fill_(value) end)

--- All elements 0.
---@param t Tensor
init.zeros_ = quietly("zeros_", function(t) t:fill_(0) end)

--- All elements 1.
---@param t Tensor
init.ones_ = quietly("ones_", function(t) t:fill_(1) end)

--- The identity matrix.
---@param t Tensor of 2 dimensions
init.eye_ = quietly("eye_", function(t)
  if t.ndim ~= 2 then arguments.fail("eye_: expected a tensor of 2 dimensions, got %s", t.ndim) end
  t:fill_(0)
  for i = 1, math.min(t:size(1), t:size(2)) do t[{i, i}] = 1 end
end)

-- Of the standard normal distribution.
local function distribution_function(x)
  return (1 + ap.tensor(x / math.sqrt(2), {dtype = "f64", device = "cpu"}):erf():item()) / 2
end

--- Normal within [a, b].
---@param t Tensor
---@param mean? number default 0
---@param std? number default 1
---@param a? number default -2
---@param b? number default 2
--- Source: torch.nn.init.trunc_normal_: uniform numbers through the inverse of the distribution function.
init.trunc_normal_ = quietly("trunc_normal_", function(t, mean, std, a, b)
  mean, std, a, b = mean or 0, std or 1, a or -2, b or 2
  for what, v in pairs {mean = mean, std = std, a = a, b = b} do arguments.number("trunc_normal_", what, v) end
  if not (std > 0 and a < b) then
    arguments.fail("trunc_normal_: expected std above 0 and a below b, got std %s, a %s, b %s", std, a, b)
  end
  local low, high = distribution_function((a - mean) / std), distribution_function((b - mean) / std)
  t:uniform_(2 * low - 1, 2 * high - 1):erfinv_():mul_(std * math.sqrt(2)):add_(mean):clamp_(a, b)
end, {"mean", "std", "a", "b"})

--- Glorot's uniform: within +-gain sqrt(6 / (fan_in + fan_out)).
---@param t Tensor of 2 dimensions or more
---@param gain? number default 1
--- Source: Glorot, Bengio 2010.
init.xavier_uniform_ = quietly("xavier_uniform_", function(t, gain)
  arguments.number("xavier_uniform_", "gain", gain, true)
  local fan_in, fan_out = fans(t, "xavier_uniform_")
  local bound = (gain or 1) * math.sqrt(6 / (fan_in + fan_out))
  t:uniform_(-bound, bound)
end, {"gain"})

--- Glorot's normal: std = gain sqrt(2 / (fan_in + fan_out)).
---@param t Tensor of 2 dimensions or more
---@param gain? number default 1
--- Source: Glorot, Bengio 2010.
init.xavier_normal_ = quietly("xavier_normal_", function(t, gain)
  arguments.number("xavier_normal_", "gain", gain, true)
  local fan_in, fan_out = fans(t, "xavier_normal_")
  t:normal_(0, (gain or 1) * math.sqrt(2 / (fan_in + fan_out)))
end, {"gain"})

-- gain / sqrt(fan) of He's initialisations, from {a, mode, nonlinearity}.
local function he_std(t, options, name)
  options = arguments.options(name, 2, options, {"a", "mode", "nonlinearity"})
  local fan_in, fan_out = fans(t, name)
  local fan = options.mode == "fan_out" and fan_out or fan_in
  return init.calculate_gain(options.nonlinearity or "leaky_relu", options.a or 0) / math.sqrt(fan)
end

--- He's uniform: within +-gain sqrt(3 / fan).
---@param t Tensor of 2 dimensions or more
---@param options? {a: number, mode: string, nonlinearity: string} slope (0), "fan_in" or "fan_out", "leaky_relu"
--- Source: He, Zhang, Ren, Sun 2015.  Example: nn.init.kaiming_uniform_(w, {a = math.sqrt(5)})
init.kaiming_uniform_ = quietly("kaiming_uniform_", function(t, options)
  local bound = math.sqrt(3) * he_std(t, options, "kaiming_uniform_")
  t:uniform_(-bound, bound)
end)

--- He's normal: std = gain / sqrt(fan).
---@param t Tensor of 2 dimensions or more
---@param options? {a: number, mode: string, nonlinearity: string} as kaiming_uniform_
--- Source: He, Zhang, Ren, Sun 2015.
init.kaiming_normal_ = quietly("kaiming_normal_", function(t, options)
  t:normal_(0, he_std(t, options, "kaiming_normal_"))
end)

--- What Linear and the convolutions start with: weight (out, in, K...) and bias uniform within +-1 / sqrt(fan_in).
---@param weight Tensor
---@param bias? Tensor
--- Source: torch.nn.Linear.reset_parameters (kaiming_uniform_ with a = sqrt 5).
function init.default_(weight, bias)
  local fan_in = fans(weight, "default_")
  if bias and not (core.is_tensor(bias) and bias:is_floating_point()) then
    arguments.fail("default_: argument 2: expected a floating tensor, got %s", arguments.got(bias))
  end
  local bound = fan_in > 0 and 1 / math.sqrt(fan_in) or 0
  init.uniform_(weight, -bound, bound)
  if bias then init.uniform_(bias, -bound, bound) end
end

return core.define_module(init)
