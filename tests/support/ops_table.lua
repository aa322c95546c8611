--- What the program says of its ops when it is asked: the dtypes that they take, whether gradients flow, where they
--- run. build/apsis tests/support/ops_table.lua FILE writes it as a Markdown table (`make docs`).
--
-- An op is asked by calling it with one of PyTorch's samples or of the gradient samples; one without either has no row.

local folder = (arg and arg[0] or ""):match "^(.*)/support/[^/]*$" or "tests"
if arg and arg[0] and arg[0]:find "ops_table" then
  package.path = folder .. "/?.lua;" .. folder .. "/support/?.lua;" .. package.path
end
local ap = require "apsis"
local check = require "support.check"
check.begin(folder .. "/support/ops_table.lua", folder, function() end)
check.install()
local opinfo = require "support.opinfo"
local samples = require "support.samples"

local DTYPES = {"f32", "f64", "f16", "bf16", "i64", "i32", "i16", "i8", "u8", "bool"}

local ops_table = {}

local function plain(v)
  if type(v) ~= "table" then return v end
  if v.is_entry then return v.tensor:detach():clone() end
  local list = {}
  for k, item in pairs(v) do list[k] = plain(item) end
  return list
end

-- name -> function that makes the arguments of a right call, and their number.
local function right_calls()
  local calls = {}
  for _, family in ipairs(opinfo.families) do
    local by_name, names = opinfo.read(family)
    for _, name in ipairs(names) do
      -- The first sample with elements: nothing can go wrong with an empty one.
      for _, call in ipairs(by_name[name]) do
        local first = call.arguments[1]
        local full = type(first) ~= "table" or not first.is_entry or first.tensor:numel() > 1
        if full then
          calls[name] = {function() return plain(call.arguments), call.arguments.n end, opinfo.resolve(name)}
          break
        end
      end
    end
  end
  for name, list in pairs(samples.ops) do
    if not calls[name] and not list[1].f and ap[name] then
      calls[name] = {function()
        local given = table.pack(list[1].make())
        for k = 1, given.n do if ap.is_tensor(given[k]) then given[k] = given[k]:detach() end end
        return given, given.n
      end, ap[name]}
    end
  end
  return calls
end

-- f over every tensor of the arguments.
local function mapped(v, f)
  if ap.is_tensor(v) then return f(v) end
  if type(v) ~= "table" then return v end
  local list = {}
  for k, item in pairs(v) do list[k] = mapped(item, f) end
  return list
end

local function works(f, arguments, n)
  local results = table.pack(pcall(f, table.unpack(arguments, 1, n)))
  if results[1] then
    mapped(table.move(results, 2, results.n, 1, {}), function(t)
      if t.device ~= "cpu" then ap.synchronize() end
      return t
    end)
  end
  return results[1], results
end

local function takes(f, make, dtype)
  local arguments, n = make()
  local changed = false
  arguments = mapped(arguments, function(t)
    if not t:is_floating_point() then return t end
    changed = true
    return t:to(dtype)
  end)
  -- An op of positions alone takes the dtypes that its only tensor may have.
  if not changed then arguments = mapped(arguments, function(t) return t:to(dtype) end) end
  return (works(f, arguments, n))
end

local function gradient(f, make)
  local arguments, n = make()
  arguments = mapped(arguments, function(t) return t:is_floating_point() and t:requires_grad_() or t end)
  local ok, results = works(f, arguments, n)
  if not ok then return "no" end
  local found = false
  mapped(table.move(results, 2, results.n, 1, {}), function(t)
    found = found or t.requires_grad
    return t
  end)
  return found and "yes" or "no"
end

local function on_device(f, make, device)
  local arguments, n = make()
  local from_tensors = false
  arguments = mapped(arguments, function(t)
    from_tensors = true
    if t.dtype == "f64" then t = t:to "f32" end
    return t:to(device)
  end)
  if not from_tensors then return "yes" end
  local ok, results = works(f, arguments, n)
  if ok then return "yes" end
  return tostring(results[2]):find "has no kernel" and "no" or "?"
end

--- rows: one a function that has a sample, in alphabetical order.
---@param device string|nil the OpenCL device to ask; nil: leave that out
---@return {name: string, dtypes: string, gradient: string, cpu: string, cl: string}[]
function ops_table.rows(device)
  local calls, names, rows = right_calls(), {}, {}
  for name in pairs(calls) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do
    local make, f = calls[name][1], calls[name][2]
    local taken = {}
    for _, dtype in ipairs(DTYPES) do
      if takes(f, make, dtype) then taken[#taken + 1] = dtype end
    end
    rows[i] = {name = name, dtypes = #taken == #DTYPES and "all" or table.concat(taken, " "),
      gradient = gradient(f, make), cpu = "yes", cl = device and on_device(f, make, device) or ""}
  end
  return rows
end

--- write: the table as Markdown.
function ops_table.write(path)
  local device = pcall(function() return ap.ones(1):to "cl" end) and "cl" or nil
  local lines = {"# Ops\n", "What the program answered when every op was called with one of PyTorch's sample inputs in",
    "every dtype: which dtypes it takes, whether its result carries a gradient, whether it runs on OpenCL.\n",
    device and "" or "(No OpenCL device was there when this was written.)\n",
    "| op | dtypes | gradient | CPU | OpenCL |", "|---|---|---|---|---|"}
  for _, row in ipairs(ops_table.rows(device)) do
    lines[#lines + 1] = ("| `%s` | %s | %s | %s | %s |"):format(row.name, row.dtypes, row.gradient, row.cpu, row.cl)
  end
  local file = assert(io.open(path, "w"))
  file:write(table.concat(lines, "\n"), "\n")
  file:close()
end

if arg and arg[0] and arg[0]:find "ops_table" then ops_table.write(arg[1]) end

return ops_table
