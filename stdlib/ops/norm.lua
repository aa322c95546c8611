--- softmax and the normalisations: their documentation and gradients.
--- The gradients are fused kernels. While they are themselves recorded (create_graph) the same formulas run on
--- differentiable ops instead, so that derivatives of any order exist.
local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local rule, rule_joint, define = core.rule, core.rule_joint, core.define
local recording = core.is_grad_enabled

--- softmax: exp(x) / sum(exp(x)) along dim, without overflow. A row of -inf alone gives nan, as in PyTorch.
---@param x Tensor any shape, floating
---@param dim integer
---@param dtype? string convert x first
---@return Tensor same shape, in [0, 1]
--- Source: torch.softmax.  Example: ap.tensor{0.0, 0.0}:softmax(1) --> [0.5, 0.5]
rule("softmax", "y", function(g, y, _, dim)
  if recording() then return y * (g - (g * y):sum(dim, true)) end
  return core.softmax_grad(g, y, dim)
end)

--- log_softmax: the logarithm of softmax along dim, exact where softmax itself would round to zero.
---@param x Tensor any shape, floating
---@param dim integer
---@param dtype? string convert x first
---@return Tensor same shape, at most 0
--- Source: torch.log_softmax.  Example: ap.tensor{0.0, 0.0}:log_softmax(1) --> [-0.6931, -0.6931]
rule("log_softmax", "y", function(g, y, _, dim)
  if recording() then return g - y:exp() * g:sum(dim, true) end
  return core.log_softmax_grad(g, y, dim)
end)

-- x normalised over dims, and the factor that did it: about its mean, or by its root mean square.
local function normalised(x, dims, eps, centre)
  if not centre then
    local scale = ((x * x):mean(dims, true) + eps):rsqrt()
    return x * scale, scale
  end
  local var, mean = x:var_mean(dims, 0, true)
  local scale = (var + eps):rsqrt()
  return (x - mean) * scale, scale
end

-- The gradient of x from h, that of x_hat.
local function through(h, x_hat, scale, dims, centre)
  local g = h - x_hat * (h * x_hat):mean(dims, true)
  if centre then g = g - h:mean(dims, true) end
  return g * scale
end

-- The last dimensions of x, as many as normalized_shape has; and those before them.
local function split_dims(x, normalized_shape)
  local lead = x.ndim - (type(normalized_shape) == "table" and #normalized_shape or 1)
  local first, last = {}, {}
  for d = 1, x.ndim do table.insert(d <= lead and first or last, d) end
  return first, last
end

-- t summed over dims; sum takes an empty table for none, as it should, but costs a copy.
local function summed(t, dims)
  return #dims > 0 and t:sum(dims) or t
end

local function default_eps(x) return x.dtype == "f64" and 2.0 ^ -52 or 2.0 ^ -23 end

local function row_gradient(needs, g, x, shape, weight, eps, centre, position)
  local lead, last = split_dims(x, shape)
  local x_hat, scale = normalised(x, last, eps or centre and 1e-5 or default_eps(x), centre)
  return through(weight and g * weight or g, x_hat, scale, last, centre), nil,
    needs[3] and summed(g * x_hat, lead), needs[position] and summed(g, lead)
end

--- layer_norm: (x - mean) / sqrt(var + eps) over the last dimensions, then * weight + bias.
---@param x Tensor (*, normalized_shape), floating
---@param normalized_shape integer|integer[] the sizes of the last dimensions
---@param weight? Tensor normalized_shape
---@param bias? Tensor normalized_shape
---@param eps? number default 1e-5
---@return Tensor same shape
--- Errors: the last sizes of x differ from normalized_shape.
--- Source: Ba, Kiros, Hinton 2016; torch.nn.functional.layer_norm.  Example: F.layer_norm(ap.randn(2, 8), 8)
rule_joint("layer_norm", "13", function(needs, g, _, x, shape, weight, _, eps)
  if recording() then return row_gradient(needs, g, x, shape, weight, eps, true, 4) end
  local gx, gw, gb = core.layer_norm_grad(g, x, shape, weight, eps, needs[3], needs[4])
  return gx, nil, gw, gb
end)

--- rms_norm: x / sqrt(mean(x^2) + eps) over the last dimensions, then * weight.
---@param x Tensor (*, normalized_shape), floating
---@param normalized_shape integer|integer[] the sizes of the last dimensions
---@param weight? Tensor normalized_shape
---@param eps? number default: that of the dtype
---@return Tensor same shape
--- Source: Zhang, Sennrich 2019; torch.nn.functional.rms_norm.  Example: F.rms_norm(ap.randn(2, 8), 8)
rule_joint("rms_norm", "13", function(needs, g, _, x, shape, weight, eps)
  if recording() then return row_gradient(needs, g, x, shape, weight, eps, false, -1) end
  local gx, gw = core.rms_norm_grad(g, x, shape, weight, eps, needs[3])
  return gx, nil, gw
end)

-- A tensor (C) so that it broadcasts with x (N, C, ...).
local function by_channel(t, x)
  local size = {1, -1}
  for d = 3, x.ndim do size[d] = 1 end
  return t:reshape(size)
end

-- All dimensions of x but that of channels.
local function but_channels(x)
  local dims = {1}
  for d = 3, x.ndim do dims[d - 1] = d end
  return dims
end

--- batch_norm_train: batch_norm by the statistics of the batch; running statistics are updated in place.
---@param x Tensor (N, C, ...), floating
---@param weight? Tensor (C)
---@param bias? Tensor (C)
---@param running_mean? Tensor (C)
---@param running_var? Tensor (C)
---@param momentum? number default 0.1
---@param eps? number default 1e-5
---@return Tensor same shape
rule_joint("batch_norm_train", "12", function(needs, g, _, x, weight, _, _, _, _, eps)
  if recording() then
    local dims = but_channels(x)
    local x_hat, scale = normalised(x, dims, eps or 1e-5, true)
    local h = weight and g * by_channel(weight, x) or g
    return through(h, x_hat, scale, dims, true), needs[2] and (g * x_hat):sum(dims), needs[3] and g:sum(dims)
  end
  return core.batch_norm_train_grad(g, x, weight, eps, needs[2], needs[3])
end)

--- batch_norm_eval: batch_norm by given statistics.
---@param x Tensor (N, C, ...), floating
---@param mean Tensor (C)
---@param var Tensor (C)
---@param weight? Tensor (C)
---@param bias? Tensor (C)
---@param eps? number default 1e-5
---@return Tensor same shape
rule_joint("batch_norm_eval", "1234", function(needs, g, _, x, mean, var, weight, _, eps)
  local dims = but_channels(x)
  local scale = (var + (eps or 1e-5)):rsqrt():to(x.dtype)
  local slope = weight and scale * weight or scale
  local sum = (needs[2] or needs[5]) and g:sum(dims)
  local product = (needs[3] or needs[4]) and (g * (x - by_channel(mean, x))):sum(dims)
  return g * by_channel(slope, x), needs[2] and -sum * slope,
    needs[3] and product * slope * scale * scale * -0.5, needs[4] and product * scale, needs[5] and sum
end)

--- batch_norm: (x - mean) / sqrt(var + eps) of each channel, then * weight + bias. In training the statistics are
--- the batch's, and the running ones move towards them in place, the variance unbiased; else the running ones count.
---@param x Tensor (N, C, ...), floating
---@param running_mean? Tensor (C) may be nil in training
---@param running_var? Tensor (C) may be nil in training
---@param weight? Tensor (C)
---@param bias? Tensor (C)
---@param training? boolean default false
---@param momentum? number how far the running statistics move, default 0.1
---@param eps? number default 1e-5
---@return Tensor same shape
--- Errors: one value a channel in training; no running statistics outside it.
--- Source: Ioffe, Szegedy 2015; torch.nn.functional.batch_norm.
define("batch_norm", function(x, running_mean, running_var, weight, bias, training, momentum, eps)
  if training then return core.batch_norm_train(x, weight, bias, running_mean, running_var, momentum, eps) end
  if running_mean == nil or running_var == nil then
    arguments.fail("batch_norm: expected running_mean and running_var outside training, got nil")
  end
  return core.batch_norm_eval(x, running_mean, running_var, weight, bias, eps)
end)

--- group_norm: the C channels of each sample in groups of neighbours, each group normalised on its own.
---@param x Tensor (N, C, ...), floating
---@param num_groups integer divides C
---@param weight? Tensor (C)
---@param bias? Tensor (C)
---@param eps? number default 1e-5
---@return Tensor same shape
--- Source: Wu, He 2018; torch.nn.functional.group_norm.  Example: F.group_norm(ap.randn(2, 6, 5, 5), 3)
rule_joint("group_norm", "13", function(needs, g, _, x, groups, weight, _, eps)
  if not recording() then
    local gx, gw, gb = core.group_norm_grad(g, x, groups, weight, eps, needs[3], needs[4])
    return gx, nil, gw, gb
  end
  local dims, grouped = but_channels(x), {x:size(1), groups, -1}
  local x_hat, scale = normalised(x:reshape(grouped), {3}, eps or 1e-5, true)
  local h = weight and g * by_channel(weight, x) or g
  return through(h:reshape(grouped), x_hat, scale, {3}, true):reshape(x:size()), nil,
    needs[3] and (g * x_hat:reshape(x:size())):sum(dims), needs[4] and g:sum(dims)
end)

-- Moves the running statistics by those of the samples' channels, averaged over the samples.
local function update_running(x, running_mean, running_var, momentum)
  local flat = x:reshape(x:size(1), x:size(2), -1)
  local var, mean = flat:var_mean(3)
  running_mean:mul_(1 - momentum):add_(mean:mean(1):to(running_mean.dtype), momentum)
  running_var:mul_(1 - momentum):add_(var:mean(1):to(running_var.dtype), momentum)
end

--- instance_norm: each channel of each sample normalised on its own.
---@param x Tensor (N, C, ...), floating
---@param running_mean? Tensor (C)
---@param running_var? Tensor (C)
---@param weight? Tensor (C)
---@param bias? Tensor (C)
---@param use_input_stats? boolean default true; false: the running statistics count
---@param momentum? number default 0.1
---@param eps? number default 1e-5
---@return Tensor same shape
--- Source: Ulyanov, Vedaldi, Lempitsky 2016; torch.nn.functional.instance_norm.
define("instance_norm", function(x, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)
  if not core.is_tensor(x) or x.ndim < 3 then
    arguments.fail("instance_norm: expected an input of shape (N, C, ...) with positions, got %s", arguments.got(x))
  end
  if use_input_stats == false then
    return core.batch_norm(x, running_mean, running_var, weight, bias, false, momentum, eps)
  end
  arguments.number("instance_norm", "momentum", momentum, true)
  if running_mean and running_var then
    if not (core.is_tensor(running_mean) and core.is_tensor(running_var)) then
      arguments.fail("instance_norm: expected running_mean and running_var as tensors, got %s and %s",
      arguments.got(running_mean), arguments.got(running_var))
    end
    local channels = x:size(2)
    if not (running_mean:is_floating_point() and running_var:is_floating_point()) then
      arguments.fail("instance_norm: expected floating running_mean and running_var, got %s and %s", running_mean.dtype,
        running_var.dtype)
    end
    for _, t in ipairs {running_mean, running_var} do
      if t.ndim ~= 1 or t:numel() ~= channels then
        arguments.fail("instance_norm: expected running_mean and running_var of shape (%d), got %s and %s", channels,
          arguments.shape(running_mean), arguments.shape(running_var))
      end
      if channels > 1 and t:stride(1) == 0 then
        arguments.fail("instance_norm: elements of running_mean or running_var share memory (it was expanded)")
      end
    end
  end
  local y = core.group_norm(x, x:size(2), weight, bias, eps)
  if running_mean and running_var then
    core.no_grad(update_running, x, running_mean, running_var, momentum or 0.1)
  end
  return y
end)
