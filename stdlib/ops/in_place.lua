--- In-place forms of functions that are composed of ops: compute, then write over the first argument.

local core = require "apsis.core"

--- in_place: defines NAME_ beside the composed function NAME, with the rules of in-place ops: the result must have the
--- tensor's shape and a kind of dtype (float, integer, bool) that fits it.
---@param name string of the function
---@param f function|nil default: core's function of that name
return function(name, f)
  f = f or core[name]
  local full = name .. "_"
  core.define(full, function(x, ...)
    if not core.is_tensor(x) then error(full .. ": argument 1: expected a tensor, got a " .. type(x), 2) end
    local y = f(x, ...)
    if not core.can_cast(y.dtype, x.dtype) then
      error(("%s: a %s result does not fit the %s tensor in place"):format(full, y.dtype, x.dtype), 2)
    end
    local size, result = table.concat(x:size(), "x"), table.concat(y:size(), "x")
    if size ~= result then
      error(("%s: the result (%s) does not have the shape of the tensor in place (%s)"):format(full, result, size), 2)
    end
    for d, stride in ipairs(x:stride()) do
      if stride == 0 and x:size(d) > 1 then
        error(full .. ": elements of the tensor share memory (it was expanded); clone it first", 2)
      end
    end
    return x:copy_(y)
  end)
end
