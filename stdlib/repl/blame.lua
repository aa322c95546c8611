-- Which words of a source line an error is about, and which name was meant where there is none of that name. Lua tells
-- an error's line and the name that it failed at, not the column: this finds the name in the line, and looks at the
-- frame's values where it stands there more than once.

local lexer = require "apsis.repl.lexer"
local nearest = require "apsis.repl.nearest"
local peek = require "apsis.repl.peek"

local blame = {}

local MOST_MARKS = 4      -- a line with more words that could be meant is not marked
local MOST_CANDIDATES = 32 -- nor are more of them looked at

-- What calls a metamethod.
local SYMBOLS = {add = "+", sub = "-", unm = "-", mul = "*", div = "/", mod = "%", pow = "^", idiv = "//", band = "&",
  bor = "|", bxor = "~", bnot = "~", shl = "<<", shr = ">>", concat = "..", len = "#", eq = "== ~=", lt = "< >",
  le = "<= >=", index = "[", newindex = "["}

-- What Lua says of operands that have no name, and the operators that it says it of.
local OPERATIONS = {{"^attempt to perform arithmetic", "+ - * / // % ^"}, {"^attempt to concatenate", ".."},
  {"^attempt to compare", "< > <= >="}, {"^attempt to get length", "#"},
  {"^attempt to perform bitwise", "& | ~ << >>"}, {"^number has no integer", "& | ~ << >>"},
  {"^attempt to perform 'n//0'", "//"}, {"^attempt to perform 'n%%%%0'", "%"}}

local CALLS = {["("] = true, ["{"] = true}
local INDEXES = {["."] = true, [":"] = true, ["["] = true}
local VARIABLES = {global = true, ["local"] = true, upvalue = true}

local function set_of(words)
  local set = {}
  for word in words:gmatch "%S+" do set[word] = true end
  return set
end

--- What an error in a frame is about: {name=, kind=, got=, called=, indexed=} or {symbols=}; nil where nothing tells.
---@param message string without its position
---@param callee {name: string, what: string}|nil what the frame had called, as debug.getinfo says it
---@return table|nil
function blame.about(message, callee)
  local field = message:match "^a tensor has no field or method '([^']+)'"
  if field then return {name = field, kind = "field"} end
  if callee then
    if callee.what ~= "metamethod" then return {name = callee.name, kind = callee.what, called = true} end
    return SYMBOLS[callee.name] and {symbols = set_of(SYMBOLS[callee.name])}
  end
  local got, kind, name = message:match "a (%a+) value %((%a+) '([^']+)'%)"
  if name then return {name = name, kind = kind, got = got, indexed = message:find "^attempt to index" ~= nil} end
  for _, o in ipairs(OPERATIONS) do
    if message:find(o[1]) then return {symbols = set_of(o[2])} end
  end
end

-- --- where it is in the line -------------------------------------------------------------------------------------

local function is_reached(tokens, i)
  local before = tokens[i - 1]
  return before ~= nil and (before.text == "." or before.text == ":")
end

local function is_called(tokens, i)
  local before, after = tokens[i - 1], tokens[i + 1]
  if before and before.text == "function" then return false end
  return after ~= nil and (CALLS[after.text] or after.kind == "string")
end

-- Whether token i could be it by its kind and place.
local function could_be(tokens, i, about)
  local t = tokens[i]
  if about.symbols then return t.kind == "symbol" and about.symbols[t.text] end
  if t.text ~= about.name or t.kind ~= "name" then return false end
  if about.called and not is_called(tokens, i) then return false end
  if about.indexed and not (tokens[i + 1] and INDEXES[tokens[i + 1].text]) then return false end
  return VARIABLES[about.kind] == nil or not is_reached(tokens, i)
end

-- The value of the name at token i, and of what it is a field of.
local function owner_of(tokens, i, scope)
  if not is_reached(tokens, i) then return nil, false end
  return peek.value_of(tokens, i - 2, scope)
end

local function value_of(tokens, i, scope)
  if not is_reached(tokens, i) then return peek.value_of(tokens, i, scope) end
  local owner, known = owner_of(tokens, i, scope)
  return known and peek.field(owner, tokens[i].text) or nil, known
end

-- Of several words those whose values are of the type that the message names; all, where there are none.
local function sift(found, tokens, about, scope)
  local left = {}
  for _, i in ipairs(found) do
    local value, known = value_of(tokens, i, scope)
    if not known or type(value) == about.got then left[#left + 1] = i end
  end
  return #left > 0 and left or found
end

-- The positions of the tokens that the error may be about.
local function places(tokens, about, scope)
  local found = {}
  for i in ipairs(tokens) do
    if could_be(tokens, i, about) then found[#found + 1] = i end
  end
  if #found > 1 and #found <= MOST_CANDIDATES and about.got then found = sift(found, tokens, about, scope) end
  return found
end

--- The words of a line that an error is about.
---@param line string
---@param about table of blame.about
---@param scope table the frame's variables
---@return {at: integer, stop: integer}[] marks their first and last bytes
function blame.marks(line, about, scope)
  local tokens, marks = lexer.tokens(line), {}
  local found = places(tokens, about, scope)
  if #found > MOST_MARKS then return marks end
  for k, i in ipairs(found) do marks[k] = {at = tokens[i].at, stop = tokens[i].stop} end
  return marks
end

--- The word of a line that a syntax error is near.
---@param line string
---@param near string the word
---@param before string what precedes the line in the chunk
---@return {at: integer, stop: integer}[]
function blame.syntax_marks(line, near, before)
  for _, t in ipairs(lexer.tokens(line)) do
    if t.text == near then
      local _, message = load(before .. line:sub(1, t.stop))
      if message and not message:find "<eof>" then return {{at = t.at, stop = t.stop}} end
    end
  end
  return {}
end

-- --- what was meant ----------------------------------------------------------------------------------------------

local LIBRARY = {{"ap", "apsis"}, {"nn", "apsis.nn"}, {"F", "apsis.nn.functional"}, {"optim", "apsis.optim"},
  {"data", "apsis.data"}, {"ap.io", "apsis.io"}, {"ap.train", "apsis.train"}}

local function names_of(each, value)
  local names = {}
  each(function(name) names[#names + 1] = name end, value)
  return names
end

local function fields(visit, value) peek.each_field(value, visit) end

-- The name as a field of one of the library's modules; nil also where `owner` is none of them.
local function elsewhere(name, owner)
  local answer, is_library = nil, owner == nil
  for _, m in ipairs(LIBRARY) do
    local module, found = require(m[2]), false
    peek.each_field(module, function(field) found = found or field == name end)
    if found and not answer then answer = m[1] .. "." .. name end
    is_library = is_library or module == owner
  end
  return is_library and answer or nil
end

-- What the missing field belongs to, where the line tells.
local function owner_in(line, name, scope)
  local tokens = lexer.tokens(line)
  for _, i in ipairs(places(tokens, {name = name, kind = "field", got = "nil"}, scope)) do
    local owner, known = owner_of(tokens, i, scope)
    if known and owner ~= nil then return owner end
  end
end

--- The name that was meant, for an error that says that there is none of that name.
---@param message string without its position
---@param line string|nil of the source
---@param scope table the frame's variables
---@return string|nil
function blame.meant(message, line, scope)
  local name = message:match "^a tensor has no field or method '([^']+)'"
  if name then return nearest(name, names_of(peek.each_tensor_field)) end
  name = message:match "^module '([^']+)' not found"
  if name then return nearest(name, peek.MODULES) end
  local kind
  kind, name = message:match "a nil value %((%a+) '([^']+)'%)"
  if kind == "global" then
    return elsewhere(name) or nearest(name, names_of(fields, scope))
  end
  local owner = (kind == "field" or kind == "method") and line and owner_in(line, name, scope)
  if not owner then return nil end
  return elsewhere(name, owner) or nearest(name, names_of(fields, owner))
end

-- What people write who come from Python: a pattern of the message, one of the line, and what says it here.
local HABITS = {
  {"^attempt to compare .*tensor", "", "comparisons of tensors are methods: x:gt(0), x:le(y), x:eq(y)"},
  {"^'%]' expected near ','", "", "several indices are one table: x[{i, j}]"},
  {"^attempt to call a tensor value", "%f[%w]for%f[%W].*%f[%w]in%f[%W]",
    "go over the rows with for i = 1, #x do ... x[i] ... end"},
  {"^attempt to call a apsis%.sizes value", "", "the shape is a field: x.shape"},
  {"near '@'", "", "the matrix product is a method: x:matmul(y)"},
  {"near '!'", "!=", "not equal is ~="},
  {"near '[=%+%-%*/]'", "[%+%-%*/]=", "there is no such assignment: x = x + y, or in place x:add_(y)"},
  {"^a tensor has no field or method 'cuda'", "", "devices by OpenCL: x:to(\"cl\")"},
  {"^a tensor has no field or method 'numpy'", "", "x:totable() is a Lua table, ap.io.save_npy writes NumPy's files"},
}

--- How to say what was probably meant, where it is no name.
---@param message string without its position
---@param line string|nil of the source
---@return string|nil
function blame.advice(message, line)
  for _, habit in ipairs(HABITS) do
    if message:find(habit[1]) and (line or ""):find(habit[2]) then return habit[3] end
  end
end

return blame
