-- What the prompt does with a line: gathers statements over several lines, runs them and prints the values of
-- expressions. Reading lines, history and Ctrl-C are the program's (vm/repl.c).
local repl = {}

local pending = nil -- the lines of an unfinished statement

--- Makes ap, nn, F, optim and data globals and greets.
function repl.open()
  local modules = {
    {"ap", "apsis"}, {"nn", "apsis.nn"}, {"F", "apsis.nn.functional"}, {"optim", "apsis.optim"},
    {"data", "apsis.data"},
  }
  for _, m in ipairs(modules) do
    local ok, value = pcall(require, m[2])
    if ok then _G[m[1]] = value end
  end
  print("Apsis, " .. _VERSION .. ". ap, nn, F, optim and data are loaded; Ctrl-D leaves.")
end

--- Forgets an unfinished statement.
function repl.reset()
  pending = nil
end

--- The compiled text as an expression (its values are to be printed) or as statements; nil and the message
--- where it is neither.
local function compile(text)
  local f = load("return " .. text, "=prompt", "t")
  if f then return f end
  return load(text, "=prompt", "t")
end

local function show(...)
  if select("#", ...) > 0 then print(...) end
end

--- Takes one line.
---@param line string
---@return boolean true where the statement goes on in the next line
function repl.feed(line)
  local text = pending and pending .. "\n" .. line or (line:gsub("^%s*=", "", 1))
  pending = nil
  if not text:find("%S") then return false end
  local f, message = compile(text)
  if not f then
    if message:find("<eof>'?$") then
      pending = text
      return true
    end
    error(message, 0)
  end
  show(f())
  return false
end

return repl
