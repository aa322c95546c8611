--- Making tensors, and the properties of dtypes.

local core = require "apsis.core"

-- --- dtypes ----------------------------------------------------------------------------------------------------------

local floats = {
  f32 = {bits = 32, eps = 2.0 ^ -23, max = (2 - 2.0 ^ -23) * 2.0 ^ 127, tiny = 2.0 ^ -126, resolution = 1e-6},
  f64 = {bits = 64, eps = 2.0 ^ -52, max = 0x1.fffffffffffffp+1023, tiny = 2.0 ^ -1022, resolution = 1e-15},
  f16 = {bits = 16, eps = 2.0 ^ -10, max = 65504.0, tiny = 2.0 ^ -14, resolution = 1e-3},
  bf16 = {bits = 16, eps = 2.0 ^ -7, max = (2 - 2.0 ^ -7) * 2.0 ^ 127, tiny = 2.0 ^ -126, resolution = 1e-2},
}
local integers = {i8 = 8, i16 = 16, i32 = 32, i64 = 64}

--- finfo: the limits of a floating dtype.
---@param dtype string|nil default "f32"
---@return table {dtype =, bits =, eps = the distance from 1 to the next number, max =, min = -max, tiny = the least
---        normal number, smallest_normal = tiny, resolution = one unit of the last whole decimal digit}
--- Source: torch.finfo.
function core.finfo(dtype)
  dtype = core.promote_types(dtype or "f32", "bool")
  local f = floats[dtype]
  if not f then error("finfo: expected a floating dtype, got " .. dtype, 2) end
  return {dtype = dtype, bits = f.bits, eps = f.eps, max = f.max, min = -f.max, tiny = f.tiny,
    smallest_normal = f.tiny, resolution = f.resolution}
end

--- iinfo: the limits of an integer dtype.
---@param dtype string|nil default "i64"
---@return table {dtype =, bits =, max =, min =}
--- Source: torch.iinfo.
function core.iinfo(dtype)
  dtype = core.promote_types(dtype or "i64", "bool")
  if dtype == "u8" then return {dtype = dtype, bits = 8, max = 255, min = 0} end
  local bits = integers[dtype]
  if not bits then error("iinfo: expected an integer dtype, got " .. dtype, 2) end
  local max = math.maxinteger >> (64 - bits)
  return {dtype = dtype, bits = bits, max = max, min = -max - 1}
end

-- --- conversions -------------------------------------------------------------------------------------------------

for method, dtype in pairs {float = "f32", double = "f64", half = "f16", bfloat16 = "bf16", char = "i8", byte = "u8",
  short = "i16", int = "i32", long = "i64", bool = "bool", cpu = "cpu"} do
  --- t:float(), double(), half(), bfloat16(), char(), byte(), short(), int(), long(), bool(), cpu():
  --- t in that dtype (or on the CPU); t itself where nothing changes.
  core.define(method, function(x) return core.to(x, dtype) end)
end

--- type_as: x in the dtype of another tensor.
---@param x Tensor
---@param other Tensor
---@return Tensor
core.define("type_as", function(x, other)
  if not core.is_tensor(other) then
    error("type_as: argument 2: expected a tensor, got " .. (other == nil and "nil" or "a " .. type(other)), 2)
  end
  return core.to(x, other.dtype)
end)

--- as_tensor: a tensor as it is (or converted, where options ask for it), a number or nested tables as ap.tensor takes
--- them. Also asarray.
---@param x Tensor|number|table
---@param options table|nil {dtype =, device =}
---@return Tensor
--- Source: torch.as_tensor.
function core.as_tensor(x, options)
  if not core.is_tensor(x) then return core.tensor(x, options) end
  return options and x:to(options) or x
end
core.asarray = core.as_tensor

--- scalar_tensor: a 0-dim tensor of a number, f32 unless options say otherwise.
---@param value number|boolean
---@param options table|nil {dtype =, requires_grad =, device =}
---@return Tensor
function core.scalar_tensor(value, options)
  if type(value) ~= "number" and type(value) ~= "boolean" then
    error("scalar_tensor: argument 1: expected a number, got a " .. type(value), 2)
  end
  return core.full({}, value, options and options.dtype and options or
    {dtype = "f32", device = options and options.device, requires_grad = options and options.requires_grad})
end

-- The options of a tensor like x, with what is given over them.
local function like(x, options)
  local all = {dtype = x.dtype, device = x.device}
  for k, v in pairs(options or {}) do all[k] = v end
  return all
end

local function is_options(o) return type(o) == "table" and type((next(o))) == "string" end

--- new_zeros, new_ones, new_empty: a tensor of the dtype and on the device of x.
---@param x Tensor
---@param ... integer the sizes, or one table of them; then {dtype =, requires_grad =, device =}
---@return Tensor
--- Source: torch.Tensor.new_zeros.
for _, kind in ipairs {"zeros", "ones", "empty"} do
  core.define("new_" .. kind, function(x, ...)
    local given = table.pack(...)
    local options = is_options(given[given.n]) and table.remove(given) or nil
    local size = type(given[1]) == "table" and given[1] or {table.unpack(given)}
    return core[kind](size, like(x, options))
  end)
end

--- new_full: a tensor of one value, of the dtype and on the device of x.
---@param x Tensor
---@param size integer[]
---@param value number|boolean
---@param options table|nil {dtype =, requires_grad =, device =}
---@return Tensor
core.define("new_full", function(x, size, value, options) return core.full(size, value, like(x, options)) end)

--- new_tensor: a tensor of given values, of the dtype and on the device of x.
---@param x Tensor
---@param values number|table|Tensor
---@param options table|nil {dtype =, requires_grad =, device =}
---@return Tensor
core.define("new_tensor", function(x, values, options) return core.tensor(values, like(x, options)) end)

-- --- questions ---------------------------------------------------------------------------------------------------

--- is_nonzero: whether the one element of x is not zero.
---@param x Tensor of one element
---@return boolean
core.define("is_nonzero", function(x)
  local value = core.item(x)
  return value ~= 0 and value ~= false
end)

--- is_same_size: whether two tensors have the same shape.
---@param a Tensor
---@param b Tensor
---@return boolean
core.define("is_same_size", function(a, b)
  return table.concat(core.size(a), "x") == table.concat(core.size(b), "x")
end)

--- is_signed: whether the dtype of x has negative numbers.
---@param x Tensor
---@return boolean
core.define("is_signed", function(x) return x.dtype ~= "u8" and x.dtype ~= "bool" end)

--- is_complex: false: there are no complex dtypes.
---@param _ Tensor
---@return boolean
core.define("is_complex", function(_) return false end)

--- element_size: bytes of one element.
---@param x Tensor
---@return integer
core.define("element_size", function(x)
  local bits = x.dtype:match "%d+"
  return bits and bits // 8 or 1
end)

-- --- sequences ---------------------------------------------------------------------------------------------------

--- logspace: base^first to base^last in `steps` steps of equal ratio.
---@param first number
---@param last number
---@param steps integer
---@param base number|nil default 10; or the options
---@param options table|nil {dtype =, requires_grad =, device =}
---@return Tensor shape (steps), f32 unless dtype says otherwise
--- Source: torch.logspace.  Example: ap.logspace(0, 2, 3) --> [1, 10, 100]
function core.logspace(first, last, steps, base, options)
  if type(base) == "table" then
    options, base = base, base.base
  end
  base = base or 10
  if type(base) ~= "number" then error("logspace: argument 4: expected a number, got a " .. type(base), 2) end
  options = options or {}
  -- In f64, wherever the result goes.
  local exponents = core.linspace(first, last, steps, {dtype = "f64"})
  local y = core.pow(base, exponents):to(options.dtype or "f32"):to(options.device or "cpu")
  return options.requires_grad and y:requires_grad_() or y
end

--- vander: a Vandermonde matrix: the powers of a vector, a column each.
---@param x Tensor shape (M)
---@param n integer|nil columns, default M
---@param increasing boolean|nil powers 0, 1, 2, ... instead of ..., 2, 1, 0
---@return Tensor shape (M, n)
--- Source: torch.vander.
core.define("vander", function(x, ...)
  local n, increasing = require "apsis.ops.arguments".named("vander", {"n", "increasing"}, ...)
  if not core.is_tensor(x) or x.ndim ~= 1 then error("vander: argument 1: expected a vector", 2) end
  n = n or x:numel()
  if math.type(n) ~= "integer" or n < 0 then
    error("vander: argument 2: expected an integer of at least 0, got " .. tostring(n), 2)
  end
  local exponents = core.arange(0, n - 1, 1, {dtype = "i64", device = x.device})
  if not increasing then exponents = exponents:flip(1) end
  return x:unsqueeze(2) ^ exponents
end)
