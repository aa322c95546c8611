-- nn.ModuleList: a list of modules that a model registers as one field.

local Module = require "apsis.nn.Module"

local ModuleList = Module:extend "ModuleList"

--- Holds modules at positions 1..#list; ipairs walks it. In state dicts the first is "0".
---@param modules? table[]
--- Source: torch.nn.ModuleList.  Example: self.blocks = nn.ModuleList{nn.Linear(4, 4), nn.Linear(4, 4)}
function ModuleList:init(modules)
  for i, module in ipairs(modules or {}) do rawset(self, i, module) end
end

--- Adds a module at the end.
---@param module table
---@return table self
function ModuleList:append(module)
  rawset(self, rawlen(self) + 1, module)
  return self
end

return ModuleList
