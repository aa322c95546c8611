--- Convolution and pooling of volumes (N, C, D, H, W), by those of images; and what undoes max pooling. A convolution
--- lays the kernel's depth out as channels; a pooling goes over the images and then along the depth, whose means and
--- maxima are those of the whole windows.

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local define, named, fail, integers = core.define, arguments.named, arguments.fail, arguments.integers

local MOST = 1 << 30 -- sizes whose products can be counted

-- f of x with a batch dimension, which x may lack.
local function batched(op, x, f)
  arguments.floating(op, x)
  if x.ndim ~= 5 and x.ndim ~= 4 then
    fail("%s: expected a tensor of 5 dimensions, or 4 without a batch, got %s", op, arguments.shape(x))
  end
  if x.ndim == 5 then return f(x) end
  local y, places = f(x:unsqueeze(1))
  return y:squeeze(1), places and places:squeeze(1)
end

-- Three integers from `least` on, from one for all or a table.
local function triple(op, what, n, otherwise, least)
  local list = integers(op, what, n, 3, otherwise)
  for _, v in ipairs(list) do
    if v < least or v > MOST then fail("%s: %s: expected integers from %d to 2^30, got %d", op, what, least, v) end
  end
  return list
end

-- --- convolution -----------------------------------------------------------------------------------------------------

local CONV = {"bias", "stride", "padding", "dilation", "groups"}
local TRANSPOSED = {"bias", "stride", "padding", "output_padding", "groups", "dilation"}

local function check_volume_kernel(op, x, weight, bias)
  arguments.tensor(op, 2, weight)
  if weight.ndim ~= 5 then fail("%s: expected a weight of 5 dimensions, got %s", op, arguments.got(weight)) end
  if x.dtype ~= weight.dtype then
    fail("%s: expected a weight of the input's dtype %s, got %s", op, x.dtype, weight.dtype)
  end
  if weight:size(3) < 1 then fail("%s: a kernel has no elements: %s", op, arguments.shape(weight)) end
  if bias == nil then return end
  arguments.tensor(op, 3, bias)
  if bias.ndim ~= 1 then fail("%s: expected a bias of one dimension, got %s", op, arguments.shape(bias)) end
end

-- Zeros before and after the depth, and the padding of images as conv2d takes it.
local function paddings(op, padding, kernel, dilation)
  if padding == "valid" then return 0, 0, {0, 0} end
  if padding == "same" then
    local all = dilation[1] * (kernel - 1)
    return all // 2, all - all // 2, "same"
  end
  local pads = triple(op, "padding", padding, 0, 0)
  return pads[1], pads[1], {pads[2], pads[3]}
end

-- (outputs * kernel): the positions, from 1, of each window along a dimension.
local function window_positions(outputs, kernel, stride, dilation, device)
  local function range(n) return core.arange(0, n - 1, 1, {dtype = "i64", device = device}) end
  return (range(outputs):unsqueeze(2) * stride + range(kernel) * dilation + 1):reshape(outputs * kernel)
end

local function convolved(x, weight, bias, stride, padding, dilation, groups)
  local kernel = weight:size(3)
  local before, after, image_padding = paddings("conv3d", padding, kernel, dilation)
  if before + after > 0 then x = core.pad(x, {0, 0, 0, 0, before, after}) end
  local n, channels, depth, h, w = table.unpack(x:size())
  local outputs = (depth - dilation[1] * (kernel - 1) - 1) // stride[1] + 1
  if outputs < 1 or padding == "same" and stride[1] ~= 1 then
    fail("conv3d: %s", outputs < 1 and ("a kernel of depth %d does not fit the padded depth %d"):format(kernel, depth)
      or "padding 'same' needs a stride of 1")
  end
  local at = window_positions(outputs, kernel, stride[1], dilation[1], x.device)
  local images = x:index_select(3, at):reshape(n, channels, outputs, kernel, h, w):permute(1, 3, 2, 4, 5, 6)
  local size = weight:size()
  local y = core.conv2d(images:reshape(n * outputs, channels * kernel, h, w),
    weight:reshape(size[1], size[2] * kernel, size[4], size[5]), bias, {stride[2], stride[3]}, image_padding,
    {dilation[2], dilation[3]}, groups)
  return y:reshape(n, outputs, size[1], y:size(3), y:size(4)):transpose(2, 3)
end

--- conv3d: cross-correlation of volumes with kernels.
---@param x Tensor shape (N, C, D, H, W) or (C, D, H, W), floating
---@param weight Tensor shape (O, C / groups, KD, KH, KW)
---@param bias Tensor|nil shape (O)
---@param stride integer|integer[]|nil default 1
---@param padding integer|integer[]|string|nil zeros on each side, default 0; "same" (stride 1) or "valid"
---@param dilation integer|integer[]|nil default 1
---@param groups integer|nil default 1
---@return Tensor shape (N, O, OD, OH, OW), each as of conv2d
--- The input is laid out once for each position of the kernel's depth: KD / stride times its memory.
--- Source: torch.nn.functional.conv3d.
define("conv3d", function(x, weight, ...)
  local bias, stride, padding, dilation, groups = named("conv3d", CONV, ...)
  return (batched("conv3d", x, function(volume)
    check_volume_kernel("conv3d", volume, weight, bias)
    return convolved(volume, weight, bias, triple("conv3d", "stride", stride, 1, 1), padding,
      triple("conv3d", "dilation", dilation, 1, 1), groups)
  end))
end)

local function transposed(x, weight, o)
  local n, channels, depth, h, w = table.unpack(x:size())
  local kernel, size = weight:size(3), weight:size()
  local images = x:transpose(2, 3):reshape(n * depth, channels, h, w)
  local y = core.conv_transpose2d(images, weight:reshape(size[1], size[2] * kernel, size[4], size[5]), nil,
    {o.stride[2], o.stride[3]}, {o.padding[2], o.padding[3]}, {o.output_padding[2], o.output_padding[3]}, o.groups,
    {o.dilation[2], o.dilation[3]})
  local outputs, oh, ow = y:size(2) // kernel, y:size(3), y:size(4)
  local pieces = y:reshape(n, depth, outputs, kernel, oh, ow):permute(1, 3, 2, 4, 5, 6)
  local length = (depth - 1) * o.stride[1] + o.dilation[1] * (kernel - 1) + 1 + o.output_padding[1]
  if length - 2 * o.padding[1] < 1 then fail("conv_transpose3d: nothing is left of the depth") end
  local whole = core.zeros({n, outputs, length, oh, ow}, {dtype = y.dtype, device = y.device})
  local at = window_positions(depth, kernel, o.stride[1], o.dilation[1], x.device)
  whole = whole:index_add(3, at, pieces:reshape(n, outputs, depth * kernel, oh, ow))
  return whole:narrow(3, o.padding[1] + 1, length - 2 * o.padding[1])
end

--- conv_transpose3d: the gradient of conv3d as a layer of its own: volumes grow by the stride.
---@param x Tensor shape (N, C, D, H, W) or (C, D, H, W), floating
---@param weight Tensor shape (C, O / groups, KD, KH, KW)
---@param bias Tensor|nil shape (O)
---@param stride integer|integer[]|nil default 1
---@param padding integer|integer[]|nil default 0
---@param output_padding integer|integer[]|nil added to one side of the output's size; default 0
---@param groups integer|nil default 1
---@param dilation integer|integer[]|nil default 1
---@return Tensor shape (N, O, OD, OH, OW), each as of conv_transpose2d
--- Source: torch.nn.functional.conv_transpose3d.
define("conv_transpose3d", function(x, weight, ...)
  local op = "conv_transpose3d"
  local bias, stride, padding, output_padding, groups, dilation = named(op, TRANSPOSED, ...)
  return (batched(op, x, function(volume)
    check_volume_kernel(op, volume, weight, bias)
    local o = {stride = triple(op, "stride", stride, 1, 1), padding = triple(op, "padding", padding, 0, 0),
      output_padding = triple(op, "output_padding", output_padding, 0, 0), groups = groups,
      dilation = triple(op, "dilation", dilation, 1, 1)}
    if o.output_padding[1] >= math.max(o.stride[1], o.dilation[1]) then
      fail("%s: output_padding %d must be smaller than the stride %d or the dilation %d", op, o.output_padding[1],
        o.stride[1], o.dilation[1])
    end
    if volume:size(3) < 1 then fail("%s: expected a volume with depth, got %s", op, arguments.shape(volume)) end
    local y = transposed(volume, weight, o)
    return bias and y + bias:view(-1, 1, 1, 1) or y
  end))
end)

-- --- pooling --------------------------------------------------------------------------------------------------------

-- The images of volumes, pooled by f(images), as volumes again.
local function over_images(x, f)
  local n, c, d, h, w = table.unpack(x:size())
  local y, places = f(x:reshape(n, c * d, h, w))
  local size = {n, c, d, y:size(3), y:size(4)}
  return y:reshape(size), places and places:reshape(size)
end

-- The same along the depth; f sees (N, C, D, H W).
local function along_depth(x, f)
  local n, c, d, h, w = table.unpack(x:size())
  local y, places = f(x:reshape(n, c, d, h * w))
  return y:reshape(n, c, y:size(3), h, w), places
end

-- A pooling of maxima in two steps; places: those in the volume, from 1.
local function maxima(x, images, depth, return_indices)
  local y, in_image = over_images(x, images)
  local area, plane = x:size(4) * x:size(5), y:size(4) * y:size(5)
  local pooled, at = along_depth(y, depth)
  if not return_indices then return pooled end
  local n, c = x:size(1), x:size(2)
  at = at:reshape(n, c, at:numel() // math.max(n * c, 1))
  local chosen = in_image:reshape(n, c, x:size(3) * plane):gather(3, at)
  return pooled, ((at - 1):floor_divide(math.max(plane, 1)) * area + chosen):reshape(pooled:size())
end

local MAX = {"kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"}
local AVG = {"kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"}

--- max_pool3d: the largest element of each window of a volume.
---@param x Tensor shape (N, C, D, H, W) or (C, D, H, W), floating
---@param kernel_size integer|integer[]
---@param stride integer|integer[]|nil default kernel_size
---@param padding integer|integer[]|nil at most half of the kernel; default 0
---@param dilation integer|integer[]|nil default 1
---@param ceil_mode boolean|nil a last, partial window counts; default false
---@param return_indices boolean|nil default false
---@return Tensor shape (N, C, OD, OH, OW)
---@return Tensor|nil with return_indices: the places in the volume (D H W), from 1, i64
--- Source: torch.nn.functional.max_pool3d.
define("max_pool3d", function(x, ...)
  local op = "max_pool3d"
  local kernel_size, stride, padding, dilation, ceil_mode, return_indices = named(op, MAX, ...)
  return batched(op, x, function(volume)
    local k = triple(op, "kernel_size", kernel_size, nil, 1)
    local s = stride == nil and k or triple(op, "stride", stride, nil, 1)
    local p, d = triple(op, "padding", padding, 0, 0), triple(op, "dilation", dilation, 1, 1)
    local function pool(a, b)
      return function(images)
        local function pair(v, other) return b and {v[a], v[b]} or {v[a], other} end
        return core.max_pool2d(images, pair(k, 1), pair(s, 1), pair(p, 0), pair(d, 1), ceil_mode, return_indices)
      end
    end
    return maxima(volume, pool(2, 3), pool(1), return_indices)
  end)
end)

--- avg_pool3d: the mean of each window of a volume.
---@param x Tensor shape (N, C, D, H, W) or (C, D, H, W), floating
---@param kernel_size integer|integer[]
---@param stride integer|integer[]|nil default kernel_size
---@param padding integer|integer[]|nil default 0
---@param ceil_mode boolean|nil default false
---@param count_include_pad boolean|nil padding counts in the number of elements; default true
---@param divisor_override number|nil divide by this instead
---@return Tensor shape (N, C, OD, OH, OW)
--- Source: torch.nn.functional.avg_pool3d.
define("avg_pool3d", function(x, ...)
  local op = "avg_pool3d"
  local kernel_size, stride, padding, ceil_mode, count_include_pad, divisor = named(op, AVG, ...)
  arguments.number(op, "divisor_override", divisor, true)
  if divisor == 0 then fail("%s: divisor_override: expected another number than 0", op) end
  return (batched(op, x, function(volume)
    local k = triple(op, "kernel_size", kernel_size, nil, 1)
    local s = stride == nil and k or triple(op, "stride", stride, nil, 1)
    local p = triple(op, "padding", padding, 0, 0)
    local sums = divisor and 1 or nil
    local y = over_images(volume, function(images)
      return core.avg_pool2d(images, {k[2], k[3]}, {s[2], s[3]}, {p[2], p[3]}, ceil_mode, count_include_pad, sums)
    end)
    y = along_depth(y, function(planes)
      return core.avg_pool2d(planes, {k[1], 1}, {s[1], 1}, {p[1], 0}, ceil_mode, count_include_pad, sums)
    end)
    return divisor and y / divisor or y
  end))
end)

--- adaptive_avg_pool3d: means over a grid of windows that cover the volume evenly.
---@param x Tensor shape (N, C, D, H, W) or (C, D, H, W), floating
---@param output_size integer|integer[]
---@return Tensor shape (N, C, OD, OH, OW)
--- Source: torch.nn.functional.adaptive_avg_pool3d.
define("adaptive_avg_pool3d", function(x, output_size)
  local op = "adaptive_avg_pool3d"
  return (batched(op, x, function(volume)
    local out = triple(op, "output_size", arguments.output_sizes(op, volume, 3, output_size), nil, 1)
    local y = over_images(volume, function(images) return core.adaptive_avg_pool2d(images, {out[2], out[3]}) end)
    return (along_depth(y, function(planes) return core.adaptive_avg_pool2d(planes, {out[1], out[2] * out[3]}) end))
  end))
end)

--- adaptive_max_pool3d: the largest elements of a grid of windows that cover the volume evenly.
---@param x Tensor shape (N, C, D, H, W) or (C, D, H, W), floating
---@param output_size integer|integer[]|table or the options {output_size =, return_indices =}
---@param return_indices boolean|nil default false
---@return Tensor shape (N, C, OD, OH, OW)
---@return Tensor|nil with return_indices: the places in the volume (D H W), from 1, i64
--- Source: torch.nn.functional.adaptive_max_pool3d.
define("adaptive_max_pool3d", function(x, ...)
  local op = "adaptive_max_pool3d"
  local output_size, return_indices = named(op, {"output_size", "return_indices"}, ...)
  return batched(op, x, function(volume)
    local out = triple(op, "output_size", arguments.output_sizes(op, volume, 3, output_size), nil, 1)
    return maxima(volume, function(images)
      return core.adaptive_max_pool2d(images, {out[2], out[3]}, return_indices)
    end, function(planes)
      return core.adaptive_max_pool2d(planes, {out[1], out[2] * out[3]}, return_indices)
    end, return_indices)
  end)
end)

-- --- max pooling undone ----------------------------------------------------------------------------------------------

local UNPOOL = {"kernel_size", "stride", "padding", "output_size"}

-- The last sizes of the result: those given, which the pooling could have had, or the least.
local function unpooled_size(op, x, dims, kernel, stride, padding, output_size)
  local default, given = {}, output_size
  for d = 1, dims do
    default[d] = (x:size(d - dims - 1) - 1) * stride[d] - 2 * padding[d] + kernel[d]
  end
  if given == nil then return default end
  if type(given) ~= "table" or #given < dims then
    fail("%s: output_size: expected a table of %d integers", op, dims)
  end
  given = integers(op, "output_size", table.move(given, #given - dims + 1, #given, 1, {}), dims)
  for d = 1, dims do
    if given[d] <= default[d] - stride[d] or given[d] >= default[d] + stride[d] then
      fail("%s: output_size: expected between %d and %d, got %d", op, default[d] - stride[d], default[d] + stride[d],
        given[d])
    end
  end
  return given
end

local function unpool(op, dims, x, indices, ...)
  arguments.floating(op, x, 1)
  arguments.tensor(op, 2, indices)
  if x.ndim ~= dims + 2 and x.ndim ~= dims + 1 or arguments.shape(indices) ~= arguments.shape(x) or
    indices:is_floating_point() or indices.dtype == "bool" then
    fail("%s: expected (N, C%s), or without N, and places of that shape, got %s and %s", op,
      (", *"):rep(dims), arguments.shape(x), arguments.got(indices))
  end
  local kernel_size, stride, padding, output_size = named(op, UNPOOL, ...)
  local kernel = integers(op, "kernel_size", kernel_size, dims)
  local step = stride == nil and kernel or integers(op, "stride", stride, dims)
  local pads = integers(op, "padding", padding, dims, 0)
  for d = 1, dims do
    if kernel[d] < 1 or kernel[d] > MOST or step[d] < 1 or step[d] > MOST or pads[d] < 0 or pads[d] > MOST then
      fail("%s: expected a kernel and a stride of at least 1 and no negative padding", op)
    end
  end
  local last = unpooled_size(op, x, dims, kernel, step, pads, output_size)
  local size, places, lead = {}, 1, 1
  for d = 1, x.ndim - dims do size[d], lead = x:size(d), lead * x:size(d) end
  for _, n in ipairs(last) do
    if n < 1 then fail("%s: nothing is left: the result would have size %d", op, n) end
    size[#size + 1], places = n, places * n
  end
  local each = lead > 0 and x:numel() // lead or 0
  local y = core.zeros({lead, places}, {dtype = x.dtype, device = x.device})
  return y:scatter(2, indices:to("i64"):reshape(lead, each), x:reshape(lead, each)):reshape(size)
end

--- max_unpool1d: what max_pool1d chose, back in its places, zeros elsewhere.
---@param x Tensor shape (N, C, T) or (C, T), floating
---@param indices Tensor the places, from max_pool1d with return_indices
---@param kernel_size integer|table or the options {kernel_size =, stride =, padding =, output_size =}
---@param stride? integer default kernel_size
---@param padding? integer default 0
---@param output_size? integer[] where the pooling could have started from several sizes; default: the least
---@return Tensor
--- Source: torch.nn.functional.max_unpool1d.
define("max_unpool1d", function(x, indices, ...) return unpool("max_unpool1d", 1, x, indices, ...) end)

--- max_unpool2d: what max_pool2d chose, back in its places, zeros elsewhere.
---@param x Tensor shape (N, C, H, W) or (C, H, W), floating
---@param indices Tensor the places, from max_pool2d with return_indices
---@param kernel_size integer|integer[]|table or the options {kernel_size =, stride =, padding =, output_size =}
---@param stride? integer|integer[] default kernel_size
---@param padding? integer|integer[] default 0
---@param output_size? integer[] where the pooling could have started from several sizes; default: the least
---@return Tensor
--- Source: Zeiler, Fergus 2014; torch.nn.functional.max_unpool2d.
define("max_unpool2d", function(x, indices, ...) return unpool("max_unpool2d", 2, x, indices, ...) end)

--- max_unpool3d: what max_pool3d chose, back in its places, zeros elsewhere.
---@param x Tensor shape (N, C, D, H, W) or (C, D, H, W), floating
---@param indices Tensor the places, from max_pool3d with return_indices
---@param kernel_size integer|integer[]|table or the options {kernel_size =, stride =, padding =, output_size =}
---@param stride? integer|integer[] default kernel_size
---@param padding? integer|integer[] default 0
---@param output_size? integer[] where the pooling could have started from several sizes; default: the least
---@return Tensor
--- Source: torch.nn.functional.max_unpool3d.
define("max_unpool3d", function(x, indices, ...) return unpool("max_unpool3d", 3, x, indices, ...) end)
