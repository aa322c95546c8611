-- %run, %load, %save, %edit and %paste.

local compile = require "apsis.repl.compile"

local files = {}

-- For a variable that is to be closed.
local function at_end(f) return setmetatable({}, {__close = f}) end

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- --- arguments ---------------------------------------------------------------------------------------------------

-- The words of a line, in quotes where they hold blanks.
local function words_of(line)
  local words, at = {}, 1
  while true do
    at = line:find("%S", at)
    if not at then return words end
    local word, stop = line:match("^(%b\"\")()", at)
    if not word then word, stop = line:match("^(%b'')()", at) end
    if word then
      word = word:sub(2, -2)
    else
      word, stop = line:match("^(%S+)()", at)
    end
    words[#words + 1] = word
    at = stop
  end
end

-- The one file that a command names.
local function path_of(command, argument, optional)
  local words = words_of(argument)
  if #words > 1 then error(("%%%s: expected one file, got %d (quote names with blanks)"):format(command, #words), 0) end
  if #words == 0 and not optional then error(("%%%s: expected the name of a file"):format(command), 0) end
  return words[1] and words[1]:gsub("^~/", (os.getenv "HOME" or "~") .. "/")
end

local function read(command, path)
  local file, message = io.open(path, "rb")
  local text
  if file then
    text, message = file:read "a"
    file:close()
  end
  if not text then error(("%%%s: %s"):format(command, message), 0) end
  return (text:gsub("\r\n", "\n"):gsub("\n+$", ""))
end

-- --- %run --------------------------------------------------------------------------------------------------------

local KEEP = "__keep" -- what the script's end calls

-- The script, and at its end a call that looks at its locals; as it stands where it ends with a return.
local function load_script(path)
  local text = read("run", path):gsub("^#[^\n]*", "", 1)
  local f = load(text .. "\n" .. KEEP .. "()", "@" .. path, "t")
  if f then return f end
  local message
  f, message = load(text, "@" .. path, "t")
  if not f then error("%run: " .. message, 0) end
  return f
end

-- The values of the locals of who calls it become the session's.
local function keeper(env)
  return function()
    local i = 1
    while true do
      local name, value = debug.getlocal(2, i)
      if not name then return end
      if name:sub(1, 1) ~= "(" then rawset(env, name, value) end
      i = i + 1
    end
  end
end

--- %run FILE [ARGUMENT...]: runs a script as the program would; its globals and the locals of its outermost block are
--- the session's afterwards.
---@param session Session
---@param argument string
function files.run(session, argument)
  local words = words_of(argument)
  if #words == 0 then error("%run: expected the name of a file", 0) end
  local path = path_of("run", quote(words[1]):gsub("'\\''", ""))
  local f = load_script(path)
  local before = arg
  local _ <close> = at_end(function()
    rawset(_G, "arg", before)
    rawset(_G, KEEP, nil)
  end)
  rawset(_G, "arg", {[0] = path, table.unpack(words, 2)})
  rawset(_G, KEEP, keeper(session.env))
  f(table.unpack(words, 2))
end

-- --- %load, %save ------------------------------------------------------------------------------------------------

--- %load FILE: its text becomes the next input, to be edited and run.
---@param argument string
---@return Result
function files.load(_, argument)
  return {ok = true, n = 0, prefill = read("load", path_of("load", argument))}
end

-- What the prompt has loaded and a script has not.
local HEADER = [[
local ap = require "apsis"
local nn, F, optim = require "apsis.nn", require "apsis.nn.functional", require "apsis.optim"
local data, plots = require "apsis.data", require "apsis.plot"
local plot, hist, imshow = plots.plot, plots.hist, plots.imshow
]]

--- %save [-f] FILE: writes the inputs that ran without an error as a script that prints the values of expressions.
--- (`_` and `_1` are the prompt's alone.)
---@param session Session
---@param argument string
function files.save(session, argument)
  local rest = argument:match "^%-f%s+(.*)$"
  local path = path_of("save", rest or argument)
  local there = not rest and io.open(path, "rb")
  if there then
    there:close()
    error(("%%save: %s: there is such a file already; %%save -f replaces it"):format(path), 0)
  end
  local texts = {}
  for i, input in ipairs(session.inputs) do texts[i] = compile.script(input.code, input.shown) end
  local file, message = io.open(path, "wb")
  if not file then error("%save: " .. message, 0) end
  local ok, failure = file:write(HEADER, table.concat(texts, "\n"), "\n")
  local closed, late = file:close()
  if not ok or not closed then error("%save: " .. (failure or late), 0) end
  print(("%d input%s saved"):format(#texts, #texts == 1 and "" or "s"))
end

-- --- %edit -------------------------------------------------------------------------------------------------------

local function editor()
  for _, name in ipairs {"VISUAL", "EDITOR"} do
    local value = os.getenv(name)
    if value and value ~= "" then return value end
  end
  return "vi"
end

local function edit(session, path)
  local ok, how, code = session:shell(editor() .. " " .. quote(path))
  if ok then return end
  error(("%%edit: %s ended with %s %d"):format(editor(), how == "signal" and how or "status", code), 0)
end

-- The text of a file of ours after it was edited. It lies in a folder of its own that nobody else may enter.
local function edited(session, text)
  local pipe = assert(io.popen "mktemp -d")
  local folder = pipe:read "l"
  pipe:close()
  if not folder or folder == "" then error("%edit: mktemp -d made no folder", 0) end
  local path = folder .. "/input.lua" -- editors colour by the name's end
  local _ <close> = at_end(function()
    os.remove(path)
    os.remove(folder)
  end)
  local file = assert(io.open(path, "wb"))
  file:write(text, "\n")
  file:close()
  edit(session, path)
  return read("edit", path)
end

--- %edit [FILE]: opens the last input in $VISUAL or $EDITOR and runs what it is afterwards; a file as %run does.
---@param session Session
---@param argument string
---@return Result|nil
function files.edit(session, argument)
  if not session.terminal then error("%edit: there is no terminal for an editor", 0) end
  local path = path_of("edit", argument, true)
  if path then
    edit(session, path)
    return files.run(session, quote(path))
  end
  local text = edited(session, session.last_input or "")
  local result = session:execute(text)
  result.input = text
  return result
end

-- --- %paste ------------------------------------------------------------------------------------------------------

-- Programs that print the clipboard, each with the variable that says that its system is there.
local CLIPBOARDS = {{"wl-paste -n", "WAYLAND_DISPLAY"}, {"xclip -selection clipboard -o", "DISPLAY"},
  {"xsel -b -o", "DISPLAY"}, {"pbpaste", "HOME"}}

local function clipboard()
  for _, c in ipairs(CLIPBOARDS) do
    local program = c[1]:match "^%S+"
    if os.getenv(c[2]) and os.execute("command -v " .. program .. " >/dev/null 2>&1") then
      local pipe = assert(io.popen(c[1] .. " 2>/dev/null"))
      local text = pipe:read "a"
      pipe:close()
      return (text:gsub("\r\n", "\n"):gsub("\n+$", ""))
    end
  end
  error("%paste: there is no program that reads the clipboard (wl-paste, xclip, xsel or pbpaste); the terminal's own "
    .. "keys paste too, whole scripts at once", 0)
end

--- %paste: shows the clipboard's text and runs it.
---@param session Session
---@return Result
function files.paste(session)
  local text = clipboard()
  if not text:find "%S" then error("%paste: the clipboard holds no text", 0) end
  print(text)
  local result = session:execute(text)
  result.input = text
  return result
end

return files
