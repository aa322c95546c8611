-- Normalisation layers: BatchNorm and InstanceNorm of 1 to 3 dimensions, GroupNorm, LayerNorm, RMSNorm.

local arguments = require "apsis.ops.arguments"
local ap = require "apsis"
local F = require "apsis.nn.functional"
local Module = require "apsis.nn.Module"
local Parameter = require "apsis.nn.Parameter"
local check = require "apsis.nn.check"

-- What BatchNorm and InstanceNorm share: the options, and the statistics of each feature.
local function init_features(self, affine, track, num_features, ...)
  local layer = self:class_name()
  local options = check.options(layer, {"eps", "momentum", "affine", "track_running_stats"}, ...)
  self.num_features = check.size(layer, 1, "num_features", num_features)
  self.eps = options.eps or 1e-5
  arguments.number(layer, "eps", self.eps)
  self.momentum = options.momentum
  if self.momentum == nil then self.momentum = 0.1 end
  if self.momentum then arguments.number(layer, "momentum", self.momentum) end
  affine = check.flag(layer, options, "affine", affine)
  track = check.flag(layer, options, "track_running_stats", track)
  if affine then
    self.weight = Parameter.new(ap.ones(num_features))
    self.bias = Parameter.new(ap.zeros(num_features))
  end
  if track then
    self:register_buffer("running_mean", ap.zeros(num_features))
    self:register_buffer("running_var", ap.ones(num_features))
    self:register_buffer("num_batches_tracked", ap.zeros({}, {dtype = "i64"}))
  end
end

local function check_input(self, x)
  if not ap.is_tensor(x) or self.ndims[x.ndim] == nil then
    arguments.fail("%s: expected %s, got %s", self:class_name(), self.expected,
      ap.is_tensor(x) and ("%d dimensions"):format(x.ndim) or type(x))
  end
  if x:size(2) ~= self.num_features then
    arguments.fail("%s: expected %d channels, got %s", self:class_name(), self.num_features,
      arguments.shape(x))
  end
end

-- How far the running statistics move in this call; momentum false: they become the mean of all batches.
local function next_momentum(self)
  if not self.num_batches_tracked then return self.momentum or 0 end
  self.num_batches_tracked:add_(1)
  return self.momentum or 1 / self.num_batches_tracked:item()
end

local function features_repr(self)
  return ("%d, eps=%g, momentum=%s, affine=%s, track_running_stats=%s"):format(self.num_features, self.eps,
    self.momentum and ("%g"):format(self.momentum) or "false", self.weight ~= nil, self.running_mean ~= nil)
end

local BatchNorm = Module:extend "BatchNorm"

function BatchNorm:init(...) init_features(self, true, true, ...) end

function BatchNorm:forward(x)
  check_input(self, x)
  local momentum = self.training and next_momentum(self) or nil
  return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias,
    self.training or self.running_mean == nil, momentum, self.eps)
end

BatchNorm.extra_repr = features_repr

--- Normalises each of C features of (N, C) or (N, C, T) over the batch (training) or by the running statistics (eval).
---@param num_features integer C
---@param options? {eps: number, momentum: number|false, affine: boolean, track_running_stats: boolean} 1e-5, 0.1, true,
---       true; momentum = false: the running statistics are the mean of all batches (PyTorch's momentum=None)
--- Source: Ioffe, Szegedy 2015; torch.nn.BatchNorm1d.  Example: nn.BatchNorm1d(50)
local BatchNorm1d = BatchNorm:extend "BatchNorm1d"
BatchNorm1d.ndims, BatchNorm1d.expected = {[2] = true, [3] = true}, "(N, C) or (N, C, T)"

--- The same for images (N, C, H, W).
---@param num_features integer C
---@param options? {eps: number, momentum: number|false, affine: boolean, track_running_stats: boolean} as above
--- Source: torch.nn.BatchNorm2d.  Example: nn.BatchNorm2d(16)
local BatchNorm2d = BatchNorm:extend "BatchNorm2d"
BatchNorm2d.ndims, BatchNorm2d.expected = {[4] = true}, "(N, C, H, W)"

--- The same for volumes (N, C, D, H, W).
---@param num_features integer C
---@param options? {eps: number, momentum: number|false, affine: boolean, track_running_stats: boolean} as above
--- Source: torch.nn.BatchNorm3d.  Example: nn.BatchNorm3d(16)
local BatchNorm3d = BatchNorm:extend "BatchNorm3d"
BatchNorm3d.ndims, BatchNorm3d.expected = {[5] = true}, "(N, C, D, H, W)"

local InstanceNorm = Module:extend "InstanceNorm"

function InstanceNorm:init(...) init_features(self, false, false, ...) end

function InstanceNorm:forward(x)
  check_input(self, x)
  local momentum = self.training and next_momentum(self) or nil
  return F.instance_norm(x, self.running_mean, self.running_var, self.weight, self.bias,
    self.training or self.running_mean == nil, momentum, self.eps)
end

InstanceNorm.extra_repr = features_repr

--- Normalises each channel of each sample of (N, C, T) on its own.
---@param num_features integer C
---@param options? {eps: number, momentum: number|false, affine: boolean, track_running_stats: boolean} 1e-5, 0.1,
---       false, false
--- Source: Ulyanov, Vedaldi, Lempitsky 2016; torch.nn.InstanceNorm1d.  Example: nn.InstanceNorm1d(8)
local InstanceNorm1d = InstanceNorm:extend "InstanceNorm1d"
InstanceNorm1d.ndims, InstanceNorm1d.expected = {[3] = true}, "(N, C, T)"

--- The same for images (N, C, H, W).
---@param num_features integer C
---@param options? {eps: number, momentum: number|false, affine: boolean, track_running_stats: boolean} as above
--- Source: torch.nn.InstanceNorm2d.  Example: nn.InstanceNorm2d(8)
local InstanceNorm2d = InstanceNorm:extend "InstanceNorm2d"
InstanceNorm2d.ndims, InstanceNorm2d.expected = {[4] = true}, "(N, C, H, W)"

--- The same for volumes (N, C, D, H, W).
---@param num_features integer C
---@param options? {eps: number, momentum: number|false, affine: boolean, track_running_stats: boolean} as above
--- Source: torch.nn.InstanceNorm3d.  Example: nn.InstanceNorm3d(8)
local InstanceNorm3d = InstanceNorm:extend "InstanceNorm3d"
InstanceNorm3d.ndims, InstanceNorm3d.expected = {[5] = true}, "(N, C, D, H, W)"

local GroupNorm = Module:extend "GroupNorm"

--- Normalises the C channels of each sample of (N, C, ...) in groups of neighbours.
---@param num_groups integer divides C
---@param num_channels integer C
---@param options? {eps: number, affine: boolean} 1e-5, true
--- Source: Wu, He 2018; torch.nn.GroupNorm.  Example: nn.GroupNorm(4, 16)
function GroupNorm:init(num_groups, num_channels, ...)
  local options = check.options("GroupNorm", {"eps", "affine"}, ...)
  self.num_groups = check.size("GroupNorm", 1, "num_groups", num_groups)
  self.num_channels = check.size("GroupNorm", 2, "num_channels", num_channels)
  if num_groups == 0 or num_channels % num_groups ~= 0 then
    arguments.fail("GroupNorm: num_channels: expected a multiple of num_groups (%d), got %d", num_groups,
      num_channels)
  end
  self.eps = options.eps or 1e-5
  arguments.number("GroupNorm", "eps", self.eps)
  if check.flag("GroupNorm", options, "affine", true) then
    self.weight = Parameter.new(ap.ones(num_channels))
    self.bias = Parameter.new(ap.zeros(num_channels))
  end
end

function GroupNorm:forward(x) return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps) end

function GroupNorm:extra_repr()
  return ("%d, %d, eps=%g, affine=%s"):format(self.num_groups, self.num_channels, self.eps, self.weight ~= nil)
end

-- normalized_shape as a table of sizes.
local function sizes(layer, normalized_shape)
  if type(normalized_shape) == "number" then normalized_shape = {normalized_shape} end
  if type(normalized_shape) ~= "table" then
    arguments.fail("%s: argument 1 (normalized_shape): expected an integer or a table, got %s", layer,
      type(normalized_shape))
  end
  return normalized_shape
end

local RMSNorm = Module:extend "RMSNorm"

--- Divides by the root mean square over the last dimensions, which have the sizes normalized_shape.
---@param normalized_shape integer|integer[]
---@param options? {eps: number, elementwise_affine: boolean} that of the dtype, true
--- Source: Zhang, Sennrich 2019; torch.nn.RMSNorm.  Example: nn.RMSNorm(64)(ap.randn(2, 10, 64))
function RMSNorm:init(normalized_shape, ...)
  local options = check.options("RMSNorm", {"eps", "elementwise_affine"}, ...)
  self.normalized_shape = sizes("RMSNorm", normalized_shape)
  self.eps = options.eps
  arguments.number("RMSNorm", "eps", self.eps, true)
  if check.flag("RMSNorm", options, "elementwise_affine", true) then
    self.weight = Parameter.new(ap.ones(self.normalized_shape))
  end
end

function RMSNorm:forward(x) return F.rms_norm(x, self.normalized_shape, self.weight, self.eps) end

function RMSNorm:extra_repr()
  return ("(%s), eps=%s, elementwise_affine=%s"):format(table.concat(self.normalized_shape, ", "),
    self.eps and ("%g"):format(self.eps) or "nil", self.weight ~= nil)
end

local LayerNorm = Module:extend "LayerNorm"

--- Normalises over the last dimensions, which have the sizes normalized_shape.
---@param normalized_shape integer|integer[]
---@param options? {eps: number, elementwise_affine: boolean, bias: boolean} 1e-5, true, true
--- Source: Ba, Kiros, Hinton 2016; torch.nn.LayerNorm.  Example: nn.LayerNorm(64)(ap.randn(2, 10, 64))
function LayerNorm:init(normalized_shape, ...)
  local options = check.options("LayerNorm", {"eps", "elementwise_affine", "bias"}, ...)
  self.normalized_shape = sizes("LayerNorm", normalized_shape)
  self.eps = options.eps or 1e-5
  arguments.number("LayerNorm", "eps", self.eps)
  local has_bias = check.flag("LayerNorm", options, "bias", true)
  if check.flag("LayerNorm", options, "elementwise_affine", true) then
    self.weight = Parameter.new(ap.ones(self.normalized_shape))
    if has_bias then self.bias = Parameter.new(ap.zeros(self.normalized_shape)) end
  end
end

function LayerNorm:forward(x)
  return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
end

function LayerNorm:extra_repr()
  return ("(%s), eps=%g, elementwise_affine=%s"):format(table.concat(self.normalized_shape, ", "), self.eps,
    self.weight ~= nil)
end

return {
  BatchNorm1d = BatchNorm1d, BatchNorm2d = BatchNorm2d, BatchNorm3d = BatchNorm3d,
  InstanceNorm1d = InstanceNorm1d, InstanceNorm2d = InstanceNorm2d, InstanceNorm3d = InstanceNorm3d,
  GroupNorm = GroupNorm, LayerNorm = LayerNorm, RMSNorm = RMSNorm,
}
