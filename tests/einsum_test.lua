-- einsum against PyTorch's values (tests/golden/linalg.py), against sums written out; expressions that mean nothing.
local ap = require "apsis"
local gradgradcheck = ap.autograd.gradgradcheck

local F64 = {dtype = "f64"}
local EXPRESSIONS = {
  transpose = "ij->ji", sum_all = "ij->", sum_rows = "ij->j", diagonal = "ii->i", trace = "ii", product = "ij,jk",
  product_t = "ij,kj->ik", batch = "bij,bjk->bik", hadamard = "ij,ij->ij", outer = "i,j->ij", dot = "i,i",
  bilinear = "bi,oij,bj->bo", ellipsis = "...ij,...jk->...ik", ellipsis_one = "...i,i",
  ellipsis_inside = "i...j,j->...i", ellipsis_implied = "...ij,jk", ellipsis_dropped = "...i,i->",
  repeated_many = "iij,jk->ik", three = "ij,jk,kl->il", chain = "ab,bc,cd,de->ae", shared = "ij,ik,il->jkl",
  broadcast = "ij,ij->ij", capitals = "bA,Ab", spaces = " i j , j k -> k i ", sum_one_side = "ij,k->k",
  attention = "bhqd,bhkd->bhqk", seven = "ab,bc,cd,de,ef,fg,gh->ah", diagonals = "ijij->ji", scalar = ",i->i",
  permuted_batch = "bij,kjb->bki",
}

local function transposed(x) return x.ndim < 2 and x:clone() or x:transpose(1, -1):contiguous():transpose(1, -1) end
local function weights(y) return ap.arange(1, y:numel()):to(y.dtype):to(y.device):cos():reshape(y:size()) end

for name, equation in pairs(EXPRESSIONS) do
  test(("einsum '%s': values and gradients agree with PyTorch"):format(equation), function()
    local g = golden "linalg"
    for _, make in ipairs {function(x) return x:clone() end, transposed} do
      local inputs = {}
      while g[("einsum_%s/in%d"):format(name, #inputs + 1)] do
        inputs[#inputs + 1] = make(g[("einsum_%s/in%d"):format(name, #inputs + 1)]):requires_grad_()
      end
      local y = ap.einsum(equation, table.unpack(inputs))
      close(y:detach(), g[("einsum_%s/out1"):format(name)], {rtol = 1e-11, atol = 1e-12})
      local grads = ap.autograd.grad({(y * weights(y)):sum()}, inputs)
      for i, d in ipairs(grads) do
        close(d, g[("einsum_%s/grad%d"):format(name, i)], {rtol = 1e-10, atol = 1e-11})
      end
    end
  end)
end

-- --- the sum written out ------------------------------------------------------------------------------------------

-- Every assignment of positions to letters, one term at a time, on nested tables.
local function written_out(terms, result, sizes, values)
  local letters = {}
  for l in pairs(sizes) do letters[#letters + 1] = l end
  table.sort(letters)
  local sums, at = {}, {}
  local function flat(labels)
    local i = 0
    for _, l in ipairs(labels) do i = i * sizes[l] + at[l] - 1 end
    return i + 1
  end
  local function walk(k)
    if k > #letters then
      local product = 1
      for i, labels in ipairs(terms) do product = product * values[i][flat(labels)] end
      local place = flat(result)
      sums[place] = (sums[place] or 0) + product
      return
    end
    for p = 1, sizes[letters[k]] do
      at[letters[k]] = p
      walk(k + 1)
    end
  end
  walk(1)
  return sums
end

local function sizes_of(labels, sizes)
  local size = {}
  for i, l in ipairs(labels) do size[i] = sizes[l] end
  return size
end

test("einsum: 150 random expressions give the sums written out, in every order of contraction", function()
  math.randomseed(7)
  ap.manual_seed(7)
  local all = {"a", "b", "c", "d", "e"}
  for case = 1, 150 do
    local sizes, terms, used, tensors, values = {}, {}, {}, {}, {}
    for i = 1, math.random(1, case % 10 == 0 and 8 or 4) do
      terms[i] = {}
      for k = 1, math.random(0, 3) do
        local l = all[math.random(#all)]
        sizes[l] = sizes[l] or math.random(1, 3)
        terms[i][k] = l
        used[l] = true
      end
    end
    local result = {}
    for _, l in ipairs(all) do
      if used[l] and math.random() < 0.5 then table.insert(result, math.random(#result + 1), l) end
    end
    local texts = {}
    for i, labels in ipairs(terms) do
      tensors[i] = ap.randn(sizes_of(labels, sizes), F64)
      values[i] = tensors[i]:reshape(-1):totable()
      texts[i] = table.concat(labels)
    end
    local equation = table.concat(texts, ",") .. "->" .. table.concat(result)
    local y = ap.einsum(equation, tensors)
    equal(y:size(), sizes_of(result, sizes))
    close(y:reshape(-1), written_out(terms, result, sizes, values), {rtol = 1e-10, atol = 1e-12, what = equation})
  end
end)

test("einsum: ellipses broadcast from the right, sizes of 1 with any", function()
  local a, b = ap.randn(2, 1, 3, 4, F64), ap.randn(5, 4, F64)
  close(ap.einsum("...j,...j->...", a, b:unsqueeze(2)), (a * b:unsqueeze(2)):sum(-1), {atol = 1e-13})
  close(ap.einsum("i...,...->i...", a, ap.tensor(2.0, F64)), a * 2, {atol = 1e-13})
  close(ap.einsum("ij,ij->j", ap.ones(1, 3), ap.ones(4, 3)), {4, 4, 4})
  close(ap.einsum("ij,jk->ik", ap.ones(2, 1), ap.ones(3, 2)), {{3, 3}, {3, 3}})
  close(ap.einsum("ij->j", ap.ones(1, 3)), {1, 1, 1})
end)

test("einsum: lists of dims instead of letters, and a list of operands", function()
  local a, b = ap.randn(2, 3, F64), ap.randn(3, 4, F64)
  close(ap.einsum(a, {1, 2}, b, {2, 3}, {3, 1}), a:matmul(b):t(), {atol = 1e-13})
  close(ap.einsum(a, {1, 2}, b, {2, 3}), a:matmul(b), {atol = 1e-13})
  close(ap.einsum(a, {"...", 52}, b, {52, 1}, {"...", 1}), a:matmul(b), {atol = 1e-13})
  close(ap.einsum("ij,jk->ik", {a, b}), a:matmul(b), {atol = 1e-13})
end)

test("einsum: integers add up exactly; zero sizes give zeros", function()
  local a = ap.tensor({{1, 2}, {3, 4}}, {dtype = "i64"})
  equal(ap.einsum("ij,jk->ik", a, a), a:matmul(a))
  equal(ap.einsum("ij,jk->ik", ap.zeros(2, 0), ap.zeros(0, 3)), ap.zeros(2, 3))
  equal(ap.einsum("ij->i", ap.zeros(2, 0)), ap.zeros(2))
  equal(ap.einsum("i,j->ij", ap.zeros(0), ap.zeros(3)):size(), {0, 3})
end)

test("einsum: a chain is multiplied in its cheapest order", function()
  -- Left to right this takes 4e9 multiplications and 32 MB; from the right 4e6.
  local a, v = ap.ones(2000, 1), ap.ones(1, 2000)
  close(ap.einsum("ij,jk,kl,l->i", a, v, a:expand(2000, 2000), ap.ones(2000)), ap.full({2000}, 4e6), {rtol = 1e-5})
end)

test("einsum: second derivatives agree with finite differences", function()
  local function x(...) return ap.randn(..., F64):requires_grad_() end
  ap.manual_seed(2)
  gradgradcheck(function(a, b, c) return ap.einsum("bi,oij,bj->bo", a, b, c) end, {x {2, 3}, x {2, 3, 2}, x {2, 2}})
  gradgradcheck(function(a, b) return ap.einsum("iij,j->i", a, b) end, {x {2, 2, 3}, x {3}})
end)

test("einsum: what means nothing is an error that says why", function()
  local a, b = ap.ones(2, 3), ap.ones(4, 5)
  raises("einsum: 'ij,jk' has 2 operands, 1 were given", function() ap.einsum("ij,jk", a) end)
  raises("einsum: 'ij' has 1 operands, 2 were given", function() ap.einsum("ij", a, b) end)
  raises("einsum: 'ijk': operand 1 has 2 dims %(2x3%), its term names 3", function() ap.einsum("ijk", a) end)
  raises("einsum: 'i': operand 1 has 2 dims", function() ap.einsum("i", a) end)
  raises("'j' is 3 before and 4 in operand 2", function() ap.einsum("ij,jk", a, b) end)
  raises("'i' stands for sizes 2 and 3", function() ap.einsum("ii", a) end)
  raises("'k' of the result is in no operand", function() ap.einsum("ij->k", a) end)
  raises("'i' comes twice in the result", function() ap.einsum("ij->ii", a) end)
  raises("unexpected '1'", function() ap.einsum("i1", a) end)
  raises("unexpected '%-'", function() ap.einsum("ij-i", a) end)
  raises("unexpected '%-'", function() ap.einsum("ij->i->j", a) end)
  raises("two ellipses", function() ap.einsum("...i...", a) end)
  raises("einsum: operand 2: expected a tensor, got a number", function() ap.einsum("ij,j", a, 3) end)
  raises("einsum: expected an expression", function() ap.einsum(3, a) end)
  raises("einsum: expected an expression", function() ap.einsum() end)
  raises("einsum: 'ij' has 1 operands, 0 were given", function() ap.einsum("ij") end)
  raises("einsum: operands of one dtype", function() ap.einsum("ij,ij", a, ap.ones(2, 3, F64)) end)
  raises("einsum: a list of dimensions holds", function() ap.einsum(a, {0, 1}) end)
  raises("einsum: a tensor is followed by", function() ap.einsum(a, a) end)
end)
