-- From the text of an input to a function: an expression, statements, or statements whose last is an expression; and
-- where the input declares locals, they become the session's.

local lexer = require "apsis.repl.lexer"

local compile = {}

-- The session's locals are assigned through this name: the session's environment sets what is stored there in itself
-- and not among the globals.
compile.LOCAL = "__local"

-- The names after `local` at token i: {token, ...}, the attributes' tokens, the index of the token after them; nil
-- where they are not to be moved: <close> belongs to this input, and _ENV is no variable of the session.
local function declared(tokens, i)
  local names, attributes = {}, {}
  while true do
    local name = tokens[i]
    if not name or name.kind ~= "name" or name.text == "_ENV" then return nil end
    names[#names + 1] = name
    i = i + 1
    if tokens[i] and tokens[i].text == "<" then
      if not tokens[i + 2] or tokens[i + 1].text ~= "const" then return nil end
      attributes[#attributes + 1] = {tokens[i].at, tokens[i + 2].stop}
      i = i + 3
    end
    if not tokens[i] or tokens[i].text ~= "," then return names, attributes, i end
    i = i + 1
  end
end

-- What takes the place of a piece of the text: {first, last, replacement}.
local function edits_of(tokens, i, edits)
  local prefix = compile.LOCAL .. "."
  if tokens[i + 1] and tokens[i + 1].text == "function" then
    edits[#edits + 1] = {tokens[i].at, tokens[i].stop, ""}
    if tokens[i + 2] then edits[#edits + 1] = {tokens[i + 2].at, tokens[i + 2].at - 1, prefix} end
    return
  end
  local names, attributes, after = declared(tokens, i + 1)
  if not names then return end
  edits[#edits + 1] = {tokens[i].at, tokens[i].stop, ""}
  for _, name in ipairs(names) do edits[#edits + 1] = {name.at, name.at - 1, prefix} end
  for _, a in ipairs(attributes) do edits[#edits + 1] = {a[1], a[2], ""} end
  if not tokens[after] or tokens[after].text ~= "=" then
    local last = tokens[after - 1].stop
    edits[#edits + 1] = {last + 1, last, " = nil"}
  end
end

--- The text with the locals of its outermost block made the session's: `local x = 1` becomes `__local.x = 1`.
---@param text string
---@return string
function compile.keep_locals(text)
  if not text:find("local", 1, true) then return text end
  local tokens, depth, edits = lexer.tokens(text), 0, {}
  for i, t in ipairs(tokens) do
    if t.kind == "keyword" then
      if lexer.OPENS[t.text] then depth = depth + 1 end
      if lexer.CLOSES[t.text] then depth = depth - 1 end
      if t.text == "local" and depth == 0 then edits_of(tokens, i, edits) end
    end
  end
  table.sort(edits, function(a, b) return a[1] < b[1] end)
  local parts, at = {}, 1
  for _, e in ipairs(edits) do
    parts[#parts + 1] = text:sub(at, e[1] - 1)
    parts[#parts + 1] = e[3]
    at = e[2] + 1
  end
  return table.concat(parts) .. text:sub(at)
end

-- "return" before an expression. Where a variable is to be closed Lua makes no tail call: the input's own line stays
-- among the frames that an error tells.
local RETURN = "local __frame <close> = nil return "

local MOST_SPLITS = 200
local BEGINS_EXPRESSION = {["("] = true, ["{"] = true, ["-"] = true, ["#"] = true, ["~"] = true, ["..."] = true,
  ["function"] = true, ["not"] = true, ["nil"] = true, ["true"] = true, ["false"] = true}

-- The first that try(statements, expression) gives for a split before the last statement, an expression by its looks.
local function with_last_value(text, try)
  local tokens = lexer.tokens(text)
  for i = #tokens, math.max(2, #tokens - MOST_SPLITS), -1 do
    local t = tokens[i]
    if BEGINS_EXPRESSION[t.text] or t.kind ~= "keyword" and t.kind ~= "symbol" then
      local found = try(text:sub(1, t.at - 1), text:sub(t.at))
      if found then return found end
    end
  end
end

local IN_EXPRESSION = {["nil"] = true, ["true"] = true, ["false"] = true, ["and"] = true, ["or"] = true, ["not"] = true}

-- The same before the last statement, where that is a call. Only what stands in no block or bracket is looked at, back
-- to where the statement cannot begin any more.
local function with_last_call(text, try)
  local tokens, depth = lexer.tokens(text), 0
  for i = #tokens, 2, -1 do
    local t = tokens[i]
    if lexer.CLOSES[t.text] and t.kind ~= "string" then depth = depth + 1 end
    if depth == 0 and (t.text == "=" or t.text == ";" and i < #tokens
      or t.kind == "keyword" and not IN_EXPRESSION[t.text]) then return nil end
    if lexer.OPENS[t.text] and t.kind ~= "string" then depth = depth - 1 end
    local before = tokens[i - 1] -- what a bracket behind it calls, on a line of its own too
    local calls = before.kind == "name" or before.kind == "string" or lexer.CLOSES[before.text] and before.text ~= "end"
    if depth == 0 and (t.kind == "name" or t.text == "(" and not calls) then
      local found = try(text:sub(1, t.at - 1), text:sub(t.at))
      if found then return found end
    end
  end
end

-- A string in quotes ends with its line, unless a backslash goes before the end.
local function unfinished(message, text)
  if message:find("unfinished string", 1, true) and not text:find "\\z?%s*$" then return false end
  return message:find "<eof>'?$" ~= nil
end

local OPERATORS = {}
for word in ("+ - * / // % ^ .. == ~= < > <= >= & | ~ << >> and or not #"):gmatch "%S+" do OPERATORS[word] = true end

-- Of the messages about a text as statements and as an expression the one that got further: an expression is no
-- statement from its first word or operator on.
local function better(text, as_statement, as_expression)
  local near = as_statement:match " near '(.*)'$"
  local first = lexer.tokens(text)[1]
  local is_at_once = first and near == first.text and first.kind ~= "keyword"
  if not is_at_once and not OPERATORS[near] then return as_statement end
  return (as_expression:gsub("'?<eof>'? expected near ", "unexpected symbol near "))
end

--- A function of the input.
---@param text string
---@param line integer that it begins at, for messages
---@param env table
---@param name string of the chunk, for messages
---@return function|nil f
---@return string|boolean message where there is none; else whether the values are wanted: not after a semicolon
---@return boolean|nil unfinished whether more lines could complete it
function compile.input(text, line, env, name)
  local function try(code) return load(("\n"):rep(line - 1) .. code, "=" .. name, "t", env) end
  local f, as_expression = try(RETURN .. text)
  if f then return f, not text:find ";%s*$" end
  local message
  f, message = try(text) -- as it stands, for the message
  local function keeping(before, last)
    local code = before .. RETURN .. last
    return try(code) and try(compile.keep_locals(code))
  end
  if f then
    local last = with_last_call(text, keeping)
    return last or try(compile.keep_locals(text)) or f, not last or not text:find ";%s*$"
  end
  f = with_last_value(text, keeping)
  if f then return f, not text:find ";%s*$" end
  return nil, better(text, message, as_expression), unfinished(message, text) or
    unfinished(as_expression, text)
end

--- The text of an input that ran, as a script has it: where its values were shown, it prints them.
---@param text string
---@param shown boolean
---@return string
function compile.script(text, shown)
  local function printing(before, last)
    local code = before .. "print(" .. last .. (last:find "%-%-" and "\n)" or ")")
    return load(code) and code
  end
  if not shown then return load(text) and text or "local _ = " .. text end
  return printing("", text) or with_last_value(text, printing) or text
end

return compile
