--- What a test file may use, as globals: test, close, equal, raises, truth, golden, under, tmpname.

local check = {}
local current = {}      -- file, folder, register
local goldens = {}      -- path -> tensors
local temporary = {}    -- files to remove

-- "file:line" of the frame that runs in the test file.
local function position()
  for level = 3, 60 do
    local info = debug.getinfo(level, "Sl")
    if not info then break end
    if info.source == "@" .. current.file then return current.file .. ":" .. info.currentline .. ": " end
  end
  return ""
end

local function fail(message, ...)
  if select("#", ...) > 0 then message = message:format(...) end
  error({check = position() .. message}, 0)
end

local function is_tensor(v) return type(v) == "userdata" and require("apsis").is_tensor(v) end

local function shape_text(size) return "(" .. table.concat(size, "x") .. ")" end

-- A flat list of values and the shape of a tensor, a nested table, a number or a boolean.
local function flatten(v, what)
  if is_tensor(v) then
    local flat = v:detach():reshape(-1)
    return flat:numel() == 0 and {} or flat:totable(), v:size(), v.dtype
  end
  if type(v) == "number" or type(v) == "boolean" then return {v}, {} end
  if type(v) ~= "table" then fail("%s: expected a tensor, a number or a table, got %s", what, tostring(v)) end
  local size, values = {}, {}
  local first = v
  while type(first) == "table" do
    size[#size + 1] = #first
    first = first[1]
  end
  local function walk(t, depth)
    if type(t) ~= "table" then
      values[#values + 1] = t
      return
    end
    if #t ~= size[depth] then fail("%s: a ragged table", what) end
    for _, item in ipairs(t) do walk(item, depth + 1) end
  end
  walk(v, 1)
  return values, size
end

-- The distance of neighbouring floats at v.
local function spacing(v, dtype)
  local digits, least = 52, 2.0 ^ -1074
  if dtype == "f32" then digits, least = 23, 2.0 ^ -149 end
  v = math.abs(v)
  if v == 0 or v ~= v or v == math.huge then return least end
  local exponent = math.floor(math.log(v, 2))
  if 2.0 ^ exponent > v then exponent = exponent - 1 end
  return math.max(2.0 ^ (exponent - digits), least)
end

-- PyTorch's torch.testing.assert_close.
local defaults = {f32 = {1.3e-6, 1e-5}, f64 = {1e-7, 1e-7}, f16 = {1e-3, 1e-5}, bf16 = {1.6e-2, 1e-5}}

-- "[2,3]" of the k-th element, from 1.
local function where(k, size)
  local index = {}
  k = k - 1
  for d = #size, 1, -1 do
    index[d] = k % size[d] + 1
    k = k // size[d]
  end
  return "[" .. table.concat(index, ",") .. "]"
end

local function same(a, b) return a == b or (a ~= a and b ~= b) end

local function value_text(v)
  if math.type(v) == "float" then return ("%.9g"):format(v) end
  return tostring(v)
end

--- close: fails unless shape, dtype (where both are tensors) and values agree. nan agrees with nan.
---@param options table|nil {rtol =, atol =, ulp =, sign = true to tell 0 from -0, what = a prefix of the message}
local function close(actual, expected, options)
  options = options or {}
  local prefix = options.what and options.what .. ": " or ""
  local a, a_size, a_dtype = flatten(actual, "actual")
  local e, e_size, e_dtype = flatten(expected, "expected")
  if shape_text(a_size) ~= shape_text(e_size) then
    fail("%sexpected shape %s, got %s", prefix, shape_text(e_size), shape_text(a_size))
  end
  if a_dtype and e_dtype and a_dtype ~= e_dtype then fail("%sexpected dtype %s, got %s", prefix, e_dtype, a_dtype) end
  local dtype = a_dtype or e_dtype
  local default = defaults[dtype or "f64"] or {0, 0}
  local rtol = options.rtol or (options.atol or options.ulp) and 0 or default[1]
  local atol = options.atol or (options.rtol or options.ulp) and 0 or default[2]
  local bad, first, worst_absolute, worst_relative, worst = 0, nil, 0, 0, nil
  for k = 1, #e do
    local x, y = a[k], e[k]
    local good = same(x, y)
    if type(x) == "number" and type(y) == "number" then
      if good then
        good = not (options.sign and x == 0 and 1 / x ~= 1 / y)
      else
        local difference = math.abs(x - y)
        if difference == math.huge or difference ~= difference or math.abs(y) == math.huge then
          difference = math.huge
        else
          local allowed = atol + rtol * math.abs(y)
          if options.ulp then allowed = allowed + options.ulp * spacing(y, dtype) end
          good = difference <= allowed
        end
        if not good and difference >= worst_absolute then
          worst_absolute, worst_relative, worst = difference, difference / math.abs(y), k
        end
      end
    end
    if not good then
      bad = bad + 1
      first = first or k
    end
  end
  if bad > 0 then
    worst = worst or first
    fail("%s%d of %d values differ; the worst at %s: expected %s, got %s (absolute %.3g, relative %.3g); "
      .. "the first at %s: expected %s, got %s", prefix, bad, #e, where(worst, e_size), value_text(e[worst]),
      value_text(a[worst]), worst_absolute, worst_relative, where(first, e_size), value_text(e[first]),
      value_text(a[first]))
  end
end

-- Deep equality of plain values; tensors by dtype, shape and exact values.
local function differs(a, b, path)
  if is_tensor(a) and is_tensor(b) then
    local ok, e = pcall(close, a, b, {rtol = 0, atol = 0})
    return not ok and (path .. ": " .. (type(e) == "table" and e.check or tostring(e)))
  end
  if type(a) == "table" and type(b) == "table" then
    for k, v in pairs(b) do
      local d = differs(a[k], v, path .. "." .. tostring(k))
      if d then return d end
    end
    for k, v in pairs(a) do
      if b[k] == nil then return ("%s.%s: expected nil, got %s"):format(path, tostring(k), tostring(v)) end
    end
    return false
  end
  if same(a, b) then return false end
  return ("%s: expected %s (%s), got %s (%s)"):format(path, tostring(b), type(b), tostring(a), type(a))
end

--- equal: fails unless the two are the same value, or tables of equal contents, or equal tensors.
local function equal(actual, expected)
  local d = differs(actual, expected, "value")
  if d then fail("%s", d) end
end

--- raises: fails unless f raises an error whose text matches the Lua pattern. Returns the text.
local function raises(pattern, f, ...)
  if type(pattern) == "function" then fail("raises: the pattern comes first") end
  local ok, e = pcall(require("support.device").settled, f, ...)
  if ok then fail("expected an error like '%s', got none", pattern) end
  local text = type(e) == "table" and e.check or tostring(e)
  if not text:find(pattern) then fail("expected an error like '%s', got '%s'", pattern, text) end
  return text
end

--- truth: fails with the message unless v is true.
local function truth(v, message)
  if not v then fail("%s", message or ("expected a true value, got " .. tostring(v))) end
end

--- under: the entries of a table whose names begin with the prefix, by the rest of their names.
local function under(all, prefix)
  local part = {}
  for name, value in pairs(all) do
    if name:sub(1, #prefix) == prefix then part[name:sub(#prefix + 1)] = value end
  end
  return part
end

--- golden: the tensors of tests/golden/NAME.safetensors, name -> tensor; read once.
local function golden(name)
  local path = current.folder .. "/golden/" .. name .. ".safetensors"
  if not goldens[path] then
    local tensors, place = require("support.safetensors").load(path), require("support.device").place
    for key, t in pairs(tensors) do tensors[key] = place(t) end
    goldens[path] = tensors
  end
  return goldens[path]
end

--- tmpname: a path for a file that is removed at the end.
local function tmpname()
  local name = os.tmpname()
  temporary[#temporary + 1] = name
  return name
end

function check.begin(file, folder, register)
  current = {file = file, folder = folder, register = register}
end

--- What one test leaves behind must not reach the next.
function check.end_test()
  local ap = package.loaded["apsis"]
  if ap and ap.set_grad_enabled then ap.set_grad_enabled(true) end
end

function check.cleanup()
  for _, name in ipairs(temporary) do
    if not os.remove(name) then os.execute("rm -rf '" .. name .. "'") end
  end
end

function check.install()
  local names = {close = close, equal = equal, raises = raises, truth = truth, golden = golden, under = under,
    tmpname = tmpname,
    test = function(name, f) current.register(name, f) end}
  for name, f in pairs(names) do rawset(_G, name, f) end
end

return check
