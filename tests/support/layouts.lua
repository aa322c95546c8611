--- The same values through different memory: what every op must not notice.

local ap = require "apsis"

local layouts = {}

-- Name -> the same values, of any number of dimensions unless it says otherwise. Gaps hold other values.
local make = {
  contiguous = function(x) return x:clone() end,
  -- The first dimension is the innermost in memory, and the last the outermost.
  transposed = function(x) return x.ndim < 2 and x:clone() or x:transpose(1, -1):contiguous():transpose(1, -1) end,
  -- Matrices by columns.
  columns = function(x) return x.ndim < 2 and x:clone() or x:transpose(-2, -1):contiguous():transpose(-2, -1) end,
  -- The first two dimensions lie in the opposite order.
  inner = function(x) return x.ndim < 3 and x:clone() or x:transpose(1, 2):contiguous():transpose(1, 2) end,
  -- The dimensions lie in the opposite order.
  reversed = function(x)
    local order = {}
    for d = 1, x.ndim do order[d] = x.ndim - d + 1 end
    return x:permute(order):contiguous():permute(order)
  end,
  -- A batch's index runs fastest.
  batch_last = function(x) return x.ndim < 3 and x:clone() or x:movedim(1, -1):contiguous():movedim(-1, 1) end,
  -- Every third element of a larger buffer.
  strided = function(x)
    local sizes = x:size()
    sizes[#sizes + 1] = 3
    local wide = ap.full(sizes, 99, {dtype = x.dtype, device = x.device})
    wide:select(-1, 2):copy_(x)
    return wide:select(-1, 2)
  end,
  -- A part of a larger tensor: rows further apart than they are long.
  inside = function(x)
    if x.ndim == 0 then return x:clone() end
    local sizes = x:size()
    for d = 1, x.ndim do sizes[d] = sizes[d] + 2 end
    local part = ap.full(sizes, 99, {dtype = x.dtype, device = x.device})
    for d = 1, x.ndim do part = part:narrow(d, 2, x:size(d)) end
    part:copy_(x)
    return part
  end,
}

--- Those layouts: table name -> function that puts a tensor's values into a fresh one. They carry no gradients.
function layouts.pick(...)
  local picked = {}
  for _, name in ipairs {...} do picked[name] = assert(make[name], name) end
  return picked
end

--- A matrix's values in the layout of that name.
function layouts.named(x, name) return make[name](x) end

--- A matrix's values in every layout that keeps its shape: list of {name, tensor}.
function layouts.same_shape(x)
  local list = {}
  for _, name in ipairs {"transposed", "strided", "inside"} do
    list[#list + 1] = {name = name, tensor = make[name](x)}
  end
  return list
end

--- A vector in every layout: list of {name, tensor, expect}: expect makes the expected result of an elementwise op from
--- its result on the vector.
function layouts.of(x)
  local n = x:numel()
  local function same(y) return y end
  local function rows(y) return y:view(1, n):expand(3, n) end
  local matrix = x:view(1, n):expand(3, n):contiguous()
  local list = {
    {name = "contiguous", tensor = x, expect = same},
    {name = "step", tensor = make.strided(x), expect = same},
    {name = "broadcast", tensor = x:view(1, n):expand(3, n), expect = rows},
    {name = "three dimensions", tensor = matrix:view(3, 1, n), expect = function(y) return rows(y):unsqueeze(2) end},
    {name = "zero-size", tensor = x:narrow(1, 1, 0), expect = function(y) return y:narrow(1, 1, 0) end},
  }
  for _, layout in ipairs(layouts.same_shape(matrix)) do
    list[#list + 1] = {name = layout.name, tensor = layout.tensor, expect = rows}
  end
  return list
end

return layouts
