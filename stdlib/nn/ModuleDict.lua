-- nn.ModuleDict: modules by name that a model registers as one field.

local arguments = require "apsis.ops.arguments"
local Module = require "apsis.nn.Module"

local ModuleDict = Module:extend "ModuleDict"

local function is_module(value)
  return type(value) == "table" and (getmetatable(value) or {}).is_module == true
end

local function put(self, name, module)
  if type(name) ~= "string" or name == "" or name:find(".", 1, true) then
    arguments.fail("ModuleDict: expected a name that is a string without dots, got %s", tostring(name))
  end
  if not is_module(module) then
    arguments.fail("ModuleDict: '%s': expected a module, got %s", name, arguments.got(module))
  end
  if rawget(self, name) == nil and self[name] ~= nil then
    arguments.fail("ModuleDict: '%s' is the name of a method or field of modules; choose another", name)
  end
  self[name] = module
end

-- {{name, module}, ...} of either form of the argument.
local function entries_of(modules)
  local entries = {}
  for i, entry in ipairs(modules) do
    if type(entry) ~= "table" or is_module(entry) then
      arguments.fail("ModuleDict: item %d: expected a pair {name, module}, got %s", i, arguments.got(entry))
    end
    entries[i] = entry
  end
  local named = {}
  for name, module in pairs(modules) do
    if math.type(name) ~= "integer" then named[#named + 1] = {name, module} end
  end
  table.sort(named, function(a, b) return tostring(a[1]) < tostring(b[1]) end)
  return table.move(named, 1, #named, #entries + 1, entries)
end

--- Holds modules by name: dict.name or dict["name"], in state dicts "name.weight". Lua's tables have no order, so
--- modules that are given by name come in alphabetical order; give pairs where another one matters (parameters() and an
--- optimiser's saved state follow it).
---@param modules? table {name = module, ...}, or pairs in the order wanted: {{"name", module}, ...}
--- Source: torch.nn.ModuleDict.  Example: nn.ModuleDict{{"wte", nn.Embedding(65, 32)}, {"wpe", nn.Embedding(8, 32)}}
function ModuleDict:init(modules)
  self:update(arguments.options("ModuleDict", 1, modules))
end

--- Adds modules, or puts others in the place of those that are there.
---@param modules table as for ModuleDict
---@return table self
function ModuleDict:update(modules)
  for _, entry in ipairs(entries_of(arguments.options("update", 1, modules))) do put(self, entry[1], entry[2]) end
  return self
end

--- Iterates name, module in order.
---@return fun(): string, table
function ModuleDict:items()
  return self:named_children()
end

--- The names, in order.
---@return string[]
function ModuleDict:keys()
  local names = {}
  for name in self:named_children() do names[#names + 1] = name end
  return names
end

--- The modules, in order.
---@return table[]
function ModuleDict:values()
  return self:children()
end

function ModuleDict:__len()
  return #self:children()
end

return ModuleDict
