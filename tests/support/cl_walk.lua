--- A little of every family of kernels on an OpenCL device, as small as shows their edges, each beside the CPU. Run by
--- tests/cl_oclgrind_test.lua under a simulator that watches every access; prints "walked N".

local ap = require "apsis"
local nn, F, optim = ap.nn, ap.nn.functional, ap.optim

local walked = 0

local function agrees(name, f, ...)
  local there = {}
  for i, x in ipairs {...} do there[i] = x:to("cl") end
  local here, got = table.pack(f(...)), table.pack(f(table.unpack(there)))
  for i = 1, here.n do
    local a, b = here[i]:to("f64"), got[i]:to("cpu"):to("f64")
    local good = a:isclose(b, 2e-3, 1e-4):logical_or(a:isnan():logical_and(b:isnan()))
    if not good:all():item() then error(("%s, result %d: %s on the CPU, %s"):format(name, i, a, b), 0) end
  end
  walked = walked + 1
end

-- f and the gradients of its floating operands.
local function with_gradients(name, f, ...)
  agrees(name, function(...)
    local leaves, results = {}, {}
    for i, x in ipairs {...} do leaves[i] = x:is_floating_point() and x:detach():clone():requires_grad_() or x end
    local y = f(table.unpack(leaves))
    y:square():sum():backward()
    results[1] = y:detach()
    for _, x in ipairs(leaves) do
      if x.grad then results[#results + 1] = x.grad end
    end
    return table.unpack(results)
  end, ...)
end

local function ids(n, ...) return ap.randint(1, n, {...}, {dtype = "i64"}) end

ap.manual_seed(1)
local x, y = ap.randn(7, 9), ap.randn(7, 9)

agrees("elementwise", function(a, b)
  return a + b, a:exp(), a:t():contiguous(), (a * 2):narrow(2, 2, 5):tanh()
end, x, y)
agrees("broadcast", function(a, b) return a * b:narrow(2, 3, 1), a / b[1], a:gt(b) end, x, y)
agrees("conversion", function(a) return a:to("f16"):to("f32"), a:to("bf16"), a:to("i32") end, x * 3)
agrees("in place", function(a)
  local c = a:clone()
  c:narrow(1, 2, 3):mul_(2)
  c[4] = 1
  return c
end, x)
agrees("reduce", function(a)
  return a:sum(), a:sum(1), a:mean(2), a:amax {1, 2}, a:var(2), a:norm(3), a:logsumexp(1)
end, x)
agrees("reduce, long", function(a) return a:sum(), a:max(2), a:argmin(1), a:prod(2) end, ap.rand(3, 700) + 0.5)
agrees("scan", function(a) return a:cumsum(2), a:cumsum(1), a:cumprod(2), a:logcumsumexp(2) end, ap.rand(3, 300))
agrees("sort", function(a)
  local v, i = a:sort(2)
  local top = a:topk(5, 1)
  return v, i, top, a:argsort(1)
end, ap.randn(40, 5))
agrees("gather", function(a, i)
  return a:gather(2, i), a:index_select(1, i[1]), a:take_along_dim(i, 2)
end, x, ids(7, 7, 4))
agrees("scatter", function(a, i, b)
  return a:scatter_add(2, i, b), a:scatter(2, i, b), a:index_add(1, i[1], b), a:scatter_reduce(2, i, b, "amax")
end, ap.randn(9, 9), ids(9, 7, 7), ap.randn(7, 9))
agrees("masks", function(a, m)
  return a[m], m:nonzero(), a:masked_fill(m, 0), ap.where(m, a, -a)
end, x, y:gt(0))
agrees("search", function(a, v)
  return ap.searchsorted(a, v), ap.isin(a, v), ap.bincount((v * 3):abs():to("i64") + 1)
end, ap.linspace(-2, 2, 33), ap.randn(20))
agrees("join", function(a, b)
  return ap.cat({a, b}, 1), ap.stack({a, b}, 2), F.pad(a, {1, 2}), a:roll(2, 1), a:flip(1)
end, x, y)
with_gradients("embedding", function(w, i) return F.embedding(i, w) end, ap.randn(6, 5), ids(6, 4, 3))
with_gradients("matmul", ap.matmul, ap.randn(20, 30), ap.randn(30, 17))
with_gradients("bmm", ap.bmm, ap.randn(2, 5, 6), ap.randn(2, 6, 3))
with_gradients("linear", F.linear, ap.randn(5, 6), ap.randn(4, 6), ap.randn(4))
with_gradients("conv2d", function(a, w, b)
  return F.conv2d(a, w, b, {stride = 2, padding = 1})
end, ap.randn(2, 3, 7, 6), ap.randn(4, 3, 3, 3), ap.randn(4))
with_gradients("conv2d, groups", function(a, w) return F.conv2d(a, w, nil, {groups = 3, padding = 1}) end,
  ap.randn(1, 3, 5, 5), ap.randn(3, 1, 3, 3))
with_gradients("max_pool2d", function(a) return F.max_pool2d(a, 3, 2, 1) end, ap.randn(2, 2, 7, 7))
with_gradients("avg_pool2d", function(a) return F.avg_pool2d(a, 2) end, ap.randn(2, 2, 6, 5))
with_gradients("softmax", function(a) return a:softmax(2) end, x)
with_gradients("softmax, long rows", function(a) return a:log_softmax(2) end, ap.randn(2, 600))
with_gradients("layer_norm", function(a, w, b) return F.layer_norm(a, {9}, w, b) end, x, ap.rand(9), ap.rand(9))
with_gradients("group_norm", function(a, w, b) return F.group_norm(a, 2, w, b) end, ap.randn(2, 4, 3, 3), ap.rand(4),
  ap.rand(4))
with_gradients("batch_norm", function(a, w, b) return F.batch_norm(a, nil, nil, w, b, {training = true}) end,
  ap.randn(5, 3, 2, 2), ap.rand(3), ap.rand(3))
with_gradients("cross_entropy", F.cross_entropy, ap.randn(6, 5), ids(5, 6))
with_gradients("mse_loss", F.mse_loss, x, y)
with_gradients("cmul", ap.cmul, ap.randn(3, 2), ap.randn(3, 2))
agrees("fft", function(a) return ap.fft.rfft(a), ap.fft.ifft(ap.fft.fft(ap.complex(a))) end, ap.randn(3, 20))
agrees("random", function(a)
  ap.manual_seed(3)
  return ap.rand_like(a), ap.randn_like(a), F.dropout(a, 0.5)
end, ap.ones(5, 70))
agrees("optimiser", function(a)
  local layer = nn.Linear(9, 2)
  ap.no_grad(function()
    layer.weight:fill_(0.1)
    layer.bias:fill_(0)
  end)
  layer:to(a.device)
  for _, new in ipairs {optim.SGD, optim.AdamW} do
    local optimizer = new(layer:parameters(), {lr = 0.1, weight_decay = 0.1})
    optimizer:zero_grad()
    layer(a):square():sum():backward()
    optimizer:step()
  end
  return layer.weight:detach()
end, x)
ap.synchronize()
print("walked " .. walked)
