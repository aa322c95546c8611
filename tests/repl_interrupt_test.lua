-- Ctrl-C at the prompt: whatever runs stops within 250 ms, and what the session holds is kept.

local session = require("support.conversation").run

local LIMIT_MS, SECONDS, ATTEMPTS = 250, 30, 3 -- the machine may be busy with something else

-- Runs code that prints "go" and goes on for long, stops it, and looks at what it has left.
local function stops(code, before, after, seconds)
  local turns = {"> ", "kept = 41\n", "> "}
  for i, turn in ipairs(before or {}) do turns[3 + i] = turn end
  local stop = {code .. "\n", "\ngo\n", "\3", {LIMIT_MS, "interrupted!"}, "", "> ", "kept + 1\n", "\n42\n> "}
  for _, turn in ipairs(stop) do turns[#turns + 1] = turn end
  for _, turn in ipairs(after or {}) do turns[#turns + 1] = turn end
  local ok, message
  for _ = 1, ATTEMPTS do
    ok, message = pcall(session, turns, {seconds = seconds or SECONDS})
    if ok then return end
  end
  error(message, 0)
end

test("Ctrl-C stops an endless loop", function() stops "print 'go' while true do end" end)

test("Ctrl-C stops a product of large matrices", function()
  stops("print 'go' b = a:matmul(a)", {"a = ap.ones(6000, 6000)\n", "> "}, {"b, a[1][1]:item()\n", "\nnil\t1.0\n> "})
end)

test("Ctrl-C stops a training loop and leaves the model whole", function()
  stops([[print 'go' for i = 1, 1e9 do opt:zero_grad() F.mse_loss(m(x), x):backward() opt:step() end]],
    {"m = nn.Linear(300, 300); opt = optim.SGD(m:parameters(), {lr = 0.01}); x = ap.randn(200, 300)\n", "> "},
    {"m(x):isfinite():all():item()\n", "\ntrue\n> "})
end)

test("Ctrl-C stops a long print, also one that nobody reads", function()
  stops("print 'go' print(s)", {"s = ('x'):rep(5e7)\n", "> "})
  stops "print 'go' for i = 1, 1e9 do io.write(i, ' ') end"
end)

test("Ctrl-C stops a sort, a convolution and a Fourier transform", function()
  stops("print 'go' for i = 1, 1000 do x:sort() end", {"x = ap.rand(5000000)\n", "> "})
  stops("print 'go' for i = 1, 1000 do F.conv2d(x, w) end",
    {"x, w = ap.rand(64, 32, 64, 64), ap.rand(64, 32, 5, 5)\n", "> "})
  stops("print 'go' for i = 1, 1000 do ap.fft.fft(x) end", {"x = ap.rand(3000000, 2)\n", "> "})
end)

-- What was launched goes on to its end; the wait for it does not.
local COMPILING_SECONDS = 60 -- of kernels that no cache has

test("Ctrl-C stops a wait for a device", function()
  if not require("apsis").cl.is_available() then return end
  stops("y = nil for i = 1, 6 do y = x:matmul(x) end print 'go' z = y[1][1]:item()",
    {"x = ap.ones(800, 800):to 'cl'\n", "> ", "x:matmul(x)[1][1]:item()\n", "\n800.0\n> "},
    {"z, y[1][1]:item()\n", "\nnil\t800.0\n> "}, COMPILING_SECONDS)
end)

test("Ctrl-C stops values that take for ever to show, and commands", function()
  stops "setmetatable({}, {__tostring = function() print 'go' while true do end end})"
  stops "%timeit print 'go' while true do end"
  stops "%prof print 'go' while true do end"
  session {"> ", "!echo go; exec sleep 7\n", "\ngo\n", "\3", {LIMIT_MS, "ended with "}, "", "> ", "1\n", "\n1\n> "}
end)
