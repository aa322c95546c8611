--- Random numbers. The generator is counter-based (Philox 4x32-10, Salmon et al. 2011): an element depends on the seed,
--- on what was drawn before and on its place, never on the number of threads.

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local rule, define = core.rule, core.define

--- All of them take {generator = ap.Generator(seed)} among their last options (stdlib/ops/generator.lua); further
--- distributions are in stdlib/ops/distributions.lua.

--- manual_seed: starts the generator anew; the same seed gives the same numbers.
---@param seed integer
--- Source: torch.manual_seed.  Example: ap.manual_seed(0)

--- get_rng_state, set_rng_state: where the generator stands, as a list of two integers, and back.

--- rand: numbers evenly distributed over [0, 1).
---@param ... integer the sizes, or one table of them; then {dtype =, requires_grad =, device =}
---@return Tensor f32 unless dtype says otherwise
--- Source: torch.rand.  Example: ap.rand(2, 3)

--- initial_seed: what the generator was started with.
---@return integer
--- Source: torch.initial_seed.

--- rand_like: rand in the shape, dtype and on the device of x.
---@param x Tensor floating
---@param options {dtype: string?, device: string?, requires_grad: boolean?}|nil
---@return Tensor
--- Source: torch.rand_like.

--- randn_like: randn in the shape, dtype and on the device of x.
---@param x Tensor floating
---@param options {dtype: string?, device: string?, requires_grad: boolean?}|nil
---@return Tensor
--- Source: torch.randn_like.

--- randint_like: randint in the shape, dtype and on the device of x.
---@param x Tensor
---@param low integer default 1 where it is left out
---@param high integer included
---@return Tensor
--- Source: torch.randint_like.

--- permutation: 1..n in an order that depends on the seed alone, not on the generator (data.permutation).
---@param n integer
---@param seed integer
---@param stream integer|nil another order of the same seed; default 0
---@return Tensor i64

--- randn: numbers from the standard normal distribution.
---@param ... integer the sizes, or one table of them; then {dtype =, requires_grad =, device =}
---@return Tensor f32 unless dtype says otherwise
--- Source: torch.randn.  Example: ap.randn({2, 3}, {dtype = "f64"})

--- randint: integers from low to high, both included (as math.random; PyTorch leaves high out).
---@param low integer default 1 where it is left out
---@param high integer
---@param size integer[]
---@return Tensor i64 unless dtype says otherwise
--- Example: ap.randint(1, 6, {10}) -- ten throws of a die

--- randperm: 1..n in random order.
---@param n integer
---@return Tensor shape (n), i64 unless dtype says otherwise
--- Source: torch.randperm.

--- uniform_: every element drawn evenly from [from, to).
---@param x Tensor floating
---@param from number|nil default 0
---@param to number|nil default 1
---@return Tensor x
rule("uniform", "", function() return nil end)

--- normal_: every element drawn from the normal distribution.
---@param x Tensor floating
---@param mean number|nil default 0
---@param std number|nil default 1
---@return Tensor x
rule("normal", "", function() return nil end)

--- exponential_: every element drawn from the exponential distribution; never 0.
---@param x Tensor floating
---@param rate number|nil lambda, the inverse of the mean; default 1
---@return Tensor x
rule("exponential", "", function() return nil end)

--- random_: every element an integer from low to high, both included.
---@param x Tensor any dtype
---@param low integer default 1 where it is left out
---@param high integer
---@return Tensor x
rule("random", "", function() return nil end)

--- bernoulli: 1 with the probability that stands in an element, else 0.
---@param p Tensor floating, in [0, 1]
---@return Tensor shape and dtype of p
--- bernoulli_: every element 1 with probability p, else 0.
---@param x Tensor
---@param p number|Tensor|nil default 0.5; a tensor broadcasts to x
---@return Tensor x
--- Source: torch.bernoulli.
rule("bernoulli", "", function() return nil end)

rule("dropout_at", "", function(g, _, _, p, seed, offset) return core.dropout_at(g, p, seed, offset) end)

--- dropout: in training, zeroes elements with probability p and divides the others by 1 - p. What was dropped is not
--- kept: the gradient draws the same numbers again.
---@param x Tensor floating
---@param p number|nil default 0.5
---@param training boolean|nil default true
---@return Tensor
--- Source: Srivastava et al. 2014; torch.nn.functional.dropout.
define("dropout", function(x, p, training)
  if type(p) == "table" or type(training) == "table" then
    p, training = arguments.named("dropout", {"p", "training"}, p, training)
  end
  p = p or 0.5
  arguments.tensor("dropout", 1, x)
  if type(p) ~= "number" or not (p >= 0 and p <= 1) then
    arguments.fail("dropout: argument 2: expected a probability from 0 to 1, got %s", p)
  end
  if training == false or p == 0 then return x end
  if p == 1 then return x * 0 end
  return core.dropout_at(x, p, core.take_random(x:numel()))
end)

--- multinomial: positions drawn with the weights that stand there.
---@param weights Tensor shape (N) or (B, N), floating, not negative; need not add up to 1
---@param n integer draws a row
---@param replacement boolean|nil a position may come more than once; default false
---@return Tensor shape (n) or (B, n), i64: positions from 1
--- Errors: without replacement, more draws than weights above 0; with it, a device without f64.
--- Source: torch.multinomial.  Example: ap.multinomial(ap.tensor {0, 10, 3, 0}, 2)
define("multinomial", function(weights, n, replacement)
  if type(replacement) == "table" then replacement = arguments.named("multinomial", {"replacement"}, replacement) end
  if not core.is_tensor(weights) or weights.ndim < 1 or weights.ndim > 2 or not weights:is_floating_point() then
    arguments.fail("multinomial: argument 1: expected a floating tensor of 1 or 2 dimensions")
  end
  if math.type(n) ~= "integer" or n < 1 then
    arguments.fail("multinomial: argument 2: expected at least 1 draw, got %s", n)
  end
  local w = weights:detach()
  if not w:ge(0):logical_and(w:isfinite()):all():item() or not w:sum(-1):gt(0):all():item() then
    arguments.fail("multinomial: expected finite weights, none negative, that add up to more than 0")
  end
  if replacement then
    local sums = w:to("f64"):cumsum(-1)
    local size = w:size()
    size[#size] = n
    local draws = core.rand(size, {dtype = "f64", device = w.device}) * sums:narrow(-1, w:size(-1), 1)
    return sums:searchsorted(draws, {right = true})
  end
  local possible = w:gt(0):sum(-1):amin():item()
  if n > possible then
    arguments.fail("multinomial: %d draws without replacement from %d weights above 0", n, possible)
  end
  -- The smallest of exponentials with these rates, in order (Efraimidis and Spirakis 2006).
  local _, positions = (w / core.empty_like(w):exponential_()):topk(n, -1)
  return positions
end)

-- --- every one of them with a generator of its own -------------------------------------------------------------------

local wrap = require "apsis.ops.generator".wrap
for _, name in ipairs {"rand", "randn", "rand_like", "randn_like", "randint", "randint_like", "randperm"} do
  core[name] = wrap(name, core[name], true)
end
for _, name in ipairs {"uniform_", "normal_", "exponential_", "random_", "bernoulli", "bernoulli_", "multinomial"} do
  core.define(name, wrap(name, core[name], true))
end
