-- The call whose arguments the cursor is in, and what its documentation says can stand there: keys of a table of
-- options, words in quotes. Values are looked at raw (peek.lua).

local peek = require "apsis.repl.peek"

local call = {}

local OPENS = {["("] = true, ["["] = true, ["{"] = true}
local CLOSES = {[")"] = true, ["]"] = true, ["}"] = true}

-- The innermost bracket that is open behind token n, and where the items between commas in it begin.
local function open_bracket(tokens, n)
  local depth, starts = 0, {}
  for i = n, 1, -1 do
    local t = tokens[i]
    if t.kind == "symbol" then
      if CLOSES[t.text] then depth = depth + 1 end
      if OPENS[t.text] then
        if depth == 0 then
          table.insert(starts, 1, i + 1)
          return i, starts
        end
        depth = depth - 1
      end
      if depth == 0 and (t.text == "," or t.text == ";") then table.insert(starts, 1, i + 1) end
    end
  end
end

-- The text of the names and dots that end with token i, "nn.Linear", and the token before them.
local function dotted_name(tokens, i)
  local parts = {}
  while tokens[i] and (tokens[i].kind == "name" or tokens[i].text == "." or tokens[i].text == ":") do
    table.insert(parts, 1, tokens[i].text)
    i = i - 1
  end
  return table.concat(parts), tokens[i]
end

-- The documentation of the function whose name ends at token i, and how many of its parameters a colon gives.
local function callee(tokens, i, env)
  local t = tokens[i]
  if not t or t.kind == "keyword" then return nil end
  local name, before = dotted_name(tokens, i)
  if before and before.text == "function" then return nil end -- it is being defined
  local names = require "apsis.help.names"
  local is_method = t.kind == "name" and tokens[i - 1] and tokens[i - 1].text == ":"
  if not is_method then
    local value, known = peek.value_of(tokens, i, env)
    if not known then return nil end
    if value == nil then value = names.of_text(name, env) end -- a part of the library that is not loaded yet
    return value ~= nil and names.of_value(value) or nil, 0
  end
  local owner, known = peek.value_of(tokens, i - 2, env)
  local entry
  if known and owner ~= nil then
    local method = peek.field(owner, t.text)
    entry = method ~= nil and names.of_value(method) or nil
  elseif not known then -- of a call, say: nearly always a tensor
    entry = require("apsis.help.docs").find("ap." .. t.text)
  end
  return entry, entry and not entry.method and 1 or 0
end

-- Does an expression end with this token, so that a table or a string behind it is its argument?
local function ends_expression(t)
  return t and (t.kind == "name" or t.text == ")" or t.text == "]" or t.kind == "string")
end

-- The call that the argument which begins at token i belongs to: its documentation and the argument's position among
-- the parameters.
local function call_of(tokens, i, env)
  local before = tokens[i - 1]
  if ends_expression(before) then
    local entry, shift = callee(tokens, i - 1, env)
    return entry, 1 + (shift or 0)
  end
  if not before or before.text ~= "(" and before.text ~= "," then return nil end
  local open, starts = open_bracket(tokens, i - 1)
  if not open or tokens[open].text ~= "(" then return nil end
  local entry, shift = callee(tokens, open - 1, env)
  return entry, #starts + (shift or 0)
end

-- The names that have values in the table whose items begin at these tokens.
local function given_keys(tokens, starts)
  local given = {}
  for _, i in ipairs(starts) do
    if tokens[i] and tokens[i].kind == "name" and tokens[i + 1] and tokens[i + 1].text == "=" then
      given[tokens[i].text] = true
    end
  end
  return given
end

-- The fields of the table that can stand at a position: the parameter's own, or those of the next that has some; else
-- the parameters from there on that may be left out, and what "..." is said to take: "the sizes; then {dtype =}".
local function fields_at(entry, position)
  local docs, list = require "apsis.help.docs", {}
  for i = position, #entry.params do
    local fields = docs.fields(entry.params[i])
    if fields then return fields end
  end
  for i = position, #entry.params do
    if entry.params[i].optional then list[#list + 1] = entry.params[i] end
  end
  local last = entry.params[#entry.params]
  for name in (last and last.name == "..." and last.text or ""):gmatch "([%a_][%w_]*) =" do
    list[#list + 1] = {name = name, text = ""}
  end
  return list
end

--- The keys that the table of options at the end of the tokens can take and has not yet.
---@param tokens table[] up to the word that is being typed
---@param env table
---@return string[]|nil
function call.keys(tokens, env)
  local open, starts = open_bracket(tokens, #tokens)
  if not open or tokens[open].text ~= "{" or starts[#starts] ~= #tokens + 1 then return nil end
  local entry, position = call_of(tokens, open, env)
  if not entry then return nil end
  local given, names = given_keys(tokens, starts), {}
  for _, field in ipairs(fields_at(entry, position)) do
    if not given[field.name] and field.name:find "^[%a_][%w_]*$" then names[#names + 1] = field.name end
  end
  return names
end

-- What is known of the value that begins behind token n: a parameter or a field of the options.
local function parameter_at(tokens, n, env)
  local entry, position = call_of(tokens, n + 1, env)
  if entry then return entry.params[position] end
  local key = tokens[n] and tokens[n].text == "=" and tokens[n - 1]
  local open = key and key.kind == "name" and open_bracket(tokens, n)
  if not open or tokens[open].text ~= "{" then return nil end
  entry, position = call_of(tokens, open, env)
  for _, field in ipairs(entry and fields_at(entry, position) or {}) do
    if field.name == key.text then return field end
  end
end

local DTYPES = {"f32", "f64", "f16", "bf16", "i8", "u8", "i16", "i32", "i64", "bool"}
local DEVICES = {"cpu", "cl"}

--- The words that a string behind the tokens can be, where the documentation names some in quotes.
---@param tokens table[] up to the string
---@param env table
---@return string[]|nil
function call.words(tokens, env)
  local parameter = parameter_at(tokens, #tokens, env)
  if not parameter then return nil end
  if parameter.name == "dtype" then return DTYPES end
  if parameter.name == "device" then return DEVICES end
  local words = {}
  for word in parameter.text:gmatch '"([^"%s]+)"' do words[#words + 1] = word end
  return #words > 0 and words or nil
end

return call
