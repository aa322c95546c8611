-- Layers, losses, initialisers, and what nn.Module promises.

local ap = require "apsis"
local nn = require "apsis.nn"

local LAYERS = {
  Linear = function() return nn.Linear(5, 7) end,
  Conv2d = function() return nn.Conv2d(4, 6, 3, {stride = 2, padding = 1, groups = 2}) end,
  MaxPool2d = function() return nn.MaxPool2d(3, {stride = 2, padding = 1}) end,
  AvgPool2d = function() return nn.AvgPool2d(2) end,
  BatchNorm2d = function() return nn.BatchNorm2d(4) end,
  BatchNorm1d = function() return nn.BatchNorm1d(5) end,
  LayerNorm = function() return nn.LayerNorm(8) end,
  Embedding = function() return nn.Embedding(10, 4) end,
  GELU = function() return nn.GELU() end,
  SiLU = function() return nn.SiLU() end,
  Softmax = function() return nn.Softmax(-1) end,
  LeakyReLU = function() return nn.LeakyReLU(0.2) end,
  Sequential = function()
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Sequential(nn.Linear(8, 3), nn.Sigmoid()))
  end,
}

for name, make in pairs(LAYERS) do
  test(name .. ": takes PyTorch's state dict and gives its output and gradients", function()
    local g = under(golden "nn_layers", name .. "/")
    local layer = make()
    layer:load_state_dict(under(g, "state/"))
    local x = g.x1
    if x:is_floating_point() then x.requires_grad = true end
    local y = layer(x)
    close(y, g.y, {rtol = 1e-5, atol = 1e-6})
    if y.requires_grad then
      local factors = ap.linspace(-1, 1, y:numel()):reshape(y:size())
      local scalar = (y * factors):sum()
      scalar:backward()
      if g.x_grad then close(x.grad, g.x_grad, {rtol = 1e-4, atol = 1e-5}) end
      for key, p in layer:named_parameters() do
        close(p.grad, g["grad/" .. key], {rtol = 1e-4, atol = 1e-5})
      end
    end
    for key, value in pairs(under(g, "after/")) do close(layer:state_dict()[key], value, {rtol = 1e-5, atol = 1e-6}) end
  end)
end

test("losses: the modules give PyTorch's values", function()
  local g = golden "nn_losses"
  local o = {rtol = 1e-5, atol = 1e-6}
  close(nn.MSELoss()(g.x, g.t), g.MSELoss, o)
  close(nn.MSELoss {reduction = "sum"}(g.x, g.t), g.MSELoss_sum, o)
  close(nn.L1Loss()(g.x, g.t), g.L1Loss, o)
  close(nn.SmoothL1Loss()(g.x, g.t), g.SmoothL1Loss, o)
  close(nn.HuberLoss {delta = 0.5}(g.x, g.t), g.HuberLoss, o)
  close(nn.CrossEntropyLoss()(g.x, g.classes), g.CrossEntropyLoss, o)
  close(nn.CrossEntropyLoss {weight = g.weight}(g.x, g.classes), g.CrossEntropyLoss_weight, o)
  close(nn.NLLLoss()(g.x:log_softmax(2), g.classes), g.NLLLoss, o)
  close(nn.NLLLoss {weight = g.weight}(g.x:log_softmax(2), g.classes), g.NLLLoss_weight, o)
  close(nn.BCELoss()(g.x:sigmoid(), g.probs), g.BCELoss, o)
  close(nn.BCEWithLogitsLoss()(g.x, g.probs), g.BCEWithLogitsLoss, o)
  close(nn.BCEWithLogitsLoss {pos_weight = g.weight}(g.x, g.probs), g.BCEWithLogitsLoss_pos, o)
  close(nn.KLDivLoss()(g.x:log_softmax(2), g.probs), g.KLDivLoss, o)
end)

test("losses: an unknown option is refused by name", function()
  raises("MSELoss: unknown option 'size'; options: reduction", function() nn.MSELoss {size = 1} end)
end)

local function two_layers()
  return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
end

test("an input that does not fit a layer inside others: the error is the op's, not that of a method forward", function()
  raises("^[^ ]+ linear: the weight %(4x3%) takes 3 features, the input %(1x2%) has 2$", function()
    local y = two_layers()(ap.ones(1, 2))
    return y
  end)
end)

local function names(iterator)
  local list = {}
  for name in iterator do list[#list + 1] = name end
  return table.concat(list, " ")
end

test("Module: parameters are named as PyTorch names them, in order of assignment", function()
  local Net = nn.Module:extend "Net"
  function Net:init()
    self.second = nn.Linear(2, 2)
    self.scale = nn.Parameter(ap.ones(2))
    self.first = two_layers()
    self.plain = ap.ones(2)
  end
  equal(names(Net():named_parameters()),
    "scale second.weight second.bias first.0.weight first.0.bias first.2.weight first.2.bias")
end)

test("Module: a field that held nil or a number first is registered all the same", function()
  local m = nn.Module()
  m.layer = false
  m.layer = nn.Linear(2, 3)
  equal(names(m:named_parameters()), "layer.weight layer.bias")
  m.layer = nil
  equal(names(m:named_parameters()), "")
end)

test("Module: a parameter used twice is listed once and saved under both names", function()
  local m = nn.Module()
  m.a = nn.Linear(2, 2)
  m.b = nn.Linear(2, 2)
  m.b.weight = m.a.weight
  equal(#m:parameters(), 3)
  truth(m:state_dict()["b.weight"] ~= nil)
end)

test("Module: modules, children and their names", function()
  local m = two_layers()
  equal(#m:children(), 3)
  equal(#m:modules(), 4)
  equal(names(m:named_modules()), " 0 1 2")
  equal(m[3].out_features, 2)
end)

test("Module: train and eval reach every submodule", function()
  local m = nn.Sequential(nn.Dropout(0.9), nn.Sequential(nn.Dropout(0.9)))
  m:eval()
  truth(not m[2][1].training)
  local x = ap.ones(50)
  equal(m(x), x)
  m:train()
  truth(m[2][1].training)
end)

test("Module: apply visits children before their parent", function()
  local order = {}
  two_layers():apply(function(m) order[#order + 1] = m:class_name() end)
  equal(table.concat(order, " "), "Linear ReLU Linear Sequential")
end)

test("Module: zero_grad and requires_grad_ act on all parameters", function()
  local m = two_layers()
  m(ap.randn(5, 3)):sum():backward()
  truth(m[1].weight.grad ~= nil)
  m:zero_grad()
  truth(m[1].weight.grad == nil)
  m:requires_grad_(false)
  truth(not m(ap.randn(5, 3)).requires_grad)
end)

test("Module: to changes the dtype of floating parameters and buffers only", function()
  local m = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)):to "f64"
  equal(m[1].weight.dtype, "f64")
  truth(m[1].weight.requires_grad)
  equal(m[2].running_mean.dtype, "f64")
  equal(m[2].num_batches_tracked.dtype, "i64")
  equal(#m:parameters(), 4)
  equal(m(ap.randn(5, 3):to "f64").dtype, "f64")
end)

test("state_dict: walks in the module's order and loads into another model", function()
  local a, b = two_layers(), two_layers()
  local order = {}
  for name in pairs(a:state_dict()) do order[#order + 1] = name end
  equal(table.concat(order, " "), "0.weight 0.bias 2.weight 2.bias")
  b:load_state_dict(a:state_dict())
  local x = ap.randn(4, 3)
  equal(a(x), b(x))
end)

test("load_state_dict: lists missing, unexpected and misshapen tensors, and changes nothing", function()
  local m = two_layers()
  local before = m[1].bias:detach():clone()
  local state = {
    ["0.bias"] = ap.zeros(4), ["0.weight"] = ap.zeros(3, 4), ["2.weight"] = ap.zeros(2, 4), extra = ap.zeros(1),
  }
  raises("missing: 2.bias.*unexpected: extra.*0.weight %(expected 4x3, got 3x4%)", function()
    m:load_state_dict(state)
  end)
  equal(m[1].bias:detach(), before)
  state["0.weight"] = nil
  local result = m:load_state_dict(state, {strict = false})
  equal(#result.missing, 2)
  equal(m[1].bias:detach(), ap.zeros(4))
end)

test("print: shows the tree, positions from 1, and the number of parameters", function()
  local text = tostring(nn.Sequential(nn.Linear(10, 50), nn.ReLU(), nn.Linear(50, 10)))
  equal(text, [[
Sequential(
  [1]: Linear(in_features=10, out_features=50, bias=true)
  [2]: ReLU()
  [3]: Linear(in_features=50, out_features=10, bias=true)
)  1,060 parameters]])
end)

test("forward hooks: see the output, may replace it, and can be removed", function()
  local m = nn.Linear(2, 2)
  local seen = 0
  local remove = m:register_forward_hook(function(_, y) seen = seen + 1 return y * 0 end)
  equal(m(ap.ones(1, 2)):abs():sum():item(), 0.0)
  remove()
  m(ap.ones(1, 2))
  equal(seen, 1)
end)

test("constructors: bad arguments are named", function()
  raises("Linear: argument 1 %(in_features%).*got string", function() nn.Linear("a", 2) end)
  raises("Conv2d: in_channels: expected a multiple of groups", function() nn.Conv2d(3, 4, 3, {groups = 2}) end)
  raises("Sequential: argument 2", function() nn.Sequential(nn.ReLU(), 5) end)
  raises("Dropout: p", function() nn.Dropout(2) end)
  raises("BatchNorm2d: expected %(N, C, H, W%), got 2", function() nn.BatchNorm2d(3)(ap.ones(4, 3)) end)
end)

test("constructors: options by position in PyTorch's order, or by name in a last table", function()
  local c = nn.Conv2d(4, 8, 3, 2, 1, {groups = 2, bias = false})
  equal({c.stride, c.padding, c.dilation, c.groups, c.bias}, {{2, 2}, {1, 1}, {1, 1}, 2})
  equal(nn.Conv2d(1, 1, 3, {2, 1}, {bias = false}).stride, {2, 1})
  local t = nn.ConvTranspose2d(4, 8, 3, 2, 1, 1)
  equal({t.stride, t.padding, t.output_padding}, {{2, 2}, {1, 1}, {1, 1}})
  local p = nn.MaxPool2d(3, 2, 1)
  equal({p.stride, p.padding}, {{2, 2}, {1, 1}})
  equal(nn.Linear(2, 3, false).bias, nil)
  truth(nn.Linear(2, 3, {}).bias ~= nil)
  equal({nn.LayerNorm(3, 1e-3).eps, nn.BatchNorm2d(3, 1e-3, 0.2).momentum, nn.Dropout {p = 0.3}.p}, {1e-3, 0.2, 0.3})
  equal({nn.Embedding(5, 2, 1).padding_idx, nn.Flatten {start_dim = 3}.start_dim, nn.PReLU(2, 0.5).weight[1]:item()},
    {1, 3, 0.5})
  raises("Conv2d: unknown option 'strid'; options: stride padding dilation groups bias", nn.Conv2d, 1, 1, 3,
    {strid = 2})
  raises("Conv2d: 'stride' is given twice", nn.Conv2d, 1, 1, 3, 2, {stride = 2})
  raises("Linear: expected at most 1 argument from 'bias' on", nn.Linear, 2, 3, true, 4)
  raises("Linear: bias: expected true or false, got a number", nn.Linear, 2, 3, 1)
  raises("MaxPool2d: unknown option 'strid'", nn.MaxPool2d, 2, {strid = 1})
  raises("BatchNorm1d: unknown option 'momentun'", nn.BatchNorm1d, 2, {momentun = 1})
end)

test("Conv1d and Conv2d: padding 'same' keeps the sizes, 'valid' is none", function()
  local x = ap.randn(1, 2, 5, 6)
  local c = nn.Conv2d(2, 2, {3, 2}, {padding = "same"})
  equal(c(x).shape, {1, 2, 5, 6})
  close(c(x):detach(), ap.nn.functional.conv2d(x, c.weight, c.bias, {padding = "same"}):detach())
  equal(nn.Conv1d(2, 3, 3, {padding = "same"})(x[{{}, {}, 1}]).shape, {1, 3, 6})
  equal(nn.Conv1d(2, 3, 3, {padding = "valid"})(x[{{}, {}, 1}]).shape, {1, 3, 4})
  truth(tostring(c):find("padding='same'", 1, true))
  raises("Conv2d: padding: expected integers, 'same' or 'valid', got 'full'", nn.Conv2d, 1, 1, 3, {padding = "full"})
end)

test("MaxPool2d: return_indices gives the places too", function()
  local x = ap.arange(1, 16, 1, {dtype = "f32"}):view(1, 1, 4, 4)
  local y, places = nn.MaxPool2d(2, {return_indices = true})(x)
  equal(y:flatten():totable(), {6.0, 8, 14, 16})
  equal(places:flatten():totable(), {6, 8, 14, 16})
  equal(select("#", nn.MaxPool2d(2)(x)), 1)
end)

test("ModuleDict: modules by name, in the order of pairs or the alphabet's", function()
  local d = nn.ModuleDict {{"wte", nn.Linear(2, 3)}, {"ln", nn.LayerNorm(3)}}
  equal(d:keys(), {"wte", "ln"})
  equal(nn.ModuleDict {b = nn.ReLU(), a = nn.ReLU()}:keys(), {"a", "b"})
  equal(#d, 2)
  truth(d.wte == d["wte"] and d:values()[2] == d.ln)
  d:update {head = nn.Linear(3, 1, false)}
  local list = {}
  for name, m in d:items() do list[#list + 1] = name .. " " .. m:class_name() end
  equal(list, {"wte Linear", "ln LayerNorm", "head Linear"})
  local net = nn.Module()
  net.parts = d
  list = {}
  for name in pairs(net:state_dict()) do list[#list + 1] = name end
  equal(list, {"parts.wte.weight", "parts.wte.bias", "parts.ln.weight", "parts.ln.bias", "parts.head.weight"})
  raises("ModuleDict: 'forward' is the name of a method", nn.ModuleDict, {forward = nn.ReLU()})
  raises("ModuleDict: 'x': expected a module, got a number", nn.ModuleDict, {x = 1})
  raises("ModuleDict: item 1: expected a pair", nn.ModuleDict, {nn.ReLU()})
  raises("ModuleDict: expected a name that is a string without dots, got a.b", nn.ModuleDict, {["a.b"] = nn.ReLU()})
end)

test("nn.init: settings by name", function()
  local t = ap.empty(1000)
  close(nn.init.normal_(t, {mean = 5, std = 0.1}):mean():item(), 5, {rtol = 0.01})
  truth(nn.init.uniform_(t, {low = 2, high = 3}):min():item() >= 2)
  raises("normal_: unknown option 'stdev'", nn.init.normal_, t, {stdev = 1})
end)

test("Linear and Conv2d: start within PyTorch's bounds, with the variance of that uniform", function()
  ap.manual_seed(1)
  local w = nn.Linear(100, 200).weight:detach()
  truth(w:abs():max():item() <= 0.1)
  close(w:to("f64"):var():item(), 0.01 / 3, {rtol = 0.05})
  local k = nn.Conv2d(16, 32, 3).weight:detach()
  truth(k:abs():max():item() <= 1 / 12)
  close(k:to("f64"):var():item(), 1 / 144 / 3, {rtol = 0.05})
end)

test("nn.init: the initialisers have the deviation that their sources state", function()
  ap.manual_seed(2)
  local w = ap.empty(200, 300)
  local function std() return w:to("f64"):var():sqrt():item() end
  nn.init.xavier_normal_(w)
  close(std(), math.sqrt(2 / 500), {rtol = 0.02})
  nn.init.xavier_uniform_(w)
  close(std(), math.sqrt(2 / 500), {rtol = 0.02})
  nn.init.kaiming_normal_(w, {nonlinearity = "relu"})
  close(std(), math.sqrt(2 / 300), {rtol = 0.02})
  nn.init.kaiming_uniform_(w, {nonlinearity = "relu", mode = "fan_out"})
  close(std(), math.sqrt(2 / 200), {rtol = 0.02})
  nn.init.trunc_normal_(w, 0, 1, -0.5, 0.5)
  truth(w:abs():max():item() <= 0.5)
  nn.init.constant_(w, 3)
  equal(w:min():item(), 3.0)
  nn.init.eye_(w)
  equal(w:sum():item(), 200.0)
end)

test("Dropout: keeps the expectation and the share of zeros", function()
  ap.manual_seed(3)
  local y = nn.Dropout(0.25)(ap.ones(20000))
  close(y:mean():item(), 1, {atol = 0.02})
  close(y:eq(0):to("f32"):mean():item(), 0.25, {atol = 0.02})
end)

test("ModuleList and Flatten: hold and reshape", function()
  local list = nn.ModuleList {nn.Linear(2, 2)}
  list:append(nn.Linear(2, 3))
  equal(#list, 2)
  equal(#list:parameters(), 4)
  equal(nn.Flatten()(ap.zeros(2, 3, 4)):size(2), 12)
  equal(nn.Unflatten(2, {3, 4})(ap.zeros(2, 12)):size(3), 4)
end)

test("require: apsis.nn alone loads no layer", function()
  local before = {}
  for name, module in pairs(package.loaded) do
    if name:match("^apsis%.nn") then before[name] = module end
  end
  for name in pairs(before) do package.loaded[name] = nil end
  local fresh = require "apsis.nn"
  truth(package.loaded["apsis.nn.Linear"] == nil)
  truth(fresh.Linear ~= nil)
  for name, module in pairs(before) do package.loaded[name] = module end
end)

test("layers that are a function with settings give what the function gives", function()
  local F = nn.functional
  ap.manual_seed(4)
  local x, s = ap.randn(2, 4, 6, 6), ap.randn(2, 4, 9)
  local function same(layer, y) truth(ap.equal(layer, y)) end
  same(nn.MaxPool1d(3, 2, 1)(s), F.max_pool1d(s, 3, 2, 1))
  same(nn.AvgPool1d(3, {count_include_pad = false, padding = 1})(s),
    F.avg_pool1d(s, 3, {count_include_pad = false, padding = 1}))
  same(nn.MaxPool3d(2)(x:unsqueeze(1)), F.max_pool3d(x:unsqueeze(1), 2))
  same(nn.AvgPool3d(2)(x:unsqueeze(1)), F.avg_pool3d(x:unsqueeze(1), 2))
  same(nn.AdaptiveAvgPool1d(3)(s), F.adaptive_avg_pool1d(s, 3))
  same(nn.AdaptiveAvgPool3d(2)(x:unsqueeze(1)), F.adaptive_avg_pool3d(x:unsqueeze(1), 2))
  same(nn.AdaptiveMaxPool1d(3)(s), (F.adaptive_max_pool1d(s, 3)))
  same(nn.AdaptiveMaxPool2d {output_size = 2}(x), (F.adaptive_max_pool2d(x, 2)))
  same(nn.Upsample {scale_factor = 2, mode = "bilinear"}(x), F.interpolate(x, {scale_factor = 2, mode = "bilinear"}))
  same(nn.PixelUnshuffle(3)(nn.PixelShuffle(2)(x)), F.pixel_unshuffle(F.pixel_shuffle(x, 2), 3))
  same(nn.CosineSimilarity(3)(x, x + 1), F.cosine_similarity(x, x + 1, 3))
  same(nn.PairwiseDistance {p = 1}(x, x + 1), F.pairwise_distance(x, x + 1, 1))
  same(nn.ZeroPad2d(1)(x), F.pad(x, {1, 1, 1, 1}))
  same(nn.ConstantPad2d({1, 0, 2, 0}, 3)(x), F.pad(x, {1, 0, 2, 0}, "constant", 3))
  same(nn.ConstantPad1d(2, 0.5)(s), F.pad(s, {2, 2}, "constant", 0.5))
  same(nn.ReflectionPad1d(2)(s), F.pad(s, {2, 2}, "reflect"))
  same(nn.ReflectionPad2d(2)(x), F.pad(x, {2, 2, 2, 2}, "reflect"))
  same(nn.ReplicationPad1d(2)(s), F.pad(s, {2, 2}, "replicate"))
  same(nn.ReplicationPad2d {padding = 1}(x), F.pad(x, {1, 1, 1, 1}, "replicate"))
  same(nn.CircularPad2d(1)(x), F.pad(x, {1, 1, 1, 1}, "circular"))
  equal(tostring(nn.MaxPool1d(3, {stride = 2})), "MaxPool1d(kernel_size=3, stride=2)")
  raises("MaxPool1d: unknown option 'strid'", nn.MaxPool1d, 2, {strid = 1})
  raises("PixelShuffle: upscale_factor: a value is missing", nn.PixelShuffle)
end)

test("Dropout1d, Dropout2d, AlphaDropout: whole channels, in training only", function()
  local x = ap.ones(20, 4, 5, 5)
  local layer = nn.Dropout2d(0.5)
  local channels = layer(x):sum {dim = {3, 4}}:flatten()
  truth((channels:eq(0) | channels:eq(50)):all():item() and channels:eq(0):any():item())
  truth(ap.equal(layer:eval()(x), x) and ap.equal(nn.Dropout1d():eval()(x[1]), x[1]))
  truth(not ap.equal(nn.AlphaDropout(0.3)(x), x))
  raises("Dropout2d: p: expected a number in %[0, 1%], got 2", nn.Dropout2d, 2)
end)
