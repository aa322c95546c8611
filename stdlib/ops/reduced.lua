--- What the gradients of reductions and of ordering share: the shapes of results along reduced dims, and the way back.
local core = require "apsis.core"

local reduced = {}

-- The sizes of x with the reduced dims set to 1, and how many elements went into one result.
function reduced.kept_sizes(x, dim)
  local size, count = x:size(), 1
  local ndim = #size
  local function reduce(d)
    if d < 0 then d = d + ndim + 1 end
    if size[d] then
      count = count * size[d]
      size[d] = 1
    end
  end
  if dim == nil or (type(dim) == "table" and #dim == 0) then
    for d = 1, ndim do reduce(d) end
  elseif type(dim) == "table" then
    for _, d in ipairs(dim) do reduce(d) end
  else
    reduce(dim)
  end
  return size, count
end

-- A result (or its gradient) of a reduction, with the reduced dims back as size 1: it broadcasts with x.
function reduced.unreduced(g, x, dim, keepdim)
  if keepdim or dim == nil or x.ndim == 0 then return g end
  return g:reshape((reduced.kept_sizes(x, dim)))
end

function reduced.spread(g, x, dim, keepdim)
  g = reduced.unreduced(g, x, dim, keepdim)
  if g.dtype ~= x.dtype then g = g:to(x.dtype) end
  return g:expand(x:size())
end

function reduced.element_count(x, dim)
  local _, count = reduced.kept_sizes(x, dim)
  return count
end

-- The gradient is shared evenly among the elements that reach the extreme.
function reduced.among_ties(g, y, x, dim, keepdim)
  local at = x:eq(reduced.unreduced(y, x, dim, keepdim)):to(x.dtype)
  return reduced.spread(g, x, dim, keepdim) * (at / at:sum(dim, true))
end

-- The gradient of chosen elements flows back to the positions that they came from. (The positions that the
-- op returns too are integers and have no gradient: g[2] is nil.)
function reduced.to_positions(g, index, x, dim, keepdim)
  if x.ndim == 0 then return g:reshape(x:size()) end
  dim = dim or -1
  if not keepdim then g, index = g:unsqueeze(dim), index:unsqueeze(dim) end
  return core.zeros(x:size(), {dtype = x.dtype, device = x.device}):scatter_add(dim, index, g)
end

return reduced
