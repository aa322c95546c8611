-- %debug: looking around in the frames of the last error. Their variables are as they were when it was raised; what is
-- typed runs with them in sight.

local compile = require "apsis.repl.compile"
local show = require "apsis.repl.show"

local debugger = {}

local CHUNK = "debug"
local HELP = [[
up, down      to the frame that called this one, and back
where         the frames
locals        the variables of this frame
quit          back to the prompt
Anything else runs as at the prompt, and sees this frame's variables.]]

-- --- a frame's variables -----------------------------------------------------------------------------------------

-- The environment of what is typed: the frame's variables, its globals, the session's.
local function environment(frame, session)
  local slots = {}
  for _, v in ipairs(frame.variables) do slots[v[1]] = v end
  local function index(_, name)
    if slots[name] then return slots[name][2] end
    local value = frame.env[name]
    if value == nil then value = session.env[name] end
    return value
  end
  local function newindex(_, name, value)
    if slots[name] then slots[name][2] = value else session.env[name] = value end
  end
  return setmetatable({}, {__index = index, __newindex = newindex})
end

-- The same for completion, which looks at tables alone.
local function names(frame, session)
  local values = {}
  for _, v in ipairs(frame.variables) do values[v[1]] = v[2] end
  return setmetatable(values, {__index = session.env})
end

-- --- words -------------------------------------------------------------------------------------------------------

local function where(session)
  local state = session.debugger
  for i, frame in ipairs(state.frames) do
    print(("%s %s:%d: %s"):format(i == state.at and "->" or "  ", frame.where, frame.line, frame.title))
    if i == state.at and frame.text then print("       " .. frame.text:match "^%s*(.*)$") end
  end
end

local function go(session, at)
  local state = session.debugger
  state.at = at
  state.names = names(state.frames[at], session)
  where(session)
end

local WORDS = {
  up = function(session)
    local state = session.debugger
    if state.at == #state.frames then return print "This is the outermost frame." end
    go(session, state.at + 1)
  end,
  down = function(session)
    local state = session.debugger
    if state.at == 1 then return print "This is the innermost frame." end
    go(session, state.at - 1)
  end,
  where = where,
  locals = function(session)
    local frame = session.debugger.frames[session.debugger.at]
    if #frame.variables == 0 then return print "no variables" end
    for _, v in ipairs(frame.variables) do print(v[1] .. " = " .. show.text(v[2], session:look(io.stdout))) end
  end,
  quit = function(session) session.debugger = nil end,
  help = function() print(HELP) end,
}
for _, word in ipairs {"up", "down", "where", "locals", "quit", "help"} do WORDS[word:sub(1, 1)] = WORDS[word] end

-- What a line means beside code: a word, where the frame has no variable of that name.
local function word_of(session, text)
  local word = text:match "^%s*(%a+)%s*$"
  if not word or not WORDS[word] then return nil end
  local state = session.debugger
  for _, v in ipairs(state.frames[state.at].variables) do
    if v[1] == word and #word == 1 then return nil end
  end
  return WORDS[word]
end

-- --- the session's hooks -----------------------------------------------------------------------------------------

--- Begins: until it is left, the session's inputs come to debugger.feed.
---@param session Session
function debugger.open(session)
  local frames = {}
  for _, frame in ipairs(session.last_error and session.last_error.frames or {}) do
    if not frame.folded then frames[#frames + 1] = frame end
  end
  if #frames == 0 then error("%debug: no code of this session has raised an error", 0) end
  session.debugger = {frames = frames}
  print(session.last_error.message)
  go(session, 1)
  print "`help` lists what can be typed here, `quit` leaves."
end

--- Whether a text is one of the debugger's words.
---@param session Session
---@param text string
---@return boolean
function debugger.is_word(session, text) return word_of(session, text) ~= nil end

--- Runs an input.
---@param session Session
---@param text string
---@return Result
function debugger.feed(session, text)
  local word = word_of(session, text)
  if word then
    word(session)
    return {ok = true, n = 0, wanted = false}
  end
  local state = session.debugger
  local env = environment(state.frames[state.at], session)
  local function compiler(code, line, _, name) return compile.input(code, line, env, name) end
  local f, wanted = session:compile(text, CHUNK, compiler)
  if not f then return {ok = false, n = 0, error = wanted} end
  local result = session:protect(f)
  result.wanted = result.wanted and wanted
  return session:accept(result)
end

return debugger
