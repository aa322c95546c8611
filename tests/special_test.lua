--- Special functions over hard ranges against values of 50 digits (tests/golden/special.py); every dtype and layout is
--- in ops_test.lua, gradients in autograd_test.lua.

local ap = require "apsis"

local values = golden "special"

-- Relative errors of f64: to the value, or to the largest value nearby where a function oscillates. The polynomials'
-- grow with the degree, here up to 301.
local TOLERANCE = {igamma = 1e-12, igammac = 1e-12, modified_bessel_k0 = 5e-15, modified_bessel_k1 = 5e-15,
  scaled_modified_bessel_k0 = 5e-15, scaled_modified_bessel_k1 = 5e-15, airy_ai = 5e-15}
local OSCILLATES, POLYNOMIAL = 5e-15, 3e-13

local names = {}
for key in pairs(values) do names[#names + 1] = key:match "^(.*)%.y$" end
table.sort(names)

local function computed(name, dtype)
  local x = values[name .. ".x"]:to(dtype)
  local first, second = values[name .. ".a"], values[name .. ".n"]
  if first then return ap[name](first:to(dtype), x) end
  return (ap[name] or ap.special[name])(x, second and second:to(dtype))
end

for _, name in ipairs(names) do
  test(name .. " is right over hard ranges", function()
    local y, size = values[name .. ".y"], values[name .. ".size"]
    local rtol = TOLERANCE[name] or name:find "polynomial" and POLYNOMIAL or OSCILLATES
    local got = computed(name, "f64")
    if size then
      close((got - y) / size, ap.zeros_like(y), {atol = rtol})
    else
      close(got, y, {rtol = rtol})
    end
  end)
end

test("what PyTorch says of arguments at the ends holds", function()
  local inf, nan = math.huge, 0 / 0
  local function of(name, ...)
    local x = {...}
    for k, v in ipairs(x) do x[k] = ap.tensor(v, {dtype = "f64"}) end
    return ap[name](table.unpack(x)):item()
  end
  close({of("igamma", 0, 1), of("igamma", 1, 0), of("igamma", 2, inf), of("igamma", inf, 2)}, {1, 0, 1, 0})
  close({of("igammac", 0, 1), of("igammac", 1, 0), of("igammac", 2, inf), of("igammac", inf, 2)}, {0, 1, 0, 1})
  for _, name in ipairs {"igamma", "igammac"} do
    close({of(name, 0, 0), of(name, -1, 1), of(name, 1, -1), of(name, inf, inf)}, {nan, nan, nan, nan})
  end
  close({of("bessel_y0", 0), of("bessel_y1", 0), of("bessel_y0", -1)}, {-inf, -inf, nan})
  close({of("modified_bessel_k0", 0), of("modified_bessel_k1", -1), of("modified_bessel_k1", inf)}, {inf, nan, 0})
  close({of("bessel_j0", inf), of("bessel_j1", -inf), of("airy_ai", inf), of("airy_ai", -inf)}, {0, 0, 0, 0})
  close({of("legendre_polynomial_p", 0.5, -1), of("legendre_polynomial_p", 0.5, 2.9)}, {0, -0.125})
  close({of("legendre_polynomial_p", 0.5, 1e9), of("hermite_polynomial_h", 0.5, inf)}, {nan, nan})
end)

test("special has PyTorch's names for them", function()
  local x = ap.tensor {0.5, 2}
  equal(ap.special.gammainc(x, 1), ap.igamma(x, 1))
  equal(ap.special.gammaincc(x, 1), ap.igammac(x, 1))
  equal(ap.special.modified_bessel_i0(x), ap.i0(x))
  equal(ap.special.bessel_j1(x), x:bessel_j1())
end)

test("a polynomial's gradient asks for a degree that is a number", function()
  local x = ap.tensor({0.5}, {requires_grad = true})
  raises("legendre_polynomial_p: no gradient where the degree is a tensor", function()
    ap.legendre_polynomial_p(x, ap.tensor {2}):sum():backward()
  end)
end)
