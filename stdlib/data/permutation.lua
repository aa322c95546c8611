-- data.permutation: a random order that is a pure function of its seed, so that a loader can be restored at any
-- batch without touching the global generator.

local ap = require "apsis"

-- SplitMix64's output function: a 64-bit mix. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number
-- generators",
-- OOPSLA 2014.
local function mix(z)
  z = (z ~ (z >> 30)) * 0xBF58476D1CE4E5B9
  z = (z ~ (z >> 27)) * 0x94D049BB133111EB
  return z ~ (z >> 31)
end

local GOLDEN = 0x9E3779B97F4A7C15

--- The numbers 1..n in random order: the same for the same n, seed and stream, on any machine.
---@param n integer
---@param seed integer
---@param stream? integer another order of the same seed (the epoch); default 0
---@return Tensor of n i64
--- Source: Fisher, Yates; Durstenfeld 1964.  Example: data.permutation(5, 42)
local function permutation(n, seed, stream)
  local order, state = {}, mix(mix(seed) + (stream or 0) * GOLDEN)
  for i = 1, n do order[i] = i end
  for i = n, 2, -1 do
    state = state + GOLDEN
    -- The top 31 bits: the remainder's bias is below n / 2^31.
    local j = (mix(state) >> 33) % i + 1
    order[i], order[j] = order[j], order[i]
  end
  return ap.tensor(order, {dtype = "i64"})
end

return permutation
