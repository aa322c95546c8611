-- A figure on paper of pixels, by four strokes: line, rectangle, points and text. SVG and PNG are such papers:
--   paper.line(points, colour, width)   points {x1, y1, x2, y2, ...}
--   paper.rectangle(x, y, width, height, colour)
--   paper.disc(x, y, radius, colour)
--   paper.text(x, y, text, anchor)      anchor "start", "middle", "end" of the text at x; y its base line
--   paper.clip(x, y, width, height)     what follows is cut there; without arguments no longer

local colours = require "apsis.plot.colours"
local ticks = require "apsis.plot.ticks"

local INK, GRID, BOX = {60, 60, 60}, {225, 225, 225}, {120, 120, 120}
local LETTER = 7 -- pixels that a letter takes, about

local function axes(figure, paper, box, to_x, to_y)
  local x0, x1, y0, y1 = figure:limits()
  local marks, texts = ticks.of(x0, x1, math.max(2, box.width // 80))
  for i, v in ipairs(marks) do
    local x = to_x(v)
    paper.line({x, box.y, x, box.y + box.height}, GRID, 1)
    paper.text(x, box.y + box.height + 16, texts[i], "middle")
  end
  marks, texts = ticks.of(y0, y1, math.max(2, box.height // 50))
  for i, v in ipairs(marks) do
    local y = to_y(v)
    paper.line({box.x, y, box.x + box.width, y}, GRID, 1)
    paper.text(box.x - 6, y + 4, texts[i], "end")
  end
  local right, low = box.x + box.width, box.y + box.height
  paper.line({box.x, box.y, right, box.y, right, low, box.x, low, box.x, box.y}, BOX, 1)
end

local function labels(figure, paper, box)
  if figure.title then paper.text(box.x + box.width / 2, 18, figure.title, "middle") end
  if figure.ylabel then paper.text(8, box.y - 8, figure.ylabel, "start") end
  if figure.xlabel then paper.text(box.x + box.width / 2, box.y + box.height + 34, figure.xlabel, "middle") end
  local y = box.y + 16
  for i, s in ipairs(figure.series) do
    if s.label then
      local text = tostring(s.label)
      local x = box.x + box.width - 12 - LETTER * (utf8.len(text) or #text)
      paper.line({x - 24, y - 4, x - 6, y - 4}, colours.LINES[(i - 1) % #colours.LINES + 1], 3)
      paper.text(x, y, text, "start")
      y = y + 16
    end
  end
end

local function series(figure, paper, s, colour, to_x, to_y)
  local points = {}
  local function flush()
    if #points == 2 then paper.disc(points[1], points[2], 1.5, colour) end
    if #points > 2 then paper.line(points, colour, 2) end
    points = {}
  end
  for k = 1, #s.y do
    local x, y = s.x[k], s.y[k]
    if not (figure.is_finite(x) and figure.is_finite(y)) then
      flush()
    elseif s.kind == "line" then
      points[#points + 1], points[#points + 2] = to_x(x), to_y(y)
    elseif s.kind == "points" then
      paper.disc(to_x(x), to_y(y), 2.5, colour)
    else
      local left, right, top, low = to_x(x), to_x(s.x[k + 1]), to_y(math.max(y, 0)), to_y(math.min(y, 0))
      paper.rectangle(left, top, math.max(right - left - 1, 1), low - top, colour)
    end
  end
  flush()
end

--- Draws a figure of that size.
return function(figure, paper, width, height)
  local x0, x1, y0, y1 = figure:limits()
  local _, texts = ticks.of(y0, y1, math.max(2, height // 50))
  local margin = 0
  for _, text in ipairs(texts) do margin = math.max(margin, #text) end
  local box = {x = 16 + LETTER * margin, y = (figure.title or figure.ylabel) and 44 or 16}
  box.width, box.height = width - box.x - 20, height - box.y - (figure.xlabel and 46 or 28)
  local function to_x(v) return box.x + (v - x0) / (x1 - x0) * box.width end
  local function to_y(v) return box.y + (y1 - v) / (y1 - y0) * box.height end
  paper.rectangle(0, 0, width, height, {255, 255, 255})
  paper.ink = INK
  axes(figure, paper, box, to_x, to_y)
  paper.clip(box.x, box.y, box.width, box.height)
  for i, s in ipairs(figure.series) do
    series(figure, paper, s, colours.LINES[(i - 1) % #colours.LINES + 1], to_x, to_y)
  end
  paper.clip()
  labels(figure, paper, box)
end
