-- nn.ModuleList: a list of modules that a model registers as one field.

local arguments = require "apsis.ops.arguments"
local Module = require "apsis.nn.Module"

local ModuleList = Module:extend "ModuleList"

--- Holds modules at positions 1..#list; ipairs walks it. In state dicts the first is "0".
---@param modules? table[]
--- Source: torch.nn.ModuleList.  Example: self.blocks = nn.ModuleList{nn.Linear(4, 4), nn.Linear(4, 4)}
function ModuleList:init(modules)
  modules = arguments.options("ModuleList", 1, modules)
  for i, module in ipairs(modules) do
    if type(module) ~= "table" or not module.is_module then
      arguments.fail("ModuleList: item %d: expected a module, got %s", i, arguments.got(module))
    end
    rawset(self, i, module)
  end
end

--- Adds a module at the end.
---@param module table
---@return table self
function ModuleList:append(module)
  rawset(self, rawlen(self) + 1, module)
  return self
end

return ModuleList
