--- Runs tests on another device: what a test file creates lies there; what the library creates on its own does not,
--- so a gradient rule that makes its zeros on the CPU is found out.

local device = {}

-- Functions that make a tensor from nothing.
local CREATORS = {"tensor", "zeros", "ones", "full", "empty", "eye", "arange", "linspace", "rand", "randn", "randint",
  "randperm", "tril_indices", "triu_indices"}

local function moved(t, name)
  if t.device ~= "cpu" then return t end
  local wants = t.requires_grad
  t = t:detach():to(name)
  return wants and t:requires_grad_() or t
end

-- Whether the function that asks was called by a test, directly or by pcall and its like.
local function called_from_tests()
  local level, info = 3
  repeat
    level = level + 1
    info = debug.getinfo(level, "S")
  until not info or info.what ~= "C"
  return info and info.source:find "tests/[^\n]*%.lua$" ~= nil
end

-- Modules create their parameters and buffers on the CPU; those of tests shall lie on the device.
local function install_modules(name)
  local core, Parameter, Module = require "apsis", require "apsis.nn.Parameter", require "apsis.nn.Module"
  local new, register_buffer = Parameter.new, Module.register_buffer
  local function placed(t) return core.is_tensor(t) and moved(t, name) or t end
  function Parameter.new(t, ...) return new(placed(t), ...) end
  function Module:register_buffer(key, t, ...) return register_buffer(self, key, placed(t), ...) end
end

-- What stands between the tests and a function of the library bears a name of the library's: so errors have the
-- position of the test.
local stand_between = load([[
  local create, wanted, moved = ...
  return function(...)
    if wanted() then return moved(create(...)) end
    return create(...)
  end]], "=apsis/support/device.lua")

--- From now on tests create their tensors on the device `name`.
function device.install(name)
  local core = require "apsis"
  for _, creator in ipairs(CREATORS) do
    local create = rawget(core, creator)
    if create then
      core[creator] = stand_between(create, function()
        return not device.paused and called_from_tests()
      end, function(t) return moved(t, name) end)
    end
  end
  for alias, of in pairs(require "apsis.ops.alias") do core[alias] = core[of] end
  install_modules(name)
  device.name = name
end

--- What f creates lies on the CPU all the same.
function device.pause(f)
  device.paused = true
  f()
  device.paused = false
end

--- Calls f and waits: what kernels find wrong with their input shows when the device is waited for.
function device.settled(f, ...)
  if not device.name then return f(...) end
  local results = table.pack(f(...))
  require("apsis").synchronize()
  return table.unpack(results, 1, results.n)
end

--- A tensor of a golden file, on the device of the tests.
function device.place(t)
  return device.name and moved(t, device.name) or t
end

return device
