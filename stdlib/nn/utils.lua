-- nn.utils: gradient clipping, and parameters as one vector.

local ap = require "apsis"
local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"

local utils = {}

-- A list of tensors, or one, as a list.
local function listed(op, position, list)
  if ap.is_tensor(list) then return {list} end
  if type(list) ~= "table" then
    arguments.fail("%s: argument %d: expected a table of tensors, got %s", op, position, arguments.got(list))
  end
  for i = 1, #list do
    if not ap.is_tensor(list[i]) then
      arguments.fail("%s: item %d: expected a tensor, got %s", op, i, arguments.got(list[i]))
    end
  end
  return list
end

local function gradients(op, parameters)
  parameters = listed(op, 1, parameters)
  local grads = {}
  for i = 1, #parameters do
    local g = parameters[i].grad
    if g then grads[#grads + 1] = g end
  end
  return grads
end

--- Scales the gradients of all parameters together so that their norm is at most max_norm.
---@param parameters Tensor[]
---@param max_norm number
---@param norm_type? number default 2
---@return number norm before the clipping
--- Source: Pascanu, Mikolov, Bengio 2013; torch.nn.utils.clip_grad_norm_.
--- Example: nn.utils.clip_grad_norm_(model:parameters(), 1.0)
function utils.clip_grad_norm_(parameters, max_norm, norm_type)
  local _ <close> = ap.no_grad()
  local grads = gradients("clip_grad_norm_", parameters)
  arguments.number("clip_grad_norm_", "max_norm", max_norm)
  local norm = utils.get_total_norm(grads, norm_type)
  local scale = max_norm / (norm + 1e-6)
  if scale < 1 then
    for _, g in ipairs(grads) do g:mul_(scale) end
  end
  return norm
end

--- The norm of several tensors taken as one vector.
---@param tensors Tensor[]
---@param norm_type? number default 2; math.huge is the largest absolute value
---@return number
function utils.get_total_norm(tensors, norm_type)
  norm_type = norm_type or 2
  arguments.number("get_total_norm", "norm_type", norm_type)
  local total = 0
  for _, t in ipairs(listed("get_total_norm", 1, tensors)) do
    local norm = t:norm(norm_type):item()
    if norm_type == math.huge then
      total = math.max(total, norm)
    else
      total = total + norm ^ norm_type
    end
  end
  return norm_type == math.huge and total or total ^ (1 / norm_type)
end

--- Cuts every element of the gradients to [-value, value].
---@param parameters Tensor[]
---@param value number
--- Source: torch.nn.utils.clip_grad_value_.
function utils.clip_grad_value_(parameters, value)
  local _ <close> = ap.no_grad()
  arguments.number("clip_grad_value_", "value", value)
  for _, g in ipairs(gradients("clip_grad_value_", parameters)) do g:clamp_(-value, value) end
end

--- All parameters, flattened, in one vector.
---@param parameters Tensor[]
---@return Tensor 1-D
function utils.parameters_to_vector(parameters)
  local flat = {}
  for i, p in ipairs(listed("parameters_to_vector", 1, parameters)) do flat[i] = p:reshape(-1) end
  return core.cat(flat, 1)
end

--- Copies the numbers of one vector back into the parameters.
---@param vector Tensor 1-D, as parameters_to_vector made it
---@param parameters Tensor[]
function utils.vector_to_parameters(vector, parameters)
  local _ <close> = ap.no_grad()
  arguments.tensor("vector_to_parameters", 1, vector)
  parameters = listed("vector_to_parameters", 2, parameters)
  local total = 0
  for _, p in ipairs(parameters) do total = total + p:numel() end
  if vector.ndim ~= 1 or vector:numel() < total then
    arguments.fail("vector_to_parameters: expected a vector of %d elements, got %s", total, arguments.shape(vector))
  end
  local first = 1
  for _, p in ipairs(parameters) do
    local n = p:numel()
    p:copy_(vector:narrow(1, first, n):reshape(p:size()))
    first = first + n
  end
end

return core.define_module(utils)
