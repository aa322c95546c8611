-- What the training loop asks of the system: the time, whether output goes to a terminal, and its width.

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

--- Characters in a line of the terminal that a file leads to; nil where it leads to none.
---@param file file*
---@return integer|nil
function system.columns(file)
  local columns = core.window_size(file)
  return columns and columns > 0 and columns or nil
end

return system
