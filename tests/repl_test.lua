-- The prompt, on a terminal of its own (tests/support/pty.c).

local program = require "support.program"
local quote, sh = program.quote, program.sh

local pty -- the helper's binary, built once

local function helper()
  if not pty then
    pty = tmpname()
    local source = program.root .. "/tests/support/pty.c"
    program.must(("cc -std=c99 -Wall -Wextra -Werror -o %s %s"):format(pty, quote(source)))
  end
  return pty
end

-- A conversation: a list of what to wait for and what to type, in turns ("" waits for nothing); Ctrl-D is added at the
-- end. Returns everything the program wrote and the status.
local function session(turns, options)
  options = options or {}
  local steps = {}
  for i = 1, #turns do
    local word = i % 2 == 1 and "expect " or "send "
    if turns[i] ~= "" then steps[#steps + 1] = word .. turns[i]:gsub("\\", "\\\\"):gsub("%c", function(c)
      return ("\\x%02x"):format(c:byte())
    end) end
  end
  if not options.no_end then steps[#steps + 1] = "send \\x04" end
  local path = require("support.files").write(table.concat(steps, "\n") .. "\n")
  local output, status = sh(("TERM=dumb LC_ALL=C.UTF-8 APSIS_HISTORY=%s %s 8 %s %s <%s 2>&1"):format(
    options.history or "", helper(), quote(program.path), options.arguments or "", path))
  truth(status == 0, output)
  return output, tonumber(output:match "\nstatus (%d+)\n$")
end

local function contains(output, text)
  truth(output:find(text, 1, true) ~= nil, ("no %q in:\n%s"):format(text, output))
end

test("the prompt greets, prints values of expressions and leaves on Ctrl-D with status 0", function()
  local output, status = session {"> ", "1 + 1\n", "\n2\n", "x = 5\n", "> ",
    "x, 'a', nil\n", "\n5\ta\tnil\n> ",
    "= x * 2\n", "\n10\n> "}
  contains(output, "Apsis, Lua 5.4")
  equal(status, 0)
end)

test("ap, nn, F, optim and data are there; tensors print themselves", function()
  local output = session {"> ", "ap.ones(2) + 1\n", "> ",
    "nn.Linear, F.relu(ap.tensor{-1.0}):item(), type(optim), type(data)\n", "0.0\ttable\ttable\n> "}
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
    "local k <const> = 5; print(k)\n", "\n5\n> ", "local = 3\n", "<name> expected near '='\n> ",
    "local v == 3\n", "\nprompt:1: ", "local only\n", "> ", "only\n", "\nnil\n> "}
end)

test("an error shows its message and the user's frames, and the prompt goes on", function()
  local output = session {"> ", "x = = 1\n", "\nprompt:1: unexpected symbol near '='\n> ", "error('boom')\n",
    "\nprompt:1: boom\n> ", "function inner(x) return x:matmul(ap.ones(7, 2)) end\n", "> ",
    "function outer() local y = inner(ap.ones(2, 3)) return y end\n", "> ", "outer()\n", "prompt:1: matmul: ", "",
    "\n  prompt:1: in 'inner'\n  prompt:1: in the function at line 1\n> ", "1\n", "\n1\n> ",
    "error({code = 5})\n", "\ntable: 0x", "", "> ", "error()\n", "\nnil\n> ",
    "function loop() return 1 + loop() end loop()\n", "stack overflow", "", "  ...\n> "}
  truth(not output:find "apsis/" and not output:find "%[C%]", output)
end)

test("Ctrl-C drops the line, ends an unfinished statement, and stops what runs", function()
  local _, status = session {"> ", "some text\3", "> ", "for i = 1, 2 do\n", ">> ", "\3", "\n> ", "7\n", "\n7\n> ",
    "print('go') while true do end\n", "\ngo\n", "\3", "interrupted!\n> ", "8\n", "\n8\n> ",
    "print('go') while true do pcall(function() while true do end end) end\n", "\ngo\n", "\3", "interrupted!\n> ",
    "a = ap.ones(700, 700) print('go') while true do a:matmul(a) end\n", "\ngo\n", "\3", "interrupted!\n> ",
    "a[1][1]:item()\n", "\n1.0\n> ", "print('go') io.read()\n", "\ngo\n", "\3", "interrupted!\n> ", "9\n", "\n9\n> "}
  equal(status, 0)
end)

test("lines are edited, also letters of several bytes, and history is kept between sessions", function()
  local history = tmpname()
  session({"> ", "1 + 2\n", "\n3\n> ", "s = 'aé'\127\127x'\n", "> ", "s\n", "\nax\n> "}, {history = history})
  local saved = require("support.files").read(history)
  contains(saved, "1 + 2\n")
  -- Up goes through it: s, s = ..., 1 + 2.
  session({"> ", "\16\16\16\n", "\n3\n> "}, {history = history})
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

test("-i reads lines from a pipe, too", function()
  local output, status = sh(("printf 'x = 1\\nx + 1\\n' | APSIS_HISTORY= %s -i 2>&1"):format(quote(program.path)))
  equal(status, 0)
  contains(output, "> > 2\n")
end)
