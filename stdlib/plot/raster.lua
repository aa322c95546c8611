-- Paper of pixels, for PNG: lines with smooth edges, letters of five by seven pixels.

local GLYPHS = require "apsis.plot.font"

local ADVANCE = 6 -- pixels from one letter to the next

-- The letters of a text, those that the font lacks as "?".
local function letters_of(text)
  local list = {}
  if not utf8.len(text) then text = text:gsub("[\128-\255]", "?") end
  for _, code in utf8.codes(text) do list[#list + 1] = GLYPHS[code] or GLYPHS[63] end
  return list
end

--- A paper of that size, see layout.lua; paper.finish() gives the pixels, three bytes each.
---@param width integer
---@param height integer
---@return table
return function(width, height)
  local red, green, blue = {}, {}, {}
  for i = 1, width * height do red[i], green[i], blue[i] = 255, 255, 255 end
  local left, top, right, low = 0, 0, width, height -- what is drawn on
  local paper = {ink = {0, 0, 0}}

  -- Puts a colour on the pixel that holds (x, y), covering a share of it.
  local function blend(x, y, colour, share)
    if x < left or y < top or x >= right or y >= low then return end
    local i = y * width + x + 1
    red[i] = red[i] + (colour[1] - red[i]) * share
    green[i] = green[i] + (colour[2] - green[i]) * share
    blue[i] = blue[i] + (colour[3] - blue[i]) * share
  end

  -- Covers the pixels within `radius` of a segment, the ones at the edge in part. `done` holds what other segments of
  -- the same line covered already, so that joints are not drawn twice.
  local function segment(x0, y0, x1, y1, colour, radius, done)
    local dx, dy = x1 - x0, y1 - y0
    local square = dx * dx + dy * dy
    local reach = radius + 1
    local ya = math.floor(math.max(math.min(y0, y1) - reach, top))
    local yb = math.ceil(math.min(math.max(y0, y1) + reach, low))
    for y = ya, yb do
      local xa, xb = math.min(x0, x1) - reach, math.max(x0, x1) + reach
      if math.abs(dy) > 1e-9 then -- where the segment passes this row
        local t0, t1 = (y - 1 - reach - y0) / dy, (y + 1 + reach - y0) / dy
        if t0 > t1 then t0, t1 = t1, t0 end
        t0, t1 = math.max(t0, 0), math.min(t1, 1)
        xa = math.max(xa, math.min(x0 + t0 * dx, x0 + t1 * dx) - reach)
        xb = math.min(xb, math.max(x0 + t0 * dx, x0 + t1 * dx) + reach)
      end
      for x = math.floor(math.max(xa, left)), math.ceil(math.min(xb, right)) do
        local px, py = x + 0.5 - x0, y + 0.5 - y0
        local t = square > 0 and math.min(math.max((px * dx + py * dy) / square, 0), 1) or 0
        local ex, ey = px - t * dx, py - t * dy
        local share = math.min(math.max(radius + 0.5 - math.sqrt(ex * ex + ey * ey), 0), 1)
        local i = y * width + x
        local more = share - (done[i] or 0)
        if more > 0 then
          blend(x, y, colour, more / (1 - (done[i] or 0)))
          done[i] = share
        end
      end
    end
  end

  function paper.line(points, colour, thickness)
    local done = {}
    for i = 1, #points - 3, 2 do
      local x0, y0, x1, y1 = table.unpack(points, i, i + 3)
      if thickness == 1 and (x0 == x1 or y0 == y1) then -- a sharp line where one pixel is meant
        x0, x1, y0, y1 = math.floor(x0) + 0.5, math.floor(x1) + 0.5, math.floor(y0) + 0.5, math.floor(y1) + 0.5
      end
      segment(x0, y0, x1, y1, colour, thickness / 2, done)
    end
  end

  function paper.disc(x, y, radius, colour) segment(x, y, x, y, colour, radius, {}) end

  function paper.rectangle(x, y, w, h, colour)
    for row = math.floor(y + 0.5), math.floor(y + h + 0.5) - 1 do
      for column = math.floor(x + 0.5), math.floor(x + w + 0.5) - 1 do blend(column, row, colour, 1) end
    end
  end

  function paper.text(x, y, text, anchor)
    local letters = letters_of(tostring(text))
    local long = #letters * ADVANCE
    x = math.floor(anchor == "middle" and x - long / 2 or anchor == "end" and x - long or x)
    y = math.floor(y) - 7
    for i, glyph in ipairs(letters) do
      for column = 0, 4 do
        local bits = glyph >> (8 * (4 - column)) & 0xFF
        for row = 0, 7 do
          if bits >> row & 1 == 1 then blend(x + (i - 1) * ADVANCE + column, y + row, paper.ink, 1) end
        end
      end
    end
  end

  function paper.clip(x, y, w, h)
    left, top, right, low = 0, 0, width, height
    if x then left, top, right, low = math.floor(x), math.floor(y), math.ceil(x + w), math.ceil(y + h) end
  end

  function paper.finish()
    local rows, floor, char = {}, math.floor, string.char
    for y = 0, height - 1 do
      local row = {}
      for x = 1, width do
        local i = y * width + x
        row[x] = char(floor(red[i] + 0.5), floor(green[i] + 0.5), floor(blue[i] + 0.5))
      end
      rows[y + 1] = table.concat(row)
    end
    return table.concat(rows)
  end

  return paper
end
