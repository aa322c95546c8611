-- Activations as modules. Those with at most plain settings come from one function; the activations themselves are in
-- apsis.nn.functional.

local arguments = require "apsis.ops.arguments"
local ap = require "apsis"
local F = require "apsis.nn.functional"
local Module = require "apsis.nn.Module"
local Parameter = require "apsis.nn.Parameter"
local check = require "apsis.nn.check"

local activations = {}

-- A module that calls f(x, setting...). settings: {name, default, name, default, ...}; the constructor takes them in
-- that order, or by name in a table.
local function activation(name, f, settings)
  local Activation = Module:extend(name)
  local names = {}
  for i = 1, settings and #settings or 0, 2 do names[#names + 1] = settings[i] end

  function Activation:init(...)
    local given = {arguments.named(name, names, ...)}
    for i, key in ipairs(names) do
      local value = given[i]
      if value == nil then value = settings[2 * i] end
      self[key] = value
    end
  end

  if #names == 0 then
    function Activation:forward(x) return f(x) end -- luacheck: ignore self
  elseif #names == 1 then
    local key = names[1]
    function Activation:forward(x) return f(x, self[key]) end
  else
    local a, b = names[1], names[2]
    function Activation:forward(x) return f(x, self[a], self[b]) end
  end

  function Activation:extra_repr()
    local parts = {}
    for _, key in ipairs(names) do parts[#parts + 1] = ("%s=%s"):format(key, self[key]) end
    return table.concat(parts, ", ")
  end
  activations[name] = Activation
end

--- max(x, 0).
activation("ReLU", F.relu)
--- min(max(x, 0), 6).
activation("ReLU6", F.relu6)
--- 1 / (1 + exp(-x)).
activation("Sigmoid", F.sigmoid)
--- The hyperbolic tangent.
activation("Tanh", F.tanh)
--- x * sigmoid(x), also called Swish.  Source: Elfwing, Uchibe, Doya 2017.
activation("SiLU", F.silu)
--- x * tanh(softplus(x)).  Source: Misra 2019.
activation("Mish", F.mish)
--- log(sigmoid(x)), exact for very negative x.
activation("LogSigmoid", F.logsigmoid)
--- x / (1 + |x|).
activation("Softsign", F.softsign)
--- x - tanh(x).
activation("Tanhshrink", F.tanhshrink)
--- 0 below -3, 1 above 3, x / 6 + 1/2 between.
activation("Hardsigmoid", F.hardsigmoid)
--- x * Hardsigmoid(x).  Source: Howard et al. 2019.
activation("Hardswish", F.hardswish)
--- An ELU that keeps mean 0 and variance 1.  Source: Klambauer et al. 2017.
activation("SELU", F.selu)
--- x for x > 0, else negative_slope * x.
activation("LeakyReLU", F.leaky_relu, {"negative_slope", 0.01})
--- x for x > 0, else alpha * (exp(x) - 1).  Source: Clevert, Unterthiner, Hochreiter 2015.
activation("ELU", F.elu, {"alpha", 1.0})
--- x for x > 0, else alpha * (exp(x / alpha) - 1).  Source: Barron 2017.
activation("CELU", F.celu, {"alpha", 1.0})
--- The first half along dim times the sigmoid of the second.  Source: Dauphin et al. 2016.
activation("GLU", F.glu, {"dim", -1})
--- x * P(X <= x) for a standard normal X; nn.GELU{approximate = "tanh"} is the tanh form.  Source: Hendrycks, Gimpel
--- 2016.
activation("GELU", F.gelu, {"approximate", "none"})
--- log(1 + exp(beta x)) / beta; x itself where beta x is above the threshold.
activation("Softplus", F.softplus, {"beta", 1, "threshold", 20})
--- x limited to [min_val, max_val].
activation("Hardtanh", F.hardtanh, {"min_val", -1.0, "max_val", 1.0})
--- 0 within lambda of 0, else x.
activation("Hardshrink", F.hardshrink, {"lambda", 0.5})
--- x moved towards 0 by lambda.
activation("Softshrink", F.softshrink, {"lambda", 0.5})
--- x above the threshold, else value: nn.Threshold(0.1, 20).
activation("Threshold", F.threshold, {"threshold", 0.0, "value", 0.0})
--- exp(x) / sum(exp(x)) along dim (default -1).
activation("Softmax", F.softmax, {"dim", -1})
--- log of Softmax along dim (default -1), without overflow.
activation("LogSoftmax", F.log_softmax, {"dim", -1})
--- Softmax of -x along dim (default -1).
activation("Softmin", F.softmin, {"dim", -1})

local PReLU = Module:extend "PReLU"

--- x for x > 0, else weight * x, with a slope that is learnt: one for all, or one a channel.
---@param num_parameters? integer|{num_parameters: integer, init: number} default 1
---@param init? number default 0.25
--- Source: He et al. 2015; torch.nn.PReLU.
function PReLU:init(...)
  local num_parameters, init = arguments.named("PReLU", {"num_parameters", "init"}, ...)
  self.num_parameters = check.size("PReLU", 1, "num_parameters", num_parameters or 1)
  self.weight = Parameter.new(ap.full({self.num_parameters}, init or 0.25))
end

function PReLU:forward(x) return F.prelu(x, self.weight) end

function PReLU:extra_repr() return ("num_parameters=%d"):format(self.num_parameters) end

activations.PReLU = PReLU

return activations
