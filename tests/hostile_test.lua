--- Bad input: every function of tensors, with one argument of a right call spoilt, and with junk. A result, or an error
--- that names the function that was called, at the place of the call; nothing changed that is not the call's to change;
--- in bounded time and memory; never a crash. tests/support/hostile.lua says what is called and what must hold.

local ap = require "apsis"
local hostile = require "support.hostile"
local try = hostile.try

-- How many of the spoilt calls of a function, and how many calls with junk, a usual run makes.
local SPOILT, JUNK = 120, 60

-- Under a limit of memory, and with what a call may set put back after it.
local function bounded(f)
  return function()
    ap.set_memory_limit(256 << 20)
    local ok, message = pcall(f)
    ap.set_memory_limit(0)
    ap.set_num_threads(hostile.threads)
    ap.set_grad_enabled(true)
    ap.set_float32_matmul_precision "highest"
    if not ok then error(message, 0) end
  end
end

-- Every call with one argument of a right call spoilt, left out, or one option too many, as functions that make it.
local function spoilt_calls(make)
  local calls, right = {}, make()
  for k = 1, right.n do
    for i = 1, #hostile.spoilt(right[k]) do
      calls[#calls + 1] = function()
        local given = make()
        given[k] = hostile.spoilt(given[k])[i]
        return given
      end
    end
    calls[#calls + 1] = function()
      local given = make()
      given[k] = nil
      return given
    end
    calls[#calls + 1] = function()
      local given = make()
      given.n = k - 1
      return given
    end
  end
  for _, last in ipairs {"option", "out", "number"} do
    calls[#calls + 1] = function()
      local given = make()
      given.n = given.n + 1
      given[given.n] = last == "option" and {no_such_option = 1} or last == "out" and {out = ap.zeros(5, 7)} or 3
      return given
    end
  end
  return calls
end

-- Calls f for `most` of the items, evenly chosen; all in a deep run.
local function some(list, most, f)
  if hostile.deep or #list <= most then
    for _, item in ipairs(list) do f(item) end
    return
  end
  local step, at = #list / most, hostile.random(1000) / 1000
  for i = 0, most - 1 do f(list[math.floor((i + at) * step) % #list + 1]) end
end

for _, name in ipairs(hostile.order) do
  if hostile.right[name] then
    test(name .. ": one wrong argument gives an error that names it, or a result", bounded(function()
      hostile.seed_for(name)
      local list = hostile.right[name]
      for _, make in ipairs(list) do
        some(spoilt_calls(make), SPOILT // #list, function(call)
          local given = call()
          try(name, table.unpack(given, 1, given.n))
        end)
      end
    end))
  end
end

for _, name in ipairs(hostile.order) do
  test(name .. ": junk gives an error that names it, or a result", bounded(function()
    hostile.seed_for(name)
    local values = hostile.junk()
    try(name)
    some(values, JUNK // 4, function(v) try(name, v) end)
    some(values, JUNK // 4, function(v) try(name, ap.ones(2, 3), v) end)
    some(values, JUNK // 4, function(v) try(name, ap.ones(2, 3), nil, v) end)
    for _ = 1, hostile.deep and 300 or JUNK // 4 do
      local given, n = {}, hostile.random(4)
      for i = 1, n do given[i] = values[hostile.random(#values)] end
      if hostile.random(2) == 1 then given[1] = ap.ones(2, 3) end
      try(name, table.unpack(given, 1, n))
    end
  end))
end
