-- Learning-rate schedules. Each sets group.lr of every parameter group from the number of steps taken (a closed
-- form, so a schedule that is restored goes on exactly). Call scheduler:step() after optimizer:step(), once an epoch
-- or once a batch as the schedule is meant.

local arguments = require "apsis.ops.arguments"
local class = require "apsis.class"
local core = require "apsis.core"

local LRScheduler = class "LRScheduler"

function LRScheduler:start(optimizer)
  if type(optimizer) ~= "table" or not optimizer.param_groups then
    arguments.fail("%s: argument 1: expected an optimizer, got %s", self:class_name(), type(optimizer))
  end
  self.optimizer = optimizer
  self.last_epoch = 0
  self.base_lrs = {}
  for i, group in ipairs(optimizer.param_groups) do
    group.initial_lr = group.initial_lr or group.lr
    self.base_lrs[i] = group.initial_lr
  end
  self:apply()
end

function LRScheduler:apply()
  for i, group in ipairs(self.optimizer.param_groups) do
    group.lr = self:lr_at(self.last_epoch, self.base_lrs[i], group, i)
  end
end

--- Takes one step: sets the learning rates.
function LRScheduler:step()
  self.last_epoch = self.last_epoch + 1
  self:apply()
end

--- The learning rates now, one a parameter group.
---@return number[]
function LRScheduler:get_last_lr()
  local rates = {}
  for i, group in ipairs(self.optimizer.param_groups) do rates[i] = group.lr end
  return rates
end

--- What load_state_dict needs to go on: plain numbers.
---@return table
function LRScheduler:state_dict()
  return {last_epoch = self.last_epoch, base_lrs = table.move(self.base_lrs, 1, #self.base_lrs, 1, {})}
end

--- Goes on where state_dict() was taken.
---@param state table from state_dict()
function LRScheduler:load_state_dict(state)
  self.last_epoch = math.tointeger(state.last_epoch)
  self.base_lrs = table.move(state.base_lrs, 1, #state.base_lrs, 1, {})
  self:apply()
end

local lr_scheduler = {LRScheduler = LRScheduler}

-- A schedule class: prepare(self, ...) takes the constructor's arguments after the optimizer, lr_at(self, t, base)
-- the rate.
local function schedule(name, prepare, lr_at)
  local Schedule = LRScheduler:extend(name)
  prepare = core.entry(name, prepare) -- it counts the arguments
  Schedule.lr_at = lr_at
  function Schedule:init(optimizer, ...)
    prepare(self, ...)
    self:start(optimizer)
  end
  lr_scheduler[name] = Schedule
  return Schedule
end

-- Fails unless each of the named fields is a number.
local function numbers(self, ...)
  for _, name in ipairs {...} do arguments.number(self:class_name(), name, self[name]) end
end

-- The fields of a table of options, or the first of them as the value itself.
local function first_or_named(self, value, ...)
  local first = ...
  return arguments.options(self:class_name(), 2, type(value) == "table" and value or {[first] = value}, {...})
end

--- base * gamma^(t // step_size): optim.lr_scheduler.StepLR(opt, {step_size = 30, gamma = 0.1}).
---@param optimizer Optimizer
---@param options {step_size: integer, gamma: number} gamma: default 0.1; or step_size, and gamma behind it
schedule("StepLR", function(self, options, gamma)
  options = first_or_named(self, options, "step_size", "gamma")
  self.step_size = options.step_size or arguments.fail("StepLR: step_size: expected an integer, got nil")
  self.gamma = options.gamma or gamma or 0.1
  numbers(self, "step_size", "gamma")
  if self.step_size == 0 then arguments.fail("StepLR: step_size: expected a number other than 0") end
end, function(self, t, base)
  return base * self.gamma ^ (t // self.step_size)
end)

--- base * gamma^(number of milestones reached): MultiStepLR(opt, {milestones = {30, 80}, gamma = 0.1}).
---@param optimizer Optimizer
---@param options {milestones: integer[], gamma: number} gamma: default 0.1
schedule("MultiStepLR", function(self, options)
  options = arguments.options("MultiStepLR", 2, options, {"milestones", "gamma"})
  self.milestones = options.milestones or arguments.fail("MultiStepLR: milestones: expected a table, got nil")
  self.gamma = options.gamma or 0.1
  numbers(self, "gamma")
  for i, milestone in ipairs(arguments.options("MultiStepLR", 2, self.milestones)) do
    arguments.number("MultiStepLR", "milestone " .. i, milestone)
  end
end, function(self, t, base)
  local reached = 0
  for _, milestone in ipairs(self.milestones) do
    if t >= milestone then reached = reached + 1 end
  end
  return base * self.gamma ^ reached
end)

--- base * gamma^t: ExponentialLR(opt, {gamma = 0.9}).
---@param optimizer Optimizer
---@param options {gamma: number}|number
schedule("ExponentialLR", function(self, options)
  self.gamma = first_or_named(self, options, "gamma").gamma or
    arguments.fail("ExponentialLR: gamma: expected a number, got nil")
  numbers(self, "gamma")
end, function(self, t, base)
  return base * self.gamma ^ t
end)

--- Half a cosine from base down to eta_min (0) over T_max steps: CosineAnnealingLR(opt, {T_max = 100}).
---@param optimizer Optimizer
---@param options {T_max: integer, eta_min: number}|integer
--- Source: Loshchilov, Hutter 2017.
schedule("CosineAnnealingLR", function(self, options)
  options = first_or_named(self, options, "T_max", "eta_min")
  self.T_max = options.T_max or arguments.fail("CosineAnnealingLR: T_max: expected an integer, got nil")
  self.eta_min = options.eta_min or 0
  numbers(self, "T_max", "eta_min")
end, function(self, t, base)
  return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2
end)

--- base * f(t): LambdaLR(opt, function(t) return 0.95 ^ t end), or a table of functions, one a group.
---@param optimizer Optimizer
---@param f (fun(t: integer): number)|function[]
schedule("LambdaLR", function(self, f)
  if type(f) == "table" then f = f.lr_lambda or f end
  if type(f) ~= "function" and type(f) ~= "table" then
    arguments.fail("LambdaLR: argument 2: expected a function or a table of them, got %s", arguments.got(f))
  end
  self.lr_lambda = f
end, function(self, t, base, _, i)
  local f = self.lr_lambda
  if type(f) == "table" then f = f[i] end
  return base * f(t)
end)

--- base times a factor that goes straight from start_factor (1/3) to end_factor (1) over total_iters (5) steps:
--- warm-up.
---@param optimizer Optimizer
---@param options {start_factor: number, end_factor: number, total_iters: integer}
schedule("LinearLR", function(self, options)
  options = arguments.options("LinearLR", 2, options, {"start_factor", "end_factor", "total_iters"})
  self.start_factor, self.end_factor = options.start_factor or 1 / 3, options.end_factor or 1
  self.total_iters = options.total_iters or 5
  numbers(self, "start_factor", "end_factor", "total_iters")
end, function(self, t, base)
  local share = math.min(t, self.total_iters) / self.total_iters
  return base * (self.start_factor + (self.end_factor - self.start_factor) * share)
end)

--- Straight up from 0 over warmup steps, then half a cosine down to eta_min (0) at total steps:
--- WarmupCosineLR(opt, {warmup = 100, total = 1000}). The usual schedule of transformers; PyTorch composes it of two.
---@param optimizer Optimizer
---@param options {warmup: integer, total: integer, eta_min: number}
schedule("WarmupCosineLR", function(self, options)
  options = arguments.options("WarmupCosineLR", 2, options, {"warmup", "total", "eta_min"})
  self.warmup, self.total = options.warmup or 0, options.total
  self.eta_min = options.eta_min or 0
  numbers(self, "warmup", "total", "eta_min")
end, function(self, t, base)
  if t < self.warmup then return base * (t + 1) / self.warmup end
  local share = math.min((t - self.warmup) / math.max(self.total - self.warmup, 1), 1)
  return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * share)) / 2
end)

local function cosine_between(from, to, share)
  return to + (from - to) * (1 + math.cos(math.pi * share)) / 2
end

--- Up from max_lr / div_factor (25) to max_lr over pct_start (0.3) of total_steps, then down to 1 / final_div_factor
--- (1e4) of the start, both by cosine: OneCycleLR(opt, {max_lr = 0.1, total_steps = 500}). Momentum is left as it is.
---@param optimizer Optimizer
---@param options {max_lr: number, total_steps: integer, pct_start: number, div_factor: number, final_div_factor:
--- number}
--- Source: Smith, Topin 2018; torch.optim.lr_scheduler.OneCycleLR with cycle_momentum = False.
schedule("OneCycleLR", function(self, options)
  options = arguments.options("OneCycleLR", 2, options,
    {"max_lr", "total_steps", "pct_start", "div_factor", "final_div_factor"})
  self.max_lr = options.max_lr or arguments.fail("OneCycleLR: max_lr: expected a number, got nil")
  self.total_steps = options.total_steps or arguments.fail("OneCycleLR: total_steps: expected an integer, got nil")
  self.pct_start = options.pct_start or 0.3
  self.div_factor, self.final_div_factor = options.div_factor or 25, options.final_div_factor or 1e4
  numbers(self, "max_lr", "total_steps", "pct_start", "div_factor", "final_div_factor")
  self.start_lr = self.max_lr / self.div_factor
  self.end_lr = self.start_lr / self.final_div_factor
end, function(self, t)
  local peak = self.pct_start * self.total_steps - 1
  if t <= peak then return cosine_between(self.start_lr, self.max_lr, t / peak) end
  local share = math.min((t - peak) / (self.total_steps - 1 - peak), 1)
  return cosine_between(self.max_lr, self.end_lr, share)
end)

--- base * factor for total_iters steps, then base: ConstantLR(opt, {factor = 1/3, total_iters = 5}).
---@param optimizer Optimizer
---@param options? {factor: number, total_iters: integer} 1/3, 5
--- Source: torch.optim.lr_scheduler.ConstantLR.
schedule("ConstantLR", function(self, options)
  options = arguments.options("ConstantLR", 2, options, {"factor", "total_iters"})
  self.factor, self.total_iters = options.factor or 1 / 3, options.total_iters or 5
  numbers(self, "factor", "total_iters")
end, function(self, t, base)
  return t < self.total_iters and base * self.factor or base
end)

--- base * (1 - t / total_iters)^power, 0 from total_iters on: PolynomialLR(opt, {total_iters = 100, power = 2}).
---@param optimizer Optimizer
---@param options? {total_iters: integer, power: number} 5, 1
--- Source: torch.optim.lr_scheduler.PolynomialLR.
schedule("PolynomialLR", function(self, options)
  options = arguments.options("PolynomialLR", 2, options, {"total_iters", "power"})
  self.total_iters, self.power = options.total_iters or 5, options.power or 1
  numbers(self, "total_iters", "power")
end, function(self, t, base)
  return base * (1 - math.min(t, self.total_iters) / self.total_iters) ^ self.power
end)

--- Half a cosine from base down to eta_min (0) over T_0 steps, then again from base, each T_mult (1) times as long as
--- the one before: CosineAnnealingWarmRestarts(opt, {T_0 = 10, T_mult = 2}).
---@param optimizer Optimizer
---@param options {T_0: integer, T_mult: integer, eta_min: number}|integer
--- Source: Loshchilov, Hutter 2017; torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.
schedule("CosineAnnealingWarmRestarts", function(self, options)
  options = first_or_named(self, options, "T_0", "T_mult", "eta_min")
  self.T_0, self.T_mult, self.eta_min = options.T_0, options.T_mult or 1, options.eta_min or 0
  numbers(self, "T_0", "T_mult", "eta_min")
  if self.T_0 < 1 or self.T_mult < 1 then
    arguments.fail("CosineAnnealingWarmRestarts: T_0, T_mult: expected 1 or more, got %s, %s", self.T_0, self.T_mult)
  end
end, function(self, t, base)
  local period = self.T_0
  if self.T_mult == 1 then t = t % period end
  while t >= period do t, period = t - period, period * self.T_mult end
  return cosine_between(base, self.eta_min, t / period)
end)

--- One schedule after the other: the first up to the first milestone, the second from there on, as from its own start.
---@param optimizer Optimizer
---@param schedules table[] schedules of the same optimizer
---@param milestones integer[] one less: the steps at which the next one takes over
--- Source: torch.optim.lr_scheduler.SequentialLR.  Example: lr.SequentialLR(opt, {warm_up, decay}, {100})
schedule("SequentialLR", function(self, schedules, milestones)
  if type(schedules) == "table" and schedules.schedulers then -- by name
    local options = arguments.options("SequentialLR", 2, schedules, {"schedulers", "milestones"})
    schedules, milestones = options.schedulers, options.milestones
  end
  self.schedulers = arguments.options("SequentialLR", 2, schedules)
  self.milestones = arguments.options("SequentialLR", 3, milestones)
  for i, s in ipairs(self.schedulers) do
    if type(s) ~= "table" or not s.lr_at then
      arguments.fail("SequentialLR: schedule %d: expected one of lr_scheduler, got %s", i, arguments.got(s))
    end
  end
  for i, m in ipairs(self.milestones) do arguments.number("SequentialLR", "milestone " .. i, m) end
  if #self.schedulers == 0 or #self.milestones ~= #self.schedulers - 1 then
    arguments.fail("SequentialLR: expected one milestone less than schedules, got %d and %d", #self.milestones,
      #self.schedulers)
  end
end, function(self, t, base, group, i)
  local k = #self.milestones
  while k > 0 and t < self.milestones[k] do k = k - 1 end
  return self.schedulers[k + 1]:lr_at(t - (self.milestones[k] or 0), base, group, i)
end)

-- --- by how it goes ------------------------------------------------------------------------------------------------

local ReduceLROnPlateau = LRScheduler:extend "ReduceLROnPlateau"
lr_scheduler.ReduceLROnPlateau = ReduceLROnPlateau

local PLATEAU = {mode = "min", factor = 0.1, patience = 10, threshold = 1e-4, threshold_mode = "rel", cooldown = 0,
  min_lr = 0, eps = 1e-8}

--- Multiplies the rates by factor when a number, given to every step, has not become better for more than `patience`
--- steps: schedule:step(valid_loss).
---@param optimizer Optimizer
---@param options? {mode: string, factor: number, patience: integer, threshold: number, threshold_mode: string,
--- cooldown: integer, min_lr: number, eps: number} "min" (smaller is better) or "max", 0.1, 10, 1e-4, "rel" (better by
--- this share) or "abs", 0 (steps after a change that do not count), 0, 1e-8 (smaller changes are not made)
--- Source: torch.optim.lr_scheduler.ReduceLROnPlateau.
--- Example: optim.lr_scheduler.ReduceLROnPlateau(opt, {factor = 0.5, patience = 3})
function ReduceLROnPlateau:init(optimizer, options)
  arguments.known("ReduceLROnPlateau", options or {}, PLATEAU)
  for name, default in pairs(PLATEAU) do
    local value = options and options[name]
    self[name] = value == nil and default or value
    if type(default) == "number" then arguments.number("ReduceLROnPlateau", name, self[name]) end
  end
  if self.mode ~= "min" and self.mode ~= "max" then
    arguments.fail("ReduceLROnPlateau: mode: expected 'min' or 'max', got '%s'", tostring(self.mode))
  end
  if self.threshold_mode ~= "rel" and self.threshold_mode ~= "abs" then
    arguments.fail("ReduceLROnPlateau: threshold_mode: expected 'rel' or 'abs', got '%s'",
      tostring(self.threshold_mode))
  end
  self.bad_steps, self.waiting = 0, 0
  self:start(optimizer)
end

function ReduceLROnPlateau.apply() end

function ReduceLROnPlateau:is_better(value)
  if not self.best then return true end
  local margin = self.threshold_mode == "rel" and math.abs(self.best) * self.threshold or self.threshold
  if self.mode == "min" then return value < self.best - margin end
  return value > self.best + margin
end

--- Takes one step.
---@param value number|Tensor how it goes: a loss, an accuracy
function ReduceLROnPlateau:step(value)
  if require("apsis.core").is_tensor(value) then value = value:item() end
  arguments.number("ReduceLROnPlateau", "step: argument 1", value)
  self.last_epoch = self.last_epoch + 1
  if self:is_better(value) then
    self.best, self.bad_steps = value, 0
  else
    self.bad_steps = self.bad_steps + 1
  end
  if self.waiting > 0 then self.waiting, self.bad_steps = self.waiting - 1, 0 end
  if self.bad_steps <= self.patience then return end
  self.waiting, self.bad_steps = self.cooldown, 0
  for _, group in ipairs(self.optimizer.param_groups) do
    local lr = math.max(group.lr * self.factor, self.min_lr)
    if group.lr - lr > self.eps then group.lr = lr end
  end
end

--- What load_state_dict needs to go on; the rates themselves are the optimizer's.
---@return table
function ReduceLROnPlateau:state_dict()
  return {last_epoch = self.last_epoch, best = self.best, bad_steps = self.bad_steps, waiting = self.waiting}
end

--- Goes on where state_dict() was taken.
---@param state table from state_dict()
function ReduceLROnPlateau:load_state_dict(state)
  self.last_epoch, self.best = math.tointeger(state.last_epoch), state.best
  self.bad_steps, self.waiting = state.bad_steps, state.waiting
end

return lr_scheduler
