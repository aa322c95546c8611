-- The prompt's commands: % and !.

local files = require "support.files"
local program = require "support.program"
local conversation = require "support.conversation"
local contains, session, talk = conversation.contains, conversation.run, conversation.talk

local function matches(text, pattern) truth(text:find(pattern) ~= nil, ("no %q in:\n%s"):format(pattern, text)) end

-- A folder with files of these texts, gone after f(folder).
local function with_files(texts, f)
  local folder = program.tmpdir()
  for name, text in pairs(texts) do
    local file <close> = assert(io.open(folder .. "/" .. name, "w"))
    file:write(text)
  end
  f(folder)
  program.must("rm -r " .. folder)
end

test("%help lists every command; Tab completes them; a wrong one is told the nearest", function()
  local output = session {"> ", "%he\t\n", "%reset ", "", "!COMMAND", "", "> ", "%tiem 1\n",
    "\n%tiem: there is no such command, did you mean %time?; %help lists them\n> "}
  for _, name in ipairs {"time", "timeit", "prof", "mem", "who", "run", "edit", "save", "load", "paste", "debug"} do
    contains(output, "%" .. name .. " ")
  end
end)

test("%time runs code once, over several lines too, shows its value and the time", function()
  local output = session {"> ", "%time local a = 6 a * 7\n", "\n42\n", "", " of CPU time\n> ", "a\n", "\n6\n> ",
    "%time for i = 1, 2 do\n", ">> ", "a = a + i\n", ">> ", "end\n", " of CPU time\n> ", "a\n", "\n9\n> ",
    "%time none()\n", "attempt to call a nil value (global 'none')\n    none()\n    ^~~~\n> ",
    "%time\n", "%time: expected code, such as %time x:matmul(x)\n> "}
  matches(output, "\n%d[%d.e+]* [mun]?s, %d[%d.e+]* [mun]?s of CPU time\n")
end)

test("%timeit tells mean, deviation and best of a loop, and neither shows nor keeps a value", function()
  local text = talk [[
    session:execute "n = 0"
    print(session:execute("%timeit n = n + 1 -- a comment").ok, _ENV.n > 100)
    print(session:execute("%timeit ap.ones(2)").n)
    print(failed(session:execute "%timeit x = = 1"))
    print(failed(session:execute "%timeit none()"))]]
  matches(text, "^%S+ %as ± %S+ %as a loop, best %S+ %as %(mean and deviation of 7 runs of %d+ loops%)\ntrue\ttrue\n")
  matches(text, "\n0\nprompt:4: unexpected symbol near '='\n    x = = 1\n        %^\n")
  matches(text, "\nprompt:5: attempt to call a nil value %(global 'none'%)\n    none%(%)\n    %^~~~$")
end)

test("%prof tells the functions that took the time, after errors too", function()
  local text = talk [[
    session:execute "function slow() local t = os.clock() while os.clock() - t < 0.05 do end end"
    session:execute "function quick(deep) if deep > 0 then quick(deep - 1) end end"
    session:execute "%prof slow() quick(3) pcall(error) quick(2)"
    print(session.last_error)
    session:execute "%prof slow() error 'late'"
    print(session.last_error)]]
  matches(text, "^%S+ m?s in all; [^\n]+\n share +self +total +calls +function +defined at\n")
  matches(text, "%d%d?%.%d%% +%S+ %as? +%S+ m?s +1  slow +prompt:1\n")
  matches(text, " +7  quick +prompt:2\n")
  matches(text, "\nnil\n.* 1  slow .*prompt:4: late$")
end)

test("%mem tells what tensors and Lua take", function()
  local text = talk [[
    session:execute "local x = ap.zeros(1024, 1024)"
    session:execute "%mem"]]
  matches(text, "^host   [4-5]%.%d MiB in 1 tensor, [4-5]%.%d MiB at most, 0 B kept for reuse\nLua    %d[%d.]+ [KM]iB$")
end)

test("%who lists the session's own variables, or those of a pattern; %reset forgets them", function()
  local code = [[
    for _, input in ipairs {"local a, text = ap.ones(2, 3), 'x'", "list = {1, 2}", "m = nn.Linear(2, 2)",
      "function f(x, y) end", "%who", "%who ^[am]$", "%who %", "%reset", "%who", "print(a, list, m, ap ~= nil)"} do
      local result = session:execute(input)
      if not result.ok then print(failed(result)) end
    end]]
  local text = talk(code):gsub("(Linear%(in_features=2)[^\n]*", "%1...")
  equal(text, table.concat({"a     tensor 2x3, f32, cpu", "f     <function (x, y), prompt:4>",
    "list  table with 2 fields", "m     Linear(in_features=2...", 'text  "x"', "a  tensor 2x3, f32, cpu",
    "m  Linear(in_features=2...", "%who: malformed pattern (ends with '%')", "no variables",
    "nil\tnil\tnil\ttrue"}, "\n"))
end)

test("%run runs a script with arguments; its globals and locals stay; its error shows its lines", function()
  with_files({["a script.lua"] = "#!/usr/bin/env apsis\nlocal n = 3\ng = n * 2\nprint(select('#', ...), arg[0], ...)",
    ["returns.lua"] = "local hidden = 1 x = 5 return x",
    ["wrong.lua"] = "local function inner(t)\n  return t.missing.field\nend\n\nprint(inner {})",
    ["syntax.lua"] = "x = = 1"}, function(folder)
    local text = talk(([[
      local arg_before = arg
      local function go(input)
        local result = session:execute((input:gsub("DIR", %q)))
        if not result.ok then print(failed(result)) end
      end
      go '%%run "DIR/a script.lua" one "two words"'
      go "print(n, g, __keep)"
      go "%%run DIR/returns.lua"
      go "print(x, hidden)"
      go "%%run DIR/wrong.lua"
      go "%%run DIR/syntax.lua"
      go "%%run DIR/none.lua"
      go "%%run"
      print(arg == arg_before)]]):format(folder))
    equal(text, (table.concat({"2\tDIR/a script.lua\tone\ttwo words", "3\t6\tnil", "5\tnil",
      "DIR/wrong.lua:2: attempt to index a nil value (field 'missing')", "  DIR/wrong.lua:2: in 'inner'",
      "    return t.missing.field", "             ^~~~~~~", "  DIR/wrong.lua:5: in the main chunk",
      "    print(inner {})", "          ^~~~~", "%run: DIR/syntax.lua:1: unexpected symbol near '='",
      "%run: DIR/none.lua: No such file or directory", "%run: expected the name of a file", "true"}, "\n")
      :gsub("DIR", folder)))
  end)
end)

test("%save writes the session as a script that prints what was shown; it replaces no file unasked", function()
  with_files({there = "mine"}, function(folder)
    local text = talk(([[
      for _, input in ipairs {"local x = 2", "x * 3 -- six", "none()", "for i = 1, 2 do\n  x = x + i\nend x", "x = = 1",
        "%%time y = x", "x + 0;", "F.relu(ap.ones(1)):item()"} do session:execute(input) end
      local function go(input)
        local result = session:execute(input)
        if not result.ok then print(failed(result)) end
      end
      go "%%save %s/there"
      go "%%save -f %s/there"
      go "%%save"
      go "%%save /no/such/folder/file"]]):format(folder, folder))
    matches(text, "\n%%save: [^\n]*there: there is such a file already; %%save %-f replaces it\n6 inputs saved\n" ..
      "%%save: expected the name of a file\n%%save: /no/such/folder/file: No such file or directory$")
    equal(program.must(program.quote(program.path) .. " " .. folder .. "/there"), "6\n5\n1.0\n")
  end)
end)

test("%load types a file's text in; %edit opens the last input and runs what it became", function()
  with_files({["two.lua"] = "local p = 20\np + 1\n",
    editor = [[#!/bin/sh
      ls -ld "$(dirname "$1")" >>"$0.rights"
      sed -i 's/none/print/' "$1"]]}, function(folder)
    local history, editor = tmpname(), folder .. "/editor"
    program.must("chmod +x " .. editor)
    session({"> ", "%load " .. folder .. "/two.lua\n", "p + 1", "\n", "\n21\n", "", "> ", "p\n", "\n20\n> ",
      "none('edited')\n", "> ", "%edit\n", "\nedited\n> ", "%edit " .. folder .. "/two.lua\n", "> ",
      "%load /no/such\n", "\n%load: /no/such: No such file or directory\n> "},
      {history = history, environment = "VISUAL= EDITOR=" .. editor})
    contains(files.read(history), "\nprint('edited')\n")
    truth(files.read(editor .. ".rights"):find "^drwx%-%-%-%-%-%- ", "the folder of the edited text is private")
  end)
end)

test("%paste shows the clipboard's text and runs it", function()
  with_files({xclip = "#!/bin/sh\nprintf 'local q = 5\\r\\nq * 2\\r\\n'\n"}, function(folder)
    program.must("chmod +x " .. folder .. "/xclip")
    session({"> ", "%paste\n", "\nlocal q = 5\nq * 2\n10\n> ", "q\n", "\n5\n> "},
      {environment = ("DISPLAY=:0 WAYLAND_DISPLAY= PATH=%s:$PATH"):format(folder)})
  end)
end)

test("! runs a command of the shell, and tells how it failed", function()
  session {"> ", "!echo 'hello' $((1 + 2))\n", "\nhello 3\n> ", "!exit 3\n", "\n!: ended with status 3\n> ", "!\n",
    "\n!: expected a command for the shell, such as !ls\n> ", "1 ~= 2 and !x\n", "near '!'", "", "> "}
  matches(talk [[
    session:execute "!echo out; echo err >&2"
    print(failed(session:execute "!kill -9 $$"))
    session:execute "!echo one\n%help x\ny = 2\nprint(y)"]], "^out\nerr\n!: ended with signal 9\none\n.*\n2$")
end)

test("%debug looks around in the frames of the last error and evaluates in them", function()
  session {"> ",
    "%debug\n", "\n%debug: no code of this session has raised an error\n> ",
    "function inner(t, n) local m = n * 2 return t.deep.er + m end\n", "> ",
    "function outer(n) local s = 'here' local r = inner({}, n) return r end\n", "> ", "outer(4)\n", "'deep'", "", "> ",
    "%debug\n", "attempt to index a nil value (field 'deep')\n-> prompt:1: in 'inner'\n", "",
    "   prompt:2: in 'outer'\n", "", "debug> ",
    "locals\n", "\nt = {}\nn = 4\nm = 8\ndebug> ", "m + n\n", "\n12\ndebug> ", "up\n", "-> prompt:2: in 'outer'\n", "",
    "debug> ", "s, n\n", '\n"here"\t4\ndebug> ', "local kept = n\n", "debug> ", "n = n + 1 n\n", "\n5\ndebug> ",
    "for i = 1, 2 do\n", ">> ", "kept = kept + i\n", ">> ", "end\n", "debug> ",
    "nothing.x\n", "attempt to index a nil value (global 'nothing')", "", "debug> ", "s:up\t()\n", '"HERE"\ndebug> ',
    "up\n", "-> prompt:3: in the main chunk", "", "debug> ", "up\n", "This is the outermost frame.\ndebug> ",
    "quit\n", "\n> ", "kept, m, n\n", "\n7\tnil\tnil\n> ", "%debug\n", "debug> ", "down\n",
    "This is the innermost frame.\ndebug> ", "\4", "\n> ", "1 + 1\n", "\n2\n> "}
end)
