--- ap.linalg, part 3: norms, powers, the exponential, products of many matrices, cross products. Compositions of other
--- ops: they run on every device and are differentiable, except where they need a factorisation (the nuclear and
--- spectral norms, cond and negative powers), which stays on the CPU.
local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"
local define, named, fail = core.define, arguments.named, arguments.fail
local check_tensors, check_matrix, shape = arguments.tensors, arguments.matrices, arguments.shape
local linalg = core.linalg

local function check_square(op, a)
  check_tensors(op, a)
  if a.ndim < 2 or a:size(-1) ~= a:size(-2) then fail("%s: expected square matrices, got %s", op, shape(a)) end
end

-- The identity for each matrix of a batch.
local function identity(a)
  return core.eye(a:size(-1), {dtype = a.dtype, device = a.device}):expand(a:size())
end

-- --- norms ------------------------------------------------------------------------------------------------------

local infinity = math.huge

-- PyTorch's names for orders.
local function order(op, ord)
  if ord == "inf" then return infinity end
  if ord == "-inf" then return -infinity end
  if type(ord) == "number" or ord == "fro" or ord == "nuc" then return ord end
  fail("%s: ord: expected a number, 'fro' or 'nuc', got %s", op, tostring(ord))
end

local function vector_norm(op, x, ord, dim, keepdim, dtype)
  ord = order(op, ord or 2)
  if type(ord) ~= "number" then fail("%s: ord '%s' is one of matrices; vectors take a number", op, ord) end
  if dtype then x = x:to(dtype) end
  return core.norm(x, ord, dim, keepdim)
end

--- vector_norm: (sum |x|^ord)^(1/ord) over dims; the largest (inf) or smallest (-inf) size; the count of nonzeros (0).
---@param x Tensor any shape, floating
---@param ord number|nil default 2
---@param dim integer|integer[]|nil nil: all, as one vector
---@param keepdim boolean|nil keep the dims with size 1
---@param dtype string|nil convert x first
---@return Tensor
--- Source: torch.linalg.vector_norm.  Example: ap.linalg.vector_norm(ap.tensor{3.0, 4}):item() --> 5.0
function linalg.vector_norm(x, ...)
  local op = "linalg.vector_norm"
  check_tensors(op, x)
  local ord, dim, keepdim, dtype = named(op, {"ord", "dim", "keepdim", "dtype"}, ...)
  return vector_norm(op, x, ord, dim, keepdim, dtype)
end

-- The two dims of a matrix, positive.
local function matrix_dims(op, a, dim)
  dim = dim or {-2, -1}
  if type(dim) ~= "table" or #dim ~= 2 then fail("%s: dim: expected two dimensions", op) end
  local rows, cols = arguments.dim(op, a.ndim, dim[1]), arguments.dim(op, a.ndim, dim[2])
  if rows == cols then fail("%s: dim: the two dimensions are the same", op) end
  return rows, cols
end

-- Sums of sizes along one dim, of which the largest or smallest counts.
local function sum_norm(a, ord, rows, cols, keepdim)
  local summed, other = rows, cols
  if math.abs(ord) == infinity then summed, other = cols, rows end
  local sums = a:abs():sum(summed, true)
  local extreme = ord > 0 and sums:amax(other, true) or sums:amin(other, true)
  return keepdim and extreme or extreme:squeeze({rows, cols})
end

local function spectral_norm(a, ord, rows, cols, keepdim)
  local front = {}
  for d = 1, a.ndim do
    if d ~= rows and d ~= cols then front[#front + 1] = d end
  end
  front[#front + 1], front[#front + 2] = rows, cols
  local s = linalg.svdvals(a:permute(front))
  local y
  if ord == "nuc" then
    y = s:sum(-1)
  else
    y = ord > 0 and s:amax(-1) or s:amin(-1)
  end
  if not keepdim then return y end
  local first, second = math.min(rows, cols), math.max(rows, cols)
  return y:unsqueeze(first):unsqueeze(second)
end

local function matrix_norm(op, a, ord, dim, keepdim, dtype)
  ord = order(op, ord or "fro")
  check_matrix(op, a)
  local rows, cols = matrix_dims(op, a, dim)
  if dtype then a = a:to(dtype) end
  if ord == "fro" then return core.norm(a, 2, {rows, cols}, keepdim) end
  local size = type(ord) == "number" and math.abs(ord)
  if size == 1 or size == infinity then return sum_norm(a, ord, rows, cols, keepdim) end
  if ord == "nuc" or size == 2 then return spectral_norm(a, ord, rows, cols, keepdim) end
  fail("%s: ord %s: expected 'fro', 'nuc', inf, -inf, 1, -1, 2 or -2", op, tostring(ord))
end

--- matrix_norm: of each matrix: Frobenius ("fro", the default), nuclear ("nuc"), the largest or smallest sum of sizes
--- of a row (inf, -inf) or column (1, -1), the largest or smallest singular value (2, -2).
---@param A Tensor shape (..., M, N)
---@param ord number|string|nil
---@param dim integer[]|nil the two dims of the matrices, default {-2, -1}
---@param keepdim boolean|nil keep the dims with size 1
---@param dtype string|nil convert A first
---@return Tensor shape (...)
--- Source: torch.linalg.matrix_norm.
function linalg.matrix_norm(A, ...)
  local op = "linalg.matrix_norm"
  check_tensors(op, A)
  local ord, dim, keepdim, dtype = named(op, {"ord", "dim", "keepdim", "dtype"}, ...)
  return matrix_norm(op, A, ord, dim, keepdim, dtype)
end

--- norm: the norm of vectors (one dim) or matrices (two dims); without ord and dim, of x as one vector; with ord alone,
--- of a vector or matrix.
---@param x Tensor
---@param ord number|string|nil as for vector_norm and matrix_norm
---@param dim integer|integer[]|nil
---@param keepdim boolean|nil keep the dims with size 1
---@param dtype string|nil convert x first
---@return Tensor
--- Source: torch.linalg.norm.
function linalg.norm(x, ...)
  local op = "linalg.norm"
  check_tensors(op, x)
  local ord, dim, keepdim, dtype = named(op, {"ord", "dim", "keepdim", "dtype"}, ...)
  if dim == nil and ord ~= nil and x.ndim ~= 1 and x.ndim ~= 2 then
    fail("%s: ord without dim needs a vector or a matrix, got %s", op, shape(x))
  end
  local matrices = type(dim) == "table" and #dim == 2 or dim == nil and ord ~= nil and x.ndim == 2
  if matrices then return matrix_norm(op, x, ord, dim, keepdim, dtype) end
  return vector_norm(op, x, ord, dim, keepdim, dtype)
end

--- cond: the condition number: of the singular values (nil, 2, -2), or norm(A) norm(inverse(A)); infinite for singular
--- matrices.
---@param A Tensor shape (..., M, N); square for all but 2 and -2
---@param p number|string|nil as matrix_norm's ord
---@return Tensor shape (...)
--- Source: torch.linalg.cond.
function linalg.cond(A, p)
  local op = "linalg.cond"
  check_matrix(op, A)
  p = order(op, p or 2)
  if p == 2 or p == -2 then
    local s = linalg.svdvals(A)
    if s:numel() == 0 then return s:sum(-1) end
    local most, least = s:select(-1, 1), s:select(-1, s:size(-1))
    return p == 2 and most / least or least / most
  end
  check_square(op, A)
  local singular = core.no_grad(function()
    return core["linalg.lu_factor"](A):diagonal(0, -2, -1):eq(0):any(-1)
  end)
  local regular = core.where(singular:unsqueeze(-1):unsqueeze(-1), identity(A), A)
  local product = matrix_norm(op, A, p) * matrix_norm(op, core["linalg.inv"](regular), p)
  return core.where(singular, infinity, product)
end

-- --- powers and the exponential ---------------------------------------------------------------------------------

--- matrix_power: A A ... A, n times; the identity for 0, powers of the inverse below.
---@param A Tensor shape (..., N, N)
---@param n integer
---@return Tensor same shape
--- Errors: n is negative and a matrix is singular.
--- Source: torch.linalg.matrix_power.  Example: ap.linalg.matrix_power(ap.tensor{{1, 1}, {1, 0}}, 10)[{1, 2}] --> 55
function linalg.matrix_power(A, n)
  local op = "linalg.matrix_power"
  check_square(op, A)
  n = math.tointeger(n) or fail("%s: expected an integer power, got %s", op, tostring(n))
  if n == math.mininteger then fail("%s: a power of %d is too much", op, n) end
  if n == 0 then return core.where(core.ones(A:size(), {dtype = "bool", device = A.device}), identity(A), A) end
  if n < 0 then A, n = linalg.inv(A), -n end
  local y
  while true do
    if n & 1 == 1 then y = y and y:matmul(A) or A end
    n = n >> 1
    if n == 0 then break end
    A = A:matmul(A)
  end
  return y
end
--- matrix_power: linalg.matrix_power: A A ... A, n times.
---@param A Tensor shape (..., N, N)
---@param n integer
---@return Tensor same shape
--- Source: torch.matrix_power.  Example: ap.tensor{{1, 1}, {1, 0}}:matrix_power(5) --> [[8, 5], [5, 3]]
define("matrix_power", linalg.matrix_power)

-- Higham 2008, "Functions of matrices", 10.2 and 10.3: scaling and squaring, here around a Taylor polynomial, which
-- takes no solver: up to these 1-norms its relative error is below the dtype's rounding.
local exponential = {f32 = {degree = 8, most = 0.58}, f64 = {degree = 16, most = 0.78}}

-- sum of x^k / k! up to the degree, a multiple of 4 (Paterson and Stockmeyer 1973).
local function taylor(x, degree)
  local x2 = x:matmul(x)
  local x3 = x2:matmul(x)
  local powers, one = {x, x2, x3}, identity(x)
  local x4, factorial = x2:matmul(x2), {[0] = 1}
  for k = 1, degree do factorial[k] = factorial[k - 1] * k end
  local y = x4 * (1 / factorial[degree])
  for block = degree - 4, 0, -4 do
    if block < degree - 4 then y = y:matmul(x4) end
    for k = 3, 1, -1 do y = y + powers[k] * (1 / factorial[block + k]) end
    y = y + one * (1 / factorial[block])
  end
  return y
end

--- matrix_exp: the matrix exponential, I + A + A A / 2 + A A A / 6 + ...
---@param A Tensor shape (..., N, N), f32 or f64
---@return Tensor same shape
--- Source: torch.linalg.matrix_exp.  Example: ap.linalg.matrix_exp(ap.zeros(2, 2)) --> [[1, 0], [0, 1]]
function linalg.matrix_exp(A)
  local op = "linalg.matrix_exp"
  check_square(op, A)
  local method = exponential[A.dtype]
  if not method then fail("%s: expected f32 or f64, got %s; convert: x:to(\"f32\")", op, A.dtype) end
  if A:numel() == 0 then return A * 1 end
  -- How often each matrix is halved beforehand and squared afterwards.
  local halvings, most = core.no_grad(function()
    local norm = A:abs():sum(-2):amax(-1)
    local s = (norm / method.most):log2():ceil():clamp(0)
    s = core.where(norm:isfinite(), s, 0)
    return s:unsqueeze(-1):unsqueeze(-1), s:max():item()
  end)
  local y = taylor(A * (-halvings):exp2(), method.degree)
  for i = 1, most do y = core.where(halvings:ge(i), y:matmul(y), y) end
  return y
end
--- matrix_exp: linalg.matrix_exp: the matrix exponential.
---@param A Tensor shape (..., N, N), floating
---@return Tensor same shape
--- Source: torch.matrix_exp.  Example: ap.zeros(2, 2):matrix_exp() --> [[1, 0], [0, 1]]
define("matrix_exp", linalg.matrix_exp)

-- --- products ---------------------------------------------------------------------------------------------------

-- Where to split the product of matrices i..j so that it takes the fewest multiplications: split[i][j].
local function best_splits(sizes, n)
  local cost, split = {}, {}
  for i = 1, n do cost[i], split[i] = {[i] = 0}, {} end
  for length = 2, n do
    for i = 1, n - length + 1 do
      local j = i + length - 1
      cost[i][j] = infinity
      for k = i, j - 1 do
        local c = cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1] * 1.0
        if c < cost[i][j] then cost[i][j], split[i][j] = c, k end
      end
    end
  end
  return split
end

local function multi_dot(op, list)
  local n = type(list) == "table" and #list or 0
  if n < 1 then fail("%s: expected a list of tensors", op) end
  local matrices, sizes = {}, {}
  for i = 1, n do
    local x = list[i]
    if not core.is_tensor(x) then fail("%s: tensor %d: expected a tensor, got a %s", op, i, type(x)) end
    local ends = i == 1 or i == n
    if x.ndim ~= 2 and not (x.ndim == 1 and ends and n > 1) then
      fail("%s: tensor %d: expected a matrix%s, got %s", op, i, ends and " or a vector" or "", shape(x))
    end
    if x.ndim == 1 then x = x:unsqueeze(i == 1 and 1 or 2) end
    if i > 1 and matrices[i - 1]:size(2) ~= x:size(1) then
      fail("%s: tensors %d and %d: inner sizes %d and %d differ", op, i - 1, i, matrices[i - 1]:size(2), x:size(1))
    end
    matrices[i], sizes[i] = x, x:size(1)
  end
  sizes[n + 1] = matrices[n]:size(2)
  local split = best_splits(sizes, n)
  local function product(i, j)
    if i == j then return matrices[i] end
    local k = split[i][j]
    return product(i, k):mm(product(k + 1, j))
  end
  local y = product(1, n)
  if n == 1 then return y * 1 end
  if list[n].ndim == 1 then y = y:squeeze(2) end
  return list[1].ndim == 1 and y:squeeze(1) or y
end

--- multi_dot: the product of several matrices, in the order that takes the fewest multiplications.
---@param tensors Tensor[] matrices; the first and the last may be vectors
---@return Tensor
--- Source: torch.linalg.multi_dot; the order: Cormen et al., "Introduction to algorithms", 14.2.
function linalg.multi_dot(tensors) return multi_dot("linalg.multi_dot", tensors) end

--- chain_matmul: multi_dot of matrices given one by one.
---@param ... Tensor matrices
---@return Tensor
--- Source: torch.chain_matmul.
define("chain_matmul", function(...)
  return multi_dot("chain_matmul", core.is_tensor((...)) and {...} or (...))
end)

--- cross: the cross product of vectors of 3 elements.
---@param a Tensor size 3 along dim
---@param b Tensor broadcasts with a
---@param dim integer|nil default -1
---@return Tensor
--- Source: torch.linalg.cross.  Example: ap.linalg.cross(ap.tensor{1, 0, 0}, ap.tensor{0, 1, 0}) --> [0, 0, 1]
function linalg.cross(a, b, ...)
  local op = "linalg.cross"
  check_tensors(op, a, b)
  local dim = named(op, {"dim"}, ...) or -1
  if math.type(dim) ~= "integer" then fail("%s: dim: expected an integer, got %s", op, tostring(dim)) end
  local last = dim < 0 and dim or dim - math.max(a.ndim, b.ndim) - 1
  for i, x in ipairs {a, b} do
    if last >= 0 or last < -x.ndim or x:size(last) ~= 3 then
      fail("%s: argument %d: expected size 3 along dim %d, got %s", op, i, dim, shape(x))
    end
  end
  return a:roll(-1, last) * b:roll(1, last) - a:roll(1, last) * b:roll(-1, last)
end

--- cross: the same along the first dim of size 3, where none is given.
---@param a Tensor
---@param b Tensor
---@param dim integer|nil
---@return Tensor
--- Source: torch.cross.
define("cross", function(a, b, ...)
  check_tensors("cross", a, b)
  local dim = named("cross", {"dim"}, ...)
  if dim then return linalg.cross(a, b, dim) end
  for d = -math.max(a.ndim, b.ndim), -1 do
    local p, q = d >= -a.ndim and a:size(d) or 1, d >= -b.ndim and b:size(d) or 1
    if p == 3 and q == 3 then return linalg.cross(a, b, d) end
  end
  fail("cross: %s and %s: no dim has size 3 in both", shape(a), shape(b))
end)

--- vecdot: the inner products of vectors along a dim.
---@param a Tensor
---@param b Tensor broadcasts with a
---@param dim integer|nil default -1
---@return Tensor
--- Source: torch.linalg.vecdot.
function linalg.vecdot(a, b, ...)
  local op = "linalg.vecdot"
  check_tensors(op, a, b)
  local dim = named(op, {"dim"}, ...) or -1
  return (a * b):sum(arguments.dim(op, math.max(a.ndim, b.ndim), dim))
end

--- matmul: see core.matmul.
linalg.matmul = core.matmul

--- diagonal: see core.diagonal; the last two dims by default.
---@param A Tensor shape (..., M, N)
---@param offset integer|nil
---@param dim1 integer|nil default -2
---@param dim2 integer|nil default -1
---@return Tensor
function linalg.diagonal(A, ...)
  check_tensors("linalg.diagonal", A)
  local offset, dim1, dim2 = named("linalg.diagonal", {"offset", "dim1", "dim2"}, ...)
  return A:diagonal(offset or 0, dim1 or -2, dim2 or -1)
end

--- vander: the powers 0 to N - 1 of the elements of vectors, as matrices with one row an element.
---@param x Tensor shape (..., M)
---@param options {N: integer}|nil default M
---@return Tensor shape (..., M, N)
--- Source: torch.linalg.vander.
function linalg.vander(x, ...)
  local op = "linalg.vander"
  check_tensors(op, x)
  if x.ndim == 0 then x = x:reshape(1) end
  local n = named(op, {"N"}, ...) or x:size(-1)
  if math.type(n) ~= "integer" or n < 1 then fail("%s: N: expected a positive integer, got %s", op, tostring(n)) end
  local one = core.ones_like(x):unsqueeze(-1)
  if n == 1 then return one end
  local size = x:size()
  size[#size + 1] = n - 1
  return core.cat({one, x:unsqueeze(-1):expand(size):cumprod(-1)}, -1)
end

-- The product of some sizes.
local function product_of(size, from, to)
  local n = 1
  for d = from, to do n = n * size[d] end
  return n
end

--- tensorinv: the inverse of a tensor taken as a matrix of its first `ind` dims by the others, which have as many
--- elements.
---@param A Tensor
---@param ind integer|nil default 2
---@return Tensor shape: the others, then the first ind
--- Source: torch.linalg.tensorinv.
function linalg.tensorinv(A, ...)
  local op = "linalg.tensorinv"
  check_tensors(op, A)
  local ind = named(op, {"ind"}, ...) or 2
  if math.type(ind) ~= "integer" or ind < 1 then fail("%s: ind: expected a positive integer", op) end
  local size = A:size()
  if ind >= #size then fail("%s: ind %d leaves no dims of %s", op, ind, shape(A)) end
  local n, m = product_of(size, 1, ind), product_of(size, ind + 1, #size)
  if n ~= m then fail("%s: %s: the first %d dims hold %d elements, the others %d", op, shape(A), ind, n, m) end
  local out = {table.unpack(size, ind + 1)}
  for d = 1, ind do out[#out + 1] = size[d] end
  return linalg.inv(A:reshape(n, n)):reshape(out)
end

--- tensorsolve: the X with tensordot(A, X, X.ndim) = B.
---@param A Tensor shape: B's, then X's
---@param B Tensor
---@param dims integer[]|nil dims of A to move to its end first
---@return Tensor
--- Source: torch.linalg.tensorsolve.
function linalg.tensorsolve(A, B, ...)
  local op = "linalg.tensorsolve"
  check_tensors(op, A, B)
  local dims = named(op, {"dims"}, ...)
  if dims ~= nil and (type(dims) ~= "table" or core.is_tensor(dims)) then fail("%s: dims: expected a list", op) end
  if dims then
    local order_of, moved, last = {}, {}, {}
    for i, d in ipairs(dims) do
      last[i] = arguments.dim(op, A.ndim, d)
      moved[last[i]] = true
    end
    for d = 1, A.ndim do
      if not moved[d] then order_of[#order_of + 1] = d end
    end
    for _, d in ipairs(last) do order_of[#order_of + 1] = d end
    A = A:permute(order_of)
  end
  local size, n = A:size(), B:numel()
  local out = {table.unpack(size, B.ndim + 1)}
  if product_of(out, 1, #out) ~= n then
    fail("%s: %s and %s: A is not square over B's %d elements", op, shape(A), shape(B), n)
  end
  return linalg.solve(A:reshape(n, n), B:reshape(n)):reshape(out)
end

--- nuclear_norm: the sum of the singular values.
---@param A Tensor shape (..., M, N)
---@param dim? integer[] the two dimensions of the matrices; default: the last two
---@param keepdim? boolean
---@return Tensor
--- Source: torch.nuclear_norm.
define("nuclear_norm", function(A, ...)
  check_tensors("nuclear_norm", A)
  local dim, keepdim = named("nuclear_norm", {"dim", "keepdim"}, ...)
  return linalg.matrix_norm(A, "nuc", dim or {-2, -1}, keepdim)
end)

--- frobenius_norm: the root of the sum of the squares.
---@param x Tensor any shape, floating
---@param dim? integer|integer[] default: all
---@param keepdim? boolean
---@return Tensor
--- Source: torch.frobenius_norm.
define("frobenius_norm", function(x, ...)
  check_tensors("frobenius_norm", x)
  local dim, keepdim = named("frobenius_norm", {"dim", "keepdim"}, ...)
  return core.norm(x, 2, dim, keepdim)
end)

-- --- products of reflections --------------------------------------------------------------------------------------

-- The vectors of the reflections I - tau v v^T that LAPACK's geqrf leaves below a matrix's diagonal, as columns.
local function reflections(op, A, tau)
  check_matrix(op, A)
  check_tensors(op, A, tau)
  local m, k = A:size(-2), tau:size(-1)
  if tau.ndim ~= A.ndim - 1 or k > A:size(-1) or k > m then
    fail("%s: %s and %s: expected A (..., M, N) and tau (..., K) with K of at most M and N", op, shape(A), shape(tau))
  end
  return A:narrow(-1, 1, k):tril(-1) + core.eye(m, k, {dtype = A.dtype, device = A.device}), k
end

-- H_i x for i from first to last.
local function reflect(x, v, tau, first, last, step)
  for i = first, last, step do
    local column = v:narrow(-1, i, 1)
    x = x - column * tau:narrow(-1, i, 1):unsqueeze(-1) * column:transpose(-2, -1):matmul(x)
  end
  return x
end

--- householder_product: the first N columns of H1 H2 ... HK, the product of Householder reflections I - tau v v^T.
---@param A Tensor shape (..., M, N), M >= N: below the diagonal of column i stands what follows the 1 of v_i
---@param tau Tensor shape (..., K), K <= N
---@return Tensor shape (..., M, N)
--- Source: torch.linalg.householder_product; Golub and Van Loan, "Matrix computations", 5.1.
function linalg.householder_product(A, tau)
  local v, k = reflections("linalg.householder_product", A, tau)
  if A:size(-2) < A:size(-1) then
    fail("linalg.householder_product: expected at least as many rows as columns, got %s", shape(A))
  end
  local start = core.eye(A:size(-2), A:size(-1), {dtype = A.dtype, device = A.device})
  return reflect(start:expand(A:size()), v, tau, k, 1, -1)
end

--- orgqr: another name for linalg.householder_product.
---@param A Tensor shape (..., M, N), M >= N
---@param tau Tensor shape (..., K), K <= N
---@return Tensor shape (..., M, N)
--- Source: torch.orgqr.
define("orgqr", linalg.householder_product)

--- ormqr: the product of a matrix with Q = H1 H2 ... HK of Householder reflections, which is not formed.
---@param A Tensor shape (..., M, K), as householder_product takes it
---@param tau Tensor shape (..., K)
---@param other Tensor shape (..., M, N), or (..., N, M) where left = false
---@param left? boolean default true: Q other; false: other Q
---@param transpose? boolean Q^T in place of Q
---@return Tensor the shape of other
--- Source: torch.ormqr.
define("ormqr", function(A, tau, other, ...)
  local left, transpose = named("ormqr", {"left", "transpose"}, ...)
  local v, k = reflections("ormqr", A, tau)
  check_matrix("ormqr", other)
  if left == false then other, transpose = other:transpose(-2, -1), not transpose end
  if other:size(-2) ~= A:size(-2) then
    fail("ormqr: %s and %s: the sizes %d and %d differ", shape(A), shape(other), A:size(-2), other:size(-2))
  end
  local y = transpose and reflect(other, v, tau, 1, k, 1) or reflect(other, v, tau, k, 1, -1)
  return left == false and y:transpose(-2, -1) or y
end)

-- --- low rank -------------------------------------------------------------------------------------------------------

-- An orthonormal basis of about the range of A.
local function basis(A, q, turns)
  local At = A:transpose(-2, -1)
  local Q = linalg.qr(A:matmul(core.randn(A:size(-1), q, {dtype = A.dtype, device = A.device})))
  for _ = 1, turns do
    Q = linalg.qr(At:matmul(Q))
    Q = linalg.qr(A:matmul(Q))
  end
  return Q
end

local function low_rank(op, A, q, niter)
  if math.type(q) ~= "integer" or q < 0 or q > math.min(A:size(-2), A:size(-1)) then
    fail("%s: q: expected an integer from 0 to %d, got %s", op, math.min(A:size(-2), A:size(-1)), tostring(q))
  end
  if math.type(niter) ~= "integer" or niter < 0 then
    fail("%s: niter: expected an integer of at least 0, got %s", op, tostring(niter))
  end
  local wide = A:size(-2) < A:size(-1)
  if wide then A = A:transpose(-2, -1) end
  local Q = basis(A, q, niter)
  local U, S, Vh = linalg.svd(Q:transpose(-2, -1):matmul(A), {full_matrices = false})
  U = Q:matmul(U)
  if wide then return Vh:transpose(-2, -1), S, U end
  return U, S, Vh:transpose(-2, -1)
end

--- svd_lowrank: about the largest q singular values of a matrix and their vectors, by random projection.
---@param A Tensor shape (..., M, N)
---@param q? integer default 6; a few more than are wanted makes those better
---@param niter? integer turns of subspace iteration, default 2
---@param M? Tensor broadcasts with A, and is subtracted from it
---@return Tensor U shape (..., M, q)
---@return Tensor S shape (..., q)
---@return Tensor V shape (..., N, q)
--- Source: torch.svd_lowrank; Halko, Martinsson and Tropp, "Finding structure with randomness", 2011.
define("svd_lowrank", function(A, ...)
  local q, niter, M = named("svd_lowrank", {"q", "niter", "M"}, ...)
  check_matrix("svd_lowrank", A)
  if M ~= nil then A = A - M end
  return low_rank("svd_lowrank", A, q or 6, niter or 2)
end)

--- pca_lowrank: about the first q principal components of observations in rows.
---@param A Tensor shape (..., M, N): M observations of N variables
---@param q? integer default: 6, or M or N where that is less
---@param center? boolean subtract each column's mean; default true
---@param niter? integer turns of subspace iteration, default 2
---@return Tensor U shape (..., M, q)
---@return Tensor S shape (..., q): S^2 / (M - 1) are the variances
---@return Tensor V shape (..., N, q): the directions, in columns
--- Source: torch.pca_lowrank.
define("pca_lowrank", function(A, ...)
  local q, center, niter = named("pca_lowrank", {"q", "center", "niter"}, ...)
  check_matrix("pca_lowrank", A)
  if center ~= false then A = A - A:mean(-2, true) end
  return low_rank("pca_lowrank", A, q or math.min(6, A:size(-2), A:size(-1)), niter or 2)
end)

linalg.matmul = core.matmul

return core.define_module(linalg)
