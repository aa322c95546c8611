-- The Jupyter kernel, driven over its sockets by a front end of our own (tests/support/jupyter_client.c). The whole
-- protocol suite of Jupyter runs over it too: tests/jupyter/README.md.

local program = require "support.program"
local json = require "apsis.jupyter.json"
local quote, sh = program.quote, program.sh

local KERNEL = program.folder .. "/apsis-kernel"
local KEY = "a key of the tests"
local client -- the front end's binary, built once

local function front_end()
  if client then return client end
  local _, missing = sh "pkg-config --exists libzmq libsodium"
  truth(missing == 0, "libzmq or libsodium is missing: `make deps` installs what the tests need")
  client = tmpname()
  program.must(("cc -Wall -Wextra -Werror -o %s %s $(pkg-config --cflags --libs libzmq libsodium)"):format(client,
    quote(program.root .. "/tests/support/jupyter_client.c")))
  return client
end

-- A conversation: a list of steps, each a list of words, see jupyter_client.c. Returns the messages that came, the
-- kernel's status and what it logged.
local function converse(steps, options)
  options = options or {}
  local write, read = require("support.files").write, require("support.files").read
  local folder, log = program.tmpdir(), tmpname()
  local connection = write(options.connection or json.encode {transport = "ipc", ip = folder .. "/k", shell_port = 1,
    control_port = 2, stdin_port = 3, iopub_port = 4, hb_port = 5, key = KEY, signature_scheme = "hmac-sha256"})
  local lines = {}
  for i, s in ipairs(steps) do
    local words = {}
    for k, word in ipairs(s) do words[k] = type(word) == "table" and json.encode(word) or tostring(word) end
    lines[i] = table.concat(words, "\t")
  end
  local seconds = options.seconds or program.sanitize and 120 or 30
  local output, failed = sh(("%s %d %s %s %s %s <%s 2>%s"):format(front_end(), seconds, quote(KEY),
    quote(folder .. "/k"), quote(KERNEL), connection, write(table.concat(lines, "\n") .. "\n"), log))
  local logged = read(log)
  truth(failed == 0, output .. "\n" .. logged)
  local messages = {}
  for ms, channel, kind, parent, content in output:gmatch "(%d+)\t(%w+)\t([%w_]+)\t(%w*)\t([^\n]*)\n" do
    messages[#messages + 1] = {ms = tonumber(ms), channel = channel, kind = kind, parent = tonumber(parent),
      content = json.decode(content)}
  end
  sh("rm -r " .. quote(folder))
  return messages, tonumber(output:match "status (%d+)\n$"), logged, output
end

local SHUTDOWN = {"send", "control", "shutdown_request", {restart = false}}

local function execute(code, fields)
  local content = {code = code, silent = false, store_history = true, user_expressions = {}, allow_stdin = false,
    stop_on_error = true}
  for name, value in pairs(fields or {}) do content[name] = value end
  return {"send", "shell", "execute_request", content}
end

-- The messages of some kinds, as lists of contents.
local function of(messages, kind, parent)
  local list = {}
  for _, m in ipairs(messages) do
    if m.kind == kind and (not parent or m.parent == parent) then list[#list + 1] = m.content end
  end
  return list
end

-- Runs cells one after the other, then ends; the messages.
local function run(cells)
  local steps = {}
  for i, cell in ipairs(cells) do
    steps[#steps + 1] = type(cell) == "string" and execute(cell) or cell
    steps[#steps + 1] = {"wait", i}
  end
  steps[#steps + 1] = SHUTDOWN
  steps[#steps + 1] = {"end"}
  local messages, status, logged = converse(steps)
  truth(status == 0, ("status %d: %s"):format(status, logged))
  return messages
end

test("jupyter: a cell's messages come in order: busy, input, output, result, reply, idle", function()
  local messages = run {"print 'a' io.stderr:write 'b' return 6 * 7"}
  local kinds = {}
  for _, m in ipairs(messages) do
    if m.parent == 1 then kinds[#kinds + 1] = m.channel .. " " .. m.kind end
  end
  equal(#kinds, 7)
  equal(messages[1].kind, "iopub_welcome")
  local order = {}
  for _, m in ipairs(messages) do
    if m.parent == 1 and m.channel == "iopub" then order[#order + 1] = m.kind end
  end
  equal(order, {"status", "execute_input", "stream", "stream", "execute_result", "status"})
  equal(of(messages, "stream"), {{name = "stdout", text = "a\n"}, {name = "stderr", text = "b"}})
  equal(of(messages, "execute_result"), {{data = {["text/plain"] = "42"}, execution_count = 1, metadata = {}}})
  equal(of(messages, "execute_reply"), {{status = "ok", execution_count = 1, payload = {}, user_expressions = {}}})
  equal(of(messages, "shutdown_reply")[1], {status = "ok", restart = false})
end)

test("jupyter: kernel_info, heartbeat, comms and what is not known", function()
  local messages, status, logged = converse {{"send", "shell", "kernel_info_request", {}}, {"wait", 1},
    {"beat", "ping"}, {"send", "shell", "comm_info_request", {}}, {"wait", 2},
    {"send", "shell", "comm_open", {comm_id = "c1", target_name = "none", data = {}}},
    {"expect", "iopub", "comm_close", "c1"}, {"send", "shell", "strange_request", {}},
    {"send", "control", "kernel_info_request", {}}, {"wait", 5}, SHUTDOWN, {"end"}}
  equal(status, 0)
  local info = of(messages, "kernel_info_reply", 1)[1]
  equal(info.protocol_version, "5.4")
  equal(info.language_info.name, "lua")
  equal(info.language_info.file_extension, ".lua")
  equal(of(messages, "kernel_info_reply", 5)[1].status, "ok")
  equal(of(messages, "comm_info_reply")[1], {status = "ok", comms = {}})
  truth(logged:find("its type 'strange_request' is not known", 1, true) ~= nil, logged)
end)

test("jupyter: variables live on, results are _ and _1, silent cells are neither counted nor shown", function()
  local messages = run {"local x = 20", "x + 1", execute("hidden = 5 return 9", {silent = true}), "hidden + _",
    execute("x", {store_history = false})}
  local results = {}
  for i, r in ipairs(of(messages, "execute_result")) do results[i] = {r.execution_count, r.data["text/plain"]} end
  equal(results, {{2, "21"}, {3, "14"}, {3, "20"}})
  equal(#of(messages, "execute_input"), 4)
end)

test("jupyter: an error tells its frames, and the cells that wait are aborted unless asked otherwise", function()
  local messages = converse {execute "function f(x)\n  return x:matmul(ap.ones(7, 2))\nend", {"wait", 1},
    execute "print 'go' os.execute 'sleep 0.2'\nf(ap.ones(2, 3))", execute "1", {"send", "shell", "is_complete_request",
    {code = "1"}}, execute "2", {"wait", 5}, execute "3", {"wait", 6},
    execute("os.execute 'sleep 0.2' error 'x'", {stop_on_error = false}), execute "4", {"wait", 8},
    execute "x = = 1", {"wait", 9}, SHUTDOWN, {"end"}}
  local function status(i) return of(messages, "execute_reply", i)[1].status end
  equal({status(2), status(3), status(5), status(6), status(7), status(8)},
    {"error", "aborted", "aborted", "ok", "error", "ok"})
  equal(of(messages, "is_complete_reply")[1].status, "complete")
  local e = of(messages, "error", 2)[1]
  equal({e.ename, e.evalue}, {"Error", "In[1]:2: matmul: (2x3) and (7x2): inner sizes 3 and 7 differ"})
  local trace = table.concat(e.traceback, "\n"):gsub("\27%[[%d;]*m", "")
  truth(trace:find("In[1]:2: in 'f'\n    return x:matmul(ap.ones(7, 2))", 1, true) ~= nil, trace)
  equal(of(messages, "error", 9)[1].ename, "SyntaxError")
  equal(of(messages, "execute_reply", 9)[1].execution_count, 6)
end)

test("jupyter: tensors are tables, plots pictures, and text is what the prompt shows", function()
  local messages = run {"ap.tensor {{1, 2}, {3, -4.5}}", "plot({1, 2, 3})", "imshow(ap.eye(3))", "ap.tensor(3.0)",
    "1, 'a<b'", "ap.zeros(30, 2, 40)", "nn.Linear(2, 3)", "ap.ones(2):requires_grad_()"}
  local data = {}
  for i, r in ipairs(of(messages, "execute_result")) do data[i] = r.data end
  truth(data[1]["text/html"]:find("<td style=\"text-align:right;font-family:monospace\">-4.5000</td>", 1, true) ~= nil,
    data[1]["text/html"])
  truth(data[1]["text/html"]:find("tensor 2x2, f32, cpu", 1, true) ~= nil, data[1]["text/html"])
  truth(data[1]["text/plain"]:find "^tensor%(%[%[ 1.0000" ~= nil, data[1]["text/plain"])
  truth(data[2]["image/svg+xml"]:find "^<svg " ~= nil and data[2]["text/plain"] ~= nil)
  equal(data[2]["image/png"]:sub(1, 11), "iVBORw0KGgo") -- a PNG's first eight bytes
  equal(data[3]["image/png"]:sub(1, 11), "iVBORw0KGgo")
  equal({data[4]["text/html"], data[4]["text/plain"]}, {nil, "tensor(3., 0-dim, f32, cpu)"})
  equal(data[5], {["text/plain"] = '1\t"a<b"'})
  local _, tables = data[6]["text/html"]:gsub("<table>", "")
  equal(tables, 6)
  truth(data[6]["text/html"]:find("[30, :, :]", 1, true) == nil and data[6]["text/html"]:find("&hellip;", 1, true))
  equal(data[7]["text/html"], nil)
  truth(data[8]["text/html"]:find "requires_grad" ~= nil, data[8]["text/html"])
end)

test("jupyter: display shows where the output is, clear_output and update reach it, __display says how", function()
  local messages = run {"local j = require 'apsis.jupyter' print 'before' j.display(ap.ones(2), 'id') print 'after' "
    .. "j.update(5, 'id') j.clear_output(true)",
    "setmetatable({}, {__display = function() return {['text/markdown'] = '*m*'} end})",
    "require('apsis.jupyter').html '<b>h</b>'", "require('apsis.jupyter').png '\\x89PNG'",
    "setmetatable({}, {__display = function() return {nonsense = 1} end})"}
  local order = {}
  for _, m in ipairs(messages) do
    if m.parent == 1 and m.channel == "iopub" and m.kind ~= "status" then order[#order + 1] = m.kind end
  end
  equal(order, {"execute_input", "stream", "display_data", "stream", "update_display_data", "clear_output"})
  equal(of(messages, "stream")[1].text, "before\n")
  equal(of(messages, "display_data")[1].transient, {display_id = "id"})
  equal(of(messages, "update_display_data")[1].data, {["text/plain"] = "5"})
  equal(of(messages, "clear_output")[1], {wait = true})
  equal(of(messages, "execute_result", 2)[1].data["text/markdown"], "*m*")
  equal(of(messages, "execute_result", 3)[1].data, {["text/html"] = "<b>h</b>", ["text/plain"] = "<b>h</b>"})
  equal(of(messages, "execute_result", 4)[1].data["image/png"], "iVBORw==")
  equal(of(messages, "error", 5)[1].evalue, "__display: 'nonsense' is no media type")
end)

test("jupyter: output streams while the cell runs, also that of commands, whole characters in every message", function()
  local messages = converse {execute "io.write 'first' os.execute 'sleep 0.5' print ' second'",
    {"expect", "iopub", "stream", "first"}, {"wait", 1}, execute "os.execute 'echo out; echo err >&2'", {"wait", 2},
    execute "for i = 1, 40000 do io.write 'äöü' end", {"wait", 3}, execute "print '\\xff\\0\\27é'", {"wait", 4},
    SHUTDOWN, {"end"}}
  local first
  for _, m in ipairs(messages) do
    if m.parent == 1 and m.kind == "stream" then first = first or m end
    if m.parent == 1 and m.kind == "execute_reply" then truth(m.ms - first.ms > 300, "the output came at the end") end
  end
  equal(of(messages, "stream", 2), {{name = "stdout", text = "out\n"}, {name = "stderr", text = "err\n"}})
  local parts = {}
  for i, s in ipairs(of(messages, "stream", 3)) do parts[i] = s.text end
  truth(table.concat(parts) == ("äöü"):rep(40000), "characters were torn or lost")
  equal(of(messages, "stream", 4)[1].text, "\u{FFFD}\0\27é\n")
end)

test("jupyter: io.read asks the front end for a line; where that cannot be asked, it says so", function()
  local input = {"send", "stdin", "input_reply", {value = "some words 7"}}
  local messages = converse {execute("print(io.read())", {allow_stdin = true}),
    {"expect", "stdin", "input_request", ""}, input, {"wait", 1},
    execute("io.write 'n: ' local n, l = io.read('n', 'l') return n, l, io.stdin:read()", {allow_stdin = true}),
    {"expect", "stdin", "input_request", ""}, {"send", "stdin", "input_reply", {value = "42 rest"}},
    {"expect", "stdin", "input_request", ""}, {"send", "stdin", "input_reply", {value = "é"}}, {"wait", 3},
    execute "io.read()", {"wait", 6}, execute("io.read()", {allow_stdin = true}),
    {"expect", "stdin", "input_request", ""}, {"send", "control", "interrupt_request", {}}, {"wait", 7},
    execute "8", {"wait", 9}, SHUTDOWN, {"end"}}
  equal(of(messages, "stream", 1)[1].text, "some words 7\n")
  equal(of(messages, "execute_result", 3)[1].data["text/plain"], '42\t" rest"\t"é"')
  equal(of(messages, "execute_result", 6)[1].data["text/plain"], 'nil\t"Operation not supported"\t95')
  equal(of(messages, "error", 7)[1].ename, "Interrupted")
  equal(of(messages, "execute_result", 9)[1].data["text/plain"], "8")
end)

test("jupyter: an interrupt stops loops, ops, output, commands and waits within 250 ms; state is kept", function()
  local cells = {"while true do end", "local a = ap.randn(1000, 1000) while true do a:matmul(a) end",
    "while true do print 'on and on' end", "os.execute 'sleep 9'", "io.popen('sleep 9'):read 'a'",
    "while true do os.execute 'sleep 0.01' end"}
  local steps = {execute "kept = 1", {"wait", 1}}
  for i, cell in ipairs(cells) do
    steps[#steps + 1] = execute("print 'go' " .. cell)
    steps[#steps + 1] = {"expect", "iopub", "stream", "go"}
    steps[#steps + 1] = {"sleep", 150}
    steps[#steps + 1] = {"send", "control", "interrupt_request", {}}
    steps[#steps + 1] = {"wait", 2 * i}
  end
  steps[#steps + 1] = execute "kept"
  steps[#steps + 1] = {"wait", 2 * #cells + 2}
  steps[#steps + 1] = SHUTDOWN
  steps[#steps + 1] = {"end"}
  local messages = converse(steps)
  for i, cell in ipairs(cells) do
    local asked, stopped
    for _, m in ipairs(messages) do
      if m.parent == 2 * i + 1 and m.kind == "interrupt_reply" then asked = m.ms end
      if m.parent == 2 * i and m.kind == "execute_reply" then stopped = m end
    end
    truth(asked and stopped, "no reply: " .. cell)
    local limit = program.sanitize and 2500 or 250
    truth(stopped.ms - asked < limit, ("%d ms: %s"):format(stopped.ms - asked, cell))
    if not cell:find "^os" then equal(of(messages, "error", 2 * i)[1].ename, "Interrupted") end
  end
  equal(of(messages, "execute_result")[#of(messages, "execute_result")].data["text/plain"], "1")
end)

test("jupyter: control is served while a cell runs; shutdown stops a cell that catches everything", function()
  local messages, status = converse {execute "print 'go' while true do pcall(function() while true do end end) end",
    {"expect", "iopub", "stream", "go"}, {"send", "control", "kernel_info_request", {}}, {"wait", 2},
    {"send", "control", "shutdown_request", {restart = true}}, {"expect", "control", "shutdown_reply", ""}, {"end"}}
  equal(of(messages, "kernel_info_reply", 2)[1].status, "ok")
  equal(of(messages, "shutdown_reply", 3)[1], {status = "ok", restart = true})
  equal(status, 0)
end)

test("jupyter: completion, inspection, is_complete and history", function()
  local function ask(kind, content) return {"send", "shell", kind, content} end
  local messages = run {"local äpfel = {kern = ap.ones(2)}", "1 + 1",
    ask("complete_request", {code = "x = 'é' .. ap.cums", cursor_pos = 18}),
    ask("complete_request", {code = "for i = 1, 2 do\n  prin", cursor_pos = 22}),
    ask("complete_request", {code = "io.open('/etc/host", cursor_pos = 18}),
    ask("inspect_request", {code = "ap.cumsum(x, ", cursor_pos = 13, detail_level = 0}),
    ask("inspect_request", {code = "no_such_name", cursor_pos = 3, detail_level = 0}),
    ask("is_complete_request", {code = "for i = 1, 2 do"}), ask("is_complete_request", {code = "x = = 2"}),
    ask("is_complete_request", {code = "x = 'open"}),
    ask("history_request", {hist_access_type = "tail", n = 5, output = false, raw = true}),
    ask("history_request", {hist_access_type = "search", pattern = "1*1", output = true, raw = true, n = 1}),
    ask("history_request", {hist_access_type = "range", session = 0, start = 2, stop = 3, output = false, raw = true}),
    ask("history_request", {hist_access_type = "range", output = false, raw = true, session = 7})}
  local c = of(messages, "complete_reply")
  equal(c[1], {status = "ok", matches = {"cumsum", "cumsum_"}, cursor_start = 14, cursor_end = 18, metadata = {}})
  equal(c[2].matches, {"print"})
  equal(c[2].cursor_start, 18)
  truth(table.concat(c[3].matches, " "):find("/etc/hosts", 1, true) ~= nil, table.concat(c[3].matches, " "))
  local i = of(messages, "inspect_reply")
  truth(i[1].found and i[1].data["text/plain"]:find "cumsum" ~= nil)
  equal(i[2], {status = "ok", found = false, data = {}, metadata = {}})
  local s = of(messages, "is_complete_reply")
  equal(s, {{status = "incomplete", indent = "  "}, {status = "invalid"}, {status = "invalid"}})
  local h = of(messages, "history_reply")
  equal(h[1].history, {{1, 1, "local äpfel = {kern = ap.ones(2)}"}, {1, 2, "1 + 1"}})
  equal(h[2].history, {{1, 2, {"1 + 1", "2"}}})
  equal(h[3].history, {{1, 2, "1 + 1"}})
  equal(h[4].history, {})
end)

test("jupyter: ?name fills the front end's pager, help() the cell's output", function()
  local messages = run {"?ap.cumsum", "help 'ap.cumsum'"}
  local page = of(messages, "execute_reply", 1)[1].payload[1]
  equal({page.source, #of(messages, "stream", 1)}, {"page", 0})
  truth(page.data["text/plain"]:find "cumsum" ~= nil, page.data["text/plain"])
  truth(of(messages, "stream", 2)[1].text:find "cumsum" ~= nil)
end)

test("jupyter: user expressions are evaluated after the cell, each with its own error", function()
  local messages = run {execute("local t = 3", {user_expressions = {a = "t + 1", b = "error 'no'", c = "= 1"}})}
  local results = of(messages, "execute_reply")[1].user_expressions
  equal(results.a, {status = "ok", data = {["text/plain"] = "4"}, metadata = {}})
  equal({results.b.status, results.b.evalue}, {"error", "expression:1: no"})
  equal({results.c.status, results.c.ename}, {"error", "SyntaxError"})
end)

test("jupyter: messages that are forged, repeated, cut or no JSON are ignored and logged", function()
  local function hex(text) return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
  local ids, sign = hex "<IDS|MSG>", hex(("0"):rep(64))
  local deep = ("["):rep(5000)
  local messages, status, logged = converse {{"send", "shell", "kernel_info_request", {}}, {"wait", 1},
    {"forge", "shell", "execute_request", {code = "os.exit(7)"}}, execute "runs = (runs or 0) + 1", {"wait", 3},
    {"resend", "shell"}, {"raw", "shell", "-"}, {"raw", "shell", ids}, {"raw", "control", ids, sign, "7b7d"},
    {"raw", "shell", ids, "7a7a", "7b7d", "7b7d", "7b7d", "7b7d"}, {"raw", "stdin", hex "no delimiter"},
    {"raw", "shell", table.concat({hex "many"}, "\t") .. ("\t" .. hex "x"):rep(100)},
    {"send", "shell", "execute_request", deep}, {"send", "shell", "execute_request", "{\"code\": \"\xff\"}"},
    {"send", "shell", "execute_request", "[1"}, {"send", "shell", "execute_request", "7"},
    {"send", "shell", "execute_request", "{\"code\": 7}"}, {"wait", 8},
    {"send", "stdin", "input_reply", {value = "nobody asked"}}, {"send", "control", "execute_request", {code = "1"}},
    execute "runs", {"wait", 11}, SHUTDOWN, {"end"}}
  equal(status, 0)
  equal(of(messages, "execute_result", 11)[1].data["text/plain"], "1")
  for _, part in ipairs {"the signature is wrong", "it came before", "<IDS|MSG> is missing", "frames are missing",
    "not 64 hexadecimal digits", "too many frames", "nested deeper than 128", "not valid UTF-8",
    "the content is no object"} do
    truth(logged:find(part, 1, true) ~= nil, ("no '%s' in:\n%s"):format(part, logged))
  end
end)

test("jupyter: a connection file that says nonsense is an error before anything starts", function()
  local write = require("support.files").write
  local function refused(text, message)
    local output, status = sh(("%s %s 2>&1"):format(quote(KERNEL), write(text)))
    equal(status, 1)
    truth(output:find(message, 1, true) ~= nil, output)
  end
  refused("", "the connection file: ")
  refused("{}", "the connection file has no shell_port")
  refused('{"key": "k", "signature_scheme": "hmac-md5"}', "this kernel knows hmac-sha256")
  local output, status = sh(quote(KERNEL) .. " /nowhere/at/all 2>&1")
  equal({status, output}, {1, "apsis-kernel: /nowhere/at/all: No such file or directory\n"})
  output, status = sh(quote(KERNEL) .. " 2>&1")
  equal(status, 2)
  truth(output:find "^usage: apsis%-kernel CONNECTION_FILE" ~= nil, output)
end)

test("jupyter: the kernel ends when the program that started it is gone", function()
  local folder = program.tmpdir()
  local connection = require("support.files").write(json.encode {transport = "ipc", ip = folder .. "/k",
    shell_port = 1, control_port = 2, stdin_port = 3, iopub_port = 4, hb_port = 5, key = KEY})
  local pid = program.must(("sh -c 'JPY_PARENT_PID=$$ %s %s >/dev/null 2>&1 & echo $!'"):format(quote(KERNEL),
    connection)):match "%d+"
  program.must(("for i in $(seq 50); do kill -0 %s 2>/dev/null || exit 0; sleep 0.1; done; exit 1"):format(pid))
  program.must("rm -r " .. folder)
end)

test("jupyter: `apsis kernel install` writes the kernel's folder, for Jupyter to find", function()
  local read = require("support.files").read
  local folder = program.tmpdir()
  local output = program.must(("%s kernel install --prefix %s --display-name 'My \"Apsis\"'"):format(
    quote(program.path), folder))
  local at = folder .. "/share/jupyter/kernels/apsis"
  equal(output, "the kernel is in " .. at .. "\n")
  local spec = json.decode(read(at .. "/kernel.json"))
  equal(spec.argv, {program.path, "kernel", "run", "{connection_file}"})
  equal({spec.language, spec.interrupt_mode, spec.display_name}, {"lua", "message", 'My "Apsis"'})
  for _, size in ipairs {32, 64} do
    local png = read(("%s/logo-%dx%d.png"):format(at, size, size))
    equal({png:sub(1, 8), string.unpack(">I4I4", png, 17)}, {"\x89PNG\r\n\x1a\n", size, size, 25})
  end
  truth(read(at .. "/logo-svg.svg"):find "^<svg " ~= nil)
  program.must(("HOME=/nowhere JUPYTER_DATA_DIR=%s/d %s kernel install --name b"):format(folder, quote(program.path)))
  truth(json.decode(read(folder .. "/d/kernels/b/kernel.json")).language == "lua")
  program.must(("VIRTUAL_ENV=%s/v %s kernel install --sys-prefix"):format(folder, quote(program.path)))
  truth(read(folder .. "/v/share/jupyter/kernels/apsis/kernel.json") ~= "")
  for arguments, message in pairs {["install --nonsense"] = "unknown option '%-%-nonsense'",
    ["install --prefix"] = "%-%-prefix: a value is missing", ["install --user --sys-prefix"] = "expected one of",
    ["install --name a/b"] = "expected letters", ["run"] = "^usage: ", [""] = "^usage: ",
    ["install --prefix /proc/nowhere"] = "cannot make the folder"} do
    local text, status = program.run("kernel " .. arguments)
    truth(status > 0 and text:find(message) ~= nil, text)
  end
  program.must("rm -r " .. folder)
end)

test("jupyter: without a notebook, what would be shown is printed", function()
  equal(program.must(("%s -e %s"):format(quote(program.path), quote
    "local j = require 'apsis.jupyter' j.display(5) j.display(j.html '<b>') j.clear_output()")), "5\n<b>\n")
end)
