-- Convolution, pooling, padding and resizing against PyTorch's values (tests/golden/conv.py), in every layout.
local ap = require "apsis"
local F = ap.nn.functional

local CLOSE = {rtol = 1e-11, atol = 1e-12}

-- The same values through other memory.
local LAYOUTS = require "support.layouts".pick("contiguous", "reversed", "strided")

local function weights(y) return ap.arange(1, y:numel()):to(y.dtype):cos():reshape(y:size()) end

-- name in the golden file -> f(x, w, b)
local CASES = {
  conv_plain = function(x, w, b) return F.conv2d(x, w, b) end,
  conv_stride = function(x, w) return F.conv2d(x, w, nil, {2, 1}, {1, 2}) end,
  conv_dilation = function(x, w, b) return F.conv2d(x, w, b, {padding = 2, dilation = {2, 1}, groups = 2}) end,
  conv_depthwise = function(x, w) return F.conv2d(x, w, {padding = 1, groups = 4}) end,
  conv_pointwise = function(x, w, b) return F.conv2d(x, w, b) end,
  conv_same = function(x, w) return F.conv2d(x, w, nil, 1, "same") end,
  conv_single = function(x, w) return F.conv2d(x, w, nil, 3, 1) end,
  conv_far = function(x, w) return F.conv2d(x, w, nil, 1, 3) end,
  conv1d = function(x, w, b) return F.conv1d(x, w, b, 2, 2, 2) end,
  transpose = function(x, w, b) return F.conv_transpose2d(x, w, b, 2, 1, 1, 2, {1, 2}) end,
  transpose1d = function(x, w) return F.conv_transpose1d(x, w, nil, 3, nil, 2) end,
  max_2 = function(x) return F.max_pool2d(x, 2) end,
  max_3 = function(x) return F.max_pool2d(x, 3, 2, 1) end,
  max_ceil = function(x) return F.max_pool2d(x, {3, 2}, {stride = {2, 3}, padding = {1, 0}, ceil_mode = true}) end,
  max_dilated = function(x) return F.max_pool2d(x, 2, 1, 0, 3) end,
  max_1d = function(x) return F.max_pool1d(x, 3, 2, 1) end,
  avg_2 = function(x) return F.avg_pool2d(x, 2) end,
  avg_3 = function(x) return F.avg_pool2d(x, 3, 2, 1) end,
  avg_ceil = function(x) return F.avg_pool2d(x, 3, 2, 1, true) end,
  avg_inside = function(x) return F.avg_pool2d(x, 3, 2, 1, true, false) end,
  avg_divisor = function(x) return F.avg_pool2d(x, {2, 3}, {divisor_override = 5}) end,
  avg_1d = function(x) return F.avg_pool1d(x, 3, 2, 1) end,
  adaptive = function(x) return F.adaptive_avg_pool2d(x, {3, 4}) end,
  adaptive_1 = function(x) return F.adaptive_avg_pool2d(x, 1) end,
  adaptive_up = function(x) return F.adaptive_avg_pool2d(x, {9, 2}) end,
  unfold = function(x) return F.unfold(x, {2, 3}, {dilation = {2, 1}, padding = 1, stride = {1, 2}}) end,
  fold = function(x) return F.fold(x, {4, 5}, {2, 3}, {padding = 1, stride = 2}) end,
  pad_constant = function(x) return F.pad(x, {1, 2, -1, 1}, "constant", 2.5) end,
  pad_reflect = function(x) return F.pad(x, {2, 1, 1, 3}, "reflect") end,
  pad_replicate = function(x) return F.pad(x, {4, 1, 0, 3}, "replicate") end,
  pad_circular = function(x) return F.pad(x, {2, 1, 1, 3}, "circular") end,
  nearest = function(x) return F.interpolate(x, {size = {7, 2}}) end,
  nearest_2 = function(x) return F.interpolate(x, {scale_factor = 2}) end,
  bilinear = function(x) return F.interpolate(x, {size = {7, 2}, mode = "bilinear"}) end,
  bilinear_corners = function(x)
    return F.interpolate(x, {size = {7, 5}, mode = "bilinear", align_corners = true})
  end,
  linear = function(x) return F.interpolate(x, {size = 7, mode = "linear"}) end,
}

local names = {}
for name in pairs(CASES) do names[#names + 1] = name end
table.sort(names)
for _, name in ipairs(names) do
  test(name .. ": value and gradients agree with PyTorch in every layout", function()
    local g = golden "conv"
    for layout, make in pairs(LAYOUTS) do
      local inputs, expected = {}, {}
      for _, letter in ipairs {"x", "w", "b"} do
        local t = g[name .. "." .. letter]
        if t then
          inputs[#inputs + 1] = make(t):requires_grad_()
          expected[#expected + 1] = g[name .. ".g" .. letter]
        end
      end
      local y = CASES[name](table.unpack(inputs))
      close(y:detach(), g[name .. ".y"], {rtol = 1e-11, atol = 1e-12, what = layout})
      local grads = ap.autograd.grad((y * weights(y)):sum(), inputs)
      for i, e in ipairs(expected) do
        close(grads[i], e, {rtol = 1e-11, atol = 1e-12, what = layout .. ", gradient " .. i})
      end
    end
  end)
end

test("max_pool2d: return_indices gives places in the image, from 1", function()
  local g = golden "conv"
  local y, index = F.max_pool2d(g["indices.x"], 3, {stride = 2, padding = 1, return_indices = true})
  equal(index, g.indices)
  close(g["indices.x"]:flatten(3):gather(3, index:flatten(3)), y:flatten(3), CLOSE)
end)

test("max_pool2d: nan wins, whatever the road", function()
  local x = ap.zeros(1, 1, 4, 4)
  x[{1, 1, 2, 1}] = 0 / 0
  for _, kernel in ipairs {2, 3} do
    local y = F.max_pool2d(x, kernel, 2):reshape(-1):totable()
    truth(y[1] ~= y[1])
  end
  truth(F.max_pool2d(x, 2)[{1, 1, 2, 2}]:item() == 0)
end)

test("conv2d: f32 agrees with the sum in f64, over shapes that cut tiles and rows", function()
  local function values(...)
    local n = ap.ones(...):numel()
    return (ap.arange(1, n) * 0.37):sin():reshape(...)
  end
  for _, s in ipairs {{1, 1, 28, 28, 16, 3, 1, 1}, {3, 16, 14, 14, 32, 3, 1, 1}, {2, 3, 40, 33, 4, 7, 2, 3},
    {1, 64, 80, 3, 8, 3, 1, 1}, {2, 5, 130, 130, 2, 5, 1, 2}} do
    local x, w = values(s[1], s[2], s[3], s[4]), values(s[5], s[2], s[6], s[6])
    local y = F.conv2d(x, w, nil, s[7], s[8])
    close(y:to("f64"), F.conv2d(x:to("f64"), w:to("f64"), nil, s[7], s[8]), {atol = 2e-4, what = "forward"})
    local gx = ap.conv2d_input_grad(y, w, {s[3], s[4]}, s[7], s[8])
    -- <conv(x), y> = <x, input_grad(y)> = <w, weight_grad(x, y)>: the three are transposes of each other.
    local gw = ap.conv2d_weight_grad(x, y, {s[6], s[6]}, s[7], s[8])
    local norm = (y:to("f64") * y:to("f64")):sum():item()
    close((gx:to("f64") * x:to("f64")):sum():item(), norm, {rtol = 1e-4, what = "input gradient"})
    close((gw:to("f64") * w:to("f64")):sum():item(), norm, {rtol = 1e-4, what = "weight gradient"})
  end
end)

-- conv2d as a sum of products of matrices, one for each element of the kernel.
local function shifted_products(x, w, stride, padding, dilation, groups)
  local n, k, kh, kw = x:size(1), w:size(1), w:size(3), w:size(4)
  local per_group, made = w:size(2), k // groups
  local padded = F.pad(x, {padding, padding, padding, padding})
  local rows = (padded:size(3) - dilation * (kh - 1) - 1) // stride + 1
  local columns = (padded:size(4) - dilation * (kw - 1) - 1) // stride + 1
  local y = ap.zeros({n, k, rows, columns}, {dtype = x.dtype})
  for g = 0, groups - 1 do
    local to = y:narrow(2, g * made + 1, made)
    for i = 0, kh - 1 do
      for j = 0, kw - 1 do
        local top, left = i * dilation + 1, j * dilation + 1
        local seen = padded[{{}, {g * per_group + 1, (g + 1) * per_group}, {top, top + (rows - 1) * stride, stride},
          {left, left + (columns - 1) * stride, stride}}]
        local weight = w:narrow(1, g * made + 1, made):select(3, i + 1):select(3, j + 1)
        local product = weight:matmul(seen:permute(2, 1, 3, 4):reshape(per_group, -1))
        to:add_(product:reshape(made, n, rows, columns):permute(2, 1, 3, 4))
      end
    end
  end
  return y
end

local function waves(dtype, ...)
  local n = 1
  for _, size in ipairs {...} do n = n * size end
  return (ap.arange(1, n):to("f64") * 0.37):sin():to(dtype):reshape(...)
end

local ROADS = { -- N, C, H, W, K, KH, KW, stride, padding, dilation, groups
  {"one channel", 3, 1, 28, 28, 16, 3, 3, 1, 1, 1, 1},
  {"whole blocks", 2, 16, 14, 14, 32, 3, 3, 1, 1, 1, 1},
  {"odd numbers of channels", 2, 3, 7, 9, 5, 3, 3, 1, 1, 1, 1},
  {"passes of unequal size", 1, 4, 12, 11, 6, 3, 2, 3, 2, 2, 2},
  {"passes without a tap", 2, 5, 9, 8, 4, 2, 1, 3, 0, 1, 1},
  {"a kernel as wide as the image", 1, 2, 5, 5, 3, 5, 5, 1, 0, 1, 1},
  {"more padding than kernel", 1, 2, 4, 3, 3, 2, 2, 1, 3, 1, 1},
  {"patches", 1, 2, 32, 32, 3, 16, 16, 16, 0, 1, 1},
  {"single pixels", 2, 20, 9, 9, 17, 1, 1, 1, 0, 1, 1},
  {"single pixels of few channels", 2, 3, 9, 9, 4, 1, 1, 1, 0, 1, 1},
  {"single pixels in groups", 2, 32, 5, 5, 32, 1, 1, 1, 0, 1, 2},
  {"every other pixel", 2, 8, 9, 9, 8, 1, 1, 2, 0, 1, 1},
  {"a channel a group", 2, 6, 20, 20, 6, 3, 3, 1, 1, 1, 6},
  {"two channels a group", 2, 6, 21, 19, 12, 3, 3, 2, 1, 1, 6},
  {"tiles of rows", 1, 2, 200, 300, 2, 3, 3, 1, 1, 1, 1},
  {"tiles of columns", 1, 64, 6, 400, 3, 3, 3, 1, 1, 1, 1},
  {"strides and tiles", 1, 3, 90, 300, 4, 7, 7, 2, 3, 1, 1},
}
for _, road in ipairs(ROADS) do
  test("conv2d: " .. road[1] .. ": value and gradients are those of shifted products", function()
    local n, c, h, w, k, kh, kw, stride, padding, dilation, groups = table.unpack(road, 2)
    for dtype, tolerance in pairs {f64 = 1e-12, f32 = 1e-5} do
      local x, weight = waves(dtype, n, c, h, w), waves(dtype, k, c // groups, kh, kw)
      local bias = waves(dtype, k)
      local expected = shifted_products(x, weight, stride, padding, dilation, groups)
      local scale = 1 + c // groups * kh * kw
      local y = F.conv2d(x, weight, bias, stride, padding, dilation, groups)
      equal(y:size(), expected:size())
      close((y - expected - bias:view(-1, 1, 1)):abs():max():item(), 0, {atol = tolerance * scale, what = dtype})
      -- Linear in x and in weight: the gradients are the transposes, checked against another x and weight.
      local g = waves(dtype, n * k * y:size(3) * y:size(4)):reshape(y:size())
      local sum = (expected:to "f64" * g:to "f64"):sum():item()
      local close_enough = {atol = 10 * tolerance * scale * math.sqrt(y:numel()), what = dtype}
      local gx = ap.conv2d_input_grad(g, weight, {h, w}, stride, padding, dilation, groups)
      close((gx:to "f64" * x:to "f64"):sum():item(), sum, close_enough)
      local gw = ap.conv2d_weight_grad(x, g, {kh, kw}, stride, padding, dilation, groups)
      close((gw:to "f64" * weight:to "f64"):sum():item(), sum, close_enough)
      for _, p in ipairs(dtype == "f64" and {1, x:numel() // 2} or {}) do
        local one = ap.zeros({x:numel()}, {dtype = dtype})
        one[p] = 1
        local seen = shifted_products(one:reshape(x:size()), weight, stride, padding, dilation, groups)
        close(gx:reshape(-1)[p]:item(), (seen:to "f64" * g:to "f64"):sum():item(), close_enough)
      end
      for _, p in ipairs(dtype == "f64" and {1, weight:numel() // 2} or {}) do
        local one = ap.zeros({weight:numel()}, {dtype = dtype})
        one[p] = 1
        local seen = shifted_products(x, one:reshape(weight:size()), stride, padding, dilation, groups)
        close(gw:reshape(-1)[p]:item(), (seen:to "f64" * g:to "f64"):sum():item(), close_enough)
      end
    end
  end)
end

test("conv2d: what is infinite or nan beside a window stays out of it", function()
  local x = ap.ones(1, 1, 6, 20)
  x[{1, 1, 1, 1}] = math.huge
  x[{1, 1, 6, 20}] = 0 / 0
  local finite = function(t) return (t * 0):eq(0):to("i64"):sum():item() end
  equal(finite(F.conv2d(x, ap.ones(1, 1, 3, 3))), 4 * 18 - 2)
  equal(finite(F.conv2d(x, ap.ones(2, 1, 3, 3), nil, 1, 1)), 2 * (6 * 20 - 8))
  -- Kernel elements but the first and last see neither corner.
  local g = ap.ones(1, 1, 4, 18)
  equal(finite(ap.conv2d_weight_grad(x, g, {3, 3})), 7)
  equal(finite(ap.conv2d_weight_grad(x, g:expand(1, 16, 4, 18), {3, 3})), 16 * 7)
end)

test("conv2d: an image repeated as a batch gives its result repeated", function()
  local x, w = waves("f32", 1, 3, 8, 9), waves("f32", 4, 3, 3, 3)
  close(F.conv2d(x:expand(3, 3, 8, 9), w), F.conv2d(x, w):expand(3, 4, 6, 7))
end)

test("max_pool2d: windows of 2 x 2, compared in vectors, choose as any others do: ties, infinities, nan", function()
  for _, dtype in ipairs {"f32", "f64"} do
    for _, size in ipairs {{1, 1, 2, 2}, {2, 3, 4, 6}, {1, 2, 14, 14}, {1, 1, 7, 8}, {1, 1, 40, 90}, {1, 1, 3, 2100}} do
      local x = waves(dtype, table.unpack(size)):mul(3):round()
      local flat = x:view(-1)
      flat[1], flat[x:numel()], flat[x:numel() // 2] = -math.huge, 0 / 0, math.huge
      if x:numel() > 8 then flat[3], flat[4] = 0 / 0, 0 / 0 end
      -- A column more takes the other road and is in no window.
      local wider = F.pad(x, {0, 1})
      local y = F.max_pool2d(x, 2)
      close(y, F.max_pool2d(wider, 2), {rtol = 0, atol = 0, what = dtype})
      local g = waves(dtype, y:numel()):reshape(y:size())
      local gx = ap.max_pool2d_grad(g, x, 2)
      local expected = ap.max_pool2d_grad(g, wider, 2):narrow(4, 1, size[4])
      close(gx, expected, {rtol = 0, atol = 0, what = dtype .. " gradient"})
    end
  end
end)

test("conv2d, pools: nothing in, nothing out; half precision through f32", function()
  equal(F.conv2d(ap.zeros(0, 3, 5, 5), ap.zeros(2, 3, 3, 3)).shape, {0, 2, 3, 3})
  equal(F.max_pool2d(ap.zeros(0, 3, 4, 4), 2).shape, {0, 3, 2, 2})
  equal(ap.conv2d_weight_grad(ap.zeros(0, 3, 5, 5), ap.zeros(0, 2, 3, 3), {3, 3}):sum():item(), 0)
  local x, w = ap.ones(1, 2, 3, 3, {dtype = "f16"}), ap.ones(1, 2, 3, 3, {dtype = "f16"})
  local y = F.conv2d(x, w)
  equal({y.dtype, y:reshape(-1):totable()}, {"f16", {18}})
end)

test("conv2d: second derivatives agree with finite differences", function()
  local function x(...)
    local t = ap.ones(...)
    return (ap.arange(1, t:numel()) * 0.7):to("f64"):sin():reshape(t:size()):requires_grad_()
  end
  local gradgradcheck = ap.autograd.gradgradcheck
  gradgradcheck(function(a, w, b) return F.conv2d(a, w, b, {stride = 2, padding = 1, groups = 2}) end,
    {x(1, 2, 4, 3), x(2, 1, 3, 2), x(2)})
  gradgradcheck(function(a, w) return F.conv_transpose2d(a, w, nil, 2) end, {x(1, 2, 2, 2), x(2, 1, 2, 2)})
  gradgradcheck(function(a) return F.max_pool2d(a, 2):sin() end, {x(1, 1, 4, 4)})
  gradgradcheck(function(a) return F.avg_pool2d(a, 3, 2, 1):sin() end, {x(1, 1, 4, 4)})
  gradgradcheck(function(a) return F.adaptive_avg_pool2d(a, {2, 3}):sin() end, {x(1, 1, 3, 4)})
end)

test("conv2d, pools: the same bits every time, and on one thread what several give", function()
  local x, w = (ap.arange(1, 8 * 8 * 20 * 20) * 0.37):sin():reshape(8, 8, 20, 20), ap.ones(16, 8, 3, 3)
  local g = F.conv2d(x, w)
  local gw = ap.conv2d_weight_grad(x, g, {3, 3})
  for _ = 1, 3 do
    close(F.conv2d(x, w), g, {atol = 0})
    close(ap.conv2d_weight_grad(x, g, {3, 3}), gw, {atol = 0})
  end
end)

test("conv2d, pools, pad, interpolate: errors give shapes and reasons", function()
  local x = ap.ones(8, 1, 28, 28)
  raises("conv2d: the weight %(16x3x3x3%) takes 3 input channels in 1 group, the input %(8x1x28x28%) has 1", F.conv2d,
    x, ap.ones(16, 3, 3, 3))
  raises("conv2d: the kernel %(30x3, dilation 1x1%) is larger than the padded input %(28x28%)", F.conv2d, x,
    ap.ones(1, 1, 30, 3))
  raises("conv2d: expected a floating%-point tensor, got i64", F.conv2d, ap.arange(9):reshape(1, 1, 3, 3),
    ap.ones(1, 1, 1, 1))
  raises("conv2d: expected tensors of one dtype, got f32 and f64", F.conv2d, x, ap.ones(1, 1, 3, 3, {dtype = "f64"}))
  raises("conv2d: expected a bias of 2 f32 elements, got f32 %(3%)", F.conv2d, x, ap.ones(2, 1, 3, 3), ap.ones(3))
  raises("conv2d: expected stride and dilation of at least 1, got 0, 1", F.conv2d, x, ap.ones(2, 1, 3, 3), nil, 0)
  raises("conv2d: padding 'same' goes with stride 1, got 2", F.conv2d, x, ap.ones(2, 1, 3, 3), nil, 2, "same")
  raises("conv2d: argument 5: expected a padding", F.conv2d, x, ap.ones(2, 1, 3, 3), nil, 1, "full")
  raises("conv2d: argument 1: expected a tensor of 4 dimensions, or 3 without a batch, got a f32 tensor %(3x3%)",
    F.conv2d,
    ap.ones(3, 3), ap.ones(1, 1, 2, 2))
  raises("conv2d: expected channels that are multiples of groups %(2%), got 2 in and 3 out", F.conv2d,
    ap.ones(1, 2, 4, 4), ap.ones(3, 1, 2, 2), {groups = 2})
  raises("conv2d: stride, dilation and padding are at most 2147483647", F.conv2d, x, ap.ones(2, 1, 3, 3), nil,
    math.maxinteger)
  raises("conv2d", F.conv2d, x, ap.ones(2, 1, 3, 3), nil, 1, 2 ^ 31 - 1)
  raises("conv2d", F.conv2d, x, ap.ones(2, 1, 1, 1):expand(2, 1, 2 ^ 40, 1))
  raises("conv2d", F.conv2d, x, ap.ones(2, 1, 3, 3), {groups = 2 ^ 62})
  raises("max_pool2d: kernel, stride and dilation are at most", F.max_pool2d, x, 2, math.maxinteger)
  raises("max_pool2d: expected an image with elements, got %(4x0%)", F.max_pool2d, ap.ones(1, 1, 4, 0), 2, 2, 1)
  raises("max_pool2d: expected padding from 0 to half of the kernel 2, got 2", F.max_pool2d, x, 2, 2, 2)
  raises("max_pool2d: the kernel %(40x40%) is larger", F.max_pool2d, x, 40)
  raises("conv2d: unknown option 'paddin'; options: bias stride padding", F.conv2d, x, ap.ones(1, 1, 3, 3),
    {paddin = 1})
  raises("conv2d: 'stride' is given twice", F.conv2d, x, ap.ones(1, 1, 3, 3), nil, 2, {stride = 1})
  raises("max_pool2d: unknown option 'strid'", F.max_pool2d, x, 2, {strid = 1})
  raises("interpolate: unknown option 'scale'", F.interpolate, x, {scale = 2})
  raises("avg_pool2d: argument 7: expected a divisor other than 0", F.avg_pool2d, x, 2, {divisor_override = 0})
  raises("pad: reflect padding {4, 0} is too large for dimension 2 of size 3", F.pad, ap.ones(2, 3), {4, 0}, "reflect")
  raises("pad: mode: expected", F.pad, ap.ones(2, 3), {1, 0}, "mirror")
  raises("interpolate: expected either size or scale_factor", F.interpolate, x)
  raises("interpolate: expected sizes of at least 1, got nil", F.interpolate, x, {})
  raises("conv_transpose2d: output_padding 2 must be smaller than the stride 2", F.conv_transpose2d,
    ap.ones(1, 1, 3, 3), ap.ones(1, 1, 2, 2), nil, 2, 0, 2)
end)
