--- cat and stack with their gradients, and what takes tensors apart: split, chunk, unbind.

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local rule, define = core.rule, core.define

--- cat: tensors one after the other along a dimension.
---@param tensors Tensor[] sizes agree but for dim; an empty vector fits anything
---@param dim integer|nil default 1
---@return Tensor dtypes promoted together
--- Errors: another number of dimensions or other sizes; tensors on different devices.
--- Source: torch.cat.  Example: ap.cat({ap.zeros(2, 3), ap.ones(1, 3)}).shape --> {3, 3}
rule("cat", "", function(g, _, list, dim)
  local parts, at = {}, 1
  dim = dim or 1
  for i, x in ipairs(list) do
    if x.ndim == 1 and x:size(1) == 0 then
      parts[i] = core.zeros({0}, {dtype = g.dtype, device = g.device})
    else
      local n = x:size(dim)
      parts[i] = g:narrow(dim, n == 0 and 1 or at, n)
      at = at + n
    end
  end
  return parts
end)

--- stack: tensors of one shape side by side along a new dimension.
---@param tensors Tensor[]
---@param dim integer|nil where the new dimension stands; default 1
---@return Tensor dtypes promoted together
--- Source: torch.stack.  Example: ap.stack({ap.zeros(3), ap.ones(3)}).shape --> {2, 3}
rule("stack", "", function(g, _, list, dim)
  local parts = {}
  for i = 1, #list do parts[i] = g:select(dim or 1, i) end
  return parts
end)

local function check(name, x)
  arguments.tensor(name, 1, x)
  if x.ndim == 0 then arguments.fail("%s: a 0-dim tensor cannot be taken apart", name) end
end

--- split: consecutive parts of a dimension, as views.
---@param x Tensor
---@param sizes integer|integer[] the size of each part (the last may be smaller), or all sizes
---@param dim integer|nil default 1
---@return Tensor[] views
--- Errors: sizes that do not add up to the dimension's.
--- Source: torch.split.  Example: #ap.arange(7):split(3) --> 3
define("split", function(x, sizes, dim)
  check("split", x)
  dim = dim or 1
  local total, parts, at = x:size(dim), {}, 1
  if math.type(sizes) == "integer" and sizes > 0 then
    local size = sizes
    sizes = {}
    for first = 1, math.max(total, 1), size do sizes[#sizes + 1] = math.min(size, total - first + 1) end
  elseif type(sizes) ~= "table" then
    arguments.fail("split: argument 2: expected a size of at least 1 or a table of sizes, got %s", tostring(sizes))
  end
  local sum = 0
  for _, size in ipairs(sizes) do
    if math.type(size) ~= "integer" or size < 0 then
      arguments.fail("split: argument 2: expected sizes of at least 0, got %s", tostring(size))
    end
    sum = sum + size
  end
  if sum ~= total then
    arguments.fail("split: sizes add up to %d, dimension %d has %d", sum, dim, total)
  end
  for i, size in ipairs(sizes) do
    parts[i] = x:narrow(dim, size == 0 and 1 or at, size)
    at = at + size
  end
  return parts
end)

-- More are a mistake that would fill the memory.
local MOST_PARTS = 1 << 20

--- chunk: about equal parts of a dimension, as views; fewer than n where it cannot be cut so often.
---@param x Tensor
---@param n integer
---@param dim integer|nil default 1
---@return Tensor[] views
--- Source: torch.chunk.  Example: ap.arange(7):chunk(3)[3].shape --> {1}
define("chunk", function(x, n, dim)
  check("chunk", x)
  if math.type(n) ~= "integer" or n < 1 then
    arguments.fail("chunk: argument 2: expected an integer of at least 1, got %s", n)
  end
  if n > MOST_PARTS then arguments.fail("chunk: argument 2: expected at most %d, got %d", MOST_PARTS, n) end
  local size = x:size(dim or 1)
  if size == 0 then -- n of them, as in PyTorch
    local parts = {}
    for i = 1, n do parts[i] = x:narrow(dim or 1, 1, 0) end
    return parts
  end
  return x:split((size + n - 1) // n, dim)
end)

--- unbind: the positions of a dimension, each without it, as views.
---@param x Tensor
---@param dim integer|nil default 1
---@return Tensor[] views
--- Source: torch.unbind.
define("unbind", function(x, dim)
  check("unbind", x)
  local parts = {}
  for i = 1, x:size(dim or 1) do parts[i] = x:select(dim or 1, i) end
  return parts
end)
