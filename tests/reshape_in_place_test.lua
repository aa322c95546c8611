--- Changes of a tensor's shape and memory in place: what they give, what the tape makes of them, and what they refuse.

local ap = require "apsis"
local place = require "support.device".place

local function leaf(values) return place(ap.tensor(values, {dtype = "f64"})):requires_grad_() end
local function numbers(...) return place(ap.arange(1, select(1, ...) * (select(2, ...) or 1))):reshape(...):clone() end

test("in-place forms of the views give their shapes in the same handle, over the same memory", function()
  local x = numbers(2, 3)
  local whole = x:view(6)
  truth(rawequal(x:t_(), x))
  equal({x.shape, x:stride()}, {{3, 2}, {1, 3}})
  equal(x:unsqueeze_(2).shape, {3, 1, 2})
  equal(x:transpose_(1, -1).shape, {2, 1, 3})
  equal(x:swapaxes_(1, 2):swapdims_(1, 2).shape, {2, 1, 3})
  equal(x:squeeze_().shape, {2, 3})
  equal(x:unsqueeze_(1):squeeze_(1):unsqueeze_(-1):squeeze_ {dim = -1}, numbers(2, 3))
  x:fill_(7)
  equal(whole:totable(), {7, 7, 7, 7, 7, 7})
  equal(numbers(6):as_strided_({2, 2}, {3, 1}, 2):totable(), {{2, 3}, {5, 6}})
  equal(ap.ones(1, 1):squeeze_().shape, {})
end)

test("what they refuse leaves the tensor as it was, and the error names the form that was called", function()
  local x = numbers(2, 3)
  raises("unsqueeze_: .*dimension 5 does not exist", function() x:unsqueeze_(5) end)
  raises("t_: expected a tensor of at most 2 dimensions", function() numbers(2, 3):unsqueeze_(1):t_() end)
  raises("as_strided_: the view reaches past", function() x:as_strided_({9}, {1}) end)
  raises("squeeze_: argument 1: expected a tensor, got a number", ap.squeeze_, 3)
  equal(x, numbers(2, 3))
end)

test("they are recorded: gradients flow to what the tensor was before", function()
  local x = leaf {{1, 2, 3}, {4, 5, 6}}
  local y = x * 2
  y:t_():unsqueeze_(1)
  truth(y.requires_grad and not y.is_leaf)
  local w = place(ap.arange(1, 6, 1, {dtype = "f64"})):reshape(1, 3, 2);
  (y * w):sum():backward()
  close(x.grad, {{2, 6, 10}, {4, 8, 12}})
  -- A view changes its own shape, not that of what it shows.
  x.grad = nil
  y = x * 2
  local row = y[1]:unsqueeze_(1)
  equal({row.shape, y.shape}, {{1, 3}, {2, 3}})
  ;(row:as_strided_({2, 2}, {1, 1}) * 3):sum():backward()
  close(x.grad, {{6, 12, 6}, {0, 0, 0}})
  y = (x * 1):t_()
  y:mul_(2)
  y:sum():backward()
end)

test("second derivatives go through them", function()
  local x = leaf {{0.5, -1}, {2, 0.3}}
  local function g(v)
    local y = (v * v):t_():unsqueeze_(1):transpose_(1, 3)
    return y * y
  end
  ap.autograd.gradcheck(g, {x})
  ap.autograd.gradgradcheck(g, {x})
end)

test("what the tape kept of the tensor is lost, and backward says so", function()
  local x = leaf {{1, 2}, {3, 4}}
  local y = x * 2
  local z = y * y
  y:t_()
  raises("backward: an argument of mul has another shape now, %(2x2%): it was changed in place", function()
    z:sum():backward()
  end)
  local e = (x * 1):exp()
  e:t_()
  raises("the result of exp has another shape", function() e:sum():backward() end)
  -- What shares memory with it is not changed.
  y = x * 2
  z = y * y
  y:view(4):unsqueeze_(1)
  z:sum():backward()
  -- A constant that a rule reads.
  local c = numbers(2, 2):to("f64")
  z = (x * c):sum()
  c:resize_(3, 3)
  raises("has another shape now", function() z:backward() end)
  c = numbers(2, 2):to("f64")
  z = (x * c):sum()
  c:set_(c:clone())
  raises("has another shape now", function() z:backward() end)
end)

test("one of several results that a rule reads may not change before backward", function()
  if require "support.device".name then return end
  local a = ap.eye(3, {dtype = "f64", requires_grad = true})
  local values, vectors = ap.linalg.eigh(a)
  ap.no_grad(function() vectors:mul_(2) end)
  raises("backward: a result of linalg.eigh was changed in place", function() values:sum():backward() end)
end)

test("a leaf that requires a gradient changes its shape under no_grad, without a .grad", function()
  local x = leaf {{1, 2, 3}, {4, 5, 6}}
  raises("t_: a leaf that requires a gradient cannot be changed in place", function() x:t_() end)
  raises("set_: a leaf", function() x:set_(ap.zeros({2}, {dtype = "f64", device = x.device})) end)
  ap.no_grad(function() x:t_() end)
  truth(x.is_leaf and x.requires_grad)
  equal(x.shape, {3, 2});
  (x * x):sum():backward()
  close(x.grad, {{2, 8}, {4, 10}, {6, 12}})
  raises("t_: the tensor has a .grad", function() ap.no_grad(function() x:t_() end) end)
  raises("changes its shape only where that is recorded", function()
    local y = x * 2
    ap.no_grad(function() y:t_() end)
  end)
end)

test("resize_: a view of the memory where it reaches, else larger memory with zeros", function()
  local x = numbers(2, 3)
  local view = x:view(6)
  equal(x:resize_(3):totable(), {1, 2, 3})
  equal(x:resize_(2, 3), numbers(2, 3))
  view:mul_(10)
  equal(x:totable(), {{10, 20, 30}, {40, 50, 60}})
  equal(x:resize_(2, 4):totable(), {{10, 20, 30, 40}, {50, 60, 0, 0}})
  view:fill_(0)
  equal(x[1]:totable(), {10, 20, 30, 40})
  equal(numbers(6):narrow(1, 3, 2):resize_(3):totable(), {3, 4, 5})
  equal(numbers(6):narrow(1, 3, 2):resize_(6):totable(), {3, 4, 5, 6, 0, 0})
  local t = numbers(2, 3):t()
  equal(t:resize_(3, 2):stride(), {1, 3})
  equal(t:resize_(2, 3), numbers(2, 3))
  equal({ap.zeros(3):resize_ {}.shape, ap.zeros(3):resize_(0, 4).shape}, {{}, {0, 4}})
  equal(ap.zeros(2):resize_as_(ap.ones(2, 2)), ap.zeros(2, 2))
  equal(numbers(2):to("bool"):resize_(4):totable(), {true, true, false, false})
end)

test("resize_ refuses what requires a gradient, and sizes that no tensor has", function()
  raises("resize_: a tensor that requires a gradient", function() leaf {1, 2}:resize_(3) end)
  raises("resize_: a tensor that requires a gradient", function()
    ap.no_grad(function() leaf {1, 2}:resize_as_(ap.zeros(3)) end)
  end)
  local x = numbers(2)
  raises("resize_: expected sizes of at least 0, got %-1", function() x:resize_(-1) end)
  raises("resize_: .*too many elements", function() x:resize_(1 << 40, 1 << 40) end)
  raises("resize_: sizes: expected an integer", function() x:resize_ {1.5} end)
  raises("resize_: expected sizes, got the option 'size'", function() x:resize_ {size = 3} end)
  raises("resize_: works in place: it takes no out", function() x:resize_(3, {out = x}) end)
  raises("resize_as_: argument 2: expected a tensor", function() x:resize_as_(3) end)
  equal(x, numbers(2))
end)

test("set_ and is_set_to: another handle on a tensor's memory", function()
  local x, y = numbers(2), numbers(2, 3)
  truth(rawequal(x:set_(y), x) and x:is_set_to(y) and not x:is_set_to(y:t()) and not x:is_set_to(y:clone()))
  x[1] = 0
  equal(y:totable(), {{0, 0, 0}, {4, 5, 6}})
  equal(x:set_(y, 4, {3}):totable(), {4, 5, 6})
  equal(x:set_(y, 1, {2, 2}, {1, 3}):totable(), {{0, 4}, {0, 5}})
  equal(x:set_().shape, {0})
  raises("set_: expected a source of the tensor's dtype and device, i64", function() x:set_(ap.zeros(2)) end)
  raises("set_: has no gradient", function() ap.zeros({2}, {dtype = "f64"}):set_(leaf {1} * 1) end)
  raises("set_: .*reaches past", function() x:set_(y, 4, {9}) end)
end)

test("detach_ cuts a tensor off from the tape; a view is refused", function()
  local x = leaf {1, 2}
  local y = x * 2
  local z = y * 3
  truth(rawequal(y:detach_(), y) and y.is_leaf and not y.requires_grad and y.grad_fn == nil)
  z:sum():backward()
  close(x.grad, {6, 6})
  truth(not leaf {1}:detach_().requires_grad)
  raises("detach_: a view", function() (x * 2):view(2, 1):detach_() end)
end)
