-- Shows a text: through the user's pager where it is longer than the terminal is high, else as it is.

local core = require "apsis.core"
local terminal = require "apsis.terminal"

local print, io, os = print, io, os -- the session may give these names other meanings

local DEFAULT = "less -R"
local NOT_FOUND = 127 -- a shell's status where there is no such command

local function count_lines(text)
  local _, n = text:gsub("\n", "")
  return n + 1
end

-- The pager's command; nil where the text is to be printed.
local function command_for(text)
  if not io or not io.stdout or not core.isatty(io.stdout) or not core.isatty(io.stdin) then return nil end
  local term, rows = os.getenv "TERM", terminal.rows(io.stdout)
  if not term or term == "" or term == "dumb" or not rows or count_lines(text) < rows then return nil end
  local pager = os.getenv "PAGER" or DEFAULT
  return pager:find "%S" and pager ~= "cat" and pager or nil
end

-- Runs the pager; false where there is none. Its input is a file and not a pipe from here: os.execute leaves Ctrl-C to
-- the pager while it runs.
local function page(command, text)
  local path = os.tmpname()
  local file = io.open(path, "w")
  if not file then return false end
  local written = file:write(text, "\n")
  file:close()
  local _, status
  if written then
    io.stdout:flush()
    _, _, status = os.execute(("LESS=${LESS-R} %s <'%s'"):format(command, path))
  end
  os.remove(path)
  return written ~= nil and status ~= NOT_FOUND
end

--- Shows a text to the user.
---@param text string
return function(text)
  local command = command_for(text)
  if not command or not page(command, text) then print(text) end
end
