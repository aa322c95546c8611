-- Text for a terminal: paragraphs and lists wrapped to its width, Lua code in colours. Words may hold colour sequences
-- already; they take no room.

local terminal = require "apsis.terminal"
local width = terminal.width

local layout = {}

-- The first part of a word that fits, and the rest; at least one letter.
local function split(word, room)
  local stop = 1
  for at in word:gmatch "()[\1-\127\194-\244][\128-\191]*" do
    if at > 1 and width(word:sub(1, at - 1)) > room then break end
    stop = at
  end
  stop = math.max(stop, 2)
  return word:sub(1, stop - 1), word:sub(stop)
end

--- The words of a text in lines of at most `room` columns.
---@param text string
---@param room integer
---@return string[]
function layout.wrap(text, room)
  local lines, line, used = {}, {}, 0
  room = math.max(room, 1)
  local function flush()
    if #line > 0 then lines[#lines + 1] = table.concat(line, " ") end
    line, used = {}, 0
  end
  for word in text:gmatch "%S+" do
    local w = width(word)
    if used > 0 and used + 1 + w > room then flush() end
    if w > room then word = word:gsub("\27%[[%d;]*m", "") end -- cut without its colours
    while w > room do
      local part
      part, word = split(word, room)
      lines[#lines + 1] = part
      w = width(word)
    end
    line[#line + 1] = word
    used = used + (used > 0 and 1 or 0) + w
  end
  flush()
  return lines
end

local WORDS = {keyword = "word", string = "string", number = "number", comment = "note"}

--- Lua code in colours, line by line: a pager forgets colours at the end of a line.
---@param code string
---@param paint fun(kind: string, text: string): string
---@return string
function layout.highlight(code, paint)
  local parts, at = {}, 1
  for _, t in ipairs(require("apsis.repl.lexer").tokens(code, true)) do
    local kind = WORDS[t.kind]
    if kind then
      parts[#parts + 1] = code:sub(at, t.at - 1)
      parts[#parts + 1] = code:sub(t.at, t.stop):gsub("[^\n]+", function(line) return paint(kind, line) end)
      at = t.stop + 1
    end
  end
  parts[#parts + 1] = code:sub(at)
  return table.concat(parts)
end

--- A page to add to: page.lines are its lines.
---@param options {colours: integer, columns: integer}
---@return table
function layout.page(options)
  local paint = require("apsis.repl.show").painter(options.colours or 0)
  local room = math.max(math.min(options.columns or 80, layout.WIDEST), layout.NARROWEST)
  local page = {lines = {}, paint = paint, room = room}

  local function add(line) page.lines[#page.lines + 1] = line end

  -- Code in backquotes takes a colour in place of them, where there are colours.
  local function inline(text)
    if (options.colours or 0) == 0 then return text end
    return (text:gsub("`([^`]+)`", function(code)
      return (code:gsub("%S+", function(word) return paint("key", word) end))
    end))
  end

  function page.blank()
    if #page.lines > 0 and page.lines[#page.lines] ~= "" then add "" end
  end

  function page.heading(text) add(paint("name", text)) end

  -- A paragraph; `first` begins its first line, in place of the indent.
  function page.paragraph(text, indent, first)
    local margin = (" "):rep(indent or 0)
    local lines = layout.wrap(inline(text), room - (indent or 0))
    if first and #lines == 0 then add(first) end
    for i, line in ipairs(lines) do add((i == 1 and first or margin) .. line) end
  end

  -- Rows of a name and a text; the texts begin in one column, below the name where that is long.
  function page.rows(rows, indent)
    local wide = 0
    local most = math.max(8, room // 3)
    for _, row in ipairs(rows) do
      local w = width(row[1])
      if w <= most then wide = math.max(wide, w) end
    end
    local at = indent + wide + 2
    for _, row in ipairs(rows) do
      local w = width(row[1])
      local head = (" "):rep(indent) .. paint("key", row[1])
      if w > wide then
        page.paragraph(head, indent + 2, (" "):rep(indent))
        page.paragraph(row[2], at)
      else
        page.paragraph(row[2], at, head .. (row[2] ~= "" and (" "):rep(wide - w + 2) or ""))
      end
      if row.below then row.below(indent + 2) end
    end
  end

  function page.code(code, indent)
    local margin = (" "):rep(indent)
    for line in (layout.highlight(code, paint) .. "\n"):gmatch "(.-)\n" do add(line == "" and "" or margin .. line) end
  end

  function page.text() return table.concat(page.lines, "\n") end

  return page
end

layout.WIDEST, layout.NARROWEST = 100, 24 -- columns that a page takes

return layout
