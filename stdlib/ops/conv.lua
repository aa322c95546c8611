--- Convolutions: conv2d and its two gradients are ops in C; the other forms are built on them.
--- Shape letters: N batch, C channels, H W height and width, T time, O output channels, K kernel.

local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"
local named, integers = arguments.named, arguments.integers
local rule, define = core.rule, core.define

-- The last two sizes of a tensor.
local function image_size(x) return {x:size(-2), x:size(-1)} end

rule("conv2d", {"2", "1", ""},
  function(g, _, x, w, _, ...) return core.conv2d_input_grad(g, w, image_size(x), ...) end,
  function(g, _, x, w, _, ...) return core.conv2d_weight_grad(x, g, image_size(w), ...) end,
  function(g) return g:sum {1, 3, 4} end)

rule("conv2d_input_grad", {"2", "1"},
  function(g, _, _, w, _, ...) return core.conv2d(g, w, nil, ...) end,
  function(g, _, go, w, _, ...) return core.conv2d_weight_grad(g, go, image_size(w), ...) end)

rule("conv2d_weight_grad", {"2", "1"},
  function(g, _, x, go, _, ...) return core.conv2d_input_grad(go, g, image_size(x), ...) end,
  function(g, _, x, _, _, ...) return core.conv2d(x, g, nil, ...) end)

-- Fails, at the caller's caller, unless the weight is a tensor of as many dimensions.
local function check_weight(name, weight, ndim)
  if core.is_tensor(weight) and weight.ndim == ndim then return end
  arguments.fail("%s: argument 2: expected a weight of %d dimensions, got %s", name, ndim,
    arguments.got(weight))
end

local conv2d, input_grad = core.conv2d, core.conv2d_input_grad

local CONV = {"bias", "stride", "padding", "dilation", "groups"}
local TRANSPOSED = {"bias", "stride", "padding", "output_padding", "groups", "dilation"}
local UNFOLD = {"kernel_size", "dilation", "padding", "stride"}
local FOLD = {"output_size", "kernel_size", "dilation", "padding", "stride"}

-- f with x of `ndim` dimensions; x without the batch dimension gets it for the call.
local function batched(name, ndim, x, f)
  if core.is_tensor(x) and x.ndim == ndim - 1 then return f(x:unsqueeze(1)):squeeze(1) end
  if not core.is_tensor(x) or x.ndim ~= ndim then
    arguments.fail("%s: argument 1: expected a tensor of %d dimensions, or %d without a batch, got %s", name, ndim,
      ndim - 1, arguments.got(x))
  end
  return f(x)
end

--- conv2d: cross-correlation of images with kernels.
---@param x Tensor shape (N, C, H, W) or (C, H, W), floating
---@param weight Tensor shape (O, C / groups, KH, KW)
---@param bias Tensor|nil shape (O)
---@param stride integer|integer[]|nil default 1
---@param padding integer|integer[]|string|nil zeros on each side, default 0; "same" (stride 1) or "valid"
---@param dilation integer|integer[]|nil default 1
---@param groups integer|nil default 1
---@return Tensor shape (N, O, OH, OW) with OH = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1
--- Errors: channels that do not fit; a kernel larger than the padded input; dtypes that differ.
--- Source: torch.nn.functional.conv2d.  Example: F.conv2d(ap.ones(1, 1, 5, 5), ap.ones(1, 1, 3, 3))[1][1][1][1] --> 9
define("conv2d", function(x, weight, ...)
  local bias, stride, padding, dilation, groups = named("conv2d", CONV, ...)
  if core.is_tensor(x) and x.ndim == 4 then return conv2d(x, weight, bias, stride, padding, dilation, groups) end
  return (batched("conv2d", 4, x, function(image)
    return conv2d(image, weight, bias, stride, padding, dilation, groups)
  end))
end)

-- {1 or 0, n} for the dimension that a 1-D convolution lacks; a word stays one.
local function across(op, what, n, other)
  if type(n) == "string" then return n end
  return {other, integers(op, what, n, 1, other)[1]}
end

--- conv1d: cross-correlation of sequences with kernels.
---@param x Tensor shape (N, C, T) or (C, T), floating
---@param weight Tensor shape (O, C / groups, K)
---@param bias Tensor|nil shape (O)
---@param stride integer|nil default 1
---@param padding integer|string|nil default 0
---@param dilation integer|nil default 1
---@param groups integer|nil default 1
---@return Tensor shape (N, O, OT)
--- Source: torch.nn.functional.conv1d.
define("conv1d", function(x, weight, ...)
  local bias, stride, padding, dilation, groups = named("conv1d", CONV, ...)
  check_weight("conv1d", weight, 3)
  return (batched("conv1d", 3, x, function(sequence)
    return conv2d(sequence:unsqueeze(3), weight:unsqueeze(3), bias, across("conv1d", "stride", stride, 1),
      across("conv1d", "padding", padding, 0), across("conv1d", "dilation", dilation, 1), groups):squeeze(3)
  end))
end)

local function check_bias(op, bias)
  if bias == nil then return end
  arguments.tensor(op, 3, bias)
  if bias.ndim ~= 1 then arguments.fail("%s: expected a bias of one dimension, got %s", op, arguments.shape(bias)) end
end

-- The transposed convolution of (N, O, H, W) with pairs for all options.
local function transposed(x, weight, bias, stride, padding, output_padding, groups, dilation)
  local size = {}
  for d = 1, 2 do
    size[d] = (x:size(d + 2) - 1) * stride[d] - 2 * padding[d] + dilation[d] * (weight:size(d + 2) - 1)
      + output_padding[d] + 1
    if output_padding[d] >= math.max(stride[d], dilation[d]) then
      arguments.fail("conv_transpose2d: output_padding %d must be smaller than the stride %d or the dilation %d",
        output_padding[d], stride[d], dilation[d])
    end
  end
  local y = input_grad(x, weight, size, stride, padding, dilation, groups)
  return bias and y + bias:view(-1, 1, 1) or y
end

--- conv_transpose2d: the gradient of conv2d as a layer of its own: images grow by the stride.
---@param x Tensor shape (N, C, H, W) or (C, H, W), floating
---@param weight Tensor shape (C, O / groups, KH, KW)
---@param bias Tensor|nil shape (O)
---@param stride integer|integer[]|nil default 1
---@param padding integer|integer[]|nil default 0
---@param output_padding integer|integer[]|nil added to one side of the output's size; default 0
---@param groups integer|nil default 1
---@param dilation integer|integer[]|nil default 1
---@return Tensor shape (N, O, OH, OW) with OH = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1
--- Source: torch.nn.functional.conv_transpose2d.
define("conv_transpose2d", function(x, weight, ...)
  local bias, stride, padding, output_padding, groups, dilation = named("conv_transpose2d", TRANSPOSED, ...)
  check_weight("conv_transpose2d", weight, 4)
  check_bias("conv_transpose2d", bias)
  local function pair(what, n, otherwise) return integers("conv_transpose2d", what, n, 2, otherwise) end
  return (batched("conv_transpose2d", 4, x, function(image)
    return transposed(image, weight, bias, pair("stride", stride, 1), pair("padding", padding, 0),
      pair("output_padding", output_padding, 0), groups, pair("dilation", dilation, 1))
  end))
end)

--- conv_transpose1d: the gradient of conv1d as a layer of its own.
---@param x Tensor shape (N, C, T) or (C, T), floating
---@param weight Tensor shape (C, O / groups, K)
---@param bias Tensor|nil shape (O)
---@param stride integer|nil default 1
---@param padding integer|nil default 0
---@param output_padding integer|nil default 0
---@param groups integer|nil default 1
---@param dilation integer|nil default 1
---@return Tensor shape (N, O, OT)
--- Source: torch.nn.functional.conv_transpose1d.
define("conv_transpose1d", function(x, weight, ...)
  local bias, stride, padding, output_padding, groups, dilation = named("conv_transpose1d", TRANSPOSED, ...)
  check_weight("conv_transpose1d", weight, 3)
  check_bias("conv_transpose1d", bias)
  local function one(what, n, otherwise)
    return {otherwise, integers("conv_transpose1d", what, n, 1, otherwise)[1]}
  end
  return (batched("conv_transpose1d", 3, x, function(sequence)
    local y = transposed(sequence:unsqueeze(3), weight:unsqueeze(3), nil, one("stride", stride, 1),
      one("padding", padding, 0), one("output_padding", output_padding, 0), groups,
      one("dilation", dilation, 1)):squeeze(3)
    return bias and y + bias:view(-1, 1) or y
  end))
end)

-- Sizes whose product can be counted.
local function check_kernel(op, kernel)
  for d = 1, 2 do
    if kernel[d] < 1 or kernel[d] > 1 << 30 then
      arguments.fail("%s: kernel_size: expected sizes from 1 to 2^30, got %d", op, kernel[d])
    end
  end
  return kernel
end

-- A kernel for each element of a window, that is 1 there: convolving with it lays windows out as channels.
local function window_kernels(x, channels, kernel)
  local n = kernel[1] * kernel[2]
  local eye = core.eye(n, {dtype = x.dtype, device = x.device}):reshape(n, 1, kernel[1], kernel[2])
  return eye:unsqueeze(1):expand(channels, n, 1, kernel[1], kernel[2]):reshape(channels * n, 1, kernel[1], kernel[2])
end

--- im2col: the windows of images as columns (torch.nn.functional.unfold).
---@param x Tensor shape (N, C, H, W), floating
---@param kernel_size integer|integer[]
---@param dilation integer|integer[]|nil default 1
---@param padding integer|integer[]|nil default 0
---@param stride integer|integer[]|nil default 1
---@return Tensor shape (N, C KH KW, L), L the number of windows
--- Source: torch.nn.functional.unfold.
define("im2col", function(x, ...)
  local kernel, dilation, padding, stride = named("im2col", UNFOLD, ...)
  kernel = check_kernel("im2col", integers("im2col", "kernel_size", kernel, 2))
  return (batched("im2col", 4, x, function(image)
    local channels = image:size(2)
    return conv2d(image, window_kernels(image, channels, kernel), nil, stride, padding, dilation,
      channels):flatten(3, 4)
  end))
end)

--- col2im: sums of windows, back in their places: what im2col is the transpose of (torch.nn.functional.fold).
---@param x Tensor shape (N, C KH KW, L), floating
---@param output_size integer|integer[] H, W
---@param kernel_size integer|integer[]
---@param dilation integer|integer[]|nil default 1
---@param padding integer|integer[]|nil default 0
---@param stride integer|integer[]|nil default 1
---@return Tensor shape (N, C, H, W)
--- Source: torch.nn.functional.fold.
define("col2im", function(x, ...)
  local size, kernel, dilation, padding, stride = named("col2im", FOLD, ...)
  local function pair(what, n, otherwise) return integers("col2im", what, n, 2, otherwise) end
  size, kernel = pair("output_size", size), check_kernel("col2im", pair("kernel_size", kernel))
  stride, padding, dilation = pair("stride", stride, 1), pair("padding", padding, 0), pair("dilation", dilation, 1)
  return (batched("col2im", 3, x, function(columns)
    local area, grid = kernel[1] * kernel[2], {}
    for d = 1, 2 do
      grid[d] = (size[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) // stride[d] + 1
    end
    local rows = columns:size(2)
    if area < 1 or rows % area ~= 0 or columns:size(3) ~= grid[1] * grid[2] then
      arguments.fail("col2im: expected (N, a multiple of %d, %d), got %s", area, grid[1] * grid[2],
        arguments.shape(columns))
    end
    return input_grad(columns:unflatten(3, grid), window_kernels(columns, rows // area, kernel), size, stride, padding,
      dilation, rows // area)
  end))
end)
