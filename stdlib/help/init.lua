-- help, apropos and the sources at the prompt, read from the comments in the library's own files.
--
--   help(ap.conv2d)   help "conv2d"   help "x:sum"   help(model)   apropos "softmax"
--
-- In a program: `local help = require "apsis.help"`; help.text(what) gives the page, help(what) shows it.

local docs = require "apsis.help.docs"
local terminal = require "apsis.terminal"

local help = {}

local MOST_FOUND = 60 -- lines of apropos

local function look()
  if not io or not io.stdout then return {colours = 0, columns = 80} end
  return {colours = terminal.colours(io.stdout), columns = terminal.columns(io.stdout)}
end

local function show(text) require "apsis.help.pager"(text) end

-- What a name could have been.
local function suggestion(name)
  local near = require "apsis.repl.nearest"(name, require("apsis.help.names").all())
  local hint = near and ("did you mean %s?"):format(near) or ("apropos %q searches the texts."):format(name)
  return ("There is no help on %s; %s"):format(name, hint)
end

local OVERVIEW = [[
help(VALUE), help "NAME"   what it is and how it is used; also ?NAME or NAME?
??NAME                     its source
apropos "WORDS"            every function whose help has these words
%help                      the prompt's commands: time, profile, debug, edit, ...
Tab                        completes names, fields, methods, keys of options, files

Modules, each with a list of its own, help "nn":]]

local function overview(options)
  local page = require("apsis.help.layout").page(options)
  for line in (OVERVIEW .. "\n"):gmatch "(.-)\n" do page.lines[#page.lines + 1] = line end
  page.rows({
    {"ap", "tensors and the functions on them"}, {"ap.linalg", "linear algebra"}, {"ap.fft", "Fourier transforms"},
    {"ap.autograd", "gradients"}, {"nn", "layers, losses and models"}, {"F", "the same as functions"},
    {"nn.init", "initial values"}, {"optim", "optimisers"}, {"optim.lr_scheduler", "learning rates over time"},
    {"data", "data sets, loaders, readers"}, {"ap.io", "tensors in files"}, {"ap.train", "training loops, metrics"},
    {"plot", "plots in the terminal, as SVG and PNG"},
  }, 2)
  return page.text()
end

-- A name as it may be typed: without quotes, brackets of a call and blanks around it.
local function clean(name) return (name:gsub("^%s+", ""):gsub("%s+$", ""):gsub("%(.*%)$", "")) end

local function is_name(text) return text:find "^[%a_][%w_]*[%w_.:%[%]\"']*$" ~= nil end

-- The page of a name; nil where there is none.
local function of_name(name, options, session)
  local names, pages = require "apsis.help.names", require "apsis.help.pages"
  if name:sub(1, 1) == "%" then return require("apsis.repl.commands").about(name:sub(2)) end
  if not is_name(name) then return nil end
  local value, entry = names.of_text(name, session.env)
  if value ~= nil then return pages.of_value(value, options, name, session.sources) end
  if entry then return pages.of_entry(entry, options) end
  if name == "Tensor" then return pages.of_tensors(options) end
  for _, module in ipairs {name, "ap." .. name} do
    if docs.is_module(module) then return pages.of_module(module, options) end
  end
  local builtin = require("apsis.help.lua").by_name(name)
  return builtin and pages.of_builtin(builtin, options) or nil
end

-- What the user calls a function or an object; nil where no variable holds it.
local function name_in(env, value)
  if type(value) ~= "table" and type(value) ~= "function" and type(value) ~= "userdata" then return nil end
  for _, variables in ipairs {env or _G, _G} do
    for name, v in next, variables do
      if rawequal(v, value) and type(name) == "string" and not name:find "^_" then return name end
    end
  end
end

--- The page of a value, or of a name given as a string.
---@param what any
---@param options? {colours: integer, columns: integer} none and 80
---@param session? {env: table, sources: table<string, string[]>} where names are looked up, and the inputs that
--- functions come from
---@return string|nil text nil where there is no such name
---@return string|nil message that says so
function help.text(what, options, session)
  options, session = options or {colours = 0, columns = 80}, session or {}
  if type(what) ~= "string" then
    return require("apsis.help.pages").of_value(what, options, name_in(session.env, what), session.sources)
  end
  local name = clean(what)
  if name == "" then return overview(options) end
  local text = of_name(name, options, session)
  if text then return text end
  return nil, suggestion(name)
end

--- Shows it.
---@param session table
---@param ... any
function help.show(session, ...)
  local options = look()
  if select("#", ...) == 0 then return show(overview(options)) end
  local what = ...
  if what == nil then return print "nil has no help. Of a name, put it in quotes: help \"conv2d\"" end
  local text, message = help.text(what, options, session)
  if text then show(text) else print(message) end
end

-- --- sources -------------------------------------------------------------------------------------------------------

local function source_of(what, session)
  local names, source = require "apsis.help.names", require "apsis.help.source"
  local value, entry = what, nil
  if type(what) == "string" then value, entry = names.of_text(what, session.env) end
  if value ~= nil then
    value = names.class_of(value) or value
    entry = names.of_value(value)
  end
  if entry then return source.of_entry(entry) end
  if names.is_class(value) then value = rawget(value, "init") or value end
  if type(value) == "function" then return source.of_function(value, session.sources) end
  return nil, value ~= nil and "a " .. type(value) .. " has no source" or nil
end

--- The source text of a function or class.
---@param what any value or name
---@param session? table
---@return string|nil text
---@return string where it stands, or why there is none
function help.source(what, session)
  if type(what) == "string" then what = clean(what) end
  local text, where = source_of(what, session or {})
  if text or where then return text, where end
  return nil, suggestion(what)
end

--- Shows it.
---@param session table
---@param what any
function help.show_source(session, what)
  local text, where = help.source(what, session)
  if not text then
    return print((type(what) == "string" and not where:find "^There is" and what .. ": " or "") .. where)
  end
  local paint = require("apsis.repl.show").painter(look().colours)
  show(paint("note", "-- " .. where) .. "\n" .. require("apsis.help.layout").highlight(text, paint))
end

-- --- searching -----------------------------------------------------------------------------------------------------

-- How well an entry fits the words: 1 its name, 2 its summary, 3 elsewhere; nil where a word is missing.
local function rank(entry, words)
  local best = 1
  local rest = {entry.notes, entry.source, entry.errors}
  for _, p in ipairs(entry.params) do rest[#rest + 1] = p.name .. " " .. p.text end
  local texts = {entry.qualified:lower(), entry.summary:lower(), table.concat(rest, " "):lower()}
  for _, word in ipairs(words) do
    local at
    for i, text in ipairs(texts) do
      if not at and text:find(word, 1, true) then at = i end
    end
    if not at then return nil end
    best = math.max(best, at)
  end
  return best
end

--- The entries whose names or texts have all the words, names first.
---@param words string
---@return table[]
function help.search(words)
  local list, found = {}, {}
  for word in words:lower():gmatch "%S+" do list[#list + 1] = word end
  if #list == 0 then return found end
  for i, entry in ipairs(docs.load().entries) do
    local r = rank(entry, list)
    if r then found[#found + 1] = {r, i, entry} end
  end
  table.sort(found, function(a, b) return a[1] < b[1] or a[1] == b[1] and a[2] < b[2] end)
  for i, f in ipairs(found) do found[i] = f[3] end
  return found
end

--- What apropos shows.
---@param words string
---@param options? {colours: integer, columns: integer}
---@return string
function help.apropos_text(words, options)
  options = options or {colours = 0, columns = 80}
  local found = help.search(words)
  local page, rows = require("apsis.help.layout").page(options), {}
  for i = 1, math.min(#found, MOST_FOUND) do
    rows[i] = {found[i].qualified, require("apsis.help.pages").brief(found[i])}
  end
  for _, entry in ipairs(require("apsis.help.lua").search(words)) do rows[#rows + 1] = {entry.name, entry.text} end
  if #rows == 0 then return ("Nothing has %s in its help."):format(words) end
  page.rows(rows, 0)
  if #found > MOST_FOUND then page.paragraph(("... and %d more: give another word"):format(#found - MOST_FOUND)) end
  return page.text()
end

--- apropos: lists every function whose help has all these words.
---@param words string
function help.apropos(words)
  if type(words) ~= "string" then
    error("apropos: argument 1: expected words as a string, got " .. type(words), 2)
  end
  show(help.apropos_text(words, look()))
end

return setmetatable(help, {__call = function(_, ...) return help.show({}, ...) end})
