-- apsis.data: data sets, splits and the loader that makes batches.
--
--   local data = require "apsis.data"
--   local set = data.TensorDataset(images, labels)
--   local train, valid = data.random_split(set, {0.9, 0.1}, {seed = 1})
--   local loader = data.DataLoader(train, {batch_size = 64, shuffle = true, seed = 1})
--   for x, y in loader do ... end          -- one epoch; the next loop is the next epoch, with another order

local FILE = {
  Dataset = "dataset", TensorDataset = "dataset", Subset = "dataset", ConcatDataset = "dataset",
  random_split = "dataset",
  DataLoader = "DataLoader", permutation = "permutation",
  read_idx = "readers", read_csv = "readers",
}

local function load(self, name)
  if not FILE[name] then return nil end
  local value = require("apsis.data." .. FILE[name])
  if FILE[name] == "dataset" or FILE[name] == "readers" then value = value[name] end
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
