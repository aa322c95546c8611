--- Channels, pooling by norms, segments and dropout of channels: PyTorch's values where its sample database has none,
--- second derivatives, statistics of what is drawn, and errors.

local ap = require "apsis"
local F = require "apsis.nn.functional"
local samples = require "support.samples"
local place = require "support.device".place

local g = golden "channels"

local function agrees(name, f, input)
  test(name .. ": values and gradient are PyTorch's", function()
    local x = (ap.is_tensor(input) and input or g[input]):clone():requires_grad_()
    local y = f(x)
    close(y:detach(), g[name], {rtol = 1e-12, atol = 1e-14})
    local expected = g[name .. ".x"]
    if not expected then return end
    local weights = place(ap.arange(1, y:numel(), 1, {dtype = "f64"})):reshape(y:size());
    (y:masked_fill(y:detach():isnan(), 0) * weights):sum():backward()
    if expected:isnan():any():item() then return end
    close(x.grad or ap.zeros_like(x), expected, {rtol = 1e-11, atol = 1e-13})
  end)
end

agrees("lp_pool1d", function(x) return F.lp_pool1d(x, 2, 3, 2) end, "x")
agrees("lp_pool1d_ceil", function(x) return F.lp_pool1d(x, 1.5, 4, {ceil_mode = true}) end, "positive")
agrees("lp_pool2d", function(x) return F.lp_pool2d(x, 3, {2, 3}, {1, 2}) end, g.positive:reshape(1, 2, 3, 6))
agrees("lp_pool_inf", function(x) return F.lp_pool1d(x, math.huge, 3) end, "x")
agrees("pixel_shuffle", function(x) return F.pixel_shuffle(x, 2) end, "image")
agrees("pixel_unshuffle", function(x) return F.pixel_unshuffle(x, 2) end, "image")
agrees("channel_shuffle", function(x) return F.channel_shuffle(x, 2) end, "image")
agrees("local_response_norm4", function(x) return F.local_response_norm(x, 3, 0.5, 0.6, 2) end, "image")
agrees("norm_except_dim2", function(x) return ap.norm_except_dim(x) end, "x")
agrees("norm_except_dim1", function(x) return x:norm_except_dim {pow = 1, dim = 3} end, "x")
agrees("angle", function(x) return x:angle() end, "x")
agrees("adaptive_max_pool2d", function(x) return (F.adaptive_max_pool2d(x, {3, 4})) end, "image")

-- --- volumes ---------------------------------------------------------------------------------------------------------

local bias = place(ap.tensor({0.5, -1, 2, 0.25}, {dtype = "f64"}))
local two = bias:narrow(1, 1, 2)

agrees("conv3d", function(x) return F.conv3d(x, g.kernel, two, {2, 1, 1}, {1, 1, 0}, {1, 1, 2}) end, "volume")
agrees("conv3d_same", function(x) return F.conv3d(x, g.kernel, {padding = "same"}) end, "volume")
agrees("conv3d_groups", function(w) return F.conv3d(g.volume, w, two, 1, 1, 1, 2) end, g.kernel:narrow(2, 1, 1))
agrees("conv_transpose3d", function(x)
  return F.conv_transpose3d(x, g.kernel, two, {2, 1, 3}, {1, 0, 1}, {1, 0, 2})
end, "volume")
agrees("conv_transpose3d_groups", function(w)
  return F.conv_transpose3d(g.volume, w, bias, {groups = 2, dilation = {1, 2, 1}})
end, "kernel")
agrees("max_pool3d", function(x)
  return (F.max_pool3d(x, {2, 3, 2}, {1, 2, 1}, {1, 1, 0}, {ceil_mode = true}))
end, "volume")
agrees("avg_pool3d", function(x) return F.avg_pool3d(x, 3, 2, 1, true, false) end, "volume")
agrees("avg_pool3d_divisor", function(x) return F.avg_pool3d(x, 2, 1, {divisor_override = 3}) end, "volume")
agrees("adaptive_max_pool3d", function(x) return (F.adaptive_max_pool3d(x, {3, 2, 2})) end, "volume")
agrees("adaptive_avg_pool3d", function(x) return F.adaptive_avg_pool3d(x, {3, 2, false}) end, "volume")
agrees("lp_pool3d", function(x) return F.lp_pool3d(x, 2, 2, 1) end, "volume")

test("volumes: places from 1, without a batch too, and back by max_unpool3d", function()
  local y, at = F.max_pool3d(g.volume, {2, 3, 2}, {1, 2, 1}, {1, 1, 0}, 1, true, true)
  equal(at, g.max_pool3d_at)
  close(g.volume:flatten(3):gather(3, at:flatten(3)):reshape(y:size()), y)
  equal(select(2, F.adaptive_max_pool3d(g.volume, {3, 2, 2}, true)), g.adaptive_max_pool3d_at)
  local one, one_at = F.max_pool3d(g.volume[1], 2, {return_indices = true})
  equal({one.shape, one_at.shape}, {{2, 2, 2, 1}, {2, 2, 2, 1}})
  local back = F.max_unpool3d(one, one_at, 2, {output_size = {4, 5, 3}})
  equal(back.shape, {2, 4, 5, 3})
  close(back:sum(), one:sum())
  close(F.conv3d(g.volume[1], g.kernel), F.conv3d(g.volume, g.kernel)[1])
  raises("conv3d: a kernel of depth 2 does not fit the padded depth 1", F.conv3d, g.volume:narrow(3, 1, 1), g.kernel)
  raises("conv3d: expected a weight of 5 dimensions", F.conv3d, g.volume, g.volume[1])
  raises("max_unpool3d: output_size: expected between 2 and 6, got 9", F.max_unpool3d, one, one_at, 2,
    {output_size = {9, 5, 3}})
  raises("conv_transpose3d: output_padding 2 must be smaller", F.conv_transpose3d, g.volume, g.kernel,
    {output_padding = 2})
end)

-- --- grids and sequences ---------------------------------------------------------------------------------------------

agrees("affine_grid", function(t) return F.affine_grid(t, {2, 1, 3, 4}) end, "theta")
agrees("affine_grid_corners", function(t) return F.affine_grid(t, {2, 1, 3, 4}, true) end, "theta")
agrees("affine_grid3", function(t) return F.affine_grid(t, {1, 1, 2, 3, 1}) end, "theta3")
for _, mode in ipairs {"bilinear", "nearest"} do
  for _, padding in ipairs {"zeros", "border", "reflection"} do
    agrees(("grid_sample_%s_%s"):format(mode, padding), function(t)
      return F.grid_sample(g.volume, t, mode, padding)
    end, "grid3")
    agrees(("grid_sample_x_%s_%s"):format(mode, padding), function(x)
      return F.grid_sample(x, g.grid3, {mode = mode, padding_mode = padding, align_corners = true})
    end, "volume")
  end
end

local classes = place(ap.tensor {{2, 3, 3}, {4, 2, 5}, {5, 5, 5}})
local steps, counts = place(ap.tensor {7, 5, 4}), {3, 2, 3}
agrees("ctc", function(x)
  return F.ctc_loss(x:log_softmax(3), classes, steps, counts, {reduction = "none"}):narrow(1, 1, 2)
end, "logits")
agrees("ctc_mean", function(x)
  return F.ctc_loss(x:log_softmax(3), classes, steps, counts, {zero_infinity = true})
end, "logits")
agrees("ctc_sum", function(x)
  return F.ctc_loss(x:log_softmax(3), place(ap.tensor {2, 3, 3, 4}), steps, place(ap.tensor {3, 1, 0}), 5, "sum")
end, "logits")
agrees("ctc_single", function(x) return F.ctc_loss(x:log_softmax(2), place(ap.tensor {2, 2}), 7, 2) end,
  g.logits:select(2, 1))

test("ctc_loss: a target that does not fit, and what is wrong with classes and lengths", function()
  local x = g.logits:log_softmax(3)
  equal(F.ctc_loss(x, classes, steps, counts, {reduction = "none"})[3]:item(), math.huge)
  raises("ctc_loss: class 0: classes run 1..5 without the blank, 1; add 1", F.ctc_loss, x, classes - 2, steps, counts)
  raises("ctc_loss: class 2: classes run 1..5 without the blank, 2", F.ctc_loss, x, classes, steps, counts, 2)
  raises("ctc_loss: input_lengths: expected lengths from 0 to 7", F.ctc_loss, x, classes, {8, 1, 1}, counts)
  raises("ctc_loss: target_lengths: expected 3 integers", F.ctc_loss, x, classes, steps, {1})
  raises("ctc_loss: blank: expected a class from 1 to 5, got 0", F.ctc_loss, x, classes, steps, counts, 0)
  raises("ctc_loss: targets: expected %(N, S%), or all", F.ctc_loss, x, classes:narrow(1, 1, 2), steps, counts)
end)

test("embedding_bag: offsets from 1, empty bags, an id that counts for nothing", function()
  local w = place(ap.tensor {{1.0, 2}, {3, 4}, {5, 0}})
  local ids, offsets = place(ap.tensor {1, 2, 3, 3}), place(ap.tensor {1, 3, 3})
  close(F.embedding_bag(ids, w, offsets, "sum"), {{4, 6}, {0, 0}, {10, 0}})
  close(F.embedding_bag(ids, w, offsets), {{2, 3}, {0, 0}, {5, 0}})
  close(F.embedding_bag(ids, w, {offsets = offsets, mode = "max", padding_idx = -1}), {{3, 4}, {0, 0}, {0, 0}})
  close(F.embedding_bag(ids:reshape(2, 2), w, {mode = "mean", padding_idx = 2}), {{1, 2}, {5, 0}})
  raises("embedding_bag: offsets: the first bag starts at 1; add 1", F.embedding_bag, ids, w, offsets - 1)
  raises("embedding_bag: offsets: expected them in order", F.embedding_bag, ids, w, place(ap.tensor {1, 4, 2}))
  raises("embedding_bag: offsets: expected with ids", F.embedding_bag, ids, w)
  raises("embedding_bag: per_sample_weights: expected mode 'sum'", F.embedding_bag, ids, w, offsets, "mean",
    place(ap.ones(4)))
  raises("embedding_bag: .*runs? 1..3", F.embedding_bag, ids + 1, w, offsets)
end)

test("grid_sample and affine_grid say what they expect", function()
  raises("grid_sample: expected %(N, C, H, W%) and a grid", F.grid_sample, g.image, g.x)
  raises("grid_sample: mode: expected 'bilinear', 'nearest' or, for images, 'bicubic'", F.grid_sample, g.volume,
    g.grid3, "bicubic")
  raises("grid_sample: padding_mode: expected", F.grid_sample, g.volume, g.grid3, {padding_mode = "circular"})
  raises("affine_grid: expected maps %(2, 2, 3%)", F.affine_grid, g.theta3, {2, 1, 3, 4})
  -- The identity reads the image itself.
  local same = F.affine_grid(place(ap.tensor({{{1, 0, 0}, {0, 1, 0}}}, {dtype = "f64"})), {1, 4, 4, 6})
  for _, mode in ipairs {"bilinear", "nearest", "bicubic"} do
    close(F.grid_sample(g.image, same, mode), g.image, {atol = 1e-12})
  end
end)

local lengths = place(ap.tensor {2, 0, 3, 1})
local both = place(ap.tensor {{1, 5}, {4, 2}})
for _, reduce in ipairs {"sum", "mean", "max", "min", "prod"} do
  agrees("segment_" .. reduce, function(x) return ap.segment_reduce(x, reduce, {lengths = lengths}) end, "rows")
  agrees("segment_initial_" .. reduce, function(x)
    return ap.segment_reduce(x, reduce, {lengths = lengths, initial = 0.5})
  end, "rows")
  agrees("segment_batch_" .. reduce, function(x) return ap.segment_reduce(x, reduce, {lengths = both, axis = 2}) end,
    g.rows:t():contiguous())
  test("segment_reduce by " .. reduce .. ": offsets are the same as lengths", function()
    local offsets = place(ap.tensor {1, 3, 3, 6, 7})
    close(ap.segment_reduce(g.rows, reduce, {offsets = offsets}), ap.segment_reduce(g.rows, reduce, lengths))
  end)
end

test("adaptive_max_pool2d: the places that it chose, from 1; a size that stays", function()
  local y, at = F.adaptive_max_pool2d(g.image, {3, 4}, true)
  equal(at, g.adaptive_max_pool2d_at)
  close(g.image:flatten(3):gather(3, at:flatten(3)):reshape(y:size()), y)
  equal(F.adaptive_max_pool2d(g.image, {3, false}).shape, {1, 4, 3, 6})
  equal(F.adaptive_max_pool1d(g.x, 0).shape, {2, 3, 0})
end)

local function differentiable(name, f, ...)
  local given = {...}
  test(name .. ": gradients and second derivatives agree with finite differences", function()
    local inputs = {}
    for i, make in ipairs(given) do inputs[i] = make() end
    ap.autograd.gradcheck(f, inputs)
    ap.autograd.gradgradcheck(f, inputs)
  end)
end
local function real(...)
  local size = {...}
  return function() return samples.real(table.unpack(size)) end
end
local function positive(...)
  local size = {...}
  return function() return samples.positive(table.unpack(size)) end
end
local signs = place(ap.tensor({1, -1, 1}, {dtype = "f64"}))

differentiable("lp_pool1d", function(x) return F.lp_pool1d(x, 3, 2) end, positive(1, 2, 6))
differentiable("local_response_norm", function(x) return F.local_response_norm(x, 2, 0.3) end, real(2, 3, 4))
differentiable("pixel_shuffle", function(x) return F.pixel_shuffle(x, 2):square() end, real(1, 4, 2, 2))
differentiable("pixel_unshuffle", function(x) return F.pixel_unshuffle(x, 2):square() end, real(2, 4, 2))
differentiable("channel_shuffle", function(x) return F.channel_shuffle(x, 2):square() end, real(1, 4, 3))
differentiable("adaptive_max_pool2d", function(x) return (F.adaptive_max_pool2d(x, {2, 3})):square() end, real(1, 3, 4))
differentiable("adaptive_max_pool1d", function(x) return (F.adaptive_max_pool1d(x, 2)):square() end, real(1, 2, 5))
differentiable("adaptive_avg_pool1d", function(x) return F.adaptive_avg_pool1d(x, 2):square() end, real(1, 2, 5))
differentiable("bilinear", F.bilinear, real(2, 3), real(2, 2), real(2, 3, 2), real(2))
differentiable("norm_except_dim", function(x) return ap.norm_except_dim(x, 2, 2) end, real(3, 2, 2))
differentiable("segment_reduce sum", function(x) return ap.segment_reduce(x, "sum", {lengths = lengths}):square() end,
  real(6, 2))
differentiable("segment_reduce prod", function(x)
  return ap.segment_reduce(x, "prod", {lengths = place(ap.tensor {2, 3, 1})})
end, real(6, 2))
differentiable("conv3d", function(x, w, b) return F.conv3d(x, w, b, {stride = {2, 1, 1}, padding = 1}) end,
  real(1, 2, 3, 2, 2), positive(2, 2, 2, 2, 1), real(2))
differentiable("conv_transpose3d", function(x, w)
  return F.conv_transpose3d(x, w, {stride = {2, 1, 1}, padding = 1})
end, real(1, 2, 2, 3, 3), positive(2, 2, 2, 2, 2))
differentiable("max_pool3d", function(x) return (F.max_pool3d(x, 2)):square() end, real(1, 1, 4, 2, 2))
differentiable("avg_pool3d", function(x) return F.avg_pool3d(x, 2, 1):square() end, real(1, 1, 3, 2, 2))
differentiable("max_unpool1d", function(x)
  return F.max_unpool1d(x, place(ap.tensor {{{1, 4, 5}}}), 2):square()
end, real(1, 1, 3))
differentiable("grid_sample", function(x, grid) return F.grid_sample(x, grid:tanh() * 0.9) end, real(1, 1, 3, 4),
  positive(1, 2, 2, 2))
differentiable("grid_sample bicubic", function(x, grid)
  return F.grid_sample(x, grid:tanh() * 0.8, "bicubic", "border")
end, real(1, 1, 3, 3), positive(1, 1, 2, 2))
differentiable("ctc_loss", function(x)
  return F.ctc_loss(x:log_softmax(3), place(ap.tensor {{2, 2}, {3, 1}}), {4, 3}, {2, 1})
end, real(4, 2, 3))
differentiable("embedding_bag", function(w, s)
  return F.embedding_bag(place(ap.tensor {1, 2, 2, 3}), w, place(ap.tensor {1, 3}), "sum", s):square()
end, real(3, 2), real(4))
differentiable("cosine_similarity", function(a, b) return F.cosine_similarity(a, b) end, real(2, 3), positive(2, 3))
differentiable("pairwise_distance", function(a, b) return F.pairwise_distance(a, b) end, real(2, 3), positive(2, 3))
differentiable("kl_div", function(a, b) return F.kl_div(a, b) end, real(2, 3), positive(2, 3))
differentiable("cosine_embedding_loss", function(a, b) return F.cosine_embedding_loss(a, b, signs) end, real(3, 4),
  positive(3, 4))
differentiable("hinge_embedding_loss", function(x) return F.hinge_embedding_loss(x:square(), signs) end, real(3))
differentiable("margin_ranking_loss", function(a, b)
  return F.margin_ranking_loss(a:square(), b, signs, {margin = 0.3})
end, real(3), positive(3))
differentiable("soft_margin_loss", function(x) return F.soft_margin_loss(x, signs) end, real(2, 3))
differentiable("poisson_nll_loss", function(x, y) return F.poisson_nll_loss(x, y, {full = true}) end, real(2, 3),
  function() return (samples.positive(2, 3):detach() + 1.5):requires_grad_() end)
differentiable("gaussian_nll_loss", function(x, y, v) return F.gaussian_nll_loss(x, y, v, {full = true}) end,
  real(2, 3), positive(2, 3), positive(2, 1))
differentiable("triplet_margin_loss", function(a, b, c) return F.triplet_margin_loss(a, b, c, {swap = true}) end,
  real(2, 3), positive(2, 3), function() return (samples.real(1, 3):detach() * 1.3 + 0.4):requires_grad_() end)
differentiable("triplet_margin_with_distance_loss", function(a, b, c)
  return F.triplet_margin_with_distance_loss(a, b, c,
    {distance_function = function(x, y) return 1 - F.cosine_similarity(x, y) end})
end, real(2, 3), positive(2, 3), real(2, 3))
differentiable("multi_margin_loss", function(x)
  local weight = place(ap.tensor({1, 2, 0.5}, {dtype = "f64"}))
  return F.multi_margin_loss(x, place(ap.tensor {1, 3}), {p = 2, weight = weight})
end, real(2, 3))
differentiable("multilabel_margin_loss", function(x)
  return F.multilabel_margin_loss(x:square(), place(ap.tensor {{1, 3, -1, 2}, {2, -1, 1, 1}}))
end, real(2, 4))
differentiable("multilabel_soft_margin_loss", function(x, y) return F.multilabel_soft_margin_loss(x, y) end, real(2, 3),
  positive(2, 3))
differentiable("linear_cross_entropy", function(x, w, b)
  return F.linear_cross_entropy(x, w, place(ap.tensor {1, 2}), b)
end, real(2, 3), real(4, 3), real(4))
differentiable("fill", function(x, v) return x:fill(v) * x end, real(2, 3), real())
differentiable("constant_pad_nd", function(x) return x:constant_pad_nd({1, 2}, 3):square() end, real(2, 3))

-- --- what is drawn ---------------------------------------------------------------------------------------------------

local function drawn(f, ...)
  ap.manual_seed(3)
  return f(...)
end

test("alpha_dropout keeps mean 0 and variance 1; what it drops is selu's least value", function()
  local x = place(drawn(ap.randn, 200000))
  local y = F.alpha_dropout(x, 0.3, true)
  close(y:mean():item(), 0, {atol = 0.02})
  close(y:std():item(), 1, {atol = 0.02})
  local a = ((1.7580993408473766 ^ 2 * 0.3 + 1) * 0.7) ^ -0.5
  close(y:min():item() < 1.7580993408473766 * a * (0.3 - 1) + 1e-5, true)
  truth(rawequal(F.alpha_dropout(x, 0.3), x) and rawequal(F.alpha_dropout(x, 0, true), x))
  equal(F.alpha_dropout(place(ap.ones(3)), 1, true):totable(), {0.0, 0, 0})
end)

test("dropout of channels: whole ones, scaled, in every form", function()
  for name, size in pairs {dropout1d = {200, 50, 3}, dropout2d = {200, 50, 2, 3}, dropout3d = {50, 50, 2, 1, 2},
    feature_dropout = {200, 50, 4}} do
    local y = drawn(ap[name], place(ap.ones(size)), 0.4)
    local channels = y:reshape(size[1] * size[2], -1)
    truth(channels:amax(2):eq(channels:amin(2)):all():item(), name)
    truth((channels:eq(0) | (channels - 1 / 0.6):abs():lt(1e-5)):all():item(), name)
    close(channels:mean():item(), 1, {atol = 0.05})
  end
  equal(F.dropout2d(place(ap.ones(5, 2, 2)), 0.5).shape, {5, 2, 2})
  truth(rawequal(F.dropout2d(g.image, 0.5, false), g.image))
  local x = place(ap.ones(4, 50, 3))
  truth(rawequal(x:feature_dropout_(0.5), x) and x:eq(0):any():item())
  x = place(ap.ones(1000))
  truth(rawequal(x:dropout_(0.5), x) and x:eq(0):any():item())
end)

test("gumbel_softmax draws from the softmax; hard samples are one-hot and have its gradient", function()
  local logits = place(ap.tensor {0.0, 1, 2}):expand(50000, 3):contiguous():requires_grad_()
  local y = drawn(F.gumbel_softmax, logits, {hard = true})
  close(y:detach():sum(2), ap.ones(50000))
  close(y:detach():mean(1), ap.tensor({0.0, 1, 2}):softmax(1), {atol = 0.01})
  local w = place(ap.tensor {1.0, 2, 3});
  (y * w):sum():backward()
  local soft = logits:detach():clone():requires_grad_();
  (drawn(F.gumbel_softmax, soft) * w):sum():backward()
  close(logits.grad, soft.grad)
end)

-- --- the rest ------------------------------------------------------------------------------------------------------

test("empty_strided, empty_permuted, new_empty_strided, new: sizes and strides", function()
  local x = ap.empty_strided({2, 3}, {1, 2}, {dtype = "f64", requires_grad = true})
  equal({x.shape, x:stride(), x.dtype, x.requires_grad}, {{2, 3}, {1, 2}, "f64", true})
  ap.empty_strided({2, 2}, {5, 1}):fill_(3)
  equal(ap.empty_permuted({2, 3, 4}, {1, -1, 2}, {dtype = "u8"}):stride(), {12, 1, 3})
  local y = ap.ones(2, {dtype = "i32"}):new_empty_strided({4}, {2})
  equal({y:stride(), y.dtype}, {{2}, "i32"})
  equal({y:new(2, 3).shape, y:new {7, 8}:totable(), y:new().shape, y:new {7}.dtype}, {{2, 3}, {7, 8}, {0}, "i32"})
  raises("empty_strided: 1 sizes but 2 strides", ap.empty_strided, {2}, {1, 1})
  raises("empty_strided: .*negative", ap.empty_strided, {2}, {-1})
  raises("empty_strided: out of memory", ap.empty_strided, {2, 2}, {math.maxinteger, 1})
  raises("empty_permuted: physical_layout: expected each of the dimensions 1..2 once, got 1", ap.empty_permuted, {2, 2},
    {1, 1})
end)

test("nonzero_static, fill, angle", function()
  local x = place(ap.tensor {{0, 3}, {5, 0}})
  equal(x:nonzero_static(3):totable(), {{1, 2}, {2, 1}, {-1, -1}})
  equal(x:nonzero_static {size = 1, fill_value = 7}:totable(), {{1, 2}})
  raises("nonzero_static: size: expected an integer, got false", ap.nonzero_static, x)
  equal({x:fill(7):totable(), x[{1, 2}]:item()}, {{{7, 7}, {7, 7}}, 3})
  raises("fill: argument 2: expected a number or a tensor without dimensions", ap.fill, x, x)
  local a = place(ap.tensor {-1.0, 0, 2, 0 / 0}):angle():totable()
  close(ap.tensor {a[1], a[2], a[3]}, {math.pi, 0, 0})
  truth(a[4] ~= a[4])
end)

test("errors name the argument and what it must be", function()
  local x = place(ap.ones(2, 3, 4))
  raises("pixel_shuffle: the channels, 2, are no multiple", F.pixel_shuffle, x, 2)
  raises("pixel_shuffle: upscale_factor: expected an integer", F.pixel_shuffle, x, 0)
  raises("pixel_unshuffle: the sizes of %(2x3x4%) are no multiples", F.pixel_unshuffle, x, 2)
  raises("channel_shuffle: 3 channels make no 2 equal groups", F.channel_shuffle, x, 2)
  raises("dropout2d: expected 4 dimensions, or 3 without a batch, got %(2%)", F.dropout2d, place(ap.ones(2)))
  raises("alpha_dropout: p: expected a probability", F.alpha_dropout, x, 2)
  raises("lp_pool1d: norm_type: expected another number than 0", F.lp_pool1d, x, 0, 2)
  raises("multi_margin_loss: class 0: classes run 1..3; add 1", F.multi_margin_loss, place(ap.ones(2, 3)),
    place(ap.tensor {0, 1}))
  raises("multilabel_margin_loss: class 9: classes run 1..3; %-1 ends", F.multilabel_margin_loss, place(ap.ones(1, 3)),
    place(ap.tensor {{9, -1, 1}}))
  raises("kl_div: expected a target of the input's shape", F.kl_div, x, place(ap.ones(2)))
  raises("gaussian_nll_loss: var: a variance is negative", F.gaussian_nll_loss, x, x, -x)
  raises("gaussian_nll_loss: var: expected the input's shape", F.gaussian_nll_loss, x, x, place(ap.ones(3)))
  raises("soft_margin_loss: expected a reduction", F.soft_margin_loss, x, x, "most")
  raises("segment_reduce: the lengths of segments add up", ap.segment_reduce, x, "sum", place(ap.tensor {1}))
  raises("segment_reduce: offsets: the first segment starts at 1; add 1", ap.segment_reduce, x, "sum",
    {offsets = place(ap.tensor {0, 2})})
  raises("segment_reduce: expected either lengths or offsets", ap.segment_reduce, x, "sum")
  raises("bilinear: expected", F.bilinear, x, x, x)
end)
