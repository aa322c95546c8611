-- Data sets: anything with a length (#set), set:get(i) and set:batch(positions). Positions count from 1.

local arguments = require "apsis.ops.arguments"
local ap = require "apsis"
local class = require "apsis.class"
local permutation = require "apsis.data.permutation"

local is_tensor = ap.is_tensor

--- data.Dataset: the base of a data set of one's own. A subclass defines length() and get(i), which returns the
--- values of one sample (tensors or numbers); batch(positions) may be defined too where many samples can be had at
--- once.
---   local Squares = data.Dataset:extend "Squares"
---   function Squares:length() return 100 end
---   function Squares:get(i) return ap.tensor{i}, ap.tensor{i * i} end
local Dataset = class "Dataset"

function Dataset:__len()
  return self:length()
end

function Dataset:length()
  arguments.fail("%s: define length()", self:class_name())
end

function Dataset:get()
  arguments.fail("%s: define get(i)", self:class_name())
end

-- Values of one kind from many samples, as one tensor: tensors are stacked, integers become i64, other numbers the
-- default dtype.
local function collate(values)
  if is_tensor(values[1]) then return ap.stack(values, 1) end
  return ap.tensor(values, {dtype = math.type(values[1]) == "integer" and "i64" or ap.get_default_dtype()})
end

--- The samples at `positions`, each kind of value collated into one tensor.
---@param positions Tensor i64, 1-based
---@return Tensor ...
function Dataset:batch(positions)
  local columns = {}
  for k, i in ipairs(positions:totable()) do
    local sample = table.pack(self:get(i))
    for c = 1, sample.n do
      columns[c] = columns[c] or {}
      columns[c][k] = sample[c]
    end
  end
  for c, values in ipairs(columns) do columns[c] = collate(values) end
  return table.unpack(columns)
end

--- The samples first..last.
function Dataset:range(first, last)
  return self:batch(ap.arange(first, last, 1, {dtype = "i64", device = "cpu"}))
end

local TensorDataset = Dataset:extend "TensorDataset"

--- data.TensorDataset(x, y, ...): sample i is x[i], y[i], ...
---@param ... Tensor of the same first size
--- Source: torch.utils.data.TensorDataset.  Example: data.TensorDataset(ap.randn(100, 4), ap.randn(100, 1)):get(1)
function TensorDataset:init(...)
  self.tensors = {...}
  if #self.tensors == 0 then arguments.fail("TensorDataset: expected at least one tensor") end
  for i, t in ipairs(self.tensors) do
    if not is_tensor(t) then
      arguments.fail("TensorDataset: argument %d: expected a tensor, got %s", i, type(t))
    end
    if t.ndim == 0 or #t ~= #self.tensors[1] then
      arguments.fail("TensorDataset: argument %d: expected %s rows as argument 1 has, got %s", i,
        self.tensors[1].ndim == 0 and "some" or #self.tensors[1], t.ndim == 0 and "a 0-dim tensor" or #t)
    end
  end
end

function TensorDataset:length()
  return #self.tensors[1]
end

-- f applied to every tensor, results as several values. Two tensors, the usual case, make no table.
local function map(tensors, f, ...)
  if #tensors == 2 then return f(tensors[1], ...), f(tensors[2], ...) end
  local results = {}
  for i, t in ipairs(tensors) do results[i] = f(t, ...) end
  return table.unpack(results)
end

local function at(t, i)
  return t[i]
end

local function rows(t, positions)
  return t:index_select(1, positions)
end

local function slice(t, first, count)
  return t:narrow(1, first, count):clone()
end

function TensorDataset:get(i)
  return map(self.tensors, at, i)
end

function TensorDataset:batch(positions)
  return map(self.tensors, rows, positions)
end

-- A copy: changing a batch in place leaves the data as it is.
function TensorDataset:range(first, last)
  return map(self.tensors, slice, first, last - first + 1)
end

local Subset = Dataset:extend "Subset"

--- data.Subset(set, positions): the samples of another set at these positions.
---@param dataset table
---@param positions integer[]|Tensor 1-based
--- Source: torch.utils.data.Subset.  Example: data.Subset(set, {1, 3, 5})
function Subset:init(dataset, positions)
  if type(positions) ~= "table" and not (is_tensor(positions) and positions.ndim == 1) then
    arguments.fail("Subset: argument 2: expected a table of positions or a vector, got %s", arguments.got(positions))
  end
  if not is_tensor(positions) then positions = ap.tensor(positions, {dtype = "i64", device = "cpu"}) end
  self.dataset, self.positions = dataset, positions
end

function Subset:length()
  return #self.positions
end

function Subset:get(i)
  return self.dataset:get(self.positions[i]:item())
end

function Subset:batch(positions)
  return self.dataset:batch(self.positions:index_select(1, positions))
end

function Subset:range(first, last)
  return self.dataset:batch(self.positions:narrow(1, first, last - first + 1))
end

local ConcatDataset = Dataset:extend "ConcatDataset"

--- data.ConcatDataset{a, b, ...}: the samples of several sets, one set after the other.
---@param datasets table[]
function ConcatDataset:init(datasets)
  if type(datasets) ~= "table" then
    arguments.fail("ConcatDataset: expected a table of data sets, got %s", arguments.got(datasets))
  end
  self.datasets, self.ends = datasets, {}
  local n = 0
  for i, set in ipairs(datasets) do
    if type(set) ~= "table" or not set.length then
      arguments.fail("ConcatDataset: item %d: expected a data set, got %s", i, arguments.got(set))
    end
    n = n + #set
    self.ends[i] = n
  end
end

function ConcatDataset:length()
  return self.ends[#self.ends] or 0
end

function ConcatDataset:get(i)
  local before = 0
  for k, last in ipairs(self.ends) do
    if i <= last then return self.datasets[k]:get(i - before) end
    before = last
  end
  arguments.fail("ConcatDataset: sample %d: there are %d", i, self:length())
end

-- Sizes of the parts: integers that add up to n, or shares that add up to 1 (what rounding leaves goes to the first
-- parts).
local function part_sizes(n, parts)
  local sum, sizes = 0, {}
  for i, part in ipairs(parts) do
    if type(part) ~= "number" or part < 0 then
      arguments.fail("random_split: part %d: expected a size or a share, got %s", i, tostring(part))
    end
    sum = sum + part
  end
  if math.abs(sum - 1) < 1e-6 and n ~= 1 then
    local left = n
    for i, part in ipairs(parts) do
      sizes[i] = math.floor(n * part + 1e-9)
      left = left - sizes[i]
    end
    for i = 1, left do
      local k = (i - 1) % #sizes + 1
      sizes[k] = sizes[k] + 1
    end
    return sizes
  end
  for i, part in ipairs(parts) do sizes[i] = math.tointeger(part) end
  if sum ~= n or #sizes ~= #parts then
    arguments.fail("random_split: expected sizes that add up to %d or shares that add up to 1, got %s", n, sum)
  end
  return sizes
end

--- data.random_split(set, {0.9, 0.1}): parts of a set, chosen at random without overlap.
---@param dataset table
---@param parts number[] sizes that add up to #dataset, or shares that add up to 1
---@param options? {seed: integer} default 0: the same split every time
---@return table ... one Subset a part
--- Source: torch.utils.data.random_split.  Example: local train, valid = data.random_split(set, {9000, 1000})
local function random_split(dataset, parts, options)
  if type(dataset) ~= "table" or not dataset.batch then
    arguments.fail("random_split: argument 1: expected a data set, got %s", arguments.got(dataset))
  end
  if type(parts) ~= "table" then
    arguments.fail("random_split: argument 2: expected a table of sizes or shares, got %s", arguments.got(parts))
  end
  options = arguments.options("random_split", 3, options, {"seed"})
  local n = #dataset
  local sizes = part_sizes(n, parts)
  local order = permutation(n, options.seed or 0)
  local subsets, first = {}, 1
  for i, size in ipairs(sizes) do
    size = math.tointeger(size)
    subsets[i] = Subset(dataset, order:narrow(1, first, size))
    first = first + size
  end
  return table.unpack(subsets)
end

return {
  Dataset = Dataset, TensorDataset = TensorDataset, Subset = Subset, ConcatDataset = ConcatDataset,
  random_split = require "apsis.core".entry("random_split", random_split),
}
