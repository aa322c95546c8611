--- The transpose of Tensor.unfold: windows added up where they overlap. Returns the function.

local autograd = require "apsis.autograd"
local core = require "apsis.core"

-- Window after window.
local function add_windows(y, pieces, dim, step)
  for w = 1, pieces:size(dim) do
    y:narrow(dim, (w - 1) * step + 1, pieces:size(-1)):add_(pieces:select(dim, w):movedim(-1, dim))
  end
end

-- y falls into steps; the first `step` elements of all windows go to one step each, the next ones to the step after it.
local function add_steps(y, pieces, dim, step, steps)
  local windows, size, parts = pieces:size(dim), pieces:size(-1), pieces:movedim(-1, dim + 1)
  local rows = y:narrow(dim, 1, steps * step):unflatten(dim, {steps, step})
  for first = 0, size - 1, step do
    local n = math.min(step, size - first)
    local place = rows:narrow(dim, first // step + 1, windows):narrow(dim + 1, 1, n)
    place:add_(parts:narrow(dim + 1, first + 1, n))
  end
end

-- overlap_add(pieces, n, dim, step): what x:unfold(dim, size, step) shows of each element, added up. In pieces the
-- windows stand along dim (from 1), their elements in a further, last dimension; along dim the result has n elements,
-- at least as many as the windows cover.
return autograd.Function {
  forward = function(ctx, pieces, n, dim, step)
    local sizes = pieces:size()
    local windows, size = sizes[dim], table.remove(sizes)
    local steps = windows + (size - 1) // step
    ctx.dim, ctx.size, ctx.step = dim, size, step
    local by_steps = 4 * ((size - 1) // step + 1) < windows -- else longer rows
    sizes[dim] = by_steps and math.max(n, steps * step) or n
    local y = core.zeros(sizes, {dtype = pieces.dtype, device = pieces.device})
    if pieces:numel() == 0 then return y end
    if by_steps then
      add_steps(y, pieces, dim, step, steps)
    else
      add_windows(y, pieces, dim, step)
    end
    return y:narrow(dim, 1, n):contiguous()
  end,
  backward = function(ctx, g) return g:unfold(ctx.dim, ctx.size, ctx.step) end,
}
