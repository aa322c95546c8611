--- Indexing: reading and writing elements through positions and masks. Documentation and gradients.
--- Everything counts from 1: positions inside index tensors (dtype i64 or i32) run 1..n along their dimension.
--- Names that end in _ change x in place.
local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local rule, no_gradient = core.rule, core.no_gradient

-- Zeros of the shape of x, the kind of g.
local function zeros(x, g) return core.zeros(x:size(), {dtype = g.dtype, device = g.device}) end

-- The ranges that cut a tensor down to the sizes of another, and whether there is nothing to cut.
local function corner(x, like)
  local items, same = {}, true
  for d = 1, x.ndim do
    items[d] = {1, like:size(d)}
    same = same and like:size(d) == x:size(d)
  end
  return items, same
end

-- The part of scatter's source that its index reaches.
local function reached(src, index)
  local items, same = corner(src, index)
  return same and src or src:getitem(table.unpack(items))
end

-- The gradient of scatter's source, from that of what it reached: what lies beyond the index gets none.
local function source_gradient(g, src)
  if src.ndim == 0 then return g:sum() end
  if g:numel() == 0 then return zeros(src, g) end
  local items, same = corner(src, g)
  return same and g or zeros(src, g):setitem_(g, table.unpack(items))
end

-- scatter_reduce's gradients, by reduction: of x, and of the elements of src that were reached. From PyTorch's
-- scatter_reduce_backward (torch/csrc/autograd/FunctionsManual.cpp). c holds the call: y, x, dim, index, src, how,
-- include_self.
local reduced = {sum = {}, prod = {}, mean = {}, amax = {}, amin = {}}

function reduced.sum.x(g) return g end
function reduced.sum.src(g, c) return g:gather(c.dim, c.index) end

local function over_counts(g, c)
  local counts = (c.include_self and core.ones_like or core.zeros_like)(g:detach())
  return g / counts:scatter_add(c.dim, c.index, 1):clamp(1)
end
reduced.mean.x = over_counts
function reduced.mean.src(g, c) return over_counts(g, c):gather(c.dim, c.index) end

-- The others' product: divided by itself where that is not 0, without the one zero where there is one.
function reduced.prod.x(g, c)
  local safe = c.x:masked_fill(c.x:eq(0), 1)
  return g * safe:scatter_reduce(c.dim, c.index, c.src, "prod", c.include_self) / safe
end
function reduced.prod.src(g, c)
  local zero = c.src:eq(0)
  local counts = core.zeros(c.x:size(), {dtype = "i64", device = g.device})
  local zeros_there = counts:scatter_add(c.dim, c.index, zero:to("i64"))
  local single = zero & zeros_there:gather(c.dim, c.index):eq(1)
  local others = c.x:scatter_reduce(c.dim, c.index, c.src:masked_fill(single, 1), "prod", c.include_self)
  return core.where(single, (g * others):gather(c.dim, c.index),
    (g * c.y):gather(c.dim, c.index) / c.src:masked_fill(zero, 1))
end

-- Shared evenly among all that equal the extreme.
local function shares(g, c)
  local from_x = c.x:eq(c.y):to(g.dtype)
  local from_src = c.src:eq(c.y:gather(c.dim, c.index)):to(g.dtype)
  if not c.include_self then from_x = from_x:scatter(c.dim, c.index, 0) end
  return g / from_x:scatter_add(c.dim, c.index, from_src):clamp(1), from_x, from_src
end
function reduced.amax.x(g, c)
  local share, from_x = shares(g, c)
  return share * from_x
end
function reduced.amax.src(g, c)
  local share, _, from_src = shares(g, c)
  return share:gather(c.dim, c.index) * from_src
end
reduced.amin = reduced.amax

local function call_of(y, x, dim, index, src, how, include_self)
  return {y = y, x = x, dim = dim, index = index, src = reached(src, index), how = how,
    include_self = include_self ~= false}
end
local function reduce_gradient_of_x(g, y, x, dim, index, src, how, include_self)
  if index:numel() == 0 then return g end
  local gx = reduced[how].x(g, call_of(y, x, dim, index, src, how, include_self))
  return include_self == false and gx:scatter(dim, index, 0) or gx
end
local function reduce_gradient_of_src(g, y, x, dim, index, src, how, include_self)
  if index:numel() == 0 then return zeros(src, g) end
  return source_gradient(reduced[how].src(g, call_of(y, x, dim, index, src, how, include_self)), src)
end

--- where: a where the condition holds, else b; all three broadcast.
---@param condition Tensor bool
---@param a Tensor|number
---@param b Tensor|number
---@return Tensor of a's and b's common dtype
--- Source: torch.where.  Example: ap.where(x:gt(0), x, 0)
rule("where", "1", nil,
  function(g, _, condition) return core.where(condition, g, 0) end,
  function(g, _, condition) return core.where(condition, 0, g) end)

--- gather: elements of x picked along dim: for dim 2, y[i][j] = x[i][index[i][j]].
---@param x Tensor
---@param dim integer
---@param index Tensor i64 or i32, as many dimensions as x, no larger than x but along dim
---@return Tensor the shape of index
--- Errors: a position outside 1..n.
--- Source: torch.gather.  Example: scores:gather(2, class:unsqueeze(2))
rule("gather", "3", function(g, _, x, dim, index) return zeros(x, g):scatter_add(dim, index, g) end)

--- index_select: the slices of x at the positions, along dim.
---@param x Tensor
---@param dim integer
---@param index Tensor i64 or i32, shape (N)
---@return Tensor x's shape, with N along dim
--- Source: torch.index_select.  Example: ap.eye(3):index_select(1, ap.tensor{3, 1}) --> rows 3 and 1
rule("index_select", "3", function(g, _, x, dim, index)
  return zeros(x, g):index_add(dim, index, g)
end)

--- embedding: rows of a table: y[...] = weight[index[...]].
---@param index Tensor i64 or i32, any shape (*): ids from 1 to V
---@param weight Tensor shape (V, D)
---@param padding_idx? integer an id whose row gets no gradient
---@return Tensor shape (*, D)
--- Errors: an id outside 1..V.
--- Source: torch.nn.functional.embedding.  Example: F.embedding(ap.tensor{{1, 5}}, ap.ones(5, 3)).shape --> {1, 2, 3}
rule("embedding", "1", nil, function(g, _, index, weight, padding_idx)
  return core.embedding_backward(g, index, weight:size(1), padding_idx)
end)

--- embedding_backward: the gradient of embedding's weight: for each id the sum of the rows of g that it got.
---@param g Tensor shape (*, D)
---@param index Tensor shape (*)
---@param rows integer V
---@param padding_idx? integer
---@return Tensor shape (V, D)
rule("embedding_backward", "2", function(g, _, _, index, _, padding_idx)
  local rows = core.embedding(index, g)
  if padding_idx then rows = rows:masked_fill(index:eq(padding_idx):unsqueeze(-1), 0) end
  return rows
end)

--- scatter: x with src's elements written along dim: for dim 2, x[i][index[i][j]] = src[i][j]. Where positions repeat,
--- the last one stays (the gradient of src is right only where none repeat).
---@param x Tensor
---@param dim integer
---@param index Tensor i64 or i32, as many dimensions as x
---@param src Tensor|number x's dtype, at least as large as index; or one number for all
---@return Tensor the shape of x
--- Source: torch.scatter.  Example: ap.zeros(1, 3):scatter(2, ap.tensor{{3}}, 1) --> [[0, 0, 1]]
rule("scatter", "3",
  function(g, _, _, dim, index) return g:scatter(dim, index, 0) end,
  nil, nil,
  function(g, _, _, dim, index, src) return source_gradient(g:gather(dim, index), src) end)

--- scatter_add: x with src's elements added along dim: for dim 2, x[i][index[i][j]] += src[i][j].
---@param x Tensor
---@param dim integer
---@param index Tensor i64 or i32, as many dimensions as x
---@param src Tensor|number x's dtype, at least as large as index
---@return Tensor the shape of x; the same bits on any number of threads
--- Where positions repeat, the sums come in the order of the index, on every device: the same bits every time.
--- Source: torch.scatter_add.
rule("scatter_add", "3",
  function(g) return g end,
  nil, nil,
  function(g, _, _, dim, index, src) return source_gradient(g:gather(dim, index), src) end)

--- scatter_reduce: x with all the elements of src that go to one place reduced with it.
---@param x Tensor
---@param dim integer
---@param index Tensor i64 or i32, as many dimensions as x
---@param src Tensor x's dtype, at least as large as index
---@param reduce string "sum", "prod", "mean", "amax" or "amin"
---@param include_self? boolean default true; false: x's own element counts only where src has none for it
---@return Tensor the shape of x
--- Source: torch.scatter_reduce.
rule("scatter_reduce", "134y", reduce_gradient_of_x, nil, nil, reduce_gradient_of_src)

--- index_add: x with slices of src added at the positions along dim.
---@param x Tensor
---@param dim integer
---@param index Tensor i64 or i32, shape (N)
---@param src Tensor x's dtype and shape, with N along dim
---@param alpha? number times src; default 1
---@return Tensor the shape of x; the same bits on any number of threads
--- Where positions repeat, the sums come in the order of the index, on every device: the same bits every time.
--- Source: torch.index_add.
rule("index_add", "3",
  function(g) return g end,
  nil, nil,
  function(g, _, _, dim, index, _, alpha)
    g = g:index_select(dim, index)
    return alpha and alpha ~= 1 and g * alpha or g
  end)

--- index_copy: x with slices of src written at the positions along dim. Where positions repeat, the last one stays.
---@param x Tensor
---@param dim integer
---@param index Tensor i64 or i32, shape (N)
---@param src Tensor x's dtype and shape, with N along dim
---@return Tensor the shape of x
--- Source: torch.index_copy.
rule("index_copy", "3",
  function(g, _, _, dim, index) return g:index_fill(dim, index, 0) end,
  nil, nil,
  function(g, _, _, dim, index) return g:index_select(dim, index) end)

--- index_fill: x with one value in all slices at the positions along dim.
---@param x Tensor
---@param dim integer
---@param index Tensor i64 or i32, shape (N)
---@param value number|Tensor 0-dim
---@return Tensor the shape of x
--- Source: torch.index_fill.
rule("index_fill", "3",
  function(g, _, _, dim, index) return g:index_fill(dim, index, 0) end,
  nil, nil,
  function(g, _, _, dim, index) -- each place once, however often its position stands in the index
    local filled = core.zeros(g:size(), {dtype = "bool", device = g.device}):index_fill(dim, index, 1)
    return core.where(filled, g, 0):sum()
  end)

--- take: elements of x, as one flat row, at the positions.
---@param x Tensor
---@param index Tensor i64 or i32, any shape; negative positions count from the end
---@return Tensor the shape of index
--- Source: torch.take.  Example: ap.tensor{{1, 2}, {3, 4}}:take(ap.tensor{4, 1}) --> [4, 1]
rule("take", "2", function(g, _, x, index) return zeros(x, g):put(index, g, true) end)

--- take_along_dim: gather whose x and index broadcast to each other outside dim.
---@param x Tensor
---@param index Tensor i64 or i32, as many dimensions as x
---@param dim? integer nil: of x as one flat row
---@return Tensor the broadcast shape; a vector without a dim
--- Source: torch.take_along_dim.  Example: x:take_along_dim(x:argsort(2), 2) sorts rows
rule("take_along_dim", "2", function(g, _, x, index, dim)
  if dim == nil then return zeros(x, g):put(index:reshape(-1), g, true) end
  local x_size, size = x:size(), index:size()
  if x.ndim == 0 then return g:sum() end
  local d = dim < 0 and dim + x.ndim + 1 or dim
  for k = 1, x.ndim do
    if k ~= d then
      x_size[k] = g:size(k)
      size[k] = g:size(k)
    end
  end
  return core.zeros(x_size, {dtype = g.dtype, device = g.device}):scatter_add(d, index:expand(size), g)
end)

--- put: x with src's elements written (or added) at positions of x as one flat row.
---@param x Tensor
---@param index Tensor i64 or i32; negative positions count from the end
---@param src Tensor|number x's dtype; as many elements as index, or broadcasts to it
---@param accumulate? boolean add instead of writing
---@return Tensor the shape of x
--- Source: torch.put_.
rule("put", "2",
  function(g, _, _, index, _, accumulate) return accumulate and g or g:put(index, 0) end,
  nil,
  function(g, _, _, index, src)
    g = g:take(index)
    return src:numel() == g:numel() and g:reshape(src:size()) or g
  end)

--- index: what t[key] calls when tensors are in the key: index(x, {item, ...}).
---@param x Tensor
---@param items table one a dimension: a tensor of positions (negative ones count from the end), a bool mask (for as
---       many dimensions as it has), or false to keep the dimension whole
---@return Tensor the items' broadcast shape in their place (in front, where they do not stand side by side)
--- Source: NumPy's advanced indexing.  Example: t[ap.tensor{1, 3}], t[t:gt(0)], t[{ {1, 2}, index }]
rule("index", "2", function(g, _, x, items) return zeros(x, g):index_put(items, g, true) end)

--- index_put: what t[key] = value calls when tensors are in the key: index_put_(x, {item, ...}, value, accumulate).
---@param x Tensor
---@param items table as for index
---@param value Tensor|number broadcasts to the shape that index gives; converted to x's dtype
---@param accumulate? boolean add instead of writing
---@return Tensor the shape of x
--- Source: torch.index_put.
rule("index_put", "2",
  function(g, _, _, items, _, accumulate)
    if accumulate then return g end
    return g:index_put(items, 0)
  end,
  nil,
  function(g, _, _, items) return g:index(items) end)

--- masked_fill: x with a value where the mask is true; x and mask broadcast.
---@param x Tensor
---@param mask Tensor bool
---@param value number|Tensor 0-dim
---@return Tensor x's dtype
--- Source: torch.masked_fill.  Example: scores:masked_fill(future, -math.huge)
rule("masked_fill", "2",
  function(g, _, _, mask) return g:masked_fill(mask, 0) end,
  nil,
  function(g, _, _, mask) return core.where(mask, g, 0):sum() end)

--- masked_select: the elements of x where the mask is true, in order.
---@param x Tensor
---@param mask Tensor bool; x and mask broadcast
---@return Tensor shape (N)
--- Source: torch.masked_select.  Example: x:masked_select(x:gt(0))
rule("masked_select", "2", function(g, _, x, mask) return zeros(x, g):masked_scatter(mask, g) end)

--- masked_scatter: x with the places where the mask is true taking src's elements in order.
---@param x Tensor
---@param mask Tensor bool; broadcasts to x
---@param src Tensor x's dtype; at least as many elements as there are such places
---@return Tensor the shape of x
--- Source: torch.masked_scatter.
rule("masked_scatter", "2",
  function(g, _, _, mask) return g:masked_fill(mask, 0) end,
  nil,
  function(g, _, _, mask, src)
    local given, n = g:masked_select(mask), src:numel()
    if given:numel() == n then return given:reshape(src:size()) end
    return core.zeros({n}, {dtype = g.dtype, device = g.device}):setitem_(given, {1, given:numel()}):reshape(src:size())
  end)

--- nonzero: the positions of the elements that are not 0, in order.
---@param x Tensor
---@param as_tuple? boolean a list with one vector a dimension, as t[...] takes them, instead of a matrix
---@return Tensor|table i64, shape (N, ndim), from 1
--- Source: torch.nonzero.  Example: ap.tensor{0, 3, 5}:nonzero() --> [[2], [3]]
no_gradient("nonzero")

--- nonzero_static: nonzero with a fixed number of rows: further ones are dropped, missing ones filled.
---@param x Tensor
---@param size integer|table rows; or the options {size =, fill_value =}
---@param fill_value? integer default -1
---@return Tensor i64, shape (size, dimensions of x)
--- Source: torch.nonzero_static.  Example: ap.nonzero_static(ap.tensor{0, 3}, 2) --> [[2], [-1]]
core.define("nonzero_static", function(x, ...)
  local op = "nonzero_static"
  arguments.tensor(op, 1, x)
  local size, fill_value = arguments.named(op, {"size", "fill_value"}, ...)
  fill_value = fill_value or -1
  for name, n in pairs {size = size or false, fill_value = fill_value} do
    if math.type(n) ~= "integer" then arguments.fail("%s: %s: expected an integer, got %s", op, name, tostring(n)) end
  end
  if size < 0 then arguments.fail("%s: size: expected at least 0, got %d", op, size) end
  local found = core.nonzero(x)
  local rows = math.min(size, found:size(1))
  local y = core.full({size, x.ndim}, fill_value, {dtype = "i64", device = x.device})
  if rows > 0 and x.ndim > 0 then y:narrow(1, 1, rows):copy_(found:narrow(1, 1, rows)) end
  return y
end)

-- t[key] = value, where the key mixes tensors with ranges and gradients are recorded: writes the whole of t through
-- flat positions, since the tape cannot follow a write to a view.
function core.put_at_key(x, key, value)
  arguments.tensor("put_at_key", 1, x)
  local positions = core.no_grad(function()
    return core.arange(1, x:numel(), 1, {dtype = "i64", device = x.device}):reshape(x:size())[key]
  end)
  if core.is_tensor(value) and value.dtype ~= x.dtype then value = value:to(x.dtype) end
  return core.put_(x, positions, value)
end
