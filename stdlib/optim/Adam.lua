-- optim.Adam: adaptive steps from running means of the gradient and of its square. AdamW derives from it.

local ap = require "apsis"
local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local Optimizer = require "apsis.optim.Optimizer"

local Adam = Optimizer:extend "Adam"

Adam.decoupled_weight_decay = false
Adam.DEFAULTS = {lr = 1e-3, betas = {0.9, 0.999}, eps = 1e-8, weight_decay = 0, amsgrad = false, maximize = false}

--- m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p = p - lr m^ / (sqrt(v^) + eps), with m^ and v^ corrected for
--- their start at 0; weight_decay is added to the gradient (AdamW takes it from the parameter instead).
---@param params Tensor[]|table[] tensors, or groups {params = {tensors}, lr = ...}
---@param options? {lr: number, betas: number[], eps: number, weight_decay: number, amsgrad: boolean, maximize:
--- boolean} 1e-3,
--- {0.9, 0.999}, 1e-8, 0, false, false
--- Source: Kingma, Ba 2015; Reddi et al. 2018 (amsgrad); torch.optim.Adam.  Example: optim.Adam(model:parameters(),
--- {lr = 1e-3})
function Adam:init(params, options)
  self:start(params, options, self.DEFAULTS)
  for _, group in ipairs(self.param_groups) do
    local betas = group.betas
    local numbers = type(betas) == "table" and type(betas[1]) == "number" and type(betas[2]) == "number"
    if not numbers or not (betas[1] >= 0 and betas[1] < 1 and betas[2] >= 0 and betas[2] < 1) then
      arguments.fail("%s: betas: expected two numbers in [0, 1)", self:class_name())
    end
  end
end

local function new_state(p, amsgrad)
  local like = p:detach()
  return {
    step = 0,
    exp_avg = ap.zeros_like(like),
    exp_avg_sq = ap.zeros_like(like),
    max_exp_avg_sq = amsgrad and ap.zeros_like(like) or nil,
  }
end

-- The lists that the kernel takes, kept between steps so that a step makes no tables.
local function lists_of(group)
  local lists = group._lists
  if not lists then
    lists = {{}, {}, {}, {}, {}}
    group._lists = lists
  end
  return lists[1], lists[2], lists[3], lists[4], lists[5]
end

-- Steps over params[1..n], which have all taken step - 1 steps, then empties the lists, so that they keep no gradient
-- alive. The kernel: core.adam_steps_(params, grads, means, squares, maxima or nil, step, lr, beta1, beta2, eps,
-- weight_decay, decoupled, maximize): changes params, means, squares and maxima in place; step counts from 1; decoupled
-- is AdamW's decay.
local function flush(self, group, n, step)
  if n == 0 then return end
  local params, grads, means, squares, maxima = lists_of(group)
  local betas = group.betas
  core.adam_steps_(params, grads, means, squares, group.amsgrad and maxima or nil, step, group.lr, betas[1], betas[2],
    group.eps, group.weight_decay, self.decoupled_weight_decay, group.maximize)
  for i = 1, n do params[i], grads[i], means[i], squares[i], maxima[i] = nil, nil, nil, nil, nil end
end

function Adam:step_group(group)
  local all, states, amsgrad = group.params, self.state, group.amsgrad
  local params, grads, means, squares, maxima = lists_of(group)
  local n, step = 0, 0
  for i = 1, #all do
    local p = all[i]
    local g = p.grad
    if g then
      local s = states[p]
      if not s then
        s = new_state(p, amsgrad)
        states[p] = s
      end
      local next_step = s.step + 1
      s.step = next_step
      if next_step ~= step then
        flush(self, group, n, step)
        n, step = 0, next_step
      end
      n = n + 1
      params[n], grads[n], means[n], squares[n] = p, g, s.exp_avg, s.exp_avg_sq
      if amsgrad then maxima[n] = s.max_exp_avg_sq end
    end
  end
  flush(self, group, n, step)
end

return Adam
