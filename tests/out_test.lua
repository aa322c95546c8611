--- {out = t}: over every op that has a sample, what is written is what the op gives; and the rules.

local ap = require "apsis"
local samples = require "support.samples"

local function is_options(v) return type(v) == "table" and type((next(v))) == "string" and not ap.is_tensor(v) end

-- The arguments with out among their options.
local function with_out(given, n, out)
  local list = table.move(given, 1, n, 1, {})
  local options = {out = out}
  if is_options(list[n]) then
    for k, v in pairs(list[n]) do options[k] = v end
    list[n] = options
    return list, n
  end
  list[n + 1] = options
  return list, n + 1
end

local function plain(v) return ap.is_tensor(v) and v:detach() or v end

-- Some have no sample but their own call, or give views.
local views = {view = true, squeeze = true, unsqueeze = true, transpose = true, t = true, permute = true,
  movedim = true, expand = true, expand_as = true, select = true, narrow = true, unfold = true, diagonal = true,
  as_strided = true, getitem = true, detach = true, contiguous = true, to = true, reshape = true, flatten = true,
  unflatten = true}

local names = {}
for name in pairs(samples.ops) do
  if not name:find "_$" and not views[name] and ap[name] then names[#names + 1] = name end
end
table.sort(names)

for _, name in ipairs(names) do
  test(name .. ": {out = t} holds what it gives", function()
    for _, sample in ipairs(samples.ops[name]) do
      if not sample.f then
        local given = table.pack(sample.make())
        for i = 1, given.n do
          given[i] = plain(given[i])
          if type(given[i]) == "table" and not is_options(given[i]) then
            for k, v in pairs(given[i]) do given[i][k] = plain(v) end
          end
        end
        ap.manual_seed(3)
        local expected = table.pack(pcall(ap[name], table.unpack(given, 1, given.n)))
        if not expected[1] and tostring(expected[2]):find "has no kernel for" then return end
        truth(expected[1], expected[2])
        expected = table.pack(table.unpack(expected, 2, expected.n))
        local out = {}
        for i = 1, expected.n do out[i] = ap.full(expected[i]:size(), 7, {dtype = expected[i].dtype}) end
        local before = {}
        for i = 1, expected.n do before[i] = ap.version(out[i]) end
        local list, n = with_out(given, given.n, expected.n == 1 and out[1] or out)
        ap.manual_seed(3)
        local got = table.pack(ap[name](table.unpack(list, 1, n)))
        for i = 1, expected.n do
          truth(rawequal(got[i], out[i]), "the result is out itself")
          close(out[i], expected[i], {rtol = 0, atol = 0})
          truth(ap.version(out[i]) > before[i], "autograd sees the change")
        end
        -- Through strides too.
        if expected.n == 1 and expected[1].ndim > 0 and expected[1]:numel() > 0 then
          local size, stride, step = expected[1]:size(), {}, 2
          for d = #size, 1, -1 do
            stride[d] = step
            step = step * size[d]
          end
          local wide = ap.zeros({expected[1]:numel(), 2}, {dtype = expected[1].dtype})
          local target = wide:as_strided(size, stride, 2)
          list, n = with_out(given, given.n, target)
          ap.manual_seed(3)
          ap[name](table.unpack(list, 1, n))
          close(target:clone(), expected[1]:clone(), {rtol = 0, atol = 0})
          truth(not wide:select(2, 1):ne(0):any():item(), "nothing beside it changes")
        end
      end
    end
  end)
end

test("out: the memory of out is written directly, and an input may be out", function()
  local a, b, t = ap.ones(1000), ap.ones(1000), ap.zeros(1000)
  local live = ap.memory().live
  ap.add(a, b, {out = t})
  equal(ap.memory().live, live)
  equal(t:sum():item(), 2000.0)
  ap.add(t, b, {out = t})
  equal(t:sum():item(), 3000.0)
  local x = ap.arange(1, 6, 1, {dtype = "f32"}):reshape(2, 3)
  ap.cumsum(x, 2, {out = x})
  equal(x:totable(), {{1.0, 3, 6}, {4.0, 9, 15}})
  local m = ap.tensor {{1.0, 2}, {3, 4}}
  ap.mm(m, m, {out = m})
  equal(m:totable(), {{7.0, 10}, {15, 22}})
  local y = ap.arange(1, 4, 1, {dtype = "f32"})
  ap.neg(y:narrow(1, 1, 3), {out = y:narrow(1, 2, 3)})
  equal(y:totable(), {1.0, -1, -2, -3})
end)

test("out: other options stay, of the caller's table nothing changes", function()
  local t, options = ap.zeros(2), {dim = 2}
  options.out = t
  ap.ones(2, 3):sum(options)
  equal({t:totable(), options.dim, rawequal(options.out, t)}, {{3.0, 3.0}, 2, true})
  equal(ap.ones(2):add(ap.ones(2), {alpha = 3, out = t}):totable(), {4.0, 4.0})
  raises("sum: unknown option 'dimension'", ap.sum, ap.ones(2), {dimension = 1, out = t})
end)

test("out: dtypes are converted within their kind and upwards", function()
  local t = ap.zeros({2}, {dtype = "f64"})
  equal(ap.add(ap.ones(2), 1, {out = t}):totable(), {2.0, 2.0})
  equal(ap.eq(ap.ones(2), 1, {out = t}):totable(), {1.0, 1.0})
  local i = ap.zeros({2}, {dtype = "i32"})
  equal(ap.add(ap.tensor {1, 2}, 1, {out = i}):totable(), {2, 3})
  raises("add: a f32 result does not fit out, which is i32", ap.add, ap.ones(2), 1, {out = i})
  equal(i:totable(), {2, 3})
end)

test("out: several results, creation, functions in Lua", function()
  local values, positions = ap.zeros(3), ap.zeros({3}, {dtype = "i64"})
  local v = ap.sort(ap.tensor {3.0, 1, 2}, {out = {values, positions}})
  truth(rawequal(v, values))
  equal({values:totable(), positions:totable()}, {{1.0, 2, 3}, {2, 3, 1}})
  raises("sort: gives 2 results, out has 1", ap.sort, ap.ones(3), {out = {values}})
  raises("sort: gives 2 results: out must be a table", ap.sort, ap.ones(3), {out = values})
  local t = ap.zeros({2, 2}, {dtype = "f64"})
  equal(ap.eye(2, {out = t}):totable(), {{1.0, 0}, {0, 1.0}})
  equal(ap.arange(1, 4, {out = ap.zeros(4)}):totable(), {1.0, 2, 3, 4})
  equal(ap.full({2, 2}, 7, {out = t}):totable(), {{7.0, 7}, {7, 7}})
  ap.manual_seed(1)
  local drawn = ap.rand(2, 2, {out = t})
  truth(rawequal(drawn, t) and t:amax():item() < 1)
  equal(ap.hstack {ap.ones(2), ap.zeros(1), out = ap.zeros(3)}.shape, {3})
  equal(ap.hstack({ap.ones(2), ap.zeros(1)}, {out = ap.zeros(3)}):totable(), {1.0, 1.0, 0.0})
  equal(ap.lerp(ap.zeros(2), ap.ones(2), ap.full({2}, 0.25), {out = ap.zeros(2)}):totable(), {0.25, 0.25})
  equal(ap.clamp(ap.tensor {5.0, -5}, {min = 0, out = ap.zeros(2)}):totable(), {5.0, 0.0})
end)

test("out: what cannot be says why", function()
  local x, t = ap.ones(2, 3), ap.zeros(2, 3)
  raises("add: out has the shape %(2%), the result %(2x3%): out is not resized", ap.add, x, 1, {out = ap.zeros(2)})
  raises("add_: works in place: it takes no out", ap.add_, x, 1, {out = t})
  raises("transpose: gives a view, no new tensor: it takes no out", ap.transpose, x, 1, 2, {out = ap.zeros(3, 2)})
  raises("allclose: gives a boolean, no tensor", ap.allclose, x, x, {out = t})
  raises("add: out: expected a tensor", ap.add, x, 1, {out = 7})
  raises("mm: %(2x3%) and %(2x3%)", ap.mm, x, x, {out = t})
  raises("elements of the target share memory", ap.add, x, 1, {out = ap.zeros(1, 3):expand(2, 3)})
  local leaf = ap.ones({2, 3}, {requires_grad = true})
  raises("mul: out records no gradient, but an argument requires one", ap.mul, leaf, 2, {out = t})
  raises("mul: out requires a gradient", ap.mul, x, 2, {out = leaf})
  ap.no_grad(function() ap.mul(leaf, 2, {out = t}) end)
  equal(t:sum():item(), 12.0)
  equal(ap.ones(2, 3):sum():item(), 6.0) -- nothing is left behind by the errors
end)

test("out: on another device", function()
  if not ap.cl.is_available() then return end
  local x = ap.ones({4}, {device = "cl"})
  local t = ap.zeros({4}, {device = "cl"})
  equal(ap.exp(x * 0, {out = t}):to("cpu"):totable(), {1.0, 1, 1, 1})
  raises("add: tensors on", ap.add, x, 1, {out = ap.zeros(4):to "cpu"})
end)

test("out: distributions write there too", function()
  for _, name in ipairs {"poisson", "standard_gamma", "dirichlet"} do
    local x, t = ap.full({2, 3}, 1.5), ap.zeros(2, 3)
    ap.manual_seed(3)
    local expected = ap[name](x)
    ap.manual_seed(3)
    truth(rawequal(ap[name](x, {out = t}), t), name)
    close(t, expected, {rtol = 0, atol = 0})
  end
end)
