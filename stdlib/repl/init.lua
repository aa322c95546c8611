-- The prompt's front: takes lines from the program (vm/repl.c), gathers inputs of several, runs them, prints the values
-- of expressions and answers with the next prompt. Parts that a session may never use are loaded at their first use.
--
-- An input runs in the session's environment: its locals first, then the globals. A `local` at the outermost level of
-- an input lives on to the next one, without a change to the global of that name (see compile.lua).

local compile = require "apsis.repl.compile"
local lexer = require "apsis.repl.lexer"
local terminal = require "apsis.terminal"

local repl = {}

local PROMPT, CONTINUATION = "> ", ">> "
local MAX_FRAMES = 16 -- that an error lists
local RESULTS = 9     -- that _1 ... _9 hold

local print, xpcall, io = print, xpcall, io -- the session may give these names other meanings

local pending = nil -- the text of an unfinished input
local piped = false -- input comes from no terminal

--- The session: its environment, and the lines of its inputs, counted through, as messages number them.
local env = setmetatable({}, {__index = _G, __newindex = _G})
rawset(env, compile.LOCAL, setmetatable({}, {__newindex = function(_, name, value) rawset(env, name, value) end}))
repl.env, repl.lines = env, {}

--- Begins a session: ap, nn, F, optim and data become globals.
---@param options string words: quiet (no greeting), no-init (init.lua is not read), pipe
---@return string prompt
function repl.open(options)
  piped = options:find("pipe", 1, true) ~= nil
  local modules = {
    {"ap", "apsis"}, {"nn", "apsis.nn"}, {"F", "apsis.nn.functional"}, {"optim", "apsis.optim"},
    {"data", "apsis.data"},
  }
  for _, m in ipairs(modules) do _G[m[1]] = require(m[2]) end
  for _, name in ipairs {"plot", "hist", "imshow"} do
    rawset(env, name, function(...) return require("apsis.plot")[name](...) end)
  end
  if not piped and not options:find("quiet", 1, true) then
    print("Apsis, " .. _VERSION .. ". ap, nn, F, optim and data are loaded; Ctrl-D leaves.")
  end
  return PROMPT
end

--- Forgets an unfinished input.
---@return string prompt
function repl.reset()
  pending = nil
  return PROMPT
end

--- The end of the input; an unfinished one is an error.
function repl.close()
  if pending then error(select(2, compile.input(pending, #repl.lines + 1, env)), 0) end
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
  if #lines == 2 and lines[2]:find "^  prompt:%d+: in the main" then lines[2] = nil end
  return table.concat(lines, "\n")
end

--- How values are shown where `file` leads.
---@param file file*
---@return {colours: integer, columns: integer}
function repl.look(file)
  return {colours = terminal.colours(file), columns = terminal.columns(file)}
end

-- The newest result is _ and _1, the one before it _2, and so on.
local function remember(value)
  if value == nil then return end
  for i = RESULTS, 2, -1 do rawset(env, "_" .. i, rawget(env, "_" .. (i - 1))) end
  rawset(env, "_1", value)
  rawset(env, "_", value)
end

local function finish(wanted, ok, ...)
  if not ok then error((...), 0) end
  if select("#", ...) == 0 then return end
  remember((...))
  if wanted then print(require("apsis.repl.show").values(repl.look(io.stdout), ...)) end
end

-- The lines of an input become the session's, whose numbers messages show.
local function keep_lines(text)
  for line in (text .. "\n"):gmatch "(.-)\n" do repl.lines[#repl.lines + 1] = line end
end

-- Runs an input; an error is raised as its text.
local function run(text)
  local f, message, unfinished = compile.input(text, #repl.lines + 1, env)
  if unfinished then
    pending = text
    return false
  end
  keep_lines(text)
  if not f then error(message, 0) end
  finish(message, xpcall(f, describe))
  return true
end

-- Tells an error and goes on.
local function tell(message)
  io.stdout:flush()
  io.stderr:write(message, "\n")
end

--- Takes one line, or several at once.
---@param line string
---@return string prompt for the next line
---@return string|nil prefill what is typed in there already
---@return string|nil entry the finished input, for the history
function repl.feed(line)
  local text = pending and pending .. "\n" .. line or (line:gsub("^%s*=", "", 1))
  pending = nil
  if not text:find "%S" then return PROMPT end
  local ok, message = pcall(run, text)
  if pending then return CONTINUATION, lexer.indentation(pending) end
  if not ok then tell(message) end
  return PROMPT, nil, text
end

--- A continuation line as it should be indented; nil where it is right already.
---@param line string
---@return string|nil
function repl.outdent(line)
  return pending and lexer.outdent(pending, line)
end

--- What could stand at the end of the line.
---@param line string up to the cursor
---@return string breaks the characters that end a word there
---@return string|nil matches one a line
---@return string|nil suffix the character to put behind a single match
function repl.complete(line)
  return require("apsis.repl.complete")(line, pending, env)
end

return repl
