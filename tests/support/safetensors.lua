--- A reader of its own for golden files, so that a bug of apsis.io cannot hide or break every other test.
-- Trusts the file: golden files are written by tests/golden/*.py.

local safetensors = {}

local formats = {
  F32 = {"f32", "<f"}, F64 = {"f64", "<d"}, I64 = {"i64", "<i8"}, I32 = {"i32", "<i4"}, I16 = {"i16", "<i2"},
  I8 = {"i8", "<i1"}, U8 = {"u8", "B"}, BOOL = {"bool", "B"},
}

local function read(ap, data, first, last, kind, shape)
  local dtype, format = table.unpack(formats[kind])
  local values = {}
  while first < last do
    local value
    value, first = string.unpack(format, data, first)
    if kind == "BOOL" then value = value ~= 0 end
    values[#values + 1] = value
  end
  if #values == 0 then return ap.zeros(shape, {dtype = dtype}) end
  return ap.tensor(values, {dtype = dtype}):reshape(shape)
end

function safetensors.load(path)
  local ap = require "apsis"
  local file, message = io.open(path, "rb")
  if not file then error("golden: " .. message, 3) end
  local text = file:read("a")
  file:close()
  local length, start = string.unpack("<I8", text)
  local header, data = text:sub(start, start + length - 1), start + length
  local tensors = {}
  for name, entry in header:gmatch('"([^"]+)":(%b{})') do
    local kind = entry:match('"dtype":"(%w+)"')
    if kind then
      local shape = {}
      for n in entry:match('"shape":%[([^%]]*)%]'):gmatch("%d+") do shape[#shape + 1] = math.tointeger(tonumber(n)) end
      local first, last = entry:match('"data_offsets":%[(%d+),(%d+)%]')
      if formats[kind] then
        tensors[name] = read(ap, text, data + tonumber(first) // 1, data + tonumber(last) // 1, kind, shape)
      else
        tensors[name] = require("apsis.io").load(path)[name]
      end
    end
  end
  return tensors
end

return safetensors
