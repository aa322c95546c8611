-- %mem, %who, %reset, %debug and %help.

local core = require "apsis.core"
local show = require "apsis.repl.show"
local terminal = require "apsis.terminal"

local inspect = {}

-- --- %mem --------------------------------------------------------------------------------------------------------

local function size(bytes) return bytes < 1024 and ("%d B"):format(bytes) or show.bytes(bytes) end

local function account(name, m)
  local count = m.tensors and (" in %d tensor%s"):format(m.tensors, m.tensors == 1 and "" or "s") or " in tensors"
  print(("%-6s %s%s, %s at most, %s kept for reuse"):format(name, size(m.live), count, size(m.peak), size(m.cached)))
end

--- %mem
function inspect.mem()
  account("host", core.memory())
  for _, number in ipairs(core.cl.opened()) do account("cl:" .. number, core.cl.memory(number)) end
  print(("%-6s %s"):format("Lua", size(math.floor(collectgarbage "count" * 1024))))
end

-- --- %who --------------------------------------------------------------------------------------------------------

local function tensor_line(x)
  local shape = x:size()
  return ("tensor %s, %s, %s%s"):format(#shape == 0 and "0-dim" or table.concat(shape, "x"), x.dtype, x.device,
    x.requires_grad and ", requires_grad" or "")
end

-- nil where the object says itself what it is.
local function table_line(t)
  local meta = debug.getmetatable(t)
  if type(meta) == "table" and rawget(meta, "__tostring") then return nil end
  local count = 0
  for _ in next, t do count = count + 1 end
  return ("table with %d field%s"):format(count, count == 1 and "" or "s")
end

-- One line about a value.
local function about(value, look)
  if core.is_tensor(value) then return tensor_line(value) end
  local line = type(value) == "table" and (show.module_line(value) or table_line(value))
  return line or (show.text(value, {columns = look.columns}):gsub("\n.*", "..."))
end

--- %who [PATTERN]
---@param session Session
---@param pattern string of Lua; "" for all
function inspect.who(session, pattern)
  local look, names, wide = session:look(io.stdout), {}, 0
  local ok, message = pcall(string.find, "", pattern)
  if not ok then error("%who: " .. message, 0) end
  for _, name in ipairs(session:variables()) do
    if name:find(pattern) then
      names[#names + 1] = name
      wide = math.max(wide, #name)
    end
  end
  if #names == 0 then return print(pattern == "" and "no variables" or "no variables of that name") end
  for _, name in ipairs(names) do
    print(terminal.cut(("%-" .. wide .. "s  %s"):format(name, about(session.env[name], look)), look.columns, "..."))
  end
end

-- --- the others --------------------------------------------------------------------------------------------------

--- %reset
---@param session Session
function inspect.reset(session) session:reset() end

--- %debug
---@param session Session
function inspect.debug(session) require("apsis.repl.debugger").open(session) end

--- %help
function inspect.help() print(require("apsis.repl.commands").summary()) end

return inspect
