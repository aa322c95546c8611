--- What goes wrong on a device: an OpenCL that fails on demand (tests/support/faulty_opencl.c) stands in for lost
--- devices and full ones. Each is a Lua error that names the op; the process lives, the CPU goes on. And two devices
--- at once.

local program = require "support.program"
local quote = program.quote

local library
local function faulty_library()
  if not library then
    library = program.tmpdir() .. "/faulty_opencl.so"
    program.must(("cc -std=gnu17 -Wall -Wextra -Werror -shared -fPIC -o %s %s -Wl,--no-as-needed %s"):format(
      quote(library), quote(program.root .. "/tests/support/faulty_opencl.c"), "-l:libOpenCL.so.1 -ldl"))
  end
  return library
end

-- Runs the script with OpenCL failing as planned; it begins with `ap`, `try` and `alive`.
local PRELUDE = [[
local ap = require "apsis"
-- The error of f, or "fine".
local function try(f, ...)
  local ok, message = pcall(f, ...)
  return ok and "fine" or message
end
-- The CPU goes on.
local function alive() return ap.ones(3, 3):matmul(ap.ones(3, 3)):sum():item() == 27 and " alive" or " dead" end
]]

local function with_faults(plan, script, environment)
  local output, status = program.run_script(PRELUDE .. script, ("FAULT=%s APSIS_CL_LIBRARY=%s %s"):format(quote(plan),
    quote(faulty_library()), environment or ""))
  truth(status == 0, ("status %d: %s"):format(status, output))
  return output
end

local function says(pattern, text) truth(text:find(pattern), ("%q is not in: %s"):format(pattern, text)) end

test("a device that has no memory for a moment is asked again after a collection", function()
  equal(with_faults("CreateBuffer -4 2 1", [[
local x = ap.ones(1000):to("cl")
local y = x
for _ = 1, 20 do y = y + x end
io.write(("%g"):format(y:sum():item()), alive())]]), "21000 alive")
  equal(with_faults("EnqueueNDRangeKernel -4 1 1", [[
local x = ap.ones(1000):to("cl")
io.write(("%g"):format((x + x + x):sum():item()), alive())]]), "3000 alive")
end)

test("a device whose memory is full: an error with the sizes, and it works once there is room", function()
  -- The first buffers are the stage, x and the results; a large tensor comes when they are there.
  local text = with_faults("CreateBuffer -4 3 2", [[
local x = ap.ones(1000):to("cl")
local errors, sum = 0, 0
for _ = 1, 40 do
  local ok, y = pcall(function() return x:repeat_(1000) end)
  if ok then sum = y:sum():item() else errors = errors + 1 io.write(y, "\n") end
end
io.write(errors, " ", ("%g"):format(sum), alive())]])
  says("out of memory on cl:1: %d+ bytes asked for, %d+ bytes of tensors live there " ..
    "%(CL_MEM_OBJECT_ALLOCATION_FAILURE%)", text)
  says("1 1e%+06 alive$", text)
end)

test("a kernel that cannot be launched is an error that names the op, the kernel and the cause", function()
  says("add: the kernel elementwise of elementwise.cl could not be launched on cl:1 .*" ..
    "CL_INVALID_WORK_GROUP_SIZE\nfine alive",
    with_faults("EnqueueNDRangeKernel -54 0 1", [[
local x = ap.ones(1000):to("cl")
io.write(try(function() return x + x end), "\n", try(function() return x + x end), alive())]]))
  says("exp: the kernel elementwise of .* could not be launched .*CL_OUT_OF_RESOURCES",
    with_faults("EnqueueNDRangeKernel -5 0 2", [[io.write(try(function() return ap.ones(9):to("cl"):exp() end))]]))
  says("exp: elementwise on cl:1 .*CL_OUT_OF_HOST_MEMORY",
    with_faults("CreateKernel -6 0 1", [[io.write(try(function() return ap.ones(9):to("cl"):exp() end))]]))
end)

test("transfers that fail are errors, both ways, and the next one works", function()
  says("to: the transfer to the device failed on cl:1 .*CL_OUT_OF_RESOURCES\nfine",
    with_faults("EnqueueWriteBuffer -5 0 1", [[
local x = ap.ones(1000)
io.write(try(x.to, x, "cl"), "\n", try(x.to, x, "cl"))]]))
  for _, plan in ipairs {"EnqueueReadBuffer -5 0 1", "WaitForEvents -14 0 1", "EnqueueMapBuffer -12 1 1"} do
    says("to: the transfer .*CL_.* fine 3e%+06 alive$", with_faults(plan, [[
local x = ap.ones(3000000, {device = "cl"})
local y
io.write(try(function() y = x:to("cpu") end), " ")
io.write(try(function() y = x:to("cpu") end), (" %g"):format(y:sum():item()), alive())]]))
  end
end)

test("a lost device: every op on it is an error, the CPU goes on, and the process ends as usual", function()
  local lost = {}
  for _, name in ipairs {"EnqueueNDRangeKernel", "EnqueueReadBuffer", "EnqueueWriteBuffer", "Finish", "Flush",
    "WaitForEvents", "CreateBuffer"} do
    -- A few calls pass: the tensors are there.
    local pass = ({CreateBuffer = 8, EnqueueWriteBuffer = 2, Flush = 1, WaitForEvents = 1})[name] or 0
    lost[#lost + 1] = ("%s -2 %d 1000000"):format(name, pass)
  end
  local text = with_faults(table.concat(lost, " "), [[
local x, w = ap.ones(4, 4):to("cl"), ap.ones(4, 4):to("cl"):requires_grad_()
for _ = 1, 3 do
  io.write(try(function() return x + 1 end), "\n")
  io.write(try(function() return x:matmul(w):sum():backward() end), "\n")
  io.write(try(function() return x:to("cpu") end), "\n")
  io.write(try(ap.synchronize), "\n")
end
io.write(alive())]])
  says("add: .* on cl:1 .*CL_DEVICE_NOT_AVAILABLE", text)
  says("matmul: .* on cl:1 .*CL_DEVICE_NOT_AVAILABLE", text)
  says("to: .* on cl:1 .*CL_DEVICE_NOT_AVAILABLE", text)
  says("synchronize: .* on cl:1 .*CL_DEVICE_NOT_AVAILABLE", text)
  truth(not text:find "fine", text)
  says(" alive$", text)
end)

test("a device that cannot be opened is an error at to('cl'), every time", function()
  says("to: cannot open the device on cl:1 .*CL_DEVICE_NOT_AVAILABLE\nfine alive",
    with_faults("CreateContext -2 0 1", [[
local x = ap.ones(3)
io.write(try(x.to, x, "cl"), "\n", try(x.to, x, "cl"), alive())]]))
end)

test("without a library of that name the error says what APSIS_CL_LIBRARY is for", function()
  local output = program.sh("APSIS_CL_LIBRARY=/nowhere/libOpenCL.so " .. quote(program.path) ..
    [[ -e "print(pcall(function() return require('apsis').ones(1):to('cl') end))" 2>&1]])
  says("false.*no device 'cl': APSIS_CL_LIBRARY is '/nowhere/libOpenCL.so', which cannot be opened", output)
end)

test("two devices at once: tensors stay apart, copies go across, mixing them is an error", function()
  local text = with_faults("", [[
if #ap.cl.devices() < 2 then io.write("one device only") return end
local x = ap.arange(1, 1000, 1, {dtype = "f32"})
local a, b = x:to("cl:1"), (x * 2):to("cl:2")
assert(a.device == "cl:1" and b.device == "cl:2")
assert((a + 1).device == "cl:1" and (b + 1).device == "cl:2")
assert((a:to("cl:2") + b).device == "cl:2")
io.write(("%.0f %.0f %.0f\n"):format((a:to("cl:2") + b):sum():item(), a:sum():item(), b:to("cl:1"):sum():item()))
local c = ap.zeros(1000, {device = "cl:1"})
c:copy_(b)
io.write(("%.0f\n"):format(c:sum():item()))
local w = ap.ones(1000, {device = "cl:1"}):requires_grad_();
((w * a):to("cl:2") * b):sum():backward()
io.write(w.grad.device, " ", tostring(w.grad:to("cpu"):eq(x * x * 2):all():item()), "\n")
assert(ap.cl.memory("cl:1").live > 0 and ap.cl.memory("cl:2").live > 0)
io.write(try(function() return a + b end), alive())]], "POCL_DEVICES='basic pthread'")
  says("^1501500 500500 1001000\n1001000\ncl:1 true\n.*add: tensors on cl:1 and cl:2", text)
  says(" alive$", text)
end)
