-- Parameters: tensors that a module registers, and an optimiser moves.

local known = setmetatable({}, {__mode = "k"})

local Parameter = {}

--- nn.Parameter(t): a leaf tensor with the data of t (shared, not copied) that wants a gradient. A module that gets one
--- assigned lists it in parameters().
---@param tensor Tensor floating
---@param requires_grad? boolean default true
---@return Tensor
--- Source: torch.nn.Parameter.  Example: self.scale = nn.Parameter(ap.ones(10))
function Parameter.new(tensor, requires_grad)
  local p = tensor:detach()
  if requires_grad ~= false then p.requires_grad = true end
  known[p] = true
  return p
end

--- Is this tensor one that nn.Parameter made?
---@return boolean
---@private
function Parameter.is(value)
  return known[value] == true
end

return Parameter
