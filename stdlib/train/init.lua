-- apsis.train: a training loop with progress, validation, checkpoints and exact resuming.
--
--   local train = require "apsis.train"
--   local history = train.fit(model, {
--     train = train_loader, valid = valid_loader,
--     loss = nn.CrossEntropyLoss(), optimizer = opt, epochs = 10,
--     metrics = {accuracy = train.metrics.accuracy},
--     checkpoint = "run.safetensors", resume = true,
--   })

local FILE = {metrics = "metrics", checkpoint = "checkpoint", progress = "progress"}
local FUNCTION = {fit = "fit", evaluate = "fit"}

return setmetatable({}, {
  __names = {FILE, FUNCTION}, -- for completion
  __index = function(self, name)
    local file = FILE[name] or FUNCTION[name]
    if not file then return nil end
    local value = require("apsis.train." .. file)
    if FUNCTION[name] then value = value[name] end
    self[name] = value
    return value
  end,
})
