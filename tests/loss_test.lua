--- Losses against PyTorch's values (tests/golden/loss.py) in every layout and reduction, and their edge cases.

local ap = require "apsis"
local nn, F = ap.nn, ap.nn.functional
local against = require "support.against"
local gradcheck, gradgradcheck = ap.autograd.gradcheck, ap.autograd.gradgradcheck

local function input(key) return golden("loss")["input." .. key] end
local function like(key, x) return input(key):to(x.dtype) end
local function leaf(key) return input(key):clone():requires_grad_() end
local function classes(key) return golden("loss")["classes." .. key] end
local function agrees(case, f, given) against(golden "loss", case, f, given) end

local REDUCTIONS = {"mean", "sum", "none"}

local PAIRS = {
  mse_loss = {function(a, r) return F.mse_loss(a.x, a.t, r) end, {x = "x", t = "t"}},
  l1_loss = {function(a, r) return F.l1_loss(a.x, a.t, r) end, {x = "x", t = "t"}},
  smooth_l1_loss = {function(a, r) return F.smooth_l1_loss(a.x, a.t, r, 0.7) end, {x = "x", t = "t"}},
  huber_loss = {function(a, r) return F.huber_loss(a.x, a.t, {reduction = r, delta = 0.7}) end, {x = "x", t = "t"}},
  binary_cross_entropy = {function(a, r) return F.binary_cross_entropy(a.x, a.t, nil, r) end,
    {x = "unit", t = "target"}},
  ["binary_cross_entropy.weight"] = {function(a, r)
    return F.binary_cross_entropy(a.x, like("target", a.x), {weight = like("each", a.x), reduction = r})
  end, {x = "unit"}},
  bce_logits = {function(a, r) return F.binary_cross_entropy_with_logits(a.x, a.t, {reduction = r}) end,
    {x = "x", t = "target"}},
  ["bce_logits.weight"] = {function(a, r)
    return F.binary_cross_entropy_with_logits(a.x, a.t, like("each", a.x), nil, r)
  end, {x = "x", t = "target"}},
  ["bce_logits.pos"] = {function(a, r)
    return F.binary_cross_entropy_with_logits(a.x, a.t, {pos_weight = like("weight", a.x), reduction = r})
  end, {x = "x", t = "target"}},
  ["bce_logits.both"] = {function(a, r)
    local w = like("weight", a.x)
    return F.binary_cross_entropy_with_logits(a.x, a.t, w, w, r)
  end, {x = "x", t = "target"}},
  kl_div = {function(a, r) return F.kl_div(a.x, a.t, r) end, {x = "log_probs", t = "target"}},
  ["kl_div.log"] = {function(a, r) return F.kl_div(a.x, a.t, {reduction = r, log_target = true}) end,
    {x = "log_probs", t = "log_target"}},
}

for name, case in pairs(PAIRS) do
  test(name .. ": agrees with PyTorch in every layout and reduction", function()
    for _, r in ipairs(REDUCTIONS) do
      agrees(name .. "." .. r, function(a) return case[1](a, r) end, case[2])
    end
  end)

  test(name .. ": gradients and their gradients agree with finite differences", function()
    for _, r in ipairs(REDUCTIONS) do
      local function f(x, t) return case[1]({x = x, t = t}, r) end
      local inputs = {leaf(case[2].x), case[2].t and leaf(case[2].t)}
      gradcheck(f, inputs)
      gradgradcheck(f, inputs)
    end
  end)
end

test("binary cross entropies: the gradients of their weights agree with finite differences", function()
  local x, unit, t = leaf "x", leaf "unit", leaf "target"
  gradcheck(function(w, p) return F.binary_cross_entropy_with_logits(x, t, w, p) end, {leaf "each", leaf "weight"})
  gradcheck(function(w) return F.binary_cross_entropy(unit, t, w, "sum") end, {leaf "each"})
end)

test("kl_div: batchmean divides by the number of samples", function()
  agrees("kl_div.batchmean", function(a) return F.kl_div(a.x, a.t, "batchmean") end, {x = "log_probs", t = "target"})
end)

-- Class losses: name in the golden file -> f(x, classes, reduction).
local CLASS_LOSSES = {
  nll_loss = function(x, t, r) return F.nll_loss(x, t, {reduction = r}) end,
  ["nll_loss.weight"] = function(x, t, r) return F.nll_loss(x, t, like("weight", x), 3, r) end,
  cross_entropy = function(x, t, r) return F.cross_entropy(x, t, {reduction = r}) end,
  ["cross_entropy.weight"] = function(x, t, r) return F.cross_entropy(x, t, like("weight", x), 1, r) end,
  ["cross_entropy.smooth"] = function(x, t, r)
    return F.cross_entropy(x, t, {reduction = r, ignore_index = 1, label_smoothing = 0.2})
  end,
  ["cross_entropy.all"] = function(x, t, r) return F.cross_entropy(x, t, like("weight", x), 4, r, 0.2) end,
}

for name, f in pairs(CLASS_LOSSES) do
  test(name .. ": agrees with PyTorch for one sample, a batch and a map, and passes gradgradcheck", function()
    for _, key in ipairs {"logits", "row", "map"} do
      for _, r in ipairs(REDUCTIONS) do
        agrees(("%s.%s.%s"):format(name, key, r), function(a) return f(a.x, classes(key), r) end, {x = key})
        -- A mean over nothing but the ignored class is nan.
        if f(input(key), classes(key), r):isfinite():all():item() then
          gradcheck(function(x) return f(x, classes(key), r) end, {leaf(key)})
          gradgradcheck(function(x) return f(x, classes(key), r) end, {leaf(key)})
        end
      end
    end
  end)
end

local PROBABILITIES = {logits = "probs", row = "row_probs", map = "map_probs"}

test("cross_entropy: probabilities as targets agree with PyTorch, and pass gradgradcheck", function()
  local function all(x, t, r) return F.cross_entropy(x, t, {weight = like("weight", x), reduction = r,
    label_smoothing = 0.2}) end
  for key, probs in pairs(PROBABILITIES) do
    for _, r in ipairs(REDUCTIONS) do
      agrees(("cross_entropy.probs.%s.%s"):format(key, r), function(a)
        return F.cross_entropy(a.x, a.t, {reduction = r})
      end, {x = key, t = probs})
      agrees(("cross_entropy.probs_all.%s.%s"):format(key, r), function(a) return all(a.x, a.t, r) end,
        {x = key, t = probs})
      gradcheck(function(x, t) return all(x, t, r) end, {leaf(key), leaf(probs)})
      gradgradcheck(function(x, t) return all(x, t, r) end, {leaf(key), leaf(probs)})
    end
  end
end)

test("cross_entropy: classes of every integer dtype", function()
  local x = input "logits"
  local expected = F.cross_entropy(x, classes "logits")
  for _, dtype in ipairs {"i32", "u8", "i16", "i8"} do
    equal(F.cross_entropy(x, classes("logits"):to(dtype)), expected)
  end
end)

test("cross_entropy: a class out of range names it, the range and the usual cause", function()
  local x = ap.zeros(2, 10)
  raises("cross_entropy: class 0: classes run 1%.%.10; add 1 to 0%-based labels", function()
    F.cross_entropy(x, ap.tensor {1, 0})
  end)
  local text = raises("cross_entropy: class 11: classes run 1%.%.10", function()
    F.cross_entropy(x, ap.tensor {1, 11})
  end)
  truth(not text:find("add 1", 1, true), text)
  raises("nll_loss: class %-1: classes run 1%.%.10", function() F.nll_loss(x, ap.tensor {1, -1}) end)
  raises("class 0: classes run", function() F.nll_loss(x, ap.tensor {1, 0}, {ignore_index = 1}) end)
  raises("class 1: classes run 1%.%.0", function() F.cross_entropy(ap.zeros(1, 0), ap.tensor {1}) end)
end)

test("cross_entropy: ignored samples count for nothing; a batch of them alone gives nan and no gradient", function()
  local x = input("logits"):clone():requires_grad_()
  local t = ap.tensor {-100, -100, -100, -100, -100, -100}
  local loss = F.cross_entropy(x, t)
  truth(loss:item() ~= loss:item())
  loss:backward()
  close(x.grad, x:detach() * 0)
  equal(F.cross_entropy(x, t, {reduction = "sum"}):item(), 0.0)
  equal(F.cross_entropy(x, t, {reduction = "none"}):detach(), ap.zeros({6}, {dtype = "f64"}))
  local some = ap.tensor {1, -100, 2, -100, -100, 3}
  local kept = ap.tensor {1, 2, 3}
  local rows = ap.stack({x:detach()[1], x:detach()[3], x:detach()[6]}, 1)
  close(F.cross_entropy(x, some):detach(), F.cross_entropy(rows, kept))
end)

test("losses: an empty batch gives nan as a mean, 0 as a sum", function()
  local x, t = ap.zeros({0, 3}, {requires_grad = true}), ap.zeros({0}, {dtype = "i64"})
  local mean = F.cross_entropy(x, t)
  truth(mean:item() ~= mean:item())
  mean:backward()
  equal(x.grad:size(), {0, 3})
  equal(F.cross_entropy(x, t, {reduction = "sum"}):item(), 0.0)
  equal(F.cross_entropy(x, t, {reduction = "none"}):size(), {0})
  equal(F.mse_loss(x, ap.zeros(0, 3), "sum"):item(), 0.0)
  mean = F.mse_loss(x, ap.zeros(0, 3)):item()
  truth(mean ~= mean)
end)

test("cross_entropy: large scores neither overflow nor lose the loss", function()
  local x = ap.tensor {{1000.0, 0.0}, {-1000.0, 1000.0}}
  close(F.cross_entropy(x, ap.tensor {1, 1}, {reduction = "none"}), {0, 2000})
  close(F.cross_entropy(ap.tensor {{0.0, 30.0}}, ap.tensor {2}):item(), 9.3576229688e-14, {rtol = 0.02})
end)

test("cross_entropy: agrees with log_softmax and nll_loss on batches larger than a chunk", function()
  local n, c = 9000, 7
  local x = (ap.arange(1, n * c):to "f64" * 0.7):sin():mul(5):reshape(n, c):requires_grad_()
  local t = ap.arange(1, n) % c + 1
  local a = F.cross_entropy(x, t)
  a:backward()
  local g = x.grad
  x.grad = nil
  local b = F.nll_loss(x:log_softmax(2), t)
  b:backward()
  close(a, b, {rtol = 1e-12})
  close(g, x.grad, {rtol = 1e-9, atol = 1e-15})
end)

test("binary_cross_entropy: certain and wrong costs 100, and its gradient stays finite", function()
  local x = ap.tensor({0.0, 1.0, 0.0, 1.0}, {requires_grad = true})
  local t = ap.tensor {1.0, 0.0, 0.0, 1.0}
  close(F.binary_cross_entropy(x, t, {reduction = "none"}):detach(), {100, 100, 0, 0})
  F.binary_cross_entropy(x, t):backward()
  truth(x.grad:isfinite():all():item())
  raises("binary_cross_entropy: expected probabilities from 0 to 1", function()
    F.binary_cross_entropy(ap.tensor {1.5}, ap.tensor {1.0})
  end)
end)

test("binary_cross_entropy_with_logits: every length, and large logits", function()
  for _, n in ipairs {1, 7, 16, 17, 2049, 40000} do
    local x = (ap.arange(1, n):to "f64" * 0.37):sin() * 4
    local t = (ap.arange(1, n):to "f64" * 0.11):cos():abs()
    local s = x:sigmoid()
    local expected = -(t * s:log() + (1 - t) * (1 - s):log()):mean()
    close(F.binary_cross_entropy_with_logits(x, t), expected, {rtol = 1e-10})
    close(F.binary_cross_entropy_with_logits(x:to "f32", t:to "f32"), expected:to "f32", {rtol = 1e-5})
  end
  local x = ap.tensor({-200.0, 200.0}, {requires_grad = true})
  local loss = F.binary_cross_entropy_with_logits(x, ap.tensor {1.0, 0.0}, {reduction = "none"})
  close(loss:detach(), {200, 200})
  loss:sum():backward()
  close(x.grad, {-1, 1})
end)

test("mse_loss: many f32 values keep their mean", function()
  close(F.mse_loss(ap.full({1000, 1000}, 0.1), ap.zeros(1000, 1000)):item(), 0.010000000298, {rtol = 1e-7})
end)

test("losses: a target of another shape is refused, with both shapes", function()
  local x = ap.zeros(4, 1)
  for _, name in ipairs {"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "kl_div"} do
    raises(name .. ": expected a target of the input's shape %(4x1%), got %(4%)", function()
      F[name](x, ap.zeros(4))
    end)
  end
  raises("cross_entropy: scores %(4x1%) need classes of shape %(4%), got %(4x1%)", function()
    F.cross_entropy(x, ap.ones({4, 1}, {dtype = "i64"}))
  end)
  raises("cross_entropy: expected probabilities of the scores' shape %(4x1%), got %(4%)", function()
    F.cross_entropy(x, ap.ones(4))
  end)
  raises("nll_loss: expected classes of an integer dtype, got f32", function() F.nll_loss(x, ap.ones(4)) end)
  raises("cross_entropy: expected a weight for each of 1 classes, got %(2%)", function()
    F.cross_entropy(x, ap.ones({4}, {dtype = "i64"}), ap.ones(2))
  end)
end)

test("losses: wrong options are named", function()
  local x = ap.zeros(2, 2)
  raises("mse_loss: argument 3: expected a reduction: 'mean', 'sum' or 'none', got the string 'average'", function()
    F.mse_loss(x, x, "average")
  end)
  raises("l1_loss: expected a reduction: 'mean', 'sum' or 'none', got 'average'", function()
    F.l1_loss(x, x, "average")
  end)
  raises("cross_entropy: unknown option 'smoothing'", function()
    F.cross_entropy(x, ap.tensor {1, 1}, {smoothing = 0.1})
  end)
  raises("cross_entropy: expected label_smoothing from 0 to 1, got 2", function()
    F.cross_entropy(x, ap.tensor {1, 1}, {label_smoothing = 2})
  end)
  raises("huber_loss: delta", function() F.huber_loss(x, x, {delta = 0}) end)
  raises("mse_loss: argument 2: expected a tensor, got nothing", function() F.mse_loss(x) end)
end)

test("losses: half precision runs in f32, mixed dtypes are promoted", function()
  local x, t = input "x", input "t"
  local half = F.mse_loss(x:to "f16", t:to "f16")
  equal(half.dtype, "f16")
  close(half:to "f64", F.mse_loss(x, t), {rtol = 2e-3})
  equal(F.mse_loss(x:to "f32", t).dtype, "f64")
  equal(F.mse_loss(x:to "f32", ap.ones({5, 4}, {dtype = "i64"})).dtype, "f32")
  equal(F.cross_entropy(input("logits"):to "bf16", classes "logits").dtype, "bf16")
end)

test("loss modules: options reach the functions, tensors among them move with to()", function()
  local x, t = input "logits", classes "logits"
  local loss = nn.CrossEntropyLoss {weight = input("weight"):to "f32", label_smoothing = 0.1, ignore_index = 2}
  loss:to "f64"
  close(loss(x, t), F.cross_entropy(x, t, {weight = input("weight"):to "f32":to "f64", label_smoothing = 0.1,
    ignore_index = 2}))
  equal(nn.SmoothL1Loss {beta = 0.5, reduction = "none"}(x, x * 0):size(), {6, 4})
end)
