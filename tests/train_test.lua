-- train.fit: learns, reports, keeps the best, and resumes to the bit.

local ap = require "apsis"
local nn = require "apsis.nn"
local optim = require "apsis.optim"
local data = require "apsis.data"
local train = require "apsis.train"

-- A small regression problem; dropout makes the run depend on the random generator, too.
local function problem()
  ap.manual_seed(7)
  local x = ap.randn(64, 4)
  local y = x:matmul(ap.randn(4, 2))
  local model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2))
  return model, data.TensorDataset(x, y)
end

local function settings(model, set, more)
  local optimizer = optim.Adam(model:parameters(), {lr = 0.01})
  local options = {
    train = data.DataLoader(set, {batch_size = 16, shuffle = true, seed = 2}),
    valid = data.DataLoader(set, {batch_size = 64}),
    loss = nn.MSELoss(), optimizer = optimizer, epochs = 4, quiet = true,
    scheduler = optim.lr_scheduler.StepLR(optimizer, {step_size = 2, gamma = 0.5}),
  }
  for name, value in pairs(more or {}) do options[name] = value end
  return options
end

test("fit: the loss falls and the history has a record an epoch", function()
  local model, set = problem()
  local history = train.fit(model, settings(model, set, {epochs = 8, metrics = {"mean_absolute_error"}}))
  equal(#history, 8)
  truth(history[8].valid_loss < history[1].valid_loss)
  truth(history[8].valid_mean_absolute_error ~= nil)
  equal(history[8].epoch, 8)
end)

test("fit: a resumed run ends with the weights of an unbroken one, bit for bit", function()
  local whole, set = problem()
  train.fit(whole, settings(whole, set, {epochs = 5}))

  local path = tmpname() .. ".safetensors"
  local first = problem()
  train.fit(first, settings(first, set, {epochs = 2, checkpoint = path, resume = true}))
  ap.manual_seed(12345)
  local second = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2))
  local history = train.fit(second, settings(second, set, {epochs = 5, checkpoint = path, resume = true}))
  equal(#history, 5)
  local expected = whole:state_dict()
  for name, value in pairs(second:state_dict()) do equal(value, expected[name]) end
  os.remove(path)
  os.remove((path:gsub("%.safetensors$", "-best.safetensors")))
end)

test("fit: keeps the weights of the best epoch beside the checkpoint", function()
  local model, set = problem()
  local path = tmpname() .. ".safetensors"
  local best = path:gsub("%.safetensors$", "-best.safetensors")
  local history = train.fit(model, settings(model, set, {checkpoint = path}))
  local low = math.huge
  for _, record in ipairs(history) do low = math.min(low, record.valid_loss) end
  local other = problem()
  other:load_state_dict((require("apsis.io").load(best)))
  local result = train.evaluate(other, data.DataLoader(set, {batch_size = 64}), {loss = nn.MSELoss()})
  close(result.loss, low, {rtol = 1e-6})
  os.remove(path)
  os.remove(best)
end)

test("fit: prints one plain line an epoch where there is no terminal", function()
  local model, set = problem()
  local lines = {}
  local out = {write = function(_, ...) lines[#lines + 1] = table.concat {...} end, flush = function() end}
  train.fit(model, settings(model, set, {epochs = 2, quiet = false, out = out, progress = false}))
  equal(#lines, 2)
  truth(lines[1]:match("^epoch 1/2  loss %d+%.%d+  valid_loss %d+%.%d+  %d+ samples/s  %d+s  %*\n$") ~= nil)
end)

test("fit: on a terminal a bar shows rate, loss and time left", function()
  local model, set = problem()
  local text = {}
  local out = {write = function(_, ...) text[#text + 1] = table.concat {...} end, flush = function() end}
  train.fit(model, settings(model, set, {epochs = 1, quiet = false, out = out, progress = true}))
  local all = table.concat(text)
  truth(all:find("\repoch 1/1 █", 1, true) ~= nil)
  truth(all:find("4/4  %d+ samples/s  loss %d+%.%d+  %d+s left") ~= nil)
end)

test("fit: stops when patience runs out, or when on_epoch says so", function()
  local model, set = problem()
  local history = train.fit(model, settings(model, set, {epochs = 20, on_epoch = function(r) return r.epoch < 3 end}))
  equal(#history, 3)
  local still = optim.SGD(model:parameters(), {lr = 0})
  model:requires_grad_()
  for _, m in ipairs(model:modules()) do if m.momentum then m.momentum = 0 end end
  history = train.fit(model, settings(model, set, {epochs = 20, optimizer = still, patience = 2}))
  truth(#history < 20)
end)

test("fit: a loss that is not a number stops the run and says where", function()
  local model, set = problem()
  raises("the loss is .*nan at epoch 1, batch 1", function()
    train.fit(model, settings(model, set, {loss = function(output) return output:sum() * (0 / 0) end}))
  end)
end)

test("fit: unknown, missing and mistyped options are named", function()
  local model, set = problem()
  raises("train.fit: unknown option 'epoch'; options: ",
    function() train.fit(model, settings(model, set, {epoch = 3})) end)
  raises("epochs: expected a number, got string", function() train.fit(model, settings(model, set, {epochs = "3"})) end)
  raises("the option loss is missing", function() train.fit(model, {train = {}, optimizer = {}, epochs = 1}) end)
  raises("argument 1: expected a module", function() train.fit(5, {}) end)
end)

test("fit: clip_grad_norm bounds the step", function()
  local model, set = problem()
  local before = nn.utils.parameters_to_vector(model:parameters()):detach()
  train.fit(model, {
    train = data.DataLoader(set, {batch_size = 64}), loss = nn.MSELoss(), epochs = 1, quiet = true,
    optimizer = optim.SGD(model:parameters(), {lr = 1}), clip_grad_norm = 1e-3,
  })
  local moved = nn.utils.parameters_to_vector(model:parameters()):detach() - before
  truth(moved:norm():item() <= 1.001e-3)
end)

test("fit: an error in the middle of an epoch ends the bar's line", function()
  local model, set = problem()
  local text, calls = {}, 0
  local out = {write = function(_, ...) text[#text + 1] = table.concat {...} end, flush = function() end}
  raises("stop here", function()
    train.fit(model, settings(model, set, {quiet = false, out = out, progress = true, loss = function(a, b)
      calls = calls + 1
      if calls == 2 then error("stop here") end
      return nn.MSELoss()(a, b)
    end}))
  end)
  equal(text[#text], "\n")
end)

test("progress: bars and durations read well", function()
  local Progress = require "apsis.train.progress"
  equal(Progress.bar(0, 4), "    ")
  equal(Progress.bar(0.5, 4), "██  ")
  equal(Progress.bar(1, 4), "████")
  equal(Progress.bar(1 / 32, 4), "▏   ")
  equal(Progress.duration(7), "7s")
  equal(Progress.duration(185), "3m05s")
  equal(Progress.duration(7380), "2h03m")
end)

test("checkpoint: a loop of one's own goes on to the bit, and finds what it kept beside the model", function()
  local path = tmpname() .. ".safetensors"
  local model, optimizer, schedule
  local function start()
    ap.manual_seed(5)
    model = nn.Linear(3, 2)
    optimizer = optim.AdamW({{params = {model.weight}, weight_decay = 0.1}, {params = {model.bias}, weight_decay = 0}},
      {lr = 0.01})
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, {T_max = 10})
  end
  local function step()
    optimizer:zero_grad()
    local loss = nn.MSELoss()(model(ap.randn(8, 3)), ap.randn(8, 2))
    loss:backward()
    optimizer:step()
    schedule:step()
    return loss:item()
  end
  start()
  step()
  train.checkpoint.save(path, {model = model, optimizer = optimizer, scheduler = schedule,
    extra = {step = 1, best = 0.1, note = "a,b{}", done = false}})
  local expected = {step(), step()}
  start()
  local run = train.checkpoint.load(path, {model = model, optimizer = optimizer, scheduler = schedule})
  equal(run.extra, {step = 1, best = 0.1, note = "a,b{}", done = false})
  equal({step(), step()}, expected)
  os.remove(path)
  raises("checkpoint.save: extra: 'x': expected a number, a string or a boolean, got a table",
    train.checkpoint.save, path, {model = model, extra = {x = {}}})
  raises("checkpoint.save: argument 2: expected a table {model = module", train.checkpoint.save, path, model)
end)
