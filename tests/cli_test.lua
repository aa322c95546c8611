-- The command line: options, arguments, exit statuses, broken output, Ctrl-C.

local program = require "support.program"
local quote, sh, run, script = program.quote, program.sh, program.run, program.script
local apsis = quote(program.path)

-- run, in one string to compare with: output, then the status.
local function outcome(arguments)
  local output, status = run(arguments)
  return output .. "[" .. status .. "]"
end

test("a script finds its arguments in ... and in arg", function()
  local path = script [[
print(select("#", ...), ...)
print(#arg, arg[0] == SCRIPT, arg[1], arg[2], arg[3])
print(arg[-1], arg[-3]:match "[^/]*$", arg[-4])]]
  equal(outcome("-e 'SCRIPT = [[" .. path .. "]]' " .. path .. " a 'b c' -e"),
    "3\ta\tb c\t-e\n3\ttrue\ta\tb c\t-e\nSCRIPT = [[" .. path .. "]]\tapsis\tnil\n[0]")
  local plain = script "print(#arg, arg[-1], ...)"
  equal(outcome("-- " .. plain), "0\t--\n[0]")
  equal(outcome("-- " .. plain .. " '' -i"), "2\t--\t\t-i\n[0]")
end)

test("-e and -l run in their order, also joined to their values", function()
  equal(outcome "-e 'x = 1' -e 'print(x)'", "1\n[0]")
  equal(outcome "-e'print(2)'", "2\n[0]")
  equal(outcome "-l apsis.nn -e 'print(nn.Linear ~= nil, apsis)'", "true\tnil\n[0]")
  equal(outcome "-l ap=apsis -e 'print(ap.ones(2):sum():item())'", "2.0\n[0]")
  equal(outcome "-lap=apsis -e 'print(ap ~= nil)'", "true\n[0]")
  local path = script "print(y)"
  equal(outcome("-e 'y = 5' " .. path), "5\n[0]")
end)

test("standard input is run where nothing else is asked for, and as the script -", function()
  equal((sh("echo 'print(1, ...)' | " .. apsis)), "1\n")
  equal((sh("echo 'print(1, ...)' | " .. apsis .. " - a b")), "1\ta\tb\n")
  equal((sh("printf '#!/bin/apsis\\nprint(arg[0])' | " .. apsis .. " -")), "-\n")
  local output, status = sh("echo 'x = = 1' | " .. apsis .. " 2>&1")
  equal(status, 1)
  truth(output:find "^apsis: stdin:1: unexpected symbol near '='\n" ~= nil, output)
end)

test("--version tells the versions and what was chosen", function()
  for _, option in ipairs {"--version", "-v"} do
    local output, status = run(option)
    equal(status, 0)
    for _, pattern in ipairs {"^Apsis +%d+%.%d+%.%d+\n", "\nLua +Lua 5%.4", "\nBLIS +%S", "\nOpenCL +%S",
                              "\nthreads +%d"} do
      truth(output:find(pattern) ~= nil, output)
    end
  end
  truth(run("-v -e 'print(77)'"):find "\n77\n$" ~= nil)
end)

test("--help lists the options on standard output", function()
  for _, option in ipairs {"--help", "-h"} do
    local output, status = sh(apsis .. " " .. option .. " 2>/dev/null")
    equal(status, 0)
    for _, word in ipairs {"usage:", "-e CODE", "-l MOD", "-i", "--version", "APSIS_PATH"} do
      truth(output:find(word, 1, true) ~= nil, word)
    end
  end
end)

test("a wrong option is refused with status 2 and the usage", function()
  for option, message in pairs {["-x"] = "unknown option '-x'", ["--speed"] = "unknown option '--speed'",
                                ["-e"] = "a value is missing after '-e'", ["-l"] = "a value is missing after '-l'",
                                ["-ix"] = "unknown option '-ix'"} do
    local output, status = run(option .. " </dev/null")
    equal(status, 2)
    truth(output:find("apsis: " .. message, 1, true) == 1 and output:find "\nusage:", output)
  end
end)

test("an error ends with status 1, the message and the script's own lines on standard error", function()
  local path = script "local function f() error 'boom' end\nlocal function g() f() end\ng()\n"
  local output, status = sh(apsis .. " " .. path .. " 2>&1 >/dev/null")
  equal(status, 1)
  equal(output, (([[
apsis: PATH:1: boom
  PATH:1: in 'f'
    local function f() error 'boom' end
                       ^~~~~
  PATH:2: in 'g'
    local function g() f() end
                       ^
  PATH:3: in the main chunk
    g()
    ^
]]):gsub("PATH", path)))
  equal(select(2, run "-e 'error()'"), 1)
  truth(run "-e 'error {1}'":find "^apsis: %(error object is a table value%)")
  truth(run "-e 'error(setmetatable({}, {__tostring = function() return \"shown\" end}))'":find "^apsis: shown\n")
  truth(run "-e 'require \"apsis\".ones(2, 3):matmul(require \"apsis\".ones(4))'"
    :find "^apsis: %(command line%):1: matmul: ")
  truth(run "-e 'local function f() return 1 + f() end f()'":find "stack overflow")
  -- What comes after is not run.
  truth(not run "-e 'error(\"first\", 0)' -e 'print \"second\"'":find "second\n")
end)

test("a script that is missing, a folder or malformed ends with status 1", function()
  equal(outcome "/nowhere/x.lua", "apsis: cannot open /nowhere/x.lua: No such file or directory\n[1]")
  equal(select(2, run "/"), 1)
  local path = script "print(1)\nx = = 2\n"
  equal(outcome(path), "apsis: " .. path .. ":2: unexpected symbol near '='\n[1]")
  equal(select(2, run(script "\27Lua")), 1)
  equal(select(2, run "-l no.such.module"), 1)
  truth(run "-l 'a\"b'":find "is not the name of a module")
end)

test("os.exit ends the process with its status, closed or not", function()
  equal(select(2, run "-e 'os.exit(3)'"), 3)
  equal(select(2, run "-e 'os.exit(true, true)'"), 0)
  equal(select(2, run "-e 'os.exit(false)'"), 1)
  equal(outcome "-e 'io.write \"kept\" os.exit(4)'", "kept[4]")
  equal(outcome "-e 'coroutine.wrap(function() os.exit(5, true) end)()'", "[5]")
end)

test("a reader that goes away ends the program quietly", function()
  for _, code in ipairs {"while true do print(1) end", "while true do io.write(1) end",
                         "while true do io.stdout:write(1) end"} do
    local output, status = sh(apsis .. " -e " .. quote(code) .. " 2>&1 | head -c 1")
    equal(output, "1")
    equal(status, 0)
  end
end)

test("output that cannot be written is an error, not an endless loop", function()
  local function to_full(code)
    local output, status = sh(apsis .. " -e " .. quote(code) .. " 2>&1 >/dev/full")
    return status .. " " .. output
  end
  truth(to_full "while true do print(1) end":find "^1 apsis: %(command line%):1: print: cannot write")
  truth(to_full "while true do io.write(1) end":find "^1 apsis: %(command line%):1: io.write: cannot write")
  truth(to_full "io.write(1)":find "^1 apsis: cannot write to standard output") -- found at the end
  truth(to_full "io.stdout:write(1)":find "^1 ")
  equal(select(2, sh(apsis .. " --version >/dev/full 2>&1")), 1)
  equal(select(2, sh(apsis .. " --help >/dev/full 2>&1")), 1)
  equal(select(2, sh(apsis .. " -e 'print(1)' >&- 2>/dev/null")), 1)
end)

-- Runs code in the background, sends SIGINT once it has said "ready", and returns its output and status.
local function interrupted(code)
  local ready, output = tmpname(), tmpname()
  local full = ("io.open(%q, 'w'):write('ready'):close() "):format(ready) .. code
  local status = tonumber((sh(([[
    %s -e %s >%s 2>&1 & p=$!
    (sleep 30; kill -9 $p) >/dev/null 2>&1 & w=$!
    until grep -q ready %s; do sleep 0.02; done
    sleep 0.1
    kill -INT $p; wait $p; echo $?
    kill $w]]):format(apsis, quote(full), output, ready))))
  return require("support.files").read(output), status
end

local loops = {
  ["a Lua loop"] = "while true do end",
  ["a loop of pcall"] = "while true do pcall(function() while true do end end) end",
  ["a loop of matrix products"] = "local a = require 'apsis'.ones(800, 800) while true do a:matmul(a) end",
  ["a loop of pcall and matrix products"] =
    "local a = require 'apsis'.ones(800, 800) while true do pcall(a.matmul, a, a) end",
  ["a coroutine"] = "coroutine.wrap(function() while true do end end)()",
  ["a loop of xpcall in a coroutine"] = "local co = coroutine.create(function() while true do xpcall(function() "
    .. "while true do end end, debug.traceback) end end) while true do coroutine.resume(co) end",
}
for name, code in pairs(loops) do
  test("Ctrl-C stops " .. name .. ", and a shell learns of it", function()
    local output, status = interrupted(code)
    truth(output:find "^apsis: .*interrupted!\n$" ~= nil, output)
    equal(status, 130)
  end)
end

test("Ctrl-C ends a read from the terminal or a pipe", function()
  local output, status = interrupted "io.popen('sleep 29 & exec cat', 'r'):read() while true do end"
  truth(output:find "interrupted!" ~= nil, output)
  equal(status, 130)
end)

test("Ctrl-C can be caught once, closes what is to be closed, and keeps tensors whole", function()
  local output = interrupted [[
    local ap = require "apsis"
    local x = ap.zeros(3000, 1000)
    local ok, message = pcall(function()
      local t <close> = setmetatable({}, {__close = function() print "closed" end})
      while true do x = x:add(1) end
    end)
    print(ok, message:match "interrupted!", (x - x:mean()):abs():max():item() == 0)]]
  equal(output, "closed\nfalse\tinterrupted!\ttrue\n")
end)

test("the program alone, copied elsewhere, works; APSIS_PATH reads the library from the tree", function()
  local folder = program.tmpdir()
  program.must(("cp %s %s/copy"):format(apsis, folder))
  local code = "-e 'print(require \"apsis\".ones(2, 2):sum():item(), require \"apsis.nn\".Linear ~= nil)'"
  equal(program.must(("cd %s && env -i ./copy %s"):format(folder, code)), "4.0\ttrue\n")
  equal(program.must(("cd %s && APSIS_PATH=%s/stdlib ./copy %s"):format(folder, quote(program.root), code)),
    "4.0\ttrue\n")
  program.must(("mkdir -p %s/lib/nn && echo 'return {here = 1}' >%s/lib/init.lua"):format(folder, folder))
  equal(program.must(("cd %s && APSIS_PATH=lib ./copy -e 'print(require \"apsis\".here)'"):format(folder)), "1\n")
  local output, status = sh(("cd %s && APSIS_PATH=lib ./copy -l apsis.optim 2>&1"):format(folder))
  equal(status, 1)
  truth(output:find "no module 'apsis.optim' in lib" ~= nil, output)
end)

test("modules beside the script's working directory are found by require", function()
  local folder = program.tmpdir()
  program.must(("echo 'return {value = 12}' >%s/mine.lua"):format(folder))
  equal(program.must(("cd %s && %s -l mine -e 'print(mine.value)'"):format(folder, apsis)), "12\n")
end)
