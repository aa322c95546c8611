--- softmax, the normalisations, attention and the activations composed of ops, against PyTorch's values
--- (tests/golden/norm.py) in every layout; and what PyTorch's values do not show.

local ap = require "apsis"
local nn, F = ap.nn, ap.nn.functional
local against = require "support.against"
local gradcheck, gradgradcheck = ap.autograd.gradcheck, ap.autograd.gradgradcheck

local function input(key) return golden("norm")["input." .. key] end
local function leaf(key) return input(key):clone():requires_grad_() end
-- A buffer that the function may change.
local function buffer(key, like) return input(key):to(like.dtype):clone() end

local function agrees(case, f, given) against(golden "norm", case, f, given) end

for _, name in ipairs {"softmax", "log_softmax"} do
  test(name .. ": agrees with PyTorch along every dim, in every layout", function()
    for key, dims in pairs {cube = 3, matrix = 2, scalar = 1, four = 1} do
      for d = 1, dims do
        agrees(("%s.%s.%d"):format(name, key, d), function(a) return ap[name](a.x, d) end, {x = key})
      end
    end
  end)

  test(name .. ": gradients and their gradients agree with finite differences", function()
    for d = 1, 3 do
      local function f(x) return ap[name](x, d) end
      gradcheck(f, {leaf "cube"})
      gradgradcheck(f, {leaf "cube"})
    end
  end)

  test(name .. ": rows of -inf, inf and nan are PyTorch's", function()
    local x, expected = input "edge", golden("norm")["edge." .. name]
    close(ap[name](x, 2), expected)
    close(ap[name](x:t():contiguous(), 1), expected:t())
    for _, row in ipairs {1, 2, 3, 4, 5} do
      close(ap[name](x[row]:to "f32", 1), expected[row]:to "f32", {what = "row " .. row})
    end
  end)

  test(name .. ": rows longer than a tile, and short ones of every length", function()
    ap.manual_seed(5)
    for _, n in ipairs {1, 2, 15, 16, 17, 33, 100, 4095, 4096, 4097, 10000} do
      local x = ap.randn(3, n):to "f64"
      local e = (x - x:amax(2, true)):exp()
      local expected = e / e:sum(2, true)
      if name == "log_softmax" then expected = expected:log() end
      close(ap[name](x, 2), expected, {rtol = 1e-10, atol = 1e-12, what = "rows of " .. n})
      close(ap[name](x:t(), 1), expected:t(), {rtol = 1e-10, atol = 1e-12, what = "columns of " .. n})
      close(ap[name](x:to "f32", 2), expected:to "f32", {rtol = 1e-5, atol = 1e-7, what = "f32 rows of " .. n})
      local wide = ap.zeros({n, 300}, {dtype = "f64"}) + x[1]:unsqueeze(2)
      close(ap[name](wide, 1):select(2, 300), expected[1], {rtol = 1e-10, atol = 1e-12, what = "wide " .. n})
    end
  end)

  test(name .. ": dtype converts first, empty tensors stay empty, half precision runs in f32", function()
    equal(ap[name](ap.tensor {1, 2}, 1, "f64").dtype, "f64")
    equal(ap[name](ap.tensor {1, 2}, {dim = 1, dtype = "f32"}).dtype, "f32")
    equal(ap[name](ap.zeros(0, 3), 2):size(), {0, 3})
    equal(ap[name](ap.zeros(3, 0), 2):size(), {3, 0})
    equal(ap[name](ap.zeros(3, 0), 1):size(), {3, 0})
    local x = input "matrix"
    close(ap[name](x:to "bf16", 2):to "f32", ap[name](x:to "bf16":to "f32", 2), {rtol = 1e-2, atol = 1e-2})
    raises(name .. ": expected a floating%-point tensor, got i64", function() ap[name](ap.tensor {1, 2}, 1) end)
    raises(name .. ": argument 2: expected an integer", function() ap[name](x) end)
    raises(name .. ": argument 2: dimension 3", function() ap[name](x, 3) end)
  end)
end

test("softmax: the gradient goes through a conversion by dtype", function()
  local x = ap.tensor({1.0, 2.0, 3.0}, {requires_grad = true})
  local y = x:softmax(1, "f64")
  y[2]:backward()
  equal(x.grad.dtype, "f32")
  truth(x.grad[2]:item() > 0)
end)

test("layer_norm: agrees with PyTorch in every layout", function()
  agrees("layer_norm.plain", function(a) return F.layer_norm(a.x, 5) end, {x = "cube"})
  agrees("layer_norm.affine", function(a) return F.layer_norm(a.x, {5}, a.w, a.b, 0.1) end,
    {x = "cube", w = "five", b = "five_b"})
  agrees("layer_norm.weight", function(a) return F.layer_norm(a.x, {normalized_shape = 5, weight = a.w}) end,
    {x = "cube", w = "five"})
  agrees("layer_norm.two", function(a) return F.layer_norm(a.x, {4, 5}, a.w, a.b) end,
    {x = "cube", w = "table", b = "table_b"})
end)

test("rms_norm: agrees with PyTorch in every layout", function()
  agrees("rms_norm.affine", function(a) return F.rms_norm(a.x, 5, a.w, 0.1) end, {x = "cube", w = "five"})
  agrees("rms_norm.plain", function(a) return F.rms_norm(a.x, 5) end, {x = "cube"})
  agrees("rms_norm.two", function(a) return F.rms_norm(a.x, {4, 5}, a.w) end, {x = "cube", w = "table"})
end)

local IMAGES = {"matrix", "cube", "image", "video"}

test("batch_norm: training agrees with PyTorch from 2 to 5 dimensions, and moves the running statistics", function()
  for _, key in ipairs(IMAGES) do
    local case = "batch_norm.train." .. key
    agrees(case, function(a)
      local mean, var = buffer("mean", a.x), buffer("var", a.x)
      local y = F.batch_norm(a.x, mean, var, a.w, a.b, true, 0.3)
      close(mean, golden("norm")[case .. ".mean"]:to(a.x.dtype), {rtol = 1e-6})
      close(var, golden("norm")[case .. ".var"]:to(a.x.dtype), {rtol = 1e-6})
      return y
    end, {x = key, w = "four", b = "four_b"})
    agrees("batch_norm.bare." .. key, function(a)
      return F.batch_norm(a.x, nil, nil, nil, nil, true, nil, 0.2)
    end, {x = key})
  end
end)

test("batch_norm: evaluation agrees with PyTorch from 2 to 5 dimensions", function()
  for _, key in ipairs(IMAGES) do
    agrees("batch_norm.eval." .. key, function(a)
      return F.batch_norm(a.x, buffer("mean", a.x), buffer("var", a.x), a.w, a.b)
    end, {x = key, w = "four", b = "four_b"})
  end
end)

test("group_norm and instance_norm: agree with PyTorch", function()
  for _, key in ipairs(IMAGES) do
    agrees("group_norm." .. key, function(a) return F.group_norm(a.x, 2, a.w, a.b) end,
      {x = key, w = "four", b = "four_b"})
    agrees("group_norm.bare." .. key, function(a) return F.group_norm(a.x, {num_groups = 1, eps = 0.1}) end, {x = key})
    if key ~= "matrix" then
      local case = "instance_norm." .. key
      agrees(case, function(a)
        local mean, var = buffer("mean", a.x), buffer("var", a.x)
        local y = F.instance_norm(a.x, mean, var, a.w, a.b, true, 0.3)
        close(mean, golden("norm")[case .. ".mean"]:to(a.x.dtype), {rtol = 1e-5, atol = 1e-6})
        close(var, golden("norm")[case .. ".var"]:to(a.x.dtype), {rtol = 1e-5, atol = 1e-6})
        return y
      end, {x = key, w = "four", b = "four_b"})
      agrees("instance_norm.eval." .. key, function(a)
        return F.instance_norm(a.x, buffer("mean", a.x), buffer("var", a.x), a.w, nil, false)
      end, {x = key, w = "four"})
    end
  end
end)

test("normalisations: gradients and their gradients agree with finite differences", function()
  local function both(f, ...)
    gradcheck(f, {...})
    gradgradcheck(f, {...})
  end
  both(function(x, w, b) return F.layer_norm(x, 5, w, b) end, leaf "cube", leaf "five", leaf "five_b")
  both(function(x) return F.layer_norm(x, {4, 5}) end, leaf "cube")
  both(function(x, w) return F.rms_norm(x, 5, w) end, leaf "cube", leaf "five")
  both(function(x) return F.rms_norm(x, 5) end, leaf "cube")
  both(function(x, w, b) return F.batch_norm(x, nil, nil, w, b, true) end, leaf "matrix", leaf "four", leaf "four_b")
  both(function(x) return F.batch_norm(x, nil, nil, nil, nil, true) end, leaf "cube")
  both(function(x, m, v, w, b) return F.batch_norm(x, m, v, w, b) end, leaf "cube", leaf "mean", leaf "var",
    leaf "four", leaf "four_b")
  both(function(x, w, b) return F.group_norm(x, 2, w, b) end, leaf "cube", leaf "four", leaf "four_b")
  both(function(x, w) return F.instance_norm(x, nil, nil, w) end, leaf "cube", leaf "four")
end)

test("normalisations: data far from zero loses nothing", function()
  ap.manual_seed(3)
  local x = ap.randn(8, 6, 40):to "f64"
  local far = (x + 1e4):to "f32"
  local exact = far:to "f64"
  local options = {atol = 2e-6, rtol = 1e-5}
  close(F.layer_norm(far, 40), F.layer_norm(exact, 40):to "f32", options)
  close(F.batch_norm(far, nil, nil, nil, nil, true), F.batch_norm(exact, nil, nil, nil, nil, true):to "f32", options)
  close(F.group_norm(far, 3), F.group_norm(exact, 3):to "f32", options)
  local flat = far:reshape(8, 240)
  close(F.batch_norm(flat, nil, nil, nil, nil, true),
    F.batch_norm(flat:to "f64", nil, nil, nil, nil, true):to "f32", options)
end)

test("layer_norm: many rows on several threads give the sums of few", function()
  ap.manual_seed(4)
  local x, w = ap.randn({700, 130}, {dtype = "f64"}), ap.rand({130}, {dtype = "f64"}) + 0.5
  local function gradients(f)
    local leaves = {x:clone():requires_grad_(), w:clone():requires_grad_(), (w * 0):requires_grad_()}
    f(table.unpack(leaves)):cos():sum():backward()
    return leaves[1].grad, leaves[2].grad, leaves[3].grad
  end
  local a = {gradients(function(v, weight, bias) return F.layer_norm(v, 130, weight, bias) end)}
  local b = {gradients(function(v, weight, bias)
    local var, mean = v:var_mean(2, 0, true)
    return (v - mean) / (var + 1e-5):sqrt() * weight + bias
  end)}
  for i = 1, 3 do close(a[i], b[i], {rtol = 1e-9, atol = 1e-10}) end
end)

test("batch_norm: running statistics may change between forward and backward, as in PyTorch", function()
  local mean, var = ap.zeros(4), ap.ones(4)
  local x = input "matrix":to "f32":requires_grad_()
  local first = F.batch_norm(x, mean, var, nil, nil, true)
  F.batch_norm(x, mean, var, nil, nil, true)
  first:cos():sum():backward()
  truth(x.grad ~= nil)
end)

test("normalisations: f16 runs in f32, with f32 weights and statistics", function()
  local x, w = input "cube":to "f16", input "five":to "f32"
  equal(F.layer_norm(x, 5, w).dtype, "f16")
  close(F.layer_norm(x, 5, w):to "f32", F.layer_norm(x:to "f32", 5, w), {atol = 2e-3})
  local mean, var = ap.zeros(4), ap.ones(4)
  equal(F.batch_norm(x, mean, var, nil, nil, true).dtype, "f16")
  truth(mean:abs():sum():item() > 0)
end)

test("normalisations: empty tensors, one element, no variance", function()
  equal(F.layer_norm(ap.zeros(0, 3), 3):size(), {0, 3})
  equal(F.layer_norm(ap.zeros(3, 0), 0):size(), {3, 0})
  equal(F.batch_norm(ap.zeros(0, 3), ap.zeros(3), ap.ones(3)):size(), {0, 3})
  equal(F.group_norm(ap.zeros(0, 4, 2), 2):size(), {0, 4, 2})
  close(F.layer_norm(ap.full({2, 3}, 7.0), 3), ap.zeros(2, 3))
  close(F.layer_norm(ap.tensor {{5.0}}, 1), ap.zeros(1, 1))
  close(F.batch_norm(ap.full({4, 2}, 3.0), nil, nil, nil, nil, true), ap.zeros(4, 2))
  local x = ap.zeros({0, 3}, {requires_grad = true})
  local w = ap.ones({3}, {requires_grad = true})
  F.layer_norm(x, 3, w):sum():backward()
  close(w.grad, ap.zeros(3))
end)

test("normalisations: wrong arguments are named", function()
  local x = ap.ones(2, 4, 3)
  raises("layer_norm: expected an input whose last sizes are %(4%), got %(2x4x3%)", function() F.layer_norm(x, 4) end)
  raises("layer_norm: expected a weight of shape %(3%), got %(4%)", function() F.layer_norm(x, 3, ap.ones(4)) end)
  raises("layer_norm: expected an input whose last sizes", function() F.layer_norm(x, {}) end)
  raises("batch_norm: training needs more than one value a channel, got an input of shape %(1x4%)", function()
    F.batch_norm(ap.ones(1, 4), nil, nil, nil, nil, true)
  end)
  raises("batch_norm: expected running_mean and running_var outside training", function() F.batch_norm(x) end)
  raises("batch_norm: expected a running_mean of shape %(4%), got %(3%)", function()
    F.batch_norm(x, ap.ones(3), ap.ones(4), nil, nil, true)
  end)
  raises("batch_norm: expected a weight of shape %(4%), got %(2%)", function()
    F.batch_norm(x, ap.ones(4), ap.ones(4), ap.ones(2))
  end)
  raises("batch_norm: expected an input of shape %(N, C, ...%), got %(4%)", function()
    F.batch_norm(ap.ones(4), ap.ones(4), ap.ones(4))
  end)
  raises("group_norm: expected a number of groups that divides the 4 channels, got 3", function()
    F.group_norm(x, 3)
  end)
  raises("group_norm: expected a number of groups", function() F.group_norm(x, 0) end)
  raises("instance_norm: expected an input of shape", function() F.instance_norm(ap.ones(2, 4)) end)
  raises("rms_norm: expected a floating%-point tensor, got i64", function() F.rms_norm(ap.tensor {1, 2}, 2) end)
end)

-- --- modules -------------------------------------------------------------------------------------------------------

test("BatchNorm: momentum = false keeps the mean of all batches", function()
  local m = nn.BatchNorm1d(2, {momentum = false})
  local a, b = ap.tensor {{1.0, 2.0}, {3.0, 6.0}}, ap.tensor {{5.0, 0.0}, {7.0, 2.0}}
  m(a)
  m(b)
  close(m.running_mean, {4, 2.5})
  close(m.running_var, {2, (8 + 2) / 2})
  equal(m.num_batches_tracked:item(), 2)
  m:eval()
  m(a)
  equal(m.num_batches_tracked:item(), 2)
end)

test("BatchNorm: without running statistics the batch counts in evaluation too", function()
  local m = nn.BatchNorm2d(3, {track_running_stats = false, affine = false}):eval()
  local x = ap.randn(4, 3, 2, 2)
  close(m(x):mean {dim = {1, 3, 4}}, ap.zeros(3), {atol = 1e-6})
  equal(#m:parameters(), 0)
end)

test("normalisation modules: their input is checked, and they print their settings", function()
  raises("BatchNorm1d: expected 3 channels, got %(2x4%)", function() nn.BatchNorm1d(3)(ap.ones(2, 4)) end)
  raises("BatchNorm3d: expected %(N, C, D, H, W%), got 2 dimensions", function() nn.BatchNorm3d(3)(ap.ones(2, 3)) end)
  raises("GroupNorm: num_channels: expected a multiple of num_groups %(4%), got 6", function() nn.GroupNorm(4, 6) end)
  truth(tostring(nn.GroupNorm(2, 4)):find("GroupNorm(2, 4, eps=1e-05, affine=true)", 1, true))
  truth(tostring(nn.BatchNorm1d(2, {momentum = false})):find("momentum=false", 1, true))
  truth(tostring(nn.RMSNorm(8)):find("RMSNorm((8), eps=nil, elementwise_affine=true)", 1, true))
  equal(nn.RMSNorm(4)(ap.ones(2, 4)):size(), {2, 4})
  equal(nn.InstanceNorm2d(3)(ap.randn(2, 3, 4, 4)):size(), {2, 3, 4, 4})
  local tracked = nn.InstanceNorm1d(3, {track_running_stats = true, affine = true})
  tracked(ap.randn(2, 3, 5))
  truth(tracked.running_mean:abs():sum():item() > 0)
  equal(#tracked:parameters(), 2)
end)

-- --- composites ----------------------------------------------------------------------------------------------------

local COMPOSITES = {
  softmin = {function(a) return F.softmin(a.x, 2) end},
  selu = {function(a) return F.selu(a.x) end},
  celu = {function(a) return F.celu(a.x, 0.5) end},
  glu = {function(a) return F.glu(a.x, 2) end},
  prelu = {function(a) return F.prelu(a.x, a.w) end, {w = "slope"}},
  threshold = {function(a) return F.threshold(a.x, 0.3, -2) end},
  hardshrink = {function(a) return F.hardshrink(a.x, 0.6) end},
  softshrink = {function(a) return F.softshrink(a.x, {lambda = 0.6}) end},
  tanhshrink = {function(a) return F.tanhshrink(a.x) end},
  ["normalize.2"] = {function(a) return F.normalize(a.x) end},
  ["normalize.p"] = {function(a) return F.normalize(a.x, {p = 3, dim = 3}) end},
  cosine_similarity = {function(a) return F.cosine_similarity(a.x, a.w, 3) end, {w = "other"}},
  pairwise_distance = {function(a) return F.pairwise_distance(a.x, a.w) end, {w = "other"}},
}
for name, case in pairs(COMPOSITES) do
  test("F." .. name .. ": agrees with PyTorch", function()
    local given = {x = "cube"}
    for k, v in pairs(case[2] or {}) do given[k] = v end
    agrees(name, case[1], given)
  end)
end

test("activation modules: settings by position and by name, and what they print", function()
  local x = ap.tensor {-2.0, 0.3, 2.0}
  close(nn.Hardtanh(-1, 0.5)(x), {-1, 0.3, 0.5})
  close(nn.Hardtanh {max_val = 0.5}(x), {-1, 0.3, 0.5})
  close(nn.Threshold(0.5, 9)(x), {9, 9, 2})
  close(nn.Softplus {beta = 2}(x), F.softplus(x, 2))
  close(nn.PReLU()(x), {-0.5, 0.3, 2})
  equal(#nn.PReLU(3):parameters(), 1)
  equal(tostring(nn.CELU(0.5)):match("^%w+%(.-%)"), "CELU(alpha=0.5)")
  raises("ELU: unknown option 'alfa'; options: alpha", function() nn.ELU {alfa = 1} end)
  for name, module in pairs {SELU = nn.SELU(), Mish = nn.Mish(), Hardswish = nn.Hardswish(), Softmin = nn.Softmin(1),
    LogSigmoid = nn.LogSigmoid(), Softsign = nn.Softsign(), ReLU6 = nn.ReLU6(), Tanhshrink = nn.Tanhshrink()} do
    equal(module(x):size(), {3}, name)
  end
end)

test("composites: wrong arguments are named", function()
  raises("glu: expected an even size along dimension %-1, got %(3%)", function() F.glu(ap.ones(3)) end)
  raises("prelu: expected a weight of one element or of 3 channels, got %(2%)", function()
    F.prelu(ap.ones(2, 3), ap.ones(2))
  end)
  raises("normalize: unknown option 'q'", function() F.normalize(ap.ones(2, 2), {q = 1}) end)
  raises("selu: argument 1: expected a tensor, got the number 3", function() F.selu(3) end)
end)

local QKV = {q = "q", k = "k", v = "v"}

test("scaled_dot_product_attention: agrees with PyTorch, with masks and without", function()
  local attention = F.scaled_dot_product_attention
  agrees("attention.plain", function(a) return attention(a.q, a.k, a.v) end, QKV)
  agrees("attention.mask", function(a) return attention(a.q, a.k, a.v, input "mask") end, QKV)
  agrees("attention.bias", function(a)
    return attention(a.q, a.k, a.v, {attn_mask = input "bias":to(a.q.dtype), scale = 0.3})
  end, QKV)
  agrees("attention.causal", function(a) return attention(a.q, a.k, a.v, {is_causal = true}) end,
    {q = "square", k = "square", v = "square"})
end)

test("scaled_dot_product_attention: a query that may look at no key gives zeros, and no nan in gradients", function()
  local q, k, v = leaf "q", leaf "k", leaf "v"
  local mask = input "mask":clone()
  mask[2] = false
  local y = F.scaled_dot_product_attention(q, k, v, mask)
  close(y:detach()[{1, 1, 2}], ap.zeros({4}, {dtype = "f64"}))
  y:sum():backward()
  truth(q.grad:isfinite():all():item() and k.grad:isfinite():all():item())
end)

test("scaled_dot_product_attention: wrong arguments are named", function()
  local x = ap.ones(2, 3, 4)
  raises("attn_mask and is_causal", function()
    F.scaled_dot_product_attention(x, x, x, {attn_mask = ap.ones(3, 3), is_causal = true})
  end)
  raises("expected q %(..., L, E%)", function() F.scaled_dot_product_attention(x, ap.ones(2, 3, 5), x) end)
  raises("unknown option 'mask'", function() F.scaled_dot_product_attention(x, x, x, {mask = x}) end)
  raises("argument 2: expected a tensor", function() F.scaled_dot_product_attention(x) end)
end)

test("layer_norm, rms_norm, batch_norm: nan and inf in a row do not look like a row without variance", function()
  for _, dtype in ipairs {"f32", "f64", "f16"} do
    local x = ap.tensor({{0 / 0, 1, 2, 3}, {1, 2, 3, 4}}, {dtype = dtype})
    for _, y in ipairs {ap.rms_norm(x, 4), ap.layer_norm(x, 4)} do
      equal(y:isnan():totable(), {{true, true, true, true}, {false, false, false, false}})
    end
    local inf = ap.tensor({{1 / 0, 1, 2, 3}}, {dtype = dtype})
    equal(ap.layer_norm(inf, 4):isnan():all():item(), true)
    equal(ap.rms_norm(inf, 4):narrow(2, 2, 3):totable(), {{0.0, 0, 0}})
  end
end)

test("softmax of masked rows: zeros at the mask, the rest as without it; a row that is masked whole is NaN", function()
  for _, dtype in ipairs {"f32", "f64"} do
    for _, n in ipairs {5, 40, 100, 200, 1000} do
      for _, mask in ipairs {-1 / 0, -1e9, -1e4} do
        local kept = n // 2 + 1
        local x = ap.randn(7, n):to(dtype) * 3
        x:narrow(2, kept + 1, n - kept):fill_(mask)
        local y, free = x:softmax(2), x:narrow(2, 1, kept)
        equal(y:narrow(2, kept + 1, n - kept):ne(0):sum():item(), 0)
        close(y:narrow(2, 1, kept), free:softmax(2), {rtol = 1e-6})
        close(x:log_softmax(2):narrow(2, 1, kept), free:log_softmax(2), {rtol = 1e-5, atol = 1e-6})
        close(x:t():contiguous():softmax(1), y:t(), {rtol = 1e-6})
      end
      truth(ap.full({2, n}, -1 / 0, {dtype = dtype}):softmax(2):isnan():all():item())
      local holed = ap.zeros({2, n}, {dtype = dtype})
      holed[1][n] = 0 / 0
      equal(holed:softmax(2):isnan():sum(2):totable(), {n, 0})
      equal(holed:log_softmax(2):isnan():sum(2):totable(), {n, 0})
    end
  end
end)
