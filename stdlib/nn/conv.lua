-- Convolution layers: Conv1d, Conv2d, ConvTranspose2d. Shape letters: N batch, C channels, H W height and width, K
-- kernel.

local arguments = require "apsis.ops.arguments"
local ap = require "apsis"
local F = require "apsis.nn.functional"
local Module = require "apsis.nn.Module"
local Parameter = require "apsis.nn.Parameter"
local init = require "apsis.nn.initializers"
local check = require "apsis.nn.check"

local conv2d = F.conv2d

local function require_divisible(layer, name, channels, groups)
  if math.type(groups) ~= "integer" then
    arguments.fail("%s: groups: expected an integer, got %s", layer, arguments.got(groups))
  end
  if groups < 1 or channels % groups ~= 0 then
    arguments.fail("%s: %s: expected a multiple of groups (%d), got %d", layer, name, groups, channels)
  end
end

-- "same", or a pair.
local function padding_of(layer, padding, knows_words)
  if type(padding) ~= "string" or not knows_words then return check.pair(layer, "padding", padding, 0) end
  if padding == "valid" then return {0, 0} end
  if padding == "same" then return padding end
  arguments.fail("%s: padding: expected integers, 'same' or 'valid', got '%s'", layer, padding)
end

local OPTIONS = {"stride", "padding", "dilation", "groups", "bias"}
local TRANSPOSED = {"stride", "padding", "output_padding", "groups", "bias", "dilation"}

-- The fields that all of them share; kernel and the others are pairs.
local function configure(self, layer, names, in_channels, out_channels, kernel_size, ...)
  local options = check.options(layer, names, ...)
  self.in_channels = check.size(layer, 1, "in_channels", in_channels)
  self.out_channels = check.size(layer, 2, "out_channels", out_channels)
  self.kernel_size = check.pair(layer, "kernel_size", kernel_size)
  self.stride = check.pair(layer, "stride", options.stride, 1)
  self.padding = padding_of(layer, options.padding, layer ~= "ConvTranspose2d")
  self.dilation = check.pair(layer, "dilation", options.dilation, 1)
  self.groups = options.groups or 1
  require_divisible(layer, "in_channels", in_channels, self.groups)
  require_divisible(layer, "out_channels", out_channels, self.groups)
  return options, check.flag(layer, options, "bias", true)
end

local function describe(self)
  local text = ("%d, %d, kernel_size=%s, stride=%s"):format(self.in_channels, self.out_channels,
    check.pair_text(self.kernel_size), check.pair_text(self.stride))
  for _, name in ipairs {"padding", "output_padding", "dilation"} do
    local pair, default = self[name], name == "dilation" and 1 or 0
    if type(pair) == "string" then
      text = text .. (", %s='%s'"):format(name, pair)
    elseif pair and (pair[1] ~= default or pair[2] ~= default) then
      text = text .. (", %s=%s"):format(name, check.pair_text(pair))
    end
  end
  if self.groups ~= 1 then text = text .. ", groups=" .. self.groups end
  return self.bias and text or text .. ", bias=false"
end

local Conv2d = Module:extend "Conv2d"

--- Cross-correlates (N, in_channels, H, W) with out_channels kernels.
---@param in_channels integer
---@param out_channels integer
---@param kernel_size integer|integer[] K, or {KH, KW}
---@param options? {stride: integer|integer[], padding: integer|integer[]|string, dilation: integer|integer[], groups:
--- integer, bias: boolean} defaults 1, 0, 1, 1, true; also by position, in this order. padding "same" keeps H and W
--- (stride 1). weight (out, in / groups, KH, KW) and bias (out) start uniform within +-1 / sqrt(fan_in).
--- Source: torch.nn.Conv2d.  Example: nn.Conv2d(1, 16, 3, {padding = 1})(ap.randn(8, 1, 28, 28)).shape --> {8, 16,
--- 28, 28}
function Conv2d:init(in_channels, out_channels, kernel_size, ...)
  local _, has_bias = configure(self, "Conv2d", OPTIONS, in_channels, out_channels, kernel_size, ...)
  local k = self.kernel_size
  self.weight = Parameter.new(ap.empty(out_channels, in_channels // self.groups, k[1], k[2]))
  if has_bias then self.bias = Parameter.new(ap.empty(out_channels)) end
  init.default_(self.weight, self.bias)
end

function Conv2d:forward(x)
  return conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
end

Conv2d.extra_repr = describe

local Conv1d = Module:extend "Conv1d"

--- Cross-correlates (N, in_channels, T) with out_channels kernels.
---@param in_channels integer
---@param out_channels integer
---@param kernel_size integer K
---@param options? {stride: integer, padding: integer|string, dilation: integer, groups: integer, bias: boolean} as
--- Conv2d's
--- Source: torch.nn.Conv1d.  Example: nn.Conv1d(4, 8, 3)(ap.randn(2, 4, 10)).shape --> {2, 8, 8}
function Conv1d:init(in_channels, out_channels, kernel_size, ...)
  local _, has_bias = configure(self, "Conv1d", OPTIONS, in_channels, out_channels, kernel_size, ...)
  self.weight = Parameter.new(ap.empty(out_channels, in_channels // self.groups, kernel_size))
  if has_bias then self.bias = Parameter.new(ap.empty(out_channels)) end
  init.default_(self.weight, self.bias)
end

function Conv1d:forward(x)
  local padding = self.padding
  return F.conv1d(x, self.weight, self.bias, self.stride[1], padding == "same" and padding or padding[1],
    self.dilation[1], self.groups)
end

Conv1d.extra_repr = describe

local ConvTranspose2d = Module:extend "ConvTranspose2d"

--- The transpose (gradient) of Conv2d: grows H and W by the stride.
---@param in_channels integer
---@param out_channels integer
---@param kernel_size integer|integer[]
---@param options? {stride: integer|integer[], padding: integer|integer[], output_padding: integer|integer[], groups:
--- integer, bias: boolean, dilation: integer|integer[]} defaults 1, 0, 0, 1, true, 1; also by position, in this order.
--- weight (in, out / groups, KH, KW).
--- Source: torch.nn.ConvTranspose2d.  Example: nn.ConvTranspose2d(8, 4, 2, {stride = 2})(ap.randn(1, 8, 7, 7)).shape
--- --> {1, 4, 14, 14}
function ConvTranspose2d:init(in_channels, out_channels, kernel_size, ...)
  local options, has_bias = configure(self, "ConvTranspose2d", TRANSPOSED, in_channels, out_channels, kernel_size, ...)
  self.output_padding = check.pair("ConvTranspose2d", "output_padding", options.output_padding, 0)
  local k = self.kernel_size
  self.weight = Parameter.new(ap.empty(in_channels, out_channels // self.groups, k[1], k[2]))
  if has_bias then self.bias = Parameter.new(ap.empty(out_channels)) end
  init.default_(self.weight, self.bias)
end

function ConvTranspose2d:forward(x)
  return F.conv_transpose2d(x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups,
    self.dilation)
end

ConvTranspose2d.extra_repr = describe

return {Conv1d = Conv1d, Conv2d = Conv2d, ConvTranspose2d = ConvTranspose2d}
