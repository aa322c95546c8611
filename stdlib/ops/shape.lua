--- Gradients and docs of the views and reshapes.

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local part = require("apsis.ops.part").of
local rule, define = core.rule, core.define

local function restore(g, _, x) return g:reshape(x:size()) end

--- view: the same elements in another shape, without a copy; or the same bytes as elements of another dtype.
---@param x Tensor
---@param ... integer|string the sizes, or one table of them, one may be -1; or a dtype (not bool; without a gradient)
---@return Tensor shares x's memory; an error where the strides do not allow it
rule("view", "", restore)

--- reshape: the same elements in another shape, without a copy where the strides allow.
---@param x Tensor
---@param ... integer the sizes, or one table of them; one may be -1
---@return Tensor
--- Example: ap.arange(6):reshape(2, -1):size() --> {2, 3}
rule("reshape", "", restore)

--- flatten: dimensions start_dim to end_dim merged into one.
---@param x Tensor
---@param start_dim integer|nil default 1
---@param end_dim integer|nil default -1
---@return Tensor
rule("flatten", "", restore)

--- unflatten: one dimension split into several.
---@param x Tensor
---@param dim integer
---@param sizes table of integers; one may be -1
---@return Tensor
rule("unflatten", "", restore)

--- squeeze: without the dimensions of size 1 (all of them, or those named).
---@param x Tensor
---@param dim integer|table|nil
---@return Tensor a view
rule("squeeze", "", restore)

--- unsqueeze: with a new dimension of size 1 at position dim.
---@param x Tensor
---@param dim integer
---@return Tensor a view
rule("unsqueeze", "", restore)

--- transpose: two dimensions exchanged.
---@param x Tensor
---@param dim1 integer
---@param dim2 integer
---@return Tensor a view
rule("transpose", "", function(g, _, _, a, b) return g:transpose(a, b) end)

--- t: the transpose of a matrix.
---@param x Tensor shape (N, M), or fewer dimensions
---@return Tensor a view
rule("t", "", function(g) return g:t() end)

-- The fields x.T (and x.H): the transpose of a matrix; x.mT (and x.mH): the last two dimensions exchanged.

--- permute: the dimensions in another order.
---@param x Tensor
---@param ... integer the order, or one table
---@return Tensor a view
rule("permute", "", function(g, _, x, ...)
  local order = type((...)) == "table" and (...) or {...}
  local inverse = {}
  for i, d in ipairs(order) do inverse[d < 0 and d + x.ndim + 1 or d] = i end
  return g:permute(inverse)
end)

rule("movedim", "", function(g, _, _, from, to) return g:movedim(to, from) end)

-- {dimension, ...} as numbers from 1, each once.
local function dimensions(list, ndim)
  local dims, seen = {}, {}
  for i = 1, rawlen(list) do
    local d = rawget(list, i)
    local whole = math.type(d) == "integer" and (d < 0 and d + ndim + 1 or d)
    if not whole or whole < 1 or whole > ndim or seen[whole] then
      arguments.fail("movedim: %s: expected each of the dimensions 1..%d at most once", tostring(d), ndim)
    end
    dims[i], seen[whole] = whole, true
  end
  return dims
end

-- The order in which permute puts dimensions `from` at the places `to`, the others where they fit.
local function moved_order(from, to, ndim)
  local order, taken, next_free = {}, {}, 1
  for i, d in ipairs(from) do order[to[i]], taken[d] = d, true end
  for place = 1, ndim do
    if not order[place] then
      while taken[next_free] do next_free = next_free + 1 end
      order[place], next_free = next_free, next_free + 1
    end
  end
  return order
end

local movedim = core.movedim

--- movedim: dimensions moved to other places; the others keep their order.
---@param x Tensor
---@param from integer|integer[]
---@param to integer|integer[] as many as from
---@return Tensor a view
--- Source: torch.movedim.  Example: ap.zeros(2, 3, 4):movedim(1, 3).shape --> {3, 4, 2}
define("movedim", function(x, from, to)
  if type(from) ~= "table" and type(to) ~= "table" or not core.is_tensor(x) then return movedim(x, from, to) end
  if type(from) ~= "table" or type(to) ~= "table" or rawlen(from) ~= rawlen(to) then
    arguments.fail("movedim: expected two dimensions, or two tables of equally many")
  end
  return x:permute(moved_order(dimensions(from, x.ndim), dimensions(to, x.ndim), x.ndim))
end)

--- expand: dimensions of size 1 repeated to the sizes given, without a copy.
---@param x Tensor
---@param ... integer the sizes, or one table; -1 keeps a size
---@return Tensor a view that cannot be written in place
rule("expand", "", function(g) return g end)

--- expand_as: expanded to the shape of another tensor.
---@param x Tensor
---@param other Tensor
---@return Tensor a view
rule("expand_as", "", function(g) return g end)

--- select: one position of a dimension, which goes away. Also written x[i] for the first.
---@param x Tensor
---@param dim integer
---@param index integer from 1, or negative from the end
---@return Tensor a view
rule("select", "", function(g, _, x, dim, index)
  if not core.is_grad_enabled() then return part(x, g, core.select, dim, index) end
  local gx = core.zeros(x:size(), {dtype = g.dtype, device = g.device})
  local items = {}
  for d = 1, (dim < 0 and dim + x.ndim + 1 or dim) - 1 do items[d] = {} end
  items[#items + 1] = index
  return gx:setitem_(g, table.unpack(items))
end)

--- narrow: `length` positions of a dimension from `start`.
---@param x Tensor
---@param dim integer
---@param start integer from 1
---@param length integer
---@return Tensor a view
rule("narrow", "", function(g, _, x, dim, start, length)
  if not core.is_grad_enabled() then return part(x, g, core.narrow, dim, start, length) end
  local gx = core.zeros(x:size(), {dtype = g.dtype, device = g.device})
  if length == 0 then return gx end
  local items = {}
  for d = 1, (dim < 0 and dim + x.ndim + 1 or dim) - 1 do items[d] = {} end
  if start < 0 then start = start + x:size(dim) + 1 end
  items[#items + 1] = {start, start + length - 1}
  return gx:setitem_(g, table.unpack(items))
end)

-- Positions of x's elements, through the same view: where views overlap, gradients add up.
local function scatter_through(view)
  return function(g, _, x, ...)
    local where = view(core.arange(1, x:numel(), 1, {device = g.device}):reshape(x:size()), ...)
    local flat = core.zeros({x:numel()}, {dtype = g.dtype, device = g.device})
    return flat:scatter_add(1, where:reshape(-1), g:reshape(-1)):reshape(x:size())
  end
end

--- unfold: windows of `size` along a dimension, every `step`, as a new last dimension.
---@param x Tensor
---@param dim integer
---@param size integer
---@param step integer
---@return Tensor a view
rule("unfold", "", function(g, _, x, dim, _, step)
  if x.ndim == 0 then return g:reshape(x:size()) end
  return (require "apsis.ops.overlap"(g, x:size(dim), dim < 0 and dim + x.ndim + 1 or dim, step))
end)

--- diagonal: the elements on a diagonal, as a new last dimension.
---@param x Tensor at least 2 dimensions
---@param offset integer|nil above (positive) or below the main diagonal; default 0
---@param dim1 integer|nil default 1
---@param dim2 integer|nil default 2
---@return Tensor a view
rule("diagonal", "", function(g, y, x, ...)
  if not core.is_grad_enabled() then return part(x, g, core.diagonal, ...) end
  return scatter_through(core.diagonal)(g, y, x, ...)
end)

--- as_strided: a view with the sizes, strides and offset (from 1) given.
---@param x Tensor contiguous where a gradient is wanted
---@param size table
---@param stride table
---@param offset integer|nil
---@return Tensor a view
rule("as_strided", "", scatter_through(function(x, ...) return x:as_strided(...) end))

--- contiguous: x itself where its elements lie in order, else a copy that does.
---@param x Tensor
---@return Tensor
rule("contiguous", "", function(g) return g end)

--- clone: a copy; gradients pass through.
---@param x Tensor
---@return Tensor
rule("clone", "", function(g) return g end)

--- detach: the same memory, cut off from the tape.
---@param x Tensor
---@return Tensor
core.no_gradient("detach")

--- to: in another dtype or on another device; x itself where nothing changes.
---@param x Tensor
---@param target string|Tensor "f64", "cpu", ... or a tensor to be like
---@return Tensor
rule("to", "", function(g) return g end) -- the engine casts g back to x's dtype

--- copy_: the elements of another tensor written into this one, broadcast and converted.
---@param x Tensor
---@param source Tensor broadcasts to x
---@return Tensor x
rule("copy", "", function() return nil end, function(g) return g end)

--- fill_: every element set to a value.
---@param x Tensor
---@param value number
---@return Tensor x
rule("fill", "", function() return nil end)

--- zero_: every element set to zero.
---@param x Tensor
---@return Tensor x
rule("zero", "", function() return nil end)

--- getitem: what t[key] calls for integers and ranges: getitem(x, item, ...).
---@param x Tensor
---@param ... integer|table|string positions, ranges {first, last, step}, "...", "None"
---@return Tensor a view
rule("getitem", "", function(g, _, x, ...)
  if not core.is_grad_enabled() then return part(x, g, core.getitem, ...) end
  return core.zeros(x:size(), {dtype = g.dtype, device = g.device}):setitem_(g, ...)
end)

--- setitem_: what t[key] = value calls: setitem_(x, value, item, ...).
---@param x Tensor
---@param value Tensor|number broadcasts to the place
---@param ... integer|table|string as for getitem
---@return Tensor x
rule("setitem", "", function(g, _, _, _, ...)
  return g:clone():setitem_(0, ...)
end, function(g, _, _, _, ...)
  return g:getitem(...)
end)
