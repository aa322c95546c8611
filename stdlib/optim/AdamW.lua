-- optim.AdamW: Adam with the weight decay taken from the parameter, not mixed into the gradient.

local Adam = require "apsis.optim.Adam"

--- optim.AdamW(params, options): as Adam, but p = p - lr weight_decay p first; weight_decay defaults to 0.01.
---@param params Tensor[]|table[]
---@param options? table fields as Adam's
--- Source: Loshchilov, Hutter 2019; torch.optim.AdamW.  Example: optim.AdamW(model:parameters(), {lr = 3e-4,
--- weight_decay = 0.1})
local AdamW = Adam:extend "AdamW"

AdamW.decoupled_weight_decay = true
AdamW.DEFAULTS = {lr = 1e-3, betas = {0.9, 0.999}, eps = 1e-8, weight_decay = 0.01, amsgrad = false, maximize = false}

return AdamW
