--- Bad input: every function of tensors, with one argument of a right call spoilt, and with junk. A result, or an error
--- that names the function that was called, at the place of the call; nothing changed that is not the call's to change;
--- in bounded time and memory; never a crash. tests/support/hostile.lua says what is called and what must hold.

local ap = require "apsis"
local hostile = require "support.hostile"
local try = hostile.try

-- How many of the spoilt calls of a function, and how many calls with junk, a usual run makes.
local on_device = require "support.device".name
local SPOILT, JUNK = on_device and 24 or 120, on_device and 16 or 60

-- Under a limit of memory, and with what a call may set put back after it.
local function bounded(f)
  return function()
    ap.set_memory_limit(256 << 20)
    local ok, message = pcall(f)
    ap.set_memory_limit(0)
    ap.set_num_threads(hostile.threads)
    ap.set_grad_enabled(true)
    ap.set_float32_matmul_precision "highest"
    ap.set_default_dtype "f32"
    ap.set_default_device "cpu"
    if not ok then error(message, 0) end
  end
end

-- Every call with one argument of a right call spoilt, left out, or one option too many, as functions that make it.
local function spoilt_calls(make)
  local calls, right = {}, make()
  for k = 1, right.n do
    for i = 1, #hostile.spoilt(right[k]) do
      calls[#calls + 1] = function()
        local given = make()
        given[k] = hostile.spoilt(given[k])[i]
        return given
      end
    end
    calls[#calls + 1] = function()
      local given = make()
      given[k] = nil
      return given
    end
    calls[#calls + 1] = function()
      local given = make()
      given.n = k - 1
      return given
    end
  end
  for _, last in ipairs {"option", "out", "number"} do
    calls[#calls + 1] = function()
      local given = make()
      given.n = given.n + 1
      given[given.n] = last == "option" and {no_such_option = 1} or last == "out" and {out = ap.zeros(5, 7)} or 3
      return given
    end
  end
  return calls
end

-- Calls f for `most` of the items, evenly chosen; all in a deep run.
local function some(list, most, f)
  if hostile.deep or #list <= most then
    for _, item in ipairs(list) do f(item) end
    return
  end
  local step, at = #list / most, hostile.random(1000) / 1000
  for i = 0, most - 1 do f(list[math.floor((i + at) * step) % #list + 1]) end
end

for _, name in ipairs(hostile.order) do
  if hostile.right[name] then
    test(name .. ": one wrong argument gives an error that names it, or a result", bounded(function()
      hostile.seed_for(name)
      local list = hostile.right[name]
      for _, make in ipairs(list) do
        some(spoilt_calls(make), SPOILT // #list, function(call)
          local given = call()
          try(name, table.unpack(given, 1, given.n))
        end)
      end
    end))
  end
end

-- --- arguments that nobody reads ------------------------------------------------------------------------------------

-- The right calls of a function whose documentation lists its parameters, each with one argument too many.
for _, name in ipairs(hostile.order) do
  local parameters = hostile.right[name] and hostile.parameters(name)
  if parameters then
    test(name .. ": an argument too many, or an unknown option, is an error", bounded(function()
      for _, make in ipairs(hostile.right[name]) do
        for _, last in ipairs {3, {no_such_option = 1}} do
          local given = make()
          if last ~= 3 and hostile.is_options(given[given.n]) then
            given[given.n].no_such_option = 1
          else
            given.n = last == 3 and math.max(given.n, parameters) + 1 or given.n + 1
            given[given.n] = last
          end
          local results = try(name, table.unpack(given, 1, given.n))
          truth(not results[1], hostile.describe(name, given) .. " gives a result")
        end
      end
    end))
  end
end

for _, name in ipairs(hostile.order) do
  test(name .. ": junk gives an error that names it, or a result", bounded(function()
    hostile.seed_for(name)
    local values = hostile.junk()
    try(name)
    some(values, JUNK // 4, function(v) try(name, v) end)
    some(values, JUNK // 4, function(v) try(name, ap.ones(2, 3), v) end)
    some(values, JUNK // 4, function(v) try(name, ap.ones(2, 3), nil, v) end)
    for _ = 1, hostile.deep and 300 or JUNK // 4 do
      local given, n = {}, hostile.random(4)
      for i = 1, n do given[i] = values[hostile.random(#values)] end
      if hostile.random(2) == 1 then given[1] = ap.ones(2, 3) end
      try(name, table.unpack(given, 1, n))
    end
  end))
end

-- --- operands that share memory with what is written ---------------------------------------------------------------

-- What may come of such a call: the result that separate memory gives, or an error with nothing written.
local function agrees(name, what, apart, shared, expected, written)
  if not shared[1] then
    local fault = hostile.message_fault(name, hostile.functions_by_name[name], shared[2])
    truth(not fault, ("%s, %s: %s: %s"):format(name, what, fault, tostring(shared[2])))
    return
  end
  truth(apart[1], ("%s, %s: gives a result where separate memory gives an error: %s"):format(name, what,
    tostring(apart[2])))
  truth(ap.bytes(expected) == ap.bytes(written), ("%s, %s: %s, separate memory gives %s"):format(name, what,
    tostring(written), tostring(expected)))
end

local function same_place(a, b)
  return ap.is_tensor(a) and ap.is_tensor(b) and a.device == b.device and a.dtype == b.dtype and
    a.ndim > 0 and a:numel() > 1 and
    table.concat(a:size(), "x") == table.concat(b:size(), "x")
end

-- a and b in one memory, b `shift` elements after a; their values are a's where they overlap.
local function overlapping(a, b, shift)
  local n = a:numel()
  local memory = ap.cat({a:reshape(-1), b:reshape(-1):narrow(1, n - shift + 1, shift)}, 1)
  return memory:narrow(1, 1, n):view(a:size()), memory:narrow(1, shift + 1, n):view(a:size())
end

-- The ways in which the arguments i and j of a right call may share memory: name -> function of both.
local WAYS = {
  ["the second starts later"] = function(a, b) return overlapping(a, b, 1) end,
  ["the first starts later"] = function(a, b)
    local x, y = overlapping(b, a, 1)
    return y, x
  end,
  ["one tensor"] = function(a) return a, a end,
  ["one transposed"] = function(a)
    if a.ndim < 2 or a:size(1) ~= a:size(-1) then return nil end
    return a, a:transpose(1, -1)
  end,
}

-- Calls f with arguments i and j sharing memory, and with copies of the same values. i is the one that is written.
local function with_shared(name, f, make, i, j)
  for what, share in pairs(WAYS) do
    local given = make()
    local a, b = share(given[i], given[j])
    if a then
      local copies = table.move(given, 1, given.n, 1, {})
      copies[i], copies[j] = a:clone(), b:clone()
      given[i], given[j] = a, b
      ap.manual_seed(5)
      local apart = table.pack(pcall(f, table.unpack(copies, 1, given.n)))
      ap.manual_seed(5)
      local shared = table.pack(pcall(f, table.unpack(given, 1, given.n)))
      hostile.calls = hostile.calls + 2
      agrees(name, ("arguments %d and %d share memory, %s"):format(i, j, what), apart, shared, copies[i], given[i])
    end
  end
end

-- Names that end in _ and write nothing; those that write to a part, which may be sound where the whole is not.
local WRITES_NOTHING = {repeat_ = true, requires_grad_ = true, setitem_ = true, fill_diagonal_ = true, squeeze_ = true,
  unsqueeze_ = true, transpose_ = true, t_ = true, as_strided_ = true, resize_ = true, resize_as_ = true, set_ = true,
  detach_ = true, become_ = true}

for _, name in ipairs(hostile.order) do
  local list = hostile.right[name]
  if list and name:find "_$" and not name:find "^nn%." and not WRITES_NOTHING[name] then
    test(name .. ": what is written may overlap an operand, or be an error", bounded(function()
      local f = hostile.functions_by_name[name]
      for _, make in ipairs(list) do
        local given = make()
        for j = 2, given.n do
          if same_place(given[1], given[j]) then with_shared(name, f, make, 1, j) end
        end
        -- No two elements of what is written may share memory.
        local x = given[1]
        if ap.is_tensor(x) and x.ndim > 0 and x:size(1) > 1 then
          given[1] = x:narrow(1, 1, 1):expand(x:size())
          local results = try(name, table.unpack(given, 1, given.n))
          truth(not results[1], name .. " writes to an expanded tensor")
        end
      end
    end))
  end
end

-- out = an operand, or what overlaps it.
local function with_out(name, f, make, expected)
  local given = make()
  for i = 1, given.n do
    for what, share in pairs(WAYS) do
      given = make()
      if same_place(given[i], expected) then
        local out, x = share(expected:clone(), given[i])
        if out then
          given[i] = x
          local n = given.n + 1
          ap.manual_seed(5)
          local apart = table.pack(pcall(f, table.unpack(given, 1, n - 1)))
          local result = apart[1] and apart[2]:clone()
          given[n] = {out = out}
          ap.manual_seed(5)
          local shared = table.pack(pcall(f, table.unpack(given, 1, n)))
          hostile.calls = hostile.calls + 2
          truth(not shared[1] or rawequal(shared[2], out), name .. ": takes no notice of out")
          agrees(name, ("out and argument %d share memory, %s"):format(i, what), apart, shared, result, out)
        end
      end
    end
  end
end

-- Memory as it is; parts of other functions, which take no out.
local NO_OUT = {empty_like = true, new_empty_strided = true, repeat_positions = true, softmax_grad = true,
  log_softmax_grad = true}

for _, name in ipairs(hostile.order) do
  local list = hostile.right[name]
  if list and not name:find "_$" and not name:find "^nn%." and not NO_OUT[name] then
    test(name .. ": out may overlap an operand, or be an error", bounded(function()
      local f = hostile.functions_by_name[name]
      for _, make in ipairs(list) do
        local given = make()
        ap.manual_seed(5)
        local results = table.pack(pcall(f, table.unpack(given, 1, given.n)))
        local last = given[given.n]
        if results[1] and results.n == 2 and ap.is_tensor(results[2]) and
          not (type(last) == "table" and not ap.is_tensor(last)) then
          with_out(name, f, make, results[2]:clone())
        end
      end
    end))
  end
end

test("copy_: overlapping ranges of one tensor, both ways", function()
  for _, dtype in ipairs {"f32", "f64", "f16", "i64", "u8"} do
    local function fresh() return ap.arange(1, 200, 1, {dtype = "i64"}):to(dtype) end
    local x, y = fresh(), fresh()
    x:narrow(1, 1, 190):copy_(x:narrow(1, 11, 190))
    equal(x:narrow(1, 1, 190):totable(), y:narrow(1, 11, 190):totable())
    x = fresh()
    x:narrow(1, 11, 190):copy_(x:narrow(1, 1, 190))
    equal(x:narrow(1, 11, 190):totable(), y:narrow(1, 1, 190):totable())
    x = fresh():narrow(1, 1, 196):view(14, 14)
    local t = x:t():clone()
    x:copy_(x:t())
    equal(x:totable(), t:totable())
  end
end)
