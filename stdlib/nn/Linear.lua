-- nn.Linear: y = x W^T + b.

local ap = require "apsis"
local F = require "apsis.nn.functional"
local Module = require "apsis.nn.Module"
local Parameter = require "apsis.nn.Parameter"
local init = require "apsis.nn.initializers"
local check = require "apsis.nn.check"

local linear = F.linear

local Linear = Module:extend "Linear"

--- A fully connected layer: maps (*, in_features) to (*, out_features).
---@param in_features integer
---@param out_features integer
---@param bias? boolean|{bias: boolean} default true
--- weight (out_features, in_features) and bias (out_features) start uniform within +-1 / sqrt(in_features).
--- Source: torch.nn.Linear.  Example: nn.Linear(10, 50)(ap.randn(32, 10)).shape --> {32, 50}
function Linear:init(in_features, out_features, ...)
  local options = check.options("Linear", {"bias"}, ...)
  self.in_features = check.size("Linear", 1, "in_features", in_features)
  self.out_features = check.size("Linear", 2, "out_features", out_features)
  self.weight = Parameter.new(ap.empty(out_features, in_features))
  if check.flag("Linear", options, "bias", true) then self.bias = Parameter.new(ap.empty(out_features)) end
  init.default_(self.weight, self.bias)
end

function Linear:forward(x)
  return linear(x, self.weight, self.bias)
end

function Linear:extra_repr()
  return ("in_features=%d, out_features=%d, bias=%s"):format(self.in_features, self.out_features, self.bias ~= nil)
end

return Linear
