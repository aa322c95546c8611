-- apsis.io: tensors in files.
--
--   local io = require "apsis.io"
--   io.save("model.safetensors", model:state_dict(), {epoch = "3"})
--   local tensors, metadata = io.load "model.safetensors"
--
-- Everything that is written is written atomically: a crash, a full disk or an error leaves the old file as it was.
-- Everything that is read is checked before memory is allocated for it: a damaged or hostile file is an error that
-- names the file and what is wrong with it.

local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"
local formats = core.formats
local fail = formats.fail -- raises at the user's line

local io = {}

-- {name, ...} and {tensor, ...} of a table of tensors by name, on the CPU.
local function named_tensors(what, tensors)
  if type(tensors) ~= "table" then
    fail(("%s: argument 2 (tensors): expected a table of tensors by name, got %s"):format(what, type(tensors)))
  end
  local names, values = {}, {}
  for name, tensor in pairs(tensors) do
    if type(name) ~= "string" then
      fail(("%s: argument 2 (tensors): expected names that are strings, got %s (a %s)"):format(what, tostring(name),
        math.type(name) or type(name)))
    end
    if not core.is_tensor(tensor) then
      fail(("%s: argument 2 (tensors): '%s': expected a tensor, got %s"):format(what, name, type(tensor)))
    end
    names[#names + 1], values[#values + 1] = name, tensor
  end
  return names, values
end

local function on_cpu(tensor)
  return tensor.device == "cpu" and tensor or tensor:detach():to "cpu"
end

--- Writes tensors to a safetensors file, atomically: a temporary file in the same folder, fsync, rename, fsync of the
--- folder. The old file's mode stays. Tensors that share memory are written once for each name.
---@param path string
---@param tensors table<string, Tensor> any dtypes, shapes, strides and devices, as from model:state_dict()
---@param metadata? table<string, string> texts to store beside them
--- Source: safetensors.torch.save_file.  Example: ap.io.save("model.safetensors", model:state_dict(), {epoch = "3"})
function io.save(path, tensors, metadata)
  local names, values = named_tensors("io.save", tensors)
  for i, value in ipairs(values) do
    if names[i] == "__metadata__" then
      fail("io.save: argument 2 (tensors): no tensor may be named __metadata__: the format uses that name")
    end
    values[i] = on_cpu(value)
  end
  if metadata ~= nil and type(metadata) ~= "table" then
    fail("io.save: argument 3 (metadata): expected a table of strings, got " .. type(metadata))
  end
  local keys, texts = {}, {}
  for key, text in pairs(metadata or {}) do
    if type(key) ~= "string" or type(text) ~= "string" then
      fail(("io.save: argument 3 (metadata): expected strings by name, got %s = %s (a %s); use tostring"):format(
        tostring(key), tostring(text), math.type(text) or type(text)))
    end
    keys[#keys + 1], texts[#texts + 1] = key, text
  end
  formats.save(path, names, values, keys, texts)
end

-- The numbers of the tensors in `list` that `names` asks for (nil: all).
local function chosen(what, path, list, names)
  local numbers = {}
  if names == nil then
    for i = 1, #list do numbers[i] = i end
    return numbers
  end
  if type(names) ~= "table" then
    fail(("%s: names: expected a table of strings, got %s"):format(what, type(names)))
  end
  local position = {}
  for i, entry in ipairs(list) do position[entry.name] = i end
  for i, name in ipairs(names) do
    numbers[i] = position[name] or fail(("%s: %s: there is no tensor '%s'"):format(what, path, tostring(name)))
  end
  return numbers
end

--- Reads a safetensors file. All rules of the format are checked first. U16 and U32 are read as i32 and i64, U64 as
--- i64 where it fits.
---@param path string
---@param options? {names: string[], device: string} names: read only these; device: where to put the tensors ("cpu")
---@return table<string, Tensor> tensors
---@return table<string, string> metadata empty where the file has none
--- Source: safetensors.torch.load_file.  Example: model:load_state_dict((ap.io.load "model.safetensors"))
function io.load(path, options)
  options = options or {}
  arguments.known("io.load", options, {names = true, device = true})
  local file <close> = formats.safetensors(path)
  local list, tensors = file:list(), {}
  for _, i in ipairs(chosen("io.load", path, list, options.names)) do
    local tensor = file:read(i)
    tensors[list[i].name] = options.device and tensor:to(options.device) or tensor
  end
  return tensors, file:metadata()
end

--- What is in a safetensors file, without reading the tensors.
---@param path string
---@return {name: string, dtype: string, shape: integer[]}[] list in the order of the data; dtypes as in the file: F32
---@return table<string, string> metadata
--- Example: for _, t in ipairs(ap.io.list "model.safetensors") do print(t.name, t.dtype, #t.shape) end
function io.list(path)
  local file <close> = formats.safetensors(path)
  return file:list(), file:metadata()
end

--- Reads an npy file, NumPy's format of one array: versions 1 to 3, both byte orders, C and Fortran order (which gives
--- a tensor with such strides). u16 and u32 are read as i32 and i64, u64 as i64 where it fits. Objects are refused:
--- they are pickled code.
---@param path string
---@return Tensor
--- Source: numpy.load.  Example: local x = ap.io.load_npy "x.npy"
function io.load_npy(path)
  return formats.load_npy(path)
end

--- Writes a tensor as an npy file, atomically; byte for byte what numpy.save writes for a C-ordered array.
---@param path string
---@param tensor Tensor any dtype but bf16, which NumPy has not
--- Source: numpy.save.  Example: ap.io.save_npy("x.npy", ap.randn(3, 4))
function io.save_npy(path, tensor)
  formats.save_npy(path, core.is_tensor(tensor) and on_cpu(tensor) or tensor)
end

--- Reads an npz file, a zip of npy files, stored or deflated (as numpy.savez and numpy.savez_compressed write them).
---@param path string
---@param options? {names: string[], device: string} names: read only these; device: where to put the tensors ("cpu")
---@return table<string, Tensor> by name, without the .npy
--- Source: numpy.load.  Example: local x = ap.io.load_npz("data.npz").x
function io.load_npz(path, options)
  options = options or {}
  arguments.known("io.load_npz", options, {names = true, device = true})
  local file <close> = formats.npz(path)
  local list, tensors = {}, {}
  for i, name in ipairs(file:list()) do
    if name:find("data.pkl", 1, true) then
      fail(("io.load_npz: %s: it is a PyTorch file, which holds pickled code and is not read here; "
        .. "save it with safetensors.torch.save_file"):format(path))
    end
    list[i] = {name = name:match "^(.*)%.npy$" or name}
  end
  for _, i in ipairs(chosen("io.load_npz", path, list, options.names)) do
    local tensor = file:read(i)
    tensors[list[i].name] = options.device and tensor:to(options.device) or tensor
  end
  return tensors
end

--- Writes tensors as an npz file without compression, atomically.
---@param path string
---@param tensors table<string, Tensor> any dtypes but bf16
--- Source: numpy.savez.  Example: ap.io.save_npz("data.npz", {x = x, y = y})
function io.save_npz(path, tensors)
  local names, values = named_tensors("io.save_npz", tensors)
  table.sort(names)
  for i, name in ipairs(names) do values[i] = on_cpu(tensors[name]) end
  formats.save_npz(path, names, values)
end

--- What JSON's null becomes in ap.io.json_decode.
io.null = formats.null

--- Reads a JSON text, strictly: valid UTF-8, no key twice in an object, no more than 128 levels. Arrays become tables
--- from 1 on, null io.null, integers that fit 64 bits integers.
---@param text string
---@return any
--- Source: RFC 8259.  Example: ap.io.json_decode('{"a": [1, 2.5, null]}').a[2] --> 2.5
function io.json_decode(text)
  return formats.json_decode(text)
end

return core.define_module(io)
