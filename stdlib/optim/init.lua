-- apsis.optim: optimisers and learning-rate schedules, loaded at their first use.
--
--   local optim = require "apsis.optim"
--   local opt = optim.SGD(model:parameters(), {lr = 0.01, momentum = 0.9})
--   opt:zero_grad()
--   loss:backward()
--   opt:step()

local FILE = {Optimizer = "Optimizer", SGD = "SGD", Adam = "Adam", AdamW = "AdamW", lr_scheduler = "lr_scheduler"}

local function load(self, name)
  if not FILE[name] then return nil end
  local value = require("apsis.optim." .. FILE[name])
  self[name] = value
  return value
end

local function all(self)
  local names = {}
  for name in next, FILE do names[#names + 1] = name end
  table.sort(names)
  local i = 0
  return function()
    i = i + 1
    return names[i], names[i] and self[names[i]]
  end
end

return setmetatable({}, {__index = load, __pairs = all, __names = {FILE}}) -- __names: for completion
