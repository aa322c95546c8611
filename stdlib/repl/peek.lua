-- Looking at values without running anything: tables by rawget and next, metatables only where their __index is a
-- table; no function is called and no metamethod runs. What is written in a text is looked up the same way.

local core = require "apsis.core"

local peek = {}

local rawget, next, type, getmetatable, getupvalue = rawget, next, type, debug.getmetatable, debug.getupvalue
local getuservalue = debug.getuservalue

local MOST_STEPS = 32      -- of a chain of __index tables
local GRADIENT = 2         -- the user value of a tensor that holds its gradient (lib/bind/state.h)
local METHODS, FIELDS = 2, 3 -- upvalues of the tensors' __index (lib/bind/tensor.c)
local TRANSPOSES = {T = true, mT = true, H = true, mH = true}

--- The library's modules that users ask for, loaded or not.
peek.MODULES = {"apsis", "apsis.autograd", "apsis.class", "apsis.data", "apsis.help", "apsis.io", "apsis.nn",
  "apsis.nn.functional", "apsis.nn.init", "apsis.nn.utils", "apsis.optim", "apsis.optim.lr_scheduler", "apsis.plot",
  "apsis.print", "apsis.train", "apsis.train.metrics"}

--- Whether the value is a tensor.
---@param value any
---@return boolean
local function is_tensor(value) return type(value) == "userdata" and getmetatable(value) == core.tensor_meta end
peek.is_tensor = is_tensor

local function upvalue(i)
  local _, value = getupvalue(rawget(core.tensor_meta, "__index"), i)
  return type(value) == "table" and value or {}
end

-- The table that a value's missing fields are looked up in.
local function behind(value)
  local meta = getmetatable(value)
  local index = type(meta) == "table" and rawget(meta, "__index")
  return type(index) == "table" and index or nil
end

--- value.key without running anything; nil where that cannot be known.
---@param value any
---@param key any
---@return any
local function field(value, key)
  if is_tensor(value) then
    if key == "grad" then return (getuservalue(value, GRADIENT)) end
    -- What is completed of a transpose is what is completed of the tensor.
    if TRANSPOSES[key] then return value end
    return rawget(upvalue(METHODS), key)
  end
  for _ = 1, MOST_STEPS do
    if type(value) == "table" then
      local found = rawget(value, key)
      if found ~= nil then return found end
    end
    value = behind(value)
    if value == nil then return nil end
  end
end

--- Whether the value is a function, or an object that can be called like one.
---@param value any
---@return boolean
function peek.is_callable(value)
  if type(value) == "function" then return true end
  local meta = getmetatable(value)
  return type(meta) == "table" and rawget(meta, "__call") ~= nil
end

--- Calls visit(name, value) for every field and method of a tensor; value is nil where it is a field.
---@param visit fun(name: string, value: any)
function peek.each_tensor_field(visit)
  for name, method in next, upvalue(METHODS) do visit(name, method) end
  for name in next, upvalue(FIELDS) do visit(name, nil) end
end

--- Calls visit(name, value) for every field with a string for its name; value is nil where it is loaded or computed at
--- its first use.
---@param value any
---@param visit fun(name: string, value: any)
function peek.each_field(value, visit)
  if is_tensor(value) then return peek.each_tensor_field(visit) end
  for _ = 1, MOST_STEPS do
    if type(value) == "table" then
      for name, v in next, value do
        if type(name) == "string" then visit(name, v) end
      end
    end
    local meta = getmetatable(value)
    local names = type(meta) == "table" and rawget(meta, "__names")
    if type(names) == "table" then
      for _, set in next, names do
        for name in next, type(set) == "table" and set or {} do visit(name, nil) end
      end
    end
    value = behind(value)
    if value == nil then return end
  end
end

-- --- expressions in a text ---------------------------------------------------------------------------------------

--- The string that a literal's token stands for; nil where it has escapes.
---@param token table
---@return string|nil
local function literal(token)
  local text = token.text:match "^[\"'](.*)[\"']$" or token.text:match "^%[=*%[(.*)%]=*%]$"
  return text and not text:find "\\" and text or nil
end

local value_of

local function name_value(tokens, i, env)
  local before = tokens[i - 1] and tokens[i - 1].text
  if before == ":" then return nil, false end
  if before ~= "." then return field(env, tokens[i].text), true end
  local owner, known = value_of(tokens, i - 2, env)
  if not known then return nil, false end
  return field(owner, tokens[i].text), true
end

-- Whether the bracket that opens at token i is a call's.
local function is_call(tokens, i)
  local before = tokens[i - 1]
  return before and (before.kind == "name" or before.kind == "string" or before.text == ")" or before.text == "]"
    or before.text == "}")
end

--- The value of the expression that ends with token i: names, fields and constant indices; nil, false where it is
--- anything else (a call, say).
---@param tokens table[] of lexer.tokens
---@param i integer
---@param env table where names are looked up
---@return any value
---@return boolean known
function peek.value_of(tokens, i, env)
  local t = tokens[i]
  if not t then return nil, false end
  if t.kind == "string" and t.finished then return literal(t) or "", true end
  if t.kind == "name" then return name_value(tokens, i, env) end
  if t.text == ")" and tokens[i - 2] and tokens[i - 2].text == "(" and not is_call(tokens, i - 2) then
    return value_of(tokens, i - 1, env)
  end
  if t.text ~= "]" or not tokens[i - 3] or tokens[i - 2].text ~= "[" then return nil, false end
  local key = tokens[i - 1].kind == "number" and tonumber(tokens[i - 1].text)
    or tokens[i - 1].kind == "string" and literal(tokens[i - 1])
  local owner, known = value_of(tokens, i - 3, env)
  if not key or not known then return nil, false end
  -- A row of a tensor is completed as the tensor is.
  if is_tensor(owner) then return owner, true end
  return field(owner, math.tointeger(key) or key), true
end
value_of = peek.value_of

peek.field, peek.literal = field, literal

return peek
