-- Layers that are a function with settings: pools, padding, resizing, dropout of channels, shuffles, distances.

local arguments = require "apsis.ops.arguments"
local F = require "apsis.nn.functional"
local Module = require "apsis.nn.Module"
local check = require "apsis.nn.check"

local layers = {}

-- A module that calls f(x, setting...). names: of the settings, in f's order; the constructor takes them by position or
-- by name. required: the first of them must be given.
local function layer(name, f, names, required)
  local Layer = Module:extend(name)

  function Layer:init(...)
    self.settings = {arguments.named(name, names, ...)}
    self.count = #names
    if required and self.settings[1] == nil then arguments.fail("%s: %s: a value is missing", name, names[1]) end
  end

  function Layer:forward(x) return f(x, table.unpack(self.settings, 1, self.count)) end

  function Layer:extra_repr()
    local parts = {}
    for i, key in ipairs(names) do
      local value = self.settings[i]
      if type(value) == "table" then value = "{" .. table.concat(value, ", ") .. "}" end
      if value ~= nil then parts[#parts + 1] = ("%s=%s"):format(key, value) end
    end
    return table.concat(parts, ", ")
  end
  layers[name] = Layer
end

local function dropout(name, f)
  layer(name, f, {"p"})
  local Dropout = layers[name]
  local init = Dropout.init
  function Dropout:init(...)
    init(self, ...)
    self.settings[1] = check.probability(name, "p", self.settings[1] or 0.5)
  end
  function Dropout:forward(x) return self.training and f(x, self.settings[1], true) or x end
end

local MAX = {"kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"}
local AVERAGE = {"kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"}

--- The largest element of each window of (N, C, T); settings kernel_size, stride (kernel_size), padding (0), dilation
--- (1), ceil_mode, return_indices.  Source: torch.nn.MaxPool1d.  Example: nn.MaxPool1d(2)(ap.ones(1, 3, 8)).shape -->
--- {1, 3, 4}
layer("MaxPool1d", F.max_pool1d, MAX, true)
--- The same of volumes (N, C, D, H, W).  Source: torch.nn.MaxPool3d.
layer("MaxPool3d", F.max_pool3d, MAX, true)
--- The mean of each window of (N, C, T); settings kernel_size, stride (kernel_size), padding (0), ceil_mode,
--- count_include_pad (true).  Source: torch.nn.AvgPool1d.  Example: nn.AvgPool1d(2)(ap.ones(1, 3, 8)).shape -->
--- {1, 3, 4}
layer("AvgPool1d", F.avg_pool1d, AVERAGE, true)
--- The same of volumes (N, C, D, H, W).  Source: torch.nn.AvgPool3d.
layer("AvgPool3d", F.avg_pool3d, AVERAGE, true)
--- Means over output_size windows of (N, C, T).  Source: torch.nn.AdaptiveAvgPool1d.
layer("AdaptiveAvgPool1d", F.adaptive_avg_pool1d, {"output_size"}, true)
--- The same of volumes (N, C, D, H, W).  Source: torch.nn.AdaptiveAvgPool3d.
layer("AdaptiveAvgPool3d", F.adaptive_avg_pool3d, {"output_size"}, true)
--- The largest of output_size windows of (N, C, T); return_indices gives their places too.
--- Source: torch.nn.AdaptiveMaxPool1d.
layer("AdaptiveMaxPool1d", F.adaptive_max_pool1d, {"output_size", "return_indices"}, true)
--- The same of images (N, C, H, W).  Source: torch.nn.AdaptiveMaxPool2d.
layer("AdaptiveMaxPool2d", F.adaptive_max_pool2d, {"output_size", "return_indices"}, true)
--- In another size: settings size or scale_factor, mode ("nearest", "linear", "bilinear"), align_corners.
--- Source: torch.nn.Upsample.  Example: nn.Upsample{scale_factor = 2}(ap.ones(1, 1, 2, 2)).shape --> {1, 1, 4, 4}
layer("Upsample", F.interpolate, {"size", "scale_factor", "mode", "align_corners"})
--- (N, C r r, H, W) to (N, C, H r, W r).  Source: Shi et al. 2016; torch.nn.PixelShuffle.
--- Example: nn.PixelShuffle(2)(ap.ones(1, 8, 3, 3)).shape --> {1, 2, 6, 6}
layer("PixelShuffle", F.pixel_shuffle, {"upscale_factor"}, true)
--- The inverse of PixelShuffle.  Source: torch.nn.PixelUnshuffle.
layer("PixelUnshuffle", F.pixel_unshuffle, {"downscale_factor"}, true)
--- The cosine of the angle between two tensors along dim (2).  Source: torch.nn.CosineSimilarity.
layer("CosineSimilarity", F.cosine_similarity, {"dim", "eps"})
--- The distance of two tensors along the last dimension; settings p (2), eps (1e-6), keepdim.
--- Source: torch.nn.PairwiseDistance.
layer("PairwiseDistance", F.pairwise_distance, {"p", "eps", "keepdim"})

for name, f in pairs {CosineSimilarity = F.cosine_similarity, PairwiseDistance = F.pairwise_distance} do
  layers[name].forward = function(self, a, b) return f(a, b, table.unpack(self.settings, 1, self.count)) end
end

-- F.pad of the last n dimensions; one number stands for all sides.
local function padding(n, mode)
  return function(x, widths, value)
    if type(widths) == "number" then
      local width = widths
      widths = {}
      for i = 1, 2 * n do widths[i] = width end
    end
    return F.pad(x, widths, mode, value)
  end
end

--- A border of zeros around images: padding on all sides, or {left, right, top, bottom}.  Source: torch.nn.ZeroPad2d.
--- Example: nn.ZeroPad2d(1)(ap.ones(1, 1, 2, 2)).shape --> {1, 1, 4, 4}
layer("ZeroPad2d", padding(2, "constant"), {"padding"}, true)
--- A border of a value around sequences; settings padding and value.  Source: torch.nn.ConstantPad1d.
layer("ConstantPad1d", padding(1, "constant"), {"padding", "value"}, true)
--- A border of a value around images; settings padding and value.  Source: torch.nn.ConstantPad2d.
layer("ConstantPad2d", padding(2, "constant"), {"padding", "value"}, true)
--- A border that mirrors sequences.  Source: torch.nn.ReflectionPad1d.
layer("ReflectionPad1d", padding(1, "reflect"), {"padding"}, true)
--- A border that mirrors images.  Source: torch.nn.ReflectionPad2d.
layer("ReflectionPad2d", padding(2, "reflect"), {"padding"}, true)
--- A border that repeats the outermost elements of sequences.  Source: torch.nn.ReplicationPad1d.
layer("ReplicationPad1d", padding(1, "replicate"), {"padding"}, true)
--- A border that repeats the outermost elements of images.  Source: torch.nn.ReplicationPad2d.
layer("ReplicationPad2d", padding(2, "replicate"), {"padding"}, true)
--- A border of what is at the other end of images.  Source: torch.nn.CircularPad2d.
layer("CircularPad2d", padding(2, "circular"), {"padding"}, true)

--- In training whole channels of (N, C, T) are zero with probability p (0.5).  Source: torch.nn.Dropout1d.
dropout("Dropout1d", F.dropout1d)
--- In training whole channels of (N, C, H, W) are zero with probability p (0.5).  Source: Tompson et al. 2015;
--- torch.nn.Dropout2d.
dropout("Dropout2d", F.dropout2d)
--- In training elements are set to SELU's lowest value with probability p (0.5), mean and variance kept.
--- Source: Klambauer et al. 2017; torch.nn.AlphaDropout.
dropout("AlphaDropout", F.alpha_dropout)

return layers
