--- What is composed of views, cat and indexing: stacking, splitting, placing, grids; and creation and conversion.
--- tests/opinfo_test.lua holds most of it against PyTorch's samples; here: base 1, gradients, layouts, errors.

local ap = require "apsis"
local samples = require "support.samples"

local function matrix(n, m) return ap.arange(1, n * m, 1, {dtype = "f32"}):reshape(n, m) end

-- Gradients and second derivatives of f, which gives a tensor or a table of them.
local function differentiable(name, f, ...)
  local make = {...}
  test(name .. ": gradients agree with finite differences", function()
    local inputs = {}
    for i, size in ipairs(make) do inputs[i] = samples.real(table.unpack(size)) end
    local function call(...)
      local y = f(...)
      if type(y) == "table" then return table.unpack(y) end
      return y
    end
    ap.autograd.gradcheck(call, inputs)
    ap.autograd.gradgradcheck(function(...)
      local ys = table.pack(call(...))
      for i = 1, ys.n do ys[i] = ys[i] * ys[i] end
      return table.unpack(ys)
    end, inputs)
  end)
end

test("hstack, vstack, dstack, column_stack: vectors and matrices", function()
  local v, w = ap.tensor {1, 2}, ap.tensor {3, 4}
  equal(ap.hstack {v, w}:totable(), {1, 2, 3, 4})
  equal(ap.vstack(v, w):totable(), {{1, 2}, {3, 4}})
  equal(ap.dstack {v, w}:totable(), {{{1, 3}, {2, 4}}})
  equal(ap.column_stack {v, w, ap.ones(2, 1, {dtype = "i64"})}:totable(), {{1, 3, 1}, {2, 4, 1}})
  equal(ap.hstack {matrix(2, 2), matrix(2, 1)}.shape, {2, 3})
  raises("hstack: argument 2: expected a tensor, got a number", ap.hstack, v, 3)
  raises("vstack: expected at least one tensor", ap.vstack, {})
end)
differentiable("hstack", function(a, b) return ap.hstack {a, b} end, {2, 3}, {2, 1})
differentiable("dstack", function(a, b) return ap.dstack {a, b} end, {2, 3}, {2, 3})

test("tensor_split, hsplit, vsplit, dsplit: equal parts and cuts after positions", function()
  local x = ap.arange(7)
  local function parts(...)
    local list = {}
    for i, part in ipairs(x:tensor_split(...)) do list[i] = part:totable() end
    return list
  end
  equal(parts(3), {{1, 2, 3}, {4, 5}, {6, 7}})
  equal(parts {2, 5}, {{1, 2}, {3, 4, 5}, {6, 7}})
  equal(parts {2, -1}, {{1, 2}, {3, 4, 5, 6}, {7}})
  equal(parts {5, 9}[2], {6, 7})
  equal(#parts {5, 9}[3], 0)
  local m = matrix(2, 4)
  equal(ap.hsplit(m, 2)[2]:totable(), {{3, 4}, {7, 8}})
  equal(m:vsplit {1}[2]:totable(), {{5, 6, 7, 8}})
  m:hsplit(2)[1]:fill_(0)
  equal(m:totable(), {{0, 0, 3, 4}, {0, 0, 7, 8}})
  raises("hsplit: 4 positions of dimension 2 make no 3 equal parts", ap.hsplit, m, 3)
  raises("dsplit: expected at least 3 dimensions", ap.dsplit, m, 2)
  raises("tensor_split: argument 2", ap.tensor_split, m, 0)
end)
differentiable("tensor_split", function(x) return x:tensor_split({1, 3}, 2) end, {2, 5})

test("atleast_1d, _2d, _3d, broadcast_shapes, broadcast_tensors", function()
  local a, b = ap.atleast_2d(ap.tensor(1.5), ap.ones(3))
  equal({a.shape, b.shape, ap.atleast_3d(ap.ones(3)).shape, ap.atleast_3d(ap.ones(2, 3)).shape},
    {{1, 1}, {1, 3}, {1, 3, 1}, {2, 3, 1}})
  equal(#ap.atleast_1d {ap.tensor(1), ap.ones(2)}, 2)
  equal(ap.broadcast_shapes({2, 1}, {3}, {1, 1, 1}), {1, 2, 3})
  local views = ap.broadcast_tensors(ap.ones(2, 1), ap.ones(3))
  equal({views[1].shape, views[2].shape}, {{2, 3}, {2, 3}})
  raises("broadcast_shapes: %(2%) and %(3%) do not broadcast: sizes 2 and 3 differ", ap.broadcast_shapes, {2}, {3})
  raises("broadcast_tensors: %(2%) and %(3%) do not broadcast", ap.broadcast_tensors, ap.ones(2), ap.ones(3))
end)

test("meshgrid, cartesian_prod, combinations, block_diag", function()
  local x, y = table.unpack(ap.meshgrid(ap.arange(3), ap.arange(2)))
  equal({x:totable(), y:totable()}, {{{1, 1}, {2, 2}, {3, 3}}, {{1, 2}, {1, 2}, {1, 2}}})
  local u = ap.meshgrid({ap.arange(3), ap.arange(2)}, {indexing = "xy"})[1]
  equal(u:totable(), {{1, 2, 3}, {1, 2, 3}})
  raises("meshgrid: indexing: expected 'ij' or 'xy', got 'yx'", ap.meshgrid, x:select(2, 1), {indexing = "yx"})
  equal(ap.cartesian_prod(ap.tensor {1, 2}, ap.tensor {5, 6}):totable(), {{1, 5}, {1, 6}, {2, 5}, {2, 6}})
  local v = ap.tensor {10, 20, 30}
  equal(v:combinations():totable(), {{10, 20}, {10, 30}, {20, 30}})
  equal(ap.combinations(v, {r = 1, with_replacement = true}):totable(), {{10}, {20}, {30}})
  equal(#ap.combinations(v, 2, true), 6)
  equal(ap.combinations(v, 4).shape, {0, 4})
  equal(ap.block_diag(ap.ones(1, 2), ap.tensor(7)):totable(), {{1.0, 1, 0}, {0, 0, 7}})
end)
differentiable("block_diag", function(a, b) return ap.block_diag(a, b) end, {2, 3}, {1, 2})
differentiable("cartesian_prod", function(a, b) return ap.cartesian_prod(a, b) end, {2}, {3})
differentiable("combinations", function(a) return a:combinations(2) end, {4})
differentiable("meshgrid", function(a, b) return ap.meshgrid(a, b, {indexing = "xy"}) end, {2}, {3})

test("diag, diagflat, diag_embed, the scatters into views: base 1, copies", function()
  equal(ap.diag(ap.tensor {1, 2}):totable(), {{1, 0}, {0, 2}})
  equal(ap.diag(ap.tensor {1, 2}, -1):totable(), {{0, 0, 0}, {1, 0, 0}, {0, 2, 0}})
  equal(matrix(2, 3):diag(1):totable(), {2.0, 6.0})
  equal(ap.diagflat(matrix(1, 2), {offset = 1}).shape, {3, 3})
  equal(ap.tensor {{1, 2}}:diag_embed(0, 1, -1).shape, {2, 1, 2})
  local x = ap.zeros(2, 3)
  equal(x:select_scatter(ap.ones(2), 2, 3):totable(), {{0.0, 0, 1}, {0.0, 0, 1}})
  equal(x:slice_scatter(ap.ones(2, 2), 2, 1, 3, 2):totable(), {{1.0, 0, 1}, {1.0, 0, 1}})
  equal(x:diagonal_scatter(ap.ones(2), 1):totable(), {{0.0, 1, 0}, {0.0, 0, 1}})
  equal(x:as_strided_scatter(ap.ones(2), {2}, {2}, 2):totable(), {{0.0, 1, 0}, {1.0, 0, 0}})
  equal(x:sum():item(), 0.0)
  raises("select_scatter: expected a source of the shape of that part, %(2%), got %(3%)", ap.select_scatter, x,
    ap.ones(3), 2, 1)
end)
differentiable("select_scatter", function(x, s) return x:select_scatter(s, 2, 1) end, {2, 3}, {2})
differentiable("slice_scatter", function(x, s) return x:slice_scatter(s, {dim = 2, first = 2}) end, {2, 3}, {2, 2})
differentiable("diagonal_scatter", function(x, s) return x:diagonal_scatter(s) end, {2, 3}, {2})
differentiable("diag_embed", function(x) return x:diag_embed(1, 1, 2) end, {2, 3})
differentiable("rot90", function(x) return x:rot90(-1, {2, 1}) end, {2, 3})
differentiable("vander", function(x) return x:vander(4) end, {3})

test("rot90 turns from the first dimension towards the second", function()
  local x = ap.tensor {{1, 2}, {3, 4}}
  equal(x:rot90():totable(), {{2, 4}, {1, 3}})
  equal(x:rot90(2):totable(), {{4, 3}, {2, 1}})
  equal(x:rot90(-1):totable(), {{3, 1}, {4, 2}})
  equal(x:rot90(4):totable(), x:totable())
end)

test("index_reduce reduces slices; unravel_index counts from 1", function()
  local x = ap.ones(2, 3)
  local src = ap.tensor {{2.0, 3, 4}, {5, 6, 7}}
  equal(x:index_reduce(1, ap.tensor {1, 1}, src, "prod"):totable(), {{10.0, 18, 28}, {1.0, 1, 1}})
  equal(x:index_reduce(1, ap.tensor {2, 2}, src, {reduce = "amax", include_self = false})[2]:totable(), {5.0, 6, 7})
  equal(x:clone():index_reduce_(2, ap.tensor {1, 3, 3}, src, "mean", false):totable(), {{2.0, 1, 3.5}, {5.0, 1, 6.5}})
  local parts = ap.unravel_index(ap.tensor {1, 6, 4}, {2, 3})
  equal({parts[1]:totable(), parts[2]:totable()}, {{1, 2, 2}, {1, 3, 1}})
end)

test("placing: wrong arguments say what was expected", function()
  local x = ap.ones(2, 2)
  raises("rot90: the plane needs two dimensions, got 1 twice", ap.rot90, x, 1, {1, -2})
  raises("rot90: .*dimension", ap.rot90, x, 1, {1, 3})
  raises("index_reduce: .*dimension", ap.index_reduce, x, 3, ap.tensor {1}, ap.ones(1, 2), "mean")
  raises("index_reduce: ", ap.index_reduce, x, nil, ap.tensor {1}, ap.ones(1, 2), "mean")
  raises("index_reduce: expected a source of 2 dimensions", ap.index_reduce, x, 1, ap.tensor {1}, ap.ones(2), "mean")
  raises("index_reduce: argument 5: expected 'prod'", ap.index_reduce, x, 1, ap.tensor {1}, ap.ones(1, 2), "sum")
  raises("diag_embed: ", ap.diag_embed, x, "x")
  raises("diag_embed: dim1 and dim2", ap.diag_embed, x, 0, 1, 1)
end)

test("x.T, x.mT, x.H, adjoint; aliases of shape functions", function()
  local x = matrix(2, 3):requires_grad_()
  equal({x.T.shape, x.mT.shape, ap.ones(4, 2, 3).mH.shape, ap.ones(3).T.shape}, {{3, 2}, {3, 2}, {4, 3, 2}, {3}})
  x.T:select(1, 1):sum():backward()
  equal(x.grad:totable(), {{1.0, 0, 0}, {1.0, 0, 0}})
  raises("T: expected at most 2 dimensions, got %(1x2x3%); x.mT", function() return ap.ones(1, 2, 3).T end)
  raises("mT: expected at least 2 dimensions", function() return ap.ones(3).mT end)
  equal({x:swapaxes(1, 2).shape, x:ravel().shape, ap.broadcast_to(ap.ones(3), {2, 3}).shape}, {{3, 2}, {6}, {2, 3}})
  equal(ap.zeros(6):reshape_as(x).shape, {2, 3})
end)

test("view as another dtype: the same bytes", function()
  local x = ap.tensor({1.0, -2}, {dtype = "f32"})
  equal(x:view("i32"):totable(), {0x3f800000, -0x40000000})
  equal(x:view("u8").shape, {8})
  equal(x:view("u8"):view("f32"):totable(), {1.0, -2.0})
  equal(x:view("i64").shape, {1})
  x:view("i32"):fill_(0)
  equal(x:totable(), {0.0, 0.0})
  raises("view: %(3%) of f32 cannot be seen as f64", function() ap.zeros(3):view("f64") end)
  raises("view: %(2%) of f32 cannot be seen as u8", function() ap.zeros(2, 2):select(2, 1):view("u8") end)
  raises("have no gradient", function() ap.zeros(3, {requires_grad = true}):view("i32") end)
  raises("no bools", function() ap.zeros(3, {dtype = "u8"}):view("bool") end)
end)

test("bytes and from_bytes: there and back for every dtype", function()
  for _, dtype in ipairs {"f32", "f64", "f16", "bf16", "i8", "u8", "i16", "i32", "i64", "bool"} do
    local x = ap.tensor({{1, 0, 1}, {1, 1, 0}}, {dtype = dtype})
    local bytes = x:t():bytes()
    equal(#bytes, 6 * x:element_size())
    equal(ap.from_bytes(bytes, dtype, {3, 2}), x:t():contiguous())
  end
  equal(ap.from_bytes("\1\2\3"):totable(), {1, 2, 3})
  equal(ap.from_bytes(string.pack("<i4i4", 7, -1), {dtype = "i32"}):totable(), {7, -1})
  equal(ap.from_bytes("", "f32").shape, {0})
  equal(ap.from_bytes("\2\0", "bool"):bytes(), "\1\0")
  raises("from_bytes: 3 bytes are no whole number of f32 elements of 4 bytes", ap.from_bytes, "abc", "f32")
  raises("from_bytes: 4 bytes hold 1 f32 elements, not %(2%)", ap.from_bytes, "abcd", "f32", {2})
  raises("from_bytes: argument 1: expected a string", ap.from_bytes, 7)
  raises("from_bytes: .*not %(4294967296x4294967296%)", ap.from_bytes, "", "f32", {1 << 32, 1 << 32})
end)

test("conversions by name, new_*, as_tensor, scalar_tensor, questions", function()
  local x = ap.tensor({1.5, -2}, {dtype = "f64"})
  for method, dtype in pairs {float = "f32", half = "f16", bfloat16 = "bf16", char = "i8", short = "i16", int = "i32",
    long = "i64", bool = "bool"} do
    equal(x[method](x).dtype, dtype)
  end
  truth(rawequal(x:double(), x) and rawequal(ap.as_tensor(x), x))
  equal(ap.ones(2):type_as(x).dtype, "f64")
  equal(x:new_zeros(2, 3), ap.zeros({2, 3}, {dtype = "f64"}))
  equal(x:new_ones({2}, {dtype = "i32"}), ap.ones({2}, {dtype = "i32"}))
  equal(x:new_full({2}, 7), ap.full({2}, 7.0, {dtype = "f64"}))
  equal(x:new_tensor {1, 2}, ap.tensor({1, 2}, {dtype = "f64"}))
  equal({x:new_empty(0).shape, ap.as_tensor({1, 2}, {dtype = "f32"}).dtype}, {{0}, "f32"})
  equal({ap.scalar_tensor(3).dtype, ap.scalar_tensor(3):item()}, {"f32", 3.0})
  truth(ap.is_nonzero(ap.tensor(2)) and not ap.is_nonzero(ap.tensor {false}))
  truth(x:is_signed() and not ap.ones(1, {dtype = "u8"}):is_signed() and not x:is_complex())
  truth(ap.is_same_size(x, ap.zeros(2)) and x:nelement() == 2)
end)

test("logspace and vander agree with their definitions", function()
  close(ap.logspace(0, 2, 3), {1, 10, 100})
  close(ap.logspace(-1, 1, 5, 2, {dtype = "f64"}), {0.5, 2 ^ -0.5, 1, 2 ^ 0.5, 2}, {rtol = 1e-15})
  equal(ap.logspace(0, 1, 2, {base = 3, dtype = "f16"}).dtype, "f16")
  equal(ap.vander(ap.tensor {1, 2, 3}):totable(), {{1, 1, 1}, {4, 2, 1}, {9, 3, 1}})
  equal(ap.tensor {2, 3}:vander {n = 3, increasing = true}:totable(), {{1, 2, 4}, {1, 3, 9}})
end)

test("fill_diagonal_ writes to the diagonal of a matrix, of a cube, and again below it", function()
  close(ap.zeros(2, 3):fill_diagonal_(5), {{5, 0, 0}, {0, 5, 0}})
  local tall = ap.zeros(7, 2):fill_diagonal_(1, {wrap = true})
  close(tall, {{1, 0}, {0, 1}, {0, 0}, {1, 0}, {0, 1}, {0, 0}, {1, 0}})
  close(ap.zeros(3, 1):fill_diagonal_(1), {{1}, {0}, {0}})
  local cube = ap.zeros(2, 2, 2):fill_diagonal_(3)
  close(cube:reshape(-1), {3, 0, 0, 0, 0, 0, 0, 3})
  raises("fill_diagonal_: expected a matrix, or dimensions of equal sizes", ap.fill_diagonal_, ap.zeros(2, 2, 3), 1)
  raises("fill_diagonal_: expected at least 2 dimensions", ap.fill_diagonal_, ap.zeros(2), 1)
end)

test("split_with_sizes and range are PyTorch's names of split and arange", function()
  local parts = ap.arange(1, 5):split_with_sizes {2, 3}
  equal(parts[2], ap.tensor {3, 4, 5})
  equal(ap.range(1, 3), ap.arange(1, 3))
end)

test("copies of permuted and flipped views of every element size hold what their positions name", function()
  local orders = {{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}}
  for _, size in ipairs {{18, 33, 20}, {40, 3, 17}, {2, 16, 50}} do
    local steps = {size[2] * size[3], size[3], 1}
    local x = ap.arange(0, size[1] * size[2] * size[3] - 1):reshape(size)
    for _, order in ipairs(orders) do
      for flips = 0, 7 do
        local flipped, want = {}, ap.zeros({1, 1, 1}, {dtype = "i64"})
        for d = 1, 3 do
          local n, place = size[order[d]], {1, 1, 1}
          place[d] = n
          local at = ap.arange(0, n - 1)
          if flips >> (d - 1) & 1 == 1 then
            flipped[#flipped + 1] = d
            at = n - 1 - at
          end
          want = want + (at * steps[order[d]]):reshape(place)
        end
        for _, dtype in ipairs {"i64", "f32", "i16", "u8"} do
          local view = x:to(dtype):permute(order)
          local copy = #flipped > 0 and view:flip(flipped) or view:contiguous()
          local case = dtype .. " " .. table.concat(order, " ") .. " " .. flips
          truth(copy:eq(want:to(dtype)):all():item(), case)
          truth((view + want:to(dtype)):sub(want:to(dtype)):eq(view):all():item(), "sum, " .. case)
        end
      end
    end
  end
end)

test("unfold: gradients add up where windows overlap, by steps or by windows", function()
  ap.manual_seed(1)
  for _, case in ipairs {
    {{10}, 1, 3, 1}, {{10}, 1, 3, 4}, {{10}, 1, 3, 7}, {{10}, 1, 10, 1}, {{10}, -1, 3, 3}, {{2, 9, 3}, 2, 4, 3},
    {{2, 9, 3}, 3, 3, 5}, {{2, 9, 3}, -2, 5, 1}, {{0, 5}, 2, 2, 1}, {{7}, 1, 3, math.maxinteger}, {{3, 40}, 2, 4, 2},
    {{40, 3}, 1, 5, 2}, {{40, 2}, 1, 2, 3}, {{}, 1, 1, 1},
  } do
    local size, dim, length, step = table.unpack(case)
    local x = ap.randn(size, {dtype = "f64", requires_grad = true})
    local y = x:unfold(dim, length, step)
    local g = ap.randn(y:size(), {dtype = "f64"})
    local places = ap.arange(1, x:numel(), 1):reshape(size):unfold(dim, length, step):reshape(-1)
    y:backward(g)
    local want = ap.zeros({x:numel()}, {dtype = "f64"}):scatter_add(1, places, g:reshape(-1))
    close(x.grad:reshape(-1), want, {atol = 1e-12})
    if x:numel() > 0 then
      local function f(z) return z:unfold(dim, length, step):square() end
      ap.autograd.gradgradcheck(f, {x:detach():requires_grad_()})
    end
  end
end)
