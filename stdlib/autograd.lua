--- Reverse-mode differentiation. The tape is written by the ops themselves (lib/bind/tape.c); this file walks it.

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local hooks = require "apsis.hooks"
local part = require "apsis.ops.part"
local node_of, node_graph, node_info, node_edge = core.node_of, core.node_graph, core.node_info, core.node_edge
local node_rule, node_fit, node_release = core.node_rule, core.node_fit, core.node_release
local is_tensor, set_grad_enabled = core.is_tensor, core.set_grad_enabled
local Part = part.Part

local autograd = {}

-- Restores the setting, however the block ends; a Ctrl-C that pcall may not catch included.
local restoring = {__close = function(guard) set_grad_enabled(guard[1]) end}

-- Runs f with recording switched off (or on), restoring the old setting also on an error. Without f it returns an
-- object for `local _ <close> = ap.no_grad()`.
local function with_grad(enabled)
  return function(f, ...)
    arguments.callable(enabled and "enable_grad" or "no_grad", f)
    local guard = setmetatable({set_grad_enabled(enabled)}, restoring)
    if f == nil then return guard end
    local _ <close> = guard
    return f(...)
  end
end

--- no_grad: what runs inside is not recorded.
---@function core.no_grad
---@param f function|nil
---@param ... any the arguments that f is called with
---@return any what f returns, or an object to close
--- Example: local y = ap.no_grad(function() return model(x) end)
autograd.no_grad = with_grad(false)

--- enable_grad: what runs inside is recorded, also within no_grad.
---@function core.enable_grad
---@param f function|nil
---@param ... any the arguments that f is called with
---@return any what f returns, or an object to close
autograd.enable_grad = with_grad(true)

--- set_grad_enabled: switches recording on or off. no_grad restores the setting by itself.
---@function core.set_grad_enabled
---@param enabled boolean
---@return boolean what it was
--- Source: torch.set_grad_enabled.

--- is_grad_enabled: whether ops are recorded.
---@function core.is_grad_enabled
---@return boolean
--- Source: torch.is_grad_enabled.

-- Gradients on their way: node -> list by output slot, or the tensor itself for a leaf. `owned` marks sums that the
-- engine made itself and may add to in place; `watch` is there where hooks are.
local function list_of(sums, key, watch)
  local list = sums[key]
  if not list then
    list = {}
    sums[key] = list
    if watch and is_tensor(key) then watch:arrive(key) end
  end
  return list
end

local function add_to(sums, owned, key, slot, g, create_graph, watch)
  local list = list_of(sums, key, watch)
  local sum = list[slot]
  if not sum then
    list[slot] = g
  elseif owned[sum] and not create_graph then
    sum:add_(g)
  else
    sum = sum + g
    owned[sum] = true
    list[slot] = sum
  end
end

local function add_part(sums, owned, key, slot, p, watch)
  local list = list_of(sums, key, watch)
  local sum = list[slot]
  sum = part.add(p, sum, sum ~= nil and owned[sum] == true)
  owned[sum] = true
  list[slot] = sum
end

-- The gradients of one node's inputs; with `reach`, of those in it.
local function propagate(node, g, sums, owned, create_graph, watch, reach)
  local edges, joint, outputs = node_info(node)
  if outputs == 1 then g = g[1] end
  local given = joint and node_rule(node, 0, g)
  local last_list, last_argument
  for k = 1, edges do
    local target, slot, argument, item = node_edge(node, k)
    local d
    if reach and not reach[target] then
      d = nil
    elseif joint then
      d = given[argument]
    elseif item > 0 then
      if last_argument ~= argument then
        last_list, last_argument = node_rule(node, argument, g), argument
      end
      d = last_list and last_list[item]
    else
      d = node_rule(node, argument, g)
    end
    if getmetatable(d) == Part then
      add_part(sums, owned, target, slot, d, watch)
    elseif d ~= nil then
      add_to(sums, owned, target, slot, node_fit(node, k, d), create_graph, watch)
    end
  end
end

-- The wanted nodes and leaves and all nodes that lead to one; and of these the nodes that lead on from themselves.
local function leading_to(wanted, order)
  local reach, leads = {}, {}
  for target in next, wanted do reach[target] = true end
  for i = #order, 1, -1 do
    local node = order[i]
    for k = 1, (node_info(node)) do
      if reach[(node_edge(node, k))] then
        reach[node], leads[node] = true, true
        break
      end
    end
  end
  return reach, leads
end

-- Walks the graph below the roots, newest node first. Returns the gradients that reached leaves (tensor -> list) and,
-- for `wanted` nodes, theirs (node -> list); what of them the engine owns; and what hooks need further. With `wanted`
-- nothing is computed, or freed, that does not lead there.
local function run(roots, grads, options)
  local create_graph = options.create_graph or false
  local retain = options.retain_graph
  if retain == nil then retain = create_graph end
  local sums, owned, nodes, watch = {}, {}, {}, hooks.watch()
  for i, root in ipairs(roots) do
    local node, slot = node_of(root)
    add_to(sums, owned, node or root, slot or 1, grads[i], create_graph, watch)
    nodes[#nodes + 1] = node
  end
  local _ <close> = setmetatable({set_grad_enabled(create_graph)}, restoring)
  local order = node_graph(nodes)
  local wanted, reach, leads = options.wanted, nil, nil
  if wanted then reach, leads = leading_to(wanted, order) end
  for i = 1, #order do
    local node = order[i]
    local g = sums[node]
    if g and (not wanted or reach[node]) then
      if watch then watch:node(node, g, owned) end
      -- The rules may hand on the sums themselves, to several inputs: nobody may write to them any more.
      for _, sum in next, g do owned[sum] = nil end
      if not wanted or leads[node] then
        propagate(node, g, sums, owned, create_graph, watch, reach)
        if not retain then node_release(node) end
      end
      if not (wanted and wanted[node]) then sums[node] = nil end
    end
    order[i] = nil
  end
  if watch then watch:finish(sums, owned, wanted) end
  return sums, owned, watch
end

local function check_root(name, t, g)
  if not is_tensor(t) then arguments.fail("%s: expected a tensor, got %s", name, arguments.got(t)) end
  if not t.requires_grad then
    arguments.fail("%s: the tensor does not require a gradient: nothing that it was computed from does, or " ..
      "recording was off", name)
  end
  if g == nil then
    if t:numel() ~= 1 then
      arguments.fail("%s: a tensor of shape %s needs a gradient argument of its own shape; only a scalar starts with 1",
        name, arguments.shape(t))
    end
    return core.ones_like(t)
  end
  if not is_tensor(g) then arguments.fail("%s: the gradient is not a tensor but %s", name, arguments.got(g)) end
  if table.concat(g:size(), "x") ~= table.concat(t:size(), "x") then
    arguments.fail("%s: the gradient %s does not have the shape of the tensor %s", name, arguments.shape(g),
      arguments.shape(t))
  end
  return g
end

-- A gradient that nobody else holds: what becomes a leaf's .grad may be written in place later.
local function own(g, taken)
  if taken[g] or core.storage_refs(g) > 1 or not g:is_contiguous() then g = g:clone() end
  taken[g] = true
  return g
end

--- backward: adds the gradient of x to the .grad of every leaf that x was computed from.
---@param x Tensor a scalar, or any shape with a gradient given
---@param gradient Tensor|nil d(loss)/dx, shape of x; 1 for a scalar
---@param retain_graph boolean|nil keep what the tape holds, for another backward
---@param create_graph boolean|nil record the gradients too, for second derivatives
--- Errors: x does not require a gradient; the graph was freed by an earlier backward; a tensor that a rule needs was
--- changed in place.
function autograd.backward(x, gradient, retain_graph, create_graph)
  local options = {retain_graph = retain_graph, create_graph = create_graph}
  if type(gradient) == "table" then
    options = arguments.options("backward", 2, gradient, {"gradient", "retain_graph", "create_graph"})
    gradient = options.gradient
  end
  local g = check_root("backward", x, gradient)
  local sums, owned, watch = run({x}, {g}, options)
  local taken = watch and watch.seen or {}
  if gradient then taken[gradient] = true end
  for leaf, list in pairs(sums) do
    if is_tensor(leaf) then
      local d = list[1]
      local old = leaf.grad
      if options.create_graph then
        leaf.grad = old and old + d or d
      elseif old == nil then
        if owned[d] and not taken[d] then
          taken[d] = true
          leaf.grad = d
        else
          leaf.grad = own(d, taken)
        end
      else
        old:add_(d)
      end
    end
  end
  if watch then
    local _ <close> = setmetatable({set_grad_enabled(options.create_graph or false)}, restoring)
    watch:retain()
    watch:accumulated()
  end
end

--- grad: the gradients of outputs with respect to inputs, without touching any .grad.
---@param outputs Tensor|table one scalar, or a list (then with grad_outputs where they are no scalars)
---@param inputs Tensor|table a tensor or a list, leaves or not
---@param options table|nil {grad_outputs =, retain_graph =, create_graph =, allow_unused =}
---@return table the gradients, in the order of inputs; false for an unused one if allow_unused
--- Example: local g = ap.autograd.grad(loss, {w})[1]
function autograd.grad(outputs, inputs, options)
  options = arguments.options("grad", 3, options, {"grad_outputs", "retain_graph", "create_graph", "allow_unused"})
  if is_tensor(outputs) then outputs = {outputs} end
  if is_tensor(inputs) then inputs = {inputs} end
  local given = options.grad_outputs
  if is_tensor(given) then given = {given} end
  local grads, wanted = {}, {}
  for i, y in ipairs(outputs) do grads[i] = check_root("grad", y, given and given[i]) end
  for _, x in ipairs(inputs) do
    if not is_tensor(x) then arguments.fail("grad: an input is not a tensor but %s", arguments.got(x)) end
    if not x.requires_grad then arguments.fail("grad: an input does not require a gradient") end
    local node = node_of(x)
    wanted[node or x] = true
  end
  local sums, _, watch = run(outputs, grads,
    {retain_graph = options.retain_graph, create_graph = options.create_graph, wanted = wanted})
  local results = {}
  for i, x in ipairs(inputs) do
    local node, slot = node_of(x)
    local list = sums[node or x]
    local g = list and list[slot or 1]
    if not g and not options.allow_unused then
      arguments.fail("grad: input %d was not used to compute the outputs; pass allow_unused = true to get false for it",
        i)
    end
    results[i] = g or false
  end
  if watch then
    local _ <close> = setmetatable({set_grad_enabled(options.create_graph or false)}, restoring)
    watch:retain()
  end
  return results
end

--- Function: an op written in Lua with a gradient of its own.
---
---   local Cube = ap.autograd.Function {
---     forward = function(ctx, x) ctx:save(x) return x * x * x end,
---     backward = function(ctx, g) local x = ctx:saved() return g * 3 * x * x end,
---   }
---   local y = Cube(x)
---@param definition table {forward = f(ctx, ...), backward = f(ctx, g...)}: backward returns a gradient (or nil) for
---       each argument of forward, in order. ctx:save(...) keeps tensors, ctx:saved() gives them back; ctx is a table
---       that may hold anything else. Forward runs unrecorded.
---@return function
function autograd.Function(definition)
  local forward, backward = definition.forward, definition.backward
  if type(forward) ~= "function" or type(backward) ~= "function" then
    arguments.fail("Function: expected {forward = function, backward = function}")
  end
  local Ctx = {}
  Ctx.__index = Ctx
  function Ctx:save(...) self.kept = table.pack(...) end
  function Ctx:saved() return table.unpack(self.kept, 1, self.kept.n) end
  return function(...)
    local ctx = setmetatable({}, Ctx)
    local inputs = table.pack(...)
    local outputs = table.pack(autograd.no_grad(forward, ctx, ...))
    for i = 1, outputs.n do
      if not is_tensor(outputs[i]) then arguments.fail("Function: forward must return tensors") end
      for k = 1, inputs.n do
        if rawequal(outputs[i], inputs[k]) then outputs[i] = core.no_grad(core.detach, inputs[k]) end
      end
    end
    for i = 1, inputs.n do if inputs[i] == nil then inputs[i] = false end end
    core.node_custom(inputs, outputs, function(_, g)
      if outputs.n > 1 then return backward(ctx, table.unpack(g, 1, outputs.n)) end
      return backward(ctx, g)
    end)
    return table.unpack(outputs, 1, outputs.n)
  end
end

-- --- gradient checking -------------------------------------------------------------------------------------------

-- d(sum of f(inputs)[output] * weights) / d(inputs[i]) by central differences.
local function numerical(scalar, x, eps)
  local flat = x:detach():view(-1)
  local g = core.zeros_like(x:detach())
  local gflat = g:view(-1)
  for k = 1, flat:numel() do
    local value = flat[k]:item()
    flat[k] = value + eps
    local up = scalar()
    flat[k] = value - eps
    local down = scalar()
    flat[k] = value
    gflat[k] = (up - down) / (2 * eps)
  end
  return g
end

--- gradcheck: compares the gradients of f with central finite differences, in f64.
---@param f function f(inputs...) -> one or more tensors
---@param inputs table of tensors; those that require a gradient must be f64 and contiguous
---@param options table|nil {eps = 1e-6, atol = 1e-5, rtol = 1e-3, raise = true}: PyTorch's defaults
---@return boolean true; with raise = false: false and a message on a mismatch
--- Source: torch.autograd.gradcheck.  Example: ap.autograd.gradcheck(ap.exp, {x})
function autograd.gradcheck(f, inputs, options)
  options = options or {}
  local eps, atol, rtol = options.eps or 1e-6, options.atol or 1e-5, options.rtol or 1e-3
  local function fail(message, ...)
    message = "gradcheck: " .. message:format(...)
    if options.raise == false then return false, message end
    arguments.fail("%s", message)
  end
  local checked = {}
  for i, x in ipairs(inputs) do
    if is_tensor(x) and x.requires_grad then
      if x.dtype ~= "f64" then return fail("input %d is %s; finite differences need f64", i, x.dtype) end
      if not x:is_contiguous() then return fail("input %d is not contiguous", i) end
      checked[#checked + 1] = i
    end
  end
  if #checked == 0 then return fail("no input requires a gradient") end
  local outputs = table.pack(f(table.unpack(inputs)))
  -- Weights that differ element by element, so that a transposed or permuted gradient shows.
  local weights = {}
  for o = 1, outputs.n do
    local y = outputs[o]
    if is_tensor(y) and y.requires_grad then
      local n = y:numel()
      local numbers = core.arange(1, n, 1, {dtype = "f64", device = y.device})
      weights[o] = (numbers * 0.37 + 0.1):sin():add(1.5):reshape(y:size())
    end
  end
  if next(weights) == nil then return fail("no output depends on an input that requires a gradient") end
  local function weighted(results)
    local total = 0
    for o, w in pairs(weights) do total = (results[o] * w):sum() + total end
    return total
  end
  local needed = {}
  for k, i in ipairs(checked) do needed[k] = inputs[i] end
  local analytic = autograd.grad(weighted(outputs), needed, {allow_unused = true})
  for k, i in ipairs(checked) do
    local expected = core.no_grad(numerical, function()
      return weighted(table.pack(f(table.unpack(inputs)))):item()
    end, inputs[i], eps)
    local got = analytic[k] or core.zeros_like(inputs[i]:detach())
    got = got:detach()
    local difference = (got - expected):abs()
    local allowed = expected:abs() * rtol + atol
    local bad = core.logical_not(difference:le(allowed)):reshape(-1)
    for e = 1, bad:numel() do
      if bad[e]:item() then
        return fail("input %d, element %d: the gradient is %.9g, finite differences give %.9g", i, e,
          got:reshape(-1)[e]:item(), expected:reshape(-1)[e]:item())
      end
    end
  end
  return true
end

--- gradgradcheck: the same for second derivatives: checks the gradients of the gradients of f.
---@param f function f(inputs...) -> one or more tensors
---@param inputs table as for gradcheck
---@param options table|nil as for gradcheck
---@return boolean
--- Source: torch.autograd.gradgradcheck.
function autograd.gradgradcheck(f, inputs, options)
  local outputs = table.pack(f(table.unpack(inputs)))
  local all, seeds = {}, {}
  for i, x in ipairs(inputs) do all[i] = x end
  for o = 1, outputs.n do
    local y = outputs[o]
    if is_tensor(y) and y.requires_grad then
      local numbers = core.arange(1, y:numel(), 1, {dtype = "f64", device = y.device})
      local seed = (numbers * 0.71 + 0.3):cos():add(1.2):reshape(y:size())
      seeds[#seeds + 1] = o
      all[#all + 1] = seed:requires_grad_()
    end
  end
  local n = #inputs
  return autograd.gradcheck(function(...)
    local given = {...}
    local ys = table.pack(autograd.enable_grad(f, table.unpack(given, 1, n)))
    local roots, grads, needed = {}, {}, {}
    for k, o in ipairs(seeds) do
      if ys[o].requires_grad then
        roots[#roots + 1], grads[#grads + 1] = ys[o], given[n + k]
      end
    end
    for i = 1, n do
      if is_tensor(given[i]) and given[i].requires_grad then needed[#needed + 1] = given[i] end
    end
    local results = autograd.enable_grad(autograd.grad, roots, needed,
      {grad_outputs = grads, create_graph = true, allow_unused = true})
    for i = #results, 1, -1 do
      if not results[i] then results[i] = core.zeros_like(needed[i]) end
    end
    return table.unpack(results)
  end, all, options)
end

--- backward: autograd.backward as a method: loss:backward().
---@function core.backward
---@param x Tensor a scalar, or any shape with a gradient given
---@param gradient Tensor|nil d(loss)/dx, shape of x; 1 for a scalar
---@param retain_graph boolean|nil keep what the tape holds, for another backward
---@param create_graph boolean|nil record the gradients too, for second derivatives
core.define("backward", autograd.backward)

return autograd
