-- Data sets, splits and the loader.

local ap = require "apsis"
local data = require "apsis.data"

local function numbered(n)
  return data.TensorDataset(ap.arange(1, n), ap.arange(1, n) * 10)
end

local function seen(loader)
  local list = {}
  for x in loader do
    for _, v in ipairs(x:totable()) do list[#list + 1] = v end
  end
  return list
end

test("TensorDataset: counts from 1, and its tensors must have as many rows", function()
  local set = numbered(5)
  equal(#set, 5)
  local x, y = set:get(5)
  equal(x:item(), 5)
  equal(y:item(), 50)
  raises("argument 2: expected 5 rows", function() data.TensorDataset(ap.ones(5), ap.ones(4)) end)
end)

test("DataLoader: gives every sample once an epoch, the last batch smaller", function()
  local loader = data.DataLoader(numbered(10), {batch_size = 4})
  equal(#loader, 3)
  local sizes = {}
  for x, y in loader do
    sizes[#sizes + 1] = #x
    equal(y, x * 10)
  end
  equal(table.concat(sizes, " "), "4 4 2")
  equal(table.concat(seen(loader), " "), "1 2 3 4 5 6 7 8 9 10")
end)

test("DataLoader: drop_last leaves the last batch out", function()
  local loader = data.DataLoader(numbered(10), {batch_size = 4, drop_last = true})
  equal(#loader, 2)
  equal(#seen(loader), 8)
end)

test("DataLoader: shuffles every epoch anew, and the same for the same seed", function()
  local function make(seed)
    return data.DataLoader(numbered(50), {batch_size = 7, shuffle = true, seed = seed})
  end
  local a, b = make(3), make(3)
  local first, second = seen(a), seen(a)
  truth(table.concat(first, " ") ~= table.concat(second, " "))
  equal(table.concat(seen(b), " "), table.concat(first, " "))
  equal(table.concat(seen(b), " "), table.concat(second, " "))
  table.sort(first)
  for i = 1, 50 do equal(first[i], i) end
  truth(table.concat(seen(make(4)), " ") ~= table.concat(second, " "))
end)

test("DataLoader: does not touch the global generator", function()
  ap.manual_seed(5)
  local expected = ap.rand(3)
  ap.manual_seed(5)
  seen(data.DataLoader(numbered(20), {shuffle = true}))
  equal(ap.rand(3), expected)
end)

test("DataLoader: a loop left by break leaves the next one whole", function()
  local loader = data.DataLoader(numbered(6), {batch_size = 2})
  for _ in loader do break end -- luacheck: ignore 512
  equal(#seen(loader), 6)
end)

test("DataLoader: nested loops over one loader are an error, iter() serves them", function()
  local loader = data.DataLoader(numbered(4), {batch_size = 1})
  raises("two loops over one loader", function()
    for _ in loader do
      for _ in loader do break end -- luacheck: ignore 512
    end
  end)
  local n = 0
  for _ in loader do
    for _ in loader:iter() do n = n + 1 end
  end
  equal(n, 16)
end)

test("DataLoader: restored in the middle of an epoch it goes on with the next batch", function()
  local function make()
    return data.DataLoader(numbered(20), {batch_size = 3, shuffle = true, seed = 9})
  end
  local a, b = make(), make()
  seen(a)
  local rest, k, state = {}, 0, nil
  for x in a do
    k = k + 1
    if k == 3 then state = a:state_dict() end
    if k > 3 then rest[#rest + 1] = table.concat(x:totable(), " ") end
  end
  b:load_state_dict(state)
  local other = {}
  for x in b do other[#other + 1] = table.concat(x:totable(), " ") end
  equal(table.concat(other, "|"), table.concat(rest, "|"))
  equal(table.concat(seen(a), " "), table.concat(seen(b), " "))
end)

test("DataLoader: changing a batch in place leaves the data as it is", function()
  local set = data.TensorDataset(ap.ones(4), ap.ones(4))
  for x in data.DataLoader(set, {batch_size = 2}) do x:fill_(7) end
  equal(set.tensors[1], ap.ones(4))
end)

test("DataLoader: transform makes the batch", function()
  local loader = data.DataLoader(numbered(4), {batch_size = 4, transform = function(x, y) return x + 1, y end})
  for x in loader do equal(x, ap.arange(2, 5)) end
end)

test("DataLoader: bad options are named", function()
  raises("DataLoader: unknown option 'batchsize'; options: batch_size",
    function() data.DataLoader(numbered(4), {batchsize = 2}) end)
  raises("batch_size: expected", function() data.DataLoader(numbered(4), {batch_size = 0}) end)
  raises("argument 1 %(dataset%)", function() data.DataLoader(ap.ones(3)) end)
end)

test("Dataset: one's own set needs length and get only", function()
  local Squares = data.Dataset:extend "Squares"
  function Squares:length() return 5 end -- luacheck: ignore self
  function Squares:get(i) return ap.full({2}, i * 1.0), i * i end -- luacheck: ignore self
  for x, y in data.DataLoader(Squares(), {batch_size = 5}) do
    equal(x:size(2), 2)
    equal(y, ap.tensor {1, 4, 9, 16, 25})
  end
end)

test("Subset and ConcatDataset: address the samples of other sets", function()
  local part = data.Subset(numbered(10), {2, 4, 6})
  equal(#part, 3)
  equal((part:get(2)):item(), 4)
  equal(table.concat(seen(data.DataLoader(part, {batch_size = 2})), " "), "2 4 6")
  local both = data.ConcatDataset {numbered(3), part}
  equal(#both, 6)
  equal((both:get(5)):item(), 4)
end)

test("random_split: parts do not overlap, cover the set, and are the same every time", function()
  local a, b = data.random_split(numbered(10), {0.75, 0.25})
  equal(#a + #b, 10)
  local all = seen(data.DataLoader(a))
  for _, v in ipairs(seen(data.DataLoader(b))) do all[#all + 1] = v end
  table.sort(all)
  equal(table.concat(all, " "), "1 2 3 4 5 6 7 8 9 10")
  local again = data.random_split(numbered(10), {8, 2})
  equal(#again, 8)
  raises("add up to 10", function() data.random_split(numbered(10), {5, 4}) end)
end)

test("permutation: every order of three comes up about equally often", function()
  local counts = {}
  for seed = 1, 1200 do
    local key = table.concat(data.permutation(3, seed):totable())
    counts[key] = (counts[key] or 0) + 1
  end
  local kinds = 0
  for _, n in pairs(counts) do
    kinds = kinds + 1
    truth(n > 140 and n < 260)
  end
  equal(kinds, 6)
end)
