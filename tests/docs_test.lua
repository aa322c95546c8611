--- The documentation: every public function has some, it can be read, and its examples give what they say.

local ap = require "apsis"
local docs = require "apsis.help.docs"
local manual = require "apsis.help.manual"

local all = docs.load()

-- What users do not call: the tape's tools and kernels that rules call.
local INTERNAL = {}
for name in ([[rule rule_joint no_gradient define fail ops elementwise_ops node_custom node_edge node_fit node_graph
  node_info node_of node_release node_rule storage_refs take_random source sources put_at_key repeat_positions
  window_size ask_terminal
  can_cast adam_steps_ sgd_steps_ dropout_at max_pool2d_pick max_pool2d_indices frexp_mantissa frexp_exponent
  trunc_divide lu_rows tensor_meta draw_each define_module entry entry_name parameters
  become_]]):gmatch "%S+" do
  INTERNAL[name] = true
end

local function internal(name, f)
  local plain = name:gsub("_$", "")
  return INTERNAL[name] or INTERNAL[plain] or type(f) ~= "function" or
    name:find "%." or plain:find "_grad$" or plain:find "_train$" or plain:find "_eval$"
end

-- Functions by value, so that a second name shares the documentation of the first.
local documented = {}
local function note(prefix, from)
  -- Some functions are loaded when they are first called for.
  for qualified in pairs(all.by_name) do
    local name = qualified:sub(1, #prefix) == prefix and qualified:sub(#prefix + 1)
    local f = name and name:find "^[%w_]+$" and from[name]
    if f then documented[f] = true end
  end
  for name, f in pairs(from) do
    if type(f) == "function" and (all.by_name[prefix .. name] or all.by_name[prefix .. name:gsub("_$", "")]) then
      documented[f] = true
    end
  end
end

local function modules()
  local list = {{"ap.", ap}, {"F.", require "apsis.nn.functional"}, {"ap.autograd.", ap.autograd}}
  for _, name in ipairs {"linalg", "fft", "special", "cl"} do
    if type(ap[name]) == "table" then list[#list + 1] = {"ap." .. name .. ".", ap[name]} end
  end
  for _, name in ipairs {"nn", "optim", "data"} do list[#list + 1] = {name .. ".", ap[name]} end
  for _, name in ipairs {"io", "train"} do list[#list + 1] = {"ap." .. name .. ".", ap[name]} end
  return list
end

test("every public function and class has documentation", function()
  local missing = {}
  for _, m in ipairs(modules()) do note(m[1], m[2]) end
  for _, m in ipairs(modules()) do
    for name, f in pairs(m[2]) do
      local base = name:gsub("_$", "")
      local is_class = type(f) == "table" and rawget(f, "__name") ~= nil
      local known = all.by_name[m[1] .. name] or documented[f] or all.by_name[m[1] .. base]
      if is_class then
        known = INTERNAL[name] or all.by_name[m[1] .. name]
      elseif internal(name, f) then
        known = true
      end
      if not known then missing[#missing + 1] = m[1] .. name end
    end
  end
  table.sort(missing)
  truth(#missing == 0, #missing .. " without: " .. table.concat(missing, " "))
end)

test("an entry has a summary, and its parameters have types", function()
  local bad = {}
  for _, entry in ipairs(all.entries) do
    local ok = entry.summary ~= "" or entry.notes ~= ""
    for _, p in ipairs(entry.params) do ok = ok and p.type ~= "" end
    if not ok then bad[#bad + 1] = ("%s (%s:%d)"):format(entry.qualified, entry.file, entry.line) end
  end
  truth(#bad == 0, table.concat(bad, " "))
end)

test("an entry is read whole", function()
  local sum = docs.find "sum"
  equal(sum.qualified, "ap.sum")
  equal(manual.signature(sum), "ap.sum(x, dim?, keepdim?, dtype?)")
  equal(sum.params[2].type, "integer|integer[]")
  equal(sum.params[2].optional, true)
  equal(sum.source, "torch.sum.")
  equal(sum.examples[1].code, "ap.tensor{{1, 2}, {3, 4}}:sum(1)")
  equal(sum.examples[1].result, "[4, 6]")
  truth(sum.summary:find "^the sum over dims")
  equal(docs.find("nn.Linear").class, "Linear")
  equal(docs.find("F.pad").name, "pad")
end)

test("annotations of several lines are read whole: types in brackets, texts, what options mean", function()
  local conv = docs.find "nn.Conv2d"
  equal(manual.signature(conv), "nn.Conv2d(in_channels, out_channels, kernel_size, options?)")
  truth(conv.params[4].type:find "groups: integer, bias: boolean}$", conv.params[4].type)
  truth(conv.params[4].text:find "start uniform within %+%-1 / sqrt%(fan_in%)%.$", conv.params[4].text)
  local loader = docs.find "DataLoader"
  equal(#loader.params, 2)
  truth(loader.params[2].text:find "transform: called with", loader.params[2].text)
  equal(docs.find("train.fit").qualified, "ap.train.fit")
  for _, entry in ipairs(all.entries) do
    for _, p in ipairs(entry.params) do
      local _, opened = p.type:gsub("[%(%[{]", "")
      local _, closed = p.type:gsub("[%)%]}]", "")
      equal(opened, closed, entry.qualified .. ": " .. p.name)
    end
  end
end)

test("what serves the library itself is not documented, plots under their own name", function()
  for _, entry in ipairs(all.entries) do
    truth(not entry.file:find "/repl/" and not entry.file:find "/help/", entry.file)
  end
  equal(docs.find("imshow").qualified, "plot.imshow")
end)

test("what the manual names is there", function()
  local roots, gone = {ap = ap, plot = ap.plot, F = ap.nn.functional}, {}
  for _, name in ipairs {"nn", "optim", "data"} do roots[name] = ap[name] end
  for _, entry in ipairs(all.entries) do
    local value = roots
    for part in entry.qualified:gmatch "[^.:]+" do
      value = (type(value) == "table" or type(value) == "userdata") and value[part] or nil
    end
    -- Objects that functions give: their classes are in no module.
    local of_object = entry.qualified:find "^ap%.Generator[.:]" or entry.qualified:find "^ap%.Handle:" or
      entry.qualified:find "^plot%.%u"
    if value == nil and not of_object and not entry.value then gone[#gone + 1] = entry.qualified end
  end
  equal(table.concat(gone, " "), "")
end)

test("a summary is read whole, also one with colons", function()
  truth(docs.find("nn.Module:to").summary:find "^Moves the module to a device.*make the optimiser after this call%.$")
  truth(docs.find("data.DataLoader:iter").summary:find "^An iterator over one epoch")
  truth(docs.find("ap.long").summary:find "^%l", docs.find("ap.long").summary)
end)

test("the manual has a page for every family and module", function()
  local pages = {}
  for _, page in ipairs(manual.pages()) do pages[page.name] = page end
  for _, name in ipairs {"elementwise", "reduce", "nn", "functional", "optim", "data", "io", "train", "autograd"} do
    truth(pages[name] and #pages[name].text > 100, "no page " .. name)
  end
end)

-- --- examples ----------------------------------------------------------------------------------------------------

local function flatten(v, list)
  if ap.is_tensor(v) then v = v.ndim == 0 and v:item() or v:numel() == 0 and {} or v:detach():totable() end
  if type(v) == "table" then
    for _, item in ipairs(v) do flatten(item, list) end
  else
    list[#list + 1] = v
  end
  return list
end

-- The numbers, booleans and strings that a result stands for: "[4, 6]", "{2, 4}", "1.5, 2"; nil where it is prose.
local function expected_values(text)
  local source = text:gsub("%[", "{"):gsub("%]", "}"):gsub("%.$", "")
  local f = load("return {" .. source .. "}", "=result", "t",
    setmetatable({nan = 0 / 0, inf = 1 / 0, pi = math.pi}, {__index = function(_, name) error(name) end}))
  local ok, values = pcall(f or error)
  return ok and flatten(values, {}) or nil
end

local environment = setmetatable({ap = ap, F = require "apsis.nn.functional", nn = ap.nn, optim = ap.optim,
  data = ap.data, core = ap}, {__index = _G})
environment.io = setmetatable({}, {__index = function(_, name) return ap.io[name] or io[name] end})

local function same(a, b)
  if type(a) ~= "number" or type(b) ~= "number" then return a == b end
  return a == b or a ~= a and b ~= b or math.abs(a - b) <= 6e-5 * math.max(1, math.abs(b))
end

local function run_example(entry, example)
  local expected = expected_values(example.result)
  local code = example.code
  local f = load("return " .. code, "=" .. entry.qualified, "t", environment)
  if not f then
    -- local v, i = ...: the values of the names
    local names = code:match "^local ([%w_, ]+) ="
    f = assert(load(names and code .. " return " .. names or code, "=" .. entry.qualified, "t", environment))
  end
  local got = flatten(table.pack(f()), {})
  if not expected then return end
  truth(#got == #expected, ("%s: %s gives %d values, expected %s"):format(entry.qualified, code, #got, example.result))
  for i, v in ipairs(expected) do
    truth(same(got[i], v), ("%s: %s: value %d is %s, expected %s"):format(entry.qualified, code, i, tostring(got[i]),
      example.result))
  end
end

test("examples that say what they give, give it", function()
  local failures, count = {}, 0
  for _, entry in ipairs(all.entries) do
    for _, example in ipairs(entry.examples) do
      if example.result then
        count = count + 1
        local ok, e = pcall(run_example, entry, example)
        if not ok then
          failures[#failures + 1] = ("%s:%d: %s"):format(entry.file, entry.line,
            type(e) == "table" and e.check or tostring(e))
        end
      end
    end
  end
  truth(count > 100, "only " .. count .. " examples")
  truth(#failures == 0, #failures .. " differ:\n" .. table.concat(failures, "\n"))
end)
