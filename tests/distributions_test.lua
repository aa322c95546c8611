--- Draws from further distributions: against their closed forms with fixed seeds; generators of their own.

local ap = require "apsis"

local distance = require "support.statistics".distance

local function erf(v) return ap.tensor({v}, {dtype = "f64"}):erf():item() end

-- Pearson's statistic of the values low..high of x (the ends gather what lies beyond) beside probabilities p(k), minus
-- the mean of its distribution, in deviations: beyond 4 with probability below 0.001.
local function surprise(x, low, high, p)
  local n, chi, rest_p, rest = x:numel(), 0, 1, x:numel()
  for k = low, high do
    local expected, count = n * p(k), x:eq(k):sum():item()
    chi = chi + (count - expected) ^ 2 / expected
    rest_p, rest = rest_p - p(k), rest - count
  end
  if rest_p * n > 1 then chi = chi + (rest - rest_p * n) ^ 2 / (rest_p * n) end
  local freedom = high - low + 1
  return (chi - freedom) / math.sqrt(2 * freedom)
end

local function log_factorial(k) return ap.tensor({k + 1.0}, {dtype = "f64"}):lgamma():item() end

test("standard_gamma, gamma_: shapes whose distribution has a closed form", function()
  ap.manual_seed(31)
  local forms = {
    [0.5] = function(v) return erf(math.sqrt(v)) end,
    [1] = function(v) return 1 - math.exp(-v) end,
    [2] = function(v) return 1 - math.exp(-v) * (1 + v) end,
    [5] = function(v) return 1 - math.exp(-v) * (1 + v + v ^ 2 / 2 + v ^ 3 / 6 + v ^ 4 / 24) end,
  }
  for shape, F in pairs(forms) do
    for _, dtype in ipairs {"f32", "f64"} do
      truth(distance(ap.standard_gamma(ap.full({4000}, shape, {dtype = dtype})), F) < 1.95, "shape " .. shape)
    end
  end
  local x = ap.empty({4000}, {dtype = "f64"}):gamma_(2, 3)
  truth(distance(x, function(v) return forms[2](3 * v) end) < 1.95)
  local large = ap.standard_gamma(ap.full({20000}, 400.0))
  truth(math.abs(large:mean():item() - 400) < 4 * 20 / math.sqrt(20000))
  truth(math.abs(large:var():item() - 400) < 400 * 4 * math.sqrt(2 / 20000))
  local small = ap.standard_gamma(ap.full({20000}, 0.01, {dtype = "f64"}))
  truth(math.abs(small:mean():item() - 0.01) < 4 * 0.1 / math.sqrt(20000) and small:amin():item() >= 0)
  equal(ap.standard_gamma(ap.tensor {-1.0, 0.0}):isnan():totable(), {true, false})
end)

test("poisson: small rates, large ones, none", function()
  ap.manual_seed(32)
  for _, rate in ipairs {0.3, 3, 9.9, 10.1, 25, 60} do
    local x = ap.poisson(ap.full({20000}, rate, {dtype = "f64"}))
    local spread = math.sqrt(rate)
    local low, high = math.max(0, math.floor(rate - 2.5 * spread)), math.ceil(rate + 2.5 * spread)
    local s = surprise(x, low, high, function(k) return math.exp(k * math.log(rate) - rate - log_factorial(k)) end)
    truth(math.abs(s) < 4, ("rate %g: %g"):format(rate, s))
  end
  for _, rate in ipairs {1e4, 1e8, 1e12} do
    local x = ap.poisson(ap.full({20000}, rate, {dtype = "f64"})) - rate
    truth(math.abs(x:mean():item()) < 4 * math.sqrt(rate / 20000), "mean " .. rate)
    truth(math.abs(x:var():item() / rate - 1) < 4 * math.sqrt(2 / 20000), "variance " .. rate)
  end
  equal(ap.poisson(ap.zeros(3)):totable(), {0.0, 0.0, 0.0})
  equal(ap.poisson(ap.full({5}, 3, {dtype = "f16"})).dtype, "f16")
end)

test("binomial: few and many tries, both sides of a half", function()
  ap.manual_seed(33)
  for _, case in ipairs {{10, 0.3}, {10, 0.85}, {100, 0.04}, {100, 0.4}, {300, 0.9}, {40, 0.5}} do
    local n, p = case[1], case[2]
    local x = ap.binomial(ap.full({20000}, n, {dtype = "f64"}), p)
    truth(x:amin():item() >= 0 and x:amax():item() <= n)
    local spread = math.sqrt(n * p * (1 - p))
    local low = math.max(0, math.floor(n * p - 2.5 * spread))
    local high = math.min(n, math.ceil(n * p + 2.5 * spread))
    local s = surprise(x, low, high, function(k)
      return math.exp(log_factorial(n) - log_factorial(k) - log_factorial(n - k) + k * math.log(p)
        + (n - k) * math.log(1 - p))
    end)
    truth(math.abs(s) < 4, ("%d tries of %g: %g"):format(n, p, s))
  end
  equal(ap.binomial(ap.tensor {5.0, 5, 0}, ap.tensor {0.0, 1, 0.5}):totable(), {0.0, 5.0, 0.0})
  equal(ap.binomial(ap.full({2, 1}, 4.0), ap.full({3}, 0.5)).shape, {2, 3})
  local many = ap.binomial(ap.full({20000}, 1e9, {dtype = "f64"}), 0.25)
  truth(math.abs(many:mean():item() - 2.5e8) < 4 * math.sqrt(1.875e8 / 20000))
end)

test("cauchy_, log_normal_, geometric_, normal: the distributions that their names say", function()
  ap.manual_seed(34)
  for _, dtype in ipairs {"f32", "f64"} do
    truth(distance(ap.empty({5000}, {dtype = dtype}):cauchy_(2, 0.5),
      function(v) return math.atan((v - 2) / 0.5) / math.pi + 0.5 end) < 1.95)
    truth(distance(ap.empty({5000}, {dtype = dtype}):log_normal_(0.5, 0.25),
      function(v) return (1 + erf((math.log(v) - 0.5) / 0.25 / math.sqrt(2))) / 2 end) < 1.95)
  end
  for _, dtype in ipairs {"f32", "i64"} do
    local x = ap.zeros({20000}, {dtype = dtype}):geometric_(0.2)
    equal(x.dtype, dtype)
    truth(math.abs(surprise(x, 1, 15, function(k) return 0.2 * 0.8 ^ (k - 1) end)) < 4)
  end
  equal(ap.zeros(3):geometric_(1):totable(), {1.0, 1.0, 1.0})
  local z = ap.normal(ap.full({5000}, 3.0), 0.5)
  truth(distance(z, function(v) return (1 + erf((v - 3) / 0.5 / math.sqrt(2))) / 2 end) < 1.95)
  equal(ap.normal(0, 1, {2, 3}, {dtype = "f64"}).dtype, "f64")
end)

test("dirichlet: rows add up to 1; a coordinate of two is uniform, and of a few strong ones has its moments", function()
  ap.manual_seed(35)
  local x = ap.dirichlet(ap.ones({4000, 2}, {dtype = "f64"}))
  close(x:sum(2), ap.ones({4000}, {dtype = "f64"}))
  truth(distance(x:select(2, 1), function(v) return v end) < 1.95)
  local y = ap.dirichlet(ap.tensor({2.0, 3, 5}):expand(20000, 3))
  for k, alpha in ipairs {2, 3, 5} do
    local mean, var = alpha / 10, alpha * (10 - alpha) / (100 * 11)
    truth(math.abs(y:select(2, k):mean():item() - mean) < 4 * math.sqrt(var / 20000))
  end
  truth(not ap.dirichlet(ap.full({100, 3}, 1e-4)):isnan():any():item())
end)

test("a generator of its own gives what the common one gives, and leaves that where it is", function()
  ap.manual_seed(7)
  local expected = {ap.rand(3), ap.randn(3), ap.randint(1, 9, {4}), ap.randperm(5), ap.zeros(2):uniform_(1, 2),
    ap.bernoulli(ap.full({5}, 0.5)), ap.poisson(ap.full({3}, 4.0)), ap.multinomial(ap.ones(4), 2),
    ap.zeros(3):cauchy_(), ap.normal(1, 2, {3})}
  ap.manual_seed(1)
  local before = ap.get_rng_state()
  local g = ap.Generator(7)
  local o = {generator = g}
  local got = {ap.rand(3, o), ap.randn({3}, o), ap.randint(1, 9, {4}, o), ap.randperm(5, o),
    ap.zeros(2):uniform_ {from = 1, to = 2, generator = g}, ap.bernoulli(ap.full({5}, 0.5), o),
    ap.poisson(ap.full({3}, 4.0), o), ap.multinomial(ap.ones(4), 2, o), ap.zeros(3):cauchy_(o),
    ap.normal(1, 2, {3}, o)}
  equal(got, expected)
  equal(ap.get_rng_state(), before)
  equal(g:initial_seed(), 7)
  local state = g:get_state()
  local a = ap.rand(2, o)
  equal(ap.rand(2, {generator = g:set_state(state), dtype = "f32"}), a)
  pcall(ap.rand, -3, o)
  equal(ap.get_rng_state(), before)
  raises("rand: generator: expected an ap.Generator, got a number", ap.rand, 3, {generator = 5})
  raises("Generator: expected an integer", ap.Generator, 1.5)
end)

test("fork_rng puts the generator back, after an error too; seed gives numbers that nobody chose", function()
  ap.manual_seed(3)
  local state = ap.get_rng_state()
  local inside = ap.fork_rng(function(n) return ap.rand(n) end, 4)
  equal(ap.get_rng_state(), state)
  equal(ap.rand(4), inside)
  state = ap.get_rng_state()
  do
    local _ <close> = ap.fork_rng()
    ap.manual_seed(99)
  end
  pcall(ap.fork_rng, function()
    ap.rand(3)
    error "x"
  end)
  equal(ap.get_rng_state(), state)
  truth(ap.seed() ~= ap.seed())
end)

test("draws do not depend on threads nor on what follows; on another device they are the CPU's", function()
  local shape = ap.linspace(0.1, 30, 3000)
  ap.manual_seed(41)
  local gamma, poisson = ap.standard_gamma(shape), ap.poisson(shape)
  local threads = ap.get_num_threads()
  ap.set_num_threads(1)
  ap.manual_seed(41)
  equal(ap.standard_gamma(shape), gamma)
  equal(ap.poisson(shape), poisson)
  ap.set_num_threads(threads)
  if not ap.cl.is_available() then return end
  ap.manual_seed(41)
  equal(ap.standard_gamma(shape:to "cl"):to "cpu", gamma:to "cpu")
  equal(ap.poisson(shape:to "cl"):to "cpu", poisson:to "cpu")
  ap.manual_seed(42)
  local tries = ap.binomial(ap.full({500}, 50.0, {device = "cpu"}), 0.3):to "cpu"
  ap.manual_seed(42)
  equal(ap.binomial(ap.full({500}, 50.0, {device = "cl"}), 0.3):to "cpu", tries)
end)

test("wrong arguments say what was expected", function()
  raises("poisson: expected rates from 0", ap.poisson, ap.tensor {-1.0})
  raises("poisson: expected a floating%-point tensor, got i64", ap.poisson, ap.tensor {1})
  raises("binomial: expected probabilities from 0 to 1", ap.binomial, ap.tensor {3.0}, 1.5)
  raises("geometric_: argument 2: expected a probability above 0 and up to 1, got 0", function()
    ap.zeros(2):geometric_(0)
  end)
  raises("cauchy_: argument 3: expected a number above 0, got %-1", function() ap.zeros(2):cauchy_(0, -1) end)
  raises("standard_gamma: has no gradient rule", ap.standard_gamma, ap.ones(2, {requires_grad = true}))
  raises("normal: argument 3: expected a shape", ap.normal, 0, 1)
  raises("dirichlet: expected at least 1 dimension", ap.dirichlet, ap.tensor(1.0))
end)
