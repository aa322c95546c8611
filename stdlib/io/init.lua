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
local formats = core.formats

local io = {}

local function check_options(name, options, known)
  if options == nil then return {} end
  if type(options) ~= "table" then
    error(("%s: argument 2 (options): expected a table, got %s"):format(name, type(options)), 3)
  end
  for key in pairs(options) do
    if not known[key] then
      local names = {}
      for option in pairs(known) do names[#names + 1] = option end
      table.sort(names)
      error(("%s: no option %s; there are: %s"):format(name, tostring(key), table.concat(names, ", ")), 3)
    end
  end
  return options
end

-- {name, ...} and {tensor, ...} of a table of tensors by name, on the CPU.
local function named_tensors(what, tensors)
  if type(tensors) ~= "table" then
    error(("%s: argument 2 (tensors): expected a table of tensors by name, got %s"):format(what, type(tensors)), 3)
  end
  local names, values = {}, {}
  for name, tensor in pairs(tensors) do
    if type(name) ~= "string" then
      error(("%s: argument 2 (tensors): expected names that are strings, got %s (a %s)"):format(what, tostring(name),
        math.type(name) or type(name)), 3)
    end
    if not core.is_tensor(tensor) then
      error(("%s: argument 2 (tensors): '%s': expected a tensor, got %s"):format(what, name, type(tensor)), 3)
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
--- Source: safetensors.torch.save_file.  Example: io.save("model.safetensors", model:state_dict(), {epoch = "3"})
function io.save(path, tensors, metadata)
  local names, values = named_tensors("io.save", tensors)
  for i, value in ipairs(values) do
    if names[i] == "__metadata__" then
      error("io.save: argument 2 (tensors): no tensor may be named __metadata__: the format uses that name", 2)
    end
    values[i] = on_cpu(value)
  end
  if metadata ~= nil and type(metadata) ~= "table" then
    error("io.save: argument 3 (metadata): expected a table of strings, got " .. type(metadata), 2)
  end
  local keys, texts = {}, {}
  for key, text in pairs(metadata or {}) do
    if type(key) ~= "string" or type(text) ~= "string" then
      error(("io.save: argument 3 (metadata): expected strings by name, got %s = %s (a %s); use tostring"):format(
        tostring(key), tostring(text), math.type(text) or type(text)), 2)
    end
    keys[#keys + 1], texts[#texts + 1] = key, text
  end
  formats.save(path, names, values, keys, texts)
end

-- The numbers of the tensors in `list` that `names` asks for (nil: all).
local function chosen(path, list, names)
  local numbers = {}
  if names == nil then
    for i = 1, #list do numbers[i] = i end
    return numbers
  end
  local position = {}
  for i, entry in ipairs(list) do position[entry.name] = i end
  for i, name in ipairs(names) do
    numbers[i] = position[name] or error(("io.load: %s: there is no tensor '%s'"):format(path, tostring(name)), 3)
  end
  return numbers
end

--- Reads a safetensors file. All rules of the format are checked first. U16 and U32 are read as i32 and i64, U64 as
--- i64 where it fits.
---@param path string
---@param options? {names: string[], device: string} names: read only these; device: where to put the tensors ("cpu")
---@return table<string, Tensor> tensors
---@return table<string, string> metadata empty where the file has none
--- Source: safetensors.torch.load_file.  Example: model:load_state_dict((io.load "model.safetensors"))
function io.load(path, options)
  options = check_options("io.load", options, {names = true, device = true})
  local file <close> = formats.safetensors(path)
  local list, tensors = file:list(), {}
  for _, i in ipairs(chosen(path, list, options.names)) do
    local tensor = file:read(i)
    tensors[list[i].name] = options.device and tensor:to(options.device) or tensor
  end
  return tensors, file:metadata()
end

--- What is in a safetensors file, without reading the tensors.
---@param path string
---@return {name: string, dtype: string, shape: integer[]}[] list in the order of the data; dtypes as in the file: F32
---@return table<string, string> metadata
--- Example: for _, t in ipairs(io.list "model.safetensors") do print(t.name, t.dtype, table.concat(t.shape, "x")) end
function io.list(path)
  local file <close> = formats.safetensors(path)
  return file:list(), file:metadata()
end

return io
