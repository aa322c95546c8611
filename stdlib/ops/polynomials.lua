--- Gradients and docs of the orthogonal polynomials (lib/ops/polynomial_functions.h): p(x, n), of degree n.
--
-- By their recurrences p_(k+1) = (a x + b) p_k - c p_(k-1), so that the error is about n units in the last place of the
-- largest values nearby; Chebyshev's above degree 64 by cos and cosh.

local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"
local rule = core.rule

-- What differentiates p_1 = a x + b and p_(k+1), a, b, c = step(k), by x: the recurrence of the derivatives.
local function derivative(name, a, b, step)
  return function(g, _, x, n)
    if core.is_tensor(n) then
      arguments.fail("%s: no gradient where the degree is a tensor; give it as a number", name)
    end
    local p, q, dp, dq = core.ones_like(x), x * a + b, core.zeros_like(x), core.full_like(x, a)
    if n < 1 then return g * dp end
    for k = 1, math.floor(n) - 1 do
      local u, v, w = step(k)
      local factor = x * u + v
      p, q, dp, dq = q, factor * q - p * w, dq, q * u + factor * dq - dp * w
    end
    return g * dq
  end
end

local function chebyshev(name, b, a)
  return derivative(name, a or 2, b, function() return 2, 0, 1 end)
end

-- Those of 2 x - 1.
local function shifted(name, b, a)
  a = a or 2
  return derivative(name, 2 * a, b - a, function() return 4, -2, 1 end)
end

--- chebyshev_polynomial_t: Chebyshev's polynomials of the first kind: cos(n t) at x = cos(t).
---@param x Tensor|number
---@param n Tensor|number the degree, truncated; 0 for one below 0. A gradient for x needs a number
---@return Tensor the broadcast shape, floating
--- Source: torch.special.chebyshev_polynomial_t; DLMF 18.9.
rule("chebyshev_polynomial_t", "12", chebyshev("chebyshev_polynomial_t", 0, 1))

--- chebyshev_polynomial_u: Chebyshev's polynomials of the second kind: sin((n + 1) t) / sin(t) at x = cos(t).
---@param x Tensor|number
---@param n Tensor|number the degree, truncated; 0 for one below 0. A gradient for x needs a number
---@return Tensor the broadcast shape, floating
--- Source: torch.special.chebyshev_polynomial_u; DLMF 18.9.
rule("chebyshev_polynomial_u", "12", chebyshev("chebyshev_polynomial_u", 0))

--- chebyshev_polynomial_v: Chebyshev's polynomials of the third kind: cos((n + 1/2) t) / cos(t / 2) at x = cos(t).
---@param x Tensor|number
---@param n Tensor|number the degree, truncated; 0 for one below 0. A gradient for x needs a number
---@return Tensor the broadcast shape, floating
--- Source: torch.special.chebyshev_polynomial_v; DLMF 18.9.
rule("chebyshev_polynomial_v", "12", chebyshev("chebyshev_polynomial_v", -1))

--- chebyshev_polynomial_w: Chebyshev's polynomials of the fourth kind: sin((n + 1/2) t) / sin(t / 2) at x = cos(t).
---@param x Tensor|number
---@param n Tensor|number the degree, truncated; 0 for one below 0. A gradient for x needs a number
---@return Tensor the broadcast shape, floating
--- Source: torch.special.chebyshev_polynomial_w; DLMF 18.9.
rule("chebyshev_polynomial_w", "12", chebyshev("chebyshev_polynomial_w", 1))

--- shifted_chebyshev_polynomial_t: chebyshev_polynomial_t of 2 x - 1, which are orthogonal on [0, 1].
---@param x Tensor|number
---@param n Tensor|number the degree, truncated; 0 for one below 0. A gradient for x needs a number
---@return Tensor the broadcast shape, floating
--- Source: torch.special.shifted_chebyshev_polynomial_t; DLMF 18.9.
rule("shifted_chebyshev_polynomial_t", "12", shifted("shifted_chebyshev_polynomial_t", 0, 1))

--- shifted_chebyshev_polynomial_u: chebyshev_polynomial_u of 2 x - 1, which are orthogonal on [0, 1].
---@param x Tensor|number
---@param n Tensor|number the degree, truncated; 0 for one below 0. A gradient for x needs a number
---@return Tensor the broadcast shape, floating
--- Source: torch.special.shifted_chebyshev_polynomial_u; DLMF 18.9.
rule("shifted_chebyshev_polynomial_u", "12", shifted("shifted_chebyshev_polynomial_u", 0))

--- shifted_chebyshev_polynomial_v: chebyshev_polynomial_v of 2 x - 1, which are orthogonal on [0, 1].
---@param x Tensor|number
---@param n Tensor|number the degree, truncated; 0 for one below 0. A gradient for x needs a number
---@return Tensor the broadcast shape, floating
--- Source: torch.special.shifted_chebyshev_polynomial_v; DLMF 18.9.
rule("shifted_chebyshev_polynomial_v", "12", shifted("shifted_chebyshev_polynomial_v", -1))

--- shifted_chebyshev_polynomial_w: chebyshev_polynomial_w of 2 x - 1, which are orthogonal on [0, 1].
---@param x Tensor|number
---@param n Tensor|number the degree, truncated; 0 for one below 0. A gradient for x needs a number
---@return Tensor the broadcast shape, floating
--- Source: torch.special.shifted_chebyshev_polynomial_w; DLMF 18.9.
rule("shifted_chebyshev_polynomial_w", "12", shifted("shifted_chebyshev_polynomial_w", 1))

--- hermite_polynomial_h: Hermite's polynomials of the physicists, orthogonal with the weight exp(-x^2).
---@param x Tensor|number
---@param n Tensor|number the degree, truncated; 0 for one below 0; nan above 16384. A gradient for x needs a number
---@return Tensor the broadcast shape, floating
--- Source: torch.special.hermite_polynomial_h; DLMF 18.9.
rule("hermite_polynomial_h", "12", derivative("hermite_polynomial_h", 2, 0, function(k) return 2, 0, 2 * k end))

--- hermite_polynomial_he: Hermite's polynomials of probability theory, orthogonal with the weight exp(-x^2 / 2).
---@param x Tensor|number
---@param n Tensor|number the degree, truncated; 0 for one below 0; nan above 16384. A gradient for x needs a number
---@return Tensor the broadcast shape, floating
--- Source: torch.special.hermite_polynomial_he; DLMF 18.9.
rule("hermite_polynomial_he", "12", derivative("hermite_polynomial_he", 1, 0, function(k) return 1, 0, k end))

--- laguerre_polynomial_l: Laguerre's polynomials, orthogonal on x > 0 with the weight exp(-x).
---@param x Tensor|number
---@param n Tensor|number the degree, truncated; 0 for one below 0; nan above 16384. A gradient for x needs a number
---@return Tensor the broadcast shape, floating
--- Source: torch.special.laguerre_polynomial_l; DLMF 18.9.
rule("laguerre_polynomial_l", "12", derivative("laguerre_polynomial_l", -1, 1, function(k)
  return -1 / (k + 1), (2 * k + 1) / (k + 1), k / (k + 1)
end))

--- legendre_polynomial_p: Legendre's polynomials, orthogonal on [-1, 1].
---@param x Tensor|number
---@param n Tensor|number the degree, truncated; 0 for one below 0; nan above 16384. A gradient for x needs a number
---@return Tensor the broadcast shape, floating
--- Source: torch.special.legendre_polynomial_p; DLMF 18.9.
rule("legendre_polynomial_p", "12", derivative("legendre_polynomial_p", 1, 0, function(k)
  return (2 * k + 1) / (k + 1), 0, k / (k + 1)
end))
