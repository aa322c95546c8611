--- PyTorch's and NumPy's second names of functions, all in one place. A name stands for the function itself; where the
--- function has an in-place form, so has its second name.

local core = require "apsis.core"

local aliases = {
  absolute = "abs", negative = "neg", fix = "trunc", sgn = "sign",
  subtract = "sub", multiply = "mul", divide = "div",
  greater = "gt", greater_equal = "ge", less = "lt", less_equal = "le", not_equal = "ne",
  arccos = "acos", arccosh = "acosh", arcsin = "asin", arcsinh = "asinh", arctan = "atan", arctan2 = "atan2",
  arctanh = "atanh",
  clip = "clamp", expit = "sigmoid", gammaln = "lgamma", multigammaln = "mvlgamma", psi = "digamma",
}

for name, of in pairs(aliases) do
  core.define(name, core[of])
  if core[of .. "_"] then core.define(name .. "_", core[of .. "_"]) end
end

return aliases
