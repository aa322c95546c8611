-- Checkpoints of a training run: one safetensors file with everything needed to go on as if nothing had happened:
-- the model, the optimiser, the scheduler, the loader, the random generator, the history. Tensors are "model.NAME"
-- and "optimizer.POSITION.FIELD"; everything else is in the file's metadata, numbers written so that they come back
-- to the last bit.

local arguments = require "apsis.ops.arguments"
local ap = require "apsis"

local checkpoint = {}

local FORMAT = "apsis-checkpoint-1"

-- A number, boolean, string or list of numbers as text, and back.
local function encode(value)
  if type(value) == "table" then
    local items = {}
    for i, v in ipairs(value) do items[i] = encode(v) end
    return "{" .. table.concat(items, ",") .. "}"
  end
  if type(value) == "string" then return "=" .. value end
  return type(value) == "number" and ("%q"):format(value) or tostring(value)
end

local function decode(text)
  local first = text:sub(1, 1)
  if first == "=" then return text:sub(2) end
  if first == "{" then
    local items = {}
    for item in text:sub(2, -2):gmatch("[^,]+") do items[#items + 1] = decode(item) end
    return items
  end
  if text == "true" or text == "false" then return text == "true" end
  if text == "(0/0)" then return 0 / 0 end
  return tonumber(text) or error("checkpoint: not a value: " .. text, 0)
end

local function put_all(metadata, prefix, values)
  for name, value in pairs(values) do
    if type(value) ~= "function" and type(value) ~= "userdata" then metadata[prefix .. name] = encode(value) end
  end
end

-- What put_all wrote under a prefix; integer names come back as integers.
local function take_all(metadata, prefix)
  local values = {}
  for name, text in pairs(metadata) do
    if name:sub(1, #prefix) == prefix then
      local rest = name:sub(#prefix + 1)
      if not rest:find(".", 1, true) then values[math.tointeger(tonumber(rest)) or rest] = decode(text) end
    end
  end
  return values
end

local function put_optimizer(tensors, metadata, optimizer)
  local state = optimizer:state_dict()
  for position, fields in pairs(state.state) do
    for name, value in pairs(fields) do
      local key = ("optimizer.%d.%s"):format(position, name)
      if ap.is_tensor(value) then tensors[key] = value else metadata[key] = encode(value) end
    end
  end
  for g, group in ipairs(state.param_groups) do put_all(metadata, ("group.%d."):format(g), group) end
  metadata.groups = encode(#state.param_groups)
end

local function take_optimizer(tensors, metadata, optimizer)
  local state, groups = {}, {}
  local function put(key, value)
    local position, name = key:match("^optimizer%.(%d+)%.([%w_]+)$")
    if not position then return end
    position = math.tointeger(tonumber(position))
    state[position] = state[position] or {}
    state[position][name] = value
  end
  for key, tensor in pairs(tensors) do put(key, tensor) end
  for key, text in pairs(metadata) do
    if key:find("^optimizer%.") then put(key, decode(text)) end
  end
  for g = 1, decode(metadata.groups) do groups[g] = take_all(metadata, ("group.%d."):format(g)) end
  optimizer:load_state_dict {state = state, param_groups = groups}
end

local KEPT = {number = true, string = true, boolean = true}

local function check_extra(extra)
  for name, value in pairs(arguments.options("checkpoint.save", 2, extra)) do
    if type(name) ~= "string" or name:find(".", 1, true) then
      arguments.fail("checkpoint.save: extra: expected names without dots, got %s", tostring(name))
    end
    if not KEPT[type(value)] then
      arguments.fail("checkpoint.save: extra: '%s': expected a number, a string or a boolean, got %s", name,
        arguments.got(value))
    end
  end
end

--- Writes a checkpoint, atomically (see ap.io.save): the model, what else is given, and the random generator's state. A
--- loop of one's own keeps what it needs beside them in `extra`:
---   train.checkpoint.save("run.safetensors", {model = model, optimizer = opt, extra = {step = step, best = best}})
---   local run = train.checkpoint.load("run.safetensors", {model = model, optimizer = opt})
---   step = run.extra.step
---@param path string
---@param run {model: table, optimizer: table, scheduler: table, loader: table, epoch: integer, best: number,
--- best_epoch: integer, history: table[], extra: table<string, number|string|boolean>} only model is required
function checkpoint.save(path, run)
  if type(run) ~= "table" or type(run.model) ~= "table" or not run.model.is_module then
    arguments.fail("checkpoint.save: argument 2: expected a table {model = module, ...}")
  end
  check_extra(run.extra)
  local tensors, metadata = {}, {format = FORMAT}
  for name, tensor in pairs(run.model:state_dict()) do tensors["model." .. name] = tensor end
  if run.optimizer then put_optimizer(tensors, metadata, run.optimizer) end
  if run.scheduler then put_all(metadata, "scheduler.", run.scheduler:state_dict()) end
  if run.loader and run.loader.state_dict then put_all(metadata, "loader.", run.loader:state_dict()) end
  put_all(metadata, "extra.", run.extra or {})
  put_all(metadata, "run.", {epoch = run.epoch, best = run.best, best_epoch = run.best_epoch})
  local rng = ap.get_rng_state()
  if ap.is_tensor(rng) then tensors["rng.state"] = rng else metadata["rng.state"] = encode(rng) end
  for i, record in ipairs(run.history or {}) do put_all(metadata, ("history.%d."):format(i), record) end
  require("apsis.io").save(path, tensors, metadata)
end

--- Reads a checkpoint back into the objects of `run` (those that are given), and sets run.extra, run.epoch, run.best,
--- run.best_epoch, run.history and the random generator: a loop goes on as if it had not stopped.
---@param path string
---@param run table as for save
---@return table run
function checkpoint.load(path, run)
  local tensors, metadata = require("apsis.io").load(path)
  if not metadata or metadata.format ~= FORMAT then
    arguments.fail("checkpoint.load: %s is no checkpoint (load plain weights with model:load_state_dict)", path)
  end
  local model = {}
  for name, tensor in pairs(tensors) do
    local key = name:match("^model%.(.*)$")
    if key then model[key] = tensor end
  end
  run.model:load_state_dict(model)
  if run.optimizer and metadata.groups then take_optimizer(tensors, metadata, run.optimizer) end
  if run.scheduler and metadata["scheduler.last_epoch"] then
    run.scheduler:load_state_dict(take_all(metadata, "scheduler."))
  end
  if run.loader and run.loader.load_state_dict and metadata["loader.epoch"] then
    run.loader:load_state_dict(take_all(metadata, "loader."))
  end
  for name, value in pairs(take_all(metadata, "run.")) do run[name] = value end
  run.history, run.extra = {}, take_all(metadata, "extra.")
  for i = 1, run.epoch or 0 do run.history[i] = take_all(metadata, ("history.%d."):format(i)) end
  ap.set_rng_state(tensors["rng.state"] or decode(metadata["rng.state"]))
  return run
end

return require "apsis.core".define_module(checkpoint)
