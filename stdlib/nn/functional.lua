-- apsis.nn.functional (F): PyTorch's functional names. Most are core ops under the same name, documented with their
-- gradient rules in stdlib/ops; what is composed of ops is defined here.

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
require "apsis"
local losses = require "apsis.ops.losses"
local named = arguments.named

local F = {}

-- Core ops that PyTorch's users look for in torch.nn.functional. Those that are loaded at their first use
-- (stdlib/init.lua, `later`) are found through the metatable: a copy made before would be of what loads them.
local NAMES = {
  "linear", "embedding", "one_hot", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d", "max_pool1d",
  "max_pool2d", "avg_pool1d", "avg_pool2d", "adaptive_avg_pool2d", "interpolate", "pad", "relu", "leaky_relu", "elu",
  "gelu", "silu", "mish", "sigmoid", "logsigmoid", "tanh", "softplus", "softsign", "hardtanh", "hardsigmoid",
  "hardswish", "relu6", "selu", "celu", "glu", "prelu", "rrelu", "threshold", "hardshrink", "softshrink",
  "tanhshrink", "softmax", "log_softmax", "dropout", "batch_norm", "layer_norm", "group_norm", "instance_norm",
  "rms_norm", "mse_loss", "cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits",
}

for _, name in ipairs(NAMES) do F[name] = core[name] end
-- A tensor's own unfold is another thing: windows along one dimension, as a view.
F.unfold, F.fold = core.im2col, core.col2im

local function check_number(function_name, what, x)
  if type(x) == "number" then return end
  arguments.fail("%s: %s: expected a number, got a %s", function_name, what, type(x))
end

-- --- activations -------------------------------------------------------------------------------------------------

--- softmax of -x.
---@param x Tensor floating
---@param dim integer
---@param dtype? string convert x first
---@return Tensor same shape
function F.softmin(x, dim, dtype)
  arguments.tensor("softmin", 1, x)
  return core.softmax(-x, dim, dtype)
end

-- --- norms and distances -----------------------------------------------------------------------------------------

--- x divided by its norm along dim.
---@param x Tensor floating
---@param p? number|table the norm's order, default 2; or the options {p =, dim =, eps =}
---@param dim? integer|integer[] default 2
---@param eps? number the least divisor, default 1e-12
---@return Tensor same shape
--- Source: torch.nn.functional.normalize.  Example: F.normalize(ap.tensor{{3.0, 4.0}}) --> [[0.6, 0.8]]
function F.normalize(x, p, dim, eps)
  arguments.tensor("normalize", 1, x)
  p, dim, eps = named("normalize", {"p", "dim", "eps"}, p, dim, eps)
  return x / x:norm(p or 2, dim or 2, true):clamp(eps or 1e-12)
end

-- --- losses ------------------------------------------------------------------------------------------------------

local reduced, check_loss = losses.reduced, losses.check

--- |input - target|.
---@param input Tensor
---@param target Tensor same shape
---@param reduction? string|table "mean" (default), "sum" or "none"; or {reduction =}
---@return Tensor
--- Source: torch.nn.functional.l1_loss.
function F.l1_loss(input, target, reduction)
  reduction = named("l1_loss", {"reduction"}, reduction)
  check_loss("l1_loss", input, target, reduction)
  return (reduced((input - target):abs(), reduction))
end

-- d^2 / 2 for d = |input - target| below delta, delta (d - delta / 2) above.
local function huber(input, target, delta)
  local d = (input - target):abs()
  local near = d:clamp(nil, delta)
  return near * (d - near * 0.5)
end

--- d^2 / (2 beta) for d = |input - target| below beta, d - beta / 2 above.
---@param input Tensor
---@param target Tensor same shape
---@param reduction? string|table "mean" (default), "sum" or "none"; or {reduction =, beta =}
---@param beta? number default 1
---@return Tensor
--- Source: Girshick 2015; torch.nn.functional.smooth_l1_loss.
function F.smooth_l1_loss(input, target, reduction, beta)
  reduction, beta = named("smooth_l1_loss", {"reduction", "beta"}, reduction, beta)
  beta = beta or 1
  check_loss("smooth_l1_loss", input, target, reduction)
  check_number("smooth_l1_loss", "beta", beta)
  if beta < 0 then arguments.fail("smooth_l1_loss: beta: expected 0 or more, got %s", beta) end
  if beta == 0 then return (reduced((input - target):abs(), reduction)) end
  return (reduced(huber(input, target, beta) / beta, reduction))
end

--- d^2 / 2 for d = |input - target| below delta, delta (d - delta / 2) above.
---@param input Tensor
---@param target Tensor same shape
---@param reduction? string|table "mean" (default), "sum" or "none"; or {reduction =, delta =}
---@param delta? number default 1
---@return Tensor
--- Source: Huber 1964; torch.nn.functional.huber_loss.
function F.huber_loss(input, target, reduction, delta)
  reduction, delta = named("huber_loss", {"reduction", "delta"}, reduction, delta)
  delta = delta or 1
  check_loss("huber_loss", input, target, reduction)
  check_number("huber_loss", "delta", delta)
  if delta <= 0 then arguments.fail("huber_loss: delta: expected a number above 0, got %s", delta) end
  return (reduced(huber(input, target, delta), reduction))
end

--- cross_entropy of scores that a linear map makes.
---@param input Tensor shape (N, in) or (in)
---@param linear_weight Tensor shape (C, in), or (C, ..., in) for scores (N, C, ...)
---@param target Tensor as for cross_entropy
---@param linear_bias? Tensor|table shape (C, ...); or the options {linear_bias =, weight =, ignore_index =,
--- reduction =, label_smoothing =}, the others as for cross_entropy
---@param weight? Tensor
---@param ignore_index? integer
---@param reduction? string
---@param label_smoothing? number
---@return Tensor
--- Source: torch.nn.functional.linear_cross_entropy.
function F.linear_cross_entropy(input, linear_weight, target, ...)
  arguments.tensors("linear_cross_entropy", input, linear_weight, target)
  local bias, weight, ignore_index, reduction, label_smoothing =
    named("linear_cross_entropy", {"linear_bias", "weight", "ignore_index", "reduction", "label_smoothing"}, ...)
  local shape = input:size()
  if linear_weight.ndim > 2 then -- scores of each class at several places
    local n, places = linear_weight:size(-1), linear_weight:size()
    table.remove(shape)
    table.move(places, 1, #places - 1, #shape + 1, shape)
    linear_weight = linear_weight:reshape(linear_weight:numel() // math.max(n, 1), n)
    bias = bias and bias:reshape(bias:numel())
  end
  local scores = core.linear(input, linear_weight, bias)
  if #shape > input.ndim then scores = scores:reshape(shape) end
  return core.cross_entropy(scores, target, weight, ignore_index, reduction, label_smoothing)
end

-- --- attention ---------------------------------------------------------------------------------------------------

-- True where query i may look at key j: at its own position and those before it.
local function causal_mask(queries, keys, device)
  local row = core.arange(1, queries, 1, {device = device}):reshape(queries, 1)
  local column = core.arange(1, keys, 1, {device = device}):reshape(1, keys)
  return column:le(row)
end

--- softmax(q k^T scale + mask) v: every query's mean of the values, weighted by its likeness to their keys. A query
--- that may look at no key gets zeros.
---@param q Tensor (..., L, E)
---@param k Tensor (..., S, E)
---@param v Tensor (..., S, V)
---@param attn_mask? Tensor|table broadcasts to (..., L, S): bool, true where a query may look, or floating, added to
---       the scores; or the options {attn_mask =, dropout_p =, is_causal =, scale =}
---@param dropout_p? number default 0; applied whenever it is given, in training or not
---@param is_causal? boolean queries look at their own position and those before it
---@param scale? number default 1 / sqrt(E)
---@return Tensor (..., L, V)
--- Source: Vaswani et al. 2017; torch.nn.functional.scaled_dot_product_attention.
function F.scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal, scale)
  local name = "scaled_dot_product_attention"
  for i, t in ipairs {q or false, k or false, v or false} do arguments.tensor(name, i, t) end
  attn_mask, dropout_p, is_causal, scale = named(name, {"attn_mask", "dropout_p", "is_causal", "scale"}, attn_mask,
    dropout_p, is_causal, scale)
  if q.ndim < 2 or k.ndim < 2 or v.ndim < 2 or q:size(-1) ~= k:size(-1) or k:size(-2) ~= v:size(-2) then
    arguments.fail("%s: expected q (..., L, E), k (..., S, E), v (..., S, V), got %s, %s, %s", name, arguments.shape(q),
      arguments.shape(k), arguments.shape(v))
  end
  if attn_mask then arguments.tensor(name, 4, attn_mask) end
  arguments.number(name, "dropout_p", dropout_p, true)
  arguments.number(name, "scale", scale, true)
  if is_causal and attn_mask then arguments.fail("%s: attn_mask and is_causal exclude each other", name) end
  if is_causal then attn_mask = causal_mask(q:size(-2), k:size(-2), q.device) end
  -- q is scaled, being the smaller of the two.
  local scores = (q * (scale or q:size(-1) ^ -0.5)):matmul(k:transpose(-2, -1))
  local blind
  if attn_mask and attn_mask.dtype == "bool" then
    -- Queries that see nothing keep their scores, so that no nan arises, and lose their weights below.
    local sees = attn_mask:any(-1, true)
    blind = not sees:all():item() and ~sees
    scores = core.where(attn_mask | ~sees, scores, -math.huge)
  elseif attn_mask then
    scores = scores + attn_mask
  end
  local weights = scores:softmax(-1)
  if blind then weights = core.where(blind, 0.0, weights) end
  if dropout_p and dropout_p > 0 then weights = F.dropout(weights, dropout_p, true) end
  return weights:matmul(v)
end

return setmetatable(core.define_module(F), {__index = core})
