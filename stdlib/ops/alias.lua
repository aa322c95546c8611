--- PyTorch's and NumPy's second names of functions, all in one place. A name stands for the function itself; where the
--- function has an in-place form, so has its second name.

local core = require "apsis.core"

local aliases = {
  absolute = "abs", negative = "neg", fix = "trunc", sgn = "sign",
  subtract = "sub", multiply = "mul", divide = "div",
  greater = "gt", greater_equal = "ge", less = "lt", less_equal = "le", not_equal = "ne",
  arccos = "acos", arccosh = "acosh", arcsin = "asin", arcsinh = "asinh", arctan = "atan", arctan2 = "atan2",
  arctanh = "atanh",
  swapaxes = "transpose", swapdims = "transpose", moveaxis = "movedim", ravel = "flatten", broadcast_to = "expand",
  concat = "cat", concatenate = "cat", frombuffer = "from_bytes", nelement = "numel", ndimension = "dim",
  tolist = "totable", clip = "clamp", expit = "sigmoid", gammaln = "lgamma", multigammaln = "mvlgamma", psi = "digamma",
  split_with_sizes = "split", range = "arange",
}

for name, of in pairs(aliases) do
  core.define(name, core[of])
  if core[of .. "_"] then core.define(name .. "_", core[of .. "_"]) end
end

--- adjoint: the last two dimensions exchanged; also the field x.mT.
---@param x Tensor at least 2 dimensions
---@return Tensor a view
core.define("adjoint", function(x) return core.transpose(x, -2, -1) end)

--- reshape_as, view_as: x in the shape of another tensor.
---@param x Tensor
---@param other Tensor
---@return Tensor
core.define("reshape_as", function(x, other) return core.reshape(x, core.size(other)) end)
core.define("view_as", function(x, other) return core.view(x, core.size(other)) end)

return aliases
