--- The default dtype and device: what they reach, and that they do not reach what the library makes for itself.

local ap = require "apsis"
local opinfo = require "support.opinfo"

-- Calls f under other defaults, and puts f32 and the CPU back.
local function under(dtype, device, f, ...)
  local function body(...)
    ap.set_default_dtype(dtype or "f32")
    ap.set_default_device(device or "cpu")
    return f(...)
  end
  local results = table.pack(pcall(body, ...))
  ap.set_default_dtype "f32"
  ap.set_default_device "cpu"
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

local MADE = {
  tensor = function() return ap.tensor {1.5, 2} end,
  ["tensor of nothing"] = function() return ap.tensor {} end,
  zeros = function() return ap.zeros(2) end,
  ones = function() return ap.ones(2) end,
  empty = function() return ap.empty(2) end,
  full = function() return ap.full({2}, 1.5) end,
  eye = function() return ap.eye(2) end,
  arange = function() return ap.arange(1, 2, 0.5) end,
  linspace = function() return ap.linspace(0, 1, 3) end,
  logspace = function() return ap.logspace(0, 1, 3) end,
  rand = function() return ap.rand(2) end,
  randn = function() return ap.randn(2) end,
  normal = function() return ap.normal(0, 1, {2}) end,
  scalar_tensor = function() return ap.scalar_tensor(1) end,
  as_tensor = function() return ap.as_tensor(1.5) end,
  hann_window = function() return ap.hann_window(4) end,
  kaiser_window = function() return ap.kaiser_window(4) end,
  ["fft.fftfreq"] = function() return ap.fft.fftfreq(4) end,
  ["nn.Linear"] = function() return ap.nn.Linear(2, 3).weight end,
  ["nn.BatchNorm2d"] = function() return ap.nn.BatchNorm2d(2).running_mean end,
}

local names = {}
for name in pairs(MADE) do names[#names + 1] = name end
table.sort(names)

for _, name in ipairs(names) do
  test(name .. ": made in the default dtype, on the default device", function()
    equal(MADE[name]().dtype, "f32")
    for _, dtype in ipairs {"f64", "f16", "bf16"} do
      local x = under(dtype, nil, MADE[name])
      equal(x.dtype, dtype)
    end
    local device = require "support.device".name -- the tests' layers are made there anyway
    if not device then equal(MADE[name]().device, "cpu") end
    if device then truth(under(nil, device, MADE[name]).device ~= "cpu") end
  end)
end

test("positions in triangles, ranges and permutations are on the default device", function()
  local device = pcall(function() return ap.ones(1):to "cl" end) and "cl" or "cpu"
  under(nil, device, function()
    for _, x in ipairs {ap.tril_indices(3, 3), ap.triu_indices(2, 2, {offset = 1, dtype = "i32"}), ap.arange(3),
      ap.randperm(3), ap.randint(5, {2})} do
      equal(x.device:match "%l+", device)
    end
    equal(ap.triu_indices(2, 2, {device = "cpu"}).device, "cpu")
  end)
end)

test("integers stay integers, and a dtype that is given counts", function()
  under("f64", nil, function()
    equal({ap.tensor {1, 2}.dtype, ap.full({1}, 3).dtype, ap.arange(3).dtype, ap.tensor {true}.dtype,
      ap.zeros({1}, {dtype = "f16"}).dtype, ap.zeros_like(ap.ones({1}, {dtype = "f32"})).dtype},
      {"i64", "i64", "i64", "bool", "f16", "f32"})
  end)
end)

test("what is computed in floating point from integers, and Lua's numbers beside them", function()
  local i, b, f = ap.tensor {1, 2}, ap.tensor {true, false}, ap.tensor({1.5}, {dtype = "f32"})
  local function dtypes()
    return {(i + 2.5).dtype, (b * 1.5).dtype, (i / i).dtype, i:exp().dtype, i:logsumexp(1).dtype, i:cov().dtype,
      ap.where(b, 1.5, 2.5).dtype, i:clamp(0.5).dtype, ap.result_type(i, 2.5), ap.finfo().dtype, ap.fft.rfft(i).dtype,
      i:trapezoid().dtype}
  end
  for _, dtype in ipairs {"f32", "f64", "f16"} do
    local expected = {}
    for k = 1, 12 do expected[k] = dtype end
    equal(under(dtype, nil, dtypes), expected)
  end
  under("f64", nil, function()
    equal({(i * f).dtype, (f * 2.5).dtype, (i + 2).dtype, i:float_power(2).dtype}, {"f32", "f32", "i64", "f64"})
    close(ap.tensor {0.1} * 3, {0.1 * 3}, {rtol = 1e-15})
    equal((i / 3)[1]:item(), 1 / 3)
  end)
end)

test("only floating dtypes and devices that there are can be defaults", function()
  raises("set_default_dtype: expected a floating dtype, f32, f64, f16 or bf16, got i32", ap.set_default_dtype, "i32")
  raises("set_default_dtype: argument 1: no dtype 'float128'", ap.set_default_dtype, "float128")
  raises("set_default_device: no device 'gpu'", ap.set_default_device, "gpu")
  raises("set_default_device: argument 1: expected a string", ap.set_default_device)
  equal({ap.get_default_dtype(), ap.get_default_device()}, {"f32", "cpu"})
end)

-- --- what the library makes for itself -------------------------------------------------------------------------------

local function plain(v)
  if type(v) ~= "table" then return v end
  if v.is_entry then return v.tensor:detach():to("cpu"):clone() end
  local list = {}
  for k, item in pairs(v) do list[k] = plain(item) end
  return list
end

local function has_floats(v)
  if ap.is_tensor(v) then return v.dtype == "f64" end
  if type(v) == "table" then
    for _, item in pairs(v) do if has_floats(item) then return true end end
  end
  return false
end

local function same(a, b, what)
  if type(a) == "table" then
    for k in pairs(a) do same(a[k], b[k], what) end
  elseif ap.is_tensor(a) then
    truth(a.dtype == b.dtype and a.device == b.device and a:bytes() == b:bytes(), what)
  end
end

-- Results of random numbers, and of memory as it is.
local NEVER_EQUAL = {empty = true, empty_like = true, new_empty = true}

for _, family in ipairs(opinfo.families) do
  test(("%s: every op gives the same under other defaults"):format(family), function()
    if require "support.device".name then return end -- the run on the CPU looks at both
    local calls, order = opinfo.read(family)
    local device = pcall(function() return ap.ones(1):to "cl" end) and "cl" or nil
    for _, name in ipairs(order) do
      for k = 1, math.min(#calls[name], 3) do
        local call = calls[name][k]
        local f, given = opinfo.resolve(name), plain(call.arguments)
        if has_floats(given) and not NEVER_EQUAL[name] then
          local function run(arguments)
            ap.manual_seed(1)
            return {f(table.unpack(arguments, 1, call.arguments.n))}
          end
          local expected, what = run(plain(call.arguments)), call.line
          same(expected, under("f16", nil, run, given), what .. ", default dtype f16")
          if device then
            local ok, got = pcall(under, nil, device, run, plain(call.arguments))
            truth(ok, ("%s, default device: %s"):format(what, got))
            same(expected, got, what .. ", default device")
          end
        end
      end
    end
  end)
end
