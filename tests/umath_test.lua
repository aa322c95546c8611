--- NumPy's accuracy set (tests/golden/umath.py): every float32 row within the units in the last place that it states,
--- on every instruction set that the program can choose.

local ap = require "apsis"
local program = require "support.program"

local rows = golden "umath"
local names = {}
for key in pairs(rows) do names[#names + 1] = key end
table.sort(names)

for _, key in ipairs(names) do
  local name, ulp = key:match "^(%w+)%.(%d+)$"
  test(("%s: NumPy's rows within %d ulp"):format(name, ulp), function()
    local x, y = rows[key]:select(2, 1), rows[key]:select(2, 2)
    close(ap[name](x), y, {ulp = tonumber(ulp)})
    close(ap[name](x:contiguous()), y, {ulp = tonumber(ulp), what = "contiguous"})
  end)
end

-- Each instruction set below the one that this process chose, in a process of its own.
if not os.getenv "APSIS_ISA" and not require("support.device").name then
  for _, isa in ipairs {"base", "avx2"} do
    if isa == ap.cpu_info().isa then break end
    test("the same on " .. isa, function()
      local quoted = program.quote
      local output, status = program.sh(("APSIS_ISA=%s %s %s %s 2>&1"):format(isa, quoted(program.path),
        quoted(program.root .. "/tests/run.lua"), quoted(program.root .. "/tests/umath_test.lua")))
      truth(status == 0, output)
      truth(output:find(#names .. " passed, 0 failed", 1, true), output)
    end)
  end
end
