-- A figure in a terminal: braille letters have two by four dots, so a plot of 60 letters is 120 dots wide. A letter has
-- one colour, that of the line that came last.

local colours = require "apsis.plot.colours"
local ticks = require "apsis.plot.ticks"
local terminal = require "apsis.terminal"

local ROWS, MOST_COLUMNS, LEAST_COLUMNS = 15, 72, 8
local DOTS = {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}} -- by column, row: Unicode's numbering
local BLANK = 0x2800

-- --- the canvas --------------------------------------------------------------------------------------------------

local function new_canvas(columns, rows)
  local canvas = {columns = columns, rows = rows, dots = {}, owner = {}}
  for i = 1, columns * rows do canvas.dots[i] = 0 end
  return canvas
end

-- A dot at column x, row y, from 0 at the upper left.
local function dot(canvas, x, y, owner)
  if x < 0 or y < 0 or x >= 2 * canvas.columns or y >= 4 * canvas.rows then return end
  local cell = (y // 4) * canvas.columns + x // 2 + 1
  canvas.dots[cell] = canvas.dots[cell] | DOTS[x % 2 + 1][y % 4 + 1]
  canvas.owner[cell] = owner
end

local function clip(p, q, d, t0, t1)
  -- Liang and Barsky (1984): one edge.
  if p == 0 then return q >= 0 and t0 or 2, t1 end
  local t = q / p
  if p < 0 then return math.max(t0, t), t1 end
  return t0, math.min(t1, t), d
end

-- A straight line between two places, the part of it that is on the canvas.
local function line(canvas, x0, y0, x1, y1, owner)
  local w, h = 2 * canvas.columns - 1, 4 * canvas.rows - 1
  local dx, dy, t0, t1 = x1 - x0, y1 - y0, 0, 1
  t0, t1 = clip(-dx, x0, nil, t0, t1)
  t0, t1 = clip(dx, w - x0, nil, t0, t1)
  t0, t1 = clip(-dy, y0, nil, t0, t1)
  t0, t1 = clip(dy, h - y0, nil, t0, t1)
  if t0 > t1 then return end
  x0, y0, x1, y1 = x0 + t0 * dx, y0 + t0 * dy, x0 + t1 * dx, y0 + t1 * dy
  local steps = math.max(1, math.ceil(math.max(math.abs(x1 - x0), math.abs(y1 - y0))))
  for i = 0, steps do
    local t = i / steps
    dot(canvas, math.floor(x0 + t * (x1 - x0) + 0.5), math.floor(y0 + t * (y1 - y0) + 0.5), owner)
  end
end

local function draw_series(canvas, s, i, to_x, to_y, is_finite)
  local px, py
  for k = 1, #s.y do
    local x, y = s.x[k], s.y[k]
    local ok = is_finite(x) and is_finite(y)
    if ok and s.kind == "line" then
      local cx, cy = to_x(x), to_y(y)
      line(canvas, px or cx, py or cy, cx, cy, i)
      px, py = cx, cy
    elseif ok and s.kind == "points" then
      dot(canvas, math.floor(to_x(x) + 0.5), math.floor(to_y(y) + 0.5), i)
    elseif ok and y ~= 0 then
      local left, right = math.floor(to_x(x) + 0.5), math.floor(to_x(s.x[k + 1]) + 0.5)
      for column = left, math.max(left, right - 1) do line(canvas, column, to_y(0), column, to_y(y), i) end
    end
    if not ok then px, py = nil, nil end
  end
end

-- The canvas's rows as text.
local function rows_of(canvas, depth)
  local rows = {}
  for y = 0, canvas.rows - 1 do
    local parts, current = {}, nil
    for x = 1, canvas.columns do
      local cell = y * canvas.columns + x
      local bits = canvas.dots[cell]
      local owner = bits ~= 0 and depth > 0 and canvas.owner[cell] or nil
      if owner ~= current then
        if current then parts[#parts + 1] = "\27[0m" end
        if owner then parts[#parts + 1] = colours.line_sequence(depth, owner) end
        current = owner
      end
      parts[#parts + 1] = bits == 0 and " " or utf8.char(BLANK + bits)
    end
    if current then parts[#parts + 1] = "\27[0m" end
    rows[y + 1] = table.concat(parts)
  end
  return rows
end

-- --- around it ---------------------------------------------------------------------------------------------------

local function centred(text, columns)
  return (" "):rep(math.max(0, (columns - terminal.width(text)) // 2)) .. text
end

-- The marks' texts under the x axis, each centred under its place, those that would touch left out.
local function x_texts(marks, texts, to_x, columns)
  local row, used = "", -1
  for i, v in ipairs(marks) do
    local middle = math.floor(to_x(v) / 2)
    local start = math.min(math.max(0, middle - #texts[i] // 2), columns - #texts[i])
    if start > used then
      row = row .. (" "):rep(start - #row) .. texts[i]
      used = #row
    end
  end
  return row
end

local function legend(self, depth)
  local parts = {}
  for i, s in ipairs(self.series) do
    if s.label then
      local mark = depth > 0 and colours.line_sequence(depth, i) .. "⠒⠒\27[0m " or i .. ": "
      parts[#parts + 1] = mark .. tostring(s.label)
    end
  end
  return #parts > 0 and table.concat(parts, "   ") or nil
end

--- The figure as lines of text.
return function(self, options)
  local depth, room = options.colours or 0, math.min(options.columns or 80, MOST_COLUMNS + 10)
  local x0, x1, y0, y1 = self:limits()
  local rows = options.rows or ROWS
  local y_marks, y_texts = ticks.of(y0, y1, math.max(2, rows // 3))
  local margin = 0
  for _, text in ipairs(y_texts) do margin = math.max(margin, #text) end
  local columns = math.max(LEAST_COLUMNS, room - margin - 3)
  local canvas = new_canvas(columns, rows)
  local function to_x(v) return (v - x0) / (x1 - x0) * (2 * columns - 1) end
  local function to_y(v) return (y1 - v) / (y1 - y0) * (4 * rows - 1) end
  for i, s in ipairs(self.series) do draw_series(canvas, s, i, to_x, to_y, self.is_finite) end

  local lines, blank = {}, (" "):rep(margin)
  if self.title then lines[1] = blank .. "  " .. centred(self.title, columns) end
  if self.ylabel then lines[#lines + 1] = blank .. " " .. self.ylabel end
  local at = {}
  for i, v in ipairs(y_marks) do at[math.floor(to_y(v) / 4 + 0.5 / 4)] = y_texts[i] end
  for y, row in ipairs(rows_of(canvas, depth)) do
    local text = at[y - 1]
    lines[#lines + 1] = (text and (" "):rep(margin - #text) .. text .. " ┤" or blank .. " │") .. row
  end
  local x_marks, texts = ticks.of(x0, x1, math.max(3, columns // 8))
  local axis = {}
  for i = 1, columns do axis[i] = "─" end
  for _, v in ipairs(x_marks) do axis[math.min(columns, math.floor(to_x(v) / 2) + 1)] = "┬" end
  lines[#lines + 1] = blank .. " └" .. table.concat(axis)
  lines[#lines + 1] = blank .. "  " .. x_texts(x_marks, texts, to_x, columns)
  if self.xlabel then lines[#lines + 1] = blank .. "  " .. centred(self.xlabel, columns) end
  local names = legend(self, depth)
  if names then lines[#lines + 1] = blank .. "  " .. names end
  for i, text in ipairs(lines) do lines[i] = text:gsub(" +$", "") end
  return table.concat(lines, "\n")
end
