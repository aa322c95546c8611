-- Layers that only reshape: Flatten, Unflatten, Identity.

local arguments = require "apsis.ops.arguments"
local Module = require "apsis.nn.Module"

local Flatten = Module:extend "Flatten"

--- Joins the dimensions start_dim..end_dim into one.
---@param start_dim? integer default 2 (the batch stays)
---@param end_dim? integer default -1
--- Source: torch.nn.Flatten (start_dim 1 there, counted from 0).  Example: nn.Flatten()(ap.zeros(8, 3, 4)).shape -->
--- {8, 12}
function Flatten:init(...)
  local start_dim, end_dim = arguments.named("Flatten", {"start_dim", "end_dim"}, ...)
  self.start_dim, self.end_dim = start_dim or 2, end_dim or -1
end

function Flatten:forward(x)
  return x:flatten(self.start_dim, self.end_dim)
end

function Flatten:extra_repr()
  return ("start_dim=%d, end_dim=%d"):format(self.start_dim, self.end_dim)
end

local Unflatten = Module:extend "Unflatten"

--- Splits dimension dim into several.
---@param dim integer
---@param sizes integer[]
--- Source: torch.nn.Unflatten.  Example: nn.Unflatten(2, {3, 4})(ap.zeros(8, 12)).shape --> {8, 3, 4}
function Unflatten:init(dim, sizes)
  self.dim, self.sizes = dim, sizes
end

function Unflatten:forward(x)
  local shape, dim = x:size(), self.dim
  if dim < 0 then dim = #shape + 1 + dim end
  local new = table.move(shape, 1, dim - 1, 1, {})
  table.move(self.sizes, 1, #self.sizes, dim, new)
  table.move(shape, dim + 1, #shape, #new + 1, new)
  return x:reshape(new)
end

function Unflatten:extra_repr()
  return ("dim=%d, sizes={%s}"):format(self.dim, table.concat(self.sizes, ", "))
end

local Identity = Module:extend "Identity"

--- Returns its input.
function Identity.init() end

function Identity:forward(x) -- luacheck: ignore self
  return x
end

return {Flatten = Flatten, Unflatten = Unflatten, Identity = Identity}
