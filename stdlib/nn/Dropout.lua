-- nn.Dropout: in training, sets elements to zero at random and scales the rest.

local F = require "apsis.nn.functional"
local Module = require "apsis.nn.Module"
local check = require "apsis.nn.check"

local Dropout = Module:extend "Dropout"

--- In training mode each element is zero with probability p, the others are divided by 1 - p; in evaluation mode
--- nothing happens.
---@param p? number|{p: number} in [0, 1]; default 0.5
--- Source: Hinton et al. 2012; torch.nn.Dropout.  Example: nn.Dropout(0.1)
function Dropout:init(...)
  self.p = check.probability("Dropout", "p", check.options("Dropout", {"p"}, ...).p or 0.5)
end

function Dropout:forward(x)
  if not self.training then return x end
  return F.dropout(x, self.p, true)
end

function Dropout:extra_repr()
  return "p=" .. self.p
end

return Dropout
