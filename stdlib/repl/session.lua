-- A session without a terminal: what a prompt, a notebook's kernel or a test talks to. It knows whether a text is
-- complete, runs it, keeps its variables and results, and tells what went wrong.
--
--   local session = require "apsis.repl.session"()
--   session:check "for i = 1, 2 do"          --> "incomplete", "  "
--   local result = session:execute "1 + 1"   -- displays 2
--   if not result.ok then io.stderr:write(result.error:text(session:look(io.stderr)), "\n") end
--
-- What code prints goes through print and io.write, as everywhere. The fields that a front replaces are functions:
-- `display` shows values, `look` tells how wide and colourful they may be, `shell` runs a command of the system.
--
-- An input runs in the session's environment: its locals first, then the globals. A `local` at the outermost level of
-- an input lives on to the next one, without a change to the global of that name (compile.lua). An input that begins
-- with % or ! is a command (commands.lua); ?name and name? ask for help (question.lua).

local class = require "apsis.class"
local compile = require "apsis.repl.compile"
local errors = require "apsis.repl.errors"
local lexer = require "apsis.repl.lexer"
local question = require "apsis.repl.question"
local terminal = require "apsis.terminal"

local print, xpcall, io, rawset, rawget = print, xpcall, io, rawset, rawget -- users may give the names other meanings

local RESULTS = 9  -- that _1 ... _9 hold
local CHUNK = "prompt"
local MODULES = {{"ap", "apsis"}, {"nn", "apsis.nn"}, {"F", "apsis.nn.functional"}, {"optim", "apsis.optim"},
  {"data", "apsis.data"}}
local PLOTS = {"plot", "hist", "imshow"}
local COMMAND = "^%s*[%%!]"

---@class Session
---@field env table what inputs see: the session's locals, then the globals
---@field sources table<string, string[]> the lines of the chunks that ran, by the name that messages show
---@field inputs {code: string, shown: boolean}[] what ran without an error, and whether it gave values to show
---@field last_input string|nil the code of the last one, with or without an error
---@field last_error Caught|nil the last one with frames, for %debug
---@field debugger table|nil while %debug is open
---@field terminal boolean whether commands may use the terminal that the program runs in
local Session = class "Session"

--- How an input ended. Its values are at 1 ... n.
---@class Result
---@field ok boolean
---@field n integer values
---@field wanted boolean whether they are to be displayed: there are some, and no semicolon followed
---@field error Caught|nil
---@field prefill string|nil a text that the next input should begin with (%load)
---@field input string|nil the text that ran in place of this input (%edit), for the history

--- Begins a session: ap, nn, F, optim and data become globals; plot, hist and imshow are loaded at their first use.
---@param options? {terminal: boolean}
function Session:init(options)
  self.terminal = options ~= nil and options.terminal == true
  self.sources = {[CHUNK] = {}}
  self.inputs = {}
  for _, m in ipairs(MODULES) do _G[m[1]] = require(m[2]) end
  self:reset()
end

--- Forgets variables, results and the last error; globals that were there at the beginning hold again what they held.
function Session:reset()
  local env = setmetatable({}, {__index = _G, __newindex = _G})
  rawset(env, compile.LOCAL, setmetatable({}, {__newindex = function(_, name, value) rawset(env, name, value) end}))
  for _, name in ipairs(PLOTS) do
    rawset(env, name, function(...) return require("apsis.plot")[name](...) end)
  end
  rawset(env, "help", function(...) return require("apsis.help").show(self, ...) end)
  rawset(env, "apropos", function(...) return require("apsis.help").apropos(...) end)
  self.env, self.last_error, self.debugger = env, nil, nil
  self.given = {}
  for name, value in next, env do self.given[name] = value end
  if not self.globals then
    self.globals = {}
    for name, value in next, _G do self.globals[name] = value end
    return
  end
  for name in next, _G do
    if self.globals[name] == nil then rawset(_G, name, nil) end
  end
  for name, value in next, self.globals do rawset(_G, name, value) end
end

--- The names of the variables that the session's inputs made or changed, sorted.
---@return string[]
function Session:variables()
  local names, env = {}, self.env
  local function collect(values, given)
    for name, value in next, values do
      if type(name) == "string" and not rawequal(given[name], value) and not name:find "^_%d?$" then
        names[#names + 1] = name
      end
    end
  end
  collect(env, self.given)
  collect(_G, setmetatable({}, {__index = function(_, name)
    local hidden = rawget(env, name)
    if hidden ~= nil then return rawget(_G, name) end -- listed already
    return self.globals[name]
  end}))
  table.sort(names)
  return names
end

-- --- how it looks: what a front replaces --------------------------------------------------------------------------

--- How things are shown where `file` leads.
---@param file file*
---@return {colours: integer, columns: integer, terminal: boolean}
function Session:look(file)
  return {colours = terminal.colours(file), columns = terminal.columns(file), terminal = self.terminal}
end

--- Shows the values of an input.
function Session:display(...)
  print(require("apsis.repl.show").values(self:look(io.stdout), ...))
end

--- Runs a command of the system's shell, whose output is the session's.
---@param command string
---@return boolean ok
---@return string how "exit" or "signal"
---@return integer code
function Session:shell(command)
  io.stdout:flush()
  if self.terminal then
    local ok, how, code = os.execute(command)
    return ok == true, how, code
  end
  local pipe = assert(io.popen("{ " .. command .. "\n} 2>&1"))
  for text in pipe:lines(4096) do io.write(text) end
  local ok, how, code = pipe:close()
  return ok == true, how, code
end

-- --- texts -------------------------------------------------------------------------------------------------------

-- An input as it is compiled: `= x` is an old way to write `x`.
local function plain(text) return (text:gsub("^%s*=", "", 1)) end

-- The code that the first input's line is about: the argument of a command that takes code; nil for other commands.
local function code_of(text)
  if not text:find(COMMAND) then return text end
  return require("apsis.repl.commands").code(text)
end

-- The number of the line that the next input of a chunk begins at.
local function first_line(self, name) return name and 1 or #self.sources[CHUNK] + 1 end

--- What a text is, without running it.
---@param text string
---@return "complete"|"incomplete"|"invalid" state incomplete where further lines could complete it
---@return string|nil detail incomplete: the blanks that the next line begins with; invalid: the message
function Session:check(text)
  text = plain(text)
  local code = not question.parse(text) and code_of(text)
  if not code or not code:find "%S" then return "complete" end
  if self.debugger and require("apsis.repl.debugger").is_word(self, text) then return "complete" end
  local f, message, unfinished = compile.input(code, first_line(self), self.env, CHUNK)
  if f then return "complete" end
  if unfinished then return "incomplete", lexer.indentation(code) end
  return "invalid", message
end

--- What could stand at the end of a text.
---@param text string up to the cursor
---@param pending? string the lines before it
---@return string breaks the characters that end a word there
---@return string|boolean|nil matches one a line; true where it is a file's name
---@return string|nil suffix the character to put behind a single match
function Session:complete(text, pending)
  return require "apsis.repl.complete"(text, pending, self.debugger and self.debugger.names or self.env)
end

-- --- running -----------------------------------------------------------------------------------------------------

local function pack(wanted, ok, ...)
  if not ok then return {ok = false, n = 0, error = (...)} end
  local n = select("#", ...)
  return {ok = true, n = n, wanted = wanted and n > 0, ...}
end

--- Calls f(...); its error is caught and explained.
---@param f function
---@return Result
function Session:protect(f, ...)
  local result = pack(true, xpcall(f, errors.capture, ...))
  if not result.ok then
    result.error = errors.explain(result.error, self.sources, self.one_line)
    if not self.debugger and #result.error.frames > 0 then self.last_error = result.error end
  end
  return result
end

-- The lines of an input become the chunk's, whose numbers messages show.
local function keep_lines(self, text, first, name)
  local lines = name and {} or self.sources[CHUNK]
  self.sources[name or CHUNK] = lines
  lines.start = first
  for line in (text .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  self.one_line = first == #lines
end

--- Makes a function of code, whose lines messages can show from then on.
---@param code string
---@param name? string of its chunk, as of execute
---@param compiler? fun(code: string, line: integer, env: table, name: string): function|nil, any for compile.input
---@return function|nil f
---@return any wanted the compiler's second value; a Caught where there is no function
function Session:compile(code, name, compiler)
  local first = first_line(self, name)
  local f, wanted = (compiler or compile.input)(code, first, self.env, name or CHUNK)
  keep_lines(self, code, first, name)
  if f then return f, wanted end
  return nil, errors.syntax(wanted, self.sources)
end

--- Compiles and runs code; displays and remembers nothing.
---@param code string
---@param name? string that messages show; as of execute
---@return Result
function Session:evaluate(code, name)
  self.last_input = code
  local f, wanted = self:compile(code, name)
  if not f then return {ok = false, n = 0, error = wanted} end
  local result = self:protect(f)
  result.wanted = result.wanted and wanted
  if result.ok then self.inputs[#self.inputs + 1] = {code = code, shown = result.wanted} end
  return result
end

-- The newest result is _ and _1, the one before it _2, and so on.
local function remember(env, value)
  if value == nil then return end
  for i = RESULTS, 2, -1 do rawset(env, "_" .. i, rawget(env, "_" .. (i - 1))) end
  rawset(env, "_1", value)
  rawset(env, "_", value)
end

--- Remembers the values of a result, and displays them where they are wanted.
---@param result Result
---@return Result result, or what went wrong while it was displayed
function Session:accept(result)
  if not result.ok or result.n == 0 then return result end
  remember(self.env, result[1])
  if not result.wanted then return result end
  local shown = self:protect(self.display, self, table.unpack(result, 1, result.n))
  return shown.ok and result or shown
end

--- Runs an input: code, a command, or a line for the debugger while that is open (%debug).
---@param text string
---@param name? string the chunk's name in messages ("In[3]"), whose lines count from 1; without one they are counted
---  through the session, as "prompt"
---@return Result
function Session:execute(text, name)
  text = plain(text)
  if not text:find "%S" then return {ok = true, n = 0, wanted = false} end
  if text:find(COMMAND) then return require("apsis.repl.commands").run(text, self, name) end
  local asked, wants_source = question.parse(text)
  if asked then return self:protect(question.answer, self, asked, wants_source) end
  if self.debugger then return require("apsis.repl.debugger").feed(self, text) end
  return self:accept(self:evaluate(text, name))
end

--- Runs a file as if its text had been typed: its locals and globals are the session's.
---@param path string
---@return Result
function Session:load(path)
  return self:protect(function()
    local file, message = io.open(path, "rb")
    if not file then error(message, 0) end
    local text = file:read "a"
    file:close()
    if not text then error(path .. ": it cannot be read", 0) end
    text = text:gsub("^#[^\n]*", "", 1)
    local f = load(compile.keep_locals(text), "@" .. path, "t", self.env)
    if not f then
      f, message = load(text, "@" .. path, "t", self.env) -- the message is about the text as it was written
      if not f then error(message, 0) end
    end
    f()
  end)
end

-- --- init.lua ----------------------------------------------------------------------------------------------------

local NO_SUCH_FILE, NO_FOLDER = 2, 20 -- errno

-- $XDG_CONFIG_HOME/apsis/init.lua; a relative one does not count. Source: the XDG Base Directory Specification.
local function init_path()
  local config, home = os.getenv "XDG_CONFIG_HOME", os.getenv "HOME"
  if config and config:sub(1, 1) == "/" then return config .. "/apsis/init.lua" end
  return home and home ~= "" and home .. "/.config/apsis/init.lua" or nil
end

--- Runs the user's init.lua, where there is one.
---@return Result
function Session:read_init()
  local path = init_path()
  local file, _, code
  if path then file, _, code = io.open(path) end
  if file then file:close() end
  if not path or code == NO_SUCH_FILE or code == NO_FOLDER then return {ok = true, n = 0, wanted = false} end
  return self:load(path)
end

return Session
