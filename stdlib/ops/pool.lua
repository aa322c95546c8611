--- Pooling, padding and resizing of images. Shape letters: N batch, C channels, H W height and width, T time.

local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"
local named, integers = arguments.named, arguments.integers
local rule, no_gradient, define = core.rule, core.no_gradient, core.define

rule("max_pool2d", "1", function(g, _, x, ...) return core.max_pool2d_grad(g, x, ...) end)
rule("max_pool2d_grad", {"2", "2"}, function(g, _, _, x, ...) return core.max_pool2d_pick(g, x, ...) end,
  function() return nil end)
rule("max_pool2d_pick", {"2", "2"}, function(g, _, _, x, ...) return core.max_pool2d_grad(g, x, ...) end,
  function() return nil end)
no_gradient("max_pool2d_indices")

local function image_size(x) return {x:size(-2), x:size(-1)} end

rule("avg_pool2d", "", function(g, _, x, ...) return core.avg_pool2d_grad(g, image_size(x), ...) end)
rule("avg_pool2d_grad", "", function(g, _, _, _, ...) return core.avg_pool2d(g, ...) end)
rule("adaptive_avg_pool2d", "", function(g, _, x) return core.adaptive_avg_pool2d_grad(g, image_size(x)) end)
rule("adaptive_avg_pool2d_grad", "", function(g, _, go) return core.adaptive_avg_pool2d(g, image_size(go)) end)

local max_pool2d, avg_pool2d, adaptive_avg_pool2d = core.max_pool2d, core.avg_pool2d, core.adaptive_avg_pool2d

-- f over x with a batch dimension, which x may lack.
local function batched(name, ndim, x, f)
  if not core.is_tensor(x) or x.ndim ~= ndim and x.ndim ~= ndim - 1 then
    arguments.fail("%s: argument 1: expected a tensor of %d dimensions, or %d without a batch, got %s", name, ndim,
      ndim - 1, arguments.got(x))
  end
  if x.ndim == ndim then return f(x) end
  local y, index = f(x:unsqueeze(1))
  return y:squeeze(1), index and index:squeeze(1)
end

local MAX = {"kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"}
local AVG = {"kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"}
local AVG_1D = {"kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"}
local PAD, INTERPOLATE = {"widths", "mode", "value"}, {"size", "scale_factor", "mode", "align_corners"}

--- max_pool2d: the largest element of each window.
---@param x Tensor shape (N, C, H, W) or (C, H, W), floating
---@param kernel_size integer|integer[]
---@param stride integer|integer[]|nil default kernel_size
---@param padding integer|integer[]|nil at most half of the kernel; default 0
---@param dilation integer|integer[]|nil default 1
---@param ceil_mode boolean|nil a last, partial window counts; default false
---@param return_indices boolean|nil default false
---@return Tensor shape (N, C, OH, OW)
---@return Tensor|nil with return_indices: the places in the image (H W), from 1, i64
--- Source: torch.nn.functional.max_pool2d.  Example: F.max_pool2d(ap.ones(1, 1, 4, 4), 2).shape --> {1, 1, 2, 2}
define("max_pool2d", function(x, ...)
  local kernel_size, stride, padding, dilation, ceil_mode, return_indices = named("max_pool2d", MAX, ...)
  if not return_indices and core.is_tensor(x) and x.ndim == 4 then
    return max_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode)
  end
  return batched("max_pool2d", 4, x, function(image)
    local y = max_pool2d(image, kernel_size, stride, padding, dilation, ceil_mode)
    if not return_indices then return y end
    return y, core.max_pool2d_indices(image, kernel_size, stride, padding, dilation, ceil_mode)
  end)
end)

--- avg_pool2d: the mean of each window.
---@param x Tensor shape (N, C, H, W) or (C, H, W), floating
---@param kernel_size integer|integer[]
---@param stride integer|integer[]|nil default kernel_size
---@param padding integer|integer[]|nil default 0
---@param ceil_mode boolean|nil default false
---@param count_include_pad boolean|nil padding counts in the number of elements; default true
---@param divisor_override number|nil divide by this instead
---@return Tensor shape (N, C, OH, OW)
--- Source: torch.nn.functional.avg_pool2d.
define("avg_pool2d", function(x, ...)
  local kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override = named("avg_pool2d", AVG, ...)
  return (batched("avg_pool2d", 4, x, function(image)
    return avg_pool2d(image, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
  end))
end)

--- adaptive_avg_pool2d: means over a grid of windows that cover the image evenly.
---@param x Tensor shape (N, C, H, W) or (C, H, W), floating
---@param output_size integer|integer[]
---@return Tensor shape (N, C, OH, OW)
--- Source: torch.nn.functional.adaptive_avg_pool2d.
define("adaptive_avg_pool2d", function(x, output_size)
  return (batched("adaptive_avg_pool2d", 4, x, function(image) return adaptive_avg_pool2d(image, output_size) end))
end)

-- {other, n}: the options of a 1-D pooling for the 2-D one.
local function across(op, what, n, other)
  if n == nil then return nil end
  return {other, integers(op, what, n, 1)[1]}
end

--- max_pool1d: the largest element of each window of a sequence.
---@param x Tensor shape (N, C, T) or (C, T), floating
---@param kernel_size integer
---@param stride integer|nil default kernel_size
---@param padding integer|nil default 0
---@param dilation integer|nil default 1
---@param ceil_mode boolean|nil default false
---@param return_indices boolean|nil default false
---@return Tensor shape (N, C, OT)
---@return Tensor|nil with return_indices: the places in the sequence, from 1, i64
--- Source: torch.nn.functional.max_pool1d.
define("max_pool1d", function(x, ...)
  local kernel_size, stride, padding, dilation, ceil_mode, return_indices = named("max_pool1d", MAX, ...)
  local y, index = batched("max_pool1d", 3, x, function(sequence)
    local function pooled(pool)
      local function one(what, n, other) return across("max_pool1d", what, n, other) end
      return pool(sequence:unsqueeze(3), one("kernel_size", kernel_size or 0, 1), one("stride", stride, 1),
        one("padding", padding, 0), one("dilation", dilation, 1), ceil_mode):squeeze(3)
    end
    if not return_indices then return pooled(max_pool2d) end
    return pooled(max_pool2d), pooled(core.max_pool2d_indices)
  end)
  return y, index
end)

--- avg_pool1d: the mean of each window of a sequence.
---@param x Tensor shape (N, C, T) or (C, T), floating
---@param kernel_size integer
---@param stride integer|nil default kernel_size
---@param padding integer|nil default 0
---@param ceil_mode boolean|nil default false
---@param count_include_pad boolean|nil default true
---@return Tensor shape (N, C, OT)
define("avg_pool1d", function(x, ...)
  local kernel_size, stride, padding, ceil_mode, count_include_pad = named("avg_pool1d", AVG_1D, ...)
  return (batched("avg_pool1d", 3, x, function(sequence)
    local function one(what, n, other) return across("avg_pool1d", what, n, other) end
    return avg_pool2d(sequence:unsqueeze(3), one("kernel_size", kernel_size or 0, 1), one("stride", stride, 1),
      one("padding", padding, 0), ceil_mode, count_include_pad):squeeze(3)
  end))
end)

-- --- padding -----------------------------------------------------------------------------------------------------

-- What stands before and behind x along a dimension of size n; widths of 0 or more.
local BORDERS = {
  reflect = function(x, dim, n, before, after)
    return x:narrow(dim, 2, before):flip(dim), x:narrow(dim, n - after, after):flip(dim)
  end,
  replicate = function(x, dim, n, before, after)
    local size = x:size()
    local function repeated(i, width)
      size[dim] = width
      return x:narrow(dim, i, 1):expand(size)
    end
    return repeated(1, before), repeated(n, after)
  end,
  circular = function(x, dim, n, before, after)
    return x:narrow(dim, n - before + 1, before), x:narrow(dim, 1, after)
  end,
}

local LIMIT = {reflect = function(n) return n - 1 end, circular = function(n) return n end}

-- x without so many of its first and last elements along dim; negative widths cut, others do nothing.
local function cut(x, dim, before, after)
  if before >= 0 and after >= 0 then return x end
  local first, length = math.max(-before, 0), x:size(dim) + math.min(before, 0) + math.min(after, 0)
  if length < 0 then arguments.fail("pad: nothing is left of dimension %d of size %d", dim, x:size(dim)) end
  return x:narrow(dim, length == 0 and 1 or first + 1, length)
end

local function pad_dim(x, dim, before, after, mode)
  local size = x:size(dim)
  local limit = LIMIT[mode] and LIMIT[mode](size) or math.huge
  if before > limit or after > limit or size == 0 and before + after > 0 then
    arguments.fail("pad: %s padding {%d, %d} is too large for dimension %d of size %d", mode, before, after, dim,
      size)
  end
  -- What circular padding repeats is what a negative width left; the others repeat first.
  if mode == "circular" then x = cut(x, dim, before, after) end
  local first, last = BORDERS[mode](x, dim, x:size(dim), math.max(before, 0), math.max(after, 0))
  local y = core.cat({first, x, last}, dim)
  return mode == "circular" and y or cut(y, dim, before, after)
end

local function pad_constant(x, pads, value)
  local size, items = x:size(), {}
  for d = 1, x.ndim do
    local before, after = pads[d][1], pads[d][2]
    x = cut(x, d, before, after)
    before, after = math.max(before, 0), math.max(after, 0)
    size[d] = x:size(d) + before + after
    items[d] = {before + 1, before + x:size(d)}
  end
  local y = core.full(size, value, {dtype = x.dtype, device = x.device})
  if x:numel() == 0 then return x.requires_grad and y + x:sum() or y end -- a sum of nothing, for the tape
  return y:setitem_(x, table.unpack(items))
end

--- pad: a border around the last dimensions.
---@param x Tensor
---@param widths integer[] {left, right, top, bottom, ...}: pairs from the last dimension on; negative widths cut
--- (constant mode only)
---@param mode string|nil "constant" (default), "reflect", "replicate" or "circular"
---@param value number|nil of constant mode; default 0
---@return Tensor
--- Source: torch.nn.functional.pad.  Example: F.pad(ap.ones(2, 2), {1, 1}).shape --> {2, 4}
define("pad", function(x, ...)
  local widths, mode, value = named("pad", PAD, ...)
  arguments.tensor("pad", 1, x)
  if type(widths) ~= "table" or #widths % 2 ~= 0 or #widths > 2 * x.ndim then
    arguments.fail("pad: argument 2: expected a table of pairs of widths, last dimension first")
  end
  widths = integers("pad", "widths", widths, #widths)
  mode = mode or "constant"
  local pads = {}
  for d = 1, x.ndim do pads[d] = {0, 0} end
  for i = 1, #widths, 2 do pads[x.ndim - i // 2] = {widths[i], widths[i + 1]} end
  if mode == "constant" then return (pad_constant(x, pads, value or 0)) end
  if not BORDERS[mode] then
    arguments.fail("pad: mode: expected 'constant', 'reflect', 'replicate' or 'circular', got '%s'", tostring(mode))
  end
  for d = 1, x.ndim do
    if pads[d][1] ~= 0 or pads[d][2] ~= 0 then x = pad_dim(x, d, pads[d][1], pads[d][2], mode) end
  end
  return x
end)

--- constant_pad_nd: pad with a constant.
---@param x Tensor
---@param widths integer[] as for pad
---@param value number|nil default 0
---@return Tensor
--- Source: torch.constant_pad_nd.
define("constant_pad_nd", function(x, ...)
  local widths, value = named("constant_pad_nd", {"widths", "value"}, ...)
  return core.pad(x, widths, "constant", value)
end)

-- --- resizing ----------------------------------------------------------------------------------------------------

local function resize_nearest(x, dim, size, _, factor)
  local n = x:size(dim)
  local at = core.arange(0, size - 1, 1, {dtype = factor and "f64" or "i64", device = "cpu"})
  at = factor and (at / factor):floor() or (at * n):floor_divide(size)
  return x:index_select(dim, (at:clamp(0, n - 1) + 1):to("i64"):to(x.device))
end

local function resize_linear(x, dim, size, align_corners, factor)
  local n = x:size(dim)
  local scale = align_corners and (size > 1 and (n - 1) / (size - 1) or 0) or factor and 1 / factor or n / size
  -- Where the output's positions lie in the input, from 0, with fractions.
  local at = core.arange(0, size - 1, 1, {dtype = "f64", device = "cpu"})
  at = align_corners and at * scale or ((at + 0.5) * scale - 0.5):clamp(0)
  local whole = at:floor():clamp(0, n - 1)
  local shape = {}
  for d = 1, x.ndim do shape[d] = d == dim and size or 1 end
  local function rows(positions) return x:index_select(dim, (positions + 1):to("i64"):to(x.device)) end
  local weight = (at - whole):to(x.dtype):to(x.device):reshape(shape)
  return rows(whole) * (1 - weight) + rows((whole + 1):clamp(0, n - 1)) * weight
end

--- interpolate: images or sequences in another size.
---@param x Tensor shape (N, C, T) or (N, C, H, W), floating
---@param size integer|integer[]|nil of the result, or
---@param scale_factor number|number[]|nil what sizes are multiplied by
---@param mode string|nil "nearest" (default), "linear" (sequences) or "bilinear" (images)
---@param align_corners boolean|nil the corners' centres stay where they are; default false
---@return Tensor
--- Source: torch.nn.functional.interpolate.  Example: F.interpolate(ap.ones(1, 1, 2, 2), {size = 4}).shape
define("interpolate", function(x, ...)
  local given_size, scale_factor, mode, align_corners = named("interpolate", INTERPOLATE, ...)
  arguments.tensor("interpolate", 1, x)
  mode = mode or "nearest"
  local resize = mode == "nearest" and resize_nearest or (mode == "linear" or mode == "bilinear") and resize_linear
  if not resize then
    arguments.fail("interpolate: mode: expected 'nearest', 'linear' or 'bilinear', got '%s'", tostring(mode))
  end
  if (given_size == nil) == (scale_factor == nil) then
    arguments.fail("interpolate: expected either size or scale_factor")
  end
  for d = 3, x.ndim do
    local size, factor = given_size, scale_factor
    if type(size) == "table" then size = size[d - 2] end
    if type(factor) == "table" then factor = factor[d - 2] end
    if type(factor) == "number" then size = math.floor(x:size(d) * factor) end
    if math.type(size) ~= "integer" or size < 1 then
      arguments.fail("interpolate: expected sizes of at least 1, got %s", tostring(size))
    end
    -- As in PyTorch the factor itself says where to read, not the sizes, which were rounded down.
    local same = size == x:size(d) and (factor == nil or factor == 1 or mode == "nearest" or align_corners)
    if not same then x = resize(x, d, size, align_corners, factor) end
  end
  return x
end)
