-- A picture of a tensor: prints itself with half blocks (two pixels a letter) in as many colours as the terminal has,
-- with shades of blocks where it has none, and saves itself as PNG.

local arguments = require "apsis.ops.arguments"
local ap = require "apsis"
local core = require "apsis.core"
local class = require "apsis.class"
local colours = require "apsis.plot.colours"

local Image = class "Image"

local SHADES = {[0] = " ", "░", "▒", "▓", "█"}
local MOST_ROWS = 48 -- pixels that a terminal shows from top to bottom, in letters
local LARGEST = 400  -- pixels up to which small images are enlarged

local function fail(x)
  core.fail(("imshow: expected (H, W), or with 1, 3 or 4 channels (C, H, W) or (H, W, C), got (%s)"):format(
    table.concat(x:size(), "x")))
end

-- As (H, W) or (H, W, 3) of floats.
local function arrange(x)
  if not ap.is_tensor(x) then x = ap.tensor(x, {device = "cpu"}) end
  x = x:detach():to("cpu"):to("f64")
  if x.ndim == 3 then
    local channels = {[1] = true, [3] = true, [4] = true}
    if channels[x:size(1)] and not channels[x:size(3)] or channels[x:size(1)] and x:size(1) ~= 4 then
      x = x:permute(2, 3, 1)
    elseif not channels[x:size(3)] then
      fail(x)
    end
    if x:size(3) == 1 then x = x:select(3, 1) else x = x:narrow(3, 1, 3) end
  end
  if x.ndim ~= 2 and x.ndim ~= 3 or x:numel() == 0 then fail(x) end
  return x:contiguous()
end

-- The least and the largest finite value.
local function span(values, low, high)
  local least, most = math.huge, -math.huge
  for _, v in ipairs(values) do
    if v == v and v ~= math.huge and v ~= -math.huge then least, most = math.min(least, v), math.max(most, v) end
  end
  return low or least, high or most
end

local KNOWN = {map = true, low = true, high = true}

--- Image: a picture of a tensor, as plot.imshow makes it.
---@param x Tensor shape (H, W), (3, H, W) or (H, W, 3)
---@param options {map: string, low: number, high: number}|nil the colour map ("viridis", "gray"), the
--- values at its ends
function Image:init(x, options)
  options = arguments.options("imshow", 2, options)
  arguments.known("imshow", options, KNOWN)
  if options.map ~= nil and options.map ~= "gray" and options.map ~= "viridis" then
    core.fail(("imshow: no colour map '%s'; maps: gray viridis"):format(tostring(options.map)))
  end
  local bytes = ap.is_tensor(x) and x.dtype == "u8"
  x = arrange(x)
  self.rows, self.columns, self.rgb, self.map = x:size(1), x:size(2), x.ndim == 3, options.map or "viridis"
  self.values = x:reshape(-1):totable()
  local low, high = options.low, options.high
  -- Colours are not stretched: bytes, or floats from 0 to 1.
  if self.rgb then low, high = low or 0, high or bytes and 255 or 1 end
  self.low, self.high = span(self.values, low, high)
end

-- The share of the way from low to high.
local function share(self, v)
  if v ~= v then return v end
  local width = self.high - self.low
  return math.min(math.max(width > 0 and (v - self.low) / width or 0.5, 0), 1)
end

--- The colour of a pixel, from 1.
---@param row integer
---@param column integer
---@return integer red
---@return integer green
---@return integer blue
function Image:colour(row, column)
  local i = (row - 1) * self.columns + column
  if not self.rgb then return colours.map(self.map, share(self, self.values[i])) end
  local function channel(k)
    local v = share(self, self.values[3 * (i - 1) + k])
    return v == v and math.floor(v * 255 + 0.5) or 0
  end
  return channel(1), channel(2), channel(3)
end

-- A smaller image of at most that size, pixels chosen evenly: returns its size and the functions that choose.
local function shrink(self, columns, rows)
  local scale = math.max(1, self.columns / columns, self.rows / rows)
  local w, h = math.max(1, math.floor(self.columns / scale)), math.max(1, math.floor(self.rows / scale))
  local function pick(i, n, of) return math.min(of, math.floor((i - 0.5) * of / n) + 1) end
  return w, h, function(x) return pick(x, w, self.columns) end, function(y) return pick(y, h, self.rows) end
end

local function shades(self, w, h, column, row)
  local lines = {}
  for y = 1, h, 2 do -- letters are twice as high as wide
    local line = {}
    for x = 1, w do
      local r, g, b = self:colour(row(y), column(x))
      local light = (0.299 * r + 0.587 * g + 0.114 * b) / 255
      line[x] = SHADES[math.floor(light * 4 + 0.5)]
    end
    lines[#lines + 1] = (table.concat(line):gsub(" +$", ""))
  end
  return table.concat(lines, "\n")
end

--- The image drawn with letters.
---@param options? {columns: integer, rows: integer, colours: integer}
---@return string
function Image:text(options)
  options = options or {}
  local depth = options.colours or 0
  local w, h, column, row = shrink(self, options.columns or 80, options.rows or MOST_ROWS)
  if depth == 0 then return shades(self, w, h, column, row) end
  local lines = {}
  for y = 1, h, 2 do
    local line, last = {}, nil
    for x = 1, w do
      local upper = colours.sequence(depth, self:colour(row(y), column(x)))
      if y < h then
        local r, g, b = self:colour(row(y + 1), column(x))
        upper = upper .. colours.sequence(depth, r, g, b, true)
      end
      line[#line + 1] = upper ~= last and upper .. "▀" or "▀"
      last = upper
    end
    lines[#lines + 1] = table.concat(line) .. "\27[0m"
  end
  return table.concat(lines, "\n")
end

function Image:__tostring()
  local terminal = require "apsis.terminal"
  return self:text {columns = terminal.columns(io.stdout), colours = terminal.colours(io.stdout)}
end

--- The image's pixels, three bytes each, every element being `scale` by `scale` of them.
---@param scale integer
---@return integer width
---@return integer height
---@return string bytes
function Image:pixels(scale)
  local rows = {}
  for y = 1, self.rows do
    local row = {}
    for x = 1, self.columns do row[x] = string.char(self:colour(y, x)):rep(scale) end
    local text = table.concat(row)
    for _ = 1, scale do rows[#rows + 1] = text end
  end
  return self.columns * scale, self.rows * scale, table.concat(rows)
end

-- The image's pixels within a room, larger by a whole number or smaller; each is to stand for scale x scale of the
-- terminal.
function Image:picture(room_width, room_height, scale)
  local w, h, column, row = shrink(self, room_width, room_height)
  local rows = {}
  for y = 1, h do
    local line = {}
    for x = 1, w do line[x] = string.char(self:colour(row(y), column(x))) end
    rows[y] = table.concat(line)
  end
  local larger = math.max(1, math.min(room_width // w, room_height // h, LARGEST // math.max(w, h)))
  return w, h, table.concat(rows), larger * scale
end

--- Shows it on standard output: as a picture where the terminal can show one (plot.protocol), else in letters.
---@return Image self
function Image:show()
  print(require("apsis.plot.graphics").draw(self) or tostring(self))
  return self
end

-- What the prompt shows in place of the text, where the terminal can show pictures.
function Image:__terminal() return require("apsis.plot.graphics").draw(self) end

--- Saves as PNG, each element as a pixel, or as `scale` by `scale` of them.
---@param path string
---@param scale? integer default 1
---@return Image self
function Image:save(path, scale)
  scale = scale or 1
  if type(path) ~= "string" or not path:lower():find "%.png$" then
    core.fail("save: expected a file name that ends in .png, got " .. tostring(path))
  end
  if math.type(scale) ~= "integer" or scale < 1 then core.fail("save: expected a scale of 1 or more") end
  local width, height, pixels = self:pixels(scale)
  ap.formats.save_png(path, width, height, 3, pixels)
  return self
end

return Image
