--- Hooks of tensors: functions that backward and autograd.grad call with a tensor's gradient. stdlib/autograd.lua walks
--- the graph and calls them; where no hook is registered it never asks.

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local node_of, is_tensor = core.node_of, core.is_tensor

local hooks = {}

-- Registered hooks, alive as long as what they hang on. A hook is {call = f}, without `call` when it was removed.
local weak = {__mode = "k"}
local lists = setmetatable({}, weak)     -- node, or leaf -> output slot -> list of hooks
local retaining = setmetatable({}, weak) -- tensor -> true: retain_grad
local after = setmetatable({}, weak)     -- leaf -> list of hooks

-- A new list: backward may be walking the old one.
local function with(list, hook)
  local longer = {}
  for _, other in ipairs(list or {}) do
    if other.call then longer[#longer + 1] = other end
  end
  longer[#longer + 1] = hook
  return longer
end

local Handle = {__name = "hook"}
Handle.__index = Handle

--- Takes the hook off; a second time it does nothing. `local h <close> = x:register_hook(f)` does it at the end of
--- the block.
function Handle:remove() self.hook.call = nil end

Handle.__close = Handle.remove

local function handle_of(hook) return setmetatable({hook = hook}, Handle) end

local function check(op, x, f)
  arguments.tensor(op, 1, x)
  if f == nil then arguments.fail("%s: argument 2: expected a function, got nil", op) end
  local meta = getmetatable(f)
  if type(f) ~= "function" and not (type(meta) == "table" and meta.__call) then
    arguments.fail("%s: argument 2: expected a function, got %s", op, arguments.got(f))
  end
  if not x.requires_grad then
    arguments.fail("%s: the tensor does not require a gradient: no hook would be called", op)
  end
end

--- register_hook: a function that is called with the gradient of x whenever one is computed, and may give another in
--- its place. Hooks of one tensor are called in the order of their registration, each with what the one before gave;
--- those of leaves after all others, before the gradient is added to .grad. Where one raises, no .grad changes. A hook
--- stays with the values that x had at its registration: after x:mul_(2) it still gets the gradient of what was
--- multiplied.
---@param x Tensor that requires a gradient
---@param f fun(gradient: Tensor): Tensor|nil must not change the gradient in place
---@return table handle handle:remove() takes the hook off
--- Errors: in backward: f gives something of another shape, dtype or device.
--- Source: torch.Tensor.register_hook.  Example: x:register_hook(function(g) return g:clamp(-1, 1) end)
core.define("register_hook", function(x, f)
  check("register_hook", x, f)
  local node, slot = node_of(x)
  local key, hook = node or x, {call = f}
  local by_slot = lists[key] or {}
  by_slot[slot or 1] = with(by_slot[slot or 1], hook)
  lists[key] = by_slot
  return handle_of(hook)
end)

--- register_post_accumulate_grad_hook: a function that backward calls with x after it added to x.grad. What it gives
--- is dropped.
---@param x Tensor a leaf that requires a gradient
---@param f fun(x: Tensor)
---@return table handle handle:remove() takes the hook off
--- Errors: x is no leaf.
--- Source: torch.Tensor.register_post_accumulate_grad_hook.
core.define("register_post_accumulate_grad_hook", function(x, f)
  local op = "register_post_accumulate_grad_hook"
  check(op, x, f)
  if not x.is_leaf then arguments.fail("%s: expected a leaf: nothing is added to the .grad of this tensor", op) end
  local hook = {call = f}
  after[x] = with(after[x], hook)
  return handle_of(hook)
end)

--- retain_grad: backward adds the gradient of x to x.grad, although x is no leaf; after the hooks of x. It follows x
--- through changes in place.
---@param x Tensor that requires a gradient; for a leaf there is nothing to do
--- Source: torch.Tensor.retain_grad.
core.define("retain_grad", function(x)
  arguments.tensor("retain_grad", 1, x)
  if not x.requires_grad then arguments.fail("retain_grad: the tensor does not require a gradient") end
  if not x.is_leaf then retaining[x] = true end
end)

-- --- one walk of the graph -----------------------------------------------------------------------------------------

-- What the list makes of a gradient. `seen` marks what hooks saw and may keep: nobody writes to it.
local function called(list, g, seen)
  for _, hook in ipairs(list) do
    local f = hook.call
    if f then
      seen[g] = true
      local other = f(g)
      if other ~= nil then
        if not is_tensor(other) then
          arguments.fail("register_hook: a hook gave %s in place of a gradient", arguments.got(other))
        end
        if other.dtype ~= g.dtype or other.device ~= g.device or not core.is_same_size(other, g) then
          arguments.fail("register_hook: a hook gave %s on %s in place of %s on %s", arguments.got(other),
            other.device, arguments.got(g), g.device)
        end
        g = other
        seen[g] = true
      end
    end
  end
  return g
end

local Watch = {}
Watch.__index = Watch

--- watch: what one walk needs to call hooks; nil where there are none.
---@return table|nil
---@private
function hooks.watch()
  if not next(lists) and not next(retaining) and not next(after) then return nil end
  local retained = {}
  for x in pairs(retaining) do
    local node, slot = node_of(x)
    if node then
      retained[node] = retained[node] or {}
      table.insert(retained[node], {x, slot})
    end
  end
  return setmetatable({retained = retained, kept = {}, leaves = {}, seen = {}}, Watch)
end

--- arrive: a first gradient of a leaf; they are called in this order.
---@private
function Watch:arrive(leaf) self.leaves[#self.leaves + 1] = leaf end

--- node: calls the hooks of a node's outputs, whose gradients are complete.
---@param node userdata
---@param gradients table<integer, Tensor> by output slot; changed
---@param owned table<Tensor, boolean> what the engine may write to
---@private
function Watch:node(node, gradients, owned)
  for slot, list in pairs(lists[node] or {}) do
    local g = gradients[slot]
    if g then
      owned[g] = nil
      gradients[slot] = called(list, g, self.seen)
    end
  end
  for _, entry in ipairs(self.retained[node] or {}) do
    local x, slot = entry[1], entry[2]
    local g = gradients[slot]
    if g then
      owned[g], self.seen[g] = nil, true
      self.kept[#self.kept + 1] = {x, g}
    end
  end
end

--- finish: calls the hooks of the leaves.
---@param sums table leaf -> {gradient}; changed
---@param owned table<Tensor, boolean>
---@param wanted table|nil the leaves that count; nil: all
---@private
function Watch:finish(sums, owned, wanted)
  for _, leaf in ipairs(self.leaves) do
    local by_slot, gradients = lists[leaf], sums[leaf]
    if by_slot and (not wanted or wanted[leaf]) then
      owned[gradients[1]] = nil
      gradients[1] = called(by_slot[1], gradients[1], self.seen)
    end
  end
end

--- retain: adds the gradients of the tensors of retain_grad to theirs.
---@private
function Watch:retain()
  for _, entry in ipairs(self.kept) do
    local x, g = entry[1], entry[2]
    x.grad = x.grad and x.grad + g or (g.requires_grad and g or g:clone())
  end
end

--- accumulated: calls what waits for the leaves' .grad.
---@private
function Watch:accumulated()
  for _, leaf in ipairs(self.leaves) do
    for _, hook in ipairs(after[leaf] or {}) do
      if hook.call then hook.call(leaf) end
    end
  end
end

return hooks
