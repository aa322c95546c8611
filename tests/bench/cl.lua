--- What an OpenCL device takes: `apsis tests/bench/cl.lua [LARGEST]` prints "NAME SECONDS WORK" a line: the time of one
--- iteration, the median of several runs, and its work in flops or bytes. tests/bench/run_cl turns them into shares.
--- LARGEST: the largest matrix, a power of two; 1024 on a CPU and 8192 elsewhere where it is not given.

local ap = require "apsis"
local F = ap.nn.functional

local device = "cl"
local available, why = ap.cl.is_available()
if not available then error(why, 0) end
local info = ap.cl.info()
local is_cpu = info.type == "cpu"
local largest = math.tointeger(tonumber(arg[1])) or (is_cpu and 1024 or 8192)

local SECONDS_A_RUN, RUNS = 0.2, 5

local function time(f, n)
  ap.synchronize()
  local start = ap.clock()
  for _ = 1, n do f() end
  ap.synchronize()
  return (ap.clock() - start) / n
end

local function measure(name, work, f)
  time(f, 2) -- compiles, and fills the pool
  local n = math.max(1, math.ceil(SECONDS_A_RUN / time(f, 3)))
  local times = {}
  for i = 1, RUNS do times[i] = time(f, n) end
  table.sort(times)
  print(("%s %.6g %.6g"):format(name, times[(RUNS + 1) // 2], work))
  io.stdout:flush()
end

ap.manual_seed(1)
print("device " .. info.name:gsub("%s", "_") .. " " .. (is_cpu and "cpu" or "gpu"))

-- The cost of a small op: a chain of 1,000.
do
  local one, x = ap.ones(64, {device = device}), ap.ones(64, {device = device})
  measure("chain_1000", 1000, function()
    local y = x
    for _ = 1, 1000 do y = y + one end
  end)
end

-- What the device copies a second, by the driver's own command, and what reads and writes as many bytes.
do
  local n = is_cpu and 1 << 22 or 1 << 26
  local x, y = ap.rand(n, {device = device}), ap.rand(n, {device = device})
  local square = x:view(n // 1024, 1024)
  local weight, bias = ap.ones(1024, {device = device}), ap.zeros(1024, {device = device})
  local bytes = n * 4
  measure("copy", 2 * bytes, function() y:copy_(x) end)
  measure("add", 3 * bytes, function() local _ = x + y end)
  measure("exp", 2 * bytes, function() local _ = x:exp() end)
  measure("relu_", 2 * bytes, function() x:relu_() end)
  measure("sum", bytes, function() local _ = x:sum() end)
  measure("sum_rows", bytes, function() local _ = square:sum(2) end)
  measure("sum_columns", bytes, function() local _ = square:sum(1) end)
  measure("softmax", 2 * bytes, function() local _ = square:softmax(2) end)
  measure("layer_norm", 2 * bytes, function() local _ = F.layer_norm(square, {1024}, weight, bias) end)
end

do
  local n = 256
  while n <= largest do
    local a, b = ap.randn(n, n, {device = device}), ap.randn(n, n, {device = device})
    measure("sgemm_" .. n, 2 * n ^ 3, function() local _ = a:matmul(b) end)
    n = n * 2
  end
  n = math.min(largest, 4096)
  for _, dtype in ipairs {"f16", "bf16"} do
    local a = ap.randn(n, n, {device = device}):to(dtype)
    measure(("gemm_%s_%d"):format(dtype, n), 2 * n ^ 3, function() local _ = a:matmul(a) end)
  end
end

do
  local images, channels, side = is_cpu and 4 or 64, 64, 56
  local x = ap.randn(images, channels, side, side, {device = device})
  local w = ap.randn(channels, channels, 3, 3, {device = device})
  measure("conv_3x3", 2 * images * channels * channels * 9 * side * side, function()
    local _ = F.conv2d(x, w, nil, 1, 1)
  end)
end
