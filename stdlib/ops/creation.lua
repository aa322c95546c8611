--- Making tensors, and the properties of dtypes.

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"

-- --- from nothing (lib/bind/creation.c) ------------------------------------------------------------------------------
-- The last argument of each may be a table {dtype =, device =, requires_grad =}.

--- tensor: a tensor from a number, a boolean or nested tables of them; or a copy of a tensor.
---@param values number|boolean|table|Tensor
---@param options {dtype: string?, device: string?, requires_grad: boolean?}|nil dtype default: i64 for integers, bool
---       for booleans, else the default dtype
---@return Tensor
--- Errors: rows of different lengths; values that are no numbers.
--- Source: torch.tensor.  Example: ap.tensor{{1, 2}, {3, 4}}:sum() --> 10

--- zeros: zeros.
---@param ... integer the sizes, or one table of them; then {dtype =, device =, requires_grad =}
---@return Tensor the default dtype unless dtype says otherwise
--- Source: torch.zeros.  Example: ap.zeros(2, 2) --> [[0, 0], [0, 0]]

--- ones: ones.
---@param ... integer the sizes, or one table of them; then {dtype =, device =, requires_grad =}
---@return Tensor the default dtype unless dtype says otherwise
--- Source: torch.ones.  Example: ap.ones(2) --> [1, 1]

--- empty: memory as it is; write before you read.
---@param ... integer the sizes, or one table of them; then {dtype =, device =, requires_grad =}
---@return Tensor the default dtype unless dtype says otherwise
--- Source: torch.empty.  Example: ap.empty(2, 3).shape --> {2, 3}

--- empty_strided: memory as it is, under strides of one's own: as many elements as they reach.
---@param size integer[]
---@param stride integer[] in elements, not negative
---@param options {dtype: string?, device: string?, requires_grad: boolean?}|nil
---@return Tensor the default dtype unless dtype says otherwise
--- Source: torch.empty_strided.  Example: ap.empty_strided({2, 3}, {1, 2}):stride() --> {1, 2}

--- full: one value everywhere.
---@param size integer[]
---@param value number|boolean
---@param options {dtype: string?, device: string?, requires_grad: boolean?}|nil dtype default: i64 for an integer, bool
---       for a boolean, else the default dtype
---@return Tensor
--- Source: torch.full.  Example: ap.full({2}, 7) --> [7, 7]

--- zeros_like: zeros in the shape, dtype and on the device of x.
---@param x Tensor
---@param options {dtype: string?, device: string?, requires_grad: boolean?}|nil
---@return Tensor
--- Source: torch.zeros_like.  Example: ap.zeros_like(ap.tensor{1, 2}) --> [0, 0]

--- ones_like: ones in the shape, dtype and on the device of x.
---@param x Tensor
---@param options {dtype: string?, device: string?, requires_grad: boolean?}|nil
---@return Tensor
--- Source: torch.ones_like.  Example: ap.ones_like(ap.tensor{5, 6}) --> [1, 1]

--- empty_like: memory as it is, in the shape, dtype and on the device of x.
---@param x Tensor
---@param options {dtype: string?, device: string?, requires_grad: boolean?}|nil
---@return Tensor
--- Source: torch.empty_like.  Example: ap.empty_like(ap.ones(2, 3)).shape --> {2, 3}

--- full_like: one value in the shape, dtype and on the device of x.
---@param x Tensor
---@param value number|boolean
---@param options {dtype: string?, device: string?, requires_grad: boolean?}|nil
---@return Tensor
--- Source: torch.full_like.  Example: ap.full_like(ap.ones(2), 3) --> [3, 3]

--- eye: ones on the diagonal of a matrix, zeros elsewhere.
---@param rows integer
---@param columns integer|nil default rows
---@param options {dtype: string?, device: string?, requires_grad: boolean?}|nil
---@return Tensor the default dtype unless dtype says otherwise
--- Source: torch.eye.  Example: ap.eye(2) --> [[1, 0], [0, 1]]

--- arange: first, first + step, ... up to last, which is included, as in Lua's for.
---@param first number default 1 where only last is given
---@param last number
---@param step number|nil default 1
---@param options {dtype: string?, device: string?, requires_grad: boolean?}|nil
---@return Tensor i64 where all are integers, else the default dtype
--- Source: torch.arange, which leaves the end out and starts at 0.  Example: ap.arange(3) --> [1, 2, 3]

--- linspace: evenly spaced numbers, both ends included.
---@param first number
---@param last number
---@param steps integer how many
---@param options {dtype: string?, device: string?, requires_grad: boolean?}|nil
---@return Tensor the default dtype unless dtype says otherwise
--- Source: torch.linspace.  Example: ap.linspace(0, 1, 3) --> [0, 0.5, 1]

--- from_bytes: a tensor from a string that holds the elements as they lie in memory on this machine. Also frombuffer.
---@param text string
---@param dtype string|nil default u8
---@param shape integer[]|nil default: all in one vector
---@param options {device: string?, requires_grad: boolean?}|nil
---@return Tensor
--- Errors: bytes that are no whole number of elements, or not as many as the shape has.
--- Source: torch.frombuffer.  Example: ap.from_bytes("\1\2") --> [1, 2]

--- bytes: the elements in order, as they lie in memory on this machine.
---@param x Tensor
---@return string
--- Example: ap.bytes(ap.tensor({65, 66}, {dtype = "u8"})) --> "AB"

-- --- defaults -----------------------------------------------------------------------------------------------------

--- set_default_dtype: the dtype of new tensors where nothing else says one, of Lua's numbers that are no integers
--- beside integer tensors (i + 0.5), and of what is computed in floating point from integers (i / 2, i:exp()).
---@param dtype string "f32" (at first), "f64", "f16" or "bf16"
--- Source: torch.set_default_dtype.  Example: ap.set_default_dtype("f32")

--- get_default_dtype: what set_default_dtype says.
---@return string
--- Source: torch.get_default_dtype.  Example: ap.get_default_dtype() --> "f32"

--- set_default_device: where new tensors and the parameters of layers are made, where nothing else says. What files and
--- strings of bytes give is on the CPU.
---@param device string "cpu" (at first), "cl", "cl:2"
--- Errors: there is no such device.
--- Source: torch.set_default_device.  Example: ap.set_default_device("cpu")

--- get_default_device: what set_default_device says.
---@return string
--- Source: torch.get_default_device.  Example: ap.get_default_device() --> "cpu"

-- --- properties of tensors ------------------------------------------------------------------------------------------
-- Fields: x.shape, x.dtype, x.device, x.ndim, x.grad, x.requires_grad, x.is_leaf, x.grad_fn.

--- size: the sizes, or the size of one dimension.
---@param x Tensor
---@param dim integer|nil
---@return integer|integer[]
--- Source: torch.Tensor.size.  Example: ap.ones(2, 3):size(-1) --> 3

--- stride: how many elements lie between neighbours along each dimension, or along one.
---@param x Tensor
---@param dim integer|nil
---@return integer|integer[]
--- Source: torch.Tensor.stride.  Example: ap.ones(2, 3):stride() --> {3, 1}

--- numel: the number of elements.
---@param x Tensor
---@return integer
--- Source: torch.numel.  Example: ap.ones(2, 3):numel() --> 6

--- dim: the number of dimensions; x.ndim too.
---@param x Tensor
---@return integer
--- Source: torch.Tensor.dim.  Example: ap.ones(2, 3):dim() --> 2

--- item: the only element, as a Lua number or boolean. Waits for the device.
---@param x Tensor of one element
---@return number|boolean
--- Errors: more than one element, or none.
--- Source: torch.Tensor.item.  Example: ap.tensor{7}:item() --> 7

--- totable: the elements in nested tables; a number for a 0-dim tensor.
---@param x Tensor
---@return table|number|boolean
--- Source: torch.Tensor.tolist.  Example: ap.tensor{{1, 2}}:totable() --> {{1, 2}}

--- is_tensor: whether a value is a tensor.
---@param x any
---@return boolean
--- Source: torch.is_tensor.  Example: ap.is_tensor(1) --> false

--- is_contiguous: whether the elements lie in order, without gaps.
---@param x Tensor
---@return boolean
--- Source: torch.Tensor.is_contiguous.  Example: ap.ones(2, 3):t():is_contiguous() --> false

--- is_floating_point: whether the dtype is f64, f32, f16 or bf16.
---@param x Tensor
---@return boolean
--- Source: torch.is_floating_point.  Example: ap.tensor{1}:is_floating_point() --> false

--- version: how often the memory of x was written in place: what the tape checks.
---@param x Tensor
---@return integer
--- Source: torch.Tensor._version.

--- requires_grad_: makes a leaf want a gradient, or no longer.
---@param x Tensor floating
---@param value boolean|nil default true
---@return Tensor x
--- Source: torch.Tensor.requires_grad_.  Example: ap.ones(2):requires_grad_().requires_grad --> true

-- --- dtypes ----------------------------------------------------------------------------------------------------------

local floats = {
  f32 = {bits = 32, eps = 2.0 ^ -23, max = (2 - 2.0 ^ -23) * 2.0 ^ 127, tiny = 2.0 ^ -126, resolution = 1e-6},
  f64 = {bits = 64, eps = 2.0 ^ -52, max = 0x1.fffffffffffffp+1023, tiny = 2.0 ^ -1022, resolution = 1e-15},
  f16 = {bits = 16, eps = 2.0 ^ -10, max = 65504.0, tiny = 2.0 ^ -14, resolution = 1e-3},
  bf16 = {bits = 16, eps = 2.0 ^ -7, max = (2 - 2.0 ^ -7) * 2.0 ^ 127, tiny = 2.0 ^ -126, resolution = 1e-2},
}
local integers = {i8 = 8, i16 = 16, i32 = 32, i64 = 64}

--- promote_types: the dtype that holds the values of both.
---@param a string
---@param b string
---@return string
--- Source: torch.promote_types.  Example: ap.promote_types("i64", "f16") --> "f16"

--- result_type: the dtype of what an op computes from two operands: numbers count less than tensors of their kind.
---@param a Tensor|number|boolean
---@param b Tensor|number|boolean
---@return string
--- Source: torch.result_type.  Example: ap.result_type(ap.tensor{1}, 2.5) --> "f32"

--- finfo: the limits of a floating dtype.
---@param dtype string|nil default: the default dtype
---@return table {dtype =, bits =, eps = the distance from 1 to the next number, max =, min = -max, tiny = the least
---        normal number, smallest_normal = tiny, resolution = one unit of the last whole decimal digit}
--- Source: torch.finfo.
function core.finfo(dtype)
  dtype = core.promote_types(dtype or core.get_default_dtype(), "bool")
  local f = floats[dtype]
  if not f then arguments.fail("finfo: expected a floating dtype, got %s", dtype) end
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
  if not bits then arguments.fail("iinfo: expected an integer dtype, got %s", dtype) end
  local max = math.maxinteger >> (64 - bits)
  return {dtype = dtype, bits = bits, max = max, min = -max - 1}
end

-- --- conversions -------------------------------------------------------------------------------------------------

--- float, double, half, bfloat16, char, byte, short, int, long, bool, cpu: x in that dtype (PyTorch's names), or on the
--- CPU; x itself where nothing changes.
---@param x Tensor
---@return Tensor
--- Source: torch.Tensor.float.  Example: ap.tensor{1.5}:long() --> [1]
local CONVERSIONS = {float = "f32", double = "f64", half = "f16", bfloat16 = "bf16", char = "i8", byte = "u8",
  short = "i16", int = "i32", long = "i64", bool = "bool", cpu = "cpu"}
for method, dtype in pairs(CONVERSIONS) do
  core.define(method, function(x) return core.to(x, dtype) end)
end

--- type_as: x in the dtype of another tensor.
---@param x Tensor
---@param other Tensor
---@return Tensor
core.define("type_as", function(x, other)
  arguments.tensor("type_as", 2, other)
  return core.to(x, other.dtype)
end)

--- as_tensor: a tensor as it is (or converted, where options ask for it), a number or nested tables as ap.tensor takes
--- them. Also asarray.
---@param x Tensor|number|table
---@param options table|nil {dtype =, device =}
---@return Tensor
--- Source: torch.as_tensor.
core.as_tensor = core.entry("as_tensor", function(x, options)
  options = options and arguments.options("as_tensor", 2, options)
  if not core.is_tensor(x) then return core.tensor(x, options) end
  return options and x:to(options) or x
end, true)
core.asarray = core.as_tensor

--- scalar_tensor: a 0-dim tensor of a number, of the default dtype unless options say otherwise.
---@param value number|boolean
---@param options table|nil {dtype =, requires_grad =, device =}
---@return Tensor
function core.scalar_tensor(value, options)
  if type(value) ~= "number" and type(value) ~= "boolean" then
    arguments.fail("scalar_tensor: argument 1: expected a number, got a %s", type(value))
  end
  options = arguments.options("scalar_tensor", 2, options, {"dtype", "device", "requires_grad"})
  return core.full({}, value, options.dtype and options or
    {dtype = core.get_default_dtype(), device = options.device, requires_grad = options.requires_grad})
end

-- The options of a tensor like x, with what is given over them.
local function like(op, x, options, position)
  arguments.tensor(op, 1, x)
  local all = {dtype = x.dtype, device = x.device}
  for k, v in pairs(arguments.options(op, position or 2, options)) do all[k] = v end
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
    return core[kind](size, like("new_" .. kind, x, options))
  end)
end

--- empty_permuted: memory as it is, whose dimensions lie in another order: the last of the order is the densest.
---@param size integer[]
---@param physical_layout integer[] the dimensions, from the one whose steps are largest
---@param options {dtype: string?, device: string?, requires_grad: boolean?}|nil
---@return Tensor the default dtype unless dtype says otherwise
--- Source: torch.empty_permuted.  Example: ap.empty_permuted({2, 3, 4}, {1, 3, 2}):stride() --> {12, 1, 3}
core.empty_permuted = core.entry("empty_permuted", function(size, physical_layout, options)
  for i, v in ipairs {size or false, physical_layout or false} do
    if type(v) ~= "table" then
      arguments.fail("empty_permuted: argument %d: expected a table of integers, got %s", i, arguments.got(v))
    end
  end
  local n = rawlen(size)
  local sizes = arguments.integers("empty_permuted", "size", size, n)
  local order = arguments.integers("empty_permuted", "physical_layout", physical_layout, n)
  local stride, step = {}, 1
  for i = n, 1, -1 do
    local d = order[i] < 0 and order[i] + n + 1 or order[i]
    if d < 1 or d > n or stride[d] then
      arguments.fail("empty_permuted: physical_layout: expected each of the dimensions 1..%d once, got %d", n, order[i])
    end
    stride[d] = step
    step = step * math.max(sizes[d], 1)
    if step < 0 or step > 1 << 48 then arguments.fail("empty_permuted: out of memory: too many elements") end
  end
  return core.empty_strided(sizes, stride, options)
end)

--- new_empty_strided: empty_strided of the dtype and on the device of x.
---@param x Tensor
---@param size integer[]
---@param stride integer[]
---@param options table|nil {dtype =, requires_grad =, device =}
---@return Tensor
--- Source: torch.Tensor.new_empty_strided.
core.define("new_empty_strided", function(x, size, stride, options)
  return core.empty_strided(size, stride, like("new_empty_strided", x, options, 4))
end)

--- new: a tensor of the dtype and on the device of x: of sizes, its memory as it is, or of values.
---@param x Tensor
---@param ... integer|table|Tensor sizes; or one table of values, or a tensor to copy; nothing: no elements
---@return Tensor
--- Source: torch.Tensor.new; new code uses new_empty and new_tensor.
core.define("new", function(x, ...)
  arguments.tensor("new", 1, x)
  local first = ...
  if first == nil then return core.new_empty(x, 0) end
  if type(first) ~= "number" then
    if select("#", ...) > 1 then arguments.fail("new: expected sizes, or one table of values") end
    return core.new_tensor(x, first)
  end
  return core.new_empty(x, arguments.integers("new", "sizes", {...}, select("#", ...)))
end)

--- fill: x's shape, dtype and device with one value everywhere; what fill_ writes.
---@param x Tensor
---@param value number|boolean|Tensor a tensor has no dimensions, and gets the sum of the gradients
---@return Tensor
--- Source: torch.fill.  Example: ap.fill(ap.zeros(2), 3) --> [3, 3]
core.define("fill", function(x, value)
  arguments.tensor("fill", 1, x)
  if not core.is_tensor(value) then return x:clone():fill_(value) end
  if value.ndim > 0 then
    arguments.fail("fill: argument 2: expected a number or a tensor without dimensions, got %s", arguments.got(value))
  end
  return x:clone():copy_(value)
end)

--- new_full: a tensor of one value, of the dtype and on the device of x.
---@param x Tensor
---@param size integer[]
---@param value number|boolean
---@param options table|nil {dtype =, requires_grad =, device =}
---@return Tensor
core.define("new_full", function(x, size, value, options)
  return core.full(size, value, like("new_full", x, options, 4))
end)

--- new_tensor: a tensor of given values, of the dtype and on the device of x.
---@param x Tensor
---@param values number|table|Tensor
---@param options table|nil {dtype =, requires_grad =, device =}
---@return Tensor
core.define("new_tensor", function(x, values, options)
  return core.tensor(values, like("new_tensor", x, options, 3))
end)

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
core.define("is_signed", function(x)
  arguments.tensor("is_signed", 1, x)
  return x.dtype ~= "u8" and x.dtype ~= "bool"
end)

--- is_complex: false: there are no complex dtypes.
---@param _ Tensor
---@return boolean
core.define("is_complex", function(_) return false end)

--- element_size: bytes of one element.
---@param x Tensor
---@return integer
core.define("element_size", function(x)
  arguments.tensor("element_size", 1, x)
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
---@return Tensor shape (steps), the default dtype unless dtype says otherwise
--- Source: torch.logspace.  Example: ap.logspace(0, 2, 3) --> [1, 10, 100]
function core.logspace(first, last, steps, base, options)
  if type(base) == "table" then
    options, base = base, base.base
  end
  base = base or 10
  if type(base) ~= "number" then arguments.fail("logspace: argument 4: expected a number, got a %s", type(base)) end
  options = arguments.options("logspace", 5, options, {"base", "dtype", "device", "requires_grad"})
  -- In f64, wherever the result goes.
  local exponents = core.linspace(first, last, steps, {dtype = "f64", device = "cpu"})
  local y = core.pow(base, exponents):to(options.dtype or core.get_default_dtype())
  y = y:to(options.device or core.get_default_device())
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
  if not core.is_tensor(x) or x.ndim ~= 1 then arguments.fail("vander: argument 1: expected a vector") end
  n = n or x:numel()
  if math.type(n) ~= "integer" or n < 0 then
    arguments.fail("vander: argument 2: expected an integer of at least 0, got %s", n)
  end
  local exponents = core.arange(0, n - 1, 1, {dtype = "i64", device = x.device})
  if not increasing then exponents = exponents:flip(1) end
  return x:unsqueeze(2) ^ exponents
end)
