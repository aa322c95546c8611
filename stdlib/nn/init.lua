-- apsis.nn: layers, losses and their parts. Each class is loaded at its first use, so that require "apsis.nn" is cheap.
--
--   local nn = require "apsis.nn"
--   local model = nn.Sequential(nn.Linear(10, 50), nn.ReLU(), nn.Linear(50, 10))
--   local loss = nn.MSELoss()(model(x), y)

return require "apsis.lazy"("apsis.nn.", {
  Module = "Module", Sequential = "Sequential", ModuleList = "ModuleList", ModuleDict = "ModuleDict",
  Linear = "Linear", Embedding = "Embedding", Dropout = "Dropout",
  functional = "functional", init = "initializers", utils = "utils",
}, {
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
  MaxPool1d = "layers", MaxPool3d = "layers", AvgPool1d = "layers", AvgPool3d = "layers",
  AdaptiveAvgPool1d = "layers", AdaptiveAvgPool3d = "layers", AdaptiveMaxPool1d = "layers",
  AdaptiveMaxPool2d = "layers", Upsample = "layers", PixelShuffle = "layers", PixelUnshuffle = "layers",
  CosineSimilarity = "layers", PairwiseDistance = "layers", ZeroPad2d = "layers", ConstantPad1d = "layers",
  ConstantPad2d = "layers", ReflectionPad1d = "layers", ReflectionPad2d = "layers", ReplicationPad1d = "layers",
  ReplicationPad2d = "layers", CircularPad2d = "layers", Dropout1d = "layers", Dropout2d = "layers",
  AlphaDropout = "layers",
  RNN = "recurrent", LSTM = "recurrent", GRU = "recurrent", RNNCell = "recurrent", LSTMCell = "recurrent",
  GRUCell = "recurrent", MultiheadAttention = "attention", TransformerEncoderLayer = "transformer",
  TransformerEncoder = "transformer", Parameter = "Parameter.new",
})
