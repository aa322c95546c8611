--- Losses composed of other ops: they run on every device and have gradients of every order. The fused ones are in
--- loss.lua. `reduction` is "mean" (default), "sum" or "none".

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local define, named, fail = core.define, arguments.named, arguments.fail

local losses = {}

local REDUCTIONS = {mean = true, sum = true, none = true}

-- Fails unless the reduction is known, or nil.
function losses.check_reduction(op, reduction)
  if reduction ~= nil and not REDUCTIONS[reduction] then
    fail("%s: expected a reduction: 'mean', 'sum' or 'none', got '%s'", op, tostring(reduction))
  end
end

local check_reduction = losses.check_reduction

-- The loss of each element, reduced.
function losses.reduced(loss, reduction)
  if reduction == "sum" then return loss:sum() end
  if reduction == "none" then return loss end
  return loss:mean()
end
local reduced = losses.reduced

-- Fails unless the loss is of two tensors of one shape (another one would broadcast silently, which is never meant) and
-- the reduction is known.
function losses.check(op, input, target, reduction)
  arguments.tensors(op, input, target)
  if arguments.shape(input) ~= arguments.shape(target) then
    fail("%s: expected a target of the input's shape %s, got %s: a loss does not broadcast", op,
      arguments.shape(input), arguments.shape(target))
  end
  check_reduction(op, reduction)
end
local check = losses.check

local function number(op, what, x, otherwise)
  if x == nil then return otherwise end
  arguments.number(op, what, x)
  return x
end

-- The loss of tensors that may broadcast, as PyTorch's ranking losses do.
local function check_broadcast(op, reduction, ...)
  arguments.broadcast(op, ...)
  arguments.tensors(op, ...)
  check_reduction(op, reduction)
end

-- --- two tensors and a sign --------------------------------------------------------------------------------------

--- margin_ranking_loss: max(0, -target (x1 - x2) + margin): x1 should be the larger where the target is 1, the smaller
--- where it is -1.
---@param x1 Tensor
---@param x2 Tensor the same shape
---@param target Tensor 1 or -1, of that shape or one that broadcasts
---@param margin? number|table default 0; or the options {margin =, reduction =}
---@param reduction? string
---@return Tensor
--- Source: torch.nn.functional.margin_ranking_loss.
define("margin_ranking_loss", function(x1, x2, target, ...)
  local op = "margin_ranking_loss"
  local margin, reduction = named(op, {"margin", "reduction"}, ...)
  margin = number(op, "margin", margin, 0)
  check_broadcast(op, reduction, x1, x2, target)
  return reduced((-target * (x1 - x2) + margin):clamp(0), reduction)
end)

--- hinge_embedding_loss: x where the target is 1, max(0, margin - x) where it is -1: x is a distance.
---@param x Tensor floating
---@param target Tensor 1 or -1, the same shape
---@param margin? number|table default 1; or the options {margin =, reduction =}
---@param reduction? string
---@return Tensor
--- Source: torch.nn.functional.hinge_embedding_loss.
define("hinge_embedding_loss", function(x, target, ...)
  local op = "hinge_embedding_loss"
  local margin, reduction = named(op, {"margin", "reduction"}, ...)
  margin = number(op, "margin", margin, 1)
  check_broadcast(op, reduction, x, target)
  local near = core.where(target:ne(-1), x, 0)
  return reduced(core.where(target:ne(1), (margin - x):clamp(0), 0) + near, reduction)
end)

--- soft_margin_loss: log(1 + exp(-target x)), without overflow.
---@param x Tensor floating
---@param target Tensor 1 or -1, the same shape
---@param reduction? string|table or the options {reduction =}
---@return Tensor
--- Source: torch.nn.functional.soft_margin_loss.
define("soft_margin_loss", function(x, target, ...)
  local op = "soft_margin_loss"
  local reduction = named(op, {"reduction"}, ...)
  check_broadcast(op, reduction, x, target)
  return reduced(core.softplus(-target * x, 1, 36), reduction) -- exp(-36) is below f64's rounding
end)

--- cosine_embedding_loss: 1 - cos where the target is 1, max(0, cos - margin) where it is -1, for the cosine of two
--- vectors.
---@param x1 Tensor shape (N, D) or (D), floating
---@param x2 Tensor the same shape
---@param target Tensor shape (N) or 0-dim: 1 or -1
---@param margin? number|table default 0; or the options {margin =, reduction =}
---@param reduction? string
---@return Tensor
--- Source: torch.nn.functional.cosine_embedding_loss.
define("cosine_embedding_loss", function(x1, x2, target, ...)
  local op = "cosine_embedding_loss"
  local margin, reduction = named(op, {"margin", "reduction"}, ...)
  margin = number(op, "margin", margin, 0)
  check(op, x1, x2, reduction)
  arguments.floating(op, x1)
  arguments.tensor(op, 3, target)
  if x1.ndim < 1 or x1.ndim > 2 or target.ndim ~= x1.ndim - 1 or x1.ndim == 2 and target:size(1) ~= x1:size(1) then
    fail("%s: expected inputs (N, D) and a target (N), or (D) and one number, got %s and %s", op, arguments.shape(x1),
      arguments.shape(target))
  end
  local eps = 1e-12
  local cosine = (x1 * x2):sum(-1) * (((x1 * x1):sum(-1) + eps) * ((x2 * x2):sum(-1) + eps)):rsqrt()
  local loss = core.where(target:eq(1), 1 - cosine, 0) + core.where(target:eq(-1), (cosine - margin):clamp(0), 0)
  return reduced(loss, reduction)
end)

-- --- triplets -----------------------------------------------------------------------------------------------------

local function triplet(op, anchor, positive, negative, distance, margin, swap, reduction)
  arguments.tensors(op, anchor, positive, negative)
  check_reduction(op, reduction)
  if anchor.ndim ~= positive.ndim or anchor.ndim ~= negative.ndim then
    fail("%s: expected three tensors of as many dimensions, got %s, %s and %s", op, arguments.shape(anchor),
      arguments.shape(positive), arguments.shape(negative))
  end
  local near, far = distance(anchor, positive), distance(anchor, negative)
  arguments.tensors(op, near, far)
  if swap then far = core.minimum(far, distance(positive, negative)) end
  return reduced((near - far + margin):clamp(0), reduction)
end

--- triplet_margin_loss: max(0, margin + |anchor - positive| - |anchor - negative|).
---@param anchor Tensor shape (N, D) or (D), floating
---@param positive Tensor the same shape
---@param negative Tensor the same shape
---@param margin? number|table default 1; or the options {margin =, p =, eps =, swap =, reduction =}
---@param p? number the norm of the distances, default 2
---@param eps? number added to differences, default 1e-6
---@param swap? boolean take the positive for the anchor where that is nearer to the negative
---@param reduction? string
---@return Tensor
--- Source: Balntas et al. 2016; torch.nn.functional.triplet_margin_loss.
define("triplet_margin_loss", function(anchor, positive, negative, ...)
  local op = "triplet_margin_loss"
  local margin, p, eps, swap, reduction = named(op, {"margin", "p", "eps", "swap", "reduction"}, ...)
  margin = number(op, "margin", margin, 1)
  p, eps = number(op, "p", p, 2), number(op, "eps", eps, 1e-6)
  local function distance(a, b) return core.pairwise_distance(a, b, p, eps) end
  return triplet(op, anchor, positive, negative, distance, margin, swap, reduction)
end)

--- triplet_margin_with_distance_loss: triplet_margin_loss by any distance.
---@param anchor Tensor
---@param positive Tensor
---@param negative Tensor
---@param distance? function|table f(a, b) -> Tensor, default pairwise_distance; or the options {distance_function =,
--- margin =, swap =, reduction =}
---@param margin? number default 1
---@param swap? boolean
---@param reduction? string
---@return Tensor
--- Source: torch.nn.functional.triplet_margin_with_distance_loss.
define("triplet_margin_with_distance_loss", function(anchor, positive, negative, ...)
  local op = "triplet_margin_with_distance_loss"
  local distance, margin, swap, reduction = named(op, {"distance_function", "margin", "swap", "reduction"}, ...)
  if distance ~= nil and type(distance) ~= "function" then
    fail("%s: distance_function: expected a function, got %s", op, arguments.got(distance))
  end
  margin = number(op, "margin", margin, 1)
  local f = distance or function(a, b) return core.pairwise_distance(a, b) end
  return triplet(op, anchor, positive, negative, f, margin, swap, reduction)
end)

-- --- distributions ------------------------------------------------------------------------------------------------

--- kl_div: the Kullback-Leibler divergence, target (log target - input).
---@param input Tensor logarithms of probabilities
---@param target Tensor same shape: probabilities; with log_target their logarithms
---@param reduction? string|table "mean" (default: over all elements), "batchmean" (over samples, the divergence
---       itself), "sum" or "none"; or {reduction =, log_target =}
---@param log_target? boolean
---@return Tensor
--- Source: torch.nn.functional.kl_div.
define("kl_div", function(input, target, ...)
  local reduction, log_target = named("kl_div", {"reduction", "log_target"}, ...)
  check("kl_div", input, target, reduction ~= "batchmean" and reduction or nil)
  local loss = log_target and target:exp() * (target - input) or core.xlogy(target, target) - target * input
  if reduction == "batchmean" then return loss:sum() / (input.ndim > 0 and input:size(1) or 1) end
  return reduced(loss, reduction)
end)

--- poisson_nll_loss: minus the logarithm of a Poisson distribution's probability of the target, but for what does not
--- depend on the input.
---@param input Tensor floating: the logarithm of the rate, or the rate
---@param target Tensor counts
---@param log_input? boolean|table default true; or the options {log_input =, full =, eps =, reduction =}
---@param full? boolean add Stirling's approximation of log(target!); default false
---@param eps? number added to rates under the logarithm, default 1e-8
---@param reduction? string
---@return Tensor
--- Source: torch.nn.functional.poisson_nll_loss.
define("poisson_nll_loss", function(input, target, ...)
  local op = "poisson_nll_loss"
  local log_input, full, eps, reduction = named(op, {"log_input", "full", "eps", "reduction"}, ...)
  eps = number(op, "eps", eps, 1e-8)
  check_broadcast(op, reduction, input, target)
  local loss = log_input ~= false and input:exp() - target * input or input - target * (input + eps):log()
  if full then
    -- Where it is not taken its logarithm would still make nan of the gradient.
    local many = core.where(target:gt(1), target, 1)
    local stirling = many * many:log() - many + (many * (2 * math.pi)):log() * 0.5
    loss = loss + core.where(target:gt(1), stirling, 0)
  end
  return reduced(loss, reduction)
end)

-- The variance as a tensor that broadcasts with x.
local function variance(op, x, var)
  if type(var) == "number" then var = core.full_like(x:detach(), var) end
  arguments.tensor(op, 3, var)
  if var:lt(0):any():item() then fail("%s: var: a variance is negative", op) end
  local size, own = x:size(), var:size()
  if #own == #size - 1 and table.concat(own, "x") == table.concat(size, "x", 1, #size - 1) then
    return var:unsqueeze(-1)
  end
  local other = 0
  for d = 1, #size do
    if #own ~= #size or own[d] ~= size[d] then
      other = other + 1
      if #own ~= #size or own[d] ~= 1 then other = 2 end
    end
  end
  if other > 1 then
    fail("%s: var: expected the input's shape %s, with one size 1 or without the last, got %s", op, arguments.shape(x),
      arguments.shape(var))
  end
  return var
end

--- gaussian_nll_loss: minus the logarithm of a normal distribution's density at the target, but for a constant.
---@param input Tensor floating: the mean
---@param target Tensor the same shape, or one that broadcasts
---@param var Tensor|number the variance: the input's shape, with one size 1 or without the last
---@param full? boolean|table add log(2 pi) / 2; or the options {full =, eps =, reduction =}
---@param eps? number the least variance, default 1e-6; the gradient passes through it
---@param reduction? string
---@return Tensor
--- Errors: a negative variance.
--- Source: Nix, Weigend 1994; torch.nn.functional.gaussian_nll_loss.
define("gaussian_nll_loss", function(input, target, var, ...)
  local op = "gaussian_nll_loss"
  local full, eps, reduction = named(op, {"full", "eps", "reduction"}, ...)
  eps = number(op, "eps", eps, 1e-6)
  check_broadcast(op, reduction, input, target)
  var = variance(op, input, var)
  var = var + (var:detach():clamp(eps) - var:detach())
  local difference = input - target
  local loss = (var:log() + difference * difference / var) * 0.5
  if full then loss = loss + 0.5 * math.log(2 * math.pi) end
  return reduced(loss, reduction)
end)

-- --- several classes ----------------------------------------------------------------------------------------------

-- x as (N, C), from (C) or a number too, and the target as (N) or, with as many dimensions as x, (N, C).
local function rows(op, x, target, alike)
  arguments.floating(op, x, 1)
  arguments.tensor(op, 2, target)
  local fits = x.ndim <= 2
  if alike then
    fits = fits and math.max(target.ndim, 1) == math.max(x.ndim, 1) and target:numel() == x:numel()
  elseif x.ndim == 2 then
    fits = target.ndim == 1 and target:size(1) == x:size(1)
  else
    fits = fits and target.ndim <= 1 and target:numel() == 1
  end
  if not fits then
    fail("%s: expected scores (N, C) and a target (N%s), or of one sample, got %s and %s", op,
      alike and ", C" or "", arguments.shape(x), arguments.shape(target))
  end
  if x.ndim == 2 then return x, target end
  return x:reshape(1, x:numel()), alike and target:reshape(1, target:numel()) or target:reshape(1)
end

local function check_classes(op, target, classes, allowed, hint)
  arguments.whole(op, target, 2)
  if target:numel() == 0 then return end
  local wrong = target:lt(1) | target:gt(classes)
  if allowed then wrong = wrong & target:ne(allowed) end
  if wrong:any():item() then
    local class = target:reshape(-1):masked_select(wrong:reshape(-1))[1]:item()
    fail("%s: class %d: classes run 1..%d%s", op, class, classes,
      class == 0 and "; add 1 to 0-based labels" or hint or "")
  end
end

--- multi_margin_loss: the mean over the other classes i of max(0, margin - x[target] + x[i])^p.
---@param x Tensor shape (N, C) or (C), floating: scores
---@param target Tensor shape (N) or 0-dim, integers 1..C
---@param p? integer|table 1 (default) or 2; or the options {p =, margin =, weight =, reduction =}
---@param margin? number default 1
---@param weight? Tensor shape (C), of the target's class
---@param reduction? string
---@return Tensor
--- Errors: a class outside 1..C.
--- Source: torch.nn.functional.multi_margin_loss.
define("multi_margin_loss", function(x, target, ...)
  local op = "multi_margin_loss"
  local p, margin, weight, reduction = named(op, {"p", "margin", "weight", "reduction"}, ...)
  p, margin = p or 1, number(op, "margin", margin, 1)
  if p ~= 1 and p ~= 2 then fail("%s: p: expected 1 or 2, got %s", op, tostring(p)) end
  check_reduction(op, reduction)
  local scores, classes = rows(op, x, target, false)
  local n = scores:size(2)
  check_classes(op, classes, n)
  local at = classes:to("i64"):unsqueeze(2)
  local loss = (scores - scores:gather(2, at) + margin):clamp(0)
  if p == 2 then loss = loss * loss end
  if weight ~= nil then
    arguments.tensor(op, 5, weight)
    if weight.ndim ~= 1 or weight:size(1) ~= n then
      fail("%s: weight: expected %d numbers, got %s", op, n, arguments.shape(weight))
    end
    loss = loss * weight:index_select(1, at:reshape(-1)):unsqueeze(2)
  end
  local others = core.ones(scores:size(), {dtype = x.dtype, device = x.device}):scatter(2, at, 0)
  loss = (loss * others):sum(2) / n
  return reduced(target.ndim == 0 and loss:reshape {} or loss, reduction)
end)

--- multilabel_margin_loss: the sum over the classes j of a sample and the others i of max(0, 1 - x[j] + x[i]), over C.
---@param x Tensor shape (N, C) or (C), floating: scores
---@param target Tensor the same shape, integers: each sample's classes, 1..C, before a -1
---@param reduction? string|table or the options {reduction =}
---@return Tensor
--- Errors: a class outside 1..C.
--- Source: torch.nn.functional.multilabel_margin_loss.
define("multilabel_margin_loss", function(x, target, ...)
  local op = "multilabel_margin_loss"
  local reduction = named(op, {"reduction"}, ...)
  check_reduction(op, reduction)
  local scores, classes = rows(op, x, target, true)
  local n = scores:size(2)
  if arguments.shape(classes) ~= arguments.shape(scores) then
    fail("%s: expected a target of the scores' shape %s, got %s", op, arguments.shape(x), arguments.shape(target))
  end
  check_classes(op, classes, n, -1, "; -1 ends a sample's")
  local function sample(loss) return x.ndim < 2 and loss:reshape {} or loss end
  if scores:numel() == 0 then return reduced(sample(scores:sum(2)), reduction) end
  classes = classes:to("i64")
  local listed = classes:ne(-1):to("i64"):cumprod(2):to("bool")
  local most = listed:sum(2):amax():item()
  if most == 0 then return reduced(sample((scores * 0):sum(2)), reduction) end
  local at, own = core.where(listed, classes, 1):narrow(2, 1, most), listed:narrow(2, 1, most):to(x.dtype)
  -- Where a place of the list is empty it stands for class 1: nothing is written there.
  local is_target = core.zeros(scores:size(), {dtype = x.dtype, device = x.device}):scatter_add(2, at, own):gt(0)
  local loss = (1 - scores:gather(2, at):unsqueeze(3) + scores:unsqueeze(2)):clamp(0)
  loss = (loss * own:unsqueeze(3) * (~is_target):to(x.dtype):unsqueeze(2)):sum {2, 3} / n
  return reduced(sample(loss), reduction)
end)

--- multilabel_soft_margin_loss: binary_cross_entropy_with_logits, its mean over the classes.
---@param x Tensor shape (..., C), floating: logits
---@param target Tensor the same shape, 0 or 1
---@param weight? Tensor|table shape (C), or one that broadcasts; or the options {weight =, reduction =}
---@param reduction? string
---@return Tensor
--- Source: torch.nn.functional.multilabel_soft_margin_loss.
define("multilabel_soft_margin_loss", function(x, target, ...)
  local op = "multilabel_soft_margin_loss"
  local weight, reduction = named(op, {"weight", "reduction"}, ...)
  check(op, x, target, reduction)
  arguments.floating(op, x, 1)
  if x.ndim == 0 then fail("%s: expected logits (..., C), got a 0-dim tensor", op) end
  local loss = -(target * core.logsigmoid(x) + (1 - target) * core.logsigmoid(-x))
  if weight ~= nil then
    arguments.tensor(op, 3, weight)
    loss = loss * weight
  end
  return reduced(loss:sum(-1) / x:size(-1), reduction)
end)

-- --- distances ------------------------------------------------------------------------------------------------------

--- cosine_similarity: the cosine of the angle between two tensors along dim.
---@param a Tensor floating
---@param b Tensor floating, broadcasts with a
---@param dim? integer|table default 2; or the options {dim =, eps =}
---@param eps? number the least norm, default 1e-8
---@return Tensor the broadcast shape without dim, in [-1, 1]
--- Source: torch.nn.functional.cosine_similarity.
--- Example: ap.cosine_similarity(ap.tensor{{1.0, 0}}, ap.tensor{{1.0, 0}}) --> [1]
define("cosine_similarity", function(a, b, ...)
  arguments.tensors("cosine_similarity", a, b)
  local dim, eps = named("cosine_similarity", {"dim", "eps"}, ...)
  dim, eps = dim or 2, eps or 1e-8
  -- A size of 1 along dim counts as often as the other's elements do.
  if a.ndim ~= b.ndim or a.ndim > 0 and a:size(dim) ~= b:size(dim) then
    a, b = a + core.zeros_like(b), b + core.zeros_like(a)
  end
  local function unit(x) return x / x:norm(2, dim, true):clamp(eps) end
  return (unit(a) * unit(b)):sum(dim)
end)

--- pairwise_distance: the distance of two tensors along the last dimension: the norm of a - b + eps.
---@param a Tensor floating
---@param b Tensor floating, broadcasts with a
---@param p? number|table the norm's order, default 2; or the options {p =, eps =, keepdim =}
---@param eps? number default 1e-6: keeps the gradient finite at distance 0
---@param keepdim? boolean
---@return Tensor the broadcast shape without its last dimension
--- Source: torch.nn.functional.pairwise_distance.
define("pairwise_distance", function(a, b, ...)
  arguments.tensors("pairwise_distance", a, b)
  local p, eps, keepdim = named("pairwise_distance", {"p", "eps", "keepdim"}, ...)
  return (a - b + (eps or 1e-6)):norm(p or 2, -1, keepdim or false)
end)

return losses
