-- Optimisers and schedules against PyTorch: 20 steps from its weights on its data give its weights.

local ap = require "apsis"
local nn = require "apsis.nn"
local optim = require "apsis.optim"

local function mlp()
  return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 4))
end

local function cnn()
  return nn.Sequential(nn.Conv2d(1, 4, 3, {padding = 1}), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
    nn.Linear(4 * 4 * 4, 5))
end

local function steps(model, optimizer, loss, g, n, clip)
  local value
  for _ = 1, n do
    optimizer:zero_grad()
    value = loss(model(g.x), g.y)
    value:backward()
    if clip then nn.utils.clip_grad_norm_(model:parameters(), clip) end
    optimizer:step()
  end
  return value:item()
end

-- untrained: names of parameters whose gradient is nothing but rounding, which Adam scales up to full steps, and of
-- what follows them.
local function agrees(name, model, loss, make, clip, untrained)
  test(name .. ": 20 steps give PyTorch's weights", function()
    local g = golden("optim_" .. name)
    model = model()
    model:load_state_dict(under(g, "before/"))
    local last = steps(model, make(model:parameters()), loss(), g, 20, clip)
    close(last, g.losses[20]:item(), {rtol = 1e-4, atol = 1e-6})
    local after = under(g, "after/")
    for key, value in pairs(model:state_dict()) do
      if not (untrained and untrained[key]) then close(value, after[key], {rtol = 1e-5, atol = 2e-6, what = key}) end
    end
  end)
end

agrees("sgd", mlp, nn.MSELoss, function(p) return optim.SGD(p, {lr = 0.1}) end)
agrees("sgd_momentum", mlp, nn.MSELoss, function(p)
  return optim.SGD(p, {lr = 0.05, momentum = 0.9, weight_decay = 0.01})
end)
agrees("sgd_dampening", mlp, nn.MSELoss, function(p)
  return optim.SGD(p, {lr = 0.05, momentum = 0.9, dampening = 0.3})
end)
agrees("sgd_nesterov", mlp, nn.MSELoss, function(p)
  return optim.SGD(p, {lr = 0.05, momentum = 0.9, nesterov = true})
end)
agrees("adam", mlp, nn.MSELoss, function(p) return optim.Adam(p, {lr = 0.01, weight_decay = 0.05}) end)
agrees("adamw", mlp, nn.MSELoss, function(p) return optim.AdamW(p, {lr = 0.01, weight_decay = 0.1}) end)
agrees("adamw_amsgrad", mlp, nn.MSELoss, function(p)
  return optim.AdamW(p, {lr = 0.03, betas = {0.8, 0.95}, amsgrad = true})
end)
agrees("sgd_clip", mlp, nn.MSELoss, function(p) return optim.SGD(p, {lr = 0.5}) end, 0.3)
-- The batch norm takes away whatever the convolution's bias adds; its mean shows it.
agrees("cnn_adam", cnn, nn.CrossEntropyLoss, function(p) return optim.Adam(p, {lr = 3e-3}) end, nil,
  {["0.bias"] = true, ["1.running_mean"] = true})

local MAKERS = {
  SGD = function(p) return optim.SGD(p, {lr = 0.05, momentum = 0.9}) end,
  Adam = function(p) return optim.Adam(p, {lr = 0.01}) end,
  AdamW = function(p) return optim.AdamW(p, {lr = 0.01, amsgrad = true}) end,
}

for name, make in pairs(MAKERS) do
  test(name .. ": restored from its state_dict it goes on as if never stopped", function()
    local g = golden "optim_sgd"
    local a, b = mlp(), mlp()
    a:load_state_dict(under(g, "before/"))
    local opt_a = make(a:parameters())
    steps(a, opt_a, nn.MSELoss(), g, 5)
    b:load_state_dict(a:state_dict())
    local opt_b = make(b:parameters())
    opt_b:load_state_dict(opt_a:state_dict())
    steps(a, opt_a, nn.MSELoss(), g, 5)
    steps(b, opt_b, nn.MSELoss(), g, 5)
    for key, value in pairs(a:state_dict()) do equal(b:state_dict()[key], value) end
  end)

  test(name .. ": a parameter without gradient stays, and catches up by its own count of steps", function()
    local p, q = nn.Parameter(ap.ones(3)), nn.Parameter(ap.ones(3))
    local opt = make {p, q}
    p.grad = ap.ones(3)
    opt:step()
    equal(q:detach(), ap.ones(3))
    local once = p:detach():clone()
    p.grad, q.grad = nil, ap.ones(3)
    opt:step()
    equal(q:detach(), once)
  end)

  test(name .. ": maximize climbs", function()
    local p = nn.Parameter(ap.zeros(2))
    local opt = optim[name]({p}, {lr = 0.1, maximize = true, weight_decay = 0})
    p.grad = ap.ones(2)
    opt:step()
    truth(p:detach():min():item() > 0)
  end)
end

test("parameter groups: each has its own options", function()
  local p, q = nn.Parameter(ap.zeros(2)), nn.Parameter(ap.zeros(2))
  local opt = optim.SGD({{params = {p}}, {params = {q}, lr = 1}}, {lr = 0.5})
  p.grad, q.grad = ap.ones(2), ap.ones(2)
  opt:step()
  equal(p:detach(), ap.full({2}, -0.5))
  equal(q:detach(), ap.full({2}, -1.0))
end)

test("zero_grad: drops the gradients", function()
  local p = nn.Parameter(ap.zeros(2))
  local opt = optim.SGD {p}
  p.grad = ap.ones(2)
  opt:zero_grad()
  truth(p.grad == nil)
end)

test("optimisers: bad arguments are named", function()
  local p = nn.Parameter(ap.zeros(2))
  raises("SGD: unknown option 'speed'; options: ", function() optim.SGD({p}, {speed = 1}) end)
  raises("SGD: no parameters", function() optim.SGD({}) end)
  raises("SGD: lr", function() optim.SGD({p}, {lr = -1}) end)
  raises("SGD: parameter 2", function() optim.SGD({p, 5}) end)
  raises("appears twice", function() optim.SGD({p, p}) end)
  raises("nesterov needs", function() optim.SGD({p}, {nesterov = true}) end)
  raises("Adam: betas", function() optim.Adam({p}, {betas = {2, 0}}) end)
  raises("expected a table of tensors", function() optim.SGD(5) end)
end)

test("clip_grad_norm_ and clip_grad_value_: bound the gradients and return the norm before", function()
  local p, q = nn.Parameter(ap.zeros(2)), nn.Parameter(ap.zeros(1))
  p.grad, q.grad = ap.tensor {3.0, 0.0}, ap.tensor {4.0}
  close(nn.utils.clip_grad_norm_({p, q}, 1), 5, {rtol = 1e-6})
  close(p.grad, ap.tensor {0.6, 0.0}, {rtol = 1e-5})
  close(nn.utils.clip_grad_norm_({p, q}, 10), 1, {rtol = 1e-5})
  nn.utils.clip_grad_value_({p, q}, 0.5)
  close(p.grad, ap.tensor {0.5, 0.0}, {rtol = 1e-6})
end)

test("parameters_to_vector: and back", function()
  local m = mlp()
  local v = nn.utils.parameters_to_vector(m:parameters()):detach()
  equal(v:numel(), m:num_parameters())
  nn.utils.vector_to_parameters(v * 2, m:parameters())
  close(nn.utils.parameters_to_vector(m:parameters()):detach(), v * 2, {rtol = 0})
end)

local SCHEDULES = {
  StepLR = {step_size = 5, gamma = 0.3},
  MultiStepLR = {milestones = {3, 11}, gamma = 0.2},
  ExponentialLR = {gamma = 0.9},
  CosineAnnealingLR = {T_max = 20, eta_min = 0.01},
  LambdaLR = function(t) return 1 / (1 + t) end,
  LinearLR = {start_factor = 0.25, total_iters = 8},
  OneCycleLR = {max_lr = 0.7, total_steps = 20},
}

for name, options in pairs(SCHEDULES) do
  test(name .. ": gives PyTorch's rates, also after being restored", function()
    local expected = golden("optim_schedules")[name]:totable()
    local function make()
      local opt = optim.SGD({nn.Parameter(ap.zeros(1))}, {lr = 0.5})
      return optim.lr_scheduler[name](opt, options), opt
    end
    local schedule, opt = make()
    for i = 1, 20 do
      close(opt.param_groups[1].lr, expected[i], {rtol = 1e-9, atol = 1e-12})
      if i == 10 then
        local state = schedule:state_dict()
        schedule, opt = make()
        schedule:load_state_dict(state)
      end
      schedule:step()
    end
  end)
end

-- --- optimisers made of tensor operations, and schedules, against PyTorch (tests/golden/optimizers.py) -------------

local OPTIONS = {
  RMSprop = {lr = 0.02},
  RMSprop_centered = {lr = 0.02, momentum = 0.8, centered = true, weight_decay = 0.1, alpha = 0.9},
  Adagrad = {lr = 0.1},
  Adagrad_decay = {lr = 0.1, lr_decay = 0.1, initial_accumulator_value = 0.2, weight_decay = 0.1},
  Adadelta = {}, Adadelta_decay = {lr = 0.5, rho = 0.8, weight_decay = 0.1, maximize = true},
  Adamax = {lr = 0.05}, Adamax_decay = {betas = {0.8, 0.95}, weight_decay = 0.1},
  NAdam = {lr = 0.05}, NAdam_decay = {betas = {0.8, 0.95}, weight_decay = 0.1, momentum_decay = 0.01},
  RAdam = {lr = 0.05}, RAdam_decay = {betas = {0.8, 0.95}, weight_decay = 0.1},
}

for name, options in pairs(OPTIONS) do
  test(name .. ": 12 steps give PyTorch's weights, also where the state went through state_dict half way", function()
    local g = golden "optimizers"
    local w, b = g.w:clone():requires_grad_(), g.b:clone():requires_grad_()
    local class = optim[name:match "^%a+"]
    local optimizer = class({w, b}, options)
    for i = 1, 12 do
      optimizer:zero_grad()
      local loss = ((g.x:matmul(w) + b):tanh() - g.y):square():mean()
      loss:backward()
      optimizer:step()
      if i == 6 then
        local saved = optimizer:state_dict()
        optimizer = class({w, b}, options)
        optimizer:load_state_dict(saved)
      end
    end
    -- PyTorch keeps NAdam's product of momenta in f32.
    local o = {rtol = name:find "^NAdam" and 1e-8 or 1e-10, atol = 1e-12}
    close(w:detach(), g[name .. "/w"], o)
    close(b:detach(), g[name .. "/b"], o)
  end)
end

local lr = optim.lr_scheduler
local RATES = {
  ConstantLR = function(o) return lr.ConstantLR(o, {factor = 0.25, total_iters = 7}) end,
  PolynomialLR = function(o) return lr.PolynomialLR(o, {total_iters = 10, power = 2.0}) end,
  WarmRestarts = function(o) return lr.CosineAnnealingWarmRestarts(o, {T_0 = 4, T_mult = 2, eta_min = 0.01}) end,
  WarmRestarts_1 = function(o) return lr.CosineAnnealingWarmRestarts(o, 5) end,
  Sequential = function(o)
    return lr.SequentialLR(o, {lr.LinearLR(o, {start_factor = 0.1, total_iters = 5}),
      lr.CosineAnnealingLR(o, {T_max = 12}), lr.ExponentialLR(o, {gamma = 0.9})}, {5, 17})
  end,
  Plateau = function(o)
    return lr.ReduceLROnPlateau(o, {factor = 0.5, patience = 2, cooldown = 1, min_lr = 0.05})
  end,
  Plateau_max = function(o)
    return lr.ReduceLROnPlateau(o, {mode = "max", factor = 0.1, patience = 1, threshold = 0.05,
      threshold_mode = "abs"})
  end,
}

for name, make in pairs(RATES) do
  test(name .. ": the rates of 25 steps are PyTorch's, also after load_state_dict", function()
    local g = golden "optimizers"
    local optimizer = optim.SGD({ap.zeros({1}, {requires_grad = true})}, 0.5)
    local schedule, rates = make(optimizer), {}
    for i = 1, 25 do
      rates[i] = optimizer.param_groups[1].lr
      schedule:step(name:find "^Plateau" and g.metric[i] or nil)
      if i == 12 then
        local saved, groups = schedule:state_dict(), optimizer:state_dict()
        schedule = make(optimizer)
        optimizer:load_state_dict(groups)
        schedule:load_state_dict(saved)
      end
    end
    close(ap.tensor(rates, {dtype = "f64"}), g[name], {rtol = 1e-12})
  end)
end

test("optimisers: a module in place of its parameters is named; a number is the learning rate", function()
  local model = nn.Linear(2, 2)
  raises("Adam: argument 1: expected model:parameters%(%), got the Linear itself", optim.Adam, model, {lr = 1})
  equal(optim.RMSprop(model:parameters(), 0.5).param_groups[1].lr, 0.5)
  raises("RMSprop: alpha: expected a number, got a string", optim.RMSprop, model:parameters(), {alpha = "x"})
  raises("NAdam: betas: expected two numbers", optim.NAdam, model:parameters(), {betas = {1, 2}})
  raises("ReduceLROnPlateau: mode: expected", lr.ReduceLROnPlateau, optim.SGD(model:parameters()), {mode = "up"})
  raises("SequentialLR: expected one milestone less", lr.SequentialLR, optim.SGD(model:parameters()), {}, {})
end)
