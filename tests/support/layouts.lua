--- The same values through different memory: what every op must not notice.

local ap = require "apsis"

local layouts = {}

-- Values of x every other element of a wider buffer whose gaps hold other values.
local function step(x)
  local n = x:numel()
  local wide = ap.ones({n, 2}, {dtype = x.dtype})
  wide:select(2, 1):copy_(x)
  return wide:select(2, 1)
end

local make = {
  contiguous = function(x) return x end,
  transposed = function(x) return x:t():contiguous():t() end,
  strided = function(x)
    local wide = ap.ones({x:size(1), x:size(2), 3}, {dtype = x.dtype})
    wide:select(3, 2):copy_(x)
    return wide:select(3, 2)
  end,
  offset = function(x)
    local high = ap.ones({x:size(1) + 2, x:size(2) + 1}, {dtype = x.dtype})
    local inner = high:narrow(1, 2, x:size(1)):narrow(2, 2, x:size(2))
    inner:copy_(x)
    return inner
  end,
  step = step,
}

--- A matrix's values in the layout of that name.
function layouts.named(x, name) return make[name](x) end

--- A matrix's values in every layout that keeps its shape: list of {name, tensor}.
function layouts.same_shape(x)
  local list = {}
  for _, name in ipairs {"transposed", "strided", "offset"} do
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
    {name = "step", tensor = step(x), expect = same},
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
