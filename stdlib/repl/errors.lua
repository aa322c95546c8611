-- Errors of a session: the message first, then the user's own frames, each with its source line and a caret under what
-- failed there; frames of the library are folded, those of C left out.

local blame = require "apsis.repl.blame"
local show = require "apsis.repl.show"
local terminal = require "apsis.terminal"

local errors = {}

local MOST_INNER, MOST_OUTER = 12, 4 -- frames that an error keeps from both ends of a deep stack
local OUTER_LEVELS = 24              -- where the outer ones lie, with those of the engine
local MOST_VARIABLES = 60            -- that are kept of one frame
local ENGINE = "=apsis/repl/session.lua"

local getinfo, getlocal, getupvalue = debug.getinfo, debug.getlocal, debug.getupvalue

--- What was raised.
---@class Caught
---@field value any as it was raised
---@field message string its text, with the position
---@field hint string|nil a name that was meant instead of one that does not exist
---@field advice string|nil how to say what was probably meant, where no name says it
---@field frames table[] innermost first: {where, line, title, text, marks, variables}; the library's: {folded, where}
---@field interrupted boolean by Ctrl-C
---@field syntax boolean|nil the code was not run: it does not compile
local Caught = {}
Caught.__index = Caught

-- --- the frames --------------------------------------------------------------------------------------------------

-- What can be seen in the frame at `level` of the caller, and its globals: {{name, value}, ...}, inner variables last.
local function variables(level, f)
  local list, env = {}, _G
  for i = 1, MOST_VARIABLES do
    local name, value = getupvalue(f, i)
    if not name then break end
    if name == "_ENV" then
      env = value
    elseif name ~= "" then
      list[#list + 1] = {name, value}
    end
  end
  for i = 1, MOST_VARIABLES do
    local name, value = getlocal(level + 1, i)
    if not name then break end
    if name:sub(1, 1) ~= "(" and name ~= "__frame" then list[#list + 1] = {name, value} end
  end
  return list, env
end

local function title(info)
  if info.what == "main" then return "in the main chunk" end
  if info.name then return ("in '%s'"):format(info.name) end
  return ("in the function at line %d"):format(info.linedefined)
end

-- The deepest level that there is, counted for the caller.
local function last_level()
  local low, high = 1, 1
  while getinfo(high, "l") do low, high = high, high * 2 end
  while low < high - 1 do
    local middle = (low + high) // 2
    if getinfo(middle, "l") then low = middle else high = middle end
  end
  return low - 1
end

-- "nn.Linear" of "=apsis/nn/Linear.lua"
local function module_of(source) return (source:gsub("^=apsis/", ""):gsub("%.lua$", ""):gsub("/", ".")) end

-- Adds what stands at `level` of the caller: a frame, or one more of the library's.
local function add(frames, info, level, callee)
  if info.what == "C" or info.source:find "^=apsis/repl/" then return end
  if info.source:find "^=apsis/" then
    local last = frames[#frames]
    if last and last.folded then
      last.folded = last.folded + 1
    else
      frames[#frames + 1] = {folded = 1, where = module_of(info.source)}
    end
    return
  end
  local list, env = variables(level + 1, info.func)
  frames[#frames + 1] = {source = info.source, where = info.short_src, line = info.currentline, title = title(info),
    main = info.what == "main", callee = callee, variables = list, env = env}
end

--- The session's message handler: what was raised, with the frames of the user's code.
---@param e any
---@param from? integer the level where the error was, counted for this function; default 2
---@return Caught
function errors.capture(e, from)
  if getmetatable(e) == Caught then return e end
  local frames, level, callee = {}, from or 2, nil
  while true do
    local info = getinfo(level, "Slnf")
    if not info or info.source == ENGINE then break end
    add(frames, info, level, callee)
    callee = info.name and {name = info.name, what = info.namewhat}
    if #frames == MOST_INNER and not frames.cut then
      frames.cut = MOST_INNER
      local outer = last_level() - OUTER_LEVELS
      if outer > level then frames.left_out, level, callee = outer - level, outer, nil end
    end
    level = level + 1
  end
  while #frames > MOST_INNER + MOST_OUTER do table.remove(frames, MOST_INNER + 1) end
  return setmetatable({value = e, frames = frames}, Caught)
end

-- --- what they say -----------------------------------------------------------------------------------------------

local function message_of(e)
  if type(e) == "string" then return e end
  local meta = debug.getmetatable(e)
  if type(meta) == "table" and rawget(meta, "__tostring") then
    local ok, text = pcall(tostring, e)
    if ok then return text end
  end
  return show.text(e)
end

local function nth_line(lines, n)
  for line in lines do
    n = n - 1
    if n == 0 then return (line:gsub("\r$", "")) end
  end
end

-- Line n of a chunk: of the session's inputs, of a text that was loaded, or of a file as it is now.
local function source_line(source, n, sources)
  local kind, name = source:sub(1, 1), source:sub(2)
  if kind == "=" then return sources[name] and sources[name][n] end
  if kind ~= "@" then return nth_line((source .. "\n"):gmatch "(.-)\n", n) end
  local file <close> = io.open(name)
  return file and nth_line(file:lines(), n)
end

local function scope_of(frame)
  local scope = {}
  for _, v in ipairs(frame.variables) do scope[v[1]] = v[2] end
  return setmetatable(scope, {__index = type(frame.env) == "table" and frame.env or nil})
end

-- The message without "file:line: ".
local function bare(message) return message:match "^[^\n]-:%d+: (.*)$" or message end

-- What the program prints where an error reaches it all the same: a second Ctrl-C passes through the session.
function Caught:__tostring() return self.message or message_of(self.value) end

--- Finds the source lines, what failed in them, and the name that was meant.
---@param caught any of errors.capture, or what else a protected call gave
---@param sources table<string, string[]> the lines of the session's chunks
---@param one_line boolean whether the input was one line
---@return Caught
function errors.explain(caught, sources, one_line)
  -- Lua calls no handler where memory or the stack for one is short.
  if getmetatable(caught) ~= Caught then caught = setmetatable({value = caught, frames = {}}, Caught) end
  if caught.message then return caught end
  -- An interrupt may come while the library, or this file, was at work: what that was means nothing to the user.
  caught.message = message_of(caught.value):gsub("^([^\n]-:%d+: ).*interrupted!$", "%1interrupted!")
  caught.interrupted = caught.message:find "interrupted!$" ~= nil
  local message, innermost = bare(caught.message), true
  for _, frame in ipairs(caught.frames) do
    if not frame.folded then
      frame.text = source_line(frame.source, frame.line, sources)
      local scope, told = scope_of(frame), innermost and message or ""
      local about = frame.text and blame.about(told, frame.callee)
      frame.marks = about and blame.marks(frame.text, about, scope) or {}
      if innermost then
        caught.hint = blame.meant(told, frame.text, scope)
        caught.advice = blame.advice(told, frame.text)
      end
      innermost = false
      frame.alone = one_line and frame.main and sources[frame.source:sub(2)] ~= nil
    end
  end
  return caught
end

--- A syntax error.
---@param message string
---@param sources table<string, string[]>
---@return Caught
function errors.syntax(message, sources)
  local name, n, near = message:match "^(.-):(%d+): .* near '(.*)'$"
  local lines = sources[name]
  local caught = setmetatable({value = message, message = message, frames = {}, interrupted = false, syntax = true},
    Caught)
  local line = lines and lines[tonumber(n)]
  if not line then return caught end
  caught.advice = blame.advice(message:match "^.-:%d+: (.*)$", line)
  local before = table.concat(lines, "\n", lines.start, tonumber(n) - 1) .. "\n"
  local marks = blame.syntax_marks(line, near, before)
  if #marks == 0 then marks = blame.syntax_marks(line, near, "return " .. before) end
  caught.frames[1] = {where = name, line = tonumber(n), text = line, marks = marks, main = true, alone = true,
    variables = {}}
  return caught
end

-- --- text --------------------------------------------------------------------------------------------------------

local INDENT = "    "
local LEAST_ROOM = 20

-- The part of the line that fits and shows the first mark, with its first and last bytes.
local function window(text, mark, room)
  local first = text:find "%S" or 1
  if terminal.width(text:sub(first)) <= room then return first, #text end
  if mark and mark.stop - first + 1 > room then first = math.max(first, mark.at - room // 2) end
  while first < #text and text:byte(first) & 0xC0 == 0x80 do first = first + 1 end
  local last = math.min(first + room - 1, #text)
  while last > first and last < #text and text:byte(last + 1) & 0xC0 == 0x80 do last = last - 1 end
  return first, last
end

-- The line with carets under its marks, indented; cut to the terminal.
local function marked(line, marks, look, paint)
  local text = line:gsub("[%c\127]", " ")
  local first, last = window(text, marks[1], math.max(LEAST_ROOM, look.columns - #INDENT - 1))
  local under, width = {}, 0
  for _, m in ipairs(marks) do
    if m.at >= first and m.stop <= last then
      local at = terminal.width(text:sub(first, m.at - 1))
      local carets = "^" .. ("~"):rep(terminal.width(text:sub(m.at, m.stop)) - 1)
      under[#under + 1] = (" "):rep(at - width) .. paint("error", carets)
      width = at + #carets
    end
  end
  local shown = INDENT .. text:sub(first, last)
  return #under > 0 and shown .. "\n" .. INDENT .. table.concat(under) or shown
end

local function frame_text(frame, look, paint)
  if frame.folded then
    return paint("note", ("  ... %d frame%s of the library (%s)"):format(frame.folded, frame.folded == 1 and "" or "s",
      frame.where))
  end
  local head = paint("name", ("  %s:%d: %s"):format(frame.where, frame.line, frame.title))
  return frame.text and head .. "\n" .. marked(frame.text, frame.marks, look, paint) or head
end

-- The user's only frame, where it is a line that was just typed.
local function alone_of(frames)
  local own
  for _, frame in ipairs(frames) do
    if not frame.folded then
      if own then return false end
      own = frame
    end
  end
  return own and own.alone and own
end

local function is_same(a, b)
  return a and not a.folded and a.source == b.source and a.line == b.line and a.title == b.title
end

-- The frames' texts; a recursive function's frames, which say the same, once.
local function append_frames(parts, frames, look, paint)
  local times, last = 0, nil
  local function tell_times()
    if times > 0 then parts[#parts + 1] = paint("note", ("  ... %d more of these"):format(times)) end
    times = 0
  end
  for i, frame in ipairs(frames) do
    if is_same(last, frame) then
      times = times + 1
    else
      tell_times()
      parts[#parts + 1] = frame_text(frame, look, paint)
    end
    last = frame
    if i == frames.cut and frames.left_out then
      if times > 0 and is_same(frame, frames[i + 1] or {}) then
        times = times + frames.left_out
      else
        tell_times()
        parts[#parts + 1] = paint("note", ("  ... %d levels left out"):format(frames.left_out))
      end
    end
  end
  tell_times()
end

local THROWS = {error = true, assert = true}

-- The line that raised the error, where it is the only one and was just typed: its caret alone tells more than the
-- message.
local function alone_text(frame, look, paint)
  local throws = frame.callee and THROWS[frame.callee.name]
  return #frame.marks > 0 and not throws and marked(frame.text, frame.marks, look, paint) or nil
end

--- The error as a text of several lines.
---@param look {colours: integer, columns: integer}
---@return string
function Caught:text(look)
  local paint = show.painter(look.colours)
  local parts = {paint("error", self.message)}
  if self.hint then
    parts[1] = parts[1] .. (": did you mean '%s'?"):format(self.hint)
  elseif self.advice then
    parts[1] = parts[1] .. ": " .. self.advice
  end
  local alone = alone_of(self.frames)
  if alone then
    if not self.interrupted then parts[2] = alone_text(alone, look, paint) end
    return table.concat(parts, "\n")
  end
  append_frames(parts, self.frames, look, paint)
  return table.concat(parts, "\n")
end

--- The text of an error in a script, for the handler in C that calls this where the error was (vm/instance.c).
---@param message string
---@return string
function errors.trace(message)
  local caught = errors.explain(errors.capture(message, 4), {}, false)
  return (caught:text {colours = terminal.colours(io.stderr), columns = terminal.columns(io.stderr)})
end

return errors
