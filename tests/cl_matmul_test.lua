--- Matrix products on OpenCL as GPUs compute them, on PoCL: in tiles, with slices of k, and by the kernel for NVIDIA's
--- tensor cores with the instruction emulated. tests/run.lua --device cl runs matmul_test with the kernels for CPUs.

local ap = require "apsis"
local program = require "support.program"

if not ap.cl.is_available() then return end -- cl_test says so

local function run(script, tune)
  local output, status = program.run_script(script, "APSIS_CL_TUNE=" .. tune)
  truth(status == 0, output)
  return output
end

-- Every way to read a tile, whole and cut ones, batches, beta, against f64 on the CPU.
local CHECK = [[
local ap = require "apsis"
ap.manual_seed(5)
local function near(what, got, a, b, tolerance)
  local expected = a:to("f64"):matmul(b:to("f64"))
  local scale = a:to("f64"):abs():matmul(b:to("f64"):abs())
  local worst = ((got:to("cpu"):to("f64") - expected):abs() / (scale + 1e-30)):max():item()
  assert(worst <= tolerance, what .. ": error " .. worst)
end
-- brief: row by row only, for what compiles long.
function check(dtype, sizes, tolerance, brief)
  for _, s in ipairs(sizes) do
    local m, n, k = s[1], s[2], s[3]
    local a, b = ap.randn(m, k):to(dtype), ap.randn(k, n):to(dtype)
    local x, y = a:to("cl"), b:to("cl")
    local xt, yt = a:t():contiguous():to("cl"):t(), b:t():contiguous():to("cl"):t()
    local shape = dtype .. " " .. table.concat(s, "x")
    near(shape .. " nn", x:matmul(y), a, b, tolerance)
    if brief then goto next end
    near(shape .. " nt", x:matmul(yt), a, b, tolerance)
    near(shape .. " tn", xt:matmul(y), a, b, tolerance)
    near(shape .. " tt", xt:matmul(yt), a, b, tolerance)
    if k > 3 then
      near(shape .. " views", x:narrow(2, 2, k - 1):matmul(y:narrow(1, 2, k - 1)), a:narrow(2, 2, k - 1),
        b:narrow(1, 2, k - 1), tolerance)
    end
    ::next::
  end
  if brief then return end
  local a, b = ap.randn(3, 40, 24):to(dtype), ap.randn(3, 24, 36):to(dtype)
  near(dtype .. " batch", a:to("cl"):matmul(b:to("cl")), a, b, tolerance)
  near(dtype .. " one right side", a:to("cl"):matmul(b[1]:to("cl")), a, b[1], tolerance)
  near(dtype .. " transposed batch", a:to("cl"):transpose(1, 2):contiguous():transpose(1, 2):matmul(b:to("cl")), a, b,
    tolerance)
end
]]

test("the tiles of GPUs agree with the CPU for any shape and stride, with slices of k", function()
  equal(run(CHECK .. [[
check("f32", {{128, 128, 64}, {130, 140, 33}, {5, 7, 3}, {1, 200, 50}, {64, 64, 2100}}, 3e-7)
check("f64", {{70, 65, 40}}, 1e-15)
check("f16", {{70, 65, 40}}, 1e-3)
io.write("agree")]], "gpu"), "agree")
end)

test("the kernel for tensor cores agrees with the CPU: halves, and tf32 where it is allowed", function()
  equal(run(CHECK .. [[
assert(ap.cl.info().tensor_cores)
local sizes = {{128, 128, 64}, {256, 136, 96}, {130, 140, 33}, {33, 47, 5}}
check("f16", sizes, 1e-3)
check("bf16", {{128, 128, 64}, {130, 140, 33}}, 8e-3, true)
local x = ap.full({64, 64}, 1 + 2^-12, {device = "cl"})
local eye = ap.eye(64):to("cl")
assert(x:matmul(eye)[1][1]:item() == 1 + 2^-12)     -- full f32, unless
assert(ap.get_float32_matmul_precision() == "highest")
ap.set_float32_matmul_precision("high")
assert(x:matmul(eye)[1][1]:item() == 1)             -- tf32 rounds to ten bits
check("f32", {{128, 128, 64}, {130, 140, 33}}, 1.2e-3, true)
ap.set_float32_matmul_precision("highest")
assert(x:matmul(eye)[1][1]:item() == 1 + 2^-12)
local w = ap.randn(40, 50):to("f16"):to("cl"):requires_grad_()
local y = ap.randn(60, 40):to("f16"):to("cl"):matmul(w)
y:sum():backward()
assert(w.grad.dtype == "f16" and w.grad.device == "cl:1")
io.write("agree")]], "gpu,mma"), "agree")
end)

test("set_float32_matmul_precision takes PyTorch's names", function()
  raises("set_float32_matmul_precision: expected 'highest', 'high' or 'medium', got 'low'", function()
    ap.set_float32_matmul_precision("low")
  end)
end)
