-- cat, stack, split, chunk, unbind: what they say, through any layout and dtype.
local ap = require "apsis"

local function numbered(...) return ap.arange(ap.ones(...):numel()):reshape(...) end

test("cat: parts follow each other along any dimension", function()
  local a, b = numbered(2, 3), numbered(2, 2) * 10
  equal(ap.cat({a, b}, 2):totable(), {{1, 2, 3, 10, 20}, {4, 5, 6, 30, 40}})
  equal(ap.cat({a, b}, -1):totable(), ap.cat({a, b}, {dim = 2}):totable())
  equal(ap.cat({a, a:narrow(1, 1, 1)}):totable(), {{1, 2, 3}, {4, 5, 6}, {1, 2, 3}})
  equal(ap.cat({a:t(), b:t()}, 1):totable(), ap.cat({a, b}, 2):t():totable())
  equal(ap.cat({a:expand(2, 2, 3), a:unsqueeze(1)}).shape, {3, 2, 3})
end)

test("cat: dtypes are promoted, empty vectors fit, sizes of 0 count", function()
  equal(ap.cat({ap.tensor {1, 2}, ap.tensor {0.5}}).dtype, "f32")
  equal(ap.cat({ap.zeros(0), numbered(2, 2)}, 2):totable(), {{1, 2}, {3, 4}})
  equal(ap.cat({ap.zeros(0, 3), ap.ones(2, 3)}).shape, {2, 3})
  equal(ap.cat({ap.zeros(0), ap.zeros(0)}).shape, {0})
  equal(ap.cat({ap.tensor {true}, ap.tensor {false}}):totable(), {true, false})
end)

test("stack: a new dimension at any place", function()
  local a, b = numbered(2, 3), numbered(2, 3) * 10
  equal(ap.stack({a, b}).shape, {2, 2, 3})
  equal(ap.stack({a, b}, 3)[1]:totable(), {{1, 10}, {2, 20}, {3, 30}})
  equal(ap.stack({a, b}, -2):totable(), ap.stack({a, b}, 2):totable())
  equal(ap.stack({ap.tensor(1), ap.tensor(2)}):totable(), {1, 2})
end)

test("split, chunk, unbind: views that cat and stack put together again", function()
  local x = numbered(7, 2)
  local parts = x:split(3)
  equal({#parts, parts[3].shape}, {3, {1, 2}})
  equal(ap.cat(parts):totable(), x:totable())
  equal(x:split({5, 0, 2})[3]:totable(), {{11, 12}, {13, 14}})
  equal(#x:chunk(3), 3)
  equal(#x:chunk(5), 4) -- parts of 2: PyTorch's answer too
  equal(x:chunk(2, 2)[2]:totable(), x:narrow(2, 2, 1):totable())
  equal(ap.stack(x:unbind(2), 2):totable(), x:totable())
  parts[1]:fill_(0)
  equal(x[1]:totable(), {0, 0})
end)

test("cat, stack: gradients go to each part, split's come back together", function()
  local function leaf(...) return numbered(...):to("f64"):requires_grad_() end
  local gradcheck = ap.autograd.gradcheck
  gradcheck(function(a, b) return ap.cat({a, b, a}, 2):sin() end, {leaf(2, 3), leaf(2, 1)})
  gradcheck(function(a, b) return ap.stack({a, b}, 2):sin() end, {leaf(2, 3), leaf(2, 3)})
  gradcheck(function(a) local p = a:split(2) return p[1] * p[2] end, {leaf(4, 2)})
  ap.autograd.gradgradcheck(function(a, b) return ap.cat({a, b}):sin() end, {leaf(2), leaf(3)})
  local w = ap.ones(2, {requires_grad = true})
  ap.cat({w, ap.zeros(0), ap.ones(1)}):sum():backward()
  equal(w.grad:totable(), {1, 1})
end)

test("cat, stack, split: errors say what does not fit", function()
  raises("cat: tensor 2 %(3x3%) does not fit the first %(2x3%): sizes other than dimension 2 differ", ap.cat,
    {ap.ones(2, 3), ap.ones(3, 3)}, 2)
  raises("cat: argument 1: expected tensors, got a number at position 2", ap.cat, {ap.ones(2), 3})
  raises("cat: argument 1: expected at least one tensor", ap.cat, {})
  raises("cat: argument 2: dimension 3 does not exist: dimensions run 1..2", ap.cat, {ap.ones(2, 3)}, 3)
  raises("use stack for 0%-dim ones", ap.cat, {ap.tensor(1)})
  raises("stack: expected tensors of one shape, got %(2%) and, as number 2, %(3%)", ap.stack, {ap.ones(2), ap.ones(3)})
  raises("split: sizes add up to 5, dimension 1 has 7", function() ap.ones(7):split {2, 3} end)
  raises("split: argument 2", function() ap.ones(7):split(0) end)
  raises("chunk: argument 2", function() ap.ones(7):chunk(0) end)
end)

test("chunk: of nothing there are as many parts as are asked for", function()
  equal(#ap.zeros(0, 3):chunk(4), 4)
  equal(ap.zeros(2, 0):chunk(3, 2)[3].shape, {2, 0})
end)
