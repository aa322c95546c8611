-- JSON from Lua values; apsis.core reads it. Text may hold any bytes: what is no UTF-8 becomes U+FFFD.

local core = require "apsis.core"

local json = {}

local type, pairs, ipairs, tostring = type, pairs, ipairs, tostring
local format, gsub, sub, byte = string.format, string.gsub, string.sub, string.byte
local concat, sort, valid = table.concat, table.sort, utf8.len
local integer = math.type

local REPLACEMENT = "\u{FFFD}"
local MOST_DEPTH = 100 -- a reader may have a limit (ours has: lib/io/json.h)

local ESCAPES = {['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t"}
local function escape(c) return ESCAPES[c] or format("\\u%04x", byte(c)) end

--- null.
json.null = core.formats.null

local ARRAY = {}
--- A list that is written as one also where it is empty.
---@param list table
---@return table list
function json.array(list) return setmetatable(list, ARRAY) end

--- The text with every byte that is no UTF-8 replaced.
---@param text string
---@return string
function json.utf8(text)
  local whole, bad = valid(text)
  if whole then return text end
  local parts, from = {}, 1
  while not whole do
    parts[#parts + 1] = sub(text, from, bad - 1)
    parts[#parts + 1] = REPLACEMENT
    from = bad + 1
    whole, bad = valid(text, from)
  end
  parts[#parts + 1] = sub(text, from)
  return concat(parts)
end

local encode

local function string_text(s) return '"' .. gsub(json.utf8(s), '[%c"\\\127]', escape) .. '"' end

local function number_text(v)
  if integer(v) == "integer" then return format("%d", v) end
  if v ~= v or v == math.huge or v == -math.huge then return "null" end
  return format("%.17g", v)
end

local function table_text(t, depth)
  if depth > MOST_DEPTH then error("json: a table is nested too deep, or in itself", 0) end
  local parts = {}
  if getmetatable(t) == ARRAY or t[1] ~= nil then
    for i, v in ipairs(t) do parts[i] = encode(v, depth + 1) end
    return "[" .. concat(parts, ", ") .. "]"
  end
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = tostring(key) end
  sort(keys) -- the same message is the same text
  for i, key in ipairs(keys) do parts[i] = string_text(key) .. ": " .. encode(t[key], depth + 1) end
  return "{" .. concat(parts, ", ") .. "}"
end

encode = function(v, depth)
  local kind = type(v)
  if kind == "string" then return string_text(v) end
  if kind == "number" then return number_text(v) end
  if kind == "boolean" then return tostring(v) end
  if kind == "table" then return table_text(v, depth) end
  if v == nil or v == json.null then return "null" end
  error("json: a " .. kind .. " has no JSON", 0)
end

--- The JSON of a value: strings, numbers (what is not finite is null), booleans, null, lists and tables with strings
--- for keys; an empty table is an object.
---@param value any
---@return string
function json.encode(value) return encode(value, 1) end

--- The value of a JSON text.
---@param text string
---@return any
json.decode = core.formats.json_decode

return json
