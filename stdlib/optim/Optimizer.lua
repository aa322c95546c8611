-- optim.Optimizer: what all optimisers share: parameter groups, state by parameter, saving and restoring.

local arguments = require "apsis.ops.arguments"
local ap = require "apsis"
local class = require "apsis.class"

local is_tensor = ap.is_tensor

--- The base of the optimisers: parameter groups, state by parameter, saving and restoring.
--- Source: torch.optim.Optimizer.
local Optimizer = class "Optimizer"

-- The group's parameters, checked: a list of leaf tensors that want gradients.
local function checked_params(self, group, seen)
  local params = group.params
  if is_tensor(params) then params = {params} end
  if type(params) ~= "table" then
    arguments.fail("%s: a parameter group needs params = {tensors}", self:class_name())
  end
  for i, p in ipairs(params) do
    if not is_tensor(p) then
      arguments.fail("%s: parameter %d: expected a tensor, got %s", self:class_name(), i, type(p))
    end
    if seen[p] then arguments.fail("%s: a parameter appears twice", self:class_name()) end
    seen[p] = true
  end
  return table.move(params, 1, #params, 1, {})
end

--- Called by the constructors of the subclasses.
---@param params Tensor[]|table[] tensors, or groups {params = {tensors}, lr = ..., ...} with their own options
---@param options? table|number one for all groups; a number is lr
---@param defaults table name -> default; `false` marks an option that must be given
function Optimizer:start(params, options, defaults)
  if type(params) ~= "table" then
    arguments.fail("%s: argument 1: expected a table of tensors or of groups, got %s", self:class_name(),
      type(params))
  end
  if params.is_module then
    arguments.fail("%s: argument 1: expected model:parameters(), got the %s itself", self:class_name(),
      params:class_name())
  end
  if type(options) == "number" then options = {lr = options} end
  options = options or {}
  arguments.known(self:class_name(), options, defaults)
  if #params == 0 then arguments.fail("%s: no parameters", self:class_name()) end
  self.defaults, self.state, self.param_groups = {}, {}, {}
  for name, default in pairs(defaults) do
    if options[name] ~= nil then default = options[name] end
    self.defaults[name] = default
  end
  local seen = {}
  if is_tensor(params[1]) then params = {{params = params}} end
  for _, group in ipairs(params) do self:add_param_group(group, seen) end
end

--- Adds parameters with options of their own.
---@param group table {params = {tensors}, lr = ..., ...}; what it does not set comes from the optimiser's options
function Optimizer:add_param_group(group, seen)
  if not seen then
    seen = {}
    for _, other in ipairs(self.param_groups) do
      for _, p in ipairs(other.params) do seen[p] = true end
    end
  end
  if type(group) ~= "table" then
    arguments.fail("%s: expected a tensor or a group {params = {tensors}, ...}, got %s", self:class_name(),
      arguments.got(group))
  end
  local new = {}
  for name, value in pairs(self.defaults) do new[name] = value end
  for name, value in pairs(group) do new[name] = value end
  new.params = checked_params(self, group, seen)
  if type(new.lr) ~= "number" or new.lr < 0 then
    arguments.fail("%s: lr: expected a number of 0 or more, got %s", self:class_name(), tostring(new.lr))
  end
  self.param_groups[#self.param_groups + 1] = new
end

--- Drops the gradients of all parameters (sets them to nil).
function Optimizer:zero_grad()
  local groups = self.param_groups
  for g = 1, #groups do
    local params = groups[g].params
    for i = 1, #params do params[i].grad = nil end
  end
end

--- Moves the parameters by one step along their gradients; parameters without a gradient stay.
---@param closure? fun(): any computes the loss and its gradients again; its result is returned
function Optimizer:step(closure)
  local loss = closure and closure()
  local groups = self.param_groups
  for g = 1, #groups do self:step_group(groups[g]) end
  return loss
end

--- Everything needed to go on: `state` by position of the parameter (1-based), and the groups' options with the
--- positions of their parameters. The tensors are the optimiser's own: copy them to keep them.
---@return {state: table<integer, table>, param_groups: table[]}
--- Source: torch.optim.Optimizer.state_dict.
function Optimizer:state_dict()
  local state, groups, position = {}, {}, 0
  for g, group in ipairs(self.param_groups) do
    local copy = {}
    for name, value in pairs(group) do
      if name:sub(1, 1) ~= "_" then copy[name] = value end
    end
    copy.params = {}
    for i, p in ipairs(group.params) do
      position = position + 1
      copy.params[i] = position
      if self.state[p] then
        state[position] = {}
        for name, value in pairs(self.state[p]) do state[position][name] = value end
      end
    end
    groups[g] = copy
  end
  return {state = state, param_groups = groups}
end

--- Takes over a state_dict() of an optimiser over parameters of the same number and shapes.
---@param saved table
function Optimizer:load_state_dict(saved)
  if type(saved) ~= "table" or type(saved.param_groups) ~= "table" then
    arguments.fail("load_state_dict: expected what %s:state_dict() returned", self:class_name())
  end
  if #saved.param_groups ~= #self.param_groups then
    arguments.fail("load_state_dict: expected %d parameter groups, got %d", #self.param_groups, #saved.param_groups)
  end
  for g, group in ipairs(self.param_groups) do
    local n = #saved.param_groups[g].params
    if n ~= #group.params then
      arguments.fail("load_state_dict: group %d: expected %d parameters, got %d", g, #group.params, n)
    end
  end
  self.state = {}
  local position = 0
  for g, group in ipairs(self.param_groups) do
    for name, value in pairs(saved.param_groups[g]) do
      if name ~= "params" then group[name] = value end
    end
    for _, p in ipairs(group.params) do
      position = position + 1
      local old = saved.state[position]
      if old then
        local state = {}
        for name, value in pairs(old) do
          state[name] = is_tensor(value) and value:detach():to(p.dtype):clone() or value
        end
        self.state[p] = state
      end
    end
  end
end

function Optimizer:__tostring()
  local lines = {}
  for g, group in ipairs(self.param_groups) do
    local fields = {}
    for name, value in pairs(group) do
      if name ~= "params" and name:sub(1, 1) ~= "_" then
        if type(value) == "table" then value = "{" .. table.concat(value, ", ") .. "}" end
        fields[#fields + 1] = ("    %s: %s"):format(name, value)
      end
    end
    table.sort(fields)
    lines[#lines + 1] = ("  group %d: %d parameters\n%s"):format(g, #group.params, table.concat(fields, "\n"))
  end
  return self:class_name() .. " (\n" .. table.concat(lines, "\n") .. "\n)"
end

return Optimizer
