-- The prompt's engine without a terminal: what a notebook's kernel talks to. Each test runs in a process of its own.

local program = require "support.program"
local talk = require("support.conversation").talk

local function says(script, expected) equal(talk(script), expected) end

test("a session tells complete, incomplete and invalid texts apart, and how deep the next line lies", function()
  says([[
    print(session:check "1 + 1")
    print(session:check "for i = 1, 2 do if x then")
    print(session:check "f(")
    print(session:check "s = [=[ a")
    print(session:check "x = = 1")
    print(session:check "")
    print(session:check "!ls (")
    print(session:check "= 5")]],
    "complete\nincomplete\t  \nincomplete\t  \nincomplete\t\ninvalid\tprompt:1: unexpected symbol near '='\n" ..
    "complete\ncomplete\ncomplete")
end)

test("a session runs inputs: values come back, are displayed where the front says, and are remembered", function()
  says([[
    function session:display(...) print("shown", ...) end
    local result = session:execute "local a = 2 a, nil, 3"
    print(result.ok, result.n, result[1], result[2], result[3])
    print(session:execute("a * 21;").wanted)
    session:execute "_ + _2"
    print(session:execute("").n, session:execute("x = 1").n)
    print(table.concat(session:variables(), " "), #session.inputs)]],
    "shown\t2\tnil\t3\ntrue\t3\t2\tnil\t3\nfalse\nshown\t44\n0\t0\na x\t4")
end)

test("an error names the chunk that the front named, with its line", function()
  says([[
    print(failed(session:execute("y = 1\nnone.x = 5\n", "In[4]")))
    print(failed(session:execute("y = 1\ny = = 2", "In[5]")))
    session:execute("function f(n)\n  return n.x.y\nend", "In[6]")
    print(failed(session:execute("f {x = {}}\nf {}", "In[7]")))]],
    "In[4]:2: attempt to index a nil value (global 'none')\n  In[4]:2: in the main chunk\n    none.x = 5\n    ^~~~\n" ..
    "In[5]:2: unexpected symbol near '='\n    y = = 2\n        ^\n" ..
    "In[6]:2: attempt to index a nil value (field 'x')\n  In[6]:2: in 'f'\n    return n.x.y\n             ^\n" ..
    "  In[7]:2: in the main chunk\n    f {}\n    ^")
end)

test("an undefined name suggests the nearest, also of modules, tensors and the library at large", function()
  local script = {}
  for _, code in ipairs {"F.sofmax(1)", "ap.ones(2):sofmax()", "tensro = 1 tenosr()", "nn.Liner(1, 2)", "softmax(1)",
    "ap.Linear(1, 2)", "m = nn.Linear(1, 2) m:forwrad()", "t = {alpha = {}} t.alhpa.x = 1", "zzzzz()", "x()"} do
    script[#script + 1] = ("print(session:execute(%q).error.hint)"):format(code)
  end
  says(table.concat(script, "\n"),
    "softmax\nsoftmax\ntensro\nLinear\nap.softmax\nnn.Linear\nforward\nalpha\nnil\nnil")
end)

test("what people write who come from Python is told in Lua's words", function()
  local script = {}
  for _, code in ipairs {"x[1, 2]", "x = ap.ones(2, 2) return x > 0", "for row in x do end", "x:cuda()", "x.shape()",
    "x @ x", "if x != 1 then end", "x += 1", "x:numpy()"} do
    script[#script + 1] = ("print(session:execute(%q).error.advice)"):format(code)
  end
  says(table.concat(script, "\n"), table.concat({
    "several indices are one table: x[{i, j}]", "comparisons of tensors are methods: x:gt(0), x:le(y), x:eq(y)",
    "go over the rows with for i = 1, #x do ... x[i] ... end", 'devices by OpenCL: x:to("cl")',
    "the shape is a field: x.shape", "the matrix product is a method: x:matmul(y)", "not equal is ~=",
    "there is no such assignment: x = x + y, or in place x:add_(y)",
    "x:totable() is a Lua table, ap.io.save_npy writes NumPy's files"}, "\n"))
end)

test("carets stand under the word that failed, by what the values are where it stands there twice", function()
  says([[
    print(failed(session:execute "t = {a = {b = {}}} t.a.b.c = t.b.a"))
    print(failed(session:execute "u = ap.ones(2) + ap.ones(3)"))
    print(failed(session:execute "'x' .. {}"))]], table.concat({
    "prompt:1: attempt to index a nil value (field 'b')", "    t = {a = {b = {}}} t.a.b.c = t.b.a",
    "                                   ^",
    "prompt:2: add: (2) and (3) do not broadcast: sizes 2 and 3 differ at dimension 1",
    "    u = ap.ones(2) + ap.ones(3)", "                   ^",
    "prompt:3: attempt to concatenate a table value", "    'x' .. {}", "        ^~"}, "\n"))
end)

test("a session tells its variables, the library's names given another meaning too, and forgets", function()
  says([[
    session:execute "local a, plot = 1, 3 b = 2 print, F = 5"
    session:execute "7;"
    local names = table.concat(session:variables(), " ")
    session:reset()
    print(names, #session:variables(), type(F), session.env.a, session.env._)]],
    "a b plot print\t0\ttable\tnil\tnil")
end)

test("frames of the library are folded", function()
  local text = talk [[
    print(failed(session:execute "local m = nn.Sequential(nn.Linear(2, 3), nn.Linear(5, 1))\n\nm(ap.ones(4, 2))"))]]
  truth(text:find("\n  ... %d frames of the library %(nn%.Linear%)\n  prompt:3: in the main chunk\n    m%("), text)
  truth(not text:find "apsis/", text)
end)

test("init.lua of the XDG configuration folder runs at the start; its error is told", function()
  local folder = program.tmpdir()
  program.must(("mkdir %s/apsis; printf 'local a = 1\\nb = a + 1\\n' >%s/apsis/init.lua"):format(folder, folder))
  local command = ("printf 'a, b\\n' | env -u HOME XDG_CONFIG_HOME=%s %s -i"):format(folder,
    program.quote(program.path))
  equal(program.must(command), "1\t2\n")
  equal(program.must(command .. " --no-init"), "nil\tnil\n")
  program.must(("printf 'a = 7\\nlocal c = none.x\\n' >%s/apsis/init.lua"):format(folder))
  local text = program.must(command)
  truth(text:find("init.lua:2: attempt to index a nil value (global 'none')", 1, true), text)
  truth(text:find("    local c = none.x\n              ^~~~\n7\tnil\n", 1, true), text)
  program.must(("printf 'a = = 7\\n' >%s/apsis/init.lua"):format(folder))
  text = program.must(command)
  truth(text:find("init.lua:1: unexpected symbol near '='\nnil\tnil\n", 1, true), text)
  program.must("rm -r " .. folder)
end)
