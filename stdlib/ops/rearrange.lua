--- Elements in another order, repeated, and triangular parts. Documentation and gradients.
local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local rule, define = core.rule, core.define

--- flip: backwards along the dims; a copy.
---@param x Tensor
---@param ... integer the dims, or one table of them
---@return Tensor same shape
--- Source: torch.flip.  Example: ap.tensor{1, 2, 3}:flip(1) --> [3, 2, 1]
rule("flip", "", function(g, _, _, ...) return g:flip(...) end)

--- fliplr: backwards along the second dimension.
---@param x Tensor at least 2 dimensions
---@return Tensor same shape
define("fliplr", function(x) return core.flip(x, 2) end)

--- flipud: backwards along the first dimension.
---@param x Tensor at least 1 dimension
---@return Tensor same shape
define("flipud", function(x) return core.flip(x, 1) end)

--- roll: moved along dims; what leaves at one end comes in at the other.
---@param x Tensor
---@param shifts integer|integer[] how far, to higher positions where positive
---@param dims? integer|integer[] one for each shift; nil: x as one flat row
---@return Tensor same shape
--- Source: torch.roll.  Example: ap.tensor{1, 2, 3}:roll(1) --> [3, 1, 2]
rule("roll", "", function(g, _, _, shifts, dims)
  if type(shifts) == "number" then return g:roll(-shifts, dims) end
  local back = {}
  for i, s in ipairs(shifts) do back[i] = -s end
  return g:roll(back, dims)
end)

local function product(size, from, to)
  local n = 1
  for d = from, to do n = n * size[d] end
  return n
end

--- tile: x side by side, `times` along each dimension. Also x:repeat_(...), PyTorch's `repeat`, a word that Lua keeps
--- for itself.
---@param x Tensor
---@param ... integer the times, or one table of them; fewer than x has dimensions count from the last
---@return Tensor
--- Source: torch.tile.  Example: ap.tensor{1, 2}:tile(2, 2) --> [[1, 2, 1, 2], [1, 2, 1, 2]]
rule("tile", "", function(g, _, x)
  -- Copy by copy: dimension d of g is times * size, and the times are summed up.
  local size, from = g:size(), x:size()
  local ndim = #size
  while #from < ndim do table.insert(from, 1, 1) end
  for d = 1, ndim do
    if size[d] ~= from[d] then
      local times = from[d] > 0 and size[d] // from[d] or 0
      g = g:reshape(product(size, 1, d - 1), times, from[d] * product(size, d + 1, ndim)):sum(2)
      size[d] = from[d]
    end
  end
  return g:reshape(x:size())
end)

--- repeat_: PyTorch's repeat, a word that Lua keeps for itself: as tile, with a number for every dimension.
---@param x Tensor
---@param ... integer the times, or one table of them; at least as many as x has dimensions
---@return Tensor
--- Source: torch.Tensor.repeat.  Example: ap.tensor{1, 2}:repeat_(2, 1) --> [[1, 2], [1, 2]]
define("repeat_", function(x, ...)
  arguments.tensor("repeat_", 1, x)
  local times = type((...)) == "table" and (...) or {...}
  if #times < x.ndim then
    arguments.fail("repeat_: expected a number of times for each of the %d dimensions, got %d", x.ndim, #times)
  end
  return core.tile(x, times)
end)

--- repeat_interleave: every slice along dim several times in a row.
---@param x Tensor
---@param repeats integer|Tensor how often; or a vector with a number for each slice
---@param dim? integer nil: x as one flat row
---@return Tensor
--- Source: torch.repeat_interleave.  Example: ap.tensor{1, 2}:repeat_interleave(2) --> [1, 1, 2, 2]
rule("repeat_interleave", "2", function(g, _, x, repeats, dim)
  local size = dim and x:size() or {x:numel()}
  if #size == 0 then size, dim = {1}, 1 end
  local d = dim and (dim < 0 and dim + #size + 1 or dim) or 1
  if core.is_tensor(repeats) then
    local zeros = core.zeros(size, {dtype = g.dtype, device = g.device})
    return zeros:index_add(d, core.repeat_positions(repeats), g):reshape(x:size())
  end
  return g:reshape(product(size, 1, d), repeats, product(size, d + 1, #size)):sum(2):reshape(x:size())
end)

--- tril: the elements of each matrix on and below a diagonal; 0 elsewhere.
---@param x Tensor shape (*, N, M)
---@param diagonal? integer which: 0 the main one, above it where positive
---@return Tensor same shape
--- Source: torch.tril.  Example: ap.ones(2, 2):tril() --> [[1, 0], [1, 1]]
rule("tril", "", function(g, _, _, diagonal) return g:tril(diagonal) end)

--- triu: the elements of each matrix on and above a diagonal; 0 elsewhere.
---@param x Tensor shape (*, N, M)
---@param diagonal? integer which: 0 the main one, above it where positive
---@return Tensor same shape
--- Source: torch.triu.  Example: ap.ones(3, 3):triu(1):bool() masks what is to come in attention
rule("triu", "", function(g, _, _, diagonal) return g:triu(diagonal) end)

--- tril_indices: the positions on and below a diagonal of a (rows, columns) matrix, row by row.
---@function core.tril_indices
---@param rows integer
---@param columns integer
---@param offset? integer the diagonal, default 0
---@param dtype? string default i64
---@param device? string default: the default device
---@return Tensor shape (2, N): rows, then columns, from 1
--- Source: torch.tril_indices.  Example: ap.tril_indices(2, 2) --> [[1, 2, 2], [1, 1, 2]]

--- triu_indices: the positions on and above a diagonal of a (rows, columns) matrix, row by row.
---@function core.triu_indices
---@param rows integer
---@param columns integer
---@param offset? integer the diagonal, default 0
---@param dtype? string default i64
---@param device? string default: the default device
---@return Tensor shape (2, N): rows, then columns, from 1
--- Source: torch.triu_indices.
