--- Every family of kernels under oclgrind, which simulates a device and reports accesses out of bounds and data races.
--- (Its library is opened by name: preloaded, it would not meet the calls of a dlopen.)

local program = require "support.program"

local LIBRARY
for _, path in ipairs {"/usr/lib/oclgrind/liboclgrind-rt.so", "/usr/local/lib/oclgrind/liboclgrind-rt.so"} do
  local f = io.open(path)
  if f then
    f:close()
    LIBRARY = path
  end
end
if not LIBRARY then
  print("cl_oclgrind_test: not run: oclgrind is not installed")
  return
end

local OPTIONS = "OCLGRIND_DATA_RACES=1 OCLGRIND_CHECK_API=1 OCLGRIND_MAX_ERRORS=20 APSIS_CL_FLAGS=-cl-opt-disable"

local function under_oclgrind(script)
  local folder = program.tmpdir()
  return program.sh(("%s APSIS_CL_LIBRARY=%s XDG_CACHE_HOME=%s %s %s 2>&1"):format(OPTIONS, LIBRARY,
    program.quote(folder), program.quote(program.path), program.quote(script)))
end

test("no kernel reads or writes out of bounds or races", function()
  local output, status = under_oclgrind(program.root .. "/tests/support/cl_walk.lua")
  equal(output:match "^walked %d+\n$" and "clean" or output:sub(1, 4000), "clean")
  equal(status, 0)
end)
