--- In-place forms of functions that are composed of ops: compute, then write over the first argument.

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"

--- in_place: defines NAME_ beside the composed function NAME, with the rules of in-place ops: the result must have the
--- tensor's shape and a kind of dtype (float, integer, bool) that fits it.
---@param name string of the function
---@param f function|nil default: core's function of that name
return function(name, f)
  f = f or core[name]
  local full = name .. "_"
  core.define(full, function(x, ...)
    arguments.tensor(full, 1, x)
    local y = f(x, ...)
    if not core.can_cast(y.dtype, x.dtype) then
      arguments.fail("%s: a %s result does not fit the %s tensor in place", full, y.dtype, x.dtype)
    end
    local size, result = arguments.shape(x), arguments.shape(y)
    if size ~= result then
      arguments.fail("%s: the result %s does not have the shape of the tensor in place %s", full, result, size)
    end
    for d, stride in ipairs(x:stride()) do
      if stride == 0 and x:size(d) > 1 then
        arguments.fail("%s: elements of the tensor share memory (it was expanded); clone it first", full)
      end
    end
    return x:copy_(y)
  end)
end
