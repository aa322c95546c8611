--- Diagonals, quarter turns, and copies with a part put in place: composed of indexing, so that all of it has its
--- gradients and runs on every device.

local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"
local in_place = require "apsis.ops.in_place"
local define = core.define

-- x with src in the places of a view, which view(positions of x's elements) gives.
local function place(op, x, src, view)
  arguments.tensor(op, 1, x)
  arguments.tensor(op, 2, src)
  local positions = view(core.arange(1, x:numel(), 1, {device = x.device}):reshape(x:size()))
  local wanted = arguments.shape(positions)
  if arguments.shape(src) ~= wanted then
    arguments.fail("%s: expected a source of the shape of that part, %s, got %s", op, wanted, arguments.shape(src))
  end
  return x:reshape(-1):index_copy(1, positions:reshape(-1), src:reshape(-1):to(x.dtype)):reshape(x:size())
end

--- select_scatter: a copy of x with src at one position of a dimension.
---@param x Tensor
---@param src Tensor the shape of x:select(dim, index)
---@param dim integer
---@param index integer
---@return Tensor
--- Source: torch.select_scatter.
define("select_scatter", function(x, src, ...)
  local dim, index = arguments.named("select_scatter", {"dim", "index"}, ...)
  return place("select_scatter", x, src, function(p) return p:select(dim, index) end)
end)

--- slice_scatter: a copy of x with src at a range of a dimension.
---@param x Tensor
---@param src Tensor the shape of that part of x
---@param dim integer|nil default 1
---@param first integer|nil default 1
---@param last integer|nil included; default -1
---@param step integer|nil default 1
---@return Tensor
--- Source: torch.slice_scatter, whose end is not included.
define("slice_scatter", function(x, src, ...)
  local dim, first, last, step = arguments.named("slice_scatter", {"dim", "first", "last", "step"}, ...)
  return place("slice_scatter", x, src, function(p)
    local moved = p:movedim(dim or 1, 1)
    return moved:getitem({first or 1, last or -1, step or 1}):movedim(1, dim or 1)
  end)
end)

--- diagonal_scatter: a copy of x with src on a diagonal.
---@param x Tensor at least 2 dimensions
---@param src Tensor the shape of x:diagonal(offset, dim1, dim2)
---@param offset integer|nil default 0
---@param dim1 integer|nil default 1
---@param dim2 integer|nil default 2
---@return Tensor
--- Source: torch.diagonal_scatter.
define("diagonal_scatter", function(x, src, ...)
  local offset, a, b = arguments.named("diagonal_scatter", {"offset", "dim1", "dim2"}, ...)
  return place("diagonal_scatter", x, src, function(p) return p:diagonal(offset, a, b) end)
end)

--- as_strided_scatter: a copy of x with src in the places of x:as_strided(size, stride, offset).
---@param x Tensor
---@param src Tensor of that size
---@param size integer[]
---@param stride integer[] no two elements of the view may share a place
---@param offset integer|nil from 1, the default
---@return Tensor
--- Source: torch.as_strided_scatter.
define("as_strided_scatter", function(x, src, size, stride, offset)
  return place("as_strided_scatter", x, src, function(p) return p:as_strided(size, stride, offset) end)
end)

--- diag_embed: matrices with the last dimension on a diagonal, zeros elsewhere.
---@param x Tensor shape (..., N)
---@param offset integer|nil above (positive) or below the main diagonal; default 0
---@param dim1 integer|nil where the matrix's rows stand in the result; default -2
---@param dim2 integer|nil its columns; default -1
---@return Tensor shape (..., N + |offset|, N + |offset|)
--- Source: torch.diag_embed.
define("diag_embed", function(x, ...)
  arguments.tensor("diag_embed", 1, x)
  local offset, a, b = arguments.named("diag_embed", {"offset", "dim1", "dim2"}, ...)
  if x.ndim == 0 then arguments.fail("diag_embed: a 0-dim tensor has no dimension for a diagonal") end
  offset, a, b = offset or 0, a or -2, b or -1
  for _, v in ipairs {offset, a, b} do
    if math.type(v) ~= "integer" then
      arguments.fail("diag_embed: offset, dim1, dim2: expected integers, got %s", v)
    end
  end
  local size, n = x:size(), x:size(-1) + math.abs(offset)
  size[#size], size[#size + 1] = n, n
  local y = core.zeros(size, {dtype = x.dtype, device = x.device})
  y = place("diag_embed", y, x, function(p) return p:diagonal(offset, -2, -1) end)
  local ndim = y.ndim
  a, b = a < 0 and a + ndim + 1 or a, b < 0 and b + ndim + 1 or b
  if a == b or a < 1 or b < 1 or a > ndim or b > ndim then
    arguments.fail("diag_embed: dim1 and dim2: expected two of 1..%d, got %d and %d", ndim, a, b)
  end
  local order, next_free = {}, 1
  for d = 1, ndim do
    if d == a then
      order[d] = ndim - 1
    elseif d == b then
      order[d] = ndim
    else
      order[d], next_free = next_free, next_free + 1
    end
  end
  return y:permute(order)
end)

--- diag: of a vector, the matrix with it on a diagonal; of a matrix, its diagonal (a copy).
---@param x Tensor 1 or 2 dimensions
---@param offset integer|nil default 0
---@return Tensor
--- Source: torch.diag.  Example: ap.diag(ap.tensor{1, 2}) --> [[1, 0], [0, 2]]
define("diag", function(x, ...)
  arguments.tensor("diag", 1, x)
  local offset = arguments.named("diag", {"offset"}, ...)
  if x.ndim ~= 1 and x.ndim ~= 2 then
    arguments.fail("diag: expected a vector or a matrix, got %s", arguments.shape(x))
  end
  if x.ndim == 1 then return core.diag_embed(x, offset) end
  return x:diagonal(offset):clone()
end)

--- diagflat: the matrix with all elements of x, in order, on a diagonal.
---@param x Tensor
---@param offset integer|nil default 0
---@return Tensor
--- Source: torch.diagflat.
define("diagflat", function(x, ...)
  arguments.tensor("diagflat", 1, x)
  return core.diag_embed(x:reshape(-1), (arguments.named("diagflat", {"offset"}, ...)))
end)

--- rot90: turned by quarters in the plane of two dimensions, from the first towards the second.
---@param x Tensor at least 2 dimensions
---@param k integer|nil quarter turns; negative: the other way; default 1
---@param dims integer[]|nil default {1, 2}
---@return Tensor a copy
--- Source: torch.rot90.
define("rot90", function(x, ...)
  arguments.tensor("rot90", 1, x)
  local k, dims = arguments.named("rot90", {"k", "dims"}, ...)
  k, dims = k or 1, dims or {1, 2}
  if math.type(k) ~= "integer" then arguments.fail("rot90: argument 2: expected an integer, got %s", k) end
  if type(dims) ~= "table" or #dims ~= 2 then
    arguments.fail("rot90: argument 3: expected a table of two dimensions, got %s", arguments.got(dims))
  end
  if x.ndim < 2 then arguments.fail("rot90: expected at least 2 dimensions, got %s", arguments.shape(x)) end
  local a, b = arguments.dim("rot90", x.ndim, dims[1]), arguments.dim("rot90", x.ndim, dims[2])
  if a == b then arguments.fail("rot90: the plane needs two dimensions, got %d twice", a) end
  k = k % 4
  if k == 0 then return x:clone() end
  if k == 1 then return x:flip(b):transpose(a, b) end
  if k == 2 then return x:flip {a, b} end
  return x:flip(a):transpose(a, b)
end)

--- narrow_copy: narrow, as a copy.
---@param x Tensor
---@param dim integer
---@param start integer
---@param length integer
---@return Tensor
define("narrow_copy", function(x, dim, start, length) return core.narrow(x, dim, start, length):clone() end)

--- index_reduce: x with the slices of src that go to one position along dim reduced with it.
---@param x Tensor
---@param dim integer
---@param index Tensor shape (K), positions from 1
---@param src Tensor K slices along dim
---@param reduce string "prod", "mean", "amax" or "amin"
---@param include_self boolean|nil x's own slices take part; default true
---@return Tensor same shape
--- Source: torch.index_reduce.
define("index_reduce", function(x, dim, index, src, ...)
  arguments.tensor("index_reduce", 1, x)
  arguments.tensor("index_reduce", 3, index)
  arguments.tensor("index_reduce", 4, src)
  local reduce, include_self = arguments.named("index_reduce", {"reduce", "include_self"}, ...)
  if not ({prod = true, mean = true, amax = true, amin = true})[reduce] then
    arguments.fail("index_reduce: argument 5: expected 'prod', 'mean', 'amax' or 'amin', got '%s'", reduce)
  end
  dim = arguments.dim("index_reduce", x.ndim, dim)
  if src.ndim ~= x.ndim or index.ndim > 1 then
    arguments.fail("index_reduce: expected a source of %d dimensions and positions of one, got %s and %s", x.ndim,
      arguments.shape(src), arguments.shape(index))
  end
  if x.ndim == 0 then return core.index_reduce(x:reshape(1), dim, index, src:reshape(1), ...):reshape {} end
  local shape = {}
  for d = 1, src.ndim do shape[d] = 1 end
  shape[dim] = index:numel()
  return x:scatter_reduce(dim, index:reshape(shape):expand(src:size()):contiguous(), src, reduce,
    include_self ~= false)
end)
in_place "index_reduce"

--- unravel_index: the positions of elements, counted along the whole tensor, as positions in each dimension.
---@param index Tensor i64 or i32, from 1
---@param shape integer[]
---@return Tensor[] one for each dimension, the shape of index, from 1
--- Source: torch.unravel_index, which counts from 0.
define("unravel_index", function(index, shape)
  arguments.tensor("unravel_index", 1, index)
  if type(shape) ~= "table" then arguments.fail("unravel_index: argument 2: expected a shape as a table") end
  local rest, parts = index - 1, {}
  for d = #shape, 1, -1 do
    parts[d] = rest % shape[d] + 1
    rest = rest // shape[d]
  end
  return parts
end)

--- fill_diagonal_: writes a number to the main diagonal, in place.
---@param x Tensor 2 dimensions, or more of equal sizes
---@param value number|boolean
---@param wrap? boolean in a matrix with more rows than columns the diagonal begins again after each N + 1 rows
---@return Tensor x
--- Source: torch.Tensor.fill_diagonal_.  Example: ap.zeros(2, 2):fill_diagonal_(1) -- the identity
define("fill_diagonal_", function(x, ...)
  local op = "fill_diagonal_"
  arguments.tensor(op, 1, x)
  local value, wrap = arguments.named(op, {"value", "wrap"}, ...)
  if x.ndim < 2 then arguments.fail("%s: expected at least 2 dimensions, got %s", op, arguments.shape(x)) end
  for d = 2, x.ndim > 2 and x.ndim or 1 do
    if x:size(d) ~= x:size(1) then
      arguments.fail("%s: expected a matrix, or dimensions of equal sizes, got %s", op, arguments.shape(x))
    end
  end
  local diagonal = x
  while diagonal.ndim > 1 do diagonal = diagonal:diagonal(0, 1, 2) end
  diagonal:fill_(value)
  local rows, columns = x:size(1), x:size(2)
  for first = columns + 2, wrap and x.ndim == 2 and rows or 0, columns + 1 do
    x:narrow(1, first, math.min(columns, rows - first + 1)):diagonal():fill_(value)
  end
  return x
end)

local REDUCES = {sum = "sum", mean = "sum", max = "amax", min = "amin", prod = "prod"}
local OF_NOTHING = {sum = 0, mean = 0, max = -math.huge, min = math.huge, prod = 1}

-- The lengths of segments from where they start: offsets from 1, of which the last lies behind the last segment.
local function lengths_of(op, lengths, offsets)
  if (lengths == nil) == (offsets == nil) then arguments.fail("%s: expected either lengths or offsets", op) end
  local given = lengths or offsets
  if not core.is_tensor(given) or given:is_floating_point() or given.dtype == "bool" or given.ndim < 1 then
    arguments.fail("%s: expected %s as a tensor of integers, got %s", op, lengths and "lengths" or "offsets",
      arguments.got(given))
  end
  given = given:to("i64")
  if lengths then return given end
  if given:size(-1) < 1 then arguments.fail("%s: offsets: expected at least one", op) end
  if given:numel() > 0 and given:select(-1, 1):ne(1):any():item() then
    arguments.fail("%s: offsets: the first segment starts at 1; add 1 to 0-based offsets", op)
  end
  return given:diff(1, -1)
end

-- Fails unless data (batch..., N, ...) has room for just these segments.
local function check_segments(op, data, lengths, unsafe)
  local axis = lengths.ndim
  local fits = data.ndim >= axis
  for d = 1, axis - 1 do fits = fits and data:size(d) == lengths:size(d) end
  if not fits then
    arguments.fail("%s: expected lengths of data's shape up to the axis, got %s for %s", op, arguments.shape(lengths),
      arguments.shape(data))
  end
  if lengths:numel() > 0 and lengths:lt(0):any():item() then arguments.fail("%s: a length is negative", op) end
  local sums = lengths:sum(-1)
  local wrong = unsafe and sums:gt(data:size(axis)) or not unsafe and sums:ne(data:size(axis))
  if wrong:any():item() then
    arguments.fail("%s: the lengths of segments add up to another number than the %d positions of the axis", op,
      data:size(axis))
  end
end

--- segment_reduce: each of the segments that follow one another along an axis, reduced.
---@param data Tensor floating
---@param reduce string "sum", "mean", "max", "min" or "prod"
---@param options {lengths: Tensor?, offsets: Tensor?, axis: integer?, initial: number?, unsafe: boolean?} lengths:
---       integers, the shape of data up to the axis, segments in place of positions; or offsets: where segments start,
---       from 1, and behind the last; axis: lengths' last dimension, which it is anyway; initial: what a reduction
---       starts with, and what a segment without elements gives; unsafe: positions may be left over
---@return Tensor segments in place of positions
--- Errors: lengths that do not add up to the positions of the axis.
--- Source: torch.segment_reduce, whose offsets count from 0.
--- Example: ap.segment_reduce(ap.tensor{1.0, 2, 3}, "sum", {lengths = ap.tensor{2, 1}}) --> [3, 3]
define("segment_reduce", function(data, reduce, ...)
  local op = "segment_reduce"
  arguments.floating(op, data, 1)
  local how = REDUCES[reduce]
  if not how then
    arguments.fail("%s: argument 2: expected 'sum', 'mean', 'max', 'min' or 'prod', got %s", op, tostring(reduce))
  end
  local lengths, offsets, axis, initial, unsafe =
    arguments.named(op, {"lengths", "offsets", "axis", "initial", "unsafe"}, ...)
  arguments.number(op, "initial", initial, true)
  lengths = lengths_of(op, lengths, offsets)
  if axis ~= nil and arguments.dim(op, data.ndim, axis) ~= lengths.ndim then
    arguments.fail("%s: axis: expected the lengths' last dimension, %d, got %d", op, lengths.ndim, axis)
  end
  check_segments(op, data, lengths, unsafe)
  local size, batch, rest = data:size(), 1, 1
  local at, count = lengths.ndim, lengths:size(-1)
  for d = 1, #size do
    if d < at then batch = batch * size[d] elseif d > at then rest = rest * size[d] end
  end
  local n = size[at]
  size[at] = count
  local flat, ends = data:reshape(batch, n, rest), lengths:reshape(batch, count):cumsum(2)
  local start = initial or OF_NOTHING[reduce]
  local y = core.full({batch, count, rest}, start, {dtype = data.dtype, device = data.device})
  if y:numel() == 0 or n == 0 then
    if reduce == "mean" and initial == nil then y:fill_(0 / 0) end
    return (data:sum() * 0 + y):reshape(size)
  end
  local places = core.arange(1, n, 1, {dtype = "i64", device = data.device}):expand(batch, n):contiguous()
  local segment = ends:contiguous():searchsorted(places)
  -- Positions behind the last segment go to one that is dropped.
  y = core.cat({y, y:narrow(2, 1, 1)}, 2)
  segment = segment:clamp(nil, count + 1):unsqueeze(3):expand(batch, n, rest)
  y = y:scatter_reduce(2, segment, flat, how, true):narrow(2, 1, count)
  if reduce == "mean" then
    local many = lengths:reshape(batch, count, 1)
    y = core.where(many:eq(0), initial or 0 / 0, y / many:clamp(1))
  end
  return y:reshape(size)
end)
