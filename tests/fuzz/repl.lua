-- Feeds the prompt with inputs that nobody would type: a program of its own, and a part of tests/repl_test.lua.
--
--   build/apsis tests/fuzz/repl.lua [COUNT [SEED]] </dev/null     10000 inputs, seed 1
--   make SANITIZE=address,undefined, and the same with ASAN_OPTIONS=allocator_may_return_null=1
--       build-address-undefined/apsis ...
--
-- Inputs are pieces of real ones, cut, joined, repeated and sprinkled with bytes. Each goes line by line to the front's
-- feed, with completion at any place of the line and outdent before it, as the program does it. What must hold: no
-- error leaves the front, and its answers are of the right types. Prints seed and number of an input that breaks it.

-- luacheck: globals os io string print load

local count, seed = math.tointeger(arg[1]) or 10000, math.tointeger(arg[2]) or 1

-- --- a world without consequences --------------------------------------------------------------------------------

local MOST_STEPS = 3000000       -- instructions of one line
local MOST_LETTERS = 100000      -- of a string from rep
local MOST_BYTES = 256 << 20     -- of tensors
local sethook, rep, stderr, real_print = debug.sethook, string.rep, io.stderr, print

local core = require "apsis.core"
local ap = require "apsis"
ap.set_memory_limit(MOST_BYTES)

local function nothing() return nil, "not while fuzzing" end
for _, name in ipairs {"execute", "remove", "rename", "exit", "tmpname"} do os[name] = nothing end
for _, name in ipairs {"popen", "tmpfile", "output", "input"} do io[name] = nothing end
local open = io.open
function io.open(path, mode)
  if mode and mode:find "[wa+]" then return nothing() end
  return open(path, "rb")
end
function io.write() return io.stdout end
function print(...)
  for i = 1, select("#", ...) do tostring((select(i, ...))) end
end
function string.rep(s, n, sep)
  if #s * n > MOST_LETTERS then error "resulting string too large" end
  return rep(s, n, sep)
end
local load_text = load
function load(chunk, name, _, ...) return load_text(chunk, name, "t", ...) end
core.set_num_threads(1)

-- Every look at the clock takes 10 ms: loops that measure themselves end soon.
local time = 0
function core.clock()
  time = time + 0.01
  return time
end

local told = 0
io.stderr = {write = function(_, text)
  assert(type(text) == "string")
  told = told + 1
end}

-- --- inputs ------------------------------------------------------------------------------------------------------

-- PCG-like: the session may use math.random.
local state = seed
local function random(n)
  state = (state * 6364136223846793005 + 1442695040888963407)
  return (state >> 33) % n + 1
end

local SEEDS = {
  "1 + 1", "x = 5", "local x, y <const> = 1, {2, 'three', [4] = {}}", "x, y, nil", "= x", "print('a\\tb', x)",
  "for i = 1, 3 do\nx = i\nend", "function f(a, ...)\n  local t = {...}\n  return a, #t\nend", "f(1, 2, 3)",
  "if x then\n  y = 1\nelseif y then\n  y = 2\nelse\n  y = nil\nend", "repeat x = (x or 0) + 1 until x > 3",
  "s = [[long\nstring]]", "s = 'one\\\ntwo' -- comment", "--[==[ a comment\n]==] 7", "s:upper():rep(3)", "#s .. s",
  "ap.ones(2, 3)", "ap.arange(10):view(2, 5)[1]", "local t = ap.randn(3, 3) t:matmul(t):sum():item()",
  "F.softmax(ap.tensor{1, 2, 3}, {dim = 1})", "nn.Sequential(nn.Linear(2, 3), nn.ReLU())",
  "m = nn.Linear(2, 2) m(ap.ones(1, 2))", "optim.SGD(m:parameters(), {lr = 0.1})", "t[{1, {}}]", "t['1:2, :']",
  "x.y.z", "none()", "F.sofmax(1)", "m:forwrad(1)", "error('boom')", "error({code = 5})", "error()",
  "setmetatable({}, {__tostring = error, __index = error})",
  "setmetatable({}, {__name = 1, __pairs = error, __len = error})", "coroutine.wrap(function() error 'in' end)()",
  "local g <close> = setmetatable({}, {__close = function() end})", "goto done ::done::", "return 5, 6", "_ , _1, _9",
  "pcall(error, 'x')", "string.format('%5.2f', 'x')", "('x'):rep(1e9)", "{{{{{{}}}}}}", "function() end",
  "_ENV = nil", "local _ENV = {}", "local function g() return g() end", "function h() return 1 + h() end h()",
  "\27[31mred\27[0m", "日本語 = 'ü'", "x = '日本語\\xff\\0'", "0x1p4, 1e, 3..2, .5", "a.b.c.d:e()", "x?", "?ap.ones",
  "??F.relu", "help(ap.sum)", "help 'linear'", "apropos 'softmax'", "?", "%time x = 1",
  "%time for i = 1, 2 do\nx = i\nend", "%timeit 1 + 1", "%prof f(1)", "%mem", "%who", "%who ^x", "%who [",
  "%run /dev/null", "%run '/no such' a b", "%load /etc/hostname", "%save /no/such", "%edit", "%paste", "%debug", "up",
  "down", "locals", "where", "quit", "%reset", "%help", "%nonsense", "%", "!", "!ls", "!echo $HOME\n1 + 1",
  "require 'apsis.optm'", "require('apsis.", "io.open('/etc/", "plot({1, 2, 3})", "x:", "x.", "t[",
}

local TOKENS = {
  "end", "do", "then", "function", "local ", "(", ")", "{", "}", "[", "]", "[[", "]]", "--", "--[[", "'", '"', "\\",
  "=", "==", ",", ";", ":", "::", ".", "..", "...", "#", "~", "<", "<close>", "<const>", "0x", "1e", "\n", "\t", "\r",
  "\0", "\27[", "\255", "\xC3", "日", "%", "!", "?", "return ", "not ", "nil", "x", "ap.", "_ENV", "goto ", "until ",
  "\n%time ", "\n!",
}

local function any(list) return list[random(#list)] end

local function any_bytes()
  local bytes = {}
  for i = 1, random(20) do bytes[i] = string.char(random(256) - 1) end
  return table.concat(bytes)
end

local MUTATIONS = {
  function(s) return s:sub(1, random(#s + 1) - 1) end,
  function(s) return s:sub(random(#s + 1)) end,
  function(s) local i = random(#s + 1) return s:sub(1, i - 1) .. any(TOKENS) .. s:sub(i) end,
  function(s) local i = random(#s + 1) return s:sub(1, i - 1) .. string.char(random(256) - 1) .. s:sub(i + 1) end,
  function(s) local i = random(#s + 1) return s:sub(1, i - 1) .. s:sub(i + random(8)) end,
  function(s) local i, j = random(#s + 1), random(#s + 1) return s:sub(1, i) .. s:sub(j) end,
  function(s) local other = any(SEEDS) return s:sub(1, random(#s + 1)) .. other:sub(random(#other + 1)) end,
  function(s) return s .. any {" ", "\n", ", ", " + ", "("} .. any(SEEDS) end,
  function(s) return #s < 300 and rep(s, random(4)) or s end,
  function() return any_bytes() end,
  function() return rep(any(TOKENS), random(300)) end,
}

local function any_input()
  local text = any(SEEDS)
  for _ = 1, random(4) - 1 do text = any(MUTATIONS)(text) end
  return text
end

-- --- the front ---------------------------------------------------------------------------------------------------

local repl = require "apsis.repl"
assert(type(repl.open "pipe no-init") == "string")

require("apsis.help.docs").load() -- once, and not within the steps of a line

local function is_optional_text(x) return x == nil or type(x) == "string" end

local function try(line)
  sethook(function() error("too many steps", 0) end, "", MOST_STEPS)
  local breaks, matches, suffix = repl.complete(line:sub(1, random(#line + 1)))
  assert(type(breaks) == "string" and (is_optional_text(matches) or matches == true) and is_optional_text(suffix))
  assert(is_optional_text(repl.outdent(line)))
  local prompt, prefill, entry = repl.feed(line)
  assert(type(prompt) == "string" and is_optional_text(prefill) and is_optional_text(entry))
end

for i = 1, count do
  local input = any_input()
  for line in (input .. "\n"):gmatch "(.-)\n" do
    local ok, message = xpcall(try, debug.traceback, line)
    sethook()
    if not ok then
      stderr:write(("seed %d, input %d: %q\n"):format(seed, i, input))
      error(message, 0)
    end
  end
  if random(4) == 1 then assert(type(repl.reset()) == "string") end
end
real_print(("%d inputs, %d errors told, seed %d"):format(count, told, seed))
