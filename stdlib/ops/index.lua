--- Indexing: reading and writing elements through positions and masks. Documentation and gradients.
--- Everything counts from 1: positions inside index tensors (dtype i64 or i32) run 1..n along their dimension.
--- Names that end in _ change x in place.
local core = require "apsis.core"
local rule, no_gradient = core.rule, core.no_gradient

local function zeros(x, like) return core.zeros(x:size(), {dtype = like.dtype, device = like.device}) end

-- The gradient of scatter's source, from that of the elements it reached: what lies beyond the index gets none.
local function source_gradient(g, src)
  if src.ndim == 0 then return g:sum() end
  local items, same = {}, true
  for d = 1, src.ndim do
    items[d] = {1, g:size(d)}
    same = same and g:size(d) == src:size(d)
  end
  if same then return g end
  return zeros(src, g):setitem_(g, table.unpack(items))
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
--- Source: torch.nn.functional.embedding.  Example: F.embedding(ap.tensor{{1, 5}}, weight).shape --> {1, 2, D}
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
--- Source: torch.scatter.  Example: ap.zeros(3, 5):scatter(2, class:unsqueeze(2), 1) --> one-hot rows
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
--- Source: torch.scatter_add.
rule("scatter_add", "3",
  function(g) return g end,
  nil, nil,
  function(g, _, _, dim, index, src) return source_gradient(g:gather(dim, index), src) end)

--- index_add: x with slices of src added at the positions along dim.
---@param x Tensor
---@param dim integer
---@param index Tensor i64 or i32, shape (N)
---@param src Tensor x's dtype and shape, with N along dim
---@return Tensor the shape of x; the same bits on any number of threads
--- Source: torch.index_add.
rule("index_add", "3",
  function(g) return g end,
  nil, nil,
  function(g, _, _, dim, index) return g:index_select(dim, index) end)

--- index: what t[key] calls when tensors are in the key: index(x, {item, ...}).
---@param x Tensor
---@param items table one a dimension: a tensor of positions (negative ones count from the end), a bool mask (for as many
---       dimensions as it has), or false to keep the dimension whole
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
