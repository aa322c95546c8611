--- Indexing, scans, sorting and random numbers on OpenCL beside the CPU, at sizes that take every way through the
--- launches. tests/run.lua --device cl runs the golden values of index_test, reduce_test and random_test there.

local ap = require "apsis"
local program = require "support.program"

if not ap.cl.is_available() then return end -- cl_test says so

-- f(tensors...) gives on cl, bit for bit, what it gives on the CPU.
local function agrees(f, ...)
  local there = {}
  for i, x in ipairs {...} do there[i] = x:to("cl") end
  local a, b = table.pack(f(...)), table.pack(f(table.unpack(there)))
  for i = 1, a.n do
    truth(b[i].device ~= "cpu", "the result lies on the CPU")
    equal(b[i]:to("cpu"), a[i])
  end
end

local function ids(last, size) return ap.randint(1, last, size, {dtype = "i64"}) end

test("sums through repeated positions: the CPU's bits, for rows, elements and columns", function()
  ap.manual_seed(1)
  local function add(x, i, s) return x:index_add(1, i, s) end
  agrees(add, ap.randn(50, 17), ids(50, {3000}), ap.randn(3000, 17))
  agrees(function(x, i, s) return x:index_add(2, i, s) end, ap.randn(17, 50), ids(50, {3000}), ap.randn(17, 3000))
  local function scatter(x, i, s) return x:scatter_add(1, i, s) end
  agrees(scatter, ap.randn(10), ids(10, {5000}), ap.randn(5000))
  agrees(scatter, ap.randn(50, 5), ids(40, {600, 4}), ap.randn(600, 5))
  agrees(scatter, ap.randn(5, 50):t(), ids(40, {600, 4}), ap.randn(5, 600):t())
  agrees(function(x, i, s) return x:scatter_reduce(1, i, s, "amax", true) end, ap.randn(30), ids(30, {900}),
    ap.randn(900))
  agrees(scatter, ap.randn(30):to("f16"), ids(30, {900}), ap.randn(900):to("f16"))
  agrees(scatter, ids(9, {30}), ids(30, {900}), ids(1 << 40, {900}))
  agrees(function(x, i, j, s) return x:index_put({i, j}, s, true) end, ap.randn(20, 30), ids(20, {4000}),
    ids(30, {4000}), ap.randn(4000))
end)

test("writes through repeated positions: the last one stays, in views of larger tensors too", function()
  ap.manual_seed(2)
  agrees(function(x, i, s) return x:scatter(1, i, s) end, ap.randn(1000), ids(1000, {5000}), ap.randn(5000))
  agrees(function(x, i, s)
    local y = x:clone()
    y:narrow(1, 100, 500):scatter_(1, i, s)
    return y
  end, ap.randn(1000), ids(500, {5000}), ap.randn(5000))
  agrees(function(x, i, s) return x:index_copy(1, i, s) end, ap.randn(100, 7), ids(100, {900}), ap.randn(900, 7))
end)

test("the gradient of embedding adds up in the order of the ids", function()
  ap.manual_seed(3)
  agrees(function(w, i, g)
    local leaf = w:clone():requires_grad_()
    ap.embedding(i, leaf):backward(g)
    return leaf.grad
  end, ap.randn(40, 24), ids(40, {20, 100}), ap.randn(20, 100, 24))
end)

test("sort and topk along any dimension, of every dtype; NaN comes last, -0 and 0 are equal", function()
  ap.manual_seed(4)
  local x = ap.randn(3, 700, 5)
  x[{1, 5, 2}] = 0 / 0
  x[{1, 6, 2}], x[{1, 7, 2}] = -0.0, 0.0
  for _, dtype in ipairs {"f32", "f64", "f16", "bf16", "i8", "u8", "i16", "i32", "i64", "bool"} do
    local y = dtype:find "f" and x:to(dtype) or ap.randint(-5, 5, {3, 700, 5}):to(dtype)
    agrees(function(t) return t:argsort(2), t:argsort(2, true) end, y)
    agrees(function(t) return t:topk(9, 2) end, y)
  end
  for _, n in ipairs {1, 7, 8, 9, 16, 17, 5000} do
    agrees(function(t) return t:sort() end, ids(50, {n}))
    agrees(function(t) return t:topk((n + 1) // 2, 1, false) end, ids(50, {n}))
  end
end)

test("scans of long and of many rows, from both ends", function()
  ap.manual_seed(5)
  for _, size in ipairs {{100001}, {3, 20000}, {2, 40000, 3}, {200, 70}} do
    local x = ids(9, size)
    for dim = 1, #size do
      agrees(function(t) return t:cumsum(dim), t:cumsum {dim = dim, reverse = true} end, x)
    end
    local y = ap.randn(size)
    close(y:to("cl"):cumsum(1):to("cpu"), y:cumsum(1), {rtol = 1e-6, atol = 1e-4})
    close(y:to("cl"):logcumsumexp(1):to("cpu"), y:logcumsumexp(1), {rtol = 1e-6})
  end
end)

test("masks choose, list and fill", function()
  ap.manual_seed(6)
  for _, size in ipairs {{70000}, {30, 40, 50}, {0, 3}} do
    local x = ap.randn(size)
    agrees(function(t) return t[t:gt(0)], t:gt(0.5):nonzero(), t:masked_fill(t:lt(0), 7) end, x)
    agrees(function(t) return t:masked_scatter(t:gt(0), t:flip(1)) end, x)
  end
  agrees(function(t) return t:tril(3), t:triu(-2) end, ap.randn(4, 60, 50))
end)

test("random numbers are the CPU's, bit for bit", function()
  for _, dtype in ipairs {"f32", "f64", "f16", "bf16"} do
    local function draws(device)
      ap.manual_seed(7)
      local o = {dtype = dtype, device = device}
      local x = ap.full({1001}, 0.3, o)
      return ap.rand(1001, o), ap.randn(1001, o), x:clone():exponential_(2), x:bernoulli(), ap.dropout(x, 0.4),
        ap.zeros(30, 7, o):t():normal_(1, 2), ap.randint(-3, 9, {1001}, {device = device}),
        ap.randint(-3, 1 << 40, {1001}, {device = device})
    end
    local here, there = table.pack(draws("cpu")), table.pack(draws("cl"))
    for i = 1, here.n do equal(there[i]:to("cpu"), here[i]) end
  end
end)

test("positions out of range are the CPU's errors, and nothing is touched", function()
  local x = ap.zeros(3, 4):to("cl")
  local function at(...) return ap.tensor({...}, {dtype = "i64"}):to("cl") end
  raises("index_select: index 4 is out of range: positions in dimension 1 run 1%.%.3", function()
    x:index_select(1, at(1, 4))
  end)
  raises("index_add_: index 0 is out of range: .*; they count from 1", function()
    x:index_add_(1, at(0), ap.ones(1, 4):to("cl"))
  end)
  raises("embedding: id 9 is out of range: ids run 1%.%.3", function() ap.embedding(at(9), x) end)
  raises("index %-4 is out of range", function() return x[at(-4)] end)
  raises("bernoulli: expected probabilities from 0 to 1", function() (x + 2):bernoulli() end)
  equal(x:sum():item(), 0.0)
end)

-- The kernels that a GPU would get; chosen when the program starts.
if os.getenv "APSIS_CL_TUNE" == nil then
  test("all of this with a GPU's choices", function()
    local text = program.sh(("APSIS_CL_TUNE=gpu %s %s %s 2>&1"):format(program.quote(program.path),
      program.quote(program.root .. "/tests/run.lua"), program.quote(program.root .. "/tests/cl_index_test.lua")))
    truth(text:find "\n%d+ passed, 0 failed\n$", text)
  end)
end
