-- %time, %timeit and %prof.

local core = require "apsis.core"
local errors = require "apsis.repl.errors"

local timing = {}

local clock = core.clock
local RUNS, RUN_SECONDS = 7, 0.1 -- of %timeit
local GROWTH = 10                -- of its loop, until one run takes long enough to be measured

local UNITS = {{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}}

-- Seconds with three digits.
local function duration(seconds)
  for _, unit in ipairs(UNITS) do
    if seconds >= unit[1] then return ("%.3g %s"):format(seconds / unit[1], unit[2]) end
  end
  return ("%.3g ns"):format(seconds / 1e-9)
end

local function need(name, code)
  if not code:find "%S" then error(("%%%s: expected code, such as %%%s x:matmul(x)"):format(name, name), 0) end
end

-- Work that devices still have to do counts.
local settle = core.synchronize

--- %time CODE: runs it once.
---@param session Session
---@param code string
---@param chunk? string
---@return Result of the code
function timing.time(session, code, chunk)
  need("time", code)
  settle()
  local cpu, start = os.clock(), clock()
  local result = session:evaluate(code, chunk)
  if not result.ok then return result end
  settle()
  local wall = clock() - start
  cpu = os.clock() - cpu
  result = session:accept(result)
  print(("%s, %s of CPU time"):format(duration(wall), duration(cpu)))
  return result
end

-- --- %timeit -----------------------------------------------------------------------------------------------------

-- From code to a function that runs it n times, as Session:compile wants it.
local function loop_of(code, line, env, name)
  local function try(before, after)
    return load(("\n"):rep(line - 1) .. before .. code .. after, "=" .. name, "t", env)
  end
  local loop = "local __n = ... for __i = 1, __n do "
  local f = try(loop .. "local __value = ", "\nend") or try(loop, "\nend")
  if f then return f end
  f = try("", "") -- for the message
  return f and nil, f and name .. ":" .. line .. ": it cannot stand in a loop" or select(2, try("", ""))
end

local function seconds_of(loop, n)
  local start = clock()
  loop(n)
  settle()
  return clock() - start
end

-- How many times the code runs in RUN_SECONDS.
local function fitting(loop)
  local n, taken = 1, seconds_of(loop, 1)
  while taken < RUN_SECONDS / GROWTH do
    n = n * GROWTH
    taken = seconds_of(loop, n)
  end
  return math.max(1, math.floor(n * RUN_SECONDS / taken))
end

-- Mean, standard deviation and least of the list.
local function statistics(list)
  local sum, squares, least = 0, 0, math.huge
  for _, x in ipairs(list) do sum, least = sum + x, math.min(least, x) end
  local mean = sum / #list
  for _, x in ipairs(list) do squares = squares + (x - mean) ^ 2 end
  return mean, math.sqrt(squares / #list), least
end

--- %timeit CODE: runs it many times.
---@param session Session
---@param code string
---@param chunk? string
function timing.timeit(session, code, chunk)
  need("timeit", code)
  local loop, failure = session:compile(code, chunk, loop_of)
  if not loop then error(failure) end
  settle()
  local n, each = fitting(loop), {}
  for i = 1, RUNS do each[i] = seconds_of(loop, n) / n end
  local mean, deviation, best = statistics(each)
  print(("%s ± %s a loop, best %s (mean and deviation of %d runs of %d loop%s)"):format(duration(mean),
    duration(deviation), duration(best), RUNS, n, n == 1 and "" or "s"))
end

-- --- %prof -------------------------------------------------------------------------------------------------------

local ROWS, NAME_WIDTH = 15, 24

local function entry_of(entries, info)
  local entry = entries[info.func]
  if not entry then
    local is_main = info.what == "main"
    local where = info.what == "C" and "built in" or is_main and info.short_src
      or ("%s:%d"):format(info.short_src, info.linedefined)
    local name = is_main and "main chunk" or info.name or "?"
    entry = {name = name, where = where, calls = 0, own = 0, total = 0, open = 0}
    entries[info.func] = entry
  end
  return entry
end

-- A hook that charges the time between two events to the function that ran, and its own time to none; and a function
-- that ends the account and returns the time that was charged.
local function profiler(entries)
  local stack, charged, last = {}, 0, nil
  local getinfo = debug.getinfo
  local function leave()
    local frame = table.remove(stack)
    local entry = frame.entry
    entry.open = entry.open - 1
    if entry.open == 0 then entry.total = entry.total + (charged - frame.since) end
  end
  local function enter(info)
    local entry = entry_of(entries, info)
    entry.calls, entry.open = entry.calls + 1, entry.open + 1
    stack[#stack + 1] = {entry = entry, func = info.func, since = charged}
  end
  -- Frames that an error unwound sent no event: all above the one that returns now are gone.
  local function leave_to(func)
    local at = #stack
    while at > 0 and stack[at].func ~= func do at = at - 1 end
    while at > 0 and #stack >= at do leave() end
  end
  local function hook(event)
    local top, passed = stack[#stack], last and clock() - last
    if top then
      top.entry.own = top.entry.own + passed
      charged = charged + passed
    end
    if event == "return" then
      leave_to(getinfo(2, "f").func)
    else
      if event == "tail call" and top then leave() end
      enter(getinfo(2, "nSf"))
    end
    last = clock()
  end
  return hook, function()
    while #stack > 0 do leave() end
    return charged
  end
end

local function print_profile(entries, whole)
  local list = {}
  for _, entry in pairs(entries) do
    if entry.own > 0 and not entry.where:find "^apsis/repl/" then list[#list + 1] = entry end
  end
  table.sort(list, function(a, b) return a.own > b.own end)
  print(("%s in all; the time in a function itself, and with what it called:"):format(duration(whole)))
  print(("%6s  %9s  %9s  %8s  %-" .. NAME_WIDTH .. "s %s"):format("share", "self", "total", "calls", "function",
    "defined at"))
  for i = 1, math.min(#list, ROWS) do
    local e = list[i]
    print(("%5.1f%%  %9s  %9s  %8d  %-" .. NAME_WIDTH .. "s %s"):format(100 * e.own / whole, duration(e.own),
      duration(e.total), e.calls, e.name:sub(1, NAME_WIDTH), e.where))
  end
  if #list > ROWS then print(("... and %d more"):format(#list - ROWS)) end
end

--- %prof CODE: runs it once and tells which functions took the time. Coroutines count as the function that resumes
--- them.
---@param session Session
---@param code string
---@param chunk? string
function timing.prof(session, code, chunk)
  need("prof", code)
  local f, failure = session:compile(code, chunk)
  if not f then error(failure) end
  local entries = {}
  local hook, finish = profiler(entries)
  local function run()
    f()
    settle()
  end
  local function caught(e)
    debug.sethook()
    return errors.capture(e)
  end
  debug.sethook(hook, "cr")
  local ok, e = xpcall(run, caught)
  debug.sethook()
  local whole = finish()
  for _, ours in ipairs {xpcall, settle, debug.sethook} do entries[ours] = nil end
  print_profile(entries, math.max(whole, 1e-9))
  if not ok then error(e) end
end

return timing
