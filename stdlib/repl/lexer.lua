-- Lua's tokens, of text that may be unfinished or wrong: what the prompt needs to know where locals are declared, how
-- deep a line lies and whether the cursor is in a string.

local lexer = {}

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true
until while]]):gmatch "%a+" do KEYWORDS[word] = true end
lexer.KEYWORDS = KEYWORDS

local SYMBOLS = {["..."] = true, [".."] = true, ["=="] = true, ["~="] = true, ["<="] = true, [">="] = true,
  ["//"] = true, ["<<"] = true, [">>"] = true, ["::"] = true}

-- The end of a string in quotes that begins at i, and whether it is finished.
local function quoted(text, i)
  local quote = text:sub(i, i)
  local at = i + 1
  while true do
    local stop = text:find("[\\\n" .. quote .. "]", at)
    if not stop then return #text, false end
    local c = text:sub(stop, stop)
    if c == quote then return stop, true end
    if c == "\n" then return stop - 1, false end
    if text:sub(stop + 1, stop + 1) == "z" then
      at = text:find("%S", stop + 2) or #text + 1
    else
      at = stop + 2
    end
  end
end

-- The end of what a long bracket begins at i, and whether it is finished; nil where there is none.
local function long(text, i)
  local level = text:match("^%[(=*)%[", i)
  if not level then return nil end
  local _, stop = text:find("]" .. level .. "]", i, true)
  return stop or #text, stop ~= nil
end

local function number_end(text, i)
  local _, stop = text:find("^0[xX][%x.]*", i)
  local exponent = "^[pP][+-]?%d*"
  if not stop then
    _, stop = text:find("^[%d.]+", i)
    exponent = "^[eE][+-]?%d*"
  end
  local _, further = text:find(exponent, stop + 1)
  return further or stop
end

-- kind, last position, finished of the token at i.
local function token_at(text, i)
  local c = text:sub(i, i)
  local _, stop = text:find("^[%a_][%w_]*", i)
  if stop then return KEYWORDS[text:sub(i, stop)] and "keyword" or "name", stop, true end
  if text:find("^%.?%d", i) then return "number", number_end(text, i), true end
  if text:sub(i, i + 1) == "--" then
    local last, finished = long(text, i + 2)
    if last then return "comment", last, finished end
    return "comment", (text:find("\n", i, true) or #text + 1) - 1, true
  end
  if c == '"' or c == "'" then
    local last, finished = quoted(text, i)
    return "string", last, finished
  end
  if c == "[" then
    local last, finished = long(text, i)
    if last then return "string", last, finished end
  end
  for n = 3, 2, -1 do
    if SYMBOLS[text:sub(i, i + n - 1)] then return "symbol", i + n - 1, true end
  end
  return "symbol", i, true
end

--- The tokens of a text; comments only on request.
---@param text string
---@param comments? boolean
---@return {kind: string, text: string, at: integer, stop: integer, line: integer, finished: boolean}[]
function lexer.tokens(text, comments)
  local tokens, i, line, counted = {}, 1, 1, 1
  while true do
    i = text:find("%S", i)
    if not i then return tokens end
    for _ in text:sub(counted, i - 1):gmatch "\n" do line = line + 1 end
    counted = i
    local kind, stop, finished = token_at(text, i)
    if kind ~= "comment" or comments then
      tokens[#tokens + 1] = {kind = kind, text = text:sub(i, stop), at = i, stop = stop, line = line,
        finished = finished}
    end
    i = stop + 1
  end
end

local OPENS = {["do"] = true, ["function"] = true, ["if"] = true, ["repeat"] = true, ["("] = true, ["["] = true,
  ["{"] = true}
local CLOSES = {["end"] = true, ["until"] = true, [")"] = true, ["]"] = true, ["}"] = true}
local BETWEEN = {["else"] = true, ["elseif"] = true}
lexer.OPENS, lexer.CLOSES = OPENS, CLOSES

-- The lines of the brackets and blocks that are open at the end of the text, outermost first; nil within a string or
-- comment.
local function open_lines(text)
  local open = {}
  for _, t in ipairs(lexer.tokens(text, true)) do
    if not t.finished then return nil end
    if t.kind == "keyword" or t.kind == "symbol" then
      if CLOSES[t.text] then open[#open] = nil end
      if OPENS[t.text] then open[#open + 1] = t.line end
    end
  end
  return open
end

-- Several that one line opened indent by one step.
local function steps(open)
  local n, last = 0, nil
  for _, line in ipairs(open) do
    if line ~= last then n = n + 1 end
    last = line
  end
  return n
end

--- The blanks that the line after `text` begins with.
---@param text string
---@return string
function lexer.indentation(text)
  return ("  "):rep(steps(open_lines(text) or {}))
end

--- The line, where it begins by closing what `text` opened, moved to the left of that; else nil.
---@param text string
---@param line string
---@return string|nil
function lexer.outdent(text, line)
  local open = open_lines(text)
  if not open then return nil end
  local closes = false
  for _, t in ipairs(lexer.tokens(line)) do
    if BETWEEN[t.text] and not closes then
      closes, open[#open] = true, nil
      break
    end
    if not CLOSES[t.text] then break end
    closes, open[#open] = true, nil
  end
  if not closes then return nil end
  local moved = ("  "):rep(steps(open)) .. line:match "^%s*(.*)$"
  return moved ~= line and moved or nil
end

return lexer
