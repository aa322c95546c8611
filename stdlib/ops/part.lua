--- The gradient of a part of a tensor, the rest of which is 0: what the rules of views give to the walk over the tape,
--- so that a loop over x[{ {}, t }] adds each part to one sum in place and makes no tensor of x's size for each.

local core = require "apsis.core"

local Part = {}

--- part: of x, the gradient g of view(x, ...).
---@param x Tensor
---@param g Tensor
---@param view fun(x: Tensor, ...): Tensor whose elements are different ones of x
---@param ... any what view takes
---@return table
---@private
local function part(x, g, view, ...)
  return setmetatable({size = x:size(), g = g, view = view, n = select("#", ...), ...}, Part)
end

--- add: the sum with the part added.
---@param p table
---@param sum Tensor|nil nil is 0
---@param is_owned boolean whether the sum may be written to
---@return Tensor
---@private
local function add(p, sum, is_owned)
  local g = p.g
  if not is_owned then
    local fresh = core.zeros(p.size, {dtype = g.dtype, device = g.device})
    sum = sum and fresh:copy_(sum) or fresh
  end
  p.view(sum, table.unpack(p, 1, p.n)):add_(g)
  return sum
end

return {of = part, add = add, Part = Part}
