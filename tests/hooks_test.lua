--- Hooks of tensors: when they are called, with what, what they change; values and order are PyTorch's.

local ap = require "apsis"
local place = require "support.device".place

local function leaf(values) return place(ap.tensor(values, {dtype = "f64"})):requires_grad_() end

test("hooks are called in order, replace the gradient, and those of leaves come last", function()
  local log = {}
  local function note(name, f)
    return function(g)
      log[#log + 1] = name .. " " .. g[1]:item()
      return f and f(g)
    end
  end
  local x = leaf {1, 1}
  local y = x * 2
  x:register_hook(note("x1", function(g) return g * 10 end))
  x:register_hook(note "x2")
  y:retain_grad()
  y:register_hook(note("y", function(g) return g + 1 end))
  x:register_post_accumulate_grad_hook(function(p) log[#log + 1] = "after " .. p.grad[1]:item() end);
  (y * 3):sum():backward()
  equal(log, {"y 3.0", "x1 8.0", "x2 80.0", "after 80.0"})
  close(x.grad, {80, 80})
  close(y.grad, {4, 4})
end)

test("a hook gets the whole gradient once, however often the tensor was used", function()
  local x, calls = leaf {1, 2}, {}
  local y = x * 2
  y:register_hook(function(g) calls[#calls + 1] = g:totable() end);
  (y * 3 + y * y + y):sum():backward()
  equal(calls, {{8, 12}})
  close(x.grad, {16, 24})
end)

test("a removed hook is not called; one may remove itself", function()
  local x, log = leaf {1}, {}
  local function note(n) return function() log[#log + 1] = n end end
  x:register_hook(note(1))
  local h
  h = x:register_hook(function()
    log[#log + 1] = 2
    h:remove()
  end)
  x:register_hook(note(3))
  x:sum():backward()
  x:sum():backward()
  equal(log, {1, 2, 3, 1, 3})
  do
    local _ <close> = x:register_hook(note(4))
  end
  h:remove()
  x:sum():backward()
  equal(log, {1, 2, 3, 1, 3, 1, 3})
end)

test("autograd.grad calls the hooks of its inputs, and gives what they made", function()
  local x, log = leaf {1, 1}, {}
  local w = leaf {1, 1}
  local y = x * 2
  for name, t in pairs {x = x, y = y, w = w} do
    t:register_hook(function(g)
      log[#log + 1] = name
      return name ~= "w" and g * 10 or nil
    end)
  end
  y:retain_grad()
  x:register_post_accumulate_grad_hook(function() log[#log + 1] = "after" end)
  local beside = w * 5
  beside:register_hook(function() log[#log + 1] = "beside" end)
  local g = ap.autograd.grad((y * 3):sum() + beside:sum(), {x, y})
  equal(log, {"y", "x"})
  close(g[1], {600, 600})
  close(g[2], {30, 30})
  close(y.grad, {30, 30})
  truth(x.grad == nil and w.grad == nil)
end)

test("after a change in place retain_grad follows the tensor, a hook stays with the old values", function()
  local x, seen = leaf {1, 1}, {}
  local y = x * 2
  y:retain_grad()
  y:register_hook(function(g) seen[#seen + 1] = g:totable() end)
  y:mul_(3);
  (y * 5):sum():backward()
  close(y.grad, {5, 5})
  equal(seen, {{15, 15}})
  close(x.grad, {30, 30})
end)

test("retain_grad adds up over calls; on a leaf it does nothing", function()
  local x = leaf {1, 1}
  x:retain_grad()
  local y = x * 2
  y:retain_grad()
  y:retain_grad()
  local z = (y * y):sum()
  z:backward(nil, true)
  z:backward()
  close(y.grad, {8, 8})
  close(x.grad, {16, 16})
end)

test("hooks are recorded under create_graph", function()
  local x = leaf {2, 3}
  local recorded
  x:register_hook(function(g)
    recorded = ap.is_grad_enabled()
    return g * x
  end)
  local g = ap.autograd.grad((x * x):sum(), {x}, {create_graph = true})[1]
  truth(recorded)
  close(g, {8, 18})
  close(ap.autograd.grad(g:sum(), {x})[1], {8 * 2, 12 * 3})
  ;(x * x):sum():backward()
  truth(not recorded)
end)

test("what a hook saw is not written to later", function()
  local x, seen = leaf {1, 1}, {}
  local y = x * 2
  y:register_hook(function(g) seen[#seen + 1] = g end)
  x:register_hook(function(g) seen[#seen + 1] = g end);
  (y + y * 2 + x):sum():backward();
  (x * 4):sum():backward()
  close(x.grad, {11, 11})
  close(seen[1], {3, 3})
  close(seen[2], {7, 7})
  close(seen[3], {4, 4})
end)

test("a hook that raises leaves every .grad as it was, and gradients on", function()
  local x, w = leaf {1, 1}, leaf {2, 2};
  (x * w):sum():backward()
  local h = x:register_hook(function() error("of the hook", 0) end)
  local y = x * w
  y:retain_grad()
  raises("^of the hook$", function() y:sum():backward() end)
  close(x.grad, {2, 2})
  close(w.grad, {1, 1})
  truth(y.grad == nil and ap.is_grad_enabled())
  h:remove()
  local k = w:register_post_accumulate_grad_hook(function() error("after", 0) end)
  raises("^after$", function() (x * w):sum():backward() end)
  close(x.grad, {4, 4})
  close(w.grad, {2, 2})
  truth(ap.is_grad_enabled())
  k:remove()
end)

test("what hooks cannot do is an error that says so", function()
  local c = place(ap.ones(2))
  local x = leaf {1, 1}
  raises("register_hook: the tensor does not require a gradient", function() c:register_hook(print) end)
  raises("retain_grad: the tensor does not require a gradient", function() c:retain_grad() end)
  raises("register_post_accumulate_grad_hook: expected a leaf", function()
    (x * 2):register_post_accumulate_grad_hook(print)
  end)
  raises("register_hook: argument 2: expected a function, got nil", function() x:register_hook() end)
  raises("register_hook: argument 2: expected a function, got a number", function() x:register_hook(3) end)
  local function gives(v)
    local _ <close> = x:register_hook(function() return v end)
    x:sum():backward()
  end
  raises("a hook gave a f64 tensor %(3%) on", gives, place(ap.ones({3}, {dtype = "f64"})))
  raises("a hook gave a f32 tensor %(2%) on", gives, place(ap.ones(2)))
  raises("a hook gave a string in place of a gradient", gives, "x")
  truth(x.grad == nil)
end)

test("hooks keep no graph alive", function()
  local x = leaf {1}
  local node = setmetatable({}, {__mode = "k"})
  do
    local y = x * 2
    node[y] = true
    y:register_hook(function() return y * 0 end)
    y:retain_grad()
  end
  collectgarbage()
  collectgarbage()
  truth(next(node) == nil)
end)
