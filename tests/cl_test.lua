-- OpenCL: the runtime, transfers, and every elementwise op and reduction on the device against the CPU's result in the
-- dtypes that have no golden values (tests/run.lua --device cl runs ops_test and reduce_test with the others).
local ap = require "apsis"
local layouts = require "support.layouts"
local program = require "support.program"

local DTYPES = {"f32", "f64", "f16", "bf16", "i8", "u8", "i16", "i32", "i64", "bool"}
local FLOATS = {f32 = true, f64 = true, f16 = true, bf16 = true}

-- Everything below needs a device; without one this is the failure that says so.
local available, why = ap.cl.is_available()
test("an OpenCL device is there (make deps installs PoCL for the CPU)", function()
  truth(available, tostring(why))
end)
if not available then return end

local info = ap.cl.info()
local dtypes = {}
for _, dtype in ipairs(DTYPES) do
  if dtype ~= "f64" or info.fp64 then dtypes[#dtypes + 1] = dtype end
end

-- Compiling is what costs (PoCL: 0.2 s a kernel), so ops take turns at dtypes and layouts; APSIS_TEST_FULL=1 runs all.
local full = os.getenv "APSIS_TEST_FULL"
local function turn(list, k) return list[k % #list + 1] end
local NARROW = {"f16", "bf16", "i8", "i16"}
local function turns(k) return full and dtypes or {turn(NARROW, k)} end
local STRIDED = {"step", "broadcast", "transposed", "strided", "inside"}

-- Values that tell: signs, zeros, halves, values near and beyond one, and where there are any nan and infinities.
local function values(dtype, special)
  if dtype == "bool" then return ap.tensor {true, false, true, true, false, false} end
  if dtype == "u8" then return ap.tensor({0, 1, 2, 3, 7, 100}, {dtype = dtype}) end
  if not FLOATS[dtype] then return ap.tensor({-100, -2, -1, 0, 1, 3, 7, 100}, {dtype = dtype}) end
  local list = {-3.5, -2, -1, -0.75, -0.5, -0.1, 0.0, 0.1, 0.25, 0.5, 0.9, 1, 1.5, 2, 3.7, 21.5}
  if special then
    list[#list + 1], list[#list + 2], list[#list + 3] = math.huge, -math.huge, 0 / 0
  end
  return ap.tensor(list, {dtype = dtype})
end

-- The device may be a different 4 ulp off than the CPU (OpenCL allows what its specification lists); narrow floats
-- agree within one of theirs.
local ULP = {lgamma = 16, digamma = 16, zeta = 32, erfinv = 16, ndtri = 16, log_ndtr = 16, ndtr = 32, erfcx = 16,
  entr = 8, sinc = 8, i0 = 16, i0e = 16, i1 = 16, i1e = 16, xlog1py = 8, logaddexp = 8, logaddexp2 = 8,
  tanhshrink = 16, celu = 8, selu = 8, ldexp = 8, lerp = 8, erf = 16, erfc = 16, gelu = 16, gelu_grad = 16,
  gelu_tanh = 16, gelu_tanh_grad = 16, tan = 5, pow = 16, mish = 8, silu_grad = 16, softplus = 8, logsigmoid = 8,
  logit = 16, silu = 8, sigmoid = 8, xlogy = 8}
local function tolerance(dtype, op)
  if dtype == "f32" or dtype == "f64" then return {ulp = ULP[op] or 4, atol = 1.2e-38} end -- denormals may be 0
  if dtype == "f16" then return {rtol = 1e-3, atol = 1e-6} end
  if dtype == "bf16" then return {rtol = 8e-3, atol = 1e-6} end
  return {rtol = 0, atol = 0}
end

-- Where 1 + erf or 1 - tanh^2 cancels, what counts is the error beside 1.
local ATOL = {lgamma = 1e-5, digamma = 1e-5, tanhshrink = 1e-6, lerp = 1e-6, zeta = 1e-5,
  gelu_tanh_grad = 5e-5, gelu_tanh = 1e-6, gelu = 1e-6, gelu_grad = 1e-6}

local function agrees(on_device, expected, op, what)
  truth(on_device.device == info.device, what .. ": the result is on " .. on_device.device)
  local options = tolerance(expected.dtype, op)
  options.what = what
  if ATOL[op] and options.ulp then options.atol = ATOL[op] end
  close(on_device:to("cpu"), expected, options)
end

test("to and back keep every dtype, layout and shape", function()
  for _, dtype in ipairs(dtypes) do
    for _, layout in ipairs(layouts.of(values(dtype, true))) do
      local there = layout.tensor:to("cl")
      equal(there.device:sub(1, 3), "cl:")
      equal(there.dtype, dtype)
      close(there:to("cpu"), layout.tensor, {rtol = 0, atol = 0, what = dtype .. " " .. layout.name})
      close(there:transpose(1, -1):to("cpu"), layout.tensor:transpose(1, -1), {rtol = 0, atol = 0})
    end
  end
end)

test("a large tensor passes through the stages whole", function()
  local x = ap.arange(1, 3 * 1024 * 1024 + 17, 1, {dtype = "i32"})
  local y = x:to("cl")
  equal(y:to("cpu"):eq(x):all():item(), true)
  equal(y:narrow(1, 5, 1024 * 1024 + 1):to("cpu"):eq(x:narrow(1, 5, 1024 * 1024 + 1)):all():item(), true)
end)

test("conversion between any two dtypes agrees with the CPU's", function()
  for i, from in ipairs(dtypes) do
    local x = values(from, true)
    local y = x:to("cl")
    for k, to in ipairs(dtypes) do
      local its_turn = full or from == "f32" or to == "f32" or (i + k) % 4 == 0
      if its_turn then close(y:to(to):to("cpu"), x:to(to), {rtol = 0, atol = 0, what = from .. " to " .. to}) end
    end
  end
end)

-- A tensor on the device with the layout of x: views of a copy of the whole storage.
local function same_layout(x)
  local size, stride = x:size(), x:stride()
  local room = 1
  for d = 1, #size do room = room + (size[d] - 1) * stride[d] end
  if x:numel() == 0 then return x:to("cl") end
  return x:as_strided({room}, {1}):to("cl"):as_strided(size, stride, 1)
end

-- Values of the parameters that are not all the default, so that a lost one is noticed.
local PARAMETER = {weight = 0.3, rtol = 0.25, atol = 0.5, lambda = 0.6, value = 7, alpha = 3,
  min = -1, max = 2, negative_slope = 0.2, beta = 2, threshold = 3, min_val = -0.6,
  max_val = 1.1}

local function call(op, tensors)
  for _, p in ipairs(op.params) do tensors[#tensors + 1] = PARAMETER[p[1]] or p[2] end
  return pcall(ap[op.name], table.unpack(tensors))
end

-- The same values one place further, in the layout of x.
local function rolled(x)
  local n = x:numel()
  if n < 2 then return x end
  local y = x:clone()
  local flat = x:reshape(-1)
  local moved = ap.empty({n}, {dtype = x.dtype})
  moved:narrow(1, 2, n - 1):copy_(flat:narrow(1, 1, n - 1))
  moved:narrow(1, 1, 1):copy_(flat:narrow(1, n, 1))
  y:copy_(moved:reshape(x:size()))
  return y
end

local function agrees_in(op, dtype, kinds)
  local ran = 0
  for _, layout in ipairs(layouts.of(values(dtype, true))) do
    if not kinds or kinds[layout.name] then
      local x = layout.tensor
      -- 0 * inf: whether tanh(-inf) is exactly -1 decides, and OpenCL leaves it an ulp.
      if op.name:find("^gelu_tanh") then x = x:clamp(-8, 8) end
      local what = ("%s %s %s"):format(op.name, dtype, layout.name)
      local here, there = {x}, {same_layout(x)}
      if op.arity == 2 then
        -- The same values in another order, so that operands differ; divisors of integers are not zero.
        local y = rolled(x)
        if not FLOATS[dtype] and dtype ~= "bool" then y = y:abs() + 1 end
        here[2], there[2] = y, same_layout(y)
      end
      if op.arity == 3 then
        for k = 2, 3 do
          local y = rolled(here[k - 1])
          here[k], there[k] = y, same_layout(y)
        end
      end
      local ok, expected = call(op, here)
      local good, got = call(op, there)
      equal(good, ok)
      if ok then
        agrees(got, expected, op.name, what)
        ran = ran + 1
      end
    end
  end
  return ran
end

for k, op in ipairs(ap.elementwise_ops()) do
  test(op.name .. ": agrees with the CPU", function()
    local ran = 0
    for _, dtype in ipairs(turns(k)) do
      local layout = k % 2 == 0 and "contiguous" or turn(STRIDED, k // 2)
      ran = ran + agrees_in(op, dtype, not full and {[layout] = true} or nil)
    end
    truth(ran > 0 or op.rule == "bitwise" and not full, "no dtype ran")
  end)
end

test("numbers, 0-dim tensors and broadcasting work as on the CPU", function()
  local x, y = values "f32":view(4, 4), values "f32":narrow(1, 1, 4)
  local a, b = x:to("cl"), y:to("cl")
  agrees(a + 1.5, x + 1.5, "add", "number")
  agrees(2 - a, 2 - x, "sub", "number first")
  agrees(a * b, x * y, "mul", "row")
  agrees(a * b:view(4, 1), x * y:view(4, 1), "mul", "column")
  agrees(a:t() / b, x:t() / y, "div", "transposed and row")
  agrees(a * ap.tensor(3.0), x * ap.tensor(3.0), "mul", "a 0-dim tensor of the CPU")
  agrees(a * b[2], x * y[2], "mul", "a 0-dim tensor of the device")
  agrees(ap.maximum(a, b), ap.maximum(x, y), "maximum", "maximum")
  agrees(a:gt(b), x:gt(y), "gt", "comparison")
  local i = ap.tensor({7, -7, 8}, {dtype = "i64"})
  agrees(i:to("cl") // ap.tensor({2, 2, -3}):to("i64"):to("cl"), i // ap.tensor({2, 2, -3}):to("i64"), "//", "i64")
end)

test("in-place ops, copies and fills write through views", function()
  local function steps(device)
    local x = ap.arange(1, 24, 1, {dtype = "f32"}):view(4, 6):to(device)
    x:narrow(2, 2, 3):mul_(2)
    x:t():add_(1)
    x[2] = 7
    x["3:4, ::2"] = ap.tensor({-1.0, -2.0, -3.0}):to(device)
    x:select(2, 6):copy_(ap.tensor({1, 2, 3, 4}, {dtype = "i32"}):to(device))
    x:narrow(1, 1, 2):exp_()
    x:clamp_(-1, 1e3)
    x:view(-1):narrow(1, 2, 7):add_(x:view(-1):narrow(1, 1, 7))
    return x
  end
  close(steps("cl"):to("cpu"), steps("cpu"))
end)

test("copy_ goes from device to device", function()
  local x, y = ap.zeros(2, 3), ap.ones(2, 3, {device = "cl"})
  x:copy_(y * 2)
  equal(x, ap.full({2, 3}, 2.0))
  y:t():copy_(ap.arange(1, 6):view(3, 2))
  equal(y:to("cpu"), ap.tensor {{1.0, 3, 5}, {2, 4, 6}})
end)

test("creation on the device gives what the CPU does", function()
  for _, dtype in ipairs(dtypes) do
    close(ap.full({2, 3}, 3, {dtype = dtype, device = "cl"}):to("cpu"), ap.full({2, 3}, 3, {dtype = dtype}), {atol = 0})
  end
  equal(ap.arange(2, 20, 3, {device = "cl"}):to("cpu"), ap.arange(2, 20, 3))
  close(ap.arange(0, 1, 0.1, {device = "cl"}):to("cpu"), ap.arange(0, 1, 0.1), {ulp = 1})
  close(ap.linspace(-1, 1, 7, {device = "cl"}):to("cpu"), ap.linspace(-1, 1, 7), {ulp = 1})
  equal(ap.eye(3, {device = "cl"}):to("cpu"), ap.eye(3))
  equal(ap.tensor({1, 2}, {device = "cl"}):to("cpu"), ap.tensor {1, 2})
  equal(ap.zeros_like(ap.ones(2, {device = "cl"})).device, info.device)
  equal(ap.zeros(0, 3, {device = "cl"}):size(), {0, 3})
end)

-- name -> call
local REDUCTIONS = {
  sum = function(x, d, k) return x:sum(d, k) end,
  prod = function(x, d, k) return x:prod(d, k) end,
  amax = function(x, d, k) return x:amax(d, k) end,
  amin = function(x, d, k) return x:amin(d, k) end,
  all = function(x, d, k) return x:all(d, k) end,
  any = function(x, d, k) return x:any(d, k) end,
  count_nonzero = function(x, d, k) return x:count_nonzero(d, k) end,
  mean = function(x, d, k) return x:mean(d, k) end,
  norm0 = function(x, d, k) return x:norm(0, d, k) end,
  norm1 = function(x, d, k) return x:norm(1, d, k) end,
  norm2 = function(x, d, k) return x:norm(2, d, k) end,
  norm3 = function(x, d, k) return x:norm(3, d, k) end,
  norminf = function(x, d, k) return x:norm(math.huge, d, k) end,
  ["norm-inf"] = function(x, d, k) return x:norm(-math.huge, d, k) end,
  var = function(x, d, k) return x:var(d, 1, k) end,
  std = function(x, d, k) return x:std(d, 0, k) end,
  logsumexp = function(x, d, k) return x:logsumexp(d, k) end,
}
local DIMS = {{}, {1}, {2}, {3}, {{1, 3}}, {2, true}, {{1, 2, 3}, true}}

for k, name in ipairs {"sum", "prod", "amax", "amin", "all", "any", "count_nonzero", "mean", "norm0", "norm1", "norm2",
  "norm3", "norminf", "norm-inf", "var", "std", "logsumexp"} do
  test(name .. ": agrees with the CPU over any dims, in every layout", function()
    local f = REDUCTIONS[name]
    for _, dtype in ipairs(turns(k)) do
      local x = (values(dtype):view(1, 1, -1):expand(3, 40, -1):contiguous())
      if FLOATS[dtype] then x = x * ap.linspace(0.5, 1, 40):view(1, 40, 1):to(dtype) end
      local shapes = {x, x:permute(3, 1, 2), x:narrow(2, 3, 20), x:narrow(2, 1, 0)}
      for _, layout in ipairs(full and shapes or {x, x:permute(3, 1, 2)}) do
        for _, dims in ipairs(full and DIMS or {turn(DIMS, k), turn(DIMS, k + 2)}) do
          local ok, expected = pcall(f, layout, dims[1], dims[2])
          local good, got = pcall(f, same_layout(layout), dims[1], dims[2])
          equal(good, ok)
          if ok then
            local tight = {f32 = {rtol = 1e-6}, f64 = {rtol = 1e-13}, f16 = {rtol = 2e-3}, bf16 = {rtol = 1e-2}}
            local options = tight[expected.dtype] or {rtol = 0, atol = 0}
            options.atol, options.what = 1e-7, ("%s %s"):format(name, dtype)
            close(got:to("cpu"), expected, options)
          end
        end
      end
    end
  end)
end

test("max, min, argmax and argmin agree with the CPU; ties go to the first, nan wins", function()
  local x = ap.tensor {{1, 5, 5, 2}, {0 / 0, 3, 0 / 0, 9}, {-1, -1, -math.huge, -1}}
  local wide = (ap.arange(1, 5000) * 7919 % 4999):to("f32")
  for _, dtype in ipairs {"f32", turns(3)[1], "i64"} do
    for _, t in ipairs {dtype == "i64" and x:narrow(1, 1, 1):to(dtype) or x:to(dtype), wide:view(2, -1):to(dtype)} do
      local y = same_layout(t)
      for d = 1, 2 do
        local v, i = y:max(d)
        local ev, ei = t:max(d)
        equal(v:to("cpu"), ev)
        equal(i:to("cpu"), ei)
        equal(y:argmin(d):to("cpu"), t:argmin(d))
      end
      equal(y:argmax():item(), t:argmax():item())
      equal(y:t():argmax():item(), t:t():argmax():item())
    end
  end
  raises("argmax: expected at least one element", function() ap.zeros(0, 3, {device = "cl"}):argmax(1) end)
end)

test("large sums are cut into chunks, stay exact and repeat bit for bit", function()
  local n = 1 << 20
  local x = ap.arange(1, n, 1, {device = "cl"})
  equal(x:sum():item(), n * (n + 1) // 2)
  equal(x:view(1024, 1024):sum(1):sum():item(), n * (n + 1) // 2)
  equal(x:view(1024, 1024):sum(2):sum():item(), n * (n + 1) // 2)
  equal(x:argmax():item(), n)
  local f = x:to("f32"):sin()
  local once = f:sum():item()
  for _ = 1, 5 do equal(f:sum():item(), once) end
end)

test("gradients flow through a small network, through to(), and agree with the CPU's", function()
  local function run(device)
    local x = ap.linspace(-1, 1, 12):view(3, 4)
    local w = ap.linspace(0.2, 0.9, 4):requires_grad_()
    local b = ap.linspace(-0.1, 0.1, 3):view(3, 1):requires_grad_()
    local hidden = (x:to(device) * w:to(device) + b:to(device)):tanh()
    local loss = (hidden:logsumexp(2) + hidden:var(2) + hidden["1:2, 2"]:sum()):mean()
    loss:backward()
    return loss:item(), w.grad, b.grad
  end
  local loss, w, b = run("cl")
  local expected, ew, eb = run("cpu")
  close(loss, expected, {rtol = 1e-6})
  equal(w.device, "cpu")
  close(w, ew, {rtol = 1e-5, atol = 1e-6})
  close(b, eb, {rtol = 1e-5, atol = 1e-6})
end)

test("a tensor on the device reads like one on the CPU: item, totable, size, device", function()
  local x = ap.tensor({{1.5, 2}, {3, 4}}, {device = "cl"})
  equal(x.device, info.device)
  equal(x[2][1]:item(), 3.0)
  equal(x:t():totable(), {{1.5, 3.0}, {2.0, 4.0}})
  equal(ap.tensor(true, {device = "cl"}):item(), true)
  equal(x:to("cl"), x)
  equal(x:to(x), x)
  equal(x:to("f64", "cpu").dtype, info.fp64 and "f64" or "f64")
end)

test("errors name the op, the devices and what helps", function()
  local x, y = ap.ones(2, 3), ap.ones(2, 3, {device = "cl"})
  raises('add: tensors on cpu and cl:%d+; move one with x:to%("cl:%d+"%)', function() return x + y end)
  raises('mul: tensors on cl:%d+ and cpu; move one with x:to%("cl:%d+"%)', function() return y * x end)
  raises("add_: the tensor in place is on the CPU", function() ap.tensor(1.0):add_(ap.ones(2, {device = "cl"})[1]) end)
  raises("to: no device 'cl:99': the last one is", function() return x:to("cl:99") end)
  raises("to: no device 'cl:x'", function() return x:to("cl:x") end)
  raises("to: no dtype or device 'gpu'", function() return x:to("gpu") end)
  raises("zeros: no device 'cuda'", function() return ap.zeros(2, {device = "cuda"}) end)
  raises("%(2x3%) and %(4%) do not broadcast", function() return y + ap.ones(4, {device = "cl"}) end)
  raises("out of memory on cl:%d+: %d+ bytes", function() return ap.empty(1 << 30, 1 << 14, {device = "cl"}) end)
  local i = ap.tensor({1, 0}, {device = "cl"})
  raises("floor_divide: integer division by zero", function() return i // i end)
  raises("pow: an integer to a negative integer power", function() return i ^ (i - 1) end)
  equal((x + 1):sum():item(), 12.0) -- the CPU goes on working, and so does the device
  equal((y + 1):sum():item(), 12.0)
end)

test("freed device memory is counted, cached and used again; a loop stays flat", function()
  collectgarbage()
  local before = ap.cl.memory()
  do
    local x = ap.ones(1000, 100, {device = "cl"})
    local live = ap.cl.memory().live - before.live
    truth(live >= x:numel() * 4 and live < x:numel() * 6, "live bytes: " .. live)
  end
  collectgarbage()
  equal(ap.cl.memory().live, before.live)
  local x = ap.ones(256, 1024, {device = "cl"})
  for _ = 1, 300 do x = x + 1 end
  truth(ap.cl.memory().live - before.live < 100 << 20, "live bytes: " .. ap.cl.memory().live)
  equal(x[1][1]:item(), 301.0)
end)

test("freed device memory: kept for the next turn of a loop, given back long after, and by empty_cache", function()
  ap.empty_cache()
  equal(ap.cl.memory().cached, 0)
  local function crest()
    local list = {}
    for i = 1, 20 do list[i] = ap.empty(1 << 21, {device = "cl"}) end -- 8 MB each
    return list[20].device
  end
  crest()
  collectgarbage()
  collectgarbage()
  local after = ap.cl.memory().cached
  truth(after > 150 << 20, "cached after the crest: " .. after)
  crest() -- from the cache
  collectgarbage()
  collectgarbage()
  equal(ap.cl.memory().cached, after)
  local x = ap.ones(1 << 18, {device = "cl"})
  for _ = 1, 3000 do local _ = ap.empty_like(x) end
  truth(ap.cl.memory().cached <= 64 << 20, "cached long after the crest: " .. ap.cl.memory().cached)
  ap.empty_cache()
  equal(ap.cl.memory().cached, 0)
end)

-- The disk cache, in processes of their own.
local function in_folder(folder, script, environment)
  -- PoCL keeps a cache of its own and fails where it cannot.
  local pocl = (os.getenv "XDG_CACHE_HOME" or os.getenv "HOME" .. "/.cache") .. "/pocl"
  return (program.run_script(script, ("XDG_CACHE_HOME=%s POCL_CACHE_DIR=%s %s"):format(program.quote(folder),
    program.quote(pocl), environment or "")))
end

local SQUARES = [[
local ap = require "apsis"
local x = ap.arange(1, 5, 1, {dtype = "f32"}):to("cl")
io.write(("%g %s"):format((x * x):sum():item(), x.device))
]]

local function entries(folder)
  local list = {}
  local pipe <close> = assert(io.popen("ls '" .. folder .. "/apsis' 2>/dev/null"))
  for name in pipe:lines() do list[#list + 1] = folder .. "/apsis/" .. name end
  return list
end

test("programs are cached on disk; a damaged entry is built again; without a folder it goes on", function()
  local folder = tmpname()
  os.remove(folder)
  local expected = "55 " .. info.device
  equal(in_folder(folder, SQUARES), expected)
  local files = entries(folder)
  truth(#files >= 2, "entries: " .. #files)
  equal(in_folder(folder, SQUARES), expected)
  equal(#entries(folder), #files)
  for i, path in ipairs(files) do
    local f = assert(io.open(path, "rb"))
    local data = f:read("a")
    f:close()
    f = assert(io.open(path, "wb"))
    f:write(i % 2 == 1 and data:sub(1, 100) or data:sub(1, 300) .. "damage" .. data:sub(307))
    f:close()
  end
  equal(in_folder(folder, SQUARES), expected)
  equal(#entries(folder), #files)
  os.execute("rm -r '" .. folder .. "'")
  equal(in_folder("/proc/none", SQUARES), expected)
end)

test("a kernel that does not compile is an error with the compiler's log, and the process lives", function()
  local text = in_folder("/proc/none", [[
local ap = require "apsis"
local x = ap.ones(3):to("cl")
local ok, message = pcall(function() return x:exp() end)
io.write(tostring(ok), " ", message, " ", ap.ones(3):exp():sum():item() > 8 and "alive" or "")
]], "APSIS_CL_FLAGS='-D COMPUTE=nonsense'")
  truth(text:find("false .*exp: elementwise.cl did not compile on cl:1 .*BUILD_PROGRAM_FAILURE.*nonsense.*alive"), text)
end)

test("APSIS_CL_DEVICE chooses by number and by name; a wrong one is an error", function()
  local folder = os.getenv("XDG_CACHE_HOME") or os.getenv("HOME") .. "/.cache"
  equal(in_folder(folder, SQUARES, "APSIS_CL_DEVICE=1"), "55 cl:1")
  local name = "APSIS_CL_DEVICE='" .. info.platform:sub(1, 8):lower() .. "'"
  equal(in_folder(folder, SQUARES, name), "55 " .. info.device)
  truth(in_folder(folder, SQUARES, "APSIS_CL_DEVICE=nowhere"):find("to: APSIS_CL_DEVICE is 'nowhere'"))
end)

test("without a driver the program starts, and to('cl') says what is missing", function()
  local text = in_folder("/proc/none", [[
local ap = require "apsis"
local _, message = pcall(function() ap.ones(2):to("cl") end)
io.write(tostring((ap.cl.is_available())), " ", #ap.cl.devices(), " ", message)
]], "OCL_ICD_VENDORS=/nowhere")
  truth(text:find("false 0 .*to: no device 'cl': OpenCL is installed, but no driver"), text)
end)

test("vectors for GPUs give the same", function()
  local text = in_folder(os.getenv("XDG_CACHE_HOME") or os.getenv("HOME") .. "/.cache", [[
local ap = require "apsis"
local x = ap.linspace(-2, 2, 1003)
for _, dtype in ipairs {"f32", "f16", "i8", "bool"} do
  local y = x:to(dtype)
  local z = y:to("cl")
  assert((z * z):to("cpu"):eq(y * y):all():item(), dtype)
  assert((z:narrow(1, 2, 1000) * 2):to("cpu"):eq(y:narrow(1, 2, 1000) * 2):all():item(), dtype)
end
io.write("same")
]], "APSIS_CL_TUNE=gpu")
  equal(text, "same")
end)

test("a device without double computes in float, sums without losing digits, and says that it has no f64", function()
  local text = in_folder(os.getenv "XDG_CACHE_HOME" or os.getenv "HOME" .. "/.cache", [[
local ap = require "apsis"
local x = ap.linspace(0, 1, 1 << 18)
local y = x:to("cl")
local function near(a, b)
  a, b = a:item(), b:item()
  assert(math.abs(a - b) <= 5e-7 * math.abs(b), a .. " " .. b)
end
near(y:sum(), x:sum())
near(y:std(), x:std())
near(y:norm(), x:norm())
near(y:logsumexp(), x:logsumexp())
near(y:view(512, 512):sum(1)[512], x:view(512, 512):sum(1)[512])
near(y:exp()[77], x:exp()[77])
assert(ap.arange(1, 1000, 1, {device = "cl"}):sum():item() == 500500)
io.write(select(2, pcall(function() return y:to("f64") end)))
]], "APSIS_CL_TUNE=nofp64")
  truth(text:find("cl:1 .* has no f64; use f32"), text)
end)
