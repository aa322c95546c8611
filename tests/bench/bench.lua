--- What the benchmarks measure on our side: `apsis tests/bench/bench.lua NAME` prints "NAME SECONDS": the time of one
--- iteration, the median of several runs. tests/bench/run runs it beside bench.py and prints the ratios.

local ap = require "apsis"
local nn, optim = ap.nn, ap.optim

local cases = {}

-- f(n) runs n iterations; returns n such that they take about this long.
local seconds_a_run, runs = 0.2, 5

local function measure(f)
  local n = 1
  while true do
    local start = ap.clock()
    f(n)
    local spent = ap.clock() - start
    if spent > seconds_a_run / 4 then
      n = math.max(1, math.ceil(n * seconds_a_run / spent))
      break
    end
    n = n * 4
  end
  local times = {}
  for i = 1, runs do
    local start = ap.clock()
    f(n)
    times[i] = (ap.clock() - start) / n
  end
  table.sort(times)
  return times[(runs + 1) // 2]
end

function cases.add_one()
  local a, b = ap.tensor {1.0}, ap.tensor {2.0}
  return function(n) for _ = 1, n do local _ = a + b end end
end

function cases.add_one_grad()
  local a, b = ap.tensor({1.0}, {requires_grad = true}), ap.tensor {2.0}
  return function(n) for _ = 1, n do local _ = a + b end end
end

local function step(model, loss_of, x, y, opt)
  return function(n)
    for _ = 1, n do
      opt:zero_grad()
      local loss = loss_of(model(x), y)
      loss:backward()
      opt:step()
    end
  end
end

function cases.simplenet()
  local model = nn.Sequential(nn.Linear(10, 50), nn.ReLU(), nn.Linear(50, 10))
  return step(model, nn.MSELoss(), ap.randn(32, 10), ap.randn(32, 10), optim.SGD(model:parameters(), {lr = 0.01}))
end

local function labels(n, classes)
  local list = {}
  for i = 1, n do list[i] = i * 7 % classes + 1 end
  return ap.tensor(list, {dtype = "i64"})
end

function cases.mlp()
  local model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
  return step(model, nn.CrossEntropyLoss(), ap.randn(64, 784), labels(64, 10),
    optim.SGD(model:parameters(), {lr = 0.01}))
end

-- The net of examples/mnist.lua.
function cases.mnist()
  local model = nn.Sequential(nn.Conv2d(1, 16, 3, {padding = 1}), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, {padding = 1}), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 7 * 7, 10))
  return step(model, nn.CrossEntropyLoss(), ap.randn(64, 1, 28, 28), labels(64, 10),
    optim.Adam(model:parameters(), {lr = 0.001}))
end

-- A convolution and its gradients: the shapes of ResNet and MobileNet, eight images.
local CONVOLUTIONS = {
  conv_stem = {x = {8, 3, 224, 224}, out = 64, kernel = 7, stride = 2, padding = 3},
  conv_56 = {x = {8, 64, 56, 56}, out = 64, kernel = 3, padding = 1},
  conv_28 = {x = {8, 128, 28, 28}, out = 128, kernel = 3, padding = 1},
  conv_7 = {x = {8, 512, 7, 7}, out = 512, kernel = 3, padding = 1},
  conv_down = {x = {8, 64, 56, 56}, out = 128, kernel = 3, stride = 2, padding = 1},
  conv_point = {x = {8, 256, 56, 56}, out = 64, kernel = 1},
  conv_depth = {x = {8, 128, 56, 56}, out = 128, kernel = 3, padding = 1, groups = 128},
}
for name, c in pairs(CONVOLUTIONS) do
  cases[name] = function()
    local layer = nn.Conv2d(c.x[2], c.out, c.kernel, {stride = c.stride, padding = c.padding, groups = c.groups})
    local x = ap.randn(c.x):requires_grad_()
    local g = ap.ones_like(layer(x):detach())
    return function(n) for _ = 1, n do layer(x):backward(g) end end
  end
end

-- Pooling and its gradient: the net of MNIST's, ResNet's first.
for name, c in pairs {pool_2 = {{64, 16, 28, 28}, 2, 2, 0}, pool_3 = {{8, 64, 112, 112}, 3, 2, 1}} do
  cases[name] = function()
    local layer = nn.MaxPool2d(c[2], {stride = c[3], padding = c[4]})
    local x = ap.randn(c[1]):requires_grad_()
    local g = ap.ones_like(layer(x):detach())
    return function(n) for _ = 1, n do layer(x):backward(g) end end
  end
end

for _, n in ipairs {512, 1024, 2048} do
  cases["sgemm_" .. n] = function()
    local a, b = ap.randn(n, n), ap.randn(n, n)
    return function(times) for _ = 1, times do local _ = a:matmul(b) end end
  end
end

for name, size in pairs {["1e2"] = 100, ["1e4"] = 10000, ["1e7"] = 10000000} do
  cases["add_" .. name] = function()
    local a, b = ap.randn(size), ap.randn(size)
    return function(n) for _ = 1, n do local _ = a + b end end
  end
  cases["exp_" .. name] = function()
    local a = ap.randn(size)
    return function(n) for _ = 1, n do local _ = a:exp() end end
  end
  cases["tanh_" .. name] = function()
    local a = ap.randn(size)
    return function(n) for _ = 1, n do local _ = a:tanh() end end
  end
end

-- Fourier transforms of 65,536 numbers in rows of N: fft_N of pairs, rfft_N of real ones, fft_columns_N along columns.
for _, n in ipairs {64, 1000, 1024, 10007, 65536} do
  local rows = 65536 // n
  cases["fft_" .. n] = function()
    local z = ap.randn(rows, n, 2)
    return function(k) for _ = 1, k do local _ = ap.fft.fft(z) end end
  end
  cases["fft_columns_" .. n] = function()
    local z = ap.randn(n, rows, 2)
    return function(k) for _ = 1, k do local _ = ap.fft.fft(z, nil, 1) end end
  end
  cases["rfft_" .. n] = function()
    local x = ap.randn(rows, n)
    return function(k) for _ = 1, k do local _ = ap.fft.rfft(x) end end
  end
end

-- softmax and its like on a large and on a tiny matrix; _grad: with the backward pass.
for name, f in pairs {
  softmax = function(x) return x:softmax(2) end,
  log_softmax = function(x) return x:log_softmax(2) end,
  layer_norm = function(x, w, b) return ap.layer_norm(x, x:size(2), w, b) end,
} do
  for size, shape in pairs {["1024x1024"] = {1024, 1024}, ["64x10"] = {64, 10}} do
    cases[name .. "_" .. size] = function()
      local x, w, b = ap.randn(shape), ap.ones(shape[2]), ap.zeros(shape[2])
      return function(n) for _ = 1, n do local _ = f(x, w, b) end end
    end
    cases[name .. "_grad_" .. size] = function()
      local x, w, b, g = ap.randn(shape), ap.ones(shape[2]), ap.zeros(shape[2]), ap.randn(shape)
      for _, t in ipairs {x, w, b} do t.requires_grad = true end
      return function(n) for _ = 1, n do f(x, w, b):backward(g) end end
    end
  end
end

function cases.cross_entropy()
  local x, t = ap.randn(64, 10), labels(64, 10)
  return function(n) for _ = 1, n do local _ = ap.cross_entropy(x, t) end end
end

function cases.cross_entropy_grad()
  local x, t = ap.randn(64, 10), labels(64, 10)
  x.requires_grad = true
  return function(n) for _ = 1, n do ap.cross_entropy(x, t):backward() end end
end

function cases.batch_norm_grad()
  local layer, x, g = nn.BatchNorm2d(32), ap.randn(64, 32, 28, 28), ap.randn(64, 32, 28, 28)
  x.requires_grad = true
  return function(n) for _ = 1, n do layer(x):backward(g) end end
end

-- Growth of resident memory from iteration 1,000 to 100,000 of a training step: printed as a factor.
local function resident()
  local file <close> = assert(io.open "/proc/self/statm")
  local _, pages = file:read("n", "n")
  return pages
end

if arg[1] == "memory" then
  local run = cases.simplenet()
  run(1000)
  local before = resident()
  run(99000)
  print(("memory %.4f"):format(resident() / before))
else
  local make = assert(cases[arg[1]], "no such benchmark")
  print(("%s %.4g"):format(arg[1], measure(make())))
end
