-- Normalisation layers: BatchNorm1d, BatchNorm2d, LayerNorm.

local ap = require "apsis"
local F = require "apsis.nn.functional"
local Module = require "apsis.nn.Module"
local Parameter = require "apsis.nn.Parameter"
local check = require "apsis.nn.check"

local BatchNorm = Module:extend "BatchNorm"

function BatchNorm:init(num_features, options)
  options = options or {}
  if type(options) ~= "table" then
    error(self:class_name() .. ": argument 2 (options): expected a table, got " .. type(options), 3)
  end
  self.num_features = check.size(self:class_name(), 1, "num_features", num_features)
  self.eps = options.eps or 1e-5
  self.momentum = options.momentum or 0.1
  if options.affine ~= false then
    self.weight = Parameter.new(ap.ones(num_features))
    self.bias = Parameter.new(ap.zeros(num_features))
  end
  if options.track_running_stats ~= false then
    self:register_buffer("running_mean", ap.zeros(num_features))
    self:register_buffer("running_var", ap.ones(num_features))
    self:register_buffer("num_batches_tracked", ap.zeros({}, {dtype = "i64"}))
  end
end

function BatchNorm:forward(x)
  if self.ndims[x.ndim] == nil then
    error(("%s: expected %s, got %d dimensions"):format(self:class_name(), self.expected, x.ndim), 3)
  end
  local use_batch = self.training or self.running_mean == nil
  if self.training and self.num_batches_tracked then self.num_batches_tracked:add_(1) end
  return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, use_batch, self.momentum,
    self.eps)
end

function BatchNorm:extra_repr()
  return ("%d, eps=%g, momentum=%g, affine=%s, track_running_stats=%s"):format(self.num_features, self.eps,
    self.momentum, self.weight ~= nil, self.running_mean ~= nil)
end

--- Normalises each of C features of (N, C) or (N, C, T) over the batch (training) or by the running statistics (eval).
---@param num_features integer C
---@param options? {eps: number, momentum: number, affine: boolean, track_running_stats: boolean} 1e-5, 0.1, true, true
--- Source: Ioffe, Szegedy 2015; torch.nn.BatchNorm1d.  Example: nn.BatchNorm1d(50)
local BatchNorm1d = BatchNorm:extend "BatchNorm1d"
BatchNorm1d.ndims, BatchNorm1d.expected = {[2] = true, [3] = true}, "(N, C) or (N, C, T)"

--- Normalises each of C channels of (N, C, H, W) over the batch (training) or by the running statistics (eval).
---@param num_features integer C
---@param options? {eps: number, momentum: number, affine: boolean, track_running_stats: boolean} 1e-5, 0.1, true, true
--- Source: Ioffe, Szegedy 2015; torch.nn.BatchNorm2d.  Example: nn.BatchNorm2d(16)
local BatchNorm2d = BatchNorm:extend "BatchNorm2d"
BatchNorm2d.ndims, BatchNorm2d.expected = {[4] = true}, "(N, C, H, W)"

local LayerNorm = Module:extend "LayerNorm"

--- Normalises over the last dimensions, which have the sizes normalized_shape.
---@param normalized_shape integer|integer[]
---@param options? {eps: number, elementwise_affine: boolean, bias: boolean} 1e-5, true, true
--- Source: Ba, Kiros, Hinton 2016; torch.nn.LayerNorm.  Example: nn.LayerNorm(64)(ap.randn(2, 10, 64))
function LayerNorm:init(normalized_shape, options)
  options = options or {}
  if type(normalized_shape) == "number" then normalized_shape = {normalized_shape} end
  if type(normalized_shape) ~= "table" then
    error("LayerNorm: argument 1 (normalized_shape): expected an integer or a table, got " .. type(normalized_shape), 3)
  end
  self.normalized_shape = normalized_shape
  self.eps = options.eps or 1e-5
  if options.elementwise_affine ~= false then
    self.weight = Parameter.new(ap.ones(normalized_shape))
    if options.bias ~= false then self.bias = Parameter.new(ap.zeros(normalized_shape)) end
  end
end

function LayerNorm:forward(x)
  return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
end

function LayerNorm:extra_repr()
  return ("(%s), eps=%g, elementwise_affine=%s"):format(table.concat(self.normalized_shape, ", "), self.eps,
    self.weight ~= nil)
end

return {BatchNorm1d = BatchNorm1d, BatchNorm2d = BatchNorm2d, LayerNorm = LayerNorm}
