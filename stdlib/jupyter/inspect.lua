-- What help knows about the name at a cursor: its documentation, its value, its source.

local help = require "apsis.help"
local lexer = require "apsis.repl.lexer"

local LOOK = {colours = 0, columns = 100}

-- The tokens' index of the name that the cursor is in or right behind.
local function name_at(tokens, cursor)
  for i, t in ipairs(tokens) do
    if t.kind == "name" and t.at - 1 <= cursor and cursor <= t.stop then return i end
  end
end

-- The index of the name before the bracket that is open at the cursor.
local function callee_at(tokens, cursor)
  local depth = 0
  for i = #tokens, 1, -1 do
    local t = tokens[i]
    if t.at - 1 < cursor then
      if t.text == ")" or t.text == "}" or t.text == "]" then depth = depth + 1 end
      if t.text == "(" or t.text == "{" or t.text == "[" then
        if depth == 0 and t.text ~= "[" and tokens[i - 1] and tokens[i - 1].kind == "name" then return i - 1 end
        depth = depth > 0 and depth - 1 or 0
      end
    end
  end
end

-- The path that ends with token i: "ap.nn.Linear".
local function path_of(tokens, i)
  local path = tokens[i].text
  while tokens[i - 2] and (tokens[i - 1].text == "." or tokens[i - 1].text == ":") and tokens[i - 2].kind == "name" do
    path = tokens[i - 2].text .. tokens[i - 1].text .. path
    i = i - 2
  end
  return path
end

--- The text about the name at a cursor; nil where nothing is known.
---@param code string
---@param cursor integer bytes before it
---@param wants_source boolean
---@param session Session
---@return string|nil
return function(code, cursor, wants_source, session)
  local tokens = lexer.tokens(code)
  local i = name_at(tokens, cursor) or callee_at(tokens, cursor)
  if not i then return nil end
  local path = path_of(tokens, i)
  local text = help.text(path, LOOK, session)
  local source = text and wants_source and help.source(path, session)
  return source and text .. "\n\n" .. source or text
end
