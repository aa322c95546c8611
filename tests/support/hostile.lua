--- Bad input to every function of tensors: which functions there are, a right call of each, the ways to spoil it, and
--- what must hold after any call. tests/hostile_test.lua makes the calls.
---
--- APSIS_HOSTILE=deep makes every call that there is, for a checked build (SANITIZE=address,undefined); the usual run
--- takes an even selection. With --device cl the operands lie there, and the usual run takes fewer calls and dtypes, as
--- each is another kernel to compile. APSIS_HOSTILE_TRACE=FILE writes each call there before it is made: the last line
--- of a process that died. APSIS_TEST_SEED=N makes another selection.

local ap = require "apsis"
local F = require "apsis.nn.functional"
local docs = require "apsis.help.docs"
local device = require "support.device"
local opinfo = require "support.opinfo"
local samples = require "support.samples"

-- Families that are read when they are first called for: what stands for their functions until then is none of them.
for _, path in ipairs(ap.sources()) do
  local family = path:match "^stdlib/ops/([%w_]+)%.lua$"
  if family then require("apsis.ops." .. family) end
end

local hostile = {deep = os.getenv "APSIS_HOSTILE" == "deep", calls = 0, results = 0, functions = 0}

-- The most that a call may take: KB of Lua's own, seconds. The tensors' limit is in tests/hostile_test.lua.
local LUA_MEMORY, SECONDS = 512 << 10, (hostile.deep or device.name) and 60 or 5 -- a device compiles its kernels

-- --- the functions -----------------------------------------------------------------------------------------------

-- What is not called, and why.
local LEFT_OUT = {
  [ [[rule rule_joint no_gradient define define_module entry]] ] = "they build the library, while it is loaded",
  [ [[fail]] ] = "raises what it is told",
  [ [[draw_each]] ] = "how the library calls itself: the function to call is an argument",
  [ [[node_custom node_edge node_fit node_graph node_info node_of node_release node_rule]] ] =
    "the tape's tools: users hold no nodes",
  [ [[ask_terminal]] ] = "waits for a terminal's answer",
  [ [[set_memory_limit]] ] = "the bound under which these tests run",
}
local left_out = {}
for names in pairs(LEFT_OUT) do
  for name in names:gmatch "%S+" do left_out[name] = true end
end

--- functions_by_name: as users write it -> function; order: the names, sorted; names: function -> what messages may
--- call it
hostile.functions_by_name, hostile.order, hostile.names = {}, {}, {}

local function add(prefix, from)
  for name, f in pairs(from) do
    if type(f) == "function" and not left_out[name] then
      local short = name:match "[^.]*$"
      local first = not hostile.names[f]
      hostile.names[f] = hostile.names[f] or {}
      table.insert(hostile.names[f], short)
      if first then
        hostile.functions_by_name[prefix .. name] = f
        hostile.order[#hostile.order + 1] = prefix .. name
      end
    end
  end
end
-- Classes are called through functions of their own, so that an error's position is that of a caller.
local function add_classes(prefix, from)
  for name, class in pairs(from) do
    if type(class) == "table" and rawget(class, "__name") then
      local function make(...)
        local object = class(...)
        return object
      end
      hostile.functions_by_name[prefix .. name], hostile.names[make] = make, {name}
      hostile.order[#hostile.order + 1] = prefix .. name
    end
  end
end

add("", ap)
for _, module in ipairs {"linalg", "fft", "special"} do add(module .. ".", ap[module]) end
add("F.", F)
for _, module in ipairs {"init", "utils"} do add("nn." .. module .. ".", ap.nn[module]) end
for _, module in ipairs {"io", "data", "plot", "train"} do add(module .. ".", ap[module]) end
for _, module in ipairs {"metrics", "checkpoint"} do add("train." .. module .. ".", ap.train[module]) end
-- What writes files does so in a folder of the tests.
for _, name in ipairs {"io.save", "io.save_npy", "io.save_npz", "train.checkpoint.save"} do
  local save = hostile.functions_by_name[name]
  local function within(path, ...)
    if type(path) == "string" then path = tmpname() end
    local result = save(path, ...)
    return result
  end
  hostile.functions_by_name[name], hostile.names[within] = within, hostile.names[save]
end
for _, module in ipairs {"nn", "optim", "data"} do add_classes(module .. ".", ap[module]) end
add_classes("optim.lr_scheduler.", ap.optim.lr_scheduler)
table.sort(hostile.order)
-- APSIS_HOSTILE_FROM=NAME goes on behind a function at which an earlier run died.
local behind = os.getenv "APSIS_HOSTILE_FROM"
if behind then
  while hostile.order[1] and hostile.order[1] <= behind do table.remove(hostile.order, 1) end
end

-- --- what must hold ----------------------------------------------------------------------------------------------

-- What the messages of an op without a name of its own in Lua call it.
local CALLED = {true_divide = "div", true_divide_ = "div_"}

-- What writes to arguments although its name says nothing: running statistics, and a part of t[key] = value.
local UPDATES = {batch_norm = true, instance_norm = true, put_at_key = true}

-- What may have written when it fails, and why.
local PARTIAL = {["nn.init.default_"] = "fills two tensors, one after the other",
  ["nn.utils.vector_to_parameters"] = "fills a list of tensors, of which one may be expanded",
  sgd_steps_ = "a part of SGD, which checks its lists", adam_steps_ = "a part of Adam, which checks its lists"}

local INTERNAL = {"attempt to ", "bad argument", "stack overflow", "stack index", "table index is",
  "number has no integer", "invalid value", "wrong number of arguments", "invalid order function", "hostile: "}

local function text_of(v)
  if ap.is_tensor(v) then
    local values = v:numel() <= 12 and v.ndim == 1 and v:numel() > 0 and table.concat((function()
      local list = v:detach():totable()
      for i, item in ipairs(list) do list[i] = tostring(item) end
      return list
    end)(), " ") or ""
    return ("%s(%s)%s%s"):format(v.dtype, table.concat(v:size(), "x"), values ~= "" and "=" or "", values)
  end
  if type(v) == "table" then
    local parts = {}
    for k, item in pairs(v) do parts[#parts + 1] = (type(k) == "string" and k .. "=" or "") .. text_of(item) end
    return "{" .. table.concat(parts, ",") .. "}"
  end
  return type(v) == "string" and ("%q"):format(v) or tostring(v)
end

--- describe: a call as text.
function hostile.describe(name, given)
  local parts = {}
  for k = 1, given.n do parts[k] = text_of(given[k]) end
  return ("%s(%s)"):format(name, table.concat(parts, ", "))
end

--- message_fault: what is wrong with an error, nil where nothing is.
function hostile.message_fault(name, f, message)
  if type(message) ~= "string" then return "the error is no text" end
  for _, text in ipairs(INTERNAL) do
    if message:find(text, 1, true) then return "an error of the library's own" end
  end
  local rest = message:match "^[^\n]-hostile[%w_]*%.lua:%d+: (.*)$"
  if not rest then return "the position is not the caller's" end
  local said, what = rest:match "^([%w_.]+): (.+)$"
  if not said then return "it names no function" end
  local short, plain = said:match "[^.]*$", name:match "[^.]*$"
  local accepted = CALLED[plain] == short
  for _, other in ipairs(hostile.names[f]) do accepted = accepted or other == short end
  if not accepted then return ("it names %s"):format(said) end
  if #what < 8 then return "it says nothing" end
  -- "logit_: logit: ...": said twice.
  if what:match "^([%w_.]+): " == short:gsub("_$", "") then return "it names the function twice" end
  return nil
end

-- Every tensor among the values, with its contents; every table, with its items.
local function snapshot(v, list)
  if ap.is_tensor(v) then
    list[#list + 1] = {v, ap.bytes(v:detach())}
  elseif type(v) == "table" and not getmetatable(v) then
    local copy = {}
    for k, item in pairs(v) do
      copy[k] = item
      snapshot(item, list)
    end
    list[#list + 1] = {v, copy}
  end
  return list
end

local function changed(entry)
  local v, before = entry[1], entry[2]
  if ap.is_tensor(v) then return ap.bytes(v:detach()) ~= before end
  for k, item in pairs(v) do
    if not rawequal(before[k], item) and item == item then return true end
  end
  for k in pairs(before) do
    if v[k] == nil then return true end
  end
  return false
end

-- Reads every element, so that a result that points to nothing is found out.
local function touch(v)
  if ap.is_tensor(v) then
    if v:numel() < 100000 then ap.bytes(v:detach()) end
  elseif type(v) == "table" and not getmetatable(v) then
    for _, item in pairs(v) do touch(item) end
  end
end

local trace = os.getenv "APSIS_HOSTILE_TRACE" and assert(io.open(os.getenv "APSIS_HOSTILE_TRACE", "w"))
local slow = os.getenv "APSIS_HOSTILE_SLOW" and tonumber(os.getenv "APSIS_HOSTILE_SLOW")

local function limited(name, f, given)
  local deadline = ap.clock() + SECONDS
  debug.sethook(function()
    if ap.clock() > deadline then error("hostile: still in Lua code after " .. SECONDS .. " s", 0) end
    if collectgarbage "count" > LUA_MEMORY then
      collectgarbage()
      if collectgarbage "count" > LUA_MEMORY then error("hostile: Lua's memory is full", 0) end
    end
  end, "", 100000)
  if trace then
    trace:seek "set"
    trace:write(hostile.describe(name, given), "\n", (" "):rep(200), "\n")
    trace:flush()
  end
  local started = ap.clock()
  local results = table.pack(pcall(f, table.unpack(given, 1, given.n)))
  -- What a kernel finds wrong with its input shows when the device is waited for; the op has written by then.
  if device.name and results[1] then
    local ok, message = pcall(ap.synchronize)
    if not ok then results = {false, message, n = 2, late = true} end
  end
  local took = ap.clock() - started
  debug.sethook()
  if slow and took > slow then print(("%.3f s: %s"):format(took, hostile.describe(name, given))) end
  return results, took
end

--- try: one call; fails the test where anything does not hold that must. Returns pcall's results.
---@param name string
---@param ... any the arguments
---@return table results as pcall gives them, packed
function hostile.try(name, ...)
  local given, f = table.pack(...), hostile.functions_by_name[name]
  local before = snapshot(given, {})
  local in_place = name:sub(-1) == "_" or name:find "^nn%.init%." or name:find "^nn%.utils%." or UPDATES[name]
  hostile.calls = hostile.calls + 1
  local results, took = limited(name, f, given)
  local function fails(what)
    error({check = ("%s: %s"):format(hostile.describe(name, given), what)}, 0)
  end
  if took > SECONDS then fails(("took %.1f s"):format(took)) end
  if name == "no_grad" or name == "set_grad_enabled" then ap.set_grad_enabled(true) end
  if not ap.is_grad_enabled() then fails "gradients are switched off after it" end
  if results[1] then
    hostile.results = hostile.results + 1
    for k = 2, results.n do touch(results[k]) end
  elseif not results.late then
    local fault = hostile.message_fault(name, f, results[2])
    if fault then fails(fault .. ": " .. tostring(results[2])) end
  end
  for _, entry in ipairs(before) do
    local may = PARTIAL[name] or results.late or
      in_place and (results[1] or UPDATES[name] and hostile.writes_out(given)) or
      results[1] and hostile.writes_out(given) and ap.is_tensor(entry[1])
    if not may and changed(entry) then
      fails(("changed an argument (%s)%s"):format(text_of(entry[1]), results[1] and "" or
        ", and then failed: " .. results[2]))
    end
  end
  return results
end

--- writes_out: whether the call names tensors for its results.
function hostile.writes_out(given)
  local last = given[given.n]
  return type(last) == "table" and rawget(last, "out") ~= nil
end

-- --- right calls -------------------------------------------------------------------------------------------------

-- name -> list of functions that make the arguments afresh: a table with n.
local right = {}
hostile.right = right

local function plain(v)
  if ap.is_tensor(v) then return device.place(v:detach()):clone() end
  if type(v) ~= "table" then return v end
  if v.is_entry then return device.place(v.tensor:detach()):clone() end
  if getmetatable(v) then return v end
  local list = {}
  for k, item in pairs(v) do list[k] = plain(item) end
  return list
end

local function kinds_of(v)
  if ap.is_tensor(v) then return v.dtype .. (v.ndim == 0 and "0" or "") end
  if type(v) ~= "table" then return math.type(v) or type(v) end
  if v.is_entry then return kinds_of(v.tensor) end
  local names = {}
  for k in pairs(v) do names[#names + 1] = type(k) == "string" and k or nil end
  table.sort(names)
  return "{" .. table.concat(names, " ") .. "}"
end

-- Adds a call unless there is one with the same kinds of arguments.
local MOST = 4
local function add_right(name, arguments)
  if not hostile.functions_by_name[name] then return end
  local kinds = {}
  for k = 1, arguments.n do kinds[k] = kinds_of(arguments[k]) end
  local list, key = right[name] or {seen = {}}, table.concat(kinds, ",")
  if list.seen[key] or #list == MOST then return end
  list.seen[key] = true
  right[name] = list
  list[#list + 1] = function()
    local copy = {n = arguments.n}
    for k = 1, arguments.n do copy[k] = plain(arguments[k]) end
    return copy
  end
end

-- The function's name in hostile's list: it stands there under the first of its names.
local by_function = {}
for name, f in pairs(hostile.functions_by_name) do by_function[f] = name end

local function add_by_value(f, arguments, in_place)
  if by_function[f] then add_right(by_function[f], arguments) end
  if in_place and by_function[in_place] then add_right(by_function[in_place], arguments) end
end

local function from_opinfo()
  for _, family in ipairs(opinfo.families) do
    local calls, names = opinfo.read(family)
    for _, name in ipairs(names) do
      for _, call in ipairs(calls[name]) do
        local first = call.arguments[1]
        if type(first) ~= "table" or not first.is_entry or first.tensor:numel() > 0 then
          add_by_value(opinfo.resolve(name), call.arguments, ap[name:gsub("^F%.", "") .. "_"])
        end
      end
    end
  end
end

local function from_gradients()
  for name, list in pairs(samples.ops) do
    for _, sample in ipairs(list) do
      if not sample.f and ap[name] then add_by_value(ap[name], table.pack(sample.make()), ap[name .. "_"]) end
    end
  end
end

-- Runs the examples of the documentation with every function replaced by one that notes its arguments.
local function from_examples()
  local environment = setmetatable({ap = ap, F = F, nn = ap.nn, core = ap, print = function() end}, {__index = _G})
  local put_back, noting = {}, false
  -- Behind a function of C, so that it is put back as it is.
  local function put_core(name, f) ap.define(name, f) end
  local function watch(from, put)
    for name, f in pairs(from) do
      if by_function[f] then
        put_back[#put_back + 1] = function() put(name, f) end
        put(name, function(...)
          local info = not noting and debug.getinfo(2, "S")
          if not info or info.source ~= "=example" then return f(...) end
          noting = true
          local copy = plain(table.pack(...))
          noting = false
          add_by_value(f, copy)
          return f(...)
        end)
      end
    end
  end
  -- Collected first: what is put changes the table.
  local function each(from, put)
    local copy = {}
    for name, f in pairs(from) do copy[name] = type(f) == "function" and f or nil end
    watch(copy, put)
  end
  each(ap, put_core)
  for _, from in ipairs {ap.linalg, ap.fft, ap.special, F} do
    each(from, function(name, f) from[name] = f end)
  end
  -- Those of ap.io would write files.
  local of_tensors = {ap = true, F = true, ["ap.linalg"] = true, ["ap.fft"] = true, ["ap.autograd"] = true,
    ["ap.cl"] = true}
  for _, entry in ipairs(docs.load().entries) do
    for _, example in ipairs(entry.examples) do
      local chunk = load("return " .. example.code, "=example", "t", environment) or
        load(example.code, "=example", "t", environment)
      if chunk and of_tensors[entry.module] then
        pcall(chunk)
      end
    end
  end
  for _, put in ipairs(put_back) do put() end
  ap.set_num_threads(hostile.threads)
end

-- By the types that the documentation gives the parameters, until something is accepted.
local GUESSES = {
  integer = {2, 1, 3}, number = {0.5, 2}, boolean = {true}, string = {"f32", "sum", "reduced"},
  ["integer[]"] = {{2, 2}, {1}, {1, 2}}, ["Tensor[]"] = {},
}
local function tensors_of(dtype)
  local list = {}
  for _, size in ipairs {{3, 3}, {3}, {2, 3}, {2, 3, 3}, {2, 3, 4, 4}, {}} do
    list[#list + 1] = function() return ap.ones(size, {dtype = dtype}) end
  end
  return list
end

local function candidates(kind)
  if kind:find "^Tensor%[%]" then return {function() return {ap.ones(3, 3), ap.ones(3, 3)} end} end
  if kind:find "^Tensor" then
    local list = tensors_of "f32"
    for _, f in ipairs(tensors_of "i64") do list[#list + 1] = f end
    for _, f in ipairs(tensors_of "bool") do list[#list + 1] = f end
    return list
  end
  local list = {}
  for _, v in ipairs(GUESSES[kind:match "^[%w]+%[?%]?" or ""] or {1}) do
    list[#list + 1] = function() return v end
  end
  return list
end

local function entry_of(name)
  local qualified = name:gsub("^linalg%.", "ap.linalg."):gsub("^fft%.", "ap.fft.")
  return docs.find(qualified) or docs.find((name:gsub("_$", "")))
end

--- is_options: whether v is a table of options.
function hostile.is_options(v)
  return type(v) == "table" and not getmetatable(v) and type((next(v))) == "string"
end

--- parameters: how many a function has by its documentation; nil where it has none, or takes any number.
---@return integer|nil
function hostile.parameters(name)
  local entry = entry_of(name)
  if not entry or not entry.params then return nil end
  for _, p in ipairs(entry.params) do
    if p.name == "..." then return nil end
  end
  if name:find "^%l+%.%u" and #entry.params == 0 then return nil end -- a class that says nothing of its constructor
  local n = 0
  for _, p in ipairs(entry.params) do n = n + math.max(#(docs.fields(p) or {}), 1) end
  return n
end

local function guess(name)
  local f = hostile.functions_by_name[name]
  local entry = entry_of(name)
  local kinds = {}
  for _, p in ipairs(entry and entry.params or {}) do
    if p.optional then break end
    if p.name == "..." then
      kinds[#kinds + 1] = p.type
      break
    end
    kinds[#kinds + 1] = p.type
  end
  if not entry then kinds = {"Tensor"} end
  local tried = 0
  local function walk(k, makers)
    if right[name] or tried > 300 then return end
    if k > #kinds then
      tried = tried + 1
      local given = {n = #kinds}
      for i, make in ipairs(makers) do given[i] = make() end
      local copy = plain(given)
      if (pcall(f, table.unpack(given, 1, given.n))) then add_right(name, copy) end
      return
    end
    for _, make in ipairs(candidates(kinds[k])) do
      makers[k] = make
      walk(k + 1, makers)
      makers[k] = nil
    end
  end
  walk(1, {})
end

-- What neither samples nor examples nor guesses call right.
local BY_HAND = {
  ["nn.Sequential"] = function() return ap.nn.Linear(2, 3), ap.nn.ReLU() end,
  ["nn.ModuleList"] = function() return {ap.nn.Linear(2, 3), ap.nn.ReLU()} end,
  ["nn.GroupNorm"] = function() return 2, 4, {affine = true} end,
  ["nn.Conv2d"] = function() return 2, 4, 3, {stride = 1, padding = 1, groups = 2} end,
  ["nn.Linear"] = function() return 2, 3, {bias = true} end,
  ["optim.SGD"] = function() return {ap.ones({2}, {requires_grad = true})}, {lr = 0.1, momentum = 0.9} end,
  ["optim.Adam"] = function() return {ap.ones({2}, {requires_grad = true})}, {lr = 0.1, betas = {0.9, 0.99}} end,
  ["optim.AdamW"] = function() return {ap.ones({2}, {requires_grad = true})}, {lr = 0.1} end,
  ["optim.lr_scheduler.StepLR"] = function()
    return ap.optim.SGD({ap.ones({2}, {requires_grad = true})}, {lr = 0.1}), {step_size = 3, gamma = 0.5}
  end,
  ["optim.lr_scheduler.CosineAnnealingLR"] = function()
    return ap.optim.SGD({ap.ones({2}, {requires_grad = true})}, {lr = 0.1}), {T_max = 3}
  end,
  ["optim.lr_scheduler.OneCycleLR"] = function()
    return ap.optim.SGD({ap.ones({2}, {requires_grad = true})}, {lr = 0.1}), {max_lr = 3, total_steps = 10}
  end,
  ["data.TensorDataset"] = function() return ap.ones(3, 2), ap.ones(3) end,
  ["data.Subset"] = function() return ap.data.TensorDataset(ap.ones(3, 2)), {1, 3} end,
  ["data.ConcatDataset"] = function() return {ap.data.TensorDataset(ap.ones(3, 2))} end,
  ["data.DataLoader"] = function() return ap.data.TensorDataset(ap.ones(3, 2)), {batch_size = 2, shuffle = true} end,
  adam_steps_ = function()
    return {ap.ones(3)}, {ap.ones(3)}, {ap.zeros(3)}, {ap.zeros(3)}, nil, 1, 0.1, 0.9, 0.99, 1e-8
  end,
  as_strided_scatter = function() return ap.zeros(6), ap.ones(2, 2), {2, 2}, {2, 1} end,
  backward = function() return (ap.ones({2}, {requires_grad = true}) * 2):sum() end,
  batch_norm_train_grad = function() return ap.ones(4, 3), ap.rand(4, 3), ap.ones(3) end,
  binary_cross_entropy_grad = function() return ap.ones {}, ap.full({3}, 0.5), ap.ones(3) end,
  binary_cross_entropy_with_logits_grad = function() return ap.ones {}, ap.full({3}, 0.5), ap.ones(3) end,
  cabs = function() return ap.ones(3, 2) end,
  can_cast = function() return "f32", "f64" end,
  cholesky = function() return ap.eye(3) end,
  col2im = function() return ap.ones(1, 8, 4), {3, 3}, {2, 2} end,
  cross_entropy_grad = function() return ap.ones {}, ap.ones(2, 3), ap.tensor {1, 3} end,
  from_bytes = function() return "12345678", "u8", {2, 4} end,
  group_norm_grad = function() return ap.ones(2, 4, 3), ap.rand(2, 4, 3), 2 end,
  inverse = function() return ap.eye(3) end,
  layer_norm_grad = function() return ap.ones(2, 3), ap.rand(2, 3), {3} end,
  ["linalg.lu_rows"] = function() return ap.tensor({2, 3, 3}, {dtype = "i32"}), 3 end,
  ["linalg.lu_solve"] = function() return ap.eye(3), ap.tensor({1, 2, 3}, {dtype = "i32"}), ap.ones(3, 2) end,
  ["linalg.tensorinv"] = function() return ap.eye(6):reshape(2, 3, 6), 2 end,
  log_softmax_grad = function() return ap.ones(2, 3), ap.zeros(2, 3), 2 end,
  lu_solve = function() return ap.ones(3, 2), ap.eye(3), ap.tensor({1, 2, 3}, {dtype = "i32"}) end,
  max_pool2d_indices = function() return ap.rand(1, 2, 4, 5), 2 end,
  mse_loss_grad = function() return ap.ones {}, ap.ones(2, 3), ap.zeros(2, 3) end,
  ["nn.init.calculate_gain"] = function() return "leaky_relu", 0.1 end,
  ["nn.utils.vector_to_parameters"] = function() return ap.ones(5), {ap.zeros(2), ap.zeros(3)} end,
  normal = function() return 0, 1, {2, 3}, {dtype = "f64"} end,
  put_at_key = function() return ap.zeros(3, 3), {2, {}}, ap.ones(3) end,
  rms_norm_grad = function() return ap.ones(2, 3), ap.rand(2, 3), {3} end,
  sgd_steps_ = function() return {ap.ones(3)}, {ap.ones(3)}, {}, 0.1 end,
  softmax_grad = function() return ap.ones(2, 3), ap.full({2, 3}, 1 / 3), 2 end,
  set_float32_matmul_precision = function() return "high" end,
  set_printoptions = function() return {precision = 4} end,
  set_rng_state = function() return {1, 2} end,
}

hostile.threads = ap.get_num_threads()
device.pause(function()
  from_opinfo()
  from_gradients()
  from_examples()
end)
for name, make in pairs(BY_HAND) do
  local given = table.pack(make())
  if hostile.functions_by_name[name] then
    right[name] = right[name] or {seen = {}}
    table.insert(right[name], function() return table.pack(make()) end)
  else
    add_by_value(ap[name], given)
  end
end
device.pause(function()
  for _, name in ipairs(hostile.order) do
    if not right[name] then guess(name) end
  end
end)

ap.set_num_threads(hostile.threads)

-- --- spoiling one argument ---------------------------------------------------------------------------------------

-- Each dtype is another kernel to compile, on a device: there only a deep run takes those that nobody's test takes.
local few = device.name and not hostile.deep
local DTYPES = few and {"f32", "i64"} or {"f32", "f64", "f16", "bf16", "i64", "i32", "i16", "i8", "u8", "bool"}

-- Tensors that stand where x stood.
local function spoilt_tensors(x)
  local list, size = {}, x:size()
  local function like(sizes, value) return ap.full(sizes, value or 1, {dtype = x.dtype, device = x.device}) end
  for _, dtype in ipairs(DTYPES) do
    if dtype ~= x.dtype then list[#list + 1] = x:to(dtype) end
  end
  for _, sizes in ipairs {{}, {0}, {3, 0, 2}, {7}, {2, 3, 1, 2, 3, 1}, {1, 1, 1, 1, 1, 1, 1, 1}} do
    list[#list + 1] = like(sizes)
  end
  if x.ndim < 8 then list[#list + 1] = x:unsqueeze(1) end
  if x.ndim > 1 then list[#list + 1] = x:transpose(1, -1) end
  for d = 1, #size do
    local other = x:size()
    other[d] = size[d] + 1
    list[#list + 1] = like(other)
    other[d] = 0
    list[#list + 1] = like(other)
    if size[d] > 0 then list[#list + 1] = x:narrow(d, 1, 1):expand(size) end
  end
  if x:is_floating_point() then
    for _, value in ipairs {0, 0 / 0, 1 / 0, -1 / 0, 1e30, -1} do list[#list + 1] = like(size, value) end
  elseif x.dtype ~= "bool" then
    for _, value in ipairs {0, -1, 99, -99, math.maxinteger, math.mininteger} do
      list[#list + 1] = like({}, value):expand(size):clone()
    end
  end
  return list
end

local function other_values()
  return {false, true, 0, -1, 17, -17, 1.5, -0.5, 0 / 0, 1 / 0, math.maxinteger, math.mininteger, 1 << 50, 1e300, "",
    "x", "none", {}, {0}, {1.5}, {"x"}, {{}}, {3, -2}, {none = 1}, print, io.stdout,
    coroutine.create(print), ap.ones(2, 3)}
end

--- spoilt: what may stand in place of the value v of a right call.
---@return any[]
function hostile.spoilt(v)
  local list = other_values()
  if ap.is_tensor(v) then
    table.move(spoilt_tensors(v), 1, 64, #list + 1, list)
  elseif type(v) == "table" and not getmetatable(v) then
    for key, value in pairs(v) do
      local items = ap.is_tensor(value) and spoilt_tensors(value) or {}
      for _, item in ipairs {0, -99, 99, "x", 1.5, math.maxinteger, ap.ones(3, 3, 3), print, {}} do
        items[#items + 1] = item
      end
      for _, item in ipairs(items) do
        local copy = {}
        for k, other in pairs(v) do copy[k] = other end
        copy[key] = item
        list[#list + 1] = copy
      end
    end
    if #v > 0 then
      list[#list + 1] = table.move(v, 1, #v, 2, {v[1]})
      list[#list + 1] = table.move(v, 2, #v, 1, {})
    end
  end
  return list
end

--- junk: values of every kind, afresh.
function hostile.junk()
  local list = {
    false, true, 0, 1, -1, 2, 5, 1.5, 0 / 0, 1 / 0, 2 ^ 53, math.mininteger, math.maxinteger, "", "x", "f32", "sum", {},
    {0}, {-1}, {1, 2}, {2 ^ 40, 2 ^ 40}, {math.maxinteger, 2}, {"x"}, {{}}, {1.5}, print, io.stdout, {dim = 1},
    {dim = {}}, setmetatable({}, {__index = function() return nil end}),
    ap.ones(2, 3), ap.ones(3), ap.ones({}), ap.zeros(0), ap.zeros({0, 3}), ap.ones(3, 3, 2), ap.ones(3, 3),
    ap.ones({2, 3}, {dtype = "i64"}), ap.ones({3}, {dtype = "bool"}), ap.ones({2}, {dtype = "u8"}),
    ap.ones({3, 3}, {dtype = "f64"}), ap.ones({2, 3}, {dtype = "f16"}), ap.ones(3, 2):t(), ap.ones(1, 3):expand(2, 3),
    ap.full({2, 3}, 0 / 0), ap.tensor({1, 99, -5}, {dtype = "i64"}), {ap.ones(2), 3}, {ap.ones(2), ap.ones(3)},
    ap.ones({2, 3}, {requires_grad = true}),
  }
  for i = #list, few and 1 or #list + 1, -1 do
    local v = list[i]
    if ap.is_tensor(v) and v.dtype ~= "f32" and v.dtype ~= "i64" then table.remove(list, i) end
  end
  return list
end

-- --- numbers that a failure can be repeated with -------------------------------------------------------------------

local seed = 0

--- seed_for: starts the sequence of `random` for a function.
function hostile.seed_for(name)
  seed = tonumber(os.getenv "APSIS_TEST_SEED") or 12345
  for i = 1, #name do seed = (seed * 31 + name:byte(i)) % 2147483648 end
end

function hostile.random(n)
  seed = (seed * 1103515245 + 12345) % 2147483648
  return seed // 65536 % n + 1
end

return hostile
