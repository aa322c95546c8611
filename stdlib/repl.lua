-- What the prompt does with a line: gathers statements over several lines, runs them and prints the values of
-- expressions. Reading lines, history and Ctrl-C are the program's (vm/repl.c).
local repl = {}

local MAX_FRAMES = 16 -- that an error lists

local pending = nil -- the lines of an unfinished statement

--- Makes ap, nn, F, optim and data globals and greets.
function repl.open()
  local modules = {
    {"ap", "apsis"}, {"nn", "apsis.nn"}, {"F", "apsis.nn.functional"}, {"optim", "apsis.optim"},
    {"data", "apsis.data"},
  }
  for _, m in ipairs(modules) do _G[m[1]] = require(m[2]) end
  print("Apsis, " .. _VERSION .. ". ap, nn, F, optim and data are loaded; Ctrl-D leaves.")
end

--- Forgets an unfinished statement.
function repl.reset()
  pending = nil
end

-- A local would end with its line, so a line that starts with one declares globals instead: `local x = 1` and
-- `local function f` work as in a script. Locals further on in a line, and those with an attribute, stay local.
local function promote_local(text)
  local rest = text:match "^%s*local%s+(.*)$"
  if not rest or not load(text, "=prompt", "t") then return text end
  if rest:find "^function%s" then return rest end
  local _, last = rest:find "^[%w_]+"
  local stop = last
  while stop do
    last = stop
    _, stop = rest:find("^%s*,%s*[%w_]+", last + 1)
  end
  if rest:find("^%s*<", last + 1) then return text end
  if rest:find("^%s*=", last + 1) then return rest end
  return rest:sub(1, last) .. " = nil;" .. rest:sub(last + 1)
end

-- The compiled text as an expression (its values are to be printed) or as statements; nil, the message and whether
-- more lines could complete it where it is neither.
local function compile(text)
  local f, as_expression = load("return " .. text, "=prompt", "t")
  if f then return f end
  local message
  f, message = load(promote_local(text), "=prompt", "t")
  if f then return f end
  local function unfinished(m) return m:find "<eof>'?$" ~= nil end
  return nil, message, unfinished(message) or unfinished(as_expression)
end

-- The message and the frames of the user's code: neither C functions nor the standard library.
local function describe(e)
  local lines = {type(e) == "string" and e or tostring(e)}
  for level = 2, math.huge do
    local info = debug.getinfo(level, "Sln")
    if not info then break end
    if info.what ~= "C" and not info.source:find "^=apsis/" then
      if #lines > MAX_FRAMES then
        lines[#lines + 1] = "  ..."
        break
      end
      local what = info.what == "main" and "in the main chunk" or info.name and ("in '%s'"):format(info.name)
        or ("in the function at line %d"):format(info.linedefined)
      lines[#lines + 1] = ("  %s:%d: %s"):format(info.short_src, info.currentline, what)
    end
  end
  -- The prompt's own line alone says nothing that the message does not.
  if #lines == 2 and lines[2]:find "^  prompt:1: in the main" then lines[2] = nil end
  return table.concat(lines, "\n")
end

local function show(ok, ...)
  if not ok then error((...), 0) end
  if select("#", ...) > 0 then print(...) end
end

--- Takes one line.
---@param line string
---@return boolean true where the statement goes on in the next line
function repl.feed(line)
  local text = pending and pending .. "\n" .. line or (line:gsub("^%s*=", "", 1))
  pending = nil
  if not text:find "%S" then return false end
  local f, message, unfinished = compile(text)
  if unfinished then
    pending = text
    return true
  end
  if not f then error(message, 0) end
  show(xpcall(f, describe))
  return false
end

return repl
