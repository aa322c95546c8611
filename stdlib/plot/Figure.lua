-- A figure: lines, points and bars over two axes. It prints itself (in the terminal, with braille) and saves itself as
-- SVG or PNG.

local arguments = require "apsis.ops.arguments"
local class = require "apsis.class"
local core = require "apsis.core"

local Figure = class "Figure"

local MARGIN = 0.04      -- of the range of y, above and below
local LEAST_PIXELS = 100 -- of a picture in the terminal, in each direction

Figure.width, Figure.height = 640, 400 -- of a saved figure, in pixels

-- Finite or not, the numbers of a tensor, a table or a number.
local function numbers(what, v)
  if core.is_tensor(v) then
    if v.ndim > 1 then
      core.fail(("%s: expected values in one dimension, got (%s)"):format(what, table.concat(v:size(), "x")))
    end
    v = v:detach():to("f64"):reshape(-1)
    return v:numel() == 0 and {} or v:totable()
  end
  if type(v) ~= "table" then
    core.fail(("%s: expected a tensor or a table of numbers, got %s"):format(what, type(v)))
  end
  local list = {}
  for i, x in ipairs(v) do
    x = core.is_tensor(x) and x:item() or x
    if type(x) ~= "number" then core.fail(("%s: value %d is no number but a %s"):format(what, i, type(x))) end
    list[i] = x + 0.0
  end
  return list
end
Figure.numbers = numbers

local KNOWN = {title = true, xlabel = true, ylabel = true, xlim = true, ylim = true, label = true, width = true,
  height = true}

-- The options of the figure (title, ...) go to the figure, the rest is the series'.
local function take_options(self, what, options)
  options = arguments.options(what, 3, options)
  for _, name in ipairs {"xlim", "ylim"} do
    local limits = options[name]
    if limits ~= nil and (type(limits) ~= "table" or type(limits[1] or 0) ~= "number"
      or type(limits[2] or 0) ~= "number") then
      core.fail(("%s: %s: expected {low, high}"):format(what, name))
    end
  end
  arguments.known(what, options, KNOWN)
  for name, value in pairs(options) do
    if name ~= "label" then self[name] = value end
  end
end

function Figure:init() self.series = {} end

-- Adds values of a kind; x may be left out.
local function add(self, what, kind, x, y, options)
  if type(y) == "table" and not core.is_tensor(y) and #y == 0 and next(y) ~= nil then y, options = nil, y end
  if y == nil then x, y = nil, x end
  local ys = numbers(what .. ": y", y)
  local xs = x ~= nil and numbers(what .. ": x", x) or {}
  if x == nil then for i = 1, #ys do xs[i] = i + 0.0 end end
  if #xs ~= #ys then core.fail(("%s: %d values of x and %d of y"):format(what, #xs, #ys)) end
  take_options(self, what, options)
  self.series[#self.series + 1] = {kind = kind, x = xs, y = ys, label = options and options.label}
  return self
end

--- Adds a line; see plot.plot.
function Figure:plot(x, y, options) return add(self, "plot", "line", x, y, options) end
--- Adds points; see plot.scatter.
function Figure:scatter(x, y, options) return add(self, "scatter", "points", x, y, options) end

--- Adds bars between edges: n + 1 edges, n heights.
function Figure:bars(edges, heights, options)
  take_options(self, "hist", options)
  self.series[#self.series + 1] = {kind = "bars", x = edges, y = heights, label = options and options.label}
  return self
end

local function is_finite(v) return v == v and v ~= math.huge and v ~= -math.huge end
Figure.is_finite = is_finite

local function range(self, axis, given)
  local low, high, has_bars = math.huge, -math.huge, false
  for _, s in ipairs(self.series) do
    for _, v in ipairs(s[axis]) do
      if is_finite(v) then low, high = math.min(low, v), math.max(high, v) end
    end
    if s.kind == "bars" and axis == "y" then low, has_bars = math.min(low, 0), true end
  end
  -- Lines do not touch the upper and the lower edge; bars stand on it.
  if axis == "y" and low < high then
    local margin = MARGIN * (high - low)
    low, high = has_bars and low == 0 and low or low - margin, high + margin
  end
  if given then low, high = given[1] or low, given[2] or high end
  return require("apsis.plot.ticks").widen(low, high)
end

--- What the axes reach over: x from, to, y from, to.
---@return number, number, number, number
function Figure:limits()
  local x0, x1 = range(self, "x", self.xlim)
  local y0, y1 = range(self, "y", self.ylim)
  return x0, x1, y0, y1
end

--- Saves as SVG or PNG, by the name's end.
---@param path string
---@return Figure self
--- Example: plot(losses):save "losses.svg"
function Figure:save(path)
  require("apsis.plot.save").save(self, path)
  return self
end

--- The figure drawn with letters.
---@param options? {columns: integer, rows: integer, colours: integer} of the terminal
---@return string
function Figure:text(options)
  return require("apsis.plot.draw_text")(self, options or {})
end

-- The figure's pixels within a room, in its own proportions; each pixel is to stand for scale x scale of the terminal.
function Figure:picture(room_width, room_height, scale)
  local ratio = self.height / self.width
  local width = math.min(room_width, room_height / ratio)
  width = math.max(math.floor(width), LEAST_PIXELS)
  local height = math.max(math.floor(width * ratio), LEAST_PIXELS)
  return width, height, require("apsis.plot.save").pixels(self, width, height), scale
end

--- Shows it on standard output: as a picture where the terminal can show one (plot.protocol), else in letters.
---@return Figure self
function Figure:show()
  print(require("apsis.plot.graphics").draw(self) or tostring(self))
  return self
end

-- What the prompt shows in place of the text, where the terminal can show pictures.
function Figure:__terminal() return require("apsis.plot.graphics").draw(self) end

function Figure:__tostring()
  local terminal = require "apsis.terminal"
  return self:text {columns = terminal.columns(io.stdout), colours = terminal.colours(io.stdout)}
end

return Figure
