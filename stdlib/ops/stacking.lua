--- Tensors side by side, taken apart, brought to one shape, combined: composed of cat, narrow, expand and indexing, so
--- that all of it has its gradients and runs on every device.

local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"
local define, is_tensor = core.define, core.is_tensor

-- The tensors of f(a, b, ...) or f{a, b, ...}, and a last table of options, those in `known` (default: none).
local function tensors_of(op, known, ...)
  local given, options = {...}, nil
  local last = given[#given]
  if type(last) == "table" and type((next(last))) == "string" then
    options = table.remove(given)
    arguments.known(op, options, known)
  end
  local list = given
  if #given == 1 and type(given[1]) == "table" then list = given[1] end
  for i = 1, #list do
    arguments.tensor(op, i, list[i])
  end
  return list, options, list ~= given
end

local function nonempty(op, list)
  if #list == 0 then arguments.fail("%s: expected at least one tensor", op) end
  return list
end

-- f over one tensor, or each of several; as many results, in a table where a table was given.
local function each(op, f)
  return function(...)
    local list, _, in_table = tensors_of(op, {}, ...)
    local results = {}
    for i, x in ipairs(nonempty(op, list)) do results[i] = f(x) end
    if in_table then return results end
    return table.unpack(results)
  end
end

local function to_1d(x) return x.ndim == 0 and x:reshape(1) or x end

local function to_2d(x)
  x = to_1d(x)
  return x.ndim == 1 and x:unsqueeze(1) or x
end

local function to_3d(x)
  x = to_2d(x)
  return x.ndim == 2 and x:unsqueeze(3) or x
end

--- atleast_1d: a 0-dim tensor as a vector of one; others as they are.
---@param ... Tensor several give several results; a table of them gives a table
---@return Tensor ...
define("atleast_1d", each("atleast_1d", to_1d))

--- atleast_2d: vectors as a matrix of one row; larger tensors as they are.
---@param ... Tensor several give several results; a table of them gives a table
---@return Tensor ...
define("atleast_2d", each("atleast_2d", to_2d))

--- atleast_3d: vectors as (1, N, 1), matrices as (N, M, 1); larger tensors as they are.
---@param ... Tensor several give several results; a table of them gives a table
---@return Tensor ...
define("atleast_3d", each("atleast_3d", to_3d))

local function stacker(op, prepare, dim)
  return function(...)
    local list, prepared = nonempty(op, (tensors_of(op, {}, ...))), {}
    for i, x in ipairs(list) do prepared[i] = prepare(x) end
    return core.cat(prepared, dim or (prepared[1].ndim == 1 and 1 or 2))
  end
end

--- hstack: side by side: along the second dimension, vectors along the first.
---@param tensors Tensor[] or the tensors one by one
---@return Tensor
--- Source: torch.hstack.
define("hstack", stacker("hstack", to_1d))

--- vstack: one below the other: along the first dimension; vectors become rows.
---@param tensors Tensor[] or the tensors one by one
---@return Tensor
--- Source: torch.vstack.
define("vstack", stacker("vstack", to_2d, 1))

--- row_stack: vstack by its other name.
---@param tensors Tensor[] or the tensors one by one
---@return Tensor
--- Source: torch.row_stack.
define("row_stack", core.vstack)

--- dstack: behind each other: along the third dimension.
---@param tensors Tensor[] or the tensors one by one
---@return Tensor
--- Source: torch.dstack.
define("dstack", stacker("dstack", to_3d, 3))

--- column_stack: side by side, vectors as columns.
---@param tensors Tensor[] or the tensors one by one
---@return Tensor
--- Source: torch.column_stack.
define("column_stack", stacker("column_stack", function(x)
  x = to_1d(x)
  return x.ndim == 1 and x:unsqueeze(2) or x
end, 2))

-- --- taken apart -------------------------------------------------------------------------------------------------

-- Parts are empty past the size; so many of them are a mistake that would fill the memory.
local MOST_PARTS = 1 << 20

local function split_at(op, x, parts, dim)
  arguments.tensor(op, 1, x)
  if x.ndim == 0 then arguments.fail("%s: a 0-dim tensor cannot be taken apart", op) end
  local size, sizes = x:size(dim), {}
  if is_tensor(parts) and parts.ndim == 0 then parts = parts:item() end
  if math.type(parts) == "integer" and parts > 0 then
    if parts > MOST_PARTS then arguments.fail("%s: expected at most %d parts, got %d", op, MOST_PARTS, parts) end
    for i = 1, parts do sizes[i] = size // parts + (i <= size % parts and 1 or 0) end
    return x:split(sizes, dim)
  end
  local cuts = is_tensor(parts) and parts:totable() or parts
  if type(cuts) ~= "table" then
    arguments.fail("%s: argument 2: expected a number of parts of at least 1 or a table of cuts, got %s", op,
      tostring(parts))
  end
  local list, from = {}, 0
  for i = 1, #cuts + 1 do
    local to = cuts[i] or size
    if math.type(to) ~= "integer" then arguments.fail("%s: cut %d is not an integer", op, i) end
    to = math.min(to < 0 and math.max(to + size, 0) or to, size)
    local length = math.max(to - from, 0)
    list[i] = x:narrow(dim, length == 0 and 1 or from + 1, length)
    from = to
  end
  return list
end

--- tensor_split: parts of a dimension, as views: about equal ones, or cut after given positions.
---@param x Tensor
---@param parts integer|integer[] how many; or after which positions to cut (PyTorch's numbers): {2, 5} gives 1..2, 3..5
---       and 6..
---@param dim integer|nil default 1
---@return Tensor[] views
--- Source: torch.tensor_split.  Example: #ap.arange(7):tensor_split(3) --> 3
define("tensor_split", function(x, ...)
  local parts, dim = arguments.named("tensor_split", {"parts", "dim"}, ...)
  return split_at("tensor_split", x, parts, dim or 1)
end)

local function splitter(op, least, dim)
  return function(x, parts)
    arguments.tensor(op, 1, x)
    if x.ndim < least then
      arguments.fail("%s: expected at least %d dimensions, got %s", op, least, arguments.shape(x))
    end
    local d = op == "hsplit" and x.ndim == 1 and 1 or dim
    if math.type(parts) == "integer" and parts > 0 and x:size(d) % parts ~= 0 then
      arguments.fail("%s: %d positions of dimension %d make no %d equal parts", op, x:size(d), d, parts)
    end
    return split_at(op, x, parts, d)
  end
end

--- hsplit: parts of the second dimension (of a vector's only one), as tensor_split; equal ones.
---@param x Tensor
---@param parts integer|integer[]
---@return Tensor[] views
define("hsplit", splitter("hsplit", 1, 2))

--- vsplit: parts of the first dimension, as tensor_split; equal ones.
---@param x Tensor at least 2 dimensions
---@param parts integer|integer[]
---@return Tensor[] views
define("vsplit", splitter("vsplit", 2, 1))

--- dsplit: parts of the third dimension, as tensor_split; equal ones.
---@param x Tensor at least 3 dimensions
---@param parts integer|integer[]
---@return Tensor[] views
define("dsplit", splitter("dsplit", 3, 3))

-- --- one shape ---------------------------------------------------------------------------------------------------

--- broadcast_shapes: the shape that shapes broadcast to.
---@param ... integer[] shapes
---@return integer[]
--- Source: torch.broadcast_shapes.  Example: ap.broadcast_shapes({2, 1}, {3}) --> {2, 3}
define("broadcast_shapes", function(...)
  local shapes = {...}
  for i, shape in ipairs(shapes) do
    if math.type(shape) == "integer" then shapes[i] = {shape} end
    for d, n in ipairs(type(shapes[i]) == "table" and shapes[i] or {false}) do
      if math.type(n) ~= "integer" or n < 0 then
        arguments.fail("broadcast_shapes: argument %d: expected a shape, got %s", i,
          type(shape) == "table" and "size " .. tostring(n) .. " at " .. d or arguments.got(shape))
      end
    end
  end
  return arguments.broadcast_sizes("broadcast_shapes", shapes)
end)

--- broadcast_tensors: all expanded to the shape that they broadcast to.
---@param ... Tensor or one table of them
---@return Tensor[] views
--- Source: torch.broadcast_tensors.
define("broadcast_tensors", function(...)
  local list, views = tensors_of("broadcast_tensors", {}, ...), {}
  local size = arguments.broadcast("broadcast_tensors", table.unpack(list))
  for i, x in ipairs(list) do views[i] = x:expand(size) end
  return views
end)

--- meshgrid: the coordinates of a grid: the i-th result holds, at each point, its i-th coordinate.
---@param ... Tensor vectors (or 0-dim), or one table of them; then "ij" (the default) or "xy", or {indexing =}: "xy"
---       exchanges the first two dimensions, as for pictures
---@return Tensor[] views of shape (N1, N2, ...)
--- Source: torch.meshgrid.  Example: local x, y = table.unpack(ap.meshgrid(ap.arange(3), ap.arange(2)))
define("meshgrid", function(...)
  local given, indexing = table.pack(...), "ij"
  if type(given[given.n]) == "string" then
    indexing = given[given.n]
    given.n = given.n - 1
  end
  local list, options = tensors_of("meshgrid", {indexing = true}, table.unpack(given, 1, given.n))
  if options then indexing = arguments.named("meshgrid", {"indexing"}, options) or indexing end
  if indexing ~= "ij" and indexing ~= "xy" then
    arguments.fail("meshgrid: indexing: expected 'ij' or 'xy', got '%s'", indexing)
  end
  nonempty("meshgrid", list)
  local size, grids = {}, {}
  for i, x in ipairs(list) do
    if x.ndim > 1 then
      arguments.fail("meshgrid: argument %d: expected a vector, got %s", i, arguments.shape(x))
    end
    size[i] = x:numel()
  end
  for i, x in ipairs(list) do
    local shape = {}
    for d = 1, #list do shape[d] = d == i and -1 or 1 end
    grids[i] = x:reshape(shape):expand(size)
    if indexing == "xy" and #list > 1 then grids[i] = grids[i]:transpose(1, 2) end
  end
  return grids
end)

-- --- combined ----------------------------------------------------------------------------------------------------

--- cartesian_prod: every combination of one element of each vector, a row each; of one vector itself.
---@param ... Tensor vectors
---@return Tensor shape (N1 * N2 * ..., number of vectors)
--- Source: torch.cartesian_prod.
define("cartesian_prod", function(...)
  local list = nonempty("cartesian_prod", (tensors_of("cartesian_prod", {}, ...)))
  if #list == 1 then return list[1] end
  for i, x in ipairs(list) do
    if x.ndim ~= 1 then
      arguments.fail("cartesian_prod: argument %d: expected a vector, got %d dimensions", i, x.ndim)
    end
  end
  local grids = core.meshgrid(list)
  for i, x in ipairs(grids) do grids[i] = x:reshape(-1) end
  return core.stack(grids, 2)
end)

--- combinations: every choice of r elements in their order, a row each.
---@param x Tensor shape (N)
---@param r integer|nil default 2
---@param with_replacement boolean|nil an element may come again; default false
---@return Tensor shape (number of choices, r)
--- Source: torch.combinations.  Example: ap.combinations(ap.tensor{1, 2, 3}) --> [[1, 2], [1, 3], [2, 3]]
define("combinations", function(x, ...)
  local r, again = arguments.named("combinations", {"r", "with_replacement"}, ...)
  r = r or 2
  if not is_tensor(x) or x.ndim ~= 1 then
    arguments.fail("combinations: argument 1: expected a vector, got %s", arguments.got(x))
  end
  if math.type(r) ~= "integer" or r < 0 then
    arguments.fail("combinations: argument 2: expected an integer of at least 0, got %s", r)
  end
  if r == 0 then return x:narrow(1, 1, 0) end
  local n, flat, chosen = x:numel(), {}, {}
  local function choose(k, from)
    if k > r then
      table.move(chosen, 1, r, #flat + 1, flat)
      return
    end
    for i = from, n do
      chosen[k] = i
      choose(k + 1, again and i or i + 1)
    end
  end
  choose(1, 1)
  local positions = core.tensor(flat, {dtype = "i64", device = x.device})
  return x:index_select(1, positions):reshape(#flat // r, r)
end)

--- block_diag: matrices along the diagonal of a larger one, zeros elsewhere. Vectors count as rows.
---@param ... Tensor of at most 2 dimensions, or one table of them
---@return Tensor
--- Source: torch.block_diag.
define("block_diag", function(...)
  local list = nonempty("block_diag", (tensors_of("block_diag", {}, ...)))
  local blocks, rows, columns, dtype = {}, 0, 0, list[1].dtype
  for i, x in ipairs(list) do
    if x.ndim > 2 then
      arguments.fail("block_diag: argument %d: expected at most 2 dimensions, got %s", i,
        arguments.shape(x))
    end
    blocks[i] = to_2d(x)
    rows, columns = rows + blocks[i]:size(1), columns + blocks[i]:size(2)
    dtype = core.promote_types(dtype, x.dtype)
  end
  local y = core.zeros({rows, columns}, {dtype = dtype, device = list[1].device})
  local row, column = 0, 0
  for _, x in ipairs(blocks) do
    local n, m = x:size(1), x:size(2)
    if n > 0 and m > 0 then y = y:setitem_(x, {row + 1, row + n}, {column + 1, column + m}) end
    row, column = row + n, column + m
  end
  return y
end)
