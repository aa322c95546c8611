-- nn.Sequential: modules one after the other.

local arguments = require "apsis.ops.arguments"
local Module = require "apsis.nn.Module"

local Sequential = Module:extend "Sequential"

--- Calls its modules in order, each on what the one before returned. seq[1] is the first; in state dicts it is "0".
---@param ... table modules (or one table of them)
--- Source: torch.nn.Sequential.  Example: nn.Sequential(nn.Linear(10, 50), nn.ReLU(), nn.Linear(50, 10))
function Sequential:init(...)
  local modules = {...}
  if #modules == 1 and type(modules[1]) == "table" and not modules[1].is_module then modules = modules[1] end
  for i, module in ipairs(modules) do
    if type(module) ~= "table" or not module.is_module then
      arguments.fail("Sequential: argument %d: expected a module, got %s", i, type(module))
    end
    rawset(self, i, module)
  end
end

--- Adds a module at the end.
---@param module table
---@return table self
function Sequential:append(module)
  rawset(self, rawlen(self) + 1, module)
  return self
end

function Sequential:forward(x)
  for i = 1, #self do x = self[i](x) end
  return x
end

return Sequential
