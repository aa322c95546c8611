-- Which documentation belongs to a name or to a value: functions of the library by what they are, however the user
-- came by them. Values are looked at raw (apsis.repl.peek); nothing of the user's runs.

local core = require "apsis.core"
local docs = require "apsis.help.docs"
local peek = require "apsis.repl.peek"

local names = {}

local rawget, next, getmetatable = rawget, next, debug.getmetatable

-- What the modules' names stand for, where they differ from their last part.
local LOADED = {ap = "apsis", F = "apsis.nn.functional", nn = "apsis.nn", optim = "apsis.optim", data = "apsis.data",
  io = "apsis.io", train = "apsis.train", plot = "apsis.plot"}

--- The table of a module that users call so: "nn.init"; nil where it is not loaded. It may load its parts when they are
--- first asked for, or walked through: that is the library's own code.
---@param name string
---@return table|nil
function names.module(name)
  local first, rest = name:match "^(%w+)%.?(.*)$"
  local value = first and package.loaded[LOADED[first]]
  for part in (rest or ""):gmatch "[%w_]+" do value = type(value) == "table" and rawget(value, part) or nil end
  return type(value) == "table" and value or nil
end

--- Is the value a class of apsis.class?
---@param value any
---@return boolean
function names.is_class(value)
  return type(value) == "table" and rawget(value, "__index") == value and type(rawget(value, "__name")) == "string"
end

--- The class of an object; nil where it has none.
---@param value any
---@return table|nil
function names.class_of(value)
  if type(value) ~= "table" or names.is_class(value) then return nil end
  local meta = getmetatable(value)
  return names.is_class(meta) and meta or nil
end

-- All names of a value, as "ap.cat", "ap.concat", "nn.Module:parameters".
local function all_names(value)
  local list = {}
  for _, module in ipairs(docs.MODULES) do
    for key, v in pairs(names.module(module) or {}) do
      if type(key) == "string" then
        if rawequal(v, value) then
          list[#list + 1] = module .. "." .. key
        elseif names.is_class(v) and type(value) == "function" then
          for name, method in next, v do
            if rawequal(method, value) and type(name) == "string" then
              list[#list + 1] = ("%s.%s:%s"):format(module, key, name)
            end
          end
        end
      end
    end
  end
  return list
end

-- The entry of exactly that name, or that of the function whose in-place form it is.
local function entry_of(qualified)
  local all = docs.load().by_name
  local entry = all[qualified] or all[(qualified:gsub(":(%w+)$", ".%1"))]
  if entry then return entry, false end
  local base = qualified:match "^(.*[^_])_$"
  return base and all[base], base ~= nil
end

--- The documentation of a function or a class of the library.
---@param value any
---@return table|nil entry
---@return string[] also its other names, with the first in front where there is no entry
---@return boolean in_place the entry is that of the form without _
function names.of_value(value)
  local list = all_names(value)
  -- Functions that are read at their first call (stdlib/init.lua) are in no table any more after it.
  local defined = #list == 0 and core.entry_name(value)
  if defined then list[1] = "ap." .. defined end
  table.sort(list, function(a, b) return #a < #b or #a == #b and a < b end)
  -- The entry of its own name rather than one whose in-place form it is; ap's rather than those of other modules.
  for pass = 1, 3 do
    for i, name in ipairs(list) do
      local entry, in_place = entry_of(name)
      local wanted = pass == 3 or not in_place and (pass == 2 or name:find "^ap%.")
      if entry and wanted then
        table.remove(list, i)
        if in_place then table.insert(list, 1, name) end
        return entry, list, in_place
      end
    end
  end
  return nil, list, false
end

-- "Tensor.sum", "tensor:sum": a tensor's method.
local function tensor_method(text) return text:match "^[Tt]ensor[.:]([%a_][%w_]*)$" end

-- A part behind a dot or a colon of what a name stands for.
local function part_of(text, find)
  local owner, name = text:match "^(.+)[.:]([%a_][%w_]*)$"
  if not owner then return nil end
  local value = find(owner)
  if value ~= nil then return peek.field(value, name) end
end

-- The library's own value of a name: "nn.Linear", "Linear", "ap.linalg", "optim", "Linear:forward".
local function library_value(text)
  local module = names.module(text)
  if module then return module end
  if text:find "^[%w_.]+$" then
    for _, prefix in ipairs(docs.MODULES) do
      local inner = text:sub(1, #prefix + 1) == prefix .. "." and text:sub(#prefix + 2) or text
      local value = (names.module(prefix) or {})[inner]
      if value ~= nil then return value end
    end
  end
  return part_of(text, library_value)
end

-- The value that an expression of names, fields and constant positions has in the session.
local function session_value(text, env)
  local tokens = require("apsis.repl.lexer").tokens(text)
  local n = #tokens
  local last, before = tokens[n], tokens[n - 1]
  if last and last.kind == "name" and before and before.text == ":" then
    local owner, known = peek.value_of(tokens, n - 2, env)
    if known and owner ~= nil then return peek.field(owner, last.text) end
    return nil
  end
  local value, known = peek.value_of(tokens, n, env)
  if known then return value end
end

--- What a name means: to the user in the session, else in the library.
---@param text string "conv2d", "x:sum", "nn.Linear", "Tensor.sum"
---@param env? table the session's variables
---@return any value nil where there is none, or where only documentation is known
---@return table|nil entry
function names.of_text(text, env)
  local value = session_value(text, env or _G)
  if value ~= nil then return value end
  local method = tensor_method(text)
  value = method and rawget(core, method)
  if value == nil then value = library_value(text) end
  if value ~= nil then return value end
  return nil, docs.find((text:gsub(":", "."))) or docs.find(text)
end

--- Every name that has help, for suggestions: last parts, and whole names.
---@return string[]
function names.all()
  local list, seen = {}, {}
  local function add(name)
    if not seen[name] then
      seen[name] = true
      list[#list + 1] = name
    end
  end
  for _, entry in ipairs(docs.load().entries) do
    add(entry.name)
    add(entry.qualified)
  end
  for _, module in ipairs(docs.MODULES) do add(module) end
  return list
end

return names
