-- What the training loop asks of the system: the time, and whether output goes to a terminal.

local core = require "apsis.core"

local system = {}

--- Seconds from some fixed point, not moved by changes of the clock.
---@return number
system.now = core.clock

--- Does this file lead to a terminal?
---@param file file*
---@return boolean
function system.is_terminal(file)
  return core.isatty(file)
end

return system
