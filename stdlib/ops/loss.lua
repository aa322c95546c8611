--- Losses with fused kernels: their documentation and gradients. Losses composed of other ops are in
--- stdlib/nn/functional.lua. `reduction` is "mean" (default), "sum" or "none".
--- As in stdlib/ops/norm.lua, gradients that are themselves recorded run on differentiable ops.
local core = require "apsis.core"
local rule = core.rule
local recording = core.is_grad_enabled

-- g of a reduced loss of n elements, for each element.
local function each(g, reduction, n)
  return (reduction == nil or reduction == "mean") and g / n or g
end

--- mse_loss: (x - target)^2.
---@param x Tensor any shape, floating
---@param target Tensor same shape
---@param reduction? string
---@return Tensor 0-dim; the shape of x with "none"
--- Errors: a target of another shape; nothing is broadcast.
--- Source: torch.nn.functional.mse_loss.  Example: F.mse_loss(ap.tensor{1.0, 3.0}, ap.tensor{1.0, 1.0}) --> 2
local function mse_gradient(g, x, target, reduction)
  if recording() then return (x - target) * (each(g, reduction, x:numel()) * 2) end
  return core.mse_loss_grad(g, x, target, reduction)
end
rule("mse_loss", "12", function(g, _, x, target, reduction) return mse_gradient(g, x, target, reduction) end,
  function(g, _, x, target, reduction) return -mse_gradient(g, x, target, reduction) end)

-- The loss of each element without `weight`, by differentiable ops.
local function binary_losses(x, target, pos_weight)
  local rise = core.softplus(-x)
  if pos_weight then rise = rise * (1 + (pos_weight - 1) * target) end
  return (1 - target) * x + rise
end

--- binary_cross_entropy_with_logits: -(target log(s) + (1 - target) log(1 - s)) for s = sigmoid(x), without overflow.
---@param x Tensor any shape, floating: logits
---@param target Tensor same shape, in [0, 1]
---@param weight? Tensor of each element, broadcasts to x
---@param pos_weight? Tensor of the target's share, broadcasts to x: (C) for the last dimension
---@param reduction? string
---@return Tensor 0-dim; the shape of x with "none"
--- Errors: a target of another shape; nothing is broadcast.
--- Source: torch.nn.functional.binary_cross_entropy_with_logits.
--- Example: F.binary_cross_entropy_with_logits(ap.tensor{0.0}, ap.tensor{1.0}) --> 0.6931
rule("binary_cross_entropy_with_logits", "1234", function(g, _, x, target, weight, pos_weight, reduction)
  if not recording() then
    return core.binary_cross_entropy_with_logits_grad(g, x, target, weight, pos_weight, reduction)
  end
  local below = (-x):sigmoid()
  if pos_weight then below = below * (1 + (pos_weight - 1) * target) end
  local d = (1 - target - below) * each(g, reduction, x:numel())
  return weight and d * weight or d
end, function(g, _, x, target, weight, pos_weight, reduction)
  local d = -x * each(g, reduction, target:numel())
  if pos_weight then d = (core.softplus(-x) * (pos_weight - 1) - x) * each(g, reduction, target:numel()) end
  return weight and d * weight or d
end, function(g, _, x, target, _, pos_weight, reduction)
  return binary_losses(x, target, pos_weight) * each(g, reduction, x:numel())
end, function(g, _, x, target, weight, _, reduction)
  local d = core.softplus(-x) * target * each(g, reduction, x:numel())
  return weight and d * weight or d
end)

-- -log(p) with the cut at 100 that keeps it finite.
local function surprise(p) return -(p:clamp(1e-44):log():clamp(-100)) end

--- binary_cross_entropy: -(target log(x) + (1 - target) log(1 - x)), the logarithms no less than -100.
---@param x Tensor any shape, floating: probabilities, in [0, 1]
---@param target Tensor same shape, in [0, 1]
---@param weight? Tensor of each element, broadcasts to x
---@param reduction? string
---@return Tensor 0-dim; the shape of x with "none"
--- Errors: x outside [0, 1]; a target of another shape.
--- Source: torch.nn.functional.binary_cross_entropy.
rule("binary_cross_entropy", "123", function(g, _, x, target, weight, reduction)
  if not recording() then return core.binary_cross_entropy_grad(g, x, target, weight, reduction) end
  local d = (x - target) / ((1 - x) * x):clamp(1e-12) * each(g, reduction, x:numel())
  return weight and d * weight or d
end, function(g, _, x, target, weight, reduction)
  local d = (surprise(x) - surprise(1 - x)) * each(g, reduction, target:numel())
  return weight and d * weight or d
end, function(g, _, x, target, _, reduction)
  return (target * surprise(x) + (1 - target) * surprise(1 - x)) * each(g, reduction, x:numel())
end)

--- nll_loss: minus the logarithm of the probability of each sample's class.
---@param x Tensor (N, C), (C) or (N, C, ...), floating: logarithms of probabilities
---@param target Tensor integers 1..C, the shape of x without C
---@param weight? Tensor (C) of each class; a mean divides by the sum of the samples' weights
---@param ignore_index? integer a class that counts for nothing, default -100
---@param reduction? string
---@return Tensor 0-dim; the shape of target with "none"
--- Errors: a class outside 1..C ("add 1 to 0-based labels"); a target of another shape.
--- Source: torch.nn.functional.nll_loss.
rule("nll_loss", "23", function(g, _, x, target, weight, ignore_index, reduction)
  return core.nll_loss_grad(g, x, target, weight, ignore_index, reduction)
end)

--- nll_loss_grad: the gradient of nll_loss, linear in g.
---@param g Tensor
---@param x Tensor as for nll_loss; only its shape counts
---@param target Tensor
---@param weight? Tensor
---@param ignore_index? integer
---@param reduction? string
---@return Tensor the shape of x
rule("nll_loss_grad", "34", function(gg, _, _, _, target, weight, ignore_index, reduction)
  return core.nll_loss(gg, target, weight, ignore_index, reduction)
end)

-- A tensor of each sample, or of each class, so that it broadcasts with x along its classes.
local function across(t, x, dim) return t.ndim == 0 and x.ndim > 1 and t or t:unsqueeze(dim) end
local function by_class(w, x, dim)
  local size = {}
  for d = 1, x.ndim do size[d] = d == dim and -1 or 1 end
  return w:reshape(size)
end

-- The gradient of log_softmax(x) under cross_entropy with classes as targets, by differentiable ops.
local function class_gradient(g, x, dim, target, weight, ignore_index, reduction, smoothing)
  local own = core.nll_loss_grad(g, x, target, weight, ignore_index, reduction)
  if smoothing == 0 then return own end
  local scale = core.where(target:eq(ignore_index or -100), 0.0, 1.0):to(x.dtype)
  if reduction == nil or reduction == "mean" then
    scale = scale / core.nll_loss(-core.ones_like(x), target, weight, ignore_index, "sum")
  end
  local spread = across(scale * g, x, dim) * (-smoothing / x:size(dim))
  spread = weight and spread * by_class(weight, x, dim) or spread:expand(x:size())
  return own * (1 - smoothing) + spread
end

-- The same with probabilities as targets.
local function probability_gradient(g, x, dim, target, weight, reduction, smoothing)
  if reduction == nil or reduction == "mean" then g = g * (x:size(dim) / x:numel()) end
  local share = target * (1 - smoothing) + smoothing / x:size(dim)
  if weight then share = share * by_class(weight, x, dim) end
  return -share * across(g, x, dim)
end

--- cross_entropy: log_softmax over the classes and nll_loss in one.
---@param x Tensor (N, C), (C) or (N, C, ...), floating: scores
---@param target Tensor integers 1..C, the shape of x without C; or probabilities, the shape of x
---@param weight? Tensor (C) of each class; a mean over classes divides by the sum of the samples' weights
---@param ignore_index? integer a class that counts for nothing, default -100
---@param reduction? string
---@param label_smoothing? number from 0 to 1: the share that goes to all classes alike, default 0
---@return Tensor 0-dim; the shape of x without C with "none"
--- Errors: a class outside 1..C ("add 1 to 0-based labels"); a target of another shape.
--- Source: torch.nn.functional.cross_entropy.
--- Example: F.cross_entropy(ap.tensor{{0.0, 0.0}}, ap.tensor{1}) --> 0.6931
rule("cross_entropy", "123", function(g, _, x, target, weight, ignore_index, reduction, smoothing)
  if not recording() then
    return core.cross_entropy_grad(g, x, target, weight, ignore_index, reduction, smoothing)
  end
  local dim = math.min(x.ndim, 2)
  local d
  if target:is_floating_point() then
    d = probability_gradient(g, x, dim, target, weight, reduction, smoothing or 0)
  else
    d = class_gradient(g, x, dim, target, weight, ignore_index, reduction, smoothing or 0)
  end
  return d - x:softmax(dim) * d:sum(dim, true)
end, function(g, _, x, _, weight, _, reduction, smoothing)
  local dim = math.min(x.ndim, 2)
  if reduction == nil or reduction == "mean" then g = g * (x:size(dim) / x:numel()) end
  local d = x:log_softmax(dim) * across(g, x, dim) * ((smoothing or 0) - 1)
  return weight and d * by_class(weight, x, dim) or d
end)
