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
