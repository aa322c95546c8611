--- Reductions and scans: their documentation and gradients.
--- `dim` is a dimension (from 1; negative counts from the last), a table of them, or nil for all;
--- `keepdim` keeps them with size 1. Both may come as keywords: x:sum{dim = 2, keepdim = true}.
local core = require "apsis.core"
local rule, no_gradient, define = core.rule, core.no_gradient, core.define
local arguments = require "apsis.ops.arguments"
local reduced = require "apsis.ops.reduced"
local kept_sizes, unreduced, spread = reduced.kept_sizes, reduced.unreduced, reduced.spread
local element_count, among_ties, to_positions = reduced.element_count, reduced.among_ties, reduced.to_positions

--- sum: the sum over dims. Integers and bool sum to i64; f32 sums run in double.
---@param x Tensor any shape
---@param dim? integer|integer[] dims to sum over; nil: all
---@param keepdim? boolean keep the dims with size 1
---@param dtype? string convert x first
---@return Tensor
--- Source: torch.sum.  Example: ap.tensor{{1, 2}, {3, 4}}:sum(1) --> [4, 6]
rule("sum", "", function(g, _, x, dim, keepdim) return spread(g, x, dim, keepdim) end)

--- nansum: the sum over dims of what is not NaN.
---@param x Tensor any shape
---@param dim? integer|integer[] dims to sum over; nil: all
---@param keepdim? boolean keep the dims with size 1
---@param dtype? string convert x first
---@return Tensor
--- Source: torch.nansum.  Example: ap.tensor{1, 0 / 0, 2}:nansum():item() --> 3
rule("nansum", "1", function(g, _, x, dim, keepdim) return spread(g, x, dim, keepdim) * x:eq(x) end)

--- nanmean: the mean over dims of what is not NaN; NaN where there is nothing else.
---@param x Tensor any shape, floating
---@param dim? integer|integer[] dims to average over; nil: all
---@param keepdim? boolean keep the dims with size 1
---@param dtype? string convert x first
---@return Tensor
--- Source: torch.nanmean.  Example: ap.tensor{1, 0 / 0, 2}:nanmean():item() --> 1.5
define("nanmean", function(x, ...)
  arguments.tensor("nanmean", 1, x)
  local dim, keepdim, dtype = arguments.named("nanmean", {"dim", "keepdim", "dtype"}, ...)
  if dtype then x = x:to(dtype) end
  arguments.floating("nanmean", x)
  return x:nansum(dim, keepdim) / x:eq(x):sum(dim, keepdim)
end)

--- mean: the arithmetic mean over dims; floating tensors only (give dtype for others).
---@param x Tensor any shape, floating
---@param dim? integer|integer[] dims to average over; nil: all
---@param keepdim? boolean keep the dims with size 1
---@param dtype? string convert x first
---@return Tensor
--- Source: torch.mean.  Example: ap.tensor{1.0, 2, 6}:mean() --> 3
rule("mean", "", function(g, _, x, dim, keepdim)
  return spread(g / element_count(x, dim), x, dim, keepdim)
end)

-- Along dim, for every position the product of the elements before it (after it, where reverse).
local function exclusive_product(x, dim, reverse)
  local n = x:size(dim)
  local one = core.ones_like(x:narrow(dim, 1, 1))
  if n == 1 then return one end
  if reverse then return core.cat({x:narrow(dim, 2, n - 1):cumprod(dim, true), one}, dim) end
  return core.cat({one, x:narrow(dim, 1, n - 1):cumprod(dim)}, dim)
end

-- x with its reduced dims moved to the end and flattened into one, and the way back.
local function reduced_last(x, dim)
  local size, count = kept_sizes(x, dim)
  local order, back, sizes = {}, {}, {}
  for d, n in ipairs(size) do
    if n == 1 and x:size(d) ~= 1 then goto continue end
    order[#order + 1] = d
    ::continue::
  end
  for d, n in ipairs(size) do
    if n == 1 and x:size(d) ~= 1 then order[#order + 1] = d end
  end
  for i, d in ipairs(order) do
    back[d] = i
    sizes[i] = x:size(d)
  end
  local flat = {}
  for i, d in ipairs(order) do
    if size[d] == x:size(d) then flat[#flat + 1] = sizes[i] end
  end
  flat[#flat + 1] = count
  return x:permute(order):reshape(flat), function(y) return y:reshape(sizes):permute(back) end
end

--- prod: the product over dims. Integers and bool multiply to i64.
---@param x Tensor any shape
---@param dim? integer|integer[] dims to multiply over; nil: all
---@param keepdim? boolean keep the dims with size 1
---@param dtype? string convert x first
---@return Tensor
--- Source: torch.prod.  Example: ap.tensor{2, 3, 4}:prod() --> 24
rule("prod", "1y", function(g, y, x, dim, keepdim)
  local gx = spread(g, x, dim, keepdim)
  if x.ndim == 0 or x:numel() == 0 then return gx end
  if x:all():item() then return gx * unreduced(y, x, dim, keepdim):to(x.dtype) / x end
  -- With zeros among the factors nothing may be divided: multiply all the others.
  local flat, back = reduced_last(x, dim)
  return gx * back(exclusive_product(flat, -1) * exclusive_product(flat, -1, true))
end)

--- amax: the largest value over dims; ties share the gradient evenly. NaN wins.
---@param x Tensor any shape, not empty
---@param dim? integer|integer[] dims to reduce; nil: all
---@param keepdim? boolean keep the dims with size 1
---@return Tensor
--- Source: torch.amax.  Example: ap.tensor{{1, 5}, {3, 4}}:amax(2) --> [5, 4]
rule("amax", "1y", among_ties)

--- amin: the smallest value over dims; ties share the gradient evenly. NaN wins.
---@param x Tensor any shape, not empty
---@param dim? integer|integer[] dims to reduce; nil: all
---@param keepdim? boolean keep the dims with size 1
---@return Tensor
--- Source: torch.amin.  Example: ap.tensor{{1, 5}, {3, 4}}:amin(2) --> [1, 3]
rule("amin", "1y", among_ties)

--- all: true where every element over dims is non-zero.
---@param x Tensor any shape
---@param dim? integer|integer[] dims to reduce; nil: all
---@param keepdim? boolean keep the dims with size 1
---@return Tensor bool (u8 for u8)
--- Source: torch.all.  Example: ap.tensor{1, 0}:all():item() --> false
no_gradient("all")

--- any: true where some element over dims is non-zero.
---@param x Tensor any shape
---@param dim? integer|integer[] dims to reduce; nil: all
---@param keepdim? boolean keep the dims with size 1
---@return Tensor bool (u8 for u8)
--- Source: torch.any.  Example: ap.tensor{1, 0}:any():item() --> true
no_gradient("any")

--- count_nonzero: how many elements over dims are not zero.
---@param x Tensor any shape
---@param dim? integer|integer[] dims to reduce; nil: all
---@param keepdim? boolean keep the dims with size 1
---@return Tensor i64
--- Source: torch.count_nonzero.  Example: ap.tensor{1, 0, 2}:count_nonzero():item() --> 2
no_gradient("count_nonzero")

--- norm: (sum |x|^p)^(1/p) over dims.
---@param x Tensor any shape, floating
---@param p? number|string the order: any number, math.huge or "inf", -math.huge, "fro" (2); default 2
---@param dim? integer|integer[] dims to reduce; nil: all
---@param keepdim? boolean keep the dims with size 1
---@return Tensor
--- Source: torch.linalg.vector_norm.  Example: ap.tensor{3.0, 4}:norm():item() --> 5
rule("norm", "1y", function(g, y, x, p, dim, keepdim)
  if p == nil or p == "fro" then p = 2 end
  if p == "inf" or p == "-inf" then p = p == "inf" and math.huge or -math.huge end
  local yx = unreduced(y, x, dim, keepdim)
  local gx = spread(g, x, dim, keepdim)
  if p == 0 then return gx * 0 end
  if p == 1 then return gx * x:sign() end
  if p == 2 then return gx * (x / yx):masked_fill(yx:eq(0), 0) end
  if math.abs(p) == math.huge then
    local at = x:abs():eq(yx):to(x.dtype)
    return gx * x:sign() * (at / at:sum(dim, true))
  end
  local share = x:sign() * x:abs():pow(p - 1) / yx:pow(p - 1)
  if p < 1 then share = share:masked_fill(x:eq(0), 0) end
  return gx * share:masked_fill(yx:eq(0), 0)
end)

-- d var / dx = 2 (x - mean) / (n - correction)
local function var_gradient(g, x, dim, correction, keepdim)
  local freedom = element_count(x, dim) - (correction or 1)
  return spread(g * (2 / math.max(freedom, 0)), x, dim, keepdim) * (x - x:mean(dim, true))
end
local function std_gradient(g, y, x, dim, correction, keepdim)
  return var_gradient((g / (y * 2)):masked_fill(y:eq(0), 0), x, dim, correction, keepdim)
end
local function mean_gradient(g, x, dim, keepdim)
  return spread(g / element_count(x, dim), x, dim, keepdim)
end
local function plus(a, b)
  if a and b then return a + b end
  return a or b
end

--- var: the variance over dims, with divisor n - correction; two passes, in double.
---@param x Tensor any shape, floating
---@param dim? integer|integer[] dims to reduce; nil: all
---@param correction? number default 1 (Bessel's); 0 for the variance of the data itself
---@param keepdim? boolean keep the dims with size 1
---@param unbiased? boolean false is correction 0: PyTorch's older way to say it
---@return Tensor
--- Source: torch.var.  Example: ap.tensor{1.0, 2, 3}:var():item() --> 1
rule("var", "1", function(g, _, x, dim, correction, keepdim)
  return var_gradient(g, x, dim, correction, keepdim)
end)

--- std: the square root of var.
---@param x Tensor any shape, floating
---@param dim? integer|integer[] dims to reduce; nil: all
---@param correction? number default 1
---@param keepdim? boolean keep the dims with size 1
---@return Tensor
--- Source: torch.std.  Example: ap.tensor{1.0, 2, 3}:std():item() --> 1
rule("std", "1y", std_gradient)

--- var_mean: the variance and the mean over dims.
---@param x Tensor any shape, floating
---@param dim? integer|integer[] dims to reduce; nil: all
---@param correction? number default 1
---@param keepdim? boolean keep the dims with size 1
---@return Tensor var
---@return Tensor mean
--- Source: torch.var_mean.  Example: local v, m = ap.tensor{1.0, 2, 3}:var_mean() --> 1, 2
rule("var_mean", "1", function(g, _, x, dim, correction, keepdim)
  return plus(g[1] and var_gradient(g[1], x, dim, correction, keepdim),
              g[2] and mean_gradient(g[2], x, dim, keepdim))
end)

--- std_mean: the standard deviation and the mean over dims.
---@param x Tensor any shape, floating
---@param dim? integer|integer[] dims to reduce; nil: all
---@param correction? number default 1
---@param keepdim? boolean keep the dims with size 1
---@return Tensor std
---@return Tensor mean
--- Source: torch.std_mean.  Example: local s, m = ap.tensor{1.0, 2, 3}:std_mean() --> 1, 2
rule("std_mean", "1y", function(g, y, x, dim, correction, keepdim)
  return plus(g[1] and std_gradient(g[1], y[1], x, dim, correction, keepdim),
              g[2] and mean_gradient(g[2], x, dim, keepdim))
end)

--- logsumexp: log(sum(exp(x))) over dims, without overflow.
---@param x Tensor any shape; integers become f32
---@param dim? integer|integer[] dims to reduce; nil: all
---@param keepdim? boolean keep the dims with size 1
---@return Tensor
--- Source: torch.logsumexp.  Example: ap.tensor{0, 0}:logsumexp():item() --> 0.6931
rule("logsumexp", "1y", function(g, y, x, dim, keepdim)
  return spread(g, x, dim, keepdim) * (x - unreduced(y, x, dim, keepdim)):exp()
end)

--- sum_to_size: x summed to a shape that broadcasts to its own; x itself where they are the same.
---@param x Tensor any shape
---@param ... integer|integer[] the shape
---@return Tensor
--- Source: torch.Tensor.sum_to_size.  Example: ap.ones(4, 3):sum_to_size(1, 3) --> [[4, 4, 4]]
rule("sum_to_size", "", function(g, _, x) return g:expand(x:size()) end)

--- argmax: the position (from 1) of the largest value along dim, the first among equals; NaN wins.
---@param x Tensor any shape, not empty
---@param dim? integer nil: the position in the flattened tensor
---@param keepdim? boolean keep the dim with size 1
---@return Tensor i64
--- Source: torch.argmax.  Example: ap.tensor{3, 7, 5}:argmax():item() --> 2
no_gradient("argmax")

--- argmin: the position (from 1) of the smallest value along dim, the first among equals; NaN wins.
---@param x Tensor any shape, not empty
---@param dim? integer nil: the position in the flattened tensor
---@param keepdim? boolean keep the dim with size 1
---@return Tensor i64
--- Source: torch.argmin.  Example: ap.tensor{3, 7, 5}:argmin():item() --> 1
no_gradient("argmin")

--- max_dim: the largest values along dim and their positions: x:max(dim).
---@param x Tensor any shape, not empty along dim
---@param dim integer
---@param keepdim? boolean keep the dim with size 1
---@return Tensor values
---@return Tensor positions i64, from 1
--- Source: torch.max.  Example: ap.tensor{{1, 5}, {3, 4}}:max_dim(2) --> [5, 4], [2, 2]
rule("max_dim", "y", function(g, y, x, dim, keepdim) return to_positions(g[1], y[2], x, dim, keepdim) end)

--- min_dim: the smallest values along dim and their positions: x:min(dim).
---@param x Tensor any shape, not empty along dim
---@param dim integer
---@param keepdim? boolean keep the dim with size 1
---@return Tensor values
---@return Tensor positions i64, from 1
--- Source: torch.min.  Example: ap.tensor{{1, 5}, {3, 4}}:min_dim(2) --> [1, 3], [1, 1]
rule("min_dim", "y", function(g, y, x, dim, keepdim) return to_positions(g[1], y[2], x, dim, keepdim) end)

local function extreme(name, whole, along, pairwise)
  return function(x, dim, keepdim)
    if core.is_tensor(dim) then
      if keepdim ~= nil then arguments.fail("%s: of two tensors: expected no third argument", name) end
      return pairwise(x, dim)
    end
    if type(dim) == "table" or type(keepdim) == "table" then
      dim, keepdim = arguments.named(name, {"dim", "keepdim"}, dim, keepdim)
    end
    if dim == nil then return whole(x, nil, keepdim) end
    return along(x, dim, keepdim)
  end
end

--- max: of all elements; with a dim, the largest along it and their positions; of two tensors, elementwise.
---@param x Tensor
---@param dim? integer|Tensor the dim, or another tensor
---@param keepdim? boolean keep the dim with size 1
---@return Tensor values
---@return Tensor? positions i64, from 1: with a dim
--- Source: torch.max.  Example: local v, i = ap.tensor{{1, 5}, {3, 4}}:max(2) --> [5, 4], [2, 2]
define("max", extreme("max", core.amax, core.max_dim,
                      function(a, b) return core.maximum(a, b) end))

--- min: of all elements; with a dim, the smallest along it and their positions; of two tensors, elementwise.
---@param x Tensor
---@param dim? integer|Tensor the dim, or another tensor
---@param keepdim? boolean keep the dim with size 1
---@return Tensor values
---@return Tensor? positions i64, from 1: with a dim
--- Source: torch.min.  Example: local v, i = ap.tensor{{1, 5}, {3, 4}}:min(2) --> [1, 3], [1, 1]
define("min", extreme("min", core.amin, core.min_dim,
                      function(a, b) return core.minimum(a, b) end))

--- aminmax: the smallest and the largest value, along one dim or of all. Ties share the gradients evenly. NaN wins.
---@param x Tensor any shape, not empty
---@param dim? integer nil: of all elements
---@param keepdim? boolean keep the dims with size 1
---@return Tensor min
---@return Tensor max
--- Source: torch.aminmax.  Example: local low, high = ap.tensor{3, 1, 2}:aminmax() --> 1, 3
rule("aminmax", "1y", function(g, y, x, dim, keepdim)
  return plus(g[1] and among_ties(g[1], y[1], x, dim, keepdim), g[2] and among_ties(g[2], y[2], x, dim, keepdim))
end)

--- cumsum: running sums along dim. Integers and bool sum to i64.
---@param x Tensor any shape
---@param dim integer
---@param reverse? boolean from the last position back
---@param dtype? string convert x first
---@return Tensor same shape
--- Source: torch.cumsum.  Example: ap.tensor{1, 2, 3}:cumsum(1) --> [1, 3, 6]
rule("cumsum", "", function(g, _, _, dim, reverse) return g:cumsum(dim, not reverse) end)

--- cumprod: running products along dim. Integers and bool multiply to i64.
---@param x Tensor any shape
---@param dim integer
---@param reverse? boolean from the last position back
---@param dtype? string convert x first
---@return Tensor same shape
--- Source: torch.cumprod.  Example: ap.tensor{1, 2, 3}:cumprod(1) --> [1, 2, 6]
rule("cumprod", "1y", function(g, y, x, dim, reverse)
  if x.ndim == 0 or x:numel() == 0 then return g end
  if x:all():item() then return (g * y):cumsum(dim, not reverse) / x end
  -- dx[k] = (product before k) * r[k], where r[k] = g[k] + x[k + 1] r[k + 1] needs no division by a zero.
  local n = x:size(dim)
  local first, last, step = n, 1, -1
  if reverse then first, last, step = 1, n, 1 end
  local r = {}
  for k = first, last, step do
    local gk = g:select(dim, k)
    r[k] = k == first and gk or gk + x:select(dim, k - step) * r[k - step]
  end
  return exclusive_product(x, dim, reverse) * core.stack(r, dim)
end)

-- Of a running extreme: a gradient goes to the position that its element came from.
local function to_latest(g, y, x, dim)
  if x.ndim == 0 then return g[1] end
  return core.zeros(x:size(), {dtype = x.dtype, device = x.device}):scatter_add(dim, y[2], g[1])
end

--- cummax: the largest value so far along dim, and its position: the latest of equal ones. After a NaN all is NaN.
---@param x Tensor any shape
---@param dim integer
---@return Tensor values same shape
---@return Tensor positions i64, from 1
--- Source: torch.cummax.  Example: ap.tensor{1, 3, 2}:cummax(1) --> [1, 3, 3], [1, 2, 2]
rule("cummax", "y", to_latest)

--- cummin: the smallest value so far along dim, and its position: the latest of equal ones. After a NaN all is NaN.
---@param x Tensor any shape
---@param dim integer
---@return Tensor values same shape
---@return Tensor positions i64, from 1
--- Source: torch.cummin.  Example: ap.tensor{3, 1, 2}:cummin(1) --> [3, 1, 1], [1, 2, 2]
rule("cummin", "y", to_latest)

--- logcumsumexp: log(cumsum(exp(x))) along dim, without overflow.
---@param x Tensor any shape, floating
---@param dim integer
---@param reverse? boolean from the last position back
---@return Tensor same shape
--- Source: torch.logcumsumexp.  Example: ap.tensor{0.0, 0}:logcumsumexp(1) --> [0, 0.6931]
rule("logcumsumexp", "1y", function(g, y, x, dim, reverse)
  -- dx[k] = sum of g[i] exp(x[k] - y[i]) over i from k on: in logarithms, both signs of g on their own.
  local tiny = x.dtype == "f64" and 1e-300 or 1e-37
  local function part(h)
    return ((h:clamp(tiny):log() - y):logcumsumexp(dim, not reverse) + x):exp()
  end
  return part(g) - part(-g)
end)

local in_place = require "apsis.ops.in_place"
in_place "cumsum"
in_place "cumprod"
