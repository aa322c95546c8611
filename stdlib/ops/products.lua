--- Products of tensors besides matmul: tensordot, kron, inner, outer sums and distances between points. Compositions:
--- differentiable, on every device.
local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"
local autograd = require "apsis.autograd"
local in_place = require "apsis.ops.in_place"
local define, named, fail = core.define, arguments.named, arguments.fail
local check_tensors, shape = arguments.tensors, arguments.shape

-- dims of x as positive numbers.
local function positive_dims(op, x, dims)
  local out, seen = {}, {}
  for i, d in ipairs(dims) do
    out[i] = arguments.dim(op, x.ndim, d)
    if seen[out[i]] then fail("%s: dim %d is named twice", op, out[i]) end
    seen[out[i]] = true
  end
  return out, seen
end

-- The last n and the first n dims, or the two lists given.
local function contracted_dims(op, a, b, dims)
  if math.type(dims) == "integer" then
    if dims < 0 or dims > a.ndim or dims > b.ndim then
      fail("%s: %d dims of %s and %s cannot be contracted", op, dims, shape(a), shape(b))
    end
    local last, first = {}, {}
    for i = 1, dims do last[i], first[i] = a.ndim - dims + i, i end
    return last, first
  end
  if type(dims) ~= "table" or type(dims[1]) ~= "table" or type(dims[2]) ~= "table" or #dims[1] ~= #dims[2] then
    fail("%s: dims: expected a number, or a list of dims for each tensor, as long as the other", op)
  end
  return dims[1], dims[2]
end

-- x as a matrix: the free dims by the contracted ones, or the other way round; and the free sizes.
local function as_matrix(x, dims, contracted, free_first)
  local free, sizes, rows, inner = {}, {}, 1, 1
  for d = 1, x.ndim do
    if not contracted[d] then
      free[#free + 1] = d
      sizes[#sizes + 1] = x:size(d)
      rows = rows * x:size(d)
    end
  end
  for _, d in ipairs(dims) do inner = inner * x:size(d) end
  local order = {}
  for _, d in ipairs(free_first and free or dims) do order[#order + 1] = d end
  for _, d in ipairs(free_first and dims or free) do order[#order + 1] = d end
  if #order > 0 then x = x:permute(order) end
  return free_first and x:reshape(rows, inner) or x:reshape(inner, rows), sizes
end

--- tensordot: products of two tensors, summed over pairs of dims.
---@param a Tensor
---@param b Tensor the dtype of a
---@param dims integer|integer[][]|nil how many (default 2): the last of a with the first of b; or {dims of a, of b}
---@return Tensor the other dims of a, then those of b
--- Source: torch.tensordot.  Example: ap.tensordot(ap.ones(2, 3, 4), ap.ones(3, 4, 5)).shape --> {2, 5}
define("tensordot", function(a, b, ...)
  local op = "tensordot"
  check_tensors(op, a, b)
  if a.dtype ~= b.dtype then fail("%s: expected operands of one dtype, got %s and %s", op, a.dtype, b.dtype) end
  local given = named(op, {"dims"}, ...)
  local dims_a, dims_b = contracted_dims(op, a, b, given == nil and 2 or given)
  local seen_a, seen_b
  dims_a, seen_a = positive_dims(op, a, dims_a)
  dims_b, seen_b = positive_dims(op, b, dims_b)
  for i, d in ipairs(dims_a) do
    local n, m = a:size(d), b:size(dims_b[i])
    if n ~= m and (n == 1 or m == 1) then -- a size of 1 broadcasts
      if n == 1 then b = b:sum(dims_b[i], true) else a = a:sum(d, true) end
    elseif n ~= m then
      fail("%s: dim %d of %s and dim %d of %s differ: %d and %d", op, d, shape(a), dims_b[i], shape(b), n, m)
    end
  end
  local left, size = as_matrix(a, dims_a, seen_a, true)
  local right, size_b = as_matrix(b, dims_b, seen_b, false)
  for _, n in ipairs(size_b) do size[#size + 1] = n end
  return core.mm(left, right):reshape(size)
end)

--- kron: the Kronecker product: b times every element of a, in the place of that element.
---@param a Tensor at most 4 dims
---@param b Tensor at most 4 dims
---@return Tensor each size the product of theirs; the one with fewer dims counts its own from the last
--- Source: torch.kron.  Example: ap.kron(ap.eye(2), ap.ones(1, 2)) --> [[1, 1, 0, 0], [0, 0, 1, 1]]
define("kron", function(a, b)
  check_tensors("kron", a, b)
  local n = math.max(a.ndim, b.ndim)
  if n > 4 then fail("kron: %s and %s: at most 4 dims", shape(a), shape(b)) end
  local left, right, size = {}, {}, {}
  for d = 1, n do
    local i, j = d - n + a.ndim, d - n + b.ndim
    local p, q = i >= 1 and a:size(i) or 1, j >= 1 and b:size(j) or 1
    left[2 * d - 1], left[2 * d] = p, 1
    right[2 * d - 1], right[2 * d] = 1, q
    size[d] = p * q
  end
  return (a:reshape(left) * b:reshape(right)):reshape(size)
end)

--- inner: products summed over the last dim of both.
---@param a Tensor shape (..., K), or a scalar
---@param b Tensor shape (..., K), or a scalar
---@return Tensor the other dims of a, then those of b
--- Source: torch.inner.
define("inner", function(a, b)
  check_tensors("inner", a, b)
  if a.ndim == 0 or b.ndim == 0 then return a * b end
  if a.dtype ~= b.dtype then fail("inner: expected operands of one dtype, got %s and %s", a.dtype, b.dtype) end
  if a:size(-1) ~= b:size(-1) then
    fail("inner: %s and %s: the last sizes %d and %d differ", shape(a), shape(b), a:size(-1), b:size(-1))
  end
  return core.tensordot(a, b, {{-1}, {-1}})
end)

--- vdot: the inner product of two vectors; there are no complex numbers to conjugate: dot.
---@param a Tensor shape (K)
---@param b Tensor shape (K)
---@return Tensor 0-dim
--- Source: torch.vdot.
define("vdot", core.dot)

--- trace: the sum of the diagonal of a matrix.
---@param x Tensor shape (N, M)
---@return Tensor 0-dim
--- Source: torch.trace.
define("trace", function(x)
  check_tensors("trace", x)
  if x.ndim ~= 2 then fail("trace: expected a matrix, got %s", shape(x)) end
  return x:diagonal():sum()
end)

-- --- beta input + alpha times a product ------------------------------------------------------------------------------

-- Operands of one dtype, of as many dims as stated.
local function check_operands(op, input, a, b, dims_a, dims_b)
  check_tensors(op, input, a, b)
  if a.ndim ~= dims_a or b.ndim ~= dims_b then
    fail("%s: expected tensors of %d and %d dimensions, got %s and %s", op, dims_a, dims_b, shape(a), shape(b))
  end
  if a.dtype ~= b.dtype or a.dtype ~= input.dtype then
    fail("%s: expected operands of one dtype, got %s, %s and %s", op, input.dtype, a.dtype, b.dtype)
  end
  local inner_a, inner_b = a:size(-1), b:size(dims_b == 1 and 1 or -2)
  if dims_a > 1 and inner_a ~= inner_b then
    fail("%s: %s and %s: inner sizes %d and %d differ", op, shape(a), shape(b), inner_a, inner_b)
  end
  if dims_a == 3 and a:size(1) ~= b:size(1) then
    fail("%s: %s and %s: batch sizes %d and %d differ", op, shape(a), shape(b), a:size(1), b:size(1))
  end
end

-- beta 0 ignores input, nan and all, as BLAS does.
local function add_scaled(op, input, y, ...)
  local alpha, beta = named(op, {"alpha", "beta"}, ...)
  alpha, beta = alpha or 1, beta or 1
  if type(alpha) ~= "number" or type(beta) ~= "number" then fail("%s: expected numbers for alpha and beta", op) end
  for d = 1, input.ndim do
    local n, m = input:size(-d), d <= y.ndim and y:size(-d) or 0
    if n ~= m and (n ~= 1 or d > y.ndim) then
      fail("%s: input %s does not broadcast to the product %s", op, shape(input), shape(y))
    end
  end
  if alpha ~= 1 then y = y * alpha end
  if beta == 0 then return y end
  return (beta == 1 and input or input * beta) + y
end

--- addmm: beta input + alpha (a b) for matrices.
---@param input Tensor broadcasts to (N, M)
---@param a Tensor shape (N, K)
---@param b Tensor shape (K, M)
---@param options {alpha: number, beta: number}|nil both 1; beta 0 ignores input
---@return Tensor shape (N, M)
--- Source: torch.addmm.
define("addmm", function(input, a, b, ...)
  check_operands("addmm", input, a, b, 2, 2)
  return add_scaled("addmm", input, core.mm(a, b), ...)
end)

--- addmv: beta input + alpha (a b) for a matrix and a vector.
---@param input Tensor broadcasts to (N)
---@param a Tensor shape (N, K)
---@param b Tensor shape (K)
---@param options {alpha: number, beta: number}|nil both 1; beta 0 ignores input
---@return Tensor shape (N)
--- Source: torch.addmv.
define("addmv", function(input, a, b, ...)
  check_operands("addmv", input, a, b, 2, 1)
  return add_scaled("addmv", input, core.mv(a, b), ...)
end)

--- baddbmm: beta input + alpha (a b) for batches of matrices.
---@param input Tensor broadcasts to (B, N, M)
---@param a Tensor shape (B, N, K)
---@param b Tensor shape (B, K, M)
---@param options {alpha: number, beta: number}|nil both 1; beta 0 ignores input
---@return Tensor shape (B, N, M)
--- Source: torch.baddbmm.
define("baddbmm", function(input, a, b, ...)
  check_operands("baddbmm", input, a, b, 3, 3)
  return add_scaled("baddbmm", input, core.bmm(a, b), ...)
end)

--- addbmm: beta input + alpha times the sum of the products of two batches of matrices.
---@param input Tensor broadcasts to (N, M)
---@param a Tensor shape (B, N, K)
---@param b Tensor shape (B, K, M)
---@param options {alpha: number, beta: number}|nil both 1; beta 0 ignores input
---@return Tensor shape (N, M)
--- Source: torch.addbmm.
define("addbmm", function(input, a, b, ...)
  check_operands("addbmm", input, a, b, 3, 3)
  return add_scaled("addbmm", input, core.tensordot(a, b, {{1, 3}, {1, 2}}), ...)
end)

--- addr: beta input + alpha times all products of two vectors' elements.
---@param input Tensor broadcasts to (N, M)
---@param a Tensor shape (N)
---@param b Tensor shape (M)
---@param options {alpha: number, beta: number}|nil both 1; beta 0 ignores input
---@return Tensor shape (N, M)
--- Source: torch.addr.
define("addr", function(input, a, b, ...)
  check_operands("addr", input, a, b, 1, 1)
  return add_scaled("addr", input, a:unsqueeze(2) * b:unsqueeze(1), ...)
end)

--- ger: outer, by its name in BLAS.
---@param a Tensor shape (N)
---@param b Tensor shape (M)
---@return Tensor shape (N, M)
--- Source: torch.ger.
define("ger", core.outer)

for _, name in ipairs {"addmm", "addmv", "addbmm", "baddbmm", "addr"} do in_place(name) end

-- --- distances --------------------------------------------------------------------------------------------------

local CHUNK = 1 << 19 -- elements of the differences that exist at a time: they stay in a cache
local FEW = 25        -- points up to which products of matrices do not pay, and lose digits; few coordinates, too

-- The rows of x1 that make a chunk with all of x2.
local function rows_at_once(x1, x2)
  return math.max(1, CHUNK // math.max(1, x1:numel() // math.max(1, x1:size(-2)) * x2:size(-2)))
end

-- f(rows of x1 with all of x2), chunk by chunk, put together along -2.
local function by_rows(x1, x2, f)
  local step, n, parts = rows_at_once(x1, x2), x1:size(-2), {}
  if n <= step then return f(x1, x2, 1, n) end
  for first = 1, n, step do
    local length = math.min(step, n - first + 1)
    parts[#parts + 1] = f(x1:narrow(-2, first, length), x2, first, length)
  end
  return core.cat(parts, -2)
end

local function differences(x1, x2) return x1:unsqueeze(-2) - x2:unsqueeze(-3) end

-- For p = 1 and points of few coordinates: one coordinate after the other, over whole rows of distances.
local function by_coordinates(x1, x2)
  local d
  for m = 1, x1:size(-1) do
    local part = (x1:narrow(-1, m, 1) - x2:narrow(-1, m, 1):transpose(-2, -1)):abs_()
    d = d and d:add_(part) or part
  end
  return d
end

-- |a|^2 - 2 a b + |b|^2: one product of matrices.
local function euclidean(x1, x2)
  local n1, n2 = (x1 * x1):sum(-1, true), (x2 * x2):sum(-1, true)
  return (n1 + n2:transpose(-2, -1) - x1:matmul(x2:transpose(-2, -1)) * 2):clamp(0):sqrt()
end

-- g over what it is divided by, 0 where that is 0: the subgradient of a distance of 0.
local function safe_ratio(g, d)
  local zero = d:eq(0)
  return core.where(zero, 0, g / core.where(zero, 1, d))
end

-- d/dx1 of the distances: g times what each difference contributes.
local function distance_gradient(g, d, x1, x2, p)
  if p == 2 then
    local ratio = safe_ratio(g, d)
    return x1 * ratio:sum(-1, true) - ratio:matmul(x2)
  end
  return by_rows(x1, x2, function(rows, others, first, length)
    local difference = differences(rows, others)
    local part = g:narrow(-2, first, length):unsqueeze(-1)
    local at = d:narrow(-2, first, length):unsqueeze(-1)
    if p == 1 then return (part * difference:sign()):sum(-2) end
    if p == math.huge then
      return (part * difference:sign() * difference:abs():eq(at):to(difference.dtype)):sum(-2)
    end
    local size = difference:abs()
    local zero = size:eq(0)
    local power = core.where(zero, 0, core.where(zero, 1, size) ^ (p - 1))
    return (difference:sign() * power * safe_ratio(part, core.where(at:eq(0), 0, at ^ (p - 1)))):sum(-2)
  end)
end

local distances = autograd.Function {
  forward = function(ctx, x1, x2, p, by_products)
    local d
    if by_products then
      d = euclidean(x1, x2)
    else
      local few = p == 1 and x1:size(-1) > 0 and x1:size(-1) <= FEW
      d = by_rows(x1, x2, few and by_coordinates or function(rows, others)
        return core.norm(differences(rows, others), p, -1)
      end)
    end
    ctx:save(x1, x2, d)
    ctx.p = p
    return d
  end,
  backward = function(ctx, g)
    local x1, x2, d = ctx:saved()
    if ctx.p == 0 then return core.zeros_like(x1), core.zeros_like(x2) end
    local function other(x) return x:transpose(-2, -1) end
    return distance_gradient(g, d, x1, x2, ctx.p), distance_gradient(other(g), other(d), x2, x1, ctx.p)
  end,
}

local MODES = {
  use_mm_for_euclid_dist_if_necessary = true, use_mm_for_euclid_dist = true, donot_use_mm_for_euclid_dist = true,
}

--- cdist: the distance of every row of x1 from every row of x2.
---@param x1 Tensor shape (..., P, M), floating
---@param x2 Tensor shape (..., R, M), the dtype of x1
---@param p number|nil the norm of the differences, 0 to math.huge; default 2
---@param compute_mode string|nil PyTorch's: "use_mm_for_euclid_dist_if_necessary" (default: for p = 2, by products of
---       matrices where P or R is above 25: faster, with fewer digits for near points), "use_mm_for_euclid_dist",
---       "donot_use_mm_for_euclid_dist"
---@return Tensor shape (..., P, R)
--- The gradient at a distance of 0 is 0.
--- Source: torch.cdist.
define("cdist", function(x1, x2, ...)
  local op = "cdist"
  check_tensors(op, x1, x2)
  local p, mode = named(op, {"p", "compute_mode"}, ...)
  p = p or 2
  if p == "inf" then p = math.huge end
  if type(p) ~= "number" or p < 0 or p ~= p then fail("%s: p: expected a number from 0 on, got %s", op, tostring(p)) end
  if mode ~= nil and not MODES[mode] then fail("%s: unknown compute_mode '%s'", op, tostring(mode)) end
  if x1.ndim < 2 or x2.ndim < 2 or x1:size(-1) ~= x2:size(-1) then
    fail("%s: %s and %s: expected points (..., P, M) and (..., R, M)", op, shape(x1), shape(x2))
  end
  if x1.dtype ~= x2.dtype then fail("%s: expected one dtype, got %s and %s", op, x1.dtype, x2.dtype) end
  local many = x1:size(-2) > FEW or x2:size(-2) > FEW
  local by_products = p == 2 and mode ~= "donot_use_mm_for_euclid_dist" and
    (many or mode == "use_mm_for_euclid_dist") and x1:size(-1) > 0
  return distances(x1, x2, p, by_products)
end)

--- pdist: the distances of the rows of x from each other: those above the diagonal of cdist, row by row.
---@param x Tensor shape (N, M), floating
---@param p number|nil the norm of the differences, 0 to math.huge; default 2
---@return Tensor shape (N (N - 1) / 2)
--- Source: torch.pdist.  Example: ap.tensor{{0.0, 0}, {3, 4}, {0, 1}}:pdist() --> [5, 1, 4.2426]
define("pdist", function(x, p)
  check_tensors("pdist", x)
  if x.ndim ~= 2 then fail("pdist: expected points (N, M), got %s", shape(x)) end
  local d = core.cdist(x, x, {p = p, compute_mode = "donot_use_mm_for_euclid_dist"})
  local n = x:size(1)
  local at = core.triu_indices(n, n, 1)
  return d:reshape(-1):index_select(1, ((at:select(1, 1) - 1) * n + at:select(1, 2)):to(x.device))
end)

--- bilinear: a W b for each matrix W of the weight, plus the bias.
---@param a Tensor shape (..., I), floating
---@param b Tensor shape (..., J)
---@param weight Tensor shape (O, I, J)
---@param bias? Tensor shape (O)
---@return Tensor shape (..., O)
--- Source: torch.nn.functional.bilinear.
define("bilinear", function(a, b, weight, bias)
  check_tensors("bilinear", a, b, weight)
  if a.ndim < 1 or a.ndim ~= b.ndim or weight.ndim ~= 3 or weight:size(2) ~= a:size(-1) or
    weight:size(3) ~= b:size(-1) then
    fail("bilinear: expected (..., I), (..., J) and a weight (O, I, J), got %s, %s and %s", shape(a), shape(b),
      shape(weight))
  end
  local size = a:size()
  for d = 1, #size - 1 do
    if size[d] ~= b:size(d) then fail("bilinear: %s and %s: the batches differ", shape(a), shape(b)) end
  end
  local outputs, inner = weight:size(1), weight:size(2)
  local n = 1
  for d = 1, #size - 1 do n = n * size[d] end
  local left = a:reshape(n, inner):matmul(weight:permute(2, 1, 3):reshape(inner, outputs * weight:size(3)))
  local y = (left:reshape(n, outputs, weight:size(3)) * b:reshape(n, 1, weight:size(3))):sum(3)
  if bias ~= nil then
    arguments.tensor("bilinear", 4, bias)
    y = y + bias
  end
  size[#size] = outputs
  return y:reshape(size)
end)
