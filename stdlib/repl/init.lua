-- The prompt's front on a terminal: takes lines from the program (vm/repl.c), gathers inputs of several, hands them to
-- the session (session.lua), tells errors and answers with the next prompt.

local core = require "apsis.core"
local Session = require "apsis.repl.session"
local lexer = require "apsis.repl.lexer"

local repl = {}

local KEPT <const> = 64 << 20 -- bytes; what the caches keep in any case (lib/core/blocks.h)
local PROMPT, CONTINUATION, DEBUGGING = "> ", ">> ", "debug> "

local print, io = print, io -- the session may give these names other meanings

local session
local pending = nil -- the text of an unfinished input

local function prompt() return session.debugger and DEBUGGING or PROMPT end

-- Tells what went wrong and goes on.
local function tell(result)
  if result.ok then return end
  io.stdout:flush()
  io.stderr:write(result.error:text(session:look(io.stderr)), "\n")
end

--- Begins a session.
---@param options string words: quiet (no greeting), no-init (init.lua is not read), pipe
---@return string prompt
function repl.open(options)
  local piped = options:find("pipe", 1, true) ~= nil
  session = Session {terminal = not piped}
  repl.session = session
  if not piped and not options:find("quiet", 1, true) then
    print("Apsis, " .. _VERSION .. ", with ap, nn, F, optim, data. help() tells more, Ctrl-D leaves.")
  end
  if not options:find("no-init", 1, true) then tell(session:read_init()) end
  return PROMPT
end

--- Forgets an unfinished input.
---@return string prompt
function repl.reset()
  pending = nil
  return prompt()
end

--- Ctrl-D: leaves the debugger, where that is open.
---@return string|nil prompt nil where the session ends
function repl.leave()
  if not session.debugger then return nil end
  session.debugger, pending = nil, nil
  return PROMPT
end

--- The end of the input; an unfinished one is an error.
function repl.close()
  if pending then tell(session:execute(pending)) end
end

--- Takes one line, or several at once.
---@param line string
---@return string prompt for the next line
---@return string|nil prefill what is typed in there already
---@return string|nil entry the finished input, for the history
function repl.feed(line)
  local text = pending and pending .. "\n" .. line or line
  pending = nil
  if not text:find "%S" then return prompt() end
  local state, indentation = session:check(text)
  if state == "incomplete" then
    pending = text
    return CONTINUATION, indentation
  end
  local result = session:execute(text)
  tell(result)
  return prompt(), result.prefill, result.input or text
end

--- Before a line is waited for: memory that nobody uses goes back to the system, but for what is always kept.
function repl.rest() core.empty_cache(KEPT) end

--- What was typed while a question to the terminal took the input; it belongs to the next line.
---@return string
function repl.typed() return require("apsis.terminal").take_typed() end

--- A continuation line as it should be indented; nil where it is right already.
---@param line string
---@return string|nil
function repl.outdent(line)
  return pending and lexer.outdent(pending, line)
end

--- What could stand at the end of the line; see Session:complete.
---@param line string up to the cursor
---@return string breaks
---@return string|boolean|nil matches
---@return string|nil suffix
function repl.complete(line)
  return session:complete(line, pending)
end

return repl
