--- The test runner: build/apsis tests/run.lua [-k PATTERN] [-v] [--device NAME] [FILE...]
-- Runs the files named, or every tests/*_test.lua and those of ON_CL once more on OpenCL. What a test file may
-- use is in tests/support/check.lua. With --device the tensors that tests create lie on that device
-- (tests/support/device.lua).
-- The last line reads "N passed, N failed"; the exit status is 1 when a test failed or none ran.

local folder = (arg and arg[0] or "tests/run.lua"):match("^(.*)/[^/]*$") or "."
package.path = folder .. "/?.lua;" .. folder .. "/support/?.lua;" .. package.path
local check = require "support.check"
local clock = require "apsis.core".clock

-- The files of ops that run on OpenCL too, with the same golden values, in processes of their own beside this one: a
-- first run compiles some thousand kernels. The other files test what has no device: files, the command line, printing.
local ON_CL = {
  {"ops", "special", "optim", "nn", "norm", "loss", "arithmetic", "shape",
    "distributions", "autograd", "index"},
  {"conv", "reduce", "statistics", "join", "matmul", "linalg", "einsum", "random", "fft", "opinfo",
    "hostile"},
}

local function usage(message)
  io.stderr:write(message, "\nusage: apsis tests/run.lua [-k PATTERN] [-v] [--device NAME] [FILE...]\n")
  os.exit(1)
end

local function arguments()
  local files, pattern, verbose, device = {}, nil, false, nil
  local i = 1
  while arg[i] do
    if arg[i] == "-k" then
      i = i + 1
      pattern = arg[i] or usage("run: -k needs a Lua pattern that test names match")
    elseif arg[i] == "--device" then
      i = i + 1
      device = arg[i] or usage("run: --device needs a device, such as cl")
      require("support.device").install(device)
    elseif arg[i] == "-v" then
      verbose = true
    elseif arg[i]:sub(1, 1) == "-" then
      usage("run: unknown option " .. arg[i])
    else
      files[#files + 1] = arg[i]
    end
    i = i + 1
  end
  return files, pattern, verbose, device
end

local function all_test_files()
  local files = {}
  local listing <close> = assert(io.popen("LC_ALL=C ls '" .. folder .. "'/*_test.lua"))
  for name in listing:lines() do files[#files + 1] = name end
  return files
end

local passed, failed = 0, 0

local function report(file, name, failure)
  failed = failed + 1
  print(("FAIL %s: %s\n  %s"):format(file, name, (failure:gsub("\n", "\n  "))))
end

-- Text of whatever a test raised: a failed check says where, anything else comes with its traceback.
local function describe(e)
  if type(e) == "table" and e.check then return e.check end
  return debug.traceback("error: " .. tostring(e), 2)
end

local function run_file(file, pattern, verbose)
  local tests = {}
  local started = clock()
  check.begin(file, folder, function(name, f) tests[#tests + 1] = {name = name, f = f} end)
  local chunk, message = loadfile(file)
  if not chunk then
    report(file, "the file loads", message)
    return
  end
  local ok, failure = xpcall(chunk, describe)
  if not ok then report(file, "the file loads", failure) end
  local ran, before = 0, failed
  for _, t in ipairs(tests) do
    if not pattern or t.name:find(pattern) then
      ran = ran + 1
      local good, why = xpcall(t.f, describe)
      check.end_test()
      if good then
        passed = passed + 1
        if verbose then print("ok   " .. t.name) end
      else
        report(file, t.name, why)
      end
    end
  end
  if ran > 0 or failed > before then
    print(("%-40s %4d tests  %6.2f s%s"):format(file:match("[^/]*$"), ran, clock() - started,
      failed > before and ("   %d FAILED"):format(failed - before) or ""))
    io.stdout:flush()
  end
end

-- Starts the second run of a group of files; its output is read at the end.
local function start_on_cl(group, pattern, verbose)
  local program = require "support.program"
  local words = {program.path, folder .. "/run.lua", "--device", "cl"}
  if verbose then words[#words + 1] = "-v" end
  if pattern then
    words[#words + 1] = "-k"
    words[#words + 1] = pattern
  end
  for _, name in ipairs(group) do words[#words + 1] = folder .. "/" .. name .. "_test.lua" end
  for i, word in ipairs(words) do words[i] = program.quote(word) end
  return assert(io.popen(table.concat(words, " ") .. " 2>&1"))
end

-- Prints what a second run printed, but for its last line, which is added to this run's.
local function finish_on_cl(pipe)
  local more, bad
  for line in pipe:lines() do
    local n, m = line:match "^(%d+) passed, (%d+) failed$"
    if n then
      more, bad = math.tointeger(n), math.tointeger(m)
    else
      print(line)
      io.stdout:flush()
    end
  end
  pipe:close()
  if not more then return report("tests/run.lua", "the run on cl ends", "it stopped before its last line") end
  passed, failed = passed + more, failed + bad
end

local files, pattern, verbose, device = arguments()
local second = {}
if #files == 0 then
  files = all_test_files()
  -- Where there is no device, cl_test fails and says what is missing.
  if not device and require("apsis").cl.is_available() then
    for i, group in ipairs(ON_CL) do second[i] = start_on_cl(group, pattern, verbose) end
  end
end
check.install()
for _, file in ipairs(files) do run_file(file, pattern, verbose) end
check.cleanup()
if #second > 0 then print "on cl:" end
for _, pipe in ipairs(second) do finish_on_cl(pipe) end
if passed + failed == 0 then print "no test ran" end
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and passed > 0, true)
