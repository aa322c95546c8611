-- The text of tensors: the values as PyTorch 2.11 prints them, then shape, dtype and device.
local ap = require "apsis"

local function shows(t, text)
  equal(tostring(t), text)
end

test("print: integers, bools and 0-dim tensors", function()
  shows(ap.tensor {1, 20, -300}, "tensor([   1,   20, -300], 3, i64, cpu)")
  shows(ap.tensor {true, false}, "tensor([ true, false], 2, bool, cpu)")
  shows(ap.tensor(3), "tensor(3, 0-dim, i64, cpu)")
  shows(ap.tensor(3.14159), "tensor(3.1416, 0-dim, f32, cpu)")
  shows(ap.tensor({{1, 2}, {3, 4}}, {dtype = "u8"}), "tensor([[1, 2],\n        [3, 4]], 2x2, u8, cpu)")
end)

test("print: floats share a precision: whole numbers, fractions, or scientific where they range far", function()
  shows(ap.tensor {1.0, -20}, "tensor([  1., -20.], 2, f32, cpu)")
  shows(ap.tensor({0.5, 10.25}, {dtype = "f64"}), "tensor([ 0.5000, 10.2500], 2, f64, cpu)")
  shows(ap.tensor {1e-5, 1.0}, "tensor([1.0000e-05, 1.0000e+00], 2, f32, cpu)")
  shows(ap.tensor {1.5, 2000.25}, "tensor([1.5000e+00, 2.0002e+03], 2, f32, cpu)")
  shows(ap.tensor {1e9, 2e9}, "tensor([1.0000e+09, 2.0000e+09], 2, f32, cpu)")
  shows(ap.tensor {0.0, 0}, "tensor([0., 0.], 2, f32, cpu)")
end)

test("print: nan and infinities do not disturb the others", function()
  shows(ap.tensor {1.5, 0 / 0, math.huge, -math.huge}, "tensor([1.5000,    nan,    inf,   -inf], 4, f32, cpu)")
  shows(ap.tensor {0 / 0, 1.0}, "tensor([nan,  1.], 2, f32, cpu)")
end)

test("print: matrices and more dimensions nest, with blank lines between matrices", function()
  shows(ap.arange(8):reshape(2, 2, 2),
    "tensor([[[1, 2],\n         [3, 4]],\n\n        [[5, 6],\n         [7, 8]]], 2x2x2, i64, cpu)")
  shows(ap.arange(6):reshape(3, 2):t(), "tensor([[1, 3, 5],\n        [2, 4, 6]], 2x3, i64, cpu)")
end)

test("print: long rows wrap, large tensors show their edges only", function()
  shows(ap.arange(101, 130), "tensor([101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114,\n" ..
    "        115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128,\n" ..
    "        129, 130], 30, i64, cpu)")
  shows(ap.arange(2000), "tensor([   1,    2,    3,  ..., 1998, 1999, 2000], 2000, i64, cpu)")
  shows(ap.zeros(40, 40), "tensor([[0., 0., 0.,  ..., 0., 0., 0.],\n" ..
    "        [0., 0., 0.,  ..., 0., 0., 0.],\n        [0., 0., 0.,  ..., 0., 0., 0.],\n        ...,\n" ..
    "        [0., 0., 0.,  ..., 0., 0., 0.],\n        [0., 0., 0.,  ..., 0., 0., 0.],\n" ..
    "        [0., 0., 0.,  ..., 0., 0., 0.]], 40x40, f32, cpu)")
end)

test("print: nothing, and what gradients know", function()
  shows(ap.zeros(0, 3), "tensor([], 0x3, f32, cpu)")
  shows(ap.ones(2, {requires_grad = true}), "tensor([1., 1.], 2, f32, cpu, requires_grad)")
  shows(ap.ones(2, {requires_grad = true}) * 2, "tensor([2., 2.], 2, f32, cpu, grad_fn=<mul>)")
end)

test("print: a suffix that does not fit goes to a line of its own", function()
  shows(ap.arange(1, 24) * 1, "tensor([ 1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17, 18,\n" ..
    "        19, 20, 21, 22, 23, 24], 24, i64, cpu)")
  shows(ap.arange(1, 18), "tensor([ 1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17, 18],\n" ..
    "       18, i64, cpu)")
end)

test("print: set_printoptions changes digits, edges and notation, and goes back", function()
  ap.set_printoptions {precision = 2, threshold = 5, edgeitems = 1}
  shows(ap.arange(6) / 3, "tensor([0.33,  ..., 2.00], 6, f32, cpu)")
  ap.set_printoptions {sci_mode = true}
  shows(ap.tensor {1.5}, "tensor([1.50e+00], 1, f32, cpu)")
  ap.set_printoptions()
  shows(ap.tensor {1.5}, "tensor([1.5000], 1, f32, cpu)")
  raises("set_printoptions: unknown option 'digits'; options: edgeitems", ap.set_printoptions, {digits = 3})
  raises("set_printoptions: precision: got many", ap.set_printoptions, {precision = "many"})
end)

test("print: ten million elements take milliseconds", function()
  local x = ap.zeros(10000, 1000)
  local start = ap.clock()
  truth(#tostring(x) < 1000)
  truth(ap.clock() - start < 0.5)
end)

test("print: shapes and strides", function()
  equal(tostring(ap.ones(2, 3).shape), "{2, 3}")
  equal(tostring(ap.ones({}):size()), "{}")
  equal(tostring(ap.ones(2, 3):stride()), "{3, 1}")
end)
