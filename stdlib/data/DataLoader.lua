-- data.DataLoader: goes over a data set in batches.
--
--   for x, y in loader do ... end
--
-- The loader itself stands in the for: each loop is one epoch. Lua calls it with nil before the first batch, which
-- starts the epoch, so a loop left by break does no harm to the next. A second loop over the same loader inside the
-- first needs its own iterator: `for x, y in loader:iter() do`.

local arguments = require "apsis.ops.arguments"
local class = require "apsis.class"
local permutation = require "apsis.data.permutation"

local DataLoader = class "DataLoader"

local OPTIONS = {batch_size = true, shuffle = true, drop_last = true, seed = true, transform = true}

--- Goes over a data set in batches: `for x, y in loader do`; each loop is an epoch.
---@param dataset table with #set and set:batch(positions): TensorDataset, Subset, or one's own
---@param options? {batch_size: integer, shuffle: boolean, drop_last: boolean, seed: integer, transform: fun(...): ...}
--- batch_size: samples a batch (1). shuffle: another order every epoch (false). drop_last: leave out a last batch
--- that is not full (false). seed: of the orders; the order of an epoch depends on the seed and the number of the
--- epoch only (0). transform: called with the tensors of a batch, its results are the batch (normalise, augment).
--- Source: torch.utils.data.DataLoader.  Example: data.DataLoader(set, {batch_size = 64, shuffle = true})
function DataLoader:init(dataset, options)
  options = options or {}
  if type(dataset) ~= "table" then
    arguments.fail("DataLoader: argument 1 (dataset): expected a data set such as TensorDataset(x, y), got %s",
      type(dataset))
  end
  arguments.known("DataLoader", options, OPTIONS)
  self.dataset = dataset
  self.batch_size = options.batch_size or 1
  if math.type(self.batch_size) ~= "integer" or self.batch_size < 1 then
    arguments.fail("DataLoader: batch_size: expected an integer of 1 or more, got %s", tostring(self.batch_size))
  end
  self.shuffle, self.drop_last = options.shuffle or false, options.drop_last or false
  self.seed, self.transform = options.seed or 0, options.transform
  self.epoch = 0 -- epochs started so far
  self.position = 0 -- batches given out in this epoch
end

--- The number of batches in an epoch; #loader too.
---@return integer
function DataLoader:length()
  local n = #self.dataset
  return self.drop_last and n // self.batch_size or (n + self.batch_size - 1) // self.batch_size
end

function DataLoader:__len()
  return self:length()
end

-- Batch number k of the epoch whose order is `order` (nil: the data's own).
local function batch(self, order, k)
  local first = (k - 1) * self.batch_size + 1
  local last = math.min(first + self.batch_size - 1, #self.dataset)
  local dataset, transform = self.dataset, self.transform
  if not order then
    if transform then return transform(dataset:range(first, last)) end
    return dataset:range(first, last)
  end
  local positions = order:narrow(1, first, last - first + 1)
  if transform then return transform(dataset:batch(positions)) end
  return dataset:batch(positions)
end

-- The order of epoch number `epoch`, or nil where it is the data's own.
local function order_of(self, epoch)
  return self.shuffle and permutation(#self.dataset, self.seed, epoch) or nil
end

local function start_epoch(self)
  if self._resumed then
    self._resumed = nil
  else
    self.epoch, self.position = self.epoch + 1, 0
  end
  self._order, self._count = order_of(self, self.epoch), self:length()
end

local function advance(self)
  if self.position >= self._count then
    self._order, self._last = nil, nil
    return nil
  end
  self.position = self.position + 1
  return batch(self, self._order, self.position)
end

local function remember(self, x, ...)
  self._last = x
  return x, ...
end

--- One step of `for x, y in loader do` (called with what Lua's for gives); without arguments, an iterator of its own.
function DataLoader:__call(...)
  if select("#", ...) == 0 then return self:iter() end
  local _, previous = ...
  if previous == nil then
    start_epoch(self)
  elseif previous ~= self._last then
    arguments.fail("DataLoader: two loops over one loader at once: use loader:iter() for the inner one")
  end
  return remember(self, advance(self))
end

--- An iterator over one epoch that does not disturb others: `for x, y in loader:iter() do`. It counts as an epoch.
---@return fun(): Tensor, ...
function DataLoader:iter()
  self.epoch = self.epoch + 1
  local order, count, position = order_of(self, self.epoch), self:length(), 0
  return function()
    position = position + 1
    if position <= count then return batch(self, order, position) end
  end
end

--- Where the loader stands: the epoch, the batches given out in it, and the seed.
---@return {epoch: integer, position: integer, seed: integer}
function DataLoader:state_dict()
  return {epoch = self.epoch, position = self.position, seed = self.seed}
end

--- Goes on where state_dict() was taken: after a whole epoch with the next one, inside an epoch with its next batch.
---@param state {epoch: integer, position: integer, seed: integer}
function DataLoader:load_state_dict(state)
  self.epoch, self.position, self.seed = state.epoch, state.position, state.seed
  self._resumed = state.position > 0 and state.position < self:length() or nil
end

function DataLoader:__tostring()
  return ("DataLoader(%d samples in %d batches of %d, shuffle=%s)"):format(#self.dataset, self:length(),
    self.batch_size, self.shuffle)
end

return DataLoader
