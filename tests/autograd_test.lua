--- Gradients: every rule by gradcheck, and the tape's semantics against PyTorch's.

local ap = require "apsis"
local samples = require "support.samples"
local device = require "support.device"

local function leaf(values) return ap.tensor(values, {dtype = "f64", requires_grad = true}) end

-- --- every rule ------------------------------------------------------------------------------------------------

local with_rule = {}
for name, kind in pairs(ap.ops()) do
  if kind == "rule" and not (name:match("_$") and samples.ops[name:sub(1, -2)]) then
    with_rule[#with_rule + 1] = name
  end
end
table.sort(with_rule)

for _, name in ipairs(with_rule) do
  test(("the gradient of %s agrees with finite differences"):format(name), function()
    local list = samples.ops[name]
    truth(list, "no sample: add the op to tests/support/samples.lua")
    for _, s in ipairs(list) do
      local inputs = table.pack(s.make())
      -- Positions that are no tensors are bound; gradcheck sees the tensors.
      local f = s.f or ap[name]
      local tensors, places = {}, {}
      for i = 1, inputs.n do
        if ap.is_tensor(inputs[i]) then
          if inputs[i].dtype == "f64" and not inputs[i].is_leaf then
            inputs[i] = inputs[i]:detach():clone():requires_grad_()
          end
          tensors[#tensors + 1], places[#places + 1] = inputs[i], i
        end
      end
      local function call(...)
        local given = table.pack(table.unpack(inputs, 1, inputs.n))
        for k, t in ipairs {...} do given[places[k]] = t end
        return f(table.unpack(given, 1, inputs.n))
      end
      -- What stays on the CPU says so; that is all there is to see elsewhere.
      local ok, message = pcall(call, table.unpack(tensors))
      if device.name and not ok and tostring(message):find("^[^\n]*has no kernel for") then return end
      ap.autograd.gradcheck(call, tensors)
      if s.second ~= false then ap.autograd.gradgradcheck(call, tensors) end
    end
  end)
end

test("every op says what it does for gradients: a rule, or none on purpose", function()
  local unknown = {}
  for name, kind in pairs(ap.ops()) do
    if kind == "unknown" then unknown[#unknown + 1] = name end
  end
  table.sort(unknown)
  equal(table.concat(unknown, " "), "")
end)

-- --- the tape ----------------------------------------------------------------------------------------------------

test("backward accumulates into .grad over calls", function()
  local x = leaf {1, 2, 3};
  (x * x):sum():backward()
  close(x.grad, {2, 4, 6});
  (x * x):sum():backward()
  close(x.grad, {4, 8, 12})
  x.grad = nil;
  (x * 3):sum():backward()
  close(x.grad, {3, 3, 3})
end)

test("a tensor used several times gets the sum of its gradients", function()
  local x = leaf {2, 3}
  local y = x * x + x * 3 + x:exp() * 0 + x
  y:sum():backward()
  close(x.grad, {2 * 2 + 4, 2 * 3 + 4})
end)

test("a second backward through a freed graph says so, and retain_graph allows it", function()
  local x = leaf {1, 2}
  local y = (x * x):sum()
  y:backward()
  raises("second time", function() y:backward() end)
  x.grad = nil
  local z = (x * x):sum()
  z:backward(nil, true)
  z:backward()
  close(x.grad, {4, 8})
  local w = (x * x):sum()
  w:backward {retain_graph = true}
  w:backward()
end)

test("detach cuts the graph and shares memory", function()
  local x = leaf {1, 2}
  local y = x * 2
  local d = y:detach()
  truth(not d.requires_grad and d.is_leaf)
  d:fill_(7)
  close(y:detach(), {7, 7})
  raises("does not require a gradient", function() d:sum():backward() end)
end)

test("no_grad records nothing, nests, and ends with its block or an error", function()
  local x = leaf {1, 2}
  local y = ap.no_grad(function() return x * 2 end)
  truth(not y.requires_grad)
  do
    local _ <close> = ap.no_grad()
    truth(not (x * 2).requires_grad)
    ap.enable_grad(function() truth((x * 2).requires_grad) end)
    truth(not (x * 2).requires_grad)
  end
  truth((x * 2).requires_grad)
  pcall(ap.no_grad, function() error("x") end)
  truth((x * 2).requires_grad, "recording is on again after an error inside no_grad")
end)

test("create_graph gives second and third derivatives", function()
  local x = leaf {1.5, -2}
  local y = (x ^ 4):sum()
  local g = ap.autograd.grad(y, {x}, {create_graph = true})[1]
  close(g, {4 * 1.5 ^ 3, 4 * -8})
  local h = ap.autograd.grad(g:sum(), {x}, {create_graph = true})[1]
  close(h, {12 * 2.25, 48})
  local t = ap.autograd.grad(h:sum(), {x})[1]
  close(t, {36, -48})
  truth(x.grad == nil, "grad leaves .grad alone")
end)

test("grad of an unused input is an error, or false with allow_unused", function()
  local x, z = leaf {1}, leaf {2}
  raises("not used", function() ap.autograd.grad((x * 2):sum(), {x, z}) end)
  local g = ap.autograd.grad((x * 2):sum(), {x, z}, {allow_unused = true})
  close(g[1], {2})
  equal(g[2], false)
end)

test("grad of a tensor in the middle of the graph", function()
  local x = leaf {1, 2}
  local m = x * 3
  local y = (m * m):sum()
  local g = ap.autograd.grad(y, {m, x})
  close(g[1], {6, 12})
  close(g[2], {18, 36})
end)

test("grad computes and frees only what leads to its inputs", function()
  local x, w = leaf {1, 2}, leaf {3, 4}
  local calls = 0
  local Counted = ap.autograd.Function {
    forward = function(_, a) return a * 1 end,
    backward = function(_, g)
      calls = calls + 1
      return g
    end,
  }
  local beside = Counted(w) * w
  local y = ((x * x) * 3):sum() + beside:sum()
  close(ap.autograd.grad(y, {x})[1], {6, 12})
  equal(calls, 0)
  beside:sum():backward()
  close(w.grad, {6, 8})
  equal(calls, 1)
  -- An input in the middle: nothing below it is walked.
  local m = Counted(x)
  close(ap.autograd.grad((m * m):sum(), {m})[1], {2, 4})
  equal(calls, 1)
  m:sum():backward()
  close(x.grad, {1, 1})
end)

test("backward of a tensor that is no scalar needs a gradient of its shape", function()
  local x = leaf {1, 2, 3}
  raises("backward.*gradient", function() (x * x):backward() end)
  raises("shape", function() (x * x):backward(ap.ones(2):to("f64")) end);
  (x * x):backward(ap.tensor({1, 10, 100}, {dtype = "f64"}))
  close(x.grad, {2, 40, 600})
end)

test("changing what a rule needs in place is an error at backward", function()
  local x = leaf {1, 2}
  local y = x * 2
  local z = y * y
  y:add_(1)
  raises("in place", function() z:sum():backward() end)
  local e = (x * 1):exp()
  e:mul_(2)
  raises("in place", function() e:sum():backward() end)
end)

test("changing in place what no rule needs is fine", function()
  local x = leaf {1, 2}
  local y = x * 2
  y:add_(1)
  y:mul_(3)
  y:sum():backward()
  close(x.grad, {6, 6})
end)

test("a leaf that requires a gradient refuses in-place changes, also through a view, except under no_grad", function()
  local x = leaf {1, 2}
  raises("leaf", function() x:add_(1) end)
  raises("", function() x[1] = 5 end)
  raises("", function() x:narrow(1, 1, 1):fill_(3) end)
  ap.no_grad(function() x:add_(1) end)
  close(x:detach(), {2, 3})
  truth(x.requires_grad and x.is_leaf)
end)

test("a failed in-place op leaves the tensor as it was", function()
  local x = leaf {1, 2}
  pcall(function() x:add_(1) end)
  close(x:detach(), {1, 2})
  local y = ap.ones(2)
  pcall(function() y:add_(ap.ones(3)) end)
  close(y, {1, 1})
end)

test("gradients flow through views, indexing and index assignment", function()
  local x = leaf {{1, 2, 3}, {4, 5, 6}}
  local y = x:t():reshape(-1)["2:5"]
  y:sum():backward()
  close(x.grad, {{0, 1, 1}, {1, 1, 0}})
  x.grad = nil
  local w = x * 1
  local v = leaf {10, 20}
  w["1:2, 2"] = v * 2;
  (w * w):sum():backward()
  close(x.grad, {{2, 0, 6}, {8, 0, 12}})
  close(v.grad, {2 * 20 * 2, 2 * 40 * 2})
end)

test("indexing with repeated positions adds their gradients up", function()
  local x = leaf {1, 2, 3}
  x[ap.tensor({1, 3, 3, 3}, {dtype = "i64"})]:sum():backward()
  close(x.grad, {1, 0, 3})
end)

test("broadcasting sums the gradient back to the operand's shape", function()
  local a, b, c = leaf {{1}, {2}}, leaf {1, 2, 3}, leaf(5);
  (a * b * c):sum():backward()
  close(a.grad, {{30}, {30}})
  close(b.grad, {15, 15, 15})
  close(c.grad, 18)
end)

test("a graph of 10,000 ops is walked and freed without overflowing a stack", function()
  local x = leaf {1}
  local y = x
  for _ = 1, 10000 do y = y + 1e-4 end
  y:sum():backward()
  close(x.grad, {1})
  local z = x * 1
  for _ = 1, 10000 do z = z * 1.0001 end
  z = nil -- luacheck: ignore
  collectgarbage()
end)

test("a gradient of another dtype arrives in the leaf's dtype", function()
  local x = ap.tensor({1.0, 2.0}, {requires_grad = true});
  (x:to("f64") * 3):sum():backward()
  equal(x.grad.dtype, "f32")
  close(x.grad, {3, 3})
  local y = ap.tensor({1.0, 2.0}, {requires_grad = true});
  (y * ap.tensor({1, 2}, {dtype = "f64"})):sum():backward()
  equal(y.grad.dtype, "f32")
end)

test("integer tensors cannot require a gradient", function()
  raises("floating", function() ap.tensor({1, 2}, {dtype = "i64", requires_grad = true}) end)
  raises("floating", function() ap.ones({2}, {dtype = "bool"}):requires_grad_() end)
end)

test("a custom function's backward is used, with several inputs and outputs", function()
  local Twice = ap.autograd.Function {
    forward = function(ctx, a, b)
      ctx:save(a, b)
      return a * b, a + b
    end,
    backward = function(ctx, g, h)
      local a, b = ctx:saved()
      local product, sum = 0, 0
      if g then product = g end
      if h then sum = h end
      return product * b + sum, product * a + sum
    end,
  }
  local a, b = leaf {2, 3}, leaf {5, 7}
  local p, s = Twice(a, b);
  (p * 2 + s * 10):sum():backward()
  close(a.grad, {20, 24})
  close(b.grad, {14, 16})
  ap.autograd.gradcheck(Twice, {a, b})
end)

test("gradcheck finds a wrong gradient", function()
  local Wrong = ap.autograd.Function {
    forward = function(ctx, x)
      ctx:save(x)
      return x * x
    end,
    backward = function(ctx, g) return g * ctx:saved() * 2.02 end,
  }
  raises("gradcheck", ap.autograd.gradcheck, Wrong, {leaf {1, 2}})
  equal((ap.autograd.gradcheck(Wrong, {leaf {1, 2}}, {raise = false})), false)
end)

test("the gradients of two leaves are separate tensors", function()
  local a, b = leaf {1, 2}, leaf {3, 4};
  (a + b):sum():backward()
  ap.no_grad(function() a.grad:add_(1) end)
  close(b.grad, {1, 1})
end)

test("a gradient given to backward is not shared with .grad", function()
  local x = leaf {1, 2}
  local g = ap.ones({2}, {dtype = "f64"});
  (x + 0):backward(g)
  g:fill_(9)
  close(x.grad, {1, 1})
end)

test("requires_grad spreads, is_leaf and grad_fn tell leaves", function()
  local x, c = leaf {1}, ap.tensor({1}, {dtype = "f64"})
  truth((x + c).requires_grad and not (c + c).requires_grad)
  truth(x.is_leaf and c.is_leaf and not (x + c).is_leaf)
  truth(x.grad_fn == nil and (x + c).grad_fn ~= nil)
  truth(not x:gt(0).requires_grad)
end)

test("a graph with shared parts is walked once a node", function()
  local x = leaf {1}
  local y = x
  for _ = 1, 60 do y = y * 0.5 + y * 0.5 end
  y:sum():backward()
  close(x.grad, {1})
end)

test("a gradient that a rule hands on to several inputs is not added to in place for one of them", function()
  -- u's gradient is a sum, which the rule of add gives to p and to q; r's adds to p's before q's is used.
  local x, y = ap.ones({2}, {requires_grad = true}), ap.ones({2}, {requires_grad = true})
  local p, q = x * 1, y * 1
  local r = p * 3
  local u = p + q
  local loss = (u * 2 + u * 5 + r):sum()
  loss:backward()
  equal(x.grad:totable(), {10.0, 10.0})
  equal(y.grad:totable(), {7.0, 7.0})
end)

test("the gradients of random sums, products and shared values are those of finite differences", function()
  for seed = 1, 20 do
    ap.manual_seed(seed)
    local choices = ap.randint(1, 1000, {64}):totable()
    local function f(...)
      local values = {...}
      for i = 1, 12 do
        local a = values[choices[3 * i] % #values + 1]
        local b = values[choices[3 * i + 1] % #values + 1]
        local kind = choices[3 * i + 2] % 5
        values[#values + 1] = kind == 0 and a + b or kind == 1 and a - b or kind == 2 and (a * b):tanh()
          or kind == 3 and a:reshape(3, 2):t():reshape(2, 3) + b or (a + b):sin()
      end
      local sum = values[#values]
      for i = 4, #values - 1 do sum = sum + values[i] * i end
      return sum
    end
    local inputs = {}
    for i = 1, 3 do inputs[i] = ap.randn({2, 3}, {dtype = "f64", requires_grad = true}) end
    truth(ap.autograd.gradcheck(f, inputs), "seed " .. seed)
  end
end)

test("gradients of parts add up in one tensor: parts that overlap, a whole beside them, leaves and not", function()
  local function f(x)
    local y = x * 1
    local sum = y:select(1, 2):sin() + y[1] * y[{ {1, 2}, 1 }]:sum() + y:narrow(1, 2, 1):exp():squeeze(1)
    local d = y:diagonal():cos():sum() + y:diagonal(1):sum() + x[{2, -1}] * x:narrow(2, 1, 0):sum()
    return sum * d + (y * y):sum(1) + x:expand(2, 2, 3):select(1, 1):sum(1)
  end
  local x = ap.randn({2, 3}, {dtype = "f64", requires_grad = true})
  truth(ap.autograd.gradcheck(f, {x}))
  truth(ap.autograd.gradgradcheck(f, {x}))
  local g = ap.ones(2, 3)
  local weight = ap.zeros({2, 3}, {requires_grad = true})
  weight:expand(2, 3):backward(g) -- the gradient given is its caller's
  weight[1]:sum():backward()
  equal(g:totable(), {{1.0, 1, 1}, {1, 1, 1}})
  equal(weight.grad:totable(), {{2.0, 2, 2}, {1, 1, 1}})
end)
