-- Activations as modules. Those without settings come from one table; the functions themselves are in
-- apsis.nn.functional.

local F = require "apsis.nn.functional"
local Module = require "apsis.nn.Module"

local activations = {}

-- A module without settings.
local function plain(name, f)
  local Activation = Module:extend(name)
  function Activation:forward(x) return f(x) end -- luacheck: ignore self
  activations[name] = Activation
end

--- max(x, 0).
plain("ReLU", F.relu)
--- 1 / (1 + exp(-x)).
plain("Sigmoid", F.sigmoid)
--- The hyperbolic tangent.
plain("Tanh", F.tanh)
--- x * sigmoid(x), also called Swish.  Source: Elfwing, Uchibe, Doya 2017.
plain("SiLU", F.silu)

-- A module with one setting, field `field`, passed as the second argument.
local function with_setting(name, field, default, f)
  local Activation = Module:extend(name)
  function Activation:init(value)
    if type(value) == "table" then value = value[field] end
    if value == nil then value = default end
    self[field] = value
  end
  function Activation:forward(x) return f(x, self[field]) end
  function Activation:extra_repr()
    return self[field] == nil and "" or ("%s=%s"):format(field, self[field])
  end
  activations[name] = Activation
end

--- x for x > 0, else negative_slope * x (default 0.01).
with_setting("LeakyReLU", "negative_slope", 0.01, F.leaky_relu)
--- x for x > 0, else alpha * (exp(x) - 1) (default 1).  Source: Clevert, Unterthiner, Hochreiter 2015.
with_setting("ELU", "alpha", 1.0, F.elu)
--- x * P(X <= x) for a standard normal X; nn.GELU{approximate = "tanh"} is the tanh form.  Source: Hendrycks, Gimpel
--- 2016.
with_setting("GELU", "approximate", "none", F.gelu)
--- log(1 + exp(beta x)) / beta.
with_setting("Softplus", "beta", 1, F.softplus)
--- exp(x) / sum(exp(x)) along dim (default -1).
with_setting("Softmax", "dim", -1, F.softmax)
--- log of Softmax along dim (default -1), without overflow.
with_setting("LogSoftmax", "dim", -1, F.log_softmax)

return activations
