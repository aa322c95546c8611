-- Losses as modules: criterion(input, target). The functions are in apsis.nn.functional; options are theirs.

local arguments = require "apsis.ops.arguments"
local F = require "apsis.nn.functional"
local Module = require "apsis.nn.Module"

local losses = {}

-- A loss that calls f(input, target, options). The options that are tensors (weights) become buffers, so that to()
-- moves them.
local function loss(name, f, known)
  local Loss = Module:extend(name)

  function Loss:init(options)
    options = options or {}
    if type(options) == "string" then options = {reduction = options} end
    arguments.known(name, options, known)
    for key, value in pairs(options) do
      if type(value) == "userdata" then self:register_buffer(key, value, false) else self[key] = value end
    end
    if next(options) ~= nil then self._options = options end
  end

  -- Without options the call is the bare function.
  function Loss:forward(input, target)
    local options = self._options
    if not options then return f(input, target) end
    for key in next, options do options[key] = self[key] end
    return f(input, target, options)
  end

  function Loss:extra_repr()
    return self.reduction and "reduction=" .. self.reduction or ""
  end
  losses[name] = Loss
end

local REDUCTION = {reduction = true}
local WEIGHTED = {reduction = true, weight = true}

--- Mean of (input - target)^2; options {reduction = "mean", "sum" or "none"}.
--- Source: torch.nn.MSELoss.  Example: nn.MSELoss()(model(x), y):backward()
loss("MSELoss", F.mse_loss, REDUCTION)
--- Mean of |input - target|.
loss("L1Loss", F.l1_loss, REDUCTION)
--- Squared below beta (1), absolute above.  Source: Girshick 2015.
loss("SmoothL1Loss", F.smooth_l1_loss, {reduction = true, beta = true})
--- beta times SmoothL1Loss; delta (1).  Source: Huber 1964.
loss("HuberLoss", F.huber_loss, {reduction = true, delta = true})
--- Scores (N, C), (C) or (N, C, ...) against classes 1..C (or probabilities); options {weight (C), ignore_index (-100),
--- label_smoothing, reduction}. Classes count from 1: add 1 to labels 0..9.
--- Source: torch.nn.CrossEntropyLoss.  Example: nn.CrossEntropyLoss()(logits, labels)
loss("CrossEntropyLoss", F.cross_entropy,
  {reduction = true, weight = true, ignore_index = true, label_smoothing = true})
--- Log-probabilities (N, C), (C) or (N, C, ...) against classes 1..C; options {weight, ignore_index, reduction}.
loss("NLLLoss", F.nll_loss, {reduction = true, weight = true, ignore_index = true})
--- Probabilities against targets in [0, 1]; options {weight, reduction}.
loss("BCELoss", F.binary_cross_entropy, WEIGHTED)
--- Logits against targets in [0, 1], without overflow; options {weight, pos_weight, reduction}.
loss("BCEWithLogitsLoss", F.binary_cross_entropy_with_logits, {reduction = true, weight = true, pos_weight = true})
--- Log-probabilities against probabilities; options {reduction = "mean", "batchmean", "sum", "none", log_target}.
loss("KLDivLoss", F.kl_div, {reduction = true, log_target = true})

return losses
