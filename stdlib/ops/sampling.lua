--- Images and volumes read at any places: affine_grid and grid_sample. Compositions of other ops.

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local define, named, fail = core.define, arguments.named, arguments.fail

-- --- affine_grid -----------------------------------------------------------------------------------------------------

-- Where the n pixels of a dimension lie between -1 and 1.
local function positions(n, align_corners, theta)
  local options = {dtype = theta.dtype, device = theta.device}
  if n == 1 then return core.zeros({1}, options) end
  local at = core.linspace(-1, 1, n, {dtype = "f64", device = "cpu"})
  if not align_corners then at = at * ((n - 1) / n) end
  return at:to(theta.dtype):to(theta.device)
end

--- affine_grid: the places that an affine map gives the pixels of an image: a grid for grid_sample.
---@param theta Tensor shape (N, 2, 3), or (N, 3, 4) for volumes, floating
---@param size integer[] N, C, H, W; or N, C, D, H, W
---@param align_corners? boolean|table -1 and 1 are the centres of the outermost pixels, not their borders; default
---       false; or the options {align_corners =}
---@return Tensor shape (N, H, W, 2): x, y; or (N, D, H, W, 3): x, y, z
--- Source: Jaderberg et al. 2015; torch.nn.functional.affine_grid.
define("affine_grid", function(theta, size, ...)
  local op = "affine_grid"
  arguments.floating(op, theta, 1)
  local align_corners = named(op, {"align_corners"}, ...)
  local dims = type(size) == "table" and #size - 2 or 0
  if dims ~= 2 and dims ~= 3 then fail("%s: argument 2: expected sizes N, C, H, W or N, C, D, H, W", op) end
  size = arguments.integers(op, "size", size, dims + 2)
  if theta.ndim ~= 3 or theta:size(1) ~= size[1] or theta:size(2) ~= dims or theta:size(3) ~= dims + 1 then
    fail("%s: expected maps (%d, %d, %d), got %s", op, size[1], dims, dims + 1, arguments.shape(theta))
  end
  local places, grid, n = {}, {}, 1
  for d = 1, dims do
    grid[d] = size[d + 2]
    if grid[d] < 1 or grid[d] > 1 << 30 then fail("%s: size: expected at least 1 pixel, got %d", op, grid[d]) end
    n = n * grid[d]
  end
  for d = dims, 1, -1 do -- x comes first
    local shape = {}
    for e = 1, dims do shape[e] = e == d and grid[d] or 1 end
    places[#places + 1] = positions(grid[d], align_corners, theta):reshape(shape):expand(grid)
  end
  places[#places + 1] = core.ones(grid, {dtype = theta.dtype, device = theta.device})
  local base = core.stack(places, -1):reshape(1, n, dims + 1)
  grid[#grid + 1] = dims
  return base:matmul(theta:transpose(2, 3)):reshape(size[1], table.unpack(grid))
end)

-- --- grid_sample -----------------------------------------------------------------------------------------------------

-- From -1..1 to pixels, from 0.
local function in_pixels(c, n, align_corners)
  if align_corners then return (c + 1) * ((n - 1) / 2) end
  return ((c + 1) * n - 1) * 0.5
end

-- Back and forth between two borders, given doubled.
local function reflected(c, low, high)
  if low == high then return c * 0 end
  local least, span = low / 2, (high - low) / 2
  local away = (c - least):abs()
  local extra, flips = away:remainder(span), (away / span):detach():floor()
  return core.where(flips:remainder(2):eq(0), extra, span - extra) + least
end

local PADDING = {
  zeros = function(c) return c end,
  border = function(c, n) return c:clamp(0, n - 1) end,
  reflection = function(c, n, align_corners)
    local r = align_corners and reflected(c, 0, 2 * (n - 1)) or reflected(c, -1, 2 * n - 1)
    return r:clamp(0, n - 1)
  end,
}

-- The pixels at whole places (lists of (N, P), the last dimension first), times a weight; zeros outside, whatever
-- stands in the image and however far the places are.
local function pixels(flat, sizes, places, weight)
  local inside, at
  for d, c in ipairs(places) do
    local within = c:ge(0) & c:le(sizes[d] - 1)
    inside = inside and inside & within or within
  end
  for d = #sizes, 1, -1 do
    local c = core.where(inside, places[d], 0):to("i64")
    at = at and at * sizes[d] + c or c
  end
  local n, channels = flat:size(1), flat:size(2)
  local picked = flat:gather(3, (at + 1):unsqueeze(2):expand(n, channels, at:size(2)))
  local counted = core.where(inside | weight:isnan(), weight, 0) -- a place that is nan reads nan
  return core.where(inside:unsqueeze(2), picked, 0) * counted:unsqueeze(2)
end

-- The sum of f's terms over all choices of one (whole place, weight) a dimension.
local function weighted(flat, sizes, choices)
  local sum
  local function walk(d, places, weight)
    if d > #sizes then
      local term = pixels(flat, sizes, places, weight)
      sum = sum and sum + term or term
      return
    end
    for _, choice in ipairs(choices[d]) do
      places[d] = choice[1]
      walk(d + 1, places, weight and weight * choice[2] or choice[2])
    end
  end
  walk(1, {}, nil)
  return sum
end

local function linear_choices(c)
  local low = c:detach():floor()
  local t = c - low
  return {{low, 1 - t}, {low + 1, t}}
end

-- Keys 1981, with -0.75, as PyTorch's.
local function cubic_choices(c, pad)
  local A = -0.75
  local low = c:detach():floor()
  local t = c - low
  local function near(x) return ((A + 2) * x - (A + 3)) * x * x + 1 end
  local function far(x) return ((A * x - 5 * A) * x + 8 * A) * x - 4 * A end
  return {{pad(low - 1), far(t + 1)}, {pad(low), near(t)}, {pad(low + 1), near(1 - t)}, {pad(low + 2), far(2 - t)}}
end

local SAMPLE = {"mode", "padding_mode", "align_corners"}

local function check_sample(op, x, grid, mode, padding_mode)
  arguments.floating(op, x, 1)
  arguments.floating(op, grid, 2)
  local dims = x.ndim - 2
  if dims ~= 2 and dims ~= 3 or grid.ndim ~= x.ndim or grid:size(-1) ~= dims or grid:size(1) ~= x:size(1) then
    fail("%s: expected (N, C, H, W) and a grid (N, OH, OW, 2), or a dimension more of each, got %s and %s", op,
      arguments.shape(x), arguments.shape(grid))
  end
  if x.dtype ~= grid.dtype then fail("%s: expected a grid of the input's dtype %s, got %s", op, x.dtype, grid.dtype) end
  for d = 3, x.ndim do
    if x:size(d) == 0 then fail("%s: %s has no pixels", op, arguments.shape(x)) end
  end
  if not PADDING[padding_mode] then
    fail("%s: padding_mode: expected 'zeros', 'border' or 'reflection', got '%s'", op, tostring(padding_mode))
  end
  local known = mode == "bilinear" or mode == "nearest" or mode == "bicubic" and dims == 2
  if not known then
    fail("%s: mode: expected 'bilinear', 'nearest' or, for images, 'bicubic', got '%s'", op, tostring(mode))
  end
  return dims
end

--- grid_sample: images read at the places of a grid, between their pixels too.
---@param x Tensor shape (N, C, H, W) or (N, C, D, H, W), floating
---@param grid Tensor shape (N, OH, OW, 2): x, y from -1 to 1 across the image; or (N, OD, OH, OW, 3): x, y, z
---@param mode? string|table "bilinear" (default), "nearest" or, for images, "bicubic"; or the options {mode =,
--- padding_mode =, align_corners =}
---@param padding_mode? string what lies outside: "zeros" (default), "border" or "reflection"
---@param align_corners? boolean -1 and 1 are the centres of the outermost pixels, not their borders; default false
---@return Tensor shape (N, C, OH, OW) or (N, C, OD, OH, OW)
--- Source: Jaderberg et al. 2015; torch.nn.functional.grid_sample.
define("grid_sample", function(x, grid, ...)
  local op = "grid_sample"
  local mode, padding_mode, align_corners = named(op, SAMPLE, ...)
  mode, padding_mode = mode or "bilinear", padding_mode or "zeros"
  local dims = check_sample(op, x, grid, mode, padding_mode)
  local n, channels, area, shape, sizes, choices = x:size(1), x:size(2), 1, {}, {}, {}
  for d = 1, dims do area, shape[d] = area * x:size(d + 2), grid:size(d + 1) end
  local points = 1
  for _, s in ipairs(shape) do points = points * s end
  local pad = PADDING[padding_mode]
  for d = 1, dims do
    local size = x:size(x.ndim + 1 - d)
    local function padded(c) return pad(c, size, align_corners) end
    local c = in_pixels(grid:select(-1, d):reshape(n, points), size, align_corners)
    sizes[d] = size
    if mode == "bicubic" then
      choices[d] = cubic_choices(c, padded)
    elseif mode == "nearest" then
      -- A weight of 1 with the gradient of the grid, which is 0.
      choices[d] = {{padded(c):detach():round(), core.where(c:isnan(), c, core.where(c:eq(c), 1, c))}}
    else
      choices[d] = linear_choices(padded(c))
    end
  end
  return weighted(x:reshape(n, channels, area), sizes, choices):reshape(n, channels, table.unpack(shape))
end)
