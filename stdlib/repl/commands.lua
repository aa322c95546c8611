-- The prompt's commands: inputs that begin with % or !. A command stands on a line of its own, and what follows that
-- line is the next input; one that takes code takes all that follows.

local commands = {}

-- {name, usage, what it does, the file of stdlib/repl that it is in}, in the order of %help.
local LIST = {
  {"time", "CODE", "run CODE and tell how long it took", "timing"},
  {"timeit", "CODE", "run CODE many times: mean, deviation and best time", "timing"},
  {"prof", "CODE", "run CODE and tell which functions took the time", "timing"},
  {"mem", "", "memory in use: tensors on the host and on devices, Lua", "inspect"},
  {"who", "[PATTERN]", "the session's variables", "inspect"},
  {"run", "FILE [ARGUMENT...]", "run a script; its globals and locals stay", "files"},
  {"edit", "[FILE]", "edit the last input (or a file) in $EDITOR and run it", "files"},
  {"save", "[-f] FILE", "write the session as a script; -f replaces a file", "files"},
  {"load", "FILE", "put a file's text into the next input", "files"},
  {"paste", "", "run what the clipboard holds", "files"},
  {"debug", "", "look around in the frames of the last error", "inspect"},
  {"reset", "", "forget the session's variables and results", "inspect"},
  {"help", "", "this list", "inspect"},
}

local by_name = {}
for _, entry in ipairs(LIST) do by_name[entry[1]] = entry end

--- The commands' names.
---@return string[]
function commands.names()
  local names = {}
  for i, entry in ipairs(LIST) do names[i] = entry[1] end
  return names
end

--- What %help prints.
---@return string
function commands.summary()
  local lines = {}
  for _, e in ipairs(LIST) do
    lines[#lines + 1] = ("%-24s %s"):format("%" .. e[1] .. (e[2] ~= "" and " " .. e[2] or ""), e[3])
  end
  lines[#lines + 1] = ("%-24s %s"):format("!COMMAND", "run COMMAND in a shell")
  lines[#lines + 1] = ("%-24s %s"):format("?NAME, ??NAME", "help on NAME; its source")
  lines[#lines + 1] = ("%-24s %s"):format("_, _1 ... _9", "the last result, and the ones before it")
  return table.concat(lines, "\n")
end

--- What help says of a command; nil where there is none of that name.
---@param name string "timeit"
---@return string|nil
function commands.about(name)
  local e = by_name[name]
  return e and ("%%%s%s\n\n  %s"):format(e[1], e[2] ~= "" and " " .. e[2] or "", e[3])
end

-- The parts of a command's text: its name ("!" for the shell), its argument, and what follows its line.
local function parts(text)
  local mark, line, rest = text:match "^%s*([%%!])([^\n]*)\n?(.*)$"
  if mark == "!" then return "!", line, rest end
  local name, argument = line:match "^(%a*)%s*(.-)%s*$"
  local entry = by_name[name]
  if entry and entry[2]:find "^CODE" then return name, text:match "^%s*%%%a+%s*(.*)$", "" end
  return name, argument, rest
end

--- The code that a command takes; nil for other commands.
---@param text string
---@return string|nil
function commands.code(text)
  local name, argument = parts(text)
  local entry = by_name[name]
  return entry and entry[2]:find "^CODE" and argument or nil
end

local function shell(session, command)
  if not command:find "%S" then error("!: expected a command for the shell, such as !ls", 0) end
  local ok, how, code = session:shell(command)
  if not ok then error(("!: ended with %s %d"):format(how == "signal" and "signal" or "status", code), 0) end
end

local function unknown(name)
  local near = require "apsis.repl.nearest"(name, commands.names())
  error(("%%%s: there is no such command%s; %%help lists them"):format(name,
    near and (", did you mean %%%s?"):format(near) or ""), 0)
end

--- Runs an input that begins with a command.
---@param text string
---@param session Session
---@param chunk? string as of Session:execute
---@return Result
function commands.run(text, session, chunk)
  local name, argument, rest = parts(text)
  local result = session:protect(function()
    if name == "!" then return shell(session, argument) end
    local entry = by_name[name] or unknown(name)
    return require("apsis.repl." .. entry[4])[name](session, argument, chunk)
  end)
  -- A command's function may return a result of its own: that of the code it ran.
  if result.ok then result = result[1] or {ok = true, n = 0, wanted = false} end
  if result.ok and rest:find "%S" then return session:execute(rest, chunk) end
  return result
end

return commands
