--- Functions of tensors against golden values (value and gradients) in every layout, in f64 and f32.

local ap = require "apsis"

local LAYOUTS = require "support.layouts".pick("contiguous", "transposed", "strided")

local TOLERANCE = {f64 = {rtol = 1e-9, atol = 1e-11}, f32 = {rtol = 2e-4, atol = 2e-5}}

-- cos(1), cos(2), ... in the shape of y: the weights of the golden gradients.
local function weights(y)
  if y.ndim == 0 then return ap.tensor(math.cos(1), {dtype = y.dtype}) end
  return ap.arange(1, y:numel()):to "f64":cos():to(y.dtype):reshape(y:size())
end

local function check(golden, case, f, given, dtype, layout)
  local x = {}
  for name, key in pairs(given) do
    x[name] = LAYOUTS[layout](golden["input." .. key]:to(dtype)):detach():requires_grad_()
  end
  local what = ("%s of %s, %s"):format(case, dtype, layout)
  local options = {rtol = TOLERANCE[dtype].rtol, atol = TOLERANCE[dtype].atol, what = what}
  local y = f(x)
  close(y:detach(), golden[case .. ".y"]:to(dtype), options);
  (y * weights(y)):sum():backward()
  for name in pairs(given) do
    local expected = golden[case .. ".grad." .. name]
    options.what = what .. ", gradient of " .. name
    if expected then close(x[name].grad, expected:to(dtype), options) end
  end
  return y
end

--- f{name = tensor, ...} against the golden values CASE.y and CASE.grad.NAME, for inputs given as name -> key.
return function(golden, case, f, given)
  assert(golden[case .. ".y"], "no golden value " .. case)
  for dtype in pairs(TOLERANCE) do
    for layout in pairs(LAYOUTS) do check(golden, case, f, given, dtype, layout) end
  end
end
