-- The logo: an orbit, the body that it goes round in a focus, and the two apsides.

local core = require "apsis.core"

local logo = {}

-- In a square from 0 to 64.
local CENTRE, LONG, SHORT, TILT = 32, 26, 17, math.rad(-32) -- of the ellipse: middle, half axes, angle
local STROKE = 3.2
local INK, BODY, APSIS = {38, 70, 120}, {238, 155, 38}, {203, 60, 74}

-- A point on the long axis, at a distance from the middle.
local function on_axis(distance)
  return CENTRE + distance * math.cos(TILT), CENTRE + distance * math.sin(TILT)
end

local FOCUS = math.sqrt(LONG ^ 2 - SHORT ^ 2)

-- x, y, radius, colour; drawn in this order.
local function discs()
  local list = {}
  for _, d in ipairs {{FOCUS, 6.5, BODY}, {LONG, 4.2, APSIS}, {-LONG, 4.2, APSIS}} do
    local x, y = on_axis(d[1])
    list[#list + 1] = {x = x, y = y, radius = d[2], colour = d[3]}
  end
  return list
end

--- The logo as SVG.
---@return string
function logo.svg()
  local function hex(c) return ("#%02x%02x%02x"):format(c[1], c[2], c[3]) end
  local parts = {('<ellipse cx="%g" cy="%g" rx="%g" ry="%g" transform="rotate(%g %g %g)" fill="none" stroke="%s" '
    .. 'stroke-width="%g"/>'):format(CENTRE, CENTRE, LONG, SHORT, math.deg(TILT), CENTRE, CENTRE, hex(INK), STROKE)}
  for _, d in ipairs(discs()) do
    parts[#parts + 1] = ('<circle cx="%.2f" cy="%.2f" r="%g" fill="%s"/>'):format(d.x, d.y, d.radius, hex(d.colour))
  end
  return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" width="64" height="64">\n%s\n</svg>\n'):format(
    table.concat(parts, "\n"))
end

-- The distance from the line of the ellipse, near enough close to it: the function over the length of its gradient.
local function ellipse_distance(x, y)
  local dx, dy = x - CENTRE, y - CENTRE
  local u = (dx * math.cos(TILT) + dy * math.sin(TILT)) / LONG
  local v = (dy * math.cos(TILT) - dx * math.sin(TILT)) / SHORT
  local r = math.sqrt(u * u + v * v)
  local slope = math.sqrt((u / LONG) ^ 2 + (v / SHORT) ^ 2) / math.max(r, 1e-9)
  return math.abs(r - 1) / slope
end

-- How much of a pixel, `scale` wide, something covers whose edge is at that distance (positive: outside).
local function cover(distance, scale) return math.min(math.max(0.5 - distance / scale, 0), 1) end

-- A colour over what is there; alpha from 0 to 1.
local function blend(pixel, colour, alpha)
  local under = pixel[4] * (1 - alpha)
  local sum = under + alpha
  if sum == 0 then return end
  for k = 1, 3 do pixel[k] = (pixel[k] * under + colour[k] * alpha) / sum end
  pixel[4] = sum
end

local function pixel_at(x, y, scale, round)
  local pixel = {0, 0, 0, 0}
  blend(pixel, INK, cover(ellipse_distance(x, y) - STROKE / 2, scale))
  for _, d in ipairs(round) do
    blend(pixel, d.colour, cover(math.sqrt((x - d.x) ^ 2 + (y - d.y) ^ 2) - d.radius, scale))
  end
  local function byte(v) return math.floor(v + 0.5) end
  return string.char(byte(pixel[1]), byte(pixel[2]), byte(pixel[3]), byte(255 * pixel[4]))
end

--- The logo as a PNG file's bytes.
---@param size integer pixels of a side
---@return string
function logo.png(size)
  local scale, round, pixels = 64 / size, discs(), {}
  for row = 0, size - 1 do
    for column = 0, size - 1 do
      pixels[#pixels + 1] = pixel_at((column + 0.5) * scale, (row + 0.5) * scale, scale, round)
    end
  end
  return core.formats.encode_png(size, size, 4, table.concat(pixels))
end

return logo
