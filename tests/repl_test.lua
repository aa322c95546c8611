-- The prompt, on a terminal of its own (tests/support/pty.c).

local ap = require "apsis"
local program = require "support.program"
local conversation = require "support.conversation"
local quote, sh = program.quote, program.sh
local session, helper, contains = conversation.run, conversation.helper, conversation.contains

test("the prompt greets, prints values of expressions and leaves on Ctrl-D with status 0", function()
  local output, status = session {"> ", "1 + 1\n", "\n2\n", "x = 5\n", "> ",
    "x, 'a', nil\n", "\n5\t\"a\"\tnil\n> ",
    "= x * 2\n", "\n10\n> "}
  contains(output, "Apsis, Lua 5.4")
  equal(status, 0)
end)

test("ap, nn, F, optim and data are there; tensors print themselves", function()
  local output = session {"> ", "ap.ones(2) + 1\n", "> ",
    "nn.Linear, F.relu(ap.tensor{-1.0}):item(), type(optim), type(data)\n", "0.0\t\"table\"\t\"table\"\n> "}
  contains(output, "2")
end)

test("statements go on over several lines", function()
  session {"> ", "for i = 1, 3 do\n", ">> ", "print('line', i)\n", ">> ", "end\n", "\nline\t1\nline\t2\nline\t3\n> ",
    "t = {1,\n", ">> ", "2}\n", "> ", "#t\n", "\n2\n> ", "s = [[a\n", ">> ", "b]]\n", "> ", "#s\n", "\n3\n> ",
    "3 +\n", ">> ", "4\n", "\n7\n> "}
end)

test("a local at the start of a line lives on", function()
  session {"> ", "local x = 41\n", "> ", "x + 1\n", "\n42\n> ", "local a, b = 1\n", "> ", "a, b\n", "\n1\tnil\n> ",
    "local function f(n) return n < 2 and 1 or n * f(n - 1) end\n", "> ", "f(5)\n", "\n120\n> ",
    "local c, d; c = 3\n", "> ", "c, d\n", "\n3\tnil\n> ", "local t = {\n", ">> ", "7}\n", "> ", "t[1]\n", "\n7\n> ",
    "local k <const> = 5; print(k)\n", "\n5\n> ", "k\n", "\n5\n> ", "local = 3\n",
    "<name> expected near '='\n    local = 3\n          ^\n> ", "local v == 3\n", "\nprompt:15: ", "", "> ",
    "local only\n", "> ", "only\n", "\nnil\n> "}
end)

test("locals live on wherever they stand in the outermost block, and nowhere else", function()
  session {"> ", "y = 1 local a <const>, b = (function() local inner = 7 return 1, 2 end)() c = a + b\n", "> ",
    "a, b, c, inner\n", "\n1\t2\t3\tnil\n> ",
    "do local d = 5 end for i = 1, 1 do local e = i end d, e\n", "\nnil\tnil\n> ",
    "do local d = 5 end if true then local e = 1 end\n", "> ", "d, e\n", "\nnil\tnil\n> ",
    "local m <const> = 1; m = 2\n", "attempt to assign to const variable 'm'\n> ",
    "local s = 'local z = 1' -- local w = 2\n", "> ", "s, z, w\n",
    "\n\"local z = 1\"\tnil\tnil\n> ",
    "local g <close> = setmetatable({}, {__close = function() print 'shut' end})\n", "\nshut\n> ", "g\n", "\nnil\n> "}
end)

test("a local of the prompt hides a global of its name from the prompt alone", function()
  session {"> ", "local io, type, tostring, string, table, print = 1, 2, 3, 4, 5, 6\n", "> ", "io, type\n",
    "\n1\t2\n> ", "_G.type(io)\n", "\n\"number\"\n> ", "ap.ones(2) + 1\n", "2, f32, cpu)\n> ", "x = 5 _G.x\n",
    "\n5\n> "}
end)

test("_ and _1, _2, ... are the last results, and a semicolon keeps a value from being shown", function()
  local output = session {"> ", "11\n", "> ", "22\n", "> ", "nil\n", "> ", "_ + _1, _2\n", "\n44\t11\n> ",
    "4711 * 10;\n", "> ", "_ + 1\n", "\n47111\n> "}
  truth(not output:find("\n47110\n", 1, true), output)
end)

test("an input of several statements shows the values of a call that it ends with", function()
  session {"> ", "local t = {3, 4} table.unpack(t)\n", "\n3\t4\n> ", "x = 5 math.max(x, 9);\n", "> ", "_ + 1\n",
    "\n10\n> ", "for i = 1, 2 do math.max(i) end\n", "> ", "x = math.max(7)\n", "> ", "_ + x\n", "\n17\n> "}
end)

test("a line that closes a block moves left, a line in one is indented", function()
  local output = session {"> ", "for i = 1, 2 do\n", ">>   ", "if i == 1 then\n", ">>     ", "print('one')\n",
    ">>     ", "else\n", ">>     ", "print('other')\n", ">>     ", "end\n",
    ">>   ", "end\n", "\none\nother\n> ",
    "s = [[\n", ">> ", "a]]\n", "> ", "#s\n", "\n1\n> "}
  contains(output, "  else")
end)

test("a pasted script runs as one input and shows its last value; an unfinished one goes on", function()
  local script = "local n = 3\nlocal function f(x)\n\treturn x * n\nend\nprint(f(2))\nf(n) + 0.5"
  local output = session({"> ", "\27[200~" .. script:gsub("\n", "\r") .. "\27[201~", "f(n) + 0.5", "\n", "9.5\n", "",
    "> ", "n + f(1)\n", "6\n", "", "> ", "\27[200~x = {\r1,\27[201~", "1,", "\n", ">> ", "2}\n", "> ", "#x + 70\n",
    "72\n", "", "> "},
    {term = "xterm", environment = "NO_COLOR=1"})
  contains(output, "6\n9.5\n")
end)

test("an error shows its message, the user's frames with their lines, and carets; the prompt goes on", function()
  local output = session {"> ", "x = = 1\n", "\nprompt:1: unexpected symbol near '='\n    x = = 1\n        ^\n> ",
    "error('boom')\n", "\nprompt:2: boom\n> ", "function inner(x) return x:matmul(ap.ones(7, 2)) end\n", "> ",
    "function outer() local y = inner(ap.ones(2, 3)) return y end\n", "> ", "outer()\n", "\nprompt:3: matmul: ", "",
    "\n  prompt:3: in 'inner'\n    function inner(x) return x:matmul(ap.ones(7, 2)) end\n" ..
    "                               ^~~~~~\n  prompt:4: in 'outer'\n", "",
    "\n  prompt:5: in the main chunk\n    outer()\n    ^~~~~\n> ", "1\n", "\n1\n> ",
    "error({code = 5})\n", "\n{code = 5}\n> ", "error()\n", "\nnil\n> ",
    "function loop() return 1 + loop() end loop()\n", "stack overflow", "", " more of these\n", "", "> "}
  truth(not output:find "apsis/" and not output:find "%[C%]", output)
end)

test("Ctrl-C drops the line, ends an unfinished statement, and stops what runs", function()
  local _, status = session {"> ", "some text\3", "> ", "for i = 1, 2 do\n", ">> ", "\3", "\n> ", "7\n", "\n7\n> ",
    "print('go') while true do end\n", "\ngo\n", "\3", "interrupted!\n> ", "8\n", "\n8\n> ",
    "print('go') while true do pcall(function() while true do end end) end\n", "\ngo\n", "\3", "interrupted!\n> ",
    "a = ap.ones(700, 700) print('go') while true do a:matmul(a) end\n", "\ngo\n", "\3", "interrupted!\n> ",
    -- The word comes once the read waits: a Ctrl-C just before it would wait for a second one.
    "a[1][1]:item()\n", "\n1.0\n> ", "os.execute '(sleep 0.3; echo go) &' io.read()\n", "\ngo\n", "\3",
    "interrupted!\n> ", "9\n", "\n9\n> "}
  equal(status, 0)
end)

test("lines are edited, also letters of several bytes, and history is kept between sessions", function()
  local history = tmpname()
  session({"> ", "1 + 2\n", "\n3\n> ", "s = 'aé'\127\127x'\n", "> ", "s\n", '\n"ax"\n> '}, {history = history})
  local saved = require("support.files").read(history)
  contains(saved, "1 + 2\n")
  -- Up goes through it: s, s = ..., 1 + 2.
  session({"> ", "\16\16\16\n", "\n3\n> "}, {history = history})
end)

test("history keeps inputs of several lines whole and each once, and finds them by their beginning", function()
  local history = tmpname()
  local read = require("support.files").read
  session({"> ", "x = 40\n", "> ",
    "for i = 1, 2 do\n", ">> ", "x = x + 1\n", ">> ", "end\n", "> ", "x = 40\n", "> ",
    "s = 1\n", "> "}, {history = history})
  equal(read(history), "for i = 1, 2 do\n\t  x = x + 1\n\tend\nx = 40\ns = 1\n")
  session({"> ", "x = 38\n", "> ", "f\27[A", "end", "\n", "> ", "x\n", "\n40\n", "s\27OA\n", "> ", "s\n", "\n1\n> ",
    "\18= 4", "x = 40", "\r", "\n> ", "x\n", "\n40\n> "}, {history = history})
end)

test("two sessions at once lose no history, and a file that was cut off is mended", function()
  local history = tmpname()
  local write, read = require("support.files").write, require("support.files").read
  local file <close> = assert(io.open(history, "w"))
  file:write "old = 1\nolder = 2"
  file:close()
  local inner = write("expect > \nsend inner = 1\\n\nexpect > \nsend old = 1\\n\nexpect > \nsend \\x04\n")
  local run = ("os.execute [[TERM=dumb %s 8 %s --no-init <%s >%s]]\n"):format(helper(),
    quote(program.path), inner, tmpname())
  session({"> ", "a = 1\n", "> ", run, "> ", "b = 1\n", "> "}, {history = history})
  equal(read(history), "older = 2\na = 1\ninner = 1\nold = 1\n" .. run .. "b = 1\n")
end)

test("history lies in the XDG state folder, with no rights for others", function()
  local home = program.tmpdir()
  sh(("env -u APSIS_HISTORY -u XDG_STATE_HOME HOME=%s TERM=dumb %s 8 %s <%s 2>&1"):format(
    home, helper(), quote(program.path),
    require("support.files").write "expect > \nsend y = 1\\n\nexpect > \nsend \\x04\n"))
  equal(program.must(("cd %s/.local/state/apsis; cat history; stat -c %%a history"):format(home)), "y = 1\n600\n")
  program.must("rm -r " .. home)
end)

-- The matches that the completer finds, in a process of its own: code runs first, in the session.
local function completions(code, line)
  local script = ([[
    local repl = require "apsis.repl"
    repl.open "pipe"
    for text in (%q):gmatch "[^\n]+" do repl.feed(text) end
    local breaks, matches, suffix = repl.complete(%q)
    local prefix = (%q):match("[^" .. breaks:gsub("[%%]%%[^-]", "%%%%%%0") .. "]*$")
    local list = {}
    for name in (matches == true and "(files)" or matches or ""):gmatch "[^\n]+" do
      if matches == true or name:sub(1, #prefix) == prefix then list[#list + 1] = name end
    end
    table.sort(list)
    print(table.concat(list, " ", 1, math.min(#list, 12)))]]):format(code, line, line)
  return (program.must(quote(program.path) .. " " .. require("support.files").write(script)):gsub("\n$", ""))
end

test("Tab completes globals, locals, keywords, fields and methods by what the values are", function()
  equal(completions("local abacus = 1\nabsolute = 2", "1 + ab"), "abacus absolute")
  equal(completions("", "f = func"), "function")
  equal(completions("", "ap.cums"), "cumsum cumsum_")
  equal(completions("local t = {one = {two_a = 1, two_b = 2}}", "t.one.tw"), "two_a two_b")
  equal(completions("local t = {{first = 1}, k = {second = 2}}", "t[1].f"), "first")
  equal(completions("local t = {{first = 1}, k = {second = 2}}", "t['k'].s"), "second")
  equal(completions("local t = {alpha = 1, ['two words'] = 2}", "t['"), "alpha two words")
  equal(completions("local x = ap.ones(2)", "x:matm"), "matmul")
  equal(completions("local x = ap.ones(2)", "x.requires_g"), "requires_grad requires_grad_")
  equal(completions("local x = ap.ones(2)", "x[1].T:matm"), "matmul")
  equal(completions("local s = 'text'", "s:rep"), "rep")
  equal(completions("", "nn.Conv"), "Conv1d Conv2d ConvTranspose2d")
  equal(completions("local m = nn.Sequential(nn.Linear(2, 3))", "m[1].wei"), "weight")
  equal(completions("local m = nn.Sequential(nn.Linear(2, 3))", "m:zero"), "zero_grad")
  equal(completions("local m = nn.Linear(2, 3)", "m:weig"), "")
end)

test("Tab completes modules, files and nothing in comments, after calls or in numbers", function()
  equal(completions("", "require 'apsis.tr"), "apsis.train apsis.train.metrics")
  equal(completions("", "local m = require(\"apsis.op"), "apsis.optim apsis.optim.lr_scheduler")
  local folder = program.tmpdir()
  program.must(("cd %s && mkdir -p nets/deep other && touch loader.lua nets/init.lua nets/small.lua nets/deep/net.lua"):
    format(quote(folder)))
  local path = ("package.path = '%s/?.lua;%s/?/init.lua'"):format(folder, folder)
  equal(completions(path, "require 'lo"), "loader")
  equal(completions(path, "require 'ne"), "nets nets.small")
  equal(completions(path, "require 'nets."), "nets.deep.net nets.small")
  equal(completions(path, "require 'x$(touch no)"), "")
  equal(completions("", "io.open('/et"), "(files)")
  equal(completions("", "x = 1 -- pri"), "")
  equal(completions("", "f(x).ab"), "")
  equal(completions("", "3.1"), "")
  equal(completions("", "nothing.ab"), "")
end)

test("Tab completes the keys of options from the documentation, and words that a function takes", function()
  equal(completions("", "ap.sum(x, {ke"), "keepdim = ")
  equal(completions("local x = ap.ones(2)", "x:sum{"), "dim =  dtype =  keepdim = ")
  equal(completions("local x = ap.ones(2)", "x:sum(1, {"), "dtype =  keepdim = ")
  equal(completions("local x = ap.ones(2)", "x:t():sum{dim = 1, k"), "keepdim = ")
  equal(completions("", "nn.Conv2d(3, 8, {str"), "stride = ")
  equal(completions("", "nn.Conv2d(3, 8, 3, {stride = 2, "), "bias =  dilation =  groups =  padding = ")
  equal(completions("", "y = optim.SGD(m, {lr = 0.1, nest"), "nesterov = ")
  equal(completions("local m = nn.Linear(1, 1)", "m:load_state_dict(s, {"), "strict = ")
  equal(completions("", "ap.zeros(2, {dtype = 'f1"), "f16")
  equal(completions("", "ap.zeros(2, {req"), "requires_grad = ")
  equal(completions("", "F.pad(x, {1, 1}, \"re"), "reflect replicate")
  equal(completions("", "F.interpolate(x, {mode = \"/"), "(files)")
  equal(completions("local absent = 1", "ap.sum(x, {absen"), "absent")
  equal(completions("local dimension = 1", "t = {dimensio"), "dimension")
  equal(completions("local keeper = 1", "function f(x, {keep"), "keeper")
end)

test("Tab and questions survive whatever is typed", function()
  local complete, question = require "apsis.repl.complete", require "apsis.repl.question"
  local help = require "apsis.help"
  local seeds = {"ap.sum(x, {keepdim = true})", "nn.Conv2d(3, 8, 3, {stride = 2, padding = {1, 1}})", "x:sum{dim = -1}",
    "for i = 1, 10 do print(t[i].name) end", "local t = {a = {b = 'c'}, [1] = \"d\"}", "F.pad(x, {1, 1}, 'reflect')",
    "?nn.Linear", "??x:sum", "help 'conv2d'", "require 'apsis.nn'", "%timeit ap.ones(2)", "!ls -l", "s = [[long",
    "t['k'].x:y(z, \"", "function a.b:c(d, ...) return end", "1e5 // 0x1p4 .. 'x' -- comment", "x.y.z = -#t ^ 2"}
  local env = {ap = ap, nn = ap.nn, F = require "apsis.nn.functional", x = ap.ones(2), t = {a = {b = 1}}, s = "text"}
  local state = 12345
  local function random(n)
    state = (state * 1103515245 + 12345) & 0x7fffffff
    return (state >> 8) % n + 1
  end
  for i = 1, 2000 do
    local line = seeds[random(#seeds)]
    if random(2) == 1 then line = line .. seeds[random(#seeds)] end
    for _ = 1, random(4) - 1 do
      local at = random(#line)
      line = line:sub(1, at - 1) .. ("(){}[].:,='\"?%! \\a1-"):sub(random(20)):sub(1, 1) .. line:sub(at + random(2) - 1)
    end
    line = line:sub(1, random(#line))
    local pending = random(3) == 1 and seeds[random(#seeds)] or nil
    local ok, e = pcall(complete, line, pending, env)
    truth(ok, ("%q, %q: %s"):format(line, tostring(pending), tostring(e)))
    local name = question.parse(line) or line
    if i % 40 == 0 then -- looking for the nearest of all names takes its time
      ok, e = pcall(help.text, name, nil, {env = env, sources = {}})
      truth(ok, ("help %q: %s"):format(name, tostring(e)))
    end
  end
end)

test("Tab completes what help can be asked about", function()
  equal(completions("", "help 'conv_tr"), "conv_transpose1d conv_transpose2d conv_transpose3d")
  equal(completions("", "help(\"nn.Bat"), "nn.BatchNorm1d nn.BatchNorm2d nn.BatchNorm3d")
  equal(completions("", "?layer_n"), "layer_norm")
  equal(completions("", "?nn.Line"), "Linear")
  equal(completions("local x = ap.ones(2)", "??x:matm"), "matmul")
end)

test("Tab runs no code of the user's: neither metamethods nor functions", function()
  local trap = [[local t = setmetatable({}, {__index = function() error "ran" end, __pairs = error, __len = error,
    __call = error, __eq = error, __metatable = 'locked'}) u = setmetatable({}, {__index = t})]]
  equal(completions((trap:gsub("\n", " ")), "t.deep.er"), "")
  equal(completions((trap:gsub("\n", " ")), "u.deep"), "")
  equal(completions("local loop = {} setmetatable(loop, {__index = loop});", "loop.x"), "")
  equal(completions("setmetatable(_G, {__index = error});", "deep.er"), "")
end)

test("Tab types what is sure and lists what could be meant; files complete in strings", function()
  local folder = program.tmpdir()
  program.must(("touch '%s/some file.csv'"):format(folder))
  local output = session {"> ", "local alpha = {betamax = 41}\n", "> ", "alp\t.bet\t + 1\n", "\n42\n> ",
    "alpha.betamax, nn.Bat\t\t\t", "BatchNorm3d", "1d ~= nil\n", "41\ttrue\n> ",
    "io.open('" .. folder .. "/so\t):close()\n", "\ntrue\n> "}
  contains(output, "BatchNorm2d")
  program.must("rm -r " .. folder)
end)

-- The text that the prompt shows of the values of an expression.
local function shown(code, columns)
  local show = require "apsis.repl.show"
  return show.values({colours = 0, columns = columns or 80}, load("local ap = require 'apsis' return " .. code)())
end

test("values are shown as literals: strings quoted, tables with what they hold, in sorted order", function()
  equal(shown "1, 2.5, 'a\"b\\n\\t\\\\\\0\\xff', nil, true", '1\t2.5\t"a\\"b\\n\\t\\\\\\x00\\xFF"\tnil\ttrue')
  equal(shown "{}, {1, 'two', {3}}", '{}\t{1, "two", {3}}')
  equal(shown "{b = 1, a = {c = 2}, [10] = 'ten', ['x y'] = true, [false] = 0, 7}",
    '{7, [10] = "ten", a = {c = 2}, b = 1, ["x y"] = true, [false] = 0}')
  equal(shown "{{{{{1}}}}}", "{{{{{...}}}}}")
  equal(shown "(function() local t = {1} t.me = t return t end)()", "{1, me = <cycle>}")
  equal(shown "(function() local s = {1} return {s, s} end)()", "{{1}, {1}}")
  contains(shown "print, function(a, b, ...) end", "<built-in function>\t<function (a, b, ...), [string ")
  equal(shown "setmetatable({}, {__tostring = function() return 'mine' end})", "mine")
  contains(shown "{setmetatable({}, {__tostring = function() error 'no' end})}", "<table; its __tostring failed: ")
  equal(shown "{ap.ones(2), ap.ones(30, 30), w = 2}",
    "{tensor([1., 1.], 2, f32, cpu), <tensor 30x30, f32, cpu>, w = 2}")
end)

test("tables break into lines where they do not fit, long ones are cut, wide characters count twice", function()
  equal(shown("{1000, 2000, 3000, 4000}", 20), "{\n  1000, 2000, 3000,\n  4000\n}")
  equal(shown("{name = 'a long name', other = {1, 2}}", 30), '{\n  name = "a long name",\n  other = {1, 2}\n}')
  equal(shown("{'日本語', '日本語'}", 20), '{"日本語", "日本語"}')
  equal(shown("{'日本語', '日本語'}", 19), '{\n  "日本語",\n  "日本語"\n}')
  local long = shown "(function() local t = {} for i = 1, 1000 do t[i] = i end return t end)()"
  contains(long, "99, 100")
  contains(long, "... 900 more")
  contains(shown "('x'):rep(5000)", ("x"):rep(5000))
end)

test("tensors fit into narrow terminals", function()
  equal(shown("ap.arange(6):reshape(2, 3)", 20), "tensor([[1, 2, 3],\n        [4, 5, 6]],\n       2x3, i64, cpu)")
  equal(shown("ap.arange(12)", 30),
    "tensor([ 1,  2,  3,  4,  5,\n         6,  7,  8,  9, 10,\n        11, 12], 12, i64, cpu)")
  equal(shown("ap.arange(3)", 5), "tensor([1,\n        2,\n        3],\n       3, i64, cpu)")
  equal(shown("ap.arange(3)", 500), "tensor([1, 2, 3], 3, i64, cpu)")
end)

test("modules are shown as a tree with the shapes and the number of their parameters", function()
  local net = [[(function() local nn = require "apsis.nn"
    local m = nn.Sequential(nn.Conv2d(1, 10, 5), nn.BatchNorm2d(10), nn.ReLU(), nn.Linear(1440, 10))
    m.head = nn.Sequential(m[4]) return m end)()]]
  equal(shown(net, 80), [[
Sequential                                    14,690
├─ (head) Sequential                          14,410
│  └─ [1] Linear(in_features=1440, out_feat…  14,410  weight 10x1440, bias 10
├─ [1] Conv2d(1, 10, kernel_size=5, stride=…     260  weight 10x1x5x5, bias 10
├─ [2] BatchNorm2d(10, eps=1e-05, momentum=…      20  weight 10, bias 10, runni…
├─ [3] ReLU()
└─ [4] Linear (the same as above)
14,690 parameters, 57.4 KiB, f32, cpu]])
  equal(shown("require 'apsis.nn'.ReLU()"), "ReLU()")
  equal(shown("require 'apsis.nn'.Linear(2, 3):requires_grad_(false)"),
    "Linear(in_features=2, out_features=3, bias=true)  9  weight 3x2, bias 3\n"
    .. "9 parameters (all frozen), 36 bytes, f32, cpu")
  for columns = 20, 60 do
    local lines = shown(net, columns):gsub("\n[^\n]*$", "")
    for line in lines:gmatch "[^\n]+" do
      truth(require("apsis.terminal").width(line) <= columns, ("%d: %s"):format(columns, line))
    end
  end
end)

test("a module of one's own that prints itself is shown so", function()
  equal(shown [[(function() local Net = require "apsis.nn".Module:extend "Net"
    function Net:__tostring() return "mine" end return Net() end)()]], "mine")
end)

test("colours only on terminals that have them, and not with NO_COLOR", function()
  contains((session({"> ", "{1, 's'}\n", "> "}, {term = "xterm"})), '{\27[36m1\27[0m, \27[32m"s"\27[0m}')
  contains((session({"> ", "{1, 's'}\n", "> "}, {term = "xterm", environment = "NO_COLOR=1"})), '{1, "s"}')
  contains((session {"> ", "{1, 's'}\n", "> "}), '{1, "s"}')
end)

test("os.exit at the prompt ends it with its status", function()
  local _, status = session({"> ", "os.exit(3)\n"}, {no_end = true})
  equal(status, 3)
end)

test("-i prompts after the script and after an error in it", function()
  local path = require("support.files").write "x = 6 * 7 print('from the script', ...)"
  local output = session({"> ", "x\n", "\n42\n> "}, {arguments = "-i " .. path .. " a"})
  contains(output, "from the script\ta\n")
  output = session({"> ", "y\n", "\n1\n> "}, {arguments = "-i -e 'y = 1 error(77)'"})
  contains(output, "apsis: ")
end)

test("-i reads lines from a pipe, without prompts; an unfinished end is an error", function()
  local output, status = sh(("printf 'x = 1\\nx + 1\\nfor i = 1, 2 do\\nprint(i)\\nend\\n(' | %s -i 2>&1"):format(
    quote(program.path)))
  equal(status, 0)
  equal(output, "2\n1\n2\nprompt:6: unexpected symbol near <eof>\n")
end)

test("the prompt survives 300 inputs that nobody would type (tests/fuzz/repl.lua makes 10,000)", function()
  local output, status = program.run(quote(program.root .. "/tests/fuzz/repl.lua") .. " 300 </dev/null")
  truth(status == 0, output)
end)

test("the prompt survives keys struck at random", function()
  local state, keys = 1, {}
  for i = 1, 600 do
    state = (state * 1103515245 + 12345) % (1 << 31)
    local key = state >> 16 & 127
    -- Not: end of input, quit, suspend, the flow of output, and what could become a command of the shell.
    local is_left_out = key == 4 or key == 28 or key == 26 or key == 17 or key == 19 or key == 33 or key == 37
    keys[i] = is_left_out and "\27[" or string.char(key)
  end
  session({"> ", table.concat(keys) .. "\27\3", "", "\3\3print('still ' .. 'here')\n", "still here\n", "", "> "},
    {term = "xterm"})
end)

test("a prompt that waits gives memory back that nobody uses", function()
  -- What is resident, from outside, while the prompt waits.
  local look = "(sleep 0.7; echo resident $(cut -d' ' -f2 /proc/$PPID/statm) pa''ges) &"
  local output = session {
    "> ", "list = {} for i = 1, 40 do list[i] = ap.ones(1 << 21) end\r", "> ",
    ("list = nil os.execute %q\r"):format(look), " pages", "",
  }
  local pages = tonumber(output:match "resident (%d+) pages")
  truth(pages * 4096 < 150 << 20, ("%d pages"):format(pages))
end)
