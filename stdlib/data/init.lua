-- apsis.data: data sets, splits and the loader that makes batches.
--
--   local data = require "apsis.data"
--   local set = data.TensorDataset(images, labels)
--   local train, valid = data.random_split(set, {0.9, 0.1}, {seed = 1})
--   local loader = data.DataLoader(train, {batch_size = 64, shuffle = true, seed = 1})
--   for x, y in loader do ... end          -- one epoch; the next loop is the next epoch, with another order

return require "apsis.lazy"("apsis.data.", {DataLoader = "DataLoader", permutation = "permutation"}, {
  Dataset = "dataset", TensorDataset = "dataset", Subset = "dataset", ConcatDataset = "dataset",
  random_split = "dataset",
  read_idx = "readers", read_csv = "readers",
})
