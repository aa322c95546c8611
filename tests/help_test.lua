-- help, ?, ??, apropos: what they find, how it is laid out, paging on a terminal.

local ap = require "apsis"
local docs = require "apsis.help.docs"
local help = require "apsis.help"
local layout = require "apsis.help.layout"
local terminal = require "apsis.terminal"
local conversation = require "support.conversation"
local program = require "support.program"
local nn, F = ap.nn, require "apsis.nn.functional"

local function contains(text, ...)
  for _, part in ipairs {...} do
    truth(text and text:find(part, 1, true) ~= nil, ("no %q in:\n%s"):format(part, tostring(text)))
  end
end

local function lacks(text, part) truth(not text:find(part, 1, true), ("%q in:\n%s"):format(part, text)) end

local function page(what, session) return (help.text(what, {colours = 0, columns = 80}, session)) end

test("help: a function by value, by every name of it, and as a method", function()
  local text = page(ap.sum)
  contains(text, "ap.sum(x, dim?, keepdim?, dtype?)", "The sum over dims.",
    "dim?      integer|integer[]: dims to sum over",
    "Source\n  torch.sum.", "ap.tensor{{1, 2}, {3, 4}}:sum(1)  --> [4, 6]", "apsis/ops/reduce.lua:")
  for _, name in ipairs {"sum", "ap.sum", "x:sum", "Tensor.sum", "Tensor:sum", "tensor:sum", " sum() "} do
    equal(page(name, {env = {x = ap.ones(2)}}), text, name)
  end
  equal(page(ap.ones(1).sum), text)
  contains(page(F.conv2d), "ap.conv2d(x, weight,", "also F.conv2d, x:conv2d")
  contains(page(ap.concat), "ap.cat(tensors, dim?)", "also ap.concat, ap.concatenate")
  contains(page(ap.add_), "ap.add_(a, b, alpha?)", "In place")
  contains(page "einsum", "ap.einsum(equation, ...)")
  contains(page "linalg.qr", "ap.linalg.qr(A, mode?)")
end)

test("help: functions that are read at their first call have help before and after it", function()
  local script = [[local ap, help = require "apsis", require "apsis.help"
    local old = ap.kron
    print(help.text(old):match "^[^(]+")
    ap.kron(ap.ones(2, 2), ap.ones(2, 2))
    print(help.text(old):match "^[^(]+", help.text(ap.kron):match "^[^(]+")]]
  equal(program.must(program.quote(program.path) .. " -e " .. program.quote(script)), "ap.kron\nap.kron\tap.kron\n")
end)

test("help: classes with their methods and what they inherit, objects, one's own classes", function()
  local text = page(nn.Linear)
  contains(text, "nn.Linear(in_features, out_features, bias?)",
    "  bias?         boolean|table: default true\n    bias  boolean",
    "Methods\n", "Inherited\n  Module  add_module, apply,")
  equal(page "Linear", text)
  contains(page(nn.Linear(2, 3)),
    "An object of Linear\n\nLinear(in_features=2, out_features=3, bias=true)  9  weight 3x2, bias 3",
    "nn.Linear(in_features")
  contains(page "nn.Linear:parameters", "nn.Module:parameters()", "each once")
  contains(page(nn.Module.apply), "nn.Module:apply(f)")
  local Net = nn.Module:extend "Net"
  -- Builds a net
  -- of some width.
  function Net:init(width) self.width = width end
  contains(page(Net), "class Net, a Module", "Net(width)", "Builds a net of some width.", "Inherited\n  Module")
  contains(page(Net(3)), "An object of Net", "Net()")
  contains(page(require "apsis.optim".SGD), "optim.SGD(params, options?)", "momentum      number")
end)

test("help: tensors tell shape, dtype, device, memory and gradient", function()
  local x = ap.ones(2, 3, {dtype = "f64"})
  contains(page(x, {env = {weights = x}}), "weights: a tensor\n\n  shape   2x3\n  dtype   f64\n  device  cpu\n"
    .. "  memory  48 bytes, contiguous\n", "methods: `x:`")
  contains(page(x:t()), "a view with strides 1, 3")
  x.requires_grad = true
  contains(page(x), "gradient  wanted")
  contains(page(x * 2), "gradient  computed by ")
  contains(page(ap.tensor(1)), "0-dim")
end)

test("help: tensors in general: how they are made, fields, methods by family", function()
  local text = page "Tensor"
  contains(text, "ap.randn(2, 3)", "Fields\n", " requires_grad ", "Methods\n", "reduce ", "logsumexp")
  truth(not text:find "[ ,]randn," and not text:find "_grad,", text)
end)

test("help: modules list what they hold, by value and by name", function()
  contains(page(nn), "nn: ", "A fully connected layer: maps", 'more functions: help "nn.init"')
  truth(page(nn):find "\n  Linear +A fully connected layer: maps")
  equal(page "nn", page(nn))
  contains(page "plot", "imshow", "a picture of a matrix")
  contains(page "optim.lr_scheduler", "CosineAnnealingLR")
  contains(page "nn.init", "kaiming_uniform_")
end)

test("help: Lua's own functions, libraries and keywords; plain values", function()
  contains(page(print), "print(...)", "manual.html#pdf-print")
  contains(page "string.rep", "string.rep(s, n, sep?)", "#pdf-string.rep")
  contains(page(("x").rep), "string.rep(s, n, sep?)")
  contains(page "for", "for i = first, last, step do")
  contains(page(math), "math.tointeger(x)")
  contains(page(3), "an integer\n\n3")
  contains(page({1, {2}}, {env = {}}), "a table\n\n{1, {2}}")
  contains(page(io.stdout), "a userdata")
end)

test("every function of Lua is described, and nothing that there is not", function()
  local lua, missing = require "apsis.help.lua", {}
  for _, library in ipairs {"coroutine", "debug", "io", "math", "os", "package", "string", "table", "utf8"} do
    for name, f in pairs(package.loaded[library]) do
      local old = library .. name == "debugsetcstacklimit" or library == "math"
        and (" atan2 cosh frexp ldexp log10 pow sinh tanh "):find(" " .. name .. " ", 1, true)
      if type(f) == "function" and not old and not lua.by_name(library .. "." .. name) then
        missing[#missing + 1] = library .. "." .. name
      end
    end
    for _, entry in ipairs(lua.library(library)) do
      equal(type(package.loaded[library][entry.name:match "%.(.*)$"]), "function", entry.name)
    end
  end
  for name in ([[assert collectgarbage dofile error getmetatable ipairs load loadfile next pairs pcall print rawequal
    rawget rawlen rawset require select setmetatable tonumber tostring type warn xpcall]]):gmatch "%S+" do
    if not lua.find(_G[name]) then missing[#missing + 1] = name end
  end
  equal(table.concat(missing, " "), "")
end)

-- Adds three numbers:
-- one of them may be left out.
local function add_three(a, b, ...) return a + b + ((...) or 0) end

test("help: a function of the user's shows how it is called, the comment above it and where it stands", function()
  local text = page(add_three)
  contains(text, "function(a, b, ...)", "Adds three numbers:", "one of them may be left out.", "help_test.lua:")
  contains(page("mine", {env = {mine = add_three}}), "mine(a, b, ...)")
  contains(page(add_three, {env = {mine = add_three}}), "mine(a, b, ...)")
  contains(page(load "return 1"), "function(...)")
end)

test("names that nobody knows suggest the nearest; the session's own come first", function()
  equal(select(2, help.text "conv2"), "There is no help on conv2; did you mean conv2d?")
  equal(select(2, help.text "nn.Liner"), "There is no help on nn.Liner; did you mean nn.Linear?")
  contains(select(2, help.text "qqqqqq"), 'apropos "qqqqqq" searches')
  equal((help.text "1 + 1"), nil)
  contains(page("sum", {env = {sum = 17}}), "sum: an integer\n\n17")
  contains(page("t.a[2].b", {env = {t = {a = {1, {b = "deep"}}}}}), '"deep"')
end)

test("help runs no code of the user's", function()
  local trap = setmetatable({}, {__index = function() error "ran" end, __pairs = error, __call = error, __len = error})
  contains(page("trap", {env = {trap = trap}}), "trap: a table")
  equal(page("trap.x.y", {env = {trap = trap}}), nil)
end)

test("sources: of the library's functions and classes, of the user's, of inputs", function()
  local text, where = help.source(ap.sum)
  contains(text, "--- sum: the sum over dims.", 'rule("sum"')
  contains(where, "apsis/ops/reduce.lua:")
  contains((help.source "nn.Linear"), "function Linear:init(in_features", "function Linear:forward(x)")
  contains((help.source(nn.Linear(1, 1))), "function Linear:init(in_features")
  equal((help.source(add_three)), "-- Adds three numbers:\n-- one of them may be left out.\n"
    .. "local function add_three(a, b, ...) return a + b + ((...) or 0) end")
  equal({help.source(print)}, {nil, "it is built in, written in C"})
  equal((help.source(3)), nil)
  contains(select(2, help.source "conv2"), "did you mean conv2d?")
end)

test("apropos: all words, in names first, then in summaries, then in the rest", function()
  local found = help.search "softmax"
  truth(found[1].name:lower():find "softmax", found[1].qualified)
  local names = {}
  for i, entry in ipairs(help.search "gradient norm") do names[entry.qualified] = i end
  truth(names["nn.utils.clip_grad_norm_"])
  equal(help.apropos_text "qqqqqq", "Nothing has qqqqqq in its help.")
  contains(help.apropos_text "dynamic library", "package.loadlib  a C function of a dynamic library")
  contains(help.apropos_text "fully connected", "nn.Linear  A fully connected layer")
  raises("apropos: argument 1: expected words", function() help.apropos(3) end)
end)

test("pages fit their width, colours take no room, wide characters take two columns", function()
  for _, columns in ipairs {24, 40, 80} do
    for _, entry in ipairs(docs.load().entries) do
      local text = require("apsis.help.pages").of_entry(entry, {colours = 256, columns = columns})
      local plain = text:gsub("\27%[%d*m", ""):gsub("\nExamples?\n.*$", "") -- code is not wrapped
      for line in plain:gmatch "[^\n]+" do
        truth(terminal.width(line) <= columns, ("%s at %d: %q"):format(entry.qualified, columns, line))
      end
    end
  end
  equal(layout.wrap("日本語 日本語 ab", 7), {"日本語", "日本語", "ab"})
  equal(layout.wrap("日本語日本語", 7), {"日本語", "日本語"})
  equal(layout.wrap("abcdefgh ij", 3), {"abc", "def", "gh", "ij"})
  equal(layout.wrap("", 3), {})
end)

test("code takes colours by what its words are", function()
  local function paint(kind, text) return "<" .. kind .. " " .. text .. ">" end
  equal(layout.highlight("local x = 'a' -- c\nreturn [[1\n2]], 3", paint),
    "<word local> x = <string 'a'> <note -- c>\n<word return> <string [[1>\n<string 2]]>, <number 3>")
end)

test("options that a text tells of stand under their names", function()
  local fields, text = docs.fields {type = "{lr: number, betas: number[], f: fun(a, b): integer, out: file*?}|nil",
    text = "All have defaults. lr: the rate (0.1). betas, f: both; see train.lr: nothing. Also: this."}
  equal(text, "All have defaults.")
  equal({fields[1].name, fields[1].type, fields[1].text}, {"lr", "number", "the rate (0.1)."})
  equal(fields[2].text, "both; see train.lr: nothing. Also: this.")
  equal(fields[3].type, "fun(a, b): integer")
  equal(#fields, 4)
  equal(docs.fields {type = "Tensor", text = "x"}, nil)
end)

test("the prompt's commands have help; ap.help is this module; no part of it is loaded before a question", function()
  contains(page "%timeit", "%timeit CODE\n\n  run CODE many times")
  equal(page "%nothing", nil)
  equal(ap.help, help)
  local count = "(function() local n = 0 for name in pairs(package.loaded) do "
    .. "if name:find '^apsis%.help' then n = n + 1 end end return n end)()"
  local output = program.must(("printf '%%s\\n' %s '?ap.eye' %s | %s -i --no-init"):format(program.quote(count),
    program.quote(count), program.quote(program.path)))
  truth(output:find "^0\n" and not output:find "\n0\n$", output)
end)

test("help needs neither io nor os, and loads nothing before it is asked", function()
  local script = [[io, os = nil, nil
    local loaded = 0
    for name in pairs(package.loaded) do if name:find "^apsis%.help" then loaded = loaded + 1 end end
    local help = require "apsis.help"
    help "ap.eye" print(loaded)]]
  local output = program.must(program.quote(program.path) .. " -e " .. program.quote(script))
  contains(output, "ap.eye(rows, ", "\n0\n")
end)

-- --- at the prompt -----------------------------------------------------------------------------------------------

local PLAIN = {term = "xterm", environment = "NO_COLOR=1 PAGER=cat"}

test("?name, name?, ??name and name?? ask; ? in code and strings does not", function()
  local output = conversation.run({"> ", "local x = ap.ones(2)\n", "> ", "?x:sum\n", "reduce.lua:", "", "> ", "x?\n",
    "x: a tensor", "", "> ", "ap.eye ?\n", "creation.lua:", "", "> ", "? nn.Linear\n", "Linear.lua:", "", "> ",
    "-- twice a\nfunction double(a) return 2 * a end\n", "> ", "??double\n",
    "-- twice a\nfunction double(a) return", "", "> ", "double??\n",
    "function double(a) return", "", "> ", "double?\n", "double(a)\n\n  twice a\n", "", "> ",
    "?\n", 'apropos "WORDS"', "", "> ", "help(double)\n", "double(a)\n", "", "> ", "?doubel\n", "did you mean",
    "", "> ", "'?'\n", '"?"', "", "> ", "#'a?b'\n", "3\n", "", "> ", "1 +\n", ">> ", "2?\n",
    "unexpected symbol", "", "> "}, PLAIN)
  lacks(output, "\27[3")
end)

test("help has colours on a terminal that has them, and none in a pipe", function()
  local output = conversation.run({"> ", "?ap.eye\n", "creation.lua:", "", "> "},
    {term = "xterm", environment = "PAGER=cat"})
  contains(output, "\27[1map.eye\27[0m(rows", "\27[34mrows\27[0m")
  local piped = program.must("printf '?ap.eye\\napropos \"identity matrix\"\\n' | env -u NO_COLOR TERM=xterm "
    .. program.quote(program.path) .. " -i --no-init")
  contains(piped, "ap.eye(rows", "nn.init.eye_")
  lacks(piped, "\27")
end)

test("long help goes through $PAGER, short help does not; one that is missing is no loss", function()
  local pager = tmpname()
  local file <close> = assert(io.open(pager, "w"))
  file:write "#!/bin/sh\necho \"paged $LESS\"; head -1; read -r key </dev/tty; echo \"key $key\"\n"
  file:close()
  program.must("chmod +x " .. pager)
  conversation.run({"> ", "?train.fit\n", "paged R\n", "", "ap.train.fit(model, options)\n", "q\n", "key q\n", "", "> ",
    "?ap.eye\n", "creation.lua:", "", "> "}, {term = "xterm", environment = "NO_COLOR=1 LESS=R PAGER=" .. pager})
  conversation.run({"> ", "?train.fit\n", "apsis/train/fit.lua", "", "> "},
    {term = "xterm", environment = "NO_COLOR=1 PAGER=no-such-pager"})
  conversation.run({"> ", "?train.fit\n", "apsis/train/fit.lua", "", "> "},
    {term = "dumb", environment = "PAGER=" .. pager})
end)

test("Ctrl-C in the pager is the pager's", function()
  local pager = tmpname()
  local file <close> = assert(io.open(pager, "w"))
  file:write "#!/bin/sh\ntrap 'echo caught; exit 0' INT\necho waiting; while :; do sleep 0.1; done\n"
  file:close()
  program.must("chmod +x " .. pager)
  conversation.run({"> ", "?train.fit\n", "waiting\n", "\3", "caught\n", "", "> ", "1 + 1\n", "2\n", "", "> "},
    {term = "xterm", environment = "NO_COLOR=1 PAGER=" .. pager})
end)
