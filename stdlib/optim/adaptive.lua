-- Optimisers whose step a parameter is a few tensor operations: RMSprop, Adagrad, Adadelta, Adamax, NAdam, RAdam. (SGD,
-- Adam and AdamW have kernels that step over many parameters at once.) State has PyTorch's names.

local ap = require "apsis"
local arguments = require "apsis.ops.arguments"
local Optimizer = require "apsis.optim.Optimizer"

local optimizers = {}

local function check_options(self, group, defaults)
  for name, default in pairs(defaults) do
    if type(default) == "number" then arguments.number(self:class_name(), name, group[name]) end
  end
  for i = 1, defaults.betas and 2 or 0 do
    local beta = type(group.betas) == "table" and group.betas[i]
    if type(beta) ~= "number" or beta < 0 or beta >= 1 then
      arguments.fail("%s: betas: expected two numbers in [0, 1)", self:class_name())
    end
  end
end

-- An optimiser whose update(p, g, s, o) changes the parameter p by its gradient g, which has the weight decay in it,
-- with the state s, whose step counts from 1, and the group's options o.
local function adaptive(name, defaults, update)
  local Adaptive = Optimizer:extend(name)
  defaults.weight_decay, defaults.maximize = 0, false

  function Adaptive:init(params, options)
    self:start(params, options, defaults)
    for _, group in ipairs(self.param_groups) do check_options(self, group, defaults) end
  end

  function Adaptive:step_group(group)
    local _ <close> = ap.no_grad()
    for _, p in ipairs(group.params) do
      local g, s = p.grad, self.state[p]
      if g then
        if not s then
          s = {step = 0}
          self.state[p] = s
        end
        s.step = s.step + 1
        if group.maximize then g = -g end
        if group.weight_decay ~= 0 then g = g:add(p, {alpha = group.weight_decay}) end
        update(p, g, s, group)
      end
    end
  end
  optimizers[name] = Adaptive
end

-- s[name], zeros of p's shape at first.
local function running(s, name, p)
  if not s[name] then s[name] = ap.zeros_like(p:detach()) end
  return s[name]
end

-- The running means of the gradient and of its square, after this step.
local function moments(s, p, g, betas)
  return running(s, "exp_avg", p):lerp_(g, 1 - betas[1]),
    running(s, "exp_avg_sq", p):mul_(betas[2]):addcmul_(g, g, 1 - betas[2])
end

--- v = alpha v + (1 - alpha) g^2;  p = p - lr g / (sqrt(v) + eps). centered takes the square of the gradient's running
--- mean from v first; with momentum the steps add up as in SGD.
---@param params Tensor[]|table[] tensors, or groups {params = {tensors}, lr = ...}
---@param options? {lr: number, alpha: number, eps: number, momentum: number, centered: boolean, weight_decay: number,
--- maximize: boolean} 0.01, 0.99, 1e-8, 0, false, 0, false
--- Source: Hinton, lecture 6 of Neural Networks for Machine Learning, 2012; torch.optim.RMSprop.
--- Example: optim.RMSprop(model:parameters(), {lr = 1e-3})
adaptive("RMSprop", {lr = 0.01, alpha = 0.99, eps = 1e-8, momentum = 0, centered = false}, function(p, g, s, o)
  local v = running(s, "square_avg", p):mul_(o.alpha):addcmul_(g, g, 1 - o.alpha)
  if o.centered then
    local mean = running(s, "grad_avg", p):lerp_(g, 1 - o.alpha)
    v = v:addcmul(mean, mean, -1)
  end
  local root = v:sqrt():add_(o.eps)
  if o.momentum == 0 then
    p:addcdiv_(g, root, -o.lr)
  else
    p:add_(running(s, "momentum_buffer", p):mul_(o.momentum):addcdiv_(g, root), {alpha = -o.lr})
  end
end)

--- v = v + g^2;  p = p - lr / (1 + (step - 1) lr_decay) g / (sqrt(v) + eps).
---@param params Tensor[]|table[] tensors, or groups {params = {tensors}, lr = ...}
---@param options? {lr: number, lr_decay: number, initial_accumulator_value: number, eps: number, weight_decay: number,
--- maximize: boolean} 0.01, 0, 0, 1e-10, 0, false
--- Source: Duchi, Hazan, Singer 2011; torch.optim.Adagrad.  Example: optim.Adagrad(model:parameters(), {lr = 0.1})
adaptive("Adagrad", {lr = 0.01, lr_decay = 0, initial_accumulator_value = 0, eps = 1e-10}, function(p, g, s, o)
  if not s.sum then s.sum = ap.full_like(p:detach(), o.initial_accumulator_value) end
  s.sum:addcmul_(g, g)
  p:addcdiv_(g, s.sum:sqrt():add_(o.eps), -o.lr / (1 + (s.step - 1) * o.lr_decay))
end)

--- v = rho v + (1 - rho) g^2;  d = sqrt(u + eps) / sqrt(v + eps) g;  u = rho u + (1 - rho) d^2;  p = p - lr d.
---@param params Tensor[]|table[] tensors, or groups {params = {tensors}, lr = ...}
---@param options? {lr: number, rho: number, eps: number, weight_decay: number, maximize: boolean} 1, 0.9, 1e-6, 0,
--- false
--- Source: Zeiler 2012; torch.optim.Adadelta.  Example: optim.Adadelta(model:parameters())
adaptive("Adadelta", {lr = 1.0, rho = 0.9, eps = 1e-6}, function(p, g, s, o)
  local v = running(s, "square_avg", p):mul_(o.rho):addcmul_(g, g, 1 - o.rho)
  local steps = running(s, "acc_delta", p)
  local delta = steps:add(o.eps):sqrt_():div_(v:add(o.eps):sqrt_()):mul_(g)
  steps:mul_(o.rho):addcmul_(delta, delta, 1 - o.rho)
  p:add_(delta, {alpha = -o.lr})
end)

--- Adam with the largest gradient, fading by beta2 a step, in place of the root of the mean square.
---@param params Tensor[]|table[] tensors, or groups {params = {tensors}, lr = ...}
---@param options? {lr: number, betas: number[], eps: number, weight_decay: number, maximize: boolean} 2e-3,
--- {0.9, 0.999}, 1e-8, 0, false
--- Source: Kingma, Ba 2015; torch.optim.Adamax.  Example: optim.Adamax(model:parameters())
adaptive("Adamax", {lr = 2e-3, betas = {0.9, 0.999}, eps = 1e-8}, function(p, g, s, o)
  local mean = running(s, "exp_avg", p):lerp_(g, 1 - o.betas[1])
  local largest = running(s, "exp_inf", p):mul_(o.betas[2])
  largest:copy_(ap.maximum(largest, g:abs():add_(o.eps)))
  p:addcdiv_(mean, largest, -o.lr / (1 - o.betas[1] ^ s.step))
end)

--- Adam with Nesterov's momentum, which grows to beta1 by momentum_decay.
---@param params Tensor[]|table[] tensors, or groups {params = {tensors}, lr = ...}
---@param options? {lr: number, betas: number[], eps: number, momentum_decay: number, weight_decay: number, maximize:
--- boolean} 2e-3, {0.9, 0.999}, 1e-8, 4e-3, 0, false
--- Source: Dozat 2016; torch.optim.NAdam.  Example: optim.NAdam(model:parameters(), {lr = 1e-3})
adaptive("NAdam", {lr = 2e-3, betas = {0.9, 0.999}, eps = 1e-8, momentum_decay = 4e-3}, function(p, g, s, o)
  local function momentum(step) return o.betas[1] * (1 - 0.5 * 0.96 ^ (step * o.momentum_decay)) end
  local mu, next_mu = momentum(s.step), momentum(s.step + 1)
  s.mu_product = (s.mu_product or 1) * mu
  local mean, square = moments(s, p, g, o.betas)
  local root = (square / (1 - o.betas[2] ^ s.step)):sqrt_():add_(o.eps)
  p:addcdiv_(g, root, -o.lr * (1 - mu) / (1 - s.mu_product))
  p:addcdiv_(mean, root, -o.lr * next_mu / (1 - s.mu_product * next_mu))
end)

--- Adam whose first steps, while the mean square is too uncertain, are SGD's with momentum.
---@param params Tensor[]|table[] tensors, or groups {params = {tensors}, lr = ...}
---@param options? {lr: number, betas: number[], eps: number, weight_decay: number, maximize: boolean} 1e-3,
--- {0.9, 0.999}, 1e-8, 0, false
--- Source: Liu et al. 2020; torch.optim.RAdam.  Example: optim.RAdam(model:parameters(), {lr = 1e-3})
adaptive("RAdam", {lr = 1e-3, betas = {0.9, 0.999}, eps = 1e-8}, function(p, g, s, o)
  local mean, square = moments(s, p, g, o.betas)
  local rate, correction = o.lr / (1 - o.betas[1] ^ s.step), 1 - o.betas[2] ^ s.step
  local most = 2 / (1 - o.betas[2]) - 1
  local length = most - 2 * s.step * o.betas[2] ^ s.step / correction
  if length <= 5 then
    p:add_(mean, {alpha = -rate})
  else
    local rectified = math.sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length))
    p:addcdiv_(mean, square:sqrt():add_(o.eps), -rate * math.sqrt(correction) * rectified)
  end
end)

return optimizers
