-- optim.SGD: stochastic gradient descent with momentum.

local ap = require "apsis"
local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local Optimizer = require "apsis.optim.Optimizer"

local SGD = Optimizer:extend "SGD"

local DEFAULTS = {lr = 1e-3, momentum = 0, dampening = 0, weight_decay = 0, nesterov = false, maximize = false}

--- g = grad + weight_decay p;  b = momentum b + (1 - dampening) g  (b = g at the first step);  p = p - lr b,
--- or p - lr (g + momentum b) with nesterov.
---@param params Tensor[]|table[] tensors, or groups {params = {tensors}, lr = ...}
---@param options? {lr: number, momentum: number, dampening: number, weight_decay: number, nesterov: boolean,
--- maximize: boolean}
--- Source: torch.optim.SGD.  Example: optim.SGD(model:parameters(), {lr = 0.1, momentum = 0.9})
function SGD:init(params, options)
  self:start(params, options, DEFAULTS)
  for _, group in ipairs(self.param_groups) do
    if group.nesterov and (group.momentum <= 0 or group.dampening ~= 0) then
      arguments.fail("SGD: nesterov needs momentum above 0 and dampening 0")
    end
  end
end

-- The lists that the kernel takes, kept between steps so that a step makes no tables.
local function lists_of(group)
  local lists = group._lists
  if not lists then
    lists = {params = {}, grads = {}, bufs = {}}
    group._lists = lists
  end
  return lists.params, lists.grads, lists.bufs
end

-- Steps over params[1..n], then empties the lists, so that they keep no gradient alive. The kernel:
-- core.sgd_steps_(params, grads, bufs or nil, lr, momentum, dampening, weight_decay, nesterov, first): changes params
-- and bufs in place; first says that the buffers are still to be set to the gradients.
local function flush(group, params, grads, bufs, n, first)
  if n == 0 then return end
  local momentum = group.momentum
  local sign = group.maximize and -1 or 1 -- climbing is descending with lr and weight_decay negated
  core.sgd_steps_(params, grads, momentum ~= 0 and bufs or nil, sign * group.lr, momentum, group.dampening,
    sign * group.weight_decay, group.nesterov, first)
  for i = 1, n do params[i], grads[i], bufs[i] = nil, nil, nil end
end

function SGD:step_group(group)
  local all, state, momentum = group.params, self.state, group.momentum
  local params, grads, bufs = lists_of(group)
  local n, first = 0, false
  for i = 1, #all do
    local p = all[i]
    local g = p.grad
    if g then
      if momentum ~= 0 then
        local s = state[p]
        local fresh = s == nil
        if fresh then
          s = {momentum_buffer = ap.zeros_like(p:detach())}
          state[p] = s
        end
        if fresh ~= first then
          flush(group, params, grads, bufs, n, first)
          n, first = 0, fresh
        end
        bufs[n + 1] = s.momentum_buffer
      end
      n = n + 1
      params[n], grads[n] = p, g
    end
  end
  flush(group, params, grads, bufs, n, first)
end

return SGD
