-- nn.Module: the base of every layer and model. What is assigned to a field is registered by what it is: a parameter
-- (nn.Parameter), a submodule, or, through register_buffer, a buffer. Values live in the object itself, so reading
-- self.weight is one table access; only their order is kept beside them.
--
--   local Net = nn.Module:extend "Net"
--   function Net:init()
--     self.fc1 = nn.Linear(10, 50)
--     self.fc2 = nn.Linear(50, 10)
--   end
--   function Net:forward(x) return self.fc2(self.fc1(x):relu()) end
--   local net = Net()
--
-- Names are PyTorch's, dots and all: "fc1.weight". What a module holds at integer positions (Sequential, ModuleList)
-- is indexed from 1, as everything is, but named from 0 in named_parameters and state_dict ("0.weight" is
-- model[1].weight): state dict files must interchange with PyTorch.

local arguments = require "apsis.ops.arguments"
local ap = require "apsis"
local class = require "apsis.class"
local Parameter = require "apsis.nn.Parameter"

local is_tensor, is_parameter = ap.is_tensor, Parameter.is

--- The base of every layer and model: registers the parameters, submodules and buffers that it is given. A class of
--- one's own extends it and defines init and forward: local Net = nn.Module:extend "Net".
--- Source: torch.nn.Module.
local Module = class "Module"

Module.is_module = true
--- Whether the module is in training mode (Dropout and the batch norms behave differently); set by train() and eval().
Module.training = true

-- Slots of the object that hold its bookkeeping: the registered names in order, and which of them are buffers.
local NAMES, BUFFERS = "_names", "_buffers"

local function is_module(value)
  return type(value) == "table" and (getmetatable(value) or {}).is_module == true
end

local function names_of(self)
  local names = rawget(self, NAMES)
  if not names then
    names = {}
    rawset(self, NAMES, names)
  end
  return names
end

local function register(self, key)
  local names = names_of(self)
  if not names[key] then
    names[#names + 1] = key
    names[key] = true
  end
end

-- Runs for a field that is not there yet, so the order of first assignment is the order of the parameters.
function Module:__newindex(key, value)
  rawset(self, key, value)
  if type(key) == "string" and (is_module(value) or is_parameter(value)) then register(self, key) end
end

function Module:__call(...)
  return self:forward(...)
end

--- What the module computes; a subclass defines it, callers write module(x).
function Module:forward()
  arguments.fail("%s: define %s:forward(x)", self:class_name(), self:class_name())
end

-- A field that held something else when it was first assigned escaped __newindex: it is found here, in alphabetical
-- order.
local function registered(self)
  local names, found = names_of(self), nil
  for key, value in next, self do
    if type(key) == "string" and not names[key] and (is_module(value) or is_parameter(value)) then
      found = found or {}
      found[#found + 1] = key
    end
  end
  if found then
    table.sort(found)
    for _, key in ipairs(found) do register(self, key) end
  end
  return names
end

-- visit(name, value, key, kind) for every registered member of this module alone; kind is "parameter", "buffer" or
-- "module". key is where the member sits: self[key].
local function each_member(self, visit)
  local buffers = rawget(self, BUFFERS)
  for _, key in ipairs(registered(self)) do
    local value = rawget(self, key)
    if is_module(value) then
      visit(key, value, key, "module")
    elseif is_tensor(value) then
      visit(key, value, key, buffers and buffers[key] ~= nil and "buffer" or "parameter")
    end
  end
  for i = 1, rawlen(self) do
    local value = rawget(self, i)
    if is_module(value) then
      visit(tostring(i - 1), value, i, "module")
    elseif is_parameter(value) then
      visit(tostring(i - 1), value, i, "parameter")
    end
  end
end

-- visit(name, value, owner, key, kind) for every parameter and buffer here and below; a shared module is seen each time
-- it occurs, unless `once` (a set) is given.
local function each_tensor(self, prefix, visit, once)
  if once then
    if once[self] then return end
    once[self] = true
  end
  each_member(self, function(name, value, key, kind)
    if kind ~= "module" then visit(prefix .. name, value, self, key, kind) end
  end)
  each_member(self, function(name, value, _, kind)
    if kind == "module" then each_tensor(value, prefix .. name .. ".", visit, once) end
  end)
end

-- An iterator over a list of {name, value} pairs.
local function pairs_of(list)
  local i = 0
  return function()
    i = i + 1
    local entry = list[i]
    if entry then return entry[1], entry[2] end
  end
end

local function collect(self, wanted)
  local list, seen = {}, {}
  each_tensor(self, "", function(name, value, _, _, kind)
    if kind == wanted and not seen[value] then
      seen[value] = true
      list[#list + 1] = {name, value}
    end
  end, {})
  return list
end

local function values_of(list)
  local values = {}
  for i, entry in ipairs(list) do values[i] = entry[2] end
  return values
end

--- Registers a tensor that is part of the module's state but is not trained (running means, masks).
---@param name string the field it becomes
---@param tensor Tensor|nil nil registers the name without a value
---@param persistent? boolean false keeps it out of state_dict; default true
--- Source: torch.nn.Module.register_buffer.  Example: self:register_buffer("mask", ap.ones(4))
function Module:register_buffer(name, tensor, persistent)
  local buffers = rawget(self, BUFFERS)
  if not buffers then
    buffers = {}
    rawset(self, BUFFERS, buffers)
  end
  buffers[name] = persistent ~= false
  rawset(self, name, tensor)
  register(self, name)
end

--- Registers a parameter or nil under a name; `self.name = nn.Parameter(t)` does the same.
---@param name string
---@param parameter Tensor|nil
function Module:register_parameter(name, parameter)
  rawset(self, name, parameter)
  register(self, name)
end

--- Adds a submodule under a name that need not be a Lua identifier; `self.name = module` does the same.
---@param name string
---@param module table
function Module:add_module(name, module)
  assert(is_module(module), "add_module: expected a module as argument 2")
  rawset(self, name, module)
  register(self, name)
end

--- All parameters here and below, in order of registration, each once.
---@return Tensor[]
--- Source: torch.nn.Module.parameters.  Example: optim.SGD(model:parameters(), {lr = 0.01})
function Module:parameters()
  return values_of(collect(self, "parameter"))
end

--- Iterates name, parameter. Names are PyTorch's: "fc1.weight"; positions count from 0 there ("0.weight" is
--- self[1].weight).
---@return fun(): string, Tensor
--- Example: for name, p in model:named_parameters() do print(name, p.shape) end
function Module:named_parameters()
  return pairs_of(collect(self, "parameter"))
end

--- All buffers here and below.
---@return Tensor[]
function Module:buffers()
  return values_of(collect(self, "buffer"))
end

--- Iterates name, buffer.
---@return fun(): string, Tensor
function Module:named_buffers()
  return pairs_of(collect(self, "buffer"))
end

local function children_of(self)
  local list, seen = {}, {}
  each_member(self, function(name, value, _, kind)
    if kind == "module" and not seen[value] then
      seen[value] = true
      list[#list + 1] = {name, value}
    end
  end)
  return list
end

--- The direct submodules.
---@return table[]
function Module:children()
  return values_of(children_of(self))
end

--- Iterates name, module over the direct submodules.
---@return fun(): string, table
function Module:named_children()
  return pairs_of(children_of(self))
end

local function modules_of(self, prefix, list, seen)
  if not seen[self] then
    seen[self] = true
    list[#list + 1] = {prefix, self}
    each_member(self, function(name, value, _, kind)
      if kind == "module" then modules_of(value, (prefix == "" and "" or prefix .. ".") .. name, list, seen) end
    end)
  end
  return list
end

--- This module and all below it, each once.
---@return table[]
function Module:modules()
  return values_of(modules_of(self, "", {}, {}))
end

--- Iterates name, module; the first is "", self.
---@return fun(): string, table
function Module:named_modules()
  return pairs_of(modules_of(self, "", {}, {}))
end

--- Calls f(module) on every submodule, then on this one.
---@param f fun(module: table)
---@return table self
--- Example: model:apply(function(m) if m:is_a(nn.Linear) then nn.init.zeros_(m.bias) end end)
function Module:apply(f)
  for _, child in ipairs(self:children()) do child:apply(f) end
  f(self)
  return self
end

--- Training mode on (default) or off, here and below.
---@param mode? boolean
---@return table self
function Module:train(mode)
  mode = mode ~= false
  for _, module in ipairs(self:modules()) do rawset(module, "training", mode) end
  return self
end

--- Evaluation mode: Dropout passes through, batch norms use their running statistics.
---@return table self
function Module:eval()
  return self:train(false)
end

--- Turns gradients on or off for every parameter.
---@param on? boolean default true
---@return table self
function Module:requires_grad_(on)
  for _, p in ipairs(self:parameters()) do p.requires_grad = on ~= false end
  return self
end

--- Drops the gradients of all parameters.
function Module:zero_grad()
  for _, p in ipairs(self:parameters()) do p.grad = nil end
end

local function replace_tensors(self, convert)
  local converted = {}
  each_tensor(self, "", function(_, value, owner, key, kind)
    local new = converted[value]
    if not new then
      new = convert(value)
      if new ~= value and kind == "parameter" then
        local grad = value.grad
        new = Parameter.new(new, value.requires_grad)
        if grad then new.grad = convert(grad) end
      end
      converted[value] = new
    end
    if new ~= value then rawset(owner, key, new) end
  end, {})
  return self
end

local FLOATING = {f16 = true, bf16 = true, f32 = true, f64 = true}
local DTYPE = {
  float16 = "f16", half = "f16", bfloat16 = "bf16", float32 = "f32", float = "f32", float64 = "f64", double = "f64",
}

--- Moves the module to a device, or its floating parameters and buffers to a dtype. Parameters become new tensors: make
--- the optimiser after this call.
---@param target string "cpu", "cl", "cl:2", or a floating dtype ("f64")
---@return table self
--- Source: torch.nn.Module.to.  Example: model:to("f64")
function Module:to(target)
  local dtype = FLOATING[target] and target or DTYPE[target]
  return replace_tensors(self, function(t)
    if dtype then
      if not FLOATING[t.dtype] or t.dtype == dtype then return t end
    elseif t.device == target then
      return t
    end
    return t:detach():to(dtype or target)
  end)
end

-- A copy of the value, once of each: what was shared stays shared in the copy.
local function copied(value, copies)
  if copies[value] ~= nil then return copies[value] end
  local copy = value
  if is_tensor(value) then
    copy = value:detach():clone()
    if is_parameter(value) then copy = Parameter.new(copy, value.requires_grad) end
  elseif type(value) == "table" and rawget(value, "__name") == nil then -- classes stay what they are
    copy = setmetatable({}, getmetatable(value))
    copies[value] = copy
    for key, item in next, value do rawset(copy, key, copied(item, copies)) end
  end
  copies[value] = copy
  return copy
end

--- A copy with parameters and buffers of its own, without gradients: for a mean of weights, or several layers alike.
---@return table
--- Source: copy.deepcopy.  Example: local best = model:clone()
function Module:clone()
  return copied(self, {})
end

--- to("f64").
function Module:double() return self:to "f64" end
--- to("f32").
function Module:float() return self:to "f32" end

-- A table name -> tensor that pairs() walks in the order of the module.
local StateDict = {__name = "StateDict"}
local order_of = setmetatable({}, {__mode = "k"})

function StateDict:__pairs()
  local i, order = 0, order_of[self]
  return function()
    local name, value
    repeat
      i = i + 1
      name = order[i]
      value = name and rawget(self, name)
    until name == nil or value ~= nil
    return name, value
  end
end

--- The state of the module: name -> tensor, all parameters and persistent buffers, under PyTorch's names. The tensors
--- share the module's data (detached); pairs() walks them in the module's order. ap.io.save writes it, load_state_dict
--- reads it.
---@return table<string, Tensor>
--- Source: torch.nn.Module.state_dict.  Example: ap.io.save("model.safetensors", model:state_dict())
function Module:state_dict()
  local state, order = {}, {}
  each_tensor(self, "", function(name, value, owner, key, kind)
    if kind == "parameter" or rawget(owner, BUFFERS)[key] then
      state[name] = value:detach()
      order[#order + 1] = name
    end
  end)
  order_of[state] = order
  return setmetatable(state, StateDict)
end

local function shape_text(t)
  local shape = t:size()
  return #shape == 0 and "0-dim" or table.concat(shape, "x")
end

local function list_text(title, names)
  if #names == 0 then return "" end
  table.sort(names)
  return "\n  " .. title .. ": " .. table.concat(names, ", ")
end

--- Copies the tensors of `state` into the parameters and buffers of the same names (converting dtypes). Nothing is
--- copied unless all fits: a missing name, an unexpected one or another shape is an error that lists them all.
---@param state table<string, Tensor> as from state_dict() or ap.io.load()
---@param options? {strict: boolean} strict = false skips missing and unexpected names
---@return {missing: string[], unexpected: string[]} only non-empty with strict = false
--- Source: torch.nn.Module.load_state_dict.  Example: model:load_state_dict(ap.io.load("model.safetensors"))
function Module:load_state_dict(state, options)
  if type(state) ~= "table" then
    arguments.fail("load_state_dict: expected a table of tensors by name, got %s", type(state))
  end
  local strict = options
  if type(options) == "table" then strict = arguments.options("load_state_dict", 2, options, {"strict"}).strict end
  local own = self:state_dict()
  local missing, unexpected, mismatched = {}, {}, {}
  for name, tensor in pairs(own) do
    local new = state[name]
    if new == nil then
      missing[#missing + 1] = name
    elseif not is_tensor(new) then
      mismatched[#mismatched + 1] = name .. " (expected a tensor, got " .. type(new) .. ")"
    elseif shape_text(new) ~= shape_text(tensor) then
      mismatched[#mismatched + 1] = ("%s (expected %s, got %s)"):format(name, shape_text(tensor), shape_text(new))
    end
  end
  for name in pairs(state) do
    if own[name] == nil then unexpected[#unexpected + 1] = tostring(name) end
  end
  if #mismatched > 0 or strict ~= false and #missing + #unexpected > 0 then
    arguments.fail("load_state_dict: the state does not fit this %s:%s%s%s", self:class_name(),
      list_text("missing", missing), list_text("unexpected", unexpected), list_text("other shapes", mismatched))
  end
  local _ <close> = ap.no_grad()
  for name, tensor in pairs(own) do
    if state[name] ~= nil then tensor:copy_(state[name]) end
  end
  return {missing = missing, unexpected = unexpected}
end

--- Calls hook(module, output, ...inputs) after every forward; what it returns (if not nil) replaces the output.
---@param hook fun(module: table, output: any, ...): any
---@return fun() remove takes the hook off again
--- Costs nothing where no hook is registered: the hook wraps this object's forward.
function Module:register_forward_hook(hook)
  local forward, active = self.forward, true
  rawset(self, "forward", function(module, ...)
    local output = forward(module, ...)
    if not active then return output end
    local other = hook(module, output, ...)
    if other ~= nil then return other end
    return output
  end)
  return function() active = false end
end

--- How many numbers the parameters hold.
---@return integer
function Module:num_parameters()
  local n = 0
  for _, p in ipairs(self:parameters()) do n = n + p:numel() end
  return n
end

--- The settings of the module, as its printed form shows them; a subclass defines it.
---@return string
function Module.extra_repr()
  return ""
end

local function lines_of(self, indent)
  local lines = {}
  each_member(self, function(name, value, key, kind)
    if kind == "module" then
      local label = math.type(key) == "integer" and ("[%d]: "):format(key) or ("(%s): "):format(name)
      lines[#lines + 1] = indent .. "  " .. label .. lines_of(value, indent .. "  ")
    end
  end)
  local head = self:class_name() .. "(" .. self:extra_repr()
  if #lines == 0 then return head .. ")" end
  return head .. "\n" .. table.concat(lines, "\n") .. "\n" .. indent .. ")"
end

local function with_commas(n)
  local text = tostring(n):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

--- Like PyTorch's print, positions in brackets counting from 1, and the number of parameters last.
function Module:__tostring()
  local n = self:num_parameters()
  local text = lines_of(self, "")
  if n == 0 then return text end
  return ("%s  %s parameter%s"):format(text, with_commas(n), n == 1 and "" or "s")
end

return Module
