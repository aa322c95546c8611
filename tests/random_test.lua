-- Random numbers: the generator against its published vectors, the distributions against their closed forms.
local ap = require "apsis"

-- Philox 4x32-10 from the paper's description, word by word.
local function philox(counter, key)
  local x, k = {table.unpack(counter)}, {table.unpack(key)}
  for _ = 1, 10 do
    local a, b = 0xD2511F53 * x[1], 0xCD9E8D57 * x[3] -- 64-bit products
    x = {(b >> 32) ~ x[2] ~ k[1], b & 0xffffffff, (a >> 32) ~ x[4] ~ k[2], a & 0xffffffff}
    k = {(k[1] + 0x9E3779B9) & 0xffffffff, (k[2] + 0xBB67AE85) & 0xffffffff}
  end
  return x
end

test("Philox: the reference of this test gives Random123's known answers", function()
  equal(philox({0, 0, 0, 0}, {0, 0}), {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8})
  local ones = 0xffffffff
  equal(philox({ones, ones, ones, ones}, {ones, ones}), {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd})
  equal(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
    {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1})
end)

test("Philox: the bits of a draw are the reference's, for any seed and place", function()
  for _, seed in ipairs {0, 1, -1, 0x299f31d0a4093822} do
    for _, offset in ipairs {0, 5, 0xfffffffe, 0x85a308d3243f6a88} do
      ap.set_rng_state {seed, offset}
      local drawn = ap.randint(math.mininteger, math.maxinteger, {300}):totable()
      for i = 0, 149 do
        local counter = offset + i
        local w = philox({counter & 0xffffffff, counter >> 32, 0, 0}, {seed & 0xffffffff, seed >> 32})
        for half = 0, 1 do
          local bits = (w[2 * half + 1] << 32 | w[2 * half + 2]) + math.mininteger
          if drawn[2 * i + half + 1] ~= bits then
            equal({seed, offset, i, drawn[2 * i + half + 1]}, {seed, offset, i, bits})
          end
        end
      end
    end
  end
end)

test("rand: the upper bits of the words, in f32 24 of them, in f64 53", function()
  ap.manual_seed(7)
  local single = ap.rand(8):totable()
  ap.manual_seed(7)
  local double = ap.rand({4}, {dtype = "f64"}):totable()
  local first, second = philox({0, 0, 0, 0}, {7, 0}), philox({1, 0, 0, 0}, {7, 0})
  for i = 1, 4 do
    equal(single[i], (first[i] >> 8) / 2 ^ 24)
    equal(single[4 + i], (second[i] >> 8) / 2 ^ 24)
  end
  equal(double[2], ((first[3] >> 5) * 2 ^ 26 + (first[4] >> 6)) / 2 ^ 53)
end)

test("manual_seed: the same numbers again; draws go on from each other; states go back", function()
  ap.manual_seed(3)
  local a, b = ap.randn(5), ap.randn(5)
  truth(not pcall(close, a, b))
  ap.manual_seed(3)
  equal({ap.randn(5), ap.randn(5)}, {a, b})
  local state = ap.get_rng_state()
  local c = ap.rand(3)
  ap.set_rng_state(state)
  equal(ap.rand(3), c)
  equal(ap.initial_seed(), 3)
end)

test("draws do not depend on how many there are, on strides, nor on threads", function()
  ap.manual_seed(1)
  local long = ap.randn(100000)
  ap.manual_seed(1)
  close(ap.randn(1000), long:narrow(1, 1, 1000), {atol = 0})
  ap.manual_seed(1)
  local strided = ap.zeros(1000, 2):select(2, 1)
  close(strided:normal_(), long:narrow(1, 1, 1000):contiguous(), {atol = 0})
  if ap.set_num_threads then
    local before = ap.get_num_threads()
    ap.set_num_threads(1)
    ap.manual_seed(1)
    close(ap.randn(100000), long, {atol = 0})
    ap.set_num_threads(before)
  end
end)

local distance = require "support.statistics".distance

local function normal_distribution(v)
  return (1 + ap.tensor({v / math.sqrt(2)}, {dtype = "f64"}):erf():item()) / 2
end

test("rand, randn, exponential_: the distributions that their names say", function()
  ap.manual_seed(11)
  for _, dtype in ipairs {"f32", "f64"} do
    truth(distance(ap.rand({5000}, {dtype = dtype}), function(v) return v end) < 1.95)
    truth(distance(ap.randn({5000}, {dtype = dtype}), normal_distribution) < 1.95)
    local exponential = ap.empty({5000}, {dtype = dtype}):exponential_(2.5)
    truth(distance(exponential, function(v) return 1 - math.exp(-2.5 * v) end) < 1.95)
    local shifted = ap.empty({5000}, {dtype = dtype}):uniform_(-3, 5)
    truth(distance(shifted, function(v) return (v + 3) / 8 end) < 1.95)
    local scaled = ap.empty({5000}, {dtype = dtype}):normal_(2, 0.5)
    truth(distance(scaled, function(v) return normal_distribution((v - 2) / 0.5) end) < 1.95)
  end
end)

test("randn: moments of a million numbers, and no correlation of neighbours", function()
  ap.manual_seed(5)
  local x = ap.randn({1000000}, {dtype = "f64"})
  local n = math.sqrt(1000000)
  truth(math.abs(x:mean():item()) < 4 / n)
  truth(math.abs((x * x):mean():item() - 1) < 4 * math.sqrt(2) / n)
  truth(math.abs((x * x * x):mean():item()) < 4 * math.sqrt(15) / n)
  truth(math.abs((x * x * x * x):mean():item() - 3) < 4 * math.sqrt(96) / n)
  for lag = 1, 4 do
    local count = x:numel() - lag
    local product = (x:narrow(1, 1, count) * x:narrow(1, 1 + lag, count)):mean():item()
    truth(math.abs(product) < 4 / n, "correlation at lag " .. lag)
  end
end)

-- Pearson's chi-square statistic of counts beside what is expected.
local function chi_square(counts, expected)
  local sum = 0
  for i, count in ipairs(counts) do sum = sum + (count - expected[i]) ^ 2 / expected[i] end
  return sum
end

local function counts_of(x, n)
  local counts = {}
  for i = 1, n do counts[i] = x:eq(i):sum():item() end
  return counts
end

test("randint: both ends, evenly (chi-square, 5 degrees: 20.5 is exceeded once in 1,000)", function()
  ap.manual_seed(2)
  local x = ap.randint(6, {60000})
  equal({x.dtype, x:amin():item(), x:amax():item()}, {"i64", 1, 6})
  truth(chi_square(counts_of(x, 6), {10000, 10000, 10000, 10000, 10000, 10000}) < 20.5)
  local wide = ap.randint(-3000000000, 3000000000, {10000})
  truth(distance(wide, function(v) return (v + 3e9) / 6e9 end) < 1.95)
  equal(ap.randint(4, 4, {3}, {dtype = "u8"}):totable(), {4, 4, 4})
  equal(ap.zeros(3, {dtype = "i32"}):random_(7, 7):totable(), {7, 7, 7})
end)

test("randperm: every number once, every order as likely (chi-square, 23 degrees: 49.7)", function()
  ap.manual_seed(4)
  equal(ap.randperm(1000):sort():totable(), ap.arange(1000):totable())
  equal({ap.randperm(0).shape, ap.randperm(1):totable()}, {{0}, {1}})
  local seen, counts, expected = {}, {}, {}
  for _ = 1, 4800 do
    local order = table.concat(ap.randperm(4):totable())
    seen[order] = (seen[order] or 0) + 1
  end
  for _, count in pairs(seen) do counts[#counts + 1], expected[#expected + 1] = count, 200 end
  equal(#counts, 24)
  truth(chi_square(counts, expected) < 49.7)
end)

test("bernoulli: the share of ones; 0 and 1 for certain", function()
  ap.manual_seed(6)
  local x = ap.empty(100000):bernoulli_(0.3)
  truth(math.abs(x:mean():item() - 0.3) < 4 * math.sqrt(0.21 / 100000))
  equal({x:amin():item(), x:amax():item()}, {0.0, 1.0})
  equal(ap.bernoulli(ap.tensor {0.0, 1, 0, 1}):totable(), {0.0, 1.0, 0.0, 1.0})
  local each = ap.empty(2, 50000):bernoulli_(ap.tensor {{0.1}, {0.8}}):mean(2):totable()
  truth(math.abs(each[1] - 0.1) < 0.006 and math.abs(each[2] - 0.8) < 0.008)
  equal(ap.zeros(4, {dtype = "bool"}):bernoulli_(1):totable(), {true, true, true, true})
end)

test("multinomial: weights are shares, with replacement and without", function()
  ap.manual_seed(8)
  local w = ap.tensor {1.0, 0, 3, 6}
  local x = ap.multinomial(w, 50000, true)
  local counts = counts_of(x, 4)
  equal(counts[2], 0)
  truth(chi_square({counts[1], counts[3], counts[4]}, {5000, 15000, 30000}) < 13.8)
  local first = {0, 0, 0, 0}
  for _ = 1, 3000 do
    local pair = ap.multinomial(w, 2):totable()
    truth(pair[1] ~= pair[2])
    first[pair[1]] = first[pair[1]] + 1
  end
  truth(chi_square({first[1], first[3], first[4]}, {300, 900, 1800}) < 13.8)
  equal(ap.multinomial(ap.eye(3), 1):totable(), {{1}, {2}, {3}})
  raises("multinomial: 4 draws without replacement from 3 weights above 0", ap.multinomial, w, 4)
  raises("multinomial: expected finite weights", ap.multinomial, -w, 1)
end)

test("dropout: the share dropped, the rest scaled; the gradient drops the same", function()
  ap.manual_seed(9)
  local x = ap.ones(100000, {requires_grad = true})
  local y = ap.dropout(x, 0.2)
  truth(math.abs(y:eq(0):to("f32"):mean():item() - 0.2) < 4 * math.sqrt(0.16 / 100000))
  close(y:amax():item(), 1.25, {rtol = 1e-6})
  y:sum():backward()
  close(x.grad, y:detach(), {atol = 0})
  truth(rawequal(ap.dropout(x, 0.2, false), x) and rawequal(ap.dropout(x, 0), x))
  equal(ap.dropout(x, 1):sum():item(), 0.0)
  local strided = ap.ones(4, 3):t()
  equal(ap.dropout(strided, 0.5).shape, {3, 4})
  local leaf = ap.ones({6}, {dtype = "f64", requires_grad = true})
  local seed, offset = ap.take_random(6)
  ap.autograd.gradgradcheck(function(v) return ap.dropout_at(v, 0.5, seed, offset):sin() end, {leaf})
end)

test("half precision: [0, 1) still, and 1 is never reached", function()
  ap.manual_seed(10)
  for _, dtype in ipairs {"f16", "bf16"} do
    local x = ap.rand({200000}, {dtype = dtype})
    truth(x:amax():item() < 1 and x:amin():item() >= 0)
    truth(ap.empty({200000}, {dtype = dtype}):uniform_(3, 4):amax():item() < 4)
    truth(math.abs(ap.randn({200000}, {dtype = dtype}):to("f32"):std():item() - 1) < 0.01)
  end
end)

test("uniform_: limits closer than the dtype tells apart give the lower one", function()
  equal(ap.zeros(3):uniform_(1, 1 + 1e-12):totable(), {1.0, 1.0, 1.0})
end)

test("data.permutation: a function of its arguments that leaves the generator where it is", function()
  local state, permutation = ap.get_rng_state(), require("apsis.data").permutation
  local a, b, c = permutation(100, 5, 1), permutation(100, 5, 2), permutation(100, 6, 1)
  equal(ap.get_rng_state(), state)
  equal(permutation(100, 5, 1), a)
  equal(a:sort():totable(), ap.arange(100):totable())
  truth(not a:eq(b):all():item() and not a:eq(c):all():item())
end)

test("draws on another device are the CPU's", function()
  if not ap.cl.is_available() then return end
  local draws = {
    function(o) return ap.rand({1001}, o) end,
    function(o) return ap.randn({7, 11}, o) end,
    function(o) return ap.randint(-5, 70000, {33}, o) end,
    function(o) return ap.randperm(50, o) end,
    function(o) return ap.full({300}, 0.25, o):bernoulli() end,
    function(o) return ap.zeros({20, 3}, o):t():exponential_(2) end,
    function(o) return ap.dropout(ap.ones({300}, o), 0.5) end,
  }
  for _, draw in ipairs(draws) do
    ap.manual_seed(21)
    local here = draw {device = "cpu"}
    ap.manual_seed(21)
    local there = draw {device = "cl"}
    equal(there.device, ap.zeros({1}, {device = "cl"}).device)
    equal(there:to "cpu", here)
  end
end)

test("random: wrong arguments say what was expected", function()
  raises("uniform_: expected limits from low to high, .*got 2, 1", function() ap.zeros(2):uniform_(2, 1) end)
  raises("uniform_: expected a floating%-point tensor, got i64", function() ap.arange(3):uniform_() end)
  raises("normal_: expected a deviation of at least 0, got %-1", function() ap.zeros(2):normal_(0, -1) end)
  raises("randint: expected a range from low to high, got 3, 2", ap.randint, 3, 2, {1})
  raises("uniform_: expected limits", function() ap.zeros(2):uniform_(-3e38, 3e38) end)
  raises("rand: expected a floating%-point tensor, got i32", ap.rand, 3, {dtype = "i32"})
  raises("randint: 1 to 256 is beyond u8, which holds 0 to 255", ap.randint, 256, {1}, {dtype = "u8"})
  raises("randint: 0 to 5000 is beyond f16", ap.randint, 0, 5000, {1}, {dtype = "f16"})
  raises("randperm: 0 to 300 is beyond bf16", ap.randperm, 300, {dtype = "bf16"})
  raises("randint: argument 3: expected a shape", ap.randint, 1, 2)
  raises("bernoulli: expected probabilities from 0 to 1", ap.bernoulli, ap.tensor {0.5, 1.5})
  raises("dropout: argument 2: expected a probability from 0 to 1, got 1.5", ap.dropout, ap.ones(2), 1.5)
  raises("exponential_: expected a rate above 0, got 0", function() ap.zeros(2):exponential_(0) end)
  raises("randperm: expected at least 0, got %-1", ap.randperm, -1)
  raises("uniform_: elements of the tensor share memory", function() ap.zeros(1):expand(3):uniform_() end)
  raises("manual_seed: argument 1: expected an integer", ap.manual_seed, 1.5)
end)
