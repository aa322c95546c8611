--- The promise: a plain loop, with no call to collectgarbage, keeps its memory flat. tests/bench/run has the long one.

local ap = require "apsis"

local function resident()
  local file <close> = assert(io.open "/proc/self/statm")
  local _, pages = file:read("n", "n")
  return pages
end

-- Resident memory after `count` more iterations, beside that after the first `warm`.
local function growth(f, warm, count)
  for _ = 1, warm do f() end
  local before = resident()
  for _ = 1, count do f() end
  return resident() / before
end

local function flat(f, warm, count)
  local factor = growth(f, warm, count)
  truth(factor < 1.05, ("resident memory grew by a factor of %.3f"):format(factor))
end

test("20,000 training steps of a small network keep resident memory flat", function()
  local w1 = (ap.randn(10, 50) * 0.1):requires_grad_()
  local b1 = ap.zeros({50}, {requires_grad = true})
  local w2 = (ap.randn(50, 10) * 0.1):requires_grad_()
  local x, y = ap.randn(32, 10), ap.randn(32, 10)
  flat(function()
    local out = (x:matmul(w1) + b1):relu():matmul(w2)
    local loss = ((out - y) ^ 2):mean()
    loss:backward()
    ap.no_grad(function()
      for _, p in ipairs {w1, b1, w2} do
        p:sub_(p.grad * 0.01)
        p.grad = nil
      end
    end)
  end, 1000, 20000)
end)

test("a loop of c = a + b on one-element tensors keeps resident memory flat", function()
  local a, b = ap.tensor {1.0}, ap.tensor {2.0}
  flat(function() local _ = a + b end, 100000, 300000)
end)

test("a loop of recorded ops that nobody walks keeps resident memory flat", function()
  local a, b = ap.tensor({1.0}, {requires_grad = true}), ap.tensor {2.0}
  flat(function() local _ = (a + b) * b end, 50000, 100000)
end)

test("10,000 temporaries of 1 MB keep resident memory flat", function()
  local a = ap.ones(512, 512)
  flat(function() local _ = a + 1 end, 100, 10000)
end)

test("temporaries of every size keep resident memory bounded", function()
  local a = ap.ones(1000000)
  local k = 0
  local function f()
    k = k % 997 + 1
    local _ = a:narrow(1, 1, k * 1000) + 1
  end
  local factor = growth(f, 4000, 8000)
  truth(factor < 1.3, ("resident memory grew by a factor of %.3f"):format(factor))
end)

test("views and garbage of a loop that raises errors keep resident memory flat", function()
  local a = ap.ones(100, 100)
  flat(function()
    pcall(function() return a:t() + ap.ones(7) end)
    local _ = a[1]["1:50"]:view(5, 10):t()
  end, 5000, 50000)
end)

test("the count of live tensors returns to where it was", function()
  collectgarbage()
  collectgarbage()
  local before = ap.memory().tensors
  do
    local x = ap.tensor({1.0, 2.0}, {requires_grad = true})
    local y = (x * x):exp():sum()
    y:backward()
    ap.autograd.grad((x * x):sum(), {x}, {create_graph = true})
  end
  collectgarbage()
  collectgarbage()
  equal(ap.memory().tensors, before)
end)

test("empty_cache gives all that is free back; what is live stays", function()
  local live = ap.ones(1000, 1000)
  do local _ = {ap.ones(1 << 22), ap.ones(1 << 22), ap.ones(100)} end
  local kept = ap.empty_cache(64 << 20)
  truth(kept >= 0 and ap.memory().cached <= 64 << 20, "cached: " .. ap.memory().cached)
  local given = ap.empty_cache()
  equal(ap.memory().cached, 0)
  truth(given >= 0)
  equal(live:sum():item(), 1e6)
  truth(ap.empty_cache() < 4096) -- what sum gave
  raises("empty_cache: argument 1: expected how many bytes to keep, from 0", function() ap.empty_cache(-1) end)
end)

test("pages of blocks on the heap go back to the system too", function()
  do
    local list = {}
    for i = 1, 300 do list[i] = ap.ones(1 << 18) end
    equal(#list, 300)
  end
  local full = resident()
  ap.empty_cache()
  truth(full - resident() > 250 << 20 >> 12, ("%d pages, then %d"):format(full, resident()))
end)

test("after a crest the cache keeps what a loop needs again, and sinks as other work goes on", function()
  ap.empty_cache()
  local function crest()
    local list = {}
    for i = 1, 20 do list[i] = ap.empty(1 << 21) end -- 8 MB each
    return #list
  end
  crest()
  collectgarbage()
  collectgarbage()
  truth(ap.memory().cached > 150 << 20, "cached after the crest: " .. ap.memory().cached)
  local x = ap.ones(1 << 18)
  for _ = 1, 3000 do local _ = x + 1 end
  truth(ap.memory().cached <= 64 << 20, "cached long after the crest: " .. ap.memory().cached)
end)
