--- Generators of their own, for draws that shall not depend on what else is drawn: ap.Generator(seed), and
--- `generator =` as a last option of every random function.

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"

local Generator = {}
Generator.__index = Generator

--- manual_seed: starts anew.
---@param seed integer
---@return Generator itself
function Generator:manual_seed(seed)
  if math.type(seed) ~= "integer" then
    arguments.fail("Generator: expected an integer as the seed, got %s", seed)
  end
  self.state = {seed, 0}
  return self
end

--- initial_seed: what it was started with.
---@return integer
function Generator:initial_seed() return self.state[1] end

--- get_state: where it stands, as ap.get_rng_state gives it.
---@return integer[] seed, blocks used
function Generator:get_state() return {table.unpack(self.state)} end

--- set_state: back to a state.
---@param state integer[] from get_state
---@return Generator itself
function Generator:set_state(state)
  if type(state) ~= "table" or math.type(state[1]) ~= "integer" or math.type(state[2]) ~= "integer" then
    arguments.fail("Generator: expected a state from get_state")
  end
  self.state = {state[1], state[2]}
  return self
end

function Generator:__tostring()
  return ("Generator(seed %d, %d blocks used)"):format(self.state[1], self.state[2])
end

--- Generator: a generator of its own; the same seed gives the same numbers as ap.manual_seed(seed) gives.
---@param seed integer|nil default: PyTorch's 67280421310721
---@return Generator
--- Source: torch.Generator.  Example: ap.rand(3, {generator = ap.Generator(7)})
function core.Generator(seed)
  local g = setmetatable({}, Generator)
  return g:manual_seed(seed or 67280421310721)
end

-- Closing puts the generator's new state away and the common one back.
local returning = {__close = function(guard)
  if guard.generator then guard.generator.state = core.get_rng_state() end
  core.set_rng_state(guard.state)
end}

local function drawn(name, f, n, ...)
  local given, options = {...}, {}
  for k, v in pairs(given[n]) do
    if k ~= "generator" then options[k] = v end
  end
  local generator = rawget(given[n], "generator")
  if getmetatable(generator) ~= Generator then
    arguments.fail("%s: generator: expected an ap.Generator, got a %s", name, type(generator))
  end
  given[n] = options
  if next(options) == nil then n = n - 1 end
  local _ <close> = setmetatable({generator = generator, state = core.get_rng_state()}, returning)
  core.set_rng_state(generator.state)
  return f(table.unpack(given, 1, n))
end

local generators = {}

--- wrap: f, which also takes {generator = g} as (or in) its last argument.
---@param name string for errors
---@param f function
---@param takes_out boolean|nil whether f does what {out = t} asks for
---@return function
---@private
function generators.wrap(name, f, takes_out)
  f = core.entry(name, f, takes_out)
  return core.entry(name, function(...)
    local n = select("#", ...)
    if n > 0 then
      local last = select(n, ...)
      if type(last) == "table" and rawget(last, "generator") ~= nil then return drawn(name, f, n, ...) end
    end
    return f(...)
  end, takes_out)
end

--- fork_rng: what is drawn inside does not move the common generator.
---@param f function|nil
---@param ... any the arguments that f is called with
---@return any what f returns, or an object to close
--- Source: torch.random.fork_rng.  Example: local _ <close> = ap.fork_rng()
function core.fork_rng(f, ...)
  arguments.callable("fork_rng", f)
  local guard = setmetatable({state = core.get_rng_state()}, returning)
  if f == nil then return guard end
  local _ <close> = guard
  return f(...)
end

--- seed: starts the common generator from a number that nobody chose.
---@return integer that number
--- Source: torch.seed.
function core.seed()
  local file = io.open("/dev/urandom", "rb")
  local bytes = file and file:read(8)
  if file then file:close() end
  local seed = bytes and #bytes == 8 and string.unpack("<i8", bytes) or math.floor(core.clock() * 1e9) ~ os.time() << 32
  core.manual_seed(seed)
  return seed
end

return generators
