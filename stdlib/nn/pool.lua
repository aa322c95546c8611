-- Pooling layers over (N, C, H, W): MaxPool2d, AvgPool2d, AdaptiveAvgPool2d.

local F = require "apsis.nn.functional"
local Module = require "apsis.nn.Module"
local check = require "apsis.nn.check"

local function configure(self, layer, names, kernel_size, ...)
  local options = check.options(layer, names, ...)
  self.kernel_size = check.pair(layer, "kernel_size", kernel_size)
  self.stride = check.pair(layer, "stride", options.stride, self.kernel_size)
  self.padding = check.pair(layer, "padding", options.padding, 0)
  self.ceil_mode = check.flag(layer, options, "ceil_mode", false)
  return options
end

local function describe(self)
  return ("kernel_size=%s, stride=%s, padding=%s"):format(check.pair_text(self.kernel_size),
    check.pair_text(self.stride), check.pair_text(self.padding))
end

local MaxPool2d = Module:extend "MaxPool2d"

--- The largest element of each window.
---@param kernel_size integer|integer[]
---@param options? {stride: integer|integer[], padding: integer|integer[], dilation: integer|integer[],
--- return_indices: boolean, ceil_mode: boolean} stride defaults to kernel_size; also by position, in this order. With
--- return_indices the places of the elements in the image come second, as of F.max_pool2d.
--- Source: torch.nn.MaxPool2d.  Example: nn.MaxPool2d(2)(ap.randn(1, 8, 28, 28)).shape --> {1, 8, 14, 14}
function MaxPool2d:init(kernel_size, ...)
  local options = configure(self, "MaxPool2d", {"stride", "padding", "dilation", "return_indices", "ceil_mode"},
    kernel_size, ...)
  self.return_indices = check.flag("MaxPool2d", options, "return_indices", false)
  self.dilation = check.pair("MaxPool2d", "dilation", options.dilation, 1)
end

local max_pool2d = F.max_pool2d

function MaxPool2d:forward(x)
  return max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
    self.return_indices)
end

MaxPool2d.extra_repr = describe

local AvgPool2d = Module:extend "AvgPool2d"

--- The mean of each window.
---@param kernel_size integer|integer[]
---@param options? {stride: integer|integer[], padding: integer|integer[], ceil_mode: boolean, count_include_pad:
--- boolean} stride defaults to kernel_size, count_include_pad to true; also by position, in this order
--- Source: torch.nn.AvgPool2d.  Example: nn.AvgPool2d(2)(ap.randn(1, 8, 28, 28)).shape --> {1, 8, 14, 14}
function AvgPool2d:init(kernel_size, ...)
  local options = configure(self, "AvgPool2d", {"stride", "padding", "ceil_mode", "count_include_pad"}, kernel_size,
    ...)
  self.count_include_pad = check.flag("AvgPool2d", options, "count_include_pad", true)
end

function AvgPool2d:forward(x)
  return F.avg_pool2d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)
end

AvgPool2d.extra_repr = describe

local AdaptiveAvgPool2d = Module:extend "AdaptiveAvgPool2d"

--- Means over a grid of output_size cells, whatever the size of the input.
---@param output_size integer|integer[]
--- Source: torch.nn.AdaptiveAvgPool2d.  Example: nn.AdaptiveAvgPool2d(1)(ap.randn(2, 8, 7, 5)).shape --> {2, 8, 1, 1}
function AdaptiveAvgPool2d:init(output_size)
  self.output_size = check.pair("AdaptiveAvgPool2d", "output_size", output_size)
end

function AdaptiveAvgPool2d:forward(x)
  return F.adaptive_avg_pool2d(x, self.output_size)
end

function AdaptiveAvgPool2d:extra_repr()
  return "output_size=" .. check.pair_text(self.output_size)
end

return {MaxPool2d = MaxPool2d, AvgPool2d = AvgPool2d, AdaptiveAvgPool2d = AdaptiveAvgPool2d}
