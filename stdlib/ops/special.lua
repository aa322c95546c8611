--- Gradients and docs of the special functions (lib/ops/special_functions.h), and ap.special: PyTorch's torch.special.
-- Bessel's and the orthogonal polynomials are in bessel.lua and polynomials.lua.
--
-- Accurate to 4 units in the last place of f32 and f64, but for: lgamma beside its roots below 0, digamma beside its
-- roots and zeta below 0, where what is small is the error beside the terms that cancel; and the incomplete gamma
-- functions, see there.

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local in_place = require "apsis.ops.in_place"
local rule, define = core.rule, core.define

local pi = math.pi

--- lgamma: log |gamma(x)|; inf at 0 and the negative integers.
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: torch.lgamma; fdlibm's e_lgamma_r.c.  Example: ap.tensor{5.0}:lgamma() --> log 24
rule("lgamma", "1", function(g, _, x) return g * x:digamma() end)

--- digamma: the derivative of lgamma; nan at the negative integers.
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: torch.digamma.  Example: ap.tensor{1.0}:digamma() --> -0.5772
rule("digamma", "1", function(g, _, x) return g * core.zeta(2, x) end)

--- zeta: Hurwitz' zeta function, the sum of (q + k)^-s over k = 0, 1, 2, ... No gradient for s, as in PyTorch.
---@param s Tensor|number above 1; nan below, inf at 1
---@param q Tensor|number broadcasts with s; below 0 for whole s only, else nan
---@return Tensor the broadcast shape, floating
--- Source: torch.special.zeta.  Example: ap.special.zeta(2, ap.tensor{1.0}) --> pi^2 / 6
rule("zeta", "12", nil, function(g, _, s, q) return g * core.zeta(s + 1, q) * -s end)

--- polygamma: the n-th derivative of digamma; n = 1 is the trigamma function.
---@param n integer from 0
---@param x Tensor floating; a method takes it first: x:polygamma(n)
---@return Tensor the shape of x
--- Source: torch.polygamma.  Example: ap.polygamma(1, ap.tensor{1.0}) --> pi^2 / 6
define("polygamma", function(n, x)
  if core.is_tensor(n) then n, x = x, n end
  if math.type(n) ~= "integer" or n < 0 then
    arguments.fail("polygamma: argument 1: expected an integer of at least 0, got %s", n)
  end
  arguments.tensor("polygamma", 2, x)
  if n == 0 then return x:digamma() end
  -- Above 170 n! is infinite in f64, and with it what follows.
  local factorial = 1.0
  for k = 2, math.min(n, 171) do factorial = factorial * k end
  return core.zeta(n + 1, x) * (n % 2 == 1 and factorial or -factorial)
end)

in_place("polygamma", function(x, n) return core.polygamma(n, x) end)

-- Matrices of more rows than that are no input but a mistake: the sum below would go on for ever.
local MOST_P = 1 << 20

--- multigammaln: the logarithm of the gamma function of a p x p matrix's dimension.
---@param x Tensor floating, above (p - 1) / 2
---@param p integer from 1 to 2^20
---@return Tensor same shape
--- Source: torch.special.multigammaln.
define("mvlgamma", function(x, p)
  arguments.tensor("mvlgamma", 1, x)
  if math.type(p) ~= "integer" or p < 1 or p > MOST_P then
    arguments.fail("mvlgamma: argument 2: expected an integer from 1 to %d, got %s", MOST_P, p)
  end
  local sum = p * (p - 1) / 4 * math.log(pi)
  for j = 0, p - 1 do sum = (x - j / 2):lgamma() + sum end
  return sum
end)

in_place "mvlgamma"

-- x^(a - 1) exp(-x) / gamma(a): the derivative of igamma by x.
local function gamma_density(a, x)
  local log_gamma = core.is_tensor(a) and a:lgamma() or core.tensor(a, {dtype = "f64", device = "cpu"}):lgamma():item()
  return (core.xlogy(a - 1, x) - x - log_gamma):exp()
end

--- igamma: the regularised lower incomplete gamma function, the gamma distribution's: the integral of t^(a-1) exp(-t)
--- from 0 to x over gamma(a). Its error is a few units in the last place of 1, and of a small value about the last
--- place times its logarithm. No gradient for a, as in PyTorch. Also special.gammainc.
---@param a Tensor|number from 0; nan below
---@param x Tensor|number from 0; nan below; broadcasts with a
---@return Tensor the broadcast shape, floating, in [0, 1]
--- Source: torch.igamma; DLMF 8.7 to 8.12.  Example: ap.igamma(ap.tensor{1.0}, 1) --> 1 - 1/e
rule("igamma", "12", nil, function(g, _, a, x) return g * gamma_density(a, x) end)

--- igammac: the regularised upper incomplete gamma function, 1 - igamma; exact where that is small. No gradient for a,
--- as in PyTorch. Also special.gammaincc.
---@param a Tensor|number from 0; nan below
---@param x Tensor|number from 0; nan below; broadcasts with a
---@return Tensor the broadcast shape, floating, in [0, 1]
--- Source: torch.igammac; DLMF 8.7 to 8.12.  Example: ap.igammac(ap.tensor{1.0}, 1) --> 1/e
rule("igammac", "12", nil, function(g, _, a, x) return -g * gamma_density(a, x) end)

--- erfinv: the inverse of erf; inf at 1, nan beyond.
---@param x Tensor any shape, floating, in [-1, 1]
---@return Tensor same shape
--- Source: torch.erfinv; Cephes' ndtri.c.
rule("erfinv", "y", function(g, y) return g * (y * y):exp() * (math.sqrt(pi) / 2) end)

--- erfcx: exp(x^2) erfc(x), which neither overflows nor vanishes for large x.
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: torch.special.erfcx.
rule("erfcx", "1y", function(g, y, x) return g * (2 * x * y - 2 / math.sqrt(pi)) end)

--- ndtr: the standard normal distribution function.
---@param x Tensor any shape, floating
---@return Tensor same shape, in [0, 1]
--- Source: torch.special.ndtr.
rule("ndtr", "1", function(g, _, x) return g * (x * x * -0.5):exp() * (1 / math.sqrt(2 * pi)) end)

--- ndtri: the inverse of ndtr.
---@param p Tensor any shape, floating, in [0, 1]
---@return Tensor same shape
--- Source: torch.special.ndtri; Cephes' ndtri.c.
rule("ndtri", "y", function(g, y) return g * (y * y * 0.5):exp() * math.sqrt(2 * pi) end)

--- log_ndtr: log(ndtr(x)), exact for very negative x.
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: torch.special.log_ndtr.
rule("log_ndtr", "1", function(g, _, x) return g * math.sqrt(2 / pi) / (x * -math.sqrt(0.5)):erfcx() end)

--- entr: -x log(x), the terms of an entropy; 0 at 0, -inf below.
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: torch.special.entr.
rule("entr", "1", function(g, _, x) return g * (-x:log() - 1) end)

--- sinc: sin(pi x) / (pi x), 1 at 0.
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: torch.sinc.
rule("sinc", "1y", function(g, y, x)
  local turned = x * pi
  -- Near 0 the two terms cancel: their difference is -pi^2 x / 3 there.
  local near = x:abs():lt(1e-3)
  local safe = x:masked_fill(near, 1)
  return g * core.where(near, turned * (-pi / 3) * (1 - turned * turned / 10),
    (turned:cos() - y) / safe)
end)

--- xlog1py: a * log(1 + b), zero where a is zero.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, floating
--- Source: torch.special.xlog1py.
rule("xlog1py", "12", function(g, _, a, b)
  local d = core.xlog1py(g, b)
  if not core.is_tensor(b) then return b <= -1 and d:masked_fill(a:eq(0), 0) or d end
  return d:masked_fill(core.le(b, -1) & (core.is_tensor(a) and a:eq(0) or a == 0), 0)
end, function(g, _, a, b) return g * a / (b + 1) end)

--- logaddexp: log(exp(a) + exp(b)) without overflow.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, floating
--- Source: torch.logaddexp.
rule("logaddexp", "12", function(g, _, a, b) return g * core.sigmoid(a - b) end,
  function(g, _, a, b) return g * core.sigmoid(b - a) end)

--- logaddexp2: log2(2^a + 2^b) without overflow.
---@param a Tensor|number
---@param b Tensor|number broadcasts with a
---@return Tensor the broadcast shape, floating
--- Source: torch.logaddexp2.
rule("logaddexp2", "12", function(g, _, a, b) return g * core.sigmoid((a - b) * math.log(2)) end,
  function(g, _, a, b) return g * core.sigmoid((b - a) * math.log(2)) end)

-- --- ap.special --------------------------------------------------------------------------------------------------

local special = {}
for _, name in ipairs {"digamma", "polygamma", "erf", "erfc", "erfcx", "erfinv", "exp2", "expm1", "entr", "log1p",
  "log_ndtr", "ndtr", "ndtri", "logit", "sinc", "i0", "i0e", "i1", "i1e", "xlog1py", "xlogy", "zeta", "round",
  "logsumexp", "softmax", "log_softmax", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "spherical_bessel_j0",
  "modified_bessel_k0", "modified_bessel_k1", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "airy_ai",
  "chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w",
  "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v",
  "shifted_chebyshev_polynomial_w", "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l",
  "legendre_polynomial_p"} do
  special[name] = core[name]
end
special.expit, special.gammaln, special.psi, special.multigammaln = core.sigmoid, core.lgamma, core.digamma,
  core.mvlgamma
special.gammainc, special.gammaincc = core.igamma, core.igammac
special.modified_bessel_i0, special.modified_bessel_i1 = core.i0, core.i1

core.special = special
