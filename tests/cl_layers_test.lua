-- Layers, losses and optimiser steps on an OpenCL device against the CPU: every floating dtype, short and long rows,
-- empty tensors, mixed dtypes, the same bits every time, and what a kernel finds wrong with its input.
-- (The suites of these ops run on a device too: tests/run.lua --device cl tests/norm_test.lua.)

local ap = require "apsis"
local nn, F, optim = ap.nn, ap.nn.functional, ap.optim

local available, why = ap.cl.is_available()
test("an OpenCL device is there (make deps installs PoCL for the CPU)", function()
  truth(available, tostring(why))
end)
if not available then return end

local fp64 = ap.cl.info().fp64
local TOLERANCE = {f32 = {rtol = 1e-5, atol = 1e-5}, f64 = {rtol = 1e-11, atol = 1e-11},
  f16 = {rtol = 4e-3, atol = 4e-3}, bf16 = {rtol = 3e-2, atol = 3e-2}}

-- f(operands...) and the gradients of the leaves on both devices; operands are made on the CPU in f32.
local function both(what, tolerance, f, ...)
  local function run(device, ...)
    local operands, results = {}, {}
    for i, t in ipairs {...} do
      operands[i] = ap.is_tensor(t) and t:to(device) or t
      if ap.is_tensor(t) and t:is_floating_point() then operands[i] = operands[i]:detach():requires_grad_() end
    end
    local y = f(table.unpack(operands))
    y:sum():backward()
    results[1] = y:detach():to "cpu"
    for _, t in ipairs(operands) do
      if ap.is_tensor(t) and t.grad then results[#results + 1] = t.grad:to "cpu" end
    end
    return results
  end
  local expected, actual = run("cpu", ...), run("cl", ...)
  equal(#actual, #expected)
  for i, t in ipairs(actual) do
    equal(t.dtype, expected[i].dtype)
    tolerance.what = what .. ", result " .. i
    close(t:to "f64", expected[i]:to "f64", tolerance)
  end
end

local function each_dtype(f)
  for _, dtype in ipairs {"f32", "f64", "f16", "bf16"} do
    if dtype ~= "f64" or fp64 then f(dtype, TOLERANCE[dtype]) end
  end
end

ap.manual_seed(3)
-- A sum of squares weighs each result's gradient differently.
local function squared(f)
  return function(...)
    local y = f(...)
    return y * y
  end
end

test("softmax, log_softmax: agree with the CPU in every floating dtype, rows and columns of any length", function()
  for _, n in ipairs {1, 10, 33, 1500} do
    for dim = 1, 2 do
      for _, name in ipairs {"softmax", "log_softmax"} do
        local f = squared(function(x) return ap[name](x, dim) end)
        each_dtype(function(dtype, tolerance)
          if dtype == "f32" or n == 33 then
            local x = dim == 1 and ap.randn(n, 3) or ap.randn(3, n)
            both(("%s %d %s"):format(name, n, dtype), tolerance, f, x:to(dtype))
          end
        end)
      end
    end
  end
end)

test("layer_norm, rms_norm, group_norm, batch_norm: agree with the CPU in every floating dtype", function()
  each_dtype(function(dtype, tolerance)
    local x, w, b = ap.randn(3, 4, 40):to(dtype), ap.randn(40):to(dtype), ap.randn(40):to(dtype)
    local loose = {rtol = tolerance.rtol * 8, atol = tolerance.atol * 8}
    both("layer_norm " .. dtype, loose, squared(function(a, c, d) return F.layer_norm(a, 40, c, d) end), x, w, b)
    both("rms_norm " .. dtype, loose, squared(function(a, c) return F.rms_norm(a, 40, c) end), x, w)
    both("group_norm " .. dtype, loose, squared(function(a, c, d) return F.group_norm(a, 2, c, d) end), x,
      w:narrow(1, 1, 4), b:narrow(1, 1, 4))
    both("batch_norm " .. dtype, loose, squared(function(a, c, d)
      return F.batch_norm(a, nil, nil, c, d, true)
    end), x, w:narrow(1, 1, 4), b:narrow(1, 1, 4))
  end)
end)

test("batch_norm: a mean far above the deviation costs no accuracy; running statistics move as on the CPU", function()
  local x = ap.randn(64, 3, 9, 9) + 1000
  local function run(device)
    local mean, var = ap.zeros(3, {device = device}), ap.ones(3, {device = device})
    local y = F.batch_norm(x:to(device), mean, var, nil, nil, true, 0.3)
    return y:to "cpu", mean:to "cpu", var:to "cpu"
  end
  local y, mean, var = run "cl"
  local expected, expected_mean, expected_var = run "cpu"
  close(y, expected, {rtol = 1e-4, atol = 1e-3})
  close(mean, expected_mean, {rtol = 1e-6})
  close(var, expected_var, {rtol = 1e-4})
end)

test("normalisations take f32 weights with half-precision inputs", function()
  local x, w = ap.randn(8, 16):to "f16", ap.randn(16)
  close(F.layer_norm(x:to "cl", 16, w:to "cl"):to "cpu":to "f32", F.layer_norm(x, 16, w):to "f32",
    {rtol = 2e-3, atol = 2e-3})
end)

test("losses: agree with the CPU for every reduction, in every floating dtype", function()
  local target = ap.randint(1, 7, {9})
  target[3] = -100
  each_dtype(function(dtype, tolerance)
    local x, w, t = ap.randn(9, 7):to(dtype), ap.rand(7):to(dtype), ap.rand(9, 7):to(dtype)
    for _, reduction in ipairs {"mean", "sum", "none"} do
      local function what(name) return ("%s %s %s"):format(name, dtype, reduction) end
      both(what "cross_entropy", tolerance, function(a, c)
        return F.cross_entropy(a, target:to(a.device),
          {weight = c:detach(), reduction = reduction, label_smoothing = 0.1})
      end, x, w)
      both(what "cross_entropy to probabilities", tolerance, function(a, c)
        return F.cross_entropy(a, c:detach(), {reduction = reduction})
      end, x, t)
      both(what "nll_loss", tolerance, function(a)
        return F.nll_loss(a, target:to(a.device), {reduction = reduction})
      end, x)
      both(what "mse_loss", tolerance, function(a, c) return F.mse_loss(a, c, {reduction = reduction}) end, x, t)
      both(what "bce", tolerance, function(a, c)
        return F.binary_cross_entropy_with_logits(a, c:detach(), {reduction = reduction})
      end, x, t)
    end
  end)
end)

test("cross_entropy: many samples are added up in parts, classes lie in any dimension", function()
  local x, target = ap.randn(2, 5, 70, 70), ap.randint(1, 5, {2, 70, 70})
  both("map", {rtol = 1e-5, atol = 1e-7}, function(a) return F.cross_entropy(a, target:to(a.device)) end, x)
end)

test("cross_entropy: a class out of range is an error once a result is read, and the device goes on", function()
  local x, target = ap.randn(3, 4):to "cl", ap.tensor({1, 0, 2}):to "cl"
  local loss = F.cross_entropy(x, target)
  raises("cross_entropy: class 0: classes run 1%.%.4; add 1 to 0%-based labels", function() loss:item() end)
  raises("cross_entropy: class 9: classes run 1%.%.4", function()
    F.cross_entropy(x, ap.tensor({9, 1, 2}):to "cl")
    ap.synchronize()
  end)
  truth(F.cross_entropy(x, ap.tensor({1, 1, 2}):to "cl"):item() > 0)
end)

test("binary_cross_entropy: what is no probability is an error", function()
  raises("binary_cross_entropy: expected probabilities", function()
    F.binary_cross_entropy(ap.tensor({0.5, 1.5}):to "cl", ap.tensor({1.0, 0.0}):to "cl")
  end)
end)

test("convolution and pooling: agree with the CPU in every floating dtype", function()
  each_dtype(function(dtype, tolerance)
    local x, w, b = ap.randn(3, 4, 11, 9):to(dtype), ap.randn(6, 2, 3, 3):to(dtype), ap.randn(6):to(dtype)
    local loose = {rtol = tolerance.rtol * 8, atol = tolerance.atol * 8}
    both("conv2d " .. dtype, loose, function(a, c, d)
      return F.conv2d(a, c, d, {stride = 2, padding = {1, 2}, groups = 2})
    end, x, w, b)
    both("conv2d 1x1 " .. dtype, loose, function(a, c) return F.conv2d(a, c) end, x, ap.randn(5, 4, 1, 1):to(dtype))
    local overlapping = {stride = 2, padding = 1}
    both("max_pool2d " .. dtype, loose, squared(function(a) return F.max_pool2d(a, 3, overlapping) end), x)
    both("avg_pool2d " .. dtype, loose, squared(function(a) return F.avg_pool2d(a, 3, overlapping) end), x)
    both("adaptive " .. dtype, loose, squared(function(a) return F.adaptive_avg_pool2d(a, {3, 4}) end), x)
  end)
end)

test("empty tensors stay empty, and the gradients of weights are zeros", function()
  both("softmax", {}, function(a) return a:softmax(2) end, ap.zeros(0, 3))
  both("softmax of nothing", {}, function(a) return a:softmax(2) end, ap.zeros(3, 0))
  both("layer_norm", {}, function(a, w) return F.layer_norm(a, 4, w) end, ap.zeros(0, 4), ap.ones(4))
  both("group_norm", {}, function(a, w) return F.group_norm(a, 2, w) end, ap.zeros(0, 4, 3), ap.ones(4))
  both("conv2d", {}, function(a, w) return F.conv2d(a, w) end, ap.zeros(0, 2, 5, 5), ap.ones(3, 2, 3, 3))
  both("max_pool2d", {}, function(a) return F.max_pool2d(a, 2) end, ap.zeros(0, 2, 4, 4))
  equal(tostring(F.mse_loss(ap.zeros(0):to "cl", ap.zeros(0):to "cl"):item()):find "nan" ~= nil, true)
end)

local function small_network()
  return nn.Sequential(nn.Conv2d(1, 4, 3, {padding = 1}), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
    nn.Linear(64, 5))
end

-- The parameters of a small network after ten steps.
local function trained(device, make)
  ap.manual_seed(11)
  local model = small_network():to(device)
  local x, y = ap.randn(12, 1, 8, 8):to(device), ap.randint(1, 5, {12}):to(device)
  local opt = make(model:parameters())
  for _ = 1, 10 do
    opt:zero_grad()
    F.cross_entropy(model(x), y):backward()
    opt:step()
  end
  return nn.utils.parameters_to_vector(model:parameters()):detach():to "cpu"
end

test("training: a network learns on the device what it learns on the CPU, the same bits every time", function()
  for name, make in pairs {
    sgd = function(p) return optim.SGD(p, {lr = 0.05, momentum = 0.9, nesterov = true, weight_decay = 0.01}) end,
    plain = function(p) return optim.SGD(p, {lr = 0.05}) end,
  } do
    local first = trained("cl", make)
    close(first, trained("cpu", make), {rtol = 1e-3, atol = 1e-4, what = name})
    equal(trained("cl", make), first)
  end
end)

test("adam, adamw, amsgrad: the steps are the CPU's", function()
  local function run(device, make)
    ap.manual_seed(2)
    local p = nn.Parameter(ap.randn(50):to(device))
    local opt = make {p}
    for _ = 1, 5 do
      opt:zero_grad()
      local loss = (p * p):sum() / 2 + p:sum()
      loss:backward()
      opt:step()
    end
    return p:detach():to "cpu"
  end
  for name, make in pairs {
    adam = function(p) return optim.Adam(p, {lr = 0.1, weight_decay = 0.05}) end,
    adamw = function(p) return optim.AdamW(p, {lr = 0.1, weight_decay = 0.05}) end,
    amsgrad = function(p) return optim.AdamW(p, {lr = 0.1, amsgrad = true}) end,
  } do
    close(run("cl", make), run("cpu", make), {rtol = 1e-5, atol = 1e-6, what = name})
  end
end)
