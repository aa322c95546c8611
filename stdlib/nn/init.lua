-- apsis.nn: layers, losses and their parts. Each class is loaded at its first use, so that require "apsis.nn" is cheap.
--
--   local nn = require "apsis.nn"
--   local model = nn.Sequential(nn.Linear(10, 50), nn.ReLU(), nn.Linear(50, 10))
--   local loss = nn.MSELoss()(model(x), y)

-- Where each name lives, by file. A file named like its only class returns the class; the others return a table of
-- them.
local HOME = {
  Module = "Module", Sequential = "Sequential", ModuleList = "ModuleList",
  Linear = "Linear", Embedding = "Embedding", Dropout = "Dropout",
  Conv2d = "conv", Conv1d = "conv", ConvTranspose2d = "conv",
  MaxPool2d = "pool", AvgPool2d = "pool", AdaptiveAvgPool2d = "pool",
  Flatten = "shape", Unflatten = "shape", Identity = "shape",
  BatchNorm1d = "norm", BatchNorm2d = "norm", BatchNorm3d = "norm", InstanceNorm1d = "norm", InstanceNorm2d = "norm",
  InstanceNorm3d = "norm", GroupNorm = "norm", LayerNorm = "norm", RMSNorm = "norm",
  ReLU = "activation", ReLU6 = "activation", LeakyReLU = "activation", PReLU = "activation", ELU = "activation",
  CELU = "activation", SELU = "activation", GELU = "activation", GLU = "activation", SiLU = "activation",
  Mish = "activation", Sigmoid = "activation", LogSigmoid = "activation", Hardsigmoid = "activation",
  Hardswish = "activation", Tanh = "activation", Hardtanh = "activation", Tanhshrink = "activation",
  Hardshrink = "activation", Softshrink = "activation", Softsign = "activation", Softplus = "activation",
  Threshold = "activation", Softmax = "activation", LogSoftmax = "activation", Softmin = "activation",
  MSELoss = "loss", L1Loss = "loss", SmoothL1Loss = "loss", HuberLoss = "loss", CrossEntropyLoss = "loss",
  NLLLoss = "loss", BCELoss = "loss", BCEWithLogitsLoss = "loss", KLDivLoss = "loss",
}
local ONE_CLASS = {Module = true, Sequential = true, ModuleList = true, Linear = true, Embedding = true, Dropout = true}

-- Parts that are not classes.
local PART = {functional = "functional", init = "initializers", utils = "utils"}

local function load(self, name)
  local value
  if HOME[name] then
    value = require("apsis.nn." .. HOME[name])
    if not ONE_CLASS[name] then value = value[name] end
  elseif PART[name] then
    value = require("apsis.nn." .. PART[name])
  elseif name == "Parameter" then
    value = require("apsis.nn.Parameter").new
  else
    return nil
  end
  self[name] = value
  return value
end

-- Walks every name, loaded or not, in alphabetical order (completion and help use it).
local function all(self)
  local names = {"Parameter"}
  for name in next, HOME do names[#names + 1] = name end
  for name in next, PART do names[#names + 1] = name end
  table.sort(names)
  local i = 0
  return function()
    i = i + 1
    return names[i], names[i] and self[names[i]]
  end
end

-- Completion, which calls no functions, reads __names: sets of the names that can be loaded.
return setmetatable({}, {__index = load, __pairs = all, __names = {HOME, PART, {Parameter = true}}})
