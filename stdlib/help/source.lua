-- The source text of functions: of the library's from its own files, of the user's from theirs or from the inputs of
-- the session.

local docs = require "apsis.help.docs"

local source = {}

local MOST_LINES = 400   -- of one definition
local COMMENT_LINES = 40 -- that may stand above one

local function lines_of(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  return lines
end

local function read(path)
  local file = io and io.open and io.open(path)
  if not file then return nil end
  local text = file:read "a"
  file:close()
  return text
end

--- The lines of a chunk, by the name that debug.getinfo gives as its source; nil where they cannot be had.
---@param name string "@file.lua", "=apsis/nn/Linear.lua", "=prompt"
---@param inputs? table<string, string[]> the lines of the session's inputs, by the name of their chunk
---@return string[]|nil
function source.lines(name, inputs)
  if inputs and inputs[name:sub(2)] then return inputs[name:sub(2)] end
  local library = name:match "^=apsis/(.*)$"
  local text
  if library then
    text = docs.text("stdlib/" .. library)
  elseif name:sub(1, 1) == "@" then
    text = read(name:sub(2))
  elseif name:sub(1, 1) ~= "=" then
    text = name -- of load
  end
  return text and lines_of(text)
end

-- The lines without the indent that they share.
local function dedent(lines)
  local least = math.huge
  for _, line in ipairs(lines) do
    if line:find "%S" then least = math.min(least, #line:match "^%s*") end
  end
  for i, line in ipairs(lines) do lines[i] = least < math.huge and line:sub(least + 1) or line end
  return table.concat(lines, "\n")
end

local function is_comment(line) return line:find "^%s*%-%-" ~= nil and not line:find "^%s*%-%-%[=*%[" end

-- The first line of the comment that stands right above a line.
local function comment_above(lines, line)
  local first = line
  while first > 1 and line - first < COMMENT_LINES and is_comment(lines[first - 1]) do first = first - 1 end
  return first
end

--- The comment above a function's definition, without the dashes; "" where there is none.
---@param f function
---@param inputs? table<string, string[]>
---@return string
function source.comment(f, inputs)
  local info = debug.getinfo(f, "S")
  local lines = source.lines(info.source, inputs)
  if not lines or not lines[info.linedefined] then return "" end
  local text = {}
  for i = comment_above(lines, info.linedefined), info.linedefined - 1 do
    text[#text + 1] = lines[i]:gsub("^%s*%-+%s?", "")
  end
  return table.concat(text, "\n")
end

--- The text of a function written in Lua, with the comment above it.
---@param f function
---@param inputs? table<string, string[]>
---@return string|nil text
---@return string where "file.lua:12", or why there is no text
function source.of_function(f, inputs)
  local info = debug.getinfo(f, "S")
  if info.what == "C" then return nil, "it is built in, written in C" end
  local where = ("%s:%d"):format(info.short_src, info.linedefined)
  local lines = source.lines(info.source, inputs)
  if not lines or not lines[info.lastlinedefined] then return nil, where .. ": the source cannot be read" end
  if info.what == "main" then return table.concat(lines, "\n"), where end
  local first = comment_above(lines, info.linedefined)
  return dedent(table.move(lines, first, info.lastlinedefined, 1, {})), where
end

-- The last line of the statement that begins at a line: where what was read compiles.
local function statement_end(lines, first)
  for last = first, math.min(first + MOST_LINES, #lines) do
    if load(table.concat(lines, "\n", first, last), "=statement", "t") then return last end
  end
  return first
end

-- The definitions of a class's methods, each with the comment above it.
local function add_methods(parts, lines, class, after)
  for i = after + 1, #lines do
    if lines[i]:find("^function " .. class .. "[.:]") or lines[i]:find("^" .. class .. "%.[%w_]+ = ") then
      parts[#parts + 1] = table.concat(lines, "\n", comment_above(lines, i), statement_end(lines, i))
    end
  end
end

--- The text that an entry of the documentation stands above: the definition with its comment; of a class all of its
--- methods.
---@param entry table
---@return string text
---@return string where
function source.of_entry(entry)
  local lines = lines_of(docs.text(entry.file))
  local first = entry.line
  while lines[first] and is_comment(lines[first]) do first = first + 1 end
  local last = lines[first]:find "%S" and statement_end(lines, first) or first - 1
  local parts = {dedent(table.move(lines, entry.line, last, 1, {}))}
  if entry.class == entry.name then add_methods(parts, lines, entry.class, last) end
  return table.concat(parts, "\n\n"), ("%s:%d"):format(entry.file:gsub("^stdlib", "apsis"), entry.line)
end

return source
