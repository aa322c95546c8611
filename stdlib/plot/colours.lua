-- Colours of lines and images, as {red, green, blue} in 0..255, and the sequences that make a terminal show them.

local colours = {}

--- Lines, in their order; they differ also for the colour-blind. Source: Okabe and Ito, Color Universal Design (2008).
colours.LINES = {{0, 114, 178}, {230, 159, 0}, {0, 158, 115}, {204, 121, 167}, {86, 180, 233}, {213, 94, 0},
  {240, 228, 66}}

-- The terminal's own colours for the same lines, where it has only 16.
local LINES_16 = {34, 33, 32, 35, 36, 31, 93}

-- Matplotlib's viridis at nine points. Source: https://bids.github.io/colormap.
local VIRIDIS = {{68, 1, 84}, {71, 45, 123}, {59, 82, 139}, {44, 114, 142}, {33, 145, 140}, {40, 174, 128},
  {94, 201, 98}, {173, 220, 48}, {253, 231, 37}}

--- The colour map's colour at v in [0, 1].
---@param map string "viridis" or "gray"
---@param v number
---@return integer red
---@return integer green
---@return integer blue
function colours.map(map, v)
  v = v ~= v and 0 or math.min(math.max(v, 0), 1)
  if map == "gray" then
    local level = math.floor(v * 255 + 0.5)
    return level, level, level
  end
  local at = v * (#VIRIDIS - 1)
  local i = math.min(math.floor(at), #VIRIDIS - 2)
  local a, b, part = VIRIDIS[i + 1], VIRIDIS[i + 2], at - i
  local function mix(k) return math.floor(a[k] + (b[k] - a[k]) * part + 0.5) end
  return mix(1), mix(2), mix(3)
end

-- The nearest of the 6x6x6 cube and the greys of 256 colours.
local function of_256(r, g, b)
  if math.abs(r - g) < 8 and math.abs(g - b) < 8 then
    if r < 4 then return 16 end
    if r > 246 then return 231 end
    return 232 + math.min(23, math.max(0, math.floor((r - 8) / 10 + 0.5)))
  end
  local function level(v) return v < 48 and 0 or v < 115 and 1 or (v - 35) // 40 end
  return 16 + 36 * level(r) + 6 * level(g) + level(b)
end

local BASE_16 = {{0, 0, 0}, {205, 0, 0}, {0, 205, 0}, {205, 205, 0}, {0, 0, 238}, {205, 0, 205}, {0, 205, 205},
  {229, 229, 229}, {127, 127, 127}, {255, 0, 0}, {0, 255, 0}, {255, 255, 0}, {92, 92, 255}, {255, 0, 255},
  {0, 255, 255}, {255, 255, 255}}

local function of_16(r, g, b)
  local best, least = 1, math.huge
  for i, c in ipairs(BASE_16) do
    local d = (c[1] - r) ^ 2 + (c[2] - g) ^ 2 + (c[3] - b) ^ 2
    if d < least then best, least = i, d end
  end
  return best - 1
end

--- The sequence that sets a colour of letters (or of what is behind them) on a terminal of that many colours.
---@param depth integer 16, 256 or 2^24
---@param r integer
---@param g integer
---@param b integer
---@param behind? boolean
---@return string
function colours.sequence(depth, r, g, b, behind)
  if depth > 256 then return ("\27[%d;2;%d;%d;%dm"):format(behind and 48 or 38, r, g, b) end
  if depth == 256 then return ("\27[%d;5;%dm"):format(behind and 48 or 38, of_256(r, g, b)) end
  local i = of_16(r, g, b)
  local first = i < 8 and 30 + i or 82 + i
  return ("\27[%dm"):format(behind and first + 10 or first)
end

--- The sequence for line number i.
---@param depth integer
---@param i integer
---@return string
function colours.line_sequence(depth, i)
  i = (i - 1) % #colours.LINES + 1
  if depth == 16 then return ("\27[%dm"):format(LINES_16[i]) end
  local c = colours.LINES[i]
  return colours.sequence(depth, c[1], c[2], c[3])
end

return colours
