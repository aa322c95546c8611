--- {out = t}, as PyTorch's out=: every function that gives fresh tensors takes it as a last option and writes its
--- results there: ap.add(a, b, {out = t}), x:sum{dim = 2, out = t}, ap.sort(x, {out = {values, positions}}).
--- Errors: out has another shape than the result (it is not resized), a dtype of a lower kind (float, integer, bool) or
--- another device; an argument or out requires a gradient while gradients are recorded; the function works in place,
--- gives views or no tensors.
--- Source: PyTorch's out=, which resizes with a warning.
--
-- The ops in C take it by themselves (lib/bind/out.c). Here are the functions in Lua: define() wraps each of them.

local core = require "apsis.core"

local define, call_out = core.define, core.call_out

--- define_as_is: define for functions that take `out` already or have no use for it.
core.define_as_is = define

function core.define(name, f)
  if name:sub(-1) == "_" then return define(name, f) end
  define(name, function(...)
    local n = select("#", ...)
    if n > 0 then
      local last = select(n, ...)
      if type(last) == "table" and rawget(last, "out") ~= nil then return call_out(name, f, ...) end
    end
    return f(...)
  end)
end
