--- Reads tests/golden/opinfo_FAMILY.safetensors: calls of ops with PyTorch's sample inputs. tests/golden/opinfo.py made
--- them and says how they read.

local ap = require "apsis"
local F = require "apsis.nn.functional"
local place = require "support.device".place

local opinfo = {families = {"elementwise", "reduce", "shape", "index", "nn", "matrix", "fft"}}

local function product(size)
  local n = 1
  for _, s in ipairs(size) do n = n * s end
  return n
end

-- The values of a stream, from where the last reading of it ended.
local function reader(stream)
  local values, at = stream:totable(), 0
  return function(size)
    local n = product(size)
    at = at + n
    return table.move(values, at - n + 1, at, 1, {})
  end
end

local function to_tensor(values, size, dtype)
  if dtype == "bool" then
    for i, v in ipairs(values) do values[i] = v ~= 0 end
  elseif dtype == "i64" then
    for i, v in ipairs(values) do values[i] = math.tointeger(v) end
  end
  if #values == 0 then return place(ap.zeros(size, {dtype = dtype})) end
  return place(ap.tensor(values, {dtype = dtype}):reshape(size):clone())
end

--- read: the calls of a file by op, and the ops in order.
---@param family string
---@return table name -> list of {line =, arguments =, results =, gradients =}; arguments and results are from
---       table.pack, their tensors {is_entry = true, tensor =, wants = true for a gradient to check, weighted =}
---@return string[] names
function opinfo.read(family)
  local file = golden("opinfo_" .. family)
  local bytes = file.cases:totable()
  local text = {}
  for i = 1, #bytes, 4096 do
    text[#text + 1] = string.char(table.unpack(bytes, i, math.min(i + 4095, #bytes)))
  end
  local inputs, values = reader(file.inputs), reader(file.values)
  local calls, order, wanted, line = {}, {}, {}, nil
  local function entry(from, dtype, flags)
    return function(size)
      local e = {is_entry = true, size = size, tensor = to_tensor(from(size), size, dtype), wants = flags == "g",
        weighted = flags == "w"}
      if e.wants then wanted[#wanted + 1] = e end
      return e
    end
  end
  local environment = {
    inf = math.huge, nan = 0 / 0, n = table.pack,
    x = entry(inputs, "f64"), g = entry(inputs, "f64", "g"), i = entry(inputs, "i64"), b = entry(inputs, "bool"),
    y = entry(values, "f64"), w = entry(values, "f64", "w"),
    call = function(name, arguments, results)
      local gradients = {}
      for k, e in ipairs(wanted) do gradients[k] = to_tensor(values(e.size), e.size, "f64") end
      if not calls[name] then
        calls[name] = {}
        order[#order + 1] = name
      end
      table.insert(calls[name], {line = line, arguments = arguments, results = results, gradients = gradients})
      wanted = {}
    end,
  }
  for each in table.concat(text):gmatch "[^\n]+" do
    line = each
    assert(load(line, "=" .. line, "t", environment))()
  end
  return calls, order
end

--- resolve: the function of a name as it stands in the files: "sum", "F.pad", "linalg.inv".
function opinfo.resolve(name)
  local module, rest = name:match "^(.-)%.(.*)$"
  if not module then return ap[name] end
  return (module == "F" and F or ap[module])[rest]
end

return opinfo
