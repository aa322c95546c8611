-- apsis.plot: plots that print themselves in the terminal and save themselves as SVG and PNG.
--
--   local plot = require "apsis.plot"
--   print(plot.plot(losses, {title = "loss"}))
--   plot.plot(x, y, {label = "data"}):plot(x, fitted, {label = "fit"}):save "fit.svg"

local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"

local plot = {}

--- protocol: how the prompt and show() draw in a terminal: "kitty" or "sixel" for pictures, "text" for letters. nil
--- (the default) takes what the environment's APSIS_GRAPHICS says, else what the terminal itself says that it can.
plot.protocol = nil

local function figure() return require "apsis.plot.Figure"() end

--- plot: a line through points. At the prompt the figure draws itself; fig:plot(...) and fig:scatter(...) add to it.
---@param x Tensor|number[] left out: 1, 2, ...
---@param y? Tensor|number[] as many; what is not finite leaves a gap
---@param options? {label: string, title: string, xlabel: string, ylabel: string, xlim: number[], ylim: number[], width:
--- integer, height: integer} limits as {low, high}; width and height in pixels, of a saved figure (640, 400)
---@return Figure
--- Source: matplotlib.pyplot.plot.  Example: plot(ap.linspace(0, 6, 100), ap.linspace(0, 6, 100):sin())
function plot.plot(x, y, options)
  return figure():plot(x, y, options)
end

--- scatter: points.
---@param x Tensor|number[]
---@param y Tensor|number[]
---@param options? table as of plot
---@return Figure
--- Source: matplotlib.pyplot.scatter.  Example: plot.scatter(ap.randn(50), ap.randn(50))
function plot.scatter(x, y, options)
  return figure():scatter(x, y, options)
end

local function histogram(x, bins, options)
  local values = require("apsis.plot.Figure").numbers("hist: x", x)
  local low, high = math.huge, -math.huge
  for _, v in ipairs(values) do
    if v == v and math.abs(v) ~= math.huge then low, high = math.min(low, v), math.max(high, v) end
  end
  if low > high then core.fail("hist: there is no finite value") end
  if low == high then low, high = low - 0.5, high + 0.5 end
  local edges, counts = {}, {}
  for i = 1, bins do edges[i], counts[i] = low + (high - low) * (i - 1) / bins, 0 end
  edges[bins + 1] = high
  for _, v in ipairs(values) do
    if v >= low and v <= high then
      local i = math.min(bins, math.floor((v - low) / (high - low) * bins) + 1)
      counts[i] = counts[i] + 1
    end
  end
  return figure():bars(edges, counts, options)
end

--- hist: how often values fall into bins of equal width. Values that are not finite are left out.
---@param x Tensor|number[] any shape
---@param options? integer|table the number of bins (default 20), or {bins: integer} and the options of plot
---@return Figure
--- Source: matplotlib.pyplot.hist.  Example: hist(ap.randn(1000), {bins = 30})
function plot.hist(x, options)
  local bins, rest = 20, {}
  if type(options) == "number" then
    bins = options
  else
    for name, value in pairs(arguments.options("hist", 2, options)) do rest[name] = value end
    bins, rest.bins = rest.bins or bins, nil
  end
  bins = type(bins) == "number" and math.tointeger(bins)
  if not bins or bins < 1 or bins > 10000 then core.fail("hist: bins: expected an integer in 1..10000") end
  if core.is_tensor(x) then x = x:reshape(-1) end
  return histogram(x, bins, rest)
end

--- imshow: a picture of a matrix in a colour map, or of colours. At the prompt it draws itself; img:save "a.png".
---@param x Tensor|table (H, W); or (C, H, W) or (H, W, C) with 1, 3 or 4 channels: u8 or 0 to 1, alpha is left out
---@param options? {map: string, low: number, high: number} "viridis" or "gray"; the values at the map's ends
---@return Image
--- Source: matplotlib.pyplot.imshow.  Example: imshow(ap.eye(8))
function plot.imshow(x, options)
  return require "apsis.plot.Image"(x, options)
end

return core.define_module(plot)
