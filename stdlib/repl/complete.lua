-- What could stand at the cursor: names, fields, methods, keys, modules, files, commands. Values are looked at raw:
-- tables by rawget and next, metatables only where their __index is a table; no function is called and no metamethod
-- runs, so completing never changes the session.

local lexer = require "apsis.repl.lexer"
local core = require "apsis.core"

local rawget, next, type, getmetatable, getupvalue = rawget, next, type, debug.getmetatable, debug.getupvalue
local getuservalue = debug.getuservalue

local CODE_BREAKS = " \t\n\"'`@$><=;|&{(:.,+-*/%^#~[])}!?\\"
local MOST_STEPS = 32      -- of a chain of __index tables
local GRADIENT = 2         -- the user value of a tensor that holds its gradient (lib/bind/state.h)
local METHODS, FIELDS = 2, 3 -- upvalues of the tensors' __index (lib/bind/tensor.c)
local TRANSPOSES = {T = true, mT = true, H = true, mH = true}

-- The library's modules that users ask for, loaded or not.
local MODULES = {"apsis", "apsis.autograd", "apsis.class", "apsis.data", "apsis.io", "apsis.nn", "apsis.nn.functional",
  "apsis.nn.init", "apsis.nn.utils", "apsis.optim", "apsis.optim.lr_scheduler", "apsis.plot", "apsis.print",
  "apsis.train", "apsis.train.metrics"}

-- --- looking at values -------------------------------------------------------------------------------------------

local function is_tensor(value) return type(value) == "userdata" and getmetatable(value) == core.tensor_meta end

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

-- value.key without running anything; nil where that cannot be known.
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

local function is_callable(value)
  if type(value) == "function" then return true end
  local meta = getmetatable(value)
  return type(meta) == "table" and rawget(meta, "__call") ~= nil
end

-- Calls visit(name, value) for every field with a string for its name; value is nil where it is loaded or computed at
-- its first use.
local function each_field(value, visit)
  if is_tensor(value) then
    for name, method in next, upvalue(METHODS) do visit(name, method) end
    for name in next, upvalue(FIELDS) do visit(name, nil) end
    return
  end
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

-- --- the expression before the cursor ----------------------------------------------------------------------------

-- The string that a literal stands for, where it has no escapes.
local function literal(token)
  local text = token.text:match "^[\"'](.*)[\"']$" or token.text:match "^%[=*%[(.*)%]=*%]$"
  return text and not text:find "\\" and text or nil
end

-- The value of the expression that ends with token i: names, fields and constant indices; nil, false where it is
-- anything else (a call, say).
local function value_of(tokens, i, env)
  local t = tokens[i]
  if not t then return nil, false end
  if t.kind == "string" and t.finished then return literal(t) or "", true end
  if t.kind == "name" then
    local before = tokens[i - 1] and tokens[i - 1].text
    if before == "." then
      local owner, known = value_of(tokens, i - 2, env)
      if not known then return nil, false end
      return field(owner, t.text), true
    end
    if before == ":" then return nil, false end
    return field(env, t.text), true
  end
  if t.text == ")" and tokens[i - 2] and tokens[i - 2].text == "(" then return value_of(tokens, i - 1, env) end
  if t.text ~= "]" or not tokens[i - 3] or tokens[i - 2].text ~= "[" then return nil, false end
  local key = tokens[i - 1].kind == "number" and tonumber(tokens[i - 1].text)
    or tokens[i - 1].kind == "string" and literal(tokens[i - 1])
  local owner, known = value_of(tokens, i - 3, env)
  if not key or not known then return nil, false end
  -- A row of a tensor is completed as the tensor is.
  if is_tensor(owner) then return owner, true end
  return field(owner, math.tointeger(key) or key), true
end

-- --- lists of matches --------------------------------------------------------------------------------------------

-- Names that begin with an underscore are offered only to who types one.
local function collector(prefix)
  local list = {}
  return list, function(name)
    local hidden = name:sub(1, 1) == "_" and prefix:sub(1, 1) ~= "_"
    if name:sub(1, #prefix) == prefix and not hidden and name:find "^[%a_][%w_]*$" and name ~= "__local" then
      list[#list + 1] = name
    end
  end
end

local function fields_of(value, prefix, only_methods)
  local list, add = collector(prefix)
  each_field(value, function(name, v)
    if not only_methods or v ~= nil and is_callable(v) then add(name) end
  end)
  return table.concat(list, "\n")
end

local function names_in_scope(env, prefix)
  local list, add = collector(prefix)
  each_field(env, add)
  for word in next, lexer.KEYWORDS do add(word) end
  return table.concat(list, "\n")
end

local function modules(prefix)
  local list, seen = {}, {}
  local function add(name)
    if type(name) == "string" and not seen[name] and name:sub(1, #prefix) == prefix and not name:find "[^%w._]" then
      seen[name] = true
      list[#list + 1] = name
    end
  end
  for _, name in ipairs(MODULES) do add(name) end
  for name in next, package.loaded do
    if type(name) == "string" and not name:find "^apsis" then add(name) end
  end
  for name in next, package.preload do add(name) end
  return table.concat(list, "\n")
end

-- --- where the cursor is -----------------------------------------------------------------------------------------

-- In the string that is the last token: a module's name, a key or a file.
local function in_string(tokens, env)
  local n = #tokens
  local quote = tokens[n].text:sub(1, 1)
  local prefix = tokens[n].text:sub(2)
  local before, further = tokens[n - 1], tokens[n - 2]
  if quote == "[" then return CODE_BREAKS end
  local function calls(name) return before and (before.text == name or before.text == "(" and further
    and further.text == name) end
  if calls "require" then return quote, modules(prefix), quote end
  if before and before.text == "[" and n > 2 then
    local owner, known = value_of(tokens, n - 2, env)
    if known and not is_tensor(owner) then
      local keys = {}
      each_field(owner, function(name)
        if not name:find "[%c\\\"']" then keys[#keys + 1] = name end
      end)
      return quote, table.concat(keys, "\n"), quote
    end
  end
  return quote, true, quote
end

local function in_code(text, tokens, env)
  local last = tokens[#tokens]
  local n, prefix = #tokens, ""
  if last and (last.kind == "name" or last.kind == "keyword") and last.stop == #text then
    prefix, n = last.text, n - 1
  elseif last and last.kind == "number" and last.stop == #text then
    return CODE_BREAKS
  end
  local dot = tokens[n] and tokens[n].text
  if dot ~= "." and dot ~= ":" then return CODE_BREAKS, names_in_scope(env, prefix) end
  local value, known = value_of(tokens, n - 1, env)
  if not known or value == nil then return CODE_BREAKS end
  return CODE_BREAKS, fields_of(value, prefix, dot == ":")
end

-- The text of a command's line: its name, or its argument.
local function in_command(line, env)
  local name = line:match "^%%(%a*)$"
  if name then
    local list = {}
    for _, command in ipairs(require("apsis.repl.commands").names()) do list[#list + 1] = "%" .. command end
    return " \t", table.concat(list, "\n"), " "
  end
  local command, argument = line:match "^%%(%a+)%s+(.*)$"
  if command == "run" or command == "load" or command == "save" or command == "edit" then return " \t", true, " " end
  if not argument then return " \t" end
  return in_code(argument, lexer.tokens(argument), env)
end

--- See repl.complete.
return function(line, pending, env)
  if not pending then
    local start = line:match "^%s*()"
    local first = line:sub(start, start)
    if first == "%" then return in_command(line:sub(start), env) end
    if first == "!" then return " \t", true, " " end
    if first == "?" then line = (" "):rep(#line:match "^%s*%?+") .. line:match "^%s*%?+(.*)$" end
  end
  local text = pending and pending .. "\n" .. line or line
  local tokens = lexer.tokens(text, true)
  local last = tokens[#tokens]
  if last and last.stop == #text and last.kind == "comment" then return CODE_BREAKS end
  if last and last.kind == "string" and not last.finished then return in_string(tokens, env) end
  for i = #tokens, 1, -1 do
    if tokens[i].kind == "comment" then table.remove(tokens, i) end
  end
  return in_code(text, tokens, env)
end
