--- einsum: sums of products of tensors, written with a letter for each dimension. Two tensors at a time, in an order
--- that takes few multiplications, each step one batched product of matrices.
local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"
local define, fail, shape = core.define, arguments.fail, arguments.shape

-- --- the expression ---------------------------------------------------------------------------------------------

-- "a...b" -> {"a", "...", "b"}
local function labels_of(equation, term)
  local labels, seen, at = {}, false, 1
  while at <= #term do
    local c = term:sub(at, at)
    if term:sub(at, at + 2) == "..." then
      if seen then fail("einsum: '%s': a term has two ellipses", equation) end
      seen = true
      labels[#labels + 1] = "..."
      at = at + 3
    elseif c:find("^%a$") then
      labels[#labels + 1] = c
      at = at + 1
    else
      fail("einsum: '%s': unexpected '%s'; letters, '...', ',' and '->' make an expression", equation, c)
    end
  end
  return labels
end

local parsed, parsed_count = {}, 0 -- equations come again and again
local MOST_PARSED = 256

-- -> a list of labels for each operand, and one for the result (nil: implied)
local function parse(equation)
  local known = parsed[equation]
  if known then return known.terms, known.result end
  local text = equation:gsub("%s+", "")
  local left, right = text:match("^(.-)%->(.*)$")
  local terms = {}
  for term in ((left or text) .. ","):gmatch("(.-),") do terms[#terms + 1] = labels_of(equation, term) end
  local result = right and labels_of(equation, right)
  if parsed_count == MOST_PARSED then parsed, parsed_count = {}, 0 end
  parsed[equation], parsed_count = {terms = terms, result = result}, parsed_count + 1
  return terms, result
end

-- PyTorch's other format, einsum(x, {1, 2}, y, {2, 3}, {1, 3}), as an equation and operands.
local function from_lists(...)
  local given, terms, operands, result = {...}, {}, {}, ""
  local function letters(list)
    local text = {}
    for i, l in ipairs(list) do
      if l == "..." then
        text[i] = l
      elseif math.type(l) == "integer" and l >= 1 and l <= 52 then
        text[i] = string.char(l <= 26 and 64 + l or 70 + l)
      else
        fail("einsum: a list of dimensions holds integers from 1 to 52 and '...', got %s", tostring(l))
      end
    end
    return table.concat(text)
  end
  local i = 1
  while core.is_tensor(given[i]) do
    if type(given[i + 1]) ~= "table" then fail("einsum: a tensor is followed by a list of its dimensions") end
    operands[#operands + 1], terms[#terms + 1] = given[i], letters(given[i + 1])
    i = i + 2
  end
  if given[i] ~= nil then
    if type(given[i]) ~= "table" then fail("einsum: expected a tensor or a list of dimensions") end
    result = "->" .. letters(given[i])
  end
  return table.concat(terms, ",") .. result, operands
end

-- --- operands: a tensor x and a label for each of its dims ---------------------------------------------------------

-- The labels of one operand, with the ellipsis spelled out: its dims, counted from the right, are numbers.
local function spell_out(equation, labels, x, position)
  local out, hidden = {}, x.ndim - #labels
  local has_ellipsis = false
  for _, l in ipairs(labels) do has_ellipsis = has_ellipsis or l == "..." end
  if has_ellipsis then hidden = hidden + 1 end
  if hidden < 0 or hidden > 0 and not has_ellipsis then
    fail("einsum: '%s': operand %d has %d dims %s, its term names %d", equation, position, x.ndim, shape(x),
      has_ellipsis and #labels - 1 or #labels)
  end
  for _, l in ipairs(labels) do
    if l == "..." then
      for d = hidden, 1, -1 do out[#out + 1] = d end
    else
      out[#out + 1] = l
    end
  end
  return out, has_ellipsis and hidden or 0
end

-- A label that comes twice: the diagonal.
local function take_diagonals(equation, x, labels)
  local i = 1
  while i <= #labels do
    local j = i + 1
    while j <= #labels and labels[j] ~= labels[i] do j = j + 1 end
    if j > #labels then
      i = i + 1
    else
      if x:size(i) ~= x:size(j) then
        fail("einsum: '%s': '%s' stands for sizes %d and %d of one operand %s", equation, labels[i], x:size(i),
          x:size(j), shape(x))
      end
      x = x:diagonal(0, i, j)
      local label = table.remove(labels, j)
      table.remove(labels, i)
      labels[#labels + 1] = label
      i = 1
    end
  end
  return x
end

-- The size of each label; 1 broadcasts.
local function label_sizes(equation, operands)
  local sizes = {}
  for position, o in ipairs(operands) do
    for d, l in ipairs(o.labels) do
      local n, before = o.x:size(d), sizes[l]
      if before and before ~= n and before ~= 1 and n ~= 1 then
        fail("einsum: '%s': '%s' is %d before and %d in operand %d %s", equation,
          type(l) == "number" and "..." or l, before, n, position, shape(o.x))
      end
      if not before or before == 1 then sizes[l] = n end
    end
  end
  return sizes
end

-- What PyTorch and NumPy take for the result where no '->' says it: the ellipsis, then the letters that come once.
local function implied_result(terms, hidden)
  local count, letters, out = {}, {}, {}
  for _, term in ipairs(terms) do
    for _, l in ipairs(term) do
      if l ~= "..." then count[l] = (count[l] or 0) + 1 end
    end
  end
  for l, n in pairs(count) do
    if n == 1 then letters[#letters + 1] = l end
  end
  table.sort(letters)
  for d = hidden, 1, -1 do out[#out + 1] = d end
  for _, l in ipairs(letters) do out[#out + 1] = l end
  return out
end

local function result_labels(equation, given, hidden, sizes)
  local out, seen = {}, {}
  for _, l in ipairs(given) do
    if l == "..." then
      for d = hidden, 1, -1 do out[#out + 1] = d end
    else
      if seen[l] then fail("einsum: '%s': '%s' comes twice in the result", equation, l) end
      if not sizes[l] then fail("einsum: '%s': '%s' of the result is in no operand", equation, l) end
      seen[l] = true
      out[#out + 1] = l
    end
  end
  return out
end

-- --- contraction ------------------------------------------------------------------------------------------------

local function position_of(labels)
  local at = {}
  for d, l in ipairs(labels) do at[l] = d end
  return at
end

-- Sums over the dims whose labels nobody else needs.
local function sum_out(o, needed)
  local dims, labels = {}, {}
  for d, l in ipairs(o.labels) do
    if needed[l] then
      labels[#labels + 1] = l
    else
      dims[#dims + 1] = d
    end
  end
  if #dims == 0 then return o end
  return {x = o.x:sum(dims), labels = labels}
end

-- x with its dims in the order of the labels, those in each group merged into one.
local function grouped(o, sizes, ...)
  local at, order, size = position_of(o.labels), {}, {}
  for i = 1, select("#", ...) do
    local n = 1
    for _, l in ipairs((select(i, ...))) do
      order[#order + 1] = at[l]
      n = n * sizes[l]
    end
    size[i] = n
  end
  local x = #order > 0 and o.x:permute(order) or o.x
  return x:reshape(size)
end

-- Both with all labels of `labels`, 1 where they lack one: they broadcast.
local function aligned(o, labels)
  local at, order, size = position_of(o.labels), {}, {}
  for i, l in ipairs(labels) do
    if at[l] then order[#order + 1] = at[l] end
    size[i] = at[l] and o.x:size(at[l]) or 1
  end
  local x = #order > 0 and o.x:permute(order) or o.x
  return x:reshape(size)
end

-- The product of two operands, summed over the labels that are not needed any more.
local function contract(a, b, needed, sizes)
  local in_b, in_a = position_of(b.labels), position_of(a.labels)
  local batch, inner, free_a, free_b, labels = {}, {}, {}, {}, {}
  for _, l in ipairs(a.labels) do
    local group = not in_b[l] and free_a or needed[l] and batch or inner
    group[#group + 1] = l
  end
  for _, l in ipairs(b.labels) do
    if not in_a[l] then free_b[#free_b + 1] = l end
  end
  for _, group in ipairs {batch, free_a, free_b} do
    for _, l in ipairs(group) do labels[#labels + 1] = l end
  end
  if #inner == 0 then return {x = aligned(a, labels) * aligned(b, labels), labels = labels} end
  local size = {}
  for i, l in ipairs(labels) do size[i] = sizes[l] end
  local left, right
  if #batch == 0 then
    left, right = grouped(a, sizes, free_a, inner), grouped(b, sizes, inner, free_b)
  else
    left, right = grouped(a, sizes, batch, free_a, inner), grouped(b, sizes, batch, inner, free_b)
  end
  return {x = core.matmul(left, right):reshape(size), labels = labels}
end

-- --- the order --------------------------------------------------------------------------------------------------

local EXHAUSTIVE = 6 -- operands up to which every order is looked at

-- The labels of a product of the operands in a set, and the multiplications that joining two such takes.
local function cost_of(a, b, sizes)
  local n = 1.0
  for l in pairs(a) do n = n * sizes[l] end
  for l in pairs(b) do
    if not a[l] then n = n * sizes[l] end
  end
  return n
end

-- The cheapest tree over all operands, by dynamic programming over subsets: a leaf is a number, a node {left, right}.
local function best_tree(sets, result, sizes)
  local n = #sets
  local all = (1 << n) - 1
  local kept, cost, tree = {}, {}, {}
  for s = 1, all do
    local inside, outside = {}, {}
    for l in pairs(result) do outside[l] = true end
    for i = 1, n do
      local into = s >> (i - 1) & 1 == 1 and inside or outside
      for l in pairs(sets[i]) do into[l] = true end
    end
    for l in pairs(inside) do
      if not outside[l] then inside[l] = nil end
    end
    kept[s] = inside
  end
  for i = 1, n do cost[1 << (i - 1)], tree[1 << (i - 1)], kept[1 << (i - 1)] = 0, i, sets[i] end
  for s = 1, all do
    if not cost[s] then
      local low = s & -s
      local part = (s - 1) & s
      cost[s] = math.huge
      while part > 0 do
        if part & low ~= 0 then
          local rest = s ~ part
          local c = cost[part] + cost[rest] + cost_of(kept[part], kept[rest], sizes)
          if c < cost[s] then cost[s], tree[s] = c, {tree[part], tree[rest]} end
        end
        part = (part - 1) & s
      end
      if not tree[s] then tree[s] = {tree[low], tree[s ~ low]} end -- sizes beyond what doubles count
    end
  end
  return tree[all]
end

local function elements_of(labels, sizes)
  local n = 1.0
  for _, l in ipairs(labels) do n = n * sizes[l] end
  return n
end

-- The labels that the result or an operand other than i and j has.
local function needed_besides(operands, result, i, j)
  local needed = {}
  for l in pairs(result) do needed[l] = true end
  for k, o in ipairs(operands) do
    if k ~= i and k ~= j then
      for _, l in ipairs(o.labels) do needed[l] = true end
    end
  end
  return needed
end

-- The pair whose product adds the fewest elements, the cheaper one among equals (the greedy order of opt_einsum).
local function best_pair(operands, result, sizes)
  local best_i, best_j, least, least_cost
  for i = 1, #operands - 1 do
    for j = i + 1, #operands do
      local a, b = operands[i].labels, operands[j].labels
      local needed, union, out = needed_besides(operands, result, i, j), {}, 1.0
      for _, l in ipairs(a) do union[l] = true end
      for _, l in ipairs(b) do union[l] = true end
      for l in pairs(union) do
        if needed[l] then out = out * sizes[l] end
      end
      local growth = out - elements_of(a, sizes) - elements_of(b, sizes)
      local cost = cost_of(union, {}, sizes)
      if not least or growth < least or growth == least and cost < least_cost then
        best_i, best_j, least, least_cost = i, j, growth, cost
      end
    end
  end
  return best_i, best_j
end

local function contract_greedily(operands, result, sizes)
  while #operands > 1 do
    local i, j = best_pair(operands, result, sizes)
    local needed = needed_besides(operands, result, i, j)
    local y = contract(operands[i], operands[j], needed, sizes)
    table.remove(operands, j)
    operands[i] = y
  end
  return operands[1]
end

local function contract_tree(operands, result, sizes)
  local sets = {}
  for i, o in ipairs(operands) do sets[i] = position_of(o.labels) end
  local open = {table.unpack(operands)}
  local function build(tree)
    if type(tree) == "number" then return operands[tree] end
    local a, b = build(tree[1]), build(tree[2])
    local i, j
    for k, o in ipairs(open) do
      if o == a then i = k elseif o == b then j = k end
    end
    local y = contract(a, b, needed_besides(open, result, i, j), sizes)
    table.remove(open, math.max(i, j))
    open[math.min(i, j)] = y
    return y
  end
  return build(best_tree(sets, result, sizes))
end

-- --- the whole --------------------------------------------------------------------------------------------------

local function prepare(equation, terms, tensors)
  local operands, hidden = {}, 0
  if #terms ~= #tensors then
    fail("einsum: '%s' has %d operands, %d were given", equation, #terms, #tensors)
  end
  for i, x in ipairs(tensors) do
    if not core.is_tensor(x) then fail("einsum: operand %d: expected a tensor, got a %s", i, type(x)) end
    if x.device ~= tensors[1].device or x.dtype ~= tensors[1].dtype then
      fail("einsum: operands of one dtype on one device are expected, got %s on %s and %s on %s", tensors[1].dtype,
        tensors[1].device, x.dtype, x.device)
    end
    local labels, own = spell_out(equation, terms[i], x, i)
    hidden = math.max(hidden, own)
    operands[i] = {x = take_diagonals(equation, x, labels), labels = labels}
  end
  return operands, hidden
end

-- Dims of size 1 where others have more: gone; labels that only one operand has: summed over.
local function reduce_operands(operands, result, sizes)
  for i, o in ipairs(operands) do
    local x, labels = o.x, {}
    for _, l in ipairs(o.labels) do
      if x:size(#labels + 1) == 1 and sizes[l] > 1 then
        x = x:select(#labels + 1, 1)
      else
        labels[#labels + 1] = l
      end
    end
    operands[i] = {x = x, labels = labels}
  end
  for i, o in ipairs(operands) do operands[i] = sum_out(o, needed_besides(operands, result, i)) end
end

--- einsum: sums of products, with a letter for each dimension; letters that the result lacks are summed over.
--- "ij,jk->ik" is a product of matrices, "ii->i" a diagonal, "bij->bji" a transpose, "i,j->ij" an outer product. "..."
--- stands for any dims, which broadcast. Without "->" the result has the dims of "...", then the letters that come
--- once, in alphabetical order.
---@param equation string|Tensor the expression; or the first tensor of einsum(x, {1, 2}, y, {2, 3}, {1, 3}), with
---       lists of dims as integers from 1
---@param ... Tensor the operands, of one dtype; or one list of them
---@return Tensor
--- Errors: the number of operands or of their dims; sizes that differ; letters of the result in no operand.
--- Source: torch.einsum; the order: Smith and Gray 2018, "opt_einsum".
--- Example: ap.einsum("bhqd,bhkd->bhqk", q, k)
define("einsum", function(equation, ...)
  local tensors = {...}
  if core.is_tensor(equation) then
    equation, tensors = from_lists(equation, ...)
  elseif type(equation) ~= "string" then
    fail("einsum: expected an expression such as 'ij,jk->ik', got a %s", type(equation))
  elseif #tensors == 1 and type(tensors[1]) == "table" then
    tensors = tensors[1]
  end
  local terms, given = parse(equation)
  local operands, hidden = prepare(equation, terms, tensors)
  local sizes = label_sizes(equation, operands)
  local labels = given and result_labels(equation, given, hidden, sizes) or implied_result(terms, hidden)
  local result = position_of(labels)
  reduce_operands(operands, result, sizes)
  local contracted = operands[1]
  if #operands == 2 then
    contracted = contract(operands[1], operands[2], result, sizes)
  elseif #operands > EXHAUSTIVE then
    contracted = contract_greedily(operands, result, sizes)
  elseif #operands > 2 then
    contracted = contract_tree(operands, result, sizes)
  end
  contracted = sum_out(contracted, result)
  local order, at = {}, position_of(contracted.labels)
  for i, l in ipairs(labels) do order[i] = at[l] end
  return #order > 1 and contracted.x:permute(order) or contracted.x
end)
