--- Gradients and docs of Bessel's and Airy's functions (lib/ops/bessel_functions.h).
--
-- Accurate to 8 units in the last place of f32 and f64; beside a zero of a function to so many of its largest values
-- nearby.

local core = require "apsis.core"
local rule = core.rule

-- --- modified, of the first kind ------------------------------------------------------------------------------------

--- i0: the modified Bessel function of order 0.
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: torch.i0.
rule("i0", "1", function(g, _, x) return g * x:i1() end)

--- i0e: exp(-|x|) i0(x), which does not overflow.
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: torch.special.i0e.
rule("i0e", "1y", function(g, y, x) return g * (x:i1e() - x:sign() * y) end)

-- i(x) / x, and 1/2 at 0.
local function over_x(i, x)
  local zero = x:eq(0)
  return core.where(zero, 0.5, i / x:masked_fill(zero, 1))
end

--- i1: the modified Bessel function of order 1.
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: torch.special.i1.
rule("i1", "1y", function(g, y, x) return g * (x:i0() - over_x(y, x)) end)

--- i1e: exp(-|x|) i1(x), which does not overflow.
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: torch.special.i1e.
rule("i1e", "1y", function(g, y, x) return g * (x:i0e() - over_x(y, x) - x:sign() * y) end)

-- --- modified, of the second kind -----------------------------------------------------------------------------------

--- modified_bessel_k0: the modified Bessel function of the second kind of order 0. Also special.modified_bessel_k0.
---@param x Tensor any shape, floating; inf at 0, nan below
---@return Tensor same shape
--- Source: torch.special.modified_bessel_k0; DLMF 10.31.
rule("modified_bessel_k0", "1", function(g, _, x) return -g * x:modified_bessel_k1() end)

--- modified_bessel_k1: the modified Bessel function of the second kind of order 1. Also special.modified_bessel_k1.
---@param x Tensor any shape, floating; inf at 0, nan below
---@return Tensor same shape
--- Source: torch.special.modified_bessel_k1; DLMF 10.31.
rule("modified_bessel_k1", "1y", function(g, y, x) return -g * (x:modified_bessel_k0() + y / x) end)

--- scaled_modified_bessel_k0: exp(x) modified_bessel_k0(x), which does not vanish.
---@param x Tensor any shape, floating; inf at 0, nan below
---@return Tensor same shape
--- Source: torch.special.scaled_modified_bessel_k0.
rule("scaled_modified_bessel_k0", "1y", function(g, y, x) return g * (y - x:scaled_modified_bessel_k1()) end)

--- scaled_modified_bessel_k1: exp(x) modified_bessel_k1(x), which does not vanish.
---@param x Tensor any shape, floating; inf at 0, nan below
---@return Tensor same shape
--- Source: torch.special.scaled_modified_bessel_k1.
rule("scaled_modified_bessel_k1", "1y", function(g, y, x)
  return g * (y - x:scaled_modified_bessel_k0() - y / x)
end)

-- --- of the first and second kind -----------------------------------------------------------------------------------

--- bessel_j0: the Bessel function of the first kind of order 0. Also special.bessel_j0.
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: torch.special.bessel_j0; DLMF 10.17.  Example: ap.tensor{2.0}:bessel_j0() --> 0.2239
rule("bessel_j0", "1", function(g, _, x) return -g * x:bessel_j1() end)

--- bessel_j1: the Bessel function of the first kind of order 1. Also special.bessel_j1.
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: torch.special.bessel_j1; DLMF 10.17.
rule("bessel_j1", "1y", function(g, y, x) return g * (x:bessel_j0() - over_x(y, x)) end)

--- bessel_y0: the Bessel function of the second kind of order 0. Also special.bessel_y0.
---@param x Tensor any shape, floating; -inf at 0, nan below
---@return Tensor same shape
--- Source: torch.special.bessel_y0; DLMF 10.17.
rule("bessel_y0", "1", function(g, _, x) return -g * x:bessel_y1() end)

--- bessel_y1: the Bessel function of the second kind of order 1. Also special.bessel_y1.
---@param x Tensor any shape, floating; -inf at 0, nan below
---@return Tensor same shape
--- Source: torch.special.bessel_y1; DLMF 10.17.
rule("bessel_y1", "1y", function(g, y, x) return g * (x:bessel_y0() - y / x) end)

--- spherical_bessel_j0: sin(x) / x, 1 at 0. Also special.spherical_bessel_j0.
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: torch.special.spherical_bessel_j0.
rule("spherical_bessel_j0", "1y", function(g, y, x)
  -- Near 0 the two terms cancel: their difference over x is -x / 3 there.
  local near = x:abs():lt(1e-3)
  return g * core.where(near, x / -3 * (1 - x * x / 10), (x:cos() - y) / x:masked_fill(near, 1))
end)

--- airy_ai: Airy's function Ai. No gradient, as in PyTorch. Also special.airy_ai.
---@param x Tensor any shape, floating
---@return Tensor same shape
--- Source: torch.special.airy_ai; DLMF 9.7.  Example: ap.tensor{0.0}:airy_ai() --> 0.3550
core.no_gradient("airy_ai")
