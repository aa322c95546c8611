--- Indexing against PyTorch's values: every op in every layout and dtype, with its gradients; what the errors say.

local ap = require "apsis"
local on_device = require("support.device").name

local all = golden "index"

-- --- the cases of tests/golden/index.py --------------------------------------------------------------------------

-- KEY -> the call in our names; t holds the tensors of the case. In-place forms are derived.
local moves, sums, others = {}, {}, {}

-- moves: elements go where they are told, in any dtype. sums: they are added, multiplied, compared.
for _, key in ipairs {"gather/1", "gather/zero", "gather/scalar", "gather/vector"} do
  moves[key] = function(t) return t.x:gather(1, t.index) end
end
for _, key in ipairs {"gather/2", "gather/cube2"} do moves[key] = function(t) return t.x:gather(2, t.index) end end
for _, key in ipairs {"index_select/1", "index_select/scalar"} do
  moves[key] = function(t) return t.x:index_select(1, t.index) end
end
for _, key in ipairs {"index_select/2", "index_select/cube2", "index_select/none"} do
  moves[key] = function(t) return t.x:index_select(2, t.index) end
end
moves["take"] = function(t) return t.x:take(t.index) end
moves["take_along_dim/1"] = function(t) return t.x:take_along_dim(t.index, 1) end
moves["take_along_dim/2"] = function(t) return t.x:take_along_dim(t.index, 2) end
moves["embedding"] = function(t) return ap.embedding(t.index, t.x) end
moves["embedding/none"] = moves["embedding"]
moves["embedding/padding"] = function(t) return ap.embedding(t.index, t.x, {padding_idx = 4}) end

moves["scatter/2"] = function(t) return t.x:scatter(2, t.index, t.src) end
for _, key in ipairs {"scatter/1", "scatter/larger", "scatter/zero", "scatter/scalar"} do
  moves[key] = function(t) return t.x:scatter(1, t.index, t.src) end
end
sums["scatter/number"] = function(t) return t.x:scatter(2, t.index, 7) end
for _, key in ipairs {"scatter_add/2", "scatter_add/cube2"} do
  sums[key] = function(t) return t.x:scatter_add(2, t.index, t.src) end
end
for _, key in ipairs {"scatter_add/1", "scatter_add/scalar"} do
  sums[key] = function(t) return t.x:scatter_add(1, t.index, t.src) end
end
for _, how in ipairs {"sum", "prod", "mean", "amax", "amin"} do
  for _, values in ipairs {"scatter_reduce/", "scatter_reduce/zeros/"} do
    local group = (how == "mean" or how == "prod") and others or sums
    group[values .. how] = function(t) return t.x:scatter_reduce(2, t.index, t.src, how) end
    group[values .. how .. "/without"] = function(t)
      return t.x:scatter_reduce(2, t.index, t.src, {reduce = how, include_self = false})
    end
  end
end
others["scatter_reduce/integers"] = others["scatter_reduce/mean"]
sums["index_add/1"] = function(t) return t.x:index_add(1, t.index, t.src) end
sums["index_add/2"] = function(t) return t.x:index_add(2, t.index, t.src, {alpha = 2}) end
sums["index_add/scalar"] = sums["index_add/1"]
moves["index_copy/1"] = function(t) return t.x:index_copy(1, t.index, t.src) end
moves["index_copy/2"] = function(t) return t.x:index_copy(2, t.index, t.src) end
sums["index_fill/1"] = function(t) return t.x:index_fill(1, t.index, 6) end
moves["index_fill/2"] = function(t) return t.x:index_fill(2, t.index, t.value) end
moves["put"] = function(t) return t.x:put(t.index, t.src) end
sums["put/add"] = function(t) return t.x:put(t.index, t.src, true) end

moves["where"] = function(t) return ap.where(t.mask, t.x, t.src) end
for _, key in ipairs {"where/broadcast", "where/scalars", "where/zero"} do moves[key] = moves["where"] end
others["where/number"] = function(t) return ap.where(t.mask, t.x, 2) end
sums["masked_fill"] = function(t) return t.x:masked_fill(t.mask, 6) end
moves["masked_fill/broadcast"] = function(t) return t.x:masked_fill(t.mask, t.value) end
for _, key in ipairs {"masked_select", "masked_select/broadcast", "masked_select/scalar"} do
  moves[key] = function(t) return t.x:masked_select(t.mask) end
end
moves["masked_scatter"] = function(t) return t.x:masked_scatter(t.mask, t.src) end

moves["flip/1"] = function(t) return t.x:flip(1) end
moves["flip/13"] = function(t) return t.x:flip {1, -1} end
moves["flip/none"] = function(t) return ap.flipud(t.x) end
moves["roll/flat"] = function(t) return t.x:roll(3) end
moves["roll/2"] = function(t) return t.x:roll(-7, 2) end
moves["roll/12"] = function(t) return t.x:roll({1, 2}, {1, 2}) end
moves["roll/scalar"] = function(t) return t.x:roll(1) end
moves["tile/more"] = function(t) return t.x:tile(2, 1, 3) end
moves["tile/less"] = function(t) return t.x:tile(2) end
moves["tile/zero"] = function(t) return t.x:repeat_(0, 2) end
moves["tile/scalar"] = function(t) return t.x:tile {3} end
moves["repeat_interleave/flat"] = function(t) return t.x:repeat_interleave(2) end
moves["repeat_interleave/2"] = function(t) return t.x:repeat_interleave(3, 2) end
moves["repeat_interleave/counts"] = function(t) return t.x:repeat_interleave(t.counts, 1) end
for _, k in ipairs {-9, -2, 0, 1, 9} do
  moves["tril/" .. k] = function(t) return t.x:tril(k) end
  moves["triu/" .. k] = function(t) return t.x:triu {diagonal = k} end
end

-- t[key], in the key's own words.
local function ids(list) return ap.tensor(list, {dtype = "i64"}) end
local function flags(list) return ap.tensor(list, {dtype = "bool"}) end
local keys = {
  ["rows"] = function() return ids {3, -3, 2} end,
  ["matrix"] = function() return {{}, ids {{3, 1}, {-3, 4}}} end,
  ["columns"] = function() return {{}, ids {4, 1, -2}} end,
  ["pairs"] = function() return {ids {3, 1, 2}, ids {2, 2, 4}} end,
  ["outer"] = function() return {ids {{3}, {1}}, ids {2, 2, 4}} end,
  ["apart"] = function() return {ids {3, 1}, {}, ids {2, -1}} end,
  ["last"] = function() return {"...", ids {3, 1}} end,
  ["with range"] = function() return {{2, 3}, ids {4, 1, 3}} end,
  ["with position"] = function() return {2, ids {4, 1, 3}} end,
  ["position between"] = function() return {ids {3, 1}, 2, ids {2, -1}} end,
  ["new dimension"] = function() return {"None", ids {3, 1}} end,
  ["scalar index"] = function() return ap.tensor(3) end,
  ["no index"] = function() return ids {} end,
  ["mask"] = function(t) return t:gt(4) end,
  ["row mask"] = function() return flags {true, false, true} end,
  ["plane mask"] = function(t) return t["..., 1"]:gt(3) end,
  ["column mask"] = function(t) return {{}, t[{1, {}, 1}]:gt(2)} end,
  ["mask and index"] = function() return {flags {true, false, true}, ids {2, 4}} end,
  ["mask of nothing"] = function(t) return t:gt(99) end,
}
local cube = all["index/mask/x"]
for name, key in pairs(keys) do
  local at = key(cube)
  moves["index/" .. name] = function(t) return t.x[at] end
  for _, part in ipairs {"index_put/", "index_put/broadcast/"} do
    if all[part .. name .. "/out"] then
      moves[part .. name] = function(t)
        local y = t.x:clone()
        y[at] = t.src
        return y
      end
    end
  end
end
moves["index/scalar mask"] = function(t) return t.x[flags {true, false, true}] end
sums["index_put/add"] = function(t)
  return t.x:index_put({ids {2, 2, 1}, ids {3, 3, -1}}, t.src, {accumulate = true})
end

-- The tensors of a case: name -> tensor. Values come back as f64.
local function given(key)
  local t = {}
  for name, value in pairs(all) do
    local field = name:sub(1, #key + 1) == key .. "/" and name:sub(#key + 2)
    if field and not field:find("/", 1, true) then t[field] = value.dtype == "f32" and value:to("f64") or value end
  end
  return t
end

local function sorted_keys(...)
  local list = {}
  for _, group in ipairs {...} do
    for key in pairs(group) do list[#list + 1] = key end
  end
  table.sort(list)
  return list
end

local function call_of(key) return moves[key] or sums[key] or others[key] end

-- --- layouts -----------------------------------------------------------------------------------------------------

-- The same values through other strides, for any number of dimensions.
local layouts = {
  transposed = function(x) return x.ndim < 2 and x or x:transpose(1, -1):contiguous():transpose(1, -1) end,
  strided = function(x)
    local other = ap.ones_like(x:detach())
    return ap.stack({other, x, other}, -1):select(-1, 2)
  end,
  offset = function(x)
    local other = ap.ones_like(x:detach())
    return ap.stack({other, x, other}, 1)[2]
  end,
}

local function in_layout(t, layout)
  local changed = {}
  for name, value in pairs(t) do changed[name] = name:find "^grad" and value or layout(value) end
  return changed
end

for _, key in ipairs(sorted_keys(moves, sums, others)) do
  test(key .. ": values and gradients agree with PyTorch in every layout", function()
    local f = call_of(key)
    local t = given(key)
    truth(t.out, "no golden value")
    close(f(t), t.out)
    for name, layout in pairs(layouts) do close(f(in_layout(t, layout)), t.out, {what = name}) end

    for _, name in ipairs {"x", "src", "value"} do
      if t["grad." .. name] then t[name]:requires_grad_() end
    end
    for name, layout in pairs(layouts) do
      local y = f(in_layout(t, layout))
      if not y.requires_grad then break end
      local w = ap.arange(1, y:numel(), 1, {dtype = "f64"}):cos():reshape(y:size());
      (y * w):sum():backward()
      for _, leaf in ipairs {"x", "src", "value"} do
        local expected = t["grad." .. leaf]
        if expected then
          close(t[leaf].grad or ap.zeros_like(expected), expected, {what = name .. ", gradient of " .. leaf})
          t[leaf].grad = nil
        end
      end
    end
  end)
end

local DTYPES = {"f32", "f64", "f16", "bf16", "i8", "u8", "i16", "i32", "i64", "bool"}

for _, key in ipairs(sorted_keys(moves, sums)) do
  test(key .. ": the same in every dtype, with positions in i32", function()
    local f, t = call_of(key), given(key)
    for _, dtype in ipairs(DTYPES) do
      if dtype ~= "bool" or moves[key] then
        local converted = {}
        for name, value in pairs(t) do
          local as = value.dtype == "f64" and dtype or value.dtype == "i64" and "i32" or value.dtype
          converted[name] = value:to(as)
        end
        close(f(converted), converted.out, {what = dtype})
      end
    end
  end)
end

test("every golden case is called", function()
  local missing = {}
  for name in pairs(all) do
    local key = name:match "^(.*)/out1?$"
    local family = key and key:match "^[^/]*"
    if key and not call_of(key) and not ({nonzero = 1, searchsorted = 1, bucketize = 1, isin = 1, unique = 1,
        unique_consecutive = 1, bincount = 1, one_hot = 1})[family] then
      missing[#missing + 1] = key
    end
  end
  equal(table.concat(missing, " "), "")
end)

-- --- in place ----------------------------------------------------------------------------------------------------

local in_place = {
  ["scatter/2"] = function(y, t) return y:scatter_(2, t.index, t.src) end,
  ["scatter/number"] = function(y, t) return y:scatter_(2, t.index, 7) end,
  ["scatter_add/2"] = function(y, t) return y:scatter_add_(2, t.index, t.src) end,
  ["scatter_reduce/amax"] = function(y, t) return y:scatter_reduce_(2, t.index, t.src, "amax") end,
  ["scatter_reduce/mean/without"] = function(y, t) return y:scatter_reduce_(2, t.index, t.src, "mean", false) end,
  ["index_add/1"] = function(y, t) return y:index_add_(1, t.index, t.src) end,
  ["index_copy/1"] = function(y, t) return y:index_copy_(1, t.index, t.src) end,
  ["index_fill/1"] = function(y, t) return y:index_fill_(1, t.index, 6) end,
  ["put"] = function(y, t) return y:put_(t.index, t.src) end,
  ["put/add"] = function(y, t) return y:put_(t.index, t.src, true) end,
  ["masked_fill"] = function(y, t) return y:masked_fill_(t.mask, 6) end,
  ["masked_scatter"] = function(y, t) return y:masked_scatter_(t.mask, t.src) end,
  ["tril/1"] = function(y) return y:tril_(1) end,
  ["triu/-2"] = function(y) return y:triu_(-2) end,
}
for _, key in ipairs(sorted_keys(in_place)) do
  test(key .. ": the in-place form changes x in any layout, and nothing around it", function()
    local t = given(key)
    local size = t.x:size()
    for name, layout in pairs(layouts) do
      local y = layout(t.x:clone())
      truth(rawequal(in_place[key](y, t), y), "returns x itself")
      close(y, t.out, {what = name})
    end
    table.insert(size, 1, 3)
    local wide = ap.full(size, 99, {dtype = "f64"})
    wide[2] = t.x
    in_place[key](wide[2], t)
    close(wide[1], ap.full_like(wide[1], 99))
    close(wide[3], ap.full_like(wide[3], 99))
  end)
end

test("a source or positions that share memory with the target are read as they were before", function()
  local x = ap.arange(1, 6, 1, {dtype = "i64"})
  x:scatter_(1, x, x:flip(1))
  equal(x:totable(), {6, 5, 4, 3, 2, 1})
  local y = ap.tensor({2, 3, 1}, {dtype = "i64"})
  y:scatter_(1, y, 3)
  equal(y:totable(), {3, 3, 3})
  local z = ap.arange(1, 9):reshape(3, 3)
  z[ids {1, 2, 3}] = z:t()
  equal(z:totable(), ap.arange(1, 9):reshape(3, 3):t():totable())
  local m = flags {true, false, true}
  m:masked_fill_(m, false)
  equal(m:totable(), {false, false, false})
end)

test("an op that fails leaves its target as it was", function()
  local x = ap.ones(3, 3)
  raises("out of range", function() x:scatter_(2, ids {{1, 2, 4}}, 5) end)
  raises("out of range", function() x:scatter_reduce_(2, ids {{1, 2, 4}}, ap.ones(1, 3), "amax", false) end)
  raises("out of range", function() x[ids {1, 4}] = 5 end)
  raises("broadcast", function() x[ids {1, 2}] = ap.ones(4) end)
  raises("out of range", function() x:index_fill_(1, ids {1, 0}, 5) end)
  raises("true in 3 places", function() x:masked_scatter_(flags {true, false, false}, ap.ones(2)) end)
  close(x, ap.ones(3, 3))
end)

-- --- t[key] = value ------------------------------------------------------------------------------------------------

test("index assignment takes numbers, broadcasts, and converts to the target's dtype", function()
  local x = ap.zeros({3, 4}, {dtype = "i32"})
  x[ids {1, 3}] = 7
  x[{{}, ids {2}}] = ap.tensor {1.9, 2, -3}:unsqueeze(2)
  equal(x:totable(), {{7, 1, 7, 7}, {0, 2, 0, 0}, {7, -3, 7, 7}})
  x[x:eq(7)] = -1
  equal(x:totable(), {{-1, 1, -1, -1}, {0, 2, 0, 0}, {-1, -3, -1, -1}})
  x["2, 3"] = 5
  x[{ids {-1, 1}, 4}] = ids {8, 9}
  equal(x:totable(), {{-1, 1, -1, 9}, {0, 2, 5, 0}, {-1, -3, -1, 8}})
end)

test("assignment through a key of ranges and tensors is recorded as a whole", function()
  local x = ap.arange(1, 12, 1, {dtype = "f64"}):reshape(3, 4):requires_grad_()
  local v = ap.tensor({10, 20}, {dtype = "f64", requires_grad = true})
  local y = x * 1
  y[{{2, 3}, ids {4, 1}}] = v;
  (y * y):sum():backward()
  close(v.grad, {40, 80})
  close(x.grad, {{2, 4, 6, 8}, {0, 12, 14, 0}, {0, 20, 22, 0}})
end)

test("repeated positions: the last write stays, sums and gradients add up", function()
  local x = ap.zeros(3)
  x[ids {2, 2, 2}] = ap.tensor {1.0, 2, 3}
  close(x, {0, 3, 0})
  close(ap.zeros(3):index_put({ids {2, 2, 2}}, ap.tensor {1.0, 2, 3}, true), {0, 6, 0})
  local w = ap.zeros(2, 3):requires_grad_()
  ap.embedding(ids {{1, 1}, {1, 2}}, w):sum():backward()
  close(w.grad, {{3, 3, 3}, {1, 1, 1}})
end)

-- --- results of other kinds ----------------------------------------------------------------------------------------

test("nonzero gives positions in order, as a matrix or as a list for t[...]", function()
  for _, name in ipairs {"matrix", "cube", "scalar", "none"} do
    local t = given("nonzero/" .. name)
    close(t.x:nonzero(), t.out, {what = name})
    close(layouts.transposed(t.x):nonzero(), t.out, {what = name .. ", transposed"})
  end
  local x = given("nonzero/cube").x
  local at = x:nonzero {as_tuple = true}
  equal(#at, 3)
  close(x[at], x:masked_select(x:ne(0)))
end)

test("tril_indices and triu_indices agree with PyTorch", function()
  for _, k in ipairs {-9, -2, 0, 1, 9} do
    close(ap.tril_indices(3, 4, k), all["tril_indices/" .. k])
    close(ap.triu_indices(3, 4, {offset = k}), all["triu_indices/" .. k])
  end
end)

test("searchsorted and bucketize agree with PyTorch, in every layout and dtype", function()
  for _, side in ipairs {"left", "right"} do
    local t, rows, b = given("searchsorted/" .. side), given("searchsorted/rows/" .. side), given("bucketize/" .. side)
    close(ap.searchsorted(t.x, t.v, {side = side}), t.out)
    close(ap.searchsorted(rows.x, rows.v, side == "right"), rows.out)
    close(ap.bucketize(b.v, b.x, {right = side == "right"}), b.out)
    for name, layout in pairs(layouts) do
      close(ap.searchsorted(layout(rows.x), layout(rows.v), side == "right"), rows.out, {what = name})
    end
    for _, dtype in ipairs {"f32", "i64", "i32", "u8"} do
      local whole = t.v:narrow(2, 1, 3)
      close(ap.searchsorted(t.x:to(dtype), whole:to(dtype), {side = side}), t.out:narrow(2, 1, 3), {what = dtype})
    end
  end
  equal(ap.searchsorted(ap.tensor {1, 3, 5}, 4):item(), 3)
  equal(ap.searchsorted(ap.zeros(0), ap.tensor {1.0}):totable(), {1})
end)

test("isin agrees with PyTorch, and inverts", function()
  for _, name in ipairs {"isin", "isin/none"} do
    local t = given(name)
    for layout_name, layout in pairs(layouts) do
      close(layout(t.x):isin(layout(t.v)), t.out, {what = layout_name})
    end
    close(t.x:isin(t.v, {invert = true}), ~t.out)
    close(t.x:to("i32"):isin(t.v:to("u8")), t.out)
  end
end)

test("unique and unique_consecutive agree with PyTorch: values, inverse, counts, along dims", function()
  if on_device then -- they run on the CPU
    raises("unique: has no kernel for f32 on cl:%d+; move the tensor", function() ap.ones(2):unique() end)
    return
  end
  for name, dim in pairs {unique = false, ["unique/nan"] = false, ["unique/1"] = 1, ["unique/2"] = 2,
    ["unique/none"] = false, ["unique/scalar"] = false, ["unique_consecutive"] = false,
    ["unique_consecutive/1"] = 1} do
    local t = given(name)
    local f = name:find "consecutive" and ap.unique_consecutive or ap.unique
    for layout_name, layout in pairs(layouts) do
      local values, inverse, counts = f(layout(t.x),
        {return_inverse = true, return_counts = true, dim = dim or nil})
      close(values, t.out1, {what = name .. " " .. layout_name})
      close(inverse, t.out2, {what = name .. " " .. layout_name})
      close(counts, t.out3, {what = name .. " " .. layout_name})
    end
  end
  local values, counts = ap.tensor({3, 1, 3}, {dtype = "u8"}):unique {return_counts = true}
  equal(values:totable(), {1, 3})
  equal(counts:totable(), {1, 2})
  equal(values.dtype, "u8")
  equal(ap.tensor({2.5, -1, 2.5}, {dtype = "bf16"}):unique():totable(), {-1.0, 2.5})
end)

test("unique of integers: counted where they lie close together, sorted where they do not, with one result", function()
  if on_device then return end
  for _, case in ipairs {{"i64", 90000, -40}, {"i32", 300, -150}, {"i16", 50, -20}, {"u8", 200, 0}, {"bool", 2, 0}} do
    local dtype, range, low = table.unpack(case)
    local x = (ap.randint(1, range, {400, 3}) + (low - 1)):to(dtype)
    local values, inverse, counts = x:unique(true, true, true)
    -- As columns of two equal elements, which are always sorted.
    local slices, slice_inverse, slice_counts = ap.stack({x:view(-1), x:view(-1)}, 1):unique(true, true, true, 2)
    equal(values, slices[1])
    equal(inverse, slice_inverse:view(400, 3))
    equal(counts, slice_counts)
    equal(values.dtype, dtype)
  end
  local least, most = math.mininteger, math.maxinteger
  equal(ap.tensor {most, 0, least, 0, most - 1}:unique():totable(), {least, 0, most - 1, most})
end)

test("bincount and one_hot agree with PyTorch, counting from 1", function()
  local t = given "bincount"
  close(t.index:bincount(), t.out)
  close(t.index:to("i32"):bincount(), t.out)
  local w = given "bincount/weights"
  close(w.index:bincount(w.src), w.out)
  equal(w.index:bincount(w.src:to("f32")).dtype, "f32")
  close(given "bincount/minlength".index:bincount {minlength = 8}, given "bincount/minlength".out)
  close(ap.one_hot(given "one_hot".index), given "one_hot".out)
  close(given "one_hot/classes".index:one_hot(5), given "one_hot/classes".out)
end)

test("where promotes as PyTorch does: tensors before 0-dim tensors before numbers", function()
  local c = flags {true, false}
  equal(ap.where(c, ids {1, 2}, 0).dtype, "i64")
  equal(ap.where(c, ids {1, 2}, 0.5).dtype, "f32")
  equal(ap.where(c, ap.ones({2}, {dtype = "f16"}), 0.5).dtype, "f16")
  equal(ap.where(c, ap.ones(2), ap.ones({}, {dtype = "f64"})).dtype, "f32")
  equal(ap.where(c, ap.ones(2), ap.ones({2}, {dtype = "f64"})).dtype, "f64")
  equal(ap.where(c, 1.5, 2).dtype, "f32")
  equal(ap.where(c, true, false):totable(), {true, false})
  equal(ap.where(c, 2 ^ 53 // 1 + 1, 0):totable(), {2 ^ 53 // 1 + 1, 0})
end)

-- --- many threads ---------------------------------------------------------------------------------------------------

test("large operands: the same results as small pieces, on all threads", function()
  local n, d = 2000, 96
  local x = ap.arange(1, n * d):reshape(n, d):to("f32")
  local order = (ap.arange(1, n) * 7 % n + 1):to("i64")
  local rows, columns = x:index_select(1, order), x:gather(2, order:narrow(1, 1, n):unsqueeze(2) % d + 1)
  local sum = ap.zeros(50, d):index_add(1, order % 50 + 1, x)
  local swept = ap.zeros(n, d):scatter_(2, (order % d + 1):unsqueeze(2), 1)
  for _, i in ipairs {1, 777, 1234, n} do
    local at = order[i]:item()
    close(rows[i], x[at])
    close(columns[i], x[i]:narrow(1, at % d + 1, 1))
    equal(swept[i]:argmax():item(), at % d + 1)
  end
  close(sum:sum(1):to("f64"), x:to("f64"):sum(1), {rtol = 1e-5})
  local again = ap.zeros(50, d):index_add(1, order % 50 + 1, x)
  truth(again:eq(sum):all():item(), "the same bits again")
  equal(swept:sum():item(), n + 0.0)
  local masked = x:masked_fill(x:gt(100), 0)
  equal(masked:sum():item(), 5050.0)
  close(x:masked_select(x:gt(n * d - 2)), {n * d - 1.0, n * d})
  equal(x:tril(-1):eq(0):sum():item() - 0, (function()
    local zero = 0
    for i = 1, n do zero = zero + math.max(d - i + 1, 0) end
    return zero
  end)())
end)

-- --- errors ---------------------------------------------------------------------------------------------------------

test("a position out of range: the position, the dimension, its range, and that positions count from 1", function()
  local x = ap.ones(3, 5)
  local cases = {
    {"gather", function(i) return x:gather(2, ids {{i}}) end},
    {"index_select", function(i) return x:index_select(2, ids {i}) end},
    {"take_along_dim", function(i) return x:take_along_dim(ids {{i}}, 2) end},
    {"scatter", function(i) return x:scatter(2, ids {{i}}, 1) end},
    {"scatter_add_", function(i) return x:scatter_add_(2, ids {{i}}, ap.ones(1, 1)) end},
    {"index_add", function(i) return x:index_add(2, ids {i}, ap.ones(3, 1)) end},
    {"index_fill_", function(i) return x:index_fill_(2, ids {i}, 0) end},
  }
  for _, case in ipairs(cases) do
    local name, f = case[1], case[2]
    raises(name .. ": index 0 is out of range: positions in dimension 2 run 1%.%.5; they count from 1", f, 0)
    raises(name .. ": index 6 is out of range: positions in dimension 2 run 1%.%.5$", f, 6)
    raises(name .. ": index %-1 is out of range", f, -1)
  end
  raises("index: index 0 is out of range: positions in dimension 1 run 1%.%.3; they count from 1",
    function() return x[ids {0}] end)
  raises("index: index %-4 is out of range", function() return x[ids {-4}] end)
  raises("index_put_: index 6 is out of range: positions in dimension 2", function() x[{{}, ids {6}}] = 1 end)
  raises("take: index 16 is out of range", function() return x:take(ids {16}) end)
  raises("dimension 1 is empty", function() return ap.zeros(0, 2):index_select(1, ids {1}) end)
  raises("dimension 1 is empty", function() return ap.zeros(0)[ids {0}] end)
end)

test("an id or a class that counts from 0: what to add", function()
  raises("embedding: id 0 is out of range: ids run 1%.%.4; add 1 to 0%-based ids",
    function() return ap.embedding(ids {0, 1}, ap.ones(4, 2)) end)
  raises("embedding: id 5 is out of range: ids run 1%.%.4$", function() return ap.embedding(ids {5}, ap.ones(4, 2)) end)
  raises("embedding: padding_idx 0", function() return ap.embedding(ids {1}, ap.ones(4, 2), 0) end)
  raises("one_hot: class 0: classes run 1%.%.3; add 1 to 0%-based labels", function() return ids {0, 2}:one_hot(3) end)
  raises("one_hot: class 0: classes run from 1; add 1", function() return ids {0, 2}:one_hot() end)
  raises("bincount: value 0: values run from 1; add 1", function() return ids {0, 2}:bincount() end)
end)

test("positions, masks and values of the wrong kind: what came and what to do", function()
  local x = ap.ones(3, 5)
  raises('gather: expected positions of dtype i64 or i32, got f32; convert them: index:to%("i64"%)',
    function() return x:gather(1, ap.ones(1, 5)) end)
  raises("where: expected a bool condition, got f32; compare first", function() return ap.where(x, x, x) end)
  raises("masked_fill: expected a bool mask, got f32", function() return x:masked_fill(x, 0) end)
  raises('scatter: the source is f64 and the target f32; convert it: src:to%("f32"%)',
    function() return x:scatter(1, ids {{1}}, ap.ones({1, 1}, {dtype = "f64"})) end)
  raises("masked_fill: a floating value does not fit the i64 tensor",
    function() return ids {1, 2}:masked_fill(flags {true, false}, 0.5) end)
  raises("masked_fill: expected a number or a 0%-dim tensor", function() return x:masked_fill(x:gt(0), ap.ones(2)) end)
  raises("scatter_reduce: reduce: expected sum, prod, mean, amax or amin, got 'max'",
    function() return x:scatter_reduce(1, ids {{1}}, x, "max") end)
  raises("gather: argument 3: expected a tensor, got nothing", function() return x:gather(1) end)
  raises("nonzero", function() return ap.where(x:gt(0)) end)
end)

test("shapes that do not fit: both of them", function()
  local x = ap.ones(3, 5)
  raises("gather: the index %(2%) must have as many dimensions as %(3x5%)",
    function() return x:gather(1, ids {1, 2}) end)
  raises("gather: the index %(4x1%) is larger than %(3x5%) in dimension 1",
    function() return x:gather(2, ids {{1}, {1}, {1}, {1}}) end)
  raises("scatter: the index %(1x2%) is larger than the source %(1x1%) in dimension 2",
    function() return x:scatter(2, ids {{1, 2}}, ap.ones(1, 1)) end)
  raises("index_add: expected a source of shape %(2x5%) for 2 positions in dimension 1 of %(3x5%), got %(3x5%)",
    function() return x:index_add(1, ids {1, 2}, x) end)
  raises("index_select: expected a vector of positions, got %(1x2%)",
    function() return x:index_select(1, ids {{1, 2}}) end)
  raises("index: the mask %(2%) does not fit %(3x5%)", function() return x[flags {true, false}] end)
  raises("more indices than the 2 dimensions", function() return x[{ids {1}, ids {1}, ids {1}}] end)
  raises("do not broadcast", function() return x[{ids {1, 2}, ids {1, 2, 3}}] end)
  raises("where: %(3x5%) and %(4%) do not broadcast", function() return ap.where(x:gt(0), x, ap.ones(4)) end)
  raises("embedding: expected a weight of shape %(V, D%), got %(5%)", function() return ap.embedding(ids {1}, x[1]) end)
  raises("tril: expected at least 2 dimensions", function() return ap.ones(3):tril() end)
  raises("searchsorted: sorted values %(3x5%)", function() return ap.searchsorted(x, ap.ones(2, 5)) end)
  raises("roll: expected as many shifts as dims", function() return x:roll({1, 2}, 1) end)
  raises("repeat_interleave: expected one count", function() return x:repeat_interleave(ids {1, 2}, 1) end)
  raises("repeat_: expected a number of times for each of the 2", function() return x:repeat_(2) end)
end)

test("a target whose elements share memory is refused", function()
  local x = ap.ones(1, 3):expand(2, 3)
  raises("scatter_: .*share memory", function() x:scatter_(1, ids {{1, 1, 1}}, 5) end)
  raises("masked_fill_: .*share memory", function() x:masked_fill_(x:gt(0), 5) end)
  raises("index_put_: .*share memory", function() x[ids {1}] = 5 end)
  raises("tril_: .*share memory", function() x:tril_() end)
end)

test("a result too large for memory names the op and leaves no trace", function()
  raises("tile: out of memory", function() return ap.ones(1000):tile(2 ^ 40 // 1) end)
  raises("tile: out of memory", function() return ap.ones(1000):tile(2 ^ 62 // 1) end)
  raises("repeat_interleave: out of memory", function() return ap.ones(1000):repeat_interleave(2 ^ 50 // 1) end)
  raises("one_hot: out of memory", function() return ids {1}:one_hot(2 ^ 50 // 1) end)
  raises("bincount: out of memory", function() return ids {2 ^ 50 // 1}:bincount() end)
end)

test("errors leave no memory behind", function()
  local x = ap.ones(3, 5)
  local function fail()
    pcall(ap.gather, x, 2, ids {{9}})
    pcall(ap.scatter, x, 2, ids {{9}}, 1)
    pcall(ap.scatter_reduce, x, 2, ids {{9}}, x, "mean", false)
    pcall(ap.index_put, x, {ids {1}, ids {9}}, 1)
    pcall(ap.index_put, x, {ids {1, 2}, flags {true, true, true, false, false}}, 1)
    pcall(ap.index, x, {ids {1, 2}, ids {1, 2, 3}})
    pcall(ap.embedding, ids {9}, x)
    pcall(ap.where, x:gt(0), x, ap.ones(4))
    pcall(ap.masked_scatter, x, x:gt(0), ap.ones(4))
    pcall(ap.take_along_dim, x, ids {{9}}, 2)
    pcall(ap.put, x, ids {99}, 1)
    pcall(ap.one_hot, ids {9}, 5)
    pcall(ap.bincount, ids {0, 5})
    pcall(ap.repeat_interleave, x, ids {-1, 1, 1}, 1)
  end
  fail()
  collectgarbage()
  local before = ap.memory().live
  for _ = 1, 20 do fail() end
  collectgarbage()
  equal(ap.memory().live, before)
end)
