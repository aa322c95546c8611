-- apsis.nn.functional (F): PyTorch's functional names. Most are core ops under the same name, documented with their
-- gradient rules in stdlib/ops; what is composed of ops is defined here.

local ap = require "apsis"
local core = require "apsis.core"

local F = {}

-- Core ops that PyTorch's users look for in torch.nn.functional.
local NAMES = {
  "linear", "bilinear", "embedding", "one_hot",
  "conv1d", "conv2d", "conv_transpose2d", "unfold", "fold",
  "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "interpolate", "pad",
  "relu", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "logsigmoid", "tanh", "softplus",
  "softsign", "hardtanh", "hardsigmoid", "hardswish", "relu6", "threshold", "prelu", "glu",
  "softmax", "log_softmax", "dropout", "normalize", "cosine_similarity",
  "batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm",
  "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "cross_entropy", "nll_loss", "binary_cross_entropy",
  "binary_cross_entropy_with_logits", "kl_div", "scaled_dot_product_attention",
}

for _, name in ipairs(NAMES) do F[name] = core[name] end

-- reduction of an elementwise loss: "mean" (default), "sum" or "none".
local function reduced(loss, reduction, name)
  if reduction == nil or reduction == "mean" then return loss:mean() end
  if reduction == "sum" then return loss:sum() end
  if reduction == "none" then return loss end
  error(("%s: reduction: expected 'mean', 'sum' or 'none', got '%s'"):format(name, tostring(reduction)), 3)
end

local function reduction_of(options)
  if type(options) == "table" then return options.reduction end
  return options
end

-- Losses are elementwise: a target of another shape would broadcast silently, which is never meant.
local function require_same_shape(name, input, target)
  if not ap.is_tensor(input) or not ap.is_tensor(target) then
    error(("%s: expected two tensors, got %s and %s"):format(name, type(input), type(target)), 3)
  end
  local a, b = input:size(), target:size()
  local same = #a == #b
  for i = 1, #a do same = same and a[i] == b[i] end
  if not same then
    error(("%s: expected input and target of one shape, got (%s) and (%s)"):format(name, table.concat(a, "x"),
      table.concat(b, "x")), 3)
  end
end

-- Defines F.name unless the core has it as a fused op.
local function define(name, f)
  F[name] = F[name] or f
end

--- x W^T + b over the last dimension.
---@param x Tensor (*, in)
---@param weight Tensor (out, in)
---@param bias? Tensor (out)
---@return Tensor (*, out)
define("linear", function(x, weight, bias)
  local y = x:matmul(weight:t())
  return bias and y + bias or y
end)

--- In training, zeroes elements with probability p and divides the others by 1 - p.
---@param x Tensor
---@param p? number default 0.5
---@param training? boolean default true
---@return Tensor
define("dropout", function(x, p, training)
  p = p or 0.5
  if training == false or p == 0 then return x end
  if p == 1 then return x * 0 end
  return x * (ap.rand(x:size()):to(x.dtype):ge(p):to(x.dtype) / (1 - p))
end)

--- Mean of (input - target)^2.
---@param input Tensor
---@param target Tensor same shape
---@param options? {reduction: string}
---@return Tensor
define("mse_loss", function(input, target, options)
  require_same_shape("mse_loss", input, target)
  local d = input - target
  return reduced(d * d, reduction_of(options), "mse_loss")
end)

--- Mean of |input - target|.
---@param input Tensor
---@param target Tensor same shape
---@param options? {reduction: string}
---@return Tensor
define("l1_loss", function(input, target, options)
  require_same_shape("l1_loss", input, target)
  return reduced((input - target):abs(), reduction_of(options), "l1_loss")
end)

local function smooth_l1(input, target, beta)
  local d = (input - target):abs()
  if beta == 0 then return d end
  return ap.where(d:lt(beta), d * d * (0.5 / beta), d - 0.5 * beta)
end

--- Squared error below beta, absolute error above: d^2 / (2 beta) or d - beta / 2.
---@param input Tensor
---@param target Tensor same shape
---@param options? {reduction: string, beta: number} beta 1
---@return Tensor
--- Source: Girshick 2015; torch.nn.functional.smooth_l1_loss.
define("smooth_l1_loss", function(input, target, options)
  require_same_shape("smooth_l1_loss", input, target)
  local beta = type(options) == "table" and options.beta or 1
  return reduced(smooth_l1(input, target, beta), reduction_of(options), "smooth_l1_loss")
end)

--- d^2 / 2 below delta, delta (d - delta / 2) above.
---@param input Tensor
---@param target Tensor same shape
---@param options? {reduction: string, delta: number} delta 1
---@return Tensor
--- Source: Huber 1964; torch.nn.functional.huber_loss.
define("huber_loss", function(input, target, options)
  require_same_shape("huber_loss", input, target)
  local delta = type(options) == "table" and options.delta or 1
  return reduced(smooth_l1(input, target, delta) * delta, reduction_of(options), "huber_loss")
end)

--- Minus the log-probability of the right class; weights scale samples by their class, the mean divides by their sum.
---@param log_probabilities Tensor (N, C)
---@param target Tensor (N) i64, classes 1..C
---@param options? {weight: Tensor, ignore_index: integer, reduction: string}
---@return Tensor
define("nll_loss", function(log_probabilities, target, options)
  options = type(options) == "table" and options or {reduction = options}
  local weight, ignore = options.weight, options.ignore_index
  local keep = ignore and target:ne(ignore)
  local class = keep and ap.where(keep, target, ap.ones_like(target)) or target
  local loss = -log_probabilities:gather(2, class:unsqueeze(2)):squeeze(2)
  local scale = weight and weight:index_select(1, class)
  if keep then
    local kept = keep:to(log_probabilities.dtype)
    scale = scale and scale * kept or kept
  end
  if not scale then return reduced(loss, options.reduction, "nll_loss") end
  loss = loss * scale
  if options.reduction == nil or options.reduction == "mean" then return loss:sum() / scale:sum() end
  return reduced(loss, options.reduction, "nll_loss")
end)

--- log_softmax and nll_loss in one.
---@param logits Tensor (N, C)
---@param target Tensor (N) i64, classes 1..C
---@param options? {weight: Tensor, ignore_index: integer, reduction: string, label_smoothing: number}
---@return Tensor
define("cross_entropy", function(logits, target, options)
  return F.nll_loss(F.log_softmax(logits, 2), target, options)
end)

--- -(y log p + (1 - y) log(1 - p)), logarithms cut off at -100 as PyTorch does.
---@param input Tensor probabilities
---@param target Tensor same shape, in [0, 1]
---@param options? {weight: Tensor, reduction: string}
---@return Tensor
define("binary_cross_entropy", function(input, target, options)
  require_same_shape("binary_cross_entropy", input, target)
  local one = 1 - input
  local loss = -(target * input:log():clamp(-100) + (1 - target) * one:log():clamp(-100))
  if type(options) == "table" and options.weight then loss = loss * options.weight end
  return reduced(loss, reduction_of(options), "binary_cross_entropy")
end)

--- binary_cross_entropy of sigmoid(input), without overflow.
---@param input Tensor logits
---@param target Tensor same shape, in [0, 1]
---@param options? {weight: Tensor, pos_weight: Tensor, reduction: string}
---@return Tensor
define("binary_cross_entropy_with_logits", function(input, target, options)
  require_same_shape("binary_cross_entropy_with_logits", input, target)
  local positive = type(options) == "table" and options.pos_weight
  local loss
  if positive then
    loss = (1 - target) * input + (1 + (positive - 1) * target) * F.softplus(-input)
  else
    loss = input:relu() - input * target + F.softplus(-input:abs())
  end
  if type(options) == "table" and options.weight then loss = loss * options.weight end
  return reduced(loss, reduction_of(options), "binary_cross_entropy_with_logits")
end)

--- Kullback-Leibler divergence: target (log target - input), for input a log-probability.
---@param input Tensor log-probabilities
---@param target Tensor probabilities (log-probabilities with log_target)
---@param options? {reduction: string, log_target: boolean} reduction may be "batchmean" too
---@return Tensor
define("kl_div", function(input, target, options)
  require_same_shape("kl_div", input, target)
  local loss
  if type(options) == "table" and options.log_target then
    loss = target:exp() * (target - input)
  else
    loss = ap.where(target:gt(0), target * (target:clamp(1e-45):log() - input), ap.zeros_like(input))
  end
  local reduction = reduction_of(options)
  if reduction == "batchmean" then return loss:sum() / input:size(1) end
  return reduced(loss, reduction, "kl_div")
end)

--- Rows scaled to norm 1 along dim.
---@param x Tensor
---@param options? {p: number, dim: integer, eps: number} 2, 2, 1e-12
---@return Tensor
define("normalize", function(x, options)
  options = options or {}
  local norm = x:norm(options.p or 2, options.dim or 2, true)
  return x / norm:clamp(options.eps or 1e-12)
end)

return setmetatable(F, {
  __index = function(_, name) return core[name] end,
})
