--- Channels of images moved and weighed: pixel and channel shuffles, local response normalisation, dropout of whole
--- channels, alpha dropout; pooling by norms and to a size. Compositions of other ops.

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local in_place = require "apsis.ops.in_place"
local define, named, fail = core.define, arguments.named, arguments.fail

local function check_factor(op, what, n)
  if math.type(n) ~= "integer" or n < 1 then
    fail("%s: %s: expected an integer of at least 1, got %s", op, what, tostring(n))
  end
end

-- The sizes before the last three dimensions, and those three.
local function image_sizes(op, x)
  arguments.tensor(op, 1, x)
  if x.ndim < 3 then fail("%s: expected at least 3 dimensions (..., C, H, W), got %s", op, arguments.shape(x)) end
  local size = x:size()
  local w, h, c = table.remove(size), table.remove(size), table.remove(size)
  return size, c, h, w
end

local function joined(lead, ...)
  local size = {table.unpack(lead)}
  for _, n in ipairs {...} do size[#size + 1] = n end
  return size
end

-- x, whose lead dimensions are one, reshaped and its other five dimensions in the order given.
local function rearranged(x, sizes, order, lead, ...)
  local n = 1
  for _, s in ipairs(lead) do n = n * s end
  return x:reshape(n, table.unpack(sizes)):permute(1, table.unpack(order)):reshape(joined(lead, ...))
end

--- pixel_shuffle: (..., C r^2, H, W) to (..., C, H r, W r): channels become finer pixels.
---@param x Tensor
---@param upscale_factor integer r
---@return Tensor
--- Source: Shi et al. 2016; torch.nn.functional.pixel_shuffle.
--- Example: F.pixel_shuffle(ap.ones(1, 4, 2, 2), 2).shape --> {1, 1, 4, 4}
define("pixel_shuffle", function(x, upscale_factor)
  local lead, c, h, w = image_sizes("pixel_shuffle", x)
  local r = upscale_factor
  check_factor("pixel_shuffle", "upscale_factor", r)
  if r > 1 << 20 or c % (r * r) ~= 0 then
    fail("pixel_shuffle: the channels, %d, are no multiple of the square of the factor %d", c, r)
  end
  local out = c // (r * r)
  return rearranged(x, {out, r, r, h, w}, {2, 5, 3, 6, 4}, lead, out, h * r, w * r)
end)

--- pixel_unshuffle: the inverse of pixel_shuffle.
---@param x Tensor shape (..., C, H r, W r)
---@param downscale_factor integer r
---@return Tensor shape (..., C r^2, H, W)
--- Source: torch.nn.functional.pixel_unshuffle.
define("pixel_unshuffle", function(x, downscale_factor)
  local lead, c, h, w = image_sizes("pixel_unshuffle", x)
  local r = downscale_factor
  check_factor("pixel_unshuffle", "downscale_factor", r)
  if r > 1 << 20 or h % r ~= 0 or w % r ~= 0 then
    fail("pixel_unshuffle: the sizes of %s are no multiples of the factor %d", arguments.shape(x), r)
  end
  return rearranged(x, {c, h // r, r, w // r, r}, {2, 4, 6, 3, 5}, lead, c * r * r, h // r, w // r)
end)

--- channel_shuffle: the channels of `groups` groups in turns.
---@param x Tensor shape (N, C, ...)
---@param groups integer divides C
---@return Tensor same shape
--- Source: Zhang et al. 2017; torch.nn.functional.channel_shuffle.
--- Example: F.channel_shuffle(ap.arange(4):reshape(1, 4, 1), 2):reshape(-1) --> [1, 3, 2, 4]
define("channel_shuffle", function(x, groups)
  arguments.tensor("channel_shuffle", 1, x)
  if x.ndim < 3 then fail("channel_shuffle: expected (N, C, ...) with positions, got %s", arguments.shape(x)) end
  check_factor("channel_shuffle", "groups", groups)
  local size = x:size()
  if size[2] % groups ~= 0 then fail("channel_shuffle: %d channels make no %d equal groups", size[2], groups) end
  local positions = 1
  for d = 3, #size do positions = positions * size[d] end
  return x:reshape(size[1], groups, size[2] // groups, positions):transpose(2, 3):reshape(size)
end)

--- local_response_norm: x / (k + alpha mean(x^2 over `size` neighbouring channels))^beta.
---@param x Tensor shape (N, C, ...), floating
---@param size integer channels
---@param alpha? number|table default 1e-4; or the options {alpha =, beta =, k =}
---@param beta? number default 0.75
---@param k? number default 1
---@return Tensor same shape
--- Source: Krizhevsky et al. 2012; torch.nn.functional.local_response_norm.
define("local_response_norm", function(x, size, ...)
  local op = "local_response_norm"
  arguments.floating(op, x)
  local alpha, beta, k = named(op, {"alpha", "beta", "k"}, ...)
  for name, v in pairs {alpha = alpha, beta = beta, k = k} do arguments.number(op, name, v, true) end
  if x.ndim < 3 then fail("%s: expected (N, C, ...) with positions, got %s", op, arguments.shape(x)) end
  check_factor(op, "size", size)
  if x:numel() == 0 then return x * 1 end
  local n, channels = x:size(1), x:size(2)
  local squares = (x * x):reshape(n, 1, channels, -1)
  squares = core.pad(squares, {0, 0, size // 2, (size - 1) // 2})
  local mean = core.avg_pool2d(squares, {size, 1}, {1, 1}):reshape(x:size())
  return x / (mean * (alpha or 1e-4) + (k or 1)):pow(beta or 0.75)
end)

-- --- dropout --------------------------------------------------------------------------------------------------------

local function check_dropout(op, x, p)
  arguments.floating(op, x)
  p = p or 0.5
  if type(p) ~= "number" or not (p >= 0 and p <= 1) then
    fail("%s: p: expected a probability from 0 to 1, got %s", op, tostring(p))
  end
  return p
end

-- 1 where an element, or with `channels` a channel (N, C), is kept; else 0.
local function kept(x, p, channels)
  local size = x:size()
  for d = 3, channels and #size or 0 do size[d] = 1 end
  return core.empty(size, {dtype = x.dtype, device = x.device}):bernoulli_(1 - p)
end

local function check_channels(op, x)
  if x.ndim < 2 then fail("%s: expected (N, C, ...), got %s", op, arguments.shape(x)) end
end

-- What is dropped becomes the saturated value of selu, and mean and variance stay.
local function alpha_drop(x, p, channels)
  if p == 1 then return x * 0 end
  local alpha = 1.7580993408473766
  local a = 1 / math.sqrt((alpha * alpha * p + 1) * (1 - p))
  local noise = kept(x, p, channels)
  return x * (noise * a) + ((noise - 1) * (alpha * a) + alpha * a * p)
end

local function feature_drop(x, p)
  if p == 1 then return x * 0 end
  return x * (kept(x, p, true) / (1 - p))
end

--- alpha_dropout: dropout for nets of selu: what is dropped takes selu's least value, and the rest is scaled so that
--- mean 0 and variance 1 stay.
---@param x Tensor floating
---@param p? number|table default 0.5; or the options {p =, training =}
---@param training? boolean default false, as in PyTorch
---@return Tensor
--- Source: Klambauer et al. 2017; torch.nn.functional.alpha_dropout.
define("alpha_dropout", function(x, ...)
  local p, training = named("alpha_dropout", {"p", "training"}, ...)
  p = check_dropout("alpha_dropout", x, p)
  if not training or p == 0 then return x end
  return alpha_drop(x, p)
end)

--- feature_dropout: dropout of whole channels.
---@param x Tensor shape (N, C, ...), floating
---@param p? number|table default 0.5; or the options {p =, training =}
---@param training? boolean default true
---@return Tensor
--- Source: Tompson et al. 2015; torch.feature_dropout.
define("feature_dropout", function(x, ...)
  local p, training = named("feature_dropout", {"p", "training"}, ...)
  p = check_dropout("feature_dropout", x, p)
  if training == false or p == 0 then return x end
  check_channels("feature_dropout", x)
  return feature_drop(x, p)
end)

--- feature_alpha_dropout: alpha_dropout of whole channels.
---@param x Tensor shape (N, C, ...), floating
---@param p? number|table default 0.5; or the options {p =, training =}
---@param training? boolean default false, as in PyTorch
---@return Tensor
--- Source: torch.nn.functional.feature_alpha_dropout.
define("feature_alpha_dropout", function(x, ...)
  local p, training = named("feature_alpha_dropout", {"p", "training"}, ...)
  p = check_dropout("feature_alpha_dropout", x, p)
  if not training or p == 0 then return x end
  check_channels("feature_alpha_dropout", x)
  return alpha_drop(x, p, true)
end)

for _, name in ipairs {"dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"} do in_place(name) end

-- F.dropout1d and its like: `dims` with a batch.
local function dropout_of(op, dims)
  define(op, function(x, ...)
    local p, training = named(op, {"p", "training"}, ...)
    p = check_dropout(op, x, p)
    if x.ndim ~= dims and x.ndim ~= dims - 1 then
      fail("%s: expected %d dimensions, or %d without a batch, got %s", op, dims, dims - 1, arguments.shape(x))
    end
    if training == false or p == 0 then return x end
    if x.ndim == dims then return feature_drop(x, p) end
    return feature_drop(x:unsqueeze(1), p):squeeze(1)
  end)
end

--- dropout1d: dropout of whole channels of sequences.
---@param x Tensor shape (N, C, T) or (C, T), floating
---@param p? number|table default 0.5; or the options {p =, training =}
---@param training? boolean default true
---@return Tensor
--- Source: torch.nn.functional.dropout1d.
dropout_of("dropout1d", 3)

--- dropout2d: dropout of whole channels of images.
---@param x Tensor shape (N, C, H, W) or (C, H, W), floating
---@param p? number|table default 0.5; or the options {p =, training =}
---@param training? boolean default true
---@return Tensor
--- Source: torch.nn.functional.dropout2d, which still takes three dimensions for (N, C, T).
dropout_of("dropout2d", 4)

--- dropout3d: dropout of whole channels of volumes.
---@param x Tensor shape (N, C, D, H, W) or (C, D, H, W), floating
---@param p? number|table default 0.5; or the options {p =, training =}
---@param training? boolean default true
---@return Tensor
--- Source: torch.nn.functional.dropout3d.
dropout_of("dropout3d", 5)

--- gumbel_softmax: samples of a categorical distribution, with a gradient.
---@param logits Tensor floating
---@param tau? number|table the temperature, default 1; or the options {tau =, hard =, dim =}
---@param hard? boolean one-hot samples, whose gradient is that of the soft ones; default false
---@param dim? integer default -1
---@return Tensor same shape
--- Source: Jang et al. 2016; torch.nn.functional.gumbel_softmax.
define("gumbel_softmax", function(logits, ...)
  local op = "gumbel_softmax"
  arguments.floating(op, logits)
  local tau, hard, dim = named(op, {"tau", "hard", "dim"}, ...)
  arguments.number(op, "tau", tau, true)
  dim = arguments.dim(op, logits.ndim, dim or -1)
  local gumbel = -core.empty_like(logits:detach()):exponential_():log()
  local soft = ((logits + gumbel) / (tau or 1)):softmax(dim)
  if not hard then return soft end
  if logits.ndim == 0 then return soft - soft:detach() + 1 end
  local one_hot = core.zeros_like(soft:detach()):scatter(dim, soft:detach():argmax(dim, true), 1)
  return one_hot - soft:detach() + soft
end)

-- --- pooling --------------------------------------------------------------------------------------------------------

local LP = {"norm_type", "kernel_size", "stride", "ceil_mode"}

local function lp_pool(op, x, dims, ...)
  arguments.floating(op, x)
  local p, kernel, stride, ceil_mode = named(op, LP, ...)
  arguments.number(op, "norm_type", p)
  if p == 0 then fail("%s: norm_type: expected another number than 0", op) end
  local sizes = arguments.integers(op, "kernel_size", kernel, dims)
  local average = core["avg_pool" .. dims .. "d"]
  if math.abs(p) == math.huge then
    local most = core["max_pool" .. dims .. "d"]
    if p > 0 then return (most(x:abs(), kernel, stride, 0, 1, ceil_mode)) end
    return -most(-x:abs(), kernel, stride, 0, 1, ceil_mode)
  end
  local count = 1
  for _, n in ipairs(sizes) do count = count * n end
  local mean = average(x:pow(p), kernel, stride, 0, ceil_mode)
  return (mean:sign() * core.relu(mean:abs()) * count):pow(1 / p)
end

--- lp_pool1d: of each window the norm (sum x^p)^(1/p).
---@param x Tensor shape (N, C, T) or (C, T), floating
---@param norm_type number|table p; or the options {norm_type =, kernel_size =, stride =, ceil_mode =}
---@param kernel_size integer
---@param stride? integer default kernel_size
---@param ceil_mode? boolean default false
---@return Tensor
--- Source: torch.nn.functional.lp_pool1d.
define("lp_pool1d", function(x, ...) return lp_pool("lp_pool1d", x, 1, ...) end)

--- lp_pool2d: of each window the norm (sum x^p)^(1/p).
---@param x Tensor shape (N, C, H, W) or (C, H, W), floating
---@param norm_type number|table p; or the options {norm_type =, kernel_size =, stride =, ceil_mode =}
---@param kernel_size integer|integer[]
---@param stride? integer|integer[] default kernel_size
---@param ceil_mode? boolean default false
---@return Tensor
--- Source: torch.nn.functional.lp_pool2d.
define("lp_pool2d", function(x, ...) return lp_pool("lp_pool2d", x, 2, ...) end)

--- lp_pool3d: of each window the norm (sum x^p)^(1/p).
---@param x Tensor shape (N, C, D, H, W) or (C, D, H, W), floating
---@param norm_type number|table p; or the options {norm_type =, kernel_size =, stride =, ceil_mode =}
---@param kernel_size integer|integer[]
---@param stride? integer|integer[] default kernel_size
---@param ceil_mode? boolean default false
---@return Tensor
--- Source: torch.nn.functional.lp_pool3d.
define("lp_pool3d", function(x, ...) return lp_pool("lp_pool3d", x, 3, ...) end)

-- (out, most): the positions, from 1, that each of `out` windows covers of a dimension of size n. What a smaller window
-- lacks is its first position again, which changes no maximum.
local function windows(n, out)
  local i = core.arange(0, out - 1, 1, {dtype = "i64", device = "cpu"})
  local first = (i * n):floor_divide(out) + 1
  local last = -(-(i + 1) * n):floor_divide(out)
  local most = (last - first):amax():item() + 1
  local at = first:unsqueeze(2) + core.arange(0, most - 1, 1, {dtype = "i64", device = "cpu"})
  return core.where(at:le(last:unsqueeze(2)), at, first:unsqueeze(2))
end

local function adaptive_sizes(op, x, dims, output_size)
  if x.ndim ~= dims + 2 and x.ndim ~= dims + 1 then
    fail("%s: expected %d dimensions, or %d without a batch, got %s", op, dims + 2, dims + 1, arguments.shape(x))
  end
  local out = arguments.output_sizes(op, x, dims, output_size)
  for _, n in ipairs(out) do
    if n < 0 or n > 1 << 40 then fail("%s: output_size: expected sizes of at least 0, got %d", op, n) end
  end
  return out
end

local function adaptive_max(op, x, dims, output_size, return_indices)
  arguments.floating(op, x)
  local out = adaptive_sizes(op, x, dims, output_size)
  local lead = x:size()
  local width = table.remove(lead)
  local height = dims == 2 and table.remove(lead) or 1
  if height == 0 or width == 0 then fail("%s: %s has no elements to choose from", op, arguments.shape(x)) end
  local shape = joined(lead, table.unpack(out))
  local rows, columns = dims == 2 and out[1] or 1, out[dims]
  if rows == 0 or columns == 0 then
    local none = core.zeros(shape, {dtype = x.dtype, device = x.device})
    return none, return_indices and none:to("i64") or nil
  end
  -- (rows, 1, most, 1) and (1, columns, 1, most): the places in the image of each window's elements.
  local down = windows(height, rows):unsqueeze(2):unsqueeze(4)
  local across = windows(width, columns):unsqueeze(1):unsqueeze(3)
  local places = ((down - 1) * width + across):reshape(rows * columns, -1):to(x.device)
  local seen = x:reshape(joined(lead, height * width)):index_select(-1, places:reshape(-1))
  local y, at = seen:reshape(joined(lead, rows * columns, places:size(2))):max(-1)
  if not return_indices then return y:reshape(shape) end
  local all = places:expand(joined(lead, rows * columns, places:size(2)))
  return y:reshape(shape), all:gather(-1, at:unsqueeze(-1)):reshape(shape)
end

local ADAPTIVE = {"output_size", "return_indices"}

--- adaptive_max_pool1d: the largest elements of windows that cover a sequence evenly.
---@param x Tensor shape (N, C, T) or (C, T), floating
---@param output_size integer|table or the options {output_size =, return_indices =}
---@param return_indices? boolean default false
---@return Tensor shape (N, C, OT)
---@return Tensor|nil with return_indices: the places in the sequence, from 1, i64
--- Source: torch.nn.functional.adaptive_max_pool1d.
define("adaptive_max_pool1d", function(x, ...)
  return adaptive_max("adaptive_max_pool1d", x, 1, named("adaptive_max_pool1d", ADAPTIVE, ...))
end)

--- adaptive_max_pool2d: the largest elements of a grid of windows that cover an image evenly.
---@param x Tensor shape (N, C, H, W) or (C, H, W), floating
---@param output_size integer|integer[]|table or the options {output_size =, return_indices =}
---@param return_indices? boolean default false
---@return Tensor shape (N, C, OH, OW)
---@return Tensor|nil with return_indices: the places in the image (H W), from 1, i64
--- Source: torch.nn.functional.adaptive_max_pool2d.
define("adaptive_max_pool2d", function(x, ...)
  return adaptive_max("adaptive_max_pool2d", x, 2, named("adaptive_max_pool2d", ADAPTIVE, ...))
end)

--- adaptive_avg_pool1d: means of windows that cover a sequence evenly.
---@param x Tensor shape (N, C, T) or (C, T), floating
---@param output_size integer
---@return Tensor shape (N, C, OT)
--- Source: torch.nn.functional.adaptive_avg_pool1d.
define("adaptive_avg_pool1d", function(x, output_size)
  arguments.floating("adaptive_avg_pool1d", x)
  local out = arguments.integers("adaptive_avg_pool1d", "output_size", output_size, 1)[1]
  if x.ndim ~= 3 and x.ndim ~= 2 then
    fail("adaptive_avg_pool1d: expected 3 dimensions, or 2 without a batch, got %s", arguments.shape(x))
  end
  return core.adaptive_avg_pool2d(x:unsqueeze(-2), {1, out}):squeeze(-2)
end)
