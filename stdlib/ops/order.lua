--- Order along a dimension: sort, topk, kthvalue, median, quantile, mode. NaN counts as the largest value.
local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"
local reduced = require "apsis.ops.reduced"
local rule, no_gradient, define = core.rule, core.no_gradient, core.define

--- sort: the values in order along dim, and the positions they came from. Stable; NaN counts as the largest.
---@param x Tensor any shape
---@param dim? integer default: the last
---@param descending? boolean
---@param stable? boolean equal elements keep their order in any case
---@return Tensor values
---@return Tensor positions i64, from 1
--- Source: torch.sort (stable = True).  Example: local v, i = ap.tensor{3, 1, 2}:sort() --> [1, 2, 3], [2, 3, 1]
rule("sort", "y", function(g, y, x, dim) return reduced.to_positions(g[1], y[2], x, dim, true) end)

--- argsort: the positions that sort x along dim. Stable; NaN counts as the largest.
---@param x Tensor any shape
---@param dim? integer default: the last
---@param descending? boolean
---@param stable? boolean equal elements keep their order in any case
---@return Tensor i64, from 1
--- Source: torch.argsort (stable = True).  Example: ap.tensor{3, 1, 2}:argsort() --> [2, 3, 1]
no_gradient("argsort")

--- topk: the k largest (or smallest) values along dim, in order, and their positions; the first among equals.
---@param x Tensor any shape
---@param k integer
---@param dim? integer default: the last
---@param largest? boolean default true; false: the smallest
---@param sorted? boolean the values come sorted in any case
---@return Tensor values
---@return Tensor positions i64, from 1
--- Source: torch.topk.  Example: local v, i = ap.tensor{3, 9, 5}:topk(2) --> [9, 5], [2, 3]
rule("topk", "y", function(g, y, x, _, dim) return reduced.to_positions(g[1], y[2], x, dim, true) end)

--- msort: the values in order along the first dimension.
---@param x Tensor any shape
---@return Tensor values
--- Source: torch.msort.  Example: ap.tensor{3, 1, 2}:msort() --> [1, 2, 3]
define("msort", function(x)
  arguments.tensor("msort", 1, x)
  return (x:sort(1))
end)

--- kthvalue: the k-th smallest value along dim and its position; the first among equals.
---@param x Tensor any shape
---@param k integer from 1
---@param dim? integer default: the last
---@param keepdim? boolean keep the dim with size 1
---@return Tensor values
---@return Tensor positions i64, from 1
--- Errors: k outside 1..n.
--- Source: torch.kthvalue. On the CPU in linear time (quickselect, Hoare 1961).
--- Example: local v, i = ap.tensor{3, 9, 5}:kthvalue(2) --> 5, 3
rule("kthvalue", "y", function(g, y, x, _, dim, keepdim)
  return reduced.to_positions(g[1], y[2], x, dim, keepdim)
end)

--- median_dim: the lower medians along dim and their positions: x:median(dim).
---@param x Tensor any shape, not empty along dim
---@param dim integer
---@param keepdim? boolean keep the dim with size 1
---@return Tensor values
---@return Tensor positions i64, from 1
--- Source: torch.median.  Example: ap.tensor{{1, 5, 3}}:median_dim(2) --> [3], [3]
rule("median_dim", "y", function(g, y, x, dim, keepdim)
  return reduced.to_positions(g[1], y[2], x, dim, keepdim)
end)

--- nanmedian_dim: the lower medians of what is not NaN along dim, and their positions: x:nanmedian(dim).
---@param x Tensor any shape, not empty along dim
---@param dim integer
---@param keepdim? boolean keep the dim with size 1
---@return Tensor values
---@return Tensor positions i64, from 1
--- Source: torch.nanmedian.  Example: ap.tensor{{1, 0 / 0, 3}}:nanmedian_dim(2) --> [1], [1]
rule("nanmedian_dim", "y", function(g, y, x, dim, keepdim)
  return reduced.to_positions(g[1], y[2], x, dim, keepdim)
end)

--- median_all: the lower median of all elements: x:median(). Equal elements share the gradient evenly.
---@param x Tensor any shape
---@param keepdim? boolean keep the dims with size 1
---@return Tensor
--- Source: torch.median.  Example: ap.tensor{1, 5, 3}:median_all() --> 3
rule("median_all", "1y", function(g, y, x) return reduced.among_ties(g, y, x, nil, true) end)

--- nanmedian_all: the lower median of all elements that are not NaN: x:nanmedian().
---@param x Tensor any shape
---@param keepdim? boolean keep the dims with size 1
---@return Tensor
--- Source: torch.nanmedian.  Example: ap.tensor{1, 0 / 0, 3}:nanmedian_all() --> 1
rule("nanmedian_all", "1y", function(g, y, x) return reduced.among_ties(g, y, x, nil, true) end)

local function median(name, all, along)
  return function(x, dim, keepdim)
    arguments.tensor(name, 1, x)
    if type(dim) == "table" then dim, keepdim = arguments.named(name, {"dim", "keepdim"}, dim) end
    if type(keepdim) == "table" then keepdim = select(2, arguments.named(name, {"dim", "keepdim"}, dim, keepdim)) end
    if dim == nil then return all(x, keepdim) end
    return along(x, dim, keepdim)
  end
end

--- median: of all elements; with a dim, the medians along it and their positions. Of an even number of elements the
--- lower of the two in the middle (quantile averages them). NaN where there is one; the first among equals.
---@param x Tensor
---@param dim? integer nil: of all elements; NaN where there are none
---@param keepdim? boolean keep the dim with size 1
---@return Tensor values
---@return Tensor? positions i64, from 1: with a dim
--- Source: torch.median. On the CPU in linear time.  Example: ap.tensor{4, 1, 3, 2}:median():item() --> 2
define("median", median("median", core.median_all, core.median_dim))

--- nanmedian: median without the NaNs; NaN where there is nothing else.
---@param x Tensor
---@param dim? integer nil: of all elements
---@param keepdim? boolean keep the dim with size 1
---@return Tensor values
---@return Tensor? positions i64, from 1: with a dim
--- Source: torch.nanmedian.  Example: ap.tensor{4, 0 / 0, 3}:nanmedian():item() --> 3
define("nanmedian", median("nanmedian", core.nanmedian_all, core.nanmedian_dim))

-- A list along dim d, as a tensor that broadcasts with others of `ndim` dimensions.
local function along(list, d, ndim, dtype, device)
  local size = {}
  for i = 1, ndim do size[i] = i == d and #list or 1 end
  return core.tensor(list, {dtype = dtype, device = device}):reshape(size)
end

--- mode_dim: the most frequent values along dim, and their last positions: x:mode(dim) on the CPU.
---@param x Tensor any shape, not empty along dim
---@param dim integer
---@param keepdim? boolean keep the dim with size 1
---@return Tensor values
---@return Tensor positions i64, from 1
--- Source: torch.mode.  Example: ap.tensor{3, 1, 3}:mode_dim(1) --> 3, 3
rule("mode_dim", "y", function(g, y, x, dim, keepdim)
  return reduced.to_positions(g[1], y[2], x, dim, keepdim)
end)

--- mode: the most frequent value along dim and the last position where it stands; the smallest among equally frequent
--- ones. Each NaN counts as different.
---@param x Tensor any shape, not empty along dim
---@param dim? integer default: the last
---@param keepdim? boolean keep the dim with size 1
---@return Tensor values
---@return Tensor positions i64, from 1
--- Source: torch.mode.  Example: ap.tensor{3, 1, 3}:mode() --> 3, 3
define("mode", function(x, ...)
  arguments.tensor("mode", 1, x)
  local dim, keepdim = arguments.named("mode", {"dim", "keepdim"}, ...)
  local d = arguments.dim("mode", x.ndim, dim or -1)
  if x.device == "cpu" then return core.mode_dim(x, d, keepdim) end
  local sorted, order = x:sort(d)
  if x.ndim == 0 then return sorted, order end
  local n = x:size(d)
  if n == 0 then return x:max(d, keepdim) end -- nothing, or its error
  local row = core.arange(1, n, {dtype = "i64", device = x.device})
  for _ = d + 1, x.ndim do row = row:unsqueeze(-1) end
  -- Where runs of equal values end, and how long they are.
  local ends = core.cat({sorted:narrow(d, 2, n - 1):ne(sorted:narrow(d, 1, n - 1)),
    core.ones_like(sorted:narrow(d, 1, 1), {dtype = "bool"})}, d)
  local last = core.where(ends, row, 0):cummax(d)
  local before = core.cat({core.zeros_like(last:narrow(d, 1, 1)), last:narrow(d, 1, n - 1)}, d)
  local longest = core.where(ends, row - before, 0):argmax(d, true)
  local values, positions = sorted:gather(d, longest), order:gather(d, longest)
  if keepdim then return values, positions end
  return values:squeeze(d), positions:squeeze(d)
end)

-- The fractions q as a list of numbers, and whether they were a single one.
local function fractions(op, q)
  local list = q
  if core.is_tensor(q) then
    if q.ndim > 1 then arguments.fail("%s: expected q with at most 1 dimension, got %d", op, q.ndim) end
    list = q:detach():reshape(-1):totable()
    if q.ndim == 0 then q = list[1] end
  elseif type(q) == "number" then
    list = {q}
  elseif type(q) ~= "table" then
    arguments.fail("%s: expected q as a number, a table of numbers or a tensor, got a %s", op, type(q))
  end
  for _, v in ipairs(list) do
    if type(v) ~= "number" or not (v >= 0 and v <= 1) then
      arguments.fail("%s: expected q from 0 to 1, got %s", op, tostring(v))
    end
  end
  return list, type(q) == "number"
end

local function nearest(rank)
  local low = math.floor(rank)
  local rest = rank - low
  return (rest > 0.5 or (rest == 0.5 and low % 2 == 1)) and low + 1 or low
end

-- Of a rank (from 0, seldom whole): the ranks below and above between which the result lies, and how far along.
local INTERPOLATIONS = {
  linear = function(rank) return math.floor(rank), math.ceil(rank), rank - math.floor(rank) end,
  lower = function(rank) return math.floor(rank), math.floor(rank), 0 end,
  higher = function(rank) return math.ceil(rank), math.ceil(rank), 0 end,
  midpoint = function(rank) return math.floor(rank), math.ceil(rank), 0.5 end,
  nearest = function(rank) return nearest(rank), nearest(rank), 0 end,
}
-- The same for tensors of ranks.
local TENSOR_INTERPOLATIONS = {
  linear = function(rank) return rank:floor(), rank:ceil(), rank - rank:floor() end,
  lower = function(rank) return rank:floor(), rank:floor(), rank * 0 end,
  higher = function(rank) return rank:ceil(), rank:ceil(), rank * 0 end,
  midpoint = function(rank) return rank:floor(), rank:ceil(), rank * 0 + 0.5 end,
  nearest = function(rank) return rank:round(), rank:round(), rank * 0 end,
}

-- Between two values; where they are equal infinities their difference would be NaN.
local function between(low, high, weight)
  return core.where(low:eq(high) & low:isinf(), low, low + (high - low) * weight)
end

local function quantiles(sorted, d, q, interpolation)
  local n, below, above, weights = sorted:size(d), {}, {}, {}
  for i, fraction in ipairs(q) do
    local low, high, weight = INTERPOLATIONS[interpolation](fraction * (n - 1))
    below[i], above[i], weights[i] = low + 1, high + 1, weight
  end
  local function pick(list)
    return sorted:index_select(d, core.tensor(list, {dtype = "i64", device = sorted.device}))
  end
  local result = between(pick(below), pick(above), along(weights, d, sorted.ndim, sorted.dtype, sorted.device))
  local last = sorted:narrow(d, n, 1)
  return core.where(last:isnan(), last, result)
end

-- Every lane has ranks of its own: those of what is not NaN.
local function nanquantiles(sorted, d, q, interpolation)
  local wide = sorted.device == "cpu" and "f64" or sorted.dtype
  local last = (sorted:eq(sorted):sum(d, true) - 1):clamp(0):to(wide)
  local low, high, weight = TENSOR_INTERPOLATIONS[interpolation](last * along(q, d, sorted.ndim, wide, sorted.device))
  local function pick(rank) return sorted:gather(d, rank:to("i64") + 1) end
  return between(pick(low), pick(high), weight:to(sorted.dtype))
end

local function quantile(op, of_sorted)
  return function(x, ...)
    arguments.tensor(op, 1, x)
    local q, dim, keepdim, interpolation = arguments.named(op, {"q", "dim", "keepdim", "interpolation"}, ...)
    interpolation = interpolation or "linear"
    if not INTERPOLATIONS[interpolation] then
      arguments.fail("%s: interpolation: expected linear, lower, higher, midpoint or nearest, got '%s'", op,
        tostring(interpolation))
    end
    arguments.floating(op, x)
    if x:numel() == 0 then arguments.fail("%s: expected at least one element", op) end
    local list, single = fractions(op, q)
    local kept = dim and x:size() or {}
    for i = 1, dim and 0 or x.ndim do kept[i] = 1 end
    local lanes = (dim == nil or x.ndim == 0) and x:reshape(-1) or x
    local d = dim and arguments.dim(op, x.ndim, dim) or 1
    local result = of_sorted((lanes:sort(d)), d, list, interpolation):movedim(d, 1)
    local size = {}
    if not single then size[1] = #list end
    for i = 1, x.ndim do
      if (dim and i ~= d) or keepdim then size[#size + 1] = (dim == nil or i == d) and 1 or kept[i] end
    end
    return result:reshape(size)
  end
end

--- quantile: the values below which the fractions q of the elements lie. NaN where there is one.
---@param x Tensor any shape, floating, not empty
---@param q number|number[]|Tensor from 0 to 1; one number, or a vector (Q), which puts a dimension in front. It gets no
--- gradient
---@param dim? integer nil: of all elements
---@param keepdim? boolean keep the dim with size 1
---@param interpolation? string between the two nearest elements: "linear" (default), "lower", "higher", "midpoint",
--- "nearest" (halves to the even rank)
---@return Tensor
--- Errors: a q outside 0..1.
--- Source: torch.quantile.  Example: ap.tensor{0.0, 1, 2, 3}:quantile{q = {0.25, 0.5}} --> [0.75, 1.5]
define("quantile", quantile("quantile", quantiles))

--- nanquantile: quantile of what is not NaN; NaN where there is nothing else.
---@param x Tensor any shape, floating, not empty
---@param q number|number[]|Tensor from 0 to 1; one number, or a vector (Q), which puts a dimension in front
---@param dim? integer nil: of all elements
---@param keepdim? boolean keep the dim with size 1
---@param interpolation? string as in quantile
---@return Tensor
--- Source: torch.nanquantile.  Example: ap.tensor{0, 0 / 0, 2}:nanquantile(0.5):item() --> 1
define("nanquantile", quantile("nanquantile", nanquantiles))
