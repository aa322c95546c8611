-- data.permutation: a random order that is a pure function of its seed, so that a loader can be restored at any
-- batch without touching the global generator.

local core = require "apsis.core"

--- The numbers 1..n in random order: the same for the same n, seed and stream, on any machine.
---@param n integer
---@param seed integer
---@param stream? integer another order of the same seed (the epoch); default 0
---@return Tensor of n i64
--- Source: Fisher, Yates; Durstenfeld 1964.  Example: data.permutation(5, 42)
local function permutation(n, seed, stream)
  return core.permutation(n, seed, stream)
end

return core.entry("permutation", permutation)
