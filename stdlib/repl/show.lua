-- How the prompt shows values: as a literal where that says it, tables with their contents down to a depth, tensors and
-- modules as print shows them, everything within the terminal's width.

local core = require "apsis.core"
local terminal = require "apsis.terminal"

local show = {}

local MOST_DEPTH = 4
local MOST_ITEMS = 100     -- of a table
local MOST_LETTERS = 2000  -- of a string in a table
local SMALL_TENSOR = 6     -- elements that a tensor in a table may show

local COLOUR = {string = "32", number = "36", word = "35", key = "34", note = "2", error = "31", name = "1"}

local width, rep, concat = terminal.width, string.rep, table.concat

--- A painter: a function from kind and text to the text in that kind's colour; without colours, to the text.
---@param colours integer as from terminal.colours
---@return fun(kind: string, text: string): string
function show.painter(colours)
  if colours == 0 then return function(_, text) return text end end
  return function(kind, text) return ("\27[%sm%s\27[0m"):format(COLOUR[kind], text) end
end

-- --- scalars -----------------------------------------------------------------------------------------------------

local ESCAPES = {["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ["\\"] = "\\\\", ["\""] = "\\\"", ["\27"] = "\\27"}

local function escape(c) return ESCAPES[c] or ("\\x%02X"):format(c:byte()) end

--- The string as a Lua literal; bytes that are no UTF-8 as \xHH.
---@param text string
---@return string
function show.quote(text)
  text = text:gsub("[%c\\\"]", escape)
  if not utf8.len(text) then text = text:gsub("[\128-\255]", escape) end
  return '"' .. text .. '"'
end

--- The names of a Lua function's parameters, and "..." where it takes more.
---@param f function
---@return string[]
function show.parameters(f)
  local info, names = debug.getinfo(f, "u"), {}
  for i = 1, info.nparams do names[i] = debug.getlocal(f, i) end
  if info.isvararg then names[#names + 1] = "..." end
  return names
end

local UNITS = {"KiB", "MiB", "GiB", "TiB"}

--- A number of bytes as a text: "132 bytes", "2.2 KiB".
---@param n integer
---@return string
function show.bytes(n)
  if n < 1024 then return n .. " bytes" end
  local unit = 0
  while n >= 1024 and unit < #UNITS do n, unit = n / 1024, unit + 1 end
  return ("%.1f %s"):format(n, UNITS[unit])
end

local function function_text(f)
  local info = debug.getinfo(f, "S")
  if info.what == "C" then return "<built-in function>" end
  return ("<function (%s), %s:%d>"):format(concat(show.parameters(f), ", "), info.short_src, info.linedefined)
end

local function tensor_text(x)
  if x:numel() <= SMALL_TENSOR then
    local text = tostring(x)
    if not text:find "\n" then return text end
  end
  local size = x:size()
  return ("<tensor %s, %s, %s>"):format(#size == 0 and "0-dim" or concat(size, "x"), x.dtype, x.device)
end

-- What the value's own __tostring says; nil where it has none.
local function own_text(value)
  local meta = debug.getmetatable(value)
  if type(meta) ~= "table" or rawget(meta, "__tostring") == nil then return nil end
  local ok, text = pcall(tostring, value)
  if ok then return text end
  local why = type(text) == "string" and text or ("it raised a %s"):format(type(text))
  return ("<%s; its __tostring failed: %s>"):format(type(value), why)
end

-- Is the value a module of the library that prints itself as they all do?
local function is_plain_module(value)
  local Module = package.loaded["apsis.nn.Module"]
  local meta = Module and debug.getmetatable(value)
  return type(value) == "table" and type(meta) == "table" and rawget(meta, "__tostring") == Module.__tostring
end

--- A module in one line: what prints as a module does; nil for other values.
---@param value any
---@return string|nil
function show.module_line(value)
  return is_plain_module(value) and tostring(value):gsub("\n.*\n%)", " ... )") or nil
end

-- --- tables ------------------------------------------------------------------------------------------------------

local function is_name(key) return type(key) == "string" and key:find "^[%a_][%w_]*$" ~= nil end

local ORDER = {number = 1, string = 2, boolean = 3}

local function before(a, b)
  local x, y = ORDER[type(a)] or 4, ORDER[type(b)] or 4
  if x ~= y then return x < y end
  if x <= 2 then return a < b end
  return tostring(a) < tostring(b)
end

-- The keys of a table that are not among its first n positions, sorted; in the order of its __pairs where it has one.
local function other_keys(t, n)
  local keys = {}
  local meta = getmetatable(t)
  local ordered = type(meta) == "table" and rawget(meta, "__pairs") and not rawget(meta, "__names")
  local function collect(iterate, state, first)
    for key in iterate, state, first do
      if not (math.type(key) == "integer" and key >= 1 and key <= n) then keys[#keys + 1] = key end
    end
  end
  if ordered and pcall(function() collect(pairs(t)) end) then return keys end
  keys = {}
  collect(next, t)
  table.sort(keys, before)
  return keys
end

local function positions(t)
  local n = 0
  while rawget(t, n + 1) ~= nil do n = n + 1 end
  return n
end

local render

-- The items of a table as texts, and whether something was left out.
local function items_of(t, s, indent, depth)
  local items, n = {}, positions(t)
  for i = 1, math.min(n, MOST_ITEMS) do items[i] = render(rawget(t, i), s, indent, depth) end
  local keys, plain = other_keys(t, n), #items
  for _, key in ipairs(keys) do
    if #items >= MOST_ITEMS then break end
    local name = is_name(key) and s.paint("key", key) or "[" .. render(key, s, indent, MOST_DEPTH) .. "]"
    items[#items + 1] = name .. " = " .. render(t[key], s, indent, depth)
  end
  local left = n + #keys - #items
  if left > 0 then items[#items + 1] = s.paint("note", ("... %d more"):format(left)) end
  return items, plain
end

-- Items one under the other; the plain ones at the beginning share lines.
local function stacked(items, plain, indent, room)
  local lines, line, used = {}, nil, 0
  for i, item in ipairs(items) do
    local w = item:find("\n", 1, true) and math.huge or width(item)
    if line and i <= plain and used + w + 2 <= room then
      line[#line + 1] = item
      used = used + w + 2
    else
      line, used = {item}, w
      lines[#lines + 1] = line
    end
  end
  for i, parts in ipairs(lines) do lines[i] = concat(parts, ", ") end
  local margin = "\n" .. rep(" ", indent)
  return "{" .. margin .. "  " .. concat(lines, "," .. margin .. "  ") .. margin .. "}"
end

local function table_text(t, s, indent, depth)
  if s.above[t] then return s.paint("note", "<cycle>") end
  if next(t) == nil then return "{}" end
  if depth >= MOST_DEPTH then return s.paint("note", "{...}") end
  s.above[t] = true
  local items, plain = items_of(t, s, indent + 2, depth + 1)
  s.above[t] = nil
  local flat = "{" .. concat(items, ", ") .. "}"
  if not flat:find("\n", 1, true) and indent + width(flat) <= s.room then return flat end
  return stacked(items, plain, indent, s.room - indent - 2)
end

-- The text of a value whose further lines begin at `indent`.
render = function(value, s, indent, depth)
  local kind = type(value)
  if kind == "string" then
    local cut = depth > 0 and #value > MOST_LETTERS
    local text = s.paint("string", show.quote(cut and value:sub(1, MOST_LETTERS) or value))
    return cut and text .. s.paint("note", ("... %d bytes"):format(#value)) or text
  end
  if kind == "number" then return s.paint("number", tostring(value)) end
  if value == nil or kind == "boolean" then return s.paint("word", tostring(value)) end
  if core.is_tensor(value) then
    return depth > 0 and tensor_text(value) or require("apsis.print").tostring(value, s.room)
  end
  if depth == 0 and is_plain_module(value) then return require "apsis.repl.module_tree"(value, s.room, s.paint) end
  local text = own_text(value)
  if text then return (text:gsub("\n", "\n" .. rep(" ", indent))) end
  if kind == "table" then return table_text(value, s, indent, depth) end
  if kind == "function" then return s.paint("note", function_text(value)) end
  return s.paint("note", "<" .. tostring(value) .. ">")
end

-- What shows the value as a picture in the terminal; nil where there is none.
local function picture_of(value)
  local meta = debug.getmetatable(value)
  local draw = type(meta) == "table" and rawget(meta, "__terminal")
  return draw and draw(value) or nil
end

--- The text that the prompt shows of a value.
---@param value any
---@param options? {colours: integer, columns: integer, terminal: boolean} none, 80, and whether the text goes to the
--- terminal of the program, which may show pictures
---@return string
function show.text(value, options)
  options = options or {}
  local picture = options.terminal and picture_of(value)
  if picture then return picture end
  local s = {paint = show.painter(options.colours or 0), room = options.columns or 80, above = {}}
  return render(value, s, 0, 0)
end

--- The text of several values: in one line where they fit into lines of their own.
---@param options? table as of show.text
---@return string
function show.values(options, ...)
  local texts, one_line = {}, true
  for i = 1, select("#", ...) do
    texts[i] = show.text((select(i, ...)), options)
    one_line = one_line and not texts[i]:find("\n", 1, true)
  end
  return concat(texts, one_line and "\t" or "\n")
end

return show
