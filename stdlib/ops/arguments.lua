--- Arguments of the functions that are written in Lua, as the ops in C take them: by position, or by name in a last
--- table (lib/bind/args.c, `options`).
local core = require "apsis.core"

local arguments = {}

--- known: fails unless `options` is a table whose keys are keys of `known`.
---@param op string for errors
---@param options any
---@param known table<string, any>
---@param names string[]|nil those keys in the order that errors list them; default: sorted
function arguments.known(op, options, known, names)
  if type(options) ~= "table" then
    arguments.fail("%s: expected a table of options, got %s", op, arguments.got(options))
  end
  for name in pairs(options) do
    if known[name] == nil then
      if not names then
        names = {}
        for key in pairs(known) do names[#names + 1] = key end
        table.sort(names)
      end
      arguments.fail("%s: unknown option '%s'; options: %s", op, tostring(name), table.concat(names, " "))
    end
  end
end

-- A table whose keys are names.
local function is_options(o)
  return type(o) == "table" and type((next(o))) == "string" and not core.is_tensor(o)
end

--- named: the values of `fields` in their order, from what was given by position or by name.
---@param op string for errors
---@param fields string[]
---@param ... any the arguments from the first field on; the last may be a table of names
---@return any ... one value for each field
--- Errors: a name that is no field; a field given by position and by name; more values than fields.
function arguments.named(op, fields, ...)
  local given = select("#", ...)
  while given > 0 and (select(given, ...)) == nil do given = given - 1 end
  local o = given > 0 and (select(given, ...))
  if not is_options(o) then
    if given > #fields then
      arguments.fail("%s: expected at most %d argument%s from '%s' on, got %d", op, #fields, #fields == 1 and "" or "s",
        fields[1], given)
    end
    return ...
  end
  local known, values = {}, {...}
  values[given] = nil
  for _, field in ipairs(fields) do known[field] = true end
  arguments.known(op, o, known, fields)
  for i, field in ipairs(fields) do
    if o[field] ~= nil then
      if values[i] ~= nil then arguments.fail("%s: '%s' is given twice, by position and by name", op, field) end
      values[i] = o[field]
    end
  end
  return table.unpack(values, 1, #fields)
end

--- fail: raises an error as the ops in C do: at the first line outside the standard library, the function that was
--- called there named first.
---@param format string
---@param ... any what string.format takes
function arguments.fail(format, ...) core.fail(format:format(...)) end

--- shape: "(2x3)", for messages.
---@param x Tensor
---@return string
function arguments.shape(x) return "(" .. table.concat(x:size(), "x") .. ")" end

--- got: what an argument is, for messages: "nil", "a string", "a f32 tensor (2x3)".
---@param x any
---@return string
function arguments.got(x)
  if x == nil then return "nil" end
  if not core.is_tensor(x) then return "a " .. type(x) end
  return ("a %s tensor %s"):format(x.dtype, arguments.shape(x))
end

--- tensor: fails unless x is a tensor.
---@param op string for errors
---@param position integer which argument it is
---@param x any
function arguments.tensor(op, position, x)
  if not core.is_tensor(x) then
    arguments.fail("%s: argument %d: expected a tensor, got %s", op, position, arguments.got(x))
  end
end

--- floating: fails unless x is a floating-point tensor.
---@param op string for errors
---@param x any
---@param position integer|nil which argument it is, where there are several
function arguments.floating(op, x, position)
  arguments.tensor(op, position or 1, x)
  if not x:is_floating_point() then
    arguments.fail("%s: %sexpected a floating-point tensor, got %s; convert it: x:to(\"f32\")", op,
      position and ("argument %d: "):format(position) or "", x.dtype)
  end
end

--- whole: fails unless x is a tensor of integers; bool is none.
---@param op string for errors
---@param x any
---@param position integer which argument it is
function arguments.whole(op, x, position)
  arguments.tensor(op, position, x)
  if x:is_floating_point() or x.dtype == "bool" then
    arguments.fail("%s: argument %d: expected integers, got %s", op, position, x.dtype)
  end
end

--- dim: a dimension (negative counts from the last) as 1..ndim. A 0-dim tensor counts as having one.
---@param op string for errors
---@param ndim integer
---@param dim integer
---@return integer
--- Errors: no such dimension.
function arguments.dim(op, ndim, dim)
  local n = math.max(ndim, 1)
  if math.type(dim) ~= "integer" or dim == 0 or dim < -n or dim > n then
    arguments.fail("%s: dimension %s does not exist: dimensions run 1..%d (or -%d..-1)", op, tostring(dim), n, n)
  end
  return dim < 0 and dim + n + 1 or dim
end

--- tensors: fails unless all that follow are tensors.
---@param op string for errors
---@param ... any
function arguments.tensors(op, ...)
  for i = 1, select("#", ...) do arguments.tensor(op, i, (select(i, ...))) end
end

--- callable: fails unless f is a function, nil or what can be called like one.
---@param op string for errors
---@param f any
function arguments.callable(op, f)
  local meta = getmetatable(f)
  if f == nil or type(f) == "function" or type(meta) == "table" and meta.__call then return end
  arguments.fail("%s: argument 1: expected a function, got %s", op, arguments.got(f))
end

--- number: fails unless x is a number, or nil where it may be left out.
---@param op string for errors
---@param what string the parameter
---@param x any
---@param optional boolean|nil
function arguments.number(op, what, x, optional)
  if type(x) == "number" or optional and x == nil then return end
  arguments.fail("%s: %s: expected a number, got %s", op, what, arguments.got(x))
end

--- options: a table of options, or an empty one for nil.
---@param op string for errors
---@param position integer which argument it is
---@param o any
---@param names string[]|nil those that there are; nil: the caller looks at them
---@return table
function arguments.options(op, position, o, names)
  if o == nil then return {} end
  if type(o) ~= "table" then
    arguments.fail("%s: argument %d: expected a table of options, got %s", op, position, arguments.got(o))
  end
  if names then
    local known = {}
    for _, name in ipairs(names) do known[name] = true end
    arguments.known(op, o, known, names)
  end
  return o
end

--- matrices: fails unless x is a tensor of at least 2 dimensions.
---@param op string for errors
---@param x any
function arguments.matrices(op, x)
  arguments.tensors(op, x)
  if x.ndim < 2 then
    arguments.fail("%s: expected a matrix or a batch of them, got %s", op, arguments.shape(x))
  end
end

--- is_vectors: whether the right side B of A X = B stands for vectors: it has one dimension, or A's shape without the
--- last.
---@param A Tensor
---@param B Tensor
---@return boolean
function arguments.is_vectors(A, B)
  if B.ndim == 1 then return true end
  if B.ndim ~= A.ndim - 1 then return false end
  for d = 1, B.ndim do
    if A:size(d) ~= B:size(d) then return false end
  end
  return true
end

--- broadcast_sizes: the shape that shapes broadcast to.
---@param op string for errors
---@param shapes integer[][]
---@return integer[]
--- Errors: sizes that differ and of which none is 1.
function arguments.broadcast_sizes(op, shapes)
  local result = {}
  for _, size in ipairs(shapes) do
    local before = table.concat(result, "x")
    for _ = #result + 1, #size do table.insert(result, 1, 1) end
    local lead = #result - #size
    for d, n in ipairs(size) do
      local m = result[lead + d]
      if m == 1 then
        result[lead + d] = n
      elseif n ~= 1 and n ~= m then
        arguments.fail("%s: (%s) and (%s) do not broadcast: sizes %d and %d differ", op, before,
          table.concat(size, "x"), m, n)
      end
    end
  end
  return result
end

--- broadcast: the shape that the arguments of an op broadcast to: tensors and numbers.
---@param op string for errors
---@param ... Tensor|number
---@return integer[]
--- Errors: an argument that is neither; shapes that do not broadcast.
function arguments.broadcast(op, ...)
  local shapes = {}
  for i = 1, select("#", ...) do
    local x = select(i, ...)
    if type(x) ~= "number" then
      arguments.tensor(op, i, x)
      shapes[#shapes + 1] = x:size()
    end
  end
  return arguments.broadcast_sizes(op, shapes)
end

--- integers: n integers, from one for all or a table of n.
---@param op string for errors
---@param what string the parameter
---@param v any
---@param n integer
---@param otherwise integer|nil what nil stands for
---@return integer[]
function arguments.integers(op, what, v, n, otherwise)
  if v == nil then v = otherwise end
  local list = {}
  for i = 1, n do
    local item = v
    if type(v) == "table" then item = #v == n and v[i] or nil end
    list[i] = type(item) == "number" and math.tointeger(item)
    if not list[i] then
      arguments.fail("%s: %s: expected an integer%s, got %s", op, what, n > 1 and " or a table of " .. n or "",
        type(v) == "table" and "a table of " .. #v or tostring(v))
    end
  end
  return list
end

--- output_sizes: the last sizes that an adaptive pooling gives; false (PyTorch's None) stands for x's own.
---@param op string for errors
---@param x Tensor
---@param dims integer how many
---@param output_size any an integer for all, or a table
---@return integer[]
function arguments.output_sizes(op, x, dims, output_size)
  if type(output_size) == "table" then
    output_size = {table.unpack(output_size)}
    for d = 1, dims do output_size[d] = output_size[d] or x:size(d - dims - 1) end
  end
  return arguments.integers(op, "output_size", output_size, dims)
end

return arguments
