-- The processor, the threads and --version.
local ap = require "apsis"

local program = arg[-1]

test("cpu_info: names the processor, the instruction set and the kernels of BLIS", function()
  local info = ap.cpu_info()
  assert(#info.model > 0)
  assert(({base = true, avx2 = true, avx512 = true})[info.isa], info.isa)
  assert(info.blis_version:match "^%d+%.%d+", info.blis_version)
  assert(({blis = true, apsis = true, user = true})[info.blis_chosen_by], info.blis_chosen_by)
  equal(info.threads, ap.get_num_threads())
  if info.isa ~= "base" and info.blis_chosen_by ~= "user" then assert(info.blis_kernels ~= "generic") end
end)

test("set_num_threads: holds until the next, and products come out the same", function()
  local before = ap.get_num_threads()
  local a = (ap.arange(300 * 300) * 0.37):to("f32"):sin():reshape(300, 300)
  local y = a:matmul(a)
  for _, n in ipairs {1, 2, 3, 4} do
    ap.set_num_threads(n)
    equal(ap.get_num_threads(), n)
    close(a:matmul(a), y, {atol = 1e-4})
  end
  ap.set_num_threads(before)
end)

test("set_num_threads: refuses what is no number of threads", function()
  local before = ap.get_num_threads()
  for _, n in ipairs {0, -1, 1 << 40} do
    raises("set_num_threads: expected 1%.%.%d+ threads on this machine, got %-?%d+", ap.set_num_threads, n)
  end
  raises("set_num_threads: argument 1", ap.set_num_threads, 1.5)
  raises("set_num_threads: argument 1", ap.set_num_threads, "two")
  equal(ap.get_num_threads(), before)
end)

local function output(command)
  local pipe <close> = assert(io.popen(command))
  return pipe:read "a"
end

test("--version: Apsis, Lua, BLIS and its kernels, OpenCL, threads", function()
  local text, info = output(("OMP_NUM_THREADS=1 '%s' --version"):format(program)), ap.cpu_info()
  for _, want in ipairs {"Apsis    %d+%.%d+", "Lua      .*5%.4", "BLIS     %d+%.%d+", "kernels " .. info.blis_kernels,
                         "kernels " .. info.isa, "OpenCL   ", "threads  1\n"} do
    assert(text:find(want), want .. " is missing in:\n" .. text)
  end
end)

test("BLIS_ARCH_TYPE: the user's choice of kernels stands", function()
  if ap.cpu_info().isa == "base" then return end
  local HASWELL = 3
  local text = output(("BLIS_ARCH_TYPE=%d '%s' -e 'local i = require(\"apsis\").cpu_info() print(i.blis_kernels, " ..
    "i.blis_chosen_by)'"):format(HASWELL, program))
  equal((text:gsub("%s+", " ")), "haswell user ")
end)
