-- train.fit and train.evaluate.

local arguments = require "apsis.ops.arguments"
local ap = require "apsis"
local Progress = require "apsis.train.progress"
local checkpoint = require "apsis.train.checkpoint"
local metric_functions = require "apsis.train.metrics"

-- Every option of fit, with the check it must pass; see fit for what they mean.
local OPTIONS = {
  train = "table", valid = "table", loss = true, optimizer = "table", epochs = "number", metrics = "table",
  scheduler = "table", scheduler_step = "string", clip_grad_norm = "number", device = "string", checkpoint = "string",
  best = "string", resume = "boolean", monitor = "string", mode = "string", patience = "number", progress = "boolean",
  out = true, quiet = "boolean", on_epoch = "function",
}

local REQUIRED = {"train", "loss", "optimizer", "epochs"}

local function check_options(options)
  arguments.known("train.fit", options, OPTIONS)
  for name, value in pairs(options) do
    local expected = OPTIONS[name]
    if expected ~= true and type(value) ~= expected then
      arguments.fail("train.fit: %s: expected a %s, got %s", name, expected, type(value))
    end
  end
  for _, name in ipairs(REQUIRED) do
    if options[name] == nil then arguments.fail("train.fit: the option %s is missing", name) end
  end
end

-- {{name, function}, ...} sorted by name, from {accuracy = f} or {"accuracy"}.
local function metric_list(metrics)
  local list = {}
  for name, f in pairs(metrics or {}) do
    if type(name) == "number" then
      name, f = f, metric_functions[f] or arguments.fail("train.fit: no metric named %s", f)
    end
    list[#list + 1] = {name, f}
  end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list
end

-- A batch moved to the device, split into the model's inputs (one, nearly always) and the target.
local function on_device(device, ...)
  if not device then return ... end
  local values = {...}
  for i, v in ipairs(values) do values[i] = v:to(device) end
  return table.unpack(values)
end

-- Sums over the samples of an epoch: the loss and the metrics.
local function new_sums(metrics)
  local sums = {samples = 0, loss = 0}
  for _, m in ipairs(metrics) do sums[m[1]] = 0 end
  return sums
end

local function add_to(sums, metrics, n, loss, output, target)
  sums.samples = sums.samples + n
  sums.loss = sums.loss + loss * n
  for i = 1, #metrics do
    local m = metrics[i]
    local value = m[2](output, target)
    if ap.is_tensor(value) then value = value:item() end
    sums[m[1]] = sums[m[1]] + value * n
  end
end

local function mean_text(sums, metrics, prefix)
  local n = math.max(sums.samples, 1)
  local text = ("%sloss %.4f"):format(prefix, sums.loss / n)
  for _, m in ipairs(metrics) do text = text .. ("  %s%s %.4f"):format(prefix, m[1], sums[m[1]] / n) end
  return text
end

--- The mean loss and metrics of a model over a loader, in evaluation mode and without gradients; the mode is restored.
---@param model table
---@param loader table
---@param options {loss: fun(output, target): Tensor, metrics: table, device: string}
---@return table<string, number> {loss = ..., accuracy = ...}
--- Example: ap.train.evaluate(model, test_loader, {loss = nn.CrossEntropyLoss(), metrics = {"accuracy"}}).accuracy
local function evaluate(model, loader, options)
  if type(model) ~= "table" or not model.is_module then
    arguments.fail("train.evaluate: argument 1: expected a module, got %s", type(model))
  end
  if type(loader) ~= "table" or not loader.iter then
    arguments.fail("train.evaluate: argument 2: expected a loader, got %s", arguments.got(loader))
  end
  options = arguments.options("train.evaluate", 3, options, {"loss", "metrics", "device"})
  local metrics, training = metric_list(options.metrics), model.training
  local sums = new_sums(metrics)
  model:eval()
  do
    local _ <close> = ap.no_grad()
    for x, y in loader:iter() do
      x, y = on_device(options.device, x, y)
      local output = model(x)
      add_to(sums, metrics, #x, options.loss and options.loss(output, y):item() or 0, output, y)
    end
  end
  model:train(training)
  local means = {}
  for name, sum in pairs(sums) do
    if name ~= "samples" then means[name] = sum / math.max(sums.samples, 1) end
  end
  return means
end

-- One step on one batch; returns the loss as a number, and the output.
local function train_step(run, x, y)
  run.optimizer:zero_grad()
  local output = run.model(x)
  local loss = run.loss(output, y)
  loss:backward()
  if run.clip_grad_norm then run.clip(run.parameters, run.clip_grad_norm) end
  run.optimizer:step()
  return loss:item(), output
end

local function require_finite(loss, epoch, batch)
  if loss ~= loss or loss == math.huge or loss == -math.huge then
    arguments.fail("train.fit: the loss is %s at epoch %d, batch %d: lower the learning rate, or set clip_grad_norm",
      loss, epoch, batch)
  end
end

local function train_epoch(run, epoch, progress)
  local metrics = run.train_metrics
  local sums, batch = new_sums(metrics), 0
  local function text() return mean_text(sums, metrics, "") end
  run.model:train()
  for x, y in run.train do
    x, y = on_device(run.device, x, y)
    batch = batch + 1
    local loss, output = train_step(run, x, y)
    require_finite(loss, epoch, batch)
    add_to(sums, metrics, #x, loss, output, y)
    if run.scheduler and run.scheduler_step == "batch" then run.scheduler:step() end
    progress:update(batch, sums.samples, text)
  end
  return sums
end

-- The file of the best weights that goes with a checkpoint: run.safetensors -> run-best.safetensors.
local function best_path(path)
  local stem = path:match("^(.*)%.safetensors$")
  return stem and stem .. "-best.safetensors" or path .. "-best"
end

local function file_exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

-- Keeps the epoch if it is the best so far by the monitored number; returns whether it is.
local function note_best(run, record, epoch)
  local value = record[run.monitor]
  if value == nil then
    local names = {}
    for name in pairs(record) do names[#names + 1] = name end
    table.sort(names)
    arguments.fail("train.fit: monitor: no number %s; there are: %s", run.monitor, table.concat(names, ", "))
  end
  local better = run.best == nil
  if run.best ~= nil then
    if run.mode == "max" then better = value > run.best else better = value < run.best end
  end
  if not better then return false end
  run.best, run.best_epoch = value, epoch
  return true
end

local function run_of(model, options)
  local run = {}
  for name, value in pairs(options) do run[name] = value end
  run.best, run.best_path = nil, options.best or options.checkpoint and best_path(options.checkpoint)
  run.model, run.loader, run.history, run.epoch = model, options.train, {}, 0
  run.metrics = metric_list(options.metrics)
  run.train_metrics = options.valid and {} or run.metrics
  run.monitor = options.monitor or (options.valid and "valid_loss" or "loss")
  run.mode = options.mode or (run.monitor:find("loss", 1, true) and "min" or "max")
  run.scheduler_step = options.scheduler_step or "epoch"
  if options.clip_grad_norm then
    run.parameters, run.clip = model:parameters(), require("apsis.nn.utils").clip_grad_norm_
  end
  return run
end

-- Validation, the schedule, the history and the files, after an epoch of training. Returns the line to show.
local function close_epoch(run, epoch, sums, progress, options)
  local record = {epoch = epoch, loss = sums.loss / math.max(sums.samples, 1), lr = run.optimizer.param_groups[1].lr}
  for _, m in ipairs(run.train_metrics) do record[m[1]] = sums[m[1]] / math.max(sums.samples, 1) end
  local text = mean_text(sums, run.train_metrics, "")
  local rate = sums.samples / math.max(progress:elapsed(), 1e-9)
  if run.valid then
    local means = evaluate(run.model, run.valid, {loss = run.loss, metrics = options.metrics, device = run.device})
    record.valid_loss = means.loss
    text = text .. ("  valid_loss %.4f"):format(means.loss)
    for _, m in ipairs(run.metrics) do
      record["valid_" .. m[1]] = means[m[1]]
      text = text .. ("  valid_%s %.4f"):format(m[1], means[m[1]])
    end
  end
  record.seconds = progress:elapsed()
  if run.scheduler and run.scheduler_step == "epoch" then run.scheduler:step() end
  run.epoch, run.history[epoch] = epoch, record
  local best = note_best(run, record, epoch)
  if best and run.best_path then require("apsis.io").save(run.best_path, run.model:state_dict()) end
  if run.checkpoint then checkpoint.save(run.checkpoint, run) end
  return ("%s  %.0f samples/s  %s%s"):format(text, rate, Progress.duration(record.seconds), best and "  *" or "")
end

--- Trains a model. Prints a progress bar on a terminal and a line after each epoch (* marks the best so far);
--- returns the history.
---@param model table nn.Module
---@param options {train: table, valid: table, loss: fun(output, target): Tensor, optimizer: table, epochs: integer,
--- metrics: table, scheduler: table, scheduler_step: string, clip_grad_norm: number, device: string, checkpoint:
--- string, resume: boolean, best: string, monitor: string, mode: string, patience: integer, progress: boolean, out:
--- file*, quiet: boolean, on_epoch: fun(record: table): boolean}
--- train: the loader of the training batches (x, y). Required, as are loss, optimizer and epochs.
--- valid: a loader to validate on after each epoch; metrics are then computed on it, else on the training batches.
--- loss: called with (model(x), y), returns a 0-dim tensor.
--- optimizer: of apsis.optim, over the model's parameters.
--- epochs: the number of epochs in all (a resumed run does what is left of them).
--- metrics: {accuracy = f} with f(output, target) -> number, or names of ap.train.metrics: {"accuracy"}.
--- scheduler, scheduler_step: a schedule of optim.lr_scheduler, stepped after every "epoch" (default) or "batch".
--- clip_grad_norm: clip the gradients to this norm before each step.
--- device: batches are moved there; the model must be there already.
--- checkpoint: the file that holds the whole state of the run, written after each epoch.
--- resume: go on from the checkpoint if the file exists: the weights come out the same, bit for bit, as of an
--- unbroken run. best: the file for the weights of the best epoch (a plain state dict); default: next to the
--- checkpoint, NAME-best.safetensors. monitor, mode: the number of the history that says which epoch is best, and
--- "min" or "max"; default valid_loss (loss without valid), and max unless the name contains "loss".
--- patience: stop after this many epochs without a better one.
--- progress: true or false forces the bar on or off. out: the file to print to (stdout). quiet: print nothing.
--- on_epoch: called with the record of each epoch; returning false stops the training.
---@return table[] history one record an epoch: {epoch, loss, valid_loss, valid_accuracy, lr, seconds}
--- Example: ap.train.fit(model, {train = loader, loss = nn.MSELoss(), optimizer = opt, epochs = 10})
local function fit(model, options)
  if type(model) ~= "table" or not model.is_module then
    arguments.fail("train.fit: argument 1: expected a module, got %s", type(model))
  end
  check_options(options)
  local run = run_of(model, options)
  if options.resume and options.checkpoint and file_exists(options.checkpoint) then
    checkpoint.load(options.checkpoint, run)
  end
  local out, live = options.out or io.stdout, options.progress
  if options.quiet then out, live = {write = function() end, flush = function() end}, false end
  for epoch = run.epoch + 1, options.epochs do
    local label = ("epoch %d/%d"):format(epoch, options.epochs)
    local progress <close> = Progress {total = #run.train, label = label, out = out, live = live}
    local sums = train_epoch(run, epoch, progress)
    progress:finish(close_epoch(run, epoch, sums, progress, options))
    if options.on_epoch and options.on_epoch(run.history[epoch]) == false then break end
    if options.patience and epoch - run.best_epoch >= options.patience then break end
  end
  model:eval()
  return run.history
end

local entry = require "apsis.core".entry

return {fit = entry("fit", fit, true), evaluate = entry("evaluate", evaluate)} -- fit has an option `out` of its own
