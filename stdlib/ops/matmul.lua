--- Gradients and docs of the matrix products (lib/ops/matmul.c).

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local rule, define = core.rule, core.define

-- The last two dimensions exchanged.
local function t(x) return x:transpose(-2, -1) end

-- A matrix of all rows.
local function rows(x)
  if x.ndim == 1 then return x:unsqueeze(1) end
  return x.ndim == 2 and x or x:flatten(1, -2)
end

-- d/da of a b, for a gradient g of the product. A vector takes part as the row or column that it stands for; the
-- engine sums over the dimensions that were broadcast.
local function grad_left(g, _, a, b)
  if a.ndim == 1 and b.ndim == 1 then return g * b end
  if b.ndim == 1 then return g:unsqueeze(-1) * b end
  if a.ndim == 1 then return b:matmul(g:unsqueeze(-1)):squeeze(-1) end
  return g:matmul(t(b))
end

local function grad_right(g, _, a, b)
  if a.ndim == 1 and b.ndim == 1 then return g * a end
  if b.ndim == 1 then return rows(a):t():matmul(g:reshape(-1)) end
  if a.ndim == 1 then return a:unsqueeze(-1) * g:unsqueeze(-2) end
  -- One right matrix for a whole batch: one product over all its rows.
  if b.ndim == 2 then return rows(a):t():matmul(rows(g)) end
  return t(a):matmul(g)
end

--- matmul: the matrix product. Vectors take part as a row on the left and a column on the right; leading dimensions
--- are a batch and broadcast.
---@param a Tensor shape (..., N, K), or (K)
---@param b Tensor shape (..., K, M), or (K); the dtype of a
---@return Tensor shape (..., N, M), without the dimension that a vector lacks
--- Errors: inner sizes differ; batch sizes do not broadcast; dtypes differ; bool.
--- Source: torch.matmul.  Example: ap.ones(2, 3):matmul(ap.ones(3, 4)).shape --> {2, 4}
rule("matmul", {"12", "12"}, grad_left, grad_right)

--- mm: the product of two matrices.
---@param a Tensor shape (N, K)
---@param b Tensor shape (K, M)
---@return Tensor shape (N, M)
rule("mm", {"12", "12"}, grad_left, grad_right)

--- bmm: the products of two batches of matrices.
---@param a Tensor shape (B, N, K)
---@param b Tensor shape (B, K, M)
---@return Tensor shape (B, N, M)
rule("bmm", {"12", "12"}, grad_left, grad_right)

--- mv: a matrix times a vector.
---@param a Tensor shape (N, K)
---@param b Tensor shape (K)
---@return Tensor shape (N)
rule("mv", {"12", "12"}, grad_left, grad_right)

--- dot: the inner product of two vectors.
---@param a Tensor shape (K)
---@param b Tensor shape (K)
---@return Tensor 0-dim
rule("dot", {"12", "12"}, grad_left, grad_right)

--- linear: x w^T + bias over the last dimension.
---@param x Tensor shape (..., in)
---@param weight Tensor shape (out, in)
---@param bias Tensor|nil shape (out)
---@return Tensor shape (..., out)
--- Source: torch.nn.functional.linear.  Example: core.linear(ap.ones(2, 3), ap.ones(4, 3)).shape --> {2, 4}
rule("linear", {"2", "1", ""}, function(g, _, _, w) return g:matmul(w) end,
  function(g, _, x) return rows(g):t():matmul(rows(x)) end,
  function(g) return rows(g):sum(1) end)

--- outer: all products of two vectors' elements.
---@param a Tensor shape (N)
---@param b Tensor shape (M)
---@return Tensor shape (N, M)
--- Errors: an argument is no vector.  Example: ap.outer(ap.arange(2), ap.arange(3)).shape --> {2, 3}
define("outer", function(a, b)
  if not (core.is_tensor(a) and core.is_tensor(b) and a.ndim == 1 and b.ndim == 1) then
    arguments.fail("outer: expected two tensors of 1 dimension")
  end
  return a:unsqueeze(2) * b:unsqueeze(1)
end)
